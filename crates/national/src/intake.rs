//! Intake: finds manifests, believes or refuses them, looks at every object, answers with a signed receipt.
//!
//! Each step may be cut off anywhere and done again: [`discover`] opens a consignment in one transaction,
//! [`settle_slice`] settles a slice of its items in one, [`decide`] keeps a receipt, [`answer`]
//! puts it into the inbox.

mod manifests;

pub use manifests::discover;

use crate::code::Code;
use crate::error::NationalError;
use crate::examine::{Expected, examine};
use crate::fetch::fetch;
use crate::house::{House, Project};
use crate::store::{Item, Misplaced, Opened, Settled, Store};
use crate::warehouse;
use futures::{StreamExt, TryStreamExt};
use platform::audit::{self, Details};
use platform::objects::Batch;
use std::collections::BTreeMap;
use submission::names::Slug;
use submission::paths::ReceiptPath;
use submission::receipt::{Outcome, Receipt, Verdict};
use submission::signed::Signed;

/// Items per transaction.
const SLICE_ITEMS_MAX: u32 = 200;
/// Items that are looked at at the same time: what is waited for is mostly the disk.
const ITEMS_AT_ONCE: usize = 16;

/// Settles the next items of a consignment; the answer is how many, 0 when none is left.
pub async fn settle_slice(
    house: &House,
    project: &Project,
    consignment: &Opened,
) -> Result<usize, NationalError> {
    let slice = house.store.next_slice(&consignment.id, SLICE_ITEMS_MAX).await?;
    settle_items(house, project, slice).await
}

/// Looks again at items that the warehouse could not place, where it may be able to now; the answer is how many it was.
pub async fn settle_held(house: &House, project: &Project) -> Result<usize, NationalError> {
    let mut settled = 0;
    // One consignment after the other: within one no name comes twice, so no two versions are placed at the same time.
    for consignment in house.store.consignments_held(project.id()).await? {
        let mut from = 0;
        loop {
            let page = house.store.held_items(&consignment, from, SLICE_ITEMS_MAX).await?;
            let Some(end) = page.last() else { break };
            from = end.n + 1;
            let mut ready = Vec::new();
            for item in page {
                if warehouse::may_place(house, project, &item).await? {
                    ready.push(item);
                }
            }
            settled += settle_items(house, project, ready).await?;
        }
    }
    Ok(settled)
}

/// Looks at these items and writes down what became of them: one transaction.
pub(crate) async fn settle_items(
    house: &House,
    project: &Project,
    items: Vec<Item>,
) -> Result<usize, NationalError> {
    if items.is_empty() {
        return Ok(0);
    }
    let tree = project.warehouse.batch();
    let looks = items.into_iter().map(|item| async {
        let outcome = look_into(house, project, &tree, &item).await?;
        Ok::<_, NationalError>((item, outcome))
    });
    let settled: Vec<_> = futures::stream::iter(looks).buffered(ITEMS_AT_ONCE).try_collect().await?;
    // What the transaction says lies in the tree is there to stay.
    tree.settle().await?;
    write_down(house, project, &settled).await?;
    Ok(settled.len())
}

/// Writes down what became of items, and sets the warehouse tree right where somebody else was quicker.
pub(crate) async fn write_down(
    house: &House,
    project: &Project,
    settled: &[(Item, Settled)],
) -> Result<(), NationalError> {
    for misplaced in house.store.settle(settled, house.clock.now()).await? {
        set_right(house, project, misplaced).await?;
    }
    for (item, outcome) in settled {
        if let Settled::Quarantined(code, _) | Settled::Held(code, _) = outcome {
            tracing::warn!(item = %format_args!("{}@{}", item.consignment, item.n), code = %code, "set aside");
        }
    }
    Ok(())
}

/// Another version was quicker, or a person rejected this one meanwhile: what is to lie there is put there again.
async fn set_right(house: &House, project: &Project, misplaced: Misplaced) -> Result<(), NationalError> {
    if let Some(stray) = misplaced.stray {
        warehouse::take_out(project, &stray).await?;
    }
    if let Some(newest) = misplaced.newest {
        look_at(house, project, &newest).await?;
    }
    Ok(())
}

/// Fetches one object, examines it and finds it its place.
pub(crate) async fn look_at(house: &House, project: &Project, item: &Item) -> Result<Settled, NationalError> {
    let tree = project.warehouse.batch();
    let outcome = look_into(house, project, &tree, item).await?;
    tree.settle().await?;
    Ok(outcome)
}

