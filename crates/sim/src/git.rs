//! The repository of the world: commits, branches, tags, files and merged pull requests, and how names resolve to them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::message::object_id;
use crate::world::World;

/// Which repository the world has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySpec {
    /// Owner login.
    pub owner: String,
    /// Repository name.
    pub name: String,
    /// Private repositories need a token with the right permission even to be read.
    pub private: bool,
    /// Name of the default branch.
    pub default_branch: String,
    /// Numeric id, as in `/repositories/{id}` (GitHub's own Link headers use that form).
    pub id: u64,
}

impl Default for RepositorySpec {
    fn default() -> RepositorySpec {
        RepositorySpec {
            owner: "octo".to_owned(),
            name: "shop".to_owned(),
            private: false,
            default_branch: "main".to_owned(),
            id: 1_296_269,
        }
    }
}

/// A merged pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// The login of its author.
    pub author: String,
    /// The merge commit.
    pub sha: String,
}

pub(crate) struct Git {
    pub(crate) spec: RepositorySpec,
    pub(crate) created: Timestamp,
    pub(crate) commits: BTreeMap<String, Commit>,
    pub(crate) tags: BTreeMap<String, TagObject>,
    /// `tags/v1.0.0` or `heads/main` to the object it names.
    pub(crate) refs: BTreeMap<String, String>,
    pub(crate) pulls: Vec<PullRequest>,
    /// Tags of immutable releases: they cannot be moved or deleted.
    pub(crate) frozen: BTreeSet<String>,
    objects: u64,
}

#[derive(Clone)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) message: String,
    pub(crate) author: String,
    pub(crate) date: Timestamp,
    pub(crate) parents: Vec<String>,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) number: u64,
}

pub(crate) struct TagObject {
    pub(crate) sha: String,
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) date: Timestamp,
    pub(crate) object: String,
}

impl Git {
    pub(crate) fn new(now: Timestamp) -> Git {
        let mut git = Git {
            spec: RepositorySpec::default(),
            created: now,
            commits: BTreeMap::new(),
            tags: BTreeMap::new(),
            refs: BTreeMap::new(),
            pulls: Vec::new(),
            frozen: BTreeSet::new(),
            objects: 0,
        };
        git.commit("main", "initial commit", "octocat", now);
        git
    }

    fn commit(&mut self, branch: &str, message: &str, author: &str, date: Timestamp) -> String {
        let reference = format!("heads/{branch}");
        let parent = self.refs.get(&reference).or_else(|| self.refs.get(&self.default_head())).cloned();
        let files = parent.as_ref().and_then(|sha| self.commits.get(sha)).map(|commit| commit.files.clone());
        self.objects += 1;
        let number = self.objects;
        let sha = object_id(format!("commit {number} {message} {parent:?}").as_bytes());
        let commit = Commit {
            sha: sha.clone(),
            message: message.to_owned(),
            author: author.to_owned(),
            date,
            parents: parent.into_iter().collect(),
            files: files.unwrap_or_default(),
            number,
        };
        self.commits.insert(sha.clone(), commit);
        self.refs.insert(reference, sha.clone());
        sha
    }

    fn tag_object(&mut self, name: &str, object: &str, date: Timestamp) -> String {
        self.objects += 1;
        let sha = object_id(format!("tag {} {name} {object}", self.objects).as_bytes());
        let (name, object) = (name.to_owned(), object.to_owned());
        let tag = TagObject { sha: sha.clone(), message: format!("{name}\n"), name, date, object };
        self.tags.insert(sha.clone(), tag);
        sha
    }

    pub(crate) fn default_head(&self) -> String {
        format!("heads/{}", self.spec.default_branch)
    }

    /// The commit an object leads to, through any number of tag objects.
    pub(crate) fn peeled(&self, sha: &str) -> Option<&Commit> {
        let mut sha = sha;
        while let Some(tag) = self.tags.get(sha) {
            sha = &tag.object;
        }
        self.commits.get(sha)
    }

    /// `commit` or `tag`.
    pub(crate) fn kind(&self, sha: &str) -> &'static str {
        if self.tags.contains_key(sha) { "tag" } else { "commit" }
    }

    /// The commit of a tag name.
    pub(crate) fn tagged(&self, tag: &str) -> Option<&Commit> {
        self.refs.get(&format!("tags/{tag}")).and_then(|sha| self.peeled(sha))
    }

    /// The commit a name stands for, in the order of gitrevisions(7) "refname": a full or short id, then a full ref, a tag,
    /// a branch. REST page "Commits", parameter `ref`: "Can be a commit SHA, branch name (`heads/BRANCH_NAME`), or tag
    /// name (`tags/TAG_NAME`)".
    pub(crate) fn resolved(&self, name: &str) -> Option<&Commit> {
        if let Some(commit) = self.peeled(name) {
            return Some(commit);
        }
        let name = if name == "HEAD" { self.default_head() } else { name.to_owned() };
        let name = name.strip_prefix("refs/").unwrap_or(&name);
        let named = [name.to_owned(), format!("tags/{name}"), format!("heads/{name}")];
        if let Some(commit) = named.iter().find_map(|full| self.refs.get(full)).and_then(|sha| self.peeled(sha)) {
            return Some(commit);
        }
        let short = name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.commits.values().find(|commit| short && commit.sha.starts_with(&name.to_ascii_lowercase()))
    }

    /// The ids of a commit and everything before it.
    pub(crate) fn ancestors(&self, sha: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![sha.to_owned()];
        while let Some(sha) = open.pop() {
            if let Some(commit) = self.commits.get(&sha)
                && seen.insert(sha)
            {
                open.extend(commit.parents.iter().cloned());
            }
        }
        seen
    }
}

