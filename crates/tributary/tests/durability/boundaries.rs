//! The boundaries of an instance's journey, by the rows of the table in ARCHITECTURE.md: what stands in databases and folders
//! while something is between two durable facts.

use super::place::{Place, files, name, texts, try_texts};
use platform::db::{Query, sql};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum House {
    Hub,
    National,
    Archive,
}

/// Each row, and what is in flight there.
pub(crate) const ROWS: [(u8, &str); 10] = [
    (1, "an association to an archive is open"),
    (2, "an object is coming in, and has no row"),
    (3, "received, and nobody has begun to de-identify it"),
    (4, "being de-identified"),
    (5, "released by a person, and not yet cleared"),
    (6, "cleared, and in no consignment"),
    (7, "consigned, and not sent"),
    (8, "sent, and intake has not settled it"),
    (9, "answered with a receipt that the hub has not taken"),
    (10, "in the warehouse, and no holding row"),
];

/// Whose boundary it is.
pub(crate) fn house_of(row: u8) -> House {
    if matches!(row, 8 | 10) { House::National } else { House::Hub }
}

/// Waits until something is at a boundary, but no longer than this; at the fifth, a person releases what is held.
pub(crate) async fn lie_in_wait(night: &Place, row: u8, most: Duration) {
    let began = Instant::now();
    while began.elapsed() < most {
        if row == 5 {
            night.release(1).await;
        }
        if is_met(night, row).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The boundaries at which something of a house's is now.
pub(crate) async fn met(night: &Place, house: House) -> BTreeSet<u8> {
    let mut met = BTreeSet::new();
    for (row, _) in ROWS.into_iter().filter(|(row, _)| house_of(*row) == house) {
        if is_met(night, row).await {
            met.insert(row);
        }
    }
    met
}

async fn is_met(night: &Place, row: u8) -> bool {
    let any = async |query: Query| !texts(night.hub.store.db(), query).await.is_empty();
    match row {
        1 => any(sql("SELECT id AS line FROM jobs WHERE kind IN ('query', 'retrieve') AND state = 'open' AND lease_token IS NOT NULL LIMIT 1")).await,
        2 => {
            let mut coming: BTreeSet<String> =
                files(&night.hub.config.spool_dir).iter().map(|path| name(path)).collect();
            coming.retain(|name| name.ends_with(".sealed"));
            let known = texts(night.hub.store.db(), sql("SELECT id || '.sealed' AS line FROM spool")).await;
            coming.difference(&known.into_iter().collect()).next().is_some()
        }
        3 => any(sql("SELECT id AS line FROM jobs WHERE kind = 'deidentify' AND state = 'open' AND lease_token IS NULL LIMIT 1")).await,
        4 => any(sql("SELECT id AS line FROM jobs WHERE kind = 'deidentify' AND state = 'open' AND lease_token IS NOT NULL LIMIT 1")).await,
        5 => any(sql("SELECT i.id AS line FROM instance i JOIN decision d ON d.subject = i.id
            WHERE d.kind = 'release' AND i.state IN ('held', 'received') LIMIT 1")).await,
        6 => any(sql("SELECT id AS line FROM instance WHERE state = 'cleared' LIMIT 1")).await,
        7 => any(sql("SELECT id AS line FROM consignment WHERE state = 'sealed' LIMIT 1")).await,
        8 => !night.national_at_work().await.is_empty(),
        9 => {
            let sent = sql("SELECT CAST(sequence AS TEXT) AS line FROM consignment WHERE state = 'sent'");
            let sent = texts(night.hub.store.db(), sent).await;
            let inbox = night.folder.join("inbox/receipts-demo-region");
            sent.iter().any(|sequence| inbox.join(format!("{sequence:0>10}.json")).exists())
        }
        _ => {
            let placed = files(&night.folder.join("warehouse"));
            let national = night.national().await;
            let holdings = try_texts(&national, sql("SELECT key AS line FROM holdings")).await.unwrap_or_default();
            national.close().await;
            let known: BTreeSet<_> = holdings.iter().map(|key| night.folder.join("warehouse").join(key)).collect();
            placed.iter().any(|path| path.extension().is_some_and(|e| e == "dcm") && !known.contains(path))
        }
    }
}
