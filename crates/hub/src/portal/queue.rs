//! The queue: what is held, since when and why, by source and by reason.

use super::page::{Frame, Problem, age, page, way_to_rule};
use super::session::SignedIn;
use super::words::reason;
use super::{Arc, Desk};
use crate::store::{InstanceCount, QueuePart};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Lines on a page.
const LINES_MAX: u32 = 25;

/// Which part of the queue is looked at, as addresses and forms say it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    pub(super) project: String,
    pub(super) source: String,
    pub(super) reason: String,
}

impl Part {
    /// Only what stands in the configuration or in a code is carried on.
    pub(super) fn of(desk: &Desk, project: &str, source: &str, reason: &str) -> Self {
        let is_code =
            |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let first = || desk.hub.projects.first().map(|served| served.project.name.clone());
        let project = desk.hub.served(project).map(|served| served.project.name.clone()).or_else(first);
        Self {
            project: project.unwrap_or_default(),
            source: desk.hub.config.source(source).map(|source| source.name.clone()).unwrap_or_default(),
            reason: Some(reason).filter(|text| is_code(text)).unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn as_query(&self) -> QueuePart<'_> {
        QueuePart { project: &self.project, source: &self.source, reason: &self.reason }
    }

    /// As the end of an address. Names and codes need no escaping.
    pub(super) fn tail(&self) -> String {
        format!("project={}&source={}&reason={}", self.project, self.source, self.reason)
    }
}

#[derive(Deserialize)]
pub(super) struct QueueQuery {
    #[serde(default)]
    project: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    page: u32,
    #[serde(default)]
    said: String,
    #[serde(default)]
    of: String,
}

struct Line {
    id: String,
    reasons: Vec<&'static str>,
    modality: String,
    trust: String,
    source: String,
    age: String,
}

/// One choice of a filter.
struct Choice {
    value: String,
    words: String,
    n: i64,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    frame: Frame,
    part: Part,
    projects: Vec<String>,
    sources: Vec<Choice>,
    reasons: Vec<Choice>,
    lines: Vec<Line>,
    held: i64,
    first: u32,
    last: u32,
    earlier: Option<u32>,
    later: Option<u32>,
}

pub(super) async fn queue(
    State(desk): State<Arc<Desk>>,
    by: SignedIn,
    Query(query): Query<QueueQuery>,
) -> Result<Response, Problem> {
    let part = Part::of(&desk, &query.project, &query.source, &query.reason);
    let (store, now, at) = (&desk.hub.store, desk.hub.clock.now(), query.page.min(10_000));
    let counts = store.instance_counts(&part.project).await?;
    let held: Vec<_> = counts.into_iter().filter(|count| count.state == "held").collect();
    let mut rows = store.queue(&part.as_query(), at * LINES_MAX, LINES_MAX + 1).await?;
    let has_more = rows.len() > LINES_MAX as usize;
    rows.truncate(LINES_MAX as usize);
    let lines: Vec<Line> = rows
        .into_iter()
        .map(|row| Line {
            id: row.id,
            reasons: row.reason.split(' ').map(reason).collect(),
            modality: row.modality.unwrap_or_default(),
            trust: row.trust.unwrap_or_else(|| "not known".into()),
            source: row.source,
            age: age(row.held, now),
        })
        .collect();
    let shown = u32::try_from(lines.len()).unwrap_or(0);
    let frame = Frame::new(&by, "queue", "Images that wait for a person");
    page(&QueuePage {
        frame: Frame { said: said(&query.said), next: way_to_rule(&query.said, &query.of), ..frame },
        projects: desk.hub.projects.iter().map(|served| served.project.name.clone()).collect(),
        sources: by_source(&held, &part),
        reasons: by_reason(&held, &part),
        held: held.iter().map(|count| count.n).sum(),
        first: at * LINES_MAX + shown.min(1),
        last: at * LINES_MAX + shown,
        earlier: at.checked_sub(1),
        later: has_more.then_some(at + 1),
        part,
        lines,
    })
}

/// What was done just now, by the code that the address carries.
pub(super) fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "released" => "The image was accepted as it is and goes on",
        "masked" => "The boxes are masked and the image goes on",
        "rejected" => "The image was rejected and is destroyed",
        "retried" => "The image is tried again",
        "elsewhere" => "Somebody else has decided about that image, or it went on by itself",
        _ => return None,
    })
}

fn by_source(held: &[InstanceCount], part: &Part) -> Vec<Choice> {
    let mut counts = BTreeMap::<&str, i64>::new();
    for count in held {
        *counts.entry(&count.source).or_default() += count.n;
    }
    let choice = |(value, n): (&str, i64)| Choice {
        value: value.to_owned(),
        words: value.to_owned(),
        n,
        is_chosen: value == part.source,
    };
    counts.into_iter().map(choice).collect()
}

/// An instance that is held for two reasons counts under each.
fn by_reason(held: &[InstanceCount], part: &Part) -> Vec<Choice> {
    let mut counts = BTreeMap::<&str, i64>::new();
    for count in held {
        for code in count.reason.as_deref().unwrap_or_default().split(' ') {
            *counts.entry(code).or_default() += count.n;
        }
    }
    let choice = |(value, n): (&str, i64)| Choice {
        value: value.to_owned(),
        words: reason(value).to_owned(),
        n,
        is_chosen: value == part.reason,
    };
    counts.into_iter().map(choice).collect()
}
