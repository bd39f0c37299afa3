//! What a run hands back, on success, failure and cancel alike: the outputs and the job summary. Kept up to date while the
//! run goes on, so that a cancelled one can report what it has seen.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::decide::{Judgement, Standing, Verdict};
use domain::release::page::Release;
use domain::render::Subject;
use domain::render::summary::{Life, Report, summary};
use domain::repository::Repository;
use domain::service::ServiceName;
use domain::version::ReleaseTag;
use jiff::Timestamp;
use runner::{Console, Outputs};
use serde::Serialize;

use crate::remedies::Remedies;
use crate::target::Target;

/// How a run ended, as the output `status` says it; the worse the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Complete,
    Pending,
    Partial,
    Failed,
}

/// What became of the release page, as the output `release-change` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
    Unchanged,
    None,
}

/// The release page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleasePage {
    /// GitHub's number; 0 when there is none yet.
    pub(crate) id: u64,
    pub(crate) url: String,
    pub(crate) change: Change,
}

impl ReleasePage {
    pub(crate) fn of(release: &Release, change: Change) -> Self {
        Self { id: release.id, url: release.html_url.clone(), change }
    }
}

/// What is known so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    target: Option<Target>,
    pub(crate) remedies: Remedies,
    judgements: Vec<Judgement>,
    lives: Vec<Life>,
    previous_tag: Option<ReleaseTag>,
    release: Option<ReleasePage>,
    started: Option<Timestamp>,
    now: Option<Timestamp>,
    writing: bool,
    cancelled: bool,
    /// The summaries of the tags that are done with; this one's is the last of them when `summarised`.
    summaries: String,
    summarised: bool,
}

/// What is known so far, shared with whoever has to report when the run is cancelled.
pub(crate) struct Progress {
    console: Console,
    known: Mutex<Known>,
}

impl Progress {
    pub(crate) fn new(console: Console) -> Self {
        Self { console, known: Mutex::default() }
    }

    pub(crate) fn console(&self) -> &Console {
        &self.console
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tag is being worked on; what was known of another is forgotten, but for its summary.
    pub(crate) fn begin(&self, target: &Target, started: Timestamp) {
        let mut known = self.known();
        let before = std::mem::take(&mut *known);
        let starts_over = before.target.is_some_and(|before| before.tag == target.tag);
        *known = Known {
            target: Some(target.clone()),
            started: Some(started),
            now: Some(started),
            release: before.release.filter(|_| starts_over),
            writing: before.writing,
            cancelled: before.cancelled,
            summaries: before.summaries,
            ..Known::default()
        };
    }

    /// One of several tags is done with.
    pub(crate) fn end(&self, repository: (&Repository, &str), headline: &str) {
        let mut known = self.known();
        let summary = known.summary(Some(repository), headline);
        known.summaries.push_str(&summary);
        known.summarised = true;
    }

    /// The outputs tell of `told`; the summaries stay those of all tags.
    pub(crate) fn tell_of(&self, told: Known) {
        let mut known = self.known();
        let summaries = std::mem::take(&mut known.summaries);
        *known = Known { summaries, ..told };
    }

    pub(crate) fn seen(&self, judgements: &[Judgement], lives: &[Life], now: Timestamp) {
        let mut known = self.known();
        known.judgements = judgements.to_vec();
        known.lives = lives.to_vec();
        known.now = Some(now);
    }

    pub(crate) fn set_previous_tag(&self, tag: Option<ReleaseTag>) {
        self.known().previous_tag = tag;
    }

    pub(crate) fn set_release(&self, page: ReleasePage) {
        self.known().release = Some(page);
    }

    /// The last line of the log: how the run ended, and where the release is.
    pub(crate) fn close(&self, headline: &str) {
        let known = self.known();
        let url = known.release.as_ref().map(|page| format!(": {}", page.url)).filter(|url| url.len() > 2);
        self.console.line(&format!("{headline}{}", url.unwrap_or_default()));
    }

    /// From now on no write is begun.
    pub(crate) fn cancel(&self) {
        self.known().cancelled = true;
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.known().cancelled
    }

    /// True while a write is on the wire.
    pub(crate) fn is_writing(&self) -> bool {
        self.known().writing
    }

    /// Makes one write, visible as such while it is on the wire.
    pub(crate) async fn writing<T>(&self, write: impl Future<Output = T>) -> T {
        self.known().writing = true;
        let made = write.await;
        self.known().writing = false;
        made
    }

    /// Writes outputs and summary. They are always written; what cannot be is said.
    pub(crate) fn report(
        &self,
        outputs: &Outputs,
        repository: Option<(&Repository, &str)>,
        status: Status,
        headline: &str,
    ) {
        let known = self.known();
        if let Err(error) = outputs
            .write(&known.outputs(status).iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
        {
            self.console.error(None, &format!("cannot {error}"));
        }
        let last = if known.summarised { String::new() } else { known.summary(repository, headline) };
        if let Err(error) = outputs.summary(&format!("{}{last}", known.summaries)) {
            self.console.error(None, &format!("cannot {error}"));
        }
    }
}

/// One element of the output `images`.
#[derive(Serialize)]
struct Entry<'a> {
    service: &'a ServiceName,
    image: String,
    verdict: Verdict,
    reason: String,
    digest: &'a str,
    platforms: Vec<String>,
    revision: &'a str,
    url: &'a str,
}

impl<'a> Entry<'a> {
    fn of(judgement: &'a Judgement) -> Self {
        let proof = judgement.proof.as_ref();
        Self {
            service: &judgement.service,
            image: judgement.reference.to_string(),
            verdict: judgement.verdict,
            reason: domain::render::reason::why(judgement),
            digest: proof.map_or("", |proof| proof.digest.as_str()),
            platforms: proof.map(|proof| proof.platforms.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            revision: proof.and_then(|proof| proof.revision.as_deref()).unwrap_or_default(),
            url: judgement.run.as_ref().map_or("", |run| run.url.as_str()),
        }
    }
}

impl Known {
    fn summary(&self, repository: Option<(&Repository, &str)>, headline: &str) -> String {
        let (Some((repository, repository_url)), Some(target)) = (repository, &self.target) else {
            return format!("## {}\n", domain::render::markdown::inline(headline));
        };
        let (tag, commit, remedies) = (&target.tag, &target.commit, &self.remedies);
        let started = self.started.unwrap_or(Timestamp::UNIX_EPOCH);
        let report = Report {
            headline,
            release_url: self.release.as_ref().map(|page| page.url.as_str()).filter(|url| !url.is_empty()),
            started,
            ended: self.now.unwrap_or(started),
            lives: &self.lives,
        };
        summary(Subject { repository, repository_url, tag, commit, remedies }, &self.judgements, &report)
    }

