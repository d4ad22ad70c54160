//! Whole instances through the wall, from bytes to cleared bytes.

mod lossy;
mod pixels;
mod surplus;

use super::*;
use crate::custody::Sensitive;
use crate::identity::PersonKey;
use crate::profile::{ForProcessing, Settings};
use crate::pseudonym::ProjectKey;
use dicom::dataset::Element;
use dicom::part10::{FileMeta, encode_meta, write_dataset};
use dicom::tag::{Tag, VR};
use dicom::uid::{sop_class, transfer_syntax};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use submission::signed::PinnedKeys;

struct Bench {
    profile: Arc<Profile>,
    engine: Pseudonymiser,
    subject: Subject,
    verifier: Verifier,
    signer: Signer,
}

impl Bench {
    fn new() -> Self {
        Self::with(&[
            "retain-longitudinal-modified-dates",
            "retain-patient-characteristics",
            "retain-device-identity",
        ])
    }

    fn with(options: &[&str]) -> Self {
        let profile = Profile::new(&Settings::basic("nccid").with_options(options)).unwrap();
        let engine = Pseudonymiser::new(&ProjectKey::new([7; 32]), "Covid").unwrap();
        let person = PersonKey::Local { issuer: "RBL".into(), id: Sensitive::new("4711".into()) };
        let subject = engine.subject(&person).unwrap();
        let signer = Signer::from_seed(&[9; 32]).unwrap();
        Self { profile: Arc::new(profile), engine, subject, verifier: Verifier::default(), signer }
    }

    fn clean(&self, file: Vec<u8>, known: &[Needle]) -> Instance<TagsCleaned> {
        let opened = Instance::open(Box::new(Cursor::new(file)), &Limits::default()).unwrap();
        opened.clean_tags(&self.profile, &self.subject, &self.engine, known).unwrap()
    }

    fn judged(&self, file: Vec<u8>, known: &[Needle]) -> Instance<PixelsCleaned> {
        match self.clean(file, known).clean_pixels(&PixelPolicy::new(ForProcessing::Reject), Review::Pending)
        {
            PixelVerdict::Clear(instance) => instance,
            other => panic!("{other:?}"),
        }
    }

    fn write(
        &self,
        file: Vec<u8>,
        known: &[Needle],
    ) -> Result<(Vec<u8>, Instance<Deidentified>, Clearance), Residue> {
        let mut out = Cursor::new(Vec::new());
        let (written, clearance) =
            self.judged(file, known).verify_and_write(&mut out, &self.verifier, &self.signer, 42)?;
        let keys = PinnedKeys::new([self.signer.public_key()]);
        Ok((out.into_inner(), written, clearance.verify(&keys).unwrap()))
    }
}

fn ct() -> Dataset {
    let mut set = Dataset::new();
    for (tag, vr, text) in [
        (tags::SOP_CLASS_UID, VR::UI, sop_class::CT_IMAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, "1.2.826.0.1.3680043.9.1"),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.826.0.1.3680043.9.2"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.826.0.1.3680043.9.3"),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (tags::MODALITY, VR::CS, "CT"),
        (tags::STUDY_DATE, VR::DA, "20200301"),
        (tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA^MARIA"),
        (tags::PATIENT_ID, VR::LO, "9990000018"),
        (tags::PATIENT_BIRTH_DATE, VR::DA, "19530412"),
        (tags::ACCESSION_NUMBER, VR::SH, "RBL77001122"),
        (tags::STATION_NAME, VR::SH, "CT01"),
        (tags::SLICE_THICKNESS, VR::DS, "1.25"),
    ] {
        set.put_text(tag, vr, text);
    }
    for (tag, value) in
        [(tags::ROWS, 4u16), (tags::COLUMNS, 4), (tags::BITS_ALLOCATED, 16), (tags::SAMPLES_PER_PIXEL, 1)]
    {
        set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
    }
    set
}

fn file(set: Dataset, syntax: &str) -> Vec<u8> {
    let meta = FileMeta {
        transfer_syntax: syntax.to_owned(),
        source_ae: Some("SENTINEL".into()),
        ..FileMeta::default()
    };
    let mut bytes = Vec::new();
    Object::new(meta, set).with_native_pixels(VR::OW, vec![3; 32]).write(&mut bytes).unwrap();
    bytes
}

