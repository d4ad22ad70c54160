//! `tributary deid`: a folder of DICOM files in, a folder of de-identified ones out.

mod help;
mod outcome;
mod store;
mod places;
mod walk;
mod feed;
mod tell;
mod witnesses;
mod work;
mod look;
mod report;
mod verify;

use ::deid::custody::Custody;
use ::deid::inspect::Inspector;
use ::deid::pixels::PixelPolicy;
use ::deid::profile::{ForProcessing, Profile, Settings};
use ::deid::pseudonym::{ProjectKey, Pseudonymiser};
use anyhow::{Context, Result, bail};
pub(crate) use look::DICOMDIR;
use look::FirstPass;
pub(crate) use outcome::what_to_do;
use places::Places;
use platform::keys::{KeyKind, SecretKey};
use report::Heading;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use store::{BEGIN_ANEW, Store, Tally};
use submission::digest::Digest;
use tell::Teller;
pub(crate) use walk::Walk;
use work::Work;
pub(crate) use work::progress;

/// De-identify a folder of DICOM files
///
/// Reads every file below IN and writes what is clean to OUT as <study>/<series>/<instance>.dcm under new UIDs. Nothing of an
/// input path or name appears in OUT. What cannot be cleared is held: it is not written, and OUT.held.csv says which file and why.
///
/// A first pass reads all headers and finds out who is who; only then is anything written. A run that was stopped goes on where
/// it was when the same command is given again. What that needs to know lies in OUT.state, beside OUT.
///
/// Without --project the built-in research profile applies: the Basic Profile of PS3.15 2024e with pixels, graphics, structured content
/// and descriptors cleaned, dates moved by one offset per person, patient characteristics, device identity and safe private
/// attributes retained.
#[derive(clap::Args)]
#[command(override_usage = help::USAGE, after_help = help::SHORT, after_long_help = help::long())]
pub(crate) struct Args {
    /// A file, or a folder that is read with all its sub-folders
    #[arg(value_name = "IN", required_unless_present = "verify_only")]
    input: Option<PathBuf>,
    /// Where the clean files go; made if it is not there
    #[arg(value_name = "OUT", required_unless_present = "verify_only")]
    output: Option<PathBuf>,
    /// A project of the program (nccid, mammography), or a project file
    #[arg(long, value_name = "NAME|FILE")]
    project: Option<String>,
    /// Options on top of the Basic Profile, instead of the project's, by commas; '' for none
    #[arg(long, value_name = "A,B,C", long_help = help::options())]
    options: Option<String>,
    /// The project's key; made if it is not there [default: OUT.key beside OUT]
    ///
    /// The same key gives the same pseudonyms, UIDs and offsets again. Whoever holds it can tell whether a pseudonym is a given
    /// person's: keep it as you keep the originals.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the mapping goes, one row old_uid,new_uid per replaced UID [default: OUT.mapping.csv beside OUT]
    ///
    /// OUT.held.csv is written beside it.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Write a page that tells what was done: how many files, which were held and what to do, which attributes
    ///
    /// It names no file of IN and holds no value of any patient.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Print one JSON object per file as it is done; what else there is to say goes to standard error
    ///
    /// {"path": …, "outcome": "cleared", "output": …, "actions": [{"tag": …, "keyword": …, "action": …}, …]}, or "outcome":
    /// "held" with "reasons". No values; but paths of IN can identify: keep these lines at the hospital.
    #[arg(long)]
    json: bool,
    /// Do everything but write: tells what would happen
    #[arg(long)]
    dry_run: bool,
    /// Forget an earlier run into this OUT, remove what it wrote there, and begin anew
    #[arg(long)]
    restart: bool,
    /// Change nothing: look for what should not be there in a folder that this or another tool has cleaned
    ///
    /// Patterns of identifiers anywhere, elements and private elements that the profile would have removed, images that do not pass
    /// unseen. An attribute that may stay with another value is not told from its original, but see --original.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["input", "output", "key", "mapping", "report", "dry_run", "restart"])]
    verify_only: Option<PathBuf>,
    /// With --verify-only: also look for the identifiers of these originals
    ///
    /// Of the original with the same path below IN where there is one, else of all.
    #[arg(long, value_name = "IN", requires = "verify_only")]
    original: Option<PathBuf>,
    /// How many files are worked on at once [default: one per processor]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

/// The exit status when some files were held.
const SOME_HELD: u8 = 3;

/// The options of the built-in research profile.
const RESEARCH: [&str; 8] = [
    "clean-pixel-data",
    "clean-graphics",
    "clean-structured-content",
    "clean-descriptors",
    "retain-longitudinal-modified-dates",
    "retain-patient-characteristics",
    "retain-device-identity",
    "retain-safe-private",
];

pub(crate) fn run(args: &Args, custody: &Custody) -> Result<ExitCode> {
    let (settings, prefix) = settings(args.project.as_deref())?;
    let settings = with_options(settings, args.options.as_deref());
    let profile = Arc::new(Profile::new(&settings)?);
    let teller = Teller { json: args.json, report: args.report.is_some() };
    if let Some(folder) = &args.verify_only {
        let findings = verify::run(
            (folder, args.original.as_deref()),
            &Inspector::new(profile, PixelPolicy::new(settings.for_processing).with(&settings.pixels)),
            &teller,
            workers(args),
        )?;
        return Ok(exit_code(findings));
    }
    let (Some(input), Some(output)) = (&args.input, &args.output) else { bail!("IN and OUT are needed") };
    let places = Places::new(input, output, args.key.as_deref(), args.mapping.as_deref())?;
    let places = if args.dry_run { places.rehearse() } else { places };
    if args.restart || args.dry_run || !places.output.exists() {
        places.forget_state()?;
    }
    if !args.dry_run {
        places.prepare()?;
    }
    let key = project_key(&places, &teller, args.dry_run)?;
    let pseudonymiser = Pseudonymiser::new(&ProjectKey::new(*key.expose()), &prefix)
        .with_context(|| format!("pseudonym prefix {prefix:?}"))?;
    let store = state(
        &places,
        &[
            ("version", ::deid::ENGINE.to_owned()),
            ("IN", Digest::of(places.root.as_os_str().as_encoded_bytes()).to_string()),
            ("project or options", Digest::of(format!("{settings:?} {prefix}").as_bytes()).to_string()),
            ("key", key.id().to_string()),
        ],
    )?;
    let workers = workers(args);
    look::walk(&places, &store)?;
    if store.files_count()?.0 == 0 {
        bail!("{}: there is no file", input.display());
    }
    let heads = FirstPass {
        places: &places,
        store: &store,
        custody,
        pseudonymiser: &pseudonymiser,
        profile: &profile,
    };
    heads.run(workers)?;
    store.resolve(profile.age_people_min())?;
    let pixels = PixelPolicy::new(settings.for_processing).with(&settings.pixels);
    let cleaning = (Arc::clone(&profile), pixels);
    Work::new((&places, &store), (custody, &teller), cleaning, &pseudonymiser, args.dry_run)?.all(workers)?;
    if !args.dry_run {
        places.write_mapping(&store)?;
        places.write_held(&store)?;
    }
    let tally = store.tally()?;
    if let Some(path) = &args.report {
        report::write(path, (&store, &tally), &Heading { profile: &profile, is_rehearsal: args.dry_run })?;
    }
    let held = sum_up(&tally, &places, &teller, args.dry_run);
    store.close();
    if args.dry_run {
        places.forget_state()?;
    }
    Ok(exit_code(held))
}

fn workers(args: &Args) -> usize {
    let workers = args.workers.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    workers.unwrap_or(2).max(1)
}

fn exit_code(held: u64) -> ExitCode {
    if held == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_HELD) }
}

