//! What one run works with: the session that every action has, and what this one is asked for.

use std::ops::Deref;
use std::time::Duration;

use action::{ConnectError, Given, InputReader, Limit, Session, patiently};
use runner::{Environment, Masker, Problem};
use transport::{Core, CoreOptions};

use crate::inputs::Inputs;

/// How long a GitHub that does not answer is waited out at least, whether the run waits or looks.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// One run.
pub(crate) struct Context {
    session: Session,
    pub(crate) inputs: Inputs,
    /// Whether this run waits; otherwise it looks once.
    pub(crate) waiting: bool,
}

impl Deref for Context {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// The inputs and what the runner said, checked together, with nothing contacted.
pub(crate) struct Checked {
    given: Given,
    inputs: Inputs,
}

impl Checked {
    /// Checks everything that was given. All problems are reported together.
    pub(crate) fn read(environment: &Environment, masker: &Masker) -> Result<Self, Vec<Problem>> {
        let mut reader = InputReader::new(masker);
        let given = Given::read(environment, &mut reader);
        let inputs = Inputs::read(environment, &mut reader);
        let problems = reader.into_problems();
        match (given, inputs) {
            (Some(given), Some(inputs)) if problems.is_empty() => Ok(Self { given, inputs }),
            _ => Err(problems),
        }
    }

    /// Makes the clients. `core` puts bytes on the wire.
    pub(crate) fn connect(
        self,
        core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    ) -> Result<Context, ConnectError> {
        let session = self.given.connect(concat!("wait-and-release/", env!("CARGO_PKG_VERSION")), core)?;
        let is_tag_push = session.runner.event_name.as_deref() == Some("push")
            && session.runner.git_ref.as_deref().is_some_and(|name| name.starts_with("refs/tags/"));
        let is_dispatch = session.runner.event_name.as_deref() == Some("workflow_dispatch");
        let waiting = self.inputs.wait.unwrap_or(is_tag_push || is_dispatch);
        Ok(Context { session, inputs: self.inputs, waiting })
    }
}

impl Context {
    /// How long a GitHub that does not answer is waited out.
    pub(crate) fn patience(&self) -> Limit {
        self.patience_when(self.waiting)
    }

    /// The same for a tag that is, or is not, waited for: a run that waits has time until its timeout.
    pub(crate) fn patience_when(&self, waiting: bool) -> Limit {
        Limit { least: LEAST_PATIENCE, until: waiting.then(|| self.began + self.inputs.timeout) }
    }

    /// Asks GitHub until it answers; troubles of the moment are waited out.
    pub(crate) async fn patiently<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, github::Error>,
    ) -> Result<T, github::Error> {
        patiently(self.patience(), ask).await
    }
}
