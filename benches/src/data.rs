//! The images: simulated people, real headers, identifiers wherever they occur in life. The same ones in every run.

use crate::Bench;
use anyhow::{Context, Result};
use dicom::part10::{self, Limits};
use sim::encode::Syntax;
use sim::images::{Instance, Kind, Plan, study};
use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// A set of images.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    kind: Kind,
    studies: u64,
    instances: u32,
    pixels: u16,
}

/// CT slices of half a MiB: 20 people, 100 slices each.
pub(crate) const CT: Set = Set { name: "ct", kind: Kind::Ct, studies: 20, instances: 100, pixels: 512 };
/// The same for 40 people: long enough that how often each house looks for work weighs little.
pub(crate) const NIGHT: Set = Set { name: "night", studies: 40, ..CT };
/// Radiographs of 15 MiB.
pub(crate) const DX: Set = Set { name: "dx", kind: Kind::Dx, studies: 100, instances: 1, pixels: 2800 };

/// A Part 10 file in memory, and what a sender must say of it.
pub(crate) struct File {
    bytes: Vec<u8>,
    dataset_at: usize,
    pub(crate) sop_class: String,
    pub(crate) sop_instance: String,
    pub(crate) transfer_syntax: String,
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let meta = part10::open(Box::new(Cursor::new(bytes.clone())), &Limits::default())?.meta;
        // The file meta information says how long it is (PS3.10 §7.1).
        let group = bytes.get(140..144).and_then(|length| length.first_chunk()).context("no group length")?;
        let dataset_at = 144 + u32::from_le_bytes(*group) as usize;
        Ok(Self {
            bytes,
            dataset_at,
            sop_class: meta.sop_class,
            sop_instance: meta.sop_instance,
            transfer_syntax: meta.transfer_syntax,
        })
    }

    pub(crate) fn dataset(&self) -> &[u8] {
        &self.bytes[self.dataset_at..]
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Set {
    pub(crate) fn objects(self) -> usize {
        usize::try_from(self.studies * u64::from(self.instances)).unwrap_or(usize::MAX)
    }

    fn study(self, seed: u64) -> Vec<Instance> {
        study(seed, Plan { kind: self.kind, instances: self.instances, pixels: self.pixels })
    }

    /// The folder with its files, one folder per study inside; made when it is not there.
    pub(crate) fn folder(self, bench: &Bench) -> Result<PathBuf> {
        let folder = bench.folder.join("data").join(self.name);
        if folder.exists() {
            return Ok(folder);
        }
        eprintln!("making {} images of the set {}", self.objects(), self.name);
        let part = folder.with_extension("part");
        crate::clear(&part)?;
        let half = |odd: u64| -> Result<()> {
            for seed in (1..=self.studies).filter(|seed| seed % 2 == odd) {
                let own = part.join(format!("{seed:03}"));
                fs::create_dir_all(&own)?;
                for instance in self.study(seed) {
                    let bytes = instance.file(Syntax::ExplicitLittle);
                    fs::write(own.join(format!("{:04}.dcm", instance.number)), bytes)?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| half(1));
            half(0).and(other.join().unwrap_or_else(|_| anyhow::bail!("making images failed")))
        })?;
        fs::rename(&part, &folder)?;
        Ok(folder)
    }

    /// The files of the first so many people, in memory.
    pub(crate) fn files(self, bench: &Bench, people: u64) -> Result<Vec<File>> {
        let most = people.max(1).saturating_mul(u64::from(self.instances));
        let mut paths = crate::measure::files(&self.folder(bench)?)?;
        paths.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        paths.iter().map(|path| File::read(path)).collect()
    }

    /// One instance of each of the first so many people.
    pub(crate) fn people(self, people: u64) -> Vec<Instance> {
        (1..=people.min(self.studies)).filter_map(|seed| self.study(seed).into_iter().next()).collect()
    }

    /// How many of these files hold something that was planted to identify: names, numbers, addresses, UIDs.
    pub(crate) fn identifying(self, files: &[PathBuf]) -> Result<usize> {
        let planted: BTreeSet<String> = self
            .people(self.studies)
            .iter()
            .flat_map(Instance::sentinels)
            .filter(|sentinel| sentinel.text.len() >= 6)
            .map(|sentinel| sentinel.text)
            .collect();
        let mut found = 0;
        for path in files {
            let bytes = fs::read(path)?;
            // All text stands before and after the pixels; the longest header here is far shorter.
            let ends = [&bytes[..bytes.len().min(64 << 10)], &bytes[bytes.len().saturating_sub(16 << 10)..]];
            let holds = |text: &String| ends.iter().any(|part| stands_in(part, text.as_bytes()));
            found += usize::from(planted.iter().any(holds));
        }
        Ok(found)
    }
}

/// Whether the text stands in the bytes; digits not as a part of a longer number, for new UIDs hold any date by chance.
fn stands_in(bytes: &[u8], text: &[u8]) -> bool {
    let is_number = text.iter().all(u8::is_ascii_digit);
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    bytes.windows(text.len()).enumerate().any(|(at, window)| {
        window == text && !(is_number && (is_digit(at.checked_sub(1)) || is_digit(Some(at + text.len()))))
    })
}
