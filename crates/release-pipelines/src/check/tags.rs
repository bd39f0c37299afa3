//! The same tags start all release workflows: a tag that starts the builds and not the release, or one build and not the
//! other, ends in a partial release or in none.

use super::builds::Build;
use super::{Findings, Rule, list, release_notes};
use crate::workflow::Workflow;

pub(super) fn check(workflows: &[Workflow], builds: &[Build<'_>], findings: &mut Findings) {
    let releases = builds.iter().filter(|build| build.releases).map(|build| build.workflow);
    let mut all = release_notes(workflows).filter(|workflow| workflow.is_on_tags()).chain(releases).collect::<Vec<_>>();
    all.dedup_by_key(|workflow| &workflow.path);
    let Some((first, others)) = all.split_first() else { return };
    let patterns = |workflow: &Workflow| workflow.tags().map(|(_, patterns)| patterns).unwrap_or_default();
    let expected = patterns(first);
    for workflow in others.iter().filter(|workflow| patterns(workflow) != expected) {
        let at = workflow.tags().map_or_else(|| workflow.name().at, |(at, _)| at);
        let expected = list(expected.iter().map(String::as_str));
        let found = list(patterns(workflow).iter().map(String::as_str));
        findings.add(
            &workflow.path,
            at,
            Rule::Tags,
            format!("tags like {found} start it, and tags like {expected} start `{}`", first.path),
            "write the same `on.push.tags` in all release workflows",
        );
    }
}
