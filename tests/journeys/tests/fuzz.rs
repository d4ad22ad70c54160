//! The fuzz targets on stable Rust: a fixed number of inputs each, made by changing good samples at random, from a seed.
//!
//! For hours instead of seconds: `cargo +nightly fuzz run pdu` (or `dataset`, `deid`, `text`, `frames`, `sheet`), after
//! `cargo test -p journeys --test fuzz -- --ignored corpus`, which writes the samples to `fuzz/corpus`.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

#[path = "../../../fuzz/targets.rs"]
mod targets;
#[path = "fuzz/samples.rs"]
mod samples;

use bytes::BytesMut;
use deid::custody::Custody;
use dicom::association::{Answer, Association, ContextRequest, Event, Request, Timers};
use dicom::dimse::{Command, Priority, StoreRequest};
use dicom::part10;
use dicom::pdu::{AeTitle, Limits};
use dicom::uid::{sop_class, transfer_syntax as ts};
use sim::encode::Syntax;
use sim::images::{Instance, ct_study};
use sim::random::Random;
use sim::region::{Region, Size};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SYNTAXES: [Syntax; 6] = [
    Syntax::ImplicitLittle,
    Syntax::ExplicitLittle,
    Syntax::ExplicitBig,
    Syntax::Deflated,
    Syntax::Rle,
    Syntax::JpegLossless,
];

/// An image whose patient is called by the name that may not go out.
fn image(seed: u64) -> Instance {
    let mut image = ct_study(seed, 1, 16).remove(0);
    let mut person = (*image.person).clone();
    person.name.family = targets::NAME.into();
    image.person = Arc::new(person);
    image
}

fn images() -> Vec<Vec<u8>> {
    SYNTAXES.iter().enumerate().map(|(seed, syntax)| image(seed as u64).file(*syntax)).collect()
}

/// The seed of the objects with planted identifiers.
const CORPUS_SEED: u64 = 7;
/// Longer objects are pixels for the most part, which `frames` is for.
const SAMPLE_BYTES_MAX: usize = 48 << 10;

/// Objects of every kind, character set and transfer syntax with identifiers planted wherever they hide, whose patient's family
/// name is one that can be told from any word.
fn planted(objects: u32) -> Vec<Vec<u8>> {
    let cases = sim::corpus::corpus(CORPUS_SEED, objects).filter(|case| case.file.len() <= SAMPLE_BYTES_MAX);
    let samples: Vec<_> = cases.map(|case| renamed(case.file)).collect();
    assert!(samples.len() * 4 > objects as usize, "too few are short");
    samples
}

/// The object with the first letters of its patient's family name replaced by those that the targets look for, wherever it stands.
fn renamed(mut file: Vec<u8>) -> Vec<u8> {
    let opened =
        deid::instance::Instance::open(Box::new(Cursor::new(file.clone())), &part10::Limits::default());
    let Ok(opened) = opened else { return file };
    let Some(name) = opened.facts().patient.name.as_ref().map(|name| name.expose(&Custody::mint()).clone())
    else {
        return file;
    };
    let family = name.split('^').next().unwrap_or_default().as_bytes().to_ascii_lowercase();
    if family.len() <= targets::OWN_NAME.len() || !family.iter().all(u8::is_ascii_alphabetic) {
        return file;
    }
    for at in 0..file.len().saturating_sub(family.len()) {
        if file[at..at + family.len()].eq_ignore_ascii_case(&family) {
            for (to, from) in file[at..].iter_mut().zip(targets::OWN_NAME.bytes()) {
                *to = if to.is_ascii_uppercase() { from.to_ascii_uppercase() } else { from };
            }
        }
    }
    file
}

/// What is asked of the wall, then the object: under the research profile before review and after, under every option by turns,
/// and once so that it can be cleaned again.
fn asked(objects: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let released = 1 << 12;
    let again = 3 << 14;
    let asks =
        |at: usize| [targets::RESEARCH, targets::RESEARCH | released, 1 << (at % 12), again | 0x1D][at % 4];
    let with = |(at, object): (usize, Vec<u8>)| [asks(at).to_le_bytes().to_vec(), object].concat();
    objects.into_iter().enumerate().map(with).collect()
}

/// What is asked of the wall, the character set, a name, and a text that speaks of its bearer.
fn texts() -> Vec<Vec<u8>> {
    let said = [
        "CT Thorax of Mr ZQXVINGTON, DOB 12/04/1953, NHS 999 000 0018, seen by Dr Jane Smith",
        "Zqxvington J. axial T2 3.0mm 512x512 L4/5, tel 020 7946 0123, SW1A 1AA, j.zqxvington@example.org",
        "ref. Zqxvington/J 12-Apr-2019, MRN: 4471-882, ward 7, 93 years; AbdPelvis C+ b1000",
    ];
    let names = ["Zqxvington^Jane^^Mrs", "ZQXVINGTON^J=\u{5C71}\u{7530}^\u{592A}\u{90CE}"];
    let mut texts = Vec::new();
    for (at, said) in said.iter().enumerate() {
        for (charset, name) in names.iter().enumerate() {
            let asked = [0_u16, 1 << 5, 1 << 6][at].to_le_bytes();
            texts.push(
                [&asked[..], &[u8::try_from(charset).unwrap()], name.as_bytes(), b"\0", said.as_bytes()]
                    .concat(),
            );
        }
    }
    texts
}

