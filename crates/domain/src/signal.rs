//! The signal that one action leaves on a commit and the other looks for, version 1. Write and read stand side by side.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::decide::Proof;
use crate::image::{Digest, ImageReference, Platform, platform_list};
use crate::repository::{CommitSha, Repository};
use crate::service::ServiceName;
use crate::version::ReleaseTag;

/// A commit status as GitHub lists it (REST API, "Commit statuses").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommitStatus {
    /// GitHub's number for it; later ones are higher.
    pub id: u64,
    /// What it is about, compared without regard to letter case.
    pub context: String,
    /// How it stands.
    pub state: StatusState,
    /// At most 140 characters.
    pub description: Option<String>,
    /// A link for people.
    pub target_url: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// The four states of a commit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusState {
    /// Something runs.
    Pending,
    /// It ended well.
    Success,
    /// It ended badly.
    Failure,
    /// It was cancelled, skipped or broke.
    Error,
}

/// The most characters that GitHub accepts in a status description (REST API, "Create a commit status").
pub const DESCRIPTION_LIMIT: usize = 140;

/// The context of the status that a service writes for a release: `release/<tag>/<service>`.
pub fn context(tag: &ReleaseTag, service: &ServiceName) -> String {
    format!("release/{tag}/{service}")
}

/// The description of a success: the digest and, where they fit, all of its platforms. A list that does not fit is
/// left out whole, because a part of it would ask the reader for less than was built.
pub fn describe_success(digest: &Digest, platforms: &[Platform]) -> String {
    let full = format!("{digest} {}", platform_list(platforms));
    if platforms.is_empty() || full.chars().count() > DESCRIPTION_LIMIT { digest.to_string() } else { full }
}

/// What a `repository_dispatch` of type `image-built` says (version 1): a wake-up call, with what the sender knows. Whoever
/// reads it believes none of it, and reads the tag, the statuses and the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch<'a> {
    /// The service that was built.
    pub service: &'a ServiceName,
    /// The tag.
    pub tag: &'a ReleaseTag,
    /// The tag's commit.
    pub commit: &'a CommitSha,
    /// The image by its first tag.
    pub image: &'a ImageReference,
    /// What was proven of it; `None` when the build failed.
    pub proof: Option<&'a Proof>,
    /// `success`, `failure` or `error`.
    pub result: &'a str,
    /// Number, attempt and page of the workflow run; `None` outside one.
    pub run: Option<(u64, u64, String)>,
}

impl Dispatch<'_> {
    /// The `client_payload`: the ten keys that GitHub takes at most (REST API, "Create a repository dispatch event").
    pub fn to_json(&self) -> serde_json::Value {
        let run =
            self.run.as_ref().map(|(id, attempt, url)| serde_json::json!({ "id": id, "attempt": attempt, "url": url }));
        serde_json::json!({
            "schema": 1,
            "service": self.service.as_str(),
            "version": self.tag.version(),
            "tag": self.tag.as_str(),
            "sha": self.commit.as_str(),
            "image": self.image.to_string(),
            "digest": self.proof.map(|proof| proof.digest.as_str()),
            "platforms": self.proof.map(|proof| proof.platforms.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "result": self.result,
            "run": run,
        })
    }
}

/// One attempt of one workflow run of this repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAttempt {
    /// The run's number.
    pub id: u64,
    /// 1 for the first; a re-run counts up.
    pub attempt: u64,
    /// The page that people see.
    pub url: String,
}

