//! Which tag this run is for: from the input, else from the event. Never "the latest tag", never a branch of that name.

use action::{Named, named, tag_named, tag_of_version};
use domain::release::versions;
use domain::repository::CommitSha;
use domain::signal::Signals;
use domain::version::ReleaseTag;
use jiff::Timestamp;
use runner::WorkflowRun;

use crate::context::Context;
use crate::failure::Failure;

/// How many tags a run without one looks at.
const SWEEP: usize = 10;
/// How many tags it examines to find them: each costs two requests.
const SWEEP_EXAMINED: usize = 50;

/// A tag to release, and its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) tag: ReleaseTag,
    pub(crate) commit: CommitSha,
    /// When the run that triggered this one was created; `None` when none did.
    pub(crate) triggered: Option<Timestamp>,
}

/// What a run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// One tag.
    One(Target),
    /// The event named none: the newest tags that carry a signal of ours and have no full release, each looked at once.
    Sweep(Vec<Target>),
}

/// Finds the tag, which must exist as `refs/tags/<tag>`, and peels it to its commit.
pub(crate) async fn targets(context: &Context) -> Result<Targets, Failure> {
    let (name, source) = match named(context.inputs.tag.as_ref(), &context.runner, &context.event) {
        Named::Tag(name, source) => (name, source),
        Named::Version(version) => {
            let (tag, commit) = tag_of_version(context, &version, context.patience()).await?;
            return Ok(Targets::One(Target { tag, commit, triggered: None }));
        }
        Named::Run(run) => return run_target(&run, context).await,
        Named::Nothing => return sweep(context).await.map(Targets::Sweep),
    };
    let (tag, commit) = tag_named(context, (&name, source), context.patience()).await?;
    // The event may still tell of a build of that commit that ended.
    let run = context.event.workflow_run.as_ref().filter(|run| run.head_sha.as_ref() == Some(&commit));
    let triggered = run.and_then(|run| run.created_at);
    Ok(Targets::One(Target { tag, commit, triggered }))
}

/// The commit of a tag; `None` when there is no such tag.
async fn commit_of(tag: &ReleaseTag, context: &Context) -> Result<Option<CommitSha>, Failure> {
    Ok(action::commit_of(context, tag, context.patience()).await?)
}

/// A run that ended. It names a tag when it was a push of that tag, or a dispatch at it; otherwise it ran for a branch.
async fn run_target(run: &WorkflowRun, context: &Context) -> Result<Targets, Failure> {
    let of_tag = matches!(run.event.as_deref(), Some("push" | "workflow_dispatch"));
    let tag = run.head_branch.as_deref().filter(|_| of_tag).and_then(|branch| branch.parse::<ReleaseTag>().ok());
    if let Some(tag) = tag {
        let commit = commit_of(&tag, context).await?.filter(|commit| run.head_sha.as_ref() == Some(commit));
        if let Some(commit) = commit {
            return Ok(Targets::One(Target { tag, commit, triggered: run.created_at }));
        }
    }
    tracing::info!("the run that ended was not for a tag: looking at the newest tags instead");
    sweep(context).await.map(Targets::Sweep)
}

/// The newest semver tags that carry a signal of ours and have no full release.
async fn sweep(context: &Context) -> Result<Vec<Target>, Failure> {
    let github = &context.github;
    let releases = context.patiently(async || github.releases().await).await?;
    let is_full = |tag: &ReleaseTag| {
        releases.iter().any(|release| release.tag_name == tag.as_str() && versions::is_full(release))
    };
    let names = context.patiently(async || github.tags_with_prefix("").await).await?;
    let mut tags: Vec<ReleaseTag> = names.iter().filter_map(|name| name.parse().ok()).collect();
    tags.retain(|tag: &ReleaseTag| tag.semver().is_some() && !is_full(tag));
    tags.sort_by(|a, b| b.precedence(a).unwrap_or(std::cmp::Ordering::Equal));
    let mut found = Vec::new();
    for tag in tags.into_iter().take(SWEEP_EXAMINED) {
        let Some(commit) = commit_of(&tag, context).await? else { continue };
        let statuses = context.patiently(async || github.statuses(&commit).await).await?;
        if Signals::read(&statuses, &tag, &context.server_url, &context.repository).first_at.is_some() {
            found.push(Target { tag, commit, triggered: None });
        }
        if found.len() == SWEEP {
            break;
        }
    }
    Ok(found)
}
