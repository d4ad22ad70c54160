//! Who is it? One pseudonym per person across hospitals, never two people on one; what contradicts itself is held.

use super::{files, hospital, instance, text_of, tributary};
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, tags};
use sim::encode::Syntax;
use sim::images::{Kind, Maker, NhsNumberIn};
use sim::people::{People, Script};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

const ID: Tag = tags::PATIENT_ID;
const ISSUER: Tag = tags::ISSUER_OF_PATIENT_ID;
const OTHER: Tag = Tag(0x0010, 0x1000);
const NAME: Tag = tags::PATIENT_NAME;
const BIRTH: Tag = tags::PATIENT_BIRTH_DATE;
const SEX: Tag = tags::PATIENT_SEX;
const PLACE: Tag = tags::INSTITUTION_NAME;

type Header<'a> = &'a [(Tag, &'a str)];

/// Writes a CT image with these elements in the place of the simulated person's.
fn image(path: &Path, n: u32, header: Header<'_>, others: Vec<Dataset>) {
    let hospital = hospital(Maker::Siemens, Script::Plain, NhsNumberIn::Nowhere);
    let person = Arc::new(People::new(7).next(Script::Plain));
    let bytes = instance(&hospital, &person, Kind::Ct, n, None).file(Syntax::ExplicitLittle);
    let mut object =
        dicom::part10::open(Box::new(Cursor::new(bytes)), &dicom::part10::Limits::default()).unwrap();
    for tag in [ID, ISSUER, OTHER, NAME, BIRTH, SEX, PLACE, tags::OTHER_PATIENT_I_DS_SEQUENCE] {
        object.dataset.remove(tag);
    }
    object.dataset.remove(tags::INSTITUTION_CODE_SEQUENCE);
    header.iter().for_each(|(tag, text)| object.dataset.put_text(*tag, VR::LO, text));
    if !others.is_empty() {
        object.dataset.put(Element::items_of(tags::OTHER_PATIENT_I_DS_SEQUENCE, others));
    }
    object.write(&mut File::create(path).unwrap()).unwrap();
}

fn other(id: &str, issuer: &str) -> Dataset {
    [Element::text_of(ID, VR::LO, id), Element::text_of(ISSUER, VR::LO, issuer)].into_iter().collect()
}

/// What became of each image: its pseudonym, or the code it is held for.
fn come_out(images: &[(&str, Header<'_>)]) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    let mut names = BTreeMap::new();
    for (n, (name, header)) in (1..).zip(images) {
        image(&input.join(name), n, header, Vec::new());
        names.insert(format!("1.2.826.0.1.3680043.9.7.4.{n}"), (*name).to_owned());
    }
    outcomes(&input, &output, &names)
}

fn outcomes(input: &Path, output: &Path, names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let done = tributary(&[input, output]);
    assert!(matches!(done.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&done.stderr));
    let mapping = fs::read_to_string(output.with_file_name("out.mapping.csv")).unwrap();
    let old: BTreeMap<&str, &str> =
        mapping.lines().filter_map(|line| line.split_once(',')).map(|(old, new)| (new, old)).collect();
    let mut came = BTreeMap::new();
    for path in files(output) {
        let uid = text_of(&path, tags::SOP_INSTANCE_UID);
        came.insert(names[old[uid.as_str()]].clone(), text_of(&path, ID));
    }
    let held = fs::read_to_string(output.with_file_name("out.held.csv")).unwrap();
    for line in held.lines().skip(1) {
        let (path, code) = line.rsplit_once(',').unwrap();
        came.insert(Path::new(path).file_name().unwrap().to_str().unwrap().to_owned(), code.to_owned());
    }
    came
}

#[test]
fn one_person_has_one_pseudonym_across_hospitals_and_objects() {
    let came = come_out(&[
        (
            "both",
            &[
                (ID, "SB471199"),
                (ISSUER, "SANDBEACH"),
                (OTHER, "999 000 0018"),
                (BIRTH, "19530412"),
                (SEX, "F"),
            ],
        ),
        ("local only", &[(ID, "sb471199"), (ISSUER, "Sandbeach"), (BIRTH, "19530412")]),
        ("number only", &[(ID, "NHS:9990000018"), (PLACE, "Oldmere Infirmary"), (SEX, "F")]),
        ("number as HL7 has it", &[(ID, "9990000018^^^NHS"), (BIRTH, "19000101"), (SEX, "O")]),
        ("same id elsewhere", &[(ID, "SB471199"), (ISSUER, "OLDMERE"), (BIRTH, "19530412"), (SEX, "F")]),
        ("same id, institution", &[(ID, "SB471199"), (PLACE, "Sandbeach General")]),
        ("nobody issued it", &[(ID, "SB471199"), (NAME, "SMITH^JOHN"), (BIRTH, "19530412")]),
        ("nor this", &[(ID, "SB471199"), (NAME, "Smith^John^"), (BIRTH, "19530412")]),
        ("nor this, of another", &[(ID, "SB471199"), (NAME, "SMITH^JANE"), (BIRTH, "19530412")]),
    ]);
    let person = &came["both"];
    for same in ["local only", "number only", "number as HL7 has it"] {
        assert_eq!(&came[same], person, "{same}");
    }
    assert_eq!(came["nobody issued it"], came["nor this"]);
    let apart = ["both", "same id elsewhere", "same id, institution", "nor this", "nor this, of another"];
    let apart: std::collections::BTreeSet<&String> = apart.iter().map(|name| &came[*name]).collect();
    assert_eq!(apart.len(), 5, "never two people on one pseudonym: {came:?}");
}

#[test]
fn whoever_is_not_named_is_the_one_person_of_the_study() {
    const STUDY: Tag = tags::STUDY_INSTANCE_UID;
    let number = (ID, "9990000018");
    let came = come_out(&[
        ("named", &[number, (STUDY, "1.2.3.1"), (BIRTH, "19530412")]),
        ("not named", &[(STUDY, "1.2.3.1")]),
        ("nor here", &[(ID, ""), (STUDY, "1.2.3.1"), (BIRTH, "19530412")]),
        ("named elsewhere", &[number, (STUDY, "1.2.3.2")]),
        ("nobody", &[(STUDY, "1.2.3.3")]),
        ("nobody either", &[(STUDY, "1.2.3.3")]),
        ("one of two", &[(ID, "9990000026"), (STUDY, "1.2.3.4")]),
        ("the other", &[(ID, "9990000034"), (STUDY, "1.2.3.4")]),
        ("which of them", &[(STUDY, "1.2.3.4")]),
        ("who says otherwise", &[(ID, "9990000042"), (BIRTH, "19530412"), (STUDY, "1.2.3.5")]),
        ("says otherwise", &[(BIRTH, "19540412"), (STUDY, "1.2.3.5")]),
    ]);
    for same in ["not named", "nor here", "named elsewhere"] {
        assert_eq!(came[same], came["named"], "{same}");
    }
    assert_eq!(came["nobody"], came["nobody either"]);
    let apart = ["named", "nobody", "one of two", "the other"].map(|name| came[name].as_str());
    assert!(apart.iter().all(|person| person.starts_with("Subject")), "{came:?}");
    assert_eq!(apart.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{came:?}");
    for held in ["which of them", "who says otherwise", "says otherwise"] {
        assert_eq!(came[held], "identity-conflicting", "{held}");
    }
}

#[test]
fn what_one_file_says_of_a_person_goes_from_the_text_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    let comment = (tags::IMAGE_COMMENTS, "Mark Young chest 12-34-57");
    let number = [(ID, "9990000018"), comment];
    image(&input.join("number"), 1, &number, Vec::new());
    let comments = || -> Vec<String> {
        let done = tributary(&[&input, &output, Path::new("--options"), Path::new("clean-descriptors")]);
        assert!(matches!(done.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&done.stderr));
        files(&output).iter().map(|path| text_of(path, tags::IMAGE_COMMENTS)).collect()
    };
    assert_eq!(comments(), ["Mark Young chest 12-34-57"], "words and a number of nobody");
    // What comes later names the person: what went out before goes out anew.
    let named = [(ID, "9990000018"), (OTHER, "12-34-57"), (NAME, "Young^Mark"), comment];
    image(&input.join("named"), 2, &named, Vec::new());
    assert_eq!(comments(), ["chest", "chest"]);
    assert_eq!(comments(), ["chest", "chest"]);
    // Another file that says so stands in for one that is no more.
    image(&input.join("named as well"), 3, &named, Vec::new());
    fs::remove_file(input.join("named")).unwrap();
    image(&input.join("number too"), 4, &number, Vec::new());
    assert_eq!(comments(), ["chest"; 4]);
}

#[test]
fn a_person_of_more_identifiers_than_anybody_has_is_held_altogether() {
    let many: Vec<String> = (0..1_001).map(|n| format!("ID{n:06}")).collect();
    let number: Header<'_> = &[(ID, "9990000018")];
    let came = come_out(&[
        ("one of them", number),
        ("too many", &[(ID, "9990000018"), (OTHER, &many.join("\\"))]),
        ("somebody else", &[(ID, "9990000026")]),
    ]);
    for held in ["one of them", "too many"] {
        assert_eq!(came[held], "too-many-identifiers", "{held}");
    }
    assert!(came["somebody else"].starts_with("Subject"));
}

#[test]
fn a_number_in_the_sequence_of_other_ids_ties_the_identifiers_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    let ties = vec![other("999-000-0018", "NHS"), other("OM1234", "OLDMERE")];
    image(&input.join("tie"), 1, &[(ID, "SB471199"), (ISSUER, "SANDBEACH")], ties);
    image(&input.join("elsewhere"), 2, &[(ID, "OM1234"), (ISSUER, "OLDMERE")], Vec::new());
    image(&input.join("number"), 3, &[(ID, "9990000018")], Vec::new());
    let names = [(1, "tie"), (2, "elsewhere"), (3, "number")];
    let names = names.map(|(n, name)| (format!("1.2.826.0.1.3680043.9.7.4.{n}"), name.to_owned()));
    let came = outcomes(&input, &output, &names.into_iter().collect());
    assert_eq!(came["tie"], came["elsewhere"]);
    assert_eq!(came["tie"], came["number"]);
}

#[test]
fn a_person_who_contradicts_itself_is_held_altogether_and_nobody_else_is() {
    let other_person: Header<'_> = &[(ID, "9990000042"), (BIRTH, "19530412"), (SEX, "F")];
    let same = [(ID, "9990000018"), (BIRTH, "19530412"), (SEX, "F")];
    for (why, changed) in [
        ("birth date", &[(ID, "9990000018"), (BIRTH, "19540412"), (SEX, "F")][..]),
        ("day and month", &[(ID, "9990000018"), (BIRTH, "19531204"), (SEX, "F")]),
        ("sex", &[(ID, "9990000018"), (BIRTH, "19530412"), (SEX, "M")]),
    ] {
        let came = come_out(&[("a", &same), ("b", changed), ("c", &same), ("other", other_person)]);
        for name in ["a", "b", "c"] {
            assert_eq!(came[name], "identity-conflicting", "{why}");
        }
        assert!(came["other"].starts_with("Subject"), "{why}");
    }
    let came = come_out(&[
        ("one number", &[(ID, "SB471199"), (ISSUER, "SANDBEACH"), (OTHER, "9990000018")]),
        ("another", &[(ID, "SB471199"), (ISSUER, "SANDBEACH"), (OTHER, "9990000026")]),
        ("neither", &[(ID, "SB471199"), (ISSUER, "SANDBEACH")]),
        ("two at once", &[(ID, "9990000034"), (OTHER, "9990000042")]),
        ("one of the two", &[(ID, "9990000034")]),
        ("placeholder", &[(ID, "UNKNOWN"), (ISSUER, "SANDBEACH")]),
        ("no number", &[(ID, "1234567881"), (ISSUER, "SANDBEACH")]),
    ]);
    for name in ["one number", "another", "neither", "two at once"] {
        assert_eq!(came[name], "identity-conflicting", "{name}");
    }
    for name in ["placeholder", "no number"] {
        assert_eq!(came[name], "identity-unknown", "{name}");
    }
    assert!(came["one of the two"].starts_with("Subject"));
}

#[test]
fn what_arrives_later_can_tell_that_two_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    let names: BTreeMap<String, String> =
        (1..4).map(|n| (format!("1.2.826.0.1.3680043.9.7.4.{n}"), n.to_string())).collect();
    image(&input.join("1"), 1, &[(ID, "SB471199"), (ISSUER, "SANDBEACH")], Vec::new());
    image(&input.join("2"), 2, &[(ID, "9990000018")], Vec::new());
    let before = outcomes(&input, &output, &names);
    assert_ne!(before["1"], before["2"]);
    image(&input.join("3"), 3, &[(ID, "SB471199"), (ISSUER, "SANDBEACH"), (OTHER, "9990000018")], Vec::new());
    let after = outcomes(&input, &output, &names);
    assert_eq!(after["2"], before["2"]);
    assert!(after.values().all(|person| *person == before["2"]), "{after:?}");
}

#[test]
fn an_age_that_few_people_of_the_folder_have_is_held_until_more_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let [input, output, project] = ["in", "out", "ours.toml"].map(|name| dir.path().join(name));
    fs::create_dir(&input).unwrap();
    let edition = "edition = \"2024e\"\n";
    let base = include_str!("../../../../projects/nccid.toml");
    let asked = base.replace(edition, &format!("{edition}age_band_years = 5\nage_people_min = 2\n"));
    assert_ne!(asked, base);
    fs::write(&project, asked).unwrap();
    let person = |name: &str, n: u32, id: &str, age: &str| {
        let header: Header<'_> = &[(ID, id), (ISSUER, "RBL"), (tags::PATIENT_AGE, age)];
        image(&input.join(name), n, header, Vec::new());
    };
    let ages = || {
        let done = tributary(&[&input, &output, Path::new("--project"), &project]);
        assert!(matches!(done.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&done.stderr));
        let held = fs::read_to_string(output.with_file_name("out.held.csv")).unwrap();
        let mut out: Vec<String> =
            files(&output).iter().map(|path| text_of(path, tags::PATIENT_AGE)).collect();
        out.sort();
        (out, held.lines().filter(|line| line.ends_with(",age-few-people")).count())
    };
    // Two people of 40 to 44; one of 65 to 69, with two images.
    person("a", 1, "4711", "041Y");
    person("b", 2, "4712", "044Y");
    person("c", 3, "4713", "067Y");
    person("d", 4, "4713", "067Y");
    // Of two children of less than one each has an age of its own.
    person("x", 6, "4716", "006M");
    person("y", 7, "4717", "011M\\012M");
    assert_eq!(ages(), (vec!["040Y".to_owned(), "040Y".to_owned()], 4));
    fs::remove_file(input.join("x")).unwrap();
    fs::remove_file(input.join("y")).unwrap();
    person("e", 5, "4714", "066Y");
    assert_eq!(ages(), (["040Y", "040Y", "065Y", "065Y", "065Y"].map(str::to_owned).to_vec(), 0));
    // Who is taken away leaves the other alone.
    fs::remove_file(input.join("b")).unwrap();
    let (out, held) = ages();
    assert_eq!(held, 1);
    assert_eq!(out.iter().filter(|age| *age == "065Y").count(), 3);
}
