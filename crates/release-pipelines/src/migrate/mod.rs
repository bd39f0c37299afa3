//! One big release workflow, read as data and written anew as a pipeline for each service. What cannot be said in the new
//! files is refused where it stands, and nothing is written then.

mod build;
mod changelog;
mod expression;
mod image;
mod matrix;
mod release;
mod remark;
mod sample;
mod shell;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::check::check;
use crate::pipeline::{Input, NOTES, Notes, Pipelines, Service, Source, VERSIONS};
use crate::repository::{FileError, Repository};
use crate::workflow::Workflow;
use crate::yaml::{Node, Position, Text};
use build::Known;
use expression::Scope;
use release::Release;
pub use remark::Remark;
use remark::Remarks;

/// What becomes of a repository.
#[derive(Debug)]
pub struct Migration {
    /// The repository with the changes; `None` when something was refused.
    pub changed: Option<Repository>,
    /// What was said about the old workflow, by place.
    pub remarks: Vec<Remark>,
}

/// Reads the workflow at `path` and proposes the new files.
pub fn migrate(repository: &Repository, path: &str, source: &Source) -> Result<Migration, FileError> {
    let mut remarks = Remarks::default();
    let text =
        repository.read(path)?.ok_or_else(|| FileError::Io(path.to_owned(), std::io::ErrorKind::NotFound.into()))?;
    let changed = match Workflow::parse(path, &text) {
        Ok(workflow) => read(repository, &workflow, &mut remarks)
            .filter(|_| !remarks.is_refused())
            .map(|plan| write(repository, path, source, &plan, &mut remarks))
            .transpose()?
            .flatten(),
        Err(error) => {
            remarks.refuse(error.at, error.message, "make it a workflow that GitHub can read");
            None
        }
    };
    Ok(Migration { changed, remarks: remarks.finish() })
}

/// What the new files say.
struct Plan {
    tags: Vec<String>,
    branches: Vec<String>,
    services: Vec<Service>,
    notes: Notes,
}

fn read(repository: &Repository, workflow: &Workflow, remarks: &mut Remarks) -> Option<Plan> {
    let (tags, branches) = triggers(workflow, remarks);
    let mut scope = Scope { tags: tags.clone(), ..Scope::default() };
    if let (Some((at, _)), Some(false) | None) = (workflow.tags(), image::is_semver(&scope)) {
        let help = "`make-latest: true` in release-notes.yml makes every full release the latest";
        remarks.note(at, "a release whose tag is no version such as `v1.2.3` is never the latest", help);
    }
    build::environment(&workflow.root, &mut scope);
    build::nothing_for_docker(&workflow.root, remarks);
    for (key, value) in workflow.root.entries() {
        match key.text.as_str() {
            "name" | "run-name" | "on" | "jobs" | "env" => {}
            "defaults" => build::defaults(value, remarks),
            "permissions" => build::permissions(value, remarks),
            "concurrency" => {
                remarks.note(key.at, "`concurrency` changes", "one run for each service and tag goes at a time");
            }
            other => remarks.refuse(key.at, format!("`{other}` has no place in the new files"), "take it away"),
        }
    }
    let (mut found, mut release) = (Vec::new(), None::<Release>);
    let builders = workflow.jobs().iter().filter(|(_, job)| build::builds(job)).map(|(id, _)| id.text.as_str());
    let builders = builders.collect::<BTreeSet<_>>();
    // Jobs that only work out the version come first, wherever they stand.
    let mut jobs = workflow.jobs().iter().collect::<Vec<_>>();
    jobs.sort_by_key(|(_, job)| build::builds(job) || release::releases(job));
    for (id, job) in jobs {
        needs(id, job, &builders, remarks);
        if let Some(uses) = job.get("uses") {
            let help = "migrate reads steps: write the steps here, or migrate the called workflow's callers by hand";
            remarks.refuse(uses.at, format!("`{}` calls another workflow", id.text), help);
        } else if build::builds(job) {
            if !release::releases(job) {
                elsewhere(workflow, id, job, &scope, remarks);
            }
            let known = Known { repository, scope: &scope };
            found.extend(build::read(&known, id, job, &mut release, remarks));
        } else if release::releases(job) {
            release::read(&Known { repository, scope: &scope }, id, job, &mut release, remarks);
        } else {
            version(id, job, &mut scope, remarks);
        }
    }
    if found.is_empty() {
        if !remarks.is_refused() {
            remarks.refuse(
                Position::START,
                "it builds and pushes no image",
                "name the workflow that releases your services",
            );
        }
        return None;
    }
    distinct(&found, remarks);
    if release.is_none() {
        let at = workflow.root.entry("jobs").map_or(Position::START, |(key, _)| key.at);
        let help = "release-notes.yml makes a GitHub release for each tag, with notes by GitHub; `draft: true` keeps it hidden";
        remarks.note(at, "it makes no release, and the new files do", help);
    }
    let mut inputs = release.map(Release::inputs).unwrap_or_default();
    let logins = found.iter().flat_map(|found| found.logins.clone()).collect::<BTreeSet<_>>();
    if !logins.is_empty() {
        inputs.push(Input::new("registry-auth", build::lines(&logins)));
    }
    let services = found.into_iter().map(|found| found.service).collect();
    Some(Plan { tags, branches, services, notes: Notes { inputs } })
}

