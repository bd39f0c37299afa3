//! What tags read from the cache, branches write. A run for a tag reads the caches of that tag and of the default branch
//! alone (GitHub, "Restrictions for accessing a cache"), so that only a build on the branch can warm it.

use super::builds::Build;
use super::{Findings, Rule};

pub(super) fn check(builds: &[Build<'_>], findings: &mut Findings) {
    // A registry keeps it beside the image.
    let key = |build: &Build<'_>| {
        let (kind, scope) = build.cache.as_ref()?;
        let image = build.image.as_ref().filter(|_| kind == "registry").map(|image| image.text.clone());
        Some((kind.clone(), scope.text.clone(), image))
    };
    let (releases, others) = builds.iter().partition::<Vec<_>, _>(|build| build.releases);
    for build in &releases {
        let Some((kind, scope)) = &build.cache else { continue };
        let mut ours = others.iter().filter(|other| other.writes && other.service.text == build.service.text);
        if builds.iter().any(|other| other.writes && key(other) == key(build)) {
            continue;
        }
        let name = &build.service.text;
        let help = match ours.find_map(|other| other.cache.as_ref()) {
            Some((other_kind, other)) => {
                format!("its build on a branch writes `{}` ({other_kind}): name the same in both", other.text)
            }
            None => format!("add ci-{name}.yml, which builds it on the default branch; or set `cache: none`"),
        };
        let message =
            format!("the release of `{name}` reads the cache `{}` ({kind}), which no branch writes", scope.text);
        findings.add(&build.workflow.path, scope.at, Rule::CacheScope, message, help);
    }
    for other in others.iter().filter(|other| other.writes && !other.workflow.is_on_tags()) {
        let Some((_, scope)) = &other.cache else { continue };
        let known = releases.iter().any(|build| build.service.text == other.service.text);
        if known && !releases.iter().any(|build| key(build) == key(other)) {
            findings.add(
                &other.workflow.path,
                scope.at,
                Rule::CacheScope,
                format!("no release reads the cache `{}` that this writes", scope.text),
                "name the cache of the release, or set `cache-write: false`",
            );
        }
    }
}
