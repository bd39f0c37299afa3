//! The release plan, written out: each test applies steps to a small release page until nothing is left to do.

use super::*;
use crate::release::versions::tests::release;

fn wanted(status: LineStatus) -> Wanted {
    let full = status == LineStatus::Full;
    Wanted {
        tag: "v1.0.0".parse().unwrap(),
        commit: "a".repeat(40).parse().unwrap(),
        status,
        title: if full { "v1.0.0".into() } else { "v1.0.0 (partial: 1 of 2 images)".into() },
        prerelease: !full,
        latest: full,
        publish: true,
        adopt_drafts: false,
        head: format!("{status:?} table"),
        changelog: Some("* a change".into()),
        full_changelog_url: String::new(),
        lock_files: vec![LockFile { name: "images.lock.json".into(), text: "{}\n".into() }],
        newest_signal: Some("2026-11-23T12:00:00Z".parse().unwrap()),
        decided_at: "2026-11-23T12:00:30Z".parse().unwrap(),
    }
}

/// Applies `step` as GitHub would.
fn apply(releases: &mut Vec<Release>, latest: &mut Option<u64>, step: &Step) {
    let next_id = 1 + releases.iter().map(|release| release.id).max().unwrap_or(100);
    match step {
        Step::Create(fields) => {
            let mut new = Release { draft: true, published_at: None, ..release(next_id, &fields.tag) };
            set(&mut new, fields);
            releases.push(new);
        }
        Step::Update { release, fields } => {
            let there = releases.iter_mut().find(|there| there.id == *release).unwrap();
            set(there, fields);
            if let Some(draft) = fields.draft {
                assert!(!draft, "published never becomes a draft");
                (there.draft, there.published_at) = (draft, Some(Timestamp::UNIX_EPOCH));
            }
            match fields.latest {
                Some(true) => *latest = Some(*release),
                Some(false) if *latest == Some(*release) => *latest = None,
                Some(false) | None => {}
            }
        }
        Step::DeleteTwin(id) => releases.retain(|release| release.id != *id),
        Step::Upload { release, name, text } => {
            let there = releases.iter_mut().find(|there| there.id == *release).unwrap();
            assert!(!there.immutable && there.assets.iter().all(|asset| asset.name != *name));
            let id = 1 + there.assets.iter().map(|asset| asset.id).max().unwrap_or(0);
            let digest = Some(Digest::sha256(text.as_bytes()).to_string());
            let size = text.len() as u64;
            there.assets.push(Asset { id, name: name.clone(), state: "uploaded".into(), size, digest });
        }
        Step::DeleteAsset(id) => releases.iter_mut().for_each(|release| release.assets.retain(|asset| asset.id != *id)),
        Step::RenameAsset { id, name } => {
            let assets = releases.iter_mut().flat_map(|release| &mut release.assets);
            assets.filter(|asset| asset.id == *id).for_each(|asset| asset.name.clone_from(name));
        }
        Step::Done { .. } | Step::Keep { .. } | Step::Refuse(_) => panic!("no write"),
    }
}

fn set(there: &mut Release, fields: &Fields) {
    there.name = Some(fields.title.clone());
    there.body = Some(fields.body.clone());
    there.prerelease = fields.prerelease;
    there.target_commitish = fields.commit.to_string();
}

/// Runs until there is nothing to do, and gives the writes back.
fn run(releases: &mut Vec<Release>, latest: &mut Option<u64>, wanted: &Wanted) -> (Vec<Step>, Step) {
    let mut steps = Vec::new();
    loop {
        let step = next_step(releases, *latest, wanted);
        if matches!(step, Step::Done { .. } | Step::Keep { .. } | Step::Refuse(_)) {
            return (steps, step);
        }
        apply(releases, latest, &step);
        steps.push(step);
        assert!(steps.len() < 20, "does not end: {steps:#?}");
    }
}

fn names(releases: &[Release]) -> Vec<&str> {
    releases.iter().flat_map(|release| &release.assets).map(|asset| asset.name.as_str()).collect()
}

