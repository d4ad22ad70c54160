//! The state of a run, on disk beside OUT: which files there are, who they say they are about, and what became of each.
//!
//! People stand in it as pseudonyms and keyed digests. It holds the paths of IN and the UIDs that were replaced, as the mapping
//! does, so it stays at the hospital. Nothing of it grows in memory with the number of files.

mod people;
mod results;

pub(super) use results::{Done, Earlier, Pixels, Tally, Task, Treatment};

use ::deid::person::{Claims, Nobody};
use anyhow::{Context, Result, bail, ensure};
use people::Evidence;
use platform::db::{Db, DbError, Migration, Query, Row, sql};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// How many rows are fetched or written at once.
pub(super) const BATCH_ROWS: usize = 256;

/// What to do where a state is not for this run.
pub(super) const BEGIN_ANEW: &str = "another OUT, or --restart to remove what it wrote and begin anew";

const STEPS: &[Migration] = &[Migration {
    name: "deid-1",
    ddl: "
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE files (
            path {blob} PRIMARY KEY,      -- below IN
            bytes BIGINT NOT NULL,
            changed_ns BIGINT NOT NULL,   -- when its content was changed last, as the file system says
            run BIGINT NOT NULL,          -- the last run that saw it
            looked BIGINT NOT NULL,       -- 1: its header was read
            nobody TEXT,                  -- why it is nobody's: it cannot be read, or has no identity
            evidence TEXT,                -- what it says of its patient
            age TEXT,                     -- the age that would go out
            uid TEXT,                     -- the UID that goes out for its SOP Instance UID
            modality TEXT,
            sop_class TEXT,
            outcome TEXT,                 -- cleared, repeated, held; NULL: to be done
            reason TEXT,
            person TEXT,                  -- under which pseudonym
            known TEXT,                   -- a digest of what was known of the person
            output TEXT,                  -- below OUT
            output_bytes BIGINT,
            treatment TEXT,               -- what was done to its elements
            extent TEXT,                  -- how far its pixels were looked at
            pixels TEXT                   -- what was done to them, as JSON
        ) WITHOUT ROWID;
        CREATE INDEX files_by_uid ON files (uid, path);
        CREATE INDEX files_by_evidence ON files (evidence);
        CREATE INDEX files_by_treatment ON files (treatment);
        CREATE TABLE evidence (
            digest TEXT PRIMARY KEY,
            names TEXT NOT NULL,          -- pseudonyms, blanks between them, that of the NHS number first
            first TEXT NOT NULL,          -- the first of them
            by_number BIGINT NOT NULL,    -- 1: the first is that of an NHS number
            study TEXT,                   -- the pseudonym that the study gives; the first, where nothing else is said
            known TEXT NOT NULL,          -- a digest of all that text must not say of the patient
            birth TEXT,
            sex TEXT
        );
        CREATE INDEX evidence_by_first ON evidence (first, known);
        CREATE INDEX evidence_by_study ON evidence (study);
        CREATE TABLE names (
            name TEXT PRIMARY KEY,
            root TEXT NOT NULL,           -- the name that stands for all names of this person
            by_number BIGINT NOT NULL
        );
        CREATE INDEX names_by_root ON names (root);
        CREATE TABLE conflicts (root TEXT PRIMARY KEY);
        CREATE TABLE rare_ages (age TEXT PRIMARY KEY);
        CREATE TABLE uids (old TEXT PRIMARY KEY, new TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE treatments (digest TEXT PRIMARY KEY, actions TEXT NOT NULL);
    ",
}];

/// The state of a run.
pub(super) struct Store {
    db: Db,
    runtime: Runtime,
    /// Which run this is.
    run: i64,
    _lock: File,
}

/// A file as the walk found it.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) changed_ns: i64,
}

/// What the first pass read from a file.
pub(super) struct Looked {
    pub(super) path: PathBuf,
    pub(super) said: Result<Said, String>,
}

/// What a header said.
pub(super) struct Said {
    pub(super) claims: Result<Claims, Nobody>,
    pub(super) age: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) modality: &'static str,
    pub(super) sop_class: String,
}

