//! Manifests: found in the inbox, believed only if a pinned key signed them and they follow the one before.

use super::repeat_last_answer;
use crate::code::Code;
use crate::error::NationalError;
use crate::house::{House, Project};
use crate::store::NewItem;
use platform::objects::ObjectError;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use submission::digest::Digest;
use submission::manifest::{BYTES_MAX, ENTRIES_MAX, Entry, Manifest};
use submission::names::{Day, Slug};
use submission::paths::{ItemName, ManifestPath, raw_root};
use submission::signed::{PinnedKeys, SignatureError, Signed};

/// The alert for a missing place in a hub's sequence.
const GAP: &str = "sequence-gap";
/// The alert for a raw prefix that belongs to no configured hub.
const UNKNOWN_PREFIX: &str = "unknown-prefix";
/// Folders this many days older than the hub's last consignment are not looked into again.
const LOOK_BACK_DAYS: i32 = 31;

/// A manifest that was read and believed.
struct Believed {
    manifest: Manifest,
    sha256: Digest,
}

/// Looks for new manifests of every hub and opens those that follow; the answer is how many were opened.
pub async fn discover(house: &House, project: &Project) -> Result<usize, NationalError> {
    let mut opened = 0;
    let (folders, _) = project.inbox.list_folder("").await?;
    for folder in folders {
        let Some(name) = folder.strip_prefix("raw-") else { continue };
        match Slug::parse(name).ok().and_then(|hub| house.config.hubs.get_key_value(&hub)) {
            Some((hub, keys)) => {
                house.store.calm(project.id(), name, UNKNOWN_PREFIX).await?;
                opened += discover_hub(house, project, hub, keys).await?;
                repeat_last_answer(house, project, hub).await?;
            }
            None => {
                let shown: String = name.chars().take(64).collect();
                raise(house, project, &shown, UNKNOWN_PREFIX, "no hub of this name is configured").await?;
            }
        }
    }
    Ok(opened)
}

async fn discover_hub(
    house: &House,
    project: &Project,
    hub: &Slug,
    keys: &PinnedKeys,
) -> Result<usize, NationalError> {
    // First who is there, then in order of the sequence: manifests are large, so one at a time is kept.
    let mut waiting: BTreeMap<u64, Vec<ManifestPath>> = BTreeMap::new();
    for path in new_manifests(house, project, hub).await? {
        if let Some(believed) = read_or_refuse(house, project, &path, keys).await? {
            waiting.entry(believed.manifest.sequence).or_default().push(path);
        }
    }
    let mut opened = 0;
    for (sequence, paths) in waiting {
        for path in paths {
            let last = house.store.last_taken(project.id(), hub.as_str()).await?;
            let next = last.as_ref().map_or(1, |last| last.sequence + 1);
            if sequence > next {
                raise(house, project, hub.as_str(), GAP, &format!("waiting for {next}, found {sequence}"))
                    .await?;
                return Ok(opened);
            }
            let Some(believed) = read_or_refuse(house, project, &path, keys).await? else { continue };
            if sequence < next {
                refuse(house, project, &path, believed.sha256, Code::SequenceReused).await?;
            } else if believed.manifest.previous != last.map(|last| last.sha256) {
                refuse(house, project, &path, believed.sha256, Code::ChainBroken).await?;
            } else if open(house, project, &path, believed, keys).await? {
                opened += 1;
            }
        }
    }
    house.store.calm(project.id(), hub.as_str(), GAP).await?;
    Ok(opened)
}

/// Keys of manifests that were neither taken in nor refused.
async fn new_manifests(
    house: &House,
    project: &Project,
    hub: &Slug,
) -> Result<Vec<ManifestPath>, NationalError> {
    let known: BTreeSet<String> =
        house.store.known_manifests(project.id(), hub.as_str()).await?.into_iter().collect();
    let last = house.store.last_taken(project.id(), hub.as_str()).await?;
    let since = last.and_then(|last| Day::parse(&last.date).ok()?.plus_days(-LOOK_BACK_DAYS));
    let root = raw_root(hub);
    let (dates, _) = project.inbox.list_folder(&root).await?;
    let mut found = Vec::new();
    for date in dates {
        let Ok(day) = Day::parse(&date) else { continue };
        if since.is_some_and(|since| day < since) {
            continue;
        }
        let (_, objects) = project.inbox.list_folder(&format!("{root}/{date}")).await?;
        let new = objects.into_iter().filter(|object| !known.contains(&object.name));
        found.extend(new.filter_map(|object| ManifestPath::parse(&object.name).ok()));
    }
    Ok(found)
}

