//! What an object claims of its patient.

use super::*;
use crate::pseudonym::ProjectKey;
use dicom::dataset::{Dataset, Element};
use dicom::part10::{FileMeta, Object};
use dicom::tag::{Tag, VR, tags};

/// Elements of a header as (tag, text).
type Header<'a> = [(Tag, &'a str)];

fn claims_of(set: Dataset) -> Result<Claims, Nobody> {
    let engine = Pseudonymiser::new(&ProjectKey::new([7; 32]), "Subject").unwrap();
    Claims::of(&Facts::of(&Object::new(FileMeta::default(), set)), &engine)
}

fn set(header: &Header<'_>) -> Dataset {
    header.iter().map(|(tag, text)| Element::text_of(*tag, VR::LO, text)).collect()
}

fn claims(header: &Header<'_>) -> Result<Claims, Nobody> {
    claims_of(set(header))
}

fn other(id: &str, issuer: &str) -> Dataset {
    set(&[(tags::PATIENT_ID, id), (tags::ISSUER_OF_PATIENT_ID, issuer)])
}

fn with_others(header: &Header<'_>, others: Vec<Dataset>) -> Result<Claims, Nobody> {
    let mut set = set(header);
    set.put(Element::items_of(tags::OTHER_PATIENT_I_DS_SEQUENCE, others));
    claims_of(set)
}

/// Other Patient IDs: retired, and still written.
const OTHER: Tag = Tag(0x0010, 0x1000);
const ID: Tag = tags::PATIENT_ID;
const ISSUER: Tag = tags::ISSUER_OF_PATIENT_ID;
const PLACE: Tag = tags::INSTITUTION_NAME;
const NAME: Tag = tags::PATIENT_NAME;
const BIRTH: Tag = tags::PATIENT_BIRTH_DATE;

#[test]
fn the_number_is_the_same_person_wherever_it_stands_and_however_it_is_written() {
    let plain = claims(&[(ID, "9990000018")]).unwrap();
    assert!(plain.by_number.is_some() && plain.by_local_id.is_empty());
    let elsewhere = [
        claims(&[(ID, "NHS 999 000 0018"), (PLACE, "Sandbeach General")]),
        claims(&[(ID, "9990000018^^^NHS"), (ISSUER, "RX1")]),
        claims(&[(ID, "RX1471199"), (ISSUER, "RX1"), (OTHER, "A1\\999-000-0018")]),
        with_others(&[(ID, "RX1471199")], vec![other("X1", "RX2"), other("NHS:9990000018", "NHS")]),
    ];
    for claims in elsewhere {
        assert_eq!(claims.unwrap().by_number, plain.by_number);
    }
}

#[test]
fn words_for_nobody_are_no_identifier_and_a_department_is_no_issuer() {
    for id in ["UNKNOWN MALE", "EMERGENCY", "Not Given", "A&E", "NEWBORN"] {
        assert_eq!(claims(&[(ID, id), (ISSUER, "RX1")]).unwrap_err().code(), "identity-unknown", "{id}");
    }
    // The same number at two departments: the same person only if the name and the birth date are.
    let of =
        |place, name| claims(&[(ID, "471199"), (PLACE, place), (NAME, name), (BIRTH, "19530412")]).unwrap();
    let here = of("Radiology", "CHILD^ED");
    assert_eq!(here.by_local_id, of("X-Ray Department", "CHILD^ED").by_local_id);
    assert_ne!(here.by_local_id, of("X-Ray Department", "CHILD^A").by_local_id);
    assert_ne!(here.by_local_id, of("Sandbeach General", "CHILD^ED").by_local_id);
}

#[test]
fn two_numbers_in_one_object_are_nobody() {
    let two = [(ID, "9990000018"), (OTHER, "9990000026")];
    assert_eq!(claims(&two), Err(Nobody::Conflicting));
    let same = [(ID, "9990000018"), (OTHER, "999 000 0018")];
    assert!(claims(&same).is_ok());
}

