//! People and their pseudonyms: registering, finding, and the rule that two people never merge.

use super::{Identity, Linkage, LinkageError, OptOutMark, Result};
use crate::store::new_id;
use deid::custody::{Custody, Sensitive};
use deid::identity::{NhsNumber, PersonKey};
use deid::pseudonym::{Pseudonymiser, Subject};
use platform::clock::Timestamp;
use platform::db::{Conn, Row, Tx, sql};
use std::collections::{BTreeMap, BTreeSet};
use submission::pseudonym::Pseudonym;

/// A person as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Handle of the person.
    pub person: String,
    /// A code while birth dates or sexes conflict, or once numbers did: everything of this person is held.
    pub conflict: Option<String>,
    /// Whether what was registered now corrects what the same trust had said before.
    pub is_corrected: bool,
}

/// A person whom an identifier names, with all that a step asks about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Handle of the person.
    pub person: String,
    /// Every handle of theirs: more than one where an NHS number showed two to be the same.
    pub handles: Vec<String>,
    /// As [`Registered::conflict`].
    pub conflict: Option<String>,
    /// What is known of them.
    pub identity: Sensitive<Identity>,
}

/// What may speak against a person, under any handle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether what is said of them conflicts.
    pub has_conflict: bool,
    /// Whether they are known by NHS number.
    pub has_number: bool,
    /// What the checks said so far, the newest answer first.
    pub marks: Vec<OptOutMark>,
}

struct Person {
    id: String,
    sealed: Vec<u8>,
    conflict: Option<String>,
    same_as: Option<String>,
}

impl Person {
    fn read(row: &Row) -> std::result::Result<Self, platform::db::DbError> {
        Ok(Self {
            id: row.get("id")?,
            sealed: row.get("identity")?,
            conflict: row.get("conflict")?,
            same_as: row.get("same_as")?,
        })
    }
}

/// Trusts say different birth dates or sexes of one person. Undone as soon as they agree.
const CONFLICT: &str = "identity-conflict";
/// One local id stood under two NHS numbers: pseudonyms may have been given, and nothing undoes it.
const CONFLICT_OF_IDS: &str = "identity-conflict-of-ids";

/// What the trusts say of a person.
struct Said {
    births: BTreeSet<String>,
    sexes: BTreeSet<String>,
    /// By the trust that spoke last.
    family_name: Option<String>,
    is_corrected: bool,
}

