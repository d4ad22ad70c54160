//! Any edit of the past is found, and names do not get in.

use super::*;
use crate::db::Db;
use crate::testing::test_dbs;

const T: Timestamp = Timestamp::from_micros(1_600_000_000_000_000);

async fn written(db: &Db) -> Hash {
    let mut tx = db.write().await.unwrap();
    for n in 1..=20_i64 {
        let details = Details::new()
            .id("instance", &format!("h{n:032x}"))
            .unwrap()
            .number("bytes", n)
            .code("why", "sent");
        append(&mut tx, "RXX", "hub:mersey", "instance.sent", &details, T).await.unwrap();
        append(&mut tx, "RYY", "hub:mersey", "query", &Details::new(), T).await.unwrap();
    }
    let mark = mark(&mut tx, T).await.unwrap();
    append(&mut tx, "RXX", "hub:mersey", "later", &Details::new(), T).await.unwrap();
    tx.commit().await.unwrap();
    mark
}

#[tokio::test]
async fn an_untouched_chain_is_whole_and_its_mark_holds() {
    for test in test_dbs(&[SCHEMA]).await {
        let mark = written(&test.db).await;
        let mut reader = test.db.read().await.unwrap();
        let head = root(&mut reader, "RXX").await.unwrap().unwrap();
        let whole = Verdict::Whole { length: 21, root: head.root };
        assert_eq!(verify(&mut reader, "RXX").await.unwrap(), whole);
        assert!(verify_mark(&mut reader, &mark).await.unwrap());
        assert!(!verify_mark(&mut reader, &[7; 32]).await.unwrap());
        assert_eq!(roots(&mut reader).await.unwrap().len(), 2);
        assert!(matches!(verify(&mut reader, "RZZ").await.unwrap(), Verdict::Whole { length: 0, .. }));
    }
}

#[tokio::test]
async fn any_edit_is_found_at_its_place() {
    let edits: &[(&'static str, u64)] = &[
        ("UPDATE audit_rows SET details = '{}' WHERE chain = 'RXX' AND seq = 7", 7),
        ("UPDATE audit_rows SET actor = 'hub:other' WHERE chain = 'RXX' AND seq = 1", 1),
        ("UPDATE audit_rows SET at_us = at_us + 1 WHERE chain = 'RXX' AND seq = 21", 21),
        ("UPDATE audit_rows SET event = 'query' WHERE chain = 'RXX' AND seq = 9", 9),
        ("DELETE FROM audit_rows WHERE chain = 'RXX' AND seq = 5", 5),
        ("DELETE FROM audit_rows WHERE chain = 'RXX' AND seq > 18", 19),
        ("DELETE FROM audit_rows WHERE chain = 'RXX'", 1),
        ("INSERT INTO audit_rows SELECT chain, 22, at_us, actor, event, details, hash FROM audit_rows
            WHERE chain = 'RXX' AND seq = 21", 22),
        ("INSERT INTO audit_rows SELECT chain, 0, at_us, actor, event, details, hash FROM audit_rows
            WHERE chain = 'RXX' AND seq = 21", 0),
        ("UPDATE audit_chains SET length = 20, root = (SELECT hash FROM audit_rows WHERE chain = 'RXX' AND seq = 20)
            WHERE chain = 'RXX'", 21),
        ("UPDATE audit_rows SET hash = (SELECT o.hash FROM audit_rows AS o WHERE o.chain = 'RYY' AND o.seq = 4)
            WHERE chain = 'RXX' AND seq = 4", 4),
    ];
    for (edit, place) in edits {
        for test in test_dbs(&[SCHEMA]).await {
            written(&test.db).await;
            let mut tx = test.db.write().await.unwrap();
            assert!(sql(edit).run(&mut tx).await.unwrap() > 0, "{edit}");
            let found = verify(&mut tx, "RXX").await.unwrap();
            assert!(matches!(found, Verdict::Broken { seq, .. } if seq == *place), "{edit}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_past_rewritten_with_all_its_hashes_fails_the_mark() {
    for test in test_dbs(&[SCHEMA]).await {
        let mark = written(&test.db).await;
        let mut tx = test.db.write().await.unwrap();
        sql("DELETE FROM audit_rows WHERE chain = 'RXX'").run(&mut tx).await.unwrap();
        sql("DELETE FROM audit_chains WHERE chain = 'RXX'").run(&mut tx).await.unwrap();
        for _ in 0..30 {
            append(&mut tx, "RXX", "hub:mersey", "query", &Details::new(), T).await.unwrap();
        }
        assert!(matches!(verify(&mut tx, "RXX").await.unwrap(), Verdict::Whole { length: 30, .. }));
        assert!(!verify_mark(&mut tx, &mark).await.unwrap());
    }
}

#[tokio::test]
async fn a_chain_stays_whole_whoever_else_writes_it_and_whatever_is_undone() {
    let dbs = test_dbs(&[SCHEMA]).await;
    let other = test_dbs(&[SCHEMA]).await;
    for (test, other) in dbs.iter().zip(&other) {
        for (n, db) in [&test.db, &other.db, &test.db, &test.db, &other.db].into_iter().enumerate() {
            for commits in [false, true] {
                let mut tx = db.write().await.unwrap();
                append(&mut tx, "RWHOLE", "hub", "query", &Details::new().number("n", n as i64), T)
                    .await
                    .unwrap();
                if commits { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
            }
        }
        for (db, rows) in [(&test.db, 3), (&other.db, 2)] {
            let found = verify(&mut db.read().await.unwrap(), "RWHOLE").await.unwrap();
            assert!(matches!(found, Verdict::Whole { length, .. } if length == rows), "{found:?}");
        }
    }
}

#[test]
fn what_is_not_an_id_is_refused_and_not_repeated() {
    let texts = ["SMITH^JOHN", "John Smith", "9990000018", "", "Müller", "a\nb", &"x".repeat(129)];
    for text in texts {
        let refused = Details::new().word("subject", text).unwrap_err().to_string();
        assert!(text.is_empty() || !refused.contains(text));
    }
    // A bare name has the form of a word, and never that of an id.
    for text in texts.into_iter().chain(["Smith", "WOLFESCHLEGELSTEIN", "deadbeef", "RX1"]) {
        let refused = Details::new().id("subject", text).unwrap_err().to_string();
        assert!(text.is_empty() || !refused.contains(text));
    }
    let digest = "0123456789abcdef".repeat(4);
    for id in ["NCCIDABCDEFGHIJKLMNOPQRST", &digest, &digest[..32], &format!("h{}", &digest[..32])] {
        Details::new().id("subject", id).unwrap();
    }
    Details::new().word("object", "raw-hub/2020-04-01/x.dcm").unwrap();
}
