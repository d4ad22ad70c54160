//! Holds a night against the plan: every instance, every study, every person.

use super::report::{HeldReport, PeopleReport, Report, TrustReport};
use anyhow::{Context, Result};
use dicom::tag::tags;
use hub::context::{Hub, Served};
use hub::linkage::TokenKind;
use hub::status::{INSTANCE_STATES, StudyStatus, TrustStatus};
use hub::store::{Instance, Study};
use national::house::House;
use sim::pacs::{Archive, Operation};
use sim::people::Person;
use sim::region::{Fate, Planted, Region, Unwanted};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What the hub knows of a project: every instance and study by (source, token).
struct Known {
    instances: HashMap<(String, String), Instance>,
    studies: HashMap<(String, String), (Study, String)>,
}

/// Where an instance stands, by its own row or by its study's.
struct Standing {
    state: String,
    reasons: Vec<String>,
    pseudonym: Option<String>,
    is_listed: bool,
}

/// The state and reasons that an instance must have; `None`: the hub must not know it.
fn wanted(fate: &Fate) -> Option<(&'static str, Vec<String>)> {
    let codes = |codes: &[&str]| {
        let mut codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        codes.sort();
        codes
    };
    match fate {
        Fate::Acknowledged => Some(("acknowledged", Vec::new())),
        Fate::Held(reasons) => Some(("held", codes(reasons))),
        Fate::Rejected(reason) => Some(("rejected", codes(&[reason]))),
        Fate::TakenBack(reason) => Some(("held", codes(&[reason]))),
        // Its study is held where it lies: it is not fetched before a person has looked.
        Fate::NotRequested(Unwanted::IdentityUnconfirmed) => Some(("held", codes(&["identity-unconfirmed"]))),
        Fate::NotRequested(_) => None,
    }
}

/// How many people there are.
pub(super) fn people(region: &Region) -> usize {
    let people: BTreeSet<&str> =
        region.instances.iter().map(|planted| planted.instance.person.nhs_number.as_str()).collect();
    people.len()
}

/// Holds the night against the plan.
pub(super) async fn reckon(
    hub: &Hub,
    house: &House,
    region: &Region,
    archives: &[Arc<Archive>],
) -> Result<Report> {
    let served = hub.projects.first().context("the hub serves no project")?;
    let known = known(hub, served).await?;
    let status = hub::status::of_project(hub, served).await?;
    let mut report = Report::default();
    for trust in &region.trusts {
        let status = status.trusts.iter().find(|status| status.trust == trust.ods).cloned();
        let status =
            status.unwrap_or_else(|| TrustStatus { trust: trust.ods.clone(), ..TrustStatus::default() });
        let count = |asked: bool| {
            let of = |p: &&Planted| p.ods == trust.ods && asked == wanted(&p.fate).is_some();
            i64::try_from(region.instances.iter().filter(of).count()).unwrap_or(i64::MAX)
        };
        let of =
            TrustReport { name: trust.name.clone(), planned: count(true), left_alone: count(false), status };
        if !of.status.reconciles() || of.status.expected != of.planned {
            report.differences.push(format!(
                "{}: planned {}, expected {}, sum of all states {}",
                trust.ods,
                of.planned,
                of.status.expected,
                of.status.instances.sum()
            ));
        }
        report.trusts.push(of);
    }
    for source in hub::status::by_source(hub, served).await? {
        let of = |p: &&Planted| region.sources[p.source].name == source.source && wanted(&p.fate).is_some();
        let planned = region.instances.iter().filter(of).count();
        let sum = source.instances.sum();
        if usize::try_from(sum).ok() != Some(planned) {
            report.differences.push(format!("{}: planned {planned}, sum of all states {sum}", source.source));
        }
    }
    for StudyStatus { study, instances, .. } in hub::status::by_study(hub, served).await? {
        let missing = instances.of("missing");
        if missing > 0 {
            let of = format!("study {} of {}", study.id, study.source);
            report.differences.push(format!("{of}: {missing} of {} did not come", instances.sum()));
        }
    }
    for stray in
        status.trusts.iter().filter(|s| s.expected > 0 && !region.trusts.iter().any(|t| t.ods == s.trust))
    {
        report.differences.push(format!("{}: {} instances of no trust", stray.trust, stray.expected));
    }
    let total = |of: &dyn Fn(&TrustStatus) -> i64| report.trusts.iter().map(|trust| of(&trust.status)).sum();
    report.acknowledged = total(&|status| status.instances.of("acknowledged"));
    report.clinical = total(&|status| status.clinical.of("acknowledged"));
    instances(hub, region, &known, &mut report);
    studies(hub, region, &known, &mut report);
    withheld(region, archives, &mut report);
    fetched(region, archives, &mut report);
    warehouse(house, &mut report).await?;
    Ok(report)
}

