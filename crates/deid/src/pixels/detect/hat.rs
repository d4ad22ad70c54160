//! What is thinner than a small square, and stands out of the noise around it (white and black top-hat).

use super::level::Level;
use super::shape::{Builder, Run, Shape};

/// A stroke is thinner than this, pixels of the level.
const SQUARE_PX: usize = 7;
const HALF: usize = SQUARE_PX / 2;
/// What an opening at the edge of a tile looks at beyond it: twice half the square; rounded up.
const HALO: usize = 8;
/// A tile with its halo.
const TILE_COLUMNS: usize = 272;
const TILE_ROWS: usize = 128;
const CORE_COLUMNS: usize = TILE_COLUMNS - 2 * HALO;
const CORE_ROWS: usize = TILE_ROWS - 2 * HALO;
/// Noise is measured in cells of this many pixels a side.
pub(super) const CELL: usize = 16;
const CELLS_DOWN: usize = CORE_ROWS / CELL;
/// Ink stands out when its top-hat is this many tenths of the median top-hat of its cell, or as many as the noise of most cells goes.
const NOISE_TENTHS: u32 = 25;
/// and at least so many, for evenly spread noise: that of a dither ends at its median.
const EVEN_TENTHS: u32 = 19;

/// Whether the ink is brighter or darker than what it lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Bright,
    Dark,
}

/// The shapes of an ink: those that stand out of the noise, and those that stand out of half of the strongest nearby, which
/// come apart where a halo of weak ink joins them.
pub(super) fn shapes(level: &Level<'_>, finer: Option<&Level<'_>>, ink: Ink) -> [Vec<Shape>; 2] {
    let mut builders = [Builder::default(), Builder::default()];
    let mut band = Band::new(level.width);
    let mut tile = Tile::default();
    let mut top = 0;
    while top < level.height {
        let left = level.height - top;
        // No band is lower than a cell, but for an image that is.
        let is_last_low = left > CORE_ROWS && left < CORE_ROWS + CELL;
        let rows = if is_last_low { CORE_ROWS - CELL } else { CORE_ROWS.min(left) };
        band.fill(level, ink, top, rows, &mut tile);
        band.measure(rows, level.floor);
        for (which, builder) in builders.iter_mut().enumerate() {
            for y in 0..rows {
                builder.row(top + y, |runs| {
                    band.runs(level, finer.map(|finer| (finer, ink)), which, top, y, runs)
                });
            }
            builder.sweep(top + rows);
        }
        top += rows;
    }
    builders.map(Builder::finish)
}

/// The buffers of one tile.
struct Tile {
    image: Vec<i16>,
    pass: Vec<i16>,
    other: Vec<i16>,
}

impl Default for Tile {
    fn default() -> Self {
        let empty = || vec![0; TILE_COLUMNS * TILE_ROWS];
        Self { image: empty(), pass: empty(), other: empty() }
    }
}

impl Tile {
    /// Takes a tile up, what lies outside the image as deep as can be, so that ink at its edge is still thin. Gives how far
    /// the values were shifted down to fit, or nothing for a flat tile.
    fn load(&mut self, level: &Level<'_>, ink: Ink, left: usize, top: usize, rows: usize) -> Option<u32> {
        let first = left.saturating_sub(HALO);
        let last = (left + CORE_COLUMNS + HALO).min(level.width);
        let from = top.saturating_sub(HALO);
        let to = (top + rows + HALO).min(level.height);
        let (mut low, mut high) = (u16::MAX, 0);
        for y in from..to {
            for &sample in &level.row(y)[first..last] {
                low = low.min(sample);
                high = high.max(sample);
            }
        }
        if low == high {
            return None;
        }
        let shift = u32::from(high - low > i16::MAX as u16);
        let at = HALO + first - left;
        for (row, out) in self.image.chunks_exact_mut(TILE_COLUMNS).take(rows + 2 * HALO).enumerate() {
            let y = top + row;
            if y < HALO + from || y >= HALO + to {
                out.fill(0);
                continue;
            }
            let samples = &level.row(y - HALO)[first..last];
            out[..at].fill(0);
            out[at + samples.len()..].fill(0);
            let out = &mut out[at..at + samples.len()];
            match ink {
                Ink::Bright => {
                    out.iter_mut().zip(samples).for_each(|(o, s)| *o = ((s - low) >> shift) as i16)
                }
                Ink::Dark => out.iter_mut().zip(samples).for_each(|(o, s)| *o = ((high - s) >> shift) as i16),
            }
        }
        Some(shift)
    }

    /// The opening of the tile lies in `pass` afterwards.
    fn open(&mut self, rows: usize) {
        let used = (rows + 2 * HALO) * TILE_COLUMNS;
        let (image, pass, other) = (&mut self.image[..used], &mut self.pass[..used], &mut self.other[..used]);
        along(image, pass, i16::min);
        across(pass, other, i16::min);
        along(other, pass, i16::max);
        across(pass, other, i16::max);
        std::mem::swap(&mut self.pass, &mut self.other);
    }
}

