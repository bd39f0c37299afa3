//! Where a registry may send us, and which names are asked for at all.

use domain::image::{Digest, ImageReference};
use serde_json::json;
use sha2::{Digest as _, Sha512};
use sim::{Answer, Fault};

use super::*;

/// Hosts that nobody may be sent to, in the spellings that some URL parser understands.
pub(crate) const PRIVATE: &[&str] = &[
    "localhost",
    "LOCALHOST",
    "LocalHost.",
    "api.localhost",
    "127.0.0.1",
    "127.0.0.1.",
    "127.255.0.1:8080",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    // Decimal, octal, hexadecimal, short and mixed.
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "127.1",
    "127.0.0.0x1",
    "0xa9fea9fe",
    "0",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "%31%32%37.0.0.1",
    // What some take for a host and others for none.
    "[::1].ws",
];

/// A world in which a blob of [`IMAGE`], the configuration of its first platform, leads elsewhere.
fn redirecting(location: &str) -> (World, String) {
    let world = stocked();
    let child = parts_of(&world, IMAGE).remove(0);
    let path = format!("/v2/octo/api/blobs/{}", parts_of(&world, &format!("reg.test/octo/api@{child}")).remove(0));
    world.fault(Fault::on("GET", HOST, &path).answer(Answer::redirect(location)));
    (world, path)
}

#[tokio::test(start_paused = true)]
async fn case_06_a_redirect_to_a_place_that_is_not_safe_is_not_followed() {
    let refused = "unreachable: reg.test is misconfigured: it redirected to ";
    let mut unsafe_places: Vec<String> = PRIVATE.iter().map(|host| format!("https://{host}/x")).collect();
    unsafe_places.extend(
        [
            "",
            "http://storage.test/x",
            "http://reg.test/x",
            "file:///etc/passwd",
            "https://u@storage.test/x",
            "https:///x",
            "x",
            "?",
            "ftp://storage.test/",
            "https://169.254.169.254[::].ws",
        ]
        .map(ToOwned::to_owned),
    );
    for location in &unsafe_places {
        let (world, _) = redirecting(location);
        let seen = verdict(&world).await;
        assert!(seen.starts_with(refused), "{location}: {seen}");
        assert_eq!(asked_openly(&world), 5, "{location}");
    }
    // A public name may end in a dot.
    let (world, _) = redirecting("https://storage.test./x");
    assert!(verdict(&world).await.starts_with("unreachable: reg.test: GET https://storage.test./x: "));
    // A manifest stays on its host, at the first hop and at the next.
    for location in unsafe_places.iter().map(String::as_str).chain([
        "https://storage.test/x",
        "//storage.test/x",
        "https://reg.test:8443/x",
    ]) {
        let world = faulty(Fault::on("*", HOST, TAG).answer(Answer::redirect(location)));
        for seen in [verdict(&world).await, glance(&probe(&world), IMAGE).await] {
            assert!(seen.starts_with(refused), "{location}: {seen}");
        }
        let tag = "https://reg.test/v2/octo/api/manifests/1";
        assert_eq!(asked(&world), [format!("GET {tag}"), format!("HEAD {tag}")], "{location}");
    }
    let world = faulty(Fault::on("GET", HOST, TAG).answer(Answer::redirect("/moved")));
    world.fault(Fault::on("GET", HOST, "/moved").answer(Answer::redirect("/again")));
    assert!(verdict(&world).await.contains("https://reg.test/again, and manifests are not followed there"));
    assert_eq!(asked(&world), ["GET https://reg.test/v2/octo/api/manifests/1", "GET https://reg.test/moved"]);
    // A registry on an address of its own network may name others there.
    let world = world_on("10.0.0.1:5000");
    world.fault(
        Fault::on("GET", "10.0.0.1:5000", "/v2/octo/api/blobs/")
            .times(1)
            .answer(Answer::redirect("https://10.0.0.2/x")),
    );
    let seen = look(&probe(&world), "10.0.0.1:5000/octo/api:1").await;
    assert!(seen.starts_with("unreachable: 10.0.0.1:5000: GET https://10.0.0.2/x: "), "{seen}");
}

