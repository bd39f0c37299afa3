//! Questions. They change nothing, and are named by what they give; what is not there is `None` or empty.

use bytes::Bytes;
use domain::release::page::Release;
use domain::repository::CommitSha;
use domain::signal::CommitStatus;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::Error;
use crate::client::{Call, GitHub};
use crate::pages::{PER_PAGE, Remember, SMALL_PAGE};

/// An annotated tag may point at another one; more than this nobody makes on purpose.
const MAX_NESTED_TAGS: usize = 10;

/// A workflow file of GitHub has at most this many bytes.
const MAX_WORKFLOW_BYTES: usize = 512 * 1024;

/// How many files are read at a time; GitHub allows a hundred (REST API, "Rate limits for the REST API", "About
/// secondary rate limits").
const AT_A_TIME: usize = 8;

const CONTENTS: &str = "contents: read";
/// Only writers see drafts (REST API, "List releases").
const RELEASES: &str = "contents: write";
const ACTIONS: &str = "actions: read";

/// A run of a workflow (REST API, "Workflow runs").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// GitHub's number for it, one for all attempts.
    pub id: u64,
    /// Which attempt, from 1.
    pub run_attempt: u32,
    /// The workflow file, `.github/workflows/x.yml`; `@<ref>` may follow.
    pub path: String,
    /// What started it, such as `push`.
    pub event: String,
    /// The commit it runs for.
    pub head_sha: CommitSha,
    /// The branch it runs for; for a tag push the name of the tag.
    pub head_branch: Option<String>,
    /// `completed`, or how far it is.
    pub status: Option<String>,
    /// How it ended; `None` while it runs.
    pub conclusion: Option<String>,
    /// When its first attempt was made.
    pub created_at: Timestamp,
    /// The page that people see.
    pub html_url: String,
}

impl Run {
    /// The workflow file, without a ref.
    pub fn workflow_path(&self) -> &str {
        self.path.split('@').next().unwrap_or_default()
    }
}

/// A workflow file at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFile {
    /// Such as `.github/workflows/x.yml`.
    pub path: String,
    /// What is in it; what is not UTF-8 is replaced.
    pub text: String,
}

/// A commit, for a changelog line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    /// Its full name.
    pub sha: CommitSha,
    /// The first line of its message.
    pub title: String,
}

#[derive(Deserialize)]
struct GitRef {
    #[serde(rename = "ref")]
    name: String,
    object: GitObject,
}

#[derive(Deserialize)]
struct GitTag {
    object: GitObject,
}

#[derive(Deserialize)]
struct GitObject {
    #[serde(rename = "type")]
    kind: String,
    sha: CommitSha,
}

#[derive(Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    path: String,
}

#[derive(Deserialize)]
struct Comparison {
    commits: Vec<ListedCommit>,
}

#[derive(Deserialize)]
struct ListedCommit {
    sha: CommitSha,
    commit: CommitText,
}

#[derive(Deserialize)]
struct CommitText {
    message: String,
}

impl From<ListedCommit> for CommitLine {
    fn from(listed: ListedCommit) -> Self {
        let title = listed.commit.message.lines().next().unwrap_or_default().trim().to_owned();
        Self { sha: listed.sha, title }
    }
}

impl GitHub {
    /// The commit of a tag, and of nothing else of that name; `None` when there is no such tag. Annotated tags are
    /// followed to their commit (REST API, "Get a reference", "Get a tag").
    pub async fn tag(&self, tag: &str) -> Result<Option<CommitSha>, Error> {
        let what = format!("read the tag {tag}");
        let uri = self.url(&["git", "ref", "tags", tag], &[], &what)?;
        let Some(answer) = self.maybe(Call::get(uri, &what, CONTENTS)).await? else { return Ok(None) };
        let found: GitRef = answer.json()?;
        if found.name != format!("refs/tags/{tag}") {
            return Err(answer.unexpected(&format!("it is about {}", found.name)));
        }
        let mut object = found.object;
        for _ in 0..=MAX_NESTED_TAGS {
            match object.kind.as_str() {
                "commit" => return Ok(Some(object.sha)),
                "tag" => {
                    let uri = self.url(&["git", "tags", object.sha.as_str()], &[], &what)?;
                    object = self.call(Call::get(uri, &what, CONTENTS)).await?.json::<GitTag>()?.object;
                }
                kind => return Err(Error::Invalid { what, message: format!("it names a {kind}, not a commit") }),
            }
        }
        Err(Error::Invalid { what, message: format!("it is a tag of a tag, more than {MAX_NESTED_TAGS} deep") })
    }

    /// The names of all tags that start so, without `refs/tags/` (REST API, "List matching references").
    pub async fn tags_with_prefix(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let what = "list the tags";
        // Without a prefix all that starts with `refs/tags` is given, and the filter below leaves the tags.
        let segments = ["git", "matching-refs", "tags", prefix];
        let segments = if prefix.is_empty() { &segments[..3] } else { &segments[..] };
        let uri = self.url(segments, &[PER_PAGE], what)?;
        let pages: Vec<Vec<GitRef>> = self.pages(uri, what, CONTENTS, Remember::No).await?;
        let names = pages.into_iter().flatten().map(|found| found.name);
        Ok(names.filter_map(|name| name.strip_prefix("refs/tags/").map(str::to_owned)).collect())
    }

