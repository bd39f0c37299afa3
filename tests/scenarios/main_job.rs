//! The main job: six services build on their own, and one release comes out of it.

use crate::stage::{MINUTE, SERVICES, Stage};

#[tokio::test(start_paused = true)]
async fn six_services_one_fails_then_heals_and_a_third_run_writes_nothing() {
    let stage = Stage::with(&SERVICES.join(" "));
    for (number, service) in (1..).zip(&SERVICES[..5]) {
        stage.at(MINUTE * number, move |scene| scene.build(service));
    }
    stage.at(MINUTE * 3, |scene| scene.fail("thumbnail-service"));

    let partial = stage.run().await;
    partial.is("partial", 0);
    assert_eq!(partial.output("missing"), "thumbnail-service");
    let release = stage.release();
    assert!(release.prerelease && !release.draft && release.name.as_deref() == Some("v1.0.0 (partial: 5 of 6 images)"));
    assert!(stage.body().contains("gh run rerun 105 --failed -R octo/shop"), "{}", stage.body());

    stage.rebuild("thumbnail-service");
    let full = stage.run().await;
    assert_eq!(full.is("complete", 0).output("release-change"), "updated");
    let healed = stage.release();
    assert_eq!((healed.id, healed.name.as_deref()), (release.id, Some("v1.0.0")));
    assert!(!healed.prerelease && !stage.body().contains("WARNING"));
    assert_eq!(healed.assets.iter().map(|asset| asset.name.as_str()).collect::<Vec<_>>(), ["images.lock.json"]);
    assert_eq!(stage.world.releases().len(), 1);

    let writes = stage.writes();
    let again = stage.run().await;
    assert_eq!(again.is("complete", 0).output("release-change"), "unchanged");
    assert_eq!(stage.writes(), writes);
}
