//! The pictures of the corpus, small, with writing in some, and what must become of them.
#![expect(clippy::cast_possible_truncation, reason = "densities are clamped to the range of a sample")]

use super::Job;
use super::key::{PixelKey, Writing};
use super::rules::Answers;
use super::sheet::Sheet;
use crate::encode::{Pixels, Samples};
use crate::images::{glyphs, phantom};
use crate::random::Random;
use dicom::tag::{VR, tags};

/// What a picture looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// There is none.
    None,
    /// A radiograph, 12 bits.
    Chest,
    /// A slice of a CT, 12 bits.
    Slice,
    /// A slice of an MR, 12 bits.
    Magnetic,
    /// An ultrasound sector, 8 bits.
    Fan,
    /// Counts, 16 bits.
    Counts,
    /// A photograph or a screen, 8 bits, colour.
    Colour,
}

impl Look {
    /// Rows and columns that such pictures have here: small, but no smaller than what they show.
    pub(super) fn sizes(self) -> &'static [u16] {
        match self {
            Self::Chest | Self::Slice | Self::Fan | Self::Colour => &[192, 256],
            Self::Magnetic => &[128, 192, 256],
            Self::Counts | Self::None => &[64, 96, 128],
        }
    }
}

/// Where and how often something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// On every picture.
    Always,
    /// On one of so many.
    OneIn(u64),
    /// Never.
    Never,
}

/// The picture of a job with its key; puts the attributes that describe it (PS3.3 C.7.6.3).
pub(super) fn add(job: &mut Job<'_>, sheet: &mut Sheet) -> Option<(Pixels, PixelKey)> {
    let look = job.kind.look;
    if look == Look::None {
        return None;
    }
    let frames = usize::from(job.kind.frames);
    let mut pixels = render(job, look, frames);
    let mut writings = Vec::new();
    if job.identified_in_pixels {
        for frame in 0..frames {
            banner(job, &mut pixels, frame, &mut writings);
        }
    }
    if matches!(look, Look::Chest) {
        marker(job, &mut pixels, &mut writings);
    }
    describe(job, sheet, &pixels, frames);
    let hidden = hide_bits(job, &mut pixels);
    let key = PixelKey {
        rows: usize::from(pixels.rows),
        columns: usize::from(pixels.columns),
        frames,
        channels: usize::from(pixels.channels),
        bits: pixels.bits,
        allocated: if matches!(pixels.samples, Samples::Eight(_)) { 8 } else { 16 },
        hidden_bits: hidden,
        writings,
    };
    Some((pixels, key))
}

