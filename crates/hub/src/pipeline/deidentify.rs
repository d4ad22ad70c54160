//! Step 4 of an instance: who is it → tags → pixels → verified and written → outbox → row `cleared`, or held by name.

use super::admit::{Admission, admit};
use super::looked::{DEVICE_STOPPED, device_of, review_of, ruled};
use super::sampling::Sampling;
use crate::boxes;
use crate::context::{Hub, HubError, Served};
use crate::linkage::{Identity, Known};
use crate::spool::SpoolError;
use crate::store::{Arrival, Belongs, DeviceKey, Instance as Row, Outgoing, Spooled, Store};
use bytes::Bytes;
use deid::instance::{Instance, PixelVerdict, Rejection};
use deid::pixels::Review;
use deid::pixels::region::Region;
use deid::pseudonym::Subject;
use dicom::part10::{Limits, Source};
use platform::audit::{self, AuditError, Details};
use platform::clock::Timestamp;
use platform::db::{DbError, Tx};
use platform::jobs::{self, JobError, Lease, Outcome};
use platform::seal::SealedTemporary;
use residue::{Needle, NeedleKind};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use submission::clearance::Clearance;
use submission::signed::Signed;

/// An outgoing object up to this length is made in memory; a longer one in a file without a name, sealed, gone with the process.
const IN_MEMORY_BYTES_MAX: u64 = 16 << 20;

/// The announced SOP Class or Instance UID is not the data set's.
const SOP_UID_MISMATCH: &str = "sop-uid-mismatch";

/// What became of one object in one project.
enum Verdict {
    /// De-identified; its bytes are in the outbox.
    Cleared(Cleared),
    /// It does not leave.
    Stopped(Stopped),
    /// The version that was cleared before, byte for byte: one holding, one more provenance.
    Same,
}

/// `held`, `quarantined` or `rejected`, and why.
struct Stopped {
    state: &'static str,
    reason: String,
    /// Where text is suspected.
    boxes: Vec<Region>,
}

impl Stopped {
    fn new(state: &'static str, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into(), boxes: Vec::new() }
    }

    /// What a rule has to settle.
    fn doubts(&self) -> &str {
        &self.reason
    }
}

struct Cleared {
    name: String,
    pseudonym: String,
    digest: String,
    bytes: u64,
    clearance: String,
    /// The age that goes out with it.
    age: Option<String>,
    /// The device rule under which it was masked.
    rule: Option<String>,
}

/// The written object before it is in the outbox.
enum Written {
    Memory(Vec<u8>),
    File(Box<SealedTemporary<File>>),
}

/// Where an object belongs in one project.
#[derive(Clone)]
struct Place {
    object: Spooled,
    project: String,
    trust: Option<String>,
    study: Option<String>,
    person: Option<String>,
    series: Option<String>,
    /// It may take the place of a version that has arrived.
    supersedes: bool,
}

/// The row that a verdict is about.
#[expect(clippy::large_enum_variant, reason = "a few of them, for as long as a step takes")]
enum Of {
    /// This one.
    Row(Row),
    /// The one that the object gets with the verdict, in the same transaction: no version of it came before.
    First(Place),
}

impl Place {
    fn new(object: &Spooled, project: &str, supersedes: bool) -> Self {
        let (object, project) = (object.clone(), project.to_owned());
        Self { object, project, trust: None, study: None, person: None, series: None, supersedes }
    }

    fn of(object: &Spooled, admission: &Admission<'_>) -> Self {
        Self {
            trust: admission.trust.clone(),
            study: admission.study.as_ref().map(|study| study.id.clone()),
            person: admission.person.as_ref().map(|known| known.person.clone()),
            series: Some(admission.series.clone()),
            ..Self::new(object, &admission.served.project.name, false)
        }
    }

