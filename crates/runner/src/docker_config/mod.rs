//! Docker's `config.json`: the credentials that `docker login` left, and the helpers that keep them elsewhere.
//!
//! Own code instead of the `docker_credential` crate, which reads the environment itself and waits for a helper without
//! end. Sources: docker/cli, `cli/config/configfile/file.go` and `types/authconfig.go` (the file);
//! docker/docker-credential-helpers, `client/client.go` and `credentials/error.go` (the helpers).

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::image::Host;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::{Environment, Masker};

/// The name under which Docker Hub's credentials are kept (docker/cli, `registry.IndexServer`).
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The user name of an identity token at Azure's registry, which alone hands them out (Microsoft, "Authenticate with an
/// Azure container registry").
const IDENTITY: &str = "00000000-0000-0000-0000-000000000000";
/// What a helper gives as the user name of an identity token.
const IDENTITY_FROM_HELPER: &str = "<token>";
/// What a helper says when it keeps nothing for a host.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";
/// How long a helper may take: some ask the network.
const LONGEST_HELP: Duration = Duration::from_secs(10);
/// The most that is read of a helper; a token is a few kilobytes.
const MOST_HELP: u64 = 64 * 1024;

/// The file, read.
pub struct DockerConfig {
    path: PathBuf,
    file: File,
    /// What helpers may know of the environment.
    variables: Vec<(String, String)>,
}

/// A user name and a password. Has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct DockerLogin {
    /// The user name.
    pub username: String,
    /// The password, hidden already.
    pub password: String,
    /// The helper that gave it, such as `docker-credential-pass`.
    pub helper: Option<String>,
}

/// Why credentials cannot be used. Its text holds nothing of what the file or a helper said.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct DockerConfigError {
    place: String,
    why: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: Option<BTreeMap<String, Entry>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// The answer of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Help {
    username: String,
    secret: String,
}

