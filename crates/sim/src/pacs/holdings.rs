//! What an archive holds, and what it answers about it: studies, series and instances (PS3.4 §C.6.2).

use super::matching;
use crate::encode::Syntax;
use crate::images::Instance;
use bytes::Bytes;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, tags};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The levels of the Study Root model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// STUDY.
    Study,
    /// SERIES.
    Series,
    /// IMAGE.
    Image,
}

impl Level {
    /// The level of a Query/Retrieve Level (0008,0052). PATIENT is not part of Study Root.
    pub(super) fn of(identifier: &Dataset) -> Option<Self> {
        match identifier.text(tags::QUERY_RETRIEVE_LEVEL)? {
            "STUDY" => Some(Self::Study),
            "SERIES" => Some(Self::Series),
            "IMAGE" => Some(Self::Image),
            _ => None,
        }
    }

    fn unique_key(self) -> Tag {
        match self {
            Self::Study => tags::STUDY_INSTANCE_UID,
            Self::Series => tags::SERIES_INSTANCE_UID,
            Self::Image => tags::SOP_INSTANCE_UID,
        }
    }
}

/// An instance that came by C-STORE.
#[derive(Clone)]
pub struct Stored {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// Transfer syntax of the data set.
    pub transfer_syntax: String,
    /// Who sent it.
    pub calling_ae: String,
    /// The data set as it came.
    pub dataset: Bytes,
}

/// An instance of the holdings: planned and made when asked for, or stored by a peer.
enum Content {
    Planned(Box<Instance>),
    Stored(Stored),
}

pub(super) struct Holding {
    content: Content,
    syntax: Syntax,
    record: Dataset,
}

/// An instance on its way out.
#[derive(Clone)]
pub struct Outgoing {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// Transfer syntax of the data set.
    pub transfer_syntax: String,
    /// The data set.
    pub dataset: Bytes,
}

impl Holding {
    pub(super) fn planned(instance: Instance, preferred: Syntax) -> Self {
        let mut record = kept(&instance.header());
        let syntax = instance.syntax_for(preferred);
        put(&mut record, tags::AVAILABLE_TRANSFER_SYNTAX_UID, VR::UI, syntax.uid());
        Self { content: Content::Planned(Box::new(instance)), syntax, record }
    }

    pub(super) fn stored(stored: Stored, header: &Dataset) -> Self {
        let mut record = kept(header);
        put(&mut record, tags::AVAILABLE_TRANSFER_SYNTAX_UID, VR::UI, &stored.transfer_syntax);
        let syntax = Syntax::of_uid(&stored.transfer_syntax).unwrap_or(Syntax::ExplicitLittle);
        Self { content: Content::Stored(stored), syntax, record }
    }

    pub(super) fn sop_instance(&self) -> &str {
        self.record.text(tags::SOP_INSTANCE_UID).unwrap_or_default()
    }

    pub(super) fn sop_class(&self) -> &str {
        self.record.text(tags::SOP_CLASS_UID).unwrap_or_default()
    }

    /// The syntaxes that it can be sent in, its own first. What peers stored is never converted.
    pub(super) fn syntaxes(&self) -> Vec<String> {
        match &self.content {
            Content::Stored(stored) => vec![stored.transfer_syntax.clone()],
            Content::Planned(_) => [self.syntax, Syntax::ExplicitLittle, Syntax::ImplicitLittle]
                .map(|syntax| syntax.uid().to_owned())
                .to_vec(),
        }
    }

    /// The bytes to send in one of its syntaxes.
    pub(super) fn outgoing(&self, transfer_syntax: &str) -> Outgoing {
        match &self.content {
            Content::Stored(stored) => Outgoing {
                sop_class: stored.sop_class.clone(),
                sop_instance: stored.sop_instance.clone(),
                transfer_syntax: stored.transfer_syntax.clone(),
                dataset: stored.dataset.clone(),
            },
            Content::Planned(instance) => {
                let syntax = Syntax::of_uid(transfer_syntax).unwrap_or(Syntax::ExplicitLittle);
                Outgoing {
                    sop_class: instance.sop_class().into(),
                    sop_instance: instance.uid.clone(),
                    transfer_syntax: syntax.uid().into(),
                    dataset: instance.encode(syntax).into(),
                }
            }
        }
    }
}

