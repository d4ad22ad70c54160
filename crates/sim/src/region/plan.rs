//! Lays the region out: who is in which sheet, which studies lie on which side of a window, and what is planted where.

use super::sources::{SourcePlan, TrustPlan, sources, trusts};
use super::{Fate, Planted, Region, Row, Size, Unwanted, held_for};
use crate::calendar::Day;
use crate::images::{Hospital, Instance, Kind, Oddity, Series, Study};
use crate::people::{LocalId, People, Person, Script};
use crate::random::Random;
use std::sync::Arc;

pub(super) struct Planner {
    seed: u64,
    size: Size,
    people: People,
    random: Random,
    sources: Vec<SourcePlan>,
    trusts: Vec<TrustPlan>,
    hospitals: Vec<Arc<Hospital>>,
    rows: Vec<Row>,
    instances: Vec<Planted>,
    opted_out: Vec<Arc<Person>>,
    objections: Vec<(String, Arc<Person>)>,
    local_serial: u32,
    study_serial: u32,
}

/// A study to be planned.
struct Draft<'a> {
    trust: usize,
    person: &'a Arc<Person>,
    date: Day,
    kind: Kind,
    body_part: Option<&'static str>,
    description: &'static str,
    fate: Fate,
}

impl Planner {
    pub(super) fn new(seed: u64, size: Size) -> Self {
        let (sources, trusts) = (sources(), trusts());
        let hospital = |trust: &TrustPlan| {
            let source = &sources[trust.source];
            Arc::new(Hospital {
                ods: trust.ods.clone(),
                name: trust.name.clone(),
                address: format!("Infirmary Road, {}", trust.name.split(' ').next().unwrap_or_default()),
                issuer: trust.issuer.clone(),
                accession_prefix: trust.ods.clone(),
                station_ae: format!("{}_MOD", trust.ods),
                maker: trust.maker,
                charset: trust.charset,
                nhs_number: source.nhs_number,
            })
        };
        let hospitals = trusts.iter().map(hospital).collect();
        Self {
            seed,
            size,
            people: People::new(seed),
            random: Random::labelled(seed, "region"),
            sources,
            trusts,
            hospitals,
            rows: Vec::new(),
            instances: Vec::new(),
            opted_out: Vec::new(),
            objections: Vec::new(),
            local_serial: 0,
            study_serial: 0,
        }
    }

    pub(super) fn region(mut self) -> Region {
        for trust in 0..self.trusts.len() {
            self.positive(trust);
            self.negative(trust);
            for _ in 0..self.size.people {
                self.ordinary(trust);
            }
            self.bystander(trust);
        }
        let at_three_trusts = self.person_of_three_trusts();
        let twins = self.twins();
        let same_local_id = self.same_local_id();
        self.withheld();
        self.oddities();
        Region {
            sources: self.sources,
            trusts: self.trusts,
            rows: self.rows,
            instances: self.instances,
            opted_out: self.opted_out,
            objections: self.objections,
            at_three_trusts,
            twins,
            same_local_id,
        }
    }

    /// A positive swab: studies on each side of the first day of the window, on the swab's day, long after, and a CT.
    fn positive(&mut self, trust: usize) {
        let person = self.person(trust, self.trusts[trust].script);
        let swab = self.swab();
        self.row(trust, &person, true, swab);
        let first = swab.plus_years(-3);
        let radiograph = if trust.is_multiple_of(2) { Kind::Cr } else { Kind::Dx };
        for (date, inside) in [(first, true), (first.plus(-1), false), (swab, true), (swab.plus(200), true)] {
            self.chest(trust, &person, date, radiograph, inside);
        }
        self.chest(trust, &person, swab.plus(2), Kind::Ct, true);
        if trust % 4 == 1 {
            self.chest(trust, &person, swab.plus(60), Kind::Mr, true);
        }
    }

    /// A negative swab: studies on each side of both ends of the window.
    fn negative(&mut self, trust: usize) {
        let person = self.person(trust, Script::Plain);
        let swab = self.swab();
        self.row(trust, &person, false, swab);
        for (days, inside) in [(-29, false), (-28, true), (0, true), (1, false)] {
            self.chest(trust, &person, swab.plus(days), Kind::Cr, inside);
        }
    }

