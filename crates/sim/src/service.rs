//! The world as a tower service: which face a request is for, and how faults shape the answer on its way back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::time::Sleep;

use crate::faults::{Answer, Fate};
use crate::message::{Call, Reply};
use crate::requests::RecordedRequest;
use crate::world::{State, World};
use crate::{github, registry};

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// No such host in this world: stands for a DNS failure.
    #[error("connect error: unknown host {0:?}")]
    UnknownHost(String),
    /// The connection was closed.
    #[error("connection reset by peer")]
    Reset,
    /// After [`World::crash_after`].
    #[error("the process crashed before this request")]
    Crashed,
}

impl From<Infallible> for SimError {
    fn from(never: Infallible) -> SimError {
        match never {}
    }
}

/// Whose answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Github,
    /// The registry of this host.
    Registry(String),
}

impl Face {
    fn name(&self) -> &str {
        match self {
            Face::Github => "api.github.com",
            Face::Registry(host) => host,
        }
    }

    fn of(state: &State, host: &str) -> Option<Face> {
        if github::HOSTS.contains(&host) || state.github.hosts.contains(host) {
            return Some(Face::Github);
        }
        let host = state.aliases.get(host).map_or(host, String::as_str);
        state.registries.contains_key(host).then(|| Face::Registry(host.to_owned()))
    }
}

/// The world behind tower's `Service`, for clients called in memory.
#[derive(Clone, Debug)]
pub struct SimService {
    world: World,
}

impl World {
    /// The world as a service: the URI's host (else the `Host` header) says which face answers.
    pub fn service(&self) -> SimService {
        SimService { world: self.clone() }
    }

    pub(crate) async fn answered(&self, call: Call, face: Option<Face>) -> Result<Response<Body>, SimError> {
        let decided = self.decided(&call, face);
        let latency = self.with(|state, _| state.latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match decided? {
            Sent::Whole(reply) => Ok(response(&call, reply, None)),
            Sent::Shaped(reply, shape) => Ok(response(&call, reply, Some(shape))),
            Sent::Late(reply, delay) => {
                tokio::time::sleep(delay).await;
                Ok(response(&call, reply, None))
            }
            Sent::Never => std::future::pending().await,
        }
    }

    /// Decides the answer, effects included, and writes the request down.
    fn decided(&self, call: &Call, face: Option<Face>) -> Result<Sent, SimError> {
        let at = self.elapsed();
        self.with(|state, now| {
            let face = face.or_else(|| Face::of(state, &call.host));
            let sent = match &face {
                None => Err(SimError::UnknownHost(call.host.clone())),
                Some(face) => match state.faults.fate() {
                    Fate::Fails => Err(SimError::Crashed),
                    Fate::LosesAnswer => {
                        face_answer(state, call, face, now);
                        Err(SimError::Crashed)
                    }
                    Fate::Passes => match state.faults.meeting(call, face.name(), at) {
                        None => Ok(Sent::Whole(face_answer(state, call, face, now))),
                        Some(fault) => faulty(state, call, face, now, fault),
                    },
                },
            };
            state.log.requests.push(RecordedRequest {
                at,
                method: call.method.as_str().to_owned(),
                scheme: call.scheme.clone(),
                host: call.host.clone(),
                path_and_query: call.path_and_query(),
                authorization: call.header("authorization").map(str::to_owned),
                accept: call.header("accept").map(str::to_owned),
                accept_encoding: call.header("accept-encoding").map(str::to_owned),
                body: call.body.clone(),
                answered: sent.as_ref().map_or(0, Sent::status),
                github: face == Some(Face::Github),
            });
            sent
        })
    }
}

enum Sent {
    Whole(Reply),
    Shaped(Reply, Shape),
    Late(Reply, Duration),
    Never,
}

impl Sent {
    fn status(&self) -> u16 {
        match self {
            Sent::Whole(reply) | Sent::Shaped(reply, _) | Sent::Late(reply, _) => reply.status,
            Sent::Never => 0,
        }
    }
}

fn face_answer(state: &mut State, call: &Call, face: &Face, now: jiff::Timestamp) -> Reply {
    match face {
        Face::Github => github::answer(state, call, now),
        Face::Registry(host) => registry::answer(state, host, call, now),
    }
}

fn faulty(state: &mut State, call: &Call, face: &Face, now: jiff::Timestamp, fault: Answer) -> Result<Sent, SimError> {
    let truth = |state: &mut State| face_answer(state, call, face, now);
    Ok(match fault {
        Answer::Status(status, headers, body) => Sent::Whole(Reply { status, headers, body: body.into() }),
        Answer::Html200 => Sent::Whole(Reply::new(
            200,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the guest network</body></html>",
        )),
        Answer::Hang => Sent::Never,
        Answer::Late(delay) => Sent::Late(truth(state), delay),
        Answer::SlowBody(each) => Sent::Shaped(truth(state), Shape::Slow(each)),
        Answer::Truncated => Sent::Shaped(truth(state), Shape::Cut),
        Answer::Garbage => {
            let mut reply = truth(state);
            reply.body = Bytes::from_static(b"\x00\xff{\"garbage\": [[[");
            reply.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
            Sent::Whole(reply)
        }
        Answer::Reset => return Err(SimError::Reset),
        Answer::Throttled { retry_after } => {
            let mut reply = match face {
                Face::Github => github::throttled(),
                Face::Registry(_) => registry::throttled(),
            };
            if !retry_after.is_empty() {
                reply.set("Retry-After", retry_after);
            }
            Sent::Whole(reply)
        }
        Answer::LyingDigest => {
            let mut reply = truth(state);
            if reply.header("docker-content-digest").is_some() {
                reply.set("Docker-Content-Digest", crate::message::digest(b"another image"));
            }
            Sent::Whole(reply)
        }
        Answer::ExtraHeaders(headers) => {
            let mut reply = truth(state);
            for (name, value) in headers {
                reply.set(&name, value);
            }
            Sent::Whole(reply)
        }
        Answer::AfterEffect => {
            truth(state);
            return Err(SimError::Reset);
        }
        Answer::Endless => Sent::Shaped(Reply::new(200, "application/json", Bytes::new()), Shape::Endless),
        Answer::StarterAsset => {
            let before = state.github.last_id;
            truth(state);
            github::leave_starter(&mut state.github, before);
            Sent::Whole(Reply::new(502, "text/html", "<html><body>502 Bad Gateway</body></html>"))
        }
    })
}

fn response(call: &Call, reply: Reply, shape: Option<Shape>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    for (name, value) in &reply.headers {
        // A fault may name a header twice or write one that HTTP cannot carry; the second kind is left out.
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(name.as_str()), http::HeaderValue::try_from(value.as_str()))
        {
            response.headers_mut().append(name, value);
        }
    }
    let endless = matches!(shape, Some(Shape::Endless));
    let has_length = reply.header("content-length").is_some();
    let bodiless = reply.status == 204 || reply.status == 304;
    if !has_length && !endless && !bodiless {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(reply.body.len()));
    }
    // RFC 9110 section 9.3.2: the answer to a HEAD has the headers of the GET and no content.
    *response.body_mut() = match shape {
        _ if call.method == http::Method::HEAD || bodiless => Body::empty(),
        None => Body::from(reply.body),
        Some(shape) => Body::new(ShapedBody {
            rest: reply.body.clone(),
            whole: reply.body.len(),
            shape,
            flushed: false,
            sleep: None,
        }),
    };
    response
}

