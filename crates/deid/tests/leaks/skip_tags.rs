//! Pixels are judged after the tags were cleaned, not instead.
use deid::{instance::Instance, pixels::{PixelPolicy, Review}, state::Identifiable};
fn leak(instance: Instance<Identifiable>, policy: &PixelPolicy) {
    let _ = instance.clean_pixels(policy, Review::Pending);
}
fn main() {}
