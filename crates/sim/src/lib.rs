//! The simulator: one [`World`] with an OCI registry face and a GitHub REST face, in memory or over loopback.
//!
//! Map: `world` state, clock and timeline · `git` the repository · `history` releases, statuses, runs and
//! dispatches as tests see them · `image` what a push puts there · `registry` and `github` the two HTTP faces ·
//! `faults` what goes wrong · `requests` what was asked · `service` in memory · `serve` over loopback ·
//! `delay` far away.
//! Every behaviour says where it is documented; nothing here knows our clients.
//!
//! ```
//! use std::time::Duration;
//! use sim::{Access, Answer, Carrier, Fault, GitHubToken, ImageSpec, World};
//!
//! # tokio_test(async {
//! let world = World::new("2026-11-23T12:00:00Z".parse()?);
//! world.token(GitHubToken::new("ghs_t").contents(Access::Write).statuses(Access::Read));
//! let sha = world.commit("ready");
//! world.tag("v1.0.0", &sha);
//! world.at(Duration::from_secs(40), move |world| {
//!     let image = ImageSpec::new().platforms(&["linux/amd64", "linux/arm64"]).revision(Carrier::ConfigLabel, &sha);
//!     world.push("ghcr.io/octo/shop/api:1.0.0", &image);
//!     world.status(&sha, "success", "release/v1.0.0/api", "", "https://github.com/octo/shop/actions/runs/1");
//! });
//! world.fault(Fault::on("GET", "ghcr.io", "/v2/").times(2).answer(Answer::Throttled { retry_after: "3".into() }));
//! let service = world.service(); // a tower service for the clients under test
//! # drop(service);
//! // … run the program under test, then look at the world:
//! assert!(world.release("v1.0.0").is_none());
//! assert_eq!(world.writes(), 0);
//! # Ok::<(), jiff::Error>(())
//! # });
//! # fn tokio_test(run: impl Future<Output = Result<(), jiff::Error>>) {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run).unwrap();
//! # }
//! ```

mod delay;
mod faults;
mod git;
mod github;
mod history;
mod image;
mod message;
mod registry;
mod requests;
mod serve;
mod service;
mod world;

pub use delay::Delayed;
pub use faults::{Answer, Fault};
pub use git::{PullRequest, RepositorySpec};
pub use github::{Access, GitHubToken};
pub use history::{Asset, CommitStatus, Dispatch, Release, RunSpec};
pub use image::{Carrier, ImageSpec};
pub use registry::{Auth, Flavour, RegistrySpec};
pub use requests::RecordedRequest;
pub use serve::Served;
pub use service::{SimError, SimService};
pub use world::World;
