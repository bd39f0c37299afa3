//! The benchmark's program, started by `registry.sh`: seeds the registry, runs curl, the probe and the action in turn,
//! each as a process, and prints what they took. `bench probe …` is the probe's process.

mod action;
#[path = "../e2e/image.rs"]
mod image;
mod measure;
mod probe;
mod seed;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use runner::Environment;

use crate::measure::{Cost, Rounds, measured};

/// How many images.
const IMAGES: usize = 1000;
/// How often each program runs; the programs take turns, and the median counts.
const ROUNDS: usize = 7;
/// How often the start is measured.
const STARTS: usize = 30;
/// The tag's version that every image has, and one that none has.
const THERE: &str = "1.0.0";
const MISSING: &str = "9.9.9";
/// What the probe sends, so that the registry does the same work for curl.
const ACCEPT: &str = "Accept: application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["probe", host, version] => runtime.block_on(probe::run(host, version)),
        [] => runtime.block_on(bench(&Environment::capture())),
        _ => anyhow::bail!("run tests/bench/registry.sh"),
    }
}

/// The repository of an image in the registry.
fn repository(service: &str) -> String {
    format!("bench/{service}")
}

fn services() -> impl Iterator<Item = String> {
    (0..IMAGES).map(|number| format!("service-{number:04}"))
}

async fn bench(environment: &Environment) -> anyhow::Result<()> {
    let variable = |name: &str| environment.get(name).with_context(|| format!("{name}: run tests/bench/registry.sh"));
    let (host, logged) = (variable("BENCH_REGISTRY")?, variable("BENCH_LOGGED_REGISTRY")?);
    let access_log = Path::new(variable("BENCH_ACCESS_LOG")?);
    let own = std::env::current_exe()?;
    // Examples lie in a folder below the binaries.
    let action: PathBuf = own.parent().and_then(Path::parent).context("no folder")?.join("wait-and-release");
    let folder = tempfile::tempdir()?;
    let mut out = std::io::stdout();
    let github = action::Github::serve().await?;
    seed::push(host, &github.commit).await?;

    writeln!(out, "| {IMAGES} images | requests | wall, median | best | to curl | processor | peak memory |")?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|")?;
    for (what, version, end) in [("poll", MISSING, "pending"), ("proof", THERE, "complete")] {
        let probe = |host: &str| vec![own.display().to_string(), "probe".into(), host.into(), version.into()];
        let asked = recorded(access_log, || measured(folder.path(), probe(logged), &[])).await?;
        let environment = github.environment(folder.path(), logged, version)?;
        let step = vec![action.display().to_string()];
        let asked_by_action = recorded(access_log, || measured(folder.path(), step.clone(), &environment)).await?;
        let outputs = std::fs::read_to_string(folder.path().join("output"))?;
        ensure!(outputs.contains(end), "the action did not end as {end}: {outputs}");
        ensure!(asked == asked_by_action, "the probe and the action do not ask the same questions");

        // A poll is compared with HEADs, whatever the probe sends; a proof with what it sends.
        let curl = curl(folder.path(), host, &asked, version == MISSING)?;
        let environment = github.environment(folder.path(), host, version)?;
        let programs = [
            ("`curl -Z`", curl, [].as_slice()),
            ("the probe, `Registry::look`", probe(host), &[]),
            ("`wait-and-release`, dry run", step, &environment),
        ];
        let mut rounds = programs.each_ref().map(|_| Rounds::default());
        for _ in 0..ROUNDS {
            for (rounds, (_, command, environment)) in rounds.iter_mut().zip(&programs) {
                rounds.add(measured(folder.path(), command.clone(), environment).await?);
            }
        }
        let curl = rounds[0].median();
        for ((program, ..), rounds) in programs.iter().zip(&rounds) {
            let (requests, median, best) = (asked.len(), rounds.median(), rounds.best());
            let (ratio, processor, memory) = (median / curl, rounds.processor(), rounds.peak_memory());
            write!(out, "| {what}: {program} | {requests} | {median:.0} ms | {best:.0} ms | {ratio:.2} ")?;
            writeln!(out, "| {processor:.0} ms | {memory:.1} MB |")?;
        }
    }
    let starts = action::starts(&action, folder.path()).await?;
    let (median, worst) = (starts.median(), starts.worst());
    writeln!(out, "\nStart to first request, {STARTS} starts: median {median:.1} ms, worst {worst:.1} ms")?;
    Ok(())
}

/// The requests that the registry's log holds of a run: method and path, in the order of the text.
async fn recorded<F: Future<Output = anyhow::Result<Cost>>>(
    log: &Path,
    run: impl FnOnce() -> F,
) -> anyhow::Result<Vec<(String, String)>> {
    let before = std::fs::read_to_string(log)?.len();
    run().await?;
    let text = std::fs::read_to_string(log)?;
    let quoted = text[before..].lines().filter_map(|line| line.split('"').nth(1));
    let requests = quoted.filter_map(|request| {
        let mut words = request.split(' ');
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    let mut requests: Vec<_> = requests.collect();
    requests.sort();
    ensure!(requests.len() >= IMAGES, "the registry was asked {} questions only", requests.len());
    Ok(requests)
}

/// One curl that sends these requests, 128 at a time, without waiting whether connections can be shared. `head`: all of
/// them as HEAD, else as they were recorded.
fn curl(folder: &Path, host: &str, requests: &[(String, String)], head: bool) -> anyhow::Result<Vec<String>> {
    let options = ["--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", "128"];
    let mut command: Vec<String> = ["curl"].into_iter().chain(options).map(String::from).collect();
    for method in ["GET", "HEAD"] {
        let as_method = requests.iter().filter(|(asked, _)| if head { method == "HEAD" } else { asked == method });
        let lines: Vec<String> =
            as_method.map(|(_, path)| format!("url = \"http://{host}{path}\"\noutput = \"/dev/null\"\n")).collect();
        if lines.is_empty() {
            continue;
        }
        let file = folder.join(format!("{method}.curl"));
        std::fs::write(&file, lines.concat())?;
        if command.iter().any(|argument| argument == "--config") {
            command.push("--next".into());
        }
        command.extend((method == "HEAD").then(|| "--head".into()));
        command.extend(["--header".into(), ACCEPT.into(), "--config".into(), file.display().to_string()]);
    }
    Ok(command)
}
