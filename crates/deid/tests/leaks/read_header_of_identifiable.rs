//! The header of an instance can be read when it is de-identified, not before.
use deid::{instance::Instance, state::Identifiable};
fn leak(instance: &Instance<Identifiable>) -> &dicom::dataset::Dataset {
    instance.header()
}
fn main() {}
