//! Bar codes: bars and spaces of several widths and two shades, which go on from line to line.
//!
//! Nothing here reads them: a code says a number, and where the number under it was blanked, the code says it still.

use super::level::{Level, ends};
use super::line::Bounds;
use std::ops::Range;

/// One of so many rows and columns is looked along, and so many that follow each other must agree. A dither repeats itself every 2, 4 or 8.
const STEP: usize = 5;
const LINES: usize = 4;
/// Edges of one code, at least: Code 39 has ten a character and two asterisks, Code 128 six and nineteen more.
const EDGES_MIN: usize = 24;
/// No bar and no space is wider, in pixels; a reduction shows those that are.
const WIDTH_MAX: u32 = 16;
/// The same edge in the next line, at most so many pixels to either side; none beside a bar or a space of one pixel.
const SHIFT_MAX: u32 = 1;
/// One of so many edges may be missing on one of the lines.
const MISSED_OF: usize = 8;
/// Light and dark are apart by one of so many parts of what the image shows.
const RANGE_OF: i32 = 6;
/// What fewer of so many pixels exceed is not what it shows.
const OUTLIERS_OF: usize = 500;
/// Pixels of which that is found out.
const LOOKED_AT: usize = 1 << 14;
/// Wide lights differ from each other by one of so many parts of the contrast on average, and so do wide darks. A scanner blurs the narrow.
const UNEVEN_OF: i32 = 8;
/// One of so many bars, or spaces, differs from the next by so many pixels or more: those of grids and rulers do not.
const VARIED_OF: usize = 16;
const VARIED_PX: u32 = 2;
/// A code is so many times as high as its bars are wide.
const HEIGHT_WIDTHS: usize = 5;
/// An image of more is one as a whole.
pub(super) const CODES_MAX: usize = 100;
/// What is blanked beyond the outermost edges, and beyond the lines that agree: one row that is left says all of a code.
const MARGIN_ALONG: u32 = 8;
const MARGIN_ACROSS: u32 = (LINES * STEP) as u32;

/// Where light begins, or dark.
#[derive(Clone, Copy)]
struct Edge {
    at: u32,
    rises: bool,
    /// The lightest or darkest value behind it.
    level: i32,
}

/// A code as some lines show it.
struct Stretch {
    along: Range<u32>,
    lines: Range<usize>,
    /// Of bars and spaces.
    mean_width: usize,
}

/// Where bar codes stand, upright and lying, in pixels of the image.
pub(super) fn codes(level: &Level<'_>) -> Vec<Bounds> {
    let Some(turn) = contrast_min(level) else { return Vec::new() };
    let row = |n: usize| edges(level.row(n * STEP), turn);
    let column =
        |n: usize| edges(&(0..level.height).map(|y| level.row(y)[n * STEP]).collect::<Vec<_>>(), turn);
    let rows = lines(level.height.div_ceil(STEP), row);
    let columns = lines(level.width.div_ceil(STEP), column);
    let across = stretches(rows).into_iter().map(|found| roomy(&found));
    let down = stretches(columns).into_iter().map(|found| roomy(&found)).map(|(y, x)| (x, y));
    let scale = |value: u32| value << level.reduction;
    across
        .chain(down)
        .map(|(x, y)| Bounds {
            left: scale(x.start),
            top: scale(y.start),
            right: scale(x.end),
            bottom: scale(y.end),
        })
        .collect()
}

