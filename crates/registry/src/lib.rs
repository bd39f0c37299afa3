//! The probe: what a registry shows of an image, verified, in as few requests as the registry allows.
//!
//! It only reads, and it never fails: whatever happens becomes a [`Sight`]. What a sight means, and when to look again,
//! is decided by `domain`. Modules: `look` asks the questions in order; `site` is one host with its access, its caches
//! and its limits; `challenge`, `realm` and `token` are the way through its door; `content` checks what was served.
//!
//! Sources: the OCI distribution specification 1.1 ("Pull"), the OCI image specification 1.1, the distribution
//! project's "Token Authentication Specification", and the quirks of real registries listed at their use.

mod ask;
mod challenge;
mod content;
mod credentials;
mod flight;
mod look;
mod realm;
mod site;
mod token;
mod trouble;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::evidence::Sight;
use domain::image::{Digest, Host, ImageReference, Platform};
use transport::{Core, Transport};

pub use credentials::{Login, Secret};

/// How registries are asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Hosts that are spoken to by plain http. Loopback hosts always are.
    pub plain_http: HashSet<Host>,
    /// The most requests to one host at a time.
    pub per_host: usize,
    /// How long one look or glance may take in all: what a registry holds up for longer counts as unreachable.
    pub longest_look: Duration,
    /// Deadlines, retries and the request count. The shared pause is always on.
    pub transport: transport::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            plain_http: HashSet::new(),
            // As many as one HTTP/2 connection usually carries, and what `curl -Z` is compared with.
            per_host: 128,
            // A thousand images at a slow registry take a minute; one that throttles each question takes for ever.
            longest_look: Duration::from_secs(300),
            transport: transport::Settings::default(),
        }
    }
}

/// What is wanted of an image; a look asks for nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The platforms to look at; empty = every platform that the image has.
    pub platforms: Vec<Platform>,
    /// Whether to look for the revision that the image names.
    pub read_revision: bool,
}

/// What a tag resolves to at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// The digest that the registry names, not verified against content.
    Digest(Digest),
    /// There is no such manifest (404).
    Absent,
    /// 401 or 403 after one fresh token.
    Denied {
        /// What the registry or its token endpoint answered.
        why: String,
    },
    /// No answer that says anything about the image.
    Unreachable {
        /// What went wrong, with the host named.
        why: String,
    },
}

/// All registries. Cheap to clone; clones share tokens, caches and limits.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    transport: Transport,
    settings: Settings,
    /// By the authority that answers the API.
    logins: Mutex<HashMap<String, Login>>,
    sites: Mutex<HashMap<String, Arc<site::Site>>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Registry {
    /// A probe that sends through `core`.
    pub fn new(core: Core, settings: Settings) -> Self {
        let layers = transport::Settings { shared_pause: true, ..settings.transport.clone() };
        let transport = transport::layered(core, layers);
        Self(Arc::new(Shared { transport, settings, logins: Mutex::default(), sites: Mutex::default() }))
    }

    /// Sets the credentials of `host`, before its first look; without, it is asked anonymously. Docker Hub's names are one
    /// host.
    pub fn sign_in(&self, host: &Host, login: Login) {
        let mut logins = self.0.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.insert(host.api_authority().to_owned(), login);
    }

    /// Looks at `image` once. Nothing but what is `wanted` is asked for; content seen before is not asked for again,
    /// but what the tag resolves to always is.
    pub async fn look(&self, image: &ImageReference, wanted: &Wanted) -> Sight {
        let site = self.site(image.host());
        let longest = self.0.settings.longest_look;
        let look = tokio::time::timeout(longest, look::look(&site, image, wanted)).await;
        let sight = look.unwrap_or_else(|_| Sight::Unreachable { why: too_long(image, longest) });
        tracing::debug!(%image, ?sight, "looked");
        sight
    }

    /// What `image` resolves to now, by one HEAD. Registries that answer a HEAD without a valid `Docker-Content-Digest`
    /// (older ones: the header is only required since OCI distribution specification 1.1, "Checking if content
    /// exists") or refuse it (405) cost one GET, whose content is hashed.
    pub async fn digest(&self, image: &ImageReference) -> Glance {
        let site = self.site(image.host());
        let longest = self.0.settings.longest_look;
        let glance = tokio::time::timeout(longest, look::glance(&site, image)).await;
        let glance = glance.unwrap_or_else(|_| Glance::Unreachable { why: too_long(image, longest) });
        tracing::debug!(%image, ?glance, "glanced");
        glance
    }

    /// The state of one host, made at first sight. Docker Hub's names share one.
    fn site(&self, host: &Host) -> Arc<site::Site> {
        let mut sites = self.0.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = sites.get(host.api_authority()) {
            return site.clone();
        }
        let login = self.0.logins.lock().unwrap_or_else(PoisonError::into_inner).get(host.api_authority()).cloned();
        let site = Arc::new(site::Site::new(host, login, &self.0.settings, self.0.transport.clone()));
        sites.insert(host.api_authority().to_owned(), site.clone());
        site
    }
}

fn too_long(image: &ImageReference, longest: Duration) -> String {
    format!("{}: what was asked of it was not all answered within {} s", image.host(), longest.as_secs())
}

#[cfg(test)]
mod tests;