/// The entities of a level that match an identifier, each with the answers to its keys.
pub(super) fn find(holdings: &[Arc<Holding>], level: Level, identifier: &Dataset) -> Vec<Dataset> {
    let mut entities: BTreeMap<&str, Vec<&Dataset>> = BTreeMap::new();
    for holding in holdings {
        if let Some(uid) = holding.record.text(level.unique_key()) {
            entities.entry(uid).or_default().push(&holding.record);
        }
    }
    let studies = study_modalities(holdings);
    let mut answers = Vec::new();
    for records in entities.values() {
        let entity = summary(level, records, &studies);
        if keys(identifier).all(|key| matching::matches(&entity, key)) {
            answers.push(answer(&entity, level, identifier));
        }
    }
    answers
}

/// The holdings that a C-MOVE or C-GET identifier names by unique keys (PS3.4 §C.4.2.2.1).
pub(super) fn select(holdings: &[Arc<Holding>], level: Level, identifier: &Dataset) -> Vec<Arc<Holding>> {
    let unique = [Level::Study, Level::Series, Level::Image];
    let keys: Vec<&Element> = unique
        .iter()
        .filter(|key_level| **key_level <= level)
        .filter_map(|key_level| identifier.get(key_level.unique_key()))
        .collect();
    if identifier.text(level.unique_key()).is_none() {
        return Vec::new();
    }
    let named = |holding: &Arc<Holding>| keys.iter().all(|key| matching::matches(&holding.record, key));
    holdings.iter().filter(|holding| named(holding)).cloned().collect()
}

fn keys(identifier: &Dataset) -> impl Iterator<Item = &Element> {
    identifier.iter().filter(|key| {
        !matches!(
            key.tag,
            tags::QUERY_RETRIEVE_LEVEL
                | tags::SPECIFIC_CHARACTER_SET
                | tags::TIMEZONE_OFFSET_FROM_UTC
                | tags::RETRIEVE_AE_TITLE
                | tags::INSTANCE_AVAILABILITY
        )
    })
}

fn study_modalities(holdings: &[Arc<Holding>]) -> BTreeMap<&str, Vec<&str>> {
    let mut studies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for holding in holdings {
        let study = holding.record.text(tags::STUDY_INSTANCE_UID).unwrap_or_default();
        let modality = holding.record.text(tags::MODALITY).unwrap_or_default();
        let modalities = studies.entry(study).or_default();
        if !modalities.contains(&modality) {
            modalities.push(modality);
        }
    }
    studies
}

