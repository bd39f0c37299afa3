//! Builds images as buildx would: layers, configs, manifests, attestations, index.
//! Media types and shapes: OCI image-spec 1.1 "manifest", "image index", "config"; Docker "Image Manifest V2, Schema 2".

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::message::digest;

/// `org.opencontainers.image.revision`, OCI image-spec "Annotations".
const REVISION: &str = "org.opencontainers.image.revision";
/// When every image was built: a reproducible build with `SOURCE_DATE_EPOCH=0`, so that equal specs give equal digests.
const CREATED: &str = "1970-01-01T00:00:00Z";
/// `org.opencontainers.image.source`, same page.
const SOURCE: &str = "org.opencontainers.image.source";

/// Where an image carries its revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A label in each platform's config (docker/metadata-action `labels`).
    ConfigLabel,
    /// An annotation of the index.
    IndexAnnotation,
    /// An annotation of each platform's manifest (docker/metadata-action `annotations`, its default level).
    ChildAnnotation,
    /// An annotation of each platform's descriptor in the index.
    DescriptorAnnotation,
    /// Nowhere.
    None,
}

/// What to build. Equal specs pushed to one repository give equal digests; to two repositories, different ones.
#[derive(Clone, Debug)]
pub struct ImageSpec {
    platforms: Vec<String>,
    carried: Vec<(Carrier, &'static str, String)>,
    labels: Vec<(String, String)>,
    attestations: bool,
    docker: bool,
    single: bool,
    salt: String,
}

impl Default for ImageSpec {
    fn default() -> ImageSpec {
        ImageSpec::new()
    }
}

impl ImageSpec {
    /// An OCI index of `linux/amd64` alone, without revision, source or attestations.
    pub fn new() -> ImageSpec {
        ImageSpec {
            platforms: vec!["linux/amd64".to_owned()],
            carried: Vec::new(),
            labels: Vec::new(),
            attestations: false,
            docker: false,
            single: false,
            salt: String::new(),
        }
    }

    /// The platforms, each `os/architecture` or `os/architecture/variant`.
    #[must_use]
    pub fn platforms(mut self, platforms: &[&str]) -> ImageSpec {
        self.platforms = platforms.iter().map(|&platform| platform.to_owned()).collect();
        self
    }

    /// The commit it says it was built from. May be called again, with another carrier or another value.
    #[must_use]
    pub fn revision(mut self, carrier: Carrier, sha: &str) -> ImageSpec {
        self.carried.push((carrier, REVISION, sha.to_owned()));
        self
    }

    /// The repository URL it says it was built from: a config label.
    #[must_use]
    pub fn source(self, url: &str) -> ImageSpec {
        self.source_in(Carrier::ConfigLabel, url)
    }

    /// As [`ImageSpec::source`], elsewhere.
    #[must_use]
    pub fn source_in(mut self, carrier: Carrier, url: &str) -> ImageSpec {
        self.carried.push((carrier, SOURCE, url.to_owned()));
        self
    }

    /// A config label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> ImageSpec {
        self.labels.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Attestation manifests beside the platforms, as buildx adds since 0.10 (`BuildKit` docs "Image attestation storage").
    #[must_use]
    pub fn attestations(mut self, on: bool) -> ImageSpec {
        self.attestations = on;
        self
    }

    /// Docker media types instead of OCI's; these have no annotations.
    #[must_use]
    pub fn docker_media_types(mut self, on: bool) -> ImageSpec {
        self.docker = on;
        self
    }

    /// The first platform's manifest alone, without an index.
    #[must_use]
    pub fn single_manifest(mut self, on: bool) -> ImageSpec {
        self.single = on;
        self
    }

    /// Other content: a rebuild that differs in nothing else.
    #[must_use]
    pub fn salt(mut self, salt: &str) -> ImageSpec {
        salt.clone_into(&mut self.salt);
        self
    }

    fn annotations(&self, carrier: Carrier) -> Map<String, Value> {
        self.carried
            .iter()
            .filter(|(held, ..)| *held == carrier && (!self.docker || carrier == Carrier::ConfigLabel))
            .map(|(_, key, value)| ((*key).to_owned(), Value::from(value.as_str())))
            .collect()
    }

