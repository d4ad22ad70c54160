//! A JPEG stream as its blocks of coefficients: sequential processes with Huffman codes (ISO/IEC 10918-1 Annexes A, B and F).

use super::huffman::{BitReader, Decoding, Spec};
use std::array::from_fn;

/// Coefficients of 12-bit samples are below this.
const COEFFICIENT_MAX: i32 = 1 << 15;

/// One of its components (B.2.2).
pub(super) struct Component {
    id: u8,
    /// Samples along and down, for each unit of the picture.
    pub(super) across: u32,
    pub(super) down: u32,
    pub(super) quantization: usize,
}

/// What a frame header says.
pub(super) struct Picture {
    /// The header as it stands there.
    pub(super) header: Vec<u8>,
    pub(super) process: u8,
    /// Bits of a sample: 8 or 12.
    pub(super) precision: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
}

/// What has been defined so far.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) quantization: [Option<[u16; 64]>; 4],
    codes: [[Option<Decoding>; 4]; 2],
    /// Units between two restarts; 0 where there are none.
    restart: u32,
}

/// One component in a scan.
pub(super) struct Part<'a> {
    /// Which of the picture's.
    pub(super) component: usize,
    pub(super) id: u8,
    /// The steps of its coefficients, in the order of the stream.
    pub(super) steps: &'a [u16; 64],
    codes: [&'a Decoding; 2],
    /// Blocks of a unit, along and down.
    pub(super) across: u32,
    pub(super) down: u32,
    /// The DC of the block before.
    before: i32,
}