    /// Makes or moves the instance's row.
    async fn received(&self, store: &Store, tx: &mut Tx, now: Timestamp) -> Result<Arrival, DbError> {
        // A person rejected the study meanwhile: the next look holds the object.
        if let Some(study) = &self.study
            && store.study_is_rejected(tx, study).await?
        {
            return Ok(Arrival::Early);
        }
        let belongs = Belongs {
            project: &self.project,
            source: &self.object.source,
            trust: self.trust.as_deref(),
            study: self.study.as_deref(),
            person: self.person.as_deref(),
            series: self.series.as_deref(),
            token: &self.object.token,
            spool: &self.object.id,
        };
        store.instance_received(tx, &belongs, self.supersedes, now).await
    }
}

/// One step: the payload is the spool object.
pub async fn step(hub: &Arc<Hub>, lease: &Lease) -> Result<Outcome, HubError> {
    let mut steps = Vec::new();
    let Some(object) = hub.store.spool_object(&lease.payload).await? else {
        return done(hub, lease, steps, None, false).await;
    };
    let first = match open(hub, &object).await? {
        Ok(instance) => instance,
        Err(code) => return unreadable(hub, lease, &object, code).await,
    };
    // What the sender announced, and by what the object is known here, is not what it is (PS3.4 §B.2.3).
    if !first.facts().agrees_with_meta {
        return unreadable(hub, lease, &object, SOP_UID_MISMATCH.to_owned()).await;
    }
    let device = device_of(first.facts());
    let admissions = admit(hub, &object, first.facts()).await?;
    let known = hub.store.instances_of_token(&object.source, &object.token).await?;
    let mut first = Some(first);
    let mut waits = false;
    for admission in admissions {
        let of = match stands_on(hub, lease, &object, &admission, &known).await? {
            Standing::Here(of) => of,
            Standing::Same(row) => {
                steps.push((Of::Row(row), Verdict::Same));
                continue;
            }
            Standing::Waits => {
                waits = true;
                continue;
            }
            Standing::Elsewhere => continue,
        };
        let judged = judge(hub, &object, &admission, &device, first.take()).await;
        // Where the object turns out to be lost, its rows say what is to be fetched again.
        if let Err(HubError::Spool(_)) = judged {
            for of in steps.iter().map(|(of, _)| of).chain([&of]) {
                if let Of::First(place) = of {
                    received(hub, place.clone()).await?;
                }
            }
        }
        steps.push((of, judged?));
    }
    done(hub, lease, steps, Some(device), waits).await
}

/// What an object is to its instance in one project.
enum Standing {
    /// The instance stands on it, or will, and is to be judged.
    Here(Of),
    /// It brings the very version that went, or goes, already.
    Same(Row),
    /// Another version goes first; this one's turn comes when that has arrived.
    Waits,
    /// Nothing is to be done with it.
    Elsewhere,
}

/// Finds an object its place. Versions go one at a time, in the order in which they were received; they are told apart by
/// their outgoing bytes. `known`: the instance, in every project that knew it when the step began.
async fn stands_on(
    hub: &Arc<Hub>,
    lease: &Lease,
    object: &Spooled,
    admission: &Admission<'_>,
    known: &[Row],
) -> Result<Standing, HubError> {
    let place = Place::of(object, admission);
    let known = known.iter().find(|row| row.project == place.project);
    if known.is_none_or(|row| row.state == "missing") {
        return Ok(Standing::Here(Of::First(place)));
    }
    let arrival = match received(hub, place.clone()).await? {
        Arrival::After(row) => {
            let has_arrived = row.state == "acknowledged";
            // Cleaning only to compare costs as much as any cleaning: not at every look while an earlier version is on its way.
            // The first look may have been overtaken.
            if (has_arrived || lease.attempts <= 2) && is_same_version(hub, object, admission, &row).await? {
                return Ok(Standing::Same(row));
            }
            if !has_arrived {
                return Ok(Standing::Waits);
            }
            received(hub, Place { supersedes: true, ..place }).await?
        }
        arrival => arrival,
    };
    Ok(match arrival {
        Arrival::Ours(row) if may_be_judged(&row) => Standing::Here(Of::Row(row)),
        Arrival::Ours(_) | Arrival::Unwanted => Standing::Elsewhere,
        Arrival::Early | Arrival::After(_) => Standing::Waits,
    })
}

