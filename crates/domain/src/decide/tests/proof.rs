//! What an image that is there is worth: `revision`, `platforms`, the signalled digest.

use RevisionPolicy::{Auto, Off, Require};

use super::*;

const FOREIGN: &str = "https://github.com/alpine/base";

/// What an image that is there is worth, in short.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Worth {
    Proven,
    CommitNotProven,
    Flawed(Verdict),
}

use Worth::{CommitNotProven, Flawed, Proven};

/// What `image` is worth under the newest signal, once all clocks but the timeout have run.
fn worth(image: &ImageFacts, signal: Option<SignalState>, rules: &Rules) -> Worth {
    let service = service("api").holds(image.clone()).looked(3, 40);
    let service = match signal {
        Some(state) => service.says(state, 30),
        None => service,
    };
    let judgement = judged(service, rules, 10 * MINUTE);
    match (judgement.standing, judgement.commit_not_proven()) {
        (Standing::Ready, false) => Proven,
        (Standing::Ready, true) => CommitNotProven,
        (Standing::Pending | Standing::Missing | Standing::Unknown, _) => Flawed(judgement.verdict),
    }
}

fn by(revision: RevisionPolicy) -> Rules {
    Rules { revision, ..waiting() }
}

fn wanting(names: &[&str]) -> Rules {
    Rules { platforms: Some(platforms(names)), ..waiting() }
}

/// Under `require`, `auto` and `off`; first without a signal, then under a green one that names the digest.
type ByPolicy = [[Worth; 3]; 2];

const WRONG: Worth = Flawed(Verdict::WrongRevision);
const NAMES_IT: ByPolicy = [[Proven, Proven, Proven], [Proven, Proven, Proven]];
const NAMES_ANOTHER: ByPolicy = [[WRONG, WRONG, Proven], [WRONG, WRONG, Proven]];
const NAMES_NONE: ByPolicy = [[WRONG, CommitNotProven, Proven], [WRONG, Proven, Proven]];
/// A foreign label counts as none under `auto` only.
const FOREIGN_NAMES_IT: ByPolicy = [[Proven, CommitNotProven, Proven], [Proven, Proven, Proven]];
const OWN_BESIDE_FOREIGN: ByPolicy = [[WRONG, Proven, Proven], [WRONG, Proven, Proven]];

#[test]
fn the_revision_counts_as_the_input_says() {
    let both = || unlabelled(&[AMD, ARM]);
    let one = || unlabelled(&[AMD]);
    let index = ClaimPlace::Index;
    let (descriptor, manifest) =
        (ClaimPlace::Descriptor(AMD.parse().unwrap()), ClaimPlace::Manifest(ARM.parse().unwrap()));
    let here = Some(SHOP);
    let rows = [
        ("labelled", built(&[AMD, ARM]), NAMES_IT),
        ("in capitals", both().claim(index.clone(), &COMMIT.to_uppercase(), None), NAMES_IT),
        ("the index covers every platform", both().claim(index.clone(), COMMIT, None), NAMES_IT),
        (
            "each platform at another place",
            both().claim(descriptor.clone(), COMMIT, None).claim(manifest, COMMIT, None),
            NAMES_IT,
        ),
        ("none", both(), NAMES_NONE),
        ("none, and no platform to name it", unlabelled(&[]), NAMES_NONE),
        ("one platform names it, the other is silent", both().label(AMD, COMMIT, here), NAMES_NONE),
        ("a stale tag", both().label(AMD, OTHER_COMMIT, here).label(ARM, OTHER_COMMIT, here), NAMES_ANOTHER),
        ("a stale label without a source", one().label(AMD, OTHER_COMMIT, None), NAMES_ANOTHER),
        ("a shortened commit", one().label(AMD, &COMMIT[..7], here), NAMES_ANOTHER),
        ("the platforms disagree", both().label(AMD, COMMIT, here).label(ARM, OTHER_COMMIT, here), NAMES_ANOTHER),
        ("index and labels disagree", built(&[AMD, ARM]).claim(index.clone(), OTHER_COMMIT, None), NAMES_ANOTHER),
        ("inherited from a base image", one().label(AMD, OTHER_COMMIT, Some(FOREIGN)), NAMES_NONE),
        ("inherited, and by chance this commit", one().label(AMD, COMMIT, Some(FOREIGN)), FOREIGN_NAMES_IT),
        (
            "inherited beside an annotation of its own",
            both().label(AMD, OTHER_COMMIT, Some(FOREIGN)).claim(index.clone(), COMMIT, here),
            OWN_BESIDE_FOREIGN,
        ),
        ("an annotation is never inherited", one().claim(index, OTHER_COMMIT, Some(FOREIGN)), NAMES_ANOTHER),
        ("nor a descriptor's", one().claim(descriptor, OTHER_COMMIT, Some(FOREIGN)), NAMES_ANOTHER),
        (
            "this repository, otherwise written",
            one().label(AMD, OTHER_COMMIT, Some("https://GitHub.com/Octo/Shop.git/")),
            NAMES_ANOTHER,
        ),
        ("a longer repository name", one().label(AMD, OTHER_COMMIT, Some(&format!("{SHOP}ping"))), NAMES_NONE),
    ];
    each(&rows, |(name, image, [unsignalled, signalled])| {
        let by_policy = |signal: Option<SignalState>| {
            [Require, Auto, Off].map(|revision| worth(image, signal.clone(), &by(revision)))
        };
        expect(name, &by_policy(None), unsignalled)?;
        expect(&format!("{name}, green"), &by_policy(Some(green())), signalled)
    });
}