impl Store {
    /// Opens the state in this folder and begins a run.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let (store, is_known) = Self::of_any_version(folder)?;
        ensure!(
            is_known,
            "an earlier run into this OUT was of another version of this program; give {BEGIN_ANEW}"
        );
        Ok(store)
    }

    /// Opens the state in this folder, which is made for its owner only, whatever version of this program wrote it; whether
    /// this one did. One process at a time.
    pub(super) fn of_any_version(folder: &Path) -> Result<(Self, bool)> {
        let at = || format!("state {}", folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(at)?;
        let lock =
            OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(folder.join("lock"));
        let lock = lock.with_context(at)?;
        if lock.try_lock().is_err() {
            bail!("{}: another run is at work on this OUT", folder.display());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
        let url = folder.join("state.sqlite");
        let url = format!("sqlite://{}", url.to_str().context("the path of OUT is not UTF-8")?);
        let (db, run, is_known) = runtime
            .block_on(async {
                let db = Db::open(&url).await?;
                let is_known = match db.migrate(STEPS).await {
                    Err(DbError::SchemaChanged(_) | DbError::SchemaNewer(_)) => false,
                    migrated => migrated.map(|()| true)?,
                };
                let last = sql("/* deid: last run */ SELECT COALESCE(MAX(run), 0) AS run FROM files");
                let run = last.one(&mut db.read().await?, |row| row.get::<i64>("run")).await?;
                Ok::<_, DbError>((db, run + 1, is_known))
            })
            .with_context(at)?;
        Ok((Self { db, runtime, run, _lock: lock }, is_known))
    }

    /// Closes the database.
    pub(super) fn close(self) {
        self.runtime.block_on(self.db.close());
    }

    /// Holds what this run was asked for against what the state was made with; the names of what differs.
    pub(super) fn settle(&self, settings: &[(&'static str, String)]) -> Result<Vec<&'static str>> {
        let known = sql("/* deid: settings */ SELECT name, value FROM settings");
        let known = self.all(known, |row| Ok((row.get::<String>("name")?, row.get::<String>("value")?)))?;
        if known.is_empty() {
            let put = settings.iter().map(|(name, value)| {
                sql("/* deid: keep setting */ INSERT INTO settings (name, value) VALUES ($1, $2)")
                    .bind(*name)
                    .bind(value)
            });
            self.write(put)?;
            return Ok(Vec::new());
        }
        let same = |name: &str, value: &str| known.iter().any(|(n, v)| n == name && v == value);
        Ok(settings.iter().filter(|(name, value)| !same(name, value)).map(|(name, _)| *name).collect())
    }

    /// Notes files that the walk found. What was changed since an earlier run is to be read and done again.
    pub(super) fn found(&self, files: &[Found]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let head = "/* deid: found */ INSERT INTO files (path, bytes, changed_ns, run, looked) VALUES";
        let tail = "ON CONFLICT (path) DO UPDATE SET run = excluded.run,
            looked = CASE WHEN files.bytes = excluded.bytes AND files.changed_ns = excluded.changed_ns THEN files.looked ELSE 0 END,
            outcome = CASE WHEN files.bytes = excluded.bytes AND files.changed_ns = excluded.changed_ns THEN files.outcome END,
            bytes = excluded.bytes, changed_ns = excluded.changed_ns";
        let query = files.iter().fold(Query::many(head, 5, files.len(), tail), |query, file| {
            query
                .bind(file.path.as_os_str().as_bytes())
                .bind(file.bytes)
                .bind(file.changed_ns)
                .bind(self.run)
                .bind(0_i64)
        });
        self.write([query])
    }

    /// How many files the walk found, and how many of their headers were read by an earlier run.
    pub(super) fn files_count(&self) -> Result<(u64, u64)> {
        let query = sql(
            "/* deid: count files */ SELECT COUNT(*) AS n, COALESCE(SUM(looked), 0) AS m FROM files WHERE run = $1",
        );
        self.one(query.bind(self.run), |row| Ok((row.get("n")?, row.get("m")?)))
    }

    /// The next files whose header is to be read.
    pub(super) fn to_look(&self, after: &Path) -> Result<Vec<PathBuf>> {
        let query = sql("/* deid: to look */ SELECT path FROM files WHERE run = $1 AND path > $2
            AND (looked = 0 OR nobody IN ('unreadable-file', 'io')) ORDER BY path LIMIT $3");
        let query = query.bind(self.run).bind(after.as_os_str().as_bytes()).bind(BATCH_ROWS as u64);
        self.all(query, path_of)
    }

    /// Keeps what headers said.
    pub(super) fn looked(&self, files: Vec<Looked>) -> Result<()> {
        let mut queries = Vec::new();
        for Looked { path, said } in files {
            let update =
                sql("/* deid: looked */ UPDATE files SET looked = 1, nobody = $2, evidence = $3, uid = $4,
                modality = $5, sop_class = $6, age = $7 WHERE path = $1");
            let update = update.bind(path.into_os_string().into_vec());
            let (said, unread) = match said {
                Ok(said) => (Some(said), None),
                Err(code) => (None, Some(code)),
            };
            let nobody = said
                .as_ref()
                .and_then(|said| said.claims.as_ref().err())
                .map(|nobody| nobody.code().to_owned());
            let evidence = said.as_ref().and_then(|said| said.claims.as_ref().ok()).map(Evidence::of);
            queries.extend(evidence.as_ref().map(Evidence::keep));
            let update = update.bind(unread.or(nobody)).bind(evidence.map(|evidence| evidence.digest));
            queries.push(match said {
                Some(said) => update.bind(said.uid).bind(said.modality).bind(said.sop_class).bind(said.age),
                None => (0..4).fold(update, |update, _| update.bind(None::<String>)),
            });
        }
        self.write(queries)
    }

    fn write(&self, queries: impl IntoIterator<Item = Query>) -> Result<()> {
        Ok(self.runtime.block_on(async {
            let mut tx = self.db.write_forgettably().await?;
            for query in queries {
                query.run(&mut tx).await?;
            }
            tx.commit().await
        })?)
    }

    fn all<T>(&self, query: Query, read: impl FnMut(&Row<'_>) -> Result<T, DbError>) -> Result<Vec<T>> {
        Ok(self.runtime.block_on(async { query.all(&mut self.db.read().await?, read).await })?)
    }

    fn one<T>(&self, query: Query, read: impl FnOnce(&Row<'_>) -> Result<T, DbError>) -> Result<T> {
        Ok(self.runtime.block_on(async { query.one(&mut self.db.read().await?, read).await })?)
    }
}

fn path_of(row: &Row<'_>) -> Result<PathBuf, DbError> {
    Ok(OsString::from_vec(row.get::<Vec<u8>>("path")?).into())
}

#[cfg(test)]
mod tests;