/// Makes or moves the instance's row, before it is known what becomes of it.
async fn received(hub: &Hub, place: Place) -> Result<Arrival, HubError> {
    let (store, now) = (hub.store.clone(), hub.clock.now());
    let written =
        hub.commits.submit(move |tx| Box::pin(async move { place.received(&store, tx, now).await }));
    Ok(written.await?)
}

fn may_be_judged(row: &Row) -> bool {
    matches!(row.state.as_str(), "received" | "held" | "quarantined")
}

async fn open(
    hub: &Arc<Hub>,
    object: &Spooled,
) -> Result<Result<Instance<deid::state::Identifiable>, String>, HubError> {
    let (spool, id) = (Arc::clone(&hub.spool), object.id.clone());
    let limits = Limits { header_bytes_max: hub.config.limits.header_bytes_max, ..Limits::default() };
    let opened = tokio::task::spawn_blocking(move || {
        let source: Box<dyn Source> = Box::new(spool.read(&id)?);
        match Instance::open(source, &limits) {
            Ok(instance) => Ok(Ok(instance)),
            // The disk is at fault, not the object: later may help.
            Err(Rejection::Unreadable(error)) if !error.is_data() => {
                Err(HubError::Spool(SpoolError::Disk(io::Error::other(error))))
            }
            Err(rejection) => Ok(Err(rejection.code().to_owned())),
        }
    });
    opened.await.unwrap_or_else(|_| Ok(Err("engine-failed".to_owned())))
}

/// Whether the object, cleaned as its instance was before, is byte for byte what that was last cleared as. No doubt is asked
/// about: nothing of it leaves.
async fn is_same_version(
    hub: &Arc<Hub>,
    object: &Spooled,
    admission: &Admission<'_>,
    row: &Row,
) -> Result<bool, HubError> {
    let Some(person) = &admission.person else { return Ok(false) };
    let Ok(instance) = open(hub, object).await? else { return Ok(false) };
    let review = match &row.spool {
        Some(before) => review_of(hub, before).await?,
        None => Review::Pending,
    };
    let standing = hub.store.device_standing(&device_of(instance.facts())).await?;
    let review = match (review, ruled(&standing, None)) {
        (Review::Pending, Some(ruled)) => ruled,
        (Review::Pending, None) => Review::Released,
        (review, _) => review,
    };
    let cleaned = cleaned(hub, object, admission.served, person, instance, review).await?;
    Ok(cleaned.is_ok_and(|(cleared, _)| row.digest.as_ref() == Some(&cleared.digest)))
}

/// What becomes of an object in one project. `first`: the object as it was opened, for the first project; each cleans its own.
async fn judge(
    hub: &Arc<Hub>,
    object: &Spooled,
    admission: &Admission<'_>,
    device: &DeviceKey,
    first: Option<Instance<deid::state::Identifiable>>,
) -> Result<Verdict, HubError> {
    let opened = match first {
        Some(instance) => Ok(instance),
        None => open(hub, object).await?,
    };
    let instance = match opened {
        Ok(instance) => instance,
        Err(code) => return Ok(Verdict::Stopped(Stopped::new("quarantined", code))),
    };
    let held = |code: &str| Ok(Verdict::Stopped(Stopped::new("held", code)));
    if let Some(code) = admission.held {
        return held(code);
    }
    let (Some(trust), Some(person)) = (&admission.trust, &admission.person) else {
        return held("identity-unknown");
    };
    let served = admission.served;
    if let Some(shut) = hub.gates(served).shut(trust, &person.person, hub.clock.now()).await? {
        return held(shut.code);
    }
    // A person has looked at this object, not at another version of it.
    let review = review_of(hub, &object.id).await?;
    let standing = hub.store.device_standing(device).await?;
    if standing.is_stopped && review == Review::Pending {
        return held(DEVICE_STOPPED);
    }
    let may_be_ruled = review == Review::Pending && standing.rule.is_some();
    let mut outcome = cleaned(hub, object, served, person, instance, review).await?;
    let ruled = may_be_ruled.then(|| ruled(&standing, outcome.as_ref().err().map(Stopped::doubts))).flatten();
    if let Some(review) = ruled
        && let Ok(instance) = open(hub, object).await?
    {
        outcome = cleaned(hub, object, served, person, instance, review).await?;
        let rule = standing.rule.map(|rule| rule.id);
        outcome = outcome.map(|(cleared, written)| (Cleared { rule, ..cleared }, written));
    }
    match outcome {
        Ok((cleared, written)) => {
            put(hub, &served.project.name, &cleared.digest, written).await?;
            Ok(Verdict::Cleared(cleared))
        }
        Err(stopped) => Ok(Verdict::Stopped(stopped)),
    }
}

