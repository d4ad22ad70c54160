//! What each modality adds (PS3.3 A.2 CR, A.26 DX, A.3 CT, A.4 MR, A.6 US, A.8 SC, A.33 PR, A.35 SR).

use super::header::{code, item, put, put_all, put_items, put_us, reference, tm};
use super::{Instance, Kind, Oddity, phantom};
use crate::encode::{Pixels, Samples};
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, tags};
use dicom::uid::sop_class;

/// The modules of the instance's kind and what its oddity declares.
pub(super) fn add(of: &Instance, set: &mut Dataset) {
    match of.series.kind {
        Kind::Cr => radiograph(of, set, false),
        Kind::Dx => radiograph(of, set, true),
        Kind::Ct => ct(of, set),
        Kind::Mr => mr(of, set),
        Kind::SecondaryCapture => capture(of, set),
        Kind::Ultrasound => ultrasound(of, set),
        Kind::DoseReport => dose_report(of, set),
        Kind::PresentationState => presentation_state(of, set),
    }
    match of.oddity {
        Some(Oddity::BurnedIn) => put(set, tags::BURNED_IN_ANNOTATION, "YES"),
        Some(Oddity::ConversionType) => put(set, tags::CONVERSION_TYPE, "DF"),
        Some(Oddity::Overlay) => overlay(of, set),
        Some(Oddity::Graphics) => put_items(set, tags::GRAPHIC_ANNOTATION_SEQUENCE, vec![annotation(of)]),
        _ => {}
    }
}

/// Image Pixel module (PS3.3 C.7.6.3).
pub(super) fn add_pixel_module(of: &Instance, pixels: &Pixels, set: &mut Dataset) {
    let allocated = if matches!(pixels.samples, Samples::Eight(_)) { 8 } else { 16 };
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, pixels.channels),
        (tags::ROWS, pixels.rows),
        (tags::COLUMNS, pixels.columns),
        (tags::BITS_ALLOCATED, allocated),
        (tags::BITS_STORED, pixels.bits),
        (tags::HIGH_BIT, pixels.bits - 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put_us(set, tag, value);
    }
    put(set, tags::PHOTOMETRIC_INTERPRETATION, if pixels.channels == 3 { "RGB" } else { "MONOCHROME2" });
    if pixels.channels == 3 {
        put_us(set, tags::PLANAR_CONFIGURATION, 0);
    }
    if of.series.kind != Kind::Dx && of.oddity != Some(Oddity::BurnedIn) && of.number.is_multiple_of(2) {
        put(set, tags::BURNED_IN_ANNOTATION, "NO");
    }
    put(set, tags::LOSSY_IMAGE_COMPRESSION, "00");
}

/// General Image and acquisition dates.
fn image(of: &Instance, set: &mut Dataset, image_type: &str) {
    let date = of.study.date.dicom();
    let time = tm(of.study.time_s + 60 + of.number);
    let image_type = match of.oddity {
        Some(Oddity::Secondary) => "DERIVED\\SECONDARY\\MPR",
        _ => image_type,
    };
    put_all(
        set,
        [
            (tags::IMAGE_TYPE, image_type),
            (tags::ACQUISITION_NUMBER, "1"),
            (tags::ACQUISITION_DATE, &date),
            (tags::ACQUISITION_TIME, &time),
            (tags::ACQUISITION_DATE_TIME, &format!("{date}{time}")),
            (tags::CONTENT_DATE, &date),
            (tags::CONTENT_TIME, &time),
            (
                tags::IMAGE_COMMENTS,
                &format!("{} NHS {}", of.person.name.plain(), of.person.nhs_number_spaced()),
            ),
            (tags::DERIVATION_DESCRIPTION, &format!("edge enhanced for {}", of.person.doctor)),
            (tags::QUALITY_CONTROL_IMAGE, "NO"),
            (tags::PRESENTATION_LUT_SHAPE, "IDENTITY"),
        ],
    );
    let earlier = format!("{}.66", of.uid);
    put_items(set, tags::REFERENCED_IMAGE_SEQUENCE, vec![reference(of.sop_class(), &earlier)]);
    let mut source = reference(of.sop_class(), &format!("{}.67", of.uid));
    put_items(
        &mut source,
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        vec![code("121322", "DCM", "Source image")],
    );
    put_items(set, tags::SOURCE_IMAGE_SEQUENCE, vec![source]);
    if of.study.body_part == Some("CHEST") {
        put_items(set, tags::ANATOMIC_REGION_SEQUENCE, vec![code("51185008", "SCT", "Chest")]);
    }
    put_items(set, tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new());
}

