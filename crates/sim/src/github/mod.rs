//! The GitHub face: REST API, version 2022-11-28, for the one repository of the world; also the asset host.
//! Here: the memory, the list of routes, and what is common to all answers. Sources: docs.github.com/rest, the pages named
//! beside each behaviour.

mod assets;
mod limits;
mod notes;
mod page;
mod permissions;
mod publish;
mod releases;
mod repository;
mod runs;
mod statuses;

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use assets::leave_starter;
pub(crate) use limits::throttled;
pub use permissions::{Access, GitHubToken};
pub(crate) use publish::{add_release, latest};

use crate::history::{CommitStatus, Dispatch, Release, RunSpec};
use crate::message::{Call, Outcome, Reply, digest, http_date, object_id};
use crate::world::State;
use page::Urls;

/// The hosts that github.com answers under: API, uploads, pages (asset downloads), and the store behind the last.
pub(crate) const HOSTS: [&str; 4] =
    ["api.github.com", "uploads.github.com", "github.com", "release-assets.githubusercontent.com"];

/// What GitHub remembers beside the repository itself.
#[derive(Default)]
pub(crate) struct GithubState {
    pub(crate) tokens: Vec<GitHubToken>,
    pub(crate) releases: Vec<Release>,
    /// The release that was explicitly made the latest.
    pub(crate) latest: Option<u64>,
    pub(crate) statuses: Vec<CommitStatus>,
    pub(crate) runs: Vec<RunSpec>,
    pub(crate) dispatches: Vec<Dispatch>,
    pub(crate) immutable: bool,
    /// Tags that an immutable release has used, for ever.
    pub(crate) burned: BTreeSet<String>,
    pub(crate) by_tag_lag: Duration,
    pub(crate) hosts: BTreeSet<String>,
    pub(crate) limits: limits::Limits,
    pub(crate) last_id: u64,
    requests: u64,
}

impl GithubState {
    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// One request being answered.
struct Exchange<'a> {
    state: &'a mut State,
    call: &'a Call,
    now: Timestamp,
    urls: Urls,
    /// Who asks: the token, or nobody.
    token: Option<GitHubToken>,
    /// For `X-Accepted-GitHub-Permissions`.
    accepted: Option<String>,
}

/// The GitHub face.
pub(crate) fn answer(state: &mut State, call: &Call, now: Timestamp) -> Reply {
    state.github.requests += 1;
    let number = state.github.requests;
    let urls = Urls::of(call, &state.git.spec);
    let mut exchange = Exchange { state, call, now, urls, token: None, accepted: None };
    let mut reply = match exchange.routed() {
        Ok(reply) | Err(reply) => reply,
    };
    if exchange.call.reads() && reply.status == 200 && reply.header("etag").is_none() {
        // "Best practices for using the REST API", conditional requests. The tag differs by who asks, as the answer may.
        let asker = exchange.token.as_ref().map_or("", |token| token.value.as_str());
        let seen = digest([asker.as_bytes(), &reply.body].concat().as_slice());
        reply.set("ETag", format!("W/\"{}\"", &seen["sha256:".len()..]));
    }
    let unchanged = exchange.call.reads() && reply.status == 200 && not_modified(call, &reply);
    if unchanged {
        let kept = ["etag", "link", "cache-control"];
        reply.headers.retain(|(name, _)| kept.contains(&name.to_ascii_lowercase().as_str()));
        reply.status = 304;
        reply.body = bytes::Bytes::new();
    }
    if let Some(accepted) = &exchange.accepted {
        reply.set("X-Accepted-GitHub-Permissions", accepted.as_str());
    }
    // Same page: a 304 "does not count against your primary rate limit … if the request was made while correctly
    // authorized with an Authorization header".
    let free = unchanged && exchange.token.is_some();
    exchange.count(&mut reply, free);
    reply.set("Date", http_date(now));
    reply.set("X-GitHub-Media-Type", "github.v3; format=json");
    reply.set("X-GitHub-Api-Version-Selected", call.header("x-github-api-version").unwrap_or("2022-11-28"));
    let id = object_id(format!("request {number}").as_bytes()).to_ascii_uppercase();
    reply.set("X-GitHub-Request-Id", format!("{}:{}:{number:X}", &id[..4], &id[4..10]));
    reply
}

fn not_modified(call: &Call, reply: &Reply) -> bool {
    let (Some(asked), Some(etag)) = (call.header("if-none-match"), reply.header("etag")) else { return false };
    // RFC 9110 section 13.1.2: weak comparison.
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    asked.split(',').any(|one| opaque(one) == opaque(etag) || one.trim() == "*")
}

