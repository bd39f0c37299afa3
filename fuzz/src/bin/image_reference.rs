//! libFuzzer on a name of an image or of a part of one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::image_reference::target(data));
