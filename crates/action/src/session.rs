//! What one run works with: what the runner said, and the two clients.

use std::collections::HashSet;

use domain::repository::Repository;
use github::GitHub;
use jiff::Timestamp;
use registry::Registry;
use runner::{DockerConfig, Environment, Event, Masker, Network, Runner};
use tokio::sync::Mutex;
use tokio::time::Instant;
use transport::{Core, CoreOptions, Proxies};

use crate::connection::Connection;
use crate::reader::InputReader;

/// What the runner said, checked, with nothing contacted.
pub struct Given {
    runner: Runner,
    event: Event,
    repository: Repository,
    connection: Connection,
    network: Network,
    docker: Option<DockerConfig>,
    masker: Masker,
}

impl Given {
    /// Checks everything that every run is given. `None` when the reader got a problem with it.
    pub fn read(environment: &Environment, reader: &mut InputReader<'_>) -> Option<Self> {
        let runner = Runner::read(environment);
        for problem in runner.problems() {
            reader.problem(&problem.name, problem.given.clone(), problem.accepted.clone());
        }
        if runner.repository.is_none() && environment.get("GITHUB_REPOSITORY").is_none() {
            reader.problem("GITHUB_REPOSITORY", "nothing", "owner/name; the runner sets it");
        }
        let event = match runner.event_path.as_deref().map(Event::read) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                reader.problem("GITHUB_EVENT_PATH", error.to_string(), "the file that the runner wrote");
                Event::default()
            }
            None => Event::default(),
        };
        let connection = reader.connection(environment);
        let masker = reader.masker.clone();
        let network = Network::read(environment, &masker);
        let docker = DockerConfig::read(environment).unwrap_or_else(|error| {
            tracing::warn!("docker's credentials are not used: {error}");
            None
        });
        Some(Self {
            repository: runner.repository.clone()?,
            connection: connection?,
            runner,
            event,
            network,
            docker,
            masker,
        })
    }

    /// Makes the clients. `core` puts bytes on the wire, `program` names the action and its version.
    ///
    /// # Errors
    /// When a client cannot be set up, such as for a proxy that makes no sense.
    pub fn connect(
        self,
        program: &str,
        core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    ) -> Result<Session, ConnectError> {
        let Self { runner, event, repository, connection, network, docker, masker } = self;
        let mut roots = connection.roots.clone();
        roots.add_usable(network.certificates.as_deref().unwrap_or_default());
        let proxies = Proxies { http: network.http_proxy, https: network.https_proxy, except: network.no_proxy };
        let core = core(&CoreOptions { roots, proxies, user_agent: program.to_owned() })?;
        let github = GitHub::new(
            core.clone(),
            github::Settings {
                api_url: connection.api_url.clone(),
                token: connection.token.clone(),
                repository: repository.clone(),
                transport: transport::Settings::default(),
            },
        )?;
        let settings =
            registry::Settings { plain_http: connection.insecure_registries.clone(), ..registry::Settings::default() };
        let server_url = runner.server_url.as_deref().unwrap_or("https://github.com").trim_end_matches('/').to_owned();
        Ok(Session {
            registry: Registry::new(core.clone(), settings),
            core,
            docker,
            masker,
            met: Mutex::default(),
            github,
            server_url,
            repository,
            event,
            runner,
            connection,
            began: Instant::now(),
        })
    }
}

/// A client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The way to the network.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// The client of GitHub.
    #[error(transparent)]
    GitHub(#[from] github::Error),
}

/// One run.
pub struct Session {
    /// What the runner said.
    pub runner: Runner,
    /// What woke us.
    pub event: Event,
    /// The repository that the workflow runs in.
    pub repository: Repository,
    /// Such as `https://github.com`, without a trailing slash.
    pub server_url: String,
    /// How services are reached.
    pub connection: Connection,
    /// GitHub, asked with the input `token`.
    pub github: GitHub,
    /// All registries.
    pub registry: Registry,
    /// What puts bytes on the wire.
    pub core: Core,
    /// What `docker login` left.
    pub docker: Option<DockerConfig>,
    /// Hides secrets.
    pub masker: Masker,
    /// The authorities of the registries that were signed in to.
    pub(crate) met: Mutex<HashSet<String>>,
    /// When this run started, by its own clock.
    pub began: Instant,
}

impl Session {
    /// The address of the repository's pages.
    pub fn repository_url(&self) -> String {
        format!("{}/{}", self.server_url, self.repository)
    }

    /// The page of this attempt of the workflow run, which a signal links to; `None` outside one.
    pub fn run_url(&self) -> Option<String> {
        let attempt = self.runner.run_attempt.unwrap_or(1);
        self.runner.run_id.map(|id| format!("{}/actions/runs/{id}/attempts/{attempt}", self.repository_url()))
    }

    /// When this run started, by GitHub's clock: known after GitHub's first answer.
    pub fn started(&self) -> Timestamp {
        let now = self.github.now().unwrap_or(Timestamp::UNIX_EPOCH);
        now.checked_sub(jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default()).unwrap_or(now)
    }
}
