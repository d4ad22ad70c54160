//! Writing a corpus with its answer key to disk.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// 1 to 99 for development, 1001 and above for reports
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many objects
    #[arg(long, default_value_t = 700)]
    objects: u32,
    /// The folder to write: in/ with the objects, key.jsonl, samples/ for the scorer
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let (objects, samples) = (args.out.join("in"), args.out.join("samples"));
    for folder in [&objects, &samples] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        anyhow::ensure!(fs::read_dir(folder)?.next().is_none(), "{} is not empty", folder.display());
    }
    let mut key = BufWriter::new(File::create(args.out.join("key.jsonl"))?);
    for case in sim::corpus::corpus(args.seed, args.objects) {
        fs::write(objects.join(&case.key.file), &case.file)?;
        if case.key.pixels.is_some() {
            fs::write(samples.join(&case.key.file), &case.samples)?;
        }
        serde_json::to_writer(&mut key, &case.key)?;
        key.write_all(b"\n")?;
    }
    key.flush()?;
    println!("{} objects of seed {} in {}", args.objects, args.seed, objects.display());
    Ok(())
}
