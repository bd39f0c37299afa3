//! Whether the cache that a tag reads is ever written: by a workflow of this repository that a branch starts. Only a
//! warning hangs on it, so the files are read as they are checked out, and what cannot be read counts as a writer.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

/// A workflow file of GitHub has at most this many bytes.
const MAX_BYTES: u64 = 512 * 1024;

/// False when no workflow in `workspace` could write `scope`: none that a branch starts names it, or builds `service` by
/// our builders under its default scope.
pub(crate) fn is_written(workspace: &Path, scope: &str, service: &str) -> bool {
    let Ok(folder) = fs::read_dir(workspace.join(".github/workflows")) else { return true };
    folder.filter_map(Result::ok).any(|file| {
        let mut text = String::new();
        let read = fs::File::open(file.path()).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        read.is_err() || writes(&text, scope, service)
    })
}

fn writes(text: &str, scope: &str, service: &str) -> bool {
    let Ok(workflow) = serde_saphyr::from_str::<Value>(text) else { return true };
    if !starts_on_a_branch(&workflow["on"]) {
        return false;
    }
    // `cache-scope: X` of our builders, `cache-to: type=gha,scope=X` of others.
    let names = |word: &str, value: &str| {
        text.match_indices(word).any(|(at, _)| {
            let rest = text[at + word.len()..].trim_start_matches([':', '=', ' ', '"', '\'']);
            rest.strip_prefix(value)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "._-".contains(c)))
        })
    };
    names("scope", scope)
        || (scope == format!("release-{service}") && names("service-name", service) && !text.contains("cache-scope"))
}

/// Whether a push to a branch or a schedule starts the workflow. A dispatch releases a tag, and writes no cache; a cache of a pull request is read by
/// that alone (GitHub, "Dependency caching reference", "Restrictions for accessing a cache").
fn starts_on_a_branch(on: &Value) -> bool {
    let of_branches = |name: &str, settings: &Value| match name {
        "push" => settings.get("tags").is_none() || settings.get("branches").is_some(),
        "schedule" => true,
        _ => false,
    };
    match on {
        Value::String(name) => of_branches(name, &Value::Null),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(|name| of_branches(name, &Value::Null)),
        Value::Object(events) => events.iter().any(|(name, settings)| of_branches(name, settings)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCH: &str = "on: {push: {branches: [main]}}\n";
    const TAG: &str = "on: {push: {tags: ['v*']}}\n";

    #[test]
    fn a_workflow_of_a_branch_that_names_the_scope_writes_it() {
        for body in [
            "with: {cache-scope: release-api}",
            "cache-to: type=gha,scope=release-api,mode=max",
            "with: {service-name: api}",
        ] {
            assert!(writes(&format!("{BRANCH}x: '{}'", body.replace('\'', "")), "release-api", "api"), "{body}");
            assert!(!writes(&format!("{TAG}x: '{body}'"), "release-api", "api"), "{body}");
        }
        assert!(writes("on: [push]\nx: scope=release-api", "release-api", "api"));
    }

    #[test]
    fn another_scope_is_none() {
        for body in
            ["with: {cache-scope: release-api-2}", "cache-to: type=gha,scope=web", "with: {service-name: api-2}", ""]
        {
            assert!(!writes(&format!("{BRANCH}x: '{body}'"), "release-api", "api"), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_counts_as_a_writer() {
        assert!(writes(": [", "release-api", "api"));
        let folder = tempfile::tempdir().unwrap();
        assert!(is_written(folder.path(), "release-api", "api"));
        fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
        assert!(!is_written(folder.path(), "release-api", "api"));
    }
}
