//! Names: of images and of what they are made of, of tags, repositories and commits. Input: the name.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use domain::image::{Digest, Host, ImageReference, ImageTag, Platform};
use domain::repository::{CommitSha, Repository};
use domain::service::ServiceName;
use domain::template::{Template, Values};
use domain::version::ReleaseTag;
use http::Uri;

/// A name that is accepted reads back as itself, holds nothing but the characters of its grammar, and makes the URL that
/// it should make; one that is refused is named in a line that may be printed.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for image in [accepted::<ImageReference>(&text), image_of_template(&text)].into_iter().flatten() {
        let (host, repository) = (image.host().api_authority(), image.repository());
        let url = format!("https://{host}/v2/{repository}/manifests/{}", image.manifest_name());
        let uri: Uri = url.parse().unwrap();
        assert_eq!(uri.authority().unwrap().as_str(), host);
        assert_eq!(*uri.path(), url["https://".len() + host.len()..]);
        assert!(!uri.path().split('/').any(|part| matches!(part, "." | "..")) && !uri.path().contains('%'), "{url}");
        assert!(!format!("{host}/{repository}").bytes().any(|byte| byte.is_ascii_uppercase()), "{image}");
        accepted::<ImageReference>(&image.with_tag("1".parse().unwrap()).to_string()).unwrap();
        accepted::<ImageReference>(&image.pinned(Digest::sha256(b"")).to_string()).unwrap();
    }
    if let Some(host) = accepted::<Host>(&text) {
        assert!(!host.name().contains(['[', ']']) && !host.name().is_empty(), "{host}");
        assert_eq!(format!("https://{host}/").parse::<Uri>().unwrap().authority().unwrap().as_str(), host.as_str());
    }
    accepted::<ImageTag>(&text);
    accepted::<Digest>(&text);
    accepted::<Platform>(&text);
    accepted::<ServiceName>(&text);
    accepted::<Repository>(&text);
    accepted::<CommitSha>(&text);
    match text.parse::<ReleaseTag>() {
        Ok(tag) => {
            assert_eq!(tag.to_string(), text);
            assert!(!text.chars().any(|c| c.is_control() || c.is_whitespace()), "{text:?}");
            assert!(text == tag.version() || text == format!("v{}", tag.version()));
        }
        Err(error) => super::assert_printable(&error.to_string()),
    }
}

/// The name, if the text is one.
fn accepted<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            assert!(
                text.is_ascii() && !shown.is_empty() && shown.bytes().all(|byte| byte.is_ascii_graphic()),
                "{text:?}"
            );
            assert_eq!(shown.parse::<T>().ok().as_ref(), Some(&value), "{text:?} is shown as {shown}");
            Some(value)
        }
        Err(error) => {
            super::assert_printable(&error.to_string());
            None
        }
    }
}

fn image_of_template(text: &str) -> Option<ImageReference> {
    let template = match text.parse::<Template>() {
        Ok(template) => template,
        Err(error) => {
            super::assert_printable(&error.to_string());
            return None;
        }
    };
    assert_eq!(template.to_string(), text);
    let (repository, tag, service) = ("Octo/Shop".parse().unwrap(), "v1.2.3".parse().unwrap(), "api".parse().unwrap());
    let commit = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    match template.image(Values {
        repository: &repository,
        tag: &tag,
        revision: Some(&commit),
        service: Some(&service),
    }) {
        Ok(image) => accepted(&image.to_string()),
        Err(error) => {
            super::assert_printable(&error.to_string());
            None
        }
    }
}
