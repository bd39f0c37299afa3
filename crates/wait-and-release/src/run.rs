//! One run: find the tag, look, decide, act, until it ends. This is the loop that everything else serves.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::decide::{Completeness, Decision, Flaw, Judgement, Next, OnMissing, Reason, Rules, Standing, decide};
use domain::image::Platform;
use domain::release::plan::{Refusal, standing_full};
use domain::release::versions;
use domain::render::reason::access;
use domain::render::{Subject, log};
use domain::service::{ServiceEntry, ServiceName};
use domain::template::{Template, Values};
use domain::version::ReleaseTag;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::context::Context;
use crate::discover::discover;
use crate::failure::Failure;
use crate::observe::{Observer, Service};
use crate::publish::{Published, Publisher, There};
use crate::remedies::{Recipe, Remedies, remedies};
use crate::report::{Change, Known, Progress, ReleasePage, Status};
use crate::target::{Target, Targets, targets};

/// How often a decision may be overtaken by the world before the run gives up.
const MAX_RESTARTS: usize = 20;
/// The longest silence in the log.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// How a run ended: the output `status`, the exit code, and one sentence about it.
pub(crate) struct Ended {
    pub(crate) status: Status,
    pub(crate) exit: u8,
    pub(crate) headline: String,
}

impl Ended {
    fn new(status: Status, exit: u8, headline: impl Into<String>) -> Self {
        Self { status, exit, headline: headline.into() }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        tracing::error!("{failure}");
        Self::new(Status::Failed, failure.exit_code(), failure.to_string())
    }
}

/// Runs to the end.
pub(crate) async fn run(context: &Context, progress: &Progress) -> Result<Ended, Failure> {
    match targets(context).await? {
        Targets::One(target) => release(context, progress, target, context.waiting).await,
        Targets::Sweep(targets) => {
            // The outputs tell of the worst end, the newest tag's among equals.
            let mut worst: Option<(Ended, Known)> = None;
            for target in targets {
                let tag = target.tag.clone();
                progress.console().group(&format!("{tag} at {}", target.commit.short()));
                let mut ended = release(context, progress, target, false).await.unwrap_or_else(Ended::from);
                progress.close(&ended.headline);
                progress.console().end_group();
                progress.end((&context.repository, &context.repository_url()), &ended.headline);
                ended.headline = format!("{tag}: {}", ended.headline);
                if worst.as_ref().is_none_or(|(worst, _)| (ended.exit, ended.status) > (worst.exit, worst.status)) {
                    worst = Some((ended, progress.known().clone()));
                }
            }
            let Some((ended, known)) = worst else {
                let nothing = "no tag carries a signal of ours without a full release: nothing to do";
                return Ok(Ended::new(Status::Complete, 0, nothing));
            };
            progress.tell_of(known);
            Ok(ended)
        }
    }
}

/// Brings the release of one tag about. A tag that moves meanwhile starts it over.
async fn release(context: &Context, progress: &Progress, mut target: Target, waiting: bool) -> Result<Ended, Failure> {
    let mut change = if context.inputs.dry_run { Change::None } else { Change::Unchanged };
    for _ in 0..MAX_RESTARTS {
        match release_at(context, progress, &target, waiting, &mut change).await {
            Err(Failure::TagMoved(commit)) => {
                tracing::warn!(
                    "the tag {} moved from {} to {}: starting over",
                    target.tag,
                    target.commit.short(),
                    commit.short()
                );
                target.commit = commit;
            }
            ended => return ended,
        }
    }
    Err(Failure::NeverSettled(format!("the tag {} keeps moving: run this workflow again when it stays", target.tag)))
}

/// `change`: what this run has done to the release so far.
async fn release_at(
    context: &Context,
    progress: &Progress,
    target: &Target,
    waiting: bool,
    change: &mut Change,
) -> Result<Ended, Failure> {
    let started = context.started();
    progress.begin(target, started);
    let (services, recipes) = services(context, target).await?;
    context.sign_in(services.iter().map(|service| service.image.host())).await;
    let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    tracing::info!("{} at {}: {} ({})", target.tag, target.commit.short(), count(&names), names.join(", "));
    if target.tag.semver().is_none() {
        tracing::warn!(
            "{} is not a semantic version: its release is never the latest, is no pre-release, and has no previous tag",
            target.tag
        );
    }
    let run = Run { context, progress, target, recipes, rules: rules(context, target, waiting) };
    let mut observer = Observer::new(context, target.clone(), &services, (started, waiting));
    run.to_the_end(&mut observer, change).await
}

