//! `release-pipelines`: from one big release workflow to one for each service, and no drift afterwards.

mod add;
pub mod check;
pub mod doctor;
pub mod migrate;
mod paths;
mod pipeline;
pub mod report;
mod repository;
mod workflow;
mod yaml;

pub use add::{AddError, NewService, add};
pub use pipeline::Source;
pub use repository::{FileError, Repository};
pub use yaml::Position;
