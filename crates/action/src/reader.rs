//! Inputs, typed. All problems are collected, each with the input's name, what was given and what is accepted.

use std::collections::HashSet;
use std::time::Duration;

use domain::image::{Host, Platform};
use runner::{Masker, Problem};

/// The longest wait that makes sense: a self-hosted job may run five days (GitHub, "Actions limits").
pub const MAX_WAIT: Duration = Duration::from_secs(5 * 24 * 3600);

/// Reads values, and collects every problem with them.
pub struct InputReader<'a> {
    pub(crate) masker: &'a Masker,
    problems: Vec<Problem>,
}

impl<'a> InputReader<'a> {
    /// Nothing is wrong yet. Secrets are hidden by `masker` before anything is said about them.
    pub fn new(masker: &'a Masker) -> Self {
        Self { masker, problems: Vec::new() }
    }

    /// What is wrong; empty = nothing.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Something cannot be used: the input's name, what was given, what is accepted.
    pub fn problem(&mut self, name: &str, given: impl Into<String>, accepted: impl Into<String>) {
        self.problems.push(Problem { name: name.into(), given: given.into(), accepted: accepted.into() });
    }

    /// A value that parses itself; its error says what is accepted.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
        given: Option<&str>,
    ) -> Option<T> {
        match given?.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(name, quoted(given.unwrap_or_default()), format!("{error}"));
                None
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, name: &str, given: Option<&str>, words: &[(&str, T)], default: T) -> T {
        let Some(given) = given.map(str::trim) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == given) {
            return *value;
        }
        let accepted = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        self.problem(name, quoted(given), accepted);
        default
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str, given: Option<&str>, default: bool) -> bool {
        self.word(name, given, &[("true", true), ("false", false)], default)
    }

    /// `true`, `false`, or `auto` = `None`.
    pub fn auto_boolean(&mut self, name: &str, given: Option<&str>) -> Option<bool> {
        self.word(name, given, &[("auto", None), ("true", Some(true)), ("false", Some(false))], None)
    }

    /// `90`, `90s`, `5m`, `1h30m`, from `least` seconds to `most`.
    pub fn duration(
        &mut self,
        name: &str,
        given: Option<&str>,
        default: Duration,
        least: u64,
        most: Duration,
    ) -> Duration {
        let Some(given) = given.map(str::trim) else { return default };
        let bounds = Duration::from_secs(least)..=most;
        if let Some(duration) = parse_duration(given).filter(|duration| bounds.contains(duration)) {
            return duration;
        }
        let most = domain::render::log::duration(most);
        self.problem(
            name,
            quoted(given),
            format!("a duration from {least}s to {most}, such as `90`, `90s`, `5m` or `1h30m`"),
        );
        default
    }

    /// A comma list of platforms, each once; `None` = none was given.
    pub fn platforms(&mut self, given: Option<&str>) -> Option<Vec<Platform>> {
        let words = given?.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut platforms: Vec<Platform> = Vec::new();
        for platform in words.filter_map(|word| self.parsed::<Platform>("platforms", Some(word))) {
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        (!platforms.is_empty()).then_some(platforms)
    }

    /// Hosts, separated by white space or commas.
    pub fn hosts(&mut self, name: &str, given: Option<&str>) -> HashSet<Host> {
        let words = given.unwrap_or_default().split(|c: char| c.is_whitespace() || c == ',');
        words.filter(|word| !word.is_empty()).filter_map(|word| self.parsed(name, Some(word))).collect()
    }
}

/// What was given, short enough for one line, without control characters.
pub fn quoted(text: &str) -> String {
    format!("`{}`", transport::printable(text, 100))
}

/// `90`, `90s`, `5m`, `1h30m`: whole numbers with units in falling order, each at most once; no unit means seconds.
fn parse_duration(text: &str) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let (mut seconds, mut rest, mut last_unit) = (0_u64, text, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        (rest, last_unit) = (&rest[digits + 1..], unit);
    }
    (last_unit != u64::MAX).then(|| Duration::from_secs(seconds))
}

/// Says every problem, and gives a headline back.
pub fn say(problems: &[Problem]) -> String {
    for problem in problems {
        tracing::error!(title = problem.name.as_str(), "{problem}");
    }
    let names = problems.iter().map(|problem| problem.name.as_str()).collect::<Vec<_>>().join(", ");
    format!("bad input, nothing was contacted: {names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_or_units_in_falling_order() {
        let seconds = |text: &str| parse_duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("5m"), Some(300));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("1h1m1s"), Some(3661));
        for text in [
            "",
            "m",
            "1.5h",
            "-1",
            "1m1h",
            "5m5m",
            "5 m",
            "1d",
            "\u{661}s",
            "99999999999999999999",
            "99999999999999999h",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