fn radiograph(of: &Instance, set: &mut Dataset, digital: bool) {
    let processing = of.oddity == Some(Oddity::ForProcessing);
    image(of, set, if digital && !processing { "DERIVED\\PRIMARY" } else { "ORIGINAL\\PRIMARY" });
    let spacing = format!("{0:.4}\\{0:.4}", 350.0 / f32::from(of.size));
    put_all(
        set,
        [
            (tags::VIEW_POSITION, "PA"),
            (tags::PATIENT_ORIENTATION, "L\\F"),
            (tags::KVP, "125"),
            (tags::EXPOSURE_TIME, "8"),
            (tags::EXPOSURE, "3"),
            (tags::DISTANCE_SOURCE_TO_DETECTOR, "1800"),
            (tags::FILTER_TYPE, "NONE"),
            (tags::IMAGER_PIXEL_SPACING, &spacing),
            (tags::RELATIVE_X_RAY_EXPOSURE, "415"),
            (tags::WINDOW_CENTER, "1900"),
            (tags::WINDOW_WIDTH, "3400"),
            (tags::RESCALE_INTERCEPT, "0"),
            (tags::RESCALE_SLOPE, "1"),
            (tags::RESCALE_TYPE, "US"),
            (tags::ACQUISITION_DEVICE_PROCESSING_DESCRIPTION, &of.series.description),
            (tags::ACQUISITION_DEVICE_PROCESSING_CODE, "C-10"),
        ],
    );
    if !digital {
        put_all(set, [(tags::PLATE_ID, "P0017734"), (tags::CASSETTE_ID, "C99"), (tags::PLATE_TYPE, "STV")]);
        return;
    }
    put_all(
        set,
        [
            (tags::PRESENTATION_INTENT_TYPE, if processing { "FOR PROCESSING" } else { "FOR PRESENTATION" }),
            (tags::DETECTOR_TYPE, "SCINTILLATOR"),
            (tags::DETECTOR_ID, &format!("DET-{}", of.hospital.ods)),
            (tags::POSITIONER_TYPE, ""),
            (tags::DATE_OF_LAST_DETECTOR_CALIBRATION, &of.study.date.plus(-30).dicom()),
            (tags::DETECTOR_TEMPERATURE, "31.5"),
            (tags::PIXEL_INTENSITY_RELATIONSHIP, "LOG"),
            (tags::IMAGE_LATERALITY, "U"),
        ],
    );
    if of.oddity != Some(Oddity::BurnedIn) {
        put(set, tags::BURNED_IN_ANNOTATION, "NO");
    }
    set.put(Element::bytes_of(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, VR::SS, (-1i16).to_le_bytes()));
    put_items(set, tags::VIEW_CODE_SEQUENCE, vec![code("399348003", "SCT", "postero-anterior")]);
}

