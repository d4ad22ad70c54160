//! Simulated people: names in several scripts, NHS numbers of the test range, addresses, and what must never leave.

use crate::calendar::Day;
use crate::random::Random;

/// The script of a name, and so the least character set that can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// ASCII.
    Plain,
    /// Western European (ISO_IR 100).
    WesternEuropean,
    /// Central European (ISO_IR 101).
    CentralEuropean,
    /// Cyrillic (ISO_IR 144).
    Cyrillic,
    /// Japanese, with ideographic and phonetic groups (ISO 2022 IR 87).
    Japanese,
    /// Korean, with ideographic and phonetic groups (ISO 2022 IR 149).
    Korean,
    /// Chinese, with an ideographic group (GB18030).
    Chinese,
}

/// Sex as DICOM and the sheets tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `F`.
    Female,
    /// `M`.
    Male,
}

impl Sex {
    /// The value of PatientSex (PS3.3 C.7.1.1).
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Female => Self::Male,
            Self::Male => Self::Female,
        }
    }
}

/// A name with its component groups (PS3.5 §6.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Family name of the alphabetic group.
    pub family: String,
    /// Given name of the alphabetic group.
    pub given: String,
    /// Family and given name of the ideographic group.
    pub ideographic: Option<(String, String)>,
    /// Family and given name of the phonetic group.
    pub phonetic: Option<(String, String)>,
    /// The script that the name needs.
    pub script: Script,
}

impl Name {
    /// The PN value: `Family^Given=family^given=family^given`.
    pub fn pn(&self) -> String {
        let mut pn = format!("{}^{}", self.family, self.given);
        for group in [&self.ideographic, &self.phonetic].into_iter().flatten() {
            pn.push_str(&format!("={}^{}", group.0, group.1));
        }
        pn
    }

    /// As a letter would print it.
    pub fn plain(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    fn latin(family: &str, given: &str, script: Script) -> Self {
        Self { family: family.into(), given: given.into(), ideographic: None, phonetic: None, script }
    }
}

/// A number that a trust gave to a person; another trust may have given the same to somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalId {
    /// The issuer: who gave the number.
    pub issuer: String,
    /// The number.
    pub id: String,
}

/// A simulated person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: Name,
    /// The NHS number: ten digits of the 999 test range, Modulus 11 valid.
    pub nhs_number: String,
    /// Date of birth.
    pub birth: Day,
    /// Sex.
    pub sex: Sex,
    /// Street and number.
    pub street: String,
    /// Town and postcode.
    pub town: String,
    /// Telephone number.
    pub phone: String,
    /// Mother's name before marriage.
    pub mother: String,
    /// The family doctor.
    pub doctor: String,
    /// The numbers that trusts gave.
    pub local_ids: Vec<LocalId>,
}

/// A string that must not be found in anything that left.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sentinel {
    /// What it is, in a word.
    pub kind: &'static str,
    /// The string as it would be written.
    pub text: String,
}

impl Person {
    /// The local id that an issuer gave.
    pub fn local_id(&self, issuer: &str) -> Option<&str> {
        self.local_ids.iter().find(|local| local.issuer == issuer).map(|local| local.id.as_str())
    }

    /// The NHS number as letters print it, three, three and four.
    pub fn nhs_number_spaced(&self) -> String {
        let n = &self.nhs_number;
        format!("{} {} {}", &n[..3], &n[3..6], &n[6..])
    }

    /// Everything about this person that is distinctive enough to search for. Names under four letters are left
    /// out: they occur by chance.
    pub fn sentinels(&self) -> Vec<Sentinel> {
        let mut found = Vec::new();
        let mut add = |kind, text: String| found.push(Sentinel { kind, text });
        add("name", self.name.family.clone());
        add("name", self.name.given.clone());
        for group in [&self.name.ideographic, &self.name.phonetic].into_iter().flatten() {
            add("name", format!("{}^{}", group.0, group.1));
        }
        add("name", self.mother.clone());
        add("name", self.doctor.clone());
        let n = &self.nhs_number;
        add("nhs-number", n.clone());
        add("nhs-number", self.nhs_number_spaced());
        add("nhs-number", format!("{}-{}-{}", &n[..3], &n[3..6], &n[6..]));
        add("birth-date", self.birth.dicom());
        add("birth-date", self.birth.iso());
        add("birth-date", self.birth.british());
        add("address", self.street.clone());
        add("address", self.town.clone());
        add("telephone", self.phone.clone());
        for local in &self.local_ids {
            add("local-id", local.id.clone());
        }
        found.retain(|sentinel| sentinel.text.chars().count() >= 4 || !sentinel.text.is_ascii());
        found
    }
}

