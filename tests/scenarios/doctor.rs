//! `release-pipelines doctor`: the action's own eyes on a laptop, and not one write.

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use release_pipelines::doctor::{Question, View, environment, tell};
use runner::Environment;
use transport::Core;
use wait_and_release::{Diagnosis, ExamineError, examine};

use crate::stage::{MINUTE, Stage, TOKEN};

fn question(services: &str) -> Question {
    let inputs = vec![("services".to_owned(), services.to_owned())];
    Question { repository: "octo/shop".into(), tag: "v1.0.0".into(), wait: false, inputs }
}

fn laptop() -> Environment {
    [("GH_TOKEN", TOKEN)].into_iter().collect()
}

/// The diagnosis, and after how many looks.
async fn diagnose(stage: &Stage, question: &Question) -> Result<(Diagnosis, usize), ExamineError> {
    let environment = environment(question, &laptop()).unwrap();
    let (service, mut looks) = (stage.world.service(), 0);
    let diagnosis = examine(&environment, |_| Ok(Core::new(service)), &mut |_| looks += 1).await?;
    assert!(stage.writes().is_empty() && stage.is_unreleased());
    Ok((diagnosis, looks))
}

#[tokio::test(start_paused = true)]
async fn each_image_has_its_verdict_and_its_cure_and_nothing_is_written() {
    let stage = Stage::new();
    let digest = stage.push("api");
    stage.green("api", &digest, 1);
    stage.fail("web");
    stage.push("thumbnail-service");
    tokio::time::sleep(MINUTE * 10).await;
    let (diagnosis, _) = diagnose(&stage, &question("api web thumbnail-service cleaner-service?")).await.unwrap();
    let (text, fine) = tell(&diagnosis);
    let short = &digest["sha256:".len()..];
    for line in [
        format!("v1.0.0 of octo/shop at {}", diagnosis.commit.short()),
        format!("✔ api: ready, sha256:{}…, linux/amd64,linux/arm64 (proven on the registry)", &short[..12]),
        "✘ web: failed: its build failed: dockerfile: exit code 1".into(),
        "    gh run rerun 101 --failed -R octo/shop".into(),
        "… cleaner-service: absent: never published, or hidden from this token: the token endpoint https://ghcr.io/token of ghcr.io answered 403 Forbidden (DENIED: denied) (optional)".into(),
        "wait-and-release would now publish a partial release".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n\n{text}");
    }
    assert!(!fine);
}

#[tokio::test(start_paused = true)]
async fn it_waits_only_when_it_is_told_to() {
    let stage = Stage::new();
    stage.build("api");
    stage.pending("web");
    stage.at(MINUTE * 3, |scene| scene.build("web"));
    let (diagnosis, looks) = diagnose(&stage, &question("api web")).await.unwrap();
    assert_eq!(looks, 1);
    let (text, fine) = tell(&diagnosis);
    assert!(text.ends_with("wait-and-release would now wait: a build may still end\n") && fine, "{text}");
    let (diagnosis, looks) = diagnose(&stage, &Question { wait: true, ..question("api web") }).await.unwrap();
    assert!(looks > 1 && stage.world.elapsed() >= MINUTE * 3);
    assert_eq!(tell(&diagnosis).0.lines().last(), Some("wait-and-release would now publish the full release"));
}

#[tokio::test(start_paused = true)]
async fn a_terminal_has_a_line_for_each_image_while_it_waits() {
    let stage = Stage::new();
    stage.build("api");
    stage.pending("web");
    stage.at(MINUTE * 3, |scene| scene.build("web"));
    let terminal = InMemoryTerm::new(10, 150);
    let mut view = View::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
    let mut screens = Vec::new();
    let environment = environment(&Question { wait: true, ..question("api web") }, &laptop()).unwrap();
    let service = stage.world.service();
    let see = &mut |decision: &_| {
        view.see(decision);
        screens.push(terminal.contents());
    };
    examine(&environment, |_| Ok(Core::new(service)), see).await.unwrap();
    let line = |screen: &str, service: &str| {
        screen.lines().find(|line| line.contains(&format!(" {service}: "))).unwrap_or_default().to_owned()
    };
    assert!(line(&screens[0], "api").ends_with(" api: not looked at yet"), "{}", screens[0]);
    let is_there = |screen: &&String| line(screen, "api").starts_with("✔ api: ready, sha256:");
    let (first, last) = (screens.iter().find(is_there).expect("api is shown"), screens.last().unwrap());
    assert!(line(first, "web").contains("web: building"), "{first}");
    assert!(line(last, "web").starts_with("✔ web: ready, sha256:"), "{last}");
    assert_eq!(last.lines().count(), 2, "{last}");
    view.close();
    assert_eq!(terminal.contents(), "");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_said() {
    let stage = Stage::new();
    let nowhere = Question { tag: "v9.9.9".into(), ..question("api") };
    assert!(diagnose(&stage, &nowhere).await.unwrap_err().to_string().contains("v9.9.9"));
    let bad = Question { inputs: vec![("timeout".into(), "soon".into())], ..question("api") };
    assert!(matches!(diagnose(&stage, &bad).await, Err(ExamineError::BadInput(problems)) if problems.len() == 1));
    let nobody = environment(&question("api"), &Environment::default()).unwrap_err();
    assert!(nobody.contains("GH_TOKEN"), "{nobody}");
    let own = Question { inputs: vec![("dry-run".into(), "false".into())], ..question("api") };
    assert!(environment(&own, &laptop()).unwrap_err().contains("dry-run"));
}
