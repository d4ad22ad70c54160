//! Pictures with text burned in, and where it stands: what a detector of text is measured with.
//!
//! Two sets that share nothing but the kinds of picture: one to develop with, one to report from. They differ in typefaces and
//! in seeds. Typefaces from outside can be added to either.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are clamped to their range, and pictures are a few thousand pixels wide"
)]

mod faces;
mod ground;

pub use faces::{Face, Raster, built_in};
pub use ground::Ground;

use crate::random::Random;

/// What a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// A detector may be tuned on it.
    Development,
    /// Only looked at to report.
    Reporting,
}

impl Set {
    fn label(self) -> &'static str {
        match self {
            Self::Development => "lettering/development",
            Self::Reporting => "lettering/reporting",
        }
    }
}

/// How strongly a line stands out of the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contrast {
    /// Three times the noise, at least 12 of 255: one must look for it.
    Faint,
    /// Six times the noise, at least 32 of 255.
    Readable,
    /// The highest or the lowest value, and at least ten times the noise where the background lets it.
    Full,
}

/// Which way a line runs: turned by this many degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// As one reads.
    None,
    /// A quarter to the right.
    Quarter,
    /// Upside down.
    Half,
    /// A quarter to the left.
    ThreeQuarters,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// Ink on the picture.
    Plain,
    /// Ink with an outline of the opposite.
    Outlined,
    /// Ink on a plate of one value, a little larger than the line.
    Plate,
    /// Ink that has taken the picture's noise, as on digitised film.
    Film,
}

/// A line of text in a picture.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its pixels of ink, as (column, row).
    pub ink: Vec<(u32, u32)>,
    /// Height of its capitals in pixels.
    pub height_px: u32,
    /// Letters in it.
    pub letters: usize,
    /// How strongly it stands out.
    pub contrast: Contrast,
    /// Which way it runs.
    pub turn: Turn,
    /// How it is drawn.
    pub style: Style,
    /// What it is written in.
    pub face: String,
}

/// A picture of one plane.
#[derive(Debug, Clone)]
pub struct Picture {
    /// What it looks like.
    pub ground: Ground,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bits a sample.
    pub bits: u32,
    /// Standard deviation of its noise, in units of a range of 255.
    pub noise: f32,
    /// Row by row.
    pub samples: Vec<u16>,
    /// The text in it.
    pub lines: Vec<Line>,
}

/// The `nth` picture of a set: with text in these typefaces, or without any where there are none.
pub fn picture(set: Set, nth: u64, faces: &[Box<dyn Face>]) -> Picture {
    let mut random = Random::labelled(nth, set.label());
    let ground = Ground::ALL[usize::try_from(nth).unwrap_or(0) % Ground::ALL.len()];
    let side = random.pick(ground.sides());
    let (width, height) = (side, side * random.pick(&[3, 4, 4, 5]) / 4);
    let noise = random.pick(&[0.0, 4.0, 8.0, 16.0, 25.0]);
    let bits = random.pick(ground.bits());
    let inverted = ground.is_grey() && random.below(4) == 0;
    let mut canvas =
        Canvas { width, height, values: ground.draw(width, height, &mut random), free: Vec::new() };
    let grain: Vec<f32> = (0..width * height).map(|_| noise * random.noise()).collect();
    let clean = canvas.values.clone();
    for (value, grain) in canvas.values.iter_mut().zip(&grain) {
        // What is no exposure has no noise either.
        if *value > 0.0 || !ground.has_dead_border() {
            *value = (*value + grain).clamp(0.0, 255.0);
        }
    }
    let mut lines = Vec::new();
    if !faces.is_empty() {
        for _ in 0..40 {
            let plan = Plan::draw(&mut random, faces, noise);
            lines.extend(canvas.write(&plan, &clean, &grain, &mut random));
            if lines.len() == 5 {
                break;
            }
        }
    }
    let top = f32::from(u16::MAX >> (16 - bits));
    let samples = canvas.values.iter().map(|value| {
        let value = if inverted { 255.0 - value } else { *value };
        (value / 255.0 * top).round().clamp(0.0, top) as u16
    });
    Picture { ground, width, height, bits, noise, samples: samples.collect(), lines }
}

/// A line before it has a place.
struct Plan<'a> {
    face: &'a dyn Face,
    text: String,
    height_px: u32,
    contrast: Contrast,
    turn: Turn,
    style: Style,
    /// Of 255.
    step: f32,
}

