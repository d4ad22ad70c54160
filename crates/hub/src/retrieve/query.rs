//! One cohort row asked for at one archive: C-FIND, the right person, the right window, the right part of the body.

use crate::ae::{AeError, Client};
use crate::config::{Level, NhsNumberIn, Source};
use crate::context::{Hub, HubError, Served};
use crate::enrol::{next_round, query_job, retrieve_job};
use crate::linkage::{Identity, TokenKind};
use crate::patient::{Claimed, OTHER_PATIENT_IDS};
use crate::project::Judgement;
use crate::sources::Origin;
use crate::store::{CohortRow, NewStudy};
use crate::windows::DateWindow;
use chrono::NaiveDate;
use deid::custody::Sensitive;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, entry, tags};
use platform::jobs::{self, Job, Lease, Outcome};
use std::time::Duration;

/// Return keys at study level (PS3.4 Table C.6-5 and optional ones).
const STUDY_KEYS: &[Tag] = &[
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_DESCRIPTION,
    tags::ACCESSION_NUMBER,
    tags::MODALITIES_IN_STUDY,
    tags::NUMBER_OF_STUDY_RELATED_INSTANCES,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    OTHER_PATIENT_IDS,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::INSTITUTION_NAME,
    tags::INSTITUTION_CODE_SEQUENCE,
    tags::RETRIEVE_AE_TITLE,
];
/// Return keys at series level.
const SERIES_KEYS: &[Tag] = &[
    tags::SERIES_INSTANCE_UID,
    tags::MODALITY,
    tags::BODY_PART_EXAMINED,
    tags::SERIES_DESCRIPTION,
    tags::PROTOCOL_NAME,
    tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
    tags::INSTITUTION_NAME,
];
/// Return keys at image level.
const IMAGE_KEYS: &[Tag] =
    &[tags::SOP_INSTANCE_UID, tags::SOP_CLASS_UID, tags::AVAILABLE_TRANSFER_SYNTAX_UID];

/// A study that belongs to the row, as far as the archive's answers tell.
struct Wanted {
    token: String,
    trust: String,
    expected: Option<i64>,
    instances: Vec<String>,
    plan: String,
    held: Option<&'static str>,
}

/// One step: the payload names row, source and round.
pub async fn step(hub: &Hub, client: &Client, lease: &Lease) -> Result<Outcome, HubError> {
    let mut parts = lease.payload.split(' ');
    let (Some(row), Some(source), Some(round)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(Outcome::GiveUp { code: "malformed-job" });
    };
    let Some(row) = hub.store.row(row).await? else { return Ok(Outcome::GiveUp { code: "no-such-row" }) };
    let (Some(served), Some(source)) = (hub.served(&row.project), hub.config.source(source)) else {
        return Ok(Outcome::RetryLater { at: None, code: "not-configured" });
    };
    let round: u64 = round.parse().unwrap_or(0);
    let now = hub.clock.now();
    if row.state == "withdrawn" {
        return finish(hub, lease, &row, None, None).await;
    }
    if let Some(shut) = hub.gates(served).shut(&row.trust, &row.person, now).await? {
        // Asked again tomorrow: papers are renewed, checks come in.
        let next = query_job(&row.id, &source.name, next_round(round, now));
        return finish(hub, lease, &row, Some(shut.code), Some(next)).await;
    }
    if hub.store.paused(&source.name).await?
        || hub.store.paused(&row.trust).await?
        || !source.may_be_asked(now.to_utc(), source.pause_file.exists())
    {
        return Ok(Outcome::RetryLater {
            at: Some(now.plus(Duration::from_secs(300))),
            code: "paused-or-outside-window",
        });
    }
    let Some((window, identity)) = what_to_ask(hub, served, &row).await? else {
        return Ok(Outcome::GiveUp { code: "row-without-detail" });
    };
    match ask(hub, client, served, source, &row, &window, &identity).await? {
        Ok(wanted) => found(hub, lease, served, source, &row, &window, wanted, round).await,
        Err(error) => {
            tracing::warn!(source = %source.name, row = %row.id, %error, "query failed; asked again later");
            Ok(Outcome::RetryLater { at: None, code: "archive-unreachable" })
        }
    }
}

