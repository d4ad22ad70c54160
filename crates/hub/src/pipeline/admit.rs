//! Who is it, and who asked for it? An object that arrived is held against the linkage and the live cohort rows.
//!
//! What was asked for and what was pushed unasked pass the same questions; only the answers to "which study" differ.

use crate::config::Source;
use crate::context::{Hub, HubError, Served};
use crate::identify::{AMBIGUOUS, Named, named, objection_to};
use crate::linkage::{Known, TokenKind};
use crate::patient::{Claimed, family_names};
use crate::project::Judgement;
use crate::sources::{Origin, Unattributed};
use crate::store::{CohortRow, Spooled, Study};
use crate::windows::DateWindow;
use chrono::NaiveDate;
use deid::custody::{Custody, Sensitive};
use deid::facts::Facts;

/// Where an object belongs in one project.
pub struct Admission<'h> {
    /// The project.
    pub served: &'h Served,
    /// The trust that controls it, unless unattributed.
    pub trust: Option<String>,
    /// The person, unless unidentified.
    pub person: Option<Known>,
    /// The study it was asked for in.
    pub study: Option<Study>,
    /// Keyed token of its Series Instance UID.
    pub series: String,
    /// Why it goes no further; `None`: it goes on.
    pub held: Option<&'static str>,
}

/// Judges an object for every project of the hub; where no project asked for it, it is held once, for the first.
pub async fn admit<'h>(
    hub: &'h Hub,
    object: &Spooled,
    facts: &Facts,
) -> Result<Vec<Admission<'h>>, HubError> {
    let custody = &hub.custody;
    let token = hub.linkage.token(TokenKind::Study, facts.study_uid.expose(custody));
    let mut arrived = Arrived {
        object,
        facts,
        studies: hub.store.studies_of_token(&object.source, &token).await?,
        claimed: claimed(facts, custody).without(&hub.config.placeholders),
        named: Vec::new(),
    };
    if let Some(source) = hub.config.source(&object.source) {
        arrived.named = named(hub, source, &arrived.claimed).await?;
    }
    let mut admissions = Vec::new();
    let mut unrequested = None;
    for served in &hub.projects {
        let admission = judge(hub, served, &arrived).await?;
        if admission.held == Some("unrequested") && admission.study.is_none() {
            unrequested.get_or_insert(admission);
        } else {
            admissions.push(admission);
        }
    }
    if admissions.is_empty() {
        admissions.extend(unrequested);
    }
    Ok(admissions)
}

/// An object that arrived, with what is the same of it for every project.
struct Arrived<'a> {
    object: &'a Spooled,
    facts: &'a Facts,
    studies: Vec<Study>,
    claimed: Claimed,
    /// Whom its identifiers name.
    named: Vec<Named>,
}

async fn judge<'h>(
    hub: &'h Hub,
    served: &'h Served,
    arrived: &Arrived<'_>,
) -> Result<Admission<'h>, HubError> {
    let (custody, Arrived { object, facts, claimed, .. }) = (&hub.custody, arrived);
    let study = arrived.studies.iter().find(|study| study.project == served.project.name).cloned();
    let is_rejected = study.as_ref().is_some_and(Study::is_rejected);
    // A study in doubt vouches for nothing: what comes of it is judged as if it had been pushed.
    let study = study.filter(|study| !matches!(study.state.as_str(), "held" | "excluded"));
    let mut admission = Admission {
        served,
        trust: study.as_ref().map(|s| s.trust.clone()),
        person: None,
        study,
        series: hub.linkage.token(TokenKind::Series, facts.series_uid.expose(custody)),
        held: None,
    };
    let Some(source) = hub.config.source(&object.source) else {
        admission.held = Some("unknown-source");
        return Ok(admission);
    };
    let asked = admission.study.as_ref().map(|study| study.trust.clone());
    match (attribute(source, facts, custody), asked) {
        (Ok(trust), Some(asked)) if trust != asked => admission.held = Some(Unattributed::Conflict.code()),
        (Ok(trust), _) => admission.trust = Some(trust),
        // The archive named the trust when it was asked; the object alone may say less, but not another.
        (Err(Unattributed::NoRule), Some(_)) => {}
        (Err(unattributed), _) => admission.held = Some(unattributed.code()),
    }
    let found = identify(hub, served, source, arrived, admission.trust.as_deref()).await?;
    let Named { known, by_number } = match found {
        Ok(found) => found,
        Err((person, code)) => {
            admission.person = person;
            // What was asked for is never unrequested: the archive's object and its answer differ.
            let is_asked = admission.study.is_some() && code == "unrequested";
            admission.held = Some(if is_asked { "identity-unconfirmed" } else { code });
            return Ok(admission);
        }
    };
    if let Some(study) = &admission.study
        && !known.handles.contains(&study.person)
    {
        admission.held = Some(AMBIGUOUS);
        return Ok(admission);
    }
    if admission.held.is_none() {
        let rule = &served.project.second_identifier;
        admission.held = if !claimed.confirms(known.identity.expose(custody), rule, source, by_number) {
            Some("identity-unconfirmed")
        } else if is_rejected {
            Some("study-rejected")
        } else {
            wanted(hub, served, &admission, &known, facts).await?
        };
    }
    admission.person = Some(known);
    Ok(admission)
}

