//! Typefaces drawn here: letters of dots, and letters of strokes at any size and weight.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "letters are a few hundred pixels high, and coverage lies between 0 and 255"
)]

use super::Set;
use crate::images::dots;

/// How much of each pixel ink covers, of 255, row by row.
#[derive(Debug, Clone)]
pub struct Raster {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub cover: Vec<u8>,
}

/// A typeface.
pub trait Face {
    /// Its name.
    fn name(&self) -> &str;
    /// A line of text whose capitals have this height in pixels; nothing where it has no such size.
    fn line(&self, text: &str, height_px: u32) -> Option<Raster>;
}

/// The typefaces of a set that need nothing from outside.
pub fn built_in(set: Set) -> Vec<Box<dyn Face>> {
    let strokes = |name, table, weight, slant, smooth| -> Box<dyn Face> {
        Box::new(Strokes { name, table, weight, slant, smooth })
    };
    match set {
        Set::Development => vec![
            Box::new(Dots),
            strokes("upright", CAPITALS, 0.13, 0.0, true),
            strokes("upright bold", CAPITALS, 0.22, 0.0, true),
            strokes("upright pixels", CAPITALS, 0.10, 0.0, false),
        ],
        Set::Reporting => vec![
            strokes("round", SMALL, 0.12, 0.0, true),
            strokes("round heavy", SMALL, 0.20, 0.0, true),
            strokes("round slanted", SMALL, 0.14, 0.2, true),
            strokes("round pixels", SMALL, 0.10, 0.0, false),
        ],
    }
}

/// Five by seven dots, each a square of pixels.
struct Dots;

impl Face for Dots {
    fn name(&self) -> &str {
        "dots"
    }

    fn line(&self, text: &str, height_px: u32) -> Option<Raster> {
        let scale = height_px as usize / 7;
        if !height_px.is_multiple_of(7) || scale > 6 {
            return None;
        }
        let dots = dots(text, scale);
        let width = dots.iter().map(|dot| dot.0).max()? + 1;
        let height = 7 * scale;
        let mut cover = vec![0; width * height];
        for (x, y) in dots {
            cover[y * width + x] = 255;
        }
        Some(Raster { width, height, cover })
    }
}

/// Letters of strokes: each a list of lines through points of a grid four wide and six high, with two more below the line.
type Table = &'static [(char, &'static str)];

struct Strokes {
    name: &'static str,
    table: Table,
    /// Thickness of a stroke over the height of capitals.
    weight: f32,
    /// Columns by which it leans for each row.
    slant: f32,
    /// Whether edges are smoothed.
    smooth: bool,
}

impl Face for Strokes {
    fn name(&self) -> &str {
        self.name
    }

    fn line(&self, text: &str, height_px: u32) -> Option<Raster> {
        let pen = (self.weight * height_px as f32).max(if self.smooth { 1.2 } else { 1.0 });
        let unit = (height_px as f32 - pen) / 6.0;
        let advance = 4.0 * unit * 0.85 + 2.3 * pen.max(0.11 * height_px as f32);
        let lean = self.slant * 6.0 * unit;
        let lower = self.table.iter().any(|(letter, _)| *letter == 'a');
        let text = if lower { text.to_lowercase() } else { text.to_uppercase() };
        let margin = pen / 2.0 + 1.0;
        let width = (advance * text.chars().count() as f32 + lean + 2.0 * margin).ceil() as usize;
        let depth = if lower { 8.0 } else { 6.0 };
        let height = (depth * unit + 2.0 * margin).ceil() as usize;
        let mut cover = vec![0u8; width * height];
        for (place, letter) in text.chars().enumerate() {
            let Some((_, strokes)) = self.table.iter().find(|(own, _)| *own == letter) else { continue };
            let left = margin + advance * place as f32;
            let point = |of: &str| {
                let digits: Vec<f32> = of.bytes().map(|digit| f32::from(digit - b'0')).collect();
                (
                    left + digits[0] * unit * 0.85 + self.slant * (6.0 - digits[1]) * unit,
                    margin + digits[1] * unit,
                )
            };
            for stroke in strokes.split('|') {
                let points: Vec<(f32, f32)> = stroke.split(' ').map(point).collect();
                for ends in points.windows(2) {
                    ink(&mut cover, width, ends[0], ends[1], pen, self.smooth);
                }
            }
        }
        cropped(width, height, &cover)
    }
}

/// Draws a stroke with a round pen.
fn ink(cover: &mut [u8], width: usize, a: (f32, f32), b: (f32, f32), pen: f32, smooth: bool) {
    let reach = pen / 2.0 + 1.0;
    let range = |low: f32, high: f32, size: usize| {
        (low - reach).max(0.0) as usize..((high + reach).ceil().max(0.0) as usize).min(size)
    };
    let (run, rise) = (b.0 - a.0, b.1 - a.1);
    let length = (run * run + rise * rise).max(1e-6);
    for y in range(a.1.min(b.1), a.1.max(b.1), cover.len() / width) {
        for x in range(a.0.min(b.0), a.0.max(b.0), width) {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let along = (((px - a.0) * run + (py - a.1) * rise) / length).clamp(0.0, 1.0);
            let distance = (px - a.0 - along * run).hypot(py - a.1 - along * rise);
            let covered = (pen / 2.0 - distance + 0.5).clamp(0.0, 1.0);
            let covered = if smooth { covered } else { f32::from(u8::from(covered > 0.45)) };
            let value = &mut cover[y * width + x];
            *value = (*value).max((covered * 255.0) as u8);
        }
    }
}

