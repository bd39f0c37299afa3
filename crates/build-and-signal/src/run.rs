//! One run, in order: which tag, is its commit checked out, plan, say that it builds, build, read the tag once more, push,
//! read back, say how it ended.

use std::path::{Path, PathBuf};

use action::{Named, Session, TagError, commit_of, named, tag_named, tag_of_version};
use domain::decide::{Flaw, Proof, RevisionPolicy};
use domain::image::{Digest, Host, ImageReference};
use domain::render::reason::wrong;
use domain::repository::CommitSha;
use domain::version::ReleaseTag;
use jiff::Timestamp;
use registry::Glance;
use runner::{Environment, Outputs};
use tokio::sync::watch;
use tokio::time::{Duration, timeout_at};

use crate::buildx::{self, Buildx};
use crate::cache_scope;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::inputs::{BuildResult, Cache, IfExists, Inputs, workspace};
use crate::plan::{Facts, Plan};
use crate::progress::{Progress, Status};
use crate::proof::{Expected, Seen, digest_in, glance_at, prove_all, prove_digest, prove_everywhere};
use crate::sign_in::DockerFolder;
use crate::signal::{Said, Signaller};
use crate::source::checked_out;

/// How long a GitHub that does not answer is waited out before the build.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a registry that does not answer is asked again whether the image is there, before it is built anew.
const GLANCES: u32 = 3;
/// The pause between two of them.
const GLANCE_PAUSE: Duration = Duration::from_secs(5);
/// How long what is left has when the time is up: buildx to end, the registry to show what got through, the builder to go.
const AFTER_BUILDX: Duration = Duration::from_secs(20);
/// How long the registry has of that.
const LAST_GLANCE: Duration = Duration::from_secs(4);

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) status: Status,
    pub(crate) headline: String,
}

impl Ended {
    fn new(status: Status, headline: impl Into<String>) -> Self {
        Self { status, headline: headline.into() }
    }
}

/// What a run works with.
pub(crate) struct Run<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) session: &'a Session,
    pub(crate) inputs: &'a Inputs,
    pub(crate) engine: &'a Engine,
    pub(crate) progress: &'a Progress,
    pub(crate) outputs: &'a Outputs,
    pub(crate) stop: watch::Receiver<bool>,
}

/// The tag that is released, and its commit.
pub(crate) type Release = (ReleaseTag, CommitSha);

