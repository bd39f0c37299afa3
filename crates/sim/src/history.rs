//! What tests see and set of GitHub's memory: releases, statuses, workflow runs, dispatches; the plain structs of it.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::github::{self, GitHubToken};
use crate::world::World;

/// A release, draft or published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its id.
    pub id: u64,
    /// Its tag, which need not exist while it is a draft.
    pub tag_name: String,
    /// Branch or commit the tag is made from when it does not exist.
    pub target_commitish: String,
    /// Its title.
    pub name: Option<String>,
    /// Its text, byte for byte as sent.
    pub body: Option<String>,
    /// Not published.
    pub draft: bool,
    /// Marked as not ready for production.
    pub prerelease: bool,
    /// Published while the repository had immutable releases on.
    pub immutable: bool,
    /// The date of its commit, as GitHub has it.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// First publication.
    pub published_at: Option<Timestamp>,
    /// Login of who made it.
    pub author: String,
    /// Its files.
    pub assets: Vec<Asset>,
    /// When the request that made it came: reads by tag may lag behind that.
    pub(crate) made_at: Timestamp,
}

impl Release {
    /// Its file of that name.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its id.
    pub id: u64,
    /// Its name, unique in its release.
    pub name: String,
    /// Its label.
    pub label: Option<String>,
    /// Its media type as sent.
    pub content_type: String,
    /// `uploaded`, or `starter` after an upload that broke.
    pub state: String,
    /// Its content.
    pub content: Bytes,
    /// Login of who sent it.
    pub uploader: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

/// One commit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitStatus {
    /// Its id; higher is later.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// `error`, `failure`, `pending` or `success`.
    pub state: String,
    /// Its context as sent; compared without case.
    pub context: String,
    /// Text.
    pub description: Option<String>,
    /// Link.
    pub target_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Login of who made it.
    pub creator: String,
}

/// One `repository_dispatch` event.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// When it was sent.
    pub at: Timestamp,
    /// Its type.
    pub event_type: String,
    /// Its payload.
    pub client_payload: Value,
}

/// One attempt of a workflow run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSpec {
    /// The run's id.
    pub id: u64,
    /// The attempt, from 1.
    pub attempt: u64,
    /// Path of the workflow file.
    pub path: String,
    /// Name of the workflow.
    pub name: String,
    /// The event that started it.
    pub event: String,
    /// The commit it runs at.
    pub head_sha: String,
    /// The branch, or for a tag push the tag.
    pub head_branch: Option<String>,
    /// `queued`, `in_progress`, `completed`, `waiting`, `requested` or `pending`.
    pub status: String,
    /// `success`, `failure`, `cancelled`, …; `None` until completed.
    pub conclusion: Option<String>,
    /// When the run was made; `None` means now.
    pub created_at: Option<Timestamp>,
}

impl Default for RunSpec {
    fn default() -> RunSpec {
        RunSpec {
            id: 1,
            attempt: 1,
            path: ".github/workflows/release.yml".to_owned(),
            name: "release".to_owned(),
            event: "push".to_owned(),
            head_sha: String::new(),
            head_branch: None,
            status: "in_progress".to_owned(),
            conclusion: None,
            created_at: None,
        }
    }
}

impl World {
    /// Adds a GitHub token, or replaces the one of the same value.
    pub fn token(&self, token: GitHubToken) {
        self.with(|state, _| {
            state.github.tokens.retain(|held| held.value != token.value);
            state.github.tokens.push(token);
        });
    }

    /// Every release, drafts too, in the order they were made.
    pub fn releases(&self) -> Vec<Release> {
        self.with(|state, _| state.github.releases.clone())
    }

    /// The release of a tag: the published one, else the first draft.
    pub fn release(&self, tag: &str) -> Option<Release> {
        let mut of_tag: Vec<Release> = self.releases().into_iter().filter(|release| release.tag_name == tag).collect();
        of_tag.sort_by_key(|release| release.draft);
        of_tag.into_iter().next()
    }

    /// The release GitHub shows as "Latest".
    pub fn latest_release(&self) -> Option<Release> {
        self.with(|state, _| github::latest(&state.github).cloned())
    }

    /// A person makes a release by hand: a published one of that tag by `alice`, after `edit` has had its way with it.
    /// Gives its id.
    pub fn add_release(&self, tag: &str, edit: impl FnOnce(&mut Release)) -> u64 {
        self.with(|state, now| github::add_release(state, tag, edit, now))
    }

    /// A person edits a release. No rule of the API is applied.
    pub fn edit_release(&self, id: u64, edit: impl FnOnce(&mut Release)) {
        self.with(|state, now| {
            if let Some(release) = state.github.releases.iter_mut().find(|release| release.id == id) {
                edit(release);
                release.updated_at = now;
            }
        });
    }

    /// A person deletes a release.
    pub fn delete_release(&self, id: u64) {
        self.with(|state, _| state.github.releases.retain(|release| release.id != id));
    }

    /// Turns immutable releases on or off: it holds for what is published from then on.
    pub fn immutable_releases(&self, on: bool) {
        self.with(|state, _| state.github.immutable = on);
    }

    /// Reading a release by its tag shows it only this long after it was made (style of "eventual" reads seen in
    /// goreleaser and softprops retries: the by-tag view lags behind the list).
    pub fn by_tag_lag(&self, lag: Duration) {
        self.with(|state, _| state.github.by_tag_lag = lag);
    }

    /// How many API requests each token has per hour. The default is 1000, as for `GITHUB_TOKEN` (REST page "Rate
    /// limits": "1,000 requests per hour per repository").
    pub fn rate_limit(&self, per_hour: u64) {
        self.with(|state, _| state.github.limits.set(per_hour));
    }

    /// Another host that is a GitHub Enterprise Server: API under `/api/v3`, uploads under `/api/uploads`.
    pub fn enterprise_host(&self, host: &str) {
        self.with(|state, _| state.github.hosts.insert(host.to_ascii_lowercase()));
    }

    /// The statuses of a commit, oldest first.
    pub fn statuses(&self, sha: &str) -> Vec<CommitStatus> {
        self.with(|state, _| state.github.statuses.iter().filter(|status| status.sha == sha).cloned().collect())
    }

    /// Adds a status without a request. An empty description or target is none.
    pub fn status(&self, sha: &str, state: &str, context: &str, description: &str, target_url: &str) -> u64 {
        self.with(|world, now| {
            let id = world.github.new_id();
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            world.github.statuses.push(CommitStatus {
                id,
                sha: sha.to_owned(),
                state: state.to_owned(),
                context: context.to_owned(),
                description: text(description),
                target_url: text(target_url),
                created_at: now,
                creator: "github-actions[bot]".to_owned(),
            });
            id
        })
    }

    /// Every `repository_dispatch` sent, oldest first.
    pub fn dispatches(&self) -> Vec<Dispatch> {
        self.with(|state, _| state.github.dispatches.clone())
    }

    /// Adds a workflow run, or changes the attempt that is there.
    pub fn workflow_run(&self, mut run: RunSpec) {
        self.with(move |state, now| {
            let (id, attempt) = (run.id, run.attempt);
            let same = |held: &&mut RunSpec| held.id == id && held.attempt == attempt;
            if let Some(held) = state.github.runs.iter_mut().find(same) {
                run.created_at = run.created_at.or(held.created_at);
                *held = run;
            } else {
                run.created_at = run.created_at.or(Some(now));
                state.github.runs.push(run);
            }
        });
    }
}
