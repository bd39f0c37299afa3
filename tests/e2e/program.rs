//! The real actions, built by cargo or taken from their image, and started as a runner starts them.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use runner::Environment;
use serde_json::Value;

use crate::stage::{Ended, TOKEN, outputs};

/// What ring's build script watches.
const FOR_THIS_PACKAGE: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// The folder of the binaries. Cargo tells tests the path of their own package's binaries alone (`CARGO_BIN_EXE_…`), so it
/// is asked.
static BINARIES: LazyLock<PathBuf> = LazyLock::new(|| {
    let cargo = Environment::capture().get("CARGO").unwrap_or("cargo").to_owned();
    let mut build = Command::new(cargo);
    // What cargo says to this test of its own package makes ring, and all that stands on it, be built again.
    for name in FOR_THIS_PACKAGE {
        build.env_remove(name);
    }
    build.args(["build", "--quiet", "--package", "wait-and-release", "--package", "build-and-signal"]);
    build.arg("--message-format=json-render-diagnostics");
    build.current_dir(root()).stderr(Stdio::inherit());
    let built = build.output().unwrap();
    assert!(built.status.success(), "the actions do not build");
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().expect("cargo names the executables").parent().unwrap().to_owned()
});

/// Builds the binaries, if no test has yet, and gives their folder.
pub(crate) async fn binaries() -> &'static Path {
    tokio::task::spawn_blocking(|| BINARIES.as_path()).await.unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// One step of a job that uses the action: what the runner would set.
pub(crate) struct Step {
    action: &'static str,
    variables: BTreeMap<String, String>,
    mounts: Vec<String>,
    folder: tempfile::TempDir,
}

impl Step {
    /// The step of `action` in a run that a push of `v1.0.0` started. Every input that its `action.yml` declares is handed
    /// over, with its default.
    pub(crate) fn of_tag_push(action: &'static str, api_url: &str, commit: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut step = Self { action, variables: BTreeMap::new(), mounts: Vec::new(), folder };
        for (name, value) in [
            ("HOME", "/github/home"),
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTION", &format!("__org_release-actions_{action}")),
            ("GITHUB_ACTION_REPOSITORY", "org/release-actions"),
            ("GITHUB_ACTION_REF", "v1"),
            ("GITHUB_ACTOR", "alice"),
            ("GITHUB_ACTOR_ID", "1"),
            ("GITHUB_TRIGGERING_ACTOR", "alice"),
            ("GITHUB_API_URL", api_url),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "octo/shop"),
            ("GITHUB_REPOSITORY_OWNER", "octo"),
            ("GITHUB_JOB", "release"),
            ("GITHUB_RUN_ID", "900"),
            ("GITHUB_RUN_NUMBER", "9"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_WORKFLOW", "release-notes"),
            ("GITHUB_BASE_REF", ""),
            ("GITHUB_HEAD_REF", ""),
            ("RUNNER_OS", "Linux"),
            ("RUNNER_ARCH", "X64"),
            ("RUNNER_ENVIRONMENT", "github-hosted"),
        ] {
            step.set(name, value);
        }
        for (variable, file) in [
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_STEP_SUMMARY", "summary"),
            ("GITHUB_STATE", "state"),
            ("GITHUB_ENV", "env"),
            ("GITHUB_PATH", "path"),
        ] {
            let path = step.path(file);
            std::fs::write(&path, "").unwrap();
            step.set(variable, &path.display().to_string());
        }
        let folder = step.folder.path().display().to_string();
        step.set("GITHUB_WORKSPACE", &folder).set("RUNNER_TEMP", &folder);
        step.declared_inputs(api_url);
        step.event("push", "refs/tags/v1.0.0", "{}");
        step.set("GITHUB_SHA", commit);
        step
    }

    fn declared_inputs(&mut self, api_url: &str) {
        let action = std::fs::read_to_string(root().join(format!("actions/{}/action.yml", self.action))).unwrap();
        let action: Value = serde_saphyr::from_str(&action).unwrap();
        for (name, input) in action["inputs"].as_object().unwrap() {
            let default = input["default"].as_str().unwrap_or_default();
            let default = default.replace("${{ github.token }}", TOKEN).replace("${{ github.api_url }}", api_url);
            self.input(name, &default);
        }
    }

