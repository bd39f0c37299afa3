//! What others are told, and what happens when they cannot be.

use std::sync::Arc;

use serde_json::json;
use sim::{Access, Answer, Fault, GitHubToken, RepositorySpec};

use super::{Build, builder, token};
use crate::stage::TOKEN;

#[tokio::test(start_paused = true)]
async fn a_token_that_may_write_no_status_fails_before_anything_is_built() {
    let build = Build::new();
    build.world.token(GitHubToken::new(TOKEN).contents(Access::Read).packages(Access::Write));
    build.build().await.is("failed", 1).says("statuses: write");
    assert!(build.builder.made().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_announced_gets_an_end_also_when_github_refuses_the_next_question() {
    let build = Build::new();
    let loses: Arc<dyn Fn(&sim::World) + Send + Sync> = Arc::new(|world| {
        world.token(GitHubToken::new(TOKEN).statuses(Access::Write).packages(Access::Write));
        world.repository(RepositorySpec { private: true, ..RepositorySpec::default() });
    });
    build.builder.next([Some(builder::Fault::Meanwhile(loses))]);
    let ended = build.build().await;
    assert_eq!(ended.output("status"), "failed", "{}", ended.log);
    assert_eq!(build.states().len(), 2, "{:?}", build.said());
}

#[tokio::test(start_paused = true)]
async fn without_a_signal_no_such_right_is_needed() {
    let mut build = Build::new();
    build.world.token(GitHubToken::new(TOKEN).contents(Access::Read).packages(Access::Write));
    build.input("signal", "none");
    let ended = build.build().await;
    ended.is("built", 0);
    assert_eq!(ended.output("signal-url"), "");
    assert!(build.states().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_github_that_fails_for_a_while_is_waited_out() {
    let build = Build::new();
    let fault = Fault::on("POST", "api.github.com", "/repos/octo/shop/statuses/");
    build.world.fault(fault.times(2).answer(Answer::status(502)));
    build.build().await.is("built", 0);
    assert_eq!(build.states(), ["pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_from_a_fork_is_told_why_there_is_no_signal() {
    let mut build = Build::new();
    let payload = json!({
        "pull_request": { "head": { "repo": { "full_name": "mallory/shop" } } },
        "repository": { "full_name": "octo/shop" },
    });
    build.event("pull_request", &payload.to_string()).input("tag", "v1.0.0").input("result", "pending");
    build.build().await.is("", 0).says("can only read");
    assert!(build.states().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_dispatch_says_the_same_with_ten_keys() {
    let mut build = Build::new();
    build.world.token(GitHubToken::new("ghp_dispatch").contents(Access::Write));
    build.input("dispatch-token", "ghp_dispatch");
    let ended = build.build().await;
    ended.is("built", 0);
    let dispatches = build.world.dispatches();
    assert_eq!((dispatches.len(), dispatches[0].event_type.as_str()), (1, "image-built"));
    let expected = json!({
        "schema": 1, "service": "api", "version": "1.0.0", "tag": "v1.0.0", "sha": build.commit,
        "image": "ghcr.io/octo/shop/api:1.0.0", "digest": ended.output("digest"), "platforms": ["linux/amd64"],
        "result": "success",
        "run": { "id": 100, "attempt": 1, "url": "https://github.com/octo/shop/actions/runs/100/attempts/1" },
    });
    assert_eq!(dispatches[0].client_payload, expected);
    assert_eq!(expected.as_object().unwrap().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_token_that_may_not_is_named() {
    let mut build = Build::new();
    build.world.token(GitHubToken::new("ghp_dispatch").contents(Access::Read));
    build.input("dispatch-token", "ghp_dispatch");
    build.build().await.is("failed", 1).says("contents: write");
    // The image and its status stand.
    assert_eq!(build.states(), ["pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn the_dispatch_wakes_a_release() {
    let mut build = Build::new();
    build.world.token(GitHubToken::new("ghp_dispatch").contents(Access::Write));
    build.input("dispatch-token", "ghp_dispatch");
    build.build().await.is("built", 0);
    let payload = build.world.dispatches()[0].client_payload.clone();
    let mut release = build.beside();
    release.world.token(crate::stage::token());
    release.input("services", "api").variable("GITHUB_RUN_ID", "900");
    release.event("repository_dispatch", &json!({ "client_payload": payload }).to_string());
    release.run().await.is("complete", 0);
    build.world.token(token());
}
