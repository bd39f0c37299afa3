//! What the workflow asks for: the inputs of `action.yml`, typed. All problems are reported together, each with the
//! input's name, what was given and what is accepted. Defaults stand in `action.yml`; they are
//! used here too where nothing is handed over, but for `lock-file`, where nothing means no lock file.

use std::collections::HashSet;
use std::time::Duration;

use domain::decide::{OnMissing, RevisionPolicy};
use domain::image::{Host, Platform};
use domain::render::body::{MAX_NOTES, MAX_SERVICES};
use domain::service::{ServiceEntry, parse_list};
use domain::template::Template;
use domain::version::ReleaseTag;
use http::Uri;
use registry::Secret;
use runner::{Environment, Masker, Problem};
use serde::Deserialize;
use transport::Roots;

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
    token: Option<String>,
    registry_auth: Option<String>,
    insecure_registries: Option<String>,
    ca_file: Option<String>,
    api_url: Option<String>,
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
    /// GitHub's token.
    pub(crate) token: github::Token,
    /// The same token as a password for ghcr.io.
    pub(crate) token_secret: Secret,
    /// Credentials by host.
    pub(crate) registry_auth: Vec<RegistryLogin>,
    /// Hosts that may speak plain http.
    pub(crate) insecure_registries: HashSet<Host>,
    /// The built-in root certificates and those of `ca-file`.
    pub(crate) roots: Roots,
    /// Where the API is.
    pub(crate) api_url: Uri,
    /// Decide and report, write nothing.
    pub(crate) dry_run: bool,
}

/// A line of `registry-auth`.
#[derive(Debug)]
pub(crate) struct RegistryLogin {
    /// The host it is for, and no other.
    pub(crate) host: Host,
    /// The user name.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: Secret,
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

/// The longest wait that makes sense: a self-hosted job may run five days (GitHub, "Actions limits").
const MAX_WAIT: Duration = Duration::from_secs(5 * 24 * 3600);

/// Collects every problem while values are read.
struct Reader<'a> {
    masker: &'a Masker,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, name: &str, given: impl Into<String>, accepted: impl Into<String>) {
        self.problems.push(Problem { name: name.into(), given: given.into(), accepted: accepted.into() });
    }

    /// A value that parses itself; its error says what is accepted.
    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, name: &str, given: Option<&str>) -> Option<T> {
        match given?.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(name, quoted(given.unwrap_or_default()), format!("{error}"));
                None
            }
        }
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, name: &str, given: Option<&str>, words: &[(&str, T)], default: T) -> T {
        let Some(given) = given.map(str::trim) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == given) {
            return *value;
        }
        let accepted = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        self.problem(name, quoted(given), accepted);
        default
    }

    fn boolean(&mut self, name: &str, given: Option<&str>, default: bool) -> bool {
        self.word(name, given, &[("true", true), ("false", false)], default)
    }

    fn auto_boolean(&mut self, name: &str, given: Option<&str>) -> Option<bool> {
        self.word(name, given, &[("auto", None), ("true", Some(true)), ("false", Some(false))], None)
    }

    fn duration(&mut self, name: &str, given: Option<&str>, default: Duration, least: u64, most: Duration) -> Duration {
        let Some(given) = given.map(str::trim) else { return default };
        let bounds = Duration::from_secs(least)..=most;
        if let Some(duration) = parse_duration(given).filter(|duration| bounds.contains(duration)) {
            return duration;
        }
        let most = domain::render::log::duration(most);
        self.problem(
            name,
            quoted(given),
            format!("a duration from {least}s to {most}, such as `90`, `90s`, `5m` or `1h30m`"),
        );
        default
    }
}

/// What was given, short enough for one line, without control characters.
fn quoted(text: &str) -> String {
    format!("`{}`", transport::printable(text, 100))
}

/// `90`, `90s`, `5m`, `1h30m`: whole numbers with units in falling order, each at most once; no unit means seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let (mut seconds, mut rest, mut last_unit) = (0_u64, text, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        (rest, last_unit) = (&rest[digits + 1..], unit);
    }
    (last_unit != u64::MAX).then(|| Duration::from_secs(seconds))
}

impl Inputs {
    /// Reads and checks all inputs. `api_url`: where the API is when the input does not say. Secrets are hidden by
    /// `masker` before anything is said about them.
    pub(crate) fn read(
        environment: &Environment,
        api_url: Option<&str>,
        masker: &Masker,
    ) -> Result<Self, Vec<Problem>> {
        let raw: Raw = environment.inputs().map_err(|error| {
            vec![Problem { name: "inputs".into(), given: "this environment".into(), accepted: error.to_string() }]
        })?;
        let mut reader = Reader { masker, problems: Vec::new() };
        let inputs = reader.read(&raw, api_url);
        match (inputs, reader.problems.is_empty()) {
            (Some(inputs), true) => Ok(inputs),
            _ => Err(reader.problems),
        }
    }
}

