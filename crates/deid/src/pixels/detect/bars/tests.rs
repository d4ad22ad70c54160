//! Codes are found wherever they stand; what is only regular, or only stripes, is not.

use super::super::{Markers, Plane, Region, find_text};
use super::*;
use proptest::prelude::*;
use sim::random::Random;

/// A picture that a code is put on: a smooth slope with noise.
struct Page {
    width: usize,
    height: usize,
    samples: Vec<u16>,
}

impl Page {
    fn new(width: usize, height: usize, noise: f32, seed: u64) -> Self {
        let mut random = Random::labelled(seed, "page");
        let sample = |i: usize| 900.0 + (i % width) as f32 + (i / width) as f32 / 2.0;
        let samples = (0..width * height)
            .map(|i| (sample(i) + noise * random.noise()).clamp(0.0, 4095.0) as u16)
            .collect();
        Self { width, height, samples }
    }

    /// Bars and spaces in turn, each so many modules wide, on a plate with a quiet zone; the pixels that bars cover.
    fn draw(
        &mut self,
        modules: &[u32],
        module: f32,
        high: usize,
        shades: [u16; 2],
        lying: bool,
    ) -> Vec<usize> {
        let long: f32 = modules.iter().map(|width| *width as f32 * module).sum();
        let quiet = (10.0 * module) as usize;
        let (from_x, from_y) = (20 + quiet, 20);
        let mut inked = Vec::new();
        for y in from_y - 6..from_y + high + 6 {
            for x in from_x - quiet..from_x + long as usize + quiet {
                let mut at = (x as f32 + 0.5 - from_x as f32) / module;
                let mut is_bar = at >= 0.0 && (from_y..from_y + high).contains(&y);
                if is_bar {
                    let bar = modules.iter().position(|width| {
                        at -= *width as f32;
                        at < 0.0
                    });
                    is_bar = bar.is_some_and(|bar| bar % 2 == 0);
                }
                let (x, y) = if lying { (y, x) } else { (x, y) };
                self.samples[y * self.width + x] = shades[usize::from(is_bar)];
                if is_bar {
                    inked.push(y * self.width + x);
                }
            }
        }
        inked
    }

    /// As a scanner sees it: each sample the mean of nine.
    fn blurred(&mut self) {
        let sharp = self.samples.clone();
        for y in 1..self.height - 1 {
            for x in 1..self.width - 1 {
                let nine = (0..9).map(|n| u32::from(sharp[(y + n / 3 - 1) * self.width + x + n % 3 - 1]));
                self.samples[y * self.width + x] = (nine.sum::<u32>() / 9) as u16;
            }
        }
    }

    fn found(&self) -> Vec<Bounds> {
        codes(&Level::whole(self.width, self.height, self.width, &self.samples))
    }
}

/// Code 39 (ISO/IEC 16388): nine elements a character, three of them wide, a narrow space between.
fn code_39(seed: u64, characters: usize) -> Vec<u32> {
    const ALPHABET: [&str; 8] = [
        "nnnwwnwnn",
        "wnnwnnnnw",
        "nnwwnnnnw",
        "wnwwnnnnn",
        "nnnwwnnnw",
        "wnnwwnnnn",
        "nnwwwnnnn",
        "nnnwnnwnw",
    ];
    let mut random = Random::labelled(seed, "code 39");
    let mut text = vec!["nwnnwnwnn"];
    text.extend((0..characters).map(|_| ALPHABET[random.below(8) as usize]));
    text.push("nwnnwnwnn");
    text.join("n").bytes().map(|element| if element == b'w' { 3 } else { 1 }).collect()
}

/// As Code 128 (ISO/IEC 15417) has them: six elements a character, eleven modules together.
fn code_128(seed: u64, characters: usize) -> Vec<u32> {
    let mut random = Random::labelled(seed, "code 128");
    let mut all = vec![2, 1, 1, 4, 1, 2];
    for _ in 0..characters {
        let mut six = [1; 6];
        for _ in 0..5 {
            let at = (0..6).cycle().skip(random.below(6) as usize).find(|at| six[*at] < 4).unwrap();
            six[at] += 1;
        }
        all.extend(six);
    }
    all.extend([2, 3, 3, 1, 1, 1, 2]);
    all
}

