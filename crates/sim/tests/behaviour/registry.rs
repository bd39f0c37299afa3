//! The registry face.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Access, Auth, Carrier, Flavour, GitHubToken, ImageSpec, RegistrySpec, World};

use crate::{ALL, Answered, TOKEN, asked, world};

const API: &str = "ghcr.io/octo/shop/api:1.0.0";

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// The whole dance on ghcr.io: a token for the repository, then the request.
async fn pulled(world: &World, method: &str, path: &str, accept: &str) -> Answered {
    let token = asked(world, "GET", &token_url("octo/shop/api", "pull"), &[], "").await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    asked(world, method, &format!("https://ghcr.io{path}"), &[("authorization", &bearer), ("accept", accept)], "").await
}

fn token_url(repository: &str, actions: &str) -> String {
    format!("https://ghcr.io/token?service=ghcr.io&scope=repository%3A{repository}%3A{actions}")
}

#[tokio::test(start_paused = true)]
async fn without_a_token_ghcr_challenges_with_the_scope_that_is_wanted() {
    let world = world();
    world.push(API, &ImageSpec::new());
    let refused = asked(&world, "GET", "https://ghcr.io/v2/octo/shop/api/manifests/1.0.0", &[], "").await;
    assert_eq!(refused.status, 401);
    let challenge = r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:octo/shop/api:pull""#;
    assert_eq!(refused.header("www-authenticate"), challenge);
    assert_eq!(refused.header("docker-distribution-api-version"), "registry/2.0");
    assert_eq!(refused.json(), json!({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}));
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_token_reads_a_public_image_by_head_and_get() {
    let world = world();
    let digest = world.push(API, &ImageSpec::new().platforms(&["linux/amd64", "linux/arm64/v8"]).attestations(true));
    let head = pulled(&world, "HEAD", "/v2/octo/shop/api/manifests/1.0.0", ALL).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("docker-content-digest"), digest);
    assert_eq!(head.header("etag"), format!("\"{digest}\""));
    assert_eq!(head.header("content-type"), "application/vnd.oci.image.index.v1+json");
    let get = pulled(&world, "GET", "/v2/octo/shop/api/manifests/1.0.0", ALL).await;
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    let index = get.json();
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 4);
    assert_eq!(manifests[1]["platform"], json!({"architecture":"arm64","os":"linux","variant":"v8"}));
    assert_eq!(manifests[2]["annotations"]["vnd.docker.reference.type"], "attestation-manifest");
    assert_eq!(manifests[2]["annotations"]["vnd.docker.reference.digest"], manifests[0]["digest"]);
    for manifest in manifests {
        let path = format!("/v2/octo/shop/api/manifests/{}", manifest["digest"].as_str().unwrap());
        let child = pulled(&world, "GET", &path, ALL).await;
        assert_eq!(child.body.len(), usize::try_from(manifest["size"].as_u64().unwrap()).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn ghcr_denies_at_the_token_endpoint_what_is_private_or_was_never_published() {
    let world = world();
    world.push(API, &ImageSpec::new());
    let never = asked(&world, "GET", &token_url("octo/shop/web", "pull"), &[], "").await;
    assert_eq!((never.status, never.code().as_str()), (403, "DENIED"));
    assert_eq!(never.header("www-authenticate"), "");
    world.private_image("ghcr.io", "octo/shop/api", true);
    assert_eq!(asked(&world, "GET", &token_url("octo/shop/api", "pull"), &[], "").await.status, 403);
    let actor = [("authorization", &*basic("anybody", TOKEN))];
    assert_eq!(asked(&world, "GET", &token_url("octo/shop/api", "pull"), &actor, "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_break_even_public_pulls() {
    let world = world();
    world.push(API, &ImageSpec::new());
    let wrong = [("authorization", &*basic("octo", "stale"))];
    assert_eq!(asked(&world, "GET", &token_url("octo/shop/api", "pull"), &wrong, "").await.status, 403);
    world.token(GitHubToken::new("ghs_no_packages").contents(Access::Write));
    let weak = [("authorization", &*basic("octo", "ghs_no_packages"))];
    assert_eq!(asked(&world, "GET", &token_url("octo/shop/api", "pull"), &weak, "").await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_missing_tag_is_manifest_unknown_and_an_untagged_manifest_stays_by_digest() {
    let world = world();
    let digest = world.push(API, &ImageSpec::new());
    let missing = pulled(&world, "GET", "/v2/octo/shop/api/manifests/9.9.9", ALL).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "MANIFEST_UNKNOWN"));
    world.untag(API);
    assert_eq!(pulled(&world, "GET", "/v2/octo/shop/api/manifests/1.0.0", ALL).await.status, 404);
    assert_eq!(pulled(&world, "GET", &format!("/v2/octo/shop/api/manifests/{digest}"), ALL).await.status, 200);
    world.delete_manifest("ghcr.io", "octo/shop/api", &digest);
    world.push("ghcr.io/octo/shop/api:2", &ImageSpec::new().salt("2"));
    assert_eq!(pulled(&world, "GET", &format!("/v2/octo/shop/api/manifests/{digest}"), ALL).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn an_oci_index_without_its_accept_is_a_404_with_a_reason() {
    let world = world();
    world.push(API, &ImageSpec::new());
    let refused = pulled(&world, "GET", "/v2/octo/shop/api/manifests/1.0.0", "*/*").await;
    assert_eq!(refused.status, 404);
    let message = "OCI index found, but accept header does not support OCI indexes";
    assert_eq!(refused.json()["errors"][0]["message"], message);
}

#[tokio::test(start_paused = true)]
async fn a_docker_list_without_its_accept_gives_the_amd64_child_under_its_own_digest() {
    let world = world();
    let spec = ImageSpec::new().platforms(&["linux/arm64", "linux/amd64"]).docker_media_types(true);
    let list = world.push("r.test/api:1", &spec);
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let child = asked(&world, "GET", "https://r.test/v2/api/manifests/1", &[("accept", docker)], "").await;
    assert_eq!(child.header("content-type"), docker);
    assert_ne!(child.header("docker-content-digest"), list);
    let schema_1 = asked(&world, "GET", "https://r.test/v2/api/manifests/1", &[], "").await;
    assert_eq!(schema_1.header("content-type"), "application/vnd.docker.distribution.manifest.v1+prettyjws");
    let whole = asked(&world, "GET", "https://r.test/v2/api/manifests/1", &[("accept", ALL)], "").await;
    assert_eq!(whole.header("docker-content-digest"), list);
}

#[tokio::test(start_paused = true)]
async fn if_none_match_with_the_digest_is_304() {
    let world = world();
    let digest = world.push("r.test/api:1", &ImageSpec::new());
    let etag = format!("\"{digest}\"");
    let headers = [("accept", ALL), ("if-none-match", etag.as_str())];
    let same = asked(&world, "GET", "https://r.test/v2/api/manifests/1", &headers, "").await;
    assert_eq!((same.status, same.header("docker-content-digest")), (304, ""));
}

#[tokio::test(start_paused = true)]
async fn the_revision_stands_where_the_carrier_says() {
    for carrier in
        [Carrier::ConfigLabel, Carrier::IndexAnnotation, Carrier::ChildAnnotation, Carrier::DescriptorAnnotation]
    {
        let world = world();
        world.push("r.test/api:1", &ImageSpec::new().revision(carrier, "abc").source("https://github.com/octo/shop"));
        let index = asked(&world, "GET", "https://r.test/v2/api/manifests/1", &[("accept", ALL)], "").await.json();
        let child = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
        let url = format!("https://r.test/v2/api/manifests/{child}");
        let child = asked(&world, "GET", &url, &[("accept", ALL)], "").await.json();
        let config = child["config"]["digest"].as_str().unwrap();
        let config = asked(&world, "GET", &format!("https://r.test/v2/api/blobs/{config}"), &[], "").await.json();
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.source"], "https://github.com/octo/shop");
        let key = "org.opencontainers.image.revision";
        let places = [
            (Carrier::ConfigLabel, &config["config"]["Labels"][key]),
            (Carrier::IndexAnnotation, &index["annotations"][key]),
            (Carrier::ChildAnnotation, &child["annotations"][key]),
            (Carrier::DescriptorAnnotation, &index["manifests"][0]["annotations"][key]),
        ];
        for (place, value) in places {
            let wanted = if place == carrier { json!("abc") } else { Value::Null };
            assert_eq!(*value, wanted, "{place:?} of {carrier:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn equal_specs_give_equal_digests_in_one_repository_and_others_elsewhere() {
    let world = world();
    let spec = ImageSpec::new().single_manifest(true);
    let first = world.push("r.test/api:1", &spec);
    assert_eq!(first, world.push("r.test/api:2", &spec));
    assert_ne!(first, world.push("r.test/web:1", &spec));
    assert_ne!(first, world.push("r.test/api:3", &spec.clone().salt("again")));
    assert_eq!(world.image_digest("r.test/api:2"), Some(first));
}

#[tokio::test(start_paused = true)]
async fn ghcr_blobs_redirect_to_another_host_that_wants_no_authorization() {
    let world = world();
    world.push(API, &ImageSpec::new().single_manifest(true));
    let manifest = pulled(&world, "GET", "/v2/octo/shop/api/manifests/1.0.0", ALL).await.json();
    let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let redirect = pulled(&world, "GET", &format!("/v2/octo/shop/api/blobs/{config}"), "").await;
    assert_eq!(redirect.status, 307);
    let location = redirect.header("location");
    assert!(location.starts_with("https://pkg-containers.githubusercontent.com/"), "{location}");
    assert_eq!(asked(&world, "GET", location, &[], "").await.json()["architecture"], "amd64");
    assert_eq!(asked(&world, "GET", location, &[("authorization", "Bearer x")], "").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_for_one_repository_and_ends_by_the_worlds_clock() {
    let world = world();
    world.push(API, &ImageSpec::new());
    world.push("ghcr.io/octo/shop/web:1.0.0", &ImageSpec::new());
    let token = asked(&world, "GET", &token_url("octo/shop/api", "pull"), &[], "").await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("accept", ALL)];
    let other = asked(&world, "GET", "https://ghcr.io/v2/octo/shop/web/manifests/1.0.0", &headers, "").await;
    assert_eq!((other.status, other.code().as_str()), (403, "DENIED"));
    let url = "https://ghcr.io/v2/octo/shop/api/manifests/1.0.0";
    assert_eq!(asked(&world, "GET", url, &headers, "").await.status, 200);
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(asked(&world, "GET", url, &headers, "").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_distribution_with_tokens_names_the_error_and_tells_the_lifetime() {
    let world = world();
    let auth = Auth::Token {
        anonymous_pull: true,
        expires_in: Some(Duration::from_secs(60)),
        realm: Some("https://auth.test/oauth/token".to_owned()),
    };
    world.registry("r.test", RegistrySpec::distribution().auth(auth).user("ann", "secret").private("hidden"));
    world.push("r.test/api:1", &ImageSpec::new());
    world.push("r.test/hidden:1", &ImageSpec::new());
    let refused = asked(&world, "GET", "https://r.test/v2/hidden/manifests/1", &[("accept", ALL)], "").await;
    let challenge = r#"Bearer realm="https://auth.test/oauth/token",service="r.test",scope="repository:hidden:pull""#;
    assert_eq!(refused.header("www-authenticate"), challenge);
    let wanted = json!([{"Type":"repository","Class":"","Name":"hidden","Action":"pull"}]);
    assert_eq!(refused.json()["errors"][0]["detail"], wanted);

    let url = "https://auth.test/oauth/token?service=r.test&scope=repository:hidden:pull";
    let anonymous = asked(&world, "GET", url, &[], "").await;
    assert_eq!((anonymous.status, anonymous.json()["expires_in"].as_u64()), (200, Some(60)));
    let bearer = format!("Bearer {}", anonymous.json()["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("accept", ALL)];
    let refused = asked(&world, "GET", "https://r.test/v2/hidden/manifests/1", &headers, "").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").ends_with(r#",error="insufficient_scope""#));

    let ann = asked(&world, "GET", url, &[("authorization", &basic("ann", "secret"))], "").await.json();
    let bearer = format!("Bearer {}", ann["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("accept", ALL)];
    assert_eq!(asked(&world, "GET", "https://r.test/v2/hidden/manifests/1", &headers, "").await.status, 200);
    assert_eq!(asked(&world, "GET", url, &[("authorization", &basic("ann", "no"))], "").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn basic_authentication_is_asked_for_everywhere_and_checked() {
    let world = world();
    world.registry("r.test", RegistrySpec::distribution().auth(Auth::Basic).user("ann", "secret"));
    world.push("r.test/api:1", &ImageSpec::new());
    let refused = asked(&world, "GET", "https://r.test/v2/", &[], "").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, r#"Basic realm="basic-realm""#));
    let url = "https://r.test/v2/api/manifests/1";
    let wrong = [("authorization", &*basic("ann", "x")), ("accept", ALL)];
    assert_eq!(asked(&world, "GET", url, &wrong, "").await.status, 401);
    let right = [("authorization", &*basic("ann", "secret")), ("accept", ALL)];
    assert_eq!(asked(&world, "GET", url, &right, "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn ghcr_takes_an_encoded_github_token_as_bearer_and_no_raw_one() {
    use base64::Engine as _;
    let world = world();
    world.push(API, &ImageSpec::new());
    let url = "https://ghcr.io/v2/octo/shop/api/manifests/1.0.0";
    let encoded = format!("Bearer {}", base64::engine::general_purpose::STANDARD.encode(TOKEN));
    assert_eq!(asked(&world, "GET", url, &[("authorization", &encoded), ("accept", ALL)], "").await.status, 200);
    let raw = format!("Bearer {TOKEN}");
    let refused = asked(&world, "GET", url, &[("authorization", &raw), ("accept", ALL)], "").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, ""));
}

/// Upload in one piece and in chunks, then the manifest; a manifest before its blobs is refused.
#[tokio::test(start_paused = true)]
async fn an_image_can_be_pushed_over_the_wire() {
    let world = world();
    world.registry("r.test", RegistrySpec::distribution());
    let config = br#"{"architecture":"amd64","os":"linux"}"#;
    let sha = world.put_blob("other.test", "x", config);
    let layer = world.put_blob("other.test", "x", b"abcdef");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType":"application/vnd.oci.image.config.v1+json","digest":sha,"size":config.len()},
        "layers": [{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":layer,"size":6}],
    })
    .to_string();
    let manifest_type = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    let early = asked(&world, "PUT", "https://r.test/v2/a/b/manifests/1", &manifest_type, manifest.clone()).await;
    assert_eq!((early.status, early.code().as_str()), (400, "MANIFEST_BLOB_UNKNOWN"));

    let start = asked(&world, "POST", "https://r.test/v2/a/b/blobs/uploads/", &[], "").await;
    assert_eq!(start.status, 202);
    let wrong = format!("{}?digest=sha256:{}", start.header("location"), "0".repeat(64));
    assert_eq!(asked(&world, "PUT", &wrong, &[], &config[..]).await.code(), "DIGEST_INVALID");
    let start = asked(&world, "POST", "https://r.test/v2/a/b/blobs/uploads/", &[], "").await;
    let put = asked(&world, "PUT", &format!("{}?digest={sha}", start.header("location")), &[], &config[..]).await;
    assert_eq!((put.status, put.header("docker-content-digest")), (201, sha.as_str()));

    let start = asked(&world, "POST", "https://r.test/v2/a/b/blobs/uploads/", &[], "").await;
    let first = asked(&world, "PATCH", start.header("location"), &[("content-range", "0-2")], "abc").await;
    assert_eq!((first.status, first.header("range")), (202, "0-2"));
    let again = asked(&world, "PATCH", first.header("location"), &[("content-range", "0-2")], "abc").await;
    assert_eq!(again.status, 416);
    let second = asked(&world, "PATCH", first.header("location"), &[("content-range", "3-5")], "def").await;
    let put = asked(&world, "PUT", &format!("{}?digest={layer}", second.header("location")), &[], "").await;
    assert_eq!(put.status, 201);
    assert_eq!(asked(&world, "HEAD", &format!("https://r.test/v2/a/b/blobs/{layer}"), &[], "").await.status, 200);

    let put = asked(&world, "PUT", "https://r.test/v2/a/b/manifests/1", &manifest_type, manifest).await;
    assert_eq!(put.status, 201);
    assert_eq!(world.image_digest("r.test/a/b:1").as_deref(), Some(put.header("docker-content-digest")));
    let tags = asked(&world, "GET", "https://r.test/v2/a/b/tags/list", &[], "").await.json();
    assert_eq!(tags, json!({"name":"a/b","tags":["1"]}));
}

#[tokio::test(start_paused = true)]
async fn pushing_to_ghcr_needs_packages_write() {
    let world = world();
    world.token(GitHubToken::new("ghs_read").packages(Access::Read));
    let url = token_url("octo/shop/new", "pull,push");
    let reader = asked(&world, "GET", &url, &[("authorization", &basic("a", "ghs_read"))], "").await;
    assert_eq!(reader.status, 403);
    let writer = asked(&world, "GET", &url, &[("authorization", &basic("a", TOKEN))], "").await.json();
    let bearer = format!("Bearer {}", writer["token"].as_str().unwrap());
    let start = [("authorization", bearer.as_str())];
    assert_eq!(asked(&world, "POST", "https://ghcr.io/v2/octo/shop/new/blobs/uploads/", &start, "").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn a_pushed_tag_is_seen_only_after_the_lag() {
    let world = world();
    let old = world.push("r.test/api:1", &ImageSpec::new());
    world.registry_lag("r.test", Duration::from_secs(5));
    let new = world.push("r.test/api:1", &ImageSpec::new().salt("2"));
    let url = "https://r.test/v2/api/manifests/1";
    let seen = asked(&world, "HEAD", url, &[("accept", ALL)], "").await;
    assert_eq!(seen.header("docker-content-digest"), old);
    tokio::time::advance(Duration::from_secs(5)).await;
    let seen = asked(&world, "HEAD", url, &[("accept", ALL)], "").await;
    assert_eq!(seen.header("docker-content-digest"), new);
}

#[tokio::test(start_paused = true)]
async fn a_raw_manifest_is_given_back_as_it_is() {
    let world = world();
    let digest = world.put_raw_manifest("r.test/chart:1", "text/plain", b"not json");
    let got = asked(&world, "GET", "https://r.test/v2/chart/manifests/1", &[], "").await;
    assert_eq!((got.header("content-type"), got.header("docker-content-digest")), ("text/plain", digest.as_str()));
    assert_eq!(got.text(), "not json");
}

#[tokio::test(start_paused = true)]
async fn what_no_route_fits_is_gos_plain_404() {
    let world = world();
    world.registry("r.test", RegistrySpec { flavour: Flavour::Distribution, ..RegistrySpec::distribution() });
    for path in ["/v2/UPPER/manifests/1", "/v2/a/manifests/bad%20tag", "/v2/a/referrers/sha256:00", "/other"] {
        let answer = asked(&world, "GET", &format!("https://r.test{path}"), &[], "").await;
        assert_eq!((answer.status, answer.text().as_str()), (404, "404 page not found\n"), "{path}");
    }
}

/// As docker-registry 2.8.2 answered here, side by side.
#[tokio::test(start_paused = true)]
async fn odd_paths_and_methods_are_answered_as_distribution_does() {
    let world = world();
    world.registry("r.test", RegistrySpec::distribution());
    let slashless = asked(&world, "GET", "https://r.test/v2", &[], "").await;
    assert_eq!((slashless.status, slashless.header("location")), (301, "/v2/"));
    let root = asked(&world, "GET", "https://r.test/", &[], "").await;
    assert_eq!((root.status, root.header("cache-control")), (200, "no-cache"));
    let post = asked(&world, "POST", "https://r.test/v2/a/manifests/1", &[], "").await;
    assert_eq!((post.status, post.header("allow")), (405, "DELETE, GET, HEAD, PUT"));
    let delete = asked(&world, "DELETE", "https://r.test/v2/a/manifests/1", &[], "").await;
    assert_eq!((delete.status, delete.code().as_str()), (405, "UNSUPPORTED"));
    let url = format!("https://r.test/v2/a/blobs/uploads/?digest=sha256:{}", "0".repeat(64));
    assert_eq!(asked(&world, "POST", &url, &[], "abc").await.status, 202, "no single POST");
}
