//! Another version of an instance, whenever it comes, follows the one before it: nothing is dropped, nothing overtakes, one
//! state at a time.

use super::{HOUR, House, Now, names};
use crate::linkage::{Identity, TokenKind};
use crate::pipeline::consign::consign;
use crate::pipeline::deidentify;
use crate::pipeline::nightly::night;
use crate::pipeline::review::{Filter, list, release};
use crate::pipeline::transfer::transfer;
use crate::store::{Ages, Spooled};
use deid::custody::Sensitive;
use dicom::dataset::{Dataset, Element};
use dicom::part10::{encode_meta, write_dataset};
use dicom::tag::{VR, tags};
use dicom::uid::{sop_class, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN};
use platform::jobs::{self, Driver, DriverConfig, Job, Outcome};
use std::io::Write;
use std::sync::Arc;
use submission::digest::Digest;

const ANNA: &str = "9990000018";
const UID: &str = "1.2.3.4";

/// A house with Anna in its cohort.
async fn house() -> House {
    let house = House::new().await;
    let (hub, now) = (&house.hub, house.clock.now_());
    let anna = Identity {
        nhs_number: Some(ANNA.into()),
        birth_date: Some("19500101".into()),
        ..Identity::default()
    };
    let person = hub.linkage.register(&Sensitive::new(anna), "RX1", &hub.custody, now).await.unwrap().person;
    house.mark(&person, "national", true).await;
    house.row(&person, "positive").await;
    house
}

/// A version of one CT image of Anna: they differ in their tube voltage.
fn version(kvp: u32) -> Dataset {
    let mut set = Dataset::new();
    for (tag, vr, text) in [
        (tags::SOP_CLASS_UID, VR::UI, sop_class::CT_IMAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, UID),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.1"),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (tags::STUDY_DATE, VR::DA, "20200402"),
        (tags::MODALITY, VR::CS, "CT"),
        (tags::BODY_PART_EXAMINED, VR::CS, "CHEST"),
        (tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA"),
        (tags::PATIENT_ID, VR::LO, ANNA),
        (tags::PATIENT_BIRTH_DATE, VR::DA, "19500101"),
        (tags::KVP, VR::DS, &kvp.to_string()),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
    ] {
        set.put_text(tag, vr, text);
    }
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1_u16),
        (tags::ROWS, 2),
        (tags::COLUMNS, 2),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 16),
        (tags::HIGH_BIT, 15),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
    }
    set.put(Element::bytes_of(tags::PIXEL_DATA, VR::OW, [1, 0, 2, 0, 3, 0, 4, 0]));
    set
}

/// The archive stores an object: what the receiver does.
async fn push(house: &House, set: &Dataset) {
    let (hub, now) = (&house.hub, house.clock.now_());
    // Under the UID that was announced.
    let mut bytes = encode_meta(sop_class::CT_IMAGE, UID, EXPLICIT_VR_LITTLE_ENDIAN, None);
    write_dataset(set, EXPLICIT_VR_LITTLE_ENDIAN, &mut bytes);
    let mut arriving = hub.spool.begin().unwrap();
    arriving.write_all(&bytes).unwrap();
    let (id, bytes) = arriving.finish().unwrap();
    let object = Spooled {
        id,
        source: "royal".into(),
        token: hub.linkage.token(TokenKind::Instance, UID),
        bytes: i64::try_from(bytes).unwrap(),
        received_us: now.as_micros(),
    };
    let mut tx = hub.store.write().await.unwrap();
    hub.store.spooled(&mut tx, &object).await.unwrap();
    jobs::enqueue(&mut tx, &Job::now("deidentify", &object.id), now).await.unwrap();
    tx.commit().await.unwrap();
    // The next one comes later.
    house.clock.advance(std::time::Duration::from_micros(1));
}

