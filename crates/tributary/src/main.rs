//! tributary.
fn main() {}
