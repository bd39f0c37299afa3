//! What will be built: inputs and facts → names, labels, cache, and the exact arguments of buildx. Pure.
//!
//! There are two calls. The first builds and keeps the result in the builder's cache; the second, after the tag was read once
//! more, finds everything there and pushes. So nothing is pushed when the tag moved meanwhile, a push that is tried again
//! builds nothing again, and a failure belongs to one of the two.

use domain::image::{ImageError, ImageReference, ImageTag, OWN_LABELS, Platform, platform_list};
use domain::repository::{CommitSha, Repository};
use domain::template::Values;
use domain::version::ReleaseTag;
use jiff::Timestamp;

use crate::inputs::{Cache, ExtraTag, Inputs, Provenance};

/// What the plan has to know beside the inputs.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    /// The repository that is built.
    pub(crate) repository: &'a Repository,
    /// The address of its pages, without a trailing `/`.
    pub(crate) repository_url: &'a str,
    /// The tag; `None` in a build that is not pushed.
    pub(crate) tag: Option<&'a ReleaseTag>,
    /// The commit that is built; `None` when nobody knows.
    pub(crate) commit: Option<&'a CommitSha>,
    /// When it is built.
    pub(crate) now: Timestamp,
    /// The page of this attempt of the workflow run, which names the builder in the provenance; `None` outside a runner.
    pub(crate) run_url: Option<&'a str>,
    /// Whether everybody sees the repository.
    pub(crate) public: bool,
    /// The reference that the run is of, such as `refs/heads/main`; `None` outside a runner.
    pub(crate) git_ref: Option<&'a str>,
    /// Whether the runner offers its cache service.
    pub(crate) has_cache_service: bool,
}

/// What will be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The image by each of its tags; the first is the service's own. Empty in a build that is not pushed and has no tag.
    pub(crate) images: Vec<ImageReference>,
    /// The arguments of the call that builds, without those that say where the result goes.
    pub(crate) build: Vec<String>,
    /// What the call that pushes has beside them.
    pub(crate) push: Vec<String>,
    /// What the last call has beside them: where the cache is written.
    pub(crate) cache_to: Vec<String>,
    /// Where the build context is.
    pub(crate) context: String,
    /// The environment of both calls: secrets by the name that the arguments give them.
    pub(crate) secrets: Vec<(String, String)>,
    /// Where a cache beside the image is kept; `None` = it is kept elsewhere, or nowhere.
    pub(crate) cache_image: Option<ImageReference>,
    /// Whether the cache is read from GitHub's cache service.
    pub(crate) reads_cache_service: bool,
}

/// Arguments that would build again what the first call built.
const BUILD_ONLY: [&str; 2] = ["--no-cache", "--no-cache-filter"];

impl Plan {
    /// Makes the plan.
    ///
    /// # Errors
    /// When names make no image reference, or a line asks for what is not known here: all of them.
    pub(crate) fn new(inputs: &Inputs, facts: &Facts<'_>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let images = facts.tag.map(|tag| images(inputs, values(inputs, facts, tag), &mut problems)).unwrap_or_default();
        let words = words(facts);
        let [build_args, labels, annotations] =
            [("build-args", &inputs.build_args), ("labels", &inputs.labels), ("annotations", &inputs.annotations)].map(
                |(name, lines)| lines.iter().map(|line| fill(name, line, &words, &mut problems)).collect::<Vec<_>>(),
            );
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut build = vec!["--file".to_owned(), inputs.dockerfile.display().to_string()];
        let mut option = |name: &str, value: String| build.extend([name.to_owned(), value]);
        if let Some(platforms) = &inputs.platforms {
            option("--platform", platform_list(platforms));
        }
        if let Some(target) = &inputs.target {
            option("--target", target.clone());
        }
        for argument in build_args {
            option("--build-arg", argument);
        }
        inputs.build_contexts.iter().for_each(|context| option("--build-context", context.clone()));
        for (id, path) in &inputs.secret_files {
            option("--secret", format!("id={id},src={}", path.display()));
        }
        let mut secrets = Vec::new();
        for (number, secret) in inputs.secrets.iter().enumerate() {
            let variable = format!("BUILD_SECRET_{number}");
            option("--secret", format!("id={},env={variable}", secret.id));
            secrets.push((variable, secret.value.clone()));
        }
        let own = own_labels(inputs, facts);
        own.iter().chain(&labels).for_each(|label| option("--label", label.clone()));
        let provenance = inputs.provenance.unwrap_or(if facts.public { Provenance::Max } else { Provenance::Min });
        if makes_index(inputs.platforms.as_deref(), provenance, inputs.sbom) {
            own.iter().chain(&annotations).for_each(|pair| option("--annotation", format!("index:{pair}")));
        } else {
            for pair in annotations {
                option("--annotation", format!("manifest:{pair}"));
            }
        }
        let builder = facts.run_url.map(|url| format!(",builder-id={url}")).unwrap_or_default();
        option(
            "--provenance",
            match provenance {
                Provenance::Max => format!("mode=max{builder}"),
                Provenance::Min => format!("mode=min{builder}"),
                Provenance::None => "false".to_owned(),
            },
        );
        if inputs.sbom {
            option("--sbom", "true".to_owned());
        }
        let (cache_from, cache_to) = cache(inputs, facts);
        if let Some(from) = cache_from {
            option("--cache-from", from);
        }
        build.extend(inputs.buildx_args.iter().cloned());
        Ok(Self {
            push: images
                .iter()
                .flat_map(|image| ["--tag".to_owned(), image.to_string()])
                .chain(["--push".to_owned()])
                .collect(),
            images,
            build,
            cache_to: cache_to.into_iter().flat_map(|to| ["--cache-to".to_owned(), to]).collect(),
            context: inputs.context.display().to_string(),
            secrets,
            cache_image: (inputs.cache == Cache::Registry).then(|| cache_image(inputs, facts)).flatten(),
            reads_cache_service: inputs.cache == Cache::Gha && facts.has_cache_service,
        })
    }

