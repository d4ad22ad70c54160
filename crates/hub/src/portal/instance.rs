//! One held instance: its picture without any name beside it, what is suspected on it, and what a person decides.

use super::form::{Fields, Posted};
use super::page::{Frame, Problem, age, page_as, refusal, way_to_rule};
use super::picture::{self, Seen};
use super::queue::{Part, said};
use super::session::SignedIn;
use super::words::{REJECTIONS, reason};
use super::{Arc, Desk};
use crate::boxes;
use crate::pipeline::review::{self, ReviewError, is_pixel_doubt};
use crate::store::{Decided, Instance};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use deid::pixels::region::Region;
use platform::audit::{self, Details};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "instance.html")]
struct InstancePage {
    frame: Frame,
    id: String,
    part: Part,
    seen: Seen,
    trust: String,
    source: String,
    age: String,
    reasons: Vec<(&'static str, &'static str)>,
    is_pixel_doubt: bool,
    is_proposed: bool,
    boxes: Vec<Region>,
    shown: u32,
    before: Option<String>,
    after: Option<String>,
    decisions: Vec<Told>,
    rejections: &'static [(&'static str, &'static str)],
}

/// A decision as a page tells it.
struct Told {
    what: String,
    actor: String,
    age: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct InstanceQuery {
    project: String,
    source: String,
    reason: String,
    frame: u32,
    said: String,
    of: String,
}

pub(super) async fn instance(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<InstanceQuery>,
) -> Result<Response, Problem> {
    let row = held(&desk, &id).await?;
    let trust = row.trust.as_deref().unwrap_or("unattributed");
    let (store, now) = (&desk.hub.store, desk.hub.clock.now());
    let mut tx = store.write().await?;
    let details = Details::new().id("instance", &row.id)?;
    audit::append(&mut tx, trust, &by.account, "instance looked at", &details, now).await?;
    tx.commit().await?;
    let part = Part::of(&desk, &query.project, &query.source, &query.reason);
    let frame = Frame {
        said: said(&query.said),
        next: way_to_rule(&query.said, &query.of),
        ..Frame::new(&by, "queue", "")
    };
    let asked = Asked { part, shown: query.frame, boxes: None };
    shown(&desk, frame, row, asked).await
}

/// What of an instance is to be shown.
struct Asked {
    part: Part,
    shown: u32,
    /// What was drawn already, where a form comes back.
    boxes: Option<Vec<Region>>,
}

async fn held(desk: &Desk, id: &str) -> Result<Instance, Problem> {
    let row = desk.hub.store.instance(id).await?;
    row.filter(|row| row.state == "held").ok_or(Problem::NotFound)
}

async fn shown(desk: &Desk, frame: Frame, row: Instance, asked: Asked) -> Result<Response, Problem> {
    let (store, now) = (&desk.hub.store, desk.hub.clock.now());
    let opened = match &row.spool {
        Some(spool) => picture::received(desk, spool).await,
        None => None,
    };
    let seen = opened.as_ref().map(Seen::of).unwrap_or_default();
    let (before, after) = store.queue_neighbours(&asked.part.as_query(), &row.id).await?;
    let codes = row.reason.clone().unwrap_or_default();
    let proposed = row.boxes.as_deref().and_then(boxes::of_json).unwrap_or_default();
    let status = if frame.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title =
        format!("Look at this {} image", if seen.modality.is_empty() { "held" } else { seen.modality });
    page_as(
        status,
        &InstancePage {
            frame: Frame { title, ..frame },
            trust: row.trust.clone().unwrap_or_else(|| "not known".into()),
            age: age(store.held_since(&row.id).await?.unwrap_or(now), now),
            reasons: codes.split(' ').map(|code| (reason(code), review::remedy(code))).collect(),
            is_pixel_doubt: is_pixel_doubt(&codes),
            is_proposed: asked.boxes.is_none() && !proposed.is_empty(),
            boxes: asked.boxes.unwrap_or(proposed),
            shown: asked.shown.clamp(1, seen.frames.max(1)),
            decisions: store.decisions(&row.id).await?.iter().map(|d| told(d, now)).collect(),
            rejections: REJECTIONS,
            part: asked.part,
            source: row.source,
            id: row.id,
            seen,
            before,
            after,
        },
    )
}

fn told(decided: &Decided, now: platform::clock::Timestamp) -> Told {
    let what = match decided.kind.as_str() {
        "release" => "accepted it as it was",
        "mask" => "masked boxes on it",
        "retry" => "had it tried again",
        "reject" => "rejected it",
        _ => "decided about it",
    };
    Told { what: what.to_owned(), actor: decided.actor.clone(), age: age(decided.at, now) }
}

/// The picture of one frame.
pub(super) async fn frame(
    State(desk): State<Arc<Desk>>,
    _: SignedIn,
    Path((id, frame)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let row = held(&desk, &id).await?;
    let spool = row.spool.ok_or(Problem::NotFound)?;
    let opened = picture::received(&desk, &spool).await.ok_or(Problem::NotFound)?;
    picture::answer(&desk, opened, frame).await
}

/// Where one goes after a decision: to the next instance of the same part of the queue.
struct Next {
    part: Part,
    to: Option<String>,
}

impl Next {
    async fn of(desk: &Desk, fields: &Fields, id: &str) -> Result<Self, Problem> {
        let part = Part::of(desk, fields.get("project"), fields.get("source"), fields.get("reason"));
        let (before, after) = desk.hub.store.queue_neighbours(&part.as_query(), id).await?;
        Ok(Self { part, to: after.or(before) })
    }

    fn go(&self, said: &str, of: &str) -> Response {
        let tail = format!("{}&said={said}&of={of}", self.part.tail());
        let to =
            self.to.as_ref().map_or_else(|| format!("/review?{tail}"), |id| format!("/review/{id}?{tail}"));
        Redirect::to(&to).into_response()
    }
}

/// A decision that was taken, or the page again with what is wrong.
async fn answered(
    desk: &Desk,
    posted: &Posted,
    id: &str,
    next: &Next,
    decided: Result<(), ReviewError>,
    said: &str,
) -> Result<Response, Problem> {
    let error = match decided {
        Ok(()) => return Ok(next.go(said, id)),
        // The page was older than what it showed.
        Err(ReviewError::NothingToDo { .. }) => return Ok(next.go("elsewhere", "")),
        Err(error) => error,
    };
    let wrong = refusal(error)?;
    let row = held(desk, id).await?;
    let boxes = posted.fields.boxes();
    let asked =
        Asked { part: next.part.clone(), shown: posted.fields.get("frame").parse().unwrap_or(1), boxes };
    let frame = Frame { wrong: Some(wrong), ..Frame::new(&posted.by, "queue", "") };
    shown(desk, frame, row, asked).await
}

type Answer = Result<Response, Problem>;

pub(super) async fn release(State(desk): State<Arc<Desk>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let next = Next::of(&desk, &posted.fields, &id).await?;
    let decided = review::release(&desk.hub, &id, &posted.by.account).await;
    answered(&desk, &posted, &id, &next, decided, "released").await
}

pub(super) async fn mask(State(desk): State<Arc<Desk>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let next = Next::of(&desk, &posted.fields, &id).await?;
    let decided = match posted.fields.boxes() {
        Some(drawn) => {
            let row = held(&desk, &id).await?;
            let drawn = on_the_image(&desk, &row, drawn).await;
            review::mask(&desk.hub, &id, &drawn, &posted.by.account).await
        }
        None => Err(ReviewError::NoBoxes),
    };
    answered(&desk, &posted, &id, &next, decided, "masked").await
}

/// The parts of the boxes that lie on the image.
async fn on_the_image(desk: &Desk, row: &Instance, drawn: Vec<Region>) -> Vec<Region> {
    let Some(spool) = &row.spool else { return Vec::new() };
    let Some(opened) = picture::received(desk, spool).await else { return Vec::new() };
    let (width, height) = (opened.facts().device.columns, opened.facts().device.rows);
    drawn.into_iter().filter_map(|region| boxes::within(region, width, height)).collect()
}

pub(super) async fn reject(State(desk): State<Arc<Desk>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let next = Next::of(&desk, &posted.fields, &id).await?;
    let given: BTreeMap<_, _> = REJECTIONS.iter().copied().collect();
    let decided = match given.get_key_value(posted.fields.get("why")) {
        Some((code, _)) => review::reject(&desk.hub, &id, &posted.by.account, code).await,
        None => Err(ReviewError::NoReason),
    };
    answered(&desk, &posted, &id, &next, decided, "rejected").await
}

pub(super) async fn retry(State(desk): State<Arc<Desk>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let next = Next::of(&desk, &posted.fields, &id).await?;
    let decided = review::retry(&desk.hub, &id, &posted.by.account).await;
    answered(&desk, &posted, &id, &next, decided, "retried").await
}
