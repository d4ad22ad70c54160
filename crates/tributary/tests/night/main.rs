//! A whole night, held against the plan; then everything that left, and everything written beside it, is searched for the people.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use deid::custody::Custody;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use sim::region::{Region, Size};
use sim::text::Charset;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use tributary::demo::{Keep, Options, Report, play};

async fn night(folder: &Path, seed: u64) -> Report {
    let options = Options { folder: folder.to_owned(), seed, size: Size::TEST, keep: Keep::Folder };
    play(&options, Custody::mint(), &|line| eprintln!("{line}"), &|_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirteen_trusts_come_out_exactly_as_planned_and_nothing_identifiable_leaves() {
    let dir = platform::testing::TempDir::new();
    let folder = dir.path().join("night");
    let report = night(&folder, 11).await;
    eprintln!("{report}");
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!(report.trusts.len(), 13);
    assert!(report.acknowledged > 0 && report.clinical > 0);
    assert_eq!((report.people.at_three_trusts, report.people.twins, report.people.same_local_id), (1, 2, 2));
    assert_eq!(report.people.withheld_but_asked, 0);
    for (arm, studies) in &report.arms {
        assert_eq!((studies.missing, studies.extra), (0, 0), "{arm}");
    }
    let region = Region::nccid(11, Size::TEST);
    let found = search(&folder, &region, HOSPITAL_ONLY);
    assert!(found.is_empty(), "identifying content: {found:#?}");
    // The searcher is not blind: in the archives' own files it finds every kind, in every file.
    let archives = dir.path().join("archives");
    let files = region.write_files(&archives).unwrap();
    let found = search(&archives, &region, &[]);
    assert_eq!(found.len(), files);
    let kinds: BTreeSet<_> = found.values().flatten().copied().collect();
    let planted: BTreeSet<_> =
        region.sentinels().iter().map(|s| s.kind).filter(|k| *k != "birth-date").collect();
    assert_eq!(kinds, planted);
}

/// What holds people's data on purpose: the sheets as imported, and the keys. The sealed spool and the linkage are searched.
const HOSPITAL_ONLY: &[&str] = &["sheets", "keys"];

/// Every sentinel of the region in every file of the folder, in every encoding, after inflating too: kind and file.
///
/// Birth dates are searched only in what left and only in forms that no shifted date takes by chance: ISO and British.
fn search(folder: &Path, region: &Region, skipped: &[&str]) -> BTreeMap<PathBuf, BTreeSet<&'static str>> {
    let mut needles: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for sentinel in region.sentinels() {
        if sentinel.kind == "birth-date" {
            continue;
        }
        let text = sentinel.text.as_str();
        let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
        let mut forms = vec![text.as_bytes().to_vec(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)];
        for charset in Charset::ALL {
            if charset.or_one_that_holds(text) == charset {
                forms.push(charset.encode(text));
            }
        }
        forms.push(text.to_uppercase().into_bytes());
        forms.sort();
        forms.dedup();
        needles.extend(forms.into_iter().filter(|f| f.len() >= 4).map(|form| (sentinel.kind, form)));
    }
    let automaton = aho_corasick::AhoCorasick::new(needles.iter().map(|(_, form)| form)).unwrap();
    let mut found: BTreeMap<PathBuf, BTreeSet<&'static str>> = BTreeMap::new();
    let mut files = Vec::new();
    walk(folder, &mut files);
    assert!(files.iter().any(|f| f.extension().is_some_and(|e| e == "dcm")), "nothing left at all");
    for file in files {
        let name = file.strip_prefix(folder).unwrap();
        if name.components().any(|c| skipped.contains(&c.as_os_str().to_str().unwrap())) {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let names = file.to_str().unwrap().as_bytes().to_vec();
        for content in inflated(&bytes).into_iter().chain([bytes, names]) {
            for hit in automaton.find_overlapping_iter(&content) {
                let (kind, form) = &needles[hit.pattern().as_usize()];
                if is_whole(&content, hit.start(), hit.end(), form) {
                    found.entry(name.to_owned()).or_default().insert(kind);
                }
            }
        }
    }
    found
}

/// Short ASCII needles count as whole words only: four letters occur in any kilobyte of noise.
fn is_whole(content: &[u8], start: usize, end: usize, needle: &[u8]) -> bool {
    let joins = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
    let alone = !joins(start.checked_sub(1).and_then(|at| content.get(at))) && !joins(content.get(end));
    let distinctive = needle.len() >= 8 || (!needle.is_ascii() && needle.len() >= 6);
    distinctive || alone && needle.len() >= 5
}

/// Whatever inflates, from the places where a compressed stream may begin.
fn inflated(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut streams = Vec::new();
    let mut read = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        // A stream that breaks off still gave what came before.
        let _ = reader.take(64 << 20).read_to_end(&mut out);
        if out.len() > 64 {
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
    // A deflated data set follows its file meta information (PS3.5 §A.5).
    if bytes.len() > 400 && &bytes[128..132] == b"DICM" {
        read(&mut DeflateDecoder::new(&bytes[300..]));
    }
    streams
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
