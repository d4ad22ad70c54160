//! A reader of Part 10 files for the scorer: small, forgiving, and no relative of the engine's.

use anyhow::{Context, Result, bail};
use dicom::tag::{self, Tag};
use std::io::Read;

/// A data set.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    pub(super) elements: Vec<Element>,
}

/// An element with its representation, where the file tells it.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub(super) tag: Tag,
    pub(super) value: Value,
}

/// Its value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Set>),
    Fragments(Vec<Vec<u8>>),
}

/// A file.
pub(super) struct File {
    pub(super) syntax: String,
    pub(super) set: Set,
    /// Preamble and file meta information.
    pub(super) head: Vec<u8>,
    /// Everything, the deflated part inflated: what a search looks at.
    pub(super) all: Vec<u8>,
}

impl Set {
    pub(super) fn get(&self, tag: Tag) -> Option<&Element> {
        self.elements.iter().find(|element| element.tag == tag)
    }

    /// The text of an element in the default repertoire.
    pub(super) fn ascii(&self, tag: Tag) -> Option<String> {
        let Value::Bytes(bytes) = &self.get(tag)?.value else { return None };
        Some(String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned())
    }

    /// An unsigned short.
    pub(super) fn short(&self, tag: Tag) -> Option<usize> {
        let Value::Bytes(bytes) = &self.get(tag)?.value else { return None };
        bytes.first_chunk().map(|b| usize::from(u16::from_le_bytes(*b)))
    }
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: usize = u32::MAX as usize;
/// More levels than any corpus has: bytes that only look like sequences end here.
const MAX_DEPTH: usize = 32;

impl File {
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self> {
        if bytes.get(128..132) != Some(b"DICM") {
            bail!("no DICOM file");
        }
        let mut meta = Cursor { bytes: &bytes, at: 132, explicit: true, big: false };
        let mut syntax = "1.2.840.10008.1.2".to_owned();
        while bytes.get(meta.at..meta.at + 2) == Some(&[2, 0]) {
            let element = meta.element(0)?;
            if let (Tag(2, 0x10), Value::Bytes(value)) = (element.tag, &element.value) {
                syntax = String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned();
            }
        }
        let body_at = meta.at;
        let head = bytes.get(..body_at).unwrap_or_default().to_vec();
        let body = bytes.get(body_at..).unwrap_or_default();
        let mut all = head.clone();
        if syntax == "1.2.840.10008.1.2.1.99" {
            flate2::read::DeflateDecoder::new(body).read_to_end(&mut all).context("inflating")?;
        } else {
            all.extend_from_slice(body);
        }
        let (explicit, big) = (syntax != "1.2.840.10008.1.2", syntax == "1.2.840.10008.1.2.2");
        let body = all.get(body_at..).unwrap_or_default();
        let mut cursor = Cursor { bytes: body, at: 0, explicit, big };
        let set = cursor.set(body.len(), 0)?;
        Ok(Self { syntax, set, head, all })
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    explicit: bool,
    big: bool,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).context("length")?;
        let Some(taken) = self.bytes.get(self.at..end) else { bail!("the file ends early") };
        self.at = end;
        Ok(taken)
    }

    fn short(&mut self) -> Result<u16> {
        let bytes = self.take(2)?;
        let pair = [bytes[0], bytes[1]];
        Ok(if self.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn long(&mut self) -> Result<usize> {
        let bytes = self.take(4)?;
        let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
        Ok(if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) } as usize)
    }

    fn tag(&mut self) -> Result<Tag> {
        Ok(Tag(self.short()?, self.short()?))
    }

    /// Elements up to a place, or to the end of an item.
    fn set(&mut self, end: usize, depth: usize) -> Result<Set> {
        let mut set = Set::default();
        while self.at < end {
            let start = self.at;
            if self.tag()? == ITEM_END {
                self.long()?;
                break;
            }
            self.at = start;
            set.elements.push(self.element(depth)?);
        }
        Ok(set)
    }

