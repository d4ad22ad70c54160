//! A sensitive value opens to a holder of custody only.
fn main() {
    let name = deid::custody::Sensitive::new(String::from("x"));
    let _ = name.expose();
}
