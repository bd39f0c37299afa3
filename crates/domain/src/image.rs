//! Names of images: reference, host, tag, digest and platform, each parsed once and valid ever after.
//!
//! The grammars are the ASCII ones of the OCI distribution specification ("Pulling manifests") and of the
//! distribution project's reference grammar; nothing is normalised silently but Docker Hub's short names.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest as _, Sha256, Sha512};

/// Why a text is not an image reference, tag, digest or platform. Fits after "`image` is … : ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{given}` {problem}")]
pub struct ImageError {
    what: &'static str,
    given: String,
    problem: String,
}

impl ImageError {
    fn new(what: &'static str, given: &str, problem: impl Into<String>) -> Self {
        let given = given.chars().take(200).flat_map(char::escape_debug).collect();
        Self { what, given, problem: problem.into() }
    }
}

/// A registry host with its optional port, lower-cased: `ghcr.io`, `127.0.0.1:5000`, `[::1]:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(String);

impl Host {
    /// Docker Hub under the name people write.
    pub const DOCKER_HUB: &'static str = "docker.io";

    /// The text as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the port; an IPv6 address stands without its brackets.
    pub fn name(&self) -> &str {
        match self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => self.0.rsplit_once(':').map_or(self.0.as_str(), |(name, _)| name),
        }
    }

    /// The authority that answers the registry API. Docker Hub's is not the name people write
    /// (`registry-1.docker.io`, Docker Hub documentation, "Registry API").
    pub fn api_authority(&self) -> &str {
        match self.0.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        }
    }

    /// True for `localhost` and for addresses of the loopback range.
    pub fn is_loopback(&self) -> bool {
        self.name() == "localhost" || self.name().parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let fail = |problem: &str| Err(ImageError::new("registry host", text, problem));
        if text.contains("://") {
            return fail("must be a host such as ghcr.io, without a scheme");
        }
        let (name, port) = if let Some(rest) = text.strip_prefix('[') {
            let Some((address, after)) = rest.split_once(']') else {
                return fail("opens an IPv6 address that it does not close with `]`");
            };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return fail("is not an IPv6 address in brackets (a zone id is not accepted)");
            }
            (address, (!after.is_empty()).then_some(after).map(|after| after.strip_prefix(':').unwrap_or("")))
        } else {
            match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            }
        };
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !text.starts_with('[') && !name.split('.').all(label) {
            return fail("must be letters, digits, `-` and `.`, such as ghcr.io or 127.0.0.1:5000");
        }
        if let Some(port) = port
            && (port.is_empty()
                || !port.bytes().all(|byte| byte.is_ascii_digit())
                || !port.parse::<u16>().is_ok_and(|port| port > 0))
        {
            return fail("has a port that is not a number from 1 to 65535");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution specification, "Pulling manifests").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageTag(String);

impl ImageTag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageTag {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let valid = text.len() <= 128
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if valid {
            return Ok(Self(text.to_owned()));
        }
        let problem = if text.contains('+') {
            "holds a `+`, which no image tag may: release without build metadata, or name the image tag by an `=REF`"
        } else {
            "must be 1 to 128 of letters, digits, `_`, `.` and `-`, starting with a letter, digit or `_`"
        };
        Err(ImageError::new("image tag", text, problem))
    }
}

impl fmt::Display for ImageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A content digest: `sha256:` and 64, or `sha512:` and 128, lower-case hexadecimal digits
/// (OCI image specification, "Digests").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Digest(String);

impl Digest {
    /// The sha256 digest of `content`.
    pub fn sha256(content: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&Sha256::digest(content))))
    }

    /// True when `content` has this digest, computed with this digest's own algorithm.
    pub fn matches(&self, content: &[u8]) -> bool {
        match self.0.split_once(':') {
            Some(("sha512", hash)) => hash == hex(&Sha512::digest(content)),
            Some((_, hash)) => hash == hex(&Sha256::digest(content)),
            None => false,
        }
    }

    /// The text, algorithm included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve hexadecimal digits, for lines that people read.
    pub fn short(&self) -> &str {
        let hash = self.0.split_once(':').map_or(self.0.as_str(), |(_, hash)| hash);
        hash.get(..12).unwrap_or(hash)
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])).collect()
}

