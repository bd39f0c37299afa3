//! What answers tell on the side: the server's time, how many requests were sent, and what is left of a rate limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::DATE;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The server's time: the `Date` of the latest answer plus the monotonic time since. The runner's wall clock is never
/// asked, because it may be wrong.
#[derive(Debug, Clone, Default)]
pub struct ServerClock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl ServerClock {
    /// The time now, as the server would tell it; `None` before the first answer with a valid `Date`.
    pub fn now(&self) -> Option<Timestamp> {
        let (date, seen) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        date.checked_add(SignedDuration::try_from(seen.elapsed()).ok()?).ok()
    }

    pub(crate) fn record(&self, headers: &HeaderMap) {
        if let Some(date) = headers.get(DATE).and_then(|value| http_date(value.to_str().ok()?)) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
        }
    }
}

/// An IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), which is also an RFC 2822 date.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// What a server said of its rate limit (GitHub REST API documentation, "Rate limits for the REST API", "Checking the
/// status of your rate limit").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are left in this window.
    pub remaining: u64,
    /// Requests that a window holds, where the server says so.
    pub limit: Option<u64>,
    /// When the window ends, in seconds since 1970 of the server's clock, where the server says so.
    pub reset: Option<i64>,
}

impl RateLimit {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Some(Self {
            remaining: text("x-ratelimit-remaining")?.trim().parse().ok()?,
            limit: text("x-ratelimit-limit").and_then(|limit| limit.trim().parse().ok()),
            reset: text("x-ratelimit-reset").and_then(|reset| reset.trim().parse().ok()),
        })
    }
}

/// Counts what was sent. Clones share one count.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    rate_limit: Mutex<Option<RateLimit>>,
}

impl Budget {
    /// How many requests were sent, each retry counted.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// The rate limit of the latest answer that named one.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        *self.0.rate_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record(&self, headers: &HeaderMap) {
        if let Some(seen) = RateLimit::read(headers) {
            *self.0.rate_limit.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
    }
}
