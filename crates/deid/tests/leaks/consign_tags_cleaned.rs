//! Only what verification has published can be consigned.
use deid::{instance::Instance, state::{Deidentified, TagsCleaned}};
fn consign(_: Instance<Deidentified>) {}
fn leak(instance: Instance<TagsCleaned>) {
    consign(instance);
}
fn main() {}
