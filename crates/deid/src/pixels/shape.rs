//! The shape of a picture: what the Image Pixel Module says of rows, columns, samples and bits (PS3.3 §C.7.6.3).

use super::palette::Palette;
use super::policy::PixelReason;
use dicom::dataset::Dataset;
use dicom::tag::{Tag, tags};

/// More pixels than this in one frame are not looked at: 11,585 by 11,585.
pub(crate) const FRAME_PIXELS_MAX: u64 = 1 << 27;
/// Nor more bytes.
pub(crate) const FRAME_BYTES_MAX: u64 = 1 << 29;
/// Nor are more frames: the largest of slides have some hundred thousand.
const FRAMES_MAX: u32 = 1_000_000;
/// What an element of native pixel data can hold (PS3.5 §7.1: 32 bits of length, all of them set means undefined).
const NATIVE_BYTES_MAX: u64 = 0xFFFF_FFFE;

/// How stored values become colours (PS3.3 §C.7.6.3.1.2).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Color {
    /// The lowest value is white.
    Monochrome1,
    /// The lowest value is black.
    Monochrome2,
    /// An index into a table.
    Palette(Palette),
    /// Red, green, blue.
    Rgb,
    /// Luminance and two chrominances, each as often as the other.
    YbrFull,
    /// Luminance twice for each pair of chrominances.
    YbrFull422,
}

/// What a frame looks like in memory, and how its bytes are to be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) frames: u32,
    /// Samples per Pixel: 1 or 3.
    pub(crate) samples: usize,
    /// Bits Allocated: 1, 8, 16 or 32.
    pub(crate) allocated: u32,
    /// Bits Stored.
    pub(crate) stored: u32,
    /// High Bit.
    pub(crate) high: u32,
    /// Pixel Representation: two's complement.
    pub(crate) signed: bool,
    pub(crate) color: Color,
    /// Planar Configuration 1: all of one sample, then all of the next.
    pub(crate) planar: bool,
}

impl Shape {
    /// The shape that a header describes.
    pub(crate) fn of(dataset: &Dataset) -> Result<Self, PixelReason> {
        Self::described(dataset).ok_or(PixelReason::Undecodable)?.bounded()
    }

