//! The search itself: needles and patterns over every value, also after inflating and after base64.

use crate::encodings::{self, Unit};
use crate::findings::{Finding, FindingKind, Findings};
use crate::identifiers::{self, Entry, Needle, Rule};
use crate::json;
use crate::packing::{Lenient, decoded, narrowed, sextet};
use crate::patterns::{self, Patterns};
use crate::reader::{self, Class, ReadSeek, SearchError, Sink};
use aho_corasick::AhoCorasick;
use std::fmt;
use std::io::{self, Cursor, Read};

/// What bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A DICOM file (PS3.10).
    Dicom,
    /// A JSON text: each string, key and number by itself.
    Json,
    /// Anything else: text, a log, a database file.
    Text,
}

/// A value is searched in windows that overlap, so memory is bounded.
const WINDOW_BYTES: usize = 1 << 20;
const OVERLAP_BYTES: usize = 4096;
/// What must be seen around a match.
const MARGIN_BYTES: usize = 512;
/// A needle and its longest encoding (four bytes each) fit between the margins.
const NEEDLE_CHARS_MAX: usize = 512;
const JSON_BYTES_MAX: u64 = 64 << 20;
/// Over all streams that are found inside one object.
const INFLATED_BYTES_MAX: u64 = 256 << 20;
const STREAMS_MAX: u32 = 100_000;
const PACKING_DEPTH_MAX: u8 = 3;
const BASE64_CHARS_MIN: usize = 16;
/// Fewer letters count only as a whole word between delimiters.
const SHORT_CHARS: usize = 4;
/// Fewer digits stand in any number, date or UID by chance.
const LONG_NUMBER_DIGITS: usize = 9;
/// A measurement is hardly ever just such a number; parts of one are.
const VALUE_DIGITS: usize = 7;
/// Fewer bytes stand among binary numbers by chance.
const BINARY_BYTES_MIN: usize = 6;

/// Needles and patterns, ready to search with.
pub struct Searcher {
    automaton: Option<AhoCorasick>,
    entries: Vec<Entry>,
    patterns: Patterns,
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Searcher({} byte patterns, {:?})", self.entries.len(), self.patterns)
    }
}

impl Searcher {
    /// Spells and encodes the needles. An empty needle, or one of more than 512 characters, is cut.
    pub fn new(needles: &[Needle], patterns: Patterns) -> Self {
        let cut = |needle: &Needle| {
            Needle::new(needle.kind, needle.text.chars().take(NEEDLE_CHARS_MAX).collect::<String>())
        };
        let needles: Vec<Needle> = needles.iter().map(cut).collect();
        let (bytes, entries) = identifiers::compile(&needles);
        let automaton = if bytes.is_empty() {
            None
        } else {
            AhoCorasick::builder().ascii_case_insensitive(true).build(&bytes).ok()
        };
        // It fails only beyond 2^31 patterns, which the limits above exclude.
        assert!(bytes.is_empty() || automaton.is_some(), "the needles fit an automaton");
        Self { automaton, entries, patterns }
    }

    /// Searches all bytes of the object, from its start.
    ///
    /// # Errors
    /// What cannot be read cannot be cleared: every error is a reason to hold.
    pub fn search(&self, object: &mut dyn ReadSeek, form: Form) -> Result<Findings, SearchError> {
        let mut pass = Pass {
            searcher: self,
            findings: Findings::default(),
            window: Vec::new(),
            inflated_bytes: 0,
            streams: 0,
        };
        match form {
            Form::Dicom => reader::walk(object, &mut pass)?,
            Form::Json => pass.json(object)?,
            Form::Text => {
                object.seek(io::SeekFrom::Start(0))?;
                pass.stream(&Place::Byte(0), Class::Opaque, &mut &mut *object, 0)?;
            }
        }
        Ok(pass.findings)
    }

    /// The same over bytes in memory.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn search_bytes(&self, bytes: &[u8], form: Form) -> Result<Findings, SearchError> {
        self.search(&mut Cursor::new(bytes), form)
    }
}

/// Where a value stands: told by the reader, or by counting bytes.
enum Place<'a> {
    Tag(&'a dyn Fn() -> String),
    Byte(u64),
    Token(usize),
    Packed(&'a Place<'a>, &'static str),
}

impl Place<'_> {
    fn tell(&self, offset: u64) -> String {
        match self {
            Self::Tag(path) => path(),
            Self::Byte(base) => format!("byte {}", base + offset),
            Self::Token(at) => format!("byte {at}"),
            Self::Packed(outer, _) => outer.tell(offset),
        }
    }

    fn packing(&self) -> String {
        match self {
            Self::Packed(outer, how) => format!("{} in {how}", outer.packing()),
            _ => String::new(),
        }
    }
}

