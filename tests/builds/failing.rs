//! Builds that fail, in the words of buildx 0.29.1 (recorded with dockerd 28 and 20.10 and Debian's docker-registry), and what
//! is then said.

use super::Build;
use super::builder::Fault;
use crate::stage::{MINUTE, SECOND};

const DOCKERFILE: &str = include_str!("../../crates/build-and-signal/src/logs/copy-not-there.log");
const PUSH_DENIED: &str = include_str!("../../crates/build-and-signal/src/logs/push-denied.log");
const PUSH_502: &str = include_str!("../../crates/build-and-signal/src/logs/push-502.log");
const SECOND_TAG: &str = include_str!("../../crates/build-and-signal/src/logs/second-tag-refused.log");
const CACHE_EXPORT: &str = include_str!("../../crates/build-and-signal/src/logs/cache-export-refused.log");
const PULL_REFUSED: &str = include_str!("../../crates/build-and-signal/src/logs/base-connection-refused.log");
const NO_BUILDER: &str = include_str!("../../crates/build-and-signal/src/logs/no-builder.log");
const CLASSIC_PLATFORMS: &str = include_str!("../../crates/build-and-signal/src/logs/classic-platforms.log");

#[tokio::test(start_paused = true)]
async fn a_dockerfile_error_is_never_tried_again() {
    let build = Build::new();
    build.builder.next([Some(Fault::Fails(DOCKERFILE))]);
    let ended = build.build().await;
    ended.is("failed", 1).says("Dockerfile: failed to build").says("mend the Dockerfile");
    assert_eq!(build.builder.kinds(), ["build"]);
    let said = build.said();
    assert_eq!(said[1].0, "failure");
    assert!(said[1].1.starts_with("Dockerfile: ") && said[1].1.chars().count() <= 140, "{said:?}");
    assert_eq!(build.verdict().await, "failed");
}

