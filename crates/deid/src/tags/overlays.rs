//! Overlay planes (PS3.3 C.9.2): with Clean Graphics a plane stays without the text that is drawn in it (PS3.15 E.3.3).
//!
//! A plane is a picture of one bit a pixel. Text is blanked and the plane read again; what still reads goes, and so does a
//! plane that is not whole: its bits could say anything.

use crate::pixels::detect::{Markers, Plane, find_text};
use crate::pixels::region::Region;
use crate::text::TextCleaner;
use crate::values;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR};
use std::collections::BTreeSet;

/// The elements of a plane by their place in its group (PS3.3 Table C.9-2).
mod place {
    pub(super) const ROWS: u16 = 0x0010;
    pub(super) const COLUMNS: u16 = 0x0011;
    pub(super) const FRAMES: u16 = 0x0015;
    pub(super) const DESCRIPTION: u16 = 0x0022;
    pub(super) const TYPE: u16 = 0x0040;
    pub(super) const ORIGIN: u16 = 0x0050;
    pub(super) const FRAME_ORIGIN: u16 = 0x0051;
    pub(super) const BITS_ALLOCATED: u16 = 0x0100;
    pub(super) const BIT_POSITION: u16 = 0x0102;
    pub(super) const LABEL: u16 = 0x1500;
    pub(super) const DATA: u16 = 0x3000;
}

/// What of a plane goes out: these, and its text cleaned.
const NUMBERS: [(u16, VR); 7] = [
    (place::ROWS, VR::US),
    (place::COLUMNS, VR::US),
    (place::FRAMES, VR::IS),
    (place::ORIGIN, VR::SS),
    (place::FRAME_ORIGIN, VR::US),
    (place::BITS_ALLOCATED, VR::US),
    (place::BIT_POSITION, VR::US),
];

/// What else goes out, cleaned.
const OTHERS: [u16; 4] = [place::DESCRIPTION, place::TYPE, place::LABEL, place::DATA];

/// Whether this is an element of a plane that may go out.
pub(crate) fn is_overlay(tag: Tag) -> bool {
    tag.0 & 0xffe1 == 0x6000 && (OTHERS.contains(&tag.1) || NUMBERS.iter().any(|(at, _)| *at == tag.1))
}

/// More pixels than any overlay has, over all its frames.
const PIXELS_MAX: usize = 1 << 28;
/// How often a plane is blanked and read again.
const ROUNDS_MAX: usize = 3;

/// The planes of a data set that may go out.
pub(super) fn clean(dataset: &Dataset, text: &TextCleaner) -> Vec<Element> {
    let groups: BTreeSet<u16> =
        dataset.iter().map(|element| element.tag.0).filter(|group| group & 0xffe1 == 0x6000).collect();
    groups.into_iter().filter_map(|group| plane(dataset, group, text)).flatten().collect()
}

fn plane(dataset: &Dataset, group: u16, text: &TextCleaner) -> Option<Vec<Element>> {
    let number = |at| dataset.integer(Tag(group, at));
    let size = |at| usize::try_from(number(at)?).ok().filter(|size| *size > 0);
    let (rows, columns) = (size(place::ROWS)?, size(place::COLUMNS)?);
    let frames = if dataset.contains(Tag(group, place::FRAMES)) { size(place::FRAMES)? } else { 1 };
    let pixels = rows.checked_mul(columns)?.checked_mul(frames).filter(|pixels| *pixels <= PIXELS_MAX)?;
    let data = dataset.get(Tag(group, place::DATA))?;
    let is_whole = number(place::BITS_ALLOCATED) == Some(1)
        && number(place::BIT_POSITION) == Some(0)
        && matches!(data.vr, VR::OW | VR::OB)
        && data.bytes().len() == pixels.div_ceil(8).next_multiple_of(2);
    if !is_whole {
        return None;
    }
    let mut bits = data.bytes().to_vec();
    // What pads the last byte is no pixel.
    for at in pixels..bits.len() * 8 {
        bits[at / 8] &= !(1 << (at % 8));
    }
    for frame in 0..frames {
        without_text(&mut bits, frame * rows * columns, rows, columns)?;
    }
    let mut out = Vec::new();
    for (at, vr) in NUMBERS {
        out.extend(
            dataset.get(Tag(group, at)).filter(|e| e.vr == vr && values::is_valid(vr, e.bytes())).cloned(),
        );
    }
    let kind = dataset.text(Tag(group, place::TYPE)).filter(|kind| matches!(*kind, "G" | "R"))?;
    out.push(Element::text_of(Tag(group, place::TYPE), VR::CS, kind));
    for at in [place::DESCRIPTION, place::LABEL] {
        let words = dataset.text(Tag(group, at)).map(|words| text.clean(words).text);
        out.extend(
            words.filter(|words| !words.is_empty()).map(|w| Element::text_of(Tag(group, at), VR::LO, &w)),
        );
    }
    out.push(Element::bytes_of(Tag(group, place::DATA), data.vr, bits));
    Some(out)
}

/// Blanks the text of one frame; `None` if text is still read after some rounds.
fn without_text(bits: &mut [u8], first: usize, rows: usize, columns: usize) -> Option<()> {
    for _ in 0..ROUNDS_MAX {
        let is_set = |at: usize| u16::from(bits[at / 8] >> (at % 8) & 1);
        let samples: Vec<u16> = (first..first + rows * columns).map(is_set).collect();
        let found =
            find_text(&Plane { width: columns, height: rows, samples: &samples }, &Markers::default());
        if found.is_empty() {
            return Some(());
        }
        for Region { left, top, width, height } in found {
            let [left, top, width, height] =
                [left, top, width, height].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            for row in top..top.saturating_add(height).min(rows) {
                for column in left..left.saturating_add(width).min(columns) {
                    let at = first + row * columns + column;
                    bits[at / 8] &= !(1 << (at % 8));
                }
            }
        }
    }
    None
}
