//! A receipt: what became of every object of a consignment, signed by the national house.

use crate::digest::Digest;
use crate::names::Slug;
use crate::paths::{RawPath, ReceiptPath};
use crate::signed::Document;
use serde::{Deserialize, Serialize};

/// The answer to one manifest. It countersigns the hub's audit root, so that a hub cannot rewrite its past alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Who sent the manifest.
    pub hub: Slug,
    /// For which project.
    pub project: Slug,
    /// The manifest's place in the sequence.
    pub sequence: u64,
    /// The digest of the manifest as it lies in the bucket.
    pub manifest: Digest,
    /// One outcome per entry, in the manifest's order.
    pub outcomes: Vec<Outcome>,
    /// The audit root of the manifest, countersigned.
    pub audit_root: Digest,
    /// When, in microseconds since 1970-01-01 UTC.
    pub at_us: i64,
}

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its key.
    pub path: RawPath,
    /// The digest that its clearance names.
    pub sha256: Digest,
    /// The verdict.
    pub verdict: Verdict,
}

/// Taken in, or set aside with a reason that the hub shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Taken in.
    Accepted,
    /// Set aside.
    Quarantined {
        /// Why.
        code: Slug,
    },
}

impl Document for Receipt {
    const KIND: &'static str = "receipt";
    const VERSION: u32 = 1;
}

impl Receipt {
    /// The key in the bucket of the first answer, and of later ones: what was set aside may be accepted after all.
    pub fn path(&self, revision: u32) -> ReceiptPath {
        ReceiptPath { hub: self.hub.clone(), sequence: self.sequence, revision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_to_the_letter() {
        let outcome = |path: &str, verdict| Outcome {
            path: RawPath::parse(path).unwrap(),
            sha256: Digest::from_bytes([0xab; 32]),
            verdict,
        };
        let receipt = Receipt {
            hub: Slug::parse("cm").unwrap(),
            project: Slug::parse("nccid").unwrap(),
            sequence: 3,
            manifest: Digest::from_bytes([1; 32]),
            outcomes: vec![
                outcome("raw-cm/2021-01-31/images/2.25.7.dcm", Verdict::Accepted),
                outcome(
                    "raw-cm/2021-01-31/images/2.25.8.dcm",
                    Verdict::Quarantined { code: Slug::parse("digest-differs").unwrap() },
                ),
            ],
            audit_root: Digest::from_bytes([2; 32]),
            at_us: 5,
        };
        let (ab, one, two) = ("ab".repeat(32), "01".repeat(32), "02".repeat(32));
        let golden = format!(
            concat!(
                r#"{{"hub":"cm","project":"nccid","sequence":3,"manifest":"{one}","outcomes":["#,
                r#"{{"path":"raw-cm/2021-01-31/images/2.25.7.dcm","sha256":"{ab}","verdict":"accepted"}},"#,
                r#"{{"path":"raw-cm/2021-01-31/images/2.25.8.dcm","sha256":"{ab}","#,
                r#""verdict":{{"quarantined":{{"code":"digest-differs"}}}}}}],"audit_root":"{two}","at_us":5}}"#
            ),
            one = one,
            two = two,
            ab = ab
        );
        assert_eq!(serde_json::to_string(&receipt).unwrap(), golden);
        assert_eq!(serde_json::from_str::<Receipt>(&golden).unwrap(), receipt);
        assert_eq!(receipt.path(1).to_string(), "receipts-cm/0000000003.json");
    }
}
