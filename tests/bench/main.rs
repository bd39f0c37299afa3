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
const ROUNDS: usize = 9;
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

    writeln!(
        out,
        "| {IMAGES} images | requests | wall, median (best) | to curl | peak memory |\n|---|--:|--:|--:|--:|"
    )?;
    for (what, version, end) in [("Poll", MISSING, "pending"), ("Proof", THERE, "complete")] {
        let probe = |host: &str| vec![own.display().to_string(), "probe".into(), host.into(), version.into()];
        let asked = recorded(access_log, || measured(folder.path(), probe(logged), &[])).await?;
        let environment = github.environment(folder.path(), host, version)?;
        let command = vec![action.display().to_string()];
        let of_action = github.environment(folder.path(), logged, version)?;
        let asked_by_action = recorded(access_log, || measured(folder.path(), command.clone(), &of_action)).await?;
        let outputs = std::fs::read_to_string(folder.path().join("output"))?;
        ensure!(outputs.contains(end), "the action did not end as {end}: {outputs}");

        // A poll is compared with HEADs, whatever the probe sends; a proof with what it sends.
        let head = version == MISSING;
        let urls = curl_configuration(folder.path(), host, &asked, head)?;
        let urls_of_action = curl_configuration(folder.path(), host, &asked_by_action, head)?;
        let (mut curl, mut curl_of_action) = (Rounds::default(), Rounds::default());
        let (mut probes, mut actions) = (Rounds::default(), Rounds::default());
        for _ in 0..ROUNDS {
            curl.add(measured(folder.path(), curl_command(&urls, head), &[]).await?);
            probes.add(measured(folder.path(), probe(host), &[]).await?);
            curl_of_action.add(measured(folder.path(), curl_command(&urls_of_action, head), &[]).await?);
            actions.add(measured(folder.path(), command.clone(), &environment).await?);
        }
        let rows = [
            ("curl -Z", asked.len(), &curl, None),
            ("the probe, `Registry::look`", asked.len(), &probes, Some(&curl)),
            ("curl -Z", asked_by_action.len(), &curl_of_action, None),
            ("`wait-and-release`, dry run", asked_by_action.len(), &actions, Some(&curl_of_action)),
        ];
        for (program, requests, rounds, against) in rows {
            let ratio = against.map_or_else(String::new, |curl| format!("{:.2}", rounds.median() / curl.median()));
            writeln!(
                out,
                "| {what}: {program} | {requests} | {:.0} ms ({:.0}) | {ratio} | {:.1} MB |",
                rounds.median(),
                rounds.best(),
                rounds.peak_memory()
            )?;
        }
    }
    let starts = action::starts(&action, folder.path()).await?;
    writeln!(
        out,
        "\nStart to first request, {STARTS} starts: median {:.1} ms, worst {:.1} ms",
        starts.median(),
        starts.worst()
    )?;
    Ok(())
}

/// The requests that the registry's log holds of a run: method and path.
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
    let requests: Vec<_> = requests.filter(|(_, path)| path.starts_with("/v2/")).collect();
    ensure!(requests.len() >= IMAGES, "the registry was asked {} questions only", requests.len());
    Ok(requests)
}

/// What curl is to fetch. One file holds one method: `HEAD` for all, or as recorded.
fn curl_configuration(
    folder: &Path,
    host: &str,
    requests: &[(String, String)],
    head: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for method in ["GET", "HEAD"] {
        let of_method = requests.iter().filter(|(asked, _)| if head { method == "HEAD" } else { asked == method });
        let lines: Vec<String> =
            of_method.map(|(_, path)| format!("url = \"http://{host}{path}\"\noutput = \"/dev/null\"\n")).collect();
        if !lines.is_empty() {
            let file = folder.join(format!("{method}-{}.curl", lines.len()));
            std::fs::write(&file, lines.concat())?;
            files.push(file);
        }
    }
    Ok(files)
}

/// One curl for all files, 128 transfers at a time, without waiting for connections to be shared.
fn curl_command(files: &[PathBuf], head: bool) -> Vec<String> {
    let mut command: Vec<String> =
        ["curl", "--silent", "--parallel", "--parallel-immediate", "--parallel-max", "128"].map(String::from).into();
    for (index, file) in files.iter().enumerate() {
        if index > 0 {
            command.push("--next".into());
            command.push("--silent".into());
        }
        let is_head = head || file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("HEAD"));
        command.extend(is_head.then(|| "--head".into()));
        command.extend(["--header".into(), ACCEPT.into(), "--config".into(), file.display().to_string()]);
    }
    command
}
