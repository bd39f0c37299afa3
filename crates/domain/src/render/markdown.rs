//! How text that is not ours is made harmless before it stands in Markdown.

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
}
