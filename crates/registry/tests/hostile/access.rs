//! Who is asked for a token, what is sent there, and what is said of a refusal.

use std::sync::{Arc, Mutex};

use sim::{Answer, Auth, Fault};
use tokio::time::{Duration, sleep};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const PROBE: &str = "GET https://reg.test/v2/octo/api/manifests/1";
const TOKEN: &str = "GET https://reg.test/token?service=reg.test&scope=repository:octo/api:pull";

#[tokio::test(start_paused = true)]
async fn case_07_a_realm_that_is_not_safe_is_not_asked() {
    let mut realms = vec![
        "http://reg.test/token".to_owned(),
        "ftp://reg.test/token".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/token".to_owned(),
        "//reg.test/token".to_owned(),
        "https://octo:x@reg.test/token".to_owned(),
        "https://reg.test@evil.test/token".to_owned(),
        "https://reg.test\\@evil.test/token".to_owned(),
        "https://169.254.169.254[::].ws".to_owned(),
    ];
    realms.extend(addresses::PRIVATE.iter().map(|host| format!("https://{host}/token")));
    for realm in realms {
        let world = stocked();
        door(&world, HOST, &bearer(&realm));
        for registry in [probe(&world), probe_with_login(&world, HOST)] {
            let seen = look(&registry, IMAGE).await;
            assert!(seen.starts_with("unreachable: reg.test is misconfigured: its token endpoint "), "{realm}: {seen}");
            assert_eq!(asked(&world), [PROBE], "{realm}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_07_a_realm_on_a_foreign_host_sees_no_password() {
    for (realm, trusted) in [
        ("https://reg.test/token", true),
        ("https://REG.test/token", true),
        ("https://auth.reg.test/token", true),
        ("https://evil.test/token", false),
        ("https://evilreg.test/token", false),
        ("https://reg.test.evil.com/token", false),
        ("https://auth.docker.io/token", false),
        // Beside the private ranges.
        ("https://8.8.8.8/token", false),
        ("https://11.0.0.1/token", false),
        ("https://172.32.0.1/token", false),
        ("https://192.169.0.1/token", false),
        ("https://100.128.0.1/token", false),
        ("https://[2001:db8::1]/token", false),
    ] {
        let world = stocked();
        world.registry(HOST, guarded(realm));
        assert_eq!(look(&probe(&world), IMAGE).await, WELL, "anybody may ask there without a password: {realm}");
        assert_eq!(asked(&world).len(), 7);
        let seen = look(&probe_with_login(&world, HOST), IMAGE).await;
        let asked = asked(&world);
        if trusted {
            assert_eq!((seen.as_str(), asked.len()), (WELL, 7), "{realm}");
            assert!(
                asked[1].ends_with(" [Basic]") && asked.iter().filter(|line| line.contains("[Basic]")).count() == 1
            );
        } else {
            assert!(seen.starts_with("unreachable: ") && seen.contains("belongs to another domain"), "{realm}: {seen}");
            assert_eq!(asked, [PROBE]);
        }
    }
    // A registry that is an address itself may name others, which see no password.
    let world = stocked();
    world.registry("10.0.0.1:5000", guarded("https://10.0.0.2/token"));
    world.push("10.0.0.1:5000/octo/api:1", &spec());
    assert_eq!(look(&probe(&world), "10.0.0.1:5000/octo/api:1").await, WELL);
    let seen = look(&probe_with_login(&world, "10.0.0.1:5000"), "10.0.0.1:5000/octo/api:1").await;
    assert!(seen.contains("belongs to another domain"), "{seen}");
    assert!(asked(&world).iter().all(|line| !line.contains("[Basic]")));
}

#[tokio::test(start_paused = true)]
async fn case_07_a_password_is_for_its_own_host_and_port() {
    for host in ["other.test", "sub.reg.test", "reg.test.evil.com", "reg.test:5000"] {
        for auth in [Auth::Basic, guarded(&format!("https://{host}/token")).auth] {
            let world = stocked();
            world.registry(host, RegistrySpec::distribution().auth(auth.clone()).user("octo", PASSWORD));
            world.push(&format!("{host}/octo/api:1"), &spec());
            let seen = look(&probe_with_login(&world, HOST), &format!("{host}/octo/api:1")).await;
            let (verdict, requests) = if matches!(auth, Auth::Basic) {
                (format!("denied: {host} answered 401 Unauthorized (UNAUTHORIZED: authentication required)"), 1)
            } else {
                (WELL.to_owned(), 7)
            };
            let asked = asked(&world);
            assert_eq!((seen, asked.len()), (verdict, requests), "{asked:?}");
            assert!(asked.iter().all(|line| !line.contains("[Basic]")), "{asked:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_07_a_realm_that_redirects_is_not_followed() {
    for location in ["https://reg.test/elsewhere", "https://evil.test/token", "http://169.254.169.254/"] {
        let world = stocked();
        world.registry(HOST, guarded("https://reg.test/token"));
        world.fault(Fault::on("GET", HOST, "/token").answer(Answer::redirect(location)));
        let seen = look(&probe_with_login(&world, HOST), IMAGE).await;
        assert!(
            seen.starts_with("unreachable: the token endpoint https://reg.test/token of reg.test answered 307"),
            "{seen}"
        );
        assert_eq!(asked(&world), [PROBE.to_owned(), format!("{TOKEN} [Basic]")]);
    }
}

/// A look through a door whose token endpoint answers this.
async fn with_token(answer: Answer) -> (String, Vec<String>) {
    let world = faulty(Fault::on("GET", HOST, "/token").answer(answer));
    door(&world, HOST, &bearer("https://reg.test/token"));
    (verdict(&world).await, asked(&world))
}

#[tokio::test(start_paused = true)]
async fn case_08_a_token_that_cannot_be_used_is_an_error() {
    let deep = format!("{{\"token\":\"tok3n\",\"expires_in\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "<html>",
        r#"{"token":"#,
        r#"{"token":null}"#,
        r#"{"token":1}"#,
        r#"{"token":""}"#,
        r#"{"token":"","access_token":""}"#,
        r#"{"token":"a\nb"}"#,
        r#"{"token":"a\r\nAuthorization: Basic x"}"#,
        r#"{"token":"a\u0000b"}"#,
        r#"{"token":"a b"}"#,
        r#"{"token":"é"}"#,
        &deep,
    ] {
        let (seen, asked) = with_token(Answer::json(200, body)).await;
        let start = "unreachable: the token endpoint https://reg.test/token of reg.test answered 200 with ";
        assert!(seen.starts_with(start), "{}: {seen}", &body[..body.len().min(80)]);
        assert_eq!(asked, [PROBE, TOKEN]);
    }
    for (body, usable) in [
        (r#"{"token":"tok3n"}"#, true),
        (r#"{"access_token":"tok3n"}"#, true),
        (r#"{"token":"","access_token":"tok3n"}"#, true),
        (r#"{"token":" tok3n\n"}"#, true),
    ] {
        let (seen, asked) = with_token(Answer::json(200, body)).await;
        assert_eq!((seen == WELL, asked.len()), (usable, 2 + 5), "{body}: {seen}");
    }
    // To the byte, without end, and compressed.
    let padded = |size: usize| Answer::json(200, padded_to(size, r#"{"token":"tok3n"}"#));
    assert_eq!(with_token(padded(64 * 1024)).await.0, WELL);
    let gzip = Answer::ExtraHeaders(vec![("Content-Encoding".into(), "gzip".into())]);
    for (answer, expected) in [
        (padded(64 * 1024 + 1), "larger than 65536 bytes"),
        (padded(10_000_000), "larger than 65536 bytes"),
        (Answer::Endless, "larger than 65536 bytes"),
        (gzip, "content coding `gzip`"),
    ] {
        let (seen, asked) = with_token(answer).await;
        assert!(seen.starts_with("unreachable: the token endpoint ") && seen.contains(expected), "{seen}");
        assert_eq!(asked, [PROBE, TOKEN]);
    }
}

#[tokio::test(start_paused = true)]
async fn case_08_any_lifetime_of_a_token_is_survived() {
    // How long the token is used: a minute where nothing sensible is said, an hour at most, ten seconds less.
    for (life, used) in [
        ("null", 50),
        ("0", 50),
        ("-300", 50),
        ("\"soon\"", 50),
        ("\"NaN\"", 50),
        ("\"inf\"", 50),
        ("[]", 50),
        ("1e999", 50),
        ("300", 290),
        ("\"300\"", 290),
        ("1e18", 3590),
        ("5", 1),
    ] {
        let world = stocked();
        world.fault(
            Fault::on("GET", HOST, "/token")
                .answer(Answer::json(200, format!("{{\"token\":\"tok3n\",\"expires_in\":{life}}}"))),
        );
        door(&world, HOST, &bearer("https://reg.test/token"));
        if life == "1e999" {
            // No JSON number: the answer is refused as a whole.
            assert!(verdict(&world).await.starts_with("unreachable: "));
            continue;
        }
        let registry = probe(&world);
        assert_eq!(look(&registry, IMAGE).await, WELL, "{life}");
        asked(&world);
        sleep(Duration::from_secs(used - 1)).await;
        look(&registry, IMAGE).await;
        assert_eq!(asked(&world), [format!("{PROBE} [Bearer]")], "{life}");
        sleep(Duration::from_secs(2)).await;
        look(&registry, IMAGE).await;
        assert_eq!(asked(&world), [TOKEN.to_owned(), format!("{PROBE} [Bearer]")], "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_23_access_is_renewed_once_and_then_denied() {
    let refused = || Answer::challenge(&[&bearer("https://reg.test/token")]);
    let denied = "denied: reg.test answered 401 Unauthorized (UNAUTHORIZED: authentication required)";
    // Without end, and again at the next look, with a fresh token.
    let world = stocked();
    world.registry(HOST, guarded("https://reg.test/token"));
    world.fault(Fault::on("*", HOST, "/v2/").answer(refused()));
    let registry = probe(&world);
    for _ in 0..2 {
        assert_eq!(look(&registry, IMAGE).await, denied);
        assert!(asked(&world).len() <= 3);
    }
    // A challenge that is another with each answer.
    for number in 0..20 {
        world.fault(
            Fault::on("*", HOST, "/v2/")
                .times(1)
                .answer(Answer::challenge(&[&format!("Bearer realm=\"https://reg.test/token\",scope=\"s{number}\"")])),
        );
    }
    assert!(verdict(&world).await.starts_with("denied: "));
    assert!(asked(&world).len() <= 6);
    // A token that is refused is one too many; a second one is let in.
    world.clear_faults();
    let registry = probe(&world);
    assert_eq!(look(&registry, IMAGE).await, WELL);
    asked(&world);
    world.fault(Fault::on("*", HOST, "/v2/").times(1).answer(refused()));
    assert_eq!(look(&registry, IMAGE).await, WELL);
    assert_eq!(asked(&world), [format!("{PROBE} [Bearer]"), TOKEN.to_owned(), format!("{PROBE} [Bearer]")]);
    // A 403, and a 401 without a challenge, are denials at once.
    for answer in [
        Answer::json(403, "{}"),
        Answer::json(401, "{}"),
        Answer::challenge(&["Negotiate"]),
        Answer::challenge(&["Bearer"]),
    ] {
        let world = faulty(Fault::on("*", HOST, "/v2/").answer(answer));
        for registry in [probe(&world), probe_with_login(&world, HOST)] {
            assert!(look(&registry, IMAGE).await.starts_with("denied: reg.test answered 40"));
            assert!(glance(&registry, IMAGE).await.starts_with("denied: reg.test answered 40"));
            assert!(asked(&world).iter().all(|line| !line.contains('[')));
        }
    }
    // What the token endpoint refuses is denied; where it fails, nobody knows.
    for (status, expected) in [
        (401, "denied"),
        (403, "denied"),
        (404, "unreachable"),
        (400, "unreachable"),
        (429, "unreachable"),
        (500, "unreachable"),
        (204, "unreachable"),
    ] {
        let (seen, asked) = with_token(Answer::json(status, "{}")).await;
        assert!(
            seen.starts_with(&format!("{expected}: the token endpoint https://reg.test/token of reg.test ")),
            "{status}: {seen}"
        );
        assert!(asked[1..].iter().all(|line| line == TOKEN), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn case_23_every_form_of_a_challenge_is_read() {
    for challenge in [
        &["Basic realm=\"r\"", "Bearer realm=\"https://reg.test/token\""][..],
        &["Bearer realm=\"https://reg.test/token\"", "Basic realm=\"r\""],
        &["Basic realm=\"a, Bearer realm=x\", Bearer realm=\"https://reg.test/token\""],
        &["Negotiate abc==, NTLM, bearer REALM = https://reg.test/token , service=reg.test"],
        &["bEaReR   realm=\"https:\\/\\/reg.test\\/token\",,, error=\"insufficient_scope\""],
    ] {
        let world = faulty(Fault::on("*", HOST, "/v2/").anonymous().answer(Answer::challenge(challenge)));
        world.fault(Fault::on("GET", HOST, "/token").answer(Answer::json(200, r#"{"token":"tok3n"}"#)));
        assert_eq!(verdict(&world).await, WELL, "{challenge:?}");
        let asked = asked(&world);
        assert_eq!(asked.len(), 7);
        assert!(
            asked[1].starts_with("GET https://reg.test/token?") && asked[1].ends_with("scope=repository:octo/api:pull")
        );
    }
    // A password is for a registry that asks for one, and only for it.
    let world = faulty(Fault::on("*", HOST, "/v2/").anonymous().answer(Answer::challenge(&["Basic realm=\"r\""])));
    assert!(verdict(&world).await.starts_with("denied: "));
    assert_eq!(asked(&world), [PROBE]);
    assert_eq!(look(&probe_with_login(&world, HOST), IMAGE).await, WELL);
    assert_eq!(asked(&world)[..2], [PROBE.to_owned(), format!("{PROBE} [Basic]")]);
    // A password that is refused is not sent again; anybody's look follows.
    let world = stocked();
    world.registry(HOST, RegistrySpec::distribution().auth(Auth::Basic).user("octo", "another"));
    assert!(look(&probe_with_login(&world, HOST), IMAGE).await.starts_with("denied: "));
    assert_eq!(asked(&world), [PROBE.to_owned(), format!("{PROBE} [Basic]"), PROBE.to_owned()]);
    // A door that only the resource has: the probe of another image was let in.
    let world = stocked();
    world.push("reg.test/octo/open:1", &spec());
    world.fault(
        Fault::on("*", HOST, "/v2/octo/api/")
            .anonymous()
            .answer(Answer::challenge(&[&bearer("https://reg.test/token")])),
    );
    world.fault(Fault::on("GET", HOST, "/token").answer(Answer::json(200, r#"{"token":"tok3n"}"#)));
    let registry = probe(&world);
    assert_eq!(look(&registry, "reg.test/octo/open:1").await, WELL);
    assert_eq!(asked(&world).len(), 5);
    assert_eq!(look(&registry, IMAGE).await, WELL);
    let asked = asked(&world);
    assert_eq!((asked.len(), &asked[..2]), (7, &[PROBE.to_owned(), TOKEN.to_owned()][..]));
}

#[tokio::test(start_paused = true)]
async fn case_23_a_token_that_ends_is_renewed() {
    let world = stocked();
    let auth = Auth::Token { anonymous_pull: true, expires_in: Some(Duration::from_secs(300)), realm: None };
    world.registry(HOST, RegistrySpec::distribution().auth(auth));
    let registry = probe(&world);
    assert_eq!(look(&registry, IMAGE).await, WELL);
    asked(&world);
    sleep(Duration::from_secs(289)).await;
    assert_eq!(look(&registry, IMAGE).await, WELL);
    assert_eq!(asked(&world), [format!("{PROBE} [Bearer]")]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(look(&registry, IMAGE).await, WELL);
    assert_eq!(asked(&world), [TOKEN.to_owned(), format!("{PROBE} [Bearer]")]);
}

#[tokio::test(start_paused = true)]
async fn case_26_a_stale_password_does_not_hide_a_public_image() {
    // As GHCR: 403 at the token endpoint, without a challenge (renovatebot/renovate#11446, keel-hq/keel#632).
    let world = stocked();
    world.push("ghcr.io/octo/api:1", &spec());
    let registry = probe_with_login(&world, "ghcr.io");
    assert_eq!(look(&registry, "ghcr.io/octo/api:1").await, WELL);
    let asked_at_first = asked(&world);
    let with_password: Vec<&String> = asked_at_first.iter().filter(|line| line.contains("[Basic]")).collect();
    assert!(
        with_password.len() == 1 && with_password[0].starts_with("GET https://ghcr.io/token?"),
        "{asked_at_first:?}"
    );
    // The door, the token that is refused and the one that is not, five questions, two blobs on another host.
    assert_eq!(asked_at_first.len(), 1 + 2 + 5 + 2, "{asked_at_first:?}");
    look(&registry, "ghcr.io/octo/api:1").await;
    let again = ["GET https://ghcr.io/v2/octo/api/manifests/1 [Bearer]"];
    assert_eq!(asked(&world), again, "and the password is not tried again");
    // Of a private image both are refused, and the first refusal is told.
    world.private_image("ghcr.io", "octo/api", true);
    let seen = look(&probe_with_login(&world, "ghcr.io"), "ghcr.io/octo/api:1").await;
    assert_eq!(
        seen,
        "denied: the token endpoint https://ghcr.io/token of ghcr.io answered 403 Forbidden (DENIED: invalid token)"
    );
    let asked = asked(&world);
    assert!(asked.len() == 3 && asked[1].ends_with(" [Basic]") && !asked[2].contains('['), "{asked:?}");
}

/// Keeps the text of every event.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl<S: tracing_subscriber::registry::LookupSpan<'static> + tracing::Subscriber> tracing_subscriber::Layer<S> for Told {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            self.0.lock().unwrap().push(format!("{value:?}"));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn case_28_no_secret_is_repeated_and_no_control_character_shown() {
    let told = Told::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(told.clone()));
    // What another test says at the same moment may be kept as wanted by nobody: said once, and then asked again.
    verdict(&stocked()).await;
    tracing::callsite::rebuild_interest_cache();
    let nasty = format!("no {PASSWORD} hun\u{1b}[0mter2 {BASIC} \u{1b}[31mred\u{1b}[0m\r\n::error::owned\n\u{202e}");
    // What is repeated beside: what the server was sent, or nothing.
    let page = |status, more: &str| {
        let kind = nasty.replace(['\r', '\n', '\u{1b}', '\u{202e}'], " ");
        Answer::Status(status, vec![("Content-Type".into(), format!("{more} {kind}"))], format!("{more} {nasty}"))
    };
    let at_the_cut = |status, most_of_type: usize, most_of_body: usize, secret| {
        let until = |most: usize| format!("{}{secret}", "y".repeat(most - 4));
        Answer::Status(status, vec![("Content-Type".into(), until(most_of_type))], until(most_of_body))
    };
    let misfit = format!("{{\"schemaVersion\":\"{}{PASSWORD}\"}}", "y".repeat(160 - 30));
    let token = || Fault::on("GET", HOST, "/token").answer(Answer::json(200, r#"{"token":"tok3n"}"#));
    let mut said = Vec::new();
    for (path, answer) in [
        ("/token", page(403, "")),
        ("/token", page(500, "")),
        ("/token", page(200, "")),
        (TAG, page(401, "tok3n")),
        (TAG, page(403, "tok3n")),
        (TAG, page(429, "tok3n")),
        (TAG, page(503, "tok3n")),
        (TAG, page(200, "tok3n")),
        (TAG, page(418, "tok3n")),
        // A secret that stands where the quotation is cut.
        (TAG, at_the_cut(200, 80, 80, PASSWORD)),
        (TAG, at_the_cut(200, 80, 80, "tok3n")),
        (TAG, at_the_cut(403, 80, 160, "tok3n")),
        (TAG, Answer::Status(200, vec![("Content-Type".into(), OCI_INDEX.into())], misfit.clone())),
        (TAG, Answer::redirect("http://evil.test/x?sig=sign4ture")),
        (TAG, Answer::redirect("https://u:sign4ture@evil.test/")),
        ("/v2/octo/api/blobs/", Answer::redirect("https://storage.test/x?sig=sign4ture")),
        ("/v2/octo/api/blobs/", Answer::redirect("https://reg.test/refused?sig=sign4ture")),
    ] {
        let world = faulty(Fault::on("*", HOST, path).authorized().answer(answer.clone()));
        // The token endpoint sees a password, and so does not need the condition.
        world.fault(token());
        world.fault(Fault::on("*", HOST, "/refused").answer(page(403, "sign4ture")));
        door(&world, HOST, &bearer("https://reg.test/token"));
        let registry = probe_with_login(&world, HOST);
        said.extend([look(&registry, IMAGE).await, glance(&registry, IMAGE).await]);
        let asked = asked(&world);
        assert!((3..=24).contains(&asked.len()), "{}: {asked:#?}", asked.len());
        let at_token = |line: &&String| line.starts_with("GET https://reg.test/token?");
        let may = |line: &String| !line.contains("[Basic]") || at_token(&line);
        assert!(asked.iter().all(may) && !asked.iter().any(|line| line.contains("evil.test")), "{asked:#?}");
        assert!(!format!("{registry:?}").contains(PASSWORD));
    }
    // A realm and a challenge that hold secrets or lines.
    for challenge in [
        "Bearer realm=\"https://u:sign4ture@reg.test/token?x=sign4ture\"",
        "Bearer realm=\"http://reg.test/token?x=sign4ture\"",
        "Bearer realm=\"https://reg.test/hun\u{9f}ter2 \"",
    ] {
        let world = stocked();
        door(&world, HOST, challenge);
        said.push(look(&probe_with_login(&world, HOST), IMAGE).await);
    }
    let told = told.0.lock().unwrap();
    assert!(told.iter().any(|text| text == "looked"), "{told:?}");
    for text in said.iter().chain(told.iter()) {
        for secret in ["hunt", &BASIC[6..], "tok3", "sign4ture"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        let shown = |c: char| !c.is_control() && c != '\u{202e}';
        assert!(!text.starts_with("::") && text.chars().all(shown), "{text}");
    }
}
