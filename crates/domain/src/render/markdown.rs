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

/// Text of several lines: HTML comments are defused, so that no marker can be forged; mentions ping nobody, and
/// references to another repository's issues leave no trace there. What reorders text is dropped.
///
/// GitHub looks for both in the rendered text: neither `\@name` nor `&#64;name` nor `&commat;name` is safe, a zero-width
/// space is (github/cmark-gfm issues 181 and 389, openjdk/skara pull request 1548).
pub fn foreign(text: &str) -> String {
    let plain = |c: &char| matches!(c, '\n' | '\r' | '\t') || !(c.is_control() || reorders(*c));
    let text: String = text.chars().filter(plain).collect();
    let text = text.replace("<!--", "&lt;!--").replace("-->", "--&gt;");
    let mut defused = String::with_capacity(text.len());
    // The last two characters, the last that was no letter or digit, and whether they stand in an address.
    let (mut before, mut earlier, mut opener, mut in_address) = (' ', ' ', ' ', false);
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let sign = sign(rest);
        let length = sign.map_or(c.len_utf8(), |(_, length)| length);
        defused.push_str(&rest[..length]);
        rest = &rest[length..];
        let defuse = match sign {
            // An address such as `a@b.c` is no mention; `&nbsp@b` is one in HTML.
            Some(('@', 1)) => !before.is_ascii_alphanumeric() || opener == '&',
            // `owner/repository#1`; not `#1`, not a heading, not the anchor of an address.
            Some(('#', 1)) => {
                let alone = before.is_whitespace() || "#&([{,;:".contains(before);
                !alone && !in_address && rest.starts_with(|next: char| next.is_ascii_digit() || next == '&')
            }
            Some(_) => true,
            None => false,
        };
        if defuse {
            defused.push('\u{200b}');
        }
        in_address = !c.is_whitespace() && (in_address || (earlier, before, c) == (':', '/', '/'));
        if !c.is_ascii_alphanumeric() {
            opener = c;
        }
        (earlier, before) = (before, c);
    }
    defused
}

/// The `@` or `#` that `text` starts with, as itself or as an entity, and its length in bytes. In HTML a numeric one needs
/// no `;` (HTML, 13.2.5.80 "Numeric character reference end state").
fn sign(text: &str) -> Option<(char, usize)> {
    if let Some(sign) = text.chars().next().filter(|c| "@#".contains(*c)) {
        return Some((sign, 1));
    }
    let entity = text.strip_prefix('&')?;
    let named = [("commat;", '@'), ("num;", '#')];
    if let Some((name, sign)) = named.iter().find(|(name, _)| entity.starts_with(name)) {
        return Some((*sign, 1 + name.len()));
    }
    let number = entity.strip_prefix('#')?;
    let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let sign = u32::from_str_radix(&digits[..end], radix).ok().and_then(char::from_u32)?;
    let end = text.len() - digits.len() + end;
    "@#".contains(sign).then(|| (sign, end + usize::from(text[end..].starts_with(';'))))
}

/// The controls that change the order in which the text after them is shown (Unicode, UAX 9).
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What takes no room on the page.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text of one line, such as a table cell: nothing in it is Markdown, HTML, a mention, a reference or a line end.
pub fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => escaped.push(' '),
            c if c.is_control() || is_invisible(c) || reorders(c) => {}
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("@\u{200b}"),
            '#' => escaped.push_str("\\#\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '!' => escaped.extend(['\\', c]),
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
        assert!(!foreign("<!\u{202e}-- <!\u{0}--").contains("<!--"), "what is dropped joins no marker");
    }

    #[test]
    fn no_spelling_of_a_mention_or_of_another_repository_s_issue_gets_through() {
        // What stands between the lines is a zero-width space.
        for (given, defused) in [
            ("\u{e9}@octo", "\u{e9}@|octo"),
            ("\\@octo", "\\@|octo"),
            ("_@octo", "_@|octo"),
            ("@\u{e9}", "@|\u{e9}"),
            ("&#64;octo", "&#64;|octo"),
            ("&#064octo", "&#064|octo"),
            ("&#x40;octo", "&#x40;|octo"),
            ("&#X00040octo", "&#X00040|octo"),
            ("&commat;octo", "&commat;|octo"),
            ("@&#111;cto", "@|&#111;cto"),
            ("<div>&nbsp@octo", "<div>&nbsp@|octo"),
            ("org/repo#1", "org/repo#|1"),
            ("org/repo.#1", "org/repo.#|1"),
            ("org/repo\\#1", "org/repo\\#|1"),
            ("org/repo&#35;1", "org/repo&#35;|1"),
            ("org/repo&num;1", "org/repo&num;|1"),
            ("org/repo#&#49;", "org/repo#|&#49;"),
        ] {
            assert_eq!(foreign(given), defused.replace('|', "\u{200b}"), "{given}");
        }
        for kept in [
            "a@b.c",
            "## Title",
            "fixes #1 (#2) [#3], GH-4",
            "https://github.com/octo/shop/pull/1#issuecomment-2",
            "https://x.example/page#1",
            "&#39;quoted&#39; &amp; &copy; &#99999999999;",
            "\u{1f468}\u{200d}\u{1f4bb} \u{5e9}\u{5dc}",
            "line\r\n\ttwo",
        ] {
            assert_eq!(foreign(kept), kept);
        }
        assert_eq!(foreign("a\u{202e}b\u{2066}c\u{1b}d"), "abcd");
    }

    #[test]
    fn one_line_of_foreign_text_breaks_no_table() {
        let text = inline("a|b\n![x](http://evil) <img> `c` @octo \u{1b}[31m \u{202e}x\u{200b}y org/repo#1 &#64;octo");
        assert!(!text.contains('\n') && !text.contains('\u{1b}') && !text.contains("@octo") && !text.contains("<img"));
        assert!(text.contains("a\\|b") && text.contains(" xy org/repo\\#\u{200b}1 &amp;\\#\u{200b}64;octo"), "{text}");
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
