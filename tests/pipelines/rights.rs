//! Every permission that the workflows ask for is needed: without it the run fails, and says which one is missing.

use serde_json::json;
use sim::Access;

use super::act::{Ended, Event};
use super::shop::{Shop, TAG};
use super::tell;

impl Shop {
    /// Leaves one job less of one permission.
    fn leave(&self, token: &str, scope: &str, left: Access) {
        let mut permissions = self.permissions().remove(token).unwrap_or_else(|| panic!("{token} is no job's token"));
        let had = permissions.insert(scope.to_owned(), left);
        assert!(had.is_some_and(|had| had > left), "{token} has no {scope}");
        tell(&format!("-- {token} with {scope}: {left:?}\n"));
        self.allow(token, &permissions);
    }
}

/// Whether the run failed and names the permission.
#[track_caller]
fn names(ended: &Ended, permission: &str) {
    ended.is(false).says(permission);
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_build_without_one_of_its_permissions_fails_and_names_it() {
    let shop = Shop::open("rights-build").await;
    let web = ".github/workflows/release-web.yml";
    let announced = shop.read(web).unwrap().replace("    with:\n", "    with:\n      result: pending\n");
    shop.write(web, &announced);
    shop.tag().await;
    let granted = shop.permissions();
    for (token, scope, left, permission) in [
        ("e2e-api-build", "contents", Access::None, "contents: read"),
        ("e2e-api-build", "packages", Access::None, "packages: write"),
        ("e2e-api-build", "packages", Access::Read, "packages: write"),
        ("e2e-api-signal", "contents", Access::None, "contents: read"),
        ("e2e-api-signal", "packages", Access::None, "packages: read"),
        ("e2e-api-signal", "statuses", Access::None, "statuses: write"),
        ("e2e-api-signal", "statuses", Access::Read, "statuses: write"),
    ] {
        shop.grant();
        shop.leave(token, scope, left);
        names(&shop.act("release-api", &Event::pushed()).await, permission);
    }
    // No more is asked for than that: the list above is whole.
    let count = |token: &str| granted[token].len();
    assert_eq!((count("e2e-api-build"), count("e2e-api-signal")), (2, 3), "{granted:?}");
    shop.grant();
    shop.act("release-api", &Event::pushed()).await.is(true);

    // That of web announces itself.
    for (scope, left, permission) in [
        ("contents", Access::None, "contents: read"),
        ("statuses", Access::None, "statuses: write"),
        ("statuses", Access::Read, "statuses: write"),
    ] {
        shop.grant();
        shop.leave("e2e-web-announce", scope, left);
        names(&shop.act("release-web", &Event::pushed()).await, permission);
    }
    assert_eq!(granted["e2e-web-announce"].len(), 2, "{granted:?}");
    shop.grant();
    shop.act("release-web", &Event::pushed()).await.is(true);
}

/// Releases one service, in that form, without each right in turn and then with all.
async fn released(form: &'static str) {
    let shop = Shop::open("rights-release").await;
    for (file, _) in &super::stories::RELEASES[1..] {
        std::fs::remove_file(shop.path(&format!("repository/.github/workflows/{file}.yml"))).unwrap();
    }
    if form != "push" {
        super::stories::variant(&shop, form);
    }
    shop.tag().await;
    let built = shop.act("release-api", &Event::pushed()).await;
    built.is(true);
    let event = match form {
        "push" => Event::pushed(),
        "workflow_run" => shop.run_ended("release-api", &built, &shop.commit().await),
        _ => Event::woken(form, json!({ "action": "image-built", "client_payload": { "tag": TAG } })),
    };
    for (scope, left, permission) in [
        ("contents", Access::None, "contents: read"),
        ("contents", Access::Read, "contents: write"),
        ("packages", Access::None, "packages: read"),
        ("statuses", Access::None, "statuses: read"),
    ] {
        shop.grant();
        shop.leave("e2e-release-notes-release", scope, left);
        let ended = shop.hurried(shop.act("release-notes", &event)).await;
        if form != "push" && scope == "packages" {
            // A look cannot tell a hidden image from one that is not there yet: it is pending.
            ended.is(true).says(permission).says("status=pending");
        } else {
            names(&ended, permission);
        }
        assert!(shop.world.releases().is_empty());
    }
    assert_eq!(shop.permissions()["e2e-release-notes-release"].len(), 4);
    shop.grant();
    shop.act("release-notes", &event).await.is(true);
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_release_without_one_of_its_permissions_fails_and_names_it() {
    released("push").await;
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_release_that_a_run_wakes_without_one_of_its_permissions_fails_and_names_it() {
    released("workflow_run").await;
}

#[tokio::test]
#[ignore = "needs act and dockerd: run tests/e2e/pipelines.sh"]
async fn a_release_that_a_dispatch_wakes_without_one_of_its_permissions_fails_and_names_it() {
    released("repository_dispatch").await;
}
