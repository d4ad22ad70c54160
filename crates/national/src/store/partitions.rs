//! The ledger of partitions: decided once per subject, only ever added to.

use super::{Store, foreign};
use crate::partition::Partition;
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};
use submission::pseudonym::Pseudonym;

/// Why a patient lies where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its centre shares, or is held out, whole.
    Site,
    /// Its centre is split: the keyed rule.
    Keyed,
    /// It is the same subject as another pseudonym that was decided before.
    Alias,
    /// It was imported from the older database, where it had been decided.
    Import,
}

/// A decision in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// Where.
    pub partition: Partition,
    /// Why.
    pub rule: Rule,
}

impl Rule {
    fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Keyed => "keyed",
            Self::Alias => "alias",
            Self::Import => "import",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Site, Self::Keyed, Self::Alias, Self::Import].into_iter().find(|rule| rule.as_str() == text)
    }
}

impl Store {
    /// Where a patient lies, if that was decided.
    pub async fn assignment(
        &self,
        project: &str,
        pseudonym: &Pseudonym,
    ) -> Result<Option<Assignment>, DbError> {
        sql("/* assignment */ SELECT part, rule FROM assignments WHERE project = $1 AND pseudonym = $2")
            .bind(project)
            .bind(pseudonym.as_str())
            .first(&mut self.db.read().await?, read_assignment)
            .await
    }

    /// Decides where a patient lies, once and for all: as what was decided for the same subject under another
    /// pseudonym, else as proposed. The answer is what the ledger says, whoever was first.
    pub async fn assign(
        &self,
        project: &str,
        pseudonym: &Pseudonym,
        proposed: Assignment,
        centre: &str,
        now: Timestamp,
    ) -> Result<Assignment, DbError> {
        let mut tx = self.db.write().await?;
        let of_subject = decided_for_subject(&mut tx, project, pseudonym.as_str()).await?;
        let chosen = match of_subject {
            Some(partition) => Assignment { partition, rule: Rule::Alias },
            None => proposed,
        };
        sql("/* assign */ INSERT INTO assignments (project, pseudonym, part, rule, centre, at_us)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING")
        .bind(project)
        .bind(pseudonym.as_str())
        .bind(chosen.partition.as_str())
        .bind(chosen.rule.as_str())
        .bind(centre)
        .bind(now)
        .run(&mut tx)
        .await?;
        let kept = sql(
            "/* assign: as kept */ SELECT part, rule FROM assignments WHERE project = $1 AND pseudonym = $2",
        )
        .bind(project)
        .bind(pseudonym.as_str())
        .one(&mut tx, read_assignment)
        .await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// The pseudonym by whose bits a subject is split: the one that the NHS number gives, where it is known.
    pub async fn subject(&self, project: &str, pseudonym: &Pseudonym) -> Result<Pseudonym, DbError> {
        let derived =
            sql("/* subject */ SELECT nhs_derived FROM aliases WHERE project = $1 AND pseudonym = $2
            ORDER BY nhs_derived LIMIT 1")
            .bind(project)
            .bind(pseudonym.as_str())
            .first(&mut self.db.read().await?, |row| row.get::<String>("nhs_derived"))
            .await?;
        match derived {
            None => Ok(pseudonym.clone()),
            Some(text) => Pseudonym::parse(&text).map_err(|_| foreign("subject", "nhs_derived")),
        }
    }

    /// Pairs of pseudonyms of one subject that lie in two partitions: both stay out of releases.
    pub async fn partition_conflicts(&self, project: &str) -> Result<Vec<(String, String)>, DbError> {
        sql("/* partition conflicts */ SELECT l.pseudonym, l.nhs_derived FROM aliases l
            JOIN assignments a ON a.project = l.project AND a.pseudonym = l.pseudonym
            JOIN assignments b ON b.project = l.project AND b.pseudonym = l.nhs_derived
            WHERE l.project = $1 AND a.part <> b.part
            UNION SELECT l.pseudonym, m.pseudonym FROM aliases l
            JOIN aliases m ON m.project = l.project AND m.nhs_derived = l.nhs_derived AND m.pseudonym > l.pseudonym
            JOIN assignments a ON a.project = l.project AND a.pseudonym = l.pseudonym
            JOIN assignments b ON b.project = l.project AND b.pseudonym = m.pseudonym
            WHERE l.project = $1 AND a.part <> b.part")
        .bind(project)
        .all(&mut self.db.read().await?, |row| Ok((row.get("pseudonym")?, row.get("nhs_derived")?)))
        .await
    }

    /// Whether a patient's data may ever be released: not while its subject lies in two partitions.
    pub async fn is_releasable(&self, project: &str, pseudonym: &str) -> Result<bool, DbError> {
        let conflicts = self.partition_conflicts(project).await?;
        Ok(!conflicts.iter().any(|(one, other)| one == pseudonym || other == pseudonym))
    }
}

/// What was decided for another pseudonym of the same subject; the oldest decision, should there be two.
async fn decided_for_subject(
    tx: &mut Tx,
    project: &str,
    pseudonym: &str,
) -> Result<Option<Partition>, DbError> {
    let found =
        sql("/* decided for subject */ SELECT part FROM assignments WHERE project = $1 AND pseudonym <> $2
        AND (pseudonym IN (SELECT nhs_derived FROM aliases WHERE project = $1 AND pseudonym = $2)
            OR pseudonym IN (SELECT pseudonym FROM aliases WHERE project = $1 AND nhs_derived = $2)
            OR pseudonym IN (SELECT m.pseudonym FROM aliases l JOIN aliases m
                ON m.project = l.project AND m.nhs_derived = l.nhs_derived
                WHERE l.project = $1 AND l.pseudonym = $2))
        ORDER BY at_us, pseudonym LIMIT 1")
        .bind(project)
        .bind(pseudonym)
        .first(tx, |row| row.get::<String>("part"))
        .await?;
    found
        .map(|part| Partition::parse(&part).ok_or_else(|| foreign("decided for subject", "part")))
        .transpose()
}

fn read_assignment(row: &Row) -> Result<Assignment, DbError> {
    let part = row.get::<String>("part")?;
    let rule = row.get::<String>("rule")?;
    Ok(Assignment {
        partition: Partition::parse(&part).ok_or_else(|| foreign("assignment", "part"))?,
        rule: Rule::parse(&rule).ok_or_else(|| foreign("assignment", "rule"))?,
    })
}
