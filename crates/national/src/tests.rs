//! Journeys of consignments that a test hub makes by hand, on every database.

mod intake;
mod quarantine;
mod versions;
mod warehouse;

use crate::config::{Config, RawProject, SecretUrl};
use crate::house::{House, Project};
use crate::partition::{PartitionKey, Sites};
use dicom::dataset::{Dataset, Element};
use dicom::part10::{encode_meta, write_dataset};
use dicom::tag::{Tag, VR, tags};
use dicom::uid::{sop_class, transfer_syntax};
use platform::clock::{ManualClock, Timestamp};
use platform::config::Seconds;
use platform::objects::{Objects, ObjectsConfig};
use platform::testing::{TempDir, TestDb, test_dbs};
use std::collections::BTreeMap;
use submission::clearance::Clearance;
use submission::clinical::{DataRecord, StatusRecord, SwabStatus};
use submission::digest::Digest;
use submission::manifest::{Alias, Entry, Manifest};
use submission::names::{Day, InstanceUid, Label, OdsCode, Slug};
use submission::paths::{ItemName, RawPath, ReceiptPath};
use submission::pseudonym::Pseudonym;
use submission::receipt::{Receipt, Verdict};
use submission::signed::{PinnedKeys, Signed, Signer};

/// A Tuesday.
const NOW: Timestamp = Timestamp::from_micros(1_612_224_000_000_000);

/// A national house for one test, on one database.
struct Stage {
    house: House,
    clock: ManualClock,
    db: TestDb,
    dir: TempDir,
}

/// A test hub: it signs what it is told to sign.
struct Hub {
    id: Slug,
    signer: Signer,
    sequence: u64,
    previous: Option<Digest>,
    date: Day,
    number: u32,
    aliases: Vec<Alias>,
}

/// An object that a hub sends.
#[derive(Clone)]
struct Sent {
    name: ItemName,
    bytes: Vec<u8>,
    pseudonym: Pseudonym,
    trust: &'static str,
    supersedes: Option<Digest>,
}

/// One stage per database.
async fn stages() -> Vec<Stage> {
    let mut all = Vec::new();
    for db in test_dbs(&[]).await {
        let dir = TempDir::new();
        let clock = ManualClock::new(NOW);
        let house = open(&dir, &db, &clock, |_| {}).await;
        all.push(Stage { house, clock, db, dir });
    }
    all
}

async fn open(
    dir: &TempDir,
    db: &TestDb,
    clock: &ManualClock,
    change: impl FnOnce(&mut RawProject),
) -> House {
    let store =
        |name: &str| ObjectsConfig { url: format!("file://{}/{name}", dir.path().display()), s3: None };
    let centres = |all: &[&str]| all.iter().map(|centre| (*centre).to_owned()).collect();
    let mut rules = RawProject {
        id: Slug::parse("nccid").unwrap(),
        inbox: store("inbox"),
        warehouse: store("warehouse"),
        training_percentage: 50.try_into().unwrap(),
        modality_folders: [("CT", "ct"), ("DX", "xray"), ("CR", "xray"), ("MR", "mri")]
            .map(|(modality, folder)| (modality.to_owned(), folder.to_owned()))
            .into(),
        sites: Sites {
            split: centres(&["REM", "Split Hospital"]),
            training: centres(&["RTR"]),
            validation: centres(&["RVA", "The Held-Out Hospital"]),
        },
    };
    change(&mut rules);
    let project = Project {
        inbox: Objects::open(&rules.inbox).unwrap(),
        warehouse: Objects::open(&rules.warehouse).unwrap(),
        rules: rules.clone(),
    };
    let pinned = |seed| PinnedKeys::new([Signer::from_seed(&[seed; 32]).unwrap().public_key()]);
    let hubs =
        BTreeMap::from([(Slug::parse("cm").unwrap(), pinned(1)), (Slug::parse("wales").unwrap(), pinned(2))]);
    let config = Config {
        data_dir: dir.path().join("data"),
        database_url: SecretUrl::new("sqlite:///unused"),
        poll_s: Seconds(60),
        signer: national_signer(),
        partition_key: PartitionKey::new(&[3; 32]),
        hubs,
        projects: vec![rules],
    };
    House::with(config, std::sync::Arc::new(clock.clone()), db.db.clone(), vec![project]).await.unwrap()
}

