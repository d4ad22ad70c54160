//! Hiding places that have nothing to do with what kind of object it is: private elements, UN and wrong value representations,
//! overlays and curves, icons, padding, file meta information, deep nesting, retired and listed attributes of every kind.

#![expect(deprecated, reason = "archives still hold attributes that the standard has retired")]

use super::Job;
use super::common::tm;
use super::key::Rule;
use super::rules::{Answers, TABLE};
use super::sheet::{Part, Sheet, plain};
use crate::calendar::Day;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{self, Tag, VR, tags};

/// Adds a sample of them: no object has all, the corpus as a whole has each many times. A third of the objects are nearly plain.
pub(super) fn add(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (attributes, one_in) = [(2, 24), (8, 6), (14, 3)][usize::try_from(job.random.below(3)).unwrap_or(0)];
    listed(job, sheet, attributes);
    private(job, sheet);
    let planters: [fn(&mut Job<'_>, &mut Sheet); 10] = [
        wrong_representation,
        over_long,
        overlay,
        curve,
        icon,
        deep,
        uids_as_text,
        unusual_values,
        unlisted_text,
        unknown_elements,
    ];
    for planter in planters {
        if job.random.below(one_in) == 0 {
            planter(job, sheet);
        }
    }
}

/// Attributes of Table E.1-1, whichever: makers and archives put them anywhere.
fn listed(job: &mut Job<'_>, sheet: &mut Sheet, count: u32) {
    let mut rows: Vec<Tag> = TABLE.keys().copied().collect();
    rows.sort();
    for _ in 0..count {
        let tag = job.random.pick(&rows);
        let Some(entry) = tag::entry(tag) else { continue };
        // Elements of commands, file meta information and directories stand elsewhere; signatures are said to be removed whole.
        if matches!(tag.0, 0 | 2 | 4 | 0xFFFA | 0xFFFC) || !sheet.lacks(tag) || LEFT_OUT.contains(&tag) {
            continue;
        }
        plant(job, sheet, tag, entry.vr);
    }
}

/// Bulk values and what other parts of the corpus plant with more care.
const LEFT_OUT: &[Tag] = &[
    tags::ENCAPSULATED_DOCUMENT,
    tags::ICON_IMAGE_SEQUENCE,
    tags::CONTENT_SEQUENCE,
    tags::GRAPHIC_ANNOTATION_SEQUENCE,
    tags::PALETTE_COLOR_LOOKUP_TABLE_UID,
    tags::LARGE_PALETTE_COLOR_LOOKUP_TABLE_UID,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    // What they mean depends on the object: planted bare, they would say that something is wrong with it.
    tags::FRAME_OF_REFERENCE_UID,
    tags::OTHER_PATIENT_I_DS,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::ISSUER_OF_PATIENT_ID,
    tags::SOURCE_IMAGE_SEQUENCE,
    tags::REFERENCED_IMAGE_SEQUENCE,
];

fn plant(job: &mut Job<'_>, sheet: &mut Sheet, tag: Tag, vr: VR) {
    let (visit, person) = (job.visit, &job.visit.person);
    let keyword = tag::entry(tag).map_or("", |entry| entry.keyword);
    let descriptor = TABLE.get(&tag).is_some_and(super::rules::cleaned);
    let text = match vr {
        VR::DA => visit.date.plus(-3).dicom(),
        VR::TM => tm(visit.time_s + 5),
        VR::DT => format!("{}{}", visit.date.plus(-2).dicom(), tm(visit.time_s)),
        VR::UI => format!("{}.{}", visit.study_uid, 100 + job.random.below(900)),
        VR::PN => format!("{}^{}", person.name.family, person.name.given),
        VR::AS => "064Y".into(),
        // Where devices keep their identity, an AE title that names the hospital is still to be cleaned (C).
        VR::AE => visit.site.issuer.clone(),
        VR::CS => coded(keyword).into(),
        VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC if descriptor => {
            let parts = [
                Part::Useful("chest"),
                Part::Loose(" "),
                Part::Secret(person.name.family.clone()),
                Part::Loose(" "),
                Part::Useful("axial"),
            ];
            return sheet.said(keyword, &parts);
        }
        VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC if job.kept_device(tag) => "UNIT 4711".into(),
        VR::SH | VR::LO => person.nhs_number.clone(),
        VR::ST | VR::LT | VR::UT | VR::UC => format!("seen by {}", person.doctor.replace('^', " ")),
        VR::UR => format!("http://pacs.example/{}", visit.accession),
        VR::OB | VR::UN => {
            let bytes = person.nhs_number.as_bytes();
            return sheet.put_bytes(tag, VR::OB, bytes, "listed attribute", Answers::gone());
        }
        VR::SQ => {
            return sheet.items(keyword, 1, |_, item| {
                item.text("PatientName", person.name.pn());
                item.text("InstitutionName", &visit.site.name);
                item.text("AccessionNumber", &visit.accession);
            });
        }
        VR::DS | VR::IS => "17".into(),
        VR::FD => return sheet.fd(keyword, &[51.5007]),
        VR::US => return sheet.us(keyword, &[1]),
        _ => return,
    };
    sheet.text(keyword, text);
}

/// A defined term of an attribute.
fn coded(keyword: &str) -> &'static str {
    match keyword {
        "PatientSexNeutered" => "ALTERED",
        "ReasonForTheAttributeModification" => "COERCE",
        "SmokingStatus" => "NO",
        _ => "UNIT4711",
    }
}

