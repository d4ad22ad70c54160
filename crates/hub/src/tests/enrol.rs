//! A sheet becomes work without holding up what arrives, and a later sheet corrects an earlier one.

use super::{HOUR, House, Now};
use crate::cohort::{Import, Sheet, import};
use crate::enrol::enrol;
use crate::pipeline::clinical;
use crate::pipeline::nightly::night;
use platform::db::sql;
use platform::jobs::{self, Outcome};
use std::fmt::Write as _;
use std::time::Duration;
use submission::clinical::DataRecord;
use submission::digest::Digest;
use submission::names::Day;

const ANNA: &str = "9990000018";

fn sheet(house: &House, csv: &str) -> Sheet {
    let limits = &house.hub.config.limits;
    let import_ = Import {
        project: &house.served().project,
        map: &[],
        dates: None,
        issuer: Some("RX1"),
        arm: None,
        worksheet: None,
        placeholders: &[],
        today: house.clock.now_().date(),
        sheet_bytes_max: limits.sheet_bytes_max,
        sheet_rows_max: limits.sheet_rows_max,
    };
    let sheet = import(csv.as_bytes(), &import_, &house.hub.custody).unwrap();
    assert_eq!(sheet.problems.len(), 0, "{:?}", sheet.problems);
    sheet
}

async fn enrolled(house: &House, csv: &str) {
    let sheet = sheet(house, csv);
    let digest = Digest::of(csv.as_bytes()).to_string();
    enrol(&house.hub, house.served(), "RX1", &sheet, &digest, "test").await.unwrap();
}

fn anna(swab: &str) -> String {
    format!("NHS number,Date of birth,Status,Swab date\n{ANNA},1950-02-03,positive,{swab}\n")
}

/// How many jobs of a kind wait.
async fn waiting(house: &House, kind: &'static str) -> i64 {
    let query = sql("SELECT COUNT(*) AS n FROM jobs WHERE kind = $1 AND state = 'open'").bind(kind);
    query.one(&mut house.hub.store.db().read().await.unwrap(), |row| row.get("n")).await.unwrap()
}

async fn work(house: &House) {
    let (db, now) = (house.hub.store.db(), house.clock.now_());
    let claimed =
        jobs::claim(db, &["clinical"], "here", "me", 9, now, Duration::from_secs(60)).await.unwrap();
    for lease in claimed {
        assert_eq!(clinical::step(&house.hub, &lease).await.unwrap(), Outcome::Finished);
    }
}

