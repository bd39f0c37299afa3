//! The main job on real input.

use std::time::Duration;

use serde_json::json;

use super::image::Image;
use super::place::{Place, printed};
use super::push;
use super::shop::{PLATFORMS, Shop};
use crate::stage::{Ended, SERVICES};

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn five_of_six_make_a_partial_release_which_the_redone_sixth_makes_full() {
    let shop = Shop::open("heals", Place::locked()).await;
    for service in &SERVICES[..5] {
        shop.build(service, 1).await;
    }
    shop.scene.fail("thumbnail-service");

    let partial = shop.step().input("start-grace", "1s").run().await;
    partial.is("partial", 0);
    assert_eq!(partial.output("missing"), "thumbnail-service");
    let verdicts = SERVICES.map(|service| partial.verdict(service));
    assert_eq!(verdicts, ["ready", "ready", "ready", "ready", "ready", "failed"]);
    let release = shop.scene.release();
    assert!(release.prerelease && !release.draft, "{release:?}");
    assert!(shop.scene.body().contains("gh run rerun 105 --failed"), "{}", shop.scene.body());

    shop.build("thumbnail-service", 2).await;
    let mut step = shop.step();
    let run = json!({
        "id": 105, "run_attempt": 2, "event": "push", "status": "completed", "conclusion": "success",
        "head_branch": "v1.0.0", "head_sha": shop.scene.commit, "created_at": shop.scene.world.now().to_string(),
        "path": ".github/workflows/release-thumbnail-service.yml",
    });
    step.event("workflow_run", "refs/heads/main", &json!({ "action": "completed", "workflow_run": run }).to_string());
    let full = step.run().await;
    full.is("complete", 0);
    assert_eq!(full.output("release-change"), "updated");
    let healed = shop.scene.release();
    assert!(healed.id == release.id && !healed.prerelease && !healed.draft, "{healed:?}");
    let lock = String::from_utf8(healed.asset("images.lock.json").unwrap().content.to_vec()).unwrap();
    for service in SERVICES {
        let (image, digest) = (full.image(service), shop.digest(service).await);
        assert_eq!(image["digest"], digest, "{service}");
        assert_eq!(image["platforms"], json!(PLATFORMS), "{service}");
        assert_eq!(image["revision"], shop.scene.commit, "{service}");
        assert!(lock.contains(&digest), "{service}: {lock}");
    }

    let writes = shop.scene.writes().len();
    let again = step.run().await;
    again.is("complete", 0);
    assert_eq!((again.output("release-change"), shop.scene.writes().len()), ("unchanged", writes), "{}", again.log);
    assert_eq!(shop.scene.world.releases().len(), 1);
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn images_that_come_while_it_waits_make_one_full_release() {
    let shop = Shop::open("waits", Place::open()).await;
    let step = shop.step();
    let pushes = async {
        for service in SERVICES {
            tokio::time::sleep(Duration::from_millis(400)).await;
            shop.push(service, &shop.image(service)).await;
        }
    };
    let (ended, ()) = tokio::join!(step.run(), pushes);
    ended.is("complete", 0);
    assert_eq!(ended.output("release-change"), "created");
    assert!(ended.waited() >= Duration::from_secs(1), "{}", ended.log);
    assert!(SERVICES.iter().all(|service| ended.summary.contains(service)), "{}", ended.summary);
    let release = shop.scene.release();
    assert!(!release.draft && !release.prerelease && shop.scene.world.releases().len() == 1, "{release:?}");
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn each_wrong_image_is_named_by_what_is_wrong_with_it() {
    let shop = Shop::open("wrong", Place::locked()).await;
    shop.push("api", &shop.image("api")).await;
    let stale = Image::new("web", "0123456789012345678901234567890123456789", &PLATFORMS);
    shop.push("web", &stale).await;
    shop.push("indexing-service", &Image::new("indexing-service", &shop.scene.commit, &PLATFORMS[..1])).await;
    let swept = shop.image("cleaner-service");
    shop.push("cleaner-service", &swept).await;
    delete_manifest(&shop, "cleaner-service", &swept.manifests[1].digest).await;
    let repository = shop.repository("metadata-service");
    push::by_oci_client(&shop.place, &repository, "v1.0.0", &shop.image("metadata-service")).await;

    let ended = shop.step().input("platforms", &PLATFORMS.join(",")).input("timeout", "2s").run().await;
    ended.is("partial", 0);
    let verdicts = SERVICES.map(|service| ended.verdict(service));
    let expected = ["ready", "wrong-revision", "missing-platform", "incomplete", "not-started", "not-started"];
    assert_eq!(verdicts, expected, "{}", ended.log);
    for (service, named) in [
        ("web", "0123456"),
        ("indexing-service", "linux/arm64"),
        ("cleaner-service", "linux/arm64"),
        ("metadata-service", "v1.0.0"),
    ] {
        assert!(ended.reason(service).contains(named), "{service}: {}", ended.reason(service));
    }
    assert!(shop.scene.release().prerelease);
}

/// What a cleanup of untagged manifests leaves behind.
async fn delete_manifest(shop: &Shop, service: &str, digest: &str) {
    let url = format!("http://{}/v2/{}/manifests/{digest}", shop.place.host, shop.repository(service));
    let credentials = shop.place.credentials().unwrap();
    printed("curl", &["--silent", "--show-error", "--fail", "--request", "DELETE", "--user", &credentials, &url]).await;
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn a_registry_that_lets_nobody_in_publishes_nothing() {
    let shop = Shop::open("denied", Place::locked()).await;
    for service in SERVICES {
        shop.build(service, 1).await;
    }
    let (host, elsewhere) = (&shop.place.host, Place::open().host);
    let (name, password) = shop.place.account.clone().unwrap();
    for (what, line) in [
        ("a wrong password", format!("{host} {name} not-the-password")),
        ("no account", String::new()),
        ("an account of another host", format!("{elsewhere} {name} {password}")),
    ] {
        let ended = shop.step().input("registry-auth", &line).input("timeout", "2s").run().await;
        ended.is("failed", 1);
        assert_eq!(SERVICES.map(|service| ended.verdict(service)), ["denied"; 6], "{what}: {}", ended.log);
        assert_eq!(ended.output("release-change"), "none", "{what}");
        let said = said(&ended);
        assert!(said.contains(host) && said.contains("401"), "{what}: {said}");
        assert!(!said.contains("not-the-password") && !said.contains(&password), "{what}: {said}");
    }
    assert!(shop.scene.is_unreleased() && shop.scene.writes().is_empty());
}

/// All that a run says, but for the lines that tell the runner what to hide.
fn said(ended: &Ended) -> String {
    let log: Vec<&str> = ended.log.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    format!("{}\n{}\n{:?}", log.join("\n"), ended.summary, ended.outputs)
}
