//! `tributary audit`: walks the chains of either house.

use ::deid::custody::Custody;
use anyhow::{Context, Result};
use hub::context::Hub;
use hub::pipeline::receipts::countersigned;
use platform::audit::{Verdict, roots, verify};
use platform::clock::SystemClock;
use platform::db::Db;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Walk every chain of a house from its beginning: whether a row was changed, taken out or put in
    ///
    /// A hub's chains are also held against the roots that the national house countersigned in its receipts, so that a hub
    /// which rewrote its past as a whole is found out. Exit status: 0 everything follows, 1 something does not.
    Verify {
        /// The configuration of a hub or of a national house
        #[arg(long, value_name = "FILE", default_value = "hub.toml")]
        config: PathBuf,
        /// Only this chain: a trust's ODS code, or hub
        #[arg(long)]
        chain: Option<String>,
    },
}

pub(crate) async fn run(command: &Command, custody: Custody) -> Result<ExitCode> {
    let Command::Verify { config, chain } = command;
    let as_hub = hub::config::Config::load(config);
    let mut is_whole = true;
    let db = match as_hub {
        Ok(hub) => {
            let hub = Hub::open(hub, SystemClock::shared(), custody).await?;
            is_whole &= receipts(&hub).await?;
            hub.store.db().clone()
        }
        Err(fault) => match national::config::Config::load(config) {
            Ok(national) => Db::open(national.database_url.expose()).await?,
            // Which house it was meant for shows in the file; the hub's faults are the likelier ones.
            Err(_) => return Err(fault).with_context(|| config.display().to_string()),
        },
    };
    let mut reader = db.read().await?;
    for root in roots(&mut reader).await? {
        if chain.as_ref().is_some_and(|wanted| *wanted != root.chain) {
            continue;
        }
        match verify(&mut reader, &root.chain).await? {
            Verdict::Whole { length, root: hash } => {
                let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                let rows = if length == 1 { "row" } else { "rows" };
                println!("{}: whole, {length} {rows}, root {hash}", root.chain);
            }
            Verdict::Broken { seq, what } => {
                is_whole = false;
                println!("{}: BROKEN at row {seq}: {what}", root.chain);
            }
        }
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether every root that was countersigned still follows from the rows.
async fn receipts(hub: &Hub) -> Result<bool> {
    let all = countersigned(hub).await?;
    for fallen in all.iter().filter(|receipt| !receipt.stands) {
        println!(
            "{} receipt {}: BROKEN: the root that was countersigned does not follow from these rows, or the receipt is gone \
             (a hub that was restored has lost the rows behind its backup)",
            fallen.project, fallen.sequence
        );
    }
    let standing = all.iter().filter(|receipt| receipt.stands).count();
    println!("receipts: {standing} of {} countersigned roots follow from these rows", all.len());
    Ok(standing == all.len())
}
