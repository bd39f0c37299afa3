//! The shapes that release workflows have in public repositories, each written anew here and named for the one that it
//! follows, migrated by the real program. `<shape>.out` holds what it says and shows; `UPDATE_EXPECT=1` writes it.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect_file;
use tempfile::TempDir;

/// (shape, whether it is refused)
const SHAPES: &[(&str, bool)] = &[
    ("targets", false),
    ("metadata", false),
    ("objects", false),
    ("script", false),
    ("suffixes", false),
    ("baked", false),
    ("definitions", false),
    ("platforms", true),
    ("dynamic", true),
    ("bake", true),
    ("published", true),
    ("cloud", true),
    ("order", true),
    ("signed", true),
    ("goreleaser", true),
];
const WORKFLOW: &str = ".github/workflows/release.yml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes")
}

/// A repository with the workflow and the files that its second comment lists.
fn repository(workflow: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let files = workflow.lines().find_map(|line| line.strip_prefix("# files: ")).unwrap_or_default();
    for file in files.split_whitespace() {
        // A bake file stands beside the shape, under the name that it has.
        let text = match file.rsplit_once('.') {
            Some((_, "hcl" | "json")) => fs::read_to_string(folder().join(file)).unwrap(),
            _ => "FROM scratch\nCOPY shared /shared\n".to_owned(),
        };
        put(root.path(), file, &text);
    }
    put(root.path(), "shared/lib", "");
    put(root.path(), WORKFLOW, workflow);
    root
}

fn put(root: &Path, path: &str, text: &str) {
    fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
    fs::write(root.join(path), text).unwrap();
}

fn run(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_release-pipelines"));
    command.env_clear().current_dir(root).args(arguments).output().unwrap()
}

/// Every file of a folder and its text.
fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(root).unwrap().display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_shape_is_migrated_or_refused_as_its_golden_file_says() {
    // .ci/lint reads what is written, as it reads our own workflows.
    let linted = Path::new(env!("CARGO_TARGET_TMPDIR")).join("migrated");
    let _ = fs::remove_dir_all(&linted);
    for (shape, refused) in SHAPES {
        let root = repository(&fs::read_to_string(folder().join(format!("{shape}.yml"))).unwrap());
        let before = tree(root.path());
        let shown = run(root.path(), &["migrate", "--dry-run"]);
        assert_eq!(shown.status.code(), Some(i32::from(*refused)), "{shape}: {}", text(&shown.stderr));
        assert_eq!(tree(root.path()), before, "{shape}: a dry run wrote");
        expect_file![folder().join(format!("{shape}.out"))].assert_eq(&(text(&shown.stderr) + &text(&shown.stdout)));
        let written = run(root.path(), &["migrate", "--yes"]);
        assert_eq!(written.status.code(), shown.status.code(), "{shape}");
        if *refused {
            assert_eq!(tree(root.path()), before, "{shape}: it was refused and written");
            assert_eq!(text(&written.stdout), "", "{shape}");
            continue;
        }
        let check = run(root.path(), &["check"]);
        assert_eq!(check.status.code(), Some(0), "{shape}: {}", text(&check.stdout));
        for (path, bytes) in tree(&root.path().join(".github/workflows")) {
            put(&linted.join(shape), &path, &text(&bytes));
        }
        assert_eq!(
            fs::read(root.path().join(format!("{WORKFLOW}.archived"))).unwrap(),
            before.iter().find(|(path, _)| path == WORKFLOW).unwrap().1
        );
    }
}

/// One target as `buildx bake --print` shows it, from what the release file says: with the context, as its Dockerfile stands below it.
fn target(release: &serde_json::Value) -> serde_json::Value {
    let with = &release["jobs"]["image"]["with"];
    let known = [("{tag}", "v1.2.3"), ("{version}", "1.2.3"), ("{revision}", "0123456789abcdef")];
    let text = |name: &str, otherwise: &str| {
        let text = with[name].as_str().unwrap_or(otherwise).trim();
        known.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    };
    let map = |name: &str| {
        text(name, "")
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect::<serde_json::Map<_, _>>()
    };
    let (image, context) = (text("image", ""), text("context", "."));
    let repository = image.rsplit_once(':').unwrap().0.to_owned();
    let extra = text("extra-tags", "");
    let extra = extra.split_whitespace().map(|tag| format!("{repository}:{tag}"));
    let tags = [image.clone()].into_iter().chain(extra).collect::<Vec<_>>();
    let dockerfile = text("dockerfile", "");
    let mut target = serde_json::json!({
        "context": context,
        "dockerfile": dockerfile.strip_prefix(&format!("{context}/")).unwrap_or(&dockerfile),
        "tags": tags,
    });
    let mut put = |key: &str, value: serde_json::Value| target[key] = value;
    [("args", "build-args"), ("labels", "labels")]
        .into_iter()
        .filter(|(_, input)| !with[input].is_null())
        .for_each(|(key, input)| put(key, map(input).into()));
    if with["target"].is_string() {
        put("target", text("target", "").into());
    }
    if with["platforms"].is_string() {
        put("platforms", text("platforms", "").split(',').collect());
    }
    target
}