/// Makes people one after another; the same seed makes the same people.
#[derive(Debug, Clone)]
pub struct People {
    random: Random,
    serial: u32,
    made: usize,
}

impl People {
    /// The people of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::labelled(seed, "people");
        // Somewhere in the lower half of the range, so that hundreds of thousands can follow.
        let serial = u32::try_from(random.below(500_000)).unwrap_or(0) + 1_000;
        Self { random, serial, made: 0 }
    }

    /// The next person, with a name in this script.
    pub fn next(&mut self, script: Script) -> Person {
        let sex = if self.random.below(2) == 0 { Sex::Female } else { Sex::Male };
        let name = self.name(script);
        let birth = Day::of(1931, 1, 1).plus(self.random.between(0, 25_000));
        let mother = self.surname();
        let doctor = format!("{}^{}^^Dr", self.surname(), self.random.pick(GIVEN));
        let street =
            format!("{} {} {}", self.random.between(2, 240), self.surname(), self.random.pick(ROADS));
        let postcode = format!("ZZ{} {}QX", self.random.between(10, 99), self.random.between(1, 9));
        let town = format!("{} {postcode}", self.random.pick(TOWNS));
        // 01632 960000 to 960999 is kept free for drama.
        let phone = format!("01632 960{:03}", self.made % 1_000);
        self.made += 1;
        let nhs_number = self.nhs_number();
        Person { name, nhs_number, birth, sex, street, town, phone, mother, doctor, local_ids: Vec::new() }
    }

    /// Twins: one surname, birth date and address, and NHS numbers that follow each other.
    pub fn twins(&mut self) -> [Person; 2] {
        let first = self.next(Script::Plain);
        let mut second = first.clone();
        while second.name.given == first.name.given {
            second.name.given = self.random.pick(GIVEN).into();
        }
        second.nhs_number = self.nhs_number();
        [first, second]
    }

    fn nhs_number(&mut self) -> String {
        loop {
            self.serial += 1;
            if let Some(number) = nhs_number(self.serial) {
                return number;
            }
        }
    }

    fn surname(&mut self) -> String {
        format!("{}{}", self.random.pick(SURNAME_HEADS), self.random.pick(SURNAME_TAILS))
    }

    fn name(&mut self, script: Script) -> Name {
        let pick = self.made;
        let of = |list: &[(&str, &str)]| {
            let (family, given) = list[pick % list.len()];
            Name::latin(family, given, script)
        };
        let grouped = |list: &[[&str; 6]]| {
            let [family, given, i_family, i_given, p_family, p_given] = list[pick % list.len()];
            Name {
                ideographic: Some((i_family.into(), i_given.into())),
                phonetic: Some((p_family.into(), p_given.into())),
                ..Name::latin(family, given, script)
            }
        };
        match script {
            Script::Plain => Name::latin(&self.surname(), self.random.pick(GIVEN), script),
            Script::WesternEuropean => of(WESTERN),
            Script::CentralEuropean => of(CENTRAL),
            Script::Cyrillic => of(CYRILLIC),
            Script::Japanese => grouped(JAPANESE),
            Script::Korean => grouped(KOREAN),
            Script::Chinese => {
                let [family, given, i_family, i_given] = CHINESE[pick % CHINESE.len()];
                Name {
                    ideographic: Some((i_family.into(), i_given.into())),
                    ..Name::latin(family, given, script)
                }
            }
        }
    }
}

/// The NHS number of the 999 range with these six digits and its Modulus 11 check digit; `None` where the check
/// digit would be 10.
pub fn nhs_number(serial: u32) -> Option<String> {
    let body = format!("999{:06}", serial % 1_000_000);
    let check = check_digit(&body)?;
    Some(format!("{body}{check}"))
}

/// Whether ten digits end in their Modulus 11 check digit.
pub fn is_valid_nhs_number(number: &str) -> bool {
    number.len() == 10
        && number.bytes().all(|b| b.is_ascii_digit())
        && check_digit(&number[..9]).is_some_and(|check| number.ends_with(&check.to_string()))
}

/// Weights 10 to 2 over nine digits; 11 minus the remainder; 11 counts as 0 and 10 does not exist.
fn check_digit(nine: &str) -> Option<u32> {
    let sum: u32 =
        nine.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => Some(digit),
    }
}

