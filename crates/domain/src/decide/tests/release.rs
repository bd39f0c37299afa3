//! "Decide": what happens over all images, when a run stops waiting, and whole stories.

use Completeness::{Full, Partial};
use Next::{AskOtherRuns, NoRequiredService, NothingReady, Pending, Release, Unknown, Withhold};

use super::*;

fn until(second: i64) -> Next {
    Next::Wait { until: at(second) }
}

fn next(images: &[ImageEvidence], rules: &Rules, second: i64) -> Next {
    decide(&seen(images), rules, at(second)).next
}

fn building(name: &str) -> ImageEvidence {
    service(name).says(SignalState::Pending, 10)
}

fn red(name: &str) -> ImageEvidence {
    service(name).says(failed(), 30)
}

fn done(name: &str) -> ImageEvidence {
    service(name).done(30)
}

/// Denied under a success, long enough: nobody can tell whether it is there.
fn hidden(name: &str) -> ImageEvidence {
    service(name).shows(Sight::Denied { why: "403".into() }).says(green(), 30).looked(3, 40)
}

#[test]
fn a_waiting_run_stops_its_timeout_after_its_start_and_a_look_after_the_newest_signal() {
    // name, waiting, triggered, signals at, deadline
    let rows = [
        ("waiting", true, None, vec![], TIME_UP),
        ("waiting: neither signals nor the trigger count", true, Some(-60), vec![-3600, 600], TIME_UP),
        ("looking, from the newest of the signals", false, Some(-5), vec![-3600, -60], TIME_UP - 60),
        ("looking, a signal that came after the start", false, Some(-5), vec![20], TIME_UP + 20),
        ("looking at signals that are all too old", false, Some(-5), vec![-86_400], TIME_UP - 86_400),
        ("looking, no signal, from the trigger", false, Some(-90), vec![], TIME_UP - 90),
        ("looking, no signal, no trigger, from the start", false, None, vec![], TIME_UP),
    ];
    each(&rows, |(name, waiting_run, triggered, signals, deadline)| {
        let images: Vec<ImageEvidence> =
            signals.iter().map(|second| service("api").says(SignalState::Pending, *second)).collect();
        let images = if images.is_empty() { vec![service("api")] } else { images };
        let evidence = Evidence { triggered: triggered.map(at), ..seen(&images) };
        let rules = Rules { waiting: *waiting_run, ..waiting() };
        let decide = |second| decide(&evidence, &rules, at(second));
        expect(name, &decide(0).deadline, &at(*deadline))?;
        let may_go_on = |next| matches!(next, Next::Wait { .. } | AskOtherRuns | Pending);
        expect(name, &(may_go_on(decide(deadline - 1).next), may_go_on(decide(*deadline).next)), &(true, false))
    });
}

#[test]
fn something_pending_is_waited_for_until_a_clock_may_turn_it() {
    let publishing = || service("web").says(green(), 30);
    // name, images, now, until
    let rows = [
        ("a build that runs", vec![done("api"), building("web")], 60, TIME_UP),
        ("an image that is not visible yet", vec![done("api"), publishing()], 60, 160),
        ("the two minutes over, the third look open", vec![done("api"), publishing()], 200, TIME_UP),
        ("an old red that may be redone", vec![done("api"), service("web").says(failed(), -1)], 60, 300),
        ("the start grace", vec![service("api")], 60, 300),
        ("the earliest of several", vec![service("api"), publishing(), building("db")], 60, 160),
        ("a registry that does not answer", vec![done("api"), service("web").unreachable()], 60, TIME_UP),
    ];
    each(&rows, |(name, images, now, wanted)| {
        expect(name, &next(images, &waiting(), *now), &until(*wanted))?;
        // Clocks that turn after the timeout do not lengthen it.
        let short = Rules { timeout: Duration::from_secs(100), ..waiting() };
        let deadline = if *now < 100 { until(100) } else { return Ok(()) };
        expect(name, &next(images, &short, *now), &deadline)
    });
}

#[test]
fn one_required_image_in_doubt_holds_the_release_of_all_others() {
    for pending in [building("web"), service("web").says(green(), 30), service("web").unreachable(), service("web")] {
        let images = [done("api"), red("db"), pending];
        assert!(matches!(next(&images, &waiting(), 60), Next::Wait { .. }), "{images:?}");
    }
}

