//! Where text and bar codes are burned into an image: a detector of strokes that needs no training, no weights and no network.
//!
//! Letters are thin, sharp and of one ink. What is thinner than a small square is told apart from what it lies on (a top-hat),
//! on the image and on its reductions by 2, 4 and 8; what stands out of the noise of its own surroundings is put together to
//! shapes, shapes to lines. No contrast is fixed: the scale comes from the data.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "samples stay within 16 bits, and columns and rows within 32, by the limits below"
)]

mod hat;
mod level;
mod shape;
mod reader;
mod marker;
mod reading;
mod judge;
mod line;
mod solid;
mod bars;

pub use marker::Markers;
pub use reader::{HIDDEN, LETTERS, Patch, dot};

use super::region::Region;
use hat::Ink;
use level::Level;
use shape::{SHAPES_MAX, Shape};

/// An image longer or wider than this is more than DICOM can say (Rows and Columns are US, PS3.3 C.7.6.3.1), in pixels.
const SIDE_MAX_PX: usize = 1 << 16;
/// Reductions: the image itself, and by 2, 4 and 8.
const LEVELS: u32 = 4;
/// What is smaller than this holds no letter, pixels a side.
const SIDE_MIN_PX: usize = 5;
/// A reduction whose longer side is shorter than this shows only letters that fill the image, and anatomy that looks like them.
const REDUCED_SIDE_MIN_PX: usize = 120;

/// One plane of samples: a grey frame, or one channel of a colour frame, row by row. The values are stored values mapped to
/// 16 bits so that their order is kept; signed ones are offset by 32768.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` samples.
    pub samples: &'a [u16],
}

/// Where text stands: one box for a line, with a margin, so that blanking the boxes leaves no stroke of it.
///
/// A plane whose samples are fewer than it says, or that is larger than an image can be, is taken as far as it goes.
/// Lines that say nothing but markers stay. An image with more shapes than are looked at is text as a whole: somebody has to look.
pub fn find_text(plane: &Plane<'_>, markers: &Markers) -> Vec<Region> {
    let width = plane.width.min(SIDE_MAX_PX);
    let height = plane.height.min(SIDE_MAX_PX).min(plane.samples.len().checked_div(plane.width).unwrap_or(0));
    if width < SIDE_MIN_PX || height < SIDE_MIN_PX {
        return Vec::new();
    }
    let (mut lines, mut codes, mut is_overfull) = (Vec::new(), Vec::<line::Bounds>::new(), false);
    each_level(plane, width, height, |level, finer| {
        let mut found = Vec::new();
        let mut look = |page: &line::Page<'_>, shapes: Vec<Shape>, lines: &[line::Line]| {
            is_overfull |= shapes.len() >= SHAPES_MAX;
            found.extend(line::lines(page, shapes, lines));
        };
        for ink in [Ink::Bright, Ink::Dark] {
            let page = line::Page { level, ink, markers, is_solid: false };
            hat::shapes(level, finer, ink).into_iter().for_each(|shapes| look(&page, shapes, &lines));
        }
        // Letters of one value hang together at any size: no reduction shows more of them.
        let solid = if level.reduction == 0 { solid::values(level) } else { Vec::new() };
        for value in solid {
            let plane = solid::plane(level, value);
            let page = line::Page { level: &plane, ink: Ink::Bright, markers, is_solid: true };
            look(&page, solid::shapes(&plane), &lines);
        }
        lines.extend(line::unexplained(found));
        let new = bars::codes(level).into_iter().filter(|code| !codes.iter().any(|known| code.meets(known)));
        codes.extend(new.collect::<Vec<_>>());
        is_overfull |= codes.len() > bars::CODES_MAX;
    });
    if is_overfull {
        return vec![Region { left: 0, top: 0, width: width as u32, height: height as u32 }];
    }
    line::boxes(&lines, codes, width, height)
}

/// The image and its reductions, each with the one before.
fn each_level(
    plane: &Plane<'_>,
    width: usize,
    height: usize,
    mut look: impl FnMut(&Level<'_>, Option<&Level<'_>>),
) {
    let mut level = Level::whole(width, height, plane.width, plane.samples);
    let mut finer: Option<Level<'_>> = None;
    loop {
        look(&level, finer.as_ref());
        let next = level.reduction + 1;
        let is_small = level.width.max(level.height) < 2 * REDUCED_SIDE_MIN_PX;
        if next >= LEVELS || is_small || level.width.min(level.height) < 2 * SIDE_MIN_PX {
            break;
        }
        let halved = level.halved();
        finer = Some(std::mem::replace(&mut level, halved));
    }
}

/// What the reader of letters is shown in a plane: each shape that can be a letter, where it stands, and how it looks there.
/// For those who train it.
pub fn letters_seen(plane: &Plane<'_>) -> Vec<(Region, Patch)> {
    let (width, height) = (plane.width, plane.height.min(plane.samples.len() / plane.width.max(1)));
    let mut seen = Vec::new();
    each_level(plane, width, height, |level, finer| {
        for ink in [Ink::Bright, Ink::Dark] {
            for shape in
                hat::shapes(level, finer, ink).iter().flatten().filter(|shape| line::is_letter(shape))
            {
                let scale = |value: u32| value << level.reduction;
                let region = Region {
                    left: scale(shape.left),
                    top: scale(shape.top),
                    width: scale(shape.width()),
                    height: scale(shape.height()),
                };
                seen.push((region, reader::patch(level, shape, ink)));
            }
        }
    });
    seen
}

#[cfg(test)]
mod tests;
