//! The client against a GitHub in memory: what it asks, what it makes of the answers, and where the token goes.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod credentials;
mod errors;
mod reads;
mod server;
mod writes;
