//! What comes out of the tag engine, by example.

use super::*;
use crate::custody::Sensitive;
use crate::profile::Settings;
use crate::pseudonym::ProjectKey;

pub(crate) const NCCID: [&str; 3] =
    ["retain-longitudinal-modified-dates", "retain-patient-characteristics", "retain-device-identity"];

fn clean_with(options: &[&str], dataset: Dataset) -> Dataset {
    clean_under(&Profile::new(&Settings::basic("test").with_options(options)).unwrap(), dataset)
}

pub(super) fn clean_under(profile: &Profile, dataset: Dataset) -> Dataset {
    let engine = Pseudonymiser::new(&ProjectKey::new([1; 32]), "Test").unwrap();
    let pseudonym = submission::pseudonym::Pseudonym::parse("TestAAAAAAAAAAAAAAAAAAAA").unwrap();
    let subject = Subject { pseudonym, offset_days: Sensitive::new(-1) };
    let mut identifiers: Vec<Identifier> =
        crate::facts::needles([&dataset]).unwrap().iter().map(Identifier::from).collect();
    crate::facts::mentions(&dataset, profile, &mut identifiers);
    Cleaner::new(profile, &engine, &subject, identifiers).clean(dataset)
}

fn clean(elements: impl IntoIterator<Item = Element>) -> Dataset {
    clean_with(&NCCID, elements.into_iter().collect())
}

fn text(tag: Tag, vr: VR, text: &str) -> Element {
    Element::text_of(tag, vr, text)
}

#[test]
fn the_person_becomes_the_pseudonym_and_the_object_says_what_was_done() {
    let out = clean([
        text(tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA"),
        text(tags::PATIENT_ID, VR::LO, "9990000018"),
        text(tags::PATIENT_BIRTH_DATE, VR::DA, "19530412"),
        text(tags::PATIENT_SEX, VR::CS, "F"),
        text(tags::PATIENT_AGE, VR::AS, "067Y"),
        text(tags::DEIDENTIFICATION_METHOD, VR::LO, "Hospital script by J SMITH"),
        text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "NO"),
    ]);
    assert_eq!(out.text(tags::PATIENT_NAME), Some("TestAAAAAAAAAAAAAAAAAAAA"));
    assert_eq!(out.text(tags::PATIENT_ID), Some("TestAAAAAAAAAAAAAAAAAAAA"));
    assert!(out.get(tags::PATIENT_BIRTH_DATE).unwrap().is_empty());
    assert_eq!(out.text(tags::PATIENT_SEX), Some("F"));
    assert_eq!(out.text(tags::PATIENT_AGE), Some("067Y"));
    assert_eq!(out.text(tags::PATIENT_IDENTITY_REMOVED), Some("YES"));
    assert!(!out.text(tags::DEIDENTIFICATION_METHOD).unwrap().contains("SMITH"));
    let codes: Vec<_> = out
        .items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
        .iter()
        .filter_map(|i| i.text(tags::CODE_VALUE))
        .collect();
    assert_eq!(codes, ["113100", "113107", "113108", "113109"]);
    assert_eq!(out.text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), Some("MODIFIED"));
    for value in out.texts(tags::DEIDENTIFICATION_METHOD) {
        assert!(value.chars().count() <= 64);
    }
}

#[test]
fn dates_move_by_the_offset_at_every_depth_and_times_stay() {
    let item: Dataset =
        [text(tags::PERFORMED_PROCEDURE_STEP_START_DATE, VR::DA, "20200301")].into_iter().collect();
    let out = clean([
        text(tags::STUDY_DATE, VR::DA, "20200301"),
        text(tags::STUDY_TIME, VR::TM, "235959.5"),
        text(tags::ACQUISITION_DATE_TIME, VR::DT, "20200301235959+0000"),
        text(tags::DATE_OF_LAST_CALIBRATION, VR::DA, "20200301\\SMITH\\20200302"),
        text(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, "+0100"),
        Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![item]),
    ]);
    assert_eq!(out.text(tags::STUDY_DATE), Some("20200229"));
    assert_eq!(out.text(tags::STUDY_TIME), Some("235959.5"));
    assert_eq!(out.text(tags::ACQUISITION_DATE_TIME), Some("20200229235959+0000"));
    assert_eq!(out.text(tags::DATE_OF_LAST_CALIBRATION), Some("20200229\\\\20200301"));
    assert_eq!(out.text(tags::TIMEZONE_OFFSET_FROM_UTC), Some("+0100"));
    let nested = &out.items(tags::SOURCE_IMAGE_SEQUENCE)[0];
    assert_eq!(nested.text(tags::PERFORMED_PROCEDURE_STEP_START_DATE), Some("20200229"));
    let invalid = clean([text(tags::STUDY_DATE, VR::DA, "SENTINEL")]);
    assert!(invalid.get(tags::STUDY_DATE).unwrap().is_empty());
}

