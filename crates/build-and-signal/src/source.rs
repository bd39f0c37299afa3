//! Which commit is checked out, by what git keeps in `.git` (gitrepository-layout). Nothing is run, nothing is written.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use domain::repository::CommitSha;

/// A reference is a line, a file of packed references has one line each; no repository's is larger.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// `HEAD` may name a reference that names another one; git follows five.
const MAX_LINKS: usize = 5;

/// The commit that is checked out in `workspace`; `None` when it holds no repository, or one that has no commit.
pub(crate) fn checked_out(workspace: &Path) -> Option<CommitSha> {
    let folder = git_folder(workspace)?;
    // The references of a linked work tree stand with those of the main one.
    let common = read(&folder.join("commondir")).map_or_else(|| folder.clone(), |common| folder.join(common.trim()));
    let mut name = "HEAD".to_owned();
    for _ in 0..=MAX_LINKS {
        let text = read(&folder.join(&name)).or_else(|| read(&common.join(&name)));
        let Some(text) = text else { return packed(&common, &name) };
        match text.trim().strip_prefix("ref:") {
            Some(next) if is_reference(next.trim()) => next.trim().clone_into(&mut name),
            Some(_) => return None,
            None => return text.trim().parse().ok(),
        }
    }
    None
}

fn git_folder(workspace: &Path) -> Option<PathBuf> {
    let path = workspace.join(".git");
    if path.is_dir() {
        return Some(path);
    }
    // A submodule, or a linked work tree.
    let text = read(&path)?;
    Some(workspace.join(text.trim().strip_prefix("gitdir:")?.trim()))
}

/// A name below `refs/`, which leads out of no folder.
fn is_reference(name: &str) -> bool {
    name.starts_with("refs/") && name.split('/').all(|part| !part.is_empty() && part != ".." && part != ".")
}

/// The commit of a reference in `packed-refs`: lines of a commit, a space and a name.
fn packed(common: &Path, name: &str) -> Option<CommitSha> {
    let text = read(&common.join("packed-refs"))?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(_, packed)| *packed == name)?.0.parse().ok()
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn found(files: &[(&str, &str)]) -> Option<String> {
        checked_out(repository(files).path()).map(|sha| sha.to_string())
    }

    #[test]
    fn a_detached_head_is_a_commit() {
        assert_eq!(found(&[(".git/HEAD", &format!("{SHA}\n"))]).as_deref(), Some(SHA));
    }

    #[test]
    fn a_branch_is_looked_up_loose_and_packed() {
        let head = (".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(found(&[head, (".git/refs/heads/main", SHA)]).as_deref(), Some(SHA));
        let packed =
            format!("# pack-refs with: peeled\n{} refs/heads/other\n{SHA} refs/heads/main\n^{SHA}\n", "f".repeat(40));
        assert_eq!(found(&[head, (".git/packed-refs", &packed)]).as_deref(), Some(SHA));
        assert_eq!(found(&[head]), None);
    }

    #[test]
    fn a_linked_work_tree_keeps_its_references_elsewhere() {
        let files = [
            (".git", "gitdir: main/.git/worktrees/here\n"),
            ("main/.git/worktrees/here/HEAD", "ref: refs/heads/x\n"),
            ("main/.git/worktrees/here/commondir", "../..\n"),
            ("main/.git/refs/heads/x", SHA),
        ];
        assert_eq!(found(&files).as_deref(), Some(SHA));
    }

    #[test]
    fn what_leads_out_of_the_repository_or_in_a_circle_is_no_commit() {
        for head in ["ref: ../../secret", "ref: refs/../../x", "ref: HEAD", "not a commit", ""] {
            assert_eq!(found(&[(".git/HEAD", head), ("secret", SHA)]), None, "{head}");
        }
        assert_eq!(found(&[(".git/HEAD", "ref: refs/a"), (".git/refs/a", "ref: refs/a")]), None);
        assert_eq!(found(&[("README.md", "no repository")]), None);
    }
}