/// One match of a byte pattern, as far as words go.
struct Hit {
    start: usize,
    end: usize,
    pattern: usize,
}

/// What a window may report: matches near an inner edge belong to the neighbouring window.
#[derive(Clone, Copy)]
struct Window<'a> {
    bytes: &'a [u8],
    offset: u64,
    from: usize,
    to: usize,
    last: bool,
    class: Class,
    depth: u8,
}

struct Pass<'a> {
    searcher: &'a Searcher,
    findings: Findings,
    window: Vec<u8>,
    inflated_bytes: u64,
    streams: u32,
}

impl Sink for Pass<'_> {
    fn value(
        &mut self,
        place: &dyn Fn() -> String,
        class: Class,
        content: &mut dyn Read,
    ) -> Result<(), SearchError> {
        self.stream(&Place::Tag(place), class, content, 0)
    }

    fn whole(&mut self, place: &dyn Fn() -> String, class: Class, content: &[u8]) -> Result<(), SearchError> {
        let class = resolved(class, content);
        let to = content.len();
        let window = Window { bytes: content, offset: 0, from: 0, to, last: true, class, depth: 0 };
        self.window(&Place::Tag(place), window)
    }
}

impl Pass<'_> {
    fn json(&mut self, object: &mut dyn ReadSeek) -> Result<(), SearchError> {
        object.seek(io::SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        object.take(JSON_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len > JSON_BYTES_MAX) {
            return Err(SearchError::TooMuch { limit: "64 MiB of JSON" });
        }
        let mut outcome = Ok(());
        let walked = json::walk(&bytes, |token| {
            if outcome.is_ok() {
                let class = if is_date_shaped(token.text.as_bytes()) && !token.of_birth {
                    Class::Date
                } else {
                    Class::Text
                };
                outcome = self.stream(&Place::Token(token.at), class, &mut token.text.as_bytes(), 0);
            }
        });
        outcome?;
        walked.map_err(|at| SearchError::Unreadable { at: u64::try_from(at).unwrap_or(0), what: "not JSON" })
    }

    /// Searches a value of any length, window by window.
    fn stream(
        &mut self,
        place: &Place<'_>,
        class: Class,
        content: &mut dyn Read,
        depth: u8,
    ) -> Result<(), SearchError> {
        let mut buffer = std::mem::take(&mut self.window);
        buffer.clear();
        let (mut offset, mut first, mut class) = (0_u64, true, class);
        let outcome = loop {
            let room = u64::try_from(WINDOW_BYTES - buffer.len()).unwrap_or(0);
            let got = match (&mut *content).take(room).read_to_end(&mut buffer) {
                Ok(got) => u64::try_from(got).unwrap_or(0),
                Err(error) => break Err(error.into()),
            };
            let last = got < room;
            if first {
                class = resolved(class, &buffer);
            }
            let from = if first { 0 } else { MARGIN_BYTES };
            let to = if last { buffer.len() } else { buffer.len() - MARGIN_BYTES };
            let window = Window { bytes: &buffer, offset, from, to, last, class, depth };
            if let Err(error) = self.window(place, window) {
                break Err(error);
            }
            if last {
                break Ok(());
            }
            let done = buffer.len() - OVERLAP_BYTES;
            buffer.drain(..done);
            offset += u64::try_from(done).unwrap_or(0);
            first = false;
        };
        self.window = buffer;
        outcome
    }

    fn window(&mut self, place: &Place<'_>, window: Window<'_>) -> Result<(), SearchError> {
        if window.bytes.is_empty() {
            return Ok(());
        }
        self.needles(place, window);
        self.patterns(place, window);
        if window.depth < PACKING_DEPTH_MAX {
            if matches!(
                window.class,
                Class::Text | Class::PersonName | Class::DeviceNumber | Class::CodeValue | Class::Opaque
            ) {
                self.base64(place, window)?;
            }
            if window.class == Class::Opaque {
                self.compressed(place, window)?;
            }
        }
        Ok(())
    }

    fn report(
        &mut self,
        kind: FindingKind,
        place: &Place<'_>,
        window: Window<'_>,
        at: usize,
        encoding: &str,
    ) {
        let place_text = place.tell(window.offset + u64::try_from(at).unwrap_or(0));
        self.findings.add(Finding {
            kind,
            place: place_text,
            encoding: format!("{encoding}{}", place.packing()),
        });
    }

    fn needles(&mut self, place: &Place<'_>, window: Window<'_>) {
        let searcher = self.searcher;
        let Some(automaton) = &searcher.automaton else { return };
        let mut names: Vec<Hit> = Vec::new();
        for found in automaton.find_overlapping_iter(window.bytes) {
            let hit = Hit { start: found.start(), end: found.end(), pattern: found.pattern().as_usize() };
            let entry = &searcher.entries[hit.pattern];
            if !in_place(&hit, entry, window) {
                continue;
            }
            if alone(&hit, entry, window) {
                self.report(FindingKind::Needle(entry.kind), place, window, hit.start, entry.encoding);
            } else if matches!(entry.rule, Rule::NamePart { .. }) && names.len() < WINDOW_BYTES {
                names.push(hit);
            }
        }
        names.sort_unstable_by_key(|hit| hit.start);
        for (index, left) in names.iter().enumerate() {
            let entry = &searcher.entries[left.pattern];
            let near = names[index + 1..].iter().take_while(|right| right.start <= left.end + GAP_BYTES_MAX);
            if near.take(64).any(|right| beside(left, right, &searcher.entries, window.bytes)) {
                self.report(FindingKind::Needle(entry.kind), place, window, left.start, entry.encoding);
            }
        }
    }

    fn patterns(&mut self, place: &Place<'_>, window: Window<'_>) {
        let mut wanted = match window.class {
            Class::CodeValue if patterns::is_snomed_ct(window.bytes) => return,
            Class::Text | Class::PersonName | Class::CodeValue | Class::Opaque => self.searcher.patterns,
            _ => return,
        };
        if window.class == Class::Opaque {
            wanted = Patterns { emails: false, postcodes: false, ..wanted }; // too short for binary values
        }
        let mut found = Vec::new();
        patterns::find(window.bytes, wanted, |kind, start, end| found.push((kind, start, end, "ASCII")));
        if memchr::memchr_iter(0, window.bytes).take(10).count() == 10 {
            let (narrow, places) = narrowed(window.bytes);
            patterns::find(&narrow, wanted, |kind, start, end| {
                found.push((kind, places[start], places[end - 1], "UTF-16"))
            });
        }
        for (kind, start, end, encoding) in found {
            if start >= window.from && end <= window.to {
                self.report(FindingKind::Pattern(kind), place, window, start, encoding);
            }
        }
    }

    /// Base64 inside text: each run that is long enough to hold something.
    fn base64(&mut self, place: &Place<'_>, window: Window<'_>) -> Result<(), SearchError> {
        let mut rest = window.bytes;
        while let Some(start) = rest.iter().position(|byte| sextet(*byte).is_some()) {
            rest = &rest[start..];
            let end = rest
                .iter()
                .position(|byte| sextet(*byte).is_none() && !b"\r\n".contains(byte))
                .unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            if run.len() >= BASE64_CHARS_MIN {
                let packed = Place::Packed(place, "base64");
                self.inner(&packed, &mut decoded(run).as_slice(), window.depth)?;
            }
        }
        Ok(())
    }

    /// Streams of gzip (RFC 1952) anywhere, and of zlib (RFC 1950) with its usual headers.
    fn compressed(&mut self, place: &Place<'_>, window: Window<'_>) -> Result<(), SearchError> {
        for at in memchr::memchr2_iter(0x1F, 0x78, window.bytes) {
            let input = &window.bytes[at..];
            let how = match input {
                [0x1F, 0x8B, 8, ..] => "gzip",
                [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => "zlib",
                _ => continue,
            };
            self.streams += 1;
            if self.streams > STREAMS_MAX {
                return Err(SearchError::TooMuch { limit: "100,000 compressed streams" });
            }
            let decoder: Box<dyn Read> = match how {
                "gzip" => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
                _ => Box::new(flate2::bufread::ZlibDecoder::new(input)),
            };
            let room = INFLATED_BYTES_MAX.saturating_sub(self.inflated_bytes) + 1;
            let mut lenient = Lenient { decoder: decoder.take(room), bytes: 0, starved: false };
            let mut head = [0; 64];
            let got = reader::fill(&mut lenient, &mut head)?;
            let packed = Place::Packed(place, how);
            self.inner(&packed, &mut head[..got].chain(&mut lenient), window.depth)?;
            self.inflated_bytes += lenient.bytes;
            if self.inflated_bytes > INFLATED_BYTES_MAX {
                return Err(SearchError::TooMuch { limit: "256 MiB after inflating" });
            }
            let next_window_has_it = at + OVERLAP_BYTES >= window.bytes.len();
            if lenient.starved && !window.last && !next_window_has_it && lenient.bytes > 1024 {
                return Err(SearchError::TooMuch { limit: "1 MiB of a compressed stream" });
            }
        }
        Ok(())
    }

    /// Searches what was packed; the outer window stays as it is.
    fn inner(&mut self, place: &Place<'_>, content: &mut dyn Read, depth: u8) -> Result<(), SearchError> {
        let outer = std::mem::take(&mut self.window);
        let outcome = self.stream(place, Class::Opaque, content, depth + 1);
        self.window = outer;
        outcome
    }
}

/// Between two parts of one name: separators and escape sequences only.
const GAP_BYTES_MAX: usize = 16;

/// Whether a match counts at all in a value of this class.
fn in_place(hit: &Hit, entry: &Entry, window: Window<'_>) -> bool {
    if hit.start < window.from || hit.end > window.to {
        return false;
    }
    let long_number = entry.chars >= LONG_NUMBER_DIGITS;
    let allowed = match (entry.rule, window.class) {
        (Rule::Binary, class) => matches!(class, Class::Opaque | Class::Numeric),
        (_, Class::Numeric) => hit.end - hit.start >= BINARY_BYTES_MIN,
        (Rule::Digits, Class::NumberText) => {
            long_number || (entry.chars >= VALUE_DIGITS && whole_value(hit, entry, window))
        }
        (Rule::Digits, Class::Uid) => {
            long_number || (entry.chars >= VALUE_DIGITS && whole_component(hit, entry, window))
        }
        (Rule::Digits, Class::Date) => long_number,
        (Rule::Date { compact }, Class::Uid) => compact && whole_component(hit, entry, window),
        (Rule::Date { .. }, Class::Date) => false,
        (Rule::Date { compact }, Class::NumberText) => !compact || whole_value(hit, entry, window),
        _ => true,
    };
    let designated = match entry.unit {
        Unit::Jis0208 | Unit::Jis0212 => encodings::designated(window.bytes, hit.start, entry.unit),
        _ => true,
    };
    allowed && designated
}

/// Whether a match is one of the values of its element, from end to end (PS3.5 §6.4).
fn whole_value(hit: &Hit, entry: &Entry, window: Window<'_>) -> bool {
    whole(hit, entry, window, &['\\', ' '])
}

/// Whether a match is one of the components of a UID, from end to end (PS3.5 §9.1).
fn whole_component(hit: &Hit, entry: &Entry, window: Window<'_>) -> bool {
    whole(hit, entry, window, &['.', '\\', ' '])
}

fn whole(hit: &Hit, entry: &Entry, window: Window<'_>, borders: &[char]) -> bool {
    let before = encodings::before(window.bytes, hit.start, entry.unit);
    let after = encodings::after(window.bytes, hit.end, entry.unit);
    let is_border = |c: char| borders.contains(&c);
    before.is_none_or(is_border) && after.is_none_or(|c| c == '\0' || is_border(c))
}

/// Whether a match counts by itself: what stands on either side of it must not belong to it.
fn alone(hit: &Hit, entry: &Entry, window: Window<'_>) -> bool {
    let before = encodings::before(window.bytes, hit.start, entry.unit);
    let after = encodings::after(window.bytes, hit.end, entry.unit);
    let short = entry.chars < if entry.ideographic { 2 } else { SHORT_CHARS };
    if short && entry.rule != Rule::Binary {
        let text = matches!(window.class, Class::Text | Class::PersonName | Class::DeviceNumber);
        let common =
            matches!(entry.rule, Rule::NamePart { common: true, .. }) && window.class != Class::PersonName;
        return text && !common && is_delimiter(before) && is_delimiter(after);
    }
    let neither = |matches: fn(char) -> bool| !before.is_some_and(matches) && !after.is_some_and(matches);
    match entry.rule {
        Rule::NamePart { common, .. } => {
            let whole = entry.ideographic || is_whole_name(hit, entry, window, before, after);
            whole && (!common || window.class == Class::PersonName)
        }
        Rule::Digits if entry.chars >= LONG_NUMBER_DIGITS => neither(|c| c.is_ascii_digit()),
        Rule::Digits if window.class == Class::Uid => neither(char::is_alphanumeric),
        Rule::Digits => neither(char::is_alphanumeric) && neither(|c| c == '.'),
        Rule::Date { .. } => neither(|c| c.is_ascii_digit()),
        Rule::Word => entry.ideographic || neither(char::is_alphanumeric),
        Rule::Uid => {
            !before.is_some_and(|c| c.is_ascii_digit() || c == '.')
                && !after.is_some_and(|c| c.is_ascii_digit())
        }
        Rule::Binary => true,
    }
}

/// Whether no letter stands on either side, or one that begins another word: `JonesCT`, `SiteJones`.
fn is_whole_name(
    hit: &Hit,
    entry: &Entry,
    window: Window<'_>,
    before: Option<char>,
    after: Option<char>,
) -> bool {
    let own = &window.bytes[hit.start..hit.end];
    let is_plain = entry.unit == Unit::Byte && own.is_ascii();
    let begins = |left: Option<char>, right: Option<char>| {
        let is_seam = |(left, right): (char, char)| left.is_lowercase() && right.is_uppercase();
        is_plain && left.zip(right).is_some_and(is_seam)
    };
    let [first, last] = [own.first(), own.last()].map(|byte| byte.map(|byte| char::from(*byte)));
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    (!is_letter(before) || begins(before, first)) && (!is_letter(after) || begins(last, after))
}

/// Whether two matches are different parts of one name with nothing but separators between them.
fn beside(left: &Hit, right: &Hit, entries: &[Entry], bytes: &[u8]) -> bool {
    let (first, second) = (&entries[left.pattern], &entries[right.pattern]);
    let different = first.needle == second.needle && first.rule != second.rule && right.start >= left.end;
    let wide = |unit| matches!(unit, Unit::WideLittle | Unit::WideBig);
    if !different || wide(first.unit) != wide(second.unit) {
        return false;
    }
    let mut gap = bytes[left.end..right.start].iter();
    while let Some(byte) = gap.next() {
        match byte {
            0x1B => {
                // `ESC` intermediates final: PS3.5 §6.1.2.5
                gap.by_ref().take_while(|byte| (0x20..0x30).contains(*byte)).for_each(drop);
            }
            byte if byte.is_ascii_alphanumeric() || *byte >= 0x80 => return false,
            _ => {}
        }
    }
    let long = first.chars + second.chars >= 8 || first.ideographic;
    let edge = |c: Option<char>| !c.is_some_and(char::is_alphabetic);
    long || (edge(encodings::before(bytes, left.start, first.unit))
        && edge(encodings::after(bytes, right.end, second.unit)))
}

fn is_delimiter(c: Option<char>) -> bool {
    c.is_none_or(|c| c.is_whitespace() || c.is_control() || "^\\=,;:()[]{}\"'<>|@".contains(c))
}

/// Gives an unknown value the class of its shape.
fn resolved(class: Class, bytes: &[u8]) -> Class {
    let trimmed = bytes.trim_ascii_end().strip_suffix(b"\0").unwrap_or(bytes).trim_ascii();
    let control = |byte: &u8| *byte < 0x20 && !b"\t\n\x0c\r\x1b".contains(byte);
    match class {
        Class::Unknown if is_uid_shaped(trimmed) => Class::Uid,
        Class::Unknown if is_date_shaped(trimmed) && trimmed.iter().all(u8::is_ascii_digit) => Class::Date,
        Class::Unknown | Class::Opaque if trimmed.iter().any(control) => Class::Opaque,
        Class::Unknown | Class::Opaque => Class::Text,
        known => known,
    }
}

fn is_uid_shaped(bytes: &[u8]) -> bool {
    let shaped = bytes.iter().all(|byte| byte.is_ascii_digit() || b".\\\0".contains(byte));
    shaped && bytes.iter().filter(|byte| **byte == b'.').count() > 2
}

/// Nothing but a plausible date, or such a date and a time.
fn is_date_shaped(bytes: &[u8]) -> bool {
    let digits: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_digit).collect();
    let separators = bytes.iter().all(|byte| byte.is_ascii_digit() || b"-/.:T Z+".contains(byte));
    let length = match bytes.len() {
        8 | 10 => digits.len() == 8,
        19.. => (14..=20).contains(&digits.len()),
        _ => false,
    };
    if !separators || !length {
        return false;
    }
    let year_first = matches!(&digits[..4], [b'1', b'8' | b'9', ..] | [b'2', b'0', ..]) && digits[4] <= b'1';
    let year_last = matches!(&digits[4..8], [b'1', b'8' | b'9', ..] | [b'2', b'0', ..]) && digits[0] <= b'3';
    year_first || year_last
}
