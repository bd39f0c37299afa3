//! The benchmark's program, started by `registry.sh`: seeds the registry, runs curl, the probe, the action and the tools of
//! others in turn, each as a process, and prints what they took. `bench probe …` and `bench tokens …` are such processes.

mod action;
mod floor;
#[path = "../e2e/image.rs"]
mod image;
mod measure;
mod peers;
mod probe;
mod seed;
mod tokens;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use runner::Environment;
use sim::Delayed;

use crate::floor::Asked;
use crate::measure::{Cost, End, Rounds, measured};
use crate::peers::PEERS;

/// How many images are there.
const IMAGES: u32 = 1000;
/// How many of them are asked for.
const SIZES: [u32; 3] = [6, 100, IMAGES];
/// The most services that the action takes.
const MOST_SERVICES: u32 = 500;
/// How often each program of ours and curl runs; the programs take turns, and the median counts. Those of others run once.
const ROUNDS: usize = 5;
/// How often the start is measured.
const STARTS: usize = 30;
/// The tag's version that every image has, and one that none has.
const THERE: &str = "1.0.0";
const MISSING: &str = "9.9.9";
/// What a network adds to each round trip, where one is simulated.
const DELAY: Duration = Duration::from_millis(50);
/// How many images are asked for through that.
const DELAYED: u32 = 100;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["probe", host, goal, count, times] => {
            runtime.block_on(probe::run(host, Goal::named(goal)?, count.parse()?, times.parse()?))
        }
        ["tokens", folder] => runtime.block_on(tokens::serve(Path::new(folder), DELAY)),
        [] => runtime.block_on(bench(&Environment::capture())),
        _ => anyhow::bail!("run tests/bench/registry.sh"),
    }
}

/// What is wanted of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// Whether a tag that is missing has come.
    Poll,
    /// Whether a tag is there, and which digest it has.
    Existence,
    /// That all of it is there, of which commit.
    Proof,
}

impl Goal {
    const ALL: [Self; 3] = [Self::Poll, Self::Existence, Self::Proof];

    fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Existence => "existence",
            Self::Proof => "proof",
        }
    }

    fn named(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|goal| goal.name() == name).with_context(|| format!("no goal {name}"))
    }

    /// The version that is asked for.
    fn version(self) -> &'static str {
        if self == Self::Poll { MISSING } else { THERE }
    }
}

/// The addresses of the servers.
#[derive(Debug, Clone)]
struct Places {
    registry: String,
    tokens: String,
}

/// The repository of an image in the registry.
fn repository(service: &str) -> String {
    format!("bench/{service}")
}

fn services(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("service-{number:04}"))
}

async fn bench(environment: &Environment) -> anyhow::Result<()> {
    let variable = |name: &str| {
        environment.get(name).map(ToOwned::to_owned).with_context(|| format!("{name}: run tests/bench/registry.sh"))
    };
    let own = std::env::current_exe()?;
    let bench = Bench {
        places: Places { registry: variable("BENCH_REGISTRY")?, tokens: variable("BENCH_TOKENS")? },
        logged: variable("BENCH_LOGGED_REGISTRY")?,
        far: variable("BENCH_FAR_REGISTRY")?,
        access_log: variable("BENCH_ACCESS_LOG")?.into(),
        token_log: variable("BENCH_TOKEN_LOG")?.into(),
        search_path: variable("PATH")?,
        // Examples lie in a folder below the binaries.
        action: own.parent().and_then(Path::parent).context("no folder")?.join("wait-and-release"),
        own,
        folder: tempfile::tempdir()?,
        github: action::Github::serve().await?,
    };
    seed::push(&bench.places, IMAGES, &bench.github.commit).await?;
    for count in SIZES {
        heading(count)?;
        for goal in Goal::ALL {
            let floor = bench.ours(goal, count, false).await?;
            if goal != Goal::Proof {
                bench.peers(goal, count, floor).await?;
            }
        }
    }
    heading(MOST_SERVICES)?;
    for goal in [Goal::Poll, Goal::Proof] {
        bench.ours(goal, MOST_SERVICES, true).await?;
    }
    bench.round_trips().await?;
    let starts = action::starts(&bench.action, bench.folder.path(), &bench.search_path).await?;
    let (median, worst) = (starts.median(), starts.worst());
    writeln!(
        std::io::stdout(),
        "\nStart of `wait-and-release` to its first request, {STARTS} starts: median {median:.1} ms, worst {worst:.1} ms"
    )?;
    Ok(())
}

