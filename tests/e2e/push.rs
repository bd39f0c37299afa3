//! Two ways to push an image, neither of them ours: `skopeo copy` from an OCI layout, and the `oci-client` crate.

use std::path::Path;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde_json::json;

use super::image::Image;
use super::place::{Place, printed};

/// `skopeo copy --all`. Without `--preserve-digests` it compresses the layers, which changes every digest.
pub(crate) async fn by_skopeo(place: &Place, repository: &str, tag: &str, image: &Image) {
    let folder = tempfile::tempdir().unwrap();
    write_layout(folder.path(), tag, image);
    let from = format!("oci:{}:{tag}", folder.path().display());
    let to = format!("docker://{}/{repository}:{tag}", place.host);
    let credentials = place.credentials();
    let mut arguments = vec!["copy", "--all", "--preserve-digests", "--quiet", "--dest-tls-verify=false"];
    if let Some(credentials) = &credentials {
        arguments.extend(["--dest-creds", credentials]);
    }
    arguments.extend([from.as_str(), to.as_str()]);
    printed("skopeo", &arguments).await;
}

/// Writes an image as an OCI image layout (OCI image specification 1.1, "Image Layout"), under the name `tag`.
fn write_layout(folder: &Path, tag: &str, image: &Image) {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    for blob in image.blobs.iter().chain(&image.manifests).chain([&image.index]) {
        std::fs::write(blobs.join(blob.digest.strip_prefix("sha256:").unwrap()), &blob.bytes).unwrap();
    }
    let mut entry = image.index.descriptor();
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string()).unwrap();
}

/// `oci-client`: blobs, then the manifests by digest, then the index by tag.
pub(crate) async fn by_oci_client(place: &Place, repository: &str, tag: &str, image: &Image) {
    // Its TLS stack wants a process-wide provider, even for plain http; a second installation is refused, rightly.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = Client::try_from(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() }).unwrap();
    let login =
        place.account.clone().map_or(RegistryAuth::Anonymous, |(name, password)| RegistryAuth::Basic(name, password));
    let tagged = Reference::with_tag(place.host.clone(), repository.to_owned(), tag.to_owned());
    client.auth(&tagged, &login, RegistryOperation::Push).await.unwrap();
    for blob in &image.blobs {
        client.push_blob(&tagged, blob.bytes.clone(), &blob.digest).await.unwrap();
    }
    for manifest in &image.manifests {
        let by_digest = tagged.clone_with_digest(manifest.digest.clone());
        let media_type = manifest.media_type.parse().unwrap();
        client.push_manifest_raw(&by_digest, manifest.bytes.clone(), media_type).await.unwrap();
    }
    let media_type = image.index.media_type.parse().unwrap();
    client.push_manifest_raw(&tagged, image.index.bytes.clone(), media_type).await.unwrap();
}
