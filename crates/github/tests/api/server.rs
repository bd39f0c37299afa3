//! A GitHub of one function: requests are kept, and answered by the test.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use github::{GitHub, Settings, Token};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::Instant;
use transport::Core;

pub(crate) const SHA: &str = "abcdef0123456789abcdef0123456789abcdef01";
pub(crate) const TOKEN: &str = "ghs_aVerySecretToken";

/// A request that came, and when.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Duration,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Method and URL.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// All requests that came.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().iter().map(Seen::line).collect()
    }
}

/// A client of `api`, whose every request `answer` answers.
pub(crate) fn github_at(
    api: &str,
    answer: impl Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync + 'static,
) -> (GitHub, Log) {
    let log = Log::default();
    let (kept, start, answer) = (log.clone(), Instant::now(), Arc::new(answer));
    let core = Core::new(tower::service_fn(move |request: Request<Bytes>| {
        let (parts, body) = request.into_parts();
        let seen = Seen {
            method: parts.method,
            url: parts.uri.to_string(),
            headers: parts.headers,
            body,
            at: start.elapsed(),
        };
        kept.0.lock().unwrap().push(seen.clone());
        let answer = answer(&seen);
        async move { Ok::<_, Infallible>(answer) }
    }));
    let settings = Settings {
        api_url: api.parse().unwrap(),
        token: Token::new(TOKEN),
        repository: "octo/shop".parse().unwrap(),
        transport: transport::Settings::default(),
    };
    (GitHub::new(core, settings).unwrap(), log)
}

pub(crate) fn github(answer: impl Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync + 'static) -> (GitHub, Log) {
    github_at("https://api.github.com", answer)
}

pub(crate) fn ok(body: &Value) -> Response<Full<Bytes>> {
    status(200, body)
}

pub(crate) fn status(code: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(code)
        .header("date", "Fri, 04 Sep 2026 12:00:00 GMT")
        .body(Full::new(body.to_string().into()))
        .unwrap()
}

pub(crate) fn with(mut answer: Response<Full<Bytes>>, name: &'static str, value: &str) -> Response<Full<Bytes>> {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

pub(crate) fn not_found() -> Response<Full<Bytes>> {
    status(404, &json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}))
}

pub(crate) fn release(id: u64) -> Value {
    json!({
        "id": id, "tag_name": "v1.2.3", "target_commitish": SHA, "name": "v1.2.3", "body": "text", "draft": true,
        "prerelease": false, "created_at": "2026-09-04T11:00:00Z", "published_at": null,
        "html_url": "https://github.com/octo/shop/releases/1",
        "upload_url": "https://uploads.github.com/repos/octo/shop/releases/1/assets{?name,label}",
        "assets": [asset()],
    })
}

pub(crate) fn asset() -> Value {
    json!({"id": 9, "name": "images.lock.json", "state": "uploaded", "size": 2, "digest": null})
}

pub(crate) fn run(id: u64, status: &str) -> Value {
    json!({
        "id": id, "run_attempt": 2, "path": ".github/workflows/a.yml", "event": "push", "head_sha": SHA,
        "head_branch": "v1.2.3", "status": status, "conclusion": null, "created_at": "2026-09-04T11:00:00Z",
        "html_url": "https://github.com/octo/shop/actions/runs/1",
    })
}

pub(crate) fn commit_status(id: u64) -> Value {
    json!({
        "id": id, "context": "release/v1.2.3/api", "state": "success", "description": null, "target_url": null,
        "url": format!("https://api.github.com/repos/octo/shop/statuses/{SHA}"), "created_at": "2026-09-04T11:00:00Z",
    })
}
