//! The lines of the log: one per change, a heartbeat in between, one annotation per missing image.

use std::time::Duration;

use super::Subject;
use super::reason::{cure, verdict, why};
use crate::decide::{Judgement, Reason, Standing};
use crate::image::platform_list;

/// One image's state: its verdict, what is proven of it or why not.
pub fn image(judgement: &Judgement) -> String {
    if judgement.reason == Reason::NotLookedYet {
        return format!("{}: {}", judgement.service, why(judgement));
    }
    let head = format!("{}: {}", judgement.service, verdict(judgement.verdict));
    match (&judgement.proof, judgement.standing) {
        (Some(proof), Standing::Ready) => {
            format!(
                "{head}, sha256:{}…, {} ({})",
                proof.digest.short(),
                platform_list(&proof.platforms),
                why(judgement)
            )
        }
        _ => format!("{head}: {}", why(judgement)),
    }
}

/// The line that says what is waited for when nothing has changed for a while.
pub fn heartbeat(
    judgements: &[Judgement],
    waited: Duration,
    left: Duration,
    next_look: Option<Duration>,
    budget_left: Option<u64>,
) -> String {
    let next = next_look.map(|next| format!("; next look in {}", duration(next))).unwrap_or_default();
    let pending: Vec<String> = judgements
        .iter()
        .filter(|judgement| judgement.standing == Standing::Pending)
        .map(|judgement| format!("{} ({})", judgement.service, verdict(judgement.verdict)))
        .collect();
    let ready = judgements.iter().filter(|judgement| judgement.standing == Standing::Ready).count();
    let budget = budget_left.map(|left| format!("; {left} GitHub API requests left this hour")).unwrap_or_default();
    format!(
        "{ready} of {} images ready; waiting for {} since {}, for at most {} more{next}{budget}",
        judgements.len(),
        pending.join(", "),
        duration(waited),
        duration(left),
    )
}

/// What an annotation says of a missing image: what happened, why we think so, the next step.
pub fn annotation(judgement: &Judgement, subject: Subject<'_>) -> String {
    let cure = cure(judgement, subject);
    let command = cure.command.map(|command| format!(" {command}")).unwrap_or_default();
    format!("{} is {}: {}. {}{command}", judgement.reference, verdict(judgement.verdict), why(judgement), cure.text)
}

/// `1h 2m`, `3m 20s`, `5s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}
