//! What consigning and sending share: the gates asked once a person, items taken back, the manifest made and signed.

use super::deidentify::outbox_name;
use super::looked::DEVICE_STOPPED;
use crate::context::{Hub, HubError, Served};
use crate::sources::worker_of;
use crate::store::{Consignment, Item, new_id};
use platform::audit::{self, Details};
use platform::clock::Timestamp;
use platform::db::Tx;
use platform::jobs::{self, Job};
use std::collections::{BTreeMap, HashMap, HashSet};
use submission::clearance::Clearance;
use submission::digest::Digest;
use submission::manifest::{Alias, Entry, Manifest};
use submission::names::{Day, InvalidName, OdsCode, Slug};
use submission::paths::{ItemName, ManifestPath, RawPath};
use submission::pseudonym::Pseudonym;
use submission::signed::{SignatureError, Signed};

/// The clearance does not vouch for what the row says.
pub(super) const CLEARANCE_BROKEN: &str = "clearance-broken";
/// The cleared bytes are gone from the outbox, so the object is de-identified again.
pub(crate) const OUTBOX_MISSING: &str = "outbox-object-missing";

/// An item that does not leave, and what becomes of it.
pub(super) struct Fallen {
    pub(super) item: Item,
    /// `held`, `quarantined`, or `received` to be de-identified again.
    pub(super) state: &'static str,
    pub(super) code: &'static str,
}

/// Splits items into what may leave now and what may not: every gate is asked, once for each person at each trust. See
/// [`vouched_for`] as well.
pub(super) async fn ask_gates(
    hub: &Hub,
    served: &Served,
    items: Vec<Item>,
    now: Timestamp,
) -> Result<(Vec<Item>, Vec<Fallen>), HubError> {
    let gates = hub.gates(served);
    let mut answers: HashMap<(String, String), Option<&'static str>> = HashMap::new();
    let stopped: HashSet<String> = hub.store.items_of_stopped().await?.into_iter().collect();
    let (mut open, mut fallen) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        if stopped.contains(&item.id) {
            fallen.push(Fallen { item, state: "held", code: DEVICE_STOPPED });
            continue;
        }
        let asked = (item.trust.clone(), item.person.clone());
        let code = match answers.get(&asked) {
            Some(code) => *code,
            None => {
                let code = gates.shut(&item.trust, &item.person, now).await?.map(|shut| shut.code);
                answers.insert(asked, code);
                code
            }
        };
        match code {
            Some(code) => fallen.push(Fallen { item, state: "held", code }),
            None => open.push(item),
        }
    }
    Ok((open, fallen))
}

/// Splits items into those whose clearance vouches for them and those that fall. To be asked before anything that lists them
/// is signed, and before it is put.
pub(super) fn vouched_for(hub: &Hub, items: Vec<Item>) -> (Vec<Item>, Vec<Fallen>) {
    let (good, broken): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| is_vouched_for(hub, item));
    // A record is made again from its row; of an instance a person must see what changed it.
    let state = |item: &Item| if item.kind == "clinical" { "held" } else { "quarantined" };
    let fall = |item| Fallen { state: state(&item), item, code: CLEARANCE_BROKEN };
    (good, broken.into_iter().map(fall).collect())
}

/// Whether the clearance is ours and speaks of this name, these bytes and this pseudonym.
fn is_vouched_for(hub: &Hub, item: &Item) -> bool {
    let signed = Signed::<Clearance>::from_json(item.clearance.as_bytes());
    let Ok(clearance) = signed.and_then(|signed| signed.verify(&hub.own_keys)) else { return false };
    clearance.name.to_string() == item.name
        && clearance.sha256.to_string() == item.digest
        && clearance.bytes == item.bytes
        && clearance.pseudonym.as_str() == item.pseudonym
}

