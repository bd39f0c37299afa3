//! Why an image has its verdict, and what to do about it.

use super::Subject;
use crate::decide::{Flaw, Judgement, Reason, Verdict};
use crate::image::{Host, platform_list};
use crate::remedy::{Remedy, Rerun, RunState};

/// Why `judgement` has its verdict: plain text of one line. It may hold text from the network; see `markdown::inline`.
pub fn why(judgement: &Judgement) -> String {
    match &judgement.reason {
        Reason::Proven => "proven on the registry".into(),
        Reason::CommitNotProven => {
            "there, with every platform; commit not proven: neither the image nor a signal names it".into()
        }
        Reason::NoEndReported => "proven on the registry; its build never reported an end".into(),
        Reason::BuildRuns => "its build reported that it runs".into(),
        Reason::EndNeverReported => "its build reported that it runs, and never an end; no image is proven".into(),
        Reason::BuildEnded { class, image_there, redo_possible } => {
            build_ended(judgement, class, *image_there, *redo_possible)
        }
        Reason::NothingYet => "no image and no signal yet".into(),
        Reason::NothingRuns { runs_active: true } => {
            "no image and no signal, while another run of this commit is still queued or running".into()
        }
        Reason::NothingRuns { runs_active: false } => "no image and no signal".into(),
        Reason::Flaw { flaw, signalled } => self::flaw(flaw, *signalled),
        Reason::NotLookedYet => "not looked at yet".into(),
    }
}

fn build_ended(judgement: &Judgement, class: &str, image_there: bool, redo_possible: bool) -> String {
    let mut text = match (judgement.verdict, class) {
        (Verdict::Cancelled, class) => format!("its build was {class}"),
        (_, "") => "its build failed".to_owned(),
        (_, class) => format!("its build failed: {class}"),
    };
    if image_there {
        text.push_str(" (an image of this commit is there)");
    }
    if redo_possible {
        text.push_str("; that was before this run, a redo may be on its way");
    }
    text
}

/// What is wrong with an image that was built: plain text of one line. It may hold text from the network.
pub fn wrong(flaw: &Flaw) -> String {
    self::flaw(flaw, false)
}

fn flaw(flaw: &Flaw, signalled: bool) -> String {
    let text = match flaw {
        Flaw::Absent { elsewhere: None } => "the registry does not have it".to_owned(),
        Flaw::Absent { elsewhere: Some(elsewhere) } => {
            format!("the registry has it as {elsewhere} only")
        }
        Flaw::OtherCommit { found, place } => {
            format!("it is of another commit: its {place} names revision {}", short(found))
        }
        Flaw::NoRevision => "it names no revision (label org.opencontainers.image.revision)".to_owned(),
        Flaw::LacksPlatforms { missing, there } => {
            format!("it lacks {}; it holds {}", platform_list(missing), platform_list(there))
        }
        Flaw::Broken { platform, why } => format!("its content for {platform} is not there: {why}"),
        Flaw::NotAnImage(why) => format!("what stands there is not an image: {why}"),
        Flaw::OtherDigest { signalled, found } => {
            format!("its build reported sha256:{}…, the tag resolves to sha256:{}…", signalled.short(), found.short())
        }
        Flaw::Denied(why) if signalled => format!("it is hidden from this token: {why}"),
        Flaw::Denied(why) => format!("never published, or hidden from this token: {why}"),
        Flaw::Unreachable(why) => format!("the registry gave no usable answer: {why}"),
    };
    match (signalled, flaw) {
        (true, Flaw::OtherDigest { .. }) | (false, _) => text,
        (true, _) => format!("its build reported success, but {text}"),
    }
}

fn short(revision: &str) -> String {
    revision.chars().take(40).collect()
}

