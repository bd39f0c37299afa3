//! Where a registry may send us: token endpoints that may see credentials, and addresses that nobody may be sent to.
//!
//! Sending credentials to whatever realm a registry names is the fault behind CVE-2026-24845, -33540, -33990 and -48978
//! of other clients; the rules here are stricter than those of any of them.
//!
//! Addresses are judged as they are written, in every spelling. A name is not resolved for that: over https its place
//! must show a certificate for it, which no metadata service or router has; what a redirect leads to is sent no access,
//! and what it serves must have the digest that was asked for.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::image::Host;
use http::Uri;

/// A token endpoint that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) uri: Uri,
    /// Whether the credentials of the registry may be sent there.
    pub(crate) trusted: bool,
}

/// The hosts that may speak plain http beside loopback: those that the user named.
pub(crate) type PlainHttp = HashSet<Host>;

/// Whether plain http may be spoken to `host`: to loopback, and to what the user named.
pub(crate) fn may_be_plain(host: &Host, named: &PlainHttp) -> bool {
    host.is_loopback() || named.contains(host)
}

/// The same for the host of a URL, with its port.
fn leads_to_plain(uri: &Uri, named: &PlainHttp) -> bool {
    let host = uri.authority().and_then(|authority| authority.as_str().parse().ok());
    host.is_some_and(|host| may_be_plain(&host, named))
}

/// Checks the realm that `registry` named; `plain`: who may speak plain http. The error fits after "its token endpoint ", and
/// quotes the realm as it is.
pub(crate) fn check(text: &str, registry: &Host, plain: &PlainHttp) -> Result<Realm, String> {
    let shown = || text.split(['?', '#']).next().unwrap_or("");
    let uri: Uri = text.parse().map_err(|_| format!("`{}` is no URL", shown()))?;
    let Some(host) = host_of(&uri) else {
        return Err(format!("`{}` is no absolute URL", shown()));
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(format!("on {host} has credentials in its URL, which is refused"));
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if leads_to_plain(&uri, plain) => {}
        _ => return Err(format!("{} is not https, which is refused", shown())),
    }
    if is_private(&host) && !is_private(registry.name()) {
        return Err(format!("{} is on a private address, which is refused", shown()));
    }
    let trusted = is_trusted(&host, registry);
    Ok(Realm { uri, trusted })
}

/// The host in lower case. Brackets hold an IPv6 address, and are all of the host (RFC 3986, 3.2.2), which `http` does not
/// check: a name in brackets is not the host of that name, and an address before them is not the host that is asked.
fn host_of(uri: &Uri) -> Option<String> {
    let host = uri.host()?.to_ascii_lowercase();
    let is_host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(address) => address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.contains(['[', ']']),
    };
    is_host.then_some(host)
}

/// Where each customer has a name of their own: a sibling there is a stranger. Tokens come from the registry's own host
/// (Azure Container Registry, "Registry names"; `JFrog`, "Artifactory cloud"; Amazon ECR, "Registry").
const SHARED: [&str; 5] = ["azurecr.io", "azurecr.cn", "azurecr.us", "jfrog.io", "amazonaws.com"];

/// True when `host` is the registry's own host, below it, or on its parent domain, as `auth.docker.io` and `gitlab.com`
/// are. A parent domain is one that somebody has, not one that anybody may have a name under (`co.uk`, by the Public Suffix
/// List; [`SHARED`]).
fn is_trusted(host: &str, registry: &Host) -> bool {
    let name = Host::api_authority(registry).split(':').next().filter(|_| !registry.as_str().starts_with('['));
    let name = name.unwrap_or(registry.name());
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host == name {
        return true;
    }
    if name.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return false;
    }
    let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let parent = name.split_once('.').map(|(_, parent)| parent).filter(|parent| {
        !SHARED.iter().any(|shared| parent.ends_with(shared)) && psl::domain(parent.as_bytes()).is_some()
    });
    below(name) || parent.is_some_and(|parent| host == parent || below(parent))
}

/// True when a redirect of `registry` may be followed to `target`; `plain`: who may speak plain http. The error fits after
/// "redirected to ".
pub(crate) fn check_hop(target: &Uri, registry: &Host, plain: &PlainHttp) -> Result<(), String> {
    let shown = transport::redact(target);
    let Some(host) = host_of(target) else { return Err(format!("{shown}, which has no host")) };
    if target.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(format!("{shown}, with credentials in its URL, which is refused"));
    }
    match target.scheme_str() {
        Some("https") => {}
        Some("http") if leads_to_plain(target, plain) => {}
        _ => return Err(format!("{shown}, which is not https, and is refused")),
    }
    if is_private(&host) && !is_private(registry.name()) {
        return Err(format!("{shown}, a private address, which is refused"));
    }
    Ok(())
}

