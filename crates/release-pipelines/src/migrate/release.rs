//! The job or step that makes the GitHub release, as inputs of wait-and-release.

use super::build::{Known, OWN_TOKEN, checkout, defaults, environment, guard, output, permissions, step_keys, with};
use super::expression::{self, REPOSITORY, Scope};
use super::remark::Remarks;
use super::shell::{self, Flags};
use super::{action as action_name, changelog};
use super::{never, step_runs};
use crate::pipeline::Input;
use crate::repository::normal;
use crate::yaml::{Node, Position, Text};

/// The release as the old workflow makes it.
#[derive(Debug, Default)]
pub(super) struct Release {
    pub(super) inputs: Vec<Input>,
    /// Whether it asks for a changelog.
    changelog: bool,
}

impl Release {
    /// The inputs of wait-and-release that are not their defaults.
    pub(super) fn inputs(mut self) -> Vec<Input> {
        if !self.changelog && !self.inputs.iter().any(|input| input.key == "changelog") {
            self.inputs.push(Input::new("changelog", "none"));
        }
        self.inputs
    }
}

/// The actions that make a release.
const RELEASES: [&str; 3] = ["softprops/action-gh-release", "ncipollo/release-action", "actions/create-release"];
/// The actions that write a changelog for it.
const CHANGELOGS: [&str; 4] = [
    "mikepenz/release-changelog-builder-action",
    "metcalfc/changelog-generator",
    "orhun/git-cliff-action",
    "requarks/changelog-action",
];

pub(super) fn is_release(action: &str) -> bool {
    RELEASES.contains(&action)
}

/// Whether a job makes the release.
pub(super) fn releases(job: &Node) -> bool {
    let steps = job.get("steps").map(Node::items).unwrap_or_default();
    steps.iter().any(|step| {
        let run = step.get("run").and_then(Node::text).unwrap_or_default();
        action_name(step).is_some_and(|name| is_release(&name)) || run.contains("gh release create")
    })
}

/// Reads a job that makes the release.
pub(super) fn read(known: &Known<'_>, id: &Text, job: &Node, release: &mut Option<Release>, remarks: &mut Remarks) {
    let mut scope = known.scope.clone();
    environment(job, &mut scope);
    for (key, value) in job.entries() {
        match key.text.as_str() {
            "name" | "needs" | "steps" | "env" | "outputs" => {}
            "runs-on" if value.text().is_some_and(|label| label.starts_with("ubuntu-")) => {}
            "runs-on" => {
                let help = "it asks registries and GitHub; write another `runs-on` where only that runner reaches them";
                remarks.note(key.at, "release-notes.yml runs on `ubuntu-24.04`", help);
            }
            "timeout-minutes" => {
                let help = "it waits for the builds: `timeout` of wait-and-release, and a little more for the job";
                remarks.note(key.at, format!("`timeout-minutes` of `{}` is left out", id.text), help);
            }
            "defaults" => defaults(value, remarks),
            "permissions" => permissions(value, remarks),
            "concurrency" => {
                remarks.note(
                    key.at,
                    format!("`concurrency` of `{}` changes", id.text),
                    "one run for each tag goes at a time",
                );
            }
            "if" if step_runs(&scope, value) == Some(true) => guard(key.at, value, &format!("`{}`", id.text), remarks),
            other => {
                let help = AFTER;
                remarks.refuse(key.at, format!("`{other}` of `{}` has no place in release-notes.yml", id.text), help);
            }
        }
    }
    for step in job.get("steps").map(Node::items).unwrap_or_default() {
        if let Some((key, value)) = step.entry("if") {
            match step_runs(&scope, value) {
                Some(true) => guard(key.at, value, "this step", remarks),
                Some(false) => {
                    remarks.note(key.at, format!("this step {}", never(value)), "it is left out");
                    continue;
                }
                None => {
                    let help = "take the condition away";
                    remarks.refuse(key.at, "whether this step runs is known only when the workflow runs", help);
                }
            }
        }
        step_keys(step, &scope, remarks);
        let mut own = scope.clone();
        environment(step, &mut own);
        let name = action_name(step).unwrap_or_default();
        let at = step.get("uses").map_or(step.at, |uses| uses.at);
        if let Some(run) = step.get("run") {
            let known = Known { repository: known.repository, scope: &own };
            script(&known, step, run, &mut scope, release, remarks);
        } else if name == "actions/checkout" {
            checkout(step, &scope, remarks);
        } else if is_release(&name) {
            action(&Known { repository: known.repository, scope: &own }, &name, step, release, remarks);
        } else if CHANGELOGS.contains(&name.as_str()) {
            remarks.note(at, format!("{name} is left out"), GENERATED);
            let set = ["with", "env"].into_iter().flat_map(|key| step.get(key).map(Node::entries).unwrap_or_default());
            let set = set.filter_map(|(_, value)| value.text()).collect::<Vec<_>>();
            scope.changelogs.push((step.get("id").and_then(Node::text).unwrap_or_default(), set.join("\n")));
        } else {
            let help = AFTER;
            remarks.refuse(at, format!("{name} has no place in release-notes.yml"), help);
        }
    }
}

