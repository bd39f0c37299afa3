//! Releases, their assets, generated notes, latest, immutability.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Access, Answer, Fault, GitHubToken, World};

use crate::{Answered, TOKEN, api, api_as, asked, world};

async fn create(world: &World, body: Value) -> Answered {
    api(world, "POST", "/releases", &body.to_string()).await
}

async fn upload(world: &World, release: &Value, name: &str, content: &'static str) -> Answered {
    let url = release["upload_url"].as_str().unwrap().replace("{?name,label}", &format!("?name={name}"));
    let bearer = format!("Bearer {TOKEN}");
    let length = content.len().to_string();
    let headers = [
        ("user-agent", "t"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    asked(world, "POST", &url, &headers, content).await
}

fn error(answer: &Answered) -> (u16, Value, Value) {
    let error = &answer.json()["errors"][0];
    (answer.status, error["code"].clone(), error["field"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_draft_is_listed_for_writers_only_and_never_found_by_tag() {
    let world = world();
    let sha = world.commit("one");
    world.tag("v1.0.0", &sha);
    let draft = create(&world, json!({"tag_name":"v1.0.0","draft":true,"body":"a\r\nb\n"})).await;
    assert_eq!(draft.status, 201);
    assert_eq!(draft.json()["body"], "a\r\nb\n");
    assert_eq!(draft.json()["published_at"], Value::Null);
    assert!(draft.json()["html_url"].as_str().unwrap().contains("/releases/tag/untagged-"));
    world.token(GitHubToken::new("ghs_read").contents(Access::Read));
    assert_eq!(api(&world, "GET", "/releases", "").await.json().as_array().unwrap().len(), 1);
    assert_eq!(api_as(&world, "ghs_read", "GET", "/releases", "").await.json(), json!([]));
    let id = draft.json()["id"].to_string();
    assert_eq!(api(&world, "GET", &format!("/releases/{id}"), "").await.status, 200);
    assert_eq!(api_as(&world, "ghs_read", "GET", &format!("/releases/{id}"), "").await.status, 404);
    assert_eq!(api(&world, "GET", "/releases/tags/v1.0.0", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn publishing_sets_published_at_and_makes_the_missing_tag_at_the_target() {
    let world = world();
    let sha = world.commit("one");
    world.commit("two");
    let body = json!({"tag_name":"v1.0.0","target_commitish":sha,"draft":true});
    let draft = create(&world, body).await.json();
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0.0", "").await.status, 404);
    tokio::time::advance(Duration::from_secs(30)).await;
    let published = api(&world, "PATCH", &format!("/releases/{}", draft["id"]), r#"{"draft":false}"#).await.json();
    assert_eq!(published["published_at"], "2026-11-23T12:00:30Z");
    assert_eq!(published["created_at"], "2026-11-23T12:00:00Z", "the date of the commit");
    assert_eq!(published["html_url"], "https://github.com/octo/shop/releases/tag/v1.0.0");
    assert_eq!(api(&world, "GET", "/git/ref/tags/v1.0.0", "").await.json()["object"]["sha"], sha.as_str());
    assert_eq!(api(&world, "GET", "/releases/tags/v1.0.0", "").await.json()["id"], draft["id"]);
    assert_eq!(world.latest_release().unwrap().tag_name, "v1.0.0");
}

#[tokio::test(start_paused = true)]
async fn one_tag_has_one_published_release_but_any_number_of_drafts() {
    let world = world();
    assert_eq!(create(&world, json!({"tag_name":"v1"})).await.status, 201);
    let again = create(&world, json!({"tag_name":"v1"})).await;
    assert_eq!(error(&again), (422, json!("already_exists"), json!("tag_name")));
    for _ in 0..2 {
        let draft = create(&world, json!({"tag_name":"v1","draft":true})).await.json();
        let published = api(&world, "PATCH", &format!("/releases/{}", draft["id"]), r#"{"draft":false}"#).await;
        assert_eq!(error(&published), (422, json!("already_exists"), json!("tag_name")));
    }
    assert_eq!(world.releases().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_release_may_hold_is_checked() {
    let world = world();
    let long = create(&world, json!({"tag_name":"v1","draft":true,"body":"x".repeat(125_001)})).await;
    assert_eq!(error(&long), (422, json!("custom"), json!("body")));
    let fits = create(&world, json!({"tag_name":"v1","draft":true,"body":"é".repeat(125_000)})).await;
    assert_eq!(fits.status, 201);
    let target = create(&world, json!({"tag_name":"v2","target_commitish":"f".repeat(40)})).await;
    assert_eq!(error(&target), (422, json!("invalid"), json!("target_commitish")));
    let flag = create(&world, json!({"tag_name":"v2","make_latest":true})).await;
    assert_eq!(flag.status, 422);
    assert!(flag.text().contains("For 'properties/make_latest', true is not a string."));
    assert!(create(&world, json!({"name":"x"})).await.text().contains("wasn't supplied"));
    for (body, what) in [(json!({"draft":true}), "draft"), (json!({"prerelease":true}), "prerelease")] {
        let mut body = body;
        body["tag_name"] = "v3".into();
        body["make_latest"] = "true".into();
        let refused = create(&world, body).await;
        assert_eq!(refused.json()["errors"][0]["message"], "Latest release cannot be draft or prerelease.", "{what}");
    }
    assert_eq!(world.releases().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn exactly_one_release_is_the_latest() {
    let world = world();
    let latest = |world: &World| world.latest_release().map(|release| release.tag_name);
    let mut make = Vec::new();
    for tag in ["v2.0.0", "v1.1.0"] {
        tokio::time::advance(Duration::from_secs(60)).await;
        let sha = world.commit(tag);
        world.tag(tag, &sha);
        make.push(sha);
    }
    create(&world, json!({"tag_name":"v2.0.0"})).await;
    create(&world, json!({"tag_name":"v1.1.0","make_latest":"false"})).await;
    assert_eq!(latest(&world).as_deref(), Some("v2.0.0"));
    create(&world, json!({"tag_name":"v3.0.0-rc1","prerelease":true})).await;
    assert_eq!(latest(&world).as_deref(), Some("v2.0.0"));
    let legacy = create(&world, json!({"tag_name":"v0.9.0","target_commitish":make[0],"make_latest":"legacy"})).await;
    assert_eq!(legacy.status, 201);
    assert_eq!(latest(&world).as_deref(), Some("v1.1.0"), "legacy goes by the date of the commit");
    let id = world.release("v2.0.0").unwrap().id;
    api(&world, "PATCH", &format!("/releases/{id}"), r#"{"make_latest":"true"}"#).await;
    assert_eq!(api(&world, "GET", "/releases/latest", "").await.json()["tag_name"], "v2.0.0");
}

#[tokio::test(start_paused = true)]
async fn the_only_release_is_the_latest_whatever_make_latest_said() {
    let world = world();
    assert_eq!(api(&world, "GET", "/releases/latest", "").await.status, 404);
    create(&world, json!({"tag_name":"v1","make_latest":"false"})).await;
    assert_eq!(world.latest_release().unwrap().tag_name, "v1");
}

#[tokio::test(start_paused = true)]
async fn assets_are_uploaded_renamed_read_and_deleted() {
    let world = world();
    let draft = create(&world, json!({"tag_name":"v1","draft":true})).await.json();
    assert!(draft["upload_url"].as_str().unwrap().starts_with("https://uploads.github.com/repos/octo/shop/releases/"));
    let asset = upload(&world, &draft, "lock-1.json", "{}").await;
    assert_eq!((asset.status, asset.json()["state"].as_str()), (201, Some("uploaded")));
    let duplicate = upload(&world, &draft, "lock-1.json", "{}").await;
    assert_eq!(error(&duplicate), (422, json!("already_exists"), json!("name")));
    assert_eq!(error(&upload(&world, &draft, "empty", "").await), (422, json!("custom"), json!("size")));
    assert_eq!(upload(&world, &draft, "a%20b.txt", "x").await.json()["name"], "a.b.txt");

    let path = format!("/releases/assets/{}", asset.json()["id"]);
    let taken = api(&world, "PATCH", &path, r#"{"name":"a.b.txt"}"#).await;
    assert_eq!(error(&taken), (422, json!("already_exists"), json!("name")));
    assert_eq!(api(&world, "PATCH", &path, r#"{"name":"lock.json"}"#).await.json()["name"], "lock.json");
    let bearer = format!("Bearer {TOKEN}");
    let url = format!("https://api.github.com/repos/octo/shop{path}");
    let headers = [("user-agent", "t"), ("authorization", bearer.as_str()), ("accept", "application/octet-stream")];
    let redirect = asked(&world, "GET", &url, &headers, "").await;
    assert_eq!(redirect.status, 302);
    assert_eq!(asked(&world, "GET", redirect.header("location"), &[], "").await.text(), "{}");
    assert_eq!(asked(&world, "GET", redirect.header("location"), &headers[1..2], "").await.status, 400);
    assert_eq!(api(&world, "DELETE", &path, "").await.status, 204);
    assert_eq!(api(&world, "GET", &path, "").await.status, 404);
    let listed = api(&world, "GET", &format!("/releases/{}/assets", draft["id"]), "").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broken_upload_leaves_a_starter() {
    let world = world();
    let draft = create(&world, json!({"tag_name":"v1","draft":true})).await.json();
    world.fault(Fault::on("POST", "uploads.github.com", "/").times(1).answer(Answer::StarterAsset));
    assert_eq!(upload(&world, &draft, "lock.json", "{}").await.status, 502);
    let asset = world.release("v1").unwrap().assets[0].clone();
    assert_eq!((asset.state.as_str(), asset.content.len()), ("starter", 0));
    assert_eq!(upload(&world, &draft, "lock.json", "{}").await.status, 422, "the name is taken");
}

#[tokio::test(start_paused = true)]
async fn an_immutable_release_keeps_assets_and_tag_but_not_its_text() {
    let world = world();
    world.immutable_releases(true);
    let sha = world.commit("one");
    let draft = create(&world, json!({"tag_name":"v1","draft":true,"target_commitish":sha})).await.json();
    let asset = upload(&world, &draft, "a.txt", "x").await.json();
    let path = format!("/releases/{}", draft["id"]);
    let published = api(&world, "PATCH", &path, r#"{"draft":false,"prerelease":true}"#).await.json();
    assert_eq!(published["immutable"], true);
    assert_eq!(upload(&world, &draft, "b.txt", "x").await.status, 422);
    let asset = format!("/releases/assets/{}", asset["id"]);
    assert_eq!(api(&world, "DELETE", &asset, "").await.status, 422);
    assert_eq!(api(&world, "PATCH", &asset, r#"{"name":"c"}"#).await.status, 422);
    assert_eq!(api(&world, "PATCH", &path, r#"{"tag_name":"v2"}"#).await.status, 422);
    assert_eq!(api(&world, "PATCH", &path, r#"{"draft":true}"#).await.status, 422);
    let healed =
        api(&world, "PATCH", &path, r#"{"body":"new","name":"n","prerelease":false,"make_latest":"true"}"#).await;
    assert_eq!((healed.status, healed.json()["body"].as_str()), (200, Some("new")));
    assert!(!world.move_tag("v1", &world.commit("two")) && !world.delete_tag("v1"));
    assert_eq!(api(&world, "DELETE", &path, "").await.status, 204);
    let again = create(&world, json!({"tag_name":"v1"})).await;
    assert_eq!(again.json()["errors"][0]["message"], "tag_name was used by an immutable release");
}

#[tokio::test(start_paused = true)]
async fn generated_notes_name_the_pull_requests_since_the_previous_tag() {
    let world = world();
    world.pull_request("first", "ann");
    let old = world.pull_request("second", "ben");
    world.tag("v1.0.0", &old.sha);
    world.pull_request("third", "ann");
    let new = world.pull_request("fourth", "cid");
    world.tag("v1.1.0", &new.sha);
    let body = json!({"tag_name":"v1.1.0","previous_tag_name":"v1.0.0"}).to_string();
    let notes = api(&world, "POST", "/releases/generate-notes", &body).await.json();
    assert_eq!(notes["name"], "v1.1.0");
    let wanted = "## What's Changed\n\
        * third by @ann in https://github.com/octo/shop/pull/3\n\
        * fourth by @cid in https://github.com/octo/shop/pull/4\n\n\
        ## New Contributors\n\
        * @cid made their first contribution in https://github.com/octo/shop/pull/4\n\n\
        **Full Changelog**: https://github.com/octo/shop/compare/v1.0.0...v1.1.0";
    assert_eq!(notes["body"], wanted);
    let first = api(&world, "POST", "/releases/generate-notes", r#"{"tag_name":"v1.0.0"}"#).await.json();
    let end = "**Full Changelog**: https://github.com/octo/shop/commits/v1.0.0";
    assert!(first["body"].as_str().unwrap().ends_with(end));
    let wrong = json!({"tag_name":"v1.1.0","previous_tag_name":"v9"}).to_string();
    let wrong = api(&world, "POST", "/releases/generate-notes", &wrong).await;
    assert_eq!((wrong.status, wrong.json()["message"].as_str()), (400, Some("Invalid previous_tag parameter")));
    create(&world, json!({"tag_name":"v1.0.0"})).await;
    let made = create(&world, json!({"tag_name":"v1.1.0","body":"Hello","generate_release_notes":true})).await.json();
    assert_eq!(made["body"].as_str().unwrap(), format!("Hello\n\n{wanted}"));
}

#[tokio::test(start_paused = true)]
async fn a_person_can_make_edit_and_delete_releases() {
    let world = world();
    let id = world.add_release("v1", |release| release.body = Some("by hand".to_owned()));
    world.edit_release(id, |release| release.body = Some("edited".to_owned()));
    let shown = api(&world, "GET", "/releases/tags/v1", "").await.json();
    assert_eq!((shown["body"].as_str(), shown["author"]["login"].as_str()), (Some("edited"), Some("alice")));
    world.add_release("v2", |release| release.draft = true);
    assert!(world.release("v2").unwrap().draft);
    world.delete_release(id);
    assert_eq!(api(&world, "GET", "/releases/tags/v1", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn reading_by_tag_may_lag_behind_the_list() {
    let world = world();
    world.by_tag_lag(Duration::from_secs(3));
    create(&world, json!({"tag_name":"v1"})).await;
    assert_eq!(api(&world, "GET", "/releases", "").await.json()[0]["tag_name"], "v1");
    assert_eq!(api(&world, "GET", "/releases/tags/v1", "").await.status, 404);
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(api(&world, "GET", "/releases/tags/v1", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn releases_are_listed_newest_first_and_at_most_a_hundred_per_page() {
    let world = world();
    for number in 0..101 {
        create(&world, json!({"tag_name":format!("v0.0.{number}"),"draft":true})).await;
    }
    let page = api(&world, "GET", "/releases?per_page=500", "").await;
    assert_eq!(page.json().as_array().unwrap().len(), 100);
    assert_eq!(page.json()[0]["tag_name"], "v0.0.100");
    assert!(page.header("link").contains("rel=\"next\""));
    let last = api(&world, "GET", "/releases?per_page=100&page=2", "").await;
    assert_eq!(last.json().as_array().unwrap().len(), 1);
    assert!(last.header("link").contains("rel=\"first\"") && !last.header("link").contains("rel=\"next\""));
}

#[tokio::test(start_paused = true)]
async fn whether_releases_are_immutable_is_told_to_those_who_may_read_the_settings() {
    let world = world();
    assert_eq!(api(&world, "GET", "/immutable-releases", "").await.status, 403);
    world.token(GitHubToken::new("admin").administration(Access::Read));
    assert_eq!(api_as(&world, "admin", "GET", "/immutable-releases", "").await.status, 404);
    world.immutable_releases(true);
    let setting = api_as(&world, "admin", "GET", "/immutable-releases", "").await.json();
    assert_eq!(setting, json!({"enabled": true, "enforced_by_owner": false}));
    assert_eq!(api_as(&world, "", "GET", "/immutable-releases", "").await.status, 404);
}
