//! A JPEG or JPEG-LS frame from SOI to EOI (ISO/IEC 10918-1 Annex B, ISO/IEC 14495-1 Annex C; PS3.5 §A.4.1, §A.4.3).

use super::Result;
use super::stream::Stream;
use crate::part10::Span;
use crate::part10::error::PixelError;

/// Start Of Image.
pub(super) const SOI: u16 = 0xFFD8;

pub(super) fn follow(stream: &mut Stream<'_>, comments: &mut Vec<Span>) -> Result<()> {
    stream.skip(2)?;
    let mut code = marker(stream)?;
    loop {
        let at = stream.place();
        match code {
            // EOI.
            0xD9 => return Ok(()),
            // COM.
            0xFE => {
                let len = segment(stream)?;
                stream.comment(len, comments)?;
            }
            // JFIF without a thumbnail (APP0), Adobe's statement on colours (APP14). Another may hold anything.
            0xE0..=0xEF => {
                let len = segment(stream)?;
                let value = stream.bytes(len)?;
                let is_jfif =
                    code == 0xE0 && len == 14 && value.starts_with(b"JFIF\0") && value.ends_with(&[0, 0]);
                let is_adobe = code == 0xEE && len <= 12 && value.starts_with(b"Adobe");
                if !is_jfif && !is_adobe {
                    return Err(PixelError::Surplus { at });
                }
            }
            // SOS, and the scan behind it.
            0xDA => {
                let len = segment(stream)?;
                stream.skip(u64::from(len))?;
                code = scan(stream)?;
                continue;
            }
            // SOF, DHT, DAC; DQT, DNL, DRI, DHP, EXP; SOF55 and LSE of JPEG-LS.
            0xC0..=0xC7 | 0xC9..=0xCF | 0xDB..=0xDF | 0xF7 | 0xF8 => {
                let len = segment(stream)?;
                stream.skip(u64::from(len))?;
            }
            _ => return Err(PixelError::Stream { at }),
        }
        code = marker(stream)?;
    }
}

/// The next marker's code; bytes of FF may fill up before it (B.1.1.2).
fn marker(stream: &mut Stream<'_>) -> Result<u8> {
    let at = stream.place();
    if stream.byte()? != 0xFF {
        return Err(PixelError::Stream { at });
    }
    loop {
        match stream.byte()? {
            0xFF => {}
            code => return Ok(code),
        }
    }
}

/// The length of a marker segment's value (B.1.1.4).
fn segment(stream: &mut Stream<'_>) -> Result<u16> {
    let at = stream.place();
    stream.u16()?.checked_sub(2).ok_or(PixelError::Stream { at })
}

/// Passes entropy-coded data and restart markers; returns the code of the marker that ends it. In the data a zero bit follows
/// each byte of FF: in JPEG a whole byte of zeros (F.1.2.3), in JPEG-LS one bit (A.1).
fn scan(stream: &mut Stream<'_>) -> Result<u8> {
    loop {
        let ready = stream.look()?;
        let Some(at) = ready.iter().position(|&byte| byte == 0xFF) else {
            let all = ready.len();
            stream.take(all);
            continue;
        };
        stream.take(at);
        match marker(stream)? {
            0x00..=0x7F | 0xD0..=0xD7 => {}
            code => return Ok(code),
        }
    }
}
