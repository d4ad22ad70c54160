//! `hub cohort`: sheets come in.

use anyhow::{Context, Result, bail};
use hub::cohort::{DateOrder, Field, Import, Sheet};
use hub::context::{Hub, Served};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Import(ImportArgs),
}

/// Import a trust's sheet: CSV, XLSX, XLS or ODS
///
/// Each row is a person: NHS number and/or local id with its issuer, a second identifier such as the date of birth, the
/// arm, and the date that the arm hangs on. Columns are recognised by their headings, or named with --map. Every problem
/// is told by row and column; no value is repeated. Rows without a problem go on.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tributary hub cohort import sheet.xlsx --project nccid --trust RX1 --dry-run
  tributary hub cohort import sheet.csv --trust RX1 --dates dmy --map \"Patient ref=local-id\" --issuer RX1-PAS

Exit status: 0 all rows are in, 3 some have problems, 1 nothing could be read.")]
pub(crate) struct ImportArgs {
    /// The sheet
    file: PathBuf,
    /// The project; not needed where the hub serves one only
    #[arg(long)]
    project: Option<String>,
    /// The trust that submits it: ODS code, or name
    #[arg(long)]
    trust: String,
    /// A column named by hand, as \"Heading=field\"; may be given again
    #[arg(long, value_name = "HEADING=FIELD")]
    map: Vec<String>,
    /// The order of day and month where dates are not written year first
    #[arg(long, value_parser = ["dmy", "mdy"])]
    dates: Option<String>,
    /// The issuer of local ids, where the sheet has no column for it
    #[arg(long)]
    issuer: Option<String>,
    /// The arm of all rows, where the sheet has no column for it
    #[arg(long)]
    arm: Option<String>,
    /// The worksheet, where several look like cohort sheets
    #[arg(long)]
    worksheet: Option<String>,
    /// Read and tell, import nothing
    #[arg(long)]
    dry_run: bool,
}

/// The exit status when some rows have problems.
const SOME_PROBLEMS: u8 = 3;

pub(super) async fn run(hub: &Hub, command: &Command, actor: &str) -> Result<ExitCode> {
    let Command::Import(args) = command;
    let served = super::project(hub, args.project.as_deref())?;
    let trust = hub.governance.find(&args.trust).with_context(|| {
        let known = hub.governance.trusts().map(|t| t.ods.as_str()).collect::<Vec<_>>().join(", ");
        format!("no trust {} in the configuration; there are {known}", args.trust)
    })?;
    let bytes = std::fs::read(&args.file).with_context(|| args.file.display().to_string())?;
    let sheet = read(hub, served, args, &bytes)?;
    for problem in &sheet.problems {
        println!("{problem}");
    }
    let good = sheet.rows.len();
    println!("{} rows read, {good} without a problem", sheet.rows_read);
    if !args.dry_run {
        let digest = submission::digest::Digest::of(&bytes).to_string();
        let enrolled = hub::enrol::enrol(hub, served, &trust.ods, &sheet, &digest, actor).await?;
        for (row, code) in &enrolled.held {
            println!("row {row}: held: {code}");
        }
        println!("{} rows wait to be asked for, {} are held", enrolled.waiting, enrolled.held.len());
    }
    Ok(if sheet.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOME_PROBLEMS) })
}

fn read(hub: &Hub, served: &Served, args: &ImportArgs, bytes: &[u8]) -> Result<Sheet> {
    let mut map = Vec::new();
    for entry in &args.map {
        let (heading, field) =
            entry.rsplit_once('=').with_context(|| format!("--map {entry}: write \"Heading=field\""))?;
        let Some(field) = Field::named(field, &served.project) else {
            bail!("--map {entry}: the fields are {}", Field::names(&served.project).join(", "));
        };
        map.push((heading.to_owned(), field));
    }
    let import = Import {
        project: &served.project,
        map: &map,
        dates: args.dates.as_deref().and_then(DateOrder::parse),
        issuer: args.issuer.as_deref(),
        arm: args.arm.as_deref(),
        worksheet: args.worksheet.as_deref(),
        placeholders: &hub.config.placeholders,
        today: hub.clock.now().date(),
        sheet_bytes_max: hub.config.limits.sheet_bytes_max,
        sheet_rows_max: hub.config.limits.sheet_rows_max,
    };
    hub::cohort::import(bytes, &import, &hub.custody).with_context(|| args.file.display().to_string())
}
