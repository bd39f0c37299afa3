//! ghcr.io for the programs of this machine: a proxy that leads to it, its certificate, its tokens, and behind them Debian's
//! docker-registry, which holds the images. Manners: "Token Authentication Specification" of distribution, and `sim`, where the
//! source of each one of GHCR's stands.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sim::Access;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Images that anybody may pull.
const PUBLIC: &str = "org/release-actions/";
/// No manifest or layer here is larger.
const LARGEST_BODY: usize = 1 << 28;

/// The registry. It ends when this is dropped.
pub(crate) struct Ghcr {
    gate: Arc<Gate>,
    tasks: Vec<JoinHandle<()>>,
}

struct Gate {
    /// The docker-registry, `127.0.0.1:PORT`.
    store: String,
    client: reqwest::Client,
    /// What each GitHub token may do with packages.
    rights: Mutex<BTreeMap<String, Access>>,
    /// The tokens that were given out, each with the repository and what may be done there.
    issued: Mutex<Vec<Vec<(String, Access)>>>,
}

impl Drop for Ghcr {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Ghcr {
    /// Serves the images of `store` as ghcr.io to those who ask the proxy at `proxy`.
    pub(crate) async fn open(store: &str, proxy: &str, certificates: &Path) -> Self {
        // Of the client below, for plain http too; a second installation is refused, rightly.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let gate = Arc::new(Gate {
            store: store.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            rights: Mutex::default(),
            issued: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(gate.clone());
        let serves = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)));
        let listener = TcpListener::bind(proxy).await.unwrap();
        let leads = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, acceptor.clone(), plain));
            }
        });
        Self { gate, tasks: vec![serves, leads] }
    }

    /// Makes a GitHub token able to read or write packages, or neither.
    pub(crate) fn grant(&self, token: &str, access: Access) {
        self.gate.rights.lock().unwrap().insert(token.to_owned(), access);
    }
}

fn tls(certificates: &Path) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_file(certificates.join("ghcr.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.join("ghcr.key")).unwrap();
    config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()
}

/// One connection to the proxy, which leads to ghcr.io alone.
async fn lead(mut stream: TcpStream, acceptor: TlsAcceptor, plain: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"CONNECT ghcr.io:443 ") {
        return stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let (mut inside, mut outside) = (acceptor.accept(stream).await?, TcpStream::connect(plain).await?);
    copy_bidirectional(&mut inside, &mut outside).await.map(drop)
}

async fn answer(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    if request.uri().path() == "/token" {
        return gate.token(&request);
    }
    match gate.refuse(&request) {
        None => gate.forward(request).await,
        Some(refusal) => refusal,
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    Response::builder().status(status).header("content-type", "application/json").body(body.to_string().into()).unwrap()
}

impl Gate {
    /// Gives a token for what is asked and allowed; bad credentials get none.
    fn token(&self, request: &Request) -> Response {
        // The OAuth form is not there; clients then use this one.
        if request.method() != Method::GET {
            return refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "not found");
        }
        let access = match password(request.headers()) {
            None => None,
            Some(password) => match self.rights.lock().unwrap().get(&password) {
                Some(access) => Some(*access),
                None => return refusal(StatusCode::FORBIDDEN, "DENIED", "invalid token"),
            },
        };
        let query = request.uri().query().unwrap_or_default().to_owned();
        let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
        let scopes = scopes.flat_map(|scope| {
            scope
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%2C", ",")
                .replace('+', " ")
                .replace("%20", " ")
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        let granted = scopes.filter_map(|scope| {
            let (name, _) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            let public = if name.starts_with(PUBLIC) { Access::Read } else { Access::None };
            Some((name.to_owned(), access.unwrap_or_default().max(public)))
        });
        let mut issued = self.issued.lock().unwrap();
        issued.push(granted.collect());
        Response::new(json!({ "token": format!("issued-{}", issued.len() - 1) }).to_string().into())
    }

    /// The refusal of what may not be read or written.
    fn refuse(&self, request: &Request) -> Option<Response> {
        let wanted = if matches!(*request.method(), Method::GET | Method::HEAD) { Access::Read } else { Access::Write };
        let name = repository(request.uri().path());
        let sent = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(number) = sent.and_then(|sent| sent.strip_prefix("Bearer issued-")?.parse::<usize>().ok()) else {
            let actions = if wanted == Access::Read { "pull" } else { "pull,push" };
            let scope = name.map_or(String::new(), |name| format!(r#",scope="repository:{name}:{actions}""#));
            let challenge = format!(r#"Bearer realm="https://ghcr.io/token",service="ghcr.io"{scope}"#);
            let mut refusal = refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
            refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
            return Some(refusal);
        };
        let name = name?;
        let issued = self.issued.lock().unwrap();
        let mut granted = issued.get(number).into_iter().flatten();
        if granted.any(|(held, access)| held == name && *access >= wanted) {
            None
        } else if wanted == Access::Write {
            let message = "permission_denied: The token provided does not match expected scopes.";
            Some(refusal(StatusCode::FORBIDDEN, "DENIED", message))
        } else {
            Some(refusal(StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied"))
        }
    }

    async fn forward(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, LARGEST_BODY).await.unwrap();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers;
        headers.remove(AUTHORIZATION);
        headers.insert(HOST, "ghcr.io".parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        let asked =
            self.client.request(parts.method, format!("http://{}{path}", self.store)).headers(headers).body(body);
        let answer = match asked.send().await {
            Ok(answer) => answer,
            Err(error) => return refusal(StatusCode::BAD_GATEWAY, "UNKNOWN", &error.to_string()),
        };
        let mut response = Response::builder().status(answer.status());
        // The length of an answer to HEAD is of no body here.
        let hop = |name: &HeaderName| name == "connection" || name == "transfer-encoding";
        for (name, value) in answer.headers().iter().filter(|(name, _)| !hop(name)) {
            response = response.header(name, value);
        }
        response.body(Body::from(answer.bytes().await.unwrap_or_default())).unwrap()
    }
}

/// The repository in a path of the API.
fn repository(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v2/")?;
    ["/manifests/", "/blobs/", "/tags/", "/referrers/"].iter().find_map(|part| Some(rest.split_once(part)?.0))
}

/// The password of Basic credentials.
fn password(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(sent).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}
