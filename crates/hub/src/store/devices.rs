//! Devices and what is ruled about their images.

use super::{Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// A device as its images name it, at one size of image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceKey {
    /// Modality (0008,0060).
    pub modality: String,
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Rows (0028,0010).
    pub rows: u32,
    /// Columns (0028,0011).
    pub columns: u32,
}

/// A device that is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its handle.
    pub id: String,
    /// How its images name it.
    pub key: DeviceKey,
    /// Instances cleared so far.
    pub cleared: i64,
    /// Since when its images are held, because identifying text was seen.
    pub stopped: Option<Timestamp>,
}

/// What is masked on every image of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRule {
    /// Its handle.
    pub id: String,
    /// The device.
    pub device: Device,
    /// The doubts that it settles: codes, separated by blanks.
    pub reasons: String,
    /// What is masked, JSON.
    pub boxes: String,
    /// The instance that it was drawn on.
    pub instance: String,
    /// `proposed`, `active` or `withdrawn`.
    pub state: String,
    /// Who proposed it, and when.
    pub proposed: (String, Timestamp),
    /// Who approved it, and when.
    pub approved: Option<(String, Timestamp)>,
    /// Who withdrew it, and when.
    pub withdrawn: Option<(String, Timestamp)>,
}

/// What holds for images of a device now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Its images are held, whatever they are.
    pub is_stopped: bool,
    /// The rule in force.
    pub rule: Option<InForce>,
}

/// What a rule in force says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Its handle.
    pub id: String,
    /// The doubts that it settles: codes, separated by blanks.
    pub reasons: String,
    /// What is masked, JSON.
    pub boxes: String,
}

/// A rule as it is proposed.
#[derive(Debug, Clone)]
pub struct Proposal<'a> {
    /// The device.
    pub device: &'a str,
    /// The doubts that it is to settle.
    pub reasons: &'a str,
    /// What it is to mask, JSON.
    pub boxes: &'a str,
    /// The instance that it was drawn on.
    pub instance: &'a str,
    /// Who proposes it.
    pub actor: &'a str,
}

impl DeviceKey {
    pub(super) fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            modality: row.get("modality")?,
            manufacturer: row.get("manufacturer")?,
            model: row.get("model")?,
            rows: row.get("matrix_rows")?,
            columns: row.get("matrix_columns")?,
        })
    }
}

impl Device {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("device")?,
            key: DeviceKey::read(row)?,
            cleared: row.get("cleared")?,
            stopped: row.get("stopped_us")?,
        })
    }
}

impl DeviceRule {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        let by = |who: &str, when: &str| -> std::result::Result<_, DbError> {
            let (who, when) = (row.get::<Option<String>>(who)?, row.get::<Option<Timestamp>>(when)?);
            Ok(who.zip(when))
        };
        Ok(Self {
            id: row.get("id")?,
            device: Device::read(row)?,
            reasons: row.get("reasons")?,
            boxes: row.get("boxes")?,
            instance: row.get("instance")?,
            state: row.get("state")?,
            proposed: (row.get("proposed_by")?, row.get("proposed_us")?),
            approved: by("approved_by", "approved_us")?,
            withdrawn: by("withdrawn_by", "withdrawn_us")?,
        })
    }
}

impl Store {
    /// What holds for images of a device, if it is known here.
    pub async fn device_standing(&self, key: &DeviceKey) -> Result<Standing> {
        let query = sql(
            "/* store: device standing */ SELECT d.stopped_us, d.matrix_rows, d.matrix_columns, r.id, r.reasons, r.boxes
             FROM device d LEFT JOIN device_rule r ON r.device = d.id AND r.state = 'active'
             WHERE d.modality = $1 AND d.manufacturer = $2 AND d.model = $3",
        );
        let query = query.bind(&key.modality).bind(&key.manufacturer).bind(&key.model);
        let mut standing = Standing::default();
        query
            .all(&mut self.db.read().await?, |row| {
                standing.is_stopped |= row.get::<Option<Timestamp>>("stopped_us")?.is_some();
                let is_own = (row.get::<u32>("matrix_rows")?, row.get::<u32>("matrix_columns")?)
                    == (key.rows, key.columns);
                if let Some(id) = row.get::<Option<String>>("id")?.filter(|_| is_own) {
                    let (reasons, boxes) = (row.get("reasons")?, row.get("boxes")?);
                    standing.rule = Some(InForce { id, reasons, boxes });
                }
                Ok(())
            })
            .await?;
        Ok(standing)
    }

