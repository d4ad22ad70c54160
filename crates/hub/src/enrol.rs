//! A cohort sheet becomes work: identifiers into the linkage, rows into the store, a query for every archive that may know them.

use crate::cohort::{Row, Sex, Sheet};
use crate::config::Source;
use crate::context::{Hub, HubError, Served};
use crate::linkage::{Identity, RowDetail};
use crate::sources::{where_to_ask, worker_of};
use crate::store::{CohortRow, NewSheet, Study, new_id};
use deid::custody::Sensitive;
use platform::clock::Timestamp;
use platform::jobs::{self, Job};

/// What became of a sheet's good rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Rows that are waiting to be asked for.
    pub waiting: usize,
    /// Rows held, by reason code.
    pub held: Vec<(u32, &'static str)>,
}

/// Enrols the good rows of a sheet for a trust. The same sheet twice changes nothing.
pub async fn enrol(
    hub: &Hub,
    served: &Served,
    trust: &str,
    sheet: &Sheet,
    digest: &str,
    actor: &str,
) -> Result<Enrolled, HubError> {
    let now = hub.clock.now();
    let mut enrolled = Enrolled::default();
    let mut rows = Vec::new();
    for row in &sheet.rows {
        let facts = Sensitive::new(identity(row, hub));
        let person = hub.linkage.register(&facts, &hub.custody, now).await?;
        let trust =
            row.trust.as_deref().and_then(|named| hub.governance.find(named)).map_or(trust, |t| &t.ods);
        rows.push((row, trust.to_owned(), person));
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
    let mut kept = Vec::new();
    for (row, trust, person) in &rows {
        let wanted = CohortRow {
            id: new_id(),
            row_number: i64::from(row.number),
            project: served.project.name.clone(),
            trust: trust.clone(),
            person: person.person.clone(),
            arm: row.arm.clone(),
            state: "waiting".into(),
            reason: None,
        };
        kept.push(hub.store.row_imported(&mut tx, &sheet_id, &wanted).await?);
    }
    // The detail is written before the row can be seen: whoever works on a row finds its anchor.
    for ((row, ..), kept) in rows.iter().zip(&kept) {
        let anchor = row.anchor.expose(&hub.custody).format("%Y%m%d").to_string();
        hub.linkage.put_row_detail(&kept.id, &Sensitive::new(RowDetail { anchor }), &hub.custody).await?;
    }
    for ((row, _, person), kept) in rows.iter().zip(&kept) {
        let reason = if person.conflict.is_some() { Some("identity-conflict") } else { None };
        let asked = sources_of(hub, row, &kept.trust);
        let reason = reason.or_else(|| asked.is_empty().then_some("no-source"));
        match reason {
            Some(reason) => {
                hub.store.row_held(&mut tx, &kept.id, reason).await?;
                enrolled.held.push((row.number, reason));
            }
            None => enrolled.waiting += 1,
        }
        for source in asked {
            jobs::enqueue(&mut tx, &query_job(&kept.id, &source.name, 0), now).await?;
        }
        if served.project.arm(&kept.arm).is_some_and(|arm| arm.clinical.is_some()) {
            hub.store.clinical_received(&mut tx, kept, now).await?;
            jobs::enqueue(&mut tx, &Job::now("clinical", &kept.id), now).await?;
        }
    }
    tx.commit().await?;
    Ok(enrolled)
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
