//! Step 6: what is cleared, and may still leave, becomes a consignment with a signed manifest.
//!
//! There is at most one consignment at a time that is sealed and not yet sent: the next manifest carries the digest of the
//! one before as it lies in the bucket.

use super::outgoing::{Fallen, ask_gates, empty_outbox, seal, vouched_for, withdrawn};
use crate::context::{Hub, HubError, Served};
use crate::store::{Consignment, Item};
use platform::clock::Timestamp;
use platform::db::Tx;
use submission::digest::Digest;
use submission::manifest::ENTRIES_MAX;

/// A consignment that is to be sent.
pub struct Next {
    /// It.
    pub consignment: Consignment,
    /// There may be more to consign now, behind it.
    pub more: bool,
}

/// Opens, fills and seals the next consignment of a project, or gives the one that is sealed and waits to be sent.
///
/// `None`: the transfer window is shut, or there is nothing to send.
pub async fn consign(hub: &Hub, served: &Served) -> Result<Option<Next>, HubError> {
    let now = hub.clock.now();
    if !hub.config.transfer.is_open(now.to_utc()) {
        return Ok(None);
    }
    let project = &served.project.name;
    let last = hub.store.last_consignment(project).await?;
    if let Some(last) = last.as_ref().filter(|last| matches!(last.state.as_str(), "open" | "sealed")) {
        return Ok(Some(Next { consignment: last.clone(), more: true }));
    }
    adopt_recovered(hub, project, now).await?;
    let date = date_of(hub, last.as_ref(), now);
    let objects_max = usize::try_from(hub.config.limits.consignment_objects_max).unwrap_or(usize::MAX);
    let limit = objects_max.min(ENTRIES_MAX);
    let people_min = served.profile.age_people_min();
    let few = hub.store.few_ages(&mut hub.store.db().read().await?, project, people_min).await?;
    let cleared = hub.store.cleared(project, &date, &few, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
    let more = cleared.len() >= limit;
    let (open, mut fallen) = ask_gates(hub, served, cleared, now).await?;
    let (open, broken) = vouched_for(hub, open);
    fallen.extend(broken);
    take_back(hub, project, &fallen, now).await?;
    let aliases = hub.linkage.aliases(project, &served.engine).await?;
    let sealed =
        open_and_seal(hub, served, last.as_ref(), &date, one_version_a_name(open), aliases, now).await?;
    let Some(id) = sealed else { return Ok(None) };
    Ok(hub.store.consignment(&id).await?.map(|consignment| Next { consignment, more }))
}

/// What a manifest found after a restore has listed already, byte for byte, is not sent again: the answer to that manifest
/// speaks for it.
async fn adopt_recovered(hub: &Hub, project: &str, now: Timestamp) -> Result<(), HubError> {
    let known = hub.store.sent_before_restore(project).await?;
    if known.is_empty() {
        return Ok(());
    }
    let mut tx = hub.store.write().await?;
    for (item, consignment) in &known {
        hub.store.recovered_item_sent(&mut tx, project, item, consignment, now).await?;
    }
    Ok(tx.commit().await?)
}

/// The hub's calendar day, never before that of the last consignment.
fn date_of(hub: &Hub, last: Option<&Consignment>, now: Timestamp) -> String {
    let today = now.to_utc().with_timezone(&hub.config.transfer.zone()).format("%Y-%m-%d").to_string();
    match last {
        Some(last) if last.date > today => last.date.clone(),
        _ => today,
    }
}

/// A name goes once a date: a second version waits for the next date's folder. Items come sorted by name.
fn one_version_a_name(items: Vec<Item>) -> Vec<Item> {
    let mut chosen: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        match chosen.last() {
            Some(last) if last.name == item.name && last.digest != item.digest => {}
            _ => chosen.push(item),
        }
    }
    chosen
}

/// What fell away since it was cleared is held by name; then its bytes leave the outbox.
async fn take_back(hub: &Hub, project: &str, fallen: &[Fallen], now: Timestamp) -> Result<(), HubError> {
    if fallen.is_empty() {
        return Ok(());
    }
    let mut tx = hub.store.write().await?;
    withdrawn(hub, &mut tx, fallen, now).await?;
    tx.commit().await?;
    empty_outbox(hub, project, fallen.iter().map(|fallen| fallen.item.digest.as_str())).await
}

/// Without what only few people share by now: somebody whom they were counted with may have fallen away.
async fn of_many_people(
    hub: &Hub,
    served: &Served,
    tx: &mut Tx,
    mut items: Vec<Item>,
) -> Result<Vec<Item>, HubError> {
    let few = hub.store.few_ages(tx, &served.project.name, served.profile.age_people_min()).await?;
    items.retain(|item| item.age.as_ref().is_none_or(|age| !few.contains(age)));
    Ok(items)
}

/// One transaction: the sequence number, the rows, the audit, the manifest.
async fn open_and_seal(
    hub: &Hub,
    served: &Served,
    last: Option<&Consignment>,
    date: &str,
    items: Vec<Item>,
    aliases: Vec<(submission::pseudonym::Pseudonym, submission::pseudonym::Pseudonym)>,
    now: Timestamp,
) -> Result<Option<String>, HubError> {
    let project = &served.project.name;
    let sequence = last.map_or(1, |last| last.sequence + 1);
    let number = last.filter(|last| last.date == date).map_or(1, |last| last.number + 1);
    let previous = last.and_then(|last| Digest::parse(last.digest.as_deref()?).ok());
    let mut tx = hub.store.write().await?;
    for (pseudonym, derived) in &aliases {
        hub.store.alias_found(&mut tx, project, pseudonym.as_str(), derived.as_str()).await?;
    }
    let aliases_wait = hub.store.aliases_wait(&mut tx, project).await?;
    let items = of_many_people(hub, served, &mut tx, items).await?;
    if items.is_empty() && !aliases_wait {
        return Ok(None);
    }
    let consignment = hub.store.consignment_opened(&mut tx, project, sequence, date, number, now).await?;
    let consigned = hub.store.items_consigned(&mut tx, &items, &consignment.id, now).await?;
    if consigned == 0 && !aliases_wait {
        // A person rejected the last of them meanwhile: nothing is opened.
        return Ok(None);
    }
    hub.store.aliases_consigned(&mut tx, project, &consignment.id).await?;
    seal(hub, served, &mut tx, &consignment, previous, now).await?;
    tx.commit().await?;
    tracing::info!(project, sequence, items = items.len(), "consignment sealed");
    Ok(Some(consignment.id))
}
