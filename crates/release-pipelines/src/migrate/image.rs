//! The names that a build gives its image: which one is the service's, and which go beside it.

use super::expression::{self, REVISION, Scope, TAG, VERSION, template};

/// Stands for the tag `latest` of releases that are no pre-releases, as docker/metadata-action sets it by itself.
pub(super) const LATEST: char = '\u{e006}';
/// A name for releases that are no pre-releases, as an expression that asks the tag.
fn latest_input(name: &str) -> String {
    format!("${{{{ !contains(inputs.tag || github.ref_name, '-') && '{name}' || '' }}}}")
}
/// What release-actions pushes to when nothing else is said.
const DEFAULT: &str = "ghcr.io/{repository}/{service}:{version}";

/// Ends of a tag that name a platform and no service.
const ARCHITECTURES: [&str; 7] = ["amd64", "arm64", "armv6", "armv7", "arm", "x86_64", "aarch64"];

/// An image by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// The repository of the main name, as a template, with its host.
    repository: String,
    /// `{version}` or `{tag}`, and what stands around it.
    tag: String,
    extra: Vec<String>,
}

/// Sorts the references that a build pushes to; `Err` says which one release-actions cannot write.
pub(super) fn names(references: &[String]) -> Result<Names, String> {
    let split = |reference: &String| -> Result<(String, String), String> {
        if reference.contains('"') {
            return Err(format!("`{}` stands in quotes", shown(reference)));
        }
        let reference = with_host(reference.trim());
        let slash = reference.rfind('/').unwrap_or(0);
        match reference[slash..].rfind(':') {
            Some(colon) => Ok((reference[..slash + colon].to_owned(), reference[slash + colon + 1..].to_owned())),
            None => Ok((reference, "latest".to_owned())),
        }
    };
    let all = references.iter().map(split).collect::<Result<Vec<_>, _>>()?;
    let named_by = |marks: &[char]| all.iter().position(|(_, tag)| tag.contains(marks));
    let Some(main) = named_by(&[VERSION, TAG]).or_else(|| named_by(&[REVISION])) else {
        let list = references.join(" ");
        return Err(format!("no name of the image holds the version or the commit: `{}`", shown(&list)));
    };
    let (repository, tag) = &all[main];
    if let Some(arch) = tag.rsplit('-').next().filter(|end| ARCHITECTURES.contains(end)) {
        return Err(format!("`-{arch}` makes an image of its own for each platform: one image holds them all"));
    }
    let unknown = |what: String| format!("{what} in the image's name is known only when the workflow runs");
    let template = |text: &str| template(text).map_err(|expression| unknown(format!("`{expression}`")));
    let mut extra = Vec::new();
    for (other, other_tag) in all.iter().enumerate().filter(|(index, _)| *index != main).map(|(_, name)| name) {
        if other_tag.contains(LATEST) {
            let name = if other == repository { "latest".into() } else { format!("{}:latest", template(other)?) };
            extra.push(latest_input(&name));
            continue;
        }
        // The tag may be known at run time only; the repository must be told apart from it.
        let tag = expression::extra(other_tag).map_err(unknown)?;
        let (other, repository) = (template(other)?, template(repository)?);
        extra.push(if other == repository { tag } else { format!("{other}:{tag}") });
    }
    extra.dedup();
    Ok(Names { repository: template(repository)?, tag: template(tag)?, extra })
}

/// A text as people read it.
pub(super) fn shown(text: &str) -> String {
    expression::placeholders(text).replace(LATEST, "latest")
}

/// Docker Hub's names may leave out its host (distribution/reference: a first part without `.`, `:` or `localhost`).
pub(super) fn with_host(reference: &str) -> String {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" || host.contains("${{") => {
            reference.to_owned()
        }
        Some(_) => format!("docker.io/{reference}"),
        None => format!("docker.io/library/{reference}"),
    }
}

impl Names {
    /// What tells this image from others: what follows the version in its tag, else the last part of its repository,
    /// unless only the repository of the workflow decides it.
    pub(super) fn own(&self) -> Option<&str> {
        let suffix = self.tag.rsplit_once('}').and_then(|(_, rest)| rest.strip_prefix('-'));
        suffix.or_else(|| self.repository.rsplit('/').next().filter(|last| !last.contains('{')))
    }

