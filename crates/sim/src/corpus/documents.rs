//! Reports, presentations, selections, waveforms and encapsulated documents (PS3.3 A.35, A.33, A.34, A.45).

use super::common::tm;
use super::hiding::written;
use super::key::{Fate, Rule};
use super::pixels::{Look, Written};
use super::rules::Answers;
use super::sheet::{Part, Sheet};
use super::{Job, Kind};
use dicom::tag::{VR, tags};
use std::io::Write as _;

const TEXT: &[Part] = &[Part::Useful("CT Thorax")];
const REPORT: &[Part] = &[Part::Useful("Report")];
const DOSE: &[Part] = &[Part::Useful("Dose Report")];
const KEY_IMAGES: &[Part] = &[Part::Useful("Key images")];
const ECG: &[Part] = &[Part::Useful("ECG 12 lead")];

const fn kind(
    name: &'static str,
    sop_class: &'static str,
    modality: &'static str,
    series: &'static [Part],
    build: fn(&mut Job<'_>, &mut Sheet),
    fate: (Fate, &'static str),
) -> Kind {
    let (body, study, look, frames, written) = ("", TEXT, Look::None, 0, Written::Never);
    Kind { name, sop_class, modality, body, study, series, look, frames, written, build, fate }
}

const OPEN: (Fate, &str) = (Fate::CanClean, "");
const DOCUMENT: (Fate, &str) = (Fate::Either, "a document that may be rebuilt or withheld");
const FOREIGN: (Fate, &str) = (Fate::MustHold, "an encapsulated document that nobody can clean");

pub(super) const KINDS: &[Kind] = &[
    kind("basic text SR", "1.2.840.10008.5.1.4.1.1.88.11", "SR", REPORT, text_report, OPEN),
    kind("enhanced SR", "1.2.840.10008.5.1.4.1.1.88.22", "SR", REPORT, measured_report, OPEN),
    kind("comprehensive SR", "1.2.840.10008.5.1.4.1.1.88.33", "SR", REPORT, measured_report, OPEN),
    kind("X-ray dose SR", "1.2.840.10008.5.1.4.1.1.88.67", "SR", DOSE, dose_report, OPEN),
    kind("key objects", "1.2.840.10008.5.1.4.1.1.88.59", "KO", KEY_IMAGES, key_objects, OPEN),
    kind("presentation state", "1.2.840.10008.5.1.4.1.1.11.1", "PR", KEY_IMAGES, presentation, OPEN),
    kind("ECG", "1.2.840.10008.5.1.4.1.1.9.1.1", "ECG", ECG, waveform, OPEN),
    kind("PDF", "1.2.840.10008.5.1.4.1.1.104.1", "DOC", REPORT, pdf, DOCUMENT),
    kind("CDA", "1.2.840.10008.5.1.4.1.1.104.2", "DOC", REPORT, cda, DOCUMENT),
    kind("STL", "1.2.840.10008.5.1.4.1.1.104.3", "M3D", REPORT, stl, FOREIGN),
];

/// What all reports have (PS3.3 C.17.1, C.17.2).
fn document(job: &Job<'_>, sheet: &mut Sheet, title: [&str; 3]) {
    sheet.text("ContentDate", job.visit.date.dicom());
    sheet.text("ContentTime", tm(job.visit.time_s + 600));
    sheet.texts([
        ("CompletionFlag", "COMPLETE"),
        ("VerificationFlag", "VERIFIED"),
        ("ValueType", "CONTAINER"),
    ]);
    sheet.text("ContinuityOfContent", "SEPARATE");
    sheet.code("ConceptNameCodeSequence", title[0], title[1], title[2]);
    let visit = job.visit;
    sheet.items("VerifyingObserverSequence", 1, |_, item| {
        item.text("VerifyingObserverName", "Harrowgarth^Edmund^^Prof");
        item.text("VerifyingOrganization", &visit.site.name);
        item.text("VerificationDateTime", format!("{}{}", visit.date.dicom(), tm(visit.time_s + 700)));
    });
    sheet.items("CurrentRequestedProcedureEvidenceSequence", 1, |_, item| {
        item.text("StudyInstanceUID", &visit.study_uid);
        item.items("ReferencedSeriesSequence", 1, |_, item| {
            item.text("SeriesInstanceUID", format!("{}.1", visit.study_uid));
            item.items("ReferencedSOPSequence", 1, |_, item| {
                item.text("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2");
                item.text("ReferencedSOPInstanceUID", format!("{}.1.1", visit.study_uid));
            });
        });
    });
    sheet.items("PerformedProcedureCodeSequence", 0, |_, _| {});
}

fn content(item: &mut Sheet, relation: &str, kind: &str, concept: [&str; 3]) {
    item.text("RelationshipType", relation);
    item.text("ValueType", kind);
    item.code("ConceptNameCodeSequence", concept[0], concept[1], concept[2]);
}

const SUBJECT: [&str; 3] = ["121029", "DCM", "Subject Name"];
const OBSERVER: [&str; 3] = ["121008", "DCM", "Person Observer Name"];
const FINDING: [&str; 3] = ["121071", "DCM", "Finding"];
const HISTORY: [&str; 3] = ["121060", "DCM", "History"];

/// The header that templates write: subject, observer, dates (TID 1001 to 1006).
fn context(job: &Job<'_>, at: usize, item: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    match at {
        0 => {
            content(item, "HAS OBS CONTEXT", "PNAME", SUBJECT);
            item.text("PersonName", person.name.pn());
        }
        1 => {
            content(item, "HAS OBS CONTEXT", "TEXT", ["121030", "DCM", "Subject ID"]);
            item.said("TextValue", &[Part::Secret(person.nhs_number_spaced())]);
        }
        2 => {
            content(item, "HAS OBS CONTEXT", "PNAME", OBSERVER);
            item.text("PersonName", &person.doctor);
        }
        3 => {
            content(item, "HAS OBS CONTEXT", "DATE", ["121031", "DCM", "Subject Birth Date"]);
            // The date of birth is no date of the course: it is D in the Basic Profile, and no option retains it.
            let answers = Answers::gone();
            item.put_text(tags::DATE, VR::DA, &person.birth.dicom(), "date in sequence", answers);
        }
        4 => {
            content(item, "HAS OBS CONTEXT", "UIDREF", ["121018", "DCM", "Procedure Study Instance UID"]);
            item.text("UID", &visit.study_uid);
        }
        _ => {
            content(item, "HAS OBS CONTEXT", "DATETIME", ["111060", "DCM", "Study Date"]);
            item.text("DateTime", format!("{}{}", visit.date.dicom(), tm(visit.time_s)));
        }
    }
}

/// A sentence of a report: findings, and whom they concern.
fn sentence(job: &Job<'_>, at: usize) -> Vec<Part> {
    let person = &job.visit.person;
    let full = format!("{} {}", person.name.given, person.name.family);
    match at % 3 {
        0 => vec![
            Part::Useful("small nodule right upper lobe"),
            Part::Loose(" in "),
            Part::Secret(full),
            Part::Loose(", "),
            Part::Useful("no pleural effusion"),
            Part::Loose("."),
        ],
        1 => vec![
            Part::Useful("pneumonia"),
            Part::Loose(" since "),
            Part::Secret(written(job.visit.date.plus(-4))),
            Part::Loose("; "),
            Part::Useful("heart size normal"),
            Part::Loose(". Discussed with "),
            Part::Secret(person.doctor.split('^').next().unwrap_or_default().to_owned()),
        ],
        _ => vec![
            Part::Useful("fracture left rib"),
            Part::Loose(", NHS "),
            Part::Secret(person.nhs_number_spaced()),
            Part::Loose(", tel "),
            Part::Secret(person.phone.clone()),
        ],
    }
}

fn text_report(job: &mut Job<'_>, sheet: &mut Sheet) {
    document(job, sheet, ["18748-4", "LN", "Diagnostic imaging study"]);
    let job = &*job;
    sheet.items("ContentSequence", 9, |at, item| match at {
        0..=5 => context(job, at, item),
        _ => {
            content(item, "CONTAINS", "TEXT", FINDING);
            item.said("TextValue", &sentence(job, at));
        }
    });
}

fn measured_report(job: &mut Job<'_>, sheet: &mut Sheet) {
    document(job, sheet, ["126000", "DCM", "Imaging Measurement Report"]);
    let job = &*job;
    sheet.items("ContentSequence", 8, |at, item| match at {
        0..=5 => context(job, at, item),
        6 => {
            content(item, "CONTAINS", "TEXT", HISTORY);
            item.said("TextValue", &sentence(job, 1));
        }
        _ => {
            content(item, "CONTAINS", "CONTAINER", ["125007", "DCM", "Measurement Group"]);
            item.text("ContinuityOfContent", "SEPARATE");
            item.items("ContentSequence", 4, |at, item| measurement(job, at, item));
        }
    });
}

fn measurement(job: &Job<'_>, at: usize, item: &mut Sheet) {
    match at {
        0 => {
            content(item, "CONTAINS", "NUM", ["410668003", "SCT", "Length"]);
            item.items("MeasuredValueSequence", 1, |_, item| {
                item.text("NumericValue", "12.5");
                item.code("MeasurementUnitsCodeSequence", "mm", "UCUM", "millimeter");
            });
        }
        1 => {
            content(item, "CONTAINS", "CODE", FINDING);
            item.code("ConceptCodeSequence", "27925004", "SCT", "Nodule");
        }
        2 => {
            content(item, "CONTAINS", "TEXT", ["121106", "DCM", "Comment"]);
            item.said("TextValue", &sentence(job, 0));
        }
        _ => {
            content(item, "CONTAINS", "IMAGE", ["121191", "DCM", "Referenced Segment"]);
            item.items("ReferencedSOPSequence", 1, |_, item| {
                item.text("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2");
                item.text("ReferencedSOPInstanceUID", format!("{}.1.1", job.visit.study_uid));
            });
        }
    }
}

fn dose_report(job: &mut Job<'_>, sheet: &mut Sheet) {
    document(job, sheet, ["113701", "DCM", "X-Ray Radiation Dose Report"]);
    let job = &*job;
    sheet.items("ContentSequence", 8, |at, item| match at {
        0..=5 => context(job, at, item),
        6 => {
            content(item, "CONTAINS", "CONTAINER", ["113819", "DCM", "CT Acquisition"]);
            item.text("ContinuityOfContent", "SEPARATE");
            item.items("ContentSequence", 2, |at, item| {
                if at == 0 {
                    content(item, "CONTAINS", "UIDREF", ["113769", "DCM", "Irradiation Event UID"]);
                    item.text("UID", format!("{}.6", job.visit.study_uid));
                } else {
                    content(item, "CONTAINS", "NUM", ["113830", "DCM", "Mean CTDIvol"]);
                    item.items("MeasuredValueSequence", 1, |_, item| {
                        item.text("NumericValue", "7.25");
                        item.code("MeasurementUnitsCodeSequence", "mGy", "UCUM", "mGy");
                    });
                }
            });
        }
        _ => {
            content(item, "CONTAINS", "TEXT", ["121106", "DCM", "Comment"]);
            item.said("TextValue", &sentence(job, 2));
        }
    });
}

fn key_objects(job: &mut Job<'_>, sheet: &mut Sheet) {
    document(job, sheet, ["113000", "DCM", "Of Interest"]);
    let job = &*job;
    sheet.items("ContentSequence", 2, |at, item| {
        if at == 0 {
            content(item, "CONTAINS", "TEXT", ["113012", "DCM", "Key Object Description"]);
            item.said("TextValue", &sentence(job, 0));
        } else {
            item.texts([("RelationshipType", "CONTAINS"), ("ValueType", "IMAGE")]);
            item.items("ReferencedSOPSequence", 1, |_, item| {
                item.text("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2");
                item.text("ReferencedSOPInstanceUID", format!("{}.1.1", job.visit.study_uid));
            });
        }
    });
}

fn presentation(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    sheet.texts([("ContentLabel", "KEYFINDING"), ("ContentCreatorName", "Tamarquist^Ines^^Dr")]);
    let description = [Part::Useful("nodule"), Part::Loose(" for "), Part::Secret(visit.site.name.clone())];
    sheet.said("ContentDescription", &description);
    sheet.text("PresentationCreationDate", visit.date.dicom());
    sheet.text("PresentationCreationTime", tm(visit.time_s + 400));
    sheet.text("PresentationLUTShape", "IDENTITY");
    sheet.items("GraphicLayerSequence", 1, |_, item| {
        item.texts([("GraphicLayer", "NOTES"), ("GraphicLayerOrder", "1")]);
    });
    sheet.items("GraphicAnnotationSequence", 1, |_, item| {
        item.text("GraphicLayer", "NOTES");
        item.items("TextObjectSequence", 1, |_, item| {
            let text = [
                Part::Useful("nodule"),
                Part::Loose(" "),
                Part::Secret(person.name.family.clone()),
                Part::Loose(" "),
                Part::Secret(person.nhs_number_spaced()),
            ];
            item.said("UnformattedTextValue", &text);
            item.texts([("AnchorPointVisibility", "Y"), ("AnchorPointAnnotationUnits", "PIXEL")]);
            item.fl("AnchorPoint", &[12.0, 12.0]);
        });
        item.items("GraphicObjectSequence", 1, |_, item| {
            item.texts([
                ("GraphicAnnotationUnits", "PIXEL"),
                ("GraphicType", "POLYLINE"),
                ("GraphicFilled", "N"),
            ]);
            item.us("GraphicDimensions", &[2]);
            item.us("NumberOfGraphicPoints", &[2]);
            item.fl("GraphicData", &[10.0, 10.0, 40.0, 40.0]);
        });
    });
    // Which images it presents is of Type 1 (PS3.3 C.11.11).
    sheet.needed("ReferencedSeriesSequence", 1, |_, item| {
        item.text("SeriesInstanceUID", format!("{}.1", visit.study_uid));
        item.needed("ReferencedImageSequence", 1, |_, item| {
            item.text("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2");
            item.text("ReferencedSOPInstanceUID", format!("{}.1.1", visit.study_uid));
        });
    });
    sheet.items("DisplayedAreaSelectionSequence", 1, |_, item| {
        item.text("PresentationSizeMode", "SCALE TO FIT");
        item.text("PresentationPixelAspectRatio", "1\\1");
        item.sl("DisplayedAreaTopLeftHandCorner", &[1, 1]);
        item.sl("DisplayedAreaBottomRightHandCorner", &[512, 512]);
    });
}

fn waveform(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, number) = (job.visit, job.number);
    sheet.text("ContentDate", visit.date.dicom());
    sheet.text("ContentTime", tm(visit.time_s + 20));
    sheet.text("AcquisitionDateTime", format!("{}{}", visit.date.dicom(), tm(visit.time_s)));
    let job = &*job;
    sheet.items("WaveformAnnotationSequence", 3, |at, item| match at {
        0 => {
            item.said("UnformattedTextValue", &sentence(job, 1));
            item.us("AnnotationGroupNumber", &[1]);
        }
        1 => {
            item.said("UnformattedTextValue", &[Part::Useful("Sinus rhythm")]);
            item.us("AnnotationGroupNumber", &[2]);
        }
        _ => {
            item.code("ConceptNameCodeSequence", "8867-4", "LN", "Heart rate");
            item.text("NumericValue", "71");
            item.us("AnnotationGroupNumber", &[3]);
        }
    });
    sheet.items("WaveformSequence", 1, |_, item| {
        item.text("WaveformOriginality", "ORIGINAL");
        item.us("NumberOfWaveformChannels", &[1]);
        item.ul("NumberOfWaveformSamples", &[64]);
        item.text("SamplingFrequency", "500");
        item.text("MultiplexGroupLabel", "RHYTHM");
        item.us("WaveformBitsAllocated", &[16]);
        item.text("WaveformSampleInterpretation", "SS");
        item.items("ChannelDefinitionSequence", 1, |_, item| {
            item.text("ChannelLabel", "Lead II");
            item.us("WaveformBitsStored", &[16]);
            item.code("ChannelSourceSequence", "5.6.3-9-2", "SCPECG", "Lead II");
        });
        let samples: Vec<u8> = (0..64u32)
            .flat_map(|n| u16::try_from((n * 37 + number) % 997).unwrap_or(0).to_le_bytes())
            .collect();
        item.bytes("WaveformData", VR::OW, &samples);
    });
}

