//! The pipelines: the example repository, run by act as GitHub would run it (`tests/e2e/pipelines.sh`).
//!
//! `files` what no linter knows of them · `ghcr` the registry as ghcr.io · `shop` the repository, its GitHub, and what each
//! job's token may do · `act` the runner · `stories` what must come of it · `rights` what happens without one · `readme` the same
//! by following the README · `own_release` this repository's release of itself.

mod act;
mod files;
mod ghcr;
mod own_release;
mod readme;
mod rights;
mod shop;
mod stories;

/// Prints what a person who reads along wants to know.
#[expect(clippy::print_stdout, reason = "a test's own words, shown by --nocapture")]
fn tell(text: &str) {
    print!("{text}");
}
