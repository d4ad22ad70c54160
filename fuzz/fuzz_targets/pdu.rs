//! cargo +nightly fuzz run pdu: whatever a peer may send.
#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::pdu(data);
});
