//! Specific Character Set (0008,0005): bytes in any repertoire of PS3.3 §C.12.1.1.2 become UTF-8.
//!
//! Code extensions (ISO 2022, PS3.5 §6.1.2.5) are followed escape by escape; the tables are encoding_rs's.
//! Decoding never fails and loses no byte silently: what had to be guessed or replaced is reported.

use crate::tag::{self, VR};
use encoding_rs::Encoding;
use std::borrow::Cow;

const ESC: u8 = 0x1B;

/// The character set of a data set, as its (0008,0005) declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharacterSet {
    form: Form,
    understood: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One encoding for everything, without code extensions: UTF-8, GB18030, GBK.
    Whole(&'static Encoding),
    /// ISO 2022: what G0 and G1 hold at the start of each value.
    Iso2022(Active),
}

/// The code elements in use (PS3.5 §6.1.2.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Active {
    g0: G0,
    g1: G1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum G0 {
    /// ISO-IR 6.
    Ascii,
    /// ISO-IR 14: JIS X 0201 romaji.
    Romaji,
    /// ISO-IR 13 invoked in G0: not in the standard, but written by some.
    Katakana,
    /// ISO-IR 87, two bytes a character.
    JisX0208,
    /// ISO-IR 159, two bytes a character.
    JisX0212,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum G1 {
    Undesignated,
    /// A single-byte set; the upper half of this encoding.
    Single(&'static Encoding),
    /// ISO-IR 13: JIS X 0201 katakana.
    Katakana,
    /// ISO-IR 149 (KS X 1001) as EUC-KR, ISO-IR 58 (GB 2312) as GBK: two bytes a character.
    Double(&'static Encoding),
}

/// Where the initial character set comes back within an element's value (PS3.5 §6.1.2.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiters {
    /// Control characters only: ST, LT, UT.
    Controls,
    /// The backslash between values too.
    Values,
    /// And the `^` and `=` of a person's name.
    PersonName,
}

/// Text after decoding.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Whether every byte was covered by the declared character set; if not, something was guessed or
    /// stands as U+FFFD.
    pub certain: bool,
}

impl Delimiters {
    /// The delimiters of a value representation.
    pub fn of(vr: VR) -> Self {
        match vr {
            VR::PN => Self::PersonName,
            vr if tag::is_multi_valued_text(vr) => Self::Values,
            _ => Self::Controls,
        }
    }

    fn contains(self, byte: u8) -> bool {
        match byte {
            b'\\' => self != Self::Controls,
            b'^' | b'=' => self == Self::PersonName,
            _ => false,
        }
    }
}

impl Default for CharacterSet {
    /// The default repertoire, ISO-IR 6 (PS3.5 §6.1.1).
    fn default() -> Self {
        Self { form: Form::Iso2022(Active { g0: G0::Ascii, g1: G1::Undesignated }), understood: true }
    }
}

impl CharacterSet {
    /// UTF-8: ISO_IR 192.
    pub fn utf8() -> Self {
        Self { form: Form::Whole(encoding_rs::UTF_8), understood: true }
    }

    /// Reads the values of (0008,0005), lenient about spelling (`ISO-IR 100`, `ISO 2022 IR 100` alone, `UTF8`).
    pub fn from_terms<T: AsRef<str>>(terms: &[T]) -> Self {
        let parsed: Vec<Option<Term>> = terms.iter().map(|term| Term::parse(term.as_ref())).collect();
        let understood = parsed.iter().all(Option::is_some);
        // A set without code extensions stands alone; where others surround it, it wins over the default only.
        let mut meaningful =
            parsed.iter().flatten().filter(|term| !matches!(term, Term::Set(G0::Ascii, None)));
        if let Some(Term::Whole(encoding)) = meaningful.next() {
            return Self { form: Form::Whole(encoding), understood };
        }
        let first = match parsed.first() {
            Some(Some(Term::Set(g0, g1))) => (*g0, *g1),
            _ => (G0::Ascii, None),
        };
        // Two-byte G1 sets must be announced by an escape in every value; many writers forget. So where value 1
        // leaves G1 free, the first extension that fills it does so from the start.
        let g1 = first.1.or_else(|| {
            parsed.iter().flatten().find_map(|term| match term {
                Term::Set(_, g1) => *g1,
                Term::Whole(_) => None,
            })
        });
        Self { form: Form::Iso2022(Active { g0: first.0, g1: g1.unwrap_or(G1::Undesignated) }), understood }
    }

    /// Whether every term was one that this reader knows.
    pub fn is_understood(&self) -> bool {
        self.understood
    }

    /// Decodes the whole value of an element, all its values at once.
    pub fn decode<'a>(&self, bytes: &'a [u8], delimiters: Delimiters) -> Decoded<'a> {
        match self.form {
            Form::Whole(encoding) => decode_whole(encoding, bytes),
            Form::Iso2022(initial) => {
                if matches!(initial.g0, G0::Ascii) && bytes.is_ascii() && !bytes.contains(&ESC) {
                    return Decoded { text: plain(bytes), certain: true };
                }
                if let Some(decoded) = decode_shift_jis(initial, bytes) {
                    return decoded;
                }
                let mut decoder = Decoder { initial, active: initial, text: String::new(), certain: true };
                decoder.run(bytes, delimiters);
                Decoded { text: Cow::Owned(decoder.text), certain: decoder.certain }
            }
        }
    }
}

