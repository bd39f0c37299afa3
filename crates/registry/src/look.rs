//! The questions of one look, in order: what does the tag resolve to, is every wanted platform there, and which
//! revision does the image name. Depth three at most: manifest, child, configuration.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use domain::evidence::{Child, ChildState, ClaimPlace, ImageFacts, RevisionClaim, Sight};
use domain::image::{Digest, ImageReference, Platform};
use futures_util::future::join_all;
use http::{Method, Response, StatusCode};

use crate::ask::Ask;
use crate::content::{self, ChildEntry, Claim, Config, Content, Entry, Index, MOST_ENTRIES, Manifest, Part};
use crate::site::{LARGEST_CONTENT, Site};
use crate::trouble::Trouble;
use crate::{Glance, Wanted};

/// What was seen by digest, in which repository: it cannot change, so it is asked for once. What a tag resolves to is
/// never kept, and neither is an absence.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    contents: Shelf<Content>,
    configs: Shelf<Config>,
    /// Parts, each with the size that it was described with.
    present: Mutex<HashSet<(String, u64)>>,
}

/// What was read, with its length in bytes: a part may be described with another size, and then it is not that part.
type Shelf<T> = Mutex<HashMap<String, (usize, Arc<T>)>>;

fn key(repository: &str, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}

fn recall<T>(shelf: &Shelf<T>, key: &str) -> Option<(usize, Arc<T>)> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn keep<T>(shelf: &Shelf<T>, key: String, body: &Bytes, value: T) -> Arc<T> {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.entry(key).or_insert_with(|| (body.len(), Arc::new(value))).1.clone()
}

/// Looks at `image` once.
pub(crate) async fn look(site: &Site, image: &ImageReference, wanted: &Wanted) -> Sight {
    facts(site, image, wanted).await.map_or_else(Trouble::sight, Sight::Image)
}

/// What `image` resolves to, by HEAD where the answer can be used.
pub(crate) async fn glance(site: &Site, image: &ImageReference) -> Glance {
    let digest = async {
        match head(site, image).await? {
            Some(digest) => Ok(digest),
            None => top(site, image).await.map(|(digest, _)| digest),
        }
    };
    digest.await.map_or_else(|trouble: Trouble| trouble.glance(site.host.as_str()), Glance::Digest)
}

async fn facts(site: &Site, image: &ImageReference, wanted: &Wanted) -> Result<ImageFacts, Trouble> {
    let known = if site.counts_gets() { known_by_head(site, image).await? } else { None };
    let (digest, content) = match known {
        Some(known) => known,
        None => top(site, image).await?,
    };
    match &*content {
        Content::Image(manifest) => single(site, image.repository(), digest, manifest, wanted).await,
        Content::Index(index) => several(site, image.repository(), digest, index, wanted).await,
    }
}

/// The digest that a HEAD by the image's name gives; `None` when only a GET can tell.
async fn head(site: &Site, image: &ImageReference) -> Result<Option<Digest>, Trouble> {
    let answer = site.fetch(&Ask::manifest(Method::HEAD, image.repository(), image.manifest_name())).await?;
    match answer.status() {
        // A digest of another algorithm could not be compared with the one that a GET computes.
        StatusCode::OK => Ok(content::head_digest(answer.headers())
            .filter(|digest| digest.as_str().starts_with("sha256:") || image.digest() == Some(digest))),
        StatusCode::METHOD_NOT_ALLOWED => Ok(None),
        _ => Err(site.trouble(site.host.as_str(), &answer)),
    }
}

/// Content that was read before, when the HEAD says that it is still there: no GET is spent on it.
async fn known_by_head(site: &Site, image: &ImageReference) -> Result<Option<(Digest, Arc<Content>)>, Trouble> {
    let Some(digest) = head(site, image).await? else { return Ok(None) };
    if image.digest().is_some_and(|wanted| *wanted != digest) {
        return Ok(None);
    }
    Ok(recall(&site.seen.contents, &key(image.repository(), &digest)).map(|(_, content)| (digest, content)))
}

