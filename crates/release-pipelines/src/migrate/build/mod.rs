//! A job that builds images, row by row of its matrix, step by step: `action` reads steps that use an action, `command`
//! those that run a script, `bake` the targets of either. A step or an input that has no place in a release file is refused where it stands.

mod action;
mod bake;
mod command;

use std::collections::{BTreeMap, BTreeSet};

use domain::image::OWN_LABELS;
use domain::service::ServiceName;

use super::expression::{self, Scope};
use super::image::{self, Names};
use super::matrix::{self, Row};
use super::release::Release;
use super::remark::Remarks;
use super::{action, never, step_runs};
use crate::paths::{bases, paths, reads_ghcr};
use crate::pipeline::{Input, NOTES, Service};
use crate::repository::{Repository, normal};
use crate::yaml::{Node, Position, Text};

/// A service that the old workflow builds.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: Position,
    pub(super) service: Service,
    pub(super) names: Names,
    /// `HOST USERNAME PASSWORD`, for the registries of its image.
    pub(super) logins: BTreeSet<String>,
}

/// What is known before a job begins.
pub(super) struct Known<'a> {
    pub(super) repository: &'a Repository,
    /// `env:` of the workflow and the outputs of earlier jobs.
    pub(super) scope: &'a Scope,
}

/// The token of the run, as it may be written.
pub(super) const OWN_TOKEN: [&str; 2] = ["${{ secrets.GITHUB_TOKEN }}", "${{ github.token }}"];

/// The actions that build an image, or may.
pub(super) const BUILDERS: [&str; 2] = ["docker/build-push-action", "docker/bake-action"];

/// Whether a job builds images.
pub(super) fn builds(job: &Node) -> bool {
    let steps = job.get("steps").map(Node::items).unwrap_or_default();
    steps.iter().any(|step| {
        let run = step.get("run").and_then(Node::text).unwrap_or_default();
        let plain = run.replace("\\\n", " ");
        let words = plain.split_whitespace().collect::<Vec<_>>();
        action(step).is_some_and(|name| BUILDERS.contains(&name.as_str()))
            || words.windows(2).any(|pair| matches!(pair, ["docker", "build"] | ["buildx", "build" | "bake"]))
            || words.windows(3).any(|words| matches!(words, ["docker", "image", "build"]))
    })
}

/// The services that a job builds.
pub(super) fn read(
    known: &Known<'_>,
    id: &Text,
    job: &Node,
    release: &mut Option<Release>,
    remarks: &mut Remarks,
) -> Vec<Found> {
    let rows = match job.at_path(&["strategy", "matrix"]) {
        None => vec![Row { at: id.at, values: Vec::new() }],
        Some(matrix) => match matrix::rows(matrix) {
            Ok(rows) => rows,
            Err((at, message)) => {
                let help = "write the services as a list: each of them gets its own file";
                remarks.refuse(at, format!("the matrix of `{}`: {message}", id.text), help);
                return Vec::new();
            }
        },
    };
    strategy(job, remarks);
    nothing_for_docker(job, remarks);
    let mut found = Vec::<Found>::new();
    for row in &rows {
        let mut scope = known.scope.clone();
        scope.matrix.clone_from(&row.values);
        environment(job, &mut scope);
        let mut reader = Reader { known, id, row, scope, remarks, builds: Vec::new(), logins: BTreeMap::new() };
        if !reader.job(job) {
            continue;
        }
        for step in job.get("steps").map(Node::items).unwrap_or_default() {
            reader.step(step, release);
        }
        found.extend(reader.finish(job));
    }
    found
}

/// Fills in `env:` in order, each by those before it.
pub(super) fn environment(node: &Node, scope: &mut Scope) {
    for (key, value) in node.get("env").map(Node::entries).unwrap_or_default() {
        let value = scope.fill(&value.text().unwrap_or_default());
        scope.env.insert(key.text.clone(), value);
    }
}

