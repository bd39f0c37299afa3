//! Looks at the world: images on their registries, signals on the tag's commit, and whether anything still runs there.
//! Reads only. Each image has its own rhythm; a slow one never holds back another.

use std::time::Duration;

use domain::decide::{Decision, Evidence, ImageEvidence, Judgement, OtherRuns, Reason, RevisionPolicy, Standing};
use domain::evidence::Sight;
use domain::image::{ImageReference, ImageTag, Platform};
use domain::render::summary::Life;
use domain::service::ServiceName;
use domain::signal::{SignalState, Signals};
use domain::version::ReleaseTag;
use jiff::Timestamp;
use registry::{Glance, Wanted};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::context::Context;
use crate::failure::Failure;
use crate::pace::Pace;
use crate::target::Target;
use action::{self, Patience};

/// The least time between two reads of the signals.
const SIGNALS_INTERVAL: Duration = Duration::from_secs(15);
/// Looks that end close together are decided on together.
const GATHER: Duration = Duration::from_millis(50);

/// A service whose image is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: ServiceName,
    pub(crate) required: bool,
    pub(crate) image: ImageReference,
    /// The platforms that it must hold; `None` = those that its green signal names.
    pub(crate) platforms: Option<Vec<Platform>>,
}

/// What is seen, and when to look again.
pub(crate) struct Observer<'a> {
    context: &'a Context,
    /// Whether this run waits; otherwise it looks once.
    waiting: bool,
    target: Target,
    evidence: Evidence,
    lives: Vec<Life>,
    schedule: Vec<Schedule>,
    looks: JoinSet<(usize, Vec<Platform>, Sight)>,
    signals_due: Instant,
    /// True after one complete read.
    signals_read: bool,
    signals_patience: Patience,
    /// When the answer about other runs is too old.
    other_runs_due: Option<Instant>,
}

/// The rhythm of one image.
#[derive(Debug, Clone)]
struct Schedule {
    /// When to look next; `None` while a look is on its way or none is needed.
    due: Option<Instant>,
    /// When the last look began.
    last: Option<Instant>,
    /// A look is on its way.
    looking: bool,
    /// The platforms that the last look asked for.
    asked: Vec<Platform>,
    /// How many looks in a row showed nothing new; `None` = a signal came since the last one.
    unchanged: Option<u32>,
    pace: Pace,
}

impl<'a> Observer<'a> {
    /// Nothing is seen yet; everything is due.
    pub(crate) fn new(
        context: &'a Context,
        target: Target,
        services: &[Service],
        (started, waiting): (Timestamp, bool),
    ) -> Self {
        let now = Instant::now();
        let images = services.iter().map(|service| ImageEvidence {
            service: service.name.clone(),
            required: service.required,
            reference: service.image.clone(),
            platforms: service.platforms.clone(),
            sight: None,
            first_look: None,
            looks_since_signal: 0,
            elsewhere: None,
            signals: domain::signal::ServiceSignals::default(),
        });
        let life =
            |service: &Service| Life { service: service.name.clone(), signalled: None, visible: None, verified: None };
        let run = (context.runner.run_id, context.runner.run_attempt);
        let schedule = services.iter().map(|service| Schedule {
            due: Some(now),
            last: None,
            looking: false,
            asked: vec![],
            unchanged: None,
            pace: Pace::new(context.inputs.poll_interval, run, service.name.as_str()),
        });
        let evidence = Evidence {
            images: images.collect(),
            started,
            triggered: target.triggered,
            first_signal: None,
            newest_signal: None,
            other_runs: OtherRuns::NotAsked,
        };
        Self {
            context,
            waiting,
            target,
            evidence,
            lives: services.iter().map(life).collect(),
            schedule: schedule.collect(),
            looks: JoinSet::new(),
            signals_due: now,
            signals_read: false,
            signals_patience: Patience::new(context.patience_when(waiting)),
            other_runs_due: None,
        }
    }

    /// Everything seen so far.
    pub(crate) fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// When the stages of each image's life were seen.
    pub(crate) fn lives(&self) -> &[Life] {
        &self.lives
    }

    /// How long until the next look at any image; `None` while none is planned.
    pub(crate) fn next_look(&mut self, decision: &Decision) -> Option<Duration> {
        self.plan(&decision.judgements);
        let due = self.schedule.iter().filter_map(|schedule| schedule.due).min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// The time, by GitHub's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.context.github.now().unwrap_or(self.evidence.started)
    }

