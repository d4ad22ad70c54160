//! De-identifying a folder: process start to exit, beside a copy and beside a public tool.

use crate::Bench;
use crate::data::{CT, DX, Set};
use crate::measure::{Comparison, Row, files, finish, settle};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Leave the large radiographs out
    #[arg(long)]
    ct_only: bool,
    /// Where cargo installed the crate dicom-anonymization [default: tools in the folder]
    #[arg(long, value_name = "FILE")]
    dcmanon: Option<PathBuf>,
    /// A Python that has dicognito and Kitware's dicom-anonymizer, which are then measured, too
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
}

const COPY: &str = "cp -r";
const FLOOR: &str = "read, SHA-256, write";
const TRIBUTARY: &str = "tributary deid";
const DCMANON: &str = "dcmanon (dicom-anonymization)";
/// Other tools for folders, by their names in `peers.py`, which runs them.
const PYTHON_TOOLS: [(&str, &str); 2] =
    [("dicognito", "dicognito"), ("dicom-anonymizer (Kitware)", "kitware")];
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py");
/// So many outputs are looked into.
const SAMPLE: usize = 20;

/// Options under which pixels are judged by what is declared: headers only.
const HEADERS: &str =
    "retain-longitudinal-modified-dates,retain-patient-characteristics,retain-device-identity";
/// The built-in research profile, which reads every pixel.
const READING: &str = "tributary, every pixel read";

pub(crate) fn run(bench: &Bench, args: &Args) -> Result<()> {
    println!("## De-identify a folder\n");
    let own = std::env::current_exe()?;
    let dcmanon = args.dcmanon.clone().unwrap_or_else(|| bench.folder.join("tools/bin/dcmanon"));
    for (set, what) in [(CT, "CT of 0.5 MiB"), (DX, "DX of 15 MiB")] {
        if args.ct_only && set.name != CT.name {
            continue;
        }
        let input = set.folder(bench)?;
        let mut comparison = Comparison::new(format!("{} {what}", set.objects()));
        let copy = || {
            once(bench, set, COPY, &input, |out| {
                let mut command = Command::new("cp");
                command.args(["-r", "--reflink=never"]).arg(&input).arg(out);
                command
            })
        };
        // The first one reads from disk.
        copy()?;
        for _ in 0..bench.reps {
            comparison.add(copy()?);
            comparison.add(once(bench, set, FLOOR, &input, |out| {
                let mut command = Command::new(&own);
                command.arg("copy").arg(&input).arg(out);
                command
            })?);
            comparison.add(once(bench, set, TRIBUTARY, &input, |out| {
                let mut command = Command::new(&bench.tributary);
                command.arg("deid").arg(&input).arg(out).args(["--options", HEADERS]);
                command
            })?);
            if bench.peers && dcmanon.exists() {
                comparison.add(once(bench, set, DCMANON, &input, |out| {
                    let mut command = Command::new(&dcmanon);
                    command.args(["anonymize", "-r", "-i"]).arg(&input).arg("-o").arg(out);
                    command
                })?);
            }
        }
        // The slow ones come after: while they work, the machine takes back memory that the next one would have to ask for again.
        for _ in 0..bench.reps {
            comparison.add(once(bench, set, READING, &input, |out| {
                let mut command = Command::new(&bench.tributary);
                command.arg("deid").arg(&input).arg(out);
                command
            })?);
            if let Some(python) = args.python.as_ref().filter(|_| bench.peers) {
                for (name, tool) in PYTHON_TOOLS {
                    comparison.add(once(bench, set, name, &input, |out| {
                        let mut command = Command::new(python);
                        command.args([PEERS, tool]).arg(&input).arg(out);
                        command
                    })?);
                }
            }
        }
        comparison.print();
    }
    Ok(())
}

fn once(
    bench: &Bench,
    set: Set,
    contender: &str,
    input: &Path,
    command: impl Fn(&Path) -> Command,
) -> Result<Row> {
    let place = bench.fresh("deid")?;
    let out = place.join("out");
    std::fs::create_dir(&out)?;
    settle();
    let mut row = finish(contender, &mut command(&out))?;
    let made = files(&out)?;
    row.objects = made.len();
    for path in files(input)? {
        row.bytes += path.metadata()?.len();
    }
    if row.note.is_empty() && ![COPY, FLOOR].contains(&contender) {
        let step = (made.len() / SAMPLE).max(1);
        let sample: Vec<PathBuf> = made.iter().step_by(step).take(SAMPLE).cloned().collect();
        let left = set.identifying(&sample)?;
        row.note = format!("{left} of {} identify", sample.len());
    }
    if row.objects != set.objects() {
        row.note = format!("{} of {} written; {}", row.objects, set.objects(), row.note);
    }
    bench.empty(&place)?;
    Ok(row)
}
