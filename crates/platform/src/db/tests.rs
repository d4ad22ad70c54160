//! One text on both databases: SQLite always, PostgreSQL where `TRIBUTARY_TEST_POSTGRES` is set.

use super::*;
use crate::clock::Timestamp;
use crate::testing::{TempDir, test_dbs};
use std::os::unix::fs::PermissionsExt;

const SCHEMA: Migration = Migration {
    name: "test-1",
    ddl: "CREATE TABLE things (
        id TEXT PRIMARY KEY, at_us BIGINT, sealed {blob}, held BIGINT NOT NULL, weight DOUBLE PRECISION);
        CREATE TABLE parts (n {bigint identity}, thing TEXT NOT NULL REFERENCES things (id));",
};

async fn insert(tx: &mut Tx, id: &str) -> Result<u64, DbError> {
    sql("/* insert thing */ INSERT INTO things (id, at_us, sealed, held) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(Timestamp::from_micros(5))
        .bind(&b"\x00\xff"[..])
        .bind(true)
        .run(tx)
        .await
}

async fn count(db: &Db) -> i64 {
    let mut reader = db.read().await.unwrap();
    sql("/* count */ SELECT COUNT(*) AS n FROM things").one(&mut reader, |r| r.get("n")).await.unwrap()
}

#[tokio::test]
async fn every_type_goes_in_and_comes_out_null_or_not() {
    for test in test_dbs(&[SCHEMA]).await {
        let mut tx = test.db.write().await.unwrap();
        insert(&mut tx, "a").await.unwrap();
        sql("/* empty */ INSERT INTO things (id, at_us, sealed, held, weight) VALUES ($1, $2, $3, $4, $5)")
            .bind("b".to_owned())
            .bind(None::<Timestamp>)
            .bind(None::<Vec<u8>>)
            .bind(0_i64)
            .bind(1.5)
            .run(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut reader = test.db.read().await.unwrap();
        let rows = sql("/* all */ SELECT id, at_us, sealed, held, weight FROM things ORDER BY id")
            .all(&mut reader, |r| {
                Ok((
                    r.get::<String>("id")?,
                    r.get::<Option<Timestamp>>("at_us")?,
                    r.get::<Option<Vec<u8>>>("sealed")?,
                    r.get::<bool>("held")?,
                    r.get::<Option<f64>>("weight")?,
                ))
            })
            .await
            .unwrap();
        let expected = [
            ("a".to_owned(), Some(Timestamp::from_micros(5)), Some(vec![0, 255]), true, None),
            ("b".to_owned(), None, None, false, Some(1.5)),
        ];
        assert_eq!(rows, expected);
    }
}

#[tokio::test]
async fn many_rows_go_in_with_one_statement() {
    for test in test_dbs(&[SCHEMA]).await {
        let mut tx = test.db.write().await.unwrap();
        let mut insert =
            Query::many("/* many */ INSERT INTO things (id, held) VALUES", 2, 500, "ON CONFLICT DO NOTHING");
        for n in 0..500_u32 {
            insert = insert.bind(format!("{}", n / 2)).bind(n);
        }
        assert_eq!(insert.run(&mut tx).await.unwrap(), 250);
        tx.commit().await.unwrap();
        assert_eq!(count(&test.db).await, 250);
    }
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    for test in test_dbs(&[SCHEMA]).await {
        let mut tx = test.db.write().await.unwrap();
        insert(&mut tx, "a").await.unwrap();
        drop(tx);
        assert_eq!(count(&test.db).await, 0);
        let mut tx = test.db.write().await.unwrap();
        insert(&mut tx, "a").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(&test.db).await, 1);
    }
}

#[tokio::test]
async fn a_full_disk_fails_a_transaction_and_not_the_next() {
    let dir = TempDir::new();
    let db = Db::open(&format!("sqlite://{}", dir.path().join("a.db").display())).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let big = || sql("/* big */ INSERT INTO things (id, held) VALUES (hex(zeroblob(1000000)), 0)");
    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "a").await.unwrap();
    // As if the disk had no more room: SQLite rolls back by itself.
    sql("PRAGMA max_page_count = 20").run(&mut tx).await.unwrap();
    let full = big().run(&mut tx).await.unwrap_err();
    assert!(matches!(full, DbError::World { fault: Fault::DiskFull, .. }), "{full}");
    // What follows in that transaction must not be committed by itself.
    let after = insert(&mut tx, "c").await.unwrap_err();
    assert!(after.is_world(), "{after}");
    assert!(tx.commit().await.is_err());
    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "b").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn errors_name_the_culprit_and_never_the_value() {
    for test in test_dbs(&[SCHEMA]).await {
        let fails = async |query: Query| {
            let mut tx = test.db.write().await.unwrap();
            insert(&mut tx, "SMITH^JOHN").await.unwrap();
            let error = query.run(&mut tx).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("SMITH"), "{shown}");
            error
        };
        let twice = sql("/* twice */ INSERT INTO things (id, held) VALUES ($1, 0)").bind("SMITH^JOHN");
        assert!(fails(twice).await.is_constraint());
        let orphan = sql("/* orphan */ INSERT INTO parts (thing) VALUES ($1)").bind("SMITH^JANE");
        assert!(fails(orphan).await.is_constraint(), "foreign keys are enforced");
        let null =
            sql("/* null */ INSERT INTO things (id, held) VALUES ($1, $2)").bind("SMITH").bind(None::<i64>);
        assert!(fails(null).await.is_constraint());
        let wrong = sql("/* wrong */ SELECT nothing FROM things WHERE id = $1").bind("SMITH^JOHN");
        assert!(matches!(fails(wrong).await, DbError::Bug { doing, .. } if doing == "wrong"));
        let mut reader = test.db.read().await.unwrap();
        let none = sql("/* none */ SELECT id FROM things WHERE id = $1")
            .bind("SMITH")
            .one(&mut reader, |_| Ok(()))
            .await;
        assert!(matches!(none, Err(DbError::NoRow { .. })));
    }
    assert!(matches!(Db::open("mysql://x").await, Err(DbError::BadUrl)));
    let nowhere = Db::open("postgres://nobody@127.0.0.1:1/none").await.unwrap_err();
    assert!(nowhere.is_world(), "{nowhere}");
}

