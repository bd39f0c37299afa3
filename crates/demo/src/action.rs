//! The action as GitHub runs it: the real binary, built here, as a child process in the environment that a runner gives a
//! Docker action (actions/runner, `ContainerActionHandler.cs`, `GitHubContext.cs`), and nothing of this machine's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use crate::screen::Screen;
use crate::world::{ACTOR, RELEASE_TOKEN, REPOSITORY, Shop};

const NAME: &str = "wait-and-release";
/// All builds are over in ten seconds; the action looks at the signals every fifteen.
const LONGEST_RUN: Duration = Duration::from_secs(60);

/// The built action.
pub(crate) struct Action {
    pub(crate) binary: PathBuf,
    /// The inputs of `action.yml`, each with its default.
    inputs: BTreeMap<String, String>,
}

/// The workspace.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// What started a run.
pub(crate) struct Event {
    /// Its name, such as `push`.
    pub(crate) name: &'static str,
    /// `GITHUB_REF`.
    pub(crate) git_ref: String,
    /// `GITHUB_SHA`.
    pub(crate) sha: String,
    /// `event.json`.
    pub(crate) payload: Value,
}

/// How a run ended.
pub(crate) struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub(crate) exit: Option<i32>,
    /// The step outputs.
    pub(crate) outputs: BTreeMap<String, String>,
    /// The job summary.
    pub(crate) summary: String,
}

impl Ended {
    /// An output; empty when it was not written.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }
}

impl Action {
    /// Builds the binary with the cargo that runs this program, and reads `action.yml`.
    pub(crate) async fn build() -> anyhow::Result<Self> {
        let arguments = ["build", "-p", NAME, "--bin", NAME, "--message-format=json-render-diagnostics"];
        let mut cargo = cargo();
        cargo.args(arguments).current_dir(root()).stdout(Stdio::piped());
        let cargo = cargo.spawn().context("start cargo")?;
        let built = cargo.wait_with_output().await.context("wait for cargo")?;
        ensure!(built.status.success(), "cargo cannot build {NAME}: {}", built.status);
        let binary = executable(&built.stdout).context("cargo does not say where it put the binary")?;
        let path = root().join("actions").join(NAME).join("action.yml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let action: Value = serde_saphyr::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        let inputs = action["inputs"].as_object().context("action.yml declares no inputs")?;
        let inputs = inputs.iter().map(|(name, input)| (name.clone(), text_of(&input["default"]))).collect();
        Ok(Self { binary, inputs })
    }

    /// `target/demo`, beside what cargo built.
    pub(crate) fn pages(&self) -> anyhow::Result<PathBuf> {
        let target = self.binary.parent().and_then(Path::parent).context("the binary lies in no target folder")?;
        Ok(target.join("demo"))
    }

    /// Runs the step to its end, its log passed through as it comes. `with`: what the workflow file says. `folder`:
    /// what the runner mounts as `/github`.
    pub(crate) async fn run(
        &self,
        shop: &Shop,
        event: &Event,
        with: &[(&str, &str)],
        folder: &Path,
        screen: &Screen,
    ) -> anyhow::Result<Ended> {
        for name in ["workspace", "home", "workflow", "file_commands", "runner_temp"] {
            std::fs::create_dir_all(folder.join(name))?;
        }
        let (output, summary) = (folder.join("file_commands/set_output"), folder.join("file_commands/step_summary"));
        for file in [&output, &summary] {
            std::fs::write(file, "")?;
        }
        std::fs::write(folder.join("workflow/event.json"), format!("{:#}", event.payload))?;
        let mut step = Command::new(&self.binary);
        step.env_clear().envs(environment(shop, event, folder)).envs(self.given(shop, with));
        step.current_dir(folder.join("workspace"));
        step.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut step = step.spawn().with_context(|| format!("start {}", self.binary.display()))?;
        let (out, err) = (step.stdout.take().context("no stdout")?, step.stderr.take().context("no stderr")?);
        let to_its_end = async { tokio::try_join!(pass_on(out, screen), pass_on(err, screen), step.wait()) };
        let ended = tokio::time::timeout(LONGEST_RUN, to_its_end).await;
        let ((), (), exit) = ended.context("wait-and-release did not end within a minute")??;
        Ok(Ended {
            exit: exit.code(),
            outputs: entries(&std::fs::read_to_string(output)?)?,
            summary: std::fs::read_to_string(summary)?,
        })
    }

    /// `INPUT_*`: every declared input is there, by default with its default.
    fn given(&self, shop: &Shop, with: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut inputs = self.inputs.clone();
        for default in inputs.values_mut() {
            *default = default.replace("${{ github.token }}", RELEASE_TOKEN);
            *default = default.replace("${{ github.api_url }}", &shop.api_url());
        }
        inputs.extend(with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        inputs.into_iter().map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value)).collect()
    }
}

