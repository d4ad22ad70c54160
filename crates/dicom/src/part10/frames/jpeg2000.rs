//! A JPEG 2000 codestream from SOC to EOC, High-Throughput included (ISO/IEC 15444-1 Annex A, 15444-15; PS3.5 §A.4.4).

use super::Result;
use super::stream::Stream;
use crate::part10::Span;
use crate::part10::error::PixelError;

/// Start Of Codestream.
pub(super) const SOC: u16 = 0xFF4F;
const COM: u16 = 0xFF64;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;

pub(super) fn follow(stream: &mut Stream<'_>, comments: &mut Vec<Span>) -> Result<()> {
    stream.skip(2)?;
    // Where the tile-part ends; at the end of the codestream where its length is given as 0 (A.4.2).
    let mut tile_end = None;
    loop {
        let (at, passed) = (stream.place(), stream.passed());
        let broken = PixelError::Stream { at };
        match stream.u16()? {
            EOC => return Ok(()),
            SOT => {
                if segment(stream)? != 8 {
                    return Err(broken);
                }
                stream.skip(2)?;
                let len = stream.u32()?;
                stream.skip(2)?;
                tile_end = (len > 0).then(|| passed + u64::from(len));
            }
            SOD => match tile_end {
                Some(end) => stream.skip(end.checked_sub(stream.passed()).ok_or(broken)?)?,
                None => return to_the_end(stream),
            },
            // The two bytes of registration say how to read it (A.9.2).
            COM => {
                let len = segment(stream)?.checked_sub(2).ok_or(broken)?;
                stream.skip(2)?;
                stream.comment(len, comments)?;
            }
            // CAP, SIZ to COC, TLM to PLT and CPF, QCD to POC, PPM to CRG, and part 2 (Table A.2; 15444-2 Table A.1).
            0xFF50..=0xFF53 | 0xFF55..=0xFF59 | 0xFF5C..=0xFF5F | 0xFF60..=0xFF63 | 0xFF72..=0xFF79 => {
                let len = segment(stream)?;
                stream.skip(u64::from(len))?;
            }
            _ => return Err(broken),
        }
    }
}

fn segment(stream: &mut Stream<'_>) -> Result<u16> {
    let at = stream.place();
    stream.u16()?.checked_sub(2).ok_or(PixelError::Stream { at })
}

/// Passes packets to the EOC marker: in them no byte above 8F follows FF (B.10.1, D.2.1).
fn to_the_end(stream: &mut Stream<'_>) -> Result<()> {
    let mut last = 0;
    loop {
        match (last, stream.byte()?) {
            (0xFF, 0xD9) => return Ok(()),
            (_, byte) => last = byte,
        }
    }
}
