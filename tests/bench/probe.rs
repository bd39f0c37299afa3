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
            questions.spawn(async move { is_as_expected(&registry, &image, goal).await });
        }
        let expected = questions.join_all().await.into_iter().filter(|is_as_expected| *is_as_expected).count();
        ensure!(expected == usize::try_from(count)?, "{expected} of {count} images are as expected");
        writeln!(std::io::stdout(), "{}", begun.elapsed().as_secs_f64() * 1000.0)?;
    }
    Ok(())
}

async fn is_as_expected(registry: &Registry, image: &ImageReference, goal: Goal) -> bool {
    let wanted = Wanted { platforms: Vec::new(), read_revision: true };
    match goal {
        Goal::Poll => registry.look(image, &wanted).await == Sight::Absent,
        Goal::Existence => matches!(registry.digest(image).await, Glance::Digest(_)),
        Goal::Proof => matches!(registry.look(image, &wanted).await, Sight::Image(facts) if facts.claims.len() == 2),
    }
}