#[test]
fn what_stands_for_nobody_is_nobody_but_a_study_is_somebodys() {
    for id in ["UNKNOWN", "0000000000", "1234567881", "9999999999", "NHS 1234567881", "N/A"] {
        assert_eq!(claims(&[(ID, id), (ISSUER, "RX1")]), Err(Nobody::Unknown), "{id}");
    }
    // But the objects of one study are about one person, and those of two are kept apart.
    let of = |id, study| claims(&[(ID, id), (tags::STUDY_INSTANCE_UID, study)]).unwrap().by_local_id;
    assert_eq!(of("", "1.2.3"), of(" ", "1.2.3"));
    assert_ne!(of("", "1.2.3"), of("", "1.2.4"));
    assert_eq!(
        claims(&[(ID, ""), (ISSUER, "RX1")]),
        Err(Nobody::Unknown),
        "neither an identifier nor a study"
    );
    for word in ["REFUSED", "SEE NOTES"] {
        let claims = with_others(&[(ID, "471199"), (ISSUER, "RX1")], vec![other(word, "RX2")]).unwrap();
        assert_eq!(claims.by_local_id.len(), 1, "{word} is no number that another could have as well");
    }
    let nhs = with_others(&[(ID, "471199"), (ISSUER, "RX1")], vec![other("A12", "NHS")]).unwrap();
    assert_eq!(nhs.by_local_id.len(), 1, "the NHS issues NHS numbers");
    let known = with_others(&[(ID, "UNKNOWN"), (ISSUER, "RX1")], vec![other("471199", "RX2")]).unwrap();
    assert_eq!(known.by_local_id, claims(&[(ID, "471199"), (ISSUER, "RX2")]).unwrap().by_local_id);
}

#[test]
fn a_local_identifier_is_of_its_issuer_else_of_its_institution() {
    let of = |header: &Header<'_>| claims(header).unwrap().by_local_id;
    let here = of(&[(ID, "471199"), (PLACE, "Sandbeach General")]);
    assert_eq!(here, of(&[(ID, " 471199"), (PLACE, "SANDBEACH  GENERAL ")]));
    assert_ne!(here, of(&[(ID, "471199"), (PLACE, "Oldmere Infirmary")]));
    assert_ne!(here, of(&[(ID, "471199"), (ISSUER, "RX1"), (PLACE, "Sandbeach General")]));
    assert_eq!(of(&[(ID, "471199^^^RX1"), (PLACE, "A B")]), of(&[(ID, "471199"), (ISSUER, "rx1")]));
}

#[test]
fn an_identifier_that_nobody_issued_needs_the_same_name_and_birth_date() {
    let of = |name: &str, birth: &str| {
        claims(&[(ID, "471199"), (NAME, name), (BIRTH, birth)]).unwrap().by_local_id
    };
    assert_eq!(of("SMITH^JOHN", "19530412"), of("Smith^John^", "1953.04.12"));
    assert_ne!(of("SMITH^JOHN", "19530412"), of("SMITH^JOAN", "19530412"));
    assert_ne!(of("SMITH^JOHN", "19530412"), of("SMITH^JOHN", "19531204"));
    let bare = |study: &str| {
        claims(&[(ID, "471199"), (NAME, "ANONYMOUS"), (tags::STUDY_INSTANCE_UID, study)]).unwrap().by_local_id
    };
    assert_eq!(bare("1.2.3"), bare("1.2.3"));
    assert_ne!(bare("1.2.3"), bare("1.2.4"), "nothing says that these two are one person");
}

#[test]
fn what_is_missing_conflicts_with_nothing() {
    let of = |birth: &str, sex: &str| {
        claims(&[(ID, "9990000018"), (BIRTH, birth), (tags::PATIENT_SEX, sex)]).unwrap()
    };
    for birth in ["", "19000101", "00000000", "unknown"] {
        assert_eq!(of(birth, "F").birth, None, "{birth}");
    }
    for sex in ["", "O", "U"] {
        assert_eq!(of("19530412", sex).sex, None, "{sex}");
    }
    assert_ne!(of("19530412", "F"), of("19531204", "F"));
    assert_ne!(of("19530412", "F"), of("19530412", "M"));
    let (one, other) = (of("19530412", "F"), of("1953-04-12", "f"));
    assert_eq!((one.birth, one.sex), (other.birth, other.sex));
}
