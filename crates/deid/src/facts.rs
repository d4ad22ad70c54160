//! What an object says of itself, read once at the door: what the hub decides by, and the identifiers to search for afterwards.

use crate::custody::Sensitive;
use crate::dates;
use crate::identity::{InvalidNhsNumber, NhsNumber, is_nobodys, is_placeholder};
use crate::profile::{Dates, Profile, ProfileOption};
use crate::recent::Recent;
use crate::text::{Identifier, IdentifierKind};
use dicom::dataset::{Dataset, Element};
use dicom::part10::{self, Limits, NoteKind, ReadError, Source};
use dicom::tag::{Tag, VR, tags};
use residue::{Needle, NeedleKind};

/// Other Patient IDs (0010,1000) and Medical Record Locator (0010,1090): retired, and still written.
const OTHER_PATIENT_IDS: Tag = Tag(0x0010, 0x1000);
const MEDICAL_RECORD_LOCATOR: Tag = Tag(0x0010, 0x1090);

/// The elements that facts are taken from.
const TOLD_BY: &[Tag] = &[
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::MODALITY,
    tags::BODY_PART_EXAMINED,
    tags::STUDY_DATE,
    tags::PATIENT_AGE,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    OTHER_PATIENT_IDS,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::PATIENT_NAME,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::INSTITUTION_NAME,
    tags::INSTITUTION_CODE_SEQUENCE,
    tags::ACCESSION_NUMBER,
    tags::MANUFACTURER,
    tags::MANUFACTURER_MODEL_NAME,
    tags::ROWS,
    tags::COLUMNS,
];

/// What an object says of itself.
#[derive(Clone, PartialEq)]
pub struct Facts {
    /// SOP Class UID (0008,0016), or the one of group 0002.
    pub sop_class: String,
    /// Whether group 0002 names the class and the instance that the data set names (PS3.10 §7.1), or one of the two is silent.
    pub agrees_with_meta: bool,
    /// The transfer syntax that it is in.
    pub transfer_syntax: String,
    /// Modality (0008,0060), if it is a defined term.
    pub modality: Option<&'static str>,
    /// Body Part Examined (0018,0015), if it is a listed term.
    pub body_part: Option<&'static str>,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: Sensitive<String>,
    /// Study Instance UID (0020,000D).
    pub study_uid: Sensitive<String>,
    /// Series Instance UID (0020,000E).
    pub series_uid: Sensitive<String>,
    /// Study Date (0008,0020), as it stands there.
    pub study_date: Option<Sensitive<String>>,
    /// The person's age in whole years when the study was made: Patient's Age (0010,1010), else from the dates of birth and study.
    pub(crate) age_years: Option<u16>,
    /// Patient's Age (0010,1010), as it stands there.
    age: Option<Sensitive<String>>,
    /// Who it says it is about.
    pub patient: Patient,
    /// Where it says it was made.
    pub origin: Origin,
    /// What says it made it.
    pub device: Device,
}

/// What made an image, and at which size: the class that rules about its pixels are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Manufacturer (0008,0070), as far as it can be one.
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090), as far as it can be one.
    pub model: String,
    /// Rows (0028,0010); 0 where there are none.
    pub rows: u32,
    /// Columns (0028,0011).
    pub columns: u32,
}

/// Letters of a manufacturer or a model, at most (PS3.5 §6.2, VR LO).
const DEVICE_CHARS_MAX: usize = 64;
/// Digits of a model, at most: an identifier of a person has more.
const DEVICE_DIGITS_MAX: usize = 5;

impl Device {
    /// A value that cannot be a maker or a model is as none: who stores it must not store an identifier.
    fn of(dataset: &Dataset) -> Self {
        let size = |tag| dataset.integer(tag).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let named = |tag| {
            let text = dataset.text(tag).unwrap_or_default().trim();
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let plausible = text.chars().count() <= DEVICE_CHARS_MAX
                && digits <= DEVICE_DIGITS_MAX
                && !text.contains(['^', '\\']);
            if plausible { text.to_uppercase() } else { String::new() }
        };
        Self {
            manufacturer: named(tags::MANUFACTURER),
            model: named(tags::MANUFACTURER_MODEL_NAME),
            rows: size(tags::ROWS),
            columns: size(tags::COLUMNS),
        }
    }
}

