//! Real builds: the services of the example, by the real `build-and-signal` and buildx on a real daemon, pushed to a real
//! registry. What was built is then released.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;

use super::place::{Place, printed, run, variable};
use super::program::Step;
use super::shop::{PLATFORMS, Shop};
use crate::stage::SERVICES;

/// The step that builds a service of the example, in run `run`. The workspace holds the example at the tag's commit.
async fn step(shop: &Shop, service: &str, run: u64) -> Step {
    let mut step = Step::of_tag_push("build-and-signal", &shop.github.url(), &shop.scene.commit);
    let workspace = step.path("").display().to_string();
    let example = format!("{}/../examples/six-services/.", env!("CARGO_MANIFEST_DIR"));
    printed("cp", &["--recursive", &example, &workspace]).await;
    std::fs::create_dir(step.path(".git")).unwrap();
    std::fs::write(step.path(".git/HEAD"), &shop.scene.commit).unwrap();
    let host = variable("E2E_DOCKER_HOST");
    step.mount(host.trim_start_matches("unix://"));
    step.set("DOCKER_HOST", &host).set("PATH", &variable("E2E_PATH"));
    step.set("GITHUB_RUN_ID", &run.to_string());
    step.input("service-name", service).input("dockerfile", &format!("deploy/docker/{service}/Dockerfile"));
    step.input("image", &format!("{}/{{service}}:{{version}}", shop.reference()));
    step.input("platforms", &PLATFORMS.join(","));
    if let Some((name, password)) = &shop.place.account {
        step.input("registry-auth", &format!("{} {name} {password}", shop.place.host));
    }
    step
}

fn number_of(service: &str) -> u64 {
    100 + SERVICES.iter().position(|name| *name == service).unwrap_or(50) as u64
}

/// The commit of the label in the configuration of an image, by skopeo.
async fn label(shop: &Shop, image: &str, name: &str) -> String {
    let credentials = shop.place.credentials().unwrap();
    let format = format!("{{{{index .Labels \"{name}\"}}}}");
    let image = format!("docker://{image}");
    printed("skopeo", &["inspect", "--tls-verify=false", "--creds", &credentials, "--format", &format, &image]).await
}

/// The second call of buildx, which pushes, finds every step of the Dockerfile done.
fn assert_nothing_is_built_twice(log: &str) {
    let (_, push) = log.split_once("::group::buildx build --push").expect("a push");
    let steps = push.lines().filter_map(|line| line.split_once(' ').filter(|(_, step)| step.starts_with("[linux/")));
    let numbers: Vec<&str> = steps.map(|(number, _)| number).collect();
    assert!(numbers.len() >= PLATFORMS.len(), "{push}");
    for number in numbers {
        assert!(push.lines().any(|line| line == format!("{number} CACHED")), "{number} is built again:\n{push}");
    }
}

#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn six_services_are_built_and_released_and_one_that_is_mended_heals_the_release() {
    let shop = Shop::open("built", Place::locked()).await;
    shop.scene.world.token(crate::builds::token());
    for service in &SERVICES[..5] {
        let ended = step(&shop, service, number_of(service)).await.run().await;
        ended.is("built", 0);
        assert_eq!(ended.output("digest"), shop.digest(service).await, "{service}");
        assert_eq!(ended.output("platforms"), PLATFORMS.join(","));
        let revision = label(&shop, ended.output("image"), "org.opencontainers.image.revision").await;
        assert_eq!(revision, shop.scene.commit);
        assert_nothing_is_built_twice(&ended.log);
    }
    let broken = step(&shop, "thumbnail-service", 105).await;
    let dockerfile = "deploy/docker/thumbnail-service/Dockerfile";
    std::fs::write(broken.path(dockerfile), "FROM scratch\nCOPY nothing /\n").unwrap();
    let ended = broken.run().await;
    ended.is("failed", 1).says("Dockerfile: ");
    shop.scene.workflow_run("thumbnail-service", "completed");

    shop.scene.world.token(crate::stage::token());
    let partial = shop.step().input("start-grace", "1s").run().await;
    partial.is("partial", 0);
    assert_eq!(partial.output("missing"), "thumbnail-service");
    assert!(partial.reason("thumbnail-service").contains("Dockerfile"), "{}", partial.reason("thumbnail-service"));
    assert!(shop.scene.body().contains("gh run rerun 105 --failed"), "{}", shop.scene.body());
    let release = shop.scene.release();

    shop.scene.world.token(crate::builds::token());
    let mut mended = step(&shop, "thumbnail-service", 105).await;
    mended.set("GITHUB_RUN_ATTEMPT", "2").run().await.is("built", 0);
    shop.scene.world.token(crate::stage::token());
    shop.step().run().await.is("complete", 0);
    let healed = shop.scene.release();
    assert!(healed.id == release.id && !healed.prerelease && !healed.draft, "{healed:?}");
}

