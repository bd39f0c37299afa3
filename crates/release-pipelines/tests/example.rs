//! The example repository, this repository, and what the README says of a migration, held against the program.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect_file;
use release_pipelines::Repository;
use release_pipelines::check::check;
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_release-pipelines"));
    command.env_clear().current_dir(folder).args(arguments).output().unwrap()
}

/// The example as it was before: its services, and the one workflow for all of them.
fn before() -> TempDir {
    let (example, folder) = (root().join("examples/six-services"), tempfile::tempdir().unwrap());
    for part in ["deploy", "shared"] {
        copy(&example.join(part), &folder.path().join(part));
    }
    let workflows = folder.path().join(".github/workflows");
    fs::create_dir_all(&workflows).unwrap();
    fs::copy(example.join("before/release.yml"), workflows.join("release.yml")).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = names
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect::<Vec<_>>();
    files.sort();
    files
}

/// The e2e runs the example's files under act, from the tag to the full release: these are the same.
#[test]
fn what_the_old_workflow_of_the_example_becomes_is_the_example() {
    let folder = before();
    assert_eq!(run(folder.path(), &["migrate", "--yes"]).status.code(), Some(0));
    let mut written = files(&folder.path().join(".github/workflows"));
    written.retain(|(name, _)| !name.ends_with(".archived"));
    let example = files(&root().join("examples/six-services/.github/workflows"));
    assert_eq!(written.len(), example.len());
    for (written, example) in written.iter().zip(&example) {
        assert_eq!(written, example, "{}", example.0);
    }
}

#[test]
fn the_page_of_the_migration_shows_its_whole_diff() {
    let diff = run(before().path(), &["diff"]);
    assert_eq!(diff.status.code(), Some(0));
    expect_file![root().join("docs/migration.diff")].assert_eq(&String::from_utf8(diff.stdout).unwrap());
}

/// What the README shows is cut out of that diff, file by file.
#[test]
fn the_readme_shows_a_part_of_that_diff_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split_once("\n## Coming from one big release.yml\n").unwrap().1.split("\n## ").next().unwrap();
    let shown = section.split_once("```diff\n").unwrap().1.split_once("```").unwrap().0;
    let diff = fs::read_to_string(root().join("docs/migration.diff")).unwrap();
    let parts = |text: &str| {
        text.split_inclusive('\n').fold(Vec::<String>::new(), |mut parts, line| {
            match parts.last_mut().filter(|_| !line.starts_with("diff --git ")) {
                Some(part) => part.push_str(line),
                None => parts.push(line.to_owned()),
            }
            parts
        })
    };
    let whole = parts(&diff);
    let shown = parts(shown);
    assert!(shown.len() >= 2);
    for part in shown {
        assert!(whole.contains(&part), "the diff has no such part:\n{part}");
    }
}

#[test]
fn the_workflows_of_the_example_and_of_this_repository_fit() {
    for folder in [root().join("examples/six-services"), root()] {
        let findings = check(&Repository::open(&folder).unwrap()).unwrap();
        let findings = findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(findings, [""; 0], "{}", folder.display());
    }
}