/// Not `release: published`: what the token of a workflow publishes starts no other (GitHub, "Triggering a workflow").
const AFTER: &str = "move what it is for to a workflow of its own, on `workflow_run` of release-notes";
const GENERATED: &str =
    "the release holds GitHub's generated notes, or a section of a Keep-a-Changelog file (`changelog`)";

fn script(
    known: &Known<'_>,
    step: &Node,
    run: &Node,
    scope: &mut Scope,
    release: &mut Option<Release>,
    remarks: &mut Remarks,
) {
    let id = step.get("id").and_then(Node::text).unwrap_or_default();
    let text = run.text().unwrap_or_default();
    if !text.contains("gh release")
        && (text.contains("git log") || text.contains("git-cliff") || text.contains("git shortlog"))
    {
        for (at, command) in changelog::others(run) {
            remarks.refuse(at, format!("`{command}` stands in a script that writes a changelog"), AFTER);
        }
        remarks.note(run.at, "this changelog is left out", GENERATED);
        scope.changelogs.push((id, text));
        return;
    }
    match shell::commands(run, known.scope) {
        Ok(commands) => {
            for command in commands {
                let words = command.words.iter().map(String::as_str).collect::<Vec<_>>();
                match words.as_slice() {
                    ["set" | "true" | ":", ..] => {}
                    ["echo", value] if command.tells_runner() => {
                        if !output(scope, &id, value, command.appends.as_deref()) {
                            remarks.refuse(command.at, format!("`{value}` is no `NAME=value`"), shell::PLAINLY);
                        }
                    }
                    ["echo", ..] if command.appends.is_none() => {}
                    ["gh", "release", "create", rest @ ..] => {
                        let mut own = known.scope.clone();
                        own.env.extend(command.exported.clone());
                        let known = Known { repository: known.repository, scope: &own };
                        self::command(&known, command.at, rest, release, remarks);
                    }
                    other => {
                        let name = other.iter().take(3).copied().collect::<Vec<_>>().join(" ");
                        let help = AFTER;
                        remarks.refuse(command.at, format!("`{name}` has no place in release-notes.yml"), help);
                    }
                }
            }
        }
        Err((at, message)) => {
            remarks.refuse(at, message, shell::PLAINLY);
            scope.refuse_outputs(&id);
        }
    }
}

/// Reads a step of one of the release actions.
pub(super) fn action(known: &Known<'_>, name: &str, step: &Node, release: &mut Option<Release>, remarks: &mut Remarks) {
    let scope = known.scope;
    let mut made = Made { known, release: Release::default(), remarks };
    for (key, value) in with(step) {
        let text = value.text().unwrap_or_default();
        let filled = scope.fill(&text);
        match key.text.as_str() {
            "tag_name" | "tag" => made.tag(value.at, &filled),
            // It takes this away wherever it stands (actions/create-release, src/create-release.js).
            "release_name" => made.title(value.at, &filled.replacen("refs/tags/", "", 1)),
            "name" => made.title(value.at, &filled),
            "body" => made.body(value.at, &filled),
            "body_path" | "bodyFile" => made.file(value.at, &filled),
            "generate_release_notes" | "generateReleaseNotes" => match filled.as_str() {
                "true" => made.release.changelog = true,
                "false" | "" => {}
                _ => made.unknown(value.at, "choice", &filled),
            },
            "draft" => made.flag("draft", value.at, &filled, "false"),
            "prerelease" => made.prerelease(value.at, &filled),
            "make_latest" | "makeLatest" => made.latest(value.at, &filled),
            "token" | "github_token" | "repo_token" => made.token(value.at, &filled),
            "allowUpdates"
            | "omitBodyDuringUpdate"
            | "omitNameDuringUpdate"
            | "skipIfReleaseExists"
            | "replacesArtifacts"
            | "append_body"
            | "fail_on_unmatched_files"
            | "artifactErrorsFailBuild"
            | "removeArtifacts" => {}
            "files" | "artifacts" | "artifact" => {
                let help = "attach files in a workflow of your own, on `workflow_run` of release-notes";
                made.remarks.refuse(key.at, format!("`{}` of {name} has no place", key.text), help);
            }
            other => made.remarks.refuse(key.at, format!("`{other}` of {name} has no place"), "take it away"),
        }
    }
    let at = step.get("uses").map_or(step.at, |uses| uses.at);
    let given = with(step).iter().any(|(key, _)| key.text.ends_with("token"));
    if let Some(token) = scope.env.get("GITHUB_TOKEN").filter(|_| !given && !name.starts_with("ncipollo/")) {
        made.token(step.at_path(&["env", "GITHUB_TOKEN"]).map_or(at, |token| token.at), token);
    }
    one(at, made.release, release, remarks);
}

