//! The promises to those who run it: cancelling, secrets, text from outside, and the rehearsal.

use std::time::Duration;

use sim::{Access, Answer, Auth, Fault, RegistrySpec};

use crate::stage::{Ended, MINUTE, SECOND, Stage, TOKEN, token};

const PASSWORD: &str = "hunter2-secret";

fn built() -> Stage {
    let stage = Stage::with("api");
    stage.build("api");
    stage
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_reports_what_it_has_seen() {
    let stage = Stage::with("api web");
    stage.build("api");
    stage.pending("web");
    let ended = stage.run_until(tokio::time::sleep(MINUTE * 3)).await;
    ended.is("failed", 130).says("cancelled");
    assert_eq!((ended.output("available"), ended.output("missing")), ("api", "web"));
    assert!(ended.summary.contains("cancelled") && ended.summary.contains("| web |"), "{}", ended.summary);
    assert_eq!(stage.writes().len(), 0);
    assert!(stage.world.elapsed() < MINUTE * 3 + SECOND);
}

#[tokio::test(start_paused = true)]
async fn whenever_it_is_cancelled_no_further_write_begins_and_it_ends_within_five_seconds() {
    let clean = built();
    clean.world.latency(SECOND / 5);
    clean.run().await.is("complete", 0);
    let total = clean.world.elapsed();
    let step = Duration::from_millis(130);
    let mut at = Duration::ZERO;
    while at < total {
        let stage = built();
        stage.world.latency(SECOND / 5);
        let ended = stage.run_until(tokio::time::sleep(at)).await;
        assert_eq!((ended.exit, ended.output("status")), (130, "failed"), "at {at:?}: {}", ended.log);
        assert!(stage.world.elapsed() < at + SECOND * 5, "at {at:?}");
        let late = stage.writes().into_iter().filter(|write| write.at > at).count();
        assert_eq!(late, 0, "at {at:?}: a write was begun after the cancel");
        stage.run().await.is("complete", 0);
        assert_eq!(stage.page(), clean.page(), "at {at:?}: the next run heals it");
        at += step;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_after_its_first_write_names_the_release() {
    let stage = built();
    stage.world.latency(SECOND / 5);
    let scene = (*stage).clone();
    let ended = stage
        .run_until(async move {
            scene.drafted().await;
            tokio::time::sleep(SECOND / 2).await;
        })
        .await;
    let release = stage.release();
    assert_eq!(ended.is("failed", 130).output("release-id"), release.id.to_string());
    assert!(release.draft && ended.output("release-url").contains("/releases/tag/untagged-"), "{:?}", ended.outputs);
    assert_eq!(ended.output("release-change"), "created");
}

/// A write that failed is no reason to begin another after the cancel.
#[tokio::test(start_paused = true)]
async fn a_write_that_fails_as_the_run_is_cancelled_is_not_sent_again() {
    let stage = built();
    stage.world.latency(SECOND / 5);
    let publish = Fault::on("PATCH", "api.github.com", "/repos/octo/shop/releases");
    stage.world.fault(publish.answer(Answer::status(502)));
    let scene = (*stage).clone();
    let patched = async move {
        while !scene.world.requests().iter().any(|request| request.method == "PATCH") {
            tokio::time::sleep(SECOND / 20).await;
        }
    };
    stage.run_until(patched).await.is("failed", 130);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(stage.writes().iter().filter(|write| write.method == "PATCH").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_is_awaited_for_two_seconds_and_reported() {
    let stage = built();
    stage.world.fault(Fault::on("POST", "api.github.com", "/repos/octo/shop/releases").skip(1).answer(Answer::Hang));
    let ended = stage.run_until(tokio::time::sleep(SECOND)).await;
    ended.is("failed", 130).says("was cut off");
    assert!(stage.world.elapsed() < SECOND * 4, "{:?}", stage.world.elapsed());
}

/// Every text that a run leaves.
fn texts(ended: &Ended) -> String {
    let log: String = ended.log.lines().filter(|line| !line.starts_with("::add-mask::")).collect::<Vec<_>>().join("\n");
    format!("{log}\n{}\n{:?}", ended.summary, ended.outputs)
}

#[tokio::test(start_paused = true)]
async fn secrets_appear_nowhere_and_are_masked_first() {
    let mut stage = Stage::with("api=registry.example/{repository}/{service}:{version} web");
    let registry = RegistrySpec::distribution().auth(Auth::Basic).user("robot", PASSWORD);
    stage.world.registry("registry.example", registry);
    stage.world.push("registry.example/octo/shop/api:1.0.0", &stage.image());
    stage.build("web");
    stage.input("registry-auth", &format!("registry.example robot {PASSWORD}"));
    // A registry that quotes what it was sent, and one that redirects elsewhere.
    let echo = format!(r#"{{"errors":[{{"code":"DENIED","message":"no {PASSWORD} {TOKEN}"}}]}}"#);
    stage.world.fault(Fault::on("GET", "registry.example", "/").times(3).answer(Answer::Status(500, vec![], echo)));
    let elsewhere = vec![("Location".into(), "https://evil.example/v2/x".into())];
    stage.world.fault(Fault::on("GET", "ghcr.io", "/v2/").times(1).answer(Answer::Status(
        307,
        elsewhere,
        String::new(),
    )));
    let ended = stage.run().await;
    ended.is("complete", 0);
    assert!(!texts(&ended).contains(PASSWORD) && !texts(&ended).contains(TOKEN), "{}", texts(&ended));
    let first = ended.log.lines().take(2).collect::<Vec<_>>();
    assert!(first.iter().all(|line| line.starts_with("::add-mask::")), "{first:?}");
    for request in stage.world.requests() {
        let sent = request.authorization.clone().unwrap_or_default();
        let path = &request.path_and_query;
        assert!(!path.contains(PASSWORD) && !path.contains(TOKEN), "{path}");
        let bearer = sent == format!("Bearer {TOKEN}");
        assert_eq!(bearer, request.github, "GitHub's token goes to GitHub, and to GitHub alone: {request:?}");
        assert!(
            request.host != "evil.example" && (request.host == "registry.example" || !is_password(&sent, PASSWORD))
        );
        assert!(request.host == "ghcr.io" || !is_password(&sent, TOKEN), "{request:?}");
    }
}

/// True for Basic credentials with this password. The end of a text is encoded alike for every third length before it.
fn is_password(sent: &str, password: &str) -> bool {
    use base64::Engine as _;
    let decoded =
        sent.strip_prefix("Basic ").and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    decoded.is_some_and(|text| String::from_utf8_lossy(&text).ends_with(&format!(":{password}")))
}

#[tokio::test(start_paused = true)]
async fn no_text_from_outside_becomes_a_command_or_a_marker() {
    let hostile = "x\n::error::pwned\r##[error]y <!-- release-actions:end --> | @octocat `";
    let stage = Stage::with("api web");
    stage.build("api");
    stage.at(SECOND, move |scene| {
        scene.signal("web", "failure", hostile, (101, 1));
    });
    let ended = stage.run().await;
    ended.is("partial", 0);
    let ours = ["::add-mask::ghs_", "::warning title=web is missing from v1.0.0::"];
    for line in ended.log.lines().filter(|line| !ours.iter().any(|ours| line.starts_with(ours))) {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
    }
    assert!(!ended.log.contains("%0A"), "one line for each text: {}", ended.log);
    for text in [stage.body(), ended.summary.clone()] {
        assert!(!text.contains("\n::error") && !text.contains("@octocat") && !text.contains("##["), "{text}");
        assert!(text.matches("<!-- release-actions:end -->").count() <= 1, "{text}");
    }
    assert_eq!(stage.run().await.is("partial", 0).output("release-change"), "unchanged");
    let images: serde_json::Value = serde_json::from_str(ended.output("images")).unwrap();
    assert_eq!(images.as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_tag_cannot_break_the_command_that_people_paste() {
    let mut stage = Stage::of_tag("v1.0.0-$(id)'x");
    stage.input("services", "api=ghcr.io/octo/shop/api:latest web=ghcr.io/octo/shop/web:latest");
    stage.world.push("ghcr.io/octo/shop/api:latest", &stage.image());
    let dispatched = "on: {push: {tags: ['v*']}, workflow_dispatch: {}}\njobs: {}\n";
    stage.world.file(&stage.commit, ".github/workflows/release-web.yml", dispatched);
    stage.run().await.is("partial", 0);
    assert!(stage.body().contains(r"--ref 'v1.0.0-$(id)'\''x' -f tag='v1.0.0-$(id)'\''x'"), "{}", stage.body());
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_writes_nothing_and_has_every_output_as_it_would_be() {
    let prepare = || {
        let stage = Stage::with("api web");
        stage.build("api");
        stage.at(SECOND, |scene| scene.fail("web"));
        stage
    };
    let real = prepare();
    let wanted = real.run().await;
    let mut stage = prepare();
    let rehearsed = stage.input("dry-run", "true").run().await;
    rehearsed
        .is("partial", 0)
        .says("dry run: would create the release v1.0.0")
        .says("+title: v1.0.0 (partial: 1 of 2 images)");
    assert!(stage.writes().is_empty() && stage.is_unreleased());
    for (name, value) in &wanted.outputs {
        let of_the_page = ["release-id", "release-url", "release-change"].contains(&name.as_str());
        assert!(of_the_page || rehearsed.output(name) == value, "{name}: {value} {}", rehearsed.output(name));
    }
    assert_eq!(rehearsed.output("release-change"), "none");

    // Over the partial release it shows what would heal, and over the full one that nothing would.
    let mut stage = real;
    stage.rebuild("web");
    let page = stage.page();
    let heals = stage.input("dry-run", "true").run().await;
    heals
        .is("complete", 0)
        .says("dry run: would change the release v1.0.0")
        .says("-title: v1.0.0 (partial")
        .says("+title: v1.0.0")
        .says("\nimages.lock.json would be added\n");
    assert_eq!((heals.output("missing"), stage.page()), ("", page));
    stage.input("dry-run", "false").run().await.is("complete", 0);
    stage.input("dry-run", "true").run().await.is("complete", 0).says("nothing would be written");
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_needs_no_leave_to_write() {
    let mut stage = Stage::with("api web");
    stage.world.token(token().contents(Access::Read));
    stage.build("api");
    stage.at(SECOND, |scene| scene.fail("web"));
    let ended = stage.input("dry-run", "true").run().await;
    assert_eq!(ended.is("partial", 0).output("missing"), "web");
}

#[tokio::test(start_paused = true)]
async fn every_output_is_written_whatever_the_end() {
    let names = [
        "status",
        "missing",
        "missing-json",
        "available",
        "images",
        "tag",
        "version",
        "previous-tag",
        "release-id",
        "release-url",
        "release-change",
        "waited-seconds",
    ];
    let written = |ended: &Ended| {
        names.iter().all(|name| ended.outputs.contains_key(*name)) && ended.outputs.len() == names.len()
    };
    assert!(written(&built().run().await));
    assert!(written(&Stage::with("api").run().await));
    assert!(written(&Stage::with("API").run().await));
    assert!(written(&built().run_until(tokio::time::sleep(SECOND / 100)).await));
    let gone = built();
    gone.world.delete_tag("v1.0.0");
    assert!(written(&gone.run().await));
}