/// Looks at one tag until a decision falls, and writes nothing. `see` is told of every look.
pub(crate) async fn examine(
    context: &Context,
    progress: &Progress,
    see: &mut dyn FnMut(&Decision),
) -> Result<(Target, Decision, Remedies), Failure> {
    let Targets::One(target) = targets(context).await? else {
        return Err(Failure::BadInput("`tag`: nothing names one".into()));
    };
    let started = context.started();
    let (services, recipes) = services(context, &target).await?;
    context.sign_in(services.iter().map(|service| service.image.host())).await;
    let mut observer = Observer::new(context, target.clone(), &services, (started, context.waiting));
    let run = Run { context, progress, target: &target, recipes, rules: rules(context, &target, context.waiting) };
    observer.first_look().await?;
    let decision = loop {
        let decision = run.decide(&observer);
        see(&decision);
        match decision.next {
            Next::Wait { until } => observer.watch(&decision, until).await?,
            Next::AskOtherRuns => observer.ask_other_runs().await,
            Next::Pending
            | Next::Release(_)
            | Next::Withhold
            | Next::NothingReady
            | Next::Unknown
            | Next::NoRequiredService => break decision,
        }
    };
    let there = There::read(context, &target.tag).await?;
    let below = versions::previous_tag(&target.tag, &there.releases);
    let (decision, remedies) = run.with_reasons(&mut observer, decision, below.as_ref()).await;
    drop(run);
    Ok((target, decision, remedies))
}

fn count(names: &[&str]) -> String {
    if names.len() == 1 { "1 service".into() } else { format!("{} services", names.len()) }
}

fn rules(context: &Context, target: &Target, waiting: bool) -> Rules {
    let inputs = &context.inputs;
    Rules {
        repository: context.repository.clone(),
        repository_url: context.repository_url(),
        commit: target.commit.clone(),
        revision: inputs.revision,
        platforms: inputs.platforms.clone(),
        on_missing: inputs.on_missing,
        waiting,
        timeout: inputs.timeout,
        start_grace: inputs.start_grace,
    }
}

/// Name, whether it is required, its own image, its own platforms.
type Listed = (ServiceName, bool, Option<Template>, Option<Vec<Platform>>);

/// The services of the release: from the input, else from the workflow files at the tag.
async fn services(
    context: &Context,
    target: &Target,
) -> Result<(Vec<Service>, BTreeMap<ServiceName, Recipe>), Failure> {
    let mut recipes = BTreeMap::<ServiceName, Recipe>::new();
    let listed: Vec<Listed> = if let Some(entries) = &context.inputs.services {
        let listed = |entry: &ServiceEntry| (entry.name.clone(), !entry.optional, entry.image.clone(), None);
        entries.iter().map(listed).collect()
    } else {
        let files = context.patiently(async || context.github.workflow_files(&target.commit).await).await?;
        let found = discover(&files, &target.tag)
            .map_err(|problems| Failure::BadInput(format!("`services: auto`: {}", problems.join("; "))))?;
        if found.is_empty() {
            return Err(Failure::BadInput(format!(
                "`services: auto`: no workflow file at {} builds an image on a push of this tag: it must call build-image.yml, build-image or build-and-signal; or name the services",
                target.tag
            )));
        }
        for service in &found {
            recipes.entry(service.name.clone()).or_default().workflow =
                Some((service.workflow.clone(), service.dispatch));
        }
        found.into_iter().map(|service| (service.name, true, service.image, service.platforms)).collect()
    };
    let (mut services, mut problems) = (Vec::new(), Vec::new());
    for (name, required, image, platforms) in listed {
        let values = Values {
            repository: &context.repository,
            tag: &target.tag,
            revision: Some(&target.commit),
            service: Some(&name),
        };
        match image.as_ref().unwrap_or(&context.inputs.image).image(values) {
            Ok(reference) => {
                recipes.entry(name.clone()).or_default().image = image;
                services.push(Service { name, required, image: reference, platforms });
            }
            Err(error) => problems.push(format!("`image` of {name}: {error}")),
        }
    }
    // One image cannot prove two services.
    for (index, Service { name, image, .. }) in services.iter().enumerate() {
        if let Some(other) = services[..index].iter().find(|other| other.image == *image) {
            problems.push(format!(
                "`image`: {} and {name} are both {image}: name each its own, such as by {{service}} in the template",
                other.name
            ));
        }
    }
    if problems.is_empty() { Ok((services, recipes)) } else { Err(Failure::BadInput(problems.join("; "))) }
}

