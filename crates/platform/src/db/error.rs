//! What can go wrong with a database, by culprit. No error ever holds a bound value.

use std::io;

/// A failure of the database, named by culprit.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The world's fault: try again later.
    #[error("database, {doing}: {fault}")]
    World {
        /// The statement's name or the act.
        doing: String,
        /// What the world did.
        fault: Fault,
    },
    /// The row exists already, or it refers to one that does not: a constraint said no.
    #[error("database, {doing}: constraint {constraint} refused")]
    Constraint {
        /// The statement's name.
        doing: String,
        /// The constraint (PostgreSQL) or its table and columns (SQLite).
        constraint: String,
    },
    /// Exactly one row was expected and there is none.
    #[error("database, {doing}: no such row")]
    NoRow {
        /// The statement's name.
        doing: String,
    },
    /// Our own fault: a wrong statement or a wrong type.
    #[error("database, {doing}: {detail}")]
    Bug {
        /// The statement's name.
        doing: String,
        /// What the database said of the statement, never of its values.
        detail: String,
    },
    /// The URL is neither `sqlite:///path` nor `postgres://…`.
    #[error("database address: use sqlite:///path/to/file.sqlite or postgres://user@host/name")]
    BadUrl,
    /// The database was used by a newer program.
    #[error(
        "the database knows schema step {0:?}, this program does not: it is older than the database; use the newer program"
    )]
    SchemaNewer(String),
    /// A schema step that was applied is not the one this program would apply.
    #[error("schema step {0:?} was applied with another text: database and program do not belong together")]
    SchemaChanged(String),
    /// Only the other database can do this.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// The caller's own refusal inside a group-committed statement set.
    #[error("refused: {0}")]
    Refused(String),
    /// The task that commits has ended (the process is shutting down).
    #[error("the committing task has ended")]
    Closed,
}

/// What the world did to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another holds the lock, or no connection came free in time, or two transactions collided.
    #[error("locked by another; try again")]
    Locked,
    /// No space left.
    #[error("the disk is full")]
    DiskFull,
    /// The server is gone, starting or refusing.
    #[error("no connection to the server")]
    ConnectionLost,
    /// Reading or writing failed, or a permission is missing.
    #[error("the disk failed, or a permission is missing")]
    Disk,
    /// The file is not a database, or is damaged.
    #[error("the file is damaged or is no database")]
    Corrupt,
}

impl Fault {
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Disk,
        }
    }

    /// SQLite's primary result codes (sqlite.org/rescode.html) that are nobody's bug.
    fn of_sqlite(code: i32) -> Option<Self> {
        match code & 0xff {
            5 | 6 => Some(Self::Locked),
            13 => Some(Self::DiskFull),
            8 | 10 | 14 | 15 | 23 => Some(Self::Disk),
            11 | 26 => Some(Self::Corrupt),
            _ => None,
        }
    }

    /// PostgreSQL's SQLSTATE (its manual, appendix A).
    fn of_postgres(code: &str) -> Option<Self> {
        match code {
            "53100" => Some(Self::DiskFull),
            "40001" | "40P01" | "55P03" | "57014" => Some(Self::Locked),
            _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
                Some(Self::ConnectionLost)
            }
            _ if code.starts_with("58") => Some(Self::Disk),
            _ if code.starts_with("XX") => Some(Self::Corrupt),
            _ => None,
        }
    }
}

impl DbError {
    /// Whether trying again later can help.
    pub fn is_world(&self) -> bool {
        matches!(self, Self::World { .. } | Self::Closed)
    }

    /// Whether a constraint refused the row (it exists already).
    pub fn is_constraint(&self) -> bool {
        matches!(self, Self::Constraint { .. })
    }

    pub(super) fn world(doing: &str, fault: Fault) -> Self {
        Self::World { doing: doing.into(), fault }
    }

    /// Sorts sqlx's error by culprit and keeps only what cannot hold a value.
    pub(super) fn from_sqlx(doing: &str, error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let doing = doing.to_owned();
        let bug = |detail: String| Self::Bug { doing: doing.clone(), detail };
        match error {
            E::Database(db) => {
                let code = db.code().unwrap_or_default().into_owned();
                if let Some(fault) = Fault::of_postgres(&code) {
                    return Self::World { doing, fault };
                }
                if code.starts_with("23") {
                    let named = db.constraint().or(db.table()).unwrap_or("unnamed").to_owned();
                    return Self::Constraint { doing, constraint: named };
                }
                // Class 42 speaks of the statement; other classes may quote a value.
                if code.starts_with("42") {
                    return bug(format!("SQLSTATE {code}: {}", db.message()));
                }
                bug(format!("SQLSTATE {code}"))
            }
            E::RowNotFound => Self::NoRow { doing },
            E::PoolTimedOut => Self::World { doing, fault: Fault::Locked },
            E::PoolClosed | E::WorkerCrashed => Self::Closed,
            E::Io(_) | E::Tls(_) => Self::World { doing, fault: Fault::ConnectionLost },
            E::ColumnDecode { index, .. } => bug(format!("column {index} has another type")),
            E::ColumnNotFound(column) => bug(format!("no column {column}")),
            E::ColumnIndexOutOfBounds { index, len } => bug(format!("column {index} of {len}")),
            E::Encode(_) => bug("a value could not be encoded".into()),
            E::Decode(_) | E::AnyDriverError(_) => bug("a type that not both databases have".into()),
            E::Configuration(_) => Self::BadUrl,
            E::Protocol(_) => Self::World { doing, fault: Fault::ConnectionLost },
            _ => bug("unexpected".into()),
        }
    }

    /// Sorts SQLite's error likewise.
    pub(super) fn from_sqlite(doing: &str, error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let doing = doing.to_owned();
        let (failure, said) = match error {
            E::SqliteFailure(failure, said) => (failure, said.unwrap_or_default()),
            E::SqlInputError { error, msg, .. } => (error, msg),
            E::InvalidColumnName(column) => {
                return Self::Bug { doing, detail: format!("no column {column}") };
            }
            _ => return Self::Bug { doing, detail: "unexpected".into() },
        };
        if let Some(fault) = Fault::of_sqlite(failure.extended_code) {
            return Self::World { doing, fault };
        }
        // SQLITE_CONSTRAINT: the message names tables and columns only.
        if failure.extended_code & 0xff == 19 {
            let named = said.split_once(": ").map_or(said.as_str(), |(_, names)| names);
            return Self::Constraint { doing, constraint: named.to_owned() };
        }
        Self::Bug { doing, detail: format!("code {}: {said}", failure.extended_code) }
    }
}
