//! What a search brings back: the kind, the place and the encoding of what should not be there; never the text.

use crate::identifiers::NeedleKind;
use crate::patterns::PatternKind;
use std::fmt;

/// More says nothing new.
const FINDINGS_MAX: usize = 256;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// An identifier that the caller named.
    Needle(NeedleKind),
    /// Something that looks like an identifier.
    Pattern(PatternKind),
}

/// One thing that should not be there. It does not hold the matched text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// A path of tags, items counted from one; or a byte, for JSON and text.
    pub place: String,
    /// The character set, and how it was packed.
    pub encoding: String,
}

/// All that was found, each kind once per place and encoding; at most 256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.found.iter()
    }

    /// Leaves out what says nothing of the person. Of so many findings that some are not here nothing is left out.
    pub fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        if self.found.len() < FINDINGS_MAX {
            self.found.retain(keep);
        }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        if self.found.len() < FINDINGS_MAX && !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.found.iter().enumerate() {
            let kind = match finding.kind {
                FindingKind::Needle(kind) => format!("{kind:?}"),
                FindingKind::Pattern(kind) => format!("{kind:?} pattern"),
            };
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{kind} at {} in {}", finding.place, finding.encoding)?;
        }
        Ok(())
    }
}
