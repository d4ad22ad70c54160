//! A sensitive value has no Display.
fn main() {
    let name = deid::custody::Sensitive::new(String::from("x"));
    println!("{name}");
}
