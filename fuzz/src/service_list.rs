//! The `services` input. Input: the list.

use domain::service::{ServiceEntry, parse_list};

/// A list that is accepted names each service once and reads back as itself, however it is separated; one that is
/// refused says why, in lines that may be printed.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let entries = match parse_list(&text) {
        Ok(entries) => entries,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in &problems {
                super::assert_printable(problem);
            }
            return;
        }
    };
    let names = entries.iter().map(|entry| &entry.name).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(names.len(), entries.len(), "a service stands twice");
    let words: Vec<String> = entries.iter().map(word).collect();
    for separator in [" ", ",", "\n", ",\r\n\t"] {
        assert_eq!(parse_list(&words.join(separator)).as_ref(), Ok(&entries), "{words:?}");
    }
    for word in &words {
        let twice = format!("{} {word}", words.join(" "));
        assert!(parse_list(&twice).is_err(), "accepted {twice}");
    }
}

fn word(entry: &ServiceEntry) -> String {
    let optional = if entry.optional { "?" } else { "" };
    let image = entry.image.as_ref().map(|image| format!("={image}")).unwrap_or_default();
    format!("{}{optional}{image}", entry.name)
}
