//! Text of strangers, made fit for a log: URLs without secrets, bodies without control characters.

/// The URL without userinfo and without the values of its query, which may hold signatures and tokens.
pub fn redact(uri: &http::Uri) -> String {
    let mut text = String::new();
    if let Some(scheme) = uri.scheme_str() {
        text.push_str(scheme);
        text.push_str("://");
    }
    if let Some(authority) = uri.authority() {
        text.push_str(authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host));
    }
    text.push_str(uri.path());
    for (index, pair) in uri.query().into_iter().flat_map(|query| query.split('&')).enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((key, _)) => {
                text.push_str(key);
                text.push_str("=***");
            }
            None => text.push_str("***"),
        }
    }
    printable(&text, 300)
}

/// At most `max` characters of `text` on one line: terminal sequences, control characters and the invisible
/// characters that reorder text are dropped, and runs of white space become one space.
pub fn printable(text: &str, max: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    let mut gap = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            skip_sequence(&mut characters);
            continue;
        }
        if character.is_whitespace() {
            gap = true;
            continue;
        }
        if character.is_control() || is_invisible(character) {
            continue;
        }
        let needed = if gap && count > 0 { 2 } else { 1 };
        if count + needed > max {
            shown.push('…');
            return shown;
        }
        if needed == 2 {
            shown.push(' ');
        }
        shown.push(character);
        count += needed;
        gap = false;
    }
    shown
}

/// Drops what follows an escape: the rest of a CSI sequence up to its final byte (ECMA-48, 5.4), of an OSC string up to
/// its terminator, else one character.
fn skip_sequence(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match characters.next() {
        Some('[') => while characters.next().is_some_and(|next| !('\u{40}'..='\u{7e}').contains(&next)) {},
        Some(']') => while characters.next().is_some_and(|next| next != '\u{7}' && next != '\u{1b}' && next != '\n') {},
        _ => {}
    }
}

/// Bidirectional controls, zero-width characters, line separators, the byte order mark and tags.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
