//! Every text that a person reads. Values in, text out; nothing here decides.
//!
//! `markdown`: how text that is not ours is made harmless. `reason`: why an image has its verdict, and the cure.
//! `body`: the head of the release page. `summary`: the job summary of a release, `build`: of a build. `log`: the lines of the log.

pub mod body;
pub mod build;
pub mod log;
pub mod markdown;
pub mod reason;
pub mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::image::ImageReference;
use crate::remedy::Remedy;
use crate::repository::{CommitSha, Repository};
use crate::service::ServiceName;
use crate::version::ReleaseTag;

/// What the texts of one run are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The address of its pages without a trailing `/`.
    pub repository_url: &'a str,
    /// The tag.
    pub tag: &'a ReleaseTag,
    /// The tag's commit.
    pub commit: &'a CommitSha,
    /// How the missing images can be had, as far as it was found out.
    pub remedies: &'a BTreeMap<ServiceName, Remedy>,
}

/// `docker pull` of an image, by tag.
fn pull_command(reference: &ImageReference) -> String {
    format!("docker pull {reference}")
}
