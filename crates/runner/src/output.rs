//! Step outputs, values for the post step, and the job summary: appended to the files that the runner names, or printed
//! where there are none.

use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::{Console, Masker, Runner};

/// A larger summary is not shown at all (actions/runner, `FileCommandManager.cs`, `CreateStepSummaryCommand`).
const MAX_SUMMARY_BYTES: usize = 1024 * 1024;

/// Stands at the end of a summary that was cut.
const CUT: &str = "\n_The rest was left out: a job summary holds 1 MiB._\n";

/// Where act really mounts the files when it runs on the host itself and the variables name a path that does not exist
/// in the container (nektos/act, `pkg/runner/run_context.go`).
const ACT_FOLDER: &str = "/var/run/act/workflow";

/// The way back to the runner.
#[derive(Debug, Clone)]
pub struct Outputs {
    console: Console,
    masker: Masker,
    output_path: Option<PathBuf>,
    state_path: Option<PathBuf>,
    summary_path: Option<PathBuf>,
}

/// A result could not be handed back.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The name cannot be used for an output.
    #[error("name an output `{0}`: a name starts with a letter or `_` and holds letters, digits, `-` and `_`")]
    Name(String),
    /// The file cannot be written.
    #[error("write {path}: {source}; the container must run as root, as the file belongs to the runner's user")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Outputs {
    /// Finds the files. One that the runner does not name, or names where nothing can be written, is printed instead.
    pub fn new(runner: &Runner, console: &Console) -> Self {
        Self::with_fallback(runner, console, Path::new(ACT_FOLDER))
    }

    fn with_fallback(runner: &Runner, console: &Console, folder: &Path) -> Self {
        let find = |named: Option<&PathBuf>, fallback: &str| {
            let named = named?;
            let usable = named.is_file() || named.parent().is_some_and(Path::is_dir);
            if usable { Some(named.clone()) } else { Some(folder.join(fallback)).filter(|path| path.is_file()) }
        };
        Self {
            console: console.clone(),
            masker: console.masker(),
            output_path: find(runner.output_path.as_ref(), "outputcmd.txt"),
            state_path: find(runner.state_path.as_ref(), "statecmd.txt"),
            summary_path: find(runner.summary_path.as_ref(), "SUMMARY.md"),
        }
    }

    /// Sets outputs of this step, all or none. Hidden secrets become `***`.
    pub fn write(&self, outputs: &[(&str, &str)]) -> Result<(), OutputError> {
        self.entries("outputs", self.output_path.as_deref(), outputs)
    }

    /// Keeps values for the post step, which finds them as `STATE_<name>`.
    pub fn save_state(&self, values: &[(&str, &str)]) -> Result<(), OutputError> {
        self.entries("state", self.state_path.as_deref(), values)
    }

    /// Appends Markdown to the job summary. What does not fit is cut at a line end, with a word about it.
    pub fn summary(&self, markdown: &str) -> Result<(), OutputError> {
        let markdown = self.masker.redact(markdown);
        let Some(path) = &self.summary_path else {
            self.group("summary", &markdown);
            return Ok(());
        };
        let used = fs::metadata(path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
        append(path, fitting(&markdown, MAX_SUMMARY_BYTES.saturating_sub(used)).as_bytes())
    }

    fn entries(&self, what: &str, path: Option<&Path>, entries: &[(&str, &str)]) -> Result<(), OutputError> {
        if let Some((name, _)) = entries.iter().find(|(name, _)| !is_name(name)) {
            return Err(OutputError::Name((*name).to_owned()));
        }
        let entries: Vec<_> = entries.iter().map(|(name, value)| (*name, self.masker.redact(value))).collect();
        if let Some(path) = path {
            return append(path, entries.iter().map(|(name, value)| entry(name, value)).collect::<String>().as_bytes());
        }
        let lines: Vec<_> = entries.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        self.group(what, &lines.join("\n"));
        Ok(())
    }

    fn group(&self, title: &str, text: &str) {
        self.console.group(title);
        self.console.line(text);
        self.console.end_group();
    }
}

/// One write, so that two steps that share a file (act) do not mix their lines.
fn append(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let written = OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| OutputError::File { path: path.into(), source })
}

/// The runner splits at the first `=` or `<<`, so a name holds neither (`FileCommandManager.cs`,
/// `EnvFileKeyValuePairs`); the rest is what an expression can read as `steps.id.outputs.name`.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// `name<<delimiter`, the value, the delimiter. No blank line between entries: act takes one for an error.
fn entry(name: &str, value: &str) -> String {
    let delimiter = delimiter(value);
    format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
}

/// A line that the value does not hold: proven, not just unlikely, whoever wrote the value.
fn delimiter(value: &str) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    let mut delimiter = format!("end_{:016x}", hasher.finish());
    while value.contains(&delimiter) {
        delimiter.push('_');
    }
    delimiter
}

