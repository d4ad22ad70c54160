//! The data set reader: elements, sequences and fragments, each length checked before it is believed.

use super::encoding::{
    self, EXPLICIT_LE, Encoding, IMPLICIT_LE, ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, TRAILING_PADDING,
    UNDEFINED,
};
use super::error::{NoteKind, Notes, ReadError};
use super::input::Input;
use super::{Layout, Limits, Pixels, Span, is_pixel_data};
use crate::dataset::{Dataset, Element, Value, ValueBytes};
use crate::tag::{self, Tag, VR, tags};

/// No limit may let recursion outgrow a thread's stack.
const DEPTH_MAX: u16 = 128;

type Result<T> = std::result::Result<T, ReadError>;

/// The front of an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) tag: Tag,
    pub(super) vr: VR,
    pub(super) len: u32,
    pub(super) at: u64,
}

/// What surrounds an element.
#[derive(Debug, Clone, Copy)]
struct Scope {
    encoding: Encoding,
    /// Where the innermost container of defined length ends.
    end: u64,
    depth: u16,
    /// Pixel Representation (0028,0103) of this data set or the nearest one around it.
    signed: bool,
}

/// A top-level data set in its three parts.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) dataset: Dataset,
    pub(super) pixels: Option<Pixels>,
    pub(super) trailing: Dataset,
}

/// Most headers have no more elements at their top level.
const ELEMENTS_USUAL: usize = 128;

/// How many elements may be moved, all together, to make room for others that came too late: a fraction of a second.
const MOVES_MAX: u64 = 20_000_000;

