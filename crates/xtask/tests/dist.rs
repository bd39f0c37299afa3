//! `cargo xtask dist` on this repository's own files, committed to a repository that the test makes: what a release tag names.

#![cfg(test)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// A repository of this workspace's files with one commit, and a place for what is rendered.
struct Place {
    folder: tempfile::TempDir,
    commit: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(arguments);
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.org");
        git.env(format!("GIT_{who}_DATE"), "1764000000 +0100");
    }
    let ended = git.output().unwrap();
    assert!(ended.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().trim_end().to_owned()
}

/// The files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir().unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(path, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    found
}

fn image(action: &str) -> String {
    let digit = if action == "build-and-signal" { "b" } else { "a" };
    format!("ghcr.io/org/release-actions/{action}@sha256:{}", digit.repeat(64))
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        let put = |path: &str, text: &str| {
            let file = source.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        for (path, text) in files(&root().join("actions")) {
            put(&format!("actions/{path}"), &text);
        }
        for path in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", ".github/workflows/build-image.yml"] {
            put(path, &std::fs::read_to_string(root().join(path)).unwrap());
        }
        git(folder.path(), &["init", "--quiet", "source"]);
        git(&source, &["add", "."]);
        git(&source, &["commit", "--quiet", "--no-gpg-sign", "--message", "source"]);
        let commit = git(&source, &["rev-parse", "HEAD"]);
        Self { folder, commit }
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn lock(&self) -> Value {
        let image = |action: &str| json!({ "pinned": image(action), "revision": self.commit });
        json!({
            "schema": 1, "repository": "org/release-actions", "commit": self.commit,
            "images": { "build-and-signal": image("build-and-signal"), "wait-and-release": image("wait-and-release") },
        })
    }

    /// Renders with `lock` into the folder `out`: what was printed, or the error.
    fn dist(&self, lock: &Value, out: &str) -> Result<String, String> {
        let file = self.folder.path().join("images.lock.json");
        std::fs::write(&file, lock.to_string()).unwrap();
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.arg("dist").arg("--images").arg(file).arg("--out").arg(self.folder.path().join(out));
        let ended = xtask.arg("--source").arg(self.source()).output().unwrap();
        if ended.status.success() {
            return Ok(String::from_utf8(ended.stdout).unwrap());
        }
        Err(String::from_utf8(ended.stderr).unwrap())
    }

    /// Renders: the commits, oldest first, each with its files.
    fn chain(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let printed = self.dist(&self.lock(), "out").unwrap();
        let lines =
            printed.lines().map(|line| line.strip_prefix("org/release-actions@").unwrap().split_once(' ').unwrap());
        lines.map(|(commit, folder)| (commit.to_owned(), files(Path::new(folder)))).collect()
    }
}

