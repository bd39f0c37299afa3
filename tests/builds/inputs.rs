//! Every input, wrong in turn and changed in turn.

use super::Build;

const WRONG: [(&str, &str); 32] = [
    ("service-name", "Api"),
    ("dockerfile", "nothere"),
    ("dockerfile", "../Dockerfile"),
    ("dockerfile", "/etc/passwd"),
    ("context", "nothere"),
    ("context", "../.."),
    ("image", "ghcr.io/{nothing}:1"),
    ("tag", "v1.0.0+build"),
    ("extra-tags", "{nothing}"),
    ("platforms", "linux"),
    ("target", "a b"),
    ("build-args", "A B=c"),
    ("build-contexts", "x"),
    ("secrets", "nothing"),
    ("secret-files", "a=nothere"),
    ("labels", "org.opencontainers.image.revision=x"),
    ("annotations", "x"),
    ("cache", "yes"),
    ("cache-scope", "a,b"),
    ("cache-write", "yes"),
    ("provenance", "full"),
    ("sbom", "yes"),
    ("buildx-args", "--output=type=local"),
    ("push", "no"),
    ("if-exists", "fail"),
    ("retries", "11"),
    ("timeout", "soon"),
    ("result", "great"),
    ("digest", "sha256:abc"),
    ("signal", "both"),
    ("dispatch-token", "a b"),
    ("dry-run", "1"),
];

#[tokio::test(start_paused = true)]
async fn each_wrong_input_is_named_and_nothing_is_contacted() {
    for (name, value) in WRONG {
        let mut build = Build::new();
        build.input(name, value);
        let ended = build.build().await;
        ended.is("failed", 2).says(&format!("`{name}`: "));
        assert!(build.world.requests().is_empty() && build.builder.made().is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_wrong_inputs_are_reported_together() {
    let mut build = Build::new();
    for (name, value) in WRONG {
        build.input(name, value);
    }
    let ended = build.build().await;
    ended.is("failed", 2);
    for (name, _) in WRONG.iter().filter(|(name, _)| !["dockerfile", "context"].contains(name)) {
        ended.says(&format!("`{name}`: "));
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_misspelt_is_not_repeated() {
    let mut build = Build::new();
    build.input("secrets", "hunter2-without-a-name");
    let ended = build.build().await;
    ended.is("failed", 2);
    assert_eq!(ended.log.matches("hunter2").count(), 1, "{}", ended.log);
    ended.says("::add-mask::hunter2");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_no_tag_started_says_what_to_do() {
    let mut build = Build::new();
    build.event("push", "{}");
    build.build().await.is("failed", 2).says("`push: false`");
    build.input("tag", "v9.9.9");
    build.build().await.is("failed", 2).says("there is no tag v9.9.9");
}

/// Every input changes what buildx is told, what stands in the registry, or what is said.
#[tokio::test(start_paused = true)]
async fn every_input_changed_changes_what_is_built() {
    for (name, value, argument) in [
        ("dockerfile", "api.Dockerfile", "api.Dockerfile"),
        ("context", "api", "api"),
        ("image", "registry.test/{service}:{tag}", "registry.test/api:v1.0.0"),
        ("extra-tags", "latest", "ghcr.io/octo/shop/api:latest"),
        ("platforms", "linux/arm64", "linux/arm64"),
        ("target", "final", "final"),
        ("build-args", "A=b c", "A=b c"),
        ("build-contexts", "base=docker-image://x", "base=docker-image://x"),
        ("secret-files", "key=api.Dockerfile", "id=key,src=api.Dockerfile"),
        ("labels", "a.b=c", "a.b=c"),
        ("annotations", "a.b=c", "index:a.b=c"),
        ("provenance", "false", "false"),
        ("sbom", "true", "--sbom"),
        ("buildx-args", "--network=none", "--network=none"),
        ("cache", "registry", "type=registry,ref=ghcr.io/octo/shop/api:cache-release-api"),
    ] {
        let mut build = Build::new();
        build.file("workspace/api.Dockerfile", "FROM scratch\n");
        build.folder("workspace/api");
        build.world.push("registry.test/other:1", &sim::ImageSpec::new());
        build.input(name, value);
        let ended = build.build().await;
        ended.is("built", 0);
        let made = build.builder.made();
        assert!(made.iter().any(|made| made.has(argument)), "{name}: {:?}", made[0].arguments);
    }
    let mut build = Build::new();
    build.input("cache", "registry").input("cache-scope", "mine").input("cache-write", "true");
    build.build().await.is("built", 0);
    let made = build.builder.made();
    assert!(made[0].all("--cache-to").is_empty());
    assert_eq!(
        made[1].all("--cache-to"),
        ["type=registry,ref=ghcr.io/octo/shop/api:cache-mine,mode=max,ignore-error=true"]
    );
}

/// A pull request from a fork has no secrets, and is still checked.
#[tokio::test(start_paused = true)]
async fn an_empty_secret_is_an_error_of_a_release_and_none_of_a_check() {
    let mut build = Build::new();
    build.input("secrets", "npm=");
    build.build().await.is("failed", 2).says("`secrets`: ");
    build.event("push", "{}").input("push", "false");
    build.build().await.is("built", 0).says("`secrets`: npm is empty");
    assert!(build.builder.made()[0].all("--secret").is_empty());
}
