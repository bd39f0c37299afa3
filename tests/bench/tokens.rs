//! The token server of the registry, a process of its own: anybody gets the access that they ask for (distribution project,
//! "Token Authentication Specification" and "Token Authentication Implementation").

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Uri};
use rcgen::{CertificateParams, KeyPair, SigningKey as _};
use serde_json::{Value, json};
use sim::Delayed;
use tokio::net::TcpListener;
use transport::Transport;

/// What the registry and its tokens are called, by both.
const NAME: &str = "bench";
/// Whatever the clock of this machine shows: the year 2100.
const END: u64 = 4_102_444_800;

/// Answers until it is killed. Leaves in `folder`: `certificate.pem` for the registry, `log` of what it is asked, and last of
/// all `address`, its own and that of a proxy before it which takes `delay` longer.
pub(crate) async fn serve(folder: &Path, delay: Duration) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
    fs::write(folder.join("certificate.pem"), certificate.pem())?;
    let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(certificate.der())] });
    let office = Arc::new(Office { key, header, log: File::create(folder.join("log"))? });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let late = Delayed::before(address, delay).await?;
    fs::write(folder.join("new"), format!("{address} {}\n", late.host()))?;
    fs::rename(folder.join("new"), folder.join("address"))?;
    let router = Router::new().route("/token", get(token)).with_state(office);
    Ok(axum::serve(listener, router).await?)
}

struct Office {
    key: KeyPair,
    header: Value,
    log: File,
}

async fn token(State(office): State<Arc<Office>>, uri: Uri, Query(query): Query<Vec<(String, String)>>) -> Response {
    let logged = (&office.log).write_all(format!("GET {uri}\n").as_bytes());
    let scopes = query.iter().filter(|(key, _)| key == "scope").flat_map(|(_, scopes)| scopes.split(' '));
    let answer = logged.map_err(anyhow::Error::from).and_then(|()| office.token(scopes.filter_map(access)));
    match answer {
        Ok(token) => ([(CONTENT_TYPE, "application/json")], json!({ "token": token, "expires_in": 3600 }).to_string())
            .into_response(),
        Err(error) => (http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// `repository:NAME:ACTION,…`
fn access(scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some(json!({ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }))
}

impl Office {
    fn token(&self, access: impl Iterator<Item = Value>) -> anyhow::Result<String> {
        let claims = json!({
            "iss": NAME, "aud": NAME, "sub": "", "iat": 0, "nbf": 0, "exp": END, "jti": "1",
            "access": access.collect::<Vec<_>>(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", part(&self.header), part(&claims));
        let signature = self.key.sign(token.as_bytes())?;
        let signature = fixed(&signature).context("an ECDSA signature")?;
        write!(token, ".{}", URL_SAFE_NO_PAD.encode(signature))?;
        Ok(token)
    }
}

/// Two numbers of 32 bytes (RFC 7518, 3.4), from the DER in which they are made: `30 LENGTH 02 LENGTH R 02 LENGTH S`.
fn fixed(der: &[u8]) -> Option<Vec<u8>> {
    let mut rest = der.get(2..)?;
    let mut signature = Vec::with_capacity(64);
    for _ in 0..2 {
        let length = usize::from(*rest.get(1)?);
        let number = rest.get(2..2 + length)?;
        let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        signature.resize(signature.len() + 32_usize.checked_sub(number.len())?, 0);
        signature.extend_from_slice(number);
        rest = &rest[2 + length..];
    }
    Some(signature)
}

/// A token of the server at `address` for these actions in a repository.
pub(crate) async fn fetch(
    transport: &Transport,
    address: &str,
    repository: &str,
    actions: &str,
) -> anyhow::Result<String> {
    let url = format!("http://{address}/token?service={NAME}&scope=repository:{repository}:{actions}");
    let answer = transport::send(transport, Request::get(url).body(Bytes::new())?).await?;
    let answer: Value = serde_json::from_slice(answer.body())?;
    Ok(answer["token"].as_str().context("no token")?.to_owned())
}
