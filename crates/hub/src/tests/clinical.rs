//! A row's clinical record goes the same way as its images, its date moved by the same offset.

use super::{HOUR, House, Now};
use crate::pipeline::clinical;
use crate::pipeline::nightly::night;
use platform::jobs::{self, Job, Outcome};
use std::time::Duration;
use submission::clinical::{DataRecord, StatusRecord, SwabStatus};
use submission::names::Day;

const ANNA: &str = "9990000018";

async fn row(house: &House, person: &str, arm: &str) -> String {
    let (hub, now) = (&house.hub, house.clock.now_());
    let row = house.row(person, arm).await;
    let mut tx = hub.store.write().await.unwrap();
    hub.store.clinical_received(&mut tx, &row, now).await.unwrap();
    jobs::enqueue(&mut tx, &Job::now("clinical", &row.id), now).await.unwrap();
    tx.commit().await.unwrap();
    row.id
}

async fn work(house: &House) -> Option<Outcome> {
    let (db, now) = (house.hub.store.db(), house.clock.now_());
    let claimed =
        jobs::claim(db, &["clinical"], "here", "me", 1, now, Duration::from_secs(60)).await.unwrap();
    let lease = claimed.first()?;
    Some(clinical::step(&house.hub, lease).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_leaves_in_the_form_of_its_arm_with_its_date_moved() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let id = row(&house, &anna, "positive").await;
    assert_eq!(work(&house).await, Some(Outcome::Finished));
    night(&house.hub).await.unwrap();
    let bucket: Vec<String> = house.bucket().await.into_keys().collect();
    let sent = house.served().inbox.get(&bucket[0]).await.unwrap();
    let record = DataRecord::from_json(&sent).unwrap();
    assert_eq!(bucket[0], format!("raw-example/2026-11-01/data/{}_data.json", record.pseudonym));
    assert_eq!(record.submitting_centre, "Royal Example NHS Foundation Trust");
    let hub = &house.hub;
    let subject = hub.linkage.subject("nccid", &anna, &house.served().engine, &hub.custody).await.unwrap();
    let offset = *subject.unwrap().offset_days.expose(&hub.custody);
    assert_eq!(record.positive_swab_date, Day::new(2020, 4, 1).unwrap().plus_days(offset).unwrap());
    house.answer(&[]).await;
    night(&house.hub).await.unwrap();
    assert_eq!(hub.store.clinical(&id).await.unwrap().unwrap().state, "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_somebody_opted_out_is_held_and_goes_on_when_they_may_be_used() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    house.mark(&anna, "national", false).await;
    let id = row(&house, &anna, "positive").await;
    assert_eq!(work(&house).await, Some(Outcome::Finished));
    let record = house.hub.store.clinical(&id).await.unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.reason.as_deref()), ("held", Some("opted-out")));
    house.clock.advance(24 * HOUR);
    house.mark(&anna, "national", true).await;
    assert_eq!(night(&house.hub).await.unwrap().freed, 1);
    assert_eq!(work(&house).await, Some(Outcome::Finished));
    assert_eq!(house.hub.store.clinical(&id).await.unwrap().unwrap().state, "cleared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_negative_record_is_a_status() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    row(&house, &anna, "negative").await;
    assert_eq!(work(&house).await, Some(Outcome::Finished));
    night(&house.hub).await.unwrap();
    let bucket: Vec<String> = house.bucket().await.into_keys().collect();
    let record = StatusRecord::from_json(&house.served().inbox.get(&bucket[0]).await.unwrap()).unwrap();
    assert_eq!(bucket[0], format!("raw-example/2026-11-01/data/{}_status.json", record.pseudonym));
    assert_eq!(record.swab_status, SwabStatus::Negative);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_clearance_was_changed_is_held_and_stops_nothing_else() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"one").await;
    let id = row(&house, &anna, "positive").await;
    assert_eq!(work(&house).await, Some(Outcome::Finished));
    let mut tx = house.hub.store.write().await.unwrap();
    let changed = platform::db::sql("/* change */ UPDATE clinical SET bytes = bytes + 1 WHERE id = $1");
    changed.bind(&id).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(night(&house.hub).await.unwrap().sent, 1);
    assert_eq!(house.state(&one).await.0, "sent");
    let record = house.hub.store.clinical(&id).await.unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.reason.as_deref()), ("held", Some("clearance-broken")));
}