    /// Notes what made an instance, and where text is suspected on it; gives the device's handle and how many of its
    /// instances have been cleared, this one included if it is.
    pub async fn made_by(
        &self,
        tx: &mut Tx,
        instance: &str,
        key: &DeviceKey,
        boxes: Option<&str>,
        is_cleared: bool,
    ) -> Result<(String, i64)> {
        let query = sql(
            "/* store: device seen */ INSERT INTO device (id, modality, manufacturer, model, matrix_rows, matrix_columns, cleared)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (modality, manufacturer, model, matrix_rows, matrix_columns)
             DO UPDATE SET cleared = device.cleared + excluded.cleared RETURNING id AS device, cleared",
        );
        let query = query.bind(new_id()).bind(&key.modality).bind(&key.manufacturer).bind(&key.model);
        let query = query.bind(key.rows).bind(key.columns).bind(is_cleared);
        let (device, cleared): (String, i64) =
            query.one(tx, |row| Ok((row.get("device")?, row.get("cleared")?))).await?;
        let query = sql("/* store: made by */ UPDATE instance SET device = $2, boxes = $3 WHERE id = $1");
        query.bind(instance).bind(&device).bind(boxes).run(tx).await?;
        Ok((device, cleared))
    }

    /// A device by its handle.
    pub async fn device(&self, id: &str) -> Result<Option<Device>> {
        self.one(
            "/* store: device */ SELECT d.id AS device, d.* FROM device d WHERE d.id = $1",
            &[id],
            Device::read,
        )
        .await
    }

    /// Proposes a rule and gives its handle.
    pub async fn rule_proposed(&self, tx: &mut Tx, proposal: &Proposal<'_>, at: Timestamp) -> Result<String> {
        let id = new_id();
        let query = sql(
            "/* store: rule proposed */ INSERT INTO device_rule (id, device, reasons, boxes, instance, state, proposed_by, proposed_us)
             VALUES ($1, $2, $3, $4, $5, 'proposed', $6, $7)",
        );
        let query = query.bind(&id).bind(proposal.device).bind(proposal.reasons).bind(proposal.boxes);
        query.bind(proposal.instance).bind(proposal.actor).bind(at).run(tx).await?;
        Ok(id)
    }

    /// A proposed rule is in force, in the place of the one before it; `false`: it is not proposed any more, or this is
    /// who proposed it.
    pub async fn rule_approved(&self, tx: &mut Tx, id: &str, actor: &str, at: Timestamp) -> Result<bool> {
        let before = sql(
            "/* store: rule replaced */ UPDATE device_rule SET state = 'withdrawn', withdrawn_by = $2, withdrawn_us = $3
             WHERE state = 'active' AND device = (SELECT device FROM device_rule WHERE id = $1 AND state = 'proposed' AND proposed_by <> $2)",
        );
        before.bind(id).bind(actor).bind(at).run(tx).await?;
        let query = sql(
            "/* store: rule approved */ UPDATE device_rule SET state = 'active', approved_by = $2, approved_us = $3
             WHERE id = $1 AND state = 'proposed' AND proposed_by <> $2",
        );
        Ok(query.bind(id).bind(actor).bind(at).run(tx).await? == 1)
    }

    /// A rule is in force no more, or never will be; `false`: it was withdrawn before.
    pub async fn rule_withdrawn(&self, tx: &mut Tx, id: &str, actor: &str, at: Timestamp) -> Result<bool> {
        let query = sql(
            "/* store: rule withdrawn */ UPDATE device_rule SET state = 'withdrawn', withdrawn_by = $2, withdrawn_us = $3
             WHERE id = $1 AND state <> 'withdrawn'",
        );
        Ok(query.bind(id).bind(actor).bind(at).run(tx).await? == 1)
    }

    /// A rule by its handle.
    pub async fn rule(&self, id: &str) -> Result<Option<DeviceRule>> {
        self.one(
            "/* store: rule */ SELECT r.*, d.modality, d.manufacturer, d.model, d.matrix_rows, d.matrix_columns, d.cleared, d.stopped_us
             FROM device_rule r JOIN device d ON d.id = r.device WHERE r.id = $1",
            &[id],
            DeviceRule::read,
        )
        .await
    }

    /// The rules in one state, newest first.
    pub async fn rules_in(&self, state: &str) -> Result<Vec<DeviceRule>> {
        self.all(
            "/* store: rules in */ SELECT r.*, d.modality, d.manufacturer, d.model, d.matrix_rows, d.matrix_columns, d.cleared, d.stopped_us
             FROM device_rule r JOIN device d ON d.id = r.device WHERE r.state = $1 ORDER BY r.proposed_us DESC, r.id",
            &[state],
            DeviceRule::read,
        )
        .await
    }

    /// The held instances of a device that were held before a moment, and their reasons, a part at a time.
    pub async fn held_of_device(
        &self,
        device: &str,
        before: Timestamp,
        after: &str,
        rows_max: u32,
    ) -> Result<Vec<(String, String)>> {
        let query = sql("/* store: held of device */ SELECT id, reason FROM instance
             WHERE device = $1 AND state = 'held' AND updated_us <= $2 AND id > $3 ORDER BY id LIMIT $4");
        let query = query.bind(device).bind(before).bind(after).bind(rows_max);
        query
            .all(&mut self.db.read().await?, |row| {
                Ok((row.get("id")?, row.get::<Option<String>>("reason")?.unwrap_or_default()))
            })
            .await
    }
}