/// What becomes of a stream; `None` ends it.
pub(super) trait Sink {
    /// A segment that defines nothing.
    fn segment(&mut self, _code: u8, _value: &[u8]) {}
    /// All is defined that the first scan needs.
    fn begin(&mut self, picture: &Picture, tables: &Tables) -> Option<()>;
    /// A scan of these components follows,
    fn scan(&mut self, _parts: &[Part<'_>]) {}
    /// then rows of units,
    fn row(&mut self, _parts: &[Part<'_>], _row: u32) -> Option<()> {
        Some(())
    }
    /// then blocks: the place in its component, and the coefficients in the order of the stream.
    fn block(&mut self, part: &Part<'_>, place: (u32, u32), block: [i32; 64]) -> Option<()>;
    /// That was the scan.
    fn end(&mut self) {}
}

/// Follows a stream to its end. `None` if it is of another process, or cannot be followed.
pub(super) fn follow(stream: &[u8], sink: &mut impl Sink) -> Option<()> {
    let (mut tables, mut picture, mut is_begun) = (Tables::default(), None::<Picture>, false);
    // Each component is coded once: of two codings nobody knows which is shown.
    let mut coded = [false; 3];
    let mut at = stream.starts_with(&[0xFF, 0xD8]).then_some(2)?;
    loop {
        let [0xFF, code] = *stream.get(at..at + 2)? else { return None };
        at += 1;
        if code == 0xFF {
            continue;
        }
        at += 1;
        if code == 0xD9 {
            return coded.iter().take(picture?.components.len()).all(|coded| *coded).then_some(());
        }
        let length = usize::from(u16::from_be_bytes(*stream.get(at..)?.first_chunk()?));
        let value = stream.get(at + 2..at + length)?;
        at += length;
        match code {
            0xC0 | 0xC1 if picture.is_none() => picture = Some(Picture::of(code, value)?),
            0xC4 => tables.take_codes(value)?,
            // They count from the first scan on.
            0xDB if !is_begun => tables.take_quantization(value)?,
            0xDD => tables.restart = u32::from(u16::from_be_bytes(*value.first_chunk()?)),
            0xDA => {
                let picture = picture.as_ref()?;
                if !is_begun {
                    sink.begin(picture, &tables)?;
                    is_begun = true;
                }
                let parts = parts(picture, &tables, value)?;
                for part in &parts {
                    if std::mem::replace(coded.get_mut(part.component)?, true) {
                        return None;
                    }
                }
                at = scan(picture, parts, tables.restart, BitReader::new(stream, at), sink)?;
            }
            0xE0..=0xEF | 0xFE => sink.segment(code, value),
            _ => return None,
        }
    }
}

/// Follows one scan; returns where its bits end.
fn scan(
    picture: &Picture,
    mut parts: Vec<Part<'_>>,
    restart: u32,
    mut reader: BitReader<'_>,
    sink: &mut impl Sink,
) -> Option<usize> {
    let (columns, rows) = picture.units(&parts);
    let (mut until_restart, mut restarts) = (restart, 0);
    sink.scan(&parts);
    for row in 0..rows {
        sink.row(&parts, row)?;
        for column in 0..columns {
            if restart > 0 && until_restart == 0 {
                reader = reader.restarted(restarts)?;
                (until_restart, restarts) = (restart, (restarts + 1) % 8);
                parts.iter_mut().for_each(|part| part.before = 0);
            }
            until_restart = until_restart.saturating_sub(1);
            for part in &mut parts {
                for block in 0..part.across * part.down {
                    let x = column * part.across + block % part.across;
                    let y = row * part.down + block / part.across;
                    let coefficients = part.read(&mut reader)?;
                    sink.block(part, (x, y), coefficients)?;
                }
            }
        }
    }
    sink.end();
    reader.end()
}

/// The components of a scan (B.2.3).
fn parts<'a>(picture: &Picture, tables: &'a Tables, header: &[u8]) -> Option<Vec<Part<'a>>> {
    let (&[count], rest) = header.split_first_chunk()?;
    // What follows says which coefficients the scan has: in these processes all, whatever some encoders write.
    let (chosen, _) = rest.split_at_checked(2 * usize::from(count))?;
    if count == 0 {
        return None;
    }
    let part = |own: &[u8]| {
        let index = picture.components.iter().position(|component| component.id == own[0])?;
        let component = &picture.components[index];
        let codes = |which: usize, number: u8| tables.codes[which].get(usize::from(number))?.as_ref();
        Some(Part {
            component: index,
            id: own[0],
            steps: tables.quantization.get(component.quantization)?.as_ref()?,
            codes: [codes(0, own[1] >> 4)?, codes(1, own[1] & 15)?],
            across: if count == 1 { 1 } else { component.across },
            down: if count == 1 { 1 } else { component.down },
            before: 0,
        })
    };
    chosen.chunks_exact(2).map(part).collect()
}

impl Picture {
    fn of(process: u8, header: &[u8]) -> Option<Self> {
        let [precision, h1, h2, w1, w2, count] = *header.first_chunk()?;
        let components = header[6..].chunks_exact(3).map(|own| Component {
            id: own[0],
            across: u32::from(own[1] >> 4),
            down: u32::from(own[1] & 15),
            quantization: usize::from(own[2]),
        });
        let components: Vec<Component> = components.collect();
        let is_sound = header.len() == 6 + 3 * usize::from(count)
            && matches!((process, precision), (_, 8) | (0xC1, 12))
            && (1..=3).contains(&count)
            && components.iter().all(|own| (1..=4).contains(&own.across) && (1..=4).contains(&own.down));
        let [width, height] = [[w1, w2], [h1, h2]].map(|side| u32::from(u16::from_be_bytes(side)));
        (is_sound && width > 0 && height > 0).then(|| Self {
            header: header.to_vec(),
            process,
            precision,
            width,
            height,
            components,
        })
    }

    /// The most samples of a component, along and down.
    pub(super) fn most(&self) -> (u32, u32) {
        let most = |side: fn(&Component) -> u32| self.components.iter().map(side).max().unwrap_or(1);
        (most(|own| own.across), most(|own| own.down))
    }

    /// How many units a scan has along and down: one block each where a component is alone in it (A.2.2, A.2.3).
    fn units(&self, parts: &[Part<'_>]) -> (u32, u32) {
        let (across, down) = self.most();
        let [alone] = parts else { return (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down)) };
        let own = &self.components[alone.component];
        let blocks = |side: u32, own: u32, most: u32| (side * own).div_ceil(most).div_ceil(8);
        (blocks(self.width, own.across, across), blocks(self.height, own.down, down))
    }
}

impl Tables {
    fn take_quantization(&mut self, mut value: &[u8]) -> Option<()> {
        while let Some((&[kind], rest)) = value.split_first_chunk() {
            let bytes = if kind >> 4 == 0 { 1 } else { 2 };
            let (own, rest) = rest.split_at_checked(64 * bytes)?;
            let step =
                |at: usize| own[at * bytes..][..bytes].iter().fold(0, |n, byte| n << 8 | u16::from(*byte));
            *self.quantization.get_mut(usize::from(kind & 15))? = Some(from_fn(|at| step(at).max(1)));
            value = rest;
        }
        Some(())
    }

    fn take_codes(&mut self, mut value: &[u8]) -> Option<()> {
        while let Some((&[kind], rest)) = value.split_first_chunk() {
            let (counts, rest) = rest.split_first_chunk()?;
            let count = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let codes = Decoding::new(&Spec { counts, symbols })?;
            *self.codes.get_mut(usize::from(kind >> 4))?.get_mut(usize::from(kind & 15))? = Some(codes);
            value = rest;
        }
        Some(())
    }
}

impl Part<'_> {
    /// The next block (F.2.2).
    fn read(&mut self, reader: &mut BitReader<'_>) -> Option<[i32; 64]> {
        let mut block = [0; 64];
        let bits = reader.symbol(self.codes[0])?;
        let value = self.before + reader.number(u32::from(bits.min(16)))?;
        if value.abs() >= COEFFICIENT_MAX {
            return None;
        }
        self.before = value;
        block[0] = value;
        let mut at = 1;
        while at < 64 {
            let symbol = reader.symbol(self.codes[1])?;
            let (run, bits) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            match (run, bits) {
                (0, 0) => break,
                (15, 0) => at += 16,
                (_, 0) => return None,
                _ => {
                    *block.get_mut(at + run)? = reader.number(bits)?;
                    at += run + 1;
                }
            }
        }
        Some(block)
    }
}
