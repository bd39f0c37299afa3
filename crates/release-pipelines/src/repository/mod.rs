//! A checkout, and the changes that are proposed to it (`changes`). Reads stay within it.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The folder of the workflow files.
pub(crate) const WORKFLOWS: &str = ".github/workflows";
/// A longer file is no workflow: GitHub itself takes none over 512 KiB.
const MAX_FILE: u64 = 1 << 20;

/// A checkout of a repository. Paths are relative to it and written with `/`.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
    /// What a path shall hold; `None`: nothing.
    changes: BTreeMap<String, Option<String>>,
}

/// A file of the repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A symbolic link, or `..`, leads away.
    #[error("`{0}` leads out of the repository")]
    Outside(String),
    /// It is not text.
    #[error("`{0}` is not UTF-8")]
    NotUtf8(String),
    /// It is larger than what is read.
    #[error("`{0}` is larger than 1 MiB")]
    TooLarge(String),
    /// The operating system says no.
    #[error("`{0}`: {1}")]
    Io(String, #[source] io::Error),
}

impl Repository {
    /// The checkout at `root`.
    pub fn open(root: &Path) -> Result<Self, FileError> {
        let name = || root.display().to_string();
        let root = root.canonicalize().map_err(|error| FileError::Io(name(), error))?;
        if !root.is_dir() {
            return Err(FileError::Io(name(), ErrorKind::NotADirectory.into()));
        }
        Ok(Self { root, changes: BTreeMap::new() })
    }

    /// The text of a file; `None` when there is none.
    pub(crate) fn read(&self, path: &str) -> Result<Option<String>, FileError> {
        if let Some(change) = self.changes.get(path) {
            return Ok(change.clone());
        }
        let Some(real) = self.resolve(path)? else { return Ok(None) };
        let io = |error| FileError::Io(path.to_owned(), error);
        if !real.is_file() {
            return Err(io(ErrorKind::IsADirectory.into()));
        }
        let mut bytes = Vec::new();
        fs::File::open(real).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(io)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(FileError::TooLarge(path.to_owned()));
        }
        String::from_utf8(bytes).map(Some).map_err(|_| FileError::NotUtf8(path.to_owned()))
    }

    /// Whether a file is there.
    pub(crate) fn has_file(&self, path: &str) -> bool {
        match self.changes.get(path) {
            Some(change) => change.is_some(),
            None => self.resolve(path).is_ok_and(|real| real.is_some_and(|real| real.is_file())),
        }
    }

    /// Whether a folder is there.
    pub(crate) fn has_folder(&self, path: &str) -> bool {
        self.resolve(path).is_ok_and(|real| real.is_some_and(|real| real.is_dir()))
    }

    /// The names in a folder, in order; none when there is no such folder.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let io = |error| FileError::Io(folder.to_owned(), error);
        let mut names = BTreeSet::new();
        if let Some(real) = self.resolve(folder)?.filter(|real| real.is_dir()) {
            for entry in fs::read_dir(real).map_err(io)? {
                // A name that is no text cannot be written in a workflow.
                if let Ok(name) = entry.map_err(io)?.file_name().into_string() {
                    names.insert(name);
                }
            }
        }
        for (path, change) in &self.changes {
            if let Some((parent, name)) = path.rsplit_once('/')
                && parent == folder
            {
                if change.is_some() {
                    names.insert(name.to_owned())
                } else {
                    names.remove(name)
                };
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The paths of all workflow files, in order.
    pub(crate) fn workflows(&self) -> Result<Vec<String>, FileError> {
        let names = self.names(WORKFLOWS)?.into_iter();
        let yaml = |name: &String| Path::new(name).extension().is_some_and(|end| end == "yml" || end == "yaml");
        Ok(names.filter(yaml).map(|name| format!("{WORKFLOWS}/{name}")).collect())
    }

    /// Where a path really leads; `None` when nothing is there.
    fn resolve(&self, path: &str) -> Result<Option<PathBuf>, FileError> {
        let joined = self.root.join(normal(path).ok_or_else(|| FileError::Outside(path.to_owned()))?);
        match joined.canonicalize() {
            Ok(real) if real.starts_with(&self.root) => Ok(Some(real)),
            Ok(_) => Err(FileError::Outside(path.to_owned())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(FileError::Io(path.to_owned(), error)),
        }
    }
}

/// A path without `.` and `..`; `None` when it leads out of the repository.
pub(crate) fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    if path.starts_with('/') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
