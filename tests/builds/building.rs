//! A build that goes well, and one whose source is not the tag's.

use std::sync::Arc;

use super::Build;
use super::builder::Fault;

#[tokio::test(start_paused = true)]
async fn what_is_built_is_pushed_proven_and_signalled() {
    let mut build = Build::new();
    build.input("platforms", "linux/amd64,linux/arm64").input("extra-tags", "latest");
    let ended = build.build().await;
    ended.is("built", 0);
    let digest = build.world.image_digest("ghcr.io/octo/shop/api:1.0.0").unwrap();
    assert_eq!(build.world.image_digest("ghcr.io/octo/shop/api:latest"), Some(digest.clone()));
    assert_eq!(ended.output("image"), "ghcr.io/octo/shop/api:1.0.0");
    assert_eq!(ended.output("tags"), "ghcr.io/octo/shop/api:1.0.0 ghcr.io/octo/shop/api:latest");
    assert_eq!((ended.output("digest"), ended.output("platforms")), (digest.as_str(), "linux/amd64,linux/arm64"));
    assert_eq!((ended.output("version"), ended.output("pushed")), ("1.0.0", "true"));
    assert_eq!(ended.output("cache-scope"), "release-api");
    assert!(ended.output("signal-url").ends_with(&format!("/repos/octo/shop/statuses/{}", build.commit)));
    let green = format!("{digest} linux/amd64,linux/arm64");
    assert_eq!(build.said(), [("pending".into(), "building".into()), ("success".into(), green)]);
    for status in build.statuses() {
        assert_eq!(status.context, "release/v1.0.0/api");
        assert_eq!(status.target_url.unwrap(), "https://github.com/octo/shop/actions/runs/100/attempts/1");
    }
    assert_eq!(build.verdict().await, "ready");
    assert!(ended.summary.contains(&digest), "{}", ended.summary);
}

#[tokio::test(start_paused = true)]
async fn the_result_is_pushed_by_a_second_call_that_finds_everything_built() {
    let mut build = Build::new();
    build.input("buildx-args", "--no-cache\n--network=host");
    build.build().await.is("built", 0);
    assert_eq!(build.builder.kinds(), ["build", "push"]);
    let made = build.builder.made();
    assert!(made[0].has("--no-cache") && made[0].has("type=cacheonly") && made[0].all("--tag").is_empty());
    assert!(!made[1].has("--no-cache") && made[1].has("--network=host"));
}

