//! A script of a `run:`, as far as it is plain: commands and words with known variables. Anything else is refused with
//! its line, as only a shell knows what it means.

use std::collections::BTreeMap;

use super::expression::{OWNER, REPOSITORY, REVISION, Scope, TAG, VERSION};
use crate::pipeline::split_expression;
use crate::yaml::{Node, Position};

/// One command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) at: Position,
    /// Its words, with every variable filled in.
    pub(super) words: Vec<String>,
    /// `>> FILE`, such as `$GITHUB_OUTPUT`.
    pub(super) appends: Option<String>,
    /// What is piped into it by `echo`.
    pub(super) input: Option<String>,
    /// What the script sets of its environment.
    pub(super) exported: BTreeMap<String, String>,
}

impl Command {
    /// Whether what it prints goes to the log or to the runner, and not to a file that others may read.
    pub(super) fn tells_runner(&self) -> bool {
        self.appends.as_ref().is_none_or(|file| file.starts_with("$GITHUB_"))
    }
}

/// The words of a command, flag by flag: `--name value` or `--name=value`.
pub(super) struct Flags<'a> {
    words: std::slice::Iter<'a, &'a str>,
    /// The value that stands in the word of the flag itself.
    pub(super) glued: Option<&'a str>,
}

impl<'a> Flags<'a> {
    pub(super) fn new(words: &'a [&'a str]) -> Self {
        Self { words: words.iter(), glued: None }
    }

    /// The next flag, or a word that is none.
    pub(super) fn flag(&mut self) -> Option<&'a str> {
        let word = self.words.next()?;
        match word.split_once('=') {
            Some((flag, value)) if flag.starts_with('-') => {
                self.glued = Some(value);
                Some(flag)
            }
            _ => {
                self.glued = None;
                Some(word)
            }
        }
    }

    /// Whether the flag is a switch that is given a value, which may be `false`.
    pub(super) fn is_set_switch(&self, flag: &str) -> bool {
        let switches = ["--push", "--pull", "--no-cache", "--load", "--rm", "--quiet", "--generate-notes"];
        self.glued.is_some_and(|value| value != "true") && switches.contains(&flag)
    }

    /// The value of that flag; empty when none follows.
    pub(super) fn value(&mut self) -> &'a str {
        self.glued.or_else(|| self.words.next().copied()).unwrap_or_default()
    }
}

/// What to do about a script that cannot be read.
pub(super) const PLAINLY: &str = "write it plainly, or move it to a workflow of its own first";

/// A `$` that the shell leaves alone, and one in double quotes, whose value stays one word.
const DOLLAR: char = '\u{e012}';
const QUOTED: char = '\u{e013}';

/// The commands of a script.
pub(super) fn commands(script: &Node, scope: &Scope) -> Result<Vec<Command>, (Position, String)> {
    let text = scope.fill(&script.text().unwrap_or_default());
    let mut expressions = Vec::new();
    let text = hide(&text, &mut expressions);
    let (mut shell, places) = (Shell::new(scope), scope.places(script));
    let (mut commands, mut lines) = (Vec::new(), text.lines().enumerate());
    while let Some((index, line)) = lines.next() {
        let at = places.get(index).copied().unwrap_or(script.at);
        let mut joined = line.to_owned();
        while joined.ends_with('\\') {
            joined.pop();
            joined.push_str(lines.next().map_or("", |(_, next)| next));
        }
        if joined.trim().is_empty() || joined.trim_start().starts_with('#') {
            continue;
        }
        let parts = split(&joined).map_err(|what| (at, format!("`{what}` is more shell than can be read here")))?;
        for part in parts {
            let show = |text: &str| reveal(text, &expressions);
            if let Some(mut command) = shell.read(at, &part).map_err(|message| (at, show(&message)))? {
                command.words.iter_mut().for_each(|word| *word = show(word));
                command.input = command.input.as_deref().map(show);
                command.exported.values_mut().for_each(|value| *value = show(value));
                commands.push(command);
            }
        }
    }
    Ok(commands)
}

/// Puts a mark in place of each expression that is left, so that the shell's rules do not read it.
fn hide(text: &str, expressions: &mut Vec<String>) -> String {
    let (mut hidden, mut rest) = (String::new(), text);
    while let Some((before, expression, after)) = split_expression(rest) {
        hidden.push_str(before);
        hidden.extend(["\u{e010}", &expressions.len().to_string(), "\u{e011}"]);
        expressions.push(format!("${{{{{expression}}}}}"));
        rest = after;
    }
    hidden + rest
}

