//! Step 5: what is held is no dead end. A person lists, looks, and releases, retries or rejects; every decision is recorded.
//!
//! `release` settles a doubt about pixels only, and the instance still passes verification. What identity, policy or the
//! residue search holds cannot be released: its cause is mended and it is tried again, or it is rejected.

use super::outgoing::{again, empty_outbox};
use super::receipts::destroy_spent;
use super::reconsider::is_of_a_gate;
use crate::boxes;
use crate::context::{Hub, HubError};
use crate::enrol::{day_number, query_job, retrieve_job};
use crate::sources::where_to_ask;
use crate::store::{Clinical, Decided, Decision, Instance, Study};
use deid::custody::Sensitive;
use deid::pixels::region::Region;
use dicom::dataset::Dataset;
use dicom::part10::{self, Limits, Object, Source};
use dicom::tag::{Tag, VR, entry, tags};
use platform::audit::{self, Details};
use platform::clock::Timestamp;
use platform::db::Tx;
use platform::jobs::{self, Job};
use submission::names::Slug;

/// The codes of `deid::pixels` all begin so.
const PIXEL_DOUBT: &str = "pixels-";

/// A decision that cannot be taken, and what to do instead.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Nothing has this handle.
    #[error("nothing has the handle {0}; `review list` shows what is held")]
    Unknown(String),
    /// Only doubts about pixels are settled by looking.
    #[error("held with {reason}: this cannot be released; {remedy}")]
    NotReleasable {
        /// The reason codes.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Only an instance has pixels.
    #[error("this is no instance, and only instances are released: mend the cause, then `review retry` it")]
    NotAnInstance,
    /// What was received is not here (any more), or cannot be read.
    #[error("the spool holds nothing of it that can be read")]
    NotSpooled,
    /// It is in a state in which there is nothing to decide.
    #[error("it is {state}: there is nothing to {what}")]
    NothingToDo {
        /// Its state.
        state: String,
        /// What was wanted.
        what: &'static str,
    },
    /// Nothing to mask, or more than anybody draws.
    #[error("draw at least one box, and {} at most", boxes::BOXES_MAX)]
    NoBoxes,
    /// A rejection needs a reason from the list.
    #[error("choose a reason for the rejection")]
    NoReason,
    /// The reason given is no code.
    #[error("a reason is a code: lower-case letters, digits and hyphens; no words about a person")]
    NotACode,
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
}

macro_rules! through_the_hub {
    ($($error:ty),+) => {$(
        impl From<$error> for ReviewError {
            fn from(error: $error) -> Self {
                Self::Hub(error.into())
            }
        }
    )+};
}
through_the_hub!(platform::db::DbError, platform::audit::AuditError, crate::linkage::LinkageError);

type Result<T> = std::result::Result<T, ReviewError>;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A row of a cohort sheet.
    Row,
    /// A study at a source.
    Study,
    /// An instance.
    Instance,
    /// A clinical record.
    Clinical,
}

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub kind: Kind,
    /// Its handle, for `show`, `release`, `retry`, `reject`.
    pub id: String,
    /// The trust, unless unattributed.
    pub trust: Option<String>,
    /// The source, where it has one.
    pub source: Option<String>,
    /// Its state.
    pub state: String,
    /// The reason codes, separated by blanks.
    pub reason: String,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this trust only.
    pub trust: Option<String>,
    /// With this reason code only.
    pub reason: Option<String>,
}

impl Filter {
    fn admits(&self, line: &Line) -> bool {
        let trust = self.trust.as_ref().is_none_or(|trust| line.trust.as_ref() == Some(trust));
        trust && self.reason.as_ref().is_none_or(|code| line.reason.split(' ').any(|own| own == code))
    }
}

/// Everything of a project that waits for a person.
pub async fn list(hub: &Hub, project: &str, filter: &Filter) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for row in hub.store.rows(project).await?.into_iter().filter(|row| row.state == "held") {
        let reason = row.reason.unwrap_or_default();
        let (trust, source) = (Some(row.trust), None);
        lines.push(Line { kind: Kind::Row, id: row.id, trust, source, state: row.state, reason });
    }
    for state in ["held", "short"] {
        for study in hub.store.studies_in(project, state).await? {
            let reason = study.reason.unwrap_or_default();
            let (trust, source) = (Some(study.trust), Some(study.source));
            lines.push(Line { kind: Kind::Study, id: study.id, trust, source, state: study.state, reason });
        }
    }
    for state in ["held", "quarantined", "refused"] {
        lines.extend(hub.store.instances_in(project, state).await?.into_iter().map(line));
    }
    for state in ["held", "refused"] {
        for record in hub.store.clinical_in(project, state).await? {
            let reason = record.reason.unwrap_or_default();
            let trust = Some(record.trust);
            let (kind, source) = (Kind::Clinical, None);
            lines.push(Line { kind, id: record.id, trust, source, state: record.state, reason });
        }
    }
    lines.retain(|line| filter.admits(line));
    Ok(lines)
}

