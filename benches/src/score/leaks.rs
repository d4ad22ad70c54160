//! Searching the bytes of an output for what the key says must be found nowhere, in whichever encoding.

use super::reader::{File, Value};
use aho_corasick::AhoCorasick;
use dicom::tag::Tag;
use encoding_rs::{EUC_KR, GB18030, ISO_2022_JP, ISO_8859_2, ISO_8859_5, WINDOWS_1252};
use std::collections::BTreeSet;
use std::io::Read;

/// Shorter byte strings occur by chance.
const SHORTEST: usize = 5;
/// No compressed stream of a document here unfolds to more.
const LARGEST_STREAM_BYTES: u64 = 1 << 22;

/// The strings that are there, as the key writes them.
pub(super) fn found(file: &File, needles: &[String]) -> Vec<String> {
    let mut patterns: Vec<(Vec<u8>, &String)> = Vec::new();
    for needle in needles {
        let mut forms = vec![
            needle.as_bytes().to_vec(),
            needle.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            needle.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ];
        for encoding in [WINDOWS_1252, ISO_8859_2, ISO_8859_5, EUC_KR, GB18030] {
            let (bytes, _, lossy) = encoding.encode(needle);
            if !lossy {
                forms.push(bytes.into_owned());
            }
        }
        // By escape: family and given name each, as the delimiter between them ends the designation.
        for part in needle.split('^') {
            let (bytes, _, lossy) = ISO_2022_JP.encode(part);
            if !lossy {
                forms.push(bytes.into_owned());
            }
        }
        forms.sort();
        forms.dedup();
        forms.retain(|form| form.len() >= SHORTEST);
        patterns.extend(forms.into_iter().map(|form| (form, needle)));
    }
    let forms: Vec<&[u8]> = patterns.iter().map(|(form, _)| form.as_slice()).collect();
    let Ok(search) = AhoCorasick::builder().ascii_case_insensitive(true).build(&forms) else {
        return needles.to_vec();
    };
    let streams = inner_streams(file);
    let mut hits = BTreeSet::new();
    for bytes in std::iter::once(&file.all).chain(&streams) {
        for hit in search.find_overlapping_iter(bytes) {
            hits.insert(patterns[hit.pattern().as_usize()].1.clone());
        }
    }
    hits.into_iter().collect()
}

/// What an encapsulated document holds in compressed streams.
fn inner_streams(file: &File) -> Vec<Vec<u8>> {
    let Some(Value::Bytes(document)) = file.set.get(Tag(0x0042, 0x0011)).map(|element| &element.value) else {
        return Vec::new();
    };
    let starts = document.windows(6).enumerate().filter(|(_, window)| *window == b"stream");
    starts
        .filter_map(|(at, _)| {
            let rest = document.get(at + 6..)?;
            let skip = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let mut out = Vec::new();
            let inflater = flate2::read::ZlibDecoder::new(&rest[skip..]);
            // A stream that breaks off has shown what it shows.
            let _ = inflater.take(LARGEST_STREAM_BYTES).read_to_end(&mut out);
            (!out.is_empty()).then_some(out)
        })
        .collect()
}
