//! How text is packed inside values: UTF-16, base64 (RFC 4648), and compressed streams that may break off.

use std::io::{self, Read};

/// A decoder whose errors are its end: what came out before is searched.
pub(crate) struct Lenient<R> {
    pub(crate) decoder: R,
    pub(crate) bytes: u64,
    pub(crate) starved: bool,
}

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer) {
            Ok(got) => {
                self.bytes += u64::try_from(got).unwrap_or(0);
                Ok(got)
            }
            Err(error) => {
                self.starved |= error.kind() == io::ErrorKind::UnexpectedEof;
                Ok(0)
            }
        }
    }
}

/// The ASCII letters of UTF-16 without their zero bytes, and where each stood.
pub(crate) fn narrowed(bytes: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut narrow, mut places) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let wide = (0x20..0x7F).contains(&bytes[at]) && bytes.get(at + 1).is_none_or(|next| *next == 0);
        narrow.push(if wide { bytes[at] } else { 0 });
        places.push(at);
        at += if wide { 2 } else { 1 };
    }
    (narrow, places)
}

pub(crate) fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

pub(crate) fn decoded(run: &[u8]) -> Vec<u8> {
    let sextets: Vec<u8> = run.iter().filter_map(|byte| sextet(*byte)).collect();
    let mut out = Vec::with_capacity(sextets.len() / 4 * 3);
    for four in sextets.chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, sextet| bits << 6 | u32::from(*sextet));
        let [_, a, b, c] = (bits << (6 * (4 - four.len()))).to_be_bytes();
        out.extend(&[a, b, c][..(four.len() * 3 / 4)]);
    }
    out
}
