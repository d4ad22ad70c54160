//! JPEG: baseline and extended of 8 bits, grey extended of 12, and lossless of up to 16 (ISO/IEC 10918-1; PS3.5 §A.4.1, §8.2.1).

use super::{Decoded, Samples};
use crate::pixels::blocks;
use crate::pixels::shape::{Color, FRAME_BYTES_MAX, Shape};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

/// What a stream says of itself before its first scan.
struct Head {
    /// Start Of Frame: which process.
    process: u8,
    precision: u8,
    height: u16,
    width: u16,
    components: u8,
    /// Adobe's statement on colours, where there is one (APP14).
    adobe_transform: Option<u8>,
}

/// Decodes a frame.
pub(super) fn decode(stream: &[u8], shape: &Shape) -> Option<Decoded> {
    let head = head(stream)?;
    let is_lossless = head.process == 0xC3;
    let is_deep = head.process == 0xC1 && head.precision == 12 && head.components == 1;
    let is_known = is_lossless || is_deep || (matches!(head.process, 0xC0 | 0xC1) && head.precision == 8);
    let agrees = (usize::from(head.width), usize::from(head.height)) == (shape.width, shape.height)
        && usize::from(head.components) == shape.samples;
    if !is_known || !agrees {
        return None;
    }
    let precision = u32::from(head.precision);
    let (width, height) = (shape.width, shape.height);
    if is_deep {
        let samples = Samples::Words(blocks::samples_of_12_bits(stream)?);
        return Some(Decoded { width, height, components: 1, precision, samples, to_rgb: false });
    }
    let to_rgb = head.components == 3 && head.is_ybr(shape) && !is_lossless;
    let mut decoder = Decoder::new(stream);
    decoder.set_max_decoding_buffer_size(usize::try_from(FRAME_BYTES_MAX).ok()?);
    decoder.set_color_transform(match head.components {
        1 => ColorTransform::Grayscale,
        _ if to_rgb => ColorTransform::YCbCr,
        // As it stands there.
        _ => ColorTransform::RGB,
    });
    let bytes = decoder.decode().ok()?;
    let (components, samples) = match decoder.info()?.pixel_format {
        PixelFormat::L8 => (1, Samples::Bytes(bytes)),
        PixelFormat::RGB24 => (3, Samples::Bytes(bytes)),
        PixelFormat::L16 => {
            (1, Samples::Words(bytes.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]])).collect()))
        }
        PixelFormat::CMYK32 => return None,
    };
    Some(Decoded { width, height, components, precision, samples, to_rgb })
}

/// Whether a stream holds more than it shows. The lossless process has no blocks.
pub(super) fn hides(stream: &[u8]) -> bool {
    head(stream).is_none_or(|head| head.process != 0xC3 && blocks::hides(stream))
}

/// The blank value of each component of a frame, where `darkest` is that of one which stands alone. `None` if it is of another
/// process than the transfer syntax has.
pub(super) fn blank(stream: &[u8], shape: &Shape, is_baseline: bool, darkest: u8) -> Option<[u8; 3]> {
    let head = head(stream)?;
    if is_baseline && head.process != 0xC0 {
        return None;
    }
    Some(match head.components {
        1 => [darkest; 3],
        _ if head.is_ybr(shape) => [0, 128, 128],
        _ => [0; 3],
    })
}

impl Head {
    /// Whether its colours are luminance and chrominances. The stream's own word counts; without it that of the header (PS3.5 §8.2.1).
    fn is_ybr(&self, shape: &Shape) -> bool {
        match self.adobe_transform {
            Some(transform) => transform != 0,
            None => matches!(shape.color, Color::YbrFull | Color::YbrFull422),
        }
    }
}

/// Reads the marker segments up to the first scan.
fn head(stream: &[u8]) -> Option<Head> {
    let (mut at, mut adobe_transform, mut frame) = (2, None, None);
    loop {
        if *stream.get(at)? != 0xFF {
            return None;
        }
        let code = *stream.get(at + 1)?;
        if code == 0xFF {
            at += 1;
            continue;
        }
        let len = usize::from(u16::from_be_bytes([*stream.get(at + 2)?, *stream.get(at + 3)?]));
        let value = stream.get(at + 4..at + 2 + len)?;
        match code {
            0xDA => {
                return frame.map(|head| Head { adobe_transform, ..head });
            }
            0xEE if value.starts_with(b"Adobe") => adobe_transform = value.get(11).copied(),
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let [precision, h1, h2, w1, w2, components] = *value.first_chunk()?;
                let (height, width) = (u16::from_be_bytes([h1, h2]), u16::from_be_bytes([w1, w2]));
                let head =
                    Head { process: code, precision, height, width, components, adobe_transform: None };
                frame = Some(head);
            }
            _ => {}
        }
        at += 2 + len;
    }
}
