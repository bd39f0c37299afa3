//! Which credentials each registry host is asked with: the line of `registry-auth` that names it, else docker's
//! `config.json`, else, on ghcr.io alone, the actor and the token, else none. The log says which, never what.

use domain::image::Host;
use registry::{Login, Secret};

use crate::session::Session;

/// The host that the actor and the token are used for.
const GHCR: &str = "ghcr.io";

impl Session {
    /// Finds the credentials of each host that was not met yet, and hands them to the registry client.
    pub async fn sign_in(&self, hosts: impl Iterator<Item = &Host>) {
        for host in hosts {
            if !self.met.lock().await.insert(host.api_authority().to_owned()) {
                continue;
            }
            let login = self.login(host).await;
            let source = login.as_ref().map_or("anonymous", Login::source);
            tracing::info!("credentials for {host}: {source}");
            if let Some(login) = login {
                self.registry.sign_in(host, login);
            }
        }
    }

    /// The credentials of `host`; `None` = it is asked anonymously.
    pub async fn login(&self, host: &Host) -> Option<Login> {
        let is_host = |other: &Host| other.api_authority() == host.api_authority();
        if let Some(line) = self.connection.registry_auth.iter().find(|line| is_host(&line.host)) {
            return Some(Login::new(&line.username, line.password.clone(), "registry-auth"));
        }
        if let Some(docker) = &self.docker {
            match docker.login(host, &self.masker).await {
                Ok(Some(login)) => {
                    let source =
                        login.helper.map_or("config.json".to_owned(), |helper| format!("config.json, {helper}"));
                    return Some(Login::new(login.username, Secret::new(login.password), source));
                }
                Ok(None) => {}
                Err(error) => tracing::warn!("docker's credentials for {host} are not used: {error}"),
            }
        }
        // GHCR looks at the password alone; some user name must stand there.
        let actor = self.runner.actor.as_deref().unwrap_or("github-actions");
        let token = || Login::new(actor, self.connection.token_secret.clone(), "the actor and token");
        (host.as_str() == GHCR).then(token)
    }
}
