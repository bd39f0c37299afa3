//! One image, one verdict: what the registry shows by what the newest signal says, cell by cell, and the clocks that
//! turn its cells.

use Standing::{Missing, Pending, Ready, Unknown};

use super::*;

/// The rows: what the registry shows. Every image that is there but wrong is a row of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shown {
    Proven,
    Absent,
    OtherCommit,
    LacksPlatform,
    Incomplete,
    NotAnImage,
    OtherDigest,
    Denied,
    Unreachable,
}

/// The columns.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Nothing,
    Pending,
    Green,
    Failed,
    Cancelled,
}

impl Shown {
    const ALL: [Self; 9] = [
        Self::Proven,
        Self::Absent,
        Self::OtherCommit,
        Self::LacksPlatform,
        Self::Incomplete,
        Self::NotAnImage,
        Self::OtherDigest,
        Self::Denied,
        Self::Unreachable,
    ];

    fn sight(self) -> Sight {
        let image = built(&[AMD, ARM]);
        match self {
            Self::Proven => Sight::Image(image),
            Self::Absent => Sight::Absent,
            Self::OtherCommit => Sight::Image(unlabelled(&[AMD, ARM]).claim(ClaimPlace::Index, OTHER_COMMIT, None)),
            Self::LacksPlatform => Sight::Image(built(&[AMD])),
            Self::Incomplete => Sight::Image(image.child(ARM, ChildState::Broken("404".into()))),
            Self::NotAnImage => Sight::NotAnImage { why: "a Helm chart".into() },
            Self::OtherDigest => Sight::Image(ImageFacts { digest: Digest::sha256(b"built again"), ..image }),
            Self::Denied => Sight::Denied { why: "403".into() },
            Self::Unreachable => Sight::Unreachable { why: "503".into() },
        }
    }
}

impl Said {
    const ALL: [Self; 5] = [Self::Nothing, Self::Pending, Self::Green, Self::Failed, Self::Cancelled];

    fn state(self) -> Option<SignalState> {
        match self {
            Self::Nothing => None,
            Self::Pending => Some(SignalState::Pending),
            Self::Green => Some(green_for(&[AMD, ARM])),
            Self::Failed => Some(failed()),
            Self::Cancelled => Some(cancelled()),
        }
    }
}

type Outcome = (Verdict, Standing);

/// One cell: the verdict in the first minute; when the grace is over, nothing else runs and three looks were made in
/// more than two minutes; and when the time is up after a single look.
type Cell = (Shown, Said, Outcome, Outcome, Outcome);

const READY: Outcome = (Verdict::Ready, Ready);
const BUILDING: Outcome = (Verdict::Building, Pending);
const BUILDING_TOO_LONG: Outcome = (Verdict::Building, Missing);
const PUBLISHING: Outcome = (Verdict::Publishing, Pending);
const FAILED: Outcome = (Verdict::Failed, Missing);
const CANCELLED: Outcome = (Verdict::Cancelled, Missing);
const NOT_YET: Outcome = (Verdict::Absent, Pending);
const NOT_STARTED: Outcome = (Verdict::NotStarted, Missing);
const NO_ANSWER: Outcome = (Verdict::Unreachable, Pending);
const NEVER_ANSWERED: Outcome = (Verdict::Unreachable, Unknown);
const DENIED: Outcome = (Verdict::Denied, Unknown);

const fn yet(verdict: Verdict) -> Outcome {
    (verdict, Pending)
}

const fn missing(verdict: Verdict) -> Outcome {
    (verdict, Missing)
}

