//! `hub sheet` and `hub dataflow`: pages for the people around a hub.

use anyhow::{Context, Result};
use hub::config::Config;
use hub::project::Project;
use std::process::ExitCode;

/// Print the one-page sheet for an archive's administrator and the firewall team, in Markdown
#[derive(clap::Args)]
pub(crate) struct Sheet {
    /// The source, as the configuration names it
    source: String,
}

/// Print the data-flow page for the impact assessment, in Markdown
#[derive(clap::Args)]
pub(crate) struct DataFlow {
    /// The project; not needed where the hub serves one only
    #[arg(long)]
    project: Option<String>,
}

pub(super) fn sheet(config: &Config, args: &Sheet) -> Result<ExitCode> {
    let source = config.source(&args.source).with_context(|| {
        let known = config.sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
        format!("no source {}; there are {known}", args.source)
    })?;
    print!("{}", hub::documents::source_sheet(config, source));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn data_flow(config: &Config, args: &DataFlow) -> Result<ExitCode> {
    let mut projects = Vec::new();
    for entry in &config.projects {
        projects.push(Project::load(&entry.project)?);
    }
    let project = match &args.project {
        Some(name) => projects.iter().find(|project| project.name == *name),
        None => projects.first().filter(|_| projects.len() == 1),
    };
    let known = || projects.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
    let project = project.with_context(|| format!("name a project with --project: {}", known()))?;
    print!("{}", hub::documents::data_flow(config, project));
    Ok(ExitCode::SUCCESS)
}
