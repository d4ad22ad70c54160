//! Device rules: proposed by who masked an image, approved by another account, withdrawn when they turn out wrong.

use super::form::Posted;
use super::page::{Frame, Problem, age, page, page_as, sentence};
use super::picture;
use super::session::SignedIn;
use super::words::reason;
use super::{Arc, Desk};
use crate::boxes;
use crate::pipeline::rules::{self, RuleError};
use crate::store::{DeviceKey, DeviceRule};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use deid::pixels::region::Region;
use platform::clock::Timestamp;
use serde::Deserialize;

/// Held images that are counted for a page.
const COUNTED_MAX: u32 = 1_000;

/// A rule as a page tells it.
struct Told {
    id: String,
    device: DeviceKey,
    reasons: Vec<&'static str>,
    boxes: Vec<Region>,
    state: String,
    proposed_by: String,
    proposed: String,
    approved: Option<(String, String)>,
    withdrawn: Option<(String, String)>,
}

impl Told {
    fn of(rule: DeviceRule, now: Timestamp) -> Self {
        let since = |(who, at): (String, Timestamp)| (who, age(at, now));
        Self {
            id: rule.id,
            device: rule.device.key,
            reasons: rule.reasons.split(' ').map(reason).collect(),
            boxes: boxes::of_json(&rule.boxes).unwrap_or_default(),
            state: rule.state,
            proposed: age(rule.proposed.1, now),
            proposed_by: rule.proposed.0,
            approved: rule.approved.map(since),
            withdrawn: rule.withdrawn.map(since),
        }
    }
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    frame: Frame,
    proposed: Vec<Told>,
    active: Vec<Told>,
    withdrawn: Vec<Told>,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    frame: Frame,
    rule: Told,
    has_picture: bool,
    may_approve: bool,
    may_withdraw: bool,
    concerned: usize,
}

#[derive(Template)]
#[template(path = "propose.html")]
struct ProposePage {
    frame: Frame,
    id: String,
    device: DeviceKey,
    reasons: Vec<&'static str>,
    boxes: Vec<Region>,
    has_picture: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SaidQuery {
    said: String,
}

fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "proposed" => {
            "The rule is proposed. It takes effect once another account, an approver, has approved it"
        }
        "approved" => "The rule is in force. What it concerns in the queue is being looked at again",
        "withdrawn" => "The rule is withdrawn",
        _ => return None,
    })
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Query(query): Query<SaidQuery>,
) -> Result<Response, Problem> {
    let (store, now) = (&desk.hub.store, desk.hub.clock.now());
    let mut by_state = Vec::new();
    for state in ["proposed", "active", "withdrawn"] {
        let told = store.rules_in(state).await?.into_iter().map(|rule| Told::of(rule, now));
        by_state.push(told.collect::<Vec<_>>());
    }
    let [proposed, active, withdrawn] = <[_; 3]>::try_from(by_state).unwrap_or_default();
    let frame = Frame { said: said(&query.said), ..Frame::new(&by, "rules", "Device rules") };
    page(&RulesPage { frame, proposed, active, withdrawn })
}

pub(super) async fn rule(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    shown(&desk, &by, &id, None).await
}

async fn shown(desk: &Desk, by: &SignedIn, id: &str, wrong: Option<String>) -> Result<Response, Problem> {
    let (store, now) = (&desk.hub.store, desk.hub.clock.now());
    let rule = store.rule(id).await?.ok_or(Problem::NotFound)?;
    let held = store.held_of_device(&rule.device.id, now, "", COUNTED_MAX).await?;
    let concerned = held.iter().filter(|(_, doubts)| rules::concerns(&rule, doubts)).count();
    let is_own = rule.proposed.0 == by.account;
    let (is_proposed, is_withdrawn) = (rule.state == "proposed", rule.state == "withdrawn");
    let status = if wrong.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    page_as(
        status,
        &RulePage {
            frame: Frame { wrong, ..Frame::new(by, "rules", "Device rule") },
            has_picture: spool_of(desk, &rule.instance).await?.is_some(),
            may_approve: is_proposed && by.is_approver() && !is_own,
            may_withdraw: !is_withdrawn && (by.is_approver() || (is_proposed && is_own)),
            rule: Told::of(rule, now),
            concerned,
        },
    )
}