// Invented compounds: distinctive enough that a search for one finds nothing by chance.
const SURNAME_HEADS: &[&str] = &[
    "Quill", "Bracken", "Thistle", "Fennel", "Wether", "Marsh", "Hazel", "Corven", "Drake", "Elder",
    "Farrow", "Gorse", "Harrow", "Ivel", "Juniper", "Kestrel", "Linden", "Mallow", "Nettle", "Oster",
    "Penhal", "Rushby", "Saffron", "Tamar",
];
const SURNAME_TAILS: &[&str] = &[
    "feather", "thwaite", "combe", "wick", "shaw", "borne", "garth", "ledge", "mantle", "ridge", "scar",
    "worthy", "holme", "quist", "dyke", "fold",
];
const GIVEN: &[&str] = &[
    "Ottilie",
    "Peregrine",
    "Thessaly",
    "Barnabus",
    "Clemency",
    "Evander",
    "Philippa",
    "Gideon",
    "Honoria",
    "Isambard",
    "Jocasta",
    "Lysander",
    "Marigold",
    "Nathaniel",
    "Octavia",
    "Quentin",
    "Rosamund",
    "Septimus",
    "Tabitha",
    "Ulysses",
    "Verity",
    "Wilfred",
    "Xanthe",
    "Zebedee",
];
const ROADS: &[&str] = &["Lane", "Crescent", "Terrace", "Gardens", "Rise"];
const TOWNS: &[&str] = &["Oldmere", "Thornwick", "Saltby", "Wendlebury Cross", "Kirkholt", "Eastmoss"];
const WESTERN: &[(&str, &str)] = &[
    ("Brandström", "Åse"),
    ("Ó Súilleabháin", "Gráinne"),
    ("Peñarrubia", "Íñigo"),
    ("Lefèbvre-Garçon", "Zoë"),
    ("Weißmüller", "Jörg"),
];
const CENTRAL: &[(&str, &str)] = &[
    ("Wiśniewska", "Żaneta"),
    ("Łukaszewicz", "Świętosław"),
    ("Dvořáčková", "Ludmila"),
    ("Szőllősi", "Ödön"),
];
const CYRILLIC: &[(&str, &str)] =
    &[("Вишневецкая", "Оксана"), ("Твардовский", "Мстислав"), ("Щербакова", "Евдокия")];
const JAPANESE: &[[&str; 6]] = &[
    ["Tachibana", "Yukino", "橘", "雪乃", "たちばな", "ゆきの"],
    ["Kusunoki", "Masatsura", "楠木", "正行", "くすのき", "まさつら"],
    ["Fujiwara", "Shigemori", "藤原", "重盛", "ふじわら", "しげもり"],
    ["Hasegawa", "Tsuyako", "長谷川", "艶子", "はせがわ", "つやこ"],
];
const KOREAN: &[[&str; 6]] = &[
    ["Namgung", "Haneul", "南宮", "星", "남궁", "하늘"],
    ["Hwangbo", "Seungmin", "皇甫", "承民", "황보", "승민"],
    ["Seonwoo", "Jihyeon", "鮮于", "智賢", "선우", "지현"],
];

const CHINESE: &[[&str; 4]] = &[
    ["Shangguan", "Yunfei", "上官", "云飞"],
    ["Zhuge", "Mingyue", "诸葛", "明月"],
    ["Ouyang", "Zhenhua", "欧阳", "振华"],
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_makes_the_same_people() {
        let make = |seed| {
            let mut people = People::new(seed);
            let mut all: Vec<Person> =
                [Script::Plain, Script::Japanese, Script::Korean].map(|script| people.next(script)).into();
            all.extend(people.twins());
            all
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }

    #[test]
    fn nhs_numbers_are_of_the_test_range_valid_and_unique() {
        let mut people = People::new(3);
        let numbers: Vec<String> = (0..2_000).map(|_| people.next(Script::Plain).nhs_number).collect();
        assert!(numbers.iter().all(|n| n.starts_with("999") && is_valid_nhs_number(n)));
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), numbers.len());
        // The worked example of the NHS data dictionary's Modulus 11.
        assert!(is_valid_nhs_number("9434765919"));
        assert!(!is_valid_nhs_number("9434765918"));
    }

    #[test]
    fn twins_differ_in_given_name_and_number_only() {
        let [a, b] = People::new(5).twins();
        assert_eq!((&a.name.family, a.birth, &a.street), (&b.name.family, b.birth, &b.street));
        assert_ne!(a.name.given, b.name.given);
        assert_ne!(a.nhs_number, b.nhs_number);
        assert_eq!(a.nhs_number[..7], b.nhs_number[..7]);
    }

    #[test]
    fn a_japanese_name_has_three_groups() {
        let name = People::new(1).next(Script::Japanese).name;
        assert_eq!(name.pn(), "Tachibana^Yukino=橘^雪乃=たちばな^ゆきの");
    }
}
