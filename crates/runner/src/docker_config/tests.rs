//! Files as docker writes them and as people break them, and helpers of every temper: shell scripts on a `PATH` of their own.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::console::tests::{Paper, on};

/// Held by each test that runs helpers. A script that was just written cannot be run while the fork of another thread
/// still holds it open (`ETXTBSY`).
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A folder that is `DOCKER_CONFIG` and a `PATH` at the same time.
struct Place {
    folder: tempfile::TempDir,
    masker: Masker,
    paper: Paper,
}

impl Place {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let (console, paper) = on(&[("GITHUB_ACTIONS", "true")]);
        Self { folder, masker: console.masker(), paper }
    }

    /// Adds `docker-credential-NAME`, and gives its place back.
    fn helper(&self, name: &str, script: &str) -> PathBuf {
        let path = self.folder.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn environment(&self) -> Environment {
        let folder = self.folder.path().display().to_string();
        let path = format!("{folder}:/bin:/usr/bin");
        Environment::from_iter([
            ("DOCKER_CONFIG", folder.as_str()),
            ("PATH", &path),
            ("FOLDER", &folder),
            ("INPUT_TOKEN", "ghs_secret"),
            ("ACTIONS_RUNTIME_TOKEN", "runtime_secret"),
        ])
    }

    /// `USERNAME PASSWORD`, empty when there are none.
    async fn login(&self, host: &str) -> Result<String, String> {
        let config = DockerConfig::read(&self.environment()).map_err(|error| error.to_string())?.unwrap();
        let login = config.login(&host.parse().unwrap(), &self.masker).await.map_err(|error| error.to_string())?;
        Ok(login.map_or_else(String::new, |login| {
            assert!(
                self.paper.text().contains(&format!("::add-mask::{}\n", login.password)),
                "masked before it is given"
            );
            format!("{} {}", login.username, login.password)
        }))
    }
}

/// The text of a fault without the folder.
fn fault(place: &Place, result: Result<String, String>) -> String {
    result.unwrap_err().replace(&place.folder.path().display().to_string(), "FOLDER")
}

