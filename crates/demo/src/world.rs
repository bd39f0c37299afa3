//! The scenario: a repository that ships six services, its builds, and the GitHub and the registry that they talk to.
//! What is done here by hand is what the workflow files do on GitHub; nothing here decides about a release.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use serde_json::{Value, json};
use sim::{Access, GitHubToken, RegistrySpec, RunSpec, Served, World};
use tokio::time::Instant;

use crate::push::{PLATFORMS, Pusher};
use crate::screen::Screen;

/// The repository.
pub(crate) const REPOSITORY: &str = "octo/shop";
/// The tag that is released.
pub(crate) const TAG: &str = "v0.4.0-rc1";
/// Its version.
pub(crate) const VERSION: &str = "0.4.0-rc1";
/// The service whose first build fails.
pub(crate) const BROKEN: &str = "indexing-service";
/// Who pushed the tag.
pub(crate) const ACTOR: &str = "octocat";
/// `GITHUB_TOKEN` of the job `release-notes`.
pub(crate) const RELEASE_TOKEN: &str = "ghs_demo_release_notes";
/// `GITHUB_TOKEN` of the build jobs.
const BUILD_TOKEN: &str = "ghs_demo_build";
/// What the failed build says of itself.
const FAILURE: &str = "dockerfile: exit code 101";

/// One service, the run of its workflow, and how long its build takes.
struct Service {
    name: &'static str,
    run: u64,
    build: Duration,
}

const fn service(name: &'static str, run: u64, milliseconds: u64) -> Service {
    Service { name, run, build: Duration::from_millis(milliseconds) }
}

/// All done when the images are looked at for the third time, after ten seconds, and before the signals are read for the
/// second time, after fifteen.
const SERVICES: [Service; 6] = [
    service("api", 7001, 2_000),
    service("web", 7002, 4_000),
    service(BROKEN, 7003, 7_000),
    service("cleaner-service", 7004, 6_000),
    service("metadata-service", 7005, 8_000),
    service("thumbnail-service", 7006, 9_500),
];

/// The repository on its GitHub, and its registry, both listening on loopback.
pub(crate) struct Shop {
    pub(crate) world: World,
    /// The commit of the tag.
    pub(crate) commit: String,
    github: Served,
    registry: Served,
    http: reqwest::Client,
    pusher: Pusher,
}

