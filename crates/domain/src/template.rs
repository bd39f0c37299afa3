//! Templates with `{placeholders}`: of image references and of release titles.

use std::fmt;
use std::str::FromStr;

use crate::image::{ImageError, ImageReference};
use crate::repository::{CommitSha, Repository};
use crate::service::ServiceName;
use crate::version::ReleaseTag;

/// A text with placeholders, checked when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Repository,
    Owner,
    Repo,
    Service,
    Tag,
    Version,
    Revision,
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A name in braces that stands for nothing.
    #[error(
        "`{{{0}}}` is not a placeholder: use {{repository}}, {{owner}}, {{repo}}, {{service}}, {{tag}}, {{version}} or {{revision}}"
    )]
    Unknown(String),
    /// A brace without its partner.
    #[error("has a `{0}` without its partner")]
    Unbalanced(char),
    /// `{service}` where no service is meant.
    #[error("`{{service}}` has no meaning here")]
    NoService,
}

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{repository}`, `{owner}`, `{repo}`.
    pub repository: &'a Repository,
    /// `{tag}`, `{version}`.
    pub tag: &'a ReleaseTag,
    /// `{revision}`; `None` when the tag's commit is not known.
    pub revision: Option<&'a CommitSha>,
    /// `{service}`; `None` in a release title.
    pub service: Option<&'a ServiceName>,
}

impl Template {
    /// True when `{service}` stands in it.
    pub fn names_service(&self) -> bool {
        self.parts.contains(&Part::Placeholder(Placeholder::Service))
    }

    /// True when `{revision}` stands in it.
    pub fn names_revision(&self) -> bool {
        self.parts.contains(&Part::Placeholder(Placeholder::Revision))
    }

    /// The text with every placeholder filled. `{service}` without a service and `{revision}` without a commit stay empty;
    /// who has none refuses them earlier.
    pub fn fill(&self, values: Values<'_>) -> String {
        self.parts.iter().map(|part| part.fill(values)).collect()
    }

    /// The image reference that the template names. The repository part is lower-cased, the tag is not.
    pub fn image(&self, values: Values<'_>) -> Result<ImageReference, ImageError> {
        let text = self.fill(values);
        let name_end = match text.rfind('/') {
            Some(slash) => text[slash..].find([':', '@']).map_or(text.len(), |at| slash + at),
            None => text.find([':', '@']).unwrap_or(text.len()),
        };
        let (name, rest) = text.split_at(name_end);
        format!("{}{rest}", name.to_ascii_lowercase()).parse()
    }
}

impl Part {
    fn fill(&self, values: Values<'_>) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Placeholder(Placeholder::Repository) => values.repository.to_string(),
            Self::Placeholder(Placeholder::Owner) => values.repository.owner().to_owned(),
            Self::Placeholder(Placeholder::Repo) => values.repository.name().to_owned(),
            Self::Placeholder(Placeholder::Service) => values.service.map(ToString::to_string).unwrap_or_default(),
            Self::Placeholder(Placeholder::Tag) => values.tag.to_string(),
            Self::Placeholder(Placeholder::Version) => values.tag.version().to_owned(),
            Self::Placeholder(Placeholder::Revision) => values.revision.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            if from.starts_with('}') {
                return Err(TemplateError::Unbalanced('}'));
            }
            let Some(end) = from.find('}') else {
                return Err(TemplateError::Unbalanced('{'));
            };
            let placeholder = match &from[1..end] {
                "repository" => Placeholder::Repository,
                "owner" => Placeholder::Owner,
                "repo" => Placeholder::Repo,
                "service" => Placeholder::Service,
                "tag" => Placeholder::Tag,
                "version" => Placeholder::Version,
                "revision" => Placeholder::Revision,
                other => {
                    return Err(TemplateError::Unknown(other.chars().take(200).flat_map(char::escape_debug).collect()));
                }
            };
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Placeholder(placeholder));
            rest = &from[end + 1..];
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(template: &str) -> String {
        let (repository, tag, service) =
            ("Octo/Shop".parse().unwrap(), "v1.2.3".parse().unwrap(), "api".parse().unwrap());
        let revision = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let values = Values { repository: &repository, tag: &tag, revision: Some(&revision), service: Some(&service) };
        template
            .parse::<Template>()
            .unwrap()
            .image(values)
            .map_or_else(|error| error.to_string(), |image| image.to_string())
    }

    #[test]
    fn every_placeholder_is_filled_and_the_repository_is_lower_cased() {
        assert_eq!(image("ghcr.io/{repository}/{service}:{version}"), "ghcr.io/octo/shop/api:1.2.3");
        assert_eq!(image("ghcr.io/{owner}/{repo}-{service}:{tag}"), "ghcr.io/octo/shop-api:v1.2.3");
        assert_eq!(
            image("127.0.0.1:5000/{Repository}:{tag}".replace("{R", "{r").as_str()),
            "127.0.0.1:5000/octo/shop:v1.2.3"
        );
        assert_eq!(image("GHCR.io/{repo}:RC1"), "ghcr.io/shop:RC1");
        assert_eq!(image("ghcr.io/{repo}:sha-{revision}"), "ghcr.io/shop:sha-0123456789abcdef0123456789abcdef01234567");
    }

    #[test]
    fn a_template_that_makes_no_reference_says_so() {
        assert!(image("ghcr.io/{repository}/{service}").contains("neither a tag nor a digest"));
    }

    #[test]
    fn unknown_and_unbalanced_braces_are_named() {
        for (text, part) in [("{sha}", "`{sha}`"), ("a{", "`{`"), ("a}b", "`}`"), ("{{tag}}", "`{{tag}`")] {
            let error = text.parse::<Template>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
