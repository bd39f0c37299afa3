//! Repository, refs, tags, commits, trees, contents: REST pages "Repositories", "Git references", "Git tags", "Commits",
//! "Git trees", "Repository contents". Read only.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::page::{not_found, paged, refusal};
use super::permissions::Area;
use super::{Exchange, user};
use crate::git::Commit;
use crate::message::{Outcome, Reply, base64_encoded, iso, object_id};

impl Exchange<'_> {
    pub(super) fn repository(&mut self) -> Outcome {
        self.may_read(Area::Metadata)?;
        Ok(Reply::json(200, &self.repository_json()))
    }

    pub(super) fn repository_json(&self) -> Value {
        let (spec, urls) = (&self.state.git.spec, &self.urls);
        let created = iso(self.state.git.created);
        json!({
            "id": spec.id, "node_id": format!("R_{}", spec.id), "name": spec.name, "full_name": urls.full_name,
            "private": spec.private, "visibility": if spec.private { "private" } else { "public" },
            "owner": user(&spec.owner, urls), "html_url": urls.page, "url": urls.repo, "description": null,
            "fork": false, "archived": false, "disabled": false, "default_branch": spec.default_branch,
            "created_at": created, "updated_at": created, "pushed_at": created,
            "permissions": { "admin": false, "push": self.may_push(), "pull": true },
        })
    }

    fn ref_json(&self, name: &str, sha: &str) -> Value {
        let kind = self.state.git.kind(sha);
        json!({
            "ref": format!("refs/{name}"), "node_id": format!("REF_{}", object_id(name.as_bytes())),
            "url": format!("{}/git/refs/{name}", self.urls.repo),
            "object": { "sha": sha, "type": kind, "url": format!("{}/git/{kind}s/{sha}", self.urls.repo) },
        })
    }

    /// "Get a reference": "If the :ref doesn't exist in the repository, … 404"; no match by prefix since 2019.
    pub(super) fn git_ref(&mut self, tag: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let name = format!("tags/{tag}");
        let sha = self.state.git.refs.get(&name).ok_or_else(not_found)?;
        Ok(Reply::json(200, &self.ref_json(&name, sha)))
    }

    /// "List matching references": all that start with the text, an empty array when none does.
    pub(super) fn matching_refs(&mut self, prefix: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let prefix = format!("tags/{prefix}");
        let matching = self.state.git.refs.iter().filter(|(name, _)| name.starts_with(&prefix));
        let matching: Vec<Value> = matching.map(|(name, sha)| self.ref_json(name, sha)).collect();
        Ok(Reply::json(200, &Value::Array(matching)))
    }

    /// "Get a tag": an annotated tag object; what it names may be one again.
    pub(super) fn tag_object(&mut self, sha: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let git = &self.state.git;
        let tag = git.tags.get(sha).ok_or_else(not_found)?;
        let (object, kind) = (&tag.object, git.kind(&tag.object));
        let repo = &self.urls.repo;
        Ok(Reply::json(
            200,
            &json!({
                "node_id": format!("TAG_{}", tag.sha), "sha": tag.sha, "url": format!("{repo}/git/tags/{}", tag.sha),
                "tag": tag.name, "message": tag.message,
                "tagger": { "name": "octocat", "email": "octocat@github.com", "date": iso(tag.date) },
                "object": { "sha": object, "type": kind, "url": format!("{repo}/git/{kind}s/{object}") },
                "verification": { "verified": false, "reason": "unsigned", "signature": null, "payload": null },
            }),
        ))
    }

    /// "List repository tags". The order is not documented; recalled: by name, highest first.
    pub(super) fn tags(&mut self) -> Outcome {
        self.may_read(Area::Contents)?;
        let (git, repo) = (&self.state.git, &self.urls.repo);
        let tags = git.refs.iter().rev().filter_map(|(name, sha)| {
            let name = name.strip_prefix("tags/")?;
            let commit = &git.peeled(sha)?.sha;
            Some(json!({
                "name": name, "node_id": format!("REF_{}", object_id(name.as_bytes())),
                "zipball_url": format!("{repo}/zipball/refs/tags/{name}"),
                "tarball_url": format!("{repo}/tarball/refs/tags/{name}"),
                "commit": { "sha": commit, "url": format!("{repo}/commits/{commit}") },
            }))
        });
        Ok(paged(self.call, &self.urls, git.spec.id, tags.collect(), Value::Array))
    }

    fn commit_json(&self, commit: &Commit) -> Value {
        let (sha, urls) = (&commit.sha, &self.urls);
        let signed = json!({ "name": commit.author, "email": format!("{}@users.noreply.github.com", commit.author), "date": iso(commit.date) });
        let tree = tree_id(&commit.files, "");
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| json!({ "sha": parent, "url": format!("{}/commits/{parent}", urls.repo), "html_url": format!("{}/commit/{parent}", urls.page) }))
            .collect();
        json!({
            "sha": sha, "node_id": format!("C_{sha}"), "url": format!("{}/commits/{sha}", urls.repo),
            "html_url": format!("{}/commit/{sha}", urls.page),
            "commit": {
                "author": signed, "committer": signed, "message": commit.message, "comment_count": 0,
                "tree": { "sha": tree, "url": format!("{}/git/trees/{tree}", urls.repo) },
                "url": format!("{}/git/commits/{sha}", urls.repo),
                "verification": { "verified": false, "reason": "unsigned", "signature": null, "payload": null },
            },
            "author": user(&commit.author, urls), "committer": user(&commit.author, urls), "parents": parents,
        })
    }

    /// "Get a commit". A name that is nothing is 422, not 404.
    pub(super) fn commit(&mut self, name: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let found = self.state.git.resolved(name);
        let commit = found.ok_or_else(|| refusal(422, &format!("No commit found for SHA: {name}")))?;
        // Same page, media types: `application/vnd.github.sha` answers with the id alone.
        if self.call.header("accept").is_some_and(|accept| accept.contains("github.sha") || accept.contains("v3.sha")) {
            return Ok(Reply::new(200, "application/vnd.github.sha; charset=utf-8", commit.sha.clone()));
        }
        Ok(Reply::json(200, &self.commit_json(commit)))
    }

    /// "List commits": `sha` (a name to start from), newest first.
    pub(super) fn commits(&mut self) -> Outcome {
        self.may_read(Area::Contents)?;
        let git = &self.state.git;
        let start = self.call.query("sha").unwrap_or_else(|| "HEAD".to_owned());
        let start = git.resolved(&start).ok_or_else(not_found)?;
        let ancestors = git.ancestors(&start.sha);
        let mut commits: Vec<&Commit> = ancestors.iter().filter_map(|sha| git.commits.get(sha)).collect();
        commits.sort_by_key(|commit| std::cmp::Reverse(commit.number));
        let commits = commits.into_iter().map(|commit| self.commit_json(commit)).collect();
        Ok(paged(self.call, &self.urls, git.spec.id, commits, Value::Array))
    }

    /// "Compare two commits", `BASE...HEAD`: "equivalent to running the `git log BASE..HEAD` command, however it returns
    /// commits in chronological order".
    pub(super) fn compare(&mut self, names: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let git = &self.state.git;
        let (base, head) = names.split_once("...").ok_or_else(not_found)?;
        let base = git.resolved(base).ok_or_else(not_found)?;
        let head = git.resolved(head).ok_or_else(not_found)?;
        let (before, after) = (git.ancestors(&base.sha), git.ancestors(&head.sha));
        let (ahead, behind) = (after.difference(&before).count(), before.difference(&after).count());
        let mut commits: Vec<&Commit> = after.difference(&before).filter_map(|sha| git.commits.get(sha)).collect();
        commits.sort_by_key(|commit| commit.number);
        let commits = commits.into_iter().map(|commit| self.commit_json(commit)).collect();
        let status = match (ahead, behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            (_, _) => "diverged",
        };
        Ok(paged(self.call, &self.urls, git.spec.id, commits, |commits| {
            json!({
                "status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead, "commits": commits,
                "files": [],
            })
        }))
    }

    /// "Get a tree": "SHA1 value or ref (branch or tag) name of the tree"; any value of `recursive` makes it so.
    pub(super) fn tree(&mut self, reference: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let git = &self.state.git;
        let named = git.resolved(reference).map(|commit| (&commit.files, String::new()));
        let by_id = || {
            git.commits.values().find_map(|commit| {
                let folder =
                    folders(&commit.files).into_iter().find(|path| tree_id(&commit.files, path) == reference)?;
                Some((&commit.files, folder))
            })
        };
        let (files, root) = named.or_else(by_id).ok_or_else(not_found)?;
        let recursive = !self.call.queries("recursive").is_empty();
        let repo = &self.urls.repo;
        let mut entries = Vec::new();
        for folder in folders(files).iter().filter(|folder| **folder != root) {
            if let Some(path) = below(&root, folder)
                && (recursive || !path.contains('/'))
            {
                let sha = tree_id(files, folder);
                entries.push(json!({ "path": path, "mode": "040000", "type": "tree", "sha": sha, "url": format!("{repo}/git/trees/{sha}") }));
            }
        }
        for (file, text) in files {
            if let Some(path) = below(&root, file)
                && (recursive || !path.contains('/'))
            {
                let sha = blob_id(text);
                entries.push(json!({ "path": path, "mode": "100644", "type": "blob", "sha": sha, "size": text.len(), "url": format!("{repo}/git/blobs/{sha}") }));
            }
        }
        entries.sort_by_key(|entry| entry["path"].as_str().map(str::to_owned));
        let sha = tree_id(files, &root);
        let body = json!({ "sha": sha, "url": format!("{repo}/git/trees/{sha}"), "tree": entries, "truncated": false });
        Ok(Reply::json(200, &body))
    }

    /// "Get a blob": always base64.
    pub(super) fn git_blob(&mut self, sha: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let texts = self.state.git.commits.values().flat_map(|commit| commit.files.values());
        let text = texts.into_iter().find(|text| blob_id(text) == sha).ok_or_else(not_found)?;
        let body = json!({
            "sha": sha, "node_id": format!("B_{sha}"), "size": text.len(), "encoding": "base64",
            "url": format!("{}/git/blobs/{sha}", self.urls.repo), "content": wrapped_base64(text),
        });
        Ok(Reply::json(200, &body))
    }

    /// "Get repository content": a file (base64 in lines of 60, or raw by media type) or a folder (its entries).
    pub(super) fn contents(&mut self, path: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let reference = self.call.query("ref").unwrap_or_else(|| "HEAD".to_owned());
        let missing = || refusal(404, &format!("No commit found for the ref {reference}"));
        let files = &self.state.git.resolved(&reference).ok_or_else(missing)?.files;
        if let Some(text) = files.get(path) {
            let accept = self.call.header("accept").unwrap_or_default();
            if accept.contains("github.raw") || accept.contains("v3.raw") {
                return Ok(Reply::new(200, "application/vnd.github.raw+json; charset=utf-8", text.clone()));
            }
            let mut entry = self.entry(path, &reference, "file", &blob_id(text), text.len());
            entry["encoding"] = "base64".into();
            entry["content"] = wrapped_base64(text).into();
            return Ok(Reply::json(200, &entry));
        }
        let mut entries: BTreeMap<&str, Value> = BTreeMap::new();
        for (file, text) in files {
            let Some(rest) = below(path, file) else { continue };
            let (name, entry) = match rest.split_once('/') {
                Some((folder, _)) => {
                    let full = if path.is_empty() { folder.to_owned() } else { format!("{path}/{folder}") };
                    (folder, self.entry(&full, &reference, "dir", &tree_id(files, &full), 0))
                }
                None => (rest, self.entry(file, &reference, "file", &blob_id(text), text.len())),
            };
            entries.insert(name, entry);
        }
        if entries.is_empty() && !path.is_empty() {
            return Err(not_found());
        }
        Ok(Reply::json(200, &Value::Array(entries.into_values().collect())))
    }

    fn entry(&self, path: &str, reference: &str, kind: &str, sha: &str, size: usize) -> Value {
        let (repo, page) = (&self.urls.repo, &self.urls.page);
        let object = if kind == "dir" { "trees" } else { "blobs" };
        json!({
            "type": kind, "name": path.rsplit('/').next(), "path": path, "sha": sha, "size": size,
            "url": format!("{repo}/contents/{path}?ref={reference}"),
            "html_url": format!("{page}/blob/{reference}/{path}"), "git_url": format!("{repo}/git/{object}/{sha}"),
            "download_url": (kind == "file").then(|| format!("{page}/raw/{reference}/{path}")),
        })
    }
}

/// The rest of a path below a folder; the empty folder is the root.
fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// Every folder of a tree, the root (empty) first.
fn folders(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut folders = vec![String::new()];
    for file in files.keys() {
        for (at, _) in file.match_indices('/') {
            let folder = file[..at].to_owned();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
}

fn tree_id(files: &BTreeMap<String, String>, folder: &str) -> String {
    let content: Vec<(&str, &String)> =
        files.iter().filter_map(|(path, text)| below(folder, path).map(|path| (path, text))).collect();
    object_id(format!("tree {content:?}").as_bytes())
}

fn blob_id(text: &str) -> String {
    object_id(format!("blob {text}").as_bytes())
}

/// Base64 in lines of 60 characters, each ended, as the API wraps it.
fn wrapped_base64(text: &str) -> String {
    let encoded = base64_encoded(text.as_bytes());
    let mut wrapped = String::with_capacity(encoded.len() + encoded.len() / 60 + 1);
    for (at, character) in encoded.chars().enumerate() {
        wrapped.push(character);
        if at % 60 == 59 {
            wrapped.push('\n');
        }
    }
    if !wrapped.is_empty() && !wrapped.ends_with('\n') {
        wrapped.push('\n');
    }
    wrapped
}