fn attribute(source: &Source, facts: &Facts, custody: &Custody) -> Result<String, Unattributed> {
    let text = |value: &Option<Sensitive<String>>| value.as_ref().map(|v| v.expose(custody).clone());
    let (institution, accession, ae) = (
        text(&facts.origin.institution_name),
        text(&facts.origin.accession_number),
        text(&facts.origin.source_ae),
    );
    let code = facts.origin.institution_codes.first().map(|c| c.expose(custody).clone());
    let issuer = text(&facts.patient.issuer);
    let origin = Origin {
        issuer_of_patient_id: issuer.as_deref(),
        institution_name: institution.as_deref(),
        institution_code: code.as_deref(),
        accession: accession.as_deref(),
        ae_title: ae.as_deref(),
    };
    source.attribute(&origin).map(str::to_owned)
}

fn claimed(facts: &Facts, custody: &Custody) -> Claimed {
    let patient = &facts.patient;
    let stated =
        |issuer: &Option<Sensitive<String>>| issuer.as_ref().map(|issuer| issuer.expose(custody).clone());
    let with_issuer = |id: &Sensitive<String>, issuer: &Option<Sensitive<String>>| {
        (id.expose(custody).clone(), stated(issuer))
    };
    Claimed {
        patient_id: patient.id.as_ref().map(|id| with_issuer(id, &patient.issuer)),
        other_ids: patient.other_ids.iter().map(|(id, issuer)| with_issuer(id, issuer)).collect(),
        birth_date: patient.birth_date.as_ref().map(|d| d.expose(custody).clone()),
        sex: patient.sex.map(String::from),
        family_names: patient.name.as_ref().map(|n| family_names(n.expose(custody))).unwrap_or_default(),
    }
}

/// The one person whom the object's identifiers name.
async fn identify(
    hub: &Hub,
    served: &Served,
    source: &Source,
    Arrived { claimed, named, .. }: &Arrived<'_>,
    trust: Option<&str>,
) -> Result<Result<Named, (Option<Known>, &'static str)>, HubError> {
    let numbers = claimed.nhs_numbers(source).len();
    if numbers > 1 {
        return Ok(Err((None, AMBIGUOUS)));
    }
    if numbers == 0 && claimed.local_ids(source).is_empty() {
        return Ok(Err((None, "identity-unknown")));
    }
    if let Some(named) = named.iter().find(|named| named.known.conflict.is_some()) {
        return Ok(Err((Some(named.known.clone()), "identity-conflict")));
    }
    let Some(first) = named.first() else { return Ok(Err((None, "unrequested"))) };
    let (person, identity) = (&first.known.person, &first.known.identity);
    Ok(match objection_to(hub, served, named, person, identity, trust).await? {
        Some(code) => Err((None, code)),
        None => Ok(first.clone()),
    })
}

/// Whether a live row of the project wants this object; else the reason why not.
async fn wanted(
    hub: &Hub,
    served: &Served,
    admission: &Admission<'_>,
    person: &Known,
    facts: &Facts,
) -> Result<Option<&'static str>, HubError> {
    let mut rows = Vec::new();
    for handle in &person.handles {
        rows.extend(hub.store.rows_of_person(handle).await?);
    }
    let rows = rows
        .into_iter()
        .filter(|row| row.project == served.project.name && Some(&row.trust) == admission.trust.as_ref());
    let date = facts.study_date.as_ref().map(|date| date.expose(&hub.custody).clone());
    let Some(date) = date.and_then(|date| NaiveDate::parse_from_str(&date, "%Y%m%d").ok()) else {
        return Ok(Some("no-study-date"));
    };
    let mut any = false;
    for row in rows {
        any = true;
        if row_window(hub, served, &row).await?.is_some_and(|window| window.contains(date)) {
            return Ok(if admission.study.is_some() { None } else { pushed(served, facts) });
        }
    }
    Ok(Some(match (&admission.study, any) {
        (Some(_), true) => "outside-window",
        (Some(_), false) => "row-withdrawn",
        (None, _) => "unrequested",
    }))
}

/// A pushed object was never judged by its study, so it is judged by itself.
fn pushed(served: &Served, facts: &Facts) -> Option<&'static str> {
    if facts.modality.is_none_or(|modality| served.project.folder_of(modality).is_none()) {
        return Some("unrequested");
    }
    match served.project.body_parts.judge(facts.body_part, []) {
        Judgement::Wanted => None,
        Judgement::Elsewhere => Some("unrequested"),
        Judgement::Unknown => Some("body-part-unknown"),
    }
}

async fn row_window(hub: &Hub, served: &Served, row: &CohortRow) -> Result<Option<DateWindow>, HubError> {
    let Some(detail) = hub.linkage.row_detail(&row.id).await? else { return Ok(None) };
    let anchor = NaiveDate::parse_from_str(&detail.expose(&hub.custody).anchor, "%Y%m%d").ok();
    Ok(anchor.zip(served.project.arm(&row.arm)).map(|(anchor, arm)| DateWindow::of(arm, anchor)))
}
