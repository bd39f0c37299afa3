//! The managed block: our part of a release body, between two HTML comments. The text around it belongs to people and
//! survives every run byte for byte.

use std::cell::LazyCell;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::image::hex;
use crate::render::markdown::{CodeBlocks, closed};
use crate::repository::CommitSha;

/// How a line that opens the block starts; the machine line is the JSON between it and `-->`.
const BEGIN: &str = "<!-- release-actions:begin ";
/// The line that closes the block.
const END: &str = "<!-- release-actions:end -->";
/// The line below which the changelog stands, inside the block.
const CHANGELOG: &str = "<!-- release-actions:changelog -->";
/// The same, where the changelog was moved out of the block with a text that a person changed.
const CHANGELOG_MOVED: &str = "<!-- release-actions:changelog moved -->";
/// The most characters that GitHub accepts in a release body ("body is too long (maximum is 125000 characters)").
pub const BODY_LIMIT: usize = 125_000;

/// What the machine line says of the release that we wrote last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Of this format: 1.
    pub schema: u32,
    /// The tag.
    pub tag: String,
    /// The commit that the images were proven at.
    pub commit: CommitSha,
    /// Full or partial.
    pub status: LineStatus,
    /// The title that we wrote; `None` when the title is a person's.
    pub title: Option<String>,
    /// The pre-release flag that we wrote; `None` when the flag is a person's.
    pub prerelease: Option<bool>,
    /// When the last missing image of a partial release was there; `None` for a release that was never partial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// True when the block is a guest in a draft that a person made, which stays a draft.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// True when the block was put above others that could not be told apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub above: bool,
    /// sha256 of the block's content, to see whether a person changed it.
    pub hash: String,
}

/// What kind of release the block describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineStatus {
    /// Every required image was proven.
    Full,
    /// At least one was missing.
    Partial,
}

/// What the block should say. The line's `hash` and `above` are filled when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The machine line.
    pub line: Line,
    /// Notes, warning and image table: never cut.
    pub head: String,
    /// The changelog; `None` when there is none yet.
    pub changelog: Option<String>,
    /// Where the whole changelog can be read, for a body that is too long.
    pub full_changelog_url: String,
}

/// A body, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a> {
    text: &'a str,
    found: Found<'a>,
    /// Every machine line of ours that can be read, also of a block that a person broke.
    lines: Vec<Line>,
    /// Those inside code blocks.
    quoted: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Found<'a> {
    /// No marker of ours.
    Nothing,
    /// One block, whose content is as we wrote it.
    Intact(Span<'a>),
    /// One block, changed by a person.
    Changed(Span<'a>),
    /// Markers that do not pair up, or several blocks. With the block that we put on top of them, where there is one.
    Unclear(Option<Span<'a>>),
}

/// Where a block stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span<'a> {
    before: &'a str,
    content: &'a str,
    after: &'a str,
    line: Option<Line>,
}

impl Span<'_> {
    fn is_intact(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.hash == hash(self.content))
    }
}

/// Line ends do not count: GitHub's own editor turns them all into CR LF.
fn hash(content: &str) -> String {
    hex(&Sha256::digest(content.replace('\r', "").as_bytes()))
}

