//! The texts as people read them: one Markdown file per situation under `golden/`. `UPDATE_EXPECT=1 cargo test -p domain`
//! writes them anew; read the difference.

use std::collections::BTreeMap;

use expect_test::{ExpectFile, expect_file};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, TextMergeStream};
use serde_json::json;

use super::markdown::foreign;
use super::summary::{Life, Report, summary};
use super::{Subject, body, log};
use crate::decide::{Flaw, Judgement, Proof, Reason, Standing, Verdict};
use crate::image::{Digest, Platform};
use crate::release::block::{BODY_LIMIT, Body, Line, LineStatus};
use crate::release::lock;
use crate::release::page::Release;
use crate::release::plan::{LockFile, Wanted};
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
        ("thumbnail", Remedy { rerun: Rerun::Failed(7), last_good: Some(last_good) }),
        ("indexing", Remedy { rerun: dispatch(true), last_good: None }),
        ("web", Remedy { rerun: dispatch(false), last_good: None }),
    ];
    render(&remedies, |subject| body::head(subject, "", &images), &expect_file!["golden/partial.md"]);
}

#[test]
fn every_cause_has_its_words_and_its_cure() {
    let flaw = |flaw, signalled| Reason::Flaw { flaw, signalled };
    let denied = || Flaw::Denied("403 DENIED: requested access to the resource is denied".into());
    let at = |reference: &str, judgement| Judgement { reference: reference.parse().unwrap(), ..judgement };
    let ended = Reason::BuildEnded { class: "cancelled".into(), image_there: true, redo_possible: false };
    let moved = Flaw::Absent { elsewhere: Some("ghcr.io/octo/shop/renamed:v1.0.0".parse().unwrap()) };
    let other = Flaw::OtherCommit { found: "b".repeat(40), place: "index".into() };
    let broken = Flaw::Broken { platform: platforms()[1].clone(), why: "404".into() };
    let retagged = Flaw::OtherDigest { signalled: Digest::sha256(b"built"), found: Digest::sha256(b"found") };
    let images = [
        ready("api"),
        missing("cancelled", Verdict::Cancelled, ended),
        missing("dead", Verdict::Building, Reason::EndNeverReported),
        missing("queued", Verdict::Absent, Reason::NothingRuns { runs_active: true }),
        missing("renamed", Verdict::NotStarted, flaw(moved, false)),
        missing("hidden", Verdict::NotStarted, flaw(denied(), false)),
        at("registry.example:5000/shop/far:1.0.0", missing("far", Verdict::NotStarted, flaw(denied(), false))),
        missing("stale", Verdict::WrongRevision, flaw(other, true)),
        missing("unlabelled", Verdict::WrongRevision, flaw(Flaw::NoRevision, false)),
        missing("half", Verdict::Incomplete, flaw(broken, true)),
        missing("chart", Verdict::NotAnImage, flaw(Flaw::NotAnImage("a Helm chart".into()), false)),
        missing("retagged", Verdict::OtherDigest, flaw(retagged, true)),
    ];
    render(&[], |subject| body::head(subject, "", &images), &expect_file!["golden/partial_causes.md"]);
}

#[test]
fn what_is_unknown_names_the_permission_or_the_host_to_mend() {
    let unknown = |service, verdict, flaw| {
        let reason = Reason::Flaw { flaw, signalled: true };
        Judgement { standing: Standing::Unknown, ..missing(service, verdict, reason) }
    };
    let hidden = unknown("hidden", Verdict::Denied, Flaw::Denied("403".into()));
    let far = unknown("far", Verdict::Denied, Flaw::Denied("401".into()));
    let far = Judgement { reference: "registry.example/shop/far:1.0.0".parse().unwrap(), ..far };
    let images = [hidden, far, unknown("down", Verdict::Unreachable, Flaw::Unreachable("503".into()))];
    let lines = |subject: Subject<'_>| {
        images.iter().map(|image| log::annotation(image, subject)).collect::<Vec<_>>().join("\n")
    };
    render(&[], lines, &expect_file!["golden/unknown.txt"]);
}

#[test]
fn a_command_stays_on_its_line_whatever_the_workflow_file_is_called() {
    let file = "release-web\n```\n@octo.yml".into();
    let remedies = [("web", Remedy { rerun: Rerun::Dispatch { file, at_tag: true }, last_good: None })];
    let head = rendered(&remedies, |subject| body::head(subject, "", &[ready("api"), failed("web", "push")]));
    assert!(head.contains("gh workflow run 'release-web?```?@octo.yml' -R"), "{head}");
}

