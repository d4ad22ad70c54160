//! What both houses have promised at any moment, held against what a power cut has left of their disks.

use super::disk::Tree;
use hub::context::Hub;
use hub::linkage::TokenKind;
use platform::db::{Db, Query, Row, sql};
use platform::keys::{KeyKind, SecretKey};
use platform::seal::{SealedReader, SealingKey};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use submission::digest::Digest;
use submission::manifest::Manifest;
use submission::receipt::{Receipt, Verdict};
use submission::signed::Signed;

/// A kind of loss: a promise, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    DatabaseBroken,
    AnsweredWithoutRow,
    SpoolGone,
    SpoolDamaged,
    OutboxGone,
    OutboxDamaged,
    InboxGone,
    InboxDamaged,
    ManifestGone,
    ManifestDamaged,
    ReceiptGone,
    ReceiptDamaged,
    ReceiptUnfounded,
    WarehouseGone,
    WarehouseDamaged,
    PersonUnknown,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DatabaseBroken => "a database does not open",
            Self::AnsweredWithoutRow => "answered 0x0000, and no row",
            Self::SpoolGone => "a spool object is gone",
            Self::SpoolDamaged => "a spool object does not unseal",
            Self::OutboxGone => "a cleared object is not in the outbox",
            Self::OutboxDamaged => "an outbox object has other bytes",
            Self::InboxGone => "an object of a manifest is not there",
            Self::InboxDamaged => "an object of a manifest has other bytes",
            Self::ManifestGone => "sent, and no manifest",
            Self::ManifestDamaged => "a manifest cannot be read",
            Self::ReceiptGone => "answered, and no receipt",
            Self::ReceiptDamaged => "a receipt cannot be read",
            Self::ReceiptUnfounded => "accepted in a receipt, and no holding",
            Self::WarehouseGone => "a holding is not in the warehouse",
            Self::WarehouseDamaged => "a warehouse object has other bytes",
            Self::PersonUnknown => "the linkage does not know whose it is",
        })
    }
}

/// Something that was promised and is lost.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) kind: Kind,
    /// Which.
    #[expect(dead_code, reason = "read by whoever debugs a loss")]
    what: String,
}

/// What it takes to look at a tree.
pub(crate) struct Promises<'a> {
    hub: &'a Hub,
    sealing: SealingKey,
    root: PathBuf,
    scratch: PathBuf,
}

struct Looking<'a> {
    of: &'a Promises<'a>,
    tree: &'a Tree,
    hub: Option<Db>,
    linkage: Option<Db>,
    national: Option<Db>,
    losses: Vec<Loss>,
}

impl<'a> Promises<'a> {
    /// Promises of the houses under a root; databases are opened in a folder of their own.
    pub(crate) fn new(hub: &'a Hub, root: &Path, scratch: PathBuf) -> Self {
        let key = SecretKey::load(&hub.config.keys.sealing, KeyKind::HubStorage).unwrap();
        Self { hub, sealing: SealingKey::new(key), root: root.to_owned(), scratch }
    }

    /// What is lost; `answered` are the SOP Instance UIDs that were answered 0x0000.
    pub(crate) async fn losses(&self, tree: &Tree, answered: &[&str]) -> Vec<Loss> {
        let mut looking =
            Looking { of: self, tree, hub: None, linkage: None, national: None, losses: Vec::new() };
        looking.hub = looking.open("hub/hub.db").await;
        looking.linkage = looking.open("hub/linkage.db").await;
        looking.national = looking.open("national/national.sqlite").await;
        looking.received(answered).await;
        looking.cleared().await;
        looking.sent().await;
        looking.manifests();
        looking.receipts().await;
        looking.answered().await;
        looking.holdings().await;
        looking.people().await;
        for db in [&looking.hub, &looking.linkage, &looking.national].into_iter().flatten() {
            db.close().await;
        }
        fs::remove_dir_all(&self.scratch).ok();
        looking.losses
    }
}