#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn a_named_context_is_built_from() {
    let shop = Shop::open("context", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    let mut step = step(&shop, "api", 100).await;
    std::fs::create_dir(step.path("more")).unwrap();
    std::fs::write(step.path("more/words"), "from elsewhere").unwrap();
    std::fs::write(step.path("Named"), "FROM scratch\nCOPY --from=more words /words\n").unwrap();
    step.input("dockerfile", "Named").input("build-contexts", "more=more").input("platforms", "linux/amd64");
    step.run().await.is("built", 0);
}

#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn a_service_that_is_published_is_signalled_again_without_a_build_and_gets_the_tag_that_it_lacks() {
    let shop = Shop::open("again", Place::locked()).await;
    shop.scene.world.token(crate::builds::token());
    step(&shop, "api", 100).await.run().await.is("built", 0);
    let again = step(&shop, "api", 100).await.set("GITHUB_RUN_ATTEMPT", "2").run().await;
    again.is("verified", 0);
    assert!(!again.log.contains("buildx"), "{}", again.log);
    let more = step(&shop, "api", 100).await.input("extra-tags", "latest").run().await;
    more.is("verified", 0);
    let digest = shop.digest("api").await;
    assert_eq!((more.output("digest"), more.output("pushed")), (digest.as_str(), "true"));
    let latest = format!("docker://{}/api:latest", shop.reference());
    let credentials = shop.place.credentials().unwrap();
    let arguments = ["inspect", "--tls-verify=false", "--creds", &credentials, "--format", "{{.Digest}}", &latest];
    assert_eq!(printed("skopeo", &arguments).await, digest);
}

#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn of_two_registries_the_one_that_refuses_is_named_and_the_other_is_said_to_hold_the_image() {
    let shop = Shop::open("refused", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    let locked = Place::locked().host;
    let ended = step(&shop, "api", 100).await.input("extra-tags", &format!("{locked}/api:{{version}}")).run().await;
    ended.is("failed", 1).says("pushed, then failed: push refused");
    let reference = shop.reference();
    ended.says(&format!("pushed: {reference}/api:1.0.0; not pushed: {locked}/api:1.0.0"));
    assert_eq!(ended.output("pushed"), "true");
    let statuses = shop.scene.world.statuses(&shop.scene.commit);
    let newest = statuses.iter().max_by_key(|status| status.id).unwrap();
    assert_eq!(newest.description.as_deref(), Some("pushed, then failed: push refused"));
}

#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn a_cache_that_is_refused_fails_no_build_and_is_told_of() {
    let shop = Shop::open("cache", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    // A token of the form that buildx reads, with leave to write (tonistiigi/go-actions-cache, `ParseScopes`), for a service that
    // knows no cache: GitHub's simulation answers 404 there.
    let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let scopes = json!([{ "Scope": "refs/heads/main", "Permission": 3 }]).to_string();
    let token = format!(
        "{}.{}.{}",
        part(&json!({ "alg": "none" })),
        part(&json!({ "ac": scopes, "nbf": 1, "exp": 4_102_444_800_u64 })),
        part(&json!({}))
    );
    let results = format!("{}/", shop.github.url());
    let mut step = step(&shop, "api", 100).await;
    step.input("cache-write", "true").set("ACTIONS_RUNTIME_TOKEN", &token).set("ACTIONS_RESULTS_URL", &results);
    let ended = step.run().await;
    ended.is("built", 0).says("the cache could not be written");
    assert_eq!(ended.output("digest"), shop.digest("api").await);
}

