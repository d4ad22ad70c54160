//! Colours by number: the tables of the Palette Color Lookup Table Module, whole or in segments (PS3.3 §C.7.6.3.1.5, §C.7.6.3.1.6, §C.7.9.2).

use dicom::dataset::Dataset;
use dicom::tag::{Tag, VR, tags};

/// The descriptor of each colour's table, the table, and the table in segments.
const CHANNELS: [(Tag, Tag, Tag); 3] = [
    (
        tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
        tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    ),
    (
        tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
        tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    ),
    (
        tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
        tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    ),
];

/// Red, green and blue of each index, 16 bits each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Palette {
    first: i64,
    colors: Vec<[u16; 3]>,
}

impl Palette {
    /// The palette of a picture.
    pub(crate) fn of(dataset: &Dataset) -> Option<Self> {
        let mut tables = Vec::with_capacity(3);
        let mut first = 0;
        for (descriptor, whole, segmented) in CHANNELS {
            let element = dataset.get(descriptor)?;
            let number = |at: usize| {
                let bytes = element.bytes().get(at * 2..at * 2 + 2)?;
                Some(u16::from_le_bytes([bytes[0], bytes[1]]))
            };
            // 65,536 entries do not fit into 16 bits and are written as 0.
            let entries = number(0).map(|count| if count == 0 { 1 << 16 } else { usize::from(count) })?;
            let start = number(1)?;
            first = if element.vr == VR::SS { i64::from(start.cast_signed()) } else { i64::from(start) };
            let eight_bits = number(2)? == 8;
            tables.push(match dataset.get(whole).filter(|table| !table.is_empty()) {
                Some(table) => entries_of(table.bytes(), entries, eight_bits)?,
                None => expanded(dataset.get(segmented)?.bytes(), entries, eight_bits)?,
            });
        }
        let [red, green, blue] = <[Vec<u16>; 3]>::try_from(tables).ok()?;
        let colors = red.iter().zip(&green).zip(&blue).map(|((r, g), b)| [*r, *g, *b]).collect();
        Some(Self { first, colors })
    }

    /// The colour of a stored value; those outside the table have the colour of its nearest end.
    pub(crate) fn color(&self, value: i64) -> [u16; 3] {
        let last = self.colors.len().saturating_sub(1);
        let index = usize::try_from((value - self.first).max(0)).unwrap_or(last).min(last);
        self.colors.get(index).copied().unwrap_or_default()
    }

    /// The stored value that is shown darkest.
    pub(crate) fn darkest(&self) -> i64 {
        let sum = |color: &[u16; 3]| color.iter().map(|&c| u32::from(c)).sum::<u32>();
        let at = self.colors.iter().enumerate().min_by_key(|(_, color)| sum(color)).map_or(0, |(at, _)| at);
        self.first + i64::try_from(at).unwrap_or(0)
    }
}

/// A value of eight bits as one of sixteen.
fn widened(value: u16) -> u16 {
    value.saturating_mul(257)
}

/// A table that is there entry by entry.
fn entries_of(bytes: &[u8], entries: usize, eight_bits: bool) -> Option<Vec<u16>> {
    if bytes.len() >= entries * 2 {
        // Eight bits may stand alone in words.
        let words: Vec<u16> = words(bytes).take(entries).collect();
        let small = eight_bits && words.iter().all(|&word| word < 256);
        Some(words.into_iter().map(|word| if small { widened(word) } else { word }).collect())
    } else if eight_bits && bytes.len() >= entries {
        Some(bytes[..entries].iter().map(|&byte| widened(u16::from(byte))).collect())
    } else {
        None
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word))
}

/// A table in segments (PS3.3 §C.7.9.2), of which each is values, a straight line from the value before, or earlier ones again.
fn expanded(bytes: &[u8], entries: usize, eight_bits: bool) -> Option<Vec<u16>> {
    let values: Vec<u16> =
        if eight_bits { bytes.iter().copied().map(u16::from).collect() } else { words(bytes).collect() };
    let mut table = Vec::with_capacity(entries);
    let mut at = 0;
    while table.len() < entries {
        at = segment(&values, at, entries, eight_bits, &mut table)?;
    }
    (table.len() == entries).then(
        || {
            if eight_bits { table.into_iter().map(widened).collect() } else { table }
        },
    )
}

