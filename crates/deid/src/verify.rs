//! The last look: the outgoing bytes are read back, held against the profile's promises, and searched with other eyes.

use crate::profile::{Action, Profile, ProfileOption, Types, is_well_known};
use crate::recent::Recent;
use crate::tags::is_overlay;
use dicom::dataset::{Dataset, Element};
use dicom::part10::{Limits, PixelError, WriteError, read_dataset};
use dicom::private::Blocks;
use dicom::tag::{self, Tag, VR, tags};
use dicom::uid::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use residue::{Findings, Form, Needle, NeedleKind, Patterns, ReadSeek, SearchError, Searcher};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

mod standard;

pub(crate) use standard::without_own_words;

/// The verifier and its version, as clearances name it.
pub(crate) const VERIFIER: &str = concat!("tributary residue ", env!("CARGO_PKG_VERSION"));

/// What names an object: its study, its series, and itself.
pub(crate) const UIDS: [Tag; 3] =
    [tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID, tags::SOP_INSTANCE_UID];

/// Why outgoing bytes are not cleared. Nothing here holds a value: places and kinds only.
#[derive(Debug, thiserror::Error)]
pub enum Residue {
    /// Something identifying was found.
    #[error("identifying content found: {0}")]
    Found(Findings),
    /// The bytes do not keep what the profile promises; `place` is the attribute.
    #[error("{promise} (at {place})")]
    Promise {
        /// What was promised.
        promise: &'static str,
        /// Where it is broken.
        place: String,
    },
    /// What was written could not be searched.
    #[error("the outgoing bytes cannot be searched: {0}")]
    Search(#[from] SearchError),
    /// What was written could not be read back.
    #[error("the outgoing bytes cannot be read back")]
    ReadBack,
    /// The object has no SOP Instance UID, so it has no name to go by.
    #[error("no SOP Instance UID")]
    NoName,
    /// The pixel data element holds what is no pixel, or less than it should.
    #[error("{0}")]
    Pixels(#[from] PixelError),
    /// The bytes could not be written.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// The clearance could not be made.
    #[error("the clearance could not be signed")]
    Sign,
}

impl Residue {
    /// Whether the world failed (disk, memory) and the object is not to blame: later may help.
    pub fn is_world(&self) -> bool {
        matches!(
            self,
            Self::Write(WriteError::Io(_) | WriteError::Source(_))
                | Self::Search(SearchError::Io(_))
                | Self::Pixels(PixelError::Io(_))
        )
    }

    /// A stable code for holds and counts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Found(_) => "residue-found",
            Self::Promise { .. } => "residue-promise-broken",
            Self::Search(_) => "residue-not-searchable",
            Self::ReadBack => "residue-not-readable",
            Self::NoName => "no-sop-instance-uid",
            Self::Pixels(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Sign => "clearance-not-signed",
        }
    }
}

/// Searches with the needles of a person, and remembers the last few persons.
pub struct Verifier {
    patterns: Patterns,
    known: Recent<Vec<Needle>, Searcher>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new(Patterns::all())
    }
}

impl Verifier {
    /// A verifier that also looks for these patterns.
    pub fn new(patterns: Patterns) -> Self {
        Self { patterns, known: Recent::new() }
    }

    /// Searches bytes that were written; nothing may be found.
    pub(crate) fn search(
        &self,
        needles: Vec<Needle>,
        bytes: &mut dyn ReadSeek,
        form: Form,
    ) -> Result<(), Residue> {
        let searcher = self.known.get(needles, |needles| Searcher::new(needles, self.patterns));
        let findings = searcher.search(bytes, form)?;
        if findings.is_empty() { Ok(()) } else { Err(Residue::Found(findings)) }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Leaves out a date of birth that a moved date of this very object happens to equal: one in some thousand does.
pub(crate) fn without_chance_dates(needles: &mut Vec<Needle>, outgoing: &Dataset) {
    let mut days = BTreeSet::new();
    collect_days(outgoing, &mut days);
    needles.retain(|needle| needle.kind != NeedleKind::Date || !days.contains(needle.text.trim()));
}

fn collect_days<'a>(dataset: &'a Dataset, days: &mut BTreeSet<&'a str>) {
    for element in dataset {
        if matches!(element.vr, VR::DA | VR::DT) {
            days.extend(element.texts().filter_map(|value| value.get(..8)));
        }
        element.items().iter().for_each(|item| collect_days(item, days));
    }
}

/// Writes through, shows what passes, and keeps the head: the writer hands over all before the pixel values in one piece.
pub(crate) struct Tee<'a, W: Write, F: FnMut(&[u8])> {
    out: &'a mut W,
    pass: F,
    head: Vec<u8>,
}

impl<'a, W: Write, F: FnMut(&[u8])> Tee<'a, W, F> {
    pub(crate) fn new(out: &'a mut W, pass: F) -> Self {
        Self { out, pass, head: Vec::new() }
    }

    pub(crate) fn into_head(self) -> Vec<u8> {
        self.head
    }
}