#[test]
#[ignore = "needs buildx, which tests/e2e/build.sh has"]
fn buildx_reads_bake_files_as_they_are_read_here() {
    for (shape, arguments) in [
        (
            "baked",
            "-f baked.hcl --set *.platform=linux/amd64 --set *.platform=linux/arm64 --set *.args.COMMIT=0123456789abcdef --set node.args.PORT=57292 services",
        ),
        ("definitions", "-f definitions.json tools"),
    ] {
        let root = repository(&fs::read_to_string(folder().join(format!("{shape}.yml"))).unwrap());
        let printed = Command::new("buildx")
            .args(["bake", "--print"])
            .args(arguments.split(' '))
            .current_dir(root.path())
            .env("HOME", root.path())
            .envs([("TAG", "v1.2.3"), ("VERSION", "1.2.3"), ("REGISTRY", "ghcr.io/acme")])
            .output()
            .unwrap();
        assert!(printed.status.success(), "{}", text(&printed.stderr));
        let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        let targets = printed["target"].as_object().unwrap();
        assert!(targets.len() > 1);
        assert_eq!(run(root.path(), &["migrate", "--yes"]).status.code(), Some(0));
        for (name, printed) in targets {
            let release =
                fs::read_to_string(root.path().join(format!(".github/workflows/release-{name}.yml"))).unwrap();
            let mut printed = printed.clone();
            let said = printed.as_object_mut().unwrap();
            // How it is pushed, and whether bases are looked up anew, is said elsewhere.
            said.retain(|key, _| key != "output" && key != "pull");
            assert_eq!(target(&serde_saphyr::from_str(&release).unwrap()), printed, "{name}");
        }
    }
}

#[test]
fn at_least_half_of_the_shapes_are_refused_and_each_names_its_repository() {
    let refused = SHAPES.iter().filter(|(_, refused)| *refused).count();
    assert!(SHAPES.len() >= 10 && refused * 2 >= SHAPES.len());
    for (shape, _) in SHAPES {
        let text = fs::read_to_string(folder().join(format!("{shape}.yml"))).unwrap();
        assert!(text.starts_with("# Follows the shape of "), "{shape}");
    }
}

/// What is there after a migration is missed when it goes or gets another name.
#[test]
fn whatever_of_a_migrated_repository_is_deleted_or_renamed_is_found() {
    for (shape, _) in SHAPES.iter().filter(|(_, refused)| !refused) {
        let root = repository(&fs::read_to_string(folder().join(format!("{shape}.yml"))).unwrap());
        assert_eq!(run(root.path(), &["migrate", "--yes"]).status.code(), Some(0));
        let files = tree(root.path()).into_iter().map(|(path, _)| path);
        // What no workflow reads any more is nobody's business. Of `shared`, every Dockerfile copies the folder as a whole.
        let unread = [".archived", ".hcl", ".json", "shared/lib"];
        let files = files.filter(|path| !unread.iter().any(|end| path.ends_with(end)));
        for path in files.chain(["shared".to_owned()]) {
            let (from, to) = (root.path().join(&path), root.path().join(format!("{path}.gone")));
            fs::rename(&from, &to).unwrap();
            assert_eq!(run(root.path(), &["check"]).status.code(), Some(1), "{shape}: nobody misses {path}");
            fs::rename(&to, &from).unwrap();
            if path.starts_with(".github/workflows") {
                let other = from.with_file_name("another.yml");
                fs::rename(&from, &other).unwrap();
                assert_eq!(
                    run(root.path(), &["check"]).status.code(),
                    Some(1),
                    "{shape}: {path} may have another name"
                );
                fs::rename(&other, &from).unwrap();
            }
        }
        assert_eq!(run(root.path(), &["check"]).status.code(), Some(0), "{shape}");
    }
}