#[test]
fn uids_are_mapped_unless_they_are_the_standards_own() {
    let out = clean([
        text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2\0"),
        text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.826.1\0"),
        text(tags::DEVICE_UID, VR::UI, "1.2.826.5"),
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.840.10008.19530412"),
    ]);
    assert_eq!(out.text(tags::SOP_CLASS_UID), Some("1.2.840.10008.5.1.4.1.1.2"));
    assert!(out.text(tags::SOP_INSTANCE_UID).unwrap().starts_with("2.25."));
    assert!(out.text(tags::FRAME_OF_REFERENCE_UID).unwrap().starts_with("2.25."));
    assert_eq!(out.text(tags::DEVICE_UID), Some("1.2.826.5"));
}

#[test]
fn coded_strings_keep_listed_terms_only() {
    let out = clean([
        text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL\\SENTINEL ANNA"),
        text(tags::BODY_PART_EXAMINED, VR::CS, "SENTINEL ANNA"),
        text(tags::MODALITY, VR::CS, "CT"),
        text(tags::PATIENT_ORIENTATION, VR::CS, "L\\ANNA"),
        text(tags::MANUFACTURER, VR::LO, "SIEMENS"),
    ]);
    assert_eq!(out.text(tags::IMAGE_TYPE), Some("ORIGINAL\\PRIMARY\\AXIAL"));
    let numbered = |value: &str| {
        let id = text(tags::PATIENT_ID, VR::LO, "471100");
        clean([id, text(tags::IMAGE_TYPE, VR::CS, value)]).text(tags::IMAGE_TYPE).map(str::to_owned)
    };
    let kind = "ORIGINAL\\PRIMARY\\\\\\150000";
    assert_eq!(numbered(kind).as_deref(), Some(kind));
    for number in ["471100", "9990000018", "19530412", "120453", "530412", "AéB", "éßü", "a\u{fffd}bc"] {
        let value = format!("ORIGINAL\\PRIMARY\\{number}");
        assert_eq!(numbered(&value).as_deref(), Some("ORIGINAL\\PRIMARY"));
    }
    assert!(out.get(tags::BODY_PART_EXAMINED).unwrap().is_empty());
    assert!(out.get(tags::PATIENT_ORIENTATION).unwrap().is_empty());
    assert_eq!(out.text(tags::MODALITY), Some("CT"));
    assert_eq!(out.text(tags::MANUFACTURER), Some("SIEMENS"));
    for number in ["9990000018", "9990000018.0", "9.990000018E9", "+9990000018", "40\\9990000018"] {
        let out = clean([text(tags::WINDOW_CENTER, VR::DS, number)]);
        assert!(out.get(tags::WINDOW_CENTER).is_some_and(Element::is_empty), "{number}");
    }
    // The check digit is wrong: a number like any other.
    assert!(clean([text(tags::WINDOW_CENTER, VR::DS, "9990000019")]).get(tags::WINDOW_CENTER).is_some());
    // A maker may have any name but the patient's.
    let named = |maker: &str| {
        let name = text(tags::PATIENT_NAME, VR::PN, "WIBBLETHORPE^ANNA");
        clean([text(tags::MANUFACTURER, VR::LO, maker), name]).text(tags::MANUFACTURER).map(str::to_owned)
    };
    assert_eq!(named("Zweck & Söhne").as_deref(), Some("Zweck & Söhne"));
    assert_eq!(named("SIEMENS for Wibblethorpe").as_deref(), Some("SIEMENS"));
    assert_eq!(named("Wibblethorpe"), None);
}

