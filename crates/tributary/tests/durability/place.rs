//! A region, its archives and both houses' papers in one folder; where everything stands, and what holds at the end of any night.

use super::NIGHT_MAX;
use super::archive::Apart;
use super::process::Process;
use super::shim::Shim;
use deid::custody::Custody;
use hub::config::Config;
use hub::context::Hub;
use hub::linkage::TokenKind;
use platform::clock::SystemClock;
use platform::db::{Db, Query, sql};
use sim::pacs::{Archive, Running};
use sim::region::{Fate, Region};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tributary::demo::house;

/// A job due later belongs to another night.
const TONIGHT_S: u64 = 3 * 3600;

/// Where everything stands, by what it is.
pub(crate) type Facts = BTreeMap<&'static str, BTreeSet<String>>;

/// A region, its archives, and both houses' papers.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) region: Region,
    pub(crate) hub: Hub,
    pub(crate) hub_address: SocketAddr,
    pub(crate) ports: Vec<u16>,
    pub(crate) archives: Vec<Option<Running>>,
    /// An archive that is never asked with success: it pushes what it has, and keeps nothing that was taken.
    pub(crate) pushing: Option<usize>,
    /// What the processes are started with.
    pub(crate) shim: Option<Shim>,
    /// A person releases what is held for burned-in annotation.
    pub(crate) releasing: bool,
    /// An archive that is a process of its own, and which.
    apart: Option<(usize, Apart)>,
}

impl Place {
    /// Sets a region up; on the keys of another, where one is given.
    pub(crate) async fn open(
        folder: &Path,
        region: Region,
        keys: Option<&Path>,
        pushing: Option<usize>,
    ) -> Self {
        let (ports, hub_address) = papers(folder, &region, keys);
        Self::begin(folder, region, ports, hub_address, pushing).await
    }

    /// The same region in a folder where papers, and perhaps much more, lie already.
    pub(crate) async fn begin(
        folder: &Path,
        region: Region,
        ports: Vec<u16>,
        hub_address: SocketAddr,
        pushing: Option<usize>,
    ) -> Self {
        let config = Config::load(&folder.join("hub.toml")).unwrap();
        let hub = Hub::open(config, SystemClock::shared(), Custody::mint()).await.unwrap();
        let archives = ports.iter().map(|_| None).collect();
        let folder = folder.to_owned();
        let mut night = Self {
            folder,
            region,
            hub,
            hub_address,
            ports,
            archives,
            pushing,
            shim: None,
            releasing: false,
            apart: None,
        };
        for at in 0..night.ports.len() {
            night.serve_archive(at).await;
        }
        night
    }

    /// Starts `hub` or `national`.
    pub(crate) fn start(&self, what: &'static str) -> Process {
        Process::start(what, &self.folder.join(format!("{what}.toml")), self.shim.clone())
    }

