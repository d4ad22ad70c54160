//! One study fetched: C-GET where it is offered, and for what that does not bring C-MOVE to ourselves; what is missing is asked
//! for again by instance where the archive lists instances, else by series, else whole. A study that came short is never
//! called done.

use crate::ae::{AeError, Client, Holding, Retrieved};
use crate::config::{Level, Retrieve, Source};
use crate::context::{Hub, HubError};
use crate::linkage::TokenKind;
use crate::pipeline::reconsider::is_of_a_gate;
use crate::retrieve::manners::{Rate, put_off};
use crate::retrieve::query::{self, is_whole};
use crate::store::Study;
use dicom::dataset::Dataset;
use dicom::tag::{VR, tags};
use platform::jobs::{self, Lease, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Objects of a C-MOVE may arrive a little after its last response.
const SETTLE: Duration = Duration::from_millis(500);
/// How often it is looked whether they have.
const SETTLE_CHECKS: u32 = 4;

/// One step: the payload is the study.
pub async fn step(hub: &Hub, client: &Client, rate: &Rate, lease: &Lease) -> Result<Outcome, HubError> {
    let Some(study) = hub.store.study(&lease.payload).await? else {
        return Ok(Outcome::GiveUp { code: "no-such-study" });
    };
    let (Some(served), Some(source)) = (hub.served(&study.project), hub.config.source(&study.source)) else {
        return Ok(Outcome::RetryLater { at: None, code: "not-configured" });
    };
    let now = hub.clock.now();
    // A person, or a later answer of the archive, has decided otherwise since this was owed.
    let is_in_doubt = study.state == "held" && !study.reason.as_deref().is_some_and(is_of_a_gate);
    if is_in_doubt || study.state == "excluded" {
        return settle(hub, lease, &study, &study.state, study.reason.as_deref()).await;
    }
    if !is_asked_for(hub, &study).await? {
        return settle(hub, lease, &study, "excluded", Some("row-withdrawn")).await;
    }
    if let Some(shut) = hub.gates(served).shut(&study.trust, &study.person, now).await? {
        return settle(hub, lease, &study, "held", Some(shut.code)).await;
    }
    if let Some(later) = put_off(hub, source, &study.trust, now).await? {
        return Ok(later);
    }
    if is_whole(hub, &study, study.expected).await? {
        return settle(hub, lease, &study, "retrieved", None).await;
    }
    if let Err(at) = rate.take(now) {
        return Ok(Outcome::RetryLater { at: Some(at), code: "studies-per-hour" });
    }
    let mut tx = hub.store.write().await?;
    hub.store.study_is(&mut tx, &study.id, "retrieving", None, now).await?;
    tx.commit().await?;
    let Some(uid) = hub.linkage.study_uid(&study.token).await? else {
        return Ok(Outcome::GiveUp { code: "study-without-uid" });
    };
    let uid = uid.expose(&hub.custody);
    let expected = match fetch(hub, client, source, &study, uid).await? {
        Ok(expected) => expected,
        Err(error) => {
            tracing::warn!(source = %source.name, study = %study.id, %error, "retrieval failed; tried again later");
            short(hub, &study).await?;
            return Ok(Outcome::RetryLater { at: None, code: "archive-failed" });
        }
    };
    for _ in 0..SETTLE_CHECKS {
        if is_whole(hub, &study, expected).await? {
            return settle(hub, lease, &study, "retrieved", None).await;
        }
        hub.clock.sleep(SETTLE).await;
    }
    short(hub, &study).await?;
    Ok(Outcome::RetryLater { at: None, code: "study-short" })
}

/// Asks for the study in one way, and for what that leaves out in the other where there is one; gives how many instances it
/// has by all that is known now.
async fn fetch(
    hub: &Hub,
    client: &Client,
    source: &Source,
    study: &Study,
    uid: &str,
) -> Result<Result<Option<i64>, AeError>, HubError> {
    let ways: &[Way] = match source.retrieve {
        Retrieve::Get => &[Way::Get],
        Retrieve::Move => &[Way::Move],
        Retrieve::Auto => &[Way::Get, Way::Move],
    };
    let mut expected = study.expected;
    for (n, way) in ways.iter().enumerate() {
        let (is_first, is_last) = (study.attempts == 0 && n == 0, n + 1 == ways.len());
        let outcome = match what_to_fetch(hub, client, source, study, uid, is_first).await? {
            Ok(parts) => retrieve(client, source, *way, parts, holdings(study)).await,
            Err(error) => Err(error),
        };
        let retrieved = match outcome {
            Ok(retrieved) => retrieved,
            // Whoever refuses C-GET, or accepts none of its contexts, is asked to move.
            Err(AeError::Role(_) | AeError::Failed(_)) if !is_last => continue,
            Err(error) => return Ok(Err(error)),
        };
        if retrieved.is_complete {
            let mut tx = hub.store.write().await?;
            hub.store.study_expects(&mut tx, &study.id, retrieved.completed).await?;
            tx.commit().await?;
            expected = expected.max(i64::try_from(retrieved.completed).ok());
        }
        if !is_partial(&retrieved, expected) {
            break;
        }
    }
    Ok(Ok(expected))
}

/// How objects are asked for.
#[derive(Debug, Clone, Copy)]
enum Way {
    Get,
    Move,
}

/// Whether the archive itself says that it did not give all.
fn is_partial(retrieved: &Retrieved, expected: Option<i64>) -> bool {
    let is_less = |expected| i64::try_from(retrieved.completed).is_ok_and(|completed| completed < expected);
    retrieved.failed > 0 || retrieved.is_complete && expected.is_some_and(is_less)
}

/// What one request asks for: a level and its keys.
type Part = (Level, Dataset);

/// Instances named in one request at most.
const INSTANCES_A_REQUEST: usize = 100;

/// The whole study the first time; then only what is still missing: by instance, else by series, as far down as the archive
/// answers and still has it.
async fn what_to_fetch(
    hub: &Hub,
    client: &Client,
    source: &Source,
    study: &Study,
    uid: &str,
    is_first: bool,
) -> Result<Result<Vec<Part>, AeError>, HubError> {
    let mut whole = Dataset::new();
    whole.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
    let arrived = hub.store.arrived(study).await?;
    if is_first || arrived.missing == arrived.listed {
        return Ok(Ok(vec![(Level::Study, whole)]));
    }
    if !source.query_levels.contains(&Level::Image) {
        return series_to_fetch(hub, client, source, study, uid, whole).await;
    }
    let missing: BTreeSet<String> = hub.store.missing_tokens(&study.id).await?.into_iter().collect();
    let listed = match query::images(client, source, uid, &[]).await {
        Ok(listed) => listed,
        Err(error) => return Ok(Err(error)),
    };
    let mut by_series: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for image in listed {
        if missing.contains(&hub.linkage.token(TokenKind::Instance, &image.instance)) {
            by_series.entry(image.series).or_default().push(image.instance);
        }
    }
    let mut parts = Vec::new();
    for (series, instances) in by_series {
        for some in instances.chunks(INSTANCES_A_REQUEST) {
            let mut keys = whole.clone();
            keys.put_text(tags::SERIES_INSTANCE_UID, VR::UI, &series);
            keys.put_text(tags::SOP_INSTANCE_UID, VR::UI, &some.join("\\"));
            parts.push((Level::Image, keys));
        }
    }
    Ok(Ok(if parts.is_empty() { vec![(Level::Study, whole)] } else { parts }))
}

/// The series of which less has arrived than the archive says it has, or of which it does not say; else the whole study.
async fn series_to_fetch(
    hub: &Hub,
    client: &Client,
    source: &Source,
    study: &Study,
    uid: &str,
    whole: Dataset,
) -> Result<Result<Vec<Part>, AeError>, HubError> {
    if !source.query_levels.contains(&Level::Series) {
        return Ok(Ok(vec![(Level::Study, whole)]));
    }
    let listed = match query::series(client, source, uid).await {
        Ok(listed) => listed,
        Err(error) => return Ok(Err(error)),
    };
    let arrived: BTreeMap<String, i64> = hub.store.arrived_by_series(&study.id).await?.into_iter().collect();
    let mut parts = Vec::new();
    for (series, n) in listed {
        let here = arrived.get(&hub.linkage.token(TokenKind::Series, &series)).copied().unwrap_or(0);
        if n.is_none_or(|n| here < n) {
            let mut keys = whole.clone();
            keys.put_text(tags::SERIES_INSTANCE_UID, VR::UI, &series);
            parts.push((Level::Series, keys));
        }
    }
    Ok(Ok(if parts.is_empty() { vec![(Level::Study, whole)] } else { parts }))
}

/// Fetches each part; the counts of a whole study tell how many instances it has.
async fn retrieve(
    client: &Client,
    source: &Source,
    way: Way,
    parts: Vec<Part>,
    holdings: Vec<Holding>,
) -> Result<Retrieved, AeError> {
    let (client, source) = (client.clone(), source.clone());
    let work = move || {
        let mut all = Retrieved {
            is_complete: parts.iter().all(|(level, _)| *level == Level::Study),
            ..Retrieved::default()
        };
        for (level, keys) in &parts {
            let part = match way {
                Way::Get => client.get(&source, *level, keys, &holdings),
                Way::Move => client.move_to_us(&source, *level, keys),
            }?;
            all.stored += part.stored;
            all.failed += part.failed;
            all.completed += part.completed;
            all.is_complete &= part.is_complete;
        }
        Ok(all)
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(AeError::Ended))
}

/// What the study holds, as planned when it was found; common image classes where the archive did not say.
fn holdings(study: &Study) -> Vec<Holding> {
    let planned: Vec<Holding> =
        study.plan.as_deref().and_then(|plan| serde_json::from_str(plan).ok()).unwrap_or_default();
    if !planned.is_empty() {
        return planned;
    }
    COMMON_CLASSES.iter().map(|class| ((*class).to_owned(), None)).collect()
}

/// Asked for where an archive does not say what a study holds (PS3.4 Annex B.5).
const COMMON_CLASSES: &[&str] = &[
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.88.67",
    "1.2.840.10008.5.1.4.1.1.11.1",
];

/// Whether a live row of the study's trust still names its person: the one that asked for it may have been given up.
async fn is_asked_for(hub: &Hub, study: &Study) -> Result<bool, HubError> {
    let asked = hub.store.row(&study.cohort_row).await?;
    if asked.is_some_and(|row| row.state != "withdrawn") {
        return Ok(true);
    }
    let rows = hub.store.rows_of_person(&study.person).await?;
    Ok(rows.iter().any(|row| row.project == study.project && row.trust == study.trust))
}

async fn short(hub: &Hub, study: &Study) -> Result<(), HubError> {
    let mut tx = hub.store.write().await?;
    hub.store.study_is(&mut tx, &study.id, "short", Some("study-short"), hub.clock.now()).await?;
    Ok(tx.commit().await?)
}

async fn settle(
    hub: &Hub,
    lease: &Lease,
    study: &Study,
    state: &str,
    reason: Option<&str>,
) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    hub.store.study_is(&mut tx, &study.id, state, reason, now).await?;
    if jobs::complete(&mut tx, lease, now).await.is_err() {
        return Ok(Outcome::RetryLater { at: None, code: "lease-lost" });
    }
    tx.commit().await?;
    Ok(Outcome::Finished)
}
