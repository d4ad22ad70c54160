//! An instance has no Display.
use deid::{instance::Instance, state::Identifiable};
fn leak(instance: Instance<Identifiable>) {
    println!("{instance}");
}
fn main() {}
