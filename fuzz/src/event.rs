//! The payload of an event. Input: the file that the runner wrote.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use runner::{Cancel, Environment, Event};
use serde_json::Value;

use super::offline::{answer, core, run};

const TOKEN: &str = "ghs_0123456789abcdefghij";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What is read is what the payload says; whatever it says, a run on it ends, and prints no command and no secret.
pub fn target(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event.json");
    std::fs::write(&path, data).unwrap();
    match (Event::read(&path), serde_json::from_slice::<Value>(data)) {
        (Ok(event), Ok(payload @ Value::Object(_))) => {
            check(&event, &payload);
            a_run_ends(&path);
        }
        (Err(error), Ok(Value::Object(_))) => panic!("{error}"),
        (Ok(event), _) => panic!("{event:?}"),
        (Err(error), _) => super::assert_printable(&error.to_string()),
    }
}

fn check(event: &Event, payload: &Value) {
    let is = |read: Option<&String>, pointer: &str| {
        let said = payload.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        assert_eq!(read.map(String::as_str), said, "{pointer}");
    };
    is(event.release_tag.as_ref(), "/release/tag_name");
    is(event.client_payload.as_ref().and_then(|payload| payload.tag.as_ref()), "/client_payload/tag");
    is(event.client_payload.as_ref().and_then(|payload| payload.version.as_ref()), "/client_payload/version");
    for (name, value) in &event.inputs {
        assert!(!value.trim().is_empty() && payload["inputs"].get(name).is_some(), "{name}");
    }
    if let Some(run) = &event.workflow_run {
        assert_eq!(payload.pointer("/workflow_run/id").and_then(Value::as_u64), Some(run.id));
        is(run.head_branch.as_ref(), "/workflow_run/head_branch");
    }
}

/// A run where every tag exists and nothing else does.
fn a_run_ends(event: &Path) {
    let environment: Environment = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "octo/shop"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_EVENT_PATH", event.to_str().unwrap()),
        ("INPUT_TOKEN", TOKEN),
        ("INPUT_SERVICES", "api"),
    ]
    .into_iter()
    .collect();
    let (core, _) = core(|request: &Request<Bytes>| match request.uri().path().split_once("/git/ref/tags/") {
        Some((_, tag)) if !tag.contains('%') => {
            let found =
                serde_json::json!({"ref": format!("refs/tags/{tag}"), "object": {"type": "commit", "sha": COMMIT}});
            Response::new(found.to_string().into_bytes())
        }
        _ => answer(404),
    });
    let log = Log::default();
    let exit = run(async {
        let cancel = Cancel::when(std::future::pending());
        wait_and_release::run(&environment, |_| Ok(core), log.clone(), &cancel).await
    });
    assert!(matches!(exit, 1 | 2), "exit {exit}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let mut said = 0;
    for line in log.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
        let command = line.trim_start().strip_prefix("::").map(|rest| rest.split("::").next().unwrap_or_default());
        match command.map(|command| command.split(' ').next().unwrap_or_default()) {
            None => assert!(!line.contains("##["), "{line:?}"),
            Some("add-mask" | "group" | "endgroup" | "debug" | "warning") => {}
            Some("error") => said += 1,
            Some(other) => panic!("the command {other} in {log}"),
        }
        assert!(!line.contains(TOKEN) || line.starts_with("::add-mask::"), "{line}");
    }
    assert_eq!(said, 1, "{log}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