struct Run<'a> {
    context: &'a Context,
    progress: &'a Progress,
    target: &'a Target,
    recipes: BTreeMap<ServiceName, Recipe>,
    rules: Rules,
}

impl Run<'_> {
    fn subject<'a>(&'a self, remedies: &'a Remedies) -> Subject<'a> {
        Subject {
            repository: &self.context.repository,
            repository_url: &self.rules.repository_url,
            tag: &self.target.tag,
            commit: &self.target.commit,
            remedies,
        }
    }

    fn decide(&self, observer: &Observer<'_>) -> Decision {
        decide(observer.evidence(), &self.rules, observer.now())
    }

    async fn to_the_end(&self, observer: &mut Observer<'_>, change: &mut Change) -> Result<Ended, Failure> {
        let mut log = Log::new(self.context);
        let mut restarts = 0;
        observer.first_look().await?;
        loop {
            let decision = self.decide(observer);
            let now = observer.now();
            observer.note(&decision.judgements);
            self.progress.seen(&decision.judgements, observer.lives(), now);
            log.changes(&decision.judgements);
            match decision.next {
                Next::Wait { until } => {
                    log.heartbeat(&decision, observer, now);
                    observer.watch(&decision, until.min(log.next_heartbeat(now))).await?;
                }
                Next::AskOtherRuns => observer.ask_other_runs().await,
                Next::Pending => return Ok(pending(&decision.judgements)),
                Next::NoRequiredService => {
                    return Err(Failure::BadInput(
                        "`services`: no service is required: name at least one without a `?`".into(),
                    ));
                }
                Next::Release(completeness) => {
                    let there = There::read(self.context, &self.target.tag).await?;
                    let below = versions::previous_tag(&self.target.tag, &there.releases);
                    let previous = self.previous_tag(below.as_ref(), &mut log);
                    let (decision, remedies) = self.with_reasons(observer, decision, below.as_ref()).await;
                    let publisher = Publisher {
                        context: self.context,
                        progress: self.progress,
                        subject: self.subject(&remedies),
                        decision: &decision,
                        completeness,
                        previous,
                        newest_signal: observer.evidence().newest_signal,
                    };
                    let published = publisher.publish(there, observer, |observer| self.decide(observer), change);
                    match Box::pin(published).await? {
                        Published::Done(page) => {
                            self.progress.set_release(page);
                            return Ok(self.released(&decision, &remedies, completeness));
                        }
                        Published::Refused(refusal) => return Ok(self.refused(&decision, &remedies, &refusal)),
                        Published::LookAgain => {
                            restarts += 1;
                            if restarts > MAX_RESTARTS {
                                return Err(Failure::NeverSettled(format!(
                                    "what is to be announced changed {restarts} times right before it was: nothing is published; run this workflow again when the builds of {} are quiet",
                                    self.target.tag
                                )));
                            }
                            observer.look_at_unseen().await;
                        }
                    }
                }
                Next::Withhold | Next::NothingReady => {
                    observer.same_tag().await?;
                    let there = There::read(self.context, &self.target.tag).await?;
                    let below = versions::previous_tag(&self.target.tag, &there.releases);
                    let (decision, remedies) = self.with_reasons(observer, decision, below.as_ref()).await;
                    // No release is wanted, but one stands: that it was full and is no more is said all the same.
                    if let Some(full) = standing_full(&there.releases, &self.target.tag, &self.target.commit) {
                        self.progress.set_release(ReleasePage::of(full, *change));
                        let refusal = Refusal::WouldLessen { url: full.html_url.clone() };
                        return Ok(self.refused(&decision, &remedies, &refusal));
                    }
                    let (status, reason) = match (&decision.next, self.context.inputs.on_missing) {
                        (Next::NothingReady, _) => (Status::Failed, "not one image is ready".to_owned()),
                        (_, OnMissing::None) => {
                            (Status::Partial, format!("missing: {}", missing(&decision.judgements)))
                        }
                        (_, _) => (Status::Failed, format!("missing: {}", missing(&decision.judgements))),
                    };
                    return Ok(self.withheld(&decision, &remedies, status, &reason));
                }
                Next::Unknown => {
                    observer.same_tag().await?;
                    if observer.look_at_unseen().await {
                        continue;
                    }
                    let reason =
                        format!("it cannot be told whether these are there: {}", unknown(&decision.judgements));
                    return Ok(self.withheld(&decision, &Remedies::new(), Status::Failed, &reason));
                }
            }
        }
    }

    /// The tag that the changelog starts from; `below`: the highest full release below. Says it, and why.
    fn previous_tag(&self, below: Option<&ReleaseTag>, log: &mut Log<'_>) -> Option<ReleaseTag> {
        let (tag, given) = (&self.target.tag, self.context.inputs.previous_tag.as_ref());
        log.previous_tag(match (given, below) {
            (Some(given), _) => format!("changelog from {given}: the input `previous-tag` names it"),
            (None, Some(below)) => format!("changelog from {below}: the highest full release below {tag}"),
            (None, None) if tag.semver().is_none() => {
                format!("changelog from the beginning: {tag} is not a semantic version, so none is below it")
            }
            (None, None) => format!("changelog from the beginning: there is no full release below {tag}"),
        });
        let previous = given.or(below).cloned();
        self.progress.set_previous_tag(previous.clone());
        previous
    }

    /// Adds what is found out only when a decision has fallen: where an absent image stands instead, and how each missing
    /// one can be had.
    async fn with_reasons(
        &self,
        observer: &mut Observer<'_>,
        decision: Decision,
        below: Option<&ReleaseTag>,
    ) -> (Decision, Remedies) {
        observer.look_elsewhere(&decision, &self.target.tag).await;
        let explained = Some(self.decide(observer)).filter(|explained| explained.next == decision.next);
        let decision = explained.unwrap_or(decision);
        let now = observer.now();
        let remedies = remedies(self.context, self.target, &self.recipes, &decision.judgements, below, now).await;
        self.progress.seen(&decision.judgements, observer.lives(), now);
        self.progress.known().remedies.clone_from(&remedies);
        (decision, remedies)
    }

    fn released(&self, decision: &Decision, remedies: &Remedies, completeness: Completeness) -> Ended {
        let ready = decision.judgements.iter().filter(|judgement| judgement.standing == Standing::Ready).count();
        match completeness {
            Completeness::Full => Ended::new(Status::Complete, 0, format!("full release, {ready} images proven")),
            Completeness::Partial => {
                self.annotate(decision, remedies, false);
                let missing = missing(&decision.judgements);
                Ended::new(Status::Partial, 0, format!("partial release, {ready} images proven, without {missing}"))
            }
        }
    }

    /// No release, because of `reason`.
    fn withheld(&self, decision: &Decision, remedies: &Remedies, status: Status, reason: &str) -> Ended {
        let fails = status == Status::Failed;
        self.annotate(decision, remedies, fails);
        let headline = format!("no release: {reason}");
        if fails {
            tracing::error!("{headline}");
        }
        Ended::new(status, u8::from(fails), headline)
    }

    fn refused(&self, decision: &Decision, remedies: &Remedies, refusal: &Refusal) -> Ended {
        let headline = match refusal {
            Refusal::WouldLessen { url } => {
                self.annotate(decision, remedies, true);
                format!("the full release {url} stays as it is, but now missing: {}", missing(&decision.judgements))
            }
            Refusal::SeveralDrafts { urls } => format!(
                "several drafts that people made name this tag, so none is touched: {}; delete all but one",
                urls.join(" ")
            ),
        };
        tracing::error!("{headline}");
        Ended::new(Status::Failed, 1, headline)
    }

    /// One annotation per required image that is not ready.
    fn annotate(&self, decision: &Decision, remedies: &Remedies, as_error: bool) {
        for judgement in decision.judgements.iter().filter(|judgement| is_missing(judgement)) {
            let title = format!("{} is missing from {}", judgement.service, self.target.tag);
            let text = log::annotation(judgement, self.subject(remedies));
            if as_error {
                tracing::error!(title, "{text}");
            } else {
                tracing::warn!(title, "{text}");
            }
        }
    }
}

