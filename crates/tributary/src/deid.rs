//! `tributary deid`: a folder of DICOM files in, a folder of de-identified ones out.

mod places;
mod work;

use ::deid::custody::Custody;
use ::deid::pixels::PixelPolicy;
use ::deid::profile::{Profile, Settings};
use ::deid::pseudonym::{ProjectKey, Pseudonymiser};
use anyhow::{Context, Result, bail};
use places::Places;
use platform::keys::{KeyKind, SecretKey};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use work::{Outcome, Work};

/// De-identify a folder of DICOM files
///
/// Reads every file below IN and writes what is clean to OUT as <study>/<series>/<instance>.dcm under new UIDs. Nothing of an
/// input path or name appears in OUT. What cannot be cleared is held: it is not written, and held.csv says which file and why.
///
/// Without --project the built-in research profile applies: the Basic Profile of PS3.15 2024e, dates moved by one offset per
/// person, patient characteristics and device identity retained. Free text is removed.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file, or a folder that is read with all its sub-folders
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the clean files go; made if it is not there
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// A project of the program (nccid, mammography), or a project file
    #[arg(long, value_name = "NAME|FILE")]
    project: Option<String>,
    /// Options on top of the Basic Profile, instead of the project's, by commas; '' for none
    ///
    /// Carried out now: retain-longitudinal-modified-dates, retain-longitudinal-full-dates, retain-patient-characteristics,
    /// retain-device-identity, retain-institution-identity, retain-uids. The other options of the standard are refused.
    #[arg(long, value_name = "A,B,C")]
    options: Option<String>,
    /// The project's key; made if it is not there [default: OUT.key beside OUT]
    ///
    /// The same key gives the same pseudonyms, UIDs and offsets again. Whoever holds it can tell whether a pseudonym is a given
    /// person's: keep it as you keep the originals.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the mapping goes, one row old_uid,new_uid per replaced UID [default: OUT.mapping.csv beside OUT]
    ///
    /// held.csv is written beside it.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// How many files are worked on at once [default: one per processor]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  tributary deid scans clean
      the research profile; makes clean.key, clean.mapping.csv and held.csv beside the folder clean
  tributary deid scans clean --project nccid --key nccid.key
      as the project file of the chest imaging database says
  tributary deid scans clean --options retain-longitudinal-modified-dates --mapping /safe/mapping.csv
      the Basic Profile and moved dates, nothing else

People are told apart by NHS number where Patient ID or Other Patient IDs hold a valid one, else by Patient ID with its issuer
or institution. Dates move back by 1 to 3650 days, the same for all of a person's files; intervals stay.

Exit status: 0 all cleared, 3 some held, 1 failed.";

/// The exit status when some files were held.
const SOME_HELD: u8 = 3;

/// The options of the built-in research profile.
const RESEARCH: [&str; 3] =
    ["retain-longitudinal-modified-dates", "retain-patient-characteristics", "retain-device-identity"];

pub(crate) fn run(args: &Args, custody: &Custody) -> Result<ExitCode> {
    let (settings, prefix) = settings(args.project.as_deref())?;
    let settings = with_options(settings, args.options.as_deref());
    let profile = Arc::new(Profile::new(&settings)?);
    let places = Places::new(&args.input, &args.output, args.key.as_deref(), args.mapping.as_deref())?;
    let files = places.input_files()?;
    if files.is_empty() {
        bail!("{}: there is no file", args.input.display());
    }
    places.prepare()?;
    let key = project_key(&places)?;
    let pseudonymiser = Pseudonymiser::new(&ProjectKey::new(*key.expose()), &prefix)
        .with_context(|| format!("pseudonym prefix {prefix:?}"))?;
    let workers =
        args.workers.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(2);
    let pixels = PixelPolicy::new(settings.for_processing).with(&settings.pixels);
    let work = Work::new(&places, custody, profile, pseudonymiser, pixels)?;
    let outcomes = work.all(&files, workers.max(1))?;
    places.write_mapping(&work.into_mapping())?;
    places.write_held(outcomes.iter().filter_map(|(path, outcome)| Some((*path, outcome.held_code()?))))?;
    Ok(report(&places, &outcomes))
}

/// What the project says, or the built-in research profile.
pub(crate) fn settings(project: Option<&str>) -> Result<(Settings, String)> {
    let Some(name) = project else {
        return Ok((Settings::basic("research").with_options(&RESEARCH), "Subject".to_owned()));
    };
    let project = hub::project::Project::load(name).with_context(|| format!("project {name}"))?;
    Ok((Settings::from_toml(project.deidentification)?, project.pseudonym_prefix))
}

/// The settings with the options of a command line, if there are any, instead of their own.
pub(crate) fn with_options(settings: Settings, options: Option<&str>) -> Settings {
    let Some(options) = options else { return settings };
    let names: Vec<&str> = options.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    settings.with_options(&names)
}

fn project_key(places: &Places) -> Result<SecretKey> {
    if places.key.exists() {
        return Ok(SecretKey::load(&places.key, KeyKind::Project)?);
    }
    let key = SecretKey::create(&places.key, KeyKind::Project)?;
    println!("a new project key: {}", places.key.display());
    Ok(key)
}

/// Tells what became of the files, by count and reason; no path, no name.
fn report(places: &Places, outcomes: &[(&std::path::Path, Outcome)]) -> ExitCode {
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for code in outcomes.iter().filter_map(|(_, outcome)| outcome.held_code()) {
        *held.entry(code).or_default() += 1;
    }
    let count = |wanted: &Outcome| outcomes.iter().filter(|(_, outcome)| outcome == wanted).count();
    let (repeated, held_count) = (count(&Outcome::Repeated), held.values().sum::<usize>());
    println!("{:>8}  files read", outcomes.len());
    println!("{:>8}  cleared, in {}", count(&Outcome::Cleared), places.output.display());
    if repeated > 0 {
        println!("{repeated:>8}  the same as another, written once");
    }
    println!("{held_count:>8}  held");
    for (code, count) in held {
        println!("{count:>12}  {code}");
    }
    println!("mapping   {}\nheld      {}", places.mapping.display(), places.held.display());
    if held_count == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_HELD) }
}
