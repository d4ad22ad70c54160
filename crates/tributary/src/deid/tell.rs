//! What is told of each file while it is done: a JSON line, for programs that run this one.
//!
//! A line names the file as it was given, what became of it and which attributes were treated how; never a value. Names of files
//! can identify, so these lines stay at the hospital, as the held list does.

use super::outcome::Outcome;
use super::store::{Pixels, Treatment};
use ::deid::changes::{Change, TagPath, keyword, path_text};
use ::deid::instance::Instance;
use ::deid::state::Deidentified;
use anyhow::Result;
use dicom::tag::{Tag, tags};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use submission::digest::Digest;

/// Who tells, and what.
pub(super) struct Teller {
    /// JSON lines on standard output.
    pub(super) json: bool,
    /// A report will be written.
    pub(super) report: bool,
}

/// What was done to an element, as reports have it.
#[derive(Serialize, Deserialize)]
pub(super) struct Told {
    /// The sequences on the way to it, and its own: `(0008,1140)>(0008,1155)`.
    pub(super) tag: String,
    /// Its keyword.
    pub(super) keyword: String,
    /// The name of a [`Change`].
    pub(super) action: String,
}

impl Told {
    /// Its own tag and keyword; private elements are told apart by nothing but their places, so they count as one.
    pub(super) fn attribute(&self) -> (&str, &str) {
        let tag = self.tag.rsplit('>').next().unwrap_or(&self.tag);
        let group = tag.get(1..5).and_then(|group| u16::from_str_radix(group, 16).ok());
        match group {
            Some(group) if group % 2 == 1 => ("(odd groups)", "private elements"),
            _ if self.keyword.is_empty() => ("(others)", "elements that the dictionary does not know"),
            _ => (tag, &self.keyword),
        }
    }

    /// The names of the sequences on the way to it, and its own; tags where they have none.
    pub(super) fn name(&self) -> String {
        let name = |tag: &str| {
            let number = |at| u16::from_str_radix(tag.get(at)?, 16).ok();
            let known =
                number(1..5).zip(number(6..10)).map_or("", |(group, element)| keyword(Tag(group, element)));
            if known.is_empty() { tag.to_owned() } else { known.to_owned() }
        };
        self.tag.split('>').map(name).collect::<Vec<_>>().join(" > ")
    }
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pixels: Option<&'a RawValue>,
}

/// What was done to the pixels of an object, as reports have it.
#[derive(Serialize, Deserialize)]
pub(super) struct PixelsTold {
    /// How far they were looked at: a code of [`Extent`](::deid::pixels::Extent).
    pub(super) extent: String,
    /// How many frames were decoded.
    pub(super) frames: u32,
    pub(super) rows: i64,
    pub(super) columns: i64,
    /// What was blanked: left, top, width and height in pixels.
    pub(super) masked: Vec<[u32; 4]>,
    /// Whether the pixel data was stored anew.
    pub(super) rewritten: bool,
}

impl Pixels {
    /// Of an object that goes out.
    pub(super) fn of(clean: &Instance<Deidentified>) -> Self {
        let (done, header) = (clean.inspection(), clean.header());
        let told = PixelsTold {
            extent: done.extent.code().to_owned(),
            frames: done.frames,
            rows: header.integer(tags::ROWS).unwrap_or(0),
            columns: header.integer(tags::COLUMNS).unwrap_or(0),
            masked: done.regions.iter().map(|at| [at.left, at.top, at.width, at.height]).collect(),
            rewritten: done.is_rewritten,
        };
        // Numbers and codes make JSON whatever they are.
        let told = serde_json::to_string(&told).unwrap_or_else(|_| "{}".to_owned());
        Self { extent: done.extent.code(), told }
    }
}

impl Treatment {
    /// Of these changes.
    pub(super) fn of(changes: &BTreeSet<(TagPath, Change)>) -> Self {
        let told = |(path, change): &(TagPath, Change)| Told {
            tag: path_text(path),
            keyword: path.last().map_or("", |tag| keyword(*tag)).to_owned(),
            action: change.name().to_owned(),
        };
        let actions: Vec<Told> = changes.iter().map(told).collect();
        // Three texts make JSON whatever they are.
        let actions = serde_json::to_string(&actions).unwrap_or_else(|_| "[]".to_owned());
        Self { digest: Digest::of(actions.as_bytes()).to_string(), actions }
    }

    /// Each of its elements.
    pub(super) fn told(&self) -> Result<Vec<Told>> {
        Ok(serde_json::from_str(&self.actions)?)
    }
}

impl Teller {
    /// Whether it is to be known what was done to each element.
    pub(super) fn tells_actions(&self) -> bool {
        self.json || self.report
    }

    /// Tells of one file.
    pub(super) fn file(
        &self,
        path: &Path,
        outcome: &Outcome,
        told: impl FnOnce() -> Result<(Option<String>, Option<String>)>,
    ) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let (actions, pixels) = told()?;
        let actions = actions.map(RawValue::from_string).transpose()?;
        let pixels = pixels.map(RawValue::from_string).transpose()?;
        let line = Line {
            path: &path.to_string_lossy(),
            outcome: outcome.name(),
            output: outcome.output().map(|output| output.place.as_str()),
            reasons: outcome.held_code().map(|codes| codes.split(';').collect()).unwrap_or_default(),
            actions: actions.as_deref(),
            pixels: pixels.as_deref(),
        };
        self.line(&line)
    }

    /// Writes one line, whole.
    pub(super) fn line(&self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        Ok(std::io::stdout().lock().write_all(&text)?)
    }

    /// Says something to the person: where JSON lines go to standard output, on standard error.
    pub(super) fn say(&self, text: &str) {
        // Whoever stopped listening misses it.
        let _ = if self.json {
            writeln!(std::io::stderr(), "{text}")
        } else {
            writeln!(std::io::stdout(), "{text}")
        };
    }
}