fn heading(count: u32) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n| {count} images | requests | per image | wall, median | best | to curl | processor | peak memory |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
    Ok(())
}

/// Prints a row about `count` images. `floor`: the median of curl.
fn row(name: &str, count: u32, asked: usize, rounds: &Rounds, floor: f64) -> anyhow::Result<()> {
    let (median, best, ratio) = (rounds.median(), rounds.best(), rounds.median() / floor);
    let each = f64::from(u32::try_from(asked)?) / f64::from(count);
    let mut out = std::io::stdout();
    write!(out, "| {name} | {asked} | {each:.2} | {median:.0} ms | {best:.0} ms | {ratio:.2} ")?;
    match rounds.processor_and_memory() {
        Some((processor, memory)) => writeln!(out, "| {processor:.0} ms | {memory:.1} MB |")?,
        None => writeln!(out, "| | |")?,
    }
    out.flush()?;
    Ok(())
}

/// A program: what it is called, its command, its environment.
type Program<'a> = (&'a str, Vec<String>, Vec<(String, String)>);

struct Bench {
    places: Places,
    /// The same store, by a registry that writes down what it is asked.
    logged: String,
    /// The same store, by a registry whose tokens come from behind a delaying proxy.
    far: String,
    access_log: PathBuf,
    token_log: PathBuf,
    search_path: String,
    own: PathBuf,
    action: PathBuf,
    folder: tempfile::TempDir,
    github: action::Github,
}

impl Bench {
    fn probe(&self, host: &str, goal: Goal, count: u32, times: usize) -> Vec<String> {
        let words =
            [&self.own.display().to_string(), "probe", host, goal.name(), &count.to_string(), &times.to_string()];
        words.map(ToOwned::to_owned).into()
    }

    async fn measured(&self, command: &[String], environment: &[(String, String)]) -> anyhow::Result<Cost> {
        measured(self.folder.path(), &self.search_path, command, environment, End::Well).await
    }

    /// Curl, the probe and, if so wished, the action; gives the median of curl.
    async fn ours(&self, goal: Goal, count: u32, with_action: bool) -> anyhow::Result<f64> {
        let asked = self.recorded(count, self.measured(&self.probe(&self.logged, goal, count, 1), &[])).await?;
        let curl = floor::curl(self.folder.path(), &self.places, &asked).await?;
        let mut programs = vec![
            ("`curl -Z`", curl, Vec::new()),
            ("the probe", self.probe(&self.places.registry, goal, count, 1), Vec::new()),
        ];
        if with_action {
            let step = vec![self.action.display().to_string()];
            let environment = self.github.environment(self.folder.path(), &self.logged, goal, count)?;
            let asked_by_action = self.recorded(count, self.measured(&step, &environment)).await?;
            let outputs = std::fs::read_to_string(self.folder.path().join("output"))?;
            let end = if goal == Goal::Poll { "pending" } else { "complete" };
            ensure!(outputs.contains(end), "the action did not end as {end}: {outputs}");
            ensure!(asked == asked_by_action, "the probe and the action do not ask the same questions");
            let environment = self.github.environment(self.folder.path(), &self.places.registry, goal, count)?;
            programs.push(("`wait-and-release`, dry run", step, environment));
        }
        let rounds = self.in_turn(&programs).await?;
        let floor = rounds[0].median();
        for ((program, ..), rounds) in programs.iter().zip(&rounds) {
            row(&format!("{}: {program}", goal.name()), count, asked.len(), rounds, floor)?;
        }
        if goal == Goal::Poll && !with_action {
            self.poll_again(count, &asked).await?;
        }
        Ok(floor)
    }

    /// A poll when the tokens are there: one request for each image.
    async fn poll_again(&self, count: u32, first: &[Asked]) -> anyhow::Result<()> {
        let again: Vec<Asked> =
            first.iter().filter(|asked| asked.is_let_in() && !asked.is_for_token()).cloned().collect();
        let both = self.recorded(count, self.measured(&self.probe(&self.logged, Goal::Poll, count, 2), &[])).await?;
        ensure!(both.len() == first.len() + again.len(), "a second poll costs {} requests", both.len() - first.len());
        let curl = floor::curl(self.folder.path(), &self.places, &again).await?;
        let (mut of_curl, mut of_probe) = (Rounds::default(), Rounds::default());
        for _ in 0..ROUNDS {
            of_curl.add(self.measured(&curl, &[]).await?);
            self.measured(&self.probe(&self.places.registry, Goal::Poll, count, 2), &[]).await?;
            let printed = std::fs::read_to_string(self.folder.path().join("printed"))?;
            let second: f64 = printed.lines().nth(1).context("no second poll")?.parse()?;
            of_probe.add_wall(Duration::from_secs_f64(second / 1000.0));
        }
        row("poll again: `curl -Z`", count, again.len(), &of_curl, of_curl.median())?;
        row("poll again: the probe, in its process", count, again.len(), &of_probe, of_curl.median())
    }

