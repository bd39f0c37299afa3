//! The post step: the last word where the main step was killed before it could say how it ended. It starts with the same
//! inputs, in a new container; what the main step owed stands in `STATE_*` (actions/runner, `ActionRunner.cs`).

use std::io::Write;

use action::{Given, InputReader};
use domain::repository::CommitSha;
use domain::service::ServiceName;
use domain::signal::StatusState;
use domain::version::ReleaseTag;
use runner::{Console, Environment, Log, Runner};
use tracing_subscriber::layer::SubscriberExt as _;
use transport::{Core, CoreOptions};

use crate::PROGRAM;
use crate::signal::Signaller;

/// Signals the end where one was due and none was said: the one that the main step came to, or `error`. Does nothing
/// otherwise. Gives the exit code back.
pub async fn post(
    environment: &Environment,
    core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    out: impl Write + Send + 'static,
) -> u8 {
    if environment.get("STATE_owed") != Some("true") {
        return 0;
    }
    let console = Console::new(&Runner::read(environment), out);
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(Log::new(console.clone())));
    let masker = console.masker();
    let mut reader = InputReader::new(&masker);
    let given = Given::read(environment, &mut reader);
    let tag: Option<ReleaseTag> = environment.get("STATE_tag").and_then(|tag| tag.parse().ok());
    let commit: Option<CommitSha> = environment.get("STATE_commit").and_then(|commit| commit.parse().ok());
    let service: Option<ServiceName> = environment.get("INPUT_SERVICE-NAME").and_then(|name| name.trim().parse().ok());
    let (Some(given), Some(tag), Some(commit), Some(service)) = (given, tag, commit, service) else {
        tracing::error!("cannot say that the build was ended: the state of the main step makes no sense");
        return 1;
    };
    let signalled = match given.connect(PROGRAM, core) {
        Ok(session) => {
            let signaller = Signaller { session: &session, service: &service, tag: &tag, commit: &commit };
            let state = match environment.get("STATE_end") {
                Some("success") => Some(StatusState::Success),
                Some("failure") => Some(StatusState::Failure),
                Some("error") => Some(StatusState::Error),
                _ => None,
            };
            let came_to = state.zip(environment.get("STATE_description"));
            let (state, description) = came_to.unwrap_or((StatusState::Error, "cancelled"));
            let written = signaller.write(state, description).await;
            written.map(|_| description.to_owned()).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match signalled {
        Ok(said) => {
            console.line(&format!("{service} at {tag}: the build was ended before it could say so; signalled: {said}"));
            0
        }
        Err(error) => {
            tracing::error!("cannot {error}");
            1
        }
    }
}