/// Frame of reference and image plane (PS3.3 C.7.4.1, C.7.6.2): slices 350 mm wide, 5 mm apart.
fn plane(of: &Instance, set: &mut Dataset) {
    let spacing = 350.0 / f64::from(of.size);
    let z = 900.0 - 5.0 * f64::from(of.number);
    put_all(
        set,
        [
            (tags::FRAME_OF_REFERENCE_UID, of.series.frame_of_reference.as_str()),
            (tags::POSITION_REFERENCE_INDICATOR, "SN"),
            (tags::PIXEL_SPACING, &format!("{spacing:.6}\\{spacing:.6}")),
            (tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\1\\0"),
            (tags::IMAGE_POSITION_PATIENT, &format!("-175\\-175\\{z:.1}")),
            (tags::SLICE_LOCATION, &format!("{z:.1}")),
            (tags::SLICE_THICKNESS, "5"),
            (tags::SPACING_BETWEEN_SLICES, "5"),
            (tags::PATIENT_POSITION, "HFS"),
        ],
    );
}

fn ct(of: &Instance, set: &mut Dataset) {
    image(of, set, "ORIGINAL\\PRIMARY\\AXIAL");
    plane(of, set);
    put_all(
        set,
        [
            (tags::KVP, "120"),
            (tags::RECONSTRUCTION_DIAMETER, "350"),
            (tags::DISTANCE_SOURCE_TO_DETECTOR, "1040"),
            (tags::TABLE_HEIGHT, "152.5"),
            (tags::ROTATION_DIRECTION, "CW"),
            (tags::EXPOSURE_TIME, "500"),
            (tags::X_RAY_TUBE_CURRENT, "180"),
            (tags::EXPOSURE, "90"),
            (tags::FOCAL_SPOTS, "1.2"),
            (tags::CONVOLUTION_KERNEL, "B30f"),
            (tags::SCAN_OPTIONS, "HELICAL"),
            (tags::CONTRAST_BOLUS_AGENT, "Omnipaque 300"),
            (tags::CONTRAST_BOLUS_ROUTE, "IV"),
            (tags::RESCALE_INTERCEPT, "-1024"),
            (tags::RESCALE_SLOPE, "1"),
            (tags::RESCALE_TYPE, "HU"),
            (tags::WINDOW_CENTER, "40\\-600"),
            (tags::WINDOW_WIDTH, "400\\1500"),
            (tags::IRRADIATION_EVENT_UID, &format!("{}.3", of.series.uid)),
        ],
    );
    set.put(Element::bytes_of(tags::SPIRAL_PITCH_FACTOR, VR::FD, 1.2f64.to_le_bytes()));
    set.put(Element::bytes_of(tags::CTD_IVOL, VR::FD, 6.1f64.to_le_bytes()));
}

fn mr(of: &Instance, set: &mut Dataset) {
    image(of, set, "ORIGINAL\\PRIMARY\\M\\ND");
    plane(of, set);
    put_all(
        set,
        [
            (tags::SCANNING_SEQUENCE, "SE"),
            (tags::SEQUENCE_VARIANT, "SK\\OSP"),
            (tags::SCAN_OPTIONS, "CT"),
            (tags::MR_ACQUISITION_TYPE, "2D"),
            (tags::SEQUENCE_NAME, "*tse2d1_5"),
            (tags::ANGIO_FLAG, "N"),
            (tags::REPETITION_TIME, "720"),
            (tags::ECHO_TIME, "11"),
            (tags::ECHO_NUMBERS, "1"),
            (tags::ECHO_TRAIN_LENGTH, "5"),
            (tags::NUMBER_OF_AVERAGES, "1"),
            (tags::IMAGING_FREQUENCY, "63.68"),
            (tags::IMAGED_NUCLEUS, "1H"),
            (tags::MAGNETIC_FIELD_STRENGTH, "1.5"),
            (tags::NUMBER_OF_PHASE_ENCODING_STEPS, "192"),
            (tags::PERCENT_PHASE_FIELD_OF_VIEW, "100"),
            (tags::PIXEL_BANDWIDTH, "220"),
            (tags::TRANSMIT_COIL_NAME, "Body"),
            (tags::IN_PLANE_PHASE_ENCODING_DIRECTION, "ROW"),
            (tags::FLIP_ANGLE, "150"),
            (tags::SAR, "0.9"),
            (tags::WINDOW_CENTER, "900"),
            (tags::WINDOW_WIDTH, "1800"),
        ],
    );
}

fn capture(of: &Instance, set: &mut Dataset) {
    image(of, set, "DERIVED\\SECONDARY\\SCREEN SAVE");
    put_all(
        set,
        [
            (tags::CONVERSION_TYPE, "WSD"),
            (tags::PATIENT_ORIENTATION, ""),
            (tags::DATE_OF_SECONDARY_CAPTURE, &of.study.date.dicom()),
            (tags::TIME_OF_SECONDARY_CAPTURE, "171500"),
            (tags::SECONDARY_CAPTURE_DEVICE_ID, &format!("PC-{}", of.hospital.ods)),
            (tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER, "Workstation Works"),
        ],
    );
}

fn ultrasound(of: &Instance, set: &mut Dataset) {
    image(of, set, "ORIGINAL\\PRIMARY\\ABDOMINAL\\0001");
    put_all(
        set,
        [(tags::PATIENT_ORIENTATION, ""), (tags::TRANSDUCER_TYPE, "CURVED LINEAR"), (tags::HEART_RATE, "88")],
    );
    let mut region = Dataset::new();
    let bounds = [
        (tags::REGION_LOCATION_MIN_X0, 0u16),
        (tags::REGION_LOCATION_MIN_Y0, of.size / 5),
        (tags::REGION_LOCATION_MAX_X1, of.size - 1),
        (tags::REGION_LOCATION_MAX_Y1, of.size - 1),
    ];
    for (tag, value) in bounds {
        region.put(Element::bytes_of(tag, VR::UL, u32::from(value).to_le_bytes()));
    }
    put_us(&mut region, tags::REGION_SPATIAL_FORMAT, 1);
    put_us(&mut region, tags::REGION_DATA_TYPE, 1);
    put_us(&mut region, tags::PHYSICAL_UNITS_X_DIRECTION, 3);
    put_us(&mut region, tags::PHYSICAL_UNITS_Y_DIRECTION, 3);
    region.put(Element::bytes_of(tags::REGION_FLAGS, VR::UL, 2u32.to_le_bytes()));
    region.put(Element::bytes_of(tags::PHYSICAL_DELTA_X, VR::FD, 0.03f64.to_le_bytes()));
    region.put(Element::bytes_of(tags::PHYSICAL_DELTA_Y, VR::FD, 0.03f64.to_le_bytes()));
    put_items(set, tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![region]);
}

fn overlay(of: &Instance, set: &mut Dataset) {
    let group = |element| Tag(0x6000, element);
    for (tag, value) in
        [(group(0x0010), of.size), (group(0x0011), of.size), (group(0x0100), 1), (group(0x0102), 0)]
    {
        put_us(set, tag, value);
    }
    set.put_text(group(0x0022), VR::LO, &format!("Marked by {}", of.person.doctor));
    set.put_text(group(0x0040), VR::CS, "G");
    set.put(Element::bytes_of(group(0x0050), VR::SS, [1, 0, 1, 0]));
    set.put_text(group(0x1500), VR::LO, &of.person.name.family);
    set.put(Element::bytes_of(group(0x3000), VR::OW, phantom::overlay(of.size, &of.banner())));
}

fn annotation(of: &Instance) -> Dataset {
    let mut text = item([
        (tags::UNFORMATTED_TEXT_VALUE, of.banner().join(" ").as_str()),
        (tags::ANCHOR_POINT_VISIBILITY, "Y"),
        (tags::ANCHOR_POINT_ANNOTATION_UNITS, "PIXEL"),
    ]);
    let anchor: Vec<u8> = [12f32, 12.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    text.put(Element::bytes_of(tags::ANCHOR_POINT, VR::FL, anchor));
    let mut annotation = item([(tags::GRAPHIC_LAYER, "NOTES")]);
    put_items(&mut annotation, tags::TEXT_OBJECT_SEQUENCE, vec![text]);
    annotation
}

fn presentation_state(of: &Instance, set: &mut Dataset) {
    put_all(
        set,
        [
            (tags::CONTENT_LABEL, "KEYFINDING"),
            (tags::CONTENT_DESCRIPTION, &format!("marked for {}", of.person.doctor)),
            (tags::CONTENT_CREATOR_NAME, "Tamarquist^Ines^^Dr"),
            (tags::PRESENTATION_CREATION_DATE, &of.study.date.dicom()),
            (tags::PRESENTATION_CREATION_TIME, "174000"),
            (tags::PRESENTATION_LUT_SHAPE, "IDENTITY"),
        ],
    );
    let layer = item([(tags::GRAPHIC_LAYER, "NOTES"), (tags::GRAPHIC_LAYER_ORDER, "1")]);
    put_items(set, tags::GRAPHIC_LAYER_SEQUENCE, vec![layer]);
    put_items(set, tags::GRAPHIC_ANNOTATION_SEQUENCE, vec![annotation(of)]);
    let mut shown = item([(tags::SERIES_INSTANCE_UID, format!("{}.1", of.study.uid).as_str())]);
    let image = reference(sop_class::CT_IMAGE, &format!("{}.1.1", of.study.uid));
    put_items(&mut shown, tags::REFERENCED_IMAGE_SEQUENCE, vec![image]);
    put_items(set, tags::REFERENCED_SERIES_SEQUENCE, vec![shown]);
    let mut area = item([
        (tags::PRESENTATION_SIZE_MODE, "SCALE TO FIT"),
        (tags::PRESENTATION_PIXEL_ASPECT_RATIO, "1\\1"),
    ]);
    for (tag, corner) in [
        (tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, 1i32),
        (tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, i32::from(of.size)),
    ] {
        area.put(Element::bytes_of(tag, VR::SL, [corner.to_le_bytes(), corner.to_le_bytes()].concat()));
    }
    put_items(set, tags::DISPLAYED_AREA_SELECTION_SEQUENCE, vec![area]);
}

fn dose_report(of: &Instance, set: &mut Dataset) {
    put_all(
        set,
        [
            (tags::CONTENT_DATE, of.study.date.dicom().as_str()),
            (tags::CONTENT_TIME, "175500"),
            (tags::COMPLETION_FLAG, "COMPLETE"),
            (tags::VERIFICATION_FLAG, "UNVERIFIED"),
            (tags::VALUE_TYPE, "CONTAINER"),
            (tags::CONTINUITY_OF_CONTENT, "SEPARATE"),
        ],
    );
    put_items(
        set,
        tags::CONCEPT_NAME_CODE_SEQUENCE,
        vec![code("113701", "DCM", "X-Ray Radiation Dose Report")],
    );
    put_items(set, tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new());
    let node = |kind: &str, concept: Dataset| {
        let mut node = item([(tags::RELATIONSHIP_TYPE, "HAS OBS CONTEXT"), (tags::VALUE_TYPE, kind)]);
        put_items(&mut node, tags::CONCEPT_NAME_CODE_SEQUENCE, vec![concept]);
        node
    };
    let mut observer = node("PNAME", code("121008", "DCM", "Person Observer Name"));
    put(&mut observer, tags::PERSON_NAME, "Ledgefold^Rhona");
    let mut subject = node("PNAME", code("121029", "DCM", "Subject Name"));
    put(&mut subject, tags::PERSON_NAME, of.person.name.pn());
    let mut comment = node("TEXT", code("121106", "DCM", "Comment"));
    put(&mut comment, tags::TEXT_VALUE, format!("{} held breath poorly", of.person.name.plain()));
    put_items(set, tags::CONTENT_SEQUENCE, vec![observer, subject, comment]);
}
