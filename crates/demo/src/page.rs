//! A release as one HTML file that looks like GitHub's page of it. The Markdown is rendered by `pulldown-cmark`; what
//! GitHub does beyond that is done here: alerts with a title, line ends that stay, short links.

use pulldown_cmark::{BlockQuoteKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream, html};
use serde_json::Value;

const TEMPLATE: &str = include_str!("page.html");
const ALERT: &str =
    r#"<svg viewBox="0 0 16 16"><path d="M8 1.8 15 14H1Z"/><path d="M8 6.2v3.4"/><path d="M8 11.8v.1"/></svg>"#;

/// The page of a release as the API gives it.
pub(crate) fn html(release: &Value) -> String {
    let text = |field: &str| release[field].as_str().unwrap_or_default();
    let url = text("html_url").split("/releases/").next().unwrap_or_default();
    let repository: Vec<&str> = url.rsplitn(3, '/').collect();
    let badge = if release["prerelease"] == true {
        r#"<span class="badge pre">Pre-release</span>"#
    } else {
        r#"<span class="badge final">Release</span>"#
    };
    let assets = assets(release);
    [
        ("{title}", escaped(text("name"))),
        ("{repository}", escaped(&format!("{}/{}", repository.get(1).unwrap_or(&""), repository[0]))),
        ("{repository_url}", escaped(url)),
        ("{tag}", escaped(text("tag_name"))),
        ("{badge}", badge.to_owned()),
        ("{author}", escaped(release["author"]["login"].as_str().unwrap_or_default())),
        ("{date}", escaped(text("published_at").split('T').next().unwrap_or_default())),
        ("{commit}", escaped(text("target_commitish").get(..7).unwrap_or_default())),
        ("{count}", assets.len().to_string()),
        ("{assets}", assets.concat()),
        // Last: what it holds is not looked at again.
        ("{body}", body(text("body"), url)),
    ]
    .iter()
    .fold(TEMPLATE.to_owned(), |page, (place, value)| page.replace(place, value))
}

/// The files, and the two archives that every release has.
fn assets(release: &Value) -> Vec<String> {
    let files = release["assets"].as_array().into_iter().flatten();
    let files = files.map(|asset| {
        let text = |field: &str| escaped(asset[field].as_str().unwrap_or_default());
        let (url, name) = (text("browser_download_url"), text("name"));
        format!("<li><a href=\"{url}\">{name}</a><span>{} bytes</span></li>\n", asset["size"])
    });
    let archives = [("zipball_url", "Source code (zip)"), ("tarball_url", "Source code (tar.gz)")];
    let archives = archives.map(|(field, name)| {
        let url = escaped(release[field].as_str().unwrap_or_default());
        format!("<li><a href=\"{url}\">{name}</a></li>\n")
    });
    files.chain(archives).collect()
}

/// The text of the release.
fn body(markdown: &str, repository_url: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_GFM | Options::ENABLE_STRIKETHROUGH;
    let mut events = Vec::new();
    // Within code and links a URL is not made a link.
    let mut within = 0_u32;
    for event in TextMergeStream::new(Parser::new_ext(markdown, options)) {
        if let Event::Start(Tag::CodeBlock(_) | Tag::Link { .. }) = event {
            within += 1;
        } else if let Event::End(TagEnd::CodeBlock | TagEnd::Link) = event {
            within -= 1;
        }
        if let Event::Text(text) = &event
            && within == 0
        {
            events.push(Event::InlineHtml(linked(text, repository_url).into()));
        } else if event == Event::SoftBreak {
            events.push(Event::HardBreak);
        } else {
            let alert = if let Event::Start(Tag::BlockQuote(kind)) = event { kind } else { None };
            events.push(event);
            events.extend(
                alert.map(|kind| Event::Html(format!("<p class=\"alert-title\">{ALERT}{}</p>", title(kind)).into())),
            );
        }
    }
    let mut text = String::new();
    html::push_html(&mut text, events.into_iter());
    text
}

fn title(kind: BlockQuoteKind) -> &'static str {
    match kind {
        BlockQuoteKind::Note => "Note",
        BlockQuoteKind::Tip => "Tip",
        BlockQuoteKind::Important => "Important",
        BlockQuoteKind::Warning => "Warning",
        BlockQuoteKind::Caution => "Caution",
    }
}

/// Text with its URLs as links: pull requests of this repository as `#1`, comparisons as `a...b` (docs.github.com,
/// "Autolinked references and URLs").
fn linked(text: &str, repository_url: &str) -> String {
    let words = text.split(' ').map(|word| {
        if !word.starts_with("http://") && !word.starts_with("https://") {
            return escaped(word);
        }
        let path = word.strip_prefix(repository_url).unwrap_or_default();
        let label = match (path.strip_prefix("/pull/"), path.strip_prefix("/compare/")) {
            (Some(number), _) => format!("#{}", escaped(number)),
            (_, Some(range)) => format!("<code>{}</code>", escaped(range)),
            (None, None) => escaped(word),
        };
        format!("<a href=\"{}\">{label}</a>", escaped(word))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_becomes_an_alert_with_a_title() {
        let page = body("> [!WARNING]\n> **partial**\n", "https://github.com/octo/shop");
        assert!(page.contains("<blockquote class=\"markdown-alert-warning\">"), "{page}");
        assert!(page.contains("</svg>Warning</p>") && page.contains("<strong>partial</strong>"), "{page}");
    }

    #[test]
    fn urls_become_short_links_but_not_in_code() {
        let page =
            body("a<b in https://github.com/octo/shop/pull/7\n\n`https://github.com`", "https://github.com/octo/shop");
        assert!(page.contains("a&lt;b in <a href=\"https://github.com/octo/shop/pull/7\">#7</a>"), "{page}");
        assert!(page.contains("<code>https://github.com</code>"), "{page}");
    }
}