/// Without the empty columns and rows around it; nothing where there is no ink.
fn cropped(width: usize, height: usize, cover: &[u8]) -> Option<Raster> {
    let inked = |i: &usize| cover[*i] > 0;
    let columns = || (0..cover.len()).filter(inked).map(|i| i % width);
    let (left, right) = (columns().min()?, columns().max()?);
    let rows = || (0..cover.len()).filter(inked).map(|i| i / width);
    let (top, bottom) = (rows().min()?, rows().max()?.min(height - 1));
    let cover = (top..=bottom).flat_map(|y| cover[y * width..][left..=right].iter().copied()).collect();
    Some(Raster { width: right - left + 1, height: bottom - top + 1, cover })
}

const CAPITALS: Table = &[
    ('A', "06 20 46|14 34"),
    ('B', "00 06 36 45 44 33 03|33 42 41 30 00"),
    ('C', "41 30 10 01 05 16 36 45"),
    ('D', "00 06 26 44 42 20 00"),
    ('E', "40 00 06 46|03 33"),
    ('F', "40 00 06|03 33"),
    ('G', "41 30 10 01 05 16 36 45 43 23"),
    ('H', "00 06|40 46|03 43"),
    ('I', "20 26|10 30|16 36"),
    ('J', "40 45 36 16 05"),
    ('K', "00 06|40 03 46"),
    ('L', "00 06 46"),
    ('M', "06 00 23 40 46"),
    ('N', "06 00 46 40"),
    ('O', "10 30 41 45 36 16 05 01 10"),
    ('P', "06 00 30 41 42 33 03"),
    ('Q', "10 30 41 45 36 16 05 01 10|24 46"),
    ('R', "06 00 30 41 42 33 03|23 46"),
    ('S', "41 30 10 01 02 13 33 44 45 36 16 05"),
    ('T', "00 40|20 26"),
    ('U', "00 05 16 36 45 40"),
    ('V', "00 26 40"),
    ('W', "00 16 23 36 40"),
    ('X', "00 46|40 06"),
    ('Y', "00 23 40|23 26"),
    ('Z', "00 40 06 46"),
    ('0', "10 30 41 45 36 16 05 01 10|32 14"),
    ('1', "11 20 26|16 36"),
    ('2', "01 10 30 41 42 06 46"),
    ('3', "00 40 23 33 44 45 36 16 05"),
    ('4', "36 30 04 44"),
    ('5', "40 00 03 33 44 45 36 16 05"),
    ('6', "30 10 01 05 16 36 45 44 33 13 04"),
    ('7', "00 40 16"),
    ('8', "10 30 41 42 33 13 02 01 10|13 04 05 16 36 45 44 33"),
    ('9', "16 36 45 41 30 10 01 02 13 33 42"),
    ('-', "13 33"),
    ('/', "06 40"),
    ('.', "26 26"),
    (':', "22 22|25 25"),
];

const SMALL: Table = &[
    ('a', "12 32 43 46|44 14 05 16 36 45"),
    ('b', "00 06|03 12 32 43 45 36 16 05"),
    ('c', "43 32 12 03 05 16 36 45"),
    ('d', "40 46|43 32 12 03 05 16 36 45"),
    ('e', "04 44 43 32 12 03 05 16 36"),
    ('f', "40 30 21 26|12 32"),
    ('g', "42 47 38 18 07|43 32 12 03 05 16 36 45"),
    ('h', "00 06|03 12 32 43 46"),
    ('i', "12 22 26|16 36|20 20"),
    ('j', "22 27 18 08|20 20"),
    ('k', "00 06|32 04 46"),
    ('l', "10 20 26|16 36"),
    ('m', "06 02|03 12 23 26|23 32 43 46"),
    ('n', "06 02|03 12 32 43 46"),
    ('o', "12 32 43 45 36 16 05 03 12"),
    ('p', "08 02|03 12 32 43 45 36 16 05"),
    ('q', "48 42|43 32 12 03 05 16 36 45"),
    ('r', "06 02|03 12 32"),
    ('s', "42 12 03 14 34 45 36 06"),
    ('t', "10 15 26 36|02 32"),
    ('u', "02 05 16 36 45|42 46"),
    ('v', "02 26 42"),
    ('w', "02 16 23 36 42"),
    ('x', "02 46|42 06"),
    ('y', "02 26|42 26 18 08"),
    ('z', "02 42 06 46"),
    ('0', "00 40 46 06 00"),
    ('1', "01 20 26"),
    ('2', "00 40 43 03 06 46"),
    ('3', "00 40 46 06|13 43"),
    ('4', "00 03 43|40 46"),
    ('5', "40 00 03 43 46 06"),
    ('6', "40 00 06 46 43 03"),
    ('7', "00 40 46"),
    ('8', "00 40 46 06 00|03 43"),
    ('9', "43 03 00 40 46 06"),
    ('-', "13 33"),
    ('/', "06 40"),
    ('.', "26 26"),
    (':', "22 22|25 25"),
];
