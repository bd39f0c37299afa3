//! libFuzzer on what a registry serves as an image.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::manifest::target(data));
