//! Lines of text: shapes of one height and one ink, side by side, and when they are enough to be taken for text.

use super::hat::Ink;
use super::judge;
use super::level::Level;
use super::marker::Markers;
use super::reading;
use super::shape::Shape;
use crate::pixels::region::Region;

/// What fills less of its box than this is a frame or a rim around something.
const FRAME_FILL: f32 = 0.12;

/// Letters higher than this part of an image's longer side are no writing on it,
const IMAGE_SHARE_MAX: usize = 4;
/// unless the image is so small that they are this high, in pixels.
const HEIGHT_ALWAYS_PX: u32 = 24;

/// or it is a marker, if this much of it lies in what reads as one.
const MARKER_SHARE: f64 = 0.9;
/// The height of a line is this many times that of a dot.
const DOTS: u32 = 6;
/// A letter is no longer than this many tenths of what it is wide.
const LETTER_SLENDER_TENTHS: u32 = 26;

/// An ink of a level, and what may stay.
pub(super) struct Page<'a> {
    pub(super) level: &'a Level<'a>,
    pub(super) ink: Ink,
    pub(super) markers: &'a Markers,
    /// The level is a plane of ink of one value: of nothing but what its shapes look like.
    pub(super) is_solid: bool,
}

/// A line of which this much lies in what finer levels found, is explained by it;
const FINER_SHARE: f64 = 0.4;
/// or this much in what its own level found.
const SAME_SHARE: f64 = 0.8;

/// A box in pixels of the image, one past its last column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
}

impl Bounds {
    fn area(&self) -> u64 {
        u64::from(self.right - self.left) * u64::from(self.bottom - self.top)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// The box around both.
    fn with(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// What a shape can be in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// This many letters; more than one where letters touch.
    Letters(u32),
    /// A stroke: `I`, `l`, `-`; also the edge of anything.
    Stroke,
    /// A dot, a piece of a letter, a blot.
    Speck,
}

/// A shape as seen along the line.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) shape: Shape,
    pub(super) kind: Kind,
    pub(super) left: u32,
    top: u32,
    pub(super) right: u32,
    bottom: u32,
}

impl Mark {
    pub(super) fn height(&self) -> u32 {
        self.bottom - self.top
    }

    pub(super) fn length(&self) -> u32 {
        self.right - self.left
    }

    /// The piece between two places of the line, from its left end.
    pub(super) fn piece(&self, upright: bool, from: u32, to: u32) -> Shape {
        let (from, to) = (self.left + from, self.left + to);
        let mut piece = self.shape;
        let ends =
            if upright { (&mut piece.left, &mut piece.right) } else { (&mut piece.top, &mut piece.bottom) };
        (*ends.0, *ends.1) = (from, to);
        piece
    }
}

/// A line that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// What its shapes take.
    tight: Bounds,
    /// With room for what was too faint or too small to be a shape.
    roomy: Bounds,
    /// It says nothing but markers.
    is_marker: bool,
    /// How certain it is that its shapes are letters, all together.
    certainty: f32,
}

/// The lines among the shapes of one ink: those that run across, then those that run down.
///
/// `finer`: what finer levels found. A line that they explain is not found again, with the coarse surroundings that it has here.
pub(super) fn lines(page: &Page<'_>, shapes: Vec<Shape>, finer: &[Line]) -> Vec<Line> {
    let level = page.level;
    let mut lines = Vec::new();
    let height_max =
        ((level.width.max(level.height) / IMAGE_SHARE_MAX) as u32).max(HEIGHT_ALWAYS_PX >> level.reduction);
    let mut rest = shapes;
    for upright in [true, false] {
        let mut marks: Vec<Mark> = rest.iter().filter_map(|shape| mark(shape, upright)).collect();
        marks.sort_unstable_by_key(|mark| (mark.left, mark.top));
        let mut taken = vec![false; marks.len()];
        for group in groups(&marks) {
            let is_huge = group.iter().any(|at| marks[*at].height() > height_max);
            if is_huge {
                continue;
            }
            let judged = judged(page, &marks, &group);
            if !judged.may_be_text() {
                continue;
            }
            let mut likeness = reading::likeness(page, &marks, &group, upright);
            if !judged.is_text(likeness) {
                likeness = judged.may_touch().then(|| reading::likeness_cut(page, &marks, &group, upright));
                if !likeness.is_some_and(|likeness| judged.is_cut_text(likeness)) {
                    continue;
                }
            }
            let is_explained = covered(finer, &around(level, &marks, &group, upright, false)) >= FINER_SHARE;
            let certainty = likeness.unwrap_or_default() * group.len() as f32;
            let group = reading::without_strangers(page, &marks, grown(&marks, group), upright);
            group.iter().for_each(|at| taken[*at] = true);
            let is_marker = reading::is_marker(page, &marks, &group, upright);
            if is_marker || !is_explained {
                let [tight, roomy] = [false, true].map(|roomy| around(level, &marks, &group, upright, roomy));
                lines.push(Line { tight, roomy, is_marker, certainty });
            }
        }
        rest = marks.iter().zip(taken).filter(|(_, taken)| !taken).map(|(mark, _)| mark.shape).collect();
    }
    lines
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

/// Whether a shape can be a letter of its own.
pub(super) fn is_letter(shape: &Shape) -> bool {
    let (short, long) = (shape.width().min(shape.height()), shape.width().max(shape.height()));
    matches!(kind(shape), Some(Kind::Letters(_))) && long * 10 <= short * LETTER_SLENDER_TENTHS
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
    // A dash is lower than the letters beside it; nothing is much higher.
    let is_low = |mark: &Mark| !is_letter(mark) && mark.height() == low;
    gap * 10 <= high * 13 + 10
        && shared * 2 > low
        && (high * 10 <= low * 22 || is_low(one) || is_low(other))
        && a.min(b) * 2.2 > a.max(b)
}

/// What a group is judged by.
fn judged<'a>(page: &Page<'_>, marks: &'a [Mark], group: &[usize]) -> judge::Group<'a> {
    let mut judged = judge::Group::on(page);
    for at in group {
        let mark = &marks[*at];
        if let Kind::Letters(number) = mark.kind {
            judged.add(mark, number);
        }
    }
    judged
}

/// Of the lines of a level, in either ink, those that others do not explain, the most certain first: the paper between letters
/// makes shapes too.
pub(super) fn unexplained(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|a, b| b.certainty.total_cmp(&a.certainty));
    let mut kept: Vec<Line> = Vec::new();
    for line in lines {
        if line.is_marker || covered(&kept, &line.tight) < SAME_SHARE {
            kept.push(line);
        }
    }
    kept
}

