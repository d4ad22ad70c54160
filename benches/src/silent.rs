//! Images on which nothing is written, from a folder: whatever the detector boxes there is false.

use crate::detector::find;
use anyhow::{Context, Result, ensure};
use sim::lettering::{Ground, Picture};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// As an object is cleaned: boxes are blanked and the image looked at again.
const ROUNDS_MAX: usize = 8;

/// Looks at every PGM of a folder. A name says where an image is from and how it was made: `mni152-x30-2.1.pgm`.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "pgm"))
        .collect();
    paths.sort();
    ensure!(!paths.is_empty(), "{}: there is no PGM file", folder.display());
    // Of a kind of picture: pictures, those with a box, pixels in boxes, pixels.
    let mut kinds = BTreeMap::<(&str, String), [usize; 4]>::new();
    for path in &paths {
        let picture = read(path)?;
        let boxed = boxed(&picture);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let source = name.split('-').next().unwrap_or_default();
        let made = name.rsplit('-').next().unwrap_or_default();
        for kind in [("all", String::new()), ("source", source.into()), ("interpolation", made.into())] {
            let counts = kinds.entry(kind).or_default();
            let add = [1, usize::from(boxed > 0), boxed, picture.samples.len()];
            counts.iter_mut().zip(add).for_each(|(sum, value)| *sum += value);
        }
    }
    println!("| images without text | | images | with a box | pixels boxed |\n|---|---|---:|---:|---:|");
    for ((what, which), [count, with, boxed, pixels]) in kinds {
        println!("| {what} | {which} | {count} | {with} | {:.2} % |", 100.0 * boxed as f64 / pixels as f64);
    }
    Ok(())
}

/// Pixels that are blanked in the end.
fn boxed(picture: &Picture) -> usize {
    let mut blanked = picture.clone();
    let mut is_boxed = vec![false; picture.samples.len()];
    for _ in 0..ROUNDS_MAX {
        let boxes = find(&blanked);
        for region in &boxes {
            for y in region.top..region.top + region.height {
                let from = y as usize * picture.width + region.left as usize;
                let row = from..from + region.width as usize;
                blanked.samples[row.clone()].fill(0);
                is_boxed[row].fill(true);
            }
        }
        if boxes.is_empty() {
            break;
        }
    }
    is_boxed.into_iter().filter(|pixel| *pixel).count()
}

/// A PGM of 16 bits: `P5`, columns, rows, the highest value, one blank, then the samples, high byte first.
fn read(path: &Path) -> Result<Picture> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut words = bytes.splitn(5, |byte| byte.is_ascii_whitespace());
    let mut word = || words.next().and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default();
    let magic = word() == "P5";
    let (width, height, high) = (word().parse().unwrap_or(0), word().parse().unwrap_or(0), word() == "65535");
    let samples: Vec<u16> =
        words.next().unwrap_or_default().as_chunks::<2>().0.iter().map(|b| u16::from_be_bytes(*b)).collect();
    ensure!(magic && high && samples.len() == width * height, "{}: no PGM of 16 bits", path.display());
    let ground = Ground::ALL[0];
    Ok(Picture { ground, width, height, bits: 16, noise: 0.0, samples, lines: Vec::new() })
}
