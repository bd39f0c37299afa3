//! Commit statuses as signals. Input: one status on each line, `state|second|context|target_url|description`.

use domain::image::Digest;
use domain::repository::Repository;
use domain::signal::{
    CommitStatus, DESCRIPTION_LIMIT, RunAttempt, Signal, SignalState, Signals, StatusState, describe_success,
};
use domain::version::ReleaseTag;
use jiff::Timestamp;

const SERVER: &str = "https://github.com";

/// What the signals say does not hang on the order they are listed in, nor on statuses of others; it may be printed, and
/// what a success says reads back as itself.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let statuses: Vec<CommitStatus> = text.lines().zip(1..).filter_map(|(line, id)| status(line, id)).collect();
    let (repository, tag): (Repository, ReleaseTag) = ("octo/shop".parse().unwrap(), "v1.0.0".parse().unwrap());
    let signals = Signals::read(&statuses, &tag, SERVER, &repository);
    let mut others = statuses.clone();
    others.reverse();
    assert_eq!(Signals::read(&others, &tag, SERVER, &repository), signals, "in another order");
    let url = |status: &CommitStatus| status.target_url.clone().unwrap_or_default();
    others.retain(|status| RunAttempt::from_url(&url(status), SERVER, &repository).is_some());
    assert_eq!(Signals::read(&others, &tag, SERVER, &repository), signals, "without those of others");
    assert_eq!(signals.first_at.is_some(), !others.is_empty() && signals.newest_at.is_some());
    assert!(signals.first_at <= signals.newest_at);
    for name in ["api", "web"] {
        let of = signals.of(&tag, &name.parse().unwrap());
        let Some(newest) = &of.newest else {
            assert_eq!(of.last_finished, None);
            continue;
        };
        check(newest, &repository);
        assert!(Some(newest.at) <= signals.newest_at && Some(newest.at) >= signals.first_at);
        assert!(!newest.state.is_finished() || of.last_finished.is_some());
        if let Some(finished) = &of.last_finished {
            check(finished, &repository);
            assert!(finished.state.is_finished());
        }
    }
}

fn check(signal: &Signal, repository: &Repository) {
    let RunAttempt { id, attempt, url } = &signal.run;
    // The URL stands in Markdown and in the log as it is.
    assert!(url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/._-".contains(&byte)), "{url}");
    let canonical = format!("{SERVER}/octo/shop/actions/runs/{id}/attempts/{attempt}");
    let again = RunAttempt::from_url(&canonical, SERVER, repository).unwrap();
    assert_eq!((again.id, again.attempt), (*id, *attempt));
    match &signal.state {
        SignalState::Pending => {}
        SignalState::Failed { class } | SignalState::Cancelled { class } => {
            super::assert_printable(class);
            assert!(class.chars().count() <= DESCRIPTION_LIMIT);
        }
        SignalState::Green { digest: None, platforms } => assert!(platforms.is_empty()),
        SignalState::Green { digest: Some(digest), platforms } => {
            let description = describe_success(digest, platforms);
            assert!(description.len() <= DESCRIPTION_LIMIT, "{description}");
            let listed = if description == digest.as_str() { Vec::new() } else { platforms.clone() };
            assert_eq!(green(&description), (Some(digest.clone()), listed));
        }
    }
}

/// What a success with this description says.
fn green(description: &str) -> (Option<Digest>, Vec<domain::image::Platform>) {
    let status = CommitStatus {
        description: Some(description.into()),
        ..status(&format!("s|0|release/v1.0.0/api|{SERVER}/octo/shop/actions/runs/1|"), 1).unwrap()
    };
    let tag = "v1.0.0".parse().unwrap();
    let signals = Signals::read(&[status], &tag, SERVER, &"octo/shop".parse().unwrap());
    let state = signals.of(&tag, &"api".parse().unwrap()).newest.unwrap().state;
    let SignalState::Green { digest, platforms } = state else { panic!("{state:?}") };
    (digest, platforms)
}

fn status(line: &str, id: u64) -> Option<CommitStatus> {
    let mut parts = line.splitn(5, '|');
    let state = match parts.next()?.chars().next()? {
        'p' => StatusState::Pending,
        's' => StatusState::Success,
        'f' => StatusState::Failure,
        _ => StatusState::Error,
    };
    let created_at = Timestamp::from_second(i64::from(parts.next()?.parse::<u32>().ok()?)).unwrap();
    let mut text = || parts.next().map(ToOwned::to_owned);
    let (context, target_url) = (text()?, text());
    Some(CommitStatus { id, context, state, description: text(), target_url, created_at })
}
