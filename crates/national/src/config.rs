//! The national house's configuration: one strict TOML file, read into [`RawConfig`] (what is written), opened into
//! [`Config`] (what is meant: keys read, lists checked). `docs/samples/national.toml` shows every key.

use crate::partition::{PartitionKey, Sites, TrainingPercentage};
use platform::config::{ConfigError, Seconds, SecretFile};
use platform::keys::{KeyError, KeyKind, PublicKey as PublicKeyFile, SecretKey};
use platform::objects::ObjectsConfig;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use submission::names::Slug;
use submission::signed::{PinnedKeys, PublicKey, Signer};

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A value that contradicts another, or cannot be.
    #[error("config-invalid: {0}")]
    Meaning(String),
}

/// The file as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// Where this house keeps its scratch files.
    pub data_dir: PathBuf,
    /// `sqlite:///path` or `postgres://…`; or else `database_url_file`.
    #[serde(default)]
    pub database_url: Option<String>,
    /// A private file that holds the database's address, where that has a password in it.
    #[serde(default)]
    pub database_url_file: Option<SecretFile>,
    /// How often the inboxes are looked into.
    #[serde(default = "default_poll_s")]
    pub poll_s: Seconds,
    /// This house's own keys.
    pub keys: RawKeys,
    /// The hubs that may send.
    #[serde(default, rename = "hub")]
    pub hubs: Vec<RawHub>,
    /// The projects that are served.
    #[serde(default, rename = "project")]
    pub projects: Vec<RawProject>,
}

/// Paths of this house's key files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawKeys {
    /// Signs receipts.
    pub signing: PathBuf,
    /// Splits patients into training and validation.
    pub partition: PathBuf,
}

/// A hub that may send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawHub {
    /// Its name: the prefix `raw-<id>` is its own.
    pub id: Slug,
    /// Files of its public keys; two while one is being replaced by the next.
    pub public_keys: Vec<PathBuf>,
}

/// A project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawProject {
    /// Its name, as manifests say it.
    pub id: Slug,
    /// Where hubs put consignments, and receipts go.
    pub inbox: ObjectsConfig,
    /// Where the warehouse tree lies.
    pub warehouse: ObjectsConfig,
    /// The share of split patients that goes to training; without it all go to validation.
    #[serde(default = "default_training_percentage")]
    pub training_percentage: TrainingPercentage,
    /// The folder for each Modality (0008,0060), e.g. `DX = "xray"`.
    pub modality_folders: BTreeMap<String, String>,
    /// Which centres share, are held out, are split.
    #[serde(default)]
    pub sites: Sites,
}

/// The configuration as it is meant.
#[derive(Debug)]
pub struct Config {
    /// Where scratch files lie.
    pub data_dir: PathBuf,
    /// The database's address; it may hold a password.
    pub database_url: SecretUrl,
    /// How often the inboxes are looked into.
    pub poll_s: Seconds,
    /// Signs receipts.
    pub signer: Signer,
    /// Splits patients.
    pub partition_key: PartitionKey,
    /// The hubs that may send, with the keys that are theirs.
    pub hubs: BTreeMap<Slug, PinnedKeys>,
    /// The projects.
    pub projects: Vec<RawProject>,
}

/// A database's address, which prints its scheme only.
#[derive(Clone)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Keeps an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole address: only for opening the database.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://…", self.0.split(':').next().unwrap_or(""))
    }
}

fn default_poll_s() -> Seconds {
    Seconds(60)
}

fn default_training_percentage() -> TrainingPercentage {
    // As the older database had it: nothing is shared that nobody decided to share.
    TrainingPercentage::default()
}

impl Config {
    /// Reads the file, its keys and its lists.
    pub fn load(path: &Path) -> Result<Self, InvalidConfig> {
        Self::open(platform::config::load(path)?)
    }

