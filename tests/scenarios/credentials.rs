//! Whom each registry is asked as, what is said of it, and what credentials that do not work come to.

use sim::{Auth, RegistrySpec};

use crate::stage::{MINUTE, SECOND, Stage};

/// Sets `DOCKER_CONFIG` to a folder with this `config.json`.
fn docker_config(stage: &mut Stage, config: &str) {
    let path = stage.file("config.json", config);
    stage.variable("DOCKER_CONFIG", path.trim_end_matches("/config.json"));
}

/// `auth` of `config.json`.
fn auth(username: &str, password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"))
}

/// A stage with one service on each of these hosts, and on ghcr.io; all but `open.test` want robot's password.
fn hosts() -> Stage {
    let image = |host: &str| format!("{host}/octo/shop/x:{{version}}");
    let stage = Stage::with(&format!(
        "line={} file={} open={} api",
        image("line.test"),
        image("file.test"),
        image("open.test")
    ));
    for host in ["line.test", "file.test", "open.test"] {
        let access = if host == "open.test" { Auth::Anonymous } else { Auth::Basic };
        let password = format!("secret-of-{host}");
        stage.world.registry(host, RegistrySpec::distribution().auth(access).user("robot", &password));
        stage.world.push(&format!("{host}/octo/shop/x:1.0.0"), &stage.image().salt(host));
    }
    stage.push("api");
    stage
}

#[tokio::test(start_paused = true)]
async fn a_line_comes_before_the_docker_config_and_that_before_the_token_and_the_log_says_which() {
    let mut stage = hosts();
    stage.input("registry-auth", "line.test robot secret-of-line.test");
    let file = auth("robot", "secret-of-file.test");
    let of_line = auth("robot", "not-this-one");
    docker_config(
        &mut stage,
        &format!(r#"{{"auths":{{"line.test":{{"auth":"{of_line}"}},"https://file.test/v2/":{{"auth":"{file}"}}}}}}"#),
    );
    let ended = stage.run().await;
    ended.is("complete", 0);
    for line in [
        "credentials for line.test: registry-auth",
        "credentials for file.test: config.json",
        "credentials for open.test: anonymous",
        "credentials for ghcr.io: the actor and token",
    ] {
        assert_eq!(ended.log.matches(&format!("{line}\n")).count(), 1, "{line}\n{}", ended.log);
    }
    let said: String = ended.log.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    assert!(!said.contains("secret-of") && !said.contains(&file) && !said.contains("robot"), "{said}");
    ended.says("::add-mask::secret-of-file.test\n");
    for request in stage.world.requests() {
        let sent = request.authorization.unwrap_or_default();
        assert!(request.host == "file.test" || !sent.ends_with(&file), "{}", request.host);
        assert!(!sent.ends_with(&of_line) && (request.host != "open.test" || sent.is_empty()));
    }

    let ghcr = auth("alice", crate::stage::TOKEN);
    docker_config(
        &mut stage,
        &format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{ghcr}"}},"file.test":{{"auth":"{file}"}}}}}}"#),
    );
    stage.run().await.is("complete", 0).says("credentials for ghcr.io: config.json\n");
}

#[tokio::test(start_paused = true)]
async fn a_docker_config_that_cannot_be_used_is_a_warning_and_the_run_goes_on_without() {
    for (config, expected) in [
        ("", "config.json: it is empty"),
        ("{\"auths\": hunter2}", "config.json: it is no JSON, at line 1 column 11"),
        (r#"{"auths":{"ghcr.io":{"auth":"hunter2"}}}"#, "config.json: `auth` of ghcr.io is no base64"),
        (r#"{"credsStore":"nowhere"}"#, "docker-credential-nowhere, asked for ghcr.io: there is no such program here"),
        (r#"{"credHelpers":{"ghcr.io":"nowhere"}}"#, "docker-credential-nowhere, asked for ghcr.io: there is no such"),
    ] {
        let mut stage = Stage::with("api");
        stage.build("api");
        docker_config(&mut stage, config);
        let ended = stage.run().await;
        ended.is("complete", 0).says("::warning::docker's credentials").says(expected);
        ended.says("credentials for ghcr.io: the actor and token");
        assert!(!ended.log.contains("hunter2"), "{}", ended.log);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_do_not_hide_public_images_and_are_reported_once() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.at(MINUTE * 5, |scene| scene.build("web"));
    stage.input("registry-auth", "ghcr.io robot of-last-year");
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!(ended.waited() < MINUTE * 5 + SECOND * 30, "{:?}", ended.waited());
    let warning = "::warning::the credentials for ghcr.io (registry-auth) were refused, so it is asked without them: ";
    assert_eq!(ended.log.matches(warning).count(), 1, "{}", ended.log);
    let without = |request: &&sim::RecordedRequest| {
        request.path_and_query.starts_with("/token") && request.authorization.is_none()
    };
    let without = stage.world.requests().iter().filter(without).count();
    // Once for each image, and for the one that is not there again each minute.
    assert!((2..=8).contains(&without), "{without}");
}
