//! What a file of the release tree says. Pure: text in, text out.
//!
//! Two things are replaced in an action or workflow, line by line, so that all else stays as it is: the Dockerfile of a Docker
//! action by its image, and a `uses:` of this repository's own by a commit. The result is read as YAML and held against the
//! source: a difference anywhere else is an error.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use domain::image::ImageReference;
use domain::repository::{CommitSha, Repository};
use serde_json::Value;

/// `image:` of a Docker action in the source tree.
const DOCKERFILE: &str = "../../Dockerfile";

/// The action or workflow `source`, with `image` for its Dockerfile, and for each key of `commits`, such as
/// `./actions/build-and-signal`, the reference of that action at a commit.
///
/// # Errors
///
/// The source is no YAML, has no Dockerfile to replace where an image is given or the reverse, names an action of this
/// repository that no commit is known of, or more than that would change.
pub(crate) fn manifest(
    source: &str,
    image: Option<&ImageReference>,
    commits: &BTreeMap<String, String>,
) -> anyhow::Result<String> {
    let mut rendered = String::with_capacity(source.len());
    for line in source.split_inclusive('\n') {
        match replacement(line, image, commits)? {
            Some(value) => {
                // A comment told of the value that was there.
                let (key, _) = line.split_once(':').unwrap_or_default();
                rendered.push_str(key);
                rendered.push_str(": ");
                rendered.push_str(&value);
                rendered.push('\n');
            }
            None => rendered.push_str(line),
        }
    }
    let before: Value = serde_saphyr::from_str(source).context("the source is no YAML")?;
    let after: Value = serde_saphyr::from_str(&rendered).context("what was rendered is no YAML")?;
    let image = image.map(|image| format!("docker://{image}"));
    check(&before, &after, "", image.as_deref(), commits)?;
    ensure!(
        image.is_none() || after.pointer("/runs/image").and_then(Value::as_str) == image.as_deref(),
        "`runs.image` is not the Dockerfile {DOCKERFILE}"
    );
    Ok(rendered)
}

/// What stands for the value of this line.
fn replacement(
    line: &str,
    image: Option<&ImageReference>,
    commits: &BTreeMap<String, String>,
) -> anyhow::Result<Option<String>> {
    let Some((key, value)) = line.trim_start().split_once(": ") else { return Ok(None) };
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    match key.trim_start_matches("- ") {
        "image" if value == DOCKERFILE => Ok(image.map(|image| format!("docker://{image}"))),
        "uses" if is_own(value) => match commits.get(value) {
            Some(pinned) => Ok(Some(pinned.clone())),
            None => bail!("`uses: {value}` is not of an earlier commit of the chain"),
        },
        _ => Ok(None),
    }
}

/// True of a reference to this repository: relative to the caller's workspace, or to the file's own repository.
fn is_own(reference: &str) -> bool {
    reference.starts_with("./") || reference.starts_with("$/")
}

/// Nothing differs but what was to be replaced, and all of that.
fn check(
    before: &Value,
    after: &Value,
    at: &str,
    image: Option<&str>,
    commits: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let same_keys = |a: &serde_json::Map<String, Value>, b: &serde_json::Map<String, Value>| a.keys().eq(b.keys());
    match (before, after) {
        (Value::Object(old), Value::Object(new)) if same_keys(old, new) => old
            .iter()
            .zip(new.values())
            .try_for_each(|((key, old), new)| check(old, new, &format!("{at}/{key}"), image, commits)),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => (0..)
            .zip(old.iter().zip(new))
            .try_for_each(|(number, (old, new))| check(old, new, &format!("{at}/{number}"), image, commits)),
        (Value::String(old), Value::String(new)) => {
            let expected = match at.rsplit('/').next() {
                Some("image") if at == "/runs/image" && old == DOCKERFILE => {
                    image.with_context(|| format!("{at}: no image is given for the Dockerfile"))?
                }
                Some("uses") if is_own(old) => commits
                    .get(old)
                    .with_context(|| format!("{at}: `{old}` is not of an earlier commit of the chain"))?,
                _ => old,
            };
            ensure!(new == expected, "{at} would become `{new}`");
            Ok(())
        }
        _ => {
            ensure!(before == after, "{at} would change");
            Ok(())
        }
    }
}

