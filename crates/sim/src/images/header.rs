//! The modules that every instance has: patient, study, series, equipment, SOP common (PS3.3 C.7, C.12).
#![expect(deprecated, reason = "archives still hold attributes that the standard has retired")]

use super::{Instance, Kind, Maker, NhsNumberIn, Oddity};
use dicom::dataset::{Dataset, Element};
use dicom::tag::{self, Tag, VR, tags};

/// Puts text under the dictionary's value representation.
pub(super) fn put(set: &mut Dataset, tag: Tag, text: impl AsRef<str>) {
    let vr = tag::entry(tag).map_or(VR::UN, |entry| entry.vr);
    set.put_text(tag, vr, text.as_ref());
}

/// Puts several text elements.
pub(super) fn put_all<const N: usize>(set: &mut Dataset, pairs: [(Tag, &str); N]) {
    for (tag, text) in pairs {
        put(set, tag, text);
    }
}

/// Puts an unsigned short.
pub(super) fn put_us(set: &mut Dataset, tag: Tag, value: u16) {
    set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
}

/// Puts a sequence.
pub(super) fn put_items(set: &mut Dataset, tag: Tag, items: Vec<Dataset>) {
    set.put(Element::items_of(tag, items));
}

/// A data set of text elements.
pub(super) fn item<const N: usize>(pairs: [(Tag, &str); N]) -> Dataset {
    let mut set = Dataset::new();
    put_all(&mut set, pairs);
    set
}

/// A code sequence item (PS3.3 §8).
pub(super) fn code(value: &str, scheme: &str, meaning: &str) -> Dataset {
    item([(tags::CODE_VALUE, value), (tags::CODING_SCHEME_DESIGNATOR, scheme), (tags::CODE_MEANING, meaning)])
}

/// A reference to an instance (PS3.3 Table 10-11).
pub(super) fn reference(class: &str, instance: &str) -> Dataset {
    item([(tags::REFERENCED_SOP_CLASS_UID, class), (tags::REFERENCED_SOP_INSTANCE_UID, instance)])
}

/// A TM value.
pub(super) fn tm(seconds: u32) -> String {
    let s = seconds % 86_400;
    format!("{:02}{:02}{:02}.{:03}000", s / 3_600, s / 60 % 60, s % 60, s * 7 % 1_000)
}

/// All modules that do not depend on the modality.
pub(super) fn common(of: &Instance) -> Dataset {
    let mut set = Dataset::new();
    sop_common(of, &mut set);
    patient(of, &mut set);
    patient_study(of, &mut set);
    study(of, &mut set);
    series(of, &mut set);
    request(of, &mut set);
    equipment(of, &mut set);
    set
}

fn sop_common(of: &Instance, set: &mut Dataset) {
    let date = of.study.date.dicom();
    let time = tm(of.study.time_s + 90 + of.number);
    put_all(
        set,
        [
            (tags::SOP_CLASS_UID, of.sop_class()),
            (tags::SOP_INSTANCE_UID, &of.uid),
            (tags::INSTANCE_CREATION_DATE, &date),
            (tags::INSTANCE_CREATION_TIME, &time),
            (tags::INSTANCE_CREATOR_UID, "1.3.6.1.4.1.99999.3.1"),
            (tags::INSTANCE_NUMBER, &of.number.to_string()),
            (tags::TIMEZONE_OFFSET_FROM_UTC, "+0000"),
        ],
    );
    let mut contributor = item([
        (tags::MANUFACTURER, "Routing Works"),
        (tags::INSTITUTION_NAME, &of.hospital.name),
        (tags::STATION_NAME, &format!("{}GATE", of.hospital.ods)),
        (tags::OPERATORS_NAME, &of.person.doctor),
        (tags::CONTRIBUTION_DESCRIPTION, &format!("Sent for {}", of.person.name.plain())),
        (tags::CONTRIBUTION_DATE_TIME, &format!("{date}{time}")),
    ]);
    put_items(
        &mut contributor,
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        vec![code("109103", "DCM", "Modifying Equipment")],
    );
    put_items(set, tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![contributor]);
}

