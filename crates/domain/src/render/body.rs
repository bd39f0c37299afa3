//! The head of the release page: notes, the warning with cause and cure of each missing image, the image table.

use std::fmt::Write as _;

use super::markdown::{closed, code, inline};
use super::reason::{cure, verdict, why};
use super::{Subject, pull_command};
use crate::decide::{Judgement, Standing};
use crate::image::platform_list;
use crate::service::ServiceName;

/// The most services of one release: as many workflow runs may be queued in ten seconds (GitHub, "Actions limits"), and the
/// head of so many fits into a release body, whatever their names, beside the longest notes.
pub const MAX_SERVICES: usize = 500;
/// The longest `notes`, in characters.
pub const MAX_NOTES: usize = 30_000;
/// A table of more characters is written short.
const TABLE_LIMIT: usize = 72_000;
/// Missing images whose causes and cures would make the warning longer are counted in it, and named in the table.
const WARNING_LIMIT: usize = 18_000;

/// The head of the managed block. `notes`: Markdown put above the rest, the workflow author's own.
pub fn head(subject: Subject<'_>, notes: &str, judgements: &[Judgement]) -> String {
    let missing: Vec<&Judgement> =
        judgements.iter().filter(|image| image.required && image.standing != Standing::Ready).collect();
    let mut text = String::new();
    if !notes.trim().is_empty() {
        let notes = notes.trim_start().replace("<!-- release-actions:", "&lt;!-- release-actions:");
        let _ = writeln!(text, "{}\n", closed(&notes));
    }
    if !missing.is_empty() {
        warning(&mut text, subject, judgements, &missing);
    }
    let table = table(judgements);
    text.push_str(&if table.chars().count() > TABLE_LIMIT { short_table(judgements) } else { table });
    text
}

/// ` (partial: 5 of 6 images)`: what a partial release's title ends in.
pub fn partial_suffix(judgements: &[Judgement]) -> String {
    let required = || judgements.iter().filter(|image| image.required);
    let ready = required().filter(|image| image.standing == Standing::Ready).count();
    format!(" (partial: {ready} of {} images)", required().count())
}

fn warning(text: &mut String, subject: Subject<'_>, judgements: &[Judgement], missing: &[&Judgement]) {
    let required = judgements.iter().filter(|image| image.required).count();
    let _ = writeln!(
        text,
        "> [!WARNING]\n> **This release is partial: {} of {required} images are here.** It becomes whole by itself when the rest are built.",
        required - missing.len(),
    );
    let (mut length, mut left_out) = (0, 0);
    for image in missing {
        let entry = cause_and_cure(image, subject);
        let with_it = length + entry.chars().count();
        if with_it > WARNING_LIMIT {
            left_out += 1;
        } else {
            length = with_it;
            text.push_str(&entry);
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            text,
            ">\n> {left_out} more are named in the table; the summary of the run that wrote this says why, and what to do."
        );
    }
    text.push('\n');
}

fn cause_and_cure(image: &Judgement, subject: Subject<'_>) -> String {
    let link = image.run.as_ref().map(|run| format!(" ([run]({}))", run.url)).unwrap_or_default();
    let mut text = format!(">\n> **{}**: {}{link}.\n", image.service, inline(&why(image)));
    let cure = cure(image, subject);
    let _ = writeln!(text, "> {}", cure.text);
    if let Some(command) = cure.command {
        let _ = writeln!(text, "> ```sh\n> {command}\n> ```");
    }
    if let Some(last_good) = cure.last_good {
        let _ = writeln!(text, "> {}", inline(&last_good));
    }
    text
}

/// The services of which the table of `head` lists an image as one that is there.
pub fn listed(head: &str) -> Vec<ServiceName> {
    let Some((_, table)) = head.rsplit_once("### Images") else { return Vec::new() };
    // Whatever the form of the table, the row of an image that is there goes on with code: the pull command or the digest.
    let rows = table.lines().filter_map(|line| line.trim_end().strip_prefix("| ")?.split_once(" | `"));
    rows.filter_map(|(service, _)| service.parse().ok()).collect()
}

fn table(judgements: &[Judgement]) -> String {
    let mut text = "### Images\n\n| service | pull | digest | platforms |\n| --- | --- | --- | --- |\n".to_owned();
    for image in judgements {
        let row = match (&image.proof, image.standing) {
            (Some(proof), Standing::Ready) => {
                let (pull, note) = (code(&pull_command(&image.reference)), note(image));
                format!("{pull}{note} | {} | {}", code(proof.digest.as_str()), platform_list(&proof.platforms))
            }
            _ if image.required => "**missing** | |".to_owned(),
            _ => format!("not included (optional): {} | |", inline(&why(image))),
        };
        let _ = writeln!(text, "| {} | {row} |", image.service);
    }
    text
}

/// The table with no more than a row needs.
fn short_table(judgements: &[Judgement]) -> String {
    let mut text = "### Images\n\nDigests are shortened, so that the table fits: the `images` output of the run that wrote this has all of them.\n\n| service | digest |\n| --- | --- |\n".to_owned();
    for image in judgements {
        let row = match (&image.proof, image.standing) {
            (Some(proof), Standing::Ready) => format!("{}{}", code(proof.digest.short()), note(image)),
            _ if image.required => format!("**missing**: {}", verdict(image.verdict)),
            _ => "not included (optional)".to_owned(),
        };
        let _ = writeln!(text, "| {} | {row} |", image.service);
    }
    text
}

/// What is not proven of an image that is ready.
fn note(image: &Judgement) -> &'static str {
    if image.end_not_reported() {
        " (no end reported)"
    } else if image.commit_not_proven() {
        " (commit not proven)"
    } else {
        ""
    }
}