/// What the name of the image resolves to, read and verified. A tag with a digest must resolve to that digest.
async fn top(site: &Site, image: &ImageReference) -> Result<(Digest, Arc<Content>), Trouble> {
    let answer = get(site, &Ask::manifest(Method::GET, image.repository(), image.manifest_name())).await?;
    let body = answer.body();
    let real = Digest::sha256(body);
    if let Some(named) = content::named_digest(answer.headers())
        && named != real
        && !named.matches(body)
    {
        return Err(Trouble::Wrong(format!("{} serves it as {named}, but its content is {real}", site.host)));
    }
    let digest = match image.digest() {
        None => real,
        Some(digest) if digest.matches(body) => digest.clone(),
        Some(digest) => {
            return Err(Trouble::Wrong(image.tag().map_or_else(
                || format!("the content served for {digest} is {real}"),
                |tag| format!("the tag `{tag}` is {real} now, and {digest} was asked for"),
            )));
        }
    };
    let key = key(image.repository(), &digest);
    if let Some((_, content)) = recall(&site.seen.contents, &key) {
        return Ok((digest, content));
    }
    let quote = |text: &str, most| site.quoted(text, most, Some(&answer));
    let content = content::read(answer.headers(), body, &quote).map_err(Trouble::Wrong)?;
    Ok((digest, keep(&site.seen.contents, key, body, content)))
}

/// The answer to a GET, if it is 200: nothing else is content (204 and 206 neither).
async fn get(site: &Site, ask: &Ask<'_>) -> Result<Response<Bytes>, Trouble> {
    let answer = site.fetch(ask).await?;
    if answer.status() == StatusCode::OK { Ok(answer) } else { Err(site.trouble(site.host.as_str(), &answer)) }
}

/// An image without an index: only its configuration names the platform.
async fn single(
    site: &Site,
    repository: &str,
    digest: Digest,
    manifest: &Manifest,
    wanted: &Wanted,
) -> Result<ImageFacts, Trouble> {
    let config = match config(site, repository, &manifest.config).await {
        Ok(config) => config,
        Err(trouble) => {
            // The platform is unknown, so the fault is that of every platform anybody wants.
            let state = ChildState::Broken(broken("its configuration", trouble)?);
            let unknown = || Platform::new("unknown", "unknown", None).into_iter().collect();
            let platforms: Vec<Platform> =
                if wanted.platforms.is_empty() { unknown() } else { wanted.platforms.clone() };
            let child = |platform| Child { platform, digest: digest.clone(), state: state.clone() };
            return Ok(ImageFacts { children: platforms.into_iter().map(child).collect(), digest, claims: Vec::new() });
        }
    };
    let Some(platform) = config.platform.clone() else {
        return Err(Trouble::Wrong("its configuration names no platform".to_owned()));
    };
    let is_wanted = wanted.platforms.is_empty() || wanted.platforms.contains(&platform);
    // Both were read, so both count.
    let annotation = manifest.claim.as_ref().map(|claim| claim.at(ClaimPlace::Manifest(platform.clone())));
    let label = config.claim.as_ref().map(|claim| claim.at(ClaimPlace::ConfigLabel(platform.clone())));
    let claims = annotation.into_iter().chain(label);
    let state = if is_wanted { ChildState::Present } else { ChildState::NotLookedAt };
    Ok(ImageFacts {
        children: vec![Child { platform, digest: digest.clone(), state }],
        digest,
        claims: claims.filter(|_| wanted.read_revision && is_wanted).collect(),
    })
}

