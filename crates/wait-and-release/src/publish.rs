//! Brings the release page to what was decided: reads what is there, asks `domain::release::plan` for the next write,
//! makes it, reads again. Every step can be repeated. What is about to be announced is read once more right before.

use domain::changelog::section;
use domain::decide::{Completeness, Decision, Judgement};
use domain::release::block::LineStatus;
use domain::release::page::{Asset, Release};
use domain::release::plan::{Chosen, Fields, LockFile, Refusal, Step, Wanted, choose, needs_changelog, next_step};
use domain::release::{lock, versions};
use domain::render::markdown::foreign;
use domain::render::{Subject, body};
use domain::template::Values;
use domain::version::ReleaseTag;
use github::{Error, GitHub, MakeLatest, NewRelease, ReleaseChange};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Failure;
use crate::inputs::Changelog;
use crate::observe::Observer;
use crate::patience::Patience;
use crate::report::{Change, Progress, ReleasePage};

/// More writes than any release needs; a page that asks for more is being changed by somebody else.
const MAX_STEPS: usize = 30;

/// How publishing ended.
pub(crate) enum Published {
    /// The page is as it should be.
    Done(ReleasePage),
    /// What was to be announced is no longer so: decide again.
    LookAgain,
    /// Nothing was written.
    Refused(Refusal),
}

/// One release to be brought about.
pub(crate) struct Publisher<'a> {
    pub(crate) context: &'a Context,
    pub(crate) progress: &'a Progress,
    pub(crate) subject: Subject<'a>,
    pub(crate) decision: &'a Decision,
    pub(crate) completeness: Completeness,
    /// When the newest signal was written; `None` without signals.
    pub(crate) newest_signal: Option<Timestamp>,
}

