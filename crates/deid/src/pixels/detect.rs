//! Where text is burned into an image: a detector of strokes that needs no training, no weights and no network.
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
mod judge;
mod line;

use super::region::Region;
use level::Level;

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
pub fn find_text(plane: &Plane<'_>) -> Vec<Region> {
    let width = plane.width.min(SIDE_MAX_PX);
    let height = plane.height.min(SIDE_MAX_PX).min(plane.samples.len().checked_div(plane.width).unwrap_or(0));
    if width < SIDE_MIN_PX || height < SIDE_MIN_PX {
        return Vec::new();
    }
    let mut level = Level::whole(width, height, plane.width, plane.samples);
    let mut finer: Option<Level<'_>> = None;
    let (mut boxes, mut found) = (Vec::new(), Vec::new());
    loop {
        for ink in [hat::Ink::Bright, hat::Ink::Dark] {
            for shapes in hat::shapes(&level, finer.as_ref(), ink) {
                found.extend(line::lines(&level, shapes, &boxes));
            }
        }
        boxes.append(&mut found);
        let next = level.reduction + 1;
        let is_small = level.width.max(level.height) < 2 * REDUCED_SIDE_MIN_PX;
        if next >= LEVELS || is_small || level.width.min(level.height) < 2 * SIDE_MIN_PX {
            break;
        }
        let halved = level.halved();
        finer = Some(std::mem::replace(&mut level, halved));
    }
    line::merged(boxes, width, height)
}

#[cfg(test)]
mod tests;
