//! The files that pin every image of a full release by digest. Sorted, without times, byte-stable.
//!
//! `images.lock.json` (its schema is `docs/images.lock.schema.json`), and the same pins in the forms that Docker Compose and
//! Kustomize read.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::decide::{Judgement, Standing};
use crate::image::ImageReference;
use crate::repository::{CommitSha, Repository};
use crate::version::ReleaseTag;

#[derive(Serialize)]
struct Lock<'a> {
    schema: u32,
    repository: String,
    tag: &'a str,
    version: &'a str,
    commit: &'a CommitSha,
    images: BTreeMap<&'a str, LockedImage<'a>>,
}

#[derive(Serialize)]
struct LockedImage<'a> {
    image: String,
    pinned: String,
    digest: &'a str,
    platforms: Vec<String>,
    revision: Option<&'a str>,
}

/// The name of the file that Docker Compose merges over a project's own.
pub const COMPOSE: &str = "images.compose.yml";
/// The name of the file whose `images` Kustomize reads.
pub const KUSTOMIZE: &str = "kustomization.images.yml";

/// The text of the file of that name: `images.compose.yml`, `kustomization.images.yml`, or else the lock file.
pub fn file(name: &str, repository: &Repository, tag: &ReleaseTag, commit: &CommitSha, images: &[Judgement]) -> String {
    match name {
        COMPOSE => compose(images),
        KUSTOMIZE => kustomize(images),
        _ => lock_file(repository, tag, commit, images),
    }
}

/// Every image that is ready, by service: its reference and its digest.
fn pins(images: &[Judgement]) -> BTreeMap<&str, (&ImageReference, &str)> {
    let ready = images.iter().filter(|image| image.standing == Standing::Ready);
    ready
        .filter_map(|image| Some((image.service.as_str(), (&image.reference, image.proof.as_ref()?.digest.as_str()))))
        .collect()
}

/// Compose file reference, "image". Names and references need no quotes in YAML but for their colons, so all are quoted.
fn compose(images: &[Judgement]) -> String {
    let services = pins(images).into_iter().map(|(service, (reference, digest))| {
        format!("  \"{service}\":\n    image: \"{}\"\n", pinned(reference, digest))
    });
    format!("services:\n{}", services.collect::<String>())
}

/// Kustomize, "images".
fn kustomize(images: &[Judgement]) -> String {
    let entries = pins(images).into_iter().map(|(_, (reference, digest))| {
        format!("  - name: \"{}/{}\"\n    digest: \"{digest}\"\n", reference.host(), reference.repository())
    });
    let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n";
    format!("{head}{}", entries.collect::<String>())
}

/// The text of the lock file: every image that is ready.
fn lock_file(repository: &Repository, tag: &ReleaseTag, commit: &CommitSha, judgements: &[Judgement]) -> String {
    let ready = judgements.iter().filter(|judgement| judgement.standing == Standing::Ready);
    let images = ready
        .filter_map(|judgement| {
            let proof = judgement.proof.as_ref()?;
            let image = LockedImage {
                image: judgement.reference.to_string(),
                pinned: pinned(&judgement.reference, proof.digest.as_str()),
                digest: proof.digest.as_str(),
                platforms: proof.platforms.iter().map(ToString::to_string).collect(),
                revision: proof.revision.as_deref(),
            };
            Some((judgement.service.as_str(), image))
        })
        .collect();
    let (tag, version) = (tag.as_str(), tag.version());
    let lock = Lock { schema: 1, repository: repository.to_string(), tag, version, commit, images };
    let mut text = serde_json::to_string_pretty(&lock).unwrap_or_default();
    text.push('\n');
    text
}

fn pinned(reference: &ImageReference, digest: &str) -> String {
    format!("{}/{}@{digest}", reference.host(), reference.repository())
}
