//! Sheets, their rows, and the studies found for a row.

use super::{Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// A row of a cohort sheet: a person in an arm, by handles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CohortRow {
    /// Its handle, a keyed token of project, trust, person and arm.
    pub id: String,
    /// The row's number in its sheet; the heading is row 1.
    pub row_number: i64,
    /// The project's name.
    pub project: String,
    /// ODS code of the trust that submitted the row.
    pub trust: String,
    /// Handle into the linkage database.
    pub person: String,
    /// Arm of the project.
    pub arm: String,
    /// Keyed token of person and anchor date: another one says that the date was corrected.
    pub anchor: String,
    /// `waiting`, `asked`, `held` or `withdrawn`.
    pub state: String,
    /// Why it is held, a code.
    pub reason: Option<String>,
}

/// A study of a cohort row at one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// Random handle.
    pub id: String,
    /// The cohort row that asked for it.
    pub cohort_row: String,
    /// The project's name.
    pub project: String,
    /// Name of the source that holds it.
    pub source: String,
    /// ODS code of the trust that controls it.
    pub trust: String,
    /// Handle into the linkage database.
    pub person: String,
    /// Keyed token of the Study Instance UID.
    pub token: String,
    /// `found`, `retrieving`, `retrieved`, `short`, `held` or `excluded`.
    pub state: String,
    /// Why it is held or excluded, a code.
    pub reason: Option<String>,
    /// Instances the source says it has; unknown until it says so.
    pub expected: Option<i64>,
    /// Transfer syntax per SOP class, chosen once (JSON).
    pub plan: Option<String>,
    /// Retrievals tried so far.
    pub attempts: i64,
}

/// What a new sheet brings.
#[derive(Debug, Clone)]
pub struct NewSheet<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The submitting trust.
    pub trust: &'a str,
    /// SHA-256 of the file, hex.
    pub digest: &'a str,
    /// Rows that could be used.
    pub rows_good: usize,
    /// Rows with a problem.
    pub rows_bad: usize,
    /// Who submitted it.
    pub actor: &'a str,
}

/// What C-FIND found.
#[derive(Debug, Clone)]
pub struct NewStudy<'a> {
    /// The row that asked.
    pub row: &'a CohortRow,
    /// The source that answered.
    pub source: &'a str,
    /// The trust the study is attributed to.
    pub trust: &'a str,
    /// Keyed token of the Study Instance UID.
    pub token: &'a str,
    /// Instances the source says it has.
    pub expected: Option<i64>,
}

impl CohortRow {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            row_number: row.get("row_number")?,
            project: row.get("project")?,
            trust: row.get("trust")?,
            person: row.get("person")?,
            arm: row.get("arm")?,
            anchor: row.get("anchor")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
        })
    }
}

impl Study {
    /// Whether a person has given it up: nothing asks for it again.
    pub fn is_rejected(&self) -> bool {
        self.state == "excluded" && self.reason.is_some()
    }

    pub(super) fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            cohort_row: row.get("cohort_row")?,
            project: row.get("project")?,
            source: row.get("source")?,
            trust: row.get("trust")?,
            person: row.get("person")?,
            token: row.get("token")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
            expected: row.get("expected")?,
            plan: row.get("plan")?,
            attempts: row.get("attempts")?,
        })
    }
}

impl Store {
    /// Whether a person has rejected the study; if not, nobody does before this transaction ends.
    pub async fn study_is_rejected(&self, tx: &mut Tx, id: &str) -> Result<bool> {
        let study = sql("/* store: study is rejected */ SELECT * FROM study WHERE id = $1 {for update}");
        Ok(study.bind(id).first(tx, Study::read).await?.is_some_and(|study| study.is_rejected()))
    }

