//! The words and rules of a release. No I/O, clock, environment or async: values in, values out.
//!
//! `image`, `version`, `service`, `signal`: words, parsed once. `evidence`: what was seen. `decide`: what should
//! happen now. `render`: every text that a person reads. `release`: what the release page should hold.

pub mod changelog;
pub mod decide;
pub mod evidence;
pub mod image;
pub mod release;
pub mod remedy;
pub mod render;
pub mod repository;
pub mod service;
pub mod signal;
pub mod template;
pub mod version;