#[test]
fn what_cannot_stay_leaves_the_rest_in_its_place() {
    let out = clean([
        text(tags::SCAN_OPTIONS, VR::CS, "WIBBLE_GEMS\\FS\\PFP"),
        text(tags::PATIENT_AGE, VR::AS, "66y"),
        text(tags::PIXEL_SPACING, VR::DS, "0.35156250000000001\\0.35156250000000001"),
        text(tags::GRAPHIC_LAYER, VR::CS, "L1 07700900123"),
        text(tags::CONTENT_LABEL, VR::CS, "KEYFINDING"),
        Element::bytes_of(tags::ICC_PROFILE, VR::OB, b"SENTINEL^ANNA".repeat(20)),
    ]);
    assert_eq!(out.text(tags::SCAN_OPTIONS), Some("\\FS\\PFP"));
    let loose = |tag, value| clean([text(tag, VR::CS, value)]).text(tag).map(str::to_owned);
    for (tag, value) in [
        (tags::BODY_PART_EXAMINED, "C-SPINE"),
        (tags::BODY_PART_EXAMINED, "Abdomen and Pelvis with legs"),
        (tags::PATIENT_SEX, "female"),
    ] {
        assert_eq!(loose(tag, value).as_deref(), Some(value));
    }
    for (tag, value) in
        [(tags::BODY_PART_EXAMINED, "Chest-Wibblethorpe"), (tags::PATIENT_SEX, "wibblethorpe")]
    {
        assert_eq!(loose(tag, value), None, "{value}");
    }
    // What was empty at the end stays so where nothing went.
    let whole = clean([text(tags::SCAN_OPTIONS, VR::CS, "FS\\PFP\\")]);
    assert_eq!(whole.get(tags::SCAN_OPTIONS).unwrap().bytes(), b"FS\\PFP\\");
    assert_eq!(out.text(tags::PATIENT_AGE), Some("066Y"));
    assert_eq!(out.text(tags::PIXEL_SPACING), Some("0.35156250000000001\\0.35156250000000001"));
    assert_eq!(out.text(tags::CONTENT_LABEL), Some("KEYFINDING"));
    let layer = out.text(tags::GRAPHIC_LAYER).unwrap();
    assert!(layer.starts_with("LAYER ") && layer.len() == 10, "{layer}");
    assert_eq!(clean([text(tags::GRAPHIC_LAYER, VR::CS, layer)]).text(tags::GRAPHIC_LAYER), Some(layer));
    assert!(out.get(tags::ICC_PROFILE).is_none_or(Element::is_empty));
}

#[test]
fn a_scheme_that_is_described_is_no_code() {
    let described = |designator: &str, uid: &str| {
        [text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, designator), text(tags::CODING_SCHEME_UID, VR::UI, uid)]
    };
    let items = [described("SCT", "2.16.840.1.113883.6.96"), described("99ANNA", "1.2.826.7")];
    let items = items.map(|item| item.into_iter().collect()).to_vec();
    let out = clean([Element::items_of(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, items)]);
    let [public, local] = out.items(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE) else { panic!() };
    assert_eq!(public.text(tags::CODING_SCHEME_DESIGNATOR), Some("SCT"));
    assert_eq!(public.text(tags::CODING_SCHEME_UID), Some("2.16.840.1.113883.6.96"));
    assert_eq!(local.text(tags::CODING_SCHEME_DESIGNATOR), Some("99LOCAL"));
    assert!(
        public.get(tags::CODE_VALUE).is_none() && local.text(tags::CODING_SCHEME_UID) != Some("1.2.826.7")
    );
}

