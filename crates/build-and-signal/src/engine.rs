//! buildx as a child process: arguments and environment in, an exit and the lines of its log out. The one place where
//! the action starts a program, and the one that tests replace: under tokio's paused time, timers fire while a child runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How long buildx has to end after SIGTERM; with the writing of the outputs it stays below the 7.5 s after which the
/// runner sends SIGTERM itself (actions/runner, `ProcessInvoker.cs`).
const GRACE: Duration = Duration::from_secs(3);
/// How long what it left behind may hold its log open.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A line longer than this goes on as the next one.
const MAX_LINE: u64 = 64 * 1024;

/// One call of buildx.
#[derive(Debug)]
pub struct Call {
    /// What it is told, after the name of the program.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Gets every line that it prints.
    pub lines: mpsc::UnboundedSender<String>,
    /// Becomes true when it shall end.
    pub stop: watch::Receiver<bool>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this code; `None` when a signal ended it.
    Code(Option<i32>),
    /// Because it was told to.
    Stopped,
}

/// What runs buildx.
#[derive(Clone)]
pub struct Engine(Arc<dyn Fn(Call) -> BoxFuture<'static, io::Result<Exit>> + Send + Sync>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// The `buildx` that stands beside this program, as in the action's image, whatever a workflow makes of the `PATH`; else
    /// the one on the `PATH`.
    pub fn buildx() -> Self {
        let beside = std::env::current_exe().ok().map(|program| program.with_file_name("buildx"));
        let program =
            beside.filter(|program| program.is_file()).map_or_else(|| "buildx".into(), PathBuf::into_os_string);
        Self::new(move |call| Box::pin(run(program.clone(), call)))
    }

    /// Anything else that answers calls.
    pub fn new(answer: impl Fn(Call) -> BoxFuture<'static, io::Result<Exit>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) async fn call(&self, call: Call) -> io::Result<Exit> {
        (self.0)(call).await
    }
}

async fn run(program: OsString, call: Call) -> io::Result<Exit> {
    let Call { arguments, environment, folder, lines, mut stop } = call;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment).current_dir(folder);
    // A group of its own, so that what it starts ends with it.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let log = tokio::spawn({
        let (out, err, more) = (child.stdout.take(), child.stderr.take(), lines.clone());
        async move { tokio::join!(forward(out, more), forward(err, lines)) }
    });
    let exit = tokio::select! {
        status = child.wait() => Exit::Code(status?.code()),
        () = async { let _ = stop.wait_for(|stop| *stop).await; } => {
            signal(group, Signal::TERM);
            if timeout(GRACE, child.wait()).await.is_err() {
                signal(group, Signal::KILL);
                child.wait().await?;
            }
            Exit::Stopped
        }
    };
    let _ = timeout(LAST_WORDS, log).await;
    Ok(exit)
}

fn signal(group: Option<Pid>, signal: Signal) {
    // A group that is gone needs no signal.
    let _ = group.map(|group| kill_process_group(group, signal));
}

/// Passes on what is printed, line by line; bytes that are no text become U+FFFD.
async fn forward(from: Option<impl AsyncRead + Unpin>, to: mpsc::UnboundedSender<String>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!((&mut from).take(MAX_LINE).read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&line);
        if to.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[&str]) -> (Call, mpsc::UnboundedReceiver<String>, watch::Sender<bool>) {
        let (lines, log) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let environment = BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]);
        (Call { arguments, environment, folder: ".".into(), lines, stop: stopped }, log, stop)
    }

    async fn printed(mut log: mpsc::UnboundedReceiver<String>) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = log.recv().await {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn it_has_the_environment_it_was_given_and_no_other() {
        let (call, log, _stop) = call(&["-c", "echo $GREETING$HOME; printf 'no end' >&2; exit 3"]);
        assert_eq!(run("/bin/sh".into(), call).await.unwrap(), Exit::Code(Some(3)));
        let mut lines = printed(log).await;
        lines.sort();
        assert_eq!(lines, ["hello", "no end"]);
    }

    #[tokio::test]
    async fn it_ends_with_all_that_it_started_when_it_is_told_to() {
        let (call, mut log, stop) = call(&["-c", "sleep 60 & echo began; wait"]);
        let running = tokio::spawn(run("/bin/sh".into(), call));
        assert!(log.recv().await.is_some(), "it says that it began");
        stop.send(true).unwrap();
        assert_eq!(running.await.unwrap().unwrap(), Exit::Stopped);
        // The log ends when nobody is left who could write to it.
        timeout(Duration::from_secs(20), printed(log)).await.expect("what it started has ended");
    }

    /// Under paused time the three seconds are over as soon as nothing else happens.
    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_when_it_is_told_to_is_killed() {
        let (call, mut log, stop) = call(&["-c", "trap '' TERM; echo began; while :; do sleep 60; done"]);
        let running = tokio::spawn(run("/bin/sh".into(), call));
        assert!(log.recv().await.is_some(), "it says that it began");
        stop.send(true).unwrap();
        assert_eq!(running.await.unwrap().unwrap(), Exit::Stopped);
        tokio::time::resume();
        let left = timeout(Duration::from_secs(20), printed(log)).await.expect("what it started has ended");
        assert!(left.is_empty());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error() {
        let (call, ..) = call(&[]);
        assert_eq!(run("/no/such/program".into(), call).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
