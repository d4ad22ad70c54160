//! One frame as it is stored without compression: what the detector sees of it, and what is blanked (PS3.5 §8.1, §8.2).

use super::region::Region;
use super::shape::{Color, Shape, low_bits};

/// The cells of one frame, little endian, in the order that its shape says.
#[derive(Clone, PartialEq)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    /// A frame of these bytes; `None` if they are not as many as the shape says.
    pub(crate) fn new(bytes: Vec<u8>, shape: &Shape) -> Option<Self> {
        (bytes.len() == shape.frame_bytes()).then_some(Self { bytes })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What stands in a cell.
    fn cell(&self, shape: &Shape, index: usize) -> u32 {
        let cell = |width: usize| self.bytes.get(index * width..(index + 1) * width);
        match shape.allocated {
            1 => self.bytes.get(index / 8).map_or(0, |byte| u32::from(byte >> (index % 8) & 1)),
            8 => self.bytes.get(index).map_or(0, |byte| u32::from(*byte)),
            16 => cell(2).map_or(0, |b| u32::from(u16::from_le_bytes([b[0], b[1]]))),
            _ => cell(4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        }
    }

    fn set_cell(&mut self, shape: &Shape, index: usize, value: u32) {
        let width = usize::try_from(shape.allocated / 8).unwrap_or(0);
        if width == 0 {
            let Some(byte) = self.bytes.get_mut(index / 8) else { return };
            let bit = 1 << (index % 8);
            *byte = if value & 1 == 1 { *byte | bit } else { *byte & !bit };
        } else if let Some(cell) = self.bytes.get_mut(index * width..(index + 1) * width) {
            cell.copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }

    /// The cell of a sample of a pixel.
    fn index(shape: &Shape, pixel: usize, sample: usize) -> usize {
        match (&shape.color, sample) {
            // Two of luminance, then one of each chrominance for both (PS3.3 §C.7.6.3.1.2).
            (Color::YbrFull422, 0) => pixel / 2 * 4 + pixel % 2,
            (Color::YbrFull422, _) => pixel / 2 * 4 + 1 + sample,
            _ if shape.planar => sample * shape.width * shape.height + pixel,
            _ => pixel * shape.samples + sample,
        }
    }

    /// The colour of a pixel, 16 bits each; the stored value thrice where it is grey.
    fn color(&self, shape: &Shape, pixel: usize) -> [u16; 3] {
        let sample = |n| shape.value(self.cell(shape, Self::index(shape, pixel, n)));
        match &shape.color {
            Color::Monochrome1 | Color::Monochrome2 => [level(shape, sample(0)); 3],
            Color::Palette(palette) => palette.color(sample(0)),
            Color::Rgb => [0, 1, 2].map(|n| level(shape, sample(n))),
            Color::YbrFull | Color::YbrFull422 => rgb(shape, [0, 1, 2].map(sample)),
        }
    }

    /// The planes that text may stand out in: one where the picture is grey, else red, green and blue.
    pub(crate) fn planes(&self, shape: &Shape) -> Vec<Vec<u16>> {
        let pixels = shape.width * shape.height;
        if matches!(shape.color, Color::Monochrome1 | Color::Monochrome2) {
            return vec![self.grey(shape, pixels)];
        }
        let mut planes: Vec<Vec<u16>> = (0..3).map(|_| Vec::with_capacity(pixels)).collect();
        let mut is_grey = true;
        for pixel in 0..pixels {
            let color = self.color(shape, pixel);
            is_grey &= color[0] == color[1] && color[1] == color[2];
            for (plane, value) in planes.iter_mut().zip(color) {
                plane.push(value);
            }
        }
        if is_grey {
            planes.truncate(1);
        }
        planes
    }

    fn grey(&self, shape: &Shape, pixels: usize) -> Vec<u16> {
        match shape.allocated {
            8 if shape.stored == 8 && !shape.signed => {
                self.bytes.iter().map(|&byte| u16::from(byte)).collect()
            }
            16 if shape.stored == 16 => {
                let flip = if shape.signed { 0x8000 } else { 0 };
                let words = self.bytes.chunks_exact(2);
                words.map(|word| u16::from_le_bytes([word[0], word[1]]) ^ flip).collect()
            }
            _ => (0..pixels).map(|pixel| level(shape, shape.value(self.cell(shape, pixel)))).collect(),
        }
    }

    /// The picture in 8 bits of red, green and blue. `window`: the stored values shown black and white, where the picture is grey.
    pub(crate) fn rgb8(&self, shape: &Shape, window: Option<(i64, i64)>) -> Vec<u8> {
        let pixels = shape.width * shape.height;
        if !matches!(shape.color, Color::Monochrome1 | Color::Monochrome2) {
            let bits = if matches!(shape.color, Color::Palette(_)) { 16 } else { shape.stored.min(16) };
            let shift = bits.saturating_sub(8);
            let byte = |value: u16| u8::try_from(value >> shift).unwrap_or(u8::MAX);
            return (0..pixels).flat_map(|pixel| self.color(shape, pixel).map(byte)).collect();
        }
        let value = |pixel| shape.value(self.cell(shape, pixel));
        let (low, high) = window.unwrap_or_else(|| {
            (0..pixels).map(value).fold((i64::MAX, i64::MIN), |(low, high), v| (low.min(v), high.max(v)))
        });
        let span = (high - low).max(1);
        let grey = |pixel| {
            let shown = u8::try_from((value(pixel).clamp(low, high.max(low)) - low) * 255 / span);
            let shown = shown.unwrap_or(u8::MAX);
            if shape.color == Color::Monochrome1 { 255 - shown } else { shown }
        };
        (0..pixels).flat_map(|pixel| [grey(pixel); 3]).collect()
    }

    /// Fills regions with the darkest value that the picture shows. All other bits stay.
    pub(crate) fn blank(&mut self, shape: &Shape, regions: &[Region]) {
        if !regions.is_empty() {
            self.cover(shape, regions, self.fill(shape));
        }
    }

    /// Fills regions with these cells. All other bits stay.
    pub(crate) fn cover(&mut self, shape: &Shape, regions: &[Region], fill: [u32; 3]) {
        for region in regions {
            let span = |from: u32, len: u32, limit: usize| {
                let from = usize::try_from(from).unwrap_or(limit).min(limit);
                from..from.saturating_add(usize::try_from(len).unwrap_or(limit)).min(limit)
            };
            let mut columns = span(region.left, region.width, shape.width);
            if shape.color == Color::YbrFull422 && !columns.is_empty() {
                columns = columns.start & !1..columns.end.next_multiple_of(2).min(shape.width);
            }
            for row in span(region.top, region.height, shape.height) {
                for pixel in columns.clone().map(|column| row * shape.width + column) {
                    for (sample, &cell) in fill.iter().enumerate().take(shape.samples) {
                        self.set_cell(shape, Self::index(shape, pixel, sample), cell);
                    }
                }
            }
        }
    }

    /// Whether a region, but for so much along its sides, shows one value.
    pub(crate) fn is_even(&self, shape: &Shape, region: &Region, sides: u32) -> bool {
        let span = |from: u32, len: u32, limit: usize| {
            let end = from.saturating_add(len).saturating_sub(sides);
            let [from, end] = [from + sides, end].map(|at| usize::try_from(at).unwrap_or(limit).min(limit));
            from..end
        };
        let columns = span(region.left, region.width, shape.width);
        let rows = span(region.top, region.height, shape.height);
        let mut pixels = rows.flat_map(|row| columns.clone().map(move |column| row * shape.width + column));
        let cells = |pixel| [0, 1, 2].map(|n| self.cell(shape, Self::index(shape, pixel, n % shape.samples)));
        let first = pixels.next().map(cells);
        pixels.all(|pixel| Some(cells(pixel)) == first)
    }

    /// The cells of a blank pixel.
    pub(crate) fn fill(&self, shape: &Shape) -> [u32; 3] {
        let values = || (0..shape.width * shape.height).map(|pixel| shape.value(self.cell(shape, pixel)));
        let middle = 1 << (shape.stored - 1);
        match &shape.color {
            Color::Monochrome1 => [shape.cell(values().max().unwrap_or(0)), 0, 0],
            Color::Monochrome2 => [shape.cell(values().min().unwrap_or(0)), 0, 0],
            Color::Palette(palette) => [shape.cell(palette.darkest()), 0, 0],
            Color::Rgb => [0; 3],
            Color::YbrFull | Color::YbrFull422 => [0, shape.cell(middle), shape.cell(middle)],
        }
    }

    /// Clears what stands outside Bits Stored and is no sign: nobody is shown it, so it could be anything (PS3.5 §8.1.1).
    /// Tells whether there was any.
    pub(crate) fn clear_hidden(&mut self, shape: &Shape) -> bool {
        if shape.stored == shape.allocated {
            return false;
        }
        let cells = self.bytes.len() * 8 / usize::try_from(shape.allocated).unwrap_or(8);
        let plain = low_bits(shape.stored) << (shape.high + 1 - shape.stored);
        let is_plain = |cell: &[u8]| u32::from(u16::from_le_bytes([cell[0], cell[1]])) & !plain == 0;
        if shape.allocated == 16 && self.bytes.chunks_exact(2).all(is_plain) {
            return false;
        }
        let mut cleared = false;
        for index in 0..cells {
            let cell = self.cell(shape, index);
            // Above it nothing, or the sign once more in each bit.
            if cell & !plain != 0 && cell != shape.cell(shape.value(cell)) {
                self.set_cell(shape, index, shape.cell(shape.value(cell)));
                cleared = true;
            }
        }
        cleared
    }
}

/// A stored value in 16 bits, in the same order: signed ones begin at 0, wide ones lose their lowest bits.
fn level(shape: &Shape, value: i64) -> u16 {
    let raised = if shape.signed && shape.stored <= 16 {
        value + (1 << 15)
    } else if shape.signed {
        value + (1_i64 << (shape.stored - 1))
    } else {
        value
    };
    u16::try_from(raised >> shape.stored.saturating_sub(16)).unwrap_or(u16::MAX)
}

/// Red, green and blue of luminance and chrominances (PS3.3 §C.7.6.3.1.2).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of 16 bits"
)]
fn rgb(shape: &Shape, ybr: [i64; 3]) -> [u16; 3] {
    let highest = f64::from(low_bits(shape.stored.min(16)));
    let [y, cb, cr] = ybr.map(|value| value as f64);
    let (cb, cr) = (cb - (highest + 1.0) / 2.0, cr - (highest + 1.0) / 2.0);
    let red = y + 1.402 * cr;
    let green = y - 0.344_136 * cb - 0.714_136 * cr;
    let blue = y + 1.772 * cb;
    [red, green, blue].map(|value| value.round().clamp(0.0, highest) as u16)
}
