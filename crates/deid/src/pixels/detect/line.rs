//! Lines of text: shapes of one height and one ink, side by side, and when they are enough to be taken for text.

use super::judge;
use super::level::Level;
use super::shape::Shape;
use crate::pixels::region::Region;

/// What fills less of its box than this is a frame or a rim around something.
const FRAME_FILL: f32 = 0.12;

/// Letters higher than this part of an image's longer side are no writing on it,
const IMAGE_SHARE_MAX: usize = 4;
/// unless the image is so small that they are this high, in pixels.
const HEIGHT_ALWAYS_PX: u32 = 24;

/// A box in pixels of the image, one past its last column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

/// What a shape can be in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// This many letters; more than one where letters touch.
    Letters(u32),
    /// A stroke: `I`, `l`, `-`; also the edge of anything.
    Stroke,
    /// A dot, a piece of a letter, a blot.
    Speck,
}

/// A shape as seen along the line.
#[derive(Clone, Copy)]
struct Mark {
    shape: Shape,
    kind: Kind,
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Mark {
    fn height(&self) -> u32 {
        self.bottom - self.top
    }
}

/// The lines among the shapes of one ink: those that run across, then those that run down.
///
/// `finer`: what finer levels found. A line that they explain is not found again, with the coarse surroundings that it has here.
pub(super) fn lines(level: &Level<'_>, shapes: Vec<Shape>, finer: &[Bounds]) -> Vec<Bounds> {
    let mut boxes = Vec::new();
    let height_max =
        ((level.width.max(level.height) / IMAGE_SHARE_MAX) as u32).max(HEIGHT_ALWAYS_PX >> level.reduction);
    let mut rest = shapes;
    for upright in [true, false] {
        let mut marks: Vec<Mark> = rest.iter().filter_map(|shape| mark(shape, upright)).collect();
        marks.sort_unstable_by_key(|mark| (mark.left, mark.top));
        let mut taken = vec![false; marks.len()];
        for group in groups(&marks) {
            let is_huge = group.iter().any(|at| marks[*at].height() > height_max);
            if !is_huge && is_text(&marks, &group, level.reduction) {
                let is_explained = covered(finer, &around(level, &marks, &group, upright, false));
                let group = grown(&marks, group);
                group.iter().for_each(|at| taken[*at] = true);
                if !is_explained {
                    boxes.push(around(level, &marks, &group, upright, true));
                }
            }
        }
        rest = marks.iter().zip(taken).filter(|(_, taken)| !taken).map(|(mark, _)| mark.shape).collect();
    }
    boxes
}

fn mark(shape: &Shape, upright: bool) -> Option<Mark> {
    let kind = kind(shape)?;
    let Shape { left, top, right, bottom, .. } = *shape;
    let shape = *shape;
    Some(if upright {
        Mark { shape, kind, left, top, right, bottom }
    } else {
        Mark { shape, kind, left: top, top: left, right: bottom, bottom: right }
    })
}

fn kind(shape: &Shape) -> Option<Kind> {
    let (short, long) = (shape.width().min(shape.height()), shape.width().max(shape.height()));
    if shape.sharpness() < 0.45 {
        return None;
    }
    if long < 5 {
        return Some(Kind::Speck);
    }
    let slender = long > 3 * short;
    if shape.fill() > 0.85 || (short < 3 && slender) {
        return (long <= 64 && short <= 12).then_some(if slender { Kind::Stroke } else { Kind::Speck });
    }
    if shape.fill() < FRAME_FILL {
        return None;
    }
    if slender && shape.turns() < 1.4 {
        return (long <= 64).then_some(Kind::Stroke);
    }
    if shape.stoutness() > 0.27 {
        return Some(Kind::Speck);
    }
    Some(Kind::Letters(((long * 10 / short.max(1) + 3) / 8).max(1)))
}

/// Shapes that are linked side by side, by their places in `marks`, which lie in order of their left ends.
fn groups(marks: &[Mark]) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..marks.len()).collect();
    fn root(parents: &mut [usize], mut at: usize) -> usize {
        while parents[at] != at {
            parents[at] = parents[parents[at]];
            at = parents[at];
        }
        at
    }
    for (i, one) in marks.iter().enumerate() {
        if one.kind == Kind::Speck {
            continue;
        }
        let reach = one.right + 2 * one.height() + 4;
        for (j, other) in marks.iter().enumerate().skip(i + 1).take_while(|(_, other)| other.left <= reach) {
            if other.kind != Kind::Speck && side_by_side(one, other) {
                let (a, b) = (root(&mut parents, i), root(&mut parents, j));
                parents[a.max(b)] = a.min(b);
            }
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); marks.len()];
    for (at, mark) in marks.iter().enumerate() {
        if mark.kind != Kind::Speck {
            let root = root(&mut parents, at);
            groups[root].push(at);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Whether two shapes can be neighbours in a line: `one` begins first.
fn side_by_side(one: &Mark, other: &Mark) -> bool {
    let (low, high) = (one.height().min(other.height()), one.height().max(other.height()));
    let gap = other.left.saturating_sub(one.right);
    let shared = one.bottom.min(other.bottom).saturating_sub(one.top.max(other.top));
    let (a, b) = (one.shape.contrast(), other.shape.contrast());
    let is_letter = |mark: &Mark| matches!(mark.kind, Kind::Letters(_));
    gap * 10 <= high * 13 + 10
        && shared * 2 > low
        && (high * 10 <= low * 22 || !(is_letter(one) && is_letter(other)))
        && a.min(b) * 2.2 > a.max(b)
}

/// Whether a group is text.
fn is_text(marks: &[Mark], group: &[usize], reduction: u32) -> bool {
    let (mut letters, mut count, mut height) = (Vec::new(), 0, 0);
    for at in group {
        let mark = &marks[*at];
        if let Kind::Letters(number) = mark.kind {
            letters.push(&mark.shape);
            count += number.min(8);
            height = height.max(mark.height());
        }
    }
    judge::is_text(&letters, count, height, reduction)
}

/// A line with what goes on at its ends: dots, strokes, blots, another word.
fn grown(marks: &[Mark], mut group: Vec<usize>) -> Vec<usize> {
    let height = group.iter().map(|at| marks[*at].height()).max().unwrap_or(0);
    let contrast = group.iter().map(|at| marks[*at].shape.contrast()).sum::<f32>() / group.len() as f32;
    let ends = |group: &[usize]| {
        group.iter().map(|at| &marks[*at]).fold((u32::MAX, u32::MAX, 0, 0), |ends, mark| {
            (ends.0.min(mark.left), ends.1.min(mark.top), ends.2.max(mark.right), ends.3.max(mark.bottom))
        })
    };
    loop {
        let (left, top, right, bottom) = ends(&group);
        let before = group.len();
        for (at, mark) in marks.iter().enumerate().take_while(|(_, mark)| mark.left <= right + 2 * height) {
            let reach = if matches!(mark.kind, Kind::Letters(_)) { height * 16 / 10 } else { height };
            let shared = bottom.min(mark.bottom).saturating_sub(top.max(mark.top));
            let fits = mark.right + reach >= left
                && mark.left <= right + reach
                && shared * 2 > mark.height()
                && mark.height() * 10 <= height * 14
                && (contrast * 0.4..contrast * 2.5).contains(&mark.shape.contrast());
            if fits && !group.contains(&at) {
                group.push(at);
            }
        }
        if group.len() == before {
            return group;
        }
    }
}

/// Whether at least two fifths of a box lie in others.
fn covered(others: &[Bounds], bounds: &Bounds) -> bool {
    let shared = |other: &Bounds| {
        let across = bounds.right.min(other.right).saturating_sub(bounds.left.max(other.left));
        let down = bounds.bottom.min(other.bottom).saturating_sub(bounds.top.max(other.top));
        u64::from(across) * u64::from(down)
    };
    let area = u64::from(bounds.right - bounds.left) * u64::from(bounds.bottom - bounds.top);
    others.iter().map(shared).sum::<u64>() * 5 >= area * 2
}

/// The box of a line in pixels of the image; `roomy`: with room for what was too faint or too small to be a shape.
fn around(level: &Level<'_>, marks: &[Mark], group: &[usize], upright: bool, roomy: bool) -> Bounds {
    let of = || group.iter().map(|at| &marks[*at]);
    let left = of().map(|mark| mark.left).min().unwrap_or(0);
    let top = of().map(|mark| mark.top).min().unwrap_or(0);
    let right = of().map(|mark| mark.right).max().unwrap_or(0);
    let bottom = of().map(|mark| mark.bottom).max().unwrap_or(0);
    let height = bottom - top;
    let (ends, sides) = if roomy { (2 + height * 3 / 4, 2 + height * 3 / 10) } else { (0, 0) };
    let (left, right) = (left.saturating_sub(ends), right + ends);
    let (top, bottom) = (top.saturating_sub(sides), bottom + sides);
    let scale = |value: u32| value << level.reduction;
    if upright {
        Bounds { left: scale(left), top: scale(top), right: scale(right), bottom: scale(bottom) }
    } else {
        Bounds { left: scale(top), top: scale(left), right: scale(bottom), bottom: scale(right) }
    }
}

/// Boxes of the same line become one; what lies beyond the image is cut off.
pub(super) fn merged(mut boxes: Vec<Bounds>, width: usize, height: usize) -> Vec<Region> {
    for bounds in &mut boxes {
        bounds.right = bounds.right.min(width as u32);
        bounds.bottom = bounds.bottom.min(height as u32);
    }
    boxes.retain(|bounds| bounds.left < bounds.right && bounds.top < bounds.bottom);
    let mut kept: Vec<Bounds> = Vec::new();
    for mut bounds in boxes {
        while let Some(at) = kept.iter().position(|other| one_line(&bounds, other)) {
            let other = kept.swap_remove(at);
            bounds = Bounds {
                left: bounds.left.min(other.left),
                top: bounds.top.min(other.top),
                right: bounds.right.max(other.right),
                bottom: bounds.bottom.max(other.bottom),
            };
        }
        kept.push(bounds);
    }
    kept.sort_unstable_by_key(|bounds| (bounds.top, bounds.left));
    kept.iter()
        .map(|bounds| Region {
            left: bounds.left,
            top: bounds.top,
            width: bounds.right - bounds.left,
            height: bounds.bottom - bounds.top,
        })
        .collect()
}

/// Whether one box holds nearly all of the other, or they are pieces of one line.
fn one_line(a: &Bounds, b: &Bounds) -> bool {
    let shared = |low_a: u32, high_a: u32, low_b: u32, high_b: u32| {
        u64::from(high_a.min(high_b).saturating_sub(low_a.max(low_b)))
    };
    let across = shared(a.left, a.right, b.left, b.right);
    let down = shared(a.top, a.bottom, b.top, b.bottom);
    let area =
        |bounds: &Bounds| u64::from(bounds.right - bounds.left) * u64::from(bounds.bottom - bounds.top);
    let most = |shared: u64, one: u32, other: u32| shared * 10 >= u64::from(one.max(other)) * 7;
    across * down * 10 >= area(a).min(area(b)) * 8
        || (across > 0 && most(down, a.bottom - a.top, b.bottom - b.top))
        || (down > 0 && most(across, a.right - a.left, b.right - b.left))
}
