//! Tests of the simulated instances.

use super::*;
use crate::people::{People, Script};
use dicom::dataset::Value;

pub(crate) fn instance(
    kind: Kind,
    oddity: Option<Oddity>,
    script: Script,
    maker: Maker,
    charset: Charset,
) -> Instance {
    let mut person = People::new(11).next(script);
    person.local_ids.push(crate::people::LocalId { issuer: "ZZ1".into(), id: "LOC0042".into() });
    let hospital = Hospital {
        ods: "ZZ1".into(),
        name: "Oldmere Royal Infirmary".into(),
        address: "Infirmary Road, Oldmere".into(),
        issuer: "ZZ1".into(),
        accession_prefix: "OLM".into(),
        station_ae: "OLMXR1".into(),
        maker,
        charset,
        nhs_number: NhsNumberIn::OtherPatientIdsSequence,
    };
    let study = Study {
        uid: "1.3.6.1.4.1.99999.1.20200401.1".into(),
        date: Day::of(2020, 4, 1),
        time_s: 36_000,
        accession: "OLM2020004711".into(),
        id: "S4711".into(),
        description: "XR Chest".into(),
        body_part: Some("CHEST"),
    };
    let series = Series {
        uid: format!("{}.1", study.uid),
        number: 1,
        kind,
        description: "Chest PA".into(),
        frame_of_reference: format!("{}.1.0", study.uid),
        instances: 8,
    };
    Instance {
        hospital: Arc::new(hospital),
        person: Arc::new(person),
        uid: format!("{}.3", series.uid),
        study: Arc::new(study),
        series: Arc::new(series),
        number: 3,
        size: 128,
        oddity,
        seed: 9,
    }
}

const KINDS: [(Kind, Option<Oddity>); 12] = [
    (Kind::Cr, None),
    (Kind::Cr, Some(Oddity::BurnedIn)),
    (Kind::Cr, Some(Oddity::Overlay)),
    (Kind::Cr, Some(Oddity::Graphics)),
    (Kind::Dx, None),
    (Kind::Dx, Some(Oddity::ForProcessing)),
    (Kind::Ct, None),
    (Kind::Ct, Some(Oddity::Secondary)),
    (Kind::Mr, None),
    (Kind::Ultrasound, None),
    (Kind::DoseReport, None),
    (Kind::PresentationState, None),
];

fn count(set: &Dataset) -> usize {
    let nested = |value: &Value| match value {
        Value::Items(items) => items.iter().map(count).sum(),
        Value::Bytes(_) => 0,
    };
    set.iter().map(|element| 1 + nested(&element.value)).sum()
}

#[test]
fn headers_are_as_long_as_real_ones() {
    for maker in [Maker::Siemens, Maker::Ge, Maker::Philips, Maker::Fuji] {
        for (kind, oddity) in KINDS {
            let elements =
                count(&instance(kind, oddity, Script::Plain, maker, Charset::Latin1).object().dataset);
            assert!((150..=250).contains(&elements), "{kind:?} {maker:?}: {elements} elements");
        }
    }
}

#[test]
fn the_same_plan_makes_the_same_bytes() {
    for (kind, oddity) in KINDS {
        let one = instance(kind, oddity, Script::Japanese, Maker::Philips, Charset::Japanese);
        assert_eq!(one.file(Syntax::Rle), one.clone().file(Syntax::Rle));
    }
}

#[test]
fn a_name_that_the_hospitals_set_cannot_hold_is_written_in_its_own() {
    let of = |script, charset| instance(Kind::Cr, None, script, Maker::Fuji, charset).charset();
    assert_eq!(of(Script::Korean, Charset::Latin1), Charset::Korean);
    assert_eq!(of(Script::WesternEuropean, Charset::Latin1), Charset::Latin1);
    assert_eq!(of(Script::Cyrillic, Charset::Utf8), Charset::Utf8);
}

