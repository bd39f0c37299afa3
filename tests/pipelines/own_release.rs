//! This repository releases itself: its own workflows are run with the release tree of before, the tree that comes of them is
//! published, and then it is what runs.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::Environment;
use serde_json::{Value, json};

use super::act::Event;
use super::shop::{Shop, root, variable};
use crate::e2e::place::printed;

/// What was released before, the candidate, and the version that it becomes.
const BEFORE: &str = "v1.0.0";
const CANDIDATE: &str = "v1.0.1-rc.1";
const VERSION: &str = "v1.0.1";
/// The workflows that build the images, with the images.
const RELEASES: [(&str, &str); 3] = [
    ("release-build-and-signal", "build-and-signal"),
    ("release-release-pipelines", "release-pipelines"),
    ("release-wait-and-release", "wait-and-release"),
];
/// In place of the stages that compile, which release.sh builds: what they leave, as the script exported it.
const COMPILED: &str = "FROM scratch AS rust\nCOPY etc /etc\nFROM scratch AS buildx\nCOPY buildx /buildx\n\
                        FROM scratch AS build\nCOPY out /out\nFROM build AS build-tool\n";

/// What stands for cosign: keyless verification needs Sigstore. It lets pass what a file beside it lists, word by word.
const COSIGN: &str = "#!/bin/sh\ngrep --quiet --line-regexp --fixed-strings -e \"$*\" \"$0.lets-pass\"\n";
/// What stands for GitHub's program, which speaks https alone.
const GH: &str = r#"#!/bin/sh
ask() { curl --silent --show-error --fail --header "Authorization: Bearer $GH_TOKEN" "$@"; }
case "$1 $2 $4 $6" in
"release download --repo --pattern")
    asset=$(ask "$GITHUB_API_URL/repos/$5/releases/tags/$3" | jq -er --arg name "$7" '.assets[] | select(.name == $name) | .url')
    ask --header "Accept: application/octet-stream" --output "$7" "$asset" ;;
"api $2 $4 ") ask "$GITHUB_API_URL/$2" | jq -er "$4" ;;
*) echo "gh $*: not here" >&2; exit 2 ;;
esac
"#;
/// What the remote runs when tags came: the simulated GitHub learns of them before the push ends.
const HOOK: &str = "#!/bin/sh\ntouch came\nwhile [ -e came ]; do sleep 0.1; done\n";

/// The source as it is committed, but for what no runner on this machine can do.
async fn source(shop: &Shop) {
    let copy = async |path: &str| {
        let to = PathBuf::from(shop.path("repository")).join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = root().join(path).display().to_string();
        printed("cp", &["--recursive", &from, &to.display().to_string()]).await;
    };
    let tree = ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "actions", ".github/workflows"];
    let workspace =
        [".cargo", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "crates", "tests/Cargo.toml", "tests/main.rs"];
    for path in tree.into_iter().chain(workspace) {
        copy(path).await;
    }
    for (file, _) in RELEASES {
        let path = format!(".github/workflows/{file}.yml");
        let text = shop.read(&path).unwrap();
        // `sign-image.yml` is run by release.sh.
        let (unsigned, _) = text.split_once("\n  sign:\n").unwrap();
        shop.write(&path, &format!("{unsigned}\n"));
    }
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let (_, images) = dockerfile.split_once("\nFROM scratch AS wait-and-release\n").unwrap();
    shop.write("Dockerfile", &format!("{COMPILED}FROM scratch AS wait-and-release\n{images}"));
    let programs = PathBuf::from(variable("E2E_PROGRAMS"));
    let repository = PathBuf::from(shop.path("repository"));
    let put = |from: &str, to: &str| {
        std::fs::create_dir_all(repository.join(to).parent().unwrap()).unwrap();
        std::fs::copy(programs.join(from), repository.join(to)).unwrap();
    };
    // buildx asks registries for tokens itself, and has no roots of its own.
    put("etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt");
    put("buildx", "buildx");
    put("wait-and-release", "out/wait-and-release/wait-and-release");
    put("build-and-signal", "out/build-and-signal/build-and-signal");
    put("release-pipelines", "out/release-pipelines/release-pipelines");
    std::os::unix::fs::symlink("build-and-signal", repository.join("out/build-and-signal/build-and-signal-post"))
        .unwrap();
}

