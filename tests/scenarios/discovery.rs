//! `services: auto`: the workflow files at the tag say which services there are.

use crate::stage::{MINUTE, SECOND, SERVICES, Stage};

/// A stage whose tag holds one thin release file for each service.
fn with_files(services: &[&str]) -> Stage {
    let stage = Stage::new();
    for service in services {
        add_file(&stage, service, "");
    }
    stage
}

/// `more`: further lines of the `with:`.
fn add_file(stage: &Stage, service: &str, more: &str) {
    let text = format!(
        "on:\n  push:\n    tags: ['v*']\n  workflow_dispatch:\n    inputs:\n      tag:\n        type: string\njobs:\n  build:\n    uses: octo/release-actions/.github/workflows/build-image.yml@v1\n    with:\n      service-name: {service}\n      dockerfile: {service}/Dockerfile\n{more}"
    );
    stage.world.file(&stage.commit, &format!(".github/workflows/{service}.yml"), &text);
}

#[tokio::test(start_paused = true)]
async fn six_thin_files_are_six_services() {
    let stage = with_files(&SERVICES);
    for service in SERVICES {
        stage.build(service);
    }
    let ended = stage.run().await;
    assert_eq!(ended.is("complete", 0).output("available").split(' ').count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_seventh_service_is_found_by_its_file_alone() {
    let stage = with_files(&SERVICES);
    add_file(&stage, "search", "");
    for service in SERVICES {
        stage.build(service);
    }
    stage.at(MINUTE * 2, |scene| scene.build("search"));
    let ended = stage.run().await;
    assert!(ended.is("complete", 0).output("available").contains("search"));
    assert!(stage.body().contains("ghcr.io/octo/shop/search:1.0.0"));
}

#[tokio::test(start_paused = true)]
async fn image_and_platforms_are_read_from_the_same_with() {
    let stage = with_files(&["api"]);
    add_file(
        &stage,
        "web",
        "      image: registry.example/{owner}/{service}:{tag}\n      platforms: linux/amd64,linux/s390x\n",
    );
    stage.build("api");
    stage.world.push("registry.example/octo/web:v1.0.0", &stage.image().platforms(&["linux/amd64", "linux/arm64"]));
    let ended = stage.run().await;
    assert_eq!(ended.is("partial", 0).verdict("web"), "missing-platform");
    stage.world.push("registry.example/octo/web:v1.0.0", &stage.image().platforms(&["linux/amd64", "linux/s390x"]));
    stage.run().await.is("complete", 0);
    assert!(stage.body().contains("docker pull registry.example/octo/web:v1.0.0"), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn the_cure_of_a_missing_service_names_its_own_workflow_file() {
    let stage = with_files(&["api", "web"]);
    stage.build("api");
    stage.run().await.is("partial", 0);
    assert!(
        stage.body().contains("gh workflow run web.yml -R octo/shop --ref v1.0.0 -f tag=v1.0.0"),
        "{}",
        stage.body()
    );
}

#[tokio::test(start_paused = true)]
async fn an_expression_is_an_error_that_asks_for_a_list() {
    let stage = with_files(&["api"]);
    add_file(&stage, "${{ matrix.service }}", "");
    stage.run().await.is("failed", 2).says("name the services in the `services` input");
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn no_file_that_builds_is_an_error() {
    let stage = Stage::new();
    stage.run().await.is("failed", 2).says("no workflow file at v1.0.0 builds an image");
    let text = "on: {push: {branches: [main]}}\njobs: {a: {steps: [{uses: octo/release-actions/build-image@v1, with: {service-name: api}}]}}\n";
    stage.world.file(&stage.commit, ".github/workflows/ci.yml", text);
    stage.run().await.is("failed", 2);
}

#[tokio::test(start_paused = true)]
async fn the_files_at_the_tag_count_not_those_of_the_branch() {
    let stage = with_files(&["api"]);
    let head = stage.world.commit("later");
    stage.world.file(
        &head,
        ".github/workflows/later.yml",
        "on: push\njobs: {a: {steps: [{uses: x/build-image@v1, with: {service-name: later}}]}}\n",
    );
    stage.build("api");
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.run().await.is("complete", 0).output("available"), "api");
}

/// Else one image would prove both.
#[tokio::test(start_paused = true)]
async fn two_services_of_one_image_are_refused() {
    let mut stage = with_files(&["api", "web"]);
    stage.push("api");
    stage.input("image", "ghcr.io/octo/shop/api:{version}");
    let ended = stage.run().await;
    ended.is("failed", 2).says("api and web are both ghcr.io/octo/shop/api:1.0.0");
    let mut named = Stage::with("api=ghcr.io/octo/shop/x:1 web=ghcr.io/octo/shop/x:1");
    named.run().await.is("failed", 2).says("`ghcr.io/octo/shop/x:1` of api and web is not usable");
    assert!(named.world.requests().is_empty());
    named.input("services", "api=ghcr.io/octo/shop/x:{version} web=ghcr.io/octo/shop/x:1.0.0");
    named.run().await.is("failed", 2).says("api and web are both ghcr.io/octo/shop/x:1.0.0");
    named.input("services", "api=ghcr.io/octo/shop/x:1 web=ghcr.io/octo/shop/x:2");
    assert!(!named.run().await.log.contains("are both"));
}