/// An image with an index: every wanted child at the same time.
async fn several(
    site: &Site,
    repository: &str,
    digest: Digest,
    index: &Index,
    wanted: &Wanted,
) -> Result<ImageFacts, Trouble> {
    let entries = flatten(site, repository, index).await?;
    if entries.is_empty() {
        return Err(Trouble::Wrong("its index names no platform".to_owned()));
    }
    let read = wanted.read_revision && index.claim.is_none();
    let looked = join_all(entries.into_iter().map(|entry| async {
        if wanted.platforms.is_empty() || wanted.platforms.contains(&entry.platform) {
            child(site, repository, entry, wanted.read_revision, read).await
        } else {
            Ok((Child { platform: entry.platform, digest: entry.part.digest, state: ChildState::NotLookedAt }, None))
        }
    }));
    let mut facts = ImageFacts { digest, children: Vec::new(), claims: Vec::new() };
    facts.claims.extend(index.claim.as_ref().filter(|_| wanted.read_revision).map(|claim| claim.at(ClaimPlace::Index)));
    for outcome in looked.await {
        let (child, claim) = outcome?;
        facts.children.push(child);
        facts.claims.extend(claim);
    }
    Ok(facts)
}

/// The children of an index, those of an index inside it included, one level deep, so that no cycle can be. Platforms
/// that stand twice must agree, but for Windows versions, of which the first counts.
async fn flatten(site: &Site, repository: &str, index: &Index) -> Result<Vec<ChildEntry>, Trouble> {
    let mut found: Vec<ChildEntry> = Vec::new();
    for entry in &index.entries {
        match entry {
            Entry::Child(child) => add(&mut found, child)?,
            Entry::Nested(part) => {
                let name = || format!("the index {} inside it", part.digest.short());
                let inner = manifest(site, repository, part).await;
                let inner = match inner {
                    Ok(inner) => inner,
                    Err(trouble) => return Err(Trouble::Wrong(broken(&name(), trouble)?)),
                };
                let Content::Index(inner) = &*inner else {
                    return Err(Trouble::Wrong(format!("{} is an image", name())));
                };
                for entry in &inner.entries {
                    match entry {
                        Entry::Child(child) => add(&mut found, child)?,
                        Entry::Nested(_) => return Err(Trouble::Wrong(format!("{} holds another index", name()))),
                    }
                }
            }
        }
    }
    Ok(found)
}

fn add(found: &mut Vec<ChildEntry>, child: &ChildEntry) -> Result<(), Trouble> {
    if let Some(twin) = found.iter().find(|known| known.platform == child.platform) {
        if twin.part.digest != child.part.digest && twin.os_version == child.os_version {
            let (one, other) = (twin.part.digest.short(), child.part.digest.short());
            return Err(Trouble::Wrong(format!("its index names both {one} and {other} for {}", child.platform)));
        }
        return Ok(());
    }
    if found.len() >= MOST_ENTRIES {
        return Err(Trouble::Wrong(format!("its indexes name more than {MOST_ENTRIES} platforms")));
    }
    found.push(child.clone());
    Ok(())
}

/// One wanted platform. Its revision is taken from the first of: its descriptor, its manifest, its configuration.
/// `read` = the index names none.
async fn child(
    site: &Site,
    repository: &str,
    entry: ChildEntry,
    revision: bool,
    read: bool,
) -> Result<(Child, Option<RevisionClaim>), Trouble> {
    let ChildEntry { platform, part, claim, .. } = entry;
    let claim = claim.filter(|_| revision).map(|claim| claim.at(ClaimPlace::Descriptor(platform.clone())));
    let seen = if claim.is_some() || !read {
        present(site, repository, &part).await.map(|()| claim)
    } else {
        inside(site, repository, &part, &platform).await
    };
    match seen {
        Ok(claim) => Ok((Child { platform, digest: part.digest, state: ChildState::Present }, claim)),
        Err(trouble) => {
            let state = ChildState::Broken(broken("its manifest", trouble)?);
            Ok((Child { platform, digest: part.digest, state }, None))
        }
    }
}