async fn xtask(arguments: &[&str]) -> String {
    let manifest = root().join("Cargo.toml").display().to_string();
    let cargo = ["run", "--quiet", "--locked", "--manifest-path", &manifest, "--package", "xtask", "--"];
    printed("cargo", &[&cargo[..], arguments].concat()).await
}

/// What `publish.yml` and `check-published.yml` call and no runner on this machine has, and the remote that they push to.
async fn outfit(shop: &mut Shop, remote: &str) {
    let home = shop.path("home");
    std::fs::create_dir_all(format!("{home}/.docker/cli-plugins")).unwrap();
    std::fs::create_dir(shop.path("bin")).unwrap();
    let program = |path: &str, text: &str| {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program(&shop.path("bin/cosign"), COSIGN);
    program(&shop.path("bin/gh"), GH);
    // The runs have another address of the daemon, that of containers.
    let (path, daemon) = (variable("PATH"), variable("DOCKER_HOST"));
    program(&shop.path("bin/docker"), &format!("#!/bin/sh\nPATH={path} DOCKER_HOST={daemon} exec docker \"$@\"\n"));
    let buildx = printed("sh", &["-c", "command -v buildx"]).await;
    std::os::unix::fs::symlink(buildx, format!("{home}/.docker/cli-plugins/docker-buildx")).unwrap();
    program(&format!("{remote}/hooks/post-receive"), HOOK);
    let ssh = format!("git@github.com:{}.git", shop.repository);
    std::fs::write(format!("{home}/.gitconfig"), format!("[url \"{remote}\"]\n\tinsteadOf = {ssh}\n")).unwrap();
    // `cargo xtask` compiles what is checked out; the crates of others are there.
    let (own, target) = (Environment::capture(), root().join("target").display().to_string());
    let (cargo, rustup) = (format!("{}/.cargo", variable("HOME")), format!("{}/.rustup", variable("HOME")));
    for (name, default) in [("CARGO_HOME", cargo), ("RUSTUP_HOME", rustup), ("CARGO_TARGET_DIR", target)] {
        shop.environment.insert(name, own.get(name).map_or(default, ToOwned::to_owned));
    }
    shop.environment
        .extend(["CARGO_NET_OFFLINE", "CARGO_INCREMENTAL"].into_iter().zip(["true".to_owned(), "0".to_owned()]));
}

/// What the remote's tags name.
async fn tags(remote: &str) -> BTreeMap<String, String> {
    let listed =
        printed("git", &["--git-dir", remote, "tag", "--list", "--format", "%(refname:short) %(objectname)"]).await;
    listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(tag, commit)| (tag.to_owned(), commit.to_owned()))
        .collect()
}

/// The lock file of a full release.
fn lock(shop: &Shop, tag: &str) -> Value {
    let release = shop.world.release(tag).unwrap_or_else(|| panic!("no release of {tag}"));
    assert!(!release.draft, "{release:?}");
    serde_json::from_slice(&release.asset("images.lock.json").unwrap().content).unwrap()
}

