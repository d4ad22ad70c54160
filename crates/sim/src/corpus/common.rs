//! The modules that every object has: patient, study, series, equipment, SOP common (PS3.3 C.7, C.12), with identifiers where
//! hospitals really write them.

use super::Job;
use super::crowd::{Carries, Doubt};
use super::sheet::{Part, Sheet};
use dicom::tag::VR;
use dicom::tag::tags;

/// A TM value.
pub(super) fn tm(seconds: u32) -> String {
    let s = seconds % 86_400;
    format!("{:02}{:02}{:02}.{:03}000", s / 3_600, s / 60 % 60, s % 60, s * 7 % 1_000)
}

/// All of them.
pub(super) fn add(job: &mut Job<'_>, sheet: &mut Sheet) {
    sop(job, sheet);
    patient(job, sheet);
    patient_study(job, sheet);
    study(job, sheet);
    request(job, sheet);
    series(job, sheet);
    equipment(job, sheet);
    contributors(job, sheet);
}

fn sop(job: &Job<'_>, sheet: &mut Sheet) {
    sheet.text("SOPClassUID", job.kind.sop_class);
    sheet.text("SOPInstanceUID", &job.uid);
    sheet.text("InstanceCreationDate", job.visit.date.dicom());
    sheet.text("InstanceCreationTime", tm(job.visit.time_s + 60 + job.number));
    sheet.text("InstanceCreatorUID", format!("1.3.6.1.4.1.99999.88.{}.3", job.visit.site.number + 1));
    sheet.text("InstanceNumber", job.number.to_string());
}

fn patient(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    identifiers(job, sheet);
    let mut name = person.name.pn();
    if job.random.below(9) == 0 {
        // Several names in one attribute, as an unlucky interface leaves them.
        name = format!("{name}\\{}^{}", person.mother, person.name.given);
    }
    sheet.text("PatientName", &name);
    sheet.text("PatientBirthDate", person.birth.dicom());
    sheet.text("PatientSex", person.sex.code());
    if job.random.below(2) == 0 {
        sheet.text("PatientBirthTime", "034100");
        sheet.text("OtherPatientNames", format!("{}^{}", person.mother, person.name.given));
        sheet.text("PatientBirthName", format!("{}^{}", person.mother, person.name.given));
        sheet.text("PatientMotherBirthName", format!("{}^Ada", person.mother));
        sheet.text("PatientAddress", format!("{}, {}", person.street, person.town));
        sheet.text("PatientTelephoneNumbers", &person.phone);
        sheet.text("CountryOfResidence", "GB");
        sheet.text("RegionOfResidence", &person.town);
        sheet.text("EthnicGroup", "A");
        sheet.text("PatientReligiousPreference", "Quaker");
    }
    if job.random.below(3) == 0 {
        let full = format!("{} {}", person.name.given, person.name.family);
        let parts = [
            Part::Useful("Diabetes"),
            Part::Loose(", known on ward as "),
            Part::Secret(full),
            Part::Loose(", tel "),
            Part::Secret(person.phone.clone()),
        ];
        // A router of old writes what it does not know as UN (PS3.5 §6.2.2).
        let vr = if job.random.below(2) == 0 { VR::UN } else { VR::LT };
        let category = if vr == VR::UN { "free text as UN" } else { "free text" };
        sheet.said_at(tags::PATIENT_COMMENTS, vr, &parts, category);
    }
}

/// PatientID and the other places where numbers stand, as this hospital writes them.
fn identifiers(job: &Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    if let Doubt::Placeholder(id) = visit.doubt {
        sheet.text("PatientID", id);
        return;
    }
    let (plain, local) = (visit.person.nhs_number.clone(), visit.local().to_owned());
    let spaced = visit.person.nhs_number_spaced();
    match visit.site.carries {
        Carries::Id => sheet.text("PatientID", &plain),
        Carries::IdSpaced => sheet.text("PatientID", &spaced),
        Carries::IdHyphens => sheet.text("PatientID", spaced.replace(' ', "-")),
        _ => {
            sheet.text("PatientID", &local);
            sheet.text("IssuerOfPatientID", &visit.site.issuer);
        }
    }
    match visit.site.carries {
        Carries::OtherIds => {
            sheet.text("OtherPatientIDs", format!("OLD{}\\{spaced}", &plain[3..9]));
        }
        Carries::OtherSequence => sheet.items("OtherPatientIDsSequence", 2, |at, item| {
            let old = format!("OLD{}", &plain[3..9]);
            item.text("PatientID", if at == 0 { &old } else { &plain });
            item.text("IssuerOfPatientID", if at == 0 { &visit.site.issuer } else { "NHS" });
            item.text("TypeOfPatientID", "TEXT");
        }),
        Carries::OtherSequenceQualified => sheet.items("OtherPatientIDsSequence", 1, |_, item| {
            item.text("PatientID", &spaced);
            item.items("IssuerOfPatientIDQualifiersSequence", 1, |_, item| {
                item.text("UniversalEntityID", "2.16.840.1.113883.2.1.4.1");
                item.text("UniversalEntityIDType", "ISO");
            });
        }),
        Carries::Id | Carries::IdSpaced | Carries::IdHyphens => {
            sheet.items("OtherPatientIDsSequence", 1, |_, item| {
                item.text("PatientID", &local);
                item.text("IssuerOfPatientID", &visit.site.issuer);
                item.text("TypeOfPatientID", "TEXT");
            });
        }
        Carries::Nowhere => {}
    }
}

