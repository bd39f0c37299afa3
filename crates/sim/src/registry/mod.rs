//! The registry face: OCI distribution-spec 1.1 "Endpoints", answered as distribution 2.8 does, or as GHCR where it
//! differs (see [`Flavour`]). Here: what a registry stores and which part answers.

mod auth;
mod blobs;
mod manifests;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::image::Built;
use crate::message::{Call, Outcome, Reply, digest, http_date};
use crate::world::State;

/// How a registry authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    Anonymous,
    /// Docker's token authentication (distribution docs "Token Authentication Specification").
    Token {
        /// Gives tokens that can pull public repositories to anybody.
        anonymous_pull: bool,
        /// Lifetime of tokens, told in `expires_in`. `None`: five minutes, not told (GHCR's tokens are opaque and tell
        /// nothing; their true life is unknown).
        expires_in: Option<Duration>,
        /// The realm in the challenge; `None`: `/token` on the registry's own host.
        realm: Option<String>,
    },
    /// HTTP Basic on every request (distribution's `htpasswd`).
    Basic,
}

/// Whose manners a registry has where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// distribution 2.8 (`registry:2`).
    Distribution,
    /// GitHub's container registry.
    Ghcr,
}

/// How a registry host behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySpec {
    /// How it authenticates.
    pub auth: Auth,
    /// Whose manners it has.
    pub flavour: Flavour,
    /// Accounts: user and password. They may do everything.
    pub users: Vec<(String, String)>,
    /// Repositories that anonymous clients may not see.
    pub private_repositories: BTreeSet<String>,
    /// Blobs are answered with a redirect to this host (in memory only; over loopback there is no such host).
    pub blob_host: Option<String>,
}

impl RegistrySpec {
    /// distribution 2.8 without authentication.
    pub fn distribution() -> RegistrySpec {
        RegistrySpec {
            auth: Auth::Anonymous,
            flavour: Flavour::Distribution,
            users: Vec::new(),
            private_repositories: BTreeSet::new(),
            blob_host: None,
        }
    }

    /// GHCR: opaque tokens; any user with a GitHub token of the world that may read packages as password. Blobs redirect
    /// to `pkg-containers.githubusercontent.com` (host seen in firewall lists, e.g. docs.github.com "Communication
    /// requirements for GitHub-hosted runners"; the exact answer was not measured).
    pub fn ghcr() -> RegistrySpec {
        RegistrySpec {
            auth: Auth::Token { anonymous_pull: true, expires_in: None, realm: None },
            flavour: Flavour::Ghcr,
            blob_host: Some("pkg-containers.githubusercontent.com".to_owned()),
            ..RegistrySpec::distribution()
        }
    }

    /// The same with another way to authenticate.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> RegistrySpec {
        self.auth = auth;
        self
    }

    /// The same with one more account.
    #[must_use]
    pub fn user(mut self, user: &str, password: &str) -> RegistrySpec {
        self.users.push((user.to_owned(), password.to_owned()));
        self
    }

    /// The same with one more private repository.
    #[must_use]
    pub fn private(mut self, repository: &str) -> RegistrySpec {
        self.private_repositories.insert(repository.to_owned());
        self
    }

    /// The host of a realm elsewhere.
    pub(crate) fn realm_host(&self) -> Option<String> {
        let Auth::Token { realm: Some(realm), .. } = &self.auth else { return None };
        let uri: http::Uri = realm.parse().ok()?;
        uri.authority().map(|authority| authority.as_str().to_ascii_lowercase())
    }
}

pub(crate) struct Registry {
    pub(crate) host: String,
    pub(crate) spec: RegistrySpec,
    pub(crate) lag: Duration,
    repositories: BTreeMap<String, Repository>,
    tokens: BTreeMap<String, auth::Issued>,
    uploads: BTreeMap<String, Upload>,
    counter: u64,
}