#[test]
fn identifiers_lie_in_every_kind_of_place() {
    let of = instance(Kind::Ct, None, Script::Plain, Maker::Siemens, Charset::Latin1);
    let file = of.file(Syntax::ExplicitLittle);
    let name = of.person.name.family.as_bytes();
    let times = file.windows(name.len()).filter(|window| window == &name).count();
    assert!(times >= 15, "the family name occurs {times} times");
}

/// Writes one file of each kind and syntax into a folder, to look at with other tools.
#[test]
#[ignore = "writes files: SIM_OUT=folder cargo test -p sim -- --ignored"]
fn write_samples() {
    let folder = std::path::PathBuf::from(std::env::var("SIM_OUT").unwrap());
    for (kind, oddity) in KINDS {
        let name = format!("{kind:?}_{}.dcm", oddity.map_or(String::new(), |o| format!("{o:?}")));
        let mut of = instance(kind, oddity, Script::WesternEuropean, Maker::Siemens, Charset::Latin1);
        of.size = 512;
        std::fs::write(folder.join(name), of.file(Syntax::ExplicitLittle)).unwrap();
    }
    use Syntax::*;
    for syntax in [ImplicitLittle, ExplicitLittle, ExplicitBig, Deflated, Rle, JpegLossless] {
        for (kind, maker) in [(Kind::Ct, Maker::Philips), (Kind::SecondaryCapture, Maker::Ge)] {
            let of = instance(kind, None, Script::Japanese, maker, Charset::Japanese);
            std::fs::write(folder.join(format!("syntax_{kind:?}_{syntax:?}.dcm")), of.file(syntax)).unwrap();
        }
    }
}

/// The reader of the project and the writer of the simulation share no code: what one writes the other must read.
#[test]
fn the_projects_reader_reads_what_the_simulation_writes() {
    use dicom::part10::{Limits, open};
    use dicom::tag::tags;
    let scripts = [
        (Script::Plain, Charset::Ascii),
        (Script::WesternEuropean, Charset::Latin1),
        (Script::CentralEuropean, Charset::Latin2),
        (Script::Cyrillic, Charset::Cyrillic),
        (Script::Japanese, Charset::Japanese),
        (Script::Korean, Charset::Korean),
        (Script::Korean, Charset::Utf8),
    ];
    use Syntax::*;
    for (script, charset) in scripts {
        for syntax in [ImplicitLittle, ExplicitLittle, ExplicitBig, Deflated, Rle, JpegLossless] {
            for (maker, kind) in
                [(Maker::Siemens, Kind::Ct), (Maker::Philips, Kind::Cr), (Maker::Ge, Kind::DoseReport)]
            {
                let of = instance(kind, None, script, maker, charset);
                let file = of.file(syntax);
                let object = open(Box::new(std::io::Cursor::new(file)), &Limits::default()).unwrap();
                let place = format!("{script:?} {syntax:?} {kind:?}");
                assert_eq!(
                    object.dataset.text(tags::PATIENT_NAME),
                    Some(of.person.name.pn().as_str()),
                    "{place}"
                );
                let series = object.dataset.text(tags::SERIES_DESCRIPTION).unwrap();
                assert!(series.ends_with(&of.person.name.family), "{place}");
                assert_eq!(object.pixels.is_some(), kind != Kind::DoseReport);
                assert_eq!(object.trailing.is_empty(), kind == Kind::DoseReport);
                assert!(object.dataset.len() >= of.object().dataset.len(), "{place}");
            }
        }
    }
}

#[test]
fn the_slices_of_a_study_share_a_frame_of_reference_and_lie_apart() {
    use dicom::tag::tags;
    let headers: Vec<Dataset> = ct_study(5, 4, 16).iter().map(Instance::header).collect();
    let values =
        |tag| headers.iter().filter_map(|h| h.text(tag)).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(values(tags::FRAME_OF_REFERENCE_UID), 1);
    assert_eq!(values(tags::IMAGE_POSITION_PATIENT), 4);
    assert_eq!(values(tags::SOP_INSTANCE_UID), 4);
}
