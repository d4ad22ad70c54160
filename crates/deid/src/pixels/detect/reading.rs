//! What a line says, as far as its shapes can be read one by one.

use super::line::{Kind, Mark, Page, is_letter};
use super::marker::Sign;
use super::reader::{self, Patch};
use std::cmp::Reverse;
use std::ops::RangeInclusive;

/// A line that says a marker has no more shapes.
const MARKER_SHAPES_MAX: usize = 24;
/// The paper between two words, over the height of their letters.
const WORD_GAP: f32 = 0.5;
/// No letter is more certain than this, nor less than the contrary.
const CERTAIN: f32 = 0.999;

/// A letter is so many tenths of its height wide where letters touch.
const CUT_TENTHS: RangeInclusive<u32> = 4..=14;
/// A cut that has lost more than this in a square of its height is not followed: a letter that cannot be read loses less.
const CUT_LOSS_MAX: f32 = 3.0;
/// Of a shape so many times longer than high the rest is not read: it says no more.
const CUT_HEIGHTS_MAX: u32 = 5;

/// What is less likely none than this has been read,
const NONE_MAX: f32 = 0.2;
/// and so many letters tell how high the others are.
const READ_MIN: usize = 3;

/// The two ways in which a line can run, in quarters by which its letters have to be turned to stand upright, and whether
/// its first letter is then the last along the axis.
fn ways(upright: bool) -> [(u32, bool); 2] {
    if upright { [(0, false), (2, true)] } else { [(3, false), (1, true)] }
}

/// How much the shapes of a group look like letters, the better of two ways: the mean logarithm of how much likelier each is
/// one than none. Nothing where less than half of them can be read.
pub(super) fn likeness(page: &Page<'_>, marks: &[Mark], group: &[usize], upright: bool) -> Option<f32> {
    let letters = || group.iter().map(|at| &marks[*at]).filter(|mark| matches!(mark.kind, Kind::Letters(_)));
    let patches: Vec<Patch> =
        letters().filter(|mark| is_letter(&mark.shape)).map(|mark| patch(page, mark)).collect();
    if patches.is_empty() || patches.len() * 2 < letters().count() {
        return None;
    }
    let [one, other] = ways(upright).map(|(quarters, _)| {
        patches.iter().map(|patch| odds(patch, quarters)).sum::<f32>() / patches.len() as f32
    });
    Some(one.max(other))
}

/// How much likelier a patch is a letter than none, as a logarithm.
fn odds(patch: &Patch, quarters: u32) -> f32 {
    let none = reader::read(&reader::turned(patch, quarters)).none.clamp(1.0 - CERTAIN, CERTAIN);
    ((1.0 - none) / none).ln()
}

/// How much a group looks like letters if each of its shapes is cut into those that read best: the mean along the line, the better
/// of two ways.
pub(super) fn likeness_cut(page: &Page<'_>, marks: &[Mark], group: &[usize], upright: bool) -> f32 {
    let letters = group.iter().map(|at| &marks[*at]).filter(|mark| matches!(mark.kind, Kind::Letters(_)));
    let mut letters: Vec<&Mark> = letters.collect();
    letters.sort_by_key(|mark| Reverse(mark.length()));
    let (mut sums, mut length) = ([0.0f32; 2], 0.0);
    for mark in letters {
        let read = mark.length().min(mark.height() * CUT_HEIGHTS_MAX);
        let odds = cut(page, mark, upright, read);
        sums = [sums[0] + odds[0], sums[1] + odds[1]];
        length += read as f32;
        // Where the longest is no word, the others make none of it.
        if sums[0].max(sums[1]) < 0.0 {
            break;
        }
    }
    sums[0].max(sums[1]) / length
}

