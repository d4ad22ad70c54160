//! Nobody makes a de-identified instance but verification.
use deid::{instance::Instance, state::{Deidentified, TagsCleaned}};
fn leak(instance: Instance<TagsCleaned>) -> Instance<Deidentified> {
    Instance { state: std::marker::PhantomData, ..instance }
}
fn main() {}
