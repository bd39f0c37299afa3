//! Rate limits: docs page "Rate limits for the REST API".

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::Exchange;
use super::page::refusal;
use crate::message::Reply;

/// "The rate limit for `GITHUB_TOKEN` is 1,000 requests per hour per repository."
const PER_HOUR: u64 = 1000;
/// "The primary rate limit for unauthenticated requests is 60 requests per hour."
const ANONYMOUS_PER_HOUR: u64 = 60;
const HOUR: i64 = 3600;

#[derive(Default)]
pub(crate) struct Limits {
    per_hour: Option<u64>,
    /// By token, or nothing for everybody else.
    windows: BTreeMap<String, Window>,
}

#[derive(Clone, Copy)]
struct Window {
    /// Seconds since the epoch.
    ends: i64,
    used: u64,
}

impl Limits {
    pub(crate) fn set(&mut self, per_hour: u64) {
        self.per_hour = Some(per_hour);
    }

    fn limit(&self, token: &str) -> u64 {
        if token.is_empty() { ANONYMOUS_PER_HOUR } else { self.per_hour.unwrap_or(PER_HOUR) }
    }

    fn window(&mut self, token: &str, now: Timestamp) -> &mut Window {
        let now = now.as_second();
        let window = self.windows.entry(token.to_owned()).or_insert(Window { ends: now + HOUR, used: 0 });
        if window.ends <= now {
            *window = Window { ends: now + HOUR, used: 0 };
        }
        window
    }
}

impl Exchange<'_> {
    fn asker(&self) -> String {
        self.token.as_ref().map_or_else(String::new, |token| token.value.clone())
    }

    /// "If you exceed your primary rate limit, you will receive a 403 or 429 response, and the x-ratelimit-remaining
    /// header will be 0."
    pub(super) fn within_limit(&mut self) -> Result<(), Reply> {
        let asker = self.asker();
        let limits = &mut self.state.github.limits;
        let limit = limits.limit(&asker);
        if limits.window(&asker, self.now).used < limit {
            return Ok(());
        }
        Err(refusal(
            403,
            "API rate limit exceeded for installation ID 1. If you reach out to GitHub Support for help, please include the request ID",
        ))
    }

    /// Counts the request and writes the headers.
    pub(super) fn count(&mut self, reply: &mut Reply, free: bool) {
        let asker = self.asker();
        let free = free || self.call.path.ends_with("/rate_limit");
        let limits = &mut self.state.github.limits;
        let limit = limits.limit(&asker);
        let window = limits.window(&asker, self.now);
        if !free && window.used < limit {
            window.used += 1;
        }
        reply.set("X-RateLimit-Limit", limit.to_string());
        reply.set("X-RateLimit-Remaining", limit.saturating_sub(window.used).to_string());
        reply.set("X-RateLimit-Used", window.used.to_string());
        reply.set("X-RateLimit-Reset", window.ends.to_string());
        reply.set("X-RateLimit-Resource", "core");
    }

    /// `GET /rate_limit`: "Accessing this endpoint does not count against your REST API rate limit."
    pub(super) fn rate_limit(&mut self) -> Reply {
        let asker = self.asker();
        let limits = &mut self.state.github.limits;
        let limit = limits.limit(&asker);
        let window = *limits.window(&asker, self.now);
        let core = json!({
            "limit": limit, "used": window.used, "remaining": limit.saturating_sub(window.used), "reset": window.ends,
        });
        Reply::json(200, &json!({ "resources": { "core": core }, "rate": core }))
    }
}

/// Secondary limits, same page: "you will receive a 403 or 429 response and an error message that indicates that you
/// exceeded a secondary rate limit. If the retry-after response header is present …".
pub(crate) fn throttled() -> Reply {
    refusal(
        429,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID",
    )
}
