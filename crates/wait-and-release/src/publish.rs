//! Brings the release page to what was decided: reads what is there, asks `domain::release::plan` for the next write,
//! makes it, reads again. Every step can be repeated. What is about to be announced is read once more right before.

use domain::changelog::section;
use domain::decide::{Completeness, Decision, Judgement};
use domain::release::block::LineStatus;
use domain::release::page::{Asset, Release};
use domain::release::plan::{Chosen, Fields, LockFile, Refusal, Step, Wanted, choose, needs_changelog, next_step};
use domain::release::{lock, versions};
use domain::render::markdown::foreign;
use domain::render::{Subject, body, log};
use domain::service::ServiceName;
use domain::template::Values;
use domain::version::ReleaseTag;
use github::{Error, GitHub, MakeLatest, NewRelease, ReleaseChange};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Failure;
use crate::inputs::Changelog;
use crate::observe::Observer;
use crate::report::{Change, Progress, ReleasePage};
use action::Patience;

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
    /// Where the changelog starts; `None` = at the beginning.
    pub(crate) previous: Option<ReleaseTag>,
    /// When the newest signal was written; `None` without signals.
    pub(crate) newest_signal: Option<Timestamp>,
}

impl Publisher<'_> {
    /// Publishes, beside the releases that are `there`. `decide_again` decides on what `observer` has seen by then;
    /// `change` is what this run has done so far.
    pub(crate) async fn publish(
        &self,
        mut there: There,
        observer: &mut Observer<'_>,
        decide_again: impl Fn(&Observer<'_>) -> Decision,
        change: &mut Change,
    ) -> Result<Published, Failure> {
        let github = &self.context.github;
        let existing = there.of(self.subject.tag).cloned();
        let mut wanted = self.wanted(&there.releases, observer.now());
        if needs_changelog(existing.as_ref(), self.subject.commit) {
            wanted.changelog = self.changelog().await;
        }
        self.warn_of_immutability(existing.as_ref()).await;
        let (mut steps, mut patience, mut not_found) = (0, Patience::new(self.context.patience()), None);
        while steps < MAX_STEPS {
            if let Some(release) = there.of(self.subject.tag) {
                self.progress.set_release(ReleasePage::of(release, *change));
            }
            // Another tag may have been released meanwhile.
            wanted.latest = self.latest(&there.releases);
            let step = next_step(&there.releases, there.latest, &wanted);
            match &step {
                Step::Refuse(refusal) => return Ok(Published::Refused(refusal.clone())),
                Step::Done { release } => return Ok(self.done(&there, *release, &wanted, *change)),
                Step::Keep { release, lists } => {
                    self.warn_of_loss(lists);
                    return Ok(self.done(&there, *release, &wanted, *change));
                }
                Step::Create(_)
                | Step::Update { .. }
                | Step::Upload { .. }
                | Step::DeleteAsset(_)
                | Step::RenameAsset { .. }
                | Step::DeleteTwin(_) => {}
            }
            if self.context.inputs.dry_run {
                return Ok(self.rehearse(existing.as_ref(), &wanted));
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
                Ok(made) => {
                    change.note(&step);
                    if let Some(made) = made {
                        self.progress.set_release(ReleasePage::of(&made, *change));
                    }
                    patience.renew();
                    steps += 1;
                }
                // Somebody else was faster: look at what is there now.
                Err(Error::AlreadyExists { .. }) => steps += 1,
                // So it is where something to be changed is gone. A token that may not write is told the same (REST API,
                // "Troubleshooting the REST API", "404 Not Found for an existing resource"): then it is there still, and
                // nothing can be gone where something is to be made.
                Err(Error::NotFound { .. })
                    if !matches!(step, Step::Create(_)) && not_found.as_ref() != Some(&step) =>
                {
                    not_found = Some(step);
                    steps += 1;
                }
                // Nobody knows what became of it: look at what is there, and go on from that.
                Err(error) => {
                    patience.wait_out(error).await?;
                    change.note(&step);
                }
            }
            there = There::read(self.context, self.subject.tag).await?;
        }
        Err(Failure::NeverSettled(format!(
            "the release {} is still not as it should be after {MAX_STEPS} writes: something else changes it; run this workflow again",
            self.subject.tag
        )))
    }

    /// Whether a full release of this tag is the latest.
    fn latest(&self, releases: &[Release]) -> bool {
        let by_semver = || versions::is_latest(self.subject.tag, releases);
        self.completeness == Completeness::Full && self.context.inputs.make_latest.unwrap_or_else(by_semver)
    }

    fn done(&self, there: &There, release: u64, wanted: &Wanted, change: Change) -> Published {
        let page = there.releases.iter().find(|page| page.id == release);
        let url = page.map(|page| page.html_url.clone()).unwrap_or_default();
        if page.is_none_or(|page| page.draft) && !self.stays_draft() {
            tracing::warn!(
                "the release {url} is a draft that a person made: our block stands in it and it stays a draft; publish it by hand, or set `adopt-drafts: true`"
            );
        }
        if let Some(frozen) = page.filter(|page| page.immutable) {
            for (name, change) in wanted.asset_changes(Some(frozen)) {
                tracing::warn!("{name} cannot be {change}: the release {url} is immutable; its text says what counts");
            }
        }
        if self.context.inputs.dry_run {
            self.progress.console().line("dry run: the release is as it should be, nothing would be written");
        }
        Published::Done(ReleasePage { id: release, url, change })
    }

    /// Once a partial release is published immutable, the files of the full one cannot be added any more. Only some tokens
    /// are told that it will be.
    async fn warn_of_immutability(&self, existing: Option<&Release>) {
        let files = self.context.inputs.lock_files.join(", ");
        let is_published_now = existing.is_none_or(|release| release.draft) && !self.stays_draft();
        if self.completeness == Completeness::Partial
            && is_published_now
            && !files.is_empty()
            && self.context.github.immutable_releases().await == Ok(true)
        {
            tracing::warn!(
                "releases of this repository are immutable: this partial one heals by its text alone, where {files} will stand folded"
            );
        }
    }

    /// A full release stays as it is, although it lists images that this run does not prove.
    fn warn_of_loss(&self, lists: &[ServiceName]) {
        for service in lists {
            let judged = self.decision.judgements.iter().find(|judgement| judgement.service == *service);
            let now = judged.map_or_else(|| format!("{service}: `services` does not name it"), log::image);
            let title = format!("{service} is missing now");
            tracing::warn!(title, "the full release lists it and stays as it is, but now {now}");
        }
    }

    fn stays_draft(&self) -> bool {
        let partial_draft = self.completeness == Completeness::Partial
            && self.context.inputs.on_missing == domain::decide::OnMissing::Draft;
        self.context.inputs.draft || partial_draft
    }

    fn wanted(&self, releases: &[Release], now: Timestamp) -> Wanted {
        let (inputs, subject) = (&self.context.inputs, self.subject);
        let judgements: &[Judgement] = &self.decision.judgements;
        let full = self.completeness == Completeness::Full;
        let mut title = inputs.name.fill(Values {
            repository: subject.repository,
            tag: subject.tag,
            revision: Some(subject.commit),
            service: None,
        });
        if !full {
            title.push_str(&body::partial_suffix(judgements));
        }
        // A partial is marked as a pre-release, so that it is never latest and can heal in place even when frozen.
        let prerelease = !full || inputs.prerelease.unwrap_or_else(|| subject.tag.is_prerelease());
        let url = subject.repository_url;
        let full_changelog_url = match &self.previous {
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
            newest_signal: self.newest_signal,
            decided_at: now,
        }
    }

    /// The changelog; `None` when there is none. A failure here stops no release: the next run adds it.
    async fn changelog(&self) -> Option<String> {
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
                let from = self.previous.as_ref().map(ReleaseTag::as_str);
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
    fn rehearse(&self, existing: Option<&Release>, wanted: &Wanted) -> Published {
        let fields = wanted.fields(existing);
        let before =
            existing.map_or(String::new(), |release| page_text(release.title(), release.prerelease, release.body()));
        let after = page_text(&fields.title, fields.prerelease, &fields.body);
        let diff = similar::TextDiff::from_lines(&before, &after);
        let url = existing.map(|release| release.html_url.clone()).unwrap_or_default();
        let verb = if existing.is_some() { "change" } else { "create" };
        let console = self.progress.console();
        console.group(&format!("dry run: would {verb} the release {}", self.subject.tag));
        console.line(&diff.unified_diff().header("there", "wanted").to_string());
        for (name, change) in wanted.asset_changes(existing) {
            let may = if fields.frozen { "cannot" } else { "would" };
            console.line(&format!("{name} {may} be {change}"));
        }
        console.end_group();
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
pub(crate) struct There {
    pub(crate) releases: Vec<Release>,
    latest: Option<u64>,
}

impl There {
    /// Reads them, until GitHub answers.
    pub(crate) async fn read(context: &Context, tag: &ReleaseTag) -> Result<Self, Error> {
        context.patiently(async || Self::read_once(&context.github, tag, &context.inputs.lock_files).await).await
    }

    /// The release of `tag`; `None` also where it cannot be told which.
    fn of(&self, tag: &ReleaseTag) -> Option<&Release> {
        match choose(&self.releases, tag) {
            Chosen::One(release) => Some(release),
            Chosen::None | Chosen::Several => None,
        }
    }

    /// By list, which shows drafts, and by tag, which a lagging list may lack.
    async fn read_once(github: &GitHub, tag: &ReleaseTag, lock_names: &[String]) -> Result<Self, Error> {
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

/// Makes one write. Gives the release back that it made or changed.
async fn write(github: &GitHub, step: &Step, releases: &[Release]) -> Result<Option<Release>, Error> {
    match step {
        Step::Create(fields) => return github.create_release(&new_release(fields)).await.map(Some),
        Step::Update { release, fields } => return github.update_release(*release, &change(fields)).await.map(Some),
        Step::DeleteTwin(release) => github.delete_release(*release).await?,
        Step::Upload { release, name, text } => {
            let Some(page) = releases.iter().find(|page| page.id == *release) else { return Ok(None) };
            let content = text.clone().into_bytes().into();
            github.upload_asset(&page.upload_url, name, "application/json", content).await?;
        }
        Step::DeleteAsset(asset) => github.delete_asset(*asset).await?,
        Step::RenameAsset { id, name } => drop(github.rename_asset(*id, name).await?),
        Step::Done { .. } | Step::Keep { .. } | Step::Refuse(_) => {}
    }
    Ok(None)
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
