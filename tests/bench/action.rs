//! The action's binary: its environment, a simulated GitHub for it, and the time that it takes to its first request.

use std::path::Path;
use std::process::Stdio;

use sim::{Access, GitHubToken, Served, World};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::Instant;

use crate::measure::Rounds;
use crate::{Goal, MISSING, STARTS, THERE, services};

const TOKEN: &str = "ghs_0123456789abcdefghij";
/// How many services are named where only the start is measured.
const SERVICES: u32 = 6;

/// GitHub, with a tag for each version.
pub(crate) struct Github {
    served: Served,
    /// What the tags name.
    pub(crate) commit: String,
}

impl Github {
    /// Serves a repository.
    pub(crate) async fn serve() -> anyhow::Result<Self> {
        let world = World::new("2026-11-23T12:00:00Z".parse()?);
        let commit = world.commit("release");
        for version in [THERE, MISSING] {
            world.tag(&format!("v{version}"), &commit);
        }
        let token = GitHubToken::new(TOKEN).contents(Access::Write).statuses(Access::Read);
        world.token(token.actions(Access::Read).packages(Access::Read));
        Ok(Self { served: world.serve_github().await?, commit })
    }

    /// A step that looks once at `count` images on `registry`, and writes nothing.
    pub(crate) fn environment(
        &self,
        folder: &Path,
        registry: &str,
        goal: Goal,
        count: u32,
    ) -> anyhow::Result<Vec<(String, String)>> {
        environment(folder, &self.served.url(), registry, goal, count)
    }
}

fn environment(
    folder: &Path,
    api: &str,
    registry: &str,
    goal: Goal,
    count: u32,
) -> anyhow::Result<Vec<(String, String)>> {
    let event = folder.join("event.json");
    std::fs::write(&event, "{}")?;
    std::fs::write(folder.join("output"), "")?;
    let pairs = [
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_REPOSITORY", "octo/shop".to_owned()),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_API_URL", api.to_owned()),
        ("GITHUB_EVENT_NAME", "push".to_owned()),
        ("GITHUB_EVENT_PATH", event.display().to_string()),
        ("GITHUB_REF", format!("refs/tags/v{}", goal.version())),
        ("GITHUB_RUN_ID", "900".to_owned()),
        ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
        ("GITHUB_OUTPUT", folder.join("output").display().to_string()),
        ("GITHUB_STEP_SUMMARY", folder.join("summary").display().to_string()),
        ("INPUT_TOKEN", TOKEN.to_owned()),
        ("INPUT_SERVICES", services(count).collect::<Vec<_>>().join(" ")),
        ("INPUT_IMAGE", format!("{registry}/bench/{{service}}:{{version}}")),
        ("INPUT_REVISION", "require".to_owned()),
        ("INPUT_WAIT", "false".to_owned()),
        ("INPUT_START-GRACE", "0".to_owned()),
        ("INPUT_CHANGELOG", "none".to_owned()),
        ("INPUT_DRY-RUN", "true".to_owned()),
    ];
    Ok(pairs.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The time from the start of the process until its first request has come in, several times.
pub(crate) async fn starts(binary: &Path, folder: &Path, search_path: &str) -> anyhow::Result<Rounds> {
    let mut rounds = Rounds::default();
    for _ in 0..STARTS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let api = format!("http://{}", listener.local_addr()?);
        let mut process = Command::new(binary);
        process.env_clear().env("PATH", search_path);
        process.envs(environment(folder, &api, "127.0.0.1:1", Goal::Proof, SERVICES)?);
        process.stdout(Stdio::null()).kill_on_drop(true);
        let start = Instant::now();
        let mut running = process.spawn()?;
        let (mut connection, _) = listener.accept().await?;
        connection.read_u8().await?;
        rounds.add_wall(start.elapsed());
        running.kill().await?;
    }
    Ok(rounds)
}
