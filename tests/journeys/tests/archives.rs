//! Foreign programs as the archive: DCMTK's dcmqrscp and Orthanc hold what one trust's archive holds; the hub asks, fetches
//! and judges, and all comes as it was planned.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use dicom::part10;
use hub::context::Hub;
use hub::linkage::TokenKind;
use hub::status::INSTANCE_STATES;
use journeys::archive::{Archive, By, Setting, dcmqrscp, orthanc, orthanc_program};
use journeys::forms::storescu;
use journeys::{Houses, Setup, free_port, has};
use platform::testing::TempDir;
use sim::encode::Syntax;
use sim::region::{Fate, Region, Size, Unwanted};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tributary::demo::collect;

/// After this long it is looked at as it stands.
const COLLECT_MAX: Duration = Duration::from_secs(50);

/// One archive out of the region, and how it holds its images and gives them.
fn only(source: &str, held_as: Syntax, by: By) -> Region {
    let mut region = journeys::only(source, Size { people: 1, ..Size::TEST });
    let manners = &mut region.sources[0].manners;
    (manners.syntax, manners.get, manners.stores_as) = (held_as, by.asks_get(), None);
    region
}

/// Fills the archive, lets the hub work until nothing is due, and holds what came against the plan.
async fn journey(start: fn(&Setting<'_>) -> Archive, source: &str, held_as: Syntax, by: By) {
    let region = only(source, held_as, by);
    let dir = TempDir::new();
    let folder = dir.path().join("archive");
    fs::create_dir_all(&folder).unwrap();
    let port = free_port();
    let setup = Setup::write(dir.path(), &region, &[port]);
    let hub_port = by.known(setup.hub_port());
    let ae_title = &region.sources[0].manners.ae_title;
    let options: &[&str] = if held_as == Syntax::Rle { &["+xr", "-xr"] } else { &[] };
    let mut archive = start(&Setting { folder: &folder, ae_title, port, hub_port, options });
    archive.listens(port).await;
    fill(&region, dir.path(), ae_title, port).await;
    let filled = archive.told().len();

    let Houses { hub, service, .. } = &setup.open(&region).await;
    let began = hub.clock.elapsed();
    let done = tokio::time::timeout(COLLECT_MAX, collect(hub, service, hub.clock.as_ref(), &|_| {})).await;
    let came = came_otherwise(hub, &region).await;
    assert!(came.is_empty(), "not as planned:\n{}", came.join("\n"));
    done.expect("all is as planned, and something is still due").unwrap();
    let was_asked = &archive.told()[filled..];
    only_who_may_be_asked_for(&region, was_asked);
    eprintln!("collected in {:.1} s", (hub.clock.elapsed() - began).as_secs_f32());
}

/// Stores every instance in the archive, in the syntax in which it is to be held.
async fn fill(region: &Region, dir: &Path, ae_title: &str, port: u16) {
    let files = dir.join("files");
    region.write_files(&files).unwrap();
    let propose = match region.sources[0].manners.syntax {
        Syntax::Rle => "-xr",
        _ => "-x=",
    };
    storescu(&["-R", propose, "+sd", "+r"], ae_title, port, files.to_str().unwrap()).await;
}

/// Where an instance must stand before anything is consigned; `None`: it must have been left alone.
fn wanted(fate: &Fate) -> Option<String> {
    match fate {
        Fate::Acknowledged | Fate::TakenBack(_) => Some("cleared".into()),
        Fate::Held(reasons) => Some(standing("held", reasons.iter().copied())),
        Fate::Rejected(reason) => Some(standing("rejected", [*reason])),
        // Its study is held where it lies, until a person has looked.
        Fate::NotRequested(Unwanted::IdentityUnconfirmed) => Some(standing("held", ["identity-unconfirmed"])),
        Fate::NotRequested(_) => None,
    }
}

fn standing<'a>(state: &str, reasons: impl IntoIterator<Item = &'a str>) -> String {
    let reasons: BTreeSet<&str> = reasons.into_iter().collect();
    std::iter::once(state).chain(reasons).collect::<Vec<_>>().join(" ")
}

