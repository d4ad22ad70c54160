//! `hub status`, `hub pause`, `hub resume`.

use crate::ui::{Table, number};
use anyhow::{Result, bail};
use hub::context::Hub;
use hub::status::{
    INSTANCE_STATES, ProjectStatus, SourceStatus, States, Status, StudyStatus, TrustStatus, by_source,
    by_study,
};
use hub::store::Decision;
use platform::audit::{self, Details};
use std::process::ExitCode;

/// Where everything stands: every expected instance in exactly one state
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this project
    #[arg(long)]
    project: Option<String>,
    /// Add up by trust, by source, or by study
    #[arg(long, value_enum, default_value_t = By::Trust)]
    by: By,
    /// With `--by study`: those that are done as well
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Rows, studies, clinical records and instances of each trust, with the reasons
    Trust,
    /// Studies and instances of each archive
    Source,
    /// Each study of which something is wanting, held or on its way
    Study,
}

/// Which source or trust.
#[derive(clap::Args)]
pub(crate) struct Subject {
    /// A source's name or a trust's ODS code
    subject: String,
}

pub(super) async fn run(hub: &Hub, args: &Args) -> Result<ExitCode> {
    let status = hub::status::status(hub).await?;
    for project in &status.projects {
        let wanted = args.project.as_ref().is_none_or(|wanted| *wanted == project.project);
        let Some(served) = hub.served(&project.project).filter(|_| wanted) else { continue };
        println!("project {}", project.project);
        match args.by {
            By::Source => print_sources(&by_source(hub, served).await?),
            By::Study => print_studies(&by_study(hub, served).await?, args.all),
            By::Trust => print_project(project),
        }
    }
    print_jobs(&status);
    let reconciles = status.projects.iter().flat_map(|p| &p.trusts).all(TrustStatus::reconciles);
    Ok(if reconciles { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The states in which any of these stand.
fn shown<'a>(all: impl Iterator<Item = &'a States> + Clone) -> Vec<&'static str> {
    INSTANCE_STATES.into_iter().filter(|state| all.clone().any(|states| states.of(state) > 0)).collect()
}

/// How many stand in each of these.
fn counts(states: &States, shown: &[&str]) -> impl Iterator<Item = String> {
    shown.iter().map(|state| number(states.of(state)))
}

fn print_sources(sources: &[SourceStatus]) {
    let shown = shown(sources.iter().map(|source| &source.instances));
    let mut table = Table::new(&[&["source", "studies", "instances"], &shown[..]].concat());
    for source in sources {
        let mut cells = vec![source.source.clone(), of(&source.studies), number(source.instances.sum())];
        cells.extend(counts(&source.instances, &shown));
        table.row(cells);
    }
    println!("{table}");
}

fn print_studies(studies: &[StudyStatus], all: bool) {
    let open: Vec<&StudyStatus> = studies.iter().filter(|study| all || !study.is_done()).collect();
    println!(
        "{} of {} studies are done",
        studies.iter().filter(|study| study.is_done()).count(),
        studies.len()
    );
    if open.is_empty() {
        return println!();
    }
    let shown = shown(open.iter().map(|study| &study.instances));
    let mut table =
        Table::new(&[&["source", "trust", "study", "stands", "reason", "expected"], &shown[..]].concat());
    for StudyStatus { study, instances, .. } in open {
        let mut cells = vec![
            study.source.clone(),
            study.trust.clone(),
            study.id.clone(),
            study.state.clone(),
            study.reason.clone().unwrap_or_default(),
            study.expected.map_or_else(|| "not said".to_owned(), number),
        ];
        cells.extend(counts(instances, &shown));
        table.row(cells);
    }
    println!("{table}");
}

fn equal(reconciles: bool) -> String {
    if reconciles { "=" } else { "≠" }.to_owned()
}

fn print_project(project: &ProjectStatus) {
    let shown = shown(project.trusts.iter().map(|trust| &trust.instances));
    let headings = ["trust", "rows", "studies", "clinical", "expected", "="];
    let mut table = Table::new(&[&headings, &shown[..]].concat());
    for trust in &project.trusts {
        let mut cells = vec![
            trust.trust.clone(),
            number(trust.rows.sum()),
            number(trust.studies.sum()),
            of(&trust.clinical),
            number(trust.expected),
            equal(trust.reconciles()),
        ];
        cells.extend(counts(&trust.instances, &shown));
        table.row(cells);
    }
    println!("{table}");
    let mut reasons = Table::new(&["trust", "what", "state", "reason", "n"]);
    for trust in &project.trusts {
        for ((what, state, reason), n) in &trust.reasons {
            reasons.row([trust.trust.as_str(), *what, state, reason, &n.to_string()]);
        }
    }
    if reasons.len() > 0 {
        println!("{reasons}");
    }
    if !project.unanswered.is_empty() {
        println!("consignments without a receipt yet: {:?}\n", project.unanswered);
    }
}

fn of(states: &States) -> String {
    let told: Vec<String> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
    if told.is_empty() { number(0) } else { told.join(", ") }
}

fn print_jobs(status: &Status) {
    let mut jobs = Table::new(&["job", "state", "n"]);
    for count in status.jobs.iter().filter(|count| count.state != "done") {
        jobs.row([&count.kind, &count.state, &count.jobs.to_string()]);
    }
    if jobs.len() > 0 {
        println!("{jobs}");
    }
    for job in &status.parked {
        println!("parked after {} attempts: {} {}: {}", job.attempts, job.kind, job.key, job.code);
    }
    if !status.parked.is_empty() {
        println!("mend the cause; what is parked is tried again when the hub is started again");
    }
    if !status.paused.is_empty() {
        println!("paused: {}", status.paused.join(", "));
    }
}

pub(super) async fn pause(hub: &Hub, args: &Subject, kind: &'static str, actor: &str) -> Result<ExitCode> {
    let subject = args.subject.as_str();
    if hub.config.source(subject).is_none() && hub.config.trust(subject).is_none() {
        bail!("{subject} is neither a source nor a trust's ODS code of this configuration");
    }
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    hub.store.decided(&mut tx, &Decision { kind, subject, actor, note_code: None }, now).await?;
    let chain = if hub.config.trust(subject).is_some() { subject } else { "hub" };
    let details = Details::new().word("subject", subject)?;
    audit::append(&mut tx, chain, actor, kind, &details, now).await?;
    tx.commit().await?;
    println!("{subject}: {}", if kind == "pause" { "paused" } else { "goes on" });
    Ok(ExitCode::SUCCESS)
}
