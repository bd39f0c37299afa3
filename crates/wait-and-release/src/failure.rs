//! Why a run ended without a decision.

use domain::repository::CommitSha;

/// What stopped a run. Verdicts such as a failed build are none of these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for cannot be done; the person who wrote the workflow mends it.
    #[error("{0}")]
    BadInput(String),
    /// The signals could not be read, and unread signals are not "none".
    #[error(
        "cannot {0}. No release is published without reading the signals; `signals: off` decides by the registry alone"
    )]
    SignalsUnreadable(github::Error),
    /// GitHub refused something, or did not answer.
    #[error("cannot {0}")]
    GitHub(#[from] github::Error),
    /// The tag was deleted while we looked.
    #[error(
        "the tag {0} is gone: no release is made for a tag that does not exist; push it again and run this workflow again"
    )]
    TagGone(String),
    /// The tag names another commit now: everything starts over with it.
    #[error("the tag moved to {0}")]
    TagMoved(CommitSha),
    /// The world kept changing under every decision.
    #[error("{0}")]
    NeverSettled(String),
}

impl From<action::TagError> for Failure {
    fn from(error: action::TagError) -> Self {
        match error {
            action::TagError::BadInput(why) => Self::BadInput(why),
            action::TagError::GitHub(error) => Self::GitHub(error),
        }
    }
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::BadInput(_) => 2,
            Self::SignalsUnreadable(_)
            | Self::GitHub(_)
            | Self::TagGone(_)
            | Self::TagMoved(_)
            | Self::NeverSettled(_) => 1,
        }
    }
}