#[test]
fn whether_anything_else_runs_is_asked_once_and_only_when_the_grace_alone_keeps_an_image_pending() {
    let old = |state| service("web").says(state, -3600);
    // name, images, rules, now, next while not asked
    let rows = [
        ("grace not over", vec![done("api"), service("web")], waiting(), 329, until(330)),
        ("grace over", vec![done("api"), service("web")], waiting(), 330, AskOtherRuns),
        ("nothing at all", vec![service("api"), service("web")], waiting(), 300, AskOtherRuns),
        ("denied too", vec![service("api").shows(Sight::Denied { why: "403".into() })], waiting(), 300, AskOtherRuns),
        ("something builds", vec![building("api"), service("web")], waiting(), 400, until(TIME_UP)),
        ("no grace", vec![service("api")], Rules { start_grace: Duration::ZERO, ..waiting() }, 400, until(TIME_UP)),
        ("time up", vec![done("api"), service("web")], waiting(), TIME_UP, Release(Partial)),
        ("a look after the grace", vec![old(failed()), service("api")], looking(), -901, AskOtherRuns),
    ];
    each(&rows, |(name, images, rules, now, wanted)| expect(name, &next(images, rules, *now), wanted));

    // other runs, waiting, looking
    let answered = [
        (OtherRuns::Idle, Release(Partial), Release(Partial)),
        (OtherRuns::Active, until(TIME_UP), Pending),
        (OtherRuns::Unreadable, until(TIME_UP), Pending),
    ];
    let images = [done("api"), service("web")];
    each(&answered, |(other_runs, when_waiting, when_looking)| {
        let evidence = seen(&images).other_runs(*other_runs);
        let next = |rules| decide(&evidence, &rules, at(400)).next;
        expect(&format!("waiting, {other_runs:?}"), &next(waiting()), when_waiting)?;
        expect(&format!("looking, {other_runs:?}"), &next(looking()), when_looking)
    });
}

#[test]
fn a_look_waits_for_nothing_but_the_rest_of_the_grace() {
    let no_grace = Rules { start_grace: Duration::ZERO, ..looking() };
    let rows = [
        ("the grace alone", vec![done("api"), service("web")], looking(), until(330)),
        ("the grace and a build", vec![building("api"), service("web")], looking(), Pending),
        (
            "the grace and an optional build",
            vec![done("api"), service("web"), building("docs").optional()],
            looking(),
            Pending,
        ),
        ("a build", vec![done("api"), building("web")], looking(), Pending),
        ("an image not visible yet", vec![done("api"), service("web").says(green(), 30)], looking(), Pending),
        ("no answer", vec![done("api"), service("web").unreachable()], looking(), Pending),
        ("the grace is off", vec![done("api"), service("web")], no_grace, Pending),
        ("nothing", vec![done("api"), done("web")], looking(), Release(Full)),
        ("nothing, one red", vec![done("api"), red("web")], looking(), Release(Partial)),
        (
            "the grace, longer than the timeout",
            vec![done("api"), service("web")],
            Rules { timeout: minutes(2), ..looking() },
            until(150),
        ),
    ];
    each(&rows, |(name, images, rules, wanted)| expect(name, &next(images, rules, 60), wanted));
}

#[test]
fn a_look_after_its_deadline_decides() {
    let long_ago = -2 * TIME_UP;
    let rows = [
        ("a build that never ended", service("web").says(SignalState::Pending, long_ago), Release(Partial)),
        ("a success never seen", service("web").says(green(), long_ago), Release(Partial)),
        ("a registry that does not answer", service("web").unreachable(), Unknown),
        ("no sign of life", service("web"), Release(Partial)),
    ];
    each(&rows, |(name, image, wanted)| {
        expect(name, &next(&[service("api").done(long_ago), image.clone()], &looking(), 5), wanted)
    });
}

#[test]
fn all_required_ready_is_a_full_release_without_any_further_wait() {
    for rules in [waiting(), looking()] {
        assert_eq!(next(&[done("api"), done("web")], &rules, 60), Release(Full));
        let silent = [service("api").holds(unlabelled(&[AMD])), done("web")];
        assert_eq!(next(&silent, &rules, 60), Release(Full), "commit not proven");
    }
    let unsignalled = [service("api").holds(built(&[AMD]))];
    assert_eq!(next(&unsignalled, &waiting(), 60), Release(Full), "the registry is the only proof");
}

