//! The store on SQLite and PostgreSQL: states move forward, second copies change nothing, counts sum.

mod ages;
mod portal;

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

/// An object of an instance arrives; a version that has arrived at the national house is superseded.
async fn arrives(store: &Store, tx: &mut Tx, study: &Study, token: &str) -> Arrival {
    arrives_of(store, tx, Some(study), "p1", token).await
}

/// The same of a person, asked for in a study or not.
async fn arrives_of(store: &Store, tx: &mut Tx, study: Option<&Study>, person: &str, token: &str) -> Arrival {
    let spool = new_id();
    let object =
        Spooled { id: spool.clone(), source: "alder".into(), token: token.into(), bytes: 9, received_us: 1 };
    store.spooled(tx, &object).await.unwrap();
    let belongs = Belongs {
        project: "nccid",
        source: "alder",
        trust: Some("RX1"),
        study: study.map(|study| study.id.as_str()),
        person: Some(person),
        series: None,
        token,
        spool: &spool,
    };
    store.instance_received(tx, &belongs, true, NOW).await.unwrap()
}

async fn arrive(store: &Store, tx: &mut Tx, study: &Study, token: &str) -> Instance {
    match arrives(store, tx, study, token).await {
        Arrival::Ours(instance) => instance,
        other => panic!("not taken in: {other:?}"),
    }
}

/// Moves an instance through these states.
async fn goes(store: &Store, tx: &mut Tx, id: &str, states: &[&str]) {
    for state in states {
        assert!(store.instance_is(tx, id, state, None, NOW).await.unwrap(), "to {state}");
    }
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
        assert!(!anew.is_rejected() && !store.study_is_rejected(&mut tx, &anew.id).await.unwrap());
        assert_eq!((anew.trust.as_str(), &anew.cohort_row, &anew.person), ("RX2", &other.id, &other.person));
        store.study_is(&mut tx, &study.id, "excluded", Some("by-hand"), NOW).await.unwrap();
        let rejected =
            store.study_found(&mut tx, &NewStudy { row: &row, trust: "RX1", ..new }, NOW).await.unwrap();
        assert!(rejected.is_rejected() && rejected.trust == "RX2");
        assert!(store.study_is_rejected(&mut tx, &rejected.id).await.unwrap());
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
        let instance = arrive(&store, &mut tx, &study, "a").await;
        assert_eq!(instance.state, "received");
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
async fn another_object_waits_until_the_version_before_it_has_arrived() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let first = arrive(&store, &mut tx, &study, "a").await;
        for state in ["cleared", "consigned", "sent"] {
            goes(&store, &mut tx, &first.id, &[state]).await;
            let Arrival::After(row) = arrives(&store, &mut tx, &study, "a").await else { panic!("taken in") };
            assert_eq!((&row.id, row.state.as_str(), &row.spool), (&first.id, state, &first.spool));
        }
        goes(&store, &mut tx, &first.id, &["acknowledged"]).await;
        let second = arrive(&store, &mut tx, &study, "a").await;
        assert_eq!((&second.id, second.state.as_str()), (&first.id, "received"));
        assert_ne!(second.spool, first.spool);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_mended_object_takes_the_place_of_one_that_was_held_unless_a_person_rejected_it() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let mut spool = arrive(&store, &mut tx, &study, "a").await.spool;
        for state in ["held", "quarantined", "rejected"] {
            let row = arrive(&store, &mut tx, &study, "a").await;
            assert_ne!(row.spool, spool, "by policy only: {state}");
            spool = row.spool;
            goes(&store, &mut tx, &row.id, &[state]).await;
            let decision = Decision { kind: "reject", subject: &row.id, actor: "t", note_code: None };
            if state == "rejected" {
                store.decided(&mut tx, &decision, NOW).await.unwrap();
            }
        }
        assert_eq!(arrives(&store, &mut tx, &study, "a").await, Arrival::Unwanted);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn objects_of_an_instance_are_looked_at_in_the_order_in_which_they_came() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let earlier =
            Spooled { id: new_id(), source: "alder".into(), token: "a".into(), bytes: 9, received_us: 0 };
        store.spooled(&mut tx, &earlier).await.unwrap();
        let job = platform::jobs::Job::now("deidentify", &earlier.id);
        platform::jobs::enqueue(&mut tx, &job, NOW).await.unwrap();
        assert_eq!(arrives(&store, &mut tx, &study, "a").await, Arrival::Early);
        assert!(matches!(arrives(&store, &mut tx, &study, "b").await, Arrival::Ours(_)), "another instance");
        tx.commit().await.unwrap();
        assert_eq!(store.spare_spool().await.unwrap(), Vec::<String>::new(), "it waits");
    }
}

