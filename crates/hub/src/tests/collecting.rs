//! A hub and a live archive: what is asked for, once and of whom; what came too early; what a mended sheet sets free.

use super::{CONFIG, HOUR, House};
use crate::cohort::{Import, import};
use crate::context::Hub;
use crate::enrol::{Enrolled, enrol};
use crate::linkage::OptOutMark;
use crate::objections::{check_taken, objections_taken};
use crate::pipeline::nightly::night;
use crate::pipeline::review;
use crate::retrieve::query;
use crate::service::Service;
use crate::status::{States, by_source, by_study};
use crate::store::{Instance as Row, Spooled, Study};
use deid::identity::NhsNumber;
use platform::clock::{ManualClock, Timestamp};
use platform::jobs::{self, Job};
use platform::testing::TempDir;
use sim::encode::Syntax;
use sim::faults::Fault;
use sim::images::{Instance, ct_study};
use sim::pacs::{Archive, Level, Manners, Operation, Running};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// A hub that serves one trust, and its archive.
struct Region {
    hub: Arc<Hub>,
    service: Service,
    archive: Running,
    clock: ManualClock,
    dir: TempDir,
}

impl Region {
    /// `more` lines stand in the archive's section, `top` before all others.
    async fn new(images: Vec<Instance>, more: &str, top: &str) -> Self {
        Self::of(Manners::plain("ROYAL_PACS"), images, more, top).await
    }

    async fn of(manners: Manners, images: Vec<Instance>, more: &str, top: &str) -> Self {
        let archive = Archive::new(manners, images).serve().await.unwrap();
        let place =
            format!("host = \"127.0.0.1\"\nport = {}\nissuer = \"ZZ1-PAS\"\n{more}", archive.address.port());
        let text = CONFIG.replacen("host = \"pacs.royal.example\"\nport = 104", &place, 1);
        let House { hub, clock, dir, .. } = House::with(&format!("{top}{text}")).await;
        let service = Service::start(Arc::clone(&hub)).await.unwrap();
        Self { hub, service, archive, clock, dir }
    }

    async fn sheet(&self, text: &str) -> Enrolled {
        let (hub, served) = (&self.hub, &self.hub.projects[0]);
        let options = Import {
            project: &served.project,
            map: &[],
            dates: None,
            issuer: Some("ZZ1-PAS"),
            arm: None,
            worksheet: None,
            placeholders: &[],
            today: hub.today(),
            sheet_bytes_max: 1 << 20,
            sheet_rows_max: 1000,
        };
        let sheet = import(text.as_bytes(), &options, &hub.custody).unwrap();
        assert_eq!(sheet.problems, []);
        enrol(
            hub,
            served,
            "RX1",
            &sheet,
            &submission::digest::Digest::of(text.as_bytes()).to_string(),
            "test",
        )
        .await
        .unwrap()
    }

    /// Submits the person, by NHS number, with a birth date.
    async fn submit(&self, of: &Instance, birth: &str) -> Enrolled {
        let number = &of.person.nhs_number;
        let row = format!("NHS Number,DOB,Status,Swab Date\n{number},{birth},positive,2020-06-01\n");
        let enrolled = self.sheet(&row).await;
        let key =
            deid::identity::PersonKey::Nhs(deid::custody::Sensitive::new(NhsNumber::parse(number).unwrap()));
        let found = self.hub.linkage.find(&key, &self.hub.custody).await.unwrap().unwrap();
        let mark = OptOutMark { kind: "national".into(), permitted: true, checked: self.hub.today() };
        self.hub.linkage.mark_opt_outs(&[(found.person, mark)]).await.unwrap();
        enrolled
    }

