//! One image in many forms, made and sent by foreign programs; and whether what reached the warehouse is what they gave, frame
//! for frame.

use crate::{has, run};
use dicom::part10::{self, Layout, Object};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A form of an image.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its name.
    pub name: &'static str,
    /// The program and its options that make it; else pydicom does.
    made_by: Option<(&'static str, &'static [&'static str])>,
    /// The option of storescu that proposes its syntax; else pynetdicom sends it.
    proposed: Option<&'static str>,
}

const fn by_dcmtk(
    name: &'static str,
    program: &'static str,
    option: &'static [&'static str],
    propose: &'static str,
) -> Form {
    Form { name, made_by: Some((program, option)), proposed: Some(propose) }
}

const fn by_pydicom(name: &'static str, proposed: Option<&'static str>) -> Form {
    Form { name, made_by: None, proposed }
}

/// Every form that the policy of the NCCID lets go.
pub const FORMS: [Form; 15] = [
    by_dcmtk("implicit", "dcmconv", &["+ti"], "-xi"),
    by_dcmtk("deflated", "dcmconv", &["+td"], "-xd"),
    by_dcmtk("big-endian", "dcmconv", &["+tb"], "-xb"),
    by_dcmtk("baseline", "dcmcjpeg", &["+eb"], "-xy"),
    by_dcmtk("extended", "dcmcjpeg", &["+ee"], "-xx"),
    by_dcmtk("lossless", "dcmcjpeg", &["+e1"], "-xs"),
    by_dcmtk("jpeg-ls", "dcmcjpls", &["+el"], "-xt"),
    by_dcmtk("dcmtk-rle", "dcmcrle", &[], "-xr"),
    by_pydicom("j2k-lossless", Some("-xv")),
    by_pydicom("j2k", Some("-xw")),
    by_pydicom("rle", None),
    by_pydicom("frames-native", Some("-xe")),
    by_pydicom("frames-j2k-lossless", None),
    by_pydicom("frames-j2k", Some("-xw")),
    by_pydicom("frames-rle", None),
];

/// A multi-frame secondary capture: the policy holds it.
pub const HELD: Form = by_pydicom("held", None);

/// The form of that name.
pub fn form(name: &str) -> Form {
    *FORMS.iter().find(|form| form.name == name).unwrap()
}

/// Python with pydicom and pynetdicom, where all the programs that make and send forms are installed.
pub fn python() -> Option<String> {
    let Ok(python) = std::env::var("TRIBUTARY_TEST_PYTHON") else {
        eprintln!("skipped: TRIBUTARY_TEST_PYTHON is not set (./dev test sets it)");
        return None;
    };
    let programs = ["storescu", "dcmconv", "dcmcjpeg", "dcmcjpls", "dcmcrle", "dcmodify", "dcmqridx"];
    programs.iter().all(|program| has(program)).then_some(python)
}

/// Makes what is named of JPEG 2000, lossless and not, RLE, an Enhanced CT image of five frames each way, and a multi-frame
/// secondary capture.
const MAKE: &str = r#"
import sys
import numpy as np
from pydicom import dcmread
from pydicom.uid import RLELossless, JPEG2000Lossless, JPEG2000

ENHANCED_CT, MULTI_FRAME_WORD = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.7.3"
PRIMARY, SECONDARY = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], ["DERIVED", "SECONDARY"]
SYNTAXES = {"j2k-lossless": (JPEG2000Lossless, {}), "j2k": (JPEG2000, {"j2k_cr": [4]}), "rle": (RLELossless, {})}

def frames(ds, sop_class, kind):
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.ImageType, ds.NumberOfFrames = kind, 5
    one = np.frombuffer(ds.PixelData, dtype="<i2").reshape(ds.Rows, ds.Columns)
    ds.PixelData = b"".join(np.roll(one, n, axis=0).tobytes() for n in range(5))

for name in sys.argv[3:]:
    ds = dcmread(sys.argv[1])
    for tag in [e.tag for e in ds if e.tag > 0x7FE00010]:
        del ds[tag]
    syntax = name
    if name == "held":
        frames(ds, MULTI_FRAME_WORD, SECONDARY)
        syntax = "j2k-lossless"
    elif name.startswith("frames-"):
        frames(ds, ENHANCED_CT, PRIMARY)
        syntax = name[len("frames-"):]
    if syntax in SYNTAXES:
        uid, options = SYNTAXES[syntax]
        ds.compress(uid, **options)
    ds.save_as(sys.argv[2] + "/" + name + ".dcm", enforce_file_format=True)
"#;

