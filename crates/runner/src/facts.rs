//! What the environment says about this run, each fact with its type. Every fact may be missing: on a terminal all are.

use std::path::PathBuf;
use std::str::FromStr;

use domain::repository::{CommitSha, Repository};

use crate::{Environment, Problem};

/// The facts of this run (docs.github.com, "Variables reference"; actions/runner, `GitHubContext.cs`).
#[derive(Debug, Clone, Default)]
pub struct Runner {
    github: bool,
    problems: Vec<Problem>,
    /// `GITHUB_REPOSITORY`: the repository that the workflow runs in.
    pub repository: Option<Repository>,
    /// `GITHUB_SERVER_URL`, such as `https://github.com`.
    pub server_url: Option<String>,
    /// `GITHUB_API_URL`, such as `https://api.github.com` or `https://ghes.example/api/v3`.
    pub api_url: Option<String>,
    /// `GITHUB_EVENT_NAME`, such as `push`.
    pub event_name: Option<String>,
    /// `GITHUB_EVENT_PATH`: the file that `Event::read` reads.
    pub event_path: Option<PathBuf>,
    /// `GITHUB_REF`, in full: `refs/tags/v1.2.3`.
    pub git_ref: Option<String>,
    /// `GITHUB_SHA`. For `workflow_run` the head of the default branch, not the commit of the run that ended.
    pub sha: Option<CommitSha>,
    /// `GITHUB_RUN_ID`: one for all attempts.
    pub run_id: Option<u64>,
    /// `GITHUB_RUN_ATTEMPT`, from 1.
    pub run_attempt: Option<u32>,
    /// The path in `GITHUB_WORKFLOW_REF` (`owner/name/<path>@<ref>`), such as `.github/workflows/release.yml`.
    pub workflow_path: Option<String>,
    /// `GITHUB_ACTOR`: who started the run.
    pub actor: Option<String>,
    /// `RUNNER_DEBUG=1`: somebody re-ran the job with debug logging.
    pub debug: bool,
    /// `GITHUB_WORKSPACE`: where the repository is checked out.
    pub workspace: Option<PathBuf>,
    /// `RUNNER_TEMP`: a folder that goes away with the job.
    pub temp: Option<PathBuf>,
    /// `GITHUB_OUTPUT`, where step outputs are appended.
    pub output_path: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`, where the job summary is appended.
    pub summary_path: Option<PathBuf>,
    /// `GITHUB_STATE`, where values for the post step are appended.
    pub state_path: Option<PathBuf>,
}

impl Runner {
    /// Reads the facts. One that makes no sense is missing, and one of the `problems`.
    pub fn read(environment: &Environment) -> Self {
        let mut problems = environment.problems().to_vec();
        let text = |name: &str| environment.get(name).map(str::to_owned);
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let mut runner = Self {
            github: environment.get("GITHUB_ACTIONS") == Some("true"),
            repository: parsed(environment, "GITHUB_REPOSITORY", "owner/name", &mut problems),
            server_url: text("GITHUB_SERVER_URL"),
            api_url: text("GITHUB_API_URL"),
            event_name: text("GITHUB_EVENT_NAME"),
            event_path: path("GITHUB_EVENT_PATH"),
            git_ref: text("GITHUB_REF"),
            sha: parsed(environment, "GITHUB_SHA", "a full commit name", &mut problems),
            run_id: parsed(environment, "GITHUB_RUN_ID", "a number", &mut problems),
            run_attempt: parsed(environment, "GITHUB_RUN_ATTEMPT", "a number", &mut problems),
            workflow_path: environment.get("GITHUB_WORKFLOW_REF").and_then(workflow_path),
            actor: text("GITHUB_ACTOR"),
            debug: environment.get("RUNNER_DEBUG") == Some("1"),
            workspace: path("GITHUB_WORKSPACE"),
            temp: path("RUNNER_TEMP"),
            output_path: path("GITHUB_OUTPUT"),
            summary_path: path("GITHUB_STEP_SUMMARY"),
            state_path: path("GITHUB_STATE"),
            problems: Vec::new(),
        };
        runner.problems = problems;
        runner
    }

    /// The variables that hold something else than they should, and those of ours that are not UTF-8. To be reported
    /// together with the bad inputs.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether a runner (or act) started this process, rather than a person at a terminal.
    pub fn is_github(&self) -> bool {
        self.github
    }
}

fn parsed<T: FromStr>(environment: &Environment, name: &str, accepted: &str, problems: &mut Vec<Problem>) -> Option<T> {
    let given = environment.get(name)?;
    let value = given.parse().ok();
    if value.is_none() {
        let given = format!("`{}`", given.chars().take(100).collect::<String>());
        problems.push(Problem { name: name.into(), given, accepted: accepted.into() });
    }
    value
}

/// `owner/name/.github/workflows/x.yml@refs/tags/v1` → `.github/workflows/x.yml`. A ref may hold an `@`, the path of a
/// workflow may not, as workflows lie flat in `.github/workflows`.
fn workflow_path(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('/')?;
    let (_, path_and_ref) = rest.split_once('/')?;
    let (path, _) = path_and_ref.split_once("@refs/").or_else(|| path_and_ref.rsplit_once('@'))?;
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_of_a_tag_push_are_read() {
        let environment = Environment::from_iter([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "octo/shop"),
            ("GITHUB_API_URL", "https://api.github.com"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_EVENT_PATH", "/github/workflow/event.json"),
            ("GITHUB_REF", "refs/tags/v1.2.3"),
            ("GITHUB_SHA", "abcdef0123456789abcdef0123456789abcdef01"),
            ("GITHUB_RUN_ID", "9007199254740993"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_WORKFLOW_REF", "octo/shop/.github/workflows/release-notes.yml@refs/tags/v1@2"),
            ("RUNNER_DEBUG", "1"),
        ]);
        let runner = Runner::read(&environment);
        assert!(runner.is_github() && runner.debug);
        assert_eq!(runner.repository, Some("octo/shop".parse().unwrap()));
        assert_eq!(runner.run_id, Some(9_007_199_254_740_993));
        assert_eq!(runner.run_attempt, Some(2));
        assert_eq!(runner.workflow_path.as_deref(), Some(".github/workflows/release-notes.yml"));
        assert_eq!(runner.actor, None);
    }

    #[test]
    fn on_a_terminal_every_fact_is_missing_and_that_is_no_problem() {
        let runner = Runner::read(&Environment::default());
        assert!(!runner.is_github() && runner.problems().is_empty());
        assert_eq!(runner.repository, None);
    }

    #[test]
    fn all_facts_that_make_no_sense_are_reported_together() {
        let environment =
            Environment::from_iter([("GITHUB_REPOSITORY", "shop"), ("GITHUB_RUN_ID", "-1"), ("GITHUB_SHA", "main")]);
        let runner = Runner::read(&environment);
        let problems = runner.problems();
        let names: Vec<_> = problems.iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!(names, ["GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_RUN_ID"]);
        assert_eq!(problems[2].to_string(), "`GITHUB_RUN_ID`: `-1` is not usable; accepted: a number");
    }

    #[test]
    fn a_workflow_ref_that_is_none_has_no_path() {
        assert_eq!(workflow_path("x"), None);
        assert_eq!(workflow_path("o/r/.github/workflows/a.yml@abc").as_deref(), Some(".github/workflows/a.yml"));
    }
}