impl RunAttempt {
    /// Reads a status's `target_url`. `None` when it is not a run of `repository` on `server`.
    pub fn from_url(url: &str, server: &str, repository: &Repository) -> Option<Self> {
        let path =
            url.get(..server.len()).filter(|start| start.eq_ignore_ascii_case(server)).map(|_| &url[server.len()..])?;
        let mut parts = path.strip_prefix('/')?.split('/');
        let named: Repository = format!("{}/{}", parts.next()?, parts.next()?).parse().ok()?;
        if named != *repository || parts.next()? != "actions" || parts.next()? != "runs" {
            return None;
        }
        let id = number(parts.next()?)?;
        let attempt = match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => 1,
            (Some("attempts"), Some(attempt), None) => number(attempt)?,
            (Some("job"), Some(job), None) => number(job).map(|_| 1)?,
            _ => return None,
        };
        Some(Self { id, attempt, url: url.to_owned() })
    }
}

/// A number as GitHub writes it: digits alone, where `parse` takes a `+` too.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// What a service said of its own build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// What it said.
    pub state: SignalState,
    /// Who said it.
    pub run: RunAttempt,
    /// When, by GitHub's clock.
    pub at: Timestamp,
}

/// What a signal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalState {
    /// The build runs.
    Pending,
    /// The image was pushed and proven.
    Green {
        /// The digest that was proven; `None` when the description names none.
        digest: Option<Digest>,
        /// The platforms that were built; empty when the description names none.
        platforms: Vec<Platform>,
    },
    /// The build failed.
    Failed {
        /// The failure class, untrusted text of at most 140 characters.
        class: String,
    },
    /// The build was cancelled or skipped.
    Cancelled {
        /// `cancelled` or `skipped`.
        class: String,
    },
}

impl SignalState {
    fn read(state: StatusState, description: &str) -> Self {
        // One line, as everything that says why.
        let plain = |c: char| if c.is_whitespace() || c.is_control() { ' ' } else { c };
        let class = || description.chars().take(DESCRIPTION_LIMIT).map(plain).collect::<String>();
        match state {
            StatusState::Pending => Self::Pending,
            StatusState::Success => {
                let (digest, platforms) = description.split_once(' ').unwrap_or((description, ""));
                let digest = digest.parse().ok();
                let platforms: Option<Vec<Platform>> =
                    platforms.split(',').map(|platform| platform.parse().ok()).collect();
                let platforms = digest.is_some().then_some(platforms).flatten().unwrap_or_default();
                Self::Green { digest, platforms }
            }
            StatusState::Error if matches!(description, "cancelled" | "skipped") => Self::Cancelled { class: class() },
            StatusState::Error | StatusState::Failure => Self::Failed { class: class() },
        }
    }

    /// True for every state but pending.
    pub fn is_finished(&self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// True for a build that failed, or was cancelled or skipped.
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Cancelled { .. })
    }
}

/// What is known of one service from its signals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceSignals {
    /// The signal that counts; `None` when there is none.
    pub newest: Option<Signal>,
    /// The one that counts among those that are not pending; `None` when there is none.
    pub last_finished: Option<Signal>,
}

/// All signals of one release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signals {
    by_context: HashMap<String, ServiceSignals>,
    /// When the first signal at this tag was written; `None` when there is none.
    pub first_at: Option<Timestamp>,
    /// When the newest signal at this tag was written; `None` when there is none.
    pub newest_at: Option<Timestamp>,
}

impl Signals {
    /// Reads the full list of statuses of the tag's commit (not the combined view, which knows only one per context).
    ///
    /// Statuses have no compare-and-swap, so the order is decided here: within one run by attempt, between runs by
    /// the time of the status. A late write of an older attempt is thereby ignored. Within one attempt an end
    /// is not undone by a pending. A status whose `target_url` is no run of `repository` counts as none.
    pub fn read(statuses: &[CommitStatus], tag: &ReleaseTag, server: &str, repository: &Repository) -> Self {
        let prefix = format!("release/{tag}/").to_lowercase();
        let mut contexts = HashMap::<String, Vec<(u64, Signal)>>::new();
        for status in statuses {
            let context = status.context.to_lowercase();
            let Some(url) = status.target_url.as_deref() else { continue };
            let Some(run) = RunAttempt::from_url(url, server, repository) else { continue };
            if !context.starts_with(&prefix) {
                continue;
            }
            let state = SignalState::read(status.state, status.description.as_deref().unwrap_or_default());
            contexts.entry(context).or_default().push((status.id, Signal { state, run, at: status.created_at }));
        }
        let times = || contexts.values().flatten().map(|(_, signal)| signal.at);
        let (first_at, newest_at) = (times().min(), times().max());
        let by_context =
            contexts.into_iter().map(|(context, signals)| (context, ServiceSignals::order(&signals))).collect();
        Self { by_context, first_at, newest_at }
    }

