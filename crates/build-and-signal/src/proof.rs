//! What the registry shows of the image that was built: neither buildx's exit code nor its metadata file is proof.

use std::path::Path;
use std::time::Duration;

use action::Session;
use domain::decide::{Flaw, Origin, Proof, RevisionPolicy, prove};
use domain::image::{Digest, ImageReference, Platform};
use domain::render::reason::{access, wrong};
use domain::repository::CommitSha;
use registry::{Glance, Wanted};
use tokio::time::sleep;

/// How often a registry is asked for what was just pushed: some show it seconds late (docker/github-builder reads back as
/// often).
const TRIES: u32 = 15;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// What the image must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The image by each of its tags.
    pub(crate) images: &'a [ImageReference],
    /// The platforms that it must hold; empty = whatever it holds.
    pub(crate) platforms: &'a [Platform],
    /// The digest that it must have; `None` = any.
    pub(crate) digest: Option<&'a Digest>,
    /// The tag's commit.
    pub(crate) commit: &'a CommitSha,
    /// How strictly the image must name that commit.
    pub(crate) revision: RevisionPolicy,
}

/// What one of the tags resolves to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) image: ImageReference,
    pub(crate) glance: Glance,
}

impl Seen {
    /// The digest; `None` when there is none, or when nobody knows.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        if let Glance::Digest(digest) = &self.glance { Some(digest) } else { None }
    }
}

/// What each tag resolves to, all asked at the same time.
pub(crate) async fn glance_at(session: &Session, images: &[ImageReference]) -> Vec<Seen> {
    let glances = images
        .iter()
        .map(|image| async { Seen { image: image.clone(), glance: session.registry.digest(image).await } });
    futures_util::future::join_all(glances).await
}

/// The proof of one digest: of the commit, with every platform, every child there.
pub(crate) async fn prove_digest(
    session: &Session,
    image: &ImageReference,
    digest: &Digest,
    expected: Expected<'_>,
) -> Result<Proof, Flaw> {
    let wanted = Wanted { platforms: expected.platforms.to_vec(), read_revision: true };
    let sight = session.registry.look(&image.pinned(digest.clone()), &wanted).await;
    let url = session.repository_url();
    let origin = Origin { commit: expected.commit, repository_url: &url, revision: expected.revision };
    prove(&sight, expected.platforms, expected.digest, origin)
}

/// Every tag resolves to one digest, and that is proven.
pub(crate) async fn prove_all(session: &Session, expected: Expected<'_>) -> Result<Proof, String> {
    let mut tries = 0;
    loop {
        tries += 1;
        let outcome = try_all(session, expected).await;
        match outcome {
            Err(_) if tries < TRIES => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

async fn try_all(session: &Session, expected: Expected<'_>) -> Result<Proof, String> {
    let seen = glance_at(session, expected.images).await;
    let mut digests = Vec::new();
    for seen in &seen {
        match &seen.glance {
            Glance::Digest(digest) => digests.push(digest),
            Glance::Absent => return Err(format!("the registry does not have {}", seen.image)),
            Glance::Denied { why } => {
                let cure = access(seen.image.host());
                return Err(format!("{} is hidden from this token: {why}; {}", seen.image, cure.trim_end_matches('.')));
            }
            Glance::Unreachable { why } => return Err(format!("{}: {why}", seen.image)),
        }
    }
    let Some(first) = expected.digest.or(digests.first().copied()) else { return Err("no image is named".into()) };
    if let Some(other) = seen.iter().find(|seen| seen.digest() != Some(first)) {
        let found = other.digest().map_or("nothing", Digest::as_str);
        return Err(format!("{} resolves to {found}, not to {first}", other.image));
    }
    let proof = prove_everywhere(session, first, expected).await;
    proof.map_err(|(image, flaw)| format!("{image}: {}", wrong(&flaw)))?.ok_or_else(|| "no image is named".into())
}

/// The proof of one digest in the repository of every tag, as each has content of its own; or the first image that has a
/// flaw. `None` when no image is named.
pub(crate) async fn prove_everywhere<'a>(
    session: &Session,
    digest: &Digest,
    expected: Expected<'a>,
) -> Result<Option<Proof>, (&'a ImageReference, Flaw)> {
    let mut proof = None;
    for (number, image) in expected.images.iter().enumerate() {
        let known = expected.images[..number].iter();
        if known.clone().any(|known| known.pinned(digest.clone()) == image.pinned(digest.clone())) {
            continue;
        }
        proof = Some(prove_digest(session, image, digest, expected).await.map_err(|flaw| (image, flaw))?);
    }
    Ok(proof)
}

/// The digest in the metadata file of buildx (docker/buildx, "buildx build --metadata-file"); a hint of what was pushed.
pub(crate) fn digest_in(metadata: &Path) -> Option<Digest> {
    let metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(metadata).ok()?).ok()?;
    metadata["containerimage.digest"].as_str()?.parse().ok()
}