fn explicit(set: Dataset) -> Vec<u8> {
    file(set, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN)
}

#[test]
fn a_clearance_binds_the_name_and_the_bytes_of_what_was_written() {
    let bench = Bench::new();
    let (bytes, written, clearance) = bench.write(explicit(ct()), &[]).unwrap();
    assert_eq!(clearance.sha256, submission::digest::Digest::of(&bytes));
    assert_eq!(clearance.bytes, bytes.len() as u64);
    assert_eq!(clearance.name.to_string(), format!("{}.dcm", written.uids()[2]));
    assert_eq!(clearance.pseudonym, bench.subject.pseudonym);
    assert_eq!((clearance.at_us, clearance.edition.as_str()), (42, "PS3.15 2024e"));
    let custody = Custody::mint();
    assert_eq!(written.replaced_uids(&custody).count(), 3);
    for sentinel in [&b"SENTINEL"[..], b"9990000018", b"19530412", b"RBL77001122", b"3680043"] {
        assert!(!bytes.windows(sentinel.len()).any(|window| window == sentinel));
    }
}

#[test]
fn a_safe_private_element_goes_out_unless_it_names_the_patient() {
    let bench = Bench::with(&["retain-safe-private"]);
    let with = |name: &str| {
        let mut set = ct();
        set.put_text(Tag(0x0019, 0x0010), VR::LO, "GEMS_ACQU_01");
        set.put_text(Tag(0x0019, 0x1023), VR::DS, "39.37");
        set.put_text(Tag(0x0019, 0x109E), VR::LO, name);
        bench.write(explicit(set), &[])
    };
    let (bytes, ..) = with("EFGRE3D").unwrap();
    for value in ["GEMS_ACQU_01", "39.37", "EFGRE3D"] {
        assert!(bytes.windows(value.len()).any(|window| window == value.as_bytes()), "{value}");
    }
    for name in ["scan of Sentinel", "RXH1234567", "12/11/1936"] {
        let (bytes, ..) = with(name).unwrap();
        let holds = |value: &str| bytes.windows(value.len()).any(|window| window == value.as_bytes());
        assert!(!holds(name) && holds("39.37"), "{name}");
    }
}

#[test]
fn the_same_object_gives_the_same_bytes() {
    let bench = Bench::new();
    assert_eq!(bench.write(explicit(ct()), &[]).unwrap().0, bench.write(explicit(ct()), &[]).unwrap().0);
}

/// Deflate packs a thousandfold: the length on disk says nothing about the length of what goes out (PS3.5 §A.5).
#[test]
fn a_deflated_object_is_as_long_as_its_inflated_pixels() {
    let (mut set, mut pixels) = (Vec::new(), vec![0; 4 << 20]);
    let deflated = transfer_syntax::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
    write_dataset(&ct(), transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN, &mut set);
    set.extend([0xE0, 0x7F, 0x10, 0x00, b'O', b'W', 0, 0]);
    set.extend((4u32 << 20).to_le_bytes());
    set.append(&mut pixels);
    let file = encode_meta(sop_class::CT_IMAGE, "1.2.826.0.1.3680043.9.1", deflated, None);
    let mut packed = DeflateEncoder::new(file, Compression::fast());
    packed.write_all(&set).unwrap();
    let file = packed.finish().unwrap();
    assert!(file.len() < 100_000);
    let opened = Instance::open(Box::new(Cursor::new(file)), &Limits::default()).unwrap();
    assert_eq!(opened.native_pixel_bytes(), 4 << 20);
}

#[test]
fn pixels_and_their_transfer_syntax_go_through_as_they_are() {
    let (bytes, ..) = Bench::new().write(explicit(ct()), &[]).unwrap();
    assert!(bytes.ends_with(&[3; 32]));
}

#[test]
fn what_the_cleaner_keeps_and_the_search_knows_is_not_cleared() {
    let mut set = ct();
    set.put_text(tags::STATION_NAME, VR::SH, "SENTINELs CT");
    let bench = Bench::new();
    assert!(bench.write(explicit(set), &[]).is_ok(), "another word that begins alike");
    let mut set = ct();
    set.put_text(tags::STATION_NAME, VR::SH, "Anna Sentinel");
    let error = bench.write(explicit(set), &[]).unwrap_err();
    assert_eq!(error.code(), "residue-found");
    assert!(!format!("{error} {error:?}").to_lowercase().contains("sentinel"));
    let known = [Needle::new(residue::NeedleKind::Other, "CT01")];
    assert_eq!(bench.write(explicit(ct()), &known).unwrap_err().code(), "residue-found");
}

