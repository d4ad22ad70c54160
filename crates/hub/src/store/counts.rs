//! Reconciliation and decisions: how many stand where, and what people decided.

use super::{Result, Store, Study, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// How many instances of a project stand in a state, by source and trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceCount {
    /// Source.
    pub source: String,
    /// Trust, unless unattributed.
    pub trust: Option<String>,
    /// One of the ten states.
    pub state: String,
    /// The reason code, where the state has one.
    pub reason: Option<String>,
    /// How many.
    pub n: i64,
}

/// How many cohort rows, studies or clinical records stand in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Trust.
    pub trust: String,
    /// State.
    pub state: String,
    /// The reason code, where the state has one.
    pub reason: Option<String>,
    /// How many.
    pub n: i64,
}

impl InstanceCount {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            source: row.get("source")?,
            trust: row.get("trust")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
            n: row.get("n")?,
        })
    }
}

impl Count {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            trust: row.get("trust")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
            n: row.get("n")?,
        })
    }
}

/// A person's decision.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// `pause`, `resume`, `release`, `retry`, `reject` …
    pub kind: &'a str,
    /// A source, trust, instance or person handle.
    pub subject: &'a str,
    /// Who decided.
    pub actor: &'a str,
    /// A code for why.
    pub note_code: Option<&'a str>,
}

/// A decision as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// `release`, `retry`, `reject` …
    pub kind: String,
    /// Who decided.
    pub actor: String,
    /// A code for why.
    pub note_code: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Instances by source, trust, state and reason. Their sum is what is expected.
    pub async fn instance_counts(&self, project: &str) -> Result<Vec<InstanceCount>> {
        self.all(
            "/* store: instance counts */ SELECT source, trust, state, reason, COUNT(*) AS n FROM instance WHERE project = $1
             GROUP BY source, trust, state, reason ORDER BY source, trust, state, reason",
            &[project],
            InstanceCount::read,
        )
        .await
    }

    /// Cohort rows by trust and state.
    pub async fn row_counts(&self, project: &str) -> Result<Vec<Count>> {
        self.all(
            "/* store: row counts */ SELECT trust, state, reason, COUNT(*) AS n FROM cohort_row WHERE project = $1
             GROUP BY trust, state, reason ORDER BY trust, state, reason",
            &[project],
            Count::read,
        )
        .await
    }

    /// Studies by trust and state.
    pub async fn study_counts(&self, project: &str) -> Result<Vec<Count>> {
        self.all(
            "/* store: study counts */ SELECT trust, state, reason, COUNT(*) AS n FROM study WHERE project = $1
             GROUP BY trust, state, reason ORDER BY trust, state, reason",
            &[project],
            Count::read,
        )
        .await
    }

    /// Every study, with the states of its instances and how many stand in each, one after the other; `None`: no instance of it
    /// is known.
    pub async fn counts_by_study(&self, project: &str) -> Result<Vec<(Study, Option<(String, i64)>)>> {
        self.all(
            "/* store: counts by study */ SELECT s.*, i.state AS stands, COUNT(i.id) AS n
             FROM study s LEFT JOIN instance i ON i.study = s.id WHERE s.project = $1
             GROUP BY s.id, i.state ORDER BY s.source, s.trust, s.id, i.state",
            &[project],
            |row| {
                let state = row.get::<Option<String>>("stands")?;
                Ok((Study::read(row)?, state.map(|state| Ok((state, row.get("n")?))).transpose()?))
            },
        )
        .await
    }

    /// Clinical records by trust and state.
    pub async fn clinical_counts(&self, project: &str) -> Result<Vec<Count>> {
        self.all(
            "/* store: clinical counts */ SELECT trust, state, reason, COUNT(*) AS n FROM clinical WHERE project = $1
             GROUP BY trust, state, reason ORDER BY trust, state, reason",
            &[project],
            Count::read,
        )
        .await
    }

    /// Instances that archives announced for studies and that are not listed here one by one (yet), by their studies' state.
    pub async fn announced_counts(&self, project: &str) -> Result<Vec<Count>> {
        self.all(
            "/* store: announced counts */ SELECT trust, state, reason, CAST(SUM(n) AS BIGINT) AS n FROM (
               SELECT s.trust AS trust, s.state AS state, s.reason AS reason,
                 COALESCE(s.expected, 0) - (SELECT COUNT(*) FROM instance i WHERE i.study = s.id) AS n
               FROM study s WHERE s.project = $1) AS announced
             WHERE n > 0 GROUP BY trust, state, reason ORDER BY trust, state, reason",
            &[project],
            Count::read,
        )
        .await
    }

    /// Instances that are to be accounted for, by trust: of each study what the archive announced or listed, whichever is
    /// more, and what came unasked.
    pub async fn expected_counts(&self, project: &str) -> Result<Vec<(Option<String>, i64)>> {
        self.all(
            "/* store: expected counts */ SELECT trust, CAST(SUM(n) AS BIGINT) AS n FROM (
               SELECT i.trust AS trust, COUNT(*) AS n FROM instance i WHERE i.project = $1 GROUP BY i.trust
               UNION ALL
               SELECT s.trust AS trust, CASE WHEN s.expected > (SELECT COUNT(*) FROM instance i WHERE i.study = s.id)
                   THEN s.expected - (SELECT COUNT(*) FROM instance i WHERE i.study = s.id) ELSE 0 END AS n
               FROM study s WHERE s.project = $1) AS expected
             GROUP BY trust ORDER BY trust",
            &[project],
            |row| Ok((row.get("trust")?, row.get("n")?)),
        )
        .await
    }

    /// Records a decision and gives its handle.
    pub async fn decided(&self, tx: &mut Tx, decision: &Decision<'_>, at: Timestamp) -> Result<String> {
        let id = new_id();
        sql("/* store: decided */ INSERT INTO decision (id, kind, subject, actor, note_code, decided_us) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&id)
            .bind(decision.kind)
            .bind(decision.subject)
            .bind(decision.actor)
            .bind(decision.note_code)
            .bind(at.as_micros()).run(tx).await?;
        Ok(id)
    }

    /// What was decided about a subject, oldest first.
    pub async fn decisions(&self, subject: &str) -> Result<Vec<Decided>> {
        self.all(
            "/* store: decisions */ SELECT kind, actor, note_code, decided_us FROM decision WHERE subject = $1 ORDER BY decided_us, id",
            &[subject],
            |row| {
                Ok(Decided {
                    kind: row.get("kind")?,
                    actor: row.get("actor")?,
                    note_code: row.get("note_code")?,
                    at: row.get("decided_us")?,
                })
            },
        )
        .await
    }

    /// The newest decision of these kinds on a subject.
    pub async fn last_decision(&self, subject: &str, kinds: [&str; 2]) -> Result<Option<String>> {
        self
            .one(
                "/* store: last decision */ SELECT kind FROM decision WHERE subject = $1 AND (kind = $2 OR kind = $3) ORDER BY decided_us DESC, id DESC LIMIT 1",
                &[subject, kinds[0], kinds[1]],
                |row| row.get("kind"),
            )
            .await
    }

    /// Whether a source or a trust is paused by its one button.
    pub async fn paused(&self, subject: &str) -> Result<bool> {
        Ok(self.last_decision(subject, ["pause", "resume"]).await?.as_deref() == Some("pause"))
    }
}