#[derive(Default)]
struct Repository {
    /// Digest to media type and bytes.
    manifests: BTreeMap<String, (String, Bytes)>,
    blobs: BTreeMap<String, Bytes>,
    /// What each tag named, and from when that is seen.
    tags: BTreeMap<String, Vec<(Timestamp, Option<String>)>>,
}

struct Upload {
    repository: String,
    bytes: Vec<u8>,
}

impl Registry {
    pub(crate) fn new(host: &str, spec: RegistrySpec) -> Registry {
        Registry {
            host: host.to_owned(),
            spec,
            lag: Duration::ZERO,
            repositories: BTreeMap::new(),
            tokens: BTreeMap::new(),
            uploads: BTreeMap::new(),
            counter: 0,
        }
    }

    pub(crate) fn store(&mut self, repository: &str, tag: &str, built: Built, now: Timestamp) -> String {
        let held = self.repositories.entry(repository.to_owned()).or_default();
        held.blobs.extend(built.blobs.into_iter().map(|bytes| (digest(&bytes), bytes)));
        for (media_type, bytes) in built.manifests {
            held.manifests.insert(digest(&bytes), (media_type, bytes));
        }
        if !tag.is_empty() && !tag.contains(':') {
            self.set_tag(repository, tag, Some(built.top.clone()), now);
        }
        built.top
    }

    pub(crate) fn set_tag(&mut self, repository: &str, tag: &str, digest: Option<String>, now: Timestamp) {
        let seen = now.checked_add(self.lag).unwrap_or(now);
        let held = self.repositories.entry(repository.to_owned()).or_default();
        held.tags.entry(tag.to_owned()).or_default().push((seen, digest));
    }

    pub(crate) fn delete_manifest(&mut self, repository: &str, digest: &str) {
        if let Some(held) = self.repositories.get_mut(repository) {
            held.manifests.remove(digest);
        }
    }

    pub(crate) fn delete_blob(&mut self, repository: &str, digest: &str) {
        if let Some(held) = self.repositories.get_mut(repository) {
            held.blobs.remove(digest);
        }
    }

    /// The digest that a tag or digest names at a time.
    pub(crate) fn resolved(&self, repository: &str, reference: &str, now: Timestamp) -> Option<String> {
        let held = self.repositories.get(repository)?;
        if reference.contains(':') {
            return Some(reference.to_owned());
        }
        let history = held.tags.get(reference)?;
        history.iter().rev().find(|(seen, _)| *seen <= now).and_then(|(_, digest)| digest.clone())
    }

    pub(crate) fn manifest(&self, repository: &str, digest: &str) -> Option<&(String, Bytes)> {
        self.repositories.get(repository)?.manifests.get(digest)
    }

