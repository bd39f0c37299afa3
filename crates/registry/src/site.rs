//! One registry host: how it is spoken to, its way in, its limit of requests, and what it showed before.
//!
//! `fetch` sends one question with whatever access the host turns out to want, and follows what may be followed; it
//! knows nothing of images.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::image::Host;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;
use transport::{SizeLimit, Transport};

use crate::ask::{Ask, Kind, is_redirect, location, same_origin};
use crate::challenge::Challenge;
use crate::content::ACCEPTED;
use crate::credentials::Login;
use crate::flight::{Flight, Got};
use crate::look::Seen;
use crate::realm::{self, PlainHttp};
use crate::token::{self, Purpose, Token, Tokens};
use crate::trouble::Trouble;
use crate::{Settings, trouble};

/// The largest manifest or configuration that is read. Registries may refuse manifests above it (OCI distribution
/// specification, "Pushing Manifests"); real ones are a few kilobytes.
pub(crate) const LARGEST_CONTENT: usize = 4 * 1024 * 1024;
/// A reason longer than this quotes more of a server than anybody reads.
const LONGEST_WHY: usize = 600;
/// Storage behind a registry redirects once; a chain longer than this leads nowhere.
const MOST_HOPS: usize = 5;

/// Credentials that were refused are left out again after this long where that did not help: an image may be published, and
/// be public, while we wait.
const ASIDE_AGAIN: Duration = Duration::from_secs(60);

/// One registry host.
pub(crate) struct Site {
    pub(crate) host: Host,
    /// Who may speak plain http beside loopback.
    plain_http: PlainHttp,
    login: Option<Login>,
    transport: Transport,
    permits: Semaphore,
    way_in: Flight<WayIn>,
    /// What is asked for at `/v2/`; empty until something was called absent to somebody with credentials.
    front_door: OnceCell<Challenge>,
    tokens: Tokens,
    /// What asking without the credentials came to, by repository, where they were refused.
    without: Mutex<HashMap<String, Without>>,
    told: AtomicBool,
    /// What was seen by digest.
    pub(crate) seen: Seen,
}

/// What is known of the access control of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WayIn {
    /// The probe had no answer.
    Unknown,
    /// The probe was answered without access.
    Open,
    /// A challenge, and the repository that it was given for.
    Challenged(Challenge, Arc<str>),
}

/// The `Authorization` that an answer came to.
#[derive(Clone)]
struct Sent(HeaderValue);

/// What asking without the credentials came to, after they were refused.
#[derive(Debug, Clone)]
enum Without {
    /// There was content: the repository is public.
    Served,
    /// There was none (404), which a registry may also say of what it hides; with the refusal of the credentials.
    Absent(Instant, Arc<str>),
    /// That was refused too.
    Refused(Instant),
}

/// What a request was let in by.
enum Grant {
    Nothing,
    Password(HeaderValue),
    Token { purpose: Purpose, token: Arc<Token>, fresh: bool },
}

impl Grant {
    fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::Nothing => None,
            Self::Password(header) => Some(header),
            Self::Token { token, .. } => Some(&token.header),
        }
    }
}

impl Site {
    pub(crate) fn new(host: &Host, login: Option<Login>, settings: &Settings, transport: Transport) -> Self {
        Self {
            plain_http: settings.plain_http.clone(),
            login,
            host: host.clone(),
            transport,
            permits: Semaphore::new(settings.per_host.max(1)),
            way_in: Flight::default(),
            front_door: OnceCell::new(),
            tokens: Tokens::default(),
            without: Mutex::default(),
            told: AtomicBool::new(false),
            seen: Seen::default(),
        }
    }

    /// Docker Hub counts each GET of a manifest as a pull, and a HEAD as none (Docker documentation, "Docker Hub usage
    /// and limits", "Pull definition").
    pub(crate) fn counts_gets(&self) -> bool {
        self.host.api_authority() == "registry-1.docker.io"
    }

    /// Sends `ask` and gives its answer, redirects followed. A manifest may move once within its host, a blob to any
    /// storage. No access goes along, not even within the host: the URL of storage is signed (Google Artifact Registry's
    /// is on its own host, ahmetb/serverless-registry-proxy#8), and a second kind of access is refused there
    /// (renovatebot/renovate#3877).
    pub(crate) async fn fetch(&self, ask: &Ask<'_>) -> Result<Response<Bytes>, Trouble> {
        // One permit covers all that one question needs, its token included: who holds one never waits for another. The
        // rest is boxed, so that a thousand images that wait their turn are small.
        let permit = self.permits.acquire().await;
        let answer = Box::pin(self.follow(ask)).await;
        drop(permit);
        answer.map_err(|trouble| trouble.map(|why| self.quoted(&why, LONGEST_WHY, None)))
    }

