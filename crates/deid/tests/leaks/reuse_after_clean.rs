//! Cleaning consumes what is dirty.
use deid::{instance::Instance, profile::Profile, pseudonym::{Pseudonymiser, Subject}, state::Identifiable};
fn leak(instance: Instance<Identifiable>, profile: &std::sync::Arc<Profile>, subject: &Subject, engine: &Pseudonymiser) {
    let _ = instance.clean_tags(profile, subject, engine, &[]);
    let _ = instance.facts();
}
fn main() {}