impl World {
    /// Makes the world's repository this one: its default branch starts where the old one stood.
    pub fn repository(&self, spec: RepositorySpec) {
        self.with(|state, _| {
            let head = state.git.refs.remove(&state.git.default_head());
            state.git.spec = spec;
            if let Some(sha) = head {
                let default = state.git.default_head();
                state.git.refs.insert(default, sha);
            }
        });
    }

    /// A new commit on the default branch, with the files of the one before; gives its id.
    pub fn commit(&self, message: &str) -> String {
        self.with(|state, now| {
            let branch = state.git.spec.default_branch.clone();
            state.git.commit(&branch, message, "octocat", now)
        })
    }

    /// A commit of a real repository on the default branch, by its id there; its files are these and no others.
    pub fn import_commit(&self, sha: &str, message: &str, files: impl IntoIterator<Item = (String, String)>) {
        self.with(|state, now| {
            let branch = state.git.spec.default_branch.clone();
            let made = state.git.commit(&branch, message, "octocat", now);
            if let Some(mut commit) = state.git.commits.remove(&made) {
                sha.clone_into(&mut commit.sha);
                commit.files = files.into_iter().collect();
                state.git.commits.insert(sha.to_owned(), commit);
                state.git.refs.insert(format!("heads/{branch}"), sha.to_owned());
            }
        });
    }

    /// A new commit on a branch, which starts at the default branch when it is new.
    pub fn commit_on(&self, branch: &str, message: &str) -> String {
        self.with(|state, now| state.git.commit(branch, message, "octocat", now))
    }

    /// A branch at a commit.
    pub fn branch(&self, name: &str, sha: &str) {
        self.with(|state, _| state.git.refs.insert(format!("heads/{name}"), sha.to_owned()));
    }

    /// Writes a file into the tree of a commit (or of what a branch or tag names now), without a new commit.
    /// Later commits inherit it. A name that resolves to nothing is ignored.
    pub fn file(&self, at: &str, path: &str, text: &str) {
        self.with(|state, _| {
            let sha = state.git.resolved(at).map(|commit| commit.sha.clone());
            if let Some(commit) = sha.and_then(|sha| state.git.commits.get_mut(&sha)) {
                commit.files.insert(path.to_owned(), text.to_owned());
            }
        });
    }

    /// A lightweight tag on a commit; on a tag object it makes an annotated tag of that object.
    pub fn tag(&self, name: &str, sha: &str) {
        self.with(|state, _| state.git.refs.insert(format!("tags/{name}"), sha.to_owned()));
    }

    /// An annotated tag on a commit, or on another tag object (nested); gives the id of the tag object.
    pub fn annotated_tag(&self, name: &str, object: &str) -> String {
        self.with(|state, now| {
            let sha = state.git.tag_object(name, object, now);
            state.git.refs.insert(format!("tags/{name}"), sha.clone());
            sha
        })
    }

    /// A tag object that no ref names yet; gives its id.
    pub fn tag_object(&self, name: &str, object: &str) -> String {
        self.with(|state, now| state.git.tag_object(name, object, now))
    }

    /// Makes a tag name another object, as a forced push does. `false`, and nothing done, when the tag is frozen by an
    /// immutable release (docs "Immutable releases": "Git tags cannot be moved or deleted").
    pub fn move_tag(&self, name: &str, sha: &str) -> bool {
        self.with(|state, _| {
            let free = !state.git.frozen.contains(name);
            if free {
                state.git.refs.insert(format!("tags/{name}"), sha.to_owned());
            }
            free
        })
    }

    /// Deletes a tag. `false`, and nothing done, when it is frozen by an immutable release.
    pub fn delete_tag(&self, name: &str) -> bool {
        self.with(|state, _| {
            let free = !state.git.frozen.contains(name);
            if free {
                state.git.refs.remove(&format!("tags/{name}"));
            }
            free
        })
    }

    /// A pull request, squashed into the default branch now.
    pub fn pull_request(&self, title: &str, author: &str) -> PullRequest {
        self.with(|state, now| {
            let number = u64::try_from(state.git.pulls.len()).unwrap_or(u64::MAX).saturating_add(1);
            let branch = state.git.spec.default_branch.clone();
            let sha = state.git.commit(&branch, &format!("{title} (#{number})"), author, now);
            let pull = PullRequest { number, title: title.to_owned(), author: author.to_owned(), sha };
            state.git.pulls.push(pull.clone());
            pull
        })
    }
}