impl Exchange<'_> {
    fn routed(&mut self) -> Outcome {
        if self.call.host == "release-assets.githubusercontent.com" {
            return self.stored_asset();
        }
        if self.call.host == "github.com" {
            return self.page();
        }
        let segments = self.call.segments();
        let mut path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if !HOSTS.contains(&self.call.host.as_str()) && matches!(path.as_slice(), [_, _, "releases", "download", ..]) {
            return self.page();
        }
        // "Getting started with the REST API", User-Agent: requests without one are rejected.
        if self.call.header("user-agent").is_none_or(str::is_empty) {
            let text =
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header\n";
            return Err(Reply::new(403, "text/html", text));
        }
        // "API Versions": 400 for a version that is not supported.
        if let Some(version) = self.call.header("x-github-api-version")
            && !["2022-11-28", "2026-03-10"].contains(&version)
        {
            return Err(page::refusal(400, &format!("{version:?} is not a supported API version")));
        }
        self.identify()?;
        let on_uploads = self.call.host == "uploads.github.com" || path.starts_with(&["api", "uploads"]);
        if matches!(path.as_slice(), ["api", "v3" | "uploads", ..]) && self.call.host != "api.github.com" {
            path.drain(..2);
        }
        if path == ["rate_limit"] {
            return Ok(self.rate_limit());
        }
        self.within_limit()?;
        let spec = &self.state.git.spec;
        let rest = match path.as_slice() {
            // Names of owners and repositories are compared without case.
            ["repos", owner, name, rest @ ..]
                if owner.eq_ignore_ascii_case(&spec.owner) && name.eq_ignore_ascii_case(&spec.name) =>
            {
                rest
            }
            ["repositories", id, rest @ ..] if *id == spec.id.to_string() => rest,
            _ => return Err(page::not_found()),
        };
        let may_upload = on_uploads || !HOSTS.contains(&self.call.host.as_str());
        match (&self.call.method, rest) {
            (&Method::POST, ["releases", id, "assets"]) if may_upload => self.upload_asset(id),
            _ if self.call.host == "uploads.github.com" => Err(page::not_found()),
            (&Method::GET | &Method::HEAD, _) => self.read(rest),
            _ => self.write(rest),
        }
    }

    fn read(&mut self, rest: &[&str]) -> Outcome {
        match rest {
            [] => self.repository(),
            ["immutable-releases"] => self.immutable_releases(),
            ["git", "ref", "tags", tag @ ..] => self.git_ref(&tag.join("/")),
            ["git", "matching-refs", "tags"] => self.matching_refs(""),
            ["git", "matching-refs", "tags", prefix @ ..] => self.matching_refs(&prefix.join("/")),
            ["git", "tags", sha] => self.tag_object(sha),
            ["git", "trees", reference @ ..] => self.tree(&reference.join("/")),
            ["git", "blobs", sha] => self.git_blob(sha),
            ["tags"] => self.tags(),
            ["compare", names @ ..] => self.compare(&names.join("/")),
            ["commits"] => self.commits(),
            ["commits", name @ .., "statuses"] | ["statuses", name @ ..] => self.statuses(&name.join("/")),
            ["commits", name @ .., "status"] => self.combined_status(&name.join("/")),
            ["commits", name @ ..] => self.commit(&name.join("/")),
            ["contents"] => self.contents(""),
            ["contents", path @ ..] => self.contents(&path.join("/")),
            ["actions", "runs"] => self.runs(),
            ["actions", "runs", id] => self.run(id, None),
            ["actions", "runs", id, "attempts", attempt] => self.run(id, Some(attempt)),
            ["releases"] => self.releases(),
            ["releases", "latest"] => self.latest_release(),
            ["releases", "tags", tag @ ..] => self.release_by_tag(&tag.join("/")),
            ["releases", "assets", id] => self.asset(id),
            ["releases", id] => self.release(id),
            ["releases", id, "assets"] => self.assets(id),
            _ => Err(page::not_found()),
        }
    }

    fn write(&mut self, rest: &[&str]) -> Outcome {
        match (self.call.method.as_str(), rest) {
            ("POST", ["statuses", sha]) => self.create_status(sha),
            ("POST", ["dispatches"]) => self.dispatch(),
            ("POST", ["releases"]) => self.create_release(),
            ("POST", ["releases", "generate-notes"]) => self.generate_notes(),
            ("PATCH", ["releases", "assets", id]) => self.update_asset(id),
            ("DELETE", ["releases", "assets", id]) => self.delete_asset(id),
            ("PATCH", ["releases", id]) => self.update_release(id),
            ("DELETE", ["releases", id]) => self.delete_release(id),
            _ => Err(page::not_found()),
        }
    }

    /// A page of the web site: only the download of a release's file.
    fn page(&self) -> Outcome {
        let segments = self.call.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let spec = &self.state.git.spec;
        if let [owner, name, "releases", "download", tag @ .., file] = path.as_slice()
            && (*owner, *name) == (spec.owner.as_str(), spec.name.as_str())
            && !spec.private
        {
            return self.download(&tag.join("/"), file);
        }
        Err(Reply::new(404, "text/html; charset=utf-8", "Not Found"))
    }

    /// The login that writes are made as.
    fn login(&self) -> String {
        self.token.as_ref().map_or_else(|| "ghost".to_owned(), |token| token.login.clone())
    }
}

/// A user or bot as GitHub shows it.
fn user(login: &str, urls: &Urls) -> Value {
    let id =
        login.bytes().fold(1_000_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)) % 100_000_000);
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({
        "login": login, "id": id, "node_id": format!("U_{id}"), "type": kind, "site_admin": false,
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "url": format!("{}/users/{login}", urls.api), "html_url": format!("{}/{login}", urls.html),
    })
}
