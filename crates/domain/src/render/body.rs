//! The head of the release page: notes, the warning with cause and cure of each missing image, the image table.

use std::fmt::Write as _;

use super::markdown::{closed, code, inline};
use super::reason::{cure, why};
use super::{Subject, pull_command};
use crate::decide::{Judgement, Standing};
use crate::image::platform_list;

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
    table(&mut text, judgements);
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
    for image in missing {
        let link = image.run.as_ref().map(|run| format!(" ([run]({}))", run.url)).unwrap_or_default();
        let _ = writeln!(text, ">\n> **{}**: {}{link}.", image.service, inline(&why(image)));
        let cure = cure(image, subject);
        let _ = writeln!(text, "> {}", cure.text);
        if let Some(command) = cure.command {
            let _ = writeln!(text, "> ```sh\n> {command}\n> ```");
        }
        if let Some(last_good) = cure.last_good {
            let _ = writeln!(text, "> {}", inline(&last_good));
        }
    }
    text.push('\n');
}

fn table(text: &mut String, judgements: &[Judgement]) {
    text.push_str("### Images\n\n| service | pull | digest | platforms |\n| --- | --- | --- | --- |\n");
    for image in judgements {
        let row = match (&image.proof, image.standing) {
            (Some(proof), Standing::Ready) => {
                let note = if image.commit_not_proven() { " (commit not proven)" } else { "" };
                let note = if image.end_not_reported() { " (no end reported)" } else { note };
                let pull = code(&pull_command(&image.reference));
                format!("{pull}{note} | {} | {}", code(proof.digest.as_str()), platform_list(&proof.platforms))
            }
            _ if image.required => "**missing** | |".to_owned(),
            _ => format!("not included (optional): {} | |", inline(&why(image))),
        };
        let _ = writeln!(text, "| {} | {row} |", image.service);
    }
}
