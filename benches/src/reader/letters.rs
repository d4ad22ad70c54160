//! Letters drawn on pictures, and what the detector sees of them.

use super::net::NONE;
use deid::pixels::detect::{LETTERS, Patch, Plane, letters_seen};
use deid::pixels::region::Region;
use sim::lettering::{Face, Picture, Set, picture};
use sim::random::Random;

/// What is written; `i` and `j` come in two pieces, and `I`, `l` and `1` are mere strokes in most typefaces.
const WRITTEN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghkmnopqrstuvwxyz0123456789";
/// Heights of capitals, pixels.
const HEIGHTS: [u32; 16] = [6, 7, 7, 8, 8, 9, 10, 11, 12, 14, 16, 18, 21, 28, 36, 48];
/// Shapes taken from one picture without letters.
const NONES_MAX: usize = 150;
/// Letters, or small groups of them, written on a picture.
const WORDS: usize = 60;

/// A patch and what it is.
pub(super) struct Example {
    pub(super) patch: Patch,
    pub(super) class: usize,
}

/// What the `nth` picture of a set teaches.
pub(super) fn draw(set: Set, nth: u64, faces: &[Box<dyn Face>]) -> Vec<Example> {
    let mut random =
        Random::labelled(nth, if set == Set::Development { "reader/learn" } else { "reader/held" });
    let mut drawn = picture(set, nth, &[]);
    let mut examples: Vec<Example> =
        seen(&drawn).into_iter().map(|(_, patch)| Example { patch, class: NONE }).collect();
    while examples.len() > NONES_MAX {
        let at = usize::try_from(random.below(examples.len() as u64)).unwrap_or(0);
        examples.swap_remove(at);
    }
    let mut written: Vec<(Region, usize)> = Vec::new();
    for _ in 0..WORDS {
        write(&mut drawn, faces, &mut written, &mut random);
    }
    for (region, patch) in seen(&drawn) {
        let best = written
            .iter()
            .map(|(own, class)| (alike(&region, own), *class))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((share, class)) = best
            && share > 0.6
        {
            examples.push(Example { patch, class });
        }
    }
    examples
}

fn seen(drawn: &Picture) -> Vec<(Region, Patch)> {
    letters_seen(&Plane { width: drawn.width, height: drawn.height, samples: &drawn.samples })
}

/// What two boxes share, over what both cover.
fn alike(a: &Region, b: &Region) -> f64 {
    let shared =
        |a: (u32, u32), b: (u32, u32)| f64::from((a.0 + a.1).min(b.0 + b.1).saturating_sub(a.0.max(b.0)));
    let both = shared((a.left, a.width), (b.left, b.width)) * shared((a.top, a.height), (b.top, b.height));
    let area = |region: &Region| f64::from(region.width) * f64::from(region.height);
    both / (area(a) + area(b) - both)
}

/// Writes one to three letters side by side where there is room.
fn write(
    drawn: &mut Picture,
    faces: &[Box<dyn Face>],
    written: &mut Vec<(Region, usize)>,
    random: &mut Random,
) {
    let face = &faces[usize::try_from(random.below(faces.len() as u64)).unwrap_or(0)];
    let height = random.pick(&HEIGHTS);
    let step = random.pick(&[4.0f32, 6.0, 10.0, 255.0]) * drawn.noise.max(6.0);
    let (width, rows) = (u32::try_from(drawn.width).unwrap_or(0), u32::try_from(drawn.height).unwrap_or(0));
    let mut at = |room: u32| u32::try_from(random.below(u64::from(room))).unwrap_or(0);
    let (mut left, top) = (at(width), at(rows));
    let ink = Ink::at(drawn, left, top, step);
    for _ in 0..=random.below(3) {
        let letter = random.pick(WRITTEN);
        let Some(raster) = face.line(&char::from(letter).to_string(), height) else { return };
        let own = Region {
            left,
            top,
            width: u32::try_from(raster.width).unwrap_or(0),
            height: u32::try_from(raster.height).unwrap_or(0),
        };
        let gap = 2 + height / 4;
        let clashes = |other: &Region| {
            own.left < other.left + other.width + 1
                && other.left < own.left + own.width + 1
                && own.top < other.top + other.height + gap
                && other.top < own.top + own.height + gap
        };
        if own.left + own.width > width
            || own.top + own.height > rows
            || written.iter().any(|(other, _)| clashes(other))
        {
            return;
        }
        ink.put(drawn, &raster, &own);
        written.push((own, class(letter)));
        left += own.width + 1 + u32::try_from(random.below(u64::from(height / 6 + 2))).unwrap_or(0);
    }
}

/// One value that letters are written with.
struct Ink(f32);

impl Ink {
    /// Brighter than what lies there where there is room for it.
    fn at(drawn: &Picture, left: u32, top: u32, step: f32) -> Self {
        let range = f32::from(u16::MAX >> (16 - drawn.bits));
        let paper = f32::from(drawn.samples[top as usize * drawn.width + left as usize]) / range * 255.0;
        let ink = if paper < 128.0 { paper + step } else { paper - step };
        Self(ink.clamp(0.0, 255.0) / 255.0 * range)
    }

    fn put(&self, drawn: &mut Picture, raster: &sim::lettering::Raster, own: &Region) {
        for (i, cover) in raster.cover.iter().enumerate() {
            let (x, y) = (own.left as usize + i % raster.width, own.top as usize + i / raster.width);
            let sample = &mut drawn.samples[y * drawn.width + x];
            let share = f32::from(*cover) / 255.0;
            let mixed = f32::from(*sample) * (1.0 - share) + self.0 * share;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between two samples"
            )]
            {
                *sample = mixed.round() as u16;
            }
        }
    }
}

/// The place of a letter among those that the reader tells apart.
fn class(letter: u8) -> usize {
    let letter = match letter.to_ascii_uppercase() {
        b'0' => b'O',
        b'1' => b'I',
        b'L' if letter == b'l' => b'I',
        other => other,
    };
    LETTERS.bytes().position(|own| own == letter).unwrap_or(NONE)
}