#[test]
fn an_image_that_names_no_commit_is_accepted_only_by_its_signalled_digest_or_without_any_signal() {
    let silent = unlabelled(&[AMD]);
    let green_without_digest = SignalState::Green { digest: None, platforms: vec![] };
    assert_eq!(worth(&silent, Some(green_without_digest.clone()), &waiting()), Flawed(Verdict::WrongRevision));
    assert_eq!(worth(&silent, Some(green_without_digest), &by(Off)), Proven);

    // A build that announced itself and went silent ties nothing to the commit: the image may be an old one.
    let at_time_up = |image: ImageEvidence| judged(image.says(SignalState::Pending, 30), &waiting(), TIME_UP);
    let unfinished = at_time_up(service("api").holds(silent.clone()));
    assert_eq!(outcome(&unfinished), (Verdict::Building, Standing::Missing));
    // An earlier success that named this very digest does; one that named another does not.
    let built_before = at_time_up(service("api").holds(silent.clone()).says(green(), 10));
    assert_eq!(outcome(&built_before), (Verdict::Ready, Standing::Ready));
    assert!(!built_before.commit_not_proven());
    let moved = ImageFacts { digest: Digest::sha256(b"built again"), ..silent.clone() };
    let moved = at_time_up(service("api").holds(moved).says(green(), 10));
    assert_eq!(outcome(&moved), (Verdict::Building, Standing::Missing));

    let red = judged(service("api").holds(silent).says(failed(), 30), &waiting(), MINUTE).reason;
    let class = "dockerfile".into();
    assert_eq!(red, Reason::BuildEnded { class, image_there: false, redo_possible: false });
}

#[test]
fn the_platforms_are_those_of_the_input_else_of_the_green_signal_else_any() {
    const LACKS: Worth = Flawed(Verdict::MissingPlatform);
    let amd = || built(&[AMD]);
    let both = || built(&[AMD, ARM]);
    let rows = [
        ("any, no signal", amd(), None, waiting(), Proven),
        ("any, the signal names none", amd(), Some(green()), waiting(), Proven),
        ("the signal names more than is there", amd(), Some(green_for(&[AMD, ARM])), waiting(), LACKS),
        ("the signal names what is there", both(), Some(green_for(&[AMD, ARM])), waiting(), Proven),
        ("more is there than the signal names", both(), Some(green_for(&[ARM])), waiting(), Proven),
        ("the input wants more than is there", amd(), None, wanting(&[AMD, ARM]), LACKS),
        ("the input beats a signal that names less", amd(), Some(green_for(&[AMD])), wanting(&[AMD, ARM]), LACKS),
        ("the input beats a signal that names more", amd(), Some(green_for(&[AMD, ARM])), wanting(&[AMD]), Proven),
        ("a variant is a platform of its own", built(&["linux/arm/v7"]), None, wanting(&["linux/arm/v6"]), LACKS),
        ("arm64 and arm64/v8 are one", built(&[ARM]), None, wanting(&["linux/arm64/v8"]), Proven),
    ];
    each(&rows, |(name, image, signal, rules, wanted)| expect(name, &worth(image, signal.clone(), rules), wanted));

    let lacking = judged(service("api").holds(amd()), &wanting(&[ARM, AMD]), MINUTE).reason;
    let flaw = Flaw::LacksPlatforms { missing: platforms(&[ARM]), there: platforms(&[AMD]) };
    assert_eq!(lacking, Reason::Flaw { flaw, signalled: false });
}