#[tokio::test(start_paused = true)]
async fn a_push_that_the_registry_cannot_take_now_is_tried_again_and_builds_nothing_again() {
    let build = Build::new();
    build.builder.next([None, Some(Fault::Fails(PUSH_502)), Some(Fault::Fails(PUSH_502))]);
    let before = build.world.now();
    build.build().await.is("built", 0).says("trying again in 2 s, 1 of 3").says("trying again in 4 s, 2 of 3");
    assert_eq!(build.builder.kinds(), ["build", "push", "push", "push"]);
    assert!(build.world.now().duration_since(before).unsigned_abs() >= 46 * SECOND);
    assert_eq!(build.states(), ["pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_again_as_often_as_the_input_says() {
    let mut build = Build::new();
    build.input("retries", "1");
    build.builder.next([None, Some(Fault::Fails(PUSH_502)), Some(Fault::Fails(PUSH_502)), None]);
    build.build().await.is("failed", 1).says("502 Bad Gateway");
    assert_eq!(build.builder.kinds(), ["build", "push", "push"]);
}

#[tokio::test(start_paused = true)]
async fn a_base_image_that_cannot_be_read_now_is_tried_again() {
    let build = Build::new();
    build.builder.next([Some(Fault::Fails(PULL_REFUSED))]);
    build.build().await.is("built", 0);
    assert_eq!(build.builder.kinds(), ["build", "build", "push"]);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_is_refused_names_the_permission_and_is_not_tried_again() {
    let build = Build::new();
    build.builder.next([None, Some(Fault::Fails(PUSH_DENIED))]);
    let ended = build.build().await;
    ended.is("failed", 1).says("packages: write");
    assert_eq!((build.builder.kinds().len(), ended.output("pushed")), (2, "false"));
}

#[tokio::test(start_paused = true)]
async fn of_two_tags_the_one_that_was_pushed_is_named() {
    let mut build = Build::new();
    build.input("extra-tags", "mirror.test/api:{version}");
    build.world.push("mirror.test/other:1", &sim::ImageSpec::new());
    build.builder.next([None, Some(Fault::Pushes(1, SECOND_TAG))]);
    let ended = build.build().await;
    ended.is("failed", 1).says("pushed, then failed: push refused");
    ended.says("pushed: ghcr.io/octo/shop/api:1.0.0; not pushed: mirror.test/api:1.0.0");
    assert_eq!(ended.output("pushed"), "true");
    assert_eq!(build.said()[1], ("failure".into(), "pushed, then failed: push refused".into()));
    // An image of this commit is there, and the veto counts.
    assert_eq!(build.verdict().await, "failed");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_was_there_before_does_not_count_as_pushed() {
    let mut build = Build::new();
    build.build().await.is("built", 0);
    build.input("if-exists", "rebuild");
    build.builder.next([None, Some(Fault::Fails(PUSH_DENIED))]);
    let ended = build.build().await;
    ended.is("failed", 1);
    assert!(!ended.log.contains("pushed, then failed") && ended.output("pushed") == "false", "{}", ended.log);
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_cannot_be_written_after_the_push_is_named_as_that() {
    let build = Build::new();
    build.builder.next([None, Some(Fault::Pushes(1, CACHE_EXPORT))]);
    build.build().await.is("failed", 1).says("pushed, then failed: cache export");
    assert_eq!(build.said()[1].1, "pushed, then failed: cache export");
}

#[tokio::test(start_paused = true)]
async fn a_builder_that_cannot_do_it_is_replaced_by_one_that_can_and_removed_again() {
    let mut build = Build::new();
    build.input("platforms", "linux/amd64,linux/arm64");
    build.builder.next([Some(Fault::Fails(CLASSIC_PLATFORMS))]);
    build.build().await.is("built", 0);
    assert_eq!(build.builder.kinds(), ["build", "create", "build", "push", "rm"]);
    let made = build.builder.made();
    assert_eq!(made[1].all("--driver"), ["docker-container"]);
    assert_eq!((made[2].all("--builder"), made[3].all("--builder")), (made[1].all("--name"), made[1].all("--name")));
}

#[tokio::test(start_paused = true)]
async fn where_no_builder_can_be_made_the_step_to_add_is_named() {
    let mut build = Build::new();
    build.input("platforms", "linux/amd64,linux/arm64");
    build.builder.next([Some(Fault::Fails(CLASSIC_PLATFORMS)), Some(Fault::Fails(NO_BUILDER))]);
    let ended = build.build().await;
    ended.is("failed", 1).says("this builder cannot build for several platforms").says("docker/setup-buildx-action");
    assert_eq!(build.states(), ["pending", "failure"]);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_hangs_ends_by_the_timeout() {
    let mut build = Build::new();
    build.input("timeout", "10m");
    build.builder.next([Some(Fault::Hangs)]);
    let before = build.world.now();
    build.build().await.is("failed", 1).says("raise `timeout`");
    assert!(build.world.now().duration_since(before).unsigned_abs() < 11 * MINUTE);
    assert_eq!(build.said()[1], ("failure".into(), "timeout".into()));
}

#[tokio::test(start_paused = true)]
async fn what_a_push_left_when_the_time_was_up_is_named() {
    let mut build = Build::new();
    build.input("timeout", "15s").input("extra-tags", "latest");
    build.builder.next([None, Some(Fault::PushesAndHangs(1))]);
    let ended = build.build().await;
    ended.is("failed", 1).says("pushed: ghcr.io/octo/shop/api:1.0.0; not pushed: ghcr.io/octo/shop/api:latest");
    assert_eq!(ended.output("pushed"), "true");
    assert_eq!(build.said()[1], ("failure".into(), "pushed, then failed: timeout".into()));
    let mut nothing = Build::new();
    nothing.input("timeout", "15s");
    nothing.builder.next([None, Some(Fault::PushesAndHangs(0))]);
    assert_eq!(nothing.build().await.is("failed", 1).output("pushed"), "false");
    assert_eq!(nothing.said()[1], ("failure".into(), "timeout".into()));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_covers_the_proof_too() {
    let mut build = Build::new();
    build.input("timeout", "25s");
    build.builder.next([None, Some(Fault::Lies)]);
    let before = build.world.now();
    build.build().await.is("failed", 1).says("raise `timeout`");
    assert!(build.world.now().duration_since(before).unsigned_abs() <= 45 * SECOND);
    assert_eq!(build.said()[1], ("failure".into(), "timeout".into()));
}

/// Where a text is cut, a secret that goes over the cut would leave its beginning.
#[tokio::test(start_paused = true)]
async fn a_secret_that_buildx_prints_is_hidden_before_it_is_cut() {
    for blanks in 90..140 {
        let mut build = Build::new();
        build.input("secrets", "npm=s3cr3t-value");
        let words = format!("ERROR: {}s3cr3t-value: no such thing", "x".repeat(blanks));
        build.builder.next([Some(Fault::Fails(words.leak()))]);
        let ended = build.build().await;
        let shown = ended.log.replace("::add-mask::s3cr3t-value", "");
        assert!(!shown.contains("s3") && !build.said()[1].1.contains("s3"), "{blanks}: {:?}", build.said());
    }
}

#[tokio::test(start_paused = true)]
async fn what_buildx_prints_is_no_command_to_the_runner() {
    let build = Build::new();
    build
        .builder
        .next([Some(Fault::Fails("#5 0.1 x\n::set-output name=status::built\n##[error]no\nERROR: ::add-mask::x"))]);
    let ended = build.build().await;
    ended.is("failed", 1);
    assert!(!ended.log.contains("\n::set-output") && !ended.log.contains("##[error]"), "{}", ended.log);
}
