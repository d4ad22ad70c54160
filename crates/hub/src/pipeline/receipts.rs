//! Step 9: the national house's signed answer → rows `acknowledged` or `refused`; what is acknowledged is destroyed here.

use super::outgoing::empty_outbox;
use crate::context::{Hub, HubError, Served};
use crate::store::{Consignment, Item};
use platform::audit::{self, Details};
use platform::objects::ObjectError;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use submission::digest::Digest;
use submission::manifest::Manifest;
use submission::paths::ReceiptPath;
use submission::receipt::{Receipt, Verdict};
use submission::signed::Signed;

/// A receipt larger than this is none.
const BYTES_MAX: u64 = 96 << 20;

/// What a look into the inbox found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Consignments answered now.
    pub receipted: usize,
    /// Consignments still without an answer.
    pub waiting: usize,
    /// Answers that were not believed: (sequence, code). They are left where they are, and a person looks.
    pub not_believed: Vec<(i64, &'static str)>,
}

/// Looks for the receipt of every consignment of a project that was sent, and for a later one where something was refused:
/// the national house may accept after all what it had set aside. Asked as often as one likes.
pub async fn receipts(hub: &Hub, served: &Served) -> Result<Receipts, HubError> {
    let (mut found, project) = (Receipts::default(), served.project.name.as_str());
    let mut consignments = hub.store.consignments_in(project, "sent").await?;
    consignments.extend(hub.store.consignments_refused(project).await?);
    for consignment in consignments {
        let of = if consignment.state == "sent" { "sent" } else { "refused" };
        let Some(bytes) = look(hub, served, &consignment, consignment.receipts + 1).await? else {
            found.waiting += usize::from(of == "sent");
            continue;
        };
        let items = hub.store.items(&consignment.id, of).await?;
        match believe(hub, served, &consignment, &items, &bytes) {
            Ok(receipt) => {
                settle(hub, &consignment, &items, &receipt, &Digest::of(&bytes)).await?;
                found.receipted += 1;
            }
            Err(code) => {
                tracing::error!(project = %consignment.project, sequence = consignment.sequence, code,
                    "a receipt is not believed; it is left as it is");
                found.not_believed.push((consignment.sequence, code));
            }
        }
    }
    destroy_spent(hub).await?;
    Ok(found)
}

