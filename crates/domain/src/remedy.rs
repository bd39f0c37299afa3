//! How a missing image can be had after all: the command that builds it again at this tag, and the last good image
//! until then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::decide::Verdict;
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
    Failed(u64),
    /// All jobs of a run, none of which failed: GitHub then refuses to run the failed ones.
    Whole(u64),
    /// Nothing yet: its run has not ended, and GitHub runs none again that has not.
    StillGoing,
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
    /// How far its newest attempt is.
    pub state: RunState,
}

/// How far a workflow run is, as far as that says how it can be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It has not ended.
    Going,
    /// It ended with jobs that failed or were stopped.
    Failed,
    /// It ended otherwise.
    Ended,
}

impl RunState {
    /// Reads `status` and `conclusion` of a run (REST API, "Workflow runs").
    pub fn read(status: Option<&str>, conclusion: Option<&str>) -> Self {
        match (status, conclusion) {
            (Some("completed"), Some("failure" | "cancelled" | "timed_out" | "startup_failure")) => Self::Failed,
            (Some("completed") | None, _) => Self::Ended,
            (Some(_), _) => Self::Going,
        }
    }

    /// What the verdict says of a run that cannot be read.
    pub fn guess(verdict: Verdict) -> Self {
        if matches!(verdict, Verdict::Failed | Verdict::Cancelled) { Self::Failed } else { Self::Ended }
    }
}

/// What builds an image again: its run while GitHub still allows that, else a new run of `file`.
pub fn rerun(run: Option<PastRun>, file: &str, at_tag: bool, now: Timestamp) -> Rerun {
    let age = SignedDuration::try_from(RERUN_AGE).unwrap_or(SignedDuration::MAX);
    match run {
        Some(run) if run.state == RunState::Going => Rerun::StillGoing,
        Some(run) if now.duration_since(run.created_at) < age && run.attempt < RERUN_ATTEMPTS => run.again(),
        _ => Rerun::Dispatch { file: file.to_owned(), at_tag },
    }
}

impl PastRun {
    fn again(self) -> Rerun {
        if self.state == RunState::Failed { Rerun::Failed(self.id) } else { Rerun::Whole(self.id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(attempt: u64, days: i64) -> PastRun {
        let created_at = Timestamp::from_second(-days * 24 * 3600).unwrap();
        PastRun { id: 7, attempt, created_at, state: RunState::Failed }
    }

    #[test]
    fn the_failed_jobs_are_run_again_where_some_failed_and_else_all_of_them() {
        for (status, conclusion, expected) in [
            (Some("completed"), Some("failure"), Rerun::Failed(7)),
            (Some("completed"), Some("cancelled"), Rerun::Failed(7)),
            (Some("completed"), Some("timed_out"), Rerun::Failed(7)),
            (Some("completed"), Some("startup_failure"), Rerun::Failed(7)),
            (Some("completed"), Some("success"), Rerun::Whole(7)),
            (Some("completed"), Some("skipped"), Rerun::Whole(7)),
            (Some("completed"), None, Rerun::Whole(7)),
            (Some("queued"), None, Rerun::StillGoing),
            (Some("in_progress"), None, Rerun::StillGoing),
            (Some("waiting"), None, Rerun::StillGoing),
        ] {
            let past = PastRun { state: RunState::read(status, conclusion), ..run(1, 0) };
            assert_eq!(rerun(Some(past), "x.yml", true, Timestamp::UNIX_EPOCH), expected, "{status:?} {conclusion:?}");
        }
    }

    #[test]
    fn a_run_is_run_again_while_github_allows_it_and_its_workflow_is_started_anew_later() {
        let dispatch = Rerun::Dispatch { file: "release-api.yml".into(), at_tag: true };
        for (past, expected) in [
            (Some(run(1, 0)), Rerun::Failed(7)),
            (Some(run(50, 29)), Rerun::Failed(7)),
            (Some(run(51, 0)), dispatch.clone()),
            (Some(run(1, 30)), dispatch.clone()),
            (None, dispatch),
        ] {
            assert_eq!(rerun(past, "release-api.yml", true, Timestamp::UNIX_EPOCH), expected, "{past:?}");
        }
    }
}
