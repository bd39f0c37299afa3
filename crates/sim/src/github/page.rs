//! Forms shared by the endpoints: URLs in answers, errors, request bodies, pages of lists.

use serde_json::{Map, Value, json};

use crate::git::RepositorySpec;
use crate::message::{Call, Reply};

/// Where this GitHub says it is. github.com has separate hosts; a self-hosted one has prefixes on one host (Enterprise
/// Server docs "Getting started with the REST API": `https://HOST/api/v3`, uploads at `https://HOST/api/uploads`).
pub(super) struct Urls {
    pub(super) api: String,
    pub(super) html: String,
    pub(super) uploads: String,
    /// `owner/name`.
    pub(super) full_name: String,
    /// `{api}/repos/{owner}/{name}`.
    pub(super) repo: String,
    /// `{html}/{owner}/{name}`.
    pub(super) page: String,
}

impl Urls {
    pub(super) fn of(call: &Call, spec: &RepositorySpec) -> Urls {
        let origin = call.origin();
        let (api, html, uploads) = if super::HOSTS.contains(&call.host.as_str()) {
            (
                "https://api.github.com".to_owned(),
                "https://github.com".to_owned(),
                "https://uploads.github.com".to_owned(),
            )
        } else if call.path.starts_with("/api/") {
            (format!("{origin}/api/v3"), origin.clone(), format!("{origin}/api/uploads"))
        } else {
            (origin.clone(), origin.clone(), origin)
        };
        let full_name = format!("{}/{}", spec.owner, spec.name);
        let repo = format!("{api}/repos/{full_name}");
        let page = format!("{html}/{full_name}");
        Urls { api, html, uploads, full_name, repo, page }
    }
}

/// An error body: `message`, `documentation_url`, and since 2024 the `status` as text.
pub(super) fn refusal(status: u16, message: &str) -> Reply {
    let body = json!({
        "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string(),
    });
    Reply::json(status, &body)
}

pub(super) fn not_found() -> Reply {
    refusal(404, "Not Found")
}

/// "Troubleshooting the REST API", validation failed: 422 with `errors`.
pub(super) fn invalid(resource: &str, field: &str, code: &str) -> Reply {
    validation(&json!({ "resource": resource, "field": field, "code": code }))
}

/// As [`invalid`], with a text of its own; an empty field is left out.
pub(super) fn custom(resource: &str, field: &str, message: &str) -> Reply {
    let mut error = json!({ "resource": resource, "code": "custom", "message": message });
    if !field.is_empty() {
        error["field"] = field.into();
    }
    validation(&error)
}

fn validation(error: &Value) -> Reply {
    let body = json!({
        "message": "Validation Failed", "errors": [error],
        "documentation_url": "https://docs.github.com/rest", "status": "422",
    });
    Reply::json(422, &body)
}

/// The other 422: the body does not fit the endpoint's schema.
pub(super) fn malformed(detail: &str) -> Reply {
    refusal(422, &format!("Invalid request.\n\n{detail}"))
}

/// The fields of a JSON request body.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// "Troubleshooting the REST API": 400 "Problems parsing JSON", "Body should be a JSON object".
    pub(super) fn of(call: &Call) -> Result<Fields, Reply> {
        if call.body.is_empty() {
            return Ok(Fields(Map::new()));
        }
        match serde_json::from_slice(&call.body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(_) => Err(refusal(400, "Body should be a JSON object")),
            Err(_) => Err(refusal(400, "Problems parsing JSON")),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(mistyped(name, other, "a string")),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Reply> {
        self.text(name)?.ok_or_else(|| malformed(&format!("\"{name}\" wasn't supplied.")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(mistyped(name, other, "a boolean")),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object.clone())),
            Some(other) => Err(mistyped(name, other, "an object")),
        }
    }
}

/// The wording as semantic-release/github#884 met it.
fn mistyped(name: &str, value: &Value, wanted: &str) -> Reply {
    malformed(&format!("For 'properties/{name}', {value} is not {wanted}."))
}

/// One page of a list: "Using pagination in the REST API". `wrap` makes the body of the page's items.
pub(super) fn paged(
    call: &Call,
    urls: &Urls,
    repository: u64,
    items: Vec<Value>,
    wrap: impl FnOnce(Vec<Value>) -> Value,
) -> Reply {
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok()).filter(|&number| number > 0);
    let per_page = number("per_page").unwrap_or(30).min(100);
    let page = number("page").unwrap_or(1);
    let last = items.len().div_ceil(per_page).max(1);
    let shown: Vec<Value> = items.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let mut reply = Reply::json(200, &wrap(shown));
    // github.com writes its links by the repository's id.
    let segments: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    let after = match segments.iter().position(|&part| part == "repos" || part == "repositories") {
        Some(at) if segments[at] == "repos" => segments[at + 3..].join("/"),
        Some(at) => segments[at + 2..].join("/"),
        None => String::new(),
    };
    let others: Vec<&str> =
        call.raw_query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page=")).collect();
    let link = |page: usize, rel: &str| {
        let mut query = others.clone();
        let page = format!("page={page}");
        query.push(&page);
        format!("<{}/repositories/{repository}/{after}?{}>; rel=\"{rel}\"", urls.api, query.join("&"))
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page.min(last + 1) - 1, "prev"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if page > 1 {
        links.push(link(1, "first"));
    }
    if !links.is_empty() {
        reply.set("Link", links.join(", "));
    }
    reply
}