/// The README with its relative links leading to the source, as the tree holds no other page.
pub(crate) fn readme(source: &str, repository: &Repository, commit: &CommitSha) -> String {
    let mut rendered = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, link)) = rest.split_once("](") {
        rendered.push_str(before);
        rendered.push_str("](");
        let target = link.split(')').next().unwrap_or_default();
        if !target.contains("://") && !target.starts_with('#') {
            // A page shows a picture from `raw`, and a file by `blob`.
            let is_picture = before.rsplit_once("![").is_some_and(|(_, text)| !text.contains(']'));
            let view = if is_picture { "raw" } else { "blob" };
            rendered.extend(["https://github.com/", &repository.to_string(), "/", view, "/", commit.as_str(), "/"]);
        }
        rest = link;
    }
    rendered.push_str(rest);
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str =
        "name: api # the name\nruns:\n  using: docker\n  image: ../../Dockerfile # a file\n  args: [a]\n";
    const WRAPPER: &str = "runs:\n  using: composite\n  steps:\n    - uses: actions/checkout@1234 # v7\n    - name: build\n      uses: \"./actions/api\" # ours\n    - uses: ./actions/api\n";

    fn image() -> ImageReference {
        format!("r.io/o/r/api@sha256:{:064}", 0).parse().unwrap()
    }

    fn commits() -> BTreeMap<String, String> {
        BTreeMap::from([("./actions/api".to_owned(), "o/r/api@1111".to_owned())])
    }

    #[test]
    fn the_dockerfile_becomes_the_image_and_nothing_else_changes() {
        let expected = ACTION.replace("../../Dockerfile # a file", &format!("docker://{}", image()));
        assert_eq!(manifest(ACTION, Some(&image()), &BTreeMap::new()).unwrap(), expected);
    }

    #[test]
    fn own_uses_become_commits_however_they_are_quoted() {
        let expected =
            WRAPPER.replace("\"./actions/api\" # ours", "o/r/api@1111").replace("./actions/api", "o/r/api@1111");
        assert_eq!(manifest(WRAPPER, None, &commits()).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_rendered_whole_is_an_error() {
        let cases = [
            (ACTION.to_owned(), None, "no image is given"),
            (ACTION.replace("../../Dockerfile", "Dockerfile"), Some(image()), "is not the Dockerfile"),
            (
                ACTION.replace("image: ../../Dockerfile # a file", "image: >-\n    ../../Dockerfile"),
                Some(image()),
                "would become",
            ),
            (
                WRAPPER.replace("./actions/api", "./actions/web"),
                None,
                "`uses: ./actions/web` is not of an earlier commit",
            ),
            (WRAPPER.replace("./actions/api", "$/actions/api"), None, "is not of an earlier commit"),
            (
                WRAPPER.replace("uses: \"./actions/api\" # ours", "uses:   |-\n        ./actions/api"),
                None,
                "would become",
            ),
            (
                "runs:\n  steps:\n    - run: |\n        uses: ./actions/api\n".to_owned(),
                None,
                "/runs/steps/0/run would become",
            ),
            ("a: [".to_owned(), None, "no YAML"),
        ];
        for (source, image, expected) in cases {
            let error = format!("{:#}", manifest(&source, image.as_ref(), &commits()).unwrap_err());
            assert!(error.contains(expected), "{source}\n{error}");
        }
    }

    #[test]
    fn relative_links_of_the_readme_lead_to_the_source() {
        let commit = "1".repeat(40).parse().unwrap();
        let page = "[a](docs/a.md) ![p](docs/p.png) [b](#b) [c](https://c.org/) text";
        let base = format!("https://github.com/o/r/blob/{commit}");
        let raw = base.replace("blob", "raw");
        let expected = format!("[a]({base}/docs/a.md) ![p]({raw}/docs/p.png) [b](#b) [c](https://c.org/) text");
        assert_eq!(readme(page, &"o/r".parse().unwrap(), &commit), expected);
    }
}
