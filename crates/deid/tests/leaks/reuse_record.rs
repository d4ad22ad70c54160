//! De-identification consumes the record.
use deid::{clinical::ClinicalRecord, profile::Profile, pseudonym::Subject, state::Identifiable, verify::Verifier};
fn leak(
    record: ClinicalRecord<Identifiable>,
    subject: &Subject,
    profile: &Profile,
    verifier: &Verifier,
    signer: &submission::signed::Signer,
) {
    let _ = record.deidentify(subject, profile, &[], verifier, signer, 0);
    let _ = record.deidentify(subject, profile, &[], verifier, signer, 0);
}
fn main() {}
