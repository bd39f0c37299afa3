//! Addresses. Words from outside become one path segment or one query value each, whatever they hold.

use http::Uri;
use http::header::{HeaderMap, LINK};

use crate::Error;

/// The text as one path segment or query value: all but the unreserved characters of RFC 3986 is encoded, the slash of
/// a tag too, which GitHub takes either way (its own octokit encodes it).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    encoded
}

/// An address below `base`, which may have a path of its own (`/api/v3` on GitHub Enterprise Server).
///
/// octocrab's `BaseUriLayer` is not used: it puts that path before every absolute address that lacks it, an upload at
/// `/api/uploads` included.
pub(crate) fn join(base: &Uri, segments: &[&str], query: &[(&str, &str)], what: &str) -> Result<Uri, Error> {
    let mut text = base.to_string();
    text.truncate(text.find('?').unwrap_or(text.len()));
    text.truncate(text.trim_end_matches('/').len());
    for segment in segments {
        // URL parsers take these, encoded too, for steps in the path (WHATWG URL, "double-dot path segment").
        if matches!(*segment, "" | "." | "..") {
            return Err(invalid(what, "an empty name, `.` or `..` cannot stand in an address"));
        }
        text.push('/');
        text.push_str(&encoded(segment));
    }
    for (index, (name, value)) in query.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text.parse().map_err(|_| invalid(what, "a name is too long for an address"))
}

/// Where `location` leads from `from`: an absolute address, or a path on the same host.
pub(crate) fn resolve(from: &Uri, location: &str) -> Option<Uri> {
    let uri: Uri = location.parse().ok()?;
    if uri.authority().is_some() {
        return Some(uri).filter(|uri| uri.scheme().is_some());
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(uri.path_and_query().filter(|_| location.starts_with('/'))?.clone());
    Uri::from_parts(parts).ok()
}

/// The next page (RFC 8288; REST API, "Using pagination in the REST API").
pub(crate) fn next_page(from: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim();
            parameter.eq_ignore_ascii_case("rel=\"next\"") || parameter.eq_ignore_ascii_case("rel=next")
        });
        if is_next { resolve(from, target) } else { None }
    })
}

/// Scheme, host and port: what a credential is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String, String, u16);

impl Origin {
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
        Some(Self(scheme, uri.host()?.to_ascii_lowercase(), port))
    }

    /// The host of GitHub's uploads beside this API host: `uploads.github.com` for `api.github.com`, and the same under
    /// `ghe.com`. An Enterprise Server takes uploads on its own host.
    pub(crate) fn uploads(&self) -> Option<Self> {
        let parent = self.1.strip_prefix("api.")?;
        Some(Self(self.0.clone(), format!("uploads.{parent}"), self.2))
    }

    /// Whether a request to it may leave this API's: encrypted, or no worse than the API itself.
    pub(crate) fn is_as_safe_as(&self, api: &Self) -> bool {
        self.0 == "https" || self.0 == api.0
    }
}

fn invalid(what: &str, message: &str) -> Error {
    Error::Invalid { what: what.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn words_are_encoded_and_the_path_of_the_base_is_kept() {
        let base = uri("https://ghes.example/api/v3/");
        let joined = join(&base, &["repos", "a", "rel/1#%é"], &[("ref", "a&b=c d")], "read").unwrap();
        assert_eq!(joined, "https://ghes.example/api/v3/repos/a/rel%2F1%23%25%C3%A9?ref=a%26b%3Dc%20d");
        assert_eq!(join(&uri("https://api.github.com"), &["x"], &[], "").unwrap(), "https://api.github.com/x");
    }

    #[test]
    fn a_word_cannot_climb_out_of_its_path() {
        for word in ["", ".", ".."] {
            assert!(join(&uri("https://api.github.com"), &["repos", word], &[], "read").is_err());
        }
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let mut headers = HeaderMap::new();
        let from = uri("https://api.github.com/x");
        assert_eq!(next_page(&from, &headers), None);
        headers
            .insert(LINK, r#"<https://api.github.com/x?page=1>; rel="prev", </x?page=3>; rel="next""#.parse().unwrap());
        assert_eq!(next_page(&from, &headers), Some(uri("https://api.github.com/x?page=3")));
        headers.insert(LINK, r#"<https://api.github.com/x?page=1>; rel="first""#.parse().unwrap());
        assert_eq!(next_page(&from, &headers), None);
    }

    #[test]
    fn a_place_without_scheme_or_on_no_path_leads_nowhere() {
        let from = uri("https://api.github.com/x");
        for place in ["//evil.example/x", "x", "", "?a", "evil.example:443", "\u{7f}"] {
            let resolved = resolve(&from, place);
            assert!(resolved.as_ref().is_none_or(|uri| Origin::of(uri) == Origin::of(&from)), "{place}: {resolved:?}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| Origin::of(&uri(text)).unwrap();
        assert_eq!(origin("https://API.github.com/x"), origin("https://api.github.com:443/y"));
        assert_ne!(origin("http://api.github.com"), origin("https://api.github.com"));
        assert_ne!(origin("https://api.github.com:8443"), origin("https://api.github.com"));
        assert_eq!(origin("https://api.github.com").uploads(), Some(origin("https://uploads.github.com")));
        assert_eq!(origin("https://ghes.example").uploads(), None);
    }
}