    /// Has anything ever been published there?
    fn published(&self, repository: &str) -> bool {
        self.repositories.get(repository).is_some_and(|held| !held.manifests.is_empty())
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn error(&self, status: u16, code: &str, message: &str, detail: Option<Value>) -> Reply {
        let mut error = json!({ "code": code, "message": message });
        // distribution `errcode.Error`: `detail` is left out when it is nil. GHCR sends none (Mic92/niks3#229).
        if let (Some(detail), Flavour::Distribution) = (detail, self.spec.flavour) {
            error["detail"] = detail;
        }
        // distribution's JSON encoder ends the text with a newline.
        let body = format!("{}\n", json!({ "errors": [error] }));
        Reply::new(status, "application/json; charset=utf-8", body)
    }
}

/// The registry face.
pub(crate) fn answer(state: &mut State, host: &str, call: &Call, now: Timestamp) -> Reply {
    let State { registries, github, .. } = state;
    let Some(registry) = registries.get_mut(host) else { return not_routed() };
    let mut reply = match routed(registry, github, call, now) {
        Ok(reply) | Err(reply) => reply,
    };
    if call.path.starts_with("/v2/") || call.path == "/v2" {
        // distribution 2.8 `handlers/app.go`: set on everything the API answers.
        reply.set("Docker-Distribution-Api-Version", "registry/2.0");
    }
    reply.set("Date", http_date(now));
    reply
}

fn routed(registry: &mut Registry, github: &crate::github::GithubState, call: &Call, now: Timestamp) -> Outcome {
    if registry.is_token_endpoint(call) {
        return registry.token(github, call, now);
    }
    if let Some(repository) = call.path.strip_prefix("/_blobs/") {
        return registry.redirected_blob(repository, call);
    }
    if call.path == "/v2" {
        return Ok(Reply::new(301, "text/html; charset=utf-8", "").with("Location", "/v2/"));
    }
    if call.path == "/" && registry.spec.flavour == Flavour::Distribution {
        // A sign of life for load balancers.
        return Ok(Reply::empty(200).with("Cache-Control", "no-cache"));
    }
    if call.path == "/v2/" {
        registry.authorise(github, call, None, now)?;
        return Ok(Reply::new(200, "application/json; charset=utf-8", "{}"));
    }
    let Some(path) = call.path.strip_prefix("/v2/") else { return Err(not_routed()) };
    let path = crate::message::percent_decoded(path);
    for (marker, part) in PARTS {
        // A repository name may itself hold such a word: the last one is meant.
        if let Some((name, rest)) = path.rsplit_once(marker)
            && is_name(name)
        {
            let action = if call.reads() { "pull" } else { "push" };
            registry.authorise(github, call, Some((name, action)), now)?;
            return match part {
                Part::Manifests => registry.manifests(call, name, rest, now),
                Part::Uploads => registry.uploads(call, name, rest),
                Part::Blobs => registry.blobs(call, name, rest),
                // A handler for GET alone, which `MethodHandler` takes at its word (seen of 2.8.2).
                Part::Tags if call.method != "GET" => Err(no_such_method("GET")),
                Part::Tags => registry.tags(call, name, now),
            };
        }
    }
    Err(not_routed())
}

#[derive(Clone, Copy)]
enum Part {
    Manifests,
    Uploads,
    Blobs,
    Tags,
}

const PARTS: [(&str, Part); 4] = [
    ("/blobs/uploads/", Part::Uploads),
    ("/manifests/", Part::Manifests),
    ("/blobs/", Part::Blobs),
    ("/tags/list", Part::Tags),
];

/// What Go's router says where no route fits; distribution and GHCR have no referrers API, so that ends here too.
fn not_routed() -> Reply {
    go_error(404, "404 page not found\n")
}

/// Go's `handlers.MethodHandler`, where a route has no such method.
fn no_such_method(allowed: &str) -> Reply {
    go_error(405, "Method not allowed\n").with("Allow", allowed)
}

/// Go's `http.Error`.
fn go_error(status: u16, text: &'static str) -> Reply {
    Reply::new(status, "text/plain; charset=utf-8", text).with("X-Content-Type-Options", "nosniff")
}

/// OCI distribution-spec "Pulling manifests": 429 `TOOMANYREQUESTS`.
pub(crate) fn throttled() -> Reply {
    let body = json!({ "errors": [{ "code": "TOOMANYREQUESTS", "message": "too many requests" }] });
    Reply::json(429, &body)
}

/// OCI distribution-spec "Pulling manifests": `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/…)*`.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.split('/').all(|part| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let mut rest = part.as_bytes();
            loop {
                let word = rest.iter().take_while(|&&byte| plain(byte)).count();
                if word == 0 {
                    return false;
                }
                rest = &rest[word..];
                let gap = rest.iter().take_while(|&&byte| !plain(byte)).count();
                if gap == 0 {
                    return true;
                }
                let separator = &rest[..gap];
                if !matches!(separator, b"." | b"_" | b"__") && !separator.iter().all(|&byte| byte == b'-') {
                    return false;
                }
                rest = &rest[gap..];
            }
        })
}

/// Same section: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
fn is_tag(tag: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(plain)
        && tag.bytes().all(|byte| plain(byte) || byte == b'.' || byte == b'-')
}

/// OCI image-spec "Descriptors", Digests: the two registered algorithms.
fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, encoded)| {
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return false,
        };
        encoded.len() == length && encoded.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