/// One record for an entity: the first instance's attributes of the level, and what is counted over all of them.
fn summary(level: Level, records: &[&Dataset], studies: &BTreeMap<&str, Vec<&str>>) -> Dataset {
    let Some(first) = records.first() else { return Dataset::new() };
    let mut entity: Dataset =
        first.iter().filter(|element| level >= level_of(element.tag)).cloned().collect();
    let distinct = |tag: Tag| {
        let mut values: Vec<&str> = records.iter().filter_map(|record| record.text(tag)).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let number = records.len().to_string();
    let study = first.text(tags::STUDY_INSTANCE_UID).unwrap_or_default();
    let modalities = studies.get(study).map(|all| all.join("\\")).unwrap_or_default();
    put(&mut entity, tags::MODALITIES_IN_STUDY, VR::CS, &modalities);
    match level {
        Level::Study => {
            put(&mut entity, tags::SOP_CLASSES_IN_STUDY, VR::UI, &distinct(tags::SOP_CLASS_UID).join("\\"));
            let series = distinct(tags::SERIES_INSTANCE_UID).len().to_string();
            put(&mut entity, tags::NUMBER_OF_STUDY_RELATED_SERIES, VR::IS, &series);
            put(&mut entity, tags::NUMBER_OF_STUDY_RELATED_INSTANCES, VR::IS, &number);
        }
        Level::Series => put(&mut entity, tags::NUMBER_OF_SERIES_RELATED_INSTANCES, VR::IS, &number),
        Level::Image => {}
    }
    entity
}

/// A response holds the keys that were asked for, and no more (§C.4.1.1.3.2).
fn answer(entity: &Dataset, level: Level, identifier: &Dataset) -> Dataset {
    let mut answer = Dataset::new();
    for key in identifier.iter().filter(|key| key.tag != tags::SPECIFIC_CHARACTER_SET) {
        let found = entity.get(key.tag).cloned();
        answer.put(found.unwrap_or_else(|| Element { value: empty_like(key), ..key.clone() }));
    }
    let name = match level {
        Level::Study => "STUDY",
        Level::Series => "SERIES",
        Level::Image => "IMAGE",
    };
    put(&mut answer, tags::QUERY_RETRIEVE_LEVEL, VR::CS, name);
    put(&mut answer, tags::INSTANCE_AVAILABILITY, VR::CS, "ONLINE");
    answer
}

fn empty_like(key: &Element) -> dicom::dataset::Value {
    match &key.value {
        dicom::dataset::Value::Items(_) => dicom::dataset::Value::Items(Vec::new()),
        dicom::dataset::Value::Bytes(_) => dicom::dataset::Value::Bytes(dicom::dataset::ValueBytes::new()),
    }
}

fn put(set: &mut Dataset, tag: Tag, vr: VR, text: &str) {
    set.put_text(tag, vr, text);
}

/// The attributes that the archive indexes, with their levels.
const INDEXED: &[(Tag, Level)] = &[
    (tags::SOP_CLASS_UID, Level::Image),
    (tags::SOP_INSTANCE_UID, Level::Image),
    (tags::STUDY_DATE, Level::Study),
    (tags::SERIES_DATE, Level::Series),
    (tags::STUDY_TIME, Level::Study),
    (tags::SERIES_TIME, Level::Series),
    (tags::ACCESSION_NUMBER, Level::Study),
    (tags::MODALITY, Level::Series),
    (tags::INSTITUTION_NAME, Level::Study),
    (tags::INSTITUTION_CODE_SEQUENCE, Level::Study),
    (tags::REFERRING_PHYSICIAN_NAME, Level::Study),
    (tags::STUDY_DESCRIPTION, Level::Study),
    (tags::PROCEDURE_CODE_SEQUENCE, Level::Study),
    (tags::SERIES_DESCRIPTION, Level::Series),
    (tags::PATIENT_NAME, Level::Study),
    (tags::PATIENT_ID, Level::Study),
    (tags::ISSUER_OF_PATIENT_ID, Level::Study),
    (tags::PATIENT_BIRTH_DATE, Level::Study),
    (tags::PATIENT_SEX, Level::Study),
    (tags::OTHER_PATIENT_I_DS_SEQUENCE, Level::Study),
    (tags::BODY_PART_EXAMINED, Level::Series),
    (tags::PROTOCOL_NAME, Level::Series),
    (tags::STUDY_INSTANCE_UID, Level::Study),
    (tags::SERIES_INSTANCE_UID, Level::Series),
    (tags::STUDY_ID, Level::Study),
    (tags::SERIES_NUMBER, Level::Series),
    (tags::INSTANCE_NUMBER, Level::Image),
    (tags::ROWS, Level::Image),
    (tags::COLUMNS, Level::Image),
    (tags::IMAGE_TYPE, Level::Image),
    (tags::AVAILABLE_TRANSFER_SYNTAX_UID, Level::Image),
];

fn level_of(tag: Tag) -> Level {
    INDEXED.iter().find(|(indexed, _)| *indexed == tag).map_or(Level::Study, |(_, level)| *level)
}

fn kept(header: &Dataset) -> Dataset {
    let mut kept: Dataset = header
        .iter()
        .filter(|e| e.tag == matching::other_ids() || INDEXED.iter().any(|(tag, _)| *tag == e.tag))
        .cloned()
        .collect();
    // Other ids are answered in the retired form too, whichever form the images have.
    let others = header.items(tags::OTHER_PATIENT_I_DS_SEQUENCE).iter();
    let others: Vec<&str> = others.filter_map(|item| item.text(tags::PATIENT_ID)).collect();
    if !others.is_empty() {
        put(&mut kept, matching::other_ids(), VR::LO, &others.join("\\"));
    }
    kept
}
