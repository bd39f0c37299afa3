//! The text of a release. Input: parts with a line `%%` between them: the text that is there, the `notes` input, what a
//! failed build says, the changelog, how often that is repeated, and the title that is there.

use std::collections::BTreeMap;

use domain::decide::{Judgement, Reason, Standing, Verdict};
use domain::image::Digest;
use domain::release::block::{BODY_LIMIT, Body, LineStatus};
use domain::release::page::Release;
use domain::release::plan::{Fields, Refusal, Step, Wanted, next_step};
use domain::render::markdown::foreign;
use domain::render::{Subject, body};
use domain::repository::{CommitSha, Repository};
use domain::version::ReleaseTag;
use jiff::Timestamp;

const TAG: &str = "v1.0.0";
const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// How each marker of ours starts.
const MARKER: &str = "<!-- release-actions:";

/// Whatever stands in a release, it is brought to what it should be in a few writes, after which nothing is left to be
/// written; no line of anybody else is lost; and no text of anybody else becomes a marker of ours.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split("\n%%\n");
    let mut part = || parts.next().unwrap_or_default();
    let (there, notes, class, changelog) = (part(), part(), part(), part());
    let (times, title) = (part().parse::<usize>().unwrap_or(1), part());
    let changelog = foreign(changelog.repeat(times.min(150_000 / changelog.len().max(1))).trim());
    for draft in [false, true] {
        let (mut page, mut latest) = (page(there, title, draft), None);
        for status in [LineStatus::Partial, LineStatus::Full] {
            let wanted = wanted(status, notes, class, &changelog);
            if !settle(&mut page, &mut latest, &wanted) {
                break;
            }
            check(there, page.body(), &wanted);
        }
    }
}

fn check(there: &str, body: &str, wanted: &Wanted) {
    let read = Body::read(body);
    let line = read.line().unwrap_or_else(|| panic!("no block of ours in {body}"));
    assert_eq!((line.tag.as_str(), line.status), (TAG, wanted.status), "{body}");
    let (lines, before, after) = people(there);
    let mut now = body.split('\n');
    for line in lines.into_iter().filter(|line| !line.trim().starts_with(MARKER) && !line.trim().is_empty()) {
        assert!(now.any(|there| there == line), "{line:?} is lost:\n{body}");
    }
    if there.trim().is_empty() {
        assert!(read.is_ours_alone(), "{body}");
    } else {
        assert!(body.contains(before) && body.ends_with(after), "{there:?} is changed:\n{body}");
    }
    let length = |text: &str| text.chars().count();
    assert!(
        length(body) <= BODY_LIMIT || length(there) + 4 * length(&wanted.head) > BODY_LIMIT / 2,
        "{}",
        length(body)
    );
}

/// The lines that are not in a block that we wrote and nobody changed, and the text before and after that block. A text
/// with markers and without such a block has lines alone.
fn people(text: &str) -> (Vec<&str>, &str, &str) {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let begin = lines.iter().position(|line| line.trim().starts_with("<!-- release-actions:begin {"));
    if let Some(begin) = begin
        && let Some(length) = lines[begin..].iter().position(|line| line.trim() == "<!-- release-actions:end -->")
    {
        let end = begin + length;
        let content = lines[begin + 1..end].iter().flat_map(|line| [line, "\n"]).collect::<String>();
        let digest = Digest::sha256(content.replace('\r', "").as_bytes());
        if lines[begin].contains(digest.as_str().trim_start_matches("sha256:")) {
            let at = |line: usize| lines[..line].iter().map(|line| line.len() + 1).sum::<usize>().min(text.len());
            let (before, after) = (&text[..at(begin)], &text[at(end + 1)..]);
            lines.drain(begin..=end);
            return (lines, before, after);
        }
    }
    (lines, "", if text.contains(MARKER) { "" } else { text })
}

/// Makes writes until there is none to make; false when none may be made.
fn settle(page: &mut Release, latest: &mut Option<u64>, wanted: &Wanted) -> bool {
    for _ in 0..4 {
        match next_step(std::slice::from_ref(page), *latest, wanted) {
            Step::Update { release, fields } => {
                *latest = latest.or(fields.latest.filter(|latest| *latest).map(|_| release));
                set(page, fields);
            }
            Step::Done { .. } | Step::Keep { .. } => return true,
            Step::Refuse(Refusal::WouldLessen { .. }) => {
                let body = Body::read(page.body());
                let may_be_full = body.line().map_or(body.bears_our_block(), |line| line.status == LineStatus::Full);
                assert!(!page.draft && may_be_full && wanted.status == LineStatus::Partial);
                return false;
            }
            other @ (Step::Create(_)
            | Step::DeleteTwin(_)
            | Step::Upload { .. }
            | Step::DeleteAsset(_)
            | Step::RenameAsset { .. }
            | Step::Refuse(_)) => panic!("{other:?}"),
        }
    }
    panic!("it does not settle:\n{}", page.body())
}

fn set(page: &mut Release, fields: Fields) {
    page.name = Some(fields.title);
    page.body = Some(fields.body);
    page.prerelease = fields.prerelease;
    page.draft = fields.draft.unwrap_or(page.draft);
}

fn page(body: &str, title: &str, draft: bool) -> Release {
    Release {
        id: 1,
        tag_name: TAG.into(),
        target_commitish: COMMIT.into(),
        name: Some(title.into()),
        body: Some(body.into()),
        draft,
        prerelease: false,
        immutable: false,
        created_at: Timestamp::UNIX_EPOCH,
        published_at: None,
        html_url: "https://github.com/octo/shop/releases/tag/v1.0.0".into(),
        upload_url: String::new(),
        assets: Vec::new(),
    }
}

fn wanted(status: LineStatus, notes: &str, class: &str, changelog: &str) -> Wanted {
    let (tag, commit): (ReleaseTag, CommitSha) = (TAG.parse().unwrap(), COMMIT.parse().unwrap());
    let repository: Repository = "octo/shop".parse().unwrap();
    let failed = Judgement {
        service: "api".parse().unwrap(),
        required: true,
        reference: "ghcr.io/octo/shop/api:1.0.0".parse().unwrap(),
        verdict: Verdict::Failed,
        standing: Standing::Missing,
        reason: Reason::BuildEnded { class: class.into(), image_there: false, redo_possible: false },
        proof: None,
        run: None,
        turns_at: None,
        in_start_grace: false,
    };
    let subject = Subject {
        repository: &repository,
        repository_url: "https://github.com/octo/shop",
        tag: &tag,
        commit: &commit,
        remedies: &BTreeMap::new(),
    };
    let full = status == LineStatus::Full;
    Wanted {
        status,
        title: if full { TAG.into() } else { format!("{TAG} (partial: 0 of 1 images)") },
        prerelease: !full,
        latest: full,
        publish: true,
        adopt_drafts: false,
        head: body::head(subject, notes, if full { &[] } else { std::slice::from_ref(&failed) }),
        changelog: (!changelog.is_empty()).then(|| changelog.to_owned()),
        full_changelog_url: "https://github.com/octo/shop/commits/v1.0.0".into(),
        lock_files: Vec::new(),
        newest_signal: None,
        decided_at: Timestamp::UNIX_EPOCH,
        commit: commit.clone(),
        tag: tag.clone(),
    }
}
