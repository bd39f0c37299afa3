//! How long a GitHub that does not answer is waited out, outside the loop that looks at images.

use std::time::Duration;

use github::Error;
use tokio::time::{Instant, sleep};

/// The least time between two tries.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a run that only looks is patient.
const OF_A_LOOK: Duration = Duration::from_secs(60);

/// How long a run is patient; `timeout`: of one that waits.
pub(crate) fn limit(waiting: bool, timeout: Duration) -> Duration {
    if waiting { timeout } else { OF_A_LOOK }
}

/// Patience with one question, or with a row of writes.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    /// When the trouble began.
    since: Option<Instant>,
}

impl Patience {
    /// Lasts `limit` from the first trouble on.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, since: None }
    }

    /// The trouble is over.
    pub(crate) fn renew(&mut self) {
        self.since = None;
    }

    /// Waits before the next try. Gives `error` back when trying again is of no use, or when the patience is at its end.
    pub(crate) async fn wait_out(&mut self, error: Error) -> Result<(), Error> {
        sleep(self.pause(error)?).await;
        Ok(())
    }

    /// The pause before the next try, for a caller that does something else meanwhile.
    pub(crate) fn pause(&mut self, error: Error) -> Result<Duration, Error> {
        let Some(pause) = error.pause() else { return Err(error) };
        let pause = pause.max(PAUSE);
        if self.since.is_none() {
            tracing::warn!("waiting for GitHub: cannot {error}");
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() + pause > self.limit {
            return Err(error);
        }
        Ok(pause)
    }
}

/// Asks until there is an answer.
pub(crate) async fn patiently<T>(limit: Duration, ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    let mut patience = Patience::new(limit);
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.wait_out(error).await?,
        }
    }
}