    /// The `image` input for a service; `None` when it is the default.
    pub(super) fn image(&self, service: &str) -> Option<String> {
        let image = format!("{}:{}", self.repository, self.tag);
        (image != DEFAULT.replace("{service}", service)).then_some(image)
    }

    /// The `extra-tags` input.
    pub(super) fn extra(&self) -> Option<String> {
        match self.extra.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            more => Some(format!("{}\n", more.join("\n"))),
        }
    }

    /// The image itself, which two services cannot share.
    pub(super) fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

/// `name=value` between commas.
fn attributes(line: &str) -> Vec<(&str, &str)> {
    parts(line).into_iter().filter_map(|part| part.split_once('=')).collect()
}

/// What stands between commas; an expression may hold some.
pub(super) fn parts(line: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, c) in line.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[start..]);
    parts
}

/// Whether the tags that start the workflow begin as versions do; `None` when some do and some do not.
pub(super) fn is_semver(scope: &Scope) -> Option<bool> {
    let patterns = scope.tags.iter().filter(|pattern| !pattern.starts_with('!'));
    let start = |pattern: &String| {
        let literal = pattern.split(['*', '?', '+', '[']).next().unwrap_or_default();
        let version = literal.strip_prefix('v').unwrap_or(literal);
        Some(version.chars().next().is_none_or(|first| first.is_ascii_digit()))
    };
    expression::agreed(patterns.map(start))
}

/// What docker/metadata-action gives on.
#[derive(Debug)]
pub(super) struct Metadata {
    /// `tags`, line by line.
    pub(super) references: Vec<String>,
    /// `version`, the tag of the line that decides; `None` where that is another for every tag.
    pub(super) version: Option<String>,
}

