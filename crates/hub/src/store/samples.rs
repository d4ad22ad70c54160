//! Samples of what was cleared, what people saw in them, and devices that are stopped for it.

use super::devices::DeviceKey;
use super::{Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// A cleared instance drawn for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its handle.
    pub id: String,
    /// The instance.
    pub instance: String,
    /// SHA-256 of the outgoing bytes that were drawn.
    pub digest: String,
    /// The project.
    pub project: String,
    /// The trust.
    pub trust: Option<String>,
    /// The device's handle.
    pub device: String,
    /// What made it.
    pub key: DeviceKey,
    /// When it was drawn.
    pub drawn: Timestamp,
    /// `clean`, `leak` or `gone`, once somebody has looked.
    pub verdict: Option<String>,
}

/// What was seen in the samples of one device, at all its sizes of image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Modality.
    pub modality: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
    /// One of its handles.
    pub device: String,
    /// Whether its images are held.
    pub is_stopped: bool,
    /// Instances cleared so far.
    pub cleared: u64,
    /// Samples that wait to be looked at.
    pub waiting: u64,
    /// Samples that were looked at.
    pub looked: u64,
    /// Those in which something identified.
    pub leaks: u64,
}

impl Sample {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            instance: row.get("instance")?,
            digest: row.get("digest")?,
            project: row.get("project")?,
            trust: row.get("trust")?,
            device: row.get("device")?,
            key: DeviceKey::read(row)?,
            drawn: row.get("drawn_us")?,
            verdict: row.get("verdict")?,
        })
    }
}

impl Store {
    /// A cleared instance is to be looked at; the same bytes are drawn once.
    pub async fn sample_drawn(
        &self,
        tx: &mut Tx,
        instance: &str,
        digest: &str,
        device: &str,
        at: Timestamp,
    ) -> Result<()> {
        let query =
            sql("/* store: sample drawn */ INSERT INTO sample (id, instance, digest, device, drawn_us)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT (instance, digest) DO NOTHING");
        let query = query.bind(new_id()).bind(instance).bind(digest).bind(device).bind(at);
        query.run(tx).await.map(drop)
    }

    /// Samples that wait, the oldest first.
    pub async fn samples_waiting(&self, rows_max: u32) -> Result<Vec<Sample>> {
        let query = sql(
            "/* store: samples waiting */ SELECT s.*, i.project, i.trust, d.modality, d.manufacturer, d.model, d.matrix_rows, d.matrix_columns
             FROM sample s JOIN instance i ON i.id = s.instance JOIN device d ON d.id = s.device
             WHERE s.verdict IS NULL ORDER BY s.drawn_us, s.id LIMIT $1",
        );
        query.bind(rows_max).all(&mut self.db.read().await?, Sample::read).await
    }

    /// A sample by its handle.
    pub async fn sample(&self, id: &str) -> Result<Option<Sample>> {
        self.one(
            "/* store: sample */ SELECT s.*, i.project, i.trust, d.modality, d.manufacturer, d.model, d.matrix_rows, d.matrix_columns
             FROM sample s JOIN instance i ON i.id = s.instance JOIN device d ON d.id = s.device WHERE s.id = $1",
            &[id],
            Sample::read,
        )
        .await
    }

    /// Somebody has looked, or nobody can any more; `false`: that was so before.
    pub async fn sample_settled(
        &self,
        tx: &mut Tx,
        id: &str,
        verdict: &str,
        actor: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let query =
            sql("/* store: sample settled */ UPDATE sample SET verdict = $2, actor = $3, decided_us = $4
            WHERE id = $1 AND verdict IS NULL");
        Ok(query.bind(id).bind(verdict).bind(actor).bind(at).run(tx).await? == 1)
    }

    /// What was seen so far, by device.
    pub async fn leak_rates(&self) -> Result<Vec<Rate>> {
        self.all(
            "/* store: leak rates */ SELECT d.modality, d.manufacturer, d.model, MIN(d.id) AS device, MAX(d.stopped_us) AS stopped_us,
               CAST(SUM(d.cleared) AS BIGINT) AS cleared, CAST(COALESCE(SUM(s.waiting), 0) AS BIGINT) AS waiting,
               CAST(COALESCE(SUM(s.looked), 0) AS BIGINT) AS looked, CAST(COALESCE(SUM(s.leaks), 0) AS BIGINT) AS leaks
             FROM device d LEFT JOIN (SELECT device,
                 SUM(CASE WHEN verdict IS NULL THEN 1 ELSE 0 END) AS waiting,
                 SUM(CASE WHEN verdict IN ('clean', 'leak') THEN 1 ELSE 0 END) AS looked,
                 SUM(CASE WHEN verdict = 'leak' THEN 1 ELSE 0 END) AS leaks
               FROM sample GROUP BY device) s ON s.device = d.id
             WHERE d.cleared > 0 GROUP BY d.modality, d.manufacturer, d.model ORDER BY d.modality, d.manufacturer, d.model",
            &[],
            |row| {
                Ok(Rate {
                    modality: row.get("modality")?,
                    manufacturer: row.get("manufacturer")?,
                    model: row.get("model")?,
                    device: row.get("device")?,
                    is_stopped: row.get::<Option<Timestamp>>("stopped_us")?.is_some(),
                    cleared: row.get("cleared")?,
                    waiting: row.get("waiting")?,
                    looked: row.get("looked")?,
                    leaks: row.get("leaks")?,
                })
            },
        )
        .await
    }

    /// The images of a device, at all its sizes, are held from now on; without a moment, they go on.
    pub async fn device_stopped(&self, tx: &mut Tx, device: &str, at: Option<Timestamp>) -> Result<()> {
        let query = sql(
            "/* store: device stopped */ UPDATE device SET stopped_us = $2 WHERE id IN (SELECT o.id FROM device o JOIN device d
               ON d.modality = o.modality AND d.manufacturer = o.manufacturer AND d.model = o.model WHERE d.id = $1)",
        );
        query.bind(device).bind(at).run(tx).await.map(drop)
    }

    /// What is to leave and was made by a device that is stopped.
    pub async fn items_of_stopped(&self) -> Result<Vec<String>> {
        self.all(
            "/* store: items of stopped */ SELECT i.id FROM device d CROSS JOIN instance i
             WHERE d.stopped_us IS NOT NULL AND i.device = d.id AND i.state IN ('cleared', 'consigned')",
            &[],
            |row| row.get("id"),
        )
        .await
    }

    /// The held instances of a device, at all its sizes, with this one reason.
    pub async fn held_of_class(&self, device: &str, reason: &str) -> Result<Vec<String>> {
        self.all(
            "/* store: held of class */ SELECT i.id FROM device d JOIN device o
               ON o.modality = d.modality AND o.manufacturer = d.manufacturer AND o.model = d.model
             JOIN instance i ON i.device = o.id WHERE d.id = $1 AND i.state = 'held' AND i.reason = $2 ORDER BY i.id",
            &[device, reason],
            |row| row.get("id"),
        )
        .await
    }
}