impl Reader<'_> {
    fn read(&mut self, raw: &Raw, api_url: Option<&str>) -> Option<Inputs> {
        let services = self.services(raw.services.as_deref());
        let image = raw.image.as_deref().unwrap_or("ghcr.io/{repository}/{service}:{version}");
        let image = self.parsed::<Template>("image", Some(image));
        if let (Some(Some(services)), Some(image)) = (&services, &image) {
            let sharing = services.iter().filter(|service| service.image.is_none()).count();
            if sharing > 1 && !image.names_service() {
                self.problem(
                    "image",
                    quoted(&image.to_string()),
                    "a template that holds {service}, as several services share it",
                );
            }
        }
        let name = self.parsed::<Template>("name", Some(raw.name.as_deref().unwrap_or("{tag}")));
        if name.as_ref().is_some_and(Template::names_service) {
            self.problem(
                "name",
                quoted(raw.name.as_deref().unwrap_or_default()),
                "{repository}, {owner}, {repo}, {tag} and {version}: a release has no one service",
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
            self.problem("notes", format!("{} characters", notes.chars().count()), format!("at most {MAX_NOTES}"));
        }
        self.masker.hide(raw.token.as_deref().unwrap_or_default());
        let token =
            raw.token.as_deref().map(str::trim).filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        if token.is_none() {
            let given = if raw.token.is_some() { "a text with spaces or control characters" } else { "nothing" };
            self.problem("token", given, "a GitHub token, such as ${{ github.token }}");
        }
        let api_url = self.api_url(raw.api_url.as_deref().or(api_url));
        let inputs = Inputs {
            services: services.unwrap_or_default(),
            tag: self.parsed("tag", raw.tag.as_deref()),
            platforms: self.platforms(raw.platforms.as_deref()),
            revision: self.word("revision", raw.revision.as_deref(), &policy, RevisionPolicy::Auto),
            signals: self.word("signals", raw.signals.as_deref(), &[("on", true), ("off", false)], true),
            wait: self.auto_boolean("wait", raw.wait.as_deref()),
            timeout: self.duration("timeout", raw.timeout.as_deref(), Duration::from_secs(45 * 60), 1, MAX_WAIT),
            start_grace: self.duration(
                "start-grace",
                raw.start_grace.as_deref(),
                Duration::from_secs(300),
                0,
                MAX_WAIT,
            ),
            poll_interval: self.duration(
                "poll-interval",
                raw.poll_interval.as_deref(),
                Duration::from_secs(5),
                1,
                Duration::from_secs(600),
            ),
            on_missing: self.word("on-missing", raw.on_missing.as_deref(), &missing, OnMissing::Partial),
            changelog: self.changelog(raw.changelog.as_deref()),
            notes,
            prerelease: self.auto_boolean("prerelease", raw.prerelease.as_deref()),
            make_latest: self.auto_boolean("make-latest", raw.make_latest.as_deref()),
            draft: self.boolean("draft", raw.draft.as_deref(), false),
            adopt_drafts: self.boolean("adopt-drafts", raw.adopt_drafts.as_deref(), false),
            previous_tag: self.parsed("previous-tag", raw.previous_tag.as_deref().filter(|tag| tag.trim() != "auto")),
            lock_files: self.lock_files(raw.lock_file.as_deref()),
            token: github::Token::new(token.unwrap_or_default()),
            token_secret: Secret::new(token.unwrap_or_default()),
            registry_auth: self.registry_auth(raw.registry_auth.as_deref()),
            insecure_registries: self.hosts("insecure-registries", raw.insecure_registries.as_deref()),
            roots: self.ca_file(raw.ca_file.as_deref()),
            dry_run: self.boolean("dry-run", raw.dry_run.as_deref(), false),
            // Last, because what follows a missing one is not read.
            image: image?,
            name: name?,
            api_url: api_url?,
        };
        Some(inputs)
    }

    /// `None` when there is a problem; `Some(None)` for `auto`.
    #[expect(clippy::option_option, reason = "the outer tells a problem from a list")]
    fn services(&mut self, given: Option<&str>) -> Option<Option<Vec<ServiceEntry>>> {
        let given = given.unwrap_or("auto");
        if given.trim() == "auto" {
            return Some(None);
        }
        match parse_list(given) {
            Ok(services) if services.len() > MAX_SERVICES => {
                self.problem("services", format!("{} services", services.len()), format!("at most {MAX_SERVICES}"));
                None
            }
            Ok(services) if services.iter().all(|service| service.optional) => {
                self.problem("services", quoted(given), "at least one name without a `?`");
                None
            }
            Ok(services) => Some(Some(services)),
            Err(problems) => {
                for problem in problems {
                    self.problem("services", problem, "`auto`, or names as `name[?][=REF]`, each once");
                }
                None
            }
        }
    }

    fn platforms(&mut self, given: Option<&str>) -> Option<Vec<Platform>> {
        let words = given?.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut platforms: Vec<Platform> = Vec::new();
        for platform in words.filter_map(|word| self.parsed::<Platform>("platforms", Some(word))) {
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        (!platforms.is_empty()).then_some(platforms)
    }

    fn changelog(&mut self, given: Option<&str>) -> Changelog {
        match given.map(str::trim) {
            None | Some("generate") => Changelog::Generate,
            Some("none") => Changelog::None,
            Some(path) => {
                let inside = !path.starts_with('/') && path.split('/').all(|part| part != "..") && path.len() <= 500;
                if !inside || path.contains(char::is_control) {
                    self.problem(
                        "changelog",
                        quoted(path),
                        "`generate`, `none`, or the path of a file in the repository",
                    );
                }
                Changelog::File(path.to_owned())
            }
        }
    }

    fn lock_files(&mut self, given: Option<&str>) -> Vec<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let mut names: Vec<String> = Vec::new();
        let words = given.unwrap_or_default().split(|c: char| c.is_whitespace() || c == ',');
        for name in words.filter(|word| !word.is_empty()) {
            if name.len() > 100 || !name.bytes().all(plain) || name.starts_with('.') {
                self.problem("lock-file", quoted(name), "file names of letters, digits, `.`, `_` and `-`, or nothing");
            } else if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn registry_auth(&mut self, given: Option<&str>) -> Vec<RegistryLogin> {
        let mut logins: Vec<RegistryLogin> = Vec::new();
        for (number, line) in (1..).zip(given.unwrap_or_default().lines()).filter(|(_, line)| !line.trim().is_empty()) {
            // The line itself is never repeated: it holds a password.
            let mut words = line.split_whitespace();
            let (Some(host), Some(username), Some(password), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                self.problem(
                    "registry-auth",
                    format!("line {number}"),
                    "`HOST USERNAME PASSWORD`, separated by single spaces",
                );
                continue;
            };
            self.masker.hide(password);
            let Ok(host) = host.parse::<Host>() else {
                self.problem(
                    "registry-auth",
                    format!("the host of line {number}"),
                    "a host such as ghcr.io, without a scheme or a path",
                );
                continue;
            };
            if logins.iter().any(|login| login.host.api_authority() == host.api_authority()) {
                self.problem("registry-auth", format!("a second line for {host}"), "one line for each host");
                continue;
            }
            logins.push(RegistryLogin { host, username: username.to_owned(), password: Secret::new(password) });
        }
        logins
    }

    fn hosts(&mut self, name: &str, given: Option<&str>) -> HashSet<Host> {
        let words = given.unwrap_or_default().split(|c: char| c.is_whitespace() || c == ',');
        words.filter(|word| !word.is_empty()).filter_map(|word| self.parsed(name, Some(word))).collect()
    }

    fn ca_file(&mut self, given: Option<&str>) -> Roots {
        let mut roots = Roots::default();
        if let Some(path) = given.map(str::trim) {
            let read = std::fs::read(path).map_err(|error| error.to_string());
            if let Err(why) = read.and_then(|pem| roots.add(&pem)) {
                self.problem("ca-file", format!("{} ({why})", quoted(path)), "a PEM file below the workspace");
            }
        }
        roots
    }

    fn api_url(&mut self, given: Option<&str>) -> Option<Uri> {
        let given = given.map(str::trim).unwrap_or_default();
        let loopback =
            |uri: &Uri| uri.host().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_loopback());
        match given.trim_end_matches('/').parse::<Uri>() {
            Ok(uri)
                if uri.query().is_none()
                    && !uri.authority().is_none_or(|authority| authority.as_str().contains('@'))
                    && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && loopback(&uri))) =>
            {
                Some(uri)
            }
            _ => {
                self.problem(
                    "api-url",
                    quoted(given),
                    "an https address such as https://api.github.com (http only on loopback)",
                );
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_or_units_in_falling_order() {
        let seconds = |text: &str| parse_duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("5m"), Some(300));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("1h1m1s"), Some(3661));
        for text in [
            "",
            "m",
            "1.5h",
            "-1",
            "1m1h",
            "5m5m",
            "5 m",
            "1d",
            "\u{661}s",
            "99999999999999999999",
            "99999999999999999h",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
