//! A stage for scenarios: one simulated world, one tag, and runs of the actions as a runner starts them, in memory and
//! under tokio's paused time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use build_and_signal::Engine;
use runner::{Cancel, Environment};
use serde_json::Value;
use sim::{Access, Carrier, GitHubToken, ImageSpec, RecordedRequest, Release, RunSpec, World};
use transport::{Core, CoreOptions};

/// The token of every run.
pub(crate) const TOKEN: &str = "ghs_0123456789abcdefghij";
/// The six services of the examples.
pub(crate) const SERVICES: [&str; 6] =
    ["api", "web", "indexing-service", "cleaner-service", "metadata-service", "thumbnail-service"];
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// What `ImageSpec`s of a stage hold.
const PLATFORMS: &str = "linux/amd64,linux/arm64";

/// What happens in the world: the repository `octo/shop`, whose tag stands at `commit`. Usable from the timeline.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) tag: String,
    pub(crate) commit: String,
}

impl Scene {
    /// Where a service's image stands.
    pub(crate) fn reference(&self, service: &str) -> String {
        format!("ghcr.io/octo/shop/{service}:{}", self.tag.trim_start_matches('v'))
    }

    /// An image of the tag's commit, as `build-and-signal` pushes it.
    pub(crate) fn image(&self) -> ImageSpec {
        image_of(&self.commit)
    }

    /// Pushes a service's image and gives its digest back.
    pub(crate) fn push(&self, service: &str) -> String {
        self.world.push(&self.reference(service), &self.image())
    }

    /// Writes a status as `build-and-signal` does, from attempt `attempt` of run `run`.
    pub(crate) fn signal(&self, service: &str, state: &str, description: &str, (run, attempt): (u64, u64)) {
        let url = format!("https://github.com/octo/shop/actions/runs/{run}/attempts/{attempt}");
        self.world.status(&self.commit, state, &format!("release/{}/{service}", self.tag), description, &url);
    }

    /// Says that a service's build begins.
    pub(crate) fn pending(&self, service: &str) {
        self.signal(service, "pending", "", (run_of(service), 1));
    }

    /// Says that a service's build failed.
    pub(crate) fn fail(&self, service: &str) {
        self.workflow_run(service, "completed");
        self.signal(service, "failure", "dockerfile: exit code 1", (run_of(service), 1));
    }

    /// Says that `digest` was pushed, in attempt `attempt`.
    pub(crate) fn green(&self, service: &str, digest: &str, attempt: u64) {
        self.signal(service, "success", &format!("{digest} {PLATFORMS}"), (run_of(service), attempt));
    }

    /// Pushes the image of a service and signals success.
    pub(crate) fn build(&self, service: &str) {
        let digest = self.push(service);
        self.green(service, &digest, 1);
    }

    /// Builds it again after a failure: the second attempt of its run.
    pub(crate) fn rebuild(&self, service: &str) {
        let digest = self.push(service);
        self.green(service, &digest, 2);
    }

    /// The workflow run that builds a service, such as `in_progress` or `completed`.
    pub(crate) fn workflow_run(&self, service: &str, status: &str) {
        self.world.workflow_run(RunSpec {
            id: run_of(service),
            path: format!(".github/workflows/release-{service}.yml"),
            head_sha: self.commit.clone(),
            head_branch: Some(self.tag.clone()),
            status: status.into(),
            conclusion: (status == "completed").then(|| "failure".into()),
            ..RunSpec::default()
        });
    }

    /// Plans what happens after some time.
    pub(crate) fn at(&self, when: Duration, effect: impl FnOnce(&Self) + Send + 'static) {
        let scene = self.clone();
        self.world.at(when, move |_| effect(&scene));
    }

    /// The release of the tag.
    pub(crate) fn release(&self) -> Release {
        self.world.release(&self.tag).unwrap()
    }

    /// What people see of all releases: everything but numbers and times, and which one is the latest.
    pub(crate) fn page(&self) -> String {
        let mut pages: Vec<String> = self.world.releases().iter().map(page).collect();
        pages.sort();
        let latest = self.world.latest_release().map(|release| release.tag_name);
        format!("{}\nlatest: {latest:?}", pages.join("\n"))
    }

    /// Its text.
    pub(crate) fn body(&self) -> String {
        self.release().body.unwrap_or_default()
    }

    /// True when nobody made a release, not even a draft.
    pub(crate) fn is_unreleased(&self) -> bool {
        self.world.releases().is_empty()
    }

    /// The state of the world once our draft stands and is not published yet.
    pub(crate) async fn drafted(&self) {
        while self.is_unreleased() {
            tokio::time::sleep(SECOND / 10).await;
        }
    }

    /// Every request so far that changed something on GitHub. Asking for generated notes is a POST that changes nothing.
    pub(crate) fn writes(&self) -> Vec<RecordedRequest> {
        let writes = |request: &RecordedRequest| {
            let reads = request.method == "GET" || request.method == "HEAD";
            request.github && !reads && !request.path_and_query.ends_with("/generate-notes")
        };
        self.world.requests().into_iter().filter(writes).collect()
    }
}

