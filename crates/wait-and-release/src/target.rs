//! Which tag this run is for: from the input, else from the event. Never "the latest tag", never a branch of that name.

use domain::release::versions;
use domain::repository::CommitSha;
use domain::signal::Signals;
use domain::version::ReleaseTag;
use jiff::Timestamp;
use runner::{Event, Runner, WorkflowRun};

use crate::context::Context;
use crate::failure::Failure;

/// How many tags a run without one looks at.
const SWEEP: usize = 10;
/// How many tags it examines to find them.
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

/// Where a tag's name came from.
enum Named {
    Tag(String, &'static str),
    Version(String),
    Run(WorkflowRun),
    Nothing,
}

fn named(input: Option<&ReleaseTag>, runner: &Runner, event: &Event) -> Named {
    let ref_tag = || runner.git_ref.as_deref().and_then(|name| name.strip_prefix("refs/tags/"));
    let payload = event.client_payload.as_ref();
    let filled = |text: &&String| !text.trim().is_empty();
    if let Some(tag) = input {
        Named::Tag(tag.to_string(), "the input `tag`")
    } else if let Some(tag) = event.inputs.get("tag").filter(filled) {
        Named::Tag(tag.trim().to_owned(), "the dispatch input `tag`")
    } else if let Some(tag) = payload.and_then(|payload| payload.tag.as_ref()).filter(filled) {
        Named::Tag(tag.clone(), "client_payload.tag")
    } else if let Some(version) = payload.and_then(|payload| payload.version.as_ref()).filter(filled) {
        Named::Version(version.clone())
    } else if let Some(tag) = event.release_tag.as_ref().filter(filled) {
        Named::Tag(tag.clone(), "release.tag_name")
    } else if let Some(tag) = ref_tag() {
        Named::Tag(tag.to_owned(), "GITHUB_REF")
    } else if let Some(run) = &event.workflow_run {
        Named::Run(run.clone())
    } else {
        Named::Nothing
    }
}

/// Finds the tag, which must exist as `refs/tags/<tag>`, and peels it to its commit.
pub(crate) async fn targets(context: &Context) -> Result<Targets, Failure> {
    let (name, source) = match named(context.inputs.tag.as_ref(), &context.runner, &context.event) {
        Named::Tag(name, source) => (name, source),
        Named::Version(version) => return version_target(&version, context).await.map(Targets::One),
        Named::Run(run) => return run_target(&run, context).await,
        Named::Nothing => return sweep(context).await.map(Targets::Sweep),
    };
    let tag: ReleaseTag = name.parse().map_err(|error| Failure::BadInput(format!("`tag` (from {source}): {error}")))?;
    let Some(commit) = commit_of(&tag, context).await? else {
        return Err(Failure::BadInput(format!(
            "`tag` (from {source}): there is no tag {tag} in {}: push it first, or name one that exists",
            context.repository
        )));
    };
    Ok(Targets::One(Target { tag, commit, triggered: None }))
}

/// The commit of a tag; `None` when there is no such tag.
async fn commit_of(tag: &ReleaseTag, context: &Context) -> Result<Option<CommitSha>, Failure> {
    Ok(context.patiently(async || context.github.tag(tag.as_str()).await).await?)
}

/// `client_payload.version`: the tag is `v{version}` or `{version}`, whichever exists.
async fn version_target(version: &str, context: &Context) -> Result<Target, Failure> {
    let mut found = Vec::new();
    for name in [format!("v{version}"), version.to_owned()] {
        let tag: ReleaseTag =
            name.parse().map_err(|error| Failure::BadInput(format!("`client_payload.version`: {error}")))?;
        if let Some(commit) = commit_of(&tag, context).await? {
            found.push(Target { tag, commit, triggered: None });
        }
    }
    let shown = transport::printable(version, 100);
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::BadInput(format!(
            "`client_payload.version`: both v{shown} and {shown} are tags: send client_payload.tag"
        ))),
        (None, _) => Err(Failure::BadInput(format!("`client_payload.version`: neither v{shown} nor {shown} is a tag"))),
    }
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
