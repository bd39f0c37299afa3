//! What goes between the faces and the wire: a request as read, an answer as decided, and the small codings of both.
//! No behaviour of any service.

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A request, read whole.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// `https` in memory unless the URI says otherwise, `http` over loopback.
    pub(crate) scheme: String,
    /// Host and port as asked for, in lower case.
    pub(crate) host: String,
    /// Came over a socket: no other host can be reached from there.
    pub(crate) wire: bool,
    /// The path as sent, still percent-encoded.
    pub(crate) path: String,
    pub(crate) raw_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// The value of a header, when there is one and it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Is this a GET or a HEAD?
    pub(crate) fn reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// The decoded segments of the path.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(percent_decoded).collect()
    }

    /// Every value of a query parameter, in order.
    pub(crate) fn queries(&self, name: &str) -> Vec<String> {
        self.raw_query
            .split('&')
            .filter_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (percent_decoded(key) == name).then(|| percent_decoded(&value.replace('+', " ")))
            })
            .collect()
    }

    /// The first value of a query parameter that is not empty.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().find(|value| !value.is_empty())
    }

    /// The origin the client used.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// Path and query as sent.
    pub(crate) fn path_and_query(&self) -> String {
        if self.raw_query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.raw_query) }
    }
}

/// An answer, before faults.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// An answer either way; `Err` only ends the handler early.
pub(crate) type Outcome = Result<Reply, Reply>;

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Reply {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Reply { status, headers, body: body.into() }
    }

    pub(crate) fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// `sha256:` and 64 hex digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// 40 hex digits: stands for a git object id. Git's own is a SHA-1 of the object; nothing here depends on that.
pub(crate) fn object_id(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..20])
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// RFC 3986 section 2.1; a `%` that starts no valid escape stands for itself.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = match after {
            [high, low, ..] if first == b'%' => nibble(*high).zip(nibble(*low)),
            _ => None,
        };
        if let Some((high, low)) = escape {
            bytes.push(high << 4 | low);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 9110 section 5.6.7, IMF-fixdate.
pub(crate) fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// How GitHub's JSON writes times: whole seconds, UTC.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The user and password of a `Basic` Authorization value.
pub(crate) fn basic_credentials(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(base64_decoded(encoded.trim())?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

pub(crate) fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

pub(crate) fn base64_encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
