//! What was served, checked before it is believed: manifest, index and configuration.
//!
//! The types are `oci-client`'s; the checks before and after are ours, because its own parser takes an object with both
//! `manifests` and `layers` for an image (CVE-2021-41190) and looks at no content type.

use std::collections::{BTreeMap, HashMap};

use domain::image::{Digest, Platform};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use oci_client::annotations::{ORG_OPENCONTAINERS_IMAGE_REVISION, ORG_OPENCONTAINERS_IMAGE_SOURCE};
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE,
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageIndex, OciImageManifest,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// All that is accepted, in one header: with less, registries answer 404 or convert the manifest, which changes its
/// digest (distribution/distribution, `registry/handlers/manifests.go`).
pub(crate) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";
/// More entries than any image has; a limit on the requests that one tag can cause.
pub(crate) const MOST_ENTRIES: usize = 256;
/// A revision or source longer than this is cut: it is a commit or a URL.
const LONGEST_CLAIM: usize = 512;

/// A manifest that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Index(Index),
    Image(Manifest),
}

/// An index: what it says itself, and its entries without attestations, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) claim: Option<Claim>,
    pub(crate) entries: Vec<Entry>,
}

/// One line of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Child(ChildEntry),
    Nested(Part),
}

/// A child manifest as an index describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildEntry {
    pub(crate) platform: Platform,
    /// Tells Windows images of one platform apart.
    pub(crate) os_version: Option<String>,
    pub(crate) part: Part,
    pub(crate) claim: Option<Claim>,
}

/// The manifest of one platform.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) claim: Option<Claim>,
    pub(crate) config: Part,
}

/// The configuration of one platform.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `None` when it names none, or one that is not valid.
    pub(crate) platform: Option<Platform>,
    pub(crate) claim: Option<Claim>,
}

/// Content by digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Part {
    fn new(digest: &str, size: i64) -> Result<Self, String> {
        let digest = digest.parse::<Digest>().map_err(|error| error.to_string())?;
        let size = u64::try_from(size).map_err(|_| format!("{} has the size {size}", digest.short()))?;
        Ok(Self { digest, size })
    }

    /// Checks that `body` is what is described.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), String> {
        self.check_length(body.len())?;
        if !self.digest.matches(body) {
            return Err(format!("the content served for {} has another digest", self.digest));
        }
        Ok(())
    }

    /// Checks that content of this digest has the length that is described.
    pub(crate) fn check_length(&self, length: usize) -> Result<(), String> {
        if usize::try_from(self.size) != Ok(length) {
            return Err(format!("{} should have {} bytes and has {length}", self.digest, self.size));
        }
        Ok(())
    }
}

/// A revision, and the source that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) revision: String,
    pub(crate) source: Option<String>,
}

impl Claim {
    fn read<'a>(value: impl Fn(&str) -> Option<&'a String>) -> Option<Self> {
        let text = |key: &str| {
            let text: String = value(key)?.trim().chars().take(LONGEST_CLAIM).collect();
            Some(text).filter(|text| !text.is_empty())
        };
        Some(Self { revision: text(ORG_OPENCONTAINERS_IMAGE_REVISION)?, source: text(ORG_OPENCONTAINERS_IMAGE_SOURCE) })
    }

    fn of(annotations: Option<&BTreeMap<String, String>>) -> Option<Self> {
        annotations.and_then(|annotations| Self::read(|key| annotations.get(key)))
    }
}

/// The digest that an answer names in `Docker-Content-Digest`; `None` when it is absent, given twice or no digest.
pub(crate) fn named_digest(headers: &HeaderMap) -> Option<Digest> {
    let mut values = headers.get_all(HeaderName::from_static("docker-content-digest")).iter();
    let first = values.next()?.to_str().ok()?.parse().ok()?;
    values.next().is_none().then_some(first)
}

/// The digest that the answer to a HEAD names; `None` where only content can tell, so that a page of a captive portal is
/// never taken for a manifest.
pub(crate) fn head_digest(headers: &HeaderMap) -> Option<Digest> {
    let served = media_type(headers)?;
    named_digest(headers).filter(|_| ACCEPTED.split(", ").any(|accepted| accepted == served))
}

/// The media type without parameters, in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or("").trim().to_ascii_lowercase())
}

/// Just enough of any manifest to see what it claims to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: Option<i64>,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

/// How text of the registry is quoted: at most so many characters of it, without secrets.
pub(crate) type Quote<'a> = &'a dyn Fn(&str, usize) -> String;