impl Looking<'_> {
    fn lost(&mut self, kind: Kind, what: impl fmt::Display) {
        self.losses.push(Loss { kind, what: what.to_string() });
    }

    fn file(&self, name: &str) -> Option<&[u8]> {
        self.tree.files.get(&self.of.root.join(name)).map(Vec::as_slice)
    }

    fn under(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let root = self.of.root.join(folder);
        let files = self.tree.files.range(root.clone()..).take_while(|(path, _)| path.starts_with(&root));
        files.map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes.clone())).collect()
    }

    /// Opens a database as a process would after the cut: with its log; none where there is no file yet.
    async fn open(&mut self, name: &str) -> Option<Db> {
        let place = self.of.scratch.join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, self.file(name)?).unwrap();
        let wal = format!("{name}-wal");
        if let Some(log) = self.file(&wal) {
            fs::write(self.of.scratch.join(&wal), log).unwrap();
        }
        let url = format!("sqlite://{}", place.display());
        let check = sql("SELECT integrity_check AS line FROM pragma_integrity_check");
        let sound = match Db::open(&url).await {
            Ok(db) => super::super::place::try_texts(&db, check).await.map(|lines| (db, lines)),
            Err(_) => None,
        };
        match sound {
            Some((db, lines)) if lines == ["ok"] => Some(db),
            _ => {
                self.lost(Kind::DatabaseBroken, name);
                None
            }
        }
    }

    async fn rows(db: Option<&Db>, query: Query, columns: &[&str]) -> Vec<Vec<String>> {
        let Some(db) = db else { return Vec::new() };
        let read = |row: &Row| columns.iter().map(|column| row.get::<String>(column)).collect();
        let mut reader = db.read().await.unwrap();
        // A process that was cut off before it had made its tables has promised nothing.
        query.all(&mut reader, read).await.unwrap_or_default()
    }

    /// Whatever was answered 0x0000 has its row, and its object unseals to the end as long as anybody needs it.
    async fn received(&mut self, answered: &[&str]) {
        let tokens =
            Self::rows(self.hub.as_ref(), sql("SELECT DISTINCT token AS t FROM spool"), &["t"]).await;
        let tokens: BTreeSet<&String> = tokens.iter().map(|row| &row[0]).collect();
        for uid in answered {
            if !tokens.contains(&self.of.hub.linkage.token(TokenKind::Instance, uid)) {
                self.lost(Kind::AnsweredWithoutRow, uid);
            }
        }
        let needed = sql("SELECT id, CAST(bytes AS TEXT) AS bytes FROM spool s WHERE destroyed_us IS NULL AND (
            EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id AND i.state NOT IN ('acknowledged', 'rejected'))
            OR EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'deidentify' AND j.payload = s.id AND j.state <> 'done'))");
        for row in Self::rows(self.hub.as_ref(), needed, &["id", "bytes"]).await {
            let (id, bytes) = (&row[0], row[1].parse::<u64>().unwrap());
            let Some(sealed) = self.file(&format!("hub/spool/{id}.sealed")) else {
                self.lost(Kind::SpoolGone, id);
                continue;
            };
            let plain = SealedReader::open(Cursor::new(sealed), &self.of.sealing, id)
                .map_err(io::Error::other)
                .and_then(|mut reader| io::copy(&mut reader, &mut io::sink()));
            if !plain.is_ok_and(|plain| plain == bytes) {
                self.lost(Kind::SpoolDamaged, id);
            }
        }
    }

    /// Whatever is cleared lies in the outbox until a receipt speaks of it.
    async fn cleared(&mut self) {
        let waiting =
            sql("SELECT DISTINCT project, digest FROM item WHERE state IN ('cleared', 'consigned', 'sent')");
        for row in Self::rows(self.hub.as_ref(), waiting, &["project", "digest"]).await {
            let place = format!("hub/outbox/{}/{}", row[0], row[1]);
            match self.file(&place) {
                None => self.lost(Kind::OutboxGone, place),
                Some(bytes) if Digest::of(bytes).to_string() != row[1] => {
                    self.lost(Kind::OutboxDamaged, place);
                }
                Some(_) => {}
            }
        }
    }

    /// A consignment that was sent has its manifest in the inbox.
    async fn sent(&mut self) {
        let sent = sql(
            "SELECT date, CAST(number AS TEXT) AS n, digest FROM consignment WHERE state IN ('sent', 'receipted')",
        );
        for row in Self::rows(self.hub.as_ref(), sent, &["date", "n", "digest"]).await {
            let place = format!("inbox/raw-{}/{}/manifest-{}.json", self.of.hub.id, row[0], row[1]);
            match self.file(&place) {
                None => self.lost(Kind::ManifestGone, place),
                Some(bytes) if Digest::of(bytes).to_string() != row[2] => {
                    self.lost(Kind::ManifestDamaged, place);
                }
                Some(_) => {}
            }
        }
    }

    /// A manifest that lies in the inbox can be read, and all that it lists is there.
    fn manifests(&mut self) {
        let raw = format!("inbox/raw-{}", self.of.hub.id);
        for (place, bytes) in self.under(&raw) {
            if !place.ends_with(".json") || !place.contains("/manifest-") {
                continue;
            }
            let signed = Signed::<Manifest>::from_json(&bytes);
            let Ok(manifest) = signed.and_then(|signed| signed.verify(&self.of.hub.own_keys)) else {
                self.lost(Kind::ManifestDamaged, place);
                continue;
            };
            for entry in manifest.entries {
                let clearance = entry.clearance.verify(&self.of.hub.own_keys).unwrap();
                let place = format!("inbox/{}", entry.path);
                match self.file(&place) {
                    None => self.lost(Kind::InboxGone, place),
                    Some(bytes) if Digest::of(bytes) != clearance.sha256 => {
                        self.lost(Kind::InboxDamaged, place);
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// A receipt that lies in the inbox can be read, and the national house has what it accepts.
    async fn receipts(&mut self) {
        let held = sql("SELECT name || ' ' || sha256 AS line FROM holdings
            UNION SELECT name || ' ' || sha256 FROM items WHERE state IN ('loaded', 'held')");
        let held = Self::rows(self.national.as_ref(), held, &["line"]).await;
        let held: BTreeSet<String> = held.into_iter().flatten().collect();
        for (place, bytes) in self.under(&format!("inbox/receipts-{}", self.of.hub.id)) {
            if !place.ends_with(".json") {
                continue;
            }
            let signed = Signed::<Receipt>::from_json(&bytes);
            let keys = &self.of.hub.projects[0].receipt_keys;
            let Ok(receipt) = signed.and_then(|signed| signed.verify(keys)) else {
                self.lost(Kind::ReceiptDamaged, place);
                continue;
            };
            for outcome in receipt.outcomes {
                let line = format!("{} {}", outcome.path.item, outcome.sha256);
                if outcome.verdict == Verdict::Accepted && !held.contains(&line) {
                    self.lost(Kind::ReceiptUnfounded, line);
                }
            }
        }
        let acknowledged = sql("SELECT name || ' ' || digest AS line FROM item WHERE state = 'acknowledged'");
        for row in Self::rows(self.hub.as_ref(), acknowledged, &["line"]).await {
            if !held.contains(&row[0]) {
                self.lost(Kind::ReceiptUnfounded, &row[0]);
            }
        }
    }

    /// What the national house has answered lies in the inbox.
    async fn answered(&mut self) {
        let answered = sql("SELECT CAST(sequence AS TEXT) AS n FROM consignments WHERE state = 'answered'");
        for row in Self::rows(self.national.as_ref(), answered, &["n"]).await {
            let place = format!("inbox/receipts-{}/{:0>10}.json", self.of.hub.id, row[0]);
            if self.file(&place).is_none() {
                self.lost(Kind::ReceiptGone, place);
            }
        }
    }

    /// A holding lies in the warehouse, its header too.
    async fn holdings(&mut self) {
        let held = sql(
            "SELECT key, sha256, COALESCE(header_key, '') AS header FROM holdings WHERE state = 'current'",
        );
        for row in Self::rows(self.national.as_ref(), held, &["key", "sha256", "header"]).await {
            let place = format!("warehouse/{}", row[0]);
            match self.file(&place) {
                None => self.lost(Kind::WarehouseGone, place),
                Some(bytes) if Digest::of(bytes).to_string() != row[1] => {
                    self.lost(Kind::WarehouseDamaged, place);
                }
                Some(_) => {}
            }
            let header = format!("warehouse/{}", row[2]);
            match self.file(&header) {
                _ if row[2].is_empty() => {}
                None => self.lost(Kind::WarehouseGone, header),
                Some(bytes) if serde_json::from_slice::<serde_json::Value>(bytes).is_err() => {
                    self.lost(Kind::WarehouseDamaged, header);
                }
                Some(_) => {}
            }
        }
    }

    /// The linkage was written before whatever refers to it.
    async fn people(&mut self) {
        let people = sql("SELECT 'person ' || id AS line FROM person
            UNION SELECT 'pseudonym ' || pseudonym FROM subject UNION SELECT 'study ' || token FROM study_uid");
        let known = Self::rows(self.linkage.as_ref(), people, &["line"]).await;
        let known: BTreeSet<String> = known.into_iter().flatten().collect();
        let referred = sql("SELECT 'person ' || person AS line FROM item WHERE person IS NOT NULL
            UNION SELECT 'person ' || person FROM cohort_row UNION SELECT 'study ' || token FROM study
            UNION SELECT 'pseudonym ' || pseudonym FROM item WHERE pseudonym IS NOT NULL");
        for row in Self::rows(self.hub.as_ref(), referred, &["line"]).await {
            if !known.contains(&row[0]) {
                self.lost(Kind::PersonUnknown, &row[0]);
            }
        }
    }
}
