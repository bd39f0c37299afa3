//! One question to the registry API, and where a redirect of its answer leads.

use domain::image::Digest;
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode, Uri};

/// What is asked for; the rules of redirects and media types differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Manifest,
    Blob,
}

/// One question (OCI distribution specification, "Endpoints", end-2 and end-3).
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) kind: Kind,
    pub(crate) repository: &'a str,
    pub(crate) path: String,
}

impl<'a> Ask<'a> {
    /// A manifest by tag or digest.
    pub(crate) fn manifest(method: Method, repository: &'a str, name: &str) -> Self {
        Self { method, kind: Kind::Manifest, repository, path: format!("/v2/{repository}/manifests/{name}") }
    }

    /// A blob by digest.
    pub(crate) fn blob(repository: &'a str, digest: &Digest) -> Self {
        let path = format!("/v2/{repository}/blobs/{digest}");
        Self { method: Method::GET, kind: Kind::Blob, repository, path }
    }
}

pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where the answer of `from` leads. The error fits after "it redirected to ".
pub(crate) fn location(from: &Uri, headers: &HeaderMap) -> Result<Uri, String> {
    let text = headers.get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or("").trim();
    let text = text.split('#').next().unwrap_or("");
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let whole = match text {
        "" => return Err("nowhere".to_owned()),
        _ if text.starts_with("//") => format!("{scheme}:{text}"),
        _ if text.starts_with('/') => format!("{scheme}://{authority}{text}"),
        _ => text.to_owned(),
    };
    let target: Uri = whole.parse().map_err(|_| "something that is no URL".to_owned())?;
    if target.host().is_none() || target.scheme().is_none() {
        return Err("a URL that is not absolute".to_owned());
    }
    Ok(target)
}

/// The same scheme, host and port (RFC 6454, 5).
pub(crate) fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().or(match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        })
    };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}
