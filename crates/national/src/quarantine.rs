//! What a person can do with what was set aside: list, show, accept (look again), reject.

use crate::code::Code;
use crate::error::NationalError;
use crate::house::{House, Project};
use crate::intake;
use crate::store::{Quarantined, QuarantinedId, Store};
use platform::audit::{self, Details};
use platform::db::Tx;

/// The most rows that a list shows of each kind.
const ROWS_MAX: u32 = 10_000;

/// What came of a person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// Nothing of this name is set aside.
    NotFound,
    /// It was looked at again: it is in, or set aside still, with the code given.
    LookedAgain(Option<Code>),
    /// The manifest will be looked at again by the next run.
    WillLookAgain,
    /// It is rejected for good.
    Rejected,
}

/// Everything that is set aside, in all projects or in one.
pub async fn list(house: &House, project: Option<&str>) -> Result<Vec<Quarantined>, NationalError> {
    let mut all = Vec::new();
    for served in house.projects() {
        if project.is_none_or(|wanted| wanted == served.id()) {
            all.extend(house.store.quarantined(served.id(), ROWS_MAX).await?);
        }
    }
    Ok(all)
}

/// One thing that is, or was, set aside.
pub async fn show(house: &House, id: &QuarantinedId) -> Result<Option<Quarantined>, NationalError> {
    Ok(house.store.find_quarantined(id).await?)
}

/// A person accepts it: it is looked at again at once. A finding of the residue search is thereby judged to be no
/// identifier; every other check must pass as before, so mend the cause first.
pub async fn accept(house: &House, id: &QuarantinedId, actor: &str) -> Result<Decided, NationalError> {
    match id {
        QuarantinedId::Item { consignment, n } => accept_item(house, consignment, *n, actor).await,
        QuarantinedId::Manifest { project, path } => {
            let Some(found) = house.store.find_quarantined(id).await? else { return Ok(Decided::NotFound) };
            let mut tx = house.store.db().write().await?;
            if !Store::forget_manifest(&mut tx, project, path).await? {
                return Ok(Decided::NotFound);
            }
            audit_decision(&mut tx, house, &found, actor, "quarantine-accepted").await?;
            tx.commit().await?;
            calm(house, project, path, &found.code).await?;
            Ok(Decided::WillLookAgain)
        }
    }
}

/// A person rejects it for good. Its bytes stay in the inbox; it is counted as rejected.
pub async fn reject(house: &House, id: &QuarantinedId, actor: &str) -> Result<Decided, NationalError> {
    let Some(found) = house.store.find_quarantined(id).await? else { return Ok(Decided::NotFound) };
    let mut tx = house.store.db().write().await?;
    if !Store::reject(&mut tx, id).await? {
        return Ok(Decided::NotFound);
    }
    audit_decision(&mut tx, house, &found, actor, "quarantine-rejected").await?;
    tx.commit().await?;
    if let QuarantinedId::Manifest { project, path } = id {
        calm(house, project, path, &found.code).await?;
    }
    Ok(Decided::Rejected)
}

async fn accept_item(
    house: &House,
    consignment: &str,
    n: u64,
    actor: &str,
) -> Result<Decided, NationalError> {
    let id = QuarantinedId::Item { consignment: consignment.to_owned(), n };
    let (Some(found), Some(item)) =
        (house.store.find_quarantined(&id).await?, house.store.item(consignment, n).await?)
    else {
        return Ok(Decided::NotFound);
    };
    let Some(project) = house.projects().iter().find(|project| project.id() == item.project) else {
        return Ok(Decided::NotFound);
    };
    // What the manifest itself got wrong cannot be made right by looking at the bytes.
    if matches!(item.code, Some(Code::ClearanceInvalid | Code::ClearanceMismatch | Code::PathReused)) {
        return Ok(Decided::LookedAgain(item.code));
    }
    let mut tx = house.store.db().write().await?;
    let waive = item.code.filter(|code| *code == Code::ResidueFound);
    if !Store::look_again(&mut tx, consignment, n, waive).await? {
        return Ok(Decided::NotFound);
    }
    audit_decision(&mut tx, house, &found, actor, "quarantine-accepted").await?;
    tx.commit().await?;
    look_again(house, project, consignment, n).await
}

async fn look_again(
    house: &House,
    project: &Project,
    consignment: &str,
    n: u64,
) -> Result<Decided, NationalError> {
    let Some(item) = house.store.item(consignment, n).await? else { return Ok(Decided::NotFound) };
    intake::settle_items(house, project, vec![item]).await?;
    let now = house.store.item(consignment, n).await?;
    Ok(Decided::LookedAgain(now.and_then(|item| item.code)))
}

async fn audit_decision(
    tx: &mut Tx,
    house: &House,
    found: &Quarantined,
    actor: &str,
    event: &'static str,
) -> Result<(), NationalError> {
    let chain = found.trust.as_deref().unwrap_or("national");
    let details = Details::new().word("quarantined", &found.id.to_string())?.word("code", &found.code)?;
    Ok(audit::append(tx, chain, actor, event, &details, house.clock.now()).await?)
}

/// The alert for a manifest goes when no other manifest of the hub stands for it.
async fn calm(house: &House, project: &str, path: &str, code: &str) -> Result<(), NationalError> {
    let hub = path.split('/').next().and_then(|root| root.strip_prefix("raw-")).unwrap_or_default();
    let others = house.store.quarantined(project, ROWS_MAX).await?;
    let root = format!("raw-{hub}/");
    if !others.iter().any(|other| other.code == code && other.path.starts_with(&root)) {
        house.store.calm(project, hub, code).await?;
    }
    Ok(())
}
