//! What the review pages keep, on SQLite and PostgreSQL: sessions end with their account, a rule takes two accounts, samples are
//! settled once.

use super::super::*;
use super::{NOW, a_study, arrive, stores};
use platform::clock::Timestamp;
use std::time::Duration;

const LATER: Timestamp = Timestamp::from_micros(NOW.as_micros() + 1_000_000);

async fn accounts(store: &Store, names: &[&str]) {
    let mut tx = store.write().await.unwrap();
    for name in names {
        let (role, password) = ("approver".to_owned(), "$argon2id$".to_owned());
        let account = Account { name: (*name).to_owned(), role, password, made: NOW, disabled: None };
        assert!(store.account_made(&mut tx, &account).await.unwrap());
        assert!(!store.account_made(&mut tx, &account).await.unwrap(), "once");
    }
    tx.commit().await.unwrap();
}

fn key() -> DeviceKey {
    DeviceKey { modality: "CT".into(), manufacturer: "WORKS".into(), model: "7".into(), rows: 2, columns: 3 }
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_with_its_account() {
    for (_db, store) in stores().await {
        accounts(&store, &["ann", "ben"]).await;
        let mut tx = store.write().await.unwrap();
        store.session_opened(&mut tx, "old", "ann", NOW, NOW).await.unwrap();
        store.session_seen(&mut tx, "old", LATER).await.unwrap();
        tx.commit().await.unwrap();
        let known = store.session("old").await.unwrap().unwrap();
        assert_eq!((known.account.as_str(), known.opened, known.seen), ("ann", NOW, LATER));
        let mut tx = store.write().await.unwrap();
        store.session_opened(&mut tx, "new", "ann", LATER, LATER).await.unwrap();
        store.session_opened(&mut tx, "bens", "ben", LATER, LATER).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.session("old").await.unwrap(), None, "opened before what has expired");
        let mut tx = store.write().await.unwrap();
        assert!(store.account_password(&mut tx, "ben", "$other$").await.unwrap());
        assert!(store.account_disabled(&mut tx, "ann", LATER).await.unwrap());
        assert!(!store.account_disabled(&mut tx, "ann", LATER).await.unwrap());
        assert!(!store.account_password(&mut tx, "ann", "$other$").await.unwrap(), "nobody uses it");
        tx.commit().await.unwrap();
        for digest in ["new", "bens"] {
            assert_eq!(store.session(digest).await.unwrap(), None, "{digest}");
        }
        let all: Vec<_> = store.accounts().await.unwrap().into_iter().map(|a| (a.name, a.disabled)).collect();
        assert_eq!(all, [("ann".into(), Some(LATER)), ("ben".into(), None)]);
    }
}

#[tokio::test]
async fn the_queue_has_parts_and_an_order_and_an_object_its_last_word() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let mut ids = Vec::new();
        for (n, (token, reason)) in [("a", "x y"), ("b", "y"), ("c", "x-y")].into_iter().enumerate() {
            let row = arrive(&store, &mut tx, &study, token).await;
            let at = NOW.plus(Duration::from_secs(n as u64));
            store.made_by(&mut tx, &row.id, &key(), Some("[[1,2,3,4]]"), false).await.unwrap();
            assert!(store.instance_is(&mut tx, &row.id, "held", Some(reason), at).await.unwrap());
            ids.push(row.id);
        }
        tx.commit().await.unwrap();
        let part = |source, reason| QueuePart { project: "nccid", source, reason };
        let queue = async |part: &QueuePart<'_>, skip, rows_max| {
            let rows = store.queue(part, skip, rows_max).await.unwrap();
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(queue(&part("", ""), 0, 9).await, ids);
        assert_eq!(queue(&part("alder", ""), 1, 1).await, ids[1..2]);
        assert_eq!(queue(&part("", "y"), 0, 9).await, ids[..2], "a whole code, wherever it stands");
        assert_eq!(queue(&part("beech", ""), 0, 9).await, Vec::<String>::new());
        let around = store.queue_neighbours(&part("", ""), &ids[1]).await.unwrap();
        assert_eq!(around, (Some(ids[0].clone()), Some(ids[2].clone())));
        assert_eq!(
            store.queue_neighbours(&part("", "y"), &ids[1]).await.unwrap(),
            (Some(ids[0].clone()), None)
        );
        assert_eq!(store.held_since(&ids[0]).await.unwrap(), Some(NOW));
        let row = store.instance(&ids[0]).await.unwrap().unwrap();
        assert_eq!(row.boxes.as_deref(), Some("[[1,2,3,4]]"));

        let spool = row.spool.unwrap();
        assert_eq!(store.looked_at(&spool).await.unwrap(), None);
        let decision = |kind| Decision { kind, subject: &spool, actor: "ann", note_code: None };
        let mut tx = store.write().await.unwrap();
        store.decided(&mut tx, &decision("release"), NOW).await.unwrap();
        store.masked(&mut tx, &decision("mask"), "[]", "x y", LATER).await.unwrap();
        tx.commit().await.unwrap();
        let looked = store.looked_at(&spool).await.unwrap().unwrap();
        assert_eq!((looked.kind.as_str(), looked.boxes.as_deref()), ("mask", Some("[]")));
        assert_eq!(looked.reasons.as_deref(), Some("x y"));
    }
}