/// What docker and buildx read of the environment by themselves (docker/cli; docker/buildx, "Environment variables"). A called
/// workflow gets none of it. What only changes the log is no matter.
fn read_by_docker(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "DOCKER_CONFIG",
        "DOCKER_CONTENT_TRUST",
        "DOCKER_CONTEXT",
        "DOCKER_DEFAULT_PLATFORM",
        "DOCKER_HOST",
        "SOURCE_DATE_EPOCH",
    ];
    let is_ours = NAMES.contains(&name) || name.starts_with("BUILDX_") || name.starts_with("BUILDKIT_");
    is_ours && name != "BUILDKIT_PROGRESS"
}

/// Refuses what docker would read of the `env` of `node`.
pub(super) fn nothing_for_docker(node: &Node, remarks: &mut Remarks) {
    let set = node.get("env").map(Node::entries).unwrap_or_default();
    for (key, _) in set.iter().filter(|(key, _)| read_by_docker(&key.text)) {
        remarks.refuse(
            key.at,
            format!("`{}` in `env` changes how docker builds, and a called workflow gets no `env`", key.text),
            "delete it, or build this service in a workflow of its own by docker/build-push-action and signal with `result`",
        );
    }
}

fn strategy(job: &Node, remarks: &mut Remarks) {
    for (key, value) in job.get("strategy").map(Node::entries).unwrap_or_default() {
        if key.text == "max-parallel" {
            remarks.note(
                key.at,
                "`max-parallel` has no place",
                "each service builds in a workflow of its own, all at once",
            );
        } else if key.text == "fail-fast" && value.text().as_deref() == Some("true") {
            remarks.note(
                key.at,
                "`fail-fast` has no place",
                "a build that fails makes the release partial, and stops no other",
            );
        }
    }
}

/// One image that is built.
#[derive(Debug, Default)]
struct Build {
    at: Option<Position>,
    /// What it is called where it stands, such as the target of a bake file.
    name: Option<String>,
    context: Option<Text>,
    dockerfile: Option<Text>,
    references: Vec<String>,
    /// Where the references stand.
    named_at: Option<Position>,
    /// Whether it is pushed, and by which of its references.
    pushed: bool,
    pushes: Vec<String>,
    inputs: Vec<Input>,
    release_inputs: Vec<Input>,
    secrets: Option<String>,
}

struct Reader<'a, 'b> {
    known: &'a Known<'a>,
    id: &'a Text,
    row: &'a Row,
    scope: Scope,
    remarks: &'b mut Remarks,
    builds: Vec<Build>,
    /// By registry.
    logins: BTreeMap<String, (Position, String)>,
}

impl Reader<'_, '_> {
    /// What stands at the job itself; false when it never runs for a tag.
    fn job(&mut self, job: &Node) -> bool {
        for (key, value) in job.entries() {
            let id = &self.id.text;
            match key.text.as_str() {
                "name" | "steps" | "needs" | "strategy" | "env" | "outputs" | "runs-on" | "timeout-minutes" => {}
                "defaults" => defaults(value, self.remarks),
                "permissions" => permissions(value, self.remarks),
                "concurrency" => {
                    self.remarks.note(
                        key.at,
                        format!("`concurrency` of `{id}` changes"),
                        "release files let one run of a service and tag go at a time",
                    );
                }
                "if" => match step_runs(&self.scope, value) {
                    Some(true) => guard(key.at, value, &format!("`{id}`"), self.remarks),
                    Some(false) => {
                        self.remarks.note(key.at, format!("`{id}` {}", never(value)), "it is left out");
                        return false;
                    }
                    None => self.remarks.refuse(
                        key.at,
                        format!("whether `{id}` runs is known only when the workflow runs"),
                        "take the condition away",
                    ),
                },
                "continue-on-error" if value.text().map(|text| self.scope.fill(&text)).as_deref() == Some("false") => {}
                "continue-on-error" => {
                    let help =
                        "take it away, and mark the service as optional (`name?`) in `services` of release-notes.yml";
                    self.remarks.refuse(key.at, format!("`continue-on-error` of `{id}` has no place"), help);
                }
                other => {
                    let help = "move what it is for to a workflow of its own first";
                    self.remarks.refuse(key.at, format!("`{other}` of `{id}` has no place in a release file"), help);
                }
            }
        }
        true
    }