/// The least (or greatest) of seven neighbours of a row: of two, of four, of seven.
fn along(from: &[i16], to: &mut [i16], pick: impl Fn(i16, i16) -> i16 + Copy) {
    let (mut two, mut four) = ([0; TILE_COLUMNS], [0; TILE_COLUMNS]);
    for (row, out) in from.as_chunks::<TILE_COLUMNS>().0.iter().zip(to.as_chunks_mut::<TILE_COLUMNS>().0) {
        for i in 0..TILE_COLUMNS - 1 {
            two[i] = pick(row[i], row[i + 1]);
        }
        for i in 0..TILE_COLUMNS - 3 {
            four[i] = pick(two[i], two[i + 2]);
        }
        for i in 0..TILE_COLUMNS - 6 {
            out[i + HALF] = pick(four[i], four[i + 3]);
        }
    }
}

/// The same down the columns.
fn across(from: &[i16], to: &mut [i16], pick: impl Fn(i16, i16) -> i16 + Copy) {
    let rows = from.as_chunks::<TILE_COLUMNS>().0;
    let out = to.as_chunks_mut::<TILE_COLUMNS>().0;
    for y in HALF..rows.len().saturating_sub(HALF) {
        let window = &rows[y - HALF..=y + HALF];
        let [a, b, c, d, e, f, g] = window else { continue };
        let out = &mut out[y];
        for i in 0..TILE_COLUMNS {
            let ends = pick(pick(a[i], b[i]), pick(f[i], g[i]));
            out[i] = pick(ends, pick(pick(c[i], d[i]), e[i]));
        }
    }
}

/// A row of tiles: its top-hat, and the noise of its cells.
struct Band {
    width: usize,
    stride: usize,
    hat: Vec<u16>,
    cells: usize,
    noise: Vec<Noise>,
    /// The two thresholds of each cell.
    over: [Vec<u16>; 2],
    /// Where the second asks for more than the first, or a neighbour's does: elsewhere its shapes are those of the first.
    stricter: Vec<bool>,
}

/// What is known of the top-hat of a cell.
#[derive(Default, Clone, Copy)]
struct Noise {
    median: u16,
    quartile: u16,
    top: u16,
}

/// The value that so many of these are below, none of them above `top`: found bit by bit, which needs no order.
fn ranked(sample: &[u16; CELL * CELL / 4], rank: u16, top: u16) -> u16 {
    let bits = (0..u16::BITS - top.leading_zeros()).rev();
    bits.fold(0, |value, bit| {
        let next = value | 1 << bit;
        let below: u16 = sample.iter().map(|sample| u16::from(*sample < next)).sum();
        if below <= rank { next } else { value }
    })
}

impl Band {
    fn new(width: usize) -> Self {
        let stride = width.next_multiple_of(CELL);
        let cells = stride / CELL;
        let all = cells * CELLS_DOWN;
        Self {
            width,
            stride,
            hat: vec![0; stride * CORE_ROWS],
            cells,
            noise: vec![Noise::default(); all],
            over: [vec![0; all], vec![0; all]],
            stricter: vec![false; all],
        }
    }

    fn fill(&mut self, level: &Level<'_>, ink: Ink, top: usize, rows: usize, tile: &mut Tile) {
        if rows < CORE_ROWS {
            self.hat[rows * self.stride..].fill(0);
        }
        for left in (0..level.width).step_by(CORE_COLUMNS) {
            let columns = CORE_COLUMNS.min(level.width - left);
            let shift = tile.load(level, ink, left, top, rows);
            if shift.is_some() {
                tile.open(rows);
            }
            for y in 0..rows {
                let out = &mut self.hat[y * self.stride + left..][..columns];
                let Some(shift) = shift else {
                    out.fill(0);
                    continue;
                };
                let from = (y + HALO) * TILE_COLUMNS + HALO;
                let opened = &tile.pass[from..][..columns];
                for (out, (value, opened)) in out.iter_mut().zip(tile.image[from..].iter().zip(opened)) {
                    *out = ((value - opened) as u16) << shift;
                }
            }
        }
    }