fn line(row: Instance) -> Line {
    let reason = row.reason.unwrap_or_default();
    Line {
        kind: Kind::Instance,
        id: row.id,
        trust: row.trust,
        source: Some(row.source),
        state: row.state,
        reason,
    }
}

/// An instance as a person may see it without custody: what it consists of, never what it says.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Where it stands.
    pub line: Line,
    /// What to do about each of its reasons.
    pub remedies: Vec<(String, &'static str)>,
    /// When it was received, while its spool object exists.
    pub received: Option<Timestamp>,
    /// Length as received.
    pub bytes: Option<i64>,
    /// What was decided so far.
    pub decisions: Vec<Decided>,
    /// Its elements; empty where it is gone or cannot be read.
    pub header: Vec<HeaderLine>,
}

/// One element of a header, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLine {
    /// Depth of nesting, from 0.
    pub depth: usize,
    /// Its tag.
    pub tag: Tag,
    /// Its keyword, if the standard knows it.
    pub keyword: &'static str,
    /// Its value representation.
    pub vr: VR,
    /// Length of its value, or number of its items.
    pub length: usize,
}

/// Shows one held instance.
pub async fn show(hub: &Hub, id: &str) -> Result<Shown> {
    let row = hub.store.instance(id).await?.ok_or_else(|| ReviewError::Unknown(id.to_owned()))?;
    let spooled = match &row.spool {
        Some(spool) => hub.store.spool_object(spool).await?,
        None => None,
    };
    let header = match &spooled {
        Some(object) => opened(hub, &object.id).await.map(header).unwrap_or_default(),
        None => Vec::new(),
    };
    let line = line(row);
    let codes = line.reason.split(' ').filter(|code| !code.is_empty());
    Ok(Shown {
        remedies: codes.map(|code| (code.to_owned(), remedy(code))).collect(),
        received: spooled.as_ref().map(|object| Timestamp::from_micros(object.received_us)),
        bytes: spooled.map(|object| object.bytes),
        decisions: hub.store.decisions(id).await?,
        header,
        line,
    })
}

