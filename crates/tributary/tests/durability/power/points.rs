//! The sync points of docs/operate.md, each as the syncs of a night that belong to it.

use super::promises::Kind;
use std::path::Path;

/// A sync point.
pub(crate) struct Point {
    /// Its name in docs/operate.md.
    pub(crate) name: &'static str,
    /// Whether a sync of this path below the root belongs to it; the path of a folder ends with `/`.
    pub(crate) has: fn(&str) -> bool,
    /// The losses of which one must show when it is left out.
    pub(crate) loses: &'static [Kind],
}

/// All of them, in the order of an instance's journey.
pub(crate) const POINTS: &[Point] = &[
    Point {
        name: "spool file",
        has: |path| path.starts_with("hub/spool/") && path.ends_with(".sealed"),
        loses: &[Kind::SpoolDamaged],
    },
    Point {
        name: "spool file's directory entry",
        has: |path| path == "hub/spool/",
        loses: &[Kind::SpoolGone],
    },
    Point {
        name: "receive commit",
        has: |path| path == "hub/hub.db-wal",
        loses: &[Kind::AnsweredWithoutRow],
    },
    Point { name: "linkage commit", has: |path| path == "hub/linkage.db-wal", loses: &[Kind::PersonUnknown] },
    Point {
        name: "outbox object",
        has: |path| path.starts_with("hub/outbox/") && !path.ends_with('/'),
        loses: &[Kind::OutboxDamaged],
    },
    Point {
        name: "outbox object's entry",
        has: |path| path == "hub/outbox/nccid/",
        loses: &[Kind::OutboxGone],
    },
    Point {
        name: "entry of a new folder",
        has: |path| ["hub/outbox/", "inbox/", "inbox/raw-demo-region/"].contains(&path),
        loses: &[Kind::OutboxGone, Kind::ManifestGone],
    },
    // The outbox's file under a second name: its bytes have had their sync.
    Point {
        name: "inbox object",
        has: |path| path.starts_with("hub/outbox/") && !path.ends_with('/'),
        loses: &[Kind::InboxDamaged],
    },
    Point {
        name: "inbox object's entry",
        has: |path| path.starts_with("inbox/raw-") && path.ends_with("/images/"),
        loses: &[Kind::InboxGone],
    },
    Point {
        name: "manifest",
        has: |path| path.starts_with("inbox/raw-") && path.contains("/manifest-"),
        loses: &[Kind::ManifestDamaged],
    },
    Point {
        name: "warehouse object",
        has: |path| path.starts_with("warehouse/") && !path.ends_with('/'),
        loses: &[Kind::WarehouseDamaged],
    },
    Point {
        name: "warehouse object's entry",
        has: |path| path.starts_with("warehouse/") && path.ends_with('/'),
        loses: &[Kind::WarehouseGone],
    },
    Point {
        name: "intake commit",
        has: |path| path == "national/national.sqlite-wal",
        loses: &[Kind::ReceiptUnfounded],
    },
    Point {
        name: "receipt and its entry",
        has: |path| path.starts_with("inbox/receipts-"),
        loses: &[Kind::ReceiptGone],
    },
];

impl Point {
    /// Whether a sync belongs to it.
    pub(crate) fn covers(&self, root: &Path, path: &Path, is_folder: bool) -> bool {
        let below = path.strip_prefix(root).unwrap().to_str().unwrap();
        (self.has)(&if is_folder { format!("{below}/") } else { below.to_owned() })
    }
}
