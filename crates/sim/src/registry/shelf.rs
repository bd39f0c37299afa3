//! What tests put on the registries' shelves, take away, and look up there, without a request.

use bytes::Bytes;

use super::{Registry, RegistrySpec};
use crate::image::{Built, ImageSpec};
use crate::message::digest;
use crate::world::World;

/// The parts of `host/repository:tag` or `host/repository@digest`; the tag defaults to `latest`.
fn parts(reference: &str) -> (String, String, String) {
    let (host, rest) = reference.split_once('/').unwrap_or((reference, ""));
    let (repository, tag) = rest.split_once('@').or_else(|| rest.rsplit_once(':')).unwrap_or((rest, "latest"));
    (host.to_ascii_lowercase(), repository.to_owned(), tag.to_owned())
}

impl World {
    /// Adds or replaces a registry host; what it stored before is kept.
    pub fn registry(&self, host: &str, spec: RegistrySpec) {
        let host = host.to_ascii_lowercase();
        self.with(|state, _| {
            let others = spec.realm_host().into_iter().chain(spec.blob_host.clone());
            state.aliases.extend(others.map(|other| (other, host.clone())));
            if let Some(registry) = state.registries.get_mut(&host) {
                registry.spec = spec;
            } else {
                state.registries.insert(host.clone(), Registry::new(&host, spec));
            }
        });
    }

    fn at_registry<T>(&self, host: &str, use_it: impl FnOnce(&mut Registry, jiff::Timestamp) -> T) -> T {
        self.with(|state, now| {
            let host = state.aliases.get(host).cloned().unwrap_or_else(|| host.to_owned());
            let registry = state
                .registries
                .entry(host.clone())
                .or_insert_with(|| Registry::new(&host, RegistrySpec::distribution()));
            use_it(registry, now)
        })
    }

    /// Pushes an image: blobs, manifests, index, then the tag. Gives the digest that the tag names. A host that is not
    /// there yet becomes a registry without authentication.
    pub fn push(&self, reference: &str, spec: &ImageSpec) -> String {
        let (host, repository, tag) = parts(reference);
        let built = spec.built(&repository);
        self.at_registry(&host, |registry, now| registry.store(&repository, &tag, built, now))
    }

    /// Lets a second tag name what the first names; `false` when the first names nothing.
    pub fn retag(&self, reference: &str, tag: &str) -> bool {
        let (host, repository, from) = parts(reference);
        self.at_registry(&host, |registry, now| {
            let found = registry.resolved(&repository, &from, now);
            found.map(|digest| registry.set_tag(&repository, tag, Some(digest), now)).is_some()
        })
    }

    /// Removes a tag; the manifest stays, reachable by digest.
    pub fn untag(&self, reference: &str) {
        let (host, repository, tag) = parts(reference);
        self.at_registry(&host, |registry, now| registry.set_tag(&repository, &tag, None, now));
    }

    /// Removes a manifest, as a cleanup job does with "untagged" platform manifests: tags and indexes that name it stay.
    pub fn delete_manifest(&self, host: &str, repository: &str, digest: &str) {
        self.at_registry(host, |registry, _| registry.delete_manifest(repository, digest));
    }

    /// Removes a blob.
    pub fn delete_blob(&self, host: &str, repository: &str, digest: &str) {
        self.at_registry(host, |registry, _| registry.delete_blob(repository, digest));
    }

    /// Stores bytes as a manifest, whatever they are, and lets the tag of the reference name them. Gives their digest.
    pub fn put_raw_manifest(&self, reference: &str, content_type: &str, bytes: &[u8]) -> String {
        let (host, repository, tag) = parts(reference);
        let built = Built {
            blobs: Vec::new(),
            manifests: vec![(content_type.to_owned(), Bytes::copy_from_slice(bytes))],
            top: digest(bytes),
        };
        self.at_registry(&host, |registry, now| registry.store(&repository, &tag, built, now))
    }

    /// Stores bytes as a blob; gives their digest.
    pub fn put_blob(&self, host: &str, repository: &str, bytes: &[u8]) -> String {
        let built = Built { blobs: vec![Bytes::copy_from_slice(bytes)], ..Built::default() };
        self.at_registry(host, |registry, now| registry.store(repository, "", built, now));
        digest(bytes)
    }

    /// The digest that a reference names now, lag aside.
    pub fn image_digest(&self, reference: &str) -> Option<String> {
        let (host, repository, tag) = parts(reference);
        self.at_registry(&host, |registry, _| registry.resolved(&repository, &tag, jiff::Timestamp::MAX))
    }

    /// The bytes of the manifest that a reference names.
    pub fn manifest(&self, reference: &str) -> Option<Bytes> {
        let (host, repository, tag) = parts(reference);
        self.at_registry(&host, |registry, _| {
            let digest = registry.resolved(&repository, &tag, jiff::Timestamp::MAX)?;
            registry.manifest(&repository, &digest).map(|(_, bytes)| bytes.clone())
        })
    }

    /// Makes one repository of a registry private or public. New ones are public.
    pub fn private_image(&self, host: &str, repository: &str, private: bool) {
        self.at_registry(host, |registry, _| {
            if private {
                registry.spec.private_repositories.insert(repository.to_owned());
            } else {
                registry.spec.private_repositories.remove(repository);
            }
        });
    }

    /// Tags pushed or moved from now on are seen only this long after (GHCR: seconds of lag between push and read,
    /// p2pool-starter-stack/pithead#429, VooZ2/terento#165).
    pub fn registry_lag(&self, host: &str, lag: std::time::Duration) {
        self.at_registry(host, |registry, _| registry.lag = lag);
    }
}