    fn element(&mut self, depth: usize) -> Result<Element> {
        if depth > MAX_DEPTH {
            bail!("too many levels");
        }
        let tag = self.tag()?;
        let (vr, length) = self.header(tag)?;
        if length == UNDEFINED {
            let value = if tag == Tag(0x7FE0, 0x0010) && &vr != b"SQ" {
                Value::Fragments(self.fragments()?)
            } else {
                let explicit = self.explicit;
                // UN of undefined length is a sequence in implicit VR (PS3.5 §6.2.2).
                self.explicit &= &vr != b"UN";
                let items = self.items(usize::MAX, depth);
                self.explicit = explicit;
                Value::Items(items?)
            };
            return Ok(Element { tag, value });
        }
        let start = self.at;
        let bytes = self.take(length)?;
        let after = self.at;
        let looks = bytes.starts_with(&[0xFE, 0xFF, 0, 0xE0]) || bytes.starts_with(&[0xFF, 0xFE, 0xE0, 0]);
        if &vr == b"SQ" || (looks && matches!(&vr, b"UN" | b"??")) {
            self.at = start;
            let items = self.items(after, depth);
            self.at = after;
            match items {
                Ok(items) => return Ok(Element { tag, value: Value::Items(items) }),
                Err(error) if &vr == b"SQ" => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Element { tag, value: Value::Bytes(self.little(vr, bytes)) })
    }

    fn header(&mut self, tag: Tag) -> Result<([u8; 2], usize)> {
        if !self.explicit {
            let vr = tag::entry(tag).map_or(*b"??", |entry| two(entry.vr.to_string()));
            return Ok((vr, self.long()?));
        }
        let vr = two(&String::from_utf8_lossy(self.take(2)?));
        let long = matches!(
            &vr,
            b"OB"
                | b"OW"
                | b"OF"
                | b"OD"
                | b"OL"
                | b"OV"
                | b"SQ"
                | b"UC"
                | b"UR"
                | b"UT"
                | b"UN"
                | b"SV"
                | b"UV"
        );
        if !long {
            return Ok((vr, usize::from(self.short()?)));
        }
        self.short()?;
        Ok((vr, self.long()?))
    }

    fn items(&mut self, end: usize, depth: usize) -> Result<Vec<Set>> {
        let mut items = Vec::new();
        while self.at < end {
            let tag = self.tag()?;
            let length = self.long()?;
            match tag {
                SEQUENCE_END => break,
                ITEM if length == UNDEFINED => items.push(self.set(usize::MAX, depth + 1)?),
                ITEM => {
                    let end = self.at.saturating_add(length);
                    items.push(self.set(end, depth + 1)?);
                }
                _ => bail!("no item where one must stand"),
            }
        }
        Ok(items)
    }

    fn fragments(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut fragments = Vec::new();
        loop {
            let tag = self.tag()?;
            let length = self.long()?;
            match tag {
                SEQUENCE_END => return Ok(fragments),
                ITEM => fragments.push(self.take(length)?.to_vec()),
                _ => bail!("no fragment where one must stand"),
            }
        }
    }

    /// Numbers in little endian, whichever way they were written.
    fn little(&self, vr: [u8; 2], bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if self.big {
            let width = match &vr {
                b"US" | b"SS" | b"OW" | b"AT" => 2,
                b"UL" | b"SL" | b"FL" | b"OF" | b"OL" => 4,
                b"FD" | b"OD" | b"SV" | b"UV" | b"OV" => 8,
                _ => 1,
            };
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        bytes
    }
}

fn two(text: &str) -> [u8; 2] {
    text.as_bytes().first_chunk().copied().unwrap_or(*b"??")
}

/// Text in the character set that a data set declares (PS3.3 C.12.1.1.2).
pub(super) fn text(bytes: &[u8], charset: &str) -> String {
    use encoding_rs::{
        EUC_KR, GB18030, ISO_2022_JP, ISO_8859_2, ISO_8859_5, ISO_8859_7, SHIFT_JIS, UTF_8, WINDOWS_1252,
    };
    let decoded = match charset {
        _ if charset.contains("IR 87") => ISO_2022_JP.decode_without_bom_handling(bytes).0.into_owned(),
        _ if charset.contains("IR 149") => {
            // The designation of KS X 1001 is not part of EUC-KR.
            let plain = String::from_utf8_lossy(bytes).contains("\u{1b}$)C");
            let stripped = if plain { without(bytes, b"\x1b$)C") } else { bytes.to_vec() };
            EUC_KR.decode_without_bom_handling(&stripped).0.into_owned()
        }
        _ if charset.contains("192") => UTF_8.decode_without_bom_handling(bytes).0.into_owned(),
        _ if charset.contains("GB18030") || charset.contains("GBK") => {
            GB18030.decode_without_bom_handling(bytes).0.into_owned()
        }
        _ if charset.contains("101") => ISO_8859_2.decode_without_bom_handling(bytes).0.into_owned(),
        _ if charset.contains("144") => ISO_8859_5.decode_without_bom_handling(bytes).0.into_owned(),
        _ if charset.contains("126") => ISO_8859_7.decode_without_bom_handling(bytes).0.into_owned(),
        _ if charset.contains("IR 13") => SHIFT_JIS.decode_without_bom_handling(bytes).0.into_owned(),
        _ => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    };
    decoded.trim_matches([' ', '\0']).to_owned()
}

fn without(bytes: &[u8], what: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(what) {
            at += what.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
