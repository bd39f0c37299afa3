//! `wait-and-release`: looks at the registry and at the signals until it can decide, then publishes one GitHub release.
//!
//! inputs → observe → decide → act → render → outputs. `inputs`: what the workflow asks for. `target`: which tag.
//! `discover`: which services. `observe`: reads the world. `domain::decide`: decides. `publish`: writes. `report`: outputs
//! and summary. `run`: the loop. `examine`: what it would decide, without a write.

mod context;
mod discover;
mod examine;
mod failure;
mod inputs;
mod observe;
mod pace;
mod publish;
mod remedies;
mod report;
mod run;
mod tag_filter;
mod target;

use std::io::Write;
use std::time::Duration;

use runner::{Cancel, Console, Environment, Log, Outputs, Runner};
use tracing_subscriber::layer::SubscriberExt as _;
use transport::{Core, CoreOptions};

pub use crate::examine::{Diagnosis, ExamineError, examine};

use crate::context::{Checked, Context};
use crate::report::{Progress, Status};
use crate::run::Ended;

/// What the runner sends a cancelled container is followed by SIGKILL after 10 s; a write on the wire gets this long.
const LAST_WRITE: Duration = Duration::from_secs(2);
/// The exit code of a cancelled run: 128 + SIGINT.
const CANCELLED: u8 = 130;

/// Runs the action and gives its exit code back. `core` makes what puts bytes on the wire, `out` gets the log.
pub async fn run(
    environment: &Environment,
    core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    out: impl Write + Send + 'static,
    cancel: &Cancel,
) -> u8 {
    // Facts that cannot be read are reported below, with everything else that is wrong.
    let facts = Runner::read(environment);
    let console = Console::new(&facts, out);
    let outputs = Outputs::new(&facts, &console);
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(Log::new(console.clone())));
    let progress = Progress::new(console.clone());
    let checked = match Checked::read(environment, &console.masker()) {
        Ok(checked) => checked,
        Err(problems) => {
            progress.report(&outputs, None, Status::Failed, &action::say(&problems));
            return 2;
        }
    };
    let context = match checked.connect(core) {
        Ok(context) => context,
        Err(error) => {
            tracing::error!("cannot start: {error:#}");
            progress.report(&outputs, None, Status::Failed, &format!("cannot start: {error:#}"));
            return 1;
        }
    };
    let url = context.repository_url();
    let about = Some((&context.repository, url.as_str()));
    match run_or_cancel(&context, &progress, &outputs, cancel).await {
        Some(ended) => {
            let budget = context.github.budget();
            if let Some(limit) = budget.rate_limit() {
                tracing::info!("GitHub API: {} requests made, {} left this hour", budget.requests(), limit.remaining);
            }
            if ended.status != Status::Failed {
                progress.close(&ended.headline);
            }
            progress.report(&outputs, about, ended.status, &ended.headline);
            ended.exit
        }
        None => CANCELLED,
    }
}

/// `None` when the run was cancelled; outputs and summary are written then.
async fn run_or_cancel(context: &Context, progress: &Progress, outputs: &Outputs, cancel: &Cancel) -> Option<Ended> {
    let mut run = Box::pin(run::run(context, progress));
    let ended = tokio::select! {
        ended = &mut run => ended,
        () = cancel.requested() => {
            progress.cancel();
            let url = context.repository_url();
            let headline = "cancelled: no further write is begun";
            tracing::warn!("{headline}");
            progress.report(outputs, Some((&context.repository, &url)), Status::Failed, headline);
            if progress.is_writing() {
                let _ = tokio::time::timeout(LAST_WRITE, &mut run).await;
                let end = if progress.is_writing() { "was cut off; the next run looks at what became of it" } else { "ended" };
                tracing::warn!("the write that was on the wire {end}");
            }
            return None;
        }
    };
    Some(ended.unwrap_or_else(Ended::from))
}