/// A night with its answer.
async fn whole_night(house: &House) {
    night(&house.hub).await.unwrap();
    house.answer(&[]).await;
    night(&house.hub).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_date_is_asked_for_anew_and_renews_the_record_with_the_next_date() {
    let house = House::new().await;
    let person = house.person(ANNA).await;
    enrolled(&house, &anna("2020-04-01")).await;
    work(&house).await;
    whole_night(&house).await;
    let row = house.hub.store.rows("nccid").await.unwrap().remove(0);
    let state = async || house.hub.store.clinical(&row.id).await.unwrap().unwrap().state;
    assert_eq!(state().await, "acknowledged");
    let asked = waiting(&house, "query").await;
    // The same sheet again changes nothing.
    enrolled(&house, &anna("2020-04-01")).await;
    night(&house.hub).await.unwrap();
    assert_eq!((waiting(&house, "query").await, state().await), (asked, "acknowledged".into()));

    enrolled(&house, &anna("2020-05-02")).await;
    assert_eq!(waiting(&house, "query").await, asked * 2, "with the window of the new date");
    assert_eq!(night(&house.hub).await.unwrap().freed, 1);
    work(&house).await;
    assert_eq!(night(&house.hub).await.unwrap().sent, 0, "its name is listed under this date");
    house.clock.advance(3 * HOUR);
    whole_night(&house).await;
    assert_eq!(state().await, "acknowledged");
    let manifests = house.manifests().await;
    let [(_, first), (_, second)] = &manifests[..] else { panic!("{} manifests", manifests.len()) };
    let clearance = first.entries[0].clearance.verify(&house.hub.own_keys).unwrap();
    assert_eq!(second.entries[0].supersedes, Some(clearance.sha256));
    assert_eq!(second.entries[0].path.item, first.entries[0].path.item);
    let sent = house.served().inbox.get(&second.entries[0].path.to_string()).await.unwrap();
    let hub = &house.hub;
    let subject = hub.linkage.subject("nccid", &person, &house.served().engine, &hub.custody).await.unwrap();
    let offset = *subject.unwrap().offset_days.expose(&hub.custody);
    let corrected = Day::new(2020, 5, 2).unwrap().plus_days(offset).unwrap();
    assert_eq!(DataRecord::from_json(&sent).unwrap().positive_swab_date, corrected);
    // And that is all: nothing waits, nothing lies about.
    assert_eq!(night(&house.hub).await.unwrap().freed, 0);
    assert_eq!(hub.outbox.list_sorted("").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_corrected_before_anything_left_sends_the_right_date_only() {
    let house = House::new().await;
    house.person(ANNA).await;
    enrolled(&house, &anna("2020-04-01")).await;
    work(&house).await;
    enrolled(&house, &anna("2020-05-02")).await;
    assert_eq!(night(&house.hub).await.unwrap().sent, 0);
    assert_eq!(house.hub.outbox.list_sorted("").await.unwrap(), [], "the old bytes are gone");
    work(&house).await;
    whole_night(&house).await;
    let manifests = house.manifests().await;
    assert_eq!((manifests.len(), manifests[0].1.entries[0].supersedes), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_received_while_a_large_sheet_is_enrolled() {
    let house = House::new().await;
    let someone = house.person(ANNA).await;
    let mut csv = String::from("Hospital number,Date of birth,Status,Swab date\n");
    for n in 0..450 {
        writeln!(csv, "H{n:06},1950-02-03,positive,2020-04-01").unwrap();
    }
    let enrolling = enrolled(&house, &csv);
    let receiving = async {
        let mut seen: Vec<i64> = Vec::new();
        while seen.last() != Some(&450) {
            house.received("royal", &someone, u32::try_from(seen.len()).unwrap(), b"an object").await;
            // A transaction as that of a receive: as long as it lasts no other writes.
            let mut tx = house.hub.store.write().await.unwrap();
            let rows = sql("SELECT COUNT(*) AS n FROM cohort_row");
            seen.push(rows.one(&mut tx, |row| row.get("n")).await.unwrap());
            tx.commit().await.unwrap();
        }
        seen
    };
    let ((), seen) = tokio::join!(enrolling, receiving);
    let [before, amid] = [0..1, 1..450].map(|rows| seen.iter().filter(|n| rows.contains(*n)).count());
    assert!(before > 0, "none while the linkage was written");
    assert!(amid > 0, "none between two parts of the sheet: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_names_an_unknown_trust_is_held_and_is_not_the_importers() {
    let house = House::new().await;
    let named = |trust: &str| {
        format!(
            "NHS number,Date of birth,Status,Swab date,Trust\n{ANNA},1950-02-03,positive,2020-04-01,{trust}\n"
        )
    };
    enrolled(&house, &named("RZ9")).await;
    let rows = house.hub.store.rows("nccid").await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.state.as_str(), row.reason.as_deref())).collect();
    assert_eq!(seen, [("held", Some("trust-unknown"))]);
    assert_ne!(rows[0].trust, "RX1");
    assert_eq!(waiting(&house, "query").await, 0);
    enrolled(&house, &named("RX1")).await;
    let rows = house.hub.store.rows("nccid").await.unwrap();
    assert!(rows.iter().any(|row| row.trust == "RX1" && row.state == "waiting"));
}
