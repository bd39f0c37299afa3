//! The probe alone, as one process: looks at every image once, all at the same time.

use anyhow::ensure;
use domain::evidence::Sight;
use domain::image::ImageReference;
use registry::{Registry, Settings, Wanted};
use tokio::task::JoinSet;
use transport::{Core, CoreOptions};

use crate::{IMAGES, MISSING, repository, services};

/// Looks at all images of `version`, and checks what it sees.
pub(crate) async fn run(host: &str, version: &str) -> anyhow::Result<()> {
    let core = Core::reqwest(&CoreOptions { user_agent: "bench".to_owned(), ..CoreOptions::default() })?;
    let registry = Registry::new(core, Settings::default());
    let mut looks = JoinSet::new();
    for service in services() {
        let image: ImageReference = format!("{host}/{}:{version}", repository(&service)).parse()?;
        let registry = registry.clone();
        let wanted = Wanted { platforms: Vec::new(), read_revision: true };
        looks.spawn(async move { registry.look(&image, &wanted).await });
    }
    let sights = looks.join_all().await;
    let expected = sights.iter().filter(|sight| match sight {
        Sight::Image(facts) => version != MISSING && facts.claims.len() == 2,
        Sight::Absent => version == MISSING,
        Sight::NotAnImage { .. } | Sight::Denied { .. } | Sight::Unreachable { .. } => false,
    });
    ensure!(expected.count() == IMAGES, "not as expected: {:?}", sights.last());
    Ok(())
}
