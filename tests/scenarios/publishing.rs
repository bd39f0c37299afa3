//! The release page: what stands on it, and that it comes about whatever goes wrong on the way.

use serde_json::Value;
use sim::{Access, Answer, Fault, RepositorySpec};

use crate::stage::{MINUTE, SECOND, Scene, Stage, token};

/// A stage whose one image is there.
fn built() -> Stage {
    let stage = Stage::with("api");
    stage.build("api");
    stage
}

/// A release that was made by us before, of another tag at the commit that `stage` stands at now.
async fn released_before(stage: &mut Stage, tag: &str) {
    let commit = stage.world.commit(tag);
    stage.world.tag(tag, &commit);
    let scene = Scene { world: stage.world.clone(), tag: tag.into(), commit };
    scene.build("api");
    stage.input("tag", tag).run().await.is("complete", 0);
    stage.input("tag", "");
}

#[tokio::test(start_paused = true)]
async fn a_full_release_is_published_at_the_proven_commit_with_a_lock_file() {
    let stage = built();
    let ended = stage.run().await;
    let release = stage.release();
    assert_eq!(ended.is("complete", 0).output("release-change"), "created");
    assert_eq!(ended.output("release-id"), release.id.to_string());
    assert_eq!(ended.output("release-url"), "https://github.com/octo/shop/releases/tag/v1.0.0");
    assert_eq!((release.draft, release.prerelease, &release.target_commitish), (false, false, &stage.commit));
    assert_eq!(stage.world.latest_release().unwrap().id, release.id);
    let lock: Value = serde_json::from_slice(&release.asset("images.lock.json").unwrap().content).unwrap();
    let digest = stage.world.image_digest(&stage.reference("api")).unwrap();
    assert_eq!(lock["images"]["api"]["pinned"], format!("ghcr.io/octo/shop/api@{digest}"));
    assert_eq!(lock["commit"], stage.commit);
    assert!(stage.body().contains(&format!("| api | `docker pull ghcr.io/octo/shop/api:1.0.0` | `{digest}`")));
    assert!(ended.summary.contains("mermaid") && ended.summary.contains("Release page"), "{}", ended.summary);
    ended.says("changelog from the beginning: there is no full release below v1.0.0");
    ended.says("GitHub API: ").says(" left this hour");
}

#[tokio::test(start_paused = true)]
async fn a_second_run_writes_nothing_at_all() {
    for draft in ["false", "true"] {
        let mut stage = built();
        stage.input("draft", draft);
        stage.run().await.is("complete", 0);
        let (before, writes) = (stage.release(), stage.writes().len());
        let again = stage.run().await;
        assert_eq!(again.is("complete", 0).output("release-change"), "unchanged");
        assert_eq!((stage.release(), stage.writes().len()), (before, writes), "draft: {draft}");
    }
}

#[tokio::test(start_paused = true)]
async fn draft_keeps_even_a_full_release_a_draft_until_it_is_taken_back() {
    let mut stage = built();
    stage.input("draft", "true").run().await.is("complete", 0);
    let draft = stage.release();
    assert!(draft.draft && draft.asset("images.lock.json").is_some());
    stage.input("draft", "false").run().await.is("complete", 0);
    assert_eq!((stage.release().id, stage.release().draft), (draft.id, false));
    stage.input("draft", "true").run().await.is("complete", 0);
    assert!(!stage.release().draft, "a published release is never turned back");
}