    /// The call that builds and keeps the result in the builder. It is the last one when nothing is pushed.
    pub(crate) fn build_call(&self, is_last: bool) -> Vec<String> {
        let cache_to = if is_last { self.cache_to.as_slice() } else { &[] };
        let output = ["--output".to_owned(), "type=cacheonly".to_owned()];
        call(self.build.iter().cloned().chain(output).chain(cache_to.iter().cloned()), &self.context)
    }

    /// The call that pushes what was built. Alone, it builds too.
    pub(crate) fn push_call(&self, built: bool) -> Vec<String> {
        let again =
            |argument: &&String| !(built && BUILD_ONLY.contains(&argument.split('=').next().unwrap_or_default()));
        let build = self.build.iter().filter(again).cloned();
        call(build.chain(self.push.iter().cloned()).chain(self.cache_to.iter().cloned()), &self.context)
    }
}

fn call(arguments: impl Iterator<Item = String>, context: &str) -> Vec<String> {
    ["build".to_owned(), "--progress=plain".to_owned()]
        .into_iter()
        .chain(arguments)
        .chain([context.to_owned()])
        .collect()
}

fn values<'a>(inputs: &'a Inputs, facts: &Facts<'a>, tag: &'a ReleaseTag) -> Values<'a> {
    Values { repository: facts.repository, tag, revision: facts.commit, service: Some(&inputs.service) }
}

/// The words that a line may hold, each up to its end, and what they stand for. Without a tag `{tag}` and `{version}` are the
/// name of the branch, as `github.ref_name` has it.
fn words(facts: &Facts<'_>) -> [(&'static str, Option<String>); 3] {
    let name = facts.git_ref.and_then(|name| name.splitn(3, '/').nth(2));
    // A check build may run for a tag too.
    let version = facts.git_ref.and_then(|name| name.strip_prefix("refs/tags/v")).or(name);
    [
        ("tag}", facts.tag.map(ToString::to_string).or_else(|| name.map(str::to_owned))),
        ("version}", facts.tag.map(ReleaseTag::version).or(version).map(str::to_owned)),
        ("revision}", facts.commit.map(ToString::to_string)),
    ]
}

/// A line with those words filled in; its other braces are its own, as they may be JSON's.
fn fill(input: &str, line: &str, words: &[(&str, Option<String>)], problems: &mut Vec<String>) -> String {
    let (mut filled, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        rest = after;
        let Some((word, value)) = words.iter().find(|(word, _)| after.starts_with(word)) else {
            filled.push('{');
            continue;
        };
        rest = &after[word.len()..];
        match value {
            Some(value) => filled.push_str(value),
            None => problems.push(format!(
                "`{input}`: `{{{word}` is not known here: it needs a checkout before this step, and the run of a branch or a tag"
            )),
        }
    }
    filled + rest
}

