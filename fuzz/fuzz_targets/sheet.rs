//! cargo +nightly fuzz run sheet: whatever a trust may send as its list.
#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::sheet(data);
});
