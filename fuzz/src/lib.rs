//! What must hold for any bytes: one module for each thing that is read from outside, each with a `target`.
//!
//! `src/bin` hands the targets to libFuzzer. The test below hands them the committed corpus; `cargo test --workspace`
//! runs it too, because `tests` compiles this file as a module of its own.

pub mod challenge;
pub mod changelog;
pub mod event;
pub mod image_reference;
pub mod manifest;
mod offline;
pub mod release_body;
pub mod service_list;
pub mod signal;
pub mod token;

/// A text that may be printed: one line, no control characters, not as long as the input makes it.
fn assert_printable(text: &str) {
    assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
    assert!(text.chars().count() <= 2500, "{} characters: {text}", text.chars().count());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 9] = [
        ("challenge", challenge::target),
        ("changelog", changelog::target),
        ("event", event::target),
        ("image_reference", image_reference::target),
        ("manifest", manifest::target),
        ("release_body", release_body::target),
        ("service_list", service_list::target),
        ("signal", signal::target),
        ("token", token::target),
    ];

    fn entries(folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder);
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn stems(folder: &str) -> BTreeSet<String> {
        entries(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_target_has_a_program_and_a_corpus() {
        let names = TARGETS.map(|(name, _)| name.to_owned()).into();
        assert_eq!((stems("src/bin"), stems("corpus")), (BTreeSet::clone(&names), names));
    }

    #[test]
    fn the_committed_corpus_holds() {
        let mut failed = Vec::new();
        for (name, target) in TARGETS {
            let inputs = entries(&format!("corpus/{name}"));
            assert!(!inputs.is_empty(), "{name} has no input");
            let holds = |input: &PathBuf| {
                let data = std::fs::read(input).unwrap();
                std::panic::catch_unwind(|| target(&data)).is_ok()
            };
            failed.extend(inputs.into_iter().filter(|input| !holds(input)));
        }
        assert_eq!(failed, Vec::<PathBuf>::new());
    }
}