    /// Measures the noise of each cell, and sets its thresholds.
    fn measure(&mut self, rows: usize, floor: u32) {
        let down = rows.div_ceil(CELL);
        for cy in 0..down {
            for cx in 0..self.cells {
                self.noise[cy * self.cells + cx] = self.cell(cx, cy, rows);
            }
        }
        let tenths = self.reach(down);
        for cy in 0..down {
            for cx in 0..self.cells {
                let at = cy * self.cells + cx;
                let own = self.noise[at];
                let (mut medians, mut top) = ([0; 9], own.top);
                let columns = cx.saturating_sub(1)..(cx + 2).min(self.cells);
                let near = (cy.saturating_sub(1)..(cy + 2).min(down))
                    .flat_map(|y| &self.noise[y * self.cells..][columns.clone()]);
                for (median, cell) in medians.iter_mut().zip(near) {
                    *median = cell.median;
                    top = top.max(cell.top);
                }
                // Where noise meets a flat border, three of nine cells know of it.
                let (_, third, _) = medians.select_nth_unstable(6);
                let noise = own.median.max(*third);
                let times = |noise: u16| u32::from(noise) * tenths / 10;
                // Noise cut off at black has a median of none: there half of the strongest is asked for.
                let over = times(noise).max(times(own.quartile).min(u32::from(own.top / 2)));
                let over = over.max(floor);
                self.over[0][at] = over.min(u32::from(u16::MAX)) as u16;
                self.over[1][at] = self.over[0][at].max(top / 2);
            }
        }
        self.stricter.fill(false);
        for cy in 0..down {
            for cx in 0..self.cells {
                let at = cy * self.cells + cx;
                if self.over[1][at] > self.over[0][at] {
                    for y in cy.saturating_sub(1)..(cy + 2).min(down) {
                        let columns = cx.saturating_sub(1)..(cx + 2).min(self.cells);
                        self.stricter[y * self.cells..][columns].fill(true);
                    }
                }
            }
        }
    }

    /// How far the noise of this band goes, in tenths of its median, and a tenth of that more: evenly spread noise ends somewhere.
    fn reach(&self, down: usize) -> u32 {
        let cells = self.noise[..down * self.cells].iter().filter(|cell| cell.median > 0);
        let mut tenths: Vec<u32> =
            cells.map(|cell| u32::from(cell.top) * 11 / u32::from(cell.median)).collect();
        if tenths.is_empty() {
            return NOISE_TENTHS;
        }
        let middle = tenths.len() / 2;
        let (_, usual, _) = tenths.select_nth_unstable(middle);
        (*usual).clamp(EVEN_TENTHS, NOISE_TENTHS)
    }

    /// The noise of one cell, from a quarter of its pixels. A cell that the image ends in is measured further inside.
    fn cell(&self, cx: usize, cy: usize, rows: usize) -> Noise {
        let left = (cx * CELL).min(self.width.saturating_sub(CELL));
        let upper = (cy * CELL).min(rows.saturating_sub(CELL));
        let mut top = 0;
        let mut sample = [0u16; CELL * CELL / 4];
        for y in 0..CELL {
            let row = &self.hat[(upper + y) * self.stride + left..][..CELL];
            top = row.iter().fold(top, |top, value| top.max(*value));
            if y % 2 == 0 {
                let out = &mut sample[y / 2 * (CELL / 2)..][..CELL / 2];
                let skew = y / 2 % 2;
                for (i, out) in out.iter_mut().enumerate() {
                    *out = row[2 * i + skew];
                }
            }
        }
        if top == 0 {
            return Noise::default();
        }
        let [median, quartile] =
            [2, 3].map(|quarter| ranked(&sample, (sample.len() / 4 * quarter) as u16, top));
        Noise { median, quartile, top }
    }

    /// The runs of ink in a row of the band.
    fn runs(
        &self,
        level: &Level<'_>,
        finer: Option<(&Level<'_>, Ink)>,
        which: usize,
        top: usize,
        y: usize,
        runs: &mut Vec<Run>,
    ) {
        let hat = &self.hat[y * self.stride..][..self.stride];
        let over = &self.over[which][y / CELL * self.cells..][..self.cells];
        let noise = &self.noise[y / CELL * self.cells..][..self.cells];
        let stricter = &self.stricter[y / CELL * self.cells..][..self.cells];
        let mut open: Option<usize> = None;
        let close = |start: usize, end: usize, runs: &mut Vec<Run>| {
            let mut run = Run::new(hat, level.row(top + y), over[start / CELL], start, end);
            if let Some((finer, ink)) = finer {
                run.look_closer(finer, ink, level.gain, top + y);
            }
            runs.push(run);
        };
        for (cell, segment) in hat.as_chunks::<CELL>().0.iter().enumerate() {
            let limit = over[cell];
            let any = (which == 0 || stricter[cell])
                && noise[cell].top > limit
                && segment.iter().fold(false, |any, value| any | (*value > limit));
            if !any {
                if let Some(start) = open.take() {
                    close(start, cell * CELL, runs);
                }
                continue;
            }
            for (i, value) in segment.iter().enumerate() {
                let x = cell * CELL + i;
                match (open, *value > limit) {
                    (None, true) => open = Some(x),
                    (Some(start), false) => {
                        close(start, x, runs);
                        open = None;
                    }
                    _ => {}
                }
            }
        }
        if let Some(start) = open {
            close(start, level.width, runs);
        }
    }
}