    /// Somebody of the cohort with a radiograph, and with studies that no window makes interesting.
    fn ordinary(&mut self, trust: usize) {
        let person = self.person(trust, self.trusts[trust].script);
        let swab = self.swab();
        self.row(trust, &person, true, swab);
        self.chest(trust, &person, swab.plus(1), Kind::Dx, true);
        let elsewhere = self.fate(trust, Unwanted::OutsideBodyPart);
        self.study(Draft {
            trust,
            person: &person,
            date: swab.plus(3),
            kind: Kind::Cr,
            body_part: Some("HAND"),
            description: "XR Hand Lt",
            fate: elsewhere,
        });
        let other = self.fate(trust, Unwanted::OutsideModality);
        self.study(Draft {
            trust,
            person: &person,
            date: swab.plus(4),
            kind: Kind::Ultrasound,
            body_part: Some("CHEST"),
            description: "US Chest",
            fate: other,
        });
    }

    /// Somebody whom no sheet names.
    fn bystander(&mut self, trust: usize) {
        let person = self.person(trust, Script::Plain);
        let date = self.swab();
        self.unwanted(trust, &person, date, Unwanted::NotInCohort);
    }

    fn person_of_three_trusts(&mut self) -> Arc<Person> {
        let mut person = self.people.next(Script::WesternEuropean);
        let trusts = [0, 5, 12];
        for trust in trusts {
            let local = self.local_id(trust);
            person.local_ids.push(local);
        }
        let person = Arc::new(person);
        let swab = self.swab();
        for (days, trust) in (0..).zip(trusts) {
            self.row(trust, &person, true, swab);
            self.chest(trust, &person, swab.plus(days), Kind::Cr, true);
        }
        person
    }

    fn twins(&mut self) -> [Arc<Person>; 2] {
        let trust = 5;
        let swab = self.swab();
        self.people.twins().map(|mut twin| {
            let local = self.local_id(trust);
            twin.local_ids.push(local);
            let twin = Arc::new(twin);
            self.row(trust, &twin, true, swab);
            self.chest(trust, &twin, swab, Kind::Dx, true);
            twin
        })
    }

    /// Two trusts of one archive gave the same number to two people.
    fn same_local_id(&mut self) -> [Arc<Person>; 2] {
        let id = self.local_id(0).id;
        [0, 1].map(|trust| {
            let mut person = self.people.next(Script::Plain);
            person.local_ids.push(LocalId { issuer: self.trusts[trust].issuer.clone(), id: id.clone() });
            let person = Arc::new(person);
            let swab = self.swab();
            self.row(trust, &person, true, swab);
            self.chest(trust, &person, swab.plus(1), Kind::Cr, true);
            person
        })
    }

    /// People of the sheets who must not be asked for: opted out, objecting, or not surely the right person.
    fn withheld(&mut self) {
        for (trust, why) in [
            (0, Unwanted::OptedOut),
            (6, Unwanted::OptedOut),
            (12, Unwanted::OptedOut),
            (7, Unwanted::Objected),
            (9, Unwanted::IdentityUnconfirmed),
        ] {
            let person = self.person(trust, Script::Plain);
            let swab = self.swab();
            self.row(trust, &person, true, swab);
            match why {
                Unwanted::OptedOut => self.opted_out.push(Arc::clone(&person)),
                Unwanted::Objected => {
                    self.objections.push((self.trusts[trust].ods.clone(), Arc::clone(&person)))
                }
                _ => {
                    if let Some(row) = self.rows.last_mut() {
                        row.birth = row.birth.plus(31); // A mistake in the sheet.
                    }
                }
            }
            self.unwanted(trust, &person, swab.plus(1), why);
        }
    }

