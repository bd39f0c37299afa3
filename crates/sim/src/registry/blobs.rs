//! Blobs: reads (with GHCR's redirect), and uploads in one piece or in chunks. OCI distribution-spec "Pulling blobs",
//! "Pushing blobs"; details as distribution 2.8 `registry/handlers/blob.go` and `blobupload.go`.

use serde_json::json;

use super::{Registry, Upload, is_digest, no_such_method, not_routed};
use crate::message::{Call, Outcome, Reply, digest, hex, object_id};

impl Registry {
    pub(super) fn blobs(&mut self, call: &Call, name: &str, wanted: &str) -> Outcome {
        if !is_digest(wanted) {
            return Err(not_routed());
        }
        match call.method.as_str() {
            "GET" | "HEAD" => {}
            "DELETE" => return Err(self.error(405, "UNSUPPORTED", "The operation is unsupported.", None)),
            _ => return Err(no_such_method("DELETE, GET, HEAD")),
        }
        let held = self.repositories.get(name).and_then(|held| held.blobs.get(wanted));
        let Some(bytes) = held else {
            return Err(self.error(404, "BLOB_UNKNOWN", "blob unknown to registry", Some(json!(wanted))));
        };
        if let (Some(host), false) = (&self.spec.blob_host, call.wire) {
            let location = format!("https://{host}/_blobs/{name}/{wanted}?sig={}", signature(name, wanted));
            return Ok(Reply::new(307, "text/html; charset=utf-8", "").with("Location", location));
        }
        Ok(blob(bytes.clone(), wanted))
    }

    /// The other end of the redirect: a signed URL. Like object stores, it refuses a second kind of authentication
    /// (Amazon S3 "Only one auth mechanism allowed", 400; Azure Blob Storage does the same).
    pub(super) fn redirected_blob(&self, path: &str, call: &Call) -> Outcome {
        if call.header("authorization").is_some() {
            return Err(Reply::new(400, "application/xml", "<Error><Code>InvalidArgument</Code></Error>"));
        }
        let Some((name, wanted)) = path.rsplit_once('/') else { return Err(not_routed()) };
        if call.query("sig").as_deref() != Some(signature(name, wanted).as_str()) {
            return Err(Reply::new(403, "application/xml", "<Error><Code>AuthenticationFailed</Code></Error>"));
        }
        let held = self.repositories.get(name).and_then(|held| held.blobs.get(wanted));
        held.map(|bytes| Reply::new(200, "application/octet-stream", bytes.clone())).ok_or_else(not_routed)
    }

    pub(super) fn uploads(&mut self, call: &Call, name: &str, rest: &str) -> Outcome {
        match (call.method.as_str(), rest) {
            ("POST", "") => Ok(self.start_upload(call, name)),
            ("GET" | "HEAD", id) => {
                let held = self.upload(name, id)?.bytes.len();
                Ok(progress(Reply::empty(204), call, name, id, held))
            }
            ("PATCH", id) => {
                let begin = call.header("content-range").and_then(|range| range.split('-').next()?.trim().parse().ok());
                let held = self.upload(name, id)?.bytes.len();
                // "Pushing a blob in chunks": out of order is 416.
                if begin.is_some_and(|begin: usize| begin != held) {
                    return Err(progress(Reply::empty(416), call, name, id, held));
                }
                let upload = self.upload(name, id)?;
                upload.bytes.extend_from_slice(&call.body);
                let held = upload.bytes.len();
                Ok(progress(Reply::empty(202), call, name, id, held))
            }
            ("PUT", id) => {
                let upload = self.upload(name, id)?;
                upload.bytes.extend_from_slice(&call.body);
                let bytes = upload.bytes.clone();
                let stored = self.store_blob(call, name, bytes)?;
                self.uploads.remove(id);
                Ok(stored)
            }
            ("DELETE", id) => {
                self.upload(name, id)?;
                self.uploads.remove(id);
                Ok(Reply::empty(204))
            }
            _ => Err(no_such_method("DELETE, GET, HEAD, PATCH, POST, PUT")),
        }
    }

    fn start_upload(&mut self, call: &Call, name: &str) -> Reply {
        // "Mounting a blob from another repository"; without success it goes on as a plain upload.
        if let (Some(wanted), Some(from)) = (call.query("mount"), call.query("from"))
            && let Some(bytes) = self.repositories.get(&from).and_then(|held| held.blobs.get(&wanted)).cloned()
        {
            self.repositories.entry(name.to_owned()).or_default().blobs.insert(wanted.clone(), bytes);
            return created(call, name, &wanted);
        }
        // "Single POST" is not supported by distribution 2.8: as the spec asks, it then answers 202 like any start.
        let number = self.next();
        let id = uuid(number);
        self.uploads.insert(id.clone(), Upload { repository: name.to_owned(), bytes: Vec::new() });
        progress(Reply::empty(202), call, name, &id, 0)
    }

    fn upload(&mut self, name: &str, id: &str) -> Result<&mut Upload, Reply> {
        let unknown = self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", None);
        self.uploads.get_mut(id).filter(|upload| upload.repository == name).ok_or(unknown)
    }

    fn store_blob(&mut self, call: &Call, name: &str, bytes: Vec<u8>) -> Outcome {
        let wanted = call.query("digest").unwrap_or_default();
        if wanted != digest(&bytes) {
            let message = "provided digest did not match uploaded content";
            return Err(self.error(400, "DIGEST_INVALID", message, None));
        }
        self.repositories.entry(name.to_owned()).or_default().blobs.insert(wanted.clone(), bytes.into());
        Ok(created(call, name, &wanted))
    }
}

fn blob(bytes: bytes::Bytes, digest: &str) -> Reply {
    let length = bytes.len().to_string();
    Reply::new(200, "application/octet-stream", bytes)
        .with("Content-Length", length)
        .with("Docker-Content-Digest", digest)
        .with("Etag", format!("\"{digest}\""))
        .with("Cache-Control", "max-age=31536000")
}

fn created(call: &Call, name: &str, digest: &str) -> Reply {
    let location = format!("{}/v2/{name}/blobs/{digest}", call.origin());
    Reply::empty(201).with("Location", location).with("Docker-Content-Digest", digest)
}

fn progress(reply: Reply, call: &Call, name: &str, id: &str, held: usize) -> Reply {
    reply
        .with("Location", format!("{}/v2/{name}/blobs/uploads/{id}", call.origin()))
        .with("Range", format!("0-{}", held.saturating_sub(1)))
        .with("Docker-Upload-UUID", id)
}

fn signature(name: &str, digest: &str) -> String {
    object_id(format!("{name} {digest}").as_bytes())
}

fn uuid(number: u64) -> String {
    let digits = hex(&object_id(&number.to_be_bytes()).as_bytes()[..16]);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32])
}