/// The shown diff is the change: git makes the same files of it.
#[test]
fn git_takes_the_diff() {
    let workflow = fs::read_to_string(folder().join("objects.yml")).unwrap();
    let (by_us, by_git) = (repository(&workflow), repository(&workflow));
    let diff = run(by_us.path(), &["migrate", "--yes"]).stdout;
    fs::write(by_git.path().join("change.diff"), diff).unwrap();
    let git = Command::new("git").args(["apply", "change.diff"]).current_dir(by_git.path()).output().unwrap();
    assert!(git.status.success(), "{}", text(&git.stderr));
    fs::remove_file(by_git.path().join("change.diff")).unwrap();
    assert_eq!(tree(by_git.path()), tree(by_us.path()));
}

/// (what is wrong, the workflow as bytes, what is said)
#[test]
fn a_file_that_is_no_workflow_is_refused_and_nothing_is_written() {
    let bomb = (1..40).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        text + &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))
    });
    for (name, bytes, said) in [
        ("broken", b"jobs: [a\n".to_vec(), "release.yml:"),
        ("empty", b"".to_vec(), "no tag starts it"),
        ("a list", b"- a\n- b\n".to_vec(), "no tag starts it"),
        ("a key twice", b"on: push\non: pull_request\n".to_vec(), "duplicate"),
        ("two documents", b"on: push\n---\non: push\n".to_vec(), "document"),
        ("no UTF-8", b"name: \xff\n".to_vec(), "is not UTF-8"),
        ("huge", [b"on: push\n#".to_vec(), vec![b'x'; 2 << 20]].concat(), "is larger than 1 MiB"),
        ("a bomb", bomb.into_bytes(), "release.yml:"),
        ("deep", vec![b'['; 100_000], "release.yml:"),
        ("an anchor that is not there", b"on: *nobody\n".to_vec(), "release.yml:"),
    ] {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), WORKFLOW, "");
        fs::write(root.path().join(WORKFLOW), &bytes).unwrap();
        let before = tree(root.path());
        let run = run(root.path(), &["migrate", "--yes"]);
        assert_ne!(run.status.code(), Some(0), "{name}");
        let stderr = text(&run.stderr);
        assert!(stderr.contains(said), "{name}: {stderr}");
        assert!(!stderr.contains("panicked"), "{name}: {stderr}");
        assert_eq!(tree(root.path()), before, "{name}");
    }
}

