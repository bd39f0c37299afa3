//! libFuzzer on commit statuses.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::signal::target(data));
