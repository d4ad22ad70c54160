//! A manifest: what one consignment holds, in which place of the hub's sequence. Put last, it makes the consignment exist.

use crate::clearance::Clearance;
use crate::digest::Digest;
use crate::names::{Day, OdsCode, Slug};
use crate::paths::{ManifestPath, RawPath};
use crate::pseudonym::Pseudonym;
use crate::signed::{Document, Signed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most objects that one manifest may name.
pub const ENTRIES_MAX: usize = 50_000;
/// The largest manifest, in bytes as it lies in the bucket.
pub const BYTES_MAX: u64 = 96 << 20;

/// What one consignment holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Who sends it.
    pub hub: Slug,
    /// For which project: one bucket or root each.
    pub project: Slug,
    /// Its place in the hub's sequence for this project, from 1, without gaps.
    pub sequence: u64,
    /// The day on which the consignment was opened; part of every key.
    pub date: Day,
    /// Its number within that day, from 1; part of its own key.
    pub number: u32,
    /// The digest of the manifest before it, as that lies in the bucket; none for the first.
    pub previous: Option<Digest>,
    /// The digest over the heads of the hub's audit chains.
    pub audit_root: Digest,
    /// The objects. No name is ever listed twice under one date: a change waits for the next day's folder.
    pub entries: Vec<Entry>,
    /// Pseudonyms that turned out to be one person's.
    pub aliases: Vec<Alias>,
    /// What was kept back, by reason.
    pub withheld: BTreeMap<Slug, u64>,
}

/// One object of a consignment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its key.
    pub path: RawPath,
    /// The hub's word for it.
    pub clearance: Signed<Clearance>,
    /// The trust that controls it.
    pub trust: OdsCode,
    /// The digest of the version that it replaces, if the hub sent one before.
    pub supersedes: Option<Digest>,
}

/// Two pseudonyms, one subject: the number of a person became known after the first was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The pseudonym that the hub goes on using.
    pub pseudonym: Pseudonym,
    /// The one that the NHS number gives, which another hub may use.
    pub nhs_derived: Pseudonym,
}

impl Document for Manifest {
    const KIND: &'static str = "manifest";
    const VERSION: u32 = 1;
}

impl Manifest {
    /// Its own key in the bucket.
    pub fn path(&self) -> ManifestPath {
        ManifestPath { hub: self.hub.clone(), date: self.date, number: self.number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Label;
    use crate::paths::ItemName;
    use crate::signed::{PinnedKeys, SignatureError, Signer};

    fn clearance(signer: &Signer) -> Signed<Clearance> {
        let label = |text| Label::parse(text).unwrap();
        let clearance = Clearance {
            name: ItemName::parse("2.25.7.dcm").unwrap(),
            sha256: Digest::of(b"abc"),
            bytes: 3,
            pseudonym: Pseudonym::parse("CovidAAAAAAAAAAAAAAAAAAAA").unwrap(),
            profile: label("nccid"),
            edition: label("PS3.15 2026c"),
            engine: label("deid 0.1.0"),
            verifier: label("residue 0.1.0"),
            at_us: 0,
        };
        Signed::sign(&clearance, signer).unwrap()
    }

    fn manifest(signer: &Signer) -> Manifest {
        Manifest {
            hub: Slug::parse("cm").unwrap(),
            project: Slug::parse("nccid").unwrap(),
            sequence: 1,
            date: Day::parse("2021-01-31").unwrap(),
            number: 1,
            previous: None,
            audit_root: Digest::of(b"{}"),
            entries: vec![Entry {
                path: RawPath::parse("raw-cm/2021-01-31/images/2.25.7.dcm").unwrap(),
                clearance: clearance(signer),
                trust: OdsCode::parse("REM").unwrap(),
                supersedes: None,
            }],
            aliases: vec![],
            withheld: [(Slug::parse("objected").unwrap(), 2)].into(),
        }
    }

    #[test]
    fn a_manifest_to_the_letter_but_for_its_signatures() {
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let json = serde_json::to_string(&manifest(&signer)).unwrap();
        assert!(json.starts_with(concat!(
            r#"{"hub":"cm","project":"nccid","sequence":1,"date":"2021-01-31","number":1,"previous":null,"#,
            r#""audit_root":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
            r#""entries":[{"path":"raw-cm/2021-01-31/images/2.25.7.dcm","clearance":{"kind":"clearance","version":1,"#
        )));
        assert!(
            json.ends_with(r#""},"trust":"REM","supersedes":null}],"aliases":[],"withheld":{"objected":2}}"#)
        );
    }

    #[test]
    fn the_clearances_inside_a_manifest_verify_after_the_journey() {
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let keys = PinnedKeys::new([signer.public_key()]);
        let sent = Signed::sign(&manifest(&signer), &signer).unwrap().to_json().unwrap();
        let read = Signed::<Manifest>::from_json(&sent).unwrap().verify(&keys).unwrap();
        assert_eq!(read, manifest(&signer));
        assert_eq!(read.entries[0].clearance.verify(&keys).unwrap().bytes, 3);
        assert_eq!(read.path().to_string(), "raw-cm/2021-01-31/manifest-1.json");
    }

    #[test]
    fn a_name_with_a_path_in_it_makes_the_whole_manifest_malformed() {
        #[derive(Serialize, Deserialize)]
        struct Loose(serde_json::Value);
        impl Document for Loose {
            const KIND: &'static str = "manifest";
            const VERSION: u32 = 1;
        }
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let json =
            serde_json::to_string(&manifest(&signer)).unwrap().replace("images/2.25.7", "images/../2.25.7");
        let loose = Loose(serde_json::from_str(&json).unwrap());
        let sent = Signed::sign(&loose, &signer).unwrap().to_json().unwrap();
        let read = Signed::<Manifest>::from_json(&sent).unwrap();
        assert_eq!(read.verify(&PinnedKeys::new([signer.public_key()])), Err(SignatureError::Malformed));
    }
}
