//! When somebody wants this process to end. As PID 1 of a container a process without handlers never gets a signal, and
//! would release after it was cancelled; so they are installed first thing in `main`.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Resolves once somebody asked this process to end. Clones share one answer.
#[derive(Debug, Clone)]
pub struct Cancel {
    asked: watch::Receiver<bool>,
}

impl Cancel {
    /// Installs the handlers for SIGINT and SIGTERM, which mean the same: the runner sends SIGINT, 7.5 s later SIGTERM,
    /// and 2.5 s after that kills the docker client, not the container (actions/runner, `ProcessInvoker.cs`,
    /// `CancelAndKillProcessTree`). Only the first signal counts; later ones do nothing.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn install() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(Self::when(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }))
    }

    /// Cancelled when `event` resolves: at a chosen moment of a test, or never with `std::future::pending()`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn when(event: impl Future<Output = ()> + Send + 'static) -> Self {
        let (ask, asked) = watch::channel(false);
        tokio::spawn(async move {
            event.await;
            // Nobody listens any more: then nobody needs to know.
            let _ = ask.send(true);
        });
        Self { asked }
    }

    /// Resolves when somebody asked; at once when that was before.
    pub async fn requested(&self) {
        if self.asked.clone().wait_for(|asked| *asked).await.is_err() {
            // The task is gone without an answer, which happens only while the runtime shuts down.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_a_wait_and_stays_asked() {
        let cancel = Cancel::when(sleep(Duration::from_secs(5)));
        let clone = cancel.clone();
        assert!(timeout(Duration::from_secs(4), cancel.requested()).await.is_err());
        timeout(Duration::from_secs(2), cancel.requested()).await.unwrap();
        timeout(Duration::from_secs(1), clone.requested()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn it_can_be_never() {
        let cancel = Cancel::when(std::future::pending());
        assert!(timeout(Duration::from_secs(3600), cancel.requested()).await.is_err());
    }

    #[tokio::test]
    async fn a_signal_asks_and_a_second_one_does_no_harm() {
        let cancel = Cancel::install().unwrap();
        for name in ["-TERM", "-INT"] {
            let kill = std::process::Command::new("kill").args([name, &std::process::id().to_string()]).status();
            assert!(kill.unwrap().success());
            timeout(Duration::from_secs(10), cancel.requested()).await.unwrap();
        }
    }
}
