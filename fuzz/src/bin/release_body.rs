//! libFuzzer on the text of a release.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::release_body::target(data));
