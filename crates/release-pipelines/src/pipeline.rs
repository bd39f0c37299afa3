//! The files of a repository with a pipeline for each service, written from templates. The same values always give the
//! same bytes.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::repository::WORKFLOWS;
use crate::yaml::Node;

/// Where release-actions is called from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `owner/repository`.
    pub(crate) actions: String,
    /// The version: a tag, a branch or a commit.
    pub(crate) version: String,
}

impl Default for Source {
    fn default() -> Self {
        Self { actions: "org/release-actions".into(), version: "v1".into() }
    }
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = |word: &str| {
            !word.is_empty()
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
                && !word.starts_with('/')
        };
        match text.split_once('@') {
            Some((actions, version)) if word(actions) && word(version) && actions.matches('/').count() == 1 => {
                Ok(Self { actions: actions.to_owned(), version: version.to_owned() })
            }
            _ => Err("give it as OWNER/REPOSITORY@VERSION, such as org/release-actions@v1".into()),
        }
    }
}

/// An input or a secret of a call, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) key: &'static str,
    pub(crate) value: String,
}

impl Input {
    pub(crate) fn new(key: &'static str, value: impl Into<String>) -> Self {
        Self { key, value: value.into() }
    }
}

/// One service and how its image is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) dockerfile: String,
    /// What is written for both files.
    pub(crate) inputs: Vec<Input>,
    /// What is written for the release alone.
    pub(crate) release_inputs: Vec<Input>,
    /// What is written for the build on branches alone.
    pub(crate) ci_inputs: Vec<Input>,
    /// The secrets of the release.
    pub(crate) secrets: Vec<Input>,
    /// How long its build may take, where that is said.
    pub(crate) minutes: Option<u32>,
    /// Where it is built; empty: the default.
    pub(crate) runner: String,
    /// What its image is made of, as path filters.
    pub(crate) paths: Vec<String>,
    /// Whether it may be built on an image of ghcr.io.
    pub(crate) reads_ghcr: bool,
}

impl Service {
    /// What its files are named after: `release-<slug>.yml`.
    pub(crate) fn slug(&self) -> &str {
        self.name.strip_suffix("-service").filter(|slug| !slug.is_empty()).unwrap_or(&self.name)
    }

    pub(crate) fn release_path(&self) -> String {
        format!("{WORKFLOWS}/release-{}.yml", self.slug())
    }

    pub(crate) fn ci_path(&self) -> String {
        format!("{WORKFLOWS}/ci-{}.yml", self.slug())
    }
}

/// The release of all services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    pub(crate) inputs: Vec<Input>,
}

/// What `github` says of the tag whose push starts a workflow, and what says the same in a release file that is started
/// by hand too, on a branch and with the tag as an input.
pub(crate) const EVENT: [(&str, &str); 4] = [
    ("github.ref_name", "inputs.tag || github.ref_name"),
    ("github.ref", "inputs.tag && format('refs/tags/{0}', inputs.tag) || github.ref"),
    ("github.ref_type", "inputs.tag && 'tag' || github.ref_type"),
    ("github.event_name", "inputs.tag && 'push' || github.event_name"),
];

/// A value of a release file as a file for branches says it: nobody starts that for a tag, so that the event tells everything.
pub(crate) fn of_branches(value: &str) -> String {
    let (mut told, mut rest) = (String::new(), value);
    while let Some((before, expression, after)) = split_expression(rest) {
        let whole = EVENT.iter().find(|(_, by_hand)| expression.trim() == *by_hand);
        let expression = match whole {
            Some((event, _)) => format!(" {event} "),
            None => EVENT
                .iter()
                .fold(expression.to_owned(), |text, (event, by_hand)| text.replace(&format!("({by_hand})"), event))
                .replace("inputs.tag", "''"),
        };
        told.extend([before, "${{", &expression, "}}"]);
        rest = after;
    }
    told + rest
}

