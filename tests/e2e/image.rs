//! Images as bytes: an OCI index of one manifest per platform, each `FROM scratch` with one layer and labels (OCI image
//! specification 1.1). Shared with no code under test.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A tar archive without any file: its two closing blocks.
const EMPTY_TAR: [u8; 1024] = [0; 1024];

/// Bytes by their digest.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: String,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let sum = Bytes::copy_from_slice(&Sha256::digest(&bytes));
        Self { digest: format!("sha256:{sum:x}"), media_type, bytes: bytes.into() }
    }

    fn json(media_type: &'static str, value: &Value) -> Self {
        Self::new(media_type, value.to_string().into_bytes())
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// An image of several platforms.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// Configurations and layers.
    pub(crate) blobs: Vec<Blob>,
    /// One manifest per platform.
    pub(crate) manifests: Vec<Blob>,
    pub(crate) index: Blob,
}

impl Image {
    /// An image of `service` at `revision`, for `platforms` such as `linux/amd64`.
    pub(crate) fn new(service: &str, revision: &str, platforms: &[&str]) -> Self {
        let layer = Blob::new(LAYER, EMPTY_TAR.to_vec());
        let (mut blobs, mut manifests, mut entries) = (vec![layer.clone()], Vec::new(), Vec::new());
        for platform in platforms {
            let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
            let labels = json!({
                "org.opencontainers.image.title": service,
                "org.opencontainers.image.revision": revision,
                "org.opencontainers.image.source": "https://github.com/octo/shop",
            });
            let config = Blob::json(
                CONFIG,
                &json!({
                    "os": os, "architecture": architecture, "config": { "Labels": labels },
                    "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
                }),
            );
            let manifest = Blob::json(
                MANIFEST,
                &json!({
                    "schemaVersion": 2, "mediaType": MANIFEST,
                    "config": config.descriptor(), "layers": [layer.descriptor()],
                }),
            );
            let mut entry = manifest.descriptor();
            entry["platform"] = json!({ "os": os, "architecture": architecture });
            entries.push(entry);
            blobs.push(config);
            manifests.push(manifest);
        }
        let index = Blob::json(INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }));
        Self { blobs, manifests, index }
    }
}
