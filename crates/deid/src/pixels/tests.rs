//! Frames of every layout: what is blanked, what stays as it is, and what the detector is shown.
#![expect(clippy::cast_possible_truncation, reason = "a byte of a sample")]

use super::clean::regions_without;
use super::frame::Frame;
use super::redact::covered_percent;
use super::region::Region;
use super::shape::Shape;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, tags};
use proptest::prelude::*;

/// What an Image Pixel Module can say (PS3.3 §C.7.6.3).
#[derive(Debug, Clone)]
struct Layout {
    photometric: &'static str,
    samples: u16,
    allocated: u16,
    stored: u16,
    signed: bool,
    planar: bool,
    columns: u16,
    rows: u16,
}

impl Layout {
    fn header(&self) -> Dataset {
        let mut set = Dataset::new();
        set.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, self.photometric);
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, self.samples),
            (tags::PLANAR_CONFIGURATION, u16::from(self.planar)),
            (tags::ROWS, self.rows),
            (tags::COLUMNS, self.columns),
            (tags::BITS_ALLOCATED, self.allocated),
            (tags::BITS_STORED, self.stored),
            (tags::HIGH_BIT, self.stored - 1),
            (tags::PIXEL_REPRESENTATION, u16::from(self.signed)),
        ] {
            set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
        }
        let ramp = |turned: bool| {
            let entry = |n: u16| if turned { 0xFFFF - n * 257 } else { n * 257 };
            (0..256).flat_map(|n| entry(n).to_le_bytes()).collect::<Vec<_>>()
        };
        for channel in 0..3 {
            let descriptor = [256_u16, 0, 16].map(u16::to_le_bytes).concat();
            set.put(Element::bytes_of(Tag(0x0028, 0x1101 + channel), VR::US, descriptor));
            set.put(Element::bytes_of(Tag(0x0028, 0x1201 + channel), VR::OW, ramp(channel == 1)));
        }
        set
    }

    fn shape(&self) -> Shape {
        Shape::of(&self.header()).unwrap()
    }

    /// The bits of a frame that belong to a pixel, worked out from the standard alone (PS3.5 §8.1, §8.2, PS3.3 §C.7.6.3.1).
    fn bits_of(&self, column: usize, row: usize) -> Vec<usize> {
        let pixel = row * usize::from(self.columns) + column;
        let pixels = usize::from(self.columns) * usize::from(self.rows);
        let cells: Vec<usize> = match (self.photometric, self.planar) {
            ("YBR_FULL_422", _) => vec![pixel / 2 * 4 + pixel % 2, pixel / 2 * 4 + 2, pixel / 2 * 4 + 3],
            (_, true) => (0..usize::from(self.samples)).map(|sample| sample * pixels + pixel).collect(),
            _ => (0..usize::from(self.samples))
                .map(|sample| pixel * usize::from(self.samples) + sample)
                .collect(),
        };
        let width = usize::from(self.allocated);
        cells.into_iter().flat_map(|cell| cell * width..(cell + 1) * width).collect()
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    let kind = prop::sample::select(vec![
        ("MONOCHROME1", 1, false),
        ("MONOCHROME2", 1, false),
        ("PALETTE COLOR", 1, false),
        ("RGB", 3, false),
        ("RGB", 3, true),
        ("YBR_FULL", 3, false),
        ("YBR_FULL", 3, true),
        ("YBR_FULL_422", 3, false),
    ]);
    let bits = prop::sample::select(vec![(1, 1), (8, 8), (8, 7), (16, 16), (16, 12), (16, 10), (32, 32)]);
    (kind, bits, any::<bool>(), 1_u16..9, 1_u16..9).prop_filter_map(
        "a combination that the standard has",
        |((photometric, samples, planar), (allocated, stored), signed, half, rows)| {
            let signed = signed && photometric.starts_with("MONO") && allocated > 1;
            let layout =
                Layout { photometric, samples, allocated, stored, signed, planar, columns: half * 2, rows };
            let has = match photometric {
                "PALETTE COLOR" => matches!(allocated, 8 | 16),
                "YBR_FULL_422" => allocated == 8,
                _ if samples == 3 => matches!(allocated, 8 | 16),
                _ => true,
            };
            has.then_some(layout)
        },
    )
}

fn regions() -> impl Strategy<Value = Vec<Region>> {
    let region = (0_u32..20, 0_u32..12, 0_u32..20, 0_u32..12).prop_map(|(left, top, width, height)| Region {
        left,
        top,
        width,
        height,
    });
    prop::collection::vec(region, 0..4)
}

fn is_in(regions: &[Region], column: usize, row: usize) -> bool {
    let (column, row) = (u32::try_from(column).unwrap(), u32::try_from(row).unwrap());
    regions.iter().any(|region| {
        (region.left..region.left + region.width).contains(&column)
            && (region.top..region.top + region.height).contains(&row)
    })
}

