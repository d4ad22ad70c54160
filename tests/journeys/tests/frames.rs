//! Compressed and multi-frame images, made and pushed by foreign programs, arrive in the warehouse frame for frame as they
//! were sent; what the policy holds stays with the hub.

use journeys::forms::{FORMS, HELD, arrived, make, python};
use journeys::{Setup, free_port};
use platform::testing::TempDir;
use sim::encode::Syntax;
use sim::images::Kind;
use sim::region::{Fate, Size};
use std::fs;
use tributary::demo::house;

#[tokio::test(flavor = "multi_thread")]
async fn compressed_and_multi_frame_images_arrive_in_the_warehouse_frame_for_frame() {
    let Some(python) = python() else { return };
    let mut region = journeys::only("alder", Size::TEST);
    region.sources[0].manners.stores_as = Some("STORESCU".into());
    let dir = TempDir::new();
    let is_plain_ct = |fate: &Fate, kind| *fate == Fate::Acknowledged && kind == Kind::Ct;
    let (_, ct, _) = region.expected().find(|(_, i, fate)| is_plain_ct(fate, i.series.kind)).unwrap();
    let plain = dir.path().join("plain.dcm");
    fs::write(&plain, ct.file(Syntax::ExplicitLittle)).unwrap();
    let forms: Vec<_> = FORMS.into_iter().chain([HELD]).collect();
    let made = make(&python, &plain, &dir.path().join("made"), &forms).await;

    // The archive is not to be reached: what comes, comes by push.
    let houses = Setup::write(dir.path(), &region, &[free_port()]).open(&region).await;
    for made in &made {
        made.send(&python, house::HUB_AE, houses.service.address().port()).await;
    }
    houses.service.run_until_idle().await.unwrap();
    let store = &houses.hub.store;
    let held = store.instances_in("nccid", "held").await.unwrap();
    let reasons: Vec<_> = held.iter().map(|instance| instance.reason.clone().unwrap_or_default()).collect();
    assert_eq!(reasons, ["pixels-class-not-listed pixels-not-primary"]);
    assert_eq!(store.instances_in("nccid", "quarantined").await.unwrap(), []);

    houses.night().await;
    assert_eq!(store.instances_in("nccid", "acknowledged").await.unwrap().len(), FORMS.len());
    assert_eq!(arrived(&houses.warehouse(), &made), FORMS.map(|form| form.name));
}
