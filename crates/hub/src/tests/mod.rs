//! A hub in a folder, with real keys, files and databases; the test owns time and plays the national house.

mod backup;
mod clinical;
mod collecting;
mod enrol;
mod review;
mod rules;
mod sending;
mod versions;

use crate::config::Config;
use crate::context::{Hub, Served};
use crate::linkage::{Identity, OptOutMark, RowDetail};
use crate::pipeline::deidentify::outbox_name;
use crate::store::{Arrival, Belongs, CohortRow, Consignment, NewSheet, Outgoing, Spooled, new_id};
use bytes::Bytes;
use deid::custody::{Custody, Sensitive};
use platform::clock::{ManualClock, Timestamp};
use platform::keys::{KeyKind, SecretKey};
use platform::testing::TempDir;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use submission::clearance::Clearance;
use submission::digest::Digest;
use submission::manifest::Manifest;
use submission::names::{Label, Slug};
use submission::paths::{ItemName, ReceiptPath};
use submission::receipt::{Outcome, Receipt, Verdict};
use submission::signed::{PinnedKeys, Signed, Signer};

const CONFIG: &str = r#"
[hub]
id = "example"
data_dir = "data"
[keys]
sealing = "keys/sealing.key"
signing = "keys/signing.key"
[limits]
spool_reserve_bytes = 1
[listen]
ae_title = "TRIBUTARY"
address = "127.0.0.1:0"
[transfer]
start = "20:00"
end = "06:00"
[[projects]]
project = "nccid"
key = "keys/nccid.key"
inbox = { url = "file://inbox" }
receipt_keys = ["keys/national.pub"]
[[sources]]
name = "royal"
ae_title = "ROYAL_PACS"
host = "pacs.royal.example"
port = 104
nhs_number_in = "patient-id"
trust = "RX1"
[[sources]]
name = "county"
ae_title = "COUNTY_PACS"
host = "pacs.county.example"
port = 104
nhs_number_in = "patient-id"
trust = "RX2"
[[trusts]]
ods = "RX1"
name = "Royal Example NHS Foundation Trust"
legal_basis = { id = "LB-1", expires = 2027-03-31 }
agreement = { id = "DSA-1", expires = 2027-03-31 }
dpia = { id = "DPIA-1", expires = 2027-03-31 }
[[trusts]]
ods = "RX2"
name = "County Example NHS Trust"
legal_basis = { id = "LB-2", expires = 2027-03-31 }
agreement = { id = "DSA-2", expires = 2026-11-02 }
dpia = { id = "DPIA-2", expires = 2027-03-31 }
"#;