    /// What is suspicious: each beside an innocent instance of the same study.
    fn oddities(&mut self) {
        for (trust, kind, oddity) in [
            (0, Kind::Cr, Oddity::BurnedIn),
            (1, Kind::Ct, Oddity::Secondary),
            (2, Kind::Cr, Oddity::Overlay),
            (4, Kind::Cr, Oddity::ConversionType),
            (5, Kind::Dx, Oddity::ForProcessing),
            (6, Kind::Cr, Oddity::Graphics),
            (8, Kind::Dx, Oddity::BurnedIn),
            (10, Kind::Cr, Oddity::Overlay),
            (0, Kind::Cr, Oddity::Unattributed),
            (9, Kind::Cr, Oddity::UnknownBodyPart),
        ] {
            let person = self.person(trust, Script::Plain);
            let swab = self.swab();
            self.row(trust, &person, true, swab);
            let whole_study = matches!(oddity, Oddity::Unattributed | Oddity::UnknownBodyPart);
            let before = self.instances.len();
            self.chest(trust, &person, swab.plus(1), kind, true);
            let Some(innocent) = self.instances.get(before).cloned() else { continue };
            if whole_study {
                self.instances.truncate(before);
            }
            self.odd(innocent, oddity);
        }
        self.beside_a_ct();
    }

    fn odd(&mut self, mut planted: Planted, oddity: Oddity) {
        planted.instance.uid += ".9";
        planted.instance.number += 90;
        planted.instance.oddity = Some(oddity);
        if matches!(oddity, Oddity::Unattributed | Oddity::UnknownBodyPart) {
            let (study, series) = (Arc::make_mut(&mut planted.instance.study), &mut planted.instance.series);
            if oddity == Oddity::Unattributed {
                study.accession = format!("9{}", &study.accession[3..]);
            } else {
                (study.body_part, study.description) = (None, "XR Portable".into());
                Arc::make_mut(series).description = "AP erect".into();
            }
        }
        if let Some(fate) = held_for(oddity) {
            planted.fate = fate;
        }
        self.instances.push(planted);
    }

    /// A CT with what comes along: a screen among the images, a dose report and a presentation state.
    fn beside_a_ct(&mut self) {
        let trust = 5;
        let person = self.person(trust, Script::WesternEuropean);
        let swab = self.swab();
        self.row(trust, &person, true, swab);
        let before = self.instances.len();
        self.chest(trust, &person, swab.plus(5), Kind::Ct, true);
        let Some(slice) = self.instances.get(before).cloned() else { return };
        let screen = Fate::Held(&["pixels-class-not-listed", "pixels-not-primary", "pixels-converted"]);
        let report = Fate::Held(&["pixels-class-not-listed", "pixels-none", "pixels-image-type-unclear"]);
        let marks = Fate::Held(&[
            "pixels-class-not-listed",
            "pixels-none",
            "pixels-image-type-unclear",
            "pixels-graphics",
        ]);
        for (number, kind, fate) in [
            (2, Kind::SecondaryCapture, screen),
            (3, Kind::DoseReport, report),
            (4, Kind::PresentationState, marks),
        ] {
            let series = self.series(&slice.instance.study, number, kind, 1);
            let uid = format!("{}.1", series.uid);
            let instance = Instance { uid, series: Arc::new(series), number: 1, ..slice.instance.clone() };
            self.instances.push(Planted { instance, fate, ..slice.clone() });
        }
    }

    fn person(&mut self, trust: usize, script: Script) -> Arc<Person> {
        let mut person = self.people.next(script);
        let local = self.local_id(trust);
        person.local_ids.push(local);
        Arc::new(person)
    }

    fn local_id(&mut self, trust: usize) -> LocalId {
        self.local_serial += 1;
        let number = 4_710_000 + self.local_serial * 37;
        let id = match trust % 3 {
            0 => format!("RX{number}"),
            1 => format!("0{number}"),
            _ => format!("H{number}K"),
        };
        LocalId { issuer: self.trusts[trust].issuer.clone(), id }
    }

    fn swab(&mut self) -> Day {
        Day::of(2020, 3, 10).plus(self.random.between(0, 400))
    }

