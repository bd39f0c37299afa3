//! The runner: act, without job containers. It starts what it is told to, one event of one workflow: it neither chains workflows
//! nor looks at filters, groups and permissions.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use sim::RunSpec;
use tokio::process::Command;

use super::shop::{Shop, TAG, variable};
use super::tell;

/// What stands for `actions/checkout`: act itself copies the files and no history, and reaches no GitHub.
const CHECKOUT: &str = r#"name: checkout
description: Gets a commit from the repository on this machine, as actions/checkout does from GitHub
inputs:
  ref: { description: What to get, default: "${{ github.sha }}" }
  fetch-depth: { description: How many commits, default: "1" }
  persist-credentials: { description: There are none, default: "false" }
runs:
  using: composite
  steps:
    - shell: bash
      env: { REF: "${{ inputs.ref }}", DEPTH: "${{ inputs.fetch-depth }}" }
      run: |
        depth=(--depth "$DEPTH")
        if [[ $DEPTH == 0 ]]; then depth=(); fi
        git init --quiet .
        git fetch --quiet "${depth[@]}" "file://$E2E_ORIGIN" "$REF"
        git checkout --quiet --force --detach FETCH_HEAD
"#;
/// What stands for an action that sets up what the test has set up.
const NOTHING: &str = "name: nothing\ndescription: Nothing\nruns:\n  using: composite\n  steps:\n    - { shell: bash, run: echo set up }\n";

/// What starts a run.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    name: &'static str,
    git_ref: String,
    payload: Value,
}

impl Event {
    /// The push of the tag.
    pub(crate) fn pushed() -> Self {
        Self::pushed_as(TAG)
    }

    /// The push of a tag of that name.
    pub(super) fn pushed_as(tag: &str) -> Self {
        let git_ref = format!("refs/tags/{tag}");
        Self { name: "push", payload: json!({ "ref": git_ref }), git_ref }
    }

    /// An event that runs the default branch's copy.
    pub(crate) fn woken(name: &'static str, payload: Value) -> Self {
        Self { name, git_ref: "refs/heads/main".to_owned(), payload }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) run: u64,
    pub(crate) success: bool,
    pub(crate) log: String,
}

impl Ended {
    /// Holds the end against what is expected of it.
    #[track_caller]
    pub(crate) fn is(&self, success: bool) -> &Self {
        assert_eq!(self.success, success, "{}", self.log);
        self
    }

    /// Looks for a text in the log.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.log.contains(text), "no `{text}` in the log:\n{}", self.log);
        self
    }
}

impl Shop {
    /// A run that ended.
    pub(crate) fn run_ended(&self, file: &str, ended: &Ended, commit: &str) -> Event {
        let run = json!({
            "id": ended.run, "run_attempt": 1, "event": "push", "status": "completed",
            "conclusion": if ended.success { "success" } else { "failure" }, "name": file, "head_branch": self.tag_name,
            "head_sha": commit, "created_at": self.world.now().to_string(), "path": format!(".github/workflows/{file}.yml"),
        });
        Event::woken("workflow_run", json!({ "action": "completed", "workflow_run": run }))
    }

    /// Queues what the push of the tag starts and builds.
    pub(super) async fn queue(&self) {
        for file in self.workflows().into_keys().filter(|file| file.starts_with("release-") && file != "release-notes")
        {
            self.runs.set(self.runs.get() + 1);
            let run = self.run(&file, &Event::pushed_as(&self.tag_name), self.runs.get(), 1).await;
            self.world.workflow_run(RunSpec { status: "queued".to_owned(), ..run });
            self.queued.borrow_mut().insert(file, self.runs.get());
        }
    }

    /// GitHub does not take the workflow file for one that the caller may start.
    pub(crate) async fn never_starts(&self, file: &str) {
        let number = self.queued.borrow_mut().remove(file).unwrap();
        let run = self.run(file, &Event::pushed_as(&self.tag_name), number, 1).await;
        let conclusion = Some("startup_failure".to_owned());
        self.world.workflow_run(RunSpec { status: "completed".to_owned(), conclusion, ..run });
    }

    async fn run(&self, file: &str, event: &Event, id: u64, attempt: u64) -> RunSpec {
        RunSpec {
            id,
            attempt,
            path: format!(".github/workflows/{file}.yml"),
            name: file.to_owned(),
            event: event.name.to_owned(),
            head_sha: self.commit().await,
            head_branch: Some(event.git_ref.rsplit('/').next().unwrap_or_default().to_owned()),
            ..RunSpec::default()
        }
    }

    /// Runs a workflow to its end: the run that is queued, else a new one.
    pub(crate) async fn act(&self, file: &str, event: &Event) -> Ended {
        let queued = self.queued.borrow_mut().remove(file);
        let run = queued.unwrap_or_else(|| {
            self.runs.set(self.runs.get() + 1);
            self.runs.get()
        });
        self.attempt(file, event, run, 1).await
    }

