//! What is accepted as a manifest and as a configuration.

use http::HeaderMap;
use serde_json::json;
use transport::printable;

use super::fake::*;
use crate::content::{self, Content, Entry, read, read_config};

fn served(media_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", media_type.parse().unwrap());
    headers
}

fn refused(media_type: &str, body: &str) -> String {
    match read(&served(media_type), body.as_bytes(), &printable) {
        Err(why) => why,
        Ok(content) => panic!("accepted {body}: {content:?}"),
    }
}

fn digest() -> String {
    domain::image::Digest::sha256(b"x").to_string()
}

#[test]
fn what_is_accepted_is_what_oci_client_knows() {
    use oci_client::manifest as m;
    let all = [
        m::OCI_IMAGE_INDEX_MEDIA_TYPE,
        m::IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        m::OCI_IMAGE_MEDIA_TYPE,
        m::IMAGE_MANIFEST_MEDIA_TYPE,
    ];
    assert_eq!(content::ACCEPTED, all.join(", "));
}

#[test]
fn what_is_no_container_image_is_refused_with_the_reason() {
    let config = json!({"mediaType": OCI_CONFIG, "digest": digest(), "size": 1});
    let both = json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []}).to_string();
    let helm = json!({"schemaVersion": 2, "layers": [],
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(), "size": 1}})
    .to_string();
    let other_type = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "config": config, "layers": []}).to_string();
    let old = json!({"schemaVersion": 1, "fsLayers": [], "config": config, "layers": []}).to_string();
    let no_digest =
        json!({"schemaVersion": 2, "layers": [], "config": {"mediaType": OCI_CONFIG, "digest": "md5:1", "size": 1}})
            .to_string();
    let negative =
        json!({"schemaVersion": 2, "layers": [], "config": {"mediaType": OCI_CONFIG, "digest": digest(), "size": -1}})
            .to_string();
    for (media_type, body, expected) in [
        (OCI_IMAGE, both.as_str(), "both an index and an image manifest"),
        (OCI_INDEX, &both, "both an index and an image manifest"),
        (OCI_IMAGE, &helm, "an artifact of type `application/vnd.cncf.helm.config.v1+json`"),
        (OCI_IMAGE, &other_type, "calls itself `application/vnd.oci.image.index.v1+json`"),
        (OCI_IMAGE, &old, "not of schema 2"),
        (OCI_IMAGE, &no_digest, "digest"),
        (OCI_IMAGE, &negative, "size -1"),
        (OCI_IMAGE, "", "no valid manifest"),
        (OCI_IMAGE, "{", "no valid manifest"),
        (OCI_IMAGE, "{} x", "no valid manifest"),
        (OCI_IMAGE, "\u{feff}{}", "no valid manifest"),
        (OCI_IMAGE, "{\"schemaVersion\":2,\"schemaVersion\":2}", "duplicate field"),
        (OCI_IMAGE, "{\"schemaVersion\":NaN}", "no valid manifest"),
        (OCI_IMAGE, "{\"schemaVersion\":2}", "missing field"),
        (OCI_INDEX, "{\"schemaVersion\":2}", "missing field"),
        (OCI_IMAGE, "{}", "not of schema 2"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", "schema 1"),
        ("application/json", "{}", "content type `application/json`"),
    ] {
        let why = refused(media_type, body);
        assert!(why.contains(expected), "{body}: {why}");
    }
    assert!(read(&HeaderMap::new(), b"{}", &printable).unwrap_err().contains("no content type"));
}

#[test]
fn deep_nesting_ends_in_an_error_or_is_passed_over() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    refused(OCI_IMAGE, &deep("[", "]"));
    refused(OCI_IMAGE, &format!("{{\"x\":{}}}", deep("[", "]")));
    refused(OCI_IMAGE, &format!("{{\"config\":{}}}", deep("{\"a\":", "}")));
    assert!(read_config(format!("{{\"config\":{}}}", deep("[", "]")).as_bytes(), &printable).is_err());
}

#[test]
fn entries_without_a_platform_attestations_and_artifacts_are_passed_over() {
    let entry = |platform: serde_json::Value, annotations: serde_json::Value| json!({"mediaType": OCI_IMAGE, "digest": digest(), "size": 1, "platform": platform, "annotations": annotations});
    let linux = json!({"os": "linux", "architecture": "arm", "variant": "v7"});
    let entries = [
        entry(linux.clone(), json!(null)),
        entry(linux, json!({"vnd.docker.reference.type": "attestation-manifest"})),
        entry(json!({"os": "unknown", "architecture": "unknown"}), json!(null)),
        entry(json!({"os": "", "architecture": ""}), json!(null)),
        entry(json!(null), json!(null)),
        json!({"mediaType": "application/vnd.example+json", "digest": "junk", "size": 1}),
    ];
    let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
    let Content::Index(index) =
        read(&served("application/VND.oci.image.index.v1+json; charset=utf-8"), index.as_bytes(), &printable).unwrap()
    else {
        panic!()
    };
    let [Entry::Child(child)] = &index.entries[..] else { panic!("{:?}", index.entries) };
    assert_eq!(child.platform.to_string(), "linux/arm/v7");
}

#[test]
fn a_configuration_is_read_for_its_platform_and_labels_and_nothing_else() {
    let config = read_config(
        br#"{"created":"never","os":"linux","architecture":"arm","variant":"v7","config":{"Labels":{"a":null,
        "org.opencontainers.image.revision":" abc "}},"history":1,"rootfs":null}"#,
        &printable,
    )
    .unwrap();
    assert_eq!(config.platform.unwrap().to_string(), "linux/arm/v7");
    assert_eq!(config.claim.unwrap().revision, "abc");
    for body in ["{}", r#"{"config":null}"#, r#"{"config":{"Labels":null},"os":"unknown","architecture":"unknown"}"#] {
        let config = read_config(body.as_bytes(), &printable).unwrap();
        assert!(config.platform.is_none() && config.claim.is_none(), "{body}");
    }
    assert!(read_config(b"[]x", &printable).is_err());
}
