//! A small world over loopback, to be asked by hand: `cargo run -p sim --example serve -- [PORT]`, then
//! `curl`, `skopeo`, `oras` or `gh`. GitHub listens on PORT (8080), ghcr.io on PORT + 1, a plain registry on PORT + 2, one
//! with Basic authentication (ann:secret) on PORT + 3.

use std::io::Write as _;

use sim::{Access, Auth, Carrier, GitHubToken, ImageSpec, RegistrySpec, World};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let world = World::new("2026-11-23T12:00:00Z".parse().map_err(std::io::Error::other)?);
    let all = GitHubToken::new("ghs_all").contents(Access::Write).statuses(Access::Write);
    world.token(all.actions(Access::Read).packages(Access::Write));
    let sha = world.commit("ready");
    world.annotated_tag("v1.0.0", &sha);
    let spec = ImageSpec::new().platforms(&["linux/amd64", "linux/arm64"]).attestations(true);
    let spec = spec.revision(Carrier::ConfigLabel, &sha).source("https://github.com/octo/shop");
    world.push("ghcr.io/octo/shop/api:1.0.0", &spec);
    world.registry("plain.test", RegistrySpec::distribution());
    world.push("plain.test/octo/shop/api:1.0.0", &spec);
    world.registry("basic.test", RegistrySpec::distribution().auth(Auth::Basic).user("ann", "secret"));
    world.push("basic.test/octo/shop/api:1.0.0", &spec);
    let served = [
        ("github", world.serve_github_on(port).await?),
        ("ghcr.io", world.serve_registry_on("ghcr.io", port + 1).await?),
        ("plain", world.serve_registry_on("plain.test", port + 2).await?),
        ("basic", world.serve_registry_on("basic.test", port + 3).await?),
    ];
    let mut out = std::io::stdout();
    for (name, served) in &served {
        writeln!(out, "{name}: {}", served.url())?;
    }
    std::future::pending().await
}