    /// The programs in turn, so that what else runs on the machine meets them all.
    async fn in_turn(&self, programs: &[Program<'_>]) -> anyhow::Result<Vec<Rounds>> {
        let mut rounds: Vec<Rounds> = programs.iter().map(|_| Rounds::default()).collect();
        for _ in 0..ROUNDS {
            for (rounds, (_, command, environment)) in rounds.iter_mut().zip(programs) {
                rounds.add(self.measured(command, environment).await?);
            }
        }
        Ok(rounds)
    }

    /// What others use, once each.
    async fn peers(&self, goal: Goal, count: u32, floor: f64) -> anyhow::Result<()> {
        // Asked for what is missing, they fail.
        let end = if goal == Goal::Poll { End::Any } else { End::Well };
        for peer in PEERS {
            let name = |how: &str| format!("{}: `{}`, {how}", goal.name(), peer.name);
            if !peer.is_installed(&self.search_path) {
                writeln!(std::io::stdout(), "| {} | | | not installed | | | | |", name("alone"))?;
                continue;
            }
            let folder = self.folder.path();
            let few = SIZES[0];
            let command = peer.command(folder, &self.logged, goal, few, 1)?;
            let asked = self.recorded(few, measured(folder, &self.search_path, &command, &[], end)).await?;
            for (how, at_a_time) in [("alone", 1), ("`xargs -P16`", 16)] {
                let command = peer.command(folder, &self.places.registry, goal, count, at_a_time)?;
                let mut rounds = Rounds::default();
                rounds.add(measured(folder, &self.search_path, &command, &[], end).await?);
                row(&name(how), count, asked.len() * usize::try_from(count)? / usize::try_from(few)?, &rounds, floor)?;
            }
        }
        Ok(())
    }

    /// The proof of a hundred images where each round trip takes longer.
    async fn round_trips(&self) -> anyhow::Result<()> {
        let far = Delayed::before(self.far.parse()?, DELAY).await?;
        let probe = |host: &str, goal| self.probe(host, goal, DELAYED, 1);
        let mut out = std::io::stdout();
        let delay = DELAY.as_millis();
        writeln!(out, "\n| {DELAYED} images | wall, median | with {delay} ms for each round trip | round trips |")?;
        writeln!(out, "|---|--:|--:|--:|")?;
        for goal in Goal::ALL {
            let programs = [
                ("near", probe(&self.places.registry, goal), Vec::new()),
                ("far", probe(&far.host(), goal), Vec::new()),
            ];
            let rounds = self.in_turn(&programs).await?;
            let (near, far) = (rounds[0].median(), rounds[1].median());
            let trips = (far - near) / DELAY.as_secs_f64() / 1000.0;
            writeln!(out, "| {}: the probe | {near:.0} ms | {far:.0} ms | {trips:.1} |", goal.name())?;
        }
        Ok(())
    }

    /// The requests that the logs hold of a run, in the order of the text.
    async fn recorded(
        &self,
        count: u32,
        run: impl Future<Output = anyhow::Result<Cost>>,
    ) -> anyhow::Result<Vec<Asked>> {
        let read = |log: &Path| std::fs::read_to_string(log).with_context(|| log.display().to_string());
        let before = [read(&self.access_log)?.len(), read(&self.token_log)?.len()];
        run.await?;
        let (access, tokens) = (read(&self.access_log)?, read(&self.token_log)?);
        let mut asked: Vec<Asked> = access[before[0]..].lines().filter_map(Asked::of_registry).collect();
        asked.extend(tokens[before[1]..].lines().filter_map(Asked::of_tokens));
        asked.sort();
        ensure!(asked.len() >= usize::try_from(count)?, "{} requests only were made", asked.len());
        Ok(asked)
    }
}
