//! Tests of whole programs: `scenarios` runs them against the simulator, `contract` holds what is written about them
//! against what they do.

#![cfg(test)]

mod contract;
mod e2e;
mod scenarios;
mod stage;