    fn step(&mut self, step: &Node, release: &mut Option<Release>) {
        if let Some((key, value)) = step.entry("if") {
            match step_runs(&self.scope, value) {
                Some(true) => guard(key.at, value, "this step", self.remarks),
                Some(false) => {
                    self.remarks.note(key.at, format!("this step {}", never(value)), "it is left out");
                    return;
                }
                None => {
                    let help = "take the condition away, or move the step to a workflow of its own first";
                    self.remarks.refuse(key.at, "whether this step runs is known only when the workflow runs", help);
                    return;
                }
            }
        }
        step_keys(step, &self.scope, self.remarks);
        let outer = self.scope.env.clone();
        environment(step, &mut self.scope);
        nothing_for_docker(step, self.remarks);
        if let Some(run) = step.get("run") {
            self.script(step, run, release);
        } else if let Some(name) = action(step) {
            self.action(&name, step, release);
        }
        // What a script adds stays; what the step itself sets does not.
        let set = step.get("env").map(Node::entries).unwrap_or_default();
        for (key, _) in set {
            match outer.get(&key.text) {
                Some(value) => self.scope.env.insert(key.text.clone(), value.clone()),
                None => self.scope.env.remove(&key.text),
            };
        }
    }

    /// Remembers who signs in where, as a line of `registry-auth`.
    fn login(&mut self, at: Position, host: &str, user: &str, password: &str) {
        let host = host.trim_start_matches("https://").trim_end_matches('/');
        let host = if host == "index.docker.io/v1" || host == "registry-1.docker.io" { "docker.io" } else { host };
        if host == "ghcr.io" && OWN_TOKEN.contains(&password) {
            return; // release-actions signs in there by itself
        }
        let known = |text: &str| expression::secret(text).ok().filter(|text| !text.trim().is_empty());
        let (Some(host), Some(user), Some(password)) = (known(host), known(user), known(password)) else {
            let help = "sign in by a user name and a secret; roles of a cloud are not supported";
            self.remarks.refuse(at, format!("how it signs in to `{host}` is known only when the workflow runs"), help);
            return;
        };
        if user.contains(' ') && !user.contains("${{") {
            self.remarks.refuse(
                at,
                format!("the user name `{user}` has a space"),
                "a line of `registry-auth` has three words",
            );
            return;
        }
        let line = format!("{host} {user} {password}");
        self.logins.insert(host, (at, line));
    }

