//! One cohort row asked for at one archive: C-FIND, the right person, the right window, the right part of the body.

use crate::ae::{AeError, Client};
use crate::config::{Level, NhsNumberIn, Source};
use crate::context::{Hub, HubError, Served};
use crate::enrol::{next_round, query_job, retrieve_job};
use crate::gates::Shut;
use crate::identify::{named, objection_to};
use crate::linkage::{Identity, TokenKind};
use crate::patient::{Claimed, OTHER_PATIENT_IDS};
use crate::project::Judgement;
use crate::retrieve::manners::put_off;
use crate::sources::{Origin, Unattributed};
use crate::store::{CohortRow, NewStudy, Study};
use crate::windows::DateWindow;
use chrono::NaiveDate;
use deid::custody::Sensitive;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, entry, tags};
use platform::jobs::{self, Job, Lease, Outcome};
use std::collections::BTreeSet;
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
    tags::INSTITUTION_CODE_SEQUENCE,
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

/// What an archive answered about a row.
#[derive(Default)]
struct Answered {
    wanted: Vec<Wanted>,
    /// Studies of the person that the project does not want.
    others: Vec<String>,
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
    if let Some(shut) = is_shut(hub, served, &row).await? {
        // Asked again tomorrow: papers are renewed, checks come in.
        let next = query_job(&row.id, &source.name, next_round(round, now));
        return finish(hub, lease, &row, Some(shut.code), Some(next)).await;
    }
    if let Some(later) = put_off(hub, source, &row.trust, now).await? {
        return Ok(later);
    }
    let Some((window, identity)) = what_to_ask(hub, served, &row).await? else {
        return Ok(Outcome::GiveUp { code: "row-without-detail" });
    };
    match ask(hub, client, served, source, &row, &window, &identity).await? {
        Ok(answered) => found(hub, lease, served, source, &row, &window, answered, round).await,
        Err(error) => {
            tracing::warn!(source = %source.name, row = %row.id, %error, "query failed; asked again later");
            Ok(Outcome::RetryLater { at: None, code: "archive-unreachable" })
        }
    }
}

/// Whether a gate holds the row. Whoever opens one looks for the rows that it held (see [`crate::objections`]): so it is written
/// first that this one is held, and then looked at again.
async fn is_shut(hub: &Hub, served: &Served, row: &CohortRow) -> Result<Option<Shut>, HubError> {
    let shut = || async { hub.gates(served).shut(&row.trust, &row.person, hub.clock.now()).await };
    let Some(first) = shut().await? else { return Ok(None) };
    let mut tx = hub.store.write().await?;
    hub.store.row_held(&mut tx, &row.id, first.code).await?;
    tx.commit().await?;
    Ok(shut().await?)
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
) -> Result<Result<Answered, AeError>, HubError> {
    let mut answered = Answered::default();
    for (key, value, by_number) in questions(source, identity.expose(&hub.custody)) {
        let mut keys = return_keys(STUDY_KEYS);
        keys.put_text(key, vr_of(key), &value);
        keys.put_text(tags::STUDY_DATE, VR::DA, &window.dicom_range());
        let answers = match find(client, source, Level::Study, keys).await {
            Ok(answers) => answers,
            Err(error) => return Ok(Err(error)),
        };
        let mut others = 0_u32;
        for answer in answers {
            let claimed = Claimed::of_answer(&answer);
            if claimed.is_of_another(key, &value) {
                others += 1;
                continue;
            }
            let Some(uid) = answer.text(tags::STUDY_INSTANCE_UID).map(str::to_owned) else { continue };
            let date = study_date(&answer);
            if date.is_some_and(|date| !window.contains(date)) {
                continue;
            }
            let token = hub.linkage.remember_study(&Sensitive::new(uid.clone()), &hub.custody).await?;
            if answered.wanted.iter().any(|study| study.token == token) {
                continue;
            }
            let claimed = claimed.without(&hub.config.placeholders);
            let rule = &served.project.second_identifier;
            let doubt = if claimed.confirms(identity.expose(&hub.custody), rule, source, by_number) {
                let named = named(hub, source, &claimed).await?;
                let trust = Some(row.trust.as_str());
                let objection = objection_to(hub, served, &named, &row.person, identity, trust).await?;
                objection.or_else(|| date.is_none().then_some("no-study-date"))
            } else {
                Some("identity-unconfirmed")
            };
            match look_at(hub, client, served, source, row, &answer, &uid, token.clone(), doubt).await {
                Ok(Some(study)) => answered.wanted.push(study),
                Ok(None) => answered.others.push(token),
                Err(error) => return Ok(Err(error)),
            }
        }
        if others > 0 {
            tracing::warn!(source = %source.name, row = %row.id, others,
                "the archive answered for others than it was asked for; these answers are dropped");
        }
    }
    Ok(Ok(answered))
}

