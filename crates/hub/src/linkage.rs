//! The linkage: who stands behind a pseudonym. A database of its own, its identifying columns sealed, found by keyed tokens.
//!
//! It is written before whatever refers to it, idempotently. Two people never merge; one person may turn out to have had two
//! handles, and then both keep the pseudonyms they have and the next manifest carries an alias.

mod people;

use chrono::NaiveDate;
use data_encoding::HEXLOWER;
use deid::custody::{Custody, Sensitive};
use deid::identity::NhsNumber;
use platform::clock::Timestamp;
use platform::db::{Db, DbError, Migration, sql};
use platform::seal::{SealError, SealingKey};
use ring::hmac;
use serde::{Deserialize, Serialize};

pub use people::{Known, Registered, Standing};

const MIGRATIONS: &[Migration] = &[
    Migration { name: "linkage-1", ddl: include_str!("linkage_0001.sql") },
    Migration { name: "linkage-2", ddl: include_str!("linkage_0002.sql") },
    // All handles of a person are looked for with every object.
    Migration { name: "linkage-3", ddl: "CREATE INDEX person_same_as ON person (same_as)" },
];

/// The linkage failed. No variant holds a value.
#[derive(Debug, thiserror::Error)]
pub enum LinkageError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A sealed column does not open: another key, or a changed row.
    #[error("linkage: a sealed value does not open ({0}); is this the hub's storage key?")]
    Seal(#[from] SealError),
    /// A sealed column opened to something else than expected.
    #[error("linkage: a sealed value has another form; was it written by a newer program?")]
    Form,
}

type Result<T> = std::result::Result<T, LinkageError>;

/// What is known of a person, from sheets and from the archives.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Ten digits.
    pub nhs_number: Option<String>,
    /// Local identifiers: (issuer, id).
    pub local_ids: Vec<(String, String)>,
    /// YYYYMMDD.
    pub birth_date: Option<String>,
    /// `M`, `F` or `O`, as in DICOM's Patient's Sex.
    pub sex: Option<String>,
    /// Family name, as the sheet gives it.
    pub family_name: Option<String>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// What a cohort row knows beyond its handles.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowDetail {
    /// The arm's anchor date, YYYYMMDD.
    pub anchor: String,
}

impl std::fmt::Debug for RowDetail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowDetail(…)")
    }
}

/// What a check said of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutMark {
    /// `national`, or `local:<ODS code>`.
    pub kind: String,
    /// Whether the person's data may be used, as far as this check goes.
    pub permitted: bool,
    /// The day of the answer.
    pub checked: NaiveDate,
}

/// What a token stands for: tokens of different kinds never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A SOP Instance UID.
    Instance,
    /// A Series Instance UID.
    Series,
    /// A Study Instance UID.
    Study,
    /// An NHS number.
    Nhs,
    /// An issuer and a local id.
    Local,
    /// A person and the anchor date of their row: equal while the date is.
    Anchor,
    /// A cohort row: its project, trust, person and arm.
    Row,
}

/// The linkage database.
#[derive(Clone)]
pub struct Linkage {
    db: Db,
    sealing: SealingKey,
    tokens: hmac::Key,
}

impl std::fmt::Debug for Linkage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Linkage(…)")
    }
}

impl Linkage {
    /// Takes the linkage database. `token_key` finds sealed values again; it is derived from the hub's storage key.
    pub async fn open(db: Db, sealing: SealingKey, token_key: &[u8; 32]) -> Result<Self> {
        db.migrate(MIGRATIONS).await?;
        Ok(Self { db, sealing, tokens: hmac::Key::new(hmac::HMAC_SHA256, token_key) })
    }

    /// The database itself, for backups.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The keyed token of a value: equal values have equal tokens, and nobody without the key can tell which.
    pub fn token(&self, kind: TokenKind, value: &str) -> String {
        let purpose: &[u8] = match kind {
            TokenKind::Instance => b"instance\0",
            TokenKind::Study => b"study\0",
            TokenKind::Series => b"series\0",
            TokenKind::Nhs => b"nhs\0",
            TokenKind::Local => b"local\0",
            TokenKind::Anchor => b"anchor\0",
            TokenKind::Row => b"row\0",
        };
        let mut context = hmac::Context::with_key(&self.tokens);
        context.update(purpose);
        context.update(value.trim_matches(['\0', ' ']).as_bytes());
        HEXLOWER.encode(&context.sign().as_ref()[..16])
    }

