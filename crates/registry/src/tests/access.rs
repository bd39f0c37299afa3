//! Challenges, tokens and credentials: how often they are asked for, and where they go.

use domain::evidence::Sight;
use futures_util::future::join_all;
use tokio::time::{Duration, sleep};

use super::fake::*;
use crate::{Credentials, Glance, Secret, Settings};

/// `octo:hunter2`.
const BASIC: &str = "Basic b2N0bzpodW50ZXIy";

fn is_image(sight: &Sight) {
    assert!(matches!(sight, Sight::Image(_)), "{}", why(sight));
}

#[tokio::test(start_paused = true)]
async fn the_first_image_costs_a_probe_and_a_token_and_the_next_a_token() {
    let fake = Fake::new().door("https://ghcr.io/token", "");
    let registry = fake.registry();
    assert_eq!(registry.look(&image("ghcr.io/octo/api:1"), &all()).await, Sight::Absent);
    assert_eq!(
        fake.log(),
        [
            "GET https://ghcr.io/v2/octo/api/manifests/1",
            "GET https://ghcr.io/token?service=fake&scope=repository:octo/api:pull",
            "GET https://ghcr.io/v2/octo/api/manifests/1 [Bearer t1]",
        ]
    );
    fake.count();
    registry.look(&image("ghcr.io/octo/web:1"), &all()).await;
    assert_eq!(fake.count(), 2);
    registry.look(&image("ghcr.io/octo/web:1"), &all()).await;
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_images_at_once_cost_one_probe_and_one_token_for_each_repository() {
    let fake = Fake::new().door("https://ghcr.io/token", "");
    let registry = fake.registry();
    let names: Vec<_> = (0..20).map(|index| image(&format!("ghcr.io/octo/api{}:{index}", index % 5))).collect();
    let wanted = all();
    let sights = join_all(names.iter().map(|name| registry.look(name, &wanted))).await;
    assert!(sights.iter().all(|sight| *sight == Sight::Absent));
    let log = fake.log();
    assert_eq!(log.iter().filter(|line| line.contains("/token")).count(), 5);
    assert_eq!(log.iter().filter(|line| !line.contains("/token") && !line.contains('[')).count(), 1);
    assert_eq!(log.len(), 1 + 5 + 20);
}

#[tokio::test(start_paused = true)]
async fn a_two_platform_image_needs_one_token() {
    let fake = Fake::new().door("https://ghcr.io/token", "");
    fake.put_image("octo/api", "1");
    is_image(&fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 1 + 1 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_its_end() {
    let fake = Fake::new().door("https://ghcr.io/token", "");
    let registry = fake.registry();
    registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    fake.count();
    sleep(Duration::from_secs(49)).await;
    registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(fake.count(), 1);
    sleep(Duration::from_secs(2)).await;
    registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_renewed_once() {
    let fake = Fake::new().door("https://ghcr.io/token", "");
    fake.put_image("octo/api", "1");
    let registry = fake.registry();
    is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
    fake.count();
    fake.state.lock().unwrap().door.expired = 1;
    is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 3);
    fake.state.lock().unwrap().door.expired = 1000;
    let sight = registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(why(&sight), "denied: ghcr.io answered 401 Unauthorized (UNAUTHORIZED: authentication required)");
    assert_eq!(fake.count(), 3);
    registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(fake.count(), 2, "the next look begins with a fresh token");
}

#[tokio::test(start_paused = true)]
async fn a_denial_of_the_token_endpoint_is_a_denial_and_its_failure_is_not() {
    for (status, expected) in [
        (401, "denied: the token endpoint https://ghcr.io/token of ghcr.io answered 401 Unauthorized (DENIED: denied)"),
        (403, "denied: the token endpoint https://ghcr.io/token of ghcr.io answered 403 Forbidden (DENIED: denied)"),
        (404, "unreachable: the token endpoint https://ghcr.io/token of ghcr.io answered 404: it is misconfigured"),
        (
            429,
            "unreachable: the token endpoint https://ghcr.io/token of ghcr.io throttles: 429 Too Many Requests (DENIED: denied)",
        ),
        (
            500,
            "unreachable: the token endpoint https://ghcr.io/token of ghcr.io answered 500 Internal Server Error (DENIED: denied)",
        ),
        (
            302,
            "unreachable: the token endpoint https://ghcr.io/token of ghcr.io answered 302 Found, which no registry answers here: it is misconfigured (DENIED: denied)",
        ),
    ] {
        let fake = Fake::hooked(move |request, _| {
            let body = r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#;
            (request.uri().path() == "/token").then(|| answer(status, &[("location", "https://evil.test/")], body))
        })
        .door("https://ghcr.io/token", "");
        assert_eq!(why(&fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await), expected);
        assert!(!fake.log().iter().any(|line| line.contains("evil")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_talks_nonsense_is_unreachable() {
    let huge = format!(r#"{{"token":"{}"}}"#, "x".repeat(70_000));
    for body in ["", "<html>", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, r#"{"expires_in":1}"#, &huge] {
        let body = body.to_owned();
        let fake =
            Fake::hooked(move |request, _| (request.uri().path() == "/token").then(|| answer(200, &[], body.clone())))
                .door("https://ghcr.io/token", "");
        let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert!(matches!(&sight, Sight::Unreachable { .. }), "{}", why(&sight));
        assert!(why(&sight).contains("token endpoint") && why(&sight).len() < 300, "{}", why(&sight));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_endpoint_is_shared_by_those_who_wait_for_it() {
    let fake = Fake::hooked(|request, _| (request.uri().path() == "/token").then(|| answer(503, &[], "")))
        .door("https://ghcr.io/token", "");
    let registry = fake.registry();
    let names: Vec<_> = (0..10).map(|index| image(&format!("ghcr.io/octo/api:{index}"))).collect();
    let wanted = all();
    join_all(names.iter().map(|name| registry.look(name, &wanted))).await;
    assert_eq!(fake.count(), 1 + 3, "one probe, and one token with its two retries");
}

#[tokio::test(start_paused = true)]
async fn credentials_go_to_their_host_and_its_realm_only() {
    let fake = Fake::new().door("https://ghcr.io/token", BASIC);
    fake.put_image("octo/api", "1");
    let registry = fake.registry_with_login("ghcr.io");
    is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
    registry.look(&image("quay.io/octo/api:1"), &all()).await;
    registry.look(&image("ghcr.io.evil.test/octo/api:1"), &all()).await;
    let with_password: Vec<String> = fake.log().into_iter().filter(|line| line.contains("Basic")).collect();
    assert_eq!(
        with_password,
        [format!("GET https://ghcr.io/token?service=fake&scope=repository:octo/api:pull [{BASIC}]")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_realm_gets_no_credentials_and_is_asked_anonymously_only_without_any() {
    let fake = Fake::new().door("https://evil.test/token", "");
    fake.put_image("octo/api", "1");
    let sight = fake.registry_with_login("ghcr.io").look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert!(why(&sight).contains("unreachable: ghcr.io is misconfigured: its token endpoint https://evil.test/token belongs to another domain"), "{}", why(&sight));
    assert!(!fake.log().iter().any(|line| line.contains("evil.test")));
    is_image(&fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await);
}

#[tokio::test(start_paused = true)]
async fn a_realm_that_is_not_safe_is_refused_for_everybody() {
    for realm in ["http://ghcr.io/token", "https://169.254.169.254/token", "https://a:b@ghcr.io/token", "/token"] {
        let fake = Fake::new().door(realm, "");
        let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert!(why(&sight).starts_with("unreachable: ghcr.io is misconfigured"), "{}", why(&sight));
        assert_eq!(fake.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_for_loopback_and_for_hosts_that_opted_in() {
    let fake = Fake::new();
    let registry = fake.registry_with(Settings { plain_http: plain("registry.lan:5000"), ..Settings::default() });
    for host in ["registry.lan:5000", "127.0.0.1:5000", "localhost", "[::1]:5000", "registry.lan"] {
        registry.look(&image(&format!("{host}/octo/api:1")), &all()).await;
    }
    let schemes: Vec<String> =
        fake.log().iter().map(|line| line.split(['/', ' ']).nth(1).unwrap().to_owned()).collect();
    assert_eq!(schemes, ["http:", "http:", "http:", "http:", "https:"]);
}

#[tokio::test(start_paused = true)]
async fn a_basic_challenge_is_answered_with_the_password_at_once_the_next_time() {
    let fake = Fake::hooked(|request, _| {
        (request.headers().get("authorization").is_none_or(|value| value != BASIC))
            .then(|| answer(401, &[("www-authenticate", "Basic realm=\"Registry\"")], "{}"))
    });
    fake.put_image("octo/api", "1");
    let registry = fake.registry_with_login("ecr.example.com");
    is_image(&registry.look(&image("ecr.example.com/octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 6);
    is_image(&registry.look(&image("ecr.example.com/octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 1);
    let sight = fake.registry().look(&image("ecr.example.com/octo/api:1"), &all()).await;
    assert_eq!((why(&sight).as_str(), fake.count()), ("denied: ecr.example.com answered 401 Unauthorized ({})", 1));
}

#[tokio::test(start_paused = true)]
async fn a_stale_password_does_not_hide_a_public_image() {
    // The token endpoint refuses the password and serves everybody else.
    let fake = Fake::hooked(|request, _| {
        let stale = request.headers().get("authorization").is_some_and(|value| value == BASIC);
        stale.then(|| answer(403, &[], r#"{"message":"invalid token hunter2"}"#))
    })
    .door("https://ghcr.io/token", "");
    fake.put_image("octo/api", "1");
    let registry = fake.registry_with_login("ghcr.io");
    is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
    assert_eq!(fake.log().iter().filter(|line| line.contains("Basic")).count(), 1, "once for the repository");
    fake.count();
    is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_repeats_of_the_password_is_not_shown() {
    let fake = Fake::hooked(|request, _| {
        (request.uri().path() == "/token")
            .then(|| answer(403, &[], format!("no hunter2 {BASIC} \u{1b}[31m\n::error::x")))
    })
    .door("https://ghcr.io/token", "");
    let sight = fake.registry_with_login("ghcr.io").look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(
        why(&sight),
        "denied: the token endpoint https://ghcr.io/token of ghcr.io answered 403 Forbidden (no *** Basic *** ::error::x)"
    );
    let settings = Settings {
        credentials: Credentials::from_iter([("ghcr.io".parse().unwrap(), ("octo".into(), Secret::new("hunter2")))]),
        ..Settings::default()
    };
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_repeats_of_a_token_is_not_shown() {
    let fake = Fake::hooked(|request, _| {
        let access = request.headers().get("authorization")?.to_str().unwrap();
        Some(answer(403, &[], format!("bad token {}", access.trim_start_matches("Bearer "))))
    })
    .door("https://ghcr.io/token", "");
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(why(&sight), "denied: ghcr.io answered 403 Forbidden (bad token ***)");
}

#[tokio::test(start_paused = true)]
async fn an_endless_row_of_challenges_ends_in_a_denial() {
    let fake = Fake::hooked(|request, number| {
        let challenge = format!("Bearer realm=\"https://ghcr.io/token\",scope=\"s{number}\"");
        (request.uri().path() != "/token").then(|| answer(401, &[("www-authenticate", &challenge)], ""))
    })
    .door("https://ghcr.io/token", "");
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert!(matches!(sight, Sight::Denied { .. }), "{}", why(&sight));
    assert!(fake.count() <= 5);
}

#[tokio::test(start_paused = true)]
async fn a_403_without_a_challenge_is_a_denial_of_one_request() {
    let fake = Fake::hooked(|_, _| Some(answer(403, &[], "denied: access forbidden")));
    let registry = fake.registry();
    let expected = "ghcr.io answered 403 Forbidden (denied: access forbidden)";
    let sight = registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(sight, Sight::Denied { why: expected.to_owned() });
    assert_eq!(registry.digest(&image("ghcr.io/octo/api:1")).await, Glance::Denied { why: expected.to_owned() });
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_shared_scope_is_asked_for_once_for_all_repositories() {
    let fake = Fake::hooked(|request, _| {
        let open = request.uri().path() == "/token" || request.headers().contains_key("authorization");
        let challenge = "Bearer realm=\"https://public.ecr.aws/token\",service=\"public.ecr.aws\",scope=\"aws\"";
        (!open).then(|| answer(401, &[("www-authenticate", challenge)], ""))
    })
    .door("https://public.ecr.aws/token", "");
    let registry = fake.registry();
    for name in ["a", "b", "c"] {
        registry.look(&image(&format!("public.ecr.aws/octo/{name}:1")), &all()).await;
    }
    assert_eq!(fake.count(), 1 + 1 + 3);
}
