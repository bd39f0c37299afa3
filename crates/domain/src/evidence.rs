//! What one look at the registry shows of one image: facts only, no judgement.
//!
//! The registry crate fills these; `decide` judges them.

use crate::image::{Digest, Platform};

/// What one look at one image showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// A manifest or index whose content has the digest it was served under.
    Image(ImageFacts),
    /// The registry accepted our access and says that there is no such manifest (404).
    Absent,
    /// Something is served there that is no container image.
    NotAnImage {
        /// What was served instead, fit to be read after "it is not an image: ".
        why: String,
    },
    /// 401 or 403 after one fresh token: never published, or hidden from this token.
    Denied {
        /// What the registry or its token endpoint answered.
        why: String,
    },
    /// No answer that says anything about the image: network, TLS, 5xx, throttled.
    Unreachable {
        /// What went wrong, with the host named.
        why: String,
    },
}

/// The verified content of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The digest of the manifest or index that the tag resolves to, computed from the bytes that were served.
    pub digest: Digest,
    /// The platforms it is built for, in the order of the index; attestation manifests are left out.
    pub children: Vec<Child>,
    /// Every place that names a revision, with the value found there; empty when none was found or none was read.
    pub claims: Vec<RevisionClaim>,
}

/// One platform of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// What it runs on.
    pub platform: Platform,
    /// The digest of its manifest.
    pub digest: Digest,
    /// Whether the registry holds what it needs.
    pub state: ChildState,
}

/// Whether the registry holds a child manifest and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildState {
    /// Seen by its digest.
    Present,
    /// The index names it and the registry does not hold it, or not what it says it is.
    Broken(String),
    /// Not asked for: a platform that nobody wants.
    NotLookedAt,
}

/// A revision that an image carries, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionClaim {
    /// The value of `org.opencontainers.image.revision`, as it stands there.
    pub revision: String,
    /// The value of `org.opencontainers.image.source` at the same place; `None` when it is not set there.
    pub source: Option<String>,
    /// Where it stands.
    pub place: ClaimPlace,
}

/// Where an image names its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimPlace {
    /// Annotations of the index.
    Index,
    /// Annotations of the descriptor of this platform in the index.
    Descriptor(Platform),
    /// Annotations of the manifest of this platform.
    Manifest(Platform),
    /// Labels in the configuration of this platform. These are inherited from the base image.
    ConfigLabel(Platform),
}

impl std::fmt::Display for ClaimPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index => f.write_str("index annotation"),
            Self::Descriptor(platform) => write!(f, "descriptor annotation of {platform}"),
            Self::Manifest(platform) => write!(f, "manifest annotation of {platform}"),
            Self::ConfigLabel(platform) => write!(f, "label of {platform}"),
        }
    }
}
