//! The command line of `release-pipelines`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use domain::service::ServiceName;
use indicatif::ProgressDrawTarget;
use release_pipelines::check::{check, released};
use release_pipelines::doctor::{self, Question, View};
use release_pipelines::migrate::migrate;
use release_pipelines::report::{self, Format};
use release_pipelines::{NewService, Repository, Source, add};
use runner::Environment;
use transport::Core;

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
    /// Write a pipeline for each service, from the one workflow that builds them all, which is archived
    Migrate {
        #[command(flatten)]
        old: Old,
        #[command(flatten)]
        write: Write,
    },
    /// Show what `migrate` would change, as a unified diff; write nothing
    Diff {
        #[command(flatten)]
        old: Old,
    },
    /// Write the files of one more service, called and started like those that are there
    Add {
        /// Its name: lower-case letters and digits, joined by single `.`, `_` or `-`
        service: ServiceName,
        /// Its Dockerfile, seen from the root of the repository
        #[arg(long, value_name = "FILE")]
        dockerfile: String,
        /// Its build context, a folder; the root of the repository when not given
        #[arg(long, value_name = "FOLDER")]
        context: Option<String>,
        /// The stage to build
        #[arg(long, value_name = "STAGE")]
        target: Option<String>,
        /// Comma list of what to build, such as linux/amd64,linux/arm64
        #[arg(long, value_name = "LIST")]
        platforms: Option<String>,
        #[command(flatten)]
        write: Write,
    },
    /// List the services that tags release
    List,
    /// Tell what wait-and-release sees of a tag right now: each image's verdict, and what mends it. Reads `GH_TOKEN`
    Doctor {
        /// The repository on GitHub
        #[arg(value_name = "OWNER/REPO")]
        repository: String,
        /// The tag
        tag: String,
        /// Wait until a decision falls
        #[arg(long)]
        wait: bool,
        /// An input of wait-and-release, as release-notes.yml gives it: services, image, platforms …
        #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
        inputs: Vec<(String, String)>,
    },
    /// Find what does not fit: grants, names, tags, services, caches, files. Exit code 1 when something does not
    Check {
        /// How findings are written
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

#[derive(Debug, Args)]
struct Old {
    /// The workflow that builds all services
    #[arg(default_value = ".github/workflows/release.yml", value_name = "FILE")]
    workflow: String,
    /// Where release-actions is called from
    #[arg(long, value_name = "OWNER/REPO@VERSION", default_value = "org/release-actions@v1")]
    actions: Source,
}

#[derive(Debug, Args)]
struct Write {
    /// Write without asking
    #[arg(long)]
    yes: bool,
    /// Show the change and write nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Looks at a tag, on one thread.
fn diagnose(question: &Question) -> anyhow::Result<ExitCode> {
    let environment = doctor::environment(question, &Environment::capture()).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut view = View::on(ProgressDrawTarget::stderr());
    let see = &mut |decision: &_| view.see(decision);
    let diagnosis = runtime.block_on(wait_and_release::examine(&environment, Core::reqwest, see));
    view.close();
    let (text, fine) = doctor::tell(&diagnosis?);
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let repository = || Repository::open(&arguments.repo);
    match &arguments.command {
        Command::Migrate { old, write } => migrated(&repository()?, old, write),
        Command::Diff { old } => migrated(&repository()?, old, &Write { yes: false, dry_run: true }),
        Command::Add { service, dockerfile, context, target, platforms, write } => {
            let new = NewService {
                name: service.clone(),
                dockerfile: dockerfile.clone(),
                context: context.clone(),
                target: target.clone(),
                platforms: platforms.clone(),
            };
            propose(&add(&repository()?, &new)?, write)
        }
        Command::List => list(&repository()?),
        Command::Doctor { repository, tag, wait, inputs } => diagnose(&Question {
            repository: repository.clone(),
            tag: tag.clone(),
            wait: *wait,
            inputs: inputs.clone(),
        }),
        Command::Check { format } => {
            let repository = repository()?;
            let findings = check(&repository)?;
            let mut out = io::stdout().lock();
            let color = out.is_terminal();
            out.write_all(report::render(&findings, &repository, *format, color).as_bytes())?;
            Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn migrated(repository: &Repository, old: &Old, write: &Write) -> anyhow::Result<ExitCode> {
    let migration = migrate(repository, &old.workflow, &old.actions)?;
    let mut err = io::stderr().lock();
    let color = err.is_terminal();
    err.write_all(report::remarks(&migration.remarks, repository, &old.workflow, color).as_bytes())?;
    if let Some(changed) = migration.changed {
        return propose(&changed, write);
    }
    writeln!(err, "nothing was written: mend what is refused above, then run this again")?;
    Ok(ExitCode::FAILURE)
}

/// One line for each service; the columns are as wide as their widest text.
fn list(repository: &Repository) -> anyhow::Result<ExitCode> {
    let head = ["service", "dockerfile", "release", "branches", "image"].map(str::to_owned);
    let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let rows = released(repository)?.into_iter().map(|service| {
        let ci = service.ci.as_deref().map_or("none".into(), file);
        let image = service.image.unwrap_or_else(|| "default".into());
        [service.name, service.dockerfile, file(&service.workflow), ci, image]
    });
    let rows = [head].into_iter().chain(rows).collect::<Vec<_>>();
    let mut out = io::stdout().lock();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
            format!("{cell:width$}")
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a change, asks, and writes it.
fn propose(changed: &Repository, write: &Write) -> anyhow::Result<ExitCode> {
    io::stdout().lock().write_all(changed.diff()?.as_bytes())?;
    if write.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let files = changed.changed();
    let mut err = io::stderr().lock();
    if !write.yes {
        if !io::stdin().is_terminal() {
            writeln!(err, "nothing was written: `--yes` writes these {files} files, `--dry-run` only shows them")?;
            return Ok(ExitCode::FAILURE);
        }
        write!(err, "\nWrite these {files} files? [y/N] ")?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            writeln!(err, "nothing was written")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    changed.apply()?;
    writeln!(err, "{files} files were written")?;
    Ok(ExitCode::SUCCESS)
}