/// Where an instance is found at its archive.
#[derive(Debug)]
pub struct Located {
    /// The source that it came from.
    pub source: String,
    /// What an archive finds it by: a name for each, and its value.
    pub keys: Vec<(&'static str, Sensitive<String>)>,
}

/// Tells where an instance is found at its archive, for who looks at it there. It identifies, so that it is recorded who asked.
pub async fn locate(hub: &Hub, id: &str, actor: &str) -> Result<Located> {
    let row = hub.store.instance(id).await?.ok_or_else(|| ReviewError::Unknown(id.to_owned()))?;
    let object = match &row.spool {
        Some(spool) => opened(hub, spool).await,
        None => None,
    };
    let object = object.ok_or(ReviewError::NotSpooled)?;
    let mut tx = hub.store.write().await?;
    let trust = row.trust.as_deref().unwrap_or("unattributed");
    audit::append(
        &mut tx,
        trust,
        actor,
        "instance located",
        &Details::new().id("subject", id)?,
        hub.clock.now(),
    )
    .await?;
    tx.commit().await?;
    let keys = [
        ("accession number", tags::ACCESSION_NUMBER),
        ("study", tags::STUDY_INSTANCE_UID),
        ("series", tags::SERIES_INSTANCE_UID),
        ("instance", tags::SOP_INSTANCE_UID),
    ];
    let keys = keys.into_iter().filter_map(|(name, tag)| {
        object.dataset.text(tag).map(|value| (name, Sensitive::new(value.to_owned())))
    });
    Ok(Located { source: row.source, keys: keys.collect() })
}

/// The received object, where it is here and can be read.
async fn opened(hub: &Hub, spool: &str) -> Option<Object> {
    let (files, id) = (std::sync::Arc::clone(&hub.spool), spool.to_owned());
    let limits = Limits { header_bytes_max: hub.config.limits.header_bytes_max, ..Limits::default() };
    let read = tokio::task::spawn_blocking(move || {
        let source: Box<dyn Source> = Box::new(files.read(&id).ok()?);
        part10::open(source, &limits).ok()
    });
    read.await.ok().flatten()
}

fn header(object: Object) -> Vec<HeaderLine> {
    let mut lines = Vec::new();
    elements(&object.dataset, 0, &mut lines);
    elements(&object.trailing, 0, &mut lines);
    lines
}

fn elements(dataset: &Dataset, depth: usize, lines: &mut Vec<HeaderLine>) {
    for element in dataset {
        let keyword = entry(element.tag).map_or("", |entry| entry.keyword);
        let items = element.items();
        let length = if element.vr == VR::SQ { items.len() } else { element.bytes().len() };
        lines.push(HeaderLine { depth, tag: element.tag, keyword, vr: element.vr, length });
        items.iter().for_each(|item| elements(item, depth + 1, lines));
    }
}

/// What a person does about a reason code.
pub fn remedy(code: &str) -> &'static str {
    match code {
        _ if code.starts_with(PIXEL_DOUBT) => "look at the image at its archive; release it, or reject it",
        "objected" | "opted-out" => "it goes on by itself if the objection is withdrawn; else reject it",
        _ if code.starts_with("lapsed-") => {
            "renew the trust's document in the configuration; it goes on by itself"
        }
        _ if code.starts_with("opt-out-") => "submit the person to the opt-out check; it goes on by itself",
        _ if code.starts_with("identity-") => {
            "mend the sheet or the archive's record of the person, then retry it; or reject it"
        }
        _ if code.starts_with("unattributed") => "mend the attribution rules of its source, then retry it",
        "unrequested" => {
            "if the person belongs to the cohort, submit a sheet with them and retry; else let it expire"
        }
        "body-part-unknown" => "extend the project's body-part maps, then retry it; or reject it",
        _ if code.starts_with("pixel-") => {
            "ask the archive for a clean copy: something in the pixel data is no pixel; then retry it; or reject it"
        }
        _ if code.starts_with("residue") => {
            "report it: the profile must change before it is retried; or reject it"
        }
        "withheld-under-other-id" => {
            "a list speaks against another id that it states: it goes no further; reject it"
        }
        "spool-object-lost" => "its sealed file is gone or damaged: whoever pushed it must push it again",
        "device-stopped" => "an approver lets its device go on, on the page of leak rates; or reject it",
        "study-short" => "ask the archive why it does not send all; it is retried by itself",
        _ => "mend the cause, then retry it; or reject it",
    }
}

/// Settles a doubt about pixels: a person has looked and found nothing that identifies.
pub async fn release(hub: &Hub, id: &str, actor: &str) -> Result<()> {
    let row = in_doubt(hub, id, "release").await?;
    instance_again(hub, &row, "release", None, actor).await
}

/// Settles a doubt about pixels: a person has looked, and all that identifies lies inside these boxes, on every frame.
pub async fn mask(hub: &Hub, id: &str, regions: &[Region], actor: &str) -> Result<()> {
    if regions.is_empty() || regions.len() > boxes::BOXES_MAX {
        return Err(ReviewError::NoBoxes);
    }
    let row = in_doubt(hub, id, "mask").await?;
    instance_again(hub, &row, "mask", Some(&boxes::to_json(regions)), actor).await
}

/// Whether looking at the pixels can settle all that an instance is held for.
pub fn is_pixel_doubt(reason: &str) -> bool {
    reason.split(' ').all(|code| code.starts_with(PIXEL_DOUBT))
}

/// An instance that is held for nothing but doubts about its pixels.
async fn in_doubt(hub: &Hub, id: &str, what: &'static str) -> Result<Instance> {
    let Some(row) = hub.store.instance(id).await? else {
        let known = hub.store.study(id).await?.is_some() || hub.store.row(id).await?.is_some();
        return Err(if known { ReviewError::NotAnInstance } else { ReviewError::Unknown(id.to_owned()) });
    };
    if row.state != "held" {
        return Err(ReviewError::NothingToDo { state: row.state, what });
    }
    let reason = row.reason.clone().unwrap_or_default();
    if let Some(other) = reason.split(' ').find(|code| !code.starts_with(PIXEL_DOUBT)) {
        return Err(ReviewError::NotReleasable { remedy: remedy(other), reason });
    }
    Ok(row)
}

