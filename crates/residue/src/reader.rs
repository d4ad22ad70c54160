//! A small reader of DICOM files (PS3.10 §7, PS3.5 §7): it finds where values stand and hands them on as streams.
//!
//! It keeps nothing and has no dictionary. With implicit VR, and inside UN, a sequence of defined length is one value.

use flate2::bufread::DeflateDecoder;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Bytes that can be read from any place.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// Why bytes could not be searched. None of these is an all-clear: hold what it concerns.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Neither a preamble nor `DICM`.
    #[error("not a DICOM file")]
    NotDicom,
    /// The structure breaks here.
    #[error("unreadable at byte {at}: {what}")]
    Unreadable {
        /// The byte, counted after inflating.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// More than a limit of this reader.
    #[error("too much to search: more than {limit}")]
    TooMuch {
        /// The limit.
        limit: &'static str,
    },
    /// The bytes could not be read.
    #[error("reading failed")]
    Io(#[from] io::Error),
}

/// Where the reader puts what it comes by.
pub(crate) trait Sink {
    fn value(
        &mut self,
        place: &dyn Fn() -> String,
        class: Class,
        content: &mut dyn Read,
    ) -> Result<(), SearchError>;

    /// The same for a value that lies in memory as a whole.
    fn whole(&mut self, place: &dyn Fn() -> String, class: Class, content: &[u8]) -> Result<(), SearchError>;
}

/// What a value is, as far as searching goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Text of people's making.
    Text,
    /// PN.
    PersonName,
    /// CS.
    Code,
    /// Text that identifies a device: no number patterns.
    DeviceNumber,
    /// A code value: a SNOMED CT identifier may pass for an NHS number.
    CodeValue,
    /// AS, DS, IS, TM.
    NumberText,
    /// DA, DT: shifted dates stand here.
    Date,
    /// (0010,0030): no shifted date stands here.
    BirthDate,
    /// UI.
    Uid,
    /// OB, UN and unknown: may be text, may be compressed.
    Opaque,
    /// Implicit VR: the shape of the value decides.
    Unknown,
    /// Binary numbers.
    Numeric,
}

type Tag = (u16, u16);

const PIXELS: [Tag; 3] = [(0x7FE0, 0x0008), (0x7FE0, 0x0009), (0x7FE0, 0x0010)];
const ITEM: Tag = (0xFFFE, 0xE000);
const ITEM_END: Tag = (0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = (0xFFFE, 0xE0DD);
const BIRTH_DATE: Tag = (0x0010, 0x0030);
const UNDEFINED: u32 = u32::MAX;
/// Most headers are shorter; pixel data behind them is passed over.
const BUFFER_BYTES: usize = 16 << 10;
const DEPTH_MAX: usize = 64;
const ELEMENTS_MAX: u64 = 1_000_000;
/// A deflated data set may hold its pixels; they are passed over, so this costs time and no memory.
const DEFLATED_BYTES_MAX: u64 = 8 << 30;

/// Serial numbers, versions and identifiers of devices (PS3.3 C.7.5.1, C.8.1.1, C.7.6.12), which often have ten digits.
const DEVICE_NUMBERS: &[Tag] = &[
    (0x0016, 0x0051),
    (0x0018, 0x1000),
    (0x0018, 0x1002),
    (0x0018, 0x1003),
    (0x0018, 0x1004),
    (0x0018, 0x1005),
    (0x0018, 0x1006),
    (0x0018, 0x1007),
    (0x0018, 0x1008),
    (0x0018, 0x1009),
    (0x0018, 0x100A),
    (0x0018, 0x1010),
    (0x0018, 0x1018),
    (0x0018, 0x101A),
    (0x0018, 0x1020),
    (0x3008, 0x0105),
    (0x3010, 0x0043),
    (0x0018, 0x1050),
    (0x0018, 0x700A),
    (0x0050, 0x0020),
];

/// Code Value and Long Code Value (PS3.3 §8.1).
const CODE_VALUES: [Tag; 2] = [(0x0008, 0x0100), (0x0008, 0x0119)];

#[derive(Clone, Copy)]
struct Syntax {
    explicit: bool,
    big_endian: bool,
}

const EXPLICIT: Syntax = Syntax { explicit: true, big_endian: false };
const IMPLICIT: Syntax = Syntax { explicit: false, big_endian: false };

/// An open sequence.
struct Frame {
    tag: Tag,
    item: u32,
    syntax: Syntax,
    /// Where the sequence ends; `None` where a delimiter says so.
    end: Option<u64>,
    /// The open item: where it ends, likewise.
    open: Option<Option<u64>>,
    /// Nothing inside may reach beyond.
    limit: u64,
}

/// Walks a Part 10 file and hands each value that is no pixel value to `sink`.
pub(crate) fn walk(source: &mut dyn ReadSeek, sink: &mut dyn Sink) -> Result<(), SearchError> {
    let len = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(0))?;
    let mut buffered = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut head = [0; 132];
    let got = fill(&mut buffered, &mut head)?;
    if got < 132 || head[128..] != *b"DICM" {
        return Err(SearchError::NotDicom);
    }
    sink.value(&|| "preamble".to_owned(), Class::Opaque, &mut &head[..128])?;
    let mut walk =
        Walk { input: Input::Plain(buffered), at: 132, len, frames: Vec::new(), elements: 0, sink };
    let transfer_syntax = walk.meta()?;
    match transfer_syntax.as_str() {
        "1.2.840.10008.1.2" => walk.data_set(IMPLICIT),
        "1.2.840.10008.1.2.2" => walk.data_set(Syntax { explicit: true, big_endian: true }),
        "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.4.95" => {
            let Walk { input: Input::Plain(input), at, sink, .. } = walk else {
                return Err(SearchError::NotDicom);
            };
            let input = Input::Deflated(BufReader::new(DeflateDecoder::new(input)));
            let mut inside =
                Walk { input, at: 0, len: DEFLATED_BYTES_MAX, frames: Vec::new(), elements: 0, sink };
            inside.data_set(EXPLICIT).map_err(|error| match error {
                SearchError::Io(_) => SearchError::Unreadable { at, what: "the deflated data set is broken" },
                other => other,
            })?;
            let Walk { input: Input::Deflated(input), sink, .. } = inside else { return Ok(()) };
            let mut rest = input.into_inner().into_inner();
            sink.value(&|| "after the deflated data set".to_owned(), Class::Opaque, &mut rest)
        }
        _ => walk.data_set(EXPLICIT),
    }
}