impl<'a> Plan<'a> {
    fn draw(random: &mut Random, faces: &'a [Box<dyn Face>], noise: f32) -> Self {
        let index = usize::try_from(random.below(faces.len() as u64)).unwrap_or(0);
        let contrast =
            random.pick(&[Contrast::Faint, Contrast::Readable, Contrast::Readable, Contrast::Full]);
        Self {
            face: faces[index].as_ref(),
            text: words(random),
            height_px: random.pick(&[7, 8, 9, 10, 11, 12, 14, 16, 18, 21, 24, 28, 35, 42, 56, 72, 98, 140]),
            contrast,
            turn: random.pick(&[
                Turn::None,
                Turn::None,
                Turn::None,
                Turn::Quarter,
                Turn::Half,
                Turn::ThreeQuarters,
            ]),
            style: random.pick(&[
                Style::Plain,
                Style::Plain,
                Style::Plain,
                Style::Outlined,
                Style::Plate,
                Style::Film,
            ]),
            step: match contrast {
                Contrast::Faint => (3.0 * noise).max(12.0),
                Contrast::Readable => (6.0 * noise).max(32.0),
                Contrast::Full => 255.0,
            },
        }
    }
}

/// Something that burned-in text says.
fn words(random: &mut Random) -> String {
    let names =
        ["MARLOWE", "OKAFOR", "HUGHES", "IVANOVA", "LEE", "THISTLEWOOD", "ABBOTT", "QUINN", "SYKES", "WEBB"];
    let given = ["ANNE", "JOHN", "PRIYA", "TOM", "ZOE", "MAX", "KELVIN", "RUTH"];
    let number = random.between(100, 999);
    match random.below(9) {
        0 | 1 => format!("{} {}", random.pick(&names), random.pick(&given)),
        2 => format!("{:02}/{:02}/{}", number % 28 + 1, number % 12 + 1, 1930 + number % 80),
        3 => format!("999 {number} {}", 1000 + number * 7),
        4 => format!("{:02}:{:02}:{:02}", number % 24, number % 60, number % 59),
        5 => format!("DR {}", random.pick(&names)),
        6 => format!("ID: {number}{number}"),
        7 => random.pick(&["AP", "PA", "RT", "LT", "5K", "M4"]).to_owned(),
        _ => random.pick(&["R", "A", "B", "E", "S", "4", "G", "K"]).to_owned(),
    }
}

/// A picture while it is made; values of a range of 255.
struct Canvas {
    width: usize,
    height: usize,
    values: Vec<f32>,
    /// What is taken, as (left, top, right, bottom).
    free: Vec<(usize, usize, usize, usize)>,
}

impl Canvas {
    /// Writes a line where there is room for it; nothing where there is none, or no contrast to be had.
    fn write(&mut self, plan: &Plan<'_>, clean: &[f32], grain: &[f32], random: &mut Random) -> Option<Line> {
        let raster = turned(plan.face.line(&plan.text, plan.height_px)?, plan.turn);
        let pad = (plan.height_px as usize / 3).max(3);
        let (left, top) = self.place(&raster, pad, random)?;
        let at = |x: usize, y: usize| (top + y) * self.width + left + x;
        let covered = |x: usize, y: usize| f32::from(raster.cover[y * raster.width + x]) / 255.0;
        let all = || (0..raster.height).flat_map(|y| (0..raster.width).map(move |x| (x, y)));
        let mean = all().map(|(x, y)| clean[at(x, y)]).sum::<f32>() / (raster.width * raster.height) as f32;
        let paper = if plan.style == Style::Plate { random.pick(&[0.0, 90.0, 180.0, 225.0]) } else { mean };
        let bright = if paper < 100.0 {
            true
        } else if paper > 160.0 {
            false
        } else {
            random.below(2) == 0
        };
        let ink = (if bright { paper + plan.step } else { paper - plan.step }).clamp(0.0, 255.0);
        // Where the picture itself changes more than the ink does, nobody could read it.
        let spread = all().map(|(x, y)| (clean[at(x, y)] - mean).abs()).fold(0.0, f32::max);
        if plan.style != Style::Plate && spread > (ink - paper).abs() * 0.6
            || (ink - paper).abs() < plan.step.min(60.0)
        {
            return None;
        }
        if plan.style == Style::Plate {
            let border = pad - 1;
            for y in top.saturating_sub(border)..(top + raster.height + border).min(self.height) {
                let (from, to) =
                    (left.saturating_sub(border), (left + raster.width + border).min(self.width));
                self.values[y * self.width..][from..to].fill(paper);
            }
        }
        if plan.style == Style::Outlined {
            self.outline(&raster, left, top, if bright { 0.0 } else { 255.0 });
        }
        let mut pixels = Vec::new();
        for (x, y) in all() {
            let cover = covered(x, y);
            let place = (top + y) * self.width + left + x;
            let own = ink + if plan.style == Style::Film { grain[place] } else { 0.0 };
            let value = self.values[place] * (1.0 - cover) + own * cover;
            self.values[place] = value.clamp(0.0, 255.0);
            if cover > 0.5 {
                pixels.push(((left + x) as u32, (top + y) as u32));
            }
        }
        Some(Line {
            ink: pixels,
            height_px: plan.height_px,
            letters: plan.text.chars().filter(|c| c.is_alphanumeric()).count(),
            contrast: plan.contrast,
            turn: plan.turn,
            style: plan.style,
            face: plan.face.name().to_owned(),
        })
    }

