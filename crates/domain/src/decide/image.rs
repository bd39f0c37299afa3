//! The verdict of one image: rows are what the registry shows, columns the newest signal of its service.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::proof::{Check, Signalled, check};
use super::{
    Evidence, Flaw, ImageEvidence, Judgement, LAG_AFTER_SUCCESS, LOOKS_AFTER_SUCCESS, OtherRuns, Proof, Reason, Rules,
    Standing, Verdict,
};
use crate::evidence::Sight;
use crate::image::Digest;
use crate::signal::{ServiceSignals, Signal, SignalState};

/// A row of the matrix.
enum Shown {
    NotLooked,
    Proven(Proof),
    Flawed(Flaw),
}

/// A cell of the matrix.
struct Cell {
    verdict: Verdict,
    standing: Standing,
    reason: Reason,
    turns_at: Option<Timestamp>,
    in_start_grace: bool,
}

impl Cell {
    fn new(verdict: Verdict, standing: Standing, reason: Reason) -> Self {
        Self { verdict, standing, reason, turns_at: None, in_start_grace: false }
    }

    fn turning_at(self, at: Timestamp) -> Self {
        Self { turns_at: Some(at), ..self }
    }
}

/// What all cells of one image depend on.
struct Moment<'a> {
    image: &'a ImageEvidence,
    evidence: &'a Evidence,
    rules: &'a Rules,
    now: Timestamp,
    time_up: bool,
}

