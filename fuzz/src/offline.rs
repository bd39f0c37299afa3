//! Servers in memory that answer with fuzzed bytes, and the paused time that they are asked in.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::evidence::Sight;
use domain::image::{Host, ImageReference};
use http::{Request, Response};
use http_body_util::Full;
use registry::{Login, Registry, Secret, Settings, Wanted};
use transport::{BoxError, Core};

/// The password that `registry` sends to `ghcr.io`, and the form in which it does, with the user name.
pub(crate) const SECRETS: [&str; 2] = ["hunter2", "b2N0bzpodW50ZXIy"];

/// Every request that was made, without its body.
pub(crate) type Requests = Arc<Mutex<Vec<Request<()>>>>;

/// A core that answers every request by `answer`.
pub(crate) fn core(
    answer: impl Fn(&Request<Bytes>) -> Response<Vec<u8>> + Clone + Send + Sync + 'static,
) -> (Core, Requests) {
    let requests = Requests::default();
    let seen = requests.clone();
    let core = Core::new(tower::service_fn(move |request: Request<Bytes>| {
        let answer = answer(&request).map(|body| Full::new(Bytes::from(body)));
        seen.lock().unwrap().push(request.map(drop));
        async move { Ok::<_, BoxError>(answer) }
    }));
    (core, requests)
}

/// A probe, with credentials for `ghcr.io` or with none.
pub(crate) fn registry(core: Core, login: bool) -> Registry {
    let registry = Registry::new(core, Settings::default());
    if login {
        let host = "ghcr.io".parse::<Host>().unwrap();
        registry.sign_in(&host, Login::new("octo", Secret::new(SECRETS[0]), "registry-auth"));
    }
    registry
}

/// What the probe shows of an image, with all there is to see.
pub(crate) async fn look(registry: &Registry) -> Sight {
    let image: ImageReference = "ghcr.io/octo/api:1".parse().unwrap();
    registry.look(&image, &Wanted { platforms: Vec::new(), read_revision: true }).await
}

/// An answer without a body to speak of.
pub(crate) fn answer(status: u16) -> Response<Vec<u8>> {
    Response::builder().status(status).body(Vec::new()).unwrap()
}

/// The `Authorization` of a request; empty when it has none.
pub(crate) fn access(request: &Request<impl Sized>) -> &str {
    request.headers().get("authorization").map_or("", |value| value.to_str().unwrap())
}

/// Why a sight shows no image; `None` when it shows one, or that there is none. Always fit to be printed.
pub(crate) fn why(sight: &Sight) -> Option<&str> {
    let why = match sight {
        Sight::Image(_) | Sight::Absent => return None,
        Sight::NotAnImage { why } | Sight::Denied { why } | Sight::Unreachable { why } => why,
    };
    super::assert_printable(why);
    Some(why)
}

/// Runs to the end, in no time.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}