/// What starts it: the patterns for tags, and those for branches. Everything else is said.
fn triggers(workflow: &Workflow, remarks: &mut Remarks) -> (Vec<String>, Vec<String>) {
    let on = workflow.root.entry("on");
    let at = on.map_or(Position::START, |(key, _)| key.at);
    let names = on.map(|(_, on)| match on.texts() {
        words if !words.is_empty() => words,
        _ => on.entries().iter().map(|(key, _)| key.clone()).collect(),
    });
    for event in names.unwrap_or_default() {
        match event.text.as_str() {
            "push" => {}
            "workflow_dispatch" => {
                let inputs = workflow.event("workflow_dispatch").and_then(|event| event.get("inputs"));
                let names = inputs.map(Node::entries).unwrap_or_default().iter().map(|(name, _)| name.text.as_str());
                if names.ne(["tag"]) {
                    let help = "`gh workflow run release-<service>.yml -f tag=v1.2.3`; no other input is there";
                    remarks.note(event.at, "a start by hand is for a tag, given as `tag`", help);
                }
            }
            "pull_request" => {
                remarks.note(event.at, "all pull requests start ci-<service>.yml", "they build and push nothing");
            }
            other => {
                let help =
                    "the new files start with the push of a tag; move what else it is for to a workflow of its own";
                remarks.refuse(event.at, format!("it starts with `{other}`"), help);
            }
        }
    }
    for key in ["branches", "branches-ignore", "tags-ignore"] {
        if let Some((key, _)) = workflow.event("push").and_then(|push| push.entry(key)) {
            if key.text == "branches" {
                remarks.note(
                    key.at,
                    "pushes to branches start ci-<service>.yml",
                    "they build, warm the cache and push nothing",
                );
            } else {
                remarks.refuse(
                    key.at,
                    format!("`{}` cannot be written", key.text),
                    "write the tags to build as `tags`",
                );
            }
        }
    }
    let mut branches = workflow.branches();
    if branches.is_empty() {
        let help = "write another default branch in `branches` of each ci-<service>.yml: its builds warm the cache";
        remarks.note(at, "it names no branch, so ci-<service>.yml runs on `main`", help);
        branches.push("main".into());
    }
    let Some((place, tags)) = workflow.tags().filter(|(_, tags)| !tags.is_empty()) else {
        let help = "the new files start with the push of a tag: write `on.push.tags`";
        remarks.refuse(at, "no tag starts it", help);
        return (VERSIONS.map(str::to_owned).to_vec(), branches);
    };
    let slash = |tag: &&String| !tag.starts_with('!') && (tag.contains('/') || tag.contains("**"));
    if tags != ["v**"]
        && let Some(tag) = tags.iter().find(slash)
    {
        let help = "no image has such a tag: name the tags to release by patterns without `/` and `**`";
        remarks.refuse(place, format!("`{tag}` takes tags that hold a `/`"), help);
    }
    if tags == ["v*"] || tags == ["v**"] {
        let help = "else the moving tags `v1` and `v1.2` would start them too";
        remarks.note(place, "the new files start with full versions alone: `v1.2.3` and `v1.2.3-rc.1`", help);
        return (VERSIONS.map(str::to_owned).to_vec(), branches);
    }
    (tags, branches)
}

/// The order of jobs that cannot be kept.
fn needs(id: &Text, job: &Node, builders: &BTreeSet<&str>, remarks: &mut Remarks) {
    if !build::builds(job) {
        return;
    }
    for need in job.get("needs").map(Node::texts).unwrap_or_default() {
        if builders.contains(need.text.as_str()) {
            let help = "services build at the same time: let the Dockerfile build what it needs, or pin it by a digest";
            remarks.refuse(
                need.at,
                format!("`{}` waits for `{}`, which builds another image", id.text, need.text),
                help,
            );
        }
    }
}

