//! `tributary deid --verify-only`: a look at what another program, or this one, has cleaned. Nothing is written.

use super::feed::{Feed, sheltered};
use super::tell::Teller;
use super::walk::Walk;
use super::work::progress;
use ::deid::inspect::{Doubt, Inspector, Known};
use ::deid::verify::Verifier;
use anyhow::{Result, bail};
use dicom::part10::Limits;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// More identifiers than this are not searched for in every file: names of so many people stand in any header by chance.
const KNOWN_MAX: usize = 2_000;
const BATCH_FILES: usize = 64;

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    place: &'a str,
    what: &'a str,
}

/// What is known of the originals.
struct Originals {
    root: PathBuf,
    /// The identifiers of all of them, unless there are too many.
    all: Option<Known>,
}

/// Looks at every file; how many were not clean.
pub(super) fn run(
    (folder, originals): (&Path, Option<&Path>),
    inspector: &Inspector,
    teller: &Teller,
    workers: usize,
) -> Result<u64> {
    let (root, walk) = Walk::of(folder)?;
    let originals = originals.map(originals_of).transpose()?;
    let files = walk.count();
    if files == 0 {
        bail!("{}: there is no file", folder.display());
    }
    let bar = progress("looking", u64::try_from(files).unwrap_or(u64::MAX));
    let (_, mut walk) = Walk::of(folder)?;
    let feed = Feed::new(move || walk.by_ref().take(BATCH_FILES).map(|file| Ok(file?.0)).collect());
    let totals = Mutex::new((0_u64, BTreeMap::<&'static str, u64>::new()));
    feed.share(workers, |_| {
        let verifier = Verifier::default();
        while let Some(path) = feed.next()? {
            let doubts = sheltered(|| look(&root, &path, originals.as_ref(), inspector, &verifier));
            let doubts = doubts
                .unwrap_or_else(|| doubt("internal-error", "the program failed at it: please report it"));
            let given = if folder.is_file() { folder.to_owned() } else { folder.join(&path) };
            tell(&given, &doubts, teller)?;
            let mut codes: Vec<&'static str> = doubts.iter().map(|doubt| doubt.code).collect();
            codes.sort_unstable();
            codes.dedup();
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.0 += u64::from(!codes.is_empty());
            codes.into_iter().for_each(|code| *totals.1.entry(code).or_default() += 1);
            bar.inc(1);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let (found_in, by_code) = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    teller.say(&format!("{files:>8}  files looked at\n{found_in:>8}  with findings"));
    for (code, files) in by_code {
        teller.say(&format!("{files:>12}  {code}"));
    }
    if found_in > 0 && !teller.json {
        teller.say("--json says which file, where and what");
    }
    Ok(found_in)
}

fn originals_of(folder: &Path) -> Result<Originals> {
    let (root, walk) = Walk::of(folder)?;
    let mut all = Some(Known::default());
    for file in walk {
        let path = root.join(file?.0);
        if let Some(known) = known_of(&path)
            && let Some(so_far) = &mut all
        {
            so_far.add(known);
            if so_far.len() > KNOWN_MAX {
                all = None;
                break;
            }
        }
    }
    Ok(Originals { root, all })
}

/// The identifiers of one original; none where it cannot be read.
fn known_of(path: &Path) -> Option<Known> {
    Known::of(Box::new(BufReader::new(File::open(path).ok()?)), &Limits::default()).ok()
}

/// One doubt about a file as a whole.
fn doubt(code: &'static str, what: &str) -> Vec<Doubt> {
    vec![Doubt { code, place: String::new(), what: what.to_owned() }]
}

fn look(
    root: &Path,
    path: &Path,
    originals: Option<&Originals>,
    inspector: &Inspector,
    verifier: &Verifier,
) -> Vec<Doubt> {
    let known = match originals {
        None => Some(Known::default()),
        Some(originals) => known_of(&originals.root.join(path)).or_else(|| originals.all.clone()),
    };
    let Some(known) = known else {
        let what = "the originals hold too many identifiers, and none has this path: give fewer of them";
        return doubt("original-not-found", what);
    };
    let open = || File::open(root.join(path)).map(BufReader::new);
    let (Ok(source), Ok(mut bytes)) = (open(), open()) else {
        return doubt("unreadable-file", "it cannot be opened");
    };
    match inspector.inspect(Box::new(source), &mut bytes, &known, verifier) {
        Ok(doubts) => doubts,
        Err(error) => doubt(error.code(), "it cannot be read as DICOM"),
    }
}

fn tell(path: &Path, doubts: &[Doubt], teller: &Teller) -> Result<()> {
    if !teller.json {
        return Ok(());
    }
    let findings =
        doubts.iter().map(|doubt| Finding { code: doubt.code, place: &doubt.place, what: &doubt.what });
    let outcome = if doubts.is_empty() { "clean" } else { "findings" };
    teller.line(&Line { path: &path.to_string_lossy(), outcome, findings: findings.collect() })
}
