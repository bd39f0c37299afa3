//! The release tree, as a chain of commits on top of the source commit. Each commit adds what may name the ones before it:
//! the Docker actions, then the wrapper that pins them, then the reusable workflow that pins both. Equal input gives equal
//! commits: author, time and parent come from the source commit.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use domain::repository::CommitSha;

use crate::git::Git;
use crate::lock::Lock;
use crate::render;

/// One commit of the chain.
struct Link {
    message: &'static str,
    /// What it adds.
    items: &'static [Item],
}

enum Item {
    /// A file that is copied.
    Page(&'static str),
    Readme(&'static str),
    /// A folder below `actions/` with its `action.yml`; at the root in the tree.
    Action(&'static str),
    /// A reusable workflow, named by its path, which is the same in both trees.
    Workflow(&'static str),
}

const CHAIN: [Link; 3] = [
    Link {
        message: "Render the Docker actions",
        items: &[
            Item::Page("LICENSE-APACHE"),
            Item::Page("LICENSE-MIT"),
            Item::Readme("README.md"),
            Item::Action("build-and-signal"),
            Item::Action("wait-and-release"),
        ],
    },
    Link { message: "Render the wrapper, which pins the Docker actions", items: &[Item::Action("build-image")] },
    Link {
        message: "Render the reusable workflow, which pins the actions",
        items: &[Item::Workflow(".github/workflows/build-image.yml")],
    },
];

/// The image of the tool for people, which no action runs.
const TOOL: &str = "release-pipelines";

/// The branch of `repository.git` that holds the chain.
const BRANCH: &str = "refs/heads/release";
/// Of every commit of the chain: the same whoever runs this, as the commits must be the same.
const IDENTITY: (&str, &str) = ("release-actions", "release-actions@users.noreply.github.com");

/// Renders into `out`, and returns the text of `chain`.
///
/// # Errors
///
/// The lock file is not usable, `source` lacks the commit or a file of it, a file cannot be rendered whole, or `out` is not
/// empty.
pub(crate) fn dist(images: &Path, out: &Path, source: &Path) -> anyhow::Result<String> {
    let lock = Lock::read(images)?;
    std::fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    ensure!(out.read_dir()?.next().is_none(), "{} is not empty: name a new folder", out.display());
    let source = Source::open(source, &lock.commit)?;
    let repository = source.heir(&out.join("repository.git"))?;

    let mut used = vec![TOOL];
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut commits: BTreeMap<String, String> = BTreeMap::new();
    let mut parent = lock.commit.clone();
    let mut chain = String::new();
    for link in CHAIN {
        let mut added = Vec::new();
        for item in link.items {
            match item {
                Item::Page(path) => {
                    files.insert((*path).to_owned(), source.file(path)?);
                }
                Item::Readme(path) => {
                    let page = render::readme(&source.text(path)?, &lock.repository, &lock.commit);
                    files.insert((*path).to_owned(), page.into());
                }
                Item::Action(name) => {
                    let image = lock.images.get_key_value(*name);
                    used.extend(image.map(|(name, _)| name.as_str()));
                    let folder = format!("actions/{name}");
                    for path in source.files(&folder)? {
                        let at = path.strip_prefix("actions/").unwrap_or(&path).to_owned();
                        let content = if path == format!("{folder}/action.yml") {
                            render::manifest(&source.text(&path)?, image.map(|(_, image)| image), &commits)
                                .context(path)?
                                .into()
                        } else {
                            source.file(&path)?
                        };
                        files.insert(at, content);
                    }
                    added.push((format!("./{folder}"), (*name).to_owned()));
                }
                Item::Workflow(path) => {
                    let workflow = render::manifest(&source.text(path)?, None, &commits).context(*path)?;
                    files.insert((*path).to_owned(), workflow.into());
                    added.push((format!("./{path}"), (*path).to_owned()));
                }
            }
        }
        let commit = commit(&repository, &source, &parent, link.message, &files)?;
        let folder = out.join(commit.as_str());
        for (path, content) in &files {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap_or(&folder))?;
            std::fs::write(&file, content).with_context(|| format!("write {}", file.display()))?;
        }
        commits.extend(added.into_iter().map(|(own, path)| (own, format!("{}/{path}@{commit}", lock.repository))));
        writeln!(chain, "{}@{commit} {}", lock.repository, folder.display())?;
        parent = commit;
    }
    let idle: Vec<&str> = lock.images.keys().map(String::as_str).filter(|image| !used.contains(image)).collect();
    ensure!(idle.is_empty(), "no action of the tree has the images {}", idle.join(", "));
    repository.run(&["update-ref", BRANCH, parent.as_str()])?;
    std::fs::write(out.join("chain"), &chain)?;
    Ok(chain)
}

/// The source tree at its commit.
struct Source {
    git: Git,
    commit: CommitSha,
    /// The commit's time, as git writes it into a commit.
    time: String,
}

impl Source {
    fn open(folder: &Path, commit: &CommitSha) -> anyhow::Result<Self> {
        let git = Git::at(folder);
        let time = git
            .line(&["show", "--no-patch", "--format=%cd", "--date=raw", &format!("{commit}^{{commit}}")])
            .with_context(|| {
                format!("{} has no commit {commit}, which the images were built from", folder.display())
            })?;
        Ok(Self { git, commit: commit.clone(), time })
    }

    /// A new bare repository that reads the source's objects where they are.
    fn heir(&self, folder: &Path) -> anyhow::Result<Git> {
        let folder = std::path::absolute(folder)?;
        self.git.run(&[OsStr::new("init"), "--quiet".as_ref(), "--bare".as_ref(), folder.as_ref()])?;
        let objects = self.git.line(&["rev-parse", "--path-format=absolute", "--git-path", "objects"])?;
        std::fs::write(folder.join("objects/info/alternates"), format!("{objects}\n"))?;
        Ok(Git::at(&folder))
    }

    fn file(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.git.run(&["cat-file", "blob", &format!("{}:{path}", self.commit)])
    }

    fn text(&self, path: &str) -> anyhow::Result<String> {
        String::from_utf8(self.file(path)?).with_context(|| format!("{path} is not UTF-8"))
    }

    /// The paths of a folder's files, below it at any depth.
    fn files(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let listed = self.git.run(&[
            "ls-tree",
            "-r",
            "-z",
            "--full-tree",
            "--name-only",
            self.commit.as_str(),
            &format!("{folder}/"),
        ])?;
        let paths: Vec<String> = String::from_utf8(listed)?.split_terminator('\0').map(str::to_owned).collect();
        ensure!(paths.contains(&format!("{folder}/action.yml")), "{}: there is no {folder}/action.yml", self.commit);
        Ok(paths)
    }
}

/// Makes the commit of exactly these files.
fn commit(
    repository: &Git,
    source: &Source,
    parent: &CommitSha,
    message: &str,
    files: &BTreeMap<String, Vec<u8>>,
) -> anyhow::Result<CommitSha> {
    let mut index = Vec::new();
    for (path, content) in files {
        let blob = repository.feed(&["hash-object", "-w", "--stdin"], content)?;
        index.extend_from_slice(format!("100644 {}\t{path}\0", String::from_utf8(blob)?.trim_end()).as_bytes());
    }
    let scratch = tempfile::tempdir()?;
    let indexed = repository.with(&[("GIT_INDEX_FILE", &scratch.path().join("index").to_string_lossy())]);
    indexed.feed(&["update-index", "-z", "--index-info"], &index)?;
    let tree = indexed.line(&["write-tree"])?;
    let (name, mail) = IDENTITY;
    let signed = repository.with(&[
        ("GIT_AUTHOR_NAME", name),
        ("GIT_AUTHOR_EMAIL", mail),
        ("GIT_AUTHOR_DATE", &source.time),
        ("GIT_COMMITTER_NAME", name),
        ("GIT_COMMITTER_EMAIL", mail),
        ("GIT_COMMITTER_DATE", &source.time),
    ]);
    let message = format!("{message}\n\nOf {}\n", source.commit);
    let made = signed.feed(&["commit-tree", "--no-gpg-sign", "-p", parent.as_str(), &tree], message.as_bytes())?;
    Ok(String::from_utf8(made)?.trim_end().parse()?)
}