/// Cleans an object for a project, as this person's.
async fn cleaned(
    hub: &Arc<Hub>,
    object: &Spooled,
    served: &Served,
    person: &Known,
    instance: Instance<deid::state::Identifiable>,
    review: Review,
) -> Result<Result<(Cleared, Written), Stopped>, HubError> {
    let (project, handle) = (&served.project.name, &person.person);
    let Some(subject) = hub.linkage.subject(project, handle, &served.engine, &hub.custody).await? else {
        return Ok(Err(Stopped::new("held", "identity-unknown")));
    };
    let known = needles(person.identity.expose(&hub.custody));
    // What goes out is about as long as what came, once that is inflated.
    let bytes = u64::try_from(object.bytes).unwrap_or(0).max(instance.native_pixel_bytes());
    let in_memory = usize::try_from(bytes).ok().filter(|_| bytes <= IN_MEMORY_BYTES_MAX);
    let (hub_, name) = (Arc::clone(hub), project.clone());
    let cleaned = tokio::task::spawn_blocking(move || {
        clean(&hub_, &name, instance, &subject, &known, review, in_memory)
    });
    cleaned.await.unwrap_or_else(|_| Ok(Err(Stopped::new("quarantined", "engine-failed"))))
}

/// The straight line through the wall; runs on a blocking thread.
fn clean(
    hub: &Hub,
    project: &str,
    instance: Instance<deid::state::Identifiable>,
    subject: &Subject,
    known: &[Needle],
    review: Review,
    in_memory: Option<usize>,
) -> Result<Result<(Cleared, Written), Stopped>, HubError> {
    let Some(served) = hub.served(project) else {
        return Ok(Err(Stopped::new("held", "not-configured")));
    };
    let age = instance.facts().outgoing_age(&served.profile);
    let cleaned = match instance.clean_tags(&served.profile, subject, &served.engine, known) {
        Ok(cleaned) => cleaned,
        Err(rejection) if rejection.is_policy() => return Ok(Err(Stopped::new("held", rejection.code()))),
        Err(rejection) => return Ok(Err(Stopped::new("quarantined", rejection.code()))),
    };
    let judged = match cleaned.clean_pixels(&served.pixels, review) {
        PixelVerdict::Clear(judged) => judged,
        PixelVerdict::Review { reasons, boxes } => {
            return Ok(Err(Stopped { boxes, ..Stopped::new("held", codes(&reasons)) }));
        }
        PixelVerdict::Reject(reasons) => return Ok(Err(Stopped::new("rejected", codes(&reasons)))),
    };
    let at_us = hub.clock.now().as_micros();
    let (result, written) = if let Some(bytes) = in_memory {
        let mut out = Cursor::new(Vec::with_capacity(bytes));
        let result = judged.verify_and_write(&mut out, &hub.verifier, &hub.signer, at_us);
        (result, Written::Memory(out.into_inner()))
    } else {
        let file = tempfile::tempfile_in(&hub.config.spool_dir).map_err(SpoolError::Disk)?;
        let mut out = SealedTemporary::new(file).map_err(|error| SpoolError::Disk(error.into()))?;
        let result = judged.verify_and_write(&mut out, &hub.verifier, &hub.signer, at_us);
        out.seek(SeekFrom::Start(0)).map_err(SpoolError::Disk)?;
        (result, Written::File(Box::new(out)))
    };
    let (_, signed) = match result {
        Ok(cleared) => cleared,
        Err(residue) if residue.is_world() => return Err(SpoolError::Disk(io::Error::other(residue)).into()),
        Err(residue) => {
            tracing::warn!(code = residue.code(), "object held: its outgoing form did not pass verification");
            return Ok(Err(Stopped::new("held", residue.code())));
        }
    };
    Ok(into_cleared(&signed, age)
        .map(|cleared| (cleared, written))
        .ok_or_else(|| Stopped::new("quarantined", "clearance-not-signed")))
}

