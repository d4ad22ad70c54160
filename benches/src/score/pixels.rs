//! Looking at the pixels of an output: what was hidden, and whether the rest is as it was.

use super::places::Pair;
use super::reader::Value;
use dicom::tag::Tag;
use sim::corpus::key::{PixelKey, Writing};

const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
/// Around a text a tool may hide so much more, in rows and columns: nobody boxes letters to the pixel.
const MARGIN: usize = 16;

/// What became of the pixels.
pub(super) struct Seen {
    /// Each identifying text: whether it can no longer be read.
    pub(super) hidden: Vec<bool>,
    /// Each marker: whether it can still be read.
    pub(super) markers: Vec<bool>,
    /// Whether every pixel far from all writing is as it was.
    pub(super) rest: bool,
    /// Whether the bits above the stored ones tell nothing; `true` where nothing was hidden there.
    pub(super) bits: bool,
}

/// The pixels of an output beside the samples that were written; `None` where they cannot be decoded here.
pub(super) fn look(pair: &Pair, key: &PixelKey, before: &[u8]) -> Option<Seen> {
    let wide = key.allocated == 16;
    let before = samples(before, wide);
    let after = decoded(pair, key, &before)?;
    if after.len() < before.len() {
        return None;
    }
    let mask = if key.bits >= 16 { u16::MAX } else { (1 << key.bits) - 1 };
    let view = View { key, before: &before, after: &after, mask };
    let (identifying, markers): (Vec<&Writing>, Vec<&Writing>) =
        key.writings.iter().partition(|writing| writing.identifies);
    let bits = !key.hidden_bits
        || before.iter().zip(&after).all(|(old, new)| old & !mask == 0 || new & !mask != old & !mask);
    Some(Seen {
        hidden: identifying.iter().map(|writing| !view.legible(writing)).collect(),
        markers: markers.iter().map(|writing| view.legible(writing)).collect(),
        rest: view.rest_is_equal(),
        bits,
    })
}

struct View<'a> {
    key: &'a PixelKey,
    before: &'a [u16],
    after: &'a [u16],
    mask: u16,
}

impl View<'_> {
    fn at(&self, frame: usize, x: usize, y: usize) -> usize {
        ((frame * self.key.rows + y) * self.key.columns + x) * self.key.channels
    }

    /// Whether strokes still stand out from what is between them, by at least a tenth of what they did.
    fn legible(&self, writing: &Writing) -> bool {
        let mut sums = [[0i64; 2]; 2];
        let mut counts = [0i64; 2];
        for y in writing.y..(writing.y + writing.height).min(self.key.rows) {
            for x in writing.x..(writing.x + writing.width).min(self.key.columns) {
                let at = self.at(writing.frame, x, y);
                let (old, new) = (self.before[at] & self.mask, self.after[at] & self.mask);
                let stroke = usize::from(old == writing.ink);
                counts[stroke] += 1;
                sums[stroke][0] += i64::from(old);
                sums[stroke][1] += i64::from(new);
            }
        }
        let contrast = |which: usize| {
            let mean = |stroke: usize| sums[stroke][which] / counts[stroke].max(1);
            (mean(1) - mean(0)).abs()
        };
        contrast(1) * 10 > contrast(0)
    }

    fn rest_is_equal(&self) -> bool {
        (0..self.key.frames).all(|frame| {
            let near = |x: usize, y: usize| {
                self.key.writings.iter().any(|w| {
                    w.frame == frame
                        && x + MARGIN >= w.x
                        && x < w.x + w.width + MARGIN
                        && y + MARGIN >= w.y
                        && y < w.y + w.height + MARGIN
                })
            };
            (0..self.key.rows).all(|y| {
                (0..self.key.columns).all(|x| {
                    let at = self.at(frame, x, y);
                    let same = |c: usize| self.before[at + c] & self.mask == self.after[at + c] & self.mask;
                    (0..self.key.channels).all(same) || near(x, y)
                })
            })
        })
    }
}

fn samples(bytes: &[u8], wide: bool) -> Vec<u16> {
    if wide {
        bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    } else {
        bytes.iter().map(|byte| u16::from(*byte)).collect()
    }
}

/// The samples of an output, interleaved.
fn decoded(pair: &Pair, key: &PixelKey, before: &[u16]) -> Option<Vec<u16>> {
    let after = &pair.after;
    let frame = key.rows * key.columns;
    let planar = key.channels > 1 && after.set.short(Tag(0x0028, 0x0006)) == Some(1);
    match &after.set.get(PIXEL_DATA)?.value {
        Value::Bytes(bytes) => {
            let all = samples(bytes, key.allocated == 16);
            Some(if planar { interleaved(&all, frame, key.channels) } else { all })
        }
        Value::Fragments(fragments) => {
            if let Some(Value::Fragments(old)) = pair.before.set.get(PIXEL_DATA).map(|e| &e.value)
                && old.get(1..) == fragments.get(1..)
            {
                return Some(before.to_vec());
            }
            let frames = fragments.get(1..)?;
            match after.syntax.as_str() {
                "1.2.840.10008.1.2.5" => frames
                    .iter()
                    .map(|one| run_lengths(one, key))
                    .collect::<Option<Vec<_>>>()
                    .map(|f| f.concat()),
                _ => None,
            }
        }
        Value::Items(_) => None,
    }
}

fn interleaved(all: &[u16], frame: usize, channels: usize) -> Vec<u16> {
    all.chunks_exact(frame * channels)
        .flat_map(|one| (0..frame).flat_map(move |at| (0..channels).map(move |c| one[c * frame + at])))
        .collect()
}

/// One frame of RLE Lossless (PS3.5 Annex G).
fn run_lengths(bytes: &[u8], key: &PixelKey) -> Option<Vec<u16>> {
    let long =
        |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let (segments, pixels) = (long(0)?, key.rows * key.columns);
    let mut planes = Vec::new();
    for segment in 0..segments {
        let start = long(4 + 4 * segment)?;
        planes.push(unpacked(bytes.get(start..)?, pixels)?);
    }
    let wide = usize::from(key.allocated / 8);
    let sample = |at: usize, c: usize| {
        (0..wide).fold(0u16, |sample, byte| sample << 8 | u16::from(planes[c * wide + byte][at]))
    };
    if planes.len() < wide * key.channels {
        return None;
    }
    Some(
        (0..pixels)
            .flat_map(|at| (0..key.channels).map(move |c| (at, c)))
            .map(|(at, c)| sample(at, c))
            .collect(),
    )
}

fn unpacked(mut bytes: &[u8], pixels: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(pixels);
    while out.len() < pixels {
        let (head, rest) = bytes.split_first()?;
        bytes = match head {
            0..=127 => {
                let count = usize::from(*head) + 1;
                out.extend_from_slice(rest.get(..count)?);
                &rest[count..]
            }
            128 => rest,
            129.. => {
                out.extend(std::iter::repeat_n(*rest.first()?, 257 - usize::from(*head)));
                &rest[1..]
            }
        };
    }
    out.truncate(pixels);
    Some(out)
}