fn patient(of: &Instance, set: &mut Dataset) {
    let person = &of.person;
    let (id, issuer) = of.patient_id();
    put_all(
        set,
        [
            (tags::PATIENT_NAME, person.name.pn().as_str()),
            (tags::PATIENT_ID, &id),
            (tags::PATIENT_BIRTH_DATE, &person.birth.dicom()),
            (tags::PATIENT_BIRTH_TIME, "034100"),
            (tags::PATIENT_SEX, person.sex.code()),
            (tags::OTHER_PATIENT_NAMES, &format!("{}^{}", person.mother, person.name.given)),
            (tags::PATIENT_BIRTH_NAME, &format!("{}^{}", person.mother, person.name.given)),
            (tags::PATIENT_MOTHER_BIRTH_NAME, &format!("{}^Ada", person.mother)),
            (tags::PATIENT_ADDRESS, &format!("{}, {}", person.street, person.town)),
            (tags::PATIENT_TELEPHONE_NUMBERS, &person.phone),
            (tags::COUNTRY_OF_RESIDENCE, "GB"),
            (tags::REGION_OF_RESIDENCE, &person.town),
            (tags::ETHNIC_GROUP, "A"),
            (tags::INSURANCE_PLAN_IDENTIFICATION, &format!("PLAN {}", person.nhs_number)),
        ],
    );
    if !issuer.is_empty() {
        put(set, tags::ISSUER_OF_PATIENT_ID, &issuer);
        put_items(
            set,
            tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
            vec![item([
                (tags::UNIVERSAL_ENTITY_ID, "2.16.840.1.113883.2.1.4.1"),
                (tags::UNIVERSAL_ENTITY_ID_TYPE, "ISO"),
            ])],
        );
    }
    other_ids(of, set);
    // A standard element written as UN, as old routers do.
    let comment = format!("Known to ward as {}; tel. {}", person.name.plain(), person.phone);
    set.put(Element::bytes_of(tags::PATIENT_COMMENTS, VR::UN, comment.as_bytes()));
}

fn other_ids(of: &Instance, set: &mut Dataset) {
    let person = &of.person;
    let other = |id: &str, issuer: &str| {
        item([
            (tags::PATIENT_ID, id),
            (tags::ISSUER_OF_PATIENT_ID, issuer),
            (tags::TYPE_OF_PATIENT_ID, "TEXT"),
        ])
    };
    match of.hospital.nhs_number {
        NhsNumberIn::PatientId => {
            if let Some(local) = person.local_id(&of.hospital.issuer) {
                put_items(set, tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![other(local, &of.hospital.issuer)]);
            }
        }
        NhsNumberIn::OtherPatientIds => put(set, tags::OTHER_PATIENT_I_DS, &person.nhs_number),
        NhsNumberIn::OtherPatientIdsSequence => {
            let old = format!("OLD{}", &person.nhs_number[3..9]);
            let items =
                vec![other(&old, &format!("{} PAS", of.hospital.ods)), other(&person.nhs_number, "NHS")];
            put_items(set, tags::OTHER_PATIENT_I_DS_SEQUENCE, items);
        }
        NhsNumberIn::Nowhere => {}
    }
}

fn patient_study(of: &Instance, set: &mut Dataset) {
    let age = of.person.birth.years_until(of.study.date);
    put_all(
        set,
        [
            (tags::PATIENT_AGE, format!("{age:03}Y").as_str()),
            (tags::PATIENT_SIZE, "1.71"),
            (tags::PATIENT_WEIGHT, "74.5"),
            (tags::OCCUPATION, "lock keeper"),
            (tags::SMOKING_STATUS, "NO"),
            (tags::MEDICAL_ALERTS, "none known"),
            (tags::ALLERGIES, "penicillin"),
            (tags::ADDITIONAL_PATIENT_HISTORY, &format!("Cough for 9 days. GP {}", of.person.doctor)),
            (tags::ADMITTING_DIAGNOSES_DESCRIPTION, &format!("{}: ?pneumonia", of.person.name.family)),
            (tags::ADMISSION_ID, &format!("ADM{}", &of.study.id)),
            (tags::ADMITTING_DATE, &of.study.date.plus(-1).dicom()),
            (tags::CURRENT_PATIENT_LOCATION, "Ward 7, bed 3"),
        ],
    );
}

