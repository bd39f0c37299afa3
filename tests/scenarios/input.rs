//! Inputs: each one wrong in turn is named, and nothing is contacted; each one, changed, changes what comes out.

use std::collections::{BTreeMap, BTreeSet};

use sim::{Auth, RegistrySpec};

use crate::stage::{MINUTE, Stage};

/// Every input with values that are refused.
fn wrong() -> Vec<(&'static str, Vec<String>)> {
    let lines = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    vec![
        (
            "services",
            lines(&[
                "API",
                "api api",
                "api,,web/x",
                "api=",
                "api? web?",
                "api=ghcr.io/{unknown}",
                "api=x.test/y:1 web=x.test/y:1",
            ]),
        ),
        ("image", lines(&["ghcr.io/{nobody}/x", "ghcr.io/{service", "ghcr.io/octo/shop:{version}"])),
        ("tag", lines(&["a b", "v1.0.0+build", "-x", "a..b"])),
        ("platforms", lines(&["amd64", "linux/amd64,linux", "linux/amd64/v8/x"])),
        ("revision", lines(&["yes", "Auto"])),
        ("signals", lines(&["true", "On"])),
        ("wait", lines(&["yes", "1"])),
        ("timeout", lines(&["0", "-1", "1d", "5 m", "99999999h", "1.5h", "m"])),
        ("start-grace", lines(&["soon", "999h"])),
        ("poll-interval", lines(&["0", "11m", "x"])),
        ("on-missing", lines(&["ignore", "PARTIAL"])),
        ("changelog", lines(&["/etc/passwd", "../CHANGELOG.md", "a/../../b"])),
        ("notes", vec!["x".repeat(30_001)]),
        ("name", lines(&["{service} {tag}", "{nobody}", "{tag"])),
        ("prerelease", lines(&["maybe"])),
        ("make-latest", lines(&["legacy"])),
        ("draft", lines(&["yes"])),
        ("adopt-drafts", lines(&["TRUE"])),
        ("previous-tag", lines(&["a b"])),
        ("lock-file", lines(&["../lock", "a lock;b", ".hidden"])),
        ("token", lines(&["two words"])),
        (
            "registry-auth",
            lines(&[
                "ghcr.io alice",
                "https://ghcr.io alice hunter2-secret",
                "ghcr.io a first-secret\nghcr.io b second-secret",
            ]),
        ),
        ("insecure-registries", lines(&["http://registry.example", "a b/c"])),
        ("ca-file", lines(&["/nowhere/ca.pem", "/dev/null"])),
        ("api-url", lines(&["http://api.github.com", "api.github.com", "https://user@api.github.com"])),
        ("dry-run", lines(&["no"])),
    ]
}

