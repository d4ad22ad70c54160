//! Private elements as makers leave them (PS3.5 §7.8), with identifiers inside; and what follows the pixel data.

use super::header::{item, put, put_items};
use super::{Instance, Maker};
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, tags};

/// The maker's private blocks.
pub(super) fn add(of: &Instance, set: &mut Dataset) {
    match of.hospital.maker {
        Maker::Siemens => siemens(of, set),
        Maker::Ge => ge(of, set),
        Maker::Philips => philips(of, set),
        Maker::Fuji => fuji(of, set),
    }
    // A router's own block: whom it was sent for, in a sequence that implicit readers meet as UN.
    text(set, 0x0099, 0x0010, VR::LO, "SIMULATED ROUTER 1.0");
    text(set, 0x0099, 0x1001, VR::LO, &format!("{} {}", of.person.name.family, of.person.nhs_number));
    let inner = item([
        (tags::PATIENT_NAME, of.person.name.pn().as_str()),
        (tags::PATIENT_BIRTH_DATE, &of.person.birth.dicom()),
        (tags::ACCESSION_NUMBER, &of.study.accession),
    ]);
    let mut outer = item([(tags::INSTITUTION_NAME, of.hospital.name.as_str())]);
    put_items(&mut outer, tags::REFERENCED_PATIENT_SEQUENCE, vec![inner]);
    put_items(set, Tag(0x0099, 0x1002), vec![outer]);
}

/// Elements after the pixel data: a private group of a viewer, and padding (PS3.10 §7.2).
pub(super) fn trailing(of: &Instance) -> Dataset {
    let mut set = Dataset::new();
    text(&mut set, 0x7FE3, 0x0010, VR::LO, "SIMULATED VIEWER");
    text(&mut set, 0x7FE3, 0x1001, VR::LT, &format!("last opened for {}", of.person.name.plain()));
    text(&mut set, 0x7FE3, 0x1002, VR::LO, &of.person.nhs_number_spaced());
    let padding = format!("{:<40}", of.person.name.family).into_bytes();
    set.put(Element::bytes_of(Tag(0xFFFC, 0xFFFC), VR::OB, padding));
    set
}

fn text(set: &mut Dataset, group: u16, element: u16, vr: VR, text: &str) {
    set.put_text(Tag(group, element), vr, text);
}

fn siemens(of: &Instance, set: &mut Dataset) {
    text(set, 0x0029, 0x0010, VR::LO, "SIEMENS CSA HEADER");
    text(set, 0x0029, 0x0011, VR::LO, "SIEMENS MEDCOM HEADER");
    text(set, 0x0029, 0x1008, VR::CS, "IMAGE NUM 4");
    text(set, 0x0029, 0x1009, VR::LO, &of.study.date.dicom());
    set.put(Element::bytes_of(Tag(0x0029, 0x1010), VR::OB, csa(of)));
    set.put(Element::bytes_of(Tag(0x0029, 0x1020), VR::OB, csa(of)));
    text(set, 0x0029, 0x1131, VR::LO, "4.0.700000000");
    text(set, 0x0051, 0x0010, VR::LO, "SIEMENS SIM HEADER");
    text(set, 0x0051, 0x1008, VR::CS, "IMAGE NUM 4");
    text(set, 0x0051, 0x1016, VR::LO, &format!("p2 {}", of.person.name.family));
}

