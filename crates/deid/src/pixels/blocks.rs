//! JPEG by its blocks (ISO/IEC 10918-1): blanking in a stream without decoding the picture – what no region touches keeps its
//! coefficients exactly –, and decoding what the library does not, samples of 12 bits.
//!
//! A stream is written anew, segment by segment, from what is understood: nothing else of it goes out.

mod dct;
mod huffman;
mod margin;
mod stream;

pub(crate) use margin::hides;

use super::region::Region;
use super::shape::FRAME_BYTES_MAX;
use huffman::{AC, BitWriter, DC, Encoding};
use std::sync::LazyLock;
use stream::{Component, Part, Picture, Sink, Tables, follow};

/// The codes that blocks are written in: of luminance, of chrominances.
static CODES: LazyLock<[[Encoding; 2]; 2]> =
    LazyLock::new(|| [0, 1].map(|kind| [Encoding::new(&DC[kind]), Encoding::new(&AC[kind])]));

/// A stream of 8-bit samples with these regions blank; `fill` is the blank value of each component. `None` if it is of another
/// process, or cannot be followed to its end.
pub(crate) fn blanked(stream: &[u8], regions: &[Region], fill: [u8; 3]) -> Option<Vec<u8>> {
    let mut sink = Blanking {
        regions,
        fill,
        plain: Vec::new(),
        cuts: Vec::new(),
        near: Vec::new(),
        before: [0; 3],
        out: BitWriter::new(),
    };
    sink.out.bytes().extend([0xFF, 0xD8]);
    follow(stream, &mut sink)?;
    sink.out.bytes().extend([0xFF, 0xD9]);
    Some(std::mem::take(sink.out.bytes()))
}

/// The samples of a picture of one component and 12 bits (the extended process).
pub(crate) fn samples_of_12_bits(stream: &[u8]) -> Option<Vec<u16>> {
    let mut sink = Decoding { width: 0, samples: Vec::new() };
    follow(stream, &mut sink)?;
    Some(sink.samples)
}

/// The samples that a block shows, around zero.
fn samples(block: &[i32; 64], steps: &[u16; 64], precision: u8) -> [f32; 64] {
    let mut frequencies = [0.0; 64];
    for ((value, step), place) in block.iter().zip(steps).zip(dct::ZIGZAG) {
        frequencies[place] = *value as f32 * f32::from(*step);
    }
    let half = if precision == 8 { 128.0 } else { 2048.0 };
    dct::samples(&frequencies).map(|sample| sample.round().clamp(-half, half - 1.0))
}

struct Decoding {
    width: usize,
    samples: Vec<u16>,
}

impl Sink for Decoding {
    fn begin(&mut self, picture: &Picture, _: &Tables) -> Option<()> {
        self.width = usize::try_from(picture.width).ok()?;
        self.samples = vec![0; self.width * usize::try_from(picture.height).ok()?];
        (picture.precision == 12 && picture.components.len() == 1).then_some(())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 12 bits")]
    fn block(&mut self, part: &Part<'_>, (x, y): (u32, u32), block: [i32; 64]) -> Option<()> {
        let (left, top) = (usize::try_from(x * 8).ok()?, usize::try_from(y * 8).ok()?);
        for (line, own) in samples(&block, part.steps, 12).chunks_exact(8).enumerate() {
            let Some(row) = self.samples.get_mut((top + line) * self.width..(top + line + 1) * self.width)
            else {
                break;
            };
            for (sample, value) in row.iter_mut().skip(left).zip(own) {
                *sample = (value + 2048.0) as u16;
            }
        }
        Some(())
    }
}

/// A region in samples of one component, up to and without its right and bottom end.
#[derive(Clone, Copy)]
struct Cut {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Cut {
    /// All samples that show some of a region, and what lies beyond the edge that it touches.
    fn of(region: &Region, picture: &Picture, component: &Component) -> Self {
        let scaled = |from: u32, length: u32, whole: u32, own: u32, most: u32| {
            if from >= whole {
                return (0, 0);
            }
            let end = from.saturating_add(length);
            let last = if end >= whole { u32::MAX } else { (end * own).div_ceil(most) };
            (from * own / most, last)
        };
        let (across, down) = picture.most();
        let (left, right) = scaled(region.left, region.width, picture.width, component.across, across);
        let (top, bottom) = scaled(region.top, region.height, picture.height, component.down, down);
        Self { left, top, right, bottom }
    }

