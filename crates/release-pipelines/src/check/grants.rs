//! A job grants what it calls needs. GitHub refuses the whole run when a called workflow asks for more than its caller
//! has ("nested job is requesting … but is only allowed …"), and what an action may not do is known only when it tries.

use super::{Findings, Rule};
use crate::repository::normal;
use crate::workflow::{Access, Permissions, Product, Workflow};
use crate::yaml::{Node, Text};

/// What the jobs of `build-image.yml` ask for, wherever it is kept.
const BUILD: &[(&str, Access)] =
    &[("contents", Access::Read), ("packages", Access::Write), ("statuses", Access::Write)];
/// GitHub nests no deeper (documented for github.com; GHES stops at 4).
const MAX_DEPTH: usize = 10;

pub(super) fn check(workflows: &[Workflow], findings: &mut Findings) {
    for workflow in workflows {
        for (name, job) in workflow.jobs() {
            let Some((callee, needs)) = needs_of(workflows, job) else { continue };
            let granted = Permissions::of(job, workflow);
            if granted.is_none() && workflow.is_only_called() {
                continue; // it has what its caller grants, where it is counted
            }
            let missing = |(scope, access): &&(String, Access)| {
                granted.as_ref().is_none_or(|granted| granted.grant(scope) < *access)
            };
            let missing = needs.iter().filter(missing).map(|(scope, access)| format!("`{scope}: {access}`"));
            let missing = missing.collect::<Vec<_>>().join(", ");
            if missing.is_empty() {
                continue;
            }
            let (at, message) = match &granted {
                Some(granted) => (granted.at, format!("job `{}` does not grant what `{callee}` needs", name.text)),
                None => (name.at, format!("job `{}` leaves to a setting what `{callee}` may do", name.text)),
            };
            findings.add(&workflow.path, at, Rule::Grants, message, format!("grant {missing} in its `permissions:`"));
        }
    }
}

/// What a job calls, and what that needs; `None` when it is nothing that is known here.
fn needs_of(workflows: &[Workflow], job: &Node) -> Option<(String, Vec<(String, Access)>)> {
    let known = |needs: &[(&str, Access)]| needs.iter().map(|(scope, access)| ((*scope).to_owned(), *access)).collect();
    if let Some(uses) = job.get("uses").and_then(Node::placed) {
        if let Some(callee) = local(workflows, &uses) {
            return Some((uses.text, workflow_needs(workflows, callee, MAX_DEPTH)));
        }
        return Workflow::calls(job).next().map(|call| (call.uses.text, known(BUILD)));
    }
    // With a token of its own the job's permissions do not count.
    let release =
        Workflow::calls(job).find(|call| call.product == Product::Release && call.input("token").is_none())?;
    let mut needs = vec![("contents", if release.publishes() { Access::Write } else { Access::Read })];
    if release.input("signals").is_none_or(|signals| signals.text != "off") {
        needs.push(("statuses", Access::Read));
    }
    let needs = known(&needs);
    Some((release.uses.text, needs))
}

/// The called workflow, when it is one of this repository.
fn local<'a>(workflows: &'a [Workflow], uses: &Text) -> Option<&'a Workflow> {
    let path = uses.text.strip_prefix("./").or_else(|| uses.text.strip_prefix("$/"))?;
    let path = normal(path)?;
    workflows.iter().find(|workflow| workflow.path == path)
}

/// The most that any job of a called workflow asks for.
fn workflow_needs(workflows: &[Workflow], workflow: &Workflow, depth: usize) -> Vec<(String, Access)> {
    let mut needs = Vec::<(String, Access)>::new();
    let mut add = |scope: &str, access: Access| match needs.iter_mut().find(|(known, _)| known == scope) {
        Some((_, known)) => *known = (*known).max(access),
        None => needs.push((scope.to_owned(), access)),
    };
    for (_, job) in workflow.jobs() {
        if let Some(permissions) = Permissions::of(job, workflow) {
            permissions.grants().for_each(|(scope, access)| add(scope, access));
        } else if let (Some(uses), 1..) = (job.get("uses").and_then(Node::placed), depth)
            && let Some(callee) = local(workflows, &uses)
        {
            for (scope, access) in workflow_needs(workflows, callee, depth - 1) {
                add(&scope, access);
            }
        }
    }
    needs
}
