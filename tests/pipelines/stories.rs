//! What must come of the example repository, whichever of its three forms the release has.

use std::time::Duration;

use serde_json::json;
use sim::Access;

use super::act::{Ended, Event};
use super::shop::{Shop, TAG, variable};
use crate::e2e::image::Image;
use crate::e2e::place::{Place, printed};
use crate::e2e::push;

/// The files that release a service each, by their names without `.yml`, with the service.
pub(super) const RELEASES: [(&str, &str); 6] = [
    ("release-api", "api"),
    ("release-web", "web"),
    ("release-indexing", "indexing-service"),
    ("release-cleaner", "cleaner-service"),
    ("release-metadata", "metadata-service"),
    ("release-thumbnail", "thumbnail-service"),
];
const NOTES: &str = "release-notes";
/// How long a service may show no sign of life, and a little.
const GRACE: Duration = Duration::from_secs(301);
/// A Dockerfile whose base image nobody has pushed yet.
const BASED: &str = "FROM ghcr.io/octo/REPOSITORY/base:1\nCOPY deploy/docker/thumbnail-service/status.txt /answer\n";

#[track_caller]
fn all_are(runs: &[Ended], success: bool) {
    for run in runs {
        run.is(success);
    }
}

impl Shop {
    /// Runs the builds as the push of the tag starts them, one after the other.
    async fn build(&self, files: &[(&str, &str)]) -> Vec<Ended> {
        let mut ended = Vec::new();
        for (file, _) in files {
            ended.push(self.act(file, &Event::pushed()).await);
        }
        ended
    }

    /// The state and the description of a service's newest signal.
    pub(super) async fn signal(&self, service: &str) -> (String, String) {
        let context = format!("release/{}/{service}", self.tag_name);
        let statuses = self.world.statuses(&self.commit().await);
        let newest = statuses.into_iter().rfind(|status| status.context == context);
        newest.map(|status| (status.state, status.description.unwrap_or_default())).unwrap_or_default()
    }

    /// The only release there is, as people see it: whether it is full, and its text.
    #[track_caller]
    fn page(&self) -> (bool, String) {
        let releases = self.world.releases();
        let [release] = &releases[..] else { panic!("{} releases", releases.len()) };
        assert!(!release.draft && release.tag_name == TAG, "{release:?}");
        (!release.prerelease, release.body.clone().unwrap_or_default())
    }

