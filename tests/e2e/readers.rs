//! Programs that know nothing of us read the simulated registry: skopeo, oras and curl, through anonymous tokens, an account's
//! token, and a password.

use serde_json::Value;
use sim::{Access, Auth, Carrier, GitHubToken, ImageSpec, RegistrySpec, World};

use super::place::{printed, run};
use crate::stage::TOKEN;

const REVISION: &str = "0123456789012345678901234567890123456789";

fn image() -> ImageSpec {
    let image = ImageSpec::new().platforms(&["linux/amd64", "linux/arm64"]).attestations(true);
    image.revision(Carrier::ConfigLabel, REVISION)
}

/// The registries of one world, by the account that reads them.
fn world() -> (World, [(&'static str, Option<String>); 3]) {
    let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
    world.token(GitHubToken::new(TOKEN).packages(Access::Read));
    world.registry("password.test", RegistrySpec::distribution().auth(Auth::Basic).user("ann", "secret"));
    let token = Auth::Token { anonymous_pull: false, expires_in: None, realm: None };
    world.registry("token.test", RegistrySpec::distribution().auth(token).user("ann", "secret"));
    let ann = Some("ann:secret".to_owned());
    (world, [("ghcr.io", None), ("password.test", ann.clone()), ("token.test", ann)])
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn skopeo_reads_the_simulated_registry() {
    let (world, registries) = world();
    for (host, account) in registries {
        let spec = if host == "ghcr.io" {
            // Over loopback there is no second host that blobs could be redirected to.
            world.registry(host, RegistrySpec { blob_host: None, ..RegistrySpec::ghcr() });
            image()
        } else {
            image().salt(host)
        };
        let digest = world.push(&format!("{host}/octo/shop/api:1.0.0"), &spec);
        let served = world.serve_registry(host).await.unwrap();
        let reference = format!("docker://{}/octo/shop/api:1.0.0", served.host());
        let mut arguments = vec!["inspect", "--tls-verify=false", "--override-os", "linux", "--override-arch", "arm64"];
        match &account {
            Some(account) => arguments.extend(["--creds", account.as_str()]),
            None => arguments.push("--no-creds"),
        }
        arguments.push(&reference);
        let seen: Value = serde_json::from_str(&printed("skopeo", &arguments).await).unwrap();
        assert_eq!(seen["Digest"], digest, "{host}");
        assert_eq!(seen["Architecture"], "arm64", "{host}");
        assert_eq!(seen["Labels"]["org.opencontainers.image.revision"], REVISION, "{host}");
        assert_eq!(seen["RepoTags"], serde_json::json!(["1.0.0"]), "{host}");

        let missing = reference.replace("1.0.0", "9.9.9");
        *arguments.last_mut().unwrap() = &missing;
        let output = run("skopeo", &arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("manifest unknown"), "{host}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs oras: run tests/e2e/registry.sh"]
async fn oras_reads_the_simulated_registry() {
    let (world, registries) = world();
    for (host, account) in registries {
        let digest = world.push(&format!("{host}/octo/shop/api:1.0.0"), &image().salt(host));
        let served = world.serve_registry(host).await.unwrap();
        let reference = format!("{}/octo/shop/api:1.0.0", served.host());
        let mut login = vec!["--plain-http"];
        if let Some((name, password)) = account.as_deref().and_then(|account| account.split_once(':')) {
            login.extend(["--username", name, "--password", password]);
        }
        let oras = |command: &[&'static str], reference: &str| {
            let arguments = [command, &login].concat();
            let reference = reference.to_owned();
            async move { run("oras", &[&arguments[..], &[reference.as_str()]].concat()).await }
        };
        let resolved = oras(&["resolve"], &reference).await;
        assert_eq!(String::from_utf8_lossy(&resolved.stdout).trim(), digest, "{host}: {resolved:?}");
        // It computes the digest of what it fetched and compares.
        let index = oras(&["manifest", "fetch"], &reference).await;
        let index: Value = serde_json::from_slice(&index.stdout).unwrap();
        let real = index["manifests"].as_array().unwrap().iter();
        let platforms = real.filter(|entry| entry["platform"]["os"] == "linux").count();
        assert_eq!(platforms, 2, "{host}: {index}");
        let config = oras(&["manifest", "fetch-config", "--platform", "linux/arm64"], &reference).await;
        let config: Value = serde_json::from_slice(&config.stdout).unwrap();
        assert_eq!(config["architecture"], "arm64", "{host}");
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], REVISION, "{host}");

        let missing = oras(&["resolve"], &reference.replace("1.0.0", "9.9.9")).await;
        let said = String::from_utf8_lossy(&missing.stderr).into_owned();
        assert!(!missing.status.success() && said.contains("not found"), "{host}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn curl_walks_through_the_door_of_the_simulated_ghcr() {
    let (world, _) = world();
    let digest = world.push("ghcr.io/octo/shop/api:1.0.0", &image());
    let served = world.serve_registry("ghcr.io").await.unwrap();
    let url = format!("{}/v2/octo/shop/api/manifests/1.0.0", served.url());
    let refused = printed("curl", &["--silent", "--head", &url]).await;
    let challenge = refused.lines().find_map(|line| line.strip_prefix("Www-Authenticate: Bearer ")).unwrap();
    let value = |key: &str| {
        let (_, rest) = challenge.split_once(&format!("{key}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let realm = format!("{}?service={}&scope={}", value("realm"), value("service"), value("scope"));
    for account in [None, Some(format!("alice:{TOKEN}"))] {
        let mut arguments = vec!["--silent", "--fail", realm.as_str()];
        arguments.extend(account.iter().flat_map(|account| ["--user", account]));
        let token: Value = serde_json::from_str(&printed("curl", &arguments).await).unwrap();
        let bearer = format!("Authorization: Bearer {}", token["token"].as_str().unwrap());
        let accept = "Accept: application/vnd.oci.image.index.v1+json";
        let found = printed("curl", &["--silent", "--head", "--header", &bearer, "--header", accept, &url]).await;
        assert!(found.starts_with("HTTP/1.1 200 OK"), "{found}");
        assert!(found.contains(&format!("Docker-Content-Digest: {digest}")), "{found}");
    }
    let wrong = ["--silent", "--user", "alice:wrong", "--write-out", "%{http_code}", "--output", "-", &realm];
    let wrong = printed("curl", &wrong).await;
    assert!(wrong.ends_with("403") && wrong.contains("DENIED"), "{wrong}");
}
