//! The `WWW-Authenticate` headers of a registry. Input: one header value on each line.

use std::net::IpAddr;

use bytes::Bytes;
use domain::evidence::Sight;
use http::{HeaderValue, Request, Response};

use super::offline::{SECRETS, access, answer, core, look, registry, run, why};

/// Whatever a registry asks for, the probe ends, and sends credentials to nobody but it.
pub fn target(data: &[u8]) {
    let values: Vec<_> =
        data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    for login in [true, false] {
        check(&challenged_by(values.clone(), login), login);
    }
    a_quoted_parameter_arrives(&String::from_utf8_lossy(data));
}

fn check((sight, requests): &(Sight, Vec<Request<()>>), login: bool) {
    assert!(requests.len() <= 12, "{requests:#?}");
    for request in requests {
        let (uri, access) = (request.uri(), access(request));
        let host = uri.host().unwrap().to_ascii_lowercase();
        assert!(uri.scheme_str() == Some("https") && !uri.authority().unwrap().as_str().contains('@'), "{uri}");
        assert!(access.is_empty() || host == "ghcr.io" || host.ends_with(".ghcr.io"), "{access} is sent to {uri}");
        assert!(!access.starts_with("Bearer") || (host == "ghcr.io" && uri.path().starts_with("/v2/")), "{uri}");
        let private = match host.trim_matches(['[', ']']).parse() {
            Ok(IpAddr::V4(address)) => address.is_private() || address.is_loopback() || address.is_link_local(),
            Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
            Err(_) => host == "localhost",
        };
        assert!(!private, "{uri}");
    }
    assert!(*sight == Sight::Absent || why(sight).is_some(), "{sight:?}");
    let is_shown = |secret: &&str| why(sight).is_some_and(|why| why.contains(secret));
    assert!(!login || !SECRETS.iter().any(is_shown), "{sight:?}");
}

/// What a registry quotes as RFC 9110, 5.6.4, says, behind another challenge that quotes the same.
fn a_quoted_parameter_arrives(text: &str) {
    let text = text.lines().next().unwrap_or_default();
    if text.is_empty() || text.len() > 2048 || text.contains(char::is_control) {
        return;
    }
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let value = format!("Basic realm={quoted}, Bearer scope={quoted},realm=\"https://ghcr.io/token\",service={quoted}");
    let (sight, requests) = challenged_by(vec![HeaderValue::from_bytes(value.as_bytes()).unwrap()], true);
    assert_eq!(sight, Sight::Absent, "{value}");
    let query = requests[1].uri().query().unwrap();
    for name in ["service=", "scope="] {
        let sent = query.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap();
        assert_eq!(decoded(sent), text.as_bytes(), "{value}: {query}");
    }
}

/// Asks a registry that answers with these challenges until it is shown a token, which anybody gets.
fn challenged_by(values: Vec<HeaderValue>, login: bool) -> (Sight, Vec<Request<()>>) {
    let (core, requests) = core(move |request: &Request<Bytes>| {
        if request.uri().host() != Some("ghcr.io") || !request.uri().path().starts_with("/v2/") {
            return Response::new(br#"{"token":"t0ken"}"#.to_vec());
        }
        if access(request) == "Bearer t0ken" {
            return answer(404);
        }
        let mut refusal = answer(401);
        for value in &values {
            refusal.headers_mut().append("www-authenticate", value.clone());
        }
        refusal
    });
    let registry = registry(core, login);
    let sight = run(look(&registry));
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    (sight, requests)
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
        plain.push(if byte == b'%' { hex(bytes.next().unwrap()) * 16 + hex(bytes.next().unwrap()) } else { byte });
    }
    plain
}
