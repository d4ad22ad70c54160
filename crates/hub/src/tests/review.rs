//! What is held is no dead end, and looking at it tells nothing about anybody.

use super::House;
use crate::pipeline::review::{Filter, Kind, ReviewError, list, locate, reject, release, retry, show};
use dicom::dataset::Dataset;
use dicom::part10::{encode_meta, write_dataset};
use dicom::tag::{VR, tags};
use dicom::uid::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;

const ANNA: &str = "9990000018";

fn object() -> Vec<u8> {
    let mut dataset = Dataset::new();
    dataset.put_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3");
    dataset.put_text(tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA");
    let mut bytes = encode_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT_VR_LITTLE_ENDIAN, None);
    write_dataset(&dataset, EXPLICIT_VR_LITTLE_ENDIAN, &mut bytes);
    bytes
}

async fn held(house: &House, n: u32, reason: &str) -> String {
    let anna = house.person(ANNA).await;
    let id = house.received("royal", &anna, n, &object()).await;
    let mut tx = house.hub.store.write().await.unwrap();
    house.hub.store.instance_is(&mut tx, &id, "held", Some(reason), house.hub.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn owed(house: &House) -> usize {
    let (db, now) = (house.hub.store.db(), house.hub.clock.now());
    let lease = std::time::Duration::from_secs(1);
    platform::jobs::claim(db, &["deidentify"], "here", "me", 9, now, lease).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_about_pixels_is_released_and_nothing_else_is() {
    let house = House::new().await;
    let pixels = held(&house, 1, "pixels-overlays pixels-not-primary").await;
    let objected = held(&house, 2, "objected").await;
    release(&house.hub, &pixels, "reviewer").await.unwrap();
    assert_eq!(house.state(&pixels).await, ("received".into(), None));
    assert_eq!(owed(&house).await, 1);
    let latest = house.hub.store.last_decision(&pixels, ["release", "hold"]).await.unwrap();
    assert_eq!(latest.as_deref(), Some("release"));
    let refused = release(&house.hub, &objected, "reviewer").await.unwrap_err();
    assert!(matches!(refused, ReviewError::NotReleasable { .. }));
    assert!(refused.to_string().contains("reject it"), "{refused}");
    assert_eq!(house.state(&objected).await.0, "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_is_destroyed_and_what_is_retried_runs_again() {
    let house = House::new().await;
    let rejected = held(&house, 1, "residue-found").await;
    let retried = held(&house, 2, "body-part-unknown").await;
    assert!(matches!(
        reject(&house.hub, &rejected, "reviewer", "Anna Sentinel").await,
        Err(ReviewError::NotACode)
    ));
    reject(&house.hub, &rejected, "reviewer", "burned-in-name").await.unwrap();
    assert_eq!(house.state(&rejected).await, ("rejected".into(), Some("burned-in-name".into())));
    assert_eq!(house.hub.store.live_spool().await.unwrap().len(), 1);
    retry(&house.hub, &retried, "reviewer").await.unwrap();
    retry(&house.hub, &retried, "reviewer").await.unwrap_err();
    assert_eq!(owed(&house).await, 1);
    assert!(matches!(retry(&house.hub, "nobody", "reviewer").await, Err(ReviewError::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_previews_hold_reasons_and_forms_and_no_values() {
    let house = House::new().await;
    let id = held(&house, 1, "pixels-overlays").await;
    held(&house, 2, "objected").await;
    let all = list(&house.hub, "nccid", &Filter::default()).await.unwrap();
    assert_eq!(all.len(), 2);
    let filter = Filter { reason: Some("pixels-overlays".into()), ..Filter::default() };
    let lines = list(&house.hub, "nccid", &filter).await.unwrap();
    assert_eq!(
        lines.iter().map(|line| (line.kind, line.id.as_str())).collect::<Vec<_>>(),
        [(Kind::Instance, id.as_str())]
    );
    let shown = show(&house.hub, &id).await.unwrap();
    let keywords: Vec<_> = shown.header.iter().map(|line| (line.keyword, line.length)).collect();
    // Lengths as they lie in the file, padded to even.
    assert_eq!(keywords, [("SpecificCharacterSet", 10), ("SOPInstanceUID", 6), ("PatientName", 14)]);
    assert!(!format!("{shown:?}").contains("SENTINEL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_look_at_an_image_is_told_where_it_is_and_that_is_recorded() {
    let house = House::new().await;
    let id = held(&house, 1, "pixels-overlays").await;
    let located = locate(&house.hub, &id, "reviewer").await.unwrap();
    assert_eq!(located.source, "royal");
    assert!(!format!("{located:?}").contains("1.2.3"));
    let told: Vec<_> =
        located.keys.iter().map(|(name, value)| (*name, value.expose(&house.hub.custody).as_str())).collect();
    assert_eq!(told, [("instance", "1.2.3")]);
    let mut reader = house.hub.store.db().read().await.unwrap();
    let query = platform::db::sql("SELECT actor AS line FROM audit_rows WHERE event = 'instance located'");
    let asked = query.all(&mut reader, |row| row.get::<String>("line")).await.unwrap();
    assert_eq!(asked, ["reviewer"]);
    assert!(matches!(locate(&house.hub, "nobody", "reviewer").await, Err(ReviewError::Unknown(_))));
}