    fn described(dataset: &Dataset) -> Option<Self> {
        let number = |tag: Tag| dataset.integer(tag).and_then(|value| u32::try_from(value).ok());
        let size = |tag| number(tag).and_then(|value| usize::try_from(value).ok()).filter(|value| *value > 0);
        let samples = size(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        let allocated = number(tags::BITS_ALLOCATED)?;
        let stored = number(tags::BITS_STORED).unwrap_or(allocated);
        let high = number(tags::HIGH_BIT).unwrap_or(stored.checked_sub(1)?);
        let color = match (dataset.text(tags::PHOTOMETRIC_INTERPRETATION), samples) {
            (Some("MONOCHROME1"), 1) => Color::Monochrome1,
            (Some("MONOCHROME2"), 1) => Color::Monochrome2,
            (Some("PALETTE COLOR"), 1) => Color::Palette(Palette::of(dataset)?),
            // Both are RGB once a JPEG 2000 stream is decoded.
            (Some("RGB" | "YBR_RCT" | "YBR_ICT"), 3) => Color::Rgb,
            (Some("YBR_FULL"), 3) => Color::YbrFull,
            (Some("YBR_FULL_422"), 3) => Color::YbrFull422,
            _ => return None,
        };
        let shape = Self {
            width: size(tags::COLUMNS)?,
            height: size(tags::ROWS)?,
            frames: if dataset.contains(tags::NUMBER_OF_FRAMES) {
                number(tags::NUMBER_OF_FRAMES)?
            } else {
                1
            },
            samples,
            allocated,
            stored,
            high,
            signed: dataset.integer(tags::PIXEL_REPRESENTATION) == Some(1),
            color,
            planar: samples > 1 && dataset.integer(tags::PLANAR_CONFIGURATION) == Some(1),
        };
        let bits_fit = matches!(allocated, 1 | 8 | 16 | 32)
            && (1..=allocated).contains(&stored)
            && (stored - 1..allocated).contains(&high);
        let one_bit_fits =
            allocated > 1 || (samples == 1 && (shape.frame_bits().is_multiple_of(8) || shape.frames == 1));
        let color_fits = samples == 1 || (stored <= 16 && !shape.signed) || allocated == 32;
        (bits_fit && one_bit_fits && color_fits && shape.frames > 0).then_some(shape)
    }

    /// Whether its pixels can lie there without compression: two share their chrominances (PS3.3 §C.7.6.3.1.2).
    pub(crate) fn can_be_native(&self) -> bool {
        self.color != Color::YbrFull422
            || (self.width.is_multiple_of(2) && self.allocated == 8 && !self.planar)
    }

    /// Refuses what costs too much to look at.
    pub(crate) fn bounded(self) -> Result<Self, PixelReason> {
        let fits = self.frames <= FRAMES_MAX
            && self.pixels() <= FRAME_PIXELS_MAX
            && self.frame_bits() / 8 <= FRAME_BYTES_MAX;
        if fits { Ok(self) } else { Err(PixelReason::TooLarge) }
    }

    /// The same pixels as they are stored after decoding: by pixel, and in RGB where they were compressed in other colours.
    pub(crate) fn decoded(&self, to_rgb: bool) -> Self {
        let color = match &self.color {
            Color::YbrFull422 => Color::Rgb,
            Color::YbrFull if to_rgb => Color::Rgb,
            color => color.clone(),
        };
        Self { color, planar: false, ..self.clone() }
    }

    /// Pixels of a frame.
    pub(crate) fn pixels(&self) -> u64 {
        (self.width as u64).saturating_mul(self.height as u64)
    }

    /// Samples stored for a pixel, on average: chrominances may be shared.
    fn stored_samples(&self) -> u64 {
        if self.color == Color::YbrFull422 { 2 } else { self.samples as u64 }
    }

    /// Bits of a frame.
    pub(crate) fn frame_bits(&self) -> u64 {
        self.pixels().saturating_mul(self.stored_samples()).saturating_mul(u64::from(self.allocated))
    }

    /// Bytes of a frame; what reaches past the last whole byte counts as one.
    pub(crate) fn frame_bytes(&self) -> usize {
        usize::try_from(self.frame_bits().div_ceil(8)).unwrap_or(usize::MAX)
    }

    /// Bytes of all frames, if an element can hold so many.
    pub(crate) fn value_bytes(&self) -> Option<u64> {
        let bytes = (self.frame_bytes() as u64).checked_mul(u64::from(self.frames))?;
        (bytes <= NATIVE_BYTES_MAX).then_some(bytes)
    }

    /// The stored value of what stands in a cell.
    pub(crate) fn value(&self, cell: u32) -> i64 {
        let value = (cell >> (self.high + 1 - self.stored)) & low_bits(self.stored);
        if self.signed && value >> (self.stored - 1) == 1 {
            i64::from(value) - (1_i64 << self.stored)
        } else {
            i64::from(value)
        }
    }

    /// What stands in the cell of a stored value.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bits of two's complement"
    )]
    pub(crate) fn cell(&self, value: i64) -> u32 {
        let shift = self.high + 1 - self.stored;
        let bits = if self.signed && shift == 0 { low_bits(self.allocated) } else { low_bits(self.stored) };
        ((value as u32) & bits) << shift
    }
}

/// How many bytes the header says that all frames have once they are decoded; as good as it says.
pub(crate) fn decoded_bytes(dataset: &Dataset) -> u64 {
    let number = |tag| dataset.integer(tag).and_then(|value| u64::try_from(value).ok()).unwrap_or(1);
    let sides =
        [tags::ROWS, tags::COLUMNS, tags::SAMPLES_PER_PIXEL, tags::NUMBER_OF_FRAMES, tags::BITS_ALLOCATED];
    sides.into_iter().map(number).fold(1, u64::saturating_mul) / 8
}

/// A number whose lowest bits are set.
pub(crate) fn low_bits(count: u32) -> u32 {
    u32::MAX.checked_shr(32 - count.min(32)).unwrap_or(0)
}
