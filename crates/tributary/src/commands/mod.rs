//! The command line: what there is, and where each command is done.

mod audit;
mod bench;
mod demo;
mod hub;
mod keys;
mod national;
mod profile;

use crate::deid;
use ::deid::custody::Custody;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use platform::telemetry::LogConfig;
use std::process::ExitCode;

/// Images and records from hospitals to a national research database, de-identified on the way
///
/// Two houses: a hub stands inside a region's hospitals, asks their archives for the studies of people on agreed lists,
/// de-identifies them and sends consignments; the national house takes consignments in, checks them again and keeps them.
#[derive(Parser)]
#[command(name = "tributary", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What is logged to standard error: error, warn, info, debug, or per module, as warn,hub::ae=debug
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    /// Log one JSON object a line
    #[arg(long, global = true)]
    log_json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tributary demo
      a whole night on this machine: thirteen simulated trusts, a hub, a national house
  tributary keys init keys --hub
  tributary hub check --config hub.toml
  tributary hub cohort import sheet.xlsx --project nccid --trust RX1
  tributary hub serve
      the way to a hub of your own; docs/samples has configurations to start from
  tributary COMMAND --help
      more about a command, with examples";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Deid(deid::Args),
    /// What de-identification does to each attribute, and why
    #[command(subcommand)]
    Profile(profile::Command),
    /// The regional house: collect, de-identify, send
    Hub(hub::Args),
    /// The national house: take in, keep
    National(national::Args),
    /// Make key files
    #[command(subcommand)]
    Keys(keys::Command),
    /// What was done, and that nobody rewrote it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Measure
    #[command(subcommand)]
    Bench(bench::Command),
}

pub(crate) fn run(cli: Cli, custody: Custody) -> Result<ExitCode> {
    // A service tells what it does; a command speaks for itself.
    let quiet = match &cli.command {
        Command::Hub(args) if args.is_service() => "info",
        Command::National(args) if args.is_service() => "info",
        Command::Demo(_) => "error",
        _ => "warn",
    };
    let level = cli.log.unwrap_or_else(|| quiet.to_owned());
    platform::telemetry::init(&LogConfig { level, json: cli.log_json })?;
    match cli.command {
        Command::Demo(args) => runtime()?.block_on(demo::run(&args, custody)),
        Command::Deid(args) => deid::run(&args, &custody),
        Command::Profile(command) => profile::run(&command, &custody),
        Command::Hub(args) => runtime()?.block_on(hub::run(args, custody)),
        Command::National(args) => runtime()?.block_on(national::run(args)),
        Command::Keys(command) => keys::run(&command),
        Command::Audit(command) => runtime()?.block_on(audit::run(&command, custody)),
        Command::Bench(command) => runtime()?.block_on(bench::run(&command)),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// Ends when the process is asked to end: Ctrl-C, or SIGTERM as service managers send it.
pub(crate) fn until_asked_to_end() -> platform::shutdown::Shutdown {
    let (handle, shutdown) = platform::shutdown::shutdown();
    tokio::spawn(async move {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        tracing::info!("asked to end: running steps are let finish");
        handle.request();
    });
    shutdown
}

/// Who gives a command: the name that goes into the audit.
pub(crate) fn actor(given: Option<&str>) -> String {
    let login = || std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).ok();
    let name = given.map(str::to_owned).or_else(login).unwrap_or_else(|| "operator".into());
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-@".contains(c) { c } else { '-' })
        .take(64)
        .collect()
}