#[test]
fn anchors_are_followed_and_their_files_are_plain() {
    let workflow = fs::read_to_string(folder().join("suffixes.yml")).unwrap();
    let anchored =
        workflow.replace("context: ./\n", "context: &root ./\n").replace("context: ./src/cart\n", "context: *root\n");
    let root = repository(&anchored);
    let run = run(root.path(), &["migrate", "--yes"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let cart = fs::read_to_string(root.path().join(".github/workflows/release-cart.yml")).unwrap();
    assert!(!cart.contains("context:") && !cart.contains('&'), "{cart}");
}

#[test]
fn a_link_out_of_the_repository_is_neither_read_nor_written() {
    let workflow = fs::read_to_string(folder().join("suffixes.yml")).unwrap();
    let outside = tempfile::tempdir().unwrap();
    // The workflow itself.
    let root = repository(&workflow);
    put(outside.path(), "release.yml", &workflow);
    fs::remove_file(root.path().join(WORKFLOW)).unwrap();
    std::os::unix::fs::symlink(outside.path().join("release.yml"), root.path().join(WORKFLOW)).unwrap();
    let run_it = run(root.path(), &["migrate", "--yes"]);
    assert_eq!(run_it.status.code(), Some(2));
    assert!(text(&run_it.stderr).contains("leads out of the repository"), "{}", text(&run_it.stderr));
    let given = run(root.path(), &["migrate", "--yes", "../release.yml"]);
    assert!(text(&given.stderr).contains("leads out of the repository"), "{}", text(&given.stderr));
    // A Dockerfile.
    let root = repository(&workflow);
    put(outside.path(), "Dockerfile", "FROM scratch\n");
    fs::remove_file(root.path().join("src/ads/Dockerfile")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("Dockerfile"), root.path().join("src/ads/Dockerfile")).unwrap();
    let run_it = run(root.path(), &["migrate", "--yes"]);
    assert!(
        text(&run_it.stderr).contains("the Dockerfile `./src/ads/Dockerfile` of `ads` is not there"),
        "{}",
        text(&run_it.stderr)
    );
    // The folder to write to.
    let root = repository(&workflow);
    fs::rename(root.path().join(".github"), outside.path().join("github")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("github"), root.path().join(".github")).unwrap();
    let before = tree(outside.path());
    assert_eq!(run(root.path(), &["migrate", "--yes"]).status.code(), Some(2));
    assert_eq!(tree(outside.path()), before);
}

#[test]
fn nothing_is_written_that_was_not_agreed_to() {
    let root = repository(&fs::read_to_string(folder().join("suffixes.yml")).unwrap());
    let before = tree(root.path());
    let asked = run(root.path(), &["migrate"]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(
        text(&asked.stderr).contains("nothing was written: `--yes` writes these 6 files"),
        "{}",
        text(&asked.stderr)
    );
    assert_eq!(text(&asked.stdout), text(&run(root.path(), &["diff"]).stdout));
    assert_eq!(tree(root.path()), before);
}

#[test]
fn a_file_that_is_there_already_stays() {
    let root = repository(&fs::read_to_string(folder().join("suffixes.yml")).unwrap());
    put(root.path(), ".github/workflows/ci-ads.yml", "name: mine\non: push\njobs: {}\n");
    let before = tree(root.path());
    let run = run(root.path(), &["migrate", "--yes"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("`.github/workflows/ci-ads.yml` is there already"), "{}", text(&run.stderr));
    assert_eq!(tree(root.path()), before);
}

/// A seventh service is one command, and everything fits after it.
#[test]
fn a_service_is_added_to_what_is_there() {
    let root = repository(&fs::read_to_string(folder().join("suffixes.yml")).unwrap());
    let migrated = run(root.path(), &["migrate", "--yes", "--actions", "acme/actions@0123abc"]);
    assert_eq!(migrated.status.code(), Some(0));
    put(root.path(), "src/mail/Dockerfile", "FROM scratch\n");
    let add =
        ["add", "mail-service", "--dockerfile", "./src/mail/Dockerfile", "--platforms", "linux/amd64,linux/arm64"];
    let added = run(root.path(), &[&add[..], &["--yes"]].concat());
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    expect_file![folder().join("add.out")].assert_eq(&text(&added.stdout));
    let check = run(root.path(), &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    let list = text(&run(root.path(), &["list"]).stdout);
    expect_test::expect![[r"
        service       dockerfile               release           branches     image
        ads           src/ads/Dockerfile       release-ads.yml   ci-ads.yml   ghcr.io/acme/demo:{tag}-ads
        cart          src/cart/src/Dockerfile  release-cart.yml  ci-cart.yml  ghcr.io/acme/demo:{tag}-cart
        mail-service  src/mail/Dockerfile      release-mail.yml  ci-mail.yml  default
    "]]
    .assert_eq(&list);
    let before = tree(root.path());
    for (arguments, said) in [
        (&add[..], "is released by .github/workflows/release-mail.yml already"),
        (&["add", "x", "--dockerfile", "nowhere"], "is not in the repository"),
        (&["add", "x", "--dockerfile", "/etc/hostname"], "is not in the repository"),
        (&["add", "Bad Name", "--dockerfile", "src/mail/Dockerfile"], "is not a service name"),
        (
            &["add", "mail", "--dockerfile", "src/mail/Dockerfile"],
            "`.github/workflows/release-mail.yml` is there already",
        ),
        (&["add", "x", "--dockerfile", "src/mail/Dockerfile", "--context", "gone"], "is no folder"),
    ] {
        let refused = run(root.path(), &[arguments, &["--yes"]].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains(said), "{arguments:?}: {}", text(&refused.stderr));
        assert_eq!(tree(root.path()), before, "{arguments:?}");
    }
}

#[test]
fn the_first_service_of_a_repository_brings_the_release() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "Dockerfile", "FROM scratch\n");
    assert_eq!(run(root.path(), &["add", "api", "--dockerfile", "Dockerfile", "--yes"]).status.code(), Some(0));
    let files = tree(root.path()).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    let workflows =
        ["ci-api.yml", "release-api.yml", "release-notes.yml"].map(|file| format!(".github/workflows/{file}"));
    assert_eq!(files[..3], workflows);
    assert_eq!(run(root.path(), &["check"]).status.code(), Some(0));
}