/// A world with an image on another host.
fn world_on(host: &str) -> World {
    let world = stocked();
    world.push(&format!("{host}/octo/api:1"), &spec());
    world
}

#[tokio::test(start_paused = true)]
async fn case_06_a_followed_redirect_carries_no_access() {
    // Storage elsewhere, on the parent domain, and on the host itself, as Google Artifact Registry's
    // (ahmetb/serverless-registry-proxy#8): object storage refuses a second kind of access (renovatebot/renovate#3877).
    for storage in ["storage.test", "blobs.reg.test", HOST] {
        let world = stocked();
        let spec = RegistrySpec { blob_host: Some(storage.to_owned()), ..guarded("https://reg.test/token") };
        world.registry(HOST, spec);
        assert_eq!(look(&probe_with_login(&world, HOST), IMAGE).await, WELL);
        let asked = asked(&world);
        let there: Vec<&String> =
            asked.iter().filter(|line| line.starts_with(&format!("GET https://{storage}/_blobs/"))).collect();
        assert_eq!((there.len(), asked.len()), (2, 9), "{asked:?}");
        assert!(there.iter().all(|line| !line.contains('[')), "{there:?}");
    }
    let world = faulty(Fault::on("GET", HOST, TAG).answer(Answer::redirect("/moved")));
    let body = String::from_utf8(world.manifest(IMAGE).unwrap().to_vec()).unwrap();
    let moved = Answer::Status(200, vec![("Content-Type".into(), OCI_INDEX.into())], body);
    world.fault(Fault::on("GET", HOST, "/moved").anonymous().answer(moved));
    world.fault(Fault::on("*", HOST, "/v2/").anonymous().answer(Answer::challenge(&["Basic"])));
    world.clear_requests();
    assert_eq!(look(&probe_with_login(&world, HOST), IMAGE).await, WELL);
    let asked = asked(&world);
    assert_eq!(asked.iter().filter(|line| *line == "GET https://reg.test/moved").count(), 1, "{asked:?}");
    // What storage refuses says nothing of our access.
    let (world, _) = redirecting("https://reg.test/refused");
    world.fault(Fault::on("GET", HOST, "/refused").answer(Answer::json(403, "{}")));
    let seen = verdict(&world).await;
    assert_eq!(seen, "unreachable: the storage of reg.test, https://reg.test/refused, answered 403 Forbidden");
}

