//! The rows of a matrix, by GitHub's rules ("Running variations of jobs in a workflow"): the product of the lists, less
//! `exclude`, and `include` added to the rows whose own values it leaves alone, else as a row of its own.

use crate::yaml::{Node, Position, Value};

/// One row: its values, and where its first one stands.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) at: Position,
    pub(super) values: Vec<(String, Node)>,
}

/// More rows are no matrix that GitHub runs.
const MAX_ROWS: usize = 256;

/// The rows; `Err` says where and why they cannot be known.
pub(super) fn rows(matrix: &Node) -> Result<Vec<Row>, (Position, String)> {
    let dynamic = |node: &Node| match &node.value {
        Value::Text(text) => Err((node.at, format!("`{text}` is known only when the workflow runs"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => Ok(()),
    };
    dynamic(matrix)?;
    let mut rows = Vec::<Row>::new();
    let axes = matrix.entries().iter().filter(|(key, _)| key.text != "include" && key.text != "exclude");
    for (axis, (key, values)) in axes.enumerate() {
        dynamic(values)?;
        let before =
            if axis == 0 { vec![Row { at: values.at, values: Vec::new() }] } else { std::mem::take(&mut rows) };
        for row in &before {
            for value in values.items() {
                let mut values = row.values.clone();
                values.push((key.text.clone(), value.clone()));
                rows.push(Row { at: if axis == 0 { value.at } else { row.at }, values });
            }
        }
        limit(&rows, key.at)?;
    }
    let lists = |key| matrix.get(key).map_or(Ok(&[][..]), |list| dynamic(list).map(|()| list.items()));
    for excluded in lists("exclude")? {
        if excluded.entries().is_empty() {
            return Err((
                excluded.at,
                "what this entry of `exclude` takes out is known only when the workflow runs".into(),
            ));
        }
        let mut kept = Vec::new();
        for row in rows {
            if !fits(excluded, &row, false)? {
                kept.push(row);
            }
        }
        rows = kept;
    }
    let original = rows.clone();
    for included in lists("include")? {
        dynamic(included)?;
        let mut added = false;
        for (row, original) in rows.iter_mut().zip(&original) {
            if fits(included, original, true)? {
                added = true;
                included.entries().iter().for_each(|(key, value)| row.set(&key.text, value));
            }
        }
        if !added {
            let values = included.entries().iter().map(|(key, value)| (key.text.clone(), value.clone())).collect();
            rows.push(Row { at: included.at, values });
        }
    }
    limit(&rows, matrix.at)?;
    Ok(rows)
}

/// Whether an entry of `include` or `exclude` fits a row; `without`: whether a key does that the row does not have.
fn fits(entry: &Node, row: &Row, without: bool) -> Result<bool, (Position, String)> {
    let mut all = true;
    for (key, value) in entry.entries() {
        let Some(same) = row.get(&key.text).map_or(Some(without), |known| known.same(value)) else {
            let message = format!("whether `{}` is that of a row is not certain: write it as the row has it", key.text);
            return Err((value.at, message));
        };
        all &= same;
    }
    Ok(all)
}

fn limit(rows: &[Row], at: Position) -> Result<(), (Position, String)> {
    if rows.len() > MAX_ROWS { Err((at, format!("the matrix has more than {MAX_ROWS} rows"))) } else { Ok(()) }
}

impl Row {
    fn get(&self, key: &str) -> Option<&Node> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    fn set(&mut self, key: &str, value: &Node) {
        match self.values.iter_mut().find(|(name, _)| name == key) {
            Some((_, known)) => *known = value.clone(),
            None => self.values.push((key.to_owned(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let row = |row: &Row| {
            let values = row.values.iter().map(|(key, node)| format!("{key}={}", node.text().unwrap_or_default()));
            values.collect::<Vec<_>>().join(" ")
        };
        rows(&Node::parse(text).unwrap()).map(|rows| rows.iter().map(row).collect()).map_err(|(_, message)| message)
    }

    #[test]
    fn lists_include_and_exclude_make_the_rows_that_github_makes() {
        assert_eq!(read("{s: [a, b]}").unwrap(), ["s=a", "s=b"]);
        assert_eq!(read("{s: [a, b], p: [1, 2], exclude: [{s: a, p: 2}]}").unwrap(), ["s=a p=1", "s=b p=1", "s=b p=2"]);
        assert_eq!(read("{include: [{s: a, f: x}, {s: b}]}").unwrap(), ["s=a f=x", "s=b"]);
        // The example of GitHub's page, "Expanding or adding matrix configurations".
        let fruit = "{fruit: [apple, pear], animal: [cat, dog], include: [{color: green}, {color: pink, animal: cat}, \
                     {fruit: apple, shape: circle}, {fruit: banana}, {fruit: banana, animal: cat}]}";
        assert_eq!(
            read(fruit).unwrap(),
            [
                "fruit=apple animal=cat color=pink shape=circle",
                "fruit=apple animal=dog color=green shape=circle",
                "fruit=pear animal=cat color=pink",
                "fruit=pear animal=dog color=green",
                "fruit=banana",
                "fruit=banana animal=cat",
            ]
        );
    }

    #[test]
    fn objects_and_lists_are_compared_by_what_they_hold() {
        let objects = "{s: [{n: a, p: [1]}, {n: b}], exclude: [{s: {p: [1], n: a}}], include: [{s: {n: b}, x: y}]}";
        assert_eq!(read(objects).unwrap(), ["s= x=y"]);
        for text in [
            "{s: [{n: a, p: 1}], exclude: [{s: {n: a}}]}",
            "{s: [a], exclude: [{s: A}]}",
            "{s: [1], include: [{s: '1'}]}",
        ] {
            assert!(read(text).unwrap_err().contains("not certain"), "{text}");
        }
    }

    #[test]
    fn what_is_known_only_at_run_time_is_refused() {
        for text in [
            "{s: '${{ fromJSON(needs.a.outputs.b) }}'}",
            "'${{ fromJSON(needs.a.outputs.b) }}'",
            "{include: '${{ fromJSON(inputs.x) }}'}",
        ] {
            assert!(read(text).unwrap_err().contains("known only when"), "{text}");
        }
        let big = format!("{{a: [{0}], b: [{0}], c: [{0}]}}", ["x"; 100].join(","));
        assert!(read(&big).unwrap_err().contains("256"));
    }
}
