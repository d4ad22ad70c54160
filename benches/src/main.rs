//! Benchmarks: what the program does, beside the least work that could do it and beside other programs, in the same run.
//!
//! Nothing is asserted. Contenders take turns within each repetition, so that whatever else the machine does hits all alike:
//! ratios within a run mean something, figures of different runs do not compare.

mod measure;

mod wire;

mod data;

mod load;

mod floor;

mod copy;

mod http;

mod orthanc;

mod houses;

mod receive;

mod deid;

mod pipeline;

mod detector;
mod silent;
mod reader;
mod corpus;

mod score;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Measure receiving, de-identifying and the whole way between two houses, beside floors and other programs
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    /// Repetitions; medians are told
    #[arg(long, global = true, default_value_t = 5)]
    reps: usize,
    /// Where data and everything written lies [default: bench beside the build]
    #[arg(long, global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The program to measure [default: tributary beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    tributary: Option<PathBuf>,
    /// Leave other programs out: floors and tributary only
    #[arg(long, global = true)]
    no_peers: bool,
}

#[derive(Subcommand)]
enum What {
    /// C-STORE from 1, 4 and 13 associations, each object durable before the answer
    Receive(receive::Args),
    /// A folder of CT images to a folder of de-identified ones, and one of large radiographs
    Deid(deid::Args),
    /// From the first push at the hub to the last receipt of the national house
    Pipeline(pipeline::Args),
    /// Burned-in text: what is found, what is taken for it, and how fast; needs no program
    Detector(detector::Args),
    /// Teach the detector's reader of letters anew, and write its weights
    Reader(reader::Args),
    /// The first three (the default)
    All,
    /// Write a corpus of objects with planted identifiers, and its answer key
    Corpus(corpus::Args),
    /// Score what tools made of a corpus
    Score(score::Args),
    /// Be the floor of receiving: one file per object, synced before the answer, nothing else
    #[command(hide = true)]
    Floor(floor::Args),
    /// Be the floor of de-identifying a folder: one pass of reading, SHA-256 and writing, nothing else
    #[command(hide = true)]
    Copy(copy::Args),
}

/// What all benchmarks share.
struct Bench {
    reps: usize,
    /// Data and logs, kept for the next time.
    folder: PathBuf,
    /// What this run writes, removed at its end.
    run: PathBuf,
    folders: AtomicU32,
    tributary: PathBuf,
    peers: bool,
}

impl Bench {
    fn new(cli: &Cli) -> Result<Self> {
        let own = std::env::current_exe()?;
        let beside = own.parent().context("this program lies in no folder")?;
        let tributary = cli.tributary.clone().unwrap_or_else(|| beside.join("tributary"));
        anyhow::ensure!(
            tributary.exists(),
            "{}: build it with cargo build --release -p tributary",
            tributary.display()
        );
        let folder = cli.folder.clone().unwrap_or_else(|| beside.with_file_name("bench"));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let folder = folder.canonicalize()?;
        Ok(Self {
            reps: cli.reps.max(1),
            run: folder.join(format!("run-{}", std::process::id())),
            folder,
            folders: AtomicU32::new(0),
            tributary: tributary.canonicalize()?,
            peers: !cli.no_peers,
        })
    }

    /// A new, empty folder of this name.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let nth = self.folders.fetch_add(1, Ordering::Relaxed);
        if nth == 0 {
            std::fs::create_dir_all(&self.run).with_context(|| self.run.display().to_string())?;
            // Where there is such a thing as ext4: the contenders' folders lie far apart, and what one deletes as it works
            // does not slow the next one (see `empty`).
            let _ = Command::new("chattr").arg("+T").arg(&self.run).stderr(Stdio::null()).status();
        }
        let path = self.run.join(format!("{name}-{nth}"));
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Gives back the room that a folder takes. Its files stay, empty, until all is measured: ext4 looks at each inode that
    /// was freed in the last minutes before it gives a new one, so who deletes many slows whoever comes next.
    fn empty(&self, folder: &Path) -> Result<()> {
        for file in measure::files(folder)? {
            std::fs::OpenOptions::new().write(true).truncate(true).open(file)?;
        }
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What stays behind is in the way of nobody but the disk.
        let _ = clear(&self.run);
    }
}

/// Removes a folder, if it is there.
fn clear(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match &cli.what {
        Some(What::Floor(args)) => return floor::run(args),
        Some(What::Copy(args)) => return copy::run(args),
        Some(What::Corpus(args)) => return corpus::run(args),
        Some(What::Score(args)) => return score::run(args),
        Some(What::Reader(args)) => return reader::run(args),
        _ => {}
    }
    if let Some(What::Detector(args)) = &cli.what {
        println!("{}\n", measure::machine());
        return detector::run(args);
    }
    let bench = Bench::new(&cli)?;
    println!("{}\n", measure::machine());
    match &cli.what {
        Some(What::Receive(args)) => receive::run(&bench, args),
        Some(What::Deid(args)) => deid::run(&bench, args),
        Some(What::Pipeline(args)) => pipeline::run(&bench, args),
        Some(
            What::Floor(_)
            | What::Copy(_)
            | What::Detector(_)
            | What::Reader(_)
            | What::Corpus(_)
            | What::Score(_),
        )
        | None
        | Some(What::All) => {
            receive::run(&bench, &receive::Args::default())?;
            deid::run(&bench, &deid::Args::default())?;
            pipeline::run(&bench, &pipeline::Args::default())
        }
    }
}