/// An image of a commit, as `build-and-signal` pushes it.
pub(crate) fn image_of(commit: &str) -> ImageSpec {
    ImageSpec::new()
        .platforms(&["linux/amd64", "linux/arm64"])
        .revision(Carrier::IndexAnnotation, commit)
        .revision(Carrier::ConfigLabel, commit)
        .source("https://github.com/octo/shop")
}

fn page(release: &Release) -> String {
    let assets = release.assets.iter().map(|asset| (&asset.name, &asset.state, &asset.content)).collect::<Vec<_>>();
    let Release { tag_name, target_commitish, name, draft, prerelease, immutable, .. } = release;
    format!(
        "{tag_name} at {target_commitish}: {name:?} draft={draft} prerelease={prerelease} immutable={immutable}\n{assets:?}\n{}",
        release.body.as_deref().unwrap_or_default()
    )
}

/// The workflow run that builds a service.
fn run_of(service: &str) -> u64 {
    100 + SERVICES.iter().position(|name| *name == service).unwrap_or(50) as u64
}

/// A scene, and the runner that starts the action in it.
pub(crate) struct Stage {
    scene: Scene,
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    /// How the transport of the last run was to be set up.
    pub(crate) options: RefCell<CoreOptions>,
}

impl Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) exit: u8,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) log: String,
    pub(crate) summary: String,
}

impl Ended {
    /// Holds the end against what is expected of it: the output `status` and the exit code.
    #[track_caller]
    pub(crate) fn is(&self, status: &str, exit: u8) -> &Self {
        assert_eq!((self.output("status"), self.exit), (status, exit), "{}", self.log);
        self
    }

    /// Looks for a text in the log.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.log.contains(text), "no `{text}` in the log:\n{}", self.log);
        self
    }

    /// An output; empty when it was not written.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }

    /// One service's entry in the output `images`.
    #[track_caller]
    pub(crate) fn image(&self, service: &str) -> Value {
        let images: Value = serde_json::from_str(self.output("images")).unwrap();
        let image = images.as_array().unwrap().iter().find(|image| image["service"] == service);
        image.unwrap_or_else(|| panic!("{service} is not listed: {images}")).clone()
    }

    /// The verdict of one service.
    #[track_caller]
    pub(crate) fn verdict(&self, service: &str) -> String {
        self.image(service)["verdict"].as_str().unwrap().into()
    }

    /// Why it has that verdict.
    #[track_caller]
    pub(crate) fn reason(&self, service: &str) -> String {
        self.image(service)["reason"].as_str().unwrap().into()
    }

    /// How long the run waited.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_secs(self.output("waited-seconds").parse().unwrap())
    }
}

impl Stage {
    /// The world, with everything that a tag push of `v1.0.0` brings; no image and no signal yet.
    pub(crate) fn new() -> Self {
        Self::of_tag("v1.0.0")
    }

    /// The same for another tag.
    pub(crate) fn of_tag(tag: &str) -> Self {
        Self::of_tag_at(tag, "2026-11-23T12:00:00Z")
    }

