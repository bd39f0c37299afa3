//! What should happen now, given what we see. A pure function of values: no I/O, no clock, no environment.
//!
//! The rules in prose. The registry is the only proof; a signal is a hint, or a veto. `proof` says what an image that
//! is there is worth, `image` gives each image its verdict (rows: what the registry shows; columns: the newest
//! signal), and `release` decides:
//!
//! 1. Something pending and time left: wait. A run that only looks ends as pending instead.
//! 2. All required ready, and no optional one has a pending signal or time is up: a full release.
//! 3. Nothing pending any more, or time is up, and a required one is missing: a partial release, or as `on-missing`
//!    says. None ready at all: no release. A required one unknown: nothing is published.

mod image;
mod proof;
mod release;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::evidence::Sight;
use crate::image::{Digest, ImageReference, Platform};
use crate::repository::{CommitSha, Repository};
use crate::service::ServiceName;
use crate::signal::{RunAttempt, ServiceSignals, SignalState};

pub use image::judge;
pub use proof::{Origin, prove};
pub use release::decide;

/// After a success signal, how many looks of this run must have missed the image before that is final.
pub const LOOKS_AFTER_SUCCESS: u32 = 3;
/// After a success signal and the first look, how long an image may stay out of sight before that is final.
/// Registries show a pushed image some seconds late.
pub const LAG_AFTER_SUCCESS: Duration = Duration::from_secs(120);

/// What the whole release is measured by; the same for every image of a run.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The repository that releases.
    pub repository: Repository,
    /// The address of its pages without a trailing `/`, such as `https://github.com/octo/shop`.
    pub repository_url: String,
    /// The commit of the tag.
    pub commit: CommitSha,
    /// How strictly an image must name that commit.
    pub revision: RevisionPolicy,
    /// The platforms that every image must hold (the `platforms` input); `None` means that each image has its own.
    pub platforms: Option<Vec<Platform>>,
    /// What becomes of a release that lacks an image.
    pub on_missing: OnMissing,
    /// True in a run that waits, false in one that looks once.
    pub waiting: bool,
    /// How long to wait in all.
    pub timeout: Duration,
    /// How long a service may stay without any sign of life; zero means that it never counts as not started.
    pub start_grace: Duration,
}

/// How strictly an image must name the tag's commit (the `revision` input).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionPolicy {
    /// Every platform must name it.
    Require,
    /// An image that names none is accepted when a green signal names its digest, or when there is no signal at all.
    Auto,
    /// The revision is not looked at.
    Off,
}

/// What becomes of a release that lacks an image (the `on-missing` input).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// Publish it with a warning.
    Partial,
    /// Keep it as a draft.
    Draft,
    /// No release, and the run fails.
    Fail,
    /// No release, and the run succeeds.
    None,
}

/// Everything seen of one image.
#[derive(Debug, Clone)]
pub struct ImageEvidence {
    /// The service it belongs to.
    pub service: ServiceName,
    /// False for a service marked `?`.
    pub required: bool,
    /// Where it should stand.
    pub reference: ImageReference,
    /// The platforms that its workflow file names; `None` means those of its green signal, else any.
    pub platforms: Option<Vec<Platform>>,
    /// What the newest look showed; `None` before the first.
    pub sight: Option<Sight>,
    /// When this run looked first; `None` before the first look.
    pub first_look: Option<Timestamp>,
    /// How often this run has looked since it knows the newest signal.
    pub looks_since_signal: u32,
    /// The same image under `{tag}` instead of `{version}` or the reverse, where it was found.
    pub elsewhere: Option<ImageReference>,
    /// What the service said of its build.
    pub signals: ServiceSignals,
}

impl ImageEvidence {
    /// The platforms that the image must hold: those of the `platforms` input, else of its workflow file, else of its
    /// green signal. Empty: whatever it holds.
    pub fn wanted_platforms<'a>(&'a self, input: Option<&'a [Platform]>) -> &'a [Platform] {
        match (input.or(self.platforms.as_deref()), self.signals.newest.as_ref().map(|signal| &signal.state)) {
            (Some(platforms), _) => platforms,
            (None, Some(SignalState::Green { platforms, .. })) => platforms,
            (None, Some(SignalState::Pending | SignalState::Failed { .. } | SignalState::Cancelled { .. }) | None) => {
                &[]
            }
        }
    }
}

/// Everything seen at one moment.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Every service's image.
    pub images: Vec<ImageEvidence>,
    /// When this run started, by GitHub's clock.
    pub started: Timestamp,
    /// When the run that triggered this one was created; `None` when none did.
    pub triggered: Option<Timestamp>,
    /// When the first signal at this tag was written.
    pub first_signal: Option<Timestamp>,
    /// When the newest signal at this tag was written.
    pub newest_signal: Option<Timestamp>,
    /// Whether another workflow run of the tag's commit is queued or running.
    pub other_runs: OtherRuns,
}

/// Whether another workflow run of the tag's commit is queued or running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherRuns {
    /// Not asked yet.
    NotAsked,
    /// At least one is.
    Active,
    /// None is.
    Idle,
    /// The token may not ask (`actions: read`).
    Unreadable,
}

