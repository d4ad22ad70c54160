//! What a gate held is looked at again every night: where all gates are open now, it goes on by itself. So does a clinical
//! record whose date was corrected.

use super::deidentify::outbox_name;
use super::outgoing::again;
use crate::context::{Hub, HubError, Served};
use crate::enrol::retrieve_job;
use crate::gates::Gates;
use crate::store::new_id;
use platform::audit::{self, Details};
use platform::clock::Timestamp;
use platform::jobs;
use std::time::Duration;

/// What the audit says of what goes on.
const GATE_OPEN: &str = "gate open again";
/// What it is rejected with when its time is over.
const UNREQUESTED_EXPIRED: &str = "unrequested-expired";

/// Sends everything on that a gate held and holds no longer; tells how much that is.
pub async fn reconsider(hub: &Hub, served: &Served) -> Result<usize, HubError> {
    let (project, now, gates) = (served.project.name.as_str(), hub.clock.now(), hub.gates(served));
    let mut freed = 0;
    for row in hub.store.instances_in(project, "held").await? {
        let (Some(trust), Some(person)) = (&row.trust, &row.person) else { continue };
        if is_open_again(&gates, row.reason.as_deref(), trust, person, now).await? {
            go_on(hub, "instance", &row.id, trust, GATE_OPEN, now).await?;
            freed += 1;
        }
    }
    for record in hub.store.clinical_in(project, "held").await? {
        if is_open_again(&gates, record.reason.as_deref(), &record.trust, &record.person, now).await? {
            go_on(hub, "clinical", &record.id, &record.trust, GATE_OPEN, now).await?;
            freed += 1;
        }
    }
    // A later sheet corrected the date: a new version, which goes with the next date's folder.
    for record in hub.store.clinical_outdated(project).await? {
        // First the bytes: a record without them is made again, bytes without a record would stay.
        hub.outbox.delete(&outbox_name(project, &record.digest)).await?;
        go_on(hub, "clinical", &record.id, &record.trust, "date corrected", now).await?;
        freed += 1;
    }
    for study in hub.store.studies_in(project, "held").await? {
        if is_open_again(&gates, study.reason.as_deref(), &study.trust, &study.person, now).await? {
            let mut tx = hub.store.write().await?;
            hub.store.study_is(&mut tx, &study.id, "found", None, now).await?;
            jobs::owe(&mut tx, &retrieve_job(&study, &new_id()), now).await?;
            tx.commit().await?;
            freed += 1;
        }
    }
    Ok(freed)
}

/// Whether it was a gate that held this, and none would now.
async fn is_open_again(
    gates: &Gates<'_>,
    reason: Option<&str>,
    trust: &str,
    person: &str,
    now: Timestamp,
) -> Result<bool, HubError> {
    Ok(reason.is_some_and(is_of_a_gate) && gates.shut(trust, person, now).await?.is_none())
}

/// The codes of [`crate::gates`].
pub(crate) fn is_of_a_gate(code: &str) -> bool {
    matches!(code, "objected" | "opted-out" | "identity-conflict")
        || code.starts_with("lapsed-")
        || code.starts_with("opt-out-")
}

async fn go_on(
    hub: &Hub,
    kind: &str,
    id: &str,
    trust: &str,
    event: &'static str,
    now: Timestamp,
) -> Result<(), HubError> {
    let mut tx = hub.store.write().await?;
    if !hub.store.item_is(&mut tx, kind, id, "received", None, now).await? {
        return Ok(());
    }
    again(hub, &mut tx, kind, id, now).await?;
    let details = Details::new().id("item", id)?;
    audit::append(&mut tx, trust, "hub", event, &details, now).await?;
    Ok(tx.commit().await?)
}

/// Rejects what nobody asked for and what has not gone on within the project's time, whatever the doubt; its spool object goes
/// with the spent ones. What only a gate holds back is wanted, and waits for the gate.
pub async fn expire_unrequested(hub: &Hub, served: &Served) -> Result<usize, HubError> {
    let project = &served.project;
    let now = hub.clock.now();
    let kept = Duration::from_secs(u64::from(project.unrequested_days_max) * 24 * 3600);
    let mut expired = hub.store.unasked_since(&project.name, now.minus(kept)).await?;
    let waits = |code: &str| is_of_a_gate(code) && code != "identity-conflict";
    expired.retain(|row| !row.reason.as_deref().is_some_and(waits));
    for row in &expired {
        let mut tx = hub.store.write().await?;
        if !hub.store.instance_is(&mut tx, &row.id, "rejected", Some(UNREQUESTED_EXPIRED), now).await? {
            continue;
        }
        let details = Details::new().id("item", &row.id)?.code("code", UNREQUESTED_EXPIRED);
        let trust = row.trust.as_deref().unwrap_or("unattributed");
        audit::append(&mut tx, trust, "hub", "instance rejected", &details, now).await?;
        tx.commit().await?;
    }
    Ok(expired.len())
}