/// Tries something again after its cause was mended: an instance, a clinical record, a study or a row.
pub async fn retry(hub: &Hub, id: &str, actor: &str) -> Result<()> {
    if let Some(row) = hub.store.instance(id).await? {
        return match row.state.as_str() {
            "held" | "quarantined" | "refused" => instance_again(hub, &row, "retry", None, actor).await,
            _ => Err(ReviewError::NothingToDo { state: row.state, what: "retry" }),
        };
    }
    if let Some(study) = hub.store.study(id).await? {
        return retry_study(hub, &study, actor).await;
    }
    // A clinical record has the handle of its row: where the record is held, it is the record that is meant.
    let record = hub.store.clinical(id).await?;
    if let Some(record) = record.filter(|record| matches!(record.state.as_str(), "held" | "refused")) {
        let (mut tx, now, _) = decide(hub, id, &record.trust, "retry", actor, None).await?;
        moved(hub.store.item_is(&mut tx, "clinical", id, "received", None, now).await?, "retry")?;
        again(hub, &mut tx, "clinical", id, now).await?;
        return Ok(tx.commit().await?);
    }
    retry_row(hub, id, actor).await
}

/// Gives something up for good, with a code for why. What it held is destroyed.
pub async fn reject(hub: &Hub, id: &str, actor: &str, code: &str) -> Result<()> {
    Slug::parse(code).map_err(|_| ReviewError::NotACode)?;
    if let Some(row) = hub.store.instance(id).await? {
        if !matches!(row.state.as_str(), "held" | "quarantined" | "refused") {
            return Err(ReviewError::NothingToDo { state: row.state, what: "reject" });
        }
        let trust = row.trust.as_deref().unwrap_or("unattributed");
        let (mut tx, now, _) = decide(hub, id, trust, "reject", actor, Some(code)).await?;
        moved(hub.store.instance_is(&mut tx, id, "rejected", Some(code), now).await?, "reject")?;
        tx.commit().await?;
        empty_outbox(hub, &row.project, row.digest.as_deref().into_iter()).await?;
        destroy_spent(hub).await?;
        return Ok(());
    }
    if let Some(study) = hub.store.study(id).await? {
        return reject_study(hub, &study, actor, code).await;
    }
    reject_row(hub, id, actor, code).await
}

/// The study is excluded for good. What of it has not been cleared by then goes no further.
async fn reject_study(hub: &Hub, study: &Study, actor: &str, code: &str) -> Result<()> {
    if !matches!(study.state.as_str(), "held" | "short") {
        return Err(ReviewError::NothingToDo { state: study.state.clone(), what: "reject" });
    }
    let (mut tx, now, _) = decide(hub, &study.id, &study.trust, "reject", actor, Some(code)).await?;
    hub.store.study_is(&mut tx, &study.id, "excluded", Some(code), now).await?;
    for row in hub.store.instances_of_study(&study.id).await? {
        if matches!(row.state.as_str(), "missing" | "received" | "held" | "quarantined" | "refused") {
            hub.store.instance_is(&mut tx, &row.id, "rejected", Some(code), now).await?;
        }
    }
    tx.commit().await?;
    destroy_spent(hub).await?;
    Ok(())
}

/// A row and its clinical record have one handle. A held row is withdrawn and its record with it; of a row that is asked for,
/// the record alone is rejected.
async fn reject_row(hub: &Hub, id: &str, actor: &str, code: &str) -> Result<()> {
    let row = hub.store.row(id).await?.ok_or_else(|| ReviewError::Unknown(id.to_owned()))?;
    let record = hub.store.clinical(id).await?;
    let is_rejected = |record: &Clinical| matches!(record.state.as_str(), "received" | "held" | "refused");
    let is_held = record.as_ref().is_some_and(|record| matches!(record.state.as_str(), "held" | "refused"));
    if row.state != "held" && !is_held {
        return Err(ReviewError::NothingToDo { state: row.state, what: "reject" });
    }
    let (mut tx, now, _) = decide(hub, id, &row.trust, "reject", actor, Some(code)).await?;
    if row.state == "held" {
        hub.store.row_withdrawn(&mut tx, id, code).await?;
    }
    if record.is_some_and(|record| is_rejected(&record)) {
        hub.store.item_is(&mut tx, "clinical", id, "rejected", Some(code), now).await?;
    }
    Ok(tx.commit().await?)
}

