//! Why a run ended badly.

use std::time::Duration;

use domain::repository::CommitSha;

use crate::diagnosis::Diagnosis;

/// What stopped a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for cannot be done; the person who wrote the workflow mends it. Nothing was built.
    #[error("{0}")]
    BadInput(String),
    /// Another commit is checked out than the tag names. Nothing was built.
    #[error(
        "checked out {}, tag {tag} is {}: set `ref: refs/tags/{tag}` in the checkout step",
        checked_out.short(), commit.short()
    )]
    WrongSource { checked_out: CommitSha, tag: String, commit: CommitSha },
    /// The tag is gone, or names another commit, since the build began. Nothing was pushed.
    #[error(
        "the tag {tag} {what} while its image was built: nothing is pushed; run this workflow again for the tag as it is now"
    )]
    TagMoved { tag: String, what: String },
    /// GitHub refused something, or did not answer.
    #[error("cannot {0}")]
    GitHub(#[from] github::Error),
    /// buildx failed. `pushed`: the tags that are there all the same, and those that are not.
    #[error("{}", built(.diagnosis, .pushed.as_deref()))]
    Build { diagnosis: Diagnosis, pushed: Option<String> },
    /// buildx ended well, and the registry does not show what it should.
    #[error("{0}")]
    NotProven(String),
    /// buildx cannot be started.
    #[error("cannot start buildx ({0}): it stands beside this program in the action's image, elsewhere on the PATH")]
    NoEngine(String),
    /// The files that buildx needs cannot be written.
    #[error("cannot write the docker configuration: {0}")]
    NoFolder(std::io::Error),
    /// It took too long. `pushed`: as with `Build`.
    #[error("{}", timed_out(*.limit, .pushed.as_deref()))]
    TimedOut { limit: Duration, pushed: Option<String> },
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
}

fn built(diagnosis: &Diagnosis, pushed: Option<&str>) -> String {
    let said = transport::printable(&diagnosis.said, 600);
    let (name, next) = (diagnosis.name(), diagnosis.next_step());
    match pushed {
        Some(pushed) => format!("pushed, then failed: {name}: {said} ({pushed}); {next}"),
        None => format!("{name}: {said}; {next}"),
    }
}

fn timed_out(limit: Duration, pushed: Option<&str>) -> String {
    let limit = domain::render::log::duration(limit);
    let pushed = pushed.map(|pushed| format!("pushed, then failed ({pushed}): ")).unwrap_or_default();
    format!("{pushed}it took longer than {limit}: raise `timeout`, or see in the log above what hangs")
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::BadInput(_) | Self::WrongSource { .. } | Self::TagMoved { .. } => 2,
            Self::Cancelled => 130,
            Self::GitHub(_)
            | Self::Build { .. }
            | Self::NotProven(_)
            | Self::NoEngine(_)
            | Self::NoFolder(_)
            | Self::TimedOut { .. } => 1,
        }
    }

    /// What a commit status says of it, before it is cut to its length.
    pub(crate) fn class(&self) -> String {
        match self {
            Self::Build { diagnosis, pushed: Some(_) } => format!("pushed, then failed: {}", diagnosis.name()),
            Self::Build { diagnosis, pushed: None } => format!("{}: {}", diagnosis.name(), diagnosis.said),
            Self::NotProven(why) => why.clone(),
            Self::TimedOut { pushed: Some(_), .. } => "pushed, then failed: timeout".into(),
            Self::TimedOut { pushed: None, .. } => "timeout".into(),
            Self::Cancelled => "cancelled".into(),
            Self::TagMoved { what, .. } => format!("the tag {what}"),
            Self::NoEngine(_) | Self::NoFolder(_) => "the action could not start buildx".into(),
            Self::GitHub(_) => "GitHub did not answer".into(),
            Self::BadInput(_) | Self::WrongSource { .. } => "bad input".into(),
        }
    }
}
