//! Names that a filter pattern of GitHub matches ("Filter pattern cheat sheet"), to try conditions by: a condition that
//! is true of one and not of another is known only when the workflow runs.

/// What stands for a wildcard: releases and pre-releases of different versions.
const VERSIONS: [&str; 5] = ["1.2.3", "2.0.0", "0.10.9", "1.2.3-rc.1", "2.0.0-beta.2"];

/// Names that the patterns match, some of them as near as they can be to the texts that a condition holds.
pub(super) fn names(patterns: &[String], condition: &str) -> Vec<String> {
    let quoted = condition.split('\'').skip(1).step_by(2).map(|text| {
        let prefixes = ["refs/tags/", "refs/heads/"];
        prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
    });
    let hints = std::iter::once("").chain(quoted).collect::<Vec<_>>();
    let patterns = patterns.iter().filter(|pattern| !pattern.starts_with('!'));
    let each = patterns.flat_map(|pattern| hints.iter().map(move |hint| (pattern, *hint)));
    let names = each.flat_map(|(pattern, hint)| {
        // A hint alone is what a condition may compare with, or look for at the end.
        let alone = (!hint.is_empty()).then_some("");
        VERSIONS.into_iter().chain(alone).map(move |version| name(pattern, hint, version))
    });
    names.collect()
}

/// A name that begins with the hint where the pattern allows it.
fn name(pattern: &str, hint: &str, version: &str) -> String {
    let (mut name, mut hint) = (String::new(), hint);
    let mut items = pattern.chars().peekable();
    while let Some(item) = items.next() {
        match item {
            '*' => {
                let slash = if items.next_if_eq(&'*').is_some() { None } else { hint.find('/') };
                let taken = &hint[..slash.unwrap_or(hint.len())];
                name.extend([taken, version]);
                hint = &hint[taken.len()..];
            }
            '[' => {
                let set = items.by_ref().take_while(|c| *c != ']').collect::<Vec<_>>();
                let many = items.next_if_eq(&'+').is_some();
                let length = hint.find(|c| !holds(&set, c)).unwrap_or(hint.len());
                let one = hint.chars().next().map_or(0, char::len_utf8);
                let taken = &hint[..if many { length } else { length.min(one) }];
                let other = version.chars().find(|c| holds(&set, *c)).or_else(|| set.first().copied());
                name.push_str(taken);
                name.extend(other.filter(|_| taken.is_empty()));
                hint = &hint[taken.len()..];
            }
            // What stands before it is there once.
            '+' | '?' => {}
            c => {
                let c = if c == '\\' { items.next().unwrap_or(c) } else { c };
                name.push(c);
                hint = hint.strip_prefix(c).unwrap_or(hint);
            }
        }
    }
    name
}

/// Whether a set such as `0-9a` holds a character.
fn holds(set: &[char], c: char) -> bool {
    set.contains(&c) && c != '-' || set.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_their_pattern_and_come_near_to_a_text() {
        for (pattern, hint, expected) in [
            ("v*", "", "v1.2.3"),
            ("v*", "v3", "v31.2.3"),
            ("v*", "-beta", "v-beta1.2.3"),
            ("v[0-9]+.[0-9]+.[0-9]+", "v12.5", "v12.5.1"),
            ("v[0-9]+.[0-9]+.[0-9]+-*", "-rc", "v1.1.1-rc1.2.3"),
            ("v[0-9].[ab]", "v12", "v1.a"),
            ("release-*/**", "x", "release-x1.2.3/1.2.3"),
            ("a\\*b?", "", "a*b"),
            ("main", "other", "main"),
            ("[é]*", "é", "é1.2.3"),
        ] {
            assert_eq!(name(pattern, hint, "1.2.3"), expected, "{pattern} {hint}");
        }
        let names = names(&["v*".into(), "!v0*".into()], "startsWith(github.ref, 'refs/tags/v4')");
        assert!(names.contains(&"v2.0.0-beta.2".into()) && names.contains(&"v41.2.3".into()), "{names:?}");
    }
}
