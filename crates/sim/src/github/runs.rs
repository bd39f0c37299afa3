//! Workflow runs: REST page "Workflow runs". Read only; tests add them with `World::workflow_run`.

use serde_json::{Value, json};

use super::page::{not_found, paged};
use super::permissions::Area;
use super::{Exchange, user};
use crate::history::RunSpec;
use crate::message::{Outcome, Reply, iso, object_id};

impl Exchange<'_> {
    fn run_json(&self, run: &RunSpec) -> Value {
        let (id, repo, page) = (run.id, &self.urls.repo, &self.urls.page);
        let at = run.created_at.map(iso);
        let workflow = u64::from_str_radix(&object_id(run.path.as_bytes())[..7], 16).unwrap_or_default();
        let message = self.state.git.commits.get(&run.head_sha).map(|commit| commit.message.clone());
        let url = format!("{repo}/actions/runs/{id}");
        json!({
            "id": id, "node_id": format!("WFR_{id}"), "name": run.name, "path": run.path, "display_title": run.name,
            "head_branch": run.head_branch, "head_sha": run.head_sha, "event": run.event, "status": run.status,
            "conclusion": run.conclusion, "run_number": id, "run_attempt": run.attempt, "workflow_id": workflow,
            "check_suite_id": id, "created_at": at, "updated_at": at, "run_started_at": at, "pull_requests": [],
            "url": url, "html_url": format!("{page}/actions/runs/{id}"), "jobs_url": format!("{url}/jobs"),
            "logs_url": format!("{url}/logs"), "rerun_url": format!("{url}/rerun"), "cancel_url": format!("{url}/cancel"),
            "artifacts_url": format!("{url}/artifacts"), "workflow_url": format!("{repo}/actions/workflows/{workflow}"),
            "actor": user("octocat", &self.urls), "triggering_actor": user("octocat", &self.urls),
            "head_commit": { "id": run.head_sha, "message": message }, "repository": self.repository_json(),
            "head_repository": self.repository_json(),
        })
    }

    /// "List workflow runs for a repository": each run by its newest attempt; `status` "can be … a conclusion … For
    /// example, a conclusion can be `success` or a status can be `in_progress`".
    pub(super) fn runs(&mut self) -> Outcome {
        self.may_read(Area::Actions)?;
        let wanted = |name: &str| self.call.query(name);
        let (status, sha, event, branch) = (wanted("status"), wanted("head_sha"), wanted("event"), wanted("branch"));
        let fits = |filter: &Option<String>, value: Option<&str>| {
            filter.as_ref().is_none_or(|filter| value == Some(filter.as_str()))
        };
        let all = &self.state.github.runs;
        let mut runs: Vec<&RunSpec> = all
            .iter()
            .filter(|run| !all.iter().any(|other| other.id == run.id && other.attempt > run.attempt))
            .filter(|run| fits(&status, Some(&run.status)) || fits(&status, run.conclusion.as_deref()))
            .filter(|run| fits(&sha, Some(&run.head_sha)) && fits(&event, Some(&run.event)))
            .filter(|run| fits(&branch, run.head_branch.as_deref()))
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
        let total = runs.len();
        let runs = runs.into_iter().map(|run| self.run_json(run)).collect();
        Ok(paged(
            self.call,
            &self.urls,
            self.state.git.spec.id,
            runs,
            |runs| json!({ "total_count": total, "workflow_runs": runs }),
        ))
    }

    /// "Get a workflow run" and "Get a workflow run attempt".
    pub(super) fn run(&mut self, id: &str, attempt: Option<&str>) -> Outcome {
        self.may_read(Area::Actions)?;
        let of_id = self.state.github.runs.iter().filter(|run| run.id.to_string() == id);
        let run = of_id
            .filter(|run| attempt.is_none_or(|attempt| run.attempt.to_string() == attempt))
            .max_by_key(|run| run.attempt)
            .ok_or_else(not_found)?;
        Ok(Reply::json(200, &self.run_json(run)))
    }
}