#[test]
fn only_wanted_platforms_must_be_complete() {
    const INCOMPLETE: Worth = Flawed(Verdict::Incomplete);
    let broken = || built(&[AMD, ARM]).child(ARM, ChildState::Broken("404".into()));
    let unasked = || built(&[AMD, ARM]).child(ARM, ChildState::NotLookedAt);
    let rows = [
        ("any: all that are there", broken(), None, waiting(), INCOMPLETE),
        ("wanted by the input", broken(), None, wanting(&[ARM]), INCOMPLETE),
        ("wanted by the signal", broken(), Some(green_for(&[AMD, ARM])), waiting(), INCOMPLETE),
        ("not wanted by the input", broken(), None, wanting(&[AMD]), Proven),
        ("not wanted by the signal", broken(), Some(green_for(&[AMD])), waiting(), Proven),
        ("not wanted and not looked at", unasked(), None, wanting(&[AMD]), Proven),
        ("wanted and not looked at: no verdict yet", unasked(), None, wanting(&[ARM]), Flawed(Verdict::Unreachable)),
    ];
    each(&rows, |(name, image, signal, rules, wanted)| expect(name, &worth(image, signal.clone(), rules), wanted));
}

#[test]
fn an_unwanted_platform_need_not_name_the_commit_but_may_not_name_another() {
    let silent_arm = unlabelled(&[AMD, ARM]).label(AMD, COMMIT, Some(SHOP));
    let require = |rules: Rules| Rules { revision: Require, ..rules };
    assert_eq!(worth(&silent_arm, None, &require(wanting(&[AMD]))), Proven);
    assert_eq!(worth(&silent_arm, None, &require(wanting(&[AMD, ARM]))), Flawed(Verdict::WrongRevision));
    let stale_arm = silent_arm.label(ARM, OTHER_COMMIT, Some(SHOP));
    assert_eq!(worth(&stale_arm, None, &wanting(&[AMD])), Flawed(Verdict::WrongRevision));
}

#[test]
fn the_tag_must_resolve_to_the_digest_that_the_signal_names() {
    let other = || Some(SignalState::Green { digest: Some(Digest::sha256(b"said")), platforms: vec![] });
    for policy in [Require, Auto, Off] {
        assert_eq!(worth(&built(&[AMD]), other(), &by(policy)), Flawed(Verdict::OtherDigest), "{policy:?}");
    }
    assert_eq!(worth(&unlabelled(&[AMD]), other(), &waiting()), Flawed(Verdict::OtherDigest));
    let unnamed = SignalState::Green { digest: None, platforms: vec![] };
    assert_eq!(worth(&built(&[AMD]), Some(unnamed), &by(Require)), Proven);
    let reason = judged(service("api").holds(built(&[AMD])).says(other().unwrap(), 30), &waiting(), MINUTE).reason;
    let flaw = Flaw::OtherDigest { signalled: Digest::sha256(b"said"), found: digest() };
    assert_eq!(reason, Reason::Flaw { flaw, signalled: true });
}

#[test]
fn a_proof_holds_what_was_proven() {
    let proof = |image, rules: &Rules| judged(service("api").holds(image), rules, MINUTE).proof.unwrap();
    let named = proof(built(&[AMD, ARM]), &waiting());
    let wanted = Proof {
        digest: digest(),
        platforms: platforms(&[AMD, ARM]),
        revision: Some(COMMIT.into()),
        commit_proven: true,
    };
    assert_eq!(named, wanted);
    let silent = proof(unlabelled(&[AMD]), &waiting());
    assert_eq!((silent.revision, silent.commit_proven), (None, false));
    let not_asked = proof(unlabelled(&[AMD]).label(AMD, OTHER_COMMIT, None), &by(Off));
    assert_eq!((not_asked.revision, not_asked.commit_proven), (None, true));
    assert_eq!(judged(service("api").holds(unlabelled(&[AMD])), &by(Require), MINUTE).proof, None);
}
