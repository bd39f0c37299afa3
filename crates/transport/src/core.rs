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
use rustls::RootCertStore;
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
    /// Who may sign the certificate of a server.
    pub roots: Roots,
    /// The proxies that requests go through.
    pub proxies: Proxies,
    /// The `User-Agent` of every request. GitHub refuses requests without one (GitHub REST API documentation,
    /// "Getting started with the REST API", "User agent required").
    pub user_agent: String,
}

/// Root certificates: the built-in ones of the Mozilla root program, so that an image without any CA file does, and
/// what is added.
#[derive(Debug, Clone)]
pub struct Roots(RootCertStore);

impl Default for Roots {
    fn default() -> Self {
        Self(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }
}

impl Roots {
    /// Adds the certificates of a PEM file, each of which must be usable.
    ///
    /// # Errors
    /// What is wrong with the file, fit for a sentence after its name.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), String> {
        let mut found = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            found += 1;
            let unusable = |why: String| format!("its certificate {found}: {why}");
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            self.0.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        if found == 0 { Err("it holds no PEM certificate".to_owned()) } else { Ok(()) }
    }

    /// Adds what is usable of a bundle that others keep, and gives the number back.
    pub fn add_usable(&mut self, pem: &[u8]) -> usize {
        self.0.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok)).0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// The proxies that requests go through: URLs, which may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://` addresses.
    pub http: Option<String>,
    /// For `https://` addresses, by CONNECT.
    pub https: Option<String>,
    /// The hosts that are asked directly, as `NO_PROXY` lists them: domains with all below them, addresses, networks,
    /// `*`. Loopback always is.
    pub except: String,
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hidden = |url: &Option<String>| url.as_ref().map(|_| "***");
        let mut shown = f.debug_struct("Proxies");
        shown
            .field("http", &hidden(&self.http))
            .field("https", &hidden(&self.https))
            .field("except", &self.except)
            .finish()
    }
}

/// What no proxy is asked for, as the Go tools do it (golang.org/x/net, `http/httpproxy`, `useProxy`).
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

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

    /// The production core: one connection pool for everything, HTTP/2 or HTTP/1.1 by ALPN. Reads no file and no
    /// variable.
    pub fn reqwest(options: &CoreOptions) -> Result<Self, Error> {
        let setup = |error: reqwest::Error| Error::Setup { why: crate::error::chain(&error) };
        let Proxies { http, https, except } = &options.proxies;
        let except = reqwest::NoProxy::from_string(&format!("{LOOPBACK},{except}"));
        let http = http.as_ref().map(reqwest::Proxy::http).transpose().map_err(setup)?;
        let https = https.as_ref().map(reqwest::Proxy::https).transpose().map_err(setup)?;
        // `reqwest` would read the environment itself; first, because it forgets the proxies named so far.
        let builder = reqwest::Client::builder().no_proxy();
        let builder = [http, https]
            .into_iter()
            .flatten()
            .fold(builder, |builder, proxy| builder.proxy(proxy.no_proxy(except.clone())));
        let client = builder
            .user_agent(options.user_agent.as_str())
            .tls_backend_preconfigured(tls_config(options.roots.0.clone())?)
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

/// The platform's verifier is avoided on purpose: it reads the system's CA files, and panics or fails where there are
/// none (`FROM scratch`).
fn tls_config(roots: RootCertStore) -> Result<rustls::ClientConfig, Error> {
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
