//! Pushes an image as a build does, over the wire and by a client that is not ours: an index of two platforms, each with
//! a layer, a config and a manifest.

use anyhow::Context as _;
use oci_client::client::{ClientConfig, ClientProtocol, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::{Value, json};

/// The platforms of every image, as `os/architecture`.
pub(crate) const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An empty tar archive: two blocks of zeros (POSIX.1-2017, pax, "ustar Interchange Format").
const EMPTY_LAYER: [u8; 1024] = [0; 1024];

/// A registry and the account that pushes there.
pub(crate) struct Pusher {
    client: Client,
    auth: RegistryAuth,
}

impl Pusher {
    /// A client that speaks plain http, which a registry on loopback may.
    pub(crate) fn new(user: &str, password: &str) -> anyhow::Result<Self> {
        let config = ClientConfig {
            protocol: ClientProtocol::Http,
            // No TLS is spoken; otherwise a machine without certificates would be refused here.
            accept_invalid_certificates: true,
            // A proxy that is named and never used keeps the machine's own, which cannot reach loopback, out of this.
            http_proxy: Some("http://127.0.0.1:9".to_owned()),
            no_proxy: Some("127.0.0.1".to_owned()),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).context("make the client that pushes")?;
        Ok(Self { client, auth: RegistryAuth::Basic(user.to_owned(), password.to_owned()) })
    }

    /// Pushes an image with these labels and gives the digest of its index back.
    pub(crate) async fn push(&self, image: &str, labels: &Value) -> anyhow::Result<String> {
        let image: Reference = image.parse().with_context(|| format!("read the reference {image}"))?;
        self.client.store_auth_if_needed(image.resolve_registry(), &self.auth).await;
        let mut children = Vec::new();
        for platform in PLATFORMS {
            children.push(self.child(&image, platform, labels).await?);
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children, "annotations": labels });
        let index = index.to_string().into_bytes();
        let digest = digest(&index);
        self.client.push_manifest_raw(&image, index, http_value(INDEX)?).await.context("push the index")?;
        Ok(digest)
    }

    /// Pushes one platform and gives its descriptor back.
    async fn child(&self, image: &Reference, platform: &str, labels: &Value) -> anyhow::Result<Value> {
        let (os, architecture) = platform.split_once('/').context("a platform is os/architecture")?;
        let layer = self.blob(image, LAYER, EMPTY_LAYER.to_vec()).await?;
        let rootfs = json!({ "type": "layers", "diff_ids": [layer["digest"]] });
        let config =
            json!({ "os": os, "architecture": architecture, "config": { "Labels": labels }, "rootfs": rootfs });
        let config = self.blob(image, CONFIG, config.to_string().into_bytes()).await?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
        let manifest = manifest.to_string().into_bytes();
        let mut descriptor = descriptor(MANIFEST, &manifest);
        descriptor["platform"] = json!({ "os": os, "architecture": architecture });
        let by_digest = image.clone_with_digest(digest(&manifest));
        self.client.push_manifest_raw(&by_digest, manifest, http_value(MANIFEST)?).await.context("push a manifest")?;
        Ok(descriptor)
    }

    async fn blob(&self, image: &Reference, media_type: &str, bytes: Vec<u8>) -> anyhow::Result<Value> {
        let descriptor = descriptor(media_type, &bytes);
        let digest = digest(&bytes);
        self.client.push_blob(image, bytes, &digest).await.context("push a blob")?;
        Ok(descriptor)
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

fn digest(bytes: &[u8]) -> String {
    ImageLayer::oci_v1(bytes.to_vec(), None).sha256_digest()
}

fn http_value(text: &str) -> anyhow::Result<reqwest::header::HeaderValue> {
    Ok(text.parse()?)
}