    /// Builds the image for a repository.
    pub(crate) fn built(&self, repository: &str) -> Built {
        let types = if self.docker { &DOCKER } else { &OCI };
        let mut built = Built::default();
        let mut children = Vec::new();
        for platform in &self.platforms {
            let child = self.child(&mut built, repository, platform, types);
            children.push(child);
        }
        if self.single || self.platforms.is_empty() && self.docker {
            built.top = children.first().map(digest_of).unwrap_or_default();
            return built;
        }
        if self.attestations {
            for child in children.clone() {
                children.push(attestation(&mut built, repository, &child));
            }
        }
        let mut index = json!({ "schemaVersion": 2, "mediaType": types.index, "manifests": children });
        annotate(&mut index, self.annotations(Carrier::IndexAnnotation));
        built.top = digest_of(&built.manifest(types.index, &index));
        built
    }

    fn child(&self, built: &mut Built, repository: &str, platform: &str, types: &Types) -> Value {
        let mut parts = platform.splitn(3, '/');
        let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
        let layer = tar(&format!("{repository} {platform} {}\n", self.salt));
        let diff_id = digest(&layer);
        let layer = built.blob(types.layer, layer);

        let mut labels = self.annotations(Carrier::ConfigLabel);
        labels.extend(self.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
        let mut config = json!({
            "architecture": architecture, "os": os, "created": CREATED,
            "history": [{ "created": CREATED, "created_by": "COPY app /app # buildkit" }],
            "config": { "Labels": labels, "Entrypoint": ["/app"] },
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        });
        let mut shown = json!({ "architecture": architecture, "os": os });
        if let Some(variant) = variant {
            config["variant"] = variant.into();
            shown["variant"] = variant.into();
        }
        let config = built.blob(types.config, config.to_string());
        let mut manifest =
            json!({ "schemaVersion": 2, "mediaType": types.manifest, "config": config, "layers": [layer] });
        annotate(&mut manifest, self.annotations(Carrier::ChildAnnotation));
        let mut descriptor = built.manifest(types.manifest, &manifest);
        annotate(&mut descriptor, self.annotations(Carrier::DescriptorAnnotation));
        descriptor["platform"] = shown;
        descriptor
    }
}

/// `BuildKit` docs "Image attestation storage": a manifest of platform `unknown/unknown` whose layers are in-toto
/// statements; the index entry points at the image it speaks of by two annotations.
fn attestation(built: &mut Built, repository: &str, child: &Value) -> Value {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{ "name": repository, "digest": child["digest"] }],
        "predicate": {},
    });
    let layer = built.blob("application/vnd.in-toto+json", statement.to_string());
    let config = json!({
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = built.blob(OCI.config, config.to_string());
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI.manifest, "config": config, "layers": [layer] });
    let mut descriptor = built.manifest(OCI.manifest, &manifest);
    descriptor["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": child["digest"],
    });
    descriptor["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    descriptor
}

fn digest_of(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap_or_default().to_owned()
}

fn annotate(object: &mut Value, annotations: Map<String, Value>) {
    if !annotations.is_empty() {
        object["annotations"] = Value::Object(annotations);
    }
}

struct Types {
    index: &'static str,
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

const OCI: Types = Types {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar",
};

const DOCKER: Types = Types {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar",
};

/// A built image, ready to be stored.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) blobs: Vec<Bytes>,
    pub(crate) manifests: Vec<(String, Bytes)>,
    pub(crate) top: String,
}

impl Built {
    fn blob(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Value {
        let bytes = bytes.into();
        let descriptor = json!({ "mediaType": media_type, "digest": digest(&bytes), "size": bytes.len() });
        self.blobs.push(bytes);
        descriptor
    }

    fn manifest(&mut self, media_type: &str, manifest: &Value) -> Value {
        let bytes = Bytes::from(manifest.to_string());
        let descriptor = json!({ "mediaType": media_type, "digest": digest(&bytes), "size": bytes.len() });
        self.manifests.push((media_type.to_owned(), bytes));
        descriptor
    }
}

/// A tar archive of one file, `app` (POSIX ustar interchange format): a layer that container engines can unpack.
fn tar(text: &str) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"app");
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", text.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(text.as_bytes());
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