/// Private blocks: two that the standard's table says are safe (PS3.15 Table E.3.10-1), and others that nobody vouches for.
fn private(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    let safe = |sheet: &mut Sheet, tag: Tag, vr: VR, value: &str| {
        let answers = Answers { research: Some(Rule::Keep), basic: Some(Rule::Gone { present: false }) };
        sheet.put_text(tag, vr, value, "safe private", answers);
    };
    let creator = |sheet: &mut Sheet, group: u16, name: &str| {
        sheet.set.put(Element::text_of(Tag(group, 0x0010), VR::LO, name));
    };
    let unsafe_text = |sheet: &mut Sheet, tag: Tag, vr: VR, value: &str| {
        sheet.put_text(tag, vr, value, "private", Answers::gone());
    };
    match visit.site.number % 4 {
        0 => {
            creator(sheet, 0x0019, "SIEMENS MR HEADER");
            safe(sheet, Tag(0x0019, 0x100C), VR::IS, "800");
            creator(sheet, 0x0029, "SIEMENS CSA HEADER");
            let blob = format!("SV10\u{4}PatientsName\0\0{}\0ID {}", person.name.family, person.nhs_number);
            sheet.put_bytes(Tag(0x0029, 0x1010), VR::OB, blob.as_bytes(), "private", Answers::gone());
            unsafe_text(sheet, Tag(0x0029, 0x1009), VR::LO, &visit.date.dicom());
        }
        1 => {
            creator(sheet, 0x0043, "GEMS_PARM_01");
            safe(sheet, Tag(0x0043, 0x106F), VR::DS, "0.5\\1.5\\2.5");
            creator(sheet, 0x0009, "GEMS_IDEN_01");
            unsafe_text(sheet, Tag(0x0009, 0x1002), VR::SH, visit.local());
            unsafe_text(sheet, Tag(0x0009, 0x10E3), VR::UI, &format!("{}.5", visit.study_uid));
        }
        2 => {
            creator(sheet, 0x7053, "Philips PET Private Group");
            safe(sheet, Tag(0x7053, 0x1000), VR::DS, "0.000512");
            creator(sheet, 0x2001, "Philips Imaging DD 001");
            unsafe_text(sheet, Tag(0x2001, 0x10C8), VR::LO, &format!("Exam of {}", person.name.family));
            sheet.doomed(Tag(0x2001, 0x1080), 1, |_, item| {
                item.text("PatientName", person.name.pn());
                item.text("PatientID", &person.nhs_number);
            });
        }
        _ => {
            creator(sheet, 0x01F1, "ELSCINT1");
            safe(sheet, Tag(0x01F1, 0x1027), VR::DS, "0.75");
            unsafe_text(sheet, Tag(0x01F1, 0x1040), VR::SH, &visit.accession);
            // A creator with an identifier in its name, and an element that has no creator at all.
            creator(sheet, 0x0099, &format!("ROUTER {}", person.nhs_number));
            unsafe_text(sheet, Tag(0x0099, 0x1001), VR::LO, &person.name.family);
            unsafe_text(sheet, Tag(0x0031, 0x1020), VR::LO, &person.nhs_number_spaced());
        }
    }
}

