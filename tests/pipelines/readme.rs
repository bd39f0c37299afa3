//! The README's "Add it to your repository": its blocks are the files of the example, and following them is enough.

use std::process::Stdio;

use super::act::Event;
use super::shop::{Shop, root};

const SECTION: &str = "Add it to your repository";

/// A block of code of the README.
struct Block {
    language: String,
    /// What the text before it names last between backticks.
    named: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split(&format!("\n## {SECTION}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let parts: Vec<&str> = section.split("```").collect();
    let blocks = parts.chunks_exact(2).map(|pair| {
        let (language, text) = pair[1].split_once('\n').unwrap();
        let named = pair[0].split('`').skip(1).step_by(2).filter(|word| word.contains('/')).last().unwrap_or_default();
        Block { language: language.to_owned(), named: named.to_owned(), text: text.to_owned() }
    });
    blocks.collect()
}

fn block(named: &str) -> String {
    blocks().into_iter().find(|block| block.named == named).unwrap_or_else(|| panic!("no block for {named}")).text
}

fn example(path: &str) -> String {
    std::fs::read_to_string(root().join("examples/six-services").join(path)).unwrap()
}

#[test]
fn the_blocks_are_the_files_of_the_example() {
    let path = ".github/workflows/release-api.yml";
    assert_eq!(block(path), example(path));
    // Of one service, and without the words at the top.
    let path = ".github/workflows/release-notes.yml";
    let is_list = |line: &&str| line.trim_start().starts_with("workflows: [");
    let said = block(path);
    let expected = example(path);
    let lines = expected.lines().filter(|line| !line.starts_with('#') && !is_list(line));
    assert!(said.lines().filter(|line| !is_list(line)).eq(lines), "{said}");
    assert!(said.contains("\n    workflows: [release-api] #"), "{said}");
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn following_it_word_by_word_in_an_empty_repository_ends_with_a_full_release() {
    let shop = Shop::empty("readme").await;
    // Pushes go to a repository on this machine, as the simulated GitHub does not speak git.
    let bare = shop.path("origin.git");
    shop.git(&["init", "--quiet", "--bare", &bare]).await;
    shop.git(&["config", "remote.origin.pushurl", &bare]).await;
    shop.git(&["config", "user.name", "Octo Cat"]).await;
    shop.git(&["config", "user.email", "octocat@example.com"]).await;
    let mut scripts = Vec::new();
    for block in blocks() {
        match block.language.as_str() {
            "sh" => scripts.push(block.text),
            _ => shop.write(&block.named, &block.text),
        }
    }
    shop.give_tokens();
    for script in scripts {
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-e", "-c", &script]).current_dir(shop.path("repository")).stdin(Stdio::null());
        assert!(shell.status().await.unwrap().success(), "{script}");
    }
    let pushed = shop.git(&["ls-remote", &bare, "refs/tags/v1.0.0"]).await;
    assert!(pushed.starts_with(&shop.commit().await), "{pushed}");
    shop.push().await;
    shop.act("release-api", &Event::pushed()).await.is(true);
    shop.act("release-notes", &Event::pushed()).await.is(true);
    shop.is_full_of(["api"]).await;
}