/// The inputs that the summary names as wrong.
fn summary_names(summary: &str) -> BTreeSet<String> {
    let (_, names) = summary.split_once("nothing was contacted: ").unwrap();
    names.lines().next().unwrap().replace('\\', "").split(", ").map(ToOwned::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn each_wrong_input_is_named_with_what_was_given_and_nothing_is_contacted() {
    for (name, values) in wrong() {
        for value in values {
            let mut stage = Stage::with("api web");
            let ended = stage.input(name, &value).run().await;
            // `NAME`: what was given; what is accepted, each told.
            let told = ended.is("failed", 2).log.lines().find_map(|line| {
                line.strip_prefix(&format!("::error title={name}::`{name}`: "))?.split_once("; accepted: ")
            });
            let (given, accepted) = told.unwrap_or_else(|| panic!("{name} {value}: {}", ended.log));
            assert!(given.len() > 3 && accepted.len() > 5, "{name}: {given}; {accepted}");
            assert!(stage.world.requests().is_empty(), "{name}: {value}");
            assert!(summary_names(&ended.summary).contains(name), "{name}: {}", ended.summary);
            assert!(!ended.log.replace("::add-mask::hunter2-secret", "").contains("hunter2-secret"), "{}", ended.log);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_wrong_inputs_are_reported_together() {
    let mut stage = Stage::new();
    for (name, values) in wrong() {
        stage.input(name, &values[0]);
    }
    stage.variable("GITHUB_EVENT_PATH", "/nowhere/event.json");
    let ended = stage.run().await;
    ended.is("failed", 2);
    // GitHub shows ten annotations of a step; the rest are lines.
    let told = |name: &str| [format!("::error title={name}::`{name}`: "), format!("error: {name}: `{name}`: ")];
    let is_named = |name: &str| {
        let said = told(name);
        let said = ended.log.lines().any(|line| said.iter().any(|said| line.starts_with(said)));
        said && summary_names(&ended.summary).contains(name)
    };
    let unnamed: Vec<_> = wrong().into_iter().filter(|(name, _)| !is_named(name)).collect();
    let unnamed: Vec<_> = unnamed.into_iter().map(|(name, _)| name).collect();
    assert!(unnamed.is_empty() && is_named("GITHUB_EVENT_PATH"), "{unnamed:?}\n{}", ended.summary);
    assert!(stage.world.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_missing_token_is_named() {
    let mut stage = Stage::with("api");
    stage.input("token", "").run().await.is("failed", 2).says("::error title=token::");
    assert!(stage.world.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tag_with_build_metadata_is_refused_with_a_hint() {
    let mut stage = Stage::with("api");
    stage.input("tag", "v1.0.0+b7").run().await.is("failed", 2).says("such as `v1.0.0`");
}

/// A world in which every input has something to say: `api` is built, `web` is late, other things stand around.
fn rich() -> Stage {
    let mut stage = Stage::with("api web?");
    stage.build("api");
    stage.at(MINUTE * 2, |scene| scene.build("web"));
    for file in ["api", "extra"] {
        let text = format!(
            "on: push\njobs: {{a: {{steps: [{{uses: octo/release-actions/build-image@v1, with: {{service-name: {file}}}}}]}}}}\n"
        );
        stage.world.file(&stage.commit, &format!(".github/workflows/{file}.yml"), &text);
    }
    stage.world.file(&stage.commit, "CHANGELOG.md", "## 1.0.0\n- by hand\n");
    let registry = RegistrySpec::distribution().auth(Auth::Basic).user("robot", "hunter2-secret");
    stage.world.registry("registry.example", registry);
    stage.world.push("registry.example/octo/shop/api:1.0.0", &stage.image().salt("elsewhere"));
    stage.world.enterprise_host("ghe.example");
    stage.world.tag("v0.1.0", &stage.commit);
    stage.world.push("ghcr.io/octo/shop/api:0.1.0", &stage.image());
    stage.input("timeout", "6m");
    stage
}

/// What can be seen of a run from outside.
async fn seen(stage: &Stage) -> (String, BTreeMap<String, String>, u8, usize) {
    let ended = stage.run().await;
    (stage.page(), ended.outputs, ended.exit, stage.world.requests().len())
}

#[tokio::test(start_paused = true)]
async fn every_input_changed_changes_what_comes_out() {
    let before = seen(&rich()).await;
    for (name, value) in [
        ("services", "auto"),
        ("image", "ghcr.io/{repository}/{service}:0.1.0"),
        ("tag", "v0.1.0"),
        ("platforms", "linux/amd64"),
        ("signals", "off"),
        ("changelog", "CHANGELOG.md"),
        ("notes", "Hello."),
        ("name", "Shop {version}"),
        ("prerelease", "true"),
        ("draft", "true"),
        ("previous-tag", "v0.1.0"),
        ("lock-file", "lock.json"),
        ("api-url", "https://ghe.example/api/v3"),
        ("dry-run", "true"),
    ] {
        let mut stage = rich();
        stage.input(name, value);
        let changed = seen(&stage).await;
        assert_ne!(changed, before, "{name}: {value} changes nothing");
    }
    assert_eq!(seen(&rich()).await, before, "and a run that changes nothing is the same");
}

/// Changing `name` from one value to the other changes what comes out of `prepare`.
async fn differs(name: &str, values: [&str; 2], prepare: impl Fn() -> Stage) {
    let mut results = Vec::new();
    for value in values {
        let mut stage = prepare();
        results.push(seen(stage.input(name, value)).await);
    }
    assert_ne!(results[0], results[1], "{name}: {values:?} makes no difference");
}

#[tokio::test(start_paused = true)]
async fn inputs_that_matter_in_a_special_world_only_matter_there() {
    let lacking = || {
        let stage = Stage::with("api web");
        stage.build("api");
        stage
    };
    differs("wait", ["true", "false"], || {
        let stage = Stage::with("api");
        stage.pending("api");
        stage.at(MINUTE, |scene| scene.build("api"));
        stage
    })
    .await;
    differs("poll-interval", ["5s", "1m"], lacking).await;
    differs("start-grace", ["5m", "1m"], lacking).await;
    differs("start-grace", ["5m", "0"], lacking).await;
    differs("timeout", ["45m", "2m"], lacking).await;
    differs("on-missing", ["partial", "fail"], lacking).await;
    differs("revision", ["auto", "require"], || {
        let stage = Stage::with("api web?");
        stage.build("api");
        stage.world.push(&stage.reference("web"), &sim::ImageSpec::new());
        stage
    })
    .await;
    differs("make-latest", ["auto", "true"], || {
        let stage = Stage::with("api");
        stage.build("api");
        stage.world.tag("v2.0.0", &stage.commit);
        stage.world.add_release("v2.0.0", |_| ());
        stage
    })
    .await;
    differs("adopt-drafts", ["false", "true"], || {
        let stage = Stage::with("api");
        stage.build("api");
        stage.world.add_release("v1.0.0", |release| release.draft = true);
        stage
    })
    .await;
    differs("registry-auth", ["", "registry.example robot hunter2-secret"], || {
        let mut stage = rich();
        stage.input("services", "api=registry.example/{repository}/{service}:{version}");
        stage
    })
    .await;
    differs("token", [crate::stage::TOKEN, "ghs_of_nobody"], lacking).await;
}

#[tokio::test(start_paused = true)]
async fn insecure_registries_may_speak_plain_http_and_no_other() {
    for (value, scheme) in [("", "https"), ("registry.example", "http")] {
        let mut stage = rich();
        stage.input("services", "api=registry.example/octo/shop/api:1.0.0").input("insecure-registries", value);
        let ended = stage.run().await;
        let asked = stage.world.requests().into_iter().filter(|request| request.host == "registry.example");
        let schemes: Vec<_> = asked.map(|request| request.scheme).collect();
        assert!(!schemes.is_empty() && schemes.iter().all(|used| used == scheme), "{schemes:?} {}", ended.log);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ca_file_and_the_file_of_ssl_cert_file_are_trusted_beside_the_built_in_roots() {
    let mut stage = Stage::with("api");
    stage.build("api");
    let roots = async |stage: &Stage| {
        stage.run().await.is("complete", 0);
        stage.options.borrow().roots.count()
    };
    let built_in = roots(&stage).await;
    let certificate = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.pem();
    stage.file_input("ca-file", &certificate("one.test"));
    assert_eq!(roots(&stage).await, built_in + 1);
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bundle = stage.file("bundle.pem", &[junk, &certificate("two.test"), &certificate("three.test")].concat());
    stage.variable("SSL_CERT_FILE", &bundle);
    assert_eq!(roots(&stage).await, built_in + 3, "what is unusable in a bundle of others is passed over");
    stage.file_input("ca-file", junk).run().await.is("failed", 2).says("its certificate 1: ");
    stage
        .input("ca-file", "")
        .variable("SSL_CERT_FILE", "/nowhere.pem")
        .run()
        .await
        .is("complete", 0)
        .says("/nowhere.pem");
}

#[tokio::test(start_paused = true)]
async fn proxies_are_handed_to_the_transport_and_their_password_is_masked() {
    let mut stage = Stage::with("api");
    stage.build("api");
    stage.run().await;
    assert_eq!(stage.options.borrow().proxies, transport::Proxies::default());
    stage.variable("https_proxy", "http://me:hunter2-secret@proxy.test:3128/").variable("NO_PROXY", "ghe.test");
    let ended = stage.run().await;
    ended.is("complete", 0).says("::add-mask::hunter2-secret");
    assert!(!ended.log.replace("::add-mask::hunter2-secret", "").contains("hunter2"), "{}", ended.log);
    let proxies = transport::Proxies {
        http: None,
        https: Some("http://me:hunter2-secret@proxy.test:3128".into()),
        except: "ghe.test".into(),
    };
    assert_eq!(stage.options.borrow().proxies, proxies);
}

#[tokio::test(start_paused = true)]
async fn the_runner_that_names_no_repository_is_told_so() {
    let mut stage = Stage::with("api");
    stage.variable("GITHUB_REPOSITORY", "").run().await.is("failed", 2).says("GITHUB_REPOSITORY");
    assert!(stage.world.requests().is_empty());
}