/// Who an object says it is about; every value as it stands there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patient {
    /// Patient ID (0010,0020).
    pub id: Option<Sensitive<String>>,
    /// Issuer of Patient ID (0010,0021).
    pub issuer: Option<Sensitive<String>>,
    /// Other Patient IDs (0010,1000) and those of the sequence (0010,1002), with their issuers.
    pub other_ids: Vec<(Sensitive<String>, Option<Sensitive<String>>)>,
    /// Patient's Name (0010,0010).
    pub name: Option<Sensitive<String>>,
    /// Patient's Birth Date (0010,0030).
    pub birth_date: Option<Sensitive<String>>,
    /// Patient's Sex (0010,0040): M, F or O.
    pub sex: Option<char>,
}

/// What attribution rules look at: where an object was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// Institution Name (0008,0080).
    pub institution_name: Option<Sensitive<String>>,
    /// The code values of Institution Code Sequence (0008,0082).
    pub institution_codes: Vec<Sensitive<String>>,
    /// Accession Number (0008,0050).
    pub accession_number: Option<Sensitive<String>>,
    /// Source Application Entity Title (0002,0016).
    pub source_ae: Option<Sensitive<String>>,
}

/// Why a patient's own identifiers give no NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNhsNumber {
    /// None of them has the form of one.
    Absent,
    /// One has the form, and its check digit is wrong or it is a placeholder.
    Invalid(InvalidNhsNumber),
    /// There are two different ones.
    Two,
}

impl Patient {
    fn of(dataset: &Dataset) -> Self {
        let sensitive = |tag| dataset.text(tag).map(|text| Sensitive::new(text.trim().to_owned()));
        let mut other_ids: Vec<_> =
            dataset.texts(OTHER_PATIENT_IDS).map(|id| (Sensitive::new(id.to_owned()), None)).collect();
        for item in dataset.items(tags::OTHER_PATIENT_I_DS_SEQUENCE) {
            if let Some(id) = item.text(tags::PATIENT_ID) {
                let issuer =
                    item.text(tags::ISSUER_OF_PATIENT_ID).map(|text| Sensitive::new(text.trim().to_owned()));
                other_ids.push((Sensitive::new(id.to_owned()), issuer));
            }
        }
        Self {
            id: sensitive(tags::PATIENT_ID),
            issuer: sensitive(tags::ISSUER_OF_PATIENT_ID),
            other_ids,
            name: sensitive(tags::PATIENT_NAME),
            birth_date: sensitive(tags::PATIENT_BIRTH_DATE),
            sex: dataset
                .text(tags::PATIENT_SEX)
                .and_then(|sex| sex.trim().chars().next())
                .map(|sex| sex.to_ascii_uppercase())
                .filter(|sex| "MFO".contains(*sex)),
        }
    }

    /// The one NHS number among Patient ID and Other Patient IDs.
    ///
    /// A ten-digit local identifier can pass Modulus 11 by chance (one in eleven), so a source that declares where its NHS
    /// number stands should be believed before this.
    pub fn nhs_number(&self) -> Result<Sensitive<NhsNumber>, NoNhsNumber> {
        let mut found: Option<NhsNumber> = None;
        let mut failure = NoNhsNumber::Absent;
        for id in self.id.iter().chain(self.other_ids.iter().map(|(id, _)| id)) {
            match NhsNumber::parse(id.inside()) {
                Ok(number) if found.as_ref().is_some_and(|known| *known != number) => {
                    return Err(NoNhsNumber::Two);
                }
                Ok(number) => found = Some(number),
                Err(InvalidNhsNumber::NotTenDigits) => {}
                Err(error) => failure = NoNhsNumber::Invalid(error),
            }
        }
        found.map(Sensitive::new).ok_or(failure)
    }
}

