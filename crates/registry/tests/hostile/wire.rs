//! What no simulator in memory can do: bytes that are not the HTTP that was meant, read by the production core.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use transport::CoreOptions;

use super::*;

/// What came to a socket.
type Received = Arc<Mutex<Vec<String>>>;

/// Answers each request on a connection of its own with these bytes, and closes it. Gives the address, and what comes there.
async fn speaking(bytes: Vec<u8>) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let received = Received::default();
    let keep = received.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (bytes, keep) = (bytes.clone(), keep.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or_default();
                keep.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).into_owned());
                let _sent = stream.write_all(&bytes).await;
                let _closed = stream.shutdown().await;
            });
        }
    });
    (host, received)
}

#[tokio::test]
#[ignore = "opens loopback sockets"]
async fn case_30_a_protocol_error_on_the_wire_is_unreachable() {
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
    let index = padded_to(200, &index.to_string());
    let head = format!("Content-Type: {OCI_INDEX}\r\nContent-Length: 200\r\n");
    let many = "X-Many: y\r\n".repeat(1000);
    let empty = "not an image: its index names no platform";
    for (bytes, expected) in [
        (format!("HTTP/1.1 200 OK\r\n{head}\r\n{index}"), empty),
        (format!("HTTP/1.0 200 OK\r\n{head}\r\n{index}"), empty),
        (format!("HTTP/1.0 200 OK\r\nContent-Type: {OCI_INDEX}\r\n\r\n{index}"), empty),
        (format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{head}\r\n{index}"), empty),
        (format!("HTTP/1.1 200 OK\r\n{head}{many}\r\n{index}"), "unreachable: "),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Type: {OCI_INDEX}\r\nContent-Length: 201\r\n\r\n{index}"),
            "unreachable: ",
        ),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Type: {OCI_INDEX}\r\nContent-Length: 10\r\n\r\n{index}"),
            "not an image: no valid manifest",
        ),
        (format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 10\r\n\r\n{index}"), "unreachable: "),
        (format!("HTTP/1.1 200 OK\r\nContent-Type: {OCI_INDEX}\r\nContent-Length: -1\r\n\r\n{index}"), "unreachable: "),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Type: {OCI_INDEX}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{index}"),
            "unreachable: ",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {OCI_INDEX}\r\nTransfer-Encoding: chunked\r\n\r\nc8\r\n{index}\r\n"
            ),
            "unreachable: ",
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), "absent"),
        (
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
            "unreachable: ",
        ),
        ("\u{16}\u{3}\u{1}\u{0}\u{5}hello".to_owned(), "unreachable: "),
        (String::new(), "unreachable: "),
    ] {
        let (host, received) = speaking(bytes.clone().into_bytes()).await;
        let core = Core::reqwest(&CoreOptions { user_agent: "test".to_owned(), ..CoreOptions::default() }).unwrap();
        let seen = look(&Registry::new(core, Settings::default()), &format!("{host}/octo/api:1")).await;
        assert!(seen.starts_with(expected), "{}: {seen}", &bytes[..bytes.len().min(120)]);
        let received = received.lock().unwrap();
        // What broke is asked for again, twice.
        let times = if seen.starts_with("unreachable: ") && !seen.contains("redirected") { 3 } else { 1 };
        assert_eq!(received.len(), times, "{}: {seen}", &bytes[..bytes.len().min(120)]);
        let is_open = |request: &String| {
            request.starts_with("GET /v2/octo/api/manifests/1 HTTP/1.1\r\n")
                && !request.to_ascii_lowercase().contains("authorization")
        };
        assert!(received.iter().all(is_open), "{received:#?}");
    }
    // A HEAD with a body, and a second request: what is left on the connection is no answer to it.
    let digest = domain::image::Digest::sha256(index.as_bytes());
    let (host, received) =
        speaking(format!("HTTP/1.1 200 OK\r\n{head}Docker-Content-Digest: {digest}\r\n\r\n{index}").into_bytes()).await;
    let core = Core::reqwest(&CoreOptions { user_agent: "test".to_owned(), ..CoreOptions::default() }).unwrap();
    let registry = Registry::new(core, Settings::default());
    for _ in 0..3 {
        assert_eq!(glance(&registry, &format!("{host}/octo/api:1")).await, digest.to_string());
        assert_eq!(look(&registry, &format!("{host}/octo/api:1")).await, empty);
    }
    assert_eq!(received.lock().unwrap().len(), 6);
}