/// Values under a representation that is not theirs.
fn wrong_representation(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    let category = "wrong value representation";
    let family = person.name.family.clone();
    let text = [Part::Useful("contrast"), Part::Loose(" for "), Part::Secret(family)];
    sheet.said_at(tags::IMAGE_COMMENTS, VR::UT, &text, category);
    sheet.put_text(tags::MEDICAL_RECORD_LOCATOR, VR::UN, &person.nhs_number, category, Answers::gone());
    sheet.put_text(tags::OTHER_PATIENT_NAMES, VR::LO, &person.name.pn(), category, Answers::gone());
    // A number, a code and an age that are a name, a number and an address.
    sheet.put_text(tags::TABLE_HEIGHT, VR::DS, &person.nhs_number, category, Answers::gone());
    let name = person.name.family.to_uppercase();
    if name.is_ascii() {
        sheet.put_text(tags::SCAN_OPTIONS, VR::CS, &name, category, Answers::gone());
    }
    sheet.put_text(tags::FILTER_TYPE, VR::SH, &visit.accession, category, Answers::gone());
}

/// Values longer than their representation allows (LO 64, SH 16, PN 64 per group).
fn over_long(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    let long = format!(
        "{} {}, {}, {}, {}, formerly known elsewhere",
        person.name.given, person.name.family, person.street, person.town, visit.site.name
    );
    let answers = Answers::gone;
    sheet.put_text(tags::PATIENT_ADDRESS, VR::LO, &long, "over-long value", answers());
    sheet.put_text(
        tags::ADMISSION_ID,
        VR::LO,
        &format!("{:0>90}", visit.local()),
        "over-long value",
        answers(),
    );
    let parts = [
        Part::Useful("CHEST"),
        Part::Loose(" "),
        Part::Secret(visit.site.name.clone()),
        Part::Loose(" requested on a form that allowed far more than is allowed here, by "),
        Part::Secret(person.doctor.split('^').next().unwrap_or_default().to_owned()),
    ];
    sheet.said_at(tags::REQUESTED_PROCEDURE_DESCRIPTION, VR::LO, &parts, "over-long value");
}

/// Overlay planes (PS3.3 C.9.2): one with a name in it and texts of its own, and on some pictures another with a drawn line only.
fn overlay(job: &mut Job<'_>, sheet: &mut Sheet) {
    if !job.kind.has_pixels() {
        return;
    }
    let person = &job.visit.person;
    let lines = [person.name.family.clone(), person.nhs_number_spaced()];
    let bits = crate::images::phantom::overlay(job.size, &lines);
    let texts = [
        (0x0022, VR::LO, format!("marks {}", person.name.family)),
        (0x1500, VR::LO, person.nhs_number.clone()),
        (0x4000, VR::LT, person.name.plain()),
    ];
    plane(job, sheet, 0x6000);
    sheet.put_bytes(Tag(0x6000, 0x3000), VR::OW, &bits, "overlay", Answers::gone());
    for (element, vr, text) in texts {
        sheet.put_text(Tag(0x6000, element), vr, &text, "overlay", Answers::gone());
    }
    if job.random.below(2) == 0 {
        plane(job, sheet, 0x6002);
        // Drawn, not written: Clean Graphics keeps what identifies nobody (PS3.15 E.3.3).
        let answers = Answers { research: Some(Rule::Keep), basic: Some(Rule::Gone { present: false }) };
        sheet.put_bytes(Tag(0x6002, 0x3000), VR::OW, &outline(job.size), "drawn overlay", answers);
    }
}

