//! How often registries are asked, counted over simulated time, and that no registry suffers from another.

use std::time::Duration;

use sim::{Answer, Auth, Fault, RegistrySpec};

use crate::stage::{MINUTE, SECOND, Stage, image_of};

/// The moments at which the manifest of a service's image was asked for.
fn looks(stage: &Stage, service: &str) -> Vec<Duration> {
    let path = format!("/v2/octo/shop/{service}/manifests/1.0.0");
    let requests = stage.world.requests();
    requests.iter().filter(|request| request.path_and_query == path).map(|request| request.at).collect()
}

/// The times between them.
fn gaps(looks: &[Duration]) -> Vec<Duration> {
    looks.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

/// A stage with these services, whose images stand on a registry that is open to everybody: one request for each look.
fn open(services: &str) -> Stage {
    let mut stage = Stage::with(services);
    stage.world.registry("open.test", RegistrySpec::distribution().auth(Auth::Anonymous));
    stage.input("image", "open.test/octo/shop/{service}:{version}");
    stage
}

#[tokio::test(start_paused = true)]
async fn a_build_that_runs_for_twenty_minutes_costs_at_most_two_looks_a_minute_and_ends_at_once() {
    let stage = open("api");
    stage.pending("api");
    stage.at(MINUTE * 20, |scene| {
        let digest = scene.world.push("open.test/octo/shop/api:1.0.0", &scene.image());
        scene.green("api", &digest, 1);
    });
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!(ended.waited() < MINUTE * 20 + SECOND * 17, "a signal is read every 15 s: {:?}", ended.waited());
    let looks: Vec<_> = looks(&stage, "api").into_iter().filter(|at| *at < MINUTE * 20).collect();
    assert!((40..=44).contains(&looks.len()), "{} looks: {looks:?}", looks.len());
    let gaps = gaps(&looks);
    let steps: Vec<_> = gaps.iter().take(4).map(|gap| gap.as_secs() / 5).collect();
    assert_eq!(steps, [1, 2, 4, 6], "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= SECOND * 31), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_image_without_any_signal_is_looked_at_in_the_interval_that_was_asked_for_and_later_less_often() {
    let mut stage = open("api web");
    stage.workflow_run("api", "in_progress");
    stage.input("timeout", "20m");
    stage.run().await.is("failed", 1);
    for service in ["api", "web"] {
        let looks = looks(&stage, service);
        assert!((78..=86).contains(&looks.len()), "{service}: {}", looks.len());
        let gaps = gaps(&looks);
        assert!(gaps[..24].iter().all(|gap| *gap >= SECOND * 5 && *gap < SECOND * 6), "{service}: {gaps:?}");
        assert!(gaps[72..].iter().all(|gap| *gap >= SECOND * 30 && *gap < SECOND * 31), "{service}: {gaps:?}");
    }
    let moments: std::collections::HashSet<Duration> = looks(&stage, "api").into_iter().collect();
    let together = looks(&stage, "web").into_iter().filter(|at| moments.contains(at)).count();
    assert!(together < 20, "the two are not asked for at the same moments: {together}");
}

#[tokio::test(start_paused = true)]
async fn after_a_success_signal_and_after_every_change_the_looks_are_quick_again() {
    let stage = open("api");
    stage.at(MINUTE, |scene| scene.pending("api"));
    // First the image of an older commit stands there, then a signal names one that is not there yet.
    stage.at(MINUTE * 5, |scene| {
        scene.world.push("open.test/octo/shop/api:1.0.0", &image_of("0123456789012345678901234567890123456789"));
    });
    stage.at(MINUTE * 10, |scene| {
        let digest = Stage::new().world.push("open.test/octo/shop/api:1.0.0", &scene.image());
        scene.green("api", &digest, 1);
    });
    stage.at(MINUTE * 11, |scene| {
        scene.world.push("open.test/octo/shop/api:1.0.0", &scene.image());
    });
    stage.run().await.is("complete", 0);
    let looks = looks(&stage, "api");
    // In intervals, from a moment on.
    let pace = |from: Duration, count: usize| -> Vec<u64> {
        let looks: Vec<_> = looks.iter().copied().filter(|at| *at >= from).take(count + 1).collect();
        gaps(&looks).iter().map(|gap| gap.as_secs() / 5).collect()
    };
    assert_eq!(pace(MINUTE, 5), [1, 2, 4, 6, 6]);
    assert_eq!(pace(MINUTE * 3, 3), [6, 6, 6]);
    assert_eq!(pace(MINUTE * 5, 5), [1, 2, 4, 6, 6]);
    assert_eq!(pace(MINUTE * 10 + SECOND * 16, 8), [1; 8]);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_hangs_does_not_delay_another() {
    let stage = Stage::with("slow=slow.test/octo/shop/slow:1.0.0 api=open.test/octo/shop/api:1.0.0");
    for host in ["slow.test", "open.test"] {
        stage.world.registry(host, RegistrySpec::distribution().auth(Auth::Anonymous));
    }
    stage.world.fault(Fault::on("GET", "slow.test", "/").until(MINUTE * 8).answer(Answer::Hang));
    stage.world.push("slow.test/octo/shop/slow:1.0.0", &stage.image());
    stage.workflow_run("api", "in_progress");
    stage.at(MINUTE * 7, |scene| {
        scene.world.push("open.test/octo/shop/api:1.0.0", &scene.image());
    });
    stage.run().await.is("complete", 0);
    let looks = looks(&stage, "api");
    let gaps = gaps(&looks.into_iter().filter(|at| *at < MINUTE * 7).collect::<Vec<_>>());
    assert!(gaps.len() > 45 && gaps.iter().all(|gap| *gap < SECOND * 23), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_asks_for_a_pause_gets_it_for_all_its_images_and_the_others_go_on() {
    let services = ["a", "b", "c"].map(|name| format!("{name}=slow.test/octo/shop/{name}:1.0.0")).join(" ");
    let stage = Stage::with(&format!("{services} api=open.test/octo/shop/api:1.0.0"));
    for host in ["slow.test", "open.test"] {
        stage.world.registry(host, RegistrySpec::distribution().auth(Auth::Anonymous));
    }
    stage.workflow_run("api", "in_progress");
    let throttled = Answer::Throttled { retry_after: "240".into() };
    stage.world.fault(Fault::on("GET", "slow.test", "/").from(MINUTE).times(1).answer(throttled));
    stage.at(MINUTE * 4, |scene| {
        for name in ["a", "b", "c"] {
            scene.world.push(&format!("slow.test/octo/shop/{name}:1.0.0"), &scene.image());
        }
        scene.world.push("open.test/octo/shop/api:1.0.0", &scene.image());
    });
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!((MINUTE * 5..MINUTE * 5 + SECOND * 20).contains(&ended.waited()), "{:?}", ended.waited());
    let requests = stage.world.requests();
    let refused = requests.iter().find(|request| request.answered == 429).unwrap().at;
    let pause = refused + SECOND / 10..refused + SECOND * 239;
    let asked =
        |host: &str| requests.iter().filter(|request| request.host == host && pause.contains(&request.at)).count();
    assert_eq!(asked("slow.test"), 0);
    assert!(asked("open.test") > 20);
    assert!(ended.log.lines().filter(|line| line.contains("asked for a pause of 240 s")).count() <= 3, "{}", ended.log);
}
