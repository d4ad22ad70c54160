//! The hub, opened: configuration, keys, databases and stores that every step works with.

use crate::config::{Config, ConfigError};
use crate::gates::Gates;
use crate::linkage::{Linkage, LinkageError};
use crate::project::Project;
use crate::spool::{Spool, SpoolError};
use crate::store::Store;
use crate::trusts::Governance;
use chrono::NaiveDate;
use deid::custody::Custody;
use deid::pixels::PixelPolicy;
use deid::profile::{Profile, ProfileError, Settings};
use deid::pseudonym::{ProjectKey, Pseudonymiser};
use deid::verify::Verifier;
use platform::audit::AuditError;
use platform::clock::Clock;
use platform::db::{Db, DbError, GroupCommit};
use platform::keys::{KeyError, KeyKind, PublicKey, SecretKey};
use platform::objects::{ObjectError, Objects};
use platform::seal::SealingKey;
use ring::hmac;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use submission::names::{InvalidName, Slug};
use submission::signed::{InvalidKey, PinnedKeys, SignatureError, Signer};

/// Steps whose results are committed together, at most.
const STEPS_PER_COMMIT_MAX: usize = 64;

/// The hub could not be opened, or a step failed for a reason of the world. No variant holds a patient value.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key file that holds no signing key.
    #[error("a signing key cannot be used: {0}")]
    Signing(#[from] InvalidKey),
    /// The de-identification section of a project.
    #[error("project {project}: {error}")]
    Profile {
        /// The project.
        project: String,
        /// What is wrong.
        error: ProfileError,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The linkage database.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The audit.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The outbox or an inbox.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// A signed document that does not verify, or cannot be made.
    #[error("{what}: {error}")]
    Document {
        /// Which.
        what: &'static str,
        /// Why.
        error: SignatureError,
    },
    /// A name that no consignment can carry.
    #[error("{what}: {error}")]
    Name {
        /// Which.
        what: &'static str,
        /// Why.
        error: InvalidName,
    },
}

/// A project that this hub serves, with all it takes to serve it.
pub struct Served {
    /// The project file.
    pub project: Project,
    /// Pseudonyms, UIDs and offsets under the project's key.
    pub engine: Pseudonymiser,
    /// The de-identification profile.
    pub profile: Arc<Profile>,
    /// Which pixels pass.
    pub pixels: PixelPolicy,
    /// The national inbox.
    pub inbox: Objects,
    /// Who may sign receipts.
    pub receipt_keys: PinnedKeys,
}

/// The hub.
pub struct Hub {
    /// What was configured.
    pub config: Arc<Config>,
    /// Name of the hub in consignments.
    pub id: Slug,
    /// The trusts' papers.
    pub governance: Governance,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// States, jobs, audit.
    pub store: Store,
    /// What steps that run side by side write to the store, in one commit and one sync.
    pub commits: GroupCommit,
    /// Who stands behind a pseudonym.
    pub linkage: Linkage,
    /// Received objects, sealed.
    pub spool: Arc<Spool>,
    /// Cleared objects.
    pub outbox: Objects,
    /// Signs clearances and manifests.
    pub signer: Signer,
    /// Our own public halves, rotated ones included: what we signed is checked when it is read back.
    pub own_keys: PinnedKeys,
    /// Searches what goes out.
    pub verifier: Verifier,
    /// The projects served.
    pub projects: Vec<Served>,
    /// The right to read names; lent, never given away.
    pub custody: Custody,
}

impl Hub {
    /// Opens everything that the configuration names.
    pub async fn open(config: Config, clock: Arc<dyn Clock>, custody: Custody) -> Result<Self, HubError> {
        let sealing = SecretKey::load(&config.keys.sealing, KeyKind::HubStorage)?;
        let signing = SecretKey::load(&config.keys.signing, KeyKind::HubSigning)?;
        let token_key =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, sealing.expose()), b"tributary linkage tokens 1");
        let mut tokens = [0; 32];
        tokens.copy_from_slice(token_key.as_ref());
        let sealing = SealingKey::new(sealing);
        let store = Store::open(Db::open(config.database_url.expose()).await?).await?;
        let linkage_db = Db::open(config.linkage_url.expose()).await?;
        let linkage = Linkage::open(linkage_db, sealing.clone(), &tokens).await?;
        let spool = Spool::open(config.spool_dir.clone(), sealing, config.limits.spool_reserve_bytes)?;
        let outbox = Objects::open(&config.outbox)?;
        let signer = Signer::from_seed(signing.expose())?;
        let mut own_keys = vec![signer.public_key()];
        own_keys.extend(pinned(&config.keys.signing_previous, KeyKind::HubSigning)?);
        let mut projects = Vec::new();
        for entry in &config.projects {
            let project = Project::load(&entry.project)?;
            projects.push(serve(project, entry)?);
        }
        Ok(Self {
            id: Slug::parse(&config.hub_id).map_err(|error| HubError::Name { what: "hub id", error })?,
            governance: Governance::new(&config.trusts),
            own_keys: PinnedKeys::new(own_keys),
            signer,
            verifier: Verifier::default(),
            config: Arc::new(config),
            clock,
            commits: GroupCommit::start(store.db().clone(), Duration::ZERO, STEPS_PER_COMMIT_MAX),
            store,
            linkage,
            spool: Arc::new(spool),
            outbox,
            projects,
            custody,
        })
    }

    /// A project that this hub serves.
    pub fn served(&self, project: &str) -> Option<&Served> {
        self.projects.iter().find(|served| served.project.name == project)
    }

    /// The gates of a project.
    pub fn gates<'a>(&'a self, served: &'a Served) -> Gates<'a> {
        let (governance, linkage, project) = (&self.governance, &self.linkage, &served.project);
        Gates { governance, linkage, project, zone: self.config.transfer.zone() }
    }

    /// The calendar day, by the hub's own clock on the wall.
    pub fn today(&self) -> NaiveDate {
        self.clock.now().to_utc().with_timezone(&self.config.transfer.zone()).date_naive()
    }
}

fn serve(project: Project, entry: &crate::config::ProjectEntry) -> Result<Served, HubError> {
    let wrong = |error| HubError::Profile { project: project.name.clone(), error };
    let settings = Settings::from_toml(project.deidentification.clone()).map_err(wrong)?;
    let profile = Profile::new(&settings).map_err(wrong)?;
    let pixels = PixelPolicy::new(settings.for_processing).with(&settings.pixels);
    let key = SecretKey::load(&entry.key, KeyKind::Project)?;
    let engine = Pseudonymiser::new(&ProjectKey::new(*key.expose()), &project.pseudonym_prefix)
        .map_err(|error| HubError::Name { what: "pseudonym_prefix", error })?;
    Ok(Served {
        engine,
        profile: Arc::new(profile),
        pixels,
        inbox: Objects::open(&entry.inbox)?,
        receipt_keys: PinnedKeys::new(pinned(&entry.receipt_keys, KeyKind::NationalSigning)?),
        project,
    })
}

/// The public keys in these files.
fn pinned(paths: &[PathBuf], kind: KeyKind) -> Result<Vec<submission::signed::PublicKey>, KeyError> {
    let load = |path: &PathBuf| PublicKey::load(path, kind);
    let keys = paths.iter().map(load);
    keys.map(|key| Ok(submission::signed::PublicKey::from_bytes(*key?.as_bytes()))).collect()
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hub({})", self.config.hub_id)
    }
}