/// What every overlay plane says of itself.
fn plane(job: &Job<'_>, sheet: &mut Sheet, group: u16) {
    let size = job.size.to_le_bytes();
    for (element, vr, bytes) in [
        (0x0010, VR::US, size.as_slice()),
        (0x0011, VR::US, &size),
        (0x0040, VR::CS, b"G "),
        (0x0050, VR::SS, &[1, 0, 1, 0]),
        (0x0100, VR::US, &[1, 0]),
        (0x0102, VR::US, &[0, 0]),
    ] {
        sheet.set.put(Element::bytes_of(Tag(group, element), vr, bytes));
    }
}

/// A circle around the middle, as somebody draws around a finding.
fn outline(size: u16) -> Vec<u8> {
    let size = usize::from(size);
    let (middle, radius) = (size / 2, size / 4);
    let mut bits = vec![0u8; (size * size).div_ceil(16) * 2];
    for y in 0..size {
        for x in 0..size {
            let far = x.abs_diff(middle).pow(2) + y.abs_diff(middle).pow(2);
            if (radius.pow(2)..(radius + 2).pow(2)).contains(&far) {
                let at = y * size + x;
                bits[at / 8] |= 1 << (at % 8);
            }
        }
    }
    bits
}

/// A curve (retired, PS3.3-2004 C.10.2).
fn curve(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let group = |element| Tag(0x5000, element);
    sheet.set.put(Element::bytes_of(group(0x0005), VR::US, [2, 0]));
    sheet.set.put(Element::bytes_of(group(0x0010), VR::US, [4, 0]));
    let label = format!("ECG of {}", person.name.family);
    sheet.put_text(group(0x0022), VR::LO, &label, "curve", Answers::gone());
    let data = format!("{:<32}", person.nhs_number_spaced());
    sheet.put_bytes(group(0x3000), VR::OB, data.as_bytes(), "curve", Answers::gone());
}

/// A small picture of the picture, which shows what the picture showed (PS3.15 Table E.1-1, Note 11).
fn icon(job: &mut Job<'_>, sheet: &mut Sheet) {
    let name = job.visit.person.name.family.clone();
    sheet.doomed(tags::ICON_IMAGE_SEQUENCE, 1, |_, item| {
        let mut bits = crate::images::phantom::overlay(64, std::slice::from_ref(&name));
        bits = bits.iter().flat_map(|byte| (0..8).map(move |bit| 255 * (byte >> bit & 1))).collect();
        item.us("Rows", &[64]);
        item.us("Columns", &[64]);
        item.us("SamplesPerPixel", &[1]);
        item.text("PhotometricInterpretation", "MONOCHROME2");
        item.us("BitsAllocated", &[8]);
        item.us("BitsStored", &[8]);
        item.us("HighBit", &[7]);
        item.us("PixelRepresentation", &[0]);
        item.put_bytes(tags::PIXEL_DATA, VR::OB, &bits, "icon", Answers::gone());
    });
}

/// Identifiers four to six sequences down, in a chain that no table foresees.
fn deep(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    let depth = 3 + job.random.below(4);
    fn dig(item: &mut Sheet, left: u64, bottom: &dyn Fn(&mut Sheet)) {
        if left == 0 {
            return bottom(item);
        }
        item.items("RelatedSeriesSequence", 1, |_, item| dig(item, left - 1, bottom));
    }
    dig(sheet, depth, &|item| {
        item.text("PatientName", person.name.pn());
        item.text("PatientID", person.nhs_number_spaced());
        item.text("StudyInstanceUID", &visit.study_uid);
        item.text("SeriesInstanceUID", format!("{}.8", visit.study_uid));
        item.text("StudyDate", visit.date.plus(-5).dicom());
        item.text("SliceThickness", "2.5");
    });
}