/// The edges of so many lines. Of those that must agree one is looked at first, then whether its neighbours but one go on alike:
/// of these three two are in each window of lines. Where they do not, the others are not looked at.
fn lines(count: usize, line: impl Fn(usize) -> Vec<Edge>) -> impl Iterator<Item = Vec<Edge>> {
    let mut ahead: Option<Vec<Edge>> = None;
    let mut is_worth = |first: usize| {
        let behind = ahead.take();
        let own = line(first);
        if own.len() < EDGES_MIN {
            return false;
        }
        let neighbour = |n: usize| if n < count { line(n) } else { Vec::new() };
        let mut pair = [own, neighbour(first + LINES / 2)];
        let goes_on = !same(&pair, 0..0).is_empty();
        ahead = Some(std::mem::take(&mut pair[1]));
        goes_on || {
            pair[1] = behind.unwrap_or_else(|| neighbour(first - LINES / 2));
            !same(&pair, 0..0).is_empty()
        }
    };
    let firsts = (LINES - 1..count).step_by(LINES);
    let is_worth: Vec<bool> = firsts.map(&mut is_worth).collect();
    (0..count).map(move |n| {
        let of = n / LINES;
        let is_looked_at = is_worth.get(of) == Some(&true) || (of > 0 && is_worth[of - 1]);
        if is_looked_at { line(n) } else { Vec::new() }
    })
}

/// Along and across the lines, with all that may belong to it.
fn roomy(found: &Stretch) -> (Range<u32>, Range<u32>) {
    let line = |line: usize| (line * STEP) as u32;
    let (from, to) = (line(found.lines.start), line(found.lines.end));
    (
        found.along.start.saturating_sub(MARGIN_ALONG)..found.along.end + MARGIN_ALONG,
        from.saturating_sub(MARGIN_ACROSS)..to + MARGIN_ACROSS,
    )
}

/// The least contrast that counts; `None` where the image is of one value.
fn contrast_min(level: &Level<'_>) -> Option<i32> {
    let pixels = level.width * level.height;
    let every = (pixels / LOOKED_AT).max(1) | 1;
    let at = |n: usize| level.row(n / level.width)[n % level.width];
    let mut looked: Vec<u16> = (0..pixels).step_by(every).map(at).collect();
    let beyond = looked.len() / OUTLIERS_OF;
    let last = looked.len().checked_sub(1 + beyond)?;
    let low = *looked.select_nth_unstable(beyond).1;
    let high = *looked.select_nth_unstable(last).1;
    let (low, high) = if low < high { (low, high) } else { ends(&looked) };
    (low < high).then(|| (i32::from(high - low) / RANGE_OF).max(1))
}

/// The edges of a line: between a low and a high that are so far apart, where it passes the middle.
fn edges(line: &[u16], turn: i32) -> Vec<Edge> {
    let turns = turns(line, turn);
    let between = |pair: &[(usize, i32)]| {
        let [(from, low), (to, high)] = [pair[0], pair[1]];
        let passes = |value: &u16| (2 * i32::from(*value) - low - high).signum() == (high - low).signum();
        let at = line[from..=to].iter().position(passes).map_or(to, |skip| from + skip);
        Edge { at: at as u32, rises: high > low, level: high }
    };
    turns.windows(2).map(between).collect()
}

/// The lows and highs of a line, in turn.
fn turns(line: &[u16], turn: i32) -> Vec<(usize, i32)> {
    let mut found = Vec::new();
    let (mut extreme, mut sign) = ((0, line.first().map_or(0, |value| i32::from(*value))), 1);
    for (at, value) in line.iter().map(|value| i32::from(*value)).enumerate() {
        if sign * (value - extreme.1) >= 0 {
            extreme = (at, value);
        } else if sign * (extreme.1 - value) >= turn {
            found.push(extreme);
            (extreme, sign) = ((at, value), -sign);
        }
    }
    found.push(extreme);
    found
}