/// The revision that the manifest of a child names, else its configuration.
async fn inside(
    site: &Site,
    repository: &str,
    part: &Part,
    platform: &Platform,
) -> Result<Option<RevisionClaim>, Trouble> {
    let content = manifest(site, repository, part).await?;
    let Content::Image(manifest) = &*content else { return Err(Trouble::Wrong("an index, not an image".to_owned())) };
    if let Some(claim) = &manifest.claim {
        return Ok(Some(claim.at(ClaimPlace::Manifest(platform.clone()))));
    }
    let config = match config(site, repository, &manifest.config).await {
        Err(Trouble::Absent) => {
            return Err(Trouble::Wrong(format!(
                "its configuration {} is not in the registry (404)",
                manifest.config.digest
            )));
        }
        other => other?,
    };
    Ok(config.claim.as_ref().map(|claim| claim.at(ClaimPlace::ConfigLabel(platform.clone()))))
}

/// What is wrong with a part of an image; trouble that says nothing about the image is given back.
fn broken(what: &str, trouble: Trouble) -> Result<String, Trouble> {
    match trouble {
        Trouble::Absent => Ok(format!("{what} is not in the registry (404)")),
        Trouble::Wrong(why) => Ok(format!("{what}: {why}")),
        Trouble::Denied(_) | Trouble::Unreachable(_) => Err(trouble),
    }
}

/// Checks by HEAD that a child is there. An answer that does not name its digest and type is confirmed by a GET: a
/// captive portal answers 200 to everything.
async fn present(site: &Site, repository: &str, part: &Part) -> Result<(), Trouble> {
    let key = (key(repository, &part.digest), part.size);
    if site.seen.present.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
        return Ok(());
    }
    let answer = site.fetch(&Ask::manifest(Method::HEAD, repository, part.digest.as_str())).await?;
    match answer.status() {
        StatusCode::OK if content::head_digest(answer.headers()).as_ref() == Some(&part.digest) => {
            site.seen.present.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
            Ok(())
        }
        StatusCode::OK | StatusCode::METHOD_NOT_ALLOWED => manifest(site, repository, part).await.map(drop),
        _ => Err(site.trouble(site.host.as_str(), &answer)),
    }
}

/// A manifest by digest, verified.
async fn manifest(site: &Site, repository: &str, part: &Part) -> Result<Arc<Content>, Trouble> {
    let key = key(repository, &part.digest);
    if let Some((length, content)) = recall(&site.seen.contents, &key) {
        part.check_length(length).map_err(Trouble::Wrong)?;
        return Ok(content);
    }
    let answer = get(site, &Ask::manifest(Method::GET, repository, part.digest.as_str())).await?;
    part.check(answer.body()).map_err(Trouble::Wrong)?;
    let quote = |text: &str, most| site.quoted(text, most, Some(&answer));
    let content = content::read(answer.headers(), answer.body(), &quote).map_err(Trouble::Wrong)?;
    site.seen.present.lock().unwrap_or_else(PoisonError::into_inner).insert((key.clone(), part.size));
    Ok(keep(&site.seen.contents, key, answer.body(), content))
}

/// A configuration by digest, verified.
async fn config(site: &Site, repository: &str, part: &Part) -> Result<Arc<Config>, Trouble> {
    let key = key(repository, &part.digest);
    if let Some((length, config)) = recall(&site.seen.configs, &key) {
        part.check_length(length).map_err(Trouble::Wrong)?;
        return Ok(config);
    }
    if usize::try_from(part.size).map_or(true, |size| size > LARGEST_CONTENT) {
        return Err(Trouble::Wrong(format!("a configuration of {} bytes, more than {LARGEST_CONTENT}", part.size)));
    }
    let answer = get(site, &Ask::blob(repository, &part.digest)).await?;
    part.check(answer.body()).map_err(Trouble::Wrong)?;
    let quote = |text: &str, most| site.quoted(text, most, Some(&answer));
    let config = content::read_config(answer.body(), &quote).map_err(Trouble::Wrong)?;
    Ok(keep(&site.seen.configs, key, answer.body(), config))
}

impl Claim {
    fn at(&self, place: ClaimPlace) -> RevisionClaim {
        RevisionClaim { revision: self.revision.clone(), source: self.source.clone(), place }
    }
}
