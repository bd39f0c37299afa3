//! `services: auto`: which services the workflow files at the tag build. The files are read as data; nothing in them is
//! run, and an expression where a plain value is needed is an error that asks for a list.

use domain::image::Platform;
use domain::render::body::MAX_SERVICES;
use domain::service::ServiceName;
use domain::template::Template;
use domain::version::ReleaseTag;
use github::WorkflowFile;
use serde_json::{Map, Value};

use crate::tag_filter::tag_push_triggers;

/// A service that a workflow file builds on a push of the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Discovered {
    /// Its name.
    pub(crate) name: ServiceName,
    /// Its own image; `None` means the `image` input.
    pub(crate) image: Option<Template>,
    /// The platforms it is built for; `None` when the file does not say.
    pub(crate) platforms: Option<Vec<Platform>>,
    /// The file's name, such as `release-api.yml`.
    pub(crate) workflow: String,
    /// Whether the file can be started by hand at the tag.
    pub(crate) dispatch: bool,
}

/// What is called to build one image, by the last part of its path.
const BUILDERS: [&str; 2] = ["build-image", "build-and-signal"];
/// The reusable workflow that builds one image.
const REUSABLE: &str = ".github/workflows/build-image.yml";

/// The services of `files` that a push of `tag` builds, in the order of the files. Every problem is reported.
pub(crate) fn discover(files: &[WorkflowFile], tag: &ReleaseTag) -> Result<Vec<Discovered>, Vec<String>> {
    let (mut services, mut problems) = (Vec::<Discovered>::new(), Vec::new());
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let workflow: Value = match parse(&file.text) {
            Ok(workflow) => workflow,
            // A broken file of somebody else's is no reason to stop; one that names a builder is.
            Err(_) if !BUILDERS.iter().any(|builder| file.text.contains(builder)) => continue,
            Err(error) => {
                problems.push(format!("{name}: it is not YAML: {}", transport::printable(&error, 200)));
                continue;
            }
        };
        if !tag_push_triggers(&workflow["on"], tag.as_str()) {
            continue;
        }
        for (job, with) in calls(&workflow) {
            match service(with, name, has_dispatch(&workflow)) {
                Ok(None) => {}
                Ok(Some(found)) => match services.iter().find(|known| known.name == found.name) {
                    None => services.push(found),
                    Some(known) if known.image == found.image => {}
                    Some(known) => problems.push(format!(
                        "{name}: service `{}` is built by {} too, as another image",
                        found.name, known.workflow
                    )),
                },
                Err(more) => {
                    let job = transport::printable(job, 100);
                    problems.extend(more.into_iter().map(|problem| format!("{name}: job `{job}`: {problem}")));
                }
            }
        }
    }
    if services.len() > MAX_SERVICES {
        problems.push(format!("the workflow files build {} services: at most {MAX_SERVICES}", services.len()));
    }
    if problems.is_empty() { Ok(services) } else { Err(problems) }
}

/// Whether a workflow file can be started by hand.
pub(crate) fn can_be_dispatched(text: &str) -> bool {
    parse(text).is_ok_and(|workflow| has_dispatch(&workflow))
}

