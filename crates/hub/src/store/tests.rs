//! The store on SQLite and PostgreSQL: states move forward, second copies change nothing, counts sum.

use super::*;
use platform::clock::Timestamp;
use platform::testing::test_dbs;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

async fn stores() -> Vec<(platform::testing::TestDb, Store)> {
    let mut stores = Vec::new();
    for test in test_dbs(MIGRATIONS).await {
        let store = Store::open(test.db.clone()).await.unwrap();
        stores.push((test, store));
    }
    stores
}

fn row(person: &str) -> CohortRow {
    CohortRow {
        id: new_id(),
        row_number: 2,
        project: "nccid".into(),
        trust: "RX1".into(),
        person: person.into(),
        arm: "positive".into(),
        anchor: "a".into(),
        state: "waiting".into(),
        reason: None,
    }
}

/// A sheet with one row and one study of three listed instances.
async fn a_study(store: &Store, tx: &mut Tx) -> (CohortRow, Study) {
    let sheet =
        NewSheet { project: "nccid", trust: "RX1", digest: "d", rows_good: 1, rows_bad: 0, actor: "test" };
    let sheet = store.sheet_imported(tx, &sheet, NOW).await.unwrap();
    let row = store.row_imported(tx, &sheet, &row("p1")).await.unwrap();
    let new = NewStudy { row: &row, source: "alder", trust: "RX1", token: "s1", expected: Some(3) };
    let study = store.study_found(tx, &new, NOW).await.unwrap();
    let tokens: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    store.instances_expected(tx, &study, &tokens, NOW).await.unwrap();
    (row, study)
}

async fn arrive(store: &Store, tx: &mut Tx, study: &Study, token: &str) -> (Instance, bool) {
    let spool = new_id();
    let object =
        Spooled { id: spool.clone(), source: "alder".into(), token: token.into(), bytes: 9, received_us: 1 };
    store.spooled(tx, &object).await.unwrap();
    let belongs = Belongs {
        project: "nccid",
        source: "alder",
        trust: Some("RX1"),
        study: Some(&study.id),
        person: Some("p1"),
        token,
        spool: &spool,
    };
    store.instance_received(tx, &belongs, NOW).await.unwrap()
}

#[tokio::test]
async fn a_study_that_is_held_is_attributed_anew_and_one_that_went_on_is_not() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (row, study) = a_study(&store, &mut tx).await;
        let other = CohortRow { id: new_id(), trust: "RX2".into(), ..row.clone() };
        let sheet = store
            .sheet_imported(
                &mut tx,
                &NewSheet {
                    project: "nccid",
                    trust: "RX2",
                    digest: "e",
                    rows_good: 1,
                    rows_bad: 0,
                    actor: "t",
                },
                NOW,
            )
            .await
            .unwrap();
        let other = store.row_imported(&mut tx, &sheet, &other).await.unwrap();
        let new = NewStudy { row: &other, source: "alder", trust: "RX2", token: "s1", expected: None };
        let kept = store.study_found(&mut tx, &new, NOW).await.unwrap();
        assert_eq!((kept.trust.as_str(), &kept.cohort_row), ("RX1", &row.id));
        store.study_is(&mut tx, &study.id, "held", Some("unattributed"), NOW).await.unwrap();
        // The mended rule says that it is none of the first row's: dropped, and the other row's when that asks.
        store.study_not_wanted(&mut tx, &row, "alder", "s1", NOW).await.unwrap();
        let anew = store.study_found(&mut tx, &new, NOW).await.unwrap();
        assert!(!anew.is_rejected());
        assert_eq!((anew.trust.as_str(), &anew.cohort_row, &anew.person), ("RX2", &other.id, &other.person));
        store.study_is(&mut tx, &study.id, "excluded", Some("by-hand"), NOW).await.unwrap();
        let rejected =
            store.study_found(&mut tx, &NewStudy { row: &row, trust: "RX1", ..new }, NOW).await.unwrap();
        assert!(rejected.is_rejected() && rejected.trust == "RX2");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn the_same_sheet_and_the_same_person_twice_are_one() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (first, study) = a_study(&store, &mut tx).await;
        let (second, again) = a_study(&store, &mut tx).await;
        assert_eq!((first.id, study.id), (second.id, again.id));
        tx.commit().await.unwrap();
        assert_eq!(store.rows("nccid").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn every_listed_instance_is_missing_until_it_arrives_and_states_sum_to_what_was_listed() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let (instance, ours) = arrive(&store, &mut tx, &study, "a").await;
        assert!(ours && instance.state == "received");
        store.instance_is(&mut tx, &instance.id, "held", Some("overlay"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.arrived(&study).await.unwrap(), Arrived { listed: 3, missing: 2 });
        let counts = store.instance_counts("nccid").await.unwrap();
        assert_eq!(counts.iter().map(|c| c.n).sum::<i64>(), 3);
        assert_eq!(counts.iter().find(|c| c.state == "held").unwrap().reason.as_deref(), Some("overlay"));
    }
}

#[tokio::test]
async fn an_object_waiting_in_the_spool_is_not_missing() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let object =
            Spooled { id: new_id(), source: "alder".into(), token: "b".into(), bytes: 9, received_us: 1 };
        store.spooled(&mut tx, &object).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.arrived(&study).await.unwrap().missing, 2);
    }
}

