//! One snapshot of the environment, and the inputs in it. Says nothing about what a value means.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use serde::de::DeserializeOwned;

/// How the runner spells an input: this prefix, then the name in upper case with hyphens kept and spaces as `_`
/// (actions/runner, `Handlers/Handler.cs`, `AddInputsToEnvironment`).
const INPUT: &str = "INPUT_";

/// Something that a person gave and that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {given} is not usable; accepted: {accepted}")]
pub struct Problem {
    /// The name as the person knows it: of the input, or of the variable.
    pub name: String,
    /// What was given, never the value of a secret.
    pub given: String,
    /// What would be accepted.
    pub accepted: String,
}

/// The environment of this process, or one made up for a test. Its `Debug` shows names and no values.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Environment {
    /// The environment of this process, read now. Nothing else in the workspace reads it.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn capture() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable; `None` when it is absent or empty, which the runner does not tell apart.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables that are text.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The variables of ours (`INPUT_*`, `GITHUB_*`) that are not UTF-8 text and were therefore left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Fills a struct of `Option<String>` fields with the inputs. A field is named as its input in `action.yml`, in
    /// lower case, hyphens by `#[serde(rename = "poll-interval")]`. An input that is empty or blank is `None`: the
    /// runner hands over every declared input, without a default as an empty text.
    ///
    /// # Errors
    /// When the struct asks for more than optional texts.
    pub fn inputs<T: DeserializeOwned>(&self) -> Result<T, envy::Error> {
        let given = self.variables.iter().filter(|(name, value)| {
            // The runner writes names in upper case only. Any other spelling is not an input, and must not collide
            // with one after envy has put both in lower case.
            name.strip_prefix(INPUT)
                .is_some_and(|name| !name.starts_with(INPUT) && !name.bytes().any(|byte| byte.is_ascii_lowercase()))
                && !value.trim().is_empty()
        });
        envy::prefixed(INPUT).from_iter(given.map(|(name, value)| (name.clone(), value.clone())))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            let (name, value): (OsString, OsString) = (name.into(), value.into());
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => {
                    environment.variables.insert(name, value);
                }
                (name, _) => {
                    let name = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
                    if name.starts_with(INPUT) || name.starts_with("GITHUB_") {
                        environment.problems.push(Problem {
                            name,
                            given: "bytes that are not UTF-8".into(),
                            accepted: "UTF-8 text".into(),
                        });
                    }
                }
            }
        }
        environment
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inputs {
        tag: Option<String>,
        #[serde(rename = "poll-interval")]
        poll_interval: Option<String>,
        token: Option<String>,
        services: Option<String>,
    }

    #[test]
    fn inputs_keep_their_hyphens_and_blank_ones_are_absent() {
        let environment = Environment::from_iter([
            ("INPUT_POLL-INTERVAL", "5s"),
            ("INPUT_TAG", ""),
            ("INPUT_TOKEN", " \n "),
            ("INPUT_SERVICES", " a\n b "),
            ("INPUT_ENTRYPOINT", "x"),
            ("PATH", "/bin"),
        ]);
        let inputs: Inputs = environment.inputs().unwrap();
        let services = Some(" a\n b ".into());
        assert_eq!(inputs, Inputs { tag: None, poll_interval: Some("5s".into()), token: None, services });
    }

    #[test]
    fn a_variable_in_another_spelling_does_not_collide_with_an_input() {
        let environment = Environment::from_iter([
            ("INPUT_TAG", "v1"),
            ("INPUT_tag", "v2"),
            ("INPUT_INPUT_TAG", "v3"),
            ("tag", "v4"),
        ]);
        assert_eq!(environment.inputs::<Inputs>().unwrap().tag.as_deref(), Some("v1"));
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        let environment = Environment::from_iter([("GITHUB_REF", ""), ("GITHUB_SHA", "abc")]);
        assert_eq!(environment.get("GITHUB_REF"), None);
        assert_eq!(environment.get("GITHUB_SHA"), Some("abc"));
        assert_eq!(environment.get("GITHUB_ACTOR"), None);
    }

    #[test]
    fn a_variable_that_is_not_text_is_a_problem_only_when_it_is_ours() {
        let broken = || OsString::from_vec(vec![b'a', 0xff]);
        let environment = Environment::from_iter([
            (OsString::from("INPUT_TAG"), broken()),
            (OsString::from("LESSOPEN"), broken()),
            (OsString::from_vec(b"GITHUB_\xff".to_vec()), OsString::from("x")),
            (broken(), broken()),
        ]);
        let names: Vec<_> = environment.problems().iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!(names, ["INPUT_TAG", "GITHUB_\u{fffd}"]);
        assert_eq!(environment.get("INPUT_TAG"), None);
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::from_iter([("INPUT_TOKEN", "ghs_secret")]);
        assert!(!format!("{environment:?}").contains("ghs_secret"));
    }
}
