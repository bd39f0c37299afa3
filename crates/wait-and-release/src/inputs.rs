//! What the workflow asks for: the inputs of `action.yml`, typed. All problems are reported together, each with the
//! input's name, what was given and what is accepted. How the services are reached is read by `action`. Defaults stand in `action.yml`; they are
//! used here too where nothing is handed over, but for `lock-file`, where nothing means no lock file.

use std::time::Duration;

use action::{InputReader, MAX_WAIT, quoted};
use domain::decide::{OnMissing, RevisionPolicy};
use domain::image::Platform;
use domain::render::body::{MAX_NOTES, MAX_SERVICES};
use domain::service::{ServiceEntry, parse_list};
use domain::template::Template;
use domain::version::ReleaseTag;
use runner::Environment;
use serde::Deserialize;

/// The inputs as the runner hands them over; `None` is absent or blank.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    services: Option<String>,
    image: Option<String>,
    tag: Option<String>,
    platforms: Option<String>,
    revision: Option<String>,
    signals: Option<String>,
    wait: Option<String>,
    timeout: Option<String>,
    start_grace: Option<String>,
    poll_interval: Option<String>,
    on_missing: Option<String>,
    changelog: Option<String>,
    notes: Option<String>,
    name: Option<String>,
    prerelease: Option<String>,
    make_latest: Option<String>,
    draft: Option<String>,
    adopt_drafts: Option<String>,
    previous_tag: Option<String>,
    lock_file: Option<String>,
    dry_run: Option<String>,
}

/// The inputs, checked.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an input of that name")]
pub(crate) struct Inputs {
    /// Which services; `None` = read them from the workflow files at the tag.
    pub(crate) services: Option<Vec<ServiceEntry>>,
    /// Where a service's image stands.
    pub(crate) image: Template,
    /// The tag; `None` = from the event.
    pub(crate) tag: Option<ReleaseTag>,
    /// The platforms that every image must hold; `None` = what the service's green signal names.
    pub(crate) platforms: Option<Vec<Platform>>,
    /// How strictly an image must name the tag's commit.
    pub(crate) revision: RevisionPolicy,
    /// Whether commit statuses are read.
    pub(crate) signals: bool,
    /// Whether to wait; `None` = by the event.
    pub(crate) wait: Option<bool>,
    /// How long in all.
    pub(crate) timeout: Duration,
    /// How long a service may show no sign of life.
    pub(crate) start_grace: Duration,
    /// The least time between two looks at one image.
    pub(crate) poll_interval: Duration,
    /// What becomes of a release that lacks an image.
    pub(crate) on_missing: OnMissing,
    /// Where the changelog comes from.
    pub(crate) changelog: Changelog,
    /// Markdown above the rest; empty = none.
    pub(crate) notes: String,
    /// The release title.
    pub(crate) name: Template,
    /// The pre-release flag; `None` = by semver.
    pub(crate) prerelease: Option<bool>,
    /// The latest flag; `None` = by semver.
    pub(crate) make_latest: Option<bool>,
    /// Whether even a full release stays a draft.
    pub(crate) draft: bool,
    /// Whether a draft that a person made is published.
    pub(crate) adopt_drafts: bool,
    /// Where the changelog starts; `None` = the highest full release below.
    pub(crate) previous_tag: Option<ReleaseTag>,
    /// The names of the files that pin every image; empty = none.
    pub(crate) lock_files: Vec<String>,
    /// Decide and report, write nothing.
    pub(crate) dry_run: bool,
}

/// Where the changelog comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changelog {
    /// GitHub's generated notes.
    Generate,
    /// A Keep-a-Changelog file at the tag's commit.
    File(String),
    /// There is none.
    None,
}