enum Input<'a> {
    Plain(BufReader<&'a mut dyn ReadSeek>),
    Deflated(BufReader<DeflateDecoder<BufReader<&'a mut dyn ReadSeek>>>),
}

impl Input<'_> {
    /// What was read ahead.
    fn ready(&self) -> &[u8] {
        match self {
            Self::Plain(input) => input.buffer(),
            Self::Deflated(input) => input.buffer(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Plain(input) => input.consume(count),
            Self::Deflated(input) => input.consume(count),
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Deflated(input) => input.read(buffer),
        }
    }
}

struct Walk<'a, 's> {
    input: Input<'a>,
    at: u64,
    len: u64,
    frames: Vec<Frame>,
    elements: u64,
    sink: &'s mut dyn Sink,
}

/// An element's header.
struct Header {
    tag: Tag,
    vr: [u8; 2],
    len: u32,
}

impl Walk<'_, '_> {
    /// Group 0002 (PS3.10 §7.1): searched like the rest; gives the transfer syntax.
    fn meta(&mut self) -> Result<String, SearchError> {
        let first = self.header(EXPLICIT)?;
        if first.tag != (0x0002, 0x0000) || first.vr != *b"UL" || first.len != 4 {
            return self.broken("group 0002 has no length");
        }
        let group_len = u32::from_le_bytes(self.bytes()?);
        let end = self.at + u64::from(group_len);
        if end > self.len {
            return self.broken("group 0002 is longer than the file");
        }
        let mut transfer_syntax = String::new();
        while self.at < end {
            let header = self.header(EXPLICIT)?;
            if header.tag.0 != 0x0002 || header.len == UNDEFINED || self.at + u64::from(header.len) > end {
                return self.broken("group 0002 has not the length that it says");
            }
            if header.tag == (0x0002, 0x0010) && header.len <= 64 {
                let mut value = Vec::new();
                self.read_all(header.len, &mut value)?;
                transfer_syntax = String::from_utf8_lossy(&value).trim_matches(['\0', ' ']).to_owned();
                self.hand_on(header.tag, class(&header, true), &mut value.as_slice())?;
            } else {
                self.value(header.tag, class(&header, true), header.len)?;
            }
        }
        if transfer_syntax.is_empty() { self.broken("no transfer syntax") } else { Ok(transfer_syntax) }
    }

    fn data_set(&mut self, syntax: Syntax) -> Result<(), SearchError> {
        loop {
            let Some(frame) = self.frames.last_mut() else {
                if self.at_end()? {
                    return Ok(());
                }
                let header = self.header(syntax)?;
                self.element(header, syntax)?;
                continue;
            };
            let syntax = frame.syntax;
            match frame.open {
                Some(Some(end)) if self.at == end => frame.open = None,
                None if frame.end == Some(self.at) => {
                    self.frames.pop();
                }
                Some(item_end) => {
                    let header = self.header(syntax)?;
                    if header.tag == ITEM_END && item_end.is_none() {
                        if let Some(frame) = self.frames.last_mut() {
                            frame.open = None;
                        }
                    } else {
                        self.element(header, syntax)?;
                    }
                }
                None => self.item(syntax)?,
            }
        }
    }

    /// An item's header, or the delimiter of its sequence (PS3.5 §7.5).
    fn item(&mut self, syntax: Syntax) -> Result<(), SearchError> {
        let header = self.header(syntax)?;
        let at = self.at;
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        if header.tag == SEQUENCE_END && frame.end.is_none() {
            self.frames.pop();
            return Ok(());
        }
        if header.tag != ITEM {
            return self.broken("something other than an item in a sequence");
        }
        frame.item += 1;
        let item_end = (header.len != UNDEFINED).then(|| at + u64::from(header.len));
        if item_end.is_some_and(|end| end > frame.limit) {
            return self.broken("an item is longer than its sequence");
        }
        frame.open = Some(item_end);
        Ok(())
    }

    fn element(&mut self, header: Header, syntax: Syntax) -> Result<(), SearchError> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(SearchError::TooMuch { limit: "1,000,000 elements" });
        }
        if header.tag.0 == 0xFFFE {
            return self.broken("a delimiter where an element should be");
        }
        let Header { tag, vr, len } = header;
        let limit = self.limit();
        if len != UNDEFINED && self.at + u64::from(len) > limit {
            return self.broken("a value is longer than what holds it");
        }
        let pixels =
            PIXELS.contains(&tag) && matches!(&vr, b"OB" | b"OW" | b"OF" | b"OD" | b"OV" | b"UN" | b"  ");
        let sequence = vr == *b"SQ" || (len == UNDEFINED && matches!(&vr, b"UN" | b"  ") && !pixels);
        if sequence {
            if self.frames.len() == DEPTH_MAX {
                return Err(SearchError::TooMuch { limit: "64 levels of nesting" });
            }
            let end = (len != UNDEFINED).then(|| self.at + u64::from(len));
            let syntax = if vr == *b"UN" { IMPLICIT } else { syntax }; // PS3.5 §6.2.2, note 2
            self.frames.push(Frame { tag, item: 0, syntax, end, open: None, limit: end.unwrap_or(limit) });
            return Ok(());
        }
        match (len, pixels) {
            (UNDEFINED, _) => self.fragments(tag, pixels, syntax),
            (_, true) => self.skip(u64::from(len)),
            (_, false) => self.value(tag, class(&header, syntax.explicit), len),
        }
    }

    /// Encapsulated values (PS3.5 §A.4): items only; the first is an offset table and is searched.
    fn fragments(&mut self, tag: Tag, pixels: bool, syntax: Syntax) -> Result<(), SearchError> {
        let limit = self.limit();
        for fragment in 0_u64.. {
            let header = self.header(syntax)?;
            match header.tag {
                SEQUENCE_END if header.len == 0 => break,
                ITEM if header.len != UNDEFINED && self.at + u64::from(header.len) <= limit => {}
                _ => return self.broken("something other than an item between fragments"),
            }
            if pixels && fragment > 0 {
                self.skip(u64::from(header.len))?;
            } else {
                self.value(tag, if pixels { Class::Numeric } else { Class::Opaque }, header.len)?;
            }
        }
        Ok(())
    }

    fn header(&mut self, syntax: Syntax) -> Result<Header, SearchError> {
        let number = |bytes: [u8; 2]| {
            if syntax.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
        };
        let long = |bytes: [u8; 4]| {
            if syntax.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let [a, b, c, d, v, w, x, y] = self.bytes::<8>()?;
        let tag = (number([a, b]), number([c, d]));
        if tag.0 == 0xFFFE || !syntax.explicit {
            return Ok(Header { tag, vr: *b"  ", len: long([v, w, x, y]) });
        }
        let vr = [v, w];
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return self.broken("no value representation");
        }
        let short = matches!(
            &vr,
            b"AE"
                | b"AS"
                | b"AT"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"FL"
                | b"FD"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"SL"
                | b"SS"
                | b"ST"
                | b"TM"
                | b"UI"
                | b"UL"
                | b"US"
        );
        let len = if short { u32::from(number([x, y])) } else { long(self.bytes()?) };
        Ok(Header { tag, vr, len })
    }

    fn value(&mut self, tag: Tag, class: Class, len: u32) -> Result<(), SearchError> {
        if len == 0 {
            return Ok(());
        }
        let Self { input, frames, sink, at, .. } = self;
        let ready = usize::try_from(len).ok().and_then(|len| input.ready().get(..len));
        if let Some(content) = ready {
            sink.whole(&|| path(frames, tag), class, content)?;
            let count = content.len();
            input.consume(count);
            *at += u64::from(len);
            return Ok(());
        }
        let mut content = input.take(u64::from(len));
        sink.value(&|| path(frames, tag), class, &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        let missing = content.limit();
        *at += u64::from(len) - missing;
        if missing > 0 { self.broken("the bytes end inside a value") } else { Ok(()) }
    }

    fn hand_on(&mut self, tag: Tag, class: Class, content: &mut dyn Read) -> Result<(), SearchError> {
        let Self { frames, sink, .. } = self;
        sink.value(&|| path(frames, tag), class, content)
    }

    fn read_all(&mut self, len: u32, into: &mut Vec<u8>) -> Result<(), SearchError> {
        let got = (&mut self.input).take(u64::from(len)).read_to_end(into)?;
        self.at += u64::try_from(got).unwrap_or(0);
        if got < usize::try_from(len).unwrap_or(usize::MAX) {
            self.broken("the bytes end inside a value")
        } else {
            Ok(())
        }
    }

    fn skip(&mut self, len: u64) -> Result<(), SearchError> {
        let skipped = match &mut self.input {
            Input::Plain(input) => {
                input.seek_relative(i64::try_from(len).unwrap_or(i64::MAX))?; // within `len` of the source: checked
                len
            }
            Input::Deflated(input) => io::copy(&mut input.take(len), &mut io::sink())?,
        };
        self.at += skipped;
        if skipped < len { self.broken("the bytes end inside a value") } else { Ok(()) }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], SearchError> {
        let mut bytes = [0; N];
        let got = fill(&mut self.input, &mut bytes)?;
        self.at += u64::try_from(got).unwrap_or(0);
        if got < N { self.broken("the bytes end inside an element") } else { Ok(bytes) }
    }

    fn at_end(&mut self) -> Result<bool, SearchError> {
        Ok(match &mut self.input {
            Input::Plain(input) => input.fill_buf()?.is_empty(),
            Input::Deflated(input) => input.fill_buf()?.is_empty(),
        })
    }

    /// The innermost end that is known.
    fn limit(&self) -> u64 {
        let Some(frame) = self.frames.last() else { return self.len };
        frame.open.flatten().unwrap_or(frame.limit)
    }

    fn broken<T>(&self, what: &'static str) -> Result<T, SearchError> {
        Err(SearchError::Unreadable { at: self.at, what })
    }
}