/// What the row keeps of a clearance that was signed just now.
fn into_cleared(signed: &Signed<Clearance>, age: Option<String>) -> Option<Cleared> {
    let clearance = signed.claims().ok()?;
    Some(Cleared {
        name: clearance.name.to_string(),
        pseudonym: clearance.pseudonym.as_str().to_owned(),
        digest: clearance.sha256.to_string(),
        bytes: clearance.bytes,
        clearance: String::from_utf8(signed.to_json().ok()?).ok()?,
        age,
        rule: None,
    })
}

fn codes(reasons: &[deid::pixels::PixelReason]) -> String {
    reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(" ")
}

/// The name of an outbox object: by project and content, so that a step that runs twice writes the same.
pub(crate) fn outbox_name(project: &str, digest: &str) -> String {
    format!("{project}/{digest}")
}

async fn put(hub: &Hub, project: &str, digest: &str, written: Written) -> Result<(), HubError> {
    let name = outbox_name(project, digest);
    match written {
        Written::Memory(bytes) => hub.outbox.put(&name, Bytes::from(bytes)).await?,
        Written::File(file) => {
            let reader: Box<dyn Read + Send> = file;
            hub.outbox.put_reader(&name, reader).await?;
        }
    }
    Ok(())
}

/// What the linkage knows of a person and the outgoing bytes must not hold.
pub(crate) fn needles(identity: &Identity) -> Vec<Needle> {
    let mut needles = Vec::new();
    needles.extend(identity.nhs_number.iter().map(|n| Needle::new(NeedleKind::Number, n.as_str())));
    needles.extend(identity.local_ids.iter().map(|(_, id)| Needle::new(NeedleKind::Other, id.as_str())));
    needles.extend(identity.birth_date.iter().map(|d| Needle::new(NeedleKind::Date, d.as_str())));
    needles.extend(identity.family_name.iter().map(|n| Needle::new(NeedleKind::Name, n.as_str())));
    needles
}

async fn unreadable(hub: &Hub, lease: &Lease, object: &Spooled, code: String) -> Result<Outcome, HubError> {
    let mut projects = hub.store.projects_expecting(&object.source, &object.token).await?;
    if projects.is_empty() {
        projects.extend(hub.projects.first().map(|served| served.project.name.clone()));
    }
    let stopped = |project: &String| {
        let place = Place::new(object, project, true);
        (Of::First(place), Verdict::Stopped(Stopped::new("quarantined", code.as_str())))
    };
    done(hub, lease, projects.iter().map(stopped).collect(), None, false).await
}

/// What made an object, and how many of what it makes are drawn for a second look.
struct Made {
    device: DeviceKey,
    sampling: Option<Sampling>,
}

/// A lost lease, as it is told within a group of commits.
const LEASE_LOST: &str = "lease-lost";