fn render(job: &mut Job<'_>, look: Look, frames: usize) -> Pixels {
    let size = job.size;
    let mut noise = Random::labelled(u64::from(job.number), "corpus pixels");
    let sector = Sector::of(job);
    let mut all: Option<Pixels> = None;
    for frame in 0..frames {
        let z = (job.number as f32 * 0.07 + frame as f32 * 0.11).fract();
        let one = match look {
            Look::Chest => phantom::grey(size, size, 12, |u, v| phantom::chest(u, v) + 25.0 * noise.noise()),
            Look::Slice => {
                phantom::grey(size, size, 12, |u, v| 1024.0 + phantom::slice(u, v, z) + 15.0 * noise.noise())
            }
            Look::Magnetic => {
                phantom::grey(size, size, 12, |u, v| phantom::magnetic(u, v, z) + 20.0 * noise.noise())
            }
            Look::Counts => phantom::grey(size, size, 15, |u, v| {
                (600.0 * (1.0 - u.hypot(v)).max(0.0) + 20.0 * noise.noise()).max(0.0)
            }),
            Look::Fan | Look::Colour | Look::None => phantom::grey(size, size, 8, |u, v| {
                let v = if look == Look::Fan { sector.stretched(v) } else { v };
                if u.abs().max(v.abs()) > 0.95 {
                    return 0.0;
                }
                let (depth, angle) = (u.hypot(v + 1.1), u.atan2(v + 1.1));
                if angle.abs() > 0.6 || !(0.35..1.9).contains(&depth) {
                    return 0.0;
                }
                let speckle = if look == Look::Fan { 12.0 } else { 3.0 };
                let echo = 80.0 + 30.0 * (depth * 9.0).sin() + speckle * noise.noise();
                (echo * (1.3 - depth / 2.0)).min(200.0)
            }),
        };
        all = Some(joined(all, one));
    }
    let grey = all.unwrap_or(Pixels {
        rows: 0,
        columns: 0,
        channels: 1,
        bits: 8,
        samples: Samples::Eight(Vec::new()),
    });
    match (look, &grey.samples) {
        (Look::Fan, Samples::Sixteen(samples)) => {
            let samples = Samples::Eight(samples.iter().map(|s| *s as u8).collect());
            Pixels { samples, bits: 8, ..grey }
        }
        (Look::Colour, Samples::Sixteen(samples)) => {
            let tint = |s: &u16| [*s as u8, (*s / 2) as u8, (*s as u8).saturating_add(24)];
            let samples = Samples::Eight(samples.iter().flat_map(tint).collect());
            Pixels { samples, bits: 8, channels: 3, ..grey }
        }
        _ => grey,
    }
}

/// The rows of an ultrasound picture that show its patient: below the banner, or above it where the banner stands at the bottom.
pub(super) struct Sector {
    pub(super) top: u16,
    pub(super) bottom: u16,
    size: u16,
}

impl Sector {
    pub(super) fn of(job: &Job<'_>) -> Self {
        let size = job.size;
        let (top, bottom) = if job.number % 3 == 1 { (2, size.saturating_sub(80)) } else { (78, size - 2) };
        Self { top, bottom, size }
    }

    /// From -1 to 1 down the sector instead of down the picture.
    fn stretched(&self, v: f32) -> f32 {
        let row = (v + 1.0) / 2.0 * f32::from(self.size);
        (row - f32::from(self.top)) / (f32::from(self.bottom) - f32::from(self.top)) * 2.0 - 1.0
    }
}

fn joined(all: Option<Pixels>, one: Pixels) -> Pixels {
    let Some(mut all) = all else { return one };
    if let (Samples::Sixteen(all), Samples::Sixteen(one)) = (&mut all.samples, one.samples) {
        all.extend(one);
    }
    all
}

/// What a device or a person wrote on the picture: name, number, date of birth.
fn banner(job: &mut Job<'_>, pixels: &mut Pixels, frame: usize, writings: &mut Vec<Writing>) {
    let person = &job.visit.person;
    let name = format!("{} {}", person.name.family, person.name.given).to_uppercase();
    let drawable = |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || c == ' ');
    let mut lines = vec![person.nhs_number_spaced(), format!("DOB {}", person.birth.british())];
    if drawable(&name) {
        lines.insert(0, name);
    }
    let scale = if job.size >= 256 { 1 + usize::from(job.number.is_multiple_of(2)) } else { 1 };
    let (size, step) = (usize::from(job.size), 10 * scale);
    let bottom = job.number % 3 == 1;
    for (line, text) in lines.iter().enumerate() {
        let y = if bottom { size - (lines.len() - line) * step - 4 } else { 4 + line * step };
        write(pixels, frame, (4, y), text, scale, true, writings);
    }
}

/// The side marker that every radiograph has: it identifies nobody, and a reader needs it.
fn marker(job: &mut Job<'_>, pixels: &mut Pixels, writings: &mut Vec<Writing>) {
    let text = ["L", "R", "ERECT", "PORTABLE"][usize::try_from(job.random.below(4)).unwrap_or(0)];
    let size = usize::from(job.size);
    let scale = if size >= 256 { 2 } else { 1 };
    write(pixels, 0, (size - text.len() * 6 * scale - 6, size / 2), text, scale, false, writings);
}

