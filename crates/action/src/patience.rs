//! How long a GitHub that does not answer is waited out, outside the loop that looks at images.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use github::Error;
use tokio::time::{Instant, sleep};

/// The least time between two tries.
const PAUSE: Duration = Duration::from_secs(5);

/// How long trouble is waited out: the later of two ends.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Counts from the first trouble on.
    pub least: Duration,
    /// When the run has to end; `None` = `least` alone counts.
    pub until: Option<Instant>,
}

impl From<Duration> for Limit {
    fn from(least: Duration) -> Self {
        Self { least, until: None }
    }
}

/// Patience with one question, or with a row of writes.
#[derive(Debug)]
pub struct Patience {
    limit: Limit,
    /// When the trouble began.
    since: Option<Instant>,
}

impl Patience {
    /// Lasts for `limit`.
    pub fn new(limit: impl Into<Limit>) -> Self {
        Self { limit: limit.into(), since: None }
    }

    /// The trouble is over.
    pub fn renew(&mut self) {
        self.since = None;
    }

    /// Waits before the next try. Gives `error` back when trying again is of no use, or when the patience is at its end.
    pub async fn wait_out(&mut self, error: Error) -> Result<(), Error> {
        sleep(self.pause(error)?).await;
        Ok(())
    }

    /// The pause before the next try, for a caller that does something else meanwhile.
    pub fn pause(&mut self, error: Error) -> Result<Duration, Error> {
        let Some(pause) = error.pause() else { return Err(error) };
        // Up to an eighth more, so that runs that are refused together do not come back together.
        let random = RandomState::new().hash_one(()).to_be_bytes()[0];
        let pause = pause.max(PAUSE).mul_f64(1.0 + f64::from(random) / 256.0 / 8.0);
        if self.since.is_none() {
            tracing::warn!("waiting for GitHub: cannot {error}");
        }
        let end = *self.since.get_or_insert_with(Instant::now) + self.limit.least;
        let end = self.limit.until.map_or(end, |until| until.max(end));
        if Instant::now() + pause > end { Err(error) } else { Ok(pause) }
    }
}

/// Asks until there is an answer.
pub async fn patiently<T>(limit: impl Into<Limit>, ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    let mut patience = Patience::new(limit);
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.wait_out(error).await?,
        }
    }
}