impl Run<'_> {
    /// To the end. The end is signalled here; a run that is cancelled signals in `lib`.
    pub(crate) async fn to_the_end(&self) -> Result<Ended, Failure> {
        let Some(release) = self.release().await? else { return self.check_build().await };
        self.progress.known().release = Some(release.clone());
        let (tag, commit) = &release;
        let inputs = self.inputs;
        if inputs.result.is_none() && inputs.push {
            self.same_source(&release)?;
        }
        let plan = self.plan(Some(tag), Some(commit))?;
        if inputs.dry_run {
            return Ok(self.print(&plan));
        }
        if !inputs.push {
            return self.only_build(&plan).await;
        }
        if self.session.event.from_fork && inputs.signal {
            self.progress.console().notice(None, "no signal: the token of a pull request from a fork can only read");
        }
        self.sign_in(&plan).await;
        // buildx is ended by the same limit, in its own way; what is cut here is the asking of the registry and of GitHub.
        let limit = self.session.began + self.inputs.timeout + AFTER_BUILDX;
        let ended = match timeout_at(limit, self.released(&release, &plan)).await {
            Ok(ended) => ended,
            Err(_) => Err(Failure::TimedOut { limit: self.inputs.timeout, pushed: None }),
        };
        if !matches!(ended, Err(Failure::Cancelled)) {
            self.signal_end(&release, &plan, &ended).await?;
        }
        ended.map(|(ended, _)| ended)
    }

    /// The tag, and the commit that it names now. `None` in a build that is not pushed and that nobody named a tag for.
    async fn release(&self) -> Result<Option<Release>, Failure> {
        let session = self.session;
        let bad = |error: TagError| match error {
            TagError::BadInput(why) => Failure::BadInput(why),
            TagError::GitHub(error) => Failure::GitHub(error),
        };
        let (name, source) = match named(self.inputs.tag.as_ref(), &session.runner, &session.event) {
            Named::Tag(name, source) => (name, source),
            Named::Version(version) => return tag_of_version(session, &version, PATIENCE).await.map(Some).map_err(bad),
            Named::Run(_) | Named::Nothing if !self.inputs.push => return Ok(None),
            Named::Run(_) | Named::Nothing => {
                return Err(Failure::BadInput(
                    "`tag`: nothing names one: run on a push of a tag, set the input `tag`, or build without pushing by `push: false`".into(),
                ));
            }
        };
        tag_named(session, (&name, source), PATIENCE).await.map(Some).map_err(bad)
    }

    fn workspace(&self) -> PathBuf {
        workspace(&self.session.runner)
    }

    /// The checkout that is built: the workspace, or what stands below it on the way to the build context (`path` of
    /// actions/checkout). `None` = no folder on that way holds a repository. The outermost counts: what is deeper is a
    /// submodule.
    fn repository(&self) -> Option<PathBuf> {
        let mut folder = self.workspace();
        let context = folder.join(&self.inputs.context);
        // A context elsewhere, such as below `runner.temp`, leads to no other checkout.
        let deeper = context.strip_prefix(&folder).map(Path::to_owned).unwrap_or_default();
        let mut deeper = deeper.components();
        loop {
            if folder.join(".git").exists() {
                return Some(folder);
            }
            folder.push(deeper.next()?);
        }
    }

    /// Nothing is built but the tag's commit.
    fn same_source(&self, (tag, commit): &Release) -> Result<(), Failure> {
        let repository = self.repository();
        let there = match &repository {
            Some(repository) => checked_out(repository),
            None => self.session.runner.sha.clone(),
        };
        match there {
            Some(there) if there != *commit => {
                Err(Failure::WrongSource { checked_out: there, tag: tag.to_string(), commit: commit.clone() })
            }
            Some(_) => Ok(()),
            None if repository.is_some() => Err(Failure::BadInput(
                "the `.git` of the checkout does not say which commit is checked out: use actions/checkout, which keeps references as files".into(),
            )),
            None => Err(Failure::BadInput(
                "nobody says which commit this is: the workspace holds no git repository, and GITHUB_SHA is not set; put a checkout step before this one".into(),
            )),
        }
    }

    /// The tag still names the commit, and that is still checked out.
    async fn same_tag(&self, release: &Release) -> Result<(), Failure> {
        let (tag, commit) = release;
        let moved = |what: String| Failure::TagMoved { tag: tag.to_string(), what };
        match commit_of(self.session, tag, PATIENCE).await? {
            Some(now) if now == *commit => {}
            Some(now) => return Err(moved(format!("moved to {}", now.short()))),
            None => return Err(moved("was deleted".into())),
        }
        self.same_source(release).map_err(|_| moved("is no longer what is checked out".into()))
    }

    fn plan(&self, tag: Option<&ReleaseTag>, commit: Option<&CommitSha>) -> Result<Plan, Failure> {
        let (session, inputs) = (self.session, self.inputs);
        let url = session.repository_url();
        let run_url = session.run_url();
        let offers = |name: &str| self.environment.get(name).is_some();
        let has_cache_service = self.cache_service().iter().all(|name| offers(name));
        if inputs.cache == Cache::Gha && !has_cache_service {
            tracing::info!("no layer cache: this runner offers no cache service; `cache: registry` needs none");
        }
        let plan = Plan::new(
            inputs,
            &Facts {
                repository: &session.repository,
                repository_url: &url,
                tag,
                commit,
                now: whole_seconds(session.github.now()),
                run_url: run_url.as_deref(),
                public: session.event.private == Some(false),
                git_ref: session.runner.git_ref.as_deref(),
                has_cache_service,
            },
        )
        .map_err(|problems| Failure::BadInput(problems.join("; ")))?;
        let mut known = self.progress.known();
        known.images = plan.images.iter().map(ToString::to_string).collect();
        known.version = tag.map(|tag| tag.version().to_owned()).unwrap_or_default();
        known.cache_scope.clone_from(&inputs.cache_scope);
        Ok(plan)
    }

    fn print(&self, plan: &Plan) -> Ended {
        let call = if self.inputs.push { plan.push_call(false) } else { plan.build_call(true) };
        let words =
            call.iter().map(|word| shlex::try_quote(word).map_or_else(|_| "''".into(), std::borrow::Cow::into_owned));
        let command = words.fold("docker buildx".to_owned(), |command, word| format!("{command} {word}"));
        self.progress.console().line(&command);
        for (variable, _) in &plan.secrets {
            self.progress.console().line(&format!("# {variable} holds a secret of the input `secrets`"));
        }
        Ended::new(Status::Announced, "dry run: nothing was built, pushed or signalled")
    }

    /// A build without a tag: nothing is pushed, and nothing is said of it.
    async fn check_build(&self) -> Result<Ended, Failure> {
        let checked_out = self.repository().and_then(|repository| checked_out(&repository));
        let commit = checked_out.or_else(|| self.session.runner.sha.clone());
        let plan = self.plan(None, commit.as_ref())?;
        if self.inputs.dry_run { Ok(self.print(&plan)) } else { self.only_build(&plan).await }
    }

    async fn only_build(&self, plan: &Plan) -> Result<Ended, Failure> {
        self.sign_in(plan).await;
        let folder = self.docker_folder(plan).await?;
        let mut buildx = self.buildx(plan, &folder);
        let built = buildx.call("buildx build", &plan.build_call(true)).await;
        buildx.clean_up().await;
        built?.map_err(|diagnosis| Failure::Build { diagnosis, pushed: None })?;
        Ok(Ended::new(Status::Built, "built; nothing is pushed, as `push` is false"))
    }

    async fn sign_in(&self, plan: &Plan) {
        self.session.sign_in(plan.images.iter().map(ImageReference::host)).await;
    }

    /// Who signs in where: the hosts of the image, and those that `registry-auth` names, for base images.
    async fn docker_folder(&self, plan: &Plan) -> Result<DockerFolder, Failure> {
        let named = self.session.connection.registry_auth.iter().map(|line| &line.host);
        // Base images of the same owner stand there too.
        let ghcr: Option<Host> = "ghcr.io".parse().ok();
        let mut hosts: Vec<&Host> = Vec::new();
        for host in plan.images.iter().chain(&plan.cache_image).map(ImageReference::host).chain(&ghcr).chain(named) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let mut logins = Vec::new();
        for host in hosts {
            logins.extend(self.session.login(host).await.map(|login| (host.clone(), login)));
        }
        let inherited = self.environment.get("DOCKER_CONFIG").map(Path::new);
        let certificates = self.session.connection.certificates.as_deref();
        DockerFolder::write(inherited, &logins, certificates).map_err(Failure::NoFolder)
    }

    fn buildx(&self, plan: &Plan, folder: &DockerFolder) -> Buildx<'_> {
        let mut environment = buildx::environment(self.environment, &self.inputs.build_args);
        // The builders that setup-buildx made are known to its configuration; ours holds none.
        if let (Some(config), None) = (self.environment.get("DOCKER_CONFIG"), self.environment.get("BUILDX_CONFIG")) {
            environment.insert("BUILDX_CONFIG".into(), format!("{config}/buildx"));
        }
        // There is no git in the image; the labels say which commit it is.
        environment.entry("BUILDX_GIT_INFO".into()).or_insert_with(|| "false".into());
        environment.insert("DOCKER_CONFIG".into(), folder.path().display().to_string());
        if plan.reads_cache_service {
            let offered = self.cache_service().map(|name| Some((name, self.environment.get(name)?)));
            environment.extend(offered.into_iter().flatten().map(|(name, value)| (name.into(), value.into())));
            if !self.is_enterprise_server() {
                // The runner says so to JavaScript actions alone (actions/runner, `NodeScriptActionHandler.cs`); without it
                // buildx asks the service that was switched off (GitHub changelog, 2025-04-15).
                environment.insert("ACTIONS_CACHE_SERVICE_V2".into(), "true".into());
            }
        }
        if let Some(folders) = folder.certificates(self.environment.get("SSL_CERT_DIR")) {
            environment.insert("SSL_CERT_DIR".into(), folders);
        }
        environment.extend(plan.secrets.iter().cloned());
        Buildx {
            engine: self.engine,
            console: self.progress.console().clone(),
            environment,
            folder: self.workspace(),
            stop: self.stop.clone(),
            deadline: self.session.began + self.inputs.timeout,
            timeout: self.inputs.timeout,
            retries: self.inputs.retries,
            builder_name: builder_name(self.session.run_url().as_deref(), self.inputs.service.as_str()),
            made_builder: None,
        }
    }

    /// What the runner says of its cache service, by variable (moby/buildkit, "GitHub Actions cache"). GitHub Enterprise
    /// Server has the older service alone, at an address of its own.
    fn cache_service(&self) -> [&'static str; 2] {
        let address = if self.is_enterprise_server() { "ACTIONS_CACHE_URL" } else { "ACTIONS_RESULTS_URL" };
        ["ACTIONS_RUNTIME_TOKEN", address]
    }

    /// `ghe.com` is GitHub Enterprise Cloud.
    fn is_enterprise_server(&self) -> bool {
        let server = &self.session.server_url;
        server != "https://github.com" && !server.ends_with(".ghe.com")
    }

    /// Everything between the plan and the end that is signalled.
    async fn released(&self, release: &Release, plan: &Plan) -> Result<(Ended, Said), Failure> {
        if self.inputs.result.is_some() {
            self.due(release);
        }
        match self.inputs.result {
            None => {
                if let Some(proof) = self.is_there(release, plan).await? {
                    let headline = format!("{} is there, of {}: nothing is built", plan.images[0], release.1.short());
                    return Ok((Ended::new(Status::Verified, headline), Said::Success(proof)));
                }
                self.announce(release).await?;
                let proof = self.build_and_push(release, plan).await?;
                let headline = format!("built, pushed and proven: {}@{}", plan.images[0], proof.digest);
                Ok((Ended::new(Status::Built, headline), Said::Success(proof)))
            }
            Some(BuildResult::Pending) => {
                self.announce(release).await?;
                Ok((Ended::new(Status::Announced, "announced: it builds"), Said::Pending))
            }
            Some(BuildResult::Success) => {
                let digest = self.inputs.digest.as_ref();
                // An image that names no commit is that of this build only where somebody names its digest.
                let revision = if digest.is_some() { RevisionPolicy::Auto } else { RevisionPolicy::Require };
                let expected = Expected { digest, revision, ..self.expected(&plan.images, release) };
                let proof = prove_all(self.session, expected).await.map_err(|why| {
                    let next = if why.contains("names no revision") && digest.is_none() {
                        "; let its build set that label, or give the digest that it pushed in `digest`"
                    } else {
                        ""
                    };
                    Failure::NotProven(format!("its build ended well, but {why}{next}"))
                })?;
                let headline = format!("proven: {}@{}", plan.images[0], proof.digest);
                self.progress.known().proof = Some(proof.clone());
                Ok((Ended::new(Status::Verified, headline), Said::Success(proof)))
            }
            Some(BuildResult::Failure) => {
                let there = self.tags_of_commit(release, &plan.images).await;
                let class = if there.is_empty() { "its build failed" } else { "pushed, then failed" };
                Ok((Ended::new(Status::Failed, class), Said::Failure(class.into())))
            }
            Some(BuildResult::Cancelled) => {
                Ok((Ended::new(Status::Cancelled, "its build was cancelled"), Said::Error("cancelled".into())))
            }
            Some(BuildResult::Skipped) => {
                Ok((Ended::new(Status::Failed, "its build was skipped"), Said::Error("skipped".into())))
            }
        }
    }

    /// What an image that we built must be: it names the commit, as we always set that label.
    fn expected<'a>(&'a self, images: &'a [ImageReference], release: &'a Release) -> Expected<'a> {
        let platforms = self.inputs.platforms.as_deref().unwrap_or_default();
        Expected { images, platforms, digest: None, commit: &release.1, revision: RevisionPolicy::Require }
    }

    /// The proof of an image of this commit that stands under every tag already. A further tag that is missing is added to it.
    async fn is_there(&self, release: &Release, plan: &Plan) -> Result<Option<Proof>, Failure> {
        if self.inputs.if_exists == IfExists::Rebuild {
            return Ok(None);
        }
        let mut seen = glance_at(self.session, &plan.images).await;
        for _ in 0..GLANCES {
            if !seen.iter().any(|seen| matches!(seen.glance, Glance::Unreachable { .. })) {
                break;
            }
            tokio::time::sleep(GLANCE_PAUSE).await;
            seen = glance_at(self.session, &plan.images).await;
        }
        // What nobody can tell is not built anew: that would move a digest that may be released already.
        let unknown = |why: &str| {
            Err(Failure::NotProven(format!(
                "it cannot be told whether the image is there already: {why}; run this job again, or build it anew by `if-exists: rebuild`"
            )))
        };
        if let Some(Glance::Unreachable { why }) =
            seen.iter().map(|seen| &seen.glance).find(|glance| matches!(glance, Glance::Unreachable { .. }))
        {
            return unknown(why);
        }
        let Some(digest) = seen.first().and_then(Seen::digest) else { return Ok(None) };
        if seen.iter().any(|seen| matches!(seen.glance, Glance::Denied { .. })) {
            return Ok(None);
        }
        // A further tag that is missing, or names another image, is brought to this one: nothing is built for that.
        let (there, missing): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|seen| seen.digest() == Some(digest));
        let [there, missing] =
            [there, missing].map(|tags| tags.into_iter().map(|seen| seen.image.clone()).collect::<Vec<_>>());
        let expected = self.expected(&there, release);
        let proof = match prove_everywhere(self.session, digest, expected).await {
            Ok(Some(proof)) => proof,
            Err((image, flaw @ (Flaw::Unreachable(_) | Flaw::Denied(_)))) => {
                return unknown(&format!("{image}: {}", wrong(&flaw)));
            }
            // What is broken in one registry alone is mended by a build, too.
            Ok(None) | Err(_) => return Ok(None),
        };
        self.due(release);
        if !missing.is_empty() {
            self.add_tags(release, plan, (&seen, &missing), digest).await?;
        }
        // Every tag of the plan, whoever pushed it.
        let expected = Expected { images: &plan.images, digest: Some(digest), ..expected };
        prove_all(self.session, expected).await.map_err(Failure::NotProven)?;
        self.progress.known().proof = Some(proof.clone());
        Ok(Some(proof))
    }

    async fn add_tags(
        &self,
        release: &Release,
        plan: &Plan,
        (before, missing): (&[Seen], &[ImageReference]),
        digest: &Digest,
    ) -> Result<(), Failure> {
        self.same_tag(release).await?;
        let folder = self.docker_folder(plan).await?;
        let mut arguments: Vec<String> =
            ["imagetools", "create", "--prefer-index=false"].map(ToOwned::to_owned).to_vec();
        arguments.extend(missing.iter().flat_map(|image| ["--tag".to_owned(), image.to_string()]));
        arguments.push(plan.images[0].pinned(digest.clone()).to_string());
        let added = self.buildx(plan, &folder).call("buildx imagetools create", &arguments).await?;
        if let Err(diagnosis) = added {
            let pushed = self.what_was_pushed(release, before, missing).await;
            return Err(Failure::Build { diagnosis, pushed });
        }
        self.progress.known().pushed = true;
        Ok(())
    }

    async fn build_and_push(&self, release: &Release, plan: &Plan) -> Result<Proof, Failure> {
        self.warn_of_cold_cache(plan);
        let folder = self.docker_folder(plan).await?;
        let mut buildx = self.buildx(plan, &folder);
        let pushed = self.build_then_push(release, plan, &folder, &mut buildx).await;
        buildx.clean_up().await;
        let digest = pushed?;
        let expected = Expected { digest: digest.as_ref(), ..self.expected(&plan.images, release) };
        let proof = prove_all(self.session, expected)
            .await
            .map_err(|why| Failure::NotProven(format!("buildx pushed without an error, but {why}")))?;
        self.progress.known().proof = Some(proof.clone());
        Ok(proof)
    }

    /// Gives the digest that buildx says it pushed.
    async fn build_then_push(
        &self,
        release: &Release,
        plan: &Plan,
        folder: &DockerFolder,
        buildx: &mut Buildx<'_>,
    ) -> Result<Option<Digest>, Failure> {
        let built = buildx.call("buildx build", &plan.build_call(false)).await?;
        built.map_err(|diagnosis| Failure::Build { diagnosis, pushed: None })?;
        let before = glance_at(self.session, &plan.images).await;
        self.same_tag(release).await?;
        let metadata = folder.path().join("metadata.json");
        let mut push = plan.push_call(true);
        push.splice(1..1, ["--metadata-file".to_owned(), metadata.display().to_string()]);
        match buildx.call("buildx build --push", &push).await {
            Ok(Ok(())) => self.progress.known().pushed = true,
            Ok(Err(diagnosis)) => {
                let pushed = self.what_was_pushed(release, &before, &plan.images).await;
                return Err(Failure::Build { diagnosis, pushed });
            }
            Err(Failure::TimedOut { limit, .. }) => {
                let pushed = self.what_was_pushed(release, &before, &plan.images);
                let pushed = tokio::time::timeout(LAST_GLANCE, pushed).await.unwrap_or_default();
                return Err(Failure::TimedOut { limit, pushed });
            }
            Err(failure) => return Err(failure),
        }
        Ok(digest_in(&metadata))
    }

    /// After a push of `images` that failed: which of them are there all the same, and were not before. `None` = none.
    async fn what_was_pushed(&self, release: &Release, before: &[Seen], images: &[ImageReference]) -> Option<String> {
        let there = self.tags_of_commit(release, images).await;
        let is_new = |image: &&ImageReference| {
            let was = before.iter().find(|seen| seen.image == **image).and_then(Seen::digest);
            there.iter().any(|(there, digest)| there == *image && was != Some(digest))
        };
        let (new, other): (Vec<&ImageReference>, Vec<&ImageReference>) = images.iter().partition(is_new);
        let pushed = (!new.is_empty()).then(|| {
            let list =
                |images: &[&ImageReference]| images.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let missing = if other.is_empty() { String::new() } else { format!("; not pushed: {}", list(&other)) };
            format!("pushed: {}{missing}", list(&new))
        });
        self.progress.known().pushed = pushed.is_some();
        pushed
    }

    /// Those of `images` that show an image of this commit, with its digest.
    async fn tags_of_commit(&self, release: &Release, images: &[ImageReference]) -> Vec<(ImageReference, Digest)> {
        let mut found = Vec::new();
        for seen in glance_at(self.session, images).await {
            let Some(digest) = seen.digest() else { continue };
            let expected = Expected { platforms: &[], ..self.expected(images, release) };
            match prove_digest(self.session, &seen.image, digest, expected).await {
                Ok(_) => found.push((seen.image.clone(), digest.clone())),
                Err(flaw) => tracing::debug!("{}: {}", seen.image, wrong(&flaw)),
            }
        }
        found
    }

    fn warn_of_cold_cache(&self, plan: &Plan) {
        let scope = &self.inputs.cache_scope;
        let reads_only = (plan.reads_cache_service || plan.cache_image.is_some()) && plan.cache_to.is_empty();
        if reads_only && !cache_scope::is_written(&self.workspace(), scope, self.inputs.service.as_str()) {
            tracing::warn!(
                "the cache scope {scope} is read, and no workflow of a branch writes it, so every release builds cold: build the service on the default branch too, with `cache-scope: {scope}` and `push: false`"
            );
        }
    }

    fn signals(&self) -> bool {
        self.inputs.signal && !self.session.event.from_fork
    }

    /// From now on somebody waits for an end: of this run, or, should it be killed, of its post step.
    fn due(&self, (tag, commit): &Release) {
        let owes = self.signals() && self.inputs.result != Some(BuildResult::Pending);
        self.progress.known().owes_signal = owes;
        let owed = [("owed", "true"), ("tag", tag.as_str()), ("commit", commit.as_str())];
        if owes && let Err(error) = self.outputs.save_state(&owed) {
            tracing::warn!("cannot {error}");
        }
    }

    /// Says that it builds, before anything is built, so that a token that may not say so fails at once.
    async fn announce(&self, release: &Release) -> Result<(), Failure> {
        self.due(release);
        if !self.signals() {
            return Ok(());
        }
        let url = self.signaller(release).write_status(&Said::Pending).await?;
        self.progress.known().signal_url = url;
        Ok(())
    }

    pub(crate) fn signaller<'a>(&'a self, release: &'a Release) -> Signaller<'a> {
        Signaller { session: self.session, service: &self.inputs.service, tag: &release.0, commit: &release.1 }
    }

    /// Says how it ended, by status and by dispatch.
    async fn signal_end(
        &self,
        release: &Release,
        plan: &Plan,
        ended: &Result<(Ended, Said), Failure>,
    ) -> Result<(), Failure> {
        if *self.stop.borrow() {
            // Whoever cancelled it says so.
            return Ok(());
        }
        let said = match ended {
            Ok((_, said)) => said.clone(),
            // Nothing was announced, and the token may say nothing.
            Err(Failure::GitHub(github::Error::Denied { .. })) if self.progress.known().signal_url.is_empty() => {
                return Ok(());
            }
            Err(failure @ Failure::TagMoved { .. }) => Said::Error(failure.class()),
            Err(failure) => Said::Failure(failure.class()),
        };
        if said == Said::Pending {
            return Ok(());
        }
        if self.signals() {
            self.progress.known().saying_end = true;
            // The post step says the same where this run cannot.
            let (state, description) = said.words();
            if let Err(error) = self.outputs.save_state(&[("end", state), ("description", &description)]) {
                tracing::warn!("cannot {error}");
            }
            let url = self.signaller(release).write_status(&said).await;
            self.progress.known().saying_end = false;
            match (url, ended) {
                (Ok(url), _) => {
                    let mut known = self.progress.known();
                    known.signal_url = url;
                    known.owes_signal = false;
                    drop(known);
                    if let Err(error) = self.outputs.save_state(&[("owed", "false")]) {
                        tracing::warn!("cannot {error}");
                    }
                }
                // The first failure is the one that counts.
                (Err(error), Err(_)) => tracing::error!("cannot {error}"),
                (Err(error), Ok(_)) => return Err(error.into()),
            }
        }
        if let Some(token) = &self.inputs.dispatch_token {
            let sent = self.signaller(release).dispatch(token, &plan.images[0], &said).await;
            match (sent, ended) {
                (Ok(()), _) => {}
                (Err(error), Err(_)) => tracing::error!("cannot {error}"),
                (Err(error), Ok(_)) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// A time as labels show it.
fn whole_seconds(time: Option<Timestamp>) -> Timestamp {
    let time = time.unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A name that no other run on the same daemon has.
fn builder_name(run_url: Option<&str>, service: &str) -> String {
    let run: String = run_url.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    format!("release-actions-{run}-{service}")
}