#[test]
fn what_everybody_s_object_says_is_nobody_s_name() {
    let bench = Bench::new();
    for name in ["Patient^Test", "DEVICE^RETAIN", "PROFILE^BASIC", "OTHER^AXIAL", "CONFIDENTIALITY", "TIFF^X"]
    {
        let mut set = ct();
        set.put_text(tags::PATIENT_NAME, VR::PN, name);
        set.put_text(tags::PATIENT_ID, VR::LO, "113108");
        assert!(bench.write(explicit(set), &[]).is_ok(), "{name}");
    }
    // What the standard does not say may be somebody's.
    for value in ["ORIGINAL\\PRIMARY\\WHITLOCK", "ORIGINAL\\PRIMARY\\AXIAL\\WHITLOCK"] {
        let mut set = ct();
        set.put_text(tags::PATIENT_NAME, VR::PN, "Whitlock^Ann");
        set.put_text(tags::IMAGE_TYPE, VR::CS, value);
        let Ok((bytes, _, _)) = bench.write(explicit(set), &[]) else { continue };
        assert!(!bytes.windows(8).any(|window| window == b"WHITLOCK"), "{value}");
    }
}

#[test]
fn a_suspicious_image_waits_for_a_person_and_goes_on_when_released() {
    let bench = Bench::new();
    let mut set = ct();
    set.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    let policy = PixelPolicy::new(ForProcessing::Reject);
    let pending = bench.clean(explicit(set.clone()), &[]).clean_pixels(&policy, Review::Pending);
    assert!(
        matches!(pending, PixelVerdict::Review { reasons, .. } if reasons == [PixelReason::BurnedInAnnotation])
    );
    let released = bench.clean(explicit(set.clone()), &[]).clean_pixels(&policy, Review::Released);
    assert!(matches!(released, PixelVerdict::Clear(_)));
    set.put_text(tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PROCESSING");
    let rejected = bench.clean(explicit(set), &[]).clean_pixels(&policy, Review::Released);
    assert!(matches!(rejected, PixelVerdict::Reject(_)));
}

#[test]
fn an_object_without_its_uids_is_no_instance() {
    let bench = Bench::new();
    let mut set = ct();
    set.remove(tags::SERIES_INSTANCE_UID);
    let opened = Instance::open(Box::new(Cursor::new(explicit(set))), &Limits::default()).unwrap();
    let error = opened.clean_tags(&bench.profile, &bench.subject, &bench.engine, &[]).unwrap_err();
    assert_eq!(error.code(), "incomplete");
}

#[test]
fn what_is_no_dicom_is_refused_with_a_code() {
    let error = Instance::open(Box::new(Cursor::new(b"hello".to_vec())), &Limits::default()).unwrap_err();
    assert!(!error.code().is_empty());
}

#[test]
fn debug_shows_state_and_size_only() {
    let bench = Bench::new();
    let opened = Instance::open(Box::new(Cursor::new(explicit(ct()))), &Limits::default()).unwrap();
    let shown = format!("{opened:?} {:?} {:?}", opened.facts(), bench.subject);
    assert!(!shown.contains("SENTINEL") && !shown.contains("999") && !shown.contains("3680043"), "{shown}");
}

/// A random element: a standard or private tag, any VR, and a value that often holds a sentinel.
fn element() -> impl Strategy<Value = Element> {
    let standard = prop::sample::select(vec![
        tags::PATIENT_COMMENTS,
        tags::STUDY_DESCRIPTION,
        tags::REFERRING_PHYSICIAN_NAME,
        tags::INSTITUTION_NAME,
        tags::PROTOCOL_NAME,
        tags::BODY_PART_EXAMINED,
        tags::KVP,
        tags::EXPOSURE_TIME,
        tags::ACQUISITION_DATE,
        tags::ACQUISITION_DATE_TIME,
        tags::CONTENT_TIME,
        tags::FRAME_OF_REFERENCE_UID,
        tags::PATIENT_AGE,
        tags::SCAN_OPTIONS,
        tags::SOFTWARE_VERSIONS,
        tags::WINDOW_CENTER,
        tags::COLUMNS,
        tags::DATA_SET_TRAILING_PADDING,
        tags::CONVOLUTION_KERNEL,
        tags::MANUFACTURER_MODEL_NAME,
    ]);
    let any = (0x0008_u16..0x5400, any::<u16>()).prop_map(|(group, element)| Tag(group, element));
    let vr = prop::sample::select(vec![
        VR::AE,
        VR::AS,
        VR::CS,
        VR::DA,
        VR::DS,
        VR::DT,
        VR::IS,
        VR::LO,
        VR::LT,
        VR::OB,
        VR::OW,
        VR::PN,
        VR::SH,
        VR::ST,
        VR::TM,
        VR::UI,
        VR::UN,
        VR::UT,
        VR::US,
    ]);
    let value = prop::sample::select(vec![
        "SENTINEL^ANNA",
        "Mrs Anna Sentinel of Wallasey",
        "9990000018",
        "999 000 0018",
        "19530412",
        "1.2.826.0.1.3680043.9.2",
        "20200301",
        "CHEST",
        "045Y",
        "12.5",
        "",
    ]);
    (prop_oneof![2 => standard, 1 => any], vr, value)
        .prop_map(|(tag, vr, text)| Element::text_of(tag, vr, text))
}

fn dataset() -> impl Strategy<Value = Dataset> {
    let leaf = prop::collection::vec(element(), 0..8).prop_map(Dataset::from_iter);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let sequences = prop::sample::select(vec![
            tags::SOURCE_IMAGE_SEQUENCE,
            tags::REQUEST_ATTRIBUTES_SEQUENCE,
            tags::REFERENCED_STUDY_SEQUENCE,
            tags::ANATOMIC_REGION_SEQUENCE,
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
            tags::OTHER_PATIENT_I_DS_SEQUENCE,
            Tag(0x0009, 0x1010),
        ]);
        let sequence = (sequences, prop::collection::vec(inner, 0..3))
            .prop_map(|(tag, items)| Element::items_of(tag, items));
        (prop::collection::vec(element(), 0..6), prop::collection::vec(sequence, 0..3))
            .prop_map(|(elements, sequences)| elements.into_iter().chain(sequences).collect())
    })
}

