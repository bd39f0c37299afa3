//! `cargo demo`: one release told from beginning to end, on loopback. Six services build on their own, one fails; the real
//! `wait-and-release` publishes a partial release, and a full one after the failed service was built again.
//!
//! `world`: the repository and its builds. `push`: how an image gets to the registry. `action`: how a runner runs the
//! binary. `page`: the release page as HTML. `screen`: what is printed. Here: the story, and what must come of it.

mod action;
mod page;
mod push;
mod screen;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::action::{Action, Ended, Event};
use crate::screen::Screen;
use crate::world::{ACTOR, BROKEN, RELEASE_TOKEN, REPOSITORY, Shop, TAG};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match demo().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen::complaint(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> anyhow::Result<()> {
    // The HTTP clients here leave it to the program to say who does TLS, though all of this is plain http.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let action = Action::build().await?;
    let pages = Pages::empty(action.pages()?)?;
    let shop = Shop::open().await?;
    let screen = Screen::new();

    screen.heading("The stage: the action, a GitHub and a registry, all on this machine");
    screen.event("action", &format!("{}, built by cargo", below_root(&action.binary).display()));
    screen.event("github", &format!("{} with {REPOSITORY}: v0.3.0 is the latest release", shop.server_url()));
    screen.event("registry", &format!("{}, token authentication as on ghcr.io, empty", shop.registry_host()));

    let image = format!("{}/{{repository}}/{{service}}:{{version}}", shop.registry_host());
    let login = format!("{} {ACTOR} {RELEASE_TOKEN}", shop.registry_host());
    let with = [("image", image.as_str()), ("registry-auth", login.as_str())];
    let run = async |number: u8, event: &Event| {
        let folder = pages.folder.join(format!("runner/{number}"));
        let ended = action.run(&shop, event, &with, &folder, &screen).await?;
        let outputs = ["status", "missing", "release-change"].map(|name| format!("{name}={}", ended.output(name)));
        screen.event("outputs", &outputs.join("  "));
        pages.write(&format!("job-summary-{number}.md"), &ended.summary)?;
        anyhow::Ok(ended)
    };

    screen.heading(&format!("{ACTOR} pushes the tag {TAG}: six builds start, and wait-and-release waits for them"));
    shop.push_tag();
    let pushed = tag_push(&shop);
    let (digests, partial) = tokio::try_join!(shop.build_all(&screen), run(1, &pushed))?;
    expect(&partial, &[("status", "partial"), ("missing", BROKEN), ("release-change", "created")])?;

    screen.heading("The release page now, read back from GitHub: partial, with cause and cure");
    let first = shop.release().await?;
    check_partial(&first)?;
    show(&first);
    pages.save("release-partial", &first)?;

    screen.heading(&format!("{ACTOR} runs the failed build again, alone: gh run rerun --failed"));
    let mut digests = digests;
    digests.insert(BROKEN, shop.build_broken_again(&screen).await?);

    screen.heading("The end of that run wakes wait-and-release (workflow_run: completed), which looks once");
    let full = run(2, &build_ended(&shop).await?).await?;
    expect(&full, &[("status", "complete"), ("missing", ""), ("release-change", "updated")])?;

    screen.heading("The release page now: the same release, full");
    let release = shop.release().await?;
    ensure!(release["id"] == first["id"], "the full release is another one than the partial");
    let lock = check_full(&shop, &release, &digests).await?;
    show(&release);
    pages.save("release-full", &release)?;
    pages.write("images.lock.json", &lock)?;

    screen.heading("Somebody starts wait-and-release by hand: there is nothing left to do");
    let writes = shop.world.writes();
    let again = run(3, &by_hand(&shop)).await?;
    expect(&again, &[("status", "complete"), ("release-change", "unchanged")])?;
    ensure!(shop.world.writes() == writes, "the third run wrote to GitHub although nothing had changed");
    ensure!(shop.release().await? == release, "the third run changed the release");

    screen.heading(&format!("Done in {:.0} s, as promised: partial, then full, then unchanged", screen.seconds()));
    pages.list();
    Ok(())
}

/// The run that the tag push starts.
fn tag_push(shop: &Shop) -> Event {
    let git_ref = format!("refs/tags/{TAG}");
    let payload = json!({ "ref": git_ref, "created": true, "after": shop.commit, "repository": repository() });
    Event { name: "push", git_ref, sha: shop.commit.clone(), payload }
}

/// The run that the end of the repeated build starts, on the default branch.
async fn build_ended(shop: &Shop) -> anyhow::Result<Event> {
    let run = shop.broken_run().await?;
    let payload = json!({ "action": "completed", "workflow_run": run, "repository": repository() });
    Ok(Event { name: "workflow_run", git_ref: "refs/heads/main".to_owned(), sha: shop.commit.clone(), payload })
}

/// The run that a person starts.
fn by_hand(shop: &Shop) -> Event {
    let git_ref = "refs/heads/main".to_owned();
    let payload = json!({ "inputs": { "tag": TAG }, "ref": git_ref, "repository": repository() });
    Event { name: "workflow_dispatch", git_ref, sha: shop.commit.clone(), payload }
}

fn repository() -> Value {
    json!({ "full_name": REPOSITORY, "default_branch": "main" })
}

/// The run succeeded with these outputs.
fn expect(ended: &Ended, outputs: &[(&str, &str)]) -> anyhow::Result<()> {
    ensure!(ended.exit == Some(0), "wait-and-release ended with {:?} instead of 0", ended.exit);
    for (name, value) in outputs {
        let found = ended.output(name);
        ensure!(found == *value, "the output `{name}` is `{found}` instead of `{value}`");
    }
    Ok(())
}

fn text<'a>(release: &'a Value, field: &str) -> &'a str {
    release[field].as_str().unwrap_or_default()
}

