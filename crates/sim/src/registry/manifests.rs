//! Manifests and tags, as distribution 2.8 `registry/handlers/manifests.go` and `tags.go` answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Registry, is_digest, is_tag, no_such_method, not_routed};
use crate::message::{Call, Outcome, Reply, digest};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

impl Registry {
    pub(super) fn manifests(&mut self, call: &Call, name: &str, reference: &str, now: Timestamp) -> Outcome {
        if !is_tag(reference) && !is_digest(reference) {
            return Err(not_routed());
        }
        match call.method.as_str() {
            "GET" | "HEAD" => self.read_manifest(call, name, reference, now),
            "PUT" => self.put_manifest(call, name, reference, now),
            // distribution without `storage.delete.enabled`.
            "DELETE" => Err(self.error(405, "UNSUPPORTED", "The operation is unsupported.", None)),
            _ => Err(no_such_method("DELETE, GET, HEAD, PUT")),
        }
    }

    fn unknown(&self, message: &str, detail: Value) -> Reply {
        self.error(404, "MANIFEST_UNKNOWN", message, Some(detail))
    }

    fn read_manifest(&self, call: &Call, name: &str, reference: &str, now: Timestamp) -> Outcome {
        let by_tag = !reference.contains(':');
        // A missing repository is no other case than a missing tag (`storage/tagstore.go` Get).
        let missing_tag = || self.unknown("manifest unknown", json!({ "Tag": reference }));
        let missing = |wanted: &str| self.unknown("manifest unknown", json!({ "Name": name, "Revision": wanted }));
        let found =
            if by_tag { self.resolved(name, reference, now).ok_or_else(missing_tag)? } else { reference.to_owned() };
        if etag_matches(call, &found) {
            return Ok(Reply::empty(304));
        }
        let (media_type, bytes) = self.manifest(name, &found).ok_or_else(|| missing(&found))?;
        let accepted = accepted(call);
        let accepts = |media_type: &str| accepted.iter().any(|held| held == media_type);
        // "Only rewrite schema2 manifests when they are being fetched by tag"; the OCI types are never rewritten.
        match media_type.as_str() {
            OCI_MANIFEST if !accepts(OCI_MANIFEST) => {
                let message = "OCI manifest found, but accept header does not support OCI manifests";
                Err(self.error(404, "MANIFEST_UNKNOWN", message, None))
            }
            OCI_INDEX if !accepts(OCI_INDEX) => {
                let message = "OCI index found, but accept header does not support OCI indexes";
                Err(self.error(404, "MANIFEST_UNKNOWN", message, None))
            }
            DOCKER_LIST if by_tag && !accepts(DOCKER_LIST) => {
                // The default platform's manifest stands in for the list, under its own digest.
                let list: Value = serde_json::from_slice(bytes).unwrap_or_default();
                let child =
                    list["manifests"].as_array().into_iter().flatten().find(|child| {
                        child["platform"]["os"] == "linux" && child["platform"]["architecture"] == "amd64"
                    });
                let child = child.and_then(|child| child["digest"].as_str());
                let child = child.ok_or_else(|| self.error(404, "MANIFEST_UNKNOWN", "manifest unknown", None))?;
                let (media_type, bytes) = self.manifest(name, child).ok_or_else(|| missing(child))?;
                if media_type == DOCKER_MANIFEST && !accepts(DOCKER_MANIFEST) {
                    return Ok(self.schema_1(name, reference, bytes));
                }
                Ok(whole(media_type, bytes.clone(), child))
            }
            DOCKER_MANIFEST if by_tag && !accepts(DOCKER_MANIFEST) => Ok(self.schema_1(name, reference, bytes)),
            _ => Ok(whole(media_type, bytes.clone(), &found)),
        }
    }

    /// What distribution 2.8 makes of a schema 2 manifest for a client that does not know it ("Docker Image Manifest V2,
    /// Schema 1"). The signature is left empty: nobody here verifies it.
    fn schema_1(&self, name: &str, tag: &str, manifest: &bytes::Bytes) -> Reply {
        let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
        let config = manifest["config"]["digest"].as_str().unwrap_or_default();
        let config = self.repositories.get(name).and_then(|held| held.blobs.get(config));
        let config: Value = config.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let layers: Vec<Value> = layers.map(|layer| json!({ "blobSum": layer["digest"] })).collect();
        let body = json!({
            "schemaVersion": 1, "name": name, "tag": tag, "architecture": config["architecture"],
            "fsLayers": layers, "history": [{ "v1Compatibility": config.to_string() }], "signatures": [],
        });
        let bytes = body.to_string();
        whole(SCHEMA_1, bytes.clone().into(), &digest(bytes.as_bytes()))
    }

