//! Who was examined where: persons with numbers in several hospitals, each hospital with its own habits of writing them.

use super::key::Fate;
use crate::calendar::Day;
use crate::people::{LocalId, People, Person, Script};
use crate::random::Random;
use crate::text::Charset;
use std::sync::Arc;

/// A hospital of the corpus.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) number: usize,
    pub(super) ods: String,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) issuer: String,
    pub(super) charset: Charset,
    pub(super) carries: Carries,
}

/// How a hospital writes the NHS number of its patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// PatientID, plain.
    Id,
    /// PatientID, in groups of three, three and four with blanks.
    IdSpaced,
    /// PatientID, in groups with hyphens.
    IdHyphens,
    /// OtherPatientIDs (0010,1000), the second of two values, in groups.
    OtherIds,
    /// OtherPatientIDsSequence, with the issuer NHS.
    OtherSequence,
    /// OtherPatientIDsSequence, in groups, its issuer given by a universal id only.
    OtherSequenceQualified,
    /// Nowhere.
    Nowhere,
}

const CARRIES: [Carries; 7] = [
    Carries::Id,
    Carries::OtherSequence,
    Carries::IdSpaced,
    Carries::OtherIds,
    Carries::IdHyphens,
    Carries::OtherSequenceQualified,
    Carries::Nowhere,
];
const NAMES: [&str; 7] = [
    "Thornwick Royal Infirmary",
    "Oldmere District General",
    "Saltby Memorial",
    "Kirkholt Cottage Hospital",
    "Eastmoss University Hospital",
    "Wendlebury Cross Clinic",
    "Harrowgarth Diagnostic Centre",
];
/// Surnames of people who work there.
const STAFF: [&str; 4] = ["Harrowgarth^", "Tamarquist", "Ledgefold", "Quillscar"];
const CHARSETS: [Charset; 7] = [
    Charset::Latin1,
    Charset::Utf8,
    Charset::Ascii,
    Charset::Latin2,
    Charset::Latin1,
    Charset::Utf8,
    Charset::Latin1,
];

/// What is wrong with how a person is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing.
    None,
    /// One NHS number, two birth dates: objects of both kinds are made.
    BirthDates,
    /// One NHS number, both sexes.
    Sexes,
    /// The id says that there is none, and nothing else identifies.
    Placeholder(&'static str),
}

impl Doubt {
    pub(super) fn fate(self) -> (Fate, &'static str) {
        match self {
            Self::None => (Fate::CanClean, ""),
            Self::BirthDates => (Fate::MustHold, "one NHS number with two birth dates"),
            Self::Sexes => (Fate::MustHold, "one NHS number with two sexes"),
            Self::Placeholder(_) => (Fate::MustHold, "a placeholder for an identifier"),
        }
    }
}

/// One examination of one person: what its objects share.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) person: Arc<Person>,
    /// Who this is, as far as anybody can tell from the objects: see [`Crowd`].
    pub(super) cluster: String,
    pub(super) site: Arc<Site>,
    pub(super) doubt: Doubt,
    pub(super) study_uid: String,
    pub(super) date: Day,
    pub(super) time_s: u32,
    pub(super) accession: String,
    pub(super) id: String,
}

impl Visit {
    /// Everything that identifies here, distinctive enough to search for.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut found: Vec<String> = self.person.sentinels().into_iter().map(|one| one.text).collect();
        let surname = |name: &str| name.split('^').next().unwrap_or_default().to_owned();
        found.extend([surname(&self.person.doctor), self.site.name.clone(), self.site.address.clone()]);
        found.extend([
            self.site.issuer.clone(),
            self.accession.clone(),
            self.study_uid.clone(),
            self.id.clone(),
        ]);
        found.extend(STAFF.iter().map(|name| (*name).to_owned()));
        found.retain(|text| text.len() >= 4);
        found
    }

    /// The local number of this person here.
    pub(super) fn local(&self) -> &str {
        self.person.local_id(&self.site.issuer).unwrap_or(&self.person.nhs_number)
    }
}

fn sites() -> Vec<Arc<Site>> {
    let site = |number: usize| {
        let ods = format!("ZZ{}", number + 1);
        Arc::new(Site {
            number,
            name: NAMES[number].into(),
            address: format!("{} Infirmary Parade, Oldmere ZZ4 {}QX", 3 + number, number + 1),
            issuer: format!("{ods}-PAS"),
            ods,
            charset: CHARSETS[number],
            carries: CARRIES[number],
        })
    };
    (0..NAMES.len()).map(site).collect()
}

