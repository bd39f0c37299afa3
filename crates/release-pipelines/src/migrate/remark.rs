//! What is said about the old workflow: what stops the migration, and what changes with it.

use super::expression::REFUSED;
use super::image::shown;
use crate::yaml::Position;

/// Something to be said about a place in the old workflow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// Where.
    pub at: Position,
    /// Whether nothing can be written because of it.
    pub refused: bool,
    /// What was found.
    pub message: String,
    /// What to do, or what becomes of it.
    pub help: String,
}

/// The remarks so far.
#[derive(Debug, Default)]
pub(super) struct Remarks(Vec<Remark>);

impl Remarks {
    /// It cannot be expressed: nothing is written.
    pub(super) fn refuse(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        let message = message.into();
        // It follows from another.
        if !message.contains(REFUSED) {
            self.0.push(Remark { at, refused: true, message: shown(&message), help: help.into() });
        }
    }

    /// It changes, or has no place any more, and nobody needs to do anything.
    pub(super) fn note(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Remark { at, refused: false, message: shown(&message.into()), help: help.into() });
    }

    pub(super) fn is_refused(&self) -> bool {
        self.0.iter().any(|remark| remark.refused)
    }

    /// By place, each once: what is true of a step is found for every row of the matrix.
    pub(super) fn finish(mut self) -> Vec<Remark> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}