/// A line with what goes on at its ends: dots, strokes, blots, another word. It does not grow up or down: noise is full of shapes.
fn grown(marks: &[Mark], mut group: Vec<usize>) -> Vec<usize> {
    let height = group.iter().map(|at| marks[*at].height()).max().unwrap_or(0);
    let contrast = group.iter().map(|at| marks[*at].shape.contrast()).sum::<f32>() / group.len() as f32;
    let top = group.iter().map(|at| marks[*at].top).min().unwrap_or(0);
    let bottom = group.iter().map(|at| marks[*at].bottom).max().unwrap_or(0);
    let mut left = group.iter().map(|at| marks[*at].left).min().unwrap_or(0);
    let mut right = group.iter().map(|at| marks[*at].right).max().unwrap_or(0);
    loop {
        let before = group.len();
        for (at, mark) in marks.iter().enumerate() {
            if mark.left > right + 2 * height {
                break;
            }
            let reach = if matches!(mark.kind, Kind::Letters(_)) { height * 16 / 10 } else { height };
            let shared = bottom.min(mark.bottom).saturating_sub(top.max(mark.top));
            let fits = mark.right + reach >= left
                && mark.left <= right + reach
                && shared * 2 > mark.height()
                && mark.height() * 10 <= height * 14
                && (contrast * 0.4..contrast * 2.5).contains(&mark.shape.contrast());
            if fits && !group.contains(&at) {
                group.push(at);
                // A dot carries it on, noise does not.
                if mark.height() * DOTS >= height {
                    (left, right) = (left.min(mark.left), right.max(mark.right));
                }
            }
        }
        if group.len() == before {
            return group;
        }
    }
}

/// How much of a box lies in others, of 1; what lies in two of them counts twice.
fn covered<'a>(others: impl IntoIterator<Item = &'a Line>, bounds: &Bounds) -> f64 {
    let shared = |line: &Line| {
        let other = &line.roomy;
        let across = bounds.right.min(other.right).saturating_sub(bounds.left.max(other.left));
        let down = bounds.bottom.min(other.bottom).saturating_sub(bounds.top.max(other.top));
        u64::from(across) * u64::from(down)
    };
    others.into_iter().map(shared).sum::<u64>() as f64 / bounds.area() as f64
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

/// The boxes of all lines that say more than markers, and of codes. Boxes of the same line become one; what lies beyond the image is cut
/// off.
pub(super) fn boxes(lines: &[Line], codes: Vec<Bounds>, width: usize, height: usize) -> Vec<Region> {
    let says_more = |line: &&Line| {
        let markers = lines.iter().filter(|other| other.is_marker);
        !line.is_marker && covered(markers, &line.tight) < MARKER_SHARE
    };
    let lines = lines.iter().filter(says_more).map(|line| line.roomy);
    let mut boxes: Vec<Bounds> = lines.chain(codes).collect();
    for bounds in &mut boxes {
        bounds.right = bounds.right.min(width as u32);
        bounds.bottom = bounds.bottom.min(height as u32);
    }
    boxes.retain(|bounds| bounds.left < bounds.right && bounds.top < bounds.bottom);
    let mut kept: Vec<Bounds> = Vec::new();
    for mut bounds in boxes {
        while let Some(at) = kept.iter().position(|other| one_line(&bounds, other)) {
            bounds = bounds.with(&kept.swap_remove(at));
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

/// Whether one box holds the other, or they are pieces of one line: hardly anything else is in the box around both.
fn one_line(a: &Bounds, b: &Bounds) -> bool {
    let shared = |low_a: u32, high_a: u32, low_b: u32, high_b: u32| {
        u64::from(high_a.min(high_b).saturating_sub(low_a.max(low_b)))
    };
    let both = shared(a.left, a.right, b.left, b.right) * shared(a.top, a.bottom, b.top, b.bottom);
    let either = a.area() + b.area() - both;
    both > 0 && either * 20 >= a.with(b).area() * 19
}
