//! What the decision must say, written from the rules (README, "What it looks at") and not from the code: `matrix`
//! holds the verdict of one image cell by cell, `proof` what an image that is there is worth, `release` the decision
//! over all images and whole stories, and `properties` what holds for whatever was seen. All times are seconds since
//! this run's start.

mod matrix;
mod proof;
mod properties;
mod release;

use super::*;
use crate::evidence::{Child, ChildState, ClaimPlace, ImageFacts, RevisionClaim};
use crate::signal::{Signal, SignalState};

const COMMIT: &str = "c0ffee0123456789c0ffee0123456789c0ffee01";
const OTHER_COMMIT: &str = "badc0de123456789badc0de123456789badc0de1";
const SHOP: &str = "https://github.com/octo/shop";
const AMD: &str = "linux/amd64";
const ARM: &str = "linux/arm64";
const MINUTE: i64 = 60;
const TIME_UP: i64 = 45 * MINUTE;

/// A moment, in seconds since this run's start.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// The digest of the image that stands in the registry, see [`built`].
fn digest() -> Digest {
    Digest::sha256(b"as built")
}

/// A run that waits, with every input at its default.
fn waiting() -> Rules {
    Rules {
        repository: "octo/shop".parse().unwrap(),
        repository_url: SHOP.into(),
        commit: COMMIT.parse().unwrap(),
        revision: RevisionPolicy::Auto,
        platforms: None,
        on_missing: OnMissing::Partial,
        waiting: true,
        timeout: minutes(45),
        start_grace: minutes(5),
    }
}

/// A run that looks once, with every input at its default.
fn looking() -> Rules {
    Rules { waiting: false, ..waiting() }
}

/// An image for these platforms that names no commit.
fn unlabelled(names: &[&str]) -> ImageFacts {
    let child = |platform| Child { platform, digest: Digest::sha256(b"child"), state: ChildState::Present };
    ImageFacts { digest: digest(), children: platforms(names).into_iter().map(child).collect(), claims: vec![] }
}

/// An image for these platforms, labelled as build-and-signal labels it.
fn built(names: &[&str]) -> ImageFacts {
    names.iter().fold(unlabelled(names), |image, platform| image.label(platform, COMMIT, Some(SHOP)))
}

impl ImageFacts {
    fn claim(mut self, place: ClaimPlace, revision: &str, source: Option<&str>) -> Self {
        self.claims.push(RevisionClaim { revision: revision.into(), source: source.map(Into::into), place });
        self
    }

    fn label(self, platform: &str, revision: &str, source: Option<&str>) -> Self {
        self.claim(ClaimPlace::ConfigLabel(platform.parse().unwrap()), revision, source)
    }

    fn child(mut self, platform: &str, state: ChildState) -> Self {
        let platform = platform.parse().unwrap();
        self.children.iter_mut().find(|child| child.platform == platform).unwrap().state = state;
        self
    }
}

/// A required service that this run has looked for once, at second 40, and found nothing of.
fn service(name: &str) -> ImageEvidence {
    ImageEvidence {
        service: name.parse().unwrap(),
        required: true,
        reference: format!("ghcr.io/octo/shop/{name}:1.0.0").parse().unwrap(),
        platforms: None,
        sight: Some(Sight::Absent),
        first_look: Some(at(40)),
        looks_since_signal: 1,
        elsewhere: None,
        signals: ServiceSignals::default(),
    }
}

impl ImageEvidence {
    fn shows(self, sight: Sight) -> Self {
        Self { sight: Some(sight), ..self }
    }

    fn holds(self, image: ImageFacts) -> Self {
        self.shows(Sight::Image(image))
    }

    fn unreachable(self) -> Self {
        self.shows(Sight::Unreachable { why: "503".into() })
    }

    fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    fn looked(self, times: u32, first: i64) -> Self {
        Self { looks_since_signal: times, first_look: Some(at(first)), ..self }
    }

    /// Its newest signal, written at that second.
    fn says(mut self, state: SignalState, second: i64) -> Self {
        let run = RunAttempt { id: 7, attempt: 1, url: format!("{SHOP}/actions/runs/7/attempts/1") };
        let signal = Signal { state, run, at: at(second) };
        if signal.state.is_finished() {
            self.signals.last_finished = Some(signal.clone());
        }
        self.signals.newest = Some(signal);
        self
    }

    /// Its signal is green and its image is there.
    fn done(self, second: i64) -> Self {
        self.says(green(), second).holds(built(&[AMD]))
    }
}

/// A success that names the digest that stands in the registry.
fn green() -> SignalState {
    green_for(&[])
}

fn green_for(names: &[&str]) -> SignalState {
    SignalState::Green { digest: Some(digest()), platforms: platforms(names) }
}

fn failed() -> SignalState {
    SignalState::Failed { class: "dockerfile".into() }
}

fn cancelled() -> SignalState {
    SignalState::Cancelled { class: "skipped".into() }
}

/// What a run that nothing triggered sees of these services.
fn seen(images: &[ImageEvidence]) -> Evidence {
    let signals = || {
        let of = |image: &ImageEvidence| [image.signals.newest.clone(), image.signals.last_finished.clone()];
        images.iter().flat_map(of).flatten().map(|signal| signal.at)
    };
    Evidence {
        images: images.to_vec(),
        started: at(0),
        triggered: None,
        first_signal: signals().min(),
        newest_signal: signals().max(),
        other_runs: OtherRuns::NotAsked,
    }
}

impl Evidence {
    fn other_runs(self, other_runs: OtherRuns) -> Self {
        Self { other_runs, ..self }
    }
}

/// The judgement of a service that is alone at its tag.
fn judged(image: ImageEvidence, rules: &Rules, second: i64) -> Judgement {
    decide(&seen(&[image]), rules, at(second)).judgements.remove(0)
}

fn outcome(judgement: &Judgement) -> (Verdict, Standing) {
    (judgement.verdict, judgement.standing)
}

/// Runs the check of each row of a table, and names all rows that fail, not only the first.
fn each<'a, Row: 'a>(rows: impl IntoIterator<Item = &'a Row>, check: impl Fn(&Row) -> Result<(), String>) {
    let failures: Vec<String> = rows.into_iter().filter_map(|row| check(row).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn expect<T: PartialEq + std::fmt::Debug>(name: &str, got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{name}: got {got:?}, wanted {wanted:?}")) }
}