fn patient_study(job: &mut Job<'_>, sheet: &mut Sheet) {
    let person = &job.visit.person;
    let age = person.birth.years_until(job.visit.date);
    sheet.text("PatientAge", format!("{age:03}Y"));
    sheet.text("PatientSize", "1.71");
    sheet.text("PatientWeight", format!("{}.5", 51 + job.number % 40));
    if job.random.below(2) == 0 {
        sheet.texts([("SmokingStatus", "NO"), ("AdmissionID", "AD556677")]);
        // A rare trade can point at somebody: a tool may keep it or not.
        sheet.said("Occupation", &[Part::Loose("lock keeper")]);
        sheet.text("AdmittingDate", job.visit.date.plus(-1).dicom());
        sheet.text("CurrentPatientLocation", "Ward 7, bed 3");
        sheet.said(
            "AdditionalPatientHistory",
            &[
                Part::Useful("cough"),
                Part::Loose(" for 9 days, "),
                Part::Useful("smoker"),
                Part::Loose(". GP "),
                Part::Secret(person.doctor.split('^').next().unwrap_or_default().to_owned()),
            ],
        );
        sheet.said("Allergies", &[Part::Useful("penicillin")]);
    }
}

fn study(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, person) = (job.visit, &job.visit.person);
    sheet.text("StudyInstanceUID", &visit.study_uid);
    sheet.text("StudyDate", visit.date.dicom());
    sheet.text("StudyTime", tm(visit.time_s));
    sheet.text("AccessionNumber", &visit.accession);
    sheet.text("StudyID", &visit.id);
    sheet.text("ReferringPhysicianName", &person.doctor);
    let mut parts = job.kind.study.to_vec();
    match job.random.below(4) {
        0 => parts.extend([Part::Loose(" "), Part::Secret(person.name.family.clone())]),
        1 => parts.extend([Part::Loose(" NHS "), Part::Secret(person.nhs_number_spaced())]),
        _ => {}
    }
    sheet.said("StudyDescription", &parts);
    if job.random.below(2) == 0 {
        sheet.text("ReferringPhysicianAddress", "The Surgery, Oldmere");
        sheet.text("ReferringPhysicianTelephoneNumbers", "01632 960999");
        sheet.text("PhysiciansOfRecord", "Harrowgarth^Edmund^^Prof\\Tamarquist^Ines");
        sheet.text("NameOfPhysiciansReadingStudy", "Tamarquist^Ines^^Dr");
        sheet.text("RequestingPhysician", &person.doctor);
        sheet.text("RequestingService", "Emergency");
        sheet.items("ReferringPhysicianIdentificationSequence", 1, |_, item| {
            item.text("InstitutionName", "The Surgery, Oldmere");
            item.items("PersonIdentificationCodeSequence", 1, |_, item| {
                item.coded("G9912345", "99GMC", &person.doctor);
            });
        });
        sheet.items("ReferencedStudySequence", 1, |_, item| {
            item.text("ReferencedSOPClassUID", "1.2.840.10008.3.1.2.3.1");
            item.text("ReferencedSOPInstanceUID", format!("{}.77", visit.study_uid));
        });
        sheet.said(
            "ReasonForStudy",
            &[
                Part::Useful("pneumonia"),
                Part::Loose("? "),
                Part::Secret(person.birth.british()),
                Part::Loose(" "),
                Part::Useful("chest pain"),
            ],
        );
    }
}