impl FromStr for Digest {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let length = match text.split_once(':') {
            Some(("sha256", hash)) if hash.len() == 64 => Some(hash),
            Some(("sha512", hash)) if hash.len() == 128 => Some(hash),
            _ => None,
        };
        match length {
            Some(hash) if hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ImageError::new(
                "digest",
                text,
                "must be `sha256:` and 64, or `sha512:` and 128, lower-case hexadecimal digits",
            )),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The labels that build-and-signal sets on every image, and takes from nobody (OCI image specification, "Annotations",
/// "Pre-Defined Annotation Keys").
pub const OWN_LABELS: [&str; 5] = [
    "org.opencontainers.image.revision",
    "org.opencontainers.image.source",
    "org.opencontainers.image.version",
    "org.opencontainers.image.created",
    "org.opencontainers.image.title",
];

/// The one name of an architecture that has several, as builders write it into an index (containerd/platforms, `database.go`,
/// `normalizeArch`).
fn normalized<'a>(architecture: &'a str, variant: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    match (architecture, variant) {
        ("i386", _) => ("386", None),
        ("x86_64" | "x86-64" | "amd64", Some("v1") | None) => ("amd64", None),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", Some("8" | "v8") | None) => ("arm64", None),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", Some("7") | None) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("8")) => ("arm", Some("v8")),
        other => other,
    }
}

/// An operating system and an architecture, with the variant where there is one: `linux/arm64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// A platform from the three fields of a manifest descriptor or an image configuration.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Result<Self, ImageError> {
        let part = |text: &str| {
            !text.is_empty()
                && text.len() <= 32
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        };
        let variant = variant.filter(|variant| !variant.is_empty());
        if part(os) && part(architecture) && variant.is_none_or(part) {
            let (architecture, variant) = normalized(architecture, variant);
            return Ok(Self { os: os.into(), architecture: architecture.into(), variant: variant.map(Into::into) });
        }
        let given = [Some(os), Some(architecture), variant].into_iter().flatten().collect::<Vec<_>>().join("/");
        Err(ImageError::new(
            "platform",
            &given,
            "must be os/architecture or os/architecture/variant, such as linux/arm64",
        ))
    }

    /// True for `unknown/unknown`, the platform that buildx gives its attestation manifests.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

impl FromStr for Platform {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let mut parts = text.split('/');
        let (os, architecture, variant) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
        if parts.next().is_some() || variant.is_some_and(str::is_empty) {
            return Self::new(text, "", None);
        }
        Self::new(os, architecture, variant)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// Platforms as one text, separated by commas.
pub fn platform_list(platforms: &[Platform]) -> String {
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// An image in a registry, by tag, by digest, or by a tag that must have that digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    host: Host,
    repository: String,
    tag: Option<ImageTag>,
    digest: Option<Digest>,
}

impl ImageReference {
    /// The registry that holds the image.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The repository, such as `octo/shop/api`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `None` when the reference names a digest alone.
    pub fn tag(&self) -> Option<&ImageTag> {
        self.tag.as_ref()
    }