/// Tells the simulated GitHub what was pushed to the remote, for ever.
async fn mirror(shop: &Shop, remote: &str) {
    let came = PathBuf::from(remote).join("came");
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if came.exists() {
            for (tag, commit) in tags(remote).await {
                if tag != CANDIDATE {
                    shop.world.import_commit(&commit, "Render", []);
                    shop.world.tag(&tag, &commit);
                }
            }
            shop.world.branch("main", &shop.commit().await);
            std::fs::remove_file(&came).unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn this_repository_releases_itself_and_what_it_released_runs() {
    let mut shop = Shop::of("org", "release-actions").await;
    CANDIDATE.clone_into(&mut shop.tag_name);
    source(&shop).await;
    shop.tag().await;
    // The first release, by hand.
    let remote = shop.path("remote.git");
    printed("git", &["init", "--quiet", "--bare", &remote]).await;
    shop.git(&["push", "--quiet", &remote, CANDIDATE]).await;
    xtask(&["set-tags", "--tree", &variable("E2E_TREE"), "--version", BEFORE, "--remote", &remote]).await;
    let before = tags(&remote).await;
    outfit(&mut shop, &remote).await;

    let pushed = Event::pushed_as(CANDIDATE);
    let builds = async {
        for (file, _) in RELEASES {
            shop.act(file, &pushed).await.is(true);
        }
    };
    let (notes, ()) = tokio::join!(shop.act("release-notes", &pushed), builds);
    notes.is(true);
    let candidate = lock(&shop, CANDIDATE);
    let images = candidate["images"].as_object().unwrap();
    assert!(images.keys().eq(RELEASES.map(|(_, service)| service)), "{candidate}");
    for (service, image) in images {
        let (state, description) = shop.signal(service).await;
        assert!(state == "success" && description.starts_with(image["digest"].as_str().unwrap()), "{description}");
    }
    assert!(shop.world.release(CANDIDATE).unwrap().prerelease);

    // Nothing is published of images that are not signed, by that workflow and from that tag.
    let publish = Event::woken("workflow_dispatch", json!({ "inputs": { "candidate": CANDIDATE } }));
    shop.act("publish", &publish).await.is(false).says("Failure - Main the images are signed");
    assert_eq!((tags(&remote).await, shop.world.releases().len()), (before.clone(), 1));
    let (issuer, server) = ("https://token.actions.githubusercontent.com", shop.github.url());
    let signed = images.values().map(|image| {
        let pinned = image["pinned"].as_str().unwrap();
        let workflow = format!("{server}/org/release-actions/.github/workflows/sign-image.yml@refs/tags/{CANDIDATE}");
        format!("verify {pinned} --certificate-oidc-issuer {issuer} --certificate-identity {workflow}\n")
    });
    std::fs::write(shop.path("bin/cosign.lets-pass"), signed.collect::<String>()).unwrap();
    tokio::select! {
        ended = shop.act("publish", &publish) => { ended.is(true); }
        () = mirror(&shop, &remote) => {}
    }

    // The tree comes of the lock file alone, so that it can be rendered again.
    let (file, tree) = (shop.path("images.lock.json"), shop.path("tree"));
    std::fs::write(&file, candidate.to_string()).unwrap();
    let chain = xtask(&["dist", "--images", &file, "--out", &tree, "--source", &shop.path("repository")]).await;
    let rendered = chain.lines().last().unwrap().split([' ', '@']).nth(1).unwrap().to_owned();
    let mut expected = before;
    expected.extend([VERSION, "v1.0", "v1"].map(|tag| (tag.to_owned(), rendered.clone())));
    assert_eq!(tags(&remote).await, expected);
    for action in ["build-and-signal", "wait-and-release"] {
        let text = printed("git", &["--git-dir", &remote, "show", &format!("v1:{action}/action.yml")]).await;
        let rendered: Value = serde_saphyr::from_str(&text).unwrap();
        let pinned = images[action]["pinned"].as_str().unwrap();
        assert_eq!(rendered["runs"]["image"], format!("docker://{pinned}"), "{action}");
    }
    // Its release is full: the same images by the version's tag.
    let version = lock(&shop, VERSION);
    assert_eq!((&version["commit"], &version["tag"]), (&json!(rendered), &json!(VERSION)));
    for (service, image) in images {
        let released = &version["images"][service];
        assert_eq!(released["image"], format!("ghcr.io/org/release-actions/{service}:1.0.1"));
        assert_eq!(released["pinned"], image["pinned"], "{service}");
    }
    assert_eq!(version["images"].as_object().unwrap().len(), images.len());
    assert!(!shop.world.release(VERSION).unwrap().prerelease);

    // From here on `@v1` is that tree: it runs, proves what is there, builds nothing anew, and finds nothing to do.
    shop.take_tree(Path::new(&tree)).await;
    shop.act("check-published", &Event::woken("workflow_dispatch", json!({}))).await.is(true);
    for (file, _) in RELEASES {
        shop.act(file, &pushed).await.is(true).says("verified");
    }
    let again = Event::woken("workflow_dispatch", json!({ "inputs": { "tag": CANDIDATE } }));
    shop.act("release-notes", &again).await.is(true).says("unchanged");
}
