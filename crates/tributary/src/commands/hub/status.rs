//! `hub status`, `hub pause`, `hub resume`.

use crate::ui::{Table, number};
use anyhow::{Result, bail};
use hub::context::Hub;
use hub::status::{INSTANCE_STATES, ProjectStatus, States, Status};
use hub::store::Decision;
use platform::audit::{self, Details};
use std::process::ExitCode;

/// Where everything stands: per trust, every expected instance in exactly one state
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this project
    #[arg(long)]
    project: Option<String>,
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
        if args.project.as_ref().is_none_or(|wanted| *wanted == project.project) {
            print_project(project);
        }
    }
    print_jobs(&status);
    let reconciles = status.projects.iter().flat_map(|p| &p.trusts).all(hub::status::TrustStatus::reconciles);
    Ok(if reconciles { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_project(project: &ProjectStatus) {
    println!("project {}", project.project);
    let shown: Vec<&str> = INSTANCE_STATES
        .into_iter()
        .filter(|state| project.trusts.iter().any(|trust| trust.in_state(state) > 0))
        .collect();
    let mut headings = vec!["trust", "rows", "studies", "clinical", "expected", "="];
    headings.extend(&shown);
    let mut table = Table::new(&headings);
    for trust in &project.trusts {
        let mut cells = vec![
            trust.trust.clone(),
            number(trust.rows.values().sum()),
            number(trust.studies.values().sum()),
            of(&trust.clinical),
            number(trust.expected),
            if trust.reconciles() { "=" } else { "≠" }.to_owned(),
        ];
        cells.extend(shown.iter().map(|state| number(trust.in_state(state))));
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
    match states.len() {
        0 => number(0),
        1 => states.iter().map(|(state, n)| format!("{n} {state}")).collect(),
        _ => states.iter().map(|(state, n)| format!("{n} {state}")).collect::<Vec<_>>().join(", "),
    }
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