/// Sends a file as it is.
const PUSH: &str = r#"
import sys
from pydicom import dcmread
from pynetdicom import AE
ds = dcmread(sys.argv[3])
ae = AE(ae_title="STORESCU")
ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
assoc = ae.associate("127.0.0.1", int(sys.argv[2]), ae_title=sys.argv[1])
assert assoc.is_established
status = assoc.send_c_store(ds)
assert status.Status == 0x0000, status
assoc.release()
"#;

/// Runs a foreign program that must succeed.
pub async fn succeeds(program: &str, args: &[&str]) {
    let ran = run(program, args).await;
    assert!(ran.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Sends a file or a folder by storescu to an application entity on this machine, which must take all and answer soon.
pub async fn storescu(options: &[&str], called: &str, port: u16, what: &str) {
    let port = port.to_string();
    let rest = ["-ta", "30", "-td", "30", "-aec", called, "127.0.0.1", &port, what];
    succeeds("storescu", &[options, &rest].concat()).await;
}

/// An instance in one of its forms.
#[derive(Debug, Clone)]
pub struct Made {
    /// Which.
    pub form: Form,
    /// Where it lies.
    pub file: PathBuf,
}

/// Makes these forms of a plain image, each an instance of its own.
pub async fn make(python: &str, plain: &Path, dir: &Path, forms: &[Form]) -> Vec<Made> {
    fs::create_dir_all(dir).unwrap();
    let (plain, folder) = (plain.to_str().unwrap(), dir.to_str().unwrap());
    let by_pydicom = forms.iter().filter(|form| form.made_by.is_none()).map(|form| form.name);
    let words: Vec<&str> = ["-c", MAKE, plain, folder].into_iter().chain(by_pydicom).collect();
    if words.len() > 4 {
        succeeds(python, &words).await;
    }
    let mut made = Vec::new();
    for &form in forms {
        let file = dir.join(format!("{}.dcm", form.name));
        if let Some((program, options)) = form.made_by {
            succeeds(program, &[options, &[plain, file.to_str().unwrap()]].concat()).await;
        }
        made.push(Made { form, file });
    }
    let files: Vec<&str> = made.iter().map(|made| made.file.to_str().unwrap()).collect();
    succeeds("dcmodify", &[&["-gin", "-nb"], &files[..]].concat()).await;
    made
}

impl Made {
    /// Sends it to an application entity on this machine, in its own syntax.
    pub async fn send(&self, python: &str, called: &str, port: u16) {
        let file = self.file.to_str().unwrap();
        match self.form.proposed {
            Some(propose) => {
                storescu(&[propose, "-R"], called, port, file).await;
            }
            None => succeeds(python, &["-c", PUSH, called, &port.to_string(), file]).await,
        }
    }
}

fn open(path: &Path) -> Object {
    let file = fs::File::open(path).unwrap();
    part10::open(Box::new(file), &part10::Limits::default()).unwrap()
}

/// The transfer syntax, and the fragments; of native pixels, which leave in Explicit VR Little Endian, the samples.
fn frames(path: &Path) -> (String, Vec<Vec<u8>>) {
    let mut object = open(path);
    let layout = object.pixels.as_ref().map(|pixels| pixels.layout.clone()).unwrap();
    let frames = match layout {
        Layout::Encapsulated { fragments, .. } => {
            fragments.iter().map(|span| object.read_span(*span).unwrap()).collect()
        }
        Layout::Native { .. } => {
            let mut bytes = Vec::new();
            object.pixel_reader().unwrap().unwrap().read_to_end(&mut bytes).unwrap();
            return ("native".into(), vec![bytes]);
        }
    };
    (object.meta.transfer_syntax, frames)
}

fn images(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(images(&path)),
            false if path.extension().is_some_and(|ending| ending == "dcm") => found.push(path),
            false => {}
        }
    }
    found
}

/// Holds the images of a warehouse against what was given: the names of the forms that are there, frame for frame.
pub fn arrived(warehouse: &Path, given: &[Made]) -> Vec<&'static str> {
    let mut came: Vec<_> = images(warehouse).iter().map(|path| frames(path)).collect();
    let mut names = Vec::new();
    for made in given {
        let sent = frames(&made.file);
        if let Some(at) = came.iter().position(|came| *came == sent) {
            came.swap_remove(at);
            names.push(made.form.name);
        }
    }
    let strange: Vec<_> = came.iter().map(|(syntax, frames)| (syntax, frames.len())).collect();
    assert!(strange.is_empty(), "nobody gave these: {strange:?}; {names:?} are as given");
    names
}
