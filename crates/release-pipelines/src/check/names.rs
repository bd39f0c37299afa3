//! The names that `workflow_run` lists. GitHub matches the `name:` of a workflow, not its file, and says nothing about a
//! name that no workflow has.

use super::builds::Build;
use super::{Findings, Rule, list, release_notes, texts};
use crate::workflow::Workflow;
use crate::yaml::Node;

pub(super) fn check(workflows: &[Workflow], builds: &[Build<'_>], findings: &mut Findings) {
    for workflow in workflows {
        let Some(names) = listed(workflow) else { continue };
        for name in names.texts() {
            let owners = workflows.iter().filter(|workflow| workflow.name().text == name.text).collect::<Vec<_>>();
            match owners.as_slice() {
                [] => findings.add(
                    &workflow.path,
                    name.at,
                    Rule::WorkflowRun,
                    format!("no workflow has the name `{}`", name.text),
                    "write the `name:` of a workflow, or take it off the list",
                ),
                [_] => {}
                [.., last] => findings.add(
                    &last.path,
                    last.name().at,
                    Rule::WorkflowRun,
                    format!("{} have the name `{}`", list(owners.iter().map(|owner| owner.path.as_str())), name.text),
                    format!("give each a name of its own: {} listens to it", workflow.path),
                ),
            }
        }
    }
    for notes in release_notes(workflows) {
        let Some(names) = listed(notes) else { continue };
        let heard = names.texts();
        for build in builds.iter().filter(|build| build.releases) {
            let name = build.workflow.name().text;
            if !texts(&heard).any(|heard| heard == name) {
                findings.add(
                    &notes.path,
                    names.at,
                    Rule::WorkflowRun,
                    format!("`{name}`, which releases `{}`, is not listed", build.service.text),
                    "add it: else its repetition does not heal a partial release",
                );
            }
        }
    }
}

/// The list of names, where the workflow has one.
fn listed(workflow: &Workflow) -> Option<&Node> {
    workflow.event("workflow_run")?.get("workflows")
}
