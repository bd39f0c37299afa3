//! The next write between the release that is there and the release that should be there.
//!
//! Level-triggered: `next_step` is asked again after every write, with what is there then. A crash between any two
//! writes is healed by the next run, which starts from what it finds.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::block::{BODY_LIMIT, Body, Content, Line, LineStatus};
use super::page::{Asset, Release};
use super::versions::looks_partial;
use crate::image::{Digest, hex};
use crate::render::body;
use crate::repository::CommitSha;
use crate::service::ServiceName;
use crate::version::ReleaseTag;

/// What is kept of a body beside a file that is folded in it: the machine line, our words, some of the changelog.
const ROOM_BESIDE_FILES: usize = 5_000;

/// The release that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of a release, or an input of that name")]
pub struct Wanted {
    /// Its tag.
    pub tag: ReleaseTag,
    /// The commit that the images were proven at; always sent as `target_commitish`.
    pub commit: CommitSha,
    /// Full or partial.
    pub status: LineStatus,
    /// The title.
    pub title: String,
    /// The pre-release flag.
    pub prerelease: bool,
    /// Whether it should be the repository's latest release.
    pub latest: bool,
    /// False: a draft stays one.
    pub publish: bool,
    /// True: a draft that a person made is published as if it were ours.
    pub adopt_drafts: bool,
    /// Notes, warning and image table.
    pub head: String,
    /// A new changelog; the one that stands in the block already is kept. `None`: none asked for, or it failed.
    pub changelog: Option<String>,
    /// Where the whole changelog can be read.
    pub full_changelog_url: String,
    /// The files that a full release carries; on a partial one they are taken away.
    pub lock_files: Vec<LockFile>,
    /// When the newest signal was written: what completed a release that was partial. `None` without signals.
    pub newest_signal: Option<Timestamp>,
    /// When this was decided: what completed it where no signal did.
    pub decided_at: Timestamp,
}

/// A file that pins the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// How a file of a release changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetChange {
    /// There is none of its name.
    Added,
    /// Another content stands under its name.
    Replaced,
    /// It belongs to full releases only.
    Removed,
}

impl std::fmt::Display for AssetChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
        })
    }
}

/// The next write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Create a draft.
    Create(Fields),
    /// Delete a draft of ours that another run made at the same time.
    DeleteTwin(u64),
    /// Upload a file.
    Upload {
        /// The release.
        release: u64,
        /// The file name.
        name: String,
        /// The content.
        text: String,
    },
    /// Delete an asset.
    DeleteAsset(u64),
    /// Rename an asset.
    RenameAsset {
        /// The asset.
        id: u64,
        /// Its new name.
        name: String,
    },
    /// Change the release.
    Update {
        /// The release.
        release: u64,
        /// What it should hold.
        fields: Fields,
    },
    /// Everything is as it should be.
    Done {
        /// The release.
        release: u64,
    },
    /// A full release of the same commit stays as it is: it lists images that this run does not prove, of optional services,
    /// or of services that are no longer named. It is never lessened; as nothing required is missing, that is no failure
    /// either.
    Keep {
        /// The release.
        release: u64,
        /// The services of those images.
        lists: Vec<ServiceName>,
    },
    /// Nothing may be written.
    Refuse(Refusal),
}

/// The fields of a release that a write sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The tag.
    pub tag: String,
    /// `target_commitish`.
    pub commit: CommitSha,
    /// True when both of them are frozen, so that they are not sent.
    pub frozen: bool,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// The pre-release flag.
    pub prerelease: bool,
    /// `Some(false)` publishes; `None` leaves the flag as it is.
    pub draft: Option<bool>,
    /// Whether it becomes the latest release; `None` while it is a draft, which cannot be latest.
    pub latest: Option<bool>,
}

impl Step {
    /// True for the writes that announce something: what was proven is read once more before them.
    pub fn announces(&self, releases: &[Release]) -> bool {
        let is_published = |asset: u64| {
            let mut published = releases.iter().filter(|release| !release.draft);
            published.any(|release| release.assets.iter().any(|there| there.id == asset))
        };
        match self {
            // A draft too: a person may publish it by hand at any moment.
            Self::Create(_) | Self::Update { .. } => true,
            Self::Upload { release, .. } => releases.iter().any(|there| there.id == *release && !there.draft),
            Self::DeleteAsset(id) | Self::RenameAsset { id, .. } => is_published(*id),
            Self::DeleteTwin(_) | Self::Done { .. } | Self::Keep { .. } | Self::Refuse(_) => false,
        }
    }
}

