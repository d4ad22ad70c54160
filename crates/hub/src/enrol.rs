//! A cohort sheet becomes work: identifiers into the linkage, rows into the store, a query for every archive that may know them.

use crate::cohort::{Row, Sex, Sheet};
use crate::config::Source;
use crate::context::{Hub, HubError, Served};
use crate::linkage::{Identity, RowDetail, TokenKind};
use crate::sources::{where_to_ask, worker_of};
use crate::store::{CohortRow, NewSheet, Study};
use deid::custody::Sensitive;
use platform::audit::{self, Details};
use platform::clock::Timestamp;
use platform::db::Tx;
use platform::jobs::{self, Job};
use std::collections::BTreeSet;

/// What became of a sheet's good rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Rows that are waiting to be asked for.
    pub waiting: usize,
    /// Rows held, by reason code.
    pub held: Vec<(u32, &'static str)>,
}

/// Stands for a trust that a sheet names and the configuration does not know: no archive is asked for it, no paper speaks for it.
const UNKNOWN_TRUST: &str = "unknown";
/// Rows that are written in one transaction: a short one, since whatever is received meanwhile waits for it.
const ROWS_PER_COMMIT: usize = 200;

/// A row of a sheet whose person and date the linkage holds.
struct Known<'s> {
    row: &'s Row,
    wanted: CohortRow,
    reason: Option<&'static str>,
    /// An earlier sheet gave another date.
    is_corrected: bool,
    /// An earlier sheet of the trust said otherwise who the person is.
    is_person_corrected: bool,
}

/// Enrols the good rows of a sheet for a trust. The same sheet twice changes nothing; a date that a later sheet corrects is
/// asked for anew, and the row's clinical record is renewed. A row that was held, or whose person the sheet corrects, is asked
/// for again; what was pushed before anybody asked for it is looked at again.
pub async fn enrol(
    hub: &Hub,
    served: &Served,
    trust: &str,
    sheet: &Sheet,
    digest: &str,
    actor: &str,
) -> Result<Enrolled, HubError> {
    let now = hub.clock.now();
    // The linkage first: its commits are many, and none of them is made while a transaction of the hub is open. So the
    // detail is there before the row can be seen.
    let mut rows: Vec<Known<'_>> = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        let known = know(hub, served, trust, row, now).await?;
        rows.push(known);
    }
    let mut tx = hub.store.write().await?;
    let new = NewSheet {
        project: &served.project.name,
        trust,
        digest,
        rows_good: sheet.rows.len(),
        rows_bad: usize::try_from(sheet.rows_read).unwrap_or(0).saturating_sub(sheet.rows.len()),
        actor,
    };
    let sheet_id = hub.store.sheet_imported(&mut tx, &new, now).await?;
    tx.commit().await?;
    let mut enrolled = Enrolled::default();
    for some in rows.chunks(ROWS_PER_COMMIT) {
        let mut tx = hub.store.write().await?;
        for known in some {
            take(hub, served, &mut tx, &sheet_id, known, now).await?;
            if known.is_person_corrected {
                let details = Details::new().id("person", &known.wanted.person)?.id("sheet", &sheet_id)?;
                audit::append(&mut tx, &known.wanted.trust, actor, "identity corrected", &details, now)
                    .await?;
            }
        }
        tx.commit().await?;
    }
    look_again(hub, served, &sheet_id, &rows).await?;
    for known in &rows {
        match known.reason {
            Some(reason) => enrolled.held.push((known.row.number, reason)),
            None => enrolled.waiting += 1,
        }
    }
    Ok(enrolled)
}

/// What the linkage has to know of a row.
async fn know<'s>(
    hub: &Hub,
    served: &Served,
    trust: &str,
    row: &'s Row,
    now: Timestamp,
) -> Result<Known<'s>, HubError> {
    let facts = Sensitive::new(identity(row, hub));
    // A trust that is named and not known is nobody's: least of all that of whoever imports the sheet.
    let trust = match row.trust.as_deref() {
        None => trust,
        Some(named) => hub.governance.find(named).map_or(UNKNOWN_TRUST, |found| &found.ods),
    };
    let unknown = (trust == UNKNOWN_TRUST).then_some("trust-unknown");
    let person = hub.linkage.register(&facts, trust, &hub.custody, now).await?;
    let detail = RowDetail { anchor: row.anchor.expose(&hub.custody).format("%Y%m%d").to_string() };
    let anchor = hub.linkage.token(TokenKind::Anchor, &format!("{} {}", person.person, detail.anchor));
    let project = &served.project.name;
    let earlier = hub.store.row_of(project, trust, &person.person, &row.arm).await?;
    let key = format!("{project} {trust} {} {}", person.person, row.arm);
    let wanted = CohortRow {
        // Two imports at one time give it the same handle.
        id: format!("h{}", hub.linkage.token(TokenKind::Row, &key)),
        row_number: i64::from(row.number),
        project: project.clone(),
        trust: trust.to_owned(),
        person: person.person,
        arm: row.arm.clone(),
        anchor,
        state: "waiting".into(),
        reason: None,
    };
    hub.linkage.put_row_detail(&wanted.id, &Sensitive::new(detail), &hub.custody).await?;
    let conflict = person.conflict.is_some().then_some("identity-conflict");
    let no_source = sources_of(hub, row, trust).is_empty().then_some("no-source");
    let is_corrected = earlier.is_some_and(|earlier| earlier.anchor != wanted.anchor);
    let (reason, is_person_corrected) = (unknown.or(conflict).or(no_source), person.is_corrected);
    Ok(Known { row, wanted, reason, is_corrected, is_person_corrected })
}

