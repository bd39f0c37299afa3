//! One more service: its two files, and its name where the release listens to the builds.

use domain::service::ServiceName;

use crate::check::{check, released};
use crate::paths::{bases, paths, reads_ghcr};
use crate::pipeline::{Input, NOTES, Notes, Pipelines, Service, Source};
use crate::repository::{FileError, Repository, normal};
use crate::workflow::{Product, Workflow};
use crate::yaml::{Node, Position};

/// The service to add.
#[derive(Debug, Clone)]
pub struct NewService {
    /// Its name.
    pub name: ServiceName,
    /// Its Dockerfile, seen from the root of the repository.
    pub dockerfile: String,
    /// Its build context; `None`: the root.
    pub context: Option<String>,
    /// The stage to build; `None`: the last.
    pub target: Option<String>,
    /// A comma list; `None`: what the builder runs on.
    pub platforms: Option<String>,
}

/// The service cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// What stands in the way, and what to do.
    #[error("{0}")]
    Refused(String),
}

/// Proposes the files of a new service, called and started like those that are there.
pub fn add(repository: &Repository, new: &NewService) -> Result<Repository, AddError> {
    let refuse = |message: String| Err(AddError::Refused(message));
    let Some(dockerfile) = normal(&new.dockerfile).filter(|path| repository.has_file(path)) else {
        return refuse(format!("the Dockerfile `{}` is not in the repository: write it first", new.dockerfile));
    };
    let context = normal(new.context.as_deref().unwrap_or_default()).unwrap_or_default();
    if !repository.has_folder(&context) {
        return refuse(format!("the context `{context}` is no folder of the repository"));
    }
    if let Some(known) = released(repository)?.iter().find(|known| known.name == new.name.as_str()) {
        return refuse(format!("`{}` is released by {} already", new.name, known.workflow));
    }
    let given =
        [("context", Some(context.clone())), ("target", new.target.clone()), ("platforms", new.platforms.clone())];
    let given =
        given.into_iter().filter_map(|(key, value)| Some(Input::new(key, value.filter(|value| !value.is_empty())?)));
    let service = Service {
        name: new.name.to_string(),
        paths: paths(repository, &dockerfile, &context),
        reads_ghcr: reads_ghcr(repository, &dockerfile, &bases(repository, &dockerfile)),
        inputs: given.collect(),
        dockerfile,
        ..Service::default()
    };
    let workflows = read(repository)?;
    let pipelines = like(&workflows);
    let mut changed = repository.clone();
    for (path, text) in
        [(service.release_path(), pipelines.release(&service)), (service.ci_path(), pipelines.ci(&service))]
    {
        if repository.has_file(&path) {
            return refuse(format!("`{path}` is there already: move it away first"));
        }
        changed.write(&path, text);
    }
    let mut listens = false;
    for (workflow, text) in &workflows {
        if workflow.calls_of(Product::Release).any(|call| call.publishes()) {
            listens = true;
            changed.write(&workflow.path, listen(workflow, text, &service).map_err(AddError::Refused)?);
        }
    }
    if !listens {
        changed.write(NOTES, pipelines.notes(&[service], &Notes::default()));
    }
    let before = check(repository)?;
    let after = check(&changed)?;
    match after.iter().find(|finding| !before.contains(finding) && finding.path != new.dockerfile) {
        Some(finding) => refuse(format!("the new files would not fit: {finding}")),
        None => Ok(changed),
    }
}

/// Every workflow that can be read, with its text.
fn read(repository: &Repository) -> Result<Vec<(Workflow, String)>, FileError> {
    let mut workflows = Vec::new();
    for path in repository.workflows()? {
        if let Ok(Some(text)) = repository.read(&path)
            && let Ok(workflow) = Workflow::parse(&path, &text)
        {
            workflows.push((workflow, text));
        }
    }
    Ok(workflows)
}

