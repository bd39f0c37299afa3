//! Faults and crashes.

use std::time::Duration;

use http_body_util::BodyExt as _;
use sim::{Answer, Fault, ImageSpec, SimError, World};
use tower::ServiceExt as _;

use crate::{ALL, Answered, api, asked, tried, world};

const URL: &str = "https://r.test/v2/api/manifests/1";

fn with(answer: Answer) -> World {
    let world = world();
    world.push("r.test/api:1", &ImageSpec::new());
    world.fault(Fault::on("GET", "r.test", "/v2/api/manifests/").times(1).answer(answer));
    world
}

async fn get(world: &World) -> Result<Answered, SimError> {
    tried(world, "GET", URL, &[("accept", ALL)], "").await
}

#[tokio::test(start_paused = true)]
async fn a_fault_acts_on_so_many_requests_in_its_time_and_then_no_more() {
    let world = world();
    world.push("r.test/api:1", &ImageSpec::new());
    let fault =
        Fault::on("*", "r.test", "/v2/").skip(1).times(1).from(Duration::from_secs(5)).until(Duration::from_secs(9));
    world.fault(fault);
    assert_eq!(get(&world).await.unwrap().status, 200);
    tokio::time::advance(Duration::from_secs(5)).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(get(&world).await.unwrap().status);
    }
    assert_eq!(seen, [200, 503, 200]);
    world.fault(Fault::on("*", "*", "/"));
    assert_eq!(get(&world).await.unwrap().status, 503);
    world.clear_faults();
    assert_eq!(get(&world).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn html_and_garbage_come_with_200() {
    let world = with(Answer::Html200);
    let page = get(&world).await.unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let world = with(Answer::Garbage);
    let garbage = get(&world).await.unwrap();
    assert_eq!(garbage.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.body).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_hanging_request_never_answers() {
    let world = with(Answer::Hang);
    let waited = tokio::time::timeout(Duration::from_secs(3600), get(&world)).await;
    assert!(waited.is_err());
    assert_eq!(world.requests()[0].answered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_and_a_slow_body_take_their_time() {
    let world = with(Answer::Late(Duration::from_secs(20)));
    get(&world).await.unwrap();
    assert_eq!(world.elapsed().as_secs(), 20);
    let world = with(Answer::SlowBody(Duration::from_secs(1)));
    let got = get(&world).await.unwrap();
    let took = usize::try_from(world.elapsed().as_secs()).unwrap();
    assert!(took.abs_diff(got.body.len()) <= 1, "{took} s for {} bytes", got.body.len());
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_breaks_off_and_a_reset_gives_no_answer() {
    let world = with(Answer::Truncated);
    assert_eq!(get(&world).await.unwrap_err(), SimError::Reset);
    assert_eq!(world.requests()[0].answered, 200);
    let world = with(Answer::Reset);
    assert_eq!(get(&world).await.unwrap_err(), SimError::Reset);
    assert_eq!(get(&world).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn throttling_tells_retry_after_as_given() {
    let world = with(Answer::Throttled { retry_after: "soon".to_owned() });
    let throttled = get(&world).await.unwrap();
    assert_eq!((throttled.status, throttled.code().as_str()), (429, "TOOMANYREQUESTS"));
    assert_eq!(throttled.header("retry-after"), "soon");
    world.fault(Fault::on("GET", "api.github.com", "/").answer(Answer::Throttled { retry_after: "7".to_owned() }));
    let throttled = api(&world, "GET", "", "").await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, "7"));
    assert!(throttled.text().contains("secondary rate limit"));
}

#[tokio::test(start_paused = true)]
async fn a_lying_digest_is_well_formed_but_wrong() {
    let world = with(Answer::LyingDigest);
    let lie = get(&world).await.unwrap();
    let truth = world.image_digest("r.test/api:1").unwrap();
    assert_eq!(lie.header("docker-content-digest").len(), truth.len());
    assert_ne!(lie.header("docker-content-digest"), truth);
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_goes_on() {
    let world = with(Answer::Endless);
    let request = http::Request::get(URL).body(bytes::Bytes::new()).unwrap();
    let mut body = world.service().oneshot(request).await.unwrap().into_body();
    let mut read = 0;
    while read < 8 * 1024 * 1024 {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
}

#[tokio::test(start_paused = true)]
async fn after_effect_the_write_is_there_though_the_answer_is_lost() {
    let world = world();
    world.fault(Fault::on("POST", "api.github.com", "/repos/octo/shop/releases").times(1).answer(Answer::AfterEffect));
    let headers = [("user-agent", "t"), ("authorization", "Bearer ghs_all")];
    let url = "https://api.github.com/repos/octo/shop/releases";
    let lost = tried(&world, "POST", url, &headers, r#"{"tag_name":"v1","draft":true}"#).await;
    assert_eq!(lost.unwrap_err(), SimError::Reset);
    assert_eq!(world.releases().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_every_later_request_until_revived() {
    let world = world();
    world.push("r.test/api:1", &ImageSpec::new());
    world.crash_after(1);
    assert!(get(&world).await.is_ok());
    assert_eq!(get(&world).await.unwrap_err(), SimError::Crashed);
    world.revive();
    world.crash_after_effect(1);
    let headers = [("user-agent", "t"), ("authorization", "Bearer ghs_all")];
    let url = "https://api.github.com/repos/octo/shop/releases";
    let lost = tried(&world, "POST", url, &headers, r#"{"tag_name":"v1","draft":true}"#).await;
    assert_eq!(lost.unwrap_err(), SimError::Crashed);
    assert_eq!(world.releases().len(), 1);
    world.revive();
    assert_eq!(asked(&world, "GET", URL, &[("accept", ALL)], "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_one_host_leaves_the_others_of_the_same_face_alone() {
    let world = world();
    world.fault(Fault::on("*", "api.github.com", "/"));
    assert_eq!(api(&world, "GET", "", "").await.status, 503);
    let upload = "https://uploads.github.com/repos/octo/shop/releases/9/assets?name=a";
    let headers = [("user-agent", "t"), ("authorization", "Bearer ghs_all")];
    assert_eq!(asked(&world, "POST", upload, &headers, "x").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_fault_may_ask_for_access_or_for_none() {
    let world = world();
    world.push("r.test/api:1", &ImageSpec::new());
    world.fault(Fault::on("*", "r.test", "/").anonymous().answer(Answer::challenge(&["Basic", "Bearer realm=\"x\""])));
    world.fault(Fault::on("*", "r.test", "/").authorized().times(1).answer(Answer::redirect("https://s.test/")));
    let refused = get(&world).await.unwrap();
    let offers: Vec<&str> =
        refused.headers.get_all("www-authenticate").iter().map(|offer| offer.to_str().unwrap()).collect();
    assert_eq!((refused.status, offers), (401, vec!["Basic", "Bearer realm=\"x\""]));
    let headers = [("accept", ALL), ("authorization", "Bearer x"), ("accept-encoding", "identity")];
    let moved = asked(&world, "GET", URL, &headers, "").await;
    assert_eq!((moved.status, moved.header("location")), (307, "https://s.test/"));
    assert_eq!(asked(&world, "GET", URL, &headers, "").await.status, 200);
    assert_eq!(world.requests()[1].accept_encoding.as_deref(), Some("identity"));
    world.clear_faults();
    world.fault(Fault::on("*", "r.test", "/").answer(Answer::json(418, "{}")));
    let told = get(&world).await.unwrap();
    assert_eq!((told.status, told.header("content-type"), told.text().as_str()), (418, "application/json", "{}"));
    world.clear_faults();
    world.fault(Fault::on("*", "r.test", "/").answer(Answer::redirect("")));
    assert!(!get(&world).await.unwrap().headers.contains_key("location"));
}
