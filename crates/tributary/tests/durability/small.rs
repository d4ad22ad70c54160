//! A region of a few trusts: some archives are asked, one pushes and keeps nothing that was taken.

use super::place::Place;
use dicom::dimse::Status;
use sim::faults::Fault;
use sim::pacs::{Outgoing, Sender};
use sim::region::{Region, Size};
use std::collections::BTreeSet;
use std::time::Duration;
use tributary::demo::house::HUB_AE;

/// Trusts of the night: two whose archives are asked, by C-GET and by C-MOVE, and one that pushes.
const ASKED: [&str; 2] = ["ZB4", "ZB2"];
const PUSHING: &str = "ZB1";
/// A region of a few trusts, and which of its archives pushes.
pub(crate) fn region(seed: u64) -> (Region, usize) {
    let mut region = Region::nccid(seed, Size::TEST);
    let here = |ods: &str| ASKED.contains(&ods) || ods == PUSHING;
    region.trusts.retain(|trust| here(&trust.ods));
    region.rows.retain(|row| here(&row.ods));
    region.instances.retain(|planted| here(&planted.ods));
    region.objections.retain(|(ods, _)| here(ods));
    let used: BTreeSet<usize> = region.trusts.iter().map(|trust| trust.source).collect();
    let used: Vec<usize> = used.into_iter().collect();
    let now_at = |source: usize| used.iter().position(|at| *at == source).unwrap();
    region.sources = used.iter().map(|at| region.sources[*at].clone()).collect();
    for trust in &mut region.trusts {
        trust.source = now_at(trust.source);
    }
    for planted in &mut region.instances {
        planted.source = now_at(planted.source);
    }
    let pushing = region.trusts.iter().find(|trust| trust.ods == PUSHING).unwrap().source;
    (region, pushing)
}

/// Imports everything that the region's trusts have to say.
pub(crate) async fn import(place: &Place) {
    for at in 0..place.region.trusts.len() {
        place.import(at).await;
    }
}

/// What the pushing archive has.
pub(crate) fn outgoing(place: &Place) -> Vec<Outgoing> {
    place.region.archives().remove(place.pushing.unwrap()).outgoing()
}

/// Pushes objects on so many associations, one after the other; tells how each was answered.
pub(crate) async fn push(
    place: &Place,
    objects: &[Outgoing],
    ways: usize,
    pause: Duration,
    mut told: impl FnMut(&str, Status),
) {
    let calling_ae = place.region.sources[place.pushing.unwrap()].manners.ae_title.clone();
    let sender = Sender { calling_ae, called_ae: HUB_AE.into(), address: place.hub_address };
    for some in objects.chunks(objects.len().div_ceil(ways).max(1)) {
        let kinds = some.iter().map(|o| (o.sop_class.clone(), o.transfer_syntax.clone()));
        let mut store = sender.open(kinds, Fault::None).await.unwrap();
        for object in some {
            told(&object.sop_instance, store.store(object, None).await.unwrap());
        }
        store.close().await.unwrap();
        tokio::time::sleep(pause).await;
    }
}
