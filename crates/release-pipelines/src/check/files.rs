//! The files that workflows name exist, and the services that the tree shows have their workflows.

use std::collections::BTreeSet;

use super::builds::Build;
use super::{Findings, Rule, release_notes};
use crate::pipeline::of_branches;
use crate::repository::{FileError, Repository, normal};
use crate::workflow::{Call, Product, Workflow, is_expression};
use crate::yaml::{Node, Position, Text};

pub(super) fn check(
    repository: &Repository,
    workflows: &[Workflow],
    builds: &[Build<'_>],
    findings: &mut Findings,
) -> Result<(), FileError> {
    for build in builds {
        named_files(repository, build, findings);
        same_recipe(builds, build, findings);
    }
    let ours = release_notes(workflows).chain(builds.iter().map(|build| build.workflow));
    for notes in release_notes(workflows) {
        notes.calls_of(Product::Release).for_each(|call| changelog(repository, notes, &call, findings));
    }
    for workflow in ours {
        own_name(workflow, findings);
        for event in ["push", "pull_request"] {
            for filter in
                workflow.event(event).and_then(|event| event.get("paths")).map(Node::texts).unwrap_or_default()
            {
                path_filter(repository, workflow, &filter, findings);
            }
        }
    }
    unbuilt(repository, builds, findings)
}

/// The Dockerfile and the context of a build.
fn named_files(repository: &Repository, build: &Build<'_>, findings: &mut Findings) {
    let mut missing = |text: &Text, what: &str, help: &str| {
        findings.add(
            &build.workflow.path,
            text.at,
            Rule::Dockerfile,
            format!("{what} `{}` of `{}` is not in the repository", text.text, build.service.text),
            help,
        );
    };
    let here = |text: &Text| !is_expression(&text.text) && !text.text.contains("://") && !text.text.starts_with("git@");
    if here(&build.context) && !repository.has_folder(&build.context.text) {
        missing(&build.context, "the context", "mend `context`, a folder seen from the root of the repository");
    }
    if here(&build.context) && here(&build.dockerfile) && !repository.has_file(&path(&build.dockerfile.text)) {
        missing(&build.dockerfile, "the Dockerfile", "mend `dockerfile`, a path seen from the root of the repository");
    }
}

/// The file that a release takes its changelog from.
fn changelog(repository: &Repository, workflow: &Workflow, call: &Call<'_>, findings: &mut Findings) {
    let given = call.input("changelog").filter(|text| !["generate", "none"].contains(&text.text.as_str()));
    if let Some(file) = given.filter(|text| !is_expression(&text.text) && !repository.has_file(&path(&text.text))) {
        let message = format!("the changelog `{}` is not in the repository", file.text);
        let help = "name a file in the form of Keep a Changelog, `generate` or `none`";
        findings.add(&workflow.path, file.at, Rule::Drift, message, help);
    }
}

/// A path as the repository takes it.
fn path(text: &str) -> String {
    normal(text).unwrap_or_else(|| text.to_owned())
}

/// A build on a branch that warms or tries another image than the one that is released.
fn same_recipe(builds: &[Build<'_>], build: &Build<'_>, findings: &mut Findings) {
    if build.releases {
        return;
    }
    let (file, name) = (&build.workflow.path, &build.service.text);
    let Some(release) = builds.iter().find(|other| other.releases && other.service.text == *name) else {
        let message = format!("it builds `{name}`, which no workflow releases on a tag");
        findings.add(file, build.service.at, Rule::Drift, message, format!("add release-{name}.yml, or delete it"));
        return;
    };
    let mut differs = |input: &str, here: &Text, there: &Text| {
        let say = |text: &Text| match text.text.lines().count() {
            0 => "not set".to_owned(),
            1 => format!("`{}`", text.text),
            _ => format!("`{}`", text.text.lines().map(str::trim).collect::<Vec<_>>().join(" ")),
        };
        let (here_is, there_is, there) = (say(here), say(there), &release.workflow.path);
        let message = format!("`{input}` of `{name}` is {here_is}, and {there_is} in `{there}`");
        findings.add(file, here.at, Rule::Drift, message, "build on branches what is released");
    };
    for (input, here, there) in
        [("dockerfile", &build.dockerfile, &release.dockerfile), ("context", &build.context, &release.context)]
    {
        if path(&here.text) != path(&there.text) {
            differs(input, here, there);
        }
    }
    // Platforms may be fewer there; what the image is made of may not be another.
    let or_nothing = |at, text: &Option<Text>| text.clone().unwrap_or(Text { at, text: String::new() });
    for (input, here, there) in [
        ("target", &build.target, &release.target),
        ("build-args", &build.arguments, &release.arguments),
        ("build-contexts", &build.contexts, &release.contexts),
    ] {
        let (here, there) = (or_nothing(build.at, here), or_nothing(release.at, there));
        if lines(&here.text) != lines(&there.text) {
            differs(input, &here, &there);
        }
    }
}

/// The lines of an input, as a branch says them.
fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(|line| of_branches(line.trim())).filter(|line| !line.is_empty()).collect()
}

/// The `name:` of a workflow is the name of its file: people start it by the one, and `workflow_run` hears the other.
fn own_name(workflow: &Workflow, findings: &mut Findings) {
    let name = workflow.name();
    // The three forms of release-notes may keep their form in the file's name: release-notes.dispatch.yml.
    if name.text.replace('.', "-") != workflow.stem().replace('.', "-") {
        findings.add(
            &workflow.path,
            name.at,
            Rule::Drift,
            format!("its name is `{}`, and its file is named `{}`", name.text, workflow.stem()),
            "let `name:` be the file's name without its end",
        );
    }
}

/// A path filter that can match nothing, as what it names is gone.
fn path_filter(repository: &Repository, workflow: &Workflow, filter: &Text, findings: &mut Findings) {
    let pattern = filter.text.strip_prefix('!').unwrap_or(&filter.text);
    let special = pattern.find(['*', '?', '+', '[', '\\']);
    let there = match special {
        None => repository.has_file(pattern),
        Some(at) => pattern[..at].rsplit_once('/').is_none_or(|(folder, _)| repository.has_folder(folder)),
    };
    if !there {
        findings.add(
            &workflow.path,
            filter.at,
            Rule::Drift,
            format!("nothing in the repository matches `{}`", filter.text),
            "name the paths that the image is built from",
        );
    }
}

/// A Dockerfile that stands beside those of two services or more, `…/<folder>/Dockerfile`, and is built by nothing.
fn unbuilt(repository: &Repository, builds: &[Build<'_>], findings: &mut Findings) -> Result<(), FileError> {
    let built = builds.iter().map(|build| path(&build.dockerfile.text)).collect::<BTreeSet<_>>();
    // (folder of the folders, name of the Dockerfile)
    let places = built.iter().filter_map(|dockerfile| {
        let (folder, name) = dockerfile.rsplit_once('/')?;
        Some((folder.rsplit_once('/').map_or("", |(parent, _)| parent), name))
    });
    let places = places.collect::<Vec<_>>();
    let shared = places.iter().filter(|place| places.iter().filter(|other| other == place).count() > 1);
    for (parent, name) in shared.collect::<BTreeSet<_>>() {
        for folder in repository.names(parent)? {
            let dockerfile = [*parent, &folder, name].into_iter().filter(|part| !part.is_empty());
            let dockerfile = dockerfile.collect::<Vec<_>>().join("/");
            if !built.contains(&dockerfile) && repository.has_file(&dockerfile) {
                findings.add(
                    &dockerfile,
                    Position::START,
                    Rule::Drift,
                    "no workflow builds this Dockerfile",
                    format!("`release-pipelines add {folder} --dockerfile {dockerfile}`, or move it elsewhere"),
                );
            }
        }
    }
    Ok(())
}