/// What is on its way out may be taken back.
const TAKEN_BACK: [&str; 3] = ["held", "quarantined", "received"];

#[tokio::test]
async fn whatever_is_done_in_whatever_order_only_legal_moves_happen_and_none_twice() {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    let states = MOVES.iter().map(|(state, _)| *state).collect::<Vec<_>>();
    let acts = prop::collection::vec((0..states.len() + 3, 0_usize..3), 1..60);
    for (_db, store) in stores().await {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let out =
            Outgoing { name: "1.dcm", pseudonym: "P", digest: "d", bytes: 1, clearance: "{}", age: None };
        let mut seen = std::collections::BTreeSet::new();
        for case in 0..40 {
            let token = format!("case {case}");
            let id = arrive(&store, &mut tx, &study, &token).await.id;
            let mut at = "received".to_owned();
            for (act, back) in acts.new_tree(&mut runner).unwrap().current() {
                let mut moved = Vec::new();
                // Every step may run twice.
                for _ in 0..2 {
                    moved.push(match states.get(act) {
                        Some(state) => store.instance_is(&mut tx, &id, state, None, NOW).await.unwrap(),
                        None if act == states.len() => {
                            matches!(arrives(&store, &mut tx, &study, &token).await, Arrival::Ours(_))
                        }
                        None if act == states.len() + 1 => {
                            store.item_cleared(&mut tx, "instance", &id, &out, NOW).await.unwrap()
                        }
                        None => {
                            let item = Item { id: id.clone(), ..an_item() };
                            let to = TAKEN_BACK[back];
                            store.item_withdrawn(&mut tx, &item, to, None, NOW).await.unwrap()
                        }
                    });
                }
                let query = sql("SELECT state FROM instance WHERE id = $1").bind(&id);
                let now: String = query.one(&mut tx, |row| row.get("state")).await.unwrap();
                let is_legal = MOVES.iter().any(|(to, from)| *to == now && from.contains(&at.as_str()));
                let is_back =
                    matches!(at.as_str(), "cleared" | "consigned") && TAKEN_BACK.contains(&now.as_str());
                assert!(now == at || is_legal || is_back, "{at} → {now}");
                assert!(moved[0] || !moved[1], "a step that moved nothing moves nothing when it runs again");
                assert!(now == at || moved[0]);
                seen.insert(now.clone());
                at = now;
            }
        }
        assert_eq!(seen.len(), states.len(), "every state was reached: {seen:?}");
        tx.rollback().await.unwrap();
    }
}

fn an_item() -> Item {
    Item {
        kind: "instance".into(),
        id: String::new(),
        trust: "RX1".into(),
        person: "p1".into(),
        name: "1.dcm".into(),
        pseudonym: "P".into(),
        digest: "d".into(),
        bytes: 1,
        clearance: "{}".into(),
        age: None,
    }
}