fn write(
    pixels: &mut Pixels,
    frame: usize,
    (left, top): (usize, usize),
    text: &str,
    scale: usize,
    identifies: bool,
    writings: &mut Vec<Writing>,
) {
    let (columns, rows) = (usize::from(pixels.columns), usize::from(pixels.rows));
    let channels = usize::from(pixels.channels);
    let ink = if pixels.bits == 8 { 255 } else { (1u16 << pixels.bits.min(12)) - 1 };
    let (mut width, mut height) = (0, 0);
    for (x, y) in glyphs::dots(text, scale) {
        let (at_x, at_y) = (x + left, y + top);
        if at_x >= columns || at_y >= rows {
            continue;
        }
        (width, height) = (width.max(x + 1), height.max(y + 1));
        let at = ((frame * rows + at_y) * columns + at_x) * channels;
        match &mut pixels.samples {
            Samples::Eight(samples) => samples[at..at + channels].fill(255),
            Samples::Sixteen(samples) => samples[at] = ink,
        }
    }
    let text = text.to_owned();
    writings.push(Writing { frame, x: left, y: top, width, height, ink, identifies, text });
}

/// Hides a letter in the four bits above the stored twelve, pixel by pixel (PS3.5 §8.1.1: they are no pixel).
fn hide_bits(job: &mut Job<'_>, pixels: &mut Pixels) -> bool {
    let bits = pixels.bits;
    let Samples::Sixteen(samples) = &mut pixels.samples else { return false };
    // Lossless JPEG of 12 bits has no room for them.
    if bits != 12 || job.syntax == crate::encode::Syntax::JpegLossless || job.random.below(10) > 0 {
        return false;
    }
    let message = format!("{} {}", job.visit.person.name.family, job.visit.person.nhs_number);
    let nibbles = message.bytes().cycle().flat_map(|byte| [byte >> 4, byte & 15]);
    for (sample, nibble) in samples.iter_mut().zip(nibbles) {
        *sample = *sample & 0x0fff | u16::from(nibble) << 12;
    }
    true
}

/// The Image Pixel Module.
fn describe(job: &mut Job<'_>, sheet: &mut Sheet, pixels: &Pixels, frames: usize) {
    let colour = pixels.channels == 3;
    sheet.us("Rows", &[pixels.rows]);
    sheet.us("Columns", &[pixels.columns]);
    sheet.us("SamplesPerPixel", &[pixels.channels]);
    let inverted = job.kind.look == Look::Chest && job.number.is_multiple_of(5);
    let interpretation = match (colour, inverted) {
        (true, _) => "RGB",
        (_, true) => "MONOCHROME1",
        _ => "MONOCHROME2",
    };
    sheet.text("PhotometricInterpretation", interpretation);
    let allocated = if matches!(pixels.samples, Samples::Eight(_)) { 8 } else { 16 };
    sheet.us("BitsAllocated", &[allocated]);
    sheet.us("BitsStored", &[pixels.bits]);
    sheet.us("HighBit", &[pixels.bits - 1]);
    sheet.us("PixelRepresentation", &[0]);
    if frames > 1 {
        sheet.text("NumberOfFrames", frames.to_string());
    }
    if job.identified_in_pixels {
        // Half of the devices say so; some say the contrary.
        let says = ["YES", "YES", "NO"].get(usize::try_from(job.number % 4).unwrap_or(0));
        if let Some(says) = says {
            // Afterwards it says what is so then (PS3.15 E.3.1), whatever it said before.
            let answers = Answers { research: None, basic: None };
            sheet.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, says, "pixels", answers);
        }
    } else if job.number.is_multiple_of(2) {
        sheet.text("BurnedInAnnotation", "NO");
    }
    if !colour {
        sheet.text("LossyImageCompression", "00");
    }
}
