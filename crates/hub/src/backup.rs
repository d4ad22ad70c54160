//! Backup and restore. A backup holds the two databases, sealed for an offline recipient; the restored hub then reads in the
//! bucket what it sent after the backup, and goes on from there: no sequence number twice, nothing lost, nothing sent twice.
//!
//! Not in a backup: key files (they are kept in a safe of their own) and spool objects (the archives have them still, and
//! they are fetched again).

use crate::config::Config;
use crate::context::{Hub, HubError, Served};
use crate::pipeline::deidentify::outbox_name;
use crate::pipeline::outgoing::again;
use crate::store::Outgoing;
use deid::custody::Custody;
use futures::TryStreamExt;
use platform::audit::{self, Details};
use platform::clock::Clock;
use platform::config::SecretText;
use platform::db::Dialect;
use platform::disk;
use platform::keys::{PublicKey, SecretKey, random_id};
use platform::objects::ObjectError;
use platform::seal::{SealError, SealedReader, SealedWriter};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use submission::clearance::Clearance;
use submission::digest::Digest;
use submission::manifest::{Entry, Manifest};
use submission::paths::{ManifestPath, ReceiptPath, raw_root, receipts_root};
use submission::signed::Signed;

/// Opens every backup; bound into the seal as its name too.
const MAGIC: &str = "tributary hub backup 1";
const HUB_DB: &str = "hub.db";
const LINKAGE_DB: &str = "linkage.db";
/// Beside the databases while a restore is under way.
const UNFINISHED: &str = "restore-unfinished";

/// A backup or a restore did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The databases are on PostgreSQL.
    #[error(
        "the hub's databases are on PostgreSQL: back them up with pg_dump, linkage last, and restore with pg_restore"
    )]
    Postgres,
    /// The file is no backup of a hub, or of another form.
    #[error("backup-unreadable: not a backup of a hub, or one of a newer program")]
    NotABackup,
    /// Backing up never overwrites.
    #[error("backup-exists: there is a file already; give another name")]
    Exists,
    /// Nor does restoring.
    #[error(
        "restore-not-empty: {0} exists: a backup is restored onto an empty machine; move it away first if you mean it"
    )]
    NotEmpty(PathBuf),
    /// The bucket holds answers to manifests that are not there.
    #[error("receipt {0} is in the inbox, its manifest is not: ask the national house before going on")]
    ReceiptWithoutManifest(u64),
    /// The seal.
    #[error("backup-unreadable: {0}")]
    Seal(SealError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
}

macro_rules! through_the_hub {
    ($($error:ty),+) => {$(
        impl From<$error> for BackupError {
            fn from(error: $error) -> Self {
                Self::Hub(error.into())
            }
        }
    )+};
}
through_the_hub!(
    platform::db::DbError,
    platform::audit::AuditError,
    platform::keys::KeyError,
    ObjectError,
    crate::spool::SpoolError
);

impl From<SealError> for BackupError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Io(error) => Self::Disk(error),
            SealError::NotSealed => Self::NotABackup,
            error => Self::Seal(error),
        }
    }
}

type Result<T> = std::result::Result<T, BackupError>;

/// Writes a backup of the hub, which may go on working meanwhile. `out` must not exist; it appears whole or not at all.
pub async fn backup(hub: &Hub, out: &Path, recipient: &PublicKey) -> Result<()> {
    if hub.store.db().dialect() == Dialect::Postgres || hub.linkage.db().dialect() == Dialect::Postgres {
        return Err(BackupError::Postgres);
    }
    if out.exists() {
        return Err(BackupError::Exists);
    }
    let scratch = hub.config.data_dir.join(format!("backup-{}", random_id()?));
    let done = copy_and_seal(hub, &scratch, out, recipient).await;
    // Whether it went well or not: no second copy of the databases stays.
    fs::remove_dir_all(&scratch)?;
    done
}

async fn copy_and_seal(hub: &Hub, scratch: &Path, out: &Path, recipient: &PublicKey) -> Result<()> {
    disk::create_dirs(scratch)?;
    // What the hub's rows refer to in the linkage was there before them: so the linkage is copied last.
    hub.store.db().copy_to(&scratch.join(HUB_DB)).await?;
    hub.linkage.db().copy_to(&scratch.join(LINKAGE_DB)).await?;
    let mut staged = out.as_os_str().to_owned();
    staged.push(".unfinished");
    let (scratch, staged, out) = (scratch.to_owned(), PathBuf::from(staged), out.to_owned());
    let recipient = *recipient;
    let sealing = tokio::task::spawn_blocking(move || {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        let mut sealed = SealedWriter::for_recipient(file, &recipient, MAGIC)?;
        sealed.write_all(MAGIC.as_bytes())?;
        for name in [HUB_DB, LINKAGE_DB] {
            let mut part = File::open(scratch.join(name))?;
            let bytes = part.metadata()?.len();
            sealed.write_all(&bytes.to_be_bytes())?;
            io::copy(&mut part, &mut sealed)?;
        }
        sealed.finish()?.sync_all()?;
        fs::rename(&staged, &out)?;
        Ok::<_, BackupError>(disk::sync_parent(&out)?)
    });
    sealing.await.map_err(io::Error::other)?
}