/// The image by each of its tags, each once.
fn images(inputs: &Inputs, values: Values<'_>, problems: &mut Vec<String>) -> Vec<ImageReference> {
    let mut images: Vec<ImageReference> = Vec::new();
    let mut add = |name: &str, image: Result<ImageReference, ImageError>| match image {
        Ok(image) if image.digest().is_some() => {
            problems.push(format!("`{name}`: {image} names a digest: an image is pushed by tag"));
        }
        Ok(image) if images.contains(&image) => {}
        Ok(image) => images.push(image),
        Err(error) => problems.push(format!("`{name}`: {error}")),
    };
    let own = inputs.image.image(values);
    add("image", own.clone());
    for tag in &inputs.extra_tags {
        match (tag, &own) {
            (ExtraTag::Elsewhere(template), _) => add("extra-tags", template.image(values)),
            (ExtraTag::Beside(template), Ok(own)) => {
                add("extra-tags", template.fill(values).parse::<ImageTag>().map(|tag| own.with_tag(tag)));
            }
            (ExtraTag::Beside(_), Err(_)) => {}
        }
    }
    images
}

/// The labels that are always set (OCI image specification, "Pre-Defined Annotation Keys").
fn own_labels(inputs: &Inputs, facts: &Facts<'_>) -> Vec<String> {
    let values = [
        facts.commit.map(ToString::to_string),
        Some(facts.repository_url.to_owned()),
        facts.tag.map(|tag| tag.version().to_owned()),
        Some(facts.now.to_string()),
        Some(inputs.service.to_string()),
    ];
    OWN_LABELS.iter().zip(values).filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect()
}

/// Whether the result is an index, which alone takes annotations of one (docker/buildx, "Annotations", "Specify annotation
/// level"): buildx makes one for several platforms, and for attestations.
fn makes_index(platforms: Option<&[Platform]>, provenance: Provenance, sbom: bool) -> bool {
    platforms.is_some_and(|platforms| platforms.len() > 1) || provenance != Provenance::None || sbom
}

/// Where the cache is read from and written to. A tag's cache is never read by another tag (GitHub, "Dependency caching
/// reference", "Restrictions for accessing a cache"), so a tag writes none. A cache that cannot be written fails no build.
fn cache(inputs: &Inputs, facts: &Facts<'_>) -> (Option<String>, Option<String>) {
    let scope = &inputs.cache_scope;
    let from = match inputs.cache {
        Cache::Gha if facts.has_cache_service => format!("type=gha,scope={scope}"),
        Cache::Registry => match cache_image(inputs, facts) {
            Some(image) => format!("type=registry,ref={image}"),
            None => return (None, None),
        },
        Cache::Gha | Cache::None => return (None, None),
    };
    let writes = inputs
        .cache_write
        .unwrap_or(facts.tag.is_none() && facts.git_ref.is_some_and(|name| name.starts_with("refs/heads/")));
    let to = writes.then(|| format!("{from},mode=max,ignore-error=true"));
    (Some(from), to)
}

/// The tag that the cache is kept under, beside the image, also where no tag is released.
fn cache_image(inputs: &Inputs, facts: &Facts<'_>) -> Option<ImageReference> {
    let any: ReleaseTag = "0.0.0".parse().ok()?;
    // Its tag is another one, so that neither has to be known.
    let commit = "0".repeat(40).parse().ok()?;
    let revision = facts.commit.or(Some(&commit));
    let values = Values { revision, ..values(inputs, facts, facts.tag.unwrap_or(&any)) };
    let tag = format!("cache-{}", inputs.cache_scope).parse().ok()?;
    Some(inputs.image.image(values).ok()?.with_tag(tag))
}

#[cfg(test)]
mod tests {
    use action::InputReader;
    use expect_test::{ExpectFile, expect_file};
    use runner::{Console, Environment, Runner};

    use super::*;

