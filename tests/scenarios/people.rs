//! What people wrote survives, a full release is never lessened, and a tag that moves is followed.

use sim::{Answer, Auth, Fault, RegistrySpec, Release};

use crate::stage::{MINUTE, SECOND, Scene, Stage, image_of};

fn built() -> Stage {
    let stage = Stage::with("api");
    stage.build("api");
    stage
}

/// A stage that stands at a published partial release without `web`.
async fn partial() -> Stage {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.at(SECOND, |scene| scene.fail("web"));
    stage.run().await.is("partial", 0);
    stage
}

fn edit(stage: &Stage, change: impl FnOnce(&mut Release)) {
    stage.world.edit_release(stage.release().id, change);
}

/// The tag moves to a new commit, whose image of `api` is built there.
fn move_tag(scene: &Scene) -> String {
    let commit = scene.world.commit("a hotfix");
    scene.world.move_tag(&scene.tag, &commit);
    let moved = Scene { commit, ..scene.clone() };
    moved.build("api");
    moved.commit
}

#[tokio::test(start_paused = true)]
async fn a_release_that_a_person_made_keeps_its_title_flag_and_text() {
    let stage = built();
    let id = stage.world.add_release("v1.0.0", |release| {
        release.name = Some("The big one".into());
        release.body = Some("Our words.\r\n\r\n<!-- mine -->\r\n".into());
        release.prerelease = true;
    });
    stage.run().await.is("complete", 0);
    let release = stage.release();
    assert_eq!((release.id, release.name.as_deref(), release.prerelease), (id, Some("The big one"), true));
    assert!(stage.body().ends_with("Our words.\r\n\r\n<!-- mine -->\r\n"), "{:?}", stage.body());
    assert!(release.asset("images.lock.json").is_some() && stage.body().contains("### Images"));
    assert_eq!(stage.run().await.output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn an_empty_title_is_filled_and_one_that_a_person_wrote_later_stays() {
    let stage = built();
    stage.world.add_release("v1.0.0", |_| ());
    stage.run().await.is("complete", 0);
    assert_eq!(stage.release().name.as_deref(), Some("v1.0.0"));

    let stage = partial().await;
    edit(&stage, |release| {
        release.name = Some("Named by hand".into());
    });
    stage.rebuild("web");
    stage.run().await.is("complete", 0);
    assert_eq!((stage.release().name.as_deref(), stage.release().prerelease), (Some("Named by hand"), false));
}

#[tokio::test(start_paused = true)]
async fn a_flag_that_a_person_set_stays() {
    let stage = built();
    stage.run().await.is("complete", 0);
    edit(&stage, |release| release.prerelease = true);
    stage.run().await.is("complete", 0);
    assert!(stage.release().prerelease);
}

#[tokio::test(start_paused = true)]
async fn text_around_our_block_survives_a_heal_byte_for_byte() {
    let stage = partial().await;
    edit(&stage, |release| {
        let block = release.body.take().unwrap().replace('\n', "\r\n");
        release.body = Some(format!("Above.\r\n\r\n{block}\r\nBelow  \n```\nopen fence, @someone"));
    });
    stage.rebuild("web");
    stage.run().await.is("complete", 0);
    let body = stage.body();
    assert!(
        body.starts_with("Above.\r\n\r\n<!-- ") && body.ends_with("\r\nBelow  \n```\nopen fence, @someone"),
        "{body:?}"
    );
    assert!(!body.contains("WARNING"));
    assert_eq!(stage.run().await.output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn a_block_that_a_person_changed_is_moved_below_unchanged_and_once() {
    let stage = partial().await;
    edit(&stage, |release| {
        release.body = release.body.take().map(|body| body.replace("### Images", "### Images\n\nMy remark."));
    });
    stage.rebuild("web");
    stage.run().await.is("complete", 0);
    let body = stage.body();
    assert_eq!(body.matches("My remark.").count(), 1, "{body}");
    assert!(body.find("release-actions:end").unwrap() < body.find("My remark.").unwrap(), "{body}");
    assert_eq!(stage.run().await.output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_a_person_made_gets_our_block_and_stays_a_draft() {
    let mut stage = built();
    let id = stage.world.add_release("v1.0.0", |release| {
        release.draft = true;
        release.body = Some("Not yet!".into());
    });
    for _ in 0..2 {
        stage.run().await.is("complete", 0).says("adopt-drafts: true");
        assert!(stage.release().draft && stage.body().contains("### Images") && stage.body().ends_with("Not yet!"));
    }
    stage.input("adopt-drafts", "true").run().await.is("complete", 0);
    assert_eq!((stage.release().id, stage.release().draft, stage.world.releases().len()), (id, false, 1));
    assert!(stage.body().ends_with("Not yet!"));
}

#[tokio::test(start_paused = true)]
async fn several_drafts_that_people_made_are_an_error_that_names_them() {
    let stage = built();
    for text in ["one", "two"] {
        stage.world.add_release("v1.0.0", |release| {
            release.draft = true;
            release.body = Some(text.into());
        });
    }
    let ended = stage.run().await;
    ended.is("failed", 1).says("several drafts");
    assert_eq!(ended.log.matches("/releases/tag/untagged-").count(), 2, "{}", ended.log);
    assert_eq!(stage.writes().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_release_of_the_same_commit_is_never_lessened() {
    for (what, spoil) in [
        ("gone", (|stage| stage.world.untag(&stage.reference("api"))) as fn(&Stage)),
        ("red", |stage| {
            stage.signal("api", "failure", "smoke test", (100, 2));
        }),
        ("overwritten", |stage| {
            let image = image_of(&"b".repeat(40));
            stage.world.push(&stage.reference("api"), &image);
        }),
    ] {
        for on_missing in ["partial", "draft", "none", "fail"] {
            let mut stage = Stage::with("api web");
            stage.build("api");
            stage.build("web");
            stage.run().await.is("complete", 0);
            let (before, writes) = (stage.world.releases(), stage.writes().len());
            spoil(&stage);
            let ended = stage.input("on-missing", on_missing).run().await;
            ended.is("failed", 1).says("stays as it is").says("::error title=api is missing from v1.0.0");
            assert_eq!(ended.output("release-id"), stage.release().id.to_string(), "{what} {on_missing}");
            assert_eq!(ended.output("release-url"), "https://github.com/octo/shop/releases/tag/v1.0.0");
            assert_eq!(ended.output("release-change"), "unchanged");
            assert_eq!((stage.world.releases(), stage.writes().len()), (before, writes), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_release_whose_only_image_is_lost_stays_and_that_is_said() {
    let stage = built();
    stage.run().await.is("complete", 0);
    let page = stage.page();
    stage.signal("api", "failure", "smoke test", (100, 2));
    stage.run().await.is("failed", 1).says("stays as it is");
    assert_eq!(stage.page(), page);
}

#[tokio::test(start_paused = true)]
async fn a_full_release_keeps_an_optional_image_that_is_lost_and_the_run_warns() {
    let mut stage = Stage::with("api docs?");
    stage.build("api");
    let digest = stage.push("docs");
    stage.signal("docs", "success", &digest, (150, 1));
    stage.run().await.is("complete", 0);
    let (page, writes) = (stage.page(), stage.writes().len());
    stage.signal("docs", "failure", "smoke test", (150, 2));
    let ended = stage.run().await;
    ended.is("complete", 0).says("::warning title=docs is missing now::").says("smoke test");
    assert_eq!((ended.output("release-change"), ended.output("available")), ("unchanged", "api"));
    assert_eq!((stage.page(), stage.writes().len()), (page.clone(), writes));
    stage.input("dry-run", "true").run().await.is("complete", 0).says("title=docs is missing now");
    // It comes back: nothing is to be done. It was never there: it is listed as left out.
    stage.signal("docs", "success", &digest, (150, 3));
    stage.input("dry-run", "false").run().await.is("complete", 0);
    assert_eq!(stage.page(), page);
    let without = Stage::with("api docs?");
    without.build("api");
    without.run().await.is("complete", 0);
    assert_eq!(without.run().await.is("complete", 0).output("release-change"), "unchanged");
}

#[tokio::test(start_paused = true)]
async fn a_published_partial_is_not_turned_back_into_a_draft() {
    let mut stage = partial().await;
    stage.input("on-missing", "draft").run().await.is("partial", 0);
    assert!(!stage.release().draft);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moved_since_the_release_makes_block_and_lock_anew() {
    let stage = built();
    stage.run().await.is("complete", 0);
    let (id, old) = (stage.release().id, stage.commit.clone());
    let commit = move_tag(&stage);
    stage.run().await.is("complete", 0);
    let release = stage.release();
    assert_eq!((release.id, &release.target_commitish), (id, &commit));
    let lock = String::from_utf8_lossy(&release.asset("images.lock.json").unwrap().content).into_owned();
    assert!(lock.contains(&commit) && !lock.contains(&old) && !stage.body().contains(&old), "{lock}");
    assert_eq!(release.assets.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_while_we_wait_is_followed() {
    let stage = Stage::with("api");
    stage.pending("api");
    stage.at(MINUTE * 5, |scene| {
        move_tag(scene);
    });
    let ended = stage.run().await;
    ended.is("complete", 0).says("the tag v1.0.0 moved");
    assert_ne!(stage.release().target_commitish, stage.commit);
}

#[tokio::test(start_paused = true)]
async fn images_that_are_named_by_their_commit_are_those_of_the_commit_that_the_tag_names_now() {
    let mut stage = Stage::with("api");
    let name = |commit: &str| format!("ghcr.io/octo/shop/api:sha-{commit}");
    stage.world.push(&name(&stage.commit), &image_of(&stage.commit));
    stage.input("image", "ghcr.io/{repository}/{service}:sha-{revision}").input("name", "{tag} at {revision}");
    let pushed = stage.world.commit("a hotfix");
    stage.at(MINUTE, move |scene| {
        scene.world.move_tag(&scene.tag, &pushed);
        scene.world.push(&name(&pushed), &image_of(&pushed));
    });
    stage.run().await.is("complete", 0);
    assert!(stage.body().contains(&name(&stage.commit)), "{}", stage.body());
    tokio::time::sleep(MINUTE * 3).await;
    stage.run().await.is("complete", 0);
    let now = stage.release().target_commitish;
    assert_ne!(now, stage.commit);
    assert!(stage.body().contains(&name(&now)) && !stage.body().contains(&stage.commit), "{}", stage.body());
    assert_eq!(stage.release().name, Some(format!("v1.0.0 at {now}")));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_right_before_publishing_is_followed() {
    let stage = built();
    stage.world.latency(SECOND);
    let moves = async {
        stage.drafted().await;
        move_tag(&stage)
    };
    let (ended, commit) = tokio::join!(stage.run(), moves);
    assert_eq!(ended.is("complete", 0).output("release-change"), "created");
    let release = stage.release();
    assert_eq!((&release.target_commitish, release.draft, stage.world.releases().len()), (&commit, false, 1));
    assert!(stage.body().contains(&commit) && !stage.body().contains(&stage.commit), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_deleted_while_we_wait_makes_no_release() {
    let stage = Stage::with("api");
    stage.pending("api");
    stage.at(MINUTE * 5, |scene| {
        scene.world.delete_tag("v1.0.0");
        scene.build("api");
    });
    stage.run().await.is("failed", 1).says("the tag v1.0.0 is gone");
    assert!(stage.is_unreleased());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_deleted_right_before_publishing_leaves_a_draft_at_most_and_no_new_tag() {
    let stage = built();
    stage.world.latency(SECOND);
    let deletes = async {
        stage.drafted().await;
        stage.world.delete_tag("v1.0.0")
    };
    let (ended, _) = tokio::join!(stage.run(), deletes);
    ended.is("failed", 1).says("the tag v1.0.0 is gone");
    assert!(stage.world.releases().iter().all(|release| release.draft));
    assert_eq!(ended.output("release-id"), stage.release().id.to_string());
    assert_eq!(ended.output("release-change"), "created");
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_turns_red_right_before_publishing_stops_it() {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.build("web");
    stage.world.latency(SECOND);
    let turns = async {
        stage.drafted().await;
        stage.signal("web", "failure", "smoke test", (101, 2));
    };
    let (ended, ()) = tokio::join!(stage.run(), turns);
    ended.is("partial", 0);
    assert!(stage.release().prerelease && stage.body().contains("smoke test"), "{}", stage.body());
}

/// Waits until the releases are read: the decision has fallen, and nothing is written yet.
async fn decided(stage: &Stage) {
    let is_read = || stage.world.requests().iter().any(|request| request.path_and_query.ends_with("/releases/latest"));
    while !is_read() {
        tokio::time::sleep(SECOND / 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_a_person_made_is_told_nothing_that_is_no_longer_so() {
    for adopt in ["false", "true"] {
        let mut stage = Stage::with("api web");
        stage.input("adopt-drafts", adopt);
        stage.build("api");
        stage.build("web");
        stage.world.latency(SECOND);
        stage.world.add_release("v1.0.0", |release| release.draft = true);
        let turns = async {
            decided(&stage).await;
            stage.signal("web", "failure", "smoke test", (101, 2));
        };
        let (ended, ()) = tokio::join!(stage.run(), turns);
        ended.is("partial", 0);
        let told: Vec<_> =
            stage.writes().iter().map(|write| String::from_utf8_lossy(&write.body).into_owned()).collect();
        assert!(told.iter().all(|body| body.contains("smoke test")), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_comes_right_before_it_is_announced_as_missing_is_taken() {
    for what in ["absent", "of another commit", "not an image"] {
        let stage = Stage::with("api web");
        stage.build("api");
        match what {
            "of another commit" => stage.world.push(&stage.reference("web"), &image_of(&"b".repeat(40))),
            "not an image" => stage.world.put_raw_manifest(&stage.reference("web"), "application/json", b"{}"),
            _ => String::new(),
        };
        stage.world.latency(SECOND);
        let comes = async {
            decided(&stage).await;
            stage.push("web");
        };
        let (ended, ()) = tokio::join!(stage.run(), comes);
        ended.is("complete", 0).says("shows a new image, looking again");
        let told: Vec<_> =
            stage.writes().iter().map(|write| String::from_utf8_lossy(&write.body).into_owned()).collect();
        assert!(told.iter().all(|body| !body.contains("(partial")), "{what}: {told:?}");
    }
}

/// Broken in the ways that an editor breaks it: the end is gone, the block stands twice, the machine line makes no sense, and a
/// code block above it is left open.
fn broken(body: &str) -> [String; 4] {
    let end = "<!-- release-actions:end -->";
    [
        body.replace(end, ""),
        format!("{body}\n{body}"),
        body.replace("\"schema\":1", "\"schema\":"),
        format!("```\nleft open\n{body}"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_full_release_whose_block_a_person_broke_is_not_lessened() {
    for number in 0..4 {
        let stage = Stage::with("api web");
        stage.build("api");
        stage.build("web");
        stage.run().await.is("complete", 0);
        edit(&stage, |release| release.body = Some(broken(release.body.as_ref().unwrap())[number].clone()));
        let before = stage.page();
        stage.world.untag("ghcr.io/octo/shop/web:1.0.0");
        stage.world.skip(MINUTE * 10);
        stage.run().await.is("failed", 1).says("stays as it is");
        assert_eq!(stage.page(), before, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_release_whose_block_a_person_broke_is_healed() {
    for number in 0..4 {
        let stage = partial().await;
        edit(&stage, |release| release.body = Some(broken(release.body.as_ref().unwrap())[number].clone()));
        stage.rebuild("web");
        stage.run().await.is("complete", 0);
        assert!(!stage.body().starts_with("> [!WARNING]") && stage.body().contains("| web |"), "{}", stage.body());
        // A flag of which nobody can tell who set it is left alone.
        assert_eq!(stage.release().prerelease, number >= 2, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_a_person_made_stays_a_draft_whatever_they_do_to_our_block() {
    for number in 0..4 {
        let stage = built();
        stage.world.add_release("v1.0.0", |release| {
            release.draft = true;
            release.body = Some("Not done yet.".into());
        });
        stage.run().await;
        assert!(stage.release().draft && stage.body().contains("### Images"));
        edit(&stage, |release| release.body = Some(broken(release.body.as_ref().unwrap())[number].clone()));
        for _ in 0..2 {
            stage.run().await;
            assert!(stage.release().draft && stage.body().contains("Not done yet."), "{number}: {}", stage.body());
        }
    }
}

/// The list of services may come from another version of the workflow than the tag's.
#[tokio::test(start_paused = true)]
async fn a_full_release_keeps_the_image_of_a_service_that_is_no_longer_named() {
    let mut stage = Stage::with("api web");
    stage.build("api");
    stage.build("web");
    stage.run().await.is("complete", 0);
    stage.input("services", "api");
    let body = stage.body();
    // As GitHub's editor saves it, and broken.
    for text in [vec![body.clone(), body.replace('\n', "\r\n")], broken(&body).into()].concat() {
        edit(&stage, |release| release.body = Some(text.clone()));
        let before = stage.page();
        let ended = stage.run().await;
        ended.is("complete", 0).says("web: `services` does not name it");
        assert_eq!((stage.page(), ended.output("release-change")), (before, "unchanged"));
    }
}

/// What is looked at before the signals are read once more may take its time.
#[tokio::test(start_paused = true)]
async fn a_red_signal_that_comes_while_a_slow_registry_is_asked_once_more_is_seen() {
    let stage = Stage::with("api docs?=slow.test/octo/shop/docs:1");
    stage.world.registry("slow.test", RegistrySpec::distribution().auth(Auth::Anonymous));
    stage.world.fault(Fault::on("*", "slow.test", "/").answer(Answer::Hang));
    stage.build("api");
    let turns = async {
        decided(&stage).await;
        tokio::time::sleep(SECOND * 10).await;
        stage.signal("api", "failure", "smoke test", (100, 2));
    };
    let (ended, ()) = tokio::join!(stage.run(), turns);
    assert_eq!(ended.is("failed", 1).verdict("api"), "failed");
    assert!(stage.is_unreleased());
}
