//! What goes wrong: which requests a fault meets, and what is answered instead. How it is done is in `service`.

use std::time::Duration;

use crate::message::Call;
use crate::world::World;

/// What a fault does to a request it meets.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This status, these headers, this body; the request has no effect.
    Status(u16, Vec<(String, String)>, String),
    /// 200 with a web page, as a captive portal or proxy gives.
    Html200,
    /// Never answers; no effect.
    Hang,
    /// The true answer, after this delay.
    Late(Duration),
    /// The true answer, each byte of the body after this delay.
    SlowBody(Duration),
    /// The true answer, cut in the middle of its body.
    Truncated,
    /// The true status and headers with a body that is not what they say.
    Garbage,
    /// The connection is closed before the request has any effect.
    Reset,
    /// 429 with this `Retry-After` (not checked: write `soon` or `-1` if you like); empty means none.
    Throttled {
        /// The header's value.
        retry_after: String,
    },
    /// The true answer with another, well-formed `Docker-Content-Digest`.
    LyingDigest,
    /// The true answer with these headers added or replaced.
    ExtraHeaders(Vec<(String, String)>),
    /// The request takes effect, but the connection is closed before the answer.
    AfterEffect,
    /// 200 with a body that never ends.
    Endless,
    /// An asset upload breaks on the way: 502, and the asset stays, empty, in state `starter` (REST page "Release
    /// assets": "This may leave an empty asset with a state of starter. It can be safely deleted.").
    StarterAsset,
}

impl Answer {
    /// A bare status with a short text, as a load balancer gives.
    pub fn status(status: u16) -> Answer {
        let headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
        Answer::Status(status, headers, format!("{status}\n"))
    }

    /// JSON with this status.
    pub fn json(status: u16, body: impl Into<String>) -> Answer {
        Answer::Status(status, vec![("Content-Type".to_owned(), "application/json".to_owned())], body.into())
    }

    /// 307 to this `Location`, which is not checked; empty means none.
    pub fn redirect(location: &str) -> Answer {
        let headers = vec![("Location".to_owned(), location.to_owned())];
        Answer::Status(307, headers.into_iter().filter(|(_, value)| !value.is_empty()).collect(), String::new())
    }

    /// 401 with these `WWW-Authenticate` headers, as written.
    pub fn challenge(headers: &[&str]) -> Answer {
        let headers = headers.iter().map(|header| ("WWW-Authenticate".to_owned(), (*header).to_owned())).collect();
        Answer::Status(
            401,
            headers,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#.into(),
        )
    }
}

/// A fault: which requests, when, how often, and what happens then.
#[derive(Clone, Debug)]
pub struct Fault {
    method: String,
    host: String,
    path: String,
    skip: u64,
    times: Option<u64>,
    from: Duration,
    until: Option<Duration>,
    /// Whether the request must bring an `Authorization`, or must not.
    access: Option<bool>,
    answer: Answer,
}

impl Fault {
    /// A fault for requests of a method (`*` = any) to a host (`*` = any) whose path and query start with `path`. Over
    /// loopback the host may also be the name of the face: `api.github.com`, or the registry's host.
    /// Unless told more, it meets every one of them and answers 503.
    pub fn on(method: &str, host: &str, path: &str) -> Fault {
        Fault {
            method: method.to_ascii_uppercase(),
            host: host.to_ascii_lowercase(),
            path: path.to_owned(),
            skip: 0,
            times: None,
            from: Duration::ZERO,
            until: None,
            access: None,
            answer: Answer::status(503),
        }
    }

    /// It meets only this many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Fault {
        self.times = Some(times);
        self
    }

    /// It lets this many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Fault {
        self.skip = requests;
        self
    }

    /// It begins this long after the world's beginning.
    #[must_use]
    pub fn from(mut self, from: Duration) -> Fault {
        self.from = from;
        self
    }

    /// It ends (exclusively) this long after the world's beginning.
    #[must_use]
    pub fn until(mut self, until: Duration) -> Fault {
        self.until = Some(until);
        self
    }

    /// It meets only requests without an `Authorization`.
    #[must_use]
    pub fn anonymous(mut self) -> Fault {
        self.access = Some(false);
        self
    }

    /// It meets only requests with an `Authorization`.
    #[must_use]
    pub fn authorized(mut self) -> Fault {
        self.access = Some(true);
        self
    }

    /// What happens.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Fault {
        self.answer = answer;
        self
    }

    fn matches(&self, call: &Call, face: &str, at: Duration) -> bool {
        (self.method == "*" || self.method == call.method.as_str())
            && (self.host == "*" || self.host == call.host || call.wire && self.host == face)
            && call.path_and_query().starts_with(&self.path)
            && self.access.is_none_or(|access| access == call.headers.contains_key("authorization"))
            && at >= self.from
            && self.until.is_none_or(|until| at < until)
    }
}

#[derive(Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    crash: Option<Crash>,
}

struct Crash {
    left: u64,
    last_takes_effect: bool,
}

/// What a crash does to a request.
pub(crate) enum Fate {
    Passes,
    /// It takes effect, the answer is lost.
    LosesAnswer,
    Fails,
}

impl Faults {
    /// The first fault, in the order they were added, that meets this request.
    pub(crate) fn meeting(&mut self, call: &Call, face: &str, at: Duration) -> Option<Answer> {
        for fault in &mut self.faults {
            if fault.times == Some(0) || !fault.matches(call, face, at) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.times = fault.times.map(|times| times - 1);
            return Some(fault.answer.clone());
        }
        None
    }

    pub(crate) fn fate(&mut self) -> Fate {
        let Some(crash) = &mut self.crash else { return Fate::Passes };
        if crash.left == 0 {
            return Fate::Fails;
        }
        crash.left -= 1;
        if crash.left == 0 && crash.last_takes_effect { Fate::LosesAnswer } else { Fate::Passes }
    }
}

impl World {
    /// Adds a fault. Where several meet a request, the first added acts.
    pub fn fault(&self, fault: Fault) {
        self.with(|state, _| state.faults.faults.push(fault));
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.with(|state, _| state.faults.faults.clear());
    }

    /// Counted from now, `requests` more are answered; every later one fails, as if our process had been killed before
    /// it could send it. [`World::revive`] ends that.
    pub fn crash_after(&self, requests: u64) {
        self.with(|state, _| state.faults.crash = Some(Crash { left: requests, last_takes_effect: false }));
    }

    /// As [`World::crash_after`], but the last one takes effect and its answer is lost.
    pub fn crash_after_effect(&self, requests: u64) {
        self.with(|state, _| state.faults.crash = Some(Crash { left: requests, last_takes_effect: true }));
    }

    /// Ends a crash: requests are answered again.
    pub fn revive(&self) {
        self.with(|state, _| state.faults.crash = None);
    }
}
