//! Both houses and an archive as real processes, killed with SIGKILL while they work, archives breaking off in between: the end
//! is the same as if nobody had been killed, nothing that was accepted is lost, nothing is held twice, nothing is left lying
//! about. Each boundary of an instance's journey is met by a kill.

use super::archive;
use super::boundaries::{self, House};
use super::one_at_a_time;
use super::place::{Place, assert_same};
use super::process::Process;
use platform::testing::TempDir;
use sim::faults::Fault;
use sim::random::Random;
use sim::region::{Region, Size};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Kills of one night.
const KILLS: u32 = 104;
/// The kills of a night take so long at most, however slow the machine: then they come closer together.
const KILLING_MAX: Duration = Duration::from_secs(34);
/// So much longer if a boundary was not met.
const MORE_MAX: Duration = Duration::from_secs(20);
/// How long a kill lies in wait for a boundary that none has met yet.
const WAIT_MAX: Duration = Duration::from_millis(1500);
/// The archive that is a process of its own: the one with the most trusts.
const REGIONAL: usize = 0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_change_nothing() {
    let _alone = one_at_a_time().await;
    Night::new(seed()).play().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some ten minutes"]
async fn soak_a_thousand_kills_change_nothing() {
    let _alone = one_at_a_time().await;
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
        let mut night = Place::open(&calm, region.clone(), None, None).await;
        night.releasing = true;
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
        drop(night);

        // The archives take their time, so that there is always something on its way.
        for source in &mut region.sources {
            source.manners.latency += archive::LATENCY;
        }
        let mut night = Place::open(&self.folder.path().join("killed"), region, Some(&calm), None).await;
        night.releasing = true;
        night.serve_apart(REGIONAL, self.seed).await;
        let mut processes = [night.start("hub"), night.start("national")];
        let tally = self.kill(&mut night, &mut processes, served).await;
        night.finish(&mut processes, &tally.lines()).await;
        drop(processes);
        let came = night.facts().await;
        println!("{} ms in all\n{}", began.elapsed().as_millis(), tally.lines().join("\n"));
        assert_same(&wanted, &came);
        night.check_end().await;
        assert!(tally.kills >= 100, "{} kills", tally.kills);
        assert_eq!(tally.not_met(), [0; 0], "boundaries that no kill has met: {:#?}", tally.lines());
        tally.kills
    }

    async fn kill(&mut self, night: &mut Place, processes: &mut [Process; 2], served: Duration) -> Tally {
        let (mut tally, until) = (Tally::default(), Instant::now() + KILLING_MAX);
        let trusts = night.region.trusts.len();
        let mut imported = 0;
        while tally.kills < KILLS || (!tally.not_met().is_empty() && Instant::now() < until + MORE_MAX) {
            // Sheets come in one after the other, so that work lasts as long as the kills.
            while imported < trusts && imported * KILLS as usize <= tally.kills as usize * (trusts + 1) {
                night.import(imported).await;
                imported += 1;
            }
            if self.random.below(4) == 0 {
                self.plant_fault(night);
            }
            let left = until.saturating_duration_since(Instant::now()) * 2
                / KILLS.saturating_sub(tally.kills).max(1);
            let not_met = tally.not_met();
            let house = if !not_met.is_empty() && self.random.below(3) > 0 {
                let row = self.random.pick(&not_met);
                boundaries::lie_in_wait(night, row, WAIT_MAX.min(left.max(Duration::from_millis(100)) * 2))
                    .await;
                boundaries::house_of(row)
            } else {
                let begun = if self.random.below(4) > 0 { served } else { Duration::ZERO };
                let pause = begun + Duration::from_millis(20 + self.random.below(381));
                tokio::time::sleep(pause.min(left.max(Duration::from_millis(20)))).await;
                match self.random.below(10) {
                    0 => House::Archive,
                    1..=3 => House::National,
                    _ => House::Hub,
                }
            };
            self.strike(night, processes, house, &mut tally).await;
        }
        for at in imported..trusts {
            night.import(at).await;
        }
        tally
    }

    async fn strike(
        &mut self,
        night: &mut Place,
        processes: &mut [Process; 2],
        house: House,
        tally: &mut Tally,
    ) {
        let process = match house {
            House::Archive => {
                if self.random.below(2) == 0 {
                    night.kill_apart(self.seed).await;
                    return tally.kill(house, BTreeSet::new());
                }
                let at = 1 + usize::try_from(self.random.below(night.ports.len() as u64 - 1)).unwrap();
                night.serve_archive(at).await;
                return tally.add("archive gone and back, in the test's process");
            }
            House::Hub => &mut processes[0],
            House::National => &mut processes[1],
        };
        process.kill();
        // It is dead: what stands there now is what it was killed at.
        let met = boundaries::met(night, house).await;
        night.check_accepted().await;
        process.start_again();
        tally.kill(house, met);
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
    met: BTreeMap<u8, u32>,
    all: BTreeMap<String, u32>,
}

impl Tally {
    fn kill(&mut self, house: House, met: BTreeSet<u8>) {
        self.kills += 1;
        self.add(&format!("{house:?} killed"));
        if met.is_empty() && house != House::Archive {
            self.add(&format!("{house:?} killed with nothing in flight"));
        }
        for row in met {
            *self.met.entry(row).or_default() += 1;
        }
    }

    fn add(&mut self, what: &str) {
        *self.all.entry(what.into()).or_default() += 1;
    }

    fn not_met(&self) -> Vec<u8> {
        boundaries::ROWS.iter().map(|(row, _)| *row).filter(|row| !self.met.contains_key(row)).collect()
    }

    fn lines(&self) -> Vec<String> {
        let rows = boundaries::ROWS
            .iter()
            .map(|(row, what)| format!("{:5}  met {row:2}  {what}", self.met.get(row).unwrap_or(&0)));
        self.all.iter().map(|(what, n)| format!("{n:5}  {what}")).chain(rows).collect()
    }
}
