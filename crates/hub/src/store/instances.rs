//! Instances and the sealed spool: where each expected instance is, and every move between its states.

use super::{ROWS_MAX, Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Query, Row, Tx, sql};

/// One instance of a project as a source has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Random handle.
    pub id: String,
    /// The project's name.
    pub project: String,
    /// Name of the source.
    pub source: String,
    /// The trust it is attributed to, if known.
    pub trust: Option<String>,
    /// The study it belongs to; none for objects pushed unasked.
    pub study: Option<String>,
    /// The person, if known.
    pub person: Option<String>,
    /// Keyed token of the SOP Instance UID.
    pub token: String,
    /// One of the ten states.
    pub state: String,
    /// Why, a code.
    pub reason: Option<String>,
    /// Its spool object.
    pub spool: Option<String>,
    /// Outgoing name.
    pub name: Option<String>,
    /// Pseudonym it leaves under.
    pub pseudonym: Option<String>,
    /// SHA-256 of the outgoing bytes, hex.
    pub digest: Option<String>,
    /// Outgoing length.
    pub bytes: Option<i64>,
    /// Its signed clearance, JSON.
    pub clearance: Option<String>,
    /// The consignment it went into.
    pub consignment: Option<String>,
    /// What made it, once it was looked at.
    pub device: Option<String>,
    /// Where text is suspected, JSON.
    pub boxes: Option<String>,
}

/// One object in the sealed spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Random handle, the name of the sealed file.
    pub id: String,
    /// The source it came from.
    pub source: String,
    /// Keyed token of the SOP Instance UID.
    pub token: String,
    /// Length of the unsealed object.
    pub bytes: i64,
    /// When it was received, UTC microseconds.
    pub received_us: i64,
}

/// What of a study has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrived {
    /// Instances known of, listed by the archive or arrived.
    pub listed: i64,
    /// Listed, and neither received nor waiting in the spool.
    pub missing: i64,
}

/// What an arriving object is to its instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The instance stands on this object.
    Ours(Instance),
    /// An earlier version is on its way, or has arrived: this may be a new one.
    After(Instance),
    /// It is too early to say: above all, an object that came before it is still to be looked at.
    Early,
    /// A person has rejected the instance, whatever comes.
    Unwanted,
}

struct Before {
    /// An object of the same instance came before this one and is still to be looked at.
    is_early: bool,
    /// The project knows the instance.
    is_known: bool,
}

/// To whom an arriving instance belongs, as far as is known.
#[derive(Debug, Clone, Copy)]
pub struct Belongs<'a> {
    /// The project's name.
    pub project: &'a str,
    /// Name of the source.
    pub source: &'a str,
    /// The trust, unless unattributed.
    pub trust: Option<&'a str>,
    /// The study it was asked for in, if any.
    pub study: Option<&'a str>,
    /// The person, unless unidentified.
    pub person: Option<&'a str>,
    /// Keyed token of the Series Instance UID, if it can be read.
    pub series: Option<&'a str>,
    /// Keyed token of the SOP Instance UID.
    pub token: &'a str,
    /// The spool object that holds it.
    pub spool: &'a str,
}

/// What de-identification yields.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Outgoing name, `<SOP Instance UID>.dcm` or a clinical record's.
    pub name: &'a str,
    /// Pseudonym.
    pub pseudonym: &'a str,
    /// SHA-256 of the bytes, hex.
    pub digest: &'a str,
    /// Length.
    pub bytes: u64,
    /// The signed clearance, JSON.
    pub clearance: &'a str,
    /// The age that goes out with it.
    pub age: Option<&'a str>,
}

impl Instance {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project")?,
            source: row.get("source")?,
            trust: row.get("trust")?,
            study: row.get("study")?,
            person: row.get("person")?,
            token: row.get("token")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
            spool: row.get("spool")?,
            name: row.get("name")?,
            pseudonym: row.get("pseudonym")?,
            digest: row.get("digest")?,
            bytes: row.get("bytes")?,
            clearance: row.get("clearance")?,
            consignment: row.get("consignment")?,
            device: row.get("device")?,
            boxes: row.get("boxes")?,
        })
    }
}