/// Why nothing may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A full release of the same commit is there, and this one would be partial.
    WouldLessen {
        /// Its page.
        url: String,
    },
    /// Several drafts that people made name this tag.
    SeveralDrafts {
        /// Their pages.
        urls: Vec<String>,
    },
}

/// What was chosen as the release of the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// There is none.
    None,
    /// This one.
    One(&'a Release),
    /// Several drafts that people made.
    Several,
}

/// Chooses the release of `tag`: the published one, else our lowest draft, else the one draft that a person made.
pub fn choose<'a>(releases: &'a [Release], tag: &ReleaseTag) -> Chosen<'a> {
    let of_tag = || releases.iter().filter(|release| release.tag_name == tag.as_str());
    let own_draft = |release: &&Release| release.draft && is_own(release);
    if let Some(published) = of_tag().find(|release| !release.draft) {
        return Chosen::One(published);
    }
    if let Some(own) = of_tag().filter(own_draft).min_by_key(|release| release.id) {
        return Chosen::One(own);
    }
    let mut foreign = of_tag();
    match (foreign.next(), foreign.next()) {
        (None, _) => Chosen::None,
        (Some(one), None) => Chosen::One(one),
        (Some(_), Some(_)) => Chosen::Several,
    }
}

/// The published full release of `tag` at `commit`, by our line. It is never lessened. Where a person broke the block, any
/// line of ours that says so counts; where none can be read, a release that is no partial by its looks does.
pub fn standing_full<'a>(releases: &'a [Release], tag: &ReleaseTag, commit: &CommitSha) -> Option<&'a Release> {
    let Chosen::One(release) = choose(releases, tag) else { return None };
    let body = Body::read(release.body());
    let is_full = match body.lines() {
        [] if !body.bears_our_block() => body.quoted().iter().any(|line| {
            // An open fence above our block makes a quotation of it.
            line.tag == tag.as_str() && line.status == LineStatus::Full && line.commit == *commit
        }),
        [] => !looks_partial(release) && release.target_commitish == commit.as_str(),
        lines => lines.iter().any(|line| line.status == LineStatus::Full && line.commit == *commit),
    };
    Some(release).filter(|release| is_full && !release.draft)
}

/// A draft bearing our block is ours, unless our block stands there as a guest. A line that cannot be read makes nobody's
/// draft ours.
fn is_own(release: &Release) -> bool {
    let body = Body::read(release.body());
    body.lines().iter().any(|line| !line.guest)
}

/// True when the changelog has to be made: there is none in our block, or the tag moved.
pub fn needs_changelog(existing: Option<&Release>, commit: &CommitSha) -> bool {
    existing.is_none_or(|release| !Body::read(release.body()).has_changelog(commit))
}

/// The next write between `releases` and `wanted`. `latest`: the id of the repository's latest release.
pub fn next_step(releases: &[Release], latest: Option<u64>, wanted: &Wanted) -> Step {
    let existing = match choose(releases, &wanted.tag) {
        Chosen::None => return Step::Create(wanted.fields(None)),
        Chosen::One(existing) => existing,
        Chosen::Several => {
            let drafts = releases.iter().filter(|release| release.tag_name == wanted.tag.as_str());
            let urls = drafts.map(|release| release.html_url.clone()).collect();
            return Step::Refuse(Refusal::SeveralDrafts { urls });
        }
    };
    if let Some(full) = standing_full(releases, &wanted.tag, &wanted.commit) {
        if wanted.status == LineStatus::Partial {
            return Step::Refuse(Refusal::WouldLessen { url: full.html_url.clone() });
        }
        let proven = body::listed(&wanted.head);
        let mut lists = listed(full);
        lists.retain(|service| !proven.contains(service));
        if !lists.is_empty() {
            return Step::Keep { release: full.id, lists };
        }
    }
    if let Some(twin) = releases.iter().find(|release| wanted.is_twin(release, existing)) {
        return Step::DeleteTwin(twin.id);
    }
    let fields = wanted.fields(Some(existing));
    let page_differs =
        fields.body != existing.body() || fields.title != existing.title() || fields.prerelease != existing.prerelease;
    if existing.draft && page_differs {
        let fields = Fields { draft: None, latest: None, ..fields };
        return Step::Update { release: existing.id, fields };
    }
    if let Some(step) = wanted.asset_step(existing) {
        return step;
    }
    let publishes = existing.draft && fields.draft == Some(false);
    let latest_differs = match fields.latest {
        Some(true) => latest != Some(existing.id),
        // GitHub always shows one release as the latest: the badge can be given up only where another can take it.
        Some(false) => latest == Some(existing.id) && releases.iter().any(|other| can_be_latest(other, existing)),
        None => false,
    };
    if publishes || (!existing.draft && (page_differs || latest_differs)) {
        return Step::Update { release: existing.id, fields };
    }
    Step::Done { release: existing.id }
}

