//! Instances and the sealed spool: where each expected instance is, and every move between its states.

use super::{Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

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
        })
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
            "INSERT INTO spool (id, source, token, bytes, received_us) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
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
        self.one("SELECT * FROM spool WHERE id = $1 AND destroyed_us IS NULL", &[id], Spooled::read).await
    }

    /// The handles of all spool objects that must exist: what the sweeper spares.
    pub async fn live_spool(&self) -> Result<Vec<String>> {
        self.all("SELECT id FROM spool WHERE destroyed_us IS NULL", &[], |row| row.get("id")).await
    }

    /// Spool objects that no instance needs any more: every project has acknowledged or rejected them.
    pub async fn spent_spool(&self) -> Result<Vec<String>> {
        self.all(
                "SELECT s.id FROM spool s WHERE s.destroyed_us IS NULL
                   AND EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id)
                   AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id AND i.state NOT IN ('acknowledged', 'rejected'))",
                &[],
                |row| row.get("id"),
            )
            .await
    }

    /// Spool objects that turned out to be second copies: the instance stands on another, in every project that wants it.
    pub async fn spare_spool(&self) -> Result<Vec<String>> {
        self.all(
                "SELECT s.id FROM spool s WHERE s.destroyed_us IS NULL
                   AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.spool = s.id)
                   AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.source = s.source AND i.token = s.token AND i.spool IS NULL)
                   AND EXISTS (SELECT 1 FROM instance i WHERE i.source = s.source AND i.token = s.token)
                   AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'deidentify' AND j.payload = s.id AND j.state <> 'done')",
                &[],
                |row| row.get("id"),
            )
            .await
    }

    /// Instances held for a reason whose object was received before a moment.
    pub async fn held_since(&self, project: &str, reason: &str, before: Timestamp) -> Result<Vec<Instance>> {
        let query = sql("/* store: held since */ SELECT i.* FROM instance i JOIN spool s ON s.id = i.spool
             WHERE i.project = $1 AND i.state = 'held' AND i.reason = $2 AND s.received_us < $3 ORDER BY i.id");
        let query = query.bind(project).bind(reason).bind(before);
        query.all(&mut self.db.read().await?, Instance::read).await
    }

    /// The spool object was destroyed.
    pub async fn spool_destroyed(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        sql("UPDATE spool SET destroyed_us = $2 WHERE id = $1").bind(id).bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// The source says the study holds these instances: those not known yet are `missing`, and so are those that came too early,
    /// unasked, and were destroyed. What came unasked and waits belongs to the study from now on.
    pub async fn instances_expected(
        &self,
        tx: &mut Tx,
        study: &super::Study,
        tokens: &[String],
        at: Timestamp,
    ) -> Result<()> {
        for token in tokens {
            sql("INSERT INTO instance (id, project, source, trust, study, person, token, state, updated_us)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 'missing', $8)
                 ON CONFLICT (project, source, token) DO UPDATE SET study = excluded.study,
                   trust = COALESCE(instance.trust, excluded.trust), person = COALESCE(instance.person, excluded.person),
                   state = CASE WHEN instance.state = 'rejected' AND instance.reason = 'unrequested-expired'
                     THEN 'missing' ELSE instance.state END,
                   reason = CASE WHEN instance.state = 'rejected' AND instance.reason = 'unrequested-expired'
                     THEN NULL ELSE instance.reason END,
                   spool = CASE WHEN instance.state = 'rejected' AND instance.reason = 'unrequested-expired'
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
                "SELECT COUNT(*) AS listed, COALESCE(SUM(CASE WHEN i.state = 'missing' AND NOT EXISTS (
                     SELECT 1 FROM spool s WHERE s.source = i.source AND s.token = i.token AND s.destroyed_us IS NULL)
                   THEN 1 ELSE 0 END), 0) AS missing
                 FROM instance i WHERE i.study = $1",
                &[&study.id],
                |row| Ok(Arrived { listed: row.get("listed")?, missing: row.get("missing")? }),
            )
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// An instance has arrived. A new copy takes the place of one that was missing, unreadable or refused; whatever else is
    /// past `received` keeps its state.
    ///
    /// Returns the instance and whether this spool object is the one it now stands on.
    pub async fn instance_received(
        &self,
        tx: &mut Tx,
        belongs: &Belongs<'_>,
        at: Timestamp,
    ) -> Result<(Instance, bool)> {
        let instance = sql(
            "INSERT INTO instance (id, project, source, trust, study, person, token, state, spool, updated_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'received', $8, $9)
             ON CONFLICT (project, source, token) DO UPDATE SET
               trust = COALESCE(instance.trust, excluded.trust),
               study = COALESCE(instance.study, excluded.study),
               person = COALESCE(instance.person, excluded.person),
               spool = CASE WHEN instance.state IN ('missing', 'quarantined', 'refused') THEN excluded.spool ELSE instance.spool END,
               updated_us = CASE WHEN instance.state IN ('missing', 'quarantined', 'refused') THEN excluded.updated_us ELSE instance.updated_us END,
               state = CASE WHEN instance.state IN ('missing', 'quarantined', 'refused') THEN 'received' ELSE instance.state END
             RETURNING *",
        )
        .bind(new_id())
        .bind(belongs.project)
        .bind(belongs.source)
        .bind(belongs.trust)
        .bind(belongs.study)
        .bind(belongs.person)
        .bind(belongs.token)
        .bind(belongs.spool)
        .bind(at.as_micros())
        .one(tx, Instance::read)
        .await?;
        let ours = instance.spool.as_deref() == Some(belongs.spool);
        Ok((instance, ours))
    }

    /// Moves an instance to a state that needs a reason: `held`, `quarantined`, `rejected`, `refused`, or back to `received`.
    pub async fn instance_is(
        &self,
        tx: &mut Tx,
        id: &str,
        state: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<()> {
        sql("UPDATE instance SET state = $2, reason = $3, updated_us = $4 WHERE id = $1")
            .bind(id)
            .bind(state)
            .bind(reason)
            .bind(at.as_micros())
            .run(tx)
            .await?;
        Ok(())
    }

    /// The instance is de-identified and its outbox object is durable.
    pub async fn instance_cleared(
        &self,
        tx: &mut Tx,
        id: &str,
        out: &Outgoing<'_>,
        at: Timestamp,
    ) -> Result<()> {
        sql(
            "UPDATE instance SET state = 'cleared', reason = NULL, name = $2, pseudonym = $3, digest = $4, bytes = $5,
                    clearance = $6, consignment = NULL, updated_us = $7
             WHERE id = $1",
        )
        .bind(id)
        .bind(out.name)
        .bind(out.pseudonym)
        .bind(out.digest)
        .bind(i64::try_from(out.bytes).unwrap_or(i64::MAX))
        .bind(out.clearance)
        .bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// Spool objects that came unasked, of people or trusts that nobody here knew, and that a sheet of this trust may claim.
    pub async fn unrequested(&self, project: &str, trust: &str) -> Result<Vec<String>> {
        self.all(
            "SELECT i.spool AS id FROM instance i JOIN spool s ON s.id = i.spool
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
            "SELECT i.spool AS id FROM instance i JOIN spool s ON s.id = i.spool
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

    /// The tokens of a study's instances that have not arrived.
    pub async fn missing_tokens(&self, study: &str) -> Result<Vec<String>> {
        self.all("SELECT token FROM instance WHERE study = $1 AND state = 'missing'", &[study], |row| {
            row.get("token")
        })
        .await
    }

    /// The projects that expect an instance of a source.
    pub async fn projects_expecting(&self, source: &str, token: &str) -> Result<Vec<String>> {
        self.all(
            "SELECT project FROM instance WHERE source = $1 AND token = $2 ORDER BY project",
            &[source, token],
            |row| row.get("project"),
        )
        .await
    }

    /// An instance by its handle.
    pub async fn instance(&self, id: &str) -> Result<Option<Instance>> {
        self.one("SELECT * FROM instance WHERE id = $1", &[id], Instance::read).await
    }

    /// The instances that stand on a spool object, one per project.
    pub async fn instances_of_spool(&self, spool: &str) -> Result<Vec<Instance>> {
        self.all("SELECT * FROM instance WHERE spool = $1 ORDER BY project", &[spool], Instance::read).await
    }

    /// The instances of a study.
    pub async fn instances_of_study(&self, study: &str) -> Result<Vec<Instance>> {
        self.all("SELECT * FROM instance WHERE study = $1 ORDER BY token", &[study], Instance::read).await
    }

    /// The instances of a project in one state, oldest first: the review list for `held`.
    pub async fn instances_in(&self, project: &str, state: &str) -> Result<Vec<Instance>> {
        self.all(
            "SELECT * FROM instance WHERE project = $1 AND state = $2 ORDER BY updated_us, id",
            &[project, state],
            Instance::read,
        )
        .await
    }
}