    /// Reads the signals: they are not "none" until they were read once. A run that only looks then looks at every image.
    pub(crate) async fn first_look(&mut self) -> Result<(), Failure> {
        self.read_signals_once().await?;
        if !self.waiting {
            self.look_at_unseen().await;
        }
        Ok(())
    }

    /// Reads the signals at once, and again until they were read.
    async fn read_signals_once(&mut self) -> Result<(), Failure> {
        while self.context.inputs.signals && !self.signals_read {
            self.read_signals().await?;
            if !self.signals_read {
                tokio::time::sleep_until(self.signals_due).await;
            }
        }
        Ok(())
    }

    /// Looks at every image that was not seen yet, or must be seen anew; true when there was one.
    pub(crate) async fn look_at_unseen(&mut self) -> bool {
        let unseen = self.evidence.images.iter().any(|image| image.sight.is_none());
        for (schedule, image) in self.schedule.iter_mut().zip(&self.evidence.images) {
            if image.sight.is_none() && !schedule.looking {
                schedule.due = Some(Instant::now());
            }
        }
        self.start_looks();
        while let Some(look) = self.looks.join_next().await {
            self.take(look);
        }
        unseen
    }

    /// Waits until something was seen that may change the decision, at most until `until`.
    pub(crate) async fn watch(&mut self, decision: &Decision, until: Timestamp) -> Result<(), Failure> {
        self.plan(&decision.judgements);
        let end = Instant::now() + until.duration_since(self.now()).unsigned_abs();
        loop {
            self.start_looks();
            let signals_due = self.context.inputs.signals.then_some(self.signals_due);
            let next_look = self.schedule.iter().filter_map(|schedule| schedule.due).min();
            let wakes = [Some(end), signals_due, next_look, self.other_runs_due];
            let wake = wakes.into_iter().flatten().min().unwrap_or(end);
            let looking = !self.looks.is_empty();
            tokio::select! {
                Some(look) = self.looks.join_next(), if looking => {
                    self.take(look);
                    self.gather().await;
                    return Ok(());
                }
                () = tokio::time::sleep_until(wake) => {
                    if Instant::now() >= end {
                        return Ok(());
                    }
                    if self.other_runs_due.take_if(|due| Instant::now() >= *due).is_some() {
                        self.evidence.other_runs = OtherRuns::NotAsked;
                        return Ok(());
                    }
                    if signals_due.is_some_and(|due| Instant::now() >= due) {
                        self.read_signals().await?;
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes in the looks that end close together.
    async fn gather(&mut self) {
        let end = Instant::now() + GATHER;
        while let Ok(Some(look)) = tokio::time::timeout_at(end, self.looks.join_next()).await {
            self.take(look);
        }
    }

    /// Images that are pending and not proven are looked at in their rhythm, the others not at all.
    fn plan(&mut self, judgements: &[Judgement]) {
        let images = self.evidence.images.iter();
        for ((schedule, judgement), image) in self.schedule.iter_mut().zip(judgements).zip(images) {
            let builds = image.signals.newest.as_ref().is_some_and(|signal| signal.state == SignalState::Pending);
            let wanted = judgement.standing == Standing::Pending && judgement.proof.is_none();
            schedule.due = match schedule.last {
                _ if !wanted || schedule.looking => None,
                None => Some(Instant::now()),
                Some(last) => Some(last + schedule.pace.until_next(builds, schedule.unchanged.unwrap_or(0))),
            };
        }
    }

    fn start_looks(&mut self) {
        let now = Instant::now();
        for index in 0..self.schedule.len() {
            if self.schedule[index].due.is_some_and(|due| due <= now) {
                let wanted = self.wanted(index);
                let platforms = wanted.platforms.clone();
                let (registry, reference) =
                    (self.context.registry.clone(), self.evidence.images[index].reference.clone());
                let asked = platforms.clone();
                self.looks.spawn(async move { (index, platforms, registry.look(&reference, &wanted).await) });
                let schedule = &mut self.schedule[index];
                (schedule.due, schedule.last, schedule.looking, schedule.asked) = (None, Some(now), true, asked);
            }
        }
    }

    fn wanted(&self, index: usize) -> Wanted {
        let read_revision = self.context.inputs.revision != RevisionPolicy::Off;
        Wanted { platforms: self.wanted_platforms(index), read_revision }
    }

    fn wanted_platforms(&self, index: usize) -> Vec<Platform> {
        self.evidence.images[index].wanted_platforms(self.context.inputs.platforms.as_deref()).to_vec()
    }

    fn take(&mut self, look: Result<(usize, Vec<Platform>, Sight), tokio::task::JoinError>) {
        let Ok((index, platforms, sight)) = look else { return };
        let now = self.now();
        let image = &mut self.evidence.images[index];
        let schedule = &mut self.schedule[index];
        schedule.looking = false;
        let same = image.sight.as_ref() == Some(&sight);
        schedule.unchanged = schedule.unchanged.filter(|_| same).map_or(Some(0), |looks| looks.checked_add(1));
        image.first_look.get_or_insert(now);
        image.looks_since_signal = image.looks_since_signal.saturating_add(1);
        if matches!(sight, Sight::Image(_)) {
            self.lives[index].visible.get_or_insert(now);
        }
        image.sight = Some(sight);
        if platforms != self.wanted_platforms(index) {
            // A signal that came meanwhile asks for more.
            self.evidence.images[index].sight = None;
            self.schedule[index].last = None;
        }
    }

    /// Notes which images were proven by now.
    pub(crate) fn note(&mut self, judgements: &[Judgement]) {
        let now = self.now();
        for (life, judgement) in self.lives.iter_mut().zip(judgements) {
            if judgement.proof.is_some() {
                life.verified.get_or_insert(now);
            }
        }
    }

    /// Reads all signals of the commit. Troubles of the moment are waited out, at most until the run's own limit.
    async fn read_signals(&mut self) -> Result<(), Failure> {
        let statuses = match self.context.github.statuses(&self.target.commit).await {
            Ok(statuses) => statuses,
            Err(error) => {
                let pause = self.signals_patience.pause(error).map_err(Failure::SignalsUnreadable)?;
                self.signals_due = Instant::now() + pause.max(SIGNALS_INTERVAL);
                return Ok(());
            }
        };
        self.signals_patience.renew();
        self.signals_due = Instant::now() + SIGNALS_INTERVAL;
        self.signals_read = true;
        let signals = Signals::read(&statuses, &self.target.tag, &self.context.server_url, &self.context.repository);
        self.take_signals(&signals);
        Ok(())
    }

    fn take_signals(&mut self, signals: &Signals) {
        self.evidence.first_signal = signals.first_at;
        self.evidence.newest_signal = signals.newest_at;
        for index in 0..self.evidence.images.len() {
            let image = &mut self.evidence.images[index];
            let new = signals.of(&self.target.tag, &image.service);
            if let Some(signal) = &new.newest {
                self.lives[index].signalled.get_or_insert(signal.at);
            }
            if image.signals.newest == new.newest {
                image.signals = new;
                continue;
            }
            image.signals = new;
            image.looks_since_signal = 0;
            let wanted = self.wanted_platforms(index);
            let proven_for_less = !self.schedule[index].asked.is_empty() && self.schedule[index].asked != wanted;
            // An optional image is not waited for beyond one look, so that look has to be made after the signal.
            let image = &mut self.evidence.images[index];
            let missed = !image.required && !matches!(image.sight, Some(Sight::Image(_)));
            if proven_for_less || missed {
                image.sight = None;
            }
            // Something happened: look at once, and soon again.
            self.schedule[index].last = None;
            self.schedule[index].unchanged = None;
        }
    }

    /// Asks whether another workflow run of the commit is queued or running. Runs of this workflow itself do not count.
    pub(crate) async fn ask_other_runs(&mut self) {
        self.other_runs_due = Some(Instant::now() + SIGNALS_INTERVAL);
        self.evidence.other_runs = match self.context.github.active_runs(&self.target.commit).await {
            Ok(runs) => {
                let own = |run: &github::Run| {
                    Some(run.id) == self.context.runner.run_id
                        || Some(run.workflow_path()) == self.context.runner.workflow_path.as_deref()
                };
                if runs.iter().any(|run| !own(run)) { OtherRuns::Active } else { OtherRuns::Idle }
            }
            Err(error) if error.pause().is_some() => OtherRuns::Active,
            Err(error) => {
                tracing::warn!(
                    "cannot tell whether a build is still to come, so a service without any sign is waited for until the timeout: {error}"
                );
                self.other_runs_due = None;
                OtherRuns::Unreadable
            }
        };
    }

    /// Looks whether absent images stand under the tag instead of the version, or the reverse. One request each, made
    /// when a decision has fallen.
    pub(crate) async fn look_elsewhere(&mut self, decision: &Decision, tag: &ReleaseTag) {
        let names = [tag.as_str(), tag.version()].map(|name| name.parse::<ImageTag>().ok());
        let mut glances = JoinSet::new();
        for (index, judgement) in decision.judgements.iter().enumerate() {
            let image = &self.evidence.images[index];
            let gone = matches!(image.sight, Some(Sight::Absent)) && image.elsewhere.is_none();
            let current = image.reference.tag();
            let other = names.iter().flatten().find(|name| Some(*name) != current);
            let swaps = names.iter().flatten().any(|name| Some(name) == current);
            if let (Standing::Missing, true, true, Some(other)) = (judgement.standing, gone, swaps, other) {
                let (registry, elsewhere) = (self.context.registry.clone(), image.reference.with_tag(other.clone()));
                glances.spawn(async move { (index, registry.digest(&elsewhere).await, elsewhere) });
            }
        }
        while let Some(glance) = glances.join_next().await {
            if let Ok((index, Glance::Digest(_), elsewhere)) = glance {
                self.evidence.images[index].elsewhere = Some(elsewhere);
            }
        }
    }

    /// Fails when the git tag is gone or names another commit.
    pub(crate) async fn same_tag(&self) -> Result<(), Failure> {
        match self.context.patiently(async || self.context.github.tag(self.target.tag.as_str()).await).await? {
            None => Err(Failure::TagGone(self.target.tag.to_string())),
            Some(commit) if commit != self.target.commit => Err(Failure::TagMoved(commit)),
            Some(_) => Ok(()),
        }
    }

    /// Reads once more what a release is about to announce: the git tag, the signals, and every image tag, also of images
    /// that are announced as missing. An image that moved or appeared is looked at anew. True when nothing has changed.
    pub(crate) async fn still_true(&mut self, judgements: &[Judgement]) -> Result<bool, Failure> {
        let mut looks = JoinSet::new();
        for (index, judgement) in judgements.iter().enumerate() {
            // A look overrules no veto.
            if matches!(judgement.reason, Reason::BuildEnded { .. }) {
                continue;
            }
            let (registry, reference) = (self.context.registry.clone(), judgement.reference.clone());
            let expected = match &self.evidence.images[index].sight {
                Some(Sight::Image(facts)) => Some(facts.digest.clone()),
                Some(Sight::Absent | Sight::Denied { .. }) => None,
                Some(Sight::NotAnImage { .. } | Sight::Unreachable { .. }) => {
                    let wanted = self.wanted(index);
                    looks.spawn(
                        async move { (index, matches!(registry.look(&reference, &wanted).await, Sight::Image(_))) },
                    );
                    continue;
                }
                None => continue,
            };
            let is_ready = judgement.standing == Standing::Ready;
            looks.spawn(async move {
                let has_moved = match registry.digest(&reference).await {
                    Glance::Digest(digest) => Some(digest) != expected,
                    Glance::Absent | Glance::Denied { .. } | Glance::Unreachable { .. } => is_ready,
                };
                (index, has_moved)
            });
        }
        let mut moved = Vec::new();
        while let Some(look) = looks.join_next().await {
            let Ok((index, true)) = look else { continue };
            let Judgement { standing, reference, .. } = &judgements[index];
            let what =
                if *standing == Standing::Ready { "no longer shows what was proven" } else { "shows a new image" };
            tracing::warn!("{reference}: its tag {what}, looking again");
            moved.push(index);
        }
        for index in &moved {
            self.evidence.images[*index].sight = None;
            self.schedule[*index].last = None;
        }
        // No release without one complete read after the last image was proven; last, as a registry may be slow.
        self.signals_read = false;
        self.read_signals_once().await?;
        self.same_tag().await?;
        Ok(moved.is_empty())
    }
}