/// The best cut of a shape, one way and the other: the sum of how much each letter looks like one, times its width.
fn cut(page: &Page<'_>, mark: &Mark, upright: bool, length: u32) -> [f32; 2] {
    // The best up to each place.
    let mut best = vec![[f32::NEG_INFINITY; 2]; length as usize + 1];
    best[0] = [0.0; 2];
    for from in 0..length {
        let before = best[from as usize];
        let hopeless = -CUT_LOSS_MAX * mark.height() as f32;
        if before[0].max(before[1]) < hopeless {
            continue;
        }
        let fits = |width: &u32| CUT_TENTHS.contains(&(width * 10 / mark.height())) || *width == length;
        for to in (1..=length - from).filter(fits).map(|width| from + width) {
            let patch = reader::patch(page.level, &mark.piece(upright, from, to), page.ink);
            for (way, (quarters, _)) in ways(upright).into_iter().enumerate() {
                let sum = before[way] + odds(&patch, quarters) * (to - from) as f32;
                best[to as usize][way] = best[to as usize][way].max(sum);
            }
        }
    }
    best[length as usize]
}

/// A group without what no reader takes for a letter and what is half as high again as the letters beside it: a rib or the rim of
/// the heart behind a word. What has their height stays, for letters that touch are no letter to the reader either.
pub(super) fn without_strangers(
    page: &Page<'_>,
    marks: &[Mark],
    group: Vec<usize>,
    upright: bool,
) -> Vec<usize> {
    let is_read = |mark: &Mark| {
        let none = |(quarters, _)| reader::read(&reader::turned(&patch(page, mark), quarters)).none;
        is_letter(&mark.shape) && ways(upright).map(none).into_iter().any(|none| none < NONE_MAX)
    };
    let (read, rest): (Vec<usize>, Vec<usize>) = group.iter().partition(|at| is_read(&marks[**at]));
    let mut heights: Vec<u32> = read.iter().map(|at| marks[*at].height()).collect();
    heights.sort_unstable();
    let (Some(height), true) = (heights.get(heights.len() / 2), heights.len() >= READ_MIN) else {
        return group;
    };
    let is_stranger = |at: &usize| marks[*at].height() * 2 > height * 3;
    read.into_iter().chain(rest.into_iter().filter(|at| !is_stranger(at))).collect()
}

/// Whether a group says nothing but markers.
pub(super) fn is_marker(page: &Page<'_>, marks: &[Mark], group: &[usize], upright: bool) -> bool {
    if page.markers.is_empty() || group.len() > MARKER_SHAPES_MAX {
        return false;
    }
    let mut line: Vec<&Mark> = group.iter().map(|at| &marks[*at]).collect();
    line.sort_unstable_by_key(|mark| mark.left);
    ways(upright).into_iter().any(|(quarters, is_backwards)| {
        words(page, &line, quarters, is_backwards).is_some_and(|words| page.markers.are_all(&words))
    })
}

/// The words of a line; nothing where some of it cannot be read.
fn words(page: &Page<'_>, line: &[&Mark], quarters: u32, is_backwards: bool) -> Option<Vec<Vec<Sign>>> {
    let height = line.iter().map(|mark| mark.height()).max()?;
    let mut words: Vec<Vec<Sign>> = Vec::new();
    let mut end = 0;
    for mark in line {
        let sign = match mark.kind {
            Kind::Letters(_) if is_letter(&mark.shape) => {
                Sign::Letter(reader::read(&reader::turned(&patch(page, mark), quarters)))
            }
            Kind::Stroke if mark.height() * 10 > height * 7 => Sign::Stroke,
            _ => return None,
        };
        let is_apart = mark.left.saturating_sub(end) as f32 >= height as f32 * WORD_GAP;
        match words.last_mut() {
            Some(word) if !is_apart => word.push(sign),
            _ => words.push(vec![sign]),
        }
        end = mark.right;
    }
    if is_backwards {
        words.reverse();
        words.iter_mut().for_each(|word| word.reverse());
    }
    Some(words)
}

fn patch(page: &Page<'_>, mark: &Mark) -> Patch {
    reader::patch(page.level, &mark.shape, page.ink)
}
