//! cargo +nightly fuzz run frames: whatever a compressed frame may hold.
#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::frames(data);
});