#[test]
fn a_full_release_is_made_as_a_draft_and_published_last() {
    let (mut releases, mut latest) = (vec![], None);
    let (steps, _) = run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    assert!(matches!(
        steps.as_slice(),
        [Step::Create(_), Step::Upload { .. }, Step::RenameAsset { .. }, Step::Update { .. }]
    ));
    assert!(!releases[0].draft && latest == Some(releases[0].id));
    assert_eq!(names(&releases), ["images.lock.json"]);
    assert_eq!(run(&mut releases, &mut latest, &wanted(LineStatus::Full)).0, [], "a second run writes nothing");
}

#[test]
fn a_partial_release_heals_in_place() {
    let (mut releases, mut latest) = (vec![], None);
    run(&mut releases, &mut latest, &wanted(LineStatus::Partial));
    assert!(releases[0].prerelease && latest.is_none() && names(&releases).is_empty());
    let id = releases[0].id;
    run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    assert_eq!((releases.len(), releases[0].id, releases[0].title()), (1, id, "v1.0.0"));
    assert!(!releases[0].prerelease && latest == Some(id));
    assert_eq!(releases[0].body().matches("* a change").count(), 1);
    assert!(releases[0].body().contains("completed at 2026-11-23 12:00:00 UTC"), "{}", releases[0].body());
    let later = Wanted { newest_signal: Some("2027-01-01T00:00:00Z".parse().unwrap()), ..wanted(LineStatus::Full) };
    assert_eq!(run(&mut releases, &mut latest, &later).0, [], "a later signal does not change when it was completed");
}

#[test]
fn a_release_that_no_newer_signal_completed_was_completed_when_that_was_decided() {
    for newest_signal in [None, Some("1969-12-31T23:59:59Z".parse().unwrap())] {
        let (mut releases, mut latest) = (vec![], None);
        run(&mut releases, &mut latest, &wanted(LineStatus::Partial));
        let full = Wanted { newest_signal, ..wanted(LineStatus::Full) };
        run(&mut releases, &mut latest, &full);
        assert!(releases[0].body().contains("completed at 2026-11-23 12:00:30 UTC"), "{}", releases[0].body());
        let later = Wanted { decided_at: "2027-01-01T00:00:00Z".parse().unwrap(), ..full };
        assert_eq!(run(&mut releases, &mut latest, &later).0, [], "a later run does not change that");
    }
}

#[test]
fn all_that_people_may_see_is_announced() {
    let published = release(7, "v1.0.0");
    let draft = Release { draft: true, ..release(8, "v1.0.0") };
    let fields = wanted(LineStatus::Full).fields(Some(&draft));
    let update = |release| Step::Update { release, fields: Fields { draft: None, ..fields.clone() } };
    let upload = |release| Step::Upload { release, name: "x".into(), text: String::new() };
    let asset = |id| Asset { id, name: "x".into(), state: "uploaded".into(), size: 0, digest: None };
    let releases =
        [Release { assets: vec![asset(1)], ..published.clone() }, Release { assets: vec![asset(2)], ..draft.clone() }];
    for (step, announces) in [
        (Step::Create(fields.clone()), true),
        (update(7), true),
        (update(8), true),
        (upload(7), true),
        (upload(8), false),
        (Step::DeleteAsset(1), true),
        (Step::DeleteAsset(2), false),
        (Step::RenameAsset { id: 1, name: "y".into() }, true),
        (Step::DeleteTwin(8), false),
    ] {
        assert_eq!(step.announces(&releases), announces, "{step:?}");
    }
}

#[test]
fn the_files_that_differ_are_named() {
    let (mut releases, mut latest) = (vec![], None);
    let (full, partial) = (wanted(LineStatus::Full), wanted(LineStatus::Partial));
    let other =
        Wanted { lock_files: vec![LockFile { name: "images.lock.json".into(), text: "{ }\n".into() }], ..full.clone() };
    assert_eq!(full.asset_changes(None), [("images.lock.json", AssetChange::Added)]);
    assert_eq!(partial.asset_changes(None), []);
    run(&mut releases, &mut latest, &full);
    assert_eq!(full.asset_changes(releases.first()), []);
    assert_eq!(other.asset_changes(releases.first()), [("images.lock.json", AssetChange::Replaced)]);
    assert_eq!(partial.asset_changes(releases.first()), [("images.lock.json", AssetChange::Removed)]);
}