#[test]
fn codes_of_public_schemes_stay_and_what_only_looks_like_one_goes() {
    let of = |scheme: &str, value: &str| {
        let coded =
            clean([Element::items_of(tags::CONCEPT_CODE_SEQUENCE, vec![code_item(scheme, value, "x")])]);
        coded.items(tags::CONCEPT_CODE_SEQUENCE)[0]
            .text(tags::CODE_VALUE)
            .map(str::to_owned)
            .unwrap_or_default()
    };
    for (scheme, value) in [("SCT", "39920800"), ("RFC5646", "en-GB"), ("RFC3066", "cy"), ("LN", "18748-4")] {
        let stays = scheme != "SCT";
        assert_eq!(of(scheme, value) == value, stays, "{scheme} {value}");
    }
    assert_eq!(of("SCT", "399208008"), "399208008");
    // An NHS number is none, whatever scheme is said of it.
    assert_ne!(of("SCT", "9990000018"), "9990000018");
}

#[test]
fn text_loses_the_numbers_of_orders_and_keeps_the_clinic_that_asked() {
    let ordered = || {
        let elements = [
            text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "CHEST^CLINIC"),
            text(tags::REQUESTED_PROCEDURE_ID, VR::SH, "RP-77123"),
            text(tags::STUDY_ID, VR::SH, "1"),
            text(tags::STUDY_DESCRIPTION, VR::LO, "CT chest 1 RP-77123 chest clinic"),
        ];
        elements.into_iter().collect()
    };
    let (basic, described) = (clean_with(&[], ordered()), clean_with(&["clean-descriptors"], ordered()));
    assert!(basic.get(tags::STUDY_DESCRIPTION).is_none_or(Element::is_empty));
    assert_eq!(described.text(tags::STUDY_DESCRIPTION), Some("CT chest 1 chest clinic"));
}

#[test]
fn what_nobody_knows_goes() {
    let out = clean([
        text(Tag(0x0009, 0x0010), VR::LO, "SENTINEL"),
        text(Tag(0x0009, 0x1001), VR::LO, "SENTINEL"),
        text(Tag(0x0008, 0x0000), VR::UL, "abcd"),
        text(Tag(0x0010, 0x9999), VR::LO, "SENTINEL"),
        text(Tag(0x6000, 0x0022), VR::LO, "SENTINEL"),
        text(Tag(0x6002, 0x3000), VR::OW, "SENTINEL"),
        text(Tag(0x5000, 0x3000), VR::OW, "SENTINEL"),
        text(tags::SERIES_DESCRIPTION, VR::LO, "SENTINEL"),
        text(Tag(0x0002, 0x0016), VR::AE, "SENTINEL"),
        Element::items_of(
            tags::REQUEST_ATTRIBUTES_SEQUENCE,
            vec![[text(tags::REQUESTED_PROCEDURE_ID, VR::SH, "SENTINEL")].into_iter().collect()],
        ),
    ]);
    let declared = [
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_IDENTITY_REMOVED,
        tags::DEIDENTIFICATION_METHOD,
        tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
        tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
    ];
    assert_eq!(out.iter().map(|e| e.tag).collect::<Vec<_>>(), declared);
}

#[test]
fn an_element_of_a_wrong_vr_is_read_as_the_dictionary_says_or_goes() {
    let out = clean([
        text(tags::STUDY_DATE, VR::LO, "20200301"),
        Element::bytes_of(tags::STUDY_INSTANCE_UID, VR::UN, *b"1.2.3\0"),
        Element::bytes_of(tags::ROWS, VR::UN, [0, 2]),
        text(tags::COLUMNS, VR::LO, "SENTINEL"),
        Element::items_of(tags::KVP, vec![Dataset::new()]),
        Element::bytes_of(tags::SOURCE_IMAGE_SEQUENCE, VR::UN, *b"SENTINEL"),
        text(tags::SLICE_THICKNESS, VR::DS, "SENTINEL"),
    ]);
    assert_eq!(out.text(tags::STUDY_DATE), Some("20200229"));
    assert!(out.text(tags::STUDY_INSTANCE_UID).unwrap().starts_with("2.25."));
    assert_eq!(out.integer(tags::ROWS), Some(512));
    for gone in [tags::COLUMNS, tags::KVP, tags::SOURCE_IMAGE_SEQUENCE, tags::SLICE_THICKNESS] {
        assert!(out.get(gone).is_none_or(Element::is_empty), "{gone}");
    }
}

