//! Whole runs of `build-and-signal` as stories: real clients, a simulated registry and GitHub, and a stand-in for buildx. The
//! last word always has `wait-and-release`, or the world.

mod builder;
mod building;
mod cancelling;
mod exists;
mod failing;
mod inputs;
mod proving;
mod signalling;

use std::ops::{Deref, DerefMut};

use sim::{Access, CommitStatus, GitHubToken};

use self::builder::Builder;
use crate::stage::{Ended, Stage, TOKEN};

/// The stage of one build: `api` at `v1.0.0`, checked out, with a Dockerfile.
pub(crate) struct Build {
    stage: Stage,
    pub(crate) builder: Builder,
}

impl Deref for Build {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl DerefMut for Build {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Build {
    pub(crate) fn new() -> Self {
        let mut stage = Stage::new();
        let workspace = stage.folder("workspace");
        stage.folder("workspace/.git");
        let commit = stage.commit.clone();
        stage.file("workspace/.git/HEAD", &commit);
        stage.file("workspace/Dockerfile", "FROM scratch\n");
        stage.variable("GITHUB_WORKSPACE", &workspace).variable("GITHUB_SHA", &commit);
        stage.variable("GITHUB_RUN_ID", "100");
        stage.input("service-name", "api");
        stage.world.token(token());
        let builder = Builder::new(&stage.world);
        Self { stage, builder }
    }

    /// One run, to its end.
    pub(crate) async fn build(&self) -> Ended {
        self.stage.build_until(&self.builder.engine(), std::future::pending()).await
    }

    /// The statuses on the tag's commit, oldest first.
    pub(crate) fn statuses(&self) -> Vec<CommitStatus> {
        let mut statuses = self.world.statuses(&self.commit);
        statuses.sort_by_key(|status| status.id);
        statuses
    }

    /// Their states and descriptions.
    pub(crate) fn said(&self) -> Vec<(String, String)> {
        let said = |status: &CommitStatus| (status.state.clone(), status.description.clone().unwrap_or_default());
        self.statuses().iter().map(said).collect()
    }

    /// Their states.
    pub(crate) fn states(&self) -> Vec<String> {
        self.said().into_iter().map(|(state, _)| state).collect()
    }

    /// Looks as `wait-and-release` does, and gives its verdict of the service.
    pub(crate) async fn verdict(&self) -> String {
        let mut release = self.stage.beside();
        release.world.token(crate::stage::token());
        release.input("services", "api").input("wait", "false").variable("GITHUB_RUN_ID", "900");
        release.run().await.verdict("api")
    }
}

/// The token of a job that builds.
pub(crate) fn token() -> GitHubToken {
    let token = GitHubToken::new(TOKEN).contents(Access::Read).statuses(Access::Write);
    token.packages(Access::Write)
}