/// True for `localhost`, for addresses that are not on the public internet, and for every odd spelling that a URL parser
/// may turn into an IPv4 address (`0x7f000001`, `127.1`; WHATWG URL, "ends in a number checker").
fn is_private(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_private_v4(address),
        Ok(IpAddr::V6(address)) => is_private_v6(address),
        Err(_) => host.rsplit('.').next().is_none_or(|last| {
            last.is_empty() || last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit())
        }),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is the shared space of carriers (RFC 6598); some clouds keep metadata services there.
    let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    // 64:ff9b::/96 carries an IPv4 address (RFC 6052), as do mapped and compatible ones.
    let [first, second, .., high, low] = address.segments();
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    let embedded = address.to_ipv4().or((first == 0x64 && second == 0xff9b).then(|| Ipv4Addr::new(a, b, c, d)));
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || embedded.is_some_and(is_private_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(registry: &str, realm: &str) -> Result<bool, String> {
        let registry: Host = registry.parse().unwrap();
        check(realm, &registry, &PlainHttp::default()).map(|realm| realm.trusted)
    }

    #[test]
    fn credentials_go_to_the_registrys_own_domain_and_known_endpoints_only() {
        for (registry, realm, expected) in [
            ("ghcr.io", "https://ghcr.io/token", true),
            ("ghcr.io", "https://GHCR.io/token", true),
            ("ghcr.io", "https://auth.ghcr.io/token", true),
            ("ghcr.io", "https://evil.io/token", false),
            ("ghcr.io", "https://evilghcr.io/token", false),
            ("ghcr.io", "https://ghcr.io.evil.com/token", false),
            ("docker.io", "https://auth.docker.io/token", true),
            ("docker.io", "https://auth.docker.io.evil.com/token", false),
            ("ghcr.io", "https://auth.docker.io/token", false),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            ("registry.example.com:5000", "https://gitlab.example.com/jwt/auth", true),
            ("registry.example.com", "https://example.com/jwt/auth", true),
            ("registry.example.com", "https://evilexample.com/", false),
            ("example.co.uk", "https://evil.co.uk/token", false),
            ("registry.foo.io", "https://auth.foo.io/token", true),
            ("octo.biz.pl", "https://evil.biz.pl/token", false),
            ("octo.gr.jp", "https://evil.gr.jp/token", false),
            ("octo.github.io", "https://evil.github.io/token", false),
            ("reg.corp.test", "https://auth.corp.test/token", true),
            ("registry.ibm.de", "https://ibm.de/token", true),
            ("octo.azurecr.io", "https://octo.azurecr.io/oauth2/token", true),
            ("octo.azurecr.io", "https://evil.azurecr.io/oauth2/token", false),
            ("1.dkr.ecr.eu-west-1.amazonaws.com", "https://2.dkr.ecr.eu-west-1.amazonaws.com/token", false),
            ("octo.jfrog.io", "https://evil.jfrog.io/token", false),
            ("127.0.0.1:5000", "http://127.0.0.1:5001/auth", true),
            ("127.0.0.1:5000", "https://10.0.0.1:5001/auth", false),
            ("[::1]:5000", "http://[::1]:5001/auth", true),
            ("localhost:5000", "http://localhost:5001/auth", true),
        ] {
            assert_eq!(trusted(registry, realm), Ok(expected), "{registry} {realm}");
        }
    }

    #[test]
    fn a_name_in_brackets_is_no_host() {
        assert!(trusted("ghcr.io", "https://[ghcr.io]/token").is_err());
    }

    #[test]
    fn a_redirect_keeps_to_https_and_public_addresses() {
        let ghcr: Host = "ghcr.io".parse().unwrap();
        let hop = |text: &str| check_hop(&text.parse().unwrap(), &ghcr, &PlainHttp::default());
        assert!(hop("https://pkg-containers.githubusercontent.com/x?sig=y").is_ok());
        assert!(hop("http://cdn.example.com/x").is_err());
        assert!(hop("https://169.254.169.254/x").is_err());
        assert!(hop("https://user@cdn.example.com/x").is_err());
        assert!(hop("https://[cdn.example.com]/x").is_err());
        let inside: Host = "10.0.0.2:5000".parse().unwrap();
        assert!(check_hop(&"https://10.0.0.1/x".parse().unwrap(), &inside, &PlainHttp::default()).is_ok());
    }

    #[test]
    fn plain_http_is_spoken_to_loopback_and_to_the_hosts_that_were_named_and_to_no_other() {
        let registry: Host = "reg.corp.test:5000".parse().unwrap();
        let named = |hosts: &[&str]| hosts.iter().map(|host| host.parse().unwrap()).collect::<PlainHttp>();
        let realm = |text: &str, hosts: &[&str]| check(text, &registry, &named(hosts)).is_ok();
        let hop = |text: &str, hosts: &[&str]| check_hop(&text.parse().unwrap(), &registry, &named(hosts)).is_ok();
        for (target, hosts, allowed) in [
            ("http://reg.corp.test:5000/token", &["reg.corp.test:5000"][..], true),
            ("http://auth.corp.test/token", &["reg.corp.test:5000"], false),
            ("http://reg.corp.test:5001/token", &["reg.corp.test:5000"], false),
            ("http://auth.corp.test/token", &["reg.corp.test:5000", "auth.corp.test"], true),
            ("https://auth.corp.test/token", &["reg.corp.test:5000"], true),
        ] {
            assert_eq!((realm(target, hosts), hop(target, hosts)), (allowed, allowed), "{target} {hosts:?}");
        }
    }
}
