//! Which release is the latest, and which one came before: by semver over full releases, whatever order they were
//! made in.

use std::cmp::Ordering;

use super::block::{Body, LineStatus};
use super::page::Release;
use crate::version::ReleaseTag;

/// True for a published release that is full: our line says so, or it has no block of ours. Of a block that a person broke,
/// every line that can be read counts.
pub fn is_full(release: &Release) -> bool {
    let body = Body::read(release.body());
    let is_full = match body.lines() {
        [] => !body.bears_our_block() || !looks_partial(release),
        lines => lines.iter().any(|line| line.status == LineStatus::Full),
    };
    is_full && !release.draft
}

/// What a partial release of ours is whatever stands in its text: a pre-release without files.
pub(super) fn looks_partial(release: &Release) -> bool {
    release.prerelease && release.assets.is_empty()
}

/// Full releases of other tags, with their semver tags.
fn others<'a>(tag: &'a ReleaseTag, releases: &'a [Release]) -> impl Iterator<Item = (ReleaseTag, &'a Release)> {
    releases
        .iter()
        .filter(|release| release.tag_name != tag.as_str() && is_full(release))
        .filter_map(|release| Some((release.tag_name.parse::<ReleaseTag>().ok()?, release)))
        .filter(|(other, _)| other.semver().is_some())
}

/// Whether a full, final release of `tag` is the latest: no other full release that is no pre-release stands higher.
/// False for a tag that is not semver.
pub fn is_latest(tag: &ReleaseTag, releases: &[Release]) -> bool {
    tag.semver().is_some()
        && !others(tag, releases)
            .any(|(other, release)| !release.prerelease && other.precedence(tag) == Some(Ordering::Greater))
}

/// The tag that the changelog starts from: the highest full release below `tag`; a final skips pre-releases. `None` when
/// there is none, or when `tag` is not semver.
pub fn previous_tag(tag: &ReleaseTag, releases: &[Release]) -> Option<ReleaseTag> {
    let of_line = |(other, release): &(ReleaseTag, &Release)| {
        tag.is_prerelease() || !(other.is_prerelease() || release.prerelease)
    };
    others(tag, releases)
        .filter(of_line)
        .map(|(other, _)| other)
        .filter(|other| other.precedence(tag) == Some(Ordering::Less))
        .max_by(|a, b| a.precedence(b).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::release) fn release(id: u64, tag: &str) -> Release {
        Release {
            id,
            tag_name: tag.into(),
            target_commitish: "main".into(),
            name: None,
            body: None,
            draft: false,
            prerelease: tag.contains("-rc"),
            immutable: false,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            published_at: Some(jiff::Timestamp::UNIX_EPOCH),
            html_url: format!("https://github.example/octo/shop/releases/{tag}"),
            upload_url: String::new(),
            assets: vec![],
        }
    }

    fn partial(id: u64, tag: &str) -> Release {
        let line = r#"{"schema":1,"tag":"x","commit":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"partial","title":null,"prerelease":true,"hash":""}"#;
        let body = format!("<!-- release-actions:begin {line} -->\n<!-- release-actions:end -->\n");
        Release { body: Some(body), prerelease: true, ..release(id, tag) }
    }

    fn tag(text: &str) -> ReleaseTag {
        text.parse().unwrap()
    }

    #[test]
    fn a_backport_is_not_latest_and_the_highest_full_is() {
        let releases = [release(1, "v2.0.0"), partial(2, "v3.0.0"), release(3, "v2.1.0-rc1"), release(4, "nightly")];
        assert!(!is_latest(&tag("v1.9.1"), &releases));
        assert!(is_latest(&tag("v2.0.1"), &releases), "neither a partial nor a pre-release stands in the way");
        assert!(is_latest(&tag("v2.0.0"), &releases), "a release is not measured by itself");
        assert!(!is_latest(&tag("2026.11"), &releases));
    }

    #[test]
    fn the_previous_tag_is_the_highest_full_release_below() {
        let releases = [
            release(1, "v1.0.0"),
            release(2, "v1.1.0-rc1"),
            partial(3, "v1.0.5"),
            release(4, "v1.1.0-rc2"),
            release(5, "v2.0.0"),
        ];
        let previous = |text: &str| previous_tag(&tag(text), &releases).map(|tag| tag.to_string());
        assert_eq!(previous("v1.1.0").as_deref(), Some("v1.0.0"), "a final skips its own candidates");
        assert_eq!(previous("v1.1.0-rc3").as_deref(), Some("v1.1.0-rc2"));
        assert_eq!(previous("v1.0.0"), None);
        assert_eq!(previous("2026.11"), None);
    }
}
