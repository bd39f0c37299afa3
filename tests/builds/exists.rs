//! A run for an image that is there already.

use sim::{Answer, Fault};

use super::{Build, builder};

#[tokio::test(start_paused = true)]
async fn an_image_of_this_commit_under_every_tag_is_signalled_without_a_build() {
    let mut build = Build::new();
    build.input("extra-tags", "latest");
    build.build().await.is("built", 0);
    build.variable("GITHUB_RUN_ATTEMPT", "2");
    let again = build.build().await;
    again.is("verified", 0).says("nothing is built");
    assert_eq!((again.output("pushed"), build.builder.made().len()), ("false", 2));
    assert_eq!(build.states(), ["pending", "success", "success"]);
    assert!(build.statuses()[2].target_url.as_deref().unwrap().ends_with("/attempts/2"));
}

#[tokio::test(start_paused = true)]
async fn a_further_tag_that_is_missing_is_added_by_digest() {
    let mut build = Build::new();
    build.build().await.is("built", 0);
    build.input("extra-tags", "latest, {version}-slim");
    let again = build.build().await;
    again.is("verified", 0);
    assert_eq!(build.builder.kinds(), ["build", "push", "imagetools"]);
    let digest = again.output("digest").to_owned();
    let made = &build.builder.made()[2];
    assert_eq!(made.all("--tag"), ["ghcr.io/octo/shop/api:latest", "ghcr.io/octo/shop/api:1.0.0-slim"]);
    assert_eq!(made.arguments.last().unwrap(), &format!("ghcr.io/octo/shop/api@{digest}"));
    assert!(made.has("--prefer-index=false"));
    for tag in ["1.0.0", "latest", "1.0.0-slim"] {
        assert_eq!(build.world.image_digest(&format!("ghcr.io/octo/shop/api:{tag}")), Some(digest.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_of_another_commit_or_another_platform_is_built_anew() {
    let mut build = Build::new();
    build.world.push("ghcr.io/octo/shop/api:1.0.0", &crate::stage::image_of(&"b".repeat(40)));
    build.build().await.is("built", 0);
    build.input("platforms", "linux/amd64,linux/arm64");
    build.build().await.is("built", 0);
    assert_eq!(build.builder.made().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_further_tag_that_names_another_image_is_brought_to_this_one_without_a_build() {
    let mut build = Build::new();
    build.build().await.is("built", 0);
    build.world.push("ghcr.io/octo/shop/api:latest", &crate::stage::image_of(&"c".repeat(40)));
    build.input("extra-tags", "latest");
    build.build().await.is("verified", 0);
    assert_eq!(build.builder.kinds(), ["build", "push", "imagetools"]);
    let digest = |tag: &str| build.world.image_digest(&format!("ghcr.io/octo/shop/api:{tag}"));
    assert_eq!(digest("latest"), digest("1.0.0"));
}

/// A digest may be released already, so it is not moved by a registry that has a bad day.
#[tokio::test(start_paused = true)]
async fn an_image_of_which_nobody_can_tell_what_is_in_it_is_not_built_anew() {
    for status in [503, 403] {
        let build = Build::new();
        build.build().await.is("built", 0);
        let fault = Fault::on("GET", "ghcr.io", "/v2/octo/shop/api/manifests/sha256:");
        build.world.fault(fault.answer(Answer::status(status)));
        build.build().await.is("failed", 1).says("it cannot be told whether the image is there already");
        assert_eq!(build.builder.made().len(), 2, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_could_not_all_be_added_are_named() {
    let mut build = Build::new();
    build.build().await.is("built", 0);
    build.input("extra-tags", "latest, {version}-slim");
    build.builder.next([Some(builder::Fault::Pushes(1, "ERROR: failed to push: 403 Forbidden"))]);
    let ended = build.build().await;
    ended.is("failed", 1).says("pushed: ghcr.io/octo/shop/api:latest; not pushed: ghcr.io/octo/shop/api:1.0.0-slim");
    assert_eq!(ended.output("pushed"), "true");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_broken_in_one_registry_alone_is_built_anew() {
    let mut build = Build::new();
    build.input("extra-tags", "mirror.test/octo/shop/api:{version}").input("platforms", "linux/amd64,linux/arm64");
    build.world.push("mirror.test/other:1", &sim::ImageSpec::new());
    build.build().await.is("built", 0);
    let index: serde_json::Value =
        serde_json::from_slice(&build.world.manifest("mirror.test/octo/shop/api:1.0.0").unwrap()).unwrap();
    build.world.delete_manifest("mirror.test", "octo/shop/api", index["manifests"][0]["digest"].as_str().unwrap());
    build.build().await.is("built", 0);
    assert_eq!(build.builder.kinds(), ["build", "push", "build", "push"]);
}

#[tokio::test(start_paused = true)]
async fn rebuild_builds_what_is_there() {
    let mut build = Build::new();
    build.input("if-exists", "rebuild");
    build.build().await.is("built", 0);
    let first = build.world.image_digest("ghcr.io/octo/shop/api:1.0.0");
    build.build().await.is("built", 0);
    assert_ne!(build.world.image_digest("ghcr.io/octo/shop/api:1.0.0"), first);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_fails_for_a_moment_causes_no_build() {
    let mut build = Build::new();
    build.build().await.is("built", 0);
    build.variable("GITHUB_RUN_ATTEMPT", "2");
    let fault = Fault::on("HEAD", "ghcr.io", "/v2/octo/shop/api/manifests");
    build.world.fault(fault.times(4).answer(Answer::status(503)));
    build.build().await.is("verified", 0);
    assert_eq!(build.builder.made().len(), 2);
}