impl DockerConfig {
    /// Reads `$DOCKER_CONFIG/config.json`, or `$HOME/.docker/config.json`; `None` when there is no such file.
    ///
    /// # Errors
    /// When there is one that cannot be read: its name and the position of the fault.
    pub fn read(environment: &Environment) -> Result<Option<Self>, DockerConfigError> {
        let home = || environment.get("HOME").map(|home| Path::new(home).join(".docker"));
        let Some(folder) = environment.get("DOCKER_CONFIG").map(PathBuf::from).or_else(home) else { return Ok(None) };
        let path = folder.join("config.json");
        let fault = |why: String| DockerConfigError { place: path.display().to_string(), why };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(fault(error.to_string())),
        };
        if text.trim_ascii().is_empty() {
            return Err(fault("it is empty".to_owned()));
        }
        // serde_json's own text may quote a password that stands in the wrong place.
        let file = serde_json::from_slice(&text).map_err(|error| {
            let what = if error.is_data() { "not what docker writes" } else { "no JSON" };
            fault(format!("it is {what}, at line {} column {}", error.line(), error.column()))
        })?;
        // Helpers need paths, homes and cloud accounts; the inputs and tokens of this action are none of their business.
        let ours = |name: &str| name.starts_with("INPUT_") || name.starts_with("ACTIONS_");
        let variables = environment.all().filter(|(name, _)| !ours(name));
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Some(Self { path, file, variables }))
    }

    /// The credentials for `host`: of its own helper, else of its entry, else of the helper for all hosts. They are hidden
    /// by `masker` before they are given. `None` when there are none.
    ///
    /// # Errors
    /// When there should be some that cannot be had: the helper and the host, or the file and the host.
    pub async fn login(&self, host: &Host, masker: &Masker) -> Result<Option<DockerLogin>, DockerConfigError> {
        let own = find(self.file.cred_helpers.as_ref(), host);
        if let Some(helper) = own.filter(|helper| !helper.is_empty()) {
            return self.ask(helper, host, masker).await;
        }
        if let Some(entry) = find(self.file.auths.as_ref(), host)
            && let Some(login) = self.entry(entry, host)?
        {
            masker.hide(&login.password);
            return Ok(Some(login));
        }
        // A helper of its own without a name means that there is none for this host.
        match self.file.creds_store.as_deref().filter(|helper| own.is_none() && !helper.is_empty()) {
            Some(helper) => self.ask(helper, host, masker).await,
            None => Ok(None),
        }
    }

    fn entry(&self, entry: &Entry, host: &Host) -> Result<Option<DockerLogin>, DockerConfigError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let login = |username, password| Ok(Some(DockerLogin { username, password, helper: None }));
        if let Some(token) = given(&entry.identitytoken) {
            return login(IDENTITY.to_owned(), token);
        }
        if let (Some(username), Some(password)) = (given(&entry.username), given(&entry.password)) {
            return login(username, password);
        }
        let Some(auth) = given(&entry.auth) else { return Ok(None) };
        let decoded = STANDARD.decode(auth.trim()).ok().and_then(|auth| String::from_utf8(auth).ok());
        // Old versions of docker padded the password (docker/cli, `decodeAuth`).
        match decoded
            .as_deref()
            .map(|decoded| decoded.trim_end_matches('\0'))
            .and_then(|decoded| decoded.split_once(':'))
        {
            Some((username, password)) if !username.is_empty() => login(username.to_owned(), password.to_owned()),
            _ => Err(DockerConfigError {
                place: self.path.display().to_string(),
                why: format!("`auth` of {host} is no base64 of USERNAME:PASSWORD"),
            }),
        }
    }

    /// Asks a helper: the host on its standard input, JSON on its standard output.
    async fn ask(&self, name: &str, host: &Host, masker: &Masker) -> Result<Option<DockerLogin>, DockerConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            let place = self.path.display().to_string();
            return Err(DockerConfigError { place, why: format!("the helper of {host} has no name of a program") });
        }
        let program = format!("docker-credential-{name}");
        let fault = |why: String| DockerConfigError { place: format!("{program}, asked for {host}"), why };
        let answer = match tokio::time::timeout(LONGEST_HELP, self.run(&program, server(host))).await {
            Err(_) => return Err(fault(format!("it gave no answer within {} s", LONGEST_HELP.as_secs()))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(fault("there is no such program here".to_owned()));
            }
            Ok(Err(error)) => return Err(fault(format!("it cannot be run: {error}"))),
            Ok(Ok((status, answer))) if status.success() => answer,
            Ok(Ok((_, answer))) if answer.trim_ascii() == NOT_FOUND => return Ok(None),
            Ok(Ok((status, _))) => return Err(fault(format!("it ended with {status}"))),
        };
        let Ok(Help { username, secret }) = serde_json::from_slice::<Help>(&answer) else {
            return Err(fault("its answer is not that of a credential helper".to_owned()));
        };
        masker.hide(&secret);
        if secret.is_empty() {
            return Ok(None);
        }
        let username = if username == IDENTITY_FROM_HELPER { IDENTITY.to_owned() } else { username };
        Ok(Some(DockerLogin { username, password: secret, helper: Some(program) }))
    }

    /// Dropped, it kills the program.
    async fn run(&self, program: &str, server: &str) -> io::Result<(std::process::ExitStatus, Vec<u8>)> {
        let mut command = Command::new(program);
        command.arg("get").env_clear().envs(self.variables.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A helper may answer without reading.
            let _ = input.write_all(server.as_bytes()).await;
        }
        let mut answer = Vec::new();
        if let Some(output) = child.stdout.take() {
            output.take(MOST_HELP).read_to_end(&mut answer).await?;
        }
        Ok((child.wait().await?, answer))
    }
}

/// The name that docker asks helpers by.
fn server(host: &Host) -> &str {
    if host.api_authority() == "registry-1.docker.io" { DOCKER_HUB } else { host.as_str() }
}

/// The entry of a host: under its very name, else under a URL of it (docker/cli, `credentials/file_store.go`, `Get`).
fn find<'a, T>(entries: Option<&'a BTreeMap<String, T>>, host: &Host) -> Option<&'a T> {
    let entries = entries?;
    let names_host = |key: &str| {
        let key = key.split_once("://").map_or(key, |(_, rest)| rest);
        let key = key.split('/').next().unwrap_or_default();
        key.parse::<Host>().is_ok_and(|key| key.api_authority() == host.api_authority())
    };
    entries.get(server(host)).or_else(|| entries.iter().find(|(key, _)| names_host(key)).map(|(_, entry)| entry))
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConfig").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
