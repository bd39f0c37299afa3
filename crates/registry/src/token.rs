//! Tokens: one request for each scope, shared by all that need it, renewed before it ends (distribution project,
//! "Token Authentication Specification").

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use serde::Deserialize;
use tokio::time::Instant;
use transport::SizeLimit;

use crate::credentials::Login;
use crate::flight::Flight;
use crate::realm::Realm;
use crate::trouble::Trouble;

/// The largest answer of a token endpoint; real ones are a few kilobytes.
const LARGEST_ANSWER: usize = 64 * 1024;
/// A token without a lifetime lives this long (distribution project, "Token Response Fields", `expires_in`).
const DEFAULT_LIFE: f64 = 60.0;
/// No token is kept longer than this, whatever its answer says.
const LONGEST_LIFE: f64 = 3600.0;
/// A token is renewed this long before its end, so that it does not end on the way.
const MARGIN: f64 = 10.0;

/// What a token is for: the same question always has the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Purpose {
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) anonymous: bool,
}

/// A token, ready to be sent.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    until: Instant,
}

impl Token {
    pub(crate) fn is_alive(&self) -> bool {
        Instant::now() < self.until
    }
}

type Fetched = Result<Arc<Token>, Trouble>;

/// The tokens of one registry.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<Purpose, Arc<Flight<Fetched>>>>);

impl Tokens {
    /// The place where the token for `purpose` is or will be.
    pub(crate) fn of(&self, purpose: &Purpose) -> Arc<Flight<Fetched>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = all.get(purpose) {
            return flight.clone();
        }
        all.entry(purpose.clone()).or_default().clone()
    }
}

/// The request for a token: anonymous without `login`.
pub(crate) fn request(realm: &Realm, purpose: &Purpose, login: Option<&Login>) -> Option<Request<Bytes>> {
    let mut uri = realm.uri.to_string();
    let mut separator = if realm.uri.query().is_some() { '&' } else { '?' };
    for (key, value) in [("service", &purpose.service), ("scope", &purpose.scope)] {
        if let Some(value) = value {
            let _ = write!(uri, "{separator}{key}={}", Encoded(value));
            separator = '&';
        }
    }
    let mut request = Request::get(uri).extension(SizeLimit(LARGEST_ANSWER));
    if let Some(login) = login {
        request = request.header(AUTHORIZATION, login.basic()?);
    }
    request.body(Bytes::new()).ok()
}

/// Reads the answer to [`request`]. The error fits after "the token endpoint … ".
pub(crate) fn read(body: &[u8]) -> Result<Token, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| "answered 200 with no token in it".to_owned())?;
    let tokens = [answer.token, answer.access_token].into_iter().flatten();
    let Some(token) = tokens.map(|token| token.trim().to_owned()).find(|token| !token.is_empty()) else {
        return Err("answered 200 with an empty token".to_owned());
    };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("answered 200 with a token that no header can hold".to_owned());
    }
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "answered 200 with a token that no header can hold".to_owned())?;
    header.set_sensitive(true);
    Ok(Token { header, until: Instant::now() + life(answer.expires_in.as_ref()) })
}

/// How long a token may be used. A lifetime that is absent, nonsense or not in the future counts as the default.
fn life(expires_in: Option<&serde_json::Value>) -> Duration {
    let stated = match expires_in {
        Some(serde_json::Value::Number(number)) => number.as_f64(),
        Some(serde_json::Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let stated = stated.filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0).unwrap_or(DEFAULT_LIFE);
    Duration::from_secs_f64((stated.min(LONGEST_LIFE) - MARGIN).max(1.0))
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

/// A value of a query: everything but unreserved characters and a few that are plain in queries is percent-encoded
/// (RFC 3986, 3.4).
struct Encoded<'a>(&'a str);

impl std::fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_keeps_the_realms_query_and_encodes_its_own() {
        let realm = Realm { uri: "https://r/t?x=y".parse().unwrap(), trusted: true };
        let purpose = Purpose {
            realm: String::new(),
            service: Some("a b&c".into()),
            scope: Some("repository:a/b:pull".into()),
            anonymous: true,
        };
        let request = request(&realm, &purpose, None).unwrap();
        assert_eq!(request.uri(), "https://r/t?x=y&service=a%20b%26c&scope=repository:a/b:pull");
    }
}
