//! What holds whatever was seen, under whatever rules, at whatever moment.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Moments around the run's start, with the ones at which clocks turn among them.
fn second() -> impl Strategy<Value = i64> {
    prop_oneof![select(vec![-3600, -300, -1, 0, 1, 30, 40, 120, 160, 300, TIME_UP - 1, TIME_UP]), -7200_i64..7200]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        select(vec![Duration::ZERO, minutes(5), minutes(45), Duration::MAX]),
        (0_u64..7200).prop_map(Duration::from_secs)
    ]
}

fn sight() -> impl Strategy<Value = Option<Sight>> {
    let stale = unlabelled(&[AMD]).label(AMD, OTHER_COMMIT, Some(SHOP));
    let moved = ImageFacts { digest: Digest::sha256(b"built again"), ..built(&[AMD]) };
    let broken = built(&[AMD, ARM]).child(ARM, ChildState::Broken("404".into()));
    let unasked = built(&[AMD, ARM]).child(ARM, ChildState::NotLookedAt);
    let images = vec![unlabelled(&[AMD]), stale, moved, broken, unasked];
    let others = vec![
        Sight::Absent,
        Sight::NotAnImage { why: "a Helm chart".into() },
        Sight::Denied { why: "403".into() },
        Sight::Unreachable { why: "503".into() },
    ];
    prop_oneof![
        4 => select(vec![built(&[AMD]), built(&[AMD, ARM])]).prop_map(|image| Some(Sight::Image(image))),
        3 => select(images).prop_map(|image| Some(Sight::Image(image))),
        3 => select(others).prop_map(Some),
        1 => Just(None),
    ]
}

fn signal() -> impl Strategy<Value = Option<(SignalState, i64)>> {
    let unnamed = SignalState::Green { digest: None, platforms: vec![] };
    let states = vec![SignalState::Pending, green(), green_for(&[AMD, ARM]), unnamed, failed(), cancelled()];
    prop::option::of((select(states), second()))
}

prop_compose! {
    fn image()(
        required in prop::bool::weighted(0.7), sight in sight(), earlier in signal(), newest in signal(),
        first_look in prop::option::of(second()), looks in 0_u32..5,
    ) -> ImageEvidence {
        let image = ImageEvidence {
            required, sight, first_look: first_look.map(at), looks_since_signal: looks, ..service("api")
        };
        [earlier, newest].into_iter().flatten().fold(image, |image, (state, second)| image.says(state, second))
    }
}

prop_compose! {
    fn evidence()(
        images in prop::collection::vec(image(), 0..5), triggered in prop::option::of(second()),
        other_runs in select(vec![OtherRuns::NotAsked, OtherRuns::Active, OtherRuns::Idle, OtherRuns::Unreadable]),
    ) -> Evidence {
        Evidence { triggered: triggered.map(at), other_runs, ..seen(&images) }
    }
}

prop_compose! {
    fn rules()(
        revision in select(vec![RevisionPolicy::Require, RevisionPolicy::Auto, RevisionPolicy::Off]),
        wanted in prop::option::of(select(vec![platforms(&[AMD]), platforms(&[AMD, ARM])])),
        on_missing in select(vec![OnMissing::Partial, OnMissing::Draft, OnMissing::Fail, OnMissing::None]),
        waits in any::<bool>(), timeout in span(), start_grace in span(),
    ) -> Rules {
        Rules { revision, platforms: wanted, on_missing, waiting: waits, timeout, start_grace, ..waiting() }
    }
}

