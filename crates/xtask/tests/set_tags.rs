//! `cargo xtask set-tags` against a bare repository: what becomes of its tags.

#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A remote, and a folder with commits such as `cargo xtask dist` leaves it.
struct Place {
    folder: tempfile::TempDir,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(arguments);
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.org");
    }
    let ended = git.output().unwrap();
    assert!(ended.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().trim_end().to_owned()
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet", "--bare", "remote.git"]);
        git(folder.path(), &["init", "--quiet", "--bare", "tree/repository.git"]);
        Self { folder }
    }

    fn remote(&self) -> PathBuf {
        self.folder.path().join("remote.git")
    }

    /// The branch `release` of the tree names a new commit, which is returned.
    fn render(&self, message: &str) -> String {
        let tree = self.folder.path().join("tree/repository.git");
        let empty = git(&tree, &["mktree"]);
        let commit = git(&tree, &["commit-tree", "-m", message, &empty]);
        git(&tree, &["update-ref", "refs/heads/release", &commit]);
        commit
    }

    fn publish(&self, version: &str) -> Result<String, String> {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.args(["set-tags", "--version", version, "--tree"]).arg(self.folder.path().join("tree"));
        let ended = xtask.arg("--remote").arg(self.remote()).output().unwrap();
        if ended.status.success() {
            return Ok(String::from_utf8(ended.stdout).unwrap());
        }
        Err(String::from_utf8(ended.stderr).unwrap())
    }

    /// `tag=message` of every tag's commit.
    fn tags(&self) -> Vec<String> {
        let listed = git(&self.remote(), &["tag", "--format=%(refname:short)=%(contents:subject)%(*contents:subject)"]);
        listed.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_release_makes_its_tag_and_moves_its_lines_forward_only() {
    let place = Place::new();
    let first = place.render("one");
    let told = place.publish("v1.2.0").unwrap();
    assert_eq!(told, format!("v1.2.0 {first} (new)\nv1.2 {first} (new)\nv1 {first} (new)\n"));
    let second = place.render("two");
    place.publish("v1.3.0").unwrap();
    let third = place.render("three");
    let told = place.publish("v1.2.1").unwrap();
    assert_eq!(told, format!("v1.2.1 {third} (new)\nv1.2 {third} (was {first})\n"));
    assert_eq!(place.tags(), ["v1=two", "v1.2=three", "v1.2.0=one", "v1.2.1=three", "v1.3=two", "v1.3.0=two"]);
    assert_ne!(second, third);
}

#[test]
fn to_publish_again_changes_nothing_and_another_tree_is_refused() {
    let place = Place::new();
    place.render("one");
    place.publish("v1.2.0").unwrap();
    assert_eq!(place.publish("v1.2.0").unwrap(), "v1.2.0 is published already: nothing to do\n");
    place.render("two");
    let error = place.publish("v1.2.0").unwrap_err();
    assert!(error.contains("never moves: publish the next version"), "{error}");
    assert_eq!(place.tags(), ["v1=one", "v1.2=one", "v1.2.0=one"]);
}

#[test]
fn an_annotated_tag_is_the_commit_that_it_is_of() {
    let place = Place::new();
    let first = place.render("one");
    place.publish("v1.2.0").unwrap();
    git(&place.remote(), &["tag", "--annotate", "--force", "--message", "one", "v1.2.0", &first]);
    place.render("two");
    place.publish("v1.2.1").unwrap();
    assert_eq!(place.tags(), ["v1=two", "v1.2=two", "v1.2.0=oneone", "v1.2.1=two"]);
}

#[cfg(unix)]
#[test]
fn all_tags_are_set_or_none() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    place.render("one");
    place.publish("v1.2.0").unwrap();
    let hook = place.remote().join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\ntest \"$1\" != refs/tags/v1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    place.render("two");
    assert!(place.publish("v1.2.1").is_err());
    assert_eq!(place.tags(), ["v1=one", "v1.2=one", "v1.2.0=one"]);
    std::fs::remove_file(hook).unwrap();
    place.publish("v1.2.1").unwrap();
    assert_eq!(place.tags(), ["v1=two", "v1.2=two", "v1.2.0=one", "v1.2.1=two"]);
}
