//! What the workflow asks for: the inputs of `action.yml`, typed. All problems are reported together, each with the
//! input's name, what was given and what is accepted. How the services are reached is read by `action`.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use action::{InputReader, MAX_WAIT, quoted};
use domain::image::{Digest, ImageTag, OWN_LABELS, Platform};
use domain::service::ServiceName;
use domain::template::Template;
use domain::version::ReleaseTag;
use runner::{Environment, Masker, Runner};
use serde::Deserialize;

/// The inputs as the runner hands them over; `None` is absent or blank.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    service_name: Option<String>,
    dockerfile: Option<String>,
    context: Option<String>,
    image: Option<String>,
    tag: Option<String>,
    extra_tags: Option<String>,
    platforms: Option<String>,
    target: Option<String>,
    build_args: Option<String>,
    build_contexts: Option<String>,
    secrets: Option<String>,
    secret_files: Option<String>,
    labels: Option<String>,
    annotations: Option<String>,
    cache: Option<String>,
    cache_scope: Option<String>,
    cache_write: Option<String>,
    provenance: Option<String>,
    sbom: Option<String>,
    buildx_args: Option<String>,
    push: Option<String>,
    if_exists: Option<String>,
    retries: Option<String>,
    timeout: Option<String>,
    result: Option<String>,
    digest: Option<String>,
    signal: Option<String>,
    dispatch_token: Option<String>,
    dry_run: Option<String>,
}

/// The inputs, checked.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an input of that name")]
pub(crate) struct Inputs {
    /// The service that is built.
    pub(crate) service: ServiceName,
    /// The Dockerfile, below the workspace.
    pub(crate) dockerfile: PathBuf,
    /// The build context, below the workspace.
    pub(crate) context: PathBuf,
    /// Where the service's image stands.
    pub(crate) image: Template,
    /// The git tag; `None` = from the event.
    pub(crate) tag: Option<ReleaseTag>,
    /// More tags of the image.
    pub(crate) extra_tags: Vec<ExtraTag>,
    /// What to build; `None` = what the builder runs on.
    pub(crate) platforms: Option<Vec<Platform>>,
    /// The stage to build; `None` = the last.
    pub(crate) target: Option<String>,
    /// `NAME=value`, or `NAME` for a value of the environment.
    pub(crate) build_args: Vec<String>,
    /// `name=path-or-reference`.
    pub(crate) build_contexts: Vec<String>,
    /// Secrets by id.
    pub(crate) secrets: Vec<BuildSecret>,
    /// Files by id.
    pub(crate) secret_files: Vec<(String, PathBuf)>,
    /// `name=value`.
    pub(crate) labels: Vec<String>,
    /// `name=value`.
    pub(crate) annotations: Vec<String>,
    /// Where the layer cache is kept.
    pub(crate) cache: Cache,
    /// What the cache is kept under.
    pub(crate) cache_scope: String,
    /// Whether the cache is written; `None` = on branches.
    pub(crate) cache_write: Option<bool>,
    /// What is attested of the build; `None` = by the repository's visibility.
    pub(crate) provenance: Option<Provenance>,
    /// Whether an SBOM is attached.
    pub(crate) sbom: bool,
    /// More arguments of `buildx build`.
    pub(crate) buildx_args: Vec<String>,
    /// Whether the image is pushed.
    pub(crate) push: bool,
    /// What to do with an image of this commit that is there.
    pub(crate) if_exists: IfExists,
    /// How often a push or a pull is tried again.
    pub(crate) retries: u32,
    /// How long in all.
    pub(crate) timeout: Duration,
    /// How the build of another step ended; `None` = we build.
    pub(crate) result: Option<BuildResult>,
    /// The digest that the registry must show.
    pub(crate) digest: Option<Digest>,
    /// Whether a commit status is written.
    pub(crate) signal: bool,
    /// The token to send the dispatch with; `None` = none is sent.
    pub(crate) dispatch_token: Option<github::Token>,
    /// Print the command, do nothing.
    pub(crate) dry_run: bool,
}

/// A further tag of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExtraTag {
    /// A tag beside the image's own.
    Beside(Template),
    /// A whole reference.
    Elsewhere(Template),
}

/// A secret of the build.
#[derive(Clone)]
pub(crate) struct BuildSecret {
    pub(crate) id: String,
    pub(crate) value: String,
}

