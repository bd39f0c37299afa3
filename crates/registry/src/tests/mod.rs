//! The probe against a registry in memory, under paused time. Every test counts requests or reads them: what is asked,
//! where, and with which access is the behaviour. Registries that fail or lie, and the manners of real ones, are in
//! `tests/hostile`.

mod access;
mod content;
mod fake;
mod flow;
