//! What is served, and what is believed of it.

use serde_json::{Value, json};
use sim::{Answer, Carrier, Fault, ImageSpec};

use super::*;

/// What a look shows of these bytes behind the tag, in one request.
async fn served(content_type: &str, bytes: impl AsRef<[u8]>) -> String {
    let world = stocked();
    world.put_raw_manifest(IMAGE, content_type, bytes.as_ref());
    let seen = verdict(&world).await;
    if !seen.starts_with("image: ") {
        assert_eq!(asked(&world), ["GET https://reg.test/v2/octo/api/manifests/1"], "{seen}");
    }
    seen
}

/// The entries of the index of [`IMAGE`].
fn entries(world: &World) -> Vec<Value> {
    let index: Value = serde_json::from_slice(&world.manifest(IMAGE).unwrap()).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

fn index(entries: &[Value]) -> String {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string()
}

fn headers(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn case_01_a_manifest_without_end_is_read_to_four_mebibytes() {
    let world = faulty(at_tag(Answer::Endless));
    let seen = verdict(&world).await;
    assert!(seen.starts_with("not an image: GET https://reg.test/v2/octo/api/manifests/1: "), "{seen}");
    assert!(seen.ends_with("larger than 4194304 bytes"), "{seen}");
    assert_eq!(asked_openly(&world), 1, "it is not asked for again");
    // To the byte.
    let padded = |size: usize| padded_to(size, &index(&entries(&stocked())));
    assert_eq!(served(OCI_INDEX, padded(4 * 1024 * 1024)).await, WELL);
    let seen = served(OCI_INDEX, padded(4 * 1024 * 1024 + 1)).await;
    assert!(seen.ends_with("larger than 4194304 bytes"), "{seen}");
    // A configuration that is said to be larger is not asked for.
    let world = stocked();
    let digest = "sha256:".to_owned() + &"0".repeat(64);
    let config = json!({"mediaType": OCI_CONFIG, "digest": digest, "size": 4 * 1024 * 1024 + 1});
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    world.put_raw_manifest(IMAGE, OCI_IMAGE, manifest.as_bytes());
    assert!(verdict(&world).await.contains("more than 4194304"));
    assert_eq!(asked_openly(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn case_02_a_compressed_body_is_refused_and_none_is_asked_for() {
    for (coding, well) in
        [("gzip", false), ("br", false), ("x-anything", false), ("gzip, identity", false), ("Identity", true)]
    {
        let world = faulty(at_tag(Answer::ExtraHeaders(headers(&[("Content-Encoding", coding)]))));
        let seen = verdict(&world).await;
        assert_eq!(seen == WELL, well, "{seen}");
        assert!(
            well || seen.starts_with("not an image: ") && seen.contains(&format!("content coding `{coding}`")),
            "{seen}"
        );
        let requests = world.requests();
        assert!(requests.iter().all(|request| request.accept_encoding.as_deref() == Some("identity")));
        assert_eq!(requests.len(), if well { 5 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn case_03_a_wrong_digest_is_refused_with_content_and_a_candidate_without() {
    let world = faulty(Fault::on("*", HOST, TAG).answer(Answer::LyingDigest));
    let seen = verdict(&world).await;
    assert!(
        seen.starts_with("not an image: reg.test serves it as sha256:") && seen.contains("but its content is"),
        "{seen}"
    );
    assert_eq!(asked_openly(&world), 1);
    let lie = glance(&probe(&world), IMAGE).await;
    assert!(lie.starts_with("sha256:") && Some(lie) != world.image_digest(IMAGE));
    // Docker Hub is asked by HEAD first; what it says there must be confirmed by content.
    world.push("registry-1.docker.io/octo/api:1", &spec());
    world.fault(Fault::on("HEAD", "registry-1.docker.io", TAG).answer(Answer::LyingDigest));
    asked(&world);
    let sight = probe(&world).look(&named("octo/api:1"), &all()).await;
    let Sight::Image(facts) = sight else { panic!("{}", shown(&sight)) };
    assert_eq!(Some(facts.digest.to_string()), world.image_digest("registry-1.docker.io/octo/api:1"));
    assert_eq!(asked_openly(&world), 6);
}

#[tokio::test(start_paused = true)]
async fn case_04_a_junk_digest_is_computed_instead() {
    let upper = format!("sha256:{}", "AB".repeat(32));
    for junk in ["not a digest", "sha256:abc", &upper, "md5:d41d8cd98f00b204e9800998ecf8427e", ""] {
        let answer = Answer::ExtraHeaders(headers(&[("Docker-Content-Digest", junk)]));
        let world = faulty(Fault::on("*", HOST, TAG).answer(answer));
        assert_eq!(verdict(&world).await, WELL, "{junk}");
        assert_eq!(asked_openly(&world), 5);
        assert_eq!(Some(glance(&probe(&world), IMAGE).await), world.image_digest(IMAGE), "{junk}");
        assert_eq!(asked_openly(&world), 2, "a HEAD, and a GET to tell");
    }
    // Two values, the first of which is true.
    let world = stocked();
    let (truth, other) = (world.image_digest(IMAGE).unwrap(), format!("sha256:{}", "0".repeat(64)));
    let two = [("Content-Type", OCI_INDEX), ("Docker-Content-Digest", &truth), ("Docker-Content-Digest", &other)];
    let body = String::from_utf8(world.manifest(IMAGE).unwrap().to_vec()).unwrap();
    world.fault(Fault::on("*", HOST, TAG).answer(Answer::Status(200, headers(&two), body)));
    assert_eq!(verdict(&world).await, WELL);
    asked(&world);
    assert_eq!(glance(&probe(&world), IMAGE).await, truth);
    assert_eq!(asked_openly(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn case_05_a_page_of_a_captive_portal_is_no_image() {
    let world = stocked();
    let truth = world.image_digest(IMAGE).unwrap();
    let page = |digest: bool| {
        let list = [("Content-Type", "text/html"), ("Docker-Content-Digest", truth.as_str())];
        Answer::Status(200, headers(&list[..=usize::from(digest)]), "<html>Sign in</html>".to_owned())
    };
    for page in [Answer::Html200, page(false), page(true)] {
        world.clear_faults();
        world.fault(Fault::on("*", HOST, "/").answer(page));
        let seen = verdict(&world).await;
        assert!(
            seen.contains("content type `text/html`, starting with `<") || seen.contains("but its content is"),
            "{seen}"
        );
        assert!(seen.starts_with("not an image: "), "{seen}");
        assert_eq!(asked_openly(&world), 1);
        let glance = glance(&probe(&world), IMAGE).await;
        assert!(glance.starts_with("unreachable: reg.test served no image: "), "{glance}");
        assert_eq!(asked_openly(&world), 2);
    }
    // A portal that knows the digests of the children does not make them present.
    world.push(IMAGE, &spec().revision(Carrier::IndexAnnotation, COMMIT));
    let child = parts_of(&world, IMAGE).remove(0);
    world.clear_faults();
    let list = [("Content-Type", "text/html"), ("Docker-Content-Digest", child.as_str())];
    world.fault(Fault::on("*", HOST, &format!("/v2/octo/api/manifests/{child}")).answer(Answer::Status(
        200,
        headers(&list),
        "<html>".to_owned(),
    )));
    let seen = verdict(&world).await;
    assert!(seen.starts_with("image: linux/amd64 broken: ") && seen.ends_with("linux/arm64 present"), "{seen}");
    assert_eq!(asked_openly(&world), 4);
}

#[tokio::test(start_paused = true)]
async fn case_10_broken_json_is_no_image() {
    let whole = index(&entries(&stocked()));
    let config = json!({"mediaType": OCI_CONFIG, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1});
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (content_type, body, expected) in [
        (OCI_INDEX, String::new(), "no valid manifest: EOF"),
        (OCI_INDEX, whole[..whole.len() / 2].to_owned(), "no valid manifest: EOF"),
        (OCI_INDEX, format!("{whole}x"), "no valid manifest: trailing characters"),
        (OCI_INDEX, format!("\u{feff}{whole}"), "no valid manifest: expected value"),
        (OCI_INDEX, "\u{0}".to_owned(), "no valid manifest: expected value"),
        (OCI_INDEX, whole.replacen('{', "{\"manifests\":[],", 1), "duplicate field `manifests`"),
        (OCI_INDEX, whole.replacen("\"size\":", "\"size\":NaN,\"size\":", 1), "no valid manifest"),
        (OCI_INDEX, whole.replacen("\"size\":", "\"size\":1e400,\"size\":", 1), "no valid manifest"),
        (OCI_INDEX, whole.replacen("\"size\":", "\"size\":-1,\"was\":", 1), "has the size -1"),
        (OCI_INDEX, deep(10_000), "no valid manifest"),
        (
            OCI_IMAGE,
            json!({"schemaVersion": 2, "config": config, "layers": []}).to_string().replacen("[]", &deep(10_000), 1),
            "no valid manifest",
        ),
    ] {
        let seen = served(content_type, &body).await;
        assert!(
            seen.starts_with("not an image: ") && seen.contains(expected),
            "{}: {seen}",
            &body[..body.len().min(80)]
        );
    }
    let seen = served(OCI_INDEX, b"{\"schemaVersion\":2,\"x\":\"\xff\xfe\"}").await;
    assert!(seen.starts_with("not an image: "), "{seen}");
    // What nobody reads is passed over without recursion; what is kept as it stands ends at depth 128.
    assert_eq!(served(OCI_INDEX, whole.replacen('{', &format!("{{\"x\":{},", deep(100_000)), 1)).await, WELL);
    let world = stocked();
    world.fault(Fault::on("GET", HOST, "/v2/").answer(Answer::json(400, format!("{{\"error\":{}}}", deep(100_000)))));
    assert!(verdict(&world).await.starts_with("unreachable: reg.test answered 400 Bad Request"));
}

#[tokio::test(start_paused = true)]
async fn case_10_a_cut_body_is_asked_for_again() {
    let world = faulty(at_tag(Answer::Truncated).times(2));
    assert_eq!(verdict(&world).await, WELL);
    assert_eq!(asked_openly(&world), 3 + 4);
    let world = faulty(at_tag(Answer::Truncated));
    let seen = verdict(&world).await;
    assert!(seen.starts_with("unreachable: reg.test: ") && seen.contains("the connection broke"), "{seen}");
    assert_eq!(asked_openly(&world), 3);
}

/// An entry that names an index of these entries, which is put into the registry.
fn nested(world: &World, inner: &[Value]) -> Value {
    let body = index(inner);
    let digest = world.put_raw_manifest("reg.test/octo/api:inner", OCI_INDEX, body.as_bytes());
    json!({"mediaType": OCI_INDEX, "digest": digest, "size": body.len()})
}

#[tokio::test(start_paused = true)]
async fn case_11_one_index_inside_another_is_read_and_no_more() {
    let world = stocked();
    let inner = nested(&world, &entries(&world));
    let put = |entries: &[Value]| world.put_raw_manifest(IMAGE, OCI_INDEX, index(entries).as_bytes());
    put(&[inner.clone(), inner.clone()]);
    assert_eq!(verdict(&world).await, WELL);
    assert_eq!(asked_openly(&world), 6, "the same index is read once");
    let mut chain = inner.clone();
    for _ in 0..100 {
        chain = nested(&world, &[chain]);
    }
    put(&[chain]);
    let seen = verdict(&world).await;
    assert!(seen.starts_with("not an image: the index ") && seen.contains("inside it holds another index"), "{seen}");
    assert_eq!(asked_openly(&world), 2, "depth 100 costs no more than depth 2");
    // An index that is served for itself, as no honest one can be: it has another digest then.
    let itself = json!({"mediaType": OCI_INDEX, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1});
    put(&[itself]);
    let body = String::from_utf8(world.manifest(IMAGE).unwrap().to_vec()).unwrap();
    world.fault(Fault::on("GET", HOST, "/v2/octo/api/manifests/sha256:000").answer(Answer::Status(
        200,
        headers(&[("Content-Type", OCI_INDEX)]),
        body,
    )));
    let seen = verdict(&world).await;
    assert!(seen.starts_with("not an image: the index 000000000000 inside it: "), "{seen}");
    assert_eq!(asked_openly(&world), 2);
    // Too many: in one index, or in all together.
    let many = |from: usize, to: usize| -> Vec<Value> {
        let entry = |number| json!({"mediaType": OCI_IMAGE, "digest": format!("sha256:{number:064}"), "size": 1, "platform": {"os": "linux", "architecture": "arm", "variant": format!("v{number}")}});
        (from..to).map(entry).collect()
    };
    for (entries, expected) in [
        (many(0, 257), "an index of 257 manifests, more than 256"),
        (many(0, 10_000), "an index of 10000 manifests, more than 256"),
        (
            vec![nested(&world, &many(0, 200)), nested(&world, &many(200, 257))],
            "its indexes name more than 256 platforms",
        ),
    ] {
        put(&entries);
        let seen = verdict(&world).await;
        assert!(seen.starts_with("not an image: ") && seen.contains(expected), "{seen}");
        assert!(asked_openly(&world) <= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn case_12_platforms_must_be_named_and_agree() {
    let world = stocked();
    let given = entries(&world);
    world.push("reg.test/octo/api:other", &spec().salt("other"));
    let other: Value = serde_json::from_slice(&world.manifest("reg.test/octo/api:other").unwrap()).unwrap();
    let other = other["manifests"][0].clone();
    let with = |entry: &Value, key: &str, value: Value| {
        let mut entry = entry.clone();
        entry["platform"][key] = value;
        entry
    };
    let mut nameless = given[0].clone();
    nameless.as_object_mut().unwrap().remove("platform");
    let none = "not an image: its index names no platform";
    for (entries, expected, requests) in [
        (vec![], none, 1),
        (given[2..].to_vec(), none, 1),
        (vec![nameless], none, 1),
        (vec![with(&given[0], "os", json!("unknown"))], none, 1),
        (vec![with(&given[0], "os", json!("Lin ux"))], none, 1),
        (vec![given[0].clone(), given[0].clone()], "image: linux/amd64 present", 3),
        (vec![given[0].clone(), other.clone()], "not an image: its index names both", 1),
        (
            vec![with(&given[0], "os.version", json!("1")), with(&other, "os.version", json!("2"))],
            "image: linux/amd64 present",
            3,
        ),
    ] {
        world.put_raw_manifest(IMAGE, OCI_INDEX, index(&entries).as_bytes());
        let seen = verdict(&world).await;
        assert!(seen.starts_with(expected), "{seen}");
        assert_eq!(asked_openly(&world), requests, "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_13_what_is_both_or_neither_is_refused() {
    let config = json!({"mediaType": OCI_CONFIG, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1});
    let given = entries(&stocked());
    let both = json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": given});
    let listed = json!({"schemaVersion": 2, "layers": [], "manifests": given});
    let called = json!({"schemaVersion": 2, "mediaType": OCI_IMAGE, "manifests": given});
    let silent = json!({"schemaVersion": 2, "manifests": given});
    for (content_type, body, expected) in [
        (OCI_INDEX, &both, "not an image: both an index and an image manifest"),
        (OCI_IMAGE, &both, "not an image: both an index and an image manifest"),
        (OCI_INDEX, &listed, "not an image: both an index and an image manifest"),
        (OCI_INDEX, &called, "not an image: its content type is"),
        (OCI_IMAGE, &silent, "not an image: no valid manifest: missing field"),
        (OCI_INDEX, &json!({"schemaVersion": 2}), "not an image: no valid manifest: missing field"),
        (OCI_INDEX, &silent, WELL),
        ("application/vnd.docker.distribution.manifest.list.v2+json", &silent, WELL),
        ("Application/VND.oci.image.index.v1+JSON; charset=utf-8", &silent, WELL),
    ] {
        let seen = served(content_type, body.to_string()).await;
        assert!(seen.starts_with(expected), "{content_type}: {seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_14_what_is_no_container_image_is_named() {
    let config = |kind: &str| json!({"mediaType": kind, "digest": format!("sha256:{}", "0".repeat(64)), "size": 2});
    let helm = json!({"schemaVersion": 2, "layers": [], "config": config("application/vnd.cncf.helm.config.v1+json")});
    let artifact = json!({"schemaVersion": 2, "layers": [], "artifactType": "application/spdx+json", "config": config("application/vnd.oci.empty.v1+json")});
    let old = json!({"schemaVersion": 1, "fsLayers": [], "history": []});
    for (content_type, body, expected) in [
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", &old, "a manifest of schema 1"),
        ("application/vnd.docker.distribution.manifest.v1+json", &old, "a manifest of schema 1"),
        (OCI_IMAGE, &old, "not of schema 2"),
        (OCI_IMAGE, &helm, "an artifact of type `application/vnd.cncf.helm.config.v1+json`"),
        (OCI_IMAGE, &artifact, "an artifact of type `application/spdx+json`"),
        ("application/vnd.oci.artifact.manifest.v1+json", &artifact, "the content type `application/vnd.oci.artifact"),
        ("application/json", &artifact, "the content type `application/json`"),
    ] {
        let seen = served(content_type, body.to_string()).await;
        assert!(seen.starts_with("not an image: ") && seen.contains(expected), "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_16_an_image_whose_parts_are_gone_is_broken_until_they_are_back() {
    let world = stocked();
    let registry = probe(&world);
    let child = parts_of(&world, IMAGE).remove(0);
    let config = parts_of(&world, &format!("reg.test/octo/api@{child}")).remove(0);
    world.delete_blob(HOST, "octo/api", &config);
    assert_eq!(
        look(&registry, IMAGE).await,
        "image: linux/amd64 broken: its manifest: its configuration sha256:… is not in the registry (404), linux/arm64 present"
    );
    assert_eq!(asked_openly(&world), 5);
    world.delete_manifest(HOST, "octo/api", &child);
    let gone = "image: linux/amd64 broken: its manifest is not in the registry (404), linux/arm64 present";
    assert_eq!(look(&probe(&world), IMAGE).await, gone);
    assert_eq!(asked_openly(&world), 4);
    world.push(IMAGE, &spec());
    assert_eq!(look(&registry, IMAGE).await, WELL);
    assert_eq!(asked_openly(&world), 2, "only what was broken is asked for again");
}

#[tokio::test(start_paused = true)]
async fn case_17_a_part_that_is_not_what_the_index_says_is_broken() {
    let world = stocked();
    let given = entries(&world);
    let child = parts_of(&world, IMAGE).remove(0);
    let config = parts_of(&world, &format!("reg.test/octo/api@{child}")).remove(0);
    for (path, why) in [(format!("manifests/{child}"), "its manifest: "), (format!("blobs/{config}"), "its manifest: ")]
    {
        world.fault(Fault::on("GET", HOST, &format!("/v2/octo/api/{path}")).answer(Answer::Garbage));
        let seen = verdict(&world).await;
        assert!(
            seen.starts_with(&format!("image: linux/amd64 broken: {why}")) && seen.contains("bytes and has"),
            "{seen}"
        );
        assert_eq!(asked_openly(&world), if path.starts_with("blobs") { 5 } else { 4 });
        world.clear_faults();
    }
    // The right length, and another content.
    let other = String::from_utf8(world.manifest(&format!("reg.test/octo/api@{child}")).unwrap().to_vec())
        .unwrap()
        .replacen("\"layers\"", "\"Layers\"", 1);
    world.fault(Fault::on("GET", HOST, &format!("/v2/octo/api/manifests/{child}")).answer(Answer::Status(
        200,
        headers(&[("Content-Type", OCI_IMAGE)]),
        other,
    )));
    let seen = verdict(&world).await;
    assert!(
        seen.starts_with("image: linux/amd64 broken: its manifest: the content served for sha256:… has another digest"),
        "{seen}"
    );
    assert_eq!(asked_openly(&world), 4);
    world.clear_faults();
    // The right content, and another length in the index.
    let (parts, mut entries) = (given.clone(), given);
    entries[0]["size"] = json!(1);
    world.put_raw_manifest(IMAGE, OCI_INDEX, index(&entries).as_bytes());
    let seen = verdict(&world).await;
    assert!(seen.starts_with("image: linux/amd64 broken: its manifest: sha256:… should have 1 bytes"), "{seen}");
    assert_eq!(asked_openly(&world), 4);
    // The same part twice, once with its own length: what was read for the one is no proof of the other, now or later.
    entries[1] = parts[0].clone();
    entries[1]["platform"]["architecture"] = json!("riscv64");
    world.put_raw_manifest(IMAGE, OCI_INDEX, index(&entries).as_bytes());
    let registry = probe(&world);
    for _ in 0..2 {
        let seen = look(&registry, IMAGE).await;
        assert!(seen.starts_with("image: linux/amd64 broken: its manifest: sha256:… should have 1 bytes"), "{seen}");
        assert!(seen.ends_with(", linux/riscv64 present"), "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_18_every_revision_is_shown_as_it_stands_with_its_place() {
    let upper = COMMIT.to_uppercase();
    let plain = || ImageSpec::new().platforms(&["linux/amd64", "linux/arm64"]);
    for (spec, expected, requests) in [
        (plain(), vec![], 5),
        (
            plain().revision(Carrier::ConfigLabel, &COMMIT[..7]),
            vec!["label of linux/amd64 0123456", "label of linux/arm64 0123456"],
            5,
        ),
        (plain().revision(Carrier::ConfigLabel, " "), vec![], 5),
        (
            plain().revision(Carrier::IndexAnnotation, "a").revision(Carrier::ConfigLabel, "b"),
            vec!["index annotation a"],
            3,
        ),
        (
            plain().revision(Carrier::DescriptorAnnotation, "a").revision(Carrier::ConfigLabel, "b"),
            vec!["descriptor annotation of linux/amd64 a", "descriptor annotation of linux/arm64 a"],
            3,
        ),
        (
            plain().revision(Carrier::ChildAnnotation, "a").revision(Carrier::ConfigLabel, "b"),
            vec!["manifest annotation of linux/amd64 a", "manifest annotation of linux/arm64 a"],
            3,
        ),
        (
            plain().revision(Carrier::IndexAnnotation, &upper),
            vec!["index annotation 0123456789ABCDEF0123456789ABCDEF01234567"],
            3,
        ),
    ] {
        let world = stocked();
        world.push(IMAGE, &spec);
        let sight = probe(&world).look(&named(IMAGE), &all()).await;
        let Sight::Image(facts) = sight else { panic!("{}", shown(&sight)) };
        let claims: Vec<String> =
            facts.claims.iter().map(|claim| format!("{} {}", claim.place, claim.revision)).collect();
        assert_eq!(claims, expected);
        assert_eq!(asked_openly(&world), requests, "{claims:?}");
    }
    // Platforms that differ are both shown, a label with the source that stands beside it: it may be the base image's.
    let world = stocked();
    let mut entries = Vec::new();
    for (platform, revision) in [("linux/amd64", "a"), ("linux/arm64", "b")] {
        let one = ImageSpec::new()
            .platforms(&[platform])
            .revision(Carrier::ConfigLabel, revision)
            .source("https://github.com/base/image");
        world.push("reg.test/octo/api:one", &one);
        let index: Value = serde_json::from_slice(&world.manifest("reg.test/octo/api:one").unwrap()).unwrap();
        entries.push(index["manifests"][0].clone());
    }
    world.put_raw_manifest(IMAGE, OCI_INDEX, index(&entries).as_bytes());
    let sight = probe(&world).look(&named(IMAGE), &all()).await;
    let Sight::Image(facts) = sight else { panic!("{}", shown(&sight)) };
    let revisions: Vec<&str> = facts.claims.iter().map(|claim| claim.revision.as_str()).collect();
    assert_eq!(revisions, ["a", "b"]);
    assert_eq!(asked_openly(&world), 5);
    assert!(facts.claims.iter().all(|claim| claim.source.as_deref() == Some("https://github.com/base/image")));
}
