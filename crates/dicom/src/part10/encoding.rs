//! How elements are laid out in bytes: byte order, explicit or implicit VR (PS3.5 §7.1, §7.3, Annex A).

use crate::tag::{self, Tag, VR};
use crate::uid::transfer_syntax as ts;
use std::sync::LazyLock;

pub(super) const UNDEFINED: u32 = u32::MAX;
pub(super) const ITEM: Tag = Tag(0xFFFE, 0xE000);
pub(super) const ITEM_DELIMITER: Tag = Tag(0xFFFE, 0xE00D);
pub(super) const SEQUENCE_DELIMITER: Tag = Tag(0xFFFE, 0xE0DD);
/// Data Set Trailing Padding (PS3.10 §7.2).
pub(super) const TRAILING_PADDING: Tag = Tag(0xFFFC, 0xFFFC);

/// Byte order and VR form of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

pub(super) const IMPLICIT_LE: Encoding = Encoding { explicit: false, big_endian: false };
pub(super) const EXPLICIT_LE: Encoding = Encoding { explicit: true, big_endian: false };
pub(super) const EXPLICIT_BE: Encoding = Encoding { explicit: true, big_endian: true };

impl Encoding {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The tag at the start of an element; `raw` holds at least four bytes.
    pub(super) fn tag(self, raw: &[u8]) -> Tag {
        Tag(self.u16([raw[0], raw[1]]), self.u16([raw[2], raw[3]]))
    }

    /// The transfer syntax of a native data set in this encoding.
    pub(super) fn native_uid(self) -> &'static str {
        match self {
            IMPLICIT_LE => ts::IMPLICIT_VR_LITTLE_ENDIAN,
            Encoding { big_endian: true, .. } => ts::EXPLICIT_VR_BIG_ENDIAN,
            _ => ts::EXPLICIT_VR_LITTLE_ENDIAN,
        }
    }
}

/// What a transfer syntax means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) encoding: Encoding,
    pub(super) deflated: bool,
    /// Native pixel data in big endian words under a little-endian data set (GE's private syntax).
    pub(super) pixels_big_endian: bool,
}

/// GE Medical Systems' private syntax: Implicit VR Little Endian with big-endian pixel data.
const GE_IMPLICIT_BIG_ENDIAN_PIXELS: &str = "1.2.840.113619.5.2";
/// Papyrus 3 Implicit VR Little Endian (retired).
const PAPYRUS_3_IMPLICIT: &str = "1.2.840.10008.1.20";
/// JPIP Referenced Deflate, JPIP HTJ2K Referenced Deflate, and the forms without deflate.
const JPIP_DEFLATE: [(&str, &str); 2] = [
    ("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.94"),
    ("1.2.840.10008.1.2.4.205", "1.2.840.10008.1.2.4.204"),
];

impl Syntax {
    /// Every syntax that is not named here is Explicit VR Little Endian (PS3.5 §A.4).
    pub(super) fn of(uid: &str) -> Self {
        let plain = |encoding| Self { encoding, deflated: false, pixels_big_endian: false };
        match uid {
            ts::IMPLICIT_VR_LITTLE_ENDIAN | PAPYRUS_3_IMPLICIT => plain(IMPLICIT_LE),
            ts::EXPLICIT_VR_BIG_ENDIAN => plain(EXPLICIT_BE),
            GE_IMPLICIT_BIG_ENDIAN_PIXELS => Self { pixels_big_endian: true, ..plain(IMPLICIT_LE) },
            ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Self { deflated: true, ..plain(EXPLICIT_LE) },
            uid if JPIP_DEFLATE.iter().any(|(deflated, _)| *deflated == uid) => {
                Self { deflated: true, ..plain(EXPLICIT_LE) }
            }
            _ => plain(EXPLICIT_LE),
        }
    }
}