fn has_dispatch(workflow: &Value) -> bool {
    match &workflow["on"] {
        Value::String(event) => event == "workflow_dispatch",
        Value::Array(events) => events.iter().any(|event| event == "workflow_dispatch"),
        Value::Object(events) => events.contains_key("workflow_dispatch"),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Every call that builds an image: the job it stands in, and its `with:`, where it has one.
fn calls(workflow: &Value) -> Vec<(&str, Option<&Map<String, Value>>)> {
    let jobs = workflow["jobs"].as_object().into_iter().flatten();
    jobs.flat_map(|(name, job)| {
        let steps = job["steps"].as_array().into_iter().flatten().filter(|step| calls_builder(step, is_builder));
        let job = calls_builder(job, is_reusable).then_some(job);
        job.into_iter().chain(steps).map(|call| (name.as_str(), call["with"].as_object()))
    })
    .collect()
}

fn calls_builder(call: &Value, is: impl Fn(&str) -> bool) -> bool {
    call["uses"].as_str().is_some_and(|uses| is(uses.split_once('@').map_or(uses, |(path, _)| path)))
}

fn is_reusable(path: &str) -> bool {
    path.strip_suffix(REUSABLE).is_some_and(|owner| owner.ends_with('/'))
}

fn is_builder(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(_, last)| BUILDERS.contains(&last))
}

/// A scalar of a `with:` as text; `None` when it is absent or empty.
fn text(with: &Map<String, Value>, key: &str) -> Option<String> {
    let text = match with.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        scalar @ (Value::Bool(_) | Value::Number(_)) => scalar.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The service that a call builds; `None` when it pushes nothing.
fn service(
    with: Option<&Map<String, Value>>,
    workflow: &str,
    dispatch: bool,
) -> Result<Option<Discovered>, Vec<String>> {
    let mut problems = Vec::new();
    let plain = |key: &str, problems: &mut Vec<String>| {
        let value = text(with?, key)?;
        if !value.contains("${{") {
            return Some(value);
        }
        let value = transport::printable(&value, 100);
        problems.push(format!("`{key}` is the expression `{value}`: name the services in the `services` input"));
        None
    };
    if plain("push", &mut problems).as_deref() == Some("false") {
        return Ok(None);
    }
    let name = plain("service-name", &mut problems);
    let image = plain("image", &mut problems);
    let platforms = plain("platforms", &mut problems);
    let name = match name.map(|name| name.parse::<ServiceName>()) {
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => {
            problems.push(format!("`service-name`: {error}"));
            None
        }
        None if problems.is_empty() => {
            problems.push("it builds an image and has no `service-name`".into());
            None
        }
        None => None,
    };
    let image = image.and_then(|image| match image.parse::<Template>() {
        Ok(image) => Some(image),
        Err(error) => {
            problems.push(format!("`image` {error}"));
            None
        }
    });
    let mut parsed = Vec::new();
    for word in platforms.iter().flat_map(|list| list.split([',', '\n'])).map(str::trim).filter(|word| !word.is_empty())
    {
        match word.parse::<Platform>() {
            Ok(platform) => parsed.push(platform),
            Err(error) => problems.push(format!("`platforms`: {error}")),
        }
    }
    match name {
        Some(name) if problems.is_empty() => {
            let platforms = (!parsed.is_empty()).then_some(parsed);
            Ok(Some(Discovered { name, image, platforms, workflow: workflow.to_owned(), dispatch }))
        }
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> WorkflowFile {
        WorkflowFile { path: format!(".github/workflows/{name}"), text: text.into() }
    }

    fn names(files: &[WorkflowFile]) -> Result<Vec<String>, Vec<String>> {
        let tag = "v1.0.0".parse().unwrap();
        discover(files, &tag).map(|services| services.iter().map(|service| service.name.to_string()).collect())
    }

    const THIN: &str = "on: {push: {tags: ['v*']}, workflow_dispatch: {inputs: {tag: {type: string}}}}\njobs:\n  release:\n    uses: ./.github/workflows/build-image.yml\n    with: {service-name: api, dockerfile: a/Dockerfile, tag: '${{ inputs.tag }}', platforms: 'linux/amd64,linux/arm64'}\n";

    #[test]
    fn a_thin_workflow_names_service_and_platforms() {
        let tag = "v1.0.0".parse().unwrap();
        let services = discover(&[file("release-api.yml", THIN)], &tag).unwrap();
        assert_eq!(services[0].workflow, "release-api.yml");
        assert_eq!(services[0].platforms.as_ref().unwrap().len(), 2);
    }

    #[test]
    fn any_owner_and_every_builder_counts_and_others_do_not() {
        let step = |uses: &str, with: &str| {
            format!(
                "on:\n  push:\n    tags: [v1.*]\njobs:\n  a:\n    steps:\n    - run: true\n    - uses: {uses}\n      with: {with}\n"
            )
        };
        let files = [
            file("a.yml", &step("org/release-actions/build-image@v1", "{service-name: a}")),
            file("b.yaml", &step("org/release-actions/build-and-signal@0123 # v1", "{service-name: b, push: true}")),
            file(
                "c.yml",
                &THIN
                    .replace("./.github", "acme/tools/.github")
                    .replace("build-image.yml", "build-image.yml@v1")
                    .replace("api", "c"),
            ),
            file("d.yml", &step("docker/build-push-action@v7", "{push: true}")),
            file("e.yml", &step("org/release-actions/build-image@v1", "{service-name: e, push: false}")),
            file("f.yml", &step("org/x/not-build-image@v1", "{service-name: f}")),
            file("g.yml", &THIN.replace("['v*']", "['w*']").replace("api", "g")),
            file("h.yml", "on: pull_request\njobs: {}\n"),
            file("broken.yml", "a: [b\n"),
        ];
        assert_eq!(names(&files).unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn an_expression_where_a_name_is_needed_asks_for_a_list() {
        let problems = names(&[file("release.yml", &THIN.replace("api", "'${{ matrix.service }}'"))]).unwrap_err();
        assert!(
            problems[0].starts_with("release.yml: job `release`: `service-name` is the expression"),
            "{problems:?}"
        );
        assert!(problems[0].contains("`services` input"));
        let push = THIN.replace("tag: '${{ inputs.tag }}'", "push: '${{ !inputs.trial }}'");
        let problems = names(&[file("release.yml", &push)]).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("release.yml: job `release`: `push` is the expression"), "{problems:?}");
    }

    #[test]
    fn a_call_that_names_no_service_is_a_problem_that_names_file_and_job() {
        let called = THIN.split_once("    with:").unwrap().0;
        let step = "on: {push: {tags: ['v*']}}\njobs:\n  image:\n    steps:\n    - uses: o/r/build-and-signal@v1\n";
        let empty = format!("{called}    with: {{}}\n");
        let files = [file("a.yml", called), file("b.yml", step), file("c.yml", &empty), file("d.yml", THIN)];
        let says = |file: &str, job: &str| format!("{file}: job `{job}`: it builds an image and has no `service-name`");
        let expected = [says("a.yml", "release"), says("b.yml", "image"), says("c.yml", "release")];
        assert_eq!(names(&files).unwrap_err(), expected);
    }

    #[test]
    fn more_services_than_a_release_holds_are_refused() {
        let build =
            |n| format!("  j{n}:\n    uses: ./.github/workflows/build-image.yml\n    with: {{service-name: s{n}}}\n");
        let jobs: String = (0..=MAX_SERVICES).map(build).collect();
        let problems =
            names(&[file("all.yml", &format!("on: {{push: {{tags: ['v*']}}}}\njobs:\n{jobs}"))]).unwrap_err();
        assert_eq!(problems, ["the workflow files build 501 services: at most 500"]);
    }

    #[test]
    fn two_files_may_not_build_one_service_as_two_images() {
        let other = THIN.replace("service-name: api", "service-name: api, image: 'ghcr.io/x/{service}:{tag}'");
        assert_eq!(names(&[file("a.yml", THIN), file("b.yml", THIN)]).unwrap(), ["api"]);
        assert!(names(&[file("a.yml", THIN), file("b.yml", &other)]).unwrap_err()[0].contains("a.yml"));
    }

    #[test]
    fn a_yaml_bomb_and_a_broken_builder_file_are_reported() {
        let bomb = format!(
            "a: &a [build-image]\n{}",
            (0..40).fold(String::new(), |text, n| format!(
                "{text}b{n}: &b{n} [*{0},*{0},*{0},*{0},*{0},*{0},*{0},*{0},*{0}]\n",
                if n == 0 { "a".into() } else { format!("b{}", n - 1) }
            ))
        );
        assert!(names(&[file("bomb.yml", &bomb)]).unwrap_err()[0].starts_with("bomb.yml: it is not YAML"));
    }
}