/// One code: whether all of its bars are in boxes, and whether what was blanked is found again.
fn is_hidden(seed: u64) -> [bool; 2] {
    let mut random = Random::labelled(seed, "case");
    let is_39 = random.below(2) == 0;
    let characters = 3 + random.below(6) as usize;
    let module = random.pick(&[1.0_f32, 1.5, 2.0, 2.4, 3.0, 4.0, 6.0]);
    let shades = random.pick(&[[4095, 0], [0, 4095], [2600, 900], [400, 2200]]);
    let (lying, is_scanned, noise) = (random.below(2) == 0, random.below(2) == 0, random.below(40) as f32);
    let modules = if is_39 { code_39(seed, characters) } else { code_128(seed, characters) };
    let long = (modules.iter().sum::<u32>() as f32 * module) as usize;
    let side = long + 60 + 20 * module as usize;
    let mut page = Page::new(side, side, noise, seed);
    let inked = page.draw(&modules, module, (long / 5).max(20), shades, lying);
    if is_scanned && module >= 2.0 {
        page.blurred();
    }
    for at in &inked {
        page.samples[*at] = (f32::from(page.samples[*at]) + noise * random.noise()).clamp(0.0, 4095.0) as u16;
    }
    let plane = Plane { width: page.width, height: page.height, samples: &page.samples };
    let boxes = find_text(&plane, &Markers::default());
    let is_in = |at: &usize| {
        let (x, y) = ((*at % side) as u32, (*at / side) as u32);
        boxes
            .iter()
            .any(|b| (b.left..b.left + b.width).contains(&x) && (b.top..b.top + b.height).contains(&y))
    };
    let is_hidden = inked.iter().all(is_in);
    for b in &boxes {
        for y in b.top..b.top + b.height {
            page.samples[y as usize * side..][b.left as usize..(b.left + b.width) as usize].fill(0);
        }
    }
    [is_hidden, !page.found().is_empty()]
}

#[test]
fn of_codes_of_all_sizes_and_shades_99_in_100_are_covered_and_none_is_found_again() {
    let seen: Vec<[bool; 2]> = (0..200).map(is_hidden).collect();
    let hidden = seen.iter().filter(|[is_hidden, _]| *is_hidden).count();
    assert!(hidden >= 198, "{hidden} of {}", seen.len());
    assert!(seen.iter().all(|[is_hidden, again]| !is_hidden || !again));
}

/// More codes than anybody reads, and no reason to look for long.
#[test]
fn an_image_full_of_codes_is_one_as_a_whole() {
    let mut page = Page::new(1500, 1500, 0.0, 1);
    let mut random = Random::labelled(1, "full");
    for block in page.samples.chunks_mut(1500 * 60) {
        let mut row = vec![0; 1500];
        let mut at = 0;
        for bar in 0.. {
            // Of 36 bars and spaces one is a gap between two codes.
            let width = if bar % 36 == 0 { 30 } else { 1 + random.below(4) as usize };
            if at + width > 1500 {
                break;
            }
            row[at..at + width].fill(if bar % 2 == 1 { 4000 } else { 0 });
            at += width;
        }
        let (codes, gap) = block.split_at_mut(1500 * 40);
        codes.chunks_mut(1500).for_each(|line| line.copy_from_slice(&row));
        gap.fill(0);
    }
    // It stops with the line in which there are too many.
    let found = page.found().len();
    assert!((CODES_MAX..4 * CODES_MAX).contains(&found), "{found}");
    let boxes = find_text(&Plane { width: 1500, height: 1500, samples: &page.samples }, &Markers::default());
    assert_eq!(boxes, [Region { left: 0, top: 0, width: 1500, height: 1500 }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn grids_rulers_stripes_and_noise_are_no_codes(
        seed in any::<u64>(),
        period in 2.0_f32..24.0,
        noise in 0_u16..2000,
        lying in any::<bool>(),
    ) {
        let side = 300;
        let mut grid = Page::new(side, side, f32::from(noise / 20), seed);
        let mut stripes = Page::new(side, side, f32::from(noise), seed);
        // What the picture shows besides.
        stripes.samples[side * side / 2..][..side * side / 20].fill(4095);
        stripes.samples[side * side / 4..][..side * side / 20].fill(0);
        let mut random = Random::labelled(seed, "stripes");
        let gains: Vec<f32> = (0..side).map(|_| 150.0 * random.noise()).collect();
        for i in 0..side * side {
            let along = if lying { i / side } else { i % side };
            if (along as f32 / period).fract() < 0.5 {
                grid.samples[i] = 4000;
            }
            stripes.samples[i] = (f32::from(stripes.samples[i]) + gains[along]).clamp(0.0, 4095.0) as u16;
        }
        // An ordered dither of 4 by 4 (Bayer), as palettes of few colours have.
        const ORDER: [usize; 16] = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
        let mut dither = Page::new(side, side, 0.0, seed);
        for (i, sample) in dither.samples.iter_mut().enumerate() {
            let shade = (*sample as usize + random.below(60) as usize) / 16 % 16;
            let (x, y) = (i % side, i / side);
            *sample = 100 * u16::from(shade > ORDER[y % 4 * 4 + x % 4]);
        }
        prop_assert!(dither.found().is_empty(), "a dither");
        prop_assert!(grid.found().is_empty(), "a grid");
        prop_assert!(stripes.found().is_empty(), "stripes");
    }
}