/// Reads a manifest. What is not believed is set aside and alerted, and is `None`.
async fn read_or_refuse(
    house: &House,
    project: &Project,
    path: &ManifestPath,
    keys: &PinnedKeys,
) -> Result<Option<Believed>, NationalError> {
    let key = path.to_string();
    if project.inbox.head(&key).await.map(|info| info.bytes > BYTES_MAX).unwrap_or(false) {
        let sha256 = Digest::of(b"");
        refuse(house, project, path, sha256, Code::ManifestMalformed).await?;
        return Ok(None);
    }
    let bytes = match project.inbox.get(&key).await {
        Ok(bytes) => bytes,
        Err(ObjectError::NotFound(_)) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let (keys, expected, id) = (keys.clone(), path.clone(), project.rules.id.clone());
    let read = tokio::task::spawn_blocking(move || {
        let sha256 = Digest::of(&bytes);
        (sha256, believe(&bytes, &keys, &expected, &id))
    });
    let (sha256, believed) = read.await.map_err(NationalError::bug)?;
    match believed {
        Ok(manifest) => Ok(Some(Believed { manifest, sha256 })),
        Err(code) => {
            refuse(house, project, path, sha256, code).await?;
            Ok(None)
        }
    }
}

/// Whether a pinned key signed these bytes, and they belong where they lie.
fn believe(bytes: &[u8], keys: &PinnedKeys, path: &ManifestPath, project: &Slug) -> Result<Manifest, Code> {
    let signed = Signed::<Manifest>::from_json(bytes).map_err(|_| Code::ManifestMalformed)?;
    let manifest = signed.verify(keys).map_err(|e| match e {
        SignatureError::Stranger => Code::ManifestStranger,
        SignatureError::Forged => Code::ManifestForged,
        _ => Code::ManifestMalformed,
    })?;
    let here = |entry: &Entry| entry.path.hub == manifest.hub && entry.path.date == manifest.date;
    if manifest.path() != *path || manifest.project != *project || !manifest.entries.iter().all(here) {
        return Err(Code::ManifestMisplaced);
    }
    let names: BTreeSet<&ItemName> = manifest.entries.iter().map(|entry| &entry.path.item).collect();
    if manifest.sequence == 0 || manifest.entries.len() > ENTRIES_MAX || names.len() != manifest.entries.len()
    {
        return Err(Code::ManifestMalformed);
    }
    Ok(manifest)
}

/// Opens a consignment; `false`: its clearances are no clearances at all, and it is refused.
async fn open(
    house: &House,
    project: &Project,
    path: &ManifestPath,
    believed: Believed,
    keys: &PinnedKeys,
) -> Result<bool, NationalError> {
    let (manifest, keys) = (Arc::new(believed.manifest), keys.clone());
    let reading = manifest.clone();
    let read = tokio::task::spawn_blocking(move || {
        reading.entries.iter().map(|entry| new_item(entry, &keys)).collect::<Option<Vec<_>>>()
    });
    let Some(mut items) = read.await.map_err(NationalError::bug)? else {
        refuse(house, project, path, believed.sha256, Code::ManifestMalformed).await?;
        return Ok(false);
    };
    let date = manifest.date.to_string();
    if house.store.has_consignment_of(project.id(), manifest.hub.as_str(), &date).await? {
        let paths: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
        let mut before: HashMap<String, Vec<String>> = HashMap::new();
        for (path, sha256) in house.store.listed_before(project.id(), &paths).await? {
            before.entry(path).or_default().push(sha256);
        }
        for item in &mut items {
            let is_other = |sha256: &String| *sha256 != item.sha256.to_string();
            if before.get(&item.path).is_some_and(|before| before.iter().any(is_other)) {
                item.fault = item.fault.or(Some(Code::PathReused));
            }
        }
    }
    house.store.open_consignment(&manifest, believed.sha256, &items, house.clock.now()).await?;
    tracing::info!(project = project.id(), hub = %manifest.hub, sequence = manifest.sequence,
        items = items.len(), "consignment opened");
    Ok(true)
}

/// What an entry says, and what is wrong with it before its bytes are looked at; `None`: its clearance is none.
fn new_item(entry: &Entry, keys: &PinnedKeys) -> Option<NewItem> {
    let (clearance, fault) = match entry.clearance.verify(keys) {
        Ok(clearance) => {
            let subject_named = match &entry.path.item {
                ItemName::Image(_) => true,
                ItemName::Data(named) | ItemName::Status(named) => *named == clearance.pseudonym,
            };
            let bound = clearance.name == entry.path.item && subject_named;
            (clearance, (!bound).then_some(Code::ClearanceMismatch))
        }
        Err(_) => (entry.clearance.claims().ok()?, Some(Code::ClearanceInvalid)),
    };
    Some(NewItem {
        path: entry.path.to_string(),
        name: entry.path.item.to_string(),
        image: entry.path.item.is_image(),
        sha256: clearance.sha256,
        bytes: clearance.bytes,
        pseudonym: clearance.pseudonym.into(),
        trust: entry.trust.as_str().to_owned(),
        supersedes: entry.supersedes,
        fault,
    })
}

async fn refuse(
    house: &House,
    project: &Project,
    path: &ManifestPath,
    sha256: Digest,
    code: Code,
) -> Result<(), NationalError> {
    let (hub, key, now) = (path.hub.as_str(), path.to_string(), house.clock.now());
    house.store.refuse_manifest(project.id(), hub, &key, sha256, code, now).await?;
    raise(house, project, hub, code.as_str(), &key).await
}

async fn raise(
    house: &House,
    project: &Project,
    hub: &str,
    code: &str,
    detail: &str,
) -> Result<(), NationalError> {
    if house.store.alert(project.id(), hub, code, detail, house.clock.now()).await? {
        tracing::warn!(project = project.id(), hub, code, detail, "alert");
    }
    Ok(())
}