fn bit(bytes: &[u8], at: usize) -> bool {
    bytes[at / 8] >> (at % 8) & 1 == 1
}

proptest! {
    #[test]
    fn law_bits_outside_the_boxes_stay_and_inside_nothing_is_left(
        layout in layouts(),
        regions in regions(),
        seed in prop::collection::vec(any::<u8>(), 16 * 8 * 8),
    ) {
        let shape = layout.shape();
        let before = Frame::new(seed[..].iter().cycle().take(shape.frame_bytes()).copied().collect(), &shape).unwrap();
        let mut after = before.clone();
        after.blank(&shape, &regions);
        let mut kept = vec![true; shape.frame_bytes() * 8];
        let mut inside = std::collections::BTreeSet::new();
        for row in 0..shape.height {
            for column in 0..shape.width {
                // Two pixels that share their chrominances are blanked together.
                let pair = layout.photometric == "YBR_FULL_422";
                if is_in(&regions, column, row) || (pair && is_in(&regions, column ^ 1, row)) {
                    let bits = layout.bits_of(column, row);
                    inside.insert(bits.iter().map(|at| bit(after.bytes(), *at)).collect::<Vec<_>>());
                    bits.into_iter().for_each(|at| kept[at] = false);
                }
            }
        }
        prop_assert!(inside.len() <= 1, "one value fills all boxes");
        for (at, kept) in kept.into_iter().enumerate() {
            prop_assert!(!kept || bit(before.bytes(), at) == bit(after.bytes(), at), "bit {at}");
        }
        let mut again = after.clone();
        again.blank(&shape, &regions);
        prop_assert!(again == after, "blanking what is blank changes something");
    }

    #[test]
    fn law_what_is_blank_is_the_darkest_that_is_shown(layout in layouts(), seed in any::<u8>()) {
        let shape = layout.shape();
        let bytes = (0..shape.frame_bytes()).map(|n| seed.wrapping_mul(31).wrapping_add((n * 7 % 251) as u8));
        let mut frame = Frame::new(bytes.collect(), &shape).unwrap();
        frame.clear_hidden(&shape);
        let darkest = |frame: &Frame| {
            let rgb = frame.rgb8(&shape, None);
            rgb.chunks(3).map(|c| c.iter().map(|&v| u32::from(v)).sum::<u32>()).min().unwrap()
        };
        let was = darkest(&frame);
        let whole = Region { left: 0, top: 0, width: 2, height: 1 };
        frame.blank(&shape, &[whole]);
        let rgb = frame.rgb8(&shape, None);
        let shown = rgb[..3].iter().map(|&v| u32::from(v)).sum::<u32>();
        prop_assert!(shown <= was.max(darkest(&frame)), "{shown} {was}");
    }

    #[test]
    fn law_what_nobody_is_shown_is_cleared_and_what_is_shown_stays(
        layout in layouts(),
        seed in prop::collection::vec(any::<u8>(), 64),
    ) {
        let shape = layout.shape();
        let before = Frame::new(seed.iter().cycle().take(shape.frame_bytes()).copied().collect(), &shape).unwrap();
        let mut after = before.clone();
        let cleared = after.clear_hidden(&shape);
        prop_assert_eq!(cleared, after != before);
        prop_assert_eq!(before.planes(&shape), after.planes(&shape));
        prop_assert!(!after.clone().clear_hidden(&shape), "once is enough");
        if layout.samples == 1 && layout.allocated == 16 {
            let (low, sign) = ((1_u32 << layout.stored) - 1, 1_u32 << (layout.stored - 1));
            for cell in after.bytes().chunks(2).map(|c| u32::from(u16::from_le_bytes([c[0], c[1]]))) {
                let extended = layout.signed && cell & sign != 0 && cell | low == 0xFFFF;
                prop_assert!(cell & !low == 0 || extended, "{cell:x}");
            }
        }
    }

    #[test]
    fn law_what_lies_outside_regions_and_the_regions_are_the_frame(kept in regions()) {
        let outside = regions_without(19, 11, &kept);
        for row in 0..11 {
            for column in 0..19 {
                prop_assert_eq!(is_in(&outside, column, row), !is_in(&kept, column, row));
            }
        }
        let layout = Layout {
            photometric: "MONOCHROME2", samples: 1, allocated: 8, stored: 8, signed: false, planar: false,
            columns: 19, rows: 11,
        };
        let inside = (0..11).flat_map(|row| (0..19).map(move |column| (column, row)));
        let inside = inside.filter(|(column, row)| is_in(&kept, *column, *row)).count() as u64;
        prop_assert_eq!(covered_percent(&layout.shape(), &kept), inside * 100 / (19 * 11));
    }
}
