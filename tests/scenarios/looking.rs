//! Looking: which tag an event names, and what one look at it does.

use crate::stage::{MINUTE, SECOND, Scene, Stage, image_of};

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_heals_a_partial_release_at_once() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.at(SECOND, |scene| scene.fail("web"));
    stage.run().await.is("partial", 0);
    let partial = stage.release();
    stage.rebuild("web");
    let ended = stage.woken_by_run().run().await;
    assert_eq!(ended.is("complete", 0).waited(), std::time::Duration::ZERO);
    assert_eq!((stage.release().id, stage.release().prerelease), (partial.id, false));
}

#[tokio::test(start_paused = true)]
async fn a_look_ends_as_pending_while_a_build_runs() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.pending("web");
    let ended = stage.woken_by_run().run().await;
    ended.is("pending", 0);
    assert_eq!((ended.output("missing"), ended.output("available")), ("web", "api"));
    assert!(stage.is_unreleased() && stage.world.elapsed() < MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_look_ends_as_pending_while_the_registry_may_lag() {
    let mut stage = Stage::with("api");
    stage.green("api", &format!("sha256:{}", "a".repeat(64)), 1);
    let ended = stage.woken_by_run().run().await;
    assert_eq!(ended.is("pending", 0).verdict("api"), "publishing");
}

#[tokio::test(start_paused = true)]
async fn a_look_waits_out_the_rest_of_the_grace_when_nothing_else_is_open() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    tokio::time::sleep(MINUTE * 4).await;
    stage.woken_by_run().run().await.is("partial", 0);
    assert!((MINUTE * 5..MINUTE * 6).contains(&stage.world.elapsed()), "{:?}", stage.world.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_look_ends_as_pending_while_another_run_of_the_commit_is_active() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.workflow_run("web", "queued");
    tokio::time::sleep(MINUTE * 6).await;
    stage.woken_by_run().run().await.is("pending", 0);
    stage.workflow_run("web", "completed");
    stage.run().await.is("partial", 0);
}

#[tokio::test(start_paused = true)]
async fn a_look_decides_once_the_timeout_after_the_newest_signal_is_over() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.pending("web");
    tokio::time::sleep(MINUTE * 44).await;
    stage.woken_by_run().run().await.is("pending", 0);
    tokio::time::sleep(MINUTE * 2).await;
    stage.run().await.is("partial", 0);
}

#[tokio::test(start_paused = true)]
async fn wait_overrules_the_event() {
    let mut stage = Stage::with("api");
    stage.pending("api");
    stage.input("wait", "false").run().await.is("pending", 0);
    stage.at(MINUTE * 3, |scene| scene.build("api"));
    stage.woken_by_run().input("wait", "true").run().await.is("complete", 0);
}

