//! The one place that prints. On a runner it speaks workflow commands, on a terminal plain text; secrets are replaced and
//! text from outside is kept from becoming a command in both.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Runner;
use crate::command::{clean, command, exact_command, plain};
use crate::mask::{Masker, Secrets};

/// A step shows ten errors, ten warnings and ten notices as annotations; further ones are in the log only
/// (actions/runner, `ExecutionContext.cs`, `AddIssue`).
const MAX_ANNOTATIONS: usize = 10;

/// Where everything is printed. Clones share the stream, the hidden secrets and the count of annotations.
#[derive(Clone)]
pub struct Console {
    on_runner: bool,
    debug: bool,
    secrets: Secrets,
    stream: Arc<Mutex<Stream>>,
}

struct Stream {
    out: Box<dyn Write + Send>,
    annotations: BTreeMap<Kind, usize>,
}

/// The annotations that the runner knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Error,
    Warning,
    Notice,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

impl Console {
    /// Prints to `out`.
    pub fn new(runner: &Runner, out: impl Write + Send + 'static) -> Self {
        let stream = Stream { out: Box::new(out), annotations: BTreeMap::new() };
        Self {
            on_runner: runner.is_github(),
            debug: runner.debug,
            secrets: Secrets::default(),
            stream: Arc::new(Mutex::new(stream)),
        }
    }

    /// What hides secrets here.
    pub fn masker(&self) -> Masker {
        Masker::new(self.clone())
    }

    /// Prints a text of any origin, on one or several lines.
    pub fn line(&self, text: &str) {
        self.print(&self.plain(text));
    }

    /// Opens a group of lines that is folded on a runner. Groups do not nest.
    pub fn group(&self, title: &str) {
        if self.on_runner { self.command("group", &[], &one_line(title)) } else { self.line(title) }
    }

    /// Closes the group.
    pub fn end_group(&self) {
        if self.on_runner {
            self.command("endgroup", &[], "");
        }
    }

    /// An error, as an annotation on a runner.
    pub fn error(&self, title: Option<&str>, message: &str) {
        self.annotate(Kind::Error, title, message);
    }

    /// A warning, as an annotation on a runner.
    pub fn warning(&self, title: Option<&str>, message: &str) {
        self.annotate(Kind::Warning, title, message);
    }

    /// A notice, as an annotation on a runner.
    pub fn notice(&self, title: Option<&str>, message: &str) {
        self.annotate(Kind::Notice, title, message);
    }

    /// A detail, printed where somebody asked for them: `RUNNER_DEBUG=1`, which the runner sets with debug logging.
    pub fn debug(&self, message: &str) {
        if self.debug && self.on_runner {
            self.command("debug", &[], message);
        } else if self.debug {
            self.line(&format!("debug: {message}"));
        }
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(crate) fn hide(&self, secret: &str) {
        for value in self.secrets.add(secret) {
            if self.on_runner {
                self.print(&exact_command("add-mask", &value));
            }
        }
    }

    fn annotate(&self, kind: Kind, title: Option<&str>, message: &str) {
        if self.on_runner && self.counts(kind) {
            self.command(kind.word(), &[("title", &one_line(title.unwrap_or_default()))], message);
        } else {
            let title = title.map(|title| format!("{title}: ")).unwrap_or_default();
            self.line(&format!("{}: {title}{message}", kind.word()));
        }
    }

    /// Whether one more annotation of this kind is shown.
    fn counts(&self, kind: Kind) -> bool {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let count = stream.annotations.entry(kind).or_default();
        *count += 1;
        *count <= MAX_ANNOTATIONS
    }

    fn command(&self, name: &str, properties: &[(&str, &str)], data: &str) {
        let properties: Vec<_> = properties.iter().map(|(key, value)| (*key, self.redact(value))).collect();
        let properties: Vec<_> = properties.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.print(&command(name, &properties, &self.redact(data)));
    }

    fn plain(&self, text: &str) -> String {
        plain(&self.redact(text))
    }

    /// Once as it came, for a secret of several lines, and once cleaned, for one that a terminal escape cuts in two.
    fn redact(&self, text: &str) -> String {
        self.secrets.redact(&clean(&self.secrets.redact(text)))
    }

    fn print(&self, text: &str) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that nobody reads any more must not end the run.
        let _ = stream.out.write_all(format!("{text}\n").as_bytes()).and_then(|()| stream.out.flush());
    }
}

/// A title is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("on_runner", &self.on_runner).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;

    use super::*;
    use crate::Environment;

    /// A stream that the test keeps a hand on.
    #[derive(Clone, Default)]
    pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn on(variables: &[(&str, &str)]) -> (Console, Paper) {
        let runner = Runner::read(&variables.iter().copied().collect::<Environment>());
        let paper = Paper::default();
        (Console::new(&runner, paper.clone()), paper)
    }

    const RUNNER: &[(&str, &str)] = &[("GITHUB_ACTIONS", "true")];

    #[test]
    fn a_secret_is_masked_before_anything_and_never_printed() {
        for variables in [RUNNER, &[]] {
            let (console, paper) = on(variables);
            console.masker().hide("ghs_1\nline two");
            let masks = paper.text();
            if variables == RUNNER {
                assert_eq!(masks, "::add-mask::ghs_1%0Aline two\n::add-mask::ghs_1\n::add-mask::line two\n");
            }
            console.masker().hide("ghs_1");
            console.line("a ghs_1 b gh\u{1b}[1ms_1 c ghs_1\nline two d");
            console.error(Some("ghs_1"), "x ghs_1");
            console.group("ghs_1");
            console.debug("ghs_1");
            let printed = paper.text().replacen(&masks, "", 1);
            assert!(!printed.contains("ghs_1") && !printed.contains("line two"), "{printed}");
            assert!(printed.starts_with("a *** b *** c *** d\n"), "{printed}");
            assert_eq!(console.masker().redact("a ghs_1"), "a ***");
        }
    }

    #[test]
    fn ten_errors_are_annotations_and_the_rest_are_lines() {
        let (console, paper) = on(RUNNER);
        for number in 1..=12 {
            console.error(None, &format!("broken {number}"));
        }
        console.warning(Some("one: two"), "still shown\nand more");
        let text = paper.text();
        assert_eq!(text.lines().filter(|line| line.starts_with("::error::")).count(), 10);
        assert!(text.contains("\nerror: broken 11\nerror: broken 12\n"));
        assert!(text.ends_with("::warning title=one%3A two::still shown%0Aand more\n"));
    }

    #[test]
    fn a_terminal_gets_words_and_no_commands() {
        let (console, paper) = on(&[]);
        console.group("details");
        console.notice(None, "here");
        console.warning(Some("api"), "there");
        console.debug("hidden");
        console.end_group();
        console.line("::error::x");
        assert_eq!(paper.text(), "details\nnotice: here\nwarning: api: there\n: :error::x\n");
    }

    #[test]
    fn a_group_is_folded_on_a_runner() {
        let (console, paper) = on(RUNNER);
        console.group("a\nb");
        console.line("##[error]x");
        console.end_group();
        assert_eq!(paper.text(), "::group::a b\n## [error]x\n::endgroup::\n");
    }
}
