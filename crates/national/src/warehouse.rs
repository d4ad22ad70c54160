//! The warehouse: finds each object its place, once, and puts it there.

use crate::code::Code;
use crate::error::NationalError;
use crate::examine::{Facts, ImageFacts};
use crate::fetch::Fetched;
use crate::house::{House, Project};
use crate::layout::{self, ImagePlace, RecordKind};
use crate::partition::{Partition, SitePolicy};
use crate::store::{Assignment, Holding, Item, Rule, Settled};
use platform::objects::Batch;

/// Puts an object that was taken in where it belongs, in a batch of the warehouse. Doing it twice changes nothing.
pub(crate) async fn place(
    house: &House,
    project: &Project,
    warehouse: &Batch,
    item: &Item,
    fetched: &Fetched,
    facts: Facts,
) -> Result<Settled, NationalError> {
    let standing = house.store.standing(item).await?;
    // A record lies once for each day that brought it; an image once.
    let is_image = matches!(facts, Facts::Image(_));
    if is_image
        && standing.is_held
        && (standing.is_current || standing.is_overtaken)
        && item.state != "loaded"
    {
        return Ok(Settled::Known);
    }
    let centre = match &facts {
        Facts::Record { centre, .. } => Some(centre.as_str()),
        Facts::Image(_) => None,
    };
    let partition = match standing.partition {
        Some(partition) => Some(partition),
        None => decide(house, project, item, centre).await?,
    };
    let Some(partition) = partition else {
        let unknown = centre.unwrap_or(item.trust.as_str()).to_owned();
        return Ok(Settled::Held(Code::UnknownCentre, unknown));
    };
    match facts {
        Facts::Record { kind, centre } => {
            place_record(project, warehouse, item, fetched, partition, kind, centre).await
        }
        Facts::Image(image) => {
            let put = !standing.is_overtaken;
            place_image(project, warehouse, item, fetched, partition, *image, put).await
        }
    }
}

/// Whether what an item was held for can be had now; asked before its bytes are fetched again.
pub(crate) async fn may_place(house: &House, project: &Project, item: &Item) -> Result<bool, NationalError> {
    let wanting = item.detail.as_deref().unwrap_or_default();
    match item.code {
        Some(Code::UnknownModality) => Ok(project.rules.modality_folders.contains_key(wanting)),
        _ => {
            let listed = project.rules.sites.policy([item.trust.as_str(), wanting]).is_some();
            Ok(listed || house.store.assignment(project.id(), &item.pseudonym).await?.is_some())
        }
    }
}

/// Removes from the tree what superseded images left where nothing current lies. Their bytes stay in the inbox.
pub(crate) async fn retire(house: &House, project: &Project) -> Result<(), NationalError> {
    for (name, sha256, key, header_key) in house.store.to_retire(project.id()).await? {
        project.warehouse.delete(&key).await?;
        if let Some(header_key) = header_key {
            project.warehouse.delete(&header_key).await?;
        }
        house.store.retired(project.id(), &name, &sha256).await?;
    }
    Ok(())
}

/// Takes something out of the tree again.
pub(crate) async fn take_out(project: &Project, stray: &Holding) -> Result<(), NationalError> {
    project.warehouse.delete(&stray.key).await?;
    if let Some(header_key) = &stray.header_key {
        project.warehouse.delete(header_key).await?;
    }
    Ok(())
}

/// Decides where the patient lies, unless another was quicker; `None`: nobody has said what to do with this centre.
async fn decide(
    house: &House,
    project: &Project,
    item: &Item,
    centre: Option<&str>,
) -> Result<Option<Partition>, NationalError> {
    let store = &house.store;
    let trust = item.trust.as_str();
    let proposed = match project.rules.sites.policy([trust].into_iter().chain(centre)) {
        None => return Ok(None),
        Some(SitePolicy::Whole(partition)) => Assignment { partition, rule: Rule::Site },
        Some(SitePolicy::Split) => {
            let subject = store.subject(project.id(), &item.pseudonym).await?;
            let partition = house.config.partition_key.decide(&subject, project.rules.training_percentage);
            Assignment { partition, rule: Rule::Keyed }
        }
    };
    let by = centre.unwrap_or(trust);
    let kept = store.assign(project.id(), &item.pseudonym, proposed, by, house.clock.now()).await?;
    Ok(Some(kept.partition))
}

async fn place_record(
    project: &Project,
    warehouse: &Batch,
    item: &Item,
    fetched: &Fetched,
    partition: Partition,
    kind: RecordKind,
    centre: String,
) -> Result<Settled, NationalError> {
    let key = layout::record(partition, &item.pseudonym, kind, item.path.date);
    fetched.put_into(warehouse, &key, &project.inbox, &item.path.to_string()).await?;
    Ok(Settled::Loaded(Box::new(Holding {
        centre: Some(centre),
        study: None,
        series: None,
        modality: None,
        kind: match kind {
            RecordKind::Data => "data".into(),
            RecordKind::Status => "status".into(),
        },
        sop_class: None,
        transfer_syntax: None,
        partition,
        key,
        header_key: None,
    })))
}

async fn place_image(
    project: &Project,
    warehouse: &Batch,
    item: &Item,
    fetched: &Fetched,
    partition: Partition,
    image: ImageFacts,
    put: bool,
) -> Result<Settled, NationalError> {
    let Some(folder) = project.rules.modality_folders.get(&image.modality) else {
        return Ok(Settled::Held(Code::UnknownModality, image.modality));
    };
    let place = ImagePlace {
        partition,
        kind: folder,
        pseudonym: &item.pseudonym,
        study: &image.study,
        series: &image.series,
        instance: &image.instance,
    };
    let (key, header_key) = (place.image(), place.metadata());
    // A version that a later one has overtaken is history: its bytes stay in the inbox.
    if put {
        fetched.put_into(warehouse, &key, &project.inbox, &item.path.to_string()).await?;
        warehouse.put(&header_key, image.header.into()).await?;
    }
    Ok(Settled::Loaded(Box::new(Holding {
        centre: None,
        study: Some(image.study.into()),
        series: Some(image.series.into()),
        modality: Some(image.modality),
        kind: folder.clone(),
        sop_class: Some(image.sop_class),
        transfer_syntax: Some(image.transfer_syntax),
        partition,
        key,
        header_key: Some(header_key),
    })))
}
