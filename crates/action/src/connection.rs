//! How the services of a run are reached: the five inputs that both actions have.

use std::collections::HashSet;

use domain::image::Host;
use http::Uri;
use registry::Secret;
use runner::Environment;
use serde::Deserialize;
use transport::Roots;

use crate::reader::{InputReader, quoted};

/// The inputs as the runner hands them over; `None` is absent or blank.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    token: Option<String>,
    registry_auth: Option<String>,
    insecure_registries: Option<String>,
    ca_file: Option<String>,
    api_url: Option<String>,
}

/// How GitHub and the registries are reached, checked.
#[derive(Debug)]
pub struct Connection {
    /// GitHub's token.
    pub token: github::Token,
    /// The same token as a password for ghcr.io.
    pub token_secret: Secret,
    /// Credentials by host.
    pub registry_auth: Vec<RegistryLogin>,
    /// Hosts that may speak plain http.
    pub insecure_registries: HashSet<Host>,
    /// The built-in root certificates and those of `ca-file`.
    pub roots: Roots,
    /// What `ca-file` holds, for programs that are called; `None` = the input is empty.
    pub certificates: Option<Vec<u8>>,
    /// Where the API is.
    pub api_url: Uri,
}

/// A line of `registry-auth`.
#[derive(Debug)]
pub struct RegistryLogin {
    /// The host it is for, and no other.
    pub host: Host,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

impl InputReader<'_> {
    /// Inputs as the runner hands them over, in a struct of optional texts; `T::default()` and a problem when it asks for
    /// more.
    pub fn raw<T: serde::de::DeserializeOwned + Default>(&mut self, environment: &Environment) -> T {
        environment.inputs().unwrap_or_else(|error| {
            self.problem("inputs", "this environment", error.to_string());
            T::default()
        })
    }

    /// `token`, `registry-auth`, `insecure-registries`, `ca-file` and `api-url`; `None` when one of them cannot be used.
    pub fn connection(&mut self, environment: &Environment) -> Option<Connection> {
        let raw: Raw = self.raw(environment);
        self.masker.hide(raw.token.as_deref().unwrap_or_default());
        let token =
            raw.token.as_deref().map(str::trim).filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        if token.is_none() {
            let given = if raw.token.is_some() { "a text with spaces or control characters" } else { "nothing" };
            self.problem("token", given, "a GitHub token, such as ${{ github.token }}");
        }
        let api_url = raw.api_url.as_deref().or(environment.get("GITHUB_API_URL"));
        let (api_url, registry_auth) = (self.api_url(api_url), self.registry_auth(raw.registry_auth.as_deref()));
        let insecure_registries = self.hosts("insecure-registries", raw.insecure_registries.as_deref());
        let (roots, certificates) = self.ca_file(raw.ca_file.as_deref());
        Some(Connection {
            token: github::Token::new(token?),
            token_secret: Secret::new(token?),
            registry_auth,
            insecure_registries,
            roots,
            certificates,
            api_url: api_url?,
        })
    }

    fn registry_auth(&mut self, given: Option<&str>) -> Vec<RegistryLogin> {
        let mut logins: Vec<RegistryLogin> = Vec::new();
        for (number, line) in (1..).zip(given.unwrap_or_default().lines()).filter(|(_, line)| !line.trim().is_empty()) {
            // The line itself is never repeated: it holds a password.
            let mut words = line.split_whitespace();
            let (Some(host), Some(username), Some(password), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                self.problem(
                    "registry-auth",
                    format!("line {number}"),
                    "`HOST USERNAME PASSWORD`, separated by single spaces",
                );
                continue;
            };
            self.masker.hide(password);
            let Ok(host) = host.parse::<Host>() else {
                self.problem(
                    "registry-auth",
                    format!("the host of line {number}"),
                    "a host such as ghcr.io, without a scheme or a path",
                );
                continue;
            };
            if logins.iter().any(|login| login.host.api_authority() == host.api_authority()) {
                self.problem("registry-auth", format!("a second line for {host}"), "one line for each host");
                continue;
            }
            logins.push(RegistryLogin { host, username: username.to_owned(), password: Secret::new(password) });
        }
        logins
    }

    fn ca_file(&mut self, given: Option<&str>) -> (Roots, Option<Vec<u8>>) {
        let mut roots = Roots::default();
        let Some(path) = given.map(str::trim) else { return (roots, None) };
        let read = std::fs::read(path).map_err(|error| error.to_string());
        match read.and_then(|pem| roots.add(&pem).map(|()| pem)) {
            Ok(pem) => (roots, Some(pem)),
            Err(why) => {
                self.problem("ca-file", format!("{} ({why})", quoted(path)), "a PEM file below the workspace");
                (roots, None)
            }
        }
    }

    fn api_url(&mut self, given: Option<&str>) -> Option<Uri> {
        let given = given.map(str::trim).unwrap_or_default();
        let loopback =
            |uri: &Uri| uri.host().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_loopback());
        match given.trim_end_matches('/').parse::<Uri>() {
            Ok(uri)
                if uri.query().is_none()
                    && !uri.authority().is_none_or(|authority| authority.as_str().contains('@'))
                    && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && loopback(&uri))) =>
            {
                Some(uri)
            }
            _ => {
                self.problem(
                    "api-url",
                    quoted(given),
                    "an https address such as https://api.github.com (http only on loopback)",
                );
                None
            }
        }
    }
}
