//! libFuzzer on the `WWW-Authenticate` headers of a registry.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::challenge::target(data));
