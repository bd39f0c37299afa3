//! The process is killed while it writes, as by a runner that is lost; the next run leaves the world as if it had not been.

use std::time::Duration;

use sim::{Answer, Fault};
use tokio::task::JoinSet;

use super::place::Place;
use super::program::Step;
use super::shop::Shop;

/// The requests of the publishing phase that change something, in their order: method, path, and how many of the same
/// start come before.
const WRITES: [(&str, &str, u64); 4] = [
    ("POST", "/repos/octo/shop/releases", 0),
    ("POST", "/repos/octo/shop/releases/", 0),
    ("PATCH", "/repos/octo/shop/releases/assets/", 0),
    ("PATCH", "/repos/octo/shop/releases/", 1),
];

const SERVICES: [&str; 2] = ["api", "web"];

/// A shop whose two services say that they are built. All shops stand at the same commit and share their images.
async fn built() -> Shop {
    let shop = Shop::open("killed", Place::open()).await;
    for service in SERVICES {
        shop.scene.green(service, &shop.image(service).index.digest, 1);
    }
    shop
}

fn step(shop: &Shop) -> Step {
    let mut step = shop.step();
    // The changelog would name the address of the simulated GitHub, which differs from shop to shop.
    step.input("services", &SERVICES.join(" ")).input("changelog", "none");
    step
}

/// Kills a run while its request is held back, before or after it took effect, and runs again.
async fn killed((method, path, skip): (&str, &str, u64), answer: Answer) -> String {
    let shop = built().await;
    let world = &shop.scene.world;
    world.fault(Fault::on(method, "api.github.com", path).skip(skip).times(1).answer(answer));
    let held = async {
        let is_it = |method_sent: &str, sent: &str| method_sent == method && sent.starts_with(path);
        let count = || {
            let requests = world.requests();
            requests.iter().filter(|request| is_it(&request.method, &request.path_and_query)).count() as u64
        };
        while count() <= skip {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    step(&shop).run_until_killed(held).await;
    world.clear_faults();
    step(&shop).run().await.is("complete", 0);
    shop.scene.page()
}

#[tokio::test]
#[ignore = "needs docker-registry and skopeo: run tests/e2e/registry.sh"]
async fn a_process_that_is_killed_at_any_write_is_healed_by_the_next() {
    let clean = built().await;
    for service in SERVICES {
        clean.push(service, &clean.image(service)).await;
    }
    step(&clean).run().await.is("complete", 0);
    let release = clean.scene.release();
    assert!(!release.draft && release.asset("images.lock.json").is_some(), "{release:?}");
    let mut stories = JoinSet::new();
    for write in WRITES {
        for answer in [Answer::Hang, Answer::Late(Duration::from_secs(3600))] {
            stories.spawn(async move { (format!("{write:?}: {answer:?}"), killed(write, answer).await) });
        }
    }
    while let Some(story) = stories.join_next().await {
        let (what, page) = story.unwrap();
        assert_eq!(page, clean.scene.page(), "{what}");
    }
}
