//! What bake files define: variables, groups and targets, with every value known.

use std::collections::{BTreeMap, BTreeSet};

use hcl::eval::{Context, Evaluate as _, FuncArgs, FuncDef, ParamType};
use hcl::{Attribute, Block, Body, Expression, Identifier, Map, Value};

use super::readable::unreadable;
use crate::migrate::expression;

/// The attributes of a target.
pub(super) type Target = Map<String, Value>;

/// Attributes that are maps: of two files, or a target and one that it inherits from, each key counts.
const MAPS: [&str; 4] = ["args", "contexts", "extra-hosts", "labels"];
/// Attributes that are lists of which all count.
const LISTS: [&str; 5] = ["annotations", "entitlements", "inherits", "no-cache-filter", "ulimits"];

/// No target inherits over more others.
const MAX_DEPTH: usize = 64;
/// No variable of a build is larger, nor are all together.
const MAX_VALUE: usize = 1 << 16;
const MAX_TOTAL: usize = 1 << 22;

/// A file as HCL, whatever it is written in.
pub(super) fn body(path: &str, text: &str) -> Result<Body, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("`{path}`: {}", error.to_string().trim());
    match path.rsplit('.').next() {
        Some("yml" | "yaml") => return Err(format!("`{path}` is a Compose file, which is not read here")),
        Some("json") => {}
        _ => {
            return hcl::parse(text).map_err(|error| {
                let hcl::Error::Parse(error) = error else { return wrong(&error) };
                let (line, column) = (error.location().line(), error.location().column());
                format!("`{path}:{line}:{column}`: {}", error.message())
            });
        }
    }
    // HCL's JSON: texts are templates, and the keys of blocks are their labels.
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| wrong(&error))?;
    let mut body = Body::builder();
    for (kind, named) in json.as_object().into_iter().flatten() {
        for (name, attributes) in named.as_object().ok_or_else(|| wrong(&"an object is expected"))? {
            let mut block = Block::builder(kind.as_str()).add_label(name.as_str());
            for (key, value) in attributes.as_object().ok_or_else(|| wrong(&"an object is expected"))? {
                block = block.add_attribute((key.as_str(), json_expression(value)));
            }
            body = body.add_block(block.build());
        }
    }
    Ok(body.build())
}

fn json_expression(value: &serde_json::Value) -> Expression {
    match value {
        serde_json::Value::String(text) if text.contains("${") || text.contains("%{") => {
            hcl::expr::TemplateExpr::from(text.as_str()).into()
        }
        serde_json::Value::Array(items) => Expression::Array(items.iter().map(json_expression).collect()),
        serde_json::Value::Object(entries) => Expression::Object(
            entries.iter().map(|(key, value)| (key.as_str().into(), json_expression(value))).collect(),
        ),
        serde_json::Value::String(text) => Expression::String(text.clone()),
        serde_json::Value::Number(number) => hcl::to_expression(number).unwrap_or(Expression::Null),
        serde_json::Value::Bool(value) => Expression::Bool(*value),
        serde_json::Value::Null => Expression::Null,
    }
}

/// What bake files define, with every value known.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    groups: BTreeMap<String, Vec<String>>,
    targets: BTreeMap<String, Target>,
    /// Targets that cannot be read, and why: no matter where nobody builds them.
    unreadable: BTreeMap<String, String>,
}

impl Definitions {
    /// Reads files in their order; what a later one says counts.
    pub(super) fn read(
        files: &[(String, Body)],
        environment: impl Fn(&str) -> Result<Option<String>, ()>,
    ) -> Result<Self, String> {
        let (context, unsure) = variables(files, environment)?;
        let known = (&context, unsure.as_slice());
        let mut definitions = Self::default();
        for (path, block) in files.iter().flat_map(|(path, body)| body.blocks().map(move |block| (path, block))) {
            let named = name(block).unwrap_or_default();
            let place = format!("`{path}`: {} `{named}`", block.identifier());
            match block.identifier() {
                "variable" => {}
                "group" => {
                    let targets = attributes(block, known).map_err(|error| format!("{place}: {error}"))?;
                    definitions.groups.insert(named, targets.get("targets").map(texts).unwrap_or_default());
                }
                "target" => {
                    if let Err(error) = definitions.add(&named, block, known) {
                        definitions.unreadable.insert(named, format!("{place}: {error}"));
                    }
                }
                _ => return Err(format!("{place} is not read here")),
            }
        }
        Ok(definitions)
    }

