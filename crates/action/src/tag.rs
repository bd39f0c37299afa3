//! Which tag a run is for: from the input, else from the event. Never "the latest tag", never a branch of that name.

use domain::repository::CommitSha;
use domain::version::ReleaseTag;
use runner::{Event, Runner, WorkflowRun};

use crate::patience::{Limit, patiently};
use crate::session::Session;

/// Where the name of a tag came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A tag, and who named it.
    Tag(String, &'static str),
    /// `client_payload.version`: the tag is `v{version}` or `{version}`.
    Version(String),
    /// A run that started or ended; its branch may be a tag.
    Run(WorkflowRun),
    /// Nobody named one.
    Nothing,
}

/// Who names the tag, in the order in which they are heard.
pub fn named(input: Option<&ReleaseTag>, runner: &Runner, event: &Event) -> Named {
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

/// Why there is no tag.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// What was named cannot be the tag of a release.
    #[error("{0}")]
    BadInput(String),
    /// GitHub did not say.
    #[error(transparent)]
    GitHub(#[from] github::Error),
}

/// The commit of the tag that was named; `patience`: how long a GitHub that does not answer is waited out.
///
/// # Errors
/// When it is no tag of a release, or does not exist.
pub async fn tag_named(
    session: &Session,
    (name, source): (&str, &str),
    patience: impl Into<Limit>,
) -> Result<(ReleaseTag, CommitSha), TagError> {
    let tag: ReleaseTag =
        name.parse().map_err(|error| TagError::BadInput(format!("`tag` (from {source}): {error}")))?;
    let Some(commit) = commit_of(session, &tag, patience).await? else {
        return Err(TagError::BadInput(format!(
            "`tag` (from {source}): there is no tag {tag} in {}: push it first, or name one that exists",
            session.repository
        )));
    };
    Ok((tag, commit))
}

/// The commit of a tag; `None` when there is no such tag.
///
/// # Errors
/// When GitHub does not say.
pub async fn commit_of(
    session: &Session,
    tag: &ReleaseTag,
    patience: impl Into<Limit>,
) -> Result<Option<CommitSha>, github::Error> {
    patiently(patience, async || session.github.tag(tag.as_str()).await).await
}

/// `client_payload.version`: the tag is `v{version}` or `{version}`, whichever exists.
///
/// # Errors
/// When neither or both exist.
pub async fn tag_of_version(
    session: &Session,
    version: &str,
    patience: impl Into<Limit>,
) -> Result<(ReleaseTag, CommitSha), TagError> {
    let (mut found, patience) = (Vec::new(), patience.into());
    for name in [format!("v{version}"), version.to_owned()] {
        let tag: ReleaseTag =
            name.parse().map_err(|error| TagError::BadInput(format!("`client_payload.version`: {error}")))?;
        if let Some(commit) = commit_of(session, &tag, patience).await? {
            found.push((tag, commit));
        }
    }
    let shown = transport::printable(version, 100);
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(TagError::BadInput(format!(
            "`client_payload.version`: both v{shown} and {shown} are tags: send client_payload.tag"
        ))),
        (None, _) => {
            Err(TagError::BadInput(format!("`client_payload.version`: neither v{shown} nor {shown} is a tag")))
        }
    }
}
