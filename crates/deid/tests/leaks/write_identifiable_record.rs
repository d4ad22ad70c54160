//! A clinical record has bytes only when it is de-identified.
use deid::{clinical::ClinicalRecord, state::Identifiable};
fn leak(record: &ClinicalRecord<Identifiable>) -> &[u8] {
    record.json()
}
fn main() {}