/// Everything that is not as planned, in words.
async fn came_otherwise(hub: &Hub, region: &Region) -> Vec<String> {
    let mut differences = Vec::new();
    let served = &hub.projects[0];
    let mut known = BTreeMap::new();
    for state in INSTANCE_STATES {
        for instance in hub.store.instances_in(&served.project.name, state).await.unwrap() {
            let reasons = instance.reason.as_deref().unwrap_or_default().split_whitespace();
            known.insert(instance.token, standing(state, reasons));
        }
    }
    let mut studies = BTreeMap::new();
    for row in hub.store.rows(&served.project.name).await.unwrap() {
        for study in hub.store.studies_of_row(&row.id).await.unwrap() {
            studies.insert(study.token, standing(&study.state, study.reason.as_deref()));
        }
    }
    let (mut uids, mut wanted_studies) = (BTreeSet::new(), BTreeSet::new());
    for (_, instance, fate) in region.expected() {
        let planned = wanted(fate);
        if planned.is_some() {
            uids.insert(instance.uid.clone());
        }
        let study = hub.linkage.token(TokenKind::Study, &instance.study.uid);
        let came = known.remove(&hub.linkage.token(TokenKind::Instance, &instance.uid));
        let came = came.or_else(|| studies.get(&study).cloned());
        wanted_studies.extend(planned.is_some().then_some(study));
        if came != planned {
            let of = format!("{} {}", instance.series.kind.modality(), instance.study.description);
            differences.push(format!("{of} {}: {came:?}, planned {planned:?} ({fate:?})", instance.uid));
        }
    }
    assert!(uids.len() > 5, "the plan is empty");
    if !known.is_empty() {
        differences.push(format!("{} instances that the archive does not hold", known.len()));
    }
    studies.retain(|study, _| !wanted_studies.contains(study));
    differences.extend(studies.values().map(|state| format!("a study beyond the plan: {state}")));
    let mut fetched = BTreeSet::new();
    for id in hub.store.live_spool().await.unwrap() {
        let source = Box::new(hub.spool.read(&id).unwrap());
        let object = part10::open(source, &part10::Limits::default()).unwrap();
        fetched.insert(object.meta.sop_instance.clone());
    }
    for unwanted in fetched.difference(&uids) {
        differences.push(format!("{unwanted} was fetched and is not wanted"));
    }
    let status = hub::status::of_project(hub, served).await.unwrap();
    for trust in status.trusts.iter().filter(|trust| !trust.reconciles()) {
        differences.push(format!(
            "{}: expected {}, in all states {}",
            trust.trust,
            trust.expected,
            trust.instances.sum()
        ));
    }
    differences
}

/// The archive's own log names the people of the sheet, and nobody whom no one may ask for.
fn only_who_may_be_asked_for(region: &Region, log: &str) {
    let (mut asked, mut withheld) = (BTreeSet::new(), BTreeSet::new());
    for (_, instance, fate) in region.expected() {
        let person = &instance.person;
        let ids = person.local_ids.iter().map(|local| local.id.as_str());
        let is_withheld = matches!(
            fate,
            Fate::NotRequested(Unwanted::OptedOut | Unwanted::Objected | Unwanted::NotInCohort)
        );
        let of = if is_withheld { &mut withheld } else { &mut asked };
        of.extend(ids.chain([person.nhs_number.as_str()]));
    }
    assert!(asked.iter().any(|id| log.contains(id)), "the archive's log does not tell what it was asked");
    assert!(!withheld.is_empty());
    assert!(!withheld.iter().any(|id| log.contains(id)), "the archive was asked for somebody withheld");
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmqrscp_gives_a_trusts_studies_by_c_get() {
    if has("dcmqrscp") && has("storescu") {
        journey(dcmqrscp, "alder", Syntax::ExplicitLittle, By::Get).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmqrscp_gives_a_trusts_studies_by_c_move() {
    if has("dcmqrscp") && has("storescu") {
        journey(dcmqrscp, "birch", Syntax::Rle, By::Move).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_gives_a_trusts_studies_by_c_get() {
    if has(&orthanc_program()) && has("storescu") {
        journey(orthanc, "hazel", Syntax::Rle, By::Get).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_gives_a_trusts_studies_by_c_find_and_c_move() {
    if has(&orthanc_program()) && has("storescu") {
        journey(orthanc, "cedar", Syntax::ExplicitLittle, By::Move).await;
    }
}
