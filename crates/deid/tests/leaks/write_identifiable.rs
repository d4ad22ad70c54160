//! What came in cannot be written out.
use deid::{instance::Instance, state::Identifiable, verify::Verifier};
fn leak(instance: Instance<Identifiable>, verifier: &Verifier, signer: &submission::signed::Signer) {
    let mut out = std::io::Cursor::new(Vec::new());
    let _ = instance.verify_and_write(&mut out, verifier, signer, 0);
}
fn main() {}
