//! Both houses as real processes, killed with SIGKILL while they work, archives breaking off in between: the end is the same
//! as if nobody had been killed, nothing that was accepted is lost, nothing is held twice, nothing is left lying about.
#![expect(clippy::unwrap_used, reason = "a test: what fails here is the test")]

use deid::custody::Custody;
use hub::config::Config;
use hub::context::Hub;
use hub::linkage::TokenKind;
use platform::clock::SystemClock;
use platform::db::{Db, Query, sql};
use platform::testing::TempDir;
use sim::faults::Fault;
use sim::pacs::Running;
use sim::random::Random;
use sim::region::{Fate, Region, Size};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tributary::demo::house;

/// Kills of one night.
const KILLS: u32 = 104;
/// The kills of a night take so long at most, however slow the machine: then they come closer together.
const KILLING_MAX: Duration = Duration::from_secs(42);
/// A night that nobody disturbs any more ends within this.
const NIGHT_MAX: Duration = Duration::from_secs(60);
/// A job due later belongs to another night.
const TONIGHT_S: u64 = 3 * 3600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_change_nothing() {
    let seed = seed();
    Night::new(seed).play().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some ten minutes"]
async fn soak_a_thousand_kills_change_nothing() {
    let (seed, mut kills) = (seed(), 0);
    for night in 0.. {
        kills += Night::new(seed + night).play().await;
        println!("{kills} kills");
        if kills >= 1000 {
            break;
        }
    }
}

fn seed() -> u64 {
    std::env::var("TRIBUTARY_KILL_SEED").ok().map_or(1, |seed| seed.parse().expect("a number"))
}

/// One night, played undisturbed and then with kills, on the same keys.
struct Night {
    seed: u64,
    folder: TempDir,
    random: Random,
}

impl Night {
    fn new(seed: u64) -> Self {
        println!("TRIBUTARY_KILL_SEED={seed}");
        Self { seed, folder: TempDir::new(), random: Random::labelled(seed, "kills") }
    }

    /// Plays both, compares, and tells how many kills there were.
    async fn play(mut self) -> u32 {
        let calm = self.folder.path().join("calm");
        let began = Instant::now();
        let mut region = Region::nccid(self.seed, Size::TEST);
        let night = Place::open(&calm, region.clone(), None).await;
        let mut processes = [night.start("hub"), night.start("national")];
        let served = processes[0].wait_until_serving();
        for at in 0..night.region.trusts.len() {
            night.import(at).await;
        }
        night.finish(&mut processes, &[]).await;
        drop(processes);
        let wanted = night.facts().await;
        night.check_end().await;
        println!(
            "undisturbed: {} ms to start, {} ms in all",
            served.as_millis(),
            began.elapsed().as_millis()
        );

        // The archives take their time, so that there is always something on its way.
        for source in &mut region.sources {
            source.manners.latency += Duration::from_millis(10);
        }
        let mut night = Place::open(&self.folder.path().join("killed"), region, Some(&calm)).await;
        let mut processes = [night.start("hub"), night.start("national")];
        let tally = self.kill(&mut night, &mut processes, served).await;
        night.finish(&mut processes, &tally.lines()).await;
        drop(processes);
        let came = night.facts().await;
        println!("{} ms in all\n{}", began.elapsed().as_millis(), tally.lines().join("\n"));
        for (what, lines) in &wanted {
            let differing: Vec<_> = lines.symmetric_difference(&came[what]).take(10).collect();
            assert!(differing.is_empty(), "{what} differ from the undisturbed night's: {differing:#?}");
        }
        night.check_end().await;
        assert!(tally.kills >= 100, "{} kills", tally.kills);
        // How many kills meet work depends on the machine: the faster it works, the more come too late. Enough must, or
        // this test would see nothing.
        let busy = tally.kills - tally.idle;
        assert!(busy >= KILLS / 4, "only {busy} kills met work: {:#?}", tally.lines());
        tally.kills
    }

    async fn kill(&mut self, night: &mut Place, processes: &mut [Process; 2], served: Duration) -> Tally {
        let (mut tally, until) = (Tally::default(), Instant::now() + KILLING_MAX);
        let trusts = night.region.trusts.len();
        let mut imported = 0;
        while tally.kills < KILLS {
            // Sheets come in one after the other, so that work lasts as long as the kills.
            while imported < trusts && imported * KILLS as usize <= tally.kills as usize * (trusts + 1) {
                night.import(imported).await;
                imported += 1;
            }
            let left = until.saturating_duration_since(Instant::now()) * 2 / (KILLS - tally.kills);
            let begun = if self.random.below(4) > 0 { served } else { Duration::ZERO };
            let pause = begun + Duration::from_millis(20 + self.random.below(381));
            tokio::time::sleep(pause.min(left.max(Duration::from_millis(20)))).await;
            if self.random.below(4) == 0 {
                self.plant_fault(night);
            }
            match self.random.below(10) {
                0 => {
                    let at = usize::try_from(self.random.below(night.ports.len() as u64)).unwrap();
                    night.serve_archive(at).await;
                    tally.add("archive", vec!["gone and back".into()]);
                    continue;
                }
                1..=3 => {
                    let met = night.national_at_work().await;
                    processes[1].kill_and_start();
                    tally.kill("national", met);
                }
                _ => {
                    let met = night.hub_at_work().await;
                    processes[0].kill();
                    night.check_accepted().await;
                    processes[0].start();
                    tally.kill("hub", met);
                }
            }
        }
        while imported < trusts {
            night.import(imported).await;
            imported += 1;
        }
        tally
    }

    fn plant_fault(&mut self, night: &Place) {
        let at = usize::try_from(self.random.below(night.archives.len() as u64)).unwrap();
        let Some(running) = &night.archives[at] else { return };
        let bytes = 500 + self.random.below(20_000);
        match self.random.below(4) {
            0 => running.archive.association_faults.add([Fault::Refuse]),
            1 => running.archive.association_faults.add([Fault::DropAfterBytes(bytes)]),
            2 => running.archive.retrieval_faults.add([Fault::DropAfterBytes(bytes)]),
            _ => running.archive.retrieval_faults.add([Fault::AbortInObject(1)]),
        }
    }
}

/// What the kills met.
#[derive(Default)]
struct Tally {
    kills: u32,
    idle: u32,
    met: BTreeMap<(&'static str, String), u32>,
}

impl Tally {
    fn kill(&mut self, whom: &'static str, met: Vec<String>) {
        self.kills += 1;
        self.idle += u32::from(met.is_empty());
        self.add(whom, if met.is_empty() { vec!["nothing in flight".into()] } else { met });
    }

    fn add(&mut self, whom: &'static str, met: Vec<String>) {
        for what in met.into_iter().chain(["all".into()]) {
            *self.met.entry((whom, what)).or_default() += 1;
        }
    }

    fn lines(&self) -> Vec<String> {
        self.met.iter().map(|((whom, what), n)| format!("{n:5}  {whom:8}  {what}")).collect()
    }
}

/// A house's process.
struct Process {
    what: &'static str,
    config: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Process {
    fn new(what: &'static str, config: &Path) -> Self {
        let log = config.with_extension("log");
        let child = Self::spawn(what, config, &log);
        Self { what, config: config.to_owned(), log, child }
    }

    fn spawn(what: &str, config: &Path, log: &Path) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args([what, "serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// SIGKILL. A process that has ended by itself is a fault of the program.
    fn kill(&mut self) {
        self.check_alive();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start(&mut self) {
        self.child = Self::spawn(self.what, &self.config, &self.log);
    }

    fn kill_and_start(&mut self) {
        self.kill();
        self.start();
    }

    fn check_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended by itself, {status}:\n{}", self.what, self.tail());
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    fn wait_until_serving(&mut self) -> Duration {
        let began = Instant::now();
        while !self.log().contains("serving") {
            self.check_alive();
            assert!(began.elapsed() < NIGHT_MAX, "{} does not serve:\n{}", self.what, self.tail());
            std::thread::sleep(Duration::from_millis(10));
        }
        began.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        let log = self.log();
        if !std::thread::panicking() {
            assert!(!log.contains("panicked"), "{} panicked:\n{log}", self.what);
        }
    }
}

/// A region, its archives, and both houses' papers.
struct Place {
    folder: PathBuf,
    region: Region,
    papers: house::Papers,
    hub: Hub,
    hub_address: SocketAddr,
    ports: Vec<u16>,
    archives: Vec<Option<Running>>,
}

impl Place {
    /// Sets a region up; on the keys of another, where one is given.
    async fn open(folder: &Path, region: Region, keys: Option<&Path>) -> Self {
        let ports: Vec<u16> = region.sources.iter().map(|_| free_port()).collect();
        let papers = house::write(folder, &region, &ports, &house::Keep::Folder).unwrap();
        if let Some(other) = keys {
            for file in files(&other.join("keys")) {
                let to = folder.join(file.strip_prefix(other).unwrap());
                fs::remove_file(&to).unwrap();
                fs::copy(&file, &to).unwrap();
            }
        }
        let text = fs::read_to_string(&papers.hub).unwrap();
        let hub_address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let lines = text.lines().map(|line| match line.starts_with("address = ") {
            true => format!("address = \"{hub_address}\"\n"),
            false => format!("{line}\n"),
        });
        let text: String = lines.collect();
        fs::write(&papers.hub, text + "[transfer]\nevery_s = 1\nreceipts_every_s = 1\n").unwrap();
        let text = fs::read_to_string(&papers.national).unwrap();
        fs::write(&papers.national, text.replace("poll_s = 5", "poll_s = 1")).unwrap();
        let config = Config::load(&papers.hub).unwrap();
        let hub = Hub::open(config, SystemClock::shared(), Custody::mint()).await.unwrap();
        let archives = ports.iter().map(|_| None).collect();
        let mut night = Self { folder: folder.to_owned(), region, papers, hub, hub_address, ports, archives };
        for at in 0..night.ports.len() {
            night.serve_archive(at).await;
        }
        night
    }

    fn start(&self, what: &'static str) -> Process {
        Process::new(what, if what == "hub" { &self.papers.hub } else { &self.papers.national })
    }

    /// Starts an archive; one that was there goes, and all its connections break. What it remembers goes with it.
    async fn serve_archive(&mut self, at: usize) {
        if let Some(running) = self.archives[at].take() {
            self.check_accepted_by(&running).await;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports[at]));
        let began = Instant::now();
        loop {
            // Faults that strike always are planned once.
            match self.region.archives().remove(at).serve_at(address).await {
                Ok(running) => {
                    running.archive.know(house::HUB_AE, self.hub_address);
                    self.archives[at] = Some(running);
                    return;
                }
                Err(error) => assert!(began.elapsed() < Duration::from_secs(5), "{address}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The sheet of a trust, and what the opt-out check says by now.
    async fn import(&self, at: usize) {
        house::import_trust(&self.hub, &self.region.trusts[at].ods, &self.folder).await.unwrap();
        house::import_check(&self.hub, &self.folder).await.unwrap();
    }

    async fn national(&self) -> Db {
        Db::open(&format!("sqlite://{}", self.folder.join("national/national.sqlite").display()))
            .await
            .unwrap()
    }

    /// Waits until nothing is left to be done.
    async fn finish(&self, processes: &mut [Process; 2], told: &[String]) {
        let began = Instant::now();
        let expected = self.region.count(|fate| *fate == Fate::Acknowledged).to_string();
        loop {
            for process in &mut *processes {
                process.check_alive();
            }
            let left = self.left().await;
            let acknowledged = texts(
                self.hub.store.db(),
                sql("SELECT CAST(COUNT(*) AS TEXT) AS line FROM instance WHERE state = 'acknowledged'"),
            )
            .await;
            if left.is_empty() && acknowledged == [expected.clone()] {
                return;
            }
            if began.elapsed() < NIGHT_MAX {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            let stopped = texts(
                self.hub.store.db(),
                sql("SELECT source || ' ' || state || ' ' || COALESCE(reason, '') AS line FROM instance
                    WHERE state <> 'acknowledged'
                    UNION ALL SELECT source || ' study ' || state || ' ' || COALESCE(reason, '') || ' of '
                    || CAST(COALESCE(expected, -1) AS TEXT) FROM study s WHERE state <> 'retrieved' OR COALESCE(expected, 0) <>
                    (SELECT COUNT(*) FROM instance i WHERE i.study = s.id)"),
            );
            panic!(
                "the night does not end: {acknowledged:?} of {expected} acknowledged, left {left:#?}\n{:#?}\n{told:#?}\n{}\n{}",
                stopped.await,
                processes[0].tail(),
                processes[1].tail(),
            );
        }
    }

    /// Jobs, instances, records and consignments that go on tonight. Of a person's records at several trusts, which share a
    /// name, one goes a night.
    async fn left(&self) -> Vec<String> {
        let tonight = self.hub.clock.now().plus(Duration::from_secs(TONIGHT_S));
        let left = sql(
            "SELECT kind || ' job ' || COALESCE(code, '') || ' attempt ' || CAST(attempts AS TEXT) AS line
                FROM jobs WHERE state = 'open' AND due_us < $1
            UNION ALL SELECT 'instance ' || state FROM instance
                WHERE state IN ('missing', 'received', 'cleared', 'consigned', 'sent')
            UNION ALL SELECT 'record ' || state FROM clinical
                WHERE state IN ('received', 'consigned', 'sent')
                OR (state = 'cleared' AND name NOT IN (SELECT name FROM listed))
            UNION ALL SELECT 'consignment ' || state FROM consignment WHERE state <> 'receipted'",
        );
        let mut left = texts(self.hub.store.db(), left.bind(tonight)).await;
        left.extend(self.hub.store.spent_spool().await.unwrap().iter().map(|_| "spool object spent".into()));
        let (there, wanted) = self.outbox().await;
        if there != wanted {
            left.push("outbox objects".into());
        }
        if left.is_empty() {
            left = self.national_at_work().await;
        }
        left
    }

    async fn hub_at_work(&self) -> Vec<String> {
        let met = sql("SELECT DISTINCT kind || ' leased' AS line FROM jobs WHERE state = 'open' AND lease_token IS NOT NULL
            UNION SELECT DISTINCT 'instance ' || state FROM instance WHERE state IN ('received', 'cleared', 'consigned')
            UNION SELECT DISTINCT 'consignment ' || state FROM consignment WHERE state <> 'receipted'");
        texts(self.hub.store.db(), met).await
    }

    async fn national_at_work(&self) -> Vec<String> {
        let db = self.national().await;
        let met =
            sql("SELECT DISTINCT 'consignment ' || state AS line FROM consignments WHERE state <> 'answered'
            UNION SELECT DISTINCT 'item ' || state FROM items WHERE state = 'pending'");
        // Killed before it had made its tables, it has not begun.
        let mut met = try_texts(&db, met).await.unwrap_or_default();
        let opened =
            try_texts(&db, sql("SELECT id AS line FROM consignments")).await.unwrap_or_default().len();
        db.close().await;
        let sent = sql("SELECT id AS line FROM consignment WHERE state IN ('sent', 'receipted')");
        if texts(self.hub.store.db(), sent).await.len() > opened {
            met.push("manifest sent, not opened".into());
        }
        met
    }

    /// Whatever was answered 0x0000 is in the spool, or was and is done with.
    async fn check_accepted(&self) {
        for running in self.archives.iter().flatten() {
            self.check_accepted_by(running).await;
        }
        let living = sql("SELECT id AS line FROM spool WHERE destroyed_us IS NULL");
        for id in texts(self.hub.store.db(), living).await {
            // What is done with is destroyed first and marked then.
            let needed = sql(
                "SELECT id AS line FROM instance WHERE spool = $1 AND state IN ('received', 'held', 'cleared', 'consigned', 'sent')",
            );
            if !self.hub.spool.holds(&id).unwrap() {
                let needed = texts(self.hub.store.db(), needed.bind(&id)).await;
                assert!(needed.is_empty(), "a spooled object is gone that is needed: {needed:?}");
            }
        }
    }

    async fn check_accepted_by(&self, archive: &Running) {
        let spooled = texts(self.hub.store.db(), sql("SELECT token AS line FROM spool")).await;
        let spooled: BTreeSet<String> = spooled.into_iter().collect();
        let accepted = archive.archive.delivered();
        let lost: Vec<_> = accepted
            .iter()
            .filter(|uid| !spooled.contains(&self.hub.linkage.token(TokenKind::Instance, uid)))
            .collect();
        assert!(lost.is_empty(), "accepted with 0x0000 and lost: {lost:?}");
    }

    /// Where everything stands, without what may differ: random handles, times, and how things were grouped.
    async fn facts(&self) -> BTreeMap<&'static str, BTreeSet<String>> {
        let national = self.national().await;
        let of_hub = [
            ("instances", sql("SELECT source || ' ' || token || ' ' || COALESCE(trust, '') || ' ' || state || ' ' || COALESCE(reason, '') || ' '
                || COALESCE(pseudonym, '') || ' ' || COALESCE(name, '') || ' ' || COALESCE(digest, '') AS line FROM instance")),
            ("studies", sql("SELECT source || ' ' || token || ' ' || trust || ' ' || state || ' ' || COALESCE(reason, '') || ' '
                || CAST(COALESCE(expected, -1) AS TEXT) AS line FROM study")),
            // Which of a person's records of one name goes first is nobody's promise.
            ("records", sql("SELECT DISTINCT name AS line FROM clinical WHERE name IS NOT NULL")),
            ("jobs waiting for a person", sql("SELECT kind || ' ' || COALESCE(code, '') AS line FROM jobs WHERE state = 'parked'")),
        ];
        let holdings = sql("SELECT kind || ' ' || part || ' ' || pseudonym || ' ' || name || ' ' || state || ' '
            || CASE WHEN kind IN ('data', 'status') THEN '' ELSE trust || ' ' || sha256 END AS line FROM holdings");
        let mut all = vec![("holdings", texts(&national, holdings).await)];
        for (what, query) in of_hub {
            all.push((what, texts(self.hub.store.db(), query).await));
        }
        let images = files(&self.folder.join("warehouse")).into_iter().map(|path| name(&path));
        all.push(("images in the warehouse", images.filter(|name| name.ends_with(".dcm")).collect()));
        national.close().await;
        let once = |(what, lines): (&'static str, Vec<String>)| {
            let n = lines.len();
            let set: BTreeSet<String> = lines.into_iter().collect();
            assert_eq!(set.len(), n, "{what}: something is there twice");
            (what, set)
        };
        all.into_iter().map(once).collect()
    }

    /// What holds at the end of any night.
    async fn check_end(&self) {
        let db = self.hub.store.db();
        self.check_accepted().await;
        for project in hub::status::status(&self.hub).await.unwrap().projects {
            assert!(project.trusts.iter().all(|trust| trust.reconciles()), "{:#?}", project.trusts);
            assert_eq!(project.trusts.iter().map(|trust| trust.in_state("missing")).sum::<i64>(), 0);
        }
        let mut sequences =
            numbers(&texts(db, sql("SELECT CAST(sequence AS TEXT) AS line FROM consignment")).await);
        sequences.sort_unstable();
        let counted: Vec<u64> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, counted, "the sequence numbers of manifests");
        let national = self.national().await;
        let opened = sql("SELECT CAST(sequence AS TEXT) AS line FROM consignments WHERE state = 'answered'");
        let mut opened = numbers(&texts(&national, opened).await);
        opened.sort_unstable();
        assert_eq!(opened, counted, "consignments answered");
        let twice = sql(
            "SELECT name AS line FROM holdings WHERE state = 'current' GROUP BY name HAVING COUNT(*) > 1",
        );
        assert_eq!(texts(&national, twice).await, Vec::<String>::new(), "held twice");
        assert_eq!(
            texts(&national, sql("SELECT code AS line FROM alerts")).await,
            Vec::<String>::new(),
            "alerts"
        );
        let keys = sql(
            "SELECT key AS line FROM holdings WHERE retired = 0 UNION SELECT header_key FROM holdings WHERE header_key IS NOT NULL",
        );
        for key in texts(&national, keys).await {
            assert!(self.folder.join("warehouse").join(&key).is_file(), "{key} is not in the warehouse");
        }
        national.close().await;
        let inbox = files(&self.folder.join("inbox"));
        let of = |start: &str| inbox.iter().filter(|path| name(path).starts_with(start)).count();
        assert_eq!(of("manifest-"), sequences.len(), "one manifest for each number");
        self.check_tidy().await;
    }

    async fn check_tidy(&self) {
        let is_unfinished = |path: &PathBuf| {
            let name = name(path);
            name.contains('#')
                || name.ends_with(".tmp")
                || name.starts_with("fetched-")
                || name.ends_with(".part")
        };
        let left: Vec<_> = files(&self.folder).into_iter().filter(is_unfinished).collect();
        assert!(left.is_empty(), "left half written: {left:#?}");
        let live: BTreeSet<String> = self.hub.store.live_spool().await.unwrap().into_iter().collect();
        let spool = files(&self.hub.config.spool_dir);
        assert_eq!(spool.len(), live.len(), "files in the spool: {spool:?}");
        let (there, wanted) = self.outbox().await;
        assert_eq!(there, wanted, "objects in the outbox");
    }

    /// Objects in the outbox, and those that wait for another night.
    async fn outbox(&self) -> (usize, usize) {
        let wait = sql("SELECT DISTINCT digest AS line FROM item WHERE state = 'cleared'");
        let wait = texts(self.hub.store.db(), wait).await;
        (files(&self.folder.join("hub/outbox")).len(), wait.len())
    }
}

async fn try_texts(db: &Db, query: Query) -> Option<Vec<String>> {
    let mut reader = db.read().await.ok()?;
    query.all(&mut reader, |row| row.get::<String>("line")).await.ok()
}

async fn texts(db: &Db, query: Query) -> Vec<String> {
    let mut reader = db.read().await.unwrap();
    query.all(&mut reader, |row| row.get::<String>("line")).await.unwrap()
}

fn numbers(texts: &[String]) -> Vec<u64> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A port below those that the system gives to callers, so that nobody takes it while its owner is dead.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = 20_000 + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
