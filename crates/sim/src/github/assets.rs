//! Files of releases: REST page "Release assets".

use bytes::Bytes;
use serde_json::{Value, json};

use super::page::{Fields, custom, invalid, malformed, not_found, paged, refusal};
use super::permissions::Area;
use super::{Exchange, GithubState, user};
use crate::history::{Asset, Release};
use crate::message::{Outcome, Reply, digest, iso, object_id};

impl Exchange<'_> {
    pub(super) fn asset_json(&self, release: &Release, asset: &Asset) -> Value {
        let (id, page) = (asset.id, &self.urls.page);
        let uploaded = asset.state == "uploaded";
        json!({
            "url": format!("{}/releases/assets/{id}", self.urls.repo), "id": id, "node_id": format!("RA_{id}"),
            "name": asset.name, "label": asset.label, "uploader": user(&asset.uploader, &self.urls),
            "content_type": asset.content_type, "state": asset.state, "size": asset.content.len(),
            "digest": uploaded.then(|| digest(&asset.content)), "download_count": 0,
            "created_at": iso(asset.created_at), "updated_at": iso(asset.updated_at),
            "browser_download_url": format!("{page}/releases/download/{}/{}", release.tag_name, asset.name),
        })
    }

    /// The indexes of an asset: release, then asset.
    fn position(&self, id: &str) -> Result<(usize, usize), Reply> {
        let mut releases = self.state.github.releases.iter().enumerate();
        releases
            .find_map(|(at, release)| {
                let asset = release.assets.iter().position(|asset| asset.id.to_string() == id)?;
                (!release.draft || self.may_push()).then_some((at, asset))
            })
            .ok_or_else(not_found)
    }

    /// "List release assets".
    pub(super) fn assets(&mut self, id: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let release = self.visible(id)?;
        let assets = release.assets.iter().map(|asset| self.asset_json(release, asset)).collect();
        Ok(paged(self.call, &self.urls, self.state.git.spec.id, assets, Value::Array))
    }

    /// "Get a release asset": with `application/octet-stream` "the API will either redirect the client to the location,
    /// or stream it directly if possible. API clients should handle both a 200 or 302 response."
    pub(super) fn asset(&mut self, id: &str) -> Outcome {
        self.may_read(Area::Contents)?;
        let (release, asset) = self.position(id)?;
        let release = &self.state.github.releases[release];
        let asset = &release.assets[asset];
        if self.call.header("accept").is_some_and(|accept| accept.contains("application/octet-stream")) {
            return Ok(self.content(asset));
        }
        Ok(Reply::json(200, &self.asset_json(release, asset)))
    }

    /// The content, or in memory, where other hosts can be reached, the way to it.
    fn content(&self, asset: &Asset) -> Reply {
        if self.call.wire {
            return Reply::new(200, &asset.content_type, asset.content.clone());
        }
        let host = "https://release-assets.githubusercontent.com";
        let location = format!("{host}/github-production-release-asset/{}?sig={}", asset.id, signature(asset));
        Reply::new(302, "text/html; charset=utf-8", "").with("Location", location)
    }

    /// The store behind the redirect. A signed URL takes no second authentication (Azure Blob Storage,
    /// `InvalidAuthenticationInfo`; that GitHub's store does so too is recalled, not measured).
    pub(super) fn stored_asset(&self) -> Outcome {
        if self.call.header("authorization").is_some() {
            return Err(Reply::new(400, "application/xml", "<Error><Code>InvalidAuthenticationInfo</Code></Error>"));
        }
        let id = self.call.path.rsplit('/').next().unwrap_or_default();
        let assets = self.state.github.releases.iter().flat_map(|release| &release.assets);
        let found = assets
            .filter(|asset| asset.id.to_string() == id && self.call.query("sig") == Some(signature(asset)))
            .map(|asset| Reply::new(200, &asset.content_type, asset.content.clone()))
            .next();
        found.ok_or_else(|| Reply::new(403, "application/xml", "<Error><Code>AuthenticationFailed</Code></Error>"))
    }

    /// `browser_download_url`.
    pub(super) fn download(&self, tag: &str, name: &str) -> Outcome {
        let mut published = self.state.github.releases.iter().filter(|release| !release.draft);
        let asset = published.find(|release| release.tag_name == tag).and_then(|release| release.asset(name));
        asset.map(|asset| self.content(asset)).ok_or_else(|| Reply::new(404, "text/plain; charset=utf-8", "Not Found"))
    }

    /// "Upload a release asset".
    pub(super) fn upload_asset(&mut self, id: &str) -> Outcome {
        self.may_write(Area::Contents)?;
        let release = self.visible(id)?;
        let number = release.id;
        // The text as release-it/release-it#1295 and softprops/action-gh-release#653 met it.
        if release.immutable {
            return Err(refusal(422, "Cannot upload assets to an immutable release."));
        }
        let name = self.call.query("name").ok_or_else(|| malformed("\"name\" wasn't supplied."))?;
        let name = stored_name(&name);
        let length = self.call.header("content-length");
        // Without a length (chunked) 400 (denoland/deno#24197); of length 0 a validation error (#94 of
        // svenstaro/upload-release-action).
        if length.is_none() && (self.call.wire || self.call.body.is_empty()) {
            return Err(refusal(400, "Bad Content-Length: "));
        }
        if self.call.body.is_empty() {
            return Err(custom("ReleaseAsset", "size", "size must be greater than or equal to 1"));
        }
        // "If you upload an asset with the same filename as another uploaded asset, you'll receive an error and must
        // delete the old file before you can re-upload the new asset."
        if release.asset(&name).is_some() {
            return Err(invalid("ReleaseAsset", "name", "already_exists"));
        }
        // "Set the Content-Type to the asset's media type"; without one the upload is refused.
        let content_type = self.call.header("content-type").unwrap_or_default().to_owned();
        if content_type.is_empty() {
            return Err(invalid("ReleaseAsset", "content_type", "missing_field"));
        }
        let asset = Asset {
            id: self.state.github.new_id(),
            name,
            label: self.call.query("label"),
            content_type,
            state: "uploaded".to_owned(),
            content: self.call.body.clone(),
            uploader: self.login(),
            created_at: self.now,
            updated_at: self.now,
        };
        let releases = &mut self.state.github.releases;
        let at = releases.iter().position(|release| release.id == number).ok_or_else(not_found)?;
        releases[at].assets.push(asset.clone());
        Ok(Reply::json(201, &self.asset_json(&self.state.github.releases[at], &asset)))
    }

    /// "Update a release asset": name and label.
    pub(super) fn update_asset(&mut self, id: &str) -> Outcome {
        self.may_write(Area::Contents)?;
        let (release, asset) = self.position(id)?;
        let fields = Fields::of(self.call)?;
        let (name, label) = (fields.text("name")?.map(|name| stored_name(&name)), fields.text("label")?);
        let held = &self.state.github.releases[release];
        if held.immutable {
            return Err(refusal(422, "Cannot modify assets of an immutable release."));
        }
        let taken =
            |name: &String| held.assets.iter().enumerate().any(|(at, other)| at != asset && other.name == *name);
        if name.as_ref().is_some_and(taken) {
            return Err(invalid("ReleaseAsset", "name", "already_exists"));
        }
        let changed = &mut self.state.github.releases[release].assets[asset];
        if let Some(name) = name {
            changed.name = name;
        }
        changed.label = label.or_else(|| changed.label.take());
        changed.updated_at = self.now;
        let held = &self.state.github.releases[release];
        Ok(Reply::json(200, &self.asset_json(held, &held.assets[asset])))
    }

    /// "Delete a release asset".
    pub(super) fn delete_asset(&mut self, id: &str) -> Outcome {
        self.may_write(Area::Contents)?;
        let (release, asset) = self.position(id)?;
        if self.state.github.releases[release].immutable {
            return Err(refusal(422, "Cannot delete assets from an immutable release."));
        }
        self.state.github.releases[release].assets.remove(asset);
        Ok(Reply::empty(204))
    }
}

/// Turns the assets made since an id into what a broken upload leaves.
pub(crate) fn leave_starter(github: &mut GithubState, since: u64) {
    let assets = github.releases.iter_mut().flat_map(|release| &mut release.assets);
    for asset in assets.filter(|asset| asset.id > since) {
        "starter".clone_into(&mut asset.state);
        asset.content = Bytes::new();
    }
}

fn signature(asset: &Asset) -> String {
    object_id(format!("asset {}", asset.id).as_bytes())
}

/// "GitHub renames asset filenames that have special characters, non-alphanumeric characters, and leading or trailing
/// periods." What they become is not documented; recalled: a
/// period.
fn stored_name(name: &str) -> String {
    let kept = |character: char| character.is_ascii_alphanumeric() || "._-+@".contains(character);
    let name: String = name.chars().map(|character| if kept(character) { character } else { '.' }).collect();
    name.trim_matches('.').to_owned()
}
