//! Device rules and the second look: two accounts make a rule, it masks what it concerns and nothing else, and a device that
//! leaked sends nothing more.

use super::{House, Now};
use crate::accounts::{self, Role};
use crate::linkage::{Identity, TokenKind};
use crate::pipeline::deidentify;
use crate::pipeline::nightly::night;
use crate::pipeline::review::mask;
use crate::pipeline::rules::{self, RuleError};
use crate::pipeline::sampling;
use crate::store::Spooled;
use deid::custody::Sensitive;
use deid::pixels::region::Region;
use dicom::dataset::{Dataset, Element};
use dicom::part10::{encode_meta, write_dataset};
use dicom::tag::{VR, tags};
use dicom::uid::{sop_class, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN};
use platform::db::sql;
use platform::jobs::{self, Driver, DriverConfig, Job, Outcome};
use std::io::{Read, Write};
use std::sync::Arc;

const ANNA: &str = "9990000018";
const PASSWORD: &str = "correct horse battery";
const BURNED_IN: &str = "pixels-burned-in-annotation";
/// Rows and columns.
const SIDE: u16 = 32;
/// What is masked: the upper left quarter.
const CORNER: Region = Region { left: 0, top: 0, width: 16, height: 16 };

/// A house with pages, three accounts, and Anna in its cohort.
async fn house() -> House {
    let house = House::with_portal().await;
    let (hub, now) = (&house.hub, house.clock.now_());
    let anna = Identity {
        nhs_number: Some(ANNA.into()),
        birth_date: Some("19500101".into()),
        ..Identity::default()
    };
    let person = hub.linkage.register(&Sensitive::new(anna), "RX1", &hub.custody, now).await.unwrap().person;
    house.mark(&person, "national", true).await;
    house.row(&person, "positive").await;
    for (name, role) in [("ann", Role::Reviewer), ("ben", Role::Approver), ("cat", Role::Approver)] {
        accounts::add(hub, name, role, PASSWORD, "test").await.unwrap();
    }
    house
}

/// An image of Anna, as a device makes it.
struct Image {
    uid: &'static str,
    model: &'static str,
    burned_in: &'static str,
    image_type: &'static str,
}

impl Image {
    fn of(uid: &'static str) -> Self {
        Self { uid, model: "Scanner 7", burned_in: "YES", image_type: "ORIGINAL\\PRIMARY\\AXIAL" }
    }

    fn file(&self) -> Vec<u8> {
        let mut set = Dataset::new();
        for (tag, vr, text) in [
            (tags::SOP_CLASS_UID, VR::UI, sop_class::CT_IMAGE),
            (tags::SOP_INSTANCE_UID, VR::UI, self.uid),
            (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
            (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.1"),
            (tags::IMAGE_TYPE, VR::CS, self.image_type),
            (tags::STUDY_DATE, VR::DA, "20200402"),
            (tags::MODALITY, VR::CS, "CT"),
            (tags::BODY_PART_EXAMINED, VR::CS, "CHEST"),
            (tags::MANUFACTURER, VR::LO, "Works"),
            (tags::MANUFACTURER_MODEL_NAME, VR::LO, self.model),
            (tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA"),
            (tags::PATIENT_ID, VR::LO, ANNA),
            (tags::PATIENT_BIRTH_DATE, VR::DA, "19500101"),
            (tags::BURNED_IN_ANNOTATION, VR::CS, self.burned_in),
            (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        ] {
            set.put_text(tag, vr, text);
        }
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1_u16),
            (tags::ROWS, SIDE),
            (tags::COLUMNS, SIDE),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, 16),
            (tags::HIGH_BIT, 15),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
        }
        // A slope, on which nobody finds text.
        let samples = (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| 100 + row + column));
        set.put(Element::bytes_of(
            tags::PIXEL_DATA,
            VR::OW,
            samples.flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        ));
        let mut bytes = encode_meta(sop_class::CT_IMAGE, self.uid, EXPLICIT_VR_LITTLE_ENDIAN, None);
        write_dataset(&set, EXPLICIT_VR_LITTLE_ENDIAN, &mut bytes);
        bytes
    }
}