fn study(of: &Instance, set: &mut Dataset) {
    let study = &of.study;
    put_all(
        set,
        [
            (tags::STUDY_INSTANCE_UID, study.uid.as_str()),
            (tags::STUDY_DATE, &study.date.dicom()),
            (tags::STUDY_TIME, &tm(study.time_s)),
            (tags::ACCESSION_NUMBER, &study.accession),
            (tags::STUDY_ID, &study.id),
            (tags::STUDY_DESCRIPTION, &study.description),
            (tags::REFERRING_PHYSICIAN_NAME, &of.person.doctor),
            (tags::REFERRING_PHYSICIAN_ADDRESS, "The Surgery, Oldmere"),
            (tags::REFERRING_PHYSICIAN_TELEPHONE_NUMBERS, "01632 960999"),
            (tags::PHYSICIANS_OF_RECORD, "Harrowgarth^Edmund^^Prof"),
            (tags::NAME_OF_PHYSICIANS_READING_STUDY, "Tamarquist^Ines^^Dr"),
            (tags::REASON_FOR_STUDY, &format!("?COVID in {}", of.person.name.plain())),
            (tags::REQUESTING_PHYSICIAN, &of.person.doctor),
            (tags::REQUESTING_SERVICE, "Emergency"),
        ],
    );
    let issuer = item([(tags::LOCAL_NAMESPACE_ENTITY_ID, of.hospital.accession_prefix.as_str())]);
    put_items(set, tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE, vec![issuer]);
    let mut referrer = item([
        (tags::INSTITUTION_NAME, "The Surgery, Oldmere"),
        (tags::PERSON_ADDRESS, "3 Oldmere Row"),
        (tags::PERSON_TELEPHONE_NUMBERS, "01632 960999"),
    ]);
    put_items(
        &mut referrer,
        tags::PERSON_IDENTIFICATION_CODE_SEQUENCE,
        vec![code("G9912345", "99GMC", &of.person.doctor)],
    );
    put_items(set, tags::REFERRING_PHYSICIAN_IDENTIFICATION_SEQUENCE, vec![referrer]);
    let earlier = format!("{}.77", study.uid);
    put_items(set, tags::REFERENCED_STUDY_SEQUENCE, vec![reference("1.2.840.10008.3.1.2.3.1", &earlier)]);
    put_items(
        set,
        tags::PROCEDURE_CODE_SEQUENCE,
        vec![code(&format!("P{}", of.study.id), "99RIS", &study.description)],
    );
    put_items(
        set,
        tags::REASON_FOR_PERFORMED_PROCEDURE_CODE_SEQUENCE,
        vec![code("49727002", "SCT", "Cough")],
    );
}

fn series(of: &Instance, set: &mut Dataset) {
    let (series, study) = (&of.series, &of.study);
    let time = tm(study.time_s + 30 * series.number);
    put_all(
        set,
        [
            (tags::MODALITY, series.kind.modality()),
            (tags::SERIES_INSTANCE_UID, &series.uid),
            (tags::SERIES_NUMBER, &series.number.to_string()),
            (tags::SERIES_DATE, &study.date.dicom()),
            (tags::SERIES_TIME, &time),
            (tags::SERIES_DESCRIPTION, &format!("{} {}", series.description, of.person.name.family)),
            (tags::OPERATORS_NAME, "Ledgefold^Rhona"),
            (tags::PERFORMING_PHYSICIAN_NAME, "Ivelmantle^Tom^^Dr"),
            (tags::PROTOCOL_NAME, &series.description),
            (tags::PERFORMED_PROCEDURE_STEP_START_DATE, &study.date.dicom()),
            (tags::PERFORMED_PROCEDURE_STEP_START_TIME, &tm(study.time_s)),
            (tags::PERFORMED_PROCEDURE_STEP_ID, &format!("PPS{}", study.id)),
            (
                tags::PERFORMED_PROCEDURE_STEP_DESCRIPTION,
                &format!("{} for {}", study.description, of.person.doctor),
            ),
            (
                tags::COMMENTS_ON_THE_PERFORMED_PROCEDURE_STEP,
                &format!("{} could not stand", of.person.name.plain()),
            ),
        ],
    );
    let body_part = study.body_part.filter(|_| of.oddity != Some(Oddity::UnknownBodyPart));
    if !matches!(series.kind, Kind::DoseReport | Kind::PresentationState) {
        put(set, tags::BODY_PART_EXAMINED, body_part.unwrap_or(""));
    }
    let mut operator = item([(tags::INSTITUTION_NAME, of.hospital.name.as_str())]);
    put_items(
        &mut operator,
        tags::PERSON_IDENTIFICATION_CODE_SEQUENCE,
        vec![code("RA4711", "99HCPC", "Ledgefold^Rhona")],
    );
    put_items(set, tags::OPERATOR_IDENTIFICATION_SEQUENCE, vec![operator]);
    let step = format!("{}.88", study.uid);
    put_items(
        set,
        tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
        vec![reference("1.2.840.10008.3.1.2.3.3", &step)],
    );
    put_items(
        set,
        tags::PERFORMED_PROTOCOL_CODE_SEQUENCE,
        vec![code("VIEW1", "99LOCAL", &series.description)],
    );
}

