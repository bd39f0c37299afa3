//! Names and passwords, each for one host, and never printed.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::image::Host;
use http::HeaderValue;

/// A password or token. Shows as `***` wherever it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text of a secret, which the caller has masked already.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A user name and a password for each host that has one.
#[derive(Debug, Clone, Default)]
pub struct Credentials(HashMap<String, Login>);

impl Credentials {
    /// Sets the credentials of `host`. Docker Hub's names are one host.
    pub fn insert(&mut self, host: &Host, username: impl Into<String>, password: Secret) {
        self.0.insert(host.api_authority().to_owned(), Login { username: username.into(), password });
    }

    pub(crate) fn of(&self, host: &Host) -> Option<&Login> {
        self.0.get(host.api_authority())
    }
}

impl FromIterator<(Host, (String, Secret))> for Credentials {
    fn from_iter<I: IntoIterator<Item = (Host, (String, Secret))>>(lines: I) -> Self {
        let mut credentials = Self::default();
        for (host, (username, password)) in lines {
            credentials.insert(&host, username, password);
        }
        credentials
    }
}

/// The credentials of one host.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    username: String,
    password: Secret,
}

impl Login {
    /// The value of an `Authorization` header (RFC 7617, 2).
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Basic {}", self.encoded())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn encoded(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.username, self.password.0))
    }

    /// `text` without the password in any form that was sent: servers do repeat what they were told.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let text = text.replace(&self.encoded(), "***");
        if self.password.0.is_empty() { text } else { text.replace(&self.password.0, "***") }
    }
}