/// Tags and source as the files that are there have them.
fn like(workflows: &[(Workflow, String)]) -> Pipelines {
    let ours = workflows.iter().map(|(workflow, _)| workflow).filter(|workflow| workflow.is_on_tags());
    let mut ours = ours.filter(|workflow| {
        workflow.calls_of(Product::Build).chain(workflow.calls_of(Product::Release)).next().is_some()
    });
    let first = ours.next();
    let source = first.and_then(|workflow| {
        let call = workflow.calls_of(Product::Build).chain(workflow.calls_of(Product::Release)).next()?;
        let (path, version) = call.uses.text.split_once('@')?;
        let mut parts = path.splitn(3, '/');
        Some(Source { actions: format!("{}/{}", parts.next()?, parts.next()?), version: version.to_owned() })
    });
    let tags = first.and_then(Workflow::tags).map(|(_, tags)| tags).filter(|tags| !tags.is_empty());
    let ci = workflows
        .iter()
        .map(|(workflow, _)| workflow)
        .filter(|workflow| !workflow.is_on_tags() && workflow.calls_of(Product::Build).next().is_some());
    let branches = ci.map(Workflow::branches).find(|branches| !branches.is_empty());
    Pipelines {
        branches: branches.unwrap_or_else(|| vec!["main".into()]),
        source: source.unwrap_or_default(),
        tags: tags.unwrap_or_else(|| crate::pipeline::VERSIONS.map(str::to_owned).to_vec()),
    }
}

/// The text of the release workflow with the service where it lists them.
fn listen(workflow: &Workflow, text: &str, service: &Service) -> Result<String, String> {
    let mut text = text.to_owned();
    // From below to above, so that places stay true.
    for call in workflow.calls_of(Product::Release) {
        if let Some(services) = call.input("services").filter(|services| services.text != "auto") {
            let words = services.text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
            text = insert(&text, services.at, &words, &service.name, " ")
                .ok_or_else(|| by_hand(workflow, &service.name))?;
        }
    }
    let names = workflow.event("workflow_run").and_then(|event| event.get("workflows"));
    if let Some(names) = names {
        let listed = names.texts();
        let words = listed.iter().map(|name| name.text.as_str()).collect::<Vec<_>>();
        let name = format!("release-{}", service.slug());
        text = insert(&text, names.at, &words, &name, ", ").ok_or_else(|| by_hand(workflow, &name))?;
        let now = Node::parse(&text).ok();
        let now = now.as_ref().and_then(|node| node.at_path(&["on", "workflow_run", "workflows"])).map(Node::texts);
        let now = now.unwrap_or_default().into_iter().map(|name| name.text).collect::<Vec<_>>();
        if now != [words, vec![&name]].concat() {
            return Err(by_hand(workflow, &name));
        }
    }
    Ok(text)
}

fn by_hand(workflow: &Workflow, name: &str) -> String {
    format!("`{name}` cannot be added to the list in {}: add it by hand, then `check`", workflow.path)
}

/// Puts a word behind the last of a list that begins at a place, as the others are put; `None` when it is not found there.
fn insert(text: &str, at: Position, words: &[&str], word: &str, separator: &str) -> Option<String> {
    let line = text.split_inclusive('\n').take(at.line - 1).map(str::len).sum::<usize>();
    let (mut end, mut between) = (line + text[line..].char_indices().nth(at.column - 1)?.0, String::new());
    for (index, word) in words.iter().enumerate() {
        let start = end + text[end..].find(word)?;
        if index > 0 {
            text[end..start].clone_into(&mut between);
        }
        end = start + word.len();
    }
    if between.is_empty() {
        let line = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let before = &text[line..end - words.last()?.len()];
        between = if before.trim() == "-" { format!("\n{before}") } else { separator.to_owned() };
    }
    // A comment belongs to its line, not to the next one.
    if let Some((before, after)) = between.split_once('#') {
        between = format!("{}{}", before.trim_end(), &after[after.find('\n')?..]);
    }
    Some(format!("{}{between}{word}{}", &text[..end], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_behind_the_others_as_they_are_put() {
        for (before, after) in [
            ("on:\n  workflow_run:\n    workflows: [a, b]\n", "[a, b, c]"),
            ("on:\n  workflow_run:\n    workflows: [\"a\", \"b\"] # x\n", "[\"a\", \"b\", \"c\"] # x"),
            ("on:\n  workflow_run:\n    workflows: [a]\n", "[a, c]"),
            ("on:\n  workflow_run:\n    workflows:\n      - a\n", "\n      - a\n      - c\n"),
            (
                "on:\n  workflow_run:\n    workflows:\n      - a # first\n      - b # second\n",
                "\n      - a # first\n      - b\n      - c # second\n",
            ),
        ] {
            let workflow = Workflow::parse("x.yml", before).unwrap();
            let service = Service { name: "c".into(), ..Service::default() };
            let text = listen(&workflow, before, &service).unwrap();
            let expected = before.split_once("workflows:").unwrap().0.to_owned() + "workflows:";
            let rest = text.strip_prefix(&expected).unwrap().replace("release-", "");
            assert_eq!(rest.trim_matches(' ').trim_end(), after.trim_end(), "{before}");
        }
    }
}
