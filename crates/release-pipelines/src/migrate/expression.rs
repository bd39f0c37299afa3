//! What the expressions of a workflow are worth for one row of its matrix. What is known is filled in, by GitHub's own
//! rules; what is not stays as it is written.

use std::collections::BTreeMap;

use github_actions_expressions::context::Context;
use github_actions_expressions::{Evaluation, Expr, SpannedExpr};

use super::sample;
use crate::pipeline::{EVENT, split_expression};
use crate::yaml::{Node, Position, Value};

/// What stands for a value that only the tag or the repository decides. They are characters that no workflow holds, so
/// that they are never taken for text.
pub(super) const TAG: char = '\u{e001}';
pub(super) const VERSION: char = '\u{e002}';
pub(super) const REPOSITORY: char = '\u{e003}';
pub(super) const OWNER: char = '\u{e004}';
pub(super) const REPO: char = '\u{e005}';
pub(super) const REVISION: char = '\u{e007}';
/// Stands for what a step would give on that was refused: whatever follows from it is said no more.
pub(super) const REFUSED: char = '\u{e008}';
/// Each with the placeholder of release-actions, and the expression that says the same.
const ALL: [(char, &str, Option<&str>); 6] = [
    (TAG, "{tag}", Some(EVENT[0].1)),
    (VERSION, "{version}", None),
    (REVISION, "{revision}", None),
    (REPOSITORY, "{repository}", Some("github.repository")),
    (OWNER, "{owner}", Some("github.repository_owner")),
    (REPO, "{repo}", Some("github.event.repository.name")),
];
/// Of `github`, what a release file has as the old workflow had it, whatever starts it. `event.repository` is the other.
const SAME: [&str; 14] = [
    "actor",
    "actor_id",
    "api_url",
    "graphql_url",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repositoryurl",
    "run_attempt",
    "run_id",
    "server_url",
    "token",
    "triggering_actor",
];

/// What is known where an expression stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The row of the matrix.
    pub(super) matrix: Vec<(String, Node)>,
    /// `env.…`, filled in already.
    pub(super) env: BTreeMap<String, String>,
    /// `steps.<id>.outputs.<name>` and `needs.<job>.outputs.<name>`, filled in already; `*` is any other.
    pub(super) outputs: BTreeMap<String, String>,
    /// The patterns of the tags that start the workflow.
    pub(super) tags: Vec<String>,
    /// The steps that write a changelog, by their id, with what says how.
    pub(super) changelogs: Vec<(String, String)>,
}

impl Scope {
    /// Nothing is known of what a step gives on: it was refused.
    pub(super) fn refuse_outputs(&mut self, step: &str) {
        self.outputs.insert(format!("steps.{step}.outputs.*"), REFUSED.to_string());
    }

    /// Where each line stands that was filled in: one line of the text may have become several.
    pub(super) fn places(&self, node: &Node) -> Vec<Position> {
        let text = node.text().unwrap_or_default();
        let counts = text.lines().map(|line| self.fill(line).lines().count().max(1));
        node.lines().into_iter().zip(counts).flat_map(|(at, count)| std::iter::repeat_n(at, count)).collect()
    }

    /// Where one of them stands, counted from 0.
    pub(super) fn place(&self, node: &Node, index: usize) -> Position {
        self.places(node).get(index).copied().unwrap_or(node.at)
    }

    /// Whether all tags that start the workflow begin with a `v`.
    pub(super) fn begins_with_v(&self) -> bool {
        self.tags.iter().all(|pattern| pattern.starts_with(['v', '!']))
    }

