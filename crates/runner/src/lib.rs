//! What the runner hands us and takes back; the only crate that knows about `INPUT_*`, `GITHUB_*` and `::error::`.
//!
//! In: `environment` (one snapshot), `facts` (what it says about this run), `event` (what woke us), `cancel` (the
//! signals that end us), `network` (proxies and certificates), `docker_config` (what `docker login` left). Out: `console`
//! (the one place that prints), `command` (how the runner reads what is printed), `mask` (what must never be printed),
//! `log` (tracing events as lines and annotations), `output` (outputs, state, summary). No decision is taken here.

mod cancel;
mod command;
mod console;
mod docker_config;
mod environment;
mod event;
mod facts;
mod log;
mod mask;
mod network;
mod output;

pub use cancel::Cancel;
pub use command::command;
pub use console::Console;
pub use docker_config::{DockerConfig, DockerConfigError, DockerLogin};
pub use environment::{Environment, Problem};
pub use event::{ClientPayload, Event, EventError, WorkflowRun};
pub use facts::Runner;
pub use log::Log;
pub use mask::Masker;
pub use network::Network;
pub use output::{OutputError, Outputs};
