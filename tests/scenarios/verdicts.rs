//! What the registry shows decides: whatever it answers, an image that is not proven is never announced, and the verdict
//! says why.

use serde_json::Value;
use sim::{Access, Answer, Carrier, Fault, ImageSpec};

use crate::stage::{Ended, MINUTE, SECOND, Stage, image_of, token};

/// A run that proves `api` at once, while something is odd about `web`.
async fn odd_web(odd: impl FnOnce(&mut Stage)) -> (Stage, Ended) {
    let mut stage = Stage::with("api web");
    stage.input("timeout", "8m");
    stage.build("api");
    odd(&mut stage);
    let ended = stage.run().await;
    (stage, ended)
}

#[tokio::test(start_paused = true)]
async fn no_odd_answer_makes_an_image_ready_and_each_is_named() {
    let status = Answer::status;
    let throttled = Answer::Throttled { retry_after: String::new() };
    for (answer, verdict, why) in [
        (Answer::Html200, "not-an-image", "text/html"),
        (Answer::Garbage, "not-an-image", "its content is"),
        (Answer::LyingDigest, "not-an-image", "its content is"),
        (status(404), "vanished", "does not have it"),
        (status(401), "denied", "401"),
        (status(403), "denied", "403"),
        (throttled, "unreachable", "429"),
        (status(500), "unreachable", "500"),
        (status(503), "unreachable", "503"),
        (Answer::Reset, "unreachable", "reset"),
        (Answer::Truncated, "unreachable", "broke"),
        (Answer::Hang, "unreachable", "no complete answer"),
        (Answer::Endless, "not-an-image", "larger than"),
        (status(204), "unreachable", "204"),
        (
            Answer::Status(302, vec![("Location".into(), "https://evil.example/".into())], String::new()),
            "unreachable",
            "evil.example",
        ),
    ] {
        let what = format!("{answer:?}");
        let (stage, ended) = odd_web(|stage| {
            stage.build("web");
            stage.world.fault(Fault::on("*", "ghcr.io", "/v2/octo/shop/web/").answer(answer));
        })
        .await;
        assert_eq!(ended.verdict("web"), verdict, "{what}: {}", ended.log);
        assert!(ended.reason("web").contains(why), "{what}: {}", ended.reason("web"));
        assert_eq!(ended.output("available"), "api", "{what}");
        if matches!(verdict, "denied" | "unreachable") {
            assert_eq!((ended.output("status"), ended.exit), ("failed", 1), "{what}");
            assert!(stage.is_unreleased(), "{what}: what is unknown is not announced as missing");
        } else {
            assert_eq!((ended.output("status"), ended.exit), ("partial", 0), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_never_answers_names_the_host_and_publishes_nothing() {
    let (stage, ended) = odd_web(|stage| {
        stage.push("web");
        stage.world.fault(Fault::on("*", "ghcr.io", "/v2/octo/shop/web/").answer(Answer::Hang));
    })
    .await;
    ended.is("failed", 1).says("::error title=web is missing from v1.0.0").says("ghcr.io");
    assert!(stage.is_unreleased() && ended.waited() >= MINUTE * 8);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_recovers_is_waited_for() {
    let answers = [
        Answer::status(503),
        Answer::Hang,
        Answer::Reset,
        Answer::Throttled { retry_after: "40".into() },
        Answer::Throttled { retry_after: "soon".into() },
        Answer::Html200,
    ];
    for answer in answers {
        let what = format!("{answer:?}");
        let stage = Stage::with("api");
        stage.build("api");
        stage.world.fault(Fault::on("*", "ghcr.io", "/").until(SECOND * 100).answer(answer));
        let ended = stage.run().await;
        assert_eq!(ended.exit, 0, "{what}: {}", ended.log);
        assert!((SECOND * 99..MINUTE * 4).contains(&ended.waited()), "{what}: {:?}", ended.waited());
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_of_another_commit_is_a_stale_tag() {
    for signalled in [true, false] {
        let (stage, ended) = odd_web(|stage| {
            let old = stage.world.commit("before");
            let digest = stage.world.push(&stage.reference("web"), &image_of(&old));
            if signalled {
                stage.green("web", &digest, 1);
            }
        })
        .await;
        ended.is("partial", 0);
        assert_eq!(ended.verdict("web"), "wrong-revision");
        assert!(stage.body().contains("of another commit"), "{}", stage.body());
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_inherited_from_a_base_image_says_nothing() {
    let (_, ended) = odd_web(|stage| {
        let image =
            ImageSpec::new().revision(Carrier::ConfigLabel, &"b".repeat(40)).source("https://github.com/base/image");
        let digest = stage.world.push(&stage.reference("web"), &image);
        stage.signal("web", "success", &digest, (101, 1));
    })
    .await;
    ended.is("complete", 0);
}

/// Runs a stage whose `web` has an image without a revision and no signal.
async fn without_revision(policy: &str) -> (Stage, Ended) {
    odd_web(|stage| {
        stage.input("revision", policy);
        stage.world.push(&stage.reference("web"), &ImageSpec::new());
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_revision_input_says_how_strictly_an_image_must_name_the_commit() {
    let (stage, ended) = without_revision("auto").await;
    ended.is("complete", 0);
    assert!(stage.body().contains("(commit not proven)"), "{}", stage.body());
    let (_, ended) = without_revision("require").await;
    assert_eq!(ended.is("partial", 0).verdict("web"), "wrong-revision");
    let (stage, ended) = without_revision("off").await;
    ended.is("complete", 0);
    assert!(!stage.body().contains("not proven"), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn every_wanted_platform_must_be_there() {
    let (_, ended) = odd_web(|stage| {
        let digest = stage.push("web");
        stage.signal("web", "success", &format!("{digest} linux/amd64,linux/s390x"), (101, 1));
    })
    .await;
    assert_eq!(ended.is("partial", 0).verdict("web"), "missing-platform");
    assert!(ended.reason("web").contains("linux/s390x"), "{}", ended.reason("web"));

    let (_, ended) = odd_web(|stage| {
        stage.input("platforms", "linux/amd64, linux/riscv64");
        stage.build("web");
    })
    .await;
    ended.is("failed", 1);
    assert_eq!(ended.verdict("api"), "missing-platform");
}

#[tokio::test(start_paused = true)]
async fn an_index_whose_child_is_gone_is_incomplete() {
    let (_, ended) = odd_web(|stage| {
        stage.build("web");
        let index: Value = serde_json::from_slice(&stage.world.manifest(&stage.reference("web")).unwrap()).unwrap();
        let child = index["manifests"][1]["digest"].as_str().unwrap();
        stage.world.delete_manifest("ghcr.io", "octo/shop/web", child);
    })
    .await;
    assert_eq!(ended.is("partial", 0).verdict("web"), "incomplete");
    assert!(ended.reason("web").contains("linux/arm64"), "{}", ended.reason("web"));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_shows_another_digest_than_was_signalled_is_not_the_image() {
    let (_, ended) = odd_web(|stage| {
        stage.push("web");
        stage.green("web", &format!("sha256:{}", "a".repeat(64)), 1);
    })
    .await;
    assert_eq!(ended.is("partial", 0).verdict("web"), "other-digest");
}

#[tokio::test(start_paused = true)]
async fn what_was_signalled_and_never_shows_up_has_vanished() {
    let (stage, ended) = odd_web(|stage| {
        stage.world.push("ghcr.io/octo/shop/web:0.9.0", &ImageSpec::new());
        stage.green("web", &format!("sha256:{}", "a".repeat(64)), 1);
    })
    .await;
    assert_eq!(ended.is("partial", 0).verdict("web"), "vanished");
    assert!((MINUTE * 2..MINUTE * 3).contains(&ended.waited()), "{:?}", ended.waited());
    assert!(stage.body().contains("its build reported success, but the registry does not have it"));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_shows_a_push_late_is_waited_for() {
    let (_, ended) = odd_web(|stage| {
        stage.world.registry_lag("ghcr.io", SECOND * 100);
        stage.build("web");
    })
    .await;
    assert!((SECOND * 99..SECOND * 110).contains(&ended.is("complete", 0).waited()), "{:?}", ended.waited());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_stands_under_the_other_name_is_pointed_out() {
    let (stage, ended) = odd_web(|stage| {
        stage.world.push("ghcr.io/octo/shop/web:v1.0.0", &stage.image());
    })
    .await;
    ended.is("partial", 0);
    assert!(ended.reason("web").contains("as ghcr.io/octo/shop/web:v1.0.0 only"), "{}", ended.reason("web"));
    assert!(
        stage.body().contains("ghcr.io/octo/shop/web:v1.0.0") && stage.body().contains("Correct the `image` template")
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_be_hidden_names_the_permission_beside_the_build() {
    let (stage, ended) = odd_web(|stage| {
        stage.world.token(token().packages(Access::None));
        stage.world.private_image("ghcr.io", "octo/shop/web", true);
    })
    .await;
    ended.is("partial", 0).says("packages: read");
    assert!(
        stage.body().contains("\"Manage Actions access\"") && stage.body().contains("gh workflow run"),
        "{}",
        stage.body()
    );
}

#[tokio::test(start_paused = true)]
async fn a_green_image_that_this_token_may_not_see_is_unknown_and_the_permission_is_named() {
    let (stage, ended) = odd_web(|stage| {
        stage.world.token(token().packages(Access::None));
        stage.build("web");
        stage.world.private_image("ghcr.io", "octo/shop/web", true);
    })
    .await;
    ended.is("failed", 1).says("packages: read");
    assert_eq!(ended.verdict("web"), "denied");
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn a_private_image_is_read_with_the_token() {
    let (_, ended) = odd_web(|stage| {
        stage.build("web");
        stage.world.private_image("ghcr.io", "octo/shop/web", true);
    })
    .await;
    ended.is("complete", 0);
}

#[tokio::test(start_paused = true)]
async fn a_package_that_was_never_published_is_missing_and_both_causes_are_named() {
    let (_, ended) = odd_web(|_| ()).await;
    ended.is("partial", 0);
    assert!(ended.reason("web").contains("never published, or hidden from this token"), "{}", ended.reason("web"));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_pushed_anew_right_before_publishing_is_verified_anew() {
    let stage = Stage::with("api");
    let first = stage.push("api");
    // The draft stands; then the tag is pushed again, by a rebuild of the same commit that signals nothing.
    stage.world.latency(SECOND);
    let rebuilt = stage.image().salt("again");
    let scene = stage.beside();
    let publish = async {
        scene.drafted().await;
        scene.world.push(&scene.reference("api"), &rebuilt)
    };
    let (ended, second) = tokio::join!(stage.run(), publish);
    ended.is("complete", 0);
    assert!(stage.body().contains(&second) && !stage.body().contains(&first), "{}", stage.body());
    let lock = stage.release().assets[0].content.clone();
    assert!(String::from_utf8_lossy(&lock).contains(&second));
}