pub(super) struct Reader<'a> {
    pub(super) input: Input<'a>,
    pub(super) notes: Notes,
    limits: &'a Limits,
    /// The only elements of the top level that are kept; `None`: all.
    only: Option<&'a [Tag]>,
    header_bytes: u64,
    elements: u32,
    moves: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: Input<'a>, limits: &'a Limits, only: Option<&'a [Tag]>) -> Self {
        Self { input, notes: Notes::default(), limits, only, header_bytes: 0, elements: 0, moves: 0 }
    }

    /// Reads a data set to the end of the source, leaving pixel data where it is if `pixels_apart`.
    pub(super) fn read_parts(&mut self, encoding: Encoding, pixels_apart: bool) -> Result<Parts> {
        let mut parts = Parts { dataset: Dataset::with_room(ELEMENTS_USUAL), ..Parts::default() };
        let mut scope = Scope { encoding, end: self.input.len(), depth: 0, signed: false };
        let mut last = Tag(0, 0);
        while self.more_at_top()? {
            let header = self.header(encoding)?;
            let tag = header.tag;
            self.count(header.at)?;
            if tag == ITEM_DELIMITER || tag == SEQUENCE_DELIMITER {
                self.notes.add(NoteKind::MisplacedDelimiter, None, header.at);
                continue;
            }
            if tag.0 == 0xFFFE {
                return Err(ReadError::BadItem { at: header.at });
            }
            if !belongs_in_a_dataset(tag) {
                self.drop_element(&header, scope)?;
                continue;
            }
            if tag < last {
                self.notes.add(NoteKind::OutOfOrder, Some(tag), header.at);
            }
            last = last.max(tag);
            if pixels_apart && is_pixel_data(tag) {
                self.pixels(&header, encoding, &mut parts)?;
                continue;
            }
            if self.only.is_some_and(|only| !only.contains(&tag)) {
                let vr = if encoding.explicit { header.vr } else { implicit_vr(tag, scope.signed) };
                self.pass_over(&header, vr, scope)?;
                continue;
            }
            if let Some(element) = self.element(&header, scope)? {
                note_signed(&element, &mut scope.signed);
                let behind = parts.pixels.as_ref().is_some_and(|pixels| tag > pixels.tag);
                let into = if behind { &mut parts.trailing } else { &mut parts.dataset };
                self.keep(into, element, header.at)?;
            }
        }
        Ok(parts)
    }

    /// Whether another element may follow at the top level; padding behind the last one is forgiven.
    fn more_at_top(&mut self) -> Result<bool> {
        let at = self.input.position();
        let front = self.input.peek(8)?;
        if front.is_empty() {
            return Ok(false);
        }
        let short = front.len() < 8;
        if front[..front.len().min(4)].iter().any(|&byte| byte != 0) {
            return if short { Err(ReadError::Truncated { at }) } else { Ok(true) };
        }
        // Zeros: (0000,0000) is a group length of a group that has no place here; a file's padding more likely.
        if self.input.only_zeros_left()? {
            self.notes.add(NoteKind::TrailingPadding, None, at);
            return Ok(false);
        }
        Err(ReadError::BadTag { at })
    }

    /// Skips an element that is no part of a data set.
    fn drop_element(&mut self, header: &Header, scope: Scope) -> Result<()> {
        if header.tag.1 == 0 && header.tag.0 > 7 {
            // Group lengths (retired, PS3.5 §7.2) are dropped without a word.
        } else if header.tag == TRAILING_PADDING {
            self.notes.add(NoteKind::TrailingPadding, Some(header.tag), header.at);
        } else {
            self.notes.add(NoteKind::ForeignGroup, Some(header.tag), header.at);
        }
        self.pass_over(header, VR::SQ, scope)
    }

    /// Goes past a value that is not kept.
    fn pass_over(&mut self, header: &Header, vr: VR, scope: Scope) -> Result<()> {
        if header.len == UNDEFINED {
            self.undefined_length(header, vr, scope)?;
            return Ok(());
        }
        self.within(header, scope.end)?;
        Ok(self.input.skip(u64::from(header.len))?)
    }

    /// Reads the front of an element, an item or a delimiter, and consumes it.
    pub(super) fn header(&mut self, encoding: Encoding) -> Result<Header> {
        let at = self.input.position();
        let mut raw = [0u8; 12];
        let front = self.input.peek(12)?;
        let got = front.len();
        raw[..got].copy_from_slice(front);
        if got < 8 {
            return Err(ReadError::Truncated { at });
        }
        let tag = encoding.tag(&raw);
        let long = encoding.u32([raw[4], raw[5], raw[6], raw[7]]);
        let (vr, len, size) = if tag.0 == 0xFFFE || !encoding.explicit {
            (VR::UN, long, 8)
        } else {
            self.explicit_front(encoding, &raw, got, at)?
        };
        self.input.skip(size)?;
        Ok(Header { tag, vr, len, at })
    }

    /// VR and length of an element in explicit form (PS3.5 §7.1.2), or in what some writers take for it.
    fn explicit_front(
        &mut self,
        encoding: Encoding,
        raw: &[u8; 12],
        got: usize,
        at: u64,
    ) -> Result<(VR, u32, u64)> {
        let tag = encoding.tag(raw);
        let short = u32::from(encoding.u16([raw[6], raw[7]]));
        let long = encoding.u32([raw[8], raw[9], raw[10], raw[11]]);
        match encoding::vr([raw[4], raw[5]]) {
            Some(vr) if !encoding::has_long_form(vr) => return Ok((vr, short, 8)),
            Some(_) if got < 12 => return Err(ReadError::Truncated { at }),
            Some(vr) => return Ok((vr, long, 12)),
            None => {}
        }
        if raw[4].is_ascii_uppercase() && raw[5].is_ascii_uppercase() {
            // A VR that came later than this list has the long form (PS3.5 §6.2 Note, §7.1.2).
            self.notes.add(NoteKind::UnknownVr, Some(tag), at);
            let is_long = short == 0 && got == 12;
            return Ok(if is_long { (VR::UN, long, 12) } else { (VR::UN, short, 8) });
        }
        let implicit = encoding.u32([raw[4], raw[5], raw[6], raw[7]]);
        if implicit == UNDEFINED || u64::from(implicit) <= self.input.remaining().saturating_sub(8) {
            self.notes.add(NoteKind::ImplicitElement, Some(tag), at);
            return Ok((implicit_vr(tag, false), implicit, 8));
        }
        self.notes.add(NoteKind::UnknownVr, Some(tag), at);
        Ok((VR::UN, short, 8))
    }

    /// Reads the value behind a header; `None` where it is not kept.
    fn element(&mut self, header: &Header, scope: Scope) -> Result<Option<Element>> {
        let mut vr = header.vr;
        if !scope.encoding.explicit {
            vr = implicit_vr(header.tag, scope.signed);
        }
        if header.len == UNDEFINED {
            return self.undefined_length(header, vr, scope);
        }
        let end = self.within(header, scope.end)?;
        // A router that did not know an attribute wrote UN: its value is in Implicit VR Little Endian (PS3.5 §6.2.2 Note 2).
        let known = if vr == VR::UN { implicit_vr(header.tag, scope.signed) } else { vr };
        if known == VR::SQ && vr == VR::UN && self.items_follow(header.len)? {
            self.notes.add(NoteKind::UnAsSequence, Some(header.tag), header.at);
            let items = self.items(header.at, Scope { encoding: IMPLICIT_LE, end, ..scope }, true, true)?;
            return Ok(Some(Element { tag: header.tag, vr: VR::SQ, value: Value::Items(items) }));
        }
        if vr == VR::UN && known != VR::SQ && !tag::is_private(header.tag) {
            let bytes = self.value(header)?;
            return Ok(Some(Element { tag: header.tag, vr: known, value: Value::Bytes(bytes) }));
        }
        if vr == VR::SQ && !scope.encoding.explicit && !self.items_follow(header.len)? {
            // The dictionary says sequence, the bytes say otherwise.
            self.notes.add(NoteKind::UnknownVr, Some(header.tag), header.at);
            vr = VR::UN;
        }
        if vr == VR::SQ {
            let inner = Scope { end, ..scope };
            let items = self.items(header.at, inner, true, false)?;
            return Ok(Some(Element { tag: header.tag, vr, value: Value::Items(items) }));
        }
        if header.len % 2 == 1 {
            self.notes.add(NoteKind::OddLength, Some(header.tag), header.at);
        }
        let mut bytes = self.value(header)?;
        if scope.encoding.big_endian {
            encoding::swap_words(&mut bytes, encoding::word_bytes(vr));
        }
        Ok(Some(Element { tag: header.tag, vr, value: Value::Bytes(bytes) }))
    }

    /// Whether a value of this length (implicit form) begins like the items of a sequence.
    fn items_follow(&mut self, len: u32) -> Result<bool> {
        Ok(len == 0 || (len >= 8 && self.input.peek(2)? == [0xFE, 0xFF]))
    }

    /// A value of undefined length: a sequence, or something that must be read as one.
    fn undefined_length(&mut self, header: &Header, vr: VR, scope: Scope) -> Result<Option<Element>> {
        if is_pixel_data(header.tag) || matches!(vr, VR::OB | VR::OW) {
            // An icon's compressed pixels. No sequence in our output may carry pixels that nobody looked at.
            self.notes.add(NoteKind::NestedPixelData, Some(header.tag), header.at);
            self.fragments(header.at)?;
            return Ok(None);
        }
        let is_sequence = vr == VR::SQ;
        if !is_sequence {
            let front = self.input.peek(4)?;
            let item_follows = front.len() == 4
                && matches!(scope.encoding.tag(front), ITEM | SEQUENCE_DELIMITER)
                || front == [0xFE, 0xFF, 0x00, 0xE0];
            if !item_follows {
                return Err(ReadError::BadLength { at: header.at });
            }
            self.notes.add(NoteKind::UnAsSequence, Some(header.tag), header.at);
        }
        // UN of undefined length holds Implicit VR Little Endian items (PS3.5 §6.2.2 Note 4), or ought to.
        let unknown = header.vr == VR::UN && scope.encoding.explicit && !is_sequence;
        let scope = if unknown { Scope { encoding: IMPLICIT_LE, ..scope } } else { scope };
        let items = self.items(header.at, scope, false, unknown)?;
        Ok(Some(Element { tag: header.tag, vr: VR::SQ, value: Value::Items(items) }))
    }

    /// The items of a sequence (PS3.5 §7.5). `sniff`: each item may be in explicit form after all.
    fn items(&mut self, at: u64, scope: Scope, defined: bool, sniff: bool) -> Result<Vec<Dataset>> {
        if scope.depth >= self.limits.depth_max.min(DEPTH_MAX) {
            return Err(ReadError::TooDeep { at });
        }
        let mut items = Vec::new();
        while !(self.input.position() >= scope.end && defined) {
            let front = self.input.peek(8)?;
            if front.len() < 8 {
                return Err(ReadError::Truncated { at });
            }
            let tag = scope.encoding.tag(front);
            if tag.0 != 0xFFFE || self.input.position() + 8 > scope.end {
                if defined {
                    return Err(ReadError::BadItem { at: self.input.position() });
                }
                self.notes.add(NoteKind::MissingDelimiter, None, self.input.position());
                break;
            }
            let header = self.header(scope.encoding)?;
            self.count(header.at)?;
            match tag {
                ITEM => items.push(self.item(&header, scope, sniff)?),
                SEQUENCE_DELIMITER if !defined => break,
                ITEM_DELIMITER | SEQUENCE_DELIMITER => {
                    self.notes.add(NoteKind::MisplacedDelimiter, None, header.at);
                }
                _ => return Err(ReadError::BadItem { at: header.at }),
            }
        }
        Ok(items)
    }

    /// One item, its header consumed.
    fn item(&mut self, item: &Header, around: Scope, sniff: bool) -> Result<Dataset> {
        let defined = item.len != UNDEFINED;
        let end = if defined { self.within(item, around.end)? } else { around.end };
        let mut scope = Scope { end, depth: around.depth + 1, ..around };
        if sniff && encoding::looks_explicit(self.input.peek(8)?) {
            scope.encoding = EXPLICIT_LE;
        }
        let mut into = Dataset::new();
        while !(defined && self.input.position() >= end) {
            let front = self.input.peek(8)?;
            if front.len() < 8 {
                return Err(ReadError::Truncated { at: item.at });
            }
            let tag = scope.encoding.tag(front);
            if tag.0 == 0xFFFE && self.ends_item(tag, defined)? {
                break;
            }
            if tag.0 == 0xFFFE {
                continue;
            }
            let header = self.header(scope.encoding)?;
            self.count(header.at)?;
            if !belongs_in_a_dataset(header.tag) {
                self.drop_element(&header, scope)?;
            } else if let Some(element) = self.element(&header, scope)? {
                note_signed(&element, &mut scope.signed);
                self.keep(&mut into, element, header.at)?;
            }
        }
        Ok(into)
    }

    /// A tag of group FFFE among an item's elements: whether the item ends here.
    fn ends_item(&mut self, tag: Tag, defined: bool) -> Result<bool> {
        let at = self.input.position();
        match tag {
            ITEM_DELIMITER if !defined => {
                self.input.skip(8)?;
                return Ok(true);
            }
            // The item's own delimiter is missing: what follows belongs to the sequence.
            ITEM | SEQUENCE_DELIMITER if !defined => {
                self.notes.add(NoteKind::MissingDelimiter, None, at);
                return Ok(true);
            }
            ITEM_DELIMITER | SEQUENCE_DELIMITER => {
                self.count(at)?;
                self.notes.add(NoteKind::MisplacedDelimiter, None, at);
                self.input.skip(8)?;
            }
            _ => return Err(ReadError::BadItem { at }),
        }
        Ok(false)
    }

    /// Notes where top-level pixel data lies, and goes past it.
    fn pixels(&mut self, header: &Header, encoding: Encoding, parts: &mut Parts) -> Result<()> {
        let vr = if encoding.explicit { header.vr } else { implicit_vr(header.tag, false) };
        let start = self.input.position();
        let layout = if header.len == UNDEFINED {
            self.fragments(header.at)?
        } else {
            self.within(header, self.input.len())?;
            self.input.skip(u64::from(header.len))?;
            Layout::Native { len: u64::from(header.len) }
        };
        if parts.pixels.is_some() {
            self.notes.add(NoteKind::Repeated, Some(header.tag), header.at);
            return Ok(());
        }
        let swap_bytes = if encoding.big_endian { encoding::word_bytes(vr) } else { 1 };
        let pixels =
            Pixels { tag: header.tag, vr, layout, start, at: header.at, swap_bytes, blank: Vec::new() };
        // What came too early belongs behind.
        let (before, behind) =
            std::mem::take(&mut parts.dataset).into_iter().partition(|element| element.tag < pixels.tag);
        parts.dataset = before;
        parts.trailing = behind;
        parts.pixels = Some(pixels);
        Ok(())
    }

    /// Walks encapsulated pixel data (PS3.5 §A.4); always little endian.
    fn fragments(&mut self, at: u64) -> Result<Layout> {
        let mut spans = Vec::new();
        loop {
            let front = self.input.peek(8)?;
            if front.is_empty() {
                self.notes.add(NoteKind::MissingDelimiter, None, self.input.position());
                break;
            }
            if front.len() < 8 {
                return Err(ReadError::Truncated { at });
            }
            let tag = EXPLICIT_LE.tag(front);
            if tag.0 != 0xFFFE {
                self.notes.add(NoteKind::MissingDelimiter, None, self.input.position());
                break;
            }
            let item = self.header(EXPLICIT_LE)?;
            self.count(item.at)?;
            match tag {
                SEQUENCE_DELIMITER => break,
                ITEM => {
                    self.within(&item, self.input.len())?;
                    spans.push(Span { offset: self.input.position(), len: u64::from(item.len) });
                    self.input.skip(u64::from(item.len))?;
                }
                _ => return Err(ReadError::BadItem { at: item.at }),
            }
        }
        let mut spans = spans.into_iter();
        let offset_table = spans.next().unwrap_or_default();
        Ok(Layout::Encapsulated { offset_table, fragments: spans.collect() })
    }

    /// Where a value of defined length ends, if its container and the source hold that much.
    fn within(&self, header: &Header, end: u64) -> Result<u64> {
        if header.len == UNDEFINED {
            return Err(ReadError::BadLength { at: header.at });
        }
        let stop = self.input.position() + u64::from(header.len);
        if stop > self.input.len() {
            Err(ReadError::Truncated { at: header.at })
        } else if stop > end {
            Err(ReadError::BadLength { at: header.at })
        } else {
            Ok(stop)
        }
    }

    /// Loads a value whose length has been checked against the source.
    pub(super) fn value(&mut self, header: &Header) -> Result<ValueBytes> {
        self.within(header, self.input.len())?;
        self.header_bytes += u64::from(header.len);
        let too_large = ReadError::HeaderTooLarge { at: header.at };
        if self.header_bytes > self.limits.header_bytes_max {
            return Err(too_large);
        }
        let Ok(len) = usize::try_from(header.len) else { return Err(too_large) };
        self.input.read_value(len).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => ReadError::Truncated { at: header.at },
            _ => ReadError::Io(e),
        })
    }

    pub(super) fn count(&mut self, at: u64) -> Result<()> {
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return Err(ReadError::TooManyElements { at });
        }
        Ok(())
    }

    /// Puts an element; of two with the same tag the first stays.
    fn keep(&mut self, into: &mut Dataset, element: Element, at: u64) -> Result<()> {
        let tag = element.tag;
        if into.iter().next_back().is_some_and(|last| last.tag >= tag) {
            // An element out of its place moves those behind it: a level turned round would take the square of its length.
            self.moves += into.len() as u64;
            if self.moves > MOVES_MAX {
                return Err(ReadError::TooManyElements { at });
            }
        }
        if let Some(first) = into.put(element) {
            self.notes.add(NoteKind::Repeated, Some(tag), at);
            into.put(first);
        }
        Ok(())
    }
}

/// Groups 0000 to 0007 are of other kinds of set, or none; group lengths and padding are dropped; FFFF cannot be.
fn belongs_in_a_dataset(tag: Tag) -> bool {
    tag.0 >= 0x0008 && tag.0 != 0xFFFF && tag.1 != 0 && tag != TRAILING_PADDING
}

fn note_signed(element: &Element, signed: &mut bool) {
    if element.tag == tags::PIXEL_REPRESENTATION {
        *signed = element.bytes().first() == Some(&1);
    }
}

/// The VR of an element in implicit form (PS3.5 §A.1).
fn implicit_vr(tag: Tag, signed: bool) -> VR {
    if tag::is_private(tag) {
        return if (0x0010..=0x00FF).contains(&tag.1) { VR::LO } else { VR::UN };
    }
    match tag::entry(tag) {
        Some(entry) if entry.vr == VR::US && signed && tag::is_us_or_ss(tag) => VR::SS,
        Some(entry) => entry.vr,
        None => VR::UN,
    }
}