/// ASCII as text, looked through once.
fn plain(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A defined term of (0008,0005) (PS3.3 Tables C.12-2 to C.12-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    Whole(&'static Encoding),
    Set(G0, Option<G1>),
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let plain: String =
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        match plain.as_str() {
            "" | "ASCII" | "USASCII" => return Some(Self::Set(G0::Ascii, None)),
            "UTF8" => return Some(Self::Whole(encoding_rs::UTF_8)),
            "GB18030" | "ISO2022GB18030" => return Some(Self::Whole(encoding_rs::GB18030)),
            "GBK" | "ISO2022GBK" => return Some(Self::Whole(encoding_rs::GBK)),
            "LATIN1" | "WINDOWS1252" | "CP1252" => return Self::registered("100"),
            _ => {}
        }
        if let Some(part) = plain.strip_prefix("ISO8859") {
            return Self::iso_8859(part);
        }
        let rest = plain.strip_prefix("ISO").unwrap_or(&plain);
        let rest = rest.strip_prefix("2022").unwrap_or(rest);
        Self::registered(rest.strip_prefix("IR").unwrap_or(rest))
    }

    /// By number in the ISO international register of coded character sets.
    fn registered(number: &str) -> Option<Self> {
        let g1 = |g1| Some(Self::Set(G0::Ascii, Some(g1)));
        match number {
            "6" => Some(Self::Set(G0::Ascii, None)),
            "13" | "14" => Some(Self::Set(G0::Romaji, Some(G1::Katakana))),
            "87" | "159" => Some(Self::Set(G0::Ascii, None)), // never in use without its escape
            "149" => g1(G1::Double(encoding_rs::EUC_KR)),
            "58" => g1(G1::Double(encoding_rs::GBK)),
            "192" => Some(Self::Whole(encoding_rs::UTF_8)),
            number => g1(G1::Single(single_byte(number)?)),
        }
    }

    fn iso_8859(part: &str) -> Option<Self> {
        Self::registered(match part {
            "1" => "100",
            "2" => "101",
            "3" => "109",
            "4" => "110",
            "5" => "144",
            "6" => "127",
            "7" => "126",
            "8" => "138",
            "9" => "148",
            "11" => "166",
            "15" => "203",
            _ => return None,
        })
    }
}

/// The encoding whose upper half is this registered set. Latin-1 is read as its superset Windows-1252: bytes
/// 80 to 9F are undefined in the standard, and where they occur they are typographic quotes.
fn single_byte(number: &str) -> Option<&'static Encoding> {
    Some(match number {
        "100" => encoding_rs::WINDOWS_1252,
        "101" => encoding_rs::ISO_8859_2,
        "109" => encoding_rs::ISO_8859_3,
        "110" => encoding_rs::ISO_8859_4,
        "144" => encoding_rs::ISO_8859_5,
        "127" => encoding_rs::ISO_8859_6,
        "126" => encoding_rs::ISO_8859_7,
        "138" => encoding_rs::ISO_8859_8,
        "148" => encoding_rs::WINDOWS_1254,
        "166" => encoding_rs::WINDOWS_874,
        "203" => encoding_rs::ISO_8859_15,
        _ => return None,
    })
}

/// The escape sequence at the start of `bytes`: its length and what it changes (PS3.3 Tables C.12-3, C.12-4).
fn escape(bytes: &[u8], active: Active) -> Option<(usize, Active)> {
    let g0 = |g0| Some(Active { g0, ..active });
    let g1 = |g1| Some(Active { g1, ..active });
    let rest = bytes.get(1..)?;
    let (length, next) = match rest {
        [b'(', b'B', ..] => (3, g0(G0::Ascii)),
        [b'(', b'J', ..] => (3, g0(G0::Romaji)),
        [b'(', b'I', ..] => (3, g0(G0::Katakana)),
        [b')', b'I', ..] => (3, g1(G1::Katakana)),
        [b'-', last, ..] => (3, single_byte_final(*last).and_then(|e| g1(G1::Single(e)))),
        [b'$', b'B' | b'@', ..] => (3, g0(G0::JisX0208)),
        [b'$', b'(', b'B', ..] => (4, g0(G0::JisX0208)),
        [b'$', b'(', b'D', ..] => (4, g0(G0::JisX0212)),
        [b'$', b')', b'C', ..] => (4, g1(G1::Double(encoding_rs::EUC_KR))),
        [b'$', b')', b'A', ..] => (4, g1(G1::Double(encoding_rs::GBK))),
        _ => return None,
    };
    Some((length, next?))
}

