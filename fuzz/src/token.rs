//! The answer of a token endpoint. Input: its body.

use std::time::Duration;

use bytes::Bytes;
use domain::evidence::Sight;
use http::{Request, Response};
use serde_json::Value;

use super::offline::{access, answer, core, look, registry, run, why};

/// A token is what the answer names, and goes into a header as it is; no part of an answer is repeated to anybody.
pub fn target(data: &[u8]) {
    let body = data.to_vec();
    let (core, requests) = core(move |request: &Request<Bytes>| {
        if request.uri().path() == "/token" {
            return Response::new(body.clone());
        }
        if access(request).starts_with("Bearer ") {
            return answer(404);
        }
        let mut refusal = answer(401);
        refusal.headers_mut().insert("www-authenticate", "Bearer realm=\"https://ghcr.io/token\"".parse().unwrap());
        refusal
    });
    let registry = registry(core, false);
    let asked = || requests.lock().unwrap().iter().filter(|request| request.uri().path() == "/token").count();
    run(async {
        let sight = look(&registry).await;
        let token =
            requests.lock().unwrap().last().and_then(|last| Some(access(last).strip_prefix("Bearer ")?.to_owned()));
        let Some(token) = token else {
            let why = why(&sight).unwrap_or_else(|| panic!("{sight:?}"));
            let known = ["no token in it", "an empty token", "a token that no header can hold"];
            let said = why.strip_prefix("the token endpoint https://ghcr.io/token of ghcr.io answered 200 with ");
            assert!(said.is_some_and(|said| known.contains(&said)), "{why}");
            return;
        };
        assert_eq!(sight, Sight::Absent);
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
        // Values that nobody reads may be broken.
        if let Ok(answer) = serde_json::from_slice::<Value>(data) {
            let mut named = ["token", "access_token"].iter().filter_map(|key| answer[key].as_str()).map(str::trim);
            assert_eq!(named.find(|named| !named.is_empty()), Some(token.as_str()));
        }
        // However long it claims to live, it is kept for a second at least and an hour at most.
        look(&registry).await;
        assert_eq!(asked(), 1);
        tokio::time::advance(Duration::from_secs(3600)).await;
        look(&registry).await;
        assert_eq!(asked(), 2);
    });
}
