//! The git program, in one repository. What it is told is data; what it says is read strictly.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// A repository, bare or not.
#[derive(Debug)]
pub(crate) struct Git {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Git {
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), environment: Vec::new() }
    }

    /// The same repository, with variables for git.
    pub(crate) fn with(&self, variables: &[(&'static str, &str)]) -> Self {
        let variables = variables.iter().map(|&(name, value)| (name, value.to_owned()));
        Self { folder: self.folder.clone(), environment: variables.collect() }
    }

    /// Runs git and returns what it prints.
    ///
    /// # Errors
    ///
    /// Git is not there, or fails: with what it said.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> anyhow::Result<Vec<u8>> {
        self.feed(arguments, b"")
    }

    /// The same, without the end of the line, as text.
    pub(crate) fn line<S: AsRef<OsStr>>(&self, arguments: &[S]) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.run(arguments)?)?.trim_end().to_owned())
    }

    /// The same, with `input` on its standard input.
    pub(crate) fn feed<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(&self.folder)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = || {
            let words = arguments.iter().map(|argument| argument.as_ref().to_string_lossy());
            format!("git {}", words.collect::<Vec<_>>().join(" "))
        };
        let mut child = git.spawn().context("git cannot be started; is it installed?")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).with_context(shown)?;
        }
        let ended = child.wait_with_output().with_context(shown)?;
        ensure!(ended.status.success(), "{}: {}", shown(), String::from_utf8_lossy(&ended.stderr).trim());
        Ok(ended.stdout)
    }
}