impl std::fmt::Debug for BuildSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where the layer cache is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// The cache service of GitHub Actions.
    Gha,
    /// A tag beside the image.
    Registry,
    /// Nowhere.
    None,
}

/// How much is attested of the build (Docker, "Provenance attestation", "Mode").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    Max,
    Min,
    None,
}

/// What to do with an image of this commit that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    Verify,
    Rebuild,
}

/// How the build of another step ended, in the words of `steps.*.outcome` and `needs.*.result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildResult {
    Success,
    Failure,
    Cancelled,
    Skipped,
    Pending,
}

/// The arguments of `buildx build` that `buildx-args` takes: none says where the image goes, what it is called or who signs
/// in, which the proof depends on (docker/buildx, "buildx build").
const BUILDX_ARGS: [&str; 10] = [
    "--add-host",
    "--allow",
    "--cgroup-parent",
    "--network",
    "--no-cache",
    "--no-cache-filter",
    "--pull",
    "--shm-size",
    "--ssh",
    "--ulimit",
];

impl Inputs {
    /// Reads and checks the inputs. `None` only when the reader got a problem with them.
    pub(crate) fn read(environment: &Environment, reader: &mut InputReader<'_>, masker: &Masker) -> Option<Self> {
        let raw: Raw = reader.raw(environment);
        let place = Place::of(&Runner::read(environment));
        let push = reader.boolean("push", raw.push.as_deref(), true);
        let secrets = secrets(reader, raw.secrets.as_deref(), masker, push);
        let dispatch_token = dispatch_token(reader, raw.dispatch_token.as_deref(), masker);
        if raw.service_name.is_none() {
            reader.problem("service-name", "nothing", "the name of the service, such as `api`");
        }
        let service: Option<ServiceName> = reader.parsed("service-name", raw.service_name.as_deref());
        let image = raw.image.as_deref().unwrap_or("ghcr.io/{repository}/{service}:{version}");
        let image = reader.parsed::<Template>("image", Some(image));
        let results = [
            ("success", Some(BuildResult::Success)),
            ("failure", Some(BuildResult::Failure)),
            ("cancelled", Some(BuildResult::Cancelled)),
            ("skipped", Some(BuildResult::Skipped)),
            ("pending", Some(BuildResult::Pending)),
        ];
        let result = reader.word("result", raw.result.as_deref(), &results, None);
        let dockerfile = raw.dockerfile.as_deref().unwrap_or("Dockerfile");
        let context = raw.context.as_deref().unwrap_or(".");
        let builds = result.is_none() && raw.result.is_none();
        if builds {
            place.file(reader, "dockerfile", dockerfile);
            place.folder(reader, "context", context);
        }
        if builds && raw.digest.is_some() {
            reader.problem(
                "digest",
                "a digest without a `result`",
                "a digest of what another step built, with `result`",
            );
        }
        if !push && !builds {
            reader.problem(
                "push",
                "`false` with a `result`",
                "`true`: what another step built is proven on the registry",
            );
        }
        let provenances =
            [("max", Some(Provenance::Max)), ("min", Some(Provenance::Min)), ("false", Some(Provenance::None))];
        let caches = [("gha", Cache::Gha), ("registry", Cache::Registry), ("none", Cache::None)];
        let exists = [("verify", IfExists::Verify), ("rebuild", IfExists::Rebuild)];
        let inputs = Self {
            dockerfile: dockerfile.trim().into(),
            context: context.trim().into(),
            tag: reader.parsed("tag", raw.tag.as_deref()),
            extra_tags: extra_tags(reader, raw.extra_tags.as_deref()),
            platforms: reader.platforms(raw.platforms.as_deref()),
            target: target(reader, raw.target.as_deref()),
            build_args: build_args(reader, raw.build_args.as_deref()),
            build_contexts: pairs(reader, "build-contexts", raw.build_contexts.as_deref(), is_word),
            secrets,
            secret_files: secret_files(reader, raw.secret_files.as_deref(), &place),
            labels: labels(reader, "labels", raw.labels.as_deref()),
            annotations: labels(reader, "annotations", raw.annotations.as_deref()),
            cache: reader.word("cache", raw.cache.as_deref(), &caches, Cache::Gha),
            cache_scope: cache_scope(reader, raw.cache_scope.as_deref(), service.as_ref()),
            cache_write: reader.auto_boolean("cache-write", raw.cache_write.as_deref()),
            provenance: reader.word("provenance", raw.provenance.as_deref(), &provenances, None),
            sbom: reader.boolean("sbom", raw.sbom.as_deref(), false),
            buildx_args: buildx_args(reader, raw.buildx_args.as_deref()),
            push,
            if_exists: reader.word("if-exists", raw.if_exists.as_deref(), &exists, IfExists::Verify),
            retries: retries(reader, raw.retries.as_deref()),
            timeout: reader.duration("timeout", raw.timeout.as_deref(), Duration::from_secs(3600), 1, MAX_WAIT),
            result,
            digest: reader.parsed("digest", raw.digest.as_deref()),
            signal: reader.word("signal", raw.signal.as_deref(), &[("status", true), ("none", false)], true),
            dispatch_token,
            dry_run: reader.boolean("dry-run", raw.dry_run.as_deref(), false),
            // Last, because what follows a missing one is not read.
            service: service?,
            image: image?,
        };
        Some(inputs)
    }
}

