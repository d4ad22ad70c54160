//! Each job is done exactly once, whoever dies on the way.

use super::*;
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::shutdown::shutdown;
use crate::testing::test_dbs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const T: Timestamp = Timestamp::from_micros(1_600_000_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const DONE: Migration = Migration { name: "done-1", ddl: "CREATE TABLE done (job TEXT NOT NULL)" };

async fn owe(db: &Db, jobs: &[Job]) -> u64 {
    let mut tx = db.write().await.unwrap();
    let new = enqueue_all(&mut tx, jobs, T).await.unwrap();
    tx.commit().await.unwrap();
    new
}

async fn claim_one(db: &Db, now: Timestamp) -> Option<Lease> {
    claim(db, &["send"], "here", "me", 1, now, MINUTE).await.unwrap().pop()
}

async fn with_tx(db: &Db, act: impl AsyncFnOnce(&mut Tx) -> Result<(), JobError>) -> Result<(), JobError> {
    let mut tx = db.write().await.unwrap();
    act(&mut tx).await?;
    tx.commit().await.unwrap();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_thousand_jobs_and_four_workers_each_is_done_exactly_once() {
    for test in test_dbs(&[SCHEMA, DONE]).await {
        let jobs: Vec<_> = (0..2000).map(|n| Job::now("send", format!("j{n}"))).collect();
        assert_eq!(owe(&test.db, &jobs).await, 2000);
        assert_eq!(owe(&test.db, &jobs[..10]).await, 0, "owed already");
        let workers = (0..4).map(|_| {
            let db = test.db.clone();
            tokio::spawn(async move {
                let mut done = 0_u64;
                loop {
                    let leases = claim(&db, &["send", "other"], "here", "me", 25, T, MINUTE).await.unwrap();
                    if leases.is_empty() {
                        return done;
                    }
                    assert!(leases.len() <= 25);
                    let mut tx = db.write().await.unwrap();
                    for lease in &leases {
                        sql("INSERT INTO done (job) VALUES ($1)")
                            .bind(&lease.key)
                            .run(&mut tx)
                            .await
                            .unwrap();
                        complete(&mut tx, lease, T).await.unwrap();
                        done += 1;
                    }
                    tx.commit().await.unwrap();
                }
            })
        });
        let done: u64 = futures::future::try_join_all(workers).await.unwrap().into_iter().sum();
        assert_eq!(done, 2000);
        let mut reader = test.db.read().await.unwrap();
        let (rows, distinct): (i64, i64) = sql("SELECT COUNT(*) AS n, COUNT(DISTINCT job) AS d FROM done")
            .one(&mut reader, |r| Ok((r.get("n")?, r.get("d")?)))
            .await
            .unwrap();
        assert_eq!((rows, distinct), (2000, 2000));
    }
}

#[tokio::test]
async fn a_worker_whose_lease_was_lost_cannot_complete_retry_renew_or_park() {
    for test in test_dbs(&[SCHEMA]).await {
        let db = &test.db;
        owe(db, &[Job::now("send", "a")]).await;
        let slow = claim_one(db, T).await.unwrap();
        assert!(claim_one(db, T.plus(MINUTE / 2)).await.is_none(), "held");
        let quick = claim_one(db, T.plus(MINUTE)).await.unwrap();
        assert_eq!((slow.attempts, quick.attempts), (1, 2));
        let lost = [
            with_tx(db, async |tx| complete(tx, &slow, T).await).await,
            with_tx(db, async |tx| retry_later(tx, &slow, T, "x").await).await,
            with_tx(db, async |tx| give_up(tx, &slow, "x").await).await,
            with_tx(db, async |tx| renew(tx, &slow, T).await).await,
            with_tx(db, async |tx| release(tx, &slow, T).await).await,
        ];
        assert!(lost.iter().all(|r| matches!(r, Err(JobError::LeaseLost { .. }))), "{lost:?}");
        with_tx(db, async |tx| complete(tx, &quick, T).await).await.unwrap();
        let again = with_tx(db, async |tx| complete(tx, &quick, T).await).await;
        assert!(matches!(again, Err(JobError::LeaseLost { .. })), "done is done");
    }
}

#[tokio::test]
async fn a_job_and_its_completion_stand_or_fall_with_their_transaction() {
    for test in test_dbs(&[SCHEMA]).await {
        let db = &test.db;
        let mut tx = db.write().await.unwrap();
        enqueue(&mut tx, &Job::now("send", "a"), T).await.unwrap();
        tx.rollback().await.unwrap();
        assert!(claim_one(db, T).await.is_none());
        owe(db, &[Job::now("send", "a")]).await;
        let lease = claim_one(db, T).await.unwrap();
        let mut tx = db.write().await.unwrap();
        complete(&mut tx, &lease, T).await.unwrap();
        tx.rollback().await.unwrap();
        assert!(claim_one(db, T.plus(MINUTE)).await.is_some());
    }
}

#[tokio::test]
async fn jobs_wait_for_their_time_their_host_and_their_kind() {
    for test in test_dbs(&[SCHEMA]).await {
        let db = &test.db;
        let there = Job { host: Some("there".into()), ..Job::now("send", "bound") };
        owe(
            db,
            &[Job { run_after: T.plus(MINUTE), ..Job::now("send", "later") }, there, Job::now("fetch", "a")],
        )
        .await;
        assert!(claim_one(db, T).await.is_none());
        let due = next_due(&mut db.read().await.unwrap(), &["send"], "here").await.unwrap();
        assert_eq!(due, Some(T.plus(MINUTE)));
        assert_eq!(claim_one(db, T.plus(MINUTE)).await.unwrap().key, "later");
        assert_eq!(claim(db, &["send"], "there", "me", 9, T, MINUTE).await.unwrap().len(), 1);
        assert!(claim(db, &[], "here", "me", 1, T, MINUTE).await.is_err());
    }
}

#[tokio::test]
async fn parked_jobs_show_their_code_and_come_back_when_a_person_acts() {
    for test in test_dbs(&[SCHEMA]).await {
        let db = &test.db;
        owe(db, &[Job::now("send", "a"), Job::now("send", "b"), Job::now("send", "c")]).await;
        let lease = claim_one(db, T).await.unwrap();
        with_tx(db, async |tx| give_up(tx, &lease, "refused").await).await.unwrap();
        let running = claim_one(db, T).await.unwrap();
        let mut reader = db.read().await.unwrap();
        let shown: Vec<_> =
            counts(&mut reader, T).await.unwrap().into_iter().map(|c| (c.state, c.jobs)).collect();
        assert_eq!(shown, [("parked".into(), 1), ("running".into(), 1), ("waiting".into(), 1)]);
        let parked = parked(&mut reader, 10).await.unwrap();
        assert_eq!((parked[0].code.as_str(), parked.len()), ("refused", 1));
        drop(reader);
        with_tx(db, async |tx| release(tx, &running, T).await).await.unwrap();
        let mut tx = db.write().await.unwrap();
        assert!(unpark(&mut tx, "send", &lease.key, T).await.unwrap());
        tx.commit().await.unwrap();
        let all = claim(db, &["send"], "here", "me", 9, T, MINUTE).await.unwrap();
        assert_eq!(
            (all.len(), all.iter().all(|l| l.attempts == 1)),
            (3, true),
            "released and unparked: a first attempt"
        );
        with_tx(db, async |tx| complete(tx, &all[0], T).await).await.unwrap();
        let mut tx = db.write().await.unwrap();
        assert_eq!(forget_done(&mut tx, T.plus(MINUTE)).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_long_queue_keeps_no_other_waiting() {
    for test in test_dbs(&[SCHEMA]).await {
        let db = &test.db;
        let at = async |kind: &'static str, key: String, now: Timestamp| {
            let mut tx = db.write().await.unwrap();
            enqueue(&mut tx, &Job::now(kind, key), now).await.unwrap();
            tx.commit().await.unwrap();
        };
        let later = |n: u32| T.plus(MINUTE * n);
        for n in 0..5 {
            at("send", format!("old {n}"), T).await;
        }
        at("other", "between".into(), later(1)).await;
        for n in 0..5 {
            at("send", format!("new {n}"), later(2)).await;
        }
        let mut order = Vec::new();
        loop {
            let leases = claim(db, &["send", "other"], "here", "me", 2, later(3), MINUTE).await.unwrap();
            if leases.is_empty() {
                break;
            }
            order.extend(leases.into_iter().map(|lease| lease.key));
        }
        assert_eq!(order.len(), 11);
        assert!(order.iter().position(|key| key == "between").unwrap() <= 6, "{order:?}");
    }
}

#[test]
fn the_wait_grows_and_is_bounded() {
    let lease = |attempts| Lease {
        id: "i".into(),
        token: "t".into(),
        kind: "k".into(),
        key: "key-17".into(),
        payload: String::new(),
        attempts,
        until: T,
    };
    let wait = |n| backoff(&lease(n), Duration::from_secs(5), Duration::from_secs(3600));
    assert!(wait(1) >= Duration::from_secs(5) && wait(1) <= Duration::from_millis(6250));
    assert!(wait(4) >= Duration::from_secs(40) && wait(4) <= Duration::from_secs(50));
    for n in [20, 33, 1000, u32::MAX] {
        assert!(wait(n) >= Duration::from_secs(3600) && wait(n) <= Duration::from_secs(4500));
    }
}

/// A step that is put off twice, then finishes; one that panics; one that makes a next job.
fn driver(db: &Db, clock: Arc<dyn Clock>, steps: &Arc<AtomicU64>) -> Driver {
    let (own, now, steps) = (db.clone(), clock.clone(), steps.clone());
    Driver::new(db.clone(), clock, DriverConfig::new(&["send"], "here", 3), move |lease| {
        let (db, clock, steps) = (own.clone(), now.clone(), steps.clone());
        async move {
            steps.fetch_add(1, Ordering::Relaxed);
            match lease.key.as_str() {
                "late" if lease.attempts < 3 => return Outcome::RetryLater { at: None, code: "peer-busy" },
                "bad" => panic!("a bug"),
                "hopeless" => return Outcome::GiveUp { code: "no-such-thing" },
                _ => {}
            }
            let mut tx = db.write().await.unwrap();
            if let Some(n) =
                lease.key.strip_prefix("chain-").and_then(|n| n.parse::<u32>().ok()).filter(|n| *n > 0)
            {
                enqueue(&mut tx, &Job::now("send", format!("chain-{}", n - 1)), clock.now()).await.unwrap();
            }
            complete(&mut tx, &lease, clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            Outcome::Finished
        }
    })
}

#[tokio::test]
async fn on_a_manual_clock_a_night_of_retries_takes_no_time() {
    for test in test_dbs(&[SCHEMA]).await {
        let (clock, steps) = (ManualClock::new(T), Arc::new(AtomicU64::new(0)));
        let driver = driver(&test.db, clock.shared(), &steps);
        let keys = ["late", "bad", "hopeless", "chain-5", "x", "y"];
        owe(&test.db, &keys.map(|key| Job::now("send", key))).await;
        let mut idle = driver.run_until_idle().await.unwrap();
        assert_eq!(idle.steps, 11);
        while let Some(due) = idle.next_due {
            assert!(due > clock.now());
            clock.advance_to(due);
            idle = driver.run_until_idle().await.unwrap();
        }
        assert_eq!(steps.load(Ordering::Relaxed), 13);
        let mut reader = test.db.read().await.unwrap();
        let mut codes: Vec<_> = parked(&mut reader, 9).await.unwrap().into_iter().map(|p| p.code).collect();
        codes.sort();
        assert_eq!(codes, ["no-such-thing", "panic"]);
    }
}

#[tokio::test]
async fn a_running_driver_hears_of_new_work_and_ends_when_asked() {
    for test in test_dbs(&[SCHEMA]).await {
        let steps = Arc::new(AtomicU64::new(0));
        let driver = driver(&test.db, SystemClock::shared(), &steps);
        let (ask, hear) = shutdown();
        let running = tokio::spawn({
            let driver = driver.clone();
            async move { driver.run(hear).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        owe(&test.db, &[Job::now("send", "chain-20")]).await;
        driver.wake();
        for _ in 0..400 {
            if steps.load(Ordering::Relaxed) == 21 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ask.request();
        tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
        assert_eq!(steps.load(Ordering::Relaxed), 21);
        let shown = counts(&mut test.db.read().await.unwrap(), SystemClock.now()).await.unwrap();
        assert!(shown.iter().all(|c| c.state == "done"), "{shown:?}");
    }
}

#[tokio::test]
async fn what_is_owed_already_is_not_owed_twice_but_comes_sooner() {
    for test in test_dbs(&[SCHEMA, PAYLOADS]).await {
        let db = &test.db;
        let job = |key: &str| Job { key: key.into(), payload: "study".into(), ..Job::now("send", "") };
        with_tx(db, async |tx| Ok(super::owe(tx, &job("a"), T).await?)).await.unwrap();
        with_tx(db, async |tx| Ok(super::owe(tx, &job("b"), T).await?)).await.unwrap();
        let held = claim(db, &["send"], "here", "me", 9, T, MINUTE).await.unwrap();
        assert_eq!(held.len(), 1);
        // It may have looked before there was a reason to look again: one more waits behind it, not two.
        with_tx(db, async |tx| Ok(super::owe(tx, &job("a"), T).await?)).await.unwrap();
        with_tx(db, async |tx| Ok(super::owe(tx, &job("c"), T).await?)).await.unwrap();
        let behind = claim(db, &["send"], "here", "me", 9, T, MINUTE).await.unwrap();
        assert_eq!(behind.len(), 1);
        assert!(behind[0].key.starts_with("a:"), "{}", behind[0].key);
        with_tx(db, async |tx| complete(tx, &behind[0], T).await).await.unwrap();
        with_tx(db, async |tx| retry_later(tx, &held[0], T.plus(MINUTE * 60), "short").await).await.unwrap();
        with_tx(db, async |tx| Ok(super::owe(tx, &job("d"), T).await?)).await.unwrap();
        let sooner = claim_one(db, T).await.unwrap();
        with_tx(db, async |tx| give_up(tx, &sooner, "panic").await).await.unwrap();
        with_tx(db, async |tx| Ok(super::owe(tx, &job("e"), T).await?)).await.unwrap();
        let unparked = claim_one(db, T).await.unwrap();
        assert_eq!(unparked.key, "a");
        with_tx(db, async |tx| complete(tx, &unparked, T).await).await.unwrap();
        with_tx(db, async |tx| Ok(super::owe(tx, &job("f"), T).await?)).await.unwrap();
        assert_eq!(claim_one(db, T).await.unwrap().key, "f", "what is done may be owed again");
    }
}

#[tokio::test]
async fn a_process_that_starts_again_frees_what_it_held_and_nothing_else() {
    for test in test_dbs(&[SCHEMA]).await {
        let db = &test.db;
        owe(db, &[Job::now("send", "a"), Job::now("send", "b")]).await;
        for owner in ["me", "you"] {
            assert_eq!(claim(db, &["send"], "here", owner, 1, T, MINUTE).await.unwrap().len(), 1);
        }
        let mut tx = db.write().await.unwrap();
        assert_eq!(free_of(&mut tx, "me", T).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let again = claim(db, &["send"], "here", "me", 9, T, MINUTE).await.unwrap();
        assert_eq!((again.len(), again[0].attempts), (1, 1), "yours is yours");
    }
}

/// A driver whose step waits to be let go, and the step's count.
fn patient(db: &Db, clock: &ManualClock) -> (Driver, Arc<AtomicU64>, Arc<tokio::sync::Notify>) {
    let (begun, go) = (Arc::new(AtomicU64::new(0)), Arc::new(tokio::sync::Notify::new()));
    let mut config = DriverConfig::new(&["send"], "here", 1);
    (config.lease, config.step_max) = (MINUTE, 30 * MINUTE);
    let (own, steps, wait, now) = (db.clone(), begun.clone(), go.clone(), clock.shared());
    let driver = Driver::new(db.clone(), clock.shared(), config, move |lease| {
        let (db, steps, wait, clock) = (own.clone(), steps.clone(), wait.clone(), now.clone());
        async move {
            steps.fetch_add(1, Ordering::Relaxed);
            wait.notified().await;
            let mut tx = db.write().await.unwrap();
            complete(&mut tx, &lease, clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            Outcome::Finished
        }
    });
    (driver, begun, go)
}

/// Waits for what other tasks do, not for time.
async fn until(what: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if what().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to pass");
}

#[tokio::test]
async fn a_lease_is_renewed_while_its_step_runs_and_no_longer_than_a_step_may_take() {
    for test in test_dbs(&[SCHEMA]).await {
        let (db, clock) = (&test.db, ManualClock::new(T));
        owe(db, &[Job::now("send", "long")]).await;
        let (driver, begun, go) = patient(db, &clock);
        let running = tokio::spawn(async move { driver.run_until_idle().await });
        until(async || begun.load(Ordering::Relaxed) == 1).await;
        let due = async || next_due(&mut db.read().await.unwrap(), &["send"], "here").await.unwrap().unwrap();
        // Longer than it was claimed for, all in all.
        for _ in 0..4 {
            let before = due().await;
            until(async || {
                let is_renewed = due().await > before;
                if !is_renewed {
                    clock.advance(MINUTE / 300);
                }
                is_renewed
            })
            .await;
        }
        assert!(clock.now() > T.plus(MINUTE));
        assert!(claim(db, &["send"], "here", "you", 1, clock.now(), MINUTE).await.unwrap().is_empty());
        go.notify_one();
        running.await.unwrap().unwrap();
        assert_eq!(begun.load(Ordering::Relaxed), 1);

        owe(db, &[Job::now("send", "for ever")]).await;
        let (driver, begun, _go) = patient(db, &clock);
        let running = tokio::spawn(async move { driver.run_until_idle().await });
        until(async || begun.load(Ordering::Relaxed) == 1).await;
        // It is dropped, and its job is taken again where it is due by then.
        until(async || {
            clock.advance(MINUTE);
            begun.load(Ordering::Relaxed) > 1 || running.is_finished()
        })
        .await;
        running.abort();
    }
}
