//! How many requests a look costs, and what it finds.

use domain::evidence::{ChildState, ClaimPlace, ImageFacts, Sight};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::fake::*;
use crate::{Glance, Settings};

fn facts(sight: Sight) -> ImageFacts {
    let text = why(&sight);
    let Sight::Image(facts) = sight else { panic!("{text}") };
    facts
}

#[tokio::test(start_paused = true)]
async fn a_missing_tag_costs_one_request_where_no_access_is_wanted() {
    let fake = Fake::new();
    let registry = fake.registry();
    for _ in 0..3 {
        assert_eq!(registry.look(&image("ghcr.io/octo/api:1"), &all()).await, Sight::Absent);
        assert_eq!(fake.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn labels_of_two_platforms_cost_five_requests_and_then_one() {
    let fake = Fake::new();
    let digest = fake.put_image("octo/api", "1");
    let registry = fake.registry();
    let seen = facts(registry.look(&image("ghcr.io/octo/api:1"), &all()).await);
    assert_eq!(seen.digest, digest);
    let shown: Vec<String> = seen.children.iter().map(|child| child.platform.to_string()).collect();
    assert_eq!(shown, ["linux/amd64", "linux/arm64"]);
    assert!(seen.children.iter().all(|child| child.state == ChildState::Present));
    let places: Vec<String> = seen.claims.iter().map(|claim| format!("{} {}", claim.place, claim.revision)).collect();
    assert_eq!(places, [format!("label of linux/amd64 {COMMIT}"), format!("label of linux/arm64 {COMMIT}")]);
    assert_eq!(seen.claims[0].source.as_deref(), Some("https://github.com/octo/shop"));
    assert_eq!(fake.count(), 5);
    assert_eq!(facts(registry.look(&image("ghcr.io/octo/api:1"), &all()).await), seen);
    assert_eq!(fake.count(), 1, "all but the tag is kept");
}

#[tokio::test(start_paused = true)]
async fn only_wanted_platforms_are_looked_at() {
    let fake = Fake::new();
    fake.put_image("octo/api", "1");
    let registry = fake.registry();
    let seen = facts(registry.look(&image("ghcr.io/octo/api:1"), &platforms(&["linux/arm64"], true)).await);
    assert_eq!(seen.children[0].state, ChildState::NotLookedAt);
    assert_eq!(seen.children[1].state, ChildState::Present);
    assert_eq!(seen.claims.len(), 1);
    assert_eq!(fake.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn annotations_of_the_index_or_no_wish_for_a_revision_cost_one_head_for_each_child() {
    for (annotations, read_revision) in [(revision(COMMIT), true), (json!({}), false), (revision(COMMIT), false)] {
        let fake = Fake::new();
        let entries =
            ["linux/amd64", "linux/arm64"].map(|p| fake.put_child("octo/api", p, &revision("other"), &json!({})));
        fake.put_index("octo/api", "1", &entries, &annotations);
        let wanted = platforms(&["linux/amd64", "linux/arm64"], read_revision);
        let seen = facts(fake.registry().look(&image("ghcr.io/octo/api:1"), &wanted).await);
        assert_eq!(seen.claims.len(), usize::from(read_revision));
        assert!(seen.claims.iter().all(|claim| claim.place == ClaimPlace::Index && claim.revision == COMMIT));
        let heads = fake.log().iter().filter(|line| line.starts_with("HEAD")).count();
        assert_eq!((heads, fake.count()), (2, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn the_revision_is_taken_from_the_first_place_that_names_it() {
    let fake = Fake::new();
    let mut described = fake.put_child("octo/api", "linux/amd64", &revision("label"), &json!({}));
    described["annotations"] = revision("descriptor");
    let annotated = fake.put_child("octo/api", "linux/arm64", &revision("label"), &revision("manifest"));
    let labelled = fake.put_child("octo/api", "linux/s390x", &revision("label"), &json!({}));
    let silent = fake.put_child("octo/api", "linux/riscv64", &Value::Null, &Value::Null);
    fake.put_index("octo/api", "1", &[described, annotated, labelled, silent], &json!({}));
    let seen = facts(fake.registry().look(&image("ghcr.io/octo/api:1"), &all()).await);
    let shown: Vec<&str> = seen.claims.iter().map(|claim| claim.revision.as_str()).collect();
    assert_eq!(shown, ["descriptor", "manifest", "label"]);
    assert_eq!(fake.count(), 1 + 1 + 1 + 2 + 2);
}

#[tokio::test(start_paused = true)]
async fn an_image_without_an_index_costs_two_requests() {
    let fake = Fake::new();
    let entry = fake.put_child("octo/api", "linux/amd64", &revision(COMMIT), &json!({}));
    let by_digest = image(&format!("ghcr.io/octo/api@{}", entry["digest"].as_str().unwrap()));
    let seen = facts(fake.registry().look(&by_digest, &all()).await);
    assert_eq!(seen.children.len(), 1);
    assert_eq!(seen.children[0].platform, "linux/amd64".parse().unwrap());
    assert_eq!(seen.children[0].digest, seen.digest);
    assert_eq!(seen.claims[0].place, ClaimPlace::ConfigLabel("linux/amd64".parse().unwrap()));
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn docker_hub_is_asked_by_head_first_and_by_get_for_new_content_only() {
    let fake = Fake::new();
    let registry = fake.registry();
    assert_eq!(registry.look(&image("octo/api:1"), &all()).await, Sight::Absent);
    assert_eq!(fake.log(), ["HEAD https://registry-1.docker.io/v2/octo/api/manifests/1"]);
    fake.count();
    fake.put_image("octo/api", "1");
    facts(registry.look(&image("octo/api:1"), &all()).await);
    assert_eq!(fake.count(), 6);
    facts(registry.look(&image("index.docker.io/octo/api:1"), &all()).await);
    assert_eq!(fake.log(), ["HEAD https://registry-1.docker.io/v2/octo/api/manifests/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_glance_is_one_head() {
    let fake = Fake::new();
    let digest = fake.put_image("octo/api", "1");
    let registry = fake.registry();
    assert_eq!(registry.digest(&image("ghcr.io/octo/api:1")).await, Glance::Digest(digest));
    assert_eq!(registry.digest(&image("ghcr.io/octo/api:2")).await, Glance::Absent);
    assert!(fake.log().iter().all(|line| line.starts_with("HEAD")));
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_glance_without_a_digest_or_a_head_costs_one_get() {
    for headers in [
        None,
        Some(vec![]),
        Some(vec![("docker-content-digest", "not a digest")]),
        Some(vec![("docker-content-digest", "sha256:AB")]),
    ] {
        let fake = Fake::hooked(move |request, _| {
            let status = if headers.is_none() { 405 } else { 200 };
            (request.method() == "HEAD").then(|| answer(status, headers.as_deref().unwrap_or_default(), ""))
        });
        let digest = fake.put_image("octo/api", "1");
        assert_eq!(fake.registry().digest(&image("ghcr.io/octo/api:1")).await, Glance::Digest(digest));
        assert_eq!(fake.count(), 2);
    }
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
