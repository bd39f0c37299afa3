//! Waiting: how long, for what, and what comes out when it does not come.

use sim::{Access, Answer, Fault, RepositorySpec};

use crate::stage::{Ended, MINUTE, SECOND, Stage, token};

/// A stage on which `api` is built at one minute.
fn api_at_one_minute(services: &str) -> Stage {
    let stage = Stage::with(services);
    stage.at(MINUTE, |scene| scene.build("api"));
    stage
}

fn make_private(stage: &Stage) {
    stage.world.repository(RepositorySpec { private: true, ..RepositorySpec::default() });
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_whose_run_is_active_is_waited_for_and_never_left_out() {
    let stage = api_at_one_minute("api indexing-service");
    stage.workflow_run("indexing-service", "in_progress");
    stage.at(MINUTE * 20, |scene| {
        scene.build("indexing-service");
        scene.workflow_run("indexing-service", "completed");
    });
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!((MINUTE * 20..MINUTE * 21).contains(&ended.waited()), "{:?}", ended.waited());
    let titles: Vec<_> = stage.writes().iter().map(|write| String::from_utf8_lossy(&write.body).into_owned()).collect();
    assert!(titles.iter().all(|title| !title.contains("partial")), "{titles:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_starts_is_missing_after_the_grace_once_nothing_runs() {
    let stage = api_at_one_minute("api web");
    let ended = stage.run().await;
    ended.is("partial", 0);
    assert_eq!(ended.verdict("web"), "not-started");
    // Five minutes after the first signal, which came at one minute.
    assert!((MINUTE * 6..MINUTE * 6 + SECOND * 20).contains(&ended.waited()), "{:?}", ended.waited());
    // No file of that name is at the tag: if there is one by now, it is on the default branch.
    assert!(stage.body().contains("gh workflow run release-web.yml -R octo/shop -f tag=v1.0.0"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_without_a_sign_ends_the_wait() {
    let stage = api_at_one_minute("api web");
    stage.workflow_run("web", "queued");
    stage.at(MINUTE * 15, |scene| scene.workflow_run("web", "completed"));
    let ended = stage.run().await;
    ended.is("partial", 0);
    assert!((MINUTE * 15..MINUTE * 16).contains(&ended.waited()), "{:?}", ended.waited());
}

#[tokio::test(start_paused = true)]
async fn our_own_run_and_its_siblings_are_not_waited_for() {
    let stage = api_at_one_minute("api web");
    let own = sim::RunSpec { id: 901, path: ".github/workflows/release-notes.yml".into(), ..sim::RunSpec::default() };
    stage.world.workflow_run(sim::RunSpec { head_sha: stage.commit.clone(), ..own });
    let ended = stage.run().await;
    assert!(ended.is("partial", 0).waited() < MINUTE * 7, "{:?}", ended.waited());
}

#[tokio::test(start_paused = true)]
async fn without_leave_to_see_runs_it_waits_until_the_timeout_and_names_the_permission() {
    let stage = api_at_one_minute("api web");
    make_private(&stage);
    stage.world.token(token().actions(Access::None));
    let ended = stage.run().await;
    ended.is("partial", 0).says("actions: read");
    assert!((MINUTE * 45..MINUTE * 46).contains(&ended.waited()), "{:?}", ended.waited());
}

#[tokio::test(start_paused = true)]
async fn a_private_repository_with_all_permissions_is_like_any_other() {
    let stage = api_at_one_minute("api");
    make_private(&stage);
    stage.run().await.is("complete", 0);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_ends_a_wait_for_a_build_that_never_ends() {
    let mut stage = api_at_one_minute("api web");
    stage.input("timeout", "12m");
    stage.pending("web");
    let ended = stage.run().await;
    ended.is("partial", 0);
    assert_eq!(ended.verdict("web"), "building");
    assert!((MINUTE * 12..MINUTE * 13).contains(&ended.waited()), "{:?}", ended.waited());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_there_without_a_reported_end_is_taken_when_time_is_up() {
    let mut stage = api_at_one_minute("api web");
    stage.input("timeout", "10m");
    stage.pending("web");
    stage.push("web");
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!(stage.body().contains("(no end reported)"), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn each_minute_of_silence_has_a_line_that_says_what_is_waited_for() {
    let stage = Stage::with("api web");
    stage.at(MINUTE, |scene| scene.build("api"));
    stage.pending("web");
    stage.at(MINUTE * 61 / 2, |scene| scene.build("web"));
    let ended = stage.run().await;
    let beats = ended.is("complete", 0).log.lines().filter(|line| line.contains("waiting for web (building)")).count();
    assert!((28..=31).contains(&beats), "{beats}\n{}", ended.log);
    ended.says("GitHub API requests left this hour");
    assert_eq!(ended.log.matches("api: ready").count(), 1, "one line per change\n{}", ended.log);
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_waiting_ends_well_and_is_cheap() {
    let mut stage = Stage::with("api");
    stage.input("timeout", "2h");
    stage.pending("api");
    stage.at(MINUTE * 60, |scene| scene.build("api"));
    stage.run().await.is("complete", 0);
    let counted = stage.world.requests().iter().filter(|request| request.github && request.answered != 304).count();
    assert!(counted < 60, "{counted} requests count against the rate limit");
}

#[tokio::test(start_paused = true)]
async fn an_optional_service_neither_blocks_nor_makes_a_release_partial() {
    let stage = api_at_one_minute("api web?");
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!(ended.waited() < MINUTE * 2, "{:?}", ended.waited());
    assert_eq!((ended.output("missing"), ended.output("available")), ("", "api"));
    assert!(stage.body().contains("not included (optional)") && !stage.body().contains("WARNING"));
}

#[tokio::test(start_paused = true)]
async fn an_optional_service_that_builds_is_waited_for() {
    let stage = api_at_one_minute("api web?");
    stage.pending("web");
    stage.at(MINUTE * 9, |scene| scene.build("web"));
    let ended = stage.run().await;
    assert_eq!(ended.is("complete", 0).output("available"), "api web");
}

/// `on-missing` for a release that lacks `web`.
async fn lacking_web(on_missing: &str) -> (Stage, Ended) {
    let mut stage = Stage::with("api web");
    stage.input("on-missing", on_missing);
    stage.build("api");
    stage.at(SECOND, |scene| scene.fail("web"));
    let ended = stage.run().await;
    assert_eq!(ended.output("missing"), "web");
    (stage, ended)
}

#[tokio::test(start_paused = true)]
async fn on_missing_says_what_becomes_of_a_release_that_lacks_an_image() {
    let (stage, ended) = lacking_web("partial").await;
    ended.is("partial", 0).says("::warning title=web is missing from v1.0.0");
    assert!(!stage.release().draft && stage.release().prerelease);

    let (stage, ended) = lacking_web("draft").await;
    ended.is("partial", 0);
    assert!(stage.release().draft && stage.body().contains("WARNING"));
    stage.rebuild("web");
    stage.run().await.is("complete", 0);
    assert!(!stage.release().draft && stage.world.releases().len() == 1);

    let (stage, ended) = lacking_web("fail").await;
    ended.is("failed", 1).says("::error title=web is missing from v1.0.0");
    assert!(stage.is_unreleased());

    let (stage, ended) = lacking_web("none").await;
    ended.is("partial", 0);
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn no_image_at_all_makes_no_release() {
    for on_missing in ["partial", "draft", "fail", "none"] {
        let mut stage = Stage::with("api web");
        stage.input("on-missing", on_missing);
        let ended = stage.run().await;
        assert_eq!(ended.is("failed", 1).output("missing"), "api web");
        assert!(stage.is_unreleased());
    }
}

#[tokio::test(start_paused = true)]
async fn a_red_signal_from_before_the_run_waits_for_a_redo() {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.fail("web");
    tokio::time::sleep(MINUTE).await;
    stage.at(MINUTE * 4, |scene| scene.rebuild("web"));
    let ended = stage.run().await;
    assert!(ended.is("complete", 0).waited() < MINUTE * 4);
    assert!(stage.writes().iter().all(|write| !String::from_utf8_lossy(&write.body).contains("partial")));
}

#[tokio::test(start_paused = true)]
async fn a_red_signal_from_before_the_run_is_final_when_no_redo_comes() {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.fail("web");
    tokio::time::sleep(MINUTE).await;
    let ended = stage.run().await;
    ended.is("partial", 0);
    assert!((MINUTE * 5..MINUTE * 6).contains(&ended.waited()), "{:?}", ended.waited());
}

#[tokio::test(start_paused = true)]
async fn a_build_that_says_pending_then_green_is_ready() {
    let stage = Stage::with("api");
    stage.at(SECOND * 10, |scene| scene.pending("api"));
    stage.at(MINUTE * 2, |scene| scene.build("api"));
    stage.run().await.is("complete", 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_write_of_an_older_attempt_changes_nothing() {
    let stage = Stage::with("api");
    let digest = stage.push("api");
    stage.green("api", &digest, 2);
    stage.at(SECOND, |scene| scene.fail("api"));
    tokio::time::sleep(SECOND * 2).await;
    stage.run().await.is("complete", 0);
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_links_to_no_run_of_this_repository_counts_as_none() {
    let stage = Stage::with("api web");
    stage.build("api");
    for url in ["https://github.com/evil/shop/actions/runs/7", "https://evil.example/octo/shop/actions/runs/7"] {
        stage.world.status(&stage.commit, "failure", "release/v1.0.0/api", "forged", url);
        stage.world.status(&stage.commit, "success", "release/v1.0.0/web", "forged", url);
    }
    let ended = stage.run().await;
    ended.is("partial", 0);
    assert_eq!((ended.verdict("api").as_str(), ended.verdict("web").as_str()), ("ready", "not-started"));
}

#[tokio::test(start_paused = true)]
async fn unread_signals_are_not_none() {
    let stage = Stage::with("api");
    stage.push("api");
    make_private(&stage);
    stage.world.token(token().statuses(Access::None));
    stage.run().await.is("failed", 1).says("statuses: read");
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn signals_that_cannot_be_read_for_a_while_are_waited_out() {
    for answer in [Answer::status(503), Answer::Hang, Answer::Reset, Answer::Throttled { retry_after: "120".into() }] {
        let stage = Stage::with("api");
        stage.push("api");
        let path = format!("/repos/octo/shop/commits/{}/statuses", stage.commit);
        stage.world.fault(Fault::on("GET", "api.github.com", &path).until(MINUTE * 10).answer(answer));
        let ended = stage.run().await;
        assert!(ended.is("complete", 0).waited() >= MINUTE * 9, "{:?}", ended.waited());
        assert_eq!(ended.log.matches("waiting for GitHub: cannot read the statuses").count(), 1, "{}", ended.log);
    }
}

#[tokio::test(start_paused = true)]
async fn signals_that_cannot_be_read_at_all_make_no_release() {
    let stage = Stage::with("api");
    stage.push("api");
    let path = format!("/repos/octo/shop/commits/{}/statuses", stage.commit);
    stage.world.fault(Fault::on("GET", "api.github.com", &path));
    stage.run().await.is("failed", 1).says("without reading the signals");
    assert!(stage.is_unreleased());
    let mut off = Stage::with("api");
    off.push("api");
    off.world.fault(Fault::on("GET", "api.github.com", &path));
    off.input("signals", "off").run().await.is("complete", 0);
}

/// What a GitHub that fails late costs is bounded by the run's own end, and not by a time of its own.
#[tokio::test(start_paused = true)]
async fn a_github_that_fails_late_is_waited_for_until_the_timeout_and_no_longer() {
    for path in ["/repos/octo/shop/releases".to_owned(), "/repos/octo/shop/commits/COMMIT/statuses".to_owned()] {
        let mut stage = Stage::with("api");
        stage.pending("api");
        stage.at(MINUTE * 9, |scene| scene.build("api"));
        let path = path.replace("COMMIT", &stage.commit);
        let fault = Fault::on("GET", "api.github.com", &path).from(MINUTE * 8);
        stage.world.fault(fault.answer(Answer::status(503)));
        stage.input("timeout", "10m").run().await.is("failed", 1).says("503");
        let whole = stage.world.elapsed();
        assert!((MINUTE * 9..MINUTE * 11).contains(&whole), "{path}: {whole:?}");
        assert!(stage.is_unreleased());
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_api_budget_is_waited_for_until_it_is_filled_again() {
    let mut stage = Stage::with("api");
    stage.input("timeout", "4h");
    stage.build("api");
    stage.world.rate_limit(6);
    stage.at(MINUTE * 61, |scene| scene.world.rate_limit(1000));
    stage.run().await.is("complete", 0);
    assert!(stage.world.elapsed() > MINUTE * 59, "{:?}", stage.world.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_release_is_published_without_a_read_of_the_signals_after_the_last_proof() {
    // The signals cannot be read from the moment the image is proven until a red one stands among them.
    let stage = Stage::with("api web");
    stage.build("web");
    stage.pending("api");
    let path = format!("/repos/octo/shop/commits/{}/statuses", stage.commit);
    stage.at(MINUTE * 2, |scene| scene.build("api"));
    stage.world.fault(Fault::on("GET", "api.github.com", &path).from(MINUTE * 2 + SECOND / 100).until(MINUTE * 12));
    stage.at(MINUTE * 11, |scene| scene.signal("web", "failure", "smoke test", (101, 2)));
    let ended = stage.run().await;
    ended.is("partial", 0);
    assert_eq!(ended.output("missing"), "web");
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_runner_plays_no_part() {
    let mut ends = Vec::new();
    // The test machine's clock is decades off at least one of these; GitHub's own time is all that counts.
    for time in ["1999-12-31T23:58:00Z", "2026-11-23T12:00:00Z", "2071-02-28T23:59:59Z"] {
        let mut stage = Stage::of_tag_at("v1.0.0", time);
        stage.input("services", "api web");
        stage.build("api");
        stage.at(MINUTE * 3, |scene| scene.pending("web"));
        stage.at(MINUTE * 7, |scene| scene.fail("web"));
        let ended = stage.run().await;
        ends.push((ended.is("partial", 0).outputs.clone(), stage.page()));
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
}