impl<'a> Body<'a> {
    /// Takes `text` apart. Markers inside a code block are a person's quotation, not markers.
    pub fn read(text: &'a str) -> Self {
        let (mut begins, mut ends, mut quoted_lines, mut offset) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let code = LazyCell::new(|| CodeBlocks::of(text));
        for line in text.split_inclusive('\n') {
            let (start, trimmed) = (offset, line.trim());
            offset += line.len();
            let quoted = || code.hold(start + line.len() - line.trim_start().len());
            if trimmed.starts_with(BEGIN.trim_end()) {
                if quoted() {
                    quoted_lines.extend(Line::read(trimmed));
                } else {
                    begins.push((start, offset, trimmed));
                }
            } else if trimmed == END && !quoted() {
                ends.push((start, offset));
            }
        }
        let span = |begin: &(usize, usize, &str), end: &(usize, usize)| Span {
            before: &text[..begin.0],
            content: &text[begin.1..end.0],
            after: &text[end.1..],
            line: Line::read(begin.2),
        };
        let found = match (begins.as_slice(), ends.as_slice()) {
            ([], []) => Found::Nothing,
            ([begin], [end]) if begin.0 < end.0 => {
                let span = span(begin, end);
                if span.is_intact() { Found::Intact(span) } else { Found::Changed(span) }
            }
            _ => {
                let first = begins.first().zip(ends.first()).filter(|(begin, end)| begin.0 == 0 && end.0 > 0);
                let top = first.map(|(begin, end)| span(begin, end));
                Found::Unclear(top.filter(|top| top.is_intact() && top.line.as_ref().is_some_and(|line| line.above)))
            }
        };
        let lines = begins.iter().filter_map(|begin| Line::read(begin.2)).collect();
        Self { text, found, lines, quoted: quoted_lines }
    }

    /// The machine line of our block; `None` when there is none that can be read.
    pub fn line(&self) -> Option<&Line> {
        self.span().and_then(|span| span.line.as_ref())
    }

    /// True when a marker of ours stands in it.
    pub fn bears_our_block(&self) -> bool {
        self.found != Found::Nothing
    }

    /// The machine lines that count: that of our block or, where markers are missing or doubled so that it cannot be told, every
    /// one that can be read, top first.
    pub fn lines(&self) -> &[Line] {
        self.line().map_or(&self.lines, std::slice::from_ref)
    }

    /// Every machine line of ours inside a code block: a person's quotation, or our own below a fence that is left open.
    pub fn quoted(&self) -> &[Line] {
        &self.quoted
    }

    /// True when nothing but our own unchanged block stands in it.
    pub fn is_ours_alone(&self) -> bool {
        match &self.found {
            Found::Nothing => self.text.trim().is_empty(),
            Found::Intact(span) => span.before.trim().is_empty() && span.after.trim().is_empty(),
            Found::Changed(_) | Found::Unclear(_) => false,
        }
    }

    /// What stands in our block above the changelog; `None` when there is no block that can be told.
    pub fn head(&self) -> Option<&'a str> {
        let content = self.span()?.content;
        Some(
            [CHANGELOG, CHANGELOG_MOVED]
                .iter()
                .find_map(|marker| content.split_once(marker))
                .map_or(content, |(head, _)| head),
        )
    }

    /// The changelog that stands in our block; `None` when there is none yet.
    pub fn changelog(&self) -> Option<&'a str> {
        let content = self.span()?.content;
        let at = content.find(CHANGELOG)?;
        let changelog = content[at + CHANGELOG.len()..].trim();
        (!changelog.is_empty()).then_some(changelog)
    }

    /// True when the changelog of `commit` should not be asked for again: it stands in the block or was moved out of it.
    pub fn has_changelog(&self, commit: &CommitSha) -> bool {
        self.is_of(commit) && (self.changelog().is_some() || self.changelog_was_moved())
    }

    /// Whether the block is about `commit`. One whose machine line was damaged counts as such.
    fn is_of(&self, commit: &CommitSha) -> bool {
        self.span().is_some_and(|span| span.line.as_ref().is_none_or(|line| line.commit == *commit))
    }

    fn changelog_was_moved(&self) -> bool {
        self.span().is_some_and(|span| span.content.contains(CHANGELOG_MOVED))
    }

    fn span(&self) -> Option<&Span<'a>> {
        match &self.found {
            Found::Intact(span) | Found::Changed(span) | Found::Unclear(Some(span)) => Some(span),
            Found::Nothing | Found::Unclear(None) => None,
        }
    }

    /// The body with our block as it should be. Equal content gives the same bytes back.
    pub fn with(&self, content: &Content) -> String {
        match &self.found {
            Found::Nothing if self.text.trim().is_empty() => content.write(false, false, 0),
            Found::Nothing => join("", content, (false, false), self.text),
            Found::Intact(span) => {
                let moved = self.is_of(&content.line.commit) && self.changelog_was_moved();
                let body = join(span.before, content, (false, moved), span.after);
                // Only line ends differ: nothing to write.
                if body.replace('\r', "") == self.text.replace('\r', "") { self.text.to_owned() } else { body }
            }
            Found::Changed(span) => {
                let after = format!("\n{}{}", span.content, span.after);
                join(span.before, content, (false, self.has_changelog(&content.line.commit)), &after)
            }
            Found::Unclear(Some(top)) => join("", content, (true, false), top.after),
            Found::Unclear(None) => join("", content, (true, false), &format!("\n{}", self.text)),
        }
    }
}