/// UIDs where text belongs.
fn uids_as_text(job: &mut Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    let parts = [Part::Useful("localizer"), Part::Loose(" of "), Part::Secret(visit.study_uid.clone())];
    sheet.said_at(tags::DERIVATION_DESCRIPTION, VR::ST, &parts, "UID as text");
    let text = format!("from {}", visit.study_uid);
    sheet.put_text(tags::ACQUISITION_COMMENTS, VR::LT, &text, "UID as text", Answers::gone());
}

/// Representations that few readers think of: AT, OB, UC, UR, OF, SV.
fn unusual_values(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    let category = "unusual representation";
    let number = person.nhs_number.as_bytes();
    // Ten digits are five shorts; an AT holds pairs of them.
    let mut bytes = number.to_vec();
    bytes.extend_from_slice(b"00");
    sheet.put_bytes(tags::SELECTOR_AT_VALUE, VR::AT, &bytes, category, Answers::gone());
    let link = format!("https://pacs.example/{}/{}", visit.accession, person.nhs_number);
    sheet.put_text(tags::RETRIEVE_URL, VR::UR, &link, category, Answers::gone());
    sheet.put_text(
        tags::LONG_CODE_VALUE,
        VR::UC,
        &format!("{link}?{}", person.name.family),
        category,
        Answers::gone(),
    );
    let pdf = format!("contact {} {}", person.name.plain(), person.phone);
    sheet.put_bytes(tags::ENCRYPTED_CONTENT, VR::OB, pdf.as_bytes(), category, Answers::gone());
}

/// Text that the table does not list, with an identifier inside.
fn unlisted_text(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let born = person.birth;
    let parts = |secret: String| [Part::Useful("supine"), Part::Loose(" "), Part::Secret(secret)];
    sheet.said_at(tags::PROCESSING_FUNCTION, VR::LO, &parts(person.name.family.clone()), "unlisted text");
    sheet.said_at(tags::VIEW_NAME, VR::SH, &parts(person.nhs_number.clone()), "unlisted text");
    sheet.said(
        "ImageComments",
        &[
            Part::Useful("nodule"),
            Part::Loose(" seen, born "),
            Part::Secret(written(born)),
            Part::Loose(", "),
            Part::Useful("left lung"),
            Part::Loose(", "),
            Part::Secret(format!("{} {}.", person.name.family, first(&person.name.given))),
        ],
    );
}

/// A date in words.
pub(super) fn written(day: Day) -> String {
    let (year, month, day) = day.civil();
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = usize::try_from(month - 1).unwrap_or(0);
    format!("{day} {} {year}", names.get(month).copied().unwrap_or("Jan"))
}

fn first(name: &str) -> String {
    name.chars().take(1).collect()
}

/// Elements of even groups that no dictionary has.
fn unknown_elements(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let category = "unknown element";
    sheet.put_text(Tag(0x0008, 0xEE01), VR::LO, &person.name.family, category, Answers::gone());
    sheet.put_text(Tag(0x0018, 0xEE02), VR::UN, &person.nhs_number, category, Answers::gone());
}

/// Elements after the pixel data (PS3.10 §7.2), with the places that they are.
pub(super) fn trailing(job: &mut Job<'_>, sheet: &mut Sheet) -> Dataset {
    let mut set = Dataset::new();
    if job.random.below(3) > 0 {
        return set;
    }
    let person = &job.visit.person;
    let padding = format!("{:<40}", person.name.family);
    set.put_text(Tag(0x7FE3, 0x0010), VR::LO, "SIMULATED VIEWER");
    for (tag, vr, text) in [
        (Tag(0x7FE3, 0x1001), VR::LT, format!("last opened for {}", person.name.plain())),
        (Tag(0x7FE3, 0x1002), VR::LO, person.nhs_number_spaced()),
        (Tag(0xFFFC, 0xFFFC), VR::OB, padding),
    ] {
        set.put_text(tag, vr, &text);
        match vr {
            VR::OB => sheet.outside_bytes(&plain(tag), "after the pixel data", text.as_bytes()),
            _ => sheet.outside(&plain(tag), "after the pixel data", &text),
        }
    }
    set
}
