//! Where the registries are and who may use them, as `registry.sh` says; and the running of other people's programs.

use std::process::Output;

use runner::Environment;
use tokio::process::Command;

/// A registry, and the account that it wants.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    /// Name and password; `None` = it is open to everybody.
    pub(crate) account: Option<(String, String)>,
}

impl Place {
    /// The docker-registry with htpasswd authentication.
    pub(crate) fn locked() -> Self {
        Self { host: variable("E2E_LOCKED_REGISTRY"), account: Some((variable("E2E_USER"), variable("E2E_PASSWORD"))) }
    }

    /// The docker-registry without authentication.
    pub(crate) fn open() -> Self {
        Self { host: variable("E2E_OPEN_REGISTRY"), account: None }
    }

    /// `name:password`, as skopeo and curl want it.
    pub(crate) fn credentials(&self) -> Option<String> {
        self.account.as_ref().map(|(name, password)| format!("{name}:{password}"))
    }
}

/// What the script says.
pub(crate) fn variable(name: &str) -> String {
    let value = Environment::capture().get(name).map(ToOwned::to_owned);
    value.unwrap_or_else(|| panic!("{name} is not set: run tests/e2e/registry.sh or build.sh"))
}

/// Runs a program of the system to its end.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().await;
    output.unwrap_or_else(|error| panic!("{program}: {error}: run tests/e2e/registry.sh, which installs it"))
}

/// What a program that must succeed prints.
pub(crate) async fn printed(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments).await;
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
