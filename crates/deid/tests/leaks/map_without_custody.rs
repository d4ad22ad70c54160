//! A sensitive value is not handed to a function of whoever holds it.
fn main() {
    let name = deid::custody::Sensitive::new(String::from("x"));
    let _ = name.map(|name| println!("{name}"));
}
