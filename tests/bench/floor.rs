//! The floor: one curl that sends exactly the requests that a run of ours sent, as fast as it can.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;
use transport::{Core, CoreOptions};

use crate::{Places, tokens};

/// What the probe sends, so that the registry does the same work for curl.
const ACCEPT: &str = "Accept: application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A request that came to the registry or to its token server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    method: String,
    /// Path and query.
    path: String,
    /// Whether it was let in; what was not, came without a token.
    is_let_in: bool,
}

impl Asked {
    /// Reads a line of the registry's access log: `… "GET /v2/… HTTP/1.1" 200 …`.
    pub(crate) fn of_registry(line: &str) -> Option<Self> {
        let mut parts = line.split('"').skip(1);
        let mut request = parts.next()?.split(' ');
        let (method, path) = (request.next()?.to_owned(), request.next()?.to_owned());
        Some(Self { method, path, is_let_in: !parts.next()?.trim_start().starts_with("401") })
    }

    /// Reads a line of the token server's log: `GET /token?…`.
    pub(crate) fn of_tokens(line: &str) -> Option<Self> {
        let (method, path) = line.split_once(' ')?;
        Some(Self { method: method.to_owned(), path: path.to_owned(), is_let_in: true })
    }

    /// The repository that it is about; `None` of a request for a token.
    fn repository(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("/v2/")?;
        rest.split_once("/manifests/").or_else(|| rest.split_once("/blobs/")).map(|(repository, _)| repository)
    }

    /// Whether it was let in.
    pub(crate) fn is_let_in(&self) -> bool {
        self.is_let_in
    }

    /// Whether it asks for a token.
    pub(crate) fn is_for_token(&self) -> bool {
        self.path.starts_with("/token")
    }
}

/// The curl that sends these requests, 128 at a time, without waiting for one before the other or whether connections can be
/// shared. It has all tokens beforehand.
pub(crate) async fn curl(folder: &Path, places: &Places, requests: &[Asked]) -> anyhow::Result<Vec<String>> {
    let tokens = all_tokens(places, requests).await?;
    let mut sections = Vec::with_capacity(requests.len());
    for request in requests {
        let host = if request.is_for_token() { &places.tokens } else { &places.registry };
        let mut section = format!("url = \"http://{host}{}\"\noutput = \"/dev/null\"\n", request.path);
        if request.method == "HEAD" {
            section.push_str("head\n");
        }
        if let Some(repository) = request.repository() {
            if request.path.contains("/manifests/") {
                section.extend(["header = \"", ACCEPT, "\"\n"]);
            }
            let token = tokens.get(repository).filter(|_| request.is_let_in);
            section.extend(token.map(|token| format!("header = \"Authorization: Bearer {token}\"\n")));
        }
        sections.push(section);
    }
    let file = folder.join("curl");
    std::fs::write(&file, sections.join("next\n"))?;
    let options = ["--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", "128", "--config"];
    Ok(["curl"].into_iter().chain(options).map(String::from).chain([file.display().to_string()]).collect())
}

async fn all_tokens(places: &Places, requests: &[Asked]) -> anyhow::Result<BTreeMap<String, String>> {
    let core = Core::reqwest(&CoreOptions { user_agent: "bench".to_owned(), ..CoreOptions::default() })?;
    let transport = transport::layered(core, transport::Settings::default());
    let repositories: std::collections::BTreeSet<&str> = requests.iter().filter_map(Asked::repository).collect();
    let mut fetches = JoinSet::new();
    for repository in repositories {
        let (transport, address, repository) = (transport.clone(), places.tokens.clone(), repository.to_owned());
        fetches.spawn(async move {
            let token = tokens::fetch(&transport, &address, &repository, "pull").await?;
            anyhow::Ok((repository, token))
        });
    }
    let tokens = fetches.join_all().await.into_iter().collect::<anyhow::Result<_>>().context("the tokens of curl")?;
    ensure!(requests.iter().all(|request| request.method != "POST"), "ours writes nothing");
    Ok(tokens)
}
