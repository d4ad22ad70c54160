//! Tributary: images and records from hospitals to a national research database, de-identified on the way.
//!
//! The composition root: each subcommand has its own file, and custody of what identifies people is minted here.

mod deid;

use ::deid::custody::Custody;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "tributary", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Deid(deid::Args),
}

fn main() -> ExitCode {
    let custody = Custody::mint();
    let outcome = match Cli::parse().command {
        Command::Deid(args) => deid::run(&args, &custody),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
