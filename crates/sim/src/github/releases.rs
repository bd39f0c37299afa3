//! Releases: REST page "Releases".

use serde_json::{Value, json};

use super::page::{Fields, custom, invalid, malformed, not_found, paged, refusal};
use super::permissions::Area;
use super::publish::{
    MakeLatest, apply_latest, check_latest, check_publication, check_target, commit_date, fresh, publish,
};
use super::{Exchange, latest, user};
use crate::history::Release;
use crate::message::{Outcome, Reply, iso, object_id};

/// "body is too long (maximum is 125000 characters)", as softprops/action-gh-release and goreleaser met it.
const LONGEST_BODY: usize = 125_000;

impl Exchange<'_> {
    fn release_json(&self, release: &Release) -> Value {
        let (id, repo, page) = (release.id, &self.urls.repo, &self.urls.page);
        let tag = &release.tag_name;
        // A draft has a page of its own, which does not tell the tag.
        let shown = if release.draft {
            format!("untagged-{}", &object_id(format!("untagged {id}").as_bytes())[..20])
        } else {
            tag.clone()
        };
        let ball = |kind: &str| (!release.draft).then(|| format!("{repo}/{kind}/{tag}"));
        let assets: Vec<Value> = release.assets.iter().map(|asset| self.asset_json(release, asset)).collect();
        json!({
            "url": format!("{repo}/releases/{id}"), "assets_url": format!("{repo}/releases/{id}/assets"),
            "upload_url": format!("{}/repos/{}/releases/{id}/assets{{?name,label}}", self.urls.uploads, self.urls.full_name),
            "html_url": format!("{page}/releases/tag/{shown}"), "id": id, "node_id": format!("RE_{id}"),
            "author": user(&release.author, &self.urls), "tag_name": tag, "target_commitish": release.target_commitish,
            "name": release.name, "body": release.body, "draft": release.draft, "prerelease": release.prerelease,
            "immutable": release.immutable, "created_at": iso(release.created_at),
            "updated_at": iso(release.updated_at), "published_at": release.published_at.map(iso), "assets": assets,
            "tarball_url": ball("tarball"), "zipball_url": ball("zipball"),
        })
    }

    /// The release of an id, if this asker may see it: "Only users with push access will receive listings for draft
    /// releases."
    pub(super) fn visible(&self, id: &str) -> Result<&Release, Reply> {
        let found = self.state.github.releases.iter().find(|release| release.id.to_string() == id);
        found.filter(|release| !release.draft || self.may_push()).ok_or_else(not_found)
    }

    /// "List releases". Newest `created_at` first.
    pub(super) fn releases(&mut self) -> Outcome {
        self.may_read(Area::Contents)?;
        let all = self.state.github.releases.iter();
        let mut shown: Vec<&Release> = all.filter(|release| !release.draft || self.may_push()).collect();
        shown.sort_by_key(|release| std::cmp::Reverse((release.created_at, release.id)));
        let shown = shown.into_iter().map(|release| self.release_json(release)).collect();
        Ok(paged(self.call, &self.urls, self.state.git.spec.id, shown, Value::Array))
    }

    /// "Get a release".
    pub(super) fn release(&mut self, id: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        Ok(Reply::json(200, &self.release_json(self.visible(id)?)))
    }

    /// "Get a release by tag name": "Get a *published* release with the specified tag"; drafts are never found.
    pub(super) fn release_by_tag(&mut self, tag: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let lag = self.state.github.by_tag_lag;
        let seen = |release: &&Release| release.made_at.checked_add(lag).is_ok_and(|seen| seen <= self.now);
        let mut published =
            self.state.github.releases.iter().filter(|release| !release.draft && release.tag_name == tag);
        let release = published.find(seen).ok_or_else(not_found)?;
        Ok(Reply::json(200, &self.release_json(release)))
    }

    /// "Get the latest release".
    pub(super) fn latest_release(&mut self) -> Outcome {
        self.may_read(Area::Contents)?;
        let release = latest(&self.state.github).ok_or_else(not_found)?;
        Ok(Reply::json(200, &self.release_json(release)))
    }

    /// "Create a release".
    pub(super) fn create_release(&mut self) -> Outcome {
        self.may_write(Area::Contents)?;
        let fields = Fields::of(self.call)?;
        let tag = fields.required("tag_name")?;
        let mut release = fresh(self.state, 0, &tag, self.now);
        release.author = self.login();
        apply(&mut release, &fields)?;
        let wish = make_latest(&fields)?;
        let draft = fields.flag("draft")?.unwrap_or(false);
        release.draft = draft;
        if !is_ref_name(&tag) {
            return Err(custom("Release", "tag_name", "tag_name is not a valid tag"));
        }
        check_latest(&release, wish)?;
        // Several drafts may share a tag, also with a published release; only publication is exclusive
        // (softprops/action-gh-release#705: duplicate drafts, then `already_exists`).
        if draft {
            check_target(self.state, &release)?;
        } else {
            check_publication(self.state, &release)?;
        }
        if fields.flag("generate_release_notes")?.unwrap_or(false) {
            // "If body is specified, the body will be pre-pended to the automatically generated notes."
            let notes = self.notes(&tag, &release.target_commitish, None)?;
            release.name = release.name.filter(|name| !name.is_empty()).or(Some(notes.0));
            let text = release
                .body
                .filter(|body| !body.is_empty())
                .map_or(notes.1.clone(), |body| format!("{body}\n\n{}", notes.1));
            release.body = Some(text);
        }
        check_body(&release)?;
        let id = self.state.github.new_id();
        release.id = id;
        release.draft = true;
        release.created_at = commit_date(self.state, &release).unwrap_or(self.now);
        self.state.github.releases.push(release);
        if !draft {
            publish(self.state, id, wish, self.now)?;
        }
        let id = id.to_string();
        let body = self.release_json(self.visible(&id)?);
        Ok(Reply::json(201, &body).with("Location", format!("{}/releases/{id}", self.urls.repo)))
    }

    /// "Update a release".
    pub(super) fn update_release(&mut self, id: &str) -> Outcome {
        self.may_write(Area::Contents)?;
        let held = self.visible(id)?.clone();
        let fields = Fields::of(self.call)?;
        let wish = make_latest(&fields)?;
        let mut release = held.clone();
        if let Some(tag) = fields.text("tag_name")? {
            if !is_ref_name(&tag) {
                return Err(custom("Release", "tag_name", "tag_name is not a valid tag"));
            }
            release.tag_name = tag;
        }
        apply(&mut release, &fields)?;
        release.draft = fields.flag("draft")?.unwrap_or(held.draft);
        check_body(&release)?;
        // "Immutable releases": the tag and the assets are frozen; title and notes can be modified, and prerelease and
        // latest too (github/docs#45730). The wording of this refusal was not seen.
        let frozen = (&held.tag_name, &held.target_commitish, held.draft);
        if held.immutable && frozen != (&release.tag_name, &release.target_commitish, release.draft) {
            return Err(refusal(422, "Cannot change the tag or state of an immutable release."));
        }
        check_latest(&release, wish)?;
        let publishes = held.draft && !release.draft;
        if release.draft {
            check_target(self.state, &release)?;
        } else {
            check_publication(self.state, &release)?;
        }
        release.updated_at = self.now;
        if release.draft && !held.draft {
            // A published release can be turned back (ncipollo/release-action#21).
            release.published_at = None;
        }
        let number = release.id;
        if publishes {
            release.draft = true;
        }
        let at = self.state.github.releases.iter().position(|release| release.id == number).ok_or_else(not_found)?;
        self.state.github.releases[at] = release.clone();
        if publishes {
            publish(self.state, number, wish, self.now)?;
        } else {
            apply_latest(&mut self.state.github, &release, wish, false);
        }
        Ok(Reply::json(200, &self.release_json(self.visible(id)?)))
    }

    /// "Check if immutable releases are enabled for a repository" (page "Repositories"): 404 when they are not.
    pub(super) fn immutable_releases(&mut self) -> Outcome {
        self.may_read_settings()?;
        if !self.state.github.immutable {
            return Err(not_found());
        }
        Ok(Reply::json(200, &json!({ "enabled": true, "enforced_by_owner": false })))
    }

    /// "Delete a release": 204; its tag stays. An immutable one can be deleted too, but its tag name is spent.
    pub(super) fn delete_release(&mut self, id: &str) -> Outcome {
        self.may_write(Area::Contents)?;
        let number = self.visible(id)?.id;
        self.state.github.releases.retain(|release| release.id != number);
        Ok(Reply::empty(204))
    }

    /// "Generate release notes content for a release".
    pub(super) fn generate_notes(&mut self) -> Outcome {
        self.may_write(Area::Contents)?;
        let fields = Fields::of(self.call)?;
        let tag = fields.required("tag_name")?;
        let default = self.state.git.spec.default_branch.clone();
        let target = fields.text("target_commitish")?.unwrap_or(default);
        let (name, body) = self.notes(&tag, &target, fields.text("previous_tag_name")?.as_deref())?;
        Ok(Reply::json(200, &json!({ "name": name, "body": body })))
    }
}