    /// Starts an archive; one that was there goes, and all its connections break. What it remembers goes with it.
    pub(crate) async fn serve_archive(&mut self, at: usize) {
        if let Some(running) = self.archives[at].take() {
            self.check_taken(&running.archive.delivered()).await;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports[at]));
        let began = Instant::now();
        loop {
            match self.archive(at).serve_at(address).await {
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

    /// Serves an archive from a process of its own.
    pub(crate) async fn serve_apart(&mut self, at: usize, seed: u64) {
        self.archives[at] = None;
        self.apart = Some((at, Apart::start(seed, at, self.ports[at], self.hub_address).await));
    }

    /// Kills that process, and starts it again.
    pub(crate) async fn kill_apart(&mut self, seed: u64) {
        let (at, apart) = self.apart.take().unwrap();
        self.check_taken(&apart.kill()).await;
        self.serve_apart(at, seed).await;
    }

    /// A person looks at so many of those held for burned-in annotation, and finds nothing.
    pub(crate) async fn release(&self, most: usize) {
        let held = sql(
            "SELECT id AS line FROM instance WHERE state = 'held' AND reason = 'pixels-burned-in-annotation'",
        );
        for id in texts(self.hub.store.db(), held).await.into_iter().take(most) {
            hub::pipeline::review::release(&self.hub, &id, "test").await.unwrap();
        }
    }

    fn archive(&self, at: usize) -> Archive {
        if self.pushing == Some(at) {
            return Archive::new(self.region.sources[at].manners.clone(), []);
        }
        // Faults that strike always are planned once.
        self.region.archives().remove(at)
    }

    /// The sheet of a trust, and what the opt-out check says by now.
    pub(crate) async fn import(&self, at: usize) {
        house::import_trust(&self.hub, &self.region.trusts[at].ods, &self.folder).await.unwrap();
        house::import_check(&self.hub, &self.folder).await.unwrap();
    }

    pub(crate) async fn national(&self) -> Db {
        Db::open(&format!("sqlite://{}", self.folder.join("national/national.sqlite").display()))
            .await
            .unwrap()
    }

    /// Waits until nothing is left to be done.
    pub(crate) async fn finish(&self, processes: &mut [Process; 2], told: &[String]) {
        let began = Instant::now();
        let released = Fate::Held(&["pixels-burned-in-annotation"]);
        let is_sent = |fate: &Fate| *fate == Fate::Acknowledged || (self.releasing && *fate == released);
        let expected = self.region.count(is_sent).to_string();
        loop {
            if self.releasing {
                self.release(usize::MAX).await;
            }
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

    pub(crate) async fn national_at_work(&self) -> Vec<String> {
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
    pub(crate) async fn check_accepted(&self) {
        for running in self.archives.iter().flatten() {
            self.check_taken(&running.archive.delivered()).await;
        }
        if let Some((_, apart)) = &self.apart {
            self.check_taken(&apart.delivered()).await;
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

    async fn check_taken(&self, accepted: &[String]) {
        let spooled = texts(self.hub.store.db(), sql("SELECT token AS line FROM spool")).await;
        let spooled: BTreeSet<String> = spooled.into_iter().collect();
        let lost: Vec<_> = accepted
            .iter()
            .filter(|uid| !spooled.contains(&self.hub.linkage.token(TokenKind::Instance, uid)))
            .collect();
        assert!(lost.is_empty(), "accepted with 0x0000 and lost: {lost:?}");
    }

    /// Where everything stands, without what may differ: random handles, times, and how things were grouped.
    pub(crate) async fn facts(&self) -> Facts {
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
    pub(crate) async fn check_end(&self) {
        let db = self.hub.store.db();
        self.check_accepted().await;
        for project in hub::status::status(&self.hub).await.unwrap().projects {
            assert!(project.trusts.iter().all(|trust| trust.reconciles()), "{:#?}", project.trusts);
            assert_eq!(project.trusts.iter().map(|trust| trust.instances.of("missing")).sum::<i64>(), 0);
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
        let (spares, spool): (Vec<_>, Vec<_>) =
            spool.into_iter().partition(|path| name(path).ends_with(".spare"));
        assert_eq!(spool.len(), live.len(), "files in the spool: {spool:?}");
        assert!(
            spares.iter().all(|path| fs::metadata(path).unwrap().len() == 0),
            "bytes of what was destroyed"
        );
        let (there, wanted) = self.outbox().await;
        assert_eq!(there, wanted, "objects in the outbox");
    }

    /// Objects in the outbox, and those that wait for another night.
    pub(crate) async fn outbox(&self) -> (usize, usize) {
        let wait = sql("SELECT DISTINCT digest AS line FROM item WHERE state = 'cleared'");
        let wait = texts(self.hub.store.db(), wait).await;
        (files(&self.folder.join("hub/outbox")).len(), wait.len())
    }
}

/// Writes a region's keys, papers and sheets into a folder, on the keys of another where one is given; tells on which ports its
/// archives listen, and where the hub does.
pub(crate) fn papers(folder: &Path, region: &Region, keys: Option<&Path>) -> (Vec<u16>, SocketAddr) {
    let ports: Vec<u16> = region.sources.iter().map(|_| free_port()).collect();
    let papers = house::write(folder, region, &ports, &house::Keep::Folder).unwrap();
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
    (ports, hub_address)
}

/// Where everything stands is the same as after another night.
pub(crate) fn assert_same(wanted: &Facts, came: &Facts) {
    for (what, lines) in wanted {
        let differing: Vec<_> = lines.symmetric_difference(&came[what]).take(10).collect();
        assert!(differing.is_empty(), "{what} differ from the undisturbed night's: {differing:#?}");
    }
}

pub(crate) async fn try_texts(db: &Db, query: Query) -> Option<Vec<String>> {
    let mut reader = db.read().await.ok()?;
    query.all(&mut reader, |row| row.get::<String>("line")).await.ok()
}

pub(crate) async fn texts(db: &Db, query: Query) -> Vec<String> {
    let mut reader = db.read().await.unwrap();
    query.all(&mut reader, |row| row.get::<String>("line")).await.unwrap()
}

fn numbers(texts: &[String]) -> Vec<u64> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A port below those that the system gives to callers, so that nobody takes it while its owner is dead.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = 20_000 + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
