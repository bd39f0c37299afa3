//! Challenges, tokens and credentials: how often they are asked for, and where they go.

use domain::evidence::Sight;
use futures_util::future::join_all;
use tokio::time::{Duration, sleep};

use super::fake::*;

/// `octo:hunter2`.
const BASIC: &str = "Basic b2N0bzpodW50ZXIy";

fn is_image(sight: &Sight) {
    assert!(matches!(sight, Sight::Image(_)), "{}", why(sight));
}

#[tokio::test(start_paused = true)]
async fn the_first_image_costs_a_probe_and_a_token_and_the_next_a_token() {
    let fake = Fake::new().door("https://ghcr.io/token");
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
    let fake = Fake::new().door("https://ghcr.io/token");
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
    let fake = Fake::new().door("https://ghcr.io/token");
    fake.put_image("octo/api", "1");
    is_image(&fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 1 + 1 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_endpoint_is_shared_by_those_who_wait_for_it() {
    let fake = Fake::hooked(|request, _| (request.uri().path() == "/token").then(|| answer(503, &[], "")))
        .door("https://ghcr.io/token");
    let registry = fake.registry();
    let names: Vec<_> = (0..10).map(|index| image(&format!("ghcr.io/octo/api:{index}"))).collect();
    let wanted = all();
    join_all(names.iter().map(|name| registry.look(name, &wanted))).await;
    assert_eq!(fake.count(), 1 + 3, "one probe, and one token with its two retries");
}

/// A registry that lets everybody in but who comes with the password, or with a token that the password gave.
fn refusing(at_the_token_endpoint: bool) -> Fake {
    let minted = std::sync::atomic::AtomicUsize::new(0);
    Fake::hooked(move |request, _| {
        let access = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
        if request.uri().path() == "/token" && access == BASIC && !at_the_token_endpoint {
            let serial = minted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return Some(answer(200, &[], format!(r#"{{"token":"stale{serial}"}}"#)));
        }
        let refused = access == BASIC || access.starts_with("Bearer stale");
        // GHCR: 403 without a challenge (renovatebot/renovate, issue 11446).
        refused.then(|| answer(403, &[], r#"{"errors":[{"code":"DENIED","message":"invalid token"}]}"#))
    })
    .door("https://ghcr.io/token")
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_cost_one_token_and_one_request_more_and_nothing_at_later_looks() {
    let token = "GET https://ghcr.io/token?service=fake&scope=repository:octo/api:pull";
    let manifest = "GET https://ghcr.io/v2/octo/api/manifests/1";
    for (at_the_token_endpoint, stale) in [
        (true, vec![format!("{token} [{BASIC}]")]),
        (false, vec![format!("{token} [{BASIC}]"), format!("{manifest} [Bearer stale0]")]),
    ] {
        let fake = refusing(at_the_token_endpoint);
        let registry = fake.registry_with_login("ghcr.io");
        // Nothing is there yet: the registry says so to everybody without a password. It may say that of what it hides.
        let hidden = registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert!(matches!(&hidden, Sight::Denied { why } if why.contains("403 Forbidden")), "{hidden:?}");
        let expected = [vec![manifest.to_owned()], stale, vec![token.to_owned(), format!("{manifest} [Bearer t1]")]];
        assert_eq!(fake.log(), expected.concat());
        fake.count();
        for _ in 0..9 {
            sleep(Duration::from_secs(5)).await;
            assert_eq!(registry.look(&image("ghcr.io/octo/api:1"), &all()).await, hidden);
        }
        assert_eq!(fake.count(), 9, "one request for each look");
        // It appears. The credentials are tried once more, then left alone for good.
        fake.put_image("octo/api", "1");
        sleep(Duration::from_secs(20)).await;
        is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
        let with_password = fake.log().iter().filter(|line| line.contains("Basic")).count();
        assert_eq!(with_password, 1);
        fake.count();
        for _ in 0..60 {
            sleep(Duration::from_secs(5)).await;
            is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
        }
        let log = fake.log();
        assert_eq!((log.iter().any(|line| line.contains("Basic")), log.len()), (false, 60 + 6), "six tokens of 50 s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_with_and_without_credentials_is_asked_without_once_a_minute() {
    let fake = Fake::hooked(|request, _| {
        let denied = || answer(403, &[], r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#);
        (request.uri().path() == "/token").then(denied)
    })
    .door("https://ghcr.io/token");
    let registry = fake.registry_with_login("ghcr.io");
    for _ in 0..60 {
        let sight = registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert!(matches!(sight, Sight::Denied { .. }), "{}", why(&sight));
        sleep(Duration::from_secs(5)).await;
    }
    let with_password = fake.log().iter().filter(|line| line.contains("Basic")).count();
    assert_eq!(
        (with_password, fake.count()),
        (60, 1 + 60 + 5),
        "five minutes: a probe, a token each look, five without"
    );
    // Published meanwhile, and public: within a minute it is seen.
    let fake = refusing(true);
    fake.state.lock().unwrap().login = "nobody".into();
    let registry = fake.registry_with_login("ghcr.io");
    registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    fake.state.lock().unwrap().login = String::new();
    fake.put_image("octo/api", "1");
    sleep(Duration::from_secs(61)).await;
    is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
}

#[tokio::test(start_paused = true)]
async fn a_realm_that_quotes_the_password_is_shown_without_it() {
    for realm in ["octo:hunter2@ghcr.io", "http://ghcr.io/hunter2", &format!("{}/hunter2/\u{e9}", "x".repeat(115))] {
        let fake = Fake::new().door(realm);
        let why = why(&fake.registry_with_login("ghcr.io").look(&image("ghcr.io/octo/api:1"), &all()).await);
        assert!(why.starts_with("unreachable: ghcr.io is misconfigured: its token endpoint "), "{why}");
        assert!(!why.contains("hunt"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_scope_is_asked_for_once_for_all_repositories() {
    let fake = Fake::hooked(|request, _| {
        let open = request.uri().path() == "/token" || request.headers().contains_key("authorization");
        let challenge = "Bearer realm=\"https://public.ecr.aws/token\",service=\"public.ecr.aws\",scope=\"aws\"";
        (!open).then(|| answer(401, &[("www-authenticate", challenge)], ""))
    })
    .door("https://public.ecr.aws/token");
    let registry = fake.registry();
    for name in ["a", "b", "c"] {
        registry.look(&image(&format!("public.ecr.aws/octo/{name}:1")), &all()).await;
    }
    assert_eq!(fake.count(), 1 + 1 + 3);
}

/// As `JFrog`'s registries do where they hide what exists.
#[tokio::test(start_paused = true)]
async fn what_is_called_absent_to_strangers_is_asked_for_with_the_password() {
    for challenges in [false, true] {
        let fake = Fake::hooked(move |request, _| {
            let access = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
            match (request.uri().path(), access) {
                ("/v2/", _) if challenges => Some(answer(401, &[("www-authenticate", "Basic realm=\"x\"")], "")),
                ("/v2/", _) => Some(answer(200, &[], "{}")),
                (_, BASIC) => None,
                _ => Some(answer(404, &[], "")),
            }
        });
        fake.put_image("octo/api", "1");
        let registry = fake.registry_with_login("ghcr.io");
        is_image(&registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
        let manifest = "GET https://ghcr.io/v2/octo/api/manifests/1";
        let expected = [manifest.to_owned(), "GET https://ghcr.io/v2/".to_owned(), format!("{manifest} [{BASIC}]")];
        assert_eq!(fake.log()[..3], expected);
        fake.count();
        assert_eq!(registry.look(&image("ghcr.io/octo/api:2"), &all()).await, Sight::Absent);
        assert_eq!(fake.count(), 1, "from then on each image is asked for once");
        assert_eq!(fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await, Sight::Absent);
        assert_eq!(fake.count(), 1, "who has no password is not asked twice");
    }
}
