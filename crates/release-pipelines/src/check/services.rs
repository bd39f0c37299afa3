//! Every service is built by one release workflow, and the release waits for it.

use domain::service::parse_list;

use super::builds::Build;
use super::{Findings, Rule, list, release_notes};
use crate::workflow::{Call, Product, Workflow, is_expression};

pub(super) fn check(workflows: &[Workflow], builds: &[Build<'_>], findings: &mut Findings) {
    let released = builds.iter().filter(|build| build.releases).collect::<Vec<_>>();
    for (index, build) in released.iter().enumerate() {
        let name = &build.service.text;
        if let Some(first) = released[..index].iter().find(|first| first.service.text == *name) {
            findings.add(
                &build.workflow.path,
                build.service.at,
                Rule::Services,
                format!("`{name}` is released by `{}` too", first.workflow.path),
                "let one workflow release it",
            );
        }
    }
    let (mut waited_for, mut discovers) = (false, false);
    for notes in release_notes(workflows) {
        waited_for = true;
        let mut calls = notes.calls_of(Product::Release).filter(Call::publishes);
        discovers |= calls.any(|call| call.input("services").is_none_or(|services| services.text == "auto"));
        for call in notes.calls_of(Product::Release).filter(Call::publishes) {
            let Some(services) = call.input("services").filter(|text| text.text != "auto") else { continue };
            let mut add = |message: String, help: &str| {
                findings.add(&notes.path, services.at, Rule::Services, message, help);
            };
            if is_expression(&services.text) {
                continue;
            }
            match parse_list(&services.text) {
                Ok(entries) => {
                    for entry in &entries {
                        if !released.iter().any(|build| build.service.text == entry.name.as_str()) {
                            let message = format!("no workflow releases `{}` on a tag", entry.name);
                            add(message, "add its release workflow, or take it off the list");
                        }
                    }
                    for build in &released {
                        if !entries.iter().any(|entry| entry.name.as_str() == build.service.text) {
                            let (name, file) = (&build.service.text, &build.workflow.path);
                            add(format!("`{name}`, which `{file}` releases, is not waited for"), "add it to the list");
                        }
                    }
                }
                Err(problems) => problems.into_iter().for_each(|problem| add(problem, "mend the list")),
            }
        }
    }
    if discovers {
        expressions(workflows, findings);
    }
    if !waited_for && let Some(first) = released.first() {
        let names = list(released.iter().map(|build| build.service.text.as_str()));
        findings.add(
            &first.workflow.path,
            first.at,
            Rule::Services,
            format!("tags build {names}, and no workflow calls wait-and-release"),
            "add release-notes.yml",
        );
    }
}

/// What `services: auto` reads from the files at the tag, where nothing is evaluated. `service-name` is told of already.
fn expressions(workflows: &[Workflow], findings: &mut Findings) {
    for workflow in workflows.iter().filter(|workflow| workflow.is_on_tags()) {
        for call in workflow.calls_of(Product::Build) {
            for name in ["push", "image", "platforms"] {
                let Some(input) = call.input(name).filter(|input| is_expression(&input.text)) else { continue };
                findings.add(
                    &workflow.path,
                    input.at,
                    Rule::Services,
                    format!("`{name}` is the expression `{}`, which `services: auto` cannot know", input.text),
                    "write it as a text, or name the services in `services` of wait-and-release",
                );
            }
        }
    }
}
