//! One spelling as bytes in every character set of PS3.3 C.12.1.1.2, and in the two byte orders of UTF-16.

use encoding_rs::Encoding;
use std::sync::OnceLock;

/// How the bytes around a match are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One byte or a UTF-8 sequence.
    Byte,
    /// Two bytes, low byte first.
    WideLittle,
    /// Two bytes, high byte first.
    WideBig,
    /// Two bytes of seven bits that mean something only after `ESC $ B` (JIS X 0208).
    Jis0208,
    /// The same after `ESC $ ( D` (JIS X 0212).
    Jis0212,
    /// A binary number: it has no neighbours.
    Binary,
}

/// A spelling in one character set.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) unit: Unit,
    pub(crate) name: &'static str,
}

/// The character sets of PS3.3 C.12.1.1.2 without code extensions; with them (ISO 2022) the single-byte sets, Korean
/// and Chinese have the same bytes between the escape sequences. EUC-JP and Big5 are no DICOM sets but real systems use them.
fn sets() -> [(&'static Encoding, &'static str); 17] {
    use encoding_rs::*;
    [
        (WINDOWS_1252, "ISO_IR 100"),
        (ISO_8859_2, "ISO_IR 101"),
        (ISO_8859_3, "ISO_IR 109"),
        (ISO_8859_4, "ISO_IR 110"),
        (ISO_8859_5, "ISO_IR 144"),
        (ISO_8859_6, "ISO_IR 127"),
        (ISO_8859_7, "ISO_IR 126"),
        (ISO_8859_8, "ISO_IR 138"),
        (WINDOWS_1254, "ISO_IR 148"),
        (ISO_8859_15, "ISO_IR 203"),
        (WINDOWS_874, "ISO_IR 166"),
        (SHIFT_JIS, "ISO_IR 13"),
        (GB18030, "GB18030"),
        (EUC_KR, "ISO 2022 IR 149"),
        (EUC_JP, "EUC-JP"),
        (BIG5, "Big5"),
        (WINDOWS_1251, "windows-1251"),
    ]
}

/// The spelling in every character set that has its characters, each form of bytes once.
pub(crate) fn encode(text: &str) -> Vec<Encoded> {
    let mut forms = vec![
        Encoded { bytes: text.as_bytes().to_vec(), unit: Unit::Byte, name: "UTF-8" },
        Encoded { bytes: wide(text, u16::to_le_bytes), unit: Unit::WideLittle, name: "UTF-16LE" },
        Encoded { bytes: wide(text, u16::to_be_bytes), unit: Unit::WideBig, name: "UTF-16BE" },
    ];
    if text.is_ascii() {
        return forms; // every other set has the same bytes for these
    }
    for (set, name) in sets() {
        let (bytes, _, unmappable) = set.encode(text);
        if !unmappable && forms.iter().all(|form| form.bytes != *bytes) {
            forms.push(Encoded { bytes: bytes.into_owned(), unit: Unit::Byte, name });
        }
    }
    forms.extend(iso_2022_jp(text));
    forms
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// ISO 2022 IR 87 and IR 159: kanji as seven-bit pairs. The bytes begin after the first escape sequence, because
/// a name may stand in the middle of a stretch; whoever finds them asks which set was designated there.
fn iso_2022_jp(text: &str) -> Option<Encoded> {
    let mut bytes = Vec::new();
    let (mut first, mut current) = (None, None);
    for c in text.chars() {
        let (pair, unit) = jis_pair(c)?;
        if current != Some(unit) {
            if first.is_some() {
                bytes.extend_from_slice(escape(unit));
            }
            first = first.or(Some(unit));
            current = Some(unit);
        }
        bytes.extend_from_slice(&pair);
    }
    let name = if first == Some(Unit::Jis0212) { "ISO 2022 IR 159" } else { "ISO 2022 IR 87" };
    Some(Encoded { bytes, unit: first?, name })
}

fn escape(unit: Unit) -> &'static [u8] {
    if unit == Unit::Jis0212 { b"\x1b$(D" } else { b"\x1b$B" }
}

fn jis_pair(c: char) -> Option<([u8; 2], Unit)> {
    let mut buffer = [0; 4];
    let (bytes, _, unmappable) = encoding_rs::EUC_JP.encode(c.encode_utf8(&mut buffer));
    match (*bytes).as_ref() {
        [high @ 0xA1..=0xFE, low @ 0xA1..=0xFE] if !unmappable => {
            Some(([high & 0x7F, low & 0x7F], Unit::Jis0208))
        }
        _ => {
            let table = jis_0212();
            let at = table.binary_search_by_key(&c, |entry| entry.0).ok()?;
            Some((table[at].1, Unit::Jis0212))
        }
    }
}

