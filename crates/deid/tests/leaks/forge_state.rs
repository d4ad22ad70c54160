//! Nobody adds a state.
#[derive(Debug)]
struct Clean;
impl deid::state::State for Clean {
    const NAME: &'static str = "Clean";
}
fn main() {}
