//! The review queue in a real browser: a name burned into an image is masked, the mask becomes a rule for the device, and what
//! else the device made goes on; see `browser/review.mjs`. Screenshots lie in `review-pages` below the target folder.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use dicom::part10::{Limits, open};
use hub::accounts::{self, Role};
use hub::store::Instance;
use journeys::{Houses, Setup, has};
use platform::shutdown::shutdown;
use platform::testing::TempDir;
use sim::images::{Kind, Oddity};
use sim::region::{Fate, Region, Size};
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tributary::demo::{collect, house};

const PASSWORD: &str = "correct horse battery staple";
/// After this long it is looked at as it stands.
const COLLECT_MAX: Duration = Duration::from_secs(50);
const SIZE: Size = Size { people: 0, slices: 1, pixels: 512 };

/// A trust whose one archive holds two radiographs of one device with names in their pixels, and nothing else.
fn region() -> Region {
    let mut region = journeys::only("alder", SIZE);
    let is_radiograph =
        |kind: Kind, fate: &Fate| *fate == Fate::Acknowledged && matches!(kind, Kind::Cr | Kind::Dx);
    region.instances.retain(|planted| is_radiograph(planted.instance.series.kind, &planted.fate));
    let kind = region.instances[0].instance.series.kind;
    region.instances.retain(|planted| planted.instance.series.kind == kind);
    region.instances.truncate(2);
    for planted in &mut region.instances {
        planted.instance.oddity = Some(Oddity::BurnedIn);
    }
    assert_eq!(region.instances.len(), 2);
    region
}

/// Node's packages and chromium, as `./dev test` installs them.
fn browser() -> Option<(String, String)> {
    let told = |name| std::env::var(name).ok();
    let found = told("TRIBUTARY_TEST_NODE").zip(told("TRIBUTARY_TEST_CHROMIUM"));
    if found.is_none() {
        eprintln!("skipped: no browser (./dev test installs it)");
    }
    found.filter(|_| has("node"))
}

async fn in_state(houses: &Houses, state: &str) -> Vec<Instance> {
    houses.hub.store.instances_in("nccid", state).await.unwrap()
}

/// The script, as the person at the screen.
async fn played(portal: &str, (node, chromium): &(String, String), out: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/review.mjs");
    let mut command = Command::new("node");
    command.arg(script).env("TRIBUTARY_TEST_NODE", node).env("TRIBUTARY_TEST_CHROMIUM", chromium);
    command.env("PORTAL", portal).env("OUT", out).env("PASSWORD", PASSWORD);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The samples of a cleared object, as they lie in the outbox.
async fn samples(houses: &Houses, row: &Instance) -> Vec<u16> {
    let name = format!("nccid/{}", row.digest.as_deref().unwrap());
    let bytes = houses.hub.outbox.get(&name).await.unwrap();
    let mut object = open(Box::new(Cursor::new(bytes.to_vec())), &Limits::default()).unwrap();
    let mut raw = Vec::new();
    object.pixel_reader().unwrap().unwrap().read_to_end(&mut raw).unwrap();
    raw.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burned_in_name_is_masked_and_the_mask_becomes_a_rule_for_the_device() {
    let Some(browser) = browser() else { return };
    let (region, dir) = (region(), TempDir::new());
    let mut archives = Vec::new();
    for archive in region.archives() {
        archives.push(archive.serve().await.unwrap());
    }
    let ports: Vec<u16> = archives.iter().map(|archive| archive.address.port()).collect();
    let houses = Setup::with(dir.path(), &region, &ports, "[portal]\nlisten = \"127.0.0.1:0\"\n");
    let houses = houses.open(&region).await;
    archives[0].archive.know(house::HUB_AE, houses.service.address());
    for (name, role) in [("ann", Role::Reviewer), ("ben", Role::Approver)] {
        accounts::add(&houses.hub, name, role, PASSWORD, "test").await.unwrap();
    }
    let (hub, service) = (&houses.hub, &houses.service);
    let collected = collect(hub, service, hub.clock.as_ref(), &|_| {});
    tokio::time::timeout(COLLECT_MAX, collected).await.unwrap().unwrap();
    assert_eq!(in_state(&houses, "held").await.len(), 2);

    let portal = format!("http://{}", service.portal_address().unwrap());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("review-pages");
    let (ask, hear) = shutdown();
    let person = async {
        let output = played(&portal, &browser, &out).await;
        ask.request();
        output
    };
    let (output, ()) = tokio::join!(person, service.serve(hear));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let rows = in_state(&houses, "cleared").await;
    assert_eq!(rows.len(), 2, "one masked by a person, one under the rule");
    for row in &rows {
        let samples = samples(&houses, row).await;
        let mut banner = samples.chunks_exact(512).take(90).flat_map(|row| &row[..480]);
        assert!(banner.all(|sample| *sample == samples[0]), "the name is still there");
        assert!(samples[512 * 300..].iter().any(|sample| *sample != samples[0]), "the image is gone");
    }
    let rules = hub.store.rules_in("active").await.unwrap();
    assert_eq!((rules.len(), rules[0].proposed.0.as_str()), (1, "ann"));
    assert_eq!(rules[0].approved.as_ref().unwrap().0, "ben");
}