/// Reads a manifest that was served with `headers`. The error fits after "it is not an image: ".
pub(crate) fn read(headers: &HeaderMap, body: &[u8], quote: Quote<'_>) -> Result<Content, String> {
    let served = media_type(headers);
    let is_index = match served.as_deref() {
        Some(OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE) => true,
        Some(OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE) => false,
        Some(old) if old.starts_with("application/vnd.docker.distribution.manifest.v1+") => {
            return Err("a manifest of schema 1, which is obsolete: push it with a current tool".to_owned());
        }
        _ => {
            let start = quote(&String::from_utf8_lossy(&body[..body.len().min(400)]), 80);
            // As it was written: in lower case, what must not be shown could not be found in it.
            let other = headers.get(CONTENT_TYPE).map_or_else(
                || "no content type".to_owned(),
                |other| {
                    let other = String::from_utf8_lossy(other.as_bytes());
                    format!("the content type `{}`", quote(other.split(';').next().unwrap_or(""), 80))
                },
            );
            return Err(format!("served with {other}, starting with `{start}`"));
        }
    };
    let junk = |error: serde_json::Error| format!("no valid manifest: {}", quote(&error.to_string(), 160));
    let shape: Shape = serde_json::from_slice(body).map_err(junk)?;
    if let Some(named) = &shape.media_type
        && Some(named) != served.as_ref()
    {
        let (named, served) = (quote(named, 80), served.unwrap_or_default());
        return Err(format!("its content type is `{served}`, and it calls itself `{named}`"));
    }
    if shape.schema_version != Some(2) || shape.fs_layers.is_some() {
        return Err("a manifest that is not of schema 2".to_owned());
    }
    let image_parts = shape.config.is_some() || shape.layers.is_some();
    if shape.manifests.is_some() && image_parts {
        return Err("both an index and an image manifest".to_owned());
    }
    if is_index {
        read_index(&serde_json::from_slice(body).map_err(junk)?).map(Content::Index)
    } else {
        read_manifest(&serde_json::from_slice(body).map_err(junk)?, quote).map(Content::Image)
    }
}

fn read_manifest(manifest: &OciImageManifest, quote: Quote<'_>) -> Result<Manifest, String> {
    let kind = manifest.config.media_type.as_str();
    if ![IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE].contains(&kind) {
        let kind = manifest.artifact_type.as_deref().unwrap_or(kind);
        return Err(format!("an artifact of type `{}`, not a container image", quote(kind, 80)));
    }
    let config = Part::new(&manifest.config.digest, manifest.config.size)?;
    Ok(Manifest { claim: Claim::of(manifest.annotations.as_ref()), config })
}

fn read_index(index: &OciImageIndex) -> Result<Index, String> {
    if index.manifests.len() > MOST_ENTRIES {
        return Err(format!("an index of {} manifests, more than {MOST_ENTRIES}", index.manifests.len()));
    }
    let mut entries = Vec::with_capacity(index.manifests.len());
    for entry in &index.manifests {
        match entry.media_type.as_str() {
            OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE => {
                entries.push(Entry::Nested(Part::new(&entry.digest, entry.size)?));
            }
            OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE => {
                entries.extend(read_child(entry)?.map(Entry::Child));
            }
            _ => {} // An artifact beside the images.
        }
    }
    Ok(Index { claim: Claim::of(index.annotations.as_ref()), entries })
}

/// `None` for an attestation (Docker documentation, "Image attestation storage") and for an entry that names no valid
/// platform: nobody can want it.
fn read_child(entry: &ImageIndexEntry) -> Result<Option<ChildEntry>, String> {
    let attestation = entry.annotations.as_ref().and_then(|annotations| annotations.get("vnd.docker.reference.type"));
    let Some(platform) =
        entry.platform.as_ref().filter(|_| attestation.is_none_or(|kind| kind != "attestation-manifest"))
    else {
        return Ok(None);
    };
    let (os, architecture) = (platform.os.to_string(), platform.architecture.to_string());
    let Ok(known) = Platform::new(&os, &architecture, platform.variant.as_deref()) else { return Ok(None) };
    if known.is_unknown() {
        return Ok(None);
    }
    Ok(Some(ChildEntry {
        platform: known,
        os_version: platform.os_version.clone(),
        part: Part::new(&entry.digest, entry.size)?,
        claim: Claim::of(entry.annotations.as_ref()),
    }))
}

/// The fields of a configuration that matter here. `oci-client`'s own type has no `variant`, and refuses a whole
/// configuration for a date that it cannot read.
#[derive(Deserialize)]
struct RawConfig {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    config: Option<RawSettings>,
}

#[derive(Deserialize)]
struct RawSettings {
    #[serde(rename = "Labels")]
    labels: Option<HashMap<String, Option<String>>>,
}

/// Reads a configuration. The error fits after "it is not an image: ".
pub(crate) fn read_config(body: &[u8], quote: Quote<'_>) -> Result<Config, String> {
    let raw: RawConfig = serde_json::from_slice(body)
        .map_err(|error| format!("no valid configuration: {}", quote(&error.to_string(), 160)))?;
    let platform =
        Platform::new(&raw.os.unwrap_or_default(), &raw.architecture.unwrap_or_default(), raw.variant.as_deref());
    let labels = raw.config.and_then(|config| config.labels).unwrap_or_default();
    let claim = Claim::read(|key| labels.get(key).and_then(Option::as_ref));
    Ok(Config { platform: platform.ok().filter(|platform| !platform.is_unknown()), claim })
}