/// Writes down what does not leave. Its outbox objects are removed afterwards by [`empty_outbox`].
pub(super) async fn withdrawn(
    hub: &Hub,
    tx: &mut Tx,
    fallen: &[Fallen],
    now: Timestamp,
) -> Result<(), HubError> {
    for Fallen { item, state, code } in fallen {
        if !hub.store.item_withdrawn(tx, item, state, Some(code), now).await? {
            continue;
        }
        if *state == "received" {
            again(hub, tx, &item.kind, &item.id, now).await?;
        }
        let details = Details::new().id("item", &item.id)?.code("state", state).code("code", code);
        audit::append(tx, &item.trust, "hub", "item withdrawn", &details, now).await?;
    }
    Ok(())
}

/// Owes an item again from as far back as needed: de-identified once more; fetched once more if its object is gone.
pub(crate) async fn again(
    hub: &Hub,
    tx: &mut Tx,
    kind: &str,
    id: &str,
    now: Timestamp,
) -> Result<(), HubError> {
    let (kind, payload, host) = match kind {
        "clinical" => ("clinical", id.to_owned(), None),
        _ => {
            let Some(row) = hub.store.instance(id).await? else { return Ok(()) };
            let spool = match &row.spool {
                Some(spool) => hub.store.spool_object(spool).await?,
                None => None,
            };
            match (spool, row.study) {
                (Some(spool), _) => ("deidentify", spool.id, None),
                (None, Some(study)) => {
                    hub.store.instance_is(tx, id, "missing", None, now).await?;
                    hub.store.study_is(tx, &study, "short", Some("study-short"), now).await?;
                    ("retrieve", study, Some(worker_of(&row.source)))
                }
                // It was pushed unasked: whoever pushed it may do so again.
                (None, None) => {
                    hub.store.instance_is(tx, id, "missing", None, now).await?;
                    return Ok(());
                }
            }
        }
    };
    let job = Job { key: format!("{payload}:{}", new_id()), payload, host, ..Job::now(kind, "") };
    if kind == "retrieve" {
        return Ok(jobs::owe(tx, &job, now).await?);
    }
    jobs::enqueue(tx, &job, now).await?;
    Ok(())
}

/// Removes outbox objects that nothing to be sent stands on.
pub(super) async fn empty_outbox<'a>(
    hub: &Hub,
    project: &str,
    digests: impl Iterator<Item = &'a str>,
) -> Result<(), HubError> {
    let digests: Vec<&str> = digests.collect();
    let spare = hub.store.outbox_spares(project, &digests).await?;
    Ok(hub.outbox.delete_all(spare.iter().map(|digest| outbox_name(project, digest)).collect()).await?)
}

/// Names what no document of ours could carry: a configuration that passed its checks never has one.
pub(super) fn named(what: &'static str) -> impl Fn(InvalidName) -> HubError {
    move |error| HubError::Name { what, error }
}

pub(super) fn unsigned(what: &'static str) -> impl Fn(SignatureError) -> HubError {
    move |error| HubError::Document { what, error }
}

/// The key of an item in the inbox.
pub(super) fn raw_path(hub: &Hub, consignment: &Consignment, item: &Item) -> Result<RawPath, HubError> {
    Ok(RawPath {
        hub: hub.id.clone(),
        date: Day::parse(&consignment.date).map_err(named("date of a consignment"))?,
        item: ItemName::parse(&item.name).map_err(named("outgoing name"))?,
    })
}

/// The key of a consignment's manifest in the inbox.
pub(super) fn manifest_path(hub: &Hub, consignment: &Consignment) -> Result<ManifestPath, HubError> {
    Ok(ManifestPath {
        hub: hub.id.clone(),
        date: Day::parse(&consignment.date).map_err(named("date of a consignment"))?,
        number: u32::try_from(consignment.number).unwrap_or(u32::MAX),
    })
}

/// How many items of each trust.
pub(super) fn by_trust(items: &[Item]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item.trust.as_str()).or_default() += 1;
    }
    counts
}

