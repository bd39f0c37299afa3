//! What a run would see and decide, for whoever asks without one: the same observe and decide, and no write.

use std::collections::BTreeMap;

use domain::decide::Decision;
use domain::remedy::Remedy;
use domain::render::Subject;
use domain::repository::{CommitSha, Repository};
use domain::service::ServiceName;
use domain::version::ReleaseTag;
use runner::{Console, Environment, Problem, Runner};
use transport::{Core, CoreOptions};

use crate::context::Checked;
use crate::report::Progress;
use crate::run;

/// What was seen of a tag, and what a run would do now.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// The repository.
    pub repository: Repository,
    /// The address of its pages without a trailing `/`.
    pub repository_url: String,
    /// The tag.
    pub tag: ReleaseTag,
    /// Its commit.
    pub commit: CommitSha,
    /// Each image's verdict, and what to do.
    pub decision: Decision,
    /// How the missing images can be had.
    pub remedies: BTreeMap<ServiceName, Remedy>,
}

impl Diagnosis {
    /// What the texts about it are about.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            repository: &self.repository,
            repository_url: &self.repository_url,
            tag: &self.tag,
            commit: &self.commit,
            remedies: &self.remedies,
        }
    }
}

/// Nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// What was asked for cannot be used; nothing was contacted.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    BadInput(Vec<Problem>),
    /// What stopped it.
    #[error("{0}")]
    Failed(String),
}

/// Looks at the tag that the inputs in `environment` name, as a run with them would, until a decision falls. `see` is
/// told of every look.
pub async fn examine(
    environment: &Environment,
    core: impl FnOnce(&CoreOptions) -> Result<Core, transport::Error>,
    see: &mut dyn FnMut(&Decision),
) -> Result<Diagnosis, ExamineError> {
    let console = Console::new(&Runner::read(environment), std::io::sink());
    let checked = Checked::read(environment, &console.masker()).map_err(ExamineError::BadInput)?;
    let context = checked.connect(core).map_err(|error| ExamineError::Failed(format!("cannot start: {error:#}")))?;
    let progress = Progress::new(console);
    let examined = run::examine(&context, &progress, see).await;
    let (target, decision, remedies) = examined.map_err(|failure| ExamineError::Failed(failure.to_string()))?;
    Ok(Diagnosis {
        repository: context.repository.clone(),
        repository_url: context.repository_url(),
        tag: target.tag,
        commit: target.commit,
        decision,
        remedies,
    })
}