impl Publisher<'_> {
    /// Publishes. `decide_again` decides on what `observer` has seen by then; `change` is what
    /// this run has done so far.
    pub(crate) async fn publish(
        &self,
        observer: &mut Observer<'_>,
        decide_again: impl Fn(&Observer<'_>) -> Decision,
        change: &mut Change,
    ) -> Result<Published, Failure> {
        let github = &self.context.github;
        let mut there = self.there().await?;
        let previous = self.previous_tag(&there.releases);
        let existing = match choose(&there.releases, self.subject.tag) {
            Chosen::One(existing) => Some(existing.clone()),
            Chosen::None | Chosen::Several => None,
        };
        let mut wanted = self.wanted(&there.releases, previous.as_ref());
        if needs_changelog(existing.as_ref(), self.subject.commit) {
            wanted.changelog = self.changelog(previous.as_ref()).await;
        }
        self.progress.set_previous_tag(previous);
        if self.context.inputs.dry_run {
            return Ok(self.rehearse(existing.as_ref(), &there, &wanted));
        }
        let (mut steps, mut patience) = (0, Patience::new(self.context.patience()));
        while steps < MAX_STEPS {
            // Another tag may have been released meanwhile.
            wanted.latest = self.latest(&there.releases);
            let step = next_step(&there.releases, there.latest, &wanted);
            if let Step::Done { release } = step {
                return Ok(self.done(&there, release, *change));
            }
            if let Step::Refuse(refusal) = step {
                return Ok(Published::Refused(refusal));
            }
            github.turn().await;
            if step.announces(&there.releases) {
                let same = observer.still_true(&self.decision.judgements).await?;
                let now = decide_again(observer);
                if !same || now.next != self.decision.next || now.judgements != self.decision.judgements {
                    return Ok(Published::LookAgain);
                }
            }
            if self.progress.is_cancelled() {
                // No further write is begun; the run is about to be dropped.
                std::future::pending::<()>().await;
            }
            match self.progress.writing(write(github, &step, &there.releases)).await {
                Ok(()) => {
                    change.note(&step);
                    patience.renew();
                    steps += 1;
                }
                // Somebody else was faster: look at what is there now.
                Err(Error::AlreadyExists { .. } | Error::NotFound { .. }) => steps += 1,
                // Nobody knows what became of it: look at what is there, and go on from that.
                Err(error) => {
                    patience.wait_out(error).await?;
                    change.note(&step);
                }
            }
            there = self.there().await?;
        }
        Err(Failure::NeverSettled(format!(
            "the release {} is still not as it should be after {MAX_STEPS} writes: something else changes it; run this workflow again",
            self.subject.tag
        )))
    }

    async fn there(&self) -> Result<There, Error> {
        let lock_names = &self.context.inputs.lock_files;
        self.context.patiently(async || There::read(&self.context.github, self.subject.tag, lock_names).await).await
    }

    /// Whether a full release of this tag is the latest.
    fn latest(&self, releases: &[Release]) -> bool {
        let by_semver = || versions::is_latest(self.subject.tag, releases);
        self.completeness == Completeness::Full && self.context.inputs.make_latest.unwrap_or_else(by_semver)
    }

    fn done(&self, there: &There, release: u64, change: Change) -> Published {
        let page = there.releases.iter().find(|page| page.id == release);
        let (url, draft) = page.map_or((String::new(), true), |page| (page.html_url.clone(), page.draft));
        if draft && !self.stays_draft() {
            tracing::warn!(
                "the release {url} is a draft that a person made: our block stands in it and it stays a draft; publish it by hand, or set `adopt-drafts: true`"
            );
        }
        Published::Done(ReleasePage { id: release, url, change })
    }

    fn stays_draft(&self) -> bool {
        let partial_draft = self.completeness == Completeness::Partial
            && self.context.inputs.on_missing == domain::decide::OnMissing::Draft;
        self.context.inputs.draft || partial_draft
    }

    fn previous_tag(&self, releases: &[Release]) -> Option<ReleaseTag> {
        let given = self.context.inputs.previous_tag.clone();
        given.or_else(|| versions::previous_tag(self.subject.tag, releases))
    }

    fn wanted(&self, releases: &[Release], previous: Option<&ReleaseTag>) -> Wanted {
        let (inputs, subject) = (&self.context.inputs, self.subject);
        let judgements: &[Judgement] = &self.decision.judgements;
        let full = self.completeness == Completeness::Full;
        let mut title = inputs.name.fill(Values { repository: subject.repository, tag: subject.tag, service: None });
        if !full {
            title.push_str(&body::partial_suffix(judgements));
        }
        // A partial is marked as a pre-release, so that it is never latest and can heal in place even when frozen.
        let prerelease = !full || inputs.prerelease.unwrap_or_else(|| subject.tag.is_prerelease());
        let url = subject.repository_url;
        let full_changelog_url = match previous {
            Some(previous) => format!("{url}/compare/{previous}...{}", subject.tag),
            None => format!("{url}/commits/{}", subject.tag),
        };
        let lock_file = |name: &String| LockFile {
            name: name.clone(),
            text: lock::file(name, subject.repository, subject.tag, subject.commit, judgements),
        };
        Wanted {
            tag: subject.tag.clone(),
            commit: subject.commit.clone(),
            status: if full { LineStatus::Full } else { LineStatus::Partial },
            title,
            prerelease,
            latest: self.latest(releases),
            publish: !self.stays_draft(),
            adopt_drafts: inputs.adopt_drafts,
            head: body::head(subject, &inputs.notes, judgements),
            changelog: None,
            full_changelog_url,
            lock_files: inputs.lock_files.iter().map(lock_file).collect(),
            completed_at: self.newest_signal,
        }
    }

    /// The changelog; `None` when there is none. A failure here stops no release: the next run adds it.
    async fn changelog(&self, previous: Option<&ReleaseTag>) -> Option<String> {
        let (github, tag, commit) = (&self.context.github, self.subject.tag, self.subject.commit);
        let found = match &self.context.inputs.changelog {
            Changelog::None => return None,
            Changelog::File(path) => match github.file(path, commit.as_str()).await {
                Ok(Some(text)) => {
                    let found = section(&text, tag.version());
                    if found.is_none() {
                        tracing::warn!("{path} has no section for {}: the release has no changelog", tag.version());
                    }
                    Ok(found)
                }
                Ok(None) => {
                    tracing::warn!("`changelog`: there is no {path} at {tag}: the release has no changelog");
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            Changelog::Generate => {
                let from = previous.map(ReleaseTag::as_str);
                match github.generated_notes(tag.as_str(), commit, from).await {
                    Ok(None) => self.commit_list(from).await,
                    notes => notes,
                }
            }
        };
        match found {
            Ok(found) => found.map(|text| foreign(text.trim())).filter(|text| !text.is_empty()),
            Err(error) => {
                tracing::warn!("the release goes out without its changelog, the next run adds it: cannot {error}");
                None
            }
        }
    }

    /// What a server that cannot generate notes gets instead.
    async fn commit_list(&self, previous: Option<&str>) -> Result<Option<String>, Error> {
        let commits = self.context.github.commits_between(previous, self.subject.commit.as_str()).await?;
        let lines = commits.iter().map(|commit| format!("* {} ({})", commit.title, commit.sha.short()));
        Ok(Some(format!("## Commits\n\n{}", lines.collect::<Vec<_>>().join("\n"))))
    }

    /// Prints the release that would be made, and how it differs from the one that is there.
    fn rehearse(&self, existing: Option<&Release>, there: &There, wanted: &Wanted) -> Published {
        let step = next_step(&there.releases, there.latest, wanted);
        if let Step::Refuse(refusal) = step {
            return Published::Refused(refusal);
        }
        let fields = wanted.fields(existing);
        let before =
            existing.map_or(String::new(), |release| page_text(release.title(), release.prerelease, release.body()));
        let after = page_text(&fields.title, fields.prerelease, &fields.body);
        let diff = similar::TextDiff::from_lines(&before, &after);
        let url = existing.map(|release| release.html_url.clone()).unwrap_or_default();
        let verb = if existing.is_some() { "change" } else { "create" };
        if before == after && matches!(step, Step::Done { .. }) {
            self.progress.console().line("dry run: the release is as it should be, nothing would be written");
        } else {
            self.progress.console().group(&format!("dry run: would {verb} the release {}", self.subject.tag));
            self.progress.console().line(&diff.unified_diff().header("there", "wanted").to_string());
            self.progress.console().end_group();
        }
        let id = existing.map_or(0, |release| release.id);
        Published::Done(ReleasePage { id, url, change: Change::None })
    }
}

impl Change {
    /// A write was made.
    fn note(&mut self, step: &Step) {
        if matches!(step, Step::Create(_)) {
            *self = Self::Created;
        } else if *self == Self::Unchanged {
            *self = Self::Updated;
        }
    }
}

fn page_text(title: &str, prerelease: bool, body: &str) -> String {
    format!("title: {title}\nprerelease: {prerelease}\n\n{}\n", body.replace('\r', ""))
}

/// The releases that are there.
struct There {
    releases: Vec<Release>,
    latest: Option<u64>,
}

impl There {
    /// By list, which shows drafts, and by tag, which a lagging list may lack.
    async fn read(github: &GitHub, tag: &ReleaseTag, lock_names: &[String]) -> Result<Self, Error> {
        let (releases, by_tag, latest) =
            tokio::join!(github.releases(), github.release_by_tag(tag.as_str()), github.latest_release());
        let (mut releases, latest) = (releases?, latest?);
        if let Some(release) = by_tag?
            && releases.iter().all(|known| known.id != release.id)
        {
            releases.push(release);
        }
        // Servers that compute no digest of an asset: its content is read.
        let of_tag = releases.iter_mut().filter(|release| release.tag_name == tag.as_str());
        let is_lock = |asset: &Asset| lock_names.iter().any(|name| asset.name.starts_with(name));
        let unknown = |asset: &&mut Asset| asset.digest.is_none() && is_lock(asset);
        for asset in of_tag.flat_map(|release| &mut release.assets).filter(unknown) {
            if let Some(content) = github.asset_content(asset.id).await? {
                asset.set_content(&content);
            }
        }
        Ok(Self { releases, latest: latest.map(|release| release.id) })
    }
}

/// Makes one write.
async fn write(github: &GitHub, step: &Step, releases: &[Release]) -> Result<(), Error> {
    match step {
        Step::Create(fields) => github.create_release(&new_release(fields)).await.map(drop),
        Step::Update { release, fields } => github.update_release(*release, &change(fields)).await.map(drop),
        Step::DeleteTwin(release) => github.delete_release(*release).await,
        Step::Upload { release, name, text } => {
            let Some(page) = releases.iter().find(|page| page.id == *release) else { return Ok(()) };
            let content = text.clone().into_bytes().into();
            github.upload_asset(&page.upload_url, name, "application/json", content).await.map(drop)
        }
        Step::DeleteAsset(asset) => github.delete_asset(*asset).await,
        Step::RenameAsset { id, name } => github.rename_asset(*id, name).await.map(drop),
        Step::Done { .. } | Step::Refuse(_) => Ok(()),
    }
}

fn new_release(fields: &Fields) -> NewRelease {
    NewRelease {
        tag_name: fields.tag.clone(),
        target_commitish: fields.commit.clone(),
        name: fields.title.clone(),
        body: fields.body.clone(),
        draft: true,
        prerelease: fields.prerelease,
        make_latest: MakeLatest::False,
    }
}

fn change(fields: &Fields) -> ReleaseChange {
    ReleaseChange {
        tag_name: (!fields.frozen).then(|| fields.tag.clone()),
        target_commitish: (!fields.frozen).then(|| fields.commit.clone()),
        name: Some(fields.title.clone()),
        body: Some(fields.body.clone()),
        draft: fields.draft,
        prerelease: Some(fields.prerelease),
        make_latest: fields.latest.map(|latest| if latest { MakeLatest::True } else { MakeLatest::False }),
    }
}