/// All that is due at this moment is de-identified.
async fn work(house: &House) {
    let hub = Arc::clone(&house.hub);
    let config = DriverConfig::new(&["deidentify"], "example", 2);
    let driver = Driver::new(hub.store.db().clone(), house.clock.shared(), config, move |lease| {
        let hub = Arc::clone(&hub);
        async move { deidentify::step(&hub, &lease).await.unwrap_or(Outcome::GiveUp { code: "failed" }) }
    });
    driver.run_until_idle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_that_goes_out_is_noted() {
    let house = house().await;
    let mut set = version(120);
    set.put_text(tags::PATIENT_AGE, VR::AS, "067Y");
    push(&house, &set).await;
    work(&house).await;
    let cleared = house.hub.store.cleared("nccid", "2026-11-01", &Ages::new(), 9).await.unwrap();
    let ages: Vec<_> = cleared.iter().map(|item| item.age.as_deref()).collect();
    assert_eq!(ages, [Some("067Y")]);
}

/// A day and a night, with an answer at their end.
async fn day(house: &House) {
    house.clock.advance(24 * HOUR);
    let person = &house.hub.store.rows("nccid").await.unwrap()[0].person;
    house.mark(person, "national", true).await;
    work(house).await;
    night(&house.hub).await.unwrap();
    house.answer(&[]).await;
    night(&house.hub).await.unwrap();
}

/// What was sent: day, digest, and what it supersedes. The instance has one state, and nothing of it is left lying about.
async fn sent_at_the_end(house: &House) -> Vec<(String, Digest, Option<Digest>)> {
    for _ in 0..5 {
        day(house).await;
    }
    let counts = house.hub.store.instance_counts("nccid").await.unwrap();
    let counts: Vec<_> = counts.iter().map(|count| (count.state.as_str(), count.n)).collect();
    assert_eq!(counts, [("acknowledged", 1)]);
    assert_eq!(house.hub.store.live_spool().await.unwrap(), Vec::<String>::new());
    assert_eq!(house.sealed(), 0);
    assert_eq!(house.hub.outbox.list_sorted("").await.unwrap(), []);
    let mut sent = Vec::new();
    for (_, manifest) in house.manifests().await {
        assert_eq!(names(&manifest).len(), 1);
        let entry = &manifest.entries[0];
        let clearance = entry.clearance.verify(&house.hub.own_keys).unwrap();
        sent.push((manifest.date.to_string(), clearance.sha256, entry.supersedes));
    }
    sent
}

/// Brings what was pushed so many steps on its way: de-identified, consigned, sent, answered.
async fn bring(house: &House, steps: usize) {
    let mut sealed = None;
    for step in 0..steps {
        match step {
            0 => work(house).await,
            1 => sealed = consign(&house.hub, house.served()).await.unwrap(),
            2 => {
                let sealed = sealed.take().unwrap();
                transfer(&house.hub, house.served(), &sealed.consignment.id).await.unwrap();
            }
            _ => {
                house.answer(&[]).await;
                night(&house.hub).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_follows_whenever_it_comes() {
    for steps in 0..=4 {
        let house = house().await;
        push(&house, &version(100)).await;
        bring(&house, steps).await;
        push(&house, &version(120)).await;
        work(&house).await;
        let sent = sent_at_the_end(&house).await;
        assert_eq!(sent.len(), 2, "after {steps} steps: {sent:?}");
        assert!(sent[0].0 < sent[1].0, "a name is written once a date");
        assert_ne!(sent[0].1, sent[1].1);
        assert_eq!((sent[0].2, sent[1].2), (None, Some(sent[0].1)), "after {steps} steps");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_again_changes_nothing_whenever_it_comes() {
    for steps in 0..=4 {
        let house = house().await;
        push(&house, &version(100)).await;
        bring(&house, steps).await;
        push(&house, &version(100)).await;
        work(&house).await;
        assert_eq!(sent_at_the_end(&house).await.len(), 1, "after {steps} steps");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_versions_go_in_the_order_in_which_they_came_and_an_older_one_may_come_back() {
    let house = house().await;
    for kvp in [100, 120, 140, 100] {
        push(&house, &version(kvp)).await;
    }
    let sent = sent_at_the_end(&house).await;
    let supersedes: Vec<_> = sent.iter().map(|(.., supersedes)| *supersedes).collect();
    assert_eq!(supersedes, [None, Some(sent[0].1), Some(sent[1].1), Some(sent[2].1)]);
    assert_eq!((sent.len(), sent[3].1), (4, sent[0].1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_of_the_version_that_was_looked_at() {
    let house = house().await;
    let doubtful = |kvp| {
        let mut set = version(kvp);
        set.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
        set
    };
    let held = async || {
        let lines = list(&house.hub, "nccid", &Filter::default()).await.unwrap();
        lines.into_iter().map(|line| line.id).next()
    };
    push(&house, &doubtful(100)).await;
    work(&house).await;
    release(&house.hub, &held().await.unwrap(), "reviewer").await.unwrap();
    day(&house).await;
    push(&house, &doubtful(100)).await;
    day(&house).await;
    assert_eq!(held().await, None, "the same bytes need no second look");
    push(&house, &doubtful(120)).await;
    day(&house).await;
    assert!(held().await.is_some(), "nobody has looked at these");
    assert_eq!(house.manifests().await.len(), 1);
}

/// Everything that waits for a person: reasons.
async fn reasons(house: &House) -> Vec<String> {
    let lines = list(&house.hub, "nccid", &Filter::default()).await.unwrap();
    lines.into_iter().map(|line| format!("{} {}", line.state, line.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_not_what_was_announced_is_set_aside_and_kept() {
    for (tag, other) in [(tags::SOP_INSTANCE_UID, "1.2.3.5"), (tags::SOP_CLASS_UID, sop_class::MR_IMAGE)] {
        let house = house().await;
        let mut set = version(100);
        set.put_text(tag, VR::UI, other);
        push(&house, &set).await;
        day(&house).await;
        assert_eq!(reasons(&house).await, ["quarantined sop-uid-mismatch"]);
        assert_eq!(house.hub.store.live_spool().await.unwrap().len(), 1);
        assert!(house.manifests().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_unasked_and_has_not_gone_on_is_destroyed_in_time_unless_a_gate_holds_it() {
    for (objects, expected) in [(false, Vec::new()), (true, vec!["held objected".to_owned()])] {
        let house = house().await;
        let mut doubtful = version(100);
        doubtful.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
        let person = house.hub.store.rows("nccid").await.unwrap()[0].person.clone();
        if objects {
            house.mark(&person, "local:RX1", false).await;
        }
        push(&house, &doubtful).await;
        day(&house).await;
        assert_eq!(reasons(&house).await.len(), 1);
        // Looked at again meanwhile: its time counts from when it was received.
        house.clock.advance(20 * 24 * HOUR);
        day(&house).await;
        assert_eq!(reasons(&house).await.len(), 1);
        house.clock.advance(11 * 24 * HOUR);
        day(&house).await;
        assert_eq!(reasons(&house).await, expected);
        assert_eq!(house.hub.store.live_spool().await.unwrap().len(), expected.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_object_that_no_row_ever_named_is_swept() {
    let house = house().await;
    let name = deidentify::outbox_name("nccid", &Digest::of(b"cut off").to_string());
    house.hub.outbox.put(&name, "cut off".into()).await.unwrap();
    // The file's own time is today's: far before this.
    house.clock.advance(24 * 365 * 10 * HOUR);
    night(&house.hub).await.unwrap();
    assert_eq!(house.hub.outbox.list_sorted("").await.unwrap(), []);
}
