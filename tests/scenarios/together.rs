//! Several runs at once, in many interleavings, end in one release with the same page.

use std::time::Duration;

use sim::{Answer, Fault};

use crate::stage::{SECOND, Scene, Stage};

/// Lets every answer come back after a time of its own, other ones for each seed.
fn scatter(stage: &Stage, seed: u64) {
    // Knuth's MMIX generator: good enough to shuffle, and the same on every machine.
    let mut state = seed;
    for _ in 0..300 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let late = Duration::from_millis((state >> 33) % 1500);
        stage.world.fault(Fault::on("*", "*", "/").times(1).answer(Answer::Late(late)));
    }
}

fn built() -> Stage {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.build("web");
    stage
}

/// A stage whose partial release is about to heal.
async fn healing() -> Stage {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.fail("web");
    stage.input("wait", "false").run().await.is("partial", 0);
    stage.rebuild("web");
    stage
}

/// Two runs at once on what `prepare` gives, for many seeds, end as one run alone does. Gives the number of releases that
/// were made twice and deleted again.
async fn two_are_one(prepare: impl AsyncFn() -> Stage) -> usize {
    let mut twins = 0;
    let alone = prepare().await;
    alone.run().await.is("complete", 0);
    for seed in 0..40 {
        let stage = prepare().await;
        scatter(&stage, seed);
        let other = stage.beside();
        let (one, two) = tokio::join!(stage.run(), other.run());
        for ended in [&one, &two] {
            assert_eq!((ended.output("status"), ended.exit), ("complete", 0), "seed {seed}: {}{}", one.log, two.log);
        }
        assert_eq!(stage.page(), alone.page(), "seed {seed}: {}{}", one.log, two.log);
        let deletes = |path: &str| !path.contains("/assets/");
        twins += stage.writes().iter().filter(|call| call.method == "DELETE" && deletes(&call.path_and_query)).count();
    }
    twins
}

#[tokio::test(start_paused = true)]
async fn two_runs_make_one_full_release() {
    let twins = Box::pin(two_are_one(async || built())).await;
    assert!(twins > 0, "no interleaving made a second draft: this proves little");
}

#[tokio::test(start_paused = true)]
async fn two_runs_heal_one_partial_release() {
    Box::pin(two_are_one(healing)).await;
}

#[tokio::test(start_paused = true)]
async fn five_runs_make_one_release() {
    let alone = built();
    alone.run().await.is("complete", 0);
    for seed in 0..20 {
        let stage = built();
        scatter(&stage, seed);
        let [b, c, d, e] = std::array::from_fn(|_| stage.beside());
        let ends = tokio::join!(stage.run(), b.run(), c.run(), d.run(), e.run());
        for ended in [&ends.0, &ends.1, &ends.2, &ends.3, &ends.4] {
            assert_eq!((ended.output("status"), ended.exit), ("complete", 0), "seed {seed}: {}", ended.log);
        }
        assert_eq!(stage.page(), alone.page(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_and_one_that_is_woken_end_in_one_release() {
    for seed in 0..20 {
        let stage = Stage::with("api web");
        stage.build("api");
        stage.pending("web");
        stage.at(SECOND * 45, |scene| scene.build("web"));
        scatter(&stage, seed);
        let mut woken = stage.beside();
        woken.woken_by_run();
        let look = async {
            tokio::time::sleep(SECOND * 45 + Duration::from_millis(seed * 50)).await;
            woken.run().await
        };
        let (waits, looks) = tokio::join!(stage.run(), look);
        waits.is("complete", 0);
        assert_eq!(looks.exit, 0, "seed {seed}: {}", looks.log);
        assert_eq!(stage.world.releases().len(), 1, "seed {seed}");
        assert!(!stage.release().draft && !stage.release().prerelease, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_tags_released_at_once_the_higher_is_the_latest() {
    for seed in 0..40 {
        let stage = Stage::with("api");
        stage.build("api");
        let commit = stage.world.commit("older");
        stage.world.tag("v0.9.9", &commit);
        Scene { world: stage.world.clone(), tag: "v0.9.9".into(), commit }.build("api");
        scatter(&stage, seed);
        let mut lower = stage.beside();
        lower.input("tag", "v0.9.9");
        let (one, two) = tokio::join!(stage.run(), lower.run());
        one.is("complete", 0);
        two.is("complete", 0);
        let latest = stage.world.latest_release().unwrap().tag_name;
        assert_eq!(latest, "v1.0.0", "seed {seed}: {}{}", one.log, two.log);
    }
}