enum Shape {
    Slow(Duration),
    Cut,
    Endless,
}

struct ShapedBody {
    rest: Bytes,
    whole: usize,
    shape: Shape,
    /// A cut body has let its first half go out on the wire.
    flushed: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for ShapedBody {
    type Data = Bytes;
    type Error = SimError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SimError>>> {
        match self.shape {
            Shape::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; 64 * 1024]))))),
            Shape::Cut => {
                let half = self.whole / 2;
                if half > 0 && self.rest.len() == self.whole {
                    let sent = self.rest.split_to(half);
                    return Poll::Ready(Some(Ok(Frame::data(sent))));
                }
                // hyper drops what it has not flushed when the body fails: one pause lets the first half out.
                if !std::mem::replace(&mut self.flushed, true) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(SimError::Reset)))
            }
            Shape::Slow(each) => {
                if self.rest.is_empty() {
                    return Poll::Ready(None);
                }
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(each)));
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
                let byte = self.rest.split_to(1);
                Poll::Ready(Some(Ok(Frame::data(byte))))
            }
        }
    }
}

impl tower::Service<Request<Bytes>> for SimService {
    type Response = Response<Body>;
    type Error = SimError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, SimError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SimError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let world = self.world.clone();
        Box::pin(async move {
            let call = call(request, false);
            world.answered(call, None).await
        })
    }
}

/// Reads a request into a [`Call`].
pub(crate) fn call(request: Request<Bytes>, wire: bool) -> Call {
    let (parts, body) = request.into_parts();
    let scheme = if wire { "http" } else { parts.uri.scheme_str().unwrap_or("https") }.to_owned();
    let asked = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let header = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let host = asked.or(header).unwrap_or_default().to_ascii_lowercase();
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default_port).unwrap_or(&host).to_owned();
    Call {
        method: parts.method,
        scheme,
        host,
        wire,
        path: parts.uri.path().to_owned(),
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    }
}
