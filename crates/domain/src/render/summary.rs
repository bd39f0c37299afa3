//! The job summary: verdict table, a timeline of each image's life with the critical one named, the release link.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Subject;
use super::log::duration;
use super::markdown::{code, inline};
use super::reason::{cure, verdict, why};
use crate::decide::{Judgement, Standing};
use crate::service::ServiceName;

/// When the stages of one image's life were seen, by GitHub's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The service.
    pub service: ServiceName,
    /// The time of its first signal; `None` when there was none.
    pub signalled: Option<Timestamp>,
    /// When the registry first showed something under its tag; `None` when it never did.
    pub visible: Option<Timestamp>,
    /// When it was proven; `None` when it never was.
    pub verified: Option<Timestamp>,
}

/// What the summary reports beside the images.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// One sentence: how the run ended.
    pub headline: &'a str,
    /// The release page; `None` when there is none.
    pub release_url: Option<&'a str>,
    /// When this run started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Every image's life.
    pub lives: &'a [Life],
}

/// The summary as Markdown.
pub fn summary(subject: Subject<'_>, judgements: &[Judgement], report: &Report<'_>) -> String {
    let mut text = format!("## {}: {}\n\n", inline(subject.tag.as_str()), inline(report.headline));
    if let Some(url) = report.release_url {
        let _ = writeln!(text, "[Release page]({url})\n");
    }
    text.push_str("| service | verdict | why | digest |\n| --- | --- | --- | --- |\n");
    for image in judgements {
        let mark = match (image.standing, image.required) {
            (Standing::Ready, _) => "✅",
            (Standing::Pending, _) => "⏳",
            (Standing::Missing | Standing::Unknown, true) => "❌",
            (Standing::Missing | Standing::Unknown, false) => "➖",
        };
        let optional = if image.required { "" } else { " (optional)" };
        let digest = image.proof.as_ref().map(|proof| code(proof.digest.as_str())).unwrap_or_default();
        let run = image.run.as_ref().map(|run| format!(" ([run]({}))", run.url)).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {}{optional} | {mark} {} | {}{run} | {digest} |",
            image.service,
            verdict(image.verdict),
            inline(&why(image))
        );
    }
    cures(&mut text, subject, judgements);
    gantt(&mut text, report);
    text
}

fn cures(text: &mut String, subject: Subject<'_>, judgements: &[Judgement]) {
    for image in judgements.iter().filter(|image| matches!(image.standing, Standing::Missing | Standing::Unknown)) {
        let cure = cure(image, subject);
        let _ = write!(text, "\n**{}**: {}\n", image.service, cure.text);
        if let Some(command) = cure.command {
            let _ = write!(text, "```sh\n{command}\n```\n");
        }
        if let Some(last_good) = cure.last_good {
            let _ = writeln!(text, "{}", inline(&last_good));
        }
    }
}

/// A Mermaid gantt. Each image is a section with one bar per stage; the one proven last is the critical one.
fn gantt(text: &mut String, report: &Report<'_>) {
    let end = report.ended.max(report.started);
    let seen: Vec<&Life> = report.lives.iter().filter(|life| life.signalled.or(life.visible).is_some()).collect();
    if seen.is_empty() {
        return;
    }
    let critical = seen.iter().max_by_key(|life| life.verified.unwrap_or(Timestamp::MAX)).map(|life| &life.service);
    text.push_str("\n```mermaid\ngantt\n  dateFormat X\n  axisFormat %H:%M:%S\n");
    for life in &seen {
        let mark = if critical == Some(&life.service) { "crit, " } else { "" };
        let _ = writeln!(text, "  section {}", life.service);
        let mut bar = |name: &str, from: Option<Timestamp>, to: Option<Timestamp>| {
            if let Some(from) = from {
                let (from, to) = (from.as_second(), to.unwrap_or(end).as_second());
                let _ = writeln!(text, "  {name} :{mark}{from}, {}", to.max(from + 1));
            }
        };
        bar("signalled", life.signalled, life.visible.or(life.verified));
        bar("visible", life.visible, life.verified);
        bar("verified", life.verified, None);
    }
    text.push_str("```\n");
    if let Some(service) = critical {
        let last = seen.iter().find(|life| &life.service == service).and_then(|life| life.verified);
        let waited = last.unwrap_or(end).duration_since(report.started).unsigned_abs();
        let end = if last.is_some() { "was proven last" } else { "was never proven" };
        let _ = writeln!(text, "\nCritical: **{service}** {end}, {} after this run started.", duration(waited));
    }
}