/// Whether a study is collected, and what the archive says it holds; held where there is a doubt whose it is. `None`: not this
/// project's.
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
    doubt: Option<&'static str>,
) -> Result<Option<Wanted>, AeError> {
    let expected = answer.integer(tags::NUMBER_OF_STUDY_RELATED_INSTANCES);
    let asks_series = source.query_levels.contains(&Level::Series);
    let mut study = Wanted {
        token,
        trust: row.trust.clone(),
        expected,
        instances: Vec::new(),
        plan: "[]".into(),
        held: None,
    };
    let mut series = None;
    let attributed = match source.attribute(&origin_of(answer)) {
        // The institution is told of series (PS3.3 C.7.5.1), and not every archive tells it of the study.
        Err(Unattributed::NoRule) if doubt.is_none() && asks_series => {
            let found = series_of(client, source, uid).await?;
            let told = attribute_by_series(source, answer, &found);
            series = Some(found);
            told
        }
        told => told,
    };
    match attributed {
        Ok(trust) if trust == row.trust => study.held = doubt,
        // Another trust's study: its own sheet asks for it, under its own papers.
        Ok(_) => return Ok(None),
        Err(unattributed) => study.held = doubt.or(Some(unattributed.code())),
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
    if (judgement == Judgement::Unknown || modalities.is_empty()) && asks_series {
        let series = match series {
            Some(series) => series,
            None => series_of(client, source, uid).await?,
        };
        let Some(of_series) = judge_series(served, &series) else { return Ok(None) };
        if judgement == Judgement::Unknown {
            judgement = of_series;
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

/// What the series of a collected modality show; `None`: there are series, and none is of such a modality.
fn judge_series(served: &Served, series: &[Dataset]) -> Option<Judgement> {
    let collected =
        |s: &&Dataset| s.text(tags::MODALITY).is_none_or(|m| served.project.folder_of(m).is_some());
    if !series.is_empty() && !series.iter().any(|s| collected(&s)) {
        return None;
    }
    let parts = &served.project.body_parts;
    Some(Judgement::of_series(series.iter().filter(collected).map(|s| {
        let descriptions = [tags::SERIES_DESCRIPTION, tags::PROTOCOL_NAME];
        parts.judge(s.texts(tags::BODY_PART_EXAMINED), descriptions.into_iter().filter_map(|t| s.text(t)))
    })))
}

async fn series_of(client: &Client, source: &Source, uid: &str) -> Result<Vec<Dataset>, AeError> {
    let mut keys = return_keys(SERIES_KEYS);
    keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
    find(client, source, Level::Series, keys).await
}

/// The trust that the series of a study name: those that name any must name the same.
fn attribute_by_series<'s>(
    source: &'s Source,
    answer: &Dataset,
    series: &[Dataset],
) -> Result<&'s str, Unattributed> {
    let mut told = Err(Unattributed::NoRule);
    for one in series {
        let (of_study, of_series) = (origin_of(answer), origin_of(one));
        let origin = Origin {
            institution_name: of_series.institution_name.or(of_study.institution_name),
            institution_code: of_series.institution_code.or(of_study.institution_code),
            ..of_study
        };
        match (source.attribute(&origin), told) {
            (Err(Unattributed::NoRule), _) => {}
            (Ok(trust), Ok(other)) if trust != other => return Err(Unattributed::Conflict),
            (found, _) => told = Ok(found?),
        }
    }
    told
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
    let mut holdings = BTreeSet::new();
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

/// The series that an archive lists for a study, each with the number of its instances where it says so.
pub(super) async fn series(
    client: &Client,
    source: &Source,
    uid: &str,
) -> Result<Vec<(String, Option<i64>)>, AeError> {
    let mut keys = return_keys(&[tags::SERIES_INSTANCE_UID, tags::NUMBER_OF_SERIES_RELATED_INSTANCES]);
    keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, uid);
    let answers = find(client, source, Level::Series, keys).await?;
    let of = |answer: &Dataset| {
        let series = answer.text(tags::SERIES_INSTANCE_UID)?.to_owned();
        Some((series, answer.integer(tags::NUMBER_OF_SERIES_RELATED_INSTANCES)))
    };
    Ok(answers.iter().filter_map(of).collect())
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
        series = self::series(client, source, uid).await?.into_iter().map(|(series, _)| series).collect();
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
    answered: Answered,
    round: u64,
) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut asked = Vec::new();
    let mut tx = hub.store.write().await?;
    for token in &answered.others {
        hub.store.study_not_wanted(&mut tx, row, &source.name, token, now).await?;
    }
    for wanted in &answered.wanted {
        let new = NewStudy {
            row,
            source: &source.name,
            trust: &wanted.trust,
            token: &wanted.token,
            expected: wanted.expected,
        };
        let study = hub.store.study_found(&mut tx, &new, now).await?;
        if study.is_rejected() {
            continue;
        }
        if let Some(reason) = wanted.held {
            hub.store.study_is(&mut tx, &study.id, "held", Some(reason), now).await?;
            continue;
        }
        if matches!(study.state.as_str(), "held" | "excluded") {
            hub.store.study_is(&mut tx, &study.id, "found", None, now).await?;
        }
        hub.store.study_planned(&mut tx, &study.id, &wanted.plan).await?;
        hub.store.instances_expected(&mut tx, &study, &wanted.instances, now).await?;
        asked.push(study.id);
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
    owe(hub, lease, row, &asked, round).await
}

/// What has not arrived is fetched; what came before it was asked for is judged again, now that it is. With that the query is
/// done.
async fn owe(
    hub: &Hub,
    lease: &Lease,
    row: &CohortRow,
    asked: &[String],
    round: u64,
) -> Result<Outcome, HubError> {
    let now = hub.clock.now();
    let mut again: BTreeSet<String> =
        hub.store.wanted_now(&row.project, &row.person, "").await?.into_iter().collect();
    for study in hub.store.studies_of_row(&row.id).await? {
        again.extend(hub.store.wanted_now(&row.project, &row.person, &study.id).await?);
    }
    let mut fetched = Vec::new();
    for id in asked {
        let Some(study) = hub.store.study(id).await? else { continue };
        if !is_whole(hub, &study, study.expected).await? {
            fetched.push(retrieve_job(&study, &lease.key));
        }
    }
    let mut tx = hub.store.write().await?;
    for job in fetched {
        jobs::owe(&mut tx, &job, now).await?;
    }
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

/// Whether all that was expected has arrived: by name where the archive lists instances, else by its counts.
pub(super) async fn is_whole(hub: &Hub, study: &Study, expected: Option<i64>) -> Result<bool, HubError> {
    let arrived = hub.store.arrived(study).await?;
    if arrived.missing > 0 {
        return Ok(false);
    }
    let is_listed = study.plan.as_deref().is_some_and(|plan| plan != "[]");
    Ok(arrived.listed > 0 && (is_listed || expected.is_some_and(|expected| arrived.listed >= expected)))
}

/// The day of a study, where the archive tells one.
fn study_date(answer: &Dataset) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(answer.text(tags::STUDY_DATE)?.trim(), "%Y%m%d").ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn series(institution: &str) -> Dataset {
        let mut series = Dataset::new();
        series.put_text(tags::INSTITUTION_NAME, VR::LO, institution);
        series
    }

    #[test]
    fn the_series_tell_whose_a_study_is_where_the_study_does_not() {
        let text = include_str!("../../../../docs/samples/hub.toml");
        let config = Config::parse(text, std::path::Path::new("/")).unwrap();
        let regional = config.source("regional").unwrap();
        let told = |names: &[&str]| {
            let series: Vec<Dataset> = names.iter().map(|name| series(name)).collect();
            attribute_by_series(regional, &Dataset::new(), &series).map(str::to_owned)
        };
        assert_eq!(told(&["", "St Elsewhere Hospital"]), Ok("RA3".into()));
        assert_eq!(told(&["St Elsewhere Hospital", "St Elsewhere Hospital"]), Ok("RA3".into()));
        assert_eq!(told(&["Nowhere"]), Err(Unattributed::NoRule));
        assert_eq!(told(&[]), Err(Unattributed::NoRule));
    }

    #[test]
    fn a_study_date_is_a_day_or_none() {
        let answered = |text: &str| {
            let mut answer = Dataset::new();
            answer.put_text(tags::STUDY_DATE, VR::DA, text);
            study_date(&answer)
        };
        assert_eq!(answered("20200401"), NaiveDate::from_ymd_opt(2020, 4, 1));
        assert_eq!((answered(""), answered("2020"), study_date(&Dataset::new())), (None, None, None));
    }
}
