//! cargo +nightly fuzz run deid: whatever may come to the wall.
#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::deid(data);
});