impl Facts {
    /// What an object says that is only looked at.
    pub fn read(source: Box<dyn Source>, limits: &Limits) -> Result<Self, ReadError> {
        Ok(Self::of(&part10::glance(source, limits, TOLD_BY)?))
    }

    /// What these objects say of their patient, each once, that no text of the patient's may say; `None` if it is too much.
    pub fn needles(all: impl IntoIterator<Item = Self>) -> Option<Vec<Needle>> {
        let owned = |(kind, value): (NeedleKind, &str)| (Some(kind), value.to_owned());
        needles_of(all.into_iter().flat_map(|facts| facts.told().map(owned).collect::<Vec<Told>>()))
    }

    /// What the object says of its patient, as it stands there.
    pub(crate) fn told(&self) -> impl Iterator<Item = (NeedleKind, &str)> {
        let patient = &self.patient;
        let ids = patient.id.iter().chain(patient.other_ids.iter().map(|(id, _)| id));
        (patient.name.iter().map(|name| (NeedleKind::Name, name)))
            .chain(patient.birth_date.iter().map(|date| (NeedleKind::Date, date)))
            .chain(ids.map(|id| (NeedleKind::Other, id)))
            .map(|(kind, value)| (kind, value.inside().as_str()))
    }

    /// The age that the object would go out with; `None` where none would.
    pub fn outgoing_age(&self, profile: &Profile) -> Option<String> {
        let age = self.age.as_ref().filter(|_| profile.keeps_ages())?;
        // One value, but for those who write more: then what they make together.
        let values = age.inside().split('\\').filter_map(|value| profile.ages().outgoing(value));
        Some(values.collect::<Vec<_>>().join("\\")).filter(|ages| !ages.is_empty())
    }

    pub(crate) fn of(object: &dicom::part10::Object) -> Self {
        let set = &object.dataset;
        let uid = |tag| Sensitive::new(set.text(tag).unwrap_or_default().to_owned());
        let class = |text: &str| dicom::uid::Uid::parse(text).ok().map(|uid| uid.as_str().to_owned());
        let text = |tag| set.text(tag).map(|text| text.trim().to_owned());
        Self {
            // What the data set says is what it is cleaned as: a UID that is none is of no class, whatever the file meta says.
            sop_class: class(set.text(tags::SOP_CLASS_UID).unwrap_or(&object.meta.sop_class))
                .unwrap_or_default(),
            agrees_with_meta: !object.noted(NoteKind::MetaDisagrees),
            transfer_syntax: object.meta.transfer_syntax.clone(),
            modality: set.text(tags::MODALITY).and_then(|value| Profile::listed_term(tags::MODALITY, value)),
            body_part: set
                .text(tags::BODY_PART_EXAMINED)
                .and_then(|value| Profile::listed_term(tags::BODY_PART_EXAMINED, value)),
            sop_instance_uid: uid(tags::SOP_INSTANCE_UID),
            study_uid: uid(tags::STUDY_INSTANCE_UID),
            series_uid: uid(tags::SERIES_INSTANCE_UID),
            study_date: text(tags::STUDY_DATE).map(Sensitive::new),
            age_years: age_years(set),
            age: text(tags::PATIENT_AGE).map(Sensitive::new),
            patient: Patient::of(set),
            device: Device::of(set),
            origin: Origin {
                institution_name: text(tags::INSTITUTION_NAME).map(Sensitive::new),
                institution_codes: set
                    .items(tags::INSTITUTION_CODE_SEQUENCE)
                    .iter()
                    .filter_map(|item| {
                        item.text(tags::CODE_VALUE).map(|code| Sensitive::new(code.to_owned()))
                    })
                    .collect(),
                accession_number: text(tags::ACCESSION_NUMBER).map(Sensitive::new),
                source_ae: object.meta.source_ae.clone().map(Sensitive::new),
            },
        }
    }
}

