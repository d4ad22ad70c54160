//! Streams of a foreign encoder, blanked here and decoded by a foreign decoder.
#![expect(clippy::cast_possible_truncation, reason = "places and samples of small pictures")]

use super::*;
use jpeg_decoder::Decoder;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

/// How a picture is coded.
#[derive(Debug, Clone)]
struct Coding {
    width: u16,
    height: u16,
    is_grey: bool,
    sampling: SamplingFactor,
    quality: u8,
    restart: u16,
    is_optimized: bool,
    seed: u64,
}

impl Coding {
    /// Samples of a unit of blocks, along and down.
    fn unit(&self) -> (u32, u32) {
        use SamplingFactor as S;
        match self.sampling {
            _ if self.is_grey => (8, 8),
            S::F_1_1 => (8, 8),
            S::F_2_1 => (16, 8),
            S::F_1_2 => (8, 16),
            S::F_4_1 => (32, 8),
            _ => (16, 16),
        }
    }

    /// A picture with slopes, edges and noise.
    fn picture(&self) -> Vec<u8> {
        let samples = if self.is_grey { 1 } else { 3 };
        let mut state = self.seed | 1;
        let mut noise = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 64) as usize
        };
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let value = |n: usize, noise: usize| {
            let (x, y) = (n / samples % width, n / samples / width);
            (x * 3 + y * 2 * (1 + n % samples) + noise + 90 * (x / 9 % 2)) % 256
        };
        (0..width * height * samples).map(|n| value(n, noise()) as u8).collect()
    }

    fn coded(&self, picture: &[u8]) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut encoder = Encoder::new(&mut stream, self.quality);
        encoder.set_sampling_factor(self.sampling);
        // It does both, but not at once.
        if self.is_optimized {
            encoder.set_optimized_huffman_tables(true);
        } else {
            encoder.set_restart_interval(self.restart);
        }
        let colors = if self.is_grey { ColorType::Luma } else { ColorType::Rgb };
        encoder.encode(picture, self.width, self.height, colors).unwrap();
        stream
    }

    fn fill(&self) -> [u8; 3] {
        if self.is_grey { [0; 3] } else { [0, 128, 128] }
    }
}

fn decoded(stream: &[u8]) -> Vec<u8> {
    Decoder::new(stream).decode().unwrap()
}

fn codings() -> impl Strategy<Value = Coding> {
    use SamplingFactor as S;
    let samplings = prop::sample::select(vec![S::F_1_1, S::F_2_1, S::F_1_2, S::F_2_2, S::F_4_1]);
    let sides = (1_u16..90, 1_u16..70);
    let parameters = (any::<bool>(), samplings, 5_u8..=100, 0_u16..6, any::<bool>(), any::<u64>());
    (sides, parameters).prop_map(
        |((width, height), (is_grey, sampling, quality, restart, is_optimized, seed))| Coding {
            width,
            height,
            is_grey,
            sampling,
            quality,
            restart,
            is_optimized,
            seed,
        },
    )
}

fn regions() -> impl Strategy<Value = Vec<Region>> {
    let region = (0_u32..90, 0_u32..70, 1_u32..60, 1_u32..40);
    let region = region.prop_map(|(left, top, width, height)| Region { left, top, width, height });
    prop::collection::vec(region, 1..4)
}

/// A region up to the next edges of units, and a few pixels more, where colours are smoothed.
fn widened(region: &Region, (across, down): (u32, u32), more: u32) -> Region {
    let (left, top) = (region.left / across * across, region.top / down * down);
    let right = (region.left + region.width).next_multiple_of(across);
    let bottom = (region.top + region.height).next_multiple_of(down);
    let (left, top) = (left.saturating_sub(more), top.saturating_sub(more));
    Region { left, top, width: right + more - left, height: bottom + more - top }
}

