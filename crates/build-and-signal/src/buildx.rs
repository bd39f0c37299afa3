//! The calls of buildx: what it gets of the environment, its log passed through live, and another builder where the
//! daemon's own cannot do what was asked.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use runner::{Console, Environment};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::diagnosis::{Class, Diagnosis};
use crate::engine::{Call, Engine, Exit};
use crate::failure::Failure;

/// As many last lines as a diagnosis may need: buildx quotes the step that failed at the end.
const REMEMBERED: usize = 400;

/// How long the builder that was made has to go away.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// What buildx reads of the environment, by name or by how the name starts: where the daemon and the builders are, how the
/// network is reached (docker/buildx, "Environment variables"; docker/cli). Nothing else is handed on: no input, no token.
const HANDED_ON: [&str; 18] = [
    "PATH",
    "HOME",
    "LANG",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_API_VERSION",
    "BUILDX_",
    "BUILDKIT_",
    "SOURCE_DATE_EPOCH",
    "SSH_AUTH_SOCK",
    "SSL_CERT_",
    "KUBECONFIG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// What buildx gets of the environment, and the values that `build_args` name without giving.
pub(crate) fn environment(environment: &Environment, build_args: &[String]) -> BTreeMap<String, String> {
    let handed_on = |name: &str| {
        let name = name.to_ascii_uppercase();
        HANDED_ON.iter().any(|known| if known.ends_with('_') { name.starts_with(known) } else { name == *known })
    };
    let asked = |name: &str| build_args.iter().any(|argument| argument == name);
    environment
        .all()
        .filter(|(name, _)| handed_on(name) || asked(name))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Calls buildx.
pub(crate) struct Buildx<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) console: Console,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) folder: PathBuf,
    /// Becomes true when the run is cancelled.
    pub(crate) stop: watch::Receiver<bool>,
    /// When the run must have ended.
    pub(crate) deadline: Instant,
    /// How long the run may take, for the message.
    pub(crate) timeout: Duration,
    /// How often what may work the next time is tried again.
    pub(crate) retries: u32,
    /// What a builder that is made is called.
    pub(crate) builder_name: String,
    /// The builder that was made because the daemon's own could not do what was asked.
    pub(crate) made_builder: Option<String>,
}

impl Buildx<'_> {
    /// One call, to its end. `Ok(Err(…))`: buildx failed, and why.
    async fn once(&mut self, title: &str, arguments: &[String]) -> Result<Result<(), Diagnosis>, Failure> {
        if *self.stop.borrow() {
            return Err(Failure::Cancelled);
        }
        let (lines, mut log) = mpsc::unbounded_channel();
        let (expired, expiry) = watch::channel(false);
        let mut arguments = arguments.to_vec();
        if let (Some(builder), false) =
            (&self.made_builder, arguments.first().is_some_and(|name| name == "create" || name == "rm"))
        {
            // After the name of the command, which may be of two words.
            let at = if arguments.first().is_some_and(|name| name == "imagetools") { 2 } else { 1 };
            arguments.splice(at..at, ["--builder".to_owned(), builder.clone()]);
        }
        let call =
            Call { arguments, environment: self.environment.clone(), folder: self.folder.clone(), lines, stop: expiry };
        self.console.group(title);
        let mut ended = std::pin::pin!(self.engine.call(call));
        let mut last = VecDeque::with_capacity(REMEMBERED);
        let mut stop = self.stop.clone();
        let (mut cancelled, mut timed_out) = (false, false);
        let exit = loop {
            tokio::select! {
                Some(line) = log.recv() => remember(&self.console, &mut last, &line),
                exit = &mut ended => break exit,
                _ = stop.wait_for(|stop| *stop), if !cancelled => {
                    cancelled = true;
                    let _ = expired.send(true);
                }
                () = tokio::time::sleep_until(self.deadline), if !timed_out && !cancelled => {
                    timed_out = true;
                    let _ = expired.send(true);
                }
            }
        };
        while let Ok(line) = log.try_recv() {
            remember(&self.console, &mut last, &line);
        }
        self.console.end_group();
        match exit {
            _ if cancelled => Err(Failure::Cancelled),
            _ if timed_out => Err(Failure::TimedOut { limit: self.timeout, pushed: None }),
            Err(error) => Err(Failure::NoEngine(error.to_string())),
            Ok(Exit::Code(Some(0))) => {
                let diagnosis = Diagnosis::of_success(last.make_contiguous());
                if let Some(said) = diagnosis {
                    tracing::warn!(
                        "the cache could not be written, and the next build may be slower: {}",
                        transport::printable(&said, 300)
                    );
                }
                Ok(Ok(()))
            }
            Ok(Exit::Code(_) | Exit::Stopped) => Ok(Err(Diagnosis::of(last.make_contiguous()))),
        }
    }

    /// One call; again while that may help, and once by a builder of our own where the daemon's cannot do what was asked.
    pub(crate) async fn call(&mut self, title: &str, arguments: &[String]) -> Result<Result<(), Diagnosis>, Failure> {
        let mut tries = 0;
        loop {
            let Err(diagnosis) = self.once(title, arguments).await? else { return Ok(Ok(())) };
            if let (Class::Builder(what), None) = (diagnosis.class, &self.made_builder) {
                if !self.make_builder(what).await? {
                    return Ok(Err(diagnosis));
                }
                continue;
            }
            if !diagnosis.is_transient() || tries >= self.retries {
                return Ok(Err(diagnosis));
            }
            // 2, 4, 8 … seconds: registries that are overloaded need some.
            let pause = Duration::from_secs(2 << tries.min(5));
            tries += 1;
            tracing::warn!(
                "{} failed ({}), trying again in {} s, {} of {}",
                diagnosis.name(),
                transport::printable(&diagnosis.said, 300),
                pause.as_secs(),
                tries,
                self.retries
            );
            if Instant::now() + pause >= self.deadline {
                return Err(Failure::TimedOut { limit: self.timeout, pushed: None });
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return Err(Failure::Cancelled),
            }
        }
    }

    /// Makes a builder of the docker-container driver. False when it cannot be made.
    async fn make_builder(&mut self, what: &str) -> Result<bool, Failure> {
        let name = self.builder_name.clone();
        tracing::info!("the builder cannot {what}: making one of the docker-container driver");
        let arguments =
            ["create", "--name", &name, "--driver", "docker-container", "--bootstrap"].map(ToOwned::to_owned);
        let made = self.once("buildx create", &arguments).await?;
        if let Err(diagnosis) = &made {
            tracing::warn!(
                "a builder of the docker-container driver cannot be made: {}",
                transport::printable(&diagnosis.said, 300)
            );
        }
        // Also what was made in part is removed at the end.
        self.made_builder = Some(name);
        Ok(made.is_ok())
    }

    /// Removes the builder that was made.
    pub(crate) async fn clean_up(&mut self) {
        if let Some(name) = self.made_builder.clone() {
            // Also after a cancel or the timeout.
            let (_never, stop) = watch::channel(false);
            self.stop = stop;
            self.deadline = Instant::now() + CLEAN_UP;
            let removed = self.once("buildx rm", &["rm".to_owned(), "--force".to_owned(), name.clone()]).await;
            if !matches!(removed, Ok(Ok(()))) {
                tracing::warn!("the builder {name} is left behind");
            }
        }
    }
}

/// Without the secrets that it may hold: what is remembered is quoted in parts.
fn remember(console: &Console, last: &mut VecDeque<String>, line: &str) {
    console.line(line);
    if last.len() == REMEMBERED {
        last.pop_front();
    }
    last.push_back(console.masker().redact(line));
}