/// Reads `gh release create` and what follows it.
pub(super) fn command(
    known: &Known<'_>,
    at: Position,
    words: &[&str],
    release: &mut Option<Release>,
    remarks: &mut Remarks,
) {
    let scope = known.scope;
    let mut made = Made { known, release: Release::default(), remarks };
    let (mut flags, mut tagged) = (Flags::new(words), false);
    while let Some(flag) = flags.flag() {
        match flag {
            flag if flags.is_set_switch(flag) => {
                made.remarks.refuse(at, format!("`{flag}` of `gh release create` has a value"), "write the flag alone");
            }
            "--title" | "-t" => made.title(at, flags.value()),
            "--notes" | "-n" => made.body(at, flags.value()),
            "--notes-file" | "-F" => made.file(at, flags.value()),
            "--generate-notes" => made.release.changelog = true,
            "--draft" | "-d" => made.flag("draft", at, flags.glued.unwrap_or("true"), "false"),
            "--prerelease" | "-p" => made.prerelease(at, flags.glued.unwrap_or("true")),
            "--latest" => made.latest(at, flags.glued.unwrap_or("true")),
            "--verify-tag" => {}
            "--repo" | "-R" => made.repository(at, flags.value()),
            flag if flag.starts_with('-') => {
                made.remarks.refuse(at, format!("`{flag}` of `gh release create` has no place"), "take it away");
            }
            tag if !tagged => {
                tagged = true;
                made.tag(at, tag);
            }
            file => {
                let help = "attach files in a workflow of your own, on `workflow_run` of release-notes";
                made.remarks.refuse(at, format!("the file `{file}` of `gh release create` has no place"), help);
            }
        }
    }
    if let Some(repository) = scope.env.get("GH_REPO") {
        made.repository(at, repository);
    }
    // gh, "gh help environment": in order of precedence.
    if let Some(token) = scope.env.get("GH_TOKEN").or_else(|| scope.env.get("GITHUB_TOKEN")) {
        made.token(at, token);
    }
    one(at, made.release, release, remarks);
}

/// There is one release.
fn one(at: Position, made: Release, release: &mut Option<Release>, remarks: &mut Remarks) {
    match release {
        Some(known) if known.inputs != made.inputs => {
            remarks.refuse(at, "a second step makes a release", "let one step make it");
        }
        _ => *release = Some(made),
    }
}

/// Whether a word of a text is that path.
fn names_file(text: &str, path: &str) -> bool {
    let words = text.split(|c: char| c.is_whitespace() || "'\"`<>;|&()=,".contains(c));
    words.filter_map(normal).any(|word| word == path)
}

struct Made<'a> {
    known: &'a Known<'a>,
    release: Release,
    remarks: &'a mut Remarks,
}