impl Inputs {
    /// Reads and checks the inputs. `None` only when the reader got a problem with them.
    pub(crate) fn read(environment: &Environment, reader: &mut InputReader<'_>) -> Option<Self> {
        let raw: Raw = reader.raw(environment);
        let services = services(reader, raw.services.as_deref());
        let image = raw.image.as_deref().unwrap_or("ghcr.io/{repository}/{service}:{version}");
        let image = reader.parsed::<Template>("image", Some(image));
        if let (Some(Some(services)), Some(image)) = (&services, &image) {
            let sharing = services.iter().filter(|service| service.image.is_none()).count();
            if sharing > 1 && !image.names_service() {
                reader.problem(
                    "image",
                    quoted(&image.to_string()),
                    "a template that holds {service}, as several services share it",
                );
            }
        }
        let named =
            services.iter().flatten().flatten().filter_map(|service| Some((&service.name, service.image.as_ref()?)));
        let named: Vec<_> = named.filter(|(_, image)| !image.names_service()).collect();
        for (index, (name, image)) in named.iter().enumerate() {
            if let Some((other, _)) = named[..index].iter().find(|(_, other)| other == image) {
                let accepted = "an image for each service: it would prove both";
                reader.problem("services", format!("`{image}` of {other} and {name}"), accepted);
            }
        }
        let name = reader.parsed::<Template>("name", Some(raw.name.as_deref().unwrap_or("{tag}")));
        if name.as_ref().is_some_and(Template::names_service) {
            reader.problem(
                "name",
                quoted(raw.name.as_deref().unwrap_or_default()),
                "{repository}, {owner}, {repo}, {tag}, {version} and {revision}: a release has no one service",
            );
        }
        let policy =
            [("auto", RevisionPolicy::Auto), ("require", RevisionPolicy::Require), ("off", RevisionPolicy::Off)];
        let missing = [
            ("partial", OnMissing::Partial),
            ("draft", OnMissing::Draft),
            ("fail", OnMissing::Fail),
            ("none", OnMissing::None),
        ];
        let notes = raw.notes.clone().unwrap_or_default();
        if notes.chars().count() > MAX_NOTES {
            reader.problem("notes", format!("{} characters", notes.chars().count()), format!("at most {MAX_NOTES}"));
        }
        Some(Self {
            services: services.unwrap_or_default(),
            tag: reader.parsed("tag", raw.tag.as_deref()),
            platforms: reader.platforms(raw.platforms.as_deref()),
            revision: reader.word("revision", raw.revision.as_deref(), &policy, RevisionPolicy::Auto),
            signals: reader.word("signals", raw.signals.as_deref(), &[("on", true), ("off", false)], true),
            wait: reader.auto_boolean("wait", raw.wait.as_deref()),
            timeout: reader.duration("timeout", raw.timeout.as_deref(), Duration::from_secs(45 * 60), 1, MAX_WAIT),
            start_grace: reader.duration(
                "start-grace",
                raw.start_grace.as_deref(),
                Duration::from_secs(300),
                0,
                MAX_WAIT,
            ),
            poll_interval: reader.duration(
                "poll-interval",
                raw.poll_interval.as_deref(),
                Duration::from_secs(5),
                1,
                Duration::from_secs(600),
            ),
            on_missing: reader.word("on-missing", raw.on_missing.as_deref(), &missing, OnMissing::Partial),
            changelog: changelog(reader, raw.changelog.as_deref()),
            notes,
            prerelease: reader.auto_boolean("prerelease", raw.prerelease.as_deref()),
            make_latest: reader.auto_boolean("make-latest", raw.make_latest.as_deref()),
            draft: reader.boolean("draft", raw.draft.as_deref(), false),
            adopt_drafts: reader.boolean("adopt-drafts", raw.adopt_drafts.as_deref(), false),
            previous_tag: reader.parsed("previous-tag", raw.previous_tag.as_deref().filter(|tag| tag.trim() != "auto")),
            lock_files: lock_files(reader, raw.lock_file.as_deref()),
            dry_run: reader.boolean("dry-run", raw.dry_run.as_deref(), false),
            // Last, because what follows a missing one is not read.
            image: image?,
            name: name?,
        })
    }
}

/// `None` when there is a problem; `Some(None)` for `auto`.
#[expect(clippy::option_option, reason = "the outer tells a problem from a list")]
fn services(reader: &mut InputReader<'_>, given: Option<&str>) -> Option<Option<Vec<ServiceEntry>>> {
    let given = given.unwrap_or("auto");
    if given.trim() == "auto" {
        return Some(None);
    }
    match parse_list(given) {
        Ok(services) if services.len() > MAX_SERVICES => {
            reader.problem("services", format!("{} services", services.len()), format!("at most {MAX_SERVICES}"));
            None
        }
        Ok(services) if services.iter().all(|service| service.optional) => {
            reader.problem("services", quoted(given), "at least one name without a `?`");
            None
        }
        Ok(services) => Some(Some(services)),
        Err(problems) => {
            for problem in problems {
                reader.problem("services", problem, "`auto`, or names as `name[?][=REF]`, each once");
            }
            None
        }
    }
}

fn changelog(reader: &mut InputReader<'_>, given: Option<&str>) -> Changelog {
    match given.map(str::trim) {
        None | Some("generate") => Changelog::Generate,
        Some("none") => Changelog::None,
        Some(path) => {
            let inside = !path.starts_with('/') && path.split('/').all(|part| part != "..") && path.len() <= 500;
            if !inside || path.contains(char::is_control) {
                reader.problem(
                    "changelog",
                    quoted(path),
                    "`generate`, `none`, or the path of a file in the repository",
                );
            }
            Changelog::File(path.to_owned())
        }
    }
}

fn lock_files(reader: &mut InputReader<'_>, given: Option<&str>) -> Vec<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let mut names: Vec<String> = Vec::new();
    let words = given.unwrap_or_default().split(|c: char| c.is_whitespace() || c == ',');
    for name in words.filter(|word| !word.is_empty()) {
        if name.len() > 100 || !name.bytes().all(plain) || name.starts_with('.') {
            reader.problem("lock-file", quoted(name), "file names of letters, digits, `.`, `_` and `-`, or nothing");
        } else if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}