fn pending(judgements: &[Judgement]) -> Ended {
    // Of what a build says is there, a refusal is no mere lateness.
    let is_hidden = |reason: &Reason| matches!(reason, Reason::Flaw { flaw: Flaw::Denied(_), signalled: true });
    for judgement in judgements.iter().filter(|judgement| is_hidden(&judgement.reason)) {
        let access = access(judgement.reference.host());
        tracing::warn!("{} is not to be read by this run: {access}", judgement.reference);
    }
    let left = names(judgements, |judgement| judgement.standing == Standing::Pending);
    let headline = format!("not decidable yet: {left} may still come; look again when a build ends");
    Ended::new(Status::Pending, 0, headline)
}

fn is_missing(judgement: &Judgement) -> bool {
    judgement.required && judgement.standing != Standing::Ready
}

fn missing(judgements: &[Judgement]) -> String {
    names(judgements, is_missing)
}

fn unknown(judgements: &[Judgement]) -> String {
    names(judgements, |judgement| judgement.required && judgement.standing == Standing::Unknown)
}

fn names(judgements: &[Judgement], is_named: impl Fn(&Judgement) -> bool) -> String {
    let named = judgements.iter().filter(|judgement| is_named(judgement));
    named.map(|judgement| judgement.service.as_str()).collect::<Vec<_>>().join(", ")
}

