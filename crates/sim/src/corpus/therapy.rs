//! Radiotherapy, segmentations, registrations, maps (PS3.3 A.17 to A.20, A.51, A.39, A.75), and objects whose pixels cannot be read.

use super::common::tm;
use super::key::{Fate, Rule};
use super::pixels::{Look, Written};
use super::rules::Answers;
use super::sheet::{Part, Sheet};
use super::{Job, Kind};
use dicom::tag::{VR, tags};

const TEXT: &[Part] = &[Part::Useful("RT planning CT Thorax")];
const PLAN: &[Part] = &[Part::Useful("Plan")];
const SEGMENTATION: &[Part] = &[Part::Useful("Segmentation")];

const OPEN: (Fate, &str) = (Fate::CanClean, "");
const BROKEN: (Fate, &str) = (Fate::MustHold, "pixels that cannot be decoded");

const fn kind(
    name: &'static str,
    sop_class: &'static str,
    modality: &'static str,
    series: &'static [Part],
    look: Look,
    build: fn(&mut Job<'_>, &mut Sheet),
    fate: (Fate, &'static str),
) -> Kind {
    let (body, study, frames, written) = ("", TEXT, 1, Written::Never);
    Kind { name, sop_class, modality, body, study, series, look, frames, written, build, fate }
}

pub(super) const KINDS: &[Kind] = &[
    kind("RT image", "1.2.840.10008.5.1.4.1.1.481.1", "RTIMAGE", PLAN, Look::Slice, rt_image, OPEN),
    kind("RT dose", "1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", PLAN, Look::Counts, rt_dose, OPEN),
    kind("RT structures", "1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT", PLAN, Look::None, structures, OPEN),
    kind("RT plan", "1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN", PLAN, Look::None, rt_plan, OPEN),
    kind("SEG", "1.2.840.10008.5.1.4.1.1.66.4", "SEG", SEGMENTATION, Look::None, segmentation, OPEN),
    kind("registration", "1.2.840.10008.5.1.4.1.1.66.1", "REG", SEGMENTATION, Look::None, registration, OPEN),
    kind(
        "parametric map",
        "1.2.840.10008.5.1.4.1.1.30",
        "OT",
        SEGMENTATION,
        Look::None,
        parametric_map,
        OPEN,
    ),
    kind(
        "real world values",
        "1.2.840.10008.5.1.4.1.1.67",
        "RWV",
        SEGMENTATION,
        Look::None,
        value_mapping,
        OPEN,
    ),
    kind("broken pixels", "1.2.840.10008.5.1.4.1.1.7", "OT", SEGMENTATION, Look::None, broken, BROKEN),
];

fn reference(item: &mut Sheet, class: &str, instance: &str) {
    item.text("ReferencedSOPClassUID", class);
    item.text("ReferencedSOPInstanceUID", instance);
}

fn rt_image(job: &mut Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    sheet.texts([
        ("ImageType", "ORIGINAL\\PRIMARY\\PORTAL"),
        ("RTImagePlane", "NORMAL"),
        ("ConversionType", "DI"),
    ]);
    sheet.said("RTImageLabel", &[Part::Useful("portal")]);
    sheet.said(
        "RTImageDescription",
        &[Part::Useful("lung"), Part::Loose(" "), Part::Secret(visit.person.name.family.clone())],
    );
    sheet.texts([("RTImageSID", "1500"), ("RadiationMachineSAD", "1000"), ("GantryAngle", "180")]);
    sheet.text("RadiationMachineName", "LINAC2");
    sheet.text("ContentDate", visit.date.dicom());
    sheet.text("ContentTime", tm(visit.time_s + 20));
}

fn rt_dose(job: &mut Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    sheet.texts([
        ("DoseUnits", "GY"),
        ("DoseType", "PHYSICAL"),
        ("DoseSummationType", "PLAN"),
        ("DoseGridScaling", "0.00012"),
    ]);
    sheet.texts([
        ("PixelSpacing", "2.5\\2.5"),
        ("ImagePositionPatient", "-180\\-210\\4"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\1\\0"),
    ]);
    sheet.said(
        "DoseComment",
        &[Part::Useful("lung"), Part::Loose(" "), Part::Secret(visit.person.name.family.clone())],
    );
    // Which plan it is of is of Type 1C (PS3.3 C.8.8.3).
    sheet.needed("ReferencedRTPlanSequence", 1, |_, item| {
        reference(item, "1.2.840.10008.5.1.4.1.1.481.5", &format!("{}.2.1", visit.study_uid));
    });
}

fn structures(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, frame) = (job.visit, job.frame_of_reference.clone());
    let family = visit.person.name.family.clone();
    sheet.said("StructureSetLabel", &[Part::Useful("LUNG")]);
    sheet.said("StructureSetName", &[Part::Useful("lung"), Part::Loose(" "), Part::Secret(family.clone())]);
    sheet.text("StructureSetDate", visit.date.dicom());
    sheet.text("StructureSetTime", tm(visit.time_s + 800));
    sheet.items("ReferencedFrameOfReferenceSequence", 1, |_, item| {
        item.text("FrameOfReferenceUID", &frame);
        item.items("RTReferencedStudySequence", 1, |_, item| {
            reference(item, "1.2.840.10008.3.1.2.3.1", &visit.study_uid);
            item.items("RTReferencedSeriesSequence", 1, |_, item| {
                item.text("SeriesInstanceUID", format!("{}.1", visit.study_uid));
                item.items("ContourImageSequence", 1, |_, item| {
                    reference(item, "1.2.840.10008.5.1.4.1.1.2", &format!("{}.1.1", visit.study_uid));
                });
            });
        });
    });
    sheet.items("StructureSetROISequence", 2, |at, item| {
        item.text("ROINumber", (at + 1).to_string());
        item.text("ReferencedFrameOfReferenceUID", &frame);
        let name: &[Part] = if at == 0 {
            &[Part::Useful("Heart")]
        } else {
            &[Part::Useful("PTV"), Part::Loose(" "), Part::Secret(family.clone())]
        };
        item.said("ROIName", name);
        item.text("ROIGenerationAlgorithm", "MANUAL");
    });
    sheet.items("ROIContourSequence", 1, |_, item| {
        item.text("ROIDisplayColor", "255\\0\\0");
        item.text("ReferencedROINumber", "1");
        item.items("ContourSequence", 1, |_, item| {
            item.texts([("ContourGeometricType", "CLOSED_PLANAR"), ("NumberOfContourPoints", "3")]);
            item.text("ContourData", "1.5\\2.5\\3\\4.5\\2.5\\3\\4.5\\6\\3");
        });
    });
    sheet.items("RTROIObservationsSequence", 1, |_, item| {
        item.texts([
            ("ObservationNumber", "1"),
            ("ReferencedROINumber", "1"),
            ("RTROIInterpretedType", "ORGAN"),
        ]);
        item.text("ROIInterpreter", "Tamarquist^Ines");
        item.said("ROIObservationLabel", &[Part::Useful("Heart")]);
    });
}

fn rt_plan(job: &mut Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    let family = visit.person.name.family.clone();
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    sheet.said("RTPlanLabel", &[Part::Useful("LUNG")]);
    sheet.said("RTPlanName", &[Part::Useful("lung"), Part::Loose(" "), Part::Secret(family.clone())]);
    sheet
        .said("RTPlanDescription", &[Part::Useful("palliative"), Part::Loose(" for "), Part::Secret(family)]);
    sheet.text("RTPlanDate", visit.date.dicom());
    sheet.text("RTPlanTime", tm(visit.time_s + 900));
    sheet.texts([
        ("RTPlanGeometry", "PATIENT"),
        ("PlanIntent", "PALLIATIVE"),
        ("ApprovalStatus", "APPROVED"),
    ]);
    sheet.text("ReviewDate", visit.date.plus(1).dicom());
    sheet.text("ReviewTime", "101500");
    sheet.text("ReviewerName", "Tamarquist^Ines");
    sheet.items("FractionGroupSequence", 1, |_, item| {
        item.texts([("FractionGroupNumber", "1"), ("NumberOfFractionsPlanned", "5"), ("NumberOfBeams", "1")]);
    });
    sheet.items("BeamSequence", 1, |_, item| {
        item.text("BeamNumber", "1");
        item.text("BeamName", "AP");
        item.text("TreatmentMachineName", "LINAC2");
        item.texts([("BeamType", "STATIC"), ("RadiationType", "PHOTON"), ("SourceAxisDistance", "1000")]);
        item.said("BeamDescription", &[Part::Useful("anterior")]);
    });
    sheet.needed("ReferencedStructureSetSequence", 1, |_, item| {
        reference(item, "1.2.840.10008.5.1.4.1.1.481.3", &format!("{}.2.2", visit.study_uid));
    });
}

fn derived(job: &Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    sheet.text("ContentDate", visit.date.dicom());
    sheet.text("ContentTime", tm(visit.time_s + 300));
    sheet.text("ContentCreatorName", "Tamarquist^Ines");
    sheet.text("ContentLabel", "RESULT");
    sheet.said(
        "ContentDescription",
        &[Part::Useful("lung"), Part::Loose(" of "), Part::Secret(visit.person.name.family.clone())],
    );
    sheet.items("ReferencedSeriesSequence", 1, |_, item| {
        item.text("SeriesInstanceUID", format!("{}.1", visit.study_uid));
        item.items("ReferencedInstanceSequence", 1, |_, item| {
            reference(item, "1.2.840.10008.5.1.4.1.1.2", &format!("{}.1.1", visit.study_uid));
        });
    });
}

/// One bit a pixel: the picture stands in the data set as it is.
fn segmentation(job: &mut Job<'_>, sheet: &mut Sheet) {
    derived(job, sheet);
    native_only(job);
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    sheet.texts([("ImageType", "DERIVED\\PRIMARY"), ("SegmentationType", "BINARY"), ("NumberOfFrames", "1")]);
    let tracking = format!("{}.41", job.visit.study_uid);
    sheet.items("SegmentSequence", 1, |_, item| {
        item.us("SegmentNumber", &[1]);
        item.text("SegmentLabel", "Lung");
        item.text("SegmentAlgorithmType", "MANUAL");
        item.text("TrackingUID", &tracking);
        item.code("SegmentedPropertyCategoryCodeSequence", "123037004", "SCT", "Anatomical Structure");
        item.code("SegmentedPropertyTypeCodeSequence", "39607008", "SCT", "Lung");
    });
    for (keyword, value) in [
        ("Rows", 64),
        ("Columns", 64),
        ("SamplesPerPixel", 1),
        ("BitsAllocated", 1),
        ("BitsStored", 1),
        ("HighBit", 0),
        ("PixelRepresentation", 0),
    ] {
        sheet.us(keyword, &[value]);
    }
    sheet.text("PhotometricInterpretation", "MONOCHROME2");
    let number = usize::try_from(job.number).unwrap_or(0);
    let bits: Vec<u8> = (0..512usize).map(|n| if (n + number) % 9 < 4 { 0xff } else { 0 }).collect();
    sheet.put_bytes(tags::PIXEL_DATA, VR::OB, &bits, "pixels", Answers::both(&Rule::Keep));
}

fn native_only(job: &mut Job<'_>) {
    if job.syntax.is_encapsulated() {
        job.syntax = crate::encode::Syntax::ExplicitLittle;
    }
}

fn registration(job: &mut Job<'_>, sheet: &mut Sheet) {
    derived(job, sheet);
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    let frame = format!("{}.0.2", job.visit.study_uid);
    sheet.items("RegistrationSequence", 1, |_, item| {
        item.text("FrameOfReferenceUID", &frame);
        item.items("MatrixRegistrationSequence", 1, |_, item| {
            item.items("MatrixSequence", 1, |_, item| {
                item.text("FrameOfReferenceTransformationMatrixType", "RIGID");
                item.text(
                    "FrameOfReferenceTransformationMatrix",
                    "1\\0\\0\\5\\0\\1\\0\\0\\0\\0\\1\\2\\0\\0\\0\\1",
                );
            });
        });
    });
}

fn parametric_map(job: &mut Job<'_>, sheet: &mut Sheet) {
    derived(job, sheet);
    native_only(job);
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    sheet.texts([
        ("ImageType", "DERIVED\\PRIMARY\\MAP\\NONE"),
        ("NumberOfFrames", "1"),
        ("PhotometricInterpretation", "MONOCHROME2"),
    ]);
    sheet.us("Rows", &[16]);
    sheet.us("Columns", &[16]);
    sheet.us("SamplesPerPixel", &[1]);
    sheet.us("BitsAllocated", &[32]);
    let values: Vec<u8> = (0..256u16).flat_map(|n| (f32::from(n) * 0.37).to_le_bytes()).collect();
    sheet.put_bytes(tags::FLOAT_PIXEL_DATA, VR::OF, &values, "pixels", Answers::both(&Rule::Keep));
}

fn value_mapping(job: &mut Job<'_>, sheet: &mut Sheet) {
    derived(job, sheet);
    sheet.items("ReferencedImageRealWorldValueMappingSequence", 1, |_, item| {
        item.items("RealWorldValueMappingSequence", 1, |_, item| {
            item.texts([("LUTLabel", "SUV"), ("LUTExplanation", "SUV")]);
            item.fd("RealWorldValueIntercept", &[0.0]);
            item.fd("RealWorldValueSlope", &[0.000_415]);
            item.code("MeasurementUnitsCodeSequence", "{SUVbw}g/ml", "UCUM", "SUVbw");
        });
    });
}

/// A picture that says JPEG 2000 and is not: nobody can say what it shows.
fn broken(job: &mut Job<'_>, sheet: &mut Sheet) {
    sheet.texts([
        ("ImageType", "DERIVED\\SECONDARY"),
        ("ConversionType", "WSD"),
        ("PhotometricInterpretation", "MONOCHROME2"),
    ]);
    for (keyword, value) in [
        ("Rows", 64),
        ("Columns", 64),
        ("SamplesPerPixel", 1),
        ("BitsAllocated", 8),
        ("BitsStored", 8),
        ("HighBit", 7),
        ("PixelRepresentation", 0),
    ] {
        sheet.us(keyword, &[value]);
    }
    job.undecodable = true;
}
