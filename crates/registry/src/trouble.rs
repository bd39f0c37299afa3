//! Why a question to a registry has no good answer, and what a registry says about it.

use domain::evidence::Sight;
use http::StatusCode;
use serde::Deserialize;

use crate::Glance;

/// The outcome of a question that is not content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// 404 with access accepted.
    Absent,
    /// Something was served, and it is not what was asked for. Fits after "it is not an image: ".
    Wrong(String),
    /// 401 or 403 after one fresh token.
    Denied(String),
    /// Nothing that says anything about the image. Names the host.
    Unreachable(String),
}

impl Trouble {
    /// An answer that is neither content nor a verdict; `said` = what its body says. Statuses that stand for a moment were tried again already.
    pub(crate) fn status(host: &str, status: StatusCode, said: &str) -> Self {
        if status == StatusCode::NOT_FOUND {
            return Self::Absent;
        }
        Self::Unreachable(match status.as_u16() {
            429 => format!("{host} throttles: 429 Too Many Requests{said}"),
            408 | 499 | 500.. => format!("{host} answered {status}{said}"),
            _ => format!("{host} answered {status}, which no registry answers here: it is misconfigured{said}"),
        })
    }

    /// The request did not come to an answer.
    pub(crate) fn transport(host: &str, error: &transport::Error) -> Self {
        use transport::Error as E;
        match error {
            E::TooLarge { .. } | E::Encoded { .. } => Self::Wrong(error.to_string()),
            E::Timeout { .. }
            | E::Connect { .. }
            | E::Tls { .. }
            | E::Io { .. }
            | E::Invalid { .. }
            | E::Paused { .. }
            | E::Setup { .. } => Self::Unreachable(format!("{host}: {error}")),
        }
    }

    /// The same, said in the words that `say` makes of its own.
    pub(crate) fn map(self, say: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Wrong(why) => Self::Wrong(say(why)),
            Self::Denied(why) => Self::Denied(say(why)),
            Self::Unreachable(why) => Self::Unreachable(say(why)),
        }
    }

    /// What a look shows when this stood in its way.
    pub(crate) fn sight(self) -> Sight {
        match self {
            Self::Absent => Sight::Absent,
            Self::Wrong(why) => Sight::NotAnImage { why },
            Self::Denied(why) => Sight::Denied { why },
            Self::Unreachable(why) => Sight::Unreachable { why },
        }
    }

    /// What a glance shows when this stood in its way.
    pub(crate) fn glance(self, host: &str) -> Glance {
        match self {
            Self::Absent => Glance::Absent,
            Self::Denied(why) => Glance::Denied { why },
            Self::Wrong(why) => Glance::Unreachable { why: format!("{host} served no image: {why}") },
            Self::Unreachable(why) => Glance::Unreachable { why },
        }
    }
}

/// What the body of a refusal says. Bodies come as the specified list of errors (OCI distribution specification, "Error
/// Codes"), as a bare object (zot), as an object of another API, as plain text and as HTML.
pub(crate) fn text(body: &[u8]) -> String {
    let text = serde_json::from_slice::<Refusal>(body).ok().and_then(Refusal::text);
    // Cut before it is searched: a page may be megabytes.
    text.unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned())
}

#[derive(Deserialize)]
struct Refusal {
    errors: Option<Vec<Fault>>,
    code: Option<serde_json::Value>,
    message: Option<String>,
    details: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Fault {
    code: Option<serde_json::Value>,
    message: Option<String>,
}

impl Refusal {
    fn text(self) -> Option<String> {
        let own = Fault { code: self.code, message: self.message };
        let fault = self.errors.and_then(|errors| errors.into_iter().next()).unwrap_or(own);
        let plain = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        };
        let parts = [fault.code.and_then(plain), fault.message];
        let text = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        let other = self.details.and_then(plain).or(self.error.and_then(plain));
        Some(text).filter(|text| !text.is_empty()).or(other)
    }
}
