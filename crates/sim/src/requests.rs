//! What was asked of the world, for tests that count requests or look for a leaked credential.

use std::time::Duration;

use crate::world::World;

/// One request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Time since the world began.
    pub at: Duration,
    /// The method in capitals.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host (and port) as asked for.
    pub host: String,
    /// Path and query as sent.
    pub path_and_query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The `Accept-Encoding` header.
    pub accept_encoding: Option<String>,
    /// The request body.
    pub body: bytes::Bytes,
    /// The status that was answered; 0 when the client got none.
    pub answered: u16,
    /// Was it for the GitHub face?
    pub github: bool,
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) requests: Vec<RecordedRequest>,
}

impl World {
    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.with(|state, _| state.log.requests.clone())
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.with(|state, _| state.log.requests.clear());
    }

    /// How many requests so far could have changed something on GitHub (neither GET nor HEAD).
    pub fn writes(&self) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.github && request.method != "GET" && request.method != "HEAD")
            .count()
    }
}
