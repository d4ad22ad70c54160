//! Both houses as real processes, killed with SIGKILL while they work, archives breaking off in between: the end is the same
//! as if nobody had been killed, nothing that was accepted is lost, nothing is held twice, nothing is left lying about.

use super::one_at_a_time;
use super::place::{Place, assert_same};
use super::process::Process;
use platform::testing::TempDir;
use sim::faults::Fault;
use sim::random::Random;
use sim::region::{Region, Size};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Kills of one night.
const KILLS: u32 = 104;
/// The kills of a night take so long at most, however slow the machine: then they come closer together.
const KILLING_MAX: Duration = Duration::from_secs(42);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_change_nothing() {
    let _alone = one_at_a_time().await;
    let seed = seed();
    Night::new(seed).play().await;
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
        let night = Place::open(&calm, region.clone(), None, None).await;
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
        let mut night = Place::open(&self.folder.path().join("killed"), region, Some(&calm), None).await;
        let mut processes = [night.start("hub"), night.start("national")];
        let tally = self.kill(&mut night, &mut processes, served).await;
        night.finish(&mut processes, &tally.lines()).await;
        drop(processes);
        let came = night.facts().await;
        println!("{} ms in all\n{}", began.elapsed().as_millis(), tally.lines().join("\n"));
        assert_same(&wanted, &came);
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
                    processes[1].kill();
                    processes[1].start_again();
                    tally.kill("national", met);
                }
                _ => {
                    let met = night.hub_at_work().await;
                    processes[0].kill();
                    night.check_accepted().await;
                    processes[0].start_again();
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
