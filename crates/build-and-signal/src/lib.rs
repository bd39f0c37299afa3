//! `build-and-signal`: builds and pushes one service's image, proves on the registry that it is there, and signals.
//!
//! inputs → plan → build → proof → signal → outputs. `inputs`: what the workflow asks for. `source`: which commit is checked
//! out. `plan`: names, labels, cache, the exact arguments. `sign_in`, `buildx`, `engine`: the calls. `diagnosis`: why a call
//! failed. `proof`: what the registry shows. `signal`: what others are told. `progress`: outputs and summary. `run`: the
//! order of it all. `post`: the last word, where a run was killed.

mod buildx;
mod cache_scope;
mod diagnosis;
mod engine;
mod failure;
mod inputs;
mod plan;
mod post;
mod progress;
mod proof;
mod run;
mod sign_in;
mod signal;
mod source;

use std::io::Write;
use std::time::Duration;

use action::{Given, InputReader};
use runner::{Cancel, Console, Environment, Log, Outputs, Runner};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing_subscriber::layer::SubscriberExt as _;
use transport::{Core, CoreOptions};

pub use engine::{Call, Engine, Exit};
pub use post::post;

use crate::failure::Failure;
use crate::inputs::Inputs;
use crate::progress::{Progress, Status};
use crate::run::Run;
use crate::signal::{Said, Signaller};

/// How long the last signal of a cancelled run may take.
const LAST_SIGNAL: Duration = Duration::from_secs(2);
/// How long a cancelled run has for all that is left: buildx gets 3 s to end.
const LAST_STEPS: Duration = Duration::from_secs(4);
/// The exit code of a cancelled run: 128 + SIGINT.
const CANCELLED: u8 = 130;

/// What this program calls itself to servers.
const PROGRAM: &str = concat!("build-and-signal/", env!("CARGO_PKG_VERSION"));

/// Runs the action and gives its exit code back. `core` makes what puts bytes on the wire, `engine` runs buildx, `out` gets
/// the log.
pub async fn run(
    environment: &Environment,
    core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    engine: &Engine,
    out: impl Write + Send + 'static,
    cancel: &Cancel,
) -> u8 {
    // Facts that cannot be read are reported below, with everything else that is wrong.
    let facts = Runner::read(environment);
    let console = Console::new(&facts, out);
    let outputs = Outputs::new(&facts, &console);
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(Log::new(console.clone())));
    let progress = Progress::new(console.clone());
    let masker = console.masker();
    let mut reader = InputReader::new(&masker);
    let given = Given::read(environment, &mut reader);
    let inputs = Inputs::read(environment, &mut reader, &masker);
    let problems = reader.into_problems();
    let (Some(given), Some(inputs), true) = (given, inputs, problems.is_empty()) else {
        progress.report(&outputs, Status::Failed, "", &action::say(&problems));
        return 2;
    };
    let service = inputs.service.as_str();
    let session = match given.connect(PROGRAM, core) {
        Ok(session) => session,
        Err(error) => {
            let headline = format!("cannot start: {error}");
            tracing::error!("{headline}");
            progress.report(&outputs, Status::Failed, service, &headline);
            return 1;
        }
    };
    let (stop, stopped) = watch::channel(false);
    let run = Run {
        environment,
        session: &session,
        inputs: &inputs,
        engine,
        progress: &progress,
        outputs: &outputs,
        stop: stopped,
    };
    let mut running = Box::pin(run.to_the_end());
    tokio::select! {
        ended = &mut running => end(ended, &progress, &outputs, service),
        () = cancel.requested() => {
            progress.report(&outputs, Status::Cancelled, service, "cancelled");
            tracing::warn!("cancelled: nothing further is pushed");
            let _ = stop.send(true);
            let signal = async {
                let owes = { let known = progress.known(); known.owes_signal && !known.saying_end };
                let Some(release) = progress.release().filter(|_| owes) else { return };
                let signaller = Signaller { session: &session, service: &inputs.service, tag: &release.0, commit: &release.1 };
                match timeout(LAST_SIGNAL, signaller.status_once(&Said::Error("cancelled".into()))).await {
                    Ok(Ok(_)) => drop(outputs.save_state(&[("owed", "false")])),
                    Ok(Err(error)) => tracing::warn!("cannot {error}"),
                    Err(_) => tracing::warn!("GitHub did not take the last signal in time"),
                }
            };
            let _ = tokio::join!(signal, timeout(LAST_STEPS, &mut running));
            CANCELLED
        }
    }
}

fn end(ended: Result<run::Ended, Failure>, progress: &Progress, outputs: &Outputs, service: &str) -> u8 {
    match ended {
        Ok(ended) => {
            progress.console().line(&ended.headline);
            progress.report(outputs, ended.status, service, &ended.headline);
            0
        }
        Err(failure) => {
            let headline = failure.to_string();
            tracing::error!(title = service, "{headline}");
            progress.report(outputs, Status::Failed, service, &headline);
            failure.exit_code()
        }
    }
}
