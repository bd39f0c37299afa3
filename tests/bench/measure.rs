//! What a process takes: wall time from its start to its end; processor time and the most memory that it held by GNU
//! time.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;
use tokio::time::Instant;

/// How a process may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With success.
    Well,
    /// In any way.
    Any,
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    wall: Duration,
    processor: Duration,
    kilobytes: f64,
}

/// Runs a command with nothing but this environment, the search path, and `folder` as its home. What it prints is in the
/// file `printed` there.
pub(crate) async fn measured(
    folder: &Path,
    search_path: &str,
    command: &[String],
    environment: &[(String, String)],
    end: End,
) -> anyhow::Result<Cost> {
    let report = folder.join("time");
    let mut process = Command::new("/usr/bin/time");
    process.args(["--quiet", "--format", "%U %S %M", "--output"]).arg(&report).args(command);
    process.env_clear().env("PATH", search_path).env("HOME", folder).envs(environment.iter().cloned());
    process.stdout(std::fs::File::create(folder.join("printed"))?);
    if end == End::Any {
        process.stderr(Stdio::null());
    }
    let start = Instant::now();
    let status = process.status().await.context("start /usr/bin/time")?;
    let wall = start.elapsed();
    ensure!(status.success() || end == End::Any, "{}: {status}", command[0]);
    let report = std::fs::read_to_string(&report)?;
    let numbers = report.split_whitespace().map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?;
    let [user, system, kilobytes] = numbers[..] else { bail!("GNU time says {report}") };
    Ok(Cost { wall, processor: Duration::from_secs_f64(user + system), kilobytes })
}

/// What several runs took.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    walls: Vec<f64>,
    processors: Vec<f64>,
    kilobytes: f64,
}

impl Rounds {
    pub(crate) fn add(&mut self, cost: Cost) {
        self.add_wall(cost.wall);
        insert(&mut self.processors, cost.processor);
        self.kilobytes = self.kilobytes.max(cost.kilobytes);
    }

    pub(crate) fn add_wall(&mut self, wall: Duration) {
        insert(&mut self.walls, wall);
    }

    /// Of the wall times, in milliseconds; so are the others.
    pub(crate) fn median(&self) -> f64 {
        median(&self.walls)
    }

    pub(crate) fn best(&self) -> f64 {
        self.walls.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn worst(&self) -> f64 {
        self.walls.last().copied().unwrap_or(f64::NAN)
    }

    /// The median of what the process and its children had of the processor; the most memory that one of them held in any
    /// run, in megabytes of a million bytes. `None` where only the wall was measured.
    pub(crate) fn processor_and_memory(&self) -> Option<(f64, f64)> {
        (!self.processors.is_empty()).then(|| (median(&self.processors), self.kilobytes * 1024.0 / 1e6))
    }
}

fn insert(sorted: &mut Vec<f64>, time: Duration) {
    sorted.push(time.as_secs_f64() * 1000.0);
    sorted.sort_by(f64::total_cmp);
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
