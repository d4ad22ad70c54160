//! Text in the character sets that archives really use (PS3.3 C.12.1.1.2, PS3.5 §6.1): the simulation writes them
//! with its own hands, so that the reader under test meets foreign bytes.

use encoding_rs::{EUC_KR, Encoding, GB18030, ISO_2022_JP, ISO_8859_2, ISO_8859_5, WINDOWS_1252};

/// A Specific Character Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// The default repertoire: the element is absent.
    Ascii,
    /// ISO_IR 100.
    Latin1,
    /// ISO_IR 101.
    Latin2,
    /// ISO_IR 144.
    Cyrillic,
    /// ISO_IR 192.
    Utf8,
    /// `\ISO 2022 IR 87`: ASCII, and JIS X 0208 by escape.
    Japanese,
    /// `\ISO 2022 IR 149`: ASCII, and KS X 1001 by escape.
    Korean,
    /// GB18030.
    Chinese,
}

impl Charset {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ascii,
        Self::Latin1,
        Self::Latin2,
        Self::Cyrillic,
        Self::Utf8,
        Self::Japanese,
        Self::Korean,
        Self::Chinese,
    ];

    /// The value of SpecificCharacterSet (0008,0005); `None` where it is absent.
    pub fn defined_term(self) -> Option<&'static str> {
        match self {
            Self::Ascii => None,
            Self::Latin1 => Some("ISO_IR 100"),
            Self::Latin2 => Some("ISO_IR 101"),
            Self::Cyrillic => Some("ISO_IR 144"),
            Self::Utf8 => Some("ISO_IR 192"),
            Self::Japanese => Some("\\ISO 2022 IR 87"),
            Self::Korean => Some("\\ISO 2022 IR 149"),
            Self::Chinese => Some("GB18030"),
        }
    }

    /// This set if it can hold a text, else one that can.
    pub fn or_one_that_holds(self, text: &str) -> Self {
        let candidates = [self, Self::Latin1, Self::Latin2, Self::Cyrillic, Self::Japanese, Self::Korean];
        candidates.into_iter().find(|set| set.holds(text)).unwrap_or(Self::Utf8)
    }

    fn holds(self, text: &str) -> bool {
        match self.encoding() {
            Some(encoding) => text.is_ascii() || holdable(encoding, text) == text,
            None => self == Self::Utf8 || text.is_ascii(),
        }
    }

    /// What it adds to ASCII.
    fn encoding(self) -> Option<&'static Encoding> {
        match self {
            Self::Ascii | Self::Utf8 => None,
            Self::Latin1 => Some(WINDOWS_1252),
            Self::Latin2 => Some(ISO_8859_2),
            Self::Cyrillic => Some(ISO_8859_5),
            Self::Japanese => Some(ISO_2022_JP),
            Self::Korean => Some(EUC_KR),
            Self::Chinese => Some(GB18030),
        }
    }

    /// The bytes of a text. What the set cannot hold becomes a question mark, as it does in life.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Ascii => {
                text.chars().map(|c| if c.is_ascii() { c } else { '?' }).map(|c| c as u8).collect()
            }
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Latin1 => single_byte(WINDOWS_1252, text),
            Self::Latin2 => single_byte(ISO_8859_2, text),
            Self::Cyrillic => single_byte(ISO_8859_5, text),
            Self::Chinese => GB18030.encode(text).0.into_owned(),
            Self::Japanese => {
                pieces(text, |piece| ISO_2022_JP.encode(&holdable(ISO_2022_JP, piece)).0.into_owned())
            }
            Self::Korean => pieces(text, |piece| {
                let mut bytes = b"\x1b$)C".to_vec();
                bytes.extend_from_slice(&EUC_KR.encode(&holdable(EUC_KR, piece)).0);
                bytes
            }),
        }
    }
}

/// The text with question marks for what the encoding lacks.
fn holdable(encoding: &'static Encoding, text: &str) -> String {
    let lacks = |c: char| encoding.encode(c.encode_utf8(&mut [0; 4])).2;
    text.chars().map(|c| if lacks(c) { '?' } else { c }).collect()
}

fn single_byte(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| match encoding.encode(c.encode_utf8(&mut [0; 4])) {
            (bytes, _, false) if bytes.len() == 1 => bytes[0],
            _ => b'?',
        })
        .collect()
}

/// Code extensions fall back to the first set at every delimiter (PS3.5 §6.1.2.5.3), so each piece between
/// delimiters is encoded for itself.
fn pieces(text: &str, encode: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let is_delimiter = |c: char| matches!(c, '\\' | '^' | '=' | '\r' | '\n' | '\t' | '\u{c}');
    let mut out = Vec::with_capacity(text.len());
    for piece in text.split_inclusive(is_delimiter) {
        let (words, delimiter) = match piece.char_indices().next_back() {
            Some((at, c)) if is_delimiter(c) => piece.split_at(at),
            _ => (piece, ""),
        };
        if words.is_ascii() {
            out.extend_from_slice(words.as_bytes());
        } else {
            out.extend(encode(words));
        }
        out.extend_from_slice(delimiter.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ps3_5_annex_h_japanese_example() {
        let bytes = Charset::Japanese.encode("Yamada^Tarou=山田^太郎=やまだ^たろう");
        let expected =
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn ps3_5_annex_i_korean_example() {
        let bytes = Charset::Korean.encode("Hong^Gildong=洪^吉洞=홍^길동");
        let expected =
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn single_byte_sets() {
        assert_eq!(Charset::Latin1.encode("Åse"), b"\xc5se");
        assert_eq!(Charset::Latin2.encode("Żaneta"), b"\xafaneta");
        assert_eq!(Charset::Cyrillic.encode("Люк"), b"\xbb\xee\xda");
        assert_eq!(Charset::Latin1.encode("橘"), b"?");
    }
}
