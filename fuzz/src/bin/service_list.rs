//! libFuzzer on the `services` input.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::service_list::target(data));
