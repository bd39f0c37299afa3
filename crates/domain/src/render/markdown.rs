//! How text that is not ours is made harmless before it stands in Markdown, and where in a text the Markdown is not.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

/// The code blocks of a text (`CommonMark` 0.31, sections 4.4 and 4.5): what stands in them is a quotation.
pub(crate) struct CodeBlocks(Vec<Range<usize>>);

impl CodeBlocks {
    /// Finds them.
    pub(crate) fn of(text: &str) -> Self {
        let events = Parser::new(text).into_offset_iter();
        Self(
            events
                .filter_map(|(event, range)| matches!(event, Event::Start(Tag::CodeBlock(_))).then_some(range))
                .collect(),
        )
    }

    /// Whether the byte at `offset` stands in one.
    pub(crate) fn hold(&self, offset: usize) -> bool {
        let next = self.0.partition_point(|block| block.end <= offset);
        self.0.get(next).is_some_and(|block| block.start <= offset)
    }
}

/// `text` without white space at its end, and with the code fence or HTML block ended that it leaves open: what follows
/// would be a part of it.
pub(crate) fn closed(text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    loop {
        let after = text.len() + "\n\n".len();
        let probe = format!("{text}\n\nprobe");
        let open = Parser::new(&probe).into_offset_iter().find(|(event, range)| {
            range.contains(&after)
                && matches!(event, Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_)) | Tag::HtmlBlock))
        });
        match open {
            None => return text,
            Some((Event::Start(Tag::HtmlBlock), range)) => {
                let harmless = text[range.start..].replace('<', "&lt;");
                text.replace_range(range.start.., &harmless);
            }
            Some((_, range)) => {
                let fence = probe[range.start..].trim_start();
                let tick = fence.chars().next().unwrap_or('`');
                let fence: String = fence.chars().take_while(|c| *c == tick).collect();
                text.push('\n');
                text.push_str(&fence);
            }
        }
    }
}

/// Text of several lines: HTML comments are defused, so that no marker can be forged, and mentions ping nobody.
pub fn foreign(text: &str) -> String {
    let text = text.replace("<!--", "&lt;!--").replace("-->", "--&gt;");
    let mut defused = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        defused.push(c);
        let mention = c == '@' && !before.is_alphanumeric() && chars.peek().is_some_and(char::is_ascii_alphanumeric);
        if mention {
            // A zero-width space: the name stays readable and is no mention (GitHub looks for `@name`).
            defused.push('\u{200b}');
        }
        before = c;
    }
    defused
}

/// Text of one line, such as a table cell: nothing in it is Markdown, HTML, a mention or a line end.
pub fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => escaped.push(' '),
            c if c.is_control() => {}
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' | '!' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text as code of one line: a backtick inside becomes an apostrophe.
pub fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_forges_no_marker_and_pings_nobody() {
        let text = foreign("* fix <!-- release-actions:end --> by @octo, mail a@b.c (@org/team)");
        assert!(!text.contains("<!--") && !text.contains("-->") && !text.contains("@octo") && !text.contains("@org"));
        assert!(text.contains("a@b.c"), "an address is no mention: {text}");
    }

    #[test]
    fn one_line_of_foreign_text_breaks_no_table() {
        let text = inline("a|b\n![x](http://evil) <img> `c` @octo \u{1b}[31m");
        assert!(!text.contains('\n') && !text.contains('\u{1b}') && !text.contains("@octo") && !text.contains("<img"));
        assert!(text.contains("a\\|b"));
    }
    #[test]
    fn a_text_ends_the_fence_and_the_html_that_it_opened() {
        for (given, ended) in [
            ("a\n\n```\ncode\n\n", "a\n\n```\ncode\n```"),
            ("````md\n```\n", "````md\n```\n````"),
            ("   ~~~ a`b\n```\n~~", "   ~~~ a`b\n```\n~~\n~~~"),
            ("```\n``` no end", "```\n``` no end\n```"),
            ("<pre>\n\n```\n", "&lt;pre>\n\n```\n```"),
            ("x\n\n<!-- y", "x\n\n&lt;!-- y"),
        ] {
            assert_eq!(closed(given), ended);
            assert_eq!(closed(ended), ended);
        }
        for kept in ["```\ncode\n```", "    ```", "```a`b", "- item\n  ```\n  code", "> ```", "<div>", "<!-- x -->", ""]
        {
            assert_eq!(closed(kept), kept);
        }
    }
}