/// The age that the object tells.
fn age_years(dataset: &Dataset) -> Option<u16> {
    let told = dataset.text(tags::PATIENT_AGE).and_then(crate::values::age);
    if let Some((number, unit)) = told {
        return Some(if unit == 'Y' { number } else { 0 });
    }
    let day = |tag| dates::parse_da(dataset.text(tag)?).map(|day| day.days_since_1970());
    let days = day(tags::STUDY_DATE)?.checked_sub(day(tags::PATIENT_BIRTH_DATE)?)?;
    // A Gregorian year has 365.2425 days; a day too old on a birthday is nobody's loss.
    u16::try_from(i64::from(days) * 10_000 / 3_652_425).ok()
}

/// Shows the kind of object only.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Facts({})", self.modality.unwrap_or("no modality"))
    }
}

/// Whom and what else an object names: every other person, and the places that the profile does not keep. Text is cleaned of them.
///
/// What stands there for nobody, or is too short to be told from any word, is left out.
pub(crate) fn mentions(dataset: &Dataset, profile: &Profile, into: &mut Vec<Identifier>) {
    for element in dataset {
        if let Some(kind) = mention_kind(element, profile) {
            for value in element.texts().filter(|value| is_mention(kind, value)) {
                if into.len() >= NEEDLES_MAX {
                    return;
                }
                if !into.iter().any(|known| known.text == value) {
                    into.push(Identifier { kind, text: value.to_owned() });
                }
            }
        }
        element.items().iter().for_each(|item| mentions(item, profile, into));
    }
}

/// Whether a value names somebody or something that text can be told from. Clinics and rooms stand where a physician should: what is
/// made of words of descriptions, none of which is a name as well, names nobody.
fn is_mention(kind: IdentifierKind, value: &str) -> bool {
    let parts = || value.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    let is_plain = |part: &str| crate::text::is_everyday_word(part) && !crate::text::is_also_name(part);
    let says_nothing = match kind {
        IdentifierKind::Name => {
            parts().all(|part| is_plain(part) || part.bytes().all(|b| b.is_ascii_digit()))
        }
        // The number of an order, not the first study.
        IdentifierKind::Other => value.len() < 5 || !value.bytes().any(|b| b.is_ascii_digit()),
        _ => false,
    };
    value.chars().count() > 2 && !says_nothing && !is_placeholder(value)
}

fn mention_kind(element: &Element, profile: &Profile) -> Option<IdentifierKind> {
    let keeps = |option| profile.has(option);
    match element.tag {
        tag if element.vr == VR::PN && needle_kind(tag).is_none() => Some(IdentifierKind::Name),
        tags::INSTITUTION_NAME
        | tags::INSTITUTION_ADDRESS
        | tags::INSTITUTIONAL_DEPARTMENT_NAME
        | tags::REQUESTING_SERVICE
        | tags::ISSUER_OF_PATIENT_ID => {
            (!keeps(ProfileOption::RetainInstitutionIdentity)).then_some(IdentifierKind::Organisation)
        }
        tags::STATION_NAME => {
            (!keeps(ProfileOption::RetainDeviceIdentity)).then_some(IdentifierKind::Organisation)
        }
        tags::CURRENT_PATIENT_LOCATION | tags::PATIENT_INSTITUTION_RESIDENCE => {
            Some(IdentifierKind::Organisation)
        }
        tags::STUDY_DATE | tags::SERIES_DATE | tags::ACQUISITION_DATE | tags::CONTENT_DATE => {
            (profile.dates() != Dates::Keep).then_some(IdentifierKind::Day)
        }
        tags::REFERRING_PHYSICIAN_TELEPHONE_NUMBERS => Some(IdentifierKind::Number),
        tags::STUDY_ID
        | tags::REQUESTED_PROCEDURE_ID
        | tags::SCHEDULED_PROCEDURE_STEP_ID
        | tags::PERFORMED_PROCEDURE_STEP_ID
        | tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST
        | tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST => Some(IdentifierKind::Other),
        _ => None,
    }
}

/// Fewer characters stand in any header by chance.
const NEEDLE_CHARS_MIN: usize = 3;
/// As do fewer digits.
const NEEDLE_DIGITS_MIN: usize = 4;

/// More identifiers than any person has; the search for them costs memory and time.
pub(crate) const NEEDLES_MAX: usize = 1_000;