/// The elements of a random data set over a CT: never over what makes it a CT of that person.
fn over_ct(more: Dataset) -> Dataset {
    let fixed = ct();
    more.into_iter().filter(|e| fixed.get(e.tag).is_none()).chain(fixed.clone()).collect()
}

fn depth_first(set: &Dataset, visit: &mut impl FnMut(&Element)) {
    for element in set {
        visit(element);
        element.items().iter().for_each(|item| depth_first(item, visit));
    }
}

#[test]
fn a_uid_that_is_none_is_mapped_where_uids_are_kept() {
    let bench = Bench::with(&["retain-uids"]);
    let mut set = ct();
    set.put_text(tags::STUDY_INSTANCE_UID, VR::UI, "1..2.826");
    let (_, written, _) = bench.write(explicit(set), &[]).unwrap();
    let [study, series, _] = written.uids();
    assert!(study.starts_with("2.25.") && series == "1.2.826.0.1.3680043.9.3", "{study} {series}");
    // Two are no name of a study: nobody knows where it belongs.
    let mut set = ct();
    set.put_text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3\\1.2.4");
    assert_eq!(bench.write(explicit(set), &[]).unwrap_err().code(), "no-sop-instance-uid");
}

#[test]
fn an_institution_that_stays_may_have_a_postcode_and_a_telephone_and_no_patients_number() {
    let bench = Bench::with(&["retain-institution-identity"]);
    let held = |address: &str| {
        let mut set = ct();
        set.put_text(tags::INSTITUTION_ADDRESS, VR::ST, address);
        bench.write(explicit(set), &[]).err().map(|error| error.code())
    };
    assert_eq!(held("Beckett Street, Leeds, LS9 7TF, Tel 0113 243 3144"), None);
    assert_eq!(held("Beckett Street, 999 000 0018"), Some("residue-found"));
    let mut set = ct();
    set.put_text(tags::INSTITUTION_NAME, VR::LO, "of LS9 7TF");
    assert_eq!(
        bench.write(explicit(set), &[]).unwrap_err().code(),
        "residue-found",
        "only an address has one"
    );
}

