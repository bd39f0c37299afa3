//! Throttling, failures, redirects and servers that mean no good.

use domain::evidence::{ChildState, Sight};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::fake::*;
use crate::{Glance, Settings};

#[tokio::test(start_paused = true)]
async fn a_throttled_host_is_left_alone_by_all_its_images_and_no_other_host_waits() {
    let fake = Fake::hooked(|request, number| {
        (number == 0 && request.uri().host() == Some("ghcr.io")).then(|| answer(429, &[("retry-after", "30")], ""))
    });
    let registry = fake.registry();
    let wanted = all();
    let started = Instant::now();
    let timed = |name: &'static str| {
        let (registry, wanted) = (&registry, &wanted);
        async move {
            tokio::time::sleep(Duration::from_millis(if name.contains("first") { 0 } else { 50 })).await;
            let sight = registry.look(&image(name), wanted).await;
            (sight, started.elapsed().as_secs())
        }
    };
    let seen = join_all(["ghcr.io/octo/first:1", "ghcr.io/octo/second:1", "quay.io/octo/api:1"].map(timed)).await;
    assert_eq!(seen, [(Sight::Absent, 30), (Sight::Absent, 30), (Sight::Absent, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asks_for_an_hour_is_unreachable_at_once() {
    let fake = Fake::hooked(|_, _| Some(answer(429, &[("retry-after", "3600")], "slow down")));
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(why(&sight), "unreachable: ghcr.io throttles: 429 Too Many Requests (slow down)");
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn images_that_waited_for_a_probe_that_failed_do_not_queue_up() {
    let fake = Fake::hooked(|_, _| Some(answer(599, &[], "")));
    let registry = fake.registry();
    let names: Vec<_> = (0..50).map(|index| image(&format!("ghcr.io/octo/api:{index}"))).collect();
    let wanted = all();
    let started = Instant::now();
    let sights = join_all(names.iter().map(|name| registry.look(name, &wanted))).await;
    assert!(sights.iter().all(|sight| matches!(sight, Sight::Unreachable { .. })));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(why(&sights[0]).contains("ghcr.io"), "{}", why(&sights[0]));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_host_holds() {
    let fake = Fake::new();
    let registry = fake.registry_with(Settings { per_host: 2, ..Settings::default() });
    let names: Vec<_> = (0..9).map(|index| image(&format!("ghcr.io/octo/api:{index}"))).collect();
    let wanted = all();
    let started = Instant::now();
    join_all(names.iter().map(|name| registry.look(name, &wanted))).await;
    assert_eq!(started.elapsed(), Duration::from_millis(10 + 8 / 2 * 10), "10 ms each, the first alone");
}

#[tokio::test(start_paused = true)]
async fn a_short_failure_is_mended_and_a_long_one_names_the_host() {
    let fake = Fake::hooked(|_, number| match number {
        0 => Some(answer(502, &[], "<html>bad gateway</html>")),
        1 => Some(answer(599, &[], "")),
        _ => None,
    });
    assert_eq!(fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await, Sight::Absent);
    let fake = Fake::hooked(|_, _| Some(answer(503, &[], "")));
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(why(&sight), "unreachable: ghcr.io answered 503 Service Unavailable");
    assert_eq!(fake.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_404_is_an_absence_whatever_its_body() {
    for body in [
        "",
        "not found",
        "{\"errors\":[]}",
        "{\"errors\":null}",
        "{\"code\":\"NAME_UNKNOWN\"}",
        "[1]",
        "{\"errors\":[{\"code\":3}]}",
    ] {
        let fake = Fake::hooked(move |_, _| Some(answer(404, &[("content-type", "text/html")], body)));
        assert_eq!(fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await, Sight::Absent, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_no_registry_gives_is_a_fault_of_its_setup() {
    for status in [204, 206, 300, 304, 400, 405, 406, 416, 451] {
        let fake = Fake::hooked(move |_, _| Some(answer(status, &[], "")));
        let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert!(why(&sight).starts_with("unreachable: ") && why(&sight).contains("misconfigured"), "{}", why(&sight));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_captive_portal_proves_nothing() {
    let fake = Fake::hooked(|_, _| {
        Some(answer(200, &[("content-type", "text/html; charset=utf-8")], "<html>\u{1b}[1mlog in"))
    });
    let registry = fake.registry();
    let sight = registry.look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert_eq!(why(&sight), "not an image: served with the content type `text/html`, starting with `<html>log in`");
    assert!(matches!(registry.digest(&image("ghcr.io/octo/api:1")).await, Glance::Unreachable { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_answers_every_head_does_not_make_children_present() {
    let fake = Fake::hooked(|request, _| {
        (request.method() == "HEAD").then(|| answer(200, &[("content-type", "text/html")], ""))
    });
    let entry = fake.put_child("octo/api", "linux/amd64", &json!({}), &json!({}));
    let path = format!("/v2/octo/api/manifests/{}", entry["digest"].as_str().unwrap());
    fake.put_index("octo/api", "1", &[entry], &revision(COMMIT));
    fake.state.lock().unwrap().objects.remove(&path);
    let Sight::Image(facts) = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await else { panic!() };
    assert!(matches!(facts.children[0].state, ChildState::Broken(_)));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_digest_header_is_refused_and_a_junk_one_ignored() {
    let other = domain::image::Digest::sha256(b"other").to_string();
    for (value, good) in [(other.as_str(), false), ("not a digest", true), ("md5:00", true), ("sha256:ABC", true)] {
        let fake = Fake::new();
        fake.put_image("octo/api", "1");
        let body = fake.state.lock().unwrap().objects["/v2/octo/api/manifests/1"].1.clone();
        let value = value.to_owned();
        let hooked = Fake::hooked(move |request, _| {
            let headers = [("content-type", OCI_INDEX), ("docker-content-digest", value.as_str())];
            request.uri().path().ends_with("/1").then(|| answer(200, &headers, body.clone()))
        });
        hooked.state.lock().unwrap().objects = fake.state.lock().unwrap().objects.clone();
        let sight = hooked.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert_eq!(matches!(sight, Sight::Image(_)), good, "{}", why(&sight));
    }
}

#[tokio::test(start_paused = true)]
async fn a_huge_manifest_is_not_read_to_its_end() {
    let fake = Fake::new();
    fake.put("/v2/octo/api/manifests/1", OCI_IMAGE, vec![b' '; 5 * 1024 * 1024]);
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert!(
        why(&sight).starts_with("not an image: ") && why(&sight).contains("larger than 4194304 bytes"),
        "{}",
        why(&sight)
    );
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_or_configuration_that_is_not_what_the_index_says_is_broken() {
    for kind in ["manifests/sha256", "blobs/"] {
        let fake = Fake::hooked(move |request, _| {
            let headers = [("content-type", OCI_IMAGE)];
            request.uri().path().contains(kind).then(|| answer(200, &headers, "{\"other\": 1}"))
        });
        fake.put_image("octo/api", "1");
        let Sight::Image(facts) = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await else { panic!() };
        assert!(facts.children.iter().all(|child| matches!(child.state, ChildState::Broken(_))), "{facts:?}");
        assert!(facts.claims.is_empty());
    }
}

/// A registry whose blobs are elsewhere: `location` is a template with `{}` for the path.
fn redirecting(location: &'static str, path: &'static str) -> Fake {
    let fake = Fake::hooked(move |request, _| {
        let here = request.uri().host() == Some("ghcr.io") || request.uri().host() == Some("127.0.0.1");
        (here
            && request.uri().path().contains(path)
            && request.uri().query().is_none()
            && request.headers().contains_key("authorization"))
        .then(|| answer(307, &[("location", &location.replace("{}", request.uri().path()))], ""))
    });
    let fake = fake.door("https://ghcr.io/token", BASIC);
    fake.put_image("octo/api", "1");
    fake
}

/// `octo:hunter2`.
const BASIC: &str = "Basic b2N0bzpodW50ZXIy";

#[tokio::test(start_paused = true)]
async fn a_blob_is_fetched_from_storage_without_any_access() {
    let open = redirecting("https://storage.test{}?sig=secret", "/blobs/");
    let state = open.state.clone();
    let both = Fake::hooked(move |request, _| {
        if request.uri().host() == Some("storage.test") {
            let objects = &state.lock().unwrap().objects;
            return Some(answer(200, &[], objects[request.uri().path()].1.clone()));
        }
        let blob = request.uri().path().contains("/blobs/") && request.headers().contains_key("authorization");
        blob.then(|| {
            answer(307, &[("location", &format!("https://storage.test{}?sig=secret", request.uri().path()))], "")
        })
    })
    .door("https://ghcr.io/token", BASIC);
    both.state.lock().unwrap().objects = open.state.lock().unwrap().objects.clone();
    let sight = both.registry_with_login("ghcr.io").look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert!(matches!(&sight, Sight::Image(facts) if facts.claims.len() == 2), "{}", why(&sight));
    let there: Vec<String> = both.log().into_iter().filter(|line| line.contains("storage.test")).collect();
    assert_eq!(there.len(), 2);
    assert!(there.iter().all(|line| !line.contains('[')), "{there:?}");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_a_place_that_is_not_safe_is_refused() {
    for (location, path) in [
        ("http://storage.test{}", "/blobs/"),
        ("https://169.254.169.254{}", "/blobs/"),
        ("https://localhost{}", "/blobs/"),
        ("file:///etc/passwd", "/blobs/"),
        ("", "/blobs/"),
        ("https://storage.test{}", "/manifests/"),
        ("//storage.test{}", "/manifests/"),
        ("http://ghcr.io{}", "/manifests/"),
    ] {
        let fake = redirecting(location, path);
        let sight = fake.registry_with_login("ghcr.io").look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert!(why(&sight).starts_with("unreachable: ghcr.io is misconfigured: "), "{location}: {}", why(&sight));
        let log = fake.log();
        assert!(log.iter().all(|line| line.contains(" https://ghcr.io/")), "{log:?}");
        assert!(log.len() < 20, "a loop ends: {}", log.len());
    }
}

#[tokio::test(start_paused = true)]
async fn five_redirects_are_followed_and_no_sixth() {
    for (hops, good) in [(5, true), (6, false)] {
        let fake = Fake::hooked(move |request, _| {
            let done: usize = request.uri().query().map_or(0, |query| query.parse().unwrap());
            let next = format!("{}?{}", request.uri().path(), done + 1);
            (request.uri().path().contains("/blobs/") && done < hops).then(|| answer(302, &[("location", &next)], ""))
        });
        fake.put_image("octo/api", "1");
        let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
        assert_eq!(matches!(sight, Sight::Image(_)), good, "{}", why(&sight));
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_may_move_once_within_its_host() {
    let fake = Fake::hooked(|request, _| {
        let moves = request.uri().path().ends_with("/manifests/1") && request.uri().query().is_none();
        moves.then(|| answer(307, &[("location", "/v2/octo/api/manifests/1?moved=1")], ""))
    });
    fake.put_image("octo/api", "1");
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert!(matches!(sight, Sight::Image(_)), "{}", why(&sight));
}

#[tokio::test(start_paused = true)]
async fn storage_that_refuses_is_no_denial_and_shows_no_signature() {
    let fake = Fake::hooked(|request, _| {
        if request.uri().host() == Some("storage.test") {
            return Some(answer(403, &[], "<Error>expired sig=secret</Error>"));
        }
        let target = format!("https://storage.test{}?sig=secret", request.uri().path());
        request.uri().path().contains("/blobs/").then(|| answer(302, &[("location", &target)], ""))
    });
    fake.put_image("octo/api", "1");
    let sight = fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await;
    assert!(
        why(&sight).starts_with("unreachable: the storage of ghcr.io, https://storage.test/v2/"),
        "{}",
        why(&sight)
    );
    assert!(!why(&sight).contains("secret"));
}
