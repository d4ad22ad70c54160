//! A night: receipts, what gates let go on, consignments inside the transfer window, sweeps. May be called at any hour, as
//! often as one likes; outside the window nothing leaves.

use super::consign::{Next, consign};
use super::receipts::{destroy_spent, receipts, sweep_outbox};
use super::reconsider::{expire_unrequested, reconsider};
use super::rules::replay_all;
use super::transfer::{Transferred, transfer};
use crate::context::{Hub, HubError, Served};

/// What a night did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Night {
    /// Consignments sent.
    pub sent: usize,
    /// Consignments answered.
    pub receipted: usize,
    /// Consignments that wait for their answer, by project.
    pub waiting: Vec<(String, usize)>,
    /// Held things that go on because their gate is open again, or a device rule speaks for them.
    pub freed: usize,
    /// What a person must look at: (project, sequence, code).
    pub alerts: Vec<(String, i64, &'static str)>,
}

/// One night of every project. One that fails, because its inbox is out of reach perhaps, holds up no other; the first
/// failure is told at the end.
pub async fn night(hub: &Hub) -> Result<Night, HubError> {
    let (mut night, mut trouble) = (Night::default(), None);
    night.freed += replay_all(hub).await?;
    for served in &hub.projects {
        if let Err(error) = night_of(hub, served, &mut night).await {
            tracing::error!(project = %served.project.name, %error, "the project's night did not end");
            trouble = trouble.or(Some(error));
        }
    }
    destroy_spent(hub).await?;
    trouble.map_or(Ok(night), Err)
}

async fn night_of(hub: &Hub, served: &Served, night: &mut Night) -> Result<(), HubError> {
    take_receipts(hub, served, night).await?;
    expire_unrequested(hub, served).await?;
    night.freed += reconsider(hub, served).await?;
    send(hub, served, night).await?;
    // Answers of other days may speak for what was recovered after a restore.
    take_receipts(hub, served, night).await?;
    sweep_outbox(hub, served).await?;
    Ok(())
}

/// Consigns and transfers what there is, unless the window shuts. What is cleared meanwhile goes with the next round: a
/// consignment costs much the same whether it holds ten images or thousands.
async fn send(hub: &Hub, served: &Served, night: &mut Night) -> Result<(), HubError> {
    while let Some(Next { consignment, more }) = consign(hub, served).await? {
        match transfer(hub, served, &consignment.id).await? {
            Transferred::Sent => night.sent += 1,
            Transferred::Later => break,
            Transferred::Conflict => {
                let alert = (served.project.name.clone(), consignment.sequence, "manifest-conflict");
                night.alerts.push(alert);
                break;
            }
        }
        if !more {
            break;
        }
    }
    Ok(())
}

/// Looks for answers; what is not believed is told once.
pub async fn take_receipts(hub: &Hub, served: &Served, night: &mut Night) -> Result<(), HubError> {
    let found = receipts(hub, served).await?;
    night.receipted += found.receipted;
    let project = &served.project.name;
    night.waiting.retain(|(of, _)| of != project);
    night.waiting.push((project.clone(), found.waiting));
    for (sequence, code) in found.not_believed {
        let alert = (project.clone(), sequence, code);
        if !night.alerts.contains(&alert) {
            night.alerts.push(alert);
        }
    }
    Ok(())
}
