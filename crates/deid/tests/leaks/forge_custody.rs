//! Custody is minted, not made.
fn main() {
    let _ = deid::custody::Custody(());
}
