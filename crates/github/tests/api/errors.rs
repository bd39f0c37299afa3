//! What the caller is told when a call fails.

use std::time::Duration;

use bytes::Bytes;
use github::{Error, GitHub, MakeLatest, NewRelease};
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::server::{SHA, github, status, with};

/// The error of reading statuses when GitHub answers so.
async fn error(answer: impl Fn() -> Response<Full<Bytes>> + Send + Sync + 'static) -> Error {
    let (github, _) = github(move |_| answer());
    github.statuses(&SHA.parse().unwrap()).await.unwrap_err()
}

async fn create(github: &GitHub) -> Error {
    let release = NewRelease {
        tag_name: "v1".into(),
        target_commitish: SHA.parse().unwrap(),
        name: "v1".into(),
        body: String::new(),
        draft: true,
        prerelease: false,
        make_latest: MakeLatest::False,
    };
    github.create_release(&release).await.unwrap_err()
}

fn refused(message: &str) -> Response<Full<Bytes>> {
    status(403, &json!({"message": message}))
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_permission_that_github_asks_for() {
    let accepted = "contents=read,statuses=write; metadata=read";
    let error = error(move || {
        with(refused("Resource not accessible by integration"), "x-accepted-github-permissions", accepted)
    })
    .await;
    assert_eq!(
        error.to_string(),
        "read the statuses of commit abcdef0: GitHub refused the token (403: Resource not accessible by integration); \
         give the job `permissions: contents: read, statuses: write or metadata: read`, or another token"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_names_none_names_the_permission_that_the_call_needs() {
    for code in [401, 403] {
        let error = error(move || status(code, &json!({"message": "no"}))).await;
        assert!(matches!(&error, Error::Denied { permission, .. } if permission == "statuses: read"), "{error}");
    }
    let (github, _) = github(|_| refused("no"));
    assert!(matches!(create(&github).await, Error::Denied { permission, .. } if permission == "contents: write"));
}

#[tokio::test(start_paused = true)]
async fn throttling_is_told_from_a_refusal_and_says_for_how_long() {
    // 2026-09-04T12:02:00Z, two minutes after the `Date` of the answer.
    let reset = "1788523320";
    let exhausted = move |code| {
        let answer = status(code, &json!({"message": "API rate limit exceeded"}));
        with(with(answer, "x-ratelimit-remaining", "0"), "x-ratelimit-reset", reset)
    };
    let secondary = || refused("You have exceeded a secondary rate limit. Please wait a few minutes.");
    let cases: [(Error, u64); 6] = [
        (error(move || exhausted(403)).await, 120),
        (error(move || exhausted(429)).await, 120),
        (error(move || with(secondary(), "retry-after", "90")).await, 90),
        (error(secondary).await, 60),
        (error(|| with(refused("odd"), "retry-after", "0")).await, 1),
        (error(|| with(refused("odd"), "retry-after", "9223372036854775807")).await, 86_400),
    ];
    for (error, seconds) in cases {
        let expected = Duration::from_secs(seconds);
        assert!(matches!(&error, Error::Throttled { after, .. } if *after == expected), "{error}");
    }
    // Requests are left: this is a refusal.
    let error = error(|| with(refused("no"), "x-ratelimit-remaining", "4000")).await;
    assert!(matches!(error, Error::Denied { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_told_from_what_is_wrong() {
    let failed = |errors: Value| {
        let (github, _) = github(move |_| status(422, &json!({"message": "Validation Failed", "errors": errors})));
        async move { create(&github).await }
    };
    let exists = failed(json!([{"resource": "Release", "code": "already_exists", "field": "tag_name"}])).await;
    assert!(matches!(&exists, Error::AlreadyExists { .. }), "{exists}");
    assert!(exists.to_string().contains("Validation Failed: tag_name already_exists"));
    let wrong = failed(json!([{"code": "custom", "message": "body is too long"}, "odd", {"x": 1}])).await;
    assert_eq!(
        wrong.to_string(),
        "create the release v1: GitHub does not accept it: Validation Failed: body is too long, odd, {\"x\":1}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_asked_again_and_then_unreachable() {
    let (github, log) = github(|_| status(503, &json!("down")));
    let error = github.releases().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(log.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_kind_is_quoted_printable_and_short() {
    let strange = || status(418, &json!({"message": format!("\u{1b}[31m::error::x\n{}", "y".repeat(1000))}));
    let text = error(strange).await.to_string();
    assert!(text.contains("/statuses?per_page=*** gave an answer"), "{text}");
    assert!(text.contains("status 418: ::error::x yyy") && text.len() < 600, "{text}");
    assert!(!text.contains(['\u{1b}', '\n']));
    let html = error(|| Response::new(Full::new(Bytes::from_static(b"<html>")))).await;
    assert!(matches!(html, Error::Unexpected { .. }), "{html}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_is_not_read() {
    let error = error(|| Response::new(Full::new(vec![b' '; 10 * 1024 * 1024 + 1].into()))).await;
    assert!(matches!(&error, Error::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("larger than 10485760 bytes"), "{error}");
}
