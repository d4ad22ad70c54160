//! One study fetched: C-GET where it is offered, else C-MOVE to ourselves; what is missing is asked for again by instance
//! where the archive lists instances, else whole. A study that came short is never called done.

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
    let outcome = match what_to_fetch(hub, client, source, &study, uid).await? {
        Ok(parts) => retrieve(client, source, parts, holdings(&study)).await,
        Err(error) => Err(error),
    };
    let retrieved = match outcome {
        Ok(retrieved) => retrieved,
        Err(error) => {
            tracing::warn!(source = %source.name, study = %study.id, %error, "retrieval failed; tried again later");
            short(hub, &study).await?;
            return Ok(Outcome::RetryLater { at: None, code: "archive-failed" });
        }
    };
    let told = retrieved.is_complete.then_some(retrieved.completed);
    if let Some(told) = told {
        let mut tx = hub.store.write().await?;
        hub.store.study_expects(&mut tx, &study.id, told).await?;
        tx.commit().await?;
    }
    let expected = study.expected.max(told.and_then(|told| i64::try_from(told).ok()));
    for _ in 0..SETTLE_CHECKS {
        if is_whole(hub, &study, expected).await? {
            return settle(hub, lease, &study, "retrieved", None).await;
        }
        hub.clock.sleep(SETTLE).await;
    }
    short(hub, &study).await?;
    Ok(Outcome::RetryLater { at: None, code: "study-short" })
}

/// What one request asks for: a level and its keys.
type Part = (Level, Dataset);

/// Instances named in one request at most.
const INSTANCES_A_REQUEST: usize = 100;

/// The whole study the first time; then only what is still missing, where the archive lists instances and still has it.
async fn what_to_fetch(
    hub: &Hub,
    client: &Client,
    source: &Source,
    study: &Study,
    uid: &str,
) -> Result<Result<Vec<Part>, AeError>, HubError> {
    let mut whole = Dataset::new();
    whole.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
    let arrived = hub.store.arrived(study).await?;
    if study.attempts == 0
        || !source.query_levels.contains(&Level::Image)
        || arrived.missing == arrived.listed
    {
        return Ok(Ok(vec![(Level::Study, whole)]));
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

/// Fetches each part; the counts of a whole study tell how many instances it has.
async fn retrieve(
    client: &Client,
    source: &Source,
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
            let get = || client.get(&source, *level, keys, &holdings);
            let by_move = || client.move_to_us(&source, *level, keys);
            let part = match source.retrieve {
                Retrieve::Get => get(),
                Retrieve::Move => by_move(),
                // Whoever refuses C-GET, or accepts none of its contexts, is asked to move.
                Retrieve::Auto => get().or_else(|error| match error {
                    AeError::Role(_) | AeError::Failed(_) => by_move(),
                    other => Err(other),
                }),
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
