//! The bar that gates releases: what the detector of burned-in text must find, and may take for text that is none, in a small
//! fixed part of the reporting set, in typefaces that need no system package. docs/detector.md has the whole measurement.

use deid::pixels::detect::{Markers, Plane, find_text};
use deid::pixels::region::Region;
use sim::lettering::{Contrast, Line, Picture, Set, built_in, picture};

const PICTURES: u64 = 36;

fn find(picture: &Picture) -> Vec<Region> {
    find_text(
        &Plane { width: picture.width, height: picture.height, samples: &picture.samples },
        &Markers::default(),
    )
}

fn is_found(line: &Line, boxes: &[Region]) -> bool {
    let holds = |region: &Region, x: u32, y: u32| {
        (region.left..region.left + region.width).contains(&x)
            && (region.top..region.top + region.height).contains(&y)
    };
    let covered = line.ink.iter().filter(|(x, y)| boxes.iter().any(|region| holds(region, *x, *y))).count();
    covered * 20 >= line.ink.len() * 19
}

#[test]
fn readable_lines_are_found() {
    let faces = built_in(Set::Reporting);
    let (mut found, mut of) = (0, 0);
    for nth in 0..PICTURES {
        let drawn = picture(Set::Reporting, nth, &faces);
        let boxes = find(&drawn);
        for line in drawn.lines.iter().filter(|line| line.letters > 2 && line.contrast != Contrast::Faint) {
            found += usize::from(is_found(line, &boxes));
            of += 1;
        }
    }
    assert!(of >= 80, "{of} lines are too few to say anything");
    assert!(found * 100 >= of * 93, "{found} of {of} lines");
}

#[test]
fn little_is_taken_for_text_that_is_none() {
    let (mut boxes, mut pixels) = (0, 0);
    for nth in PICTURES..2 * PICTURES {
        let drawn = picture(Set::Reporting, nth, &[]);
        boxes += find(&drawn).len();
        pixels += drawn.samples.len();
    }
    let per_megapixel = boxes as f64 / (pixels as f64 / 1e6);
    assert!(per_megapixel < 2.0, "{per_megapixel:.2} boxes per megapixel");
}

#[test]
fn what_is_blanked_stays_silent() {
    let faces = built_in(Set::Reporting);
    let mut silent = 0;
    for nth in 0..PICTURES {
        let mut drawn = picture(Set::Reporting, nth, &faces);
        for _ in 0..3 {
            for region in find(&drawn) {
                for y in region.top..region.top + region.height {
                    let from = y as usize * drawn.width + region.left as usize;
                    drawn.samples[from..from + region.width as usize].fill(0);
                }
            }
        }
        silent += u64::from(find(&drawn).is_empty());
    }
    assert!(silent * 100 >= PICTURES * 90, "{silent} of {PICTURES} pictures");
}
