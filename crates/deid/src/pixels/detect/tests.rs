//! Text is found whatever its scale, and what has been blanked is not found again.

use super::*;
use proptest::prelude::*;
use sim::lettering::{Picture, Set, built_in, picture};

fn find(picture: &Picture) -> Vec<Region> {
    find_text(&Plane { width: picture.width, height: picture.height, samples: &picture.samples })
}

/// "R.MOSS 1953" in dots, each a square of pixels.
fn lettered(width: usize, height: usize, scale: usize, paper: u16, ink: u16) -> Vec<u16> {
    let face = &built_in(Set::Development)[0];
    let raster = face.line("MARLOWE 1953", 7 * u32::try_from(scale).unwrap()).unwrap();
    let mut samples = vec![paper; width * height];
    for (i, cover) in raster.cover.iter().enumerate() {
        if *cover > 0 {
            samples[(20 + i / raster.width) * width + 20 + i % raster.width] = ink;
        }
    }
    samples
}

fn is_covered(boxes: &[Region], samples: &[u16], width: usize, ink: u16) -> bool {
    samples.iter().enumerate().filter(|(_, sample)| **sample == ink).all(|(i, _)| {
        let (x, y) = (u32::try_from(i % width).unwrap(), u32::try_from(i / width).unwrap());
        boxes.iter().any(|region| {
            (region.left..region.left + region.width).contains(&x)
                && (region.top..region.top + region.height).contains(&y)
        })
    })
}

#[test]
fn text_is_found_at_every_depth_size_and_polarity() {
    for scale in [1, 2, 3, 4, 6] {
        let (width, height) = (80 * scale + 60, 7 * scale + 60);
        for (paper, ink) in [
            (0, 1),
            (1, 0),
            (0, 255),
            (255, 0),
            (200, 230),
            (0, 4095),
            (2000, 2100),
            (0, 65_535),
            (65_535, 60_000),
        ] {
            let samples = lettered(width, height, scale, paper, ink);
            let boxes = find_text(&Plane { width, height, samples: &samples });
            assert!(is_covered(&boxes, &samples, width, ink), "scale {scale}, {ink} on {paper}: {boxes:?}");
            assert!(boxes.len() <= 2, "scale {scale}, {ink} on {paper}: {boxes:?}");
        }
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    for (width, height) in [(0, 0), (1, 1), (4, 400), (64, 64), (513, 7)] {
        for value in [0, 77, u16::MAX] {
            let samples = vec![value; width * height];
            assert_eq!(find_text(&Plane { width, height, samples: &samples }), []);
        }
    }
    let slope: Vec<u16> = (0..400 * 300).map(|i| u16::try_from(i % 400 + i / 400).unwrap()).collect();
    assert_eq!(find_text(&Plane { width: 400, height: 300, samples: &slope }), []);
}

#[test]
fn a_filled_box_is_no_text() {
    for (width, height) in [(120, 14), (9, 9), (31, 22), (300, 60), (16, 200)] {
        for value in [0, 128, 255] {
            let mut samples = picture(Set::Development, 0, &[]);
            let before = find(&samples);
            for y in 40..40 + height {
                let row = y * samples.width;
                samples.samples[row + 30..(row + 30 + width).min(row + samples.width)].fill(value);
            }
            assert!(find(&samples).len() <= before.len(), "{width} x {height} of {value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn boxes_lie_inside_whatever_the_samples_are(
        width in 1usize..70,
        height in 1usize..70,
        seed in any::<u64>(),
        missing in 0usize..40,
    ) {
        let mut random = sim::random::Random::new(seed);
        let ends = [0, 1, 255, 4095, u16::MAX];
        let samples: Vec<u16> =
            (0..(width * height).saturating_sub(missing)).map(|_| random.pick(&ends)).collect();
        for region in find_text(&Plane { width, height, samples: &samples }) {
            prop_assert!(region.width > 0 && region.height > 0);
            prop_assert!((region.left + region.width) as usize <= width);
            prop_assert!((region.top + region.height) as usize <= height);
        }
    }
}
