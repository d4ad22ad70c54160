//! Where text is burned into an image: strokes that stand out brightly of what lies four pixels to both sides.

use super::region::Region;

/// One plane of samples, row by row; signed ones are offset by 32768.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` samples.
    pub samples: &'a [u16],
}

/// One box around all strokes, with a margin.
pub fn find_text(plane: &Plane<'_>) -> Vec<Region> {
    let at = |x: usize, y: usize| i32::from(plane.samples.get(y * plane.width + x).copied().unwrap_or(0));
    let highest = plane.samples.iter().copied().max().map_or(0, i32::from);
    let mut found: Option<(usize, usize, usize, usize)> = None;
    for y in 0..plane.height {
        for x in 4..plane.width.saturating_sub(4) {
            let stands_out = at(x, y) - at(x - 4, y).max(at(x + 4, y)) > highest / 4;
            if stands_out {
                let (l, t, r, b) = found.unwrap_or((x, y, x, y));
                found = Some((l.min(x), t.min(y), r.max(x), b.max(y)));
            }
        }
    }
    let number = |side: usize| u32::try_from(side).unwrap_or(0);
    let region = |(l, t, r, b): (usize, usize, usize, usize)| {
        let (left, top) = (l.saturating_sub(12), t.saturating_sub(6));
        Region {
            left: number(left),
            top: number(top),
            width: number((r + 13).min(plane.width) - left),
            height: number((b + 7).min(plane.height) - top),
        }
    };
    found.map(region).into_iter().collect()
}
