//! What can stop a run, by culprit. What is wrong with an object or a manifest is no error but an outcome, with a code.

use crate::config::InvalidConfig;
use crate::fetch::FetchError;
use platform::audit::AuditError;
use platform::db::DbError;
use platform::objects::ObjectError;

/// Why a run of the national house did not end.
#[derive(Debug, thiserror::Error)]
pub enum NationalError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The audit.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// An inbox or a warehouse.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// Fetching an object.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A disk that this house needs.
    #[error("{doing}: {source}")]
    Disk {
        /// The act.
        doing: &'static str,
        /// The machine's own error.
        source: std::io::Error,
    },
    /// Our own fault.
    #[error("a fault of this program: {0}")]
    Bug(String),
}

impl NationalError {
    pub(crate) fn bug(what: impl std::fmt::Display) -> Self {
        Self::Bug(what.to_string())
    }
}
