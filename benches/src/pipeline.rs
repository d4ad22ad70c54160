//! The whole way: pushed to the hub, de-identified, durable, sent, taken in by the national house, acknowledged to the hub.

use crate::Bench;
use crate::data::{self, File};
use crate::houses::{CALLED, CALLING, Houses};
use crate::load::{self, Receiver};
use crate::measure::{Comparison, Row, has, settle};
use crate::orthanc;
use anyhow::Result;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Associations at once
    #[arg(long, default_value_t = 4)]
    associations: usize,
    /// People of 100 CT images each
    #[arg(long, default_value_t = 40)]
    people: u64,
}

impl Default for Args {
    fn default() -> Self {
        Self { associations: 4, people: 40 }
    }
}

const TRIBUTARY: &str = "tributary hub → tributary national";
const PATIENCE: Duration = Duration::from_secs(300);
/// So many images in the warehouse are looked into.
const SAMPLE: usize = 20;

pub(crate) fn run(bench: &Bench, args: &Args) -> Result<()> {
    let files = data::NIGHT.files(bench, args.people)?;
    println!("## The whole way of {} CT of 0.5 MiB, {} associations\n", files.len(), args.associations);
    let mut comparison = Comparison::new("First push to last acknowledgement");
    let chain = bench.peers && (has("Orthanc") || has("orthanc"));
    for _ in 0..bench.reps {
        if chain {
            comparison.add(orthanc::once(bench, &files, args.associations)?);
        }
        comparison.add(once(bench, args, &files)?);
    }
    comparison.print();
    Ok(())
}

fn once(bench: &Bench, args: &Args, objects: &[File]) -> Result<Row> {
    let folder = bench.fresh("houses")?;
    let houses = Houses::start(bench, &folder, &data::NIGHT.people(args.people))?;
    settle();
    let before = houses.cpu_s();
    let begun = Instant::now();
    let to = Receiver { port: houses.port, called: CALLED, calling: CALLING };
    let pushed = load::push(to, objects, args.associations)?;
    let mut acknowledged = 0;
    while acknowledged < objects.len() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100));
        // What is acknowledged leaves the spool: only then is it worth asking, which costs a process.
        if !houses.spools()? {
            acknowledged = houses.acknowledged()?;
        }
    }
    let wall_s = begun.elapsed().as_secs_f64();
    let cpu_s = houses.cpu_s() - before;
    let held = houses.held()?;
    let sample: Vec<_> = held.iter().step_by((held.len() / SAMPLE).max(1)).take(SAMPLE).cloned().collect();
    let left = data::NIGHT.identifying(&sample)?;
    let mut note = format!("{left} of {} identify; pushed in {:.1} s", sample.len(), pushed.wall_s);
    if held.len() != objects.len() || acknowledged != objects.len() {
        note = format!("{} held, {acknowledged} acknowledged of {}; {note}", held.len(), objects.len());
    }
    let row = Row {
        contender: TRIBUTARY.into(),
        objects: acknowledged,
        bytes: objects.iter().map(File::len).sum(),
        wall_s,
        cpu_s,
        rss_mib: houses.hub.rss_mib() + houses.national.rss_mib(),
        note,
        ..Row::default()
    };
    drop(houses);
    bench.empty(&folder)?;
    Ok(row)
}
