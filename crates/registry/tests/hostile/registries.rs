//! The manners of real registries, replayed: an image that is there, a tag and a repository that are not, and a repository
//! that is hidden from anybody. The source of each answer stands beside it: [S] read in the registry's source, [I] shown in
//! a public thread, [D] documented. None was measured here.

use sim::{Answer, Auth, Fault};
use tokio::time::Duration;

use super::*;

/// A world in which `host` holds `octo/api:1` and asks for nothing; the replays are put before that.
fn holding(host: &str) -> World {
    let world = stocked();
    world.push(&format!("{host}/octo/api:1"), &spec());
    world
}

fn errors(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string())
}

fn replay(world: &World, host: &str, path: &str, answer: Answer) {
    world.fault(Fault::on("*", host, path).answer(answer));
}

/// What is seen of each image, in how many requests, by a probe that knows nothing yet. `login`: the host whose password it
/// has. A token goes to the API of the host that it is for, the password to that host and its token endpoint, and neither
/// along a redirect.
async fn expect(world: &World, login: Option<&str>, rows: &[(&str, &str, usize)]) {
    for (image, expected, requests) in rows {
        asked(world);
        let registry = login.map_or_else(|| probe(world), |host| probe_with_login(world, host));
        let seen = look(&registry, image).await;
        assert_eq!(seen, *expected, "{image}");
        let asked = asked(world);
        assert_eq!(asked.len(), *requests, "{image}: {asked:?}");
        let authority = named(image).host().api_authority().to_owned();
        for line in &asked {
            let at_home = line.starts_with(&format!("GET https://{authority}/v2/octo/"))
                || line.starts_with(&format!("GET https://{authority}/v2/off/"))
                || line.starts_with(&format!("HEAD https://{authority}/v2/octo/"));
            let at_token = line.contains("?service=") && line.contains("&scope=");
            let may = match line.rsplit_once(" [").map(|(_, kind)| kind) {
                None => true,
                Some("Bearer]") => at_home,
                Some("Basic]") => login.is_some() && (at_home || at_token),
                Some(_) => false,
            };
            assert!(may && line.contains(" https://"), "{image}: {line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn registry_ghcr() {
    // The simulator's own: the token endpoint refuses what is hidden or absent [I prometheus-community/helm-charts#765,
    // sigstore/scaffolding#127]; tokens without a lifetime [I containerd/containerd#3291]; blobs on another host.
    let world = holding("ghcr.io");
    world.push("ghcr.io/octo/secret:1", &spec());
    world.private_image("ghcr.io", "octo/secret", true);
    let denied = "denied: the token endpoint https://ghcr.io/token of ghcr.io answered 403 Forbidden (DENIED: denied)";
    let rows = [
        ("ghcr.io/octo/api:1", WELL, 1 + 1 + 5 + 2),
        ("ghcr.io/octo/api:2", "absent", 3),
        ("ghcr.io/octo/none:1", denied, 2),
        ("ghcr.io/octo/secret:1", denied, 2),
    ];
    expect(&world, None, &rows).await;
    // Lately 401 [I openai/tunnel-client#75].
    replay(&world, "ghcr.io", "/token", errors(401, "UNAUTHORIZED", "authentication required"));
    let seen = look(&probe(&world), "ghcr.io/octo/none:1").await;
    assert_eq!(
        seen,
        "denied: the token endpoint https://ghcr.io/token of ghcr.io answered 401 Unauthorized (UNAUTHORIZED: authentication required)"
    );
    // A denial that passes when it is asked again [I rucio/rucio#8746].
    world.clear_faults();
    world.fault(Fault::on("GET", "ghcr.io", "/token").times(1).answer(errors(403, "DENIED", "denied")));
    let registry = probe(&world);
    assert!(look(&registry, "ghcr.io/octo/api:1").await.starts_with("denied: "));
    assert_eq!(look(&registry, "ghcr.io/octo/api:1").await, WELL);
    // Seconds between push and sight [I p2pool-starter-stack/pithead#429].
    world.registry_lag("ghcr.io", Duration::from_secs(3));
    world.push("ghcr.io/octo/api:3", &spec());
    assert_eq!(look(&registry, "ghcr.io/octo/api:3").await, "absent");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(look(&registry, "ghcr.io/octo/api:3").await, WELL);
}

#[tokio::test(start_paused = true)]
async fn registry_docker_hub() {
    // The token endpoint gives everybody a token, and what it does not allow is 401 `insufficient_scope`, absent and
    // private alike [I docker/hub-feedback#1771, jupyterhub/binderhub#1664]; 300 s, under both names
    // [I docker/hub-feedback#2094]. HEAD is not counted as a pull [D Docker Hub usage and limits].
    let host = "registry-1.docker.io";
    let world = holding(host);
    world.push("registry-1.docker.io/octo/secret:1", &spec());
    let auth = Auth::Token {
        anonymous_pull: true,
        expires_in: Some(Duration::from_secs(300)),
        realm: Some("https://auth.docker.io/token".into()),
    };
    world.registry(host, RegistrySpec::distribution().auth(auth).user("octo", PASSWORD).private("octo/secret"));
    let rows = [
        ("octo/api:1", WELL, 1 + 1 + 1 + 5),
        ("docker.io/octo/api:2", "absent", 3),
        ("index.docker.io/octo/none:1", "denied: index.docker.io answered 401 Unauthorized", 3),
        ("octo/secret:1", "denied: docker.io answered 401 Unauthorized", 3),
    ];
    expect(&world, None, &rows).await;
    assert_eq!(look(&probe_with_login(&world, "docker.io"), "octo/secret:1").await, WELL);
    assert!(
        asked(&world)
            .iter()
            .all(|line| line.starts_with("GET https://auth.docker.io/token?") == line.ends_with("[Basic]"))
    );
    // `Retry-After` as a time since 1970 [I docker/hub-feedback#2459]; here 40 s from now.
    let registry = probe(&world);
    look(&registry, "octo/api:1").await;
    world.fault(Fault::on("HEAD", host, "/").times(1).answer(Answer::Throttled { retry_after: "1795435240".into() }));
    assert_eq!(look(&registry, "octo/api:1").await, WELL);
    assert_eq!(world.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn registry_ecr_private() {
    // Basic with each request, no token; a GET names no digest [I oras-project/oras-go#237, aws/containers-roadmap#1931];
    // 404 with two codes [I actions/starter-workflows#2647, google/go-containerregistry#1862].
    let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let world = holding(host);
    let basic = "Basic realm=\"https://123456789012.dkr.ecr.us-east-1.amazonaws.com/\",service=\"ecr.amazonaws.com\"";
    door(&world, host, basic);
    replay(
        &world,
        host,
        "/v2/octo/none/",
        errors(404, "NAME_UNKNOWN", "The repository with name 'octo/none' does not exist"),
    );
    replay(&world, host, "/v2/octo/api/manifests/2", errors(404, "MANIFEST_UNKNOWN", "Requested image not found"));
    let index = String::from_utf8(world.manifest(&format!("{host}/octo/api:1")).unwrap().to_vec()).unwrap();
    world.fault(Fault::on("GET", host, TAG).answer(Answer::Status(
        200,
        vec![("Content-Type".into(), OCI_INDEX.into())],
        index,
    )));
    let (there, tag, none) =
        (format!("{host}/octo/api:1"), format!("{host}/octo/api:2"), format!("{host}/octo/none:1"));
    let denied = format!("denied: {host} answered 401 Unauthorized (UNAUTHORIZED: authentication required)");
    expect(&world, Some(host), &[(&there, WELL, 1 + 5), (&tag, "absent", 2), (&none, "absent", 2)]).await;
    expect(&world, None, &[(&there, &denied, 1), (&none, &denied, 1)]).await;
    // "Rate exceeded" [D Amazon ECR service quotas].
    world.clear_faults();
    replay(&world, host, "/v2/", errors(429, "TOOMANYREQUESTS", "Rate exceeded"));
    assert!(
        look(&probe(&world), &there)
            .await
            .ends_with("throttles: 429 Too Many Requests (TOOMANYREQUESTS: Rate exceeded)")
    );
}

#[tokio::test(start_paused = true)]
async fn registry_ecr_public() {
    // One scope for all, `aws`; nothing is private. A HEAD of a blob is 401 [I aws/containers-roadmap#2671]: none is sent.
    let host = "public.ecr.aws";
    let world = holding(host);
    replay(&world, host, "/token/", Answer::json(200, r#"{"token":"tok3n"}"#));
    door(&world, host, "Bearer realm=\"https://public.ecr.aws/token/\",service=\"public.ecr.aws\",scope=\"aws\"");
    world.fault(Fault::on("HEAD", host, "/v2/octo/api/blobs/").answer(errors(401, "UNAUTHORIZED", "Not Authorized")));
    replay(&world, host, "/v2/octo/none/", errors(404, "NAME_UNKNOWN", "The repository does not exist"));
    let rows = [
        ("public.ecr.aws/octo/api:1", WELL, 7),
        ("public.ecr.aws/octo/api:2", "absent", 3),
        ("public.ecr.aws/octo/none:1", "absent", 3),
    ];
    expect(&world, None, &rows).await;
    // One request a second for anybody; "Data limit exceeded" [I awslabs/aws-lambda-web-adapter#429].
    let throttled = errors(429, "TOOMANYREQUESTS", "Data limit exceeded");
    let world = holding(host);
    world.fault(Fault::on("GET", host, "/v2/").times(1).answer(throttled));
    assert_eq!(look(&probe(&world), "public.ecr.aws/octo/api:1").await, WELL);
}

#[tokio::test(start_paused = true)]
async fn registry_gar() {
    // 403 at the token endpoint for absent and private alike [I argoproj/argo-cd#26260]; 404 `Failed to fetch "2"`
    // [I firezone/firezone#10484]; a blob leads to a signed path on the same host [I ahmetb/serverless-registry-proxy#8].
    let host = "us-docker.pkg.dev";
    let world = holding(host);
    let spec = RegistrySpec { blob_host: Some(host.to_owned()), ..RegistrySpec::distribution() };
    world.registry(host, spec);
    let refused =
        "Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource (or it may not exist)";
    for hidden in ["none", "secret"] {
        let path = format!("/v2/token?service=us-docker.pkg.dev&scope=repository:octo/{hidden}:");
        replay(&world, host, &path, errors(403, "DENIED", refused));
    }
    replay(&world, host, "/v2/token", Answer::json(200, r#"{"token":"tok3n","expires_in":43200}"#));
    replay(&world, host, "/v2/octo/api/manifests/2", errors(404, "MANIFEST_UNKNOWN", "Failed to fetch \"2\""));
    door(&world, host, "Bearer realm=\"https://us-docker.pkg.dev/v2/token\",service=\"us-docker.pkg.dev\"");
    let denied = format!(
        "denied: the token endpoint https://us-docker.pkg.dev/v2/token of us-docker.pkg.dev answered 403 Forbidden (DENIED: {refused})"
    );
    let rows = [
        ("us-docker.pkg.dev/octo/api:1", WELL, 1 + 1 + 5 + 2),
        ("us-docker.pkg.dev/octo/none:1", denied.as_str(), 2),
        ("us-docker.pkg.dev/octo/secret:1", &denied, 2),
    ];
    expect(&world, None, &rows).await;
    assert_eq!(look(&probe(&world), "us-docker.pkg.dev/octo/api:2").await, "absent");
}

#[tokio::test(start_paused = true)]
async fn registry_acr() {
    // 401 UNAUTHORIZED for absent and private alike [D Azure Container Registry, "Anonymous pull access"]; 404 `manifest
    // tagged by "2" is not found`, and the same of a list to who does not accept it [I Azure/acr#741].
    let host = "octo.azurecr.io";
    let world = holding(host);
    let realm = "Bearer realm=\"https://octo.azurecr.io/oauth2/token\",service=\"octo.azurecr.io\"";
    for hidden in ["none", "secret"] {
        let path = format!("/oauth2/token?service=octo.azurecr.io&scope=repository:octo/{hidden}:");
        replay(
            &world,
            host,
            &path,
            errors(
                401,
                "UNAUTHORIZED",
                "authentication required, visit https://aka.ms/acr/authorization for more information.",
            ),
        );
    }
    replay(&world, host, "/oauth2/token", Answer::json(200, r#"{"access_token":"tok3n"}"#));
    door(&world, host, realm);
    replay(
        &world,
        host,
        "/v2/octo/api/manifests/2",
        errors(404, "MANIFEST_UNKNOWN", "manifest tagged by \"2\" is not found"),
    );
    let denied = "denied: the token endpoint https://octo.azurecr.io/oauth2/token of octo.azurecr.io answered 401 Unauthorized (UNAUTHORIZED: authentication required, visit https://aka.ms/acr/authorization for more information.)";
    let rows = [
        ("octo.azurecr.io/octo/api:1", WELL, 7),
        ("octo.azurecr.io/octo/api:2", "absent", 3),
        ("octo.azurecr.io/octo/none:1", denied, 2),
        ("octo.azurecr.io/octo/secret:1", denied, 2),
    ];
    expect(&world, None, &rows).await;
    let every = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
    let of_manifests = |request: &sim::RecordedRequest| request.path_and_query.contains("/manifests/");
    look(&probe(&world), "octo.azurecr.io/octo/api:1").await;
    assert!(
        world
            .requests()
            .iter()
            .filter(|request| of_manifests(request))
            .all(|request| request.accept.as_deref() == Some(every))
    );
}

#[tokio::test(start_paused = true)]
async fn registry_quay() {
    // Anybody gets a token, with no access in it where there is none; then 401 for absent and private alike
    // [S quay/quay endpoints/v2/__init__.py:244]. An expired tag is 404 TAG_EXPIRED [S endpoints/v2/errors.py:86]; a
    // disabled namespace is 405 DENIED [S same file].
    let host = "quay.io";
    let world = holding(host);
    replay(&world, host, "/v2/auth", Answer::json(200, r#"{"token":"tok3n"}"#));
    let challenge = "Bearer realm=\"https://quay.io/v2/auth\",service=\"quay.io\"";
    for hidden in ["none", "secret"] {
        replay(&world, host, &format!("/v2/octo/{hidden}/"), Answer::challenge(&[challenge]));
    }
    door(&world, host, challenge);
    replay(&world, host, "/v2/octo/api/manifests/2", errors(404, "TAG_EXPIRED", "Tag 2 has expired"));
    replay(&world, host, "/v2/off/", errors(405, "DENIED", "requested access to the resource is denied"));
    let denied = "denied: quay.io answered 401 Unauthorized (UNAUTHORIZED: authentication required)";
    let off = "unreachable: quay.io answered 405 Method Not Allowed, which no registry answers here: it is misconfigured (DENIED: requested access to the resource is denied)";
    let rows = [
        ("quay.io/octo/api:1", WELL, 7),
        ("quay.io/octo/api:2", "absent", 3),
        ("quay.io/octo/none:1", denied, 3),
        ("quay.io/octo/secret:1", denied, 3),
        ("quay.io/off/api:1", off, 3),
    ];
    expect(&world, None, &rows).await;
}

#[tokio::test(start_paused = true)]
async fn registry_harbor() {
    // 401 to any read without access, and `Basic realm="harbor"` to credentials that are refused
    // [S goharbor/harbor src/server/middleware/v2auth/auth.go:92]; 404 NOT_FOUND, for a missing project too [S src/lib/errors].
    let host = "harbor.test";
    let world = holding(host);
    replay(&world, host, "/service/token", Answer::json(200, r#"{"token":"tok3n","expires_in":1800}"#));
    let challenge = "Bearer realm=\"https://harbor.test/service/token\",service=\"harbor-registry\"";
    world.fault(
        Fault::on("*", host, "/v2/octo/secret/").authorized().answer(Answer::challenge(&["Basic realm=\"harbor\""])),
    );
    door(&world, host, challenge);
    replay(&world, host, "/v2/octo/none/", errors(404, "NOT_FOUND", "project octo not found"));
    replay(&world, host, "/v2/octo/api/manifests/2", errors(404, "NOT_FOUND", "artifact octo/api:2 not found"));
    let denied = "denied: harbor.test answered 401 Unauthorized (UNAUTHORIZED: authentication required)";
    let rows = [
        ("harbor.test/octo/api:1", WELL, 7),
        ("harbor.test/octo/api:2", "absent", 3),
        ("harbor.test/octo/none:1", "absent", 3),
        ("harbor.test/octo/secret:1", denied, 3),
    ];
    expect(&world, None, &rows).await;
    // And that `Basic` does not displace the way in of the other images.
    let registry = probe(&world);
    assert_eq!(look(&registry, "harbor.test/octo/secret:1").await, denied);
    asked(&world);
    assert_eq!(look(&registry, "harbor.test/octo/api:1").await, WELL);
    assert_eq!(asked(&world).len(), 6, "no request is sent without access");
}

#[tokio::test(start_paused = true)]
async fn registry_gitlab() {
    // The token endpoint is on another host, and refuses what is hidden or absent: 403 `denied: access forbidden` [I
    // getwud/wud#600].
    let host = "registry.gitlab.com";
    let world = holding(host);
    let realm = "https://gitlab.com/jwt/auth";
    let auth =
        Auth::Token { anonymous_pull: true, expires_in: Some(Duration::from_secs(300)), realm: Some(realm.into()) };
    world.registry(host, RegistrySpec::distribution().auth(auth).user("octo", PASSWORD));
    for hidden in ["secret", "none"] {
        let token = format!("/jwt/auth?service=registry.gitlab.com&scope=repository:octo/{hidden}:");
        world.fault(Fault::on("GET", "gitlab.com", &token).anonymous().answer(errors(
            403,
            "DENIED",
            "access forbidden",
        )));
    }
    world.push("registry.gitlab.com/octo/secret:1", &spec());
    let denied = "denied: the token endpoint https://gitlab.com/jwt/auth of registry.gitlab.com answered 403 Forbidden (DENIED: access forbidden)";
    let rows = [
        ("registry.gitlab.com/octo/api:1", WELL, 7),
        ("registry.gitlab.com/octo/api:2", "absent", 3),
        ("registry.gitlab.com/octo/none:1", denied, 2),
        ("registry.gitlab.com/octo/secret:1", denied, 2),
    ];
    expect(&world, None, &rows).await;
    assert_eq!(look(&probe_with_login(&world, host), "registry.gitlab.com/octo/secret:1").await, WELL);
    assert!(
        asked(&world)
            .iter()
            .all(|line| line.starts_with("GET https://gitlab.com/jwt/auth?") == line.ends_with("[Basic]"))
    );
}

#[tokio::test(start_paused = true)]
async fn registry_gitea() {
    // Two headers, without scope and service [S go-gitea/gitea routers/api/packages/container/container.go].
    let host = "gitea.test";
    let world = holding(host);
    replay(&world, host, "/v2/token", Answer::json(200, r#"{"token":"tok3n"}"#));
    let challenges = Answer::challenge(&[
        "Bearer realm=\"https://gitea.test/v2/token\",service=\"container_registry\",scope=\"*\"",
        "Basic realm=\"Gitea Container Registry\"",
    ]);
    replay(&world, host, "/v2/octo/secret/", challenges.clone());
    world.fault(Fault::on("*", host, "/v2/").anonymous().answer(challenges));
    replay(&world, host, "/v2/octo/none/", errors(404, "NAME_UNKNOWN", ""));
    let denied = "denied: gitea.test answered 401 Unauthorized (UNAUTHORIZED: authentication required)";
    let rows = [
        ("gitea.test/octo/api:1", WELL, 7),
        ("gitea.test/octo/api:2", "absent", 3),
        ("gitea.test/octo/none:1", "absent", 3),
        ("gitea.test/octo/secret:1", denied, 3),
    ];
    expect(&world, None, &rows).await;
}

#[tokio::test(start_paused = true)]
async fn registry_zot() {
    // Basic; the body of a 401 is one object [S project-zot/zot pkg/api/authn.go:819]; 403 DENIED to an account that may
    // not, NAME_UNKNOWN for a missing repository [S pkg/api/routes.go:483]; no ETag.
    let host = "zot.test";
    let world = holding(host);
    let refused = r#"{"code":"UNAUTHORIZED","message":"authentication required","description":"The access controller was unable to authenticate the client."}"#;
    let headers = vec![("WWW-Authenticate".to_owned(), "Basic realm=\"Authorization Required\"".to_owned())];
    world.fault(Fault::on("*", host, "/v2/").anonymous().answer(Answer::Status(401, headers, refused.to_owned())));
    replay(&world, host, "/v2/octo/secret/", errors(403, "DENIED", "requested access to the resource is denied"));
    replay(&world, host, "/v2/octo/none/", errors(404, "NAME_UNKNOWN", "repository name not known to registry"));
    let rows =
        [("zot.test/octo/api:1", WELL, 6), ("zot.test/octo/api:2", "absent", 2), ("zot.test/octo/none:1", "absent", 2)];
    expect(&world, Some(host), &rows).await;
    // The anonymous answer came first; the account's is what counts.
    let seen = look(&probe_with_login(&world, host), "zot.test/octo/secret:1").await;
    assert_eq!(seen, "denied: zot.test answered 403 Forbidden (DENIED: requested access to the resource is denied)");
    let denied = "denied: zot.test answered 401 Unauthorized (UNAUTHORIZED: authentication required)";
    expect(&world, None, &[("zot.test/octo/api:1", denied, 1)]).await;
}

#[tokio::test(start_paused = true)]
async fn registry_distribution() {
    // The simulator's own: MANIFEST_UNKNOWN for a missing repository too [S distribution/distribution
    // registry/storage/tagstore.go:102], `htpasswd` where it is locked.
    let world = holding("dist.test");
    let rows = [
        ("dist.test/octo/api:1", WELL, 5),
        ("dist.test/octo/api:2", "absent", 1),
        ("dist.test/octo/none:1", "absent", 1),
    ];
    expect(&world, None, &rows).await;
    world.registry("dist.test", RegistrySpec::distribution().auth(Auth::Basic).user("octo", PASSWORD));
    let denied = "denied: dist.test answered 401 Unauthorized (UNAUTHORIZED: authentication required)";
    expect(&world, None, &[("dist.test/octo/api:1", denied, 1), ("dist.test/octo/none:1", denied, 1)]).await;
    let rows = [
        ("dist.test/octo/api:1", WELL, 6),
        ("dist.test/octo/api:2", "absent", 2),
        ("dist.test/octo/none:1", "absent", 2),
    ];
    expect(&world, Some("dist.test"), &rows).await;
}

#[tokio::test(start_paused = true)]
async fn registry_artifactory() {
    // A missing tag of a virtual repository is 403 [I google/go-containerregistry#1691, sigstore/cosign#2973].
    let host = "octo.jfrog.io";
    let world = holding(host);
    replay(&world, host, "/v2/octo/api/manifests/2", errors(403, "DENIED", "Not permitted"));
    let rows = [
        ("octo.jfrog.io/octo/api:1", WELL, 5),
        ("octo.jfrog.io/octo/api:2", "denied: octo.jfrog.io answered 403 Forbidden (DENIED: Not permitted)", 1),
        ("octo.jfrog.io/octo/none:1", "absent", 1),
    ];
    expect(&world, None, &rows).await;
}
