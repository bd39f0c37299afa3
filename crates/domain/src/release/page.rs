//! A release and its assets as GitHub shows them (REST API, "Releases", "Release assets").

use jiff::Timestamp;
use serde::Deserialize;

/// A release, draft or published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Release {
    /// GitHub's number for it; it never changes.
    pub id: u64,
    /// The tag it belongs to. A draft may name a tag that does not exist.
    pub tag_name: String,
    /// The branch or commit that the tag is made from when it does not exist.
    pub target_commitish: String,
    /// The title; `None` or empty when nobody set one.
    pub name: Option<String>,
    /// The Markdown text; `None` or empty when nobody wrote one.
    pub body: Option<String>,
    /// True until it is published.
    pub draft: bool,
    /// True when it is marked as a pre-release.
    pub prerelease: bool,
    /// True when GitHub has frozen its assets and its tag. Servers that do not know the field never freeze.
    #[serde(default)]
    pub immutable: bool,
    /// When the commit of the tag was made, by GitHub's definition.
    pub created_at: Timestamp,
    /// When it was published; `None` for a draft.
    pub published_at: Option<Timestamp>,
    /// The page that people see.
    pub html_url: String,
    /// Where assets are uploaded, a template that ends in `{?name,label}`.
    pub upload_url: String,
    /// The files attached to it.
    #[serde(default)]
    pub assets: Vec<Asset>,
}

impl Release {
    /// The text, empty when there is none.
    pub fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    /// The title, empty when there is none.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// A file attached to a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Asset {
    /// GitHub's number for it.
    pub id: u64,
    /// Its file name, unique in the release.
    pub name: String,
    /// `uploaded`, or `starter` for one whose upload was cut.
    pub state: String,
    /// Its size in bytes.
    pub size: u64,
    /// `sha256:<hex>` of its content; `None` on servers that do not compute it.
    #[serde(default)]
    pub digest: Option<String>,
}
