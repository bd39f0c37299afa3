//! What buildx signs in with, and whom it trusts: a docker configuration of its own, readable by us alone, that goes away
//! with the run.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use domain::image::Host;
use registry::Login;
use serde_json::{Map, Value, json};

/// The name under which Docker Hub's credentials are kept (docker/cli, `registry.IndexServer`).
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The folder of the certificates of `ca-file`.
const CERTIFICATES: &str = "certificates";

/// A folder with a `config.json`; removed when dropped.
pub(crate) struct DockerFolder(tempfile::TempDir);

impl DockerFolder {
    /// Writes the configuration: what stands in the file of `inherited`, and `logins` over it. Helpers are left out, as
    /// their programs are not in the action's image; whom they sign in was asked before.
    pub(crate) fn write(
        inherited: Option<&Path>,
        logins: &[(Host, Login)],
        certificates: Option<&[u8]>,
    ) -> io::Result<Self> {
        // Only we can enter it.
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir()?;
        // The contexts that the configuration names, with their certificates.
        if let Some(contexts) = inherited.map(|folder| folder.join("contexts")).filter(|contexts| contexts.is_dir()) {
            symlink(contexts, folder.path().join("contexts"))?;
        }
        let inherited = inherited.and_then(|folder| fs::read(folder.join("config.json")).ok());
        let inherited: Option<Value> = inherited.and_then(|text| serde_json::from_slice(&text).ok());
        let config = config(inherited.as_ref().and_then(Value::as_object), logins);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.path().join("config.json"))?;
        file.write_all(config.to_string().as_bytes())?;
        if let Some(certificates) = certificates {
            fs::create_dir(folder.path().join(CERTIFICATES))?;
            fs::write(folder.path().join(CERTIFICATES).join("ca.pem"), certificates)?;
        }
        Ok(Self(folder))
    }

    /// `SSL_CERT_DIR` with the certificates of `ca-file` beside those of `inherited`; `None` when there are none to add. Go
    /// reads these folders after the one file of certificates that it finds (golang/go, `crypto/x509/root_unix.go`).
    pub(crate) fn certificates(&self, inherited: Option<&str>) -> Option<String> {
        let ours = self.0.path().join(CERTIFICATES);
        let inherited = inherited.map(|folders| format!(":{folders}")).unwrap_or_default();
        ours.is_dir().then(|| format!("{}{inherited}", ours.display()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

fn config(inherited: Option<&Map<String, Value>>, logins: &[(Host, Login)]) -> Value {
    let mut config = inherited.cloned().unwrap_or_default();
    for helper in ["credsStore", "credHelpers"] {
        config.remove(helper);
    }
    let mut auths = config.get("auths").and_then(Value::as_object).cloned().unwrap_or_default();
    for (host, login) in logins {
        let name = if host.as_str() == Host::DOCKER_HUB { DOCKER_HUB } else { host.as_str() };
        auths.insert(name.to_owned(), json!({ "auth": login.docker_auth() }));
    }
    config.insert("auths".to_owned(), Value::Object(auths));
    Value::Object(config)
}

#[cfg(test)]
mod tests {
    use registry::Secret;

    use super::*;

    fn login(host: &str) -> (Host, Login) {
        (host.parse().unwrap(), Login::new("ann", Secret::new("s3cret"), "a test"))
    }

    #[test]
    fn it_keeps_what_was_there_and_adds_the_logins() {
        let before = tempfile::tempdir().unwrap();
        let text = r#"{"auths":{"ghcr.io":{"auth":"b2xk"},"quay.io":{"auth":"cQ=="}},"proxies":{"default":{}},
            "credsStore":"pass","credHelpers":{"x":"y"}}"#;
        fs::write(before.path().join("config.json"), text).unwrap();
        let folder = DockerFolder::write(Some(before.path()), &[login("ghcr.io"), login("docker.io")], None).unwrap();
        let path = folder.path().join("config.json");
        let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let auth = json!({ "auth": "YW5uOnMzY3JldA==" });
        let auths = json!({ "ghcr.io": auth, "quay.io": { "auth": "cQ==" }, DOCKER_HUB: auth });
        assert_eq!(written, json!({ "auths": auths, "proxies": { "default": {} } }));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let gone = folder.path();
        drop(folder);
        assert!(!gone.exists());
    }

    #[test]
    fn a_file_that_makes_no_sense_is_as_none() {
        let before = tempfile::tempdir().unwrap();
        fs::write(before.path().join("config.json"), "[]").unwrap();
        let folder = DockerFolder::write(Some(before.path()), &[], None).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("config.json")).unwrap(), r#"{"auths":{}}"#);
    }

    #[test]
    fn certificates_stand_beside_what_is_trusted_already() {
        let folder = DockerFolder::write(None, &[], Some(b"pem")).unwrap();
        let ours = folder.path().join("certificates");
        assert_eq!(fs::read(ours.join("ca.pem")).unwrap(), b"pem");
        assert_eq!(folder.certificates(None).unwrap(), ours.display().to_string());
        assert_eq!(folder.certificates(Some("/a:/b")).unwrap(), format!("{}:/a:/b", ours.display()));
        assert_eq!(DockerFolder::write(None, &[], None).unwrap().certificates(Some("/a")), None);
    }
}