    /// Secrets of the build, line by line.
    fn secrets(&mut self, build: &mut Build, node: &Node, filled: &str) {
        let mut lines = Vec::new();
        for (index, line) in filled.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let word = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            let help = "write lines of `id=value` with secrets and variables";
            match (line.split_once('=').filter(|(id, _)| word(id.trim())), expression::secret(line)) {
                (Some(_), Ok(line)) => lines.push(line.trim().to_owned()),
                (None, _) => self.remarks.refuse(
                    self.scope.place(node, index),
                    "a line of `secrets` is more than `id=value`",
                    help,
                ),
                (_, Err(what)) => {
                    self.remarks.refuse(self.scope.place(node, index), format!("`secrets` holds {what}"), help);
                }
            }
        }
        build.secrets = match lines.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            more => Some(more.join("\n") + "\n"),
        };
    }

    /// An input that means the same in a release file.
    fn pass(&mut self, build: &mut Build, name: &'static str, node: &Node, filled: &str) {
        if let Some(value) = self.value(name, node, filled) {
            build.inputs.push(Input::new(name, value));
        }
    }

    /// Build arguments. One without a value takes it from `env:`, which a called workflow does not get.
    fn build_args(&mut self, build: &mut Build, node: &Node, filled: &str) {
        let mut lines = Vec::new();
        for (index, line) in filled.lines().enumerate() {
            let name = line.trim();
            let value = self.scope.env.get(name).filter(|value| !value.contains('\n'));
            match value.filter(|_| !name.is_empty() && !name.contains('=')) {
                Some(value) => lines.push(format!("{name}={value}")),
                None if name.is_empty() || name.contains('=') => lines.push(line.to_owned()),
                None => {
                    let message = format!("`{name}` in `build-args` takes its value from the environment");
                    let at = self.scope.place(node, index);
                    self.remarks.refuse(at, message, "a called workflow has none: write `NAME=value`");
                }
            }
        }
        self.pass(build, "build-args", node, &lines.join("\n"));
    }

    /// Labels or annotations, without those that release-actions sets.
    fn labels(&mut self, build: &mut Build, name: &'static str, node: &Node, filled: &str) {
        let outputs = format!(".outputs.{name}");
        if node.text().is_some_and(|text| text.contains(&outputs)) {
            let help = "release-actions sets revision, source, version, created and title; write others by hand";
            let message = format!("the `{name}` of docker/metadata-action, with description, licenses and url, go");
            self.remarks.note(node.at, message, help);
        }
        let (places, mut kept) = (self.scope.places(node), Vec::new());
        for (index, line) in filled.lines().enumerate() {
            let at = places.get(index).copied().unwrap_or(node.at);
            let key = line.split('=').next().unwrap_or_default().trim();
            let own = OWN_LABELS.contains(&key);
            if own {
                let message = format!("`{key}` is left out of `{name}`");
                self.remarks.note(at, message, "release-actions sets it, from the tag and its commit");
            } else if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
                let help = "write lines of `name=value`, for the index alone";
                self.remarks.refuse(at, format!("`{key}` is no name in `{name}` of a release file"), help);
            }
            // An empty line keeps the places of the others.
            kept.push(if own { "" } else { line });
        }
        self.pass(build, name, node, &kept.join("\n"));
    }

    fn value(&mut self, name: &str, node: &Node, filled: &str) -> Option<String> {
        let mut lines = Vec::new();
        for (index, line) in filled.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if line.trim_start().starts_with('"') {
                let help = "write the line without them; a comma needs none";
                let at = self.scope.place(node, index);
                self.remarks.refuse(at, format!("a line of `{name}` stands in quotes"), help);
                return None;
            }
            let takes_words = ["build-args", "labels", "annotations"].contains(&name);
            match if takes_words { expression::line(line) } else { expression::input(line) } {
                Ok(line) => lines.push(line.trim_end().to_owned()),
                Err(what) => {
                    let help =
                        "a called workflow cannot see it: pass what it is made of, and let the Dockerfile make it";
                    self.remarks.refuse(self.scope.place(node, index), format!("`{name}` holds {what}"), help);
                    return None;
                }
            }
        }
        let text = lines.join("\n");
        let text = text.trim_matches('\n');
        if name == "platforms" && text.contains("${{") {
            let help = "the release reads them from the file, before any run: write the platforms";
            self.remarks.refuse(node.at, format!("`platforms` is the expression `{text}`"), help);
            return None;
        }
        (!text.trim().is_empty())
            .then(|| if text.contains('\n') { format!("{text}\n") } else { text.trim().to_owned() })
    }

    /// The services of this row.
    fn finish(mut self, job: &Node) -> Vec<Found> {
        let builds = std::mem::take(&mut self.builds);
        let alone = builds.iter().filter(|build| build.pushed).count() == 1;
        builds.into_iter().filter_map(|build| self.service(job, build, alone)).collect()
    }

    fn service(&mut self, job: &Node, build: Build, alone: bool) -> Option<Found> {
        let at = build.at.unwrap_or(self.row.at);
        if !build.pushed {
            self.remarks.note(at, "this build pushes nothing", "the files for branches build every image too");
            return None;
        }
        let names = image::names(&build.pushes);
        if let Err(message) = &names {
            let help = "name the image by what is known before: its registry, the repository, the service, the tag";
            self.remarks.refuse(build.named_at.unwrap_or(at), message, help);
        }
        let at = if self.row.values.is_empty() { at } else { self.row.at };
        let name = self.name(&build, names.as_ref().ok(), alone);
        if let Err(error) = name.parse::<ServiceName>() {
            self.remarks.refuse(at, error.to_string(), "give it a name that a service can have");
        }
        let mut service = Service { name, ..Service::default() };
        if service.release_path() == NOTES {
            let help = "give it another name: the workflow that makes the release has this one";
            self.remarks.refuse(at, format!("`{}` would be built by `{NOTES}`", service.name), help);
        }
        self.job_inputs(job, &mut service);
        self.files(at, &build, &mut service)?;
        let names = names.ok()?;
        service.inputs.extend(build.inputs);
        service.release_inputs.extend(build.release_inputs);
        if let Some(image) = names.image(&service.name) {
            service.release_inputs.insert(0, Input::new("image", image));
        }
        if let Some(extra) = names.extra() {
            service.release_inputs.push(Input::new("extra-tags", extra));
        }
        if let Some(secrets) = build.secrets {
            service.ci_inputs.push(Input::new("secrets", secrets.clone()));
            service.secrets.push(Input::new("build-secrets", secrets));
        }
        let host = |reference: &String| image::with_host(reference).split('/').next().unwrap_or_default().to_owned();
        let pushed = build.pushes.iter().map(host).collect::<BTreeSet<_>>();
        // What it builds on. The public images of Docker Hub ask for no name, and a fork's pull request has no secret.
        let bases = bases(self.known.repository, &service.dockerfile);
        let mut contexts = service.inputs.iter().filter(|input| input.key == "build-contexts");
        service.reads_ghcr = contexts.any(|input| input.value.contains("docker-image://ghcr.io/"))
            || reads_ghcr(self.known.repository, &service.dockerfile, &bases);
        let bases = bases.iter().filter(|base| !image::with_host(base).starts_with("docker.io/library/"));
        let pulled = bases.map(host).collect::<BTreeSet<_>>();
        let lines_of = |takes: &dyn Fn(&String) -> bool| {
            let logins = self.logins.iter().filter(|(host, _)| takes(host));
            logins.map(|(_, (_, line))| line.clone()).collect::<BTreeSet<_>>()
        };
        let all = lines_of(&|_| true);
        if !all.is_empty() {
            service.secrets.push(Input::new("registry-auth", lines(&all)));
        }
        let ci = lines_of(&|host| pulled.contains(host) || !pushed.contains(host) && host != "docker.io");
        if !ci.is_empty() {
            service.ci_inputs.push(Input::new("registry-auth", lines(&ci)));
        }
        let logins = lines_of(&|host| pushed.contains(host));
        Some(Found { at, service, names, logins })
    }

    /// What the service is called: by its row, else by its target, else by its image, else by its job.
    fn name(&self, build: &Build, names: Option<&Names>, alone: bool) -> String {
        let row = &self.row.values;
        let text = |node: &Node| node.text().or_else(|| node.get("name").and_then(Node::text));
        let named = ["service", "name", "app", "component", "project", "module", "package", "image"];
        let by_row =
            named.iter().find_map(|name| row.iter().find(|(key, _)| key == name)).and_then(|(_, node)| text(node));
        let by_row = by_row.filter(|name| name.parse::<ServiceName>().is_ok());
        let only = match row.as_slice() {
            [(_, node)] => node.text(),
            _ => None,
        };
        let by_row = by_row.or(only).filter(|_| alone);
        let by_target = build.name.clone().filter(|name| name != "default");
        by_row.or(by_target).or_else(|| names?.own().map(str::to_owned)).unwrap_or_else(|| self.id.text.clone())
    }

    fn files(&mut self, at: Position, build: &Build, service: &mut Service) -> Option<()> {
        let context = build.context.as_ref().map_or(".", |context| context.text.as_str());
        let context_at = build.context.as_ref().map_or(at, |context| context.at);
        let folder = normal(context).filter(|_| !context.contains("://") && !context.contains(['{', '$']));
        let Some(context) = folder else {
            let message = format!("the context `{context}` is no folder of the repository");
            self.remarks.refuse(context_at, message, "name a folder of the repository");
            return None;
        };
        let default = if context.is_empty() { "Dockerfile".to_owned() } else { format!("{context}/Dockerfile") };
        let dockerfile = build.dockerfile.as_ref().map_or(default.as_str(), |file| file.text.as_str());
        let file_at = build.dockerfile.as_ref().map_or(context_at, |file| file.at);
        let there = normal(dockerfile).filter(|path| self.known.repository.has_file(path));
        let Some(dockerfile) = there else {
            let help = "name a file of the repository, seen from its root";
            self.remarks.refuse(
                file_at,
                format!("the Dockerfile `{dockerfile}` of `{}` is not there", service.name),
                help,
            );
            return None;
        };
        service.paths = paths(self.known.repository, &dockerfile, &context);
        service.dockerfile = dockerfile;
        if !context.is_empty() {
            service.inputs.push(Input::new("context", context));
        }
        Some(())
    }

    /// Where and how long the job runs.
    fn job_inputs(&mut self, job: &Node, service: &mut Service) {
        if let Some(runner) = job.get("runs-on") {
            let labels = runner.texts().iter().map(|label| self.scope.fill(&label.text)).collect::<Vec<_>>();
            match labels.as_slice() {
                // The default is one of these.
                [label] if label == "ubuntu-latest" || label == "ubuntu-24.04" => {}
                // A list that an expression makes is no label.
                [label] if !label.is_empty() && !label.to_ascii_lowercase().contains("fromjson") => {
                    match expression::input(label) {
                        Ok(label) => {
                            service.runner.clone_from(&label);
                            service.release_inputs.push(Input::new("runs-on", label));
                        }
                        Err(what) => {
                            let help = "write the label, or a variable of the repository";
                            self.remarks.refuse(runner.at, format!("`runs-on` holds {what}"), help);
                        }
                    }
                }
                _ => {
                    let help = "give the runners one label of their own";
                    self.remarks.refuse(runner.at, "a release file names its runner by one label", help);
                }
            }
        }
        if let Some(limit) = job.get("timeout-minutes") {
            let minutes = self.scope.fill(&limit.text().unwrap_or_default());
            match minutes.parse::<u32>() {
                Ok(60) => {}
                Ok(minutes @ 1..=MAX_MINUTES) => {
                    service.minutes = Some(minutes);
                    service.release_inputs.push(Input::new("timeout", format!("{minutes}m")));
                    service.release_inputs.push(Input::new("timeout-minutes", (minutes + 10).to_string()));
                }
                Ok(_) | Err(_) => {
                    let help = format!("write a number from 1 to {MAX_MINUTES}");
                    self.remarks.refuse(limit.at, format!("`{minutes}` is no number of minutes"), help);
                }
            }
        }
    }
}

