//! How octocrab is put together, and how one call is made. Nothing here knows what is asked.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::repository::Repository;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use serde::de::DeserializeOwned;
use transport::{Budget, Core, ServerClock, SizeLimit, redact};

use crate::Error;
use crate::pages::Cache;
use crate::url::{self, Origin};
use crate::wire::Wire;
use crate::write::Pace;

/// No answer of the API is read further than this: the network is not trusted for its size.
const MAX_ANSWER: usize = 10 * 1024 * 1024;

/// The API sends a renamed or moved repository on, and then it is there (REST API, "Best practices for using the REST
/// API", "Follow redirects").
const MAX_REDIRECTS: usize = 3;

/// The kind of answer that is asked for unless a call needs another (REST API, "Getting started with the REST API").
pub(crate) const JSON: &str = "application/vnd.github+json";

/// A token for GitHub's API. Never printed; to be hidden from the log by its owner when it is born.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token, without the white space around it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a client is for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Such as `https://api.github.com` or `https://ghes.example/api/v3`.
    pub api_url: Uri,
    /// Goes to the host of `api_url` and to its host for uploads, over the same scheme, and nowhere else.
    pub token: Token,
    /// The repository that all calls are about.
    pub repository: Repository,
    /// Deadline, retries and size cap of a request.
    pub transport: transport::Settings,
}

/// The client of one repository.
pub struct GitHub {
    octocrab: Octocrab,
    api: Uri,
    origins: Arc<[Origin]>,
    repository: Repository,
    clock: ServerClock,
    budget: Budget,
    pub(crate) cache: Mutex<HashMap<String, Cache>>,
    pub(crate) pace: Pace,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("api", &self.api).field("repository", &self.repository).finish_non_exhaustive()
    }
}

/// One call, before it is made.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// What it is for, fit after "failed to": `read tag v1.2.3`.
    pub(crate) what: String,
    /// What it needs: `contents: read`.
    pub(crate) permission: &'static str,
    pub(crate) accept: &'static str,
    /// The tag of the answer that is known.
    pub(crate) known: Option<HeaderValue>,
    pub(crate) body: Option<(HeaderValue, Bytes)>,
    pub(crate) limit: usize,
}

impl Call {
    pub(crate) fn new(method: Method, uri: Uri, what: impl Into<String>, permission: &'static str) -> Self {
        let what = what.into();
        Self { method, uri, what, permission, accept: JSON, known: None, body: None, limit: MAX_ANSWER }
    }

    pub(crate) fn get(uri: Uri, what: impl Into<String>, permission: &'static str) -> Self {
        Self::new(Method::GET, uri, what, permission)
    }

    pub(crate) fn json(mut self, body: &impl serde::Serialize) -> Result<Self, Error> {
        let invalid = |error: serde_json::Error| Error::Invalid { what: self.what.clone(), message: error.to_string() };
        let bytes = serde_json::to_vec(body).map_err(invalid)?;
        self.body = Some((HeaderValue::from_static("application/json"), bytes.into()));
        Ok(self)
    }
}

/// An answer: a success, a redirect, or "as you know it".
pub(crate) struct Answer {
    what: String,
    /// Where it came from, after redirects.
    pub(crate) uri: Uri,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as what it is documented to be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse(&self.what, &self.uri, &self.body)
    }

    pub(crate) fn etag(&self) -> Option<HeaderValue> {
        self.headers.get(ETAG).cloned()
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> Option<Uri> {
        let is_redirect = matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = self.headers.get(LOCATION).filter(|_| is_redirect)?;
        url::resolve(&self.uri, location.to_str().ok()?)
    }

    pub(crate) fn unexpected(&self, why: &str) -> Error {
        Error::unexpected(&self.what, &self.uri, &format!("status {}: {why}", self.status.as_u16()))
    }
}

/// JSON as what it is documented to be.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, uri: &Uri, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::unexpected(what, uri, &error.to_string()))
}