    /// An object that nobody asked for; its name in the spool.
    async fn push(&self, image: &Instance) -> String {
        let hub = &self.hub;
        let mut arriving = hub.spool.begin().unwrap();
        arriving.write_all(&image.file(Syntax::ExplicitLittle)).unwrap();
        let (id, bytes) = arriving.finish().unwrap();
        let now = hub.clock.now();
        let token = hub.linkage.token(crate::linkage::TokenKind::Instance, &image.uid);
        let bytes = i64::try_from(bytes).unwrap();
        let object =
            Spooled { id: id.clone(), source: "royal".into(), token, bytes, received_us: now.as_micros() };
        let mut tx = hub.store.write().await.unwrap();
        hub.store.spooled(&mut tx, &object).await.unwrap();
        jobs::enqueue(&mut tx, &Job::now("deidentify", &id), now).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Works all that is due.
    async fn work(&self) -> Option<Timestamp> {
        self.service.run_until_idle().await.unwrap()
    }

    fn retrievals(&self) -> usize {
        self.retrieved().len()
    }

    /// The retrievals that the archive was asked for: how, at which level, and how many objects matched.
    fn retrieved(&self) -> Vec<(Operation, Level, usize)> {
        let asked = self.archive.archive.asked().into_iter();
        asked.filter(|a| a.operation != Operation::Find).map(|a| (a.operation, a.level, a.matched)).collect()
    }

    async fn studies(&self) -> Vec<Study> {
        let mut all = Vec::new();
        for row in self.hub.store.rows("nccid").await.unwrap() {
            all.extend(self.hub.store.studies_of_row(&row.id).await.unwrap());
        }
        all
    }

    /// The one study: its state and reason.
    async fn study(&self) -> (String, Option<String>) {
        let studies = self.studies().await;
        assert_eq!(studies.len(), 1);
        (studies[0].state.clone(), studies[0].reason.clone())
    }

    async fn instances(&self) -> Vec<Row> {
        let mut all = Vec::new();
        for state in crate::status::INSTANCE_STATES {
            all.extend(self.hub.store.instances_in("nccid", state).await.unwrap());
        }
        all
    }

    /// The states of all instances, with their reasons.
    async fn states(&self) -> Vec<String> {
        let word = |row: Row| match row.reason {
            Some(reason) => format!("{} {reason}", row.state),
            None => row.state,
        };
        let mut all: Vec<String> = self.instances().await.into_iter().map(word).collect();
        all.sort();
        all
    }
}

fn held(code: &str) -> (String, Option<String>) {
    ("held".into(), Some(code.into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_that_is_here_is_not_fetched_again_and_takes_no_place_of_the_hour() {
    let first = ct_study(1, 2, 16);
    let region = Region::new(first.clone(), "studies_per_hour = 1", "").await;
    region.submit(&first[0], &first[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!((region.retrievals(), region.states().await), (1, vec!["cleared".to_owned(); 2]));
    // The next night the archive has one more study of the person: the only place of the hour is that one's.
    let mut second = ct_study(2, 1, 16);
    second[0].person = Arc::clone(&first[0].person);
    region.archive.archive.add(second.remove(0));
    region.clock.advance(25 * HOUR);
    region.work().await;
    assert_eq!((region.retrievals(), region.states().await), (2, vec!["cleared".to_owned(); 3]));
    region.clock.advance(25 * HOUR);
    region.work().await;
    assert_eq!(region.retrievals(), 2);
    let mut reader = region.hub.store.db().read().await.unwrap();
    let counts = jobs::counts(&mut reader, region.hub.clock.now()).await.unwrap();
    let retrieved: u64 = counts.iter().filter(|c| c.kind == "retrieve").map(|c| c.jobs).sum();
    assert_eq!(retrieved, 2, "one retrieval a study, however many nights");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_archive_outside_its_hours_owes_waits_for_their_beginning() {
    let images = ct_study(1, 1, 16);
    let hours = "query_window = { start = \"02:00\", end = \"05:00\" }";
    let region = Region::new(images.clone(), hours, "").await;
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    let next = region.work().await.unwrap();
    assert_eq!(next.to_utc().to_rfc3339(), "2026-11-02T02:00:00+00:00");
    assert!(region.archive.archive.asked().is_empty());
    region.clock.advance_to(next);
    region.work().await;
    assert_eq!(region.states().await, ["cleared"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_listed_by_local_id_is_recognised_although_the_object_states_a_number() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(Vec::new(), "", "").await;
    let person = &images[0].person;
    let row = format!(
        "MRN,DOB,Status,Swab Date\n{},{},positive,2020-06-01\n",
        person.local_id("ZZ1-PAS").unwrap(),
        person.birth.iso()
    );
    region.sheet(&row).await;
    region.push(&images[0]).await;
    region.work().await;
    // Without a number nobody can be checked for an opt-out: held for that, and not as a stranger's.
    assert_eq!(region.states().await, ["held opt-out-no-nhs-number"]);
    assert!(region.instances().await[0].person.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_stands_for_nobody_here_is_no_identity_in_an_object() {
    let images = ct_study(1, 1, 16);
    let number = &images[0].person.nhs_number;
    let placeholders = format!("[identity]\nplaceholders = [\"{number}\"]\n");
    let mut other = images.clone();
    Arc::make_mut(&mut other[0].person).local_ids.clear();
    let region = Region::new(Vec::new(), "", &placeholders).await;
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.push(&other[0]).await;
    region.work().await;
    assert_eq!(region.states().await, ["held identity-unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_before_its_sheet_goes_on_when_the_sheet_comes() {
    let images = ct_study(1, 2, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.push(&images[0]).await;
    region.work().await;
    assert_eq!(region.states().await, ["held unrequested"]);
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!(region.states().await, ["cleared", "cleared"]);
    assert!(region.instances().await.iter().all(|row| row.study.is_some() && row.person.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_before_its_sheet_goes_on_without_an_archive_that_answers() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(Vec::new(), "paused = true", "").await;
    region.push(&images[0]).await;
    region.work().await;
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!(region.states().await, ["cleared"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_before_its_sheet_is_fetched() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.push(&images[0]).await;
    region.work().await;
    region.clock.advance(24 * HOUR * 31);
    night(&region.hub).await.unwrap();
    assert_eq!(region.states().await, ["rejected unrequested-expired"]);
    assert!(region.hub.store.live_spool().await.unwrap().is_empty());
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!((region.retrievals(), region.states().await), (1, vec!["cleared".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_by_local_id_stops_whom_the_sheet_names_by_number() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    let id = images[0].person.local_id("ZZ1-PAS").unwrap();
    let list = format!("MRN\n{id}\n");
    let taken = objections_taken(&region.hub, "RX1", list.as_bytes(), Some("ZZ1-PAS"), "test").await.unwrap();
    assert_eq!((taken.0, taken.1.len()), (1, 0));
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!((region.retrievals(), region.study().await), (0, held("withheld-under-other-id")));
    region.push(&images[0]).await;
    region.work().await;
    assert_eq!(region.states().await, ["held withheld-under-other-id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ids_of_a_line_of_objections_count() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    let (number, id) = (&images[0].person.nhs_number, images[0].person.local_id("ZZ1-PAS").unwrap());
    // The sheet knows the person by local id; the list by both.
    let list = format!("NHS Number,MRN\n{number},{id}\n");
    objections_taken(&region.hub, "RX1", list.as_bytes(), Some("ZZ1-PAS"), "test").await.unwrap();
    let row =
        format!("MRN,DOB,Status,Swab Date\n{id},{},positive,2020-06-01\n", images[0].person.birth.iso());
    region.sheet(&row).await;
    region.work().await;
    let rows = region.hub.store.rows("nccid").await.unwrap();
    assert_eq!(rows[0].reason.as_deref(), Some("objected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_of_the_same_day_that_forbids_holds_at_once() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    let submitted = format!("{},\r\n", images[0].person.nhs_number);
    let today = region.hub.today();
    let taken = check_taken(&region.hub, submitted.as_bytes(), b"", today, "test").await.unwrap();
    assert_eq!((taken.submitted, taken.permitted), (1, 0));
    // The morning's answer, imported late, changes nothing.
    check_taken(&region.hub, submitted.as_bytes(), submitted.as_bytes(), today, "test").await.unwrap();
    region.work().await;
    assert!(region.archive.archive.asked().is_empty());
    let rows = region.hub.store.rows("nccid").await.unwrap();
    assert_eq!(rows[0].reason.as_deref(), Some("opted-out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_comes_in_while_a_row_is_being_held_for_want_of_it_counts_tonight() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    let number = &images[0].person.nhs_number;
    let row = format!(
        "NHS Number,DOB,Status,Swab Date\n{number},{},positive,2020-06-01\n",
        images[0].person.birth.iso()
    );
    region.sheet(&row).await;
    let (hub, now, hour) = (&region.hub, region.hub.clock.now(), HOUR);
    let worker = crate::sources::worker_of("royal");
    let owed =
        jobs::claim(hub.store.db(), &["query"], &worker, "test", 1, now, hour).await.unwrap().remove(0);
    // Nothing can be written meanwhile: the gate has been looked at, and the row is not held yet.
    let tx = hub.store.write().await.unwrap();
    let step = query::step(hub, region.service.client(), &owed);
    tokio::pin!(step);
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut step).await.is_err());
    let person = hub.store.rows("nccid").await.unwrap().remove(0).person;
    let mark = OptOutMark { kind: "national".into(), permitted: true, checked: hub.today() };
    hub.linkage.mark_opt_outs(&[(person, mark)]).await.unwrap();
    drop(tx);
    step.await.unwrap();
    let row = region.hub.store.rows("nccid").await.unwrap().remove(0);
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("asked", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_birth_date_that_was_wrong_and_is_corrected_lets_the_person_go_on() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.submit(&images[0], "1931-05-06").await;
    region.work().await;
    assert_eq!((region.retrievals(), region.study().await), (0, held("identity-unconfirmed")));
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!(region.states().await, ["cleared"]);
    assert_eq!(region.study().await.0, "retrieved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_that_a_person_rejected_is_never_asked_for() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.submit(&images[0], "1931-05-06").await;
    region.work().await;
    let study = region.studies().await.remove(0);
    review::reject(&region.hub, &study.id, "reviewer", "not-the-person").await.unwrap();
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.clock.advance(25 * HOUR);
    region.work().await;
    let rejected = ("excluded".to_owned(), Some("not-the-person".to_owned()));
    assert_eq!((region.retrievals(), region.study().await), (0, rejected));
    region.push(&images[0]).await;
    region.work().await;
    assert_eq!(region.states().await, ["held study-rejected"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_person_rejected_is_withdrawn_with_its_record() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    let row = format!(
        "NHS Number,DOB,Status,Swab Date\n{},{},positive,2020-06-01\n",
        images[0].person.nhs_number,
        images[0].person.birth.iso()
    );
    region.sheet(&row).await;
    region.work().await;
    let row = region.hub.store.rows("nccid").await.unwrap().remove(0);
    assert_eq!(row.reason.as_deref(), Some("opt-out-not-submitted"));
    review::reject(&region.hub, &row.id, "reviewer", "asked-by-the-trust").await.unwrap();
    let row = region.hub.store.row(&row.id).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("withdrawn", Some("asked-by-the-trust")));
    let record = region.hub.store.clinical(&row.id).await.unwrap().unwrap();
    assert_eq!(record.state, "rejected");
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.clock.advance(25 * HOUR);
    region.work().await;
    assert!(region.archive.archive.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_damaged_in_the_spool_is_fetched_again_or_must_be_pushed_again() {
    let images = ct_study(1, 2, 16);
    let region = Region::new(images.clone(), "", "").await;
    let spool = region.dir.path().join("data/spool");
    let damaged = region.push(&images[0]).await;
    std::fs::write(spool.join(format!("{damaged}.sealed")), b"damaged").unwrap();
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!(region.states().await, ["cleared", "cleared"]);
    assert_eq!(region.study().await.0, "retrieved");
    // Nobody asks for the stranger's.
    let stranger = ct_study(5, 1, 16).remove(0);
    let gone = region.push(&stranger).await;
    std::fs::remove_file(spool.join(format!("{gone}.sealed"))).unwrap();
    region.work().await;
    assert_eq!(region.states().await, ["cleared", "cleared", "quarantined spool-object-lost"]);
    region.push(&stranger).await;
    region.work().await;
    assert_eq!(region.states().await, ["cleared", "cleared", "held unrequested"]);
}

/// The first of these, asked for and cleared; the others nobody listed.
async fn with_the_first_of(images: &[Instance]) -> Region {
    let region = Region::new(images[..1].to_vec(), "", "").await;
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!((region.states().await, region.retrievals()), (vec!["cleared".to_owned()], 1));
    region
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_is_accounted_for_by_study_and_by_source() {
    let images = ct_study(1, 2, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.push(&ct_study(2, 1, 16)[0]).await;
    region.work().await;
    let (hub, served) = (&region.hub, &region.hub.projects[0]);
    let stands = async || {
        let mut studies = by_study(hub, served).await.unwrap();
        let mut sources = by_source(hub, served).await.unwrap();
        sources.retain(|source| source.source == "royal");
        assert_eq!((studies.len(), sources.len()), (1, 1));
        (studies.remove(0), sources.remove(0))
    };
    let states = |all: &States| all.iter().map(|(state, n)| format!("{n} {state}")).collect::<Vec<_>>();
    let (study, source) = stands().await;
    let of = &study.study;
    assert_eq!((of.source.as_str(), of.trust.as_str(), of.expected), ("royal", "RX1", Some(2)));
    assert_eq!(states(&study.instances), ["2 cleared"]);
    assert_eq!(states(&source.instances), ["2 cleared", "1 held"]);
    // The archive says that there are five: until it lists them, three are missing, or stand as their study does.
    for (state, announced) in [("short", "missing"), ("held", "held"), ("excluded", "rejected")] {
        let mut tx = hub.store.write().await.unwrap();
        hub.store.study_expects(&mut tx, &of.id, 5).await.unwrap();
        hub.store.study_is(&mut tx, &of.id, state, Some("why"), hub.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let (study, source) = stands().await;
        assert_eq!(
            (study.study.state.as_str(), study.study.reason.as_deref(), study.is_done()),
            (state, Some("why"), false)
        );
        assert_eq!((study.announced, study.instances.sum(), source.instances.sum()), (3, 5, 6));
        assert_eq!((study.instances.of("cleared"), study.instances.of(announced)), (2, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_out_damaged_while_it_is_cleaned_is_asked_for_again() {
    let images = ct_study(1, 2, 512);
    let region = with_the_first_of(&images).await;
    // Its header is sound.
    let damaged = region.push(&images[1]).await;
    let path = region.dir.path().join(format!("data/spool/{damaged}.sealed"));
    let mut sealed = std::fs::read(&path).unwrap();
    sealed[200_000] ^= 1;
    std::fs::write(&path, sealed).unwrap();
    // The archive has it no more, so the retrieval waits for it.
    let asked = async {
        while region.retrievals() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = region.work() => {}
        () = asked => {}
    }
    assert_eq!((region.states().await, region.retrievals()), (vec!["cleared".into(), "missing".into()], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_cleaned_while_its_study_is_rejected_goes_no_further() {
    let images = ct_study(1, 2, 16);
    let region = with_the_first_of(&images).await;
    let (hub, study) = (&region.hub, region.studies().await.remove(0));
    region.push(&images[1]).await;
    let lease = Duration::from_secs(60);
    let mut leases =
        jobs::claim(hub.store.db(), &["deidentify"], &hub.config.hub_id, "test", 1, hub.clock.now(), lease)
            .await
            .unwrap();
    let lease = leases.pop().unwrap();
    let cleaned = async || hub.outbox.list_sorted("nccid").await.unwrap().len();
    let before = cleaned().await;
    // A person is just rejecting it; the step cleans meanwhile, and finds out when it wants to write that down.
    let mut tx = hub.store.write().await.unwrap();
    let step = {
        let hub = Arc::clone(hub);
        tokio::spawn(async move { crate::pipeline::deidentify::step(&hub, &lease).await.unwrap() })
    };
    while cleaned().await == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hub.store.study_is(&mut tx, &study.id, "excluded", Some("by-hand"), hub.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(step.await.unwrap(), jobs::Outcome::RetryLater { .. }));
    region.clock.advance(HOUR);
    region.work().await;
    assert_eq!(region.states().await, ["cleared", "held study-rejected"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_c_get_does_not_bring_is_asked_for_by_c_move() {
    let images = ct_study(1, 3, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.archive.archive.know("TRIBUTARY", region.service.address());
    region.archive.archive.retrieval_faults.add([Fault::FailObject(2)]);
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    region.work().await;
    assert_eq!(region.retrieved(), [(Operation::Get, Level::Study, 3), (Operation::Move, Level::Image, 1)]);
    assert_eq!(region.study().await.0, "retrieved");
    region.clock.advance(HOUR);
    region.work().await;
    assert_eq!(region.states().await, ["cleared"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_lists_no_instances_is_asked_again_for_the_series_that_came_short() {
    let mut images = ct_study(1, 4, 16);
    for image in &mut images[2..] {
        let series = Arc::make_mut(&mut image.series);
        series.uid = format!("{}.2", series.uid);
    }
    let levels = vec![Level::Study, Level::Series];
    let manners = Manners { levels, ..Manners::plain("ROYAL_PACS") };
    let more = "query_levels = [\"study\", \"series\"]\nretrieve = \"get\"";
    let region = Region::of(manners, images.clone(), more, "").await;
    region.archive.archive.retrieval_faults.add([Fault::FailObject(4)]);
    region.submit(&images[0], &images[0].person.birth.iso()).await;
    // Asked, asked again for what came short, and looked at once more when all was seen.
    for _ in 0..3 {
        let mut work = std::pin::pin!(region.work());
        // While the hub waits whether more arrives, its time goes on.
        while tokio::time::timeout(std::time::Duration::from_millis(20), &mut work).await.is_err() {
            region.clock.advance(std::time::Duration::from_millis(500));
        }
        region.clock.advance(HOUR);
    }
    assert_eq!(region.retrieved(), [(Operation::Get, Level::Study, 4), (Operation::Get, Level::Series, 2)]);
    assert_eq!(region.study().await.0, "retrieved");
    let left = region.states().await.into_iter().filter(|state| state != "cleared").count();
    assert_eq!((region.states().await.len(), left), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_is_tried_again_when_the_hub_is_started_again() {
    let images = ct_study(1, 1, 16);
    let region = Region::new(images.clone(), "", "").await;
    region.push(&images[0]).await;
    let (db, now) = (region.hub.store.db(), region.hub.clock.now());
    let lease = std::time::Duration::from_secs(60);
    let leases =
        jobs::claim(db, &["deidentify"], &region.hub.config.hub_id, "us", 1, now, lease).await.unwrap();
    let mut tx = region.hub.store.write().await.unwrap();
    jobs::give_up(&mut tx, &leases[0], "panic").await.unwrap();
    tx.commit().await.unwrap();
    region.work().await;
    assert!(region.states().await.is_empty());
    let Region { hub, service, .. } = region;
    drop(service);
    let service = Service::start(Arc::clone(&hub)).await.unwrap();
    service.run_until_idle().await.unwrap();
    assert_eq!(hub.store.instances_in("nccid", "held").await.unwrap().len(), 1);
}
