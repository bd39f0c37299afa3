//! Pushes the images, once and fast: plain requests, many images at a time.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response};
use tokio::task::JoinSet;
use transport::{Core, CoreOptions, Transport};

use crate::image::{Blob, Image};
use crate::{THERE, repository, services};

/// How many images are pushed at a time.
const AT_A_TIME: usize = 32;

/// Pushes every image of `commit` to `host`.
pub(crate) async fn push(host: &str, commit: &str) -> anyhow::Result<()> {
    let core = Core::reqwest(&CoreOptions { user_agent: "bench".to_owned(), ..CoreOptions::default() })?;
    let transport = transport::layered(core, transport::Settings::default());
    let image = |service: &str| Image::new(service, commit, &["linux/amd64", "linux/arm64"]);
    let mut pushes = JoinSet::new();
    for service in services() {
        if pushes.len() >= AT_A_TIME
            && let Some(pushed) = pushes.join_next().await
        {
            pushed??;
        }
        pushes.spawn(push_one(transport.clone(), format!("http://{host}"), image(&service), service));
    }
    while let Some(pushed) = pushes.join_next().await {
        pushed??;
    }
    Ok(())
}

async fn push_one(transport: Transport, site: String, image: Image, service: String) -> anyhow::Result<()> {
    let home = format!("{site}/v2/{}", repository(&service));
    for blob in &image.blobs {
        let begun = send(&transport, Method::POST, &format!("{home}/blobs/uploads/"), None).await?;
        let place = begun.headers().get(LOCATION).context("no upload was begun")?.to_str()?;
        let separator = if place.contains('?') { '&' } else { '?' };
        send(&transport, Method::PUT, &format!("{place}{separator}digest={}", blob.digest), Some(blob)).await?;
    }
    for manifest in &image.manifests {
        send(&transport, Method::PUT, &format!("{home}/manifests/{}", manifest.digest), Some(manifest)).await?;
    }
    send(&transport, Method::PUT, &format!("{home}/manifests/{THERE}"), Some(&image.index)).await?;
    Ok(())
}

async fn send(
    transport: &Transport,
    method: Method,
    url: &str,
    content: Option<&Blob>,
) -> anyhow::Result<Response<Bytes>> {
    let mut request = Request::builder().method(method).uri(url);
    if let Some(content) = content {
        request = request.header(CONTENT_TYPE, content.media_type);
    }
    let body = content.map(|content| content.bytes.clone()).unwrap_or_default();
    let answer = transport::send(transport, request.body(body)?).await?;
    ensure!(answer.status().is_success(), "{url}: {}", answer.status());
    Ok(answer)
}
