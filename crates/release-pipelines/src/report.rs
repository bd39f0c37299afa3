//! Findings and remarks as people and programs read them.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use serde_json::json;

use crate::check::{Finding, Rule};
use crate::migrate::Remark;
use crate::repository::Repository;
use crate::yaml::Position;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal: the line, and what mends it.
    Text,
    /// Annotations of a GitHub workflow run.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// The findings in one format; `color` is for `Text` alone.
pub fn render(findings: &[Finding], repository: &Repository, format: Format, color: bool) -> String {
    match format {
        Format::Text => text(findings, repository, color),
        Format::Github => findings.iter().map(annotation).collect(),
        Format::Sarif => sarif(findings),
    }
}

fn annotation(finding: &Finding) -> String {
    let (line, column) = (finding.at.line.to_string(), finding.at.column.to_string());
    let title = format!("release-pipelines: {}", finding.rule);
    let properties = [("file", finding.path.as_str()), ("line", &line), ("col", &column), ("title", &title)];
    runner::command("error", &properties, &format!("{}: {}", finding.message, finding.help)) + "\n"
}

/// A finding or a remark as miette shows it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Shown {
    severity: Severity,
    message: String,
    rule: String,
    help: String,
    source_code: NamedSource<String>,
    span: Option<(usize, usize)>,
}

impl Diagnostic for Shown {
    fn code(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        Some(Box::new(&self.rule))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (start, length) = self.span?;
        Some(Box::new(std::iter::once(LabeledSpan::underline((start, length)))))
    }
}

fn text(findings: &[Finding], repository: &Repository, color: bool) -> String {
    let shown = findings.iter().map(|finding| Shown {
        severity: Severity::Error,
        ..Shown::new(repository, &finding.path, finding.at, &finding.rule.to_string(), &finding.message, &finding.help)
    });
    graphical(shown, color)
}

/// What is said about the workflow at `path`.
pub fn remarks(remarks: &[Remark], repository: &Repository, path: &str, color: bool) -> String {
    let shown = remarks.iter().map(|remark| {
        let (severity, code) =
            if remark.refused { (Severity::Error, "refused") } else { (Severity::Advice, "changes") };
        Shown { severity, ..Shown::new(repository, path, remark.at, code, &remark.message, &remark.help) }
    });
    graphical(shown, color)
}

impl Shown {
    fn new(repository: &Repository, path: &str, at: Position, rule: &str, message: &str, help: &str) -> Self {
        // What cannot be read has no line to show; its path stands in the message then.
        let source = repository.read(path).ok().flatten().map(|source| printable(&source));
        let message = if source.is_some() { message.to_owned() } else { format!("{path}: {message}") };
        Self {
            severity: Severity::Error,
            message: printable(&message),
            rule: rule.to_owned(),
            help: printable(help),
            span: source.as_deref().map(|source| span(source, at)),
            source_code: NamedSource::new(path, source.unwrap_or_default()),
        }
    }
}

fn graphical(shown: impl Iterator<Item = Shown>, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(110).with_context_lines(1);
    let mut out = String::new();
    for shown in shown {
        // Writing into a string cannot fail.
        let _ = handler.render_report(&mut out, &shown);
        out.push('\n');
    }
    out
}

/// Text without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '?' } else { c }).collect()
}

/// The word that begins at a place: where it starts and how long it is, in bytes.
fn span(source: &str, at: Position) -> (usize, usize) {
    let line_start = source.split_inclusive('\n').take(at.line - 1).map(str::len).sum::<usize>();
    let line = source[line_start..].lines().next().unwrap_or_default();
    let start = line.char_indices().nth(at.column - 1).map_or(line.len(), |(index, _)| index);
    let word = &line[start..];
    let length = match word.chars().next() {
        Some(quote @ ('"' | '\'')) => word[1..].find(quote).map_or(word.len(), |end| end + 2),
        Some('[' | '{') => word.trim_end().len(),
        _ => word.find([' ', ',', ']', '}', '#']).unwrap_or(word.len()),
    };
    (line_start + start, length.max(1).min(source.len() - line_start - start))
}

/// SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), as GitHub's code scanning reads it.
fn sarif(findings: &[Finding]) -> String {
    let rules = Rule::ALL.map(|rule| json!({ "id": rule.to_string(), "shortDescription": { "text": rule.summary() } }));
    let results = findings.iter().map(|finding| {
        json!({
            "ruleId": finding.rule.to_string(),
            "level": "error",
            "message": { "text": format!("{}: {}", finding.message, finding.help) },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": uri(&finding.path), "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": finding.at.line, "startColumn": finding.at.column },
            } }],
        })
    });
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "release-pipelines", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    });
    format!("{report:#}\n")
}

/// A path as a relative URI (RFC 3986): what is neither unreserved nor a slash is escaped.
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    path.bytes().fold(String::new(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// One file with a finding in its middle, and one that is not there.
    fn rendered(format: Format) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.yml"), "on: push\nname: 'é, x' # \u{1b}[31my\njobs: {}\n").unwrap();
        let finding = |path: &str, line, column| Finding {
            path: path.into(),
            at: Position { line, column },
            rule: Rule::Drift,
            message: "it is\n::error::100% wrong".into(),
            help: "mend it".into(),
        };
        let findings = [finding("a b.yml", 2, 7), finding("gone.yml", 1, 1), finding("a b.yml", 99, 99)];
        render(&findings, &Repository::open(folder.path()).unwrap(), format, false)
    }

    #[test]
    fn text_shows_the_line() {
        expect![[r"
            drift

              × it is
              │ ::error::100% wrong
               ╭─[a b.yml:2:7]
             1 │ on: push
             2 │ name: 'é, x' # ?[31my
               ·       ──────
             3 │ jobs: {}
               ╰────
              help: mend it

            drift

              × gone.yml: it is
              │ ::error::100% wrong
              help: mend it

            drift

              × it is
              │ ::error::100% wrong
               ╭─[a b.yml:4:1]
             3 │ jobs: {}
               ╰────
              help: mend it

        "]]
        .assert_eq(&rendered(Format::Text));
    }

    #[test]
    fn an_annotation_is_one_command_whatever_the_text() {
        expect![[r"
            ::error file=a b.yml,line=2,col=7,title=release-pipelines%3A drift::it is%0A::error::100%25 wrong: mend it
            ::error file=gone.yml,line=1,col=1,title=release-pipelines%3A drift::it is%0A::error::100%25 wrong: mend it
            ::error file=a b.yml,line=99,col=99,title=release-pipelines%3A drift::it is%0A::error::100%25 wrong: mend it
        "]]
        .assert_eq(&rendered(Format::Github));
    }

    #[test]
    fn sarif_has_a_place_and_a_rule_for_each_finding() {
        let report: serde_json::Value = serde_json::from_str(&rendered(Format::Sarif)).unwrap();
        let run = &report["runs"][0];
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.yml");
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 7 }));
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|rule| rule["id"] == run["results"][0]["ruleId"]));
        assert_eq!(run["results"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn sarif_holds_what_the_format_knows_and_nothing_else() {
        let report = rendered(Format::Sarif);
        let read: serde_sarif::sarif::Sarif = serde_json::from_str(&report).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), report);
    }
}
