//! What is known so far, kept up to date while the run goes on, so that a cancelled one can report it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::decide::Proof;
use domain::image::platform_list;
use domain::render::build::{Report, summary};
use runner::{Console, Outputs};

use crate::run::Release;

/// How a run ended, as the output `status` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The image was built.
    Built,
    /// An image that was there is proven.
    Verified,
    /// Nothing was built and nothing proven, as was asked.
    Announced,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Verified => "verified",
            Self::Announced => "",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is known so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// What is built; `None` until it is known, and in a build that is not pushed.
    pub(crate) release: Option<Release>,
    pub(crate) images: Vec<String>,
    pub(crate) version: String,
    pub(crate) proof: Option<Proof>,
    pub(crate) pushed: bool,
    pub(crate) cache_scope: String,
    pub(crate) signal_url: String,
    /// True from when a signal is due until the end was said.
    pub(crate) owes_signal: bool,
    /// True while the end is being said.
    pub(crate) saying_end: bool,
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

    pub(crate) fn release(&self) -> Option<Release> {
        self.known().release.clone()
    }

    /// Writes outputs and summary. They are always written; what cannot be is said.
    pub(crate) fn report(&self, outputs: &Outputs, status: Status, service: &str, headline: &str) {
        let known = self.known().clone();
        let digest = known.proof.as_ref().map(|proof| proof.digest.to_string()).unwrap_or_default();
        let platforms = known.proof.as_ref().map(|proof| platform_list(&proof.platforms)).unwrap_or_default();
        let pushed = if known.pushed { "true" } else { "false" };
        let tags = known.images.join(" ");
        let written = outputs.write(&[
            ("image", known.images.first().map_or("", String::as_str)),
            ("tags", &tags),
            ("digest", &digest),
            ("platforms", &platforms),
            ("version", &known.version),
            ("pushed", pushed),
            ("cache-scope", &known.cache_scope),
            ("signal-url", &known.signal_url),
            ("status", status.word()),
        ]);
        if let Err(error) = written {
            self.console.error(None, &format!("cannot {error}"));
        }
        let report = Report {
            service,
            headline,
            images: &known.images,
            digest: &digest,
            platforms: &platforms,
            pushed: known.pushed,
        };
        if let Err(error) = outputs.summary(&summary(&report)) {
            self.console.error(None, &format!("cannot {error}"));
        }
    }
}
