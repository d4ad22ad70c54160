//! What is known of archives (sources) and of the trusts whose data they carry.
//!
//! Manners (rate, windows, quirks) attach to the source; law (basis, agreement, assessment) attaches to the trust.

use std::path::PathBuf;

use chrono::NaiveDate;
use serde::Deserialize;
use submission::digest::Digest;

use super::{AeTitle, Hours};

/// An archive that we talk to.
#[derive(Debug, Clone)]
pub struct Source {
    /// Our name for it, in tables and reports.
    pub name: String,
    /// The AE title that it answers queries under.
    pub ae_title: AeTitle,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The AE title that we call it as.
    pub calling_ae_title: AeTitle,
    /// Which application entities send us this archive's objects. Never empty: at least the archive itself.
    pub store_from: Vec<StorePeer>,
    /// Present: we call it over TLS, and expect its stores over TLS.
    pub tls: Option<SourceTls>,
    /// The levels at which it answers C-FIND (PS3.4 §C.6).
    pub query_levels: Vec<Level>,
    /// How objects are fetched.
    pub retrieve: Retrieve,
    /// The AE title that it knows us as, for C-MOVE.
    pub move_destination: AeTitle,
    /// How an NHS number is found there.
    pub nhs_number_in: NhsNumberIn,
    /// Who issues its patient ids when a data set does not say.
    pub issuer: Option<String>,
    /// How fast we ask for studies.
    pub studies_per_hour: u32,
    /// Associations that we open to it at once.
    pub associations_max: u32,
    /// When we may ask.
    pub query_window: Hours,
    /// Switched off in the configuration.
    pub paused: bool,
    /// While this file exists, nothing is asked: a pause for people who can touch a file but not this hub.
    pub pause_file: PathBuf,
    /// How long we wait for it.
    pub timeouts: Timeouts,
    /// Which trust an object belongs to.
    pub attribution: Vec<Rule>,
    /// Who looks after it.
    pub contact: Option<String>,
}

/// Host (name or address) and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// An application entity that may store to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePeer {
    /// Its calling AE title.
    pub ae_title: AeTitle,
    /// The host (name or address) that it calls from; absent: any, which only TLS client certificates make safe.
    pub host: Option<String>,
    /// The SHA-256 of the certificate that it shows (DER), so that a peer of the same authority cannot call in its name.
    pub certificate: Option<Digest>,
}

/// TLS towards an archive.
#[derive(Debug, Clone)]
pub struct SourceTls {
    /// Who signs its certificate, PEM.
    pub ca: PathBuf,
    /// Our client certificate and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name in its certificate, where it is not the host.
    pub server_name: Option<String>,
}

/// A level of the query/retrieve model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// STUDY
    Study,
    /// SERIES
    Series,
    /// IMAGE
    Image,
}

/// How objects are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retrieve {
    /// C-GET where the archive accepts it, else C-MOVE.
    #[default]
    Auto,
    /// C-GET only.
    Get,
    /// C-MOVE to ourselves only.
    Move,
}

/// Where an archive keeps the NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NhsNumberIn {
    /// Patient ID (0010,0020) is the NHS number.
    PatientId,
    /// Other Patient IDs, plain (0010,1000) or in the sequence (0010,1002).
    OtherPatientIds,
    /// Nowhere: it can be asked by local id only.
    None,
}

/// How long we wait for an archive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// To connect.
    pub connect_s: u32,
    /// For the answer to an association request or release (ARTIM, PS3.8 §9.1.5).
    pub association_s: u32,
    /// For the next answer to a request; slow archives need minutes.
    pub answer_s: u32,
    /// Before a failed study is asked again, the first time; it doubles from there.
    pub retry_s: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_s: 10, association_s: 30, answer_s: 300, retry_s: 600 }
    }
}

/// Attributes to a trust what meets every condition given. A rule without conditions attributes all of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// ODS code.
    pub trust: String,
    /// Issuer of Patient ID (0010,0021).
    pub issuer_of_patient_id: Option<String>,
    /// Institution Name (0008,0080).
    pub institution_name: Option<String>,
    /// Institution Code Sequence (0008,0082), Code Value: an ODS code.
    pub institution_code: Option<String>,
    /// What Accession Number (0008,0050) begins with.
    pub accession_prefix: Option<String>,
    /// The AE title that stored the object, or that holds it (Retrieve AE Title, (0008,0054)).
    pub ae_title: Option<AeTitle>,
}

/// A trust (or health board): it controls data.
#[derive(Debug, Clone)]
pub struct Trust {
    /// ODS code.
    pub ods: String,
    /// The name used as `SubmittingCentre`.
    pub name: String,
    /// The legal basis recorded for taking part.
    pub legal_basis: Option<Document>,
    /// The data-sharing agreement.
    pub agreement: Option<Document>,
    /// The data protection impact assessment.
    pub dpia: Option<Document>,
    /// Who answers for it.
    pub contact: Option<String>,
}

/// A document that permits, until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its reference.
    pub id: String,
    /// The last day on which it is in force.
    pub expires: NaiveDate,
}