    /// The page is that of a full release of these services, each with the digest that its build signalled.
    pub(super) async fn is_full_of(&self, services: impl IntoIterator<Item = &str>) {
        let (full, body) = self.page();
        assert!(full, "{body}");
        let release = self.world.release(TAG).unwrap();
        let lock = String::from_utf8(release.asset("images.lock.json").unwrap().content.to_vec()).unwrap();
        for service in services {
            let (state, description) = self.signal(service).await;
            let digest = description.split(' ').next().unwrap_or_default();
            assert!(state == "success" && digest.starts_with("sha256:"), "{service}: {state} {description}");
            assert!(lock.contains(digest) && body.contains(digest), "{service} {digest}: {lock}\n{body}");
            assert!(body.contains(&format!("ghcr.io/{}/{service}:1.0.0", self.repository)), "{body}");
        }
    }
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn the_push_of_a_tag_makes_six_builds_and_one_full_release_which_waits_for_them() {
    let shop = Shop::open("c-full").await;
    shop.tag().await;
    let pushed = Event::pushed();
    let (notes, builds) = tokio::join!(shop.act(NOTES, &pushed), shop.build(&RELEASES));
    all_are(&builds, true);
    notes.is(true);
    shop.is_full_of(RELEASES.map(|(_, service)| service)).await;

    // What was released runs.
    let image = format!("{}/octo/c-full/web:1.0.0", variable("E2E_STORE"));
    printed("docker", &["pull", "--quiet", &image]).await;
    let run = ["--preserve-status", "2", "docker", "run", "--rm", "--network", "none", &image];
    assert_eq!(printed("timeout", &run).await, "serve: listening on port 8080");

    // The builds that ended wake it as well, and there is nothing left to do; nor is there for a person who starts both again
    // on main, which has gone on.
    let released = shop.world.releases();
    let again = shop.act(NOTES, &shop.run_ended("release-api", &builds[0], &shop.commit().await)).await;
    again.is(true).says("unchanged");
    shop.write("deploy/docker/api/answer.json", "of the next release\n");
    shop.git(&["commit", "--quiet", "--all", "--message", "Go on"]).await;
    let by_hand = Event::woken("workflow_dispatch", json!({ "inputs": { "tag": TAG } }));
    let signalled = shop.signal("api").await;
    shop.act("release-api", &by_hand).await.is(true).says("nothing is built");
    assert_eq!(shop.signal("api").await, signalled);
    shop.act(NOTES, &by_hand).await.is(true).says("unchanged");
    assert_eq!(shop.world.releases(), released);
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_broken_build_makes_a_partial_release_which_its_rerun_makes_full() {
    let shop = Shop::open("c-heals").await;
    shop.write("deploy/docker/thumbnail-service/Dockerfile", &BASED.replace("REPOSITORY", "c-heals"));
    shop.tag().await;
    let pushed = Event::pushed();
    let (notes, builds) = tokio::join!(shop.act(NOTES, &pushed), shop.build(&RELEASES));
    for ((file, _), build) in RELEASES.iter().zip(&builds) {
        assert_eq!(build.success, *file != "release-thumbnail", "{file}: {}", build.log);
    }
    notes.is(true);
    let (full, body) = shop.page();
    let cure = format!("gh run rerun {} --failed", builds[5].run);
    assert!(!full && body.contains("thumbnail-service") && body.contains(&cure), "{body}");
    let release = shop.world.release(TAG).unwrap();

    // The base image comes, and the one run is started again.
    let place = Place { host: variable("E2E_STORE"), account: None };
    let base = Image::new("base", &shop.commit().await, &["linux/amd64"]);
    push::by_oci_client(&place, "octo/c-heals/base", "1", &base).await;
    let redone = shop.attempt("release-thumbnail", &pushed, builds[5].run, 2).await;
    redone.is(true);
    shop.act(NOTES, &shop.run_ended("release-thumbnail", &redone, &shop.commit().await)).await.is(true);
    shop.is_full_of(RELEASES.map(|(_, service)| service)).await;
    assert_eq!(shop.world.release(TAG).unwrap().id, release.id);
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_service_that_never_starts_is_missing_from_a_partial_release() {
    let shop = Shop::open("c-absent").await;
    shop.tag().await;
    shop.never_starts("release-thumbnail").await;
    all_are(&shop.build(&RELEASES[..5]).await, true);
    let notes = shop.hurried(shop.act(NOTES, &Event::pushed())).await;
    notes.is(true);
    let (full, body) = shop.page();
    assert!(!full && body.contains("**thumbnail-service**: no image and no signal"), "{body}");
    // `gh` is told the server, as this one is not github.com.
    let server = shop.github.url().replace("http://", "");
    let cure = format!("gh workflow run release-thumbnail.yml -R {server}/octo/c-absent --ref {TAG} -f tag={TAG}");
    assert!(body.contains(&cure), "{body}");
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn runs_that_end_in_any_order_make_one_release() {
    let shop = Shop::open("a-order").await;
    variant(&shop, "workflow_run");
    shop.tag().await;
    let commit = shop.commit().await;
    let mut builds = shop.build(&RELEASES[..5]).await;
    // The sixth is queued for longer than a start's grace.
    shop.skip(GRACE);
    // Five events of six, none in the order of the builds, one of them twice.
    for number in [3, 0, 4, 3, 2, 1] {
        let (file, _) = RELEASES[number];
        shop.act(NOTES, &shop.run_ended(file, &builds[number], &commit)).await.is(true).says("pending");
        assert!(shop.world.releases().is_empty());
    }
    builds.extend(shop.build(&RELEASES[5..]).await);
    for number in [5, 2] {
        shop.act(NOTES, &shop.run_ended(RELEASES[number].0, &builds[number], &commit)).await.is(true);
        shop.is_full_of(RELEASES.map(|(_, service)| service)).await;
    }
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn dispatches_that_come_twice_or_not_at_all_make_one_release() {
    let shop = Shop::open("b-lost").await;
    variant(&shop, "repository_dispatch");
    for (file, _) in RELEASES {
        let path = format!(".github/workflows/{file}.yml");
        let text = shop.read(&path).unwrap();
        shop.write(&path, &format!("{text}    secrets:\n      dispatch-token: ${{{{ secrets.DISPATCH_TOKEN }}}}\n"));
    }
    shop.tag().await;
    shop.allow("e2e-dispatch", &[("contents".to_owned(), Access::Write)].into());
    for (number, (file, _)) in RELEASES.iter().enumerate() {
        shop.act(file, &Event::pushed()).await.is(true);
        let dispatches = shop.world.dispatches();
        assert_eq!((dispatches.len(), dispatches[number].event_type.as_str()), (number + 1, "image-built"));
        // The first one comes twice, the last one never.
        let times = [2, 1, 1, 1, 1, 0][number];
        for _ in 0..times {
            let payload = json!({ "action": "image-built", "client_payload": dispatches[number].client_payload });
            shop.skip(GRACE);
            shop.act(NOTES, &Event::woken("repository_dispatch", payload)).await.is(true).says("pending");
        }
    }
    assert!(shop.world.releases().is_empty());
    shop.act(NOTES, &Event::woken("schedule", json!({ "schedule": "17 * * * *" }))).await.is(true);
    shop.is_full_of(RELEASES.map(|(_, service)| service)).await;
}

/// Lets one of the variants take the place of `release-notes.yml`, as its first lines say.
pub(super) fn variant(shop: &Shop, name: &str) {
    let text = shop.read(&format!("variants/release-notes.{name}.yml")).unwrap();
    shop.write(".github/workflows/release-notes.yml", &text);
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_seventh_service_is_one_dockerfile_and_one_copied_file() {
    let shop = Shop::open("seventh").await;
    shop.write("deploy/docker/search/Dockerfile", "FROM scratch\nCOPY deploy/docker/search/Dockerfile /answer\n");
    let copied = shop.read(".github/workflows/release-api.yml").unwrap().replace("api", "search");
    // Three inputs more: it announces itself, is built for a foreign platform too, and each job reads a file of the commit.
    let with =
        "    with:\n      result: pending\n      platforms: linux/amd64,linux/arm64\n      ca-file: deploy/ca.pem\n";
    let certificates = variable("E2E_CERTIFICATES");
    shop.write("deploy/ca.pem", &std::fs::read_to_string(format!("{certificates}/ca.pem")).unwrap());
    shop.write(".github/workflows/release-search.yml", &copied.replace("    with:\n", with));
    shop.tag().await;
    let services = RELEASES.iter().copied().chain([("release-search", "search")]).collect::<Vec<_>>();
    all_are(&shop.build(&services).await, true);
    shop.act(NOTES, &Event::pushed()).await.is(true);
    shop.is_full_of(services.iter().map(|(_, service)| *service)).await;
    let statuses = shop.world.statuses(&shop.commit().await);
    let states = statuses.iter().filter(|status| status.context == format!("release/{TAG}/search"));
    assert_eq!(states.map(|status| status.state.as_str()).collect::<Vec<_>>(), ["pending", "success"]);
    assert!(shop.signal("search").await.1.ends_with(" linux/amd64,linux/arm64"), "{statuses:?}");
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_mistyped_word_for_the_reusable_workflow_builds_nothing_and_is_signalled() {
    let shop = Shop::open("mistyped").await;
    let path = ".github/workflows/release-api.yml";
    let with = "    with:\n      result: success\n      signal: state\n";
    shop.write(path, &shop.read(path).unwrap().replace("    with:\n", with));
    shop.tag().await;
    let mut ended = shop.act("release-api", &Event::pushed()).await;
    // act may lose what a step prints that ends within milliseconds.
    for _ in 0..3 {
        if ended.log.contains("`result` is success") {
            break;
        }
        ended.is(false).says("Failure - Main inputs");
        ended = shop.act("release-api", &Event::pushed()).await;
    }
    ended.is(false).says("`result` is success and may be `pending` or empty").says("`signal` is state and may be");
    assert!(!ended.log.contains("buildx build"), "{}", ended.log);
    assert_eq!(shop.signal("api").await.0, "failure");
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_check_builds_what_changed_and_pushes_nothing() {
    let shop = Shop::open("checks").await;
    shop.tag().await;
    let builds = async |event: &'static str, build: bool| {
        let checked = shop.act("ci-api", &Event::woken(event, json!({ "number": 1 }))).await;
        checked.is(true).says(&format!("set-output:: build={build}"));
        assert_eq!(checked.log.contains("Main image"), build, "{}", checked.log);
    };
    builds("push", true).await;
    builds("merge_group", true).await;
    // A pull request is checked as it would be merged: main, then its change.
    for (path, build) in
        [("README.md", false), ("deploy/docker/web/index.html", false), ("deploy/docker/api/answer.json", true)]
    {
        shop.write(path, "changed\n");
        shop.git(&["commit", "--quiet", "--all", "--message", path]).await;
        builds("pull_request", build).await;
    }
    assert_eq!(shop.world.writes(), 0);

    shop.write("deploy/docker/api/Dockerfile", "FROM scratch\nCOPY nothing /\n");
    shop.git(&["commit", "--quiet", "--all", "--message", "Break it"]).await;
    let broken = shop.act("ci-api", &Event::woken("pull_request", json!({ "number": 1 }))).await;
    broken.is(false).says("ci-api");
}
