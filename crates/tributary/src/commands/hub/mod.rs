//! `tributary hub`: the regional house.

mod account;
mod backup;
mod cohort;
mod lists;
mod pages;
mod review;
mod serve;
mod status;

use ::deid::custody::Custody;
use anyhow::{Context, Result};
use clap::Subcommand;
use hub::config::Config;
use hub::context::{Hub, Served};
use platform::clock::SystemClock;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The hub's configuration
    #[arg(long, global = true, value_name = "FILE", default_value = "hub.toml")]
    config: PathBuf,
    /// Who gives the command, for the audit [default: the login name]
    #[arg(long, global = true, value_name = "NAME")]
    actor: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
A hub, step by step:
  tributary keys init keys --hub --project nccid
      and write hub.toml, from docs/samples/hub-minimal.toml
  tributary hub check
      opens all that hub.toml names and says what to mend
  tributary hub sheet royal > royal.md
      the page for the archive's administrator and the firewall team
  tributary hub probe royal
      whether the archive knows us
  tributary hub cohort import sheet.xlsx --project nccid --trust RX1 --dry-run
      what is wrong with a sheet, by row and column; without --dry-run it is imported
  tributary hub optouts list --project nccid > submit.csv
  tributary hub optouts import --submitted submit.csv --returned returned.csv
  tributary hub serve
  tributary hub status
  tributary hub review list
      what waits for a person, and why
  tributary hub account add ann --role reviewer
      who may look at it in a browser, where hub.toml has a section [portal]";

#[derive(Subcommand)]
enum Command {
    /// Run the hub, until it is told to stop
    Serve,
    /// Open all that the configuration names, and say what to mend
    Check,
    Probe(serve::Probe),
    /// Cohort sheets
    #[command(subcommand)]
    Cohort(cohort::Command),
    /// Runs of the national opt-out check
    #[command(subcommand)]
    Optouts(lists::OptOuts),
    /// People who object at a trust
    #[command(subcommand)]
    Objections(lists::Objections),
    Status(status::Args),
    /// Stop every query and retrieval of a source, or for a trust, at once; what runs is let finish
    Pause(status::Subject),
    /// Go on with a source or a trust
    Resume(status::Subject),
    /// What is held, and what a person decides about it
    #[command(subcommand)]
    Review(review::Command),
    /// Who signs in to the review pages
    #[command(subcommand)]
    Account(account::Command),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Sheet(pages::Sheet),
    Dataflow(pages::DataFlow),
}

impl Args {
    pub(crate) fn is_service(&self) -> bool {
        matches!(self.command, Command::Serve)
    }
}

pub(crate) async fn run(args: Args, custody: Custody) -> Result<ExitCode> {
    let config = Config::load(&args.config).with_context(|| args.config.display().to_string())?;
    match &args.command {
        Command::Check => return serve::check(&config).await,
        Command::Sheet(sheet) => return pages::sheet(&config, sheet),
        Command::Dataflow(page) => return pages::data_flow(&config, page),
        Command::Restore(args) => return backup::restore(config, args, custody).await,
        _ => {}
    }
    let hub = Arc::new(Hub::open(config, SystemClock::shared(), custody).await?);
    let actor = super::actor(args.actor.as_deref());
    match args.command {
        Command::Serve => serve::serve(hub).await,
        Command::Probe(args) => serve::probe(&hub, &args).await,
        Command::Cohort(command) => cohort::run(&hub, &command, &actor).await,
        Command::Optouts(command) => lists::opt_outs(&hub, &command, &actor).await,
        Command::Objections(command) => lists::objections(&hub, &command, &actor).await,
        Command::Status(args) => status::run(&hub, &args).await,
        Command::Pause(subject) => status::pause(&hub, &subject, "pause", &actor).await,
        Command::Resume(subject) => status::pause(&hub, &subject, "resume", &actor).await,
        Command::Review(command) => review::run(&hub, &command, &actor).await,
        Command::Account(command) => account::run(&hub, &command, &actor).await,
        Command::Backup(args) => backup::backup(&hub, &args).await,
        Command::Check | Command::Restore(_) | Command::Sheet(_) | Command::Dataflow(_) => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The project of that name; where the hub serves one only, it need not be named.
fn project<'h>(hub: &'h Hub, name: Option<&str>) -> Result<&'h Served> {
    let names = || hub.projects.iter().map(|s| s.project.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, hub.projects.as_slice()) {
        (Some(name), _) => hub
            .served(name)
            .with_context(|| format!("this hub serves no project {name}; it serves {}", names())),
        (None, [only]) => Ok(only),
        (None, _) => anyhow::bail!("name a project with --project: {}", names()),
    }
}
