//! From cleared to acknowledged: nothing leaves that may not, nothing goes twice, and a kill between any two steps changes nothing.

use super::{CONFIG, HOUR, House, names};
use crate::pipeline::consign::consign;
use crate::pipeline::nightly::night;
use crate::pipeline::outgoing::OUTBOX_MISSING;
use crate::pipeline::receipts::{countersigned, receipts};
use crate::pipeline::transfer::{Transferred, transfer};
use submission::digest::Digest;
use submission::names::Slug;
use submission::signed::Signer;

const ANNA: &str = "9990000018";
const BEN: &str = "9990000026";

fn held(code: &str) -> (String, Option<String>) {
    ("held".into(), Some(code.into()))
}

fn is(state: &str) -> (String, Option<String>) {
    (state.into(), None)
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_instance_is_sent_and_acknowledged_and_nothing_of_it_stays() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"image one").await;
    let two = house.cleared("royal", &anna, 2, b"image two").await;
    let done = night(&house.hub).await.unwrap();
    assert_eq!((done.sent, done.receipted), (1, 0));
    let bucket: Vec<String> = house.bucket().await.into_keys().collect();
    assert_eq!(
        bucket,
        [
            "raw-example/2026-11-01/images/2.25.1.dcm",
            "raw-example/2026-11-01/images/2.25.2.dcm",
            "raw-example/2026-11-01/manifest-1.json"
        ]
    );
    assert_eq!(house.state(&one).await, is("sent"));
    house.answer(&["2.25.2.dcm"]).await;
    let done = night(&house.hub).await.unwrap();
    assert_eq!((done.sent, done.receipted, done.alerts.len()), (0, 1, 0));
    assert_eq!(house.state(&one).await, is("acknowledged"));
    assert_eq!(house.state(&two).await, ("refused".into(), Some("residue".into())));
    assert_eq!(house.hub.outbox.list_sorted("").await.unwrap(), []);
    // The refused one may be sent again; the other is destroyed.
    assert_eq!(house.hub.store.live_spool().await.unwrap().len(), 1);
    assert_eq!(house.sealed(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_national_house_accepts_after_all_is_acknowledged_and_destroyed() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let ids = [
        house.cleared("royal", &anna, 1, b"one").await,
        house.cleared("royal", &anna, 2, b"two").await,
        house.cleared("royal", &anna, 3, b"three").await,
    ];
    night(&house.hub).await.unwrap();
    house.answer(&["2.25.2.dcm", "2.25.3.dcm"]).await;
    for _ in 0..2 {
        night(&house.hub).await.unwrap();
        assert_eq!(house.state(&ids[1]).await.0, "refused");
    }
    house.answer_at(2, &house.national, &["2.25.3.dcm"], None).await;
    let done = night(&house.hub).await.unwrap();
    assert_eq!((done.receipted, done.alerts.len()), (1, 0));
    for (id, state) in ids.iter().zip(["acknowledged", "acknowledged", "refused"]) {
        assert_eq!(house.state(id).await.0, state);
    }
    assert_eq!(house.hub.store.live_spool().await.unwrap().len(), 1, "of the one that is refused still");
    house.answer_at(3, &house.national, &[], None).await;
    night(&house.hub).await.unwrap();
    assert_eq!(house.state(&ids[2]).await, is("acknowledged"));
    assert_eq!(night(&house.hub).await.unwrap().receipted, 0);
    assert_eq!(house.sealed(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_follow_each_other_and_countersigned_roots_hold() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    for n in 1..=3 {
        house.cleared("royal", &anna, n, format!("image {n}").as_bytes()).await;
        assert_eq!(night(&house.hub).await.unwrap().sent, 1);
        house.clock.advance(HOUR);
    }
    let manifests = house.manifests().await;
    let places: Vec<_> = manifests.iter().map(|(_, m)| (m.sequence, m.date.to_string(), m.number)).collect();
    // 22:00 and 23:00, then midnight.
    let (first, second) = ("2026-11-01".to_owned(), "2026-11-02".to_owned());
    assert_eq!(places, [(1, first.clone(), 1), (2, first, 2), (3, second, 1)]);
    let previous: Vec<_> = manifests.iter().map(|(_, m)| m.previous).collect();
    assert_eq!(previous, [None, Some(manifests[0].0), Some(manifests[1].0)]);
    for (_, manifest) in &manifests {
        let mut reader = house.hub.store.db().read().await.unwrap();
        assert!(platform::audit::verify_mark(&mut reader, manifest.audit_root.as_bytes()).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_and_a_lapse_before_consigning_are_held_and_counted() {
    let house = House::new().await;
    let (anna, ben) = (house.person(ANNA).await, house.person(BEN).await);
    let objected = house.cleared("royal", &anna, 1, b"anna").await;
    let lapsed = house.cleared("county", &ben, 2, b"ben").await;
    let goes = house.cleared("royal", &ben, 3, b"ben too").await;
    house.mark(&anna, "local:RX1", false).await;
    // County's agreement was in force until 2 November.
    house.clock.advance(48 * HOUR);
    night(&house.hub).await.unwrap();
    assert_eq!(house.state(&objected).await, held("objected"));
    assert_eq!(house.state(&lapsed).await, held("lapsed-agreement"));
    assert_eq!(house.state(&goes).await, is("sent"));
    let (_, manifest) = house.manifests().await.remove(0);
    assert_eq!(names(&manifest), ["2.25.3.dcm"]);
    let counts = [(slug("lapsed-agreement"), 1), (slug("objected"), 1)];
    assert_eq!(manifest.withheld, counts.into());
    assert_eq!(house.hub.outbox.list_sorted("").await.unwrap().len(), 1);
    assert_eq!(house.bucket().await.len(), 2);
}

/// The project, asking that at least two people of this hub share an age that goes out.
fn counting_people(dir: &std::path::Path) -> String {
    let nccid = include_str!("../../../../projects/nccid.toml");
    let options = "options = [\"retain-longitudinal-modified-dates\",";
    assert!(nccid.contains(options));
    let project = dir.join("nccid.toml");
    std::fs::write(&project, nccid.replace(options, &format!("age_people_min = 2\n{options}"))).unwrap();
    CONFIG.replace("project = \"nccid\"", &format!("project = \"{}\"", project.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_few_people_share_waits_for_more_of_them() {
    let project = platform::testing::TempDir::new();
    let house = House::with(&counting_people(project.path())).await;
    let (anna, ben, cara) =
        (house.person(ANNA).await, house.person(BEN).await, house.person("9990000034").await);
    let mut ids = Vec::new();
    for (n, person, age) in
        [(1, &anna, Some("067Y")), (2, &anna, Some("067Y")), (3, &ben, Some("031Y")), (4, &ben, None)]
    {
        let id = house.received("royal", person, n, b"as received").await;
        house.clear_aged(&id, person, n, format!("image {n}").as_bytes(), age).await;
        ids.push(id);
    }
    // One person with two images is one person still; what has no age goes.
    night(&house.hub).await.unwrap();
    assert_eq!(names(&house.manifests().await[0].1), ["2.25.4.dcm"]);
    assert_eq!(house.manifests().await[0].1.withheld, [(slug("age-few-people"), 3)].into());
    let waiting = ("instance", "cleared".to_owned(), "age-few-people".to_owned());
    let status = crate::status::of_project(&house.hub, house.served()).await.unwrap();
    assert_eq!(status.trusts[0].reasons.get(&waiting), Some(&3));

    // Another of Anna's age comes: all of theirs go.
    let id = house.received("royal", &cara, 5, b"as received").await;
    house.clear_aged(&id, &cara, 5, b"image 5", Some("067Y")).await;
    night(&house.hub).await.unwrap();
    assert_eq!(names(&house.manifests().await[1].1), ["2.25.1.dcm", "2.25.2.dcm", "2.25.5.dcm"]);
    assert_eq!(house.state(&ids[2]).await, is("cleared"));

    // Of two of one age one objects before they are consigned: the other is alone again, and waits.
    let id = house.received("royal", &anna, 6, b"as received").await;
    house.clear_aged(&id, &anna, 6, b"image 6", Some("031Y")).await;
    house.mark(&anna, "local:RX1", false).await;
    night(&house.hub).await.unwrap();
    assert_eq!((house.state(&id).await, house.state(&ids[2]).await), (held("objected"), is("cleared")));
    assert_eq!(house.manifests().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_while_objects_are_under_way_takes_them_out_of_the_inbox_again() {
    let house = House::new().await;
    let (anna, ben) = (house.person(ANNA).await, house.person(BEN).await);
    let objected = house.cleared("royal", &anna, 1, b"anna").await;
    let goes = house.cleared("royal", &ben, 2, b"ben").await;
    let sealed = consign(&house.hub, house.served()).await.unwrap().unwrap().consignment;
    // The objects are there, the manifest is not: as after a kill.
    let inbox = &house.served().inbox;
    inbox.put("raw-example/2026-11-01/images/2.25.1.dcm", "anna".into()).await.unwrap();
    house.mark(&anna, "local:RX1", false).await;
    assert_eq!(transfer(&house.hub, house.served(), &sealed.id).await.unwrap(), Transferred::Sent);
    let bucket: Vec<String> = house.bucket().await.into_keys().collect();
    assert_eq!(
        bucket,
        ["raw-example/2026-11-01/images/2.25.2.dcm", "raw-example/2026-11-01/manifest-1.json"]
    );
    let (_, manifest) = house.manifests().await.remove(0);
    assert_eq!((manifest.sequence, names(&manifest)), (1, vec!["2.25.2.dcm".to_owned()]));
    assert_eq!(manifest.withheld, [(slug("objected"), 1)].into());
    assert_eq!((house.state(&objected).await, house.state(&goes).await), (held("objected"), is("sent")));
    assert_eq!(house.last().await.sequence, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_clearance_does_not_vouch_for_any_more_is_taken_out_before_the_manifest_is_put() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let changed = house.cleared("royal", &anna, 1, b"one").await;
    let goes = house.cleared("royal", &anna, 2, b"two").await;
    let sealed = consign(&house.hub, house.served()).await.unwrap().unwrap().consignment;
    let mut tx = house.hub.store.write().await.unwrap();
    let change = platform::db::sql("/* change */ UPDATE instance SET pseudonym = 'Other' WHERE id = $1");
    change.bind(&changed).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(transfer(&house.hub, house.served(), &sealed.id).await.unwrap(), Transferred::Sent);
    let quarantined = ("quarantined".into(), Some("clearance-broken".into()));
    assert_eq!((house.state(&changed).await, house.state(&goes).await), (quarantined, is("sent")));
    let (_, manifest) = house.manifests().await.remove(0);
    assert_eq!(names(&manifest), ["2.25.2.dcm"]);
    let bucket: Vec<String> = house.bucket().await.into_keys().collect();
    assert_eq!(
        bucket,
        ["raw-example/2026-11-01/images/2.25.2.dcm", "raw-example/2026-11-01/manifest-1.json"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_any_two_steps_leaves_the_same_bucket() {
    let undisturbed = House::new().await;
    let mut disturbed = House::new().await;
    for house in [&undisturbed, &disturbed] {
        let anna = house.person(ANNA).await;
        house.cleared("royal", &anna, 1, b"one").await;
        house.cleared("royal", &anna, 2, b"two").await;
    }
    night(&undisturbed.hub).await.unwrap();
    // Killed after sealing.
    let sealed = consign(&disturbed.hub, disturbed.served()).await.unwrap().unwrap().consignment;
    disturbed = disturbed.restart().await;
    assert_eq!(consign(&disturbed.hub, disturbed.served()).await.unwrap().unwrap().consignment.id, sealed.id);
    // Killed with the manifest put and nothing written down about it; then nobody can be taken out any more.
    let key = "raw-example/2026-11-01/manifest-1.json";
    for n in [1, 2] {
        let bytes = if n == 1 { "one" } else { "two" };
        let name = format!("raw-example/2026-11-01/images/2.25.{n}.dcm");
        disturbed.served().inbox.put(&name, bytes.into()).await.unwrap();
    }
    let manifest = sealed.manifest.clone().unwrap();
    disturbed.served().inbox.put_new(key, manifest.into()).await.unwrap();
    disturbed = disturbed.restart().await;
    for _ in 0..2 {
        let sent = transfer(&disturbed.hub, disturbed.served(), &sealed.id).await.unwrap();
        assert_eq!(sent, Transferred::Sent);
    }
    let images = |bucket: std::collections::BTreeMap<String, Digest>| {
        bucket.into_iter().filter(|(name, _)| name.ends_with(".dcm")).collect::<Vec<_>>()
    };
    assert_eq!(images(disturbed.bucket().await), images(undisturbed.bucket().await));
    assert_eq!(disturbed.manifests().await.len(), 1);
    disturbed.answer(&[]).await;
    for receipted in [1, 0] {
        assert_eq!(receipts(&disturbed.hub, disturbed.served()).await.unwrap().receipted, receipted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_outside_the_transfer_window() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    house.cleared("royal", &anna, 1, b"one").await;
    let sealed = consign(&house.hub, house.served()).await.unwrap().unwrap().consignment;
    house.clock.advance(9 * HOUR);
    assert_eq!(transfer(&house.hub, house.served(), &sealed.id).await.unwrap(), Transferred::Later);
    assert!(consign(&house.hub, house.served()).await.unwrap().is_none());
    assert_eq!(house.bucket().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_sends_all_that_is_cleared_in_as_many_consignments_as_it_takes() {
    let house = House::with(&CONFIG.replace("[limits]", "[limits]\nconsignment_objects_max = 2")).await;
    let anna = house.person(ANNA).await;
    house.cleared("royal", &anna, 1, b"one").await;
    consign(&house.hub, house.served()).await.unwrap().unwrap();
    for (n, bytes) in [(2, b"two"), (3, b"333"), (4, b"444"), (5, b"555"), (6, b"666")] {
        house.cleared("royal", &anna, n, bytes).await;
    }
    // What the last run had sealed, then two and two and one.
    assert_eq!(night(&house.hub).await.unwrap().sent, 4);
    let entries: Vec<usize> =
        house.manifests().await.iter().map(|(_, manifest)| manifest.entries.len()).collect();
    assert_eq!(entries, [1, 2, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_written_once_a_date_and_another_version_waits_for_the_next() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"first version").await;
    night(&house.hub).await.unwrap();
    house.answer(&["2.25.1.dcm"]).await;
    night(&house.hub).await.unwrap();
    assert_eq!(house.cleared("royal", &anna, 1, b"second version").await, one);
    assert_eq!(night(&house.hub).await.unwrap().sent, 0, "its name is listed under this date");
    house.clock.advance(3 * HOUR);
    assert_eq!(night(&house.hub).await.unwrap().sent, 1);
    let (_, manifest) = house.manifests().await.remove(1);
    assert_eq!(manifest.date.to_string(), "2026-11-02");
    assert_eq!(manifest.entries[0].supersedes, Some(Digest::of(b"first version")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_from_two_archives_go_once_and_both_are_acknowledged() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let royal = house.cleared("royal", &anna, 1, b"one image").await;
    let county = house.cleared("county", &anna, 1, b"one image").await;
    night(&house.hub).await.unwrap();
    assert_eq!(house.manifests().await[0].1.entries.len(), 1);
    house.answer(&[]).await;
    night(&house.hub).await.unwrap();
    assert_eq!(house.state(&royal).await, is("acknowledged"));
    assert_eq!(house.state(&county).await, is("acknowledged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_the_national_house_did_not_sign_changes_nothing() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"one").await;
    night(&house.hub).await.unwrap();
    house.answer_as(&Signer::from_seed(&[9; 32]).unwrap(), &[]).await;
    let found = receipts(&house.hub, house.served()).await.unwrap();
    assert_eq!(found.not_believed, [(1, "receipt-signature-wrong")]);
    assert_eq!(house.state(&one).await, is("sent"));
    assert_eq!(house.hub.store.live_spool().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_outbox_object_is_made_again() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"one").await;
    house.cleared("royal", &anna, 2, b"two").await;
    let lost = crate::pipeline::deidentify::outbox_name("nccid", &Digest::of(b"one").to_string());
    house.hub.outbox.delete(&lost).await.unwrap();
    assert_eq!(night(&house.hub).await.unwrap().sent, 1);
    assert_eq!(house.state(&one).await, ("received".into(), Some(OUTBOX_MISSING.into())));
    assert_eq!(names(&house.manifests().await[0].1), ["2.25.2.dcm"]);
    let mut reader = house.hub.store.db().read().await.unwrap();
    let owed = platform::jobs::next_due(&mut reader, &["deidentify"], "any").await.unwrap();
    assert!(owed.is_some(), "it is de-identified again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gate_held_goes_on_when_the_gate_is_open_again() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"one").await;
    house.mark(&anna, "national", false).await;
    night(&house.hub).await.unwrap();
    assert_eq!(house.state(&one).await, held("opted-out"));
    house.clock.advance(24 * HOUR);
    house.mark(&anna, "national", true).await;
    assert_eq!(night(&house.hub).await.unwrap().freed, 1);
    assert_eq!(house.state(&one).await, is("received"));
}

/// Polls a step so many times and then drops it, as a kill would; `None`: it was cut off.
async fn cut_off<T>(step: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut step = Box::pin(step);
    let mut left = polls;
    std::future::poll_fn(move |cx| match step.as_mut().poll(cx) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            left -= 1;
            std::task::Poll::Pending
        }
    })
    .await
}

/// Cuts a night off at this wait, and plays it again. The answer is whether it had come to its end before.
async fn cut_off_at(house: &House, wait: usize) -> bool {
    let ended = cut_off(night(&house.hub), wait).await;
    night(&house.hub).await.unwrap();
    matches!(ended, Some(Ok(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_cut_off_at_any_wait_ends_as_an_undisturbed_one() {
    let (mut wait, mut ended, mut nights_cut_off) = (0, false, 0);
    // How often a night waits is up to how busy the machine is: what others have done meanwhile is not waited for.
    while !ended || wait <= 20 {
        let house = House::new().await;
        let (anna, ben) = (house.person(ANNA).await, house.person(BEN).await);
        let mut sent = Vec::new();
        for n in 1..=3 {
            sent.push(house.cleared("royal", &anna, n, format!("image {n}").as_bytes()).await);
        }
        let objected = house.cleared("royal", &ben, 9, b"of somebody who objects").await;
        house.mark(&ben, "local:RX1", false).await;
        ended = cut_off_at(&house, wait).await;
        let images: Vec<String> =
            house.bucket().await.into_keys().filter(|name| name.ends_with(".dcm")).collect();
        let expected: Vec<String> =
            (1..=3).map(|n| format!("raw-example/2026-11-01/images/2.25.{n}.dcm")).collect();
        assert_eq!(images, expected, "cut off at {wait}");
        let manifests = house.manifests().await;
        assert_eq!(manifests.iter().map(|(_, m)| m.sequence).collect::<Vec<_>>(), [1], "cut off at {wait}");
        assert_eq!(manifests[0].1.withheld, [(slug("objected"), 1)].into());
        house.answer(&[]).await;
        ended &= cut_off_at(&house, wait).await;
        for id in &sent {
            assert_eq!(house.state(id).await, is("acknowledged"), "cut off at {wait}");
        }
        assert_eq!(house.state(&objected).await, held("objected"));
        assert_eq!(house.hub.outbox.list_sorted("").await.unwrap(), []);
        assert_eq!(house.hub.store.live_spool().await.unwrap().len(), 1, "only what is held");
        let mut reader = house.hub.store.db().read().await.unwrap();
        let chain = platform::audit::verify(&mut reader, "RX1").await.unwrap();
        assert!(matches!(chain, platform::audit::Verdict::Whole { .. }), "{chain:?}");
        nights_cut_off += u32::from(!ended);
        wait += 1;
    }
    assert!(nights_cut_off > 3, "{nights_cut_off} of {wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_that_was_rewritten_does_not_lead_to_what_the_national_house_countersigned() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    house.cleared("royal", &anna, 1, b"one").await;
    night(&house.hub).await.unwrap();
    house.answer(&[]).await;
    night(&house.hub).await.unwrap();
    let standing = countersigned(&house.hub).await.unwrap();
    assert_eq!(standing.iter().map(|c| (c.sequence, c.stands)).collect::<Vec<_>>(), [(1, true)]);
    let mut tx = house.hub.store.write().await.unwrap();
    let rewritten = platform::db::sql("/* rewrite */ UPDATE audit_rows SET hash = $1 WHERE chain = $2");
    rewritten.bind(vec![0_u8; 32]).bind("RX1").run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!countersigned(&house.hub).await.unwrap()[0].stands);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_another_audit_is_not_believed() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    house.cleared("royal", &anna, 1, b"one").await;
    night(&house.hub).await.unwrap();
    house.answer_with(&house.national, &[], Some(Digest::of(b"another"))).await;
    let found = receipts(&house.hub, house.served()).await.unwrap();
    assert_eq!(found.not_believed, [(1, "receipt-of-another-audit")]);
}
