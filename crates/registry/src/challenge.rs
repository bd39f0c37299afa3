//! What a 401 asks for: every challenge of every `WWW-Authenticate` header, read leniently.
//!
//! Own code instead of the `http-auth` crate, which is as strict as RFC 9110: it gives up the whole header at an
//! unquoted URL or scope and at a `Negotiate` token, all of which registries and the proxies before them send.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// Scope texts and realms longer than this are not from a registry.
const LONGEST: usize = 2048;

/// The way in that a registry offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A token, to be fetched from `realm` (distribution project, "Token Authentication Specification").
    Bearer {
        /// The URL of the token endpoint, not checked yet.
        realm: String,
        /// What the token endpoint calls the registry.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
    /// User name and password with each request (RFC 7617).
    Basic,
}

impl Challenge {
    /// The best of the challenges: a bearer token rather than a password; `None` when there is neither.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(WWW_AUTHENTICATE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let offers: Vec<Offer> = texts.flat_map(|text| parse(&text)).collect();
        let bearer = offers.iter().filter(|offer| offer.scheme.eq_ignore_ascii_case("bearer")).find_map(|offer| {
            let realm = offer.parameter("realm")?.to_owned();
            let own = |name| offer.parameter(name).map(ToOwned::to_owned);
            Some(Self::Bearer { realm, service: own("service"), scope: own("scope") })
        });
        let basic = || offers.iter().any(|offer| offer.scheme.eq_ignore_ascii_case("basic")).then_some(Self::Basic);
        bearer.or_else(basic)
    }

    /// The same way in for `repository`, when this one was offered for `first`. A scope that speaks of no repository is
    /// the same for all (ECR Public asks for `aws`).
    pub(crate) fn for_repository(&self, first: &str, repository: &str) -> Self {
        let Self::Bearer { realm, service, scope } = self else { return Self::Basic };
        let scope = scope.clone().filter(|scope| first == repository || !scope.starts_with("repository:"));
        let scope = scope.or_else(|| Some(format!("repository:{repository}:pull")));
        Self::Bearer { realm: realm.clone(), service: service.clone(), scope }
    }
}

/// One challenge of any scheme.
#[derive(Debug, PartialEq, Eq)]
struct Offer {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Offer {
    /// The first parameter of that name, if it is of sane length.
    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let sane = !value.is_empty() && value.len() <= LONGEST;
        sane.then_some(value.as_str())
    }
}

/// Cuts a header at the commas that stand outside of quotes. A piece `name=value` belongs to the challenge before it;
/// any other begins a challenge (RFC 9110, 11.6.1).
fn parse(text: &str) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for piece in pieces(text) {
        let word = piece.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(piece.len());
        let (name, rest) = (&piece[..word], piece[word..].trim_start());
        if let Some(value) = rest.strip_prefix('=') {
            if let Some(offer) = offers.last_mut() {
                offer.parameters.push((name.to_owned(), unquote(value)));
            }
            continue;
        }
        let first = rest.split_once('=').map(|(key, value)| (key.trim_end().to_owned(), unquote(value)));
        offers.push(Offer { scheme: name.to_owned(), parameters: first.into_iter().collect() });
    }
    offers
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let cut = c == ',' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        cut
    })
    .map(str::trim)
    .filter(|piece| !piece.is_empty())
}

/// The value of a parameter, without its quotes and escapes.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Challenge::read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let own = |text: Option<&str>| text.map(ToOwned::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: own(service), scope: own(scope) }
    }

    #[test]
    fn the_usual_challenge_is_read() {
        assert_eq!(
            read(&[r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull""#]),
            Some(bearer("https://ghcr.io/token", Some("ghcr.io"), Some("repository:a/b:pull")))
        );
    }

    #[test]
    fn bearer_is_preferred_wherever_it_stands() {
        let expected = Some(bearer("https://r/t", None, None));
        for values in [
            &["Basic realm=\"r\"", "Bearer realm=\"https://r/t\""][..],
            &["Bearer realm=\"https://r/t\"", "Basic realm=\"r\""],
            &["Basic realm=\"a, Bearer realm=x\", Bearer realm=\"https://r/t\""],
            &["Negotiate abc==, NTLM, bearer REALM = https://r/t"],
            &["bEaReR   realm=\"https:\\/\\/r/t\",,, "],
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
        assert_eq!(read(&["Basic realm=\"r\""]), Some(Challenge::Basic));
        assert_eq!(read(&["Basic"]), Some(Challenge::Basic));
    }

    #[test]
    fn unquoted_values_and_several_actions_are_read() {
        assert_eq!(
            read(&["Bearer realm=https://r/t?x=y,service=reg,scope=\"repository:a:pull,push\""]),
            Some(bearer("https://r/t?x=y", Some("reg"), Some("repository:a:pull,push")))
        );
    }

    #[test]
    fn junk_is_no_challenge() {
        let long = format!("Bearer realm=\"{}\"", "x".repeat(5000));
        for value in
            ["", ",", "=", "realm=x", "Bearer", "Bearer realm=", "Bearer realm=\"", "\"", "Bearer \\", "\u{fc}", &long]
        {
            assert_eq!(read(&[value]), None, "{value:?}");
        }
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_scope_of_one_repository_is_rewritten_and_a_shared_one_kept() {
        let of = |scope| bearer("r", None, scope).for_repository("a/b", "c/d");
        assert_eq!(of(Some("repository:a/b:pull")), bearer("r", None, Some("repository:c/d:pull")));
        assert_eq!(of(None), bearer("r", None, Some("repository:c/d:pull")));
        assert_eq!(of(Some("aws")), bearer("r", None, Some("aws")));
    }
}
