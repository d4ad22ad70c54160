//! Cleaned tags are not enough: the pixels have to be judged.
use deid::{instance::Instance, state::TagsCleaned, verify::Verifier};
fn leak(instance: Instance<TagsCleaned>, verifier: &Verifier, signer: &submission::signed::Signer) {
    let mut out = std::io::Cursor::new(Vec::new());
    let _ = instance.verify_and_write(&mut out, verifier, signer, 0);
}
fn main() {}
