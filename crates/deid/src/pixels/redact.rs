//! Redaction: which regions of which frames are blank, and pixel data in which they are (PS3.15 E.3.1).

use super::decode::{Decoder, LOSSY, is_lossy};
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

/// Extended Offset Table (7FE0,0001) and its lengths: native pixel data has none (PS3.3 §C.7.6.3.1.8).
const OFFSET_TABLES: [Tag; 2] = [Tag(0x7FE0, 0x0001), Tag(0x7FE0, 0x0002)];

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

/// Native pixel data with regions blanked: each frame is decoded when it is read, and is the only one in memory.
struct Redacted {
    original: Object,
    decoder: Decoder,
    masks: Masks,
    len: u64,
    at: u64,
    ready: Option<(u32, Frame)>,
}

impl Read for Redacted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.len || out.is_empty() {
            return Ok(0);
        }
        let frame_bytes = self.decoder.shape().frame_bytes() as u64;
        let number = u32::try_from(self.at / frame_bytes).map_err(io::Error::other)?;
        if self.ready.as_ref().is_none_or(|(ready, _)| *ready != number) {
            self.ready = None;
            let made = frame(&mut self.decoder, &mut self.original, number, &self.masks);
            self.ready = Some((number, made.map_err(|reason| io::Error::other(reason.code()))?.0));
        }
        let bytes = self.ready.as_ref().map_or(&[][..], |(_, frame)| frame.bytes());
        let from = usize::try_from(self.at % frame_bytes).map_err(io::Error::other)?;
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
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The object with these regions blanked, stored without compression; its header says what its pixel data is now.
pub(crate) fn redacted(mut object: Object, decoder: Decoder, masks: Masks) -> Option<Object> {
    let len = decoder.shape().value_bytes()?;
    let mut meta = object.meta.clone();
    let mut dataset = std::mem::take(&mut object.dataset);
    describe(&mut dataset, decoder.shape(), !decoder.is_native());
    if is_lossy(&meta.transfer_syntax) {
        dataset.put_text(LOSSY, VR::CS, "01");
    }
    meta.transfer_syntax = ts::EXPLICIT_VR_LITTLE_ENDIAN.to_owned();
    let vr = if decoder.shape().allocated > 8 { VR::OW } else { VR::OB };
    let body = Redacted { original: object, decoder, masks, len, at: 0, ready: None };
    Some(Object::new(meta, dataset).with_native_source(vr, Box::new(body), len))
}

/// Makes the Image Pixel Module true (PS3.3 §C.7.6.3).
fn describe(dataset: &mut Dataset, shape: &Shape, was_compressed: bool) {
    for tag in OFFSET_TABLES {
        dataset.remove(tag);
    }
    if !was_compressed {
        return;
    }
    if shape.color == Color::Rgb {
        dataset.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    }
    if shape.samples > 1 {
        dataset.put(Element::bytes_of(tags::PLANAR_CONFIGURATION, VR::US, [0, 0]));
    }
}