fn join(before: &str, content: &Content, (above, moved): (bool, bool), after: &str) -> String {
    let gap = if after.is_empty() || after.starts_with(['\n', '\r']) { "" } else { "\n" };
    let around = [before, gap, after].map(|text| text.chars().count()).iter().sum();
    let block = content.write(above, moved, around);
    format!("{before}{block}{gap}{after}")
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let json = line.strip_prefix(BEGIN)?.strip_suffix("-->")?;
        serde_json::from_str::<Self>(json).ok().filter(|line| line.schema == 1)
    }

    fn write(&self) -> String {
        // Inside an HTML comment: no `>` and no `<`, whatever the title holds.
        let json = serde_json::to_string(self).unwrap_or_default().replace('<', "\\u003c").replace('>', "\\u003e");
        format!("{BEGIN}{json} -->")
    }
}

impl Content {
    /// The block. The changelog is cut so that it and `around` fit into a body.
    fn write(&self, above: bool, moved: bool, around: usize) -> String {
        let with = |changelog: Option<&str>| {
            let mut content = format!("{}\n", self.head.trim_end());
            if moved {
                let _ = write!(content, "\n{CHANGELOG_MOVED}\n");
            } else if let Some(changelog) = changelog {
                let _ = write!(content, "\n{CHANGELOG}\n{changelog}\n");
            }
            let line = Line { above, hash: hash(&content), ..self.line.clone() };
            format!("{}\n{content}{END}\n", line.write())
        };
        let over = |block: &str| (block.chars().count() + around).saturating_sub(BODY_LIMIT);
        let changelog = self.changelog.as_deref().map(str::trim).filter(|changelog| !changelog.is_empty());
        let mut block = with(changelog.map(closed).as_deref());
        let Some(mut kept) = changelog.filter(|_| !moved) else { return block };
        let link = format!(
            "\n\n[The changelog is longer than a release can hold: read all of it]({})",
            self.full_changelog_url
        );
        // Again, because the link and the end of a fence take room too.
        while over(&block) > 0 && !kept.is_empty() {
            let keep = kept.chars().count().saturating_sub(over(&block));
            let end = kept.char_indices().nth(keep).map_or(kept.len(), |(at, _)| at);
            kept = kept[..end].rfind('\n').map_or("", |at| &kept[..at]);
            block = with(Some(&format!("{}{link}", closed(kept))));
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(head: &str, changelog: Option<&str>) -> Content {
        Content {
            line: Line {
                schema: 1,
                tag: "v1.0.0".into(),
                commit: "a".repeat(40).parse().unwrap(),
                status: LineStatus::Partial,
                title: Some("v1.0.0 --> <x>".into()),
                prerelease: Some(true),
                completed: None,
                guest: false,
                above: false,
                hash: String::new(),
            },
            head: head.into(),
            changelog: changelog.map(Into::into),
            full_changelog_url: "https://github.example/compare".into(),
        }
    }

    fn write(text: &str, content: &Content) -> String {
        Body::read(text).with(content)
    }

    #[test]
    fn an_empty_body_becomes_the_block_and_reads_back() {
        let body = write("", &content("table", Some("* a change")));
        let read = Body::read(&body);
        assert_eq!(read.line().unwrap().title.as_deref(), Some("v1.0.0 --> <x>"));
        assert_eq!(read.changelog(), Some("* a change"));
        assert!(read.is_ours_alone() && read.bears_our_block());
        assert_eq!(body.lines().next().unwrap().matches("-->").count(), 1);
    }

    #[test]
    fn equal_content_gives_the_same_bytes() {
        let content = content("table", Some("log"));
        for text in ["", "hello\n", "hello", "\r\nhi\r\n"] {
            let once = write(text, &content);
            assert_eq!(write(&once, &content), once, "{text:?}");
            let edited_in_the_browser = once.replace("\r\n", "\n").replace('\n', "\r\n");
            assert_eq!(write(&edited_in_the_browser, &content), edited_in_the_browser);
        }
    }

    #[test]
    fn text_outside_survives_byte_for_byte() {
        let once = write("", &content("old", None));
        let around = format!("above \u{1f980}\r\n\r\n{once}\r\nbelow  \n\n<!-- a person's comment -->");
        let twice = write(&around, &content("new", Some("log")));
        assert!(twice.starts_with("above \u{1f980}\r\n\r\n<!-- release-actions:begin"));
        assert!(twice.ends_with("<!-- release-actions:end -->\n\r\nbelow  \n\n<!-- a person's comment -->"));
        assert!(twice.contains("new") && !twice.contains("old"));
    }

    #[test]
    fn a_block_that_a_person_changed_is_moved_below_unchanged_and_once() {
        let once = write("", &content("table", Some("* a change")));
        let changed = once.replace("* a change", "* a change, and my remark");
        let healed = write(&changed, &content("full table", Some("* a change")));
        assert!(Body::read(&healed).span().unwrap().is_intact());
        assert_eq!(healed.matches("* a change").count(), 1, "{healed}");
        let below = healed.split(END).nth(1).unwrap();
        assert!(below.contains("table\n\n<!-- release-actions:changelog -->\n* a change, and my remark\n"), "{healed}");
        assert_eq!(write(&healed, &content("full table", Some("* a change"))), healed);
        assert!(Body::read(&healed).has_changelog(&"a".repeat(40).parse().unwrap()));
    }

    #[test]
    fn one_marker_alone_cuts_nothing_and_a_new_block_goes_on_top() {
        let content_now = content("new", None);
        let whole = write("", &content("old", None));
        let no_end = whole.replace(END, "");
        let no_begin = whole.lines().skip(1).collect::<Vec<_>>().join("\n");
        let two = format!("{whole}{whole}");
        for text in [no_end, no_begin, two] {
            let once = write(&text, &content_now);
            assert!(once.starts_with(BEGIN) && once.ends_with(&text), "{once}");
            assert_eq!(write(&once, &content_now), once, "the second run adds nothing");
            let later = write(&once, &content("newer", None));
            assert!(later.contains("newer") && later.ends_with(&text) && !later.contains("new\n"), "{later}");
        }
    }

    #[test]
    fn a_marker_inside_a_code_block_is_a_quotation() {
        for quotation in [
            format!("```html\n{END}\n```\n"),
            format!("~~~\n{END}\n~~~\n"),
            format!("   ````\n```\n{END}\n````\n"),
            format!("```\n``` no end\n{END}\n```\n"),
            format!("~~~ a`b\n{END}\n~~~\n"),
            format!("- item\n  ```\n  {END}\n  ```\n"),
            format!("text\n\n    {END}\n"),
        ] {
            assert!(!Body::read(&quotation).bears_our_block(), "{quotation}");
            let body = write(&quotation, &content("table", None));
            assert!(Body::read(&body).span().unwrap().is_intact(), "{body}");
            assert!(body.ends_with(&quotation));
        }
    }

    #[test]
    fn what_opens_no_code_block_hides_no_marker() {
        let block = write("", &content("table", None));
        for text in ["``` a`b\n\n", "- item\n  ```\n  ends with its item\n\n", "> ```\n\n", "```\n`````\n", "``\n"] {
            assert!(Body::read(&format!("{text}{block}")).span().unwrap().is_intact(), "{text}");
        }
    }

    #[test]
    fn a_fence_that_a_changelog_leaves_open_ends_with_it() {
        for ticks in ["```", "~~~~~"] {
            let content = content("head", Some(&format!("* log\n\n{ticks}rust\nfn main")));
            let once = write("", &content);
            assert!(Body::read(&once).span().unwrap().is_intact(), "{once}");
            assert_eq!(write(&once, &content), once);
            assert_eq!(once.matches(ticks).count(), 2, "{once}");
        }
        let ticks = "`".repeat(500);
        let long = format!("{}{ticks}\n{}", "* line\n".repeat(9_000), "code\n".repeat(30_000));
        let once = write("", &content("head", Some(&long)));
        assert!(once.chars().count() <= BODY_LIMIT && Body::read(&once).span().unwrap().is_intact());
        assert!(once.contains(&format!("\ncode\n{ticks}\n\n[The changelog is longer")));
        assert_eq!(write(&once, &content("head", Some(&long))), once);
    }

    #[test]
    fn a_changed_block_without_a_changelog_gets_one_later() {
        let (log, old) = (Some("* a change"), "a".repeat(40).parse().unwrap());
        let changed = write("", &content("table", None)).replace("table", "my table");
        assert!(!Body::read(&changed).has_changelog(&old));
        let healed = write(&changed, &content("full table", log));
        assert_eq!(Body::read(&healed).changelog(), log, "{healed}");
        assert!(healed.ends_with("my table\n"), "{healed}");
    }

    #[test]
    fn a_changelog_that_was_moved_out_is_made_anew_for_another_commit() {
        let (log, other) = (Some("* a change"), "b".repeat(40).parse::<CommitSha>().unwrap());
        let mut elsewhere = content("new table", Some("* another change"));
        elsewhere.line.commit = other.clone();
        let changed = write("", &content("table", log)).replace("* a change", "* a change, and my remark");
        let healed = write(&changed, &content("full table", log));
        for text in [changed, healed] {
            assert!(!Body::read(&text).has_changelog(&other));
            let anew = write(&text, &elsewhere);
            assert_eq!(Body::read(&anew).changelog(), Some("* another change"), "{anew}");
            assert_eq!(anew.matches("and my remark").count(), 1);
        }
    }

    #[test]
    fn a_body_that_just_fits_is_not_cut_by_the_next_run() {
        let room = BODY_LIMIT - write("", &content("head", Some("x"))).chars().count() - "\nhi".len();
        for length in room - 2..room + 3 {
            let once =
                write("hi", &content("head", Some(&format!("* first\n{}", "x".repeat(length - "* first".len())))));
            assert!(once.chars().count() <= BODY_LIMIT && once.ends_with("hi"));
            let kept = Body::read(&once).changelog();
            assert_eq!(write(&once, &content("head", kept)), once, "{length}");
        }
    }

    #[test]
    fn a_long_changelog_is_cut_at_a_line_end_with_a_link_and_the_head_never() {
        let changelog = "* one more change \u{1f980}\n".repeat(10_000);
        let head = "| table |\n".repeat(100);
        let text = format!("foreign {}", "x".repeat(500));
        let once = write(&text, &content(&head, Some(&changelog)));
        assert!(once.chars().count() <= BODY_LIMIT && once.chars().count() > BODY_LIMIT - 300);
        assert!(once.contains(head.trim_end()) && once.ends_with(&text));
        assert!(once.contains("change \u{1f980}\n\n[The changelog is longer"));
        assert_eq!(write(&once, &content(&head, Some(&changelog))), once);
    }
}
