//! The simulated registry against the real one: the same questions, asked by curl, must get the same answers.

use sim::{Auth, RegistrySpec, World};

use super::image::Image;
use super::place::{Place, run};
use super::push;

const EVERY_TYPE: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_TYPES: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// What is compared beside the status, the error's code, and the body where there is no error.
const HEADERS: [&str; 7] = [
    "www-authenticate",
    "docker-content-digest",
    "docker-distribution-api-version",
    "content-type",
    "content-length",
    "etag",
    "x-content-type-options",
];

/// What was answered, as far as it is compared.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: String,
    headers: Vec<(&'static str, String)>,
    codes: Vec<String>,
    content: Option<String>,
}

async fn asked(host: &str, method: &str, path: &str, more: &[&str]) -> Answer {
    let url = format!("http://{host}{path}");
    let mut arguments = vec!["--silent", "--show-error", "--include"];
    arguments.extend(if method == "HEAD" { vec!["--head"] } else { vec!["--request", method] });
    arguments.extend(more.iter().chain([&url.as_str()]));
    let output = run("curl", &arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let (status, fields) = head.split_once("\r\n").unwrap();
    let value = |wanted: &str| {
        let mut fields = fields.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("", |(_, value)| value).to_owned()
    };
    let errors = serde_json::from_str::<serde_json::Value>(body).ok();
    let errors = errors.and_then(|body| Some(body.get("errors")?.as_array()?.clone()));
    Answer {
        status: status.trim_end().to_owned(),
        // The length of an error's text may differ with its wording.
        headers: HEADERS
            .into_iter()
            .filter(|name| *name != "content-length" || status.contains(" 200"))
            .map(|name| (name, value(name)))
            .collect(),
        content: errors.is_none().then(|| body.to_owned()),
        codes: errors.unwrap_or_default().iter().map(|error| error["code"].to_string()).collect(),
    }
}

/// Asks both registries the same questions, with everybody's own account in `account`.
async fn compare(real: &Place, simulated: &Place) {
    let image = Image::new("api", "0123456789012345678901234567890123456789", &["linux/amd64", "linux/arm64"]);
    for place in [real, simulated] {
        push::by_skopeo(place, "differential/api", "1.0.0", &image).await;
        push::by_oci_client(place, "differential/web", "1.0.0", &image).await;
    }
    let (every, docker) = (format!("Accept: {EVERY_TYPE}"), format!("Accept: {DOCKER_TYPES}"));
    let (every, docker) = (["--header", every.as_str()], ["--header", docker.as_str()]);
    let child = &image.manifests[1].digest;
    let (by_digest, config) = (format!("manifests/{child}"), format!("blobs/{}", image.blobs[1].digest));
    let (no_manifest, no_blob) = (format!("manifests/sha256:{:064}", 7), format!("blobs/sha256:{:064}", 7));
    let etag = format!("If-None-Match: \"{}\"", image.index.digest);
    let known = [every[0], every[1], "--header", etag.as_str()];
    let credentials = real.credentials();
    let good: Vec<&str> = credentials.iter().flat_map(|credentials| ["--user", credentials]).collect();
    let bad = vec!["--user", "ci:wrong"];
    let token = vec!["--header", "Authorization: Bearer abc"];
    let accesses = [("with access", good), ("no access", vec![]), ("a wrong password", bad), ("a token", token)];
    let questions: [(&str, &str, &[&str]); 14] = [
        ("a hit", "api/manifests/1.0.0", &every),
        ("a hit pushed by oci-client", "web/manifests/1.0.0", &every),
        ("a hit by digest", &format!("api/{by_digest}"), &every),
        ("a hit that is known", "api/manifests/1.0.0", &known),
        ("a miss", "api/manifests/9.9.9", &every),
        ("a miss of the repository", "nobody/manifests/1.0.0", &every),
        ("a miss by digest", &format!("api/{no_manifest}"), &every),
        ("the wrong Accept", "api/manifests/1.0.0", &docker),
        ("the wrong Accept by digest", &format!("api/{by_digest}"), &docker),
        ("no Accept", "api/manifests/1.0.0", &[]),
        ("no Accept, and a miss", "api/manifests/9.9.9", &[]),
        ("a blob", &format!("api/{config}"), &[]),
        ("a blob that is missing", &format!("api/{no_blob}"), &[]),
        ("the tags", "api/tags/list", &[]),
    ];
    let mut differences = Vec::new();
    for (access, account) in &accesses {
        let mut check = async |what: &str, method: &str, path: &str, more: &[&str]| {
            let more: Vec<&str> = more.iter().chain(account).copied().collect();
            let expected = asked(&real.host, method, path, &more).await;
            let found = asked(&simulated.host, method, path, &more).await;
            if expected != found {
                differences.push(format!("{what}, {access}: {method} {path}\n  real {expected:?}\n  sim  {found:?}"));
            }
        };
        for method in ["GET", "HEAD"] {
            check("the base", method, "/v2/", &[]).await;
            for (what, path, more) in questions {
                check(what, method, &format!("/v2/differential/{path}"), more).await;
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn the_simulated_registry_answers_as_the_real_one_without_accounts() {
    let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
    world.registry("open.test", RegistrySpec::distribution());
    let served = world.serve_registry("open.test").await.unwrap();
    compare(&Place::open(), &Place { host: served.host(), account: None }).await;
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn the_simulated_registry_answers_as_the_real_one_with_accounts() {
    let real = Place::locked();
    let (name, password) = real.account.clone().unwrap();
    let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
    world.registry("locked.test", RegistrySpec::distribution().auth(Auth::Basic).user(&name, &password));
    let served = world.serve_registry("locked.test").await.unwrap();
    compare(&real, &Place { host: served.host(), account: real.account.clone() }).await;
}