/// What of a step may push, by what holds for the input `push`.
fn pushes<'a>(step: &'a Node, holds: &dyn Fn(Option<&Node>) -> Option<bool>) -> Option<&'a Node> {
    let to_registry = |output: &str| output.contains("type=registry") || output.contains("push=true");
    if let Some(run) = step.get("run") {
        let text = run.text()?;
        let words = text.split_whitespace().collect::<Vec<_>>();
        let pushes = words.iter().enumerate().any(|(index, word)| {
            let before = index.checked_sub(1).map_or("", |before| words[before]);
            match *word {
                "push" => ["docker", "image"].contains(&before),
                "bake" => !words.contains(&"--load") && !words.contains(&"--print"),
                "--push" => true,
                output => {
                    (output.starts_with("--output=") || ["--output", "-o"].contains(&before)) && to_registry(output)
                }
            }
        });
        return Some(run).filter(|_| pushes);
    }
    let name = action(step).filter(|name| build::BUILDERS.contains(&name.as_str()))?;
    match (step.at_path(&["with", "push"]), step.at_path(&["with", "outputs"])) {
        (Some(push), _) if holds(Some(push)) != Some(false) => Some(push),
        (_, Some(outputs)) if outputs.text().is_some_and(|outputs| to_registry(&outputs)) => Some(outputs),
        // The file may say so.
        (None, _) if name == "docker/bake-action" => step.get("uses"),
        _ => None,
    }
}

/// A build that a branch or a pull request pushes has no place: the new files push for tags alone.
fn elsewhere(workflow: &Workflow, id: &Text, job: &Node, scope: &Scope, remarks: &mut Remarks) {
    let events = [("push", workflow.branches()), ("pull_request", vec!["1/merge".to_owned()])];
    for (event, branches) in events.iter().filter(|(event, branches)| !branches.is_empty() && workflow.is_on(event)) {
        let start = if *event == "push" { "refs/heads/" } else { "refs/pull/" };
        let holds = |node: Option<&Node>| {
            let text = node.and_then(Node::text)?;
            let names = sample::names(branches, &text).into_iter();
            expression::agreed(names.map(|name| expression::holds(&text, scope, event, &format!("{start}{name}"))))
        };
        let runs = job.get("if").is_none() || holds(job.get("if")) != Some(false);
        for step in job.get("steps").map(Node::items).unwrap_or_default() {
            let Some(push) = pushes(step, &holds) else { continue };
            if runs && (step.get("if").is_none() || holds(step.get("if")) != Some(false)) {
                let help =
                    "the new files push for tags alone: move what a branch publishes to a workflow of its own first";
                remarks.refuse(push.at, format!("`{}` pushes for `{event}` of a branch too", id.text), help);
            }
        }
    }
}

/// A job that only works out the version: its outputs are known to those after it.
fn version(id: &Text, job: &Node, scope: &mut Scope, remarks: &mut Remarks) {
    for (name, _) in job.get("outputs").map(Node::entries).unwrap_or_default() {
        scope.outputs.insert(format!("needs.{}.outputs.{}", id.text, name.text), expression::REFUSED.to_string());
    }
    let mut own = scope.clone();
    build::environment(job, &mut own);
    let (mut plain, mut beyond) = (job.get("steps").is_some(), None);
    for step in job.get("steps").map(Node::items).unwrap_or_default() {
        let mut of_step = own.clone();
        build::environment(step, &mut of_step);
        let commands = step.get("run").map(|run| shell::commands(run, &of_step));
        match (action(step).as_deref(), commands) {
            (Some("actions/checkout"), None) => {}
            (None, Some(Ok(commands))) => {
                let step = step.get("id").and_then(Node::text).unwrap_or_default();
                for command in commands {
                    match command.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                        ["echo", value] if command.tells_runner() => {
                            plain &= build::output(&mut own, &step, value, command.appends.as_deref());
                        }
                        ["set", ..] => {}
                        ["echo", ..] if [None, Some("$GITHUB_STEP_SUMMARY")].contains(&command.appends.as_deref()) => {}
                        _ => plain = false,
                    }
                }
            }
            (None, Some(Err(what))) => beyond = beyond.or(Some(what)),
            _ => plain = false,
        }
    }
    // One that gives something on is for the version as far as it can be read.
    if let (Some((at, message)), true, Some(_)) = (&beyond, plain, job.get("outputs")) {
        remarks.refuse(*at, message.as_str(), shell::PLAINLY);
        return;
    }
    if !plain || beyond.is_some() {
        let help = "move it to a workflow of its own first, on the tag or on `workflow_run` of release-notes; checks belong to branches";
        remarks.refuse(id.at, format!("the job `{}` neither builds an image nor makes the release", id.text), help);
        return;
    }
    // It is left out, and nothing may go with it.
    for (key, value) in job.entries() {
        match key.text.as_str() {
            "name" | "needs" | "runs-on" | "timeout-minutes" | "steps" | "outputs" | "env" => {}
            "permissions" => build::permissions(value, remarks),
            "defaults" => build::defaults(value, remarks),
            "if" if step_runs(&own, value) == Some(true) => {}
            other => {
                let help = "the new files make the version of the tag, so the job goes: move what else it is for";
                remarks.refuse(key.at, format!("`{other}` of `{}` has no place", id.text), help);
            }
        }
    }
    for step in job.get("steps").map(Node::items).unwrap_or_default() {
        build::step_keys(step, &own, remarks);
        if let Some((key, value)) = step.entry("if")
            && step_runs(&own, value) != Some(true)
        {
            let help = "take the condition away, or the step";
            remarks.refuse(key.at, "this step does not run for every tag", help);
        }
        if action(step).is_some() {
            build::checkout(step, &own, remarks);
        }
    }
    for (name, value) in job.get("outputs").map(Node::entries).unwrap_or_default() {
        let value = own.fill(&value.text().unwrap_or_default());
        scope.outputs.insert(format!("needs.{}.outputs.{}", id.text, name.text), value);
    }
}

