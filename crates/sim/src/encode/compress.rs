//! Two lossless encoders, small enough to check by eye: RLE (PS3.5 Annex G) and JPEG process 14, selection value 1.
#![expect(
    clippy::cast_possible_truncation,
    reason = "bit packing: the discarded bits are masked or already written"
)]

use super::{Pixels, Samples, Syntax};

/// The codestream of each frame.
pub(super) fn frames(pixels: &Pixels, syntax: Syntax) -> Vec<Vec<u8>> {
    let frame = usize::from(pixels.rows) * usize::from(pixels.columns) * usize::from(pixels.channels);
    let width = usize::from(pixels.columns);
    let jpeg = syntax == Syntax::JpegLossless;
    match &pixels.samples {
        Samples::Sixteen(all) => all
            .chunks_exact(frame)
            .map(|frame| {
                if jpeg {
                    return jpeg_lossless(frame, pixels);
                }
                let high = frame.iter().map(|s| (s >> 8) as u8).collect::<Vec<_>>();
                let low = frame.iter().map(|s| *s as u8).collect::<Vec<_>>();
                rle(&[high, low], width)
            })
            .collect(),
        Samples::Eight(all) => all
            .chunks_exact(frame)
            .map(|frame| {
                if jpeg {
                    let wide: Vec<u16> = frame.iter().map(|s| u16::from(*s)).collect();
                    return jpeg_lossless(&wide, pixels);
                }
                let channels = usize::from(pixels.channels);
                let planes: Vec<Vec<u8>> = (0..channels)
                    .map(|c| frame.iter().skip(c).step_by(channels).copied().collect())
                    .collect();
                rle(&planes, width)
            })
            .collect(),
    }
}

/// A header of 16 numbers, then one segment a byte plane, rows encoded apart (PS3.5 §G.3.1, §G.5).
fn rle(planes: &[Vec<u8>], width: usize) -> Vec<u8> {
    let mut header = vec![planes.len() as u32];
    let mut body = Vec::new();
    for plane in planes {
        header.push(64 + body.len() as u32);
        plane.chunks(width).for_each(|row| pack_bits(row, &mut body));
        if body.len() % 2 == 1 {
            body.push(0);
        }
    }
    header.resize(16, 0);
    let mut out: Vec<u8> = header.iter().flat_map(|n| n.to_le_bytes()).collect();
    out.extend(body);
    out
}

fn pack_bits(row: &[u8], out: &mut Vec<u8>) {
    let run_at = |at: usize| row[at..].iter().take(128).take_while(|b| **b == row[at]).count();
    let mut at = 0;
    while at < row.len() {
        let run = run_at(at);
        if run >= 2 {
            out.extend([(257 - run) as u8, row[at]]);
            at += run;
        } else {
            let start = at;
            while at < row.len() && at - start < 128 && run_at(at) < 3 {
                at += 1;
            }
            // At least one literal: a run of two after a literal is cheaper inside it.
            at = at.max(start + 1);
            out.push((at - start - 1) as u8);
            out.extend_from_slice(&row[start..at]);
        }
    }
}

/// ISO/IEC 10918-1 process 14: each sample is predicted from its left neighbour, the difference Huffman coded. All 17
/// categories have codes of five bits. Colour components are interleaved by pixel.
fn jpeg_lossless(frame: &[u16], pixels: &Pixels) -> Vec<u8> {
    let channels = pixels.channels as u8;
    let mut out = vec![0xff, 0xd8, 0xff, 0xc3, 0, 8 + 3 * channels, pixels.bits as u8];
    out.extend(pixels.rows.to_be_bytes());
    out.extend(pixels.columns.to_be_bytes());
    out.push(channels);
    (1..=channels).for_each(|id| out.extend([id, 0x11, 0]));
    out.extend([0xff, 0xc4, 0, 2 + 17 + 17, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(0..=16u8);
    out.extend([0xff, 0xda, 0, 6 + 2 * channels, channels]);
    (1..=channels).for_each(|id| out.extend([id, 0]));
    out.extend([1, 0, 0]);

    let step = usize::from(pixels.channels);
    let row = usize::from(pixels.columns) * step;
    let mut bits = Bits { out, hold: 0, held: 0 };
    for (at, sample) in frame.iter().enumerate() {
        let predicted = match (at < row, at % row < step) {
            (true, true) => 1 << (pixels.bits - 1),
            (false, true) => frame[at - row],
            _ => frame[at - step],
        };
        let difference = i32::from(sample.wrapping_sub(predicted) as i16);
        if difference == -32_768 {
            bits.put(16, 5);
            continue;
        }
        let category = 32 - difference.unsigned_abs().leading_zeros();
        bits.put(category, 5);
        let extra = if difference < 0 { difference - 1 } else { difference };
        bits.put(extra as u32 & ((1 << category) - 1), category);
    }
    bits.finish()
}

struct Bits {
    out: Vec<u8>,
    hold: u64,
    held: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.hold = self.hold << count | u64::from(value);
        self.held += count;
        while self.held >= 8 {
            self.held -= 8;
            let byte = (self.hold >> self.held) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.held > 0 {
            let fill = 8 - self.held;
            self.put((1 << fill) - 1, fill);
        }
        self.out.extend([0xff, 0xd9]);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ps3_5_g_3_2_runs_and_literals() {
        let mut out = Vec::new();
        pack_bits(&[5, 5, 5, 5, 1, 2, 3, 7, 7, 7], &mut out);
        assert_eq!(out, [253, 5, 2, 1, 2, 3, 254, 7]);
    }

    #[test]
    fn every_row_ends_its_own_packet() {
        let frame = rle(&[vec![9; 8]], 4);
        assert_eq!(&frame[64..], [253, 9, 253, 9]);
    }
}