/// The folders that files may come from.
struct Place {
    workspace: PathBuf,
    temp: Option<PathBuf>,
}

/// Where the repository is checked out: the workspace, else this folder (under act the variable may name a path of the host).
pub(crate) fn workspace(runner: &Runner) -> PathBuf {
    runner.workspace.clone().filter(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("."))
}

impl Place {
    fn of(runner: &Runner) -> Self {
        Self { workspace: workspace(runner), temp: runner.temp.clone() }
    }

    /// True for a path that leads below the workspace or `runner.temp` without a detour.
    fn holds(&self, path: &str) -> bool {
        let path = Path::new(path);
        let plain =
            path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir | Component::RootDir));
        let below = |folder: &PathBuf| folder.is_absolute() && path.starts_with(folder);
        plain && (path.is_relative() || below(&self.workspace) || self.temp.as_ref().is_some_and(below))
    }

    fn usable(&self, reader: &mut InputReader<'_>, name: &str, given: &str) -> bool {
        let given = given.trim();
        let usable = self.holds(given) && !given.starts_with('-') && !given.contains(char::is_control);
        if !usable {
            reader.problem(name, quoted(given), "a path below the workspace, without `..`");
        }
        usable
    }

    fn file(&self, reader: &mut InputReader<'_>, name: &str, given: &str) {
        if self.usable(reader, name, given) && !self.workspace.join(given.trim()).is_file() {
            let next = "a file that is there: check the path, and that a checkout step stands before this one";
            reader.problem(name, quoted(given), next);
        }
    }

    fn folder(&self, reader: &mut InputReader<'_>, name: &str, given: &str) {
        if self.usable(reader, name, given) && !self.workspace.join(given.trim()).is_dir() {
            let next = "a folder that is there: check the path, and that a checkout step stands before this one";
            reader.problem(name, quoted(given), next);
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The lines that say something.
fn lines(given: Option<&str>) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(given.unwrap_or_default().lines().map(str::trim)).filter(|(_, line)| !line.is_empty())
}

/// Lines of `name=value`, without control characters.
fn pairs(reader: &mut InputReader<'_>, name: &str, given: Option<&str>, valid: fn(&str) -> bool) -> Vec<String> {
    let mut pairs = Vec::new();
    for (_, line) in lines(given) {
        let key = line.split_once('=').map(|(key, _)| key.trim_end());
        if key.is_some_and(valid) && !line.contains(char::is_control) {
            pairs.push(line.to_owned());
        } else {
            reader.problem(name, quoted(line), "lines of `name=value`");
        }
    }
    pairs
}

/// A key of a label or an annotation (OCI image specification, "Annotations": reverse domain notation).
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}

fn labels(reader: &mut InputReader<'_>, name: &str, given: Option<&str>) -> Vec<String> {
    let pairs = pairs(reader, name, given, is_key);
    for pair in &pairs {
        if OWN_LABELS.iter().any(|own| pair.split('=').next() == Some(own)) {
            reader.problem(
                name,
                quoted(pair),
                "any other name: this one is set by the action, from the tag and its commit",
            );
        }
    }
    pairs
}

/// The name of a build argument (Dockerfile reference, "ARG").
fn is_variable(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn build_args(reader: &mut InputReader<'_>, given: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for (_, line) in lines(given) {
        if is_variable(line.split('=').next().unwrap_or_default()) && !line.contains(char::is_control) {
            found.push(line.to_owned());
        } else {
            reader.problem("build-args", quoted(line), "lines of `NAME=value`, or `NAME`");
        }
    }
    found
}

