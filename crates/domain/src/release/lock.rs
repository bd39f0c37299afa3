//! `images.lock.json`: every image of a full release, pinned by digest. Sorted, without times, byte-stable. Its schema
//! is `docs/images.lock.schema.json`.

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

/// The text of the lock file: every image that is ready.
pub fn lock_file(repository: &Repository, tag: &ReleaseTag, commit: &CommitSha, judgements: &[Judgement]) -> String {
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