    /// A place that nothing else has: anywhere, often at the edge.
    fn place(&mut self, raster: &Raster, pad: usize, random: &mut Random) -> Option<(usize, usize)> {
        let (room_x, room_y) =
            (self.width.checked_sub(raster.width)?, self.height.checked_sub(raster.height)?);
        for _ in 0..20 {
            let mut along = |room: usize| {
                let anywhere = random.below(room as u64 + 1) as usize;
                match random.below(8) {
                    0 => 0,
                    1 => room,
                    2 => room.min(5),
                    _ => anywhere,
                }
            };
            let (left, top) = (along(room_x), along(room_y));
            let own = (
                left.saturating_sub(2 * pad),
                top.saturating_sub(2 * pad),
                left + raster.width + 2 * pad,
                top + raster.height + 2 * pad,
            );
            let clash = |other: &(usize, usize, usize, usize)| {
                own.0 < other.2 && other.0 < own.2 && own.1 < other.3 && other.1 < own.3
            };
            if !self.free.iter().any(clash) {
                self.free.push(own);
                return Some((left, top));
            }
        }
        None
    }

    /// Draws a line of the opposite around all ink.
    fn outline(&mut self, raster: &Raster, left: usize, top: usize, value: f32) {
        for y in 0..raster.height {
            for x in 0..raster.width {
                if raster.cover[y * raster.width + x] < 128 {
                    continue;
                }
                for (dx, dy) in (0..9).map(|i| (i % 3, i / 3)) {
                    let (x, y) = ((left + x + dx).wrapping_sub(1), (top + y + dy).wrapping_sub(1));
                    if x < self.width && y < self.height {
                        self.values[y * self.width + x] = value;
                    }
                }
            }
        }
    }
}

fn turned(raster: Raster, turn: Turn) -> Raster {
    let Raster { width, height, cover } = raster;
    let from = |x: usize, y: usize| cover[y * width + x];
    let (wide, high) = match turn {
        Turn::None | Turn::Half => (width, height),
        Turn::Quarter | Turn::ThreeQuarters => (height, width),
    };
    let turned = (0..wide * high).map(|i| (i % wide, i / wide)).map(|(x, y)| match turn {
        Turn::None => from(x, y),
        Turn::Quarter => from(y, height - 1 - x),
        Turn::Half => from(width - 1 - x, height - 1 - y),
        Turn::ThreeQuarters => from(width - 1 - y, x),
    });
    Raster { width: wide, height: high, cover: turned.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_gives_the_same_picture_and_the_sets_share_none() {
        let draw = |set, nth| picture(set, nth, &built_in(set));
        assert_eq!(draw(Set::Development, 3).samples, draw(Set::Development, 3).samples);
        assert_ne!(draw(Set::Development, 3).samples, draw(Set::Reporting, 3).samples);
        let names = |set| built_in(set).iter().map(|face| face.name().to_owned()).collect::<Vec<_>>();
        assert!(names(Set::Development).iter().all(|name| !names(Set::Reporting).contains(name)));
    }

    #[test]
    fn ink_lies_inside_the_picture_and_shows() {
        for nth in 0..12 {
            let with = picture(Set::Development, nth, &built_in(Set::Development));
            assert!(!with.lines.is_empty(), "picture {nth}");
            for line in &with.lines {
                assert!(line.ink.len() > 5, "picture {nth}");
                let inside = |(x, y): &(u32, u32)| (*x as usize) < with.width && (*y as usize) < with.height;
                assert!(line.ink.iter().all(inside), "picture {nth}");
            }
        }
    }

    #[test]
    fn turning_four_times_brings_it_back() {
        let raster = built_in(Set::Development)[0].line("R4", 14).unwrap();
        let once = turned(raster.clone(), Turn::Quarter);
        assert_eq!((once.width, once.height), (raster.height, raster.width));
        let back = turned(once, Turn::ThreeQuarters);
        assert_eq!(back.cover, raster.cover);
    }
}
