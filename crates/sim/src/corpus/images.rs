//! The image objects: what a scanner of each modality writes beside the common modules (PS3.3 Annex A, C.8).

use super::common::tm;
use super::key::Fate;
use super::pixels::{Look, Sector, Written};
use super::sheet::{Part, Sheet};
use super::{Job, Kind};

const OPEN: (Fate, &str) = (Fate::CanClean, "");

const CHEST_STUDY: &[Part] = &[Part::Useful("XR Chest PA")];
const CHEST_SERIES: &[Part] = &[Part::Useful("Chest PA erect")];
const MAMMO_STUDY: &[Part] = &[Part::Useful("Mammogram bilateral screening")];
const MAMMO_SERIES: &[Part] = &[Part::Useful("R MLO")];
const CT_STUDY: &[Part] = &[Part::Useful("CT Thorax with contrast")];
const CT_SERIES: &[Part] = &[Part::Useful("Thorax 5.0 B30f axial")];
const MR_STUDY: &[Part] = &[Part::Useful("MRI Brain")];
const MR_SERIES: &[Part] = &[Part::Useful("T2 TSE axial")];
const US_STUDY: &[Part] = &[Part::Useful("US Abdomen")];
const US_SERIES: &[Part] = &[Part::Useful("Liver")];
const XA_STUDY: &[Part] = &[Part::Useful("Coronary angiogram")];
const XA_SERIES: &[Part] = &[Part::Useful("Left coronary")];
const NM_STUDY: &[Part] = &[Part::Useful("Bone scan whole body")];
const NM_SERIES: &[Part] = &[Part::Useful("anterior")];
const PT_STUDY: &[Part] = &[Part::Useful("PET CT whole body")];
const PT_SERIES: &[Part] = &[Part::Useful("PET AC axial")];
const SC_SERIES: &[Part] = &[Part::Useful("Screenshot")];
const SKIN_STUDY: &[Part] = &[Part::Useful("Skin lesion")];
const SKIN_SERIES: &[Part] = &[Part::Useful("left arm")];
const EYE_STUDY: &[Part] = &[Part::Useful("Retina")];
const EYE_SERIES: &[Part] = &[Part::Useful("fundus right eye")];

