//! The repository that releases, and its commits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `owner/name` on GitHub. Compared without regard to letter case, as GitHub does.
#[derive(Debug, Clone)]
pub struct Repository {
    owner: String,
    name: String,
}

/// The text is not `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a repository written as owner/name")]
pub struct RepositoryError(String);

impl Repository {
    /// The account that owns it, in the letter case it was given.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Its name, in the letter case it was given.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Repository {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        let part = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && !part.starts_with("..")
                && part != "."
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self { owner: owner.into(), name: name.into() }),
            _ => Err(RepositoryError(text.chars().take(200).flat_map(char::escape_debug).collect())),
        }
    }
}

impl PartialEq for Repository {
    fn eq(&self, other: &Self) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl Eq for Repository {}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The full name of a git commit: 40 lower-case hexadecimal digits (64 in a SHA-256 repository).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha(String);

/// The text is not the full name of a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a full commit name of 40 hexadecimal digits")]
pub struct CommitShaError(String);

impl CommitSha {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for lines that people read.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl FromStr for CommitSha {
    type Err = CommitShaError;

    fn from_str(text: &str) -> Result<Self, CommitShaError> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(CommitShaError(text.chars().take(80).flat_map(char::escape_debug).collect()))
    }
}

impl TryFrom<String> for CommitSha {
    type Error = CommitShaError;

    fn try_from(text: String) -> Result<Self, CommitShaError> {
        text.parse()
    }
}

impl From<CommitSha> for String {
    fn from(commit: CommitSha) -> Self {
        commit.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_two_plain_words_compared_without_case() {
        assert_eq!("Octo/Shop".parse::<Repository>().unwrap(), "octo/shop".parse().unwrap());
        for text in ["", "octo", "octo/", "/shop", "octo/shop/x", "octo/../x", "octo/sh op", "octo/.."] {
            assert!(text.parse::<Repository>().is_err(), "accepted {text:?}");
        }
    }

    #[test]
    fn a_commit_is_a_full_name_in_lower_case() {
        let text = "ABCDEF0123456789abcdef0123456789abcdef01";
        assert_eq!(text.parse::<CommitSha>().unwrap().as_str(), text.to_lowercase());
        assert!("abc1234".parse::<CommitSha>().is_err());
    }
}