#[test]
fn a_full_release_that_lists_an_image_is_kept_when_that_is_not_proven_any_more() {
    let (mut releases, mut latest) = (vec![], None);
    let docs: ServiceName = "docs".parse().unwrap();
    let table = "### Images\n\n| api | `docker pull x/api:1` |\n";
    let listing = Wanted { head: format!("{table}| docs | `docker pull x/docs:1` |"), ..wanted(LineStatus::Full) };
    run(&mut releases, &mut latest, &listing);
    let lost = Wanted { head: table.into(), ..wanted(LineStatus::Full) };
    let (steps, end) = run(&mut releases, &mut latest, &lost);
    assert_eq!((steps, end), (vec![], Step::Keep { release: releases[0].id, lists: vec![docs.clone()] }));
    let moved = Wanted { commit: "b".repeat(40).parse().unwrap(), ..lost.clone() };
    assert!(matches!(next_step(&releases, latest, &moved), Step::Upload { .. } | Step::Update { .. }));
    let mut never_listed = vec![];
    run(&mut never_listed, &mut latest, &lost);
    assert_eq!(next_step(&never_listed, latest, &lost), Step::Done { release: never_listed[0].id });
    assert!(matches!(next_step(&never_listed, latest, &listing), Step::Update { .. }), "more is welcome");
}

#[test]
fn a_run_that_dies_after_any_write_is_healed_by_the_next() {
    for start in [None, Some(LineStatus::Partial)] {
        let before = |releases: &mut Vec<Release>, latest: &mut Option<u64>| {
            if let Some(status) = start {
                run(releases, latest, &wanted(status));
            }
        };
        let (mut clean, mut clean_latest) = (vec![], None);
        before(&mut clean, &mut clean_latest);
        let writes = run(&mut clean, &mut clean_latest, &wanted(LineStatus::Full)).0.len();
        for survived in 0..writes {
            let (mut releases, mut latest) = (vec![], None);
            before(&mut releases, &mut latest);
            for _ in 0..survived {
                let step = next_step(&releases, latest, &wanted(LineStatus::Full));
                apply(&mut releases, &mut latest, &step);
            }
            run(&mut releases, &mut latest, &wanted(LineStatus::Full));
            assert_eq!(releases[0].body(), clean[0].body());
            assert_eq!((releases.len(), names(&releases), latest), (1, names(&clean), clean_latest));
        }
    }
}

#[test]
fn a_full_release_of_the_same_commit_is_never_lessened_and_of_another_is_made_anew() {
    let (mut releases, mut latest) = (vec![], None);
    run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    let (steps, end) = run(&mut releases, &mut latest, &wanted(LineStatus::Partial));
    assert!(steps.is_empty() && matches!(end, Step::Refuse(Refusal::WouldLessen { .. })));
    let moved = Wanted {
        commit: "b".repeat(40).parse().unwrap(),
        changelog: Some("* another change".into()),
        ..wanted(LineStatus::Partial)
    };
    run(&mut releases, &mut latest, &moved);
    assert!(releases[0].body().contains("* another change") && !releases[0].body().contains("* a change"));
    assert_eq!(names(&releases), Vec::<&str>::new(), "a lock belongs to full releases only");
}

#[test]
fn of_several_own_drafts_the_lowest_stays() {
    let (mut releases, mut latest) = (vec![], None);
    for _ in 0..6 {
        let step = next_step(&[], None, &wanted(LineStatus::Full));
        apply(&mut releases, &mut latest, &step);
    }
    let asset = |name: &str| Asset { id: 7, name: name.into(), state: "uploaded".into(), size: 3, digest: None };
    releases[1].body = releases[1].body.as_ref().map(|body| format!("{body}\nmy own words"));
    releases[2].assets.push(asset("handbook.pdf"));
    releases[3].name = Some("The big one".into());
    releases[4].assets.extend([asset("images.lock.json"), asset("images.lock.json.0123abcd")]);
    let lowest = releases[0].id;
    run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    let kept: Vec<u64> = releases.iter().map(|release| release.id - lowest).collect();
    assert_eq!(kept, [0, 1, 2, 3], "a draft that holds a person's text, file or title is never deleted");
    assert!(!releases[0].draft && releases[1..].iter().all(|release| release.draft));
}

