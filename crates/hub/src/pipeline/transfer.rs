//! Step 7: the objects of a consignment, then its manifest, are put into the national inbox. Knows no identifiable type.
//!
//! It may be cut off anywhere and begun again: objects are put under fixed keys, the manifest last and only once. Until the
//! manifest lies in the inbox the consignment does not exist for anybody else, and what falls away is still taken out of it.

use super::deidentify::outbox_name;
use super::outgoing::{
    Fallen, OUTBOX_MISSING, ask_gates, by_trust, empty_outbox, manifest_path, raw_path, seal, vouched_for,
    withdrawn,
};
use crate::context::{Hub, HubError, Served};
use crate::store::{Consignment, Item};
use futures::StreamExt;
use platform::audit::{self, Details};
use platform::objects::{Batch, ObjectError};
use submission::digest::Digest;
use submission::manifest::Manifest;
use submission::signed::Signed;

/// The state of what is in a consignment that is not sent.
const CONSIGNED: &str = "consigned";
/// Objects on their way at the same time.
const AT_ONCE: usize = 4;
/// Objects looked at before the clock is.
const CHUNK_ITEMS: usize = 256;

/// How far a consignment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transferred {
    /// Objects and manifest are in the inbox.
    Sent,
    /// The transfer window is shut: it goes on where it stopped.
    Later,
    /// Another manifest lies under this one's key: this hub's database is older than the bucket, or a second hub has its name.
    Conflict,
}

/// What became of one object.
enum Put {
    There,
    Missing,
    WindowShut,
}

/// Sends a sealed consignment; one that was sent already stays as it is.
pub async fn transfer(hub: &Hub, served: &Served, id: &str) -> Result<Transferred, HubError> {
    let mut objects_are_there = false;
    loop {
        let Some(consignment) = hub.store.consignment(id).await? else { return Ok(Transferred::Later) };
        match consignment.state.as_str() {
            "sent" | "receipted" => return Ok(Transferred::Sent),
            "sealed" => {}
            _ => return Ok(Transferred::Later),
        }
        if !is_window_open(hub) {
            return Ok(Transferred::Later);
        }
        // A manifest that is there was put by a run that was cut off: nobody can take anything out any more.
        match lying_manifest(hub, served, &consignment).await? {
            Some(true) => return sent(hub, &consignment).await,
            Some(false) => return Ok(conflict(&consignment)),
            None => {}
        }
        let items = hub.store.items(id, CONSIGNED).await?;
        let (items, mut fallen) = ask_gates(hub, served, items, hub.clock.now()).await?;
        // The last word before the manifest is put; until then nothing is sent.
        let (items, broken) = if objects_are_there { vouched_for(hub, items) } else { (items, Vec::new()) };
        fallen.extend(broken);
        if !fallen.is_empty() {
            rebuild(hub, served, &consignment, &fallen).await?;
            continue;
        }
        if !objects_are_there {
            match put_objects(hub, served, &consignment, items).await? {
                Puts::All => objects_are_there = true,
                Puts::WindowShut => return Ok(Transferred::Later),
                Puts::Missing(fallen) => rebuild(hub, served, &consignment, &fallen).await?,
            }
            // The gates are asked once more, now that only the manifest is wanting.
            continue;
        }
        return put_manifest(hub, served, &consignment).await;
    }
}

fn is_window_open(hub: &Hub) -> bool {
    hub.config.transfer.is_open(hub.clock.now().to_utc())
}

fn conflict(consignment: &Consignment) -> Transferred {
    tracing::error!(
        project = %consignment.project,
        sequence = consignment.sequence,
        "manifest-conflict: another manifest lies in the inbox under this consignment's key; restore from the newest backup"
    );
    Transferred::Conflict
}