/// Makes and signs the manifest of what is in a consignment, in the transaction that put it there.
pub(super) async fn seal(
    hub: &Hub,
    served: &Served,
    tx: &mut Tx,
    consignment: &Consignment,
    previous: Option<Digest>,
    now: Timestamp,
) -> Result<(), HubError> {
    let project = &served.project.name;
    let versions = hub.store.earlier_versions(project, consignment.sequence).await?;
    let versions: HashMap<String, String> = versions.into_iter().collect();
    let items = hub.store.items_in(tx, &consignment.id).await?;
    for (trust, n) in by_trust(&items) {
        let details =
            Details::new().id("consignment", &consignment.id)?.number("sequence", consignment.sequence);
        audit::append(tx, trust, "hub", "consignment sealed", &details.number("items", n), now).await?;
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    let mut listed = Vec::with_capacity(items.len());
    for item in &items {
        // Two sources hold the same bytes: they go once, and the one outcome speaks for both.
        if listed.last().is_some_and(|(name, _): &(String, String)| *name == item.name) {
            continue;
        }
        entries.push(entry(hub, consignment, item, versions.get(&item.name))?);
        listed.push((item.name.clone(), item.digest.clone()));
    }
    let manifest = Manifest {
        hub: hub.id.clone(),
        project: Slug::parse(project).map_err(named("project"))?,
        sequence: u64::try_from(consignment.sequence).unwrap_or(0),
        date: Day::parse(&consignment.date).map_err(named("date of a consignment"))?,
        number: u32::try_from(consignment.number).unwrap_or(u32::MAX),
        previous,
        audit_root: Digest::from_bytes(audit::mark(tx, now).await?),
        entries,
        aliases: aliases(hub, tx, consignment).await?,
        withheld: withheld(hub, served, tx).await?,
    };
    let signed = Signed::sign(&manifest, &hub.signer).and_then(|signed| signed.to_json());
    let json = signed.map_err(unsigned("manifest"))?;
    let digest = Digest::of(&json).to_string();
    let json = String::from_utf8(json).map_err(|_| unsigned("manifest")(SignatureError::Malformed))?;
    hub.store.consignment_sealed(tx, &consignment.id, &json, &digest, &listed).await?;
    Ok(())
}

fn entry(
    hub: &Hub,
    consignment: &Consignment,
    item: &Item,
    earlier: Option<&String>,
) -> Result<Entry, HubError> {
    let earlier = earlier.filter(|digest| **digest != item.digest);
    Ok(Entry {
        path: raw_path(hub, consignment, item)?,
        clearance: Signed::from_json(item.clearance.as_bytes()).map_err(unsigned("clearance"))?,
        trust: OdsCode::parse(&item.trust).map_err(named("ODS code"))?,
        supersedes: earlier.and_then(|digest| Digest::parse(digest).ok()),
    })
}

async fn aliases(hub: &Hub, tx: &mut Tx, consignment: &Consignment) -> Result<Vec<Alias>, HubError> {
    let pairs = hub.store.aliases_of(tx, &consignment.id).await?;
    let parse = |text: &str| Pseudonym::parse(text).map_err(named("pseudonym"));
    pairs
        .iter()
        .map(|(pseudonym, derived)| Ok(Alias { pseudonym: parse(pseudonym)?, nhs_derived: parse(derived)? }))
        .collect()
}

/// What is held, and what waits for more people of its age.
async fn withheld(hub: &Hub, served: &Served, tx: &mut Tx) -> Result<BTreeMap<Slug, u64>, HubError> {
    let project = &served.project.name;
    let mut kept_back = hub.store.withheld(tx, project).await?;
    let few = hub.store.few_ages(tx, project, served.profile.age_people_min()).await?;
    for waiting in hub.store.few_ages_counts(tx, project, &few).await? {
        kept_back.extend(waiting.reason.zip(u64::try_from(waiting.n).ok()));
    }
    let mut counts = BTreeMap::new();
    for (reasons, n) in kept_back {
        let first = reasons.split(' ').next().unwrap_or_default();
        let code = Slug::parse(first).or_else(|_| Slug::parse("other")).map_err(named("reason code"))?;
        *counts.entry(code).or_default() += n;
    }
    Ok(counts)
}
