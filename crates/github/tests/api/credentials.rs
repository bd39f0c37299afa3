//! The token goes to GitHub's own hosts, and nowhere else.

use bytes::Bytes;
use github::{Error, GitHub, Settings, Token};
use http::Response;
use http_body_util::Full;
use serde_json::json;

use crate::server::{TOKEN, asset, github, github_at, ok, status, with};

fn bytes(text: &'static str) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from_static(text.as_bytes())))
}

fn moved(place: &str) -> Response<Full<Bytes>> {
    with(status(302, &json!({})), "location", place)
}

#[tokio::test(start_paused = true)]
async fn an_asset_is_fetched_from_its_storage_without_the_token() {
    let place = "https://release-assets.githubusercontent.com/x?sig=abc";
    let (github, log) =
        github(move |seen| if seen.url.contains("api.github.com") { moved(place) } else { bytes("lock") });
    assert_eq!(github.asset_content(9).await.unwrap().unwrap(), "lock");
    let seen = log.all();
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(seen[0].header("accept"), Some("application/octet-stream"));
    assert_eq!((seen[1].url.as_str(), seen[1].header("authorization")), (place, None));
}

#[tokio::test(start_paused = true)]
async fn an_asset_that_the_api_serves_itself_needs_no_redirect() {
    let (github, log) = github_at("https://ghes.example/api/v3", |_| bytes("lock"));
    assert_eq!(github.asset_content(9).await.unwrap().unwrap(), "lock");
    assert_eq!(log.lines(), ["GET https://ghes.example/api/v3/repos/octo/shop/releases/assets/9"]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_once_and_never_into_the_clear() {
    for place in ["http://storage.example/x", "http://api.github.com/x", "ftp://x/y"] {
        let (github, log) = github(move |_| moved(place));
        assert!(github.asset_content(9).await.is_err());
        assert_eq!(log.lines().len(), 1, "{place}");
    }
    let (github, log) = github(|_| moved("https://storage.example/x"));
    assert!(matches!(github.asset_content(9).await, Err(Error::Unexpected { .. })));
    assert_eq!(log.lines().len(), 2);
    assert_eq!(log.all()[1].header("authorization"), None);
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_refuses_says_nothing_about_the_token() {
    let (github, _) = github(|seen| {
        if seen.url.contains("api.github.com") {
            moved("https://storage.example/x")
        } else {
            status(403, &json!("expired"))
        }
    });
    assert!(matches!(github.asset_content(9).await, Err(Error::Unreachable { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_next_page_on_another_host_is_not_read() {
    for place in ["https://evil.example/x", "http://api.github.com/x", "https://api.github.com:8443/x"] {
        let (github, log) = github(move |_| with(ok(&json!([])), "link", &format!("<{place}>; rel=\"next\"")));
        assert!(matches!(github.releases().await, Err(Error::Unexpected { .. })), "{place}");
        assert_eq!(log.lines().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_goes_to_githubs_upload_host_only() {
    let (github, log) = github(|_| status(201, &asset()));
    let upload = async |place: &str| github.upload_asset(place, "x", "text/plain", Bytes::new()).await;
    upload("https://uploads.github.com/repos/octo/shop/releases/1/assets{?name,label}").await.unwrap();
    assert!(log.all()[0].header("authorization").is_some());
    for place in ["https://uploads.evil.example/x{?name}", "http://uploads.github.com/x", "/x", "", "\u{1b}[31m"] {
        let error = upload(place).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_enterprise_server_takes_uploads_on_its_own_host() {
    let (github, log) = github_at("https://ghes.example/api/v3", |_| status(201, &asset()));
    let place = "https://ghes.example/api/uploads/repos/octo/shop/releases/1/assets{?name,label}";
    github.upload_asset(place, "x", "text/plain", Bytes::new()).await.unwrap();
    let seen = &log.all()[0];
    assert_eq!(seen.url, "https://ghes.example/api/uploads/repos/octo/shop/releases/1/assets?name=x");
    assert!(seen.header("authorization").is_some());
}

#[tokio::test(start_paused = true)]
async fn the_token_is_never_printed() {
    let (github, _) = github(|_| status(401, &json!({"message": "Bad credentials"})));
    let error = github.releases().await.unwrap_err();
    for text in [format!("{github:?}"), format!("{error:?}{error}"), format!("{:?}", Token::new(TOKEN))] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_or_an_address_that_is_none_is_said_before_anything_is_sent() {
    for (api, token) in [("https://api.github.com", "two\nlines"), ("api.github.com", "fine"), ("https://x", " ")] {
        let core = transport::Core::new(tower::service_fn(|_| async { Ok::<_, std::convert::Infallible>(bytes("")) }));
        let settings = Settings {
            api_url: api.parse().unwrap(),
            token: Token::new(token),
            repository: "octo/shop".parse().unwrap(),
            transport: transport::Settings::default(),
        };
        let error = GitHub::new(core, settings).unwrap_err();
        assert!(matches!(&error, Error::Invalid { .. }) && !error.to_string().contains("lines"), "{error}");
    }
}