/// Whether the manifest lies in the inbox already, and is this one.
async fn lying_manifest(
    hub: &Hub,
    served: &Served,
    consignment: &Consignment,
) -> Result<Option<bool>, HubError> {
    let key = manifest_path(hub, consignment)?.to_string();
    let length = consignment.manifest.as_ref().map(String::len).and_then(|n| u64::try_from(n).ok());
    let inbox = served.inbox.batch();
    match served.inbox.head(&key).await {
        Err(ObjectError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(info) if Some(info.bytes) != length => Ok(Some(false)),
        Ok(_) => {
            let digest = Digest::of(&served.inbox.get(&key).await?).to_string();
            // Whoever put it may not have synced its entry.
            inbox.holds(&key, length.unwrap_or_default()).await?;
            inbox.settle().await?;
            Ok(Some(consignment.digest.as_deref() == Some(digest.as_str())))
        }
    }
}

enum Puts {
    All,
    WindowShut,
    Missing(Vec<Fallen>),
}

async fn put_objects(
    hub: &Hub,
    served: &Served,
    consignment: &Consignment,
    items: Vec<Item>,
) -> Result<Puts, HubError> {
    let mut missing = Vec::new();
    for some in items.chunks(CHUNK_ITEMS) {
        let inbox = served.inbox.batch();
        let puts: Vec<_> = some.iter().map(|item| put_object(hub, &inbox, consignment, item)).collect();
        let mut puts = futures::stream::iter(puts).buffered(AT_ONCE);
        let mut items = some.iter();
        while let (Some(put), Some(item)) = (puts.next().await, items.next()) {
            match put? {
                Put::There => {}
                Put::WindowShut => return Ok(Puts::WindowShut),
                Put::Missing => {
                    missing.push(Fallen { item: item.clone(), state: "received", code: OUTBOX_MISSING });
                }
            }
        }
        drop(puts);
        inbox.settle().await?;
    }
    Ok(if missing.is_empty() { Puts::All } else { Puts::Missing(missing) })
}

async fn put_object(
    hub: &Hub,
    inbox: &Batch,
    consignment: &Consignment,
    item: &Item,
) -> Result<Put, HubError> {
    if !is_window_open(hub) {
        return Ok(Put::WindowShut);
    }
    let key = raw_path(hub, consignment, item)?.to_string();
    if inbox.holds(&key, item.bytes).await? {
        return Ok(Put::There);
    }
    let name = outbox_name(&consignment.project, &item.digest);
    match inbox.put_from(&key, &hub.outbox, &name).await {
        Ok(bytes) if bytes == item.bytes => Ok(Put::There),
        // Not whole: what was put now goes again with the item, in `rebuild`.
        Ok(_) => Ok(Put::Missing),
        Err(ObjectError::NotFound(missing)) if missing == name => Ok(Put::Missing),
        Err(error) => Err(error.into()),
    }
}

/// Takes out of a consignment what may not leave. Sequence, number and date stay; objects leave the inbox first, so that a
/// run that is cut off here finds the same gates shut and removes them again.
async fn rebuild(
    hub: &Hub,
    served: &Served,
    consignment: &Consignment,
    fallen: &[Fallen],
) -> Result<(), HubError> {
    let kept = hub.store.items(&consignment.id, CONSIGNED).await?;
    let kept: std::collections::HashSet<&str> = kept
        .iter()
        .filter(|item| fallen.iter().all(|fallen| fallen.item.id != item.id))
        .map(|item| item.name.as_str())
        .collect();
    for fallen in fallen {
        // The same bytes may go for another trust, whose gates are open.
        if !kept.contains(fallen.item.name.as_str()) {
            served.inbox.delete(&raw_path(hub, consignment, &fallen.item)?.to_string()).await?;
        }
    }
    let now = hub.clock.now();
    let previous = previous_of(hub, consignment)?;
    let mut tx = hub.store.write().await?;
    withdrawn(hub, &mut tx, fallen, now).await?;
    seal(hub, served, &mut tx, consignment, previous, now).await?;
    tx.commit().await?;
    empty_outbox(hub, &consignment.project, fallen.iter().map(|fallen| fallen.item.digest.as_str())).await
}

/// What the sealed manifest names as the one before it.
fn previous_of(hub: &Hub, consignment: &Consignment) -> Result<Option<Digest>, HubError> {
    let json = consignment.manifest.as_deref().unwrap_or_default();
    let manifest = Signed::<Manifest>::from_json(json.as_bytes())
        .and_then(|signed| signed.verify(&hub.own_keys))
        .map_err(super::outgoing::unsigned("sealed manifest"))?;
    Ok(manifest.previous)
}

async fn put_manifest(
    hub: &Hub,
    served: &Served,
    consignment: &Consignment,
) -> Result<Transferred, HubError> {
    let key = manifest_path(hub, consignment)?.to_string();
    let manifest = consignment.manifest.clone().unwrap_or_default();
    match served.inbox.put_new(&key, manifest.into()).await {
        Ok(()) => sent(hub, consignment).await,
        Err(ObjectError::AlreadyExists(_)) => match lying_manifest(hub, served, consignment).await? {
            Some(true) => sent(hub, consignment).await,
            _ => Ok(conflict(consignment)),
        },
        Err(error) => Err(error.into()),
    }
}

/// The rows and, per trust, the record of what left and when.
async fn sent(hub: &Hub, consignment: &Consignment) -> Result<Transferred, HubError> {
    let now = hub.clock.now();
    let items = hub.store.items(&consignment.id, CONSIGNED).await?;
    let mut tx = hub.store.write().await?;
    hub.store.consignment_sent(&mut tx, &consignment.id, now).await?;
    for (trust, n) in by_trust(&items) {
        let details = Details::new()
            .id("consignment", &consignment.id)?
            .id("manifest", consignment.digest.as_deref().unwrap_or_default())?
            .number("sequence", consignment.sequence)
            .number("items", n);
        audit::append(&mut tx, trust, "hub", "consignment sent", &details, now).await?;
    }
    tx.commit().await?;
    tracing::info!(project = %consignment.project, sequence = consignment.sequence, items = items.len(), "consignment sent");
    Ok(Transferred::Sent)
}