/// Ends the step: the row's state, the next round if there is one, and the job, together.
async fn finish(
    hub: &Hub,
    lease: &Lease,
    row: &CohortRow,
    held: Option<&'static str>,
    next: Option<Job>,
) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    match held {
        Some(reason) => hub.store.row_held(&mut tx, &row.id, reason).await?,
        None => hub.store.row_asked(&mut tx, &row.id, now).await?,
    }
    if let Some(mut next) = next {
        next.run_after = now.plus(Duration::from_secs(24 * 3600));
        jobs::enqueue(&mut tx, &next, now).await?;
    }
    if jobs::complete(&mut tx, lease, now).await.is_err() {
        return Ok(Outcome::RetryLater { at: None, code: "lease-lost" });
    }
    tx.commit().await?;
    Ok(Outcome::Finished)
}

async fn what_to_ask(
    hub: &Hub,
    served: &Served,
    row: &CohortRow,
) -> Result<Option<(DateWindow, Sensitive<Identity>)>, HubError> {
    let (Some(detail), Some(identity)) =
        (hub.linkage.row_detail(&row.id).await?, hub.linkage.identity(&row.person).await?)
    else {
        return Ok(None);
    };
    let anchor = NaiveDate::parse_from_str(&detail.expose(&hub.custody).anchor, "%Y%m%d").ok();
    let (Some(anchor), Some(arm)) = (anchor, served.project.arm(&row.arm)) else { return Ok(None) };
    Ok(Some((DateWindow::of(arm, anchor), identity)))
}

/// Every way to ask this archive for the person: (key, value, whether it is the NHS number).
fn questions(source: &Source, identity: &Identity) -> Vec<(Tag, String, bool)> {
    let mut ways = Vec::new();
    match (&identity.nhs_number, source.nhs_number_in) {
        (Some(number), NhsNumberIn::PatientId) => ways.push((tags::PATIENT_ID, number.clone(), true)),
        (Some(number), NhsNumberIn::OtherPatientIds) => ways.push((OTHER_PATIENT_IDS, number.clone(), true)),
        _ => {}
    }
    // A local id is asked only of its issuer, and only where the number does not serve.
    if ways.is_empty() || source.nhs_number_in == NhsNumberIn::OtherPatientIds {
        let local = identity.local_ids.iter().filter(|(issuer, _)| source.knows_local_ids_of(issuer));
        ways.extend(local.map(|(_, id)| (tags::PATIENT_ID, id.clone(), false)));
    }
    ways
}