fn secrets(reader: &mut InputReader<'_>, given: Option<&str>, masker: &Masker, push: bool) -> Vec<BuildSecret> {
    let mut secrets: Vec<BuildSecret> = Vec::new();
    for (number, line) in lines(given) {
        // The line itself is never repeated: it holds a secret.
        match line.split_once('=') {
            Some((id, value)) if is_word(id.trim()) && !value.trim().is_empty() => {
                masker.hide(value);
                secrets.push(BuildSecret { id: id.trim().to_owned(), value: value.to_owned() });
            }
            // A pull request from a fork has no secrets (GitHub, "Using secrets in GitHub Actions").
            Some((id, _)) if is_word(id.trim()) && !push => {
                tracing::warn!("`secrets`: {} is empty, so the build has none of that name", id.trim());
            }
            _ => {
                masker.hide(line);
                reader.problem(
                    "secrets",
                    format!("line {number}"),
                    "`id=value`, the id of letters, digits, `.`, `_` and `-`, the value not empty",
                );
            }
        }
    }
    secrets
}

fn secret_files(reader: &mut InputReader<'_>, given: Option<&str>, place: &Place) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    for (_, line) in lines(given) {
        match line.split_once('=') {
            // buildx reads the argument as CSV.
            Some((id, path)) if is_word(id.trim()) && !path.contains([',', '"']) => {
                place.file(reader, "secret-files", path);
                files.push((id.trim().to_owned(), path.trim().into()));
            }
            _ => reader.problem("secret-files", quoted(line), "lines of `id=path`, without a comma or a quote"),
        }
    }
    files
}

fn dispatch_token(reader: &mut InputReader<'_>, given: Option<&str>, masker: &Masker) -> Option<github::Token> {
    let given = given?.trim();
    masker.hide(given);
    if given.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(github::Token::new(given));
    }
    reader.problem(
        "dispatch-token",
        "a text with spaces or control characters",
        "a token with `contents: write`, or nothing",
    );
    None
}

fn extra_tags(reader: &mut InputReader<'_>, given: Option<&str>) -> Vec<ExtraTag> {
    let mut tags = Vec::new();
    let words = given.unwrap_or_default().split(|c: char| c.is_whitespace() || c == ',');
    for word in words.filter(|word| !word.is_empty()) {
        if let Some(template) = reader.parsed::<Template>("extra-tags", Some(word)) {
            tags.push(if word.contains('/') { ExtraTag::Elsewhere(template) } else { ExtraTag::Beside(template) });
        }
    }
    tags
}

fn target(reader: &mut InputReader<'_>, given: Option<&str>) -> Option<String> {
    let given = given?.trim();
    if !is_word(given) || given.starts_with('-') {
        reader.problem("target", quoted(given), "the name of a stage of the Dockerfile");
    }
    Some(given.to_owned())
}

/// A scope becomes a part of an image tag with `cache: registry`, and of a comma list with `gha`.
fn cache_scope(reader: &mut InputReader<'_>, given: Option<&str>, service: Option<&ServiceName>) -> String {
    let own = || service.map(|service| format!("release-{service}")).unwrap_or_default();
    let scope = given.map_or_else(own, |given| given.trim().to_owned());
    if given.is_some() && format!("cache-{scope}").parse::<ImageTag>().is_err() {
        reader.problem("cache-scope", quoted(&scope), "at most 122 letters, digits, `.`, `_` and `-`");
    }
    scope
}

fn buildx_args(reader: &mut InputReader<'_>, given: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for (_, line) in lines(given) {
        let name = line.split('=').next().unwrap_or_default();
        // Without its value it would take the next argument for it.
        let complete = line.contains('=') || ["--no-cache", "--pull"].contains(&line);
        if complete && BUILDX_ARGS.contains(&name) && !line.contains(char::is_control) {
            found.push(line.to_owned());
        } else {
            let accepted = format!("one argument a line, as `--name` or `--name=value`, of {}", BUILDX_ARGS.join(" "));
            reader.problem("buildx-args", quoted(line), accepted);
        }
    }
    found
}

fn retries(reader: &mut InputReader<'_>, given: Option<&str>) -> u32 {
    let Some(given) = given.map(str::trim) else { return 3 };
    given.parse().ok().filter(|retries| *retries <= 10).unwrap_or_else(|| {
        reader.problem("retries", quoted(given), "a number from 0 to 10");
        3
    })
}