#[test]
fn an_optional_service_is_waited_for_only_while_its_build_says_that_it_runs() {
    let docs = || service("docs").optional();
    let rows = [
        ("builds", docs().says(SignalState::Pending, 30), until(TIME_UP)),
        ("builds again after a failure", docs().says(failed(), 20).says(SignalState::Pending, 30), until(TIME_UP)),
        ("absent", docs(), Release(Full)),
        ("red", docs().says(failed(), 30), Release(Full)),
        ("red before this run", docs().says(failed(), -30), Release(Full)),
        ("not visible yet", docs().says(green(), 30), Release(Full)),
        ("no answer", docs().unreachable(), Release(Full)),
        ("ready", docs().done(30), Release(Full)),
    ];
    each(&rows, |(name, optional, wanted)| {
        let images = [done("api"), optional.clone()];
        expect(name, &next(&images, &waiting(), 60), wanted)?;
        expect(&format!("{name}, time up"), &next(&images, &waiting(), TIME_UP), &Release(Full))
    });
    let look = next(&[done("api"), docs().says(SignalState::Pending, 30)], &looking(), 60);
    assert_eq!(look, Pending);
}

#[test]
fn an_optional_service_never_makes_a_release_partial_or_unknown() {
    for optional in [red("docs"), hidden("docs"), service("docs").unreachable(), service("docs")] {
        let optional = optional.optional();
        assert_eq!(next(&[done("api"), optional.clone()], &waiting(), TIME_UP), Release(Full));
        assert_eq!(next(&[done("api"), red("web"), optional], &waiting(), TIME_UP), Release(Partial));
    }
}

#[test]
fn a_missing_image_is_treated_as_on_missing_says() {
    let rows = [
        (OnMissing::Partial, Release(Partial)),
        (OnMissing::Draft, Release(Partial)),
        (OnMissing::Fail, Withhold),
        (OnMissing::None, Withhold),
    ];
    each(&rows, |(on_missing, wanted)| {
        let rules = Rules { on_missing: *on_missing, ..waiting() };
        let name = format!("{on_missing:?}");
        expect(&name, &next(&[done("api"), red("web")], &rules, 60), wanted)?;
        expect(&name, &next(&[done("api"), done("web")], &rules, 60), &Release(Full))?;
        expect(&name, &next(&[red("api"), red("web")], &rules, 60), &NothingReady)
    });
}

#[test]
fn nothing_ready_at_all_is_no_release() {
    assert_eq!(next(&[red("api"), red("web")], &waiting(), 60), NothingReady);
    assert_eq!(next(&[service("api"), building("web")], &waiting(), TIME_UP), NothingReady);
}

#[test]
fn an_image_that_cannot_be_told_is_not_missing_and_nothing_is_published() {
    let unanswered = || service("web").unreachable();
    let rows = [
        ("denied under a success", vec![done("api"), hidden("web")], 200, Unknown),
        ("denied, and another is missing", vec![done("api"), hidden("web"), red("db")], 200, Unknown),
        ("denied while another builds", vec![building("api"), hidden("web")], 200, until(TIME_UP)),
        ("no answer, time left", vec![done("api"), unanswered()], TIME_UP - 1, until(TIME_UP)),
        ("no answer, time up", vec![done("api"), unanswered()], TIME_UP, Unknown),
        (
            "no answer for a build that runs, time up",
            vec![done("api"), unanswered().says(SignalState::Pending, 30)],
            TIME_UP,
            Unknown,
        ),
    ];
    each(&rows, |(name, images, now, wanted)| {
        for on_missing in [OnMissing::Partial, OnMissing::Draft, OnMissing::Fail, OnMissing::None] {
            expect(name, &next(images, &Rules { on_missing, ..waiting() }, *now), wanted)?;
        }
        Ok(())
    });
    let failed = [done("api"), unanswered().says(failed(), 30)];
    assert_eq!(next(&failed, &waiting(), 60), Release(Partial), "a failed build can be told");
}

#[test]
fn a_release_needs_a_required_service() {
    for second in [60, TIME_UP] {
        assert_eq!(next(&[], &waiting(), second), NoRequiredService);
        assert_eq!(next(&[done("docs").optional()], &waiting(), second), NoRequiredService);
    }
}

#[test]
fn judgements_come_in_the_order_of_the_services() {
    let decision = decide(&seen(&[red("web"), done("docs").optional(), service("api")]), &waiting(), at(60));
    let names: Vec<(&str, bool)> =
        decision.judgements.iter().map(|judgement| (judgement.service.as_str(), judgement.required)).collect();
    assert_eq!(names, [("web", true), ("docs", false), ("api", true)]);
}

