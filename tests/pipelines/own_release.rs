//! This repository releases itself: its own workflows are run with the release tree of before, the tree that comes of them is
//! published, and then it is what runs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::act::Event;
use super::shop::{Shop, TAG, root, variable};
use crate::e2e::place::printed;

/// The workflows that build the images, with the images.
const RELEASES: [(&str, &str); 3] = [
    ("release-build-and-signal", "build-and-signal"),
    ("release-release-pipelines", "release-pipelines"),
    ("release-wait-and-release", "wait-and-release"),
];
/// In place of the stages that compile, which release.sh builds: what they leave, as the script exported it.
const COMPILED: &str = "FROM scratch AS rust\nCOPY etc /etc\nFROM scratch AS buildx\nCOPY buildx /buildx\n\
                        FROM scratch AS build\nCOPY out /out\nFROM build AS build-tool\n";

/// The source as it is committed, but for what no runner on this machine can do.
async fn source(shop: &Shop) {
    let copy = async |path: &str| {
        let to = PathBuf::from(shop.path("repository")).join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = root().join(path).display().to_string();
        printed("cp", &["--recursive", &from, &to.display().to_string()]).await;
    };
    for path in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "actions", ".github/workflows"] {
        copy(path).await;
    }
    for (file, _) in RELEASES {
        let path = format!(".github/workflows/{file}.yml");
        let text = shop.read(&path).unwrap();
        // `sign-image.yml` is run by release.sh.
        let (unsigned, _) = text.split_once("\n  sign:\n").unwrap();
        shop.write(&path, &format!("{unsigned}\n"));
    }
    // The tag of these tests is no candidate's.
    for name in RELEASES.map(|(file, _)| file).into_iter().chain(["release-notes"]) {
        let path = format!(".github/workflows/{name}.yml");
        shop.write(&path, &shop.read(&path).unwrap().replace("-rc.[0-9]+", ""));
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

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn this_repository_releases_itself_and_what_it_released_runs() {
    let mut shop = Shop::of("org", "release-actions").await;
    source(&shop).await;
    shop.tag().await;
    let pushed = Event::pushed();
    let builds = async {
        for (file, _) in RELEASES {
            shop.act(file, &pushed).await.is(true);
        }
    };
    let (notes, ()) = tokio::join!(shop.act("release-notes", &pushed), builds);
    notes.is(true);
    shop.is_full_of(RELEASES.map(|(_, service)| service)).await;

    // The lock file of that release is all that the tree is made of.
    let release = shop.world.release(TAG).unwrap();
    let lock = shop.path("images.lock.json");
    std::fs::write(&lock, &release.asset("images.lock.json").unwrap().content).unwrap();
    let (tree, remote) = (shop.path("tree"), shop.path("remote.git"));
    xtask(&["dist", "--images", &lock, "--out", &tree, "--source", &shop.path("repository")]).await;
    printed("git", &["init", "--quiet", "--bare", &remote]).await;
    let told = xtask(&["set-tags", "--tree", &tree, "--version", "v1.0.1", "--remote", &remote]).await;
    assert_eq!(told.lines().count(), 3, "{told}");
    let images: Value = serde_json::from_slice(&release.asset("images.lock.json").unwrap().content).unwrap();
    for action in ["build-and-signal", "wait-and-release"] {
        let text = printed("git", &["--git-dir", &remote, "show", &format!("v1:{action}/action.yml")]).await;
        let rendered: Value = serde_saphyr::from_str(&text).unwrap();
        let pinned = images["images"][action]["pinned"].as_str().unwrap();
        assert_eq!(rendered["runs"]["image"], format!("docker://{pinned}"), "{action}");
    }

    // From here on `@v1` is that tree: it proves what is there, builds nothing anew, and finds nothing to do.
    shop.take_tree(Path::new(&tree)).await;
    for (file, _) in RELEASES {
        shop.act(file, &pushed).await.is(true).says("verified");
    }
    shop.act("release-notes", &Event::woken("workflow_dispatch", serde_json::json!({ "inputs": { "tag": TAG } })))
        .await
        .is(true)
        .says("unchanged");
}