fn holds(region: &Region, x: u32, y: u32) -> bool {
    (region.left..region.left + region.width).contains(&x)
        && (region.top..region.top + region.height).contains(&y)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_where_nothing_is_blank_every_pixel_stays(coding in codings()) {
        let stream = coding.coded(&coding.picture());
        let again = blanked(&stream, &[], coding.fill()).unwrap();
        prop_assert_eq!(decoded(&again), decoded(&stream));
        // Written once, it is written the same ever after.
        prop_assert_eq!(blanked(&again, &[], coding.fill()).unwrap(), again);
    }

    #[test]
    fn law_what_no_region_touches_stays_and_what_is_inside_goes(coding in codings(), regions in regions()) {
        let stream = coding.coded(&coding.picture());
        let before = decoded(&stream);
        let after = decoded(&blanked(&stream, &regions, coding.fill()).unwrap());
        let more = if coding.is_grey { 0 } else { 4 };
        let touched: Vec<Region> = regions.iter().map(|region| widened(region, coding.unit(), more)).collect();
        let samples = if coding.is_grey { 1 } else { 3 };
        for n in 0..before.len() {
            let pixel = (n / samples) as u32;
            let (x, y) = (pixel % u32::from(coding.width), pixel / u32::from(coding.width));
            if !touched.iter().any(|region| holds(region, x, y)) {
                prop_assert_eq!(after[n], before[n], "{}, {}", x, y);
            }
            // A block that is wholly inside is black, but for what its coarsest step leaves.
            let (across, down) = coding.unit();
            let block = Region { left: x / across * across, top: y / down * down, width: across, height: down };
            let is_inside = |region: &Region| {
                holds(region, block.left, block.top)
                    && holds(region, block.left + across - 1, block.top + down - 1)
            };
            if coding.is_grey && regions.iter().any(is_inside) {
                prop_assert!(after[n] <= 16, "{} is left at {}, {}", after[n], x, y);
            }
        }
    }

    /// What stood in whole blocks cannot be told from what goes out.
    #[test]
    fn law_two_pictures_that_differ_inside_only_become_one(coding in codings(), region in regions(), other in any::<u8>()) {
        let (across, down) = coding.unit();
        let region = widened(&region[0], (across, down), 0);
        let picture = coding.picture();
        let mut changed = picture.clone();
        let samples = if coding.is_grey { 1 } else { 3 };
        for (n, value) in changed.iter_mut().enumerate() {
            let pixel = (n / samples) as u32;
            if holds(&region, pixel % u32::from(coding.width), pixel / u32::from(coding.width)) {
                *value ^= other.rotate_left(pixel % 8);
            }
        }
        let [one, other] = [picture, changed]
            .map(|picture| blanked(&coding.coded(&picture), std::slice::from_ref(&region), coding.fill()).unwrap());
        prop_assert!(one == other);
    }

    #[test]
    fn law_whatever_is_damaged_ends(coding in codings(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut stream = coding.coded(&coding.picture());
        let at = at.index(stream.len());
        stream[at] = byte;
        let _ = blanked(&stream, &[], coding.fill());
        let _ = blanked(&stream[..at], &[], coding.fill());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_filling_hides_nothing_and_what_was_cut_off_is_seen(coding in codings()) {
        // What is coded coarsely may look like anything, and is decoded rather than kept.
        let coding = Coding { quality: coding.quality.max(85), ..coding };
        let stream = coding.coded(&coding.picture());
        prop_assert!(!hides(&stream), "{:?}", coding);
        // Two rows less are shown of rows that differ from each other, and the units stay as many.
        let (_, down) = coding.unit();
        let rows = u32::from(coding.height);
        prop_assume!(rows > 3 && (rows - 1) / down == (rows - 3) / down);
        let mut shorter = stream;
        let header = shorter.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
        shorter[header + 5..header + 7].copy_from_slice(&(coding.height - 2).to_be_bytes());
        let width = usize::from(coding.width) * if coding.is_grey { 1 } else { 3 };
        let shown: Vec<u8> = coding.picture()[..width * (usize::from(coding.height) - 2)].to_vec();
        let differs = coding.picture()[shown.len()..].chunks(width).any(|row| {
            row.iter().zip(&shown[shown.len() - width..]).any(|(a, b)| a.abs_diff(*b) > 180)
        });
        prop_assume!(differs && coding.is_grey);
        prop_assert!(hides(&shorter), "{:?}", coding);
    }
}

/// A grey picture of this size.
fn grey(width: u16, height: u16) -> Coding {
    let sampling = SamplingFactor::F_1_1;
    Coding { width, height, is_grey: true, sampling, quality: 80, restart: 0, is_optimized: false, seed: 7 }
}

/// Of two codings one decoder shows the first, another the last.
#[test]
fn a_component_that_is_coded_twice_is_not_followed() {
    let coding = grey(40, 24);
    let stream = coding.coded(&coding.picture());
    let scan = stream.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    let twice = [&stream[..stream.len() - 2], &stream[scan..]].concat();
    assert!(blanked(&stream, &[], [0; 3]).is_some() && !hides(&stream));
    assert!(blanked(&twice, &[], [0; 3]).is_none() && hides(&twice));
    let without = [&stream[..scan], &[0xFF, 0xD9]].concat();
    assert!(blanked(&without, &[], [0; 3]).is_none());
}

#[test]
fn comments_and_what_makers_add_do_not_go_out() {
    let coding = grey(40, 24);
    let mut stream = coding.coded(&coding.picture());
    let planted =
        [&[0xFF, 0xFE, 0, 15][..], b"SENTINEL ANNA", &[0xFF, 0xE1, 0, 15], b"SENTINEL ANNA"].concat();
    stream.splice(2..2, planted);
    stream.extend(b"SENTINEL ANNA");
    let out = blanked(&stream, &[], [0; 3]).unwrap();
    assert!(!out.windows(8).any(|bytes| bytes == b"SENTINEL"));
    assert_eq!(decoded(&out), decoded(&stream));
}

#[test]
fn what_is_progressive_is_not_followed() {
    let mut stream = Vec::new();
    let mut encoder = Encoder::new(&mut stream, 80);
    encoder.set_progressive(true);
    encoder.encode(&[77; 32 * 32], 32, 32, ColorType::Luma).unwrap();
    assert!(blanked(&stream, &[], [0; 3]).is_none());
}