impl<W: Write, F: FnMut(&[u8])> Write for Tee<'_, W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        (self.pass)(bytes);
        if self.head.is_empty() {
            self.head = bytes.to_vec();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads back the data set of a head: after preamble and group 0002, before the value of the pixel data.
pub(crate) fn read_back(head: &[u8], has_pixels: bool, limits: &Limits) -> Result<Dataset, Residue> {
    // Preamble, DICM, then (0002,0000) UL: 12 bytes whose last 4 say how long the rest of the group is (PS3.10 §7.1).
    let group: [u8; 4] =
        head.get(140..144).and_then(|bytes| bytes.try_into().ok()).ok_or(Residue::ReadBack)?;
    let start =
        usize::try_from(u32::from_le_bytes(group)).map_err(|_| Residue::ReadBack)?.saturating_add(144);
    // The front of the pixel data: tag, VR, two bytes reserved, length.
    let end = head.len().saturating_sub(if has_pixels { 12 } else { 0 });
    let bytes = head.get(start..end).ok_or(Residue::ReadBack)?;
    read_dataset(bytes, EXPLICIT_VR_LITTLE_ENDIAN, limits).map_err(|_| Residue::ReadBack)
}

/// What the profile promises of every outgoing data set, asked of the one that was read back.
pub(crate) struct Promises<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) pseudonym: &'a str,
    pub(crate) replaced: &'a BTreeMap<String, String>,
}

impl Promises<'_> {
    pub(crate) fn check(&self, dataset: &Dataset) -> Result<(), Residue> {
        for tag in [tags::PATIENT_ID, tags::PATIENT_NAME] {
            promise(dataset.text(tag) == Some(self.pseudonym), "the patient is the pseudonym", tag)?;
        }
        let removed = dataset.text(tags::PATIENT_IDENTITY_REMOVED) == Some("YES");
        promise(removed, "the object says that identity was removed", tags::PATIENT_IDENTITY_REMOVED)?;
        let own = UIDS.map(|tag| dataset.text(tag).unwrap_or_default());
        self.level(dataset, &Kind { types: Types::of(dataset.text(tags::SOP_CLASS_UID)), own }, None)
    }

    fn level(&self, dataset: &Dataset, kind: &Kind<'_>, sequence: Option<Tag>) -> Result<(), Residue> {
        let blocks = Blocks::of(dataset);
        for element in dataset {
            let tag = element.tag;
            promise(self.has_new_uids(element, kind), "no UID of the original object", tag)?;
            if tag::is_private(tag) {
                let may_go = self.profile.keeps_safe_private() && blocks.is_safe(element);
                promise(may_go, "no private element that is not known to be safe", tag)?;
                continue;
            }
            promise(tag.0 > 0x0002 && tag.1 != 0, "no foreign group and no group length", tag)?;
            let listed = tag::entry(tag);
            promise(listed.is_some(), "no element that the dictionary does not know", tag)?;
            let allowed =
                listed.is_some_and(|entry| may_go_out(self.profile, kind.types, sequence, tag, entry.vr));
            promise(allowed, "no element that the profile removes", tag)?;
            element.items().iter().try_for_each(|item| self.level(item, kind, Some(tag)))?;
        }
        Ok(())
    }

    /// No UID that was replaced, but where the profile keeps it: the UID of a device, which a report may refer to as well. What
    /// names the object stays nowhere.
    fn has_new_uids(&self, element: &Element, kind: &Kind<'_>) -> bool {
        let is_kept = self.profile.rule(element.tag).is_some_and(|rule| rule.action == Action::Keep);
        let is_new = |uid: &str| match self.replaced.get(uid) {
            None => true,
            Some(now) => is_well_known(uid) || (is_kept && !kind.own.contains(&now.as_str())),
        };
        element.vr != VR::UI || !self.profile.maps_uids() || element.texts().all(is_new)
    }
}

/// What an outgoing object is: what its IOD needs, and what it is named by.
struct Kind<'a> {
    types: Types,
    own: [&'a str; 3],
}

/// Whether an attribute that the dictionary has may stand in an object that goes out under this profile.
pub(crate) fn may_go_out(profile: &Profile, types: Types, sequence: Option<Tag>, tag: Tag, vr: VR) -> bool {
    let rule = profile.rule_in(types, sequence, tag, vr);
    let is_plane = sequence.is_none() && profile.has(ProfileOption::CleanGraphics) && is_overlay(tag);
    rule.action != Action::Remove || is_plane || is_ours(tag)
}

/// What the engine itself writes: declarations, and the listed codes of sequences (PS3.3 C.7.1.1, §8).
fn is_ours(tag: Tag) -> bool {
    matches!(
        tag,
        tags::PATIENT_NAME
            | tags::PATIENT_ID
            | tags::PATIENT_IDENTITY_REMOVED
            | tags::DEIDENTIFICATION_METHOD
            | tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE
            | tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED
            | tags::CODE_VALUE
            | tags::CODING_SCHEME_DESIGNATOR
            | tags::CODE_MEANING
    )
}

fn promise(kept: bool, promise: &'static str, tag: Tag) -> Result<(), Residue> {
    if kept { Ok(()) } else { Err(Residue::Promise { promise, place: tag.to_string() }) }
}
