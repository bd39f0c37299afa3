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

    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::test_runner::{Config, RngSeed, TestRunner};

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

    /// Shown as text that can be pasted into a byte string.
    #[derive(Clone)]
    struct Input(Vec<u8>);

    impl std::fmt::Debug for Input {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "b\"{}\"", self.0.escape_ascii())
        }
    }

    /// Inputs near those of a corpus: some of their bytes replaced by others, or by a piece of another input.
    fn near(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
        let cut = |from: Index, length: Index, input: &[u8]| {
            let from = from.index(input.len() + 1);
            from..(from + length.index(17)).min(input.len())
        };
        let piece = (select(corpus.clone()), any::<Index>(), any::<Index>());
        let piece = piece.prop_map(move |(input, from, length)| input[cut(from, length, &input)].to_vec());
        let new = prop_oneof![prop::collection::vec(any::<u8>(), 0..4), piece];
        let edits = prop::collection::vec((any::<Index>(), any::<Index>(), new), 0..6);
        (select(corpus), edits).prop_map(move |(mut input, edits)| {
            for (from, length, new) in edits {
                input.splice(cut(from, length, &input), new);
            }
            Input(input)
        })
    }

    /// Hands `cases` inputs near its corpus to each target.
    fn hold(cases: u32, rng_seed: RngSeed) {
        for (name, target) in TARGETS {
            let corpus = entries(&format!("corpus/{name}")).iter().map(|path| std::fs::read(path).unwrap()).collect();
            let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
            let ran = TestRunner::new(config).run(&near(corpus), |input| {
                target(&input.0);
                Ok(())
            });
            ran.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn inputs_near_the_corpus_hold() {
        hold(100, RngSeed::Fixed(1));
    }

    /// Others each time.
    #[test]
    #[ignore = "takes half a minute: run by .ci/run"]
    fn many_inputs_near_the_corpus_hold() {
        hold(1_500, RngSeed::Random);
    }
}
