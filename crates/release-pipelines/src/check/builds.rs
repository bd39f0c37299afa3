//! Every call that builds an image, with the inputs that must fit elsewhere.

use domain::service::ServiceName;

use super::{Findings, Rule};
use crate::workflow::{Call, Product, Workflow, is_expression};
use crate::yaml::{Position, Text};

/// A call that builds the image of one service.
#[derive(Debug)]
pub(super) struct Build<'a> {
    pub(super) workflow: &'a Workflow,
    /// The call itself.
    pub(super) at: Position,
    pub(super) service: Text,
    pub(super) dockerfile: Text,
    pub(super) context: Text,
    pub(super) target: Option<Text>,
    pub(super) arguments: Option<Text>,
    pub(super) contexts: Option<Text>,
    pub(super) image: Option<Text>,
    /// Where the cache is, and its scope there; `None`: no cache.
    pub(super) cache: Option<(String, Text)>,
    /// Whether a run on a branch may write the cache.
    pub(super) writes: bool,
    /// It pushes, and the push of a tag starts it.
    pub(super) releases: bool,
}

/// The builds of all workflows that start by themselves. Those that are only called are seen in what calls them.
pub(super) fn all<'a>(workflows: &'a [Workflow], findings: &mut Findings) -> Vec<Build<'a>> {
    let mut builds = Vec::new();
    for workflow in workflows.iter().filter(|workflow| workflow.is_on_tags() || workflow.is_on_branches()) {
        for call in workflow.calls_of(Product::Build) {
            builds.extend(build(workflow, &call, findings));
        }
    }
    builds
}

fn build<'a>(workflow: &'a Workflow, call: &Call<'_>, findings: &mut Findings) -> Option<Build<'a>> {
    let at = call.uses.at;
    let mut add = |at, message: String, help: &str| findings.add(&workflow.path, at, Rule::Services, message, help);
    let Some(service) = call.input("service-name") else {
        add(at, "it builds an image and has no `service-name`".into(), "add `service-name` to its `with:`");
        return None;
    };
    if is_expression(&service.text) {
        add(
            service.at,
            format!("`service-name` is the expression `{}`", service.text),
            "write one workflow file for each service",
        );
        return None;
    }
    if let Err(error) = service.text.parse::<ServiceName>() {
        add(service.at, error.to_string(), "rename it, here and in the other files of this service");
        return None;
    }
    let or = |name: &str, default: &str| {
        call.input(name).unwrap_or_else(|| Text { at: service.at, text: default.to_owned() })
    };
    let cache = or("cache", "gha").text;
    let scope = or("cache-scope", &format!("release-{}", service.text));
    Some(Build {
        workflow,
        at,
        dockerfile: or("dockerfile", "Dockerfile"),
        context: or("context", "."),
        target: call.input("target"),
        arguments: call.input("build-args"),
        contexts: call.input("build-contexts"),
        image: call.input("image"),
        cache: (cache != "none").then_some((cache, scope)),
        writes: workflow.is_on_branches() && call.input("cache-write").is_none_or(|write| write.text != "false"),
        releases: workflow.is_on_tags() && call.pushes(),
        service,
    })
}