async fn known(hub: &Hub, served: &Served) -> Result<Known> {
    let project = &served.project.name;
    let mut known = Known { instances: HashMap::new(), studies: HashMap::new() };
    for state in INSTANCE_STATES {
        for instance in hub.store.instances_in(project, state).await? {
            known.instances.insert((instance.source.clone(), instance.token.clone()), instance);
        }
    }
    for row in hub.store.rows(project).await? {
        for study in hub.store.studies_of_row(&row.id).await? {
            known.studies.insert((study.source.clone(), study.token.clone()), (study, row.arm.clone()));
        }
    }
    Ok(known)
}

fn standing(hub: &Hub, region: &Region, known: &Known, planted: &Planted) -> Option<Standing> {
    let source = &region.sources[planted.source].name;
    let key = |kind, uid: &str| (source.clone(), hub.linkage.token(kind, uid));
    let codes = |reason: &Option<String>| {
        let mut codes: Vec<String> =
            reason.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        codes.sort();
        codes
    };
    if let Some(found) = known.instances.get(&key(TokenKind::Instance, &planted.instance.uid)) {
        return Some(Standing {
            state: found.state.clone(),
            reasons: codes(&found.reason),
            pseudonym: found.pseudonym.clone(),
            is_listed: true,
        });
    }
    let (study, _) = known.studies.get(&key(TokenKind::Study, &planted.instance.study.uid))?;
    let state = if study.state == "held" { "held" } else { "missing" };
    Some(Standing { state: state.into(), reasons: codes(&study.reason), pseudonym: None, is_listed: false })
}

/// Every instance is where it was planned to be.
fn instances(hub: &Hub, region: &Region, known: &Known, report: &mut Report) {
    let mut expected = 0;
    for planted in &region.instances {
        let instance = &planted.instance;
        let what = format!("{} {}", instance.series.kind.modality(), instance.study.description);
        let (wanted, found) = (wanted(&planted.fate), standing(hub, region, known, planted));
        let told =
            |state: &str, reasons: &[String]| format!("{state} {}", reasons.join(" ")).trim().to_owned();
        let planned = match &wanted {
            Some((state, reasons)) => told(state, reasons),
            None => format!("left alone ({:?})", planted.fate),
        };
        let came = found.as_ref().map_or("left alone".into(), |found| told(&found.state, &found.reasons));
        let as_planned = wanted.is_some() == found.is_some() && (wanted.is_none() || planned == came);
        if !as_planned {
            report.differences.push(format!(
                "{} {what}, instance {} of study {}: {came}; planned: {planned}",
                planted.ods, instance.number, instance.study.id
            ));
        }
        let Some(found) = found else { continue };
        expected += usize::from(found.is_listed);
        if let Some(pseudonym) = &found.pseudonym {
            let of = report.people.pseudonyms.entry(instance.person.nhs_number.clone()).or_default();
            if !of.contains(pseudonym) {
                of.push(pseudonym.clone());
            }
        }
        if !as_planned || planted.fate != Fate::Acknowledged {
            let held = HeldReport { trust: planted.ods.clone(), what, came, planned };
            *report.held.entry(held).or_default() += 1;
        }
    }
    let listed = known.instances.len();
    let beyond = listed.saturating_sub(expected);
    if beyond > 0 {
        report.differences.push(format!("{beyond} instances that no archive of the plan holds"));
    }
}

/// Each arm has exactly the studies that its window names.
fn studies(hub: &Hub, region: &Region, known: &Known, report: &mut Report) {
    let mut planned: BTreeMap<(String, String), &'static str> = BTreeMap::new();
    for planted in region.instances.iter().filter(|p| wanted(&p.fate).is_some()) {
        let person = &planted.instance.person;
        let row = region.rows.iter().find(|row| row.person == *person && row.ods == planted.ods);
        let arm = match row {
            Some(row) if row.positive => "positive",
            Some(_) => "negative",
            None => continue,
        };
        let token = hub.linkage.token(TokenKind::Study, &planted.instance.study.uid);
        planned.insert((region.sources[planted.source].name.clone(), token), arm);
    }
    for (key, arm) in &planned {
        let of = report.arms.entry((*arm).to_owned()).or_default();
        of.planned += 1;
        match known.studies.get(key) {
            Some((_, found_in)) if found_in == arm => of.found += 1,
            _ => of.missing += 1,
        }
    }
    for (key, (_, arm)) in &known.studies {
        if planned.get(key).is_none_or(|wanted| wanted != arm) {
            report.arms.entry(arm.clone()).or_default().extra += 1;
        }
    }
    for (arm, of) in &report.arms {
        if of.missing + of.extra > 0 {
            report.differences.push(format!("arm {arm}: {} studies missing, {} extra", of.missing, of.extra));
        }
    }
}

