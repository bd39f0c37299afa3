//! Clock, timeline, hosts, log.

use std::time::Duration;

use sim::{ImageSpec, RepositorySpec, SimError};

use crate::{api, asked, tried, world};

#[tokio::test(start_paused = true)]
async fn an_event_is_applied_by_the_first_request_after_its_time_and_carries_its_own_time() {
    let world = world();
    let sha = world.commit("one");
    let at = sha.clone();
    world.at(Duration::from_secs(90), move |world| {
        world.status(&at, "success", "release/v1/api", "", "");
    });
    let at = sha.clone();
    world.at(Duration::from_secs(40), move |world| {
        world.status(&at, "pending", "release/v1/api", "", "");
    });
    tokio::time::advance(Duration::from_secs(39)).await;
    assert_eq!(api(&world, "GET", &format!("/commits/{sha}/statuses"), "").await.json(), serde_json::json!([]));
    tokio::time::advance(Duration::from_secs(100)).await;
    let list = api(&world, "GET", &format!("/commits/{sha}/statuses"), "").await.json();
    assert_eq!(list[0]["state"], "success");
    assert_eq!(list[0]["created_at"], "2026-11-23T12:01:30Z");
    assert_eq!(list[1]["state"], "pending");
    assert_eq!(list[1]["created_at"], "2026-11-23T12:00:40Z");
}

#[tokio::test(start_paused = true)]
async fn time_that_is_skipped_has_passed_for_the_date_and_for_events() {
    let world = world();
    world.at(Duration::from_secs(300), |world| world.tag("v1.0.0", &world.commit("later")));
    world.skip(Duration::from_secs(299));
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0.0", "").await.status, 404);
    world.skip(Duration::from_secs(1));
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0.0", "").await.header("date"), "Mon, 23 Nov 2026 12:05:00 GMT");
}

#[tokio::test(start_paused = true)]
async fn an_imported_commit_is_mains_newest_with_its_own_id_and_files() {
    let world = world();
    world.file("main", "old.txt", "of another history");
    let sha = "0123456789abcdef0123456789abcdef01234567";
    world.import_commit(sha, "real", [("new.txt".to_owned(), "text".to_owned())]);
    assert_eq!(api(&world, "GET", "/commits/main", "").await.json()["sha"], sha);
    let files = api(&world, "GET", &format!("/contents?ref={sha}"), "").await.json();
    assert_eq!(files.as_array().unwrap().iter().map(|file| file["name"].clone()).collect::<Vec<_>>(), ["new.txt"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_may_plan_another_and_the_state_can_be_read_without_a_request() {
    let world = world();
    world.at(Duration::from_secs(1), |world| {
        let sha = world.commit("later");
        world.tag("v1.0.0", &sha);
        world.at(Duration::from_secs(2), |world| assert!(world.delete_tag("v1.0.0")));
    });
    assert_eq!(world.next_event(), Some(Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(5)).await;
    world.advance_timeline();
    assert_eq!(world.next_event(), None);
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0.0", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_date_header_is_the_time_in_the_world() {
    let world = world();
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(api(&world, "GET", "", "").await.header("date"), "Mon, 23 Nov 2026 12:01:01 GMT");
    let ping = asked(&world, "GET", "https://ghcr.io/v2/", &[], "").await;
    assert_eq!(ping.header("date"), "Mon, 23 Nov 2026 12:01:01 GMT");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_host_is_a_connect_error_and_written_down() {
    let world = world();
    let failed = tried(&world, "GET", "https://nowhere.test/v2/", &[], "").await.unwrap_err();
    assert_eq!(failed, SimError::UnknownHost("nowhere.test".to_owned()));
    assert_eq!(world.requests()[0].answered, 0);
    world.push("nowhere.test/a:1", &ImageSpec::new());
    assert_eq!(asked(&world, "GET", "https://nowhere.test/v2/", &[], "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_are_written_down_and_writes_counted() {
    let world = world();
    tokio::time::advance(Duration::from_secs(3)).await;
    api(&world, "GET", "/tags?per_page=3", "").await;
    api(&world, "POST", "/dispatches", r#"{"event_type":"x"}"#).await;
    let requests = world.requests();
    assert_eq!(requests[0].at, Duration::from_secs(3));
    assert_eq!(requests[0].path_and_query, "/repos/octo/shop/tags?per_page=3");
    assert_eq!(requests[0].authorization.as_deref(), Some("Bearer ghs_all"));
    assert_eq!((requests[1].method.as_str(), requests[1].answered), ("POST", 204));
    assert_eq!(world.writes(), 1);
    world.clear_requests();
    assert!(world.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn latency_passes_on_the_worlds_clock() {
    let world = world();
    world.latency(Duration::from_millis(250));
    let before = world.now();
    api(&world, "GET", "", "").await;
    assert_eq!(world.now().duration_since(before).as_millis(), 250);
}

#[tokio::test(start_paused = true)]
async fn the_repository_can_have_another_name_and_other_repositories_are_not_found() {
    let world = world();
    world.repository(RepositorySpec { owner: "acme".to_owned(), name: "Big".to_owned(), ..RepositorySpec::default() });
    assert_eq!(api(&world, "GET", "", "").await.status, 404);
    let headers = [("user-agent", "test")];
    let found = asked(&world, "GET", "https://api.github.com/repos/ACME/big", &headers, "").await;
    assert_eq!(found.json()["full_name"], "acme/Big");
}
