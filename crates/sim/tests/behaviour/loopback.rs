//! Over sockets, in real time, with a raw client.

use sim::{Answer, Auth, Delayed, Fault, ImageSpec, RegistrySpec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use crate::world;

async fn exchanged(host: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset connection ends the answer as well as an orderly close does.
    let _ended = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(host: &str, path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: t\r\nConnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn github_answers_with_the_host_that_was_used_under_both_prefixes() {
    let world = world();
    world.add_release("v1", |_| {});
    let served = world.serve_github().await.unwrap();
    let host = served.host();
    let plain = exchanged(&host, &get(&host, "/repos/octo/shop/releases/tags/v1", "")).await;
    assert!(plain.starts_with("HTTP/1.1 200 OK\r\n"), "{plain}");
    assert!(
        plain.contains(&format!("\"upload_url\":\"http://{host}/repos/octo/shop/releases/1/assets{{?name,label}}\""))
    );
    let enterprise = exchanged(&host, &get(&host, "/api/v3/repos/octo/shop/releases/tags/v1", "")).await;
    assert!(enterprise.contains(&format!("\"http://{host}/api/uploads/repos/octo/shop/releases/1/assets")));
    assert!(enterprise.contains(&format!("\"html_url\":\"http://{host}/octo/shop/releases/tag/v1\"")));
    drop(served);
}

#[tokio::test]
async fn a_registry_on_loopback_is_another_name_of_its_host() {
    let world = world();
    world.push("ghcr.io/octo/shop/api:1", &ImageSpec::new());
    let served = world.serve_registry("ghcr.io").await.unwrap();
    let host = served.host();
    world.push(&format!("{host}/octo/shop/web:1"), &ImageSpec::new());
    assert!(world.image_digest("ghcr.io/octo/shop/web:1").is_some());
    let refused = exchanged(&host, &get(&host, "/v2/octo/shop/api/manifests/1", "")).await.to_ascii_lowercase();
    assert!(refused.contains(&format!("www-authenticate: bearer realm=\"http://{host}/token\"")), "{refused}");
    assert!(refused.contains("date: mon, 23 nov 2026 12:00:0"), "{refused}");
}

#[tokio::test]
async fn a_reset_closes_the_connection_and_a_truncated_body_ends_early() {
    let world = world();
    world.registry("r.test", RegistrySpec::distribution().auth(Auth::Anonymous));
    let served = world.serve_registry("r.test").await.unwrap();
    let host = served.host();
    world.push("r.test/api:1", &ImageSpec::new());
    world.fault(Fault::on("GET", "r.test", "/v2/api").times(1).answer(Answer::Reset));
    let request = get(&host, "/v2/api/manifests/1", "Accept: application/vnd.oci.image.index.v1+json\r\n");
    assert_eq!(exchanged(&host, &request).await, "");
    let whole = exchanged(&host, &request).await;
    world.fault(Fault::on("GET", &host, "/v2/api").times(1).answer(Answer::Truncated));
    let cut = exchanged(&host, &request).await;
    assert!(cut.len() < whole.len() && cut.starts_with("HTTP/1.1 200"), "{cut}");
}

#[tokio::test]
async fn through_a_delaying_proxy_each_question_takes_longer_and_has_the_same_answer() {
    let served = world().serve_github().await.unwrap();
    let proxy = Delayed::before(served.addr, Duration::from_millis(20)).await.unwrap();
    let get = |path: &str| get(&served.host(), path, "");
    let direct = exchanged(&served.host(), &get("/nowhere")).await;
    let started = Instant::now();
    let late = exchanged(&proxy.host(), &get("/nowhere")).await;
    assert!(started.elapsed() >= Duration::from_millis(20));
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(late.starts_with("HTTP/1.1 404 Not Found") && body(&late) == body(&direct), "{late}");
}
