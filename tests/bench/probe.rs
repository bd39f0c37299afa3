//! The probe alone, as one process: asks for every image, all at the same time, once or twice.

use std::io::Write as _;

use anyhow::ensure;
use domain::evidence::Sight;
use domain::image::ImageReference;
use registry::{Glance, Registry, Settings, Wanted};
use tokio::task::JoinSet;
use tokio::time::Instant;
use transport::{Core, CoreOptions};

use crate::{Goal, repository, services};

/// Asks `host` `times` times for `count` images, and checks what it sees. Prints how long each time took, in milliseconds.
pub(crate) async fn run(host: &str, goal: Goal, count: u32, times: usize) -> anyhow::Result<()> {
    let core = Core::reqwest(&CoreOptions { user_agent: "bench".to_owned(), ..CoreOptions::default() })?;
    let registry = Registry::new(core, Settings::default());
    for _ in 0..times {
        let begun = Instant::now();
        let mut questions = JoinSet::new();
        for service in services(count) {
            let image: ImageReference = format!("{host}/{}:{}", repository(&service), goal.version()).parse()?;
            let registry = registry.clone();
            questions.spawn(async move { asked(&registry, &image, goal).await });
        }
        let unexpected: Vec<String> = questions.join_all().await.into_iter().filter_map(Result::err).collect();
        ensure!(unexpected.is_empty(), "{} of {count} images are not as expected: {}", unexpected.len(), unexpected[0]);
        writeln!(std::io::stdout(), "{}", begun.elapsed().as_secs_f64() * 1000.0)?;
    }
    Ok(())
}

/// The error is what was seen instead.
async fn asked(registry: &Registry, image: &ImageReference, goal: Goal) -> Result<(), String> {
    let wanted = Wanted { platforms: Vec::new(), read_revision: true };
    if goal == Goal::Existence {
        let glance = registry.digest(image).await;
        return if matches!(glance, Glance::Digest(_)) { Ok(()) } else { Err(format!("{glance:?}")) };
    }
    match (goal, registry.look(image, &wanted).await) {
        (Goal::Poll, Sight::Absent) => Ok(()),
        (Goal::Proof, Sight::Image(facts)) if facts.claims.len() == 2 => Ok(()),
        (_, sight) => Err(format!("{image}: {sight:?}")),
    }
}