/// The row and the work that follows from it.
async fn take(
    hub: &Hub,
    served: &Served,
    tx: &mut Tx,
    sheet: &str,
    known: &Known<'_>,
    now: Timestamp,
) -> Result<(), HubError> {
    let kept = hub.store.row_imported(tx, sheet, &known.wanted).await?;
    match known.reason {
        Some(reason) => hub.store.row_held(tx, &kept.id, reason).await?,
        None if kept.state == "held" => hub.store.row_waits(tx, &kept.id).await?,
        None => {}
    }
    for source in sources_of(hub, known.row, &kept.trust) {
        let job = query_job(&kept.id, &source.name, 0);
        jobs::enqueue(tx, &job, now).await?;
        if known.is_corrected || known.is_person_corrected || kept.state == "held" {
            let again = query_job(&kept.id, &source.name, day_number(now));
            jobs::enqueue(tx, &Job { key: format!("{}:{sheet}", again.key), ..again }, now).await?;
        }
    }
    if served.project.arm(&kept.arm).is_some_and(|arm| arm.clinical.is_some()) {
        hub.store.clinical_received(tx, &kept, now).await?;
        jobs::enqueue(tx, &Job::now("clinical", &kept.id), now).await?;
    }
    Ok(())
}

/// What was pushed before anybody asked for it is judged once more, now that a sheet of its trust has come.
async fn look_again(hub: &Hub, served: &Served, sheet: &str, rows: &[Known<'_>]) -> Result<(), HubError> {
    let trusts: BTreeSet<&str> = rows.iter().map(|known| known.wanted.trust.as_str()).collect();
    for trust in trusts {
        let mut jobs = Vec::new();
        for spool in hub.store.unrequested(&served.project.name, trust).await? {
            jobs.push(Job { key: format!("{spool}:{sheet}"), ..Job::now("deidentify", &spool) });
        }
        let mut tx = hub.store.write().await?;
        jobs::enqueue_all(&mut tx, &jobs, hub.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The query of a row at a source; `round` counts the nights on which it was asked.
pub(crate) fn query_job(row: &str, source: &str, round: u64) -> Job {
    let mut job = Job::now("query", format!("{row}:{source}:{round}"));
    job.payload = format!("{row} {source} {round}");
    job.host = Some(worker_of(source));
    job
}

/// The next night's round. Counted by the day, so that a row asked again by hand joins the nights that are planned already.
pub(crate) fn next_round(round: u64, now: Timestamp) -> u64 {
    round.max(day_number(now)) + 1
}

/// Days since 1970-01-01.
pub(crate) fn day_number(now: Timestamp) -> u64 {
    now.since(Timestamp::from_micros(0)).as_secs() / (24 * 3600)
}

/// The retrieval of a study, by its archive's own worker; `because` tells it from earlier ones.
pub(crate) fn retrieve_job(study: &Study, because: &str) -> Job {
    let mut job = Job::now("retrieve", &study.id);
    job.key = format!("{}:{because}", study.id);
    job.host = Some(worker_of(&study.source));
    job
}

/// The archives that carry the trust's studies and can be asked by what the row gives.
fn sources_of<'h>(hub: &'h Hub, row: &Row, trust: &str) -> Vec<&'h Source> {
    let issuer = row.local_id.as_ref().map(|local| local.issuer.as_str());
    let mut sources = where_to_ask(&hub.config.sources, row.nhs_number.is_some(), issuer);
    sources.retain(|source| source.trusts().contains(trust));
    sources
}

fn identity(row: &Row, hub: &Hub) -> Identity {
    let custody = &hub.custody;
    Identity {
        nhs_number: row.nhs_number.as_ref().map(|number| number.expose(custody).digits()),
        local_ids: row.local_id.iter().map(|l| (l.issuer.clone(), l.id.expose(custody).clone())).collect(),
        birth_date: row.date_of_birth.as_ref().map(|date| date.expose(custody).format("%Y%m%d").to_string()),
        sex: row.sex.as_ref().map(|sex| {
            match sex.expose(custody) {
                Sex::Female => "F",
                Sex::Male => "M",
                Sex::Other => "O",
            }
            .to_owned()
        }),
        family_name: row.family_name.as_ref().map(|name| name.expose(custody).clone()),
    }
}
