//! The GitHub face but for releases.

use std::time::Duration;

use serde_json::json;
use sim::{Access, GitHubToken, RepositorySpec, RunSpec};

use crate::{TOKEN, api, api_as, asked, world};

#[tokio::test(start_paused = true)]
async fn annotated_and_nested_tags_lead_to_their_commit() {
    let world = world();
    let sha = world.commit("one");
    let inner = world.tag_object("inner", &sha);
    let outer = world.annotated_tag("rel/v1.0.0", &inner);
    let reference = api(&world, "GET", "/git/ref/tags/rel/v1.0.0", "").await.json();
    assert_eq!(reference["ref"], "refs/tags/rel/v1.0.0");
    assert_eq!(reference["object"]["type"], "tag");
    assert_eq!(reference["object"]["sha"], outer.as_str());
    let encoded = api(&world, "GET", "/git/ref/tags/rel%2Fv1.0.0", "").await;
    assert_eq!(encoded.json(), reference);
    let outer = api(&world, "GET", &format!("/git/tags/{outer}"), "").await.json();
    assert_eq!(outer["object"]["type"], "tag");
    let inner = api(&world, "GET", &format!("/git/tags/{inner}"), "").await.json();
    assert_eq!(inner["object"]["sha"], sha.as_str());
    assert_eq!(api(&world, "GET", "/commits/rel/v1.0.0", "").await.json()["sha"], sha.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_ref_is_matched_exactly_and_a_prefix_only_by_matching_refs() {
    let world = world();
    let sha = world.commit("one");
    world.tag("v1.0.0", &sha);
    world.tag("v1.0.0-rc1", &sha);
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0", "").await.status, 404);
    let matching = api(&world, "GET", "/git/matching-refs/tags/v1.0.0", "").await.json();
    assert_eq!(matching.as_array().unwrap().len(), 2);
    assert_eq!(api(&world, "GET", "/git/matching-refs/tags/v9", "").await.json(), json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_tag_and_a_branch_of_one_name_stay_apart() {
    let world = world();
    let (one, two) = (world.commit("one"), world.commit("two"));
    world.tag("v1.0.0", &one);
    world.branch("v1.0.0", &two);
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0.0", "").await.json()["object"]["sha"], one.as_str());
    assert_eq!(api(&world, "GET", "/commits/heads/v1.0.0", "").await.json()["sha"], two.as_str());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_commit_is_422() {
    let answer = api(&world(), "GET", "/commits/nope", "").await;
    assert_eq!((answer.status, answer.json()["message"].as_str()), (422, Some("No commit found for SHA: nope")));
}

#[tokio::test(start_paused = true)]
async fn statuses_are_the_whole_history_and_the_combined_view_the_newest_of_each_context() {
    let world = world();
    let sha = world.commit("one");
    for (state, context) in [("pending", "a"), ("failure", "A"), ("success", "b")] {
        let body = json!({"state":state,"context":context,"description":"d","target_url":"https://x.test/1"});
        assert_eq!(api(&world, "POST", &format!("/statuses/{sha}"), &body.to_string()).await.status, 201);
    }
    let list = api(&world, "GET", &format!("/commits/{sha}/statuses?per_page=2"), "").await;
    assert_eq!(list.json()[0]["context"], "b");
    assert_eq!(list.json().as_array().unwrap().len(), 2);
    let link = list.header("link").to_owned();
    let next = format!("<https://api.github.com/repositories/1296269/commits/{sha}/statuses?per_page=2&page=2>");
    assert_eq!(link, format!("{next}; rel=\"next\", {next}; rel=\"last\""));
    let headers = [("user-agent", "test")];
    let page = asked(&world, "GET", next.trim_matches(['<', '>']), &headers, "").await;
    assert_eq!(page.json()[0]["state"], "pending");
    let combined = api(&world, "GET", &format!("/commits/{sha}/status"), "").await.json();
    assert_eq!((combined["state"].as_str(), combined["total_count"].as_u64()), (Some("failure"), Some(2)));
    assert_eq!(world.statuses(&sha).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_bad_status_is_refused_with_its_field() {
    let world = world();
    let sha = world.commit("one");
    let post = async |body: serde_json::Value| {
        let answer = api(&world, "POST", &format!("/statuses/{sha}"), &body.to_string()).await;
        (answer.status, answer.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(post(json!({"state":"success","description":"x".repeat(141)})).await, (422, "description".to_owned()));
    assert_eq!(post(json!({"state":"good"})).await, (422, "state".to_owned()));
    assert_eq!(post(json!({"state":"success","description":"é".repeat(140)})).await.0, 201);
    let url = format!("/statuses/{}", "0".repeat(40));
    assert_eq!(api(&world, "POST", &url, r#"{"state":"success"}"#).await.status, 422);
    for _ in 0..999 {
        world.status(&sha, "success", "Default", "", "");
    }
    let full = api(&world, "POST", &format!("/statuses/{sha}"), r#"{"state":"success"}"#).await;
    let message = "This SHA and context has reached the maximum number of statuses.";
    assert_eq!((full.status, full.json()["errors"][0]["message"].as_str()), (422, Some(message)));
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_403_and_names_what_would_do() {
    let world = world();
    let sha = world.commit("one");
    world.token(GitHubToken::new("ghs_weak").contents(Access::Read));
    let answer = api_as(&world, "ghs_weak", "POST", &format!("/statuses/{sha}"), r#"{"state":"success"}"#).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["message"], "Resource not accessible by integration");
    assert_eq!(answer.header("x-accepted-github-permissions"), "statuses=write");
    let read = format!("/commits/{sha}/statuses");
    assert_eq!(api_as(&world, "ghs_weak", "GET", &read, "").await.status, 200, "public data needs no permission");
    world.repository(RepositorySpec { private: true, ..RepositorySpec::default() });
    assert_eq!(api_as(&world, "ghs_weak", "GET", &read, "").await.status, 403);
    assert_eq!(api_as(&world, "", "GET", &read, "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_401_even_for_public_data_and_nobody_may_write() {
    let world = world();
    let bad = api_as(&world, "ghs_bad", "GET", "", "").await;
    assert_eq!((bad.status, bad.json()["message"].as_str()), (401, Some("Bad credentials")));
    assert_eq!(api_as(&world, "", "GET", "", "").await.status, 200);
    assert_eq!(api_as(&world, "", "POST", "/dispatches", r#"{"event_type":"x"}"#).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_304_is_free_and_a_change_ends_it() {
    let world = world();
    let sha = world.commit("one");
    let url = format!("https://api.github.com/repos/octo/shop/commits/{sha}/statuses");
    let bearer = format!("Bearer {TOKEN}");
    let first = asked(&world, "GET", &url, &[("user-agent", "t"), ("authorization", &bearer)], "").await;
    assert_eq!(first.header("x-ratelimit-remaining"), "999");
    let etag = first.header("etag").to_owned();
    let headers = [("user-agent", "t"), ("authorization", bearer.as_str()), ("if-none-match", etag.as_str())];
    let same = asked(&world, "GET", &url, &headers, "").await;
    assert_eq!((same.status, same.body.len(), same.header("x-ratelimit-remaining")), (304, 0, "999"));
    assert_eq!(same.header("etag"), etag);
    world.status(&sha, "success", "a", "", "");
    let changed = asked(&world, "GET", &url, &headers, "").await;
    assert_eq!((changed.status, changed.header("x-ratelimit-remaining")), (200, "998"));
}

#[tokio::test(start_paused = true)]
async fn a_used_up_limit_is_403_until_its_reset() {
    let world = world();
    world.rate_limit(2);
    for _ in 0..2 {
        assert_eq!(api(&world, "GET", "", "").await.status, 200);
    }
    let over = api(&world, "GET", "", "").await;
    assert_eq!((over.status, over.header("x-ratelimit-remaining")), (403, "0"));
    assert!(over.text().contains("API rate limit exceeded"));
    let reset: i64 = over.header("x-ratelimit-reset").parse().unwrap();
    assert_eq!(reset - world.now().as_second(), 3600);
    tokio::time::advance(Duration::from_secs(3601)).await;
    assert_eq!(api(&world, "GET", "", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn contents_are_base64_in_lines_raw_on_request_and_lists_for_folders() {
    let world = world();
    let sha = world.commit("one");
    world.tag("v1", &sha);
    let text = "on:\n  push:\n    tags: ['v*']\n".repeat(4);
    world.file(&sha, ".github/workflows/api.yml", &text);
    world.file(&sha, ".github/release.yml", "changelog:\n");
    let file = api(&world, "GET", "/contents/.github/workflows/api.yml?ref=v1", "").await.json();
    assert_eq!((file["type"].as_str(), file["encoding"].as_str()), (Some("file"), Some("base64")));
    assert!(file["content"].as_str().unwrap().lines().all(|line| line.len() <= 60));
    let url = format!("https://api.github.com/repos/octo/shop/contents/.github/workflows/api.yml?ref={sha}");
    let raw = [("user-agent", "t"), ("accept", "application/vnd.github.raw+json")];
    assert_eq!(asked(&world, "GET", &url, &raw, "").await.text(), text);
    let folder = api(&world, "GET", "/contents/.github?ref=v1", "").await.json();
    let names: Vec<_> =
        folder.as_array().unwrap().iter().map(|entry| (entry["name"].clone(), entry["type"].clone())).collect();
    assert_eq!(names, [(json!("release.yml"), json!("file")), (json!("workflows"), json!("dir"))]);
    assert_eq!(api(&world, "GET", "/contents/none", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_tree_lists_one_level_or_all() {
    let world = world();
    let sha = world.commit("one");
    world.file(&sha, "a/b/c.txt", "c");
    world.file(&sha, "top.txt", "t");
    let paths = |tree: &serde_json::Value| -> Vec<String> {
        tree["tree"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    };
    let flat = api(&world, "GET", &format!("/git/trees/{sha}"), "").await.json();
    assert_eq!(paths(&flat), ["a", "top.txt"]);
    let deep = api(&world, "GET", &format!("/git/trees/{sha}?recursive=1"), "").await.json();
    assert_eq!(paths(&deep), ["a", "a/b", "a/b/c.txt", "top.txt"]);
    let sub = api(&world, "GET", &format!("/git/trees/{}", flat["tree"][0]["sha"].as_str().unwrap()), "").await.json();
    assert_eq!(paths(&sub), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn runs_are_filtered_by_commit_event_and_status_or_conclusion() {
    let world = world();
    let sha = world.commit("one");
    let run = RunSpec { id: 7, head_sha: sha.clone(), head_branch: Some("v1".to_owned()), ..RunSpec::default() };
    world.workflow_run(run.clone());
    world.workflow_run(RunSpec { id: 8, event: "workflow_dispatch".to_owned(), ..run.clone() });
    let count = async |query: &str| {
        api(&world, "GET", &format!("/actions/runs?{query}"), "").await.json()["total_count"].as_u64().unwrap()
    };
    assert_eq!(count(&format!("head_sha={sha}")).await, 2);
    assert_eq!(count("event=push").await, 1);
    assert_eq!(count("status=in_progress").await, 2);
    world.workflow_run(RunSpec {
        status: "completed".to_owned(),
        conclusion: Some("failure".to_owned()),
        ..run.clone()
    });
    assert_eq!((count("status=failure").await, count("status=completed").await), (1, 1));
    world.workflow_run(RunSpec { attempt: 2, ..run });
    let shown = api(&world, "GET", "/actions/runs/7", "").await.json();
    assert_eq!((shown["run_attempt"].as_u64(), shown["status"].as_str()), (Some(2), Some("in_progress")));
    assert_eq!(api(&world, "GET", "/actions/runs/7/attempts/1", "").await.json()["conclusion"], "failure");
    assert_eq!(count("status=failure").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_has_at_most_ten_keys_and_a_short_type() {
    let world = world();
    let payload: serde_json::Map<_, _> = (0..11).map(|at| (format!("k{at}"), json!(at))).collect();
    let mut body = json!({"event_type":"image-built","client_payload":payload});
    let refused = api(&world, "POST", "/dispatches", &body.to_string()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("No more than 10 properties are allowed; 11 were supplied."));
    body["client_payload"].as_object_mut().unwrap().remove("k10");
    assert_eq!(api(&world, "POST", "/dispatches", &body.to_string()).await.status, 204);
    let long = json!({"event_type":"x".repeat(101)}).to_string();
    assert_eq!(api(&world, "POST", "/dispatches", &long).await.status, 422);
    assert_eq!(world.dispatches().len(), 1);
    assert_eq!(world.dispatches()[0].client_payload["k9"], 9);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_user_agent_or_with_broken_json_is_refused() {
    let world = world();
    assert_eq!(asked(&world, "GET", "https://api.github.com/repos/octo/shop", &[], "").await.status, 403);
    let broken = api(&world, "POST", "/dispatches", "{").await;
    assert_eq!((broken.status, broken.json()["message"].as_str()), (400, Some("Problems parsing JSON")));
}

#[tokio::test(start_paused = true)]
async fn an_enterprise_host_has_prefixes() {
    let world = world();
    world.enterprise_host("ghe.test");
    let headers = [("user-agent", "t"), ("authorization", "token ghs_all")];
    let url = "https://ghe.test/api/v3/repos/octo/shop/releases";
    let made = asked(&world, "POST", url, &headers, r#"{"tag_name":"v1","draft":true}"#).await.json();
    let upload = made["upload_url"].as_str().unwrap();
    assert!(upload.starts_with("https://ghe.test/api/uploads/repos/octo/shop/releases/"), "{upload}");
    let upload = upload.replace("{?name,label}", "?name=a.txt");
    let headers = [("user-agent", "t"), ("authorization", "token ghs_all"), ("content-type", "text/plain")];
    assert_eq!(asked(&world, "POST", &upload, &headers, "x").await.status, 201);
}
