//! When a request is sent again, and after which wait. Only what reads is ever repeated.
//!
//! This mends blips of a second; waiting for an image or for a signal is the business of the program's loop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tower::retry::Policy;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::util::rng::HasherRng;

use crate::clock::http_date;
use crate::{Error, ServerClock};

/// A `Retry-After` is waited out up to this long; with a longer one the answer is given to the caller, who may have
/// better things to do.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// No host is left alone for longer, whatever it asked for: an answer of nonsense must not silence a registry for the
/// whole run, and a request every five minutes is no burden.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// `Retry-After: 0` and dates of the past would make a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The first wait after a failure that names none; the next is twice that, each with up to as much again at random.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// From here on a `Retry-After` in digits is a time since 1970, as Docker Hub has sent
/// (docker/hub-feedback issue 2459), and not a number of seconds (which would be 31 years).
const EPOCH_FROM: i64 = 1_000_000_000;

/// Request extension: this request is sent once, whatever comes back.
#[derive(Debug, Clone, Copy)]
pub struct NoRetry;

/// The retry policy of one request.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    left: u32,
    clock: ServerClock,
    backoff: Option<ExponentialBackoff>,
}

impl Patience {
    pub(crate) fn new(retries: u32, clock: ServerClock) -> Self {
        Self { left: retries, clock, backoff: None }
    }

    /// The next jittered wait. The random source is made at the first failure of a request: clones of one made earlier
    /// would all draw the same numbers, and the requests would come back in one burst.
    fn backoff(&mut self) -> Option<Sleep> {
        if self.backoff.is_none() {
            let maker = ExponentialBackoffMaker::new(FIRST_BACKOFF, LONGEST_BACKOFF, 1.0, HasherRng::new());
            self.backoff = maker.ok().map(|mut maker| MakeBackoff::make_backoff(&mut maker));
        }
        self.backoff.as_mut().map(Backoff::next_backoff)
    }
}

impl Policy<http::Request<Bytes>, http::Response<Full<Bytes>>, Error> for Patience {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut http::Request<Bytes>,
        result: &mut Result<http::Response<Full<Bytes>>, Error>,
    ) -> Option<Sleep> {
        self.left = self.left.checked_sub(1)?;
        let wait = match result {
            Err(error) if !error.is_transient() => return None,
            Err(error) => {
                tracing::debug!(%error, "trying again");
                None
            }
            Ok(answer) if !is_transient(answer.status()) || is_out_of_quota(answer.headers()) => return None,
            Ok(answer) => {
                tracing::debug!(status = %answer.status(), uri = crate::redact(request.uri()), "trying again");
                retry_after(answer.headers(), &self.clock)
            }
        };
        match wait {
            None => self.backoff(),
            Some(wait) if wait > LONGEST_WAIT => None,
            Some(wait) => Some(sleep(wait)),
        }
    }

    fn clone_request(&mut self, request: &http::Request<Bytes>) -> Option<http::Request<Bytes>> {
        // Reads alone: what became of a write that had no answer is for the caller to find out, who may have been cancelled.
        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        let may = self.left > 0 && is_read && request.extensions().get::<NoRetry>().is_none();
        may.then(|| request.clone())
    }
}

/// Statuses that a server gives for a moment (RFC 9110, 15.5.9 and 15.6; RFC 6585, 4).
fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// GitHub's primary limit lasts up to an hour, so that trying again is of no use (GitHub REST API documentation, "Rate
/// limits for the REST API", "Exceeding the rate limit").
fn is_out_of_quota(headers: &HeaderMap) -> bool {
    headers.get("x-ratelimit-remaining").is_some_and(|left| left.as_bytes() == b"0")
}

/// The wait that an answer asks for: seconds, an HTTP date, or a time since 1970; at least a second, not clamped above.
/// `None` when it asks for none or in a way that nobody understands.
fn retry_after(headers: &HeaderMap, clock: &ServerClock) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let until = |time: i64| clock.now().map_or(i64::MAX, |now| time.saturating_sub(now.as_second()));
    let seconds = if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        match text.parse::<i64>() {
            Ok(seconds) if seconds < EPOCH_FROM => seconds,
            Ok(time) => until(time),
            Err(_) => i64::MAX,
        }
    } else {
        until(http_date(text)?.as_second())
    };
    Some(u64::try_from(seconds).map_or(SHORTEST_WAIT, Duration::from_secs).max(SHORTEST_WAIT))
}

/// Until when each authority asked to be left alone, and for how long in all. One authority never delays another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pauses(Arc<Mutex<HashMap<Authority, (Instant, Duration)>>>);

impl Pauses {
    /// Waits while `authority` is paused, but not for a long pause, whose length is the error, and never for longer than
    /// that: a server that asks again and again holds nobody for ever.
    pub(crate) async fn wait(&self, authority: Option<&Authority>) -> Result<(), Duration> {
        let Some(authority) = authority else { return Ok(()) };
        let latest = Instant::now() + LONGEST_WAIT;
        while let Some((until, asked)) = self.until(authority) {
            if until > latest {
                return Err(asked);
            }
            sleep_until(until).await;
        }
        Ok(())
    }

    fn until(&self, authority: &Authority) -> Option<(Instant, Duration)> {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = *pauses.get(authority)?;
        if pause.0 <= Instant::now() {
            pauses.remove(authority);
            return None;
        }
        Some(pause)
    }

    /// Pauses `authority` when `answer` is a refusal that names a wait, and for a moment when it throttles without
    /// (GHCR says `retry-after: 1.16ms` in the body alone; falcosecurity/plugins, issue 1069).
    pub(crate) fn record<B>(&self, authority: Option<&Authority>, answer: &http::Response<B>, clock: &ServerClock) {
        let named = || retry_after(answer.headers(), clock);
        let wait = match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => Some(named().unwrap_or(SHORTEST_WAIT)),
            StatusCode::SERVICE_UNAVAILABLE => named(),
            _ => None,
        };
        let (Some(authority), Some(wait)) = (authority, wait) else { return };
        let wait = wait.min(LONGEST_PAUSE);
        let pause = (Instant::now() + wait, wait);
        tracing::debug!(host = authority.host(), ?wait, "the server asked for a pause");
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pauses.entry(authority.clone()).or_insert(pause);
        *known = pause.max(*known);
    }
}