/// The identifiers of the patient in these data sets, at every depth, to be searched for in what goes out; `None` if there
/// are too many to search for.
///
/// What too many headers hold by chance, and what stands for nobody (UNKNOWN, 0000), is left out.
pub(crate) fn needles<'a>(datasets: impl IntoIterator<Item = &'a Dataset>) -> Option<Vec<Needle>> {
    // The objects of a series tell the same.
    static TOLD: Recent<Vec<Told>, Option<Vec<Needle>>> = Recent::new();
    let mut told = Vec::new();
    datasets.into_iter().for_each(|dataset| collect_told(dataset, &mut told));
    TOLD.get(told, |told| needles_of(told.iter().cloned())).as_ref().clone()
}

/// A value that needles are made of; of no kind: the name of somebody else.
type Told = (Option<NeedleKind>, String);

fn collect_told(dataset: &Dataset, into: &mut Vec<Told>) {
    for element in dataset {
        match needle_kind(element.tag) {
            Some(NeedleKind::Address) => {
                into.extend(element.text().map(|text| (Some(NeedleKind::Address), text.to_owned())));
            }
            kind if kind.is_some() || element.vr == VR::PN => {
                into.extend(element.texts().map(|text| (kind, text.to_owned())));
            }
            _ => {}
        }
        element.items().iter().for_each(|item| collect_told(item, into));
    }
}

fn needles_of(told: impl IntoIterator<Item = Told>) -> Option<Vec<Needle>> {
    let mut found = Vec::new();
    for (kind, value) in told {
        let needle = match kind {
            None => distinctive_name(&value),
            Some(kind) if !is_telling(kind, &value) => None,
            // A number is searched for by its digits, however it was labelled.
            Some(NeedleKind::Other) => Some(NhsNumber::parse(&value).map_or_else(
                |_| Needle::new(NeedleKind::Other, &value),
                |number| Needle::new(NeedleKind::Number, number.digits()),
            )),
            Some(kind) => Some(Needle::new(kind, &value)),
        };
        found.extend(needle.filter(|needle| !found.contains(needle)));
        if found.len() > NEEDLES_MAX {
            return None;
        }
    }
    Some(found)
}

/// What to search for of the name of somebody else: physicians, operators. Their names are often initials or a room, which
/// stand in every header; a part of a name counts if it has four letters and is no word of descriptions.
fn distinctive_name(name: &str) -> Option<Needle> {
    let is_distinctive = |part: &&str| {
        part.chars().filter(|c| c.is_alphabetic()).count() >= 4 && !crate::text::is_everyday_word(part)
    };
    let parts: Vec<&str> = name.split(['^', '=', ' ', ',', '.']).filter(is_distinctive).collect();
    (!parts.is_empty() && !is_placeholder(name)).then(|| Needle::new(NeedleKind::Name, parts.join("^")))
}

fn needle_kind(tag: Tag) -> Option<NeedleKind> {
    match tag {
        tags::PATIENT_NAME
        | tags::OTHER_PATIENT_NAMES
        | tags::PATIENT_BIRTH_NAME
        | tags::PATIENT_MOTHER_BIRTH_NAME
        | tags::RESPONSIBLE_PERSON => Some(NeedleKind::Name),
        tags::PATIENT_ID
        | OTHER_PATIENT_IDS
        | tags::ACCESSION_NUMBER
        | tags::ADMISSION_ID
        | tags::SERVICE_EPISODE_ID
        | MEDICAL_RECORD_LOCATOR => Some(NeedleKind::Other),
        tags::PATIENT_TELEPHONE_NUMBERS => Some(NeedleKind::Number),
        tags::PATIENT_BIRTH_DATE => Some(NeedleKind::Date),
        tags::PATIENT_ADDRESS => Some(NeedleKind::Address),
        tags::STUDY_INSTANCE_UID | tags::SERIES_INSTANCE_UID => Some(NeedleKind::Uid),
        _ => None,
    }
}