    /// The signals of `service` at `tag`.
    pub fn of(&self, tag: &ReleaseTag, service: &ServiceName) -> ServiceSignals {
        self.by_context.get(&context(tag, service).to_lowercase()).cloned().unwrap_or_default()
    }
}

impl ServiceSignals {
    fn order(signals: &[(u64, Signal)]) -> Self {
        let newest = |finished_only: bool| {
            let mut of_run = HashMap::<u64, &(u64, Signal)>::new();
            let rank = |(id, signal): &(u64, Signal)| (signal.run.attempt, signal.state.is_finished(), signal.at, *id);
            for signal in signals.iter().filter(|(_, signal)| !finished_only || signal.state.is_finished()) {
                let counts = of_run.entry(signal.1.run.id).or_insert(signal);
                if rank(signal) > rank(counts) {
                    *counts = signal;
                }
            }
            of_run.into_values().max_by_key(|(id, signal)| (signal.at, *id)).map(|(_, signal)| signal.clone())
        };
        Self { newest: newest(false), last_finished: newest(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://github.example";

    fn status(id: u64, state: StatusState, description: &str, run: &str, second: i64) -> CommitStatus {
        CommitStatus {
            id,
            context: "release/v1.0.0/api".into(),
            state,
            description: Some(description.into()),
            target_url: Some(format!("{SERVER}/Octo/Shop/actions/runs/{run}")),
            created_at: Timestamp::from_second(second).unwrap(),
        }
    }

    fn read(statuses: &[CommitStatus]) -> ServiceSignals {
        let tag = "v1.0.0".parse().unwrap();
        Signals::read(statuses, &tag, SERVER, &"octo/shop".parse().unwrap()).of(&tag, &"api".parse().unwrap())
    }

    fn digest() -> Digest {
        Digest::sha256(b"api")
    }

    #[test]
    fn what_is_written_is_read_back() {
        let platforms: Vec<Platform> = vec!["linux/amd64".parse().unwrap(), "linux/arm/v7".parse().unwrap()];
        let description = describe_success(&digest(), &platforms);
        let signal = read(&[status(1, StatusState::Success, &description, "7/attempts/2", 5)]).newest.unwrap();
        assert_eq!(signal.state, SignalState::Green { digest: Some(digest()), platforms });
        assert_eq!((signal.run.id, signal.run.attempt), (7, 2));
    }

    #[test]
    fn a_platform_list_that_does_not_fit_is_left_out_whole() {
        let platforms: Vec<Platform> = (0..9).map(|n| format!("linux/arch{n}").parse().unwrap()).collect();
        let description = describe_success(&digest(), &platforms);
        assert_eq!(description, digest().to_string());
        let six = describe_success(&digest(), &platforms[..5]);
        assert!(six.len() <= DESCRIPTION_LIMIT && six.ends_with("linux/arch4"));
    }

    #[test]
    fn a_success_in_no_known_form_names_no_digest() {
        for description in ["", "done", "sha256:abc linux/amd64", "linux/amd64"] {
            let signal = read(&[status(1, StatusState::Success, description, "7", 5)]).newest.unwrap();
            assert_eq!(signal.state, SignalState::Green { digest: None, platforms: vec![] }, "{description}");
        }
    }

    #[test]
    fn cancelled_and_skipped_are_told_from_failed() {
        let state = |state, text| read(&[status(1, state, text, "7", 5)]).newest.unwrap().state;
        assert_eq!(state(StatusState::Error, "cancelled"), SignalState::Cancelled { class: "cancelled".into() });
        assert_eq!(state(StatusState::Error, "skipped"), SignalState::Cancelled { class: "skipped".into() });
        assert_eq!(state(StatusState::Failure, "cancelled"), SignalState::Failed { class: "cancelled".into() });
        assert_eq!(state(StatusState::Error, "boom"), SignalState::Failed { class: "boom".into() });
        assert_eq!(state(StatusState::Failure, "two\r\nlines"), SignalState::Failed { class: "two  lines".into() });
    }

    #[test]
    fn a_late_write_of_an_older_attempt_is_ignored() {
        let newest = read(&[
            status(1, StatusState::Failure, "push", "7/attempts/1", 5),
            status(2, StatusState::Success, &digest().to_string(), "7/attempts/2", 9),
            status(3, StatusState::Failure, "late", "7/attempts/1", 20),
        ]);
        assert!(matches!(newest.newest.unwrap().state, SignalState::Green { .. }));
    }

    #[test]
    fn between_runs_the_time_of_the_status_decides() {
        let newest = read(&[
            status(9, StatusState::Success, &digest().to_string(), "7/attempts/3", 5),
            status(2, StatusState::Failure, "dockerfile", "8/attempts/1", 6),
        ]);
        assert!(newest.newest.unwrap().state.is_red());
    }

    #[test]
    fn a_redo_in_progress_keeps_the_last_end_in_sight() {
        let signals = read(&[
            status(1, StatusState::Failure, "dockerfile", "7/attempts/1", 5),
            status(2, StatusState::Pending, "", "7/attempts/2", 8),
        ]);
        assert_eq!(signals.newest.unwrap().state, SignalState::Pending);
        assert!(signals.last_finished.unwrap().state.is_red());
    }

    #[test]
    fn within_one_attempt_a_pending_does_not_undo_an_end() {
        let signals = read(&[
            status(1, StatusState::Success, &digest().to_string(), "7/attempts/1", 5),
            status(2, StatusState::Pending, "", "7/attempts/1", 8),
        ]);
        assert!(signals.newest.unwrap().state.is_finished());
    }

    #[test]
    fn a_status_that_links_to_no_run_of_this_repository_counts_as_none() {
        for url in [
            "https://github.example/evil/shop/actions/runs/7",
            "https://github.example.evil/octo/shop/actions/runs/7",
            "https://evil.example/octo/shop/actions/runs/7",
            "https://github.example/octo/shop/actions/runs/x",
            "https://github.example/octo/shop/actions/runs/+7",
            "https://github.example/octo/shop/actions/runs/7/attempts/",
            "https://github.example/octo/shop/actions/runs/7/attempts/+1",
            "https://github.example/octo/shop/actions/runs/7/job/",
            "https://github.example/octo/shop/pull/7",
            "\u{e9}",
            "",
        ] {
            let mut forged = status(1, StatusState::Success, "", "7", 5);
            forged.target_url = Some(url.into());
            assert_eq!(read(&[forged]), ServiceSignals::default(), "{url}");
        }
        let mut none = status(1, StatusState::Success, "", "7", 5);
        none.target_url = None;
        assert_eq!(read(&[none]), ServiceSignals::default());
    }

    #[test]
    fn contexts_are_compared_without_case_and_only_at_this_tag() {
        let mut upper = status(1, StatusState::Pending, "", "7", 5);
        upper.context = "Release/V1.0.0/API".into();
        assert!(read(&[upper]).newest.is_some());
        let mut other = status(1, StatusState::Pending, "", "7", 5);
        other.context = "release/v1.0.0-rc1/api".into();
        assert!(read(&[other]).newest.is_none());
    }
}
