//! `hub backup` and `hub restore`.

use ::deid::custody::Custody;
use anyhow::{Context, Result};
use hub::config::Config;
use hub::context::Hub;
use platform::clock::SystemClock;
use platform::keys::{KeyKind, PublicKey, SecretKey};
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a backup that only the offline key opens; the hub may go on working
///
/// It holds both databases. It does not hold key files: copies of those are kept in a safe, without them a restored hub
/// can read nothing. The spool is not in it either: what it held and was not acknowledged is fetched again.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  tributary hub backup /mnt/backup/hub-2026-11-21.backup")]
pub(crate) struct Backup {
    /// The file to write; must not exist
    out: PathBuf,
    /// The public half of the key that opens it [default: keys.backup_recipient]
    #[arg(long, value_name = "FILE")]
    recipient: Option<PathBuf>,
}

/// Put a backup back onto an empty machine, and catch up with the bucket
///
/// Key files and configuration must be in place. Manifests sent and receipts given after the backup are taken over from
/// the bucket, so that no sequence number is used twice; what was lost with the machine is fetched again by the next
/// nights. Cut off, it is begun again with the same command.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  tributary hub restore /mnt/backup/hub-2026-11-21.backup --key /media/safe/backup.key
  tributary hub serve")]
pub(crate) struct Restore {
    /// The backup
    backup: PathBuf,
    /// The key that opens it, brought from where it is kept
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) async fn backup(hub: &Hub, args: &Backup) -> Result<ExitCode> {
    let recipient = args.recipient.as_ref().or(hub.config.keys.backup_recipient.as_ref());
    let recipient = recipient.context(
        "the configuration names no keys.backup_recipient: make one with `tributary keys init DIR --backup`, away from this machine",
    )?;
    let recipient = PublicKey::load(recipient, KeyKind::BackupRecipient)?;
    let done = hub::backup::backup(hub, &args.out, &recipient).await;
    done.with_context(|| args.out.display().to_string())?;
    println!("{}: written, sealed for key {}", args.out.display(), recipient.id());
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(config: Config, args: &Restore, custody: Custody) -> Result<ExitCode> {
    let key = SecretKey::load(&args.key, KeyKind::BackupRecipient)?;
    let restored = hub::backup::restore(config, &args.backup, &key, SystemClock::shared(), custody).await;
    let (_, restored) = restored.with_context(|| args.backup.display().to_string())?;
    println!(
        "restored; {} consignments sent after the backup were taken over, {} objects are fetched again",
        restored.consignments, restored.fetched_again
    );
    println!("next: tributary hub check, then tributary hub serve");
    Ok(ExitCode::SUCCESS)
}