#[tokio::test(start_paused = true)]
async fn the_changelog_is_generated_once_and_kept() {
    let mut stage = built();
    released_before(&mut stage, "v0.9.0").await;
    let pull = stage.world.pull_request("better search", "bob");
    stage.world.move_tag("v1.0.0", &pull.sha);
    let moved = Scene { world: stage.world.clone(), tag: stage.tag.clone(), commit: pull.sha };
    moved.build("api");
    let ended = stage.run().await;
    assert_eq!(ended.is("complete", 0).output("previous-tag"), "v0.9.0");
    let from = "changelog from v0.9.0: the highest full release below v1.0.0\n";
    assert_eq!(ended.log.matches(from).count(), 1, "{}", ended.log);
    let body = stage.body();
    assert!(body.contains("* better search by") && body.contains("compare/v0.9.0...v1.0.0"), "{body}");
    let asked = || stage.world.requests().iter().filter(|call| call.path_and_query.ends_with("generate-notes")).count();
    let before = asked();
    stage.run().await.is("complete", 0);
    assert_eq!((asked(), stage.body()), (before, body));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_generated_notes_gets_the_list_of_commits() {
    let mut stage = built();
    released_before(&mut stage, "v0.9.0").await;
    let commit = stage.world.commit("fix: @octocat's <!-- bug -->\n\nmore text");
    stage.world.move_tag("v1.0.0", &commit);
    Scene { world: stage.world.clone(), tag: stage.tag.clone(), commit }.build("api");
    stage.world.fault(
        Fault::on("POST", "api.github.com", "/repos/octo/shop/releases/generate-notes").answer(Answer::status(404)),
    );
    stage.run().await.is("complete", 0);
    let body = stage.body();
    assert!(body.contains("## Commits\n\n* fix: @\u{200b}octocat's &lt;!-- bug --&gt; ("), "{body}");
    assert!(!body.contains("more text") && !body.contains("initial commit"), "only what v0.9.0 lacks\n{body}");
}

#[tokio::test(start_paused = true)]
async fn a_changelog_that_fails_stops_no_release_and_is_added_by_the_next_run() {
    let stage = built();
    let notes = Fault::on("POST", "api.github.com", "/repos/octo/shop/releases/generate-notes");
    stage.world.fault(notes.times(1).answer(Answer::status(500)));
    stage.run().await.is("complete", 0).says("goes out without its changelog");
    assert!(!stage.body().contains("Full Changelog"));
    assert_eq!(stage.run().await.is("complete", 0).output("release-change"), "updated");
    assert!(stage.body().contains("Full Changelog"));
}

#[tokio::test(start_paused = true)]
async fn a_changelog_file_gives_the_section_of_the_version() {
    let mut stage = built();
    stage.world.file(&stage.commit, "docs/CHANGES.md", "# Changes\n\n## [1.0.0] - 2026-11-23\n- first ([#1])\n\n```\nopen fence\n\n## [0.9.0]\n- zero\n\n[#1]: https://x/1\n");
    stage.input("changelog", "docs/CHANGES.md").run().await.is("complete", 0);
    assert!(stage.body().contains("- first ([#1])"), "{}", stage.body());
    assert_eq!(stage.body().matches("release-actions:begin").count(), 1, "{}", stage.body());
    assert_eq!(stage.run().await.is("complete", 0).output("release-change"), "unchanged", "{}", stage.body());

    let mut none = built();
    none.input("changelog", "CHANGELOG.md").run().await.is("complete", 0).says("there is no CHANGELOG.md at v1.0.0");
    let mut without = built();
    without.input("changelog", "none").run().await.is("complete", 0);
    assert!(!without.body().contains("Changelog") && !without.body().contains(":changelog"), "{}", without.body());
}

#[tokio::test(start_paused = true)]
async fn titles_of_pull_requests_ping_nobody_and_forge_nothing() {
    let stage = Stage::with("api");
    let pull = stage
        .world
        .pull_request("x <!-- release-actions:end --> | @team/all \u{e9}@team &#64;team org/repo#1 ```", "mallory");
    stage.world.move_tag("v1.0.0", &pull.sha);
    Scene { world: stage.world.clone(), tag: stage.tag.clone(), commit: pull.sha }.build("api");
    stage.run().await.is("complete", 0);
    let body = stage.body();
    assert!(!body.contains("@team") && !body.contains("@mallory") && body.contains("mallory"), "{body}");
    assert!(!body.contains("&#64;team") && !body.contains("repo#1") && body.contains("org/repo#"), "{body}");
    assert_eq!(body.matches("<!-- release-actions:end -->").count(), 1, "{body}");
    assert_eq!(stage.run().await.output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn a_changelog_that_is_too_long_is_cut_and_the_table_never() {
    let mut stage = built();
    let text = format!("# Changes\n\n## 1.0.0\n{}", "- one more line of it\n".repeat(10_000));
    stage.world.file(&stage.commit, "CHANGELOG.md", &text);
    stage.input("changelog", "CHANGELOG.md").run().await.is("complete", 0);
    let body = stage.body();
    assert!(
        body.chars().count() <= 125_000 && body.contains("| api | `docker pull") && body.contains("read all of it](")
    );
    assert_eq!(stage.run().await.output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn notes_stand_above_and_the_title_is_a_template() {
    let mut stage = built();
    stage.input("notes", "**Read the upgrade guide.**").input("name", "Shop {version}").run().await.is("complete", 0);
    assert_eq!(stage.release().name.as_deref(), Some("Shop 1.0.0"));
    assert!(stage.body().find("upgrade guide").unwrap() < stage.body().find("### Images").unwrap());
    stage.input("name", "{repo} {tag}").run().await.is("complete", 0);
    assert_eq!(stage.release().name.as_deref(), Some("shop v1.0.0"), "our own title follows");
}

#[tokio::test(start_paused = true)]
async fn latest_goes_by_version_in_whatever_order_releases_are_made() {
    let mut stage = built();
    let latest = |stage: &Stage| stage.world.latest_release().unwrap().tag_name;
    stage.run().await.is("complete", 0);
    for (tag, expected) in [
        ("v2.0.0", "v2.0.0"),
        ("v1.0.1", "v2.0.0"),
        ("v2.1.0-rc1", "v2.0.0"),
        ("2026.11", "v2.0.0"),
        ("v2.0.1", "v2.0.1"),
    ] {
        released_before(&mut stage, tag).await;
        assert_eq!(latest(&stage), expected, "after {tag}");
    }
    assert!(
        stage.world.release("v2.1.0-rc1").unwrap().prerelease && !stage.world.release("2026.11").unwrap().prerelease
    );
}

#[tokio::test(start_paused = true)]
async fn a_partial_is_never_latest_and_takes_it_when_it_heals() {
    let mut stage = Stage::with("api");
    released_before(&mut stage, "v0.9.0").await;
    stage.input("services", "api web");
    stage.build("api");
    stage.at(stage.world.elapsed() + SECOND, |scene| scene.fail("web"));
    stage.run().await.is("partial", 0);
    assert_eq!(stage.world.latest_release().unwrap().tag_name, "v0.9.0");
    stage.rebuild("web");
    stage.run().await.is("complete", 0);
    assert_eq!(stage.world.latest_release().unwrap().tag_name, "v1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_no_semver_is_released_with_a_warning() {
    let mut stage = Stage::of_tag("release-7");
    stage.input("services", "api");
    stage.build("api");
    let ended = stage.run().await;
    ended.is("complete", 0).says("not a semantic version");
    ended.says("changelog from the beginning: release-7 is not a semantic version, so none is below it");
    assert_eq!((ended.output("previous-tag"), stage.release().prerelease), ("", false));
}

#[tokio::test(start_paused = true)]
async fn an_immutable_release_heals_by_its_body_alone() {
    let stage = Stage::with("api web");
    stage.world.immutable_releases(true);
    stage.build("api");
    stage.at(SECOND, |scene| scene.fail("web"));
    stage.run().await.is("partial", 0);
    assert!(stage.release().immutable && stage.release().assets.is_empty());
    stage.rebuild("web");
    let frozen =
        "::images.lock.json cannot be added: the release https://github.com/octo/shop/releases/tag/v1.0.0 is immutable";
    let mut rehearsal = stage.beside();
    rehearsal.input("dry-run", "true").run().await.is("complete", 0).says("\nimages.lock.json cannot be added");
    stage.run().await.is("complete", 0).says(frozen);
    let release = stage.release();
    assert_eq!((release.prerelease, release.name.as_deref(), release.assets.len()), (false, Some("v1.0.0"), 0));
    assert!(stage.body().contains("no file can be added") && stage.body().contains("\"pinned\""), "{}", stage.body());
    assert_eq!(stage.run().await.says(frozen).output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_full_at_once_has_its_file_before_it_is_immutable() {
    let stage = built();
    stage.world.immutable_releases(true);
    let ended = stage.run().await;
    assert!(!ended.is("complete", 0).log.contains("immutable"), "{}", ended.log);
    assert!(stage.release().immutable && stage.release().asset("images.lock.json").is_some());
}

#[tokio::test(start_paused = true)]
async fn before_a_partial_release_is_frozen_a_token_that_may_know_it_says_so() {
    for (administration, immutable, expected) in
        [(Access::Read, true, true), (Access::Read, false, false), (Access::None, true, false)]
    {
        let stage = Stage::with("api web");
        stage.world.token(token().administration(administration));
        stage.world.immutable_releases(immutable);
        stage.build("api");
        stage.fail("web");
        let ended = stage.beside().input("wait", "false").run().await;
        let says = ended.is("partial", 0).log.contains("releases of this repository are immutable");
        assert_eq!(says, expected, "{administration:?} {immutable}: {}", ended.log);
    }
}

#[tokio::test(start_paused = true)]
async fn an_immutable_release_of_a_person_gets_its_block_too() {
    let stage = built();
    stage.world.immutable_releases(true);
    stage.world.add_release("v1.0.0", |release| release.body = Some("by hand".into()));
    stage.run().await.is("complete", 0);
    assert!(stage.body().ends_with("by hand") && stage.body().contains("### Images"), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_not_made_twice() {
    for (method, path) in [
        ("POST", "/repos/octo/shop/releases"),
        ("POST", "/repos/octo/shop/releases/"),
        ("PATCH", "/repos/octo/shop/releases/assets/"),
        ("PATCH", "/repos/octo/shop/releases/"),
    ] {
        for answer in
            [Answer::AfterEffect, Answer::Reset, Answer::status(502), Answer::Throttled { retry_after: "90".into() }]
        {
            let what = format!("{method} {path}: {answer:?}");
            let mut stage = built();
            stage.input("changelog", "none");
            stage.world.fault(Fault::on(method, "*", path).times(4).answer(answer));
            let ended = stage.run().await;
            assert_eq!(
                (ended.output("status"), ended.output("release-change")),
                ("complete", "created"),
                "{what}: {}",
                ended.log
            );
            assert_eq!((stage.world.releases().len(), stage.release().assets.len()), (1, 1), "{what}");
            assert_eq!(stage.run().await.output("release-change"), "unchanged", "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_leaves_nothing_behind() {
    let stage = built();
    stage.world.fault(Fault::on("POST", "uploads.github.com", "/").times(2).answer(Answer::StarterAsset));
    stage.run().await.is("complete", 0);
    let assets: Vec<_> = stage.release().assets.iter().map(|asset| (asset.name.clone(), asset.state.clone())).collect();
    assert_eq!(assets, [("images.lock.json".to_owned(), "uploaded".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_somebody_else_published_first_is_updated() {
    let stage = built();
    let text = r#"{"message":"Validation Failed","errors":[{"resource":"Release","code":"already_exists","field":"tag_name"}]}"#;
    let answer = Answer::Status(422, vec![("Content-Type".into(), "application/json".into())], text.into());
    stage.world.fault(Fault::on("PATCH", "api.github.com", "/repos/octo/shop/releases/").times(1).answer(answer));
    stage.run().await.is("complete", 0);
    assert!(!stage.release().draft && stage.world.releases().len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_github_that_is_down_for_a_while_is_waited_out() {
    let mut stage = built();
    stage.world.fault(Fault::on("*", "api.github.com", "/repos/octo/shop/git/").until(MINUTE * 3));
    stage.world.fault(Fault::on("*", "api.github.com", "/repos/octo/shop/releases").until(MINUTE * 6));
    stage.run().await.is("complete", 0);
    assert!(stage.world.elapsed() > MINUTE * 5);
    let look = stage.woken_by_run();
    look.world.fault(Fault::on("*", "api.github.com", "/"));
    look.run().await.is("failed", 1).says("GitHub cannot be reached");
}

#[tokio::test(start_paused = true)]
async fn a_view_by_tag_that_lags_makes_no_second_release() {
    let stage = built();
    stage.world.by_tag_lag(MINUTE * 10);
    stage.run().await.is("complete", 0);
    stage.run().await.is("complete", 0);
    assert_eq!(stage.world.releases().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_not_write_names_the_permission() {
    let stage = built();
    stage.world.token(token().contents(Access::Read));
    stage.run().await.is("failed", 1).says("contents: write");
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_even_told_of_what_it_may_not_write_names_the_permission_and_tries_no_more() {
    for (method, path, tries) in [("POST", "/repos/octo/shop/releases", 1), ("PATCH", "/repos/octo/shop/releases/", 2)]
    {
        let mut stage = built();
        stage.input("changelog", "none").input("lock-file", "");
        stage.world.fault(Fault::on(method, "api.github.com", path).answer(Answer::status(404)));
        stage.run().await.is("failed", 1).says("contents: write");
        let tried = stage.writes().iter().filter(|write| write.method == method).count();
        assert_eq!(tried, tries, "{method}");
    }
    // Once, it may be somebody else who was faster.
    let stage = built();
    let update = Fault::on("PATCH", "api.github.com", "/repos/octo/shop/releases/");
    stage.world.fault(update.times(1).answer(Answer::status(404)));
    stage.run().await.is("complete", 0);
}

#[tokio::test(start_paused = true)]
async fn a_private_repository_whose_contents_cannot_be_read_names_the_permission() {
    let stage = built();
    stage.world.repository(RepositorySpec { private: true, ..RepositorySpec::default() });
    stage.world.token(token().contents(Access::None));
    let ended = stage.run().await;
    assert_ne!(ended.exit, 0);
    ended.says("contents: read");
}

#[tokio::test(start_paused = true)]
async fn a_github_enterprise_server_is_spoken_to_at_its_own_address() {
    let mut stage = Stage::with("api");
    stage.world.enterprise_host("ghe.example");
    stage.variable("GITHUB_SERVER_URL", "https://ghe.example").variable("GITHUB_API_URL", "https://ghe.example/api/v3");
    let digest = stage.push("api");
    let run = "https://ghe.example/octo/shop/actions/runs/100/attempts/1";
    stage.world.status(&stage.commit, "success", "release/v1.0.0/api", &digest, run);
    stage.run().await.is("complete", 0);
    assert!(stage.release().asset("images.lock.json").is_some());
    assert!(stage.world.requests().iter().all(|request| ["ghe.example", "ghcr.io"].contains(&request.host.as_str())));
    // The command that people paste names the server: `gh` asks github.com otherwise.
    stage.input("services", "api web").input("tag", "v1.0.1");
    let commit = stage.world.commit("another");
    stage.world.tag("v1.0.1", &commit);
    let next = Scene { world: stage.world.clone(), tag: "v1.0.1".into(), commit };
    next.push("api");
    stage.world.status(&next.commit, "failure", "release/v1.0.1/web", "dockerfile", run);
    stage.input("wait", "false").input("start-grace", "1s").run().await.is("partial", 0);
    let body = next.body();
    assert!(body.contains("gh workflow run release-web.yml -R ghe.example/octo/shop"), "{body}");
}
