//! The job summary of one build.

use std::fmt::Write as _;

use super::markdown::{code, inline};

/// How one build ended.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The service; empty when the input could not be read.
    pub service: &'a str,
    /// One sentence.
    pub headline: &'a str,
    /// The image by each of its tags.
    pub images: &'a [String],
    /// The digest that was proven; empty = none.
    pub digest: &'a str,
    /// The platforms that were proven.
    pub platforms: &'a str,
    /// Whether this run pushed something.
    pub pushed: bool,
}

/// The summary, in Markdown.
pub fn summary(report: &Report<'_>) -> String {
    let Report { service, headline, images, digest, platforms, pushed } = *report;
    let mut text = match service {
        "" => format!("## {}\n", inline(headline)),
        service => format!("## {}: {}\n", inline(service), inline(headline)),
    };
    if digest.is_empty() {
        return text;
    }
    let _ = write!(text, "\n| pull | digest | platforms | |\n| --- | --- | --- | --- |\n");
    let how =
        if pushed { "pushed by this run, read back from the registry" } else { "was there, read from the registry" };
    for image in images {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {how} |",
            code(&format!("docker pull {image}")),
            code(digest),
            inline(platforms)
        );
    }
    text
}
