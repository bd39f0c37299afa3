//! Finds out how each missing image can be had after all. Reads only, and only when a decision has fallen; what cannot be
//! found out is left to the convention.

use std::collections::BTreeMap;

use domain::decide::{Judgement, Standing};
use domain::remedy::{LastGood, PastRun, Remedy, Rerun, RunState, rerun};
use domain::service::ServiceName;
use domain::template::{Template, Values};
use domain::version::ReleaseTag;
use jiff::Timestamp;
use registry::Glance;

use crate::context::Context;
use crate::discover::can_be_dispatched;
use crate::target::Target;

/// The most images whose remedy is asked for; a release that lacks more has another problem.
const MAX_REMEDIES: usize = 20;

/// What is known of how a service is built.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recipe {
    /// Its own image template; `None` = the `image` input.
    pub(crate) image: Option<Template>,
    /// Its workflow file and whether that can be started by hand at the tag; `None` when it was not discovered.
    pub(crate) workflow: Option<(String, bool)>,
}

/// The remedies of missing images, by service.
pub(crate) type Remedies = BTreeMap<ServiceName, Remedy>;

/// The remedies of the images that are missing. `below`: the highest full release below this tag.
pub(crate) async fn remedies(
    context: &Context,
    target: &Target,
    recipes: &BTreeMap<ServiceName, Recipe>,
    judgements: &[Judgement],
    below: Option<&ReleaseTag>,
    now: Timestamp,
) -> Remedies {
    let is_missing = |judgement: &&Judgement| judgement.required && judgement.standing == Standing::Missing;
    let mut remedies = Remedies::new();
    for (number, judgement) in judgements.iter().filter(is_missing).enumerate() {
        let recipe = recipes.get(&judgement.service).cloned().unwrap_or_default();
        let remedy = if number < MAX_REMEDIES {
            Some(remedy(context, target, &recipe, judgement, below, now).await)
        } else {
            known_file(&recipe, judgement)
        };
        remedies.extend(remedy.map(|remedy| (judgement.service.clone(), remedy)));
    }
    remedies
}

/// The remedy that nobody has to be asked for: the file that was discovered, for a service that never signalled.
fn known_file(recipe: &Recipe, judgement: &Judgement) -> Option<Remedy> {
    let (file, at_tag) = recipe.workflow.clone().filter(|_| judgement.run.is_none())?;
    Some(Remedy { rerun: Rerun::Dispatch { file, at_tag }, last_good: None })
}

async fn remedy(
    context: &Context,
    target: &Target,
    recipe: &Recipe,
    judgement: &Judgement,
    below: Option<&ReleaseTag>,
    now: Timestamp,
) -> Remedy {
    let (past, path) = match &judgement.run {
        None => (None, None),
        Some(signalled) => {
            if let Ok(run) = context.github.run(signalled.id).await {
                (run.as_ref().map(past_run), run.map(|run| run.workflow_path().to_owned()))
            } else {
                // Without `actions: read` it cannot be seen; that it signalled is known all the same.
                let state = RunState::guess(judgement.verdict);
                (Some(PastRun { id: signalled.id, attempt: signalled.attempt, created_at: now, state }), None)
            }
        }
    };
    let (file, at_tag) = if let Some((file, at_tag)) = &recipe.workflow {
        (file.clone(), *at_tag)
    } else {
        let path = path.unwrap_or_else(|| format!(".github/workflows/release-{}.yml", judgement.service));
        let text = context.github.file(&path, target.commit.as_str()).await;
        let file = path.rsplit('/').next().unwrap_or(&path).to_owned();
        // A file that is not there at the tag may be on the default branch by now; what cannot be read is guessed.
        (file, text.map_or(true, |text| text.is_some_and(|text| can_be_dispatched(&text))))
    };
    Remedy {
        rerun: rerun(past, &file, at_tag, now),
        last_good: match below {
            Some(tag) => last_good(context, recipe, judgement, tag).await,
            None => None,
        },
    }
}

fn past_run(run: &github::Run) -> PastRun {
    let state = RunState::read(run.status.as_deref(), run.conclusion.as_deref());
    PastRun { id: run.id, attempt: u64::from(run.run_attempt), created_at: run.created_at, state }
}

/// The image of `tag`, if the registry still has it.
async fn last_good(context: &Context, recipe: &Recipe, judgement: &Judgement, tag: &ReleaseTag) -> Option<LastGood> {
    let values = Values { repository: &context.repository, tag, revision: None, service: Some(&judgement.service) };
    // The commit of that tag is not asked for.
    let template =
        Some(recipe.image.as_ref().unwrap_or(&context.inputs.image)).filter(|name| !name.names_revision())?;
    let image = template.image(values).ok()?;
    let seen = image != judgement.reference && matches!(context.registry.digest(&image).await, Glance::Digest(_));
    seen.then(|| LastGood { tag: tag.clone(), image })
}
