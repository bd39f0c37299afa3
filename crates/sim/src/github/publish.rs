//! The rules of publishing: one published release per tag, the tag that comes to be, immutability, and which release is
//! the latest. REST page "Releases"; docs page "Immutable releases".

use jiff::Timestamp;

use super::GithubState;
use super::page::{custom, invalid};
use crate::history::Release;
use crate::message::Reply;
use crate::world::State;

/// The parameter `make_latest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MakeLatest {
    True,
    False,
    Legacy,
}

/// The release shown as latest. "Get the latest release": the explicitly chosen one, else "the most recent
/// non-prerelease, non-draft release, sorted by the `created_at` attribute" (the date of its commit), ties by semver.
/// Where none was chosen a release made with `make_latest: false` is shown all the same: GitHub wants one latest
/// (cli/cli#6963, cli/cli#10695, release-plz/release-plz#469).
pub(crate) fn latest(github: &GithubState) -> Option<&Release> {
    let may = |release: &&Release| !release.draft && !release.prerelease;
    let chosen = github.releases.iter().filter(may).find(|release| Some(release.id) == github.latest);
    chosen.or_else(|| {
        github
            .releases
            .iter()
            .filter(may)
            .max_by_key(|release| (release.created_at, version(&release.tag_name), release.id))
    })
}

/// A sortable semver: the numbers, then final above prerelease, then the prerelease's text.
fn version(tag: &str) -> (Vec<u64>, bool, String) {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let (numbers, pre) = tag.split_once('-').unwrap_or((tag, ""));
    let numbers = numbers.split('.').map(|number| number.parse().unwrap_or_default()).collect();
    (numbers, pre.is_empty(), pre.to_owned())
}

/// See `World::add_release`.
pub(crate) fn add_release(state: &mut State, tag: &str, edit: impl FnOnce(&mut Release), now: Timestamp) -> u64 {
    let id = state.github.new_id();
    let mut release = fresh(state, id, tag, now);
    "alice".clone_into(&mut release.author);
    release.draft = false;
    edit(&mut release);
    let draft = release.draft;
    release.draft = true;
    state.github.releases.push(release);
    if !draft {
        // A person's mistakes are refused by the web page too; the release then stays a draft.
        let _refused = publish(state, id, None, now);
    }
    id
}

/// A draft with nothing but its tag.
pub(super) fn fresh(state: &State, id: u64, tag: &str, now: Timestamp) -> Release {
    Release {
        id,
        tag_name: tag.to_owned(),
        target_commitish: state.git.spec.default_branch.clone(),
        name: None,
        body: None,
        draft: true,
        prerelease: false,
        immutable: false,
        created_at: now,
        updated_at: now,
        published_at: None,
        author: String::new(),
        assets: Vec::new(),
        made_at: now,
    }
}

/// The date that GitHub gives a release: "`created_at` … is the date of the commit used for the release, and not the
/// date when the release was drafted or published."
pub(super) fn commit_date(state: &State, release: &Release) -> Option<Timestamp> {
    let git = &state.git;
    git.tagged(&release.tag_name).or_else(|| git.resolved(&release.target_commitish)).map(|commit| commit.date)
}

/// "Specifies the commitish value that determines where the Git tag is created from. … Unused if the Git tag already
/// exists."
pub(super) fn check_target(state: &State, release: &Release) -> Result<(), Reply> {
    if state.git.tagged(&release.tag_name).is_some() || state.git.resolved(&release.target_commitish).is_some() {
        Ok(())
    } else {
        Err(invalid("Release", "target_commitish", "invalid"))
    }
}

/// May this release be the published one of its tag?
pub(super) fn check_publication(state: &State, release: &Release) -> Result<(), Reply> {
    let rival = |other: &Release| other.id != release.id && !other.draft && other.tag_name == release.tag_name;
    if state.github.releases.iter().any(rival) {
        return Err(invalid("Release", "tag_name", "already_exists"));
    }
    // The text as github-community-projects/ospo-reusable-workflows#83 met it.
    if !release.immutable && state.github.burned.contains(&release.tag_name) {
        return Err(custom("Release", "tag_name", "tag_name was used by an immutable release"));
    }
    check_target(state, release)
}

/// "Drafts and prereleases cannot be set as latest."
pub(super) fn check_latest(release: &Release, wish: Option<MakeLatest>) -> Result<(), Reply> {
    if wish == Some(MakeLatest::True) && (release.draft || release.prerelease) {
        // The text as getsentry/craft#583 met it.
        return Err(custom("Release", "", "Latest release cannot be draft or prerelease."));
    }
    Ok(())
}

/// "Defaults to `true` for newly published releases"; with a prerelease there is then nothing to do.
pub(super) fn apply_latest(github: &mut GithubState, release: &Release, wish: Option<MakeLatest>, newly: bool) {
    let wish = wish.or((newly && !release.prerelease && !release.draft).then_some(MakeLatest::True));
    match wish {
        None => {}
        Some(MakeLatest::True) => github.latest = Some(release.id),
        Some(MakeLatest::False) => github.latest = github.latest.filter(|chosen| *chosen != release.id),
        // "`legacy` specifies that the latest release should be determined based on the release creation date and higher
        // semantic version": the choice is taken back.
        Some(MakeLatest::Legacy) => github.latest = None,
    }
}

/// Publishes a draft: makes its tag where that is missing, and freezes both when releases are immutable.
pub(super) fn publish(state: &mut State, id: u64, wish: Option<MakeLatest>, now: Timestamp) -> Result<(), Reply> {
    let Some(at) = state.github.releases.iter().position(|release| release.id == id) else { return Ok(()) };
    let mut release = state.github.releases[at].clone();
    release.draft = false;
    check_publication(state, &release)?;
    check_latest(&release, wish)?;
    if state.git.tagged(&release.tag_name).is_none()
        && let Some(sha) = state.git.resolved(&release.target_commitish).map(|commit| commit.sha.clone())
    {
        state.git.refs.insert(format!("tags/{}", release.tag_name), sha);
    }
    release.created_at = commit_date(state, &release).unwrap_or(release.created_at);
    release.published_at = release.published_at.or(Some(now));
    release.updated_at = now;
    release.made_at = now;
    release.immutable = state.github.immutable;
    if release.immutable {
        state.github.burned.insert(release.tag_name.clone());
        state.git.frozen.insert(release.tag_name.clone());
    }
    apply_latest(&mut state.github, &release, wish, true);
    state.github.releases[at] = release;
    Ok(())
}
