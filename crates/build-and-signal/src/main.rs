//! `build-and-signal`: not built yet.

use std::process::ExitCode;

use runner::{Console, Environment, Runner};

fn main() -> ExitCode {
    let runner = Runner::read(&Environment::capture());
    Console::stdout(&runner).error(None, "build-and-signal is not built yet: use docker/build-push-action until it is");
    ExitCode::FAILURE
}