    /// The digest that was asked for; `None` when the reference names a tag alone.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same image by another tag, without a digest.
    #[must_use]
    pub fn with_tag(&self, tag: ImageTag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// The same repository pinned to `digest`, without a tag.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// What stands after `manifests/` in the request that resolves the reference: the tag, else the digest.
    pub fn manifest_name(&self) -> &str {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag.as_str(),
            (None, Some(digest)) => digest.as_str(),
            (None, None) => "",
        }
    }
}

/// A repository path: lower-case components joined by single separators, components joined by `/`.
fn is_repository(text: &str) -> bool {
    let component = |component: &str| {
        let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let separators: Vec<&str> = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).collect();
        component.as_bytes().first().is_some_and(alphanumeric)
            && component.as_bytes().last().is_some_and(alphanumeric)
            && separators.iter().all(|separator| {
                matches!(*separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
            })
    };
    !text.is_empty() && text.split('/').all(component)
}

impl FromStr for ImageReference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let fail = |problem: &str| Err(ImageError::new("image reference", text, problem));
        if text.contains("://") {
            return fail("must not have a scheme: write ghcr.io/owner/name:tag");
        }
        if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return fail("must be printable ASCII without spaces, such as ghcr.io/owner/name:tag");
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let is_host = |first: &str| first.contains(['.', ':', '[']) || first == "localhost";
        let (host, rest) = match rest.split_once('/') {
            Some((first, rest)) if is_host(first) => (first.parse::<Host>()?, rest),
            _ => (Host(Host::DOCKER_HUB.to_owned()), rest),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse::<ImageTag>()?)),
            None => (rest, None),
        };
        let repository = if host.as_str() == Host::DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return fail("has an upper-case letter in its repository: registries accept lower case only");
        }
        if !is_repository(&repository) {
            return fail("has a repository that is not made of [a-z0-9] words joined by `.`, `_`, `__`, `-` or `/`");
        }
        if host.as_str().len() + 1 + repository.len() > 255 {
            return fail("has a name longer than 255 characters");
        }
        if tag.is_none() && digest.is_none() {
            return fail("has neither a tag nor a digest: nothing is assumed, write :tag");
        }
        Ok(Self { host, repository, tag, digest })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_as_it_was_written() {
        let digest = Digest::sha256(b"x");
        for text in [
            "ghcr.io/octo/shop/api:1.2.3",
            "127.0.0.1:5000/api:v1",
            "[::1]:5000/octo/api:v1",
            "localhost/api:v1",
            &format!("ghcr.io/octo/api@{digest}"),
            &format!("ghcr.io/octo/api:v1@{digest}"),
            "registry.example.com/a__b/c-d.e--f:_x",
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_short_name_is_docker_hub() {
        let image: ImageReference = "nginx:1.27".parse().unwrap();
        assert_eq!(image.to_string(), "docker.io/library/nginx:1.27");
        assert_eq!(image.host().api_authority(), "registry-1.docker.io");
        assert_eq!("octo/api:1".parse::<ImageReference>().unwrap().to_string(), "docker.io/octo/api:1");
    }

    #[test]
    fn the_host_is_lower_cased_and_the_repository_is_not() {
        assert_eq!("GHCR.io/octo/api:1".parse::<ImageReference>().unwrap().to_string(), "ghcr.io/octo/api:1");
        assert!("ghcr.io/Octo/api:1".parse::<ImageReference>().unwrap_err().to_string().contains("upper-case"));
    }

    #[test]
    fn a_reference_outside_the_grammar_is_refused() {
        let long_tag = format!("ghcr.io/a/b:{}", "t".repeat(129));
        let long_name = format!("ghcr.io/{}:t", "a".repeat(256));
        for text in [
            "",
            ":",
            "@",
            "/",
            "ghcr.io/a/b",
            "ghcr.io/a/b:",
            "ghcr.io//b:1",
            "ghcr.io/a b:1",
            "ghcr.io/a/b:v\u{e9}",
            "ghcr.io/a/b:1\n",
            "https://ghcr.io/a/b:1",
            "ghcr.io/../b:1",
            "ghcr.io/%2e/b:1",
            "ghcr.io/a/b:1+x",
            "user@host/a:1",
            "ghcr.io:0/a:1",
            "ghcr.io:99999/a:1",
            "ghcr.io:/a:1",
            "[::1/a:1",
            "[fe80::1%25eth0]/a:1",
            "ghcr.io./a:1",
            "ghcr.io/a___b:1",
            "ghcr.io/a..b:1",
            "ghcr.io/-a:1",
            "ghcr.io/\u{430}/b:1",
            "ghcr.io/a/b@sha256:ABC",
            "ghcr.io/a/b@md5:00",
            &long_tag,
            &long_name,
        ] {
            assert!(text.parse::<ImageReference>().is_err(), "accepted {text:?}");
        }
        assert!("ghcr.io/a/b:1+x".parse::<ImageReference>().unwrap_err().to_string().contains("`+`"));
    }

    #[test]
    fn an_error_never_repeats_control_characters() {
        let error = "a\u{1b}[31m\n::error::x".parse::<ImageReference>().unwrap_err().to_string();
        assert!(!error.contains(['\u{1b}', '\n']), "{error}");
    }

    #[test]
    fn a_digest_is_checked_with_its_own_algorithm() {
        assert!(Digest::sha256(b"abc").matches(b"abc"));
        assert!(!Digest::sha256(b"abc").matches(b"abd"));
        let sha512: Digest = format!("sha512:{}", hex(&Sha512::digest(b"abc"))).parse().unwrap();
        assert!(sha512.matches(b"abc") && !sha512.matches(b"abd"));
    }

    #[test]
    fn arm64_and_arm64_v8_are_one_platform() {
        assert_eq!("linux/arm64/v8".parse::<Platform>().unwrap(), "linux/arm64".parse().unwrap());
        assert_ne!("linux/arm/v7".parse::<Platform>().unwrap(), "linux/arm/v6".parse().unwrap());
        for text in ["linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/arm/", "Linux/amd64", "a b/c"] {
            assert!(text.parse::<Platform>().is_err(), "accepted {text:?}");
        }
    }

    #[test]
    fn loopback_hosts_are_known_by_name_and_address() {
        for (host, loopback) in [
            ("localhost:5000", true),
            ("127.8.0.1", true),
            ("[::1]:5000", true),
            ("ghcr.io", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(host.parse::<Host>().unwrap().is_loopback(), loopback, "{host}");
        }
    }

    #[test]
    fn a_platform_has_one_name() {
        for (given, name) in [
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/7", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i386", "linux/386"),
            ("linux/s390x", "linux/s390x"),
        ] {
            assert_eq!(given.parse::<Platform>().unwrap().to_string(), name, "{given}");
        }
    }
}