    /// Records a sheet and gives its handle; the same file twice is one sheet.
    pub async fn sheet_imported(&self, tx: &mut Tx, sheet: &NewSheet<'_>, at: Timestamp) -> Result<String> {
        let id =
            sql("/* store: sheet imported */ INSERT INTO sheet (id, project, trust, digest, rows_good, rows_bad, imported_us, actor)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (project, trust, digest) DO UPDATE SET rows_good = excluded.rows_good
             RETURNING id")
            .bind(new_id())
            .bind(sheet.project)
            .bind(sheet.trust)
            .bind(sheet.digest)
            .bind(count(sheet.rows_good))
            .bind(count(sheet.rows_bad))
            .bind(at.as_micros())
            .bind(sheet.actor)
            .one(tx, |row| row.get("id"))
            .await?;
        Ok(id)
    }

    /// The row of a person in an arm for a trust.
    pub async fn row_of(
        &self,
        project: &str,
        trust: &str,
        person: &str,
        arm: &str,
    ) -> Result<Option<CohortRow>> {
        self.one(
            "/* store: row of */ SELECT * FROM cohort_row WHERE project = $1 AND trust = $2 AND person = $3 AND arm = $4",
            &[project, trust, person, arm],
            CohortRow::read,
        )
        .await
    }

    /// Records a row of a sheet; a person already in that arm for that trust keeps the row they have, with the newer date.
    pub async fn row_imported(&self, tx: &mut Tx, sheet: &str, row: &CohortRow) -> Result<CohortRow> {
        let kept =
            sql("/* store: row imported */ INSERT INTO cohort_row (id, sheet, row_number, project, trust, person, arm, anchor, state, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (project, trust, person, arm)
             DO UPDATE SET row_number = excluded.row_number, anchor = excluded.anchor
             RETURNING *")
            .bind(&row.id)
            .bind(sheet)
            .bind(row.row_number)
            .bind(&row.project)
            .bind(&row.trust)
            .bind(&row.person)
            .bind(&row.arm)
            .bind(&row.anchor)
            .bind(&row.state)
            .bind(row.reason.as_deref())
            .one(tx, CohortRow::read)
            .await?;
        Ok(kept)
    }

    /// A cohort row by its handle.
    pub async fn row(&self, id: &str) -> Result<Option<CohortRow>> {
        self.one("/* store: row */ SELECT * FROM cohort_row WHERE id = $1", &[id], CohortRow::read).await
    }

    /// The live rows of a person, over all projects: those that an arriving object may belong to.
    pub async fn rows_of_person(&self, person: &str) -> Result<Vec<CohortRow>> {
        self.all(
            "/* store: rows of person */ SELECT * FROM cohort_row WHERE person = $1 AND state <> 'withdrawn' ORDER BY project, id",
            &[person],
            CohortRow::read,
        )
        .await
    }

    /// All rows of a project.
    pub async fn rows(&self, project: &str) -> Result<Vec<CohortRow>> {
        self.all(
            "/* store: rows */ SELECT * FROM cohort_row WHERE project = $1 ORDER BY trust, row_number, id",
            &[project],
            CohortRow::read,
        )
        .await
    }

    /// The row was asked for completely at a source.
    pub async fn row_asked(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        sql("/* store: row asked */ UPDATE cohort_row SET state = 'asked', reason = NULL, asked_us = $2 WHERE id = $1 AND state <> 'withdrawn'")
            .bind(id)
            .bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// The row waits for a person: a gate is shut or its identity is in doubt.
    pub async fn row_held(&self, tx: &mut Tx, id: &str, reason: &str) -> Result<()> {
        sql("/* store: row held */ UPDATE cohort_row SET state = 'held', reason = $2 WHERE id = $1 AND state <> 'withdrawn'")
            .bind(id)
            .bind(reason)
            .run(tx)
            .await?;
        Ok(())
    }

    /// A person has given the row up: nothing is asked for it, and no sheet brings it back.
    pub async fn row_withdrawn(&self, tx: &mut Tx, id: &str, reason: &str) -> Result<()> {
        sql(
            "/* store: row withdrawn */ UPDATE cohort_row SET state = 'withdrawn', reason = $2 WHERE id = $1",
        )
        .bind(id)
        .bind(reason)
        .run(tx)
        .await?;
        Ok(())
    }

    /// A person wants the row asked for again.
    pub async fn row_waits(&self, tx: &mut Tx, id: &str) -> Result<()> {
        sql("/* store: row waits */ UPDATE cohort_row SET state = 'waiting', reason = NULL WHERE id = $1 AND state <> 'withdrawn'")
            .bind(id)
            .run(tx)
            .await?;
        Ok(())
    }

    /// Records a study that C-FIND found; one already known keeps its state and takes the newer count. One that is held, or
    /// was not wanted, may have been attributed by rules that have been mended since: it is the asking row's now.
    pub async fn study_found(&self, tx: &mut Tx, new: &NewStudy<'_>, at: Timestamp) -> Result<Study> {
        let study = sql(
            "/* store: study found */ INSERT INTO study (id, cohort_row, project, source, trust, person, token, state, expected, attempts, found_us, updated_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'found', $8, 0, $9, $9)
             ON CONFLICT (project, source, token) DO UPDATE
               SET cohort_row = CASE WHEN study.state = 'held' OR (study.state = 'excluded' AND study.reason IS NULL) THEN excluded.cohort_row ELSE study.cohort_row END,
                   trust = CASE WHEN study.state = 'held' OR (study.state = 'excluded' AND study.reason IS NULL) THEN excluded.trust ELSE study.trust END,
                   person = CASE WHEN study.state = 'held' OR (study.state = 'excluded' AND study.reason IS NULL) THEN excluded.person ELSE study.person END,
                   expected = CASE WHEN excluded.expected IS NULL THEN study.expected
                                   WHEN study.expected IS NULL OR study.expected < excluded.expected THEN excluded.expected
                                   ELSE study.expected END
             RETURNING *",
        )
        .bind(new_id())
        .bind(&new.row.id)
        .bind(&new.row.project)
        .bind(new.source)
        .bind(new.trust)
        .bind(&new.row.person)
        .bind(new.token)
        .bind(new.expected)
        .bind(at.as_micros())
        .one(tx, Study::read)
        .await?;
        Ok(study)
    }

    /// A held study of the row turned out to be none that the project wants: maps or rules were mended.
    pub async fn study_not_wanted(
        &self,
        tx: &mut Tx,
        row: &CohortRow,
        source: &str,
        token: &str,
        at: Timestamp,
    ) -> Result<()> {
        sql("/* store: study not wanted */ UPDATE study SET state = 'excluded', reason = NULL, updated_us = $4
             WHERE cohort_row = $1 AND source = $2 AND token = $3 AND state = 'held'")
        .bind(&row.id)
        .bind(source)
        .bind(token)
        .bind(at)
        .run(tx)
        .await?;
        Ok(())
    }

    /// A study by its handle.
    pub async fn study(&self, id: &str) -> Result<Option<Study>> {
        self.one("/* store: study */ SELECT * FROM study WHERE id = $1", &[id], Study::read).await
    }

    /// The study of this token at this source, in every project that wants it.
    pub async fn studies_of_token(&self, source: &str, token: &str) -> Result<Vec<Study>> {
        self.all(
            "/* store: studies of token */ SELECT * FROM study WHERE source = $1 AND token = $2 ORDER BY project",
            &[source, token],
            Study::read,
        )
        .await
    }

    /// The studies of a cohort row.
    pub async fn studies_of_row(&self, row: &str) -> Result<Vec<Study>> {
        self.all(
            "/* store: studies of row */ SELECT * FROM study WHERE cohort_row = $1 ORDER BY source, id",
            &[row],
            Study::read,
        )
        .await
    }

    /// The studies of a project in one state.
    pub async fn studies_in(&self, project: &str, state: &str) -> Result<Vec<Study>> {
        self.all(
            "/* store: studies in */ SELECT * FROM study WHERE project = $1 AND state = $2 ORDER BY source, id",
            &[project, state],
            Study::read,
        )
        .await
    }

    /// Moves a study on, with the reason where it is held, short or excluded.
    pub async fn study_is(
        &self,
        tx: &mut Tx,
        id: &str,
        state: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<()> {
        sql("/* store: study is */ UPDATE study SET state = $2, reason = $3, updated_us = $4,
                    attempts = attempts + CASE WHEN $2 = 'retrieving' THEN 1 ELSE 0 END
             WHERE id = $1")
        .bind(id)
        .bind(state)
        .bind(reason)
        .bind(at.as_micros())
        .run(tx)
        .await?;
        Ok(())
    }

    /// The archive has told, by completing a retrieval, how many instances it has.
    pub async fn study_expects(&self, tx: &mut Tx, id: &str, expected: u64) -> Result<()> {
        sql("/* store: study expects */ UPDATE study SET expected = $2 WHERE id = $1 AND (expected IS NULL OR expected < $2)")
            .bind(id)
            .bind(expected)
            .run(tx)
            .await?;
        Ok(())
    }

    /// Fixes how a study is retrieved: chosen once and kept, so that a retry brings the same bytes.
    pub async fn study_planned(&self, tx: &mut Tx, id: &str, plan_json: &str) -> Result<()> {
        sql("/* store: study planned */ UPDATE study SET plan = $2 WHERE id = $1 AND plan IS NULL")
            .bind(id)
            .bind(plan_json)
            .run(tx)
            .await?;
        Ok(())
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