    fn plan(inputs: &[(&str, &str)], edit: impl FnOnce(&mut Facts<'_>), expected: &ExpectFile) {
        expected.assert_eq(&planned(inputs, edit).unwrap());
    }

    /// The inputs, the facts of a release, and what comes of them, one argument a line.
    fn planned(inputs: &[(&str, &str)], edit: impl FnOnce(&mut Facts<'_>)) -> Result<String, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for service in ["api", "web", "indexing-service", "cleaner-service", "metadata-service", "thumbnail-service"] {
            std::fs::create_dir_all(folder.path().join("deploy/docker").join(service)).unwrap();
            std::fs::write(folder.path().join("deploy/docker").join(service).join("Dockerfile"), "FROM scratch")
                .unwrap();
        }
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch").unwrap();
        let given = inputs.iter().map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), (*value).to_owned()));
        let workspace = [("GITHUB_WORKSPACE".to_owned(), folder.path().display().to_string())];
        let environment: Environment = given.chain(workspace).collect();
        let masker = Console::new(&Runner::default(), std::io::sink()).masker();
        let mut reader = InputReader::new(&masker);
        let inputs = Inputs::read(&environment, &mut reader, &masker);
        assert_eq!(reader.into_problems(), []);
        let (repository, tag) = ("Octo/Shop".parse().unwrap(), "v0.4.0-rc1".parse().unwrap());
        let commit = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let mut facts = Facts {
            repository: &repository,
            repository_url: "https://github.com/Octo/Shop",
            tag: Some(&tag),
            commit: Some(&commit),
            now: "2026-11-25T10:00:00Z".parse().unwrap(),
            run_url: Some("https://github.com/Octo/Shop/actions/runs/7/attempts/1"),
            public: true,
            git_ref: Some("refs/tags/v0.4.0-rc1"),
            has_cache_service: true,
        };
        edit(&mut facts);
        let plan = Plan::new(&inputs.unwrap(), &facts)?;
        let call = if facts.tag.is_some() { plan.push_call(true) } else { plan.build_call(true) };
        Ok(format!("{}\n", call.join("\n")))
    }

    #[test]
    fn the_six_services() {
        for service in ["api", "web", "indexing-service", "cleaner-service", "metadata-service", "thumbnail-service"] {
            let dockerfile = format!("deploy/docker/{service}/Dockerfile");
            let inputs =
                [("service-name", service), ("dockerfile", &dockerfile), ("platforms", "linux/amd64,linux/arm64")];
            plan(&inputs, |_| {}, &expect_file![format!("{}/src/golden/{service}.txt", env!("CARGO_MANIFEST_DIR"))]);
        }
    }

    #[test]
    fn everything_that_can_be_asked_for() {
        let inputs = [
            ("service-name", "api"),
            ("image", "registry.example.com/{owner}/{service}:{tag}"),
            ("extra-tags", "latest {version}-x sha-{revision}, ghcr.io/{repository}/{service}:{version}"),
            ("target", "final"),
            ("build-args", "A=b c\nB\nC={version} of {tag} at {revision}, {\"x\": {}} {other}"),
            ("build-contexts", "base=docker-image://debian:13"),
            ("secrets", "npm=x"),
            ("secret-files", "key=Dockerfile"),
            ("labels", "a.b=c d\nv={version}"),
            ("annotations", "e.f=g{tag}"),
            ("cache", "registry"),
            ("cache-write", "true"),
            ("provenance", "min"),
            ("sbom", "true"),
            ("buildx-args", "--no-cache\n--ulimit=nofile=1024"),
        ];
        plan(&inputs, |_| {}, &expect_file!["golden/everything.txt"]);
    }

    #[test]
    fn a_check_build_of_a_branch() {
        let branch = |facts: &mut Facts<'_>| {
            facts.tag = None;
            facts.git_ref = Some("refs/heads/main");
        };
        let inputs = [("service-name", "api"), ("push", "false"), ("build-args", "V={version} {tag}\nR={revision}")];
        plan(&inputs, branch, &expect_file!["golden/branch.txt"]);
    }

    #[test]
    fn a_line_that_asks_for_what_is_not_known_is_a_problem() {
        let nowhere = |facts: &mut Facts<'_>| {
            (facts.tag, facts.commit, facts.git_ref) = (None, None, None);
        };
        let inputs =
            [("service-name", "api"), ("push", "false"), ("labels", "a={version}"), ("build-args", "R={revision}")];
        let problems = planned(&inputs, nowhere).unwrap_err().join("\n");
        assert!(problems.contains("`labels`: `{version}` is not known here"), "{problems}");
        assert!(problems.contains("`build-args`: `{revision}` is not known here"), "{problems}");
        let of_a_tag = |facts: &mut Facts<'_>| facts.tag = None;
        assert!(planned(&inputs, of_a_tag).unwrap().contains("a=0.4.0-rc1\n"));
    }

    #[test]
    fn one_platform_without_attestations_is_no_index() {
        let private = |facts: &mut Facts<'_>| {
            facts.public = false;
            facts.has_cache_service = false;
        };
        let inputs = [("service-name", "api"), ("provenance", "false"), ("annotations", "e.f=g")];
        plan(&inputs, private, &expect_file!["golden/no-index.txt"]);
    }
}