/// A moment `wait` after `from`; the end of time when that cannot be expressed.
pub(super) fn after(from: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| from.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// When a service without any sign of life counts as not started: the grace after the later of the tag's first signal
/// and, when waiting, this run's start. A look at a tag without any signal counts from its trigger.
pub(super) fn grace_end(evidence: &Evidence, rules: &Rules) -> Timestamp {
    let own_start = if rules.waiting { evidence.started } else { evidence.triggered.unwrap_or(evidence.started) };
    let from = match evidence.first_signal {
        Some(first) if rules.waiting => first.max(own_start),
        Some(first) => first,
        None => own_start,
    };
    after(from, rules.start_grace)
}

/// The verdict of `image`, `now`.
pub fn judge(image: &ImageEvidence, evidence: &Evidence, rules: &Rules, now: Timestamp, time_up: bool) -> Judgement {
    let moment = Moment { image, evidence, rules, now, time_up };
    let newest = image.signals.newest.as_ref();
    let shown = moment.shown();
    let proof = match &shown {
        Shown::Proven(proof) => Some(proof.clone()),
        Shown::NotLooked | Shown::Flawed(_) => None,
    };
    let cell = match newest.map(|signal| (signal, &signal.state)) {
        None => moment.without_signal(shown),
        Some((_, SignalState::Pending)) => moment.building(shown),
        Some((signal, SignalState::Green { .. })) => moment.green(shown, signal),
        Some((signal, SignalState::Failed { class })) => moment.red(&shown, signal, class, Verdict::Failed),
        Some((signal, SignalState::Cancelled { class })) => moment.red(&shown, signal, class, Verdict::Cancelled),
    };
    Judgement {
        service: image.service.clone(),
        required: image.required,
        reference: image.reference.clone(),
        verdict: cell.verdict,
        standing: cell.standing,
        reason: cell.reason,
        proof,
        run: newest.map(|signal| signal.run.clone()),
        turns_at: cell.turns_at,
        in_start_grace: cell.in_start_grace,
    }
}

impl Moment<'_> {
    fn shown(&self) -> Shown {
        let ServiceSignals { newest, last_finished } = &self.image.signals;
        let signalled = Signalled {
            digest: named_by(newest.as_ref()),
            wanted: self.image.wanted_platforms(self.rules.platforms.as_deref()),
            last_digest: named_by(last_finished.as_ref()),
            any: newest.is_some(),
        };
        match &self.image.sight {
            None => Shown::NotLooked,
            Some(Sight::Image(facts)) => match check(facts, signalled, self.rules.origin()) {
                Check::Proven(proof) => Shown::Proven(proof),
                Check::Flawed(flaw) => Shown::Flawed(flaw),
                Check::LookAgain => Shown::NotLooked,
            },
            Some(Sight::Absent) => Shown::Flawed(Flaw::Absent { elsewhere: self.image.elsewhere.clone() }),
            Some(Sight::NotAnImage { why }) => Shown::Flawed(Flaw::NotAnImage(why.clone())),
            Some(Sight::Denied { why }) => Shown::Flawed(Flaw::Denied(why.clone())),
            Some(Sight::Unreachable { why }) => Shown::Flawed(Flaw::Unreachable(why.clone())),
        }
    }

    fn without_signal(&self, shown: Shown) -> Cell {
        let flaw = match shown {
            Shown::NotLooked => return self.not_looked(),
            Shown::Proven(proof) => return ready(&proof),
            Shown::Flawed(flaw) => flaw,
        };
        if matches!(flaw, Flaw::Unreachable(_)) {
            let standing = if self.time_up { Standing::Unknown } else { Standing::Pending };
            return Cell::new(Verdict::Unreachable, standing, Reason::Flaw { flaw, signalled: false });
        }
        let nothing_there = matches!(flaw, Flaw::Absent { .. } | Flaw::Denied(_));
        let nothing_seen = flaw == (Flaw::Absent { elsewhere: None });
        let verdict = if nothing_there { Verdict::Absent } else { own_name(&flaw) };
        let grace_end = grace_end(self.evidence, self.rules);
        let grace_over = self.now >= grace_end && !self.rules.start_grace.is_zero();
        let idle = self.evidence.other_runs == OtherRuns::Idle;
        let active = self.evidence.other_runs == OtherRuns::Active;
        if self.time_up || (grace_over && idle) {
            // An image that is there but wrong keeps its own name: something was published.
            let verdict = if nothing_there && !active { Verdict::NotStarted } else { verdict };
            let reason = if nothing_seen {
                Reason::NothingRuns { runs_active: active }
            } else {
                Reason::Flaw { flaw, signalled: false }
            };
            return Cell::new(verdict, Standing::Missing, reason);
        }
        let reason = if nothing_seen { Reason::NothingYet } else { Reason::Flaw { flaw, signalled: false } };
        let cell = Cell::new(verdict, Standing::Pending, reason);
        if self.rules.start_grace.is_zero() {
            cell
        } else if !grace_over {
            Cell { in_start_grace: true, ..cell.turning_at(grace_end) }
        } else {
            Cell { in_start_grace: self.evidence.other_runs == OtherRuns::NotAsked, ..cell }
        }
    }

    fn building(&self, shown: Shown) -> Cell {
        let pending = Cell::new(Verdict::Building, Standing::Pending, Reason::BuildRuns);
        if !self.time_up {
            return pending;
        }
        let last_finished = self.image.signals.last_finished.as_ref();
        match shown {
            Shown::NotLooked => self.not_looked(),
            Shown::Proven(_) => match last_finished.map(|signal| &signal.state) {
                Some(SignalState::Failed { class } | SignalState::Cancelled { class }) => {
                    let reason = Reason::BuildEnded { class: class.clone(), image_there: true, redo_possible: false };
                    Cell::new(Verdict::Failed, Standing::Missing, reason)
                }
                Some(SignalState::Pending | SignalState::Green { .. }) | None => {
                    Cell::new(Verdict::Ready, Standing::Ready, Reason::NoEndReported)
                }
            },
            Shown::Flawed(flaw @ Flaw::Unreachable(_)) => {
                Cell::new(Verdict::Unreachable, Standing::Unknown, Reason::Flaw { flaw, signalled: false })
            }
            Shown::Flawed(_) => Cell::new(Verdict::Building, Standing::Missing, Reason::EndNeverReported),
        }
    }

    fn green(&self, shown: Shown, signal: &Signal) -> Cell {
        let flaw = match shown {
            Shown::NotLooked => return self.not_looked(),
            Shown::Proven(proof) => return ready(&proof),
            Shown::Flawed(flaw) => flaw,
        };
        if let Flaw::Unreachable(_) = flaw {
            let standing = if self.time_up { Standing::Unknown } else { Standing::Pending };
            return Cell::new(Verdict::Unreachable, standing, Reason::Flaw { flaw, signalled: true });
        }
        if !self.time_up && self.image.looks_since_signal == 0 {
            // What was seen is older than the signal, and says nothing about it.
            return Cell::new(Verdict::Publishing, Standing::Pending, Reason::NotLookedYet);
        }
        let since = self.image.first_look.map_or(signal.at, |first| first.max(signal.at));
        let lag_end = after(since, LAG_AFTER_SUCCESS);
        let looked_enough = self.image.looks_since_signal >= LOOKS_AFTER_SUCCESS && self.now >= lag_end;
        let reason = |flaw| Reason::Flaw { flaw, signalled: true };
        if !self.time_up && !looked_enough {
            return Cell::new(Verdict::Publishing, Standing::Pending, reason(flaw)).turning_at(lag_end);
        }
        let standing = if matches!(flaw, Flaw::Denied(_)) { Standing::Unknown } else { Standing::Missing };
        Cell::new(own_name(&flaw), standing, reason(flaw))
    }

    fn red(&self, shown: &Shown, signal: &Signal, class: &str, verdict: Verdict) -> Cell {
        // A red signal from before this run may be about to be redone.
        let redo_end = after(self.evidence.started, self.rules.start_grace);
        let redo_possible =
            self.rules.waiting && signal.at < self.evidence.started && self.now < redo_end && !self.time_up;
        let image_there = matches!(shown, Shown::Proven(_));
        let reason = Reason::BuildEnded { class: class.to_owned(), image_there, redo_possible };
        if redo_possible {
            return Cell::new(verdict, Standing::Pending, reason).turning_at(redo_end);
        }
        Cell::new(verdict, Standing::Missing, reason)
    }

    fn not_looked(&self) -> Cell {
        let standing = if self.time_up { Standing::Unknown } else { Standing::Pending };
        Cell::new(Verdict::Unreachable, standing, Reason::NotLookedYet)
    }
}

/// The digest that a green signal names.
fn named_by(signal: Option<&Signal>) -> Option<&Digest> {
    match signal.map(|signal| &signal.state) {
        Some(SignalState::Green { digest, .. }) => digest.as_ref(),
        _ => None,
    }
}

fn ready(proof: &Proof) -> Cell {
    let reason = if proof.commit_proven { Reason::Proven } else { Reason::CommitNotProven };
    Cell::new(Verdict::Ready, Standing::Ready, reason)
}

/// The verdict that bears the name of a flaw.
fn own_name(flaw: &Flaw) -> Verdict {
    match flaw {
        Flaw::Absent { .. } => Verdict::Vanished,
        Flaw::OtherCommit { .. } | Flaw::NoRevision => Verdict::WrongRevision,
        Flaw::LacksPlatforms { .. } => Verdict::MissingPlatform,
        Flaw::Broken { .. } => Verdict::Incomplete,
        Flaw::NotAnImage(_) => Verdict::NotAnImage,
        Flaw::OtherDigest { .. } => Verdict::OtherDigest,
        Flaw::Denied(_) => Verdict::Denied,
        Flaw::Unreachable(_) => Verdict::Unreachable,
    }
}
