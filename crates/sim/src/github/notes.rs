//! Generated release notes: docs page "Automatically generated release notes". Categories and exclusions of
//! `.github/release.yml` are not applied; only its presence shows, as a comment.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Exchange;
use super::page::refusal;
use crate::git::Commit;
use crate::message::Reply;

impl Exchange<'_> {
    /// Name and body for a tag.
    pub(super) fn notes(&self, tag: &str, target: &str, previous: Option<&str>) -> Result<(String, String), Reply> {
        let git = &self.state.git;
        let head = git.tagged(tag).or_else(|| git.resolved(target));
        // 400 and this text for the previous tag: googleapis/release-please#1787; the target's by analogy.
        let head = head.ok_or_else(|| refusal(400, "Invalid target_commitish parameter"))?;
        let since = match previous {
            Some(name) => {
                let commit = git.tagged(name).ok_or_else(|| refusal(400, "Invalid previous_tag parameter"))?;
                Some((name.to_owned(), commit))
            }
            None => self.previous(tag, head),
        };
        let before = since.as_ref().map(|(_, commit)| git.ancestors(&commit.sha)).unwrap_or_default();
        let after = git.ancestors(&head.sha);
        let merged = |sha: &String| after.contains(sha) && !before.contains(sha);

        let page = &self.urls.page;
        let mut body = String::new();
        let config = [".github/release.yml", ".github/release.yaml"];
        if let Some(config) = config.iter().find(|config| head.files.contains_key(**config)) {
            let _infallible =
                write!(body, "<!-- Release notes generated using configuration in {config} at {target} -->\n\n");
        }
        let pulls: Vec<_> = git.pulls.iter().filter(|pull| merged(&pull.sha)).collect();
        if !pulls.is_empty() {
            body.push_str("## What's Changed\n");
            for pull in &pulls {
                let _infallible = writeln!(body, "* {} by @{} in {page}/pull/{}", pull.title, pull.author, pull.number);
            }
            let mut known: BTreeSet<&str> =
                git.pulls.iter().filter(|pull| before.contains(&pull.sha)).map(|pull| pull.author.as_str()).collect();
            let firsts: Vec<_> = pulls.iter().filter(|pull| known.insert(&pull.author)).collect();
            body.push('\n');
            if !firsts.is_empty() {
                body.push_str("## New Contributors\n");
                for pull in firsts {
                    let _infallible = writeln!(
                        body,
                        "* @{} made their first contribution in {page}/pull/{}",
                        pull.author, pull.number
                    );
                }
            }
            body.push('\n');
        }
        let _infallible = match since {
            Some((previous, _)) => write!(body, "**Full Changelog**: {page}/compare/{previous}...{tag}"),
            None => write!(body, "**Full Changelog**: {page}/commits/{tag}"),
        };
        Ok((tag.to_owned(), body))
    }

    /// Where the notes start when nobody says: the newest published release whose tag lies behind this commit.
    fn previous(&self, tag: &str, head: &Commit) -> Option<(String, &Commit)> {
        let git = &self.state.git;
        let behind = git.ancestors(&head.sha);
        let published = self.state.github.releases.iter().filter(|release| !release.draft && release.tag_name != tag);
        published
            .filter_map(|release| git.tagged(&release.tag_name).map(|commit| (release, commit)))
            .filter(|(_, commit)| behind.contains(&commit.sha) && commit.sha != head.sha)
            .max_by_key(|(release, commit)| (commit.number, release.published_at))
            .map(|(release, commit)| (release.tag_name.clone(), commit))
    }
}