    /// Opens what was written.
    pub fn open(raw: RawConfig) -> Result<Self, InvalidConfig> {
        let database_url = match (raw.database_url, raw.database_url_file) {
            (Some(url), None) => SecretUrl::new(url),
            (None, Some(file)) => SecretUrl::new(file.read()?.expose()),
            _ => return Err(meaning("give one of database_url and database_url_file")),
        };
        let signing = SecretKey::load(&raw.keys.signing, KeyKind::NationalSigning)?;
        let partition = SecretKey::load(&raw.keys.partition, KeyKind::Partition)?;
        let signer =
            Signer::from_seed(signing.expose()).map_err(|e| meaning(&format!("keys.signing: {e}")))?;
        let mut hubs = BTreeMap::new();
        for hub in raw.hubs {
            let mut keys = Vec::new();
            for file in &hub.public_keys {
                keys.push(PublicKey::from_bytes(*PublicKeyFile::load(file, KeyKind::HubSigning)?.as_bytes()));
            }
            let name = hub.id.clone();
            if keys.is_empty() || hubs.insert(hub.id, PinnedKeys::new(keys)).is_some() {
                return Err(meaning(&format!("hub {name:?}: name it once, with at least one public key")));
            }
        }
        for project in &raw.projects {
            check_project(project)?;
        }
        let mut ids: Vec<_> = raw.projects.iter().map(|project| project.id.as_str()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(meaning("a project is named twice"));
        }
        Ok(Self {
            data_dir: raw.data_dir,
            database_url,
            poll_s: raw.poll_s,
            signer,
            partition_key: PartitionKey::new(partition.expose()),
            hubs,
            projects: raw.projects,
        })
    }
}

fn check_project(project: &RawProject) -> Result<(), InvalidConfig> {
    let id = &project.id;
    if let Some(site) = project.sites.listed_twice() {
        return Err(meaning(&format!("project {id}: the site {site:?} stands in the lists twice")));
    }
    for (modality, folder) in &project.modality_folders {
        let plain = Slug::parse(folder).is_ok() && folder != "data" && !folder.ends_with("-metadata");
        if !plain {
            return Err(meaning(&format!("project {id}: {folder:?} cannot be the folder of {modality}")));
        }
    }
    Ok(())
}

fn meaning(text: &str) -> InvalidConfig {
    InvalidConfig::Meaning(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::testing::TempDir;

    const SAMPLE: &str = include_str!("../../../docs/samples/national.toml");

    fn raw(dir: &TempDir) -> RawConfig {
        let mut raw: RawConfig = platform::config::parse(SAMPLE, "national.toml").unwrap();
        let at = |name: &str| dir.path().join(name);
        SecretKey::create(&at("signing"), KeyKind::NationalSigning).unwrap();
        SecretKey::create(&at("partition"), KeyKind::Partition).unwrap();
        let hub = SecretKey::create(&at("hub"), KeyKind::HubSigning).unwrap();
        std::fs::write(at("hub.pub"), hub.public().unwrap().to_string()).unwrap();
        raw.keys = RawKeys { signing: at("signing"), partition: at("partition") };
        raw.hubs[0].public_keys = vec![at("hub.pub")];
        raw
    }

    #[test]
    fn the_sample_is_a_configuration() {
        let dir = TempDir::new();
        let config = Config::open(raw(&dir)).unwrap();
        assert_eq!(config.projects[0].id.as_str(), "nccid");
        assert_eq!(config.hubs.len(), 1);
        let file = SecretKey::load(&dir.path().join("signing"), KeyKind::NationalSigning).unwrap();
        assert_eq!(
            config.signer.key_id().to_string(),
            file.id().to_string(),
            "files and receipts agree on its name"
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let dir = TempDir::new();
        let good = raw(&dir);
        let mut twice = good.clone();
        twice.projects[0].sites.training = twice.projects[0].sites.split.clone();
        assert!(Config::open(twice).unwrap_err().to_string().contains("twice"));
        let mut folder = good.clone();
        folder.projects[0].modality_folders.insert("US".into(), "../us".into());
        assert!(Config::open(folder).is_err());
        let mut keyless = good;
        keyless.hubs[0].public_keys.clear();
        assert!(Config::open(keyless).is_err());
    }
}