#[tokio::test]
async fn a_rule_takes_two_accounts_and_a_device_has_one_in_force() {
    for (_db, store) in stores().await {
        accounts(&store, &["ann", "ben"]).await;
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let row = arrive(&store, &mut tx, &study, "a").await;
        let (device, n) = store.made_by(&mut tx, &row.id, &key(), None, true).await.unwrap();
        assert_eq!(n, 1);
        assert_eq!(store.made_by(&mut tx, &row.id, &key(), None, true).await.unwrap(), (device.clone(), 2));
        store.instance_is(&mut tx, &row.id, "held", Some("x"), NOW).await.unwrap();
        let proposal =
            Proposal { device: &device, reasons: "x", boxes: "[]", instance: &row.id, actor: "ann" };
        let first = store.rule_proposed(&mut tx, &proposal, NOW).await.unwrap();
        let second = store.rule_proposed(&mut tx, &proposal, LATER).await.unwrap();
        assert!(!store.rule_approved(&mut tx, &first, "ann", NOW).await.unwrap(), "not by who proposed it");
        assert!(store.rule_approved(&mut tx, &first, "ben", NOW).await.unwrap());
        assert!(!store.rule_approved(&mut tx, &first, "ben", NOW).await.unwrap(), "once");
        tx.commit().await.unwrap();
        let standing = store.device_standing(&key()).await.unwrap();
        let rule = InForce { id: first.clone(), reasons: "x".into(), boxes: "[]".into() };
        assert_eq!(standing, Standing { is_stopped: false, rule: Some(rule) });
        let larger = DeviceKey { rows: 9, ..key() };
        assert_eq!(store.device_standing(&larger).await.unwrap().rule, None, "of another size");
        let held = store.held_of_device(&device, NOW, "", 9).await.unwrap();
        assert_eq!(held, [(row.id.clone(), "x".to_owned())]);

        let mut tx = store.write().await.unwrap();
        assert!(store.rule_approved(&mut tx, &second, "ben", LATER).await.unwrap());
        tx.commit().await.unwrap();
        let [active, withdrawn] = [store.rules_in("active").await, store.rules_in("withdrawn").await]
            .map(|rules| rules.unwrap().into_iter().map(|rule| rule.id).collect::<Vec<_>>());
        assert_eq!((active, withdrawn), (vec![second.clone()], vec![first]));
        let mut tx = store.write().await.unwrap();
        assert!(store.rule_withdrawn(&mut tx, &second, "ben", LATER).await.unwrap());
        assert!(!store.rule_withdrawn(&mut tx, &second, "ben", LATER).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(store.rule(&second).await.unwrap().unwrap().withdrawn, Some(("ben".into(), LATER)));
    }
}

#[tokio::test]
async fn a_sample_is_settled_once_and_a_stop_is_of_all_sizes() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        let (_, study) = a_study(&store, &mut tx).await;
        let out = |name: &'static str| Outgoing {
            name,
            pseudonym: "P",
            digest: "d",
            bytes: 3,
            clearance: "{}",
            age: None,
        };
        let larger = DeviceKey { rows: 9, ..key() };
        let mut made = Vec::new();
        for (token, name, key) in [("a", "1.dcm", key()), ("b", "2.dcm", larger.clone())] {
            let row = arrive(&store, &mut tx, &study, token).await;
            assert!(store.item_cleared(&mut tx, "instance", &row.id, &out(name), NOW).await.unwrap());
            let (device, _) = store.made_by(&mut tx, &row.id, &key, None, true).await.unwrap();
            for _ in 0..2 {
                store.sample_drawn(&mut tx, &row.id, "d", &device, NOW).await.unwrap();
            }
            made.push((row.id, device));
        }
        tx.commit().await.unwrap();
        let waiting = store.samples_waiting(9).await.unwrap();
        assert_eq!(waiting.len(), 2, "the same bytes are drawn once");
        let mut tx = store.write().await.unwrap();
        for (sample, verdict) in waiting.iter().zip(["clean", "leak"]) {
            assert!(store.sample_settled(&mut tx, &sample.id, verdict, "ann", NOW).await.unwrap());
            assert!(!store.sample_settled(&mut tx, &sample.id, "gone", "hub", NOW).await.unwrap());
        }
        store.device_stopped(&mut tx, &made[0].1, Some(NOW)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.sample(&waiting[1].id).await.unwrap().unwrap().verdict.as_deref(), Some("leak"));
        let rates = store.leak_rates().await.unwrap();
        let counts: Vec<_> = rates.iter().map(|r| (r.cleared, r.waiting, r.looked, r.leaks)).collect();
        assert_eq!((counts, rates[0].is_stopped), (vec![(2, 0, 2, 1)], true), "all sizes together");
        assert!(store.device_standing(&larger).await.unwrap().is_stopped);
        let mut stopped = store.items_of_stopped().await.unwrap();
        stopped.sort();
        let mut both: Vec<String> = made.iter().map(|(id, _)| id.clone()).collect();
        both.sort();
        assert_eq!(stopped, both);
        assert_eq!(store.held_of_class(&made[0].1, "device-stopped").await.unwrap(), Vec::<String>::new());
        let mut tx = store.write().await.unwrap();
        store.device_stopped(&mut tx, &made[1].1, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.items_of_stopped().await.unwrap(), Vec::<String>::new());
        assert_eq!(store.device(&made[0].1).await.unwrap().unwrap().stopped, None);
    }
}