const fn kind(
    name: &'static str,
    sop_class: &'static str,
    modality: &'static str,
    body: &'static str,
    texts: (&'static [Part], &'static [Part]),
    (look, frames, written): (Look, u16, Written),
    build: fn(&mut Job<'_>, &mut Sheet),
) -> Kind {
    let (study, series) = texts;
    Kind { name, sop_class, modality, body, study, series, look, frames, written, build, fate: OPEN }
}

pub(super) const KINDS: &[Kind] = &[
    kind(
        "CR",
        "1.2.840.10008.5.1.4.1.1.1",
        "CR",
        "CHEST",
        (CHEST_STUDY, CHEST_SERIES),
        (Look::Chest, 1, Written::OneIn(5)),
        radiograph,
    ),
    kind(
        "DX",
        "1.2.840.10008.5.1.4.1.1.1.1",
        "DX",
        "CHEST",
        (CHEST_STUDY, CHEST_SERIES),
        (Look::Chest, 1, Written::OneIn(6)),
        radiograph,
    ),
    kind(
        "MG",
        "1.2.840.10008.5.1.4.1.1.1.2",
        "MG",
        "BREAST",
        (MAMMO_STUDY, MAMMO_SERIES),
        (Look::Chest, 1, Written::OneIn(6)),
        mammogram,
    ),
    kind(
        "CT",
        "1.2.840.10008.5.1.4.1.1.2",
        "CT",
        "CHEST",
        (CT_STUDY, CT_SERIES),
        (Look::Slice, 1, Written::OneIn(12)),
        ct,
    ),
    kind(
        "enhanced CT",
        "1.2.840.10008.5.1.4.1.1.2.1",
        "CT",
        "",
        (CT_STUDY, CT_SERIES),
        (Look::Slice, 2, Written::Never),
        enhanced,
    ),
    kind(
        "MR",
        "1.2.840.10008.5.1.4.1.1.4",
        "MR",
        "BRAIN",
        (MR_STUDY, MR_SERIES),
        (Look::Magnetic, 1, Written::OneIn(12)),
        mr,
    ),
    kind(
        "enhanced MR",
        "1.2.840.10008.5.1.4.1.1.4.1",
        "MR",
        "",
        (MR_STUDY, MR_SERIES),
        (Look::Magnetic, 2, Written::Never),
        enhanced,
    ),
    kind(
        "US",
        "1.2.840.10008.5.1.4.1.1.6.1",
        "US",
        "ABDOMEN",
        (US_STUDY, US_SERIES),
        (Look::Fan, 1, Written::Always),
        ultrasound,
    ),
    kind(
        "US multi-frame",
        "1.2.840.10008.5.1.4.1.1.3.1",
        "US",
        "ABDOMEN",
        (US_STUDY, US_SERIES),
        (Look::Fan, 3, Written::Always),
        ultrasound,
    ),
    kind(
        "XA",
        "1.2.840.10008.5.1.4.1.1.12.1",
        "XA",
        "HEART",
        (XA_STUDY, XA_SERIES),
        (Look::Chest, 1, Written::OneIn(4)),
        angiogram,
    ),
    kind(
        "NM",
        "1.2.840.10008.5.1.4.1.1.20",
        "NM",
        "WHOLEBODY",
        (NM_STUDY, NM_SERIES),
        (Look::Counts, 2, Written::Never),
        nuclear,
    ),
    kind(
        "PT",
        "1.2.840.10008.5.1.4.1.1.128",
        "PT",
        "WHOLEBODY",
        (PT_STUDY, PT_SERIES),
        (Look::Counts, 1, Written::Never),
        positron,
    ),
    kind(
        "SC",
        "1.2.840.10008.5.1.4.1.1.7",
        "OT",
        "CHEST",
        (CT_STUDY, SC_SERIES),
        (Look::Colour, 1, Written::Always),
        screen,
    ),
    kind(
        "SC multi-frame colour",
        "1.2.840.10008.5.1.4.1.1.7.4",
        "OT",
        "CHEST",
        (CT_STUDY, SC_SERIES),
        (Look::Colour, 2, Written::Always),
        screen,
    ),
    kind(
        "VL photo",
        "1.2.840.10008.5.1.4.1.1.77.1.4",
        "XC",
        "",
        (SKIN_STUDY, SKIN_SERIES),
        (Look::Colour, 1, Written::OneIn(4)),
        photograph,
    ),
    kind(
        "OP",
        "1.2.840.10008.5.1.4.1.1.77.1.5.1",
        "OP",
        "EYE",
        (EYE_STUDY, EYE_SERIES),
        (Look::Colour, 1, Written::OneIn(4)),
        photograph,
    ),
];

/// What all images say of when and what (PS3.3 C.7.6.1).
fn general(job: &Job<'_>, sheet: &mut Sheet, image_type: &str) {
    sheet.text("ImageType", image_type);
    sheet.text("AcquisitionNumber", "1");
    sheet.text("AcquisitionDate", job.visit.date.dicom());
    sheet.text("AcquisitionTime", tm(job.visit.time_s + 50));
    sheet.text("ContentDate", job.visit.date.dicom());
    sheet.text("ContentTime", tm(job.visit.time_s + 55));
}

fn plane(job: &Job<'_>, sheet: &mut Sheet) {
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    sheet.text("ImagePositionPatient", format!("-180.5\\-211\\{}.25", job.number));
    sheet.text("ImageOrientationPatient", "1\\0\\0\\0\\1\\0");
    sheet.text("SliceLocation", format!("{}.25", job.number));
    sheet.text("SliceThickness", "5");
    sheet.text("PixelSpacing", "0.703125\\0.703125");
    sheet.text("PatientPosition", "HFS");
}

fn radiograph(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY");
    sheet.texts([
        ("KVP", "120"),
        ("Exposure", "2"),
        ("ExposureTime", "11"),
        ("XRayTubeCurrent", "250"),
        ("ViewPosition", "PA"),
        ("ImagerPixelSpacing", "0.143\\0.143"),
        ("FocalSpots", "1.2"),
        ("PatientOrientation", "L\\F"),
        ("WindowCenter", "2048"),
        ("WindowWidth", "4096"),
        ("RelativeXRayExposure", "312"),
        ("Grid", "RECIPROCATING"),
    ]);
    sheet.texts([("PlateID", "P12"), ("CassetteID", "CAS7"), ("DetectorID", "D4471")]);
    if job.kind.modality == "DX" {
        sheet.texts([
            ("PresentationIntentType", "FOR PRESENTATION"),
            ("PixelIntensityRelationship", "LOG"),
            ("DetectorType", "SCINTILLATOR"),
            ("ImageLaterality", "U"),
            ("PresentationLUTShape", "IDENTITY"),
        ]);
        sheet.text("DateOfLastDetectorCalibration", job.visit.date.plus(-40).dicom());
        sheet.code("ViewCodeSequence", "399348003", "SCT", "antero-posterior");
        sheet.code("AnatomicRegionSequence", "51185008", "SCT", "Chest");
        sheet.items("AcquisitionContextSequence", 0, |_, _| {});
    }
}

fn mammogram(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY");
    sheet.texts([
        ("KVP", "28"),
        ("ExposureInuAs", "78000"),
        ("BodyPartThickness", "58"),
        ("CompressionForce", "98.5"),
        ("ViewPosition", "MLO"),
        ("ImageLaterality", "R"),
        ("PatientOrientation", "P\\FR"),
        ("AnodeTargetMaterial", "TUNGSTEN"),
        ("FilterMaterial", "RHODIUM"),
        ("PresentationIntentType", "FOR PRESENTATION"),
        ("ImagerPixelSpacing", "0.07\\0.07"),
        ("OrganDose", "0.0121"),
        ("BreastImplantPresent", "NO"),
    ]);
    sheet.code("ViewCodeSequence", "399368009", "SCT", "medio-lateral oblique");
    sheet.code("AnatomicRegionSequence", "76752008", "SCT", "Breast");
}

fn ct(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY\\AXIAL");
    plane(job, sheet);
    sheet.texts([
        ("KVP", "120"),
        ("DataCollectionDiameter", "500"),
        ("ReconstructionDiameter", "360"),
        ("GantryDetectorTilt", "0"),
        ("ExposureTime", "500"),
        ("XRayTubeCurrent", "187"),
        ("ConvolutionKernel", "B30f"),
        ("FilterType", "FLAT"),
        ("RescaleIntercept", "-1024"),
        ("RescaleSlope", "1"),
        ("RescaleType", "HU"),
        ("WindowCenter", "40"),
        ("WindowWidth", "400"),
        ("ContrastBolusRoute", "IV"),
        ("PositionReferenceIndicator", "SN"),
    ]);
    sheet.said("ContrastBolusAgent", &[Part::Useful("Omnipaque 300")]);
    sheet.fd("CTDIvol", &[7.25]);
    sheet.fd("SpiralPitchFactor", &[1.4]);
    sheet.code("CTDIPhantomTypeCodeSequence", "113691", "DCM", "IEC Body Dosimetry Phantom");
    sheet.text("IrradiationEventUID", format!("{}.6", job.visit.study_uid));
}

fn mr(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY\\M\\ND");
    plane(job, sheet);
    sheet.texts([
        ("ScanningSequence", "SE"),
        ("SequenceVariant", "SK"),
        ("MRAcquisitionType", "2D"),
        ("SequenceName", "tse2d1_15"),
        ("RepetitionTime", "4500"),
        ("EchoTime", "98"),
        ("NumberOfAverages", "2"),
        ("ImagingFrequency", "63.68"),
        ("ImagedNucleus", "1H"),
        ("MagneticFieldStrength", "1.5"),
        ("EchoTrainLength", "15"),
        ("FlipAngle", "150"),
        ("PixelBandwidth", "130"),
        ("ReceiveCoilName", "HeadMatrix"),
        ("SAR", "0.418"),
        ("InPlanePhaseEncodingDirection", "ROW"),
    ]);
    sheet.us("AcquisitionMatrix", &[0, 256, 205, 0]);
}

fn enhanced(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY\\VOLUME\\NONE");
    sheet.text("FrameOfReferenceUID", &job.frame_of_reference);
    sheet.texts([
        ("PatientPosition", "HFS"),
        ("VolumetricProperties", "VOLUME"),
        ("ContentQualification", "RESEARCH"),
    ]);
    sheet.text("AcquisitionDateTime", format!("{}{}", job.visit.date.dicom(), tm(job.visit.time_s + 50)));
    if job.kind.modality == "MR" {
        sheet.texts([("PulseSequenceName", "tse"), ("ResonantNucleus", "1H"), ("AcquisitionContrast", "T2")]);
        sheet.text("MagneticFieldStrength", "1.5");
    }
    let (organization, frame_uid) = (format!("{}.30", job.visit.study_uid), format!("{}.31", job.uid));
    sheet.items("DimensionOrganizationSequence", 1, |_, item| {
        item.text("DimensionOrganizationUID", &organization);
    });
    sheet.items("SharedFunctionalGroupsSequence", 1, |_, item| {
        item.items("PixelMeasuresSequence", 1, |_, item| {
            item.text("PixelSpacing", "0.7\\0.7");
            item.text("SliceThickness", "3");
        });
        item.items("PlaneOrientationSequence", 1, |_, item| {
            item.text("ImageOrientationPatient", "1\\0\\0\\0\\1\\0");
        });
        item.items("FrameAnatomySequence", 1, |_, item| {
            item.text("FrameLaterality", "U");
            item.code("AnatomicRegionSequence", "51185008", "SCT", "Chest");
        });
    });
    let (date, time, family) = (job.visit.date, job.visit.time_s, job.visit.person.name.family.clone());
    let frames = usize::from(job.kind.frames);
    sheet.items("PerFrameFunctionalGroupsSequence", frames, |at, item| {
        item.items("FrameContentSequence", 1, |_, item| {
            item.text("FrameAcquisitionDateTime", format!("{}{}", date.dicom(), tm(time + 51)));
            item.text("FrameReferenceDateTime", format!("{}{}", date.dicom(), tm(time + 51)));
            item.fd("FrameAcquisitionDuration", &[125.0]);
            item.ul("DimensionIndexValues", &[1, 1]);
            let useful = [Part::Useful("axial"), Part::Loose(" "), Part::Secret(family.clone())];
            item.said("FrameComments", &useful);
        });
        item.items("PlanePositionSequence", 1, |_, item| {
            item.text("ImagePositionPatient", format!("-100\\-100\\{}", 3 * at));
        });
        item.items("DerivationImageSequence", 1, |_, item| {
            // Of Type 2 here (PS3.3 C.7.6.16.2.6), so that X/Z/U* empties it (PS3.15 E.1.1).
            item.items("SourceImageSequence", 1, |_, item| {
                item.text("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2");
                item.text("ReferencedSOPInstanceUID", &frame_uid);
            });
        });
    });
}

fn ultrasound(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY\\ABDOMINAL\\0001");
    sheet.texts([("TransducerData", "C5-1"), ("MechanicalIndex", "1.1"), ("HeartRate", "71")]);
    if job.kind.frames > 1 {
        sheet.texts([("FrameTime", "33.3"), ("CineRate", "30")]);
        sheet.bytes("FrameIncrementPointer", dicom::tag::VR::AT, &[0x18, 0, 0x63, 0x10]);
    }
    let (sector, right) = (Sector::of(job), u32::from(job.size) - 2);
    sheet.items("SequenceOfUltrasoundRegions", 1, |_, item| {
        item.us("RegionSpatialFormat", &[1]);
        item.us("RegionDataType", &[1]);
        item.ul("RegionFlags", &[2]);
        item.ul("RegionLocationMinX0", &[2]);
        item.ul("RegionLocationMinY0", &[u32::from(sector.top)]);
        item.ul("RegionLocationMaxX1", &[right]);
        item.ul("RegionLocationMaxY1", &[u32::from(sector.bottom)]);
        item.us("PhysicalUnitsXDirection", &[3]);
        item.us("PhysicalUnitsYDirection", &[3]);
        item.fd("PhysicalDeltaX", &[0.043]);
        item.fd("PhysicalDeltaY", &[0.043]);
    });
}

fn angiogram(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY\\SINGLE PLANE");
    sheet.texts([
        ("KVP", "77"),
        ("XRayTubeCurrent", "640"),
        ("ExposureTime", "8"),
        ("RadiationSetting", "GR"),
        ("DistanceSourceToDetector", "1050"),
        ("PositionerPrimaryAngle", "-30.2"),
        ("PositionerSecondaryAngle", "24.8"),
        ("PixelIntensityRelationship", "LOG"),
        ("ImageAndFluoroscopyAreaDoseProduct", "12.75"),
    ]);
    sheet.said("AcquisitionProtocolDescription", &[Part::Useful("coronary"), Part::Loose(" 15 fps")]);
}

fn nuclear(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY\\WHOLE BODY\\EMISSION");
    sheet.texts([
        ("CountsAccumulated", "1200345"),
        ("ActualFrameDuration", "600000"),
        ("PixelSpacing", "2.4\\2.4"),
    ]);
    sheet.us("EnergyWindowVector", &[1, 1]);
    sheet.us("DetectorVector", &[1, 2]);
    sheet.us("NumberOfEnergyWindows", &[1]);
    sheet.us("NumberOfDetectors", &[2]);
    radiopharmaceutical(job, sheet);
}

fn radiopharmaceutical(job: &Job<'_>, sheet: &mut Sheet) {
    let (date, time) = (job.visit.date, job.visit.time_s);
    sheet.items("RadiopharmaceuticalInformationSequence", 1, |_, item| {
        item.text("Radiopharmaceutical", "FDG");
        item.text("RadionuclideTotalDose", "371000000");
        item.text("RadionuclideHalfLife", "6586.2");
        item.text("RadiopharmaceuticalStartTime", tm(time - 3_600));
        item.text("RadiopharmaceuticalStartDateTime", format!("{}{}", date.dicom(), tm(time - 3_600)));
        item.code("RadionuclideCodeSequence", "77004003", "SCT", "^18^Fluorine");
    });
}

fn positron(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY");
    plane(job, sheet);
    sheet.texts([
        ("Units", "BQML"),
        ("CountsSource", "EMISSION"),
        ("SeriesType", "WHOLE BODY\\IMAGE"),
        ("DecayCorrection", "START"),
        ("ReconstructionMethod", "OSEM"),
        ("ScatterCorrectionMethod", "Model-based"),
        ("RescaleIntercept", "0"),
        ("RescaleSlope", "0.415"),
        ("FrameReferenceTime", "90000"),
        ("ActualFrameDuration", "180000"),
        ("CorrectedImage", "DECY\\ATTN\\SCAT\\RAN"),
    ]);
    sheet.us("NumberOfSlices", &[220]);
    sheet.us("ImageIndex", &[u16::try_from(job.number % 220).unwrap_or(1)]);
    radiopharmaceutical(job, sheet);
}

fn screen(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "DERIVED\\SECONDARY");
    sheet.text("ConversionType", "WSD");
    sheet.text("DateOfSecondaryCapture", job.visit.date.dicom());
    sheet.text("TimeOfSecondaryCapture", tm(job.visit.time_s + 80));
    sheet.text("SecondaryCaptureDeviceManufacturer", "Snap Works");
    if job.kind.frames > 1 {
        sheet.bytes("FrameIncrementPointer", dicom::tag::VR::AT, &[0x18, 0, 0x63, 0x10]);
        sheet.text("FrameTime", "100");
    }
}

fn photograph(job: &mut Job<'_>, sheet: &mut Sheet) {
    general(job, sheet, "ORIGINAL\\PRIMARY");
    sheet.text("AcquisitionDateTime", format!("{}{}", job.visit.date.dicom(), tm(job.visit.time_s + 50)));
    sheet.text("CameraOwnerName", "Quillwick Ida");
    sheet.fd("GPSLatitude", &[53.1, 12.0, 4.5]);
    sheet.texts([("GPSLatitudeRef", "N"), ("LensModel", "Macro 100"), ("ImageLaterality", "L")]);
    sheet.items("AcquisitionContextSequence", 0, |_, _| {});
    sheet.code("AnatomicRegionSequence", "51185008", "SCT", "Chest");
}