/// A story: what each service has done by then, and what happens next.
fn tell(rules: &Rules, story: &[(&str, i64, &[ImageEvidence], OtherRuns, Next)]) {
    each(story, |(name, second, images, other_runs, wanted)| {
        let evidence = seen(images).other_runs(*other_runs);
        expect(name, &decide(&evidence, rules, at(*second)).next, wanted)
    });
}

#[test]
fn story_api_ends_at_one_minute_and_indexing_at_twenty() {
    let api = || service("api").done(MINUTE);
    let indexing = || service("indexing").says(SignalState::Pending, 20);
    let pushed = || indexing().holds(built(&[AMD]));
    tell(
        &waiting(),
        &[
            ("tag pushed", 1, &[service("api"), service("indexing")], OtherRuns::NotAsked, until(300)),
            ("api done", 61, &[api(), indexing()], OtherRuns::NotAsked, until(TIME_UP)),
            ("past the grace, past two minutes", 600, &[api(), indexing()], OtherRuns::NotAsked, until(TIME_UP)),
            ("pushed but not yet signalled", 1190, &[api(), pushed()], OtherRuns::NotAsked, until(TIME_UP)),
            ("indexing done", 1200, &[api(), service("indexing").done(1200)], OtherRuns::NotAsked, Release(Full)),
        ],
    );
}

#[test]
fn story_a_failed_service_is_run_again_alone_and_the_partial_release_becomes_full() {
    let api = || service("api").done(-3600);
    let web = || service("web").says(failed(), -3500);
    tell(
        &looking(),
        &[
            ("web failed", -3490, &[api(), web()], OtherRuns::NotAsked, Release(Partial)),
            ("web builds again", 0, &[api(), web().says(SignalState::Pending, -10)], OtherRuns::NotAsked, Pending),
            ("signalled, not visible yet", 60, &[api(), web().says(green(), 55)], OtherRuns::NotAsked, Pending),
            ("visible", 90, &[api(), web().done(55)], OtherRuns::NotAsked, Release(Full)),
        ],
    );
}

#[test]
fn story_all_jobs_run_again_give_an_old_red_the_time_to_turn() {
    let api = || service("api").done(-3600);
    let web = || service("web").says(failed(), -3500);
    tell(
        &waiting(),
        &[
            ("the red is old", 5, &[api(), web()], OtherRuns::NotAsked, until(300)),
            ("a redo begins", 60, &[api(), web().says(SignalState::Pending, 50)], OtherRuns::NotAsked, until(TIME_UP)),
            ("it ends well", 400, &[api(), web().done(390)], OtherRuns::NotAsked, Release(Full)),
            ("or no redo begins", 300, &[api(), web()], OtherRuns::NotAsked, Release(Partial)),
            (
                "or it fails again",
                100,
                &[api(), service("web").says(failed(), 95)],
                OtherRuns::NotAsked,
                Release(Partial),
            ),
        ],
    );
}

#[test]
fn story_a_workflow_that_never_starts_costs_the_grace_and_not_the_timeout() {
    let images = || vec![service("api").done(200), service("web").done(210), service("db")];
    tell(
        &waiting(),
        &[
            ("two done, in the grace of the first signal", 300, &images(), OtherRuns::NotAsked, until(500)),
            ("grace over", 500, &images(), OtherRuns::NotAsked, AskOtherRuns),
            ("a runner is still awaited", 501, &images(), OtherRuns::Active, until(TIME_UP)),
            ("nothing runs", 501, &images(), OtherRuns::Idle, Release(Partial)),
        ],
    );
}

#[test]
fn story_a_lost_runner_is_waited_for_until_the_time_is_up() {
    let images = |shown: ImageEvidence| [service("api").done(60), shown.says(SignalState::Pending, 20)];
    tell(
        &waiting(),
        &[
            ("lost", TIME_UP - 1, &images(service("web")), OtherRuns::NotAsked, until(TIME_UP)),
            ("lost before the push", TIME_UP, &images(service("web")), OtherRuns::NotAsked, Release(Partial)),
            (
                "lost after the push",
                TIME_UP,
                &images(service("web").holds(built(&[AMD]))),
                OtherRuns::NotAsked,
                Release(Full),
            ),
        ],
    );
}