/// Whom nobody may ask for was asked for nowhere; people stay who they are.
fn withheld(region: &Region, archives: &[Arc<Archive>], report: &mut Report) {
    let mut all: BTreeMap<&str, bool> = BTreeMap::new();
    // The ids under which an archive keeps each person: some are asked by NHS number, some by local id.
    let mut ids: BTreeMap<&str, BTreeSet<(usize, &str)>> = BTreeMap::new();
    for planted in &region.instances {
        let withheld = matches!(
            planted.fate,
            Fate::NotRequested(
                Unwanted::OptedOut | Unwanted::Objected | Unwanted::AgreementExpired | Unwanted::NotInCohort
            )
        );
        let of = all.entry(planted.instance.person.nhs_number.as_str()).or_insert(true);
        *of &= withheld;
        let person = &planted.instance.person;
        let local = person.local_ids.iter().map(|local| (planted.source, local.id.as_str()));
        ids.entry(person.nhs_number.as_str()).or_default().extend(local);
    }
    let asked = |number: &str| {
        archives.iter().any(|archive| archive.was_asked_for(number))
            || ids[number].iter().any(|(source, id)| archives[*source].was_asked_for(id))
    };
    let withheld: Vec<&str> =
        all.iter().filter(|(_, withheld)| **withheld).map(|(number, _)| *number).collect();
    let but_asked = withheld.iter().filter(|number| asked(number)).count();
    let known = std::mem::take(&mut report.people.pseudonyms);
    let of = |people: &[&Arc<Person>]| {
        let all = people.iter().filter_map(|person| known.get(&person.nhs_number)).flatten();
        all.collect::<BTreeSet<_>>().len()
    };
    let people = PeopleReport {
        at_three_trusts: of(&[&region.at_three_trusts]),
        twins: of(&[&region.twins[0], &region.twins[1]]),
        same_local_id: of(&[&region.same_local_id[0], &region.same_local_id[1]]),
        withheld: withheld.len(),
        withheld_but_asked: but_asked,
        pseudonyms: BTreeMap::new(),
    };
    if (people.at_three_trusts, people.twins, people.same_local_id) != (1, 2, 2) {
        report.differences.push("people: pseudonyms do not tell people apart as planned".into());
    }
    if but_asked > 0 {
        report.differences.push(format!("{but_asked} people were asked for although nobody may"));
    }
    if known.values().any(|pseudonyms| pseudonyms.len() > 1) {
        report.differences.push("a person has two pseudonyms".into());
    }
    report.people = PeopleReport { pseudonyms: known, ..people };
}

/// No archive was asked to send a study that is to be left alone.
fn fetched(region: &Region, archives: &[Arc<Archive>], report: &mut Report) {
    let is_fetched = |p: &&Planted| !matches!(p.fate, Fate::NotRequested(_));
    let wanted: BTreeSet<&str> =
        region.instances.iter().filter(is_fetched).map(|p| p.instance.study.uid.as_str()).collect();
    for (source, archive) in region.sources.iter().zip(archives) {
        for asked in archive.asked().iter().filter(|asked| asked.operation != Operation::Find) {
            let studies = asked.keys.iter().filter(|(tag, _)| *tag == tags::STUDY_INSTANCE_UID);
            if studies.into_iter().any(|(_, uid)| !wanted.contains(uid.as_str())) {
                report
                    .differences
                    .push(format!("{} was asked to send a study to be left alone", source.name));
            }
        }
    }
}

/// The national house holds what the hub says it acknowledged.
async fn warehouse(house: &House, report: &mut Report) -> Result<()> {
    for project in house.status().await? {
        if project.unaccounted != 0 || !project.alerts.is_empty() {
            report.differences.push(format!(
                "national house: {} objects unaccounted for, alerts {:?}",
                project.unaccounted, project.alerts
            ));
        }
        report.warehouse.extend(project.partitions);
    }
    let held: u64 = report.warehouse.iter().map(|part| part.holdings).sum();
    if i64::try_from(held).ok() != Some(report.acknowledged + report.clinical) {
        report.differences.push(format!(
            "the warehouse holds {held} objects, acknowledged are {} and {} clinical records",
            report.acknowledged, report.clinical
        ));
    }
    Ok(())
}
