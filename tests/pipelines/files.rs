//! What no linter knows of workflow files, asked of the example in its three forms: the rules are those of
//! `release-pipelines check`.

use std::path::Path;

use release_pipelines::Repository;
use release_pipelines::check::{Rule, check};

use super::shop::root;

const WORKFLOWS: &str = ".github/workflows";

/// A copy of the example.
fn example() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let (path, to) = (entry.path(), to.join(entry.file_name()));
            if path.is_dir() {
                copy(&path, &to);
            } else {
                std::fs::copy(path, to).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples/six-services"), folder.path());
    folder
}

fn rules(folder: &Path) -> Vec<Rule> {
    let findings = check(&Repository::open(folder).unwrap()).unwrap();
    findings.into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn the_example_fits_together_in_each_of_its_three_forms() {
    let folder = example();
    let findings = check(&Repository::open(folder.path()).unwrap()).unwrap();
    assert_eq!(findings, []);
    for variant in ["workflow_run", "repository_dispatch"] {
        let from = folder.path().join(format!("variants/release-notes.{variant}.yml"));
        std::fs::copy(from, folder.path().join(WORKFLOWS).join("release-notes.yml")).unwrap();
        let findings = check(&Repository::open(folder.path()).unwrap()).unwrap();
        assert_eq!(findings, [], "{variant}");
    }
}

#[test]
fn each_thing_that_may_not_fit_is_found_in_the_example() {
    let tags = r#"["v[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+-*"]"#;
    for (file, from, to, rule) in [
        ("release-api.yml", "statuses: write", "statuses: read", Rule::Grants),
        ("release-notes.yml", "contents: write", "contents: read", Rule::Grants),
        ("release-notes.yml", "release-web,", "release-wep,", Rule::WorkflowRun),
        ("release-api.yml", "name: release-api", "name: release-web", Rule::WorkflowRun),
        ("release-notes.yml", tags, "[\"v*\"]", Rule::Tags),
        ("release-api.yml", tags, "[\"v*\"]", Rule::Tags),
        ("release-web.yml", "service-name: web", "service-name: api", Rule::Services),
        ("ci-api.yml", "push: false", "push: false\n          cache-scope: api", Rule::CacheScope),
        ("release-api.yml", "docker/api/Dockerfile", "docker/app/Dockerfile", Rule::Dockerfile),
        ("ci-web.yml", "docker/web/Dockerfile", "docker/wep/Dockerfile", Rule::Dockerfile),
    ] {
        let folder = example();
        let path = folder.path().join(WORKFLOWS).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
        let found = rules(folder.path());
        assert!(found.contains(&rule), "{file}: {from} → {to}: {found:?}");
    }
}
