//! Redaction: which regions of which frames are blank, and pixel data in which they are (PS3.15 E.3.1).

use super::decode::{Decoder, LOSSY, is_lossy, may_be_lossy};
use super::frame::Frame;
use super::policy::PixelReason;
use super::region::Region;
use super::shape::{Color, Shape};
use dicom::dataset::{Dataset, Element};
use dicom::part10::Object;
use dicom::tag::{Tag, VR, tags};
use dicom::uid::transfer_syntax as ts;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

/// Extended Offset Table (7FE0,0001), its lengths, and the length of all: they are of other frames (PS3.3 §C.7.6.3.1.8).
const OFFSET_TABLES: [Tag; 3] = [Tag(0x7FE0, 0x0001), Tag(0x7FE0, 0x0002), Tag(0x7FE0, 0x0003)];

/// What is blank: regions of every frame, and regions of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Masks {
    every: Vec<Region>,
    own: BTreeMap<u32, Vec<Region>>,
}

impl Masks {
    /// The same regions in every frame.
    pub(crate) fn everywhere(regions: Vec<Region>) -> Self {
        Self { every: regions, own: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.every.is_empty() && self.own.is_empty()
    }

    /// Takes in what was found in each frame. What stands at one place in two frames is painted over the series, and is
    /// blanked in every frame: it may have been missed in some.
    pub(crate) fn add(&mut self, found: BTreeMap<u32, Vec<Region>>) {
        let all: Vec<(u32, Region)> = found
            .iter()
            .flat_map(|(frame, regions)| regions.iter().map(|region| (*frame, *region)))
            .collect();
        for (frame, region) in &all {
            let again = all.iter().any(|(other, again)| other != frame && meets(again, region));
            if !again {
                self.own.entry(*frame).or_default().push(*region);
            } else if !self.every.iter().any(|known| contains(known, region)) {
                self.every.push(*region);
            }
        }
    }

    /// How many regions there are, in all frames.
    pub(crate) fn count(&self) -> usize {
        self.every.len() + self.own.values().map(Vec::len).sum::<usize>()
    }

    /// How many regions are blank in every frame.
    pub(crate) fn every_count(&self) -> usize {
        self.every.len()
    }

    /// How much of the frame of which most is blank is so, in percent.
    pub(crate) fn worst(&self, shape: &Shape) -> u64 {
        let own = self.own.keys().map(|&frame| covered_percent(shape, &self.of(frame)));
        own.max().unwrap_or_else(|| covered_percent(shape, &self.every))
    }

    /// What is blank in a frame.
    pub(crate) fn of(&self, frame: u32) -> Vec<Region> {
        self.every.iter().chain(self.own.get(&frame).into_iter().flatten()).copied().collect()
    }

    /// Every region that is blank somewhere.
    pub(crate) fn all(&self) -> Vec<Region> {
        let mut all: Vec<Region> = self.every.iter().chain(self.own.values().flatten()).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn ends(region: &Region) -> (u32, u32) {
    (region.left.saturating_add(region.width), region.top.saturating_add(region.height))
}

/// Whether two regions share a pixel.
fn meets(a: &Region, b: &Region) -> bool {
    let ((a_right, a_bottom), (b_right, b_bottom)) = (ends(a), ends(b));
    a.left < b_right && b.left < a_right && a.top < b_bottom && b.top < a_bottom
}

fn contains(a: &Region, b: &Region) -> bool {
    let ((a_right, a_bottom), (b_right, b_bottom)) = (ends(a), ends(b));
    a.left <= b.left && a.top <= b.top && a_right >= b_right && a_bottom >= b_bottom
}

/// The part of a frame that these regions cover, in percent.
pub(crate) fn covered_percent(shape: &Shape, regions: &[Region]) -> u64 {
    let mut covered = 0_u64;
    // Rows are alike between the edges of regions.
    let height = u32::try_from(shape.height).unwrap_or(u32::MAX);
    let width = u32::try_from(shape.width).unwrap_or(u32::MAX);
    let mut edges: Vec<u32> =
        regions.iter().flat_map(|region| [region.top.min(height), ends(region).1.min(height)]).collect();
    edges.sort_unstable();
    edges.dedup();
    for band in edges.windows(2) {
        let mut spans: Vec<(u32, u32)> = regions
            .iter()
            .filter(|region| region.top <= band[0] && ends(region).1 >= band[1])
            .map(|region| (region.left.min(width), ends(region).0.min(width)))
            .collect();
        spans.sort_unstable();
        let (mut columns, mut reached) = (0, 0);
        for (left, right) in spans {
            columns += right.saturating_sub(left.max(reached));
            reached = reached.max(right);
        }
        covered += u64::from(columns) * u64::from(band[1] - band[0]);
    }
    covered * 100 / shape.pixels().max(1)
}

/// A frame as it goes out; tells whether anything hidden was cleared from it.
pub(crate) fn frame(
    decoder: &mut Decoder,
    object: &mut Object,
    number: u32,
    masks: &Masks,
) -> Result<(Frame, bool), PixelReason> {
    let mut frame = decoder.frame(object, number)?.clone();
    let hidden = frame.clear_hidden(decoder.shape());
    frame.blank(decoder.shape(), &masks.of(number));
    Ok((frame, hidden))
}

/// Beyond a region so many pixels may change with it: a unit of blocks is at most 32 wide, and colours are smoothed as they are shown.
const BLOCKS_REACH_PX: u32 = 36;

/// Where colours are at half size, so many pixels inside a region take on something of those outside.
const SMOOTHED_PX: u32 = 3;

/// A frame that stays as it is coded.
pub(crate) struct Kept {
    /// How long it is with regions blank,
    len: u64,
    /// and what is blank in it.
    fill: [u8; 3],
}

/// Each frame if regions are blanked in its own blocks. `None` where that cannot be, something beyond the blocks would change, or
/// somebody would still read what is there: then frames are decoded.
pub(crate) fn in_blocks(
    object: &mut Object,
    decoder: &mut Decoder,
    masks: &Masks,
    is_silent: impl Fn(&Frame, &Shape) -> bool,
) -> Option<Vec<Kept>> {
    let mut kept = Vec::new();
    for number in 0..decoder.shape().frames {
        let regions = masks.of(number);
        let fill = decoder.blank_in_blocks(object, number)?;
        let stream = decoder.in_blocks(object, number, &regions, fill)?;
        let mut after = decoder.decoded(&stream).ok()?;
        let shape = decoder.shape();
        let is_blank = || regions.iter().all(|region| after.is_even(shape, region, SMOOTHED_PX));
        let is_clean = regions.is_empty() || is_blank() && is_silent(&after, shape);
        if !is_clean {
            return None;
        }
        let mut before = decoder.frame(object, number).ok()?.clone();
        let touched: Vec<Region> = regions.iter().map(grown).collect();
        before.cover(decoder.shape(), &touched, [0; 3]);
        after.cover(decoder.shape(), &touched, [0; 3]);
        if before.bytes() != after.bytes() {
            return None;
        }
        kept.push(Kept { len: stream.len() as u64, fill });
    }
    Some(kept)
}

/// What is blank in a frame of this shape for a region: all blocks that it touches, those of colours at half size included.
pub(crate) fn touched(region: &Region, shape: &Shape) -> Region {
    let unit = if shape.samples > 1 { 16 } else { 8 };
    let side = |from: u32, to: u32, whole: usize| {
        let (from, whole) = (from / unit * unit, u32::try_from(whole).unwrap_or(u32::MAX));
        (from, to.div_ceil(unit).saturating_mul(unit).min(whole).saturating_sub(from))
    };
    let (right, bottom) = ends(region);
    let (left, width) = side(region.left, right, shape.width);
    let (top, height) = side(region.top, bottom, shape.height);
    Region { left, top, width, height }
}

/// A region with what may change around it.
fn grown(region: &Region) -> Region {
    let (right, bottom) = ends(region);
    let (left, top) =
        (region.left.saturating_sub(BLOCKS_REACH_PX), region.top.saturating_sub(BLOCKS_REACH_PX));
    let side = |from: u32, to: u32| to.saturating_add(BLOCKS_REACH_PX) - from;
    Region { left, top, width: side(left, right), height: side(top, bottom) }
}

/// Pixel data with regions blanked, native or in its own blocks: each frame is made when it is read, and is the only one in memory.
struct Redacted {
    original: Object,
    decoder: Decoder,
    masks: Masks,
    /// The frames that stay as they are coded; none where they are decoded.
    kept: Option<Vec<Kept>>,
    /// Where each frame begins, and where the last one ends.
    starts: Vec<u64>,
    at: u64,
    ready: Option<(usize, Vec<u8>)>,
}

impl Redacted {
    /// The bytes of a frame.
    fn frame(&mut self, number: usize) -> io::Result<Vec<u8>> {
        let kept = self.kept.as_ref().and_then(|kept| kept.get(number));
        let number = u32::try_from(number).map_err(io::Error::other)?;
        if let Some(Kept { fill, .. }) = kept {
            let made = self.decoder.in_blocks(&mut self.original, number, &self.masks.of(number), *fill);
            return made.ok_or_else(|| io::Error::other(PixelReason::Unreadable.code()));
        }
        let made = frame(&mut self.decoder, &mut self.original, number, &self.masks);
        let (frame, _) = made.map_err(|reason| io::Error::other(reason.code()))?;
        Ok(frame.into_bytes())
    }
}

impl Read for Redacted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let number = self.starts.partition_point(|start| *start <= self.at).saturating_sub(1);
        let (Some(start), Some(end)) = (self.starts.get(number), self.starts.get(number + 1)) else {
            return Ok(0);
        };
        let (from, len) = (self.at - start, end - start);
        if self.ready.as_ref().is_none_or(|(ready, _)| *ready != number) {
            self.ready = None;
            self.ready = Some((number, self.frame(number)?));
        }
        let bytes = self.ready.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        if bytes.len() as u64 != len {
            return Err(io::Error::other(PixelReason::Unreadable.code()));
        }
        let from = usize::try_from(from).map_err(io::Error::other)?;
        let count = out.len().min(bytes.len() - from);
        out[..count].copy_from_slice(&bytes[from..from + count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Redacted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.starts.last().and_then(|end| end.checked_add_signed(by)),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The object with these regions blanked: these frames in their own blocks, or else stored without compression. Its header
/// says what its pixel data is now.
pub(crate) fn redacted(
    mut object: Object,
    decoder: Decoder,
    masks: Masks,
    kept: Option<Vec<Kept>>,
) -> Option<Object> {
    let shape = decoder.shape();
    let len = shape.value_bytes()?;
    let mut meta = object.meta.clone();
    let mut dataset = std::mem::take(&mut object.dataset);
    for tag in OFFSET_TABLES {
        dataset.remove(tag);
    }
    if is_lossy(&meta.transfer_syntax)
        || (may_be_lossy(&meta.transfer_syntax) && dataset.get(LOSSY).is_none())
    {
        dataset.put_text(LOSSY, VR::CS, "01");
    }
    let vr = if shape.allocated > 8 { VR::OW } else { VR::OB };
    if kept.is_none() {
        if !decoder.is_native() {
            describe(&mut dataset, shape);
        }
        meta.transfer_syntax = ts::EXPLICIT_VR_LITTLE_ENDIAN.to_owned();
    }
    let lengths: Vec<u64> = match &kept {
        Some(kept) => kept.iter().map(|frame| frame.len).collect(),
        None => vec![shape.frame_bytes() as u64; shape.frames as usize],
    };
    let ends = lengths.iter().scan(0, |end, len| {
        *end += len;
        Some(*end)
    });
    let starts = std::iter::once(0).chain(ends).collect();
    let is_kept = kept.is_some();
    let body = Box::new(Redacted { original: object, decoder, masks, kept, starts, at: 0, ready: None });
    let bare = Object::new(meta, dataset);
    Some(if is_kept {
        bare.with_encapsulated_source(body, &lengths)
    } else {
        bare.with_native_source(vr, body, len)
    })
}

/// Makes the Image Pixel Module true of what was compressed and is no more (PS3.3 §C.7.6.3).
fn describe(dataset: &mut Dataset, shape: &Shape) {
    if shape.color == Color::Rgb {
        dataset.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    }
    if shape.samples > 1 {
        dataset.put(Element::bytes_of(tags::PLANAR_CONFIGURATION, VR::US, [0, 0]));
    }
}
