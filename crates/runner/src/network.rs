//! What the environment says about the way to the network: proxies, and certificates to trust. The usual variables, which
//! the runner sets too where it has a proxy itself (actions/runner, `ContainerInfo.cs`, `UpdateWebProxyEnv`).

use std::fmt;

use domain::image::Host;

use crate::{Environment, Masker};

/// The way to the network. Its `Debug` shows no proxy, as a password may stand in its URL.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The proxy for `http://` addresses: `HTTP_PROXY`, else `ALL_PROXY`.
    pub http_proxy: Option<String>,
    /// The proxy for `https://` addresses: `HTTPS_PROXY`, else `ALL_PROXY`.
    pub https_proxy: Option<String>,
    /// The hosts that are asked without a proxy, as given: `NO_PROXY`.
    pub no_proxy: String,
    /// What the file that `SSL_CERT_FILE` names holds: certificates to trust.
    pub certificates: Option<Vec<u8>>,
}

impl Network {
    /// Reads the variables, each in capitals or else in lower case. The passwords of proxies are hidden. What cannot be
    /// used is said in a warning and left out: these variables are often meant for another program.
    pub fn read(environment: &Environment, masker: &Masker) -> Self {
        let either = |name: &'static str| {
            let value = environment.get(name).map(|value| (name, value));
            value.or_else(|| environment.get(&name.to_lowercase()).map(|value| (name, value)))
        };
        let all = either("ALL_PROXY");
        let (http, https) = (either("HTTP_PROXY").or(all), either("HTTPS_PROXY").or(all));
        let http_proxy = http.and_then(|(name, url)| proxy(name, url, masker));
        // One warning is enough when both are the same.
        let https_proxy =
            if http == https { http_proxy.clone() } else { https.and_then(|(name, url)| proxy(name, url, masker)) };
        Self {
            http_proxy,
            https_proxy,
            no_proxy: either("NO_PROXY").map_or_else(String::new, |(_, hosts)| hosts.to_owned()),
            certificates: environment.get("SSL_CERT_FILE").and_then(certificates),
        }
    }
}

/// The URL of a proxy, with its scheme; `http` where there is none, as curl takes it.
fn proxy(name: &str, url: &str, masker: &Masker) -> Option<String> {
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    masker.hide(user.split_once(':').map_or(user, |(_, password)| password));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") || host.parse::<Host>().is_err() {
        tracing::warn!("`{name}` is not used: accepted is http://[USER:PASSWORD@]HOST[:PORT], or https");
        return None;
    }
    Some(format!("{scheme}://{authority}"))
}

fn certificates(path: &str) -> Option<Vec<u8>> {
    let why = match std::fs::read(path) {
        Ok(pem) if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => return Some(pem),
        Ok(_) => "it holds no PEM certificate".to_owned(),
        Err(error) => error.to_string(),
    };
    tracing::warn!("`SSL_CERT_FILE` is not used, the built-in certificates are: {path}: {why}");
    None
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("no_proxy", &self.no_proxy).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::Log;
    use crate::console::tests::on;

    /// What is read, and what is printed.
    fn read(variables: &[(&str, &str)]) -> (Network, String) {
        let (console, paper) = on(&[]);
        let environment = variables.iter().copied().collect();
        let network =
            tracing::subscriber::with_default(tracing_subscriber::registry().with(Log::new(console.clone())), || {
                Network::read(&environment, &console.masker())
            });
        console.line("said: hunter2");
        (network, paper.text())
    }

    #[test]
    fn the_usual_variables_are_read_in_both_cases() {
        let proxies = |variables: &[(&str, &str)]| {
            let Network { http_proxy, https_proxy, no_proxy, .. } = read(variables).0;
            [http_proxy.unwrap_or_default(), https_proxy.unwrap_or_default(), no_proxy].join(" ")
        };
        assert_eq!(proxies(&[]), "  ");
        assert_eq!(
            proxies(&[("HTTP_PROXY", "http://a:1/"), ("HTTPS_PROXY", "b:2"), ("NO_PROXY", "c,.d")]),
            "http://a:1 http://b:2 c,.d"
        );
        assert_eq!(
            proxies(&[("http_proxy", "http://a"), ("https_proxy", "HTTPS://b"), ("no_proxy", "*")]),
            "http://a https://b *"
        );
        assert_eq!(proxies(&[("all_proxy", "http://[::1]:3")]), "http://[::1]:3 http://[::1]:3 ");
        assert_eq!(proxies(&[("ALL_PROXY", "a"), ("HTTPS_PROXY", "b"), ("https_proxy", "c")]), "http://a http://b ");
    }

    #[test]
    fn the_password_of_a_proxy_is_hidden() {
        for url in ["http://me:hunter2@proxy:3128", "hunter2@proxy", "socks5://me:hunter2@proxy"] {
            let (network, printed) = read(&[("HTTPS_PROXY", url)]);
            assert!(!printed.contains("hunter2") && printed.contains("said: ***"), "{printed}");
            assert!(!format!("{network:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_proxy_is_named_once_and_left_out() {
        for url in ["socks5://proxy:1080", "http://", "http://a b", "ftp://x"] {
            let (network, printed) = read(&[("ALL_PROXY", url)]);
            assert_eq!((network.http_proxy, network.https_proxy), (None, None), "{url}");
            assert_eq!(
                printed.matches("warning: `ALL_PROXY` is not used: accepted is http://").count(),
                1,
                "{printed}"
            );
        }
    }

    #[test]
    fn a_bundle_that_cannot_be_read_is_a_warning() {
        for (path, why) in [("/nowhere/ca.pem", "No such file"), ("/dev/null", "it holds no PEM certificate")] {
            let (network, printed) = read(&[("SSL_CERT_FILE", path)]);
            assert_eq!(network.certificates, None);
            assert!(
                printed.contains("`SSL_CERT_FILE`") && printed.contains(path) && printed.contains(why),
                "{printed}"
            );
        }
    }
}
