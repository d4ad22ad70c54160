//! A second look at what was cleared: one image a page, and what all looks together say of each device.

use super::form::Posted;
use super::page::{Frame, Problem, age, page};
use super::picture::{self, Opened, Seen};
use super::session::SignedIn;
use super::{Arc, Desk};
use crate::pipeline::deidentify::outbox_name;
use crate::pipeline::sampling::{self, rate_max};
use crate::store::{DeviceKey, Rate, Sample};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// Samples that a page lists.
const LISTED_MAX: u32 = 25;

struct Line {
    id: String,
    device: DeviceKey,
    trust: String,
    age: String,
}

#[derive(Template)]
#[template(path = "samples.html")]
struct SamplesPage {
    frame: Frame,
    lines: Vec<Line>,
    has_more: bool,
    first: u32,
    one_in: u32,
}

#[derive(Template)]
#[template(path = "sample.html")]
struct SamplePage {
    frame: Frame,
    id: String,
    device: DeviceKey,
    seen: Seen,
    shown: u32,
    project: String,
    age: String,
}

/// A device as the page of rates tells it.
struct Told {
    rate: Rate,
    /// Parts of a hundred, as text, and as places in the picture.
    observed: String,
    bound: String,
    three: Option<String>,
    observed_at: f64,
    bound_at: f64,
}

#[derive(Template)]
#[template(path = "rates.html")]
struct RatesPage {
    frame: Frame,
    rates: Vec<Told>,
    may_resume: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SamplesQuery {
    said: String,
    frame: u32,
}

fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "clean" => "Noted: nothing was missed",
        "leak" => "Noted: the device is stopped. What of it has not left is held, and the log has an alert",
        "gone" => "That image has left before anybody looked: it does not count",
        "resumed" => "The device goes on. What was held for it is looked at again",
        _ => return None,
    })
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Query(query): Query<SamplesQuery>,
) -> Result<Response, Problem> {
    let now = desk.hub.clock.now();
    let mut waiting = desk.hub.store.samples_waiting(LISTED_MAX + 1).await?;
    let has_more = waiting.len() > LISTED_MAX as usize;
    waiting.truncate(LISTED_MAX as usize);
    let line = |sample: Sample| Line {
        trust: sample.trust.unwrap_or_default(),
        age: age(sample.drawn, now),
        device: sample.key,
        id: sample.id,
    };
    let config = desk.hub.config.portal.as_ref();
    page(&SamplesPage {
        frame: Frame {
            said: said(&query.said),
            ..Frame::new(&by, "samples", "Second look at cleared images")
        },
        lines: waiting.into_iter().map(line).collect(),
        has_more,
        first: config.map_or(0, |config| config.sample_first),
        one_in: config.map_or(0, |config| config.sample_one_in),
    })
}

/// The cleared object, while it is in the outbox.
async fn cleared(desk: &Desk, sample: &Sample) -> Option<Opened> {
    picture::cleared(desk, &outbox_name(&sample.project, &sample.digest)).await
}

async fn waiting(desk: &Desk, id: &str) -> Result<Sample, Problem> {
    let sample = desk.hub.store.sample(id).await?;
    sample.filter(|sample| sample.verdict.is_none()).ok_or(Problem::NotFound)
}

pub(super) async fn sample(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SamplesQuery>,
) -> Result<Response, Problem> {
    let sample = waiting(&desk, &id).await?;
    let Some(opened) = cleared(&desk, &sample).await else {
        sampling::gone(&desk.hub, &sample).await?;
        return Ok(Redirect::to("/samples?said=gone").into_response());
    };
    let seen = Seen::of(&opened);
    page(&SamplePage {
        frame: Frame { said: said(&query.said), ..Frame::new(&by, "samples", "Was anything missed?") },
        age: age(sample.drawn, desk.hub.clock.now()),
        shown: query.frame.clamp(1, seen.frames.max(1)),
        project: sample.project,
        device: sample.key,
        id: sample.id,
        seen,
    })
}

pub(super) async fn frame(
    State(desk): State<Arc<Desk>>,
    _: SignedIn,
    Path((id, frame)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let sample = waiting(&desk, &id).await?;
    let opened = cleared(&desk, &sample).await.ok_or(Problem::NotFound)?;
    picture::answer(&desk, opened, frame).await
}

pub(super) async fn clean(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    settled(&desk, &id, false, &posted).await
}

pub(super) async fn leak(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    settled(&desk, &id, true, &posted).await
}

/// To the next sample, or to the list where there is none.
async fn settled(desk: &Desk, id: &str, is_leak: bool, posted: &Posted) -> Result<Response, Problem> {
    let sample = waiting(desk, id).await?;
    sampling::settle(&desk.hub, &sample, is_leak, &posted.by.account).await?;
    let said = if is_leak { "leak" } else { "clean" };
    let next = desk.hub.store.samples_waiting(1).await?.into_iter().next();
    let to =
        next.map_or_else(|| format!("/samples?said={said}"), |s| format!("/samples/{}?said={said}", s.id));
    Ok(Redirect::to(&to).into_response())
}

pub(super) async fn rates(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Query(query): Query<SamplesQuery>,
) -> Result<Response, Problem> {
    let rates = desk.hub.store.leak_rates().await?;
    page(&RatesPage {
        frame: Frame { said: said(&query.said), ..Frame::new(&by, "rates", "How much was missed") },
        rates: rates.into_iter().map(told).collect(),
        may_resume: by.is_approver(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn told(rate: Rate) -> Told {
    let observed = if rate.looked == 0 { 0.0 } else { rate.leaks as f64 / rate.looked as f64 };
    let bound = rate_max(rate.leaks, rate.looked);
    let three = (rate.leaks == 0 && rate.looked > 0).then(|| percent((3.0 / rate.looked as f64).min(1.0)));
    Told {
        observed: if rate.looked == 0 { "not known".into() } else { percent(observed) },
        bound: percent(bound),
        three,
        observed_at: observed * 100.0,
        bound_at: bound * 100.0,
        rate,
    }
}

fn percent(part: f64) -> String {
    let percent = part * 100.0;
    match percent {
        0.0 => "0%".into(),
        _ if percent < 1.0 => format!("{percent:.2}%"),
        _ if percent < 10.0 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

pub(super) async fn resume(
    State(desk): State<Arc<Desk>>,
    Path(device): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    if !posted.by.is_approver() {
        return Err(Problem::Forbidden);
    }
    desk.hub.store.device(&device).await?.ok_or(Problem::NotFound)?;
    sampling::resume(&desk.hub, &device, &posted.by.account).await?;
    Ok(Redirect::to("/rates?said=resumed").into_response())
}
