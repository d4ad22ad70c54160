//! Simulated instances: real headers with identifiers wherever they occur in life, and pixels that look like what
//! they are. An [`Instance`] is a small plan; its bytes are made when asked for, always the same.

pub(crate) mod glyphs;
mod header;
mod modality;
pub(crate) mod phantom;
mod private;

pub(crate) use glyphs::dots;

use crate::calendar::Day;
use crate::encode::{Object, Syntax};
use crate::people::{LocalId, People, Person, Script, Sentinel};
use crate::text::Charset;
use dicom::dataset::Dataset;
use dicom::uid::sop_class;
use std::sync::Arc;

/// Whose equipment took the image: each maker fills its own private elements (PS3.5 §7.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Private blocks in the manner of Siemens.
    Siemens,
    /// Private blocks in the manner of GE.
    Ge,
    /// Private blocks in the manner of Philips.
    Philips,
    /// Private blocks in the manner of Fujifilm.
    Fuji,
}

/// A hospital as its images name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hospital {
    /// Organisation code of the trust; simulated codes begin with `ZZ`.
    pub ods: String,
    /// InstitutionName.
    pub name: String,
    /// InstitutionAddress.
    pub address: String,
    /// IssuerOfPatientID of its local ids.
    pub issuer: String,
    /// What its accession numbers begin with.
    pub accession_prefix: String,
    /// The AE title that its scanners send from.
    pub station_ae: String,
    /// Whose equipment it has.
    pub maker: Maker,
    /// The character set of its images.
    pub charset: Charset,
    /// Where its images carry the NHS number.
    pub nhs_number: NhsNumberIn,
}

/// Where a source carries the NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NhsNumberIn {
    /// PatientID; the local id is among the other ids.
    PatientId,
    /// OtherPatientIDs (0010,1000), retired and alive.
    OtherPatientIds,
    /// OtherPatientIDsSequence (0010,1002), with its issuer.
    OtherPatientIdsSequence,
    /// Nowhere: only the local id.
    Nowhere,
}

/// What an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Computed radiography.
    Cr,
    /// Digital radiography.
    Dx,
    /// A CT slice.
    Ct,
    /// An MR slice.
    Mr,
    /// A secondary capture: a screen in colour.
    SecondaryCapture,
    /// An ultrasound image.
    Ultrasound,
    /// A radiation dose structured report.
    DoseReport,
    /// A greyscale presentation state with a text annotation.
    PresentationState,
}

impl Kind {
    /// The value of Modality (0008,0060).
    pub fn modality(self) -> &'static str {
        match self {
            Self::Cr => "CR",
            Self::Dx => "DX",
            Self::Ct | Self::SecondaryCapture => "CT",
            Self::Mr => "MR",
            Self::Ultrasound => "US",
            Self::DoseReport => "SR",
            Self::PresentationState => "PR",
        }
    }
}

/// What is suspicious about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Oddity {
    /// BurnedInAnnotation YES, and the name is in the pixels.
    BurnedIn,
    /// ImageType value 2 is SECONDARY: a reformat among the slices.
    Secondary,
    /// It declares a ConversionType (0008,0064).
    ConversionType,
    /// An overlay (60xx) with text.
    Overlay,
    /// A graphic annotation (0070,0001).
    Graphics,
    /// FOR PROCESSING.
    ForProcessing,
    /// Neither its study nor its series says which part of the body it shows.
    UnknownBodyPart,
    /// Nothing says which trust it belongs to.
    Unattributed,
}

/// A study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// Study Instance UID.
    pub uid: String,
    /// StudyDate.
    pub date: Day,
    /// StudyTime: seconds of the day.
    pub time_s: u32,
    /// AccessionNumber.
    pub accession: String,
    /// StudyID.
    pub id: String,
    /// StudyDescription.
    pub description: String,
    /// BodyPartExamined of its series; `None` where nobody filled it in.
    pub body_part: Option<&'static str>,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Series Instance UID.
    pub uid: String,
    /// SeriesNumber.
    pub number: u32,
    /// What its instances are.
    pub kind: Kind,
    /// SeriesDescription.
    pub description: String,
    /// Frame of Reference UID, shared by the slices.
    pub frame_of_reference: String,
    /// How many instances it has.
    pub instances: u32,
}

