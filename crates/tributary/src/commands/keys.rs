//! `tributary keys`: makes key files and says what is given to whom.

use crate::keyfiles;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make the key files of a house, in a folder
    ///
    /// Each file holds one key and is readable by its owner only; a file that is there already is never overwritten.
    /// What ends in .pub is a public half, to be given away; what ends in .key is secret.
    #[command(after_help = EXAMPLES)]
    Init(Init),
}

const EXAMPLES: &str = "\
Examples:
  tributary keys init /etc/tributary/keys --hub
      sealing.key, signing.key; signing.pub for the national house
  tributary keys init /etc/tributary/keys --national
      national-signing.key, partition.key; national-signing.pub for the hubs
  tributary keys init /media/safe --backup
      backup.key, to be kept offline; backup.pub for the hub
  tributary keys init /etc/tributary/keys --project nccid
      nccid.key, made once for a project, for all its hubs and escrow";

#[derive(clap::Args)]
#[group(id = "house", required = true, multiple = true)]
pub(crate) struct Houses {
    /// The keys of a hub
    #[arg(long)]
    hub: bool,
    /// The keys of the national house
    #[arg(long)]
    national: bool,
    /// The key that opens backups
    #[arg(long)]
    backup: bool,
    /// The key of a project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Init {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    houses: Houses,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::Init(Init { folder, houses }) = command;
    let mut made = Vec::new();
    if houses.hub {
        made.extend(keyfiles::hub(folder)?);
    }
    if houses.national {
        made.extend(keyfiles::national(folder)?);
    }
    if houses.backup {
        made.extend(keyfiles::backup(folder)?);
    }
    if let Some(name) = &houses.project {
        made.extend(keyfiles::project(folder, name)?);
    }
    for key in made {
        println!("{}\n    {}", key.path.display(), key.advice);
    }
    Ok(ExitCode::SUCCESS)
}
