//! `tributary profile`: what de-identification does to each attribute, and why, in words.

mod preview;
mod words;

use crate::deid::{settings, with_options};
use crate::ui::Table;
use ::deid::custody::Custody;
use ::deid::profile::{Dates, Done, Explanation, Profile, Settings};
use anyhow::Result;
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Say what happens to one attribute, and why
    #[command(after_help = EXAMPLES)]
    Explain {
        /// Its keyword, as StudyDate, or its tag, as 0008,0020
        #[arg(value_name = "ATTRIBUTE")]
        attribute: String,
        #[command(flatten)]
        of: Of,
    },
    /// Show a profile: its options, and every attribute that it lists
    #[command(after_help = EXAMPLES)]
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// Show what two projects treat differently
    #[command(after_help = EXAMPLES)]
    Diff {
        /// A project of the program (research, nccid, mammography), or a project file
        #[arg(value_name = "ONE")]
        one: String,
        /// The other
        #[arg(value_name = "OTHER")]
        other: String,
    },
    /// Try a changed profile beside the one in force, over a sample of a folder, and show what would differ
    ///
    /// Each file of the sample goes through both profiles under one key, in memory: nothing is written. Told is by attribute in how
    /// many objects what goes out differs and what was done under each profile, and which objects would be held, or would no longer
    /// be, and why. No value of a patient is shown, and no file is named.
    ///
    /// Who is who is asked of each file alone: conflicts between files are found by tributary deid.
    #[command(after_help = PREVIEW_EXAMPLES)]
    Preview(preview::Args),
    /// List the words that descriptions lose only because no list has them, for a reviewer to approve
    ///
    /// Text keeps the words of a vocabulary; what a region writes beside them (local names of protocols, abbreviations) goes until
    /// somebody approves it. Told is in the objects of how many people a word stands. What is known of a patient, and what follows
    /// a title or looks like an identifier, is not among them; a rare name can be. Keep the list inside the hospital.
    #[command(after_help = WORDS_EXAMPLES)]
    Words(words::Args),
}

const EXAMPLES: &str = "\
Examples:
  tributary profile explain InstitutionName --project nccid
      what becomes of it in that project, and which rule says so
  tributary profile explain 0018,1000 --options retain-device-identity
  tributary profile show --project ./ours.toml
      the options, and the attributes that the standard's table, this program and the project list
  tributary profile diff nccid ./ours.toml
      what a changed project file changes; exit status 1 if anything

X, Z, D, U, K and C are the actions of PS3.15 Table E.1-1: remove, empty, dummy, map the UIDs, keep, clean. Type 1, 2 and 3 are
those that the object's IOD gives the attribute (PS3.5 section 7.4): with a value, there but perhaps empty, optional.";

const PREVIEW_EXAMPLES: &str = "\
Examples:
  tributary profile preview nccid ./ours.toml /archive/january
      what a changed project file would do otherwise, over 200 of the folder's files
  tributary profile preview research ./ours.toml /archive/january --sample 2000
      beside what tributary deid does without --project
  tributary profile preview ours.toml changed.toml /archive/january --json | jq .newly_held
      what would be held that was not, with reasons and kinds of objects

Exit status 0 if the sample comes out alike, 1 if anything differs.";

const WORDS_EXAMPLES: &str = "\
Examples:
  tributary profile words /archive/january
      beside the vocabulary of the program, in the objects of five people or more
  tributary profile words /archive/january --project ./ours.toml --people-min 20
      what that project has not approved yet
  tributary profile words /archive/january --toml >> ours.toml
      a section to be struck through and signed; the project is refused until its reason says who approved it
  tributary profile preview nccid ./ours.toml /archive/january
      what the approved words change";

/// Which profile.
#[derive(clap::Args)]
pub(crate) struct Of {
    /// A project of the program (nccid, mammography), or a project file [default: the research profile of tributary deid]
    #[arg(long, value_name = "NAME|FILE")]
    project: Option<String>,
    /// Options on top of the Basic Profile, instead of the project's, by commas; '' for none
    #[arg(long, value_name = "A,B,C")]
    options: Option<String>,
}

