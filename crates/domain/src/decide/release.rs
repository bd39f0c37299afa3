//! The decision over all images: wait, release, or stop.

use jiff::Timestamp;

use super::image::{after, judge};
use super::{
    Completeness, Decision, Evidence, Judgement, Next, OnMissing, OtherRuns, Reason, Rules, Standing, Verdict,
};

/// When this run stops waiting. Waiting: from its own start. Looking: from the newest signal at this tag, else from
/// the trigger, else from its own start.
fn deadline(evidence: &Evidence, rules: &Rules) -> Timestamp {
    let from = if rules.waiting {
        evidence.started
    } else {
        evidence.newest_signal.or(evidence.triggered).unwrap_or(evidence.started)
    };
    after(from, rules.timeout)
}

/// Decides what to do `now`.
pub fn decide(evidence: &Evidence, rules: &Rules, now: Timestamp) -> Decision {
    let deadline = deadline(evidence, rules);
    let time_up = now >= deadline;
    let judgements: Vec<Judgement> =
        evidence.images.iter().map(|image| judge(image, evidence, rules, now, time_up)).collect();
    let next = next(&judgements, evidence, rules, now, deadline);
    Decision { judgements, deadline, next }
}

fn next(judgements: &[Judgement], evidence: &Evidence, rules: &Rules, now: Timestamp, deadline: Timestamp) -> Next {
    let required = || judgements.iter().filter(|judgement| judgement.required);
    if required().next().is_none() {
        return Next::NoRequiredService;
    }
    // An optional image is waited for only while its build says that it runs, and until the look that follows.
    let waited_for = |judgement: &&Judgement| {
        let is_open = judgement.verdict == Verdict::Building || judgement.reason == Reason::NotLookedYet;
        judgement.standing == Standing::Pending && (judgement.required || is_open)
    };
    let pending: Vec<&Judgement> = judgements.iter().filter(waited_for).collect();
    if now < deadline && !pending.is_empty() {
        let only_grace = pending.iter().all(|judgement| judgement.in_start_grace);
        let grace_over = pending.iter().all(|judgement| judgement.turns_at.is_none());
        if only_grace && grace_over && evidence.other_runs == OtherRuns::NotAsked {
            return Next::AskOtherRuns;
        }
        if !rules.waiting && !only_grace {
            return Next::Pending;
        }
        let turn = pending.iter().filter_map(|judgement| judgement.turns_at).filter(|at| *at > now).min();
        return Next::Wait { until: turn.map_or(deadline, |turn| turn.min(deadline)) };
    }
    if required().all(|judgement| judgement.standing == Standing::Ready) {
        return Next::Release(Completeness::Full);
    }
    if required().any(|judgement| judgement.standing == Standing::Unknown) {
        return Next::Unknown;
    }
    if !judgements.iter().any(|judgement| judgement.standing == Standing::Ready) {
        return Next::NothingReady;
    }
    match rules.on_missing {
        OnMissing::Partial | OnMissing::Draft => Next::Release(Completeness::Partial),
        OnMissing::Fail | OnMissing::None => Next::Withhold,
    }
}

impl Judgement {
    /// True for an image that is announced although nothing ties it to the tag's commit.
    pub fn commit_not_proven(&self) -> bool {
        self.standing == Standing::Ready && self.proof.as_ref().is_some_and(|proof| !proof.commit_proven)
    }

    /// True for an image that was proven but whose build never said that it ended.
    pub fn end_not_reported(&self) -> bool {
        self.standing == Standing::Ready && self.reason == Reason::NoEndReported
    }
}
