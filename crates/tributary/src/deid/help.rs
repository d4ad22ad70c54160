//! What `tributary deid --help` says beside its options.

use super::outcome::codes;
use ::deid::profile::ProfileOption as O;

/// The two ways to call it.
pub(super) const USAGE: &str = "\
tributary deid [OPTIONS] <IN> <OUT>
       tributary deid --verify-only <FOLDER> [--original <IN>] [--json]";

/// What `-h` adds.
pub(super) const SHORT: &str = "\
Example: tributary deid scans clean
Exit status: 0 all cleared, 3 some held, 1 failed, 2 not understood. More with --help.";

const EXAMPLES: &str = "\
Examples:
  tributary deid scans clean
      the research profile; makes clean.key, clean.mapping.csv, clean.held.csv and clean.state beside the folder clean
  tributary deid scans clean --dry-run --report report.html
      what would happen, and why; writes nothing but the report
  tributary deid scans clean --project nccid --key nccid.key
      as the project file of the chest imaging database says
  tributary deid scans clean --options retain-longitudinal-modified-dates --mapping /safe/mapping.csv
      the Basic Profile and moved dates, nothing else
  tributary deid --verify-only clean --original scans
      look for what should not be there, in what this or another tool has cleaned

People are told apart by NHS number where Patient ID or Other Patient IDs hold a valid one in any notation, else by Patient ID with
its issuer or institution. A local identifier that one file names together with an NHS number is that person's in all files. One
person with two NHS numbers, birth dates or sexes is held altogether. Dates move back by 1 to 3650 days, the same for all of a
person's files; intervals stay.

Keep at the hospital: the key, the mapping, the held list, the state and what --json prints. Only OUT and the report may go.

Exit status: 0 all cleared, 3 some held or something found, 1 failed, 2 the command line was not understood.";

/// What `--help` adds.
pub(super) fn long() -> String {
    let mut text = format!("{EXAMPLES}\n\nWhy files are held, and what to do:\n");
    for (code, what) in codes() {
        text += &format!("  {code}\n      {what}\n");
    }
    text
}

/// What `--options` can name.
pub(super) fn options() -> String {
    let mut text =
        "Options on top of the Basic Profile, instead of the project's, by commas; '' for none\n".to_owned();
    for option in O::all() {
        text += &format!("\n{}:\n    {}", option.name(), in_words(option));
    }
    text
}

/// What an option does, in a line (PS3.15 E.3).
fn in_words(option: O) -> &'static str {
    match option {
        O::CleanPixelData => "text burned into images is found and blanked",
        O::CleanRecognizableVisualFeatures => "what may show a face is held: nothing removes it yet",
        O::CleanGraphics => "overlays, graphics and annotations are kept as far as they do not identify",
        O::CleanStructuredContent => "structured reports are kept, their text cleaned",
        O::CleanDescriptors => "descriptions and comments are kept as far as they do not identify",
        O::RetainLongitudinalFullDates => "dates stay as they are",
        O::RetainLongitudinalModifiedDates => "dates move by one offset per person; intervals stay",
        O::RetainPatientCharacteristics => "age, sex, size, weight and the like stay",
        O::RetainDeviceIdentity => "serial numbers and names of devices stay",
        O::RetainInstitutionIdentity => "names and addresses of institutions stay",
        O::RetainUids => "UIDs stay as they are",
        O::RetainSafePrivate => "private elements that the standard lists as safe stay",
    }
}