    /// Whether it meets what lies between these corners.
    fn meets(&self, (left, top): (u32, u32), (right, bottom): (u32, u32)) -> bool {
        self.left < right && self.right > left && self.top < bottom && self.bottom > top
    }
}

/// Writes a stream again with regions blank.
struct Blanking<'a> {
    regions: &'a [Region],
    fill: [u8; 3],
    /// Segments that say how colours are to be read.
    plain: Vec<(u8, Vec<u8>)>,
    /// What is cut of each component,
    cuts: Vec<Vec<Cut>>,
    /// and what of it meets the present row.
    near: Vec<Vec<Cut>>,
    /// The DC of the block before, as written.
    before: [i32; 3],
    out: BitWriter,
}

impl Sink for Blanking<'_> {
    fn segment(&mut self, code: u8, value: &[u8]) {
        let plain = match code {
            0xE0 if value.starts_with(b"JFIF\0") => b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec(),
            // The last byte says what its colours are.
            0xEE if value.starts_with(b"Adobe") && value.len() > 11 => {
                [b"Adobe\0\x64\0\0\0\0", &value[11..12]].concat()
            }
            _ => return,
        };
        // Of each kind the last before the first scan counts.
        self.plain.retain(|(known, _)| *known != code);
        self.plain.push((code, plain));
    }

    fn begin(&mut self, picture: &Picture, tables: &Tables) -> Option<()> {
        let cuts = |own| self.regions.iter().map(|region| Cut::of(region, picture, own)).collect();
        self.cuts = picture.components.iter().map(cuts).collect();
        for (code, value) in std::mem::take(&mut self.plain) {
            self.put(code, &value);
        }
        for (table, number) in tables.quantization.iter().zip(0_u8..) {
            let is_used = picture.components.iter().any(|own| own.quantization == usize::from(number));
            let Some(steps) = table.filter(|_| is_used) else { continue };
            let is_short = steps.iter().all(|step| *step < 256);
            let kind = if is_short { number } else { 0x10 | number };
            let steps =
                steps.iter().flat_map(|step| step.to_be_bytes().into_iter().skip(usize::from(is_short)));
            self.put(0xDB, &[kind].into_iter().chain(steps).collect::<Vec<u8>>());
        }
        self.put(picture.process, &picture.header);
        for (kind, specs) in [(0, &DC), (0x10, &AC)] {
            for (number, spec) in specs.iter().enumerate() {
                self.put(0xC4, &[&[kind | u8::from(number == 1)][..], spec.counts, spec.symbols].concat());
            }
        }
        (picture.precision == 8).then_some(())
    }

    fn scan(&mut self, parts: &[Part<'_>]) {
        let names = parts.iter().flat_map(|part| [part.id, if part.component == 0 { 0 } else { 0x11 }]);
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        self.put(0xDA, &[count].into_iter().chain(names).chain([0, 63, 0]).collect::<Vec<u8>>());
        self.before = [0; 3];
    }

    fn row(&mut self, parts: &[Part<'_>], row: u32) -> Option<()> {
        self.near.resize(self.cuts.len(), Vec::new());
        for part in parts {
            let (top, bottom) = (row * part.down * 8, (row + 1) * part.down * 8);
            let cuts = self.cuts[part.component].iter().copied();
            self.near[part.component] = cuts.filter(|cut| cut.meets((0, top), (u32::MAX, bottom))).collect();
        }
        // The codes that the stream brought along may have been shorter.
        (self.out.bytes().len() as u64 <= FRAME_BYTES_MAX).then_some(())
    }

    fn block(&mut self, part: &Part<'_>, place: (u32, u32), mut block: [i32; 64]) -> Option<()> {
        self.blank(part, place, &mut block);
        let [dc, ac] = &CODES[usize::from(part.component > 0)];
        let before = self.before.get_mut(part.component)?;
        let difference = block[0] - *before;
        *before = block[0];
        self.out.coefficient(dc, 0, difference)?;
        let mut run = 0;
        for value in &block[1..] {
            if *value == 0 {
                run += 1;
                continue;
            }
            while run > 15 {
                self.out.symbol(ac, 0xF0)?;
                run -= 16;
            }
            self.out.coefficient(ac, run, *value)?;
            run = 0;
        }
        if run > 0 { self.out.symbol(ac, 0) } else { Some(()) }
    }

    fn end(&mut self) {
        self.out.end();
    }
}

impl Blanking<'_> {
    /// Writes a segment.
    fn put(&mut self, code: u8, value: &[u8]) {
        let length = u16::try_from(value.len() + 2).unwrap_or(u16::MAX);
        let out = self.out.bytes();
        out.extend([0xFF, code]);
        out.extend(length.to_be_bytes());
        out.extend(value);
    }

    /// Blanks a block that a region touches, all of it: half a block would leave waves of its edge in the other half.
    fn blank(&self, part: &Part<'_>, (x, y): (u32, u32), block: &mut [i32; 64]) {
        let corners = ((x * 8, y * 8), (x * 8 + 8, y * 8 + 8));
        if self.near[part.component].iter().any(|cut| cut.meets(corners.0, corners.1)) {
            // The first coefficient is eight times the mean.
            let mean = i32::from(self.fill[part.component]) - 128;
            let step = i32::from(part.steps[0]);
            *block = [0; 64];
            block[0] = (mean * 8 + mean.signum() * step / 2) / step;
        }
    }
}

#[cfg(test)]
mod tests;