fn check_partial(release: &Value) -> anyhow::Result<()> {
    let (title, body) = (text(release, "name"), text(release, "body"));
    ensure!(title == format!("{TAG} (partial: 5 of 6 images)"), "the partial release is called `{title}`");
    for promised in ["> [!WARNING]", &format!("**{BROKEN}**: its build failed"), "gh run rerun 7003 --failed"] {
        ensure!(body.contains(promised), "the partial release page does not say `{promised}`");
    }
    ensure!(release["assets"] == json!([]), "the partial release has a lock file");
    Ok(())
}

/// Gives the lock file back, downloaded.
async fn check_full(shop: &Shop, release: &Value, digests: &BTreeMap<&str, String>) -> anyhow::Result<String> {
    let (title, body) = (text(release, "name"), text(release, "body"));
    ensure!(title == TAG, "the full release is called `{title}`");
    ensure!(!body.contains("[!WARNING]"), "the full release page still warns");
    let asset = &release["assets"][0];
    ensure!(asset["name"] == "images.lock.json", "the full release has no images.lock.json");
    let lock = String::from_utf8(shop.download(text(asset, "browser_download_url")).await?)?;
    for (service, digest) in digests {
        ensure!(body.contains(digest), "the full release page does not name the digest of {service}, {digest}");
        ensure!(lock.contains(digest), "images.lock.json does not name the digest of {service}, {digest}");
    }
    Ok(lock)
}

/// The page as far as it is ours: the title, the warning, the images, the assets.
fn show(release: &Value) {
    let kind = if release["prerelease"] == true { "   [pre-release]" } else { "" };
    screen::quote(&format!("{}{kind}", text(release, "name")));
    let mut seen = text(release, "body").lines().filter(|line| !line.is_empty() && !line.starts_with("<!--"));
    let ours = seen.by_ref().take_while(|line| *line != "## What's Changed");
    screen::quote(&ours.map(short_digests).collect::<Vec<_>>().join("\n"));
    screen::quote(&format!("## What's Changed … ({} lines that GitHub generated)", seen.count()));
    for asset in release["assets"].as_array().into_iter().flatten() {
        screen::quote(&format!("[asset] {}, {} bytes", text(asset, "name"), asset["size"]));
    }
}

/// Digests as people read them; the files hold them whole.
fn short_digests(line: &str) -> String {
    let mut words = line.split("sha256:");
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let digits = word.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(word.len());
        format!("{text}sha256:{}…{}", &word[..digits.min(12)], &word[digits..])
    })
}

/// The path below the workspace, where it is there.
fn below_root(path: &Path) -> PathBuf {
    path.strip_prefix(action::root()).unwrap_or(path).to_path_buf()
}

/// Where everything is put that is worth a look afterwards.
struct Pages {
    folder: PathBuf,
}

impl Pages {
    fn empty(folder: PathBuf) -> anyhow::Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        std::fs::write(self.folder.join(name), text).with_context(|| format!("write {name}"))
    }

    /// The page as Markdown and as HTML.
    fn save(&self, name: &str, release: &Value) -> anyhow::Result<()> {
        self.write(&format!("{name}.md"), text(release, "body"))?;
        self.write(&format!("{name}.html"), &page::html(release))
    }

    fn list(&self) {
        for (name, what) in [
            ("release-partial.html", "the page with five images; .md beside it"),
            ("release-full.html", "the page with six; .md beside it"),
            ("images.lock.json", "the asset of the full release"),
            ("job-summary-1.md", "the job summary of the first run; -2 and -3 beside it"),
        ] {
            screen::quote(&format!("{:<33} {what}", below_root(&self.folder.join(name)).display()));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_shortened_and_the_rest_of_the_line_stays() {
        let line = format!("| api | `sha256:{}` | linux/amd64 |", "ab".repeat(32));
        assert_eq!(super::short_digests(&line), "| api | `sha256:abababababab…` | linux/amd64 |");
    }
}
