//! Shapes: ink that hangs together, put together from runs row by row, and what tells a letter from a blot.

use super::hat::Ink;
use super::level::Level;

/// Shapes kept of one level and ink. An image with more is noise that no threshold of ours fits.
pub(super) const SHAPES_MAX: usize = 1 << 17;
/// The longest word whose letters touch, pixels of the level.
const LENGTH_MAX_PX: u32 = 480;
/// The highest letter, pixels of the level; a reduction sees larger ones.
const LETTER_MAX_PX: u32 = 56;

/// Neighbouring pixels of a row that are ink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    start: u32,
    end: u32,
    /// The strongest top-hat in it.
    peak: u16,
    /// The sample there: the ink.
    ink: u16,
    /// What had to be exceeded.
    over: u16,
    /// How much of the peak is gained within two pixels of each end, the two added up.
    step: u32,
    /// The same within one pixel, as the level before shows it.
    fine: u32,
}

impl Run {
    pub(super) fn new(hat: &[u16], samples: &[u16], over: u16, start: usize, end: usize) -> Self {
        let mut at = start;
        for (x, value) in hat.iter().enumerate().take(end).skip(start) {
            if *value > hat[at] {
                at = x;
            }
        }
        let value = |x: Option<usize>| x.and_then(|x| hat.get(x)).copied().unwrap_or(0);
        let (first, last) = (value(Some(start)), value(Some(end - 1)));
        let inside =
            |x: usize, edge: u16| if x >= start && x < end { edge.max(value(Some(x))) } else { edge };
        let low = |a: Option<usize>, b: Option<usize>| value(a).min(value(b));
        let left = inside(start + 1, first).saturating_sub(low(start.checked_sub(1), start.checked_sub(2)));
        let right = inside(end.saturating_sub(2), last).saturating_sub(low(Some(end), Some(end + 1)));
        Self {
            start: start as u32,
            end: end as u32,
            peak: hat[at],
            ink: samples.get(at).copied().unwrap_or(0),
            over,
            step: u32::from(left) + u32::from(right),
            fine: u32::from(left) + u32::from(right),
        }
    }

    /// Looks at both ends in the level before, in which what is only sharp because it is small is not.
    pub(super) fn look_closer(&mut self, finer: &Level<'_>, ink: Ink, gain: u32, y: usize) {
        let rows = [finer.row(2 * y), finer.row((2 * y + 1).min(finer.height - 1))];
        let value = |x: usize| rows.iter().map(|row| u32::from(row[x.min(row.len() - 1)])).sum::<u32>();
        let rise = |inside: usize, outside: usize| match ink {
            Ink::Bright => value(inside).saturating_sub(value(outside)),
            Ink::Dark => value(outside).saturating_sub(value(inside)),
        };
        let (start, end) = (2 * self.start as usize, 2 * self.end as usize);
        let left =
            (0..4).map(|i| rise((start + 2).saturating_sub(i), start.saturating_sub(i))).max().unwrap_or(0);
        let right =
            (0..4).map(|i| rise((end + i).saturating_sub(3), (end + i).saturating_sub(1))).max().unwrap_or(0);
        let most = |step: u32| (step * gain / 2).min(u32::from(self.peak));
        self.fine = most(left) + most(right);
    }
}

/// A shape, in pixels of its level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) left: u32,
    pub(super) top: u32,
    /// One past the last column.
    pub(super) right: u32,
    /// One past the last row.
    pub(super) bottom: u32,
    pub(super) area: u32,
    /// Sides of pixels between it and what it lies on.
    pub(super) perimeter: u32,
    runs: u32,
    peaks: u64,
    overs: u64,
    steps: u64,
    fines: u64,
    inks: u64,
    inks_squared: u64,
    /// The ink that most of its runs have, if one has most, and by how many more runs than all others together.
    common: u16,
    votes: u32,
}

impl Shape {
    fn of(y: u32, run: Run) -> Self {
        let length = run.end - run.start;
        Self {
            left: run.start,
            top: y,
            right: run.end,
            bottom: y + 1,
            area: length,
            perimeter: 2 + 2 * length,
            runs: 1,
            peaks: u64::from(run.peak),
            overs: u64::from(run.over),
            steps: u64::from(run.step),
            fines: u64::from(run.fine),
            inks: u64::from(run.ink),
            inks_squared: u64::from(run.ink) * u64::from(run.ink),
            common: run.ink,
            votes: 1,
        }
    }