    /// A text with everything that is known filled in.
    pub(super) fn fill(&self, text: &str) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, expression, after)) = split_expression(rest) {
            filled.extend([before, &self.value(expression.trim())]);
            rest = after;
        }
        filled + rest
    }

    fn value(&self, source: &str) -> String {
        let unknown = || format!("${{{{ {source} }}}}");
        let Ok(expression) = Expr::parse(source) else { return unknown() };
        if let Expr::Context(context) = &expression.inner
            && let Some(text) = self.context(context)
        {
            return text;
        }
        if let Some(text) = tag_by_hand(source) {
            return text;
        }
        // A part that is known later stands only in what is known as a whole.
        let evaluated = |filled: &str| match Expr::parse(filled).ok()?.consteval()? {
            Evaluation::Array(_) | Evaluation::Object(_) => None,
            known @ (Evaluation::String(_) | Evaluation::Number(_) | Evaluation::Boolean(_) | Evaluation::Null) => {
                Some(known.sema().to_string())
            }
        };
        let joined = only_joins(&expression.inner).then(|| evaluated(&self.replaced(source, &expression, |_| true)));
        joined.flatten().unwrap_or_else(|| {
            let filled = self.replaced(source, &expression, is_plain);
            evaluated(&filled).unwrap_or_else(|| format!("${{{{ {filled} }}}}"))
        })
    }

    /// An expression with literals for the contexts whose value `takes` allows.
    fn replaced(&self, source: &str, expression: &SpannedExpr<'_>, takes: impl Fn(&str) -> bool) -> String {
        rewritten(source, expression, |context, _| {
            let text = self.context(context).filter(|text| takes(text) && !text.contains("${{"))?;
            Some(literal(self.of_matrix(context), &text))
        })
    }

    fn of_matrix(&self, context: &Context<'_>) -> Option<&Value> {
        let path = context.as_pattern()?;
        let mut keys = path.strip_prefix("matrix.")?.split('.');
        let first = keys.next()?;
        let node = &self.matrix.iter().find(|(key, _)| key.eq_ignore_ascii_case(first))?.1;
        keys.try_fold(node, |node, key| {
            node.entries().iter().find(|(name, _)| name.text.eq_ignore_ascii_case(key)).map(|(_, value)| value)
        })
        .map(|node| &node.value)
    }

    /// What a context is worth; `None` when that is not known here.
    fn context(&self, context: &Context<'_>) -> Option<String> {
        let path = context.as_pattern()?;
        let (head, tail) = path.split_once('.')?;
        match head.to_ascii_lowercase().as_str() {
            "matrix" => match self.of_matrix(context) {
                // A key that this row does not have is null, which is the empty text.
                None if !tail.contains('*') => Some(String::new()),
                None | Some(Value::List(_) | Value::Map(_)) => None,
                Some(Value::Null) => Some(String::new()),
                Some(Value::Bool(value)) => Some(value.to_string()),
                Some(Value::Number(number)) => Some(Evaluation::Number(*number).sema().to_string()),
                // It may hold expressions, which see no matrix and no `env` (GitHub, "Context availability").
                Some(Value::Text(text))
                    if text.contains("${{") && !["matrix", "env"].iter().any(|name| text.contains(name)) =>
                {
                    Some(Self { matrix: Vec::new(), ..self.clone() }.fill(text))
                }
                Some(Value::Text(text)) => Some(text.clone()),
            },
            "env" => find(&self.env, tail),
            "steps" | "needs" => {
                find(&self.outputs, &path).or_else(|| find(&self.outputs, &format!("{}.*", path.rsplit_once('.')?.0)))
            }
            "github" => match tail {
                "ref_name" => Some(TAG.to_string()),
                "ref" => Some(format!("refs/tags/{TAG}")),
                "ref_type" => Some("tag".into()),
                "sha" => Some(REVISION.to_string()),
                "repository" => Some(REPOSITORY.to_string()),
                "repository_owner" => Some(OWNER.to_string()),
                "event.repository.name" => Some(REPO.to_string()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The tag by hand, else by the event: what a workflow with a `tag` input writes.
fn tag_by_hand(source: &str) -> Option<String> {
    let by_hand = "github.event_name == 'workflow_dispatch' &&";
    let alternatives = source.split("||").map(str::trim);
    let inputs = |part: &&str| {
        let part = part.strip_prefix(by_hand).unwrap_or(part).trim();
        let name = part.strip_prefix("inputs.").or_else(|| part.strip_prefix("github.event.inputs."));
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)))
    };
    let rest = alternatives.skip_while(inputs).collect::<Vec<_>>();
    match rest.as_slice() {
        // What stands after it is for no event.
        ["github.ref_name", ..] => Some(TAG.to_string()),
        ["github.ref", ..] => Some(format!("refs/tags/{TAG}")),
        _ => None,
    }
}

/// An expression with other texts in place of some of its contexts.
fn rewritten(
    source: &str,
    expression: &SpannedExpr<'_>,
    mut text: impl FnMut(&Context<'_>, &str) -> Option<String>,
) -> String {
    let (mut written, mut at) = (String::new(), 0);
    let mut contexts = expression.contexts();
    contexts.sort_by_key(|(_, origin)| origin.span.start);
    for (context, origin) in contexts {
        let Some(text) = (origin.span.start >= at).then(|| text(context, origin.raw)).flatten() else { continue };
        written.extend([&source[at..origin.span.start], &text]);
        at = origin.span.end;
    }
    written + &source[at..]
}

/// GitHub compares the names of properties without their case.
fn find(values: &BTreeMap<String, String>, name: &str) -> Option<String> {
    values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

/// A value as a literal of an expression.
fn literal(value: Option<&Value>, text: &str) -> String {
    match value {
        Some(Value::Bool(_) | Value::Number(_)) => text.to_owned(),
        Some(Value::Null) => "null".to_owned(),
        None | Some(Value::Text(_) | Value::List(_) | Value::Map(_)) => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Whether an expression only puts texts together, so that a part may be something that is known later.
fn only_joins(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Literal(_) | Expr::Context(_) => true,
        Expr::Call(call) => {
            matches!(call.func, github_actions_expressions::call::Function::Format)
                && call.args.iter().all(|argument| only_joins(&argument.inner))
        }
        Expr::Star | Expr::Identifier(_) | Expr::Index(_) | Expr::BinExpr(_) | Expr::UnExpr { .. } => false,
    }
}

/// Whether a text holds nothing that is known later.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains("${{") && !text.contains(REFUSED) && !ALL.iter().any(|(mark, ..)| text.contains(*mark))
}

/// The text as a template of release-actions (`{tag}`, `{version}` …); `Err` with the expression that no template holds.
pub(super) fn template(text: &str) -> Result<String, String> {
    match text.split_once("${{") {
        Some((_, rest)) => Err(rest.split("}}").next().unwrap_or_default().trim().to_owned()),
        None => Ok(placeholders(text)),
    }
}

/// A text for people: each mark by its word.
pub(super) fn placeholders(text: &str) -> String {
    ALL.iter().fold(text.to_owned(), |text, (mark, name, _)| text.replace(*mark, name))
}

/// What a called workflow gets, where no step has run yet (GitHub, "Context availability": `jobs.<job_id>.with.<with_id>`).
const CALLED: [&str; 3] = ["github", "inputs", "vars"];

/// The text as an input of a called workflow; `Err` with what is not known there.
pub(super) fn input(text: &str) -> Result<String, String> {
    marks_as_expressions(&expressions(text, &CALLED)?)
}

/// The text as a line of `build-args`, `labels` or `annotations`, where release-actions fills in three words.
pub(super) fn line(text: &str) -> Result<String, String> {
    let words = ALL.iter().filter(|(mark, ..)| [TAG, VERSION, REVISION].contains(mark));
    let mut line = expressions(text, &CALLED)?;
    for (mark, word, _) in words {
        if text.contains(word) {
            return Err(format!("`{word}`, which release-actions fills in"));
        }
        line = line.replace(*mark, word);
    }
    marks_as_expressions(&line)
}

/// The text as one of the `extra-tags`: a template that may hold expressions.
pub(super) fn extra(text: &str) -> Result<String, String> {
    Ok(placeholders(&expressions(text, &CALLED)?))
}

/// The text as a secret of a called workflow (`jobs.<job_id>.secrets.<secrets_id>`).
pub(super) fn secret(text: &str) -> Result<String, String> {
    marks_as_expressions(&expressions(text, &["github", "inputs", "vars", "secrets"])?)
}

/// The text as an input of release-notes.yml, which the end of a build starts too: the tag is that build's then, and the
/// rest of `github` says what the default branch is.
pub(super) fn notes(text: &str) -> Result<String, String> {
    let tag = "${{ inputs.tag || github.event.workflow_run.head_branch || github.ref_name }}";
    marks_as_expressions(&expressions(text, &["vars", "github.server_url"])?.replace(TAG, tag))
}

/// The marks as expressions; `Err` with what no expression says.
fn marks_as_expressions(text: &str) -> Result<String, String> {
    if text.contains(VERSION) {
        return Err("the version without its `v`, which no expression can make of the tag".into());
    }
    if text.contains(REVISION) {
        return Err("`github.sha`, which is the branch's where an old tag is built by hand".into());
    }
    let names = ALL.iter().filter_map(|(mark, _, expression)| Some((*mark, (*expression)?)));
    Ok(names.fold(text.to_owned(), |text, (mark, name)| text.replace(mark, &format!("${{{{ {name} }}}}"))))
}

/// The text with each of its expressions as it is true in a release file, also when that is started by hand; `Err` with
/// what is not `known`, or not the same, there.
fn expressions(text: &str, known: &[&str]) -> Result<String, String> {
    let (mut written, mut rest) = (String::new(), text);
    let without_end = |rest| str::split_once(rest, "${{").map(|(before, expression)| (before, expression, ""));
    while let Some((before, expression, after)) = split_expression(rest).or_else(|| without_end(rest)) {
        let source = expression.trim();
        let parsed = Expr::parse(source).map_err(|_| format!("`{source}`"))?;
        // They are for what follows a step (GitHub, "Context availability").
        let functions = ["hashfiles(", "success(", "always(", "cancelled(", "failure("];
        let lower = source.to_ascii_lowercase().replace(' ', "");
        let mut unknown = functions.iter().find(|name| lower.contains(**name)).map(|name| format!("`{name}…)`"));
        let expression_now = rewritten(source, &parsed, |context, raw| {
            let path = context.as_pattern().unwrap_or_else(|| raw.to_owned()).to_ascii_lowercase();
            let (head, tail) = path.split_once('.').unwrap_or((&path, ""));
            let is_same = match head {
                "github" => SAME.contains(&tail) || tail.starts_with("event.repository."),
                "inputs" => tail == "tag",
                _ => true,
            };
            let by_hand = EVENT.iter().find(|(name, _)| *name == path);
            if !(known.contains(&head) || known.contains(&path.as_str())) || (!is_same && by_hand.is_none()) {
                unknown.get_or_insert_with(|| format!("`{raw}`"));
            }
            let (_, by_hand) = by_hand?;
            Some(if source == raw { (*by_hand).to_owned() } else { format!("({by_hand})") })
        });
        if let Some(unknown) = unknown {
            return Err(unknown);
        }
        written.extend([before, "${{ ", &expression_now, " }}"]);
        rest = after;
    }
    Ok(written + rest)
}

/// The expression that a text is, with nothing before or after it.
pub(super) fn only(text: &str) -> Option<&str> {
    match split_expression(text.trim())? {
        ("", expression, "") => Some(expression.trim()),
        _ => None,
    }
}

/// Whether a condition holds for the push of a tag: `None` when that cannot be told. `event`, `reference` and
/// `reference_type` are what GitHub would say.
pub(super) fn holds(condition: &str, scope: &Scope, event: &str, reference: &str) -> Option<bool> {
    let source = condition.trim();
    let source = source.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")).map_or(source, str::trim);
    let (mut source, is_tag) = (unguarded(source), reference.starts_with("refs/tags/"));
    if is_tag {
        // No tag is in there, whatever the branch is called.
        let default = "format('refs/heads/{0}', github.event.repository.default_branch)";
        source = source.replace(default, "'refs/heads/'");
    }
    let source = &source;
    let expression = Expr::parse(source).ok()?;
    let kind = if is_tag { "tag" } else { "branch" };
    let name = reference.splitn(3, '/').last().unwrap_or_default();
    let filled = rewritten(source, &expression, |context, _| {
        let known = match context.as_pattern()?.to_ascii_lowercase().as_str() {
            "github.event_name" => event.to_owned(),
            "github.ref" => reference.to_owned(),
            "github.ref_name" => name.to_owned(),
            "github.ref_type" => kind.to_owned(),
            // As `success()` below.
            path if path.starts_with("needs.") && path.ends_with(".result") => "success".to_owned(),
            _ => scope.context(context).filter(|text| is_plain(text))?,
        };
        Some(literal(scope.of_matrix(context), &known))
    });
    // A job or a step that comes to its turn: what went before was well.
    let filled = filled.replace("success()", "true").replace("!cancelled()", "true").replace("always()", "true");
    let filled = filled.replace("failure()", "false").replace("cancelled()", "false");
    Some(Expr::parse(&filled).ok()?.consteval()?.as_boolean())
}

/// Tags that start the workflow, some of them near to what a condition asks for, and whether it holds for each.
pub(super) fn on_tags<'a>(
    condition: &'a str,
    scope: &'a Scope,
) -> impl Iterator<Item = (String, Option<bool>)> + use<'a> {
    sample::names(&scope.tags, condition).into_iter().map(move |tag| {
        let holds = holds(condition, scope, "push", &format!("refs/tags/{tag}"));
        (tag, holds)
    })
}

/// What all say; `None` when one says nothing or something else.
pub(super) fn agreed(mut all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let first = all.next()??;
    all.all(|other| other == Some(first)).then_some(first)
}

/// A condition without its guard against forks: `github.repository == '…'` holds where the release is made.
fn unguarded(source: &str) -> String {
    let mut source = source.to_owned();
    for guard in ["github.repository == '", "github.repository_owner == '"] {
        while let Some((before, after)) = source.split_once(guard) {
            let Some((_, after)) = after.split_once('\'') else { break };
            source = format!("{before}true{after}");
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let row = Node::parse(
            "{service: api, n: 8, deep: {name: x}, push: true, list: [1], tag: 'x-${{ github.ref_name }}', itself: '${{ matrix.itself }}'}",
        )
        .unwrap();
        let matrix = row.entries().iter().map(|(key, value)| (key.text.clone(), value.clone())).collect();
        let env = BTreeMap::from([("IMAGE".into(), REPOSITORY.to_string()), ("REGISTRY".into(), "ghcr.io".into())]);
        let outputs = BTreeMap::from([("steps.v.outputs.version".into(), VERSION.to_string())]);
        Scope { matrix, env, outputs, ..Scope::default() }
    }

    #[test]
    fn what_is_known_is_filled_in_and_the_rest_stays() {
        for (text, expected) in [
            ("a ${{ matrix.service }} b", "a api b"),
            ("${{matrix['service']}}-${{ matrix.n }}", "api-8"),
            ("${{ matrix.deep.name }}${{ matrix.none }}", "x"),
            ("${{ env.REGISTRY }}/${{ env.IMAGE }}/${{ matrix.service }}", "ghcr.io/\u{e003}/api"),
            ("${{ matrix.file || format('deploy/{0}/Dockerfile', matrix.service) }}", "deploy/api/Dockerfile"),
            ("${{ matrix.service == 'API' && 'yes' || 'no' }}", "yes"),
            ("${{ format('{0}:{1}', github.repository, steps.v.outputs.version) }}", "\u{e003}:\u{e002}"),
            ("${{ inputs.tag || github.ref_name }}", "\u{e001}"),
            ("${{ github.event_name == 'workflow_dispatch' && inputs.tag || github.ref }}", "refs/tags/\u{e001}"),
            ("${{ github.ref_name || 'dev' }}", "\u{e001}"),
            ("${{ matrix.tag }}", "x-\u{e001}"),
            ("${{ matrix.itself }}", "${{ matrix.itself }}"),
            ("${{ fromJSON('[1]') }}", "${{ fromJSON('[1]') }}"),
            ("${{ vars.REGION }}", "${{ vars.REGION }}"),
            ("${{ vars.X || matrix.service }}", "${{ vars.X || 'api' }}"),
            ("${{ matrix.list }}", "${{ matrix.list }}"),
            ("${{ '}}' }}x", "}}x"),
            ("a ${{ broken", "a ${{ broken"),
            ("${{ a b }}", "${{ a b }}"),
            // It is not known whether it holds, so nothing is filled in that would make it seem so.
            ("${{ contains(github.ref_name, '-') }}", "${{ contains(github.ref_name, '-') }}"),
        ] {
            assert_eq!(scope().fill(text), expected, "{text}");
        }
    }

    #[test]
    fn a_template_and_an_input_hold_what_they_can() {
        let text = scope().fill("${{ github.repository }}/x:${{ steps.v.outputs.version }}");
        assert_eq!(template(&text).unwrap(), "{repository}/x:{version}");
        assert!(input(&text).is_err());
        assert_eq!(template("${{ vars.X }}").unwrap_err(), "vars.X");
        let text = scope().fill("REF=${{ github.ref_name }} ${{ vars.X }}");
        assert_eq!(input(&text).unwrap(), "REF=${{ inputs.tag || github.ref_name }} ${{ vars.X }}");
        let text =
            scope().fill("${{ format('{0}@{1}', github.ref_name, github.sha) }} ${{ steps.v.outputs.version }} {x}");
        assert_eq!(line(&text).unwrap(), "{tag}@{revision} {version} {x}");
        assert_eq!(extra(&text).unwrap(), "{tag}@{revision} {version} {x}");
        assert!(input(&text).is_err() && secret(&text).is_err() && notes(&text).is_err());
        assert_eq!(line("A={version}").unwrap_err(), "`{version}`, which release-actions fills in");
        for text in ["${{ secrets.X }}", "${{ steps.a.outputs.b }}", "${{ inputs.other }}", "${{ matrix.list }}"] {
            assert!(input(text).is_err(), "{text}");
        }
    }

    /// GitHub, "Contexts reference": what a run by hand says of the branch that it runs on.
    #[test]
    fn an_expression_means_the_tag_where_the_file_is_started_by_hand_for_it() {
        let tag = "inputs.tag || github.ref_name";
        for (text, expected) in [
            (
                "${{ contains(github.ref_name, '-') && 'x' || 'y' }}",
                format!("${{{{ contains(({tag}), '-') && 'x' || 'y' }}}}"),
            ),
            (
                "${{ format('{0}-{1}', github.ref_name, vars.X) }}",
                format!("${{{{ format('{{0}}-{{1}}', ({tag}), vars.X) }}}}"),
            ),
            (
                "${{ github.ref == vars.X }}",
                "${{ (inputs.tag && format('refs/tags/{0}', inputs.tag) || github.ref) == vars.X }}".into(),
            ),
            ("a ${{ github.event_name }} b", "a ${{ inputs.tag && 'push' || github.event_name }} b".into()),
            ("${{ github.run_id }}-${{ GitHub.Actor }}", "${{ github.run_id }}-${{ GitHub.Actor }}".into()),
            ("${{ github['event'].repository.id }}", "${{ github['event'].repository.id }}".into()),
        ] {
            assert_eq!(input(&scope().fill(text)).as_deref(), Ok(expected.as_str()), "{text}");
        }
        for text in
            ["github.run_number", "github.sha == vars.X", "github.workflow", "github.event.head_commit.id", "github"]
        {
            assert!(input(&scope().fill(&format!("${{{{ {text} }}}}"))).unwrap_err().starts_with("`github"), "{text}");
        }
    }

    #[test]
    fn conditions_are_known_for_an_event() {
        let tag = |condition| holds(condition, &scope(), "push", "refs/tags/v1.2.3");
        assert_eq!(tag("github.event_name != 'pull_request'"), Some(true));
        assert_eq!(tag("${{ startsWith(github.ref, 'refs/tags/') && matrix.push }}"), Some(true));
        assert_eq!(tag("github.ref == 'refs/heads/main'"), Some(false));
        assert_eq!(tag("always() && !cancelled()"), Some(true));
        assert_eq!(tag("vars.ENABLED"), None);
        assert_eq!(tag("github.repository == 'acme/shop' && github.event_name == 'push'"), Some(true));
        assert_eq!(tag("github.ref_type == 'tag'"), Some(true));
        assert_eq!(tag("needs.build.result == 'success'"), Some(true));
        let default = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)";
        assert_eq!(tag(default), Some(false));
        assert_eq!(holds("github.ref_type == 'tag'", &scope(), "push", "refs/heads/main"), Some(false));
    }
}