fn reveal(text: &str, expressions: &[String]) -> String {
    let each = expressions.iter().enumerate();
    each.fold(text.to_owned(), |text, (index, expression)| {
        text.replace(&format!("\u{e010}{index}\u{e011}"), expression)
    })
}

/// A command as it is written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    text: String,
    appends: Option<String>,
    /// It gets what this command prints.
    before: Option<String>,
}

/// Splits a line at `&&`, `;`, `|` and `>>`; `Err` names what is not plain.
fn split(line: &str) -> Result<Vec<Part>, String> {
    let (mut parts, mut part, mut quote) = (Vec::new(), Part::default(), None);
    let mut appending = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let special = match (quote, c) {
            (Some(open), _) if c == open => {
                quote = None;
                None
            }
            (Some('\''), _) => None,
            (_, '`') => return Err("`…`".replace('`', "'")),
            (_, '$') if next == Some('(') => return Err("$(…)".into()),
            (None, '\'' | '"') => {
                quote = Some(c);
                None
            }
            (None, '#') if part.text.ends_with(' ') => break,
            (None, '&' | '|' | '>' | ';' | '<' | '(' | ')') => Some(c),
            (Some(_) | None, _) => None,
        };
        match (special, next) {
            (None, _) => match (&mut part.appends, appending) {
                (Some(file), true) => file.push(c),
                _ => part.text.push(c),
            },
            (Some('>'), Some('>')) => {
                chars.next();
                part.appends = Some(String::new());
                appending = true;
            }
            (Some('&'), Some('&')) => {
                chars.next();
                parts.push(std::mem::take(&mut part));
                appending = false;
            }
            (Some(';'), _) => {
                parts.push(std::mem::take(&mut part));
                appending = false;
            }
            (Some('|'), other) if other != Some('|') => {
                part = Part { before: Some(part.text), ..Part::default() };
            }
            (Some(other), _) => return Err(other.to_string()),
        }
    }
    parts.push(part);
    parts.retain(|part| !part.text.trim().is_empty());
    Ok(parts)
}

/// Words with a meaning of their own (POSIX, "Reserved Words", and Bash's).
const RESERVED: [&str; 14] =
    ["if", "then", "else", "elif", "fi", "for", "while", "until", "case", "do", "done", "function", "{", "[["];

/// `NAME=value`, as the shell assigns it.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, value))
}

/// Marks each `$` by what the quotes around it make of it (POSIX, 2.2).
fn dollars(text: &str) -> Result<String, String> {
    let (mut out, mut quote) = (String::new(), None);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (Some('\''), '$') => {
                out.push(DOLLAR);
                continue;
            }
            (Some('"') | None, '\\') => {
                match chars.next() {
                    Some('$') => out.push(DOLLAR),
                    next => out.extend(std::iter::once(c).chain(next)),
                }
                continue;
            }
            (None, '$') if matches!(chars.peek(), Some('\'' | '"')) => {
                return Err("`$'` is more shell than can be read here".into());
            }
            (Some('"'), '$') => {
                out.push(QUOTED);
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    Ok(out)
}

struct Shell<'a> {
    scope: &'a Scope,
    variables: BTreeMap<String, String>,
    exported: BTreeMap<String, String>,
}

