//! The command line of `release-pipelines`.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use release_pipelines::Repository;
use release_pipelines::check::check;
use release_pipelines::report::{Format, render};

/// From one big release workflow to one for each service, and no drift afterwards.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    /// The checkout to work on
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    repo: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what does not fit: grants, names, tags, services, caches, files. Exit code 1 when something does not
    Check {
        /// How findings are written
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let repository = Repository::open(&arguments.repo)?;
    let mut out = std::io::stdout().lock();
    match &arguments.command {
        Command::Check { format } => {
            let findings = check(&repository)?;
            let color = out.is_terminal();
            out.write_all(render(&findings, &repository, *format, color).as_bytes())?;
            Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
