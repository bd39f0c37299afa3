//! A workflow that becomes new files, and one row for everything that is written otherwise in it.

use std::fs;

use super::*;
use crate::paths::{bases, reads_ghcr};

const WORKFLOW: &str = r#"on:
  push:
    tags: ["v*"]
    branches: [main]
jobs:
  api:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - uses: docker/build-push-action@v7
        with:
          push: ${{ github.ref_type == 'tag' }}
          tags: ghcr.io/acme/api:${{ github.ref_name }}
  release:
    needs: api
    runs-on: ubuntu-24.04
    steps:
      - uses: softprops/action-gh-release@v3
        with:
          generate_release_notes: true
"#;
/// The step that builds, and the step that makes the release.
const BUILD: &str = "      - uses: docker/build-push-action@v7
        with:
          push: ${{ github.ref_type == 'tag' }}
          tags: ghcr.io/acme/api:${{ github.ref_name }}
";
const RELEASE: &str = "      - uses: softprops/action-gh-release@v3
        with:
          generate_release_notes: true
";

/// What becomes of the workflow with a text of it replaced: the new files one after the other, and what is said.
struct Outcome {
    files: Option<String>,
    refused: Vec<String>,
    noted: Vec<String>,
}

fn migrated(old: &str, new: &str) -> Outcome {
    assert_eq!(WORKFLOW.matches(old).count(), 1, "{old}");
    let folder = tempfile::tempdir().unwrap();
    let path = ".github/workflows/release.yml";
    fs::create_dir_all(folder.path().join(crate::repository::WORKFLOWS)).unwrap();
    fs::write(folder.path().join(path), WORKFLOW.replace(old, new)).unwrap();
    fs::write(folder.path().join("Dockerfile"), "FROM quay.io/acme/base\n").unwrap();
    fs::write(folder.path().join("docker-bake.json"), r#"{"target": {"default": {}}}"#).unwrap();
    let migration = migrate(&Repository::open(folder.path()).unwrap(), path, &Source::default()).unwrap();
    let (refused, noted) = migration.remarks.iter().partition::<Vec<_>, _>(|remark| remark.refused);
    let say = |remark: &&Remark| format!("{}:{}: {}", remark.at.line, remark.at.column, remark.message);
    let files = migration.changed.map(|changed| {
        let text = |path: String| changed.read(&path).unwrap().unwrap();
        changed.workflows().unwrap().into_iter().map(text).collect()
    });
    assert_eq!(files.is_none(), !refused.is_empty());
    Outcome { files, refused: refused.iter().map(say).collect(), noted: noted.iter().map(say).collect() }
}

/// The new files, without their space at the beginning of lines.
fn written(old: &str, new: &str) -> String {
    let outcome = migrated(old, new);
    assert_eq!(outcome.refused, [""; 0], "{new}");
    outcome.files.unwrap().lines().map(|line| line.trim_start().to_owned() + "\n").collect()
}

/// (what is replaced, by what, the only refusal)
fn refuses(rows: &[(&str, &str, &str)]) {
    for (old, new, expected) in rows {
        assert_eq!(migrated(old, new).refused, [*expected], "{new}");
    }
}

/// (what is replaced, by what, one of the remarks)
fn notes(rows: &[(&str, &str, &str)]) {
    for (old, new, expected) in rows {
        let outcome = migrated(old, new);
        assert_eq!(outcome.refused, [""; 0], "{new}");
        assert!(outcome.noted.iter().any(|noted| noted == expected), "{new}: {:#?}", outcome.noted);
    }
}

#[test]
fn what_is_pushed_is_what_becomes_a_tag() {
    let script = "      - if: github.ref_type == 'tag'\n        run: |
          docker build -t api -t ghcr.io/acme/api:edge .
          docker tag api ghcr.io/acme/api:$GITHUB_REF_NAME
          docker push ghcr.io/acme/api:$GITHUB_REF_NAME
";
    let files = written(BUILD, script);
    assert!(files.contains("image: ghcr.io/acme/api:{tag}\n") && !files.contains("extra-tags"), "{files}");
    let all = script.replace("push ghcr.io/acme/api:$GITHUB_REF_NAME", "push --all-tags ghcr.io/acme/api");
    assert!(written(BUILD, &all).contains("extra-tags: edge\n"));
    let nothing = migrated(BUILD, &script.replace("docker push", "echo"));
    assert_eq!(nothing.refused, ["1:1: it builds and pushes no image"]);
}

#[test]
fn labels_that_are_set_anyway_are_not_written() {
    let labels = |lines: &str| format!("{BUILD}          labels: |\n{lines}");
    let own = labels(
        "            team=a
            org.opencontainers.image.source=https://x
            org.opencontainers.image.licenses=MIT\n",
    );
    notes(&[(BUILD, &own, "16:13: `org.opencontainers.image.source` is left out of `labels`")]);
    let files = written(BUILD, &own);
    assert!(files.contains("labels: |\nteam=a\norg.opencontainers.image.licenses=MIT\n"), "{files}");
    let script = "      - if: github.ref_type == 'tag'\n        run: docker build --label org.opencontainers.image.title=x --push -t ghcr.io/acme/api:$GITHUB_REF_NAME .\n";
    notes(&[(BUILD, script, "11:14: `org.opencontainers.image.title` is left out of `labels`")]);
    let meta = "      - {id: meta, uses: docker/metadata-action@v6, with: {images: ghcr.io/acme/api}}\n".to_owned()
        + &labels("            ${{ steps.meta.outputs.labels }}\n");
    notes(&[(BUILD, &meta, "16:13: the `labels` of docker/metadata-action, with description, licenses and url, go")]);
    refuses(&[(
        BUILD,
        &format!("{BUILD}          annotations: manifest:a=b\n"),
        "14:24: `manifest:a` is no name in `annotations` of a release file",
    )]);
}

#[test]
fn platforms_are_known_before_the_run() {
    refuses(&[(
        BUILD,
        &format!("{BUILD}          platforms: ${{{{ vars.PLATFORMS }}}}\n"),
        "14:22: `platforms` is the expression `${{ vars.PLATFORMS }}`",
    )]);
}

#[test]
fn the_branches_of_the_old_workflow_are_those_of_the_new() {
    let files = written("branches: [main]", "branches: [develop, 'release/**', '!x']");
    assert!(files.contains("branches: [develop, \"release/**\", \"!x\"]\n"), "{files}");
    assert!(files.contains("On develop it writes"), "{files}");
    notes(&[("    branches: [main]\n", "", "1:1: it names no branch, so ci-<service>.yml runs on `main`")]);
    let pushes = "push: ${{ github.ref != 'refs/heads/main' }}";
    let refused = migrated("branches: [main]", "branches: [main, develop]").refused;
    assert_eq!(refused, [""; 0]);
    refuses(&[(
        "push: ${{ github.ref_type == 'tag' }}",
        "push: ${{ github.ref == 'refs/heads/main' || github.ref_type == 'tag' }}",
        "12:17: `api` pushes for `push` of a branch too",
    )]);
    assert_eq!(migrated("push: ${{ github.ref_type == 'tag' }}", pushes).refused, [""; 0]);
}

#[test]
fn a_condition_is_tried_with_the_tags_that_start_the_workflow() {
    let when = |condition: &str| format!("  api:\n    if: {condition}\n");
    for condition in ["startsWith(github.ref, 'refs/tags/v')", "github.ref_type == 'tag'"] {
        assert_eq!(migrated("  api:\n", &when(condition)).refused, [""; 0], "{condition}");
    }
    for condition in [
        "startsWith(github.ref, 'refs/tags/v1')",
        "startsWith(github.ref, 'refs/tags/v12.5')",
        "contains(github.ref_name, '-beta')",
        "github.ref != 'refs/tags/v7.8.9'",
        "false || !endsWith(github.ref_name, '-rc')",
    ] {
        refuses(&[("  api:\n", &when(condition), "7:5: whether `api` runs is known only when the workflow runs")]);
    }
    let release = "tags: [release-*, app-v*]\n    branches: [main]\njobs:\n  api:\n    if: github.ref_name != 'x' && ";
    let old = "tags: [\"v*\"]\n    branches: [main]\njobs:\n  api:\n";
    let refused = migrated(old, &format!("{release}startsWith(github.ref, 'refs/tags/release-')\n")).refused;
    assert_eq!(refused, ["7:5: whether `api` runs is known only when the workflow runs"]);
    let both = "(startsWith(github.ref, 'refs/tags/release-') || startsWith(github.ref_name, 'app-v'))";
    assert_eq!(migrated(old, &format!("{release}{both}\n")).refused, [""; 0]);
}

#[test]
fn the_text_of_a_release_is_true_when_a_build_starts_it() {
    let body = |text: &str| format!("        with:\n          body: {text}\n");
    let old = "        with:\n          generate_release_notes: true\n";
    let files = written(old, &body("Release ${{ github.ref_name }} of ${{ github.repository }}"));
    assert!(
        files.contains(
            "notes: Release ${{ inputs.tag || github.event.workflow_run.head_branch || github.ref_name }} of ${{ github.repository }}\n"
        ),
        "{files}"
    );
    refuses(&[(
        old,
        &body("${{ github.sha }}"),
        "20:17: the text of the release `{revision}` is known only when the workflow runs",
    )]);
}

#[test]
fn a_text_between_two_expressions_is_not_taken_for_the_changelog() {
    let steps = |body: &str| {
        RELEASE.replace("generate_release_notes: true", &format!("body: {body}"))
            + "      - {id: x, uses: metcalfc/changelog-generator@v4}\n"
    };
    let order = |body: &str| {
        let all = steps(body);
        let (release, log) = all.split_at(all.rfind("      - {").unwrap());
        format!("{log}{release}")
    };
    assert!(!written(RELEASE, &order("${{ steps.x.outputs.changelog }}")).contains("notes:"));
    for body in ["${{ steps.x.outputs.changelog }} and ${{ vars.X }}", "${{ steps.x.outputs.a || vars.X }}"] {
        let expected = format!("21:17: the text of the release `{body}` is known only when the workflow runs");
        refuses(&[(RELEASE, &order(body), &expected)]);
    }
}

#[test]
fn what_signs_in_or_is_secret_is_known_to_a_called_workflow() {
    let login = |user: &str, password: &str| {
        let with = format!("{{registry: ghcr.io, username: '{user}', password: '{password}'}}");
        format!("      - uses: docker/login-action@v4\n        with: {with}\n{BUILD}")
    };
    let files = written(BUILD, &login("${{ github.repository_owner }}", "${{ secrets.PAT }}"));
    assert!(files.contains("registry-auth: |\nghcr.io ${{ github.repository_owner }} ${{ secrets.PAT }}\n"), "{files}");
    let secrets = |line: &str| format!("{BUILD}          secrets: {line}\n");
    let files = written(BUILD, &secrets("REL=${{ github.ref_name }}"));
    assert!(files.contains("build-secrets: REL=${{ inputs.tag || github.ref_name }}\n"), "{files}");
    let known = "known only when the workflow runs";
    refuses(&[
        (
            BUILD,
            &login("${{ env.USER }}", "${{ secrets.PAT }}"),
            &format!("10:15: how it signs in to `ghcr.io` is {known}"),
        ),
        (BUILD, &login("me", "${{ secrets.A || env.B }}"), &format!("10:15: how it signs in to `ghcr.io` is {known}")),
        (BUILD, &secrets("T=${{ steps.x.outputs.y }}"), "14:20: `secrets` holds `steps.x.outputs.y`"),
        (BUILD, &secrets("'\"T=x'"), "14:20: a line of `secrets` is more than `id=value`"),
        (
            BUILD,
            &format!("{BUILD}          no-cache: ${{{{ vars.X }}}}\n"),
            "14:11: `no-cache` of docker/build-push-action has no place",
        ),
        (BUILD, &format!("{BUILD}          add-hosts: a:${{{{ env.X }}}}\n"), "14:22: `add-hosts` holds `env.X`"),
    ]);
}

#[test]
fn what_is_built_is_said_also_where_an_old_tag_is_built_by_hand() {
    let arguments = |lines: &str| format!("{BUILD}          build-args: |\n            {lines}\n");
    let files = written(
        BUILD,
        &arguments("A=${{ github.sha }}\n            B=${{ startsWith(github.ref, vars.X) && github.ref_name }}"),
    );
    let (ci, release) = files.split_once("name: release-api\n").unwrap();
    let by_hand = "startsWith((inputs.tag && format('refs/tags/{0}', inputs.tag) || github.ref), vars.X)";
    let both = format!("A={{revision}}\nB=${{{{ {by_hand} && (inputs.tag || github.ref_name) }}}}\n");
    assert!(release.contains(&both), "{release}");
    assert!(ci.contains("A={revision}\nB=${{ startsWith(github.ref, vars.X) && github.ref_name }}\n"), "{ci}");
    let tags = BUILD.replace("${{ github.ref_name }}\n", "${{ github.ref_name }},ghcr.io/acme/api:${{ github.sha }}\n");
    assert!(written(BUILD, &tags).contains("extra-tags: \"{revision}\"\n"));
    refuses(&[
        (BUILD, &arguments("A=${{ github.run_number }}"), "15:13: `build-args` holds `github.run_number`"),
        (
            BUILD,
            &format!("{BUILD}          target: ${{{{ github.sha }}}}\n"),
            "14:19: `target` holds `github.sha`, which is the branch's where an old tag is built by hand",
        ),
    ]);
}

#[test]
fn a_build_argument_without_a_value_gets_that_of_the_environment() {
    let arguments = |lines: &str| format!("{BUILD}          build-args: |\n            A=1\n            {lines}\n");
    let step = arguments("REF") + "        env: {REF: \"${{ github.ref_name }}\"}\n";
    let files = written(BUILD, &step);
    assert!(files.contains("build-args: |\nA=1\nREF={tag}\nimage:"), "{files}");
    assert!(files.contains("build-args: |\nA=1\nREF={tag}\npush: false\n"), "{files}");
    let script = "      - if: github.ref_type == 'tag'\n        run: docker build --build-arg TOKEN --push -t ghcr.io/acme/api:$GITHUB_REF_NAME .\n";
    refuses(&[
        (BUILD, &arguments("NAME"), "16:13: `NAME` in `build-args` takes its value from the environment"),
        (BUILD, script, "11:14: `TOKEN` in `build-args` takes its value from the environment"),
    ]);
}

#[test]
fn a_call_of_bake_is_read_as_far_as_it_is_plain() {
    let push = "${{ github.ref_type == 'tag' }}";
    let call =
        |inputs: &str| format!("      - uses: docker/bake-action@v7\n        with: {{push: \"{push}\", {inputs}}}\n");
    let run =
        |command: &str| format!("      - if: github.ref_type == 'tag'\n        run: docker buildx bake {command}\n");
    let tags = "'*.tags=ghcr.io/acme/api:${{ github.ref_name }}'";
    let files = written(BUILD, &call(&format!("set: {tags}, no-cache: true, provenance: false")));
    assert!(files.contains("image: ghcr.io/acme/api:{tag}\nprovenance: false\n"), "{files}");
    assert!(files.contains("buildx-args: --no-cache\n"), "{files}");
    let command = "--push --set *.tags=ghcr.io/acme/api:$GITHUB_REF_NAME -f docker-bake.json --pull";
    assert!(written(BUILD, &run(command)).contains("image: ghcr.io/acme/api:{tag}\n"));
    let place = |text: &str| format!("10:15: {text}");
    let set = |line: &str| call(&format!("set: \"*.tags=ghcr.io/acme/api:${{{{ github.ref_name }}}}\\n{line}\""));
    refuses(&[
        (BUILD, &set("*.contexts.base=target:base"), &place("`contexts` of the target `default` of bake has no place")),
        (BUILD, &set("*.output=type=local,dest=x"), &place("`output` of the target `default` of bake has no place")),
        (BUILD, &set("*.secrets=id=x"), &place("`*.secrets=id=x` sets what is not read here")),
        (BUILD, &call("targets: all"), &place("bake has no target and no group `all`")),
        (BUILD, &call("files: gone.hcl"), &place("the bake file `gone.hcl` is not there")),
        (BUILD, &call("files: ../x.hcl"), &place("`../x.hcl` leads out of the repository")),
        (
            BUILD,
            &call("files: '${{ steps.x.outputs.bake-file }}'"),
            &place("`${{ steps.x.outputs.bake-file }}` is of no step that is read here"),
        ),
        (BUILD, &run("--print"), "11:14: `--print` of `docker buildx bake` has no place"),
    ]);
    let branch = migrated(BUILD, &call("targets: default").replace("github.ref_type == 'tag'", "true")).refused;
    assert!(branch.contains(&"11:22: `api` pushes for `push` of a branch too".to_owned()), "{branch:?}");
}

#[test]
fn a_script_gives_docker_what_it_exports() {
    let script = |lines: &str| {
        let build = "docker build --build-arg V --push -t ghcr.io/acme/api:$GITHUB_REF_NAME .";
        format!(
            "      - env: {{V: old}}\n        if: github.ref_type == 'tag'\n        run: |\n          {lines}\n          {build}\n"
        )
    };
    for (lines, expected) in [
        ("export V=${GITHUB_REF_NAME#v}", "V={version}"),
        ("V=${GITHUB_REF_NAME#v}", "V={version}"),
        ("N=1; V=$N; export N", "V=1"),
        ("W=$GITHUB_SHA\n          export W", "V=old"),
        ("export V=${{ vars.X }}", "V=${{ vars.X }}"),
        ("export V", "V=old"),
        ("true", "V=old"),
    ] {
        let files = written(BUILD, &script(lines));
        assert!(files.contains(&format!("build-args: {expected}\n")), "{lines}: {files}");
    }
}

#[test]
fn what_a_script_exports_counts_for_gh_and_is_refused_where_docker_reads_it() {
    let script =
        |line: &str| format!("      - run: |\n          export {line}\n          gh release create $GITHUB_REF_NAME\n");
    assert!(written(RELEASE, &script("GH_TOKEN=${{ secrets.PAT }}")).contains("token: ${{ secrets.PAT }}\n"));
    let build = |line: &str, flags: &str| {
        format!(
            "      - if: github.ref_type == 'tag'\n        run: |\n          {line}\n          docker build {flags} -t ghcr.io/acme/api:$GITHUB_REF_NAME .\n"
        )
    };
    refuses(&[
        (RELEASE, &script("GH_REPO=o/other"), "20:11: it makes a release in another repository, `o/other`"),
        (
            BUILD,
            &build("export SOURCE_DATE_EPOCH=0", "--push"),
            "13:11: `export SOURCE_DATE_EPOCH` changes how docker builds, and a called workflow gets no environment",
        ),
    ]);
    let refused = migrated(BUILD, &build("true", "--push=false")).refused;
    assert!(refused.contains(&"13:11: `--push` of `docker build` has a value".to_owned()), "{refused:?}");
}

#[test]
fn a_changelog_that_does_more_is_refused() {
    let script = |more: &str| format!("      - run: |\n          git log > notes.md\n          {more}\n{RELEASE}");
    notes(&[(RELEASE, &script("echo x"), "19:11: this changelog is left out")]);
    refuses(&[(RELEASE, &script("curl x"), "20:11: `curl x` stands in a script that writes a changelog")]);
}

#[test]
fn the_file_of_a_release_is_one_of_the_repository() {
    let step = |before: &str, path: &str| {
        format!("{before}{}", RELEASE.replace("generate_release_notes: true", &format!("body_path: {path}")))
    };
    let script = |line: &str| format!("      - run: |\n          {line}\n");
    let file = "the file with the text `CHANGELOG.md` is not in the repository";
    refuses(&[
        (RELEASE, &step("", "./CHANGELOG.md"), &format!("20:22: {file}")),
        (RELEASE, &step("", "Dockerfile"), "20:22: `Dockerfile` is no changelog, and no other file is read"),
        (
            RELEASE,
            &step("", "${{ vars.X }}"),
            "20:22: the file with the text `${{ vars.X }}` is known only when the workflow runs",
        ),
    ]);
    let appended = migrated(RELEASE, &step(&script("echo x >> CHANGELOG.md"), "CHANGELOG.md")).refused;
    assert_eq!(appended, ["19:11: `echo x` has no place in release-notes.yml", &format!("22:22: {file}")]);
    let elsewhere = migrated(RELEASE, &step(&script("git log > out/CHANGELOG.md"), "CHANGELOG.md")).refused;
    assert_eq!(elsewhere, [format!("22:22: {file}")]);
    // What writes the notes is left out with them.
    let action = "      - {uses: orhun/git-cliff-action@v4, env: {OUTPUT: CHANGELOG.md}}\n";
    for before in [script("git log > ./CHANGELOG.md").as_str(), action] {
        let files = written(RELEASE, &step(before, "CHANGELOG.md"));
        assert!(!files.contains("changelog:") && !files.contains("notes:"), "{files}");
    }
}

#[test]
fn what_follows_from_a_refusal_is_not_said() {
    let tags = BUILD.replace("${{ github.ref_name }}\n", "${{ steps.x.outputs.tag }}\n");
    let script = |line: &str| format!("      - {{id: x, run: {line}}}\n{tags}");
    let date = "10:22: `$(…)` is more shell than can be read here";
    refuses(&[(BUILD, &script("echo \"tag=$(date)\" >> $GITHUB_OUTPUT"), date)]);
    let meta =
        format!("      - {{id: x, uses: docker/metadata-action@v6, with: {{images: i, tags: type=sha}}}}\n{tags}");
    refuses(&[(BUILD, &meta, "10:74: `type=sha` of docker/metadata-action cannot be written")]);
    let head = "  api:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@v7\n";
    let job = VERSION.replace("  release:\n", "").replace("${GITHUB_REF_NAME#v}", "$(date)");
    let job = job.replace("    steps:\n", "    outputs: {tag: \"${{ steps.v.outputs.version }}\"}\n    steps:\n");
    let tags = BUILD.replace("${{ github.ref_name }}\n", "${{ needs.version.outputs.tag }}\n");
    refuses(&[(
        &format!("{head}{BUILD}"),
        &format!("{job}{head}{tags}"),
        "11:14: `$(…)` is more shell than can be read here",
    )]);
}

/// A job before the build that prints the version.
const VERSION: &str = "  version:
    runs-on: ubuntu-24.04
    steps:
      - id: v
        run: echo \"version=${GITHUB_REF_NAME#v}\" >> $GITHUB_OUTPUT
  release:
";

#[test]
fn a_job_that_does_more_than_to_work_out_the_version_is_refused() {
    assert_eq!(migrated("  release:\n", VERSION).refused, [""; 0]);
    let job = |line: &str| VERSION.replace("  version:\n", &format!("  version:\n    {line}\n"));
    let step = |line: &str| VERSION.replace("      - id: v\n", &format!("      - id: v\n        {line}\n"));
    refuses(&[
        ("  release:\n", &job("environment: production"), "15:5: `environment` of `version` has no place"),
        ("  release:\n", &job("if: vars.X"), "15:5: `if` of `version` has no place"),
        ("  release:\n", &step("if: vars.X"), "18:9: this step does not run for every tag"),
        (
            "  release:\n",
            &step("working-directory: x"),
            "18:9: `working-directory` of a step has no place in the new files",
        ),
    ]);
}

#[test]
fn defaults_that_change_what_is_built_are_refused() {
    let job = |line: &str| format!("  api:\n    defaults: {{{line}}}\n");
    assert_eq!(migrated("  api:\n", &job("run: {shell: bash}")).refused, [""; 0]);
    let directory = "`working-directory` of `defaults` has no place in the new files";
    refuses(&[
        ("  api:\n", &job("run: {shell: bash, working-directory: app}"), &format!("7:35: {directory}")),
        ("jobs:\n", "defaults: {run: {working-directory: app}}\njobs:\n", &format!("5:18: {directory}")),
        ("  release:\n", "  release:\n    defaults: {run: {working-directory: app}}\n", &format!("15:22: {directory}")),
        ("  api:\n", &job("run: {shell: pwsh}"), "7:22: `shell` of `defaults` has no place in the new files"),
    ]);
}

#[test]
fn the_token_of_a_release_is_kept_wherever_it_stands() {
    let gh = |arguments: &str, env: &str| {
        format!("      - env: {{{env}}}\n        run: gh release create \"$GITHUB_REF_NAME\" {arguments}\n")
    };
    let env = |text: &str| format!("{RELEASE}        env: {{{text}}}\n");
    for (new, token) in [
        (env("GITHUB_TOKEN: '${{ secrets.PAT }}'"), "token: ${{ secrets.PAT }}\n"),
        (gh("", "GH_TOKEN: '${{ secrets.PAT }}', GITHUB_TOKEN: x"), "token: ${{ secrets.PAT }}\n"),
        (
            gh("--repo $GITHUB_REPOSITORY", "GH_TOKEN: '${{ secrets.A || secrets.B }}'"),
            "token: ${{ secrets.A || secrets.B }}\n",
        ),
    ] {
        assert!(written(RELEASE, &new).contains(token), "{new}");
    }
    assert!(!written(RELEASE, &env("GITHUB_TOKEN: '${{ github.token }}'")).contains("token:"));
    let unknown = "the token `…` is known only when the workflow runs";
    let other = "it makes a release in another repository, `acme/other`";
    refuses(&[
        (RELEASE, &env("GITHUB_TOKEN: '${{ steps.app.outputs.token }}'"), &format!("21:29: {unknown}")),
        (RELEASE, &gh("", "GH_TOKEN: '${{ steps.app.outputs.token }}'"), &format!("19:14: {unknown}")),
        (RELEASE, &gh("-R acme/other", ""), &format!("19:14: {other}")),
        (RELEASE, &gh("", "GH_REPO: acme/other"), &format!("19:14: {other}")),
    ]);
}

#[test]
fn what_the_new_files_do_otherwise_is_said() {
    let release = |line: &str| format!("  release:\n    {line}\n");
    let step = |line: &str| format!("{BUILD}        {line}\n");
    let (runs_on, checkout) = ("    needs: api\n    runs-on: ubuntu-24.04\n", "      - uses: actions/checkout@v7\n");
    let history = "the checkout is of one commit, without history and tags";
    notes(&[
        (checkout, &format!("{checkout}        with: {{fetch-depth: 0}}\n"), &format!("10:16: {history}")),
        (checkout, &format!("{checkout}        with: {{fetch-tags: true}}\n"), &format!("10:16: {history}")),
        (runs_on, "    runs-on: own\n", "15:5: release-notes.yml runs on `ubuntu-24.04`"),
        ("  release:\n", &release("timeout-minutes: 5"), "15:5: `timeout-minutes` of `release` is left out"),
        (
            "  release:\n",
            &release("if: github.repository == 'acme/x'"),
            "15:5: the guard of `release` against forks is left out",
        ),
        (RELEASE, &format!("{RELEASE}        timeout-minutes: 5\n"), "21:9: `timeout-minutes` of a step is left out"),
        (BUILD, &step("timeout-minutes: 5"), "14:9: `timeout-minutes` of a step is left out"),
        (RELEASE, "      - run: echo done\n", "5:1: it makes no release, and the new files do"),
    ]);
    let no = "has no place in the new files";
    let buildx = format!("      - {{uses: docker/setup-buildx-action@v4, with: {{driver: docker}}}}\n{BUILD}");
    refuses(&[
        (BUILD, &step("shell: pwsh"), &format!("14:9: `shell` of a step {no}")),
        (BUILD, &buildx, "10:54: `driver` of docker/setup-buildx-action has no place"),
        (
            RELEASE,
            &format!("{RELEASE}        continue-on-error: true\n"),
            &format!("21:9: `continue-on-error` of a step {no}"),
        ),
        (
            RELEASE,
            &format!("{RELEASE}        working-directory: x\n"),
            &format!("21:9: `working-directory` of a step {no}"),
        ),
    ]);
}

/// The base image is on quay.io.
#[test]
fn every_login_is_kept_and_branches_get_those_that_they_pull_with() {
    let login = |host: &str| {
        let with = format!("{{registry: {host}, username: me, password: '${{{{ secrets.P }}}}'}}");
        format!("      - uses: docker/login-action@v4\n        with: {with}\n")
    };
    let line = |host: &str| format!("{host} me ${{{{ secrets.P }}}}\n");
    let [own, base, hub] = ["ghcr.io", "quay.io", "docker.io"].map(line);
    let files = written(BUILD, &(login("ghcr.io") + &login("quay.io") + &login("docker.io") + BUILD));
    let (ci, rest) = files.split_once("name: release-api\n").unwrap();
    let (build, notes) = rest.split_once("name: release-notes\n").unwrap();
    assert!(ci.contains(&format!("registry-auth: |\n{base}push: false\n")), "{ci}");
    assert!(build.contains(&format!("registry-auth: |\n{hub}{own}{base}")), "{build}");
    assert!(notes.contains(&format!("registry-auth: |\n{own}")) && !notes.contains("quay.io"), "{notes}");
}

#[test]
fn branches_may_read_the_packages_that_they_build_on() {
    let contexts = |reference: &str| format!("{BUILD}          build-contexts: base=docker-image://{reference}\n");
    assert!(!written(BUILD, BUILD).contains("packages: read # the base"));
    assert!(written(BUILD, &contexts("ghcr.io/acme/base:1")).contains("packages: read # the base images on ghcr.io\n"));
    for (dockerfile, reads) in [
        ("FROM ghcr.io/acme/base\n", true),
        ("FROM scratch\nCOPY --from=ghcr.io/acme/tool:1 /t /t\n", true),
        ("ARG FROM_HOST=ghcr.io\nFROM ${FROM_HOST}/acme/base\n", true),
        ("FROM debian:13\nLABEL a=ghcr.io/acme/base\n", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        assert_eq!(reads_ghcr(&repository, "Dockerfile", &bases(&repository, "Dockerfile")), reads, "{dockerfile}");
    }
}

#[test]
fn what_docker_reads_of_the_environment_is_refused() {
    let refused =
        |name: &str| format!("`{name}` in `env` changes how docker builds, and a called workflow gets no `env`");
    for name in ["DOCKER_DEFAULT_PLATFORM", "BUILDX_NO_DEFAULT_ATTESTATIONS", "SOURCE_DATE_EPOCH"] {
        let step = format!("{BUILD}        env: {{ {name}: \"1\" }}\n");
        let outcome = migrated(BUILD, &step);
        assert!(outcome.refused.iter().any(|remark| remark.ends_with(&refused(name))), "{:#?}", outcome.refused);
    }
    for name in ["DOCKER_BUILDKIT", "BUILDKIT_PROGRESS", "DOCKER_USERNAME"] {
        assert_eq!(migrated(BUILD, &format!("{BUILD}        env: {{ {name}: \"1\" }}\n")).refused, [""; 0], "{name}");
    }
}

#[test]
fn a_value_is_written_as_a_release_file_can_hold_it() {
    let job = |lines: &str| format!("  api:\n    {lines}\n");
    let of_job = |lines: &str| written("  api:\n    runs-on: ubuntu-24.04\n", &job(lines));
    let files = of_job("runs-on: \"${{ contains(github.ref_name, '-') && 'big' || 'small' }}\"");
    assert!(files.contains("contains((inputs.tag || github.ref_name), '-') && 'big' || 'small' }}\n"), "{files}");
    assert!(files.contains("runs-on: ${{ contains(github.ref_name, '-') && 'big' || 'small' }}\n"), "{files}");
    let one = "4:5: a release file names its runner by one label".replace("4:5", "7:14");
    let old = "  api:\n    runs-on: ubuntu-24.04\n";
    let minutes = |number: &str| job(&format!("runs-on: ubuntu-24.04\n    timeout-minutes: {number}"));
    let input = |line: &str| format!("{BUILD}          {line}\n");
    let title = |title: &str| format!("{RELEASE}          name: '{title}'\n");
    refuses(&[
        (old, &job("runs-on: \"${{ fromJSON('[1]') }}\""), &one),
        (
            old,
            &job("runs-on: big-${{ github.sha }}"),
            "7:14: `runs-on` holds `github.sha`, which is the branch's where an old tag is built by hand",
        ),
        (old, &minutes("4294967290"), "8:22: `4294967290` is no number of minutes"),
        (old, &minutes("0"), "8:22: `0` is no number of minutes"),
        (
            BUILD,
            &input("provenance: mode=max,builder-id=x"),
            "14:23: `provenance: mode=max,builder-id=x` has no place in a release file",
        ),
        (BUILD, &input("sbom: generator=x"), "14:17: `sbom: generator=x` has no place in a release file"),
        (BUILD, &input("build-args: '\"A=b,c\"'"), "14:23: a line of `build-args` stands in quotes"),
        (
            RELEASE,
            &title("{name} ${{ github.ref_name }}"),
            "21:17: the title `{name} {tag}` holds a brace, which begins a placeholder in a release file",
        ),
    ]);
    let two = RELEASE.replace("true", "${{ vars.X == 'y' }}");
    assert_eq!(
        migrated(RELEASE, &two).refused,
        ["20:35: the choice `${{ vars.X == 'y' }}` is known only when the workflow runs"]
    );
    let create = "      - {uses: actions/create-release@v1, with: {tag_name: '${{ github.ref }}', release_name: 'Shop ${{ github.ref }}'}}\n";
    assert!(written(RELEASE, create).contains("name: Shop {tag}\n"));
}

#[test]
fn the_version_of_metadata_is_that_of_its_first_line_by_priority() {
    let meta = |tags: &str| {
        format!(
            "      - id: meta
        uses: docker/metadata-action@v6
        with: {{images: \"ghcr.io/acme/api,acme/api\", tags: \"{tags}\"}}
      - uses: docker/build-push-action@v7
        with:
          push: ${{{{ github.ref_type == 'tag' }}}}
          tags: ${{{{ steps.meta.outputs.tags }}}}
          build-args: V=${{{{ steps.meta.outputs.version }}}}
"
        )
    };
    let files = written(BUILD, &meta("type=raw,value=x\\ntype=semver,pattern={{version}}"));
    assert!(files.contains("build-args: V={version}\n"), "{files}");
    // Each registry gets `latest` where the tag is no pre-release.
    let latest = |name: &str| format!("${{{{ !contains(inputs.tag || github.ref_name, '-') && '{name}' || '' }}}}\n");
    assert!(files.contains(&latest("latest")) && files.contains(&latest("docker.io/acme/api:latest")), "{files}");
    let moving = "type=sha,format=long\\ntype=raw,value=latest,enable=${{ !contains(github.ref, '-') }}";
    refuses(&[(BUILD, &meta(moving), "17:23: `build-args` holds `steps.meta.outputs.version`")]);
}

#[test]
fn what_starts_the_old_workflow_otherwise_is_said() {
    let script = "      - run: docker build --push -t ghcr.io/acme/api:$GITHUB_REF_NAME .\n";
    let tags = "    tags: [\"v*\"]\n";
    refuses(&[
        (BUILD, script, "10:14: `api` pushes for `push` of a branch too"),
        (
            BUILD,
            &BUILD.replace("push: ${{ github.ref_type == 'tag' }}", "outputs: type=image,push=true"),
            "12:20: `api` pushes for `push` of a branch too",
        ),
        (tags, "    tags: ['v*', 'api/*']\n", "3:11: `api/*` takes tags that hold a `/`"),
    ]);
    let cached = script.replace("--push", "--cache-from type=registry,ref=x");
    assert_eq!(migrated(BUILD, &cached).refused, ["1:1: it builds and pushes no image"]);
    let bake = migrated(BUILD, "      - uses: docker/bake-action@v7\n").refused;
    assert!(bake.contains(&"10:15: `api` pushes for `push` of a branch too".to_owned()), "{bake:?}");
    let fork = BUILD.replace("github.ref_type", "github.repository == 'a/b' && github.ref_type");
    let of_step = BUILD.replace("      - uses", "      - if: github.repository == 'a/b'\n        uses");
    let flags = |flags: &str| format!("{RELEASE}          {flags}\n");
    notes(&[
        (
            tags,
            "    tags: [nightly-*]\n",
            "3:11: a release whose tag is no version such as `v1.2.3` is never the latest",
        ),
        (
            "on:\n",
            "on:\n  workflow_dispatch: {inputs: {dry: {}}}\n",
            "2:3: a start by hand is for a tag, given as `tag`",
        ),
        (BUILD, &fork, "12:17: the guard of `push` against forks is left out"),
        (BUILD, &of_step, "10:9: the guard of this step against forks is left out"),
        (RELEASE, &flags("prerelease: false"), "21:23: `prerelease` is decided by the version"),
        (
            RELEASE,
            &format!("{RELEASE}      - {{if: failure(), run: make x}}\n"),
            "21:10: this step runs only where something went wrong",
        ),
        (RELEASE, &flags("make_latest: true"), "21:24: which release is the latest is decided by the version"),
    ]);
}

#[test]
fn a_place_is_that_of_the_line_also_after_a_value_of_several() {
    let step = format!(
        "{BUILD}          build-args: |\n            ${{{{ env.MANY }}}}\n            NAME\n        env: {{MANY: \"A=1\\nB=2\"}}\n"
    );
    refuses(&[(BUILD, &step, "16:13: `NAME` in `build-args` takes its value from the environment")]);
}

#[test]
fn a_dockerfile_that_nobody_builds_is_told_of_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for service in ["api", "web", "old"] {
        fs::create_dir_all(folder.path().join(service)).unwrap();
        fs::write(folder.path().join(service).join("Dockerfile"), "FROM scratch\n").unwrap();
    }
    let rows = "  api:\n    strategy: {matrix: {service: [api, web]}}\n";
    let workflow = WORKFLOW.replace("  api:\n", rows).replace("acme/api", "acme/${{ matrix.service }}");
    let workflow = workflow.replace("          push:", "          context: ${{ matrix.service }}\n          push:");
    fs::create_dir_all(folder.path().join(crate::repository::WORKFLOWS)).unwrap();
    let path = ".github/workflows/release.yml";
    let migrated = |workflow: &str| {
        fs::write(folder.path().join(path), workflow).unwrap();
        migrate(&Repository::open(folder.path()).unwrap(), path, &Source::default()).unwrap()
    };
    let migration = migrated(&workflow);
    assert!(migration.changed.is_some(), "{:#?}", migration.remarks);
    let said = "`check` will say of `old/Dockerfile`: no workflow builds this Dockerfile";
    assert!(migration.remarks.iter().any(|remark| remark.message == said), "{:#?}", migration.remarks);
    // release-notes.yml is taken.
    fs::rename(folder.path().join("old"), folder.path().join("notes")).unwrap();
    let migration = migrated(&workflow.replace("[api, web]", "[api, notes]"));
    let refused = migration.remarks.iter().find(|remark| remark.refused).unwrap();
    assert!(migration.changed.is_none() && refused.message.starts_with("`notes` would be built by"), "{refused:?}");
    assert_eq!(refused.at.line, 7);
}
