//! Tests of whole programs: `scenarios` runs them against the simulator, `contract` holds what is written about them
//! against what they do. `fuzz` replays what fuzzing found.

#![cfg(test)]

mod builds;
mod contract;
mod e2e;
#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library of its own for the fuzzer")]
mod fuzz;
mod pipelines;
mod scenarios;
mod stage;
