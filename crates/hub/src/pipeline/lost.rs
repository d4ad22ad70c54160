//! A sealed object that is gone or damaged: what was asked for is fetched again, what was pushed must be pushed again.

use crate::context::{Hub, HubError};
use crate::enrol::retrieve_job;
use crate::spool::SpoolError;
use crate::store::new_id;
use platform::audit::{self, Details};
use platform::jobs::{self, Lease, Outcome};
use std::sync::Arc;

/// What an object is quarantined with that nobody asked for and that is lost.
pub(crate) const LOST: &str = "spool-object-lost";

/// A step failed on its spool object. Where the object is lost this ends the step; else the error stands.
pub async fn settle(hub: &Arc<Hub>, lease: &Lease, error: SpoolError) -> Result<Outcome, HubError> {
    let (spool, id) = (Arc::clone(&hub.spool), lease.payload.clone());
    let looked = tokio::task::spawn_blocking(move || spool.is_lost(&id)).await;
    let (Ok(Ok(true)), Some(object)) = (looked, hub.store.spool_object(&lease.payload).await?) else {
        return Err(error.into());
    };
    tracing::error!(spool = %object.id, %error, "a sealed object is lost");
    let now = hub.clock.now();
    let rows = hub.store.instances_of_token(&object.source, &object.token).await?;
    let mut tx = hub.store.write().await?;
    hub.store.spool_destroyed(&mut tx, std::slice::from_ref(&object.id), now).await?;
    if rows.is_empty()
        && let Some(served) = hub.projects.first()
    {
        hub.store.instance_lost(&mut tx, &served.project.name, &object, LOST, now).await?;
    }
    for row in rows {
        let stood_on_it = row.spool.as_ref() == Some(&object.id)
            && matches!(row.state.as_str(), "received" | "held" | "quarantined" | "refused");
        if row.state != "missing" && !stood_on_it {
            continue;
        }
        let study = match &row.study {
            Some(study) => hub.store.study(study).await?,
            None => None,
        };
        match study {
            Some(study) => {
                hub.store.instance_is(&mut tx, &row.id, "missing", None, now).await?;
                hub.store.study_is(&mut tx, &study.id, "short", Some("study-short"), now).await?;
                jobs::owe(&mut tx, &retrieve_job(&study, &new_id()), now).await?;
            }
            None => {
                hub.store.instance_is(&mut tx, &row.id, "quarantined", Some(LOST), now).await?;
            }
        }
    }
    let details = Details::new().id("spool", &object.id)?;
    audit::append(&mut tx, "hub", "hub", "spool object lost", &details, now).await?;
    if jobs::complete(&mut tx, lease, now).await.is_err() {
        return Ok(Outcome::RetryLater { at: None, code: "lease-lost" });
    }
    tx.commit().await?;
    Ok(Outcome::Finished)
}
