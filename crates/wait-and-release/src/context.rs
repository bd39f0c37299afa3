//! What one run works with: its inputs, what the runner said, and the two clients.

use std::collections::HashSet;
use std::time::Duration;

use domain::repository::Repository;
use github::GitHub;
use jiff::Timestamp;
use registry::Registry;
use runner::{DockerConfig, Environment, Event, Masker, Network, Problem, Runner};
use tokio::sync::Mutex;
use tokio::time::Instant;
use transport::{Core, CoreOptions, Proxies};

use crate::inputs::Inputs;
use crate::patience::{self, patiently};

/// One run.
pub(crate) struct Context {
    pub(crate) inputs: Inputs,
    pub(crate) runner: Runner,
    pub(crate) event: Event,
    pub(crate) repository: Repository,
    /// Such as `https://github.com`, without a trailing slash.
    pub(crate) server_url: String,
    pub(crate) github: GitHub,
    pub(crate) registry: Registry,
    /// What `docker login` left.
    pub(crate) docker: Option<DockerConfig>,
    /// Hides what comes out of it.
    pub(crate) masker: Masker,
    /// The authorities of the registries that were signed in to.
    pub(crate) met: Mutex<HashSet<String>>,
    /// Whether this run waits; otherwise it looks once.
    pub(crate) waiting: bool,
    /// When this run started, by its own clock.
    pub(crate) began: Instant,
}

/// The inputs and what the runner said, checked together, with nothing contacted.
pub(crate) struct Checked {
    inputs: Inputs,
    runner: Runner,
    event: Event,
    repository: Repository,
    network: Network,
    docker: Option<DockerConfig>,
    masker: Masker,
}

impl Checked {
    /// Checks everything that was given. All problems are reported together.
    pub(crate) fn read(environment: &Environment, masker: &Masker) -> Result<Self, Vec<Problem>> {
        let runner = Runner::read(environment);
        let mut problems = runner.problems().to_vec();
        let inputs = match Inputs::read(environment, environment.get("GITHUB_API_URL"), masker) {
            Ok(inputs) => Some(inputs),
            Err(more) => {
                problems.extend(more);
                None
            }
        };
        let mut problem = |name: &str, given: String, accepted: &str| {
            problems.push(Problem { name: name.into(), given, accepted: accepted.into() });
        };
        if runner.repository.is_none() && environment.get("GITHUB_REPOSITORY").is_none() {
            problem("GITHUB_REPOSITORY", "nothing".into(), "owner/name; the runner sets it");
        }
        let event = match runner.event_path.as_deref().map(Event::read) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                problem("GITHUB_EVENT_PATH", error.to_string(), "the file that the runner wrote");
                Event::default()
            }
            None => Event::default(),
        };
        match (inputs, runner.repository.clone(), problems.is_empty()) {
            (Some(inputs), Some(repository), true) => {
                let network = Network::read(environment, masker);
                let docker = DockerConfig::read(environment).unwrap_or_else(|error| {
                    tracing::warn!("docker's credentials are not used: {error}");
                    None
                });
                Ok(Self { inputs, runner, event, repository, network, docker, masker: masker.clone() })
            }
            _ => Err(problems),
        }
    }

    /// Makes the clients. `core` puts bytes on the wire.
    pub(crate) fn connect(
        self,
        core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    ) -> anyhow::Result<Context> {
        let Self { inputs, runner, event, repository, network, docker, masker } = self;
        let mut roots = inputs.roots.clone();
        roots.add_usable(network.certificates.as_deref().unwrap_or_default());
        let proxies = Proxies { http: network.http_proxy, https: network.https_proxy, except: network.no_proxy };
        let user_agent = concat!("wait-and-release/", env!("CARGO_PKG_VERSION")).to_owned();
        let core = core(&CoreOptions { roots, proxies, user_agent })?;
        let github = GitHub::new(
            core.clone(),
            github::Settings {
                api_url: inputs.api_url.clone(),
                token: inputs.token.clone(),
                repository: repository.clone(),
                transport: transport::Settings::default(),
            },
        )?;
        let settings =
            registry::Settings { plain_http: inputs.insecure_registries.clone(), ..registry::Settings::default() };
        let is_tag_push = runner.event_name.as_deref() == Some("push")
            && runner.git_ref.as_deref().is_some_and(|name| name.starts_with("refs/tags/"));
        let is_dispatch = runner.event_name.as_deref() == Some("workflow_dispatch");
        let server_url = runner.server_url.as_deref().unwrap_or("https://github.com").trim_end_matches('/').to_owned();
        Ok(Context {
            waiting: inputs.wait.unwrap_or(is_tag_push || is_dispatch),
            registry: Registry::new(core, settings),
            docker,
            masker,
            met: Mutex::default(),
            github,
            server_url,
            repository,
            event,
            runner,
            inputs,
            began: Instant::now(),
        })
    }
}

impl Context {
    /// The address of the repository's pages.
    pub(crate) fn repository_url(&self) -> String {
        format!("{}/{}", self.server_url, self.repository)
    }

    /// How long a GitHub that does not answer is waited out.
    pub(crate) fn patience(&self) -> Duration {
        patience::limit(self.waiting, self.inputs.timeout)
    }

    /// Asks GitHub until it answers; troubles of the moment are waited out.
    pub(crate) async fn patiently<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, github::Error>,
    ) -> Result<T, github::Error> {
        patiently(self.patience(), ask).await
    }

    /// When this run started, by GitHub's clock: known after GitHub's first answer.
    pub(crate) fn started(&self) -> Timestamp {
        let now = self.github.now().unwrap_or(Timestamp::UNIX_EPOCH);
        now.checked_sub(jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default()).unwrap_or(now)
    }
}