const SCRIPTS: [Script; 10] = [
    Script::Plain,
    Script::Plain,
    Script::WesternEuropean,
    Script::Plain,
    Script::Japanese,
    Script::CentralEuropean,
    Script::Plain,
    Script::Korean,
    Script::Cyrillic,
    Script::Chinese,
];
const PLACEHOLDERS: [&str; 6] = ["UNKNOWN", "0000000000", "ANONYMOUS", "TEST", "123456", "NONE"];

/// The visits of so many persons, two to five each.
///
/// Persons are clusters of objects that can be told to be one from the objects themselves: by NHS number; else by local number and
/// issuer. Who has a number at a hospital that writes no NHS numbers is another cluster there, because nothing in the objects says
/// that it is the same person.
pub(super) fn visits(seed: u64, persons: usize) -> Vec<Visit> {
    let mut random = Random::labelled(seed, "corpus");
    let mut people = People::new(seed);
    let sites = sites();
    let mut visits = Vec::new();
    for nth in 0..persons {
        let mut person = people.next(SCRIPTS[nth % SCRIPTS.len()]);
        // Nobody of 90 years or more: what becomes of their ages is a choice of the project, not of the standard.
        if person.birth < Day::of(1936, 1, 1) {
            person.birth = person.birth.plus_years(20);
        }
        let doubt = match nth % 20 {
            7 => Doubt::BirthDates,
            13 => Doubt::Sexes,
            17 => Doubt::Placeholder(PLACEHOLDERS[nth / 20 % PLACEHOLDERS.len()]),
            _ => Doubt::None,
        };
        visits.extend(of_person(nth, person, doubt, &sites, &mut random));
    }
    visits
}

fn of_person(
    nth: usize,
    mut person: Person,
    doubt: Doubt,
    sites: &[Arc<Site>],
    random: &mut Random,
) -> Vec<Visit> {
    for site in sites {
        // Numbers repeat between hospitals: the same one is somebody else's elsewhere.
        let id = format!("R{:07}", 4_100_000 + (nth + 3 * site.number) * 11 % 90_000);
        person.local_ids.push(LocalId { issuer: site.issuer.clone(), id });
    }
    let person = Arc::new(person);
    let first = nth % sites.len();
    let places: Vec<usize> = match doubt {
        Doubt::None => vec![first, (first + 1) % sites.len(), (first + 3) % sites.len(), first],
        // Where the NHS number is written, so that the conflict shows.
        _ => vec![0, 1, 2],
    };
    let mut date = Day::of(2017, 1, 10).plus(random.between(0, 1_500));
    let mut visits = Vec::new();
    for (visit, at) in places.into_iter().enumerate() {
        let site = Arc::clone(&sites[at]);
        let person = conflicting(&person, doubt, visit);
        let cluster = match (doubt, site.carries) {
            (Doubt::Placeholder(_), _) => format!("nobody {nth}"),
            (_, Carries::Nowhere) => format!("{nth} at {}", site.ods),
            _ => format!("{nth}"),
        };
        let serial = nth * 10 + visit;
        visits.push(Visit {
            cluster,
            doubt,
            study_uid: format!("1.3.6.1.4.1.99999.88.{}.{serial}.{}", site.number + 1, 1_000 + serial * 7),
            date,
            time_s: 28_800 + u32::try_from(random.between(0, 30_000)).unwrap_or(0),
            accession: format!("{}A{:07}", site.ods, 2_000_000 + serial * 13),
            id: format!("ST{:06}", 300_000 + serial * 17),
            person,
            site,
        });
        date = date.plus(random.between(2, 240));
    }
    visits
}

/// The person as the given visit has it: where identity is in doubt, later visits disagree.
fn conflicting(person: &Arc<Person>, doubt: Doubt, visit: usize) -> Arc<Person> {
    let mut other = (**person).clone();
    match doubt {
        Doubt::BirthDates if visit > 0 => other.birth = other.birth.plus(400),
        Doubt::Sexes if visit > 0 => other.sex = other.sex.other(),
        _ => return Arc::clone(person),
    }
    Arc::new(other)
}