/// What one image is, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proven.
    Ready,
    /// The service said that it builds.
    Building,
    /// The service said that it is there, and the registry does not show it yet.
    Publishing,
    /// The build failed.
    Failed,
    /// The build was cancelled or skipped.
    Cancelled,
    /// Not there.
    Absent,
    /// Not there, and nothing builds it.
    NotStarted,
    /// The service said that it is there, and the registry says no.
    Vanished,
    /// There, of another commit.
    WrongRevision,
    /// There, without a platform that it must hold.
    MissingPlatform,
    /// There, with a platform whose content the registry does not hold.
    Incomplete,
    /// Something else stands there.
    NotAnImage,
    /// There, with another digest than the service said.
    OtherDigest,
    /// Never published, or hidden from this token.
    Denied,
    /// The registry did not answer.
    Unreachable,
}

/// How an image counts in the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may still change by itself.
    Pending,
    /// It is proven.
    Ready,
    /// It is not there, and will not be.
    Missing,
    /// It cannot be told.
    Unknown,
}

/// What is proven of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The digest that the tag resolves to.
    pub digest: Digest,
    /// The platforms that were proven: those that were wanted, else all that it holds.
    pub platforms: Vec<Platform>,
    /// The commit it names; `None` when it names none or none was read.
    pub revision: Option<String>,
    /// False when neither the image nor a signal ties it to the tag's commit.
    pub commit_proven: bool,
}

/// One image's verdict, with what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The service.
    pub service: ServiceName,
    /// False for a service marked `?`.
    pub required: bool,
    /// Where the image should stand.
    pub reference: ImageReference,
    /// What it is.
    pub verdict: Verdict,
    /// How it counts.
    pub standing: Standing,
    /// Why.
    pub reason: Reason,
    /// What is proven of it; also of an image whose build then failed.
    pub proof: Option<Proof>,
    /// The workflow run of the newest signal; `None` when there is none.
    pub run: Option<RunAttempt>,
    /// When this may change by the clock alone; `None` when only the world can change it.
    pub turns_at: Option<Timestamp>,
    /// True when only the rest of the start grace, or the question whether anything runs, keeps it pending.
    pub in_start_grace: bool,
}

/// Why an image has its verdict. `render::reason` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Everything agrees.
    Proven,
    /// Proven, but nothing ties it to the tag's commit.
    CommitNotProven,
    /// Proven, but the build never said that it ended.
    NoEndReported,
    /// The build runs.
    BuildRuns,
    /// The build said pending and never said more.
    EndNeverReported,
    /// The build ended red.
    BuildEnded {
        /// The failure class, untrusted.
        class: String,
        /// True when an image of this commit is there all the same.
        image_there: bool,
        /// True while a redo may be on its way.
        redo_possible: bool,
    },
    /// Nothing was seen of it: no image, no signal.
    NothingYet,
    /// No image, no signal, and nothing that could still make one.
    NothingRuns {
        /// True when another run of the commit was still active at the end.
        runs_active: bool,
    },
    /// Something is wrong with what the registry shows.
    Flaw {
        /// What.
        flaw: Flaw,
        /// True when the service said that the image is there.
        signalled: bool,
    },
    /// The first look has not ended yet.
    NotLookedYet,
}

/// What is wrong with what the registry shows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// 404.
    Absent {
        /// Where the image stands instead.
        elsewhere: Option<ImageReference>,
    },
    /// It names another commit.
    OtherCommit {
        /// The value found.
        found: String,
        /// Where it was found.
        place: String,
    },
    /// It names no commit and must.
    NoRevision,
    /// It lacks platforms.
    LacksPlatforms {
        /// Those that are missing.
        missing: Vec<Platform>,
        /// Those that are there.
        there: Vec<Platform>,
    },
    /// The index names a platform whose content is not there.
    Broken {
        /// The platform.
        platform: Platform,
        /// What is wrong with it.
        why: String,
    },
    /// It is no container image.
    NotAnImage(String),
    /// The signal names another digest.
    OtherDigest {
        /// What the service said.
        signalled: Digest,
        /// What the tag resolves to.
        found: Digest,
    },
    /// 401 or 403.
    Denied(String),
    /// No answer.
    Unreachable(String),
}

/// A decision: each image's verdict, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One judgement per image, in the order of the services.
    pub judgements: Vec<Judgement>,
    /// When this run stops waiting.
    pub deadline: Timestamp,
    /// What to do.
    pub next: Next,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Look again; at the latest then, because a rule turns by the clock alone.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// Find out whether another workflow run of the commit is active, then decide again.
    AskOtherRuns,
    /// This look cannot decide yet.
    Pending,
    /// Publish.
    Release(Completeness),
    /// A required image is missing and `on-missing` is `none` or `fail`: no release.
    Withhold,
    /// Not one image is ready: no release.
    NothingReady,
    /// A required image cannot be told: no release.
    Unknown,
    /// No service is required.
    NoRequiredService,
}

/// What kind of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Every required image is proven.
    Full,
    /// At least one required image is missing.
    Partial,
}
