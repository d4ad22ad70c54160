//! A sensitive value does not dereference.
fn main() {
    let name = deid::custody::Sensitive::new(String::from("x"));
    let _: &str = &name;
}