/// The longest that build-and-signal takes: five days.
const MAX_MINUTES: u32 = 5 * 24 * 60;

/// The inputs of a step.
pub(super) fn with(step: &Node) -> &[(Text, Node)] {
    step.get("with").map(Node::entries).unwrap_or_default()
}

/// What a step may say beside what it does and when.
pub(super) fn step_keys(step: &Node, scope: &Scope, remarks: &mut Remarks) {
    for (key, value) in step.entries() {
        let filled = scope.fill(&value.text().unwrap_or_default());
        match key.text.as_str() {
            "name" | "id" | "if" | "uses" | "with" | "run" | "env" => {}
            "shell" if ["bash", "sh"].contains(&filled.as_str()) => {}
            "continue-on-error" if filled == "false" => {}
            "timeout-minutes" => {
                remarks.note(
                    key.at,
                    "`timeout-minutes` of a step is left out",
                    "what does its work has a limit of its own",
                );
            }
            other => {
                remarks.refuse(key.at, format!("`{other}` of a step has no place in the new files"), "take it away");
            }
        }
    }
}

/// `defaults:` that change nothing which is read here.
pub(super) fn defaults(node: &Node, remarks: &mut Remarks) {
    for (key, value) in node.entries() {
        let run = value.entries().iter().filter(|_| key.text == "run");
        let mut others = run.filter(|(key, value)| {
            key.text != "shell" || !value.text().is_some_and(|shell| ["bash", "sh"].contains(&shell.as_str()))
        });
        let other = others.next().map(|(key, _)| key).or(Some(key).filter(|key| key.text != "run"));
        if let Some(other) = other {
            let help = "take it away, and write the paths from the root of the repository";
            remarks.refuse(other.at, format!("`{}` of `defaults` has no place in the new files", other.text), help);
        }
    }
}