const NOW: &str = "2026-11-23T12:00:00Z";

/// The whole body that a run writes: what is there in, what should be there out.
fn page(existing: Option<&Release>, images: &[Judgement], changelog: Option<&str>) -> String {
    let full = images.iter().all(|image| image.standing == Standing::Ready);
    let (repository, tag, commit) =
        ("octo/shop".parse().unwrap(), "v1.0.0".parse().unwrap(), "a".repeat(40).parse().unwrap());
    let lock = lock::file("images.lock.json", &repository, &tag, &commit, images);
    let wanted = Wanted {
        tag,
        commit,
        status: if full { LineStatus::Full } else { LineStatus::Partial },
        title: "v1.0.0".into(),
        prerelease: !full,
        latest: full,
        publish: true,
        adopt_drafts: false,
        head: rendered(&[], |subject| body::head(subject, "", images)),
        changelog: changelog.map(Into::into),
        full_changelog_url: "https://github.com/octo/shop/compare/v0.9.0...v1.0.0".into(),
        lock_files: vec![LockFile { name: "images.lock.json".into(), text: lock }],
        newest_signal: None,
        decided_at: NOW.parse().unwrap(),
    };
    wanted.fields(existing).body
}

/// A published release with that body.
fn there(body: &str, immutable: bool) -> Release {
    let release = json!({
        "id": 1, "tag_name": "v1.0.0", "target_commitish": "main", "name": "v1.0.0", "body": body, "draft": false,
        "prerelease": true, "immutable": immutable, "created_at": NOW, "published_at": NOW, "html_url": "", "upload_url": "",
    });
    serde_json::from_value(release).unwrap()
}

#[test]
fn a_partial_release_heals_and_says_when() {
    let partial = page(None, &[ready("api"), failed("web", "push")], Some("* a change"));
    let healed = page(Some(&there(&partial, false)), &[ready("api"), ready("web")], None);
    expect_file!["golden/healed.md"].assert_eq(&healed);
}

#[test]
fn an_immutable_partial_release_heals_with_the_lock_folded_in() {
    let partial = page(None, &[ready("api"), failed("web", "push")], Some("* a change"));
    let healed = page(Some(&there(&partial, true)), &[ready("api"), ready("web")], None);
    expect_file!["golden/healed_immutable.md"].assert_eq(&healed);
}

#[test]
fn what_a_person_changed_stands_below_the_new_block() {
    let full = page(None, &[ready("api")], Some("* a change"));
    let changed = full.replace("* a change", "* a change, and my remark") + "\nTheir own text.\n";
    expect_file!["golden/changed.md"].assert_eq(&page(Some(&there(&changed, false)), &[ready("api")], None));
}

#[test]
fn a_changelog_that_is_too_long_ends_with_a_link() {
    let changelog = format!("* a change\n* another one\n* {}", "x".repeat(BODY_LIMIT));
    expect_file!["golden/cut.md"].assert_eq(&page(None, &[ready("api")], Some(&changelog)));
}

