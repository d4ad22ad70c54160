//! Text is found whatever its scale, and what has been blanked is not found again.

use super::*;
use proptest::prelude::*;
use sim::lettering::{Picture, Set, built_in, picture};

fn find(picture: &Picture) -> Vec<Region> {
    find_text(
        &Plane { width: picture.width, height: picture.height, samples: &picture.samples },
        &Markers::default(),
    )
}

fn find_but(picture: &Picture, markers: &Markers) -> Vec<Region> {
    find_text(&Plane { width: picture.width, height: picture.height, samples: &picture.samples }, markers)
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
            let boxes = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
            assert!(is_covered(&boxes, &samples, width, ink), "scale {scale}, {ink} on {paper}: {boxes:?}");
            assert!(boxes.len() <= 2, "scale {scale}, {ink} on {paper}: {boxes:?}");
        }
    }
}

/// A text on paper of one value, turned by quarters to the right.
fn written(set: Set, face: usize, text: &str, height_px: u32, quarters: u32) -> Option<Picture> {
    let raster = built_in(set)[face].line(text, height_px)?;
    let (mut width, mut height) = (raster.width + 160, raster.height + 160);
    let mut samples = vec![400u16; width * height];
    for (i, cover) in raster.cover.iter().enumerate() {
        samples[(80 + i / raster.width) * width + 80 + i % raster.width] += 10 * u16::from(*cover);
    }
    for _ in 0..quarters {
        let from = |x: usize, y: usize| samples[(height - 1 - x) * width + y];
        samples = (0..width * height).map(|i| from(i % height, i / height)).collect();
        (width, height) = (height, width);
    }
    let lines = Vec::new();
    Some(Picture {
        ground: sim::lettering::Ground::ALL[0],
        width,
        height,
        bits: 12,
        noise: 0.0,
        samples,
        lines,
    })
}

#[test]
fn a_line_of_markers_stays_and_a_line_that_says_more_goes() {
    let markers = Markers::new(["ERECT", "PORTABLE", "AP", "MOBILE"]);
    let (mut stayed, mut of) = (0, 0);
    for set in [Set::Development, Set::Reporting] {
        for face in 0..4 {
            for (height_px, quarters) in [(14, 0), (21, 1), (28, 2), (42, 3)] {
                for text in ["ERECT", "PORTABLE", "AP ERECT"] {
                    let Some(picture) = written(set, face, text, height_px, quarters) else { continue };
                    assert!(!find(&picture).is_empty(), "{text} in face {face} of {set:?}, {height_px} px");
                    stayed += u32::from(find_but(&picture, &markers).is_empty());
                    of += 1;
                }
                for text in ["ERIC T", "ERECT SMITH", "PORTER", "MOBILE ROSE", "BRECHT", "AP LEE"] {
                    let Some(picture) = written(set, face, text, height_px, quarters) else { continue };
                    let (all, boxes) = (find(&picture), find_but(&picture, &markers));
                    assert_eq!(
                        boxes, all,
                        "{text} in face {face} of {set:?}, {height_px} px, {quarters} quarters"
                    );
                }
            }
        }
    }
    assert!(stayed * 10 >= of * 8, "{stayed} of {of} stayed");
}

#[test]
fn a_marker_that_is_told_of_somebody_is_none() {
    let picture = written(Set::Development, 1, "PRONE", 21, 0).unwrap();
    let markers = Markers::new(["prone"]);
    assert_eq!(find_but(&picture, &markers), []);
    assert!(!find_but(&picture, &markers.without(|word| word == "PRONE")).is_empty());
}

#[test]
fn nothing_is_found_where_nothing_is() {
    for (width, height) in [(0, 0), (1, 1), (4, 400), (64, 64), (513, 7)] {
        for value in [0, 77, u16::MAX] {
            let samples = vec![value; width * height];
            assert_eq!(find_text(&Plane { width, height, samples: &samples }, &Markers::default()), []);
        }
    }
    let slope: Vec<u16> = (0..400 * 300).map(|i| u16::try_from(i % 400 + i / 400).unwrap()).collect();
    assert_eq!(find_text(&Plane { width: 400, height: 300, samples: &slope }, &Markers::default()), []);
}

/// Noise of this spread on black, cut off where there is less than none.
fn noise(random: &mut sim::random::Random, width: usize, height: usize, spread: u64) -> Vec<u16> {
    let value = |random: &mut sim::random::Random| {
        let sum: u64 = (0..4).map(|_| random.below(spread)).sum();
        u16::try_from(sum.saturating_sub(2 * spread)).unwrap()
    };
    (0..width * height).map(|_| value(random)).collect()
}

#[test]
fn noise_is_noise_up_to_the_last_row_and_column() {
    let mut random = sim::random::Random::new(7);
    for (width, height) in [(333, 217), (256, 119), (250, 100), (131, 340), (394, 466)] {
        for spread in [40, 400] {
            let samples = noise(&mut random, width, height, spread);
            let found = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
            assert_eq!(found, [], "{width} x {height}, {spread}");
        }
    }
}

#[test]
fn a_smooth_slope_of_fewer_bits_than_are_stored_is_smooth() {
    for (width, height) in [(640, 480), (800, 600)] {
        for times in [1, 16, 200, 257] {
            let of = |i: usize| {
                (i % width) as f64 / width as f64 * 178.0 + (i / width) as f64 / height as f64 * 51.0
            };
            let samples: Vec<u16> = (0..width * height).map(|i| of(i) as u16 * times).collect();
            let found = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
            assert_eq!(found, [], "{width} x {height}, times {times}");
        }
    }
}

