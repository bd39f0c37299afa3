//! What the simulator promises, each promise as a test's name. In memory, under paused time; `loopback` uses sockets.

#![cfg(test)]

mod faults;
mod github;
mod loopback;
mod registry;
mod releases;
mod world;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::Value;
use sim::{Access, GitHubToken, SimError, World};
use tower::ServiceExt as _;

/// Every manifest type.
const ALL: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// The token that may do everything.
const TOKEN: &str = "ghs_all";

/// `octo/shop` at noon, with a token that may do everything.
fn world() -> World {
    let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
    let token = GitHubToken::new(TOKEN)
        .contents(Access::Write)
        .statuses(Access::Write)
        .actions(Access::Read)
        .packages(Access::Write);
    world.token(token);
    world
}

/// An answer, read whole.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Code of the first registry error.
    fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

async fn tried(
    world: &World,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answered, SimError> {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = world.service().oneshot(request.body(body.into()).unwrap()).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| SimError::Reset)?.to_bytes();
    Ok(Answered { status: parts.status.as_u16(), headers: parts.headers, body })
}

async fn asked(world: &World, method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answered {
    tried(world, method, url, headers, body).await.unwrap()
}

/// A request to the API as the token that may do everything; `path` is below the repository.
async fn api(world: &World, method: &str, path: &str, body: &str) -> Answered {
    api_as(world, TOKEN, method, path, body).await
}

async fn api_as(world: &World, token: &str, method: &str, path: &str, body: &str) -> Answered {
    let url = format!("https://api.github.com/repos/octo/shop{path}");
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("user-agent", "test")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    asked(world, method, &url, &headers, body.to_owned()).await
}
