//! The layers over a core in memory, under paused time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::time::{Instant, sleep};

use super::*;

type Answer = Result<Response<CoreBody>, BoxError>;

/// A core that answers the n-th request (from 0) by `answer`, and counts.
fn core(answer: impl Fn(usize, Request<Bytes>) -> Answer + Send + Sync + 'static) -> (Core, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Bytes>| {
        let result = answer(seen.fetch_add(1, Ordering::SeqCst), request);
        async move { result }
    });
    (Core::new(service), count)
}

fn whole(body: impl Into<Bytes>) -> CoreBody {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body of `count` frames of `size` bytes, each `gap` after the one before, without a known length.
fn dripping(count: usize, size: usize, gap: Duration) -> CoreBody {
    let stream = futures_util::stream::unfold(0, move |sent| async move {
        if sent == count {
            return None;
        }
        sleep(gap).await;
        Some((Ok::<_, BoxError>(Frame::data(Bytes::from(vec![b'x'; size]))), sent + 1))
    });
    StreamBody::new(stream).boxed_unsync()
}

fn request(method: Method) -> Request<Bytes> {
    Request::builder().method(method).uri("https://registry.test/v2/x?sig=secret").body(Bytes::new()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for what a core gives")]
fn status(code: u16) -> Answer {
    Ok(Response::builder().status(code).body(whole("body")).unwrap())
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for what a core gives")]
fn throttled(code: u16, retry_after: &str) -> Answer {
    Ok(Response::builder()
        .status(code)
        .header("retry-after", retry_after)
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .body(whole(""))
        .unwrap())
}

fn failure(kind: std::io::ErrorKind) -> Answer {
    Err(std::io::Error::from(kind).into())
}

#[tokio::test(start_paused = true)]
async fn a_transient_status_is_tried_again_twice() {
    for code in [408, 429, 500, 502, 503, 504] {
        let (core, count) = core(move |index, _| if index < 2 { status(code) } else { status(200) });
        let transport = layered(core, Settings::default());
        assert_eq!(send(&transport, request(Method::GET)).await.unwrap().status(), 200);
        assert_eq!(count.load(Ordering::SeqCst), 3, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_given_when_the_retries_are_used_up() {
    let (core, count) = core(|_, _| status(503));
    let answer = send(&layered(core, Settings::default()), request(Method::HEAD)).await.unwrap();
    assert_eq!((answer.status().as_u16(), count.load(Ordering::SeqCst)), (503, 3));
}

#[tokio::test(start_paused = true)]
async fn a_write_and_a_request_marked_no_retry_are_sent_once() {
    let (core, count) = core(|_, _| failure(std::io::ErrorKind::ConnectionReset));
    let transport = layered(core, Settings::default());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        send(&transport, request(method)).await.unwrap_err();
    }
    assert_eq!(count.load(Ordering::SeqCst), 4);
    let mut once = request(Method::GET);
    once.extensions_mut().insert(NoRetry);
    send(&transport, once).await.unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn other_statuses_are_final() {
    for code in [200, 204, 301, 400, 401, 403, 404, 422, 501] {
        let (core, count) = core(move |_, _| status(code));
        send(&layered(core, Settings::default()), request(Method::GET)).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_in_every_form_up_to_a_minute() {
    for (value, wait) in [
        ("5", Some(5)),
        ("0", Some(1)),
        ("-7", Some(1)),
        ("60", Some(60)),
        ("Sun, 06 Nov 1994 08:49:57 GMT", Some(20)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(1)),
        ("784111787", None), // under the epoch threshold: 24 years of seconds
        ("1746136938", None),
        ("61", None),
        ("1000000000", None),
        ("99999999999999999999", None),
    ] {
        let (core, count) = core(move |index, _| if index == 0 { throttled(429, value) } else { status(200) });
        let started = Instant::now();
        let answer = send(&layered(core, Settings::default()), request(Method::GET)).await.unwrap();
        match wait {
            Some(wait) => {
                assert_eq!(answer.status(), 200, "{value}");
                let elapsed = started.elapsed();
                assert!((wait..=wait + 1).contains(&elapsed.as_secs()), "{value}: {elapsed:?}");
            }
            None => assert_eq!((answer.status().as_u16(), count.load(Ordering::SeqCst)), (429, 1), "{value}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_that_nobody_understands_is_backed_off_from() {
    let (core, count) = core(|index, _| if index == 0 { throttled(429, "1.16ms") } else { status(200) });
    let started = Instant::now();
    send(&layered(core, Settings::default()), request(Method::GET)).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert!((250..=510).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_epoch_is_read_against_the_servers_own_date() {
    let (core, _) = core(|index, _| {
        let answer = Response::builder().status(429).header("date", "Thu, 01 May 2025 22:02:08 GMT");
        if index == 0 { Ok(answer.header("retry-after", "1746136938").body(whole("")).unwrap()) } else { status(200) }
    });
    let started = Instant::now();
    assert_eq!(send(&layered(core, Settings::default()), request(Method::GET)).await.unwrap().status(), 200);
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_used_up_rate_limit_is_returned_and_remembered() {
    let (core, count) = core(|_, _| {
        Ok(Response::builder()
            .status(429)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-limit", "5000")
            .header("x-ratelimit-reset", "1746136938")
            .body(whole(""))
            .unwrap())
    });
    let settings = Settings::default();
    send(&layered(core, settings.clone()), request(Method::GET)).await.unwrap();
    assert_eq!((count.load(Ordering::SeqCst), settings.budget.requests()), (1, 1));
    let expected = RateLimit { remaining: 0, limit: Some(5000), reset: Some(1_746_136_938) };
    assert_eq!(settings.budget.rate_limit(), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_body() {
    let (core, count) = core(|_, _| Ok(Response::new(dripping(1000, 1, Duration::from_secs(1)))));
    let mut once = request(Method::GET);
    once.extensions_mut().insert(NoRetry);
    let started = Instant::now();
    let error = send(&layered(core, Settings::default()), once).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert_eq!((started.elapsed(), count.load(Ordering::SeqCst)), (Duration::from_secs(10), 1));
    assert_eq!(error.to_string(), "GET https://registry.test/v2/x?sig=***: no complete answer within 10 s");
}

#[tokio::test(start_paused = true)]
async fn a_body_is_counted_as_it_comes_and_stopped_at_the_limit() {
    // Whatever is announced: nothing, or less than comes.
    for announced in [None, Some("10")] {
        let (core, count) = core(move |_, _| {
            let mut answer = Response::new(dripping(300, 1024 * 1024, Duration::ZERO));
            answer.headers_mut().extend(announced.map(|length| (CONTENT_LENGTH, length.parse().unwrap())));
            Ok(answer)
        });
        let mut limited = request(Method::GET);
        limited.extensions_mut().insert(SizeLimit(4 * 1024 * 1024));
        let error = send(&layered(core, Settings::default()), limited).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 4_194_304, .. }), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "a body that is too large is not asked for again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_length_that_is_announced_too_large_is_refused_unread_but_not_on_head() {
    let (core, _) = core(|_, _| Ok(Response::builder().header("content-length", "20000000").body(whole("")).unwrap()));
    let transport = layered(core, Settings::default());
    assert!(matches!(send(&transport, request(Method::GET)).await, Err(Error::TooLarge { .. })));
    assert!(send(&transport, request(Method::HEAD)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn identity_is_asked_for_and_anything_else_refused() {
    let (core, _) = core(|_, request| {
        assert_eq!(request.headers()["accept-encoding"], "identity");
        Ok(Response::builder().header("content-encoding", "gzip").body(whole("")).unwrap())
    });
    let error = send(&layered(core, Settings::default()), request(Method::GET)).await.unwrap_err();
    assert!(matches!(&error, Error::Encoded { coding, .. } if coding == "gzip"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn authorization_is_marked_sensitive_and_in_no_error() {
    let shown = Arc::new(Mutex::new(String::new()));
    let kept = shown.clone();
    let (core, _) = core(move |_, request| {
        *kept.lock().unwrap() = format!("{request:?}");
        failure(std::io::ErrorKind::ConnectionRefused)
    });
    let mut secret = request(Method::POST);
    secret.headers_mut().insert("authorization", "Bearer hunter2".parse().unwrap());
    let error = send(&layered(core, Settings::default()), secret).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(!shown.lock().unwrap().contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_error_is_not_tried_again() {
    let (core, count) = core(|_, _| {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, tls).into())
    });
    let error = send(&layered(core, Settings::default()), request(Method::GET)).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(error.to_string().contains("Expired; the host needs a new certificate"), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_back_the_same_authority_and_no_other() {
    let (core, _) = core(|index, _| if index == 0 { throttled(503, "30") } else { status(200) });
    let transport = layered(core, Settings { shared_pause: true, retries: 0, ..Settings::default() });
    let started = Instant::now();
    assert_eq!(send(&transport, request(Method::GET)).await.unwrap().status(), 503);
    let mut other = request(Method::GET);
    *other.uri_mut() = "https://other.test/".parse().unwrap();
    send(&transport, other).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
    send(&transport, request(Method::GET)).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 30, "the deadline of an attempt does not run during a pause");
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_sends_nothing_and_holds_nobody_and_ends_after_five_minutes() {
    for value in ["120", "99999999999999999999"] {
        let (core, count) = core(move |index, _| if index == 0 { throttled(429, value) } else { status(200) });
        let transport = layered(core, Settings { shared_pause: true, ..Settings::default() });
        let started = Instant::now();
        assert_eq!(send(&transport, request(Method::GET)).await.unwrap().status(), 429);
        let error = send(&transport, request(Method::HEAD)).await.unwrap_err();
        let asked = if value == "120" { 120 } else { 300 };
        let expected = format!("not sent, because the host asked for a pause of {asked} s");
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!((started.elapsed(), count.load(Ordering::SeqCst)), (Duration::ZERO, 1), "{value}");
        sleep(Duration::from_secs(asked)).await;
        assert_eq!(send(&transport, request(Method::GET)).await.unwrap().status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn who_throttles_without_a_word_gets_a_second_and_who_is_merely_ill_none() {
    for (code, value, pause) in
        [(429, "", 1), (429, "1.16ms", 1), (429, "-5", 1), (429, "1746136938000", 300), (503, "", 0), (503, "7", 7)]
    {
        let (core, _) = core(move |index, _| if index == 0 { throttled(code, value) } else { status(200) });
        let transport = layered(core, Settings { shared_pause: true, retries: 0, ..Settings::default() });
        let started = Instant::now();
        send(&transport, request(Method::GET)).await.unwrap();
        while send(&transport, request(Method::GET)).await.is_err() && started.elapsed().as_secs() < 400 {
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(started.elapsed().as_secs(), pause, "{code} {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_the_servers_date_and_the_time_since() {
    let (core, _) = core(|index, _| if index == 0 { throttled(200, "1") } else { status(200) });
    let settings = Settings::default();
    assert_eq!(settings.clock.now(), None);
    let transport = layered(core, settings.clone());
    send(&transport, request(Method::GET)).await.unwrap();
    sleep(Duration::from_secs(23)).await;
    send(&transport, request(Method::GET)).await.unwrap();
    assert_eq!(settings.clock.now().unwrap().to_string(), "1994-11-06T08:50:00Z");
}

#[test]
fn a_redacted_url_keeps_no_secret() {
    let uri: http::Uri = "https://user:pass@host.test:8443/a/b?X-Sig=abc&token=def&bare".parse().unwrap();
    assert_eq!(redact(&uri), "https://host.test:8443/a/b?X-Sig=***&token=***&***");
}

#[test]
fn printable_text_is_one_bounded_line() {
    assert_eq!(printable("a\u{1b}[31mred\u{1b}[0m\r\n::error::b\u{0}\u{202e}c", 100), "ared ::error::bc");
    assert_eq!(printable("\u{1b}]0;title\u{7}x", 100), "x");
    assert_eq!(printable("  abcdef  ", 3), "abc…");
    assert_eq!(printable("\u{1b}", 3), "");
}

#[tokio::test]
async fn the_production_core_is_built_without_any_file_or_variable() {
    let proxies = Proxies { http: None, https: Some("http://u:hunter2@proxy.test:3128".into()), except: "a,b".into() };
    let options = CoreOptions { roots: Roots::default(), proxies, user_agent: "test".into() };
    Core::reqwest(&options).unwrap();
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[test]
fn roots_of_ours_must_all_be_usable_and_of_a_bundle_the_usable_ones_are_taken() {
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let mut roots = Roots::default();
    let built_in = roots.count();
    for (pem, why) in [("", "it holds no PEM certificate"), ("no pem", "it holds no"), (junk, "its certificate 1: ")] {
        let error = roots.add(pem.as_bytes()).unwrap_err();
        assert!(error.starts_with(why), "{error}");
        assert_eq!((roots.add_usable(pem.as_bytes()), roots.count()), (0, built_in));
    }
    assert!(built_in > 50, "{built_in}");
}
