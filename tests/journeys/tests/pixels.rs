//! Compressed images made by foreign programs, of which a person had one corner blanked: what goes out without compression is
//! what the foreign programs decode, but for that corner, and what stays JPEG they decode as before (PS3.5 §8.2, Annex A, Annex G).
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use deid::custody::Sensitive;
use deid::identity::PersonKey;
use deid::instance::{Instance, PixelVerdict};
use deid::pixels::region::Region;
use deid::pixels::{PixelPolicy, Review};
use deid::profile::{ForProcessing, LossyJpeg, PixelSettings, Profile, Settings};
use deid::pseudonym::{ProjectKey, Pseudonymiser};
use deid::verify::Verifier;
use dicom::part10::{self, Limits};
use dicom::tag::tags;
use journeys::forms::python;
use journeys::run;
use platform::testing::TempDir;
use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use submission::signed::Signer;

/// Makes images of each kind in each transfer syntax: the file, and what it decodes to. Prints the name of each and by how
/// much a sample may differ where compression loses something and two decoders round differently.
const MAKE: &str = r#"
import subprocess, sys
import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000, JPEG2000Lossless

out = sys.argv[1] + "/"
noise = np.random.default_rng(3)

def image(rows, columns, bits, signed, samples, frames):
    y, x = np.mgrid[0:rows, 0:columns]
    planes = []
    for n in range(frames * samples):
        soft = (np.sin(x / 17 + n) + np.cos(y / 23 - n)) / 4 + 0.5
        values = soft * (2**bits - 1) + noise.normal(0, 2**bits / 100, (rows, columns))
        values[40:60, 30:90] = 2**bits - 1
        planes.append(np.clip(values, 0, 2**bits - 1))
    values = np.stack(planes).reshape(frames, samples, rows, columns).transpose(0, 2, 3, 1)
    return values - (2**(bits - 1) if signed else 0)

