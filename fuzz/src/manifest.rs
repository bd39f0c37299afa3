//! What a registry serves as index, manifest and configuration. Input: documents with a line `---` between them, each
//! with its content type on its first line; the last is what the tag resolves to. `$0` and `#0` in a document stand for
//! the digest and the size of the first one, so that a later one can name it.

use std::collections::HashSet;

use bytes::Bytes;
use domain::evidence::{ChildState, ClaimPlace, ImageFacts, Sight};
use domain::image::Digest;
use http::{HeaderValue, Request, Response};
use registry::Glance;
use serde_json::Value;

use super::offline::{answer, core, look, registry, run, why};

#[derive(Clone)]
struct Document {
    content_type: Vec<u8>,
    body: Vec<u8>,
    digest: Digest,
}

/// What is proven was served, under its own digest; what was seen before is seen again.
pub fn target(data: &[u8]) {
    let documents = documents(data);
    let served = documents.clone();
    let (core, requests) = core(move |request: &Request<Bytes>| {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        let found = match name {
            "1" => served.last(),
            digest => served.iter().find(|document| document.digest.as_str() == digest),
        };
        let Some(document) = found else { return answer(404) };
        let mut response = Response::new(if request.method() == "HEAD" { Vec::new() } else { document.body.clone() });
        response.headers_mut().insert("docker-content-digest", document.digest.as_str().parse().unwrap());
        if let Ok(content_type) = HeaderValue::from_bytes(&document.content_type) {
            response.headers_mut().insert("content-type", content_type);
        }
        response
    });
    let registry = registry(core, false);
    let sight = run(async {
        let sight = look(&registry).await;
        assert_eq!(look(&registry).await, sight, "the second look");
        let glance = registry.digest(&"ghcr.io/octo/api:1".parse().unwrap()).await;
        match (&glance, &sight) {
            (Glance::Digest(digest), _) => assert_eq!(*digest, documents.last().unwrap().digest),
            // What is served as something else is not taken for a manifest, whatever digest is named.
            (Glance::Unreachable { .. }, Sight::NotAnImage { .. }) => {}
            _ => panic!("{glance:?} of {sight:?}"),
        }
        sight
    });
    assert!(requests.lock().unwrap().len() <= 2000, "{} requests", requests.lock().unwrap().len());
    match &sight {
        Sight::Image(facts) => check(facts, &documents),
        Sight::NotAnImage { .. } => assert!(why(&sight).is_some()),
        Sight::Absent | Sight::Denied { .. } | Sight::Unreachable { .. } => panic!("{sight:?}"),
    }
}

fn check(facts: &ImageFacts, documents: &[Document]) {
    let top = documents.last().unwrap();
    assert_eq!(facts.digest, top.digest);
    // Values that nobody reads may be broken.
    if let Ok(manifest) = serde_json::from_slice::<Value>(&top.body) {
        assert_eq!(manifest["schemaVersion"], 2);
        assert_ne!(manifest["manifests"].is_null(), manifest["config"].is_null(), "{manifest}");
    }
    assert!(!facts.children.is_empty() && facts.children.len() <= 256);
    let platforms: HashSet<_> = facts.children.iter().map(|child| &child.platform).collect();
    assert_eq!(platforms.len(), facts.children.len(), "a platform stands twice");
    for child in &facts.children {
        assert_eq!(child.platform.to_string().parse().as_ref(), Ok(&child.platform));
        match &child.state {
            ChildState::Present => {
                assert!(documents.iter().any(|document| document.digest == child.digest), "nobody served {child:?}");
                assert!(!child.platform.is_unknown(), "{child:?}");
            }
            ChildState::Broken(why) => super::assert_printable(why),
            ChildState::NotLookedAt => panic!("every platform is looked at"),
        }
    }
    for claim in &facts.claims {
        for text in [Some(&claim.revision), claim.source.as_ref()].into_iter().flatten() {
            assert!(!text.trim().is_empty() && text.chars().count() <= 512, "{claim:?}");
        }
        match &claim.place {
            ClaimPlace::Index => {}
            ClaimPlace::Descriptor(platform) | ClaimPlace::Manifest(platform) | ClaimPlace::ConfigLabel(platform) => {
                assert!(platforms.contains(platform), "{claim:?}");
            }
        }
    }
}

fn documents(data: &[u8]) -> Vec<Document> {
    let mut documents: Vec<Document> = Vec::new();
    let mut rest = Some(data);
    while let Some(text) = rest.take() {
        let separator = b"\n---\n";
        let end = text.windows(separator.len()).position(|window| window == separator);
        rest = end.map(|end| &text[end + separator.len()..]).filter(|_| documents.len() < 9);
        let text = &text[..end.unwrap_or(text.len())];
        let line = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
        let body = filled(text.get(line + 1..).unwrap_or_default(), &documents);
        documents.push(Document { content_type: text[..line].to_vec(), digest: Digest::sha256(&body), body });
    }
    documents
}

fn filled(text: &[u8], documents: &[Document]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        let named = bytes.peek().and_then(|digit| documents.get(usize::from(digit.wrapping_sub(b'0'))));
        let (b'$' | b'#', Some(named)) = (byte, named) else {
            body.push(*byte);
            continue;
        };
        bytes.next();
        let value = if *byte == b'$' { named.digest.to_string() } else { named.body.len().to_string() };
        body.extend(value.bytes());
    }
    body
}