/// Every service has a name, a file and an image of its own.
fn distinct(found: &[build::Found], remarks: &mut Remarks) {
    for (index, one) in found.iter().enumerate() {
        let before = &found[..index];
        if let Some(other) = before.iter().find(|other| other.names.reference() == one.names.reference()) {
            let help = "one service is one image: name all its platforms in `platforms`, and build it once";
            let reference = one.names.reference();
            remarks.refuse(one.at, format!("`{reference}` is built at line {} too", other.at.line), help);
        } else if before.iter().any(|other| other.service.slug() == one.service.slug()) {
            let help = "give each service a name of its own";
            remarks.refuse(one.at, format!("two services have the name `{}`", one.service.slug()), help);
        }
    }
}

/// Proposes the files, unless one is there already or they would not fit.
fn write(
    repository: &Repository,
    path: &str,
    source: &Source,
    plan: &Plan,
    remarks: &mut Remarks,
) -> Result<Option<Repository>, FileError> {
    let pipelines = Pipelines { source: source.clone(), tags: plan.tags.clone(), branches: plan.branches.clone() };
    let mut changed = repository.clone();
    changed.rename(path, &format!("{path}.archived"))?;
    let mut files = vec![(NOTES.to_owned(), pipelines.notes(&plan.services, &plan.notes))];
    for service in &plan.services {
        files.push((service.release_path(), pipelines.release(service)));
        files.push((service.ci_path(), pipelines.ci(service)));
    }
    for (file, text) in files {
        if repository.has_file(&file) && file != path {
            remarks.refuse(Position::START, format!("`{file}` is there already"), "move it away first");
        }
        changed.write(&file, text);
    }
    if repository.has_file(&format!("{path}.archived")) {
        remarks.refuse(Position::START, format!("`{path}.archived` is there already"), "move it away first");
    }
    if remarks.is_refused() {
        return Ok(None);
    }
    // The last look: what was there before and does not fit is the reader's, what is new must.
    let before = check(repository)?;
    for finding in check(&changed)?.into_iter().filter(|finding| !before.contains(finding)) {
        // A file that was there.
        if repository.has_file(&finding.path) {
            remarks.note(
                Position::START,
                format!("`check` will say of `{}`: {}", finding.path, finding.message),
                finding.help,
            );
            continue;
        }
        remarks.refuse(Position::START, format!("the new files would not fit: {}", finding.message), finding.help);
    }
    Ok((!remarks.is_refused()).then_some(changed))
}

/// The action of a step, without its version, in lower case: GitHub's names have none.
fn action(step: &Node) -> Option<String> {
    let uses = step.get("uses")?.text()?;
    Some(uses.split_once('@').map_or(uses.as_str(), |(name, _)| name).to_ascii_lowercase())
}

/// What keeps something from every release.
fn never(condition: &Node) -> &'static str {
    let text = condition.text().unwrap_or_default();
    if ["failure()", "cancelled()", ".result"].iter().any(|word| text.contains(word)) {
        "runs only where something went wrong"
    } else {
        "never runs for a tag"
    }
}

/// Whether a condition holds for a release, which it must for every one of them or for none.
fn step_runs(scope: &Scope, condition: &Node) -> Option<bool> {
    let text = condition.text()?;
    expression::agreed(expression::on_tags(&text, scope).map(|(_, holds)| holds))
}