/// Under any signal but green no digest was signalled, so `OtherDigest` is a proven image there.
const CELLS: [Cell; 45] = {
    use Said::{Cancelled, Failed, Green, Nothing, Pending};
    use Shown::{Absent, Denied, Incomplete, LacksPlatform, NotAnImage, OtherCommit, OtherDigest, Proven, Unreachable};
    use Verdict as V;
    [
        // registry, signal, in the first minute, all clocks but the timeout run out, time up
        (Proven, Nothing, READY, READY, READY),
        (Absent, Nothing, NOT_YET, NOT_STARTED, NOT_STARTED),
        (OtherCommit, Nothing, yet(V::WrongRevision), missing(V::WrongRevision), missing(V::WrongRevision)),
        (LacksPlatform, Nothing, yet(V::MissingPlatform), missing(V::MissingPlatform), missing(V::MissingPlatform)),
        (Incomplete, Nothing, yet(V::Incomplete), missing(V::Incomplete), missing(V::Incomplete)),
        (NotAnImage, Nothing, yet(V::NotAnImage), missing(V::NotAnImage), missing(V::NotAnImage)),
        (OtherDigest, Nothing, READY, READY, READY),
        (Denied, Nothing, NOT_YET, NOT_STARTED, NOT_STARTED),
        (Unreachable, Nothing, NO_ANSWER, NO_ANSWER, NEVER_ANSWERED),
        // A build that said that it runs is believed until the time is up.
        (Proven, Pending, BUILDING, BUILDING, READY),
        (Absent, Pending, BUILDING, BUILDING, BUILDING_TOO_LONG),
        (OtherCommit, Pending, BUILDING, BUILDING, BUILDING_TOO_LONG),
        (LacksPlatform, Pending, BUILDING, BUILDING, BUILDING_TOO_LONG),
        (Incomplete, Pending, BUILDING, BUILDING, BUILDING_TOO_LONG),
        (NotAnImage, Pending, BUILDING, BUILDING, BUILDING_TOO_LONG),
        (OtherDigest, Pending, BUILDING, BUILDING, READY),
        (Denied, Pending, BUILDING, BUILDING, BUILDING_TOO_LONG),
        (Unreachable, Pending, BUILDING, BUILDING, NEVER_ANSWERED),
        // A success that the registry does not show is final under its own name.
        (Proven, Green, READY, READY, READY),
        (Absent, Green, PUBLISHING, missing(V::Vanished), missing(V::Vanished)),
        (OtherCommit, Green, PUBLISHING, missing(V::WrongRevision), missing(V::WrongRevision)),
        (LacksPlatform, Green, PUBLISHING, missing(V::MissingPlatform), missing(V::MissingPlatform)),
        (Incomplete, Green, PUBLISHING, missing(V::Incomplete), missing(V::Incomplete)),
        (NotAnImage, Green, PUBLISHING, missing(V::NotAnImage), missing(V::NotAnImage)),
        (OtherDigest, Green, PUBLISHING, missing(V::OtherDigest), missing(V::OtherDigest)),
        (Denied, Green, PUBLISHING, DENIED, DENIED),
        (Unreachable, Green, NO_ANSWER, NO_ANSWER, NEVER_ANSWERED),
        // Red is a veto, whatever the registry shows.
        (Proven, Failed, FAILED, FAILED, FAILED),
        (Absent, Failed, FAILED, FAILED, FAILED),
        (OtherCommit, Failed, FAILED, FAILED, FAILED),
        (LacksPlatform, Failed, FAILED, FAILED, FAILED),
        (Incomplete, Failed, FAILED, FAILED, FAILED),
        (NotAnImage, Failed, FAILED, FAILED, FAILED),
        (OtherDigest, Failed, FAILED, FAILED, FAILED),
        (Denied, Failed, FAILED, FAILED, FAILED),
        (Unreachable, Failed, FAILED, FAILED, FAILED),
        (Proven, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (Absent, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (OtherCommit, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (LacksPlatform, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (Incomplete, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (NotAnImage, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (OtherDigest, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (Denied, Cancelled, CANCELLED, CANCELLED, CANCELLED),
        (Unreachable, Cancelled, CANCELLED, CANCELLED, CANCELLED),
    ]
};

/// The service of a cell, which said its word half a minute after this run's start.
fn cell(shown: Shown, said: Said) -> ImageEvidence {
    let image = service("api").shows(shown.sight());
    match said.state() {
        Some(state) => image.says(state, 30),
        None => image,
    }
}

fn both_platforms() -> Rules {
    Rules { platforms: Some(platforms(&[AMD, ARM])), ..waiting() }
}

#[test]
fn every_cell_has_its_verdict_before_and_after_the_time_is_up() {
    each(&CELLS, |(shown, said, first_minute, settled, time_up)| {
        let name = |when: &str| format!("{shown:?} × {said:?}, {when}");
        let image = cell(*shown, *said);
        let early = judged(image.clone(), &both_platforms(), MINUTE);
        expect(&name("in the first minute"), &outcome(&early), first_minute)?;
        let evidence = seen(&[image.clone().looked(3, 40)]).other_runs(OtherRuns::Idle);
        let late = decide(&evidence, &both_platforms(), at(10 * MINUTE)).judgements.remove(0);
        expect(&name("after ten minutes"), &outcome(&late), settled)?;
        expect(&name("time up"), &outcome(&judged(image, &both_platforms(), TIME_UP)), time_up)
    });
}

#[test]
fn no_cell_of_the_table_is_left_out() {
    for shown in Shown::ALL {
        for said in Said::ALL {
            let cells = CELLS.iter().filter(|cell| (cell.0, cell.1) == (shown, said)).count();
            assert_eq!(cells, 1, "{shown:?} × {said:?}");
        }
    }
}

#[test]
fn a_red_signal_says_whether_an_image_of_this_commit_is_there() {
    for (shown, there) in [(Shown::Proven, true), (Shown::Absent, false), (Shown::OtherCommit, false)] {
        for (said, class) in [(Said::Failed, "dockerfile"), (Said::Cancelled, "skipped")] {
            let reason = Reason::BuildEnded { class: class.into(), image_there: there, redo_possible: false };
            assert_eq!(judged(cell(shown, said), &both_platforms(), MINUTE).reason, reason, "{shown:?} × {said:?}");
        }
    }
}

#[test]
fn at_time_up_a_proven_image_whose_build_reported_no_end_counts_unless_the_last_end_was_red() {
    let redone_after = |state: Option<SignalState>| {
        let image = service("api").holds(built(&[AMD]));
        let image = match state {
            Some(state) => image.says(state, 10),
            None => image,
        };
        image.says(SignalState::Pending, 30)
    };
    let rows = [
        ("first build", None, READY),
        ("after a success", Some(green()), READY),
        ("after a failure", Some(failed()), FAILED),
        ("after a cancel", Some(cancelled()), FAILED),
    ];
    each(&rows, |(name, before, wanted)| {
        let image = redone_after(before.clone());
        expect(name, &outcome(&judged(image.clone(), &waiting(), TIME_UP - 1)), &BUILDING)?;
        expect(name, &outcome(&judged(image, &waiting(), TIME_UP)), wanted)
    });
    let ready = judged(redone_after(None), &waiting(), TIME_UP);
    assert_eq!((ready.end_not_reported(), ready.reason), (true, Reason::NoEndReported));
    let failed = judged(redone_after(Some(failed())), &waiting(), TIME_UP);
    let class = "dockerfile".into();
    assert_eq!(failed.reason, Reason::BuildEnded { class, image_there: true, redo_possible: false });
}

#[test]
fn a_first_look_that_never_ended_is_no_proof_of_absence() {
    for said in [Said::Nothing, Said::Pending, Said::Green] {
        let image = ImageEvidence { sight: None, first_look: None, ..cell(Shown::Absent, said) };
        assert_eq!(judged(image.clone(), &waiting(), 10 * MINUTE).standing, Pending, "{said:?}");
        assert_eq!(outcome(&judged(image, &waiting(), TIME_UP)), NEVER_ANSWERED, "{said:?}");
    }
}

#[test]
fn a_success_out_of_sight_is_final_after_three_looks_and_two_minutes_after_both_signal_and_first_look() {
    // name, signal at, looks, first look at, now, final?
    let rows = [
        ("two looks only", 30, 2, 40, 10 * MINUTE, false),
        ("three looks, two minutes after the signal only", 30, 3, 40, 159, false),
        ("three looks, two minutes after both", 30, 3, 40, 160, true),
        ("three looks, two minutes after the first look only", 100, 3, 40, 219, false),
        ("three looks, two minutes after a signal that came later", 100, 3, 40, 220, true),
        ("a signal of yesterday, looked at just now", -86_400, 3, 5, 124, false),
        ("a signal of yesterday, two minutes after the first look", -86_400, 3, 5, 125, true),
        ("more than three looks", 30, 17, 40, 160, true),
    ];
    let sights = [(Sight::Absent, missing(Verdict::Vanished)), (Shown::Denied.sight(), DENIED)];
    for (sight, ended) in sights {
        each(&rows, |(name, signal, looks, first, now, is_final)| {
            let image = service("api").shows(sight.clone()).says(green(), *signal).looked(*looks, *first);
            let judgement = judged(image, &waiting(), *now);
            let wanted = if *is_final { ended } else { PUBLISHING };
            expect(name, &outcome(&judgement), &wanted)?;
            let turns_at = at(*signal.max(first) + 120);
            expect(name, &judgement.turns_at, &(!is_final).then_some(turns_at))
        });
    }
}

#[test]
fn an_answer_that_is_none_never_becomes_final_by_looking_more_often() {
    let image = service("api").unreachable().says(green(), 30).looked(99, 40);
    assert_eq!(outcome(&judged(image, &waiting(), TIME_UP - 1)), NO_ANSWER);
}

#[test]
fn a_red_signal_older_than_this_waiting_run_is_final_only_a_grace_after_its_start() {
    let five = minutes(5);
    // name, waiting, signal at, grace, timeout, now, final?
    let rows = [
        ("older, in the grace", true, -1, five, minutes(45), 299, false),
        ("older, grace over", true, -1, five, minutes(45), 300, true),
        ("as old as the run", true, 0, five, minutes(45), 1, true),
        ("younger than the run", true, 30, five, minutes(45), 60, true),
        ("older, in a run that looks", false, -1, five, minutes(45), 60, true),
        ("older, no grace", true, -1, Duration::ZERO, minutes(45), 0, true),
        ("older, in the grace, time up", true, -1, five, minutes(1), 60, true),
    ];
    for (state, verdict) in [(failed(), Verdict::Failed), (cancelled(), Verdict::Cancelled)] {
        each(&rows, |(name, waiting_run, signal, start_grace, timeout, now, is_final)| {
            let (start_grace, timeout) = (*start_grace, *timeout);
            let rules = Rules { waiting: *waiting_run, start_grace, timeout, ..waiting() };
            let image = service("api").holds(built(&[AMD])).says(state.clone(), *signal);
            let judgement = judged(image, &rules, *now);
            expect(name, &outcome(&judgement), &(verdict, if *is_final { Missing } else { Pending }))?;
            expect(name, &judgement.turns_at, &(!is_final).then_some(at(300)))
        });
    }
    let redo = judged(service("api").says(failed(), -1), &waiting(), 60).reason;
    let class = "dockerfile".into();
    assert_eq!(redo, Reason::BuildEnded { class, image_there: false, redo_possible: true });
}

#[test]
fn the_grace_runs_from_the_later_of_the_first_signal_and_when_waiting_this_runs_start() {
    let look = looking();
    let wait = waiting();
    // name, rules, triggered, first signal at this tag, the second at which the grace is over
    let rows = [
        ("waiting, no signal", &wait, None, None, 300),
        ("waiting, a signal before the start", &wait, None, Some(-3600), 300),
        ("waiting, a signal after the start", &wait, None, Some(120), 420),
        ("waiting, the trigger does not count", &wait, Some(-600), None, 300),
        ("looking, from the first signal", &look, Some(-3), Some(-60), 240),
        ("looking, the start does not count", &look, None, Some(-200), 100),
        // A look at a tag without any signal counts from its trigger, else from its own start.
        ("looking, no signal, from the trigger", &look, Some(-100), None, 200),
        ("looking, no signal, no trigger", &look, None, None, 300),
    ];
    each(&rows, |(name, rules, triggered, first, over)| {
        let evidence = Evidence {
            triggered: triggered.map(at),
            first_signal: first.map(at),
            newest_signal: first.map(at),
            other_runs: OtherRuns::Idle,
            ..seen(&[service("api")])
        };
        let judge = |second| decide(&evidence, rules, at(second)).judgements.remove(0);
        let before = judge(over - 1);
        expect(name, &(outcome(&before), before.in_start_grace), &(NOT_YET, true))?;
        expect(name, &before.turns_at, &Some(at(*over)))?;
        expect(name, &outcome(&judge(*over)), &NOT_STARTED)
    });
}

#[test]
fn a_service_is_not_started_only_when_nothing_else_runs_for_the_commit_or_the_time_is_up() {
    let absent = (Verdict::Absent, Missing);
    // other runs, grace over, in_start_grace then, time up
    let rows = [
        (OtherRuns::NotAsked, NOT_YET, true, NOT_STARTED),
        (OtherRuns::Active, NOT_YET, false, absent),
        (OtherRuns::Idle, NOT_STARTED, false, NOT_STARTED),
        (OtherRuns::Unreadable, NOT_YET, false, NOT_STARTED),
    ];
    for shown in [Shown::Absent, Shown::Denied] {
        each(&rows, |(other_runs, grace_over, in_grace, time_up)| {
            let name = format!("{shown:?}, {other_runs:?}");
            let evidence = seen(&[cell(shown, Said::Nothing)]).other_runs(*other_runs);
            let judge = |second| decide(&evidence, &waiting(), at(second)).judgements.remove(0);
            let judgement = judge(10 * MINUTE);
            expect(&name, &(outcome(&judgement), judgement.in_start_grace), &(*grace_over, *in_grace))?;
            expect(&name, &outcome(&judge(TIME_UP)), time_up)
        });
    }
}

#[test]
fn a_grace_of_zero_is_off() {
    let rules = Rules { start_grace: Duration::ZERO, ..waiting() };
    let evidence = seen(&[service("api")]).other_runs(OtherRuns::Idle);
    let judge = |second| decide(&evidence, &rules, at(second)).judgements.remove(0);
    let last = judge(TIME_UP - 1);
    assert_eq!((outcome(&last), last.in_start_grace, last.turns_at), (NOT_YET, false, None));
    assert_eq!(outcome(&judge(TIME_UP)), NOT_STARTED);
}

#[test]
fn the_reason_of_an_absent_image_says_what_is_known() {
    let reason = |image: ImageEvidence, other_runs, second| {
        decide(&seen(&[image]).other_runs(other_runs), &waiting(), at(second)).judgements.remove(0).reason
    };
    assert_eq!(reason(service("api"), OtherRuns::NotAsked, MINUTE), Reason::NothingYet);
    assert_eq!(reason(service("api"), OtherRuns::Idle, 300), Reason::NothingRuns { runs_active: false });
    assert_eq!(reason(service("api"), OtherRuns::Active, TIME_UP), Reason::NothingRuns { runs_active: true });

    let elsewhere = Some("ghcr.io/octo/shop/api:v1.0.0".parse().unwrap());
    let under_the_tag = ImageEvidence { elsewhere: elsewhere.clone(), ..service("api") };
    let told = Reason::Flaw { flaw: Flaw::Absent { elsewhere }, signalled: false };
    for second in [MINUTE, 300, TIME_UP] {
        assert_eq!(reason(under_the_tag.clone(), OtherRuns::Idle, second), told, "{second}");
    }
    let denied = Reason::Flaw { flaw: Flaw::Denied("403".into()), signalled: false };
    for second in [MINUTE, 300, TIME_UP] {
        assert_eq!(reason(cell(Shown::Denied, Said::Nothing), OtherRuns::Idle, second), denied, "{second}");
    }
}

#[test]
fn a_judgement_names_the_run_of_the_newest_signal() {
    assert_eq!(
        judged(cell(Shown::Absent, Said::Failed), &waiting(), 60).run.map(|run| (run.id, run.attempt)),
        Some((7, 1))
    );
    assert_eq!(judged(cell(Shown::Absent, Said::Nothing), &waiting(), 60).run, None);
}
