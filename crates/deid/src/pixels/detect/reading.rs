//! What a line says, as far as its shapes can be read one by one.

use super::line::{Kind, Mark, Page, is_letter};
use super::marker::Sign;
use super::reader::{self, Patch};

/// A line that says a marker has no more shapes.
const MARKER_SHAPES_MAX: usize = 24;
/// The paper between two words, over the height of their letters.
const WORD_GAP: f32 = 0.5;
/// No letter is more certain than this, nor less than the contrary.
const CERTAIN: f32 = 0.999;

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
    let way = |(quarters, _): (u32, bool)| {
        let odds = |patch: &Patch| {
            let none = reader::read(&reader::turned(patch, quarters)).none.clamp(1.0 - CERTAIN, CERTAIN);
            ((1.0 - none) / none).ln()
        };
        patches.iter().map(odds).sum::<f32>() / patches.len() as f32
    };
    let [one, other] = ways(upright).map(way);
    Some(one.max(other))
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