/// What a restored hub found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Consignments sent after the backup, read from the bucket.
    pub consignments: usize,
    /// Objects that are not here any more and are fetched again.
    pub fetched_again: usize,
}

/// Whether a restore was begun here and not finished: the hub must not serve; restore it again.
pub fn is_unfinished(config: &Config) -> bool {
    config.data_dir.join(UNFINISHED).exists()
}

/// Puts the databases back where the configuration says, and catches up with the bucket. The machine must be empty, or a
/// restore on it was cut off. Key files must be in place.
pub async fn restore(
    config: Config,
    backup: &Path,
    private: &SecretKey,
    clock: Arc<dyn Clock>,
    custody: Custody,
) -> Result<(Hub, Restored)> {
    let marker = config.data_dir.join(UNFINISHED);
    let places = [place(&config.database_url)?, place(&config.linkage_url)?];
    if !marker.exists() {
        if let Some(there) = places.iter().find(|place| place.exists()) {
            return Err(BackupError::NotEmpty(there.clone()));
        }
        disk::create_dirs(&config.data_dir)?;
        disk::create_private(&marker, b"")?;
    }
    let (backup, private) = (backup.to_owned(), private.clone());
    let unpacking = tokio::task::spawn_blocking(move || unpack(&backup, &private, &places));
    unpacking.await.map_err(io::Error::other)??;
    let hub = Hub::open(config, clock, custody).await?;
    let restored = catch_up(&hub).await?;
    fs::remove_file(&marker)?;
    disk::sync_parent(&marker)?;
    Ok((hub, restored))
}

fn place(url: &SecretText) -> Result<PathBuf> {
    url.expose().strip_prefix("sqlite://").map(PathBuf::from).ok_or(BackupError::Postgres)
}

fn unpack(backup: &Path, private: &SecretKey, places: &[PathBuf; 2]) -> Result<()> {
    let mut sealed = SealedReader::open_as_recipient(File::open(backup)?, private, MAGIC)?;
    let mut magic = vec![0; MAGIC.len()];
    sealed.read_exact(&mut magic)?;
    if magic != MAGIC.as_bytes() {
        return Err(BackupError::NotABackup);
    }
    for place in places {
        let mut length = [0; 8];
        sealed.read_exact(&mut length)?;
        let length = u64::from_be_bytes(length);
        disk::create_dirs(place.parent().unwrap_or(Path::new("/")))?;
        // A log that an earlier attempt left belongs to another database file.
        for suffix in ["-wal", "-shm"] {
            let mut log = place.clone().into_os_string();
            log.push(suffix);
            match fs::remove_file(&log) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            }
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(place)?;
        if io::copy(&mut (&mut sealed).take(length), &mut file)? != length {
            return Err(BackupError::NotABackup);
        }
        file.sync_all()?;
        disk::sync_parent(place)?;
    }
    Ok(())
}

/// Brings a restored hub up to what the bucket and the disk hold. Doing it twice changes nothing.
pub async fn catch_up(hub: &Hub) -> Result<Restored> {
    let mut restored = Restored::default();
    forget_lost_spool(hub).await?;
    for served in &hub.projects {
        restored.consignments += read_bucket(hub, served).await?;
        restored.fetched_again += fetch_lost(hub, served).await?;
    }
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    for trust in hub.governance.trusts() {
        let consignments = i64::try_from(restored.consignments).unwrap_or(i64::MAX);
        let details = Details::new().number("consignments_after_backup", consignments);
        audit::append(&mut tx, &trust.ods, "hub", "hub restored", &details, now).await?;
    }
    tx.commit().await?;
    Ok(restored)
}

/// Takes over every manifest of ours that this database does not know, in order.
async fn read_bucket(hub: &Hub, served: &Served) -> Result<usize> {
    let last = hub.store.last_consignment(&served.project.name).await?;
    let (known, since) = last.map_or((0, String::new()), |last| (last.sequence, last.date));
    let mut found: Vec<(u64, ManifestPath)> = Vec::new();
    let mut objects = served.inbox.list(&raw_root(&hub.id)).await?;
    while let Some(object) = objects.try_next().await? {
        let path = ManifestPath::parse(&object.name);
        let Some(path) = path.ok().filter(|path| path.date.to_string() >= since) else { continue };
        // One at a time: manifests are large.
        if let Some((manifest, _)) = read(hub, served, &path).await? {
            found.push((manifest.sequence, path));
        }
    }
    found.sort_by_key(|(sequence, _)| *sequence);
    let highest = found.last().map_or(0, |(sequence, _)| *sequence);
    for receipt in served.inbox.list_sorted(&receipts_root(&hub.id)).await? {
        let Ok(path) = ReceiptPath::parse(&receipt.name) else { continue };
        if path.sequence > highest && i64::try_from(path.sequence).is_ok_and(|sequence| sequence > known) {
            return Err(BackupError::ReceiptWithoutManifest(path.sequence));
        }
    }
    let mut taken = 0;
    for (_, path) in found {
        let Some((manifest, json)) = read(hub, served, &path).await? else { continue };
        taken += usize::from(take_over(hub, served, &manifest, &json).await?);
    }
    Ok(taken)
}

