//! What no linter knows of the workflow files of one repository: that they fit each other, the services and the files
//! that they name. One rule, one file.

mod builds;
mod cache;
mod files;
mod grants;
mod names;
mod services;
mod tags;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::repository::{FileError, Repository};
use crate::workflow::{Product, Workflow};
use crate::yaml::{Position, Text};

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the repository.
    pub path: String,
    /// Where in it.
    pub at: Position,
    /// What was broken.
    pub rule: Rule,
    /// What is wrong.
    pub message: String,
    /// What mends it.
    pub help: String,
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every workflow file can be read.
    File,
    /// A job grants what it calls needs: else the whole run is a `startup_failure` without a single job.
    Grants,
    /// Every name that a `workflow_run` lists belongs to one workflow, and every release workflow is listed.
    WorkflowRun,
    /// The same tags start all release workflows.
    Tags,
    /// Every service is built by one release workflow and is waited for.
    Services,
    /// What tags read from the cache, branches write.
    CacheScope,
    /// Dockerfiles and contexts exist.
    Dockerfile,
    /// Files and services are in step.
    Drift,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 8] = [
        Self::File,
        Self::Grants,
        Self::WorkflowRun,
        Self::Tags,
        Self::Services,
        Self::CacheScope,
        Self::Dockerfile,
        Self::Drift,
    ];

    /// The rule in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            Self::File => "every workflow file can be read",
            Self::Grants => "a job grants what it calls needs",
            Self::WorkflowRun => "every name in workflow_run belongs to one workflow, and none is left out",
            Self::Tags => "the same tags start all release workflows",
            Self::Services => "every service is built by one release workflow and is waited for",
            Self::CacheScope => "what tags read from the cache, branches write",
            Self::Dockerfile => "Dockerfiles and contexts exist",
            Self::Drift => "files and services are in step",
        }
    }
}

/// The rule's identifier, such as `cache-scope`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Grants => "grants",
            Self::WorkflowRun => "workflow-run",
            Self::Tags => "tags",
            Self::Services => "services",
            Self::CacheScope => "cache-scope",
            Self::Dockerfile => "dockerfile",
            Self::Drift => "drift",
        })
    }
}

/// `path:line:column: rule: message`, and how to mend it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.at;
        write!(f, "{}:{line}:{column}: {}: {}: {}", self.path, self.rule, self.message, self.help)
    }
}

/// A service as its release workflow shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Its name.
    pub name: String,
    /// The workflow that releases it.
    pub workflow: String,
    /// The workflow that builds it on branches, where there is one.
    pub ci: Option<String>,
    /// Its Dockerfile.
    pub dockerfile: String,
    /// Its image, where that is not the default.
    pub image: Option<String>,
}

/// The services that tags release, by name. What does not fit is `check`'s.
pub fn released(repository: &Repository) -> Result<Vec<Released>, FileError> {
    let mut findings = Findings::default();
    let workflows = read(repository, &mut findings)?;
    let builds = builds::all(&workflows, &mut findings);
    let mut released = Vec::new();
    for build in builds.iter().filter(|build| build.releases) {
        let mut others = builds.iter().filter(|other| !other.releases);
        let ci = others.find(|other| other.service.text == build.service.text);
        released.push(Released {
            name: build.service.text.clone(),
            workflow: build.workflow.path.clone(),
            ci: ci.map(|ci| ci.workflow.path.clone()),
            dockerfile: build.dockerfile.text.clone(),
            image: build.image.as_ref().map(|image| image.text.clone()),
        });
    }
    released.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(released)
}

/// All findings, by file and place; none when everything fits.
pub fn check(repository: &Repository) -> Result<Vec<Finding>, FileError> {
    let mut findings = Findings::default();
    let workflows = read(repository, &mut findings)?;
    let builds = builds::all(&workflows, &mut findings);
    grants::check(&workflows, &mut findings);
    names::check(&workflows, &builds, &mut findings);
    tags::check(&workflows, &builds, &mut findings);
    services::check(&workflows, &builds, &mut findings);
    cache::check(&builds, &mut findings);
    files::check(repository, &workflows, &builds, &mut findings)?;
    let mut findings = findings.0;
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// Reads every workflow file; each that cannot be read is a finding.
fn read(repository: &Repository, findings: &mut Findings) -> Result<Vec<Workflow>, FileError> {
    let mut workflows = Vec::new();
    for path in repository.workflows()? {
        let help = "make it a workflow that GitHub can read";
        match repository.read(&path) {
            Ok(Some(text)) => match Workflow::parse(&path, &text) {
                Ok(workflow) => workflows.push(workflow),
                Err(error) => findings.add(&path, error.at, Rule::File, error.message, help),
            },
            Ok(None) => findings.add(&path, Position::START, Rule::File, "it leads nowhere", help),
            Err(error) => findings.add(&path, Position::START, Rule::File, error.to_string(), help),
        }
    }
    Ok(workflows)
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, path: &str, at: Position, rule: Rule, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Finding { path: path.to_owned(), at, rule, message: message.into(), help: help.into() });
    }
}

/// The workflows that publish the release.
fn release_notes(workflows: &[Workflow]) -> impl Iterator<Item = &Workflow> {
    workflows.iter().filter(|workflow| workflow.calls_of(Product::Release).any(|call| call.publishes()))
}

/// Names in a sentence: `a`, `b` and `c`.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "none".to_owned(),
    }
}

/// The texts of a list.
fn texts(list: &[Text]) -> impl Iterator<Item = &str> {
    list.iter().map(|text| text.text.as_str())
}
