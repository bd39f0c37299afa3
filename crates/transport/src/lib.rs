//! One HTTP transport under both clients, the registry's and GitHub's: a request goes in, a complete and bounded
//! answer comes out.
//!
//! [`Core`] puts bytes on the wire: `reqwest` in production, a router in memory in tests. [`layered`] puts around it
//! what both clients need of every request: a deadline that covers the body, a size cap, retries that never repeat a
//! POST, pauses that a server asked for, the count of requests, and the server's clock. Time is read through
//! `tokio::time` only, so that tests can pause it. What an answer means is not decided here.

mod attempt;
mod clock;
mod core;
mod error;
mod retry;
mod text;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _};

pub use crate::attempt::SizeLimit;
pub use crate::clock::{Budget, RateLimit, ServerClock};
pub use crate::core::{Core, CoreBody, CoreOptions, Proxies, Roots};
pub use crate::error::Error;
pub use crate::retry::NoRetry;
pub use crate::text::{printable, redact};
pub use tower::BoxError;

/// A [`Core`] with everything around it: cheap to clone, shared state behind every clone.
pub type Transport = BoxCloneSyncService<http::Request<Bytes>, http::Response<Full<Bytes>>, Error>;

/// What [`layered`] puts around a core.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long one attempt may take, from its first byte sent to the last byte of its body.
    pub attempt_timeout: std::time::Duration,
    /// The size at which a body is refused, in bytes, where the request carries no [`SizeLimit`].
    pub body_limit: usize,
    /// How many times a request that may be repeated is sent again after a transient failure.
    pub retries: u32,
    /// Whether a `Retry-After` of one answer holds back every other request to the same authority too.
    pub shared_pause: bool,
    /// Filled with the `Date` of each answer.
    pub clock: ServerClock,
    /// Filled with the number of requests sent and the rate limit last seen.
    pub budget: Budget,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Long enough for a cold registry; short enough that a hanging server costs one poll, not the run.
            attempt_timeout: std::time::Duration::from_secs(10),
            // GitHub's largest pages are about 1 MiB.
            body_limit: 10 * 1024 * 1024,
            retries: 2,
            shared_pause: false,
            clock: ServerClock::default(),
            budget: Budget::default(),
        }
    }
}

/// A transport over `core`: retries outside, then the shared pause, then one bounded attempt.
pub fn layered(core: Core, settings: Settings) -> Transport {
    let patience = retry::Patience::new(settings.retries, settings.clock.clone());
    let pauses = settings.shared_pause.then(retry::Pauses::default);
    let attempt = attempt::Attempt::new(core, settings, pauses);
    BoxCloneSyncService::new(ServiceBuilder::new().layer(RetryLayer::new(patience)).service(attempt))
}

/// Sends `request` and gives the answer with its body as plain bytes.
pub async fn send(transport: &Transport, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Error> {
    let (parts, body) = transport.clone().oneshot(request).await?.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    Ok(http::Response::from_parts(parts, body))
}

#[cfg(test)]
mod tests;
