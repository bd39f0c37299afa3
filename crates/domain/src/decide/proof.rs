//! What an image that is there is worth: its commit, its platforms, its digest.

use super::{Flaw, Proof, RevisionPolicy, Rules};
use crate::evidence::{ChildState, ClaimPlace, ImageFacts, RevisionClaim, Sight};
use crate::image::{Digest, Platform};
use crate::repository::CommitSha;

/// What an image must come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The commit of the tag.
    pub commit: &'a CommitSha,
    /// The address of the repository's pages, without a trailing `/`.
    pub repository_url: &'a str,
    /// How strictly the image must name that commit.
    pub revision: RevisionPolicy,
}

impl Rules {
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { commit: &self.commit, repository_url: &self.repository_url, revision: self.revision }
    }
}

/// What `sight` is worth to the one who built the image, who knows its digest where `built` names it. `platforms`: those
/// that it must hold; empty = whatever it holds.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn prove(sight: &Sight, platforms: &[Platform], built: Option<&Digest>, origin: Origin<'_>) -> Result<Proof, Flaw> {
    let signalled = Signalled { digest: built, wanted: platforms, last_digest: None, any: true };
    match sight {
        Sight::Image(facts) => match check(facts, signalled, origin) {
            Check::Proven(proof) => Ok(proof),
            Check::Flawed(flaw) => Err(flaw),
            Check::LookAgain => Err(Flaw::Unreachable("it was not looked at for every platform".into())),
        },
        Sight::Absent => Err(Flaw::Absent { elsewhere: None }),
        Sight::NotAnImage { why } => Err(Flaw::NotAnImage(why.clone())),
        Sight::Denied { why } => Err(Flaw::Denied(why.clone())),
        Sight::Unreachable { why } => Err(Flaw::Unreachable(why.clone())),
    }
}

/// What the service's signals say of the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signalled<'a> {
    /// The digest that the newest signal names, where it is green: the tag must resolve to it.
    pub(super) digest: Option<&'a Digest>,
    /// The platforms that the image must hold; empty = whatever it holds.
    pub(super) wanted: &'a [Platform],
    /// The digest that the last end names, where that was green: a redo may run since.
    pub(super) last_digest: Option<&'a Digest>,
    /// True when there is a signal at all.
    pub(super) any: bool,
}

/// The outcome of checking an image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    Proven(Proof),
    Flawed(Flaw),
    /// The look was made before it was known which platforms are wanted.
    LookAgain,
}

/// Checks commit, platforms and digest, in this order: the first flaw names the verdict.
pub(super) fn check(facts: &ImageFacts, signalled: Signalled<'_>, origin: Origin<'_>) -> Check {
    let wanted = signalled.wanted;
    let commit = match commit(facts, wanted, signalled, origin) {
        Ok(commit) => commit,
        Err(flaw) => return Check::Flawed(flaw),
    };
    let there: Vec<Platform> = facts.children.iter().map(|child| child.platform.clone()).collect();
    let missing: Vec<Platform> = wanted.iter().filter(|platform| !there.contains(platform)).cloned().collect();
    if !missing.is_empty() {
        return Check::Flawed(Flaw::LacksPlatforms { missing, there });
    }
    for child in facts.children.iter().filter(|child| wanted.is_empty() || wanted.contains(&child.platform)) {
        match &child.state {
            ChildState::Present => {}
            ChildState::Broken(why) => {
                return Check::Flawed(Flaw::Broken { platform: child.platform.clone(), why: why.clone() });
            }
            ChildState::NotLookedAt => return Check::LookAgain,
        }
    }
    if let Some(digest) = signalled.digest
        && *digest != facts.digest
    {
        return Check::Flawed(Flaw::OtherDigest { signalled: digest.clone(), found: facts.digest.clone() });
    }
    let commit_proven = match commit {
        Commit::Named | Commit::NotAsked => true,
        Commit::NotNamed => signalled.any,
    };
    let revision = matches!(commit, Commit::Named).then(|| origin.commit.to_string());
    let present = facts.children.iter().filter(|child| child.state == ChildState::Present);
    let platforms = present.map(|child| child.platform.clone()).collect();
    Check::Proven(Proof { digest: facts.digest.clone(), platforms, revision, commit_proven })
}

enum Commit {
    Named,
    NotNamed,
    NotAsked,
}

fn commit(
    facts: &ImageFacts,
    wanted: &[Platform],
    signalled: Signalled<'_>,
    origin: Origin<'_>,
) -> Result<Commit, Flaw> {
    if origin.revision == RevisionPolicy::Off {
        return Ok(Commit::NotAsked);
    }
    let claims: Vec<&RevisionClaim> = facts.claims.iter().filter(|claim| !is_inherited(claim, origin)).collect();
    if let Some(other) = claims.iter().find(|claim| !claim.revision.eq_ignore_ascii_case(origin.commit.as_str())) {
        return Err(Flaw::OtherCommit { found: other.revision.clone(), place: other.place.to_string() });
    }
    let named = |platform: &Platform| {
        claims.iter().any(|claim| match &claim.place {
            ClaimPlace::Index => true,
            ClaimPlace::Descriptor(of) | ClaimPlace::Manifest(of) | ClaimPlace::ConfigLabel(of) => of == platform,
        })
    };
    let asked = |platform: &&Platform| wanted.is_empty() || wanted.contains(platform);
    let all_named = facts.children.iter().map(|child| &child.platform).filter(asked).all(named);
    // Another digest than the newest signal names is a flaw of its own, found later.
    let vouched_for = signalled.digest.is_some() || signalled.last_digest == Some(&facts.digest);
    match origin.revision {
        _ if all_named && !claims.is_empty() => Ok(Commit::Named),
        RevisionPolicy::Auto if vouched_for || !signalled.any => Ok(Commit::NotNamed),
        RevisionPolicy::Require | RevisionPolicy::Auto => Err(Flaw::NoRevision),
        RevisionPolicy::Off => Ok(Commit::NotAsked),
    }
}

/// Labels are inherited from the base image (Dockerfile reference, "LABEL"), and so can carry its commit: a label beside a
/// source that is not this repository says nothing of this image.
fn is_inherited(claim: &RevisionClaim, origin: Origin<'_>) -> bool {
    let ours = |source: &str| {
        let source = source.trim_end_matches('/');
        source.strip_suffix(".git").unwrap_or(source).eq_ignore_ascii_case(origin.repository_url)
    };
    origin.revision == RevisionPolicy::Auto
        && matches!(claim.place, ClaimPlace::ConfigLabel(_))
        && claim.source.as_deref().is_some_and(|source| !ours(source))
}
