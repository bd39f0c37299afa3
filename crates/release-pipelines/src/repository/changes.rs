//! The changes that are proposed to a checkout: as a diff, and written. Nothing is written before `apply`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use similar::TextDiff;

use super::{FileError, Repository, normal};

impl Repository {
    /// A file shall hold this text.
    pub(crate) fn write(&mut self, path: &str, text: String) {
        self.changes.insert(path.to_owned(), Some(text));
    }

    /// A file shall have another name.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let text = self.read(from)?;
        self.changes.insert(from.to_owned(), None);
        self.changes.insert(to.to_owned(), text);
        Ok(())
    }

    /// What is there before the changes.
    fn before(&self, path: &str) -> Result<Option<String>, FileError> {
        Self { root: self.root.clone(), changes: BTreeMap::new() }.read(path)
    }

    /// How many files get a new text or a new name.
    pub fn changed(&self) -> usize {
        self.changes.values().filter(|text| text.is_some()).count()
    }

    /// The changes as a unified diff that `git apply` takes.
    pub fn diff(&self) -> Result<String, FileError> {
        let mut diff = Vec::new();
        for (path, after) in &self.changes {
            let before = self.before(path)?;
            if before == *after || (before.is_none() && self.old_name(after.as_ref())?.is_some()) {
                continue;
            }
            let new_name = self.changes.iter().find(|(_, text)| text.is_some() && **text == before);
            if let (None, Some((to, _))) = (after, new_name) {
                diff.push(format!(
                    "diff --git a/{path} b/{to}\nsimilarity index 100%\nrename from {path}\nrename to {to}\n"
                ));
                continue;
            }
            diff.push(format!("diff --git a/{path} b/{path}\n"));
            let (mut from, mut to) = (format!("a/{path}"), format!("b/{path}"));
            if before.is_none() {
                diff.push("new file mode 100644\n".into());
                from = "/dev/null".into();
            }
            if after.is_none() {
                diff.push("deleted file mode 100644\n".into());
                to = "/dev/null".into();
            }
            let (before, after) = (before.unwrap_or_default(), after.as_deref().unwrap_or_default());
            diff.push(TextDiff::from_lines(before.as_str(), after).unified_diff().header(&from, &to).to_string());
        }
        Ok(diff.concat())
    }

    /// The file that has another name now, by its text.
    fn old_name(&self, text: Option<&String>) -> Result<Option<&str>, FileError> {
        for (from, after) in &self.changes {
            if after.is_none() && self.before(from)?.as_ref() == text {
                return Ok(Some(from));
            }
        }
        Ok(None)
    }

    /// Writes the changes: all new texts beside their places first, so that what fails leaves everything as it was.
    pub fn apply(&self) -> Result<(), FileError> {
        let mut ready = Vec::new();
        for (path, text) in &self.changes {
            let io = |error| FileError::Io(path.clone(), error);
            let target = self.root.join(normal(path).ok_or_else(|| FileError::Outside(path.clone()))?);
            let folder = target.parent().unwrap_or(&self.root).to_owned();
            if !self.leads_inside(&folder) || target.is_symlink() {
                return Err(FileError::Outside(path.clone()));
            }
            match text {
                Some(text) => {
                    fs::create_dir_all(&folder).map_err(io)?;
                    let mut file = tempfile::Builder::new()
                        .permissions(fs::Permissions::from_mode(0o644))
                        .tempfile_in(&folder)
                        .map_err(io)?;
                    file.write_all(text.as_bytes()).map_err(io)?;
                    ready.push((path, target, Some(file)));
                }
                None => ready.push((path, target, None)),
            }
        }
        // First what is new, then what is gone: a name that changes is never without its text.
        ready.sort_by_key(|(_, _, file)| file.is_none());
        for (path, target, file) in ready {
            let done = match file {
                Some(file) => file.persist(&target).map(drop).map_err(|error| error.error),
                None => fs::remove_file(&target),
            };
            done.map_err(|error| FileError::Io(path.clone(), error))?;
        }
        Ok(())
    }

    /// Whether the nearest folder that is there lies in the repository.
    fn leads_inside(&self, folder: &Path) -> bool {
        let there = folder.ancestors().find_map(|folder| folder.canonicalize().ok());
        there.is_some_and(|there| there.starts_with(&self.root))
    }
}
