//! Services: their names, and the list that the `services` input gives.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::template::Template;

/// The name of a service: `[a-z0-9]+([._-][a-z0-9]+)*`, at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ServiceName(String);

/// The text is not the name of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a service name: lower-case letters and digits, joined by single `.`, `_` or `-`")]
pub struct ServiceNameError(String);

impl ServiceName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.len() <= 100 && text.split(['.', '_', '-']).all(word) {
            return Ok(Self(text.to_owned()));
        }
        Err(ServiceNameError(text.chars().take(200).flat_map(char::escape_debug).collect()))
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of the `services` input: `name[?][=REF]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    /// The service.
    pub name: ServiceName,
    /// `?`: it never blocks a release and never makes one partial.
    pub optional: bool,
    /// `=REF`: its own image reference or template; `None` means the `image` input.
    pub image: Option<Template>,
}

/// Reads the `services` input: entries separated by spaces, commas or newlines. Every problem is reported, not only
/// the first. An empty list is no problem here.
pub fn parse_list(text: &str) -> Result<Vec<ServiceEntry>, Vec<String>> {
    let (mut entries, mut problems) = (Vec::<ServiceEntry>::new(), Vec::new());
    for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
        let (name, image) = match word.split_once('=') {
            Some((name, image)) => (name, Some(image)),
            None => (word, None),
        };
        let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        let name = match name.parse::<ServiceName>() {
            Ok(name) => name,
            Err(error) => {
                problems.push(error.to_string());
                continue;
            }
        };
        if entries.iter().any(|entry| entry.name == name) {
            problems.push(format!("`{name}` stands twice: a service has one image"));
            continue;
        }
        let image = match image.map(|image| if image.is_empty() { Err(None) } else { image.parse().map_err(Some) }) {
            None => None,
            Some(Ok(image)) => Some(image),
            Some(Err(None)) => {
                problems.push(format!("`{name}=` names no image after the `=`"));
                continue;
            }
            Some(Err(Some(error))) => {
                let error: crate::template::TemplateError = error;
                problems.push(format!("`{name}`: its image {error}"));
                continue;
            }
        };
        entries.push(ServiceEntry { name, optional, image });
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_separated_by_spaces_commas_or_newlines() {
        let entries =
            parse_list(" api, web\nindexing-service?\n\n a.b_c=ghcr.io/x/{service}:{tag} z?=r.io/z:1").unwrap();
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| {
                format!(
                    "{} {} {}",
                    entry.name,
                    entry.optional,
                    entry.image.as_ref().map_or("-".into(), ToString::to_string)
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "api false -",
                "web false -",
                "indexing-service true -",
                "a.b_c false ghcr.io/x/{service}:{tag}",
                "z true r.io/z:1"
            ]
        );
    }

    #[test]
    fn every_problem_of_a_list_is_reported() {
        let problems = parse_list("API api api? web= x={sha} -a a..b").unwrap_err();
        assert_eq!(problems.len(), 6, "{problems:#?}");
    }

    #[test]
    fn an_empty_list_is_no_problem() {
        assert_eq!(parse_list(" ,\n").unwrap(), []);
    }
}
