//! Device rules: a mask that a person drew becomes what is masked on every image of a device, once another account, which
//! may approve, agrees. What it concerns in the queue is looked at again.

use super::looked::{CHAIN_OF_RULES, is_settled_by};
use super::outgoing::again;
use crate::boxes;
use crate::context::{Hub, HubError};
use crate::store::{Decision, DeviceRule, Proposal};
use platform::audit::{self, AuditError, Details};
use platform::db::DbError;

/// Held instances that are looked at in one transaction.
const REPLAYED_MAX: u32 = 200;

/// What cannot be done about a rule, and why.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Nothing has this handle.
    #[error("there is no such rule or image any more")]
    Unknown,
    /// Nothing was masked on it.
    #[error("nothing was masked on this image: mask it first")]
    NothingMasked,
    /// It does not say what made it.
    #[error("the image does not say which device made it, so that no rule can name the device")]
    NoDevice,
    /// The same account twice, or one that may not approve, or one too late.
    #[error("a rule is approved by an approver who did not propose it, while it is proposed")]
    NotYours,
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<DbError> for RuleError {
    fn from(error: DbError) -> Self {
        Self::Hub(error.into())
    }
}

impl From<AuditError> for RuleError {
    fn from(error: AuditError) -> Self {
        Self::Hub(error.into())
    }
}

type Result<T> = std::result::Result<T, RuleError>;

/// What a rule drawn on an instance would be.
#[derive(Debug)]
pub struct Draft {
    /// The instance.
    pub instance: String,
    /// Its device.
    pub device: crate::store::Device,
    /// The doubts for which it was held when it was masked.
    pub reasons: String,
    /// What was masked, JSON.
    pub boxes: String,
}

/// What was masked on an instance, as a rule for its device.
pub async fn draft(hub: &Hub, instance: &str) -> Result<Draft> {
    let row = hub.store.instance(instance).await?.ok_or(RuleError::Unknown)?;
    let spool = row.spool.as_deref().ok_or(RuleError::NothingMasked)?;
    let looked = hub.store.looked_at(spool).await?.ok_or(RuleError::NothingMasked)?;
    let (Some(boxes), Some(reasons)) = (looked.boxes, looked.reasons) else {
        return Err(RuleError::NothingMasked);
    };
    let device = hub.store.device(row.device.as_deref().ok_or(RuleError::NoDevice)?).await?;
    let device = device.filter(|device| !device.key.manufacturer.is_empty() && !device.key.model.is_empty());
    let device = device.ok_or(RuleError::NoDevice)?;
    if boxes::of_json(&boxes).is_none() || reasons.is_empty() {
        return Err(RuleError::NothingMasked);
    }
    Ok(Draft { instance: row.id, device, reasons, boxes })
}

/// Proposes it, and gives the rule's handle.
pub async fn propose(hub: &Hub, draft: &Draft, actor: &str) -> Result<String> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    let proposal = Proposal {
        device: &draft.device.id,
        reasons: &draft.reasons,
        boxes: &draft.boxes,
        instance: &draft.instance,
        actor,
    };
    let rule = hub.store.rule_proposed(&mut tx, &proposal, now).await?;
    let details = Details::new().id("rule", &rule)?.id("device", &draft.device.id)?;
    let details = details.id("instance", &draft.instance)?;
    audit::append(&mut tx, CHAIN_OF_RULES, actor, "rule proposed", &details, now).await?;
    tx.commit().await?;
    Ok(rule)
}

/// Puts a proposed rule in force, and looks again at what it concerns; tells how many images those are. The caller has seen
/// that the account may approve.
pub async fn approve(hub: &Hub, id: &str, actor: &str) -> Result<usize> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    if !hub.store.rule_approved(&mut tx, id, actor, now).await? {
        return Err(RuleError::NotYours);
    }
    let details = Details::new().id("rule", id)?;
    audit::append(&mut tx, CHAIN_OF_RULES, actor, "rule approved", &details, now).await?;
    tx.commit().await?;
    let rule = hub.store.rule(id).await?.ok_or(RuleError::Unknown)?;
    Ok(replay(hub, &rule).await?)
}

/// Takes a rule out of force, or a proposal off the list.
pub async fn withdraw(hub: &Hub, id: &str, actor: &str) -> Result<()> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    if !hub.store.rule_withdrawn(&mut tx, id, actor, now).await? {
        return Err(RuleError::Unknown);
    }
    let details = Details::new().id("rule", id)?;
    audit::append(&mut tx, CHAIN_OF_RULES, actor, "rule withdrawn", &details, now).await?;
    Ok(tx.commit().await?)
}

/// Whether it would settle all of these doubts.
pub fn concerns(rule: &DeviceRule, doubts: &str) -> bool {
    is_settled_by(doubts, &rule.reasons)
}

/// Looks again at what every rule in force concerns: for the night, where a replay was cut off.
pub(crate) async fn replay_all(hub: &Hub) -> std::result::Result<usize, HubError> {
    let mut replayed = 0;
    for rule in hub.store.rules_in("active").await? {
        replayed += replay(hub, &rule).await?;
    }
    Ok(replayed)
}

/// What was held, for these doubts, before the rule was in force: what it holds again afterwards waits for a person.
async fn replay(hub: &Hub, rule: &DeviceRule) -> std::result::Result<usize, HubError> {
    let Some((actor, since)) = &rule.approved else { return Ok(0) };
    let (mut after, mut replayed) = (String::new(), 0);
    loop {
        let held = hub.store.held_of_device(&rule.device.id, *since, &after, REPLAYED_MAX).await?;
        let Some((last, _)) = held.last() else { return Ok(replayed) };
        after.clone_from(last);
        let concerned = held.iter().filter(|(_, reason)| concerns(rule, reason));
        for (id, _) in concerned {
            replayed += usize::from(replay_one(hub, rule, id, actor).await?);
        }
    }
}

async fn replay_one(
    hub: &Hub,
    rule: &DeviceRule,
    id: &str,
    actor: &str,
) -> std::result::Result<bool, HubError> {
    let Some(row) = hub.store.instance(id).await? else { return Ok(false) };
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    if !hub.store.instance_is(&mut tx, id, "received", None, now).await? {
        return Ok(false);
    }
    let decision = Decision { kind: "rule", subject: id, actor, note_code: None };
    hub.store.decided(&mut tx, &decision, now).await?;
    again(hub, &mut tx, "instance", id, now).await?;
    let details = Details::new().id("instance", id)?.id("rule", &rule.id)?;
    let trust = row.trust.as_deref().unwrap_or("unattributed");
    audit::append(&mut tx, trust, actor, "instance looked at again", &details, now).await?;
    tx.commit().await?;
    Ok(true)
}
