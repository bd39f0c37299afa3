//! Pushes the images, once and fast: plain requests, many images at a time.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response};
use tokio::task::JoinSet;
use transport::{Core, CoreOptions, Transport};

use crate::image::{Blob, Image};
use crate::{Places, THERE, repository, services, tokens};

/// How many images are pushed at a time.
const AT_A_TIME: usize = 32;

/// Pushes `count` images of `commit`.
pub(crate) async fn push(places: &Places, count: u32, commit: &str) -> anyhow::Result<()> {
    let core = Core::reqwest(&CoreOptions { user_agent: "bench".to_owned(), ..CoreOptions::default() })?;
    let transport = transport::layered(core, transport::Settings::default());
    let mut pushes = JoinSet::new();
    for service in services(count) {
        if pushes.len() >= AT_A_TIME
            && let Some(pushed) = pushes.join_next().await
        {
            pushed??;
        }
        let image = Image::new(&service, commit, &["linux/amd64", "linux/arm64"]);
        pushes.spawn(push_one(transport.clone(), places.clone(), image, repository(&service)));
    }
    while let Some(pushed) = pushes.join_next().await {
        pushed??;
    }
    Ok(())
}

async fn push_one(transport: Transport, places: Places, image: Image, repository: String) -> anyhow::Result<()> {
    let token = tokens::fetch(&transport, &places.tokens, &repository, "pull,push").await?;
    let home = format!("http://{}/v2/{repository}", places.registry);
    let send = |method, url, content| send(&transport, &token, method, url, content);
    for blob in &image.blobs {
        let begun = send(Method::POST, format!("{home}/blobs/uploads/"), None).await?;
        let place = begun.headers().get(LOCATION).context("no upload was begun")?.to_str()?;
        let separator = if place.contains('?') { '&' } else { '?' };
        send(Method::PUT, format!("{place}{separator}digest={}", blob.digest), Some(blob)).await?;
    }
    for manifest in &image.manifests {
        send(Method::PUT, format!("{home}/manifests/{}", manifest.digest), Some(manifest)).await?;
    }
    send(Method::PUT, format!("{home}/manifests/{THERE}"), Some(&image.index)).await?;
    Ok(())
}

async fn send(
    transport: &Transport,
    token: &str,
    method: Method,
    url: String,
    content: Option<&Blob>,
) -> anyhow::Result<Response<Bytes>> {
    let mut request = Request::builder().method(method).uri(&url).header(AUTHORIZATION, format!("Bearer {token}"));
    if let Some(content) = content {
        request = request.header(CONTENT_TYPE, content.media_type);
    }
    let body = content.map(|content| content.bytes.clone()).unwrap_or_default();
    let answer = transport::send(transport, request.body(body)?).await?;
    ensure!(answer.status().is_success(), "{url}: {}", answer.status());
    Ok(answer)
}