/// A block of named fields in a binary element, in the manner of a CSA header.
fn csa(of: &Instance) -> Vec<u8> {
    let mut out = b"SV10\x04\x03\x02\x01".to_vec();
    let fields = [
        ("PatientsName", of.person.name.family.as_str()),
        ("PatientID", &of.person.nhs_number),
        ("PatientsBirthDate", &of.person.birth.dicom()),
        ("UsedPatientWeight", "74"),
    ];
    for (field, value) in fields {
        let mut name = field.as_bytes().to_vec();
        name.resize(64, 0);
        out.extend(name);
        out.extend(1u32.to_le_bytes());
        out.extend(u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
        out.extend(value.as_bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn ge(of: &Instance, set: &mut Dataset) {
    text(set, 0x0009, 0x0010, VR::LO, "GEMS_IDEN_01");
    text(set, 0x0009, 0x1001, VR::LO, "SIM_GENESIS_FF");
    text(set, 0x0009, 0x1002, VR::SH, &of.hospital.ods);
    text(set, 0x0009, 0x1004, VR::SH, "SIM CT");
    set.put(Element::bytes_of(Tag(0x0009, 0x1027), VR::SL, of.study.date.0.to_le_bytes()));
    text(set, 0x0009, 0x10E3, VR::UI, &format!("{}.5", of.study.uid));
    text(set, 0x0011, 0x0010, VR::LO, "GEMS_PATI_01");
    set.put(Element::bytes_of(Tag(0x0011, 0x1010), VR::SS, 1i16.to_le_bytes()));
    text(set, 0x0011, 0x1011, VR::LO, &of.person.name.plain());
    text(set, 0x0019, 0x0010, VR::LO, "GEMS_ACQU_01");
    text(set, 0x0019, 0x1023, VR::DS, "0.000000");
    text(set, 0x0043, 0x0010, VR::LO, "GEMS_PARM_01");
    set.put(Element::bytes_of(Tag(0x0043, 0x1029), VR::OB, csa(of)));
}

fn philips(of: &Instance, set: &mut Dataset) {
    text(set, 0x2001, 0x0010, VR::LO, "Philips Imaging DD 001");
    set.put(Element::bytes_of(Tag(0x2001, 0x1003), VR::FL, 0f32.to_le_bytes()));
    text(set, 0x2001, 0x1008, VR::IS, "1");
    text(set, 0x2001, 0x10C8, VR::LO, &format!("Exam of {}", of.person.name.family));
    text(set, 0x2005, 0x0010, VR::LO, "Philips MR Imaging DD 001");
    let mut nested = item([(tags::PATIENT_ID, of.person.nhs_number.as_str())]);
    put(&mut nested, tags::PATIENT_NAME, of.person.name.pn());
    text(&mut nested, 0x2005, 0x0010, VR::LO, "Philips MR Imaging DD 001");
    text(&mut nested, 0x2005, 0x1037, VR::LO, &of.person.street);
    put_items(set, Tag(0x2005, 0x1080), vec![nested]);
    text(set, 0x00E1, 0x0010, VR::LO, "ELSCINT1");
    text(set, 0x00E1, 0x1040, VR::SH, &of.study.accession);
    set.put(Element::bytes_of(Tag(0x00E1, 0x1061), VR::UN, of.person.nhs_number_spaced().into_bytes()));
}

fn fuji(of: &Instance, set: &mut Dataset) {
    text(set, 0x0009, 0x0010, VR::LO, "FDMS 1.0");
    text(set, 0x0009, 0x1004, VR::SH, "F");
    text(set, 0x0009, 0x1005, VR::UI, &format!("{}.9", of.study.uid));
    text(set, 0x0019, 0x0010, VR::LO, "FDMS 1.0");
    text(set, 0x0019, 0x1015, VR::LO, "CHEST");
    text(set, 0x0021, 0x0010, VR::LO, "FDMS 1.0");
    text(set, 0x0021, 0x1010, VR::CS, "1");
    text(set, 0x0025, 0x0010, VR::LO, "FDMS 1.0");
    set.put(Element::bytes_of(Tag(0x0025, 0x1010), VR::US, 0u16.to_le_bytes()));
    text(set, 0x0029, 0x0010, VR::LO, "FDMS 1.0");
    text(set, 0x0029, 0x1025, VR::LO, &of.patient_id().0);
    text(set, 0x0029, 0x1034, VR::DS, "1024");
    text(set, 0x0029, 0x1050, VR::PN, &of.person.name.pn());
}