    /// The same at another time.
    pub(crate) fn of_tag_at(tag: &str, time: &str) -> Self {
        let world = World::new(time.parse().unwrap());
        let commit = world.commit(&format!("release {tag}"));
        world.tag(tag, &commit);
        world.token(token());
        let scene = Scene { world, tag: tag.into(), commit };
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Self { scene, folder, variables: BTreeMap::new(), options: RefCell::default() };
        for (name, value) in [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "octo/shop"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_API_URL", "https://api.github.com"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", &format!("refs/tags/{tag}")),
            ("GITHUB_RUN_ID", "900"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_WORKFLOW_REF", &format!("octo/shop/.github/workflows/release-notes.yml@refs/tags/{tag}")),
            ("GITHUB_ACTOR", "alice"),
        ] {
            stage.variable(name, value);
        }
        stage.payload("{}");
        stage.input("token", TOKEN);
        stage.input("lock-file", "images.lock.json");
        stage
    }

    /// The same for these services alone.
    pub(crate) fn with(services: &str) -> Self {
        let mut stage = Self::new();
        stage.input("services", services);
        stage
    }

    /// Another runner of the same world, set up in the same way.
    pub(crate) fn beside(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut stage =
            Self { scene: self.scene.clone(), folder, variables: self.variables.clone(), options: RefCell::default() };
        stage.payload("{}");
        stage
    }

    /// Sets a variable of the environment.
    pub(crate) fn variable(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Sets an input.
    pub(crate) fn input(&mut self, name: &str, value: &str) -> &mut Self {
        self.variable(&format!("INPUT_{}", name.to_uppercase()), value)
    }

    /// Sets an input to the path of a file that holds this text.
    pub(crate) fn file_input(&mut self, name: &str, text: &str) -> &mut Self {
        let path = self.file(name, text);
        self.input(name, &path)
    }

    /// Writes a file for the run, and gives its path back.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Makes a folder for the run, and gives its path back.
    pub(crate) fn folder(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Removes a folder of the run.
    pub(crate) fn remove_folder(&self, name: &str) {
        std::fs::remove_dir_all(self.path(name)).unwrap();
    }

    /// Sets the event and its payload; a tag push is the event unless told. These events run on the default branch.
    pub(crate) fn event(&mut self, name: &str, payload: &str) -> &mut Self {
        self.variable("GITHUB_EVENT_NAME", name);
        self.variable("GITHUB_REF", "refs/heads/main");
        self.payload(payload)
    }

    /// A workflow run of the tag that ended at its commit.
    pub(crate) fn woken_by_run(&mut self) -> &mut Self {
        let (tag, sha) = (self.tag.clone(), self.commit.clone());
        let at = self.world.now();
        self.event(
            "workflow_run",
            &format!(
                r#"{{"workflow_run":{{"id":100,"event":"push","head_branch":"{tag}","head_sha":"{sha}","conclusion":"success","created_at":"{at}","run_attempt":1}}}}"#
            ),
        )
    }

    fn payload(&mut self, payload: &str) -> &mut Self {
        let path = self.path("event.json");
        std::fs::write(&path, payload).unwrap();
        self.variable("GITHUB_EVENT_PATH", &path)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// One run of the action, to its end.
    pub(crate) async fn run(&self) -> Ended {
        self.run_until(std::future::pending()).await
    }

    /// A run whose process is killed as soon as the world has crashed.
    pub(crate) async fn run_until_crash(&self) {
        let crashed = async {
            while self.world.requests().last().is_none_or(|request| request.answered != 0) {
                tokio::time::sleep(SECOND / 10).await;
            }
        };
        tokio::select! {
            _ = self.run() => {}
            () = crashed => {}
        }
    }

    /// One run of the action that somebody cancels when `cancelled` resolves.
    pub(crate) async fn run_until(&self, cancelled: impl Future<Output = ()> + Send + 'static) -> Ended {
        let cancel = Cancel::when(cancelled);
        self.launch(async |environment, core, log| wait_and_release::run(environment, core, log, &cancel).await).await
    }

    /// One run of `build-and-signal`, whose buildx is `engine`, that somebody cancels when `cancelled` resolves.
    pub(crate) async fn build_until(
        &self,
        engine: &Engine,
        cancelled: impl Future<Output = ()> + Send + 'static,
    ) -> Ended {
        let cancel = Cancel::when(cancelled);
        self.launch(async |environment, core, log| build_and_signal::run(environment, core, engine, log, &cancel).await)
            .await
    }

    /// Its post step, with what the main step left behind.
    pub(crate) async fn post_build(&self, state: &BTreeMap<String, String>) -> Ended {
        let mut stage = self.beside();
        for (name, value) in state {
            stage.variable(&format!("STATE_{name}"), value);
        }
        stage.launch(async |environment, core, log| build_and_signal::post(environment, core, log).await).await
    }

    /// One run of a program, with the files that a runner gives it.
    async fn launch<'a>(
        &'a self,
        program: impl AsyncFnOnce(
            &Environment,
            Box<dyn FnOnce(&CoreOptions) -> Result<Core, transport::Error> + 'a>,
            Log,
        ) -> u8,
    ) -> Ended {
        let mut variables = self.variables.clone();
        for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary"), ("GITHUB_STATE", "state")]
        {
            std::fs::write(self.path(file), "").unwrap();
            variables.insert(name.into(), self.path(file));
        }
        let environment: Environment = variables.into_iter().collect();
        let log = Log::default();
        let service = self.world.service();
        let core = |options: &CoreOptions| {
            self.options.borrow_mut().clone_from(options);
            Ok(Core::new(service))
        };
        let exit = program(&environment, Box::new(core), log.clone()).await;
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        Ended { exit, outputs: outputs(&self.read("output")), log, summary: self.read("summary") }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(Path::new(&self.path(file))).unwrap()
    }

    /// What the last run kept for its post step; nothing before the first.
    pub(crate) fn state(&self) -> BTreeMap<String, String> {
        std::fs::read_to_string(self.path("state")).map(|text| outputs(&text)).unwrap_or_default()
    }
}

/// The token of every run, with every permission that the README asks for.
pub(crate) fn token() -> GitHubToken {
    let token = GitHubToken::new(TOKEN).contents(Access::Write).statuses(Access::Read);
    token.actions(Access::Read).packages(Access::Read)
}

/// Reads the entries that the runner reads: `name<<DELIMITER`, lines, `DELIMITER`.
pub(crate) fn outputs(text: &str) -> BTreeMap<String, String> {
    let (mut outputs, mut lines) = (BTreeMap::new(), text.lines());
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}

/// The log, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