    fn put_manifest(&mut self, call: &Call, name: &str, reference: &str, now: Timestamp) -> Outcome {
        let invalid = |detail: &str| self.error(400, "MANIFEST_INVALID", "manifest invalid", Some(json!(detail)));
        let media_type = call.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let manifest: Value = serde_json::from_slice(&call.body).map_err(|error| invalid(&error.to_string()))?;
        let known = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
        if !known.contains(&media_type.as_str()) || manifest["schemaVersion"] != 2 {
            return Err(invalid("unsupported manifest media type and no default available"));
        }
        if manifest["mediaType"].as_str().is_some_and(|said| said != media_type) {
            return Err(invalid("mediaType in manifest should be the Content-Type"));
        }
        let digest = digest(&call.body);
        if reference.contains(':') && reference != digest {
            return Err(self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content", None));
        }
        let held = self.repositories.get(name);
        let lacks = |descriptor: &Value, of: fn(&super::Repository, &str) -> bool| {
            let wanted = descriptor["digest"].as_str().unwrap_or_default().to_owned();
            (!held.is_some_and(|held| of(held, &wanted))).then_some(wanted)
        };
        let blobs = manifest["layers"].as_array().into_iter().flatten().chain(manifest.get("config"));
        let blobs = blobs.filter_map(|blob| lacks(blob, |held, wanted| held.blobs.contains_key(wanted)));
        let children = manifest["manifests"].as_array().into_iter().flatten();
        let children = children.filter_map(|child| lacks(child, |held, wanted| held.manifests.contains_key(wanted)));
        // OCI distribution-spec "Error Codes": MANIFEST_BLOB_UNKNOWN.
        if let Some(wanted) = blobs.chain(children).next() {
            return Err(self.error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", Some(json!(wanted))));
        }
        let repository = self.repositories.entry(name.to_owned()).or_default();
        repository.manifests.insert(digest.clone(), (media_type, call.body.clone()));
        if !reference.contains(':') {
            self.set_tag(name, reference, Some(digest.clone()), now);
        }
        let location = format!("{}/v2/{name}/manifests/{digest}", call.origin());
        Ok(Reply::empty(201).with("Location", location).with("Docker-Content-Digest", digest))
    }

    /// OCI distribution-spec "Listing Tags": `n`, `last`, and a Link to the rest.
    pub(super) fn tags(&self, call: &Call, name: &str, now: Timestamp) -> Outcome {
        let Some(held) = self.repositories.get(name) else {
            let message = "repository name not known to registry";
            return Err(self.error(404, "NAME_UNKNOWN", message, Some(json!({ "name": name }))));
        };
        let last = call.query("last").unwrap_or_default();
        let mut tags: Vec<&String> =
            held.tags.keys().filter(|tag| **tag > last && self.resolved(name, tag, now).is_some()).collect();
        let all = tags.len();
        let most = call.query("n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        tags.truncate(most);
        let body = format!("{}\n", json!({ "name": name, "tags": tags }));
        let mut reply = Reply::new(200, "application/json; charset=utf-8", body);
        if let (true, Some(last)) = (tags.len() < all, tags.last()) {
            reply.set("Link", format!("</v2/{name}/tags/list?last={last}&n={most}>; rel=\"next\""));
        }
        Ok(reply)
    }
}

fn whole(media_type: &str, bytes: bytes::Bytes, digest: &str) -> Reply {
    let length = bytes.len().to_string();
    Reply::new(200, media_type, bytes)
        .with("Content-Length", length)
        .with("Docker-Content-Digest", digest)
        .with("Etag", format!("\"{digest}\""))
}

/// Media types in every Accept header, parameters dropped ("we don't care about q= values").
fn accepted(call: &Call) -> Vec<String> {
    call.headers
        .get_all("accept")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|media_type| media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect()
}

/// `etagMatch`: quoted or bare.
fn etag_matches(call: &Call, digest: &str) -> bool {
    call.headers
        .get_all("if-none-match")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value == digest || value.trim_matches('"') == digest)
}
