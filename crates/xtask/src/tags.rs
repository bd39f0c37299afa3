//! Which tag a release makes and which it moves. Pure: the tags of the remote in, the updates out.
//!
//! `v1.2.3` is made once and never moves. `v1.2` and `v1` name the highest version of their line, so they move forward only: a
//! release of an older line leaves the newer ones where they are.

use std::collections::BTreeMap;

use domain::repository::CommitSha;
use semver::Version;

/// A tag that is to name another commit than it does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) tag: String,
    /// What it names now; `None` when it is not there.
    pub(crate) from: Option<CommitSha>,
    pub(crate) to: CommitSha,
}

/// Why a release must not be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("`{0}` is no final version written as v1.2.3: candidates are not published")]
    NotFinal(String),
    #[error("{tag} names {there} and never moves: publish the next version")]
    Published { tag: String, there: CommitSha },
    #[error("{tag} names {there}, which no version of its line does: find out who moved it, and set it back by hand")]
    Astray { tag: String, there: CommitSha },
}

/// A final version's tag, `v1.2.3` exactly.
fn version(tag: &str) -> Option<Version> {
    let version = Version::parse(tag.strip_prefix('v')?).ok()?;
    (version.pre.is_empty() && version.build.is_empty()).then_some(version)
}

/// The updates by which `commit` becomes the release `tag`, where the remote's tags are `there`. None when all is done.
///
/// # Errors
///
/// See [`Refusal`]; nothing may be updated then.
pub(crate) fn updates(
    tag: &str,
    commit: &CommitSha,
    there: &BTreeMap<String, CommitSha>,
) -> Result<Vec<Update>, Refusal> {
    let new = version(tag).ok_or_else(|| Refusal::NotFinal(tag.to_owned()))?;
    let mut updates = Vec::new();
    let mut set = |tag: &str| {
        let from = there.get(tag).cloned();
        if from.as_ref() != Some(commit) {
            updates.push(Update { tag: tag.to_owned(), from, to: commit.clone() });
        }
    };
    match there.get(tag) {
        Some(there) if there != commit => {
            return Err(Refusal::Published { tag: tag.to_owned(), there: there.clone() });
        }
        _ => set(tag),
    }
    for line in [format!("v{}.{}", new.major, new.minor), format!("v{}", new.major)] {
        let inside = format!("{line}.");
        let released: Vec<(Version, &CommitSha)> = there
            .iter()
            .filter(|(tag, _)| tag.starts_with(&inside))
            .filter_map(|(tag, at)| Some((version(tag)?, at)))
            .collect();
        if let Some(now) = there.get(&line)
            && now != commit
            && !released.iter().any(|(_, at)| *at == now)
        {
            return Err(Refusal::Astray { tag: line, there: now.clone() });
        }
        if released.iter().all(|(other, _)| *other <= new) {
            set(&line);
        }
    }
    Ok(updates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: char) -> CommitSha {
        digit.to_string().repeat(40).parse().unwrap()
    }

    /// `v1.2.3=a` and so on: what is there.
    fn tags(text: &str) -> BTreeMap<String, CommitSha> {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(tag, at)| (tag.to_owned(), commit(at.chars().next().unwrap()))).collect()
    }

    /// The same form: `tag=from>to`.
    fn told(updates: &[Update]) -> String {
        let short = |commit: &CommitSha| commit.as_str()[..1].to_owned();
        let one = |update: &Update| {
            format!("{}={}>{}", update.tag, update.from.as_ref().map(short).unwrap_or_default(), short(&update.to))
        };
        updates.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_move_forward_and_never_back() {
        let cases = [
            ("the first release makes all three", "", "v1.2.3", "v1.2.3=>f v1.2=>f v1=>f"),
            ("a patch moves both lines", "v1.2.3=a v1.2=a v1=a", "v1.2.4", "v1.2.4=>f v1.2=a>f v1=a>f"),
            ("a minor starts a line", "v1.2.3=a v1.2=a v1=a", "v1.3.0", "v1.3.0=>f v1.3=>f v1=a>f"),
            ("a major leaves the other alone", "v1.2.3=a v1.2=a v1=a", "v2.0.0", "v2.0.0=>f v2.0=>f v2=>f"),
            ("an old minor's patch leaves v1", "v1.2.3=a v1.3.0=b v1.2=a v1.3=b v1=b", "v1.2.4", "v1.2.4=>f v1.2=a>f"),
            ("an older patch moves no line", "v1.2.9=a v1.2=a v1=a", "v1.2.4", "v1.2.4=>f"),
            ("numbers are no text", "v1.9.0=a v1.9=a v1=a", "v1.10.0", "v1.10.0=>f v1.10=>f v1=a>f"),
            ("a candidate is no version", "v1.3.0-rc.1=a v1.2.3=b v1.2=b v1=b", "v1.2.4", "v1.2.4=>f v1.2=b>f v1=b>f"),
            ("foreign tags do not count", "v1.99=a latest=a 1.9.9=a v1.2=f v1=f v1.2.3=f", "v1.2.3", ""),
            ("what was interrupted is ended", "v1.2.3=a v1.2.4=f v1.2=f v1=a", "v1.2.4", "v1=a>f"),
        ];
        for (name, there, tag, expected) in cases {
            assert_eq!(told(&updates(tag, &commit('f'), &tags(there)).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn what_is_published_never_moves() {
        let refused = updates("v1.2.3", &commit('f'), &tags("v1.2.3=a v1.2=a v1=a"));
        assert_eq!(refused, Err(Refusal::Published { tag: "v1.2.3".to_owned(), there: commit('a') }));
    }

    #[test]
    fn a_line_that_somebody_moved_is_not_trusted() {
        for (there, tag) in
            [("v1.2.3=a v1.2=a v1=e", "v1"), ("v1.2.3=a v1.2=e v1=a", "v1.2"), ("v1.3.0=a v1.2=a", "v1.2")]
        {
            let refused = updates("v1.2.4", &commit('f'), &tags(there));
            assert!(matches!(&refused, Err(Refusal::Astray { tag: at, .. }) if at == tag), "{there}: {refused:?}");
        }
    }

    #[test]
    fn only_final_versions_are_published() {
        for tag in ["v1.2.3-rc.1", "v1.2.3+1", "1.2.3", "v1.2", "main", "v1.2.3 "] {
            assert_eq!(updates(tag, &commit('f'), &tags("")), Err(Refusal::NotFinal(tag.to_owned())), "{tag}");
        }
    }
}
