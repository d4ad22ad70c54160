//! `hub serve`, `hub check`, `hub probe`.

use anyhow::{Context, Result};
use hub::ae::Client;
use hub::check::{Finding, Verdict};
use hub::config::Config;
use hub::context::Hub;
use hub::pipeline::receive::Receiver;
use hub::service::Service;
use platform::clock::SystemClock;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Call an archive as the hub would: C-ECHO, then a C-FIND that matches nobody
///
/// Asks for nobody and changes nothing. Says in words what is wrong, and who can mend it.
#[derive(clap::Args)]
pub(crate) struct Probe {
    /// The source, as the configuration names it; all without one
    source: Option<String>,
}

pub(super) async fn serve(hub: Arc<Hub>) -> Result<ExitCode> {
    let shutdown = crate::commands::until_asked_to_end();
    let service = Service::start(Arc::clone(&hub)).await?;
    tracing::info!(hub = %hub.config.hub_id, address = %service.address(), sources = hub.config.sources.len(), "serving");
    if let Some(address) = service.portal_address() {
        tracing::info!(%address, "review pages");
    }
    service.serve(shutdown).await;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn check(config: &Config) -> Result<ExitCode> {
    let findings = hub::check::check(config, SystemClock::shared().now()).await;
    Ok(tell(&findings))
}

pub(super) async fn probe(hub: &Arc<Hub>, args: &Probe) -> Result<ExitCode> {
    let receiver =
        Receiver::new(Arc::clone(&hub.spool), hub.store.clone(), hub.linkage.clone(), Arc::clone(&hub.clock));
    let stop = Arc::new(AtomicBool::new(false));
    let client = Client::new(Arc::clone(&hub.config), receiver, Arc::clone(&hub.clock), stop);
    let sources = match &args.source {
        Some(name) => {
            let known = || hub.config.sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            vec![
                hub.config
                    .source(name)
                    .with_context(|| format!("no source {name}; there are {}", known()))?,
            ]
        }
        None => hub.config.sources.iter().collect(),
    };
    let mut worst = ExitCode::SUCCESS;
    for source in sources {
        println!("{}:", source.name);
        let (client, source) = (client.clone(), source.clone());
        let findings = tokio::task::spawn_blocking(move || hub::check::probe(&client, &source)).await?;
        if tell(&findings) != ExitCode::SUCCESS {
            worst = ExitCode::FAILURE;
        }
    }
    Ok(worst)
}

fn tell(findings: &[Finding]) -> ExitCode {
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Fine => "ok    ",
            Verdict::Notice => "notice",
            Verdict::Fault => "FAULT ",
        };
        let said = if finding.said.is_empty() { String::new() } else { format!(": {}", finding.said) };
        println!("  {mark}  {}{said}", finding.what);
    }
    if findings.iter().any(|finding| finding.verdict == Verdict::Fault) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