/// Every value of the key `name`, at any depth.
fn values(of: &Value, name: &str, found: &mut Vec<String>) {
    match of {
        Value::Object(entries) => {
            found.extend(entries.get(name).and_then(Value::as_str).map(str::to_owned));
            entries.values().for_each(|value| values(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all(files: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for text in files
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|end| end == "yml"))
        .map(|(_, text)| text)
    {
        values(&serde_saphyr::from_str(text).unwrap(), name, &mut found);
    }
    found
}

#[test]
fn the_last_commit_holds_the_public_paths_and_the_pages() {
    let place = Place::new();
    let chain = place.chain();
    let (last, files) = chain.last().unwrap();
    let paths: Vec<&str> = files.keys().map(String::as_str).filter(|path| !path.starts_with("build-image/")).collect();
    assert_eq!(
        paths,
        [
            ".github/workflows/build-image.yml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "build-and-signal/action.yml",
            "wait-and-release/action.yml",
        ]
    );
    assert!(files.contains_key("build-image/action.yml"));
    let bare = place.folder.path().join("out/repository.git");
    assert_eq!(&git(&bare, &["rev-parse", "release"]), last);
    for (commit, files) in &chain {
        let listed = git(&bare, &["ls-tree", "-r", "--name-only", commit]);
        assert_eq!(listed.lines().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>(), "the folder is the commit");
        for (path, text) in files {
            assert_eq!(&git(&bare, &["show", &format!("{commit}:{path}")]), text.trim_end(), "{path}");
        }
    }
}

#[test]
fn every_commit_stands_on_the_one_before_and_the_first_on_the_source() {
    let place = Place::new();
    let bare = place.folder.path().join("out/repository.git");
    let mut expected: Vec<String> = place.chain().into_iter().map(|(commit, _)| commit).rev().collect();
    expected.push(place.commit.clone());
    assert_eq!(git(&bare, &["rev-list", "release"]).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn every_image_is_the_digest_that_was_given() {
    let place = Place::new();
    for (_, files) in place.chain() {
        for action in ["build-and-signal", "wait-and-release"] {
            let manifest: Value = serde_saphyr::from_str(&files[&format!("{action}/action.yml")]).unwrap();
            assert_eq!(manifest["runs"]["image"], format!("docker://{}", image(action)));
            assert_eq!(manifest["runs"]["entrypoint"], format!("/{action}"));
        }
        assert_eq!(all(&files, "image").iter().filter(|image| image.contains("Dockerfile")).count(), 0);
    }
}

#[test]
fn every_own_use_is_the_full_name_of_an_earlier_commit_that_has_it() {
    let chain = Place::new().chain();
    let mut own = 0;
    for (number, (_, files)) in chain.iter().enumerate() {
        for reference in all(files, "uses") {
            let (path, commit) = reference.split_once('@').unwrap();
            assert!(!path.starts_with(['.', '$']), "{reference}");
            let Some(path) = path.strip_prefix("org/release-actions/") else { continue };
            let earlier = chain[..number].iter().find(|(earlier, _)| earlier == commit);
            let (_, has) = earlier.unwrap_or_else(|| panic!("{reference} is no earlier commit"));
            assert!(has.contains_key(path) || has.contains_key(&format!("{path}/action.yml")), "{reference}");
            own += 1;
        }
    }
    assert!(own >= 2, "the wrapper and the reusable workflow name actions of ours");
}

#[test]
fn nothing_else_changes() {
    let place = Place::new();
    let (_, files) = place.chain().pop().unwrap();
    let mut changed = Vec::new();
    for (path, text) in &files {
        let own = if path.ends_with("action.yml") { format!("actions/{path}") } else { path.clone() };
        let source = std::fs::read_to_string(place.source().join(own)).unwrap();
        assert_eq!(source.lines().count(), text.lines().count(), "{path}");
        for (old, new) in source.lines().zip(text.lines()).filter(|(old, new)| old != new) {
            let old = old.trim_start().trim_start_matches("- ");
            changed.push((path.as_str(), old.to_owned(), new.to_owned()));
        }
    }
    for (path, old, new) in changed {
        let allowed = match path {
            "README.md" => new.contains("](https://github.com/org/release-actions/"),
            _ => old.starts_with("image: ../../Dockerfile") || old.starts_with("uses: ./"),
        };
        assert!(allowed, "{path}: {old} became {new}");
    }
}

#[test]
fn the_same_input_gives_the_same_commits_whoever_renders_it() {
    let place = Place::new();
    let commits = |printed: String| -> Vec<String> {
        printed.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    git(&place.source(), &["config", "user.name", "somebody"]);
    let first = commits(place.dist(&place.lock(), "one").unwrap());
    git(&place.source(), &["config", "user.name", "else"]);
    git(&place.source(), &["config", "core.autocrlf", "true"]);
    std::fs::write(place.source().join("README.md"), "not committed").unwrap();
    assert_eq!(commits(place.dist(&place.lock(), "two").unwrap()), first);
    let mut other = place.lock();
    other["images"]["build-and-signal"]["pinned"] = json!(image("wait-and-release"));
    assert_ne!(commits(place.dist(&other, "three").unwrap()), first);
}

#[test]
fn what_does_not_fit_together_is_named() {
    let place = Place::new();
    let with = |path: &[&str], value: Value| {
        let mut lock = place.lock();
        let mut at = &mut lock;
        for key in path {
            at = &mut at[*key];
        }
        *at = value;
        lock
    };
    let extra = json!({ "pinned": image("a"), "revision": place.commit });
    let mut one = place.lock();
    one["images"].as_object_mut().unwrap().remove("wait-and-release");
    let cases = [
        (with(&["commit"], json!("1".repeat(40))), "was built from"),
        (with(&["repository"], json!("release-actions")), "owner/name"),
        (with(&["images", "web"], extra), "no action of the tree has the images web"),
        (with(&["images", "wait-and-release", "pinned"], json!("ghcr.io/o/a:1")), "names no digest"),
        (one, "actions/wait-and-release/action.yml: /runs/image: no image is given"),
    ];
    for (number, (lock, expected)) in cases.iter().enumerate() {
        let error = place.dist(lock, &format!("out{number}")).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    std::fs::create_dir_all(place.folder.path().join("used/x")).unwrap();
    assert!(place.dist(&place.lock(), "used").unwrap_err().contains("is not empty"));
}
