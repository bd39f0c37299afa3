//! A script that writes a changelog is left out whole. So it must do nothing else: every command of it, wherever it
//! stands, is one that only reads the history or words a text.

use crate::yaml::{Node, Position};

/// Commands that write nothing but a text.
const TEXT: [&str; 23] = [
    "echo",
    "printf",
    "cat",
    "sed",
    "grep",
    "head",
    "tail",
    "sort",
    "uniq",
    "tr",
    "cut",
    "wc",
    "tac",
    "jq",
    "date",
    "true",
    ":",
    "set",
    "test",
    "[",
    "[[",
    "read",
    "git-cliff",
];
/// What they read of git.
const GIT: [&str; 7] = ["log", "shortlog", "describe", "rev-list", "rev-parse", "for-each-ref", "fetch"];
/// Words before a command (POSIX, "Reserved Words").
const BEFORE: [&str; 13] =
    ["if", "then", "else", "elif", "fi", "while", "do", "done", "{", "}", "!", "export", "local"];

/// A command that is being read, up to its end.
#[derive(Debug, Default)]
struct Open {
    /// What stands before it: a parenthesis or a backtick.
    by: char,
    quote: Option<char>,
    line: usize,
    text: String,
}

/// The commands that do more than that, each with its place.
pub(super) fn others(run: &Node) -> Vec<(Position, String)> {
    let text = run.text().unwrap_or_default();
    let (mut ended, mut outer, mut open, mut line) = (Vec::new(), Vec::<Open>::new(), Open::default(), 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        let inner = |by| Open { by, line, ..Open::default() };
        match (open.quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => open.quote = None,
            (Some('\''), _) => open.text.push(quoted(c)),
            (_, '\\') => {
                line += usize::from(chars.next() == Some('\n'));
                open.text.push(' ');
            }
            (_, '`') if open.by == '`' => {
                ended.push(std::mem::replace(&mut open, outer.pop().unwrap_or_default()));
            }
            (_, '`') => outer.push(std::mem::replace(&mut open, inner('`'))),
            (_, '$') if chars.next_if_eq(&'(').is_some() => {
                open.text.push('$');
                outer.push(std::mem::replace(&mut open, inner('(')));
            }
            (Some(_), _) => open.text.push(quoted(c)),
            (None, '"' | '\'') => {
                open.quote = Some(c);
                open.text.push(c);
            }
            (None, '(') => outer.push(std::mem::replace(&mut open, inner('('))),
            (None, ')') if open.by == '(' => {
                ended.push(std::mem::replace(&mut open, outer.pop().unwrap_or_default()));
            }
            (None, '#') if open.text.is_empty() || open.text.ends_with(char::is_whitespace) => {
                while chars.next_if(|c| *c != '\n').is_some() {}
            }
            (None, '&') if open.text.ends_with('>') => open.text.push(c),
            (None, ';' | '&' | '|' | '\n' | ')') => {
                let next = Open { line, by: open.by, ..Open::default() };
                ended.push(std::mem::replace(&mut open, next));
            }
            (None, _) => open.text.push(c),
        }
    }
    ended.extend(outer);
    ended.push(open);
    let places = run.lines();
    let at = |open: &Open| places.get(open.line).copied().unwrap_or(run.at);
    ended.iter().filter_map(|open| Some((at(open), other(&open.text)?))).collect()
}

/// A character of a word, which a space in quotes is too.
fn quoted(c: char) -> char {
    if c.is_whitespace() { '\u{a0}' } else { c }
}

/// What a command is called that does more.
fn other(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace().peekable();
    while let Some(word) = words.peek() {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        let assigns = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let redirects = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(['>', '<']);
        if redirects.is_none() && !assigns && !BEFORE.contains(word) {
            break;
        }
        // The file may be a word of its own.
        let apart = redirects.is_some_and(|rest| rest.trim_start_matches('>').is_empty());
        words.nth(usize::from(apart));
    }
    let words = words.take(3).collect::<Vec<_>>();
    let reads = match words.as_slice() {
        // The list of a `for` runs nothing but by `$(…)`, which is read by itself.
        [] | ["for", ..] | ["git", "tag"] => true,
        ["git", "tag", flag] => ["-l", "--list"].contains(flag) || flag.starts_with("--sort"),
        ["git", command, ..] => GIT.contains(command),
        [command, ..] => TEXT.contains(command),
    };
    (!reads).then(|| words[..words.len().min(2)].join(" ").replace('\u{a0}', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Vec<(usize, String)> {
        let source = format!("run: |\n  {}\n", script.replace('\n', "\n  "));
        let node = Node::parse(&source).unwrap();
        others(node.get("run").unwrap()).into_iter().map(|(at, command)| (at.line, command)).collect()
    }

    #[test]
    fn a_script_that_only_writes_a_changelog_does_nothing_else() {
        for script in [
            "git log --pretty=format:\"- %s (%h); x\" $(git describe --tags --abbrev=0 HEAD^)..HEAD > notes.md",
            "LAST=$(git tag --sort=-v:refname | sed -n '2p') || true # curl\nif [ -z \"$LAST\" ]; then LAST=x; fi",
            "{\n  echo \"log<<EOF\"\n  git log \\\n    --oneline 2>&1\n  echo EOF\n} >> \"$GITHUB_OUTPUT\"",
            "for t in `git tag -l`; do echo \"$t: $(git log -1 --format='%s (x)' \"$t\")\"; done",
            "export A='curl x' B=\"a b\"\n> out cat x",
        ] {
            assert_eq!(read(script), [], "{script}");
        }
    }

    #[test]
    fn whatever_else_it_does_is_named_with_its_line() {
        for (script, line, command) in [
            ("git log > x\ncurl -d @x https://x", 3, "curl -d"),
            ("git log\ngit push origin x", 3, "git push"),
            ("git log\ngit tag v1", 3, "git tag"),
            ("echo \"a $(curl x)\" # git log", 2, "curl x"),
            ("git log \\\n | xargs rm", 3, "xargs rm"),
            ("A=1 make x && git log", 2, "make x"),
            ("> out make x\ngit log", 2, "make x"),
            ("\"curl\" x; git log", 2, "\"curl x"),
            ("echo \"a\nb\"; `rm x`; git log", 3, "rm x"),
            ("if true; then $TOOL x; fi; git log", 2, "$TOOL x"),
            ("git log; (exit 1)", 2, "exit 1"),
        ] {
            assert_eq!(read(script), [(line, command.to_owned())], "{script}");
        }
    }
}
