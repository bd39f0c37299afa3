//! Lists of many pages, read to their end or not at all: half a list is worse than none.

use std::sync::PoisonError;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::client::{Call, GitHub, parse};
use crate::url::next_page;

/// The largest page that GitHub gives (REST API, "Using pagination in the REST API").
pub(crate) const PER_PAGE: (&str, &str) = ("per_page", "100");

/// A page of a list whose entries are large.
pub(crate) const SMALL_PAGE: (&str, &str) = ("per_page", "5");

/// Ten thousand entries; no list of ours comes near, and a server that links in a circle ends here.
const MAX_PAGES: usize = 100;

/// A page as it was last seen.
#[derive(Clone)]
pub(crate) struct Cache {
    etag: HeaderValue,
    body: Bytes,
    next: Option<Uri>,
}

/// Whether a page that has not changed is asked for in a way that costs nothing of the rate limit (REST API, "Best
/// practices for using the REST API", "Use conditional requests if appropriate").
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remember {
    /// For what is read again and again.
    Yes,
    /// For what is read once.
    No,
}

impl GitHub {
    /// All pages from `first` on.
    pub(crate) async fn pages<P: DeserializeOwned>(
        &self,
        first: Uri,
        what: &str,
        permission: &'static str,
        remember: Remember,
    ) -> Result<Vec<P>, Error> {
        let mut pages = Vec::new();
        let mut next = Some(first);
        while let Some(uri) = next {
            if pages.len() == MAX_PAGES {
                return Err(Error::unexpected(what, &uri, &format!("the list is longer than {MAX_PAGES} pages")));
            }
            if !self.is_ours(&uri) {
                return Err(Error::unexpected(what, &uri, "the next page is on another host"));
            }
            let (page, following) = self.page(uri.clone(), what, permission, remember).await?;
            pages.push(parse(what, &uri, &page)?);
            next = following;
        }
        Ok(pages)
    }

    async fn page(
        &self,
        uri: Uri,
        what: &str,
        permission: &'static str,
        remember: Remember,
    ) -> Result<(Bytes, Option<Uri>), Error> {
        let key = uri.to_string();
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if remember == Remember::Yes { cache().get(&key).cloned() } else { None };
        let mut call = Call::get(uri, what, permission);
        call.known = known.as_ref().map(|known| known.etag.clone());
        let answer = self.call(call).await?;
        if let (StatusCode::NOT_MODIFIED, Some(known)) = (answer.status, known) {
            return Ok((known.body, known.next));
        }
        if !answer.status.is_success() {
            return Err(answer.unexpected("neither a page nor word that it has not changed"));
        }
        let next = next_page(&answer.uri, &answer.headers);
        if let (Remember::Yes, Some(etag)) = (remember, answer.etag()) {
            cache().insert(key, Cache { etag, body: answer.body.clone(), next: next.clone() });
        }
        Ok((answer.body, next))
    }
}
