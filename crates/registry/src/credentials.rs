//! Names and passwords, each for one host, and never printed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// The credentials of one host.
#[derive(Debug, Clone)]
pub struct Login {
    username: String,
    password: Secret,
    source: String,
}

impl Login {
    /// A user name and a password, and where they come from: words such as "registry-auth", which are shown.
    pub fn new(username: impl Into<String>, password: Secret, source: impl Into<String>) -> Self {
        Self { username: username.into(), password, source: source.into() }
    }

    /// Where they come from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// User name and password as docker's `config.json` keeps them: not to be printed.
    pub fn docker_auth(&self) -> String {
        self.encoded()
    }

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
