//! Waiting, giving up, and asking again.

use futures_util::future::join_all;
use sim::{Answer, Fault};
use tokio::time::{Duration, Instant, timeout};

use super::*;

#[tokio::test(start_paused = true)]
async fn case_09_an_attempt_ends_after_ten_seconds() {
    // Headers that do not come stand for a name, a connection and a handshake that do not come too: one deadline covers
    // them all. A body of one byte a second trips no timeout between two bytes.
    for answer in [Answer::Hang, Answer::SlowBody(Duration::from_secs(1)), Answer::Late(Duration::from_secs(11))] {
        let world = faulty(at_tag(answer));
        let started = Instant::now();
        let seen = verdict(&world).await;
        assert!(
            seen.starts_with("unreachable: reg.test: ") && seen.ends_with("no complete answer within 10 s"),
            "{seen}"
        );
        assert_eq!(asked_openly(&world), 3);
        assert!((30..33).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    }
    let world = stocked();
    world.registry(HOST, guarded("https://reg.test/token"));
    world.fault(Fault::on("GET", HOST, "/token").answer(Answer::Hang));
    assert!(verdict(&world).await.ends_with("no complete answer within 10 s"));
    assert_eq!(asked(&world)[1..], ["GET https://reg.test/token?service=reg.test&scope=repository:octo/api:pull"; 3]);
    let world = faulty(at_tag(Answer::Late(Duration::from_secs(9))));
    assert_eq!(verdict(&world).await, WELL);
}

#[tokio::test(start_paused = true)]
async fn case_09_a_look_that_is_given_up_holds_up_no_other() {
    // The deadline of the run stands above that of an attempt: the caller drops the look, which may be the one that all
    // others wait for, at the door or for the token.
    for path in ["/v2/", "/token"] {
        let world = stocked();
        world.registry(HOST, guarded("https://reg.test/token"));
        world.fault(Fault::on("GET", HOST, path).times(1).answer(Answer::Hang));
        let registry = probe(&world);
        let (image, wanted, started) = (named(IMAGE), all(), Instant::now());
        let given_up = timeout(Duration::from_secs(3), registry.look(&image, &wanted));
        let waiting = async {
            tokio::task::yield_now().await;
            look(&registry, IMAGE).await
        };
        let (given_up, waited) = tokio::join!(given_up, waiting);
        assert!(given_up.is_err());
        assert_eq!((waited.as_str(), started.elapsed()), (WELL, Duration::from_secs(3)), "{path}");
        // The one that hung, and once what a look costs: the door, a token, five questions.
        let asked = asked(&world);
        assert_eq!(asked.len(), 1 + 7, "{path}: {asked:?}");
        let has_token = asked.iter().filter(|line| line.ends_with(" [Bearer]"));
        assert!(
            has_token.clone().count() == 5 && has_token.clone().all(|line| line.contains("reg.test/v2/")),
            "{asked:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn case_09_a_look_ends_after_five_minutes_whatever_it_waits_for() {
    // Each answer comes at the second repetition, each time after a pause that is just short enough to be kept.
    let world = stocked();
    world.registry(HOST, guarded("https://reg.test/token"));
    let throttled = || Answer::Throttled { retry_after: "59".into() };
    for path in [TAG, "/token", "/v2/octo/api/manifests/sha256:", "/v2/octo/api/blobs/"] {
        world.fault(Fault::on("GET", HOST, path).times(2).answer(throttled()));
    }
    let (registry, started) = (probe(&world), Instant::now());
    let held = "unreachable: reg.test: what was asked of it was not all answered within 300 s";
    assert_eq!((look(&registry, IMAGE).await.as_str(), started.elapsed().as_secs()), (held, 300));
    let asked = asked(&world);
    assert!((6..=12).contains(&asked.len()), "{asked:#?}");
    assert!(asked.iter().all(|line| line.contains("/v2/octo/api/") || !line.contains('[')), "{asked:#?}");
    // A registry that has come to itself is asked as ever.
    world.clear_faults();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(look(&registry, IMAGE).await, WELL);
    world.fault(Fault::on("HEAD", HOST, TAG).answer(throttled()));
    let settings = Settings { longest_look: Duration::from_secs(100), ..Settings::default() };
    let seen = glance(&probe_with(&world, settings), IMAGE).await;
    assert!(seen.ends_with("not all answered within 100 s"), "{seen}");
}

#[tokio::test(start_paused = true)]
async fn case_15_a_tag_that_moves_is_seen_as_what_it_was_at_one_moment() {
    let world = stocked();
    world.latency(Duration::from_millis(10));
    let moved = spec().salt("moved");
    // While a look is under way: its children are those of the index that it began with.
    let first = world.image_digest(IMAGE);
    world.at(Duration::from_millis(5), {
        let moved = moved.clone();
        move |world| {
            world.push(IMAGE, &moved);
        }
    });
    let registry = probe(&world);
    let Sight::Image(facts) = registry.look(&named(IMAGE), &all()).await else { panic!() };
    assert_eq!(Some(facts.digest.to_string()), first);
    assert_eq!(asked_openly(&world), 5);
    // And a glance at the end tells that it moved; so does the next look.
    let now = world.image_digest(IMAGE);
    assert_ne!(now, first);
    assert_eq!(Some(glance(&registry, IMAGE).await), now);
    let Sight::Image(facts) = registry.look(&named(IMAGE), &all()).await else { panic!() };
    assert_eq!(Some(facts.digest.to_string()), now);
    // Back to what was seen before: what a tag resolves to is never kept.
    world.push(IMAGE, &spec());
    let Sight::Image(facts) = registry.look(&named(IMAGE), &all()).await else { panic!() };
    assert_eq!(Some(facts.digest.to_string()), first);
    // Between the HEAD and the GET of Docker Hub: the content that came is what counts.
    let hub = "registry-1.docker.io/octo/api:1";
    world.push(hub, &spec());
    world.at(world.elapsed() + Duration::from_millis(5), move |world| {
        world.push(hub, &moved);
    });
    asked(&world);
    let Sight::Image(facts) = registry.look(&named("octo/api:1"), &all()).await else { panic!() };
    assert_eq!(Some(facts.digest.to_string()), world.image_digest(hub));
    assert_eq!(asked_openly(&world), 6);
    // A replica that lags: HEAD says what was, and that is still there and whole.
    let lag = Answer::ExtraHeaders(vec![("Docker-Content-Digest".into(), facts.digest.to_string())]);
    world.push(hub, &spec());
    world.fault(Fault::on("HEAD", "registry-1.docker.io", TAG).times(1).answer(lag));
    let Sight::Image(lagging) = registry.look(&named("octo/api:1"), &all()).await else { panic!() };
    let Sight::Image(fresh) = registry.look(&named("octo/api:1"), &all()).await else { panic!() };
    assert_eq!((lagging.digest, Some(fresh.digest.to_string())), (facts.digest, world.image_digest(hub)));
}

#[tokio::test(start_paused = true)]
async fn case_24_a_wait_that_is_asked_for_is_kept_within_reason() {
    // The world's clock shows 2026-11-23T12:00:00Z, which is 1795435200.
    for (value, least, most) in [
        ("5", 5_000, 5_000),
        ("0", 1_000, 1_000),
        ("-7", 1_000, 1_000),
        ("60", 60_000, 60_000),
        ("Mon, 23 Nov 2026 12:00:20 GMT", 20_000, 20_000),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 1_000, 1_000),
        ("1795435210", 10_000, 10_000),
        ("1746136938", 1_000, 1_000),
        ("1.16ms", 1_000, 1_000),
        ("soon", 1_000, 1_000),
        ("", 1_000, 1_000),
    ] {
        for at in [TAG, "/token"] {
            let world = stocked();
            world.registry(HOST, guarded("https://reg.test/token"));
            // The clock is the server's: it is known from the answers before.
            let registry = probe(&world);
            look(&registry, "reg.test/octo/other:1").await;
            asked(&world);
            let throttled = Answer::Throttled { retry_after: value.to_owned() };
            world.fault(Fault::on("GET", HOST, at).times(1).answer(throttled));
            let started = Instant::now();
            assert_eq!(look(&registry, IMAGE).await, WELL, "{value}");
            let waited = started.elapsed().as_millis();
            assert!((least..=most + 20).contains(&waited), "{value} at {at}: {waited} ms");
            // A token may have ended meanwhile.
            let asked = asked(&world);
            assert!((7..=8).contains(&asked.len()), "{value} at {at}: {asked:?}");
            let has_token =
                |line: &String| line.ends_with(" [Bearer]") != line.starts_with("GET https://reg.test/token?");
            assert!(asked.iter().all(has_token), "{asked:?}");
        }
    }
    for value in ["61", "3600", "1000000000000", "99999999999999999999"] {
        let world = faulty(at_tag(Answer::Throttled { retry_after: value.to_owned() }));
        let started = Instant::now();
        let seen = verdict(&world).await;
        assert!(seen.starts_with("unreachable: reg.test throttles: 429 Too Many Requests (TOOMANYREQUESTS"), "{seen}");
        assert_eq!((asked_openly(&world), started.elapsed()), (1, Duration::ZERO), "{value}");
    }
    // GHCR says it in the body (falcosecurity/plugins#1069).
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 1.16ms, allowed: 44000/minute"}]}"#;
    let world = faulty(at_tag(Answer::json(429, body)).times(1));
    assert_eq!((verdict(&world).await.as_str(), asked_openly(&world)), (WELL, 6));
    let world = faulty(at_tag(Answer::json(429, body)));
    let seen = verdict(&world).await;
    assert!(seen.ends_with("(TOOMANYREQUESTS: retry-after: 1.16ms, allowed: 44000/minute)"), "{seen}");
    assert_eq!(asked_openly(&world), 3);
}

#[tokio::test(start_paused = true)]
async fn case_24_a_pause_holds_for_all_images_of_a_host() {
    let world = stocked();
    world.latency(Duration::from_millis(10));
    world.push("other.test/octo/api:1", &spec());
    world.fault(
        Fault::on("GET", HOST, "/v2/octo/first/").times(1).answer(Answer::Throttled { retry_after: "30".into() }),
    );
    let registry = probe(&world);
    // The door is known, so that nobody waits for it.
    assert_eq!(look(&registry, "reg.test/octo/other:1").await, "absent");
    world.clear_requests();
    let started = Instant::now();
    let timed = |image: &'static str, after: u64| {
        let registry = &registry;
        async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            (look(registry, image).await, started.elapsed().as_secs())
        }
    };
    let seen =
        join_all([timed("reg.test/octo/first:1", 0), timed(IMAGE, 50), timed("other.test/octo/api:1", 50)]).await;
    assert_eq!(seen, [("absent".to_owned(), 30), (WELL.to_owned(), 30), (WELL.to_owned(), 0)]);
    let here = world.requests().into_iter().filter(|request| request.host == HOST);
    assert!(here.skip(1).all(|request| request.at >= Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn case_25_a_short_failure_is_mended_and_a_long_one_is_unreachable() {
    let html = |status| {
        Answer::Status(status, vec![("Content-Type".into(), "text/html".into())], "<html>Bad Gateway</html>".into())
    };
    for (answer, text) in [
        (Answer::status(503), "answered 503 Service Unavailable (503)"),
        (html(502), "answered 502 Bad Gateway (<html>Bad Gateway</html>)"),
        (Answer::status(500), "answered 500 Internal Server Error (500)"),
        (Answer::status(504), "answered 504 Gateway Timeout (504)"),
        (Answer::status(408), "answered 408 Request Timeout (408)"),
        (Answer::Reset, "the connection broke: connection reset by peer"),
        (Answer::Truncated, "the connection broke: connection reset by peer"),
    ] {
        let world = faulty(at_tag(answer.clone()).times(2));
        assert_eq!((verdict(&world).await.as_str(), asked_openly(&world)), (WELL, 3 + 4), "{answer:?}");
        let world = faulty(at_tag(answer.clone()));
        let seen = verdict(&world).await;
        assert!(seen.starts_with("unreachable: reg.test") && seen.ends_with(text), "{seen}");
        assert_eq!(asked_openly(&world), 3);
    }
    // Not worth a second request at once; the next look is soon enough.
    for status in [499, 501, 505, 522] {
        let world = faulty(at_tag(Answer::status(status)));
        assert!(verdict(&world).await.starts_with("unreachable: reg.test answered "));
        assert_eq!(asked_openly(&world), 1, "{status}");
    }
    // A 200 of no bytes.
    let empty = Answer::Status(200, vec![("Content-Type".into(), OCI_INDEX.into())], String::new());
    let world = faulty(at_tag(empty));
    assert!(verdict(&world).await.starts_with("not an image: no valid manifest"));
    assert_eq!(asked_openly(&world), 1);
    // A failure of a child says nothing of the image.
    let world = stocked();
    let child = parts_of(&world, IMAGE).remove(0);
    world.fault(Fault::on("GET", HOST, &format!("/v2/octo/api/manifests/{child}")).answer(Answer::status(503)));
    assert!(verdict(&world).await.starts_with("unreachable: reg.test answered 503"));
    assert_eq!(asked_openly(&world), 1 + 3 + 2);
}

#[tokio::test(start_paused = true)]
async fn case_29_five_hundred_images_and_a_slow_host() {
    let world = stocked();
    world.latency(Duration::from_millis(10));
    world.registry(HOST, guarded("https://reg.test/token"));
    world.fault(Fault::on("*", "slow.test", "/").answer(Answer::Hang));
    world.push("slow.test/octo/api:1", &spec());
    let registry = probe(&world);
    let started = Instant::now();
    let slow = async {
        let names: Vec<String> = (0..200).map(|number| format!("slow.test/octo/api:{number}")).collect();
        join_all(names.iter().map(|name| look(&registry, name))).await
    };
    let quick = async {
        let names: Vec<String> = (0..500).map(|number| format!("reg.test/octo/api:{}", number % 250 + 1)).collect();
        let seen = join_all(names.iter().map(|name| look(&registry, name))).await;
        (seen, started.elapsed())
    };
    let (slow, (quick, elapsed)) = tokio::join!(slow, quick);
    assert!(elapsed < Duration::from_millis(500), "a slow host holds up no other: {elapsed:?}");
    assert_eq!(quick.iter().filter(|seen| *seen == WELL).count(), 2, "the same image twice");
    assert_eq!(quick.iter().filter(|seen| *seen == "absent").count(), 498);
    assert!(slow.iter().all(|seen| seen.starts_with("unreachable: slow.test: ")));
    assert!(started.elapsed() < Duration::from_secs(150), "{:?}", started.elapsed());
    let asked = asked(&world);
    assert_eq!(asked.iter().filter(|line| line.contains("https://reg.test/token")).count(), 1, "one token for all");
    let of_reg = || asked.iter().filter(|line| line.contains("https://reg.test/v2/"));
    assert!((501..=501 + 2 * 4).contains(&of_reg().count()), "{}", of_reg().count());
    assert_eq!(
        of_reg().filter(|line| !line.ends_with(" [Bearer]")).count(),
        1,
        "the probe alone is sent without a token"
    );
    let of_slow = || asked.iter().filter(|line| line.contains("https://slow.test/"));
    assert!(of_slow().all(|line| !line.contains('[')) && of_slow().count() <= 3 * 200, "{}", of_slow().count());
}

#[tokio::test(start_paused = true)]
async fn case_30_only_200_is_content_and_a_length_of_head_is_no_promise() {
    for status in [201, 202, 203, 204, 206, 300, 304, 400, 402, 405, 406, 410, 416, 418, 451] {
        let world = faulty(at_tag(Answer::status(status)));
        let seen = verdict(&world).await;
        assert!(
            seen.starts_with("unreachable: reg.test answered ") && seen.contains("it is misconfigured"),
            "{status}: {seen}"
        );
        assert_eq!(asked_openly(&world), 1);
    }
    let lie = |length: &str| Answer::ExtraHeaders(vec![("Content-Length".into(), length.into())]);
    for length in ["0", "1", "99999999999999", "-1", "x"] {
        let world = faulty(Fault::on("HEAD", HOST, TAG).answer(lie(length)));
        assert_eq!(Some(glance(&probe(&world), IMAGE).await), world.image_digest(IMAGE), "{length}");
        assert_eq!(asked_openly(&world), 1);
    }
    // An announced length above the limit condemns a GET unread.
    let world = faulty(at_tag(lie("4194305")));
    assert!(verdict(&world).await.ends_with("larger than 4194304 bytes"));
    assert_eq!(asked_openly(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_images_are_proven_within_eight_round_trips() {
    let world = stocked();
    world.registry(HOST, guarded("https://reg.test/token"));
    let names: Vec<String> = (0..100).map(|number| format!("reg.test/octo/service-{number}:1")).collect();
    for name in &names {
        world.push(name, &spec().salt(name));
    }
    world.latency(Duration::from_millis(50));
    let (registry, started) = (probe(&world), Instant::now());
    let seen = join_all(names.iter().map(|name| look(&registry, name))).await;
    assert!(seen.iter().all(|seen| seen == WELL), "{seen:?}");
    // The door, a token for each repository, an index, and 400 parts by 128 at a time.
    let round_trips = started.elapsed().as_millis() / 50;
    assert!(round_trips <= 8, "{round_trips}");
    assert_eq!(asked(&world).len(), 1 + 100 * (1 + 5));
}