/// The sealed object of an instance, while it is here.
async fn spool_of(desk: &Desk, instance: &str) -> Result<Option<String>, Problem> {
    let Some(row) = desk.hub.store.instance(instance).await? else { return Ok(None) };
    let Some(spool) = row.spool else { return Ok(None) };
    Ok(desk.hub.store.spool_object(&spool).await?.map(|object| object.id))
}

/// The picture that a rule was drawn on.
pub(super) async fn rule_picture(
    State(desk): State<Arc<Desk>>,
    _: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let rule = desk.hub.store.rule(&id).await?.ok_or(Problem::NotFound)?;
    of_instance(&desk, &rule.instance).await
}

async fn of_instance(desk: &Desk, instance: &str) -> Result<Response, Problem> {
    let spool = spool_of(desk, instance).await?.ok_or(Problem::NotFound)?;
    let opened = picture::received(desk, &spool).await.ok_or(Problem::NotFound)?;
    picture::answer(desk, opened, 1).await
}

pub(super) async fn propose_page(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    proposing(&desk, &by, &id).await
}

async fn proposing(desk: &Desk, by: &SignedIn, id: &str) -> Result<Response, Problem> {
    let draft = match rules::draft(&desk.hub, id).await {
        Ok(draft) => draft,
        Err(error) => return refused(by, error),
    };
    page(&ProposePage {
        frame: Frame::new(by, "rules", "Mask the same on every image of this device?"),
        has_picture: spool_of(desk, id).await?.is_some(),
        reasons: draft.reasons.split(' ').map(reason).collect(),
        boxes: boxes::of_json(&draft.boxes).unwrap_or_default(),
        device: draft.device.key,
        id: draft.instance,
    })
}

/// The picture of what was masked, whatever has become of it since.
pub(super) async fn proposed_picture(
    State(desk): State<Arc<Desk>>,
    _: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    rules::draft(&desk.hub, &id).await.map_err(|_| Problem::NotFound)?;
    of_instance(&desk, &id).await
}

#[derive(Template)]
#[template(path = "problem.html")]
struct RefusedPage {
    frame: Frame,
    what: String,
}

/// Why no rule can be made of this, told to who is signed in.
fn refused(by: &SignedIn, error: RuleError) -> Result<Response, Problem> {
    let what = match error {
        RuleError::Hub(error) => return Err(error.into()),
        RuleError::Unknown => return Err(Problem::NotFound),
        other => format!("{}.", sentence(&other.to_string())),
    };
    let frame = Frame::new(by, "rules", "No rule can be made of this");
    page_as(StatusCode::UNPROCESSABLE_ENTITY, &RefusedPage { frame, what })
}

pub(super) async fn propose(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let proposed = async {
        let draft = rules::draft(&desk.hub, &id).await?;
        rules::propose(&desk.hub, &draft, &posted.by.account).await
    };
    match proposed.await {
        Ok(_) => Ok(Redirect::to("/rules?said=proposed").into_response()),
        Err(error) => refused(&posted.by, error),
    }
}

pub(super) async fn approve(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let approved = match posted.by.is_approver() {
        true => rules::approve(&desk.hub, &id, &posted.by.account).await,
        false => Err(RuleError::NotYours),
    };
    after(&desk, &posted, &id, approved.map(drop), "approved").await
}

pub(super) async fn withdraw(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let rule = desk.hub.store.rule(&id).await?.ok_or(Problem::NotFound)?;
    let is_own_proposal = rule.state == "proposed" && rule.proposed.0 == posted.by.account;
    let withdrawn = match posted.by.is_approver() || is_own_proposal {
        true => rules::withdraw(&desk.hub, &id, &posted.by.account).await,
        false => Err(RuleError::NotYours),
    };
    after(&desk, &posted, &id, withdrawn, "withdrawn").await
}

async fn after(
    desk: &Desk,
    posted: &Posted,
    id: &str,
    done: Result<(), RuleError>,
    said: &str,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/rules?said={said}")).into_response()),
        Err(RuleError::Hub(error)) => Err(error.into()),
        Err(RuleError::Unknown) => Err(Problem::NotFound),
        Err(error) => shown(desk, &posted.by, id, Some(sentence(&error.to_string()))).await,
    }
}