    fn outputs(&self, status: Status) -> Vec<(&'static str, String)> {
        fn json(value: &impl Serialize) -> String {
            serde_json::to_string(value).unwrap_or_default()
        }
        let names = |ready: bool| -> Vec<&str> {
            let is_listed = |judgement: &&Judgement| match judgement.standing {
                Standing::Ready => ready,
                Standing::Pending | Standing::Missing | Standing::Unknown => !ready && judgement.required,
            };
            self.judgements.iter().filter(is_listed).map(|judgement| judgement.service.as_str()).collect()
        };
        let status = match status {
            Status::Complete => "complete",
            Status::Partial => "partial",
            Status::Pending => "pending",
            Status::Failed => "failed",
        };
        let release = self.release.as_ref();
        let change = match release.map(|page| page.change) {
            Some(Change::Created) => "created",
            Some(Change::Updated) => "updated",
            Some(Change::Unchanged) => "unchanged",
            Some(Change::None) | None => "none",
        };
        let waited =
            self.started.zip(self.now).map_or(0, |(started, now)| now.duration_since(started).as_secs().max(0));
        let tag = self.target.as_ref().map(|target| &target.tag);
        vec![
            ("status", status.to_owned()),
            ("missing", names(false).join(" ")),
            ("missing-json", json(&names(false))),
            ("available", names(true).join(" ")),
            ("images", json(&self.judgements.iter().map(Entry::of).collect::<Vec<_>>())),
            ("tag", tag.map(ToString::to_string).unwrap_or_default()),
            ("version", tag.map(|tag| tag.version().to_owned()).unwrap_or_default()),
            ("previous-tag", self.previous_tag.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("release-id", release.filter(|page| page.id != 0).map(|page| page.id.to_string()).unwrap_or_default()),
            ("release-url", release.map(|page| page.url.clone()).unwrap_or_default()),
            ("release-change", change.to_owned()),
            ("waited-seconds", waited.to_string()),
        ]
    }
}
