//! What both actions do alike. `reader`: inputs, typed. `connection`: the inputs that say how services are reached.
//! `session`: what the runner said, and the two clients. `credentials`: whom each registry is asked as. `tag`: which tag a
//! run is for. `patience`: how long a GitHub that does not answer is waited out.

mod connection;
mod credentials;
mod patience;
mod reader;
mod session;
mod tag;

pub use connection::{Connection, RegistryLogin};
pub use patience::{Limit, Patience, patiently};
pub use reader::{InputReader, MAX_WAIT, quoted, say};
pub use session::{ConnectError, Given, Session};
pub use tag::{Named, TagError, commit_of, named, tag_named, tag_of_version};