/// A required image that may stand in a full release, told from the evidence and not from the verdict.
fn may_be_released(image: &ImageEvidence, rules: &Rules) -> bool {
    let Some(Sight::Image(facts)) = &image.sight else { return false };
    let stale = facts.claims.iter().any(|claim| claim.revision != COMMIT);
    let newest = image.signals.newest.as_ref().map(|signal| &signal.state);
    let moved = match newest {
        Some(SignalState::Green { digest: Some(signalled), .. }) => *signalled != facts.digest,
        _ => false,
    };
    let lacks = |platform: &Platform| !facts.children.iter().any(|child| child.platform == *platform);
    let red = newest.is_some_and(SignalState::is_red);
    !red && !moved
        && (rules.revision == RevisionPolicy::Off || !stale)
        && (rules.revision != RevisionPolicy::Require || !facts.claims.is_empty())
        && !rules.platforms.iter().flatten().any(lacks)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_decision_depends_on_nothing_but_its_arguments(
        evidence in evidence(), rules in rules(), now in second(),
    ) {
        prop_assert_eq!(decide(&evidence, &rules, at(now)), decide(&evidence.clone(), &rules.clone(), at(now)));
    }

    #[test]
    fn the_order_of_the_services_changes_nothing(evidence in evidence(), rules in rules(), now in second()) {
        let turned = Evidence { images: evidence.images.iter().rev().cloned().collect(), ..evidence.clone() };
        prop_assert_eq!(decide(&evidence, &rules, at(now)).next, decide(&turned, &rules, at(now)).next);
    }

    #[test]
    fn a_full_release_holds_every_required_image_proven(evidence in evidence(), rules in rules(), now in second()) {
        let decision = decide(&evidence, &rules, at(now));
        let required = || decision.judgements.iter().filter(|judgement| judgement.required);
        if decision.next == Next::Release(Completeness::Full) {
            prop_assert!(required().all(|judgement| judgement.standing == Standing::Ready && judgement.proof.is_some()));
            let images = evidence.images.iter().filter(|image| image.required);
            for image in images {
                prop_assert!(may_be_released(image, &rules), "{:?}", image);
            }
        }
    }

    #[test]
    fn a_partial_release_lacks_a_required_image_and_leaves_none_in_doubt(
        evidence in evidence(), rules in rules(), now in second(),
    ) {
        let decision = decide(&evidence, &rules, at(now));
        let standings = || decision.judgements.iter().filter(|judgement| judgement.required).map(|one| one.standing);
        if decision.next == Next::Release(Completeness::Partial) {
            prop_assert!(standings().any(|standing| standing == Standing::Missing));
            prop_assert!(standings().all(|standing| matches!(standing, Standing::Missing | Standing::Ready)));
            prop_assert!(decision.judgements.iter().any(|judgement| judgement.standing == Standing::Ready));
        }
    }

    #[test]
    fn a_run_ends_at_its_deadline(evidence in evidence(), rules in rules(), now in second(), late in 0_i64..7200) {
        let deadline = decide(&evidence, &rules, at(now)).deadline;
        let late = jiff::SignedDuration::from_secs(late);
        let decision = decide(&evidence, &rules, deadline.saturating_add(late).unwrap_or(deadline));
        let goes_on = matches!(decision.next, Next::Wait { .. } | Next::AskOtherRuns | Next::Pending);
        prop_assert!(!goes_on, "{:?}", decision.next);
        prop_assert!(decision.judgements.iter().all(|judgement| judgement.standing != Standing::Pending));
    }

    #[test]
    fn a_wait_is_for_a_later_moment_and_never_beyond_the_deadline(
        evidence in evidence(), rules in rules(), now in second(),
    ) {
        let decision = decide(&evidence, &rules, at(now));
        if let Next::Wait { until } = decision.next {
            prop_assert!(at(now) < until && until <= decision.deadline);
            prop_assert!(rules.waiting || decision.judgements.iter().any(|judgement| judgement.in_start_grace));
        }
    }

    #[test]
    fn other_runs_are_asked_about_only_once(
        evidence in evidence(), rules in rules(), now in second(),
    ) {
        if decide(&evidence, &rules, at(now)).next == Next::AskOtherRuns {
            prop_assert_eq!(evidence.other_runs, OtherRuns::NotAsked);
            for answer in [OtherRuns::Active, OtherRuns::Idle, OtherRuns::Unreadable] {
                let next = decide(&evidence.clone().other_runs(answer), &rules, at(now)).next;
                prop_assert_ne!(next, Next::AskOtherRuns);
            }
        }
    }

    #[test]
    fn one_more_ready_image_never_turns_a_release_into_nothing(
        evidence in evidence(), rules in rules(), now in second(), required in any::<bool>(),
    ) {
        let before = decide(&evidence, &rules, at(now)).next;
        let ready = ImageEvidence { required, ..service("one-more").holds(built(&[AMD, ARM])) };
        let more = Evidence { images: [evidence.images.clone(), vec![ready]].concat(), ..evidence };
        let after = decide(&more, &rules, at(now)).next;
        prop_assert_ne!(&after, &Next::NothingReady);
        if matches!(before, Next::Release(_)) {
            prop_assert_eq!(after, before);
        }
    }
}