/// Text that somebody made to do harm, with the pieces that could.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = vec![
        "<!-- release-actions:begin {} -->",
        "<!-- release-actions:end -->",
        "<!-- release-actions:changelog -->",
        "<!--",
        "-->",
        "\n",
        "\n\n",
        "\r\n",
        "```",
        "~~~~",
        "`",
        "    ",
        "  ",
        "\t",
        "> ",
        "- ",
        "1. ",
        "# ",
        "|",
        "| a | b |\n| - | - |\n",
        "</details>",
        "<details>",
        "<pre>",
        "<script>",
        "<?",
        "<![CDATA[",
        "<img src=x onerror=y>",
        "<",
        ">",
        "[a](b)",
        "[x]: y",
        "***",
        "@octo",
        "\\",
        "&#64;",
        "&#x40",
        "&commat;",
        "&nbsp",
        "&#",
        ";",
        "@",
        "octo",
        "\u{e9}",
        "org/repo#1",
        "#1",
        "\u{202e}",
        "\u{200b}",
        "\0",
    ];
    let piece = prop_oneof![4 => select(pieces).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// True when GitHub would take an `@` in `text`, as it is shown, for a mention.
fn mentions(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
            && text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_foreign_text_breaks_the_page(class in hostile(), why in hostile(), changelog in hostile()) {
        let odd = Flaw::NotAnImage(why.clone());
        let odd = missing("odd", Verdict::NotAnImage, Reason::Flaw { flaw: odd, signalled: false });
        let optional = Judgement { required: false, ..failed("docs", &why) };
        let images = [ready("api"), failed("web", &class), odd, optional];
        let calm = page(None, &images, None);
        let theirs = there("Their own text.", false);
        let text = page(Some(&theirs), &images, Some(&foreign(changelog.trim())));

        let read = Body::read(&text);
        let line = |line: &Line| Line { hash: String::new(), title: None, prerelease: None, ..line.clone() };
        prop_assert_eq!(read.line().map(line), Body::read(&calm).line().map(line), "{}", text);
        prop_assert!(page(Some(&there(&text, false)), &images, None) == text, "it is not read as it was written: {text}");
        prop_assert_eq!(text.matches("<!-- release-actions:begin").count(), 1, "{}", text);
        prop_assert_eq!(text.matches("<!-- release-actions:end -->").count(), 1, "{}", text);
        prop_assert!(text.matches("<!--").count() <= 3, "{text}");

        let options = Options::ENABLE_TABLES | Options::ENABLE_GFM | Options::ENABLE_STRIKETHROUGH;
        let events: Vec<Event<'_>> = TextMergeStream::new(Parser::new_ext(&text, options)).collect();
        let ours = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Table)));
        prop_assert_eq!(ours.filter(|event| matches!(event, Event::Start(Tag::TableRow))).count(), 4, "{}", text);
        let below = [Event::Start(Tag::Paragraph), Event::Text("Their own text.".into()), Event::End(TagEnd::Paragraph)];
        prop_assert!(events.ends_with(&below), "{text}");
        let shown = |event: &&Event<'_>| matches!(event, Event::Text(text) | Event::Html(text) if mentions(text));
        prop_assert_eq!(events.iter().find(shown), None, "{}", text);
    }
}

/// The most images, with the longest names that are accepted, in the state that `state` gives them.
fn crowd(state: impl Fn(Judgement) -> Judgement) -> Vec<Judgement> {
    let service = |n: usize| format!("{n:03}{}", "-x".repeat(48)) + "x";
    let reference = format!("ghcr.io/{}:{}", "a".repeat(247), "t".repeat(128));
    let image = |n| state(Judgement { reference: reference.parse().unwrap(), ..ready(&service(n)) });
    (0..body::MAX_SERVICES).map(image).collect()
}

#[test]
fn the_most_images_with_the_longest_names_and_notes_fit_into_a_body() {
    let url = format!("https://github.com/octo/shop/actions/runs/7/job/{}", "1".repeat(2_000));
    let run = Some(RunAttempt { id: 7, attempt: 1, url });
    let unproven = |image: Judgement| Judgement {
        proof: image.proof.map(|proof| Proof { commit_proven: false, ..proof }),
        ..image
    };
    let red = |image: Judgement| failed(image.service.as_str(), &"|".repeat(140));
    let unlike = |image: Judgement| {
        let flaw = Flaw::LacksPlatforms { missing: platforms(), there: vec![] };
        missing(image.service.as_str(), Verdict::MissingPlatform, Reason::Flaw { flaw, signalled: true })
    };
    let endless = |image: Judgement| Judgement { run: run.clone(), ..failed(image.service.as_str(), "push") };
    let left_out = |image: Judgement| Judgement { required: false, ..unlike(image) };
    let crowds = [crowd(|image| image), crowd(unproven), crowd(red), crowd(unlike), crowd(endless), crowd(left_out)];
    let notes = "n".repeat(body::MAX_NOTES);
    for images in crowds {
        // Fewer images are told in full, and may take as much room.
        for images in (1..=10).map(|tenths| &images[..images.len() * tenths / 10]) {
            let head = rendered(&[], |subject| body::head(subject, &notes, images));
            // What is left is for the machine line, and for a sentence on when the release was completed.
            let length = head.chars().count();
            assert!(length <= BODY_LIMIT - 2_000, "{} images take {length} characters", images.len());
            assert_eq!(rows(&head), images.len());
        }
    }
}

#[test]
fn many_images_are_told_in_short() {
    let images: Vec<Judgement> = crowd(|image| image)
        .into_iter()
        .enumerate()
        .map(|(n, image)| if n % 4 == 1 { failed(&format!("web-{n}"), "push") } else { image })
        .collect();
    let head = rendered(&[], |subject| body::head(subject, "", &images));
    assert!(head.contains("**web-1**: its build failed: push ([run]("), "{head}");
    assert!(head.contains("| web-497 | **missing**: failed |"), "{head}");
    let told = head.matches("gh run rerun").count();
    assert!(told > 50 && head.contains(&format!("> {} more are named in the table", 125 - told)), "{told}");
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
