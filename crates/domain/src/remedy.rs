//! How a missing image can be had after all: the command that builds it again at this tag, and the last good image
//! until then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::image::ImageReference;
use crate::version::ReleaseTag;

/// How long after its creation a run can be run again (GitHub, "Re-running workflows and jobs").
const RERUN_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many attempts a run can have: the first and 50 re-runs (GitHub, "Actions limits").
const RERUN_ATTEMPTS: u64 = 51;

/// What is known of one service's remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// What builds it again.
    pub rerun: Rerun,
    /// What can be used until then; `None` when no earlier release has it.
    pub last_good: Option<LastGood>,
}

/// What builds an image again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rerun {
    /// The failed jobs of a run.
    Run(u64),
    /// A new run of a workflow file.
    Dispatch {
        /// The name of the file.
        file: String,
        /// True when the file at the tag has the trigger; otherwise the one of the default branch is started.
        at_tag: bool,
    },
}

/// An image of the same service from an earlier release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastGood {
    /// The release.
    pub tag: ReleaseTag,
    /// The image, seen on the registry.
    pub image: ImageReference,
}

/// A workflow run that may be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastRun {
    /// Its number.
    pub id: u64,
    /// Its newest attempt, from 1.
    pub attempt: u64,
    /// When its first attempt was created.
    pub created_at: Timestamp,
}

/// What builds an image again: its run while GitHub still allows that, else a new run of `file`.
pub fn rerun(run: Option<PastRun>, file: &str, at_tag: bool, now: Timestamp) -> Rerun {
    let age = SignedDuration::try_from(RERUN_AGE).unwrap_or(SignedDuration::MAX);
    match run {
        Some(run) if now.duration_since(run.created_at) < age && run.attempt < RERUN_ATTEMPTS => Rerun::Run(run.id),
        _ => Rerun::Dispatch { file: file.to_owned(), at_tag },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(attempt: u64, days: i64) -> PastRun {
        PastRun { id: 7, attempt, created_at: Timestamp::from_second(-days * 24 * 3600).unwrap() }
    }

    #[test]
    fn a_run_is_run_again_while_github_allows_it_and_its_workflow_is_started_anew_later() {
        let dispatch = Rerun::Dispatch { file: "release-api.yml".into(), at_tag: true };
        for (past, expected) in [
            (Some(run(1, 0)), Rerun::Run(7)),
            (Some(run(50, 29)), Rerun::Run(7)),
            (Some(run(51, 0)), dispatch.clone()),
            (Some(run(1, 30)), dispatch.clone()),
            (None, dispatch),
        ] {
            assert_eq!(rerun(past, "release-api.yml", true, Timestamp::UNIX_EPOCH), expected, "{past:?}");
        }
    }
}