/// The plan of one instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Where it was made.
    pub hospital: Arc<Hospital>,
    /// Of whom.
    pub person: Arc<Person>,
    /// Its study.
    pub study: Arc<Study>,
    /// Its series.
    pub series: Arc<Series>,
    /// SOP Instance UID.
    pub uid: String,
    /// InstanceNumber, from 1.
    pub number: u32,
    /// Rows and columns.
    pub size: u16,
    /// What is suspicious about it.
    pub oddity: Option<Oddity>,
    /// The seed of its noise.
    pub seed: u64,
}

impl Instance {
    /// SOP Class UID.
    pub fn sop_class(&self) -> &'static str {
        match self.series.kind {
            Kind::Cr => sop_class::CR_IMAGE,
            Kind::Dx if self.oddity == Some(Oddity::ForProcessing) => sop_class::DX_FOR_PROCESSING,
            Kind::Dx => sop_class::DX_FOR_PRESENTATION,
            Kind::Ct => sop_class::CT_IMAGE,
            Kind::Mr => sop_class::MR_IMAGE,
            Kind::SecondaryCapture => sop_class::SECONDARY_CAPTURE,
            Kind::Ultrasound => "1.2.840.10008.5.1.4.1.1.6.1",
            Kind::DoseReport => "1.2.840.10008.5.1.4.1.1.88.67",
            Kind::PresentationState => "1.2.840.10008.5.1.4.1.1.11.1",
        }
    }

    /// PatientID and its issuer as this hospital writes them.
    pub fn patient_id(&self) -> (String, String) {
        if self.hospital.nhs_number == NhsNumberIn::PatientId {
            return (self.person.nhs_number.clone(), "NHS".into());
        }
        let issuer = &self.hospital.issuer;
        let id = self.person.local_id(issuer).unwrap_or(&self.person.nhs_number);
        let issuer = if self.oddity == Some(Oddity::Unattributed) { String::new() } else { issuer.clone() };
        (id.to_owned(), issuer)
    }

    /// The character set of its text: the hospital's, or another where that cannot hold the name.
    pub fn charset(&self) -> Charset {
        self.hospital.charset.or_one_that_holds(&self.person.name.pn())
    }

    /// What an archive indexes: the data set without image pixel module and private elements.
    pub fn header(&self) -> Dataset {
        let mut dataset = header::common(self);
        modality::add(self, &mut dataset);
        dataset
    }

    /// The whole object.
    pub fn object(&self) -> Object {
        let mut dataset = self.header();
        private::add(self, &mut dataset);
        let pixels = phantom::render(self);
        if let Some(pixels) = &pixels {
            modality::add_pixel_module(self, pixels, &mut dataset);
        }
        let trailing = if pixels.is_some() { private::trailing(self) } else { Dataset::new() };
        Object {
            sop_class: self.sop_class().into(),
            sop_instance: self.uid.clone(),
            dataset,
            pixels,
            trailing,
            charset: self.charset(),
            source_ae: self.hospital.station_ae.clone(),
            private_meta: Some(format!("{} {}", self.person.name.family, self.person.nhs_number)),
            undefined_lengths: matches!(self.hospital.maker, Maker::Philips | Maker::Fuji),
        }
    }

    /// The data set as it travels in a C-STORE.
    pub fn encode(&self, syntax: Syntax) -> Vec<u8> {
        self.object().encode(self.syntax_for(syntax))
    }

    /// The instance as a Part 10 file.
    pub fn file(&self, syntax: Syntax) -> Vec<u8> {
        self.object().file(self.syntax_for(syntax))
    }

    /// The syntax that it really has in an archive that prefers this one: objects without pixels are not encapsulated.
    pub fn syntax_for(&self, preferred: Syntax) -> Syntax {
        let pixels = !matches!(self.series.kind, Kind::DoseReport | Kind::PresentationState);
        if preferred.is_encapsulated() && !pixels { Syntax::ExplicitLittle } else { preferred }
    }

    /// What must not be found in anything that left: the person's sentinels, and this study's own numbers.
    pub fn sentinels(&self) -> Vec<Sentinel> {
        let mut found = self.person.sentinels();
        let numbers = [&self.study.accession, &self.study.uid, &self.series.uid, &self.uid];
        let kinds = ["accession-number", "uid", "uid", "uid"];
        found
            .extend(kinds.into_iter().zip(numbers).map(|(kind, text)| Sentinel { kind, text: text.clone() }));
        found
    }

    /// How deep the slice lies in its stack, from 0 to 1.
    fn depth(&self) -> f32 {
        let (at, of) = (self.number as f32 - 0.5, self.series.instances.max(1) as f32);
        (at / of).clamp(0.0, 1.0)
    }

    /// The text that a device burns into its screens.
    fn banner(&self) -> Vec<String> {
        let name = &self.person.name;
        vec![
            format!("{} {}", name.family, name.given),
            format!("NHS {}", self.person.nhs_number_spaced()),
            format!("DOB {}", self.person.birth.british()),
            format!("ACC {}", self.study.accession),
        ]
    }
}

