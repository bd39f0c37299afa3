//! Sets the tags of a release on the remote, all or none: each only if it still names what was seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use domain::repository::CommitSha;

use crate::git::Git;
use crate::tags;

/// Publishes what `cargo xtask dist` rendered into `tree` as `version`, and returns a line for each tag that was set.
///
/// # Errors
///
/// The tags of the remote forbid it, or git cannot reach it or is refused: then no tag was set.
pub(crate) fn set_tags(tree: &Path, version: &str, remote: &str) -> anyhow::Result<String> {
    let git = Git::at(&tree.join("repository.git"));
    let commit: CommitSha = git.line(&["rev-parse", "refs/heads/release^{commit}"])?.parse()?;
    let updates = tags::updates(version, &commit, &remote_tags(&git, remote)?)?;
    if updates.is_empty() {
        return Ok(format!("{version} is published already: nothing to do\n"));
    }
    let mut arguments = vec!["push".to_owned(), "--quiet".to_owned(), "--atomic".to_owned()];
    let mut told = String::new();
    for update in &updates {
        let from = update.from.as_ref().map_or("", CommitSha::as_str);
        arguments.push(format!("--force-with-lease=refs/tags/{}:{from}", update.tag));
        let was = update.from.as_ref().map_or_else(|| "new".to_owned(), |from| format!("was {from}"));
        writeln!(told, "{} {} ({was})", update.tag, update.to)?;
    }
    arguments.extend(["--".to_owned(), remote.to_owned()]);
    arguments.extend(updates.iter().map(|update| format!("{}:refs/tags/{}", update.to, update.tag)));
    git.run(&arguments)?;
    Ok(told)
}

/// The commit that each tag names; of an annotated one, that which it is of.
fn remote_tags(git: &Git, remote: &str) -> anyhow::Result<BTreeMap<String, CommitSha>> {
    let listed = String::from_utf8(git.run(&["ls-remote", "--tags", "--", remote])?)?;
    let mut tags = BTreeMap::new();
    for line in listed.lines() {
        let (commit, name) = line.split_once('\t').with_context(|| format!("git ls-remote printed `{line}`"))?;
        // An annotated tag comes twice, last with the commit: "refs/tags/v1^{}".
        let tag = name.strip_prefix("refs/tags/").unwrap_or(name).trim_end_matches("^{}");
        tags.insert(tag.to_owned(), commit.parse()?);
    }
    Ok(tags)
}
