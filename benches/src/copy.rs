//! The floor of de-identifying a folder: each file is read once, hashed with SHA-256 and written, in the pieces and with the number of
//! threads of the tool, after room for it was asked for. Nothing is synced, as the tool syncs nothing but its state.

use crate::measure::files;
use anyhow::{Context, Result, anyhow};
use platform::disk;
use ring::digest::SHA256;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the writer of the tool reads and writes at once.
const PIECE_BYTES: usize = 256 << 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    from: PathBuf,
    to: PathBuf,
}

/// Copies a folder with all its sub-folders; prints the digest of each file.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = files(&args.from)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        while let Some(path) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let to = args.to.join(path.strip_prefix(&args.from)?);
            copy(path, &to, &mut piece).with_context(|| path.display().to_string())?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread failed"))?)
    })
}

fn copy(from: &Path, to: &Path, piece: &mut [u8]) -> Result<()> {
    fs::create_dir_all(to.parent().context("no folder")?)?;
    let (mut from, mut out) = (File::open(from)?, File::create(to)?);
    disk::reserve(&out, from.metadata()?.len());
    let mut hasher = ring::digest::Context::new(&SHA256);
    loop {
        let got = from.read(piece)?;
        if got == 0 {
            break;
        }
        hasher.update(&piece[..got]);
        out.write_all(&piece[..got])?;
    }
    println!("{:?}", hasher.finish());
    Ok(())
}