impl Belongs<'_> {
    /// `$1` to `$8`.
    fn bind_to(&self, query: Query) -> Query {
        let query = query.bind(self.project).bind(self.source).bind(self.token);
        query.bind(self.trust).bind(self.study).bind(self.person).bind(self.spool).bind(self.series)
    }
}

impl Spooled {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            source: row.get("source")?,
            token: row.get("token")?,
            bytes: row.get("bytes")?,
            received_us: row.get("received_us")?,
        })
    }
}

impl Store {
    /// Records a spool object. With its commit the receiver owes nobody anything: the sender may be answered 0x0000.
    pub async fn spooled(&self, tx: &mut Tx, object: &Spooled) -> Result<()> {
        sql(
            "/* store: spooled */ INSERT INTO spool (id, source, token, bytes, received_us) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&object.id)
        .bind(&object.source)
        .bind(&object.token)
        .bind(object.bytes)
        .bind(object.received_us).run(tx).await?;
        Ok(())
    }

    /// A spool object that still exists.
    pub async fn spool_object(&self, id: &str) -> Result<Option<Spooled>> {
        self.one(
            "/* store: spool object */ SELECT * FROM spool WHERE id = $1 AND destroyed_us IS NULL",
            &[id],
            Spooled::read,
        )
        .await
    }

    /// The handles of all spool objects that must exist: what the sweeper spares.
    pub async fn live_spool(&self) -> Result<Vec<String>> {
        self.all("/* store: live spool */ SELECT id FROM spool WHERE destroyed_us IS NULL", &[], |row| {
            row.get("id")
        })
        .await
    }

    /// Spool objects that no instance needs any more: every project has acknowledged or rejected them, and none waits to
    /// look at them as a new version.
    pub async fn spent_spool(&self) -> Result<Vec<String>> {
        self.all(
                "/* store: spent spool */ SELECT s.id FROM spool s WHERE s.destroyed_us IS NULL
                   AND EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id)
                   AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id AND i.state NOT IN ('acknowledged', 'rejected'))
                   AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'deidentify' AND j.payload = s.id AND j.state <> 'done')",
                &[],
                |row| row.get("id"),
            )
            .await
    }

    /// Spool objects that turned out to be second copies: the instance stands on another, in every project that wants it.
    pub async fn spare_spool(&self) -> Result<Vec<String>> {
        self.all(
                "/* store: spare spool */ SELECT s.id FROM spool s WHERE s.destroyed_us IS NULL
                   AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id)
                   AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.source = s.source AND i.token = s.token AND i.spool IS NULL)
                   AND EXISTS (SELECT 1 FROM instance i WHERE i.source = s.source AND i.token = s.token)
                   AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'deidentify' AND j.payload = s.id AND j.state <> 'done')",
                &[],
                |row| row.get("id"),
            )
            .await
    }

    /// Instances that came unasked before a moment, and have not gone on.
    pub async fn unasked_since(&self, project: &str, before: Timestamp) -> Result<Vec<Instance>> {
        let query =
            sql("/* store: unasked since */ SELECT i.* FROM instance i JOIN spool s ON s.id = i.spool
             WHERE i.project = $1 AND i.study IS NULL AND i.state IN ('held', 'quarantined', 'refused')
               AND s.received_us < $2 AND s.destroyed_us IS NULL ORDER BY i.id");
        let query = query.bind(project).bind(before);
        query.all(&mut self.db.read().await?, Instance::read).await
    }

    /// The spool objects were destroyed.
    pub async fn spool_destroyed(&self, tx: &mut Tx, ids: &[String], at: Timestamp) -> Result<()> {
        let head = "/* store: spool destroyed */ WITH gone (id, at_us) AS (VALUES";
        let tail = ") UPDATE spool SET destroyed_us = gone.at_us FROM gone WHERE spool.id = gone.id";
        for some in ids.chunks(ROWS_MAX) {
            let query = Query::many(head, 2, some.len(), tail);
            some.iter().fold(query, |query, id| query.bind(id).bind(at)).run(tx).await?;
        }
        Ok(())
    }

    /// The source says the study holds these instances: those not known yet are `missing`, and so are those that came too early,
    /// unasked, and were destroyed or lost. What came unasked and waits belongs to the study from now on.
    pub async fn instances_expected(
        &self,
        tx: &mut Tx,
        study: &super::Study,
        tokens: &[String],
        at: Timestamp,
    ) -> Result<()> {
        for token in tokens {
            sql("/* store: expected */ INSERT INTO instance (id, project, source, trust, study, person, token, state, updated_us)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 'missing', $8)
                 ON CONFLICT (project, source, token) DO UPDATE SET study = excluded.study,
                   trust = COALESCE(instance.trust, excluded.trust), person = COALESCE(instance.person, excluded.person),
                   state = CASE WHEN instance.reason IN ('unrequested-expired', 'spool-object-lost')
                     THEN 'missing' ELSE instance.state END,
                   reason = CASE WHEN instance.reason IN ('unrequested-expired', 'spool-object-lost')
                     THEN NULL ELSE instance.reason END,
                   spool = CASE WHEN instance.reason IN ('unrequested-expired', 'spool-object-lost')
                     THEN NULL ELSE instance.spool END")
            .bind(new_id())
            .bind(&study.project)
            .bind(&study.source)
            .bind(&study.trust)
            .bind(&study.id)
            .bind(&study.person)
            .bind(token)
            .bind(at.as_micros())
            .run(tx)
            .await?;
        }
        Ok(())
    }

    /// What of a study has arrived, objects that wait in the spool to be looked at included.
    pub async fn arrived(&self, study: &super::Study) -> Result<Arrived> {
        let found = self
            .one(
                "/* store: arrived */ SELECT COUNT(*) AS listed, COALESCE(SUM(CASE WHEN i.state = 'missing' AND NOT EXISTS (
                     SELECT 1 FROM spool s WHERE s.source = i.source AND s.token = i.token AND s.destroyed_us IS NULL)
                   THEN 1 ELSE 0 END), 0) AS missing
                 FROM instance i WHERE i.study = $1",
                &[&study.id],
                |row| Ok(Arrived { listed: row.get("listed")?, missing: row.get("missing")? }),
            )
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// An object of an instance has arrived. It takes the place of one that is missing or has not passed the wall. After a
    /// version that has, it is put back until that has arrived (see [`Arrival::After`]); `supersedes`: then its place too.
    pub async fn instance_received(
        &self,
        tx: &mut Tx,
        belongs: &Belongs<'_>,
        supersedes: bool,
        at: Timestamp,
    ) -> Result<Arrival> {
        let before = self.before(tx, belongs).await?;
        if before.is_early {
            return Ok(Arrival::Early);
        }
        let taken = sql("/* store: takes the place */ UPDATE instance SET
               trust = COALESCE($4, trust), study = COALESCE($5, study), person = COALESCE($6, person),
               spool = $7, series = COALESCE($8, series), state = 'received', reason = NULL, updated_us = $9
             WHERE project = $1 AND source = $2 AND token = $3 AND (spool IS NULL OR spool <> $7)
               AND (state IN ('missing', 'received', 'held', 'quarantined', 'refused', $10) OR (state = 'rejected' AND
                 NOT EXISTS (SELECT 1 FROM decision d WHERE d.kind = 'reject' AND d.subject IN (instance.id, instance.study))))
             RETURNING *");
        let taken = belongs.bind_to(taken).bind(at).bind(if supersedes { "acknowledged" } else { "" });
        if before.is_known
            && let Some(instance) = taken.first(tx, Instance::read).await?
        {
            return Ok(Arrival::Ours(instance));
        }
        let added = sql("/* store: arrives */ INSERT INTO instance
               (project, source, token, trust, study, person, spool, series, updated_us, id, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'received')
             ON CONFLICT (project, source, token) DO UPDATE SET
               trust = COALESCE(instance.trust, excluded.trust),
               study = COALESCE(instance.study, excluded.study),
               person = COALESCE(instance.person, excluded.person)
             RETURNING *");
        let instance = belongs.bind_to(added).bind(at).bind(new_id()).one(tx, Instance::read).await?;
        Ok(match instance.state.as_str() {
            _ if instance.spool.as_deref() == Some(belongs.spool) => Arrival::Ours(instance),
            "rejected" => Arrival::Unwanted,
            _ => Arrival::After(instance),
        })
    }

    /// What there was of the instance before this object was looked at.
    async fn before(&self, tx: &mut Tx, belongs: &Belongs<'_>) -> Result<Before> {
        let before = sql("/* store: before */ SELECT
             CAST(CASE WHEN EXISTS (SELECT 1 FROM spool s
               WHERE s.source = $1 AND s.token = $2 AND s.id <> $3 AND s.destroyed_us IS NULL
                 AND EXISTS (SELECT 1 FROM spool own WHERE own.id = $3
                   AND (s.received_us < own.received_us OR (s.received_us = own.received_us AND s.id < own.id)))
                 AND EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'deidentify' AND j.payload = s.id AND j.state = 'open'))
               THEN 1 ELSE 0 END AS BIGINT) AS is_early,
             CAST(CASE WHEN EXISTS (SELECT 1 FROM instance i WHERE i.project = $4 AND i.source = $1 AND i.token = $2)
               THEN 1 ELSE 0 END AS BIGINT) AS is_known");
        let before =
            before.bind(belongs.source).bind(belongs.token).bind(belongs.spool).bind(belongs.project);
        before
            .one(tx, |row| Ok(Before { is_early: row.get("is_early")?, is_known: row.get("is_known")? }))
            .await
    }

    /// Moves an instance to a state, with its reason if it has one; `false`: no move leads there from where it is.
    pub async fn instance_is(
        &self,
        tx: &mut Tx,
        id: &str,
        state: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<bool> {
        self.item_is(tx, "instance", id, state, reason, at).await
    }

    /// Spool objects that came unasked, of people or trusts that nobody here knew, and that a sheet of this trust may claim.
    pub async fn unrequested(&self, project: &str, trust: &str) -> Result<Vec<String>> {
        self.all(
            "/* store: unrequested */ SELECT i.spool AS id FROM instance i JOIN spool s ON s.id = i.spool
              WHERE i.project = $1 AND (i.trust = $2 OR i.trust IS NULL)
                AND i.state = 'held' AND i.reason = 'unrequested' AND s.destroyed_us IS NULL",
            &[project, trust],
            |row| row.get("id"),
        )
        .await
    }

    /// Spool objects to be looked at once more because a row or a study now asks for what they hold: objects of this person
    /// held for what a sheet may have mended, objects of this study that came unasked, and those that stand in the spool for
    /// another project.
    pub async fn wanted_now(&self, project: &str, person: &str, study: &str) -> Result<Vec<String>> {
        self.all(
            "/* store: wanted now */ SELECT i.spool AS id FROM instance i JOIN spool s ON s.id = i.spool
              WHERE i.project = $1 AND i.person = $2 AND i.state = 'held' AND s.destroyed_us IS NULL
                AND i.reason IN ('unrequested', 'identity-unconfirmed', 'outside-window')
             UNION
             SELECT i.spool FROM instance i JOIN spool s ON s.id = i.spool
              WHERE i.study = $3 AND i.state = 'held' AND i.reason = 'unrequested' AND s.destroyed_us IS NULL
             UNION
             SELECT s.id FROM instance i JOIN spool s ON s.source = i.source AND s.token = i.token
              WHERE i.study = $3 AND i.state = 'missing' AND s.destroyed_us IS NULL",
            &[project, person, study],
            |row| row.get("id"),
        )
        .await
    }

    /// The tokens of a study's instances that have not arrived, and do not wait in the spool.
    pub async fn missing_tokens(&self, study: &str) -> Result<Vec<String>> {
        self.all(
            "/* store: missing tokens */ SELECT token FROM instance i WHERE i.study = $1 AND i.state = 'missing' AND NOT EXISTS (
               SELECT 1 FROM spool s WHERE s.source = i.source AND s.token = i.token AND s.destroyed_us IS NULL)",
            &[study],
            |row| row.get("token"),
        )
        .await
    }

    /// How many instances of a study have arrived, by the token of their series.
    pub async fn arrived_by_series(&self, study: &str) -> Result<Vec<(String, i64)>> {
        self.all(
            "/* store: arrived by series */ SELECT series, COUNT(*) AS n FROM instance
              WHERE study = $1 AND state <> 'missing' AND series IS NOT NULL GROUP BY series",
            &[study],
            |row| Ok((row.get("series")?, row.get("n")?)),
        )
        .await
    }

    /// The instance of a source, in every project that knows it.
    pub async fn instances_of_token(&self, source: &str, token: &str) -> Result<Vec<Instance>> {
        self.all(
            "/* store: instances of token */ SELECT * FROM instance WHERE source = $1 AND token = $2 ORDER BY project",
            &[source, token],
            Instance::read,
        )
        .await
    }

    /// An object that nobody asked for cannot be had from the spool any more: it is known, and waits to be pushed again.
    pub async fn instance_lost(
        &self,
        tx: &mut Tx,
        project: &str,
        object: &Spooled,
        reason: &str,
        at: Timestamp,
    ) -> Result<()> {
        sql("/* store: lost */ INSERT INTO instance (id, project, source, token, state, reason, updated_us)
             VALUES ($1, $2, $3, $4, 'quarantined', $5, $6) ON CONFLICT (project, source, token) DO NOTHING")
        .bind(new_id())
        .bind(project)
        .bind(&object.source)
        .bind(&object.token)
        .bind(reason)
        .bind(at)
        .run(tx)
        .await?;
        Ok(())
    }

    /// The projects that expect an instance of a source.
    pub async fn projects_expecting(&self, source: &str, token: &str) -> Result<Vec<String>> {
        self.all(
            "/* store: projects expecting */ SELECT project FROM instance WHERE source = $1 AND token = $2 ORDER BY project",
            &[source, token],
            |row| row.get("project"),
        )
        .await
    }

    /// An instance by its handle.
    pub async fn instance(&self, id: &str) -> Result<Option<Instance>> {
        self.one("/* store: instance */ SELECT * FROM instance WHERE id = $1", &[id], Instance::read).await
    }

    /// The instances that stand on a spool object, one per project.
    pub async fn instances_of_spool(&self, spool: &str) -> Result<Vec<Instance>> {
        self.all(
            "/* store: instances of spool */ SELECT * FROM instance WHERE spool = $1 ORDER BY project",
            &[spool],
            Instance::read,
        )
        .await
    }

    /// The instances of a study.
    pub async fn instances_of_study(&self, study: &str) -> Result<Vec<Instance>> {
        self.all(
            "/* store: instances of study */ SELECT * FROM instance WHERE study = $1 ORDER BY token",
            &[study],
            Instance::read,
        )
        .await
    }

    /// The instances of a project in one state, oldest first: the review list for `held`.
    pub async fn instances_in(&self, project: &str, state: &str) -> Result<Vec<Instance>> {
        self.all(
            "/* store: instances in */ SELECT * FROM instance WHERE project = $1 AND state = $2 ORDER BY updated_us, id",
            &[project, state],
            Instance::read,
        )
        .await
    }
}
