//! What is sent to change something, how often, and when.

use std::time::Duration;

use bytes::Bytes;
use domain::signal::StatusState;
use github::{Error, MakeLatest, NewRelease, NewStatus, ReleaseChange};
use serde_json::json;

use crate::server::{SHA, asset, commit_status, github, not_found, ok, release, status};

const BASE: &str = "https://api.github.com/repos/octo/shop";

fn new_release() -> NewRelease {
    NewRelease {
        tag_name: "v1.2.3".into(),
        target_commitish: SHA.parse().unwrap(),
        name: "v1.2.3".into(),
        body: "text".into(),
        draft: true,
        prerelease: false,
        make_latest: MakeLatest::False,
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_is_made_with_everything_said() {
    let (github, log) = github(|_| status(201, &release(5)));
    assert_eq!(github.create_release(&new_release()).await.unwrap().id, 5);
    assert_eq!(log.lines(), [format!("POST {BASE}/releases")]);
    let sent = json!({
        "tag_name": "v1.2.3", "target_commitish": SHA, "name": "v1.2.3", "body": "text", "draft": true,
        "prerelease": false, "make_latest": "false",
    });
    assert_eq!(log.all()[0].json(), sent);
    assert_eq!(log.all()[0].header("content-type"), Some("application/json"));
}

#[tokio::test(start_paused = true)]
async fn a_change_sends_what_changes_and_nothing_else() {
    let (github, log) = github(|_| ok(&release(5)));
    let change = ReleaseChange { draft: Some(false), make_latest: Some(MakeLatest::True), ..ReleaseChange::default() };
    github.update_release(5, &change).await.unwrap();
    assert_eq!(log.lines(), [format!("PATCH {BASE}/releases/5")]);
    assert_eq!(log.all()[0].json(), json!({"draft": false, "make_latest": "true"}));
}

#[tokio::test(start_paused = true)]
async fn writes_are_serial_and_a_second_apart_and_reads_do_not_wait() {
    let (github, log) = github(|seen| if seen.method == "DELETE" { status(204, &json!("")) } else { ok(&release(1)) });
    let writes =
        futures_util::future::join3(github.delete_release(1), github.delete_asset(2), github.delete_release(3));
    let (writes, read) = futures_util::future::join(writes, github.release_by_tag("v4")).await;
    assert!(writes.0.is_ok() && writes.1.is_ok() && writes.2.is_ok() && read.is_ok());
    let mut times: Vec<_> = log.all().iter().map(|seen| (seen.method.to_string(), seen.at.as_secs())).collect();
    times.sort();
    let expected = [("DELETE", 0), ("DELETE", 1), ("DELETE", 2), ("GET", 0)];
    assert_eq!(times, expected.map(|(method, second)| (method.to_owned(), second)));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_nobody_waited_for_still_holds_back_the_next() {
    let (github, log) = github(|_| status(201, &commit_status(1)));
    let status = NewStatus {
        context: "release/v1/api".into(),
        state: StatusState::Success,
        description: "done".into(),
        target_url: None,
    };
    let commit = SHA.parse().unwrap();
    let cut = tokio::time::timeout(Duration::ZERO, github.create_status(&commit, &status)).await;
    assert!(cut.is_err(), "the answer came at once");
    github.create_status(&commit, &status).await.unwrap();
    assert!(log.all().last().unwrap().at >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn no_write_is_sent_twice() {
    let (github, log) = github(|_| status(502, &json!({})));
    assert!(matches!(github.create_release(&new_release()).await, Err(Error::Unreachable { .. })));
    let upload = github.upload_asset("https://uploads.github.com/x{?name}", "a", "text/plain", Bytes::new()).await;
    assert!(matches!(upload, Err(Error::Unreachable { .. })));
    assert!(github.dispatch("image-built", &json!({})).await.is_err());
    assert_eq!(log.lines().len(), 3);
    assert!(github.rename_asset(9, "b").await.is_err());
    assert!(github.delete_asset(9).await.is_err());
    assert_eq!(log.lines().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_already_is_deleted() {
    let (github, log) = github(|_| not_found());
    github.delete_release(1).await.unwrap();
    github.delete_asset(2).await.unwrap();
    assert_eq!(log.lines(), [format!("DELETE {BASE}/releases/1"), format!("DELETE {BASE}/releases/assets/2")]);
    assert!(matches!(github.update_release(1, &ReleaseChange::default()).await, Err(Error::NotFound { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_asset_is_uploaded_under_its_exact_name() {
    let (github, log) = github(|_| status(201, &asset()));
    let upload_url = release(1)["upload_url"].as_str().unwrap().to_owned();
    let content = Bytes::from_static(b"{}");
    github.upload_asset(&upload_url, "a b&label=x#.json", "application/json", content).await.unwrap();
    let seen = &log.all()[0];
    let place = "https://uploads.github.com/repos/octo/shop/releases/1/assets";
    assert_eq!(seen.line(), format!("POST {place}?name=a%20b%26label%3Dx%23.json"));
    assert_eq!((seen.header("content-type"), &seen.body[..]), (Some("application/json"), &b"{}"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_asset_is_renamed_in_place() {
    let (github, log) = github(|_| ok(&asset()));
    github.rename_asset(9, "images.lock.json").await.unwrap();
    assert_eq!(log.lines(), [format!("PATCH {BASE}/releases/assets/9")]);
    assert_eq!(log.all()[0].json(), json!({"name": "images.lock.json"}));
}

#[tokio::test(start_paused = true)]
async fn a_status_and_a_dispatch_are_sent_as_documented() {
    let (github, log) =
        github(
            |seen| {
                if seen.url.contains("/statuses/") { status(201, &commit_status(1)) } else { status(204, &json!("")) }
            },
        );
    let status = NewStatus {
        context: "release/v1/api".into(),
        state: StatusState::Error,
        description: "cancelled".into(),
        target_url: Some("https://github.com/x".into()),
    };
    assert_eq!(
        github.create_status(&SHA.parse().unwrap(), &status).await.unwrap().url,
        format!("https://api.github.com/repos/octo/shop/statuses/{SHA}")
    );
    github.dispatch("image-built", &json!({"schema": 1})).await.unwrap();
    assert_eq!(log.lines(), [format!("POST {BASE}/statuses/{SHA}"), format!("POST {BASE}/dispatches")]);
    let sent = json!({
        "context": "release/v1/api", "state": "error", "description": "cancelled", "target_url": "https://github.com/x",
    });
    assert_eq!(log.all()[0].json(), sent);
    assert_eq!(log.all()[1].json(), json!({"event_type": "image-built", "client_payload": {"schema": 1}}));
}