async fn ask(
    hub: &Hub,
    client: &Client,
    served: &Served,
    source: &Source,
    row: &CohortRow,
    window: &DateWindow,
    identity: &Sensitive<Identity>,
) -> Result<Result<Vec<Wanted>, AeError>, HubError> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for (key, value, by_number) in questions(source, identity.expose(&hub.custody)) {
        let mut keys = return_keys(STUDY_KEYS);
        keys.put_text(key, vr_of(key), &value);
        keys.put_text(tags::STUDY_DATE, VR::DA, &window.dicom_range());
        let answers = match find(client, source, Level::Study, keys).await {
            Ok(answers) => answers,
            Err(error) => return Ok(Err(error)),
        };
        for answer in answers {
            let Some(uid) = answer.text(tags::STUDY_INSTANCE_UID).map(str::to_owned) else { continue };
            if !in_window(&answer, window) {
                continue;
            }
            let token = hub.linkage.remember_study(&Sensitive::new(uid.clone()), &hub.custody).await?;
            if wanted.iter().any(|study| study.token == token) {
                continue;
            }
            let claimed = Claimed::of_answer(&answer);
            let confirmed = claimed.confirms(
                identity.expose(&hub.custody),
                &served.project.second_identifier,
                source,
                by_number,
            );
            match look_at(hub, client, served, source, row, &answer, &uid, token, confirmed).await {
                Ok(Some(study)) => wanted.push(study),
                Ok(None) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(wanted))
}

/// Whether a study of a confirmed person is collected, and what the archive says it holds. `None`: not this project's.
#[expect(clippy::too_many_arguments, reason = "one study's circumstances, each of another kind")]
async fn look_at(
    hub: &Hub,
    client: &Client,
    served: &Served,
    source: &Source,
    row: &CohortRow,
    answer: &Dataset,
    uid: &str,
    token: String,
    confirmed: bool,
) -> Result<Option<Wanted>, AeError> {
    let expected = answer.integer(tags::NUMBER_OF_STUDY_RELATED_INSTANCES);
    let mut study = Wanted {
        token,
        trust: row.trust.clone(),
        expected,
        instances: Vec::new(),
        plan: "[]".into(),
        held: None,
    };
    match source.attribute(&origin_of(answer)) {
        Ok(trust) if trust == row.trust => {}
        // Another trust's study: its own sheet asks for it, under its own papers.
        Ok(_) => return Ok(None),
        Err(unattributed) => study.held = Some(unattributed.code()),
    }
    if !confirmed {
        study.held = Some("identity-unconfirmed");
    }
    let modalities: Vec<&str> = answer.texts(tags::MODALITIES_IN_STUDY).filter(|m| !m.is_empty()).collect();
    if !modalities.is_empty() && !modalities.iter().any(|m| served.project.folder_of(m).is_some()) {
        return Ok(None);
    }
    if study.held.is_some() {
        return Ok(Some(study));
    }
    let parts = &served.project.body_parts;
    let mut judgement = parts.judge([], answer.text(tags::STUDY_DESCRIPTION));
    let mut series_uids = Vec::new();
    if (judgement == Judgement::Unknown || modalities.is_empty())
        && source.query_levels.contains(&Level::Series)
    {
        let mut keys = return_keys(SERIES_KEYS);
        keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
        let series = find(client, source, Level::Series, keys).await?;
        let collected =
            |s: &Dataset| s.text(tags::MODALITY).is_none_or(|m| served.project.folder_of(m).is_some());
        if !series.is_empty() && !series.iter().any(collected) {
            return Ok(None);
        }
        if judgement == Judgement::Unknown {
            judgement = Judgement::of_series(series.iter().filter(|s| collected(s)).map(|s| {
                let descriptions = [tags::SERIES_DESCRIPTION, tags::PROTOCOL_NAME];
                parts.judge(
                    s.texts(tags::BODY_PART_EXAMINED),
                    descriptions.into_iter().filter_map(|t| s.text(t)),
                )
            }));
        }
        series_uids =
            series.iter().filter_map(|s| s.text(tags::SERIES_INSTANCE_UID).map(str::to_owned)).collect();
    }
    match judgement {
        Judgement::Elsewhere => return Ok(None),
        Judgement::Unknown => study.held = Some("body-part-unknown"),
        Judgement::Wanted => list_instances(hub, client, source, uid, &series_uids, &mut study).await?,
    }
    Ok(Some(study))
}

/// What an answer tells about whose study it is.
fn origin_of(answer: &Dataset) -> Origin<'_> {
    let codes = answer.items(tags::INSTITUTION_CODE_SEQUENCE).iter();
    Origin {
        issuer_of_patient_id: answer.text(tags::ISSUER_OF_PATIENT_ID),
        institution_name: answer.text(tags::INSTITUTION_NAME),
        institution_code: codes.filter_map(|item| item.text(tags::CODE_VALUE)).next(),
        accession: answer.text(tags::ACCESSION_NUMBER),
        ae_title: answer.text(tags::RETRIEVE_AE_TITLE),
    }
}

/// The instances of a study, where the archive answers at image level: what must arrive, and in which transfer syntaxes.
async fn list_instances(
    hub: &Hub,
    client: &Client,
    source: &Source,
    uid: &str,
    series: &[String],
    study: &mut Wanted,
) -> Result<(), AeError> {
    if !source.query_levels.contains(&Level::Image) {
        return Ok(());
    }
    let mut holdings = std::collections::BTreeSet::new();
    for image in images(client, source, uid, series).await? {
        study.instances.push(hub.linkage.token(TokenKind::Instance, &image.instance));
        if let Some(class) = image.class {
            holdings.insert((class, image.transfer_syntax));
        }
    }
    study.instances.sort();
    study.instances.dedup();
    study.expected = i64::try_from(study.instances.len()).ok();
    // Chosen once and kept with the study, so that a retry brings the same bytes.
    study.plan = serde_json::to_string(&holdings).unwrap_or_else(|_| "[]".into());
    Ok(())
}

/// An instance as an archive lists it. True UIDs: it lives only while it is asked for.
pub(super) struct Image {
    pub(super) series: String,
    pub(super) instance: String,
    class: Option<String>,
    transfer_syntax: Option<String>,
}