impl Shop {
    /// The world before the release: `v0.3.0` is out, four pull requests are merged since, the tag is not pushed yet.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        // Another day than this machine's: time is what GitHub says it is.
        let world = World::new("2027-03-01T09:00:00Z".parse().context("the world's first moment")?);
        world.registry("ghcr.io", RegistrySpec::ghcr());
        let token = GitHubToken::new(BUILD_TOKEN).statuses(Access::Write).packages(Access::Write);
        world.token(token);
        let token = GitHubToken::new(RELEASE_TOKEN).contents(Access::Write).statuses(Access::Read);
        world.token(token.actions(Access::Read).packages(Access::Read));
        for service in &SERVICES {
            world.file("main", &workflow_path(service.name), &workflow(service.name));
        }
        for (title, author) in [("web: dark mode", "ada"), ("api: pages", "grace"), ("metadata-service: EXIF", "linus")]
        {
            world.pull_request(title, author);
        }
        world.tag("v0.3.0", &world.commit("release 0.3.0"));
        world.add_release("v0.3.0", |release| release.name = Some("v0.3.0".to_owned()));
        for (title, author) in [
            ("api: answer health checks before the database is up", "ada"),
            ("indexing-service: resume where the last run stopped", "grace"),
            ("thumbnail-service: AVIF", "linus"),
            ("web: keyboard shortcuts", "ada"),
        ] {
            world.pull_request(title, author);
        }
        let commit = world.commit("release 0.4.0-rc1");
        let github = world.serve_github().await.context("listen as GitHub")?;
        let registry = world.serve_registry("ghcr.io").await.context("listen as the registry")?;
        // Plain http to loopback: neither the machine's certificates nor its proxy have a part in it.
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().context("make the HTTP client")?;
        Ok(Self { world, commit, github, registry, http, pusher: Pusher::new(ACTOR, BUILD_TOKEN)? })
    }

    /// `GITHUB_SERVER_URL`: a GitHub Enterprise Server on loopback.
    pub(crate) fn server_url(&self) -> String {
        self.github.url()
    }

    /// `GITHUB_API_URL`.
    pub(crate) fn api_url(&self) -> String {
        format!("{}/api/v3", self.github.url())
    }

    /// `HOST:PORT` of the registry.
    pub(crate) fn registry_host(&self) -> String {
        self.registry.host()
    }

    /// Pushes the tag, and starts the workflow runs that listen to it.
    pub(crate) fn push_tag(&self) {
        self.world.annotated_tag(TAG, &self.commit);
        for service in &SERVICES {
            self.run(service, 1, None);
        }
    }

    /// Every build at its own pace; gives the digest of each image that was pushed.
    pub(crate) async fn build_all(&self, screen: &Screen) -> anyhow::Result<BTreeMap<&'static str, String>> {
        for service in &SERVICES {
            self.signal(service, 1, "pending", "build started").await?;
        }
        let mut digests = BTreeMap::new();
        let mut order: Vec<&Service> = SERVICES.iter().collect();
        order.sort_by_key(|service| service.build);
        let began = Instant::now();
        for service in order {
            tokio::time::sleep_until(began + service.build).await;
            if service.name == BROKEN {
                self.signal(service, 1, "failure", FAILURE).await?;
                self.run(service, 1, Some("failure"));
                screen.event(&format!("build {}", service.name), "FAILED, no image");
            } else {
                digests.insert(service.name, self.build(service, 1, screen).await?);
            }
        }
        Ok(digests)
    }

    /// `gh run rerun <id> --failed` for the service that failed; gives the digest of its image.
    pub(crate) async fn build_broken_again(&self, screen: &Screen) -> anyhow::Result<String> {
        let service = SERVICES.iter().find(|service| service.name == BROKEN).context("a service fails")?;
        self.run(service, 2, None);
        self.signal(service, 2, "pending", "build started").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.build(service, 2, screen).await
    }

    /// The run of the service that failed, as GitHub's API shows it.
    pub(crate) async fn broken_run(&self) -> anyhow::Result<Value> {
        let run = SERVICES.iter().find(|service| service.name == BROKEN).map_or(0, |service| service.run);
        self.get(&format!("{}/repos/{REPOSITORY}/actions/runs/{run}", self.api_url())).await
    }

    /// Reads the release of the tag as anybody can.
    pub(crate) async fn release(&self) -> anyhow::Result<Value> {
        self.get(&format!("{}/repos/{REPOSITORY}/releases/tags/{TAG}", self.api_url())).await
    }

    /// Downloads a file of a release.
    pub(crate) async fn download(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.http.get(url).header(USER_AGENT, "demo").header(ACCEPT, "application/octet-stream");
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    async fn get(&self, url: &str) -> anyhow::Result<Value> {
        let request = self.http.get(url).header(USER_AGENT, "demo").header(ACCEPT, "application/vnd.github+json");
        let answer = request.send().await?.error_for_status()?;
        serde_json::from_slice(&answer.bytes().await?).with_context(|| format!("read the answer of {url}"))
    }

    /// Pushes the image over the wire and signals success.
    async fn build(&self, service: &Service, attempt: u64, screen: &Screen) -> anyhow::Result<String> {
        let image = format!("{}/{REPOSITORY}/{}:{VERSION}", self.registry_host(), service.name);
        let labels = json!({
            "org.opencontainers.image.revision": self.commit,
            "org.opencontainers.image.source": format!("{}/{REPOSITORY}", self.server_url()),
            "org.opencontainers.image.title": service.name,
            "org.opencontainers.image.version": VERSION,
        });
        let digest = self.pusher.push(&image, &labels).await.with_context(|| format!("push {image}"))?;
        let platforms = PLATFORMS.join(",");
        self.signal(service, attempt, "success", &format!("{digest} {platforms}")).await?;
        self.run(service, attempt, Some("success"));
        let short = &digest[..digest.len().min(19)];
        screen.event(&format!("build {}", service.name), &format!("pushed {short}… ({platforms}), signalled success"));
        Ok(digest)
    }

    /// The signal: a commit status, written over HTTP.
    async fn signal(&self, service: &Service, attempt: u64, state: &str, text: &str) -> anyhow::Result<()> {
        let url = format!("{}/repos/{REPOSITORY}/statuses/{}", self.api_url(), self.commit);
        let run = format!("{}/{REPOSITORY}/actions/runs/{}/attempts/{attempt}", self.server_url(), service.run);
        let context = format!("release/{TAG}/{}", service.name);
        let body = json!({ "state": state, "context": context, "description": text, "target_url": run });
        let request = self.http.post(url).header(USER_AGENT, "demo").header(CONTENT_TYPE, "application/json");
        let request = request.header(AUTHORIZATION, format!("Bearer {BUILD_TOKEN}")).body(body.to_string());
        let answer = request.send().await?;
        ensure!(answer.status().as_u16() == 201, "the status {context} was answered by {}", answer.status());
        Ok(())
    }

    /// The workflow run of a service, running or ended.
    fn run(&self, service: &Service, attempt: u64, conclusion: Option<&str>) {
        self.world.workflow_run(RunSpec {
            id: service.run,
            attempt,
            path: workflow_path(service.name),
            name: format!("release {}", service.name),
            head_sha: self.commit.clone(),
            head_branch: Some(TAG.to_owned()),
            status: if conclusion.is_some() { "completed" } else { "in_progress" }.to_owned(),
            conclusion: conclusion.map(str::to_owned),
            ..RunSpec::default()
        });
    }
}

fn workflow_path(service: &str) -> String {
    format!(".github/workflows/release-{service}.yml")
}

/// The thin workflow of one service: what `services: auto` reads.
fn workflow(service: &str) -> String {
    format!(
        "\
name: release {service}
on:
  push:
    tags: ['v*']
  workflow_dispatch:
    inputs:
      tag: {{type: string, required: true}}
permissions: {{}}
jobs:
  release:
    permissions:
      contents: read
      packages: write
      statuses: write
    uses: org/release-actions/.github/workflows/build-image.yml@v1
    with:
      service-name: {service}
      dockerfile: {service}/Dockerfile
      platforms: {platforms}
      tag: ${{{{ inputs.tag }}}}
",
        platforms = PLATFORMS.join(",")
    )
}
