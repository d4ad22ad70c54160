//! Looking at one object with different eyes than the hub's: is it what was cleared, and is nothing in it that should
//! not be?

use crate::code::Code;
use crate::fetch::{FetchError, Fetched};
use crate::header;
use crate::layout::RecordKind;
use dicom::dataset::{Dataset, Element};
use dicom::part10::{self, Limits};
use dicom::private::Blocks;
use dicom::tag::{is_private, tags};
use residue::{Form, Patterns, SearchError, Searcher};
use std::io;
use submission::clinical::{DataRecord, StatusRecord};
use submission::names::InstanceUid;
use submission::paths::ItemName;
use submission::pseudonym::Pseudonym;

/// What was cleared, and what a person has accepted since.
pub(crate) struct Expected<'a> {
    pub(crate) name: &'a ItemName,
    pub(crate) sha256: submission::digest::Digest,
    pub(crate) bytes: u64,
    pub(crate) pseudonym: &'a Pseudonym,
    pub(crate) waived: Option<Code>,
}

/// What the object says of itself.
#[derive(Debug)]
pub(crate) enum Facts {
    Image(Box<ImageFacts>),
    Record { kind: RecordKind, centre: String },
}

/// What an image says of itself.
#[derive(Debug)]
pub(crate) struct ImageFacts {
    pub(crate) instance: InstanceUid,
    pub(crate) study: InstanceUid,
    pub(crate) series: InstanceUid,
    pub(crate) modality: String,
    pub(crate) sop_class: String,
    pub(crate) transfer_syntax: String,
    /// The header as JSON.
    pub(crate) header: Vec<u8>,
}

/// Why it does not come in; `detail` names places, never values.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) detail: Option<String>,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, detail: None }
    }
}

/// Looks at an object. The outer error is the world's: look again later. Call on a blocking thread.
pub(crate) fn examine(
    fetched: &Fetched,
    expected: &Expected<'_>,
    searcher: &Searcher,
) -> Result<Result<Facts, Refusal>, FetchError> {
    if fetched.bytes != expected.bytes {
        return Ok(Err(Code::LengthDiffers.into()));
    }
    if fetched.sha256 != expected.sha256 {
        return Ok(Err(Code::DigestDiffers.into()));
    }
    let form = if expected.name.is_image() { Form::Dicom } else { Form::Json };
    match searcher.search(&mut fetched.reader()?, form) {
        Ok(findings) if findings.is_empty() || expected.waived == Some(Code::ResidueFound) => {}
        Ok(findings) => {
            let detail = findings.to_string().chars().take(DETAIL_CHARS_MAX).collect();
            return Ok(Err(Refusal { code: Code::ResidueFound, detail: Some(detail) }));
        }
        Err(SearchError::Io(e)) if is_world(&e) => return Err(e.into()),
        Err(e) => return Ok(Err(Refusal { code: Code::SearchFailed, detail: Some(e.to_string()) })),
    }
    match expected.name {
        ItemName::Image(instance) => match part10::open(fetched.reader()?, &Limits::default()) {
            Ok(object) => Ok(image_facts(&object, instance, expected.pseudonym)),
            Err(part10::ReadError::Io(e)) if is_world(&e) => Err(e.into()),
            Err(e) => Ok(Err(Refusal { code: Code::NotDicom, detail: Some(e.to_string()) })),
        },
        ItemName::Data(named) | ItemName::Status(named) => {
            Ok(record_facts(fetched, expected.name, named, expected.pseudonym))
        }
    }
}

/// The searcher of this house: it knows no patient, so it looks for what identifies anybody.
pub(crate) fn searcher() -> Searcher {
    Searcher::new(&[], Patterns::all())
}

/// A detail is kept up to this length.
const DETAIL_CHARS_MAX: usize = 1_000;

/// A disk that fails, unlike an object that ends early.
fn is_world(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

fn image_facts(
    object: &part10::Object,
    instance: &InstanceUid,
    pseudonym: &Pseudonym,
) -> Result<Facts, Refusal> {
    let set = &object.dataset;
    let named = |tag| set.text(tag) == Some(pseudonym.as_str());
    if !named(tags::PATIENT_ID) || !named(tags::PATIENT_NAME) {
        return Err(Code::PatientDiffers.into());
    }
    if set.text(tags::SOP_INSTANCE_UID) != Some(instance.as_str()) {
        return Err(Code::InstanceDiffers.into());
    }
    if set.text(tags::PATIENT_IDENTITY_REMOVED) != Some("YES") {
        return Err(Code::NotDeclared.into());
    }
    if let Some(place) = private_element(set).or_else(|| private_element(&object.trailing)) {
        return Err(Refusal { code: Code::PrivateElements, detail: Some(place) });
    }
    let missing =
        |tag: dicom::tag::Tag| Refusal { code: Code::AttributesMissing, detail: Some(tag.to_string()) };
    let uid = |tag| set.text(tag).and_then(|text| InstanceUid::parse(text).ok()).ok_or_else(|| missing(tag));
    let text = |tag| set.text(tag).map(str::to_owned).ok_or_else(|| missing(tag));
    let header = serde_json::to_vec(&header::to_json(set)).map_err(|_| Refusal::from(Code::NotDicom))?;
    Ok(Facts::Image(Box::new(ImageFacts {
        instance: instance.clone(),
        study: uid(tags::STUDY_INSTANCE_UID)?,
        series: uid(tags::SERIES_INSTANCE_UID)?,
        modality: text(tags::MODALITY)?,
        sop_class: uid(tags::SOP_CLASS_UID)?.to_string(),
        transfer_syntax: object.meta.transfer_syntax.clone(),
        header,
    })))
}

/// Where the first private element stands that is not known to be safe, at any depth (PS3.5 §7.8, PS3.15 E.3.10).
fn private_element(set: &Dataset) -> Option<String> {
    let blocks = Blocks::of(set);
    set.iter().find_map(|element: &Element| {
        if is_private(element.tag) {
            return (!blocks.is_safe(element)).then(|| element.tag.to_string());
        }
        let inside = element.items().iter().find_map(private_element)?;
        Some(format!("{} > {inside}", element.tag))
    })
}

fn record_facts(
    fetched: &Fetched,
    name: &ItemName,
    named: &Pseudonym,
    cleared: &Pseudonym,
) -> Result<Facts, Refusal> {
    let bytes = fetched.in_memory().ok_or(Refusal::from(Code::RecordMalformed))?;
    let malformed = |_| Refusal::from(Code::RecordMalformed);
    let (kind, pseudonym, centre) = if matches!(name, ItemName::Data(_)) {
        let record = DataRecord::from_json(bytes).map_err(malformed)?;
        (RecordKind::Data, record.pseudonym, record.submitting_centre)
    } else {
        let record = StatusRecord::from_json(bytes).map_err(malformed)?;
        (RecordKind::Status, record.pseudonym, record.submitting_centre)
    };
    if pseudonym != *named || pseudonym != *cleared {
        return Err(Code::RecordDiffers.into());
    }
    Ok(Facts::Record { kind, centre })
}