/// The instances that an archive lists for a study; `series` where they are known already.
pub(super) async fn images(
    client: &Client,
    source: &Source,
    uid: &str,
    series: &[String],
) -> Result<Vec<Image>, AeError> {
    let mut series = series.to_vec();
    if series.is_empty() {
        let mut keys = return_keys(&[tags::SERIES_INSTANCE_UID]);
        keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
        let answers = find(client, source, Level::Series, keys).await?;
        series =
            answers.iter().filter_map(|s| s.text(tags::SERIES_INSTANCE_UID).map(str::to_owned)).collect();
    }
    let mut images = Vec::new();
    for series in series {
        let mut keys = return_keys(IMAGE_KEYS);
        keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
        keys.put_text(tags::SERIES_INSTANCE_UID, VR::UI, &series);
        for image in find(client, source, Level::Image, keys).await? {
            let text = |tag| image.text(tag).map(str::to_owned);
            let Some(instance) = text(tags::SOP_INSTANCE_UID) else { continue };
            images.push(Image {
                series: series.clone(),
                instance,
                class: text(tags::SOP_CLASS_UID),
                transfer_syntax: text(tags::AVAILABLE_TRANSFER_SYNTAX_UID),
            });
        }
    }
    Ok(images)
}

#[expect(clippy::too_many_arguments, reason = "what one answered query leads to")]
async fn found(
    hub: &Hub,
    lease: &Lease,
    served: &Served,
    source: &Source,
    row: &CohortRow,
    window: &DateWindow,
    wanted: Vec<Wanted>,
    round: u64,
) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    for wanted in &wanted {
        let new = NewStudy {
            row,
            source: &source.name,
            trust: &wanted.trust,
            token: &wanted.token,
            expected: wanted.expected,
        };
        let study = hub.store.study_found(&mut tx, &new, now).await?;
        if let Some(reason) = wanted.held {
            hub.store.study_is(&mut tx, &study.id, "held", Some(reason), now).await?;
            continue;
        }
        hub.store.study_planned(&mut tx, &study.id, &wanted.plan).await?;
        hub.store.instances_expected(&mut tx, &study, &wanted.instances, now).await?;
        jobs::enqueue(&mut tx, &retrieve_job(&study, &lease.key), now).await?;
    }
    let due = window.is_due(
        Some(now.date()),
        now.plus(Duration::from_secs(24 * 3600)).date(),
        served.project.settle_days,
    );
    if due {
        let mut next = query_job(&row.id, &source.name, next_round(round, now));
        next.run_after = now.plus(Duration::from_secs(24 * 3600));
        jobs::enqueue(&mut tx, &next, now).await?;
    }
    hub.store.row_asked(&mut tx, &row.id, now).await?;
    tx.commit().await?;
    look_again(hub, lease, row, round).await
}

/// What came before it was asked for is judged again, now that it is; with that the query is done.
async fn look_again(hub: &Hub, lease: &Lease, row: &CohortRow, round: u64) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut again: std::collections::BTreeSet<String> =
        hub.store.wanted_now(&row.project, &row.person, "").await?.into_iter().collect();
    for study in hub.store.studies_of_row(&row.id).await? {
        again.extend(hub.store.wanted_now(&row.project, &row.person, &study.id).await?);
    }
    let mut tx = hub.store.write().await?;
    for spool in again {
        let job = Job { key: format!("{spool}:{}:{round}", row.id), ..Job::now("deidentify", &spool) };
        jobs::enqueue(&mut tx, &job, now).await?;
    }
    if jobs::complete(&mut tx, lease, now).await.is_err() {
        return Ok(Outcome::RetryLater { at: None, code: "lease-lost" });
    }
    tx.commit().await?;
    Ok(Outcome::Finished)
}

async fn find(
    client: &Client,
    source: &Source,
    level: Level,
    keys: Dataset,
) -> Result<Vec<Dataset>, AeError> {
    let (client, source) = (client.clone(), source.clone());
    tokio::task::spawn_blocking(move || client.find(&source, level, &keys))
        .await
        .unwrap_or(Err(AeError::Ended))
}

/// A study without a date is looked at when it has arrived: an archive's range match may have let it through by mistake.
fn in_window(answer: &Dataset, window: &DateWindow) -> bool {
    let Some(date) = answer.text(tags::STUDY_DATE) else { return false };
    NaiveDate::parse_from_str(date, "%Y%m%d").is_ok_and(|date| window.contains(date))
}

fn return_keys(wanted: &[Tag]) -> Dataset {
    let mut keys = Dataset::new();
    for tag in wanted {
        match vr_of(*tag) {
            VR::SQ => {
                keys.put(Element::items_of(*tag, Vec::new()));
            }
            vr => {
                keys.put_text(*tag, vr, "");
            }
        }
    }
    keys
}

fn vr_of(tag: Tag) -> VR {
    entry(tag).map_or(VR::LO, |entry| entry.vr)
}
