//! The service under octocrab: turns its requests into those of the shared transport, and gives the token to GitHub's
//! own hosts only.
//!
//! octocrab's `AuthHeaderLayer` is not used: it looks at the host and not at the scheme, and would send the token in the
//! clear to `http://` on the right host.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http_body_util::{BodyExt as _, Full};
use octocrab::OctoBody;
use tower::{BoxError, Service, ServiceExt as _};
use transport::Transport;

use crate::url::Origin;

/// The service. Always ready; the transport is made ready for each request.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    pub(crate) authorization: HeaderValue,
    /// Where the token may go.
    pub(crate) origins: Arc<[Origin]>,
}

impl Wire {
    async fn run(self, request: http::Request<OctoBody>) -> Result<http::Response<Full<Bytes>>, BoxError> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        parts.headers.remove(AUTHORIZATION);
        if Origin::of(&parts.uri).is_some_and(|origin| self.origins.contains(&origin)) {
            parts.headers.insert(AUTHORIZATION, self.authorization);
        }
        Ok(self.transport.oneshot(http::Request::from_parts(parts, body)).await?)
    }
}

impl Service<http::Request<OctoBody>> for Wire {
    type Response = http::Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<OctoBody>) -> Self::Future {
        Box::pin(self.clone().run(request))
    }
}