/// The archive stores an image, and it is worked; the answer is the instance's handle.
async fn arrives(house: &House, image: &Image) -> String {
    let (hub, now) = (&house.hub, house.clock.now_());
    let mut arriving = hub.spool.begin().unwrap();
    arriving.write_all(&image.file()).unwrap();
    let (id, bytes) = arriving.finish().unwrap();
    let token = hub.linkage.token(TokenKind::Instance, image.uid);
    let bytes = i64::try_from(bytes).unwrap();
    let (source, received_us) = ("royal".to_owned(), now.as_micros());
    let object = Spooled { id, source, token: token.clone(), bytes, received_us };
    let mut tx = hub.store.write().await.unwrap();
    hub.store.spooled(&mut tx, &object).await.unwrap();
    jobs::enqueue(&mut tx, &Job::now("deidentify", &object.id), now).await.unwrap();
    tx.commit().await.unwrap();
    work(house).await;
    let known = hub.store.instances_of_token("royal", &token).await.unwrap();
    known.into_iter().next().unwrap().id
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
    house.clock.advance(std::time::Duration::from_secs(1));
}

async fn is_held_for(house: &House, id: &str) -> Option<String> {
    let (state, reason) = house.state(id).await;
    reason.filter(|_| state == "held")
}

/// The samples that went out.
async fn samples(house: &House, id: &str) -> Vec<u16> {
    let row = house.hub.store.instance(id).await.unwrap().unwrap();
    let bytes = house.hub.outbox.get(&format!("nccid/{}", row.digest.unwrap())).await.unwrap();
    let source = Box::new(std::io::Cursor::new(bytes));
    let mut object = dicom::part10::open(source, &dicom::part10::Limits::default()).unwrap();
    let mut raw = Vec::new();
    object.pixel_reader().unwrap().unwrap().read_to_end(&mut raw).unwrap();
    raw.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Whether the corner is one tone, and the rest as it came.
async fn is_masked(house: &House, id: &str) -> bool {
    let samples = samples(house, id).await;
    let side = usize::from(SIDE);
    let (mut masked, mut kept) = (true, true);
    for (at, sample) in samples.iter().enumerate() {
        let (row, column) = (at / side, at % side);
        match row < 16 && column < 16 {
            true => masked &= *sample == samples[0],
            false => kept &= usize::from(*sample) == 100 + row + column,
        }
    }
    assert!(kept, "what lies outside the box was changed");
    masked
}

async fn audited(house: &House, event: &str) -> Vec<(String, String)> {
    let mut reader = house.hub.store.db().read().await.unwrap();
    let query = sql("SELECT actor, details FROM audit_rows WHERE event = $1 ORDER BY at_us").bind(event);
    query.all(&mut reader, |row| Ok((row.get("actor")?, row.get("details")?))).await.unwrap()
}

/// The first image is masked by ann, who proposes a rule.
async fn proposed(house: &House, uid: &'static str) -> (String, String) {
    let first = arrives(house, &Image::of(uid)).await;
    mask(&house.hub, &first, &[CORNER], "ann").await.unwrap();
    work(house).await;
    assert_eq!(house.state(&first).await.0, "cleared");
    assert!(is_masked(house, &first).await);
    let draft = rules::draft(&house.hub, &first).await.unwrap();
    let rule = rules::propose(&house.hub, &draft, "ann").await.unwrap();
    (first, rule)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_needs_two_accounts_and_replays_what_it_concerns() {
    let house = house().await;
    let second = arrives(&house, &Image::of("1.2.3.2")).await;
    let other_doubt = Image { image_type: "DERIVED\\SECONDARY", ..Image::of("1.2.3.3") };
    let other_doubt = arrives(&house, &other_doubt).await;
    let other_device = arrives(&house, &Image { model: "Scanner 8", ..Image::of("1.2.3.4") }).await;
    let (_, rule) = proposed(&house, "1.2.3.1").await;
    assert_eq!(is_held_for(&house, &second).await.as_deref(), Some(BURNED_IN), "a proposal does nothing");

    assert!(matches!(rules::approve(&house.hub, &rule, "ann").await, Err(RuleError::NotYours)));
    assert_eq!(rules::approve(&house.hub, &rule, "ben").await.unwrap(), 1);
    assert!(matches!(rules::approve(&house.hub, &rule, "ben").await, Err(RuleError::NotYours)), "once");
    work(&house).await;
    assert_eq!(house.state(&second).await.0, "cleared");
    assert!(is_masked(&house, &second).await);
    assert!(
        is_held_for(&house, &other_doubt).await.is_some_and(|reason| reason.contains("pixels-not-primary"))
    );
    assert_eq!(is_held_for(&house, &other_device).await.as_deref(), Some(BURNED_IN));

    let later = arrives(&house, &Image::of("1.2.3.5")).await;
    assert_eq!(house.state(&later).await.0, "cleared");
    let silent = arrives(&house, &Image { burned_in: "NO", ..Image::of("1.2.3.6") }).await;
    assert!(is_masked(&house, &later).await && is_masked(&house, &silent).await);
    let under_rule = audited(&house, "instance cleared").await;
    assert_eq!(under_rule.iter().filter(|(_, details)| details.contains(&rule)).count(), 3);
    let acts = ["rule proposed", "rule approved", "instance looked at again"];
    for (event, actor) in acts.into_iter().zip(["ann", "ben", "ben"]) {
        assert_eq!(audited(&house, event).await[0].0, actor, "{event}");
    }

    rules::withdraw(&house.hub, &rule, "cat").await.unwrap();
    let after = arrives(&house, &Image::of("1.2.3.7")).await;
    assert_eq!(is_held_for(&house, &after).await.as_deref(), Some(BURNED_IN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_rule_of_a_device_takes_the_place_of_the_one_before() {
    let house = house().await;
    let (_, first) = proposed(&house, "1.2.3.1").await;
    rules::approve(&house.hub, &first, "ben").await.unwrap();
    let draft =
        rules::draft(&house.hub, &house.hub.store.rule(&first).await.unwrap().unwrap().instance).await;
    let second = rules::propose(&house.hub, &draft.unwrap(), "ben").await.unwrap();
    rules::approve(&house.hub, &second, "cat").await.unwrap();
    let active = house.hub.store.rules_in("active").await.unwrap();
    assert_eq!(active.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), [second.as_str()]);
    assert_eq!(house.hub.store.rule(&first).await.unwrap().unwrap().state, "withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rule_is_drawn_on_what_nobody_masked_or_no_device_names() {
    let house = house().await;
    let unmasked = arrives(&house, &Image::of("1.2.3.1")).await;
    assert!(matches!(rules::draft(&house.hub, &unmasked).await, Err(RuleError::NothingMasked)));
    let nameless = arrives(&house, &Image { model: "", ..Image::of("1.2.3.2") }).await;
    mask(&house.hub, &nameless, &[CORNER], "ann").await.unwrap();
    assert!(matches!(rules::draft(&house.hub, &nameless).await, Err(RuleError::NoDevice)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leak_stops_its_device_until_an_approver_lets_it_go_on() {
    let house = house().await;
    let clean = |uid| Image { burned_in: "NO", ..Image::of(uid) };
    let [first, second] =
        [arrives(&house, &clean("1.2.3.1")).await, arrives(&house, &clean("1.2.3.2")).await];
    let waiting = house.hub.store.samples_waiting(9).await.unwrap();
    assert_eq!(waiting.len(), 2, "the first two of a device are drawn");
    assert!(sampling::settle(&house.hub, &waiting[0], false, "ann").await.unwrap());
    assert!(!sampling::settle(&house.hub, &waiting[0], true, "ben").await.unwrap(), "once");
    assert!(sampling::settle(&house.hub, &waiting[1], true, "ann").await.unwrap());
    let rates = house.hub.store.leak_rates().await.unwrap();
    assert_eq!((rates[0].cleared, rates[0].looked, rates[0].leaks), (2, 2, 1));
    assert!(rates[0].is_stopped);

    let third = arrives(&house, &clean("1.2.3.3")).await;
    let other = arrives(&house, &Image { model: "Scanner 8", ..clean("1.2.3.4") }).await;
    assert_eq!(is_held_for(&house, &third).await.as_deref(), Some("device-stopped"));
    night(&house.hub).await.unwrap();
    for id in [&first, &second] {
        assert_eq!(is_held_for(&house, id).await.as_deref(), Some("device-stopped"), "nothing of it leaves");
    }
    assert_eq!(house.state(&other).await.0, "sent");

    assert_eq!(sampling::resume(&house.hub, &waiting[0].device, "ben").await.unwrap(), 3);
    work(&house).await;
    for id in [&first, &second, &third] {
        assert_eq!(house.state(id).await.0, "cleared");
    }
    let acts = [("cleared image looked at", "ann"), ("device stopped", "ann"), ("device resumed", "ben")];
    for (act, actor) in acts {
        assert_eq!(audited(&house, act).await[0].0, actor, "{act}");
    }
}
