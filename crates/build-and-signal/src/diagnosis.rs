//! Why a call of buildx failed, by what it printed. Pure. The registry has the last word on what was pushed; this says
//! what to do: try again, use another builder, mend the Dockerfile, grant a permission.

/// Why buildx failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    /// What kind of failure.
    pub(crate) class: Class,
    /// The last words of buildx: untrusted text of one line.
    pub(crate) said: String,
}

/// What kind of failure it is, by what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The Dockerfile, or what it runs.
    Dockerfile,
    /// A program of another platform was started without an emulator.
    Emulator,
    /// A base image, or the cache, could not be read.
    Pull {
        /// Whether it may work the next time.
        transient: bool,
    },
    /// The image could not be pushed.
    Push {
        /// Whether it may work the next time.
        transient: bool,
        /// Whether the registry refused the credentials.
        denied: bool,
    },
    /// The cache could not be written.
    CacheExport,
    /// The builder cannot do what was asked.
    Builder(&'static str),
    /// No daemon answers.
    Daemon,
    /// The disk is full.
    Disk,
    /// Something else.
    Other,
}

/// What a builder of the docker driver on the classic image store refuses, and the word for it (docker/buildx,
/// `driver/errors.go` and `build/build.go`).
const REFUSED: [(&str, &str); 4] = [
    ("Multi-platform build is not supported", "build for several platforms"),
    ("Attestation is not supported", "attest provenance or an SBOM"),
    ("Cache export is not supported", "write a cache"),
    ("OCI exporter is not supported", "write an OCI archive"),
];

/// Troubles of the moment: the server's (5xx, 429), or of the way to it.
const TRANSIENT: [&str; 22] = [
    // After the URL of the question; what follows is the server's own.
    ": 429",
    ": 500",
    ": 502",
    ": 503",
    ": 504",
    "toomanyrequests",
    "connection reset by peer",
    "connection refused",
    "connection timed out",
    "stream error",
    "broken pipe",
    "unexpected EOF",
    ": EOF",
    "i/o timeout",
    "TLS handshake timeout",
    "context deadline exceeded",
    "Client.Timeout exceeded",
    "http2: server sent GOAWAY",
    "server misbehaving",
    "Temporary failure in name resolution",
    "use of closed network connection",
    "no route to host",
];

/// What a registry says to credentials that it does not take.
const DENIED: [&str; 6] = [
    "401 Unauthorized",
    "403 Forbidden",
    "denied:",
    "insufficient_scope",
    "permission_denied",
    "authentication required",
];

impl Diagnosis {
    /// Reads the last lines that buildx printed, oldest first.
    pub(crate) fn of(lines: &[String]) -> Self {
        let said =
            lines.iter().rev().find_map(|line| line.strip_prefix("ERROR: ")).or(lines.last().map(String::as_str));
        let said = said.unwrap_or("it printed nothing").trim();
        Self { class: class(said, lines), said: said.to_owned() }
    }

    /// What kept the cache from being written in a call that ended well, as it may (`ignore-error=true`); `None` = nothing.
    pub(crate) fn of_success(lines: &[String]) -> Option<String> {
        let (step, said) = lines.iter().rev().find_map(|line| line.strip_prefix('#')?.split_once(" ERROR: "))?;
        let exports = |line: &String| line.strip_prefix(&format!("#{step} ")).is_some_and(exports_cache);
        lines.iter().any(exports).then(|| said.to_owned())
    }

    /// Whether the same call may end well the next time.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.class, Class::Pull { transient: true } | Class::Push { transient: true, .. })
    }

    /// A few words, for a commit status.
    pub(crate) fn name(&self) -> &'static str {
        match self.class {
            Class::Dockerfile => "Dockerfile",
            Class::Emulator => "no emulator",
            Class::Pull { .. } => "pull",
            Class::Push { denied: true, .. } => "push refused",
            Class::Push { .. } => "push",
            Class::CacheExport => "cache export",
            Class::Builder(_) => "builder",
            Class::Daemon => "no docker daemon",
            Class::Disk => "disk full",
            Class::Other => "build",
        }
    }

    /// What to do about it.
    pub(crate) fn next_step(&self) -> String {
        match self.class {
            Class::Dockerfile => "mend the Dockerfile, or what it runs".into(),
            Class::Emulator => {
                "set up emulation before this step (docker/setup-qemu-action, or the action build-image, which does), or build on a machine of that platform".into()
            }
            Class::Pull { transient: true } | Class::Push { transient: true, denied: false } => {
                "run this job again when the registry answers".into()
            }
            Class::Pull { transient: false } => {
                "check the name of the base image, and give `registry-auth` a line for its registry if it is private".into()
            }
            Class::Push { denied: true, .. } => {
                "grant `packages: write` and, for a package that was first pushed by hand, this repository access to it (package settings, \"Manage Actions access\"); for another registry give `registry-auth` a line `HOST USERNAME PASSWORD`".into()
            }
            Class::Push { .. } => "check that `image` names a repository that may be pushed to".into(),
            Class::CacheExport => "run this job again; `cache: none` builds without a cache".into(),
            Class::Builder(what) => format!(
                "this builder cannot {what}: put a step `uses: docker/setup-buildx-action` before this one, or use the action build-image, which does"
            ),
            Class::Daemon => {
                "run the job on a Linux machine with docker, or give it a remote builder by docker/setup-buildx-action".into()
            }
            Class::Disk => "make room on the runner's disk, or use a larger one".into(),
            Class::Other => "read the log of the build above".into(),
        }
    }
}

