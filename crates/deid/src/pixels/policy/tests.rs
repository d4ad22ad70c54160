//! The policy of pixels, by example.

use super::*;
use dicom::dataset::Element;
use dicom::tag::{Tag, VR};
use dicom::uid::sop_class;

fn judge(class: &str, modality: &str, image_type: &str, more: &[(Tag, &str)]) -> Judgement {
    let mut set = Dataset::new();
    set.put_text(tags::MODALITY, VR::CS, modality);
    set.put_text(tags::IMAGE_TYPE, VR::CS, image_type);
    for (tag, value) in more {
        set.put_text(*tag, VR::CS, value);
    }
    PixelPolicy::new(ForProcessing::Reject).judge(&Declared::of(&set, class, true), Asked::default(), "1.2")
}

#[test]
fn primary_radiographs_ct_and_mr_that_declare_nothing_pass() {
    assert!(!policy().class.is_empty());
    for (class, modality, image_type) in [
        (sop_class::CT_IMAGE, "CT", "ORIGINAL\\PRIMARY\\AXIAL"),
        (sop_class::CR_IMAGE, "CR", "DERIVED\\PRIMARY"),
        (sop_class::DX_FOR_PRESENTATION, "DX", "DERIVED\\PRIMARY"),
        (sop_class::MR_IMAGE, "MR", "ORIGINAL\\PRIMARY\\M\\ND"),
    ] {
        assert_eq!(judge(class, modality, image_type, &[]), Judgement::Pass(Extent::Declared));
    }
    let no = [(tags::BURNED_IN_ANNOTATION, "NO")];
    assert_eq!(judge(sop_class::CT_IMAGE, "CT", "ORIGINAL\\PRIMARY", &no), Judgement::Pass(Extent::Declared));
}

#[test]
fn each_suspicion_is_named() {
    use PixelReason as R;
    let ct = |image_type, more: &[(Tag, &str)]| judge(sop_class::CT_IMAGE, "CT", image_type, more);
    let primary = "ORIGINAL\\PRIMARY";
    for (judgement, reason) in [
        (ct(primary, &[(tags::BURNED_IN_ANNOTATION, "YES")]), R::BurnedInAnnotation),
        (ct("DERIVED\\SECONDARY", &[]), R::NotPrimary),
        (ct("DERIVED\\PRIMARY\\SCREEN SAVE", &[]), R::NotPrimary),
        (ct("ORIGINAL", &[]), R::ImageTypeUnclear),
        (ct(primary, &[(tags::CONVERSION_TYPE, "WSD")]), R::Converted),
        (ct(primary, &[(Tag(0x6002, 0x3000), "x")]), R::Overlays),
        (ct(primary, &[(Tag(0x0070, 0x0001), "x")]), R::Graphics),
        (judge(sop_class::CT_IMAGE, "OT", primary, &[]), R::ModalityDisagrees),
        (judge(sop_class::SECONDARY_CAPTURE, "OT", primary, &[]), R::ClassNotListed),
    ] {
        assert_eq!(judgement, Judgement::Doubt(vec![reason], None));
    }
}

#[test]
fn a_declaration_counts_whatever_its_vr() {
    for (tag, value, expected) in [
        (tags::BURNED_IN_ANNOTATION, "yes ", Judgement::Doubt(vec![PixelReason::BurnedInAnnotation], None)),
        (
            tags::BURNED_IN_ANNOTATION,
            "\u{1}\u{2}",
            Judgement::Doubt(vec![PixelReason::BurnedInAnnotation], None),
        ),
        (tags::BURNED_IN_ANNOTATION, "NO", Judgement::Pass(Extent::Declared)),
        (
            tags::PRESENTATION_INTENT_TYPE,
            "FOR PROCESSING",
            Judgement::Reject(vec![PixelReason::ForProcessing]),
        ),
        (tags::IMAGE_TYPE, "ORIGINAL\\SECONDARY", Judgement::Doubt(vec![PixelReason::NotPrimary], None)),
    ] {
        for vr in [VR::UN, VR::LO, VR::OB] {
            let mut set = Dataset::new();
            set.put_text(tags::MODALITY, VR::CS, "CT");
            set.put_text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY");
            set.put(Element::bytes_of(tag, vr, value));
            let judged = PixelPolicy::new(ForProcessing::Reject).judge(
                &Declared::of(&set, sop_class::CT_IMAGE, true),
                Asked::default(),
                "1.2",
            );
            assert_eq!(judged, expected, "{tag} {vr:?}");
        }
    }
}

#[test]
fn what_may_show_a_face_waits_where_faces_are_to_go() {
    let of = |modality: &str, part: Option<&str>, description: &str| {
        let mut set = Dataset::new();
        set.put_text(tags::MODALITY, VR::CS, modality);
        set.put_text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY");
        if let Some(part) = part {
            set.put_text(tags::BODY_PART_EXAMINED, VR::CS, part);
        }
        set.put_text(tags::STUDY_DESCRIPTION, VR::LO, description);
        let mut declared = Declared::of(&set, sop_class::CT_IMAGE, true);
        declared.note_face(&set);
        let asked = Asked { features: true, ..Asked::default() };
        PixelPolicy::new(ForProcessing::Reject).judge(&declared, asked, "1.2.3")
    };
    let waits = Judgement::Withhold(vec![PixelReason::VisualFeatures]);
    assert_eq!(of("CT", Some("HEAD"), "CT"), waits);
    assert_eq!(of("CT", None, "CT"), waits);
    assert_eq!(of("CT", Some("CHEST"), "CT Thorax"), Judgement::Pass(Extent::Declared));
    // The body part is a radiographer's habit; the description knows better.
    assert_eq!(of("CT", Some("CHEST"), "CT Brain and chest"), waits);
}

#[test]
fn graphics_inside_an_item_count() {
    let item: Dataset = [Element::text_of(Tag(0x6000, 0x3000), VR::OW, "xx")].into_iter().collect();
    let mut set = Dataset::new();
    set.put(Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![item]));
    assert!(Declared::of(&set, sop_class::CT_IMAGE, true).overlays);
}

#[test]
fn for_processing_is_outside_the_project() {
    let intent = [(tags::PRESENTATION_INTENT_TYPE, "FOR PROCESSING")];
    let reject = Judgement::Reject(vec![PixelReason::ForProcessing]);
    assert_eq!(judge(sop_class::DX_FOR_PRESENTATION, "DX", "ORIGINAL\\PRIMARY", &intent), reject);
    assert_eq!(judge(sop_class::DX_FOR_PROCESSING, "DX", "ORIGINAL\\PRIMARY", &[]), reject);
}

#[test]
fn the_label_of_a_slide_waits_for_a_person() {
    let judge = |image_type: &str| {
        let mut set = Dataset::new();
        set.put_text(tags::MODALITY, VR::CS, "SM");
        set.put_text(tags::IMAGE_TYPE, VR::CS, image_type);
        let declared = Declared::of(&set, "1.2.840.10008.5.1.4.1.1.77.1.6", true);
        let asked = Asked { pixels: true, ..Asked::default() };
        PixelPolicy::new(ForProcessing::Reject).judge(&declared, asked, "1.2")
    };
    let reasons = vec![PixelReason::BurnedInAnnotation];
    assert!(
        matches!(judge("ORIGINAL\\PRIMARY\\LABEL\\NONE"), Judgement::Doubt(told, Some(_)) if told == reasons)
    );
    assert!(matches!(judge("ORIGINAL\\PRIMARY\\VOLUME\\NONE"), Judgement::Read(_)));
}
