//! cargo +nightly fuzz run dataset: whatever an archive may hold.
#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::dataset(data);
});
