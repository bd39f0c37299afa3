//! What a process takes: wall time from its start to its end, and the most memory that it held, by GNU time.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::Command;
use tokio::time::Instant;

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    wall: Duration,
    kilobytes: f64,
}

/// Runs a command with nothing but this environment, and the search path.
pub(crate) async fn measured(
    folder: &Path,
    command: Vec<String>,
    environment: &[(String, String)],
) -> anyhow::Result<Cost> {
    let report = folder.join("time");
    let mut process = Command::new("/usr/bin/time");
    process.args(["--format", "%M", "--output"]).arg(&report).args(&command);
    process.env_clear().env("PATH", "/usr/bin:/bin").envs(environment.iter().cloned()).stdout(Stdio::null());
    let start = Instant::now();
    let status = process.status().await.context("start /usr/bin/time")?;
    let wall = start.elapsed();
    ensure!(status.success(), "{}: {status}", command[0]);
    let kilobytes = std::fs::read_to_string(&report)?.trim().parse()?;
    Ok(Cost { wall, kilobytes })
}

/// What several runs took.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    milliseconds: Vec<f64>,
    kilobytes: f64,
}

impl Rounds {
    pub(crate) fn add(&mut self, cost: Cost) {
        self.add_time(cost.wall);
        self.kilobytes = self.kilobytes.max(cost.kilobytes);
    }

    pub(crate) fn add_time(&mut self, time: Duration) {
        self.milliseconds.push(time.as_secs_f64() * 1000.0);
        self.milliseconds.sort_by(f64::total_cmp);
    }

    pub(crate) fn best(&self) -> f64 {
        self.milliseconds.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.milliseconds.get(self.milliseconds.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn worst(&self) -> f64 {
        self.milliseconds.last().copied().unwrap_or(f64::NAN)
    }

    /// In megabytes of a million bytes; the most of all runs.
    pub(crate) fn peak_memory(&self) -> f64 {
        self.kilobytes * 1024.0 / 1e6
    }
}
