//! The night of real processes: both houses and every command as an operator runs them, with all that they say, keep, or keep
//! for a moment only.

use super::search::{Search, files};
use super::watch::Watch;
use super::{HOSPITAL_ONLY, new_folder};
use deid::custody::Custody;
use hub::config::Config;
use hub::context::Hub;
use platform::clock::SystemClock;
use platform::testing::TempDir;
use sim::images::Kind;
use sim::region::{Fate, Region, Size};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tributary::demo::house::{self, HUB_AE};

/// A night of so few images takes seconds.
const NIGHT_MAX: Duration = Duration::from_secs(180);
/// Rows and columns of an image that is too large to be held in memory while it is verified.
const LARGE: u16 = 3000;

#[tokio::test(flavor = "multi_thread")]
async fn real_processes_leave_nothing_identifiable_in_any_byte_that_they_write() {
    let dir = TempDir::new();
    let folder = new_folder(&dir);
    let region = region();
    let mut archives = Vec::new();
    for archive in region.archives() {
        archives.push(archive.serve().await.unwrap());
    }
    let ports: Vec<u16> = archives.iter().map(|archive| archive.address.port()).collect();
    let papers = house::write(&folder, &region, &ports, &house::Keep::Folder).unwrap();
    often(&papers);
    let config = Config::load(&papers.hub).unwrap();
    archives.iter().for_each(|running| running.archive.know(HUB_AE, config.listen.address));
    let desk = Desk::new(&folder, &papers);
    let watch = Watch::begin(&desk.temporary, &folder, &folder.join("recorded"));

    desk.hand_in(&region, &folder);
    let houses = ["hub", "national"].map(|house| desk.serve(house));
    houses.iter().for_each(|house| watch.process(house.0.id()));
    let hub = Hub::open(config, SystemClock::shared(), Custody::mint()).await.unwrap();
    let expected = i64::try_from(region.count(|fate| *fate == Fate::Acknowledged)).unwrap();
    wait_for(&hub, expected).await;
    desk.look_at_everything(&hub).await;
    drop(houses);
    eprintln!("copied while they worked: {:?}", watch.end());

    let logs = fs::read_to_string(desk.logs.join("hub-serve.log")).unwrap();
    assert!(logs.contains("DEBUG") && logs.contains("consignment sent"), "the log does not tell much");
    let is_large = |path: &PathBuf| fs::metadata(path).unwrap().len() > 16 << 20;
    assert!(files(&folder.join("warehouse")).iter().any(is_large), "the large image did not arrive");
    let found = Search::new(region.sentinels()).folder(&folder, HOSPITAL_ONLY);
    assert!(found.is_empty(), "identifying content: {found:#?}");
}

/// A region of which no date that is only moved can equal a date of birth, with one large image.
fn region() -> Region {
    let mut region = Region::nccid(12, Size::TEST);
    let large = region.instances.iter_mut().find(|planted| {
        let plain = planted.ods == "ZB1" && planted.instance.series.kind == Kind::Cr;
        plain && planted.fate == Fate::Acknowledged
    });
    large.unwrap().instance.size = LARGE;
    let born = region.instances.iter().map(|planted| planted.instance.person.birth).max().unwrap();
    let first = region.instances.iter().map(|planted| planted.instance.study.date).min().unwrap();
    // Dates in objects lie at most a month before the study, and move back by ten years at most.
    assert!(born < first.plus(-31 - 3650), "a moved date may equal a date of birth by chance");
    region
}

fn often(papers: &house::Papers) {
    let text = fs::read_to_string(&papers.hub).unwrap();
    fs::write(&papers.hub, text + "[transfer]\nevery_s = 1\nreceipts_every_s = 1\n").unwrap();
    let text = fs::read_to_string(&papers.national).unwrap();
    fs::write(&papers.national, text.replace("poll_s = 5", "poll_s = 1")).unwrap();
}

/// Where an operator works: whatever a command prints is kept, and its temporary files lie in one folder.
struct Desk {
    configs: BTreeMap<&'static str, PathBuf>,
    logs: PathBuf,
    temporary: PathBuf,
}

/// A house's process, ended with the test.
struct House(Child);

impl Drop for House {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Desk {
    fn new(folder: &Path, papers: &house::Papers) -> Self {
        let (logs, temporary) = (folder.join("logs"), folder.join("tmp"));
        fs::create_dir_all(&logs).unwrap();
        fs::create_dir_all(&temporary).unwrap();
        let configs = BTreeMap::from([("hub", papers.hub.clone()), ("national", papers.national.clone())]);
        Self { configs, logs, temporary }
    }

    fn command(&self, house: &str, args: &[&str], log: &str) -> Command {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.logs.join(log)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
        command.args(["--log", "debug", house]).args(args).arg("--config").arg(&self.configs[house]);
        command.env("TMPDIR", &self.temporary).env("USER", "operator").env_remove("SUDO_USER");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    /// A command that must come to a good end.
    fn run(&self, house: &str, args: &[&str]) {
        let log = format!("{house}-{}.log", args[0]);
        let status = self.command(house, args, &log).status().unwrap();
        assert!(status.success(), "{house} {args:?}: {status}\n{}", self.log(&log));
    }

    fn serve(&self, house: &str) -> House {
        House(self.command(house, &["serve"], &format!("{house}-serve.log")).spawn().unwrap())
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.logs.join(name)).unwrap_or_default()
    }

    /// Sheets, objections, the opt-out check.
    fn hand_in(&self, region: &Region, folder: &Path) {
        let sheets = folder.join("sheets");
        let path = |name: String| sheets.join(name).to_str().unwrap().to_owned();
        for trust in &region.trusts {
            let sheet = path(format!("{}.csv", trust.ods));
            self.run("hub", &["cohort", "import", &sheet, "--trust", &trust.ods]);
            if region.objections_of(&trust.ods).is_some() {
                let objections = path(format!("{}-objections.csv", trust.ods));
                self.run("hub", &["objections", "import", &objections, "--trust", &trust.ods]);
            }
        }
        let [submitted, returned] = ["submitted", "returned"].map(|of| path(format!("opt-out-{of}.csv")));
        self.run("hub", &["optouts", "import", "--submitted", &submitted, "--returned", &returned]);
    }

    /// All that can be looked at.
    async fn look_at_everything(&self, hub: &Hub) {
        for args in [&["status"][..], &["check"], &["review", "list"], &["sheet", "regional"], &["dataflow"]]
        {
            self.run("hub", args);
        }
        for instance in hub.store.instances_in("nccid", "held").await.unwrap() {
            self.run("hub", &["review", "show", &instance.id]);
        }
        self.run("national", &["status"]);
        self.run("national", &["quarantine", "list"]);
    }
}

/// Waits until so many instances are acknowledged.
async fn wait_for(hub: &Hub, acknowledged: i64) {
    let until = Instant::now() + NIGHT_MAX;
    loop {
        let status = hub::status::status(hub).await.unwrap();
        let trusts = || status.projects.iter().flat_map(|project| &project.trusts);
        let n: i64 = trusts().map(|trust| trust.instances.of("acknowledged")).sum();
        if n == acknowledged {
            return;
        }
        assert!(Instant::now() < until, "{n} of {acknowledged} acknowledged: {:#?}", status.projects);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