/// JIS X 0212 the other way round: encoding_rs decodes it (EUC-JP, code set 3) but does not encode it.
// Built once, on the first name that needs it.
fn jis_0212() -> &'static [(char, [u8; 2])] {
    static TABLE: OnceLock<Vec<(char, [u8; 2])>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Vec::with_capacity(6067);
        for high in 0x21..=0x7E_u8 {
            for low in 0x21..=0x7E_u8 {
                let euc = [0x8F, high | 0x80, low | 0x80];
                let text = encoding_rs::EUC_JP.decode_without_bom_handling_and_without_replacement(&euc);
                if let Some(c) = text.and_then(|text| text.chars().next()) {
                    table.push((c, [high, low]));
                }
            }
        }
        table.sort_unstable();
        table
    })
}

/// Whether the bytes at `start` stand where this seven-bit set is designated (PS3.5 §6.1.2.5), on a pair's boundary.
pub(crate) fn designated(bytes: &[u8], start: usize, unit: Unit) -> bool {
    let Some(esc) = memchr::memrchr(0x1B, &bytes[..start]) else { return false };
    let after = &bytes[esc + 1..start];
    let set = match (unit, after) {
        (Unit::Jis0212, [b'$', b'(', b'D', rest @ ..]) => rest,
        (Unit::Jis0208, [b'$', b'B' | b'@', rest @ ..]) => rest,
        _ => return false,
    };
    set.len() % 2 == 0
}

/// The character before a match; `None` at the edge of the value.
pub(crate) fn before(bytes: &[u8], start: usize, unit: Unit) -> Option<char> {
    match unit {
        Unit::Byte => {
            let last = *bytes.get(start.checked_sub(1)?)?;
            if last < 0x80 {
                return Some(char::from(last));
            }
            let utf8 = (2..=4).find_map(|width| {
                let text = std::str::from_utf8(bytes.get(start.checked_sub(width)?..start)?).ok()?;
                text.chars().next_back()
            });
            utf8.or(Some(char::from(last)))
        }
        Unit::WideLittle | Unit::WideBig => wide_at(bytes, start.checked_sub(2)?, unit),
        Unit::Jis0208 | Unit::Jis0212 | Unit::Binary => None,
    }
}

/// The character after a match; `None` at the edge of the value.
pub(crate) fn after(bytes: &[u8], end: usize, unit: Unit) -> Option<char> {
    match unit {
        Unit::Byte => {
            let first = *bytes.get(end)?;
            if first < 0x80 {
                return Some(char::from(first));
            }
            let utf8 = (2..=4).find_map(|width| {
                let text = std::str::from_utf8(bytes.get(end..end.checked_add(width)?)?).ok()?;
                text.chars().next()
            });
            utf8.or(Some(char::from(first)))
        }
        Unit::WideLittle | Unit::WideBig => wide_at(bytes, end, unit),
        Unit::Jis0208 | Unit::Jis0212 | Unit::Binary => None,
    }
}

fn wide_at(bytes: &[u8], at: usize, unit: Unit) -> Option<char> {
    let &[first, second] = bytes.get(at..at.checked_add(2)?)? else { return None };
    let code = if unit == Unit::WideBig { [first, second] } else { [second, first] };
    char::from_u32(u32::from(u16::from_be_bytes(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str, name: &str) -> Vec<u8> {
        encode(text).into_iter().find(|form| form.name == name).map(|form| form.bytes).unwrap()
    }

    #[test]
    fn the_examples_of_ps3_5_annex_h_and_i() {
        // PS3.5 H.3.1: Yamada in ISO 2022 IR 87; I.2: Hong in KS X 1001.
        assert_eq!(form("山田", "ISO 2022 IR 87"), b";3ED");
        assert_eq!(form("太郎", "ISO 2022 IR 87"), b"B@O:");
        assert_eq!(form("洪", "ISO 2022 IR 149"), b"\xfb\xf3");
        assert_eq!(form("吉洞", "ISO 2022 IR 149"), b"\xd1\xce\xd4\xd7");
        assert_eq!(form("ﾔﾏﾀﾞ", "ISO_IR 13"), b"\xd4\xcf\xc0\xde");
        assert_eq!(form("Äneas", "ISO_IR 100"), b"\xc4neas");
    }

    #[test]
    fn kanji_of_the_supplementary_set_are_encoded() {
        assert_eq!(form("丂", "ISO 2022 IR 159"), b"\x30\x21"); // row 16, the first kanji of JIS X 0212
    }

    #[test]
    fn seven_bit_kanji_count_only_after_their_escape_sequence() {
        assert!(designated(b"\x1b$B;3ED\x1b(B", 3, Unit::Jis0208));
        assert!(designated(b"\x1b$B;3ED", 5, Unit::Jis0208));
        assert!(!designated(b"\x1b$B;3ED", 4, Unit::Jis0208));
        assert!(!designated(b";3ED", 0, Unit::Jis0208));
        assert!(!designated(b"\x1b$B;3\x1b(B;3ED", 8, Unit::Jis0208));
    }
}