/// The facts, the audit and the end of the job, in one transaction; that of other steps that end at the same moment too.
/// `waits`: it does not end; the object is looked at again, later and later.
async fn done(
    hub: &Hub,
    lease: &Lease,
    verdicts: Vec<(Of, Verdict)>,
    device: Option<DeviceKey>,
    mut waits: bool,
) -> Result<Outcome, HubError> {
    let (store, now, held) = (hub.store.clone(), hub.clock.now(), lease.clone());
    let made = device.map(|device| Made { device, sampling: hub.config.portal.as_ref().map(Sampling::of) });
    let committed = hub.commits.submit(move |tx| {
        Box::pin(async move {
            for (of, verdict) in &verdicts {
                let arrival = match of {
                    Of::Row(row) => Arrival::Ours(row.clone()),
                    Of::First(place) => place.received(&store, tx, now).await?,
                };
                match arrival {
                    Arrival::Ours(row) => settle(&store, tx, &row, verdict, made.as_ref(), now).await?,
                    Arrival::Unwanted => {}
                    Arrival::Early | Arrival::After(_) => waits = true,
                }
            }
            if waits {
                return Ok(true);
            }
            let completed = jobs::complete(tx, &held, now).await.map_err(|error| match error {
                JobError::Db(error) => error,
                JobError::LeaseLost { .. } => DbError::Refused(LEASE_LOST.into()),
            });
            completed.map(|()| false)
        })
    });
    match committed.await {
        Ok(true) => Ok(Outcome::RetryLater { at: None, code: "earlier-version-first" }),
        Ok(false) => Ok(Outcome::Finished),
        Err(DbError::Refused(code)) if code == LEASE_LOST => {
            Ok(Outcome::RetryLater { at: None, code: LEASE_LOST })
        }
        Err(error) => Err(error.into()),
    }
}

/// What became of one object in one project, and that it did, in the audit.
async fn settle(
    store: &Store,
    tx: &mut Tx,
    row: &Row,
    verdict: &Verdict,
    made: Option<&Made>,
    now: Timestamp,
) -> Result<(), DbError> {
    let details = Details::new().id("instance", &row.id);
    let (event, details) = match verdict {
        Verdict::Cleared(c) => {
            let out = Outgoing {
                name: &c.name,
                pseudonym: &c.pseudonym,
                digest: &c.digest,
                bytes: c.bytes,
                clearance: &c.clearance,
                age: c.age.as_deref(),
            };
            // Whoever was quicker, a person or this step run twice, has moved it on.
            if !store.item_cleared(tx, "instance", &row.id, &out, now).await? {
                return Ok(());
            }
            if let Some(made) = made {
                let (device, n) = store.made_by(tx, &row.id, &made.device, None, true).await?;
                if made.sampling.is_some_and(|sampling| sampling.draws(n, &row.token)) {
                    store.sample_drawn(tx, &row.id, &c.digest, &device, now).await?;
                }
            }
            let details = details.and_then(|d| d.id("digest", &c.digest));
            let details = match &c.rule {
                Some(rule) => details.and_then(|d| d.id("rule", rule)),
                None => details,
            };
            ("instance cleared", details.and_then(|d| d.id("pseudonym", &c.pseudonym)))
        }
        Verdict::Stopped(Stopped { state, reason, boxes }) => {
            if !store.instance_is(tx, &row.id, state, Some(reason), now).await? {
                return Ok(());
            }
            if let Some(made) = made {
                let boxes = (!boxes.is_empty()).then(|| boxes::to_json(boxes));
                store.made_by(tx, &row.id, &made.device, boxes.as_deref(), false).await?;
            }
            ("instance stopped", details.map(|d| d.code("state", state)))
        }
        Verdict::Same => ("instance received again", details),
    };
    let of_audit = |error| match error {
        AuditError::Db(error) => error,
        AuditError::NotAnId { key } => DbError::Bug { doing: "audit".into(), detail: key.into() },
    };
    let (chain, details) = (row.trust.as_deref().unwrap_or("unattributed"), details.map_err(of_audit)?);
    audit::append(tx, chain, "hub", event, &details, now).await.map_err(of_audit)
}
