//! The values that must never be printed: told to the runner, and replaced by us wherever we print.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Console;

/// A line of a secret shorter than this is not hidden by itself: the braces of a JSON key would black out the log.
const SHORTEST_LINE: usize = 4;

/// Hides secrets. Clones share what is hidden.
#[derive(Debug, Clone)]
pub struct Masker {
    console: Console,
}

impl Masker {
    pub(crate) fn new(console: Console) -> Self {
        Self { console }
    }

    /// Hides a secret from here on: `::add-mask::` for the whole value and each of its lines, and `***` in all that this
    /// process prints. To be called when the value is born, before anything else could print it.
    pub fn hide(&self, secret: &str) {
        self.console.hide(secret);
    }

    /// The text with every hidden secret as `***`, for what is written elsewhere than to the console.
    pub fn redact(&self, text: &str) -> String {
        self.console.secrets().redact(text)
    }
}

/// The hidden values. Its `Debug` shows none.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<Vec<String>>>);

impl Secrets {
    /// Adds a secret and says which values are new: the whole, and its lines when there are several.
    pub(crate) fn add(&self, secret: &str) -> Vec<String> {
        let mut values = self.lock();
        let mut added = Vec::new();
        let whole = secret.trim();
        let lines = whole.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST_LINE);
        for value in std::iter::once(whole).chain(lines) {
            if !value.is_empty() && !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
                added.push(value.to_owned());
            }
        }
        // The longest first, so that a secret that holds another one leaves nothing behind.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        added
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in self.lock().iter().filter(|value| !value.bytes().all(|byte| byte == b'*')) {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), "***");
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_holds_another_leaves_nothing_behind() {
        let secrets = Secrets::default();
        secrets.add("pass");
        secrets.add("password123");
        assert_eq!(secrets.redact("a password123 b pass c"), "a *** b *** c");
        assert!(!format!("{secrets:?}").contains("pass"));
    }

    #[test]
    fn each_line_of_a_secret_is_hidden_but_not_its_braces() {
        let secrets = Secrets::default();
        assert_eq!(secrets.add("{\n  \"key\": \"v\"\r\n}\n"), ["{\n  \"key\": \"v\"\r\n}", "\"key\": \"v\""]);
        assert_eq!(secrets.redact("{ \"key\": \"v\" }"), "{ *** }");
        assert!(secrets.add("  \n").is_empty());
    }
}
