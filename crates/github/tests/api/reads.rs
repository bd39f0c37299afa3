//! What is asked and what is made of the answers.

use github::Error;
use serde_json::{Value, json};

use crate::server::{SHA, commit_status, github, github_at, not_found, ok, release, run, status, with};

fn object(kind: &str, sha: &str) -> Value {
    json!({"ref": "refs/tags/v1.2.3", "object": {"type": kind, "sha": sha}})
}

fn sha(number: u8) -> String {
    format!("{number:040x}")
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_a_tag_is_followed_to_its_commit() {
    let (github, log) = github(|seen| match seen.url.rsplit('/').next().unwrap() {
        "v1.2.3" => ok(&object("tag", &sha(1))),
        last if last == sha(1) => ok(&object("tag", &sha(2))),
        last if last == sha(2) => ok(&object("commit", SHA)),
        _ => not_found(),
    });
    assert_eq!(github.tag("v1.2.3").await.unwrap().unwrap().as_str(), SHA);
    assert_eq!(log.lines()[0], "GET https://api.github.com/repos/octo/shop/git/ref/tags/v1.2.3");
    assert_eq!(log.lines()[1], format!("GET https://api.github.com/repos/octo/shop/git/tags/{}", sha(1)));
    assert_eq!(github.tag("v9").await.unwrap(), None);
    assert_eq!(github.now().unwrap().to_string(), "2026-09-04T12:00:00Z");
    assert_eq!(github.budget().requests(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_tag_in_a_circle_or_on_a_tree_is_an_error() {
    let (circle, log) = github(|_| ok(&object("tag", SHA)));
    assert!(matches!(circle.tag("v1.2.3").await, Err(Error::Invalid { .. })));
    assert_eq!(log.lines().len(), 12);
    let (tree, _) = github(|_| ok(&object("tree", SHA)));
    let error = tree.tag("v1.2.3").await.unwrap_err().to_string();
    assert_eq!(error, "read the tag v1.2.3: it names a tree, not a commit");
}

#[tokio::test(start_paused = true)]
async fn a_tag_is_one_segment_of_the_path_and_never_a_prefix() {
    let (github, log) = github(|_| ok(&json!({"ref": "refs/tags/a/b#%2F?", "object": {"type": "commit", "sha": SHA}})));
    assert!(github.tag("a/b#%2F?").await.unwrap().is_some());
    assert_eq!(log.lines()[0], "GET https://api.github.com/repos/octo/shop/git/ref/tags/a%2Fb%23%252F%3F");
    assert!(matches!(github.tag("a").await, Err(Error::Unexpected { .. })), "another tag was taken for it");
    assert!(matches!(github.tag("..").await, Err(Error::Invalid { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_path_of_an_enterprise_server_is_kept() {
    let (github, log) = github_at("https://ghes.example/api/v3", |seen| {
        if seen.url.contains("page=2") {
            ok(&json!([]))
        } else {
            with(ok(&json!([])), "link", r#"<https://ghes.example/api/v3/repos/octo/shop/releases?page=2>; rel="next""#)
        }
    });
    github.releases().await.unwrap();
    let base = "GET https://ghes.example/api/v3/repos/octo/shop/releases";
    assert_eq!(log.lines(), [format!("{base}?per_page=100"), format!("{base}?page=2")]);
    assert!(log.all().iter().all(|seen| seen.header("authorization").is_some()));
}

#[tokio::test(start_paused = true)]
async fn every_call_says_who_asks_for_what() {
    let (github, log) = github(|_| ok(&json!([])));
    assert!(github.releases().await.unwrap().is_empty());
    let seen = &log.all()[0];
    assert_eq!(seen.line(), "GET https://api.github.com/repos/octo/shop/releases?per_page=100");
    assert_eq!(seen.header("accept"), Some("application/vnd.github+json"));
    assert_eq!(seen.header("x-github-api-version"), Some("2022-11-28"));
    assert!(seen.header("user-agent").unwrap().starts_with("release-actions/"));
}

#[tokio::test(start_paused = true)]
async fn statuses_are_read_to_the_last_page_and_each_counts_once() {
    let (github, log) = github(|seen| {
        let next = |page: u8| format!("<https://api.github.com/statuses?page={page}>; rel=\"next\", <x>; rel=\"last\"");
        match seen.url.split_once("?page=").map(|(_, page)| page) {
            None => with(ok(&json!([commit_status(3), commit_status(2)])), "link", &next(2)),
            Some("2") => with(ok(&json!([commit_status(2)])), "link", &next(3)),
            Some(_) => ok(&json!([commit_status(1)])),
        }
    });
    let ids: Vec<_> = github.statuses(&SHA.parse().unwrap()).await.unwrap().iter().map(|status| status.id).collect();
    assert_eq!(ids, [3, 2, 1]);
    let first = format!("GET https://api.github.com/repos/octo/shop/commits/{SHA}/statuses?per_page=100");
    assert_eq!(log.lines()[0], first);
    assert_eq!(log.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_has_not_changed_is_taken_from_memory() {
    let (github, log) = github(|seen| {
        let second = seen.url.contains("page=2");
        let etag = if second { "\"two\"" } else { "W/\"one\"" };
        if seen.header("if-none-match") == Some(etag) {
            return status(304, &json!(""));
        }
        let answer = with(ok(&json!([commit_status(if second { 1 } else { 2 })])), "etag", etag);
        if second { answer } else { with(answer, "link", r#"</statuses?page=2>; rel="next""#) }
    });
    let commit = SHA.parse().unwrap();
    let fresh = github.statuses(&commit).await.unwrap();
    assert_eq!(fresh.len(), 2);
    assert_eq!(github.statuses(&commit).await.unwrap(), fresh);
    let known: Vec<_> = log.all().iter().map(|seen| seen.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(known, [None, None, Some("W/\"one\"".to_owned()), Some("\"two\"".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn half_a_list_is_an_error() {
    let (lost, _) = github(|seen| {
        if seen.url.contains("page=2") {
            not_found()
        } else {
            with(ok(&json!([commit_status(1)])), "link", r#"</x?page=2>; rel="next""#)
        }
    });
    let commit = SHA.parse().unwrap();
    let error = lost.statuses(&commit).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { permission, .. } if permission == "statuses: read"), "{error}");

    let (broken, _) = github(|_| ok(&json!([commit_status(1), {"id": 2, "state": "odd"}])));
    assert!(matches!(broken.statuses(&commit).await, Err(Error::Unexpected { .. })));

    let (endless, log) = github(|_| with(ok(&json!([])), "link", r#"</x>; rel="next""#));
    let error = endless.statuses(&commit).await.unwrap_err().to_string();
    assert!(error.contains("longer than 100 pages"), "{error}");
    assert_eq!(log.lines().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn only_runs_that_have_not_ended_are_active() {
    let states = ["queued", "in_progress", "waiting", "pending", "requested", "completed"];
    let (github, log) = github(move |seen| {
        if seen.url.contains("/runs/7") {
            return ok(&run(7, "completed"));
        }
        if seen.url.contains("/runs/") {
            return not_found();
        }
        ok(
            &json!({"total_count": 6, "workflow_runs": (0..).zip(states).map(|(id, state)| run(id, state)).collect::<Vec<_>>()}),
        )
    });
    let runs = github.active_runs(&SHA.parse().unwrap()).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let list = format!("GET https://api.github.com/repos/octo/shop/actions/runs?head_sha={SHA}&per_page=100");
    assert_eq!(log.lines(), [list]);
    assert_eq!(github.run(7).await.unwrap().unwrap().run_attempt, 2);
    assert_eq!(github.run(8).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_not_there_is_none() {
    let (github, log) = github(|seen| if seen.url.ends_with("/5") { ok(&release(5)) } else { not_found() });
    assert_eq!(github.release_by_tag("5").await.unwrap().unwrap().assets.len(), 1);
    assert_eq!(github.release_by_tag("pkg/v1").await.unwrap(), None);
    assert_eq!(log.lines()[1], "GET https://api.github.com/repos/octo/shop/releases/tags/pkg%2Fv1");
    assert!(matches!(github.releases().await, Err(Error::NotFound { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_renamed_repository_is_followed_within_the_api_only() {
    let (github, log) = github(|seen| {
        if seen.url.contains("/repositories/1/") {
            return ok(&release(5));
        }
        let place = if seen.url.ends_with("/5") { "/repositories/1/releases/5" } else { "https://evil.example/x" };
        with(status(301, &json!({"message": "Moved Permanently"})), "location", place)
    });
    assert!(github.release_by_tag("5").await.unwrap().is_some());
    assert!(matches!(github.release_by_tag("6").await, Err(Error::Unexpected { .. })));
    assert!(log.lines().iter().all(|line| line.starts_with("GET https://api.github.com/")));
}

#[tokio::test(start_paused = true)]
async fn workflow_files_are_read_at_the_commit() {
    let (github, log) = github(|seen| {
        let file =
            |name: &str, kind: &str| json!({"name": name, "type": kind, "path": format!(".github/workflows/{name}")});
        if seen.url.contains("workflows?") {
            return ok(&json!([
                file("b.yml", "file"),
                file("a.yaml", "file"),
                file("x.md", "file"),
                file("d.yml", "dir")
            ]));
        }
        ok(&json!(seen.url.contains("b.yml")))
    });
    let files = github.workflow_files(&SHA.parse().unwrap()).await.unwrap();
    let files: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    assert_eq!(files, [(".github/workflows/b.yml", "true"), (".github/workflows/a.yaml", "false")]);
    let seen = log.all();
    let base = "https://api.github.com/repos/octo/shop/contents/.github/workflows";
    assert_eq!(seen[0].url, format!("{base}?ref={SHA}"));
    assert_eq!(seen[1].url, format!("{base}/b.yml?ref={SHA}"));
    assert_eq!(seen[1].header("accept"), Some("application/vnd.github.raw+json"));
}

#[tokio::test(start_paused = true)]
async fn no_folder_of_workflows_is_no_workflows_and_a_huge_one_is_an_error() {
    let (none, _) = github(|_| not_found());
    assert!(none.workflow_files(&SHA.parse().unwrap()).await.unwrap().is_empty());
    assert_eq!(none.file("./docs//CHANGELOG.md", "v1").await.unwrap(), None);
    let (huge, _) = github(|seen| {
        if seen.url.contains("workflows?") {
            return ok(&json!([{"name": "a.yml", "type": "file", "path": ".github/workflows/a.yml"}]));
        }
        ok(&json!("x".repeat(512 * 1024)))
    });
    let error = huge.workflow_files(&SHA.parse().unwrap()).await.unwrap_err().to_string();
    assert!(error.contains(".github/workflows/a.yml") && error.contains("larger than 524288 bytes"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_by_its_path() {
    let (github, log) = github(|_| ok(&json!("text")));
    assert_eq!(github.file("./docs//CHANGE LOG.md", "v1/2").await.unwrap().as_deref(), Some("\"text\""));
    let path = "GET https://api.github.com/repos/octo/shop/contents/docs/CHANGE%20LOG.md?ref=v1%2F2";
    assert_eq!(log.lines(), [path]);
    assert!(matches!(github.file("../x", "v1").await, Err(Error::Invalid { .. })));
}

#[tokio::test(start_paused = true)]
async fn notes_are_generated_once_and_never_asked_for_again() {
    let (answering, log) =
        github(
            |seen| {
                if seen.json()["tag_name"] == "v1" { ok(&json!({"name": "v1", "body": "notes"})) } else { not_found() }
            },
        );
    let commit = SHA.parse().unwrap();
    assert_eq!(answering.generated_notes("v1", &commit, Some("v0")).await.unwrap().as_deref(), Some("notes"));
    let asked = json!({"tag_name": "v1", "target_commitish": SHA, "previous_tag_name": "v0"});
    assert_eq!(log.all()[0].json(), asked);
    assert_eq!(answering.generated_notes("v2", &commit, None).await.unwrap(), None);

    let (failing, log) = github(|_| status(502, &json!({})));
    assert!(matches!(failing.generated_notes("v1", &commit, None).await, Err(Error::Unreachable { .. })));
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn commits_come_newest_first_with_or_without_a_base() {
    let commit = |number: u8| json!({"sha": sha(number), "commit": {"message": "one\n\ntwo"}});
    let (github, log) = github(move |seen| {
        if seen.url.contains("/compare/") {
            return ok(&json!({"commits": [commit(1), commit(2)]}));
        }
        ok(&json!([commit(2), commit(1)]))
    });
    let compared = github.commits_between(Some("a/v1"), SHA).await.unwrap();
    assert_eq!(compared[0].title, "one");
    let listed = github.commits_between(None, "v1").await.unwrap();
    assert_eq!(listed.iter().map(|line| &line.sha).collect::<Vec<_>>(), [&compared[0].sha, &compared[1].sha]);
    let base = "GET https://api.github.com/repos/octo/shop";
    let expected =
        [format!("{base}/compare/a%2Fv1...{SHA}?per_page=100"), format!("{base}/commits?sha=v1&per_page=100")];
    assert_eq!(log.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn tags_are_listed_by_prefix() {
    let named = |name: &str| json!({"ref": name, "object": {"type": "commit", "sha": SHA}});
    let (github, log) =
        github(move |_| ok(&json!([named("refs/tags/v1"), named("refs/tags/pkg/v2"), named("refs/tagsx")])));
    assert_eq!(github.tags_with_prefix("").await.unwrap(), ["v1", "pkg/v2"]);
    github.tags_with_prefix("pkg/v").await.unwrap();
    let base = "GET https://api.github.com/repos/octo/shop/git/matching-refs/tags";
    assert_eq!(log.lines(), [format!("{base}?per_page=100"), format!("{base}/pkg%2Fv?per_page=100")]);
}

#[tokio::test(start_paused = true)]
async fn immutable_releases_are_off_where_there_is_no_such_setting() {
    let (on, log) = github(|_| ok(&json!({"enabled": true, "enforced_by_owner": true})));
    assert!(on.immutable_releases().await.unwrap());
    assert_eq!(log.lines(), ["GET https://api.github.com/repos/octo/shop/immutable-releases"]);
    let (off, _) = github(|_| ok(&json!({"enabled": false, "enforced_by_owner": false})));
    assert!(!off.immutable_releases().await.unwrap());
    let (none, _) = github(|_| not_found());
    assert!(!none.immutable_releases().await.unwrap());
    let (denied, _) = github(|_| status(403, &json!({"message": "Resource not accessible by integration"})));
    assert!(
        matches!(denied.immutable_releases().await, Err(Error::Denied { permission, .. }) if permission == "administration: read")
    );
}

#[tokio::test(start_paused = true)]
async fn releases_with_very_many_assets_are_read_in_small_pages() {
    let (github, log) = github(|seen| {
        if seen.url.ends_with("per_page=100") {
            return ok(&json!(["x".repeat(11 * 1024 * 1024)]));
        }
        ok(&json!([release(5)]))
    });
    assert_eq!(github.releases().await.unwrap().len(), 1);
    let base = "GET https://api.github.com/repos/octo/shop/releases";
    assert_eq!(log.lines(), [format!("{base}?per_page=100"), format!("{base}?per_page=5")]);
}
