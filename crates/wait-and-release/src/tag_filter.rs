//! Whether the push of a tag starts a workflow: its `on:` value, and GitHub's filter patterns.

use serde_json::Value;

/// True when the `on:` of a workflow lets a push of `tag` start it (GitHub, "Workflow syntax", `on.push`): no filter at
/// all, or a `tags` filter that matches. A filter for branches alone leaves tags out; filters for paths do not count.
pub(crate) fn tag_push_triggers(on: &Value, tag: &str) -> bool {
    match on {
        Value::String(event) => event == "push",
        Value::Array(events) => events.iter().any(|event| event == "push"),
        Value::Object(events) => events.get("push").is_some_and(|push| {
            let list = |key: &str| push.get(key).map(patterns);
            match (list("tags"), list("tags-ignore")) {
                (Some(tags), _) => matches_filter(&tags, tag),
                (None, Some(ignored)) => !matches_filter(&ignored, tag),
                (None, None) => push.get("branches").is_none() && push.get("branches-ignore").is_none(),
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn patterns(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => vec![one],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![],
    }
}

/// The last pattern that matches decides; `!` excludes.
fn matches_filter(patterns: &[&str], tag: &str) -> bool {
    patterns.iter().fold(false, |included, pattern| match pattern.strip_prefix('!') {
        Some(excluded) => included && !matches(excluded, tag),
        None => included || matches(pattern, tag),
    })
}

/// One item of a pattern (GitHub, "Workflow syntax", "Filter pattern cheat sheet").
#[derive(Debug, Clone)]
enum Item {
    Char(char),
    Set(Vec<(char, char)>),
    /// `*`: anything but a slash.
    Word,
    /// `**`: anything.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Times {
    One,
    /// `?`: none or one of the item before.
    Optional,
    /// `+`: one or more of the item before.
    More,
}

fn parse(pattern: &str) -> Vec<(Item, Times)> {
    let mut items: Vec<(Item, Times)> = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let item = match c {
            '*' if chars.next_if_eq(&'*').is_some() => Item::Any,
            '*' => Item::Word,
            '?' | '+' if !items.is_empty() => {
                if let Some(last) = items.last_mut() {
                    last.1 = if c == '?' { Times::Optional } else { Times::More };
                }
                continue;
            }
            '[' => {
                let set: String = chars.by_ref().take_while(|c| *c != ']').collect();
                Item::Set(ranges(&set))
            }
            '\\' => Item::Char(chars.next().unwrap_or('\\')),
            c => Item::Char(c),
        };
        items.push((item, Times::One));
    }
    items
}

fn ranges(set: &str) -> Vec<(char, char)> {
    let chars: Vec<char> = set.chars().collect();
    let (mut ranges, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let (end, length) = match chars.get(at + 1..at + 3) {
            Some(['-', end]) => (*end, 3),
            _ => (chars[at], 1),
        };
        ranges.push((chars[at], end));
        at += length;
    }
    ranges
}

/// Matches by the set of pattern positions that are reachable after each character: linear, whatever the pattern.
fn matches(pattern: &str, text: &str) -> bool {
    let items = parse(pattern);
    let mut states = vec![false; items.len() + 1];
    states[0] = true;
    skip(&items, &mut states);
    for c in text.chars() {
        let mut next = vec![false; items.len() + 1];
        for (at, (item, times)) in items.iter().enumerate().filter(|(at, _)| states[*at]) {
            let (fits, stays) = match item {
                Item::Char(wanted) => (*wanted == c, *times == Times::More),
                Item::Set(ranges) => {
                    (ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)), *times == Times::More)
                }
                Item::Word => (c != '/', true),
                Item::Any => (true, true),
            };
            next[at] |= fits && stays;
            next[at + 1] |= fits;
        }
        skip(&items, &mut next);
        states = next;
    }
    states[items.len()]
}

/// Adds the positions behind items that may stand for nothing.
fn skip(items: &[(Item, Times)], states: &mut [bool]) {
    for (at, (item, times)) in items.iter().enumerate() {
        let empty = *times == Times::Optional || matches!(item, Item::Word | Item::Any);
        states[at + 1] |= states[at] && empty;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_githubs_cheat_sheet_says() {
        for (pattern, tag, expected) in [
            ("v[0-9]+.[0-9]+.[0-9]+", "v1.20.3", true),
            ("v[0-9]+.[0-9]+.[0-9]+", "v1.20.3-rc1", false),
            ("v[0-9]+.[0-9]+.[0-9]+-*", "v0.4.0-rc1", true),
            ("v*", "v1.0.0", true),
            ("v*", "release/v1", false),
            ("v*", "v1/x", false),
            ("**", "release/v1", true),
            ("**/v1", "a/b/v1", true),
            ("v1.?0", "v10", true),
            ("v1.?0", "v1.0", true),
            ("v[12].[0-9]+.[0-9]+", "v3.0.0", false),
            ("v1\\+x", "v1+x", true),
            ("*", "", true),
            ("", "v1", false),
            ("v[", "v1", false),
        ] {
            assert_eq!(matches(pattern, tag), expected, "{pattern} {tag}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(150)));
    }

    #[test]
    fn the_on_value_is_read_in_all_its_forms() {
        let triggers = |on: &str| tag_push_triggers(&serde_json::from_str::<Value>(on).unwrap(), "v1.0.0");
        for on in [
            r#""push""#,
            r#"["pull_request","push"]"#,
            r#"{"push":null}"#,
            r#"{"push":{"tags":["v*"]}}"#,
            r#"{"push":{"tags":"v*"}}"#,
            r#"{"push":{"tags-ignore":["w*"]}}"#,
            r#"{"push":{"paths":["x/**"]}}"#,
            r#"{"push":{"branches":["main"],"tags":["v1*"]}}"#,
        ] {
            assert!(triggers(on), "{on}");
        }
        for on in [
            "null",
            r#""pull_request""#,
            r#"{"workflow_dispatch":null}"#,
            r#"{"push":{"branches":["main"]}}"#,
            r#"{"push":{"tags":["v*","!v1.*"]}}"#,
            r#"{"push":{"tags":[]}}"#,
            r#"{"push":{"tags-ignore":["v1*"]}}"#,
        ] {
            assert!(!triggers(on), "{on}");
        }
    }
}