fn request(job: &mut Job<'_>, sheet: &mut Sheet) {
    let (visit, kind) = (job.visit, job.kind);
    let family = visit.person.name.family.clone();
    if job.random.below(2) == 0 {
        sheet.items("RequestAttributesSequence", 1, |_, item| {
            item.text("RequestedProcedureID", format!("RP{}", visit.id));
            item.text("ScheduledProcedureStepID", format!("SP{}", visit.id));
            let mut parts = kind.series.to_vec();
            parts.extend([Part::Loose(" "), Part::Secret(family.clone())]);
            item.said("ScheduledProcedureStepDescription", &parts);
            item.items("RequestedProcedureCodeSequence", 1, |_, item| {
                item.coded("77477000", "SCT", "Computed tomography");
            });
        });
        sheet.text("PerformedProcedureStepStartDate", visit.date.dicom());
        sheet.text("PerformedProcedureStepStartTime", tm(visit.time_s + 30));
        sheet.text("PerformedProcedureStepID", format!("PPS{}", visit.id));
        sheet.said("PerformedProcedureStepDescription", kind.study);
    }
}

fn series(job: &mut Job<'_>, sheet: &mut Sheet) {
    let visit = job.visit;
    sheet.text("Modality", job.kind.modality);
    sheet.text("SeriesInstanceUID", &job.series_uid);
    sheet.text("SeriesNumber", (1 + job.number % 9).to_string());
    sheet.text("SeriesDate", visit.date.dicom());
    sheet.text("SeriesTime", tm(visit.time_s + 45));
    let mut parts = job.kind.series.to_vec();
    if job.random.below(4) == 0 {
        parts.extend([Part::Loose(" "), Part::Secret(visit.accession.clone())]);
    }
    sheet.said("SeriesDescription", &parts);
    if job.random.below(2) == 0 {
        sheet.text("PerformingPhysicianName", "Ledgefold^Rhona\\Quillscar^Ida");
        sheet.text("OperatorsName", "Ledgefold^Rhona");
        let mut parts = job.kind.series.to_vec();
        parts.extend([Part::Loose(" for "), Part::Secret(visit.person.name.family.to_uppercase())]);
        sheet.said("ProtocolName", &parts);
    }
    if !job.kind.body.is_empty() {
        sheet.text("BodyPartExamined", job.kind.body);
    }
}

fn equipment(job: &mut Job<'_>, sheet: &mut Sheet) {
    let site = &job.visit.site;
    sheet.text("Manufacturer", ["SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "FUJIFILM"][site.number % 4]);
    sheet
        .text("ManufacturerModelName", ["Sensation 64", "LightSpeed VCT", "Ingenia", "FDR"][site.number % 4]);
    sheet.text("SoftwareVersions", ["syngo CT 2014A", "07MW18.4", "5.3.1\\5.3.1.0", "V8.1"][site.number % 4]);
    sheet.text("DeviceSerialNumber", format!("SN{}", 48_213 + site.number * 7));
    sheet.text("StationName", format!("SCANNER{}", site.number + 2));
    sheet.text("InstitutionName", &site.name);
    if job.random.below(2) == 0 {
        sheet.text("InstitutionAddress", &site.address);
        sheet.text("InstitutionalDepartmentName", format!("Radiology, {}", site.name));
        sheet.text("DateOfLastCalibration", job.visit.date.plus(-9).dicom());
        sheet.text("TimeOfLastCalibration", "071500");
        sheet.text("DeviceUID", format!("1.3.6.1.4.1.99999.88.{}.4", site.number + 1));
        sheet.text("TimezoneOffsetFromUTC", "+0000");
    }
}

fn contributors(job: &mut Job<'_>, sheet: &mut Sheet) {
    if job.random.below(3) > 0 {
        return;
    }
    let visit = job.visit;
    sheet.items("ContributingEquipmentSequence", 1, |_, item| {
        item.text("Manufacturer", "Merge Healthcare");
        item.text("InstitutionName", &visit.site.name);
        item.text("OperatorsName", &visit.person.doctor);
        item.said(
            "ContributionDescription",
            &[
                Part::Useful("contrast"),
                Part::Loose(" given to "),
                Part::Secret(visit.person.name.family.clone()),
            ],
        );
        item.text("ContributionDateTime", format!("{}{}", visit.date.dicom(), tm(visit.time_s)));
        item.code("PurposeOfReferenceCodeSequence", "109103", "DCM", "Modifying Equipment");
    });
}