    fn row(&mut self, trust: usize, person: &Arc<Person>, positive: bool, swab: Day) {
        let TrustPlan { ods, issuer, .. } = &self.trusts[trust];
        let (ods, issuer, birth) = (ods.clone(), issuer.clone(), person.birth);
        self.rows.push(Row { person: Arc::clone(person), ods, issuer, positive, swab, birth });
    }

    /// What an expired agreement makes of any other fate.
    fn fate(&self, trust: usize, otherwise: Unwanted) -> Fate {
        let expired = !self.trusts[trust].agreement_in_force;
        Fate::NotRequested(if expired && otherwise != Unwanted::NotInCohort {
            Unwanted::AgreementExpired
        } else {
            otherwise
        })
    }

    fn unwanted(&mut self, trust: usize, person: &Arc<Person>, date: Day, why: Unwanted) {
        let fate = self.fate(trust, why);
        let draft = Draft {
            trust,
            person,
            date,
            kind: Kind::Cr,
            body_part: Some("CHEST"),
            description: "XR Chest",
            fate,
        };
        self.study(draft);
    }

    fn chest(&mut self, trust: usize, person: &Arc<Person>, date: Day, kind: Kind, inside: bool) {
        let fate = match (inside, self.trusts[trust].agreement_in_force) {
            (true, true) => Fate::Acknowledged,
            _ => self.fate(trust, Unwanted::OutsideWindow),
        };
        let description = match kind {
            Kind::Ct => "CT Thorax",
            Kind::Mr => "MR Cardiac",
            _ => "XR Chest",
        };
        let body_part = Some(if kind == Kind::Mr { "HEART" } else { "CHEST" });
        self.study(Draft { trust, person, date, kind, body_part, description, fate });
    }

    fn study(&mut self, draft: Draft<'_>) {
        self.study_serial += 1;
        let (hospital, serial) = (&self.hospitals[draft.trust], self.study_serial);
        let time_s = 28_800 + serial * 97 % 36_000;
        let study = Arc::new(Study {
            uid: format!("1.3.6.1.4.1.99999.{}.{}{time_s:05}.{serial}", draft.trust + 1, draft.date.dicom()),
            date: draft.date,
            time_s,
            accession: format!(
                "{}{}{:06}",
                hospital.accession_prefix,
                draft.date.civil().0,
                204_700 + serial * 13
            ),
            id: format!("S{:06}", 310_000 + serial * 7),
            description: draft.description.into(),
            body_part: draft.body_part,
        });
        let stack = matches!(draft.kind, Kind::Ct | Kind::Mr);
        let series = self.series(&study, 1, draft.kind, if stack { self.size.slices } else { 1 });
        let series = Arc::new(series);
        let hospital = Arc::clone(hospital);
        for number in 1..=series.instances {
            let instance = Instance {
                hospital: Arc::clone(&hospital),
                person: Arc::clone(draft.person),
                study: Arc::clone(&study),
                series: Arc::clone(&series),
                uid: format!("{}.{number}", series.uid),
                number,
                size: self.size.pixels,
                oddity: None,
                seed: self.seed,
            };
            let source = self.trusts[draft.trust].source;
            let (ods, fate) = (hospital.ods.clone(), draft.fate.clone());
            self.instances.push(Planted { source, ods, instance, fate });
        }
    }

    fn series(&self, study: &Study, number: u32, kind: Kind, instances: u32) -> Series {
        let uid = format!("{}.{number}", study.uid);
        let description = match kind {
            Kind::Ct => "Thorax 5.0 B30f",
            Kind::Mr => "T1 tse axial heart",
            Kind::SecondaryCapture => "Screen save",
            Kind::DoseReport => "Dose Report",
            Kind::PresentationState => "Key findings",
            Kind::Ultrasound => "Pleura",
            Kind::Cr | Kind::Dx if study.body_part == Some("CHEST") => "Chest PA",
            Kind::Cr | Kind::Dx => "Hand DP",
        };
        let frame_of_reference = format!("{}.0.1", study.uid);
        Series { uid, number, kind, description: description.into(), frame_of_reference, instances }
    }
}