    /// The token of a local identifier; ids of two issuers never meet.
    fn local_token(&self, issuer: &str, id: &str) -> String {
        let issuer = issuer.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        self.token(TokenKind::Local, &format!("{}:{issuer}\0{}", issuer.len(), id.trim()))
    }

    fn nhs_token(&self, number: &NhsNumber) -> String {
        self.token(TokenKind::Nhs, &number.digits())
    }

    /// Remembers the true UID behind a study's token, so that the study can be asked for again.
    pub async fn remember_study(&self, uid: &Sensitive<String>, custody: &Custody) -> Result<String> {
        let uid = uid.expose(custody);
        let token = self.token(TokenKind::Study, uid);
        let sealed = self.sealing.seal_column("study_uid", &token, "uid", uid.as_bytes())?;
        let mut tx = self.db.write().await?;
        sql("/* linkage: remember study */ INSERT INTO study_uid (token, uid) VALUES ($1, $2) ON CONFLICT (token) DO NOTHING")
            .bind(&token)
            .bind(sealed)
            .run(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The true Study Instance UID behind a token.
    pub async fn study_uid(&self, token: &str) -> Result<Option<Sensitive<String>>> {
        let sealed: Option<Vec<u8>> =
            sql("/* linkage: study uid */ SELECT uid FROM study_uid WHERE token = $1")
                .bind(token)
                .first(&mut self.db.read().await?, |row| row.get("uid"))
                .await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.sealing.open_column("study_uid", token, "uid", &sealed)?;
        Ok(Some(Sensitive::new(String::from_utf8(plain).map_err(|_| LinkageError::Form)?)))
    }

    /// Keeps what a cohort row knows.
    pub async fn put_row_detail(
        &self,
        row: &str,
        detail: &Sensitive<RowDetail>,
        custody: &Custody,
    ) -> Result<()> {
        let plain = serde_json::to_vec(detail.expose(custody)).map_err(|_| LinkageError::Form)?;
        let sealed = self.sealing.seal_column("row_detail", row, "detail", &plain)?;
        let mut tx = self.db.write().await?;
        sql("/* linkage: put row */ INSERT INTO row_detail (cohort_row, detail) VALUES ($1, $2)
             ON CONFLICT (cohort_row) DO UPDATE SET detail = excluded.detail")
        .bind(row)
        .bind(sealed)
        .run(&mut tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// What a cohort row knows.
    pub async fn row_detail(&self, row: &str) -> Result<Option<Sensitive<RowDetail>>> {
        let sealed: Option<Vec<u8>> =
            sql("/* linkage: row */ SELECT detail FROM row_detail WHERE cohort_row = $1")
                .bind(row)
                .first(&mut self.db.read().await?, |row| row.get("detail"))
                .await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.sealing.open_column("row_detail", row, "detail", &sealed)?;
        serde_json::from_slice(&plain)
            .map(|detail| Some(Sensitive::new(detail)))
            .map_err(|_| LinkageError::Form)
    }

    /// Marks what an opt-out check or a local objection list said of people. The answer of the later day holds; of two of one
    /// day, the one that forbids.
    pub async fn mark_opt_outs(&self, marks: &[(String, OptOutMark)]) -> Result<()> {
        let mut tx = self.db.write().await?;
        for (person, mark) in marks {
            sql("/* linkage: mark opt-out */ INSERT INTO opt_out (person, kind, permitted, checked_us) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (person, kind) DO UPDATE SET permitted = excluded.permitted, checked_us = excluded.checked_us
                 WHERE excluded.checked_us > opt_out.checked_us
                    OR (excluded.checked_us = opt_out.checked_us AND excluded.permitted = 0)")
            .bind(person)
            .bind(&mark.kind)
            .bind(mark.permitted)
            .bind(Timestamp::from_date(mark.checked))
            .run(&mut tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests;