/// Records a decision; what follows from it goes into the same transaction.
async fn decide(
    hub: &Hub,
    subject: &str,
    trust: &str,
    kind: &'static str,
    actor: &str,
    note_code: Option<&str>,
) -> Result<(Tx, Timestamp, String)> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    let decision = hub.store.decided(&mut tx, &Decision { kind, subject, actor, note_code }, now).await?;
    let mut details = Details::new().id("subject", subject)?.id("decision", &decision)?.code("kind", kind);
    if let Some(code) = note_code {
        details = details.word("code", code)?;
    }
    audit::append(&mut tx, trust, actor, "review decision", &details, now).await?;
    Ok((tx, now, decision))
}

/// A step may have moved it on since it was looked at: then nothing is decided.
fn moved(is_moved: bool, what: &'static str) -> Result<()> {
    if is_moved {
        return Ok(());
    }
    Err(ReviewError::NothingToDo { state: "no longer what it was".into(), what })
}

async fn instance_again(
    hub: &Hub,
    row: &Instance,
    kind: &'static str,
    boxes: Option<&str>,
    actor: &str,
) -> Result<()> {
    let trust = row.trust.as_deref().unwrap_or("unattributed");
    let (mut tx, now, _) = decide(hub, &row.id, trust, kind, actor, None).await?;
    if let Some(spool) = &row.spool {
        // What is released is the object that was looked at: another version of it is looked at for itself.
        let decision = Decision { kind, subject: spool, actor, note_code: None };
        match boxes {
            Some(boxes) => {
                let reasons = row.reason.as_deref().unwrap_or_default();
                hub.store.masked(&mut tx, &decision, boxes, reasons, now).await?
            }
            None => hub.store.decided(&mut tx, &decision, now).await?,
        };
    }
    moved(hub.store.instance_is(&mut tx, &row.id, "received", None, now).await?, kind)?;
    again(hub, &mut tx, "instance", &row.id, now).await?;
    Ok(tx.commit().await?)
}

/// A study that came short or met a gate is fetched again; one that was judged by its description is judged again.
async fn retry_study(hub: &Hub, study: &Study, actor: &str) -> Result<()> {
    if !matches!(study.state.as_str(), "held" | "short" | "excluded") {
        return Err(ReviewError::NothingToDo { state: study.state.clone(), what: "retry" });
    }
    let (mut tx, now, decision) = decide(hub, &study.id, &study.trust, "retry", actor, None).await?;
    let is_fetched = study.state == "short" || study.reason.as_deref().is_some_and(is_of_a_gate);
    let job = if is_fetched {
        hub.store.study_is(&mut tx, &study.id, "found", None, now).await?;
        retrieve_job(study, &decision)
    } else {
        if study.state == "excluded" {
            // Asked for anew: whether it is wanted, its archive's answer tells.
            hub.store.study_is(&mut tx, &study.id, "excluded", None, now).await?;
        }
        let job = query_job(&study.cohort_row, &study.source, day_number(now));
        Job { key: format!("{}:{decision}", job.key), ..job }
    };
    jobs::owe(&mut tx, &job, now).await?;
    Ok(tx.commit().await?)
}

/// Asks for a held row again, wherever it may be asked.
pub(crate) async fn retry_row(hub: &Hub, id: &str, actor: &str) -> Result<()> {
    let row = hub.store.row(id).await?.ok_or_else(|| ReviewError::Unknown(id.to_owned()))?;
    if row.state != "held" {
        return Err(ReviewError::NothingToDo { state: row.state, what: "retry" });
    }
    let Some(identity) = hub.linkage.identity(&row.person).await? else {
        return Err(ReviewError::Unknown(id.to_owned()));
    };
    let known = identity.expose(&hub.custody);
    let sources = hub.config.sources.iter().filter(|source| source.trusts().contains(row.trust.as_str()));
    let asked: Vec<_> = sources
        .filter(|source| {
            let one = std::slice::from_ref(*source);
            let by_number = known.nhs_number.is_some();
            !where_to_ask(one, by_number, None).is_empty()
                || known
                    .local_ids
                    .iter()
                    .any(|(issuer, _)| !where_to_ask(one, false, Some(issuer)).is_empty())
        })
        .collect();
    if asked.is_empty() {
        return Err(ReviewError::NothingToDo {
            state: "held, and no archive can be asked for it".into(),
            what: "retry",
        });
    }
    let (mut tx, now, decision) = decide(hub, id, &row.trust, "retry", actor, None).await?;
    hub.store.row_waits(&mut tx, id).await?;
    for source in asked {
        let job = query_job(id, &source.name, day_number(now));
        let job = Job { key: format!("{}:{decision}", job.key), ..job };
        jobs::enqueue(&mut tx, &job, now).await?;
    }
    Ok(tx.commit().await?)
}
