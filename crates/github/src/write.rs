//! Every mutation, and nothing else. Serial and at least a second apart, as GitHub asks of clients; a POST is never
//! sent twice, because nobody knows what the first one did.

use std::time::Duration;

use bytes::Bytes;
use domain::release::page::{Asset, Release};
use domain::repository::CommitSha;
use domain::signal::StatusState;
use http::{HeaderValue, Method, Uri};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::client::{Answer, Call, GitHub};
use crate::url::encoded;

/// "Wait at least one second between each request" that makes or changes something (REST API, "Best practices for using
/// the REST API", "Pause between mutative requests").
const GAP: Duration = Duration::from_secs(1);

const CONTENTS: &str = "contents: write";

/// When the latest write began or ended. Held while one is on its way, so that they are serial.
#[derive(Default)]
pub(crate) struct Pace(Mutex<Option<Instant>>);

/// Whether a release is shown as the latest (REST API, "Releases", `make_latest`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakeLatest {
    /// It becomes the latest.
    True,
    /// It does not, and stops being it when published.
    False,
}

impl Serialize for MakeLatest {
    /// A text, not a boolean: the API refuses those.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::True => "true",
            Self::False => "false",
        })
    }
}

/// A release to be made (REST API, "Create a release").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewRelease {
    /// The tag it belongs to.
    pub tag_name: String,
    /// The commit of the tag, which GitHub would make the tag from if it were gone.
    pub target_commitish: CommitSha,
    /// The title.
    pub name: String,
    /// The Markdown text.
    pub body: String,
    /// Whether nobody but writers sees it yet.
    pub draft: bool,
    /// Whether it is marked as a pre-release.
    pub prerelease: bool,
    /// Whether it becomes the latest. `False` for a draft or a pre-release: GitHub refuses anything else.
    pub make_latest: MakeLatest,
}

/// A change of a release: what is `None` stays (REST API, "Update a release").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReleaseChange {
    /// The tag it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_name: Option<String>,
    /// The commit of the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_commitish: Option<CommitSha>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The Markdown text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// False publishes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    /// Whether it is marked as a pre-release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prerelease: Option<bool>,
    /// Whether it becomes the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make_latest: Option<MakeLatest>,
}

/// A commit status to be set (REST API, "Create a commit status").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatus {
    /// What it is about.
    pub context: String,
    /// How it stands.
    pub state: StatusState,
    /// At most 140 characters; GitHub refuses more.
    pub description: String,
    /// A link for people.
    pub target_url: Option<String>,
}

/// A commit status that was set (REST API, "Create a commit status").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CreatedStatus {
    /// The statuses of the commit in the API.
    pub url: String,
}

impl GitHub {
    /// Makes a release.
    pub async fn create_release(&self, release: &NewRelease) -> Result<Release, Error> {
        let what = format!("create the release {}", release.tag_name);
        let uri = self.url(&["releases"], &[], &what)?;
        self.write(Call::new(Method::POST, uri, what, CONTENTS).json(release)?).await?.json()
    }

    /// Changes a release. May be repeated.
    pub async fn update_release(&self, id: u64, change: &ReleaseChange) -> Result<Release, Error> {
        let what = format!("update the release {id}");
        let uri = self.url(&["releases", &id.to_string()], &[], &what)?;
        self.write(Call::new(Method::PATCH, uri, what, CONTENTS).json(change)?).await?.json()
    }

    /// Removes a release; one that is gone is well. Its tag stays.
    pub async fn delete_release(&self, id: u64) -> Result<(), Error> {
        let what = format!("delete the release {id}");
        let uri = self.url(&["releases", &id.to_string()], &[], &what)?;
        self.delete(Call::new(Method::DELETE, uri, what, CONTENTS)).await
    }

    /// Attaches a file to a release. `upload_url` is the template that the release came with. A name that is taken is
    /// `Error::AlreadyExists`; an upload that was cut leaves an asset in the state `starter` (REST API, "Upload a
    /// release asset").
    pub async fn upload_asset(
        &self,
        upload_url: &str,
        name: &str,
        content_type: &'static str,
        content: Bytes,
    ) -> Result<Asset, Error> {
        let what = format!("upload the asset {name}");
        let place = upload_url.split_once('{').map_or(upload_url, |(place, _)| place);
        // octocrab's own upload puts the name into the address as it is.
        let uri: Result<Uri, _> = format!("{place}?name={}", encoded(name)).parse();
        let uri = uri.ok().filter(|uri| self.is_ours(uri)).ok_or_else(|| Error::Invalid {
            what: what.clone(),
            message: format!("its upload address `{}` is not on GitHub's host", transport::printable(place, 200)),
        })?;
        let mut call = Call::new(Method::POST, uri, what, CONTENTS);
        call.body = Some((HeaderValue::from_static(content_type), content));
        self.write(call).await?.json()
    }

    /// Gives an asset another name. May be repeated.
    pub async fn rename_asset(&self, id: u64, name: &str) -> Result<Asset, Error> {
        let what = format!("rename the asset {id} to {name}");
        let uri = self.url(&["releases", "assets", &id.to_string()], &[], &what)?;
        self.write(Call::new(Method::PATCH, uri, what, CONTENTS).json(&json!({ "name": name }))?).await?.json()
    }

    /// Removes an asset; one that is gone is well.
    pub async fn delete_asset(&self, id: u64) -> Result<(), Error> {
        let what = format!("delete the asset {id}");
        let uri = self.url(&["releases", "assets", &id.to_string()], &[], &what)?;
        self.delete(Call::new(Method::DELETE, uri, what, CONTENTS)).await
    }

    /// Sets a status on a commit. A commit takes 1000 of one context (REST API, "Create a commit status").
    pub async fn create_status(&self, commit: &CommitSha, status: &NewStatus) -> Result<CreatedStatus, Error> {
        let what = format!("set the status {} on commit {}", status.context, commit.short());
        let uri = self.url(&["statuses", commit.as_str()], &[], &what)?;
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
            StatusState::Error => "error",
        };
        let body = json!({
            "state": state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
        });
        self.write(Call::new(Method::POST, uri, what, "statuses: write").json(&body)?).await?.json()
    }

    /// Sends a `repository_dispatch` event (REST API, "Create a repository dispatch event"). Its payload has at most ten
    /// keys. With the token of a workflow it starts workflows all the same, which other events do not.
    pub async fn dispatch(&self, event_type: &str, client_payload: &serde_json::Value) -> Result<(), Error> {
        let what = format!("send the dispatch {event_type}");
        let uri = self.url(&["dispatches"], &[], &what)?;
        let body = json!({ "event_type": event_type, "client_payload": client_payload });
        self.write(Call::new(Method::POST, uri, what, CONTENTS).json(&body)?).await.map(drop)
    }

    async fn delete(&self, call: Call) -> Result<(), Error> {
        match self.write(call).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until a write may be sent, for a caller who has to know whether one is on the wire.
    pub async fn turn(&self) {
        let latest = *self.pace.0.lock().await;
        if let Some(latest) = latest {
            sleep_until(latest + GAP).await;
        }
    }

    /// Waits for its turn, then writes.
    async fn write(&self, call: Call) -> Result<Answer, Error> {
        let mut latest = self.pace.0.lock().await;
        if let Some(latest) = *latest {
            sleep_until(latest + GAP).await;
        }
        // Noted before too, for a caller that gives up waiting for the answer.
        *latest = Some(Instant::now());
        let answer = self.call(call).await;
        *latest = Some(Instant::now());
        let answer = answer?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(answer.unexpected("a write that is sent elsewhere; was the repository renamed?"))
    }
}
