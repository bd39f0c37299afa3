//! Runs that are cancelled or killed, at any moment: what they leave behind is resolved by the waiter.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Build;
use super::builder::Fault;
use crate::stage::{MINUTE, SECOND};

#[tokio::test(start_paused = true)]
async fn a_cancelled_build_stops_buildx_and_says_so_within_five_seconds() {
    let build = Build::new();
    build.builder.next([Some(Fault::Hangs)]);
    let before = build.world.now();
    let ended = build.build_until(&build.builder.engine(), tokio::time::sleep(30 * SECOND)).await;
    ended.is("cancelled", 130);
    assert!(build.world.now().duration_since(before).unsigned_abs() <= 35 * SECOND);
    assert_eq!(build.said()[1], ("error".into(), "cancelled".into()));
    assert_eq!(build.builder.kinds(), ["build"]);
    assert_eq!(build.state()["owed"], "false");
    assert_eq!(build.verdict().await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_when_all_is_said_says_nothing_more() {
    let build = Build::new();
    build.build().await.is("built", 0);
    assert_eq!(build.states(), ["pending", "success"]);
    let again = build.build_until(&build.builder.engine(), std::future::ready(())).await;
    again.is("cancelled", 130);
    assert!(build.states().iter().all(|state| state != "error"), "{:?}", build.said());
    assert_eq!(build.verdict().await, "ready");
}

#[tokio::test(start_paused = true)]
async fn the_post_step_says_what_the_main_step_could_not() {
    let build = Build::new();
    build.builder.next([Some(Fault::Hangs)]);
    let engine = build.builder.engine();
    tokio::select! {
        _ = build.build_until(&engine, std::future::pending()) => unreachable!("it hangs"),
        () = tokio::time::sleep(MINUTE) => {}
    }
    assert_eq!(build.states(), ["pending"]);
    assert_eq!(build.post_build(&build.state()).await.exit, 0);
    assert_eq!(build.said()[1], ("error".into(), "cancelled".into()));
}

#[tokio::test(start_paused = true)]
async fn the_post_step_says_the_end_that_the_main_step_could_not_say() {
    for fails in [false, true] {
        let build = Build::new();
        if fails {
            build.builder.next([Some(Fault::Fails("ERROR: failed to solve: target stage \"x\" could not be found"))]);
        }
        let path = format!("/repos/octo/shop/statuses/{}", build.commit);
        build.world.fault(sim::Fault::on("POST", "api.github.com", &path).skip(1).answer(sim::Answer::status(503)));
        build.build().await.is("failed", 1);
        assert_eq!(build.states(), ["pending"]);
        build.world.clear_faults();
        assert_eq!(build.post_build(&build.state()).await.exit, 0);
        let (state, description) = build.said().pop().unwrap();
        if fails {
            assert_eq!(state, "failure");
            assert!(description.starts_with("Dockerfile: "), "{description}");
        } else {
            assert_eq!((state.as_str(), build.verdict().await.as_str()), ("success", "ready"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_post_step_is_silent_where_all_is_said() {
    let build = Build::new();
    build.build().await.is("built", 0);
    assert_eq!(build.post_build(&build.state()).await.exit, 0);
    assert_eq!(build.post_build(&BTreeMap::new()).await.exit, 0);
    assert_eq!(build.states(), ["pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn the_post_step_of_a_job_that_only_announces_leaves_the_end_to_the_one_that_builds() {
    let mut build = Build::new();
    build.input("result", "pending");
    build.build().await.is("", 0);
    assert_eq!(build.post_build(&build.state()).await.exit, 0);
    assert_eq!(build.states(), ["pending"]);
}

/// A killed run says nothing, so the waiter has what it left: a signal, a pending, or nothing. It ends, and never with an
/// image that is not there.
#[tokio::test(start_paused = true)]
async fn whenever_it_is_killed_the_waiter_comes_to_an_end() {
    let ends = ends_of_killed_runs(false).await;
    // Killed before the first signal, while it builds, and after the push.
    assert!(
        ends.keys().any(|end| end.starts_with("failed building")) && ends.keys().any(|end| end == "complete ready"),
        "{ends:?}"
    );
}

/// Where the runner still runs the post step, nobody waits for a build that is over.
#[tokio::test(start_paused = true)]
async fn whenever_it_is_killed_the_post_step_leaves_no_build_pending() {
    let ends = ends_of_killed_runs(true).await;
    assert!(ends.keys().all(|end| !end.contains("building")), "{ends:?}");
    assert!(ends.contains_key("failed cancelled") && ends.contains_key("complete ready"), "{ends:?}");
}

/// How the waiter ends, by status and verdict, after runs that were killed every half second; with or without their post
/// step.
async fn ends_of_killed_runs(post: bool) -> BTreeMap<String, u32> {
    let clean = Build::new();
    let before = clean.world.now();
    clean.build().await.is("built", 0);
    let whole = clean.world.now().duration_since(before).unsigned_abs();
    assert!(whole >= 20 * SECOND, "{whole:?}");
    let mut ends = BTreeMap::<String, u32>::new();
    let mut at = Duration::ZERO;
    while at <= whole + 2 * SECOND {
        let build = Build::new();
        let engine = build.builder.engine();
        tokio::select! {
            _ = build.build_until(&engine, std::future::pending()) => {}
            () = tokio::time::sleep(at) => {}
        }
        if post {
            build.post_build(&build.state()).await;
            assert!(build.states().last().is_none_or(|state| state != "pending"), "killed after {at:?}");
        }
        let mut release = build.beside();
        release.world.token(crate::stage::token());
        release.input("services", "api").variable("GITHUB_RUN_ID", "900");
        let ended = release.run().await;
        let there = build.world.image_digest("ghcr.io/octo/shop/api:1.0.0").is_some();
        match ended.output("status") {
            "complete" => assert!(there, "{}", ended.log),
            // With a post step the image may be there, and its build was still not said to have ended well.
            status => assert!(status == "failed" && (!there || post), "killed after {at:?}: {}", ended.log),
        }
        *ends.entry(format!("{} {}", ended.output("status"), ended.verdict("api"))).or_default() += 1;
        at += SECOND / 2;
    }
    ends
}