/// What the runner sets (GitHub, "Default environment variables").
pub(super) fn runner_variables() -> [(&'static str, String); 12] {
    [
        ("GITHUB_REF_NAME", TAG.to_string()),
        ("GITHUB_REF_TYPE", "tag".to_owned()),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("CI", "true".to_owned()),
        ("GITHUB_REF", format!("refs/tags/{TAG}")),
        ("GITHUB_REPOSITORY", REPOSITORY.to_string()),
        ("GITHUB_REPOSITORY_OWNER", OWNER.to_string()),
        ("GITHUB_SHA", REVISION.to_string()),
        ("GITHUB_ACTOR", "${{ github.actor }}".to_owned()),
        ("GITHUB_OUTPUT", "$GITHUB_OUTPUT".to_owned()),
        ("GITHUB_ENV", "$GITHUB_ENV".to_owned()),
        ("GITHUB_STEP_SUMMARY", "$GITHUB_STEP_SUMMARY".to_owned()),
    ]
}

impl<'a> Shell<'a> {
    fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            exported: BTreeMap::new(),
            variables: runner_variables().map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// A command with its words; `None` for one that only sets a variable.
    fn read(&mut self, at: Position, part: &Part) -> Result<Option<Command>, String> {
        let words = |text: &str| -> Result<Vec<String>, String> {
            let words = shlex::split(&dollars(text)?);
            let words = words.ok_or_else(|| format!("`{}` has a quote without its end", text.trim()))?;
            // What is assigned is not split into words (POSIX, 2.9.1); what follows a command's name is.
            let mut assigns = true;
            let expanded = words.iter().map(|word| {
                assigns &= word == "export" || assignment(word).is_some();
                self.expand(word, assigns)
            });
            expanded.collect()
        };
        let mut list = words(&part.text)?;
        if let Some(word) = list.first().filter(|word| RESERVED.contains(&word.as_str())) {
            return Err(format!("`{word}` is more shell than can be read here"));
        }
        // `set -a` exports what is assigned from there on.
        let all = |word: &String| word == "allexport" || word.starts_with('-') && word.contains('a');
        if list.first().is_some_and(|word| word == "set") && list.iter().any(all) {
            return Err(format!("`{}` is more shell than can be read here", part.text.trim()));
        }
        let appends = part.appends.as_deref().map(words).transpose()?.map(|words| words.concat());
        let input = match &part.before {
            None => None,
            Some(before) => match words(before)?.as_slice() {
                [echo, value] if echo == "echo" => Some(value.clone()),
                [print, form, value] if print == "printf" && ["%s", "%s\\n"].contains(&form.as_str()) => {
                    Some(value.clone())
                }
                _ => return Err(format!("`{} |` is more shell than can be read here", before.trim())),
            },
        };
        let exports = list.first().is_some_and(|word| word == "export");
        if exports {
            list.remove(0);
        }
        let assigned = list.iter().map_while(|word| {
            let (name, value) = assignment(word)?;
            Some((name.to_owned(), value.replace(DOLLAR, "$")))
        });
        let assigned = assigned.collect::<Vec<_>>();
        if exports {
            let named = list.iter().filter_map(|name| Some((name.clone(), self.variables.get(name)?.clone())));
            self.exported.extend(named.collect::<Vec<_>>());
        }
        if !assigned.is_empty() && assigned.len() == list.len() {
            for (name, value) in &assigned {
                // What is in the environment already stays there.
                if exports || self.exported.contains_key(name) || self.scope.env.contains_key(name) {
                    self.exported.insert(name.clone(), value.clone());
                }
            }
            self.variables.extend(assigned);
            return Ok(None);
        }
        let is_known = |name: &String| self.variables.contains_key(name) || self.scope.env.contains_key(name);
        if exports && list.iter().all(is_known) {
            return Ok(None);
        }
        if exports {
            return Err(format!("`{}` is more shell than can be read here", part.text.trim()));
        }
        // What stands before a command is for it alone.
        list.drain(..assigned.len());
        let mut exported = self.exported.clone();
        exported.extend(assigned);
        for word in &mut list {
            *word = word.replace(DOLLAR, "$");
        }
        let input = input.map(|input| input.replace(DOLLAR, "$"));
        if let (Some(value), ["tee", "-a" | "--append", file]) =
            (&input, list.iter().map(String::as_str).collect::<Vec<_>>().as_slice())
        {
            let (words, appends) = (vec!["echo".to_owned(), value.clone()], Some((*file).to_owned()));
            return Ok(Some(Command { at, words, appends, input: None, exported }));
        }
        Ok(Some(Command { at, words: list, appends, input, exported }))
    }

    /// A word with its variables filled in.
    fn expand(&self, word: &str, assigns: bool) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), word);
        while let Some((before, after)) = rest.split_once(['$', QUOTED]) {
            out.push_str(before);
            let (start, split) = (out.len(), rest[before.len()..].starts_with('$') && !assigns);
            if let Some(inner) = after.strip_prefix('{') {
                let (inner, after) = inner.split_once('}').ok_or_else(|| format!("`${{{inner}` has no end"))?;
                out.push_str(&self.parameter(inner)?);
                rest = after;
            } else {
                let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                if length == 0 {
                    return Err(format!("`${after}` is more shell than can be read here"));
                }
                out.push_str(&self.variable(&after[..length])?);
                rest = &after[length..];
            }
            // The spaces of an expression are its own.
            let value = || hide(&out[start..], &mut Vec::new());
            if split && value().contains(|c: char| c.is_whitespace() || "*?[".contains(c)) {
                return Err(format!("`{}` without quotes is more than one word", word.replace(QUOTED, "$")));
            }
        }
        Ok(out + rest)
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        let value = self.variables.get(name).or_else(|| self.scope.env.get(name));
        value.cloned().ok_or_else(|| format!("`${name}` is not known here"))
    }

    /// `NAME`, and the forms of it by which scripts cut a version out of a tag.
    fn parameter(&self, inner: &str) -> Result<String, String> {
        let length = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, form) = inner.split_at(length);
        let value = self.variable(name)?;
        let (reference, tag, version) = (format!("refs/tags/{TAG}"), TAG.to_string(), VERSION.to_string());
        let form = form.replace('\\', "").replace("//refs/tags//", "/refs/tags//").replace('"', "");
        let cut = match form.as_str() {
            "" => Some(value.clone()),
            // Names of images are lower-cased by release-actions.
            ",," => Some(value.clone())
                .filter(|value| value.contains([REPOSITORY, OWNER]) || *value == value.to_lowercase()),
            "#v" | "/#v" | "/#v/" if value == tag => Some(version),
            "/v/" if value == tag && self.scope.begins_with_v() => Some(version),
            "#refs/tags/" | "##*/" | "/refs/tags//" | "#refs/*/" if value == reference => Some(tag),
            "#refs/tags/v" | "##*/v" | "/refs/tags/v/" if value == reference && self.scope.begins_with_v() => {
                Some(version)
            }
            _ => None,
        };
        cut.ok_or_else(|| format!("`${{{inner}}}` is more shell than can be read here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Result<Vec<String>, (usize, String)> {
        let source = format!("run: |\n  {}\n", script.replace('\n', "\n  "));
        let node = Node::parse(&source).unwrap();
        let scope = Scope { env: [("REGISTRY".into(), "ghcr.io".into())].into(), ..Scope::default() };
        let show = |command: &Command| {
            let words = command.words.join(" ").replace(TAG, "{tag}").replace(VERSION, "{version}");
            let words = words.replace(REPOSITORY, "{repository}");
            match (&command.appends, &command.input) {
                (None, None) => words,
                (Some(file), _) => format!("{words} >> {file}"),
                (None, Some(input)) => format!("{input} | {words}"),
            }
        };
        commands(node.get("run").unwrap(), &scope)
            .map(|commands| commands.iter().map(show).collect())
            .map_err(|(at, message)| (at.line, message))
    }

    #[test]
    fn a_plain_script_is_read() {
        for (script, expected) in [
            (r#"echo "version=${GITHUB_REF_NAME#v}" >>"$GITHUB_OUTPUT""#, "echo version={version} >> $GITHUB_OUTPUT"),
            ("echo tag=${GITHUB_REF#refs/tags/} >> $GITHUB_ENV", "echo tag={tag} >> $GITHUB_ENV"),
            ("VERSION=${GITHUB_REF#refs/tags/v}\n# x\n\necho \"$VERSION\"", "echo {version}"),
            ("docker build \\\n  -t $REGISTRY/${GITHUB_REPOSITORY,,}:x .", "docker build -t ghcr.io/{repository}:x ."),
            (
                "echo '${{ secrets.T }}' | docker login ghcr.io -u x --password-stdin",
                "${{ secrets.T }} | docker login ghcr.io -u x --password-stdin",
            ),
        ] {
            assert_eq!(read(script).unwrap(), [expected], "{script}");
        }
        assert_eq!(read("a && b; c # d").unwrap(), ["a", "b", "c"]);
        assert_eq!(read("V='a b'\na \"$V\" '$V' \\$V; W=$V b").unwrap(), ["a a b $V $V", "b"]);
        assert_eq!(read("echo v=1 | tee -a $GITHUB_OUTPUT").unwrap(), ["echo v=1 >> $GITHUB_OUTPUT"]);
    }

    #[test]
    fn more_than_that_is_refused_with_its_line() {
        for (script, line) in [
            ("echo a\nfoo=$(date)", 3),
            ("a\nb\nfor x in a; do `y`; done", 4),
            ("echo $UNKNOWN", 2),
            ("echo ${GITHUB_REF_NAME%-*}", 2),
            ("a || b", 2),
            ("a > b", 2),
            ("V='a b'\na $V", 3),
            ("V=*; a $V", 2),
            ("a $'b'", 2),
            ("export A=1 B", 2),
            ("set -eua\nV=1", 2),
            ("cat x | docker login", 2),
            ("echo 'a", 2),
            ("V=1\nif [[ a == b ]]; then\n  V=2\nfi", 3),
        ] {
            assert_eq!(read(script).unwrap_err().0, line, "{script}");
        }
    }
}
