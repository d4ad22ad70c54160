//! What a stream holds beyond the edges of its picture: blocks are whole, pictures need not be, and nobody is shown the rest.

use super::samples;
use super::stream::{Part, Picture, Sink, Tables, follow};

/// Encoders fill up with the last sample of a row or column, or with one value; what is farther from that than this part of the
/// range is something else. Less is what coarse steps and waves of edges leave.
const RANGE_PART: f32 = 3.0;

/// Whether there is anything but filling beyond the edges of a stream's picture; or nobody can say, for it cannot be followed.
pub(crate) fn hides(stream: &[u8]) -> bool {
    let mut sink = Seen::default();
    let is_followed = follow(stream, &mut sink).is_some();
    !is_followed || sink.margin.is_some_and(|margin| margin.is_torn && !margin.is_even())
}

#[derive(Default)]
struct Seen {
    precision: u8,
    margin: Option<Margin>,
}

/// That of the first component: of luminance, or of red. Chrominances are coded too coarsely to tell.
struct Margin {
    /// Samples that are shown, along and down.
    width: usize,
    height: usize,
    reach: f32,
    /// The last samples that are shown of the rows of a unit, and of all columns.
    column: [[f32; 8]; 4],
    row: Vec<f32>,
    /// Whether any sample beyond is unlike the last one that is shown.
    is_torn: bool,
    /// The least and the greatest sample beyond.
    ends: (f32, f32),
}

impl Margin {
    /// Whether all samples beyond are alike.
    fn is_even(&self) -> bool {
        self.ends.1 - self.ends.0 <= self.reach
    }

    fn look(&mut self, (left, top): (usize, usize), block: &[f32; 64]) {
        let lines = &mut self.column[top / 8 % 4];
        if (left..left + 8).contains(&(self.width - 1)) {
            let last = self.width - 1 - left;
            *lines = std::array::from_fn(|line| block[line * 8 + last]);
        }
        if (top..top + 8).contains(&(self.height - 1)) {
            let line = (self.height - 1 - top) * 8;
            self.row[left..left + 8].copy_from_slice(&block[line..line + 8]);
        }
        for (at, sample) in block.iter().enumerate() {
            let (x, y) = (left + at % 8, top + at / 8);
            if x < self.width && y < self.height {
                continue;
            }
            let shown = if y < self.height { lines[at / 8] } else { self.row[x.min(self.width - 1)] };
            self.is_torn |= (sample - shown).abs() > self.reach;
            self.ends = (self.ends.0.min(*sample), self.ends.1.max(*sample));
        }
    }
}

impl Sink for Seen {
    fn begin(&mut self, picture: &Picture, _: &Tables) -> Option<()> {
        self.precision = picture.precision;
        let (across, down) = picture.most();
        let own = picture.components.first()?;
        let side = |whole: u32, own: u32, most: u32| usize::try_from((whole * own).div_ceil(most)).ok();
        let width = side(picture.width, own.across, across)?;
        self.margin = Some(Margin {
            width,
            height: side(picture.height, own.down, down)?,
            reach: f32::from(1_u16 << picture.precision) / RANGE_PART,
            column: [[0.0; 8]; 4],
            row: vec![0.0; width.next_multiple_of(8) + 32],
            is_torn: false,
            ends: (f32::MAX, f32::MIN),
        });
        Some(())
    }

    fn block(&mut self, part: &Part<'_>, (x, y): (u32, u32), block: [i32; 64]) -> Option<()> {
        let margin = self.margin.as_mut()?;
        if part.component > 0 {
            return Some(());
        }
        let (left, top) = (usize::try_from(x * 8).ok()?, usize::try_from(y * 8).ok()?);
        let is_inside = left + 8 < margin.width && top + 8 < margin.height;
        let is_beyond = left >= margin.width || top >= margin.height;
        // A block of one value shows nothing.
        let is_flat = || block[1..].iter().all(|value| *value == 0);
        if is_inside || is_beyond && is_flat() {
            return Some(());
        }
        margin.look((left, top), &samples(&block, part.steps, self.precision));
        Some(())
    }
}