/// Compressed frames: the number of the coding, the kind of its pixels, then the frame; to be masked, and to be read.
fn frames() -> Vec<Vec<u8>> {
    let bytes = |hex: &str| {
        let digits = hex.as_bytes().chunks_exact(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect::<Vec<_>>()
    };
    let each = |read: u8| {
        samples::FRAMES
            .iter()
            .map(move |(coding, kind, frame)| [vec![*coding, *kind | read], bytes(frame)].concat())
    };
    each(0).chain(each(8)).collect()
}

/// What a requestor and an acceptor say to each other while an image is stored.
fn conversations() -> Vec<Vec<u8>> {
    let image = image(9);
    let context = ContextRequest::scu(sop_class::CT_IMAGE, &[ts::EXPLICIT_VR_LITTLE_ENDIAN]);
    let request = Request {
        called_ae: AeTitle::parse("TRIBUTARY").unwrap(),
        calling_ae: AeTitle::parse("FUZZ").unwrap(),
        contexts: vec![context],
    };
    let now = Duration::ZERO;
    let mut asks = Association::request(&request, Limits::default(), Timers::default(), now);
    let mut answers = Association::accept(Limits::default(), Timers::default(), now);
    let mut said = [Vec::new(), Vec::new()];
    for turn in 0..6 {
        while let Some(bytes) = asks.poll_transmit(now) {
            said[0].extend_from_slice(&bytes);
            answers.handle_bytes(&mut BytesMut::from(&bytes[..]), now);
        }
        while let Some(event) = answers.poll_event() {
            if let Event::Requested(proposal) = event {
                let decision = proposal.accept(|context| Answer::Accept {
                    transfer_syntax: context.transfer_syntaxes[0].clone(),
                    roles: proposal.roles_for(&context.abstract_syntax),
                });
                answers.respond(&decision, now);
            }
        }
        while let Some(bytes) = answers.poll_transmit(now) {
            said[1].extend_from_slice(&bytes);
            asks.handle_bytes(&mut BytesMut::from(&bytes[..]), now);
        }
        while asks.poll_event().is_some() {}
        if turn == 1 {
            let store = Command::StoreRq(StoreRequest {
                message_id: asks.next_message_id(),
                sop_class: sop_class::CT_IMAGE.into(),
                sop_instance: image.uid.clone(),
                priority: Priority::Medium,
                move_originator: None,
            });
            asks.send(1, &store, Some(&image.encode(Syntax::ExplicitLittle))).unwrap();
        }
        if turn == 3 {
            asks.release(now);
        }
    }
    assert!(said.iter().all(|bytes| bytes.len() > 50));
    said.into()
}

fn sheets() -> Vec<Vec<u8>> {
    let region = Region::nccid(3, Size::TEST);
    let mut sheets: Vec<_> =
        region.trusts.iter().map(|trust| region.sheet(&trust.ods).into_bytes()).collect();
    let utf16 = sheets[0].iter().flat_map(|byte| [*byte, 0]);
    sheets.push([0xFF, 0xFE].into_iter().chain(utf16).collect());
    sheets.push(workbook(&workbook_xml()));
    sheets.extend([b"PK\x03\x04".to_vec(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".repeat(200)]);
    sheets
}

/// The content of an OpenDocument workbook with a trust's sheet in it.
fn workbook_xml() -> Vec<u8> {
    let region = Region::nccid(3, Size::TEST);
    let mut rows = String::new();
    for line in region.sheet(&region.trusts[0].ods).lines() {
        let cells = line.split(',').map(|cell| {
            format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{cell}</text:p></table:table-cell>"
            )
        });
        rows += &format!("<table:table-row>{}</table:table-row>", cells.collect::<String>());
    }
    let open = "urn:oasis:names:tc:opendocument:xmlns";
    let content = format!(
        "<office:document-content xmlns:office=\"{open}:office:1.0\" xmlns:table=\"{open}:table:1.0\" \
         xmlns:text=\"{open}:text:1.0\"><office:body><office:spreadsheet><table:table table:name=\"Cases\">{rows}\
         </table:table></office:spreadsheet></office:body></office:document-content>"
    );
    content.into_bytes()
}

/// A workbook around such content: an archive of files that are stored as they are, so that the content can be changed.
fn workbook(content: &[u8]) -> Vec<u8> {
    let kind = b"application/vnd.oasis.opendocument.spreadsheet".as_slice();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let list = b"<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
    for (name, bytes) in [("mimetype", kind), ("META-INF/manifest.xml", list), ("content.xml", content)] {
        let mut sum = flate2::Crc::new();
        sum.update(bytes);
        let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        // Version 2.0, no flags, stored, the first of January 1980.
        let mut entry =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sum.sum().to_le_bytes(), &len, &len].concat();
        entry.extend([u16::try_from(name.len()).unwrap().to_le_bytes(), [0, 0]].concat());
        directory.extend([b"PK\x01\x02\x14\0".as_slice(), &entry, &[0; 10]].concat());
        directory.extend(u32::try_from(out.len()).unwrap().to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend([b"PK\x03\x04", entry.as_slice(), name.as_bytes(), bytes].concat());
    }
    let (at, len) = (u32::try_from(out.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0\x03\0\x03\0");
    out.extend([len.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

/// Lengths, counts and markers that readers stumble over.
const TELLING: [&[u8]; 10] = [
    &[0],
    &[0xFF],
    &[0x7F],
    &[0x80],
    &[0xFF, 0xFF],
    &[0, 0, 0, 0],
    &[0xFF, 0xFF, 0xFF, 0xFF],
    &[0xFE, 0xFF, 0, 0xE0],
    &[0xFE, 0xFF, 0xDD, 0xE0],
    &[0xFF, 0xD8],
];

/// A sample with a few changes; most of it stays, so that it is read far.
fn changed(random: &mut Random, samples: &[Vec<u8>]) -> Vec<u8> {
    let below =
        |random: &mut Random, bound: usize| usize::try_from(random.below(bound.max(1) as u64)).unwrap();
    let mut bytes = samples[below(random, samples.len())].clone();
    for _ in 0..=below(random, 4) {
        // Headers are where it matters: the front is met more often.
        let reach = if random.below(2) == 0 { bytes.len().min(512) } else { bytes.len() };
        let at = below(random, reach);
        let end = (at + 1 + below(random, 24)).min(bytes.len());
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => {
                let telling = random.pick(&TELLING);
                let end = (at + telling.len()).min(bytes.len());
                bytes.splice(at..end, telling.iter().copied());
            }
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(end),
            5 => {
                let other = &samples[below(random, samples.len())];
                let from = below(random, other.len());
                let piece = other[from..(from + 64).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let noise: Vec<u8> = (at..end).map(|_| random.next_u64().to_le_bytes()[0]).collect();
                bytes.splice(at..end, noise);
            }
        }
    }
    bytes
}

/// Feeds the samples as they are, and so many changed ones; one that breaks the target is kept, and named. A good share must be
/// taken to the end: what is turned away at the door tries nothing.
fn feed(name: &str, target: impl Fn(&[u8]) -> bool, samples: &[Vec<u8>], inputs: u32) {
    let seed = std::env::var("TRIBUTARY_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut random = Random::labelled(seed, name);
    let mut taken = samples.iter().map(|sample| u32::from(target(sample))).sum::<u32>();
    assert!(taken > 0, "no sample is taken");
    for number in 0..inputs {
        let input = changed(&mut random, samples);
        let Ok(whole) = catch_unwind(AssertUnwindSafe(|| target(&input))) else {
            let path = std::env::temp_dir().join(format!("{name}-{seed}-{number}"));
            std::fs::write(&path, &input).unwrap();
            panic!("input {number} of seed {seed} breaks the target {name}: {}", path.display());
        };
        taken += u32::from(whole);
    }
    println!("{name}: {taken} of {inputs} taken to the end");
    assert!(taken > inputs / 40, "{name}: only {taken} of {inputs} inputs were taken to the end");
}

#[test]
fn whatever_a_peer_sends() {
    feed("pdu", targets::pdu, &conversations(), 60_000);
}

#[test]
fn whatever_an_archive_holds() {
    feed("dataset", targets::dataset, &images(), 20_000);
}

#[test]
fn whatever_comes_to_the_wall() {
    let samples = [images(), planted(120)].concat();
    feed("deid", targets::deid, &asked(samples), 10_000);
}

#[test]
fn whatever_a_description_says() {
    feed("text", targets::text, &texts(), 20_000);
}

#[test]
fn whatever_stands_in_a_compressed_frame() {
    feed("frames", targets::frames, &frames(), 20_000);
}

#[test]
fn whatever_a_trust_sends_as_its_list() {
    feed("sheet", targets::sheet, &sheets(), 20_000);
}

#[test]
fn whatever_stands_in_a_workbook() {
    feed("workbook", |content| targets::sheet(&workbook(content)), &[workbook_xml()], 5_000);
}

/// How many objects are made for the corpus; the short ones are taken.
const CORPUS_OBJECTS: u32 = 800;

#[test]
#[ignore = "writes fuzz/corpus, for cargo-fuzz"]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, samples) in [
        ("pdu", conversations()),
        ("dataset", [images(), planted(CORPUS_OBJECTS)].concat()),
        ("deid", asked([images(), planted(CORPUS_OBJECTS)].concat())),
        ("text", texts()),
        ("frames", frames()),
        ("sheet", sheets()),
    ] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for (number, sample) in samples.iter().enumerate() {
            std::fs::write(folder.join(name).join(number.to_string()), sample).unwrap();
        }
    }
}