    fn join(&mut self, other: &Self) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.area += other.area;
        self.perimeter += other.perimeter;
        self.runs += other.runs;
        self.peaks += other.peaks;
        self.overs += other.overs;
        self.steps += other.steps;
        self.fines += other.fines;
        self.inks += other.inks;
        self.inks_squared += other.inks_squared;
        (self.common, self.votes) = majority((self.common, self.votes), (other.common, other.votes));
    }

    pub(super) fn width(&self) -> u32 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// How much it stands out of what it lies on, on average.
    pub(super) fn contrast(&self) -> f32 {
        self.peaks as f32 / self.runs as f32
    }

    /// Its contrast over what the noise asked for.
    pub(super) fn strength(&self) -> f32 {
        self.peaks as f32 / self.overs.max(u64::from(self.runs)) as f32
    }

    /// 1 where its edges rise within two pixels.
    pub(super) fn sharpness(&self) -> f32 {
        self.steps as f32 / (2 * self.peaks).max(1) as f32
    }

    /// 1 where they rise within two pixels of the level before.
    pub(super) fn crispness(&self) -> f32 {
        self.fines as f32 / (2 * self.peaks).max(1) as f32
    }

    /// The mean of its ink.
    pub(super) fn ink(&self) -> f32 {
        self.inks as f32 / self.runs as f32
    }

    /// How uneven its ink is: standard deviation over contrast.
    pub(super) fn unevenness(&self) -> f32 {
        let runs = f64::from(self.runs);
        let mean = self.inks as f64 / runs;
        let variance = (self.inks_squared as f64 / runs - mean * mean).max(0.0);
        (variance.sqrt() / f64::from(self.contrast().max(1.0))) as f32
    }

    /// The ink of most of its runs, and by how many more than all others.
    pub(super) fn vote(&self) -> (u16, u32) {
        (self.common, self.votes)
    }

    pub(super) fn runs(&self) -> u32 {
        self.runs
    }

    /// How much of its box is ink.
    pub(super) fn fill(&self) -> f32 {
        self.area as f32 / (self.width() * self.height()) as f32
    }

    /// The mean thickness of its strokes over its longer side: a blot has 0.4 and more, letters have less.
    pub(super) fn stoutness(&self) -> f32 {
        let thickness = 2.0 * self.area as f32 / self.perimeter as f32;
        thickness / self.width().max(self.height()) as f32
    }

    /// Its perimeter over that of its box: 1 for a bar, an L, a plain curve; more for what turns back.
    pub(super) fn turns(&self) -> f32 {
        self.perimeter as f32 / (2 * (self.width() + self.height())) as f32
    }

    fn can_be_of_text(&self) -> bool {
        let (short, long) = (self.width().min(self.height()), self.width().max(self.height()));
        self.area >= 3 && short <= LETTER_MAX_PX && long <= LENGTH_MAX_PX
    }
}

/// What two halves of a vote agree on: what is common to most, and by how many more than all others (Boyer and Moore).
pub(super) fn majority(a: (u16, u32), b: (u16, u32)) -> (u16, u32) {
    match (a.0 == b.0, a.1 >= b.1) {
        (true, _) => (a.0, a.1 + b.1),
        (false, true) => (a.0, a.1 - b.1),
        (false, false) => (b.0, b.1 - a.1),
    }
}

/// Puts runs together to shapes, row by row.
#[derive(Default)]
pub(super) struct Builder {
    above: Vec<(Run, usize)>,
    current: Vec<(Run, usize)>,
    runs: Vec<Run>,
    /// Which shape a shape has become part of; itself, while it stands alone.
    parents: Vec<usize>,
    open: Vec<Shape>,
    done: Vec<Shape>,
}

impl Builder {
    /// Takes the runs of the next row.
    pub(super) fn row(&mut self, y: usize, fill: impl FnOnce(&mut Vec<Run>)) {
        self.runs.clear();
        fill(&mut self.runs);
        self.current.clear();
        let mut first = 0;
        for index in 0..self.runs.len() {
            let run = self.runs[index];
            let own = self.open.len();
            self.parents.push(own);
            self.open.push(Shape::of(y as u32, run));
            while first < self.above.len() && self.above[first].0.end < run.start {
                first += 1;
            }
            let mut own = own;
            for at in first..self.above.len() {
                let (other, label) = self.above[at];
                if other.start > run.end {
                    break;
                }
                let shared = run.end.min(other.end).saturating_sub(run.start.max(other.start));
                own = self.join(own, label, shared);
            }
            self.current.push((run, own));
        }
        std::mem::swap(&mut self.above, &mut self.current);
    }

    fn root(&mut self, mut label: usize) -> usize {
        while self.parents[label] != label {
            self.parents[label] = self.parents[self.parents[label]];
            label = self.parents[label];
        }
        label
    }

    /// Joins two shapes that share sides of pixels.
    fn join(&mut self, a: usize, b: usize, shared: u32) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        let (kept, gone) = (a.min(b), a.max(b));
        if kept != gone {
            let shape = self.open[gone];
            self.open[kept].join(&shape);
            self.parents[gone] = kept;
        }
        self.open[kept].perimeter -= 2 * shared;
        kept
    }

    /// Puts away the shapes that end above a row, so that memory is bounded by what is open.
    pub(super) fn sweep(&mut self, below: usize) {
        let mut names = vec![usize::MAX; self.open.len()];
        let mut live = Vec::new();
        for (label, shape) in self.open.iter().enumerate().filter(|(label, _)| self.parents[*label] == *label)
        {
            if shape.bottom as usize >= below {
                names[label] = live.len();
                live.push(*shape);
            } else if shape.can_be_of_text() && self.done.len() < SHAPES_MAX {
                self.done.push(*shape);
            }
        }
        for at in 0..self.above.len() {
            let root = self.root(self.above[at].1);
            self.above[at].1 = names[root];
        }
        self.parents = (0..live.len()).collect();
        self.open = live;
    }

    /// All shapes.
    pub(super) fn finish(mut self) -> Vec<Shape> {
        self.above.clear();
        self.sweep(usize::MAX);
        self.done
    }
}