/// Reads until the buffer is full or the input ends.
pub(crate) fn fill(input: &mut dyn Read, mut buffer: &mut [u8]) -> io::Result<usize> {
    let wanted = buffer.len();
    while !buffer.is_empty() {
        match input.read(buffer) {
            Ok(0) => break,
            Ok(got) => buffer = &mut buffer[got..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(wanted - buffer.len())
}

fn class(header: &Header, explicit: bool) -> Class {
    if !explicit {
        return if header.tag == BIRTH_DATE { Class::BirthDate } else { Class::Unknown };
    }
    match &header.vr {
        b"DA" | b"DT" if header.tag == BIRTH_DATE => Class::BirthDate,
        b"DA" | b"DT" => Class::Date,
        b"AS" | b"DS" | b"IS" | b"TM" => Class::NumberText,
        b"CS" => Class::Code,
        b"PN" => Class::PersonName,
        b"UI" => Class::Uid,
        b"AE" | b"LO" | b"LT" | b"SH" | b"ST" | b"UC" | b"UR" | b"UT"
            if DEVICE_NUMBERS.contains(&header.tag) =>
        {
            Class::DeviceNumber
        }
        b"SH" | b"UC" if CODE_VALUES.contains(&header.tag) => Class::CodeValue,
        b"AE" | b"LO" | b"LT" | b"SH" | b"ST" | b"UC" | b"UR" | b"UT" => Class::Text,
        b"AT" | b"FL" | b"FD" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SL" | b"SS" | b"SV" | b"UL"
        | b"US" | b"UV" => Class::Numeric,
        _ => Class::Opaque,
    }
}

/// `(0040,A730)[2].(0040,A160)`: items are counted from one.
fn path(frames: &[Frame], (group, element): Tag) -> String {
    let mut path = String::new();
    for Frame { tag: (group, element), item, .. } in frames {
        path.push_str(&format!("({group:04X},{element:04X})[{item}]."));
    }
    path + &format!("({group:04X},{element:04X})")
}