impl Of {
    fn profile(&self) -> Result<Profile> {
        let (settings, _) = settings(self.project.as_deref())?;
        Ok(Profile::new(&with_options(settings, self.options.as_deref()))?)
    }
}

/// The exit status of `diff` and `preview` where there is a difference.
const DIFFERENT: u8 = 1;

pub(crate) fn run(command: &Command, custody: &Custody) -> Result<ExitCode> {
    match command {
        Command::Explain { attribute, of } => {
            let Explanation { tag, name, because, done } = of.profile()?.explain(attribute)?;
            println!("{name} ({},{})\n    {because}", &tag[..4], &tag[4..]);
            match done {
                Done::Always(done) => println!("    {done}"),
                Done::ByType(cases) => cases.iter().for_each(|(case, done)| println!("    {case}: {done}")),
            }
        }
        Command::Show { of } => show(&of.profile()?),
        Command::Diff { one, other } => {
            let profile = |name: &String| -> Result<Profile> { Ok(Profile::new(&named(name)?.0)?) };
            return Ok(diff((one, &profile(one)?), (other, &profile(other)?)));
        }
        Command::Preview(args) => return preview::run(args),
        Command::Words(args) => return words::run(args, custody),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a project says: one of the program, `research` for that of `tributary deid` without one, or a file.
fn named(name: &str) -> Result<(Settings, String)> {
    settings(Some(name).filter(|name| *name != "research"))
}

fn show(profile: &Profile) {
    println!("{}, {}\n", profile.name(), profile.edition());
    let basic = ("Basic Application Confidentiality Profile", "113100");
    for (name, code) in std::iter::once(basic).chain(profile.options().map(|o| (o.name(), o.code().0))) {
        println!("{name:<42}DCM {code}");
    }
    let dates = match profile.dates() {
        Dates::Remove => "removed",
        Dates::Shift => "moved by one offset per person, in whole days; times of day stay true",
        Dates::Keep => "kept",
    };
    println!(
        "\nDates are {dates}.\nPrivate elements, and what neither a list nor the VR keeps, are removed.\n"
    );
    let mut table = Table::new(&["tag", "attribute", "what is done", "why"]);
    for told in profile.listed() {
        table.row([told.tag, told.name, told.done.to_string(), told.because]);
    }
    print!("{table}");
}

/// Tells what is done differently, by attribute.
fn diff((one_name, one): (&str, &Profile), (other_name, other): (&str, &Profile)) -> ExitCode {
    let listed = |profile: &Profile| -> BTreeMap<String, Explanation> {
        profile.listed().into_iter().map(|told| (told.tag.clone(), told)).collect()
    };
    let (ones, others) = (listed(one), listed(other));
    let mut table = Table::new(&["tag", "attribute", one_name, other_name]);
    let tags: std::collections::BTreeSet<&String> = ones.keys().chain(others.keys()).collect();
    for tag in tags {
        // What one does not list it treats by its VR.
        let told = |listed: &BTreeMap<String, Explanation>, profile: &Profile| {
            listed.get(tag).cloned().or_else(|| profile.explain(tag).ok())
        };
        if let (Some(left), Some(right)) = (told(&ones, one), told(&others, other))
            && left.done != right.done
        {
            table.row([tag.clone(), left.name, left.done.to_string(), right.done.to_string()]);
        }
    }
    for ((vr, left), (_, right)) in one.unlisted_by_vr().into_iter().zip(other.unlisted_by_vr()) {
        if left != right {
            table.row(["any other".to_owned(), format!("of VR {vr}"), left.to_string(), right.to_string()]);
        }
    }
    if table.len() == 0 {
        println!("they treat every attribute alike");
        return ExitCode::SUCCESS;
    }
    print!("{table}");
    ExitCode::from(DIFFERENT)
}