    async fn follow(&self, ask: &Ask<'_>) -> Result<Response<Bytes>, Trouble> {
        let home = self.uri(&ask.path)?;
        let mut answer = self.exchange(ask).await?;
        let mut at = home.clone();
        for hop in 0..=MOST_HOPS {
            if !is_redirect(answer.status()) {
                return Ok(answer);
            }
            if hop == MOST_HOPS {
                break;
            }
            let refused =
                |why: String| Trouble::Unreachable(format!("{} is misconfigured: it redirected to {why}", self.host));
            let target = location(&at, answer.headers()).map_err(refused)?;
            realm::check_hop(&target, &self.host, &self.plain_http).map_err(refused)?;
            if ask.kind == Kind::Manifest && (at != home || !same_origin(&target, &home)) {
                return Err(refused(format!("{}, and manifests are not followed there", transport::redact(&target))));
            }
            answer = self.ask_elsewhere(&target, ask).await?;
            at = target;
        }
        Err(Trouble::Unreachable(format!("{} is misconfigured: more than {MOST_HOPS} redirects", self.host)))
    }

    /// Asks the place that a registry redirected to. What it refuses says nothing of our access to the registry.
    async fn ask_elsewhere(&self, target: &Uri, ask: &Ask<'_>) -> Result<Response<Bytes>, Trouble> {
        let answer = self.send(self.request(target.clone(), ask, None)?).await?;
        if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let (host, status) = (&self.host, answer.status());
            return Err(Trouble::Unreachable(format!(
                "the storage of {host}, {}, answered {status}",
                transport::redact(target)
            )));
        }
        Ok(answer)
    }

    /// Sends `ask` and gives any answer that is not a refusal of access. Credentials that are refused are left out
    /// once: a stale password must not hide a public image, as it does on GHCR (403 without a challenge). What came of it
    /// is remembered, so that it does not cost a token and a request more at each look.
    async fn exchange(&self, ask: &Ask<'_>) -> Result<Response<Bytes>, Trouble> {
        let Some(login) = &self.login else { return self.exchange_as(ask, None).await };
        let known = self.without.lock().unwrap_or_else(PoisonError::into_inner).get(ask.repository).cloned();
        let holds = |since: Instant| since.elapsed() < ASIDE_AGAIN;
        match known {
            Some(Without::Served) => return self.exchange_as(ask, None).await,
            Some(Without::Absent(since, refused)) if holds(since) => {
                return or_hidden(self.exchange_as(ask, None).await, &refused);
            }
            Some(Without::Refused(since)) if holds(since) => return self.exchange_as(ask, Some(login)).await,
            _ => {}
        }
        let refused = match self.exchange_as(ask, Some(login)).await {
            Err(Trouble::Denied(why)) => why,
            other => return other,
        };
        let answer = self.exchange_as(ask, None).await;
        let known = match &answer {
            Err(Trouble::Denied(_)) => Without::Refused(Instant::now()),
            Ok(answer) if answer.status() == StatusCode::NOT_FOUND => {
                Without::Absent(Instant::now(), refused.as_str().into())
            }
            Ok(answer) if answer.status().is_success() => Without::Served,
            _ => return answer,
        };
        let was_refused = matches!(known, Without::Refused(_));
        self.without.lock().unwrap_or_else(PoisonError::into_inner).insert(ask.repository.to_owned(), known);
        if was_refused {
            return Err(Trouble::Denied(refused));
        }
        if !self.told.swap(true, Ordering::Relaxed) {
            let (host, source) = (&self.host, login.source());
            tracing::warn!(
                "the credentials for {host} ({source}) were refused, so it is asked without them: {refused}"
            );
        }
        or_hidden(answer, &refused)
    }

    /// Sends `ask` by the way in that is known, or learns it from the refusal. Access is renewed once.
    async fn exchange_as(&self, ask: &Ask<'_>, login: Option<&Login>) -> Result<Response<Bytes>, Trouble> {
        let (mut first, mut challenge) = self.first_contact(ask).await?;
        // By what is known; by what the refusal of that asks for; and, where that too was refused in favour of something
        // else, by that.
        for last in [false, false, true] {
            let grant = if first.is_some() { Grant::Nothing } else { self.grant(challenge.as_ref(), login).await? };
            let reply = match first.take() {
                Some(reply) => reply,
                None => self.send(self.request(self.uri(&ask.path)?, ask, grant.header())?).await?,
            };
            if !matches!(reply.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                // Some call absent to strangers what they hide, and ask for no access (JFrog, "Hide Existence of Unauthorized
                // Resources"): with credentials that is not the last word.
                let is_stranger = login.is_some() && matches!(grant, Grant::Nothing) && !last;
                if reply.status() != StatusCode::NOT_FOUND || !is_stranger {
                    return Ok(reply);
                }
                let asked = self.front_door.get_or_try_init(|| self.front_door(ask)).await?;
                self.learn(asked, ask.repository);
                challenge = Some(asked.clone().for_repository(ask.repository, ask.repository));
                continue;
            }
            let asked = Challenge::read(reply.headers());
            if let Some(asked) = &asked {
                self.learn(asked, ask.repository);
            }
            let asked = asked.map(|asked| asked.for_repository(ask.repository, ask.repository));
            // A password is an answer to a challenge only where there is one.
            let other = asked.clone().filter(|asked| *asked != Challenge::Basic || login.is_some());
            let again = match &grant {
                Grant::Nothing => other.is_some(),
                Grant::Password(_) => other.is_some_and(|other| other != Challenge::Basic),
                Grant::Token { purpose, token, fresh } => {
                    let ours = |known: &Result<Arc<Token>, Trouble>| {
                        known.as_ref().is_ok_and(|known| Arc::ptr_eq(known, token))
                    };
                    self.tokens.of(purpose).forget(ours);
                    !fresh || (other.is_some() && other != challenge)
                }
            };
            if last || !again {
                return Err(Trouble::Denied(format!("{} answered {}{}", self.host, reply.status(), self.said(&reply))));
            }
            challenge = asked.or(challenge);
        }
        Err(Trouble::Denied(format!("{} asked for another access with each answer", self.host)))
    }

    /// What the host asks for where it is asked for nothing in particular; a password, where it does not say.
    async fn front_door(&self, ask: &Ask<'_>) -> Result<Challenge, Trouble> {
        let reply = self.send(self.request(self.uri("/v2/")?, ask, None)?).await?;
        Ok(Challenge::read(reply.headers()).unwrap_or(Challenge::Basic))
    }

    /// The way in for the repository, once it is known. The first request of all to a host is sent without access, and
    /// the others wait for its answer, so that a host is probed once; the answer is given where the request was ours.
    async fn first_contact(&self, ask: &Ask<'_>) -> Result<(Option<Response<Bytes>>, Option<Challenge>), Trouble> {
        let mut own = None;
        let probe = async {
            let reply = match self.uri(&ask.path).and_then(|uri| self.request(uri, ask, None)) {
                Ok(request) => self.send(request).await,
                Err(trouble) => Err(trouble),
            };
            let way_in = match &reply {
                Err(_) => WayIn::Unknown,
                Ok(reply) if reply.status().is_server_error() || reply.status() == StatusCode::TOO_MANY_REQUESTS => {
                    WayIn::Unknown
                }
                Ok(reply) => Challenge::read(reply.headers())
                    .filter(|_| reply.status().is_client_error())
                    .map_or(WayIn::Open, |challenge| WayIn::Challenged(challenge, ask.repository.into())),
            };
            own = Some(reply);
            way_in
        };
        // Those who waited for a probe that failed go on at once, all together, instead of failing one by one.
        let Got { value, .. } = self.way_in.get(|way_in| *way_in != WayIn::Unknown, probe).await;
        match (own, value) {
            (Some(reply), _) => Ok((Some(reply?), None)),
            (None, WayIn::Unknown | WayIn::Open) => Ok((None, None)),
            (None, WayIn::Challenged(challenge, first)) => {
                Ok((None, Some(challenge.for_repository(&first, ask.repository))))
            }
        }
    }

    /// Keeps a challenge for the next images of the host. `Basic` does not displace `Bearer`: Harbor answers refused
    /// credentials with it (goharbor/harbor, `src/server/middleware/v2auth/auth.go`).
    fn learn(&self, challenge: &Challenge, repository: &str) {
        let bearer = matches!(self.way_in.peek(), Some(WayIn::Challenged(Challenge::Bearer { .. }, _)));
        if !(bearer && *challenge == Challenge::Basic) {
            self.way_in.put(WayIn::Challenged(challenge.clone(), repository.into()));
        }
    }

    /// What `challenge` asks for.
    async fn grant(&self, challenge: Option<&Challenge>, login: Option<&Login>) -> Result<Grant, Trouble> {
        let (realm, service, scope) = match challenge {
            None => return Ok(Grant::Nothing),
            Some(Challenge::Basic) => return Ok(login.and_then(Login::basic).map_or(Grant::Nothing, Grant::Password)),
            Some(Challenge::Bearer { realm, service, scope }) => (realm.clone(), service.clone(), scope.clone()),
        };
        let purpose = Purpose { realm, service, scope, anonymous: login.is_none() };
        let flight = self.tokens.of(&purpose);
        let alive = |known: &Result<Arc<Token>, Trouble>| known.as_ref().is_ok_and(|token| token.is_alive());
        let Got { value, fresh } = flight.get(alive, self.token(&purpose, login)).await;
        Ok(Grant::Token { purpose, token: value?, fresh })
    }

    /// Asks the token endpoint. It is not redirected, and sees the credentials only where it may.
    async fn token(&self, purpose: &Purpose, login: Option<&Login>) -> Result<Arc<Token>, Trouble> {
        let misconfigured =
            |why: String| Trouble::Unreachable(format!("{} is misconfigured: its token endpoint {why}", self.host));
        let realm = realm::check(&purpose.realm, &self.host, &self.plain_http).map_err(misconfigured)?;
        let place = transport::redact(&realm.uri);
        if login.is_some() && !realm.trusted {
            return Err(misconfigured(format!(
                "{place} belongs to another domain, and the credentials are not sent there"
            )));
        }
        let request = token::request(&realm, purpose, login);
        let request = request.ok_or_else(|| misconfigured(format!("{place} makes no valid request")))?;
        let place = format!("the token endpoint {} of {}", place.split('?').next().unwrap_or(""), self.host);
        let answer = match self.send(request).await {
            Err(Trouble::Wrong(why)) => return Err(Trouble::Unreachable(format!("{place}: {why}"))),
            other => other?,
        };
        match answer.status() {
            StatusCode::OK => {
                token::read(answer.body()).map(Arc::new).map_err(|why| Trouble::Unreachable(format!("{place} {why}")))
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Trouble::Denied(format!("{place} answered {status}{}", self.said(&answer))))
            }
            StatusCode::NOT_FOUND => Err(Trouble::Unreachable(format!("{place} answered 404: it is misconfigured"))),
            _ => Err(self.trouble(&place, &answer)),
        }
    }

    /// What an answer that is no content says about the question. `place` = who gave it.
    pub(crate) fn trouble(&self, place: &str, answer: &Response<Bytes>) -> Trouble {
        Trouble::status(place, answer.status(), &self.said(answer))
    }

    /// What the body of a refusal says, without the secrets that it may repeat.
    fn said(&self, answer: &Response<Bytes>) -> String {
        let text = self.quoted(&trouble::text(answer.body()), 160, Some(answer));
        if text.is_empty() { text } else { format!(" ({text})") }
    }

    /// At most `most` characters of a server's text, fit to be shown. Servers do repeat what they were told: our password and
    /// the token that `answer` came to are hidden.
    pub(crate) fn quoted(&self, text: &str, most: usize, answer: Option<&Response<Bytes>>) -> String {
        // Made printable first, so that nothing invisible parts a secret; cut last, so that none is cut.
        let mut text = transport::printable(text, usize::MAX);
        if let Some(login) = &self.login {
            text = login.scrub(&text);
        }
        let sent = answer.and_then(|answer| answer.extensions().get::<Sent>());
        if let Some(token) = sent.and_then(|sent| sent.0.to_str().ok()?.strip_prefix("Bearer ")) {
            text = text.replace(token, "***");
        }
        transport::printable(&text, most)
    }

    fn uri(&self, path: &str) -> Result<Uri, Trouble> {
        let scheme = if realm::may_be_plain(&self.host, &self.plain_http) { "http" } else { "https" };
        let uri = Uri::builder().scheme(scheme).authority(self.host.api_authority()).path_and_query(path);
        uri.build().map_err(|error| Trouble::Unreachable(format!("{}: no valid URL: {error}", self.host)))
    }

    fn request(&self, uri: Uri, ask: &Ask<'_>, access: Option<&HeaderValue>) -> Result<Request<Bytes>, Trouble> {
        let mut request = Request::builder().method(ask.method.clone()).uri(uri).extension(SizeLimit(LARGEST_CONTENT));
        if ask.kind == Kind::Manifest {
            request = request.header(ACCEPT, ACCEPTED);
        }
        if let Some(access) = access {
            request = request.header(AUTHORIZATION, access);
        }
        request
            .body(Bytes::new())
            .map_err(|error| Trouble::Unreachable(format!("{}: no valid request: {error}", self.host)))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let sent = request.headers().get(AUTHORIZATION).cloned().map(Sent);
        let answer = transport::send(&self.transport, request).await;
        let mut answer = answer.map_err(|error| Trouble::transport(self.host.as_str(), &error))?;
        if let Some(sent) = sent {
            answer.extensions_mut().insert(sent);
        }
        Ok(answer)
    }
}

/// Where the credentials were refused, what is not shown to everybody may be hidden: then that is no absence.
fn or_hidden(answer: Result<Response<Bytes>, Trouble>, refused: &str) -> Result<Response<Bytes>, Trouble> {
    match answer {
        Ok(answer) if answer.status() == StatusCode::NOT_FOUND => Err(Trouble::Denied(refused.to_owned())),
        answer => answer,
    }
}