fn is_telling(kind: NeedleKind, value: &str) -> bool {
    let chars = value.chars().filter(|c| c.is_alphanumeric()).count();
    let digits_only = value.chars().all(|c| c.is_ascii_digit());
    match kind {
        NeedleKind::Name => chars > 1 && !is_placeholder(value),
        NeedleKind::Date => crate::dates::parse_da(value).is_some() && !value.starts_with("1900"),
        NeedleKind::Uid => !crate::profile::is_well_known(value) && chars > NEEDLE_DIGITS_MIN,
        _ if is_nobodys(value) => false,
        _ if digits_only => chars >= NEEDLE_DIGITS_MIN,
        _ => chars >= NEEDLE_CHARS_MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::Custody;

    fn set(elements: &[(Tag, VR, &str)]) -> Dataset {
        elements.iter().map(|(tag, vr, text)| Element::text_of(*tag, *vr, text)).collect()
    }

    #[test]
    fn a_glance_at_an_object_tells_what_the_whole_tells() {
        let (limits, mut compared) = (Limits::default(), 0);
        for case in sim::corpus::corpus(11, 150) {
            let source = || Box::new(std::io::Cursor::new(case.file.clone()));
            let Ok(whole) = part10::open(source(), &limits) else { continue };
            assert!(Facts::read(source(), &limits).unwrap() == Facts::of(&whole), "{}", case.key.file);
            compared += 1;
        }
        assert!(compared > 100, "{compared} objects are too few");
    }

    #[test]
    fn the_nhs_number_is_found_in_patient_id_or_among_the_others() {
        let custody = Custody::mint();
        let digits =
            |set: &Dataset| Patient::of(set).nhs_number().map(|number| number.expose(&custody).digits());
        let in_id = set(&[(tags::PATIENT_ID, VR::LO, "999 000 0018")]);
        assert_eq!(digits(&in_id), Ok("9990000018".to_owned()));
        let mut among =
            set(&[(tags::PATIENT_ID, VR::LO, "RBL123"), (OTHER_PATIENT_IDS, VR::LO, "A1\\9990000018")]);
        assert_eq!(digits(&among), Ok("9990000018".to_owned()));
        let item = set(&[(tags::PATIENT_ID, VR::LO, "9990000026")]);
        among.put(Element::items_of(tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![item]));
        assert_eq!(digits(&among), Err(NoNhsNumber::Two));
        let wrong = set(&[(tags::PATIENT_ID, VR::LO, "0000000000")]);
        assert_eq!(digits(&wrong), Err(NoNhsNumber::Invalid(InvalidNhsNumber::Placeholder)));
        assert_eq!(digits(&Dataset::new()), Err(NoNhsNumber::Absent));
    }

    #[test]
    fn an_object_with_thousands_of_identifiers_is_nobodys() {
        let ids = |n: u32| (0..n).map(|id| format!("ID{id:06}")).collect::<Vec<_>>().join("\\");
        let of = |n| needles([&set(&[(OTHER_PATIENT_IDS, VR::LO, &ids(n))])]);
        assert_eq!(of(1_000).map(|found| found.len()), Some(1_000));
        assert!(of(1_001).is_none());
    }

    #[test]
    fn somebody_whose_name_is_words_for_nobody_is_somebody() {
        let found = needles([&set(&[
            (tags::PATIENT_NAME, VR::PN, "CHILD^ED"),
            (tags::PATIENT_ID, VR::LO, "UNKNOWN MALE"),
        ])]);
        let found = found.unwrap();
        assert_eq!(found.iter().map(|needle| needle.text.as_str()).collect::<Vec<_>>(), ["CHILD^ED"]);
    }

    #[test]
    fn what_every_header_holds_is_no_needle() {
        let dataset = set(&[
            (tags::ACCESSION_NUMBER, VR::SH, "1"),
            (tags::PATIENT_NAME, VR::PN, "UNKNOWN"),
            (tags::PATIENT_ID, VR::LO, "0000000"),
            (tags::PATIENT_BIRTH_DATE, VR::DA, "19530412"),
        ]);
        let found = needles([&dataset]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, NeedleKind::Date);
    }
}
