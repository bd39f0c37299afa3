//! What woke us, of the payload only what is needed. The payload is input from outside: a field of another type than
//! documented is a missing one, never an error and never a panic.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use domain::repository::CommitSha;
use jiff::Timestamp;
use serde_json::Value;

/// GitHub caps a webhook payload at 25 MB (docs.github.com, "Webhook events and payloads", "Payload cap").
const MAX_BYTES: u64 = 25 * 1024 * 1024;

/// The parts of an event payload that name a release.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// `workflow_dispatch`: what was typed in. Texts, numbers and booleans; anything else is left out.
    pub inputs: BTreeMap<String, String>,
    /// `repository_dispatch`: what the sender said. Anyone with `contents: write` can say anything.
    pub client_payload: Option<ClientPayload>,
    /// `release`: the tag of the release.
    pub release_tag: Option<String>,
    /// `workflow_run`: the run that was started or ended.
    pub workflow_run: Option<WorkflowRun>,
    /// Whether only some people see the repository; `None` when the event does not say.
    pub private: Option<bool>,
    /// Whether a pull request comes from another repository. The token of its runs can only read (GitHub, "Events that trigger
    /// workflows", `pull_request`).
    pub from_fork: bool,
}

/// What the sender of a `repository_dispatch` said.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientPayload {
    /// `tag`, when it is a text.
    pub tag: Option<String>,
    /// `version`, when it is a text.
    pub version: Option<String>,
}

/// The run of a `workflow_run` event (docs.github.com, "Webhook events and payloads", `workflow_run`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    /// GitHub's number for it, one for all attempts.
    pub id: u64,
    /// The branch it ran for; for a tag push the name of the tag.
    pub head_branch: Option<String>,
    /// The commit it ran for.
    pub head_sha: Option<CommitSha>,
    /// What started it, such as `push`.
    pub event: Option<String>,
    /// When its first attempt was made.
    pub created_at: Option<Timestamp>,
}

/// The event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The file is not there, or may not be read.
    #[error("read the event payload {path}: {source}; GITHUB_EVENT_PATH must name the file that the runner wrote")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than any payload of GitHub.
    #[error("read the event payload {path}: it is larger than {MAX_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a JSON object.
    #[error("read the event payload {path}: it is not a JSON object ({reason})")]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// What the parser says. Names a place, quotes nothing.
        reason: String,
    },
}

impl Event {
    /// Reads the payload from the file that `GITHUB_EVENT_PATH` names.
    pub fn read(path: &Path) -> Result<Self, EventError> {
        let unreadable = |source| EventError::Unreadable { path: path.into(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(EventError::TooLarge { path: path.into() });
        }
        match serde_json::from_slice(&bytes) {
            Ok(payload @ Value::Object(_)) => Ok(Self::from_payload(&payload)),
            Ok(_) => Err(EventError::NotAnObject { path: path.into(), reason: "another kind of value".into() }),
            Err(error) => {
                let reason = format!("line {}, column {}", error.line(), error.column());
                Err(EventError::NotAnObject { path: path.into(), reason })
            }
        }
    }

    fn from_payload(payload: &Value) -> Self {
        let inputs = payload["inputs"].as_object().into_iter().flatten();
        let client_payload = payload.get("client_payload").filter(|said| said.is_object());
        Self {
            inputs: inputs.filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect(),
            client_payload: client_payload
                .map(|said| ClientPayload { tag: text(&said["tag"]), version: text(&said["version"]) }),
            release_tag: text(&payload["release"]["tag_name"]),
            workflow_run: workflow_run(&payload["workflow_run"]),
            private: payload["repository"]["private"].as_bool(),
            from_fork: text(&payload["pull_request"]["head"]["repo"]["full_name"])
                .is_some_and(|head| text(&payload["repository"]["full_name"]).is_some_and(|base| base != head)),
        }
    }
}

fn workflow_run(run: &Value) -> Option<WorkflowRun> {
    Some(WorkflowRun {
        id: run["id"].as_u64()?,
        head_branch: text(&run["head_branch"]),
        head_sha: run["head_sha"].as_str().and_then(|sha| sha.parse().ok()),
        event: text(&run["event"]),
        created_at: run["created_at"].as_str().and_then(|time| time.parse().ok()),
    })
}

/// A text that says something; a blank one is an absent one, as for inputs.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_) => text(value),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(payload: &[u8]) -> Result<Event, EventError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        std::fs::write(&path, payload).unwrap();
        Event::read(&path)
    }

    #[test]
    fn a_workflow_run_is_read() {
        let payload = json!({"action": "completed", "workflow_run": {
            "id": 42, "head_branch": "v1.2.3", "head_sha": "abcdef0123456789abcdef0123456789abcdef01",
            "event": "push", "created_at": "2026-09-04T11:58:07Z",
        }});
        let run = Event::from_payload(&payload).workflow_run.unwrap();
        assert_eq!(run.id, 42);
        assert_eq!(run.head_branch.as_deref(), Some("v1.2.3"));
        assert_eq!(run.created_at, Some("2026-09-04T11:58:07Z".parse().unwrap()));
    }

    #[test]
    fn a_dispatch_brings_its_inputs_and_its_payload() {
        let event = Event::from_payload(&json!({
            "inputs": {"tag": "v1.2.3", "draft": true, "count": 3, "blank": " ", "list": []},
            "client_payload": {"tag": 7, "version": "1.2.3", "more": null},
        }));
        let inputs: Vec<_> = event.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(inputs, ["count=3", "draft=true", "tag=v1.2.3"]);
        let payload = event.client_payload.unwrap();
        assert_eq!((payload.tag, payload.version.as_deref()), (None, Some("1.2.3")));
    }

    #[test]
    fn fields_of_another_type_are_missing_ones() {
        for payload in [
            json!({"inputs": "x", "client_payload": [], "release": 1, "workflow_run": "x"}),
            json!({"inputs": null, "client_payload": null, "release": {"tag_name": {}}, "workflow_run": {"id": -1}}),
            json!({}),
        ] {
            assert_eq!(Event::from_payload(&payload), Event::default(), "{payload}");
        }
        let run = json!({"workflow_run": {"id": 1, "head_sha": "zz", "created_at": 5}});
        let run = Event::from_payload(&run).workflow_run.unwrap();
        assert_eq!((run.head_sha, run.created_at), (None, None));
    }

    #[test]
    fn a_file_that_is_no_payload_is_an_error_that_names_it() {
        for payload in [&b""[..], b"[]", b"{", b"\xff\xfe", "[".repeat(1000).as_bytes()] {
            assert!(read(payload).unwrap_err().to_string().contains("event.json"));
        }
        let error = Event::read(Path::new("/nowhere/event.json")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/event.json"));
    }

    #[test]
    fn a_file_larger_than_a_payload_is_refused() {
        let large = vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1];
        assert!(matches!(read(&large), Err(EventError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = serde_json::from_slice::<Value>(&bytes).map(|payload| Event::from_payload(&payload));
        }
    }
}