    /// Runs a workflow to its end, as this attempt of a run.
    pub(crate) async fn attempt(&self, file: &str, event: &Event, run: u64, attempt: u64) -> Ended {
        let spec = self.run(file, event, run, attempt).await;
        self.world.workflow_run(spec.clone());
        let output = self.command(&spec.path, event, run, attempt).output().await.unwrap();
        let success = output.status.success();
        let conclusion = Some(if success { "success" } else { "failure" }.to_owned());
        self.world.workflow_run(RunSpec { status: "completed".to_owned(), conclusion, ..spec });
        let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        tell(&format!("== {file} on {} (run {run}, attempt {attempt}): {}\n", event.name, output.status));
        Ended { run, success, log }
    }

    fn command(&self, path: &str, event: &Event, run: u64, attempt: u64) -> Command {
        // Files of one run are not another's.
        let cache = self.path(&format!("cache-{run}-{attempt}"));
        for folder in [&cache, &self.path("home")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mut payload = event.payload.clone();
        let (owner, name) = self.repository.split_once('/').unwrap();
        payload["repository"] = json!({ "default_branch": "main", "name": name, "full_name": self.repository, "owner": { "login": owner } });
        let event_path = self.path(&format!("event-{run}-{attempt}.json"));
        std::fs::write(&event_path, payload.to_string()).unwrap();
        let certificates = variable("E2E_CERTIFICATES");
        let repository = self.path("repository");
        let mut act = Command::new(variable("E2E_ACT"));
        // Without a job container act hands its whole environment on.
        act.env_clear()
            .env("PATH", format!("{}:{}", self.path("bin"), variable("PATH")))
            .env("HOME", self.path("home"))
            .env("DOCKER_HOST", variable("DOCKER_HOST"));
        act.envs(&self.environment);
        act.current_dir(&repository).stdin(Stdio::null()).kill_on_drop(true);
        act.args([event.name, "--workflows", path, "--eventpath", &event_path, "--actor", "octocat"]);
        act.args(["--no-cache-server", "--action-offline-mode", "--pull=false", "--concurrent-jobs", "1"]);
        act.args(["--platform", "ubuntu-24.04=-self-hosted", "--matrix", "runner:ubuntu-24.04"]);
        act.args(["--action-cache-path", &cache]);
        act.args(["--github-instance", &self.github.host(), "--secret", "GITHUB_TOKEN=the-token-of-no-job"]);
        act.args(["--secret", "DISPATCH_TOKEN=e2e-dispatch", "--secret", "RELEASE_KEY=e2e-key"]);
        // The network of loopback, and the files that the variables of a container name.
        let mounts = format!("--network host --volume {cache}:{cache} --volume {certificates}:{certificates}:ro");
        act.args(["--container-options", &mounts]);
        for (name, value) in [
            ("GITHUB_API_URL", &format!("{}/api/v3", self.github.url())),
            ("GITHUB_SERVER_URL", &self.github.url()),
            ("GITHUB_RUN_ID", &run.to_string()),
            ("GITHUB_RUN_ATTEMPT", &attempt.to_string()),
            ("GITHUB_WORKFLOW_REF", &format!("{}/{path}@{}", self.repository, event.git_ref)),
            ("HTTPS_PROXY", &format!("http://{}", variable("E2E_PROXY"))),
            ("SSL_CERT_FILE", &format!("{certificates}/ca.pem")),
            ("E2E_ORIGIN", &repository),
            // Where a container finds the daemon that started it.
            ("DOCKER_HOST", &"unix:///var/run/docker.sock".to_owned()),
        ] {
            act.args(["--env", &format!("{name}={value}")]);
        }
        for (reference, folder) in &self.tree {
            act.args(["--local-repository", &format!("{reference}={}", folder.display())]);
        }
        for reference in foreign(&self.tree.iter().map(|(_, folder)| folder.as_path()).collect::<Vec<_>>(), &repository)
        {
            let folder = self.path(&reference.replace(['/', '@'], "-"));
            std::fs::create_dir_all(&folder).unwrap();
            let is_checkout = reference.starts_with("actions/checkout@");
            std::fs::write(format!("{folder}/action.yml"), if is_checkout { CHECKOUT } else { NOTHING }).unwrap();
            act.args(["--local-repository", &format!("{reference}={folder}")]);
        }
        act
    }
}

/// The actions of others that the workflows and the release tree call.
fn foreign(tree: &[&Path], repository: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(repository).join(".github/workflows")];
    for folder in tree {
        folders.extend([folder.join(".github/workflows"), folder.join("build-image")]);
    }
    for folder in folders {
        for file in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(file).unwrap();
            for line in text.lines() {
                let uses = line.trim_start().trim_start_matches("- ").strip_prefix("uses: ").unwrap_or_default();
                let uses = uses.split(' ').next().unwrap_or_default();
                if uses.contains('@') && !uses.starts_with("org/release-actions/") {
                    found.insert(uses.to_owned());
                }
            }
        }
    }
    found
}