impl GitHub {
    /// A client of the API at `settings.api_url`.
    ///
    /// # Panics
    /// Outside a tokio runtime: octocrab starts a task for its queue.
    pub fn new(core: Core, settings: Settings) -> Result<Self, Error> {
        let invalid = |message: &str| Error::Invalid {
            what: "set up the client of GitHub's API".into(),
            message: message.into(),
        };
        let api = Origin::of(&settings.api_url).ok_or_else(|| {
            invalid(&format!(
                "`{}` is not the URL of an API, such as https://api.github.com",
                redact(&settings.api_url)
            ))
        })?;
        if settings.token.0.is_empty() {
            return Err(invalid("the token is empty; leave the input `token` out, or give one"));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", settings.token.0))
            .map_err(|_| invalid("the token holds characters that no token holds"))?;
        authorization.set_sensitive(true);
        let origins: Arc<[Origin]> = std::iter::once(api.clone()).chain(api.uploads()).collect();
        let clock = settings.transport.clock.clone();
        let budget = settings.transport.budget.clone();
        let wire =
            Wire { transport: transport::layered(core, settings.transport), authorization, origins: origins.clone() };
        let headers = vec![
            // Demanded by the API (REST API, "Getting started with the REST API", "User agent required").
            (USER_AGENT, HeaderValue::from_static(concat!("release-actions/", env!("CARGO_PKG_VERSION")))),
            (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28")),
        ];
        let Ok(octocrab) = OctocrabBuilder::new_empty()
            .with_service(wire)
            .with_layer(&ExtraHeadersLayer::new(Arc::new(headers)))
            // Not `AuthState::AccessToken`, which serves `api.github.com` only; `Wire` adds the token.
            .with_auth(AuthState::None)
            .build();
        Ok(Self {
            octocrab,
            api: settings.api_url,
            origins,
            repository: settings.repository,
            clock,
            budget,
            cache: Mutex::default(),
            pace: Pace::default(),
        })
    }

    /// Now by GitHub's clock: the `Date` of its latest answer plus the time since. `None` before the first answer.
    pub fn now(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    /// How many requests were sent, and what is left of the rate limit.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// An address in this repository.
    pub(crate) fn url(&self, segments: &[&str], query: &[(&str, &str)], what: &str) -> Result<Uri, Error> {
        let repository = ["repos", self.repository.owner(), self.repository.name()];
        url::join(&self.api, &[&repository[..], segments].concat(), query, what)
    }

    /// Whether the token goes there.
    pub(crate) fn is_ours(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_some_and(|origin| self.origins.contains(&origin))
    }

    /// Whether a redirect may be followed there without the token.
    pub(crate) fn is_safe(&self, uri: &Uri) -> bool {
        let api = Origin::of(&self.api);
        Origin::of(uri).is_some_and(|origin| api.is_some_and(|api| origin.is_as_safe_as(&api)))
    }

    /// Makes a call. A GET follows redirects within the API; any other answer than a success, a redirect that leads
    /// elsewhere, or "as you know it" is an error.
    pub(crate) async fn call(&self, mut call: Call) -> Result<Answer, Error> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(&call).await?;
            match answer.location() {
                Some(location) if call.method == Method::GET && self.is_ours(&location) => call.uri = location,
                _ => return Ok(answer),
            }
        }
        Err(Error::unexpected(&call.what, &call.uri, &format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// Makes a call for something that may not be there.
    pub(crate) async fn maybe(&self, call: Call) -> Result<Option<Answer>, Error> {
        match self.call(call).await {
            Ok(answer) if answer.status.is_success() => Ok(Some(answer)),
            Ok(answer) => Err(answer.unexpected("a redirect that leads out of the API")),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let mut request = http::Request::new(OctoBody::empty());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        request.extensions_mut().insert(SizeLimit(call.limit));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(call.accept));
        if let Some(known) = &call.known {
            request.headers_mut().insert(IF_NONE_MATCH, known.clone());
        }
        if let Some((content_type, body)) = &call.body {
            request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
            *request.body_mut() = body.clone().into();
        }
        let no_answer = |error| Error::no_answer(&call.what, &call.uri, error);
        let answer = self.octocrab.execute(request).await.map_err(no_answer)?;
        let status = answer.status();
        if status.is_success() || status.is_redirection() {
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(no_answer)?.to_bytes();
            let (what, uri) = (call.what.clone(), call.uri.clone());
            return Ok(Answer { what, uri, status, headers: parts.headers, body });
        }
        match octocrab::map_github_error(answer).await {
            Err(octocrab::Error::GitHub { source, .. }) => {
                Err(Error::from_answer(&call.what, call.permission, &call.uri, &source, self.now()))
            }
            Err(error) => Err(no_answer(error)),
            Ok(answer) => Err(Error::unexpected(&call.what, &call.uri, answer.status().as_str())),
        }
    }
}