    /// Adds a target, or the targets of its matrix as a group.
    fn add(&mut self, named: &str, block: &Block, known: (&Context<'_>, &[String])) -> Result<(), String> {
        let Some(matrix) = block.body().attributes().find(|attribute| attribute.key() == "matrix") else {
            merge(self.targets.entry(named.to_owned()).or_default(), attributes(block, known)?);
            return Ok(());
        };
        if let Some(why) = unreadable(matrix.expr(), known.1) {
            return Err(format!("`matrix`: {why}"));
        }
        let context = known.0;
        let matrix = matrix.expr().evaluate(context).map_err(|error| error.to_string())?;
        let mut names = Vec::new();
        for row in rows(&matrix).ok_or("its matrix has something else than lists, or more than 256 rows")? {
            let mut inner = context.clone();
            for (key, value) in row {
                inner.declare_var(Identifier::sanitized(key), value);
            }
            let mut target = attributes(block, (&inner, known.1))?;
            let name = target.shift_remove("name").ok_or("its matrix needs a `name`")?;
            names.push(texts(&name).concat());
            merge(self.targets.entry(texts(&name).concat()).or_default(), target);
        }
        self.groups.insert(named.to_owned(), names);
        Ok(())
    }

    /// The targets that names stand for, each once.
    pub(super) fn names(&self, wanted: &[String]) -> Result<Vec<String>, String> {
        let (mut names, mut open, mut seen) = (Vec::new(), wanted.to_vec(), BTreeSet::new());
        open.reverse();
        while let Some(name) = open.pop() {
            if let Some(members) = self.groups.get(&name) {
                if seen.insert(name) {
                    open.extend(members.iter().rev().cloned());
                }
            } else if !self.targets.contains_key(&name) && !self.unreadable.contains_key(&name) {
                return Err(format!("bake has no target and no group `{name}`"));
            } else if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Refuses a line of `set` for a target that is not there, as buildx does.
    pub(super) fn takes(&self, line: &str) -> Result<(), String> {
        let pattern = line.split(['.', '=']).next().unwrap_or_default();
        let fits_one = self.targets.keys().any(|name| fits(pattern, name) != Some(false));
        if fits_one { Ok(()) } else { Err(format!("`{line}` is for no target of bake")) }
    }

    /// A target with what it inherits. `known`: what was resolved before; `None`: it is being resolved.
    pub(super) fn target(
        &self,
        name: &str,
        lines: &[String],
        known: &mut BTreeMap<String, Option<Target>>,
    ) -> Result<Target, String> {
        match known.get(name) {
            Some(Some(target)) => return Ok(target.clone()),
            Some(None) => return Err(format!("the target `{name}` of bake inherits from itself")),
            None if known.values().filter(|target| target.is_none()).count() > MAX_DEPTH => {
                return Err(format!("the target `{name}` of bake is inherited over more than {MAX_DEPTH} others"));
            }
            None => {}
        }
        if let Some(why) = self.unreadable.get(name) {
            return Err(why.clone());
        }
        let own = self.targets.get(name).ok_or_else(|| format!("bake has no target `{name}`"))?;
        known.insert(name.to_owned(), None);
        let mut target = Target::new();
        for parent in own.get("inherits").map(texts).unwrap_or_default() {
            merge(&mut target, self.target(&parent, lines, known)?);
        }
        merge(&mut target, own.clone());
        target.shift_remove("inherits");
        // What a call sets counts for every target, also one that is only inherited.
        let mut listed = BTreeSet::new();
        for line in lines {
            set(name, &mut target, line, &mut listed)?;
        }
        known.insert(name.to_owned(), Some(target.clone()));
        Ok(target)
    }
}

/// The name of a block, its one label.
fn name(block: &Block) -> Option<String> {
    Some(block.labels().first()?.as_str().to_owned())
}

/// What a block says of itself; `Err` where that is not known.
fn attributes(block: &Block, (context, unsure): (&Context<'_>, &[String])) -> Result<Target, String> {
    if let Some(inner) = block.body().blocks().next() {
        return Err(format!("its `{}` is not read here", inner.identifier()));
    }
    let attributes = block.body().attributes().filter(|attribute| attribute.key() != "matrix");
    let value = |attribute: &Attribute| {
        if let Some(why) = unreadable(attribute.expr(), unsure) {
            return Err(format!("`{}`: {why}", attribute.key()));
        }
        let value = attribute.expr().evaluate(context).map_err(|error| format!("`{}`: {error}", attribute.key()))?;
        Ok((attribute.key().to_owned(), value))
    };
    attributes.map(value).collect()
}

/// The variables: what the environment says, else what the file does.
fn variables(
    files: &[(String, Body)],
    environment: impl Fn(&str) -> Result<Option<String>, ()>,
) -> Result<(Context<'static>, Vec<String>), String> {
    let mut context = Context::new();
    let any = || FuncDef::builder().param(ParamType::Any).param(ParamType::Any);
    // Docker, "Bake standard library functions"; the tag is never a word that a file compares with.
    context.declare_func("equal", any().build(|arguments: FuncArgs| Ok((arguments[0] == arguments[1]).into())));
    context.declare_func("notequal", any().build(|arguments: FuncArgs| Ok((arguments[0] != arguments[1]).into())));
    let lists = FuncDef::builder().variadic_param(ParamType::array_of(ParamType::Any));
    context.declare_func(
        "concat",
        lists.build(|arguments: FuncArgs| {
            Ok(Value::Array(
                arguments
                    .into_values()
                    .into_iter()
                    .flat_map(|list| list.as_array().cloned().unwrap_or_default())
                    .collect(),
            ))
        }),
    );
    let mut loose = files.iter().flat_map(|(path, body)| body.attributes().map(move |attribute| (path, attribute)));
    if let Some((path, attribute)) = loose.next() {
        return Err(format!("`{path}`: `{}` stands in no block", attribute.key()));
    }
    let blocks = files.iter().flat_map(|(_, body)| body.blocks()).filter(|block| block.identifier() == "variable");
    let mut open = BTreeMap::new();
    for block in blocks {
        let default = block.body().attributes().find(|attribute| attribute.key() == "default");
        let default = default.map_or(Expression::String(String::new()), |found| found.expr().clone());
        open.insert(name(block).unwrap_or_default(), default);
    }
    // One may name another, wherever it stands. What cannot be known is told where it is used.
    let (mut before, mut total, mut unsure) = (usize::MAX, 0, Vec::new());
    while open.len() < before {
        before = open.len();
        open.retain(|name, default| {
            if unreadable(default, &unsure).is_some() {
                return true;
            }
            let value = match (environment(name), default.evaluate(&context)) {
                (Ok(Some(text)), Ok(default)) => typed(&default, text),
                (Ok(None), Ok(default)) => Some(default),
                _ => None,
            };
            // Variables of variables may double without end.
            let Some(value) = value.filter(|value| size(value) <= MAX_VALUE && total + size(value) <= MAX_TOTAL) else {
                return true;
            };
            total += size(&value);
            if !is_sure(&value) {
                unsure.push(name.clone());
            }
            context.declare_var(Identifier::sanitized(name), value);
            false
        });
    }
    Ok((context, unsure))
}

/// Whether a value is no other when the workflow runs, as far as a file can ask: the tag is never a word of it.
fn is_sure(value: &Value) -> bool {
    let known = |text: &str| expression::is_plain(&text.replace([expression::TAG, expression::VERSION], ""));
    texts(value).iter().chain(&pairs(value, '=')).all(|text| known(text))
}

/// About how many bytes a value has.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 1,
        Value::Object(entries) => entries.values().map(size).sum::<usize>() + 1,
        Value::String(text) => text.len() + 1,
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

/// A text of the environment, as what the default is (Go, `strconv.ParseBool`); `None` where bake would refuse it.
fn typed(default: &Value, text: String) -> Option<Value> {
    match default {
        Value::Bool(_) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true.into()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false.into()),
            _ => None,
        },
        Value::Number(_) => text.parse::<i64>().ok().map(Value::from),
        Value::Null | Value::String(_) => Some(text.into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Puts attributes over others, as buildx does (docker/buildx, bake.go, `Target.Merge`).
fn merge(target: &mut Target, over: Target) {
    // What is null says nothing.
    for (key, value) in over.into_iter().filter(|(_, value)| !value.is_null()) {
        match (target.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) if MAPS.contains(&key.as_str()) => {
                known.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
            }
            (Some(Value::Array(known)), Value::Array(more)) if LISTS.contains(&key.as_str()) => {
                for item in more {
                    if !known.contains(&item) {
                        known.push(item);
                    }
                }
            }
            (_, value) => drop(target.insert(key, value)),
        }
    }
}

/// The rows of a matrix: the product of its lists. `None`: it has others, or more rows than a matrix of GitHub.
fn rows(matrix: &Value) -> Option<Vec<Vec<(String, Value)>>> {
    let mut rows = vec![Vec::new()];
    for (key, values) in matrix.as_object()? {
        let values = values.as_array()?;
        let with = |row: &Vec<(String, Value)>, value: &Value| {
            row.iter().cloned().chain([(key.clone(), value.clone())]).collect::<Vec<_>>()
        };
        if rows.len().saturating_mul(values.len()) > 256 {
            return None;
        }
        rows = rows.iter().flat_map(|row| values.iter().map(move |value| with(row, value))).collect();
    }
    Some(rows)
}

/// Whether a pattern names a target; `None` where it holds more than one `*`.
fn fits(pattern: &str, name: &str) -> Option<bool> {
    match pattern.split_once('*') {
        Some((start, end)) if !end.contains('*') => {
            Some(name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end))
        }
        Some(_) => None,
        None => (!pattern.contains(['?', '[', '\\'])).then_some(pattern == name),
    }
}

/// `PATTERN.ATTRIBUTE[.KEY]=VALUE`, which a call sets (docker/bake-action, `set`; Docker, "Overriding configurations").
pub(super) fn set(name: &str, target: &mut Target, line: &str, listed: &mut BTreeSet<String>) -> Result<(), String> {
    let unknown = || format!("`{line}` sets what is not read here");
    let (left, value) = line.split_once('=').ok_or_else(unknown)?;
    let (left, adds) = left.strip_suffix('+').map_or((left, false), |left| (left, true));
    let (pattern, attribute) = left.split_once('.').ok_or_else(unknown)?;
    if !fits(pattern, name).ok_or_else(unknown)? {
        return Ok(());
    }
    match attribute.split_once('.') {
        Some((map, key)) if MAPS.contains(&map) => {
            let map = target.entry(map.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            map.as_object_mut().ok_or_else(unknown)?.insert(key.to_owned(), value.into());
        }
        None => {
            let (attribute, is_list) = match attribute {
                "platform" => ("platforms", true),
                "tags" | "output" | "cache-from" | "cache-to" | "annotations" => (attribute, true),
                "context" | "dockerfile" | "target" | "network" | "no-cache" | "pull" => (attribute, false),
                _ => return Err(unknown()),
            };
            // Several lines of one list are one list, and some lists only grow.
            let adds = adds || LISTS.contains(&attribute) || (is_list && !listed.insert(attribute.to_owned()));
            let known = target.entry(attribute.to_owned()).or_insert(Value::Null);
            if let (Value::Array(known), true) = (&mut *known, adds) {
                known.push(value.into());
            } else {
                *known = if is_list { Value::Array(vec![value.into()]) } else { value.into() };
            }
        }
        Some(_) => return Err(unknown()),
    }
    Ok(())
}

/// A value as a list of texts, without empty ones, which bake takes for nothing; none for null and for a map.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
        Value::Bool(value) => vec![value.to_string()],
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()).into_iter().collect(),
    }
}

/// The entries of a map; one that is null is not set.
pub(super) fn pairs(value: &Value, between: char) -> Vec<String> {
    let entries = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    entries.map(|(key, value)| format!("{key}{between}{}", texts(value).concat())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The targets that a name stands for in some files, where a `;` ends a line, each as `name: key=value …`.
    fn read(files: &[(&str, &str)], wanted: &str, environment: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let bodies = files.iter().map(|(path, text)| Ok(((*path).to_owned(), body(path, &text.replace("; ", "\n"))?)));
        let bodies = bodies.collect::<Result<Vec<_>, String>>()?;
        let set =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let definitions = Definitions::read(&bodies, |name| if name == "RUN" { Err(()) } else { Ok(set(name)) })?;
        let show = |name: &String| {
            let target = definitions.target(name, &[], &mut BTreeMap::new())?;
            let values = target.iter().map(|(key, value)| {
                let (list, map) = (texts(value), pairs(value, ':'));
                format!(" {key}={}", [list, map].concat().join(","))
            });
            Ok(format!("{name}:{}", values.collect::<String>()))
        };
        definitions.names(&[wanted.to_owned()])?.iter().map(show).collect()
    }

    fn hcl(text: &str) -> Result<Vec<String>, String> {
        let set = [("TAG", "v1"), ("ON", "1"), ("N", "2"), ("VARS", "${{ vars.X }}"), ("MANY", "b")];
        read(&[("a.hcl", text)], "default", &set)
    }

    #[test]
    fn variables_are_those_of_the_environment_else_of_the_file() {
        for (text, expected) in [
            (r#"variable "TAG" {}; target "default" { target = TAG }"#, "default: target=v1"),
            (
                r#"variable "X" { default = "${Y}-x" }; variable "Y" { default = "y" }; target "default" { target = X }"#,
                "default: target=y-x",
            ),
            (r#"variable "ON" { default = false }; target "default" { target = ON ? "a" : "b" }"#, "default: target=a"),
            (r#"variable "N" { default = 1 }; target "default" { target = N + 1 }"#, "default: target=3"),
            (
                r#"variable "X" {}; target "default" {; tags = [equal(X, "") ? "" : "x", "y"]; args = { A = X, B = null }; }"#,
                "default: tags=y args=A:",
            ),
            (r#"variable "X" { default = timestamp() }; target "default" { target = "a" }"#, "default: target=a"),
            (r#"target "default" { tags = concat(["a"], ["b"]) }"#, "default: tags=a,b"),
        ] {
            assert_eq!(hcl(text).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn targets_inherit_and_a_later_file_counts() {
        let first = r#"
            target "a" {; args = { X = 1, Y = 1 }; tags = ["a"]; annotations = ["k=a"]; }
            target "b" {; target = "s"; args = { Y = 2 }; }
            target "c" {; inherits = ["a", "b"]; args = { Z = 3 }; tags = ["c"]; annotations = ["k=c"]; }
            group "default" { targets = ["more", "c"] }
            group "more" { targets = ["a", "more"] }"#;
        let second = r#"target "c" {; tags = ["d"]; args = { X = 9 }; }"#;
        let all = read(&[("1.hcl", first), ("2.hcl", second)], "default", &[]).unwrap();
        assert_eq!(
            all,
            ["a: args=X:1,Y:1 tags=a annotations=k=a", "c: args=X:9,Y:2,Z:3 tags=d annotations=k=a,k=c target=s"]
        );
        let json =
            r#"{"target": {"c": {"tags": ["${upper}"], "args": {"X": 7}}}, "variable": {"upper": {"default": "U"}}}"#;
        assert_eq!(
            read(&[("1.hcl", first), ("2.json", json)], "c", &[]).unwrap(),
            ["c: args=X:7,Y:2,Z:3 tags=U annotations=k=a,k=c target=s"]
        );
        let matrix =
            r#"target "t" {; name = "t-${x}${y.n}"; matrix = { x = ["a", "b"], y = [{ n = 1 }] }; target = x; }"#;
        assert_eq!(read(&[("m.hcl", matrix)], "t", &[]).unwrap(), ["t-a1: target=a", "t-b1: target=b"]);
    }

    #[test]
    fn what_only_bake_can_know_is_named() {
        for (text, part) in [
            ("", "no target and no group `default`"),
            (r#"target "default" { tags = [upper("x")] }"#, "`a.hcl`: target `default`: `tags`: "),
            (r#"target "default" { inherits = ["x"] }"#, "no target `x`"),
            (r#"target "default" { inherits = ["default"] }"#, "`default` of bake inherits from itself"),
            (r#"target "default" {; matrix = { a = "x" }; name = a; }"#, "something else than lists"),
            (r#"target "default" { matrix = { a = ["x"] } }"#, "its matrix needs a `name`"),
            (r#"target "default" { ; secret { id = "x" }; }"#, "its `secret` is not read here"),
            (r#"function "f" {; params = []; result = 1; }"#, "function `f` is not read here"),
            ("x = 1", "`x` stands in no block"),
            (r#"target "default" { tags = [for x in ["a"]: x] }"#, "a `for` is not read here"),
            (r#"target "default" { args = { A = 1 % 0 } }"#, "a division is not read here"),
            (
                r#"variable "VARS" {}; target "default" { target = VARS == "slim" ? "slim" : "full" }"#,
                "`target`: it compares what is known only when the workflow runs",
            ),
            (r#"variable "RUN" { default = "0" }; target "default" { args = { A = RUN } }"#, "RUN"),
            (r#"variable "MANY" { default = ["a"] }; target "default" { tags = MANY }"#, "MANY"),
            (r#"target "default" { matrix = { a = [LIST], b = [LIST] } }"#, "more than 256 rows"),
            ("target {", "`a.hcl:1:9`: "),
        ] {
            let error = hcl(&text.replace("LIST", &["1"; 100].join(", "))).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(
            read(&[("a.json", r#"{"target": {"a": [{}]}}"#)], "a", &[]).unwrap_err().contains("an object is expected")
        );
        assert!(read(&[("compose.yml", "")], "x", &[]).unwrap_err().contains("a Compose file"));
        assert!(read(&[("a.json", "{")], "x", &[]).unwrap_err().contains("`a.json`: "));
    }

    #[test]
    fn what_doubles_at_every_step_ends() {
        let target = |n: u32| format!("target \"t{n}\" {{ inherits = [\"t{0}\", \"t{0}\"] }}; ", n + 1);
        let targets = (0..60).map(target).collect::<String>() + "target \"t60\" { annotations = [\"a=b\"] }";
        assert_eq!(read(&[("a.hcl", &targets)], "t0", &[]).unwrap(), ["t0: annotations=a=b"]);
        let chain = (0..5000).map(target).collect::<String>() + "target \"t5000\" { target = \"s\" }";
        assert!(read(&[("a.hcl", &chain)], "t0", &[]).unwrap_err().contains("over more than 64 others"));
        let variable = |n: u32| format!("variable \"V{n}\" {{ default = \"${{V{0}}}${{V{0}}}\" }}; ", n + 1);
        let variables = (0..60).map(variable).collect::<String>() + "variable \"V60\" { default = \"x\" }";
        let used = format!("{variables}; target \"default\" {{ target = V0 }}");
        assert!(hcl(&used).unwrap_err().contains("V0"));
    }

    #[test]
    fn what_is_null_says_nothing_and_what_is_set_counts_for_what_is_inherited() {
        let text = "target \"base\" {\nargs = { V = \"0\", W = \"1\" }\ntarget = \"s\"\nulimits = [\"a=1\"]\n}
            target \"api\" {\ninherits = [\"base\"]\nargs = { W = null }\ntarget = null\nulimits = [\"b=2\"]\n}";
        let bodies = [("a.hcl".to_owned(), body("a.hcl", text).unwrap())];
        let definitions = Definitions::read(&bodies, |_| Ok(None)).unwrap();
        let api = definitions.target("api", &["base.args.V=9".to_owned()], &mut BTreeMap::new()).unwrap();
        assert_eq!(pairs(&api["args"], '='), ["V=9", "W=1"]);
        assert_eq!(
            (texts(&api["target"]), texts(&api["ulimits"])),
            (vec!["s".to_owned()], vec!["a=1".to_owned(), "b=2".to_owned()])
        );
    }

    #[test]
    fn a_call_sets_attributes() {
        let set = |lines: &[&str]| {
            let mut target = Target::from_iter([("tags".to_owned(), Value::from(vec!["old"]))]);
            let mut listed = BTreeSet::new();
            lines.iter().try_for_each(|line| set("api", &mut target, line, &mut listed)).map(|()| {
                target
                    .iter()
                    .map(|(key, value)| format!("{key}={}{}", texts(value).join(","), pairs(value, ':').join(",")))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(set(&["*.tags=a", "api.tags=b", "web.tags=c", "a*.target=t"]).unwrap(), ["tags=a,b", "target=t"]);
        assert_eq!(
            set(&["*.tags+=a", "*i.platform=linux/arm64", "api.args.A=b=c"]).unwrap(),
            ["tags=old,a", "platforms=linux/arm64", "args=A:b=c"]
        );
        assert_eq!(set(&["*.annotations=a", "api.annotations=b"]).unwrap(), ["tags=old", "annotations=a,b"]);
        for line in ["ap?.tags=x", "x", "api", "api=1", "api.secrets=id=x", "a?i*z*.tags=x", "api.labels=x"] {
            assert!(set(&[line]).is_err(), "{line}");
        }
    }
}
