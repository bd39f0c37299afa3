//! `cargo xtask`: how this repository releases itself. `dist` renders the tree of a release tag; `set-tags` sets the tags.
//!
//! `lock`: the images, by digest. `render`: what a file of the tree says (pure). `dist`: the chain of commits. `tags`: which tag
//! may move (pure). `set_tags`: sets them. `git`: the git program.

mod dist;
mod git;
mod lock;
mod render;
mod set_tags;
mod tags;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How this repository releases itself: see docs/releasing.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Render the release tree of the commit that the images were built from.
    ///
    /// DIR receives `repository.git`, a bare repository with the commits on its branch `release`; one folder for each
    /// commit, named by it, with the commit's files; and `chain`, which is also printed: a line for each commit, oldest
    /// first, `<owner>/<repo>@<commit> <folder>`. The last one is what a release tag names.
    Dist {
        /// The `images.lock.json` of the images: it names the repository, the source commit and the digests
        #[arg(long, value_name = "FILE")]
        images: PathBuf,
        /// A folder that does not exist yet, or is empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A clone that has the source commit
        #[arg(long, value_name = "DIR", default_value = ".")]
        source: PathBuf,
    },
    /// Make the tag of a version on what `dist` rendered, and move `v1.2` and `v1` forward to it.
    ///
    /// All tags are set, or none. A tag that is there never moves back, and the tag of a version never moves. To run it
    /// again is harmless.
    SetTags {
        /// The folder that `dist` filled
        #[arg(long, value_name = "DIR")]
        tree: PathBuf,
        /// The tag to make, such as v1.2.3
        #[arg(long, value_name = "TAG")]
        version: String,
        /// Where the tags are, as git push takes it. git finds the credentials
        #[arg(long, value_name = "URL")]
        remote: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(told) => {
            let written = std::io::stdout().write_all(told.as_bytes());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is printed when the task is done.
fn run(task: Task) -> anyhow::Result<String> {
    match task {
        Task::Dist { images, out, source } => dist::dist(&images, &out, &source),
        Task::SetTags { tree, version, remote } => set_tags::set_tags(&tree, &version, &remote),
    }
}