/// A condition that is always true may keep forks out.
pub(super) fn guard(at: Position, condition: &Node, what: &str, remarks: &mut Remarks) {
    if condition.text().is_some_and(|text| text.contains("github.repository")) {
        let help = "a fork that pushes tags builds into its own packages";
        remarks.note(at, format!("the guard of {what} against forks is left out"), help);
    }
}

/// What a checkout step may say: a release file checks the tag out by itself.
pub(super) fn checkout(step: &Node, scope: &Scope, remarks: &mut Remarks) {
    for (key, value) in with(step) {
        let filled = scope.fill(&value.text().unwrap_or_default());
        match key.text.as_str() {
            "fetch-depth" | "fetch-tags" | "persist-credentials" | "clean" | "show-progress" => {}
            "submodules" | "lfs" if filled == "false" => {}
            "ref"
                if expression::template(&filled)
                    .is_ok_and(|text| ["{tag}", "refs/tags/{tag}", "{revision}"].contains(&text.as_str())) => {}
            "token" if OWN_TOKEN.contains(&filled.as_str()) => {}
            other => {
                let help = "a release file checks out the commit of the tag and nothing else";
                remarks.refuse(key.at, format!("`{other}` of actions/checkout has no place"), help);
            }
        }
    }
}

/// What a script prints to `$GITHUB_OUTPUT` or `$GITHUB_ENV`, or by the old `::set-output`; false when that cannot be read.
pub(super) fn output(scope: &mut Scope, id: &str, value: &str, file: Option<&str>) -> bool {
    if matches!(file, Some("$GITHUB_OUTPUT" | "$GITHUB_ENV"))
        && !value.split("<<").next().is_some_and(|name| name.contains('='))
    {
        return false;
    }
    let set = value.strip_prefix("::set-output name=").and_then(|rest| rest.split_once("::"));
    let outputs = set.or_else(|| value.split_once('=').filter(|_| file == Some("$GITHUB_OUTPUT")));
    if let Some((name, value)) = outputs {
        scope.outputs.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
    } else if let (Some("$GITHUB_ENV"), Some((name, value))) = (file, value.split_once('=')) {
        scope.env.insert(name.to_owned(), value.to_owned());
    }
    true
}

/// One line for each.
pub(super) fn lines(lines: &BTreeSet<String>) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// A cache is kept by release-actions, under a name of its own.
fn cache(key: &Text, remarks: &mut Remarks) {
    let message = format!("`{}` is left out: the cache is that of GitHub Actions, as `release-<service>`", key.text);
    remarks.note(key.at, message, "the first build is a cold one: branches write it from now on, and tags read it");
}

/// Rights that a release file does not have; what needs them is refused by itself.
pub(super) fn permissions(node: &Node, remarks: &mut Remarks) {
    let known = ["contents", "packages", "statuses", "actions"];
    for (scope, level) in node.entries() {
        if level.text().as_deref() == Some("write") && !known.contains(&scope.text.as_str()) {
            remarks.note(
                scope.at,
                format!("`{}: write` is not granted any more", scope.text),
                "nothing that is written needs it",
            );
        }
    }
}