#[test]
fn a_line_in_noise_does_not_take_the_noise_with_it() {
    let mut random = sim::random::Random::new(11);
    let (width, height) = (512, 320);
    let (mut hidden, mut boxed, mut lines) = (0, 0, 0);
    let faces = built_in(Set::Development);
    for face in faces.iter().cycle().take(40) {
        let raster = face.line("MARLOWE 1953", 14).unwrap();
        // As scanners interpolate: each value is one of a quarter of the columns and rows, mixed with its neighbours.
        let coarse = noise(&mut random, width / 4 + 1, height / 4 + 1, 300);
        let value = |x: usize, y: usize| usize::from(coarse[y * (width / 4 + 1) + x]);
        let mut samples: Vec<u16> = (0..width * height)
            .map(|i| {
                let (x, y, right, down) = (i % width / 4, i / width / 4, i % width % 4, i / width % 4);
                let upper = value(x, y) * (4 - right) + value(x + 1, y) * right;
                let lower = value(x, y + 1) * (4 - right) + value(x + 1, y + 1) * right;
                u16::try_from((upper * (4 - down) + lower * down) / 16).unwrap()
            })
            .collect();
        for (i, cover) in raster.cover.iter().enumerate() {
            let at = (120 + i / raster.width) * width + 20 + i % raster.width;
            samples[at] += u16::from(*cover);
        }
        let found = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
        boxed += found.iter().map(|region| region.width * region.height).sum::<u32>();
        lines += u32::try_from(raster.width * 14).unwrap();
        hidden +=
            u32::from(found.iter().any(|region| (region.top..region.top + region.height).contains(&127)));
    }
    assert!(hidden >= 36, "{hidden} of 40 lines");
    assert!(boxed < 5 * lines, "{boxed} pixels boxed for lines of {lines}");
}

#[test]
fn letters_of_one_value_are_found_in_noise_as_bright_as_they_are() {
    let mut random = sim::random::Random::new(13);
    let (width, height) = (400, 200);
    let (mut hidden, mut of) = (0, 0);
    for face in built_in(Set::Development).iter().chain(&built_in(Set::Reporting)) {
        for (height_px, ink) in [(21, 255), (28, 200), (28, 255)] {
            let raster = face.line("SMITH 1953", height_px).unwrap();
            let mut samples: Vec<u16> =
                (0..width * height).map(|_| u16::try_from(random.below(256)).unwrap()).collect();
            for (i, _) in raster.cover.iter().enumerate().filter(|(_, cover)| **cover > 127) {
                samples[(80 + i / raster.width) * width + 40 + i % raster.width] = ink;
            }
            let found = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
            let middle = u32::try_from(80 + raster.height / 2).unwrap();
            let is_hidden = |region: &Region| {
                (region.top..region.top + region.height).contains(&middle)
                    && region.left <= 44
                    && region.left + region.width >= u32::try_from(36 + raster.width).unwrap()
            };
            hidden += u32::from(found.iter().any(is_hidden));
            of += 1;
        }
    }
    assert!(hidden * 10 >= of * 9, "{hidden} of {of}");
}

#[test]
fn low_letters_that_touch_are_found() {
    let (width, height) = (200, 60);
    let (mut hidden, mut of) = (0, 0);
    for face in built_in(Set::Development).iter().chain(&built_in(Set::Reporting)) {
        for (height_px, text) in [(7, "62882636"), (8, "Ian Smith"), (9, "FERNSBY"), (7, "MOSS IAN")] {
            let Some(raster) = face.line(text, height_px) else { continue };
            let mut samples = vec![0u16; width * height];
            for (i, cover) in raster.cover.iter().enumerate() {
                // Bold: each pixel goes on in the next one.
                let at = (20 + i / raster.width) * width + 20 + i % raster.width;
                for at in [at, at + 1] {
                    samples[at] = samples[at].max(u16::from(*cover));
                }
            }
            let found = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
            hidden += u32::from(is_covered(&found, &samples, width, 255));
            of += 1;
        }
    }
    assert!(hidden * 100 >= of * 95, "{hidden} of {of}");
}

#[test]
fn a_drawing_of_a_few_values_far_apart_has_no_slopes() {
    let (width, height) = (200, 120);
    for [paper, ink, logo] in [[0, 20, 200], [0, 17, 255], [0, 455, 4095], [240, 220, 0]] {
        let mut samples = lettered(width, height, 1, paper, ink);
        for y in 80..110 {
            samples[y * width + 120..y * width + 170].fill(logo);
        }
        let found = find_text(&Plane { width, height, samples: &samples }, &Markers::default());
        assert!(is_covered(&found, &samples, width, ink), "{ink} on {paper} beside {logo}: {found:?}");
    }
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
        for region in find_text(&Plane { width, height, samples: &samples }, &Markers::default()) {
            prop_assert!(region.width > 0 && region.height > 0);
            prop_assert!((region.left + region.width) as usize <= width);
            prop_assert!((region.top + region.height) as usize <= height);
        }
    }
}

#[test]
fn an_image_of_more_shapes_than_are_looked_at_is_text_as_a_whole() {
    let (width, pitch) = (2048, 5);
    let is_dot = |at: usize| at % width % pitch < 2 && at / width % pitch < 2;
    let samples: Vec<u16> = (0..width * width).map(|at| if is_dot(at) { 4000 } else { 100 }).collect();
    let found = find_text(&Plane { width, height: width, samples: &samples }, &Markers::default());
    assert_eq!(found, [Region { left: 0, top: 0, width: 2048, height: 2048 }]);
}