/// The plain fields that both writes take.
fn apply(release: &mut Release, fields: &Fields) -> Result<(), Reply> {
    if let Some(target) = fields.text("target_commitish")? {
        release.target_commitish = target;
    }
    if let Some(name) = fields.text("name")? {
        release.name = Some(name);
    }
    if let Some(body) = fields.text("body")? {
        release.body = Some(body);
    }
    if let Some(prerelease) = fields.flag("prerelease")? {
        release.prerelease = prerelease;
    }
    Ok(())
}

fn check_body(release: &Release) -> Result<(), Reply> {
    if release.body.as_ref().is_some_and(|body| body.chars().count() > LONGEST_BODY) {
        return Err(custom("Release", "body", "body is too long (maximum is 125000 characters)"));
    }
    Ok(())
}

/// `make_latest` is a string, though it looks like a boolean.
fn make_latest(fields: &Fields) -> Result<Option<MakeLatest>, Reply> {
    match fields.text("make_latest")?.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(MakeLatest::True)),
        Some("false") => Ok(Some(MakeLatest::False)),
        Some("legacy") => Ok(Some(MakeLatest::Legacy)),
        Some(other) => {
            let text =
                format!("For 'properties/make_latest', {other} is not a member of [\"true\", \"false\", \"legacy\"].");
            Err(if other.is_empty() { invalid("Release", "make_latest", "invalid") } else { malformed(&text) })
        }
    }
}

/// git-check-ref-format(1), the rules a tag name can break.
fn is_ref_name(name: &str) -> bool {
    let forbidden = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
    !name.is_empty()
        && !name.starts_with(['/', '-'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && name.split('/').all(|part| {
            let locked = std::path::Path::new(part).extension().is_some_and(|extension| extension == "lock");
            !part.starts_with('.') && !locked
        })
        && !name.chars().any(forbidden)
}