#[test]
fn pixel_data_inside_an_item_goes_and_lookup_tables_stay() {
    let lut: Dataset = [Element::bytes_of(tags::LUT_DATA, VR::US, [1, 0])].into_iter().collect();
    let icon: Dataset =
        [Element::bytes_of(tags::PIXEL_DATA, VR::OW, [1, 0]), Element::bytes_of(tags::ROWS, VR::US, [1, 0])]
            .into_iter()
            .collect();
    let out = clean([
        Element::items_of(tags::VOILUT_SEQUENCE, vec![lut]),
        Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![icon]),
    ]);
    assert!(out.items(tags::VOILUT_SEQUENCE)[0].get(tags::LUT_DATA).is_some());
    assert!(out.items(tags::SOURCE_IMAGE_SEQUENCE)[0].get(tags::PIXEL_DATA).is_none());
}

#[test]
fn codes_keep_their_meaning_or_get_ours_and_what_is_no_code_of_its_scheme_is_replaced() {
    let meant = |value: &str, meaning: &str| -> Dataset {
        [
            text(tags::CODE_VALUE, VR::SH, value),
            text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SRT"),
            text(tags::CODE_MEANING, VR::LO, meaning),
        ]
        .into_iter()
        .collect()
    };
    let code = |value| meant(value, "WIBBLETHORPE");
    let out = clean([
        Element::items_of(tags::ANATOMIC_REGION_SEQUENCE, vec![code("T-D3000"), meant("T-D3000", "Thorax")]),
        Element::items_of(tags::PROCEDURE_CODE_SEQUENCE, vec![meant("WALLASEY", "CT Chest for Wallasey")]),
        Element::items_of(tags::VIEW_CODE_SEQUENCE, vec![code("WALLASEY")]),
        Element::items_of(tags::INSTITUTION_CODE_SEQUENCE, vec![code("WALLASEY")]),
    ]);
    assert_eq!(out.items(tags::ANATOMIC_REGION_SEQUENCE)[0].text(tags::CODE_MEANING), Some("Chest"));
    assert_eq!(out.items(tags::ANATOMIC_REGION_SEQUENCE)[1].text(tags::CODE_MEANING), Some("Thorax"));
    let procedure = &out.items(tags::PROCEDURE_CODE_SEQUENCE)[0];
    assert_eq!(
        (procedure.text(tags::CODE_VALUE), procedure.text(tags::CODE_MEANING)),
        (Some("REMOVED"), Some("CT Chest"))
    );
    assert_eq!(out.items(tags::VIEW_CODE_SEQUENCE)[0].text(tags::CODE_VALUE), Some("REMOVED"));
    assert_eq!(out.items(tags::INSTITUTION_CODE_SEQUENCE)[0].text(tags::CODE_VALUE), Some("REMOVED"));
}

#[test]
fn without_an_option_for_dates_they_go_or_are_replaced() {
    let set: Dataset = [
        text(tags::STUDY_DATE, VR::DA, "20200301"),
        text(tags::CONTENT_DATE, VR::DA, "20200301"),
        text(tags::ACQUISITION_TIME, VR::TM, "1200"),
        text(tags::PATIENT_AGE, VR::AS, "067Y"),
    ]
    .into_iter()
    .collect();
    let out = clean_with(&[], set.clone());
    assert!(out.get(tags::STUDY_DATE).unwrap().is_empty());
    assert_eq!(out.text(tags::CONTENT_DATE), Some("19000101"));
    assert!(out.get(tags::PATIENT_AGE).is_none());
    assert_eq!(out.text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), Some("REMOVED"));
    let full = clean_with(&["retain-longitudinal-full-dates"], set);
    assert_eq!(full.text(tags::STUDY_DATE), Some("20200301"));
    assert_eq!(full.text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), Some("UNMODIFIED"));
}

