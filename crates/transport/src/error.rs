//! Why there is no answer: one variant for each thing that a caller does differently.
//!
//! Messages are lower-case, fit after "failed to …", and name the method and the redacted URL. They hold no header,
//! no query value and no byte of a body.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use crate::text::{printable, redact};

/// An answer that did not come, or that was refused before anybody looked at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The attempt's deadline passed before the last byte of the body. Transient.
    #[error("{request}: no complete answer within {} s", after.as_secs_f32())]
    Timeout {
        /// Method and redacted URL.
        request: String,
        /// The deadline that passed.
        after: Duration,
    },
    /// No connection: name resolution, TCP, or the proxy. Transient.
    #[error("{request}: cannot connect: {why}")]
    Connect {
        /// Method and redacted URL.
        request: String,
        /// The chain of causes.
        why: String,
    },
    /// The TLS handshake failed, mostly a certificate that is not trusted. Trying again does not help.
    #[error("{request}: TLS failed: {why}")]
    Tls {
        /// Method and redacted URL.
        request: String,
        /// The chain of causes, and what may mend it.
        why: String,
    },
    /// The connection broke while the request or the answer was on it. Transient.
    #[error("{request}: the connection broke: {why}")]
    Io {
        /// Method and redacted URL.
        request: String,
        /// The chain of causes.
        why: String,
    },
    /// The body is larger than it may be.
    #[error("{request}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// Method and redacted URL.
        request: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The body has a content coding although `identity` was asked for.
    #[error("{request}: the answer has the content coding `{coding}`, and none was accepted")]
    Encoded {
        /// Method and redacted URL.
        request: String,
        /// The coding, printable.
        coding: String,
    },
    /// The request itself cannot be sent: its URL or a header is not valid.
    #[error("{request}: the request is not valid: {why}")]
    Invalid {
        /// Method and redacted URL.
        request: String,
        /// The chain of causes.
        why: String,
    },
    /// The host asked for a pause that is longer than anybody waits here, and it is not over: nothing was sent.
    #[error("{request}: not sent, because the host asked for a pause of {} s", asked.as_secs())]
    Paused {
        /// Method and redacted URL.
        request: String,
        /// How long the pause is in all.
        asked: Duration,
    },
    /// The transport cannot be built.
    #[error("set up the HTTP client: {why}")]
    Setup {
        /// What is wrong with its options.
        why: String,
    },
}

impl Error {
    /// True when the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Connect { .. } | Self::Io { .. } => true,
            Self::Tls { .. }
            | Self::TooLarge { .. }
            | Self::Encoded { .. }
            | Self::Invalid { .. }
            | Self::Paused { .. }
            | Self::Setup { .. } => false,
        }
    }

    /// The error of a core, classified. `after` is the deadline that a timeout inside the core is reported with.
    pub(crate) fn classify(error: tower::BoxError, request: String, after: Duration) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return *ours,
            Err(other) => other,
        };
        let why = chain(error.as_ref());
        if let Some(tls) = sources(error.as_ref()).find_map(|source| source.downcast_ref::<rustls::Error>()) {
            return Self::Tls { request, why: format!("{why}{}", tls_hint(tls)) };
        }
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            if error.is_builder() {
                return Self::Invalid { request, why };
            }
            if error.is_timeout() {
                return Self::Timeout { request, after };
            }
            if error.is_connect() {
                return Self::Connect { request, why };
            }
        }
        let kind = sources(error.as_ref())
            .find_map(|source| source.downcast_ref::<std::io::Error>())
            .map(std::io::Error::kind);
        match kind {
            Some(ErrorKind::TimedOut) => Self::Timeout { request, after },
            Some(
                ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable,
            ) => Self::Connect { request, why },
            _ => Self::Io { request, why },
        }
    }
}

/// The error, and every error below it. What an `io::Error` wraps is no `source` of it, so it is looked into.
fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error = *error;
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

/// What a user can do about a failed handshake.
#[expect(clippy::wildcard_enum_match_arm, reason = "most of the many variants have no cure that we know")]
fn tls_hint(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "; the host needs a new certificate"
        }
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "; the host needs a certificate for this name, or is meant by another name",
        rustls::Error::InvalidCertificate(_) => "; if the certificate is your own, name its root by `ca-file`",
        rustls::Error::InvalidMessage(_) => "; does the host speak plain http? Then name it in `insecure-registries`",
        _ => "",
    }
}

/// The texts of an error and its sources, each said once. What `reqwest` and `hyper` say above a cause is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for source in sources(error) {
        let part = source.to_string();
        let hollow =
            source.source().is_some() && (part == "error sending request" || part.starts_with("client error ("));
        if !hollow && !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    printable(&text, 400)
}

/// Method and redacted URL, the start of every message.
pub(crate) fn line(method: &http::Method, uri: &http::Uri) -> String {
    format!("{method} {}", redact(uri))
}