/// Another tag beside `v1.0.0`, with its own commit.
fn tag_beside(stage: &Stage, tag: &str) -> Scene {
    let commit = stage.world.commit(tag);
    stage.world.tag(tag, &commit);
    Scene { world: stage.world.clone(), tag: tag.into(), commit }
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_tag_looks_at_the_newest_tags_that_are_not_full() {
    let branch_run =
        r#"{"workflow_run":{"id":7,"event":"push","head_branch":"main","head_sha":"SHA","conclusion":"success"}}"#;
    for (event, payload) in [("schedule", "{}"), ("workflow_run", branch_run), ("workflow_dispatch", "{}")] {
        let mut stage = Stage::with("api web");
        stage.build("api");
        stage.at(SECOND, |scene| scene.fail("web"));
        stage.run().await.is("partial", 0);
        stage.rebuild("web");
        // Newer ones: one that is pending, one without any signal of ours.
        let pending = tag_beside(&stage, "v1.1.0");
        pending.pending("api");
        tag_beside(&stage, "v1.2.0");
        let ended = stage.event(event, &payload.replace("SHA", &stage.commit.clone())).run().await;
        assert_eq!(ended.exit, 0, "{event}: {}", ended.log);
        assert!(!stage.release().prerelease, "{event}: the partial one was healed\n{}", ended.log);
        assert_eq!(stage.world.releases().len(), 1, "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_with_nothing_to_do_ends_well_and_asks_no_registry() {
    let mut stage = Stage::with("api");
    stage.build("api");
    stage.run().await.is("complete", 0);
    stage.world.clear_requests();
    let ended = stage.event("schedule", "{}").run().await;
    assert_eq!((ended.exit, ended.output("release-change")), (0, "none"));
    assert!(stage.world.requests().iter().all(|request| request.github));
}

#[tokio::test(start_paused = true)]
async fn one_bad_tag_does_not_keep_a_sweep_from_the_others_and_the_outputs_tell_the_worst() {
    let mut stage = Stage::new();
    stage.world.file(&stage.commit, ".github/workflows/release-api.yml", &thin("api"));
    stage.build("api");
    let bad = tag_beside(&stage, "v1.1.0");
    bad.world.file(&bad.commit, ".github/workflows/release-api.yml", &thin("${{ matrix.service }}"));
    bad.pending("api");
    let ended = stage.event("schedule", "{}").run().await;
    assert_eq!((ended.exit, ended.output("tag")), (2, "v1.1.0"), "{}", ended.log);
    assert!(!stage.release().draft, "v1.0.0 is released all the same");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_tells_of_every_tag_in_the_log_and_in_the_summary() {
    let mut stage = Stage::with("api");
    stage.build("api");
    let failed = tag_beside(&stage, "v1.1.0");
    failed.fail("api");
    let pending = tag_beside(&stage, "v1.2.0");
    pending.pending("api");
    let ended = stage.event("schedule", "{}").run().await;
    assert_eq!((ended.exit, ended.output("status"), ended.output("tag")), (1, "failed", "v1.1.0"), "{}", ended.log);
    for (scene, headline) in [
        (&*stage, "full release, 1 images proven: https://github.com/octo/shop/releases/tag/v1.0.0"),
        (&failed, "no release: not one image is ready"),
        (&pending, "not decidable yet: api may still come; look again when a build ends"),
    ] {
        let title = format!("::group::{} at {}", scene.tag, &scene.commit[..7]);
        let group = ended.log.split(&title).nth(1).unwrap_or_else(|| panic!("{title}: {}", ended.log));
        assert!(group.split("::endgroup::").next().unwrap().contains(headline), "{}", ended.log);
        assert_eq!(ended.summary.matches(&format!("## {}: ", scene.tag)).count(), 1, "{}", ended.summary);
    }
    assert_eq!(ended.log.matches("::group::").count(), ended.log.matches("::endgroup::").count(), "{}", ended.log);
}

#[tokio::test(start_paused = true)]
async fn of_a_sweep_that_ends_well_the_outputs_tell_of_the_partial_release() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.fail("web");
    for tag in ["v0.9.0", "v1.1.0"] {
        let full = tag_beside(&stage, tag);
        full.build("api");
        full.build("web");
    }
    let ended = stage.event("schedule", "{}").run().await;
    assert_eq!((ended.exit, ended.output("status"), ended.output("tag")), (0, "partial", "v1.0.0"), "{}", ended.log);
    assert_eq!(ended.output("release-id"), stage.release().id.to_string());
}

fn thin(service: &str) -> String {
    format!(
        "on:\n  push:\n    tags: ['v*']\njobs:\n  build:\n    uses: ./.github/workflows/build-image.yml\n    with:\n      service-name: {service}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_names_its_tag_or_its_version() {
    for payload in [
        r#"{"client_payload":{"tag":"v1.0.0"}}"#,
        r#"{"client_payload":{"version":"1.0.0"}}"#,
        r#"{"client_payload":{"tag":"v1.0.0","version":"9.9.9","sha":"forged","image":"evil.example/x:1"}}"#,
    ] {
        let mut stage = Stage::with("api");
        stage.build("api");
        let ended = stage.event("repository_dispatch", payload).run().await;
        assert_eq!((ended.exit, ended.output("tag")), (0, "v1.0.0"), "{payload}: {}", ended.log);
        assert_eq!(stage.release().target_commitish, stage.commit, "{payload}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_two_tags_or_none_is_an_error() {
    let mut stage = Stage::with("api");
    stage.event("repository_dispatch", r#"{"client_payload":{"version":"1.0.0"}}"#);
    tag_beside(&stage, "1.0.0");
    stage.run().await.is("failed", 2).says("both v1.0.0 and 1.0.0 are tags");
    stage.event("repository_dispatch", r#"{"client_payload":{"version":"7.0.0"}}"#);
    stage.run().await.is("failed", 2).says("neither v7.0.0 nor 7.0.0 is a tag");
}

#[tokio::test(start_paused = true)]
async fn release_and_dispatch_events_name_the_tag() {
    for (event, payload) in
        [("release", r#"{"release":{"tag_name":"v1.0.0"}}"#), ("workflow_dispatch", r#"{"inputs":{"tag":"v1.0.0"}}"#)]
    {
        let mut stage = Stage::with("api");
        stage.build("api");
        let ended = stage.event(event, payload).run().await;
        assert_eq!(ended.is("complete", 0).output("version"), "1.0.0", "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_input_tag_comes_before_all_others() {
    let mut stage = Stage::with("api");
    stage.build("api");
    tag_beside(&stage, "v3.0.0");
    stage.event("workflow_dispatch", r#"{"inputs":{"tag":"v3.0.0"}}"#).input("tag", "v1.0.0");
    assert_eq!(stage.run().await.is("complete", 0).output("tag"), "v1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_not_there_is_an_error_even_where_a_branch_has_its_name() {
    let mut stage = Stage::with("api");
    let commit = stage.world.commit_on("v2.0.0", "a branch");
    stage.world.push("ghcr.io/octo/shop/api:2.0.0", &image_of(&commit));
    stage.input("tag", "v2.0.0").run().await.is("failed", 2).says("there is no tag v2.0.0");
    stage.input("tag", "");
    let run = format!(r#"{{"workflow_run":{{"id":7,"event":"push","head_branch":"v2.0.0","head_sha":"{commit}"}}}}"#);
    let ended = stage.event("workflow_run", &run).run().await;
    assert_eq!((ended.exit, ended.output("tag")), (0, ""), "{}", ended.log);
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn a_run_at_another_commit_than_the_tags_is_not_of_the_tag() {
    let mut stage = Stage::with("api");
    let elsewhere = stage.world.commit_on("v1.0.0", "a branch of the same name");
    stage.push("api");
    let run =
        format!(r#"{{"workflow_run":{{"id":7,"event":"push","head_branch":"v1.0.0","head_sha":"{elsewhere}"}}}}"#);
    assert_eq!(stage.event("workflow_run", &run).run().await.exit, 0);
    assert!(stage.is_unreleased(), "there is no signal at the tag, so the sweep passes it by");
}

#[tokio::test(start_paused = true)]
async fn an_annotated_and_a_nested_tag_lead_to_their_commit() {
    for nested in [false, true] {
        let stage = Stage::with("api");
        stage.build("api");
        let inner = if nested { stage.world.tag_object("inner", &stage.commit) } else { stage.commit.clone() };
        stage.world.annotated_tag("v1.0.0", &inner);
        stage.run().await.is("complete", 0);
        assert_eq!(stage.release().target_commitish, stage.commit, "nested: {nested}");
    }
}

/// The tag of the input is that of the run which ended, so the time of that run counts all the same.
#[tokio::test(start_paused = true)]
async fn a_look_at_a_tag_of_the_input_counts_from_the_run_that_ended() {
    for (tag, counts) in [("v1.0.0", true), ("v2.0.0", false)] {
        let mut stage = Stage::with("api");
        stage.world.tag("v2.0.0", &stage.world.commit("another"));
        for version in ["1.0.0", "2.0.0"] {
            stage.world.push(&format!("ghcr.io/octo/shop/api:{version}"), &image_of(&"f".repeat(40)));
        }
        stage.woken_by_run().input("tag", tag);
        tokio::time::sleep(MINUTE * 50).await;
        let ended = stage.run().await;
        assert_eq!(ended.is("failed", 1).waited() == std::time::Duration::ZERO, counts, "{tag}: {}", ended.log);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_may_not_read_what_is_signalled_names_the_permission() {
    let mut stage = Stage::with("api");
    stage.build("api");
    stage.world.token(crate::stage::token().packages(sim::Access::None));
    stage.world.private_image("ghcr.io", "octo/shop/api", true);
    stage.woken_by_run().run().await.is("pending", 0).says("give this job `packages: read`");
}