/// PS3.15 E.1.1 read once more, from the left: of the actions that a compound code offers, the first that the Type allows.
/// Whatever its words, and whoever the patient is: a tumour has the name of a surgeon.
#[test]
fn every_concept_of_the_standard_keeps_its_code_and_its_meaning() {
    let concepts: Vec<Dataset> = include_str!("../../../../profiles/codes-ps3.16.csv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| {
            let [scheme, value, meaning]: [&str; 3] =
                line.splitn(3, ',').collect::<Vec<_>>().try_into().unwrap();
            let place = if value.len() > 16 {
                text(tags::LONG_CODE_VALUE, VR::UC, value)
            } else {
                text(tags::CODE_VALUE, VR::SH, value)
            };
            [
                place,
                text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme),
                text(tags::CODE_MEANING, VR::LO, meaning.trim_matches('"')),
            ]
            .into_iter()
            .collect()
        })
        .collect();
    assert!(concepts.len() > 25_000);
    let out = clean([
        text(tags::PATIENT_NAME, VR::PN, "WILMS^CHEST"),
        Element::items_of(tags::ANATOMIC_REGION_SEQUENCE, concepts.clone()),
    ]);
    for (was, is) in concepts.iter().zip(out.items(tags::ANATOMIC_REGION_SEQUENCE)) {
        assert_eq!(is, was);
    }
}

#[test]
fn what_a_report_calls_an_identifier_is_replaced_whatever_it_looks_like() {
    let item = |concept: &str, (tag, vr, value): (Tag, VR, &str)| {
        let name = code_item("DCM", concept, "as the standard has it");
        let name = Element::items_of(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![name]);
        [name, text(tag, vr, value)].into_iter().collect::<Dataset>()
    };
    let said = |options: &[&str], item: Dataset, tag: Tag| {
        let set = [Element::items_of(tags::CONTENT_SEQUENCE, vec![item])].into_iter().collect();
        let out = clean_with(&[options, &["clean-structured-content"]].concat(), set);
        out.items(tags::CONTENT_SEQUENCE)[0].text(tag).map(str::to_owned)
    };
    let words = |value| (tags::TEXT_VALUE, VR::UT, value);
    for (concept, value) in [("121029", "Bone Chest"), ("121030", "12"), ("121022", "4567"), ("113871", "48")]
    {
        let out = said(&[], item(concept, words(value)), tags::TEXT_VALUE);
        assert_eq!(out.as_deref(), Some("REMOVED"), "{concept}");
    }
    let born = (tags::DATE, VR::DA, "19530412");
    for dates in ["retain-longitudinal-full-dates", "retain-longitudinal-modified-dates"] {
        assert_eq!(said(&[dates], item("121031", born), tags::DATE).as_deref(), Some("19000101"));
    }
    let place = || item("113873", words("Heart Centre"));
    assert_eq!(said(&[], place(), tags::TEXT_VALUE).as_deref(), Some("REMOVED"));
    let kept = said(&["retain-institution-identity"], place(), tags::TEXT_VALUE);
    assert_eq!(kept.as_deref(), Some("Heart Centre"));
    let finding = said(&[], item("121071", words("Bone Chest")), tags::TEXT_VALUE);
    assert_eq!(finding.as_deref(), Some("Bone Chest"), "a finding");
}

#[test]
fn a_report_loses_the_date_of_birth_and_keeps_others() {
    let date = |vr, text: &str| -> Dataset {
        let tag = if vr == VR::DA { Tag(0x0040, 0xA121) } else { Tag(0x0040, 0xA120) };
        [Element::text_of(tag, vr, text)].into_iter().collect()
    };
    let content = vec![date(VR::DA, "19530412"), date(VR::DT, "19530412101500"), date(VR::DA, "20200301")];
    for (options, kept) in [
        (&["retain-longitudinal-full-dates", "clean-structured-content"], "20200301"),
        (&["retain-longitudinal-modified-dates", "clean-structured-content"], "20200229"),
    ] {
        let set = [
            text(tags::PATIENT_BIRTH_DATE, VR::DA, "19530412"),
            text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.88.11"),
            Element::items_of(tags::CONTENT_SEQUENCE, content.clone()),
        ];
        let out = clean_with(options, set.into_iter().collect());
        let values: Vec<&str> =
            out.items(tags::CONTENT_SEQUENCE).iter().filter_map(|item| item.iter().next()?.text()).collect();
        assert_eq!(values, ["19000101", "19000101000000", kept]);
    }
}

