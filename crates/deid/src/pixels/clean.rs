//! The work on one object: every frame is read for text, what is found is blanked, and the frame is read again; only silence
//! clears it (PS3.15 E.3.1).

use super::decode::Decoder;
use super::detect::{Markers, Plane, find_text};
use super::frame::Frame;
use super::policy::PixelReason;
use super::redact::{self, Masks, covered_percent};
use super::region::Region;
use super::shape::Shape;
use dicom::part10::Object;
use std::collections::{BTreeMap, BTreeSet};

/// How often a frame is read again after something was blanked in it.
const READ_AGAIN_MAX: u32 = 8;
/// A picture of which more than this would be blanked is a page of text.
const TEXT_PERCENT_MAX: u64 = 60;
/// Nor is one with more regions, in all of its frames.
const REGIONS_MAX: usize = 10_000;

/// How far the pixels of an object were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The profile does not ask for it: only what the object declares was judged.
    Declared,
    /// There are none.
    NoPixels,
    /// They are no picture: doses, segments, parameters.
    Values,
    /// A primary image that the project's sample left out.
    LeftOut,
    /// Every frame was read for text.
    Read,
    /// A person looked, and every frame was decoded.
    Person,
}

impl Extent {
    /// Its code in reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::NoPixels => "no-pixels",
            Self::Values => "values",
            Self::LeftOut => "left-out",
            Self::Read => "read",
            Self::Person => "person",
        }
    }

    /// Whether Clean Pixel Data was carried out.
    pub(crate) fn is_clean(self) -> bool {
        matches!(self, Self::Read | Self::Person)
    }
}

/// What was done to the pixels of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// How far they were looked at.
    pub extent: Extent,
    /// Frames that were decoded.
    pub frames: u32,
    /// What was blanked, in every frame or in some.
    pub regions: Vec<Region>,
    /// Whether pixel data was stored anew; else it went out as it came.
    pub is_rewritten: bool,
}

impl Inspection {
    /// Nothing was decoded.
    pub(crate) fn of(extent: Extent) -> Self {
        Self { extent, frames: 0, regions: Vec::new(), is_rewritten: false }
    }
}

/// What is to be done with the pixels of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Task {
    /// Blanked in any case.
    pub(crate) masks: Vec<Region>,
    /// The object says that there is something to be found.
    pub(crate) is_declared: bool,
    /// Whether a machine reads; else a person has.
    pub(crate) is_read: bool,
    /// Whether lossy JPEG stays JPEG where it can.
    pub(crate) keeps_jpeg: bool,
}

/// Why an object's pixels are not clean, and what was found in them.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) reasons: Vec<PixelReason>,
    pub(crate) boxes: Vec<Region>,
}

impl From<PixelReason> for Held {
    fn from(reason: PixelReason) -> Self {
        Self { reasons: vec![reason], boxes: Vec::new() }
    }
}

/// Carries out a task; lines that say nothing but markers stay. The object comes back as it was where nothing had to be blanked.
pub(crate) fn clean(
    mut object: Object,
    task: &Task,
    markers: &Markers,
) -> Result<(Object, Inspection), Held> {
    let mut decoder = Decoder::open(&mut object)?;
    let frames = decoder.shape().frames;
    let mut masks = Masks::everywhere(task.masks.clone());
    let mut is_hidden = false;
    let mut waiting: BTreeSet<u32> = (0..frames).collect();
    for round in 0.. {
        let mut found = BTreeMap::new();
        for &number in &waiting {
            let (frame, hidden) = redact::frame(&mut decoder, &mut object, number, &masks)?;
            is_hidden |= hidden;
            let regions = if task.is_read { text_in(&frame, decoder.shape(), markers) } else { Vec::new() };
            if !regions.is_empty() {
                found.insert(number, regions);
            }
            if masks.count() + found.values().map(Vec::len).sum::<usize>() > REGIONS_MAX {
                return Err(PixelReason::MostlyText.into());
            }
        }
        if found.is_empty() {
            break;
        }
        if round == READ_AGAIN_MAX {
            masks.add(found);
            return Err(Held { reasons: vec![PixelReason::TextRemains], boxes: masks.all() });
        }
        let everywhere = masks.every_count();
        waiting = found.keys().copied().collect();
        masks.add(found);
        if masks.every_count() > everywhere {
            waiting = (0..frames).collect();
        }
        if is_mostly_text(decoder.shape(), &masks, &task.masks) {
            return Err(Held { reasons: vec![PixelReason::MostlyText], boxes: masks.all() });
        }
    }
    if task.is_read && task.is_declared && masks.is_empty() {
        return Err(PixelReason::DeclaredNotFound.into());
    }
    let mut regions = masks.all();
    is_hidden |= decoder.hides();
    let is_rewritten = is_hidden || !decoder.is_whole() || !masks.is_empty();
    if is_rewritten {
        let is_silent =
            |frame: &Frame, shape: &Shape| !task.is_read || text_in(frame, shape, markers).is_empty();
        let kept = if task.keeps_jpeg && !is_hidden {
            redact::in_blocks(&mut object, &mut decoder, &masks, is_silent)
        } else {
            None
        };
        if kept.is_some() {
            regions.iter_mut().for_each(|region| *region = redact::touched(region, decoder.shape()));
            regions.sort_unstable();
            regions.dedup();
        }
        object = redact::redacted(object, decoder, masks, kept).ok_or(PixelReason::TooLarge)?;
    }
    let extent = if task.is_read { Extent::Read } else { Extent::Person };
    Ok((object, Inspection { extent, frames, regions, is_rewritten }))
}

/// Whether so much of some frame would be blanked for text that no picture is left.
fn is_mostly_text(shape: &Shape, masks: &Masks, given: &[Region]) -> bool {
    let without = covered_percent(shape, given);
    masks.worst(shape).saturating_sub(without) > TEXT_PERCENT_MAX
}

/// Where the detector finds text in a frame, in any of its colours.
fn text_in(frame: &Frame, shape: &Shape, markers: &Markers) -> Vec<Region> {
    let mut regions = Vec::new();
    for samples in frame.planes(shape) {
        let plane = Plane { width: shape.width, height: shape.height, samples: &samples };
        regions.append(&mut find_text(&plane, markers));
    }
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// All of a frame of this size but these regions, as few rectangles.
pub(crate) fn regions_without(width: u32, height: u32, kept: &[Region]) -> Vec<Region> {
    let right = |region: &Region| region.left.saturating_add(region.width).min(width);
    let bottom = |region: &Region| region.top.saturating_add(region.height).min(height);
    let mut edges: Vec<u32> =
        kept.iter().flat_map(|region| [region.top.min(height), bottom(region)]).collect();
    edges.extend([0, height]);
    edges.sort_unstable();
    edges.dedup();
    let mut outside = Vec::new();
    for band in edges.windows(2) {
        let (top, rows) = (band[0], band[1] - band[0]);
        let mut spans: Vec<(u32, u32)> = kept
            .iter()
            .filter(|region| region.top <= band[0] && bottom(region) >= band[1])
            .map(|region| (region.left.min(width), right(region)))
            .collect();
        spans.push((width, width));
        spans.sort_unstable();
        let mut reached = 0;
        for (left, end) in spans {
            if left > reached {
                outside.push(Region { left: reached, top, width: left - reached, height: rows });
            }
            reached = reached.max(end);
        }
    }
    outside
}
