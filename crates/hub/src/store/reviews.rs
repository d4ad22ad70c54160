//! What the review pages show of held instances, and what people said of the pixels of one object.

use super::{Decision, Result, Store};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// A line of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The instance's handle.
    pub id: String,
    /// The trust, unless unattributed.
    pub trust: Option<String>,
    /// The source.
    pub source: String,
    /// The reason codes, separated by blanks.
    pub reason: String,
    /// Since when it waits.
    pub held: Timestamp,
    /// Modality of the device, where it was looked at.
    pub modality: Option<String>,
}

/// What a person said of the pixels of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// `release`, `mask` or `hold`.
    pub kind: String,
    /// What is masked, JSON, where it is.
    pub boxes: Option<String>,
    /// The doubts that masking settles: codes, separated by blanks.
    pub reasons: Option<String>,
}

impl Queued {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            trust: row.get("trust")?,
            source: row.get("source")?,
            reason: row.get::<Option<String>>("reason")?.unwrap_or_default(),
            held: row.get("updated_us")?,
            modality: row.get("modality")?,
        })
    }
}

/// Which part of the queue.
#[derive(Debug, Clone, Copy)]
pub struct QueuePart<'a> {
    /// The project.
    pub project: &'a str,
    /// Of this source only; empty: of all.
    pub source: &'a str,
    /// With this reason code only; empty: with any.
    pub reason: &'a str,
}

impl Store {
    /// Held instances, those that wait longest first, from the `skip`-th on.
    pub async fn queue(&self, part: &QueuePart<'_>, skip: u32, rows_max: u32) -> Result<Vec<Queued>> {
        let query =
            sql("/* store: queue */ SELECT i.id, i.trust, i.source, i.reason, i.updated_us, d.modality
             FROM instance i LEFT JOIN device d ON d.id = i.device
             WHERE i.project = $1 AND i.state = 'held' AND ($2 = '' OR i.source = $2)
               AND ($3 = '' OR ' ' || i.reason || ' ' LIKE '% ' || $3 || ' %')
             ORDER BY i.updated_us, i.id LIMIT $4 OFFSET $5");
        let query = query.bind(part.project).bind(part.source).bind(part.reason).bind(rows_max).bind(skip);
        query.all(&mut self.db.read().await?, Queued::read).await
    }

    /// The held instance before or after this one in its part of the queue.
    pub async fn queue_neighbours(
        &self,
        part: &QueuePart<'_>,
        id: &str,
    ) -> Result<(Option<String>, Option<String>)> {
        let ahead = sql("/* store: queue before */ SELECT i.id FROM instance i JOIN instance o ON o.id = $4
             WHERE i.project = $1 AND i.state = 'held' AND ($2 = '' OR i.source = $2)
               AND ($3 = '' OR ' ' || i.reason || ' ' LIKE '% ' || $3 || ' %')
               AND (i.updated_us < o.updated_us OR (i.updated_us = o.updated_us AND i.id < o.id))
             ORDER BY i.updated_us DESC, i.id DESC LIMIT 1");
        let after = sql("/* store: queue after */ SELECT i.id FROM instance i JOIN instance o ON o.id = $4
             WHERE i.project = $1 AND i.state = 'held' AND ($2 = '' OR i.source = $2)
               AND ($3 = '' OR ' ' || i.reason || ' ' LIKE '% ' || $3 || ' %')
               AND (i.updated_us > o.updated_us OR (i.updated_us = o.updated_us AND i.id > o.id))
             ORDER BY i.updated_us, i.id LIMIT 1");
        let mut reader = self.db.read().await?;
        let mut found = [None, None];
        for (place, query) in found.iter_mut().zip([ahead, after]) {
            let query = query.bind(part.project).bind(part.source).bind(part.reason).bind(id);
            *place = query.first(&mut reader, |row| row.get("id")).await?;
        }
        let [ahead, after] = found;
        Ok((ahead, after))
    }

    /// Since when an instance is in its state.
    pub async fn held_since(&self, id: &str) -> Result<Option<Timestamp>> {
        let text = "/* store: held since */ SELECT updated_us FROM instance WHERE id = $1";
        self.one(text, &[id], |row| row.get("updated_us")).await
    }

    /// Records that a person masks parts of an object, and gives the decision's handle.
    pub async fn masked(
        &self,
        tx: &mut Tx,
        decision: &Decision<'_>,
        boxes: &str,
        reasons: &str,
        at: Timestamp,
    ) -> Result<String> {
        let id = self.decided(tx, decision, at).await?;
        let query =
            sql("/* store: masked */ INSERT INTO mask (decision, boxes, reasons) VALUES ($1, $2, $3)");
        query.bind(&id).bind(boxes).bind(reasons).run(tx).await?;
        Ok(id)
    }

    /// What was last said of the pixels of an object.
    pub async fn looked_at(&self, spool: &str) -> Result<Option<Looked>> {
        self.one(
            "/* store: looked at */ SELECT d.kind, m.boxes, m.reasons FROM decision d LEFT JOIN mask m ON m.decision = d.id
             WHERE d.subject = $1 AND d.kind IN ('release', 'mask', 'hold') ORDER BY d.decided_us DESC, d.id DESC LIMIT 1",
            &[spool],
            |row| {
                let (boxes, reasons) = (row.get("boxes")?, row.get("reasons")?);
                Ok(Looked { kind: row.get("kind")?, boxes, reasons })
            },
        )
        .await
    }
}
