//! The images of a release by digest: `images.lock.json`, as `wait-and-release` attaches it (`docs/images.lock.schema.json`).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use domain::image::ImageReference;
use domain::repository::{CommitSha, Repository};
use serde::Deserialize;

/// What of the lock file the tree is made of.
#[derive(Debug)]
pub(crate) struct Lock {
    pub(crate) repository: Repository,
    /// The commit that the images were built from.
    pub(crate) commit: CommitSha,
    /// By action, each pinned to a digest.
    pub(crate) images: BTreeMap<String, ImageReference>,
}

#[derive(Deserialize)]
struct Raw {
    schema: u32,
    repository: String,
    commit: String,
    images: BTreeMap<String, RawImage>,
}

#[derive(Deserialize)]
struct RawImage {
    pinned: String,
    revision: Option<String>,
}

impl Lock {
    /// Reads and checks the file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no lock file of schema 1, or holds an image that is not pinned or is of another commit.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no images.lock.json of a full release", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let raw: Raw = serde_json::from_str(text)?;
        ensure!(raw.schema == 1, "its schema is {}, and 1 is what is understood here", raw.schema);
        let images = raw.images.into_iter().map(|(action, image)| {
            let pinned: ImageReference =
                image.pinned.parse().map_err(|error| anyhow!("image `{action}`: `{}` {error}", image.pinned))?;
            ensure!(pinned.digest().is_some(), "image `{action}`: `{pinned}` names no digest");
            ensure!(pinned.tag().is_none(), "image `{action}`: `{pinned}` names a tag beside the digest");
            let revision = image.revision.unwrap_or_else(|| "no commit that it names".to_owned());
            ensure!(
                revision == raw.commit,
                "image `{action}` was built from {revision}, the release from {}",
                raw.commit
            );
            Ok((action, pinned))
        });
        Ok(Self {
            images: images.collect::<anyhow::Result<_>>()?,
            repository: raw.repository.parse().map_err(|error| anyhow!("repository `{}`: {error}", raw.repository))?,
            commit: raw.commit.parse().map_err(|error| anyhow!("commit `{}`: {error}", raw.commit))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "1111111111111111111111111111111111111111";

    fn lock(pinned: &str, revision: &str) -> String {
        let image = format!(r#"{{"image": "r.io/o/api:1", "pinned": "{pinned}", "revision": {revision}}}"#);
        format!(r#"{{"schema": 1, "repository": "o/r", "commit": "{COMMIT}", "images": {{"api": {image}}}}}"#)
    }

    #[test]
    fn only_images_that_are_pinned_and_of_the_commit_are_taken() {
        let digest = format!("sha256:{:064}", 0);
        let own = format!("\"{COMMIT}\"");
        let read =
            |pinned: &str, revision: &str| Lock::parse(&lock(pinned, revision)).map_err(|error| format!("{error:#}"));
        assert_eq!(
            read(&format!("r.io/o/api@{digest}"), &own).unwrap().images["api"].to_string(),
            format!("r.io/o/api@{digest}")
        );
        let cases = [
            ("r.io/o/api:1".to_owned(), own.clone(), "names no digest"),
            (format!("r.io/o/api:1@{digest}"), own.clone(), "names a tag"),
            ("r.io/o/api@sha256:12".to_owned(), own, "digest"),
            (format!("r.io/o/api@{digest}"), format!("\"{}\"", COMMIT.replace('1', "2")), "was built from 2222"),
            (format!("r.io/o/api@{digest}"), "null".to_owned(), "was built from no commit"),
        ];
        for (pinned, revision, expected) in cases {
            let error = read(&pinned, &revision).unwrap_err();
            assert!(error.contains(expected), "{pinned} {revision}: {error}");
        }
    }
}
