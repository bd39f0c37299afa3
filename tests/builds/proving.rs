//! buildx says that it pushed; the registry says what is there.

use super::Build;
use super::builder::Fault;
use crate::stage::SECOND;

#[tokio::test(start_paused = true)]
async fn a_push_that_ends_well_and_pushes_nothing_is_a_failure() {
    let build = Build::new();
    build.builder.next([None, Some(Fault::Lies)]);
    build
        .build()
        .await
        .is("failed", 1)
        .says("buildx pushed without an error, but the registry does not have ghcr.io/octo/shop/api:1.0.0");
    assert_eq!(build.states(), ["pending", "failure"]);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_shows_it_late_is_waited_for() {
    let build = Build::new();
    build.world.registry_lag("ghcr.io", 20 * SECOND);
    build.build().await.is("built", 0);
    assert_eq!(build.states(), ["pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn another_image_that_stands_under_the_tag_by_then_is_a_failure() {
    let build = Build::new();
    build.builder.next([None, Some(Fault::Lies)]);
    build.world.push("ghcr.io/octo/shop/api:1.0.0", &crate::stage::image_of(&"b".repeat(40)));
    build.build().await.is("failed", 1).says("it is of another commit");
}

#[tokio::test(start_paused = true)]
async fn a_platform_whose_content_is_gone_is_a_failure() {
    let mut build = Build::new();
    build.input("platforms", "linux/amd64,linux/arm64");
    let world = build.world.clone();
    // A cleanup of untagged manifests comes by right after the push.
    world.at(25 * SECOND, |world| {
        let index = world.manifest("ghcr.io/octo/shop/api:1.0.0").unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
        let child = index["manifests"][1]["digest"].as_str().unwrap();
        world.delete_manifest("ghcr.io", "octo/shop/api", child);
    });
    world.registry_lag("ghcr.io", 10 * SECOND);
    build.build().await.is("failed", 1).says("linux/arm64");
}

#[tokio::test(start_paused = true)]
async fn what_another_step_built_is_proven_and_signalled() {
    let mut build = Build::new();
    let digest = build.push("api");
    build.input("result", "success").input("platforms", "linux/amd64,linux/arm64");
    // The job that signals has no checkout, and may run on the default branch.
    build.file("workspace/.git/HEAD", "");
    let main = build.world.commit("later");
    build.variable("GITHUB_SHA", &main);
    let ended = build.build().await;
    ended.is("verified", 0);
    assert_eq!(ended.output("digest"), digest);
    assert_eq!(build.said(), [("success".to_owned(), format!("{digest} linux/amd64,linux/arm64"))]);
    assert!(build.builder.made().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_another_step_says_it_built_and_the_registry_does_not_show_is_a_failure() {
    let mut build = Build::new();
    build.input("result", "success");
    build.build().await.is("failed", 1).says("its build ended well, but the registry does not have");
    assert_eq!(build.states(), ["failure"]);
}

#[tokio::test(start_paused = true)]
async fn the_digest_must_be_what_the_registry_shows() {
    let mut build = Build::new();
    let digest = build.push("api");
    build.input("result", "success").input("digest", &format!("sha256:{}", "0".repeat(64)));
    build.build().await.is("failed", 1).says(&digest);
    build.input("digest", &digest);
    build.build().await.is("verified", 0);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_names_no_commit_needs_the_digest_that_its_build_pushed() {
    let mut build = Build::new();
    let digest = build.world.push("ghcr.io/octo/shop/api:1.0.0", &sim::ImageSpec::new());
    build.input("result", "success");
    build.build().await.is("failed", 1).says("give the digest that it pushed in `digest`");
    build.input("digest", &digest);
    build.build().await.is("verified", 0);
    assert_eq!(build.verdict().await, "ready");
}

#[tokio::test(start_paused = true)]
async fn the_other_results_are_signalled_as_what_they_are() {
    for (result, status, said) in [
        ("failure", "failed", ("failure", "its build failed")),
        ("cancelled", "cancelled", ("error", "cancelled")),
        ("skipped", "failed", ("error", "skipped")),
        ("pending", "", ("pending", "building")),
    ] {
        let mut build = Build::new();
        build.input("result", result);
        build.build().await.is(status, 0);
        assert_eq!(build.said(), [(said.0.to_owned(), said.1.to_owned())], "{result}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_build_whose_image_is_there_says_so() {
    let mut build = Build::new();
    build.push("api");
    build.input("result", "failure");
    build.build().await.is("failed", 0);
    assert_eq!(build.said()[0].1, "pushed, then failed");
    assert_eq!(build.verdict().await, "failed");
}
