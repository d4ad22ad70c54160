//! Key files: which there are, who makes them, and what is given to whom.

use anyhow::{Context, Result};
use platform::keys::{KeyKind, SecretKey};
use std::path::{Path, PathBuf};

/// A key file that was made.
pub(crate) struct Made {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What to do with it.
    pub(crate) advice: String,
}

/// The keys of a hub: `sealing.key`, `signing.key`, `signing.pub`.
pub(crate) fn hub(folder: &Path) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    secret(
        folder,
        "sealing.key",
        KeyKind::HubStorage,
        "seals the spool and the linkage; stays on this machine, with a copy in a safe: without it a backup opens nothing",
        &mut made,
    )?;
    let signing = secret(
        folder,
        "signing.key",
        KeyKind::HubSigning,
        "signs what leaves this hub; stays on this machine",
        &mut made,
    )?;
    public(folder, "signing.pub", &signing, "give it to the national house, which pins it", &mut made)?;
    Ok(made)
}

/// The keys of a national house: `national-signing.key`, `national-signing.pub`, `partition.key`.
pub(crate) fn national(folder: &Path) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    let signing = secret(
        folder,
        "national-signing.key",
        KeyKind::NationalSigning,
        "signs receipts; stays on this machine",
        &mut made,
    )?;
    public(
        folder,
        "national-signing.pub",
        &signing,
        "give it to every hub, which pins it as receipt key",
        &mut made,
    )?;
    secret(
        folder,
        "partition.key",
        KeyKind::Partition,
        "splits people into training and validation; shown to nobody, never replaced: keep a copy in a safe",
        &mut made,
    )?;
    Ok(made)
}

/// The key that opens backups: `backup.key`, `backup.pub`.
pub(crate) fn backup(folder: &Path) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    let key = secret(
        folder,
        "backup.key",
        KeyKind::BackupRecipient,
        "opens backups; keep it offline, never on the hub",
        &mut made,
    )?;
    public(folder, "backup.pub", &key, "goes to the hub, as keys.backup_recipient", &mut made)?;
    Ok(made)
}

/// The key of a project: `NAME.key`.
pub(crate) fn project(folder: &Path, name: &str) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    secret(
        folder,
        &format!("{name}.key"),
        KeyKind::Project,
        "makes pseudonyms, UIDs and date offsets; goes to every hub of the project by hand, and to escrow; never replaced",
        &mut made,
    )?;
    Ok(made)
}

fn secret(folder: &Path, name: &str, kind: KeyKind, advice: &str, made: &mut Vec<Made>) -> Result<SecretKey> {
    let path = folder.join(name);
    let key = SecretKey::create(&path, kind)?;
    made.push(Made { path, advice: advice.into() });
    Ok(key)
}

fn public(folder: &Path, name: &str, key: &SecretKey, advice: &str, made: &mut Vec<Made>) -> Result<()> {
    let path = folder.join(name);
    let half = key.public().context("this kind of key has no public half")?;
    std::fs::write(&path, format!("{half}\n")).with_context(|| path.display().to_string())?;
    made.push(Made { path, advice: advice.into() });
    Ok(())
}
