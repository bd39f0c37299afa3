//! A registry in memory: objects by path, a token endpoint, a log of all requests, and a hook that answers first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::evidence::Sight;
use domain::image::{Digest, ImageReference};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use transport::{BoxError, Core};

use crate::{Login, Registry, Secret, Settings, Wanted};

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

type Hook = dyn Fn(&Request<Bytes>, usize) -> Option<Response<Bytes>> + Send + Sync;

#[derive(Default)]
pub(super) struct State {
    pub(super) objects: HashMap<String, (String, Bytes)>,
    /// The realm of the challenge; empty = open to everybody.
    pub(super) realm: String,
    /// The `Authorization` that the token endpoint wants; empty = any and none.
    pub(super) login: String,
    /// One line for each request: method, URL, and `Authorization` in brackets where there is one.
    pub(super) log: Vec<String>,
    minted: usize,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) state: Arc<Mutex<State>>,
    hook: Arc<Hook>,
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let response = headers.iter().fold(Response::builder().status(status), |r, (name, value)| r.header(*name, *value));
    response.body(body.into()).unwrap()
}

impl Fake {
    pub(super) fn new() -> Self {
        Self::hooked(|_, _| None)
    }

    /// `hook` sees each request and its number, from 0, and may answer it.
    pub(super) fn hooked(
        hook: impl Fn(&Request<Bytes>, usize) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self { state: Arc::default(), hook: Arc::new(hook) }
    }

    pub(super) fn door(self, realm: &str) -> Self {
        realm.clone_into(&mut self.state.lock().unwrap().realm);
        self
    }

    pub(super) fn registry(&self) -> Registry {
        self.registry_with(Settings::default())
    }

    pub(super) fn registry_with_login(&self, host: &str) -> Registry {
        let registry = self.registry();
        registry.sign_in(&host.parse().unwrap(), Login::new("octo", Secret::new("hunter2"), "registry-auth"));
        registry
    }

    pub(super) fn registry_with(&self, settings: Settings) -> Registry {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Bytes>| {
            let fake = fake.clone();
            async move {
                let reply = fake.reply(&request);
                // Long enough that requests made at the same time are under way at the same time.
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok::<_, BoxError>(reply?.map(Full::new))
            }
        });
        Registry::new(Core::new(service), settings)
    }

    fn reply(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let mut state = self.state.lock().unwrap();
        let access = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
        let shown = if access.is_empty() { String::new() } else { format!(" [{access}]") };
        state.log.push(format!("{} {}{shown}", request.method(), request.uri()));
        let number = state.log.len() - 1;
        if let Some(reply) = (self.hook)(request, number) {
            return match reply.status().as_u16() {
                599 => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
                _ => Ok(reply),
            };
        }
        Ok(state.reply(request, &access))
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    /// How many requests there were since the last call.
    pub(super) fn count(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().log).len()
    }

    pub(super) fn put(&self, path: &str, media_type: &str, body: impl Into<Bytes>) -> Digest {
        let body = body.into();
        let digest = Digest::sha256(&body);
        self.state.lock().unwrap().objects.insert(path.to_owned(), (media_type.to_owned(), body));
        digest
    }

    /// Puts a manifest under its digest and `tag`.
    pub(super) fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, manifest: &Value) -> Digest {
        let body = manifest.to_string();
        let digest = Digest::sha256(body.as_bytes());
        self.put(&format!("/v2/{repository}/manifests/{digest}"), media_type, body.clone());
        if !tag.is_empty() {
            self.put(&format!("/v2/{repository}/manifests/{tag}"), media_type, body);
        }
        digest
    }

    /// A configuration and the manifest of one platform; gives the descriptor of the manifest.
    pub(super) fn put_child(&self, repository: &str, platform: &str, labels: &Value, annotations: &Value) -> Value {
        let (os, architecture) = platform.split_once('/').unwrap();
        let config = json!({"os": os, "architecture": architecture, "config": {"Labels": labels}, "repo": repository})
            .to_string();
        let digest = Digest::sha256(config.as_bytes());
        self.put(&format!("/v2/{repository}/blobs/{digest}"), "application/octet-stream", config.clone());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_IMAGE,
            "config": {"mediaType": OCI_CONFIG, "digest": digest.as_str(), "size": config.len()},
            "layers": [], "annotations": annotations,
        });
        let digest = self.put_manifest(repository, "", OCI_IMAGE, &manifest);
        json!({
            "mediaType": OCI_IMAGE, "digest": digest.as_str(), "size": manifest.to_string().len(),
            "platform": {"os": os, "architecture": architecture},
        })
    }

    pub(super) fn put_index(&self, repository: &str, tag: &str, entries: &[Value], annotations: &Value) -> Digest {
        let index =
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": annotations});
        self.put_manifest(repository, tag, OCI_INDEX, &index)
    }

    /// An image as buildx pushes it: two platforms with labels, and an attestation for each.
    pub(super) fn put_image(&self, repository: &str, tag: &str) -> Digest {
        let labels = revision(COMMIT);
        let attestation = json!({
            "mediaType": OCI_IMAGE, "digest": Digest::sha256(b"attestation").as_str(), "size": 1,
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        });
        let entries = [
            self.put_child(repository, "linux/amd64", &labels, &json!({})),
            self.put_child(repository, "linux/arm64", &labels, &json!({})),
            attestation.clone(),
            attestation,
        ];
        self.put_index(repository, tag, &entries, &json!({}))
    }
}