fn national_signer() -> Signer {
    Signer::from_seed(&[9; 32]).unwrap()
}

impl Stage {
    fn project(&self) -> &Project {
        &self.house.projects()[0]
    }

    /// The process is gone; another opens what it left.
    async fn restarted(self) -> Self {
        self.restarted_with(|_| {}).await
    }

    async fn restarted_with(self, change: impl FnOnce(&mut RawProject)) -> Self {
        let Self { house, clock, db, dir } = self;
        drop(house);
        let house = open(&dir, &db, &clock, change).await;
        Self { house, clock, db, dir }
    }

    async fn receipt(&self, hub: &Hub, sequence: u64, revision: u32) -> Receipt {
        let path = ReceiptPath { hub: hub.id.clone(), sequence, revision }.to_string();
        let bytes = self.project().inbox().get(&path).await.unwrap();
        let keys = PinnedKeys::new([national_signer().public_key()]);
        Signed::<Receipt>::from_json(&bytes).unwrap().verify(&keys).unwrap()
    }

    /// The verdicts of the first receipt: `accepted` or the code.
    async fn verdicts(&self, hub: &Hub, sequence: u64) -> Vec<String> {
        self.verdicts_of(hub, sequence, 1).await
    }

    async fn verdicts_of(&self, hub: &Hub, sequence: u64, revision: u32) -> Vec<String> {
        let verdict = |verdict| match verdict {
            Verdict::Accepted => "accepted".to_owned(),
            Verdict::Quarantined { code } => code.to_string(),
        };
        self.receipt(hub, sequence, revision).await.outcomes.into_iter().map(|o| verdict(o.verdict)).collect()
    }

    /// Every key of the warehouse.
    async fn tree(&self) -> Vec<String> {
        self.project().warehouse().list_sorted("").await.unwrap().into_iter().map(|info| info.name).collect()
    }

    /// Alerts by code.
    async fn alerts(&self) -> Vec<String> {
        self.house.status().await.unwrap()[0].alerts.iter().map(|alert| alert.code.clone()).collect()
    }

    /// How many items are in each state, and that they sum to what was listed.
    async fn states(&self) -> BTreeMap<String, u64> {
        let status = self.house.status().await.unwrap().remove(0);
        assert_eq!(status.unaccounted, 0);
        let mut states = BTreeMap::new();
        for count in status.items {
            let reason = count.code.map_or_else(String::new, |code| format!(" {code}"));
            *states.entry(format!("{}{reason}", count.state)).or_default() += count.items;
        }
        assert_eq!(states.values().sum::<u64>(), status.listed);
        states
    }
}

impl Hub {
    fn new(id: &str, seed: u8) -> Self {
        Self {
            id: Slug::parse(id).unwrap(),
            signer: Signer::from_seed(&[seed; 32]).unwrap(),
            sequence: 1,
            previous: None,
            date: Day::parse("2021-02-01").unwrap(),
            number: 1,
            aliases: Vec::new(),
        }
    }

    fn cm() -> Self {
        Self::new("cm", 1)
    }

    fn path(&self, sent: &Sent) -> RawPath {
        RawPath { hub: self.id.clone(), date: self.date, item: sent.name.clone() }
    }

    fn entry(&self, sent: &Sent) -> Entry {
        let label = |text| Label::parse(text).unwrap();
        let clearance = Clearance {
            name: sent.name.clone(),
            sha256: Digest::of(&sent.bytes),
            bytes: sent.bytes.len() as u64,
            pseudonym: sent.pseudonym.clone(),
            profile: label("nccid"),
            edition: label("PS3.15 2026c"),
            engine: label("deid 0.1.0"),
            verifier: label("residue 0.1.0"),
            at_us: NOW.as_micros(),
        };
        Entry {
            path: self.path(sent),
            clearance: Signed::sign(&clearance, &self.signer).unwrap(),
            trust: OdsCode::parse(sent.trust).unwrap(),
            supersedes: sent.supersedes,
        }
    }

    fn manifest(&self, sent: &[Sent]) -> Manifest {
        Manifest {
            hub: self.id.clone(),
            project: Slug::parse("nccid").unwrap(),
            sequence: self.sequence,
            date: self.date,
            number: self.number,
            previous: self.previous,
            audit_root: Digest::of(b"audit"),
            entries: sent.iter().map(|sent| self.entry(sent)).collect(),
            aliases: self.aliases.clone(),
            withheld: BTreeMap::new(),
        }
    }

