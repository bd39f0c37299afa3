//! The way to a registry over real sockets: certificates of every kind, and proxies. The registry is simulated and stands
//! behind TLS; its name resolves nowhere, so that it can be reached through the proxy alone.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::evidence::Sight;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use registry::{Registry, Settings, Wanted};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sim::{RegistrySpec, Served, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use transport::{Core, CoreOptions, Proxies, Roots};

use super::program::{self, Step};
use crate::stage::{Scene, token};

const HOST: &str = "registry.test";
const IMAGE: &str = "registry.test/octo/shop/api:1.0.0";
/// `me:hunter2-secret`, which the proxy wants.
const PROXY_AUTHORIZATION: &str = "proxy-authorization: basic bwu6ahvudgvymi1zzwnyzxq=";

/// A world whose registry stands behind TLS and a proxy.
struct Place {
    scene: Scene,
    proxy: SocketAddr,
    /// The first line of each request that the proxy let through.
    passed: Arc<Mutex<Vec<String>>>,
    /// The certificate of the authority that signed the registry's.
    ca: String,
    registry: Served,
}

impl Place {
    /// The registry shows the certificate that `leaf` makes of the one for its name.
    async fn new(leaf: impl FnOnce(&mut CertificateParams)) -> Self {
        let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
        let commit = world.commit("release 1.0.0");
        world.tag("v1.0.0", &commit);
        world.token(token());
        world.registry(HOST, RegistrySpec::distribution());
        let scene = Scene { world, tag: "v1.0.0".to_owned(), commit };
        scene.world.push(IMAGE, &scene.image());
        let registry = scene.world.serve_registry(HOST).await.unwrap();

        let (config, ca) = identity(leaf);
        let plain = registry.addr;
        let tls = listen(move |stream| terminate(stream, TlsAcceptor::from(Arc::new(config.clone())), plain)).await;
        let passed = Arc::<Mutex<Vec<String>>>::default();
        let seen = passed.clone();
        let proxy = listen(move |stream| pass(stream, seen.clone(), tls, plain)).await;
        Self { scene, proxy, passed, ca, registry }
    }

    /// The same, with what ends the TLS replaced by `tls`.
    async fn before(mut self, tls: SocketAddr) -> Self {
        let (passed, plain) = (self.passed.clone(), self.registry.addr);
        self.proxy = listen(move |stream| pass(stream, passed.clone(), tls, plain)).await;
        self
    }

    fn proxy(&self) -> String {
        format!("http://me:hunter2-secret@{}", self.proxy)
    }

    fn passed(&self) -> Vec<String> {
        std::mem::take(&mut *self.passed.lock().unwrap())
    }

    /// Through the proxy, with the authority trusted.
    fn options(&self) -> CoreOptions {
        let mut roots = Roots::default();
        roots.add(self.ca.as_bytes()).unwrap();
        let proxies = Proxies { http: Some(self.proxy()), https: Some(self.proxy()), except: String::new() };
        CoreOptions { roots, proxies, user_agent: "e2e".to_owned() }
    }

    /// What the registry shows; the text of the trouble when that is no image.
    async fn look(&self, options: &CoreOptions, settings: Settings) -> Result<(), String> {
        let registry = Registry::new(Core::reqwest(options).unwrap(), settings);
        let sight = registry.look(&IMAGE.parse().unwrap(), &Wanted::default()).await;
        if matches!(sight, Sight::Image(_)) { Ok(()) } else { Err(format!("{sight:?}")) }
    }
}

/// What a server shows at TLS, and the certificate of the authority that signed it.
fn identity(leaf: impl FnOnce(&mut CertificateParams)) -> (ServerConfig, String) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let ca = authority.self_signed(&authority_key).unwrap().pem();
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    leaf(&mut params);
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    (config.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap(), ca)
}

/// Serves each connection to a free port of loopback.
async fn listen<F: Future<Output = std::io::Result<()>> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Ends the TLS of one connection before `plain`.
async fn terminate(stream: TcpStream, acceptor: TlsAcceptor, plain: SocketAddr) -> std::io::Result<()> {
    let (mut inside, mut outside) = (acceptor.accept(stream).await?, TcpStream::connect(plain).await?);
    copy_bidirectional(&mut inside, &mut outside).await.map(drop)
}

/// One connection of a proxy to which all names are the same place: `tls` for CONNECT, `plain` for the rest.
async fn pass(
    mut stream: TcpStream,
    passed: Arc<Mutex<Vec<String>>>,
    tls: SocketAddr,
    plain: SocketAddr,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    if !text.to_lowercase().contains(PROXY_AUTHORIZATION) {
        return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
    }
    passed.lock().unwrap().push(text.lines().next().unwrap_or_default().to_owned());
    let mut target = TcpStream::connect(if text.starts_with("CONNECT ") { tls } else { plain }).await?;
    if text.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        target.write_all(&head).await?;
    }
    copy_bidirectional(&mut stream, &mut target).await.map(drop)
}