/// A manifest that we signed for this project; others are not ours to follow.
async fn read(hub: &Hub, served: &Served, path: &ManifestPath) -> Result<Option<(Manifest, String)>> {
    let bytes = match served.inbox.get(&path.to_string()).await {
        Ok(bytes) => bytes,
        Err(ObjectError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let manifest = Signed::<Manifest>::from_json(&bytes).and_then(|signed| signed.verify(&hub.own_keys));
    let Ok(manifest) = manifest else { return Ok(None) };
    let is_ours = manifest.hub == hub.id && manifest.project.as_str() == served.project.name;
    Ok(is_ours.then(|| String::from_utf8(bytes.to_vec()).ok()).flatten().map(|json| (manifest, json)))
}

/// One manifest, one transaction; `false`: it was known as sent.
async fn take_over(hub: &Hub, served: &Served, manifest: &Manifest, json: &str) -> Result<bool> {
    let (project, now) = (&served.project.name, hub.clock.now());
    let sequence = i64::try_from(manifest.sequence).unwrap_or(i64::MAX);
    let known = hub.store.consignment_of_sequence(project, sequence).await?;
    if known.as_ref().is_some_and(|known| matches!(known.state.as_str(), "sent" | "receipted")) {
        return Ok(false);
    }
    let mut tx = hub.store.write().await?;
    let consignment = match known {
        Some(known) => {
            hub.store.consignment_emptied(&mut tx, &known.id, now).await?;
            known
        }
        None => {
            let (date, number) = (manifest.date.to_string(), i64::from(manifest.number));
            hub.store.consignment_opened(&mut tx, project, sequence, &date, number, now).await?
        }
    };
    let mut listed = Vec::with_capacity(manifest.entries.len());
    for entry in &manifest.entries {
        let Some(out) = Sent::of(hub, entry) else { continue };
        hub.store.found_sent(&mut tx, project, &out.outgoing(), &consignment.id, now).await?;
        listed.push((out.name, out.digest));
    }
    let digest = Digest::of(json.as_bytes()).to_string();
    hub.store.consignment_sealed(&mut tx, &consignment.id, json, &digest, &listed).await?;
    for alias in &manifest.aliases {
        let (pseudonym, derived) = (alias.pseudonym.as_str(), alias.nhs_derived.as_str());
        hub.store.alias_found(&mut tx, project, pseudonym, derived).await?;
    }
    if !manifest.aliases.is_empty() {
        hub.store.aliases_consigned(&mut tx, project, &consignment.id).await?;
    }
    hub.store.consignment_sent(&mut tx, &consignment.id, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// What an entry says was sent.
struct Sent {
    name: String,
    pseudonym: String,
    digest: String,
    bytes: u64,
    clearance: String,
}

impl Sent {
    fn of(hub: &Hub, entry: &Entry) -> Option<Self> {
        let clearance: Clearance = entry.clearance.verify(&hub.own_keys).ok()?;
        Some(Self {
            name: entry.path.item.to_string(),
            pseudonym: clearance.pseudonym.as_str().to_owned(),
            digest: clearance.sha256.to_string(),
            bytes: clearance.bytes,
            clearance: String::from_utf8(entry.clearance.to_json().ok()?).ok()?,
        })
    }

    fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            name: &self.name,
            pseudonym: &self.pseudonym,
            digest: &self.digest,
            bytes: self.bytes,
            clearance: &self.clearance,
            age: None,
        }
    }
}

/// Rows whose sealed file is not on this disk say so.
async fn forget_lost_spool(hub: &Hub) -> Result<()> {
    let mut lost = Vec::new();
    for id in hub.store.live_spool().await? {
        if !hub.spool.holds(&id)? {
            lost.push(id);
        }
    }
    let mut tx = hub.store.write().await?;
    hub.store.spool_destroyed(&mut tx, &lost, hub.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// What stands before the outbox and has lost its spool object, and what was cleared and has lost its bytes, is fetched again.
async fn fetch_lost(hub: &Hub, served: &Served) -> Result<usize> {
    let project = &served.project.name;
    let mut fetched = 0;
    for state in ["received", "held", "quarantined", "cleared"] {
        for row in hub.store.instances_in(project, state).await? {
            let is_here = match (state, &row.digest, &row.spool) {
                ("cleared", Some(digest), _) => match hub.outbox.head(&outbox_name(project, digest)).await {
                    Ok(_) => true,
                    Err(ObjectError::NotFound(_)) => false,
                    Err(error) => return Err(error.into()),
                },
                (_, _, Some(spool)) => hub.store.spool_object(spool).await?.is_some(),
                _ => true,
            };
            if !is_here {
                let now = hub.clock.now();
                let mut tx = hub.store.write().await?;
                hub.store.instance_is(&mut tx, &row.id, "received", None, now).await?;
                again(hub, &mut tx, "instance", &row.id, now).await?;
                tx.commit().await?;
                fetched += 1;
            }
        }
    }
    Ok(fetched)
}