#[test]
fn a_persons_release_keeps_title_flag_and_text() {
    let mut theirs = release(7, "v1.0.0");
    (theirs.name, theirs.body, theirs.prerelease) = (Some("The big one".into()), Some("Dear all,\r\n".into()), true);
    let (mut releases, mut latest) = (vec![theirs], None);
    run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    assert_eq!((releases[0].title(), releases[0].prerelease, latest), ("The big one", true, None));
    assert!(releases[0].body().ends_with("Dear all,\r\n"));
    assert_eq!(run(&mut releases, &mut latest, &wanted(LineStatus::Full)).0, []);
}

#[test]
fn a_persons_draft_stays_a_draft_unless_it_is_adopted() {
    let draft = Release { draft: true, body: Some("Dear all".into()), ..release(7, "v1.0.0") };
    let (mut releases, mut latest) = (vec![draft], None);
    for _ in 0..2 {
        run(&mut releases, &mut latest, &wanted(LineStatus::Full));
        assert!(releases[0].draft && releases[0].body().contains("Full table"));
    }
    run(&mut releases, &mut latest, &Wanted { adopt_drafts: true, ..wanted(LineStatus::Full) });
    assert!(!releases[0].draft && releases[0].body().contains("Dear all"));
}

#[test]
fn several_drafts_of_people_are_an_error_that_names_them() {
    let draft = |id| Release { draft: true, ..release(id, "v1.0.0") };
    let end = next_step(&[draft(7), draft(8)], None, &wanted(LineStatus::Full));
    assert!(matches!(end, Step::Refuse(Refusal::SeveralDrafts { urls }) if urls.len() == 2));
}

#[test]
fn a_title_that_a_person_gave_later_is_kept() {
    let (mut releases, mut latest) = (vec![], None);
    run(&mut releases, &mut latest, &wanted(LineStatus::Partial));
    releases[0].name = Some("Their title".into());
    run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    assert_eq!(releases[0].title(), "Their title");
}

#[test]
fn an_immutable_partial_heals_without_touching_its_assets() {
    let (mut releases, mut latest) = (vec![], None);
    run(&mut releases, &mut latest, &wanted(LineStatus::Partial));
    releases[0].immutable = true;
    run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    assert!(names(&releases).is_empty() && releases[0].body().contains("<details>"));
    assert_eq!(run(&mut releases, &mut latest, &wanted(LineStatus::Full)).0, []);
}

#[test]
fn a_file_that_does_not_fit_into_an_immutable_release_is_left_out() {
    let (mut releases, mut latest) = (vec![], None);
    run(&mut releases, &mut latest, &wanted(LineStatus::Partial));
    releases[0].immutable = true;
    let lock = LockFile { name: "images.lock.json".into(), text: "x".repeat(BODY_LIMIT) };
    let pins = LockFile { name: "images.compose.yml".into(), text: "services:\n".into() };
    let full = Wanted { lock_files: vec![lock, pins], ..wanted(LineStatus::Full) };
    run(&mut releases, &mut latest, &full);
    let body = releases[0].body();
    assert!(body.chars().count() <= BODY_LIMIT && body.contains("`images.lock.json` is too long"), "{}", body.len());
    assert!(body.contains("services:") && body.contains("* a change"));
}

#[test]
fn a_half_uploaded_lock_is_thrown_away() {
    let (mut releases, mut latest) = (vec![], None);
    let create = next_step(&releases, latest, &wanted(LineStatus::Full));
    apply(&mut releases, &mut latest, &create);
    let upload = next_step(&releases, latest, &wanted(LineStatus::Full));
    apply(&mut releases, &mut latest, &upload);
    releases[0].assets[0].state = "starter".into();
    let (steps, _) = run(&mut releases, &mut latest, &wanted(LineStatus::Full));
    assert!(matches!(steps[0], Step::DeleteAsset(_)));
    assert_eq!(names(&releases), ["images.lock.json"]);
}

#[test]
fn a_draft_is_left_a_draft_when_asked() {
    let (mut releases, mut latest) = (vec![], None);
    run(&mut releases, &mut latest, &Wanted { publish: false, ..wanted(LineStatus::Full) });
    assert!(releases[0].draft && latest.is_none());
}