impl Made<'_> {
    fn set(&mut self, key: &'static str, value: &str) {
        self.release.inputs.push(Input::new(key, value));
    }

    fn unknown(&mut self, at: Position, what: &str, text: &str) {
        let message = format!("the {what} `{}` is known only when the workflow runs", text.trim());
        self.remarks.refuse(at, message, "write it as a text, or take it away");
    }

    fn tag(&mut self, at: Position, filled: &str) {
        match expression::template(filled).as_deref() {
            Ok("{tag}" | "refs/tags/{tag}") => {}
            Ok("v{version}") if self.known.scope.begins_with_v() => {}
            _ => self.unknown(at, "tag of the release", filled),
        }
    }

    fn repository(&mut self, at: Position, filled: &str) {
        if filled != REPOSITORY.to_string() {
            let message = format!("it makes a release in another repository, `{}`", filled.trim());
            self.remarks.refuse(at, message, AFTER);
        }
    }

    fn title(&mut self, at: Position, filled: &str) {
        if filled.contains(['{', '}']) && !filled.contains("${{") {
            let message = format!("the title `{filled}` holds a brace, which begins a placeholder in a release file");
            self.remarks.refuse(at, message, "write it without");
            return;
        }
        match expression::template(filled) {
            Ok(title) if title == "{tag}" || title.is_empty() => {}
            Ok(title) => self.set("name", &title),
            Err(_) => self.unknown(at, "title", filled),
        }
    }

    fn body(&mut self, at: Position, filled: &str) {
        if filled.trim().is_empty() {
            return;
        }
        // Nothing but one output of the step: a dot, and one word.
        let output = expression::only(filled).and_then(|text| text.strip_prefix("steps."));
        let from_changelog = output.and_then(|output| output.split_once(".outputs."));
        if from_changelog.is_some_and(|(id, name)| {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            name.chars().all(word) && self.known.scope.changelogs.iter().any(|(known, _)| known == id)
        }) {
            self.release.changelog = true;
            return;
        }
        match expression::notes(filled) {
            Ok(text) if text.contains('\n') => self.set("notes", &format!("{}\n", text.trim())),
            Ok(text) => self.set("notes", text.trim()),
            Err(_) => self.unknown(at, "text of the release", filled),
        }
    }

    fn file(&mut self, at: Position, filled: &str) {
        let path = filled.trim();
        let path = path.strip_prefix("${{ github.workspace }}/").unwrap_or(path);
        let path = normal(path).filter(|path| expression::is_plain(path)).unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if !path.is_empty() && self.known.scope.changelogs.iter().any(|(_, text)| names_file(text, &path)) {
            self.release.changelog = true;
        } else if !path.is_empty() && !self.known.repository.has_file(&path) {
            let message = format!("the file with the text `{path}` is not in the repository");
            self.remarks.refuse(at, message, "write it before the tag, or let GitHub write the notes");
        } else if name.starts_with("changelog") {
            self.set("changelog", &path);
            let help = "the file must have the form of Keep a Changelog";
            self.remarks.note(
                at,
                format!("of `{filled}` the section of the version is taken, not the whole file"),
                help,
            );
        } else if path.is_empty() {
            self.unknown(at, "file with the text", filled);
        } else {
            let help = "write it as the text of the release, or keep a changelog: `changelog` reads the section of the version";
            self.remarks.refuse(at, format!("`{path}` is no changelog, and no other file is read"), help);
        }
    }

    fn flag(&mut self, key: &'static str, at: Position, filled: &str, default: &str) {
        match filled {
            text if text == default => {}
            "true" | "false" => self.set(key, filled),
            _ => self.unknown(at, key, filled),
        }
    }

    fn prerelease(&mut self, at: Position, filled: &str) {
        let by_tag = filled.contains("${{") && (filled.contains("contains(") || filled.contains("startsWith("));
        if by_tag || filled == "false" {
            self.remarks.note(at, "`prerelease` is decided by the version", "`v1.2.3-rc.1` is one, `v1.2.3` is not");
        } else {
            self.flag("prerelease", at, filled, "false");
        }
    }

    fn latest(&mut self, at: Position, filled: &str) {
        match filled {
            "legacy" | "auto" => {}
            "true" => {
                let help = "the highest full release by version is the latest, and no pre-release is";
                self.remarks.note(at, "which release is the latest is decided by the version", help);
            }
            other => self.flag("make-latest", at, other, "true"),
        }
    }

    fn token(&mut self, at: Position, filled: &str) {
        if OWN_TOKEN.contains(&filled.trim()) {
            return;
        }
        match expression::only(filled).filter(|_| expression::secret(filled).is_ok()) {
            Some(_) => self.set("token", filled.trim()),
            None => self.unknown(at, "token", "…"),
        }
    }
}