def plain(name, columns, allocated, stored, signed, samples, frames, photometric):
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    for tag in [e.tag for e in ds if e.tag > 0x7FE00010] + ["SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue"]:
        if tag in ds:
            del ds[tag]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 103, columns, samples, photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = allocated, stored, stored - 1, int(signed)
    if samples > 1:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
    values = image(103, columns, stored, signed, samples, frames)
    ds.PixelData = values.astype(("<i" if signed else "<u") + str(allocated // 8)).tobytes()
    ds.PixelData += b"\0" * (len(ds.PixelData) % 2)
    ds.save_as(out + name + ".dcm", enforce_file_format=True)
    return ds

def pixels(path):
    ds = dcmread(path)
    return ds.pixel_array.astype("<u" + str(ds.BitsAllocated // 8)).tobytes()

def say(name, decoded, tolerance):
    with open(out + name + ".raw", "wb") as raw:
        raw.write(pixels(decoded))
    print(name, tolerance)

def program(*words):
    subprocess.run(words, check=True, capture_output=True)

KINDS = {
    "grey8": (151, 8, 8, False, 1, 1, "MONOCHROME2"),
    "grey12": (151, 16, 12, False, 1, 1, "MONOCHROME1"),
    "signed12": (128, 16, 12, True, 1, 1, "MONOCHROME2"),
    "signed16": (128, 16, 16, True, 1, 3, "MONOCHROME2"),
    "colour": (151, 8, 8, False, 3, 2, "RGB"),
}
for kind, values in KINDS.items():
    ds = plain(kind, *values)
    path = out + kind + ".dcm"
    say(kind, path, 0)
    ways = [("rle", "dcmcrle", []), ("jpegls", "dcmcjpls", []), ("lossless", "dcmcjpeg", ["+e1"])]
    ways += [("lossless-" + n, "dcmcjpeg", ["+el", "+sv", n]) for n in "234567"]
    if kind == "colour":
        ways += [("jpegls-line", "dcmcjpls", ["+il"]), ("jpegls-sample", "dcmcjpls", ["+is"]), ("jpegls-plane", "dcmcjpls", ["+in"])]
    for way, coder, options in ways:
        name = kind + "-" + way
        program(coder, *options, path, out + name + ".dcm")
        say(name, path, 0)
    lossy = []
    if not values[3]:
        lossy.append(("near", "dcmcjpls", ["+en", "+md", "2"], "dcmdjpls", 0))
    if values[1] == 8:
        lossy.append(("baseline", "dcmcjpeg", ["+eb"], "dcmdjpeg", 4))
    if kind == "grey12":
        lossy.append(("extended", "dcmcjpeg", ["+ee"], "dcmdjpeg", 1))
    if kind == "colour":
        lossy.append(("baseline-rgb", "dcmcjpeg", ["+eb", "+cr"], "dcmdjpeg", 4))
        lossy.append(("baseline-444", "dcmcjpeg", ["+eb", "+s4"], "dcmdjpeg", 4))
    for way, coder, options, decoder, tolerance in lossy:
        name = kind + "-" + way
        program(coder, *options, path, out + name + ".dcm")
        program(decoder, out + name + ".dcm", out + "decoded.dcm")
        say(name, out + "decoded.dcm", tolerance)
    for way, uid, options, tolerance in [("j2k", JPEG2000Lossless, {}, 0), ("j2k-lossy", JPEG2000, {"j2k_cr": [4]}, 2)]:
        name = kind + "-" + way
        ds = dcmread(path)
        ds.compress(uid, **options)
        ds.save_as(out + name + ".dcm")
        say(name, path if tolerance == 0 else out + name + ".dcm", tolerance)
"#;

/// The corner that a person had blanked.
const CORNER: Region = Region { left: 0, top: 0, width: 8, height: 6 };

/// The ways to compress that lose something, which what is decoded and blanked must still say (PS3.3 §C.7.6.1.1.5).
const LOSSY: [&str; 4] = ["near", "baseline", "extended", "j2k-lossy"];

fn says_lossy(file: &[u8]) -> bool {
    let object = part10::open(Box::new(Cursor::new(file.to_vec())), &Limits::default()).unwrap();
    object.dataset.text(tags::LOSSY_IMAGE_COMPRESSION) == Some("01")
}

/// Sends a file through the wall, with its corner blanked.
fn through_the_wall(file: &Path, lossy_jpeg: LossyJpeg) -> Vec<u8> {
    let profile =
        Arc::new(Profile::new(&Settings::basic("pixels").with_options(&["clean-pixel-data"])).unwrap());
    let engine = Pseudonymiser::new(&ProjectKey::new([7; 32]), "Pixels").unwrap();
    let person = PersonKey::Local { issuer: "RBL".into(), id: Sensitive::new("4711".into()) };
    let subject = engine.subject(&person).unwrap();
    let source = Box::new(BufReader::new(File::open(file).unwrap()));
    let opened = Instance::open(source, &Limits::default()).unwrap();
    let cleaned = opened.clean_tags(&profile, &subject, &engine, &[]).unwrap();
    let settings = PixelSettings { lossy_jpeg, ..PixelSettings::default() };
    let policy = PixelPolicy::new(ForProcessing::Reject).with(&settings);
    let PixelVerdict::Clear(judged) = cleaned.clean_pixels(&policy, Review::Masked(vec![CORNER])) else {
        panic!("{}: held", file.display())
    };
    let mut out = Cursor::new(Vec::new());
    let signer = Signer::from_seed(&[9; 32]).unwrap();
    judged.verify_and_write(&mut out, &Verifier::default(), &signer, 42).unwrap();
    out.into_inner()
}

/// The native samples of an object, and how many bytes each has, and samples a pixel.
fn native(file: Vec<u8>) -> (Vec<u8>, usize, usize) {
    let mut object = part10::open(Box::new(Cursor::new(file)), &Limits::default()).unwrap();
    let number = |tag| usize::try_from(object.dataset.integer(tag).unwrap()).unwrap();
    let (bytes, samples) = (number(tags::BITS_ALLOCATED) / 8, number(tags::SAMPLES_PER_PIXEL));
    assert_eq!(object.dataset.text(tags::BURNED_IN_ANNOTATION), Some("NO"));
    let mut cells = Vec::new();
    object.pixel_reader().unwrap().unwrap().read_to_end(&mut cells).unwrap();
    (cells, bytes, samples)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_foreign_programs_compressed_is_decoded_as_they_decode_it() {
    let Some(python) = python() else { return };
    let dir = TempDir::new();
    let made = run(&python, &["-W", "ignore", "-c", MAKE, dir.path().to_str().unwrap()]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let names = String::from_utf8(made.stdout).unwrap();
    assert!(names.lines().count() > 50, "{names}");
    for line in names.lines() {
        let (name, tolerance) = line.split_once(' ').unwrap();
        let made = Made { name, raw: fs::read(dir.path().join(format!("{name}.raw"))).unwrap() };
        let file = dir.path().join(format!("{name}.dcm"));
        let decoded = through_the_wall(&file, LossyJpeg::Decode);
        assert_eq!(says_lossy(&decoded), LOSSY.iter().any(|way| name.contains(way)), "{name}");
        made.holds_beyond(CORNER, decoded, tolerance.parse().unwrap());
        if name.contains("baseline") {
            let [kept, decoded] = ["kept", "decoded"].map(|what| dir.path().join(what));
            fs::write(&kept, through_the_wall(&file, LossyJpeg::Keep)).unwrap();
            let ran = run("dcmdjpeg", &[kept.to_str().unwrap(), decoded.to_str().unwrap()]).await;
            assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
            // The units of 16 by 16 that the corner touches, and two pixels where colours are smoothed.
            made.holds_beyond(
                Region { left: 0, top: 0, width: 18, height: 18 },
                fs::read(&decoded).unwrap(),
                0,
            );
        }
    }
}

/// What a foreign program made, and what it decodes it to.
struct Made<'a> {
    name: &'a str,
    raw: Vec<u8>,
}

impl Made<'_> {
    /// Asks whether a file holds the same samples beyond this corner, but for so much.
    fn holds_beyond(&self, corner: Region, file: Vec<u8>, tolerance: i64) {
        let (name, (native, bytes, samples)) = (self.name, native(file));
        assert_eq!(native.len(), self.raw.len().next_multiple_of(2), "{name}");
        let cell = |from: &[u8], at: usize| {
            let cell = &from[at * bytes..(at + 1) * bytes];
            cell.iter().rev().fold(0_i64, |value, byte| value << 8 | i64::from(*byte))
        };
        let (rows, columns) = (103, if name.starts_with("signed") { 128 } else { 151 });
        let in_corner = |at: usize| {
            let pixel = at / samples % (rows * columns);
            pixel % columns < corner.width as usize && pixel / columns < corner.height as usize
        };
        for at in (0..self.raw.len() / bytes).filter(|at| !in_corner(*at)) {
            let apart = (cell(&native, at) - cell(&self.raw, at)).abs();
            // Numbers just above and below zero lie at the two ends of two's complement.
            let apart = apart.min((1 << (8 * bytes)) - apart);
            assert!(apart <= tolerance, "{name}: sample {at} is {apart} off");
        }
    }
}
