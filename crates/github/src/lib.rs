//! GitHub's REST API as this project needs it: octocrab over the shared transport.
//!
//! `read`: questions, which change nothing. `write`: every mutation, and nothing else. `client`: how octocrab is put
//! together and one call is made. `wire`: which host gets the token. `pages`: lists of many pages, read to their end.
//! `url`: addresses from untrusted words. `error`: why there is no answer, by what the caller does. What an answer
//! means for a release is decided elsewhere.

mod client;
mod error;
mod pages;
mod read;
mod url;
mod wire;
mod write;

pub use client::{GitHub, Settings, Token};
pub use error::Error;
pub use read::{CommitLine, Run, WorkflowFile};
pub use write::{CreatedStatus, MakeLatest, NewRelease, NewStatus, ReleaseChange};