/// The services whose images the table of our block lists. Where a person broke the block, the table is looked for in all of the
/// text.
fn listed(release: &Release) -> Vec<ServiceName> {
    body::listed(Body::read(release.body()).head().unwrap_or(release.body()))
}

fn can_be_latest(other: &Release, existing: &Release) -> bool {
    other.id != existing.id && !other.draft && !other.prerelease
}

impl Wanted {
    /// A second draft of ours for the tag that holds no text, title or file of anybody else.
    fn is_twin(&self, release: &Release, chosen: &Release) -> bool {
        let body = Body::read(release.body());
        let written = body.line().and_then(|line| line.title.as_deref());
        release.id != chosen.id
            && release.draft
            && release.tag_name == self.tag.as_str()
            && is_own(release)
            && body.is_ours_alone()
            && written == Some(release.title())
            && release.assets.iter().all(|asset| self.lock_files.iter().any(|file| file.is_about(asset)))
    }

    /// What the page should hold, given what is there.
    pub fn fields(&self, existing: Option<&Release>) -> Fields {
        let body = Body::read(existing.map_or("", Release::body));
        // What was written last is known also where a person broke the block around it.
        let line = body.lines().first();
        let guest = existing.is_some_and(|release| release.draft && !is_own(release)) && !self.adopt_drafts;
        // A person's title and flag are kept; ours is written where it is empty, the tag, or what we wrote last.
        let title_is_ours = existing.is_none_or(|release| {
            let title = release.title();
            title.is_empty()
                || title == self.tag.as_str()
                || line.is_some_and(|line| line.title.as_deref() == Some(title))
        });
        let flag_is_ours =
            existing.is_none_or(|release| line.is_some_and(|line| line.prerelease == Some(release.prerelease)));
        let title = match existing {
            Some(release) if !title_is_ours => release.title().to_owned(),
            _ => self.title.clone(),
        };
        let prerelease = match existing {
            Some(release) if !flag_is_ours => release.prerelease,
            _ => self.prerelease,
        };
        let stays_draft = guest || !self.publish;
        let published = existing.is_some_and(|release| !release.draft);
        let healed = line.filter(|line| line.commit == self.commit && self.status == LineStatus::Full);
        let completed = healed.and_then(|line| match line.status {
            // A signal that is older than the partial release cannot have completed it.
            LineStatus::Partial => {
                let since = existing.and_then(|release| release.published_at);
                Some(self.newest_signal.filter(|at| since.is_none_or(|since| *at >= since)).unwrap_or(self.decided_at))
            }
            LineStatus::Full => line.completed,
        });
        let new_line = Line {
            schema: 1,
            tag: self.tag.to_string(),
            commit: self.commit.clone(),
            status: self.status,
            title: title_is_ours.then(|| title.clone()),
            prerelease: flag_is_ours.then_some(prerelease),
            completed,
            guest,
            above: false,
            hash: String::new(),
        };
        let kept = line.filter(|line| line.commit == self.commit).and_then(|_| body.changelog());
        let content = Content {
            line: new_line,
            head: self.head(existing, completed),
            changelog: kept.map(ToOwned::to_owned).or_else(|| self.changelog.clone()),
            full_changelog_url: self.full_changelog_url.clone(),
        };
        Fields {
            tag: self.tag.to_string(),
            commit: self.commit.clone(),
            frozen: existing.is_some_and(|release| release.immutable),
            title,
            body: body.with(&content),
            prerelease,
            draft: (existing.is_some() && !published && !stays_draft).then_some(false),
            latest: (published || (existing.is_some() && !stays_draft)).then_some(self.latest && !prerelease),
        }
    }

