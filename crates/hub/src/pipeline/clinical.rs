//! The clinical record of a cohort row passes the same wall as its images: same gates, same pseudonym, same offset, cleared.

use super::deidentify::{needles, outbox_name};
use crate::context::{Hub, HubError, Served};
use crate::project::{DateForm, FieldValue, Record};
use crate::store::{Clinical, Outgoing};
use bytes::Bytes;
use deid::clinical as wall;
use deid::custody::Sensitive;
use platform::audit::{self, Details};
use platform::jobs::{self, Lease, Outcome};
use submission::clearance::Clearance;
use submission::names::Day;
use submission::signed::Signed;

/// One step: the payload is the cohort row.
pub async fn step(hub: &Hub, lease: &Lease) -> Result<Outcome, HubError> {
    let Some(record) = hub.store.clinical(&lease.payload).await? else {
        return Ok(Outcome::GiveUp { code: "no-such-record" });
    };
    let Some(served) = hub.served(&record.project) else {
        return Ok(Outcome::RetryLater { at: None, code: "not-configured" });
    };
    if !matches!(record.state.as_str(), "received" | "held") {
        return finish(hub, lease, &record, None).await;
    }
    if let Some(shut) = hub.gates(served).shut(&record.trust, &record.person, hub.clock.now()).await? {
        // Looked at again every night: papers are renewed, checks come in.
        return finish(hub, lease, &record, Some(Err(shut.code))).await;
    }
    let verdict = clean(hub, served, &record).await?;
    if let Ok((json, cleared)) = &verdict {
        let name = outbox_name(&record.project, &cleared.sha256);
        hub.outbox.put(&name, Bytes::from(json.clone())).await?;
    }
    finish(hub, lease, &record, Some(verdict.map(|(_, cleared)| cleared))).await
}

struct Cleared {
    /// Of the row, when its date was read.
    anchor: String,
    name: String,
    pseudonym: String,
    sha256: String,
    bytes: u64,
    clearance: String,
}

/// The straight line through the wall; the error is the code it is held with.
async fn clean(
    hub: &Hub,
    served: &Served,
    record: &Clinical,
) -> Result<Result<(Vec<u8>, Cleared), &'static str>, HubError> {
    let Some((row, detail)) = hub.store.row(&record.id).await?.zip(hub.linkage.row_detail(&record.id).await?)
    else {
        return Ok(Err("row-without-detail"));
    };
    let Some(form) = served.project.arm(&row.arm).and_then(|arm| arm.clinical.as_ref()) else {
        return Ok(Err("no-clinical-form"));
    };
    let Some(centre) = hub.governance.centre(&record.trust) else { return Ok(Err("lapsed-trust")) };
    let Some(anchor) = day(&detail.expose(&hub.custody).anchor) else { return Ok(Err("no-anchor-date")) };
    let project = &served.project.name;
    let subject = hub.linkage.subject(project, &record.person, &served.engine, &hub.custody).await?;
    let identity = hub.linkage.identity(&record.person).await?;
    let Some((subject, identity)) = subject.zip(identity) else { return Ok(Err("identity-unknown")) };
    let fields = form.fields.iter().map(|field| (field.name.clone(), value(&field.value, centre))).collect();
    let kind = match form.record {
        Record::Data => wall::Record::Data,
        Record::Status => wall::Record::Status,
    };
    let record = wall::ClinicalRecord::new(kind, fields, Sensitive::new(anchor));
    let known = needles(identity.expose(&hub.custody));
    let at_us = hub.clock.now().as_micros();
    match record.deidentify(&subject, &served.profile, &known, &hub.verifier, &hub.signer, at_us) {
        Ok((clean, signed)) => Ok(cleared(&signed, row.anchor)
            .map(|cleared| (clean.json().to_vec(), cleared))
            .ok_or("clearance-not-signed")),
        Err(residue) => Ok(Err(residue.code())),
    }
}

/// YYYYMMDD.
fn day(text: &str) -> Option<Day> {
    let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..8)?);
    Day::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

fn value(value: &FieldValue, centre: &str) -> wall::FieldValue {
    match value {
        FieldValue::Pseudonym => wall::FieldValue::Pseudonym,
        FieldValue::SubmittingCentre => wall::FieldValue::SubmittingCentre(centre.to_owned()),
        FieldValue::AnchorDate(form) => wall::FieldValue::AnchorDate(match form {
            DateForm::DayMonthYear => wall::DateForm::DayMonthYear,
            DateForm::MonthDayYear => wall::DateForm::MonthDayYear,
            DateForm::Iso => wall::DateForm::Iso,
        }),
        FieldValue::Fixed(text) => wall::FieldValue::Fixed(text.clone()),
    }
}

/// What the row keeps of a clearance that was signed just now.
fn cleared(signed: &Signed<Clearance>, anchor: String) -> Option<Cleared> {
    let clearance = signed.claims().ok()?;
    Some(Cleared {
        anchor,
        name: clearance.name.to_string(),
        pseudonym: clearance.pseudonym.as_str().to_owned(),
        sha256: clearance.sha256.to_string(),
        bytes: clearance.bytes,
        clearance: String::from_utf8(signed.to_json().ok()?).ok()?,
    })
}

/// The fact, the audit and the end of the job, in one transaction. `None`: nothing was to be done.
async fn finish(
    hub: &Hub,
    lease: &Lease,
    record: &Clinical,
    verdict: Option<Result<Cleared, &'static str>>,
) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    let details = Details::new().id("record", &record.id)?;
    match &verdict {
        Some(Ok(c)) => {
            let out = Outgoing {
                name: &c.name,
                pseudonym: &c.pseudonym,
                digest: &c.sha256,
                bytes: c.bytes,
                clearance: &c.clearance,
                age: None,
            };
            hub.store.item_cleared(&mut tx, "clinical", &record.id, &out, now).await?;
            hub.store.clinical_anchored(&mut tx, &record.id, &c.anchor).await?;
            let details = details.id("digest", &c.sha256)?.id("pseudonym", &c.pseudonym)?;
            audit::append(&mut tx, &record.trust, "hub", "record cleared", &details, now).await?;
        }
        Some(Err(code)) => {
            hub.store.item_is(&mut tx, "clinical", &record.id, "held", Some(code), now).await?;
            let details = details.code("code", code);
            audit::append(&mut tx, &record.trust, "hub", "record held", &details, now).await?;
        }
        None => {}
    }
    if jobs::complete(&mut tx, lease, now).await.is_err() {
        return Ok(Outcome::RetryLater { at: None, code: "lease-lost" });
    }
    tx.commit().await?;
    Ok(Outcome::Finished)
}
