//! Commit statuses and repository dispatches: REST pages "Commit statuses" and "Repositories" (Create a repository
//! dispatch event).

use serde_json::{Value, json};

use super::page::{Fields, custom, invalid, malformed, not_found, paged, refusal};
use super::permissions::Area;
use super::{Exchange, user};
use crate::history::{CommitStatus, Dispatch};
use crate::message::{Outcome, Reply, iso};

/// "There is a limit of 1000 statuses per sha and context within a repository."
const MOST_STATUSES: usize = 1000;
/// Seen as "description is too long (maximum is 140 characters)".
const LONGEST_DESCRIPTION: usize = 140;

impl Exchange<'_> {
    fn status_json(&self, status: &CommitStatus) -> Value {
        let at = iso(status.created_at);
        json!({
            "id": status.id, "node_id": format!("SC_{}", status.id), "state": status.state,
            "context": status.context, "description": status.description, "target_url": status.target_url,
            "url": format!("{}/statuses/{}", self.urls.repo, status.sha), "avatar_url": null,
            "created_at": at, "updated_at": at, "creator": user(&status.creator, &self.urls),
        })
    }

    /// The statuses of a commit, "in reverse chronological order. The first status in the list will be the latest one."
    fn newest_first(&self, sha: &str) -> Vec<&CommitStatus> {
        let mut statuses: Vec<&CommitStatus> =
            self.state.github.statuses.iter().filter(|status| status.sha == sha).collect();
        statuses.sort_by_key(|status| std::cmp::Reverse(status.id));
        statuses
    }

    fn status_commit(&self, name: &str) -> Result<String, Reply> {
        self.state.git.resolved(name).map(|commit| commit.sha.clone()).ok_or_else(not_found)
    }

    /// "List commit statuses for a reference": the whole history.
    pub(super) fn statuses(&mut self, name: &str) -> Outcome {
        self.may_read(Area::Statuses)?;
        let sha = self.status_commit(name)?;
        let statuses = self.newest_first(&sha).into_iter().map(|status| self.status_json(status)).collect();
        Ok(paged(self.call, &self.urls, self.state.git.spec.id, statuses, Value::Array))
    }

    /// "Get the combined status for a specific reference": the newest of each context; `failure` if any "report as error
    /// or failure", `pending` "if there are no statuses or a context is pending", else `success`.
    pub(super) fn combined_status(&mut self, name: &str) -> Outcome {
        self.may_read(Area::Statuses)?;
        let sha = self.status_commit(name)?;
        let mut newest: Vec<&CommitStatus> = Vec::new();
        for status in self.newest_first(&sha) {
            if !newest.iter().any(|held| held.context.eq_ignore_ascii_case(&status.context)) {
                newest.push(status);
            }
        }
        let any = |wanted: &[&str]| newest.iter().any(|status| wanted.contains(&status.state.as_str()));
        let combined = if any(&["failure", "error"]) {
            "failure"
        } else if newest.is_empty() || any(&["pending"]) {
            "pending"
        } else {
            "success"
        };
        let total = newest.len();
        let statuses = newest.into_iter().map(|status| self.status_json(status)).collect();
        let (repository, repo) = (self.repository_json(), &self.urls.repo);
        Ok(paged(self.call, &self.urls, self.state.git.spec.id, statuses, |statuses| {
            json!({
                "state": combined, "sha": sha, "total_count": total, "statuses": statuses, "repository": repository,
                "commit_url": format!("{repo}/commits/{sha}"), "url": format!("{repo}/commits/{sha}/status"),
            })
        }))
    }

    /// "Create a commit status".
    pub(super) fn create_status(&mut self, sha: &str) -> Outcome {
        self.may_write(Area::Statuses)?;
        let fields = Fields::of(self.call)?;
        let state = fields.required("state")?;
        let context = fields.text("context")?.unwrap_or_else(|| "default".to_owned());
        let description = fields.text("description")?;
        let target_url = fields.text("target_url")?.filter(|url| !url.is_empty());
        if !self.state.git.commits.contains_key(sha) {
            return Err(refusal(422, &format!("No commit found for SHA: {sha}")));
        }
        if !["error", "failure", "pending", "success"].contains(&state.as_str()) {
            return Err(invalid("Status", "state", "invalid"));
        }
        if description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            return Err(custom("Status", "description", "description is too long (maximum is 140 characters)"));
        }
        if context.chars().count() > 255 {
            return Err(custom("Status", "context", "context is too long (maximum is 255 characters)"));
        }
        if target_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err(custom("Status", "target_url", "target_url must use http(s) scheme"));
        }
        let statuses = &self.state.github.statuses;
        // "context … This field is case-insensitive."
        let held =
            statuses.iter().filter(|held| held.sha == sha && held.context.eq_ignore_ascii_case(&context)).count();
        if held >= MOST_STATUSES {
            // The text as renovatebot/renovate#1779 met it.
            return Err(custom("Status", "", "This SHA and context has reached the maximum number of statuses."));
        }
        let status = CommitStatus {
            id: self.state.github.new_id(),
            sha: sha.to_owned(),
            state,
            context,
            description,
            target_url,
            created_at: self.now,
            creator: self.login(),
        };
        let reply = Reply::json(201, &self.status_json(&status));
        self.state.github.statuses.push(status);
        let location = format!("{}/statuses/{sha}", self.urls.repo);
        Ok(reply.with("Location", location))
    }

    /// "Create a repository dispatch event": `event_type` "must be 100 characters or fewer"; `client_payload` "maximum
    /// of 10 top-level properties. The total size of the JSON payload must be less than 64KB." Needs `contents: write`.
    pub(super) fn dispatch(&mut self) -> Outcome {
        self.may_write(Area::Contents)?;
        let fields = Fields::of(self.call)?;
        let event_type = fields.required("event_type")?;
        let length = event_type.chars().count();
        if length > 100 {
            return Err(malformed(&format!("Only 100 characters are allowed; {length} were supplied.")));
        }
        let payload = fields.object("client_payload")?.unwrap_or_default();
        if payload.len() > 10 {
            let text = format!("No more than 10 properties are allowed; {} were supplied.", payload.len());
            return Err(malformed(&text));
        }
        let client_payload = Value::Object(payload);
        if client_payload.to_string().len() >= 64 * 1024 {
            return Err(malformed("client_payload is too large."));
        }
        self.state.github.dispatches.push(Dispatch { at: self.now, event_type, client_payload });
        Ok(Reply::empty(204))
    }
}
