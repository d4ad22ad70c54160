//! A hub's configuration as written: the keys of the TOML file. Unknown keys are errors; defaults stand here.

use std::path::PathBuf;

use platform::objects::ObjectsConfig;
use serde::Deserialize;
use toml::value::Datetime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) hub: RawHub,
    #[serde(default)]
    pub(super) database: RawDatabase,
    pub(super) keys: RawKeys,
    pub(super) listen: RawListen,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) transfer: RawTransfer,
    #[serde(default)]
    pub(super) identity: RawIdentity,
    pub(super) portal: Option<RawPortal>,
    #[serde(default)]
    pub(super) projects: Vec<RawProject>,
    #[serde(default)]
    pub(super) sources: Vec<RawSource>,
    #[serde(default)]
    pub(super) trusts: Vec<RawTrust>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHub {
    pub(super) id: String,
    pub(super) data_dir: PathBuf,
    pub(super) spool_dir: Option<PathBuf>,
    pub(super) outbox: Option<ObjectsConfig>,
    #[serde(default = "london")]
    pub(super) time_zone: String,
    pub(super) contact: Option<String>,
}

fn london() -> String {
    "Europe/London".into()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDatabase {
    pub(super) url: Option<String>,
    pub(super) url_file: Option<PathBuf>,
    pub(super) linkage_url: Option<String>,
    pub(super) linkage_url_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeys {
    pub(super) sealing: PathBuf,
    pub(super) signing: PathBuf,
    #[serde(default)]
    pub(super) signing_previous: Vec<PathBuf>,
    pub(super) backup_recipient: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) ae_title: String,
    pub(super) address: String,
    pub(super) tls: Option<RawListenTls>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListenTls {
    pub(super) address: Option<String>,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
}

/// What the hub will not exceed. Each has a default; each must be at least 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Associations open at once, all peers together.
    pub associations_max: u32,
    /// Associations open at once from one peer.
    pub associations_per_peer_max: u32,
    /// The largest PDU that we offer to receive (PS3.8 §D.1).
    pub pdu_bytes_max: u32,
    /// An association on which nothing moves is aborted after this.
    pub idle_s: u32,
    /// Header of one instance, all before its pixel data.
    pub header_bytes_max: u64,
    /// Free space kept on the spool's disk: below it a C-STORE is answered 0xA700.
    pub spool_reserve_bytes: u64,
    /// De-identifications at once; 0 means four per CPU core: they wait for the disk most of the time.
    pub deidentify_workers: u32,
    /// Length of a cohort sheet.
    pub sheet_bytes_max: u64,
    /// Rows of a cohort sheet.
    pub sheet_rows_max: u32,
    /// Objects in one consignment.
    pub consignment_objects_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            associations_max: 64,
            associations_per_peer_max: 16,
            pdu_bytes_max: 128 * 1024,
            idle_s: 60,
            header_bytes_max: 64 << 20,
            spool_reserve_bytes: 2 << 30,
            deidentify_workers: 0,
            sheet_bytes_max: 32 << 20,
            sheet_rows_max: 500_000,
            consignment_objects_max: 50_000,
        }
    }
}

/// Times of day, `"20:00"`; start equal to end means always.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHours {
    pub(super) start: String,
    pub(super) end: String,
}

impl Default for RawHours {
    fn default() -> Self {
        Self { start: "00:00".into(), end: "00:00".into() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTransfer {
    pub(super) start: String,
    pub(super) end: String,
    pub(super) every_s: u32,
    pub(super) receipts_every_s: u32,
}

impl Default for RawTransfer {
    fn default() -> Self {
        let RawHours { start, end } = RawHours::default();
        Self { start, end, every_s: 3600, receipts_every_s: 300 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPortal {
    pub(super) listen: String,
    pub(super) tls: Option<RawPortalTls>,
    #[serde(default = "sample_first")]
    pub(super) sample_first: u32,
    #[serde(default = "sample_one_in")]
    pub(super) sample_one_in: u32,
}

fn sample_first() -> u32 {
    20
}

fn sample_one_in() -> u32 {
    50
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPortalTls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIdentity {
    #[serde(default)]
    pub(super) placeholders: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProject {
    pub(super) project: String,
    pub(super) key: PathBuf,
    pub(super) inbox: ObjectsConfig,
    pub(super) receipt_keys: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSource {
    pub(super) name: String,
    pub(super) ae_title: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) calling_ae_title: Option<String>,
    #[serde(default)]
    pub(super) store_from: Vec<RawStorePeer>,
    pub(super) tls: Option<RawSourceTls>,
    #[serde(default)]
    pub(super) query_levels: Option<Vec<super::Level>>,
    #[serde(default)]
    pub(super) retrieve: super::Retrieve,
    pub(super) move_destination: Option<String>,
    pub(super) nhs_number_in: super::NhsNumberIn,
    pub(super) issuer: Option<String>,
    #[serde(default = "studies_per_hour")]
    pub(super) studies_per_hour: u32,
    #[serde(default = "one")]
    pub(super) associations_max: u32,
    #[serde(default)]
    pub(super) query_window: RawHours,
    #[serde(default)]
    pub(super) paused: bool,
    pub(super) pause_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) timeouts: super::Timeouts,
    pub(super) trust: Option<String>,
    #[serde(default)]
    pub(super) attribution: Vec<RawRule>,
    pub(super) contact: Option<String>,
}

fn studies_per_hour() -> u32 {
    60
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStorePeer {
    pub(super) ae_title: String,
    pub(super) host: Option<String>,
    pub(super) certificate_sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSourceTls {
    pub(super) ca: PathBuf,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) server_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) trust: String,
    pub(super) issuer_of_patient_id: Option<String>,
    pub(super) institution_name: Option<String>,
    pub(super) institution_code: Option<String>,
    pub(super) accession_prefix: Option<String>,
    pub(super) ae_title: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrust {
    pub(super) ods: String,
    pub(super) name: String,
    pub(super) legal_basis: Option<RawDocument>,
    pub(super) agreement: Option<RawDocument>,
    pub(super) dpia: Option<RawDocument>,
    pub(super) contact: Option<String>,
}

/// `{ id = "DSA-12", expires = 2027-03-31 }`, the date unquoted as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDocument {
    pub(super) id: String,
    pub(super) expires: Datetime,
}