/// Adds the segment that begins there to the table. Gives where the next one begins.
fn segment(
    values: &[u16],
    at: usize,
    entries: usize,
    eight_bits: bool,
    table: &mut Vec<u16>,
) -> Option<usize> {
    let number = usize::from(*values.get(at + 1)?);
    match values[at] {
        0 | 1 => return simple(values, at, table),
        2 if number > 0 => {}
        _ => return None,
    }
    // The place of the earlier ones is in bytes, and takes four.
    let parts = if eight_bits { 4 } else { 2 };
    let bits = if eight_bits { 8 } else { 16 };
    let place = values.get(at + 2..at + 2 + parts)?;
    let bytes = place.iter().rev().fold(0, |place, part| place << bits | usize::from(*part));
    let mut from = if eight_bits { bytes } else { bytes / 2 };
    for _ in 0..number {
        if from >= at || table.len() > entries {
            return None;
        }
        from = simple(values, from, table)?;
    }
    Some(at + 2 + parts)
}

/// A segment of values, or a line. It adds something: a table of nothing, again and again, would take for ever.
fn simple(values: &[u16], at: usize, table: &mut Vec<u16>) -> Option<usize> {
    let number = usize::from(*values.get(at + 1)?);
    match values[at] {
        _ if number == 0 => None,
        0 => {
            table.extend_from_slice(values.get(at + 2..at + 2 + number)?);
            Some(at + 2 + number)
        }
        1 => {
            let (from, to) = (i64::from(*table.last()?), i64::from(*values.get(at + 2)?));
            let steps = i64::from(values[at + 1]);
            table
                .extend((1..=steps).filter_map(|step| u16::try_from(from + (to - from) * step / steps).ok()));
            Some(at + 3)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::dataset::Element;

    #[test]
    fn segments_are_values_lines_and_earlier_ones_again() {
        // Two values, a line of four, both again, and one more value.
        let words: [u16; 15] = [0, 2, 10, 20, 1, 4, 60, 2, 2, 0, 0, 0, 1, 7, 9];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let table = [10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60, 7];
        assert_eq!(expanded(&bytes, 13, false).unwrap(), table);
        let bytes: [u8; 16] = [0, 2, 10, 20, 1, 4, 60, 2, 2, 0, 0, 0, 0, 0, 1, 7];
        assert_eq!(expanded(&bytes, 13, true).unwrap(), table.map(|value| value * 257));
    }

    #[test]
    fn segments_that_do_not_make_the_table_are_none() {
        let table = |words: &[u16], entries: usize| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            expanded(&bytes, entries, false)
        };
        assert_eq!(table(&[0, 2, 10, 20], 2).unwrap(), [10, 20]);
        for (words, why) in [
            (&[][..], "nothing"),
            (&[0, 2, 10], "cut short"),
            (&[0, 1, 10], "too little"),
            (&[0, 3, 10, 20, 30], "too much"),
            (&[1, 2, 10], "a line from nowhere"),
            (&[3, 2, 10, 20], "no segment of the standard"),
            (&[2, 1, 0, 0], "itself again"),
            (&[0, 0, 0, 2, 10, 20], "a segment of nothing"),
            (&[0, 1, 10, 2, 0, 0, 0, 0, 1, 20], "nothing again"),
        ] {
            assert_eq!(table(words, 2), None, "{why}");
        }
    }

    #[test]
    fn each_colour_has_its_segments() {
        let mut set = Dataset::new();
        let bytes = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        for ((descriptor, whole, segmented), value) in CHANNELS.into_iter().zip([100u16, 200, 300]) {
            set.put(Element::bytes_of(descriptor, VR::US, bytes(&[3, 5, 16])));
            set.put(Element::bytes_of(whole, VR::OW, Vec::new()));
            set.put(Element::bytes_of(segmented, VR::OW, bytes(&[0, 1, 0, 1, 2, 2 * value])));
        }
        let palette = Palette::of(&set).unwrap();
        assert_eq!([4, 5, 6, 7, 8].map(|value| palette.color(value)[0]), [0, 0, 100, 200, 200]);
        assert_eq!(palette.color(6), [100, 200, 300]);
        assert_eq!(palette.darkest(), 5);
    }
}
