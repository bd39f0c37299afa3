//! A repository of two services that fits, and one row for everything that may be wrong with it.

use std::fs;
use std::path::Path;

use super::*;

const RELEASE: &str = "\
name: release-api
on:
  push:
    tags: [\"v[0-9]+.[0-9]+.[0-9]+\"]
  workflow_dispatch: {inputs: {tag: {type: string, required: true}}}
permissions: {}
jobs:
  release:
    uses: org/release-actions/.github/workflows/build-image.yml@v1
    permissions:
      contents: read
      packages: write
      statuses: write
    with:
      service-name: api
      dockerfile: deploy/api/Dockerfile
";
const CI: &str = "\
name: ci-api
on:
  push:
    branches: [main]
    paths: [deploy/api/**, .github/workflows/ci-api.yml]
  pull_request:
jobs:
  image:
    runs-on: ubuntu-24.04
    permissions: {contents: read}
    steps:
      - uses: org/release-actions/build-image@v1
        with:
          service-name: api
          dockerfile: deploy/api/Dockerfile
          push: false
";
const NOTES: &str = "\
name: release-notes
on:
  push:
    tags: [\"v[0-9]+.[0-9]+.[0-9]+\"]
  workflow_run:
    workflows: [release-api, release-web]
    types: [completed]
jobs:
  release:
    runs-on: ubuntu-24.04
    permissions: {contents: write, packages: read, statuses: read, actions: read}
    steps:
      - uses: org/release-actions/wait-and-release@v1
        with:
          services: api web
";

/// A checkout that fits; `break_it` changes it.
fn findings(break_it: impl FnOnce(&Path)) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let root = &folder.path().join("repository");
    fs::create_dir_all(root.join(WORKFLOWS)).unwrap();
    for service in ["api", "web"] {
        fs::create_dir_all(root.join("deploy").join(service)).unwrap();
        fs::write(root.join("deploy").join(service).join("Dockerfile"), "FROM scratch\n").unwrap();
        write(root, &format!("release-{service}.yml"), &RELEASE.replace("api", service));
        write(root, &format!("ci-{service}.yml"), &CI.replace("api", service));
    }
    write(root, "release-notes.yml", NOTES);
    break_it(root);
    check(&Repository::open(root).unwrap()).unwrap()
}

const WORKFLOWS: &str = crate::repository::WORKFLOWS;

fn write(root: &Path, name: &str, text: &str) {
    fs::write(root.join(WORKFLOWS).join(name), text).unwrap();
}

/// Replaces a text that stands in a workflow file.
fn edit<'a>(name: &'a str, old: &'a str, new: &'a str) -> impl FnOnce(&Path) + 'a {
    move |root| {
        let text = fs::read_to_string(root.join(WORKFLOWS).join(name)).unwrap();
        assert!(text.contains(old), "{name} has no {old}");
        write(root, name, &text.replace(old, new));
    }
}

/// The one finding, without its help, and with the folder left out.
fn only(findings: &[Finding]) -> String {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(!findings[0].help.is_empty());
    let Finding { path, at, rule, message, .. } = &findings[0];
    let path = path.strip_prefix(".github/workflows/").unwrap_or(path);
    format!("{path}:{}:{}: {rule}: {message}", at.line, at.column)
}

#[test]
fn what_fits_has_no_findings() {
    assert_eq!(findings(|_| {}), []);
    let auto = edit("release-notes.yml", "services: api web", "services: auto");
    assert_eq!(findings(auto), []);
    let optional = edit("release-notes.yml", "services: api web", "services: 'api, web?=ghcr.io/o/r/web:{tag}'");
    assert_eq!(findings(optional), []);
}

/// (file, what is replaced, by what, the one finding)
type Row = (&'static str, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    (
        "release-api.yml",
        "      statuses: write\n",
        "",
        "release-api.yml:10:5: grants: job `release` does not grant what `org/release-actions/.github/workflows/build-image.yml@v1` needs",
    ),
    (
        "release-api.yml",
        "    permissions:\n      contents: read\n      packages: write\n      statuses: write\n",
        "",
        "release-api.yml:6:1: grants: job `release` does not grant what `org/release-actions/.github/workflows/build-image.yml@v1` needs",
    ),
    (
        "release-notes.yml",
        "    permissions: {contents: write, packages: read, statuses: read, actions: read}\n",
        "",
        "release-notes.yml:9:3: grants: job `release` leaves to a setting what `org/release-actions/wait-and-release@v1` may do",
    ),
    (
        "release-notes.yml",
        "release-web]",
        "release-wbe, release-web]",
        "release-notes.yml:6:30: workflow-run: no workflow has the name `release-wbe`",
    ),
    (
        "release-notes.yml",
        ", release-web]",
        "]",
        "release-notes.yml:6:16: workflow-run: `release-web`, which releases `web`, is not listed",
    ),
    (
        "release-web.yml",
        "[0-9]+\"]",
        "[0-9]+*\"]",
        "release-web.yml:4:11: tags: tags like `v[0-9]+.[0-9]+.[0-9]+*` start it, and tags like `v[0-9]+.[0-9]+.[0-9]+` start `.github/workflows/release-notes.yml`",
    ),
    (
        "release-notes.yml",
        "api web",
        "api web db",
        "release-notes.yml:15:21: services: no workflow releases `db` on a tag",
    ),
    (
        "release-notes.yml",
        "api web",
        "api",
        "release-notes.yml:15:21: services: `web`, which `.github/workflows/release-web.yml` releases, is not waited for",
    ),
    (
        "release-notes.yml",
        "api web",
        "api web Web",
        "release-notes.yml:15:21: services: `Web` is not a service name: lower-case letters and digits, joined by single `.`, `_` or `-`",
    ),
    (
        "ci-api.yml",
        "push: false",
        "push: false\n          cache-write: false",
        "release-api.yml:15:21: cache-scope: the release of `api` reads the cache `release-api` (gha), which no branch writes",
    ),
    (
        "ci-web.yml",
        "Dockerfile",
        "Dockerfile\n          target: test",
        "ci-web.yml:16:19: drift: `target` of `web` is `test`, and not set in `.github/workflows/release-web.yml`",
    ),
    (
        "release-web.yml",
        "Dockerfile",
        "Dockerfile\n      build-args: |\n        A=1\n        B=${{ inputs.tag || github.ref_name }}",
        "ci-web.yml:12:15: drift: `build-args` of `web` is not set, and `A=1 B=${{ inputs.tag || github.ref_name }}` in `.github/workflows/release-web.yml`",
    ),
    (
        "release-notes.yml",
        "services: api web",
        "services: api web\n          changelog: ./CHANGELOG.md",
        "release-notes.yml:16:22: drift: the changelog `./CHANGELOG.md` is not in the repository",
    ),
    (
        "ci-web.yml",
        "deploy/web/**",
        "services/web/**",
        "ci-web.yml:5:13: drift: nothing in the repository matches `services/web/**`",
    ),
    (
        "ci-web.yml",
        "name: ci-web",
        "name: CI web",
        "ci-web.yml:1:7: drift: its name is `CI web`, and its file is named `ci-web`",
    ),
];

#[test]
fn what_does_not_fit_is_found_where_it_stands() {
    for (name, old, new, expected) in ROWS {
        assert_eq!(only(&findings(edit(name, old, new))), *expected, "{name}: {old} -> {new}");
    }
}

/// Which rules are broken, and in which files.
fn broken(break_it: impl FnOnce(&Path)) -> Vec<String> {
    let mut broken = Vec::new();
    for finding in findings(break_it) {
        let name = finding.path.rsplit('/').next().unwrap_or_default();
        broken.push(format!("{}: {name}", finding.rule));
    }
    broken.dedup();
    broken
}

#[test]
fn branches_say_the_tag_in_their_own_words() {
    let both = |release: &'static str, ci: &'static str| {
        move |root: &Path| {
            edit("release-api.yml", "Dockerfile", &format!("Dockerfile\n      build-args: |\n{release}"))(root);
            edit("ci-api.yml", "Dockerfile", &format!("Dockerfile\n          build-args: |\n{ci}"))(root);
        }
    };
    let release = "        A=${{ inputs.tag || github.ref_name }}\n        B=1";
    assert_eq!(findings(both(release, "            B=1\n            A=${{ github.ref_name }}")), []);
    assert_eq!(broken(both(release, "            B=2\n            A=${{ github.ref_name }}")), ["drift: ci-api.yml"]);
}

#[test]
fn whatever_is_deleted_is_missed() {
    let delete = |path: &'static str| move |root: &Path| fs::remove_file(root.join(path)).unwrap();
    assert_eq!(
        broken(delete(".github/workflows/release-api.yml")),
        ["drift: ci-api.yml", "workflow-run: release-notes.yml", "services: release-notes.yml"]
    );
    assert_eq!(broken(delete(".github/workflows/ci-api.yml")), ["cache-scope: release-api.yml"]);
    assert_eq!(broken(delete(".github/workflows/release-notes.yml")), ["services: release-api.yml"]);
    assert_eq!(broken(delete("deploy/api/Dockerfile")), ["dockerfile: ci-api.yml", "dockerfile: release-api.yml"]);
}

#[test]
fn whatever_is_renamed_is_missed() {
    let rename = |from: &'static str, to: &'static str| {
        move |root: &Path| {
            fs::create_dir_all(root.join(to).parent().unwrap()).unwrap();
            fs::rename(root.join(from), root.join(to)).unwrap();
        }
    };
    let workflow = ".github/workflows";
    for file in ["release-api.yml", "ci-api.yml", "release-notes.yml"] {
        let (from, to) = (format!("{workflow}/{file}"), format!("{workflow}/other.yml"));
        let broken = broken(rename(from.leak(), to.leak()));
        assert!(broken.contains(&"drift: other.yml".to_owned()), "{file}: {broken:?}");
    }
    assert!(!broken(rename("deploy/api", "services/api")).is_empty());
}

#[test]
fn a_new_dockerfile_asks_for_its_workflow() {
    let found = findings(|root| {
        fs::create_dir(root.join("deploy/db")).unwrap();
        fs::write(root.join("deploy/db/Dockerfile"), "FROM scratch\n").unwrap();
        fs::create_dir(root.join("deploy/docs")).unwrap();
    });
    assert_eq!(only(&found), "deploy/db/Dockerfile:1:1: drift: no workflow builds this Dockerfile");
    assert!(found[0].help.contains("release-pipelines add db --dockerfile deploy/db/Dockerfile"));
}

#[test]
fn two_workflows_may_not_share_a_service_nor_a_name_that_is_listened_to() {
    let doubled = findings(edit("release-web.yml", "service-name: web", "service-name: api"));
    let messages = doubled.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>();
    assert!(messages.contains(&"`api` is released by `.github/workflows/release-api.yml` too"), "{messages:?}");
    let named = findings(edit("ci-web.yml", "name: ci-web", "name: release-web"));
    let messages = named.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>();
    let expected = "`.github/workflows/ci-web.yml` and `.github/workflows/release-web.yml` have the name `release-web`";
    assert!(messages.contains(&expected), "{messages:?}");
}

#[test]
fn an_expression_or_nothing_for_a_service_is_told() {
    let matrix = edit("release-api.yml", "service-name: api", "service-name: '${{ matrix.service }}'");
    assert!(broken(matrix).contains(&"services: release-api.yml".to_owned()));
    let nothing = edit("release-api.yml", "      service-name: api\n", "");
    assert!(broken(nothing).contains(&"services: release-api.yml".to_owned()));
}

#[test]
fn an_expression_that_the_discovery_of_services_meets_is_found() {
    for input in ["push: ${{ !inputs.trial }}", "image: ${{ vars.IMAGE }}", "platforms: ${{ vars.PLATFORMS }}"] {
        let expression = |root: &Path| {
            let with = format!("service-name: api\n      {input}");
            edit("release-api.yml", "service-name: api", &with)(root);
        };
        let (name, value) = input.split_once(": ").unwrap();
        // A list of services asks no file.
        assert_eq!(findings(expression), [], "{input}");
        let found = findings(|root| {
            expression(root);
            edit("release-notes.yml", "services: api web", "services: auto")(root);
        });
        let at = 7 + name.len() + 2;
        let expected = format!(
            "release-api.yml:16:{at}: services: `{name}` is the expression `{value}`, which `services: auto` cannot know"
        );
        assert_eq!(only(&found), expected);
    }
}

#[test]
fn a_called_workflow_of_this_repository_is_read() {
    let callee = |permissions: &'static str| {
        move |root: &Path| {
            edit(
                "release-api.yml",
                "org/release-actions/.github/workflows/build-image.yml@v1",
                "./.github/workflows/build-image.yml",
            )(root);
            edit(
                "release-web.yml",
                "org/release-actions/.github/workflows/build-image.yml@v1",
                "./.github/workflows/inner.yml",
            )(root);
            let text = format!("on: {{workflow_call: }}\njobs:\n  a: {{permissions: {permissions}, steps: []}}\n");
            write(root, "build-image.yml", &text);
            // Without permissions of its own a job hands on what the callee asks for.
            write(
                root,
                "inner.yml",
                "on: {workflow_call: }\njobs:\n  a: {uses: ./.github/workflows/build-image.yml}\n",
            );
        }
    };
    let grants = |permissions| {
        broken(callee(permissions)).into_iter().filter(|line| line.starts_with("grants")).collect::<Vec<_>>()
    };
    assert_eq!(grants("{contents: read, statuses: write}"), [""; 0]);
    assert_eq!(grants("{id-token: write}"), ["grants: release-api.yml", "grants: release-web.yml"]);
    assert_eq!(grants("write-all"), ["grants: release-api.yml", "grants: release-web.yml"]);
}

#[test]
fn what_cannot_be_read_is_a_finding_and_the_rest_is_checked() {
    let unreadable = findings(|root| {
        write(root, "a.yml", "jobs: [");
        write(root, "b.yml", "a: 1\na: 2\n");
        fs::write(root.join(WORKFLOWS).join("c.yml"), b"name: \xff\n").unwrap();
        write(root, "d.yaml", &"#".repeat(2 << 20));
        fs::write(root.parent().unwrap().join("outside.yml"), "name: x\n").unwrap();
        std::os::unix::fs::symlink(root.parent().unwrap().join("outside.yml"), root.join(WORKFLOWS).join("e.yml"))
            .unwrap();
        fs::remove_file(root.join("deploy/api/Dockerfile")).unwrap();
    });
    let files = unreadable.iter().filter(|finding| finding.rule == Rule::File);
    let files = files.map(|finding| finding.path.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(files, ["a.yml", "b.yml", "c.yml", "d.yaml", "e.yml"]);
    assert!(unreadable.iter().any(|finding| finding.rule == Rule::Dockerfile));
}

#[test]
fn a_dockerfile_or_context_out_of_the_repository_is_not_there() {
    let root = |path: &'static str| broken(edit("release-api.yml", "deploy/api/Dockerfile", path));
    for path in ["../Dockerfile", "/etc/hostname", "deploy/api/../../../x"] {
        assert!(root(path).contains(&"dockerfile: release-api.yml".to_owned()), "{path}");
    }
    assert_eq!(root("./deploy/web/../api/Dockerfile"), [""; 0]);
}

#[test]
fn a_workflow_that_only_looks_at_a_release_needs_less_and_waits_for_nobody() {
    let look = |input: &str, permissions: &str| {
        let text = format!(
            "name: look\non: {{workflow_run: {{workflows: [release-notes], types: [completed]}}}}\njobs:\n  look:\n    permissions: {{{permissions}}}\n    steps:\n      - uses: o/r/wait-and-release@v1\n        with: {{services: api, {input}}}\n"
        );
        broken(move |root| write(root, "look.yml", &text))
    };
    assert_eq!(look("dry-run: true, signals: 'off'", "contents: read"), [""; 0]);
    assert_eq!(look("dry-run: true", "contents: read"), ["grants: look.yml"]);
    assert!(look("signals: 'off'", "contents: read").contains(&"grants: look.yml".to_owned()));
}