async fn look(
    hub: &Hub,
    served: &Served,
    consignment: &Consignment,
    revision: u32,
) -> Result<Option<Vec<u8>>, HubError> {
    let sequence = u64::try_from(consignment.sequence).unwrap_or(0);
    let key = ReceiptPath { hub: hub.id.clone(), sequence, revision }.to_string();
    match served.inbox.head(&key).await {
        // One that is too large is read as nothing, and so not believed.
        Ok(info) if info.bytes > BYTES_MAX => Ok(Some(Vec::new())),
        Ok(_) => Ok(Some(served.inbox.get(&key).await?.to_vec())),
        Err(ObjectError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The receipt, if a pinned key signed it and it answers exactly what was sent.
fn believe(
    hub: &Hub,
    served: &Served,
    consignment: &Consignment,
    items: &[Item],
    bytes: &[u8],
) -> Result<Receipt, &'static str> {
    let signed = Signed::<Receipt>::from_json(bytes).map_err(|_| "receipt-malformed")?;
    let receipt = signed.verify(&served.receipt_keys).map_err(|_| "receipt-signature-wrong")?;
    let is_ours = receipt.hub == hub.id
        && receipt.project.as_str() == consignment.project
        && i64::try_from(receipt.sequence) == Ok(consignment.sequence)
        && consignment.digest.as_deref() == Some(receipt.manifest.to_string().as_str());
    if !is_ours {
        return Err("receipt-of-another-manifest");
    }
    let manifest = consignment.manifest.as_deref().unwrap_or_default();
    let manifest =
        Signed::<Manifest>::from_json(manifest.as_bytes()).and_then(|signed| signed.verify(&hub.own_keys));
    // A restored hub has the digest only, and that agrees.
    if manifest.is_ok_and(|manifest| manifest.audit_root != receipt.audit_root) {
        return Err("receipt-of-another-audit");
    }
    let outcomes: HashMap<String, Digest> =
        receipt.outcomes.iter().map(|o| (o.path.item.to_string(), o.sha256)).collect();
    let is_answered =
        |item: &Item| outcomes.get(&item.name).is_some_and(|sha256| sha256.to_string() == item.digest);
    if items.iter().all(is_answered) { Ok(receipt) } else { Err("receipt-incomplete") }
}

/// What the national house countersigned with one receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countersigned {
    /// The project.
    pub project: String,
    /// The consignment's sequence number.
    pub sequence: i64,
    /// Whether the audit root in it still follows from this hub's rows: its past was not rewritten since.
    pub stands: bool,
}

/// Holds the audit against every receipt in the inboxes. The hub could rewrite its own rows; it cannot rewrite these.
pub async fn countersigned(hub: &Hub) -> Result<Vec<Countersigned>, HubError> {
    let mut all = Vec::new();
    for served in &hub.projects {
        let project = &served.project.name;
        for consignment in hub.store.consignments_in(project, "receipted").await? {
            let bytes = look(hub, served, &consignment, 1).await?.unwrap_or_default();
            let receipt =
                Signed::<Receipt>::from_json(&bytes).and_then(|signed| signed.verify(&served.receipt_keys));
            let stands = match receipt {
                Ok(receipt) => {
                    let mut reader = hub.store.db().read().await?;
                    audit::verify_mark(&mut reader, receipt.audit_root.as_bytes()).await?
                }
                Err(_) => false,
            };
            all.push(Countersigned { project: project.clone(), sequence: consignment.sequence, stands });
        }
    }
    Ok(all)
}

/// One transaction: every row, the consignment, the audit. Then the bytes are not needed here any more.
async fn settle(
    hub: &Hub,
    consignment: &Consignment,
    items: &[Item],
    receipt: &Receipt,
    digest: &Digest,
) -> Result<(), HubError> {
    let now = hub.clock.now();
    let verdicts: HashMap<String, &Verdict> =
        receipt.outcomes.iter().map(|o| (o.path.item.to_string(), &o.verdict)).collect();
    let mut counts: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
    let refused = |item: &&Item| match verdicts.get(&item.name) {
        Some(Verdict::Quarantined { code }) => Some(code.as_str()),
        _ => None,
    };
    let accepted: Vec<&Item> = items.iter().filter(|item| refused(item).is_none()).collect();
    let mut tx = hub.store.write().await?;
    let moved = hub.store.items_acknowledged(&mut tx, &accepted, &consignment.id, now).await?;
    for item in accepted.iter().filter(|item| moved.contains(&item.id)) {
        counts.entry(&item.trust).or_default()[0] += 1;
    }
    for (item, code) in items.iter().filter_map(|item| Some((item, refused(&item)?))) {
        if hub.store.item_is(&mut tx, &item.kind, &item.id, "refused", Some(code), now).await? {
            counts.entry(&item.trust).or_default()[1] += 1;
        }
    }
    hub.store.consignment_receipted(&mut tx, &consignment.id, now).await?;
    for (trust, [acknowledged, refused]) in counts {
        let details = Details::new()
            .id("consignment", &consignment.id)?
            .id("receipt", &digest.to_string())?
            .number("sequence", consignment.sequence)
            .number("acknowledged", acknowledged)
            .number("refused", refused);
        audit::append(&mut tx, trust, "hub", "consignment receipted", &details, now).await?;
    }
    tx.commit().await?;
    tracing::info!(project = %consignment.project, sequence = consignment.sequence, "consignment receipted");
    empty_outbox(hub, &consignment.project, items.iter().map(|item| item.digest.as_str())).await
}

/// Destroys what no project needs any more: first the file, then the row says so.
pub async fn destroy_spent(hub: &Hub) -> Result<usize, HubError> {
    let mut spent = hub.store.spent_spool().await?;
    spent.extend(hub.store.spare_spool().await?);
    for some in spent.chunks(500) {
        for id in some {
            hub.spool.destroy(id)?;
        }
        // The entries are gone for good before a row says so.
        hub.spool.sync_entries()?;
        let mut tx = hub.store.write().await?;
        hub.store.spool_destroyed(&mut tx, some, hub.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(spent.len())
}

/// What no row knows is being written by a step whose transaction is still to come, unless it is older than this.
const STEP_MAX: Duration = Duration::from_secs(24 * 3600);

/// Removes outbox objects that a run which was cut off left behind.
pub async fn sweep_outbox(hub: &Hub, served: &Served) -> Result<usize, HubError> {
    let project = served.project.name.as_str();
    let objects = hub.outbox.list_sorted(project).await?;
    let digest_of = |name: &str| name.rsplit_once('/').map(|(_, digest)| digest.to_owned());
    let digests: Vec<String> = objects.iter().filter_map(|object| digest_of(&object.name)).collect();
    let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
    let spare: HashSet<String> = hub.store.outbox_spares(project, &digests).await?.into_iter().collect();
    let mut removed = Vec::new();
    for object in objects {
        let Some(digest) = digest_of(&object.name).filter(|digest| spare.contains(digest)) else { continue };
        // What no row knows yet may be being written by a step whose transaction is still to come.
        let is_old = object.put.plus(STEP_MAX) < hub.clock.now();
        if is_old || hub.store.outbox_knows(project, &digest).await? {
            removed.push(object.name);
        }
    }
    let count = removed.len();
    hub.outbox.delete_all(removed).await?;
    Ok(count)
}