/// What all encapsulated documents have (PS3.3 C.24.2).
fn encapsulated(job: &Job<'_>, sheet: &mut Sheet, kind: &str, payload: &[u8]) {
    let visit = job.visit;
    sheet.text("ContentDate", visit.date.dicom());
    sheet.text("ContentTime", tm(visit.time_s + 900));
    sheet.text("AcquisitionDateTime", format!("{}{}", visit.date.dicom(), tm(visit.time_s)));
    sheet.text("BurnedInAnnotation", "YES");
    sheet.said(
        "DocumentTitle",
        &[Part::Useful("Report"), Part::Loose(" "), Part::Secret(visit.person.name.family.clone())],
    );
    sheet.text("MIMETypeOfEncapsulatedDocument", kind);
    sheet.code("ConceptNameCodeSequence", "18748-4", "LN", "Diagnostic imaging study");
    let mut payload = payload.to_vec();
    if payload.len() % 2 == 1 {
        payload.push(0);
    }
    let answers =
        Answers { research: Some(Rule::Gone { present: false }), basic: Some(Rule::Gone { present: false }) };
    sheet.put_bytes(tags::ENCAPSULATED_DOCUMENT, VR::OB, &payload, "document", answers);
}

fn pdf(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let name = person.name.plain();
    let shown = format!("BT /F1 12 Tf 40 700 Td ({name}, NHS {}) Tj ET", person.nhs_number_spaced());
    // Every other one is compressed, so that a search of the bytes finds nothing unless it looks inside.
    let compressed = job.number.is_multiple_of(2);
    let stream = if compressed { deflated(shown.as_bytes()) } else { shown.clone().into_bytes() };
    let filter = if compressed { " /Filter /FlateDecode" } else { "" };
    let mut out = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n".to_vec();
    out.extend(b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n");
    out.extend(b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>\nendobj\n");
    out.extend(format!("4 0 obj\n<< /Length {}{filter} >>\nstream\n", stream.len()).bytes());
    out.extend(stream);
    out.extend(b"\nendstream\nendobj\n");
    out.extend(
        format!("5 0 obj\n<< /Author ({}) /Title (Report of {name}) >>\nendobj\n", person.doctor).bytes(),
    );
    out.extend(b"trailer\n<< /Root 1 0 R /Info 5 0 R /Size 6 >>\n%%EOF\n");
    encapsulated(job, sheet, "application/pdf", &out);
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut deflater = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    // A Vec takes all bytes.
    deflater.write_all(bytes).and_then(|()| deflater.finish()).unwrap_or_default()
}

fn cda(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"><recordTarget><patientRole>\
         <id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"{}\"/><addr>{}, {}</addr><patient><name><given>{}</given>\
         <family>{}</family></name><birthTime value=\"{}\"/></patient></patientRole></recordTarget><component>\
         <text>Small nodule in the right upper lobe.</text></component></ClinicalDocument>",
        person.nhs_number,
        person.street,
        person.town,
        person.name.given,
        person.name.family,
        person.birth.dicom()
    );
    encapsulated(job, sheet, "text/XML", document.as_bytes());
}

fn stl(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let solid = format!("solid {} {}", person.name.family, person.nhs_number);
    let mut out = solid.into_bytes();
    out.resize(80, b' ');
    out.extend(0u32.to_le_bytes());
    encapsulated(job, sheet, "model/stl", &out);
}
