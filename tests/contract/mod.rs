//! What is written about the action, held against what it does: `action.yml`, the README's tables, the code, the links.

mod pipelines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

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
    let action: Value = serde_saphyr::from_str(&read("actions/wait-and-release/action.yml")).unwrap();
    let default = |entry: &Value| entry["default"].as_str().unwrap_or_default().to_owned();
    action[mapping].as_object().unwrap().iter().map(|(name, entry)| (name.clone(), default(entry))).collect()
}

/// The first cells of the README's table under `heading`, with the second ones, both without backticks.
fn table(heading: &str) -> BTreeMap<String, String> {
    let readme = read("README.md");
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
    assert_eq!(table("Inputs"), declared("inputs"));
}

#[test]
fn the_readme_lists_every_output_and_no_other() {
    assert_eq!(table("Outputs").into_keys().collect::<BTreeSet<_>>(), declared("outputs").into_keys().collect());
}

#[test]
fn the_code_reads_every_input_and_no_other() {
    let read_by = |path: &str| -> BTreeSet<String> {
        let code = read(path);
        let raw = code.split("struct Raw {").nth(1).unwrap().split("\n}").next().unwrap();
        raw.lines().filter_map(|line| Some(line.trim().split_once(':')?.0.replace('_', "-"))).collect()
    };
    let mut names = read_by("crates/wait-and-release/src/inputs.rs");
    names.extend(read_by("crates/action/src/connection.rs"));
    assert_eq!(names, declared("inputs").into_keys().collect());
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
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"] {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let is_local = !link.contains("://") && !link.starts_with('#');
            assert!(!is_local || root().join(link).exists(), "{page} links to {link}");
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
