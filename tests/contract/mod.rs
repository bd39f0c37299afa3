//! What is written about the action, held against what it does: `action.yml`, the README's tables, the code, the links.

mod pipelines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::builds::Build;
use crate::stage::{SERVICES, Stage};

mod own_release;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The entries of a mapping of `actions/wait-and-release/action.yml`, with their defaults.
fn declared(mapping: &str) -> BTreeMap<String, String> {
    declared_by("wait-and-release", mapping)
}

/// The same of any action.
fn declared_by(action: &str, mapping: &str) -> BTreeMap<String, String> {
    let action: Value = serde_saphyr::from_str(&read(&format!("actions/{action}/action.yml"))).unwrap();
    let default = |entry: &Value| entry["default"].as_str().unwrap_or_default().to_owned();
    action[mapping].as_object().unwrap().iter().map(|(name, entry)| (name.clone(), default(entry))).collect()
}

/// The first cells of a page's table under `heading`, with the second ones, both without backticks.
fn table(page: &str, heading: &str) -> BTreeMap<String, String> {
    let readme = read(page);
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.trim_end_matches('|').split(" |").map(|cell| cell.trim().trim_matches('`').to_owned());
        (cells.next().unwrap(), cells.next().unwrap_or_default())
    })
    .collect()
}

#[test]
fn the_readme_lists_every_input_with_its_default_and_no_other() {
    assert_eq!(table("README.md", "Inputs"), declared("inputs"));
    assert_eq!(table("docs/build-and-signal.md", "Inputs"), declared_by("build-and-signal", "inputs"));
}

#[test]
fn the_readme_lists_every_output_and_no_other() {
    for (page, action) in [("README.md", "wait-and-release"), ("docs/build-and-signal.md", "build-and-signal")] {
        let listed: BTreeSet<_> = table(page, "Outputs").into_keys().collect();
        assert_eq!(listed, declared_by(action, "outputs").into_keys().collect(), "{page}");
    }
}

#[test]
fn the_code_reads_every_input_and_no_other() {
    let read_by = |path: &str| -> BTreeSet<String> {
        let code = read(path);
        let raw = code.split("struct Raw {").nth(1).unwrap().split("\n}").next().unwrap();
        raw.lines().filter_map(|line| Some(line.trim().split_once(':')?.0.replace('_', "-"))).collect()
    };
    for action in ["wait-and-release", "build-and-signal"] {
        let mut names = read_by(&format!("crates/{action}/src/inputs.rs"));
        names.extend(read_by("crates/action/src/connection.rs"));
        assert_eq!(names, declared_by(action, "inputs").into_keys().collect(), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_output_is_written_on_success_on_failure_and_on_bad_input() {
    let declared: BTreeSet<String> = declared("outputs").into_keys().collect();
    let mut stage = Stage::new();
    stage.input("services", "api");
    stage.build("api");
    let success = stage.run().await;
    assert_eq!((success.exit, success.outputs.into_keys().collect::<BTreeSet<_>>()), (0, declared.clone()));
    stage.input("services", "web").input("start-grace", "1s");
    let failure = stage.run().await;
    assert_eq!((failure.exit, failure.outputs.into_keys().collect::<BTreeSet<_>>()), (1, declared.clone()));
    stage.input("timeout", "soon");
    let bad_input = stage.run().await;
    assert_eq!((bad_input.exit, bad_input.outputs.into_keys().collect::<BTreeSet<_>>()), (2, declared));
}

#[tokio::test(start_paused = true)]
async fn a_build_writes_every_output_on_success_on_failure_and_on_bad_input() {
    let declared: BTreeSet<String> = declared_by("build-and-signal", "outputs").into_keys().collect();
    for (input, value, exit) in
        [("target", "final", 0), ("tag", "v9.9.9", 2), ("timeout", "soon", 2), ("result", "success", 1)]
    {
        let mut build = Build::new();
        build.input(input, value);
        let ended = build.build().await;
        assert_eq!(
            (ended.exit, ended.outputs.into_keys().collect::<BTreeSet<_>>()),
            (exit, declared.clone()),
            "{input}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_defaults_of_a_build_are_those_of_the_code() {
    let mut given = Build::new();
    for (name, default) in declared_by("build-and-signal", "inputs") {
        if !default.is_empty() && !default.contains("${{") {
            given.input(&name, &default);
        }
    }
    let absent = Build::new();
    let mut ends = Vec::new();
    for build in [&given, &absent] {
        let mut ended = build.build().await;
        // Two builds differ by when they were made, and by the folder that their metadata is written to.
        ended.outputs.remove("digest");
        let differs = |word: &String| word.contains("image.created=") || word.ends_with("/metadata.json");
        let calls = build.builder.made().into_iter();
        let calls: Vec<Vec<String>> =
            calls.map(|made| made.arguments.into_iter().filter(|word| !differs(word)).collect()).collect();
        ends.push((ended.exit, ended.outputs, calls));
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test(start_paused = true)]
async fn the_defaults_of_action_yml_are_those_of_the_code() {
    let mut given = Stage::new();
    for (name, default) in declared("inputs").into_iter().filter(|(_, default)| !default.contains("${{")) {
        given.input(&name, &default);
    }
    let mut absent = Stage::new();
    let mut ends = Vec::new();
    for stage in [&mut given, &mut absent] {
        stage.input("services", &SERVICES.join(","));
        SERVICES[..5].iter().for_each(|service| stage.build(service));
        let ended = stage.run().await;
        ends.push((ended.exit, ended.outputs, stage.world.release("v1.0.0").and_then(|release| release.body)));
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test(start_paused = true)]
async fn the_lock_file_is_as_its_schema_says() {
    let mut stage = Stage::new();
    stage.input("services", "web api");
    stage.build("api");
    stage.build("web");
    stage.run().await;
    let release = stage.world.release("v1.0.0").unwrap();
    let lock: Value = serde_json::from_slice(&release.assets[0].content).unwrap();
    let schema: Value = serde_json::from_str(&read("docs/images.lock.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&lock).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(lock["images"].as_object().unwrap().len(), 2);
}

#[test]
fn every_relative_link_of_the_pages_leads_somewhere() {
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let docs = ["build-and-signal", "migration", "performance", "releasing"].map(|page| format!("docs/{page}.md"));
    for page in pages.into_iter().chain(docs.iter().map(String::as_str)) {
        let text = read(page);
        let folder = root().join(page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let is_local = !link.contains("://") && !link.starts_with('#');
            let path = link.split('#').next().unwrap_or_default();
            assert!(!is_local || folder.join(path).exists(), "{page} links to {link}");
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    fn visit(folder: &Path, silent: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                visit(&path, silent);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !std::fs::read_to_string(&path).unwrap().starts_with("//!")
            {
                silent.push(path);
            }
        }
    }
    let mut silent = Vec::new();
    for folder in ["crates", "fuzz/src", "tests"] {
        visit(&root().join(folder), &mut silent);
    }
    assert_eq!(silent, Vec::<PathBuf>::new());
}

/// What is disallowed in `crates/domain/clippy.toml` holds the rest of its purity; clippy knows no list for keywords.
#[test]
fn nothing_in_domain_is_async() {
    let mut folders = vec![root().join("crates/domain/src")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found = code.filter(|line| line.contains("async ") || line.contains(".await")).collect::<Vec<_>>();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            read += 1;
        }
    }
    assert!(read > 20, "{read} files");
}