/// What the project says, or the built-in research profile.
pub(crate) fn settings(project: Option<&str>) -> Result<(Settings, String)> {
    let Some(name) = project else {
        let research = Settings::basic("research").with_options(&RESEARCH);
        return Ok((Settings { for_processing: ForProcessing::Accept, ..research }, "Subject".to_owned()));
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

/// The project's key. A rehearsal makes none: it works under one that nobody will ever have again.
fn project_key(places: &Places, teller: &Teller, is_rehearsal: bool) -> Result<SecretKey> {
    if places.key.exists() {
        return Ok(SecretKey::load(&places.key, KeyKind::Project)?);
    }
    if is_rehearsal {
        return Ok(SecretKey::generate(KeyKind::Project)?);
    }
    let key = SecretKey::create(&places.key, KeyKind::Project)?;
    teller.say(&format!("a new project key: {}", places.key.display()));
    Ok(key)
}

/// The state of an earlier run that this one goes on with, or a new one.
fn state(places: &Places, settings: &[(&'static str, String)]) -> Result<Store> {
    let store = Store::open(&places.state)?;
    let others = store.settle(settings)?;
    if !others.is_empty() {
        bail!(
            "an earlier run into this OUT had another {}; give the same arguments to go on with it, {BEGIN_ANEW}",
            others.join(" and another ")
        );
    }
    Ok(store)
}

/// Tells what became of the files, by count and reason; no path, no name. How many were held.
fn sum_up(tally: &Tally, places: &Places, teller: &Teller, is_rehearsal: bool) -> u64 {
    let would = if is_rehearsal { "would be " } else { "" };
    teller.say(&format!("{:>8}  files read", tally.files()));
    let place = if is_rehearsal { String::new() } else { format!(", in {}", places.output.display()) };
    teller.say(&format!("{:>8}  {would}cleared{place}", tally.of("cleared")));
    if tally.of("repeated") > 0 {
        teller.say(&format!("{:>8}  the same as another, {would}written once", tally.of("repeated")));
    }
    teller.say(&format!("{:>8}  people", tally.people));
    teller.say(&format!("{:>8}  {would}held", tally.of("held")));
    for (code, files) in tally.reasons() {
        teller.say(&format!("{files:>12}  {code}: {}", what_to_do(code)));
    }
    if !is_rehearsal {
        teller.say(&format!("mapping   {}\nheld      {}", places.mapping.display(), places.held.display()));
    }
    tally.of("held")
}
