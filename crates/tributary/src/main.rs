//! The `tributary` program; all of it is in the library, so that tests can play what the commands do.

use std::process::ExitCode;

fn main() -> ExitCode {
    tributary::main()
}