    /// Makes it a run of another event. `payload` is what `GITHUB_EVENT_PATH` holds.
    pub(crate) fn event(&mut self, name: &str, git_ref: &str, payload: &str) -> &mut Self {
        let path = self.path("event.json");
        std::fs::write(&path, payload).unwrap();
        let workflow = format!("octo/shop/.github/workflows/release-notes.yml@{git_ref}");
        let short = git_ref.rsplit('/').next().unwrap_or_default();
        let kind = if git_ref.starts_with("refs/tags/") { "tag" } else { "branch" };
        self.set("GITHUB_EVENT_NAME", name).set("GITHUB_EVENT_PATH", &path.display().to_string());
        self.set("GITHUB_REF", git_ref).set("GITHUB_REF_NAME", short).set("GITHUB_REF_TYPE", kind);
        self.set("GITHUB_WORKFLOW_REF", &workflow)
    }

    /// Sets an input.
    pub(crate) fn input(&mut self, name: &str, value: &str) -> &mut Self {
        self.set(&format!("INPUT_{}", name.to_uppercase()), value)
    }

    /// Sets a variable of the environment.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Lets its container see a path of the host.
    pub(crate) fn mount(&mut self, path: &str) -> &mut Self {
        self.mounts.push(path.to_owned());
        self
    }

    /// A file in the folder of the step, which is its workspace.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it kept for its post step.
    pub(crate) fn state(&self) -> BTreeMap<String, String> {
        outputs(&std::fs::read_to_string(self.path("state")).unwrap())
    }

    /// The action as a process, or as a container of the image `E2E_IMAGE`, started as the runner starts one.
    pub(crate) async fn process(&self) -> tokio::process::Command {
        self.process_of(self.action).await
    }

    async fn process_of(&self, name: &str) -> tokio::process::Command {
        let Some(image) = Environment::capture().get("E2E_IMAGE").map(ToOwned::to_owned) else {
            let mut process = tokio::process::Command::new(binaries().await.join(self.action));
            process.arg0(name).env_clear().envs(&self.variables).current_dir(self.folder.path()).kill_on_drop(true);
            return process;
        };
        let folder = self.folder.path().display().to_string();
        let mut docker = tokio::process::Command::new("docker");
        docker.args([
            "run",
            "--rm",
            "--network",
            "host",
            "--workdir",
            &folder,
            "--volume",
            &format!("{folder}:{folder}"),
        ]);
        docker.args(self.mounts.iter().flat_map(|path| ["--volume".to_owned(), format!("{path}:{path}")]));
        docker.args(["--entrypoint", &format!("/{name}")]).envs(&self.variables);
        docker.args(self.variables.keys().flat_map(|name| ["--env", name])).arg(image);
        docker.kill_on_drop(true);
        docker
    }

    /// Runs its post step, which goes by a name of its own, and must end well.
    pub(crate) async fn post(&self) {
        let mut process = self.process_of(&format!("{}-post", self.action)).await;
        let output = process.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Runs the step until `reached`, then kills its process in the way that no process notices (SIGKILL).
    pub(crate) async fn run_until_killed(&self, reached: impl Future<Output = ()>) {
        let mut process = self.process().await.stdout(Stdio::null()).spawn().unwrap();
        tokio::select! {
            status = process.wait() => panic!("it ended by itself: {status:?}"),
            () = reached => process.kill().await.unwrap(),
        }
        let status = process.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    /// Runs the step to its end.
    pub(crate) async fn run(&self) -> Ended {
        let output = self.process().await.output().await.unwrap();
        self.ended(&output)
    }

    /// How a process of it ended.
    pub(crate) fn ended(&self, output: &Output) -> Ended {
        let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let exit = output.status.code().unwrap_or_else(|| panic!("{}: {log}", output.status));
        let read = |file: &str| std::fs::read_to_string(self.path(file)).unwrap();
        Ended { exit: exit.try_into().unwrap(), outputs: outputs(&read("output")), log, summary: read("summary") }
    }
}