/// What a study of one series consists of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What its instances are.
    pub kind: Kind,
    /// How many there are.
    pub instances: u32,
    /// Rows and columns of each.
    pub pixels: u16,
}

/// One CT study of a person made from the seed.
pub fn ct_study(seed: u64, slices: u32, pixels: u16) -> Vec<Instance> {
    study(seed, Plan { kind: Kind::Ct, instances: slices, pixels })
}

/// One study of a person made from the seed: as much as a benchmark wants, without a region around it.
pub fn study(seed: u64, plan: Plan) -> Vec<Instance> {
    let mut person = People::new(seed).next(Script::Plain);
    person
        .local_ids
        .push(LocalId { issuer: "ZZ1-PAS".into(), id: format!("RX{}", 7_310_000 + seed % 100_000) });
    let hospital = Arc::new(Hospital {
        ods: "ZZ1".into(),
        name: "Simulated Infirmary".into(),
        address: "Infirmary Road".into(),
        issuer: "ZZ1-PAS".into(),
        accession_prefix: "ZZ1".into(),
        station_ae: "ZZ1_CT".into(),
        maker: Maker::Siemens,
        charset: Charset::Latin1,
        nhs_number: NhsNumberIn::PatientId,
    });
    let uid = format!("1.3.6.1.4.1.99999.99.{seed}");
    let series = Arc::new(Series {
        uid: format!("{uid}.1"),
        number: 1,
        kind: plan.kind,
        description: "Thorax 5.0 B30f".into(),
        frame_of_reference: format!("{uid}.0.1"),
        instances: plan.instances,
    });
    let study = Arc::new(Study {
        uid,
        date: Day::of(2020, 4, 1).plus(i32::try_from(seed % 300).unwrap_or(0)),
        time_s: 36_000,
        accession: format!("ZZ12020{:06}", seed % 1_000_000),
        id: format!("S{:06}", seed % 1_000_000),
        description: format!("{} Thorax", plan.kind.modality()),
        body_part: Some("CHEST"),
    });
    let person = Arc::new(person);
    let instance = |number| Instance {
        hospital: Arc::clone(&hospital),
        person: Arc::clone(&person),
        study: Arc::clone(&study),
        series: Arc::clone(&series),
        uid: format!("{}.{number}", series.uid),
        number,
        size: plan.pixels,
        oddity: None,
        seed,
    };
    (1..=plan.instances).map(instance).collect()
}

#[cfg(test)]
pub(crate) mod tests;