/// Whether pixel data in this syntax is one run of bytes.
pub(super) fn is_native(uid: &str) -> bool {
    ts::is_native(uid) || matches!(uid, GE_IMPLICIT_BIG_ENDIAN_PIXELS | PAPYRUS_3_IMPLICIT)
}

/// The syntax that an object read in `uid` is written in: Explicit VR Little Endian, or the same encapsulation.
pub(super) fn written_as(uid: &str) -> &str {
    if uid.is_empty() || is_native(uid) {
        return ts::EXPLICIT_VR_LITTLE_ENDIAN;
    }
    JPIP_DEFLATE.iter().find(|(deflated, _)| *deflated == uid).map_or(uid, |(_, plain)| plain)
}

/// The VR of this code (PS3.5 §6.2).
pub(super) fn vr(code: [u8; 2]) -> Option<VR> {
    const LETTERS: usize = 26;
    static VRS: LazyLock<[Option<VR>; LETTERS * LETTERS]> = LazyLock::new(|| {
        let letters = || b'A'..=b'Z';
        let mut codes = letters().flat_map(|first| letters().map(move |second| [first, second]));
        std::array::from_fn(|_| VR::from_binary(codes.next()?))
    });
    let [first, second] = code.map(|letter| usize::from(letter.wrapping_sub(b'A')));
    if first < LETTERS && second < LETTERS { VRS[first * LETTERS + second] } else { None }
}

/// Whether the explicit form has two reserved bytes and a 32-bit length (PS3.5 Table 7.1-1).
pub(super) fn has_long_form(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}

/// The width of the words that byte order applies to (PS3.5 §7.3); 1 where it does not.
pub(super) fn word_bytes(vr: VR) -> u8 {
    match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
    }
}

/// Reverses each whole word; an odd rest is left alone.
pub(super) fn swap_words(bytes: &mut [u8], word: u8) {
    if word > 1 {
        bytes.chunks_exact_mut(usize::from(word)).for_each(<[u8]>::reverse);
    }
}

/// Whether `raw` (8 bytes or more) starts like an element with a VR that the standard knows.
pub(super) fn looks_explicit(raw: &[u8]) -> bool {
    raw.len() >= 8 && vr([raw[4], raw[5]]).is_some()
}

/// The header of an item of this length, little endian.
pub(super) fn item_header(len: u32) -> [u8; 8] {
    let l = len.to_le_bytes();
    [0xFE, 0xFF, 0x00, 0xE0, l[0], l[1], l[2], l[3]]
}

/// What fills a value to even length (PS3.5 §6.2): a space for text, NUL for UIDs and bytes.
pub(super) fn padding(vr: VR) -> u8 {
    if vr != VR::UI && tag::is_text(vr) { b' ' } else { 0 }
}

pub(super) fn put_tag(out: &mut Vec<u8>, tag: Tag) {
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
}

/// Tag, VR and length in explicit form (PS3.5 §7.1.2). The caller has seen to it that the length fits.
pub(super) fn put_front(out: &mut Vec<u8>, tag: Tag, vr: VR, len: u32) {
    put_tag(out, tag);
    out.extend_from_slice(&vr.to_bytes());
    match u16::try_from(len) {
        Ok(short) if !has_long_form(vr) => out.extend_from_slice(&short.to_le_bytes()),
        _ => {
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&len.to_le_bytes());
        }
    }
}

/// An element of group 0002: short, explicit.
pub(super) fn put_element(out: &mut Vec<u8>, tag: Tag, vr: VR, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap_or(0);
    put_front(out, tag, vr, len);
    out.extend_from_slice(bytes);
}

/// A text element of group 0002, padded; cut where no valid value could be so long.
pub(super) fn put_short_text(out: &mut Vec<u8>, tag: Tag, vr: VR, text: &str) {
    let mut bytes = text.as_bytes()[..text.len().min(0xFFFE)].to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(padding(vr));
    }
    put_element(out, tag, vr, &bytes);
}
