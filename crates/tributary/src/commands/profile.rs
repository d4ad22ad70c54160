//! `tributary profile`: what de-identification does to each attribute, and why, in words.

use crate::deid::{settings, with_options};
use crate::ui::Table;
use ::deid::profile::{Dates, Done, Explanation, Profile};
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
        /// A project of the program (nccid, mammography), or a project file
        #[arg(value_name = "ONE")]
        one: String,
        /// The other
        #[arg(value_name = "OTHER")]
        other: String,
    },
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

/// The exit status of `diff` where there is a difference.
const DIFFERENT: u8 = 1;

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
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
            let profile = |name: &String| Of { project: Some(name.clone()), options: None }.profile();
            return Ok(diff((one, &profile(one)?), (other, &profile(other)?)));
        }
    }
    Ok(ExitCode::SUCCESS)
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