/// Everything else that the container gets. The runner sets what has no value to the empty text.
fn environment(shop: &Shop, event: &Event, folder: &Path) -> Vec<(String, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (kind, name) = match event.git_ref.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", event.git_ref.trim_start_matches("refs/heads/")),
    };
    let workflow = format!("{REPOSITORY}/.github/workflows/release-notes.yml@{}", event.git_ref);
    let owner = REPOSITORY.split('/').next().unwrap_or_default();
    let github = [
        ("ACTION", "__org_release-actions_wait-and-release".to_owned()),
        ("ACTION_PATH", String::new()),
        ("ACTION_REF", "v1".to_owned()),
        ("ACTION_REPOSITORY", "org/release-actions".to_owned()),
        ("ACTOR", ACTOR.to_owned()),
        ("ACTOR_ID", "583231".to_owned()),
        ("API_URL", shop.api_url()),
        ("BASE_REF", String::new()),
        ("ENV", path("file_commands/set_env")),
        ("EVENT_NAME", event.name.to_owned()),
        ("EVENT_PATH", path("workflow/event.json")),
        ("GRAPHQL_URL", format!("{}/api/graphql", shop.server_url())),
        ("HEAD_REF", String::new()),
        ("JOB", "release-notes".to_owned()),
        ("OUTPUT", path("file_commands/set_output")),
        ("PATH", path("file_commands/add_path")),
        ("REF", event.git_ref.clone()),
        ("REF_NAME", name.to_owned()),
        ("REF_PROTECTED", "false".to_owned()),
        ("REF_TYPE", kind.to_owned()),
        ("REPOSITORY", REPOSITORY.to_owned()),
        ("REPOSITORY_ID", "1296269".to_owned()),
        ("REPOSITORY_OWNER", owner.to_owned()),
        ("REPOSITORY_OWNER_ID", "583231".to_owned()),
        ("RETENTION_DAYS", "90".to_owned()),
        ("RUN_ATTEMPT", "1".to_owned()),
        ("RUN_ID", "7100".to_owned()),
        ("RUN_NUMBER", "12".to_owned()),
        ("SERVER_URL", shop.server_url()),
        ("SHA", event.sha.clone()),
        ("STATE", path("file_commands/save_state")),
        ("STEP_SUMMARY", path("file_commands/step_summary")),
        ("TRIGGERING_ACTOR", ACTOR.to_owned()),
        ("WORKFLOW", "release-notes".to_owned()),
        ("WORKFLOW_REF", workflow),
        ("WORKFLOW_SHA", event.sha.clone()),
        ("WORKSPACE", path("workspace")),
    ];
    let runner = [
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("CI", "true".to_owned()),
        ("HOME", path("home")),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("RUNNER_ARCH", "X64".to_owned()),
        ("RUNNER_ENVIRONMENT", "github-hosted".to_owned()),
        ("RUNNER_NAME", "demo".to_owned()),
        ("RUNNER_OS", "Linux".to_owned()),
        ("RUNNER_TEMP", path("runner_temp")),
        ("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache".to_owned()),
        ("RUNNER_WORKSPACE", "/home/runner/work/shop".to_owned()),
        ("ACTIONS_RUNTIME_URL", shop.server_url()),
        ("ACTIONS_RUNTIME_TOKEN", "demo".to_owned()),
        ("ACTIONS_RESULTS_URL", shop.server_url()),
    ];
    let github = github.into_iter().map(|(name, value)| (format!("GITHUB_{name}"), value));
    github.chain(runner.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}

/// The cargo that runs this program, without what it says of this package: build scripts (that of `ring`) look at such
/// variables and would run again, each time, with all that hangs on them.
#[expect(clippy::disallowed_methods, reason = "cargo says here which cargo it is; no action reads this")]
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The path in cargo's messages (The Cargo Book, "External tools", "JSON messages").
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let messages = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut artifacts = messages.filter(|message| message["target"]["name"] == NAME);
    artifacts.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn text_of(default: &Value) -> String {
    match default {
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        scalar @ (Value::Bool(_) | Value::Number(_)) => scalar.to_string(),
    }
}

/// Shows the log as the page of a job does: masks are taken in silently, annotations and groups by their text.
async fn pass_on(log: impl AsyncRead + Unpin, screen: &Screen) -> std::io::Result<()> {
    let mut lines = BufReader::new(log).lines();
    while let Some(line) = lines.next_line().await? {
        let command = line.strip_prefix("::").and_then(|rest| rest.split_once("::"));
        match command.map(|(command, text)| (command.split(' ').next().unwrap_or_default(), text)) {
            Some(("add-mask" | "endgroup", _)) => {}
            Some((kind @ ("error" | "warning" | "notice" | "debug"), text)) => {
                screen.event(NAME, &format!("{kind}: {}", unescaped(text)));
            }
            Some(("group", title)) => screen.event(NAME, &unescaped(title)),
            Some(_) | None => screen.event(NAME, &line),
        }
    }
    Ok(())
}

/// The data of a workflow command (actions/runner, `ActionCommand.cs`).
fn unescaped(text: &str) -> String {
    text.replace("%0A", " ").replace("%0D", "").replace("%25", "%")
}

/// Reads `name<<DELIMITER`, lines, `DELIMITER` (actions/runner, `FileCommandManager.cs`).
fn entries(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let (mut entries, mut lines) = (BTreeMap::new(), text.lines());
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").with_context(|| format!("`{line}` is no output"))?;
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        entries.insert(name.to_owned(), value.join("\n"));
    }
    Ok(entries)
}