#[tokio::test]
#[ignore = "uses sockets: run tests/e2e/registry.sh"]
async fn case_27_a_certificate_that_is_not_good_is_refused_with_the_cure() {
    let look = async |leaf: fn(&mut CertificateParams), trusted: bool| {
        let place = Place::new(leaf).await;
        let roots = if trusted { place.options().roots } else { Roots::default() };
        place.look(&CoreOptions { roots, ..place.options() }, Settings::default()).await
    };
    assert_eq!(look(|_| (), true).await, Ok(()));
    let refused = async |leaf: fn(&mut CertificateParams), trusted: bool, cure: &str| {
        let why = look(leaf, trusted).await.unwrap_err();
        assert!(why.contains("TLS failed") && why.contains("certificate") && why.contains(cure), "{why}");
        assert!(why.starts_with("Unreachable"), "{why}");
    };
    refused(|_| (), false, "name its root by `ca-file`").await;
    refused(|leaf| leaf.not_after = rcgen::date_time_ymd(2020, 1, 1), true, "the host needs a new certificate").await;
    let other = |leaf: &mut CertificateParams| *leaf = CertificateParams::new(["other.test".to_owned()]).unwrap();
    refused(other, true, "the host needs a certificate for this name").await;
}

#[tokio::test]
#[ignore = "uses sockets: run tests/e2e/registry.sh"]
async fn case_27_a_proxy_gets_its_password_and_the_excepted_hosts_go_past_it() {
    let place = Place::new(|_| ()).await;
    let options = place.options();
    assert_eq!(place.look(&options, Settings::default()).await, Ok(()));
    let passed = place.passed();
    assert!(!passed.is_empty() && passed.iter().all(|line| line == "CONNECT registry.test:443 HTTP/1.1"), "{passed:?}");

    let settings = || Settings { plain_http: [HOST.parse().unwrap()].into(), ..Settings::default() };
    assert_eq!(place.look(&options, settings()).await, Ok(()));
    let passed = place.passed();
    assert!(
        !passed.is_empty() && passed.iter().all(|line| line.contains(" http://registry.test/v2/octo/")),
        "{passed:?}"
    );

    let locked = Some(format!("http://{}", place.proxy));
    let stranger = Proxies { https: locked, ..options.proxies.clone() };
    let why = place.look(&CoreOptions { proxies: stranger, ..options.clone() }, Settings::default()).await.unwrap_err();
    assert!(why.contains("cannot connect") && why.contains("proxy authorization required"), "{why}");

    for except in [HOST, ".test, other.example", "*"] {
        let past = Proxies { except: except.to_owned(), ..options.proxies.clone() };
        let why = place.look(&CoreOptions { proxies: past, ..options.clone() }, Settings::default()).await.unwrap_err();
        assert!(why.contains("cannot connect") && !why.contains("hunter2"), "{why}");
    }
    assert_eq!(place.passed(), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "uses sockets: run tests/e2e/registry.sh"]
async fn case_27_the_program_takes_proxies_and_certificates_from_its_environment_and_prints_no_password() {
    program::binaries().await;
    let place = Place::new(|_| ()).await;
    let github = place.scene.world.serve_github().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem").display().to_string();
    std::fs::write(&ca, &place.ca).unwrap();
    let step = || {
        let mut step = Step::of_tag_push("wait-and-release", &github.url(), &place.scene.commit);
        step.input("services", "api").input("image", "registry.test/octo/shop/{service}:{version}");
        // GitHub stands on loopback, and no proxy is asked for that.
        step.input("timeout", "2s").set("ALL_PROXY", &place.proxy());
        step
    };
    let ended = step().run().await;
    ended.is("failed", 1).says("name its root by `ca-file`");
    for name in ["INPUT_CA-FILE", "SSL_CERT_FILE"] {
        let ended = step().set(name, &ca).run().await;
        ended.is("complete", 0).says("::add-mask::hunter2-secret");
        assert!(!ended.log.replace("::add-mask::hunter2-secret", "").contains("hunter2"), "{}", ended.log);
    }
    let passed = place.passed();
    assert!(passed.iter().all(|line| line == "CONNECT registry.test:443 HTTP/1.1"), "{passed:?}");
}

/// A hello that nobody answers is given up as a request is.
#[tokio::test]
#[ignore = "uses sockets: run tests/e2e/registry.sh"]
async fn case_09_a_server_that_stalls_at_tls_is_given_up() {
    let silent = listen(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
        Ok(())
    });
    let place = Place::new(|_| ()).await.before(silent.await).await;
    let attempts = transport::Settings { attempt_timeout: Duration::from_millis(300), ..Default::default() };
    let why = place.look(&place.options(), Settings { transport: attempts, ..Settings::default() }).await.unwrap_err();
    assert!(why.starts_with("Unreachable") && why.contains("no complete answer within 0.3 s"), "{why}");
    assert_eq!(place.passed().len(), 3, "tried again twice");
}

/// RFC 9113, 6.8: what was not answered before GOAWAY is asked again, on another connection.
#[tokio::test]
#[ignore = "uses sockets: run tests/e2e/registry.sh"]
async fn case_25_what_a_goaway_cuts_off_is_asked_again() {
    let (mut config, ca) = identity(|_| ());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let served = Arc::<Mutex<Vec<String>>>::default();
    let seen = served.clone();
    let going = listen(move |stream| {
        let (acceptor, seen) = (acceptor.clone(), seen.clone());
        async move {
            let mut connection = h2::server::handshake(acceptor.accept(stream).await?).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let asked = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request.uri().path().to_owned());
                    seen.len()
                };
                if asked == 1 {
                    connection.abrupt_shutdown(h2::Reason::NO_ERROR);
                } else {
                    respond.send_response(http::Response::builder().status(404).body(()).unwrap(), true).unwrap();
                }
            }
            Ok(())
        }
    });
    let place = Place { ca, ..Place::new(|_| ()).await.before(going.await).await };
    let why = place.look(&place.options(), Settings::default()).await.unwrap_err();
    assert_eq!(why, "Absent");
    assert_eq!(*served.lock().unwrap(), ["/v2/octo/shop/api/manifests/1.0.0"; 2]);
}
