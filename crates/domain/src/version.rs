//! The release tag and the version it stands for.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A git tag that names a release, such as `v1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReleaseTag {
    text: String,
    semver: Option<semver::Version>,
}

/// Why a text cannot be the tag of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// git itself refuses it (git-check-ref-format).
    #[error("`{0}` is not a name that git accepts for a tag")]
    NotARef(String),
    /// An image tag made of it could not exist.
    #[error("`{0}` holds a `+`, which no image tag may: tag the release without build metadata, such as `{1}`")]
    BuildMetadata(String, String),
}

impl ReleaseTag {
    /// The tag as git knows it, without `refs/tags/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tag without one leading `v`: what `{version}` stands for.
    pub fn version(&self) -> &str {
        self.text.strip_prefix('v').unwrap_or(&self.text)
    }

    /// The version by Semantic Versioning 2.0.0; `None` when the tag is not a full one, such as `2026.11`.
    pub fn semver(&self) -> Option<&semver::Version> {
        self.semver.as_ref()
    }

    /// True for a semver tag with a pre-release part; false for every tag that is not semver.
    pub fn is_prerelease(&self) -> bool {
        self.semver.as_ref().is_some_and(|version| !version.pre.is_empty())
    }

    /// How two tags compare by semver precedence; `None` when either is not semver.
    pub fn precedence(&self, other: &Self) -> Option<Ordering> {
        Some(self.semver()?.cmp_precedence(other.semver()?))
    }
}

impl FromStr for ReleaseTag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let shown = || text.chars().take(200).flat_map(char::escape_debug).collect::<String>();
        let component = |part: &str| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none();
        let forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
        let valid = text.len() <= 200
            && text.split('/').all(component)
            && !text.contains(forbidden)
            && !text.contains("..")
            && !text.contains("@{")
            && !text.ends_with('.')
            && !text.starts_with('-')
            && text != "@";
        if !valid {
            return Err(TagError::NotARef(shown()));
        }
        if let Some((plain, _)) = text.split_once('+') {
            return Err(TagError::BuildMetadata(shown(), plain.escape_debug().to_string()));
        }
        let semver = semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).ok();
        Ok(Self { text: text.to_owned(), semver })
    }
}

impl fmt::Display for ReleaseTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> ReleaseTag {
        text.parse().unwrap()
    }

    #[test]
    fn the_version_is_the_tag_without_one_v() {
        assert_eq!(tag("v1.2.3").version(), "1.2.3");
        assert_eq!(tag("1.2.3").version(), "1.2.3");
        assert_eq!(tag("vv1").version(), "v1");
        assert_eq!(tag("release-7").version(), "release-7");
    }

    #[test]
    fn only_full_semver_counts_as_semver() {
        for text in ["2026.11", "release-7", "v1", "v1.2", "v01.2.3", "api/v1.2.3"] {
            assert!(tag(text).semver().is_none(), "{text}");
            assert!(!tag(text).is_prerelease(), "{text}");
        }
        assert!(tag("v0.4.0-rc1").is_prerelease());
        assert!(!tag("v0.4.0").is_prerelease());
    }

    #[test]
    fn precedence_is_by_semver_and_absent_without_it() {
        assert_eq!(tag("v1.10.0").precedence(&tag("v1.9.0")), Some(Ordering::Greater));
        assert_eq!(tag("v1.0.0-rc.2").precedence(&tag("v1.0.0")), Some(Ordering::Less));
        assert_eq!(tag("2026.11").precedence(&tag("v1.0.0")), None);
    }

    #[test]
    fn build_metadata_is_refused_with_a_hint() {
        let error = "v1.2.3+build.5".parse::<ReleaseTag>().unwrap_err().to_string();
        assert!(error.contains("`+`") && error.contains("`v1.2.3`"), "{error}");
    }

    #[test]
    fn what_git_refuses_is_refused() {
        for text in
            ["", " ", "a b", "a..b", "a/", "/a", "a.lock", "a~1", "a^", "a:b", "a\\b", "a\nb", "-x", "@", ".a", "a."]
        {
            assert!(text.parse::<ReleaseTag>().is_err(), "accepted {text:?}");
        }
    }
}
