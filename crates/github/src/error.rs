//! Why there is no answer, by what the caller does about it. Texts are lower-case, fit after "failed to", say the next
//! step, and hold neither a token nor the values of a query.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use octocrab::GitHubError;
use serde_json::Value;
use transport::{printable, redact};

/// How much of an answer is quoted.
const QUOTE: usize = 300;

/// A throttled client that was told no time waits at least this long (REST API, "Rate limits for the REST API",
/// "Exceeding the rate limit").
const UNNAMED_PAUSE: Duration = Duration::from_secs(60);

/// In seconds. The primary limit is over after an hour; what says more than a day is not believed.
const LONGEST_PAUSE: i64 = 24 * 60 * 60;

/// A call that did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token is not good for this (401, or 403 that is no throttling). To be told to the user.
    #[error("{what}: GitHub refused the token ({said}); give the job `permissions: {permission}`, or another token")]
    Denied {
        /// What was tried.
        what: String,
        /// The permission that GitHub asks for, else the one that the call is known to need: `contents: write`.
        permission: String,
        /// The status and GitHub's words.
        said: String,
    },
    /// There is no such thing, or the token may not see it: GitHub does not tell (REST API, "Troubleshooting the REST
    /// API", "404 Not Found for an existing resource").
    #[error("{what}: there is no such thing, or the token may not see it, which takes `permissions: {permission}`")]
    NotFound {
        /// What was tried.
        what: String,
        /// The permission that the call needs.
        permission: String,
    },
    /// What was to be made is there. To be read again and updated.
    #[error("{what}: it exists already ({said}); read it again and update it")]
    AlreadyExists {
        /// What was tried.
        what: String,
        /// GitHub's words.
        said: String,
    },
    /// What was asked for makes no sense, to GitHub or already here. To be told to the user.
    #[error("{what}: {message}")]
    Invalid {
        /// What was tried.
        what: String,
        /// Why, where GitHub says it in its words.
        message: String,
    },
    /// Too many requests. To be tried again, but not before the pause is over.
    #[error("{what}: GitHub asks for a pause of {} s ({said})", after.as_secs())]
    Throttled {
        /// What was tried.
        what: String,
        /// The pause, at least a second.
        after: Duration,
        /// GitHub's words.
        said: String,
    },
    /// GitHub is not there at the moment: network, deadline, 5xx. To be tried again.
    #[error("{what}: GitHub cannot be reached ({why}); try again, or see its status page")]
    Unreachable {
        /// What was tried.
        what: String,
        /// What happened.
        why: String,
    },
    /// More than is read of one answer. To be asked for in smaller parts, where there are any.
    #[error("{what}: {url} gave more than is read of one answer: {said}")]
    TooLarge {
        /// What was tried.
        what: String,
        /// The address without the values of its query.
        url: String,
        /// The limit.
        said: String,
    },
    /// An answer that is not as documented. To be reported as it is.
    #[error("{what}: {url} gave an answer that is not as documented: {answer}")]
    Unexpected {
        /// What was tried.
        what: String,
        /// The address without the values of its query.
        url: String,
        /// The status, and what is wrong or how the body starts.
        answer: String,
    },
}

impl Error {
    /// How long to wait before it is tried again; `None` when that is of no use.
    pub fn pause(&self) -> Option<Duration> {
        match self {
            Self::Throttled { after, .. } => Some(*after),
            Self::Unreachable { .. } => Some(Duration::ZERO),
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Invalid { .. }
            | Self::TooLarge { .. }
            | Self::Unexpected { .. } => None,
        }
    }

    /// An answer that is not as documented.
    pub(crate) fn unexpected(what: &str, uri: &Uri, answer: &str) -> Self {
        Self::Unexpected { what: what.to_owned(), url: redact(uri), answer: printable(answer, QUOTE) }
    }

