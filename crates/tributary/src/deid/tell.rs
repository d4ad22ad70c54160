//! What is told of each file while it is done: a JSON line, for programs that run this one.
//!
//! A line names the file as it was given, what became of it and which attributes were treated how; never a value. Names of files
//! can identify, so these lines stay at the hospital, as the held list does.

use super::outcome::Outcome;
use super::store::Treatment;
use ::deid::changes::{Change, TagPath, keyword, path_text};
use anyhow::Result;
use dicom::tag::Tag;
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
        actions: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let actions = actions()?.map(RawValue::from_string).transpose()?;
        let line = Line {
            path: &path.to_string_lossy(),
            outcome: outcome.name(),
            output: outcome.output().map(|output| output.place.as_str()),
            reasons: outcome.held_code().map(|codes| codes.split(';').collect()).unwrap_or_default(),
            actions: actions.as_deref(),
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