/// Labels or annotations that name `commit`.
pub(super) fn revision(commit: &str) -> Value {
    json!({"org.opencontainers.image.revision": commit, "org.opencontainers.image.source": "https://github.com/octo/shop"})
}

impl State {
    fn reply(&mut self, request: &Request<Bytes>, access: &str) -> Response<Bytes> {
        let realm_path = self.realm.split_once("://").map_or("", |(_, rest)| rest);
        let realm_path = realm_path.find('/').map_or("", |slash| &realm_path[slash..]);
        if !realm_path.is_empty() && request.uri().path() == realm_path {
            if !self.login.is_empty() && access != self.login {
                return answer(403, &[], r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#);
            }
            self.minted += 1;
            return answer(200, &[], format!(r#"{{"token":"t{}"}}"#, self.minted));
        }
        let accepted = access.starts_with("Bearer t");
        if !self.realm.is_empty() && !accepted {
            let repository = request.uri().path().trim_start_matches("/v2/").rsplitn(3, '/').last().unwrap_or("");
            let realm = &self.realm;
            let challenge = format!(r#"Bearer realm="{realm}",service="fake",scope="repository:{repository}:pull""#);
            let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
            return answer(401, &[("www-authenticate", &challenge)], body);
        }
        match self.objects.get(request.uri().path()) {
            None => answer(404, &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
            Some((media_type, body)) => {
                let digest = Digest::sha256(body);
                let body = if request.method() == "HEAD" { Bytes::new() } else { body.clone() };
                answer(200, &[("content-type", media_type), ("docker-content-digest", digest.as_str())], body)
            }
        }
    }
}

pub(super) fn image(text: &str) -> ImageReference {
    text.parse().unwrap()
}

/// Every platform, with its revision.
pub(super) fn all() -> Wanted {
    Wanted { platforms: Vec::new(), read_revision: true }
}

pub(super) fn platforms(list: &[&str], read_revision: bool) -> Wanted {
    Wanted { platforms: list.iter().map(|platform| platform.parse().unwrap()).collect(), read_revision }
}

/// The text of a sight that is no image.
pub(super) fn why(sight: &Sight) -> String {
    match sight {
        Sight::NotAnImage { why } => format!("not an image: {why}"),
        Sight::Denied { why } => format!("denied: {why}"),
        Sight::Unreachable { why } => format!("unreachable: {why}"),
        Sight::Absent => "absent".to_owned(),
        Sight::Image(facts) => format!("image: {facts:?}"),
    }
}
