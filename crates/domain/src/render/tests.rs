//! The texts as people read them: one Markdown file per situation under `golden/`. `UPDATE_EXPECT=1 cargo test -p domain`
//! writes them anew; read the difference.

use std::collections::BTreeMap;

use expect_test::{ExpectFile, expect_file};
use jiff::Timestamp;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::summary::{Life, Report, summary};
use super::{Subject, body};
use crate::decide::{Flaw, Judgement, Proof, Reason, Standing, Verdict};
use crate::image::{Digest, Platform};
use crate::remedy::{LastGood, Remedy, Rerun};
use crate::repository::{CommitSha, Repository};
use crate::service::ServiceName;
use crate::signal::RunAttempt;
use crate::version::ReleaseTag;

fn platforms() -> Vec<Platform> {
    ["linux/amd64", "linux/arm64"].map(|platform| platform.parse().unwrap()).to_vec()
}

fn ready(service: &str) -> Judgement {
    let proof = Proof {
        digest: Digest::sha256(service.as_bytes()),
        platforms: platforms(),
        revision: Some("a".repeat(40)),
        commit_proven: true,
    };
    Judgement {
        service: service.parse().unwrap(),
        required: true,
        reference: format!("ghcr.io/octo/shop/{service}:1.0.0").parse().unwrap(),
        verdict: Verdict::Ready,
        standing: Standing::Ready,
        reason: Reason::Proven,
        proof: Some(proof),
        run: None,
        turns_at: None,
        in_start_grace: false,
    }
}

fn missing(service: &str, verdict: Verdict, reason: Reason) -> Judgement {
    Judgement { verdict, standing: Standing::Missing, reason, proof: None, ..ready(service) }
}

fn failed(service: &str, class: &str) -> Judgement {
    let url = "https://github.com/octo/shop/actions/runs/7/attempts/1".to_owned();
    let reason = Reason::BuildEnded { class: class.into(), image_there: false, redo_possible: false };
    Judgement { run: Some(RunAttempt { id: 7, attempt: 1, url }), ..missing(service, Verdict::Failed, reason) }
}

/// Renders with everything that the texts are about, and compares.
fn render(remedies: &[(&str, Remedy)], text: impl Fn(Subject<'_>) -> String, expected: &ExpectFile) {
    expected.assert_eq(&rendered(remedies, text));
}

fn rendered(remedies: &[(&str, Remedy)], text: impl Fn(Subject<'_>) -> String) -> String {
    let repository: Repository = "octo/shop".parse().unwrap();
    let tag: ReleaseTag = "v1.0.0".parse().unwrap();
    let commit: CommitSha = "a".repeat(40).parse().unwrap();
    let remedies: BTreeMap<ServiceName, Remedy> =
        remedies.iter().map(|(service, remedy)| (service.parse().unwrap(), remedy.clone())).collect();
    text(Subject {
        repository: &repository,
        repository_url: "https://github.com/octo/shop",
        tag: &tag,
        commit: &commit,
        remedies: &remedies,
    })
}

/// How many rows the tables of a text have below their heads.
fn rows(text: &str) -> usize {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM);
    events.filter(|event| matches!(event, Event::Start(Tag::TableRow))).count()
}

#[test]
fn a_full_release() {
    let images = [ready("api"), ready("web")];
    render(&[], |subject| body::head(subject, "", &images), &expect_file!["golden/full.md"]);
}

#[test]
fn a_full_release_with_notes_an_optional_image_and_images_that_are_not_proven_in_all() {
    let mut unnamed = ready("api");
    unnamed.proof.as_mut().unwrap().commit_proven = false;
    let unended = Judgement { reason: Reason::NoEndReported, ..ready("web") };
    let optional = Judgement {
        required: false,
        ..missing("docs", Verdict::NotStarted, Reason::NothingRuns { runs_active: false })
    };
    let images = [unnamed, unended, optional];
    let notes = "Hello @octo.\n\n<!-- release-actions:end -->";
    render(&[], |subject| body::head(subject, notes, &images), &expect_file!["golden/full_with_notes.md"]);
}

#[test]
fn notes_that_end_nothing_swallow_no_table() {
    for notes in ["```md\ncode", "~~~~", "<!-- a comment", "<pre>\n\ntext"] {
        let head = rendered(&[], |subject| body::head(subject, notes, &[ready("api"), failed("web", "push")]));
        assert_eq!(rows(&head), 2, "{head}");
    }
}

#[test]
fn a_partial_release_says_why_and_how_it_is_healed() {
    let moved = Flaw::Absent { elsewhere: Some("ghcr.io/octo/shop/cleaner:v1.0.0".parse().unwrap()) };
    let lacking = Flaw::LacksPlatforms { missing: vec![platforms()[1].clone()], there: vec![platforms()[0].clone()] };
    let images = [
        ready("api"),
        failed("thumbnail", "dockerfile: exit code 1"),
        missing("cleaner", Verdict::Vanished, Reason::Flaw { flaw: moved, signalled: true }),
        missing("indexing", Verdict::NotStarted, Reason::NothingRuns { runs_active: false }),
        missing("web", Verdict::MissingPlatform, Reason::Flaw { flaw: lacking, signalled: false }),
    ];
    let last_good =
        LastGood { tag: "v0.9.0".parse().unwrap(), image: "ghcr.io/octo/shop/thumbnail:0.9.0".parse().unwrap() };
    let dispatch = |at_tag| Rerun::Dispatch { file: "release-web.yml".into(), at_tag };
    let remedies = [
        ("thumbnail", Remedy { rerun: Rerun::Run(7), last_good: Some(last_good) }),
        ("indexing", Remedy { rerun: dispatch(true), last_good: None }),
        ("web", Remedy { rerun: dispatch(false), last_good: None }),
    ];
    render(&remedies, |subject| body::head(subject, "", &images), &expect_file!["golden/partial.md"]);
}

#[test]
fn hostile_text_breaks_no_table_forges_no_marker_and_pings_nobody() {
    let class = "|x|\n<!-- release-actions:end --> @octo <img src=x> `$(rm -rf /)` [click](http://evil) ::error::x";
    let images = [ready("api"), failed("web", class)];
    render(&[], |subject| body::head(subject, "", &images), &expect_file!["golden/hostile.md"]);
}

#[test]
fn a_summary_with_its_timeline() {
    let at = |second: i64| Some(Timestamp::from_second(1_795_435_200 + second).unwrap());
    let life = |service: &str, signalled, visible, verified| Life {
        service: service.parse().unwrap(),
        signalled,
        visible,
        verified,
    };
    let lives = [life("api", at(60), at(58), at(61)), life("web", at(120), None, None), life("docs", None, None, None)];
    let images = [ready("api"), failed("web", "dockerfile")];
    let report = Report {
        headline: "partial release, 1 image proven, without web",
        release_url: Some("https://github.com/octo/shop/releases/tag/v1.0.0"),
        started: at(0).unwrap(),
        ended: at(130).unwrap(),
        lives: &lives,
    };
    render(&[], |subject| summary(subject, &images, &report), &expect_file!["golden/summary.md"]);
}