#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn a_check_build_pushes_and_says_nothing() {
    let shop = Shop::open("check", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    let mut step = step(&shop, "web", 101).await;
    step.event("push", "refs/heads/main", "{}");
    let ended = step.input("push", "false").run().await;
    ended.is("built", 0);
    let image = format!("docker://{}/web:1.0.0", shop.reference());
    assert!(!run("skopeo", &["inspect", "--tls-verify=false", &image]).await.status.success());
    assert!(shop.scene.world.statuses(&shop.scene.commit).is_empty());
}

/// dockerd 20.10 can build for one platform alone, without attestations; where no builder can be made beside it, as its
/// image cannot be had here, the step to add is named.
#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn the_classic_image_store_is_told_what_it_cannot_do() {
    let shop = Shop::open("classic", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    let classic = variable("E2E_CLASSIC_DOCKER_HOST");
    let platforms = PLATFORMS.join(",");
    for (inputs, what) in [
        (&[("platforms", platforms.as_str())][..], "build for several platforms"),
        (&[("provenance", "max")], "attest provenance or an SBOM"),
        (&[("cache", "registry"), ("cache-write", "true")], "write a cache"),
    ] {
        let mut step = step(&shop, "api", 100).await;
        step.set("DOCKER_HOST", &classic).mount(classic.trim_start_matches("unix://"));
        step.input("provenance", "false").input("platforms", "linux/amd64");
        for (name, value) in inputs {
            step.input(name, value);
        }
        let ended = step.run().await;
        ended.is("failed", 1).says("making one of the docker-container driver");
        ended.says(&format!("this builder cannot {what}")).says("docker/setup-buildx-action");
    }

    let mut one = step(&shop, "api", 100).await;
    one.set("DOCKER_HOST", &classic).mount(classic.trim_start_matches("unix://"));
    one.input("provenance", "false").input("platforms", "linux/amd64").input("annotations", "a.b=c");
    let ended = one.run().await;
    ended.is("built", 0);
    assert_eq!(ended.output("platforms"), "linux/amd64");
}

/// The runner sends SIGINT, 7.5 s later SIGTERM, and kills after 2.5 s more. The base image comes from a server that never
/// answers, so the build is not over by itself.
#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn a_cancelled_build_ends_in_time_and_says_so() {
    let shop = Shop::open("cancelled", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let step = step(&shop, "api", 100).await;
    std::fs::write(step.path("deploy/docker/api/Dockerfile"), format!("FROM {address}/never/answers:1\n")).unwrap();
    let mut process = step.process().await;
    let mut child = process.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = log.next_line().await.unwrap() {
        if line.contains("load metadata for") {
            break;
        }
    }
    let id = child.id().unwrap().to_string();
    let began = tokio::time::Instant::now();
    printed("kill", &["-INT", &id]).await;
    let status =
        tokio::time::timeout(Duration::from_millis(7500), child.wait()).await.expect("it ends before SIGTERM").unwrap();
    assert_eq!(status.code(), Some(130), "after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let statuses = shop.scene.world.statuses(&shop.scene.commit);
    let said: Vec<_> = statuses.iter().map(|status| (status.state.as_str(), status.description.as_deref())).collect();
    assert!(said.contains(&("error", Some("cancelled"))), "{said:?}");
    assert_eq!(step.state()["owed"], "false");
    assert!(std::fs::read_to_string(step.path("output")).unwrap().contains("cancelled"));
}

/// What was killed before it could say anything is ended by the post step, a process of its own.
#[tokio::test]
#[ignore = "needs dockerd, buildx and docker-registry: run tests/e2e/build.sh"]
async fn the_post_step_ends_what_was_killed() {
    let shop = Shop::open("killed", Place::open()).await;
    shop.scene.world.token(crate::builds::token());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut step = step(&shop, "api", 100).await;
    let dockerfile = format!("FROM {}/never/answers:1\n", silent.local_addr().unwrap());
    std::fs::write(step.path("deploy/docker/api/Dockerfile"), dockerfile).unwrap();
    let announced = async {
        while shop.scene.world.statuses(&shop.scene.commit).is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    step.run_until_killed(announced).await;
    for (name, value) in step.state() {
        step.set(&format!("STATE_{name}"), &value);
    }
    step.post().await;
    let statuses = shop.scene.world.statuses(&shop.scene.commit);
    let newest = statuses.iter().max_by_key(|status| status.id).unwrap();
    assert_eq!((newest.state.as_str(), newest.description.as_deref()), ("error", Some("cancelled")));
}
