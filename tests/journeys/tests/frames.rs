//! Compressed and multi-frame images, made and pushed by foreign programs, arrive in the warehouse frame for frame as they
//! were sent; what the policy holds stays with the hub.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use dicom::part10::{self, Layout, Object};
use hub::config::Config;
use hub::context::Hub;
use hub::pipeline::nightly::night;
use hub::service::Service;
use journeys::{free_port, has, run};
use platform::clock::SystemClock;
use platform::testing::TempDir;
use sim::encode::Syntax;
use sim::images::Kind;
use sim::region::{Fate, Size};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tributary::demo::house;

/// Makes, from one CT image: JPEG 2000, lossless and not; an Enhanced CT image of five frames, each way; a multi-frame
/// secondary capture.
const MAKE: &str = r#"
import sys
import numpy as np
from pydicom import dcmread
from pydicom.uid import generate_uid, ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEG2000

def fresh():
    ds = dcmread(sys.argv[1])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for tag in [e.tag for e in ds if e.tag > 0x7FE00010]:
        del ds[tag]
    return ds

def save(ds, name):
    ds.save_as(sys.argv[2] + "/" + name + ".dcm", enforce_file_format=True)

def frames(ds, sop_class, kind):
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.ImageType, ds.NumberOfFrames = kind, 5
    one = np.frombuffer(ds.PixelData, dtype="<i2").reshape(ds.Rows, ds.Columns)
    ds.PixelData = b"".join(np.roll(one, n, axis=0).tobytes() for n in range(5))
    return ds

ENHANCED_CT, MULTI_FRAME_WORD = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.7.3"
PRIMARY, SECONDARY = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], ["DERIVED", "SECONDARY"]
for syntax, name, options in [
    (JPEG2000Lossless, "j2k-lossless", {}), (JPEG2000, "j2k", {"j2k_cr": [4]}), (RLELossless, "rle", {}),
]:
    ds = fresh()
    ds.compress(syntax, **options)
    save(ds, name)
    ds = frames(fresh(), ENHANCED_CT, PRIMARY)
    ds.compress(syntax, **options)
    save(ds, "frames-" + name)
save(frames(fresh(), ENHANCED_CT, PRIMARY), "frames-native")
ds = frames(fresh(), MULTI_FRAME_WORD, SECONDARY)
ds.compress(JPEG2000Lossless)
save(ds, "held")
"#;

/// Sends each file as it is.
const PUSH: &str = r#"
import sys
from pydicom import dcmread
from pynetdicom import AE
for name in sys.argv[2:]:
    ds = dcmread(name)
    ae = AE(ae_title="STORESCU")
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate("127.0.0.1", int(sys.argv[1]), ae_title="TRIBUTARY")
    assert assoc.is_established
    status = assoc.send_c_store(ds)
    assert status.Status == 0x0000, (name, status)
    assoc.release()
"#;

/// What the file is to be pushed with, and what pushes it: the option of storescu that proposes its syntax, or pynetdicom.
const PUSHED: [(&str, Option<&str>); 16] = [
    ("implicit", Some("-xi")),
    ("deflated", Some("-xd")),
    ("big-endian", Some("-xb")),
    ("baseline", Some("-xy")),
    ("extended", Some("-xx")),
    ("lossless", Some("-xs")),
    ("jpeg-ls", Some("-xt")),
    ("dcmtk-rle", Some("-xr")),
    ("j2k-lossless", Some("-xv")),
    ("j2k", Some("-xw")),
    ("rle", None),
    ("frames-native", Some("-xe")),
    ("frames-j2k-lossless", None),
    ("frames-j2k", Some("-xw")),
    ("frames-rle", None),
    ("held", None),
];

