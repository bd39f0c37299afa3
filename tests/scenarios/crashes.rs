//! A process that dies between any two requests is healed by the next run: the world is then as if it had never died.

use crate::stage::{SECOND, Scene, Stage};

/// Kills a run before, and after the effect of, each of its requests in turn, and runs again.
async fn crash_everywhere(prepare: impl AsyncFn() -> Stage) {
    let clean = prepare().await;
    let before = clean.world.requests().len();
    let ended = clean.run().await;
    assert_eq!(ended.exit, 0, "{}", ended.log);
    let count = (clean.world.requests().len() - before) as u64;
    assert!(count > 10, "a run of {count} requests is no run");
    for takes_effect in [false, true] {
        for at in 0..count {
            let stage = prepare().await;
            if takes_effect {
                stage.world.crash_after_effect(at + 1);
            } else {
                stage.world.crash_after(at);
            }
            stage.run_until_crash().await;
            stage.world.revive();
            let again = stage.run().await;
            let what = format!("crashed at {at} of {count}, with effect: {takes_effect}");
            assert_eq!(again.exit, ended.exit, "{what}: {}", again.log);
            assert_eq!(again.output("status"), ended.output("status"), "{what}");
            assert_eq!(stage.page(), clean.page(), "{what}: {}", again.log);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_full_release_is_made() {
    crash_everywhere(async || {
        let stage = Stage::with("api web");
        stage.build("api");
        stage.build("web");
        stage.world.pull_request("a change", "bob");
        stage
    })
    .await;
}

/// A stage of which `web` has failed for good.
fn without_web() -> Stage {
    let mut stage = Stage::with("api web");
    stage.input("wait", "false");
    stage.build("api");
    stage.fail("web");
    stage
}

#[tokio::test(start_paused = true)]
async fn while_a_partial_release_is_made() {
    crash_everywhere(async || without_web()).await;
}

#[tokio::test(start_paused = true)]
async fn while_a_partial_release_heals() {
    for immutable in [false, true] {
        crash_everywhere(async || {
            let stage = without_web();
            stage.world.immutable_releases(immutable);
            stage.run().await.is("partial", 0);
            stage.rebuild("web");
            stage
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_lock_file_is_replaced_after_the_tag_moved() {
    crash_everywhere(async || {
        let stage = Stage::with("api");
        stage.build("api");
        stage.run().await.is("complete", 0);
        let commit = stage.world.commit("a hotfix");
        stage.world.move_tag("v1.0.0", &commit);
        Scene { world: stage.world.clone(), tag: stage.tag.clone(), commit }.build("api");
        stage
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn while_a_draft_of_a_person_is_adopted() {
    crash_everywhere(async || {
        let mut stage = Stage::with("api");
        stage.input("adopt-drafts", "true");
        stage.build("api");
        stage.world.add_release("v1.0.0", |release| {
            release.draft = true;
            release.body = Some("Our words.".into());
        });
        stage
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn while_it_waits() {
    crash_everywhere(async || {
        let stage = Stage::with("api");
        stage.pending("api");
        stage.at(SECOND * 40, |scene| scene.build("api"));
        stage
    })
    .await;
}
