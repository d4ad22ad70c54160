//! Tributary: images and records from hospitals to a national research database, de-identified on the way.
//!
//! The composition root: each subcommand has its own file, and custody of what identifies people is minted here.

mod ui;
mod keyfiles;
mod deid;
pub mod demo;
mod commands;

use ::deid::custody::Custody;
use clap::Parser;
use std::process::ExitCode;

/// Runs the program on its arguments.
pub fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    commands::run(cli, Custody::mint()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
