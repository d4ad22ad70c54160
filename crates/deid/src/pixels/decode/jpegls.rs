//! JPEG-LS, lossless and near-lossless (ITU-T T.87, ISO/IEC 14495-1; PS3.5 §A.4.3). Names are those of its Annex A.

mod scan;

use super::{Decoded, Samples};
use crate::pixels::shape::Shape;
use scan::{Bits, Interleave, Parameters, Scan};

/// Decodes a frame.
pub(super) fn decode(stream: &[u8], shape: &Shape) -> Option<Decoded> {
    let mut frame = None;
    let mut preset = None;
    let mut planes: Vec<Vec<u16>> = Vec::new();
    let mut at = 2;
    let pixels = shape.width * shape.height;
    while planes.len() < shape.samples {
        let (code, value, next) = segment(stream, at)?;
        at = next;
        match code {
            // SOF55.
            0xF7 => {
                let [precision, h1, h2, w1, w2, components] = *value.first_chunk()?;
                let size = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
                let agrees = (usize::from(size.0), usize::from(size.1)) == (shape.width, shape.height)
                    && usize::from(components) == shape.samples
                    && (2..=16).contains(&precision);
                frame = Some(agrees.then_some(precision)?);
            }
            // LSE: presets; mapping tables are not known here.
            0xF8 => preset = Some(presets(value)?),
            // SOS.
            0xDA => {
                let components = usize::from(*value.first()?);
                let [near, interleave, point_transform] = *value.get(1 + components * 2..)?.first_chunk()?;
                let interleave = Interleave::of(interleave, components)?;
                if point_transform != 0 || planes.len() + components > shape.samples {
                    return None;
                }
                let parameters = Parameters::new(u32::from(frame?), i32::from(near), preset)?;
                let mut bits = Bits::new(stream.get(at..)?);
                let scan = Scan::new(parameters, shape.width, components);
                planes.append(&mut scan.decode(&mut bits, interleave, shape.height)?);
                at += bits.position();
            }
            // Colours turned before they were coded, as one maker does it: nothing says how in the standard.
            0xE8 if value.starts_with(b"mrfx") && value.get(4) != Some(&0) => return None,
            // Restart intervals are not known here.
            0xDD => return None,
            _ => {}
        }
    }
    if planes.iter().any(|plane| plane.len() != pixels) {
        return None;
    }
    let samples = if let [plane] = planes.as_mut_slice() {
        std::mem::take(plane)
    } else {
        (0..pixels).flat_map(|pixel| planes.iter().map(move |plane| plane[pixel])).collect()
    };
    let (width, height, components) = (shape.width, shape.height, shape.samples);
    let precision = u32::from(frame?);
    Some(Decoded { width, height, components, precision, samples: Samples::Words(samples), to_rgb: false })
}

/// The next marker segment: its code, its value, and where it ends.
fn segment(stream: &[u8], from: usize) -> Option<(u8, &[u8], usize)> {
    let mut at = from;
    // Bytes of FF may fill up before a code; behind a scan stands what is left of its last byte.
    while !(*stream.get(at)? == 0xFF && *stream.get(at + 1)? >= 0x80 && *stream.get(at + 1)? != 0xFF) {
        at += 1;
    }
    let code = stream[at + 1];
    if code == 0xD9 {
        return None;
    }
    let len = usize::from(u16::from_be_bytes([*stream.get(at + 2)?, *stream.get(at + 3)?]));
    let value = stream.get(at + 4..at + 2 + len)?;
    Some((code, value, at + 2 + len))
}

/// Preset coding parameters: MAXVAL, T1, T2, T3, RESET (C.2.4.1.1).
fn presets(value: &[u8]) -> Option<[i32; 5]> {
    if *value.first()? != 1 || value.len() < 11 {
        return None;
    }
    let number = |n: usize| i32::from(u16::from_be_bytes([value[n * 2 + 1], value[n * 2 + 2]]));
    Some([number(0), number(1), number(2), number(3), number(4)])
}
