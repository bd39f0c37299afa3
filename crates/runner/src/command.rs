//! How the runner reads a printed line: workflow commands and their escaping, and how text that is not a command is kept
//! from becoming one. Pure; `console` prints.
//!
//! The runner reads stdout and stderr of a container line by line. `::command k=v::data` counts at the start of a line
//! after white space, the older `##[command]data` anywhere (actions/runner, `Runner.Common/ActionCommand.cs`).

use std::iter::Peekable;
use std::str::Chars;

/// A line that the runner takes as a command. The text is cleaned and escaped here; properties without a value are left
/// out, as the runner drops them.
pub fn command(name: &str, properties: &[(&str, &str)], data: &str) -> String {
    let mut line = format!("::{name}");
    for (index, (key, value)) in properties.iter().filter(|(_, value)| !value.is_empty()).enumerate() {
        line.push(if index == 0 { ' ' } else { ',' });
        line.push_str(key);
        line.push('=');
        line.push_str(&escape_property(&clean(value)));
    }
    line.push_str("::");
    line.push_str(&escape_data(&clean(data)));
    line
}

/// A command whose data must arrive byte for byte: a secret to mask.
pub(crate) fn exact_command(name: &str, data: &str) -> String {
    format!("::{name}::{}", escape_data(data))
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text as lines that the runner takes as nothing but text. The change is a visible space, so that nobody copies a
/// character that cannot be seen.
pub(crate) fn plain(text: &str) -> String {
    let lines = clean(text);
    let lines = lines.split('\n').map(|line| {
        let line = line.replace("##[", "## [");
        // Anything that some runtime might trim counts as white space here.
        match line.find(|character: char| character.is_ascii_graphic()) {
            Some(start) if line[start..].starts_with("::") => format!("{}: {}", &line[..start], &line[start + 1..]),
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The text without terminal escapes and control characters. Any line end becomes `\n`, as the runner's reader ends a
/// line at a lone `\r` too; tabs stay; what reorders text on a screen goes.
pub(crate) fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\n' | '\t' => kept.push(character),
            '\r' => {
                rest.next_if_eq(&'\n');
                kept.push('\n');
            }
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            _ if character.is_control() || reorders(character) => {}
            _ => kept.push(character),
        }
    }
    kept
}

/// Bidirectional controls and the two Unicode line separators.
fn reorders(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Skips what follows an ESC (ECMA-48): `[` a control sequence, `]`, `P`, `X`, `^`, `_` a string, else one character.
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            // Ends at BEL or ST (ESC \), and at the latest with the line, so that a cut one hides no more than that.
            while let Some(character) = rest.next_if(|character| !matches!(character, '\n' | '\r')) {
                if character == '\u{7}' || (character == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        Some(' '..='~') => {
            rest.next();
        }
        Some(_) | None => {}
    }
}

/// Skips parameters, intermediates and the final character of a control sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|character| matches!(character, ' '..='?')).is_some() {}
    rest.next_if(|character| matches!(character, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The runner's side of `escape_data` (`ActionCommand.cs`, `UnescapeData`).
    fn unescape_data(text: &str) -> String {
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    }

    #[test]
    fn a_command_is_escaped_percent_first() {
        assert_eq!(
            command("error", &[("title", "a:b,c%"), ("file", "")], "100%\nof: a, b"),
            "::error title=a%3Ab%2Cc%25::100%25%0Aof: a, b"
        );
        assert_eq!(command("endgroup", &[], ""), "::endgroup::");
        assert_eq!(exact_command("add-mask", "a%\rb"), "::add-mask::a%25%0Db");
    }

    #[test]
    fn terminal_escapes_and_control_characters_are_gone() {
        assert_eq!(clean("\u{1b}[31;1mred\u{1b}[0m \u{9b}2Kx\u{1b}(Ay\0\u{8}z"), "red xAyz");
        assert_eq!(clean("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ end"), "link end");
        assert_eq!(clean("\u{1b}]cut\nnext\u{1b}"), "\nnext");
        assert_eq!(clean("a\r\nb\rc\td\u{202e}e\u{2028}f\u{85}g"), "a\nb\nc\tdefg");
    }

    #[test]
    fn text_cannot_become_a_command() {
        assert_eq!(plain("::set-output name=x::y"), ": :set-output name=x::y");
        assert_eq!(plain("ok\n \u{a0}\t::add-mask::x\r:::x"), "ok\n \u{a0}\t: :add-mask::x\n: ::x");
        assert_eq!(plain("a ##[error]b ###[x]"), "a ## [error]b ### [x]");
        assert_eq!(plain("\u{1b}[0m::error::x"), ": :error::x");
        assert_eq!(plain("#\u{0}#[error]x"), "## [error]x");
        assert_eq!(plain("std::env a::b"), "std::env a::b");
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_command(text in r"([\PC\pC]|[ \t\r\n:#\[\x1b%]|::|##\[|::error::|\u{1b}\[0m){0,40}") {
            for line in plain(&text).split(['\n', '\r']) {
                prop_assert!(!line.trim_start().starts_with("::"), "{line:?}");
                prop_assert!(!line.contains("##["), "{line:?}");
                prop_assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
            }
        }

        #[test]
        fn a_command_is_one_line_and_stands_at_its_start(title in any::<String>(), data in any::<String>()) {
            let line = command("warning", &[("title", &title)], &data);
            prop_assert!(!line.contains(['\n', '\r']));
            prop_assert!(line.starts_with("::warning"));
            // The title cannot end the properties: the first `::` after the name starts the data.
            let (_, rest) = line[2..].split_once("::").unwrap();
            prop_assert_eq!(rest, escape_data(&clean(&data)));
        }

        #[test]
        fn escaped_data_comes_back_as_it_was(text in r"[a-z%\r\n:,]{0,40}") {
            // The runner unescapes %25 last, so no text is unescaped twice.
            let escaped = escape_data(&text);
            prop_assert!(!escaped.contains(['\r', '\n']));
            prop_assert_eq!(unescape_data(&escaped), text);
        }
    }
}