/// 2026-11-01, 22:00 in London.
const FIRST_NIGHT: Timestamp = Timestamp::from_micros(1_793_570_400_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A hub, its folder, and the key of the national house.
pub(crate) struct House {
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: ManualClock,
    pub(crate) national: Signer,
    pub(crate) dir: TempDir,
}

impl House {
    /// A new hub on its first night, inside the transfer window.
    pub(crate) async fn new() -> Self {
        Self::with(CONFIG).await
    }

    /// One with another configuration.
    pub(crate) async fn with(config: &str) -> Self {
        let dir = TempDir::new();
        let keys = dir.path().join("keys");
        SecretKey::create(&keys.join("sealing.key"), KeyKind::HubStorage).unwrap();
        SecretKey::create(&keys.join("signing.key"), KeyKind::HubSigning).unwrap();
        SecretKey::create(&keys.join("nccid.key"), KeyKind::Project).unwrap();
        let national = SecretKey::generate(KeyKind::NationalSigning).unwrap();
        std::fs::write(keys.join("national.pub"), national.public().unwrap().to_string()).unwrap();
        let clock = ManualClock::new(FIRST_NIGHT);
        let config = Config::parse(config, dir.path()).unwrap();
        let hub = Arc::new(Hub::open(config, clock.shared(), Custody::mint()).await.unwrap());
        Self { hub, clock, national: Signer::from_seed(national.expose()).unwrap(), dir }
    }

    /// A hub with review pages.
    pub(crate) async fn with_portal() -> Self {
        Self::with(&format!(
            "{CONFIG}[portal]\nlisten = \"127.0.0.1:0\"\nsample_first = 2\nsample_one_in = 4\n"
        ))
        .await
    }

    /// The process ends and another begins on the same files.
    pub(crate) async fn restart(self) -> Self {
        let Self { hub, clock, national, dir } = self;
        hub.store.db().close().await;
        hub.linkage.db().close().await;
        drop(hub);
        Self { hub: Arc::new(open(&dir, &clock).await), clock, national, dir }
    }

    pub(crate) fn served(&self) -> &Served {
        &self.hub.projects[0]
    }

    /// A person with an NHS number, submitted to the opt-out check and returned.
    pub(crate) async fn person(&self, number: &str) -> String {
        let facts = Identity { nhs_number: Some(number.into()), ..Identity::default() };
        let now = self.clock.now_();
        let registered =
            self.hub.linkage.register(&Sensitive::new(facts), "RX1", &self.hub.custody, now).await.unwrap();
        self.mark(&registered.person, "national", true).await;
        registered.person
    }

    pub(crate) async fn mark(&self, person: &str, kind: &str, permitted: bool) {
        let mark = OptOutMark { kind: kind.into(), permitted, checked: self.hub.today() };
        self.hub.linkage.mark_opt_outs(&[(person.to_owned(), mark)]).await.unwrap();
    }

    /// An instance received from a source; the answer is its handle.
    pub(crate) async fn received(&self, source: &str, person: &str, n: u32, bytes: &[u8]) -> String {
        let hub = &self.hub;
        let trust = if source == "royal" { "RX1" } else { "RX2" };
        let mut arriving = hub.spool.begin().unwrap();
        arriving.write_all(bytes).unwrap();
        let (spool, length) = arriving.finish().unwrap();
        let token = format!("token-{n}");
        let now = self.clock.now_();
        let spooled = Spooled {
            id: spool.clone(),
            source: source.into(),
            token: token.clone(),
            bytes: i64::try_from(length).unwrap(),
            received_us: now.as_micros(),
        };
        let mut tx = hub.store.write().await.unwrap();
        hub.store.spooled(&mut tx, &spooled).await.unwrap();
        let belongs = Belongs {
            project: "nccid",
            source,
            trust: Some(trust),
            study: None,
            person: Some(person),
            series: None,
            token: &token,
            spool: &spool,
        };
        let Arrival::Ours(row) = hub.store.instance_received(&mut tx, &belongs, true, now).await.unwrap()
        else {
            panic!("an earlier version is on its way")
        };
        tx.commit().await.unwrap();
        row.id
    }

    /// How many files of the spool hold anything.
    pub(crate) fn sealed(&self) -> usize {
        let files = std::fs::read_dir(self.dir.path().join("data/spool")).unwrap();
        files.filter(|file| file.as_ref().unwrap().metadata().unwrap().len() > 0).count()
    }

    /// A row of a sheet of RX1: this person, in this arm, swabbed on 1 April 2020.
    pub(crate) async fn row(&self, person: &str, arm: &str) -> CohortRow {
        let (hub, now) = (&self.hub, self.clock.now_());
        let sheet = NewSheet {
            project: "nccid",
            trust: "RX1",
            digest: "d",
            rows_good: 1,
            rows_bad: 0,
            actor: "test",
        };
        let row = CohortRow {
            id: new_id(),
            row_number: 2,
            project: "nccid".into(),
            trust: "RX1".into(),
            person: person.into(),
            arm: arm.into(),
            anchor: "a".into(),
            state: "waiting".into(),
            reason: None,
        };
        let detail = Sensitive::new(RowDetail { anchor: "20200401".into() });
        hub.linkage.put_row_detail(&row.id, &detail, &hub.custody).await.unwrap();
        let mut tx = hub.store.write().await.unwrap();
        let sheet = hub.store.sheet_imported(&mut tx, &sheet, now).await.unwrap();
        hub.store.row_imported(&mut tx, &sheet, &row).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    /// An instance received from a source and cleared; its outgoing UID is `2.25.<n>`. The answer is its handle.
    pub(crate) async fn cleared(&self, source: &str, person: &str, n: u32, bytes: &[u8]) -> String {
        let id = self.received(source, person, n, b"as received").await;
        self.clear(&id, person, n, bytes).await;
        id
    }

    /// What de-identification does at its end: outbox object, then the row.
    pub(crate) async fn clear(&self, id: &str, person: &str, n: u32, bytes: &[u8]) {
        self.clear_aged(id, person, n, bytes, None).await;
    }

    /// The same of an object that goes out with an age.
    pub(crate) async fn clear_aged(&self, id: &str, person: &str, n: u32, bytes: &[u8], age: Option<&str>) {
        let hub = &self.hub;
        let subject =
            hub.linkage.subject("nccid", person, &self.served().engine, &hub.custody).await.unwrap();
        let label = |text: &str| Label::parse(text).unwrap();
        let clearance = Clearance {
            name: ItemName::parse(&format!("2.25.{n}.dcm")).unwrap(),
            sha256: Digest::of(bytes),
            bytes: u64::try_from(bytes.len()).unwrap(),
            pseudonym: subject.unwrap().pseudonym,
            profile: label("nccid"),
            edition: label("PS3.15"),
            engine: label("by hand"),
            verifier: label("by hand"),
            at_us: self.clock.now_().as_micros(),
        };
        let digest = clearance.sha256.to_string();
        hub.outbox.put(&outbox_name("nccid", &digest), Bytes::copy_from_slice(bytes)).await.unwrap();
        let signed = Signed::sign(&clearance, &hub.signer).unwrap().to_json().unwrap();
        let out = Outgoing {
            name: &clearance.name.to_string(),
            pseudonym: clearance.pseudonym.as_str(),
            digest: &digest,
            bytes: clearance.bytes,
            clearance: std::str::from_utf8(&signed).unwrap(),
            age,
        };
        let mut tx = hub.store.write().await.unwrap();
        assert!(hub.store.item_cleared(&mut tx, "instance", id, &out, self.clock.now_()).await.unwrap());
        tx.commit().await.unwrap();
    }

    pub(crate) async fn state(&self, id: &str) -> (String, Option<String>) {
        let row = self.hub.store.instance(id).await.unwrap().unwrap();
        (row.state, row.reason)
    }

    /// Everything in the inbox: key and digest.
    pub(crate) async fn bucket(&self) -> BTreeMap<String, Digest> {
        let mut all = BTreeMap::new();
        for object in self.served().inbox.list_sorted("").await.unwrap() {
            let bytes = self.served().inbox.get(&object.name).await.unwrap();
            all.insert(object.name, Digest::of(&bytes));
        }
        all
    }

    /// The manifests in the inbox, believed, in order of their sequence.
    pub(crate) async fn manifests(&self) -> Vec<(Digest, Manifest)> {
        let keys = PinnedKeys::new([self.hub.signer.public_key()]);
        let mut all = Vec::new();
        for object in self.served().inbox.list_sorted("raw-example").await.unwrap() {
            if object.name.contains("/manifest-") {
                let bytes = self.served().inbox.get(&object.name).await.unwrap();
                let manifest = Signed::<Manifest>::from_json(&bytes).unwrap().verify(&keys).unwrap();
                all.push((Digest::of(&bytes), manifest));
            }
        }
        all.sort_by_key(|(_, manifest)| manifest.sequence);
        all
    }

    /// The national house answers every manifest that it has not answered; `refused` names are quarantined.
    pub(crate) async fn answer(&self, refused: &[&str]) {
        self.answer_as(&self.national, refused).await;
    }

    /// Somebody answers.
    pub(crate) async fn answer_as(&self, signer: &Signer, refused: &[&str]) {
        self.answer_with(signer, refused, None).await;
    }

    /// Somebody answers, and countersigns this audit root, or the manifest's.
    pub(crate) async fn answer_with(&self, signer: &Signer, refused: &[&str], audit_root: Option<Digest>) {
        self.answer_at(1, signer, refused, audit_root).await;
    }

    /// The answer that comes as the n-th.
    pub(crate) async fn answer_at(
        &self,
        revision: u32,
        signer: &Signer,
        refused: &[&str],
        audit_root: Option<Digest>,
    ) {
        for (digest, manifest) in self.manifests().await {
            let path =
                ReceiptPath { hub: manifest.hub.clone(), sequence: manifest.sequence, revision }.to_string();
            let outcome = |entry: &submission::manifest::Entry| {
                let name = entry.path.item.to_string();
                let quarantined = Verdict::Quarantined { code: Slug::parse("residue").unwrap() };
                let clearance = entry.clearance.verify(&self.hub.own_keys).unwrap();
                let verdict = if refused.contains(&name.as_str()) { quarantined } else { Verdict::Accepted };
                Outcome { path: entry.path.clone(), sha256: clearance.sha256, verdict }
            };
            let receipt = Receipt {
                hub: manifest.hub.clone(),
                project: manifest.project.clone(),
                sequence: manifest.sequence,
                manifest: digest,
                outcomes: manifest.entries.iter().map(outcome).collect(),
                audit_root: audit_root.unwrap_or(manifest.audit_root),
                at_us: 0,
            };
            let signed = Signed::sign(&receipt, signer).unwrap().to_json().unwrap();
            // Taken as an answer that is there already.
            let _ = self.served().inbox.put_new(&path, signed.into()).await;
        }
    }

    pub(crate) async fn last(&self) -> Consignment {
        self.hub.store.last_consignment("nccid").await.unwrap().unwrap()
    }
}

/// Names of a manifest's entries.
pub(crate) fn names(manifest: &Manifest) -> Vec<String> {
    manifest.entries.iter().map(|entry| entry.path.item.to_string()).collect()
}

pub(crate) fn config(dir: &TempDir) -> Config {
    Config::parse(CONFIG, dir.path()).unwrap()
}

async fn open(dir: &TempDir, clock: &ManualClock) -> Hub {
    Hub::open(config(dir), clock.shared(), Custody::mint()).await.unwrap()
}

/// The clock's time without the trait in scope everywhere.
pub(crate) trait Now {
    fn now_(&self) -> Timestamp;
}

impl Now for ManualClock {
    fn now_(&self) -> Timestamp {
        platform::clock::Clock::now(self)
    }
}
