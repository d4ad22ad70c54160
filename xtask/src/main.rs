//! Chores of this repository: `cargo xtask tidy` holds the house rules that no compiler knows.

mod source;
mod rules;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str =
    "cargo xtask VERB\n\n  tidy [ROOT]   hold the house rules; one line per breach, exit 1 if there is any";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = |given: Option<&String>| {
        given.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from)
    };
    let outcome = match arguments.first().map(String::as_str) {
        Some("tidy") => tidy::run(&root(arguments.get(1))),
        _ => {
            println!("{HELP}");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}