/// The outputs of docker/metadata-action (its README, "Customizing"; meta.ts, `getVersion`), with the tag `latest` that it
/// adds by itself. `Err` with what release-actions has no word for.
pub(super) fn metadata(
    scope: &Scope,
    images: &[String],
    tags: &[String],
    flavor: &[String],
) -> Result<Metadata, String> {
    let (mut latest, mut prefix, mut suffix) = ("auto", "", "");
    for line in flavor {
        let attributes = attributes(line);
        // A part without a `=` is none of them.
        if parts(line).len() > attributes.len() {
            return Err(format!("`{line}` of `flavor`"));
        }
        match attributes.as_slice() {
            [("latest", value)] => latest = value.trim(),
            [("prefix", value)] | [("prefix", value), ("onlatest", "false")] => prefix = value.trim(),
            [("suffix", value)] | [("suffix", value), ("onlatest", "false")] => suffix = value.trim(),
            _ => return Err(format!("`{line}` of `flavor`")),
        }
    }
    // A condition says the same of every tag, or no more than whether it is a pre-release.
    let of_tags = |condition: &str| {
        let all = expression::on_tags(condition, scope).collect::<Vec<_>>();
        let agreed = expression::agreed(all.iter().map(|(_, holds)| *holds));
        let is_release = all.iter().all(|(tag, holds)| *holds == Some(!tag.contains('-')));
        agreed.map(Ok).or(is_release.then_some(Err(LATEST)))
    };
    let latest = match (latest, of_tags(latest)) {
        ("auto", _) => None,
        (_, Some(holds)) => Some(holds),
        _ => return Err(format!("`latest={latest}` of `flavor`")),
    };
    let default =
        ["type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"].map(str::to_owned);
    // The line of the highest priority, the first of several, decides on `latest` and on the version: what it adds, how high it is, its tag.
    let (mut found, mut automatic) = (Vec::new(), (None, i32::MIN, None));
    for line in if tags.is_empty() { &default[..] } else { tags } {
        let attributes = attributes(line);
        let get = |name: &str| attributes.iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
        let kind = get("type").unwrap_or("raw");
        let known = ["type", "event", "pattern", "value", "enable", "prefix", "suffix", "priority", "format"];
        if let Some((key, _)) = attributes.iter().find(|(key, _)| !known.contains(&key.trim())) {
            return Err(format!("`{key}` of `{line}`"));
        }
        let plain = get("prefix").unwrap_or(prefix).is_empty() && get("suffix").unwrap_or(suffix).is_empty();
        let mut latest_only = false;
        if let Some(enable) = get("enable") {
            // A tag is no branch.
            match of_tags(&enable.replace("{{is_default_branch}}", "false")) {
                Some(Ok(true)) => {}
                Some(Ok(false)) => continue,
                Some(Err(_)) if get("value") == Some("latest") && plain => latest_only = true,
                Some(Err(_)) | None => return Err(format!("`enable` of `{line}`")),
            }
        }
        if kind == "semver" {
            if get("value").is_some_and(|value| !value.is_empty() && value != TAG.to_string()) {
                return Err(format!("`value` of `{line}`"));
            }
            match is_semver(scope) {
                Some(true) => {}
                Some(false) => continue, // it warns, and makes no tag
                None => return Err(format!("`{line}`, which reads some of the tags that start the workflow,")),
            }
        }
        let tag = match (kind, get("event").unwrap_or_default(), get("pattern").unwrap_or_default()) {
            // These never come with the push of a tag.
            ("ref", "branch" | "pr", _) | ("schedule" | "edge", ..) => continue,
            ("ref", "tag", _) | ("semver", _, "{{raw}}") => TAG.to_string(),
            ("semver", _, "{{version}}") => VERSION.to_string(),
            ("sha", ..) if get("format") == Some("long") => REVISION.to_string(),
            ("raw", ..) => {
                let bare = || parts(line).into_iter().find(|part| !part.contains('='));
                get("value").or_else(bare).unwrap_or_default().to_owned()
            }
            _ => return Err(format!("`{line}`")),
        };
        let (latest, priority) = match kind {
            "semver" => (Some(LATEST.to_string()), 900), // of what is no pre-release
            "ref" => (Some("latest".to_owned()), 600),
            "raw" => (None, 200),
            _ => (None, 100),
        };
        let priority =
            get("priority").map_or(Ok(priority), str::parse).map_err(|_| format!("`priority` of `{line}`"))?;
        if latest_only {
            // It is there for some tags and not for others: one above it must decide.
            if automatic.1 < priority {
                automatic = (None, priority, None);
            }
            found.push(LATEST.to_string());
            continue;
        }
        let sha = if kind == "sha" { "sha-" } else { prefix };
        let tag = format!("{}{tag}{}", get("prefix").unwrap_or(sha), get("suffix").unwrap_or(suffix));
        let tag = tag.replace("{{tag}}", &TAG.to_string());
        // The other words of its own, such as `{{branch}}`.
        if tag.replace("${{", "").contains("{{") {
            return Err(format!("`{line}`"));
        }
        if automatic.1 < priority {
            automatic = (latest, priority, Some(tag.clone()));
        }
        found.push(tag);
    }
    match latest {
        Some(Ok(true)) => found.push("latest".into()),
        Some(Ok(false)) => {}
        Some(Err(release)) => found.push(release.to_string()),
        None => found.extend(automatic.0),
    }
    let references = images.iter().flat_map(|image| found.iter().map(move |tag| format!("{image}:{tag}"))).collect();
    Ok(Metadata { references, version: automatic.2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(references: &[&str]) -> Result<(Option<String>, Option<String>), String> {
        let fill = |text: &&str| {
            let text = text.replace("{tag}", &TAG.to_string()).replace("{version}", &VERSION.to_string());
            text.replace("{revision}", &REVISION.to_string())
        };
        let references = references.iter().map(fill).collect::<Vec<_>>();
        names(&references).map(|names| (names.image("api"), names.extra()))
    }

    #[test]
    fn the_name_with_the_version_is_the_main_one() {
        let some = |text: &str| Some(text.to_owned());
        for (references, expected) in [
            (
                vec!["ghcr.io/acme/api:latest", "ghcr.io/acme/api:{version}"],
                (some("ghcr.io/acme/api:{version}"), some("latest")),
            ),
            (vec!["ghcr.io/a/api:edge", "ghcr.io/a/api:{revision}"], (some("ghcr.io/a/api:{revision}"), some("edge"))),
            (vec!["acme/api:{tag}"], (some("docker.io/acme/api:{tag}"), None)),
            (vec!["localhost:5000/a/api:{tag}-x"], (some("localhost:5000/a/api:{tag}-x"), None)),
            (
                vec!["ghcr.io/a/api:{tag}", "docker.io/a/api:{tag}", "ghcr.io/a/api:sha-{revision}"],
                (some("ghcr.io/a/api:{tag}"), some("docker.io/a/api:{tag}\nsha-{revision}\n")),
            ),
        ] {
            assert_eq!(read(&references).unwrap(), expected, "{references:?}");
        }
        assert!(
            read(&["acme/api:latest"]).unwrap_err().contains("no name of the image holds the version or the commit")
        );
        assert!(read(&["${{ secrets.U }}/api:{tag}"]).unwrap_err().contains("secrets.U"));
    }

    #[test]
    fn metadata_is_what_its_readme_says() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let of = |patterns: &[&str], tags: &str, flavor: &str| {
            let scope = Scope { tags: patterns.iter().map(|&tag| tag.to_owned()).collect(), ..Scope::default() };
            let references = metadata(&scope, &["i".into()], &lines(tags), &lines(flavor))?;
            Ok::<_, String>(
                references.references.iter().map(|text| shown(&text.replace(LATEST, "latest?"))).collect::<Vec<_>>(),
            )
        };
        let read = |tags: &str, flavor: &str| of(&crate::pipeline::VERSIONS, tags, flavor);
        let semver = "type=semver,pattern={{version}}";
        assert_eq!(read(semver, "").unwrap(), ["i:{version}", "i:latest?"]);
        assert_eq!(
            read(&format!("type=ref,event=tag\n{semver}"), "").unwrap(),
            ["i:{tag}", "i:{version}", "i:latest?"]
        );
        // Only the tag of a version has one, and `latest` is that of any other.
        assert_eq!(of(&["release-*"], &format!("type=ref,event=tag\n{semver}"), "").unwrap(), ["i:{tag}", "i:latest"]);
        assert!(of(&["*"], "type=ref,event=tag", "").is_ok() && of(&["v*", "x-*"], semver, "").is_err());
        assert_eq!(read("type=semver,pattern={{version}}", "latest=false").unwrap(), ["i:{version}"]);
        assert_eq!(read("", "").unwrap(), ["i:{tag}", "i:latest"]);
        for (condition, added) in
            [("github.ref == 'refs/heads/main'", ""), ("!contains(github.ref, '-')", "i:latest?"), ("true", "i:latest")]
        {
            let found = read(semver, &format!("latest=${{{{ {condition} }}}}")).unwrap();
            assert_eq!(found.get(1).map_or("", String::as_str), added, "{condition}");
        }
        assert!(read(semver, "latest=${{ vars.X }}").is_err() && read(semver, "latest=yes").is_err());
        assert_eq!(read("type=raw,value=x,priority=999\ntype=ref,event=tag", "").unwrap(), ["i:x", "i:{tag}"]);
        let latest =
            "type=raw,value=latest,enable=${{ startsWith(github.ref, 'refs/tags/') && !contains(github.ref, '-') }}";
        assert_eq!(read(&format!("{latest}\ntype=ref,event=tag"), "latest=false").unwrap(), ["i:latest?", "i:{tag}"]);
        assert_eq!(read("type=raw,value=x,enable=${{ github.ref == 'refs/heads/main' }}", "").unwrap(), [""; 0]);
        assert_eq!(read("type=raw,value=x,enable={{is_default_branch}}", "").unwrap(), [""; 0]);
        assert_eq!(read("type=raw,value={{tag}}-x", "").unwrap(), ["i:{tag}-x"]);
        assert_eq!(read("nightly,priority=300", "").unwrap(), ["i:nightly"]);
        for pattern in ["v1.*", "v*.*.*", "[0-9]+.*"] {
            assert_eq!(of(&[pattern], semver, "").unwrap(), ["i:{version}", "i:latest?"], "{pattern}");
        }
        assert_eq!(read("type=raw,value=x\ntype=ref,event=branch", "suffix=-y").unwrap(), ["i:x-y"]);
        for tags in [
            "type=semver,pattern={{major}}.{{minor}}",
            "type=sha",
            "type=raw,value=x,enable=${{ a }}",
            "type=raw,value={{sha}}",
            "type=semver,pattern={{version}},value=v1.2.3",
            "type=raw,value=latest,suffix=-x,enable=${{ !contains(github.ref, '-') }}",
            "type=ref,event=tag,prefix={{branch}}-",
            "type=match,pattern=x",
        ] {
            assert!(read(tags, "").is_err(), "{tags}");
        }
        for flavor in ["onlatest=true", "suffix=-x,onlatest=true", "prefix=x-,latest=true", "suffix"] {
            assert!(read("", flavor).is_err(), "{flavor}");
        }
        assert_eq!(read("", "suffix=-x,onlatest=false").unwrap(), ["i:{tag}-x", "i:latest"]);
    }
}