    /// The head. On a release whose assets are frozen the files that it lacks stand folded in it.
    fn head(&self, existing: Option<&Release>, completed: Option<Timestamp>) -> String {
        let mut head = self.head.trim_end().to_owned();
        if let Some(completed) = completed {
            let completed = completed.strftime("%Y-%m-%d %H:%M:%S UTC");
            let _ = write!(head, "\n\nThis release was partial until it was completed at {completed}.");
        }
        let Some(frozen) = existing.filter(|release| release.immutable && self.status == LineStatus::Full) else {
            return head;
        };
        for file in self.lock_files.iter().filter(|file| !file.stands(frozen)) {
            let LockFile { name, text } = file;
            let text = text.trim_end();
            if head.chars().count() + text.chars().count() > BODY_LIMIT - ROOM_BESIDE_FILES {
                let _ = write!(
                    head,
                    "\n\n`{name}` is too long for this text, and this release is immutable: no file can be added."
                );
                continue;
            }
            let _ = write!(
                head,
                "\n\n<details><summary><code>{name}</code> (this release is immutable: no file can be added)</summary>\n\n```\n{text}\n```\n\n</details>"
            );
        }
        head
    }

    /// What differs between the files of `existing` and those that should be there, by name; on an immutable release these
    /// are the changes that cannot be made.
    pub fn asset_changes(&self, existing: Option<&Release>) -> Vec<(&str, AssetChange)> {
        let change = |file: &LockFile| {
            let is_there = existing.is_some_and(|release| release.assets.iter().any(|asset| asset.name == file.name));
            match (self.status, is_there) {
                (LineStatus::Full, _) if existing.is_some_and(|release| file.stands(release)) => None,
                (LineStatus::Full, true) => Some(AssetChange::Replaced),
                (LineStatus::Full, false) => Some(AssetChange::Added),
                (LineStatus::Partial, true) => Some(AssetChange::Removed),
                (LineStatus::Partial, false) => None,
            }
        };
        self.lock_files.iter().filter_map(|file| Some((file.name.as_str(), change(file)?))).collect()
    }

    /// Brings each file to where it should be.
    fn asset_step(&self, release: &Release) -> Option<Step> {
        if release.immutable {
            return None;
        }
        self.lock_files.iter().find_map(|file| file.step(release, self.status == LineStatus::Full))
    }
}

impl LockFile {
    fn digest(&self) -> Digest {
        Digest::sha256(self.text.as_bytes())
    }

    fn stands(&self, release: &Release) -> bool {
        let digest = self.digest();
        release.assets.iter().any(|asset| asset.name == self.name && asset.holds(&digest))
    }

    /// Asset names are unique, so a new file is uploaded under a name of its own hash, then the old one is deleted, then the
    /// new one is renamed; every state between is recognised.
    fn step(&self, release: &Release, wanted: bool) -> Option<Step> {
        let current = release.assets.iter().find(|asset| asset.name == self.name);
        let mut staged = release.assets.iter().filter(|asset| self.is_staged(&asset.name));
        if !wanted {
            return staged.next().or(current).map(|asset| Step::DeleteAsset(asset.id));
        }
        if self.stands(release) {
            return staged.next().map(|asset| Step::DeleteAsset(asset.id));
        }
        let digest = self.digest();
        let name = format!("{}.{}", self.name, digest.short().get(..8).unwrap_or_default());
        match staged.next() {
            Some(asset) if asset.name != name || !asset.holds(&digest) => Some(Step::DeleteAsset(asset.id)),
            Some(asset) => Some(match current {
                Some(old) => Step::DeleteAsset(old.id),
                None => Step::RenameAsset { id: asset.id, name: self.name.clone() },
            }),
            None => Some(Step::Upload { release: release.id, name, text: self.text.clone() }),
        }
    }

    /// True for the name of this file while it is being uploaded.
    fn is_staged(&self, name: &str) -> bool {
        let suffix = name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('.'));
        suffix.is_some_and(|suffix| suffix.len() == 8 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// True for an asset that this file's upload makes or made.
    pub fn is_about(&self, asset: &Asset) -> bool {
        asset.name == self.name || self.is_staged(&asset.name)
    }
}

impl Asset {
    fn holds(&self, digest: &Digest) -> bool {
        self.state == "uploaded" && self.digest.as_deref() == Some(digest.as_str())
    }

    /// Fills in the digest of a server that computes none.
    pub fn set_content(&mut self, content: &[u8]) {
        use sha2::Digest as _;
        self.digest = Some(format!("sha256:{}", hex(&sha2::Sha256::digest(content))));
    }
}

#[cfg(test)]
mod tests;
