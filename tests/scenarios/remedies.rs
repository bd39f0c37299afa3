//! What a partial release tells people to do, and what a full one carries.

use std::time::Duration;

use sim::RunSpec;

use crate::stage::{MINUTE, Stage};

const DAY: Duration = Duration::from_secs(24 * 3600);
const THIN: &str = "on:\n  push:\n    tags: ['v*']\njobs: {}\n";
const DISPATCHED: &str = "on:\n  push:\n    tags: ['v*']\n  workflow_dispatch:\njobs: {}\n";

/// A partial release without `web`, whose build failed in run 101.
async fn partial(prepare: impl FnOnce(&Stage)) -> Stage {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.fail("web");
    prepare(&stage);
    stage.run().await.is("partial", 0);
    stage
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_run_again_while_github_allows_it() {
    let stage = partial(|_| {}).await;
    assert!(stage.body().contains("gh run rerun 101 --failed -R octo/shop\n"), "{}", stage.body());
}

/// More than are asked for: what was discovered is still named.
#[tokio::test(start_paused = true)]
async fn each_of_many_services_that_never_started_has_the_file_that_builds_it() {
    let stage = Stage::with("auto");
    for number in 0..25 {
        let with = format!("{{service-name: s{number}}}");
        let call = "{uses: org/release-actions/.github/workflows/build-image.yml@v1, with: ";
        let text = format!("on: {{push: {{tags: ['v*']}}, workflow_dispatch: {{}}}}\njobs:\n  image: {call}{with}}}\n");
        stage.world.file(&stage.commit, &format!(".github/workflows/ship-{number}.yml"), &text);
    }
    stage.build("s0");
    stage.run().await.is("partial", 0);
    let named = |number| format!("gh workflow run ship-{number}.yml -R octo/shop --ref v1.0.0 -f tag=v1.0.0\n");
    for number in 1..25 {
        assert!(stage.body().contains(&named(number)), "{number}: {}", stage.body());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_well_is_run_again_whole_and_one_that_still_goes_is_waited_for() {
    let whole = "gh run rerun 101 -R octo/shop\n";
    let going = "Its run is still going: wait for it, or cancel it and run it again: https://github.com/octo/shop/actions/runs/101/attempts/1\n";
    for (status, conclusion, cure) in [
        ("completed", Some("success"), whole),
        ("in_progress", None, going),
        ("queued", None, going),
        ("completed", Some("timed_out"), "gh run rerun 101 --failed -R octo/shop\n"),
    ] {
        let stage = partial(|stage| {
            stage.world.workflow_run(RunSpec {
                id: 101,
                path: ".github/workflows/release-web.yml".into(),
                head_sha: stage.commit.clone(),
                status: status.into(),
                conclusion: conclusion.map(Into::into),
                ..RunSpec::default()
            });
        })
        .await;
        assert!(stage.body().contains(cure), "{status} {conclusion:?}: {}", stage.body());
        assert_eq!(stage.body().contains("gh run rerun"), cure != going, "{}", stage.body());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_a_month_old_or_used_up_is_replaced_by_a_new_one_at_the_tag() {
    for (attempt, age) in [(1, DAY * 31), (51, DAY)] {
        let stage = partial(|stage| {
            stage.world.file(&stage.commit, ".github/workflows/release-web.yml", DISPATCHED);
            stage.world.workflow_run(RunSpec {
                id: 101,
                attempt,
                path: ".github/workflows/release-web.yml".into(),
                head_sha: stage.commit.clone(),
                status: "completed".into(),
                created_at: Some(stage.world.now() - age),
                ..RunSpec::default()
            });
        })
        .await;
        let command = "gh workflow run release-web.yml -R octo/shop --ref v1.0.0 -f tag=v1.0.0\n";
        assert!(stage.body().contains(command), "{}", stage.body());
    }
}

#[tokio::test(start_paused = true)]
async fn a_workflow_file_that_cannot_be_started_at_the_tag_is_started_from_the_default_branch() {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.world.file(&stage.commit, ".github/workflows/release-web.yml", THIN);
    stage.run().await.is("partial", 0);
    let command = "gh workflow run release-web.yml -R octo/shop -f tag=v1.0.0\n";
    assert!(stage.body().contains(command), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn the_last_good_image_is_named_when_the_registry_still_has_it() {
    let stage = partial(|stage| {
        let old = stage.world.commit("release 0.9.0");
        stage.world.tag("v0.9.0", &old);
        stage.world.add_release("v0.9.0", |_| {});
        stage.world.push("ghcr.io/octo/shop/web:0.9.0", &stage.image());
    })
    .await;
    assert!(stage.body().contains("Until then, ghcr.io/octo/shop/web:0.9.0 of v0.9.0 is there."), "{}", stage.body());

    let without = partial(|stage| {
        let old = stage.world.commit("release 0.9.0");
        stage.world.tag("v0.9.0", &old);
        stage.world.add_release("v0.9.0", |_| {});
    })
    .await;
    assert!(!without.body().contains("Until then"), "{}", without.body());
}

#[tokio::test(start_paused = true)]
async fn a_healed_release_says_when_it_was_completed_and_never_again_changes_that() {
    let stage = partial(|_| {}).await;
    tokio::time::sleep(MINUTE * 90).await;
    stage.rebuild("web");
    let completed = stage.world.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    stage.run().await.is("complete", 0);
    assert!(stage.body().contains(&format!("completed at {completed}.")), "{completed}: {}", stage.body());
    let body = stage.body();
    tokio::time::sleep(MINUTE * 90).await;
    stage.rebuild("api");
    stage.run().await;
    assert!(stage.body().contains(&format!("completed at {completed}.")), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_heals_without_any_signal_was_completed_when_that_was_seen() {
    let stage = Stage::with("api web");
    stage.push("api");
    stage.run().await.is("partial", 0);
    tokio::time::sleep(MINUTE * 90).await;
    stage.push("web");
    let completed = stage.world.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    stage.run().await.is("complete", 0);
    assert!(stage.body().contains(&format!("completed at {completed}.")), "{completed}: {}", stage.body());
    tokio::time::sleep(MINUTE * 90).await;
    assert_eq!(stage.run().await.output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn the_releases_are_read_once_before_the_first_write_however_many_images_are_missing() {
    let stage = Stage::with("api web cleaner-service");
    stage.build("api");
    stage.fail("web");
    stage.fail("cleaner-service");
    stage.run().await.is("partial", 0);
    let requests = stage.world.requests();
    let before =
        requests.iter().take_while(|request| request.method != "POST" || request.path_and_query.ends_with("notes"));
    let lists = before.filter(|request| request.path_and_query.starts_with("/repos/octo/shop/releases?")).count();
    assert_eq!(lists, 1);
}

#[tokio::test(start_paused = true)]
async fn the_pins_come_in_the_forms_of_compose_and_kustomize_too() {
    let mut stage = Stage::with("web api");
    stage.input("lock-file", "images.lock.json, images.compose.yml kustomization.images.yml");
    stage.build("api");
    stage.build("web");
    stage.run().await.is("complete", 0);
    let release = stage.release();
    let text = |name: &str| {
        let asset = release.assets.iter().find(|asset| asset.name == name).unwrap();
        String::from_utf8(asset.content.to_vec()).unwrap()
    };
    let digest = stage.world.image_digest("ghcr.io/octo/shop/api:1.0.0").unwrap();
    let compose: serde_json::Value = serde_saphyr::from_str(&text("images.compose.yml")).unwrap();
    assert_eq!(compose["services"]["api"]["image"], format!("ghcr.io/octo/shop/api@{digest}"));
    let kustomize: serde_json::Value = serde_saphyr::from_str(&text("kustomization.images.yml")).unwrap();
    assert_eq!(kustomize["images"][0]["name"], "ghcr.io/octo/shop/api");
    assert_eq!(kustomize["images"][0]["digest"], digest);
    assert_eq!(release.assets.len(), 3);
}