#[tokio::test]
async fn a_spool_object_is_spent_only_when_every_project_is_done_with_it() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let instance = arrive(&store, &mut tx, &study, "a").await;
        goes(&store, &mut tx, &instance.id, &["cleared", "consigned", "sent", "refused"]).await;
        tx.commit().await.unwrap();
        assert!(store.spent_spool().await.unwrap().is_empty());
        let mut tx = store.write().await.unwrap();
        goes(&store, &mut tx, &instance.id, &["acknowledged"]).await;
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
            age: None,
        };
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let a = arrive(&store, &mut tx, &study, "a").await;
        assert!(store.item_cleared(&mut tx, "instance", &a.id, &out("1.dcm", "d1"), NOW).await.unwrap());
        let first = store.consignment_opened(&mut tx, "nccid", 1, "2026-01-01", 1, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let cleared = store.cleared("nccid", "2026-01-01", &Ages::new(), 9).await.unwrap();
        assert_eq!((cleared.len(), cleared[0].bytes), (1, 3));
        assert!(store.outbox_spares("nccid", &["d1"]).await.unwrap().is_empty());

        let mut tx = store.write().await.unwrap();
        assert_eq!(store.items_consigned(&mut tx, &cleared, &first.id, NOW).await.unwrap(), 1);
        assert_eq!(store.items_consigned(&mut tx, &cleared, &first.id, NOW).await.unwrap(), 0, "once");
        assert_eq!(store.items_in(&mut tx, &first.id).await.unwrap().len(), 1);
        let listed = [("1.dcm".to_owned(), "d1".to_owned())];
        store.consignment_sealed(&mut tx, &first.id, "{}", "m1", &listed).await.unwrap();
        store.consignment_sent(&mut tx, &first.id, NOW).await.unwrap();
        goes(&store, &mut tx, &a.id, &["acknowledged"]).await;
        arrive(&store, &mut tx, &study, "a").await;
        assert!(store.item_cleared(&mut tx, "instance", &a.id, &out("1.dcm", "d2"), NOW).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(
            store.cleared("nccid", "2026-01-01", &Ages::new(), 9).await.unwrap(),
            [],
            "listed under this date"
        );
        assert_eq!(store.cleared("nccid", "2026-01-02", &Ages::new(), 9).await.unwrap().len(), 1);
        assert_eq!(store.earlier_versions("nccid", 2).await.unwrap(), listed);
        assert_eq!(store.outbox_spares("nccid", &["d1", "d1"]).await.unwrap(), ["d1"]);

        // After a restore: a manifest lists what is known here, and what is not.
        let second = store.consignment_of_sequence("nccid", 1).await.unwrap().unwrap();
        let mut tx = store.write().await.unwrap();
        store.consignment_emptied(&mut tx, &second.id, NOW).await.unwrap();
        store.found_sent(&mut tx, "nccid", &out("1.dcm", "d2"), &second.id, NOW).await.unwrap();
        store.found_sent(&mut tx, "nccid", &out("2.dcm", "d3"), &second.id, NOW).await.unwrap();
        let b = arrive(&store, &mut tx, &study, "b").await;
        assert!(store.item_cleared(&mut tx, "instance", &b.id, &out("2.dcm", "d3"), NOW).await.unwrap());
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
        assert_eq!(store.spare_spool().await.unwrap(), [a.spool.unwrap()], "superseded");
        assert_eq!(store.unasked_since("nccid", NOW).await.unwrap(), []);
        let mut tx = store.write().await.unwrap();
        store.item_withdrawn(&mut tx, &known[0].0, "held", Some("objected"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.instance(&b.id).await.unwrap().unwrap().state, "sent", "what is sent stays so");
    }
}

/// What grows with every night is found by an index, whatever the number of its rows.
#[tokio::test]
async fn no_statement_of_the_night_walks_a_table() {
    let sources = [
        include_str!("accounts.rs"),
        include_str!("ages.rs"),
        include_str!("cohorts.rs"),
        include_str!("consignments.rs"),
        include_str!("counts.rs"),
        include_str!("devices.rs"),
        include_str!("instances.rs"),
        include_str!("recovery.rs"),
        include_str!("reviews.rs"),
        include_str!("samples.rs"),
    ];
    let plans = platform::testing::plans::plans(MIGRATIONS, &sources).await;
    assert!(plans.len() > 70, "{} statements", plans.len());
    // What is in the spool now, not all that ever was; what waits, not all that was drawn.
    let partial = ["spool_alive", "sample_waiting", "device_stopped"];
    // `i` and `item` are the few that an index found in the step before.
    let found = |plan: &platform::testing::plans::Plan, walk: &str| {
        ["SCAN i", "SCAN item"].contains(&walk)
            && plan.steps.iter().any(|step| step.contains("(project=? AND state=?)"))
    };
    let walks: Vec<(&str, &str)> = plans
        .iter()
        .flat_map(|plan| plan.walks(&partial).into_iter().map(move |walk| (plan, walk)))
        .filter(|(plan, walk)| !found(plan, walk))
        .map(|(plan, walk)| (plan.name.as_str(), walk))
        .collect();
    let known = [
        // As many as there are people who sign in.
        ("store: accounts", "SCAN account USING INDEX sqlite_autoindex_account_1"),
        // As many as there are ages, and people of each as are asked for.
        ("store: few ages", "SCAN found"),
        ("store: few ages", "SCAN people"),
        // Walked only while a foreign key of this transaction dangles.
        ("store: sheet imported", "SCAN cohort_row"),
        ("store: consignment opened", "SCAN recovered"),
        // Counted for people to look at.
        ("store: expected counts", "SCAN expected"),
        ("store: leak rates", "SCAN sample USING COVERING INDEX sample_device"),
        ("store: leak rates", "SCAN d USING INDEX sqlite_autoindex_device_2"),
    ];
    assert_eq!(walks, known);
}