/// Whether a step of this name writes the cache (moby/buildkit, `cache/remotecache`).
fn exports_cache(step: &str) -> bool {
    step.starts_with("exporting cache") || step.starts_with("exporting to GitHub Actions Cache")
}

fn class(said: &str, lines: &[String]) -> Class {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let transient = says(&TRANSIENT);
    // First, as it quotes what was run, which may hold any of the words below.
    if says(&["did not complete successfully"]) {
        let no_emulator = lines.iter().any(|line| line.contains("exec format error"));
        return if no_emulator { Class::Emulator } else { Class::Dockerfile };
    }
    if let Some((_, what)) = REFUSED.iter().find(|(words, _)| said.contains(words)) {
        return Class::Builder(what);
    }
    if says(&[
        "Cannot connect to the Docker daemon",
        "failed to connect to the docker API",
        "no such file or directory: docker.sock",
    ]) {
        return Class::Daemon;
    }
    if says(&["no space left on device"]) {
        return Class::Disk;
    }
    if says(&["failed to push"]) {
        return Class::Push { transient, denied: says(&DENIED) };
    }
    // The section that buildx quotes names the step that failed.
    let failed_step = lines.iter().rev().find_map(|line| line.strip_prefix(" > ")).unwrap_or_default();
    if exports_cache(failed_step) || says(&["cache exporter"]) {
        return Class::CacheExport;
    }
    if failed_step.starts_with("exporting to image") {
        return Class::Push { transient, denied: says(&DENIED) };
    }
    if says(&["failed to resolve source metadata", "failed to load cache key", "httpReadSeeker", "failed to copy"]) {
        return Class::Pull { transient };
    }
    if says(&["dockerfile parse error", "failed to compute cache key", "failed to read dockerfile", "target stage"]) {
        return Class::Dockerfile;
    }
    if transient { Class::Pull { transient } } else { Class::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(log: &str) -> Class {
        Diagnosis::of(&log.lines().map(ToOwned::to_owned).collect::<Vec<_>>()).class
    }

    #[test]
    fn each_recorded_failure_has_its_class() {
        let pull = |transient| Class::Pull { transient };
        let push = |transient, denied| Class::Push { transient, denied };
        for (log, class) in [
            (include_str!("logs/copy-not-there.log"), Class::Dockerfile),
            (include_str!("logs/syntax.log"), Class::Dockerfile),
            (include_str!("logs/run-failed.log"), Class::Dockerfile),
            (include_str!("logs/target-not-there.log"), Class::Dockerfile),
            (include_str!("logs/exec-format-error.log"), Class::Emulator),
            (include_str!("logs/base-not-there.log"), pull(false)),
            (include_str!("logs/base-denied.log"), pull(false)),
            (include_str!("logs/base-connection-refused.log"), pull(true)),
            (include_str!("logs/base-429.log"), pull(true)),
            (include_str!("logs/base-503.log"), pull(true)),
            (include_str!("logs/base-reset.log"), pull(true)),
            (include_str!("logs/base-timeout.log"), pull(true)),
            (include_str!("logs/push-denied.log"), push(false, true)),
            (include_str!("logs/second-tag-refused.log"), push(false, true)),
            (include_str!("logs/push-429.log"), push(true, false)),
            (include_str!("logs/push-502.log"), push(true, false)),
            (include_str!("logs/push-reset.log"), push(true, false)),
            (include_str!("logs/push-timeout.log"), push(true, false)),
            (include_str!("logs/cache-export-refused.log"), Class::CacheExport),
            (include_str!("logs/classic-platforms.log"), Class::Builder("build for several platforms")),
            (include_str!("logs/classic-provenance.log"), Class::Builder("attest provenance or an SBOM")),
            (include_str!("logs/classic-cache-export.log"), Class::Builder("write a cache")),
            (include_str!("logs/no-daemon.log"), Class::Daemon),
            (include_str!("logs/disk-full.log"), Class::Disk),
        ] {
            assert_eq!(class_of(log), class, "{log}");
        }
    }

    #[test]
    fn a_cache_that_was_not_written_is_seen_in_a_call_that_ended_well() {
        let lines = |log: &str| log.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        let said = Diagnosis::of_success(&lines(include_str!("logs/cache-export-ignored.log")));
        assert!(said.is_some_and(|said| said.contains("401 Unauthorized")));
        let said = Diagnosis::of_success(&lines(include_str!("logs/cache-export-gha-ignored.log")));
        assert_eq!(said.as_deref(), Some("Bad credentials"));
        assert_eq!(Diagnosis::of_success(&lines(include_str!("logs/cache-not-read.log"))), None);
    }

    #[test]
    fn silence_is_told_apart_from_the_rest() {
        assert_eq!(class_of(""), Class::Other);
        assert_eq!(Diagnosis::of(&[]).said, "it printed nothing");
    }

    #[test]
    fn what_a_build_step_prints_is_not_taken_for_the_end() {
        let log = "#5 0.1 ERROR: failed to push x: 502 Bad Gateway\nERROR: failed to solve: process \"sh\" did not complete successfully: exit code: 1";
        assert_eq!(class_of(log), Class::Dockerfile);
    }
}