async fn succeeds(program: &str, args: &[&str]) {
    let ran = run(program, args).await;
    assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Writes a CT image of the cohort, and everything that foreign programs make of it.
async fn make(python: &str, plain: &Path, dir: &Path) {
    let plain = plain.to_str().unwrap();
    succeeds(python, &["-c", MAKE, plain, dir.to_str().unwrap()]).await;
    for (program, words, name) in [
        ("dcmconv", &["+ti"][..], "implicit"),
        ("dcmconv", &["+td"], "deflated"),
        ("dcmconv", &["+tb"], "big-endian"),
        ("dcmcjpeg", &["+eb"], "baseline"),
        ("dcmcjpeg", &["+ee"], "extended"),
        ("dcmcjpeg", &["+e1", "+ua"], "lossless"),
        ("dcmcjpls", &["+el", "+ua"], "jpeg-ls"),
        ("dcmcrle", &["+ua"], "dcmtk-rle"),
    ] {
        let made = dir.join(format!("{name}.dcm"));
        succeeds(program, &[words, &[plain, made.to_str().unwrap()]].concat()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn compressed_and_multi_frame_images_arrive_in_the_warehouse_frame_for_frame() {
    let Ok(python) = std::env::var("TRIBUTARY_TEST_PYTHON") else {
        eprintln!("skipped: TRIBUTARY_TEST_PYTHON is not set (./dev test sets it)");
        return;
    };
    if !["storescu", "dcmconv", "dcmcjpeg", "dcmcjpls", "dcmcrle"].iter().all(|program| has(program)) {
        return;
    }
    let mut region = journeys::only("alder", Size::TEST);
    region.sources[0].manners.stores_as = Some("STORESCU".into());
    let dir = TempDir::new();
    let made = dir.path().join("made");
    fs::create_dir_all(&made).unwrap();
    let is_plain_ct = |fate: &Fate, kind| *fate == Fate::Acknowledged && kind == Kind::Ct;
    let (_, ct, _) = region.expected().find(|(_, i, fate)| is_plain_ct(fate, i.series.kind)).unwrap();
    let plain = dir.path().join("plain.dcm");
    fs::write(&plain, ct.file(Syntax::ExplicitLittle)).unwrap();
    make(&python, &plain, &made).await;

    // The archive is not to be reached: what comes, comes by push.
    let papers =
        house::write(&dir.path().join("house"), &region, &[free_port()], &house::Keep::Folder).unwrap();
    let folder = papers.hub.parent().unwrap();
    let config = Config::load(&papers.hub).unwrap();
    let hub = Hub::open(config, SystemClock::shared(), deid::custody::Custody::mint()).await.unwrap();
    let hub = Arc::new(hub);
    house::import(&hub, &region, folder).await.unwrap();
    let service = Service::start(Arc::clone(&hub)).await.unwrap();
    let port = service.address().port().to_string();
    for (name, propose) in PUSHED {
        let file = made.join(format!("{name}.dcm")).to_str().unwrap().to_owned();
        match propose {
            Some(propose) => {
                // Each is another instance, whatever made it.
                succeeds(
                    "storescu",
                    &[propose, "-R", "+II", "-aec", house::HUB_AE, "127.0.0.1", &port, &file],
                )
                .await;
            }
            None => succeeds(&python, &["-c", PUSH, &port, &file]).await,
        }
    }
    service.run_until_idle().await.unwrap();
    let held = hub.store.instances_in("nccid", "held").await.unwrap();
    let reasons: Vec<_> = held.iter().map(|instance| instance.reason.clone().unwrap_or_default()).collect();
    assert_eq!(reasons, ["pixels-class-not-listed pixels-not-primary"]);
    assert_eq!(hub.store.instances_in("nccid", "quarantined").await.unwrap(), []);

    night(&hub).await.unwrap();
    let national = national::config::Config::load(&papers.national).unwrap();
    let house = national::house::House::open(national, SystemClock::shared()).await.unwrap();
    house.run_once().await.unwrap();
    night(&hub).await.unwrap();
    assert_eq!(hub.store.instances_in("nccid", "acknowledged").await.unwrap().len(), PUSHED.len() - 1);
    let mut came: Vec<_> = images(&folder.join("warehouse")).iter().map(|path| frames(path)).collect();
    for (name, _) in PUSHED {
        let sent = frames(&made.join(format!("{name}.dcm")));
        let at = came.iter().position(|came| *came == sent);
        assert_eq!(at.is_some(), name != "held", "{name}, {}", sent.0);
        at.map(|at| came.swap_remove(at));
    }
    assert!(came.is_empty(), "{} images nobody sent", came.len());
}
