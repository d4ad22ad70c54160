//! `tributary national`: the national house.

use crate::ui::{Table, number};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use national::config::Config;
use national::house::House;
use national::quarantine::{self, Decided};
use national::store::{Quarantined, QuarantinedId};
use platform::clock::SystemClock;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  tributary keys init keys --national
      and write national.toml, from docs/samples/national.toml
  tributary national serve
  tributary national status
  tributary national quarantine list"
)]
pub(crate) struct Args {
    /// The national house's configuration
    #[arg(long, global = true, value_name = "FILE", default_value = "national.toml")]
    config: PathBuf,
    /// Who gives the command, for the audit [default: the login name]
    #[arg(long, global = true, value_name = "NAME")]
    actor: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take consignments in, until told to stop
    Serve,
    /// Take in what lies in the inboxes now, once
    Once,
    /// What is there: every listed object in exactly one state, and the warehouse by partition
    Status,
    /// What was set aside
    #[command(subcommand)]
    Quarantine(Quarantine),
}

#[derive(Subcommand)]
enum Quarantine {
    /// Everything that is set aside, with its code
    List {
        /// Only this project
        #[arg(long)]
        project: Option<String>,
    },
    /// One thing that is, or was, set aside
    Show {
        /// Its name, as the list gives it
        id: String,
    },
    /// Look at it again, now that the cause is mended
    ///
    /// A finding of the residue search is thereby judged to be no identifier; every other check must pass as before.
    Accept {
        /// Its name, as the list gives it
        id: String,
    },
    /// Set it aside for good
    Reject {
        /// Its name, as the list gives it
        id: String,
    },
}

impl Args {
    pub(crate) fn is_service(&self) -> bool {
        matches!(self.command, Command::Serve)
    }
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let config = Config::load(&args.config).with_context(|| args.config.display().to_string())?;
    let clock = SystemClock::shared();
    if matches!(args.command, Command::Serve) {
        let shutdown = super::until_asked_to_end();
        national::serve::serve(config, clock, async move { shutdown.requested().await }).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let house = House::open(config, clock).await?;
    match args.command {
        Command::Serve => {}
        Command::Once => {
            let round = house.run_once().await?;
            println!(
                "{} consignments opened, {} objects settled, {} receipts given",
                round.opened, round.settled, round.answered
            );
        }
        Command::Status => return status(&house).await,
        Command::Quarantine(command) => {
            return quarantined(&house, &command, &super::actor(args.actor.as_deref())).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(house: &House) -> Result<ExitCode> {
    let mut is_well = true;
    for project in house.status().await? {
        println!(
            "project {}: {} objects listed, {} unaccounted for",
            project.project, project.listed, project.unaccounted
        );
        let mut items = Table::new(&["hub", "trust", "state", "code", "n"]);
        for count in &project.items {
            let code = count.code.as_deref().unwrap_or("");
            items.row([&count.hub, &count.trust, &count.state, code, &count.items.to_string()]);
        }
        println!("\n{items}");
        let mut parts = Table::new(&["partition", "kind", "patients", "studies", "objects", "bytes"]);
        for part in &project.partitions {
            let numbers = [part.patients, part.studies, part.holdings, part.bytes];
            let numbers = numbers.map(|n| number(i64::try_from(n).unwrap_or(i64::MAX)));
            parts.row([part.partition.clone(), part.kind.clone()].into_iter().chain(numbers));
        }
        println!("{parts}");
        for (one, other) in &project.partition_conflicts {
            println!("ALERT partition conflict: {one} and {other} are one subject and lie in two partitions");
        }
        for alert in &project.alerts {
            println!("ALERT {}: {}: {}", alert.hub, alert.code, alert.detail);
        }
        is_well &= project.unaccounted == 0;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn quarantined(house: &House, command: &Quarantine, actor: &str) -> Result<ExitCode> {
    let parse = |id: &str| QuarantinedId::parse(id).with_context(|| format!("{id}: not a name of the list"));
    match command {
        Quarantine::List { project } => {
            let all = quarantine::list(house, project.as_deref()).await?;
            let mut table = Table::new(&["name", "trust", "state", "code"]);
            for one in &all {
                let trust = one.trust.as_deref().unwrap_or("");
                table.row([&one.id.to_string(), trust, &one.state, &one.code]);
            }
            print!("{table}");
            println!("{} set aside", all.len());
        }
        Quarantine::Show { id } => match quarantine::show(house, &parse(id)?).await? {
            Some(found) => show(&found),
            None => bail!("nothing of the name {id} is set aside"),
        },
        Quarantine::Accept { id } => tell(id, &quarantine::accept(house, &parse(id)?, actor).await?)?,
        Quarantine::Reject { id } => tell(id, &quarantine::reject(house, &parse(id)?, actor).await?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(found: &Quarantined) {
    println!("{}\n  object  {}\n  state   {}\n  code    {}", found.id, found.path, found.state, found.code);
    println!("  to do   {}", found.advice);
    if let Some(trust) = &found.trust {
        println!("  trust   {trust}");
    }
    if let Some(detail) = &found.detail {
        println!("  detail  {detail}");
    }
}

fn tell(id: &str, decided: &Decided) -> Result<()> {
    match decided {
        Decided::NotFound => bail!("nothing of the name {id} is set aside"),
        Decided::LookedAgain(None) => println!("{id}: looked at again, and taken in"),
        Decided::LookedAgain(Some(code)) => println!("{id}: looked at again, and set aside still: {code}"),
        Decided::WillLookAgain => println!("{id}: the next run looks at it again"),
        Decided::Rejected => println!("{id}: rejected"),
    }
    Ok(())
}
