//! The binary of the action: one thread, the real environment, the real network, buildx. Called by the name
//! `build-and-signal-post` it is the post step: a container action has no other way to tell the two.

use std::path::Path;
use std::process::ExitCode;

use build_and_signal::Engine;
use runner::{Cancel, Environment};
use transport::Core;

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let name = std::env::args_os().next().unwrap_or_default();
    let is_post = Path::new(&name).file_name().is_some_and(|name| name == "build-and-signal-post");
    let exit = runtime.block_on(async {
        // First of all: without handlers PID 1 of a container never gets a signal.
        let Ok(cancel) = Cancel::install() else { return ExitCode::FAILURE };
        let environment = Environment::capture();
        let exit = if is_post {
            build_and_signal::post(&environment, Core::reqwest, std::io::stdout()).await
        } else {
            build_and_signal::run(&environment, Core::reqwest, &Engine::buildx(), std::io::stdout(), &cancel).await
        };
        ExitCode::from(exit)
    });
    // A name that is still looked up, on a thread of its own, holds nobody up.
    runtime.shutdown_background();
    exit
}