    /// No answer, or one that was refused before anybody looked at it.
    pub(crate) fn no_answer(what: &str, uri: &Uri, error: octocrab::Error) -> Self {
        if let octocrab::Error::Service { source, .. } = error {
            return match source.downcast_ref::<transport::Error>() {
                Some(error @ transport::Error::TooLarge { .. }) => {
                    Self::TooLarge { what: what.to_owned(), url: redact(uri), said: error.to_string() }
                }
                Some(error @ transport::Error::Encoded { .. }) => Self::unexpected(what, uri, &error.to_string()),
                _ => Self::Unreachable { what: what.to_owned(), why: printable(&source.to_string(), QUOTE) },
            };
        }
        // octocrab's own text may span lines and hold a backtrace; its first line says what happened.
        let text = error.to_string();
        Self::unexpected(what, uri, text.lines().next().unwrap_or_default())
    }

    /// The meaning of an answer that is not a success.
    pub(crate) fn from_answer(
        what: &str,
        permission: &str,
        uri: &Uri,
        error: &GitHubError,
        now: Option<Timestamp>,
    ) -> Self {
        let status = error.status_code;
        let headers = error.headers.clone().unwrap_or_default();
        let what = what.to_owned();
        let message = printable(&error.message, QUOTE);
        if let Some(after) = pause(status, &headers, &error.message, now) {
            return Self::Throttled { what, after, said: format!("{}: {message}", status.as_u16()) };
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Denied {
                what,
                permission: accepted_permissions(&headers).unwrap_or_else(|| permission.to_owned()),
                said: format!("{}: {message}", status.as_u16()),
            },
            StatusCode::NOT_FOUND => Self::NotFound { what, permission: permission.to_owned() },
            StatusCode::UNPROCESSABLE_ENTITY => {
                let details = error.errors.as_deref().unwrap_or_default();
                let said = match printable(&details.iter().map(detail).collect::<Vec<_>>().join(", "), QUOTE) {
                    details if details.is_empty() => message,
                    details => format!("{message}: {details}"),
                };
                if details.iter().any(|error| error["code"] == "already_exists") {
                    Self::AlreadyExists { what, said }
                } else {
                    Self::Invalid { what, message: format!("GitHub does not accept it: {said}") }
                }
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Self::Unreachable { what, why: format!("status {}: {message}", status.as_u16()) }
            }
            status => Self::unexpected(&what, uri, &format!("status {}: {message}", status.as_u16())),
        }
    }
}

/// The pause that a throttling answer asks for; `None` when it is no throttling (REST API, "Rate limits for the REST
/// API": 403 or 429, with `retry-after`, or `x-ratelimit-remaining: 0` and `x-ratelimit-reset`, or a message about a
/// secondary rate limit).
fn pause(status: StatusCode, headers: &HeaderMap, message: &str, now: Option<Timestamp>) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let exhausted = number("x-ratelimit-remaining") == Some(0);
    let is_throttling = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN
            && (exhausted || headers.contains_key(RETRY_AFTER) || message.to_ascii_lowercase().contains("rate limit")));
    if !is_throttling {
        return None;
    }
    let until_reset = || Some(number("x-ratelimit-reset")?.saturating_sub(now?.as_second())).filter(|_| exhausted);
    let seconds = number("retry-after").or_else(until_reset);
    Some(seconds.map_or(UNNAMED_PAUSE, |seconds| Duration::from_secs(seconds.clamp(1, LONGEST_PAUSE).unsigned_abs())))
}

/// `contents=write` or `contents=read,pull_requests=write; issues=write` (alternatives), in the way of a workflow file
/// (REST API, "Troubleshooting the REST API", "Resource not accessible", `X-Accepted-GitHub-Permissions`).
fn accepted_permissions(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-accepted-github-permissions")?.to_str().ok()?;
    let text = text.replace('=', ": ").replace(';', " or ").replace(',', ", ");
    Some(printable(&text, QUOTE)).filter(|text| !text.is_empty())
}

/// One entry of `errors` (REST API, "Troubleshooting the REST API", "Validation Failed").
fn detail(error: &Value) -> String {
    let text = |key: &str| error[key].as_str();
    match (text("message"), text("field"), text("code")) {
        (Some(message), ..) => message.to_owned(),
        (None, Some(field), Some(code)) => format!("{field} {code}"),
        (None, ..) => error.as_str().map_or_else(|| error.to_string(), str::to_owned),
    }
}