/// How the image of `judgement` can be had after all: text, and the command where there is one.
pub fn cure(judgement: &Judgement, subject: Subject<'_>) -> Cure {
    let remedy = subject.remedies.get(&judgement.service);
    let last_good = remedy.and_then(|remedy| remedy.last_good.as_ref());
    let last_good = last_good.map(|good| format!("Until then, {} of {} is there.", good.image, good.tag));
    let flaw = if let Reason::Flaw { flaw, .. } = &judgement.reason { Some(flaw) } else { None };
    let (text, command) = match judgement.verdict {
        Verdict::Ready => (String::new(), None),
        _ if matches!(flaw, Some(Flaw::Absent { elsewhere: Some(_) })) => {
            let text = "Correct the `image` template (`{tag}` keeps a leading `v`, `{version}` drops it). Then run this workflow again.";
            (text.to_owned(), None)
        }
        Verdict::Denied => {
            (format!("To read it, {} Then run this workflow again.", access(judgement.reference.host())), None)
        }
        _ if matches!(flaw, Some(Flaw::Denied(_))) => {
            let (text, command) = build_again(judgement, remedy, subject);
            let access = access(judgement.reference.host());
            (format!("If it is there, {access} If not: {}", lower_first(&text)), command)
        }
        _ if matches!(flaw, Some(Flaw::NoRevision)) => {
            let (text, command) = build_again(judgement, remedy, subject);
            let label = "Let its build set the label `org.opencontainers.image.revision` to the commit.";
            (format!("{label} {text}"), command)
        }
        Verdict::Unreachable => ("Run this workflow again when the registry answers.".to_owned(), None),
        Verdict::Building
        | Verdict::Publishing
        | Verdict::Failed
        | Verdict::Cancelled
        | Verdict::Absent
        | Verdict::NotStarted
        | Verdict::Vanished
        | Verdict::WrongRevision
        | Verdict::MissingPlatform
        | Verdict::Incomplete
        | Verdict::NotAnImage
        | Verdict::OtherDigest => build_again(judgement, remedy, subject),
    };
    Cure { text, command, last_good }
}

/// How a job gets to read an image of `host` (GitHub, "Configuring a package's access control and visibility").
pub fn access(host: &Host) -> String {
    if host.as_str() == "ghcr.io" {
        "give this job `packages: read`, and this repository access to the package (package settings, \"Manage Actions access\").".into()
    } else {
        format!("give `registry-auth` a line `{host} USERNAME PASSWORD` of an account that may read it.")
    }
}

/// What to do about a missing image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cure {
    /// A sentence; it ends in a colon when a command follows.
    pub text: String,
    /// A command that can be pasted into a shell.
    pub command: Option<String>,
    /// A sentence about the image to use until then.
    pub last_good: Option<String>,
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// How a build is run again: text, and the command where there is one.
fn build_again(judgement: &Judgement, remedy: Option<&Remedy>, subject: Subject<'_>) -> (String, Option<String>) {
    // `[HOST/]OWNER/REPO`: without a host gh asks github.com (GitHub CLI manual, "gh run rerun").
    let url = subject.repository_url;
    let repository = url.split_once("://").map_or(url, |(_, rest)| rest);
    let repository = repository.strip_prefix("github.com/").unwrap_or(repository);
    let tag = subject.tag;
    let guess = || match (&judgement.run, RunState::guess(judgement.verdict)) {
        (Some(run), RunState::Failed) => Rerun::Failed(run.id),
        (Some(run), RunState::Ended | RunState::Going) => Rerun::Whole(run.id),
        (None, _) => Rerun::Dispatch { file: format!("release-{}.yml", judgement.service), at_tag: true },
    };
    let command = match remedy.map_or_else(guess, |remedy| remedy.rerun.clone()) {
        Rerun::Failed(id) => format!("gh run rerun {id} --failed -R {repository}"),
        Rerun::Whole(id) => format!("gh run rerun {id} -R {repository}"),
        Rerun::StillGoing => {
            let url = judgement.run.as_ref().map(|run| format!(": {}", run.url)).unwrap_or_default();
            return (format!("Its run is still going: wait for it, or cancel it and run it again{url}"), None);
        }
        Rerun::Dispatch { file, at_tag } => {
            let (file, tag) = (shell_word(&file), shell_word(tag.as_str()));
            let at = if at_tag { format!(" --ref {tag}") } else { String::new() };
            format!("gh workflow run {file} -R {repository}{at} -f tag={tag}")
        }
    };
    ("Run its build again:".to_owned(), Some(command))
}

/// A text as one word of a POSIX shell. A line end in it, which git lets a file name have, would end the command.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The verdict in words.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "ready",
        Verdict::Building => "building",
        Verdict::Publishing => "publishing",
        Verdict::Failed => "failed",
        Verdict::Cancelled => "cancelled",
        Verdict::Absent => "absent",
        Verdict::NotStarted => "not-started",
        Verdict::Vanished => "vanished",
        Verdict::WrongRevision => "wrong-revision",
        Verdict::MissingPlatform => "missing-platform",
        Verdict::Incomplete => "incomplete",
        Verdict::NotAnImage => "not-an-image",
        Verdict::OtherDigest => "other-digest",
        Verdict::Denied => "denied",
        Verdict::Unreachable => "unreachable",
    }
}