#[tokio::test]
async fn case_26_each_form_of_an_entry_is_read() {
    // `octo:hunter2`, `octo:a:b`, and the first padded as old versions of docker did.
    for (entry, expected) in [
        (r#"{"auth":"b2N0bzpodW50ZXIy"}"#, "octo hunter2"),
        (r#"{"auth":"b2N0bzphOmI="}"#, "octo a:b"),
        (r#"{"auth":"b2N0bzpodW50ZXIyAAA="}"#, "octo hunter2"),
        (r#"{"username":"octo","password":"hunter2","email":"x"}"#, "octo hunter2"),
        (r#"{"auth":"bm9ib2R5Om5vdGhpbmc=","identitytoken":"ey.J"}"#, "00000000-0000-0000-0000-000000000000 ey.J"),
        ("{}", ""),
        (r#"{"auth":""}"#, ""),
    ] {
        let place = Place::new(&format!(r#"{{"auths":{{"r.test":{entry}}},"HttpHeaders":{{}},"psFormat":1}}"#));
        assert_eq!(place.login("r.test").await, Ok(expected.to_owned()), "{entry}");
    }
}

#[tokio::test]
async fn a_host_is_found_under_each_name_that_docker_gives_it() {
    for (key, host, found) in [
        ("ghcr.io", "ghcr.io", true),
        ("GHCR.io", "ghcr.io", true),
        ("https://ghcr.io", "ghcr.io", true),
        ("https://ghcr.io/v2/", "ghcr.io", true),
        ("http://r.test:5000/v1/", "r.test:5000", true),
        ("https://index.docker.io/v1/", "docker.io", true),
        ("docker.io", "docker.io", true),
        ("registry-1.docker.io", "docker.io", true),
        ("r.test", "r.test:5000", false),
        ("ghcr.io.evil.test", "ghcr.io", false),
        ("evil.test/ghcr.io", "ghcr.io", false),
        ("https://evil.test#ghcr.io", "ghcr.io", false),
        ("ghcr.io@evil.test", "ghcr.io", false),
        ("", "ghcr.io", false),
    ] {
        let place = Place::new(&format!(r#"{{"auths":{{"{key}":{{"auth":"b2N0bzpodW50ZXIy"}}}}}}"#));
        assert_eq!(place.login(host).await.unwrap().is_empty(), !found, "{key} for {host}");
    }
    let both = r#"{"auths":{"https://a.test":{"auth":"b2N0bzphOmI="},"a.test":{"auth":"b2N0bzpodW50ZXIy"}}}"#;
    assert_eq!(Place::new(both).login("a.test").await.unwrap(), "octo hunter2", "its very name comes first");
}

#[tokio::test]
async fn case_26_a_file_that_cannot_be_used_is_named_with_the_place_of_the_fault_and_not_its_content() {
    for (config, expected) in [
        ("", "FOLDER/config.json: it is empty"),
        (" \n", "FOLDER/config.json: it is empty"),
        ("hunter2", "FOLDER/config.json: it is no JSON, at line 1 column 1"),
        ("{\"auths\":\n{\"r.test\":hunter2}}", "FOLDER/config.json: it is no JSON, at line 2 column 11"),
        ("{\"auths\":{\"r.test\":", "FOLDER/config.json: it is no JSON, at line 1 column 19"),
        ("{\"auths\":\"hunter2\"}", "FOLDER/config.json: it is not what docker writes, at line 1 column 18"),
        (
            "{\"auths\":{\"r.test\":\"hunter2\"}}",
            "FOLDER/config.json: it is not what docker writes, at line 1 column 28",
        ),
        ("[]hunter2", "FOLDER/config.json: it is no JSON, at line 1 column 3"),
    ] {
        let place = Place::new(config);
        let shown = fault(&place, place.login("r.test").await);
        assert!(shown == expected && !shown.contains("hunter2"), "{config}: {shown}");
    }
    for auth in ["%%%", "b2N0bw==", "OmEK", "/w=="] {
        let place = Place::new(&format!(r#"{{"auths":{{"r.test":{{"auth":"{auth}"}}}}}}"#));
        let shown = fault(&place, place.login("r.test").await);
        assert_eq!(shown, "FOLDER/config.json: `auth` of r.test is no base64 of USERNAME:PASSWORD", "{auth}");
    }
}

#[test]
fn no_file_is_no_fault_and_a_folder_in_its_place_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().display().to_string();
    for variables in [vec![], vec![("HOME", path.as_str())], vec![("DOCKER_CONFIG", "/dev/null")]] {
        assert!(DockerConfig::read(&variables.into_iter().collect()).unwrap().is_none());
    }
    std::fs::create_dir_all(home.path().join(".docker/config.json")).unwrap();
    let error = DockerConfig::read(&Environment::from_iter([("HOME", path.as_str())])).unwrap_err().to_string();
    assert!(error.contains(".docker/config.json: Is a directory"), "{error}");
}

#[tokio::test]
async fn a_helper_is_asked_by_the_name_of_the_host_and_learns_no_token_of_ours() {
    let _alone = ALONE.lock().await;
    let place =
        Place::new(r#"{"credHelpers":{"r.test":"own"},"credsStore":"store","auths":{"r.test":{},"q.test":{}}}"#);
    let answer =
        r#"cat >"$FOLDER/asked"; env >"$FOLDER/env"; echo '{"ServerURL":"x","Username":"octo","Secret":"hunter2"}'"#;
    place.helper("own", answer);
    assert_eq!(place.login("r.test").await.unwrap(), "octo hunter2");
    let told = |file: &str| std::fs::read_to_string(place.folder.path().join(file)).unwrap();
    assert_eq!(told("asked"), "r.test");
    assert!(told("env").contains("FOLDER=") && !told("env").contains("_secret"), "{}", told("env"));
    place.helper("store", answer);
    place.login("q.test").await.unwrap();
    assert_eq!(told("asked"), "q.test");
    place.login("docker.io").await.unwrap();
    assert_eq!(told("asked"), "https://index.docker.io/v1/");
}

#[tokio::test]
async fn the_helper_of_a_host_comes_before_its_entry_and_the_helper_for_all_after_it() {
    let _alone = ALONE.lock().await;
    let place = Place::new(
        r#"{"credHelpers":{"r.test":"own","none.test":""},"credsStore":"store",
            "auths":{"r.test":{"auth":"b2N0bzphOmI="},"q.test":{"auth":"b2N0bzphOmI="}}}"#,
    );
    place.helper("own", r#"echo '{"Username":"<token>","Secret":"from own"}'"#);
    place.helper("store", r#"echo '{"Username":"octo","Secret":"from store"}'"#);
    assert_eq!(place.login("r.test").await.unwrap(), "00000000-0000-0000-0000-000000000000 from own");
    assert_eq!(place.login("q.test").await.unwrap(), "octo a:b");
    assert_eq!(place.login("p.test").await.unwrap(), "octo from store");
    assert_eq!(place.login("none.test").await.unwrap(), "");
}

#[tokio::test]
async fn case_26_a_helper_that_keeps_nothing_is_none_and_one_that_fails_is_named_with_its_host() {
    let _alone = ALONE.lock().await;
    let place = Place::new(r#"{"credsStore":"x"}"#);
    assert_eq!(
        place.login("r.test").await.unwrap_err(),
        "docker-credential-x, asked for r.test: there is no such program here"
    );
    for (script, expected) in [
        ("echo credentials not found in native keychain; exit 1", Ok("")),
        (r#"echo '{"Username":"","Secret":""}'"#, Ok("")),
        ("echo hunter2; exit 3", Err("docker-credential-x, asked for r.test: it ended with exit status: 3")),
        ("echo hunter2", Err("docker-credential-x, asked for r.test: its answer is not that of a credential helper")),
        (
            r#"echo '{"Username":"hunter2"}'"#,
            Err("docker-credential-x, asked for r.test: its answer is not that of a credential helper"),
        ),
        ("exec yes hunter2", Err("docker-credential-x, asked for r.test: it ended with signal: 13 (SIGPIPE)")),
    ] {
        place.helper("x", script);
        let expected = expected.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
        assert_eq!(place.login("r.test").await, expected, "{script}");
    }
    let outside = Place::new(r#"{"credsStore":"x/../../bin/sh"}"#);
    let shown = fault(&outside, outside.login("r.test").await);
    assert_eq!(shown, "FOLDER/config.json: the helper of r.test has no name of a program");
}

#[tokio::test(start_paused = true)]
async fn case_26_a_helper_that_hangs_is_given_up_after_ten_seconds_and_killed() {
    let _alone = ALONE.lock().await;
    let place = Place::new(r#"{"credsStore":"x"}"#);
    place.helper("x", r#"echo $$ >"$FOLDER/new"; mv "$FOLDER/new" "$FOLDER/pid"; exec sleep 600"#);
    let began = tokio::time::Instant::now();
    // Paused time jumps when nothing else can be done, so there is something to be done until the helper runs.
    let running = async {
        loop {
            if let Ok(pid) = std::fs::read_to_string(place.folder.path().join("pid")) {
                return pid.trim().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let (login, pid) = tokio::join!(place.login("r.test"), running);
    assert_eq!(login.unwrap_err(), "docker-credential-x, asked for r.test: it gave no answer within 10 s");
    assert_eq!(began.elapsed().as_secs(), 10);
    // Gone, or dead and not buried yet; the signal takes a moment to arrive.
    let is_dead = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    assert!((0..1_000_000).any(|_| is_dead()), "{pid} still runs");
}