#[tokio::test(start_paused = true)]
async fn another_commit_than_the_tags_is_not_built() {
    let build = Build::new();
    let other = build.world.commit("something else");
    build.file("workspace/.git/HEAD", &other);
    let ended = build.build().await;
    ended.is("failed", 2).says("set `ref: refs/tags/v1.0.0` in the checkout step");
    ended.says(&other[..7]).says(&build.commit[..7]);
    assert!(build.builder.made().is_empty() && build.states().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_stands_at_the_tags_commit_is_as_good() {
    let build = Build::new();
    build.folder("workspace/.git/refs/heads");
    build.file("workspace/.git/HEAD", "ref: refs/heads/main\n");
    build.file("workspace/.git/refs/heads/main", &build.commit);
    build.build().await.is("built", 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_repository_the_runners_commit_counts() {
    let mut build = Build::new();
    build.file("workspace/.git/HEAD", "ref: refs/heads/.invalid\n");
    build.build().await.is("failed", 2).says("does not say which commit is checked out");
    build.remove_folder("workspace/.git");
    build.build().await.is("built", 0);
    let other = build.world.commit("something else");
    build.variable("GITHUB_SHA", &other);
    build.build().await.is("failed", 2);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_during_the_build_pushes_nothing() {
    let build = Build::new();
    let other = build.world.commit("something else");
    let moves: Arc<dyn Fn(&sim::World) + Send + Sync> =
        Arc::new(move |world| assert!(world.move_tag("v1.0.0", &other)));
    build.builder.next([Some(Fault::Meanwhile(moves))]);
    let ended = build.build().await;
    ended.is("failed", 2).says("moved to");
    assert_eq!(build.builder.kinds(), ["build"]);
    assert_eq!(build.world.image_digest("ghcr.io/octo/shop/api:1.0.0"), None);
    assert_eq!(build.states(), ["pending", "error"]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_deleted_during_the_build_pushes_nothing() {
    let build = Build::new();
    build.builder.next([Some(Fault::Meanwhile(Arc::new(|world| assert!(world.delete_tag("v1.0.0")))))]);
    build.build().await.is("failed", 2).says("was deleted");
    assert_eq!(build.builder.kinds(), ["build"]);
}

#[tokio::test(start_paused = true)]
async fn a_check_build_of_a_branch_pushes_and_says_nothing_and_writes_the_cache() {
    let mut build = Build::new();
    build.event("push", "{}").input("push", "false");
    build.variable("ACTIONS_RUNTIME_TOKEN", "t").variable("ACTIONS_RESULTS_URL", "https://results.example/");
    let ended = build.build().await;
    ended.is("built", 0);
    assert_eq!(
        (ended.output("pushed"), ended.output("image"), ended.output("cache-scope")),
        ("false", "", "release-api")
    );
    let made = &build.builder.made()[0];
    assert_eq!(build.builder.kinds(), ["build"]);
    assert_eq!(made.all("--cache-to"), ["type=gha,scope=release-api,mode=max,ignore-error=true"]);
    let service = ["ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_SERVICE_V2"];
    assert_eq!(service.map(|name| made.environment[name].as_str()), ["t", "https://results.example/", "true"]);
    assert!(build.states().is_empty() && build.world.image_digest("ghcr.io/octo/shop/api:1.0.0").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_tag_reads_the_cache_and_is_told_when_nobody_writes_it() {
    let mut build = Build::new();
    build.variable("ACTIONS_RUNTIME_TOKEN", "t").variable("ACTIONS_RESULTS_URL", "https://results.example/");
    build.folder("workspace/.github/workflows");
    let ended = build.build().await;
    ended.is("built", 0).says("the cache scope release-api is read, and no workflow of a branch writes it");
    for made in build.builder.made() {
        assert_eq!(made.all("--cache-from"), ["type=gha,scope=release-api"]);
        assert!(made.all("--cache-to").is_empty());
    }
    build.file("workspace/.github/workflows/ci.yml", "on: {push: {branches: [main]}}\nx: {service-name: api}\n");
    build.input("if-exists", "rebuild");
    assert!(!build.build().await.log.contains("is read, and no workflow"));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_the_command_and_does_nothing() {
    let mut build = Build::new();
    build.input("dry-run", "true").input("build-args", "NAME=it's mine").input("secrets", "npm=s3cr3t-value");
    let ended = build.build().await;
    assert_eq!(ended.exit, 0, "{}", ended.log);
    ended.says("docker buildx build '--progress=plain' --file Dockerfile --build-arg \"NAME=it's mine\"");
    ended.says("--secret 'id=npm,env=BUILD_SECRET_0'").says("--tag ghcr.io/octo/shop/api:1.0.0 --push .");
    let shown = ended.log.replace("::add-mask::s3cr3t-value", "");
    assert!(!shown.contains("s3cr3t-value"), "{shown}");
    assert!(build.builder.made().is_empty() && build.states().is_empty());
}

#[tokio::test(start_paused = true)]
async fn secrets_and_passwords_reach_buildx_in_no_argument() {
    let mut build = Build::new();
    build.input("secrets", "npm=s3cr3t-value\naws=an=other").input("registry-auth", "mirror.test ann passw0rd");
    build.variable("SOME_TOKEN", "unrelated");
    let ended = build.build().await;
    ended.is("built", 0);
    let made = &build.builder.made()[1];
    assert_eq!(made.all("--secret"), ["id=npm,env=BUILD_SECRET_0", "id=aws,env=BUILD_SECRET_1"]);
    assert_eq!(
        (made.environment["BUILD_SECRET_0"].as_str(), made.environment["BUILD_SECRET_1"].as_str()),
        ("s3cr3t-value", "an=other")
    );
    // ann:passw0rd
    assert!(made.docker_config.contains(r#""mirror.test":{"auth":"YW5uOnBhc3N3MHJk"}"#), "{}", made.docker_config);
    let words = format!("{:?}", made.arguments);
    assert!(!words.contains("s3cr3t-value") && !words.contains("passw0rd"), "{words}");
    assert!(
        made.environment.keys().all(|name| !name.starts_with("INPUT_") && name != "SOME_TOKEN"),
        "{:?}",
        made.environment.keys()
    );
    assert!(!std::path::Path::new(&made.environment["DOCKER_CONFIG"]).exists());
    let masks = ["::add-mask::s3cr3t-value", "::add-mask::passw0rd"];
    let shown = masks.iter().fold(ended.log.clone(), |log, mask| log.replace(mask, ""));
    assert!(!shown.contains("s3cr3t-value") && !shown.contains("passw0rd"), "{shown}");
}

/// GitHub Enterprise Server has the older cache service alone, at an address of its own.
#[tokio::test(start_paused = true)]
async fn an_enterprise_server_is_asked_for_its_own_cache() {
    let mut build = Build::new();
    build.event("push", "{}").input("push", "false").variable("GITHUB_SERVER_URL", "https://ghe.example");
    build.variable("ACTIONS_RUNTIME_TOKEN", "t").variable("ACTIONS_CACHE_URL", "https://ghe.example/cache/");
    build.build().await.is("built", 0);
    let made = &build.builder.made()[0];
    assert_eq!(made.all("--cache-from"), ["type=gha,scope=release-api"]);
    assert_eq!(made.environment["ACTIONS_CACHE_URL"], "https://ghe.example/cache/");
    assert!(!made.environment.contains_key("ACTIONS_CACHE_SERVICE_V2"), "{:?}", made.environment.keys());
}

#[tokio::test(start_paused = true)]
async fn the_token_of_the_cache_service_goes_to_no_build_without_its_cache() {
    let mut build = Build::new();
    build.input("cache", "none");
    build.variable("ACTIONS_RUNTIME_TOKEN", "t").variable("ACTIONS_RESULTS_URL", "https://results.example/");
    build.build().await.is("built", 0);
    for made in build.builder.made() {
        assert!(made.environment.keys().all(|name| !name.starts_with("ACTIONS_")), "{:?}", made.environment.keys());
    }
}

#[tokio::test(start_paused = true)]
async fn the_certificates_of_a_ca_file_reach_buildx_beside_those_it_trusts_already() {
    let mut build = Build::new();
    let certificate = rcgen::generate_simple_self_signed(["one.test".to_owned()]).unwrap().cert.pem();
    build.file_input("ca-file", &certificate).variable("SSL_CERT_DIR", "/etc/more");
    build.build().await.is("built", 0);
    let made = &build.builder.made()[1];
    assert_eq!(made.certificates, certificate);
    assert!(made.environment["SSL_CERT_DIR"].ends_with(":/etc/more"), "{}", made.environment["SSL_CERT_DIR"]);
}

/// As `path` of actions/checkout leaves it: the workspace itself holds no repository.
#[tokio::test(start_paused = true)]
async fn a_checkout_below_the_workspace_is_found_on_the_way_to_the_context() {
    let mut build = Build::new();
    build.remove_folder("workspace/.git");
    build.folder("workspace/src/services/api");
    build.folder("workspace/src/.git");
    build.file("workspace/src/.git/HEAD", &"b".repeat(40));
    build.file("workspace/src/services/api/.git", "gitdir: of a submodule");
    build.input("context", "src/services/api");
    build.build().await.is("failed", 2).says("checked out bbbbbbb, tag v1.0.0 is ");
    assert!(build.states().is_empty() && build.builder.made().is_empty());
    build.file("workspace/src/.git/HEAD", &build.commit.clone());
    build.build().await.is("built", 0);
}

/// What another step made is built, and the checkout beside it is still the one that counts.
#[tokio::test(start_paused = true)]
async fn a_context_below_the_runners_temporary_folder_hides_no_wrong_checkout() {
    let mut build = Build::new();
    let temporary = build.folder("temporary");
    let context = build.folder("temporary/made");
    build.variable("RUNNER_TEMP", &temporary).input("context", &context);
    build.file("workspace/.git/HEAD", &"b".repeat(40));
    build.build().await.is("failed", 2).says("checked out bbbbbbb");
    build.file("workspace/.git/HEAD", &build.commit.clone());
    build.build().await.is("built", 0);
    assert_eq!(build.builder.made()[0].arguments.last(), Some(&context));
}

/// setup-buildx keeps its builders there.
#[tokio::test(start_paused = true)]
async fn the_builders_of_an_inherited_configuration_are_seen_and_its_helpers_are_not() {
    let mut build = Build::new();
    let temporary = build.folder("temporary");
    let config = build.folder("temporary/docker");
    build.file("temporary/docker/config.json", r#"{"credsStore":"none-here"}"#);
    build.variable("RUNNER_TEMP", &temporary).variable("DOCKER_CONFIG", &config);
    build.build().await.is("built", 0);
    let made = &build.builder.made()[0];
    assert_eq!(made.environment["BUILDX_CONFIG"], format!("{config}/buildx"));
    assert_ne!(made.environment["DOCKER_CONFIG"], config);
    assert!(!made.docker_config.contains("credsStore"), "{}", made.docker_config);
}

#[tokio::test(start_paused = true)]
async fn a_cache_beside_the_image_is_signed_in_to_also_where_nothing_is_pushed() {
    let mut build = Build::new();
    build.event("push", "{}").input("push", "false").input("cache", "registry");
    build.build().await.is("built", 0);
    let made = &build.builder.made()[0];
    assert_eq!(made.all("--cache-to").len(), 1);
    assert!(made.docker_config.contains("ghcr.io"), "{}", made.docker_config);
}
