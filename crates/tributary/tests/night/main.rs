//! A whole night, held against the plan; then everything that left, and everything written beside it, is searched for the people.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

mod processes;
mod rotation;
mod search;
mod watch;

use deid::custody::Custody;
use dicom::dataset::Dataset;
use dicom::tag::{VR, is_private};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use platform::testing::TempDir;
use search::{Kinds, Search, files, forms};
use sim::images::Instance;
use sim::people::Sentinel;
use sim::region::{Region, Size};
use std::collections::BTreeMap;
use std::fs;
use tributary::demo::{Keep, Options, play};

/// What holds people's data on purpose: the sheets as they were handed in, and the keys. The sealed spool and the linkage are
/// searched like everything else.
const HOSPITAL_ONLY: &[&str] = &["sheets", "keys"];

#[tokio::test(flavor = "multi_thread")]
async fn thirteen_trusts_come_out_exactly_as_planned_and_nothing_identifiable_leaves() {
    let dir = TempDir::new();
    let folder = dir.path().join("night");
    let options = Options { folder: folder.clone(), seed: 11, size: Size::TEST, keep: Keep::Folder };
    let tell = |line: &str| eprintln!("{line}");
    let report = play(&options, Custody::mint(), &tell, &|_| {}).await.unwrap();
    eprintln!("{report}");
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!(report.trusts.len(), 13);
    assert!(report.acknowledged > 0 && report.clinical > 0);
    assert_eq!((report.people.at_three_trusts, report.people.twins, report.people.same_local_id), (1, 2, 2));
    assert_eq!(report.people.withheld_but_asked, 0);
    for (arm, studies) in &report.arms {
        assert_eq!((studies.missing, studies.extra), (0, 0), "{arm}");
    }
    // What came between receipt and transfer took back all of one person and of one trust, partly out of the inbox.
    let late = &report.late;
    assert!(late.objected > 1 && late.lapsed > 1 && late.records > 1, "{late:?}");
    assert_eq!(late.left, 0);
    let search = Search::new(Region::nccid(11, Size::TEST).sentinels());
    assert!(files(&folder).iter().any(|f| f.extension().is_some_and(|e| e == "dcm")), "nothing left at all");
    let found = search.folder(&folder, HOSPITAL_ONLY);
    assert!(found.is_empty(), "identifying content: {found:#?}");
}

#[test]
fn the_search_finds_every_kind_in_every_file_of_an_archive_and_in_every_kind_of_place() {
    let dir = TempDir::new();
    let region = Region::nccid(11, Size::TEST);
    let search = Search::new(region.sentinels());
    let archives = dir.path().join("archives");
    let n = region.write_files(&archives).unwrap();
    let found = search.folder(&archives, &[]);
    assert_eq!(found.len(), n);
    let kinds: Kinds = found.values().flatten().copied().collect();
    assert_eq!(kinds, region.sentinels().iter().map(|s| s.kind).collect());
    let mut places: BTreeMap<&'static str, Kinds> = BTreeMap::new();
    for planted in &region.instances {
        in_places(&planted.instance, &search, &mut places);
    }
    for trust in &region.trusts {
        places.entry("sheet").or_default().extend(search.bytes(region.sheet(&trust.ods).as_bytes()));
    }
    let all = ["UN", "file meta", "nested", "private", "sheet", "text", "top level", "trailing"];
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), all);
    assert!(places.values().all(|kinds| !kinds.is_empty()), "{places:#?}");
    assert!(places["nested"].contains("birth-date") && places["sheet"].contains("birth-date"));
}

/// What is planted in an instance, by the kind of place.
fn in_places(instance: &Instance, search: &Search, places: &mut BTreeMap<&'static str, Kinds>) {
    fn walk(set: &Dataset, place: &'static str, search: &Search, places: &mut BTreeMap<&'static str, Kinds>) {
        for element in set {
            let place = if is_private(element.tag) { "private" } else { place };
            let found = search.bytes(element.bytes());
            let by_vr = match element.vr {
                VR::UN => Some("UN"),
                VR::LT | VR::ST | VR::UT => Some("text"),
                _ => None,
            };
            for place in [Some(place), by_vr].into_iter().flatten() {
                places.entry(place).or_default().extend(&found);
            }
            let nested = if place == "private" { place } else { "nested" };
            element.items().iter().for_each(|item| walk(item, nested, search, places));
        }
    }
    let object = instance.object();
    walk(&object.dataset, "top level", search, places);
    for element in &object.trailing {
        places.entry("trailing").or_default().extend(search.bytes(element.bytes()));
    }
    let meta = object.private_meta.unwrap_or_default();
    places.entry("file meta").or_default().extend(search.bytes(meta.as_bytes()));
}

#[test]
fn the_search_finds_every_sentinel_in_every_form_as_it_stands_and_compressed() {
    let region = Region::nccid(11, Size::TEST);
    let search = Search::new(region.sentinels());
    // Names under five letters are found only with what stands beside them.
    for Sentinel { kind, text } in region.sentinels().into_iter().filter(|s| s.text.chars().count() >= 5) {
        for (name, form) in forms(&text) {
            let planted = [b"patient: ", &form[..], b" (end)"].concat();
            // As a string among binary values: its length before it, the next element's tag behind it.
            let element = [&[8, 0][..], &form, &[0x30, 0, 0x10, 0]].concat();
            let ways = [
                ("a log line", planted.clone()),
                ("an element", element),
                ("zlib", compressed(ZlibEncoder::new(Vec::new(), Compression::fast()), &planted)),
                ("gzip", compressed(GzEncoder::new(b"log".to_vec(), Compression::fast()), &planted)),
                ("a deflated data set", deflated_part_10(&planted)),
            ];
            for (way, bytes) in ways {
                assert!(search.bytes(&bytes).contains(kind), "{kind} as {name} in {way}: not found");
            }
        }
    }
    let chance: &[&[u8]] = &[b"2.25.139990000018771", b"4711999000001890", b"nothing of anybody"];
    assert!(chance.iter().all(|bytes| search.bytes(bytes).is_empty()));
}

trait Compressor: std::io::Write {
    fn end(self) -> Vec<u8>;
}

macro_rules! compressors {
    ($($name:ident)+) => {$(
        impl Compressor for $name<Vec<u8>> {
            fn end(self) -> Vec<u8> {
                self.finish().unwrap()
            }
        }
    )+};
}

compressors! { ZlibEncoder GzEncoder DeflateEncoder }

fn compressed(mut to: impl Compressor, bytes: &[u8]) -> Vec<u8> {
    to.write_all(bytes).unwrap();
    to.end()
}

/// Preamble, DICM, a group length and ten bytes of file meta information, then what is deflated.
fn deflated_part_10(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 128];
    file.extend(b"DICM\x02\0\0\0UL\x04\0\x0a\0\0\0\x02\0\x01\0UI\x02\x001\0");
    file.extend(compressed(DeflateEncoder::new(Vec::new(), Compression::fast()), bytes));
    file
}

/// A folder in which a night is played.
fn new_folder(dir: &TempDir) -> std::path::PathBuf {
    let folder = dir.path().join("night");
    fs::create_dir_all(&folder).unwrap();
    folder
}
