//! Tests of the region's plan.

use super::*;
use crate::images::Kind;
use crate::people::is_valid_nhs_number;
use std::collections::BTreeMap;

fn region() -> Region {
    Region::nccid(7, Size::DEMO)
}

#[test]
fn thirteen_trusts_lie_on_nine_archives_five_of_them_on_one() {
    let region = region();
    assert_eq!((region.sources.len(), region.trusts.len()), (9, 13));
    assert_eq!(region.trusts.iter().filter(|trust| trust.source == 0).count(), 5);
}

#[test]
fn the_same_seed_plans_the_same_region() {
    let uids = |seed| {
        let region = Region::nccid(seed, Size::TEST);
        let all: Vec<_> =
            region.expected().map(|(ods, i, fate)| (ods.to_owned(), i.uid.clone(), fate.clone())).collect();
        (all, region.sheet("ZA1"))
    };
    assert_eq!(uids(7), uids(7));
    assert_ne!(uids(7), uids(8));
}

#[test]
fn no_instance_is_planned_twice_and_every_fate_occurs() {
    let region = region();
    let uids: BTreeSet<&str> = region.instances.iter().map(|planted| planted.instance.uid.as_str()).collect();
    assert_eq!(uids.len(), region.instances.len());
    let mut unwanted: BTreeMap<Unwanted, usize> = BTreeMap::new();
    for planted in &region.instances {
        if let Fate::NotRequested(why) = planted.fate {
            *unwanted.entry(why).or_default() += 1;
        }
    }
    assert_eq!(unwanted.len(), 8, "{unwanted:?}");
    assert_eq!(region.count(|fate| matches!(fate, Fate::Held(_))), 12);
    assert_eq!(region.count(|fate| matches!(fate, Fate::Rejected(_))), 1);
    assert!((150..700).contains(&region.count(|fate| *fate == Fate::Acknowledged)));
}

#[test]
fn windows_have_studies_on_both_sides_of_each_end() {
    let region = region();
    let of = |row: &Row| {
        let mine = |planted: &&Planted| planted.instance.person == row.person && planted.ods == row.ods;
        let days = |planted: &Planted| planted.instance.study.date.0 - row.swab.0;
        let chest = region.instances.iter().filter(mine).map(|p| (days(p), p.fate == Fate::Acknowledged));
        chest.collect::<BTreeMap<i32, bool>>()
    };
    let negative = region.rows.iter().find(|row| !row.positive && row.ods == "ZB1").unwrap();
    assert_eq!(of(negative), BTreeMap::from([(-29, false), (-28, true), (0, true), (1, false)]));
    let positive = region.rows.iter().find(|row| row.positive && row.ods == "ZB1").unwrap();
    let first = positive.swab.plus_years(-3).0 - positive.swab.0;
    let days = of(positive);
    assert_eq!((days[&first], days[&(first - 1)], days[&200]), (true, false, true));
}

#[test]
fn the_planted_people_are_who_they_should_be() {
    let region = region();
    let trusts_of = |person: &Arc<Person>| region.rows.iter().filter(|row| &row.person == person).count();
    assert_eq!(trusts_of(&region.at_three_trusts), 3);
    let [a, b] = &region.same_local_id;
    assert_eq!(a.local_id("ZA1-PAS"), b.local_id("ZA2-PAS"));
    assert_ne!(a.nhs_number, b.nhs_number);
    assert!(region.rows.iter().all(|row| is_valid_nhs_number(&row.person.nhs_number)));
    let opt_out = region.opt_out();
    assert_eq!(opt_out.submitted.lines().count() - opt_out.returned.lines().count(), region.opted_out.len());
}

#[test]
fn every_instance_is_told_by_its_trusts_rule_and_by_no_other() {
    let region = region();
    let text = region.hub_sections(&[104; 9], "TRIBUTARY");
    assert_eq!(text.matches("[[sources]]").count(), 9);
    assert_eq!(text.matches("[[trusts]]").count(), 13);
    let unattributed: Vec<_> =
        region.instances.iter().filter(|p| p.instance.oddity == Some(Oddity::Unattributed)).collect();
    assert_eq!(unattributed.len(), 1);
    let instance = &unattributed[0].instance;
    assert_eq!(instance.patient_id().1, "");
    assert!(region.trusts.iter().all(|trust| !instance.study.accession.starts_with(&trust.ods)));
}

#[test]
fn files_are_written_for_every_instance() {
    let region = Region::nccid(3, Size { slices: 2, ..Size::TEST });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(region.write_files(folder.path()).unwrap(), region.instances.len());
    let ct = region.instances.iter().find(|planted| planted.instance.series.kind == Kind::Ct).unwrap();
    assert!(folder.path().join("regional").join(&ct.instance.study.id).is_dir());
}

/// Prints the plan and writes it out, to look at.
#[test]
#[ignore = "writes files: SIM_OUT=folder cargo test -p sim -- --ignored"]
fn write_region() {
    let folder = std::path::PathBuf::from(std::env::var("SIM_OUT").unwrap());
    let region = region();
    region.write_files(&folder.join("region")).unwrap();
    for trust in &region.trusts {
        std::fs::write(folder.join(format!("{}.csv", trust.ods)), region.sheet(&trust.ods)).unwrap();
    }
    std::fs::write(folder.join("hub-sections.toml"), region.hub_sections(&[104; 9], "TRIBUTARY")).unwrap();
}

#[test]
fn what_comes_late_takes_back_all_of_one_person_at_one_trust_and_all_of_another_trust() {
    let mut region = region();
    let before = region.count(|fate| *fate == Fate::Acknowledged);
    let late = region.come_late();
    let taken = region.count(|fate| matches!(fate, Fate::TakenBack(_)));
    assert_eq!(region.count(|fate| *fate == Fate::Acknowledged) + taken, before);
    let of = |code| region.instances.iter().filter(move |p| p.fate == Fate::TakenBack(code));
    assert!(of("objected").count() > 1 && of("objected").all(|p| p.instance.person == late.person));
    assert!(of("lapsed-dpia").count() > 1 && of("lapsed-dpia").all(|p| p.ods == late.lapse));
    let concerns =
        |p: &&Planted| p.ods == late.lapse || (p.ods == late.at && p.instance.person == late.person);
    assert!(region.instances.iter().filter(concerns).all(|p| p.fate != Fate::Acknowledged));
}