#[tokio::test]
async fn migrations_apply_once_and_a_foreign_schema_is_refused() {
    const SECOND: Migration = Migration { name: "test-2", ddl: "ALTER TABLE things ADD COLUMN more TEXT" };
    for test in test_dbs(&[SCHEMA]).await {
        test.db.migrate(&[SCHEMA, SECOND]).await.unwrap();
        test.db.migrate(&[SCHEMA, SECOND]).await.unwrap();
        assert!(
            matches!(test.db.migrate(&[SCHEMA]).await, Err(DbError::SchemaNewer(name)) if name == "test-2")
        );
        let changed = Migration { ddl: "CREATE TABLE others (id TEXT)", ..SECOND };
        assert!(
            matches!(test.db.migrate(&[SCHEMA, changed]).await, Err(DbError::SchemaChanged(name)) if name == "test-2")
        );
    }
}

#[tokio::test]
async fn a_sqlite_file_and_its_log_are_private_durable_and_copied_whole() {
    let dir = TempDir::new();
    let path = dir.path().join("deep/hub.sqlite");
    let db = Db::open(&format!("sqlite://{}", path.display())).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let mut tx = db.write().await.unwrap();
    insert(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    for file in ["deep/hub.sqlite", "deep/hub.sqlite-wal"] {
        let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let synchronous = async |tx: &mut Tx| -> i64 {
        sql("PRAGMA synchronous").one(tx, |r| r.get("synchronous")).await.unwrap()
    };
    let mut tx = db.write_forgettably().await.unwrap();
    assert_eq!(synchronous(&mut tx).await, 1, "NORMAL: nobody waits for the disk");
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    assert_eq!(synchronous(&mut tx).await, 2, "FULL: a commit survives a power cut");
    drop(tx);
    let copy = dir.path().join("copy.sqlite");
    db.copy_to(&copy).await.unwrap();
    db.close().await;
    let copy = Db::open(&format!("sqlite://{}", copy.display())).await.unwrap();
    assert_eq!(count(&copy).await, 1);
}

#[tokio::test]
async fn writers_on_one_file_wait_for_each_other() {
    for test in test_dbs(&[SCHEMA]).await {
        let writes = (0..40).map(|n| {
            let db = test.db.clone();
            async move {
                let mut tx = db.write().await?;
                insert(&mut tx, &n.to_string()).await?;
                tx.commit().await
            }
        });
        futures::future::try_join_all(writes).await.unwrap();
        assert_eq!(count(&test.db).await, 40);
    }
}

/// The runtime has one thread: whoever held it while waiting would wait for himself.
#[tokio::test]
async fn whoever_waits_for_another_process_waits_asleep() {
    let dir = TempDir::new();
    let url = format!("sqlite://{}", dir.path().join("a.db").display());
    let (ours, theirs) = (Db::open(&url).await.unwrap(), Db::open(&url).await.unwrap());
    ours.migrate(&[SCHEMA]).await.unwrap();
    let mut first = theirs.write().await.unwrap();
    let second = tokio::spawn(async move {
        let mut tx = ours.write().await?;
        insert(&mut tx, "b").await?;
        tx.commit().await
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!second.is_finished());
    }
    insert(&mut first, "a").await.unwrap();
    first.commit().await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(count(&theirs).await, 2);
}

#[tokio::test]
async fn a_group_is_committed_together_and_a_failing_caller_fails_alone() {
    for test in test_dbs(&[SCHEMA]).await {
        let group = GroupCommit::start(test.db.clone(), Duration::from_millis(5), 64);
        let callers = (0..200_u32).map(|n| {
            let group = group.clone();
            async move {
                // Every tenth repeats an id and is refused.
                let id = if n % 10 == 9 { n - 1 } else { n };
                let id = id.to_string();
                group.submit(move |tx| Box::pin(async move { insert(tx, &id).await.map(|_| n) })).await
            }
        });
        let told = futures::future::join_all(callers).await;
        assert!(told.iter().enumerate().all(|(n, r)| match r {
            Ok(value) => *value as usize == n && n % 10 != 9,
            Err(e) => e.is_constraint() && n % 10 == 9,
        }));
        assert_eq!(count(&test.db).await, 180);
    }
}

#[tokio::test]
async fn a_callers_panic_is_its_own_failure() {
    for test in test_dbs(&[SCHEMA]).await {
        let group = GroupCommit::start(test.db.clone(), Duration::from_millis(5), 64);
        let submit = |id: &'static str, panics: bool| {
            group.submit(move |tx| {
                Box::pin(async move {
                    insert(tx, id).await?;
                    assert!(!panics, "planted");
                    Ok(())
                })
            })
        };
        // In one group, and each alone afterwards.
        let told = tokio::join!(submit("a", false), submit("b", true), submit("c", false));
        assert!(told.0.is_ok() && matches!(told.1, Err(DbError::Bug { .. })) && told.2.is_ok());
        assert!(submit("d", true).await.is_err());
        submit("e", false).await.unwrap();
        assert_eq!(count(&test.db).await, 3);
    }
}

#[test]
fn sqlite_prepares_a_statement_with_a_limit_once() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch("CREATE TABLE t (id BIGINT PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)")
        .unwrap();
    let text = Dialect::Sqlite.speak("SELECT id FROM t WHERE id > $1 ORDER BY id LIMIT $2");
    let mut statement = connection.prepare(&text).unwrap();
    for limit in [1_i64, 2, 3] {
        let rows = statement.query_map([0, limit], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(rows.count(), usize::try_from(limit).unwrap());
    }
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}