fn differ(a: &Option<String>, b: &Option<String>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

impl Linkage {
    /// Registers what a trust says of a person and returns the handle; the same facts twice change nothing.
    ///
    /// The NHS number decides; a local id only at its issuer. A trust may correct the birth date, sex or name that it gave
    /// itself; what contradicts another trust is a conflict for as long as both stand. Two people never merge.
    pub async fn register(
        &self,
        facts: &Sensitive<Identity>,
        said_by: &str,
        custody: &Custody,
        at: Timestamp,
    ) -> Result<Registered> {
        let facts = facts.expose(custody);
        let number = facts.nhs_number.as_deref().and_then(|n| NhsNumber::parse(n).ok());
        let mut tx = self.db.write().await?;
        let by_number = match &number {
            Some(number) => self.by_nhs_token(&mut tx, &self.nhs_token(number)).await?,
            None => None,
        };
        let mut by_local = None;
        for (issuer, id) in &facts.local_ids {
            by_local = match by_local {
                Some(found) => Some(found),
                None => self.by_local_token(&mut tx, &self.local_token(issuer, id)).await?,
            };
        }
        let person = match (by_number, by_local) {
            (Some(mut person), Some(local)) if local.id != person.id => {
                if !self.one_person_two_handles(&mut tx, &person, &local, facts).await? {
                    person.conflict = Some(CONFLICT_OF_IDS.into());
                }
                person
            }
            (Some(person), _) | (None, Some(person)) => person,
            (None, None) => self.new_person(&mut tx, at).await?,
        };
        let registered = self.learn(&mut tx, person, facts, number.as_ref(), said_by).await?;
        tx.commit().await?;
        Ok(registered)
    }

    /// The person an arriving object names, if the linkage knows one: by NHS number, else by issuer and local id.
    pub async fn find(&self, key: &PersonKey, custody: &Custody) -> Result<Option<Known>> {
        let query = match key {
            PersonKey::Nhs(number) => sql("/* linkage: find by number */ SELECT p.*, h.id AS handle FROM person p
                 JOIN person h ON h.id = COALESCE(p.same_as, p.id) OR h.same_as = COALESCE(p.same_as, p.id)
                 WHERE p.nhs_token = $1 ORDER BY h.created_us, h.id")
            .bind(self.nhs_token(number.expose(custody))),
            // Where an NHS number showed two handles to be one, the one with the number.
            PersonKey::Local { issuer, id } => sql("/* linkage: find by local id */ SELECT p.*, h.id AS handle
                 FROM local_identity l JOIN person own ON own.id = l.person
                 JOIN person p ON p.id = COALESCE(own.same_as, own.id) JOIN person h ON h.id = p.id OR h.same_as = p.id
                 WHERE l.token = $1 ORDER BY h.created_us, h.id")
            .bind(self.local_token(issuer, id.expose(custody))),
        };
        let read = |row: &Row| Ok((Person::read(row)?, row.get::<String>("handle")?));
        let (people, handles): (Vec<_>, Vec<_>) =
            query.all(&mut self.db.read().await?, read).await?.into_iter().unzip();
        let Some(person) = people.into_iter().next() else { return Ok(None) };
        let identity = Sensitive::new(self.open_identity(&person)?);
        Ok(Some(Known { person: person.id, handles, conflict: person.conflict, identity }))
    }

    /// What is known of a person.
    pub async fn identity(&self, person: &str) -> Result<Option<Sensitive<Identity>>> {
        let mut reader = self.db.read().await?;
        let Some(person) = Self::by_id(&mut reader, person).await? else { return Ok(None) };
        Ok(Some(Sensitive::new(self.open_identity(&person)?)))
    }

    /// What may speak against a person now; of somebody unknown, nothing.
    pub async fn standing(&self, person: &str) -> Result<Standing> {
        let rows = sql("/* linkage: standing */ SELECT h.conflict, h.nhs_token, o.kind, o.permitted, o.checked_us
             FROM person p JOIN person h ON h.id = COALESCE(p.same_as, p.id) OR h.same_as = COALESCE(p.same_as, p.id)
             LEFT JOIN opt_out o ON o.person = h.id WHERE p.id = $1 ORDER BY o.checked_us DESC, o.permitted")
        .bind(person)
        .all(&mut self.db.read().await?, |row| {
            let checked = row.get::<Option<Timestamp>>("checked_us")?;
            let mark = match (row.get("kind")?, row.get("permitted")?, checked) {
                (Some(kind), Some(permitted), Some(at)) => {
                    Some(OptOutMark { kind, permitted, checked: at.date() })
                }
                _ => None,
            };
            let has = |column| Ok(row.get::<Option<String>>(column)?.is_some());
            Ok(Standing {
                has_conflict: has("conflict")?,
                has_number: has("nhs_token")?,
                marks: mark.into_iter().collect(),
            })
        })
        .await?;
        Ok(rows.into_iter().fold(Standing::default(), |mut all, row| {
            all.has_conflict |= row.has_conflict;
            all.has_number |= row.has_number;
            all.marks.extend(row.marks);
            all
        }))
    }

    /// The person's subject in a project. The first pseudonym and offset are kept for ever.
    pub async fn subject(
        &self,
        project: &str,
        person: &str,
        engine: &Pseudonymiser,
        custody: &Custody,
    ) -> Result<Option<Subject>> {
        if let Some(kept) = self.kept_subject(&mut self.db.read().await?, project, person).await? {
            return Ok(Some(kept));
        }
        let mut tx = self.db.write().await?;
        let Some(known) = Self::by_id(&mut tx, person).await? else { return Ok(None) };
        let identity = self.open_identity(&known)?;
        let number = identity.nhs_number.as_deref().and_then(|n| NhsNumber::parse(n).ok());
        let key = match (number, identity.local_ids.first()) {
            (Some(number), _) => PersonKey::Nhs(Sensitive::new(number)),
            (None, Some((issuer, id))) => {
                PersonKey::Local { issuer: issuer.clone(), id: Sensitive::new(id.clone()) }
            }
            (None, None) => return Ok(None),
        };
        let derived = engine.subject(&key).map_err(|_| LinkageError::Form)?;
        let row = format!("{project}/{}", known.id);
        let offset = derived.offset_days.expose(custody).to_le_bytes();
        let sealed = self.sealing.seal_column("subject", &row, "offset_days", &offset)?;
        sql("/* linkage: subject */ INSERT INTO subject (project, person, pseudonym, offset_days) VALUES ($1, $2, $3, $4)
             ON CONFLICT (project, person) DO NOTHING")
        .bind(project)
        .bind(&known.id)
        .bind(derived.pseudonym.as_str())
        .bind(sealed)
        .run(&mut tx)
        .await?;
        let kept = self.kept_subject(&mut tx, project, &known.id).await?;
        tx.commit().await?;
        Ok(kept)
    }

    async fn kept_subject(&self, on: &mut impl Conn, project: &str, person: &str) -> Result<Option<Subject>> {
        let kept = sql("/* linkage: kept subject */ SELECT pseudonym, offset_days FROM subject WHERE project = $1 AND person = $2")
            .bind(project)
            .bind(person)
            .first(on, |row| Ok((row.get::<String>("pseudonym")?, row.get::<Vec<u8>>("offset_days")?)))
            .await?;
        let Some((pseudonym, sealed)) = kept else { return Ok(None) };
        let row = format!("{project}/{person}");
        let offset = self.sealing.open_column("subject", &row, "offset_days", &sealed)?;
        let offset: [u8; 4] = offset.as_slice().try_into().map_err(|_| LinkageError::Form)?;
        let pseudonym = Pseudonym::parse(&pseudonym).map_err(|_| LinkageError::Form)?;
        Ok(Some(Subject { pseudonym, offset_days: Sensitive::new(i32::from_le_bytes(offset)) }))
    }

    /// Pseudonyms given before the person's NHS number was known, with the pseudonym that follows from the number.
    pub async fn aliases(
        &self,
        project: &str,
        engine: &Pseudonymiser,
    ) -> Result<Vec<(Pseudonym, Pseudonym)>> {
        let mut reader = self.db.read().await?;
        let late = sql("/* linkage: late numbers */ SELECT s.pseudonym, COALESCE(p.same_as, p.id) AS person FROM subject s
             JOIN person p ON p.id = s.person WHERE s.project = $1 AND p.late_number > 0 ORDER BY s.pseudonym")
        .bind(project)
        .all(&mut reader, |row| Ok((row.get::<String>("pseudonym")?, row.get::<String>("person")?)))
        .await?;
        let mut aliases = Vec::new();
        for (pseudonym, person) in late {
            let Some(person) = Self::by_id(&mut reader, &person).await? else { continue };
            let number = self.open_identity(&person)?.nhs_number;
            let Some(number) = number.and_then(|n| NhsNumber::parse(&n).ok()) else { continue };
            let pseudonym = Pseudonym::parse(&pseudonym).map_err(|_| LinkageError::Form)?;
            let derived =
                engine.pseudonym(&PersonKey::Nhs(Sensitive::new(number))).map_err(|_| LinkageError::Form)?;
            if derived != pseudonym {
                aliases.push((pseudonym, derived));
            }
        }
        Ok(aliases)
    }
}

impl Linkage {
    async fn by_id(on: &mut impl Conn, id: &str) -> Result<Option<Person>> {
        Ok(sql("/* linkage: person */ SELECT * FROM person WHERE id = $1")
            .bind(id)
            .first(on, Person::read)
            .await?)
    }

    async fn by_nhs_token(&self, on: &mut impl Conn, token: &str) -> Result<Option<Person>> {
        let query = sql("/* linkage: by number */ SELECT * FROM person WHERE nhs_token = $1").bind(token);
        Ok(query.first(on, Person::read).await?)
    }

    /// The person of a local id; where an NHS number showed two handles to be one, the one with the number.
    async fn by_local_token(&self, on: &mut impl Conn, token: &str) -> Result<Option<Person>> {
        let query = sql("/* linkage: by local id */ SELECT p.* FROM person p
             JOIN local_identity l ON l.person = p.id WHERE l.token = $1");
        let found = query.bind(token).first(on, Person::read).await?;
        match found.as_ref().and_then(|person| person.same_as.clone()) {
            Some(same) => Self::by_id(on, &same).await,
            None => Ok(found),
        }
    }

    async fn new_person(&self, tx: &mut Tx, at: Timestamp) -> Result<Person> {
        let id = new_id();
        let sealed = self.seal_identity(&id, &Identity::default())?;
        sql("/* linkage: new person */ INSERT INTO person (id, identity, created_us) VALUES ($1, $2, $3)")
            .bind(&id)
            .bind(sealed.clone())
            .bind(at)
            .run(tx)
            .await?;
        Ok(Person { id, sealed, conflict: None, same_as: None })
    }

    /// A number known at one trust shows that a local handle is the same person: the handle follows, its pseudonyms stay.
    ///
    /// Only if the birth dates of both are known and equal, or of the other nothing is known but its id, as from a list of
    /// objections. A mistyped local id must not make two people one. `false`: they conflict.
    async fn one_person_two_handles(
        &self,
        tx: &mut Tx,
        person: &Person,
        local: &Person,
        facts: &Identity,
    ) -> Result<bool> {
        let (known, other) = (self.open_identity(person)?, self.open_identity(local)?);
        let birth = known.birth_date.or_else(|| facts.birth_date.clone());
        let is_id_only = other.birth_date.is_none() && other.sex.is_none() && other.family_name.is_none();
        let agree = (is_id_only || birth.is_some() && birth == other.birth_date)
            && !differ(&known.sex, &other.sex)
            && !differ(&facts.sex, &other.sex);
        if other.nhs_number.is_some() || !agree {
            // Nobody can say which of the two is meant.
            self.mark_conflict(tx, &local.id, Some(CONFLICT_OF_IDS)).await?;
            self.mark_conflict(tx, &person.id, Some(CONFLICT_OF_IDS)).await?;
            return Ok(false);
        }
        sql("/* linkage: same person */ UPDATE person SET same_as = $2, late_number = 1 WHERE id = $1")
            .bind(&local.id)
            .bind(&person.id)
            .run(tx)
            .await?;
        Ok(true)
    }

    async fn mark_conflict(&self, tx: &mut Tx, person: &str, code: Option<&str>) -> Result<()> {
        sql("/* linkage: conflict */ UPDATE person SET conflict = $2 WHERE id = $1")
            .bind(person)
            .bind(code)
            .run(tx)
            .await?;
        Ok(())
    }

    /// Adds what a trust says of a person. Where that contradicts what stands, its ids are not taken: they may be another's.
    async fn learn(
        &self,
        tx: &mut Tx,
        person: Person,
        facts: &Identity,
        number: Option<&NhsNumber>,
        said_by: &str,
    ) -> Result<Registered> {
        let mut known = self.open_identity(&person)?;
        let digits = number.map(NhsNumber::digits);
        if differ(&known.nhs_number, &digits) {
            self.mark_conflict(tx, &person.id, Some(CONFLICT_OF_IDS)).await?;
            let conflict = Some(CONFLICT_OF_IDS.into());
            return Ok(Registered { person: person.id, conflict, is_corrected: false });
        }
        let before = known.clone();
        let said = self.say(tx, &person.id, said_by, facts).await?;
        let conflict = match person.conflict.as_deref() {
            Some(CONFLICT_OF_IDS) => Some(CONFLICT_OF_IDS),
            _ => (said.births.len() > 1 || said.sexes.len() > 1).then_some(CONFLICT),
        };
        if conflict != person.conflict.as_deref() {
            self.mark_conflict(tx, &person.id, conflict).await?;
        }
        let registered = |person: Person| Registered {
            person: person.id,
            conflict: conflict.map(str::to_owned),
            is_corrected: said.is_corrected,
        };
        if conflict == Some(CONFLICT) {
            return Ok(registered(person));
        }
        known.birth_date = said.births.first().cloned().or(known.birth_date);
        known.sex = said.sexes.first().cloned().or(known.sex);
        known.family_name = said.family_name.clone().or(known.family_name);
        known.nhs_number = known.nhs_number.or(digits);
        for pair in &facts.local_ids {
            if !known.local_ids.contains(pair) {
                known.local_ids.push(pair.clone());
            }
            self.link_local(tx, &person.id, pair).await?;
        }
        if known != before {
            let late =
                before.nhs_number.is_none() && known.nhs_number.is_some() && before != Identity::default();
            sql("/* linkage: learn */ UPDATE person SET identity = $2, nhs_token = COALESCE(nhs_token, $3),
                        late_number = late_number + $4 WHERE id = $1")
            .bind(&person.id)
            .bind(self.seal_identity(&person.id, &known)?)
            .bind(number.map(|n| self.nhs_token(n)))
            .bind(late)
            .run(tx)
            .await?;
        }
        Ok(registered(person))
    }

    /// Notes what a trust says of a person, in the place of what it said before, and tells what all of them say.
    async fn say(&self, tx: &mut Tx, person: &str, said_by: &str, facts: &Identity) -> Result<Said> {
        let rows = sql("/* linkage: statements */ SELECT said_by, facts FROM statement WHERE person = $1 ORDER BY said_by")
            .bind(person)
            .all(tx, |row| Ok((row.get::<String>("said_by")?, row.get::<Vec<u8>>("facts")?)))
            .await?;
        let mut statements = BTreeMap::new();
        for (by, sealed) in rows {
            let plain = self.sealing.open_column("statement", &format!("{person}/{by}"), "facts", &sealed)?;
            let stated: Identity = serde_json::from_slice(&plain).map_err(|_| LinkageError::Form)?;
            statements.insert(by, stated);
        }
        let own = statements.entry(said_by.to_owned()).or_default();
        let is_corrected = differ(&own.birth_date, &facts.birth_date)
            || differ(&own.sex, &facts.sex)
            || differ(&own.family_name, &facts.family_name);
        let newest = Identity {
            birth_date: facts.birth_date.clone().or(own.birth_date.take()),
            sex: facts.sex.clone().or(own.sex.take()),
            family_name: facts.family_name.clone().or(own.family_name.take()),
            ..Identity::default()
        };
        let family_name = newest.family_name.clone();
        if newest != Identity::default() {
            let plain = serde_json::to_vec(&newest).map_err(|_| LinkageError::Form)?;
            let sealed =
                self.sealing.seal_column("statement", &format!("{person}/{said_by}"), "facts", &plain)?;
            sql("/* linkage: say */ INSERT INTO statement (person, said_by, facts) VALUES ($1, $2, $3)
                 ON CONFLICT (person, said_by) DO UPDATE SET facts = excluded.facts")
            .bind(person)
            .bind(said_by)
            .bind(sealed)
            .run(tx)
            .await?;
        }
        *own = newest;
        Ok(Said {
            births: statements.values().filter_map(|s| s.birth_date.clone()).collect(),
            sexes: statements.values().filter_map(|s| s.sex.clone()).collect(),
            family_name,
            is_corrected,
        })
    }

    async fn link_local(&self, tx: &mut Tx, person: &str, (issuer, id): &(String, String)) -> Result<()> {
        let token = self.local_token(issuer, id);
        let plain = serde_json::to_vec(&(issuer, id)).map_err(|_| LinkageError::Form)?;
        let sealed = self.sealing.seal_column("local_identity", &token, "identity", &plain)?;
        sql(
            "/* linkage: local id */ INSERT INTO local_identity (token, person, identity) VALUES ($1, $2, $3)
             ON CONFLICT (token) DO NOTHING",
        )
        .bind(token)
        .bind(person)
        .bind(sealed)
        .run(tx)
        .await?;
        Ok(())
    }

    fn seal_identity(&self, id: &str, identity: &Identity) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(identity).map_err(|_| LinkageError::Form)?;
        Ok(self.sealing.seal_column("person", id, "identity", &plain)?)
    }

    fn open_identity(&self, person: &Person) -> Result<Identity> {
        let plain = self.sealing.open_column("person", &person.id, "identity", &person.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| LinkageError::Form)
    }
}