#[test]
fn the_date_of_a_version_stays_only_where_no_date_is_moved() {
    let item =
        || -> Dataset { [text(tags::CONTEXT_GROUP_VERSION, VR::DT, "20050822")].into_iter().collect() };
    for (options, kept) in [
        (&["retain-longitudinal-full-dates"][..], Some("20050822")),
        (&["retain-longitudinal-modified-dates"], None),
        (&[], None),
    ] {
        let set = Element::items_of(tags::ANATOMIC_REGION_SEQUENCE, vec![item()]);
        let out = clean_with(options, [set].into_iter().collect());
        let items = out.items(tags::ANATOMIC_REGION_SEQUENCE);
        assert_eq!(
            items.first().and_then(|item| item.text(tags::CONTEXT_GROUP_VERSION)),
            kept,
            "{options:?}"
        );
    }
}

#[test]
fn a_compound_code_does_the_least_that_keeps_the_object_valid() {
    use crate::profile::{compound_rows, sop_classes, type_rows};
    let profile = Profile::new(&Settings::basic("test")).unwrap();
    let mut seen = [0; 3];
    for (sop_class, iod) in sop_classes() {
        for (tag, code) in compound_rows() {
            // Every object has the pseudonym there.
            if tag == tags::PATIENT_ID {
                continue;
            }
            let named = tag::entry(tag).unwrap();
            let kind = type_rows().find_map(|(sequence, attribute, kind, iods)| {
                let is_it = sequence.is_empty() && attribute == named.keyword;
                (is_it && iods.split(' ').any(|listed| listed == iod)).then_some(kind)
            });
            let offered: Vec<&str> = code.trim_end_matches('*').split('/').collect();
            let done = match kind {
                Some("1") => "a value",
                // Of a sequence of references the UIDs may be mapped instead (U*).
                Some(_) if offered.contains(&"Z") && !code.ends_with('*') => "Z",
                Some(_) => "a value",
                None => offered[0],
            };
            let set = [text(tags::SOP_CLASS_UID, VR::UI, sop_class), filled(tag, named.vr)];
            let out = clean_under(&profile, set.into_iter().collect());
            let found = out.get(tag).map(Element::is_empty);
            let is_done = match done {
                "X" => found.is_none(),
                "Z" => found == Some(true),
                _ => found == Some(false),
            };
            assert!(is_done, "{} {code} in {iod}, Type {kind:?}: {found:?}", named.keyword);
            seen[found.map_or(0, |is_empty| if is_empty { 1 } else { 2 })] += 1;
        }
    }
    assert!(seen.iter().all(|n| *n > 100), "{seen:?}");
}