    /// All statuses of a commit, the newest first: every page, each status once. One that is written while the pages are
    /// read moves the others along, so one may come twice, and none is lost (REST API, "List commit statuses for a
    /// reference"). Pages that have not changed cost nothing of the rate limit.
    pub async fn statuses(&self, commit: &CommitSha) -> Result<Vec<CommitStatus>, Error> {
        let what = format!("read the statuses of commit {}", commit.short());
        let uri = self.url(&["commits", commit.as_str(), "statuses"], &[PER_PAGE], &what)?;
        let pages: Vec<Vec<CommitStatus>> = self.pages(uri, &what, "statuses: read", Remember::Yes).await?;
        Ok(once(pages, |status| status.id))
    }

    /// Whether what is published from now on is immutable. Only a token that may read the settings is told, which no
    /// `GITHUB_TOKEN` may (REST API, "Check if immutable releases are enabled for a repository").
    pub async fn immutable_releases(&self) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Setting {
            enabled: bool,
        }
        let what = "read whether releases are immutable";
        let uri = self.url(&["immutable-releases"], &[], what)?;
        let answer = self.maybe(Call::get(uri, what, "administration: read")).await?;
        Ok(answer.map(|answer| answer.json::<Setting>()).transpose()?.is_some_and(|setting| setting.enabled))
    }

    /// The runs for a commit that have not ended: queued, requested, waiting, pending or in progress (REST API, "List
    /// workflow runs for a repository").
    pub async fn active_runs(&self, commit: &CommitSha) -> Result<Vec<Run>, Error> {
        let what = format!("list the workflow runs of commit {}", commit.short());
        let uri = self.url(&["actions", "runs"], &[("head_sha", commit.as_str()), PER_PAGE], &what)?;
        let pages: Vec<Runs> = self.pages(uri, &what, ACTIONS, Remember::No).await?;
        let runs = once(pages.into_iter().map(|page| page.workflow_runs), |run| run.id);
        let states = ["queued", "requested", "waiting", "pending", "in_progress"];
        Ok(runs
            .into_iter()
            .filter(|run| run.head_sha == *commit && run.status.as_deref().is_some_and(|state| states.contains(&state)))
            .collect())
    }

    /// A run, in its latest attempt (REST API, "Get a workflow run").
    pub async fn run(&self, id: u64) -> Result<Option<Run>, Error> {
        let what = format!("read the workflow run {id}");
        let uri = self.url(&["actions", "runs", &id.to_string()], &[], &what)?;
        self.maybe(Call::get(uri, what, ACTIONS)).await?.map(|answer| answer.json()).transpose()
    }

    /// All releases, the newest first, with drafts where the token may see them (REST API, "List releases").
    pub async fn releases(&self) -> Result<Vec<Release>, Error> {
        let what = "list the releases";
        let list = async |per_page| -> Result<Vec<Vec<Release>>, Error> {
            self.pages(self.url(&["releases"], &[per_page], what)?, what, RELEASES, Remember::No).await
        };
        let pages = match list(PER_PAGE).await {
            // A release comes with all of its assets, which may be a thousand.
            Err(Error::TooLarge { .. }) => list(SMALL_PAGE).await?,
            pages => pages?,
        };
        Ok(once(pages, |release| release.id))
    }

    /// The published release of a tag; a draft is never found this way (REST API, "Get a release by tag name").
    pub async fn release_by_tag(&self, tag: &str) -> Result<Option<Release>, Error> {
        let what = format!("read the release {tag}");
        let uri = self.url(&["releases", "tags", tag], &[], &what)?;
        self.maybe(Call::get(uri, what, CONTENTS)).await?.map(|answer| answer.json()).transpose()
    }

    /// The release that is shown as the latest; `None` when there is none (REST API, "Get the latest release").
    pub async fn latest_release(&self) -> Result<Option<Release>, Error> {
        let what = "read the latest release";
        let uri = self.url(&["releases", "latest"], &[], what)?;
        self.maybe(Call::get(uri, what, CONTENTS)).await?.map(|answer| answer.json()).transpose()
    }

    /// What is in an asset. GitHub may send the reader on to its storage, once, where the token does not go (REST API,
    /// "Get a release asset").
    pub async fn asset_content(&self, id: u64) -> Result<Option<Bytes>, Error> {
        let what = format!("read the asset {id}");
        let uri = self.url(&["releases", "assets", &id.to_string()], &[], &what)?;
        let download = |uri| Call { accept: "application/octet-stream", ..Call::get(uri, &what, RELEASES) };
        let answer = match self.call(download(uri)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            answer => answer?,
        };
        let answer = match answer.location() {
            Some(location) if self.is_safe(&location) => self.call(download(location)).await.map_err(storage)?,
            _ => answer,
        };
        if answer.status.is_success() {
            return Ok(Some(answer.body));
        }
        Err(answer.unexpected("a redirect that is not followed"))
    }

    /// The workflow files at a commit, by name; none when there is no such folder (REST API, "Get repository content").
    pub async fn workflow_files(&self, commit: &CommitSha) -> Result<Vec<WorkflowFile>, Error> {
        let what = format!("list the workflow files at commit {}", commit.short());
        let uri = self.url(&["contents", ".github", "workflows"], &[("ref", commit.as_str())], &what)?;
        let Some(answer) = self.maybe(Call::get(uri, what, CONTENTS)).await? else { return Ok(Vec::new()) };
        let is_workflow = |entry: &Entry| {
            let extension = entry.name.rsplit_once('.').map(|(_, extension)| extension);
            entry.kind == "file" && matches!(extension, Some("yml" | "yaml"))
        };
        let paths = answer.json::<Vec<Entry>>()?.into_iter().filter(is_workflow).map(|entry| entry.path);
        let files = stream::iter(paths).map(|path| async move {
            let content = self.content(&path, commit.as_str(), MAX_WORKFLOW_BYTES).await?;
            let text = content.map(|content| String::from_utf8_lossy(&content).into_owned());
            Ok(text.map(|text| WorkflowFile { path, text }))
        });
        files.buffered(AT_A_TIME).try_filter_map(|file| async { Ok(file) }).try_collect().await
    }

    /// A file at a commit, tag or branch; `None` when it is not there.
    pub async fn file(&self, path: &str, git_ref: &str) -> Result<Option<String>, Error> {
        let content = self.content(path, git_ref, usize::MAX).await?;
        let text = content.map(|content| String::from_utf8(content.into()));
        text.transpose().map_err(|_| Error::Invalid {
            what: format!("read {path} at {git_ref}"),
            message: "it is not UTF-8 text".into(),
        })
    }

    async fn content(&self, path: &str, git_ref: &str, limit: usize) -> Result<Option<Bytes>, Error> {
        let what = format!("read {path} at {git_ref}");
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        let segments: Vec<_> = std::iter::once("contents").chain(parts).collect();
        let mut call = Call::get(self.url(&segments, &[("ref", git_ref)], &what)?, &what, CONTENTS);
        call.accept = "application/vnd.github.raw+json";
        call.limit = limit.min(call.limit);
        Ok(self.maybe(call).await?.map(|answer| answer.body))
    }

    /// GitHub's notes for a release, made from the pull requests since `previous`; `None` where the server cannot. It is
    /// a POST, but it writes nothing, which is why it stands here and needs no turn among the writes (REST API,
    /// "Generate release notes content for a release").
    pub async fn generated_notes(
        &self,
        tag: &str,
        target: &CommitSha,
        previous: Option<&str>,
    ) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Notes {
            body: String,
        }
        let what = format!("generate the notes of {tag}");
        let uri = self.url(&["releases", "generate-notes"], &[], &what)?;
        let mut body = json!({ "tag_name": tag, "target_commitish": target });
        if let Some(previous) = previous {
            body["previous_tag_name"] = previous.into();
        }
        let answer = self.maybe(Call::new(Method::POST, uri, what, "contents: write").json(&body)?).await?;
        Ok(answer.map(|answer| answer.json::<Notes>()).transpose()?.map(|notes| notes.body))
    }

    /// The commits of `head` that `base` lacks, the newest first; without a base the latest hundred (REST API, "Compare
    /// two commits", "List commits").
    pub async fn commits_between(&self, base: Option<&str>, head: &str) -> Result<Vec<CommitLine>, Error> {
        let Some(base) = base else {
            let what = format!("list the commits of {head}");
            let uri = self.url(&["commits"], &[("sha", head), PER_PAGE], &what)?;
            let commits: Vec<ListedCommit> = self.call(Call::get(uri, what, CONTENTS)).await?.json()?;
            return Ok(commits.into_iter().map(CommitLine::from).collect());
        };
        let what = format!("compare {base} with {head}");
        let uri = self.url(&["compare", &format!("{base}...{head}")], &[PER_PAGE], &what)?;
        let pages: Vec<Comparison> = self.pages(uri, &what, CONTENTS, Remember::No).await?;
        // GitHub gives the oldest first here.
        Ok(pages.into_iter().flat_map(|page| page.commits).map(CommitLine::from).rev().collect())
    }
}

/// The storage of assets takes no token, so that its refusal says nothing about ours: the address has run out.
fn storage(error: Error) -> Error {
    let Error::Denied { what, said, .. } = error else { return error };
    Error::Unreachable { what, why: format!("its storage said {said}") }
}

/// The entries of all pages, each once.
fn once<T, P: IntoIterator<Item = T>>(pages: impl IntoIterator<Item = P>, id: impl Fn(&T) -> u64) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    pages.into_iter().flatten().filter(|entry| seen.insert(id(entry))).collect()
}