/// What goes on, the same, over some lines and is high enough. No more than are counted.
fn stretches(lines: impl Iterator<Item = Vec<Edge>>) -> Vec<Stretch> {
    let is_high = |found: &Stretch| (found.lines.len() - 1) * STEP >= HEIGHT_WIDTHS * found.mean_width;
    let (mut open, mut done): (Vec<Stretch>, Vec<Stretch>) = (Vec::new(), Vec::new());
    let mut window: Vec<Vec<Edge>> = Vec::with_capacity(LINES);
    for (end, line) in (1..).zip(lines) {
        if window.len() == LINES {
            window.remove(0);
        }
        window.push(line);
        if window.len() < LINES || done.len() > CODES_MAX {
            continue;
        }
        let lines = end - LINES..end;
        done.extend(open.extract_if(.., |old| old.lines.end + 1 < lines.start).filter(is_high));
        for new in same(&window, lines) {
            let goes_on = |old: &&mut Stretch| {
                let shared =
                    old.along.end.min(new.along.end).saturating_sub(old.along.start.max(new.along.start));
                2 * shared >= new.along.end - new.along.start
            };
            match open.iter_mut().find(goes_on) {
                Some(old) => {
                    old.along = old.along.start.min(new.along.start)..old.along.end.max(new.along.end);
                    old.lines.end = new.lines.end;
                }
                None => open.push(new),
            }
        }
    }
    done.extend(open.into_iter().filter(is_high));
    done
}

/// The codes that all lines of a window show alike.
fn same(window: &[Vec<Edge>], lines: Range<usize>) -> Vec<Stretch> {
    let [first, others @ ..] = window else { return Vec::new() };
    if window.iter().any(|line| line.len() < EDGES_MIN) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = vec![0; others.len()];
    let mut run: Vec<Edge> = Vec::new();
    let mut missed = 0;
    let mut end = |run: &mut Vec<Edge>| {
        if let Some(mean_width) = is_code(run) {
            let along = run[0].at..run[run.len() - 1].at;
            found.push(Stretch { along, lines: lines.clone(), mean_width });
        }
        run.clear();
    };
    for (nth, edge) in first.iter().enumerate() {
        let is_near =
            |other: Option<&Edge>| other.is_some_and(|other| other.at.abs_diff(edge.at) <= SHIFT_MAX);
        let is_beside =
            is_near(nth.checked_sub(1).and_then(|before| first.get(before))) || is_near(first.get(nth + 1));
        let shift = if is_beside { 0 } else { SHIFT_MAX };
        let is_there = others.iter().zip(&mut at).all(|(line, at)| {
            *at += line[*at..].iter().take_while(|other| other.at + shift < edge.at).count();
            let near = line[*at..].iter().take_while(|other| other.at <= edge.at + shift);
            near.into_iter().any(|other| other.rises == edge.rises)
        });
        if run.last().is_some_and(|last| edge.at - last.at > WIDTH_MAX) || missed * MISSED_OF > run.len() {
            end(&mut run);
            missed = 0;
        }
        if is_there {
            run.push(*edge);
        } else {
            missed += 1;
        }
    }
    end(&mut run);
    found
}

/// Whether these edges are those of a code, and how wide its bars and spaces are on average.
fn is_code(edges: &[Edge]) -> Option<usize> {
    if edges.len() < EDGES_MIN {
        return None;
    }
    let widths: Vec<u32> = edges.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    let total = widths.iter().sum::<u32>() as usize;
    let varied = widths.windows(3).filter(|three| three[0].abs_diff(three[2]) >= VARIED_PX).count();
    let spread = |rises: bool| {
        let own = || edges.iter().zip(&widths).filter(move |(edge, _)| edge.rises == rises);
        let widest = own().map(|(_, width)| *width).max().unwrap_or(0);
        let is_wide = |width: u32| width == widest || width as usize * widths.len() * 10 >= 14 * total;
        let levels = own().filter(|(_, width)| is_wide(**width)).map(|(edge, _)| i64::from(edge.level));
        let n = levels.clone().count().max(1) as i64;
        let average = levels.clone().sum::<i64>() / n;
        (average as i32, (levels.map(|level| (level - average).abs()).sum::<i64>() / n) as i32)
    };
    let ((light, lights_differ), (dark, darks_differ)) = (spread(true), spread(false));
    let is_even = lights_differ.max(darks_differ) * UNEVEN_OF <= light - dark;
    (is_even && varied * VARIED_OF >= widths.len()).then_some(total / widths.len())
}

#[cfg(test)]
mod tests;
