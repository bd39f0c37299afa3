//! How this repository releases itself, held against what docs/releasing.md and SECURITY.md promise.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{read, root};

/// The workflows of this repository, by file name.
fn workflows() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(root().join(".github/workflows")).unwrap().map(|entry| entry.unwrap().file_name());
    files
        .map(|name| {
            let name = name.into_string().unwrap();
            let text = read(&format!(".github/workflows/{name}"));
            (name, serde_saphyr::from_str(&text).unwrap())
        })
        .collect()
}

#[test]
fn no_workflow_grants_a_permission_to_all_of_its_jobs() {
    for (name, workflow) in workflows() {
        assert_eq!(workflow["permissions"], json!({}), "{name}");
        for (job, what) in workflow["jobs"].as_object().unwrap() {
            assert!(what["permissions"].is_object(), "{name}: the job {job} names its permissions");
        }
    }
}

#[test]
fn what_is_published_is_signed_without_a_key() {
    let workflows = workflows();
    let input = &workflows["sign-image.yml"]["on"]["workflow_call"]["inputs"]["cosign-key"];
    assert_eq!((&input["default"], &input["required"]), (&json!(""), &Value::Null));
    let mut signed = BTreeSet::new();
    for (name, workflow) in &workflows {
        for job in workflow["jobs"].as_object().unwrap().values() {
            if job["uses"].as_str().is_some_and(|uses| uses.contains("sign-image.yml")) {
                assert_eq!(job["with"].get("cosign-key"), None, "{name}");
                assert_eq!(job["permissions"]["id-token"], "write", "{name}");
                signed.insert(job["with"]["package"].as_str().unwrap());
            }
        }
    }
    assert_eq!(signed, BTreeSet::from(["build-and-signal", "release-pipelines", "wait-and-release"]));
}

#[test]
fn a_candidate_starts_every_image_and_their_release() {
    let workflows = workflows();
    let candidates = &workflows["release-notes.yml"]["on"]["push"]["tags"];
    assert_eq!(candidates, &json!(["v[0-9]+.[0-9]+.[0-9]+-rc.[0-9]+"]));
    let mut built = BTreeSet::new();
    for name in ["release-build-and-signal.yml", "release-release-pipelines.yml", "release-wait-and-release.yml"] {
        let workflow = &workflows[name];
        assert_eq!(&workflow["on"]["push"]["tags"], candidates, "{name}");
        let with = &workflow["jobs"]["image"]["with"];
        assert_eq!(with["service-name"], with["target"], "{name}");
        assert_eq!(with["platforms"], "linux/amd64,linux/arm64", "{name}");
        built.insert(workflow["name"].clone().as_str().unwrap().to_owned());
    }
    let heard: BTreeSet<String> =
        serde_json::from_value(workflows["release-notes.yml"]["on"]["workflow_run"]["workflows"].clone()).unwrap();
    assert_eq!(heard, built);
}

#[test]
fn a_version_waits_for_the_images_that_are_verified_and_signed() {
    let workflows = workflows();
    let publish = &workflows["publish.yml"]["jobs"];
    let services = publish["release"]["steps"][0]["with"]["services"].as_str().unwrap();
    let scripts = publish["tree"]["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str());
    let verifies = scripts.filter(|script| script.contains("cosign verify")).collect::<Vec<_>>();
    let [verifies] = verifies[..] else { panic!("{verifies:?}") };
    assert!(verifies.contains(&format!(" = \"{services}\"\n")), "{verifies}");
    let looked = &workflows["check-published.yml"]["jobs"]["runs"]["steps"];
    let looked = looked.as_array().unwrap().iter().find(|step| step["id"] == "look").unwrap();
    assert_eq!(looked["with"]["services"], services);
}

#[test]
fn every_base_image_is_pinned_by_digest() {
    let dockerfile = read("Dockerfile");
    let mut stages = BTreeSet::from(["scratch"]);
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")) {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("--")).collect();
        let [image, "AS", stage] = words[..] else { panic!("FROM {line}") };
        let digest = image.split_once("@sha256:").map(|(_, digest)| digest.len());
        assert!(stages.contains(image) || digest == Some(64), "FROM {line}");
        stages.insert(stage);
    }
    assert!(stages.len() > 5);
}

#[test]
fn the_image_is_compiled_by_the_rust_of_the_gate() {
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    let (minor, _) = channel.rsplit_once('.').unwrap();
    assert!(read("Dockerfile").contains(&format!(" rust:{minor}-")), "{channel}");
}
