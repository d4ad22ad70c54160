//! `hub optouts` and `hub objections`: who must not be used.

use anyhow::{Context, Result, bail};
use hub::context::Hub;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum OptOuts {
    /// Print the list to submit to the checking service: an NHS number and a comma per line
    ///
    /// It names people: keep it as you keep the sheets.
    List {
        /// The project; not needed where the hub serves one only
        #[arg(long)]
        project: Option<String>,
    },
    /// Take the answer of the checking service
    ///
    /// Both lists of one run are needed: who was submitted and did not come back has opted out, who was not submitted has
    /// not been checked, and both are held. Nobody is queried on an answer older than the project allows.
    Import {
        /// The list as it was submitted
        #[arg(long, value_name = "FILE")]
        submitted: PathBuf,
        /// The list as it came back
        #[arg(long, value_name = "FILE")]
        returned: PathBuf,
        /// The day of the answer, as 2026-01-31 [default: today]
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
    },
}

#[derive(clap::Subcommand)]
pub(crate) enum Objections {
    /// Take a list of people who object at a trust: NHS numbers, or local ids and their issuer
    ///
    /// From now on nothing of theirs is asked for, de-identified, consigned or sent; what waits is held.
    Import {
        /// The list
        file: PathBuf,
        /// The trust: ODS code, or name
        #[arg(long)]
        trust: String,
        /// The issuer of local ids, where the list has no column for it
        #[arg(long)]
        issuer: Option<String>,
    },
}

pub(super) async fn opt_outs(hub: &Hub, command: &OptOuts, actor: &str) -> Result<ExitCode> {
    match command {
        OptOuts::List { project } => {
            let served = super::project(hub, project.as_deref())?;
            let list = hub::objections::to_submit(hub, &served.project.name).await?;
            print!("{}", list.expose(&hub.custody));
        }
        OptOuts::Import { submitted, returned, date } => {
            let read = |path: &PathBuf| std::fs::read(path).with_context(|| path.display().to_string());
            let checked = match date {
                Some(text) => {
                    let day = submission::names::Day::parse(text)
                        .map_err(|_| anyhow::anyhow!("{text}: write a day as 2026-01-31"))?;
                    day.to_string().parse().with_context(|| format!("{text}: no such day"))?
                }
                None => hub.today(),
            };
            if checked > hub.today() {
                bail!("the day of the answer lies in the future");
            }
            let taken =
                hub::objections::check_taken(hub, &read(submitted)?, &read(returned)?, checked, actor)
                    .await?;
            println!(
                "{} people checked, {} may be used, {} have opted out; {} submitted numbers are in no sheet of this hub",
                taken.submitted,
                taken.permitted,
                taken.submitted - taken.permitted,
                taken.unknown
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn objections(hub: &Hub, command: &Objections, actor: &str) -> Result<ExitCode> {
    let Objections::Import { file, trust, issuer } = command;
    let trust =
        hub.governance.find(trust).with_context(|| format!("no trust {trust} in the configuration"))?;
    let list = std::fs::read(file).with_context(|| file.display().to_string())?;
    let (people, problems) =
        hub::objections::objections_taken(hub, &trust.ods, &list, issuer.as_deref(), actor).await?;
    for problem in &problems {
        println!("{problem}");
    }
    println!("{people} people object at {}", trust.ods);
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