    async fn put_objects(&self, stage: &Stage, sent: &[Sent]) {
        for one in sent {
            stage.project().inbox().put(&self.path(one).to_string(), one.bytes.clone().into()).await.unwrap();
        }
    }

    /// Puts a manifest, as a well-behaved hub would have signed it.
    async fn put_manifest(&mut self, stage: &Stage, manifest: &Manifest) {
        let bytes = Signed::sign(manifest, &self.signer).unwrap().to_json().unwrap();
        self.previous = Some(Digest::of(&bytes));
        self.sequence += 1;
        self.number += 1;
        stage.project().inbox().put(&manifest.path().to_string(), bytes.into()).await.unwrap();
    }

    /// Objects, then the manifest.
    async fn send(&mut self, stage: &Stage, sent: &[Sent]) {
        self.put_objects(stage, sent).await;
        let manifest = self.manifest(sent);
        self.put_manifest(stage, &manifest).await;
    }

    /// The next day's folder.
    fn next_day(&mut self) {
        self.date = self.date.plus_days(1).unwrap();
        self.number = 1;
    }
}

fn pseudonym(n: u8) -> Pseudonym {
    Pseudonym::from_mac("Covid", &[n; 32]).unwrap()
}

fn image(n: u8, uid: &str) -> Sent {
    image_with(n, uid, |_| {})
}

fn image_with(n: u8, uid: &str, change: impl FnOnce(&mut Dataset)) -> Sent {
    let pseudonym = pseudonym(n);
    let mut set: Dataset = [
        Element::text_of(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
        Element::text_of(tags::SOP_CLASS_UID, VR::UI, sop_class::CT_IMAGE),
        Element::text_of(tags::SOP_INSTANCE_UID, VR::UI, uid),
        Element::text_of(tags::MODALITY, VR::CS, "CT"),
        Element::text_of(tags::PATIENT_NAME, VR::PN, pseudonym.as_str()),
        Element::text_of(tags::PATIENT_ID, VR::LO, pseudonym.as_str()),
        Element::text_of(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
        Element::text_of(tags::STUDY_INSTANCE_UID, VR::UI, &format!("2.25.1{n}")),
        Element::text_of(tags::SERIES_INSTANCE_UID, VR::UI, &format!("2.25.2{n}")),
        Element::text_of(tags::SLICE_THICKNESS, VR::DS, "5"),
        Element::bytes_of(tags::ROWS, VR::US, 2_u16.to_le_bytes()),
        Element::bytes_of(tags::COLUMNS, VR::US, 2_u16.to_le_bytes()),
        Element::bytes_of(Tag(0x7fe0, 0x0010), VR::OW, [1, 0, 2, 0, 3, 0, 4, 0]),
    ]
    .into_iter()
    .collect();
    change(&mut set);
    let syntax = transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
    let mut bytes = encode_meta(sop_class::CT_IMAGE, uid, syntax, None);
    write_dataset(&set, syntax, &mut bytes);
    let name = ItemName::Image(InstanceUid::parse(uid).unwrap());
    Sent { name, bytes, pseudonym, trust: "REM", supersedes: None }
}

fn negative(n: u8, centre: &str) -> Sent {
    let record = StatusRecord {
        swab_status: SwabStatus::Negative,
        swab_date: Day::parse("2020-04-03").unwrap(),
        pseudonym: pseudonym(n),
        submitting_centre: centre.to_owned(),
    };
    let name = ItemName::Status(pseudonym(n));
    Sent { name, bytes: record.to_json().unwrap(), pseudonym: pseudonym(n), trust: "REM", supersedes: None }
}

fn positive(n: u8, centre: &str) -> Sent {
    let record = DataRecord {
        positive_swab_date: Day::parse("2020-04-03").unwrap(),
        pseudonym: pseudonym(n),
        submitting_centre: centre.to_owned(),
    };
    let name = ItemName::Data(pseudonym(n));
    Sent { name, bytes: record.to_json().unwrap(), pseudonym: pseudonym(n), trust: "REM", supersedes: None }
}

fn of_trust(sent: Sent, trust: &'static str) -> Sent {
    Sent { trust, ..sent }
}