async fn look_into(
    house: &House,
    project: &Project,
    tree: &Batch,
    item: &Item,
) -> Result<Settled, NationalError> {
    let (inbox, scratch, searcher) = (project.inbox.clone(), house.scratch(), house.searcher.clone());
    let wanted = item.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let Some(fetched) = fetch(&inbox, &wanted.path.to_string(), wanted.bytes, &scratch)? else {
            return Ok(None);
        };
        let expected = Expected {
            name: &wanted.path.item,
            sha256: wanted.sha256,
            bytes: wanted.bytes,
            pseudonym: &wanted.pseudonym,
            waived: wanted.waived,
        };
        let facts = examine(&fetched, &expected, &searcher)?;
        Ok::<_, NationalError>(Some((fetched, facts)))
    });
    match looked.await.map_err(NationalError::bug)?? {
        None => Ok(Settled::Quarantined(Code::ObjectMissing, None)),
        Some((_, Err(refusal))) => Ok(Settled::Quarantined(refusal.code, refusal.detail)),
        Some((fetched, Ok(facts))) => warehouse::place(house, project, tree, item, &fetched, facts).await,
    }
}

/// Makes and keeps the receipt, once every item is settled; or the next one, once what was set aside is accepted after all.
/// Doing it twice keeps the first of the two.
pub async fn decide(house: &House, consignment: &Opened) -> Result<(), NationalError> {
    // Items after the consignment: what was accepted by then is counted there.
    let items = house.store.items(&consignment.id).await?;
    let outcomes = items.iter().map(outcome).collect::<Result<Vec<_>, _>>()?;
    let now = house.clock.now();
    let slug = |text: &str| Slug::parse(text).map_err(NationalError::bug);
    let receipt = Receipt {
        hub: slug(&consignment.hub)?,
        project: slug(&consignment.project)?,
        sequence: consignment.sequence,
        manifest: consignment.sha256,
        outcomes,
        audit_root: consignment.audit_root,
        at_us: now.as_micros(),
    };
    let signed = Signed::sign(&receipt, &house.config.signer).and_then(|signed| signed.to_json());
    let text = String::from_utf8(signed.map_err(NationalError::bug)?).map_err(NationalError::bug)?;
    let mut tx = house.store.db().write().await?;
    let event = if consignment.revision == 0 { "consignment-taken-in" } else { "receipt-amended" };
    if Store::decide(&mut tx, consignment, &text, now).await? {
        for (trust, [accepted, quarantined]) in by_trust(&items) {
            let details = Details::new()
                .word("consignment", &consignment.id)?
                .id("manifest", &consignment.sha256.to_string())?
                .id("hub_audit_root", &consignment.audit_root.to_string())?
                .number("accepted", accepted)
                .number("quarantined", quarantined);
            audit::append(&mut tx, trust, "intake", event, &details, now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Puts the receipt into the inbox, under the hub's receipts prefix: the same bytes however often.
pub async fn answer(house: &House, project: &Project, consignment: &Opened) -> Result<(), NationalError> {
    let Some(receipt) = consignment.receipt.clone() else {
        return Err(NationalError::bug("a consignment is answered before it is decided"));
    };
    let path = receipt_path(consignment)?;
    project.inbox.put(&path.to_string(), receipt.into()).await?;
    house.store.answered(&consignment.id).await?;
    Ok(())
}

/// The key of the newest receipt.
fn receipt_path(consignment: &Opened) -> Result<ReceiptPath, NationalError> {
    let hub = Slug::parse(&consignment.hub).map_err(NationalError::bug)?;
    Ok(ReceiptPath { hub, sequence: consignment.sequence, revision: consignment.revision.max(1) })
}

/// Puts the last receipt of a hub again if it is gone from the inbox: a hub that asks again gets the same answer.
pub(crate) async fn repeat_last_answer(
    house: &House,
    project: &Project,
    hub: &Slug,
) -> Result<(), NationalError> {
    let Some(last) = house.store.last_taken(project.id(), hub.as_str()).await? else { return Ok(()) };
    let Some(consignment) = house.store.consignment(project.id(), hub.as_str(), last.sequence).await? else {
        return Ok(());
    };
    let path = receipt_path(&consignment)?;
    if consignment.receipt.is_some()
        && let Err(platform::objects::ObjectError::NotFound(_)) = project.inbox.head(&path.to_string()).await
    {
        answer(house, project, &consignment).await?;
    }
    Ok(())
}

fn outcome(item: &Item) -> Result<Outcome, NationalError> {
    let verdict = match (item.state.as_str(), item.code) {
        ("loaded" | "held", _) => Verdict::Accepted,
        ("quarantined" | "rejected", Some(code)) => {
            Verdict::Quarantined { code: code.slug().map_err(NationalError::bug)? }
        }
        _ => return Err(NationalError::bug("a consignment is decided before its items are settled")),
    };
    Ok(Outcome { path: item.path.clone(), sha256: item.sha256, verdict })
}

/// Accepted and quarantined items, by trust.
fn by_trust(items: &[Item]) -> BTreeMap<&str, [u32; 2]> {
    let mut counts = BTreeMap::new();
    for item in items {
        let counts: &mut [u32; 2] = counts.entry(item.trust.as_str()).or_default();
        counts[usize::from(!matches!(item.state.as_str(), "loaded" | "held"))] += 1;
    }
    counts
}
