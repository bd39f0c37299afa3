//! libFuzzer on a Keep-a-Changelog file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::changelog::target(data));
