//! libFuzzer on the answer of a token endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::token::target(data));
