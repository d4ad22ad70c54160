//! The house itself: what every floor above needs at hand.

use crate::config::{Config, RawProject};
use crate::error::NationalError;
use crate::examine;
use crate::store::{SCHEMA, Store};
use platform::clock::Clock;
use platform::db::Db;
use platform::objects::Objects;
use residue::Searcher;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use submission::paths::receipts_root;

/// The national house, open.
#[derive(Debug)]
pub struct House {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) projects: Vec<Project>,
    pub(crate) searcher: Arc<Searcher>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One project: its inbox, its warehouse, its rules.
#[derive(Debug)]
pub struct Project {
    pub(crate) rules: RawProject,
    pub(crate) inbox: Objects,
    pub(crate) warehouse: Objects,
}

impl House {
    /// Opens the database, brings its schema up to date, and opens every project's stores.
    pub async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, NationalError> {
        platform::disk::create_dirs(&config.data_dir)
            .map_err(|source| NationalError::Disk { doing: "making data_dir", source })?;
        let db = Db::open(config.database_url.expose()).await?;
        let mut projects = Vec::new();
        for rules in &config.projects {
            let inbox = Objects::open(&rules.inbox)?;
            let warehouse = Objects::open(&rules.warehouse)?.seldom_read();
            projects.push(Project { rules: rules.clone(), inbox, warehouse });
        }
        Self::with(config, clock, db, projects).await
    }

    /// A house over a database and stores that are open already.
    pub(crate) async fn with(
        config: Config,
        clock: Arc<dyn Clock>,
        db: Db,
        projects: Vec<Project>,
    ) -> Result<Self, NationalError> {
        db.migrate(&[SCHEMA, &[platform::audit::SCHEMA]].concat()).await?;
        let searcher = Arc::new(examine::searcher());
        Ok(Self { config, store: Store::new(db), projects, searcher, clock })
    }

    /// Removes what an earlier process left half written: in the warehouses, among the receipts, in its scratch folder.
    /// Only for the process that serves, before it begins.
    pub async fn sweep(&self) -> Result<(), NationalError> {
        for project in &self.projects {
            project.warehouse.sweep_unfinished("").await?;
            for hub in self.config.hubs.keys() {
                project.inbox.sweep_unfinished(&receipts_root(hub)).await?;
            }
        }
        match std::fs::remove_dir_all(self.scratch()) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(NationalError::Disk { doing: "emptying the scratch folder", source })
            }
            _ => Ok(()),
        }
    }

    /// What this house remembers.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The projects that it serves.
    pub fn projects(&self) -> &[Project] {
        &self.projects
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.config.data_dir.join("scratch")
    }
}

impl Project {
    /// Its name.
    pub fn id(&self) -> &str {
        self.rules.id.as_str()
    }

    /// Where consignments come in.
    pub fn inbox(&self) -> &Objects {
        &self.inbox
    }

    /// Where the warehouse tree lies.
    pub fn warehouse(&self) -> &Objects {
        &self.warehouse
    }
}
