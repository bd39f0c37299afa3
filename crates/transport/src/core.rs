//! What puts a request on the wire: one `reqwest` client in production, any tower service in tests.
//!
//! It neither retries nor follows redirects nor decodes anything: the layers above decide, per request.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _};

use crate::Error;

/// The body of an answer while it still streams. Not `Sync`, because the bodies of in-memory routers are not.
pub type CoreBody = UnsyncBoxBody<Bytes, BoxError>;

/// How the production core is set up.
#[derive(Debug, Clone, Default)]
pub struct CoreOptions {
    /// Certificates, in PEM, that are trusted beside the built-in ones of the Mozilla root program.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// The `User-Agent` of every request. GitHub refuses requests without one (GitHub REST API documentation,
    /// "Getting started with the REST API", "User agent required").
    pub user_agent: String,
}

/// The service under every transport: a request with a whole body in, an answer with a streaming body out.
#[derive(Clone)]
pub struct Core(BoxCloneSyncService<http::Request<Bytes>, http::Response<CoreBody>, BoxError>);

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}

impl Core {
    /// A core that hands every request to `service`. An error of the service that is a [`crate::Error`] passes
    /// unchanged; any other is classified by its chain of sources.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let unified = service
            .map_response(|response: http::Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync()))
            .map_err(Into::into);
        Self(BoxCloneSyncService::new(unified))
    }

    /// The production core: one connection pool for everything, HTTP/2 or HTTP/1.1 by ALPN, proxies by the usual
    /// variables (read by `reqwest` itself). Works in an image without any CA file: the roots are built in.
    pub fn reqwest(options: &CoreOptions) -> Result<Self, Error> {
        let setup = |error: reqwest::Error| Error::Setup { why: crate::error::chain(&error) };
        let client = reqwest::Client::builder()
            .user_agent(options.user_agent.as_str())
            .tls_backend_preconfigured(tls_config(options.extra_roots_pem.as_deref())?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Another crate of the build may switch the features of these on, for all.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_secs(10))
            // 128 requests at a time over HTTP/1.1 must find their connections again.
            .pool_max_idle_per_host(256)
            .build()
            .map_err(setup)?;
        Ok(Self::new(tower::service_fn(move |request: http::Request<Bytes>| {
            let client = client.clone();
            async move {
                let answer = client.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
                Ok::<http::Response<reqwest::Body>, reqwest::Error>(answer.into())
            }
        })))
    }
}

/// Built-in roots plus `extra`. The platform's verifier is avoided on purpose: it reads the system's CA files, and
/// panics or fails where there are none (`FROM scratch`).
fn tls_config(extra: Option<&[u8]>) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra {
        let mut found = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            found += 1;
            let unreadable = |why: String| Error::Setup { why: format!("certificate {found} of the CA file: {why}") };
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        }
        if found == 0 {
            return Err(Error::Setup { why: "the CA file holds no PEM certificate".to_owned() });
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup { why: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

impl Service<http::Request<Bytes>> for Core {
    type Response = http::Response<CoreBody>;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        self.0.call(request)
    }
}
