//! The search for what must not be found: every sentinel, in every encoding, in every file, after inflating too.

use aho_corasick::AhoCorasick;
use data_encoding::BASE64_NOPAD;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use sim::people::Sentinel;
use sim::text::Charset;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Kinds of sentinels.
pub(crate) type Kinds = BTreeSet<&'static str>;

pub(crate) struct Search {
    needles: Vec<(&'static str, Vec<u8>)>,
    automaton: AhoCorasick,
}

impl Search {
    pub(crate) fn new(sentinels: impl IntoIterator<Item = Sentinel>) -> Self {
        let mut needles = Vec::new();
        for sentinel in sentinels {
            let kind = sentinel.kind;
            needles.extend(forms(&sentinel.text).into_values().map(|form| (kind, form)));
        }
        let automaton = AhoCorasick::new(needles.iter().map(|(_, form)| form)).unwrap();
        Self { needles, automaton }
    }

    /// What is found in bytes, as they are and inflated.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Kinds {
        let mut found = Kinds::new();
        let inflated = inflated(bytes);
        for content in inflated.iter().map(Vec::as_slice).chain([bytes]) {
            for hit in self.automaton.find_overlapping_iter(content) {
                let (kind, form) = &self.needles[hit.pattern().as_usize()];
                if stands_alone(kind, content, hit.start(), hit.end(), form) {
                    found.insert(*kind);
                }
            }
        }
        found
    }

    /// What is found in the files of a folder, and in their names; folders with the names of `skipped` are left out.
    pub(crate) fn folder(&self, folder: &Path, skipped: &[&str]) -> BTreeMap<PathBuf, Kinds> {
        let mut found = BTreeMap::new();
        for file in files(folder) {
            let name = file.strip_prefix(folder).unwrap();
            if name.components().any(|c| skipped.contains(&c.as_os_str().to_str().unwrap())) {
                continue;
            }
            let bytes = match std::fs::read(&file) {
                // Who works in the folder has moved it since.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                bytes => bytes.unwrap(),
            };
            let mut kinds = self.bytes(&bytes);
            kinds.extend(self.bytes(name.to_str().unwrap().as_bytes()));
            if !kinds.is_empty() {
                found.insert(name.to_owned(), kinds);
            }
        }
        found
    }
}

/// Every way in which a text may be written, by its name.
pub(crate) fn forms(text: &str) -> BTreeMap<String, Vec<u8>> {
    let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    let mut forms = BTreeMap::from([
        ("utf-8".to_owned(), text.as_bytes().to_vec()),
        ("utf-16le".to_owned(), utf16(u16::to_le_bytes)),
        ("utf-16be".to_owned(), utf16(u16::to_be_bytes)),
        ("upper case".to_owned(), text.to_uppercase().into_bytes()),
        ("lower case".to_owned(), text.to_lowercase().into_bytes()),
        ("json".to_owned(), json_escaped(text).into_bytes()),
    ]);
    for charset in Charset::ALL {
        if charset.or_one_that_holds(text) == charset {
            forms.insert(format!("{charset:?}"), charset.encode(text));
        }
    }
    // In Base64 the same bytes look like one of three things, by where they begin.
    for shift in 0..3 {
        let bytes = [&[0; 2][..shift], text.as_bytes()].concat();
        let whole = BASE64_NOPAD.encode(&bytes);
        let end = if bytes.len().is_multiple_of(3) { whole.len() } else { whole.len() - 1 };
        let form = whole.as_bytes()[[0, 2, 3][shift]..end].to_vec();
        if form.len() >= 10 {
            forms.insert(format!("base64 {shift}"), form);
        }
    }
    forms.retain(|_, form| form.len() >= 4);
    forms
}

/// As JSON writers do that keep to ASCII.
fn json_escaped(text: &str) -> String {
    let mut out = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(ascii) => out.push(char::from(ascii)),
            None => write!(out, "\\u{unit:04x}").unwrap(),
        }
    }
    out
}

/// Whether it is meant, and not by chance: digits within a longer number, or letters within a longer word, occur in any megabyte.
fn stands_alone(kind: &str, content: &[u8], start: usize, end: usize, needle: &[u8]) -> bool {
    let before = start.checked_sub(1).and_then(|at| content.get(at)).copied().unwrap_or(0);
    let after = content.get(end).copied().unwrap_or(0);
    // The group of the element that follows may look like a digit: 0x0030 is "0" and a zero byte.
    let is_tag = content.get(end + 1) == Some(&0);
    if kind == "birth-date" {
        // Time may follow, as in a DT.
        return !before.is_ascii_alphanumeric() && before != b'.';
    }
    if needle.iter().all(u8::is_ascii_digit) {
        let is_inside = before.is_ascii_digit() || before == b'.' || (after.is_ascii_digit() && !is_tag);
        return !is_inside && (needle.len() >= 10 || !before.is_ascii_alphanumeric());
    }
    let distinctive = needle.len() >= 8 || (!needle.is_ascii() && needle.len() >= 6);
    let alone = !before.is_ascii_alphanumeric() && (!after.is_ascii_alphanumeric() || is_tag);
    distinctive || alone && needle.len() >= 5
}

/// Whatever inflates, from the places where a compressed stream may begin.
fn inflated(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut streams = Vec::new();
    let mut read = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        // A stream that breaks off still gave what came before.
        let _ = reader.take(64 << 20).read_to_end(&mut out);
        if out.len() > 16 {
            streams.push(out);
        }
    };
    for (at, pair) in bytes.windows(2).enumerate() {
        match pair {
            [0x1f, 0x8b] => read(&mut GzDecoder::new(&bytes[at..])),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda] => read(&mut ZlibDecoder::new(&bytes[at..])),
            _ => {}
        }
    }
    // A deflated data set follows its file meta information (PS3.5 §A.5), whose first element says how long it is (PS3.10 §7.1).
    if bytes.get(128..132) == Some(b"DICM")
        && let Some(length) = bytes.get(140..144)
    {
        let length = u32::from_le_bytes(length.try_into().unwrap());
        if let Some(deflated) = bytes.get(144 + usize::try_from(length).unwrap()..) {
            read(&mut DeflateDecoder::new(deflated));
        }
    }
    streams
}

/// Every file below a folder, which may be worked in.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
