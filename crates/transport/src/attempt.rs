//! One attempt: headers and body within one deadline, the body whole, plain, and not larger than it may be.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tower::{Service, ServiceExt as _};

use crate::core::{Core, CoreBody};
use crate::retry::Pauses;
use crate::text::printable;
use crate::{Error, Settings, error};

/// Request extension: the largest body that is accepted as the answer, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct SizeLimit(
    /// The limit in bytes.
    pub usize,
);

/// The service of a single attempt; the retry layer stands above it and clones it for each.
#[derive(Debug, Clone)]
pub(crate) struct Attempt(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    core: Core,
    settings: Settings,
    pauses: Option<Pauses>,
}

impl Attempt {
    pub(crate) fn new(core: Core, settings: Settings, pauses: Option<Pauses>) -> Self {
        Self(Arc::new(Parts { core, settings, pauses }))
    }
}

impl Parts {
    /// Waits for the pause of the host, which the deadline does not cover, then sends.
    async fn run(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Full<Bytes>>, Error> {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        let method = request.method().clone();
        let uri = request.uri().clone();
        let line = || error::line(&method, &uri);
        let authority = self.pauses.as_ref().and_then(|_| request.uri().authority().cloned());
        if let Some(pauses) = &self.pauses {
            let paused = |asked| Error::Paused { request: line(), asked };
            pauses.wait(authority.as_ref()).await.map_err(paused)?;
        }
        let limit = request.extensions().get::<SizeLimit>().map_or(self.settings.body_limit, |limit| limit.0);
        let after = self.settings.attempt_timeout;
        self.settings.budget.count();
        let exchange = async {
            let answer =
                self.core.clone().oneshot(request).await.map_err(|error| Error::classify(error, line(), after))?;
            self.settings.clock.record(answer.headers());
            self.settings.budget.record(answer.headers());
            if let Some(pauses) = &self.pauses {
                pauses.record(authority.as_ref(), &answer, &self.settings.clock);
            }
            collect(answer, &method, limit, line, after).await
        };
        tokio::time::timeout(after, exchange).await.unwrap_or_else(|_| Err(Error::Timeout { request: line(), after }))
    }
}

/// The whole body, counted as it comes. A `Content-Length` is believed only when it condemns the answer; that of an
/// answer to HEAD speaks of a body that is not sent (RFC 9110, 8.6).
async fn collect(
    answer: http::Response<CoreBody>,
    method: &Method,
    limit: usize,
    line: impl Fn() -> String,
    after: std::time::Duration,
) -> Result<http::Response<Full<Bytes>>, Error> {
    let (parts, body) = answer.into_parts();
    if let Some(coding) = parts.headers.get(CONTENT_ENCODING).filter(|coding| !is_identity(coding)) {
        let coding = printable(&String::from_utf8_lossy(coding.as_bytes()), 40);
        return Err(Error::Encoded { request: line(), coding });
    }
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if *method != Method::HEAD
        && announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit))
    {
        return Err(Error::TooLarge { request: line(), limit });
    }
    let body = limited(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Error::TooLarge { request: line(), limit }
        } else {
            Error::classify(error, line(), after)
        }
    })?;
    Ok(http::Response::from_parts(parts, Full::new(body.to_bytes())))
}

/// Boxed by its own function, because the compiler cannot prove `Limited`'s error conversion inside an async block.
fn limited(body: CoreBody, limit: usize) -> CoreBody {
    Limited::new(body, limit).boxed_unsync()
}

fn is_identity(coding: &HeaderValue) -> bool {
    let coding = coding.as_bytes().trim_ascii();
    coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
}

impl Service<http::Request<Bytes>> for Attempt {
    type Response = http::Response<Full<Bytes>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The core is made ready within the deadline of each attempt.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let parts = self.0.clone();
        Box::pin(async move { parts.run(request).await })
    }
}