/// A dose report names its device in the equipment, where the option keeps it, and as an observer, where UIDs are mapped.
#[test]
fn the_uid_of_a_device_is_kept_though_another_place_refers_to_it() {
    let device = "1.2.826.0.1.3680043.9.77";
    let mut set = ct();
    set.put_text(tags::DEVICE_UID, VR::UI, device);
    set.put_text(tags::UID, VR::UI, device);
    let (_, written, _) = Bench::new().write(explicit(set), &[]).unwrap();
    assert_eq!(written.header().text(tags::DEVICE_UID), Some(device));
    assert!(written.header().text(tags::UID).is_some_and(|uid| uid.starts_with("2.25.")));

    let mut set = ct();
    set.put_text(tags::DEVICE_UID, VR::UI, "1.2.826.0.1.3680043.9.1");
    let (_, written, _) = Bench::new().write(explicit(set), &[]).unwrap();
    assert_eq!(written.header().text(tags::DEVICE_UID), written.header().text(tags::SOP_INSTANCE_UID));
}

#[test]
fn an_object_is_judged_by_the_class_of_its_data_set_alone() {
    let bench = Bench::new();
    let mut bytes = explicit(ct());
    let class = sop_class::CT_IMAGE.as_bytes();
    let is_class = |at: &usize| bytes[*at..].starts_with(class);
    let [_, in_dataset] = (0..bytes.len()).filter(is_class).collect::<Vec<_>>()[..] else {
        panic!("once in the file meta information, once in the data set")
    };
    bytes[in_dataset + class.len() - 1] = b'x';
    let policy = PixelPolicy::new(ForProcessing::Reject);
    let verdict = bench.clean(bytes, &[]).clean_pixels(&policy, Review::Pending);
    assert!(matches!(verdict, PixelVerdict::Review { .. }), "{verdict:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_identifier_survives_at_any_depth(more in dataset()) {
        let bench = Bench::new();
        let out = bench.clean(explicit(over_ct(more)), &[]);
        depth_first(&out.object.dataset, &mut |element| {
            let text = String::from_utf8_lossy(element.bytes()).to_lowercase();
            // A date of birth among dates is moved; it stands nowhere else.
            for needle in ["sentinel", "9990000018", "999 000", "3680043"] {
                // Software Versions and the like are kept under Retain Device Identity: there the search decides.
                let kept = element.tag == tags::SOFTWARE_VERSIONS;
                assert!(kept || !text.contains(needle), "{} {}", element.tag, needle);
            }
        });
    }

    #[test]
    fn nothing_private_unknown_or_removed_by_the_profile_survives(more in dataset()) {
        let bench = Bench::new();
        let out = bench.clean(explicit(over_ct(more)), &[]);
        let promises = Promises {
            profile: &bench.profile,
            pseudonym: bench.subject.pseudonym.as_str(),
            replaced: &BTreeMap::new(),
        };
        prop_assert!(promises.check(&out.object.dataset).is_ok());
    }

    #[test]
    fn cleaning_what_is_clean_changes_only_what_is_derived_again(more in dataset()) {
        let bench = Bench::new();
        let once = bench.clean(explicit(over_ct(more)), &[]);
        let twice = bench.clean(explicit(once.object.dataset.clone()), &[]);
        let mut first = Vec::new();
        depth_first(&once.object.dataset, &mut |e| first.push((e.tag, e.vr, e.clone())));
        let mut second = Vec::new();
        depth_first(&twice.object.dataset, &mut |e| second.push((e.tag, e.vr, e.clone())));
        prop_assert_eq!(first.len(), second.len());
        for ((tag, vr, a), (again, _, b)) in first.iter().zip(&second) {
            prop_assert_eq!(tag, again);
            // A date in text moves, too.
            let is_date = a.texts().any(|text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()));
            if !matches!(*vr, VR::UI | VR::DA | VR::DT | VR::SQ) && !is_date {
                prop_assert_eq!(a.text(), b.text());
            }
        }
    }
}
