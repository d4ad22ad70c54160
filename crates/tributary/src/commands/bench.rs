//! `tributary bench`: the program's own paths, for measuring.

use anyhow::{Context, Result};
use hub::ae::{Acceptor, Peers};
use hub::config::Config;
use hub::linkage::Linkage;
use hub::pipeline::receive::Receiver;
use hub::spool::Spool;
use hub::store::Store;
use platform::clock::SystemClock;
use platform::db::Db;
use platform::keys::{KeyKind, SecretKey, random};
use platform::seal::SealingKey;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// The hub's real receive path: anybody may store, everything is sealed and durable before 0x0000
    ///
    /// Serves until it is stopped. For benchmarks, never for people's data: there is no check of who sends.
    #[command(after_help = "\
Example:
  tributary bench receive --port 11112 --out /data/bench &
  storescu -aec TRIBUTARY localhost 11112 +sd scans")]
    Receive {
        /// The port to listen on, on this machine
        #[arg(long)]
        port: u16,
        /// The folder for spool and databases
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

pub(crate) async fn run(command: &Command) -> Result<ExitCode> {
    let Command::Receive { port, out } = command;
    let shutdown = super::until_asked_to_end();
    let acceptor = listen(*port, out).await?;
    println!("listening on {}", acceptor.address());
    shutdown.requested().await;
    Ok(ExitCode::SUCCESS)
}

async fn listen(port: u16, out: &Path) -> Result<Acceptor> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let out = out.canonicalize()?;
    let text = format!(
        "[hub]\nid = \"bench\"\ndata_dir = \".\"\n[keys]\nsealing = \"none\"\nsigning = \"none\"\n\
         [listen]\nae_title = \"TRIBUTARY\"\naddress = \"127.0.0.1:{port}\"\n\
         [limits]\nspool_reserve_bytes = 16777216\nassociations_per_peer_max = 64\n"
    );
    let config = Config::parse(&text, &out)?;
    let clock = SystemClock::shared();
    let sealing = SealingKey::new(SecretKey::from_bytes(KeyKind::HubStorage, random()?));
    let spool = Spool::open(config.spool_dir.clone(), sealing.clone(), config.limits.spool_reserve_bytes)?;
    let store = Store::open(Db::open(config.database_url.expose()).await?).await?;
    let linkage = Linkage::open(Db::open(config.linkage_url.expose()).await?, sealing, &random()?).await?;
    let receiver = Receiver::new(Arc::new(spool), store, linkage, Arc::clone(&clock));
    Ok(Acceptor::listen(Arc::new(config), Peers::Anyone("bench".into()), receiver, clock)?)
}