#[tokio::test(start_paused = true)]
async fn case_06_five_redirects_are_followed_and_no_sixth() {
    for (hops, requests, expected) in [
        (5, 5 + 5, WELL),
        (6, 5 + 5, "unreachable: reg.test is misconfigured: more than 5 redirects"),
        (11, 5 + 5, "unreachable: reg.test is misconfigured: more than 5 redirects"),
    ] {
        let world = stocked();
        let child = parts_of(&world, IMAGE).remove(0);
        let path = format!("/v2/octo/api/blobs/{}", parts_of(&world, &format!("reg.test/octo/api@{child}")).remove(0));
        world.fault(Fault::on("GET", HOST, &path).times(hops).answer(Answer::redirect(&path)));
        assert_eq!(verdict(&world).await, expected, "{hops}");
        assert_eq!(asked_openly(&world), requests, "{hops}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_19_a_host_is_read_strictly_and_ipv6_is_asked() {
    for (host, scheme) in [
        ("[::1]:5000", "http"),
        ("127.0.0.1:5000", "http"),
        ("localhost", "http"),
        ("[2001:db8::1]", "https"),
        ("xn--bcher-kva.test", "https"),
        ("REG.test:5000", "https"),
        ("10.0.0.1", "https"),
    ] {
        let world = world_on(&host.to_ascii_lowercase());
        assert_eq!(look(&probe(&world), &format!("{host}/octo/api:1")).await, WELL, "{host}");
        let (asked, home) = (asked(&world), format!("GET {scheme}://{}/v2/octo/api/", host.to_ascii_lowercase()));
        assert!(asked.len() == 5 && asked.iter().all(|line| line.starts_with(&home)), "{asked:?}");
    }
    for host in [
        "[::1",
        "[::1]5000",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]:5000",
        "[::g]",
        "reg.test.",
        "reg.test:0",
        "reg.test:99999",
        "reg.test:",
        "reg.test:5x",
        "-reg.test",
        "reg..test",
        "bücher.test",
        "user@reg.test",
        "reg.test?x",
    ] {
        assert!(format!("{host}/octo/api:1").parse::<ImageReference>().is_err(), "accepted {host}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_20_a_name_outside_of_the_grammar_is_no_reference() {
    let (long_tag, long_name) =
        (format!("reg.test/octo/api:{}", "a".repeat(129)), format!("reg.test/{}:1", "a".repeat(256)));
    for name in [
        "",
        ":",
        "@",
        " ",
        "reg.test/octo/api:",
        "reg.test/octo/api@",
        "reg.test/:1",
        "reg.test/octo//api:1",
        "reg.test/octo/api/:1",
        "reg.test/Octo/api:1",
        "reg.test/octo/../api:1",
        "reg.test/octo/%2e%2e/api:1",
        "reg.test/octo/api:1/x",
        "reg.test/octo/api:v1.2.3+build",
        "reg.test/octo/api:vé",
        "reg.test/octo/аpi:1",
        "reg.test/octo/api:1\n",
        "reg.test/octo/api: 1",
        " reg.test/octo/api:1",
        "https://reg.test/octo/api:1",
        "reg.test/octo/api:-1",
        "reg.test/octo/api:.1",
        "reg.test/octo/api?x:1",
        "reg.test/octo/api#x",
        "reg.test/octo___api:1",
        "reg.test/octo/api-:1",
        &long_tag,
        &long_name,
    ] {
        let error = match name.parse::<ImageReference>() {
            Err(error) => error.to_string(),
            Ok(read) => panic!("accepted {name:?} as {read}"),
        };
        assert!(!error.is_empty() && !error.contains(char::is_control), "{error}");
        assert_eq!(error.contains("build metadata"), name.contains('+'), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_21_a_digest_beside_a_tag_is_checked_and_sha512_is_known() {
    let world = stocked();
    let digest = world.image_digest(IMAGE).unwrap();
    let registry = probe(&world);
    let pinned = format!("{IMAGE}@{digest}");
    assert_eq!(look(&registry, &pinned).await, WELL);
    let first = asked(&world);
    assert_eq!(first[0], "GET https://reg.test/v2/octo/api/manifests/1", "the tag is what is asked for");
    assert_eq!(first.len(), 5);
    world.push(IMAGE, &spec().salt("moved"));
    let seen = look(&registry, &pinned).await;
    assert!(seen.starts_with("not an image: the tag `1` is sha256:") && seen.ends_with("was asked for"), "{seen}");
    assert_eq!(asked_openly(&world), 1);
    assert_eq!(look(&registry, &format!("reg.test/octo/api@{digest}")).await, WELL);
    assert_eq!(asked(&world), ["GET https://reg.test/v2/octo/api/manifests/sha256:…"]);
    // Nor is a HEAD believed that leads to what was seen before.
    world.push("registry-1.docker.io/octo/api:1", &spec().salt("moved"));
    assert_eq!(look(&registry, "octo/api:1").await, WELL);
    asked(&world);
    let seen = look(&registry, &format!("octo/api:1@{digest}")).await;
    assert!(seen.starts_with("not an image: the tag `1` is sha256:"), "{seen}");
    assert_eq!(asked_openly(&world), 2);
    // Content that is served for another digest than was asked for, with no header to say so.
    let other = Digest::sha256(b"other");
    let body = json!({"schemaVersion": 2, "manifests": []}).to_string();
    let answer = |body: &str| Answer::Status(200, vec![("Content-Type".into(), OCI_INDEX.into())], body.to_owned());
    world.fault(Fault::on("GET", HOST, &format!("/v2/octo/api/manifests/{other}")).answer(answer(&body)));
    let seen = look(&registry, &format!("reg.test/octo/api@{other}")).await;
    assert!(seen.starts_with(&format!("not an image: the content served for {other} is ")), "{seen}");
    assert_eq!(asked_openly(&world), 1);
    // sha512 is computed as sha512, with and without the header.
    let body = String::from_utf8(world.manifest(IMAGE).unwrap().to_vec()).unwrap();
    let sha512 = format!(
        "sha512:{}",
        Sha512::digest(body.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    );
    let path = format!("/v2/octo/api/manifests/{sha512}");
    world.fault(Fault::on("*", HOST, &path).answer(answer(&body)));
    assert_eq!(look(&registry, &format!("reg.test/octo/api@{sha512}")).await, WELL);
    assert_eq!(glance(&registry, &format!("reg.test/octo/api@{sha512}")).await, sha512);
    // Of a tag, a HEAD that names only such a one cannot be compared with what was computed.
    let named = Answer::ExtraHeaders(vec![("Docker-Content-Digest".into(), sha512)]);
    world.fault(Fault::on("HEAD", HOST, TAG).answer(named));
    asked(&world);
    assert_eq!(Some(glance(&registry, IMAGE).await), world.image_digest(IMAGE));
    assert_eq!(asked_openly(&world), 2);
    for digest in ["sha256:AB", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha512:abc", "sha256"] {
        assert!(format!("reg.test/octo/api@{digest}").parse::<ImageReference>().is_err(), "accepted {digest}");
    }
    let upper = format!("reg.test/octo/api@sha256:{}", "AB".repeat(32));
    assert!(upper.parse::<ImageReference>().is_err(), "accepted {upper}");
}

#[tokio::test(start_paused = true)]
async fn case_27_nothing_is_asked_by_http_that_did_not_opt_in() {
    let world = stocked();
    world.push("registry.lan:5000/octo/api:1", &spec());
    let settings = Settings { plain_http: ["registry.lan:5000".parse().unwrap()].into(), ..Settings::default() };
    let registry = probe_with(&world, settings);
    assert_eq!(look(&registry, "registry.lan:5000/octo/api:1").await, WELL);
    assert!(asked(&world).iter().all(|line| line.contains(" http://registry.lan:5000/")));
    for image in
        ["registry.lan/octo/api:1", "registry.lan:5001/octo/api:1", "reg.test:80/octo/api:1", "nowhere.test/octo/api:1"]
    {
        let seen = look(&registry, image).await;
        assert!(seen.starts_with(&format!("unreachable: {}: ", image.split('/').next().unwrap())), "{seen}");
        let asked = asked(&world);
        assert!(asked.len() == 3 && asked.iter().all(|line| line.starts_with("GET https://")), "{asked:?}");
    }
    // Not after https failed either, nor because a password is there.
    world.fault(Fault::on("*", HOST, "/").answer(Answer::Reset));
    let seen = look(&probe_with_login(&world, HOST), IMAGE).await;
    assert!(seen.starts_with("unreachable: reg.test: "), "{seen}");
    assert_eq!(asked(&world), ["GET https://reg.test/v2/octo/api/manifests/1"; 3]);
}

#[tokio::test(start_paused = true)]
async fn case_22_a_404_is_an_absence_whatever_its_body() {
    let unsaid = Answer::Status(404, vec![("Content-Type".into(), "text/html".into())], "<html>".to_owned());
    let coded = |code: &str| Answer::json(404, format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#));
    let mut answers: Vec<Answer> =
        ["NAME_UNKNOWN", "MANIFEST_UNKNOWN", "NOT_FOUND", "TAG_EXPIRED", "UNKNOWN", "DENIED", "TOOMANYREQUESTS"]
            .map(coded)
            .into();
    let bodies = [
        "",
        "not found",
        "{",
        "[1]",
        r#"{"errors":[]}"#,
        r#"{"errors":null}"#,
        r#"{"errors":{}}"#,
        r#"{"code":"NAME_UNKNOWN"}"#,
        r#"{"errors":[{"code":3}]}"#,
    ];
    answers.extend(bodies.map(|body| Answer::json(404, body)));
    answers.push(unsaid);
    for answer in answers {
        let world = faulty(Fault::on("*", HOST, TAG).answer(answer));
        assert_eq!((verdict(&world).await.as_str(), asked_openly(&world)), ("absent", 1));
        assert_eq!((glance(&probe(&world), IMAGE).await.as_str(), asked_openly(&world)), ("absent", 1));
    }
}