/// The text, or as many of its lines as fit together with the word about the cut.
fn fitting(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(CUT.len()) else { return String::new() };
    let kept = &text.as_bytes()[..room];
    let end = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Environment;
    use crate::console::tests::{Paper, on};

    fn outputs(folder: &Path, fallback: &Path) -> (Outputs, Paper, Console) {
        let path = |name: &str| folder.join(name).display().to_string();
        let runner = Runner::read(&Environment::from_iter([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_OUTPUT", &path("output")),
            ("GITHUB_STATE", &path("state")),
            ("GITHUB_STEP_SUMMARY", &path("summary")),
        ]));
        let (console, paper) = on(&[("GITHUB_ACTIONS", "true")]);
        (Outputs::with_fallback(&runner, &console, fallback), paper, console)
    }

    /// The runner's reader (`FileCommandManager.cs`, `EnvFileKeyValuePairs`), for entries with a delimiter.
    fn read_back(text: &str) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('\n') {
            let (name, delimiter) = head.split_once("<<").unwrap();
            assert!(!name.contains('=') && !name.is_empty());
            let mut value = Vec::new();
            rest = tail;
            loop {
                let (line, tail) = rest.split_once('\n').unwrap();
                rest = tail;
                if line == delimiter {
                    break;
                }
                value.push(line);
            }
            entries.push((name.to_owned(), value.join("\n")));
        }
        assert_eq!(rest, "");
        entries
    }

    #[test]
    fn outputs_are_appended_without_blank_lines_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("output"), "old<<x\n1\nx\n").unwrap();
        let (outputs, ..) = outputs(folder.path(), Path::new("/nowhere"));
        outputs.write(&[("status", "complete"), ("missing-json", "[]"), ("missing", "")]).unwrap();
        outputs.write(&[("images", "a\nb\n")]).unwrap();
        let text = fs::read_to_string(folder.path().join("output")).unwrap();
        assert!(!text.replace("\n\nend_", "").contains("\n\n"), "{text}");
        let expected =
            [("old", "1"), ("status", "complete"), ("missing-json", "[]"), ("missing", ""), ("images", "a\nb\n")];
        assert_eq!(read_back(&text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_name_that_would_break_the_file_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (outputs, ..) = outputs(folder.path(), Path::new("/nowhere"));
        for name in ["", "a=b", "a<<b", "a\nb", "1a", "ä"] {
            assert!(outputs.write(&[("fine", "1"), (name, "2")]).is_err(), "accepted {name:?}");
        }
        assert!(!folder.path().join("output").exists());
    }

    #[test]
    fn where_act_names_a_path_that_is_not_mounted_its_real_one_is_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outputcmd.txt"), "").unwrap();
        let (outputs, paper, _) = outputs(Path::new("/nowhere/at/all"), folder.path());
        outputs.write(&[("status", "pending")]).unwrap();
        outputs.summary("# Done").unwrap();
        let text = fs::read_to_string(folder.path().join("outputcmd.txt")).unwrap();
        assert_eq!(read_back(&text), [("status".to_owned(), "pending".to_owned())]);
        assert_eq!(paper.text(), "::group::summary\n# Done\n::endgroup::\n");
    }

    #[test]
    fn without_a_file_they_are_printed_and_cannot_become_commands() {
        let (console, paper) = on(&[]);
        let outputs = Outputs::new(&Runner::default(), &console);
        outputs.write(&[("status", "complete"), ("images", "x\n::error::y")]).unwrap();
        assert_eq!(paper.text(), "outputs\nstatus = complete\nimages = x\n: :error::y\n");
    }

    #[test]
    fn hidden_secrets_reach_neither_output_nor_summary() {
        let folder = tempfile::tempdir().unwrap();
        let (outputs, _, console) = outputs(folder.path(), Path::new("/nowhere"));
        console.masker().hide("hunter2");
        outputs.write(&[("a", "hunter2")]).unwrap();
        outputs.save_state(&[("a", "x hunter2")]).unwrap();
        outputs.summary("hunter2").unwrap();
        for name in ["output", "state", "summary"] {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(text.contains("***") && !text.contains("hunter2"), "{name}: {text}");
        }
    }

    #[test]
    fn a_summary_is_cut_at_a_line_end_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (outputs, ..) = outputs(folder.path(), Path::new("/nowhere"));
        let path = folder.path().join("summary");
        outputs.summary("before\n").unwrap();
        outputs.summary(&"a line of äöü\n".repeat(100_000)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() <= MAX_SUMMARY_BYTES && text.len() > MAX_SUMMARY_BYTES - 100);
        assert!(text.ends_with(&format!("a line of äöü\n{CUT}")));
        outputs.summary(&"x".repeat(1000)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    proptest! {
        #[test]
        fn any_value_is_read_back_as_it_was(values in prop::collection::vec(any::<String>(), 1..4)) {
            let text: String = values.iter().map(|value| entry("name", value)).collect();
            let read: Vec<_> = read_back(&text).into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn the_delimiter_is_never_in_the_value(value in any::<String>()) {
            let tricky = format!("{value}\n{}\n", delimiter(&value));
            prop_assert!(!tricky.contains(&delimiter(&tricky)));
        }
    }
}
