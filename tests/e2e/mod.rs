//! Real input: a real registry, images pushed by `skopeo` and by `oci-client`, and the real binary as a process. GitHub
//! alone is simulated. Run by `tests/e2e/registry.sh`, which says through the environment where the registries are, and `builds` by
//! `tests/e2e/build.sh`, which says where the daemons are too.

mod builds;
mod differential;
pub(crate) mod image;
mod kills;
mod network;
pub(crate) mod place;
mod program;
pub(crate) mod push;
mod readers;
mod shop;
mod stories;
