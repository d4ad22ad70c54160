//! What people have said of the pixels of an object, and what is ruled about its device.

use crate::boxes;
use crate::context::{Hub, HubError};
use crate::store::{DeviceKey, Looked, Standing};
use deid::facts::Facts;
use deid::pixels::Review;

/// Its device is stopped: identifying text was seen on another image of it, after it was cleared.
pub(crate) const DEVICE_STOPPED: &str = "device-stopped";

/// The audit's chain for device rules: they belong to no trust.
pub(super) const CHAIN_OF_RULES: &str = crate::accounts::CHAIN;

/// How the images of an object's device are known here.
pub(super) fn device_of(facts: &Facts) -> DeviceKey {
    DeviceKey {
        modality: facts.modality.unwrap_or_default().to_owned(),
        manufacturer: facts.device.manufacturer.clone(),
        model: facts.device.model.clone(),
        rows: facts.device.rows,
        columns: facts.device.columns,
    }
}

/// What was said of this very object: of another version of it, nothing was.
pub(super) async fn review_of(hub: &Hub, spool: &str) -> Result<Review, HubError> {
    let looked = hub.store.looked_at(spool).await?;
    Ok(looked.map_or(Review::Pending, |looked| as_review(&looked)))
}

fn as_review(looked: &Looked) -> Review {
    match (looked.kind.as_str(), &looked.boxes) {
        ("release", _) => Review::Released,
        ("mask", Some(boxes)) => boxes::of_json(boxes).map_or(Review::Pending, Review::Masked),
        _ => Review::Pending,
    }
}

/// What the rule of a device says of an object that is held for this, or for nothing; `None`: no rule settles that.
pub(super) fn ruled(standing: &Standing, reason: Option<&str>) -> Option<Review> {
    let rule = standing.rule.as_ref()?;
    let is_settled = reason.is_none_or(|reason| is_settled_by(reason, &rule.reasons));
    // Boxes that cannot be read settle nothing.
    boxes::of_json(&rule.boxes).filter(|_| is_settled).map(Review::Ruled)
}

/// Whether all doubts are among those that a rule settles.
pub(super) fn is_settled_by(doubts: &str, settled: &str) -> bool {
    doubts.split(' ').all(|code| settled.split(' ').any(|own| own == code))
}
