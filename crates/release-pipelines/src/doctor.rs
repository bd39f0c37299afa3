//! What wait-and-release sees of a tag right now, told on a laptop: each image's verdict, and what mends it. It observes
//! and decides by the action's own code, and writes nothing.

use std::collections::BTreeMap;

use domain::decide::{Completeness, Decision, Judgement, Next, Standing};
use domain::render::log;
use domain::render::reason::cure;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use runner::Environment;
use wait_and_release::Diagnosis;

/// What to look at.
#[derive(Debug, Clone)]
pub struct Question {
    /// `owner/name`.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// Whether to wait until a decision falls, as a run that the push of the tag starts does.
    pub wait: bool,
    /// More inputs of wait-and-release, as release-notes.yml gives them.
    pub inputs: Vec<(String, String)>,
}

/// What a laptop hands to the action: the proxies and certificates that it uses, where docker keeps its logins, and where
/// GitHub is.
const PASSED: [&str; 12] = [
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "HOME",
    "PATH",
    "GITHUB_SERVER_URL",
];

/// The environment in which the action would see the same; `Err` says what is missing.
pub fn environment(question: &Question, laptop: &Environment) -> Result<Environment, String> {
    let Some(token) = laptop.get("GH_TOKEN").or_else(|| laptop.get("GITHUB_TOKEN")) else {
        return Err("no token: set GH_TOKEN, such as by `export GH_TOKEN=$(gh auth token)`".into());
    };
    let mut variables = BTreeMap::<String, String>::new();
    for name in PASSED {
        variables.extend(laptop.get(name).map(|value| (name.to_owned(), value.to_owned())));
    }
    let docker = laptop.get("DOCKER_CONFIG").map(str::to_owned);
    let docker = docker.or_else(|| laptop.get("HOME").map(|home| format!("{home}/.docker")));
    if let Some(folder) = docker.filter(|folder| std::path::Path::new(folder).join("config.json").is_file()) {
        // On a runner the file counts only below the workspace; here it is the person's own.
        variables.insert("GITHUB_WORKSPACE".into(), folder.clone());
        variables.insert("DOCKER_CONFIG".into(), folder);
    }
    let owner = question.repository.split('/').next().unwrap_or_default();
    let api = laptop.get("GITHUB_API_URL").unwrap_or("https://api.github.com");
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("GITHUB_REPOSITORY", &question.repository);
    set("GITHUB_ACTOR", owner);
    set("INPUT_TAG", &question.tag);
    set("INPUT_TOKEN", token);
    set("INPUT_API-URL", api);
    set("INPUT_WAIT", if question.wait { "true" } else { "false" });
    for (name, value) in &question.inputs {
        if ["tag", "token", "wait", "dry-run"].contains(&name.as_str()) {
            return Err(format!("`--input {name}=…`: doctor sets that one itself"));
        }
        set(&format!("INPUT_{}", name.to_uppercase()), value);
    }
    Ok(variables.into_iter().collect())
}

/// A line for each image on a terminal, kept up to date while the run waits. Elsewhere nothing is drawn.
#[derive(Debug)]
pub struct View {
    lines: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl View {
    /// Draws on `target`.
    pub fn on(target: ProgressDrawTarget) -> Self {
        Self { lines: MultiProgress::with_draw_target(target), bars: Vec::new() }
    }

    /// Shows a look.
    pub fn see(&mut self, decision: &Decision) {
        while self.bars.len() < decision.judgements.len() {
            let bar = self.lines.add(ProgressBar::new_spinner());
            bar.set_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            self.bars.push(bar);
        }
        for (bar, judgement) in self.bars.iter().zip(&decision.judgements) {
            let text = transport::printable(&log::image(judgement), 200);
            match judgement.standing {
                Standing::Pending => bar.set_message(text),
                Standing::Ready | Standing::Missing | Standing::Unknown => {
                    bar.set_style(ProgressStyle::default_spinner().tick_strings(&[mark(judgement), mark(judgement)]));
                    bar.set_message(text);
                }
            }
        }
    }

    /// Takes it off the terminal.
    pub fn close(&self) {
        self.bars.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn mark(judgement: &Judgement) -> &'static str {
    match judgement.standing {
        Standing::Pending => "…",
        Standing::Ready => "✔",
        Standing::Missing => "✘",
        Standing::Unknown => "?",
    }
}

/// The diagnosis in full, and whether every required image is there or may still come.
pub fn tell(diagnosis: &Diagnosis) -> (String, bool) {
    let Diagnosis { tag, commit, repository, decision, .. } = diagnosis;
    let mut lines = vec![format!("{tag} of {repository} at {}", commit.short())];
    for judgement in &decision.judgements {
        let text = transport::printable(&log::image(judgement), 1000);
        let optional = if judgement.required { "" } else { " (optional)" };
        lines.push(format!("{} {text}{optional}", mark(judgement)));
        if matches!(judgement.standing, Standing::Missing | Standing::Unknown) {
            let cure = cure(judgement, diagnosis.subject());
            let parts = [Some(cure.text), cure.command, cure.last_good].into_iter().flatten();
            lines.extend(
                parts.filter(|part| !part.is_empty()).map(|part| format!("    {}", transport::printable(&part, 1000))),
            );
        }
    }
    let (now, fine) = match decision.next {
        Next::Release(Completeness::Full) => ("publish the full release", true),
        Next::Release(Completeness::Partial) => ("publish a partial release", false),
        Next::Pending | Next::Wait { .. } | Next::AskOtherRuns => ("wait: a build may still end", true),
        Next::Withhold => ("make no release, as `on-missing` says", false),
        Next::NothingReady => ("make no release: not one image is ready", false),
        Next::Unknown => ("make no release: it cannot be told whether an image is there", false),
        Next::NoRequiredService => ("end with bad input: no service is required", false),
    };
    lines.push(format!("wait-and-release would now {now}"));
    (lines.join("\n") + "\n", fine)
}
