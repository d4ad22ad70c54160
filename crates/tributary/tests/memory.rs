//! What the processes of both houses take up at most, as the kernel saw it (VmHWM of proc(5)): with thirteen senders at once,
//! and with an object of 2 GB on its whole way.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test: what fails here is the test")]

use deid::custody::Custody;
use dicom::dataset::Element;
use dicom::tag::{VR, tags};
use dicom::uid::sop_class;
use hub::config::Config;
use hub::context::Hub;
use platform::clock::SystemClock;
use platform::testing::TempDir;
use sim::encode::Syntax;
use sim::images::{Instance, Kind};
use sim::pacs::{Outgoing, Sender};
use sim::region::{Fate, Region, Size};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tributary::demo::house;

/// Neither process may take up more.
const RESIDENT_KIB_MAX: u64 = 256 << 10;
/// Whoever has not come to an end after this long hangs.
const HANGS: Duration = Duration::from_secs(900);

/// A house's process, killed when the test ends.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(house: &str, config: &Path) -> Self {
        let log = config.with_extension("log");
        let file = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args([house, "serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Both houses as processes, with the sheets of thirteen trusts, whose archives cannot be reached: what comes, comes by push.
struct Houses {
    dir: TempDir,
    region: Region,
    /// The hub's stores, to look into from outside.
    stores: Hub,
    hub: Process,
    national: Process,
}

impl Houses {
    async fn start() -> Self {
        let dir = TempDir::new();
        let region = Region::nccid(5, Size::TEST);
        let nobody: Vec<u16> = region.sources.iter().map(|_| 9).collect();
        let folder = dir.path().join("houses");
        let papers = house::write(&folder, &region, &nobody, &house::Keep::Folder).unwrap();
        let transfer = "[transfer]\nevery_s = 1\nreceipts_every_s = 1\n";
        fs::write(&papers.hub, fs::read_to_string(&papers.hub).unwrap() + transfer).unwrap();
        let config = Config::load(&papers.hub).unwrap();
        let stores = Hub::open(config, SystemClock::shared(), Custody::mint()).await.unwrap();
        house::import(&stores, &region, &folder).await.unwrap();
        let hub = Process::start("hub", &papers.hub);
        let national = Process::start("national", &papers.national);
        let mut houses = Self { dir, region, stores, hub, national };
        houses.until("the hub serves", async |houses| houses.hub.told().contains("serving")).await;
        houses
    }

    async fn until(&mut self, what: &str, done: impl AsyncFn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self).await {
            for process in [&mut self.hub, &mut self.national] {
                let ended = process.child.try_wait().unwrap();
                assert!(ended.is_none(), "{ended:?}: {}", process.told());
            }
            assert!(began.elapsed() < HANGS, "never: {what}\n{}\n{}", self.hub.told(), self.national.told());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn until_acknowledged(&mut self, count: usize) {
        self.until("all is acknowledged", async |houses| {
            houses.stores.store.instances_in("nccid", "acknowledged").await.unwrap().len() == count
        })
        .await;
    }

    /// One CT image of each trust that goes out, and the title that its archive stores from.
    fn of_each_trust(&self) -> Vec<(String, Instance)> {
        let is_wanted = |planted: &&sim::region::Planted| {
            planted.fate == Fate::Acknowledged && planted.instance.series.kind == Kind::Ct
        };
        let found = self.region.trusts.iter().filter_map(|trust| {
            let of =
                self.region.instances.iter().filter(is_wanted).find(|planted| planted.ods == trust.ods)?;
            let manners = &self.region.sources[of.source].manners;
            Some((manners.stores_as.as_ref().unwrap_or(&manners.ae_title).clone(), of.instance.clone()))
        });
        found.collect()
    }

    fn check_memory(&self) {
        let (hub, national) = (self.hub.peak_kib(), self.national.peak_kib());
        println!("at most: hub {} MiB, national house {} MiB", hub >> 10, national >> 10);
        assert!(hub < RESIDENT_KIB_MAX, "the hub took up {hub} KiB");
        assert!(national < RESIDENT_KIB_MAX, "the national house took up {national} KiB");
    }
}

/// A CT image of ordinary size, and as many copies under UIDs of their own as are asked for.
struct Stack {
    encoded: Vec<u8>,
    uid: String,
}

impl Stack {
    fn new(mut image: Instance, sender: usize) -> Self {
        (image.size, image.uid) = (512, format!("1.3.6.1.4.1.99999.77.{}.1000000", sender + 10));
        Self { encoded: image.encode(Syntax::ExplicitLittle), uid: image.uid }
    }

    fn copy(&self, number: usize) -> Outgoing {
        let uid = self.uid.replace("1000000", &format!("{}", 1_000_000 + number));
        let mut dataset = self.encoded.clone();
        let header = dataset.len().min(64 << 10);
        let places: Vec<usize> = dataset[..header]
            .windows(self.uid.len())
            .enumerate()
            .filter_map(|(at, window)| (window == self.uid.as_bytes()).then_some(at))
            .collect();
        for at in places {
            dataset[at..at + uid.len()].copy_from_slice(uid.as_bytes());
        }
        Outgoing {
            sop_class: sop_class::CT_IMAGE.into(),
            sop_instance: uid,
            transfer_syntax: Syntax::ExplicitLittle.uid().into(),
            dataset: dataset.into(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirteen_senders_at_once_stay_below_256_mb() {
    const SENDERS: usize = 13;
    // 325 MiB in all: what is not streamed shows.
    const IMAGES: usize = 50;
    let mut houses = Houses::start().await;
    let images = houses.of_each_trust();
    assert!(images.len() > 5);
    let address = houses.stores.config.listen.address;
    let senders = images.into_iter().cycle().take(SENDERS).enumerate().map(|(at, (title, image))| {
        tokio::spawn(async move {
            let stack = Stack::new(image, at);
            let sender = Sender { calling_ae: title, called_ae: house::HUB_AE.into(), address };
            for ten in 0..IMAGES / 10 {
                let copies: Vec<_> = (0..10).map(|n| stack.copy(ten * 10 + n)).collect();
                assert_eq!(sender.push(&copies).await.unwrap().succeeded(), 10);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    houses.until_acknowledged(SENDERS * IMAGES).await;
    houses.check_memory();
}

/// Writes an Enhanced CT image of so many frames of 512 × 512 cells, no two alike; never in memory.
fn write_multi_frame(image: &Instance, frames: u32, path: &Path) {
    let mut image = image.clone();
    image.size = 512;
    let mut object = image.object();
    object.sop_class = sop_class::ENHANCED_CT_IMAGE.into();
    object.dataset.put(Element::text_of(tags::SOP_CLASS_UID, VR::UI, sop_class::ENHANCED_CT_IMAGE));
    object.dataset.put(Element::text_of(tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string()));
    (object.pixels, object.trailing) = (None, dicom::dataset::Dataset::new());
    let mut out = BufWriter::new(File::create(path).unwrap());
    out.write_all(&object.file(Syntax::ExplicitLittle)).unwrap();
    let mut frame: Vec<u8> =
        (0..512 * 512u32).flat_map(|n| [n.to_le_bytes()[0], n.to_le_bytes()[1] & 0x0F]).collect();
    let bytes = frames * (512 * 512 * 2);
    out.write_all(b"\xE0\x7F\x10\x00OW\0\0").unwrap();
    out.write_all(&bytes.to_le_bytes()).unwrap();
    for number in 0..frames {
        frame[..4].copy_from_slice(&number.to_le_bytes());
        out.write_all(&frame).unwrap();
    }
    out.flush().unwrap();
}

fn dicom_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(dicom_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "dcm") {
            found.push(path);
        }
    }
    found
}

/// Whether two files end alike for so many bytes.
fn end_alike(one: &Path, other: &Path, bytes: u32) -> bool {
    let [mut one, mut other] = [one, other].map(|path| {
        let mut file = BufReader::new(File::open(path).unwrap());
        file.seek(SeekFrom::End(-i64::from(bytes))).unwrap();
        file
    });
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    (0..bytes >> 20).all(|_| {
        one.read_exact(&mut a).unwrap();
        other.read_exact(&mut b).unwrap();
        a == b
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "2 GB, and seven times as much on the disk"]
async fn soak_a_multi_frame_of_2_gb_reaches_the_warehouse_below_256_mb() {
    const FRAMES: u32 = 4096;
    let mut houses = Houses::start().await;
    let (title, image) = houses.of_each_trust().remove(0);
    let path = houses.dir.path().join("large.dcm");
    write_multi_frame(&image, FRAMES, &path);
    let port = houses.stores.config.listen.address.port().to_string();
    let words =
        ["-xe", "-R", "-aet", &title, "-aec", house::HUB_AE, "127.0.0.1", &port, path.to_str().unwrap()];
    let began = Instant::now();
    let sent = Command::new("storescu").args(words).output().unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    println!("received: {:.0} s", began.elapsed().as_secs_f32());
    houses.until_acknowledged(1).await;
    println!("acknowledged: {:.0} s", began.elapsed().as_secs_f32());
    let kept = dicom_files(&houses.dir.path().join("houses/warehouse"));
    assert_eq!(kept.len(), 1);
    assert!(end_alike(&path, &kept[0], FRAMES * (512 * 512 * 2)), "the pixels are others");
    houses.check_memory();
}
