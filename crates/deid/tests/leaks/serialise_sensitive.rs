//! A sensitive value does not serialise.
fn main() {
    let name = deid::custody::Sensitive::new(String::from("x"));
    let _ = serde_json::to_string(&name);
}