/// An element with a value of its VR.
fn filled(tag: Tag, vr: VR) -> Element {
    match vr {
        VR::SQ => {
            let item = [text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2.826.1")].into_iter().collect();
            Element::items_of(tag, vec![item])
        }
        VR::DA => text(tag, vr, "20200301"),
        VR::TM => text(tag, vr, "101010"),
        VR::DT => text(tag, vr, "20200301101010"),
        VR::CS => text(tag, vr, "YES"),
        _ => text(tag, vr, "1"),
    }
}

const SAFE: [&str; 1] = ["retain-safe-private"];
const SIEMENS: &str = "SIEMENS MR HEADER";

/// A block of this creator, with these elements.
fn block(group: u16, at: u16, creator: &str, elements: impl IntoIterator<Item = Element>) -> Dataset {
    let mut set: Dataset = elements.into_iter().collect();
    set.put_text(Tag(group, at), VR::LO, creator);
    set
}

/// The private elements that are left.
fn private_of(set: &Dataset) -> Vec<&Element> {
    set.iter().filter(|element| tag::is_private(element.tag)).collect()
}

#[test]
fn what_the_standard_knows_to_be_safe_stays_whichever_block_it_is_in() {
    let gradient: Vec<u8> = [0.5_f64, -0.5, 0.25].into_iter().flat_map(f64::to_le_bytes).collect();
    for at in [0x0010_u16, 0x0042, 0x00FF] {
        let place = |place: u16| Tag(0x0019, (at << 8) | place);
        let set = || {
            let elements = [
                text(place(0x0C), VR::IS, "1000"),
                text(place(0x0D), VR::CS, "DIRECTIONAL"),
                Element::bytes_of(place(0x0E), VR::FD, gradient.clone()),
                text(place(0x08), VR::CS, "NOT LISTED"),
            ];
            let mut set = block(0x0019, at, "SIEMENS MR HEADER ", elements);
            set.put_text(Tag(0x0029, 0x0010), VR::LO, "SIEMENS CSA HEADER");
            set.put_text(Tag(0x0029, 0x1008), VR::CS, "IMAGE NUM 4");
            set
        };
        let out = clean_with(&SAFE, set());
        let kept = [
            text(Tag(0x0019, at), VR::LO, SIEMENS),
            text(place(0x0C), VR::IS, "1000"),
            text(place(0x0D), VR::CS, "DIRECTIONAL"),
            Element::bytes_of(place(0x0E), VR::FD, gradient.clone()),
        ];
        assert_eq!(private_of(&out), kept.iter().collect::<Vec<_>>(), "block {at:04X}");
        let codes = out.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
        assert!(codes.iter().any(|code| code.text(tags::CODE_VALUE) == Some("113111")));
        // In an item as at the top; and without the option not at all.
        let nested = [Element::items_of(tags::REFERENCED_IMAGE_SEQUENCE, vec![set()])];
        let nested = clean_with(&SAFE, nested.into_iter().collect());
        assert_eq!(private_of(&nested.items(tags::REFERENCED_IMAGE_SEQUENCE)[0]).len(), 4);
        assert_eq!(private_of(&clean_with(&[], set())), Vec::<&Element>::new());
    }
}

#[test]
fn a_private_element_stays_in_its_listed_vr_under_its_own_creator_only() {
    let b_value = Tag(0x0019, 0x100C);
    let kept = |set: Dataset| private_of(&clean_with(&SAFE, set)).len();
    let of = |creator: &str, element: Element| block(0x0019, 0x0010, creator, [element]);
    assert_eq!(kept(of(SIEMENS, text(b_value, VR::IS, "1000"))), 2);
    // As it comes in implicit VR.
    assert_eq!(kept(of(SIEMENS, Element::bytes_of(b_value, VR::UN, *b"1000"))), 2);
    for set in [
        of("ACME", text(b_value, VR::IS, "1000")),
        of("siemens mr header", text(b_value, VR::IS, "1000")),
        of(SIEMENS, text(b_value, VR::IS, "SENTINEL")),
        of(SIEMENS, text(b_value, VR::IS, "1000\\2000")),
        // Near enough to be kept as what it is elsewhere.
        block(0x0903, 0x0010, "GEIIS PACS", [Element::bytes_of(Tag(0x0903, 0x1010), VR::SS, [1, 0])]),
        of(SIEMENS, text(b_value, VR::IS, "9990000018")),
        of(SIEMENS, Element::bytes_of(b_value, VR::UN, *b"SENTINEL^ANNA ")),
        of(SIEMENS, text(Tag(0x0019, 0x110C), VR::IS, "1000")),
        of(SIEMENS, Element::items_of(b_value, vec![Dataset::new()])),
        block(0x0019, 0x0010, SIEMENS, []),
        block(0x0021, 0x0010, SIEMENS, [text(Tag(0x0021, 0x100C), VR::IS, "1000")]),
        [text(b_value, VR::IS, "1000")].into_iter().collect(),
    ] {
        assert_eq!(kept(set.clone()), 0, "{set:?}");
    }
}

#[test]
fn a_private_uid_that_is_safe_is_mapped_as_any_other() {
    let (series, uid) = (Tag(0x0099, 0x1002), "1.2.826.0.1.3680043.9.7");
    let set = || {
        let mut set = block(0x0099, 0x0010, "NQHeader", [text(series, VR::UI, uid)]);
        set.put_text(tags::SERIES_INSTANCE_UID, VR::UI, uid);
        set
    };
    let out = clean_with(&SAFE, set());
    assert_eq!(out.text(series), out.text(tags::SERIES_INSTANCE_UID));
    assert_ne!(out.text(series), Some(uid));
    assert_eq!(clean_with(&["retain-safe-private", "retain-uids"], set()).text(series), Some(uid));
}