/// One line per change, and a heartbeat when nothing changes for a minute.
struct Log<'a> {
    context: &'a Context,
    said: BTreeMap<ServiceName, String>,
    said_previous_tag: String,
    last: Instant,
}

impl<'a> Log<'a> {
    fn new(context: &'a Context) -> Self {
        Self { context, said: BTreeMap::new(), said_previous_tag: String::new(), last: Instant::now() }
    }

    fn previous_tag(&mut self, line: String) {
        if self.said_previous_tag != line {
            tracing::info!("{line}");
            self.said_previous_tag = line;
        }
    }

    fn changes(&mut self, judgements: &[Judgement]) {
        for judgement in judgements.iter().filter(|judgement| judgement.reason != Reason::NotLookedYet) {
            let line = log::image(judgement);
            if self.said.get(&judgement.service) != Some(&line) {
                tracing::info!("{line}");
                self.said.insert(judgement.service.clone(), line);
                self.last = Instant::now();
            }
        }
    }

    fn heartbeat(&mut self, decision: &Decision, observer: &mut Observer<'_>, now: Timestamp) {
        if self.last.elapsed() >= HEARTBEAT {
            let waited = now.duration_since(observer.evidence().started).unsigned_abs();
            let left = decision.deadline.duration_since(now).unsigned_abs();
            let budget = self.context.github.budget().rate_limit().map(|limit| limit.remaining);
            let line = log::heartbeat(&decision.judgements, waited, left, observer.next_look(decision), budget);
            tracing::info!("{line}");
            self.last = Instant::now();
        }
    }

    fn next_heartbeat(&self, now: Timestamp) -> Timestamp {
        let in_ = HEARTBEAT.saturating_sub(self.last.elapsed()).max(Duration::from_secs(1));
        now.checked_add(jiff::SignedDuration::try_from(in_).unwrap_or_default()).unwrap_or(Timestamp::MAX)
    }
}