fn single_byte_final(last: u8) -> Option<&'static Encoding> {
    single_byte(match last {
        b'A' => "100",
        b'B' => "101",
        b'C' => "109",
        b'D' => "110",
        b'L' => "144",
        b'G' => "127",
        b'F' => "126",
        b'H' => "138",
        b'M' => "148",
        b'T' => "166",
        b'b' => "203",
        _ => return None,
    })
}

struct Decoder {
    initial: Active,
    active: Active,
    text: String,
    certain: bool,
}

impl Decoder {
    fn run(&mut self, bytes: &[u8], delimiters: Delimiters) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += match byte {
                ESC => self.escape(&bytes[at..]),
                0..=0x20 | 0x7F => self.control(byte),
                0x80.. => self.high(&bytes[at..]),
                _ if matches!(self.active.g0, G0::JisX0208 | G0::JisX0212) => {
                    self.double(&bytes[at..], delimiters)
                }
                _ if delimiters.contains(byte) => self.delimiter(byte),
                _ => self.graphic(byte),
            };
        }
    }

    fn escape(&mut self, bytes: &[u8]) -> usize {
        match escape(bytes, self.active) {
            Some((length, active)) => {
                self.active = active;
                length
            }
            None => {
                self.text.push('\u{1B}');
                self.certain = false;
                1
            }
        }
    }

    fn control(&mut self, byte: u8) -> usize {
        if matches!(byte, b'\t' | b'\n' | 0x0C | b'\r') {
            self.active = self.initial;
        }
        self.text.push(char::from(byte));
        1
    }

    fn delimiter(&mut self, byte: u8) -> usize {
        self.active = self.initial;
        self.text.push(char::from(byte));
        1
    }

    /// A graphic character of a single-byte G0 set.
    fn graphic(&mut self, byte: u8) -> usize {
        self.text.push(match (self.active.g0, byte) {
            (G0::Romaji, b'\\') => '¥',
            (G0::Romaji, b'~') => '\u{203E}',
            (G0::Katakana, 0x21..=0x5F) => half_width_katakana(byte | 0x80),
            _ => char::from(byte),
        });
        1
    }

    /// A character of a two-byte G0 set.
    fn double(&mut self, bytes: &[u8], delimiters: Delimiters) -> usize {
        let lead = bytes[0];
        let Some(trail) = bytes.get(1).copied().filter(|b| (0x21..0x7F).contains(b)) else {
            // No pair: a delimiter whose writer forgot to return to the initial set, or a torn character.
            self.certain = false;
            if delimiters.contains(lead) {
                return self.delimiter(lead);
            }
            self.text.push(char::REPLACEMENT_CHARACTER);
            return 1;
        };
        let euc = [0x8F, lead | 0x80, trail | 0x80];
        let euc = if self.active.g0 == G0::JisX0212 { &euc[..] } else { &euc[1..] };
        self.push(encoding_rs::EUC_JP, euc);
        2
    }

    /// A run of bytes with the high bit set: all of it belongs to G1.
    fn high(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.iter().position(u8::is_ascii).unwrap_or(bytes.len());
        let run = &bytes[..length];
        match self.active.g1 {
            G1::Single(encoding) | G1::Double(encoding) => self.push(encoding, run),
            G1::Katakana => {
                for &byte in run {
                    let known = (0xA1..=0xDF).contains(&byte);
                    self.certain &= known;
                    self.text.push(if known {
                        half_width_katakana(byte)
                    } else {
                        char::REPLACEMENT_CHARACTER
                    });
                }
            }
            G1::Undesignated => {
                self.certain = false;
                self.text.push_str(&guess(run));
            }
        }
        length
    }

    fn push(&mut self, encoding: &'static Encoding, bytes: &[u8]) {
        let (text, replaced) = encoding.decode_without_bom_handling(bytes);
        self.certain &= !replaced;
        self.text.push_str(&text);
    }
}

fn half_width_katakana(byte: u8) -> char {
    char::from_u32(0xFF61 + u32::from(byte) - 0xA1).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Undeclared high bytes: UTF-8 where they are, Latin-1 otherwise. Loses nothing.
fn guess(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

fn decode_whole<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Decoded<'a> {
    if encoding == encoding_rs::UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Decoded { text: Cow::Borrowed(text), certain: true },
            // Cut in the middle of a character: the rest is still UTF-8.
            Err(e) if e.error_len().is_none() => {
                Decoded { text: String::from_utf8_lossy(bytes), certain: false }
            }
            Err(_) => Decoded { text: guess(bytes), certain: false },
        };
    }
    let (text, replaced) = encoding.decode_without_bom_handling(bytes);
    Decoded { text, certain: !replaced }
}

/// Shift-JIS under ISO_IR 13, of which it is a superset: undeclared, but common.
fn decode_shift_jis(initial: Active, bytes: &[u8]) -> Option<Decoded<'_>> {
    let foreign = |b: &u8| matches!(b, 0x80..=0xA0 | 0xE0..);
    if initial.g1 != G1::Katakana || bytes.contains(&ESC) || !bytes.iter().any(foreign) {
        return None;
    }
    let text = encoding_rs::SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(Decoded { text, certain: false })
}

#[cfg(test)]
mod tests;