/// Request attributes, two levels deep (PS3.3 Table 10-9).
fn request(of: &Instance, set: &mut Dataset) {
    let study = &of.study;
    let order = format!("ORD{}", study.id);
    let mut request = item([
        (tags::REQUESTED_PROCEDURE_ID, order.as_str()),
        (tags::ACCESSION_NUMBER, &study.accession),
        (tags::STUDY_INSTANCE_UID, &study.uid),
        (tags::REQUESTED_PROCEDURE_DESCRIPTION, &study.description),
        (tags::SCHEDULED_PROCEDURE_STEP_ID, "SPS1"),
        (
            tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
            &format!("{} {}", study.description, of.person.name.family),
        ),
        (tags::REASON_FOR_THE_REQUESTED_PROCEDURE, &format!("Patient of {}", of.person.doctor)),
    ]);
    let mut protocol = code("P5-100", "99LOCAL", "Standard");
    let lives = format!("lives at {}", of.person.street);
    let mut context = item([(tags::TEXT_VALUE, lives.as_str()), (tags::VALUE_TYPE, "TEXT")]);
    put_items(&mut context, tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code("121106", "DCM", "Comment")]);
    put_items(&mut protocol, tags::PROTOCOL_CONTEXT_SEQUENCE, vec![context]);
    put_items(&mut request, tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE, vec![protocol]);
    put_items(
        &mut request,
        tags::REQUESTED_PROCEDURE_CODE_SEQUENCE,
        vec![code("X1", "99RIS", &study.description)],
    );
    put_items(set, tags::REQUEST_ATTRIBUTES_SEQUENCE, vec![request]);
    put_all(
        set,
        [
            (tags::REQUESTED_PROCEDURE_DESCRIPTION, study.description.as_str()),
            (tags::REQUESTED_PROCEDURE_ID, &order),
            (tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST, &format!("PL{}", study.accession)),
            (tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST, &format!("FI{}", study.accession)),
            (tags::IMAGING_SERVICE_REQUEST_COMMENTS, &format!("ring {} with result", of.person.phone)),
        ],
    );
}

fn equipment(of: &Instance, set: &mut Dataset) {
    let hospital = &of.hospital;
    let (maker, model) = maker_and_model(hospital.maker, of.series.kind);
    put_all(
        set,
        [
            (tags::MANUFACTURER, maker),
            (tags::MANUFACTURER_MODEL_NAME, model),
            (tags::STATION_NAME, format!("{}R{}", hospital.ods, of.series.number).as_str()),
            (tags::INSTITUTIONAL_DEPARTMENT_NAME, "Radiology, East Wing"),
            (tags::DEVICE_SERIAL_NUMBER, &format!("SN-{}-0042", hospital.ods)),
            (tags::SOFTWARE_VERSIONS, "VA30A_03\\SP2"),
            (tags::DEVICE_UID, "1.3.6.1.4.1.99999.5.42"),
            (tags::GANTRY_ID, &format!("{} gantry", hospital.ods)),
            (tags::DATE_OF_LAST_CALIBRATION, &of.study.date.plus(-12).dicom()),
        ],
    );
    if of.oddity != Some(Oddity::Unattributed) {
        put_all(
            set,
            [
                (tags::INSTITUTION_NAME, hospital.name.as_str()),
                (tags::INSTITUTION_ADDRESS, &hospital.address),
            ],
        );
        let institution = code(&hospital.ods, "99ODS", &hospital.name);
        put_items(set, tags::INSTITUTION_CODE_SEQUENCE, vec![institution]);
    }
}

/// Manufacturer and model.
fn maker_and_model(maker: Maker, kind: Kind) -> (&'static str, &'static str) {
    let stack = matches!(kind, Kind::Ct | Kind::SecondaryCapture | Kind::DoseReport);
    match (maker, stack, kind) {
        (Maker::Siemens, true, _) => ("SIEMENS", "Simulated Definition"),
        (Maker::Siemens, _, Kind::Mr) => ("SIEMENS", "Simulated Aera"),
        (Maker::Siemens, ..) => ("SIEMENS", "Simulated Ysio"),
        (Maker::Ge, true, _) => ("GE MEDICAL SYSTEMS", "Simulated Revolution"),
        (Maker::Ge, ..) => ("GE MEDICAL SYSTEMS", "Simulated Optima"),
        (Maker::Philips, true, _) => ("Philips", "Simulated Ingenuity"),
        (Maker::Philips, ..) => ("Philips", "Simulated DigitalDiagnost"),
        (Maker::Fuji, ..) => ("FUJIFILM Corporation", "Simulated FDR"),
    }
}
