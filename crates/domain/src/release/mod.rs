//! The release of a tag: the page that is there, the page that should be there, and the next write between them.
//!
//! `page`: what GitHub shows. `block`: our part of the body, and the text around it that belongs to people. `versions`:
//! what is latest, what came before. `lock`: the asset that pins every image. `plan`: the next write.

pub mod block;
pub mod lock;
pub mod page;
pub mod plan;
pub mod versions;
