//! A hub's configuration: what was written (one strict TOML file) becomes what is meant (checked, paths resolved, all faults at once).
//!
//! Nothing is opened here but the file itself and the files that hold a database URL; keys and certificates are opened where
//! they are used. `docs/samples/hub.toml` shows every key and is parsed by a test.

mod check;
mod hours;
mod raw;
mod sites;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use hours::Hours;
use platform::config::{self, SecretText};
use platform::objects::ObjectsConfig;
pub use raw::Limits;
pub use sites::{
    Document, Endpoint, Level, NhsNumberIn, Retrieve, Rule, Source, SourceTls, StorePeer, Timeouts, Trust,
};

/// A whole hub, as meant.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names the hub in consignments: its raw prefix is `raw-<hub_id>`. Lower case letters, digits and hyphens.
    pub hub_id: String,
    /// Who answers questions about this hub, for the pages that it prints.
    pub contact: Option<String>,
    /// Everything that has no place of its own is kept under here.
    pub data_dir: PathBuf,
    /// The sealed spool of received objects.
    pub spool_dir: PathBuf,
    /// Cleared objects waiting to be sent: `file://` or `s3://`.
    pub outbox: ObjectsConfig,
    /// States, jobs, audit.
    pub database_url: SecretText,
    /// Person ↔ pseudonym: never the same database as `database_url`.
    pub linkage_url: SecretText,
    /// Where the hub's own keys lie.
    pub keys: KeyPaths,
    /// The research projects that this hub serves.
    pub projects: Vec<ProjectEntry>,
    /// Our application entity.
    pub listen: Listen,
    /// The review pages; none where there is no such section.
    pub portal: Option<PortalConfig>,
    /// Limits, units last in their names.
    pub limits: Limits,
    /// When consignments may be sent.
    pub transfer: Hours,
    /// How often what is cleared is consigned, while that window is open.
    pub transfer_every_s: u32,
    /// How often it is looked for receipts.
    pub receipts_every_s: u32,
    /// Numbers that are no one's NHS number although their check digit is right (ten digits each).
    pub placeholders: Vec<String>,
    /// The archives.
    pub sources: Vec<Source>,
    /// The trusts that control the data.
    pub trusts: Vec<Trust>,
}

/// Key files of the hub.
#[derive(Debug, Clone)]
pub struct KeyPaths {
    /// Seals the spool and the linkage columns.
    pub sealing: PathBuf,
    /// Signs clearances and manifests (Ed25519).
    pub signing: PathBuf,
    /// Public halves of signing keys that were rotated out: what they cleared may still be sent.
    pub signing_previous: Vec<PathBuf>,
    /// The public half to which backups are encrypted; without it there are no backups.
    pub backup_recipient: Option<PathBuf>,
}

/// A project that this hub serves.
#[derive(Debug, Clone)]
pub struct ProjectEntry {
    /// A built-in name (`nccid`) or the path of a project file.
    pub project: String,
    /// The project key: pseudonyms, UIDs, date offsets.
    pub key: PathBuf,
    /// The national inbox: `file://` or `s3://`.
    pub inbox: ObjectsConfig,
    /// The pinned public keys that may sign receipts; two while one is being rotated.
    pub receipt_keys: Vec<PathBuf>,
}

/// Where and as whom we listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Our AE title.
    pub ae_title: AeTitle,
    /// Address and port.
    pub address: SocketAddr,
    /// Present: TLS, with client certificates required when `client_ca` is given; on this address, unless it has its own.
    pub tls: Option<ListenTls>,
}

/// TLS of our own listener.
#[derive(Debug, Clone)]
pub struct ListenTls {
    /// Its own address and port, so that archives with and without TLS can both reach us.
    pub address: Option<SocketAddr>,
    /// Our certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who signs the certificates of our peers, PEM.
    pub client_ca: Option<PathBuf>,
}

/// Where the review pages are served, and how many cleared instances are drawn for them.
#[derive(Debug, Clone)]
pub struct PortalConfig {
    /// Address and port: on the loopback address, unless there is TLS.
    pub address: SocketAddr,
    /// Certificate and key.
    pub tls: Option<ListenTls>,
    /// Of each device, this many first instances are drawn.
    pub sample_first: u32,
    /// After them, one in so many.
    pub sample_one_in: u32,
}

/// An application entity title (PS3.5 §6.2, VR AE): 1 to 16 characters, no backslash, no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AeTitle(String);

impl AeTitle {
    /// Reads a title; blanks before and after it mean nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let title = text.trim_matches(' ');
        if title.is_empty() || title.len() > 16 {
            return Err(format!("an AE title has 1 to 16 characters, this one has {}", title.len()));
        }
        if title.bytes().any(|b| b == b'\\' || !(0x20..0x7f).contains(&b)) {
            return Err("an AE title holds plain ASCII without backslash".into());
        }
        Ok(Self(title.to_owned()))
    }

    /// The title without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing to mend in a configuration: where, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key path, as in `sources[2].ae_title`.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Why a configuration or project file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read, or is not what was expected.
    #[error(transparent)]
    File(#[from] config::ConfigError),
    /// Readable, but not meaningful: every fault found, not only the first.
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("config-invalid: {fault}")).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its own folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let raw = config::load(path)?;
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        check::meant(raw, whole.parent().unwrap_or(Path::new("/")))
    }

    /// Reads a configuration from text; `base` is the folder that relative paths start from.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        check::meant(config::parse(text, "hub.toml")?, base)
    }

    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|s| s.name == name)
    }

    /// The trust with that ODS code.
    pub fn trust(&self, ods: &str) -> Option<&Trust> {
        self.trusts.iter().find(|t| t.ods == ods)
    }
}

#[cfg(test)]
mod tests;
