//! `tributary audit`: walks the chains of either house.

use anyhow::{Context, Result};
use platform::audit::{Verdict, roots, verify};
use platform::db::Db;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Walk every chain of a house from its beginning: whether a row was changed, taken out or put in
    ///
    /// Exit status: 0 every chain is whole, 1 one is not.
    Verify {
        /// The configuration of a hub or of a national house
        #[arg(long, value_name = "FILE", default_value = "hub.toml")]
        config: PathBuf,
        /// Only this chain: a trust's ODS code, or hub
        #[arg(long)]
        chain: Option<String>,
    },
}

pub(crate) async fn run(command: &Command) -> Result<ExitCode> {
    let Command::Verify { config, chain } = command;
    let db = Db::open(&database(config)?).await?;
    let mut reader = db.read().await?;
    let mut is_whole = true;
    for root in roots(&mut reader).await? {
        if chain.as_ref().is_some_and(|wanted| *wanted != root.chain) {
            continue;
        }
        match verify(&mut reader, &root.chain).await? {
            Verdict::Whole { length, root: hash } => {
                let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("{}: whole, {length} rows, root {hash}", root.chain);
            }
            Verdict::Broken { seq, what } => {
                is_whole = false;
                println!("{}: BROKEN at row {seq}: {what}", root.chain);
            }
        }
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The database of whichever house the file configures.
fn database(config: &std::path::Path) -> Result<String> {
    let as_hub = hub::config::Config::load(config);
    if let Ok(hub) = as_hub {
        return Ok(hub.database_url.as_str().to_owned());
    }
    match national::config::Config::load(config) {
        Ok(national) => Ok(national.database_url.expose().to_owned()),
        // Which house it was meant for shows in the file; the hub's faults are the likelier ones.
        Err(_) => as_hub.map(|_| String::new()).with_context(|| config.display().to_string()),
    }
}
