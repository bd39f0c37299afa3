//! What an image is made of, as path filters: the Dockerfile's folder and what it copies. A proposal that a person reads
//! in the diff; where a Dockerfile does not say, everything it can see.

use parse_dockerfile::{Flag, Instruction, Source};

use crate::repository::{Repository, normal};

/// The filters of one image.
pub(crate) fn paths(repository: &Repository, dockerfile: &str, context: &str) -> Vec<String> {
    let context = normal(context).unwrap_or_default();
    let all = if context.is_empty() { "**".to_owned() } else { format!("{context}/**") };
    let mut paths = vec![match dockerfile.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/**"),
        None => dockerfile.to_owned(),
    }];
    let text = repository.read(dockerfile).ok().flatten().unwrap_or_default();
    match parse_dockerfile::parse(&text) {
        Ok(parsed) => {
            for source in parsed.instructions.iter().flat_map(sources) {
                match filter(dockerfile, &context, &source) {
                    None => paths.push(all.clone()),
                    Some(path) if repository.has_file(&path) => paths.push(path),
                    Some(path) if repository.has_folder(&path) => paths.push(format!("{path}/**")),
                    // What is not checked out matches no change.
                    Some(_) => {}
                }
            }
        }
        Err(_) => paths.push(all),
    }
    let ignore = if context.is_empty() { ".dockerignore".to_owned() } else { format!("{context}/.dockerignore") };
    if repository.has_file(&ignore) {
        paths.push(ignore);
    }
    // They stand in a script of the written file too, as words of xargs.
    let plain = |path: &String| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/*+@".contains(&byte));
    if !paths.iter().all(plain) {
        return vec!["**".into()];
    }
    let mut kept = Vec::<String>::new();
    for path in &paths {
        let covers =
            |other: &String| other != path && other.strip_suffix("**").is_some_and(|start| path.starts_with(start));
        if !paths.iter().any(covers) && !kept.contains(path) {
            kept.push(path.clone());
        }
    }
    kept
}

/// The images that a Dockerfile builds on or copies from, as far as it names them.
pub(crate) fn bases(repository: &Repository, dockerfile: &str) -> Vec<String> {
    let text = repository.read(dockerfile).ok().flatten().unwrap_or_default();
    let parsed = parse_dockerfile::parse(&text);
    let instructions = parsed.iter().flat_map(|parsed| &parsed.instructions);
    let named = instructions.filter_map(|instruction| {
        if let Instruction::From(from) = instruction {
            return Some(from.image.value.to_string());
        }
        let Instruction::Copy(copy) = instruction else { return None };
        let from = copy.options.iter().find(|flag| flag.name.value == "from")?;
        Some(from.value.as_ref()?.value.to_string())
    });
    named.collect()
}

/// Whether an image that it builds on may be on ghcr.io, where a private one asks for `packages: read`.
pub(crate) fn reads_ghcr(repository: &Repository, dockerfile: &str, bases: &[String]) -> bool {
    // The host may be that of an argument.
    let named = || repository.read(dockerfile).ok().flatten().is_some_and(|text| text.contains("ghcr.io"));
    bases.iter().any(|base| base.starts_with("ghcr.io/")) || bases.iter().any(|base| base.starts_with('$')) && named()
}

/// What an instruction takes from the context.
fn sources(instruction: &Instruction<'_>) -> Vec<String> {
    let value = |flag: &Flag<'_>, name: &str| {
        (flag.name.value == name).then(|| flag.value.as_ref().map(|value| value.value.to_string()).unwrap_or_default())
    };
    if let Instruction::Run(run) = instruction {
        return run.options.iter().filter_map(|flag| value(flag, "mount")).filter_map(|mount| bound(&mount)).collect();
    }
    let (options, sources) = if let Instruction::Copy(copy) = instruction {
        (&copy.options, &copy.src)
    } else if let Instruction::Add(add) = instruction {
        (&add.options, &add.src)
    } else {
        return Vec::new();
    };
    if options.iter().any(|flag| value(flag, "from").is_some()) {
        return Vec::new();
    }
    let path = |source: &Source<'_>| {
        let Source::Path(path) = source else { return None };
        let here = !path.value.contains("://") && !path.value.starts_with("git@");
        here.then(|| path.value.to_string())
    };
    sources.iter().filter_map(path).collect()
}

/// What `RUN --mount=type=bind` shows of the context.
fn bound(mount: &str) -> Option<String> {
    let field = |names: [&str; 2]| {
        mount
            .split(',')
            .find_map(|field| field.split_once('=').filter(|(key, _)| names.contains(key)).map(|(_, value)| value))
    };
    let is_bind = field(["type", "type"]).is_none_or(|kind| kind == "bind");
    (is_bind && field(["from", "from"]).is_none()).then(|| field(["source", "src"]).unwrap_or(".").to_owned())
}

/// The path of one source; `None`: the whole context.
fn filter(dockerfile: &str, context: &str, source: &str) -> Option<String> {
    // From the first character that stands for others on, nobody knows.
    let special = source.find(['*', '?', '[', '$']);
    let known = special.map_or(source, |at| source[..at].rsplit_once('/').map_or("", |(known, _)| known));
    let known = normal(known.trim_start_matches('/')).filter(|known| !known.is_empty())?;
    let path = if context.is_empty() { known } else { format!("{context}/{known}") };
    // A folder beside the service's own counts as a whole: what is copied of it today is not all that it takes tomorrow.
    let first = path.split('/').next().unwrap_or(&path);
    Some(if dockerfile.starts_with(&format!("{first}/")) { path } else { first.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dockerfile: &str, context: &str, text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut repository = Repository::open(folder.path()).unwrap();
        repository.write("Cargo.lock", String::new());
        repository.write("services/api/.dockerignore", String::new());
        for path in ["shared", "src", "proto", "services/common", "services/api/src", "deploy/docker/api", "a b"] {
            std::fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        repository.write(dockerfile, text.to_owned());
        paths(&repository, dockerfile, context)
    }

    #[test]
    fn the_folder_of_the_dockerfile_and_what_it_copies() {
        let api = "deploy/docker/api/Dockerfile";
        for (dockerfile, context, text, expected) in [
            (
                api,
                ".",
                "FROM scratch\nCOPY shared/serve/$ARCH/serve /s\nCOPY deploy/docker/api/a.json dist/x /a\n",
                vec!["deploy/docker/api/**", "shared/**"],
            ),
            (
                api,
                ".",
                "FROM scratch\nCOPY --from=build /x /x\nCOPY Cargo.lock ./src/main.rs /x/\n",
                vec!["deploy/docker/api/**", "Cargo.lock", "src/**"],
            ),
            (
                "services/api/Dockerfile",
                ".",
                "FROM a\nCOPY services/common /c\nCOPY services/api/src /s\n",
                vec!["services/api/**", "services/common/**"],
            ),
            ("services/api/Dockerfile", "services/api", "FROM a\nCOPY . .\n", vec!["services/api/**"]),
            (api, ".", "FROM a\nCOPY . .\n", vec!["**"]),
            (
                api,
                ".",
                "FROM a\nADD https://example.com/x /x\nRUN --mount=type=bind,source=proto,target=/p --mount=type=cache,target=/c true\n",
                vec!["deploy/docker/api/**", "proto/**"],
            ),
            (api, ".", "FROM a\nRUN --mount=target=. true\n", vec!["**"]),
            ("Dockerfile", ".", "FROM a\nCOPY [\"a b\", \"/x\"]\n", vec!["**"]),
            ("Dockerfile", ".", "NONSENSE\n", vec!["**"]),
            ("Dockerfile", ".", "FROM a\n", vec!["Dockerfile"]),
        ] {
            assert_eq!(read(dockerfile, context, text), expected, "{text}");
        }
    }
}
