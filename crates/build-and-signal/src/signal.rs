//! The signal: a commit status on the tag's commit and, where asked for, a `repository_dispatch`. The format of both stands
//! in `domain::signal`; every write goes through `github`.

use std::time::Duration;

use action::{Patience, Session};
use domain::decide::Proof;
use domain::image::ImageReference;
use domain::repository::CommitSha;
use domain::service::ServiceName;
use domain::signal::{DESCRIPTION_LIMIT, Dispatch, StatusState, context, describe_success};
use domain::version::ReleaseTag;
use github::{GitHub, NewStatus};

/// How long a GitHub that does not answer is waited out before the end of a build goes unsaid.
const PATIENCE: Duration = Duration::from_secs(120);
/// The type of the dispatch.
const EVENT_TYPE: &str = "image-built";

/// What a build says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It runs.
    Pending,
    /// It is there, and proven.
    Success(Proof),
    /// It failed: the failure class.
    Failure(String),
    /// It was cancelled, skipped, or overtaken.
    Error(String),
}

impl Said {
    fn state(&self) -> StatusState {
        match self {
            Self::Pending => StatusState::Pending,
            Self::Success(_) => StatusState::Success,
            Self::Failure(_) => StatusState::Failure,
            Self::Error(_) => StatusState::Error,
        }
    }

    /// State and description, as the post step gets them.
    pub(crate) fn words(&self) -> (&'static str, String) {
        (self.result(), self.description())
    }

    /// At most as long as GitHub takes, in one line. What a program printed was rid of secrets when it came.
    fn description(&self) -> String {
        match self {
            Self::Pending => "building".into(),
            Self::Success(proof) => describe_success(&proof.digest, &proof.platforms),
            Self::Failure(class) | Self::Error(class) => {
                let plain = |c: char| if c.is_whitespace() || c.is_control() { ' ' } else { c };
                class.chars().take(DESCRIPTION_LIMIT).map(plain).collect()
            }
        }
    }

    fn result(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success(_) => "success",
            Self::Failure(_) => "failure",
            Self::Error(_) => "error",
        }
    }
}

/// Who signals what.
#[derive(Clone, Copy)]
pub(crate) struct Signaller<'a> {
    pub(crate) session: &'a Session,
    pub(crate) service: &'a ServiceName,
    pub(crate) tag: &'a ReleaseTag,
    pub(crate) commit: &'a CommitSha,
}

impl Signaller<'_> {
    /// One try, for a run that has no time left. Gives the address of the status.
    pub(crate) async fn status_once(&self, said: &Said) -> Result<String, github::Error> {
        self.create(said.state(), said.description()).await
    }

    async fn create(&self, state: StatusState, description: String) -> Result<String, github::Error> {
        let target_url = self.session.run_url();
        let status = NewStatus { context: context(self.tag, self.service), state, description, target_url };
        self.session.github.create_status(self.commit, &status).await.map(|created| created.url)
    }

    /// Writes the status; troubles of the moment are waited out. Written twice it says the same.
    pub(crate) async fn write_status(&self, said: &Said) -> Result<String, github::Error> {
        self.write(said.state(), &said.description()).await
    }

    /// The same in words.
    pub(crate) async fn write(&self, state: StatusState, description: &str) -> Result<String, github::Error> {
        let mut patience = Patience::new(PATIENCE);
        loop {
            match self.create(state, description.to_owned()).await {
                Ok(url) => return Ok(url),
                Err(error) => patience.wait_out(error).await?,
            }
        }
    }

    /// Sends the dispatch; troubles of the moment are waited out. A second one only wakes the reader once more.
    pub(crate) async fn dispatch(
        &self,
        token: &github::Token,
        image: &ImageReference,
        said: &Said,
    ) -> Result<(), github::Error> {
        let session = self.session;
        let github = GitHub::new(
            session.core.clone(),
            github::Settings {
                api_url: session.connection.api_url.clone(),
                token: token.clone(),
                repository: session.repository.clone(),
                transport: transport::Settings::default(),
            },
        )?;
        let payload = Dispatch {
            service: self.service,
            tag: self.tag,
            commit: self.commit,
            image,
            proof: if let Said::Success(proof) = said { Some(proof) } else { None },
            result: said.result(),
            run: session
                .run_url()
                .as_deref()
                .zip(session.runner.run_id)
                .map(|(url, id)| (id, u64::from(session.runner.run_attempt.unwrap_or(1)), url.to_owned())),
        };
        let mut patience = Patience::new(PATIENCE);
        loop {
            match github.dispatch(EVENT_TYPE, &payload.to_json()).await {
                Ok(()) => return Ok(()),
                Err(error) => patience.wait_out(error).await?,
            }
        }
    }
}