/// What stands before the first expression of a text, the expression, and what follows; a `}}` in its quotes does not end it.
pub(crate) fn split_expression(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${{")?;
    let mut quoted = false;
    let end = rest.char_indices().find_map(|(at, c)| {
        quoted ^= c == '\'';
        (!quoted && rest[at..].starts_with("}}")).then_some(at)
    })?;
    Some((before, &rest[..end], &rest[end + 2..]))
}

/// The tags of full versions and pre-releases, and not the moving `v1`.
pub(crate) const VERSIONS: [&str; 2] = ["v[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+-*"];
/// How long wait-and-release waits by default, in minutes.
const WAIT: u32 = 45;

/// The path of the workflow that publishes the release.
pub(crate) const NOTES: &str = ".github/workflows/release-notes.yml";

/// All files of a repository.
#[derive(Debug, Clone)]
pub(crate) struct Pipelines {
    pub(crate) source: Source,
    pub(crate) tags: Vec<String>,
    /// What the builds of branches start with.
    pub(crate) branches: Vec<String>,
}

impl Pipelines {
    /// `release-<slug>.yml`.
    pub(crate) fn release(&self, service: &Service) -> String {
        let inputs = service.inputs.iter().chain(&service.release_inputs);
        let service = context! {
            name => scalar(&service.name, 6),
            slug => service.slug(),
            dockerfile => scalar(&service.dockerfile, 6),
            inputs => written(inputs, 6),
            secrets => written(&service.secrets, 6),
        };
        self.render("release.yml", &service, &minijinja::Value::UNDEFINED)
    }

    /// `ci-<slug>.yml`.
    pub(crate) fn ci(&self, service: &Service) -> String {
        let own = format!("{WORKFLOWS}/ci-{}.yml", service.slug());
        let mut paths = service.paths.clone();
        paths.push(own);
        let inputs = service.inputs.iter().chain(&service.ci_inputs).cloned().map(|mut input| {
            input.value = of_branches(&input.value);
            input
        });
        let inputs = inputs.collect::<Vec<_>>();
        let runner = match service.runner.as_str() {
            "" => "ubuntu-24.04".to_owned(),
            label => scalar(&of_branches(label), 4),
        };
        let service = context! {
            name => scalar(&service.name, 10),
            slug => service.slug(),
            dockerfile => scalar(&service.dockerfile, 10),
            inputs => written(&inputs, 10),
            runner => runner,
            paths => paths,
            reads_ghcr => service.reads_ghcr,
        };
        self.render("ci.yml", &service, &minijinja::Value::UNDEFINED)
    }

    /// `release-notes.yml`, for the services in their order.
    pub(crate) fn notes(&self, services: &[Service], notes: &Notes) -> String {
        let names = services.iter().map(|service| format!("release-{}", service.slug())).collect::<Vec<_>>();
        // The longest build and some time to look; the job itself ends after that.
        let longest = services.iter().filter_map(|service| service.minutes).max().unwrap_or_default();
        let wait = WAIT.max(longest.saturating_add(10));
        let mut inputs = notes.inputs.clone();
        if wait > WAIT {
            inputs.push(Input::new("timeout", format!("{wait}m")));
        }
        let inputs = written(&inputs, 10);
        let notes = context! { inputs, workflows => names.join(", "), wait, limit => wait.saturating_add(15) };
        self.render("release-notes.yml", &minijinja::Value::UNDEFINED, &notes)
    }

    #[expect(
        clippy::expect_used,
        reason = "the templates are part of the program, and every one is rendered by a test"
    )]
    fn render(&self, template: &str, service: &minijinja::Value, notes: &minijinja::Value) -> String {
        let quote = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        let word = |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        let branches = self.branches.iter().map(|branch| Some(branch).filter(word).cloned().unwrap_or(quote(branch)));
        let values = context! {
            service,
            actions => self.source.actions.as_str(),
            version => self.source.version.as_str(),
            tags => self.tags.iter().map(quote).collect::<Vec<_>>().join(", "),
            branch => self.branches.first(),
            branches => branches.collect::<Vec<_>>().join(", "),
            ..notes.clone()
        };
        let environment = environment().expect("the templates are well-formed");
        let template = environment.get_template(template).expect("the template is there");
        template.render(values).expect("every value is given")
    }
}

/// The templates. Their marks are « » and %%, as `{{ }}` belongs to GitHub.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("«", "»")
        .block_delimiters("«%", "%»")
        .comment_delimiters("«#", "#»")
        .line_statement_prefix("%%")
        .trim_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_template("release.yml", include_str!("templates/release.yml"))?;
    environment.add_template("ci.yml", include_str!("templates/ci.yml"))?;
    environment.add_template("release-notes.yml", include_str!("templates/release-notes.yml"))?;
    Ok(environment)
}

fn written<'a>(inputs: impl IntoIterator<Item = &'a Input>, indent: usize) -> Vec<minijinja::Value> {
    inputs.into_iter().map(|input| context! { key => input.key, value => scalar(&input.value, indent) }).collect()
}

/// A text as YAML: plain where that is read back as the same, a literal block for several lines, else quoted.
pub(crate) fn scalar(text: &str, indent: usize) -> String {
    let is_plain = |text: &str| {
        Node::parse(&format!("key: {text}\n")).is_ok_and(|node| {
            node.get("key").and_then(Node::text).as_deref() == Some(text) && node.entries().len() == 1
        })
    };
    let simple = !text.chars().any(|c| c.is_control() && c != '\n');
    if simple && !text.contains('\n') && is_plain(text) {
        return text.to_owned();
    }
    let lines = text.strip_suffix('\n').unwrap_or(text);
    if simple && text.contains('\n') && !lines.starts_with([' ', '\n', '\t']) && !lines.ends_with('\n') {
        let head = if text.ends_with('\n') { "|" } else { "|-" };
        let space = " ".repeat(indent + 2);
        let lines =
            lines.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("\n{space}{line}") });
        return format!("{head}{}", lines.collect::<String>());
    }
    // A JSON string is a double-quoted scalar (YAML 1.2, 1.3: YAML is a superset of JSON).
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_read_back_as_it_was() {
        for text in [
            "api",
            "true",
            "30",
            "1.10",
            "",
            "a: b",
            "a #b",
            "#a",
            "- a",
            "${{ inputs.tag }}",
            "a\nb",
            "a\nb\n",
            "a\n\nb\n",
            " a\nb",
            "'x'",
            "\"",
            "é",
            "a\tb",
            "\u{7}",
            "*x",
            "linux/amd64,linux/arm64",
            "~",
            "null",
            "x\n\n",
            "%%",
            "a\r\nb",
        ] {
            let yaml = format!("top:\n  key: {}\n  next: 1\n", scalar(text, 2));
            let node = Node::parse(&yaml).unwrap_or_else(|error| panic!("{text:?}: {yaml}: {error}"));
            assert_eq!(node.at_path(&["top", "key"]).and_then(Node::text).as_deref(), Some(text), "{yaml}");
            assert!(node.at_path(&["top", "next"]).is_some());
        }
    }

    #[test]
    fn what_release_actions_is_called_by_is_checked() {
        assert_eq!("octo/actions@v1".parse::<Source>().unwrap().version, "v1");
        for text in ["octo/actions", "octo@v1", "a/b/c@v1", "a/b@", "a/b@v1 x", "a/b@v1\n"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
