//! The binary of the action: one thread, the real environment, the real network, standard output.

use std::process::ExitCode;

use runner::{Cancel, Environment};
use transport::Core;

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let exit = runtime.block_on(async {
        // First of all: without handlers PID 1 of a container never gets a signal.
        let Ok(cancel) = Cancel::install() else { return ExitCode::FAILURE };
        let environment = Environment::capture();
        let exit = wait_and_release::run(&environment, Core::reqwest, std::io::stdout(), &cancel).await;
        ExitCode::from(exit)
    });
    // A name that is still looked up, on a thread of its own, holds nobody up.
    runtime.shutdown_background();
    exit
}
