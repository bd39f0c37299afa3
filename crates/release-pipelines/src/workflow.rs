//! What of a workflow file matters here: its name, what starts it, what it may do, and its calls of release-actions.
//! Files are read as data; nothing in them is run.

use crate::yaml::{Node, Position, Text, YamlError};

/// A workflow file.
#[derive(Debug)]
pub(crate) struct Workflow {
    pub(crate) path: String,
    pub(crate) root: Node,
}

/// What of release-actions is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// `build-image.yml`, `build-image` or `build-and-signal`.
    Build,
    /// `wait-and-release`.
    Release,
}

/// A job or a step that calls release-actions.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) product: Product,
    /// The value of `uses:`.
    pub(crate) uses: Text,
    pub(crate) with: Option<&'a Node>,
}

impl Workflow {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, YamlError> {
        Ok(Self { path: path.to_owned(), root: Node::parse(text)? })
    }

    /// The file's name without its end, such as `release-api`.
    pub(crate) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// What GitHub calls it, which is what `workflow_run` names: `name:`, else the path.
    pub(crate) fn name(&self) -> Text {
        let named = self.root.get("name").and_then(Node::placed);
        named.unwrap_or_else(|| Text { at: Position::START, text: self.path.clone() })
    }

    /// Whether an event starts it.
    pub(crate) fn is_on(&self, event: &str) -> bool {
        self.root.get("on").is_some_and(|on| {
            on.entries().iter().any(|(name, _)| name.text == event) || on.texts().iter().any(|name| name.text == event)
        })
    }

    /// Whether nothing but another workflow starts it.
    pub(crate) fn is_only_called(&self) -> bool {
        let on = self.root.get("on");
        let others = on.is_some_and(|on| on.entries().len() > 1 || on.items().len() > 1);
        self.is_on("workflow_call") && !others
    }

    /// The settings of an event.
    pub(crate) fn event(&self, event: &str) -> Option<&Node> {
        self.root.at_path(&["on", event])
    }

    /// Whether the push of a tag may start it (GitHub, "Workflow syntax", `on.push`): a filter for branches alone leaves
    /// tags out.
    pub(crate) fn is_on_tags(&self) -> bool {
        self.is_on("push") && self.is_unfiltered_or(&["tags", "tags-ignore"])
    }

    /// Whether a run on a branch, not on a pull request, may start by itself.
    pub(crate) fn is_on_branches(&self) -> bool {
        self.is_on("schedule") || (self.is_on("push") && self.is_unfiltered_or(&["branches", "branches-ignore"]))
    }

    fn is_unfiltered_or(&self, filters: &[&str]) -> bool {
        const FILTERS: [&str; 4] = ["branches", "branches-ignore", "tags", "tags-ignore"];
        let has = |filter: &&str| self.root.at_path(&["on", "push", filter]).is_some();
        filters.iter().any(has) || !FILTERS.iter().any(has)
    }

    /// The patterns of `on.push.tags`, and where they stand.
    pub(crate) fn tags(&self) -> Option<(Position, Vec<String>)> {
        let tags = self.root.at_path(&["on", "push", "tags"])?;
        Some((tags.at, tags.texts().into_iter().map(|tag| tag.text).collect()))
    }

    /// The patterns of `on.push.branches`.
    pub(crate) fn branches(&self) -> Vec<String> {
        let branches = self.root.at_path(&["on", "push", "branches"]).map(Node::texts);
        branches.unwrap_or_default().into_iter().map(|branch| branch.text).collect()
    }

    /// The jobs by name.
    pub(crate) fn jobs(&self) -> &[(Text, Node)] {
        self.root.get("jobs").map_or(&[], Node::entries)
    }

    /// The calls of release-actions in a job, which may be such a call itself.
    pub(crate) fn calls(job: &Node) -> impl Iterator<Item = Call<'_>> {
        let steps = job.get("steps").into_iter().flat_map(Node::items).filter_map(|step| Call::read(step, product));
        Call::read(job, |path| path.ends_with("/.github/workflows/build-image.yml").then_some(Product::Build))
            .into_iter()
            .chain(steps)
    }

    /// All calls of one product.
    pub(crate) fn calls_of(&self, product: Product) -> impl Iterator<Item = Call<'_>> {
        let calls = self.jobs().iter().flat_map(|(_, job)| Self::calls(job));
        calls.filter(move |call| call.product == product)
    }
}

/// Which action a path without its `@…` names, by its last part; any owner may ship it.
fn product(path: &str) -> Option<Product> {
    match path.rsplit_once('/')?.1 {
        "build-image" | "build-and-signal" => Some(Product::Build),
        "wait-and-release" => Some(Product::Release),
        _ => None,
    }
}

impl<'a> Call<'a> {
    fn read(node: &'a Node, product: impl Fn(&str) -> Option<Product>) -> Option<Self> {
        let uses = node.get("uses")?.placed()?;
        let path = uses.text.split_once('@').map_or(uses.text.as_str(), |(path, _)| path);
        Some(Self { product: product(path)?, with: node.get("with"), uses })
    }

    /// An input as text; `None` when it is absent or empty.
    pub(crate) fn input(&self, name: &str) -> Option<Text> {
        let input = self.with?.get(name)?.placed()?;
        let text = input.text.trim();
        (!text.is_empty()).then(|| Text { at: input.at, text: text.to_owned() })
    }

    /// Whether it may write the release, and does not only look.
    pub(crate) fn publishes(&self) -> bool {
        self.product == Product::Release && self.input("dry-run").is_none_or(|dry_run| dry_run.text != "true")
    }

    /// Whether it pushes the image that it builds.
    pub(crate) fn pushes(&self) -> bool {
        self.input("push").is_none_or(|push| push.text != "false")
    }
}

/// Whether a text holds an expression, whose value nobody knows before the run.
pub(crate) fn is_expression(text: &str) -> bool {
    text.contains("${{")
}

/// How much a job may do in one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    None,
    Read,
    Write,
}

/// A `permissions:` value.
#[derive(Debug, Clone)]
pub(crate) struct Permissions {
    /// Its key.
    pub(crate) at: Position,
    /// Of every scope that is not named.
    rest: Access,
    named: Vec<(String, Access)>,
}

impl Permissions {
    /// The permissions of a job: its own, else those of its workflow; `None` when neither says.
    pub(crate) fn of(job: &Node, workflow: &Workflow) -> Option<Self> {
        let (key, node) = job.entry("permissions").or_else(|| workflow.root.entry("permissions"))?;
        let access = |text: &str| match text {
            "write" | "write-all" => Access::Write,
            "read" | "read-all" => Access::Read,
            _ => Access::None,
        };
        let rest = node.text().map_or(Access::None, |text| access(&text));
        let named = node.entries().iter().map(|(scope, level)| {
            let level = level.text().map_or(Access::None, |text| access(&text));
            (scope.text.clone(), level)
        });
        Some(Self { at: key.at, rest, named: named.collect() })
    }

    /// What is granted in a scope.
    pub(crate) fn grant(&self, scope: &str) -> Access {
        self.named.iter().find(|(name, _)| name == scope).map_or(self.rest, |(_, access)| *access)
    }

    /// What is granted at all: each named scope, and the rest as the scope `*`.
    pub(crate) fn grants(&self) -> impl Iterator<Item = (&str, Access)> {
        let named = self.named.iter().map(|(scope, access)| (scope.as_str(), *access));
        named.chain([("*", self.rest)]).filter(|(_, access)| *access > Access::None)
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}