#[tokio::test]
async fn a_second_copy_does_not_move_what_has_gone_further() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let (first, _) = arrive(&store, &mut tx, &study, "a").await;
        let out = Outgoing { name: "2.25.1.dcm", pseudonym: "P", digest: "dd", bytes: 9, clearance: "{}" };
        store.instance_cleared(&mut tx, &first.id, &out, NOW).await.unwrap();
        let (second, ours) = arrive(&store, &mut tx, &study, "a").await;
        tx.commit().await.unwrap();
        assert_eq!((second.id, second.state.as_str(), ours), (first.id, "cleared", false));
    }
}

#[tokio::test]
async fn a_spool_object_is_spent_only_when_every_project_is_done_with_it() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let (instance, _) = arrive(&store, &mut tx, &study, "a").await;
        store.instance_is(&mut tx, &instance.id, "refused", Some("digest"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.spent_spool().await.unwrap().is_empty());
        let mut tx = store.write().await.unwrap();
        store.instance_is(&mut tx, &instance.id, "acknowledged", None, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.spent_spool().await.unwrap(), [instance.spool.unwrap()]);
    }
}

#[tokio::test]
async fn the_newest_decision_holds() {
    for (_db, store) in stores().await {
        for (at, kind) in [(1, "pause"), (2, "resume"), (3, "pause")] {
            let mut tx = store.write().await.unwrap();
            let decision = Decision { kind, subject: "alder", actor: "t", note_code: None };
            store.decided(&mut tx, &decision, Timestamp::from_micros(at)).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert!(store.paused("alder").await.unwrap() && !store.paused("beech").await.unwrap());
    }
}

#[tokio::test]
async fn a_consignment_fills_is_sealed_emptied_and_found_again() {
    for (_db, store) in stores().await {
        let out = |n: &'static str, digest: &'static str| Outgoing {
            name: n,
            pseudonym: "P",
            digest,
            bytes: 3,
            clearance: "{}",
        };
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let (a, _) = arrive(&store, &mut tx, &study, "a").await;
        store.instance_cleared(&mut tx, &a.id, &out("1.dcm", "d1"), NOW).await.unwrap();
        let first = store.consignment_opened(&mut tx, "nccid", 1, "2026-01-01", 1, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let cleared = store.cleared("nccid", "2026-01-01", 9).await.unwrap();
        assert_eq!((cleared.len(), cleared[0].bytes), (1, 3));
        assert!(store.outbox_needs("nccid", "d1").await.unwrap());

        let mut tx = store.write().await.unwrap();
        assert!(store.item_consigned(&mut tx, &cleared[0], &first.id, NOW).await.unwrap());
        assert!(!store.item_consigned(&mut tx, &cleared[0], &first.id, NOW).await.unwrap(), "once");
        assert_eq!(store.items_in(&mut tx, &first.id).await.unwrap().len(), 1);
        let listed = [("1.dcm".to_owned(), "d1".to_owned())];
        store.consignment_sealed(&mut tx, &first.id, "{}", "m1", &listed).await.unwrap();
        store.consignment_sent(&mut tx, &first.id, NOW).await.unwrap();
        store.instance_cleared(&mut tx, &a.id, &out("1.dcm", "d2"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.cleared("nccid", "2026-01-01", 9).await.unwrap(), [], "listed under this date");
        assert_eq!(store.cleared("nccid", "2026-01-02", 9).await.unwrap().len(), 1);
        assert_eq!(store.earlier_versions("nccid", 2).await.unwrap(), listed);
        assert!(!store.outbox_needs("nccid", "d1").await.unwrap());

        // After a restore: a manifest lists what is known here, and what is not.
        let second = store.consignment_of_sequence("nccid", 1).await.unwrap().unwrap();
        let mut tx = store.write().await.unwrap();
        store.consignment_emptied(&mut tx, &second.id, NOW).await.unwrap();
        store.found_sent(&mut tx, "nccid", &out("1.dcm", "d2"), &second.id, NOW).await.unwrap();
        store.found_sent(&mut tx, "nccid", &out("2.dcm", "d3"), &second.id, NOW).await.unwrap();
        let (b, _) = arrive(&store, &mut tx, &study, "b").await;
        store.instance_cleared(&mut tx, &b.id, &out("2.dcm", "d3"), NOW).await.unwrap();
        assert_eq!(store.withheld(&mut tx, "nccid").await.unwrap(), []);
        tx.commit().await.unwrap();
        assert_eq!(store.items(&first.id, "sent").await.unwrap().len(), 1);
        let known = store.sent_before_restore("nccid").await.unwrap();
        assert_eq!((known.len(), known[0].1.as_str()), (1, first.id.as_str()));
        let mut tx = store.write().await.unwrap();
        store.recovered_item_sent(&mut tx, "nccid", &known[0].0, &first.id, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.sent_before_restore("nccid").await.unwrap(), []);
        assert_eq!(store.items(&first.id, "sent").await.unwrap().len(), 2);
        assert_eq!(store.spent_spool().await.unwrap(), Vec::<String>::new());
        assert_eq!(store.spare_spool().await.unwrap(), Vec::<String>::new());
        assert_eq!(store.held_since("nccid", "unrequested", NOW).await.unwrap(), []);
        let mut tx = store.write().await.unwrap();
        store.item_withdrawn(&mut tx, &known[0].0, "held", Some("objected"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.instance(&b.id).await.unwrap().unwrap().state, "sent", "what is sent stays so");
    }
}
